/* sink_postgres: the last state of every object, exactly once, in tables of PostgreSQL.
 * Rows and positions are one transaction (pg_positions.h); tables say themselves what is
 * wanted of an event (pg_target.h). A batch goes by COPY into temporary tables and from
 * there by one statement a table, all in one message (pg_script.h). If the database
 * refuses it, halves are tried until the one record is found that it refuses; all others
 * are written. With a mapping the events of its contract go into an application's own
 * tables (pg_writing.h), in the same transaction.
 *
 * While there is a backlog (full batches) the server merges one batch while the next is
 * made ready; what was taken so is durable with the next write or flush. Where it fails
 * it is read again, and written without haste. Batches of nothing but new objects go
 * straight into the tables (enum pg_way), of which the last is written while the next one
 * is made ready; after a batch that does not go its way, 16 go another.
 *
 * After a lost connection it is looked up what became of the transaction; a database that
 * lost what it had committed (a crash without synchronous_commit, a restored backup) has
 * its own position, and events are read again from there.
 */
#include "connectors/connector.h"
#include "connectors/pg_completeness.h"
#include "connectors/pg_positions.h"
#include "connectors/pg_targets.h"
#include "connectors/pg_writing.h"
#include "core/log.h"

#include <stdio.h>
#include <stdlib.h>

struct sink_postgres {
    const struct relais_conf *conf;
    const char *schema; /* SQL */
    char *quoted;       /* the same, quoted */
    char *table;        /* of the positions, quoted */
    struct pg_conn *conn;
    struct pg_positions positions;
    struct pg_targets targets;
    struct pg_writing writing; /* into an application's own tables */
    struct pg_script script;   /* of the transaction under way */
    size_t full;               /* records of a full batch; 0: none is */
    bool running;   /* rows were sent whose answer was not waited for, in a transaction */
    bool lost;      /* what was running is lost: to be read again, by the positions */
    size_t careful; /* batches to be written one at a time */
    enum pg_way way; /* of full batches */
    size_t lower;    /* of them before the best way is tried again */
    bool in_doubt;   /* the connection was lost in a transaction */
    bool counted;    /* the tables of the proof of completeness are there */
    const struct relais_value **controls; /* of the transaction under way */
    size_t control_count;
};

static void lose_running(struct sink_postgres *s)
{
    s->running = false;
    s->lost = true;
    pg_positions_reset(&s->positions);
}

static void drop_session(struct sink_postgres *s)
{
    if (s->running)
        lose_running(s);
    s->control_count = 0; /* they are of a batch that may be gone */
    pg_targets_forget(&s->targets);
    pg_conn_close(s->conn);
    s->conn = NULL;
}

static void sink_postgres_close(void *state)
{
    struct sink_postgres *s = state;

    if (!s)
        return;
    drop_session(s);
    pg_positions_clear(&s->positions);
    pg_writing_close(&s->writing);
    pg_script_release(&s->script);
    free(s->controls);
    free(s->table);
    free(s->quoted);
    free(s);
}

static int name_tables(struct sink_postgres *s, struct relais_error *err)
{
    struct relais_buf name = RELAIS_BUF_INIT(512);
    char *quoted = PQescapeIdentifier(pg_conn_raw(s->conn), s->schema, strlen(s->schema));
    int rc = -1;

    if (!quoted)
        return pg_conn_error(s->conn, NULL, "connector.sql_schema", err);
    if (relais_buf_printf(&name, "%s.relais_positions", quoted) == 0) {
        free(s->quoted);
        free(s->table);
        s->quoted = relais_strdup(quoted);
        s->table = relais_buf_take(&name, NULL);
        rc = pg_completeness_there(s->conn, s->quoted, &s->counted, err);
    }
    PQfreemem(quoted);
    relais_buf_release(&name);
    return rc;
}

/* A connection, and no doubt about the last transaction. */
static int session(struct sink_postgres *s, struct relais_error *err)
{
    const char *synchronous =
        relais_conf_boolean(s->conf, "connector", "commit_synchrone")
            ? "SET synchronous_commit = on"
            : "SET synchronous_commit = off";

    if (!s->conn) {
        s->conn = pg_conn_open(s->conf, PG_USE_WRITE, err);
        if (!s->conn)
            return -1;
        if (pg_conn_run(s->conn, "session", synchronous, err) || name_tables(s, err) ||
            pg_writing_begin(&s->writing, s->conn, s->quoted, s->counted, err)) {
            drop_session(s);
            return -1;
        }
    }
    if (s->in_doubt && pg_positions_ask(&s->positions, s->conn, err)) {
        drop_session(s);
        return -1;
    }
    s->in_doubt = false;
    return 0;
}

static int sink_postgres_open(void **state, const struct relais_conf *conf,
                              struct relais_error *err)
{
    struct sink_postgres *s = relais_zalloc(sizeof(*s));
    struct relais_buf sql = RELAIS_BUF_INIT(1024);
    int rc = -1;

    s->conf = conf;
    s->schema = relais_conf_text(conf, "connector", "sql_schema");
    s->full = (size_t)relais_conf_integer(conf, "sink", "batch_records");
    s->way = PG_WAY_STRAIGHT;
    pg_script_init(&s->script);
    if (pg_writing_open(&s->writing, relais_conf_text(conf, "connector", "mapping"),
                        err) == 0 &&
        session(s, err) == 0 &&
        relais_buf_printf(&sql,
                          "SELECT groupe, topic, partition, suivant, epoque, "
                          "dernier_ms FROM %s "
                          "LIMIT 0",
                          s->table) == 0)
        rc = pg_conn_run(s->conn, "relais_positions", sql.data, err);
    relais_buf_release(&sql);
    if (rc) {
        sink_postgres_close(s);
        return -1;
    }
    *state = s;
    return 0;
}

static int sink_postgres_expect(void *state, const char *contract,
                                const struct relais_value *open,
                                const struct relais_value *closed,
                                struct relais_error *err)
{
    const struct pg_expected one = {contract, open, closed};
    struct sink_postgres *s = state;

    if (strcmp(contract, PG_CONTROL_CONTRACT) == 0)
        return 0;
    if (session(s, err))
        return -1;
    if (pg_writing_takes(&s->writing, contract))
        return pg_writing_expect(&s->writing, open, closed, err);
    if (pg_targets_expect(&s->targets, s->conn, s->schema, &one, s->counted, err) == 0)
        return 0;
    drop_session(s);
    return -1;
}

/* ---- one transaction -----------------------------------------------------------------
 */

static int announce(struct sink_postgres *s, struct relais_error *err)
{
    const char *topics = relais_conf_text(s->conf, "sink", "topics");

    for (size_t i = 0; i < s->control_count; i++)
        if (pg_completeness_announce(s->conn, s->quoted, topics ? topics : "",
                                     s->controls[i], err))
            return -1;
    return 0;
}

static void clear_rows(struct sink_postgres *s, enum pg_way way)
{
    s->control_count = 0;
    pg_writing_clear(&s->writing);
    pg_targets_clear(&s->targets, way);
}

/* The script is a transaction's beginning, with the rows in the buffers. */
static int begin(struct sink_postgres *s, struct relais_error *err)
{
    pg_script_clear(&s->script);
    return pg_script_add(&s->script, "BEGIN; ", err) ||
                   pg_targets_script(&s->targets, &s->script, err)
               ? -1
               : 0;
}

/* The script, and with it the transaction's end. */
static int end(struct sink_postgres *s, struct relais_error *err)
{
    return pg_positions_move(&s->positions, s->conn, &s->script, err) ||
                   pg_script_add(&s->script, "COMMIT; ", err) ||
                   pg_script_run(&s->script, s->conn, "merge", err)
               ? -1
               : 0;
}

/* What no script says goes between its beginning and its end. */
static int apply(struct sink_postgres *s, struct relais_error *err)
{
    if (!s->writing.events.len && !s->control_count)
        return 0;
    return pg_script_run(&s->script, s->conn, "merge", err) ||
                   pg_writing_apply(&s->writing, s->conn, err) || announce(s, err)
               ? -1
               : 0;
}

/* Everything that is in the buffers and ahead, or nothing. */
static int transact(struct sink_postgres *s, struct relais_error *err)
{
    struct relais_error why = RELAIS_ERROR_INIT;

    if (begin(s, &why) == 0 && apply(s, &why) == 0 && end(s, &why) == 0) {
        pg_positions_settle(&s->positions, true);
        clear_rows(s, PG_WAY_MERGE);
        return 0;
    }
    clear_rows(s, PG_WAY_MERGE);
    if (PQstatus(pg_conn_raw(s->conn)) != CONNECTION_OK ||
        pg_conn_run(s->conn, "transaction", "ROLLBACK",
                    &(struct relais_error)RELAIS_ERROR_INIT)) {
        s->in_doubt = true;
        drop_session(s);
    } else {
        pg_positions_settle(&s->positions, false);
    }
    *err = why;
    return -1;
}

/* ---- a batch -------------------------------------------------------------------------
 */

/* Positions are ahead by what was gathered. */
static void go_on(struct sink_postgres *s, const struct relais_record *const *records,
                  size_t from, size_t to)
{
    for (size_t i = from; i < to; i++) {
        struct pg_position *at =
            pg_positions_find(&s->positions, records[i]->topic, records[i]->partition);

        if (!at || records[i]->offset < at->ahead)
            continue;
        at->ahead = records[i]->offset + 1;
        at->ahead_ms = records[i]->timestamp_ms;
    }
}

/* Records from..to into the buffers. -1: *bad_out is the one that does not go. */
static int gather(struct sink_postgres *s, const struct relais_record *const *records,
                  size_t from, size_t to, enum pg_way way, size_t *bad_out,
                  struct relais_error *err)
{
    clear_rows(s, way);
    s->controls = relais_realloc(s->controls, (to - from + 1) * sizeof(*s->controls));
    for (size_t i = from; i < to; i++) {
        const struct relais_record *rec = records[i];
        struct pg_position *at =
            pg_positions_find(&s->positions, rec->topic, rec->partition);
        struct pg_target *t;

        *bad_out = i;
        if (!at)
            return relais_error_set(err, RELAIS_E_FENCED, rec->topic,
                                    "partition %d is not ours", (int)rec->partition);
        if (rec->offset < at->ahead)
            continue; /* written before the connection was lost */
        if (strcmp(rec->schema, PG_CONTROL_CONTRACT) == 0) {
            if (!s->counted)
                return relais_error_set(err, RELAIS_E_PG_SCHEMA, "relais_controles",
                                        "no such table in the schema %.60s (relais sink "
                                        "ddl FILE.ini says the SQL)",
                                        s->schema);
            s->controls[s->control_count++] = rec->value;
            continue;
        }
        if (pg_writing_takes(&s->writing, rec->schema)) {
            if (pg_writing_add(&s->writing, rec->schema, rec->value, err))
                return -1;
            continue;
        }
        t = pg_targets_of(&s->targets, s->conn, s->schema, rec->schema, s->counted, err);
        if (!t || pg_target_add(t, rec->value, i, err))
            return -1;
    }
    return 0;
}

static bool is_data(const struct relais_error *err)
{
    return relais_error_class(err->code) == RELAIS_DATA;
}

/* Writes from..to, in halves where that is refused. *done_out: all before it is durable;
 * on DATA it is the record that is refused. */
static int write_range(struct sink_postgres *s,
                       const struct relais_record *const *records, size_t from, size_t to,
                       size_t *done_out, struct relais_error *err)
{
    struct relais_error why = RELAIS_ERROR_INIT;
    size_t bad = to;

    if (session(s, err))
        return -1;
    if (gather(s, records, from, to, PG_WAY_MERGE, &bad, &why)) {
        clear_rows(s, PG_WAY_MERGE);
        pg_positions_settle(&s->positions, false);
        if (PQstatus(pg_conn_raw(s->conn)) != CONNECTION_OK)
            drop_session(s);
        if (is_data(&why) && bad > from &&
            write_range(s, records, from, bad, done_out, err))
            return -1;
        *err = why;
        return -1;
    }
    go_on(s, records, from, to);
    if (transact(s, &why) == 0) {
        *done_out = to;
        return 0;
    }
    if (is_data(&why) && to - from > 1) {
        size_t middle = from + (to - from) / 2;

        return write_range(s, records, from, middle, done_out, err) ||
                       write_range(s, records, middle, to, done_out, err)
                   ? -1
                   : 0;
    }
    if (is_data(&why) && s->writing.form) {
        /* a row that the application made since we looked for it is found now */
        relais_error_clear(&why);
        if (gather(s, records, from, to, PG_WAY_MERGE, &bad, &why) == 0) {
            go_on(s, records, from, to);
            if (transact(s, &why) == 0) {
                *done_out = to;
                return 0;
            }
        }
    }
    *err = why;
    return -1;
}

/* ---- a backlog -----------------------------------------------------------------------
 */

#define CAREFUL_BATCHES 4
#define LOWER_BATCHES   16

/* A batch did not go its way: those after it take the next one. */
static void go_lower(struct sink_postgres *s, const char *why)
{
    if (s->way != PG_WAY_MERGE)
        s->way--;
    s->lower = LOWER_BATCHES;
    relais_log(RELAIS_LOG_DEBUG, "sink=sink_postgres way=%d reason=\"%s\"", s->way, why);
}

/* What is under way, and its transaction, are over. REREAD: its records are lost. */
static int finish(struct sink_postgres *s, struct relais_error *err)
{
    struct relais_error why = RELAIS_ERROR_INIT;

    if (!s->running)
        return 0;
    if (pg_script_answered(&s->script, s->conn, "merge", &why) == 0 &&
        end(s, &why) == 0) {
        s->running = false;
        pg_positions_settle(&s->positions, true);
        return 0;
    }
    s->careful = CAREFUL_BATCHES;
    go_lower(s, why.text);
    drop_session(s);
    return relais_error_set(err, RELAIS_E_REREAD, why.where, "%s: %s",
                            relais_error_name(why.code), why.text);
}

/* The rows in the buffers on their way, in a transaction of their own; or nothing. */
static void send_ahead(struct sink_postgres *s)
{
    struct relais_error why = RELAIS_ERROR_INIT;
    bool may = false;

    s->running = pg_targets_may_go(&s->targets, s->conn, &may, &why) == 0 && may &&
                 pg_targets_rows(&s->targets) && begin(s, &why) == 0 &&
                 pg_script_send(&s->script, s->conn, &why) == 0;
    if (s->running)
        return;
    go_lower(s, why.text);
    if (PQstatus(pg_conn_raw(s->conn)) != CONNECTION_OK ||
        (PQtransactionStatus(pg_conn_raw(s->conn)) != PQTRANS_IDLE &&
         pg_conn_run(s->conn, "transaction", "ROLLBACK",
                     &(struct relais_error)RELAIS_ERROR_INIT)))
        drop_session(s);
}

/* 1: not so, nothing of it is under way: the records are to be written as a range. */
static int write_ahead(struct sink_postgres *s,
                       const struct relais_record *const *records, size_t count,
                       struct relais_error *err)
{
    struct relais_error why = RELAIS_ERROR_INIT;
    size_t bad;

    if (!s->full || count < s->full || s->writing.form || s->careful ||
        session(s, &why) || gather(s, records, 0, count, s->way, &bad, &why) ||
        s->control_count)
        return finish(s, err) ? -1 : 1;
    if (finish(s, err))
        return -1;
    send_ahead(s);
    if (!s->running)
        return 1;
    if (s->lower && --s->lower == 0)
        s->way = PG_WAY_STRAIGHT;
    go_on(s, records, 0, count);
    clear_rows(s, PG_WAY_MERGE);
    return 0;
}

static int told_lost(struct relais_error *err)
{
    return relais_error_set(err, RELAIS_E_REREAD, "merge",
                            "a transaction was lost before it was committed");
}

static int sink_postgres_write(void *state, const struct relais_batch *in,
                               size_t *done_out, struct relais_error *err)
{
    struct sink_postgres *s = state;
    const struct relais_record **records =
        relais_alloc((in->count + 1) * sizeof(*records));
    size_t count = 0, most = s->writing.form ? PG_WRITING_EVENTS_MAX : in->count;
    int rc;

    *done_out = 0;
    if (s->lost) {
        free(records);
        return told_lost(err);
    }
    for (const struct relais_record *rec = in->first; rec && count < in->count;
         rec = rec->next)
        records[count++] = rec;
    rc = write_ahead(s, records, count, err);
    if (rc == 0)
        *done_out = count;
    else if (rc > 0)
        rc = 0;
    for (size_t from = *done_out, to; from < count && rc == 0; from = to) {
        to = count - from > most ? from + most : count;
        rc = write_range(s, records, from, to, done_out, err);
    }
    s->careful -= !rc && s->careful;
    free(records);
    return rc;
}

/* What was written ahead, and positions of what was parked. */
static int sink_postgres_flush(void *state, struct relais_error *err)
{
    struct sink_postgres *s = state;

    if (s->lost)
        return told_lost(err);
    if (finish(s, err) || session(s, err))
        return -1;
    return pg_positions_moved(&s->positions) ? transact(s, err) : 0;
}

static int sink_postgres_positions(void *state, const char *group,
                                   struct relais_position *list, size_t count,
                                   struct relais_error *err)
{
    struct sink_postgres *s = state;

    if (s->running)
        drop_session(s);
    s->in_doubt = false; /* what the last transaction did is read now */
    if (session(s, err))
        return -1;
    if (s->writing.form && s->targets.expected_count && !s->writing.expected)
        return relais_error_set(err, RELAIS_E_CONF_VALUE, "connector.mapping",
                                "no topic of [sink] brings %.60s",
                                s->writing.form->contract);
    if (pg_writing_alone(&s->writing, s->conn, s->quoted, group, err) == 0 &&
        pg_positions_take(&s->positions, s->conn, s->table, group, list, count, err) ==
            0) {
        s->lost = false;
        return 0;
    }
    pg_positions_clear(&s->positions);
    drop_session(s);
    return -1;
}

static int sink_postgres_look(void *state, const char *group,
                              struct relais_position *list, size_t count,
                              struct relais_error *err)
{
    struct sink_postgres *s = state;

    return session(s, err) ||
                   pg_positions_look(s->conn, s->table, group, list, count, err)
               ? -1
               : 0;
}

static void sink_postgres_revoked(void *state)
{
    struct sink_postgres *s = state;

    if (s->running)
        drop_session(s);
    pg_positions_clear(&s->positions);
    s->in_doubt = s->lost = false;
}

static void sink_postgres_skip(void *state, const struct relais_position *at)
{
    struct sink_postgres *s = state;

    pg_positions_skip(&s->positions, at);
}

static int sink_postgres_restart(void *state, const struct relais_position *at,
                                 struct relais_error *err)
{
    struct sink_postgres *s = state;

    /* if that is lost, the next write says so */
    (void)!finish(s, &(struct relais_error)RELAIS_ERROR_INIT);
    if (session(s, err))
        return -1;
    if (pg_positions_restart(&s->positions, s->conn, at, err) == 0)
        return 0;
    drop_session(s);
    return -1;
}

static const struct relais_conf_key keys[] = {
    PG_CONN_KEYS,
    {"connector", "sql_schema", RELAIS_CONF_TEXT, .def = "relais",
     .doc = "Schéma SQL des tables ; relais sink ddl en donne la définition."},
    {"connector", "mapping", RELAIS_CONF_PATH,
     .doc =
         "Fichier JSON qui dit comment les événements d'un contrat s'écrivent dans les "
         "tables d'une application ; les autres vont dans celles de relais sink ddl."},
    {"connector", "commit_synchrone", RELAIS_CONF_BOOLEAN, .def = "false",
     .doc = "Attendre le disque à chaque transaction. Inutile pour ne rien perdre : la "
            "position est dans la transaction, un arrêt brutal fait relire."},
    {0},
};

static const struct relais_sink_ops ops = {
    .open = sink_postgres_open,
    .write = sink_postgres_write,
    .flush = sink_postgres_flush,
    .close = sink_postgres_close,
    .positions = sink_postgres_positions,
    .look = sink_postgres_look,
    .revoked = sink_postgres_revoked,
    .skip = sink_postgres_skip,
    .restart = sink_postgres_restart,
    .expect = sink_postgres_expect,
    .without_headers = true,
};

const struct relais_connector relais_sink_postgres = {
    .abi = RELAIS_CONNECTOR_ABI,
    .name = "sink_postgres",
    .summary = "Tient dans des tables PostgreSQL le dernier état de chaque objet",
    .keys = keys,
    .sink = &ops,
};
