#include "connectors/pgoutput.h"

#include "core/day.h"

#include <ctype.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define FEEDBACK_US      1000000 /* longest silence of ours */
#define DRY_SLEEP_NS     50000   /* between two looks while rows flow */
#define DRY_US           3000    /* so long after the last row they still flow */
#define CLOCK_EVERY      64      /* events between two looks at the clock */
#define XLOG_DATA_HEADER 25

struct pg_stream {
    struct pg_conn *conn;
    PGconn *raw;
    struct pgoutput *decoder;
    char *message;        /* libpq's, of the last event */
    bool more;            /* the message may give further events */
    uint64_t wanted;      /* what the server had when the stream was opened */
    uint64_t server;      /* of its last keepalive: all before was given */
    uint64_t position;    /* of the last message with data */
    uint64_t received;    /* the furthest of them */
    uint64_t given;       /* the last end that was given and is to be confirmed */
    uint64_t confirmed;   /* by the caller, or by being idle */
    int64_t feedback_us;  /* of our last word */
    int64_t data_us;      /* when the last row came */
    unsigned since_clock; /* events since a look at the clock */
    bool unsent;          /* our last word is still in libpq */
};

/* `what` within marks, each mark inside doubled. */
static int quote(struct relais_buf *out, char mark, const char *what)
{
    int rc = relais_buf_add_char(out, mark);

    for (; *what && !rc; what++)
        rc = (*what == mark ? relais_buf_add_char(out, mark) : 0) ||
             relais_buf_add_char(out, *what);
    return rc || relais_buf_add_char(out, mark);
}

static int check_names(const struct pg_stream_options *options, struct relais_error *err)
{
    size_t n = strspn(options->slot, "abcdefghijklmnopqrstuvwxyz0123456789_");

    if (n == 0 || n > 63 || options->slot[n])
        return relais_error_set(err, RELAIS_E_CONF_VALUE, "connector.slot",
                                "a slot is named by 1 to 63 of a-z, 0-9 and _");
    n = strlen(options->publication);
    if (n == 0 || n > 63)
        return relais_error_set(err, RELAIS_E_CONF_VALUE, "connector.publication",
                                "a publication's name has 1 to 63 bytes");
    return 0;
}

/* START_REPLICATION knows neither parameters nor E'': a name is an identifier within a
 * text. */
static int start_sql(const struct pg_stream_options *options, int version,
                     struct relais_buf *sql)
{
    struct relais_buf name = RELAIS_BUF_INIT(256);
    int rc = relais_buf_add_str(sql, "START_REPLICATION SLOT ") ||
             quote(sql, '"', options->slot) ||
             relais_buf_add_str(sql, " LOGICAL 0/0 (proto_version '1', "
                                     "publication_names ") ||
             quote(&name, '"', options->publication) || quote(sql, '\'', name.data);

    if (!rc && version >= 140000 && options->binary)
        rc = relais_buf_add_str(sql, ", binary 'true'");
    if (!rc && version >= 140000 && options->messages)
        rc = relais_buf_add_str(sql, ", messages 'true'");
    relais_buf_release(&name);
    return rc || relais_buf_add_char(sql, ')');
}

/* What a SQLSTATE says depends on when it comes: of an absent name, at the start it is
 * the slot's, later the publication's. */
static int stream_error(struct pg_stream *s, const PGresult *result, bool started,
                        struct relais_error *err)
{
    static const struct {
        const char *state;
        bool started;
        enum relais_code code;
    } meanings[] = {
        {"42704", false, RELAIS_E_SLOT_MISSING}, {"42704", true, RELAIS_E_PUBLICATION},
        {"55000", false, RELAIS_E_SLOT_LOST},    {"55000", true, RELAIS_E_SLOT_LOST},
        {"0A000", false, RELAIS_E_SLOT_FOREIGN}, {"22023", false, RELAIS_E_SLOT_FOREIGN},
    };
    const char *state = result ? PQresultErrorField(result, PG_DIAG_SQLSTATE) : NULL;
    const char *text = result ? PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY) : "";

    for (size_t i = 0; state && i < sizeof(meanings) / sizeof(*meanings); i++)
        if (!strcmp(meanings[i].state, state) && meanings[i].started == started)
            return relais_error_set(err, meanings[i].code, "replication", "%s: %s", state,
                                    text ? text : "");
    return pg_conn_error(s->conn, result, "replication", err);
}

bool pg_lsn_parse(const char *text, uint64_t *lsn_out)
{
    char *end;
    unsigned long long high, low;

    if (!isxdigit((unsigned char)*text))
        return false;
    high = strtoull(text, &end, 16);
    if (*end != '/' || !isxdigit((unsigned char)end[1]))
        return false;
    low = strtoull(end + 1, &end, 16);
    if (*end || high > UINT32_MAX || low > UINT32_MAX)
        return false;
    *lsn_out = (uint64_t)high << 32 | low;
    return true;
}

static int ask_wanted(struct pg_stream *s, struct relais_error *err)
{
    PGresult *result =
        pg_conn_exec(s->conn, "replication",
                     "SELECT CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() "
                     "ELSE pg_current_wal_flush_lsn() END",
                     NULL, 0, err);
    int rc = 0;

    if (!result)
        return -1;
    if (PQntuples(result) != 1 || !pg_lsn_parse(PQgetvalue(result, 0, 0), &s->wanted))
        rc = relais_error_set(err, RELAIS_E_PG_PROTOCOL, "replication",
                              "no position of the server");
    PQclear(result);
    return rc;
}

/* pg_conn_exec() would make PG_ROW or PG_SCHEMA of what says that a slot is not ours. */
static int start(struct pg_stream *s, const struct pg_stream_options *options,
                 struct relais_error *err)
{
    struct relais_buf sql = RELAIS_BUF_INIT(1024);
    PGresult *result = NULL;
    int rc = -1;

    if (start_sql(options, pg_conn_version(s->conn), &sql)) {
        relais_error_set(err, RELAIS_E_LIMIT, "replication", "names too long");
        goto out;
    }
    if (!PQsendQuery(s->raw, sql.data)) {
        pg_conn_error(s->conn, NULL, "replication", err);
        goto out;
    }
    if (pg_conn_wait(s->conn, "replication", err))
        goto out;
    result = PQgetResult(s->raw);
    if (PQresultStatus(result) != PGRES_COPY_BOTH) {
        stream_error(s, result, false, err);
        goto out;
    }
    PQsetnonblocking(s->raw, 1);
    rc = 0;
out:
    PQclear(result);
    relais_buf_release(&sql);
    return rc;
}

struct pg_stream *pg_stream_open(const struct relais_conf *conf,
                                 const struct pg_stream_options *options,
                                 struct relais_error *err)
{
    struct pg_stream *s;

    if (check_names(options, err))
        return NULL;
    s = relais_zalloc(sizeof(*s));
    s->decoder = pgoutput_new();
    s->conn = pg_conn_open(conf, PG_USE_REPLICATION, err);
    if (!s->conn)
        goto failed;
    s->raw = pg_conn_raw(s->conn);
    if (pg_conn_version(s->conn) < 130000) {
        relais_error_set(err, RELAIS_E_PG_SCHEMA, "connector.dsn",
                         "PostgreSQL 13 or later is needed");
        goto failed;
    }
    if (ask_wanted(s, err) || start(s, options, err))
        goto failed;
    s->feedback_us = relais_monotonic_us();
    return s;
failed:
    pg_stream_close(s);
    return NULL;
}

static bool all_confirmed(const struct pg_stream *s)
{
    return s->confirmed >= s->given && !pgoutput_in_transaction(s->decoder);
}

static void put_u64(char *to, uint64_t n)
{
    for (int i = 0; i < 8; i++)
        to[i] = (char)(n >> (56 - 8 * i));
}

static int flush(struct pg_stream *s, struct relais_error *err)
{
    int left = PQflush(s->raw);

    s->unsent = left == 1;
    return left < 0 ? pg_conn_error(s->conn, NULL, "replication", err) : 0;
}

/* Standby status update. */
static int send_feedback(struct pg_stream *s, struct relais_error *err)
{
    char word[34] = "r";

    if (s->unsent && flush(s, err))
        return -1;
    if (s->unsent)
        return 0; /* the server does not read: one word waiting is enough */
    if (all_confirmed(s) && s->server > s->confirmed)
        s->confirmed = s->server;
    put_u64(word + 1, s->received > s->confirmed ? s->received : s->confirmed);
    put_u64(word + 9, s->confirmed);
    put_u64(word + 17, s->confirmed);
    put_u64(word + 25, pgoutput_time_raw(relais_now_us()));
    if (PQputCopyData(s->raw, word, sizeof(word)) != 1)
        return pg_conn_error(s->conn, NULL, "replication", err);
    s->feedback_us = relais_monotonic_us();
    return flush(s, err);
}

void pg_stream_close(struct pg_stream *s)
{
    if (!s)
        return;
    /* what was confirmed since our last word is not given again */
    if (s->conn && s->confirmed)
        (void)!send_feedback(s, NULL);
    PQfreemem(s->message);
    pgoutput_free(s->decoder);
    pg_conn_close(s->conn);
    free(s);
}

/* Our word in time; looks at the clock. */
static int feedback_when_due(struct pg_stream *s, int64_t now_us,
                             struct relais_error *err)
{
    s->since_clock = 0;
    if (s->unsent || now_us - s->feedback_us >= FEEDBACK_US)
        return send_feedback(s, err);
    return 0;
}

void pg_stream_confirm(struct pg_stream *s, uint64_t end_lsn)
{
    if (end_lsn > s->confirmed)
        s->confirmed = end_lsn;
    /* a broken connection is found by the next pg_stream_next() */
    (void)!feedback_when_due(s, relais_monotonic_us(), NULL);
}

bool pg_stream_ended(const struct pg_stream *s)
{
    struct pollfd end = {.fd = PQsocket(s->raw), .events = POLLRDHUP};

    return poll(&end, 1, 0) > 0;
}

/* The stream ended: by an error, or as a server ends it that is being shut down. */
static int ended(struct pg_stream *s, struct relais_error *err)
{
    PGresult *result = PQgetResult(s->raw);

    if (PQresultStatus(result) == PGRES_FATAL_ERROR)
        stream_error(s, result, true, err);
    else if (PQstatus(s->raw) != CONNECTION_OK)
        pg_conn_error(s->conn, NULL, "replication", err);
    else
        relais_error_set(err, RELAIS_E_PG_DOWN, "replication",
                         "the server ended the stream");
    PQclear(result);
    return -1;
}

static int keepalive(struct pg_stream *s, struct pgoutput_reader *r,
                     struct relais_error *err)
{
    uint64_t end = pgoutput_u64(r);
    bool asked;

    pgoutput_u64(r);
    asked = pgoutput_u8(r) != 0;
    if (r->bad)
        return relais_error_set(err, RELAIS_E_PG_PROTOCOL, "replication",
                                "keepalive too short");
    if (end > s->server)
        s->server = end;
    return asked ? send_feedback(s, err) : 0;
}

/* One CopyData. 1: an event. */
static int take_message(struct pg_stream *s, size_t len,
                        const struct pg_event **event_out, struct relais_error *err)
{
    struct pgoutput_reader r = {s->message, s->message + len, false};
    uint8_t kind = pgoutput_u8(&r);
    int rc;

    if (kind == 'k')
        return keepalive(s, &r, err);
    s->position = pgoutput_u64(&r);
    if (kind != 'w' || len < XLOG_DATA_HEADER)
        return relais_error_set(err, RELAIS_E_PG_PROTOCOL, "replication",
                                "unknown message 0x%02X", kind);
    if (s->position > s->received)
        s->received = s->position;
    rc = pgoutput_decode(
        s->decoder,
        (struct relais_slice){s->message + XLOG_DATA_HEADER, len - XLOG_DATA_HEADER},
        event_out, err);
    if (rc > 0) {
        if ((*event_out)->end_lsn > s->given)
            s->given = (*event_out)->end_lsn;
        s->more = true;
    }
    return rc;
}

/* 1: an event; 0: nothing is there now. */
static int take_ready(struct pg_stream *s, const struct pg_event **event_out,
                      struct relais_error *err)
{
    for (;;) {
        int len, rc;

        PQfreemem(s->message);
        s->message = NULL;
        len = PQgetCopyData(s->raw, &s->message, 1);
        if (len == 0)
            return 0;
        if (len < 0)
            return ended(s, err);
        rc = take_message(s, (size_t)len, event_out, err);
        if (rc != 0)
            return rc;
    }
}

/* Nothing is there: waits for a while, as long as until_us at most. */
static void wait_dry(const struct pg_stream *s, int64_t now_us, int64_t until_us)
{
    int64_t left_us = until_us - now_us;
    int64_t due_us = s->feedback_us + FEEDBACK_US - now_us;

    if (left_us <= 0)
        return;
    if (now_us - s->data_us < DRY_US) {
        nanosleep(&(struct timespec){.tv_nsec = DRY_SLEEP_NS}, NULL);
        return;
    }
    if (due_us < left_us)
        left_us = due_us > 0 ? due_us : 0;
    /* what is wrong, libpq says next */
    (void)!poll(&(struct pollfd){.fd = PQsocket(s->raw),
                                 .events = s->unsent ? POLLIN | POLLOUT : POLLIN},
                1, (int)(left_us / 1000 + 1));
}

static int next_or_wait(struct pg_stream *s, int timeout_ms,
                        const struct pg_event **event_out, struct relais_error *err)
{
    int64_t until_us = 0;

    for (;;) {
        int rc = take_ready(s, event_out, err);
        int64_t now_us;

        if (rc != 0)
            return rc;
        if (!PQconsumeInput(s->raw))
            return ended(s, err);
        rc = take_ready(s, event_out, err);
        if (rc != 0)
            return rc;
        now_us = relais_monotonic_us();
        if (feedback_when_due(s, now_us, err))
            return -1;
        if (!until_us)
            until_us = now_us + (int64_t)timeout_ms * 1000;
        if (now_us >= until_us)
            return 0;
        wait_dry(s, now_us, until_us);
    }
}

int pg_stream_next(struct pg_stream *s, int timeout_ms, const struct pg_event **event_out,
                   struct relais_error *err)
{
    int rc;

    *event_out = NULL;
    if (s->more) {
        s->more = false;
        *event_out = pgoutput_more(s->decoder);
        if (*event_out) {
            s->more = true;
            return 1;
        }
    }
    rc = take_ready(s, event_out, err);
    if (rc == 0) {
        rc = next_or_wait(s, timeout_ms, event_out, err);
        s->since_clock = CLOCK_EVERY;
    }
    if (rc > 0 && s->since_clock++ >= CLOCK_EVERY) {
        s->data_us = relais_monotonic_us();
        if (feedback_when_due(s, s->data_us, err))
            return -1;
    }
    return rc;
}

bool pg_stream_idle(const struct pg_stream *s)
{
    uint64_t reached = s->server > s->given ? s->server : s->given;

    return all_confirmed(s) && reached >= s->wanted;
}

uint64_t pg_stream_position(const struct pg_stream *s) { return s->position; }

uint64_t pg_stream_confirmed(const struct pg_stream *s) { return s->confirmed; }

uint64_t pg_stream_server(const struct pg_stream *s) { return s->server; }
