#include "connectors/depot_folder.h"

#include "connectors/depot_move.h"
#include "core/day.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#define QUIET_FACTOR_MAX 12 /* a file still being written holds others up so long */

/* A file that waits. */
struct entry {
    struct entry *next;
    char *name;
    enum depot_place place;
    ino_t inode;
    off_t size;
    int64_t mtime_us;
    int64_t changed_us; /* monotonic: seen so since */
    bool known;         /* key was read */
    bool seen;          /* by the scan under way */
    bool quiet;
    struct relais_depot key;
};

struct depot_folder {
    char *path;
    struct depot_folder_options options;
    int dirs[DEPOT_PLACE_COUNT];
    int inotify; /* -1: none */
    struct entry *entries;
    int64_t scanned_us; /* monotonic; 0: never */
    bool stale;         /* something happened since */
    char *taken;        /* name in en_cours/; NULL: none */
    char taken_path[PATH_MAX];
};

static int failed(struct relais_error *err, const char *what)
{
    return depot_io_error(err, what);
}

static void entry_free(struct entry *e)
{
    free(e->name);
    free(e);
}

static bool ends_in(const char *name, const char *end)
{
    size_t len = strlen(name), end_len = strlen(end);

    return len >= end_len && !strcmp(name + len - end_len, end);
}

static bool arrives(const char *name)
{
    return name[0] != '.' && !ends_in(name, ".tmp") && !ends_in(name, ".part");
}

static struct entry *find(struct depot_folder *folder, enum depot_place place,
                          const char *name)
{
    for (struct entry *e = folder->entries; e; e = e->next)
        if (e->place == place && !strcmp(e->name, name))
            return e;
    return NULL;
}

static int64_t stat_us(const struct timespec *t)
{
    return (int64_t)t->tv_sec * 1000000 + t->tv_nsec / 1000;
}

static bool is_quiet(const struct depot_folder *folder, const struct entry *e)
{
    int64_t quiet_us = (int64_t)folder->options.quiet_ms * 1000;

    return e->place != DEPOT_ARRIVED || relais_now_us() - e->mtime_us >= quiet_us ||
           relais_monotonic_us() - e->changed_us >= quiet_us;
}

static void note(struct depot_folder *folder, enum depot_place place, const char *name)
{
    struct entry *e = find(folder, place, name);
    struct stat st;

    if (fstatat(folder->dirs[place], name, &st, AT_SYMLINK_NOFOLLOW) ||
        !S_ISREG(st.st_mode))
        return;
    if (!e) {
        e = relais_zalloc(sizeof(*e));
        e->name = relais_strdup(name);
        e->place = place;
        e->next = folder->entries;
        folder->entries = e;
        e->size = -1;
    }
    e->seen = true;
    if (e->inode != st.st_ino || e->size != st.st_size ||
        e->mtime_us != stat_us(&st.st_mtim)) {
        e->inode = st.st_ino;
        e->size = st.st_size;
        e->mtime_us = stat_us(&st.st_mtim);
        e->changed_us = relais_monotonic_us();
        e->known = false;
    }
    e->quiet = is_quiet(folder, e);
}

/* Calls note() for what lies in one place. */
static int scan_place(struct depot_folder *folder, enum depot_place place,
                      struct relais_error *err)
{
    int fd = openat(folder->dirs[place], ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
    const struct dirent *d;

    if (!dir) {
        if (fd >= 0)
            close(fd);
        return failed(err, "cannot list the folder");
    }
    while ((d = readdir(dir)) != NULL) {
        char name[NAME_MAX + 1];
        size_t len = strlen(d->d_name);

        if (place == DEPOT_HELD) { /* only what has an order */
            if (len <= strlen(DEPOT_ORDER) || !ends_in(d->d_name, DEPOT_ORDER) ||
                depot_order_read(folder->dirs[place], d->d_name) == DEPOT_NO_ORDER)
                continue;
            snprintf(name, sizeof(name), "%.*s", (int)(len - strlen(DEPOT_ORDER)),
                     d->d_name);
            note(folder, place, name);
        } else if (arrives(d->d_name) && !ends_in(d->d_name, DEPOT_ORDER)) {
            note(folder, place, d->d_name);
        }
    }
    closedir(dir);
    return 0;
}

static int scan(struct depot_folder *folder, struct relais_error *err)
{
    for (struct entry *e = folder->entries; e; e = e->next)
        e->seen = false;
    folder->stale = false;
    if (scan_place(folder, DEPOT_UNDER_WAY, err) ||
        scan_place(folder, DEPOT_ARRIVED, err) || scan_place(folder, DEPOT_HELD, err))
        return -1;
    for (struct entry **at = &folder->entries; *at;) {
        struct entry *e = *at;

        if (e->seen) {
            at = &e->next;
        } else {
            *at = e->next;
            entry_free(e);
        }
    }
    folder->scanned_us = relais_monotonic_us();
    return 0;
}

static void read_key(struct depot_folder *folder, struct entry *e)
{
    int fd = openat(folder->dirs[e->place], e->name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);

    e->key = (struct relais_depot){.readable_header = false};
    if (fd >= 0) {
        folder->options.peek(fd, &e->key);
        close(fd);
    }
    e->known = true;
}

/* What was under way first; then by header; unreadable ones last; then by name. */
static int compare(const struct entry *a, const struct entry *b)
{
    bool a_first = a->place == DEPOT_UNDER_WAY, b_first = b->place == DEPOT_UNDER_WAY;

    if (a_first != b_first)
        return b_first - a_first;
    if (a->key.readable_header != b->key.readable_header)
        return b->key.readable_header - a->key.readable_header;
    if (a->key.readable_header) {
        if (a->key.created_days != b->key.created_days)
            return a->key.created_days < b->key.created_days ? -1 : 1;
        if (a->key.created_us != b->key.created_us)
            return a->key.created_us < b->key.created_us ? -1 : 1;
        if (a->key.monthly != b->key.monthly)
            return a->key.monthly - b->key.monthly;
    }
    return strcmp(a->name, b->name);
}

/* The first of the quiet files; NULL: none, or others are still being written. */
static struct entry *choose(struct depot_folder *folder)
{
    int64_t patience_us = (int64_t)folder->options.quiet_ms * 1000 * QUIET_FACTOR_MAX;
    struct entry *best = NULL;
    bool others = false, waited = false;

    for (struct entry *e = folder->entries; e; e = e->next) {
        if (!e->quiet) {
            others = true;
            continue;
        }
        if (!e->known)
            read_key(folder, e);
        waited |= e->place == DEPOT_UNDER_WAY ||
                  relais_monotonic_us() - e->changed_us >= patience_us;
        if (!best || compare(e, best) < 0)
            best = e;
    }
    return others && !waited ? NULL : best;
}

/* Moves the entry into en_cours/ and opens it. 1; 0: it went away; -1. */
static int take(struct depot_folder *folder, struct entry *e, struct depot_taken *out,
                struct relais_error *err)
{
    enum depot_order order;
    int fd;

    folder->stale = true;
    if (e->place != DEPOT_UNDER_WAY) {
        int rc = depot_move_in(folder->dirs, e->place, e->name, err);

        if (rc <= 0)
            return rc;
    }
    fd =
        openat(folder->dirs[DEPOT_UNDER_WAY], e->name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT ? 0 : failed(err, "cannot open a file of en_cours");
    order = depot_order_of(folder->dirs[DEPOT_UNDER_WAY], e->name);
    free(folder->taken);
    folder->taken = relais_strdup(e->name);
    snprintf(folder->taken_path, sizeof(folder->taken_path), "%s/%s/%s", folder->path,
             depot_place_name(DEPOT_UNDER_WAY), e->name);
    *out = (struct depot_taken){fd, folder->taken_path, order == DEPOT_RELEASE,
                                order == DEPOT_REFUSE};
    return 1;
}

/* How long until a scan is due. */
static int due_ms(const struct depot_folder *folder)
{
    int64_t now = relais_monotonic_us(), wait_us;

    if (folder->stale || !folder->scanned_us)
        return 0;
    wait_us = folder->scanned_us + (int64_t)folder->options.scan_ms * 1000 - now;
    for (const struct entry *e = folder->entries; e; e = e->next) {
        int64_t left = e->changed_us + (int64_t)folder->options.quiet_ms * 1000 - now;

        if (e->quiet) /* it waits for another */
            continue;
        if (left < wait_us)
            wait_us = left;
    }
    return wait_us <= 0 ? 0 : (int)((wait_us + 999) / 1000);
}

/* Waits for inotify or the time-out. */
static void wait_for_news(struct depot_folder *folder, int timeout_ms)
{
    struct pollfd ready = {.fd = folder->inotify, .events = POLLIN};
    char events[4096];

    if (poll(&ready, folder->inotify >= 0, timeout_ms) <= 0)
        return;
    while (read(folder->inotify, events, sizeof(events)) > 0)
        ;
    folder->stale = true;
}

int depot_folder_take(struct depot_folder *folder, int timeout_ms,
                      struct depot_taken *out, struct relais_error *err)
{
    for (int round = 0; round < 2; round++) {
        struct entry *e;
        int due = due_ms(folder);

        if (folder->taken || (round && due > 0))
            break;
        wait_for_news(folder, 0);
        if (due_ms(folder) == 0 && scan(folder, err))
            return -1;
        e = choose(folder);
        if (e)
            return take(folder, e, out, err);
        if (round || timeout_ms <= 0)
            return 0;
        due = due_ms(folder);
        wait_for_news(folder, due < timeout_ms ? due : timeout_ms);
    }
    if (folder->taken && timeout_ms > 0)
        poll(NULL, 0, timeout_ms);
    return 0;
}

int depot_folder_settle(struct depot_folder *folder, enum relais_verdict verdict,
                        const char *hash, const char *motif, struct relais_error *err)
{
    enum depot_place to = verdict == RELAIS_VERDICT_HOLD     ? DEPOT_HELD
                          : verdict == RELAIS_VERDICT_REFUSE ? DEPOT_REFUSED
                                                             : DEPOT_INTEGRATED;

    if (!folder->taken)
        return 0;
    if (depot_move_out(folder->dirs, folder->taken, to, hash, motif, err))
        return -1;
    free(folder->taken);
    folder->taken = NULL;
    folder->stale = true;
    return 0;
}

bool depot_folder_idle(struct depot_folder *folder)
{
    wait_for_news(folder, 0);
    return !folder->taken && !folder->entries && folder->scanned_us && !folder->stale;
}

void depot_folder_close(struct depot_folder *folder)
{
    if (!folder)
        return;
    while (folder->entries) {
        struct entry *e = folder->entries;

        folder->entries = e->next;
        entry_free(e);
    }
    for (size_t i = 0; i < DEPOT_PLACE_COUNT; i++)
        if (folder->dirs[i] >= 0)
            close(folder->dirs[i]);
    if (folder->inotify >= 0)
        close(folder->inotify);
    free(folder->taken);
    free(folder->path);
    free(folder);
}

/* Without inotify the scans do. */
static void watch(struct depot_folder *folder)
{
    char held[PATH_MAX];

    folder->inotify = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    if (folder->inotify < 0)
        return;
    snprintf(held, sizeof(held), "%s/%s", folder->path, depot_place_name(DEPOT_HELD));
    if (inotify_add_watch(folder->inotify, folder->path,
                          IN_CREATE | IN_CLOSE_WRITE | IN_MOVED_TO) < 0 ||
        inotify_add_watch(folder->inotify, held, IN_CLOSE_WRITE | IN_MOVED_TO) < 0) {
        close(folder->inotify);
        folder->inotify = -1;
    }
}

struct depot_folder *depot_folder_open(const char *path,
                                       const struct depot_folder_options *options,
                                       struct relais_error *err)
{
    struct depot_folder *folder = relais_zalloc(sizeof(*folder));

    folder->path = relais_strdup(path);
    folder->options = *options;
    folder->inotify = -1;
    if (depot_places_open(path, folder->dirs, err)) {
        depot_folder_close(folder);
        return NULL;
    }
    watch(folder);
    return folder;
}
