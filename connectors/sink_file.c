/* sink_file: one JSON line per event, appended to a file, as `relais subscribe` prints
 * it. Durable after flush(), and at the latest fsync_ms after a write. A line cut by a
 * crash is taken off at the next start: the event comes again, since it was not
 * acknowledged.
 */
#include "connectors/connector.h"

#include "core/day.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define LINE_MAX_BYTES (16u << 20)
#define FLUSH_BYTES    (256u << 10)
#define TAIL_BYTES     4096

struct sink_file {
    int fd;
    int64_t fsync_us;
    int64_t oldest_us; /* monotonic, of the oldest write not yet synced; 0: none */
    off_t end;         /* of the last whole line */
    struct relais_buf lines;
};

static int io(struct relais_error *err, const char *what)
{
    int e = errno;

    return relais_error_set(err,
                            e == ENOSPC || e == EDQUOT ? RELAIS_E_DISK_FULL : RELAIS_E_IO,
                            "sink_file", "%s: %s", what, strerror(e));
}

/* Cuts what follows the last newline. */
static int drop_torn_line(struct sink_file *s, struct relais_error *err)
{
    char tail[TAIL_BYTES];
    struct stat st;
    off_t end;

    if (fstat(s->fd, &st))
        return io(err, "fstat");
    for (end = st.st_size; end > 0;) {
        size_t want = end < TAIL_BYTES ? (size_t)end : TAIL_BYTES;
        ssize_t n = pread(s->fd, tail, want, end - (off_t)want);
        const char *newline;

        if (n != (ssize_t)want)
            return io(err, "read");
        newline = memrchr(tail, '\n', want);
        if (newline) {
            end -= (off_t)want - (newline + 1 - tail);
            break;
        }
        end -= (off_t)want;
    }
    s->end = end;
    if (end < st.st_size && ftruncate(s->fd, end))
        return io(err, "truncate");
    return 0;
}

static void sink_file_close(void *state)
{
    struct sink_file *s = state;

    if (!s)
        return;
    if (s->fd >= 0)
        close(s->fd);
    relais_buf_release(&s->lines);
    free(s);
}

static int sink_file_open(void **state, const struct relais_conf *conf,
                          struct relais_error *err)
{
    const char *path = relais_conf_text(conf, "connector", "file");
    struct sink_file *s = relais_zalloc(sizeof(*s));

    s->lines = (struct relais_buf)RELAIS_BUF_INIT(LINE_MAX_BYTES + FLUSH_BYTES);
    s->fsync_us = relais_conf_integer(conf, "connector", "fsync_ms") * 1000;
    s->fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (s->fd < 0) {
        relais_error_set(err, RELAIS_E_CONF_VALUE, "connector.file", "cannot open: %s",
                         strerror(errno));
    } else if (flock(s->fd, LOCK_EX | LOCK_NB)) {
        relais_error_set(err, RELAIS_E_STATE_LOCKED, "connector.file",
                         "another process writes this file");
    } else if (!drop_torn_line(s, err)) {
        *state = s;
        return 0;
    }
    sink_file_close(s);
    return -1;
}

/* Writes at the end of the last whole line, so that a repeat after an error replaces what
 * was half written. */
static int write_lines(struct sink_file *s, struct relais_error *err)
{
    size_t done = 0;

    while (done < s->lines.len) {
        ssize_t n = pwrite(s->fd, s->lines.data + done, s->lines.len - done,
                           s->end + (off_t)done);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0) {
            int ignored;

            io(err, "write");
            ignored = ftruncate(s->fd, s->end); /* else the next start does it */
            (void)ignored;
            return -1;
        }
        done += (size_t)n;
    }
    s->end += (off_t)done;
    relais_buf_clear(&s->lines);
    if (!s->oldest_us)
        s->oldest_us = relais_monotonic_us();
    return 0;
}

static int sink_file_flush(void *state, struct relais_error *err)
{
    struct sink_file *s = state;

    if (s->oldest_us && fdatasync(s->fd))
        return io(err, "fsync");
    s->oldest_us = 0;
    return 0;
}

static int sink_file_write(void *state, const struct relais_batch *in, size_t *done_out,
                           struct relais_error *err)
{
    struct sink_file *s = state;
    size_t pending = 0;

    *done_out = 0;
    for (const struct relais_record *rec = in->first; rec; rec = rec->next) {
        size_t before = s->lines.len;

        if (relais_record_print(rec, &s->lines) || relais_buf_add_char(&s->lines, '\n')) {
            s->lines.len = before;
            if (write_lines(s, err))
                break;
            *done_out += pending;
            return relais_error_set(err, RELAIS_E_LIMIT, rec->schema,
                                    "event longer than %u bytes of JSON", LINE_MAX_BYTES);
        }
        pending++;
        if (s->lines.len < FLUSH_BYTES && rec->next)
            continue;
        if (write_lines(s, err))
            break;
        *done_out += pending;
        pending = 0;
    }
    if (s->lines.len) { /* write_lines failed: these records come again */
        relais_buf_clear(&s->lines);
        return -1;
    }
    if (s->oldest_us && relais_monotonic_us() - s->oldest_us >= s->fsync_us)
        return sink_file_flush(s, err);
    return 0;
}

static const struct relais_conf_key keys[] = {
    {"connector", "file", RELAIS_CONF_PATH, .required = true,
     .doc = "Fichier auquel ajouter une ligne JSON par événement."},
    {"connector", "fsync_ms", RELAIS_CONF_INTEGER, 0, 60000, .def = "1000",
     .doc = "Délai le plus long avant fsync(2), en millisecondes."},
    {0},
};

static const struct relais_sink_ops ops = {
    .open = sink_file_open,
    .write = sink_file_write,
    .flush = sink_file_flush,
    .close = sink_file_close,
};

const struct relais_connector relais_sink_file = {
    .abi = RELAIS_CONNECTOR_ABI,
    .name = "sink_file",
    .summary = "Ajoute une ligne JSON par événement à un fichier",
    .keys = keys,
    .sink = &ops,
};
