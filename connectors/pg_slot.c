#include "connectors/pg_slot.h"

#include "connectors/outbox_row.h"
#include "connectors/pg_mapping.h"
#include "core/day.h"
#include "core/log.h"
#include "core/metrics.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>

#define SAVE_US    INT64_C(10000000)
#define MEASURE_US INT64_C(30000000)
#define TELL_MS    3000
#define FRAME      52 /* what an error says around a remedy and its SQL */

int pg_slot_init(struct pg_slot *s, const struct relais_conf *conf,
                 struct relais_error *err)
{
    const char *name = relais_conf_text(conf, "connector", "slot");
    const char *publication = relais_conf_text(conf, "connector", "publication");
    int n;

    memset(s, 0, sizeof(*s));
    s->conf = conf;
    n = name ? snprintf(s->name, sizeof(s->name), "%s", name)
             : snprintf(s->name, sizeof(s->name), "relais_%s_%s",
                        relais_conf_text(conf, "relais", "territory"),
                        relais_conf_text(conf, "relais", "instance"));
    if (n >= (int)sizeof(s->name) || s->name[strspn(s->name, "abcdefghijklmnopqrstuvwxyz"
                                                             "0123456789_")])
        return relais_error_set(err, RELAIS_E_CONF_VALUE, "connector.slot",
                                "a slot is named by 1 to 63 of a-z, 0-9 and _: %.80s",
                                s->name);
    if (snprintf(s->publication, sizeof(s->publication), "%s",
                 publication ? publication : s->name) >= (int)sizeof(s->publication))
        return relais_error_set(err, RELAIS_E_CONF_VALUE, "connector.publication",
                                "longer than 63 bytes");
    if (snprintf(s->origin.path, sizeof(s->origin.path), "%s/origine.%s",
                 relais_conf_text(conf, "relais", "state"),
                 s->name) >= (int)sizeof(s->origin.path))
        return relais_error_set(err, RELAIS_E_CONF_VALUE, "[relais] state",
                                "too long a path");
    return pg_origin_read(&s->origin, err);
}

static uint64_t number(PGresult *r, int column)
{
    return PQgetisnull(r, 0, column) ? 0 : strtoull(PQgetvalue(r, 0, column), NULL, 10);
}

int pg_slot_look(const struct pg_slot *s, struct pg_conn *c, struct pg_slot_state *out,
                 struct relais_error *err)
{
    static const char sql[] =
        "WITH here AS (SELECT CASE WHEN pg_is_in_recovery() THEN "
        "pg_last_wal_replay_lsn() ELSE pg_current_wal_flush_lsn() END AS lsn) "
        "SELECT slot_name IS NOT NULL, coalesce(active, false), "
        "coalesce(slot_type = 'logical' AND plugin = 'pgoutput' AND database = "
        "current_database(), false), EXISTS (SELECT FROM pg_publication WHERE pubname = "
        "$2), coalesce(plugin, slot_type, ''), coalesce(database, ''), "
        "coalesce(wal_status, ''), confirmed_flush_lsn - '0/0', here.lsn - '0/0', "
        "here.lsn - restart_lsn, coalesce(safe_wal_size, -1) "
        "FROM here LEFT JOIN pg_replication_slots ON slot_name = $1";
    const char *params[] = {s->name, s->publication};
    PGresult *r = pg_conn_exec(c, "connector.slot", sql, params, 2, err);

    memset(out, 0, sizeof(*out));
    if (!r)
        return -1;
    out->exists = PQgetvalue(r, 0, 0)[0] == 't';
    out->active = PQgetvalue(r, 0, 1)[0] == 't';
    out->ours = PQgetvalue(r, 0, 2)[0] == 't';
    out->published = PQgetvalue(r, 0, 3)[0] == 't';
    snprintf(out->plugin, sizeof(out->plugin), "%.63s", PQgetvalue(r, 0, 4));
    snprintf(out->database, sizeof(out->database), "%.63s", PQgetvalue(r, 0, 5));
    snprintf(out->wal_status, sizeof(out->wal_status), "%.15s", PQgetvalue(r, 0, 6));
    out->confirmed = number(r, 7);
    out->server = number(r, 8);
    out->retained = (int64_t)number(r, 9);
    out->safe = strtoll(PQgetvalue(r, 0, 10), NULL, 10);
    PQclear(r);
    return 0;
}

/* ---- tables and publication ----------------------------------------------------------
 */

static int add_table(struct pg_slot *s, struct relais_slice schema, const char *name,
                     struct relais_error *err)
{
    struct pg_slot_table *t = &s->tables[s->table_count];

    if (s->table_count == PG_SLOT_TABLES_MAX || !schema.len ||
        schema.len >= sizeof(t->schema) || !*name || strchr(name, '.') ||
        strlen(name) >= sizeof(t->name))
        return relais_error_set(err, RELAIS_E_CONF_VALUE, "connector.table",
                                "to be named as schema.table");
    relais_slice_copy(schema, t->schema, sizeof(t->schema));
    snprintf(t->name, sizeof(t->name), "%s", name);
    s->table_count++;
    return 0;
}

static int add_mapped(struct pg_slot *s, const char *path, struct pg_conn *c,
                      struct relais_error *err)
{
    struct pg_mapping *m = pg_mapping_load(path, err);
    int rc = m ? pg_mapping_bind(m, c, err) : -1;

    for (size_t i = 0; rc == 0 && i < m->table_count; i++)
        if (!(rc = add_table(s, relais_slice_str(m->tables[i].schema_name),
                             m->tables[i].table_name, err)))
            snprintf(s->tables[i].column, sizeof(s->tables[i].column), "%s",
                     m->tables[i].parent ? m->tables[i].column : m->tables[i].key);
    s->changes = rc == 0 && !m->fact;
    pg_mapping_free(m);
    return rc;
}

bool pg_slot_is_table(const struct pg_slot_table *t, const struct pg_event *e)
{
    const struct pg_relation *r = e->relation;

    return (r->oid == t->oid && e->commit_lsn >= t->oid_from) ||
           (strcmp(r->name, t->name) == 0 && strcmp(r->schema, t->schema) == 0);
}

/* Another table under an outbox's name, perhaps with a copy of its rows: what was written
 * to it before is not of the outbox. */
static void know_table(struct pg_slot *s, uint64_t server)
{
    struct pg_slot_table *t = &s->tables[0];
    struct pg_origin *o = &s->origin;

    if (!s->table_count || relais_conf_text(s->conf, "connector", "mapping"))
        return;
    if (o->table_oid != t->oid) {
        o->table_lsn = o->table_oid ? server : 0;
        o->table_oid = t->oid;
        o->unsaved = true;
    }
    t->oid_from = o->table_lsn;
}

int pg_slot_read_tables(struct pg_slot *s, struct pg_conn *c, struct relais_error *err)
{
    const char *mapping = relais_conf_text(s->conf, "connector", "mapping");
    const char *table = outbox_table(s->conf);
    const char *dot = table ? strchr(table, '.') : NULL;

    s->table_count = 0;
    if (mapping)
        return add_mapped(s, mapping, c, err);
    if (!table)
        return 0;
    return add_table(s,
                     dot ? (struct relais_slice){table, (size_t)(dot - table)}
                         : RELAIS_SLICE("public"),
                     dot ? dot + 1 : table, err);
}

static int add_name(struct relais_buf *sql, struct pg_conn *c, const char *name)
{
    char *quoted = PQescapeIdentifier(pg_conn_raw(c), name, strlen(name));
    int rc = quoted ? relais_buf_add_str(sql, quoted) : -1;

    PQfreemem(quoted);
    return rc;
}

/* 1: the publication exists; *all_out: with all that may happen to a row. */
static int look_publication(const struct pg_slot *s, struct pg_conn *c, bool *all_out,
                            struct relais_error *err)
{
    static const char sql[] =
        "SELECT pubinsert AND ($2 = 'f' OR (pubupdate AND pubdelete AND pubtruncate)) "
        "FROM pg_publication WHERE pubname = $1";
    const char *params[] = {s->publication, s->changes ? "t" : "f"};
    PGresult *r = pg_conn_exec(c, "connector.publication", sql, params, 2, err);
    int rc = r ? PQntuples(r) : -1;

    *all_out = rc > 0 && PQgetvalue(r, 0, 0)[0] == 't';
    PQclear(r);
    return rc;
}

/* Of a table whose rows are read as well: are there some that the role does not see, or
 * that are not published? */
#define UNSEEN "row_security_active(c.oid), "
/* From PostgreSQL 15 on. */
#define FILTERED                                                                         \
    "EXISTS (SELECT FROM pg_publication_tables p WHERE p.pubname = $1 AND p.schemaname " \
    "= $2 AND p.tablename = $3 AND ((p.rowfilter IS NOT NULL AND $5::bool) OR ($4 <> "   \
    "'' AND $4 <> ALL (p.attnames))))"
#define LOOK_TABLE(filtered)                                                             \
    "SELECT EXISTS (SELECT FROM pg_publication_tables WHERE pubname = $1 AND "           \
    "schemaname = $2 AND tablename = $3), c.relkind = 'p' AND NOT EXISTS (SELECT "       \
    "FROM pg_publication WHERE pubname = $1 AND pubviaroot), " UNSEEN filtered           \
    ", c.oid FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE "       \
    "n.nspname = $2 AND c.relname = $3 AND c.relkind IN ('r', 'p')"

/* What a mapping reads must be there whole: else events would say that it is gone. Facts
 * may be published in part. */
static int check_whole(const struct pg_slot_table *t, const PGresult *r,
                       struct relais_error *err)
{
    if (PQgetvalue(r, 0, 2)[0] == 't')
        return relais_error_set(err, RELAIS_E_PG_RIGHTS, "connector.mapping",
                                "row level security of %.63s hides rows from this role: "
                                "ALTER ROLE ... BYPASSRLS",
                                t->name);
    if (PQgetvalue(r, 0, 3)[0] == 't')
        return relais_error_set(err, RELAIS_E_PUBLICATION, t->name,
                                "the publication leaves out rows by WHERE, or the column "
                                "%.63s: changes are missing. Publish the whole table",
                                t->column);
    return 0;
}

/* 1: published under its own name. *by_root_out: it has partitions, and the publication
 * is to name them by their root. */
static int look_table(const struct pg_slot *s, struct pg_conn *c, struct pg_slot_table *t,
                      bool *by_root_out, struct relais_error *err)
{
    const char *sql = pg_conn_version(c) >= 150000
                          ? LOOK_TABLE(FILTERED)
                          : LOOK_TABLE("$4::text IS NULL AND $5::bool");
    const char *params[] = {s->publication, t->schema, t->name, t->column,
                            s->changes ? "t" : "f"};
    PGresult *r = pg_conn_exec(c, "connector.publication", sql, params, 5, err);
    int rc = -1;

    if (r && PQntuples(r) == 0)
        relais_error_set(err, RELAIS_E_PG_SCHEMA, "connector.table",
                         "no table %.63s in the schema %.63s", t->name, t->schema);
    else if (r && (!relais_conf_text(s->conf, "connector", "mapping") ||
                   check_whole(t, r, err) == 0))
        rc = PQgetvalue(r, 0, 0)[0] == 't';
    if (rc >= 0)
        t->oid = (uint32_t)number(r, 4);
    *by_root_out = *by_root_out || (rc >= 0 && PQgetvalue(r, 0, 1)[0] == 't');
    PQclear(r);
    return rc;
}

/* ` WITH (...)` of a new publication, ` SET (...)` of one that is there. */
static int add_options(const struct pg_slot *s, bool there, bool all, bool by_root,
                       struct relais_buf *sql)
{
    const char *publish = there && all ? NULL
                          : s->changes ? "publish = 'insert, update, delete, truncate'"
                          : there || s->table_count ? "publish = 'insert'"
                                                    : NULL;

    if (!publish && !by_root)
        return 0;
    return relais_buf_printf(sql, " %s (%s%s%s)", there ? "SET" : "WITH",
                             publish ? publish : "", publish && by_root ? ", " : "",
                             by_root ? "publish_via_partition_root = true" : "");
}

int pg_slot_publication_sql(struct pg_slot *s, struct pg_conn *c, struct relais_buf *sql,
                            struct relais_error *err)
{
    bool all, by_root = false, first = true;
    int there = look_publication(s, c, &all, err), rc;
    size_t begun;

    if (there < 0)
        return -1;
    rc = relais_buf_add_str(sql, there ? "ALTER PUBLICATION " : "CREATE PUBLICATION ") ||
         add_name(sql, c, s->publication);
    begun = sql->len;
    for (size_t i = 0; i < s->table_count && !rc; i++) {
        int published = look_table(s, c, &s->tables[i], &by_root, err);

        if (published < 0)
            return -1;
        if (there && published)
            continue;
        rc = relais_buf_add_str(sql, !first  ? ", "
                                     : there ? " ADD TABLE "
                                             : " FOR TABLE ") ||
             add_name(sql, c, s->tables[i].schema) || relais_buf_add_char(sql, '.') ||
             add_name(sql, c, s->tables[i].name);
        first = false;
    }
    if (there &&
        (!all || by_root)) { /* one statement at a time: tables are looked at after */
        sql->len = begun;
        first = false;
    }
    if (!rc && (!there || !all || by_root))
        rc = add_options(s, there, all, by_root, sql);
    if (rc)
        return relais_error_set(err, RELAIS_E_LIMIT, "connector.publication",
                                "names too long");
    return !there || !first;
}

static int check_publication(struct pg_slot *s, struct pg_conn *c,
                             struct relais_error *err)
{
    struct relais_buf sql = RELAIS_BUF_INIT(16384);
    int wrong = pg_slot_publication_sql(s, c, &sql, err);
    /* what an outbox's slot has passed over is given again by one that has read nothing
     */
    const char *remedy = relais_conf_text(s->conf, "connector", "mapping")
                             ? pg_origin_remedy(s->conf)
                             : "then slot drop --oui, create, resnapshot";

    if (wrong > 0)
        relais_error_set(err, RELAIS_E_PUBLICATION, s->publication,
                         "changes of what it leaves out are missing. This, %s: %s",
                         remedy,
                         sql.len + strlen(remedy) + FRAME < sizeof(err->text)
                             ? sql.data
                             : "relais slot create FILE.ini says the SQL");
    relais_buf_release(&sql);
    return wrong ? -1 : 0;
}

int pg_slot_check(struct pg_slot *s, struct pg_conn *c, struct pg_slot_state *out,
                  struct relais_error *err)
{
    if (pg_slot_look(s, c, out, err))
        return -1;
    if (!out->exists)
        return relais_error_set(
            err, RELAIS_E_SLOT_MISSING, s->name,
            "there is none. First start: relais slot create FILE.ini. Dropped, or a "
            "standby was promoted: changes since are missing: create, %s",
            pg_origin_remedy(s->conf));
    if (!out->ours)
        return relais_error_set(err, RELAIS_E_SLOT_FOREIGN, s->name,
                                "a slot of %.40s, database %.40s: choose another name",
                                out->plugin, out->database);
    if (strcmp(out->wal_status, "lost") == 0)
        return relais_error_set(err, RELAIS_E_SLOT_LOST, s->name,
                                "the server removed WAL that was not read: changes are "
                                "missing. relais slot drop FILE.ini --oui, create, %s",
                                pg_origin_remedy(s->conf));
    if (check_publication(s, c, err))
        return -1;
    know_table(s, out->server);
    if (pg_origin_check(&s->origin, s->conf, c, out->server, s->name, err))
        return -1;
    if (out->confirmed > s->origin.lsn)
        s->origin.lsn = out->confirmed;
    return 0;
}

/* ---- while it is read ----------------------------------------------------------------
 */

static void measure(struct pg_slot *s, const struct pg_slot_state *state)
{
    relais_metric_set(slot_retained_bytes, state->retained);
    relais_metric_set(slot_safe_bytes, state->safe);
    s->measured_us = relais_monotonic_us();
}

struct pg_stream *pg_slot_stream(struct pg_slot *s, bool messages,
                                 struct relais_error *err)
{
    const struct pg_stream_options options = {
        .slot = s->name, .publication = s->publication, .messages = messages};
    struct pg_conn *c = pg_conn_open(s->conf, PG_USE_READ, err);
    struct pg_slot_state state;
    bool fit = c && (s->table_count || pg_slot_read_tables(s, c, err) == 0) &&
               pg_slot_check(s, c, &state, err) == 0;
    struct pg_stream *stream;

    pg_conn_close(c);
    if (!fit)
        return NULL;
    measure(s, &state);
    if (pg_origin_write(&s->origin, err))
        return NULL;
    stream = pg_stream_open(s->conf, &options, err);
    s->taken += stream != NULL;
    return stream;
}

void pg_slot_leave(struct pg_slot *s, const struct pg_stream *stream)
{
    struct relais_error ignored = RELAIS_ERROR_INIT;

    if (stream && pg_stream_confirmed(stream) > s->origin.lsn) {
        s->origin.lsn = pg_stream_confirmed(stream);
        s->origin.unsaved = true;
    }
    s->saved_us = relais_monotonic_us();
    if (s->origin.unsaved && *s->origin.system)
        (void)!pg_origin_write(&s->origin, &ignored);
}

int pg_slot_tend(struct pg_slot *s, const struct pg_stream *stream,
                 struct relais_error *err)
{
    struct relais_error why = RELAIS_ERROR_INIT;
    struct pg_slot_state state;
    int64_t now_us = relais_monotonic_us();
    struct pg_conn *c;
    bool unfit = false;
    int rc;

    if (now_us - s->saved_us >= SAVE_US)
        pg_slot_leave(s, stream);
    if (now_us - s->measured_us < MEASURE_US)
        return 0;
    s->measured_us = now_us;
    c = pg_conn_open(s->conf, PG_USE_READ, &why);
    rc = c ? pg_slot_look(s, c, &state, &why) : -1;
    if (!rc) {
        measure(s, &state);
        rc = check_publication(s, c, &why);
        if (!rc)
            know_table(s, state.server);
        s->unfit = rc && relais_error_class(why.code) == RELAIS_CONF ? s->unfit + 1 : 0;
        unfit = s->unfit > (why.code != RELAIS_E_PUBLICATION);
    }
    pg_conn_close(c);
    if (unfit)
        *err = why;
    return unfit ? -1 : 0;
}

/* ---- administration ------------------------------------------------------------------
 */

/* The oldest of the transactions that c waits for; false: none, or it cannot be asked.
 * pid 0: one that was prepared. since: seconds, "" where the role may not know. */
static bool blocker(const struct pg_slot *s, struct pg_conn *c, char pid[12],
                    char since[24])
{
    static const char sql[] =
        "SELECT pid, extract(epoch FROM clock_timestamp() - xact_start)::int8 FROM "
        "unnest(pg_blocking_pids($1::int)) pid LEFT JOIN pg_stat_activity USING (pid) "
        "ORDER BY xact_start LIMIT 1";
    struct relais_error ignored = RELAIS_ERROR_INIT;
    struct pg_conn *other = pg_conn_open(s->conf, PG_USE_READ, &ignored);
    const char *params[] = {pid};
    PGresult *r = NULL;
    bool there;

    snprintf(pid, 12, "%d", PQbackendPID(pg_conn_raw(c)));
    if (other)
        r = pg_conn_exec(other, "connector.slot", sql, params, 1, &ignored);
    there = r && PQntuples(r) == 1;
    if (there) {
        snprintf(pid, 12, "%.11s", PQgetvalue(r, 0, 0));
        snprintf(since, 24, "%.23s", PQgetvalue(r, 0, 1));
    }
    PQclear(r);
    pg_conn_close(other);
    return there;
}

int pg_slot_create(const struct pg_slot *s, struct pg_conn *c, struct relais_error *err)
{
    const char *sql = pg_conn_version(c) >= 170000
                          ? "SELECT pg_create_logical_replication_slot($1, 'pgoutput', "
                            "failover => true)"
                          : "SELECT pg_create_logical_replication_slot($1, 'pgoutput')";
    const char *params[] = {s->name};
    PGconn *raw = pg_conn_raw(c);
    char pid[12], since[24];
    bool waits;

    if (!PQsendQueryParams(raw, sql, 1, NULL, params, NULL, NULL, 0))
        return pg_conn_error(c, NULL, "connector.slot", err);
    waits =
        poll(&(struct pollfd){.fd = PQsocket(raw), .events = POLLIN}, 1, TELL_MS) == 0 &&
        blocker(s, c, pid, since);
    if (waits)
        relais_log(RELAIS_LOG_WARN,
                   "slot=%s waits_for_pid=%s since_s=%s text=\"a transaction that began "
                   "before: the slot is there once it has ended\"",
                   s->name, pid, since);
    if (!pg_conn_answered(c, "connector.slot", err))
        return 0;
    if (waits && err->code == RELAIS_E_PG_DOWN) {
        relais_error_clear(err);
        relais_error_set(err, RELAIS_E_PG_DOWN, "connector.slot",
                         "the transaction of pid %s began before and goes on: end it, or "
                         "SELECT pg_terminate_backend(%s), and create again (pid 0: "
                         "pg_prepared_xacts)",
                         pid, pid);
    }
    return -1;
}

int pg_slot_drop(const struct pg_slot *s, struct pg_conn *c, struct relais_error *err)
{
    const char *params[] = {s->name};
    PGresult *r = pg_conn_exec(c, "connector.slot", "SELECT pg_drop_replication_slot($1)",
                               params, 1, err);

    PQclear(r);
    return r ? 0 : -1;
}

int pg_slot_advance(const struct pg_slot *s, struct pg_conn *c, const char *lsn,
                    struct relais_error *err)
{
    const char *params[] = {s->name, lsn};
    PGresult *r = pg_conn_exec(c, "connector.slot",
                               "SELECT pg_replication_slot_advance($1, $2::pg_lsn)",
                               params, 2, err);

    PQclear(r);
    return r ? 0 : -1;
}
