#include "connectors/pg_conn.h"

#include "core/day.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

#define ANSWER_GRACE_MS 5000 /* beyond the server's own time-out */
#define STATEMENTS_MAX  16
#define NAME_MAX_BYTES  63 /* of PostgreSQL's identifiers */

struct pg_conn {
    PGconn *raw;
    int statement_timeout_ms;
    int statements; /* that one answer is waited for; 0: one */
};

/* A SQLSTATE or the beginning of some; the first row that fits. */
static const struct {
    const char *state;
    enum relais_code code;
    bool quotes; /* the primary message can hold a value */
} states[] = {
    {"53100", RELAIS_E_DISK_FULL, false}, {"42501", RELAIS_E_PG_RIGHTS, false},
    {"28", RELAIS_E_PG_RIGHTS, false},    {"3D", RELAIS_E_PG_RIGHTS, false},
    {"0A", RELAIS_E_PG_SCHEMA, false},    {"42", RELAIS_E_PG_SCHEMA, false},
    {"3F", RELAIS_E_PG_SCHEMA, false},    {"21", RELAIS_E_PG_ROW, true},
    {"22", RELAIS_E_PG_ROW, true},        {"23", RELAIS_E_PG_ROW, true},
    {"44", RELAIS_E_PG_ROW, true},        {"P0", RELAIS_E_PG_ROW, true},
    {"08", RELAIS_E_PG_DOWN, false},      {"25", RELAIS_E_PG_DOWN, false},
    {"40", RELAIS_E_PG_DOWN, false},      {"53", RELAIS_E_PG_DOWN, false},
    {"55", RELAIS_E_PG_DOWN, false},      {"57", RELAIS_E_PG_DOWN, false},
    {"58", RELAIS_E_PG_DOWN, false},      {"", RELAIS_E_PG_DOWN, true},
};

static size_t state_row(const char *state)
{
    size_t i = 0;

    while (strncmp(state, states[i].state, strlen(states[i].state)) != 0)
        i++;
    return i;
}

/* false: not within the time. */
static bool wait_socket(const struct pg_conn *c, short events, int64_t until_us)
{
    struct pollfd ready = {.fd = PQsocket(c->raw), .events = events};

    for (;;) {
        int64_t left_us = until_us - relais_monotonic_us();
        int n = left_us > 0 ? poll(&ready, 1, (int)(left_us / 1000 + 1)) : 0;

        if (n > 0 || (n < 0 && errno != EINTR))
            return true; /* what is wrong, libpq says next */
        if (left_us <= 0)
            return false;
    }
}

/* The first line without libpq's line end. */
static void set_text(struct relais_error *err, enum relais_code code, const char *what,
                     const char *state, const char *text)
{
    size_t len = text ? strcspn(text, "\n") : 0;

    relais_error_set(err, code, what, "%s%s%.*s", state, *state && len ? ": " : "",
                     (int)(len > 300 ? 300 : len), text ? text : "");
}

/* What a SQLSTATE of a refused row says, in our words: the server's quote the value. */
static const char *meaning(const char *state)
{
    static const struct {
        const char *state, *text;
    } meanings[] = {
        {"21000", "more than one row"},
        {"22001", "longer than the column"},
        {"22003", "out of the type's range"},
        {"22007", "no date or time"},
        {"22008", "a date or time out of range"},
        {"22021", "bytes that are no text"},
        {"22P02", "no value of the column's type"},
        {"22P05", "a character that the database's encoding lacks"},
        {"23001", "other rows refer to it"},
        {"23502", "null in a NOT NULL column"},
        {"23503", "a foreign key"},
        {"23505", "such a row is there"},
        {"23514", "a CHECK"},
        {"23P01", "excluded by another row"},
        {"44000", "outside of the view"},
        {"P0001", "raised by a trigger or function"},
    };

    for (size_t i = 0; i < sizeof(meanings) / sizeof(meanings[0]); i++)
        if (strcmp(meanings[i].state, state) == 0)
            return meanings[i].text;
    return "refused";
}

/* "SQLSTATE 23502 (null in a NOT NULL column), table t, column c" */
static int row_error(const PGresult *result, const char *state, const char *what,
                     enum relais_code code, struct relais_error *err)
{
    const char *names[] = {PQresultErrorField(result, PG_DIAG_TABLE_NAME),
                           PQresultErrorField(result, PG_DIAG_COLUMN_NAME),
                           PQresultErrorField(result, PG_DIAG_CONSTRAINT_NAME)};

    return relais_error_set(err, code, what, "SQLSTATE %s (%s)%s%s%s%s%s%s", state,
                            meaning(state), names[0] ? ", table " : "",
                            names[0] ? names[0] : "", names[1] ? ", column " : "",
                            names[1] ? names[1] : "", names[2] ? ", constraint " : "",
                            names[2] ? names[2] : "");
}

/* No data raises this code. In every language the server's message quotes the name. */
static bool is_fenced(const PGresult *result, const char *state)
{
    const char *text = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);

    return strcmp(state, "42704") == 0 && text && strstr(text, PG_CONN_FENCED);
}

int pg_conn_error(struct pg_conn *c, const PGresult *result, const char *what,
                  struct relais_error *err)
{
    const char *state = result ? PQresultErrorField(result, PG_DIAG_SQLSTATE) : NULL;
    size_t row;

    if (!state) {
        set_text(err, RELAIS_E_PG_DOWN, what, "", PQerrorMessage(c->raw));
        return -1;
    }
    if (is_fenced(result, state))
        return relais_error_set(err, RELAIS_E_FENCED, "relais_positions",
                                "a position was moved by another process");
    row = state_row(state);
    if (states[row].quotes)
        return row_error(result, state, what, states[row].code, err);
    set_text(err, states[row].code, what, state,
             PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY));
    return -1;
}

/* A refused login has no result: the SQLSTATE stands in the connection's text, which was
 * asked to be verbose ("...failed: FATAL:  28P01: password..."). */
static int open_error(const PGconn *raw, struct relais_error *err)
{
    const char *text = PQerrorMessage(raw), *found = NULL;
    char state[6] = "";

    for (const char *at = text; (at = strstr(at, ":  ")) != NULL; at += 3) {
        size_t n = 0;

        while (n < 5 &&
               (isdigit((unsigned char)at[3 + n]) || isupper((unsigned char)at[3 + n])))
            n++;
        if (n == 5 && at[8] == ':')
            found = at + 3;
    }
    if (!found) {
        set_text(err, RELAIS_E_PG_DOWN, "connector.dsn", "", text);
        return -1;
    }
    memcpy(state, found, 5);
    set_text(err, states[state_row(state)].code, "connector.dsn", "", found);
    return -1;
}

/* No password where everybody reads. */
static int check_dsn(const char *dsn, struct relais_error *err)
{
    char *problem = NULL;
    PQconninfoOption *options = PQconninfoParse(dsn, &problem);
    bool password = false;

    if (!options) {
        relais_error_set(err, RELAIS_E_CONF_VALUE, "connector.dsn",
                         "neither a libpq connection string nor a URI");
        PQfreemem(problem);
        return -1;
    }
    for (PQconninfoOption *o = options; o->keyword; o++)
        password |= o->val && strcmp(o->keyword, "password") == 0;
    PQconninfoFree(options);
    return password ? relais_error_set(err, RELAIS_E_CONF_VALUE, "connector.dsn",
                                       "holds a password; put it into password_file")
                    : 0;
}

static int connect_now(struct pg_conn *c, int timeout_ms, struct relais_error *err)
{
    int64_t until_us = relais_monotonic_us() + (int64_t)timeout_ms * 1000;

    if (PQstatus(c->raw) == CONNECTION_BAD)
        return open_error(c->raw, err);
    PQsetErrorVerbosity(c->raw, PQERRORS_VERBOSE);
    for (PostgresPollingStatusType now = PGRES_POLLING_WRITING; now != PGRES_POLLING_OK;
         now = PQconnectPoll(c->raw)) {
        if (now == PGRES_POLLING_FAILED)
            return open_error(c->raw, err);
        if (!wait_socket(c, now == PGRES_POLLING_READING ? POLLIN : POLLOUT, until_us))
            return relais_error_set(err, RELAIS_E_PG_DOWN, "connector.dsn",
                                    "no connection within %d ms", timeout_ms);
    }
    return 0;
}

static void no_notice(void *arg, const PGresult *result) {}

static int set_session(struct pg_conn *c, enum pg_use use, struct relais_error *err)
{
    char sql[512];

    PQsetNoticeReceiver(c->raw, no_notice, NULL); /* NOTICEs of triggers quote rows */
    snprintf(sql, sizeof(sql),
             "SET datestyle = ISO; SET timezone = 'UTC'; SET extra_float_digits = 1; "
             "SET bytea_output = hex; SET standard_conforming_strings = on; "
             "SET default_transaction_isolation = 'read committed'; "
             "SET statement_timeout = %d%s",
             c->statement_timeout_ms,
             use == PG_USE_WRITE ? ""
             : use == PG_USE_READ
                 ? "; SET search_path = pg_catalog; SET row_security = off"
                 : "; SET search_path = pg_catalog");
    return pg_conn_run(c, "session", sql, err);
}

/* The socket is set so that a half-open connection ends by itself. */
static PGconn *start(const char *dsn, const char *name, const char *secret,
                     const char *silence_ms, enum pg_use use)
{
    const char *keywords[16] = {
        "dbname",          "application_name",    "client_encoding",
        "keepalives_idle", "keepalives_interval", "keepalives_count",
        "tcp_user_timeout"};
    const char *values[16] = {dsn, name, "UTF8", "5", "5", "3", silence_ms};
    size_t n = 7;

    if (secret) {
        keywords[n] = "password";
        values[n++] = secret;
    }
    if (use == PG_USE_REPLICATION) {
        keywords[n] = "replication";
        values[n++] = "database";
    }
    return PQconnectStartParams(keywords, values, 1);
}

struct pg_conn *pg_conn_open(const struct relais_conf *conf, enum pg_use use,
                             struct relais_error *err)
{
    const char *dsn = relais_conf_text(conf, "connector", "dsn");
    const char *secret_file = relais_conf_text(conf, "connector", "password_file");
    const char *instance = relais_conf_text(conf, "relais", "instance");
    int timeout_ms = (int)relais_conf_integer(conf, "connector", "connect_timeout_ms");
    char *secret = NULL, name[64], silence_ms[16];
    struct pg_conn *c;

    if (check_dsn(dsn, err) ||
        (secret_file && !(secret = relais_conf_secret(secret_file, err))))
        return NULL;
    c = relais_zalloc(sizeof(*c));
    c->statement_timeout_ms =
        (int)relais_conf_integer(conf, "connector", "statement_timeout_ms");
    snprintf(name, sizeof(name), "relais/%.50s", instance ? instance : "");
    snprintf(silence_ms, sizeof(silence_ms), "%d", timeout_ms);
    c->raw = start(dsn, name, secret, silence_ms, use);
    if (secret) {
        explicit_bzero(secret, strlen(secret));
        free(secret);
    }
    if (!c->raw || connect_now(c, timeout_ms, err) || set_session(c, use, err)) {
        pg_conn_close(c);
        return NULL;
    }
    return c;
}

void pg_conn_close(struct pg_conn *c)
{
    if (!c)
        return;
    PQfinish(c->raw);
    free(c);
}

PGconn *pg_conn_raw(struct pg_conn *c) { return c->raw; }

int pg_conn_version(const struct pg_conn *c) { return PQserverVersion(c->raw); }

/* What became of the statement cannot be known any more: the socket is shut down, so that
 * every later call fails at once. */
void pg_conn_patience(struct pg_conn *c, size_t statements)
{
    c->statements = statements < STATEMENTS_MAX ? (int)statements : STATEMENTS_MAX;
}

/* The server has the time-out for each statement. */
static int64_t patience_ms(const struct pg_conn *c)
{
    return (int64_t)c->statement_timeout_ms * (c->statements ? c->statements : 1) +
           ANSWER_GRACE_MS;
}

static int give_up(struct pg_conn *c, const char *what, struct relais_error *err)
{
    shutdown(PQsocket(c->raw), SHUT_RDWR);
    return relais_error_set(err, RELAIS_E_PG_DOWN, what,
                            "no answer within %" PRId64 " ms", patience_ms(c));
}

static int64_t answer_until(const struct pg_conn *c)
{
    return relais_monotonic_us() + patience_ms(c) * 1000;
}

static int send_all(struct pg_conn *c, const char *what, struct relais_error *err)
{
    int64_t until_us = answer_until(c);
    int left;

    while ((left = PQflush(c->raw)) == 1) {
        if (!wait_socket(c, POLLIN | POLLOUT, until_us))
            return give_up(c, what, err);
        /* a server that cannot be rid of its answer does not read on */
        if (!PQconsumeInput(c->raw))
            return pg_conn_error(c, NULL, what, err);
    }
    return left ? pg_conn_error(c, NULL, what, err) : 0;
}

int pg_conn_wait(struct pg_conn *c, const char *what, struct relais_error *err)
{
    int64_t until_us = answer_until(c);

    if (send_all(c, what, err))
        return -1;
    while (PQisBusy(c->raw)) {
        if (!wait_socket(c, POLLIN, until_us))
            return give_up(c, what, err);
        if (!PQconsumeInput(c->raw))
            return pg_conn_error(c, NULL, what, err);
    }
    return 0;
}

PGresult *pg_conn_result(struct pg_conn *c, const char *what, struct relais_error *err)
{
    PGresult *result;

    if (pg_conn_wait(c, what, err))
        return NULL;
    result = PQgetResult(c->raw);
    switch (result ? PQresultStatus(result) : PGRES_COMMAND_OK) {
    case PGRES_FATAL_ERROR:
    case PGRES_BAD_RESPONSE:
        pg_conn_error(c, result, what, err);
        PQclear(result);
        return NULL;
    default:
        return result;
    }
}

/* COPY and replication go on by themselves: their result is the only one for now. */
static bool begins(const PGresult *result)
{
    switch (PQresultStatus(result)) {
    case PGRES_COPY_IN:
    case PGRES_COPY_OUT:
    case PGRES_COPY_BOTH:
        return true;
    default:
        return false;
    }
}

/* All results of what was sent; the last one, unless one was an error. */
static PGresult *last_result(struct pg_conn *c, const char *what,
                             struct relais_error *err)
{
    struct relais_error why = RELAIS_ERROR_INIT;
    PGresult *last = NULL, *result;

    for (;;) {
        struct relais_error this_one = RELAIS_ERROR_INIT;

        result = pg_conn_result(c, what, &this_one);
        if (why.code == RELAIS_E_OK)
            why = this_one;
        if (!result &&
            (this_one.code == RELAIS_E_OK || PQstatus(c->raw) != CONNECTION_OK))
            break;
        if (!result)
            continue;
        PQclear(last);
        last = result;
        if (begins(result))
            break;
    }
    if (why.code == RELAIS_E_OK)
        return last;
    PQclear(last);
    if (err && err->code == RELAIS_E_OK)
        *err = why;
    return NULL;
}

PGresult *pg_conn_exec(struct pg_conn *c, const char *what, const char *sql,
                       const char *const *params, int param_count,
                       struct relais_error *err)
{
    int sent =
        params ? PQsendQueryParams(c->raw, sql, param_count, NULL, params, NULL, NULL, 0)
               : PQsendQuery(c->raw, sql);

    if (sent)
        return last_result(c, what, err);
    pg_conn_error(c, NULL, what, err);
    return NULL;
}

int pg_conn_run(struct pg_conn *c, const char *what, const char *sql,
                struct relais_error *err)
{
    PGresult *result = pg_conn_exec(c, what, sql, NULL, 0, err);

    if (!result)
        return -1;
    PQclear(result);
    return 0;
}

int pg_conn_copy(struct pg_conn *c, const char *what, struct relais_slice bytes,
                 struct relais_error *err)
{
    if (bytes.len > INT_MAX)
        return relais_error_set(err, RELAIS_E_LIMIT, what,
                                "too much for one COPY message");
    if (PQputCopyData(c->raw, bytes.ptr, (int)bytes.len) != 1)
        return pg_conn_error(c, NULL, what, err);
    return send_all(c, what, err);
}

int pg_conn_copy_end(struct pg_conn *c, const char *what, struct relais_error *err)
{
    if (PQputCopyEnd(c->raw, NULL) != 1)
        return pg_conn_error(c, NULL, what, err);
    return send_all(c, what, err);
}

int pg_conn_answered(struct pg_conn *c, const char *what, struct relais_error *err)
{
    struct relais_error why = RELAIS_ERROR_INIT;

    PQclear(last_result(c, what, &why));
    if (why.code && err && err->code == RELAIS_E_OK)
        *err = why;
    return why.code ? -1 : 0;
}

/* One part of a name from *at on, to be ended by `.` or the end. */
static int name_part(const char **at, struct relais_buf *part)
{
    const char *s = *at;
    bool quoted = *s == '"';
    int rc = 0;

    relais_buf_clear(part);
    for (s += quoted; *s; s++) {
        if (quoted && *s == '"' && *++s != '"')
            break;
        if (!quoted && *s == '.')
            break;
        /* as SQL folds what is not in quotes */
        rc |= relais_buf_add_char(part, quoted ? *s : (char)tolower((unsigned char)*s));
    }
    *at = s;
    return rc || part->len == 0 || (*s && *s != '.') ? -1 : 0;
}

int pg_conn_quote_name(struct pg_conn *c, const char *name, struct relais_buf *out,
                       struct relais_error *err)
{
    struct relais_buf part = RELAIS_BUF_INIT(NAME_MAX_BYTES);
    const char *at = name;
    size_t count = 0;
    int rc = -1;

    for (;;) {
        char *quoted = NULL;

        if (count == 2 || name_part(&at, &part))
            goto out;
        quoted = PQescapeIdentifier(c->raw, part.data, part.len);
        if (!quoted || (count && relais_buf_add_char(out, '.')) ||
            relais_buf_add_str(out, quoted)) {
            PQfreemem(quoted);
            goto out;
        }
        PQfreemem(quoted);
        count++;
        if (!*at)
            break;
        at++;
    }
    rc = 0;
out:
    if (rc)
        relais_error_set(err, RELAIS_E_CONF_VALUE, "connector",
                         "%.80s is no name of a table", name);
    relais_buf_release(&part);
    return rc;
}
