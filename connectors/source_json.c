/* source_json: a stream of JSON lines, each a fact of one contract in clear values
 * (contract A15). A line that cannot be read is parked with its number; blank lines are
 * skipped. `relais publish` reads its standard input through it.
 */
#include "connectors/connector.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define LINE_MAX_BYTES   (1u << 20)
#define CHARGE_MAX_BYTES (512u << 10)
#define READ_BYTES       (64u << 10)
#define BATCH_MAX        256

struct source_json {
    int fd;
    char *schema;
    struct relais_buf in; /* bytes read; those before `from` are used up */
    size_t from;
    size_t searched; /* no newline before this index */
    uint64_t line;   /* number of the line that begins at `from`, from 1 */
    bool skipping;   /* inside a line that is too long, already parked */
    bool end;
};

static void source_json_close(void *state)
{
    struct source_json *s = state;

    if (!s)
        return;
    if (s->fd > STDIN_FILENO)
        close(s->fd);
    relais_buf_release(&s->in);
    free(s->schema);
    free(s);
}

static int source_json_open(void **state, const struct relais_conf *conf,
                            struct relais_error *err)
{
    const char *path = relais_conf_text(conf, "connector", "file");
    struct source_json *s = relais_zalloc(sizeof(*s));

    s->in = (struct relais_buf)RELAIS_BUF_INIT(LINE_MAX_BYTES + 2 * READ_BYTES);
    s->schema = relais_strdup(relais_conf_text(conf, "connector", "schema"));
    s->line = 1;
    s->fd = path ? open(path, O_RDONLY | O_CLOEXEC) : STDIN_FILENO;
    if (s->fd >= 0) {
        *state = s;
        return 0;
    }
    relais_error_set(err, RELAIS_E_CONF_VALUE, "connector.file", "cannot open: %s",
                     strerror(errno));
    source_json_close(s);
    return -1;
}

static void use_up(struct source_json *s, size_t len)
{
    s->from += len;
    if (s->searched < s->from)
        s->searched = s->from;
}

/* The next whole line in memory, or at the stream's end what remains of it. */
static bool peek_line(struct source_json *s, struct relais_slice *line_out,
                      size_t *used_out)
{
    const char *at = s->in.data ? s->in.data + s->from : "";
    const char *newline = s->in.len > s->searched ? memchr(s->in.data + s->searched, '\n',
                                                           s->in.len - s->searched)
                                                  : NULL;
    size_t len = newline ? (size_t)(newline - at) : s->in.len - s->from;

    s->searched = s->in.len;
    if (!newline && (!s->end || len == 0) && len <= LINE_MAX_BYTES)
        return false;
    if (newline)
        s->searched = s->from;
    *line_out = (struct relais_slice){at, len};
    *used_out = len + (newline != NULL);
    return true;
}

/* 1: bytes came, or the end; 0: nothing now. */
static int read_more(struct source_json *s, int timeout_ms, struct relais_error *err)
{
    struct pollfd ready = {.fd = s->fd, .events = POLLIN};
    char *to;
    ssize_t n;

    if (poll(&ready, 1, timeout_ms) <= 0)
        return 0;
    if (s->from) {
        memmove(s->in.data, s->in.data + s->from, s->in.len - s->from);
        s->in.len -= s->from;
        s->searched -= s->from;
        s->from = 0;
    }
    if (!(to = relais_buf_reserve(&s->in, READ_BYTES)))
        return relais_error_set(err, RELAIS_E_BUG, "source_json", "line buffer full");
    n = read(s->fd, to, READ_BYTES);
    if (n < 0 && errno != EINTR && errno != EAGAIN)
        return relais_error_set(err, RELAIS_E_IO, "source_json", "read: %s",
                                strerror(errno));
    if (n < 0)
        return 0;
    s->in.len += (size_t)n;
    s->end = n == 0;
    return 1;
}

static struct relais_record *add(struct source_json *s, struct relais_batch *out,
                                 enum relais_record_kind kind)
{
    struct relais_record *rec = relais_batch_add(out);

    if (!rec)
        return NULL;
    rec->kind = kind;
    rec->schema = s->schema;
    rec->depot = RELAIS_SLICE("publish");
    rec->position = RELAIS_SLICE("0");
    rec->ack = s->line;
    return rec;
}

static int park(struct source_json *s, struct relais_batch *out, struct relais_slice line,
                const struct relais_error *why, struct relais_error *err)
{
    struct relais_record *rec = add(s, out, RELAIS_RECORD_PARKED);
    char where[32];

    if (!rec)
        return relais_error_set(err, RELAIS_E_BUG, "source_json",
                                "batch arena too small");
    rec->problem = *why;
    snprintf(where, sizeof(where), "ligne %llu", (unsigned long long)s->line);
    snprintf(rec->problem.where, sizeof(rec->problem.where), "%s", where);
    rec->position = relais_arena_printf(&out->arena, "%llu", (unsigned long long)s->line);
    if (line.len <= CHARGE_MAX_BYTES)
        rec->charge = relais_arena_slice(&out->arena, line);
    return 0;
}

/* 1: the line was taken; 0: no room, it comes first next time; -1: error. */
static int take_line(struct source_json *s, struct relais_batch *out,
                     struct relais_slice line, struct relais_error *err)
{
    struct relais_error why = RELAIS_ERROR_INIT;
    struct relais_value *value;
    struct relais_record *rec;

    if (line.len > LINE_MAX_BYTES) {
        relais_error_set(&why, RELAIS_E_LIMIT, NULL, "line longer than %u bytes",
                         LINE_MAX_BYTES);
        return park(s, out, line, &why, err) ? -1 : 1;
    }
    value = relais_value_parse(&out->arena, line, &why);
    if (!value && why.code == RELAIS_E_LIMIT && out->count)
        return 0;
    if (value && value->kind != RELAIS_VALUE_RECORD)
        relais_error_set(&why, RELAIS_E_JSON_INVALID, NULL, "not a JSON object");
    if (why.code != RELAIS_E_OK)
        return park(s, out, line, &why, err) ? -1 : 1;
    rec = add(s, out, RELAIS_RECORD_FACT);
    if (!rec && out->count)
        return 0;
    if (!rec)
        return relais_error_set(err, RELAIS_E_BUG, "source_json",
                                "batch arena too small");
    rec->value = value;
    return 1;
}

/* The rest of a line that was parked for its length. */
static void skip_line(struct source_json *s)
{
    const char *newline = memchr(s->in.data + s->from, '\n', s->in.len - s->from);

    if (newline) {
        use_up(s, (size_t)(newline + 1 - (s->in.data + s->from)));
        s->skipping = false;
        s->line++;
    } else {
        use_up(s, s->in.len - s->from);
    }
}

/* 1: a line; 0: none now. */
static int next_line(struct source_json *s, struct relais_slice *line_out,
                     size_t *used_out, int timeout_ms, struct relais_error *err)
{
    for (;;) {
        int more;

        if (s->skipping && s->in.len > s->from)
            skip_line(s);
        if (!s->skipping && peek_line(s, line_out, used_out))
            return 1;
        if (s->end)
            return 0;
        more = read_more(s, timeout_ms, err);
        if (more <= 0)
            return more;
        timeout_ms = 0;
    }
}

static int source_json_poll(void *state, struct relais_batch *out, int timeout_ms,
                            struct relais_error *err)
{
    struct source_json *s = state;
    struct relais_slice line;
    size_t used;

    while (out->count < BATCH_MAX) {
        int got = next_line(s, &line, &used, out->count ? 0 : timeout_ms, err);

        if (got <= 0 && out->count) {
            relais_error_clear(err); /* it comes again, with nothing to lose */
            return 0;
        }
        if (got == 0 && s->end)
            poll(NULL, 0, timeout_ms);
        if (got <= 0)
            return got;
        if (relais_slice_trim(line).len && (got = take_line(s, out, line, err)) <= 0)
            return got;
        s->skipping = used == line.len && !s->end;
        s->line += !s->skipping;
        use_up(s, used);
    }
    return 0;
}

static int source_json_ack(void *state, uint64_t position, struct relais_error *err)
{
    return 0; /* a stream is not read twice */
}

static bool source_json_idle(void *state)
{
    struct source_json *s = state;

    return s->end && s->in.len == s->from;
}

static const struct relais_conf_key keys[] = {
    {"connector", "file", RELAIS_CONF_PATH,
     .doc = "Fichier de lignes JSON à publier ; à défaut l'entrée standard."},
    {"connector", "schema", RELAIS_CONF_TEXT, .required = true,
     .doc = "Message de chaque ligne : nom complet, nom court, ou famille d'un seul."},
    {0},
};

static const struct relais_source_ops ops = {
    .open = source_json_open,
    .poll = source_json_poll,
    .ack = source_json_ack,
    .idle = source_json_idle,
    .close = source_json_close,
};

const struct relais_connector relais_source_json = {
    .abi = RELAIS_CONNECTOR_ABI,
    .name = "source_json",
    .summary = "Publie des faits donnés en lignes JSON, un par ligne",
    .keys = keys,
    .source = &ops,
};
