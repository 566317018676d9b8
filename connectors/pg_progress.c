#include "connectors/pg_progress.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define FIRST_WORD "relais-chargement-1"

static const char *const phases[] = {"aucun", "chargement", "rechargement", "flux"};

static int io_error(struct relais_error *err, const char *what)
{
    int e = errno;

    return relais_error_set(err,
                            e == ENOSPC || e == EDQUOT ? RELAIS_E_DISK_FULL : RELAIS_E_IO,
                            "chargement", "%s: %s", what, strerror(e));
}

static bool next_word(char **rest, char **word)
{
    *word = strsep(rest, " \n");
    return *word && **word;
}

static bool number(char *word, int base, uint64_t *out)
{
    char *end;

    errno = 0;
    *out = strtoull(word, &end, base);
    return errno == 0 && end != word && !*end;
}

/* FIRST_WORD phase LSN began_us epoch [cursor] */
static bool parse(char *text, struct pg_progress *out)
{
    char *word;
    uint64_t n;
    size_t i = 0;

    if (!next_word(&text, &word) || strcmp(word, FIRST_WORD) != 0 ||
        !next_word(&text, &word))
        return false;
    while (i <= PG_PHASE_STREAM && strcmp(phases[i], word) != 0)
        i++;
    if (i > PG_PHASE_STREAM)
        return false;
    out->phase = (enum pg_phase)i;
    if (!next_word(&text, &word) || !number(word, 16, &out->lsn) ||
        !next_word(&text, &word) || !number(word, 10, &n))
        return false;
    out->began_us = (int64_t)n;
    if (!next_word(&text, &word) || !number(word, 10, &n) || n > UINT32_MAX)
        return false;
    out->epoch = (uint32_t)n;
    if (next_word(&text, &word))
        return snprintf(out->cursor, PG_CURSOR_MAX, "%s", word) < PG_CURSOR_MAX;
    return true;
}

int pg_progress_read(const char *path, struct pg_progress *out, struct relais_error *err)
{
    char text[256];
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n;

    memset(out, 0, sizeof(*out));
    if (fd < 0 && errno == ENOENT)
        return 0;
    n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
    if (fd >= 0)
        close(fd);
    if (n < 0)
        return io_error(err, "read");
    text[n] = '\0';
    if (parse(text, out))
        return 0;
    return relais_error_set(err, RELAIS_E_STATE_BROKEN, "chargement",
                            "%s is not a file of a load; remove it to load again", path);
}

static int sync_folder(const char *path)
{
    char copy[PATH_MAX];
    int fd, rc;

    snprintf(copy, sizeof(copy), "%s", path);
    fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    rc = fd < 0 ? -1 : fsync(fd);
    if (fd >= 0)
        close(fd);
    return rc;
}

int pg_progress_write(const char *path, const struct pg_progress *progress,
                      struct relais_error *err)
{
    char text[256], temporary[PATH_MAX];
    int len = snprintf(text, sizeof(text), FIRST_WORD " %s %" PRIX64 " %lld %u %s\n",
                       phases[progress->phase], progress->lsn,
                       (long long)progress->began_us, progress->epoch, progress->cursor);
    int fd;
    bool done;

    if (snprintf(temporary, sizeof(temporary), "%s.part", path) >= (int)sizeof(temporary))
        return relais_error_set(err, RELAIS_E_CONF_VALUE, "[relais] state",
                                "too long a path");
    fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0)
        return io_error(err, "open");
    done = write(fd, text, (size_t)len) == len && fsync(fd) == 0;
    if (close(fd) || !done)
        return io_error(err, "write");
    if (rename(temporary, path) || sync_folder(path))
        return io_error(err, "rename");
    return 0;
}

int pg_progress_again(const char *path, uint64_t lsn, struct relais_error *err)
{
    struct pg_progress progress;

    if (pg_progress_read(path, &progress, err))
        return -1;
    progress.phase = PG_PHASE_NONE;
    progress.cursor[0] = '\0';
    if (progress.lsn <= lsn)
        progress.lsn = lsn + 1;
    return pg_progress_write(path, &progress, err);
}
