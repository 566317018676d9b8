#include "connectors/depot_move.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define NAME_KEPT_MAX 220 /* so that suffixes fit into a name */

static const char *const names[] = {
    [DEPOT_ARRIVED] = ".",           [DEPOT_UNDER_WAY] = "en_cours",
    [DEPOT_INTEGRATED] = "integres", [DEPOT_REFUSED] = "refuses",
    [DEPOT_HELD] = "retenus",
};

const char *depot_place_name(enum depot_place place) { return names[place]; }

int depot_io_error(struct relais_error *err, const char *what)
{
    int e = errno;

    return relais_error_set(err,
                            e == ENOSPC || e == EDQUOT ? RELAIS_E_DISK_FULL : RELAIS_E_IO,
                            "depot", "%s: %s", what, strerror(e));
}

int depot_places_open(const char *path, int dirs[DEPOT_PLACE_COUNT],
                      struct relais_error *err)
{
    const int flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC;

    for (size_t i = 0; i < DEPOT_PLACE_COUNT; i++)
        dirs[i] = -1;
    dirs[DEPOT_ARRIVED] = open(path, flags);
    if (dirs[DEPOT_ARRIVED] < 0)
        return relais_error_set(err, RELAIS_E_CONF_VALUE, "connector.depot",
                                "cannot open the folder: %s", strerror(errno));
    for (size_t i = DEPOT_UNDER_WAY; i < DEPOT_PLACE_COUNT; i++) {
        if (mkdirat(dirs[DEPOT_ARRIVED], names[i], 0750) && errno != EEXIST)
            return relais_error_set(err, RELAIS_E_CONF_VALUE, "connector.depot",
                                    "cannot make %s/: %s", names[i], strerror(errno));
        dirs[i] = openat(dirs[DEPOT_ARRIVED], names[i], flags);
        if (dirs[i] < 0)
            return relais_error_set(err, RELAIS_E_CONF_VALUE, "connector.depot",
                                    "cannot open %s/: %s", names[i], strerror(errno));
    }
    return 0;
}

enum depot_order depot_order_read(int dir, const char *order_name)
{
    int fd = openat(dir, order_name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    char text[32];
    ssize_t n = fd >= 0 ? read(fd, text, sizeof(text)) : -1;
    struct relais_slice word;

    if (fd >= 0)
        close(fd);
    if (n <= 0)
        return DEPOT_NO_ORDER;
    word = relais_slice_trim((struct relais_slice){text, (size_t)n});
    if (relais_slice_is(word, "liberer"))
        return DEPOT_RELEASE;
    return relais_slice_is(word, "refuser") ? DEPOT_REFUSE : DEPOT_NO_ORDER;
}

/* name + suffix into out; false: too long. */
static bool beside(const char *name, const char *suffix, char out[NAME_MAX + 1])
{
    int n = snprintf(out, NAME_MAX + 1, "%s%s", name, suffix);

    return n > 0 && n <= NAME_MAX;
}

enum depot_order depot_order_of(int dir, const char *name)
{
    char order[NAME_MAX + 1];

    return beside(name, DEPOT_ORDER, order) ? depot_order_read(dir, order)
                                            : DEPOT_NO_ORDER;
}

/* 1; 0: the file is no longer there; -1. */
static int move(int from, const char *name, int to, const char *new_name,
                struct relais_error *err)
{
    if (renameat(from, name, to, new_name)) {
        if (errno == ENOENT)
            return 0;
        if (errno == EXDEV)
            return relais_error_set(err, RELAIS_E_CONF_VALUE, "connector.depot",
                                    "its folders are on different file systems");
        return depot_io_error(err, "cannot move a file");
    }
    if (fsync(to) || fsync(from))
        return depot_io_error(err, "fsync of a folder");
    return 1;
}

int depot_move_in(const int *dirs, enum depot_place from, const char *name,
                  struct relais_error *err)
{
    char other[NAME_MAX + 1];
    int rc;

    if (from == DEPOT_HELD && beside(name, DEPOT_ORDER, other) &&
        move(dirs[from], other, dirs[DEPOT_UNDER_WAY], other, err) < 0)
        return -1;
    rc = move(dirs[from], name, dirs[DEPOT_UNDER_WAY], name, err);
    if (from == DEPOT_HELD && rc > 0 && beside(name, DEPOT_MOTIF, other))
        unlinkat(dirs[from], other, 0);
    if (from == DEPOT_HELD && rc == 0 && beside(name, DEPOT_ORDER, other))
        unlinkat(dirs[DEPOT_UNDER_WAY], other, 0);
    return rc;
}

static bool there(int dir, const char *name)
{
    struct stat st;

    return fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

/* The name in the new place: its own, or with the hash before its extension. */
static void new_name(int dir, const char *name, const char *hash, char out[NAME_MAX + 1])
{
    const char *dot = strrchr(name, '.');
    size_t stem = dot && dot != name ? (size_t)(dot - name) : strlen(name);
    const char *end = name + stem;

    if (stem + strlen(end) > NAME_KEPT_MAX) {
        stem = NAME_KEPT_MAX;
        end = "";
    }
    snprintf(out, NAME_MAX + 1, "%.*s%s", (int)stem, name, end);
    if (there(dir, out))
        snprintf(out, NAME_MAX + 1, "%.*s-%.8s%s", (int)stem, name, hash, end);
}

static int write_motif(int dir, const char *name, const char *motif,
                       struct relais_error *err)
{
    char path[NAME_MAX + 1], temporary[NAME_MAX + 1];
    size_t len = strlen(motif);
    int fd;

    if (!beside(name, DEPOT_MOTIF, path) || !beside(path, ".tmp", temporary))
        return relais_error_set(err, RELAIS_E_BUG, "depot", "name too long");
    fd = openat(dir, temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0640);
    if (fd < 0)
        return depot_io_error(err, "cannot write a motif");
    if (write(fd, motif, len) != (ssize_t)len || write(fd, "\n", 1) != 1 || fsync(fd)) {
        depot_io_error(err, "cannot write a motif");
        close(fd);
        return -1;
    }
    close(fd);
    return move(dir, temporary, dir, path, err) < 0 ? -1 : 0;
}

int depot_move_out(const int *dirs, const char *name, enum depot_place to,
                   const char *hash, const char *motif, struct relais_error *err)
{
    char target[NAME_MAX + 1], order[NAME_MAX + 1];

    if (!there(dirs[DEPOT_UNDER_WAY], name))
        return 0;
    new_name(dirs[to], name, hash, target);
    if (motif && (to == DEPOT_HELD || to == DEPOT_REFUSED) &&
        write_motif(dirs[to], target, motif, err))
        return -1;
    if (move(dirs[DEPOT_UNDER_WAY], name, dirs[to], target, err) < 0)
        return -1;
    if (beside(name, DEPOT_ORDER, order))
        unlinkat(dirs[DEPOT_UNDER_WAY], order, 0);
    return 0;
}
