#include "schemas/registry_journal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define JOURNAL_NAME "registry.journal"

static int failed(struct relais_error *err, const char *what)
{
    return relais_error_set(err, errno == ENOSPC ? RELAIS_E_DISK_FULL : RELAIS_E_IO,
                            JOURNAL_NAME, "%s: %s", what, strerror(errno));
}

/* Opens and locks DIR/registry.journal; a new one is made durable with its folder. */
static int open_locked(const char *dir, struct relais_error *err)
{
    int dir_fd = -1, fd = -1;

    if (mkdir(dir, 0750) != 0 && errno != EEXIST)
        return relais_error_set(err, RELAIS_E_CONF_VALUE, dir,
                                "dossier impossible a creer: %s", strerror(errno));
    dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (dir_fd < 0)
        return relais_error_set(err, RELAIS_E_CONF_VALUE, dir, "dossier inutilisable: %s",
                                strerror(errno));
    fd = openat(dir_fd, JOURNAL_NAME, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0640);
    if (fd < 0) {
        failed(err, "open");
    } else if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        if (errno == EWOULDBLOCK)
            relais_error_set(err, RELAIS_E_STATE_LOCKED, dir,
                             "un autre registre utilise ce dossier");
        else
            failed(err, "flock");
        close(fd);
        fd = -1;
    } else if (fsync(dir_fd) != 0) {
        failed(err, "fsync");
        close(fd);
        fd = -1;
    }
    close(dir_fd);
    return fd;
}

/* Whether `line` was read and applied. */
static bool apply_line(const char *line, size_t len,
                       int (*each)(void *user, const json_t *line), void *user)
{
    json_t *root = json_loadb(line, len, JSON_REJECT_DUPLICATES, NULL);
    bool done = root && each(user, root) == 0;

    json_decref(root);
    return done;
}

static int read_lines(struct registry_journal *journal, FILE *in,
                      int (*each)(void *user, const json_t *line), void *user,
                      struct relais_error *err)
{
    char *line = NULL;
    size_t cap = 0, number = 0;
    int64_t bad_at = -1;
    ssize_t len;
    int rc = -1;

    while ((len = getline(&line, &cap, in)) > 0) {
        number++;
        if (bad_at >= 0) {
            relais_error_set(err, RELAIS_E_STATE_BROKEN, JOURNAL_NAME,
                             "ligne %zu illisible, et d'autres la suivent", number - 1);
            goto out;
        }
        if (line[len - 1] != '\n' || !apply_line(line, (size_t)len - 1, each, user))
            bad_at = journal->length;
        else
            journal->length += len;
    }
    if (ferror(in)) {
        failed(err, "read");
        goto out;
    }
    if (bad_at >= 0 &&
        (ftruncate(journal->fd, journal->length) != 0 || fsync(journal->fd) != 0)) {
        failed(err, "cut the torn last line");
        goto out;
    }
    rc = 0;
out:
    free(line);
    return rc;
}

int registry_journal_open(struct registry_journal *journal, const char *dir,
                          int (*each)(void *user, const json_t *line), void *user,
                          struct relais_error *err)
{
    struct stat st;
    FILE *in = NULL;
    int copy = -1, rc = -1;

    *journal = (struct registry_journal){.fd = -1};
    if (!dir)
        return 0;
    journal->fd = open_locked(dir, err);
    if (journal->fd < 0)
        return -1;
    if (fstat(journal->fd, &st) != 0) {
        failed(err, "stat");
        goto out;
    }
    if (st.st_size > REGISTRY_JOURNAL_MAX) {
        relais_error_set(err, RELAIS_E_STATE_BROKEN, JOURNAL_NAME, "plus de 256 Mio");
        goto out;
    }
    copy = dup(journal->fd);
    in = copy >= 0 ? fdopen(copy, "r") : NULL;
    if (!in) {
        failed(err, "open");
        if (copy >= 0)
            close(copy);
        goto out;
    }
    rc = read_lines(journal, in, each, user, err);
out:
    if (in)
        fclose(in);
    if (rc)
        registry_journal_close(journal);
    return rc;
}

static int write_all(int fd, const char *ptr, size_t len)
{
    while (len) {
        ssize_t n = write(fd, ptr, len);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -1;
        ptr += n;
        len -= (size_t)n;
    }
    return 0;
}

int registry_journal_append(struct registry_journal *journal, const json_t *line,
                            struct relais_error *err)
{
    struct relais_buf buf = RELAIS_BUF_INIT(REGISTRY_JOURNAL_MAX);
    char *text = NULL;
    int rc = -1;

    if (journal->broken)
        return relais_error_set(err, RELAIS_E_IO, JOURNAL_NAME,
                                "closed after a failed write: start again");
    text = json_dumps(line, JSON_COMPACT);
    if (!text || relais_buf_add_str(&buf, text) || relais_buf_add_char(&buf, '\n') ||
        journal->length + (int64_t)buf.len > REGISTRY_JOURNAL_MAX) {
        relais_error_set(err, RELAIS_E_LIMIT, JOURNAL_NAME, "journal beyond 256 MiB");
        goto out;
    }
    if (journal->fd >= 0 && write_all(journal->fd, buf.data, buf.len) != 0) {
        failed(err, "write");
        /* what was written of the line is taken back, or nothing is accepted any more */
        journal->broken = ftruncate(journal->fd, journal->length) != 0;
        goto out;
    }
    if (journal->fd >= 0 && fdatasync(journal->fd) != 0) {
        failed(err, "fdatasync");
        journal->broken = true;
        goto out;
    }
    journal->length += (int64_t)buf.len;
    rc = 0;
out:
    free(text);
    relais_buf_release(&buf);
    return rc;
}

void registry_journal_close(struct registry_journal *journal)
{
    if (journal->fd >= 0)
        close(journal->fd);
    *journal = (struct registry_journal){.fd = -1};
}
