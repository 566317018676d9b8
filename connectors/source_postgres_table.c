/* source_postgres_table: ordinary tables as objects of a contract. Changes come by
 * logical replication and only say which objects they touch; what an object looks like is
 * read from the tables then, as a whole, and given as a snapshot (or, kind "fact", as the
 * fact of a row inserted). So a transaction of many rows gives each object once, values
 * that the log does not carry (unchanged TOAST) are never missing, and no row is kept
 * here.
 *
 * The first load reads all objects by key, in pages, from the moment the slot exists; the
 * log then brings whatever changed since. What both bring is the same object twice, which
 * the difference stage sees. A TRUNCATE, or more changes at once than fit, is a load once
 * more.
 */
#include "connectors/connector.h"
#include "connectors/pg_mapping_check.h"
#include "connectors/source_table.h"
#include "core/day.h"

#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>

#define BATCH_MAX        256
#define PAGE             500 /* objects read by one statement */
#define SAVE_US          INT64_C(1000000)
#define SHORT_WAIT_MS    2
#define CHARGE_MAX_BYTES (512u << 10)

static void source_table_close(void *state)
{
    struct source_table *t = state;
    struct relais_error ignored = RELAIS_ERROR_INIT;

    if (!t)
        return;
    /* without it the next start reads a second's rows again */
    if (t->unsaved && pg_progress_write(t->path, &t->progress, &ignored))
        relais_error_clear(&ignored);
    PQclear(t->rows);
    pg_slot_leave(&t->slot, t->stream);
    pg_stream_close(t->stream);
    pg_objects_close(&t->objects);
    pg_mapping_free(t->objects.mapping);
    pg_touched_release(&t->touched);
    free(t);
}

static bool loading(const struct source_table *t)
{
    return t->progress.phase != PG_PHASE_STREAM;
}

/* ---- what is durable -----------------------------------------------------------------
 */

static int save(struct source_table *t, bool now, struct relais_error *err)
{
    int64_t us = relais_monotonic_us();

    if (!t->unsaved || (!now && us - t->saved_us < SAVE_US))
        return 0;
    if (pg_progress_write(t->path, &t->progress, err))
        return -1;
    t->saved_us = us;
    t->unsaved = false;
    return 0;
}

static int settle(struct source_table *t, struct relais_error *err)
{
    while (t->pending_count && t->pending[t->pending_first].ack <= t->acked) {
        const struct table_pending *p = &t->pending[t->pending_first];

        if (p->end_lsn > t->confirmed)
            t->confirmed = p->end_lsn;
        if (*p->cursor) {
            memcpy(t->progress.cursor, p->cursor, PG_CURSOR_MAX);
            t->unsaved = true;
        }
        t->pending_first = (t->pending_first + 1) % TABLE_PENDING_MAX;
        t->pending_count--;
    }
    if (t->stream && t->confirmed)
        pg_stream_confirm(t->stream, t->confirmed);
    return save(t, false, err);
}

int source_table_follow(struct source_table *t, uint64_t end_lsn, const char *cursor,
                        struct relais_error *err)
{
    size_t last = (t->pending_first + t->pending_count - 1) % TABLE_PENDING_MAX;
    struct table_pending *p;

    if (t->pending_count && t->pending[last].ack == t->given && !*cursor) {
        p = &t->pending[last];
    } else {
        p = &t->pending[(last + 1) % TABLE_PENDING_MAX];
        *p = (struct table_pending){.ack = t->given};
        t->pending_count++;
    }
    p->end_lsn = end_lsn;
    snprintf(p->cursor, sizeof(p->cursor), "%s", cursor);
    return settle(t, err);
}

bool source_table_full(const struct source_table *t)
{
    return t->pending_count == TABLE_PENDING_MAX;
}

static int source_table_ack(void *state, uint64_t position, struct relais_error *err)
{
    struct source_table *t = state;

    t->acked = position;
    return settle(t, err);
}

/* ---- objects become records ----------------------------------------------------------
 */

/* The touched key that this row is of: rows come in the order of the keys, some have
 * none. */
static size_t key_of_row(struct source_table *t)
{
    uint16_t root = (uint16_t)(t->objects.mapping->root - t->objects.mapping->tables);
    struct relais_slice text = relais_slice_str(PQgetvalue(t->rows, t->row, 0));

    while (t->key < t->touched.count &&
           (t->touched.keys[t->key].table != root ||
            !relais_slice_eq(t->touched.keys[t->key].text, text)))
        t->key++;
    return t->key;
}

static struct relais_slice position_of(struct source_table *t, struct relais_arena *arena)
{
    if (loading(t))
        return relais_arena_printf(arena, "%" PRIX64 "/0/%X/%" PRIX64, t->progress.lsn,
                                   t->progress.epoch, t->rank + 1);
    return relais_arena_printf(arena, "%" PRIX64 "/%zX", t->commit_lsn,
                               key_of_row(t) + 1);
}

/* false: no room in this batch. */
static bool give_row(struct source_table *t, struct relais_batch *out)
{
    struct relais_slice json = {PQgetvalue(t->rows, t->row, 1),
                                (size_t)PQgetlength(t->rows, t->row, 1)};
    struct relais_error why = RELAIS_ERROR_INIT;
    struct relais_value *value = relais_value_parse(&out->arena, json, &why);
    struct relais_slice position = position_of(t, &out->arena);
    struct relais_slice charge = json.len > CHARGE_MAX_BYTES
                                     ? RELAIS_SLICE_NULL
                                     : relais_arena_slice(&out->arena, json);
    struct relais_record *rec;

    if ((!value && why.code == RELAIS_E_LIMIT && out->count) || !position.ptr)
        return false;
    rec = relais_batch_add(out);
    if (!rec)
        return false;
    if (value)
        pg_mapping_prune(value);
    rec->kind = !value                     ? RELAIS_RECORD_PARKED
                : t->objects.mapping->fact ? RELAIS_RECORD_FACT
                                           : RELAIS_RECORD_SNAPSHOT;
    rec->schema = t->schema;
    rec->value = value;
    rec->problem = why;
    rec->depot = relais_slice_str(t->slot.name);
    rec->position = position;
    rec->charge = charge;
    rec->observed_us = loading(t) ? t->progress.began_us : t->commit_us;
    rec->initial = t->progress.phase == PG_PHASE_LOAD;
    rec->ack = ++t->given;
    t->rank++;
    return true;
}

/* 1: all rows in hand were given; 0: the batch is full. */
static int give(struct source_table *t, struct relais_batch *out,
                struct relais_error *err)
{
    int rc = 1;

    while (t->row < PQntuples(t->rows)) {
        if (out->count == BATCH_MAX)
            return 0;
        if (!give_row(t, out))
            return out->count ? 0
                              : relais_error_set(err, RELAIS_E_BUG, "connector.mapping",
                                                 "batch arena too small");
        t->row++;
    }
    if (loading(t) && PQntuples(t->rows))
        rc = source_table_follow(t, 0, t->page_cursor, err) ? -1 : 1;
    PQclear(t->rows);
    t->rows = NULL;
    return rc;
}

static void take_rows(struct source_table *t, PGresult *rows)
{
    t->rows = rows;
    t->row = 0;
}

/* ---- the load ------------------------------------------------------------------------
 */

static int begin_phase(struct source_table *t, enum pg_phase phase,
                       struct relais_error *err)
{
    t->progress.phase = phase;
    t->progress.cursor[0] = t->page_cursor[0] = t->page_begin[0] = '\0';
    t->loaded = false;
    t->rank = 0;
    t->unsaved = true;
    return save(t, true, err);
}

/* 1: rows, or the load is over; 0: not now. */
static int next_page(struct source_table *t, int timeout_ms, struct relais_error *err)
{
    PGresult *rows;
    int count;

    if (source_table_full(t) || (t->loaded && t->acked < t->given)) {
        poll(NULL, 0, timeout_ms < SHORT_WAIT_MS ? timeout_ms : SHORT_WAIT_MS);
        return 0;
    }
    if (t->loaded)
        return begin_phase(t, PG_PHASE_STREAM, err) ? -1 : 1;
    memcpy(t->page_begin, t->page_cursor, PG_CURSOR_MAX);
    rows = pg_objects_page(&t->objects, t->page_cursor, PAGE, err);
    if (!rows)
        return -1;
    count = PQntuples(rows);
    if (count)
        snprintf(t->page_cursor, sizeof(t->page_cursor), "%s",
                 PQgetvalue(rows, count - 1, 0));
    t->loaded = count < PAGE;
    take_rows(t, rows);
    return 1;
}

/* ---- changes -------------------------------------------------------------------------
 */

static int begin_reload(struct source_table *t, struct relais_error *err)
{
    pg_stream_close(t->stream);
    t->stream = NULL;
    t->reading = false;
    source_table_forget(t);
    t->progress.lsn = t->commit_lsn + 1;
    t->progress.began_us = t->commit_us;
    t->progress.epoch = 1;
    t->read_lsn = t->commit_lsn;
    return begin_phase(t, PG_PHASE_RELOAD, err);
}

/* 1: rows, or the batch is done; 0: not now. */
static int read_objects(struct source_table *t, struct relais_error *err)
{
    PGresult *rows;
    size_t count;
    int visible;

    if (!t->resolved) {
        visible = pg_objects_visible(&t->objects, t->xids, t->xid_count, err);
        if (visible == 0)
            poll(NULL, 0, SHORT_WAIT_MS);
        if (visible <= 0)
            return visible;
        if (!t->everything && pg_objects_roots(&t->objects, &t->touched, err)) {
            if (err->code != RELAIS_E_LIMIT)
                return -1;
            relais_error_clear(err);
            t->everything = true;
        }
        if (t->everything)
            return begin_reload(t, err) ? -1 : 1;
        t->resolved = true;
        t->next_key = 0;
    }
    t->key = t->next_key;
    rows = pg_objects_read(&t->objects, &t->touched, &t->next_key, PAGE, &count, err);
    if (!rows)
        return -1;
    if (count) {
        take_rows(t, rows);
        return 1;
    }
    PQclear(rows);
    t->read_lsn = t->commit_lsn;
    t->reading = t->resolved = false;
    source_table_forget(t);
    return source_table_follow(t, t->end_lsn, "", err) ? -1 : 1;
}

/* What is loaded is as late as the slot is ours: later than what another process, which
 * had it before, may still publish. */
static int set_began(struct source_table *t, struct relais_error *err)
{
    PGresult *r;

    if (pg_objects_open(&t->objects, err))
        return -1;
    r = pg_conn_exec(t->objects.conn, "connector.dsn",
                     "SELECT (extract(epoch FROM now()) * 1000000)::int8", NULL, 0, err);
    if (!r)
        return -1;
    t->began = t->slot.taken;
    t->progress.began_us = strtoll(PQgetvalue(r, 0, 0), NULL, 10);
    t->unsaved = true;
    PQclear(r);
    return 0;
}

/* The stream is there, and the slot ours, also while nothing is read from it. What is in
 * hand when it was lost may be older than what another process published since: it is
 * read again. */
static int hold(struct source_table *t, struct relais_error *err)
{
    if (t->stream && (t->rows || t->reading || loading(t))) {
        pg_stream_confirm(t->stream, t->confirmed); /* the server hears of us */
        if (pg_stream_ended(t->stream)) {
            pg_stream_close(t->stream);
            t->stream = NULL;
            PQclear(t->rows);
            t->rows = NULL;
            t->reading = t->resolved = false;
            source_table_forget(t);
            if (loading(t)) {
                memcpy(t->page_cursor, t->page_begin, PG_CURSOR_MAX);
                t->loaded = false;
            }
            return relais_error_set(err, RELAIS_E_PG_DOWN, "replication",
                                    "the stream ended while objects were read");
        }
    }
    if (!t->stream && source_table_stream(t, err))
        return -1;
    return loading(t) && t->began != t->slot.taken ? set_began(t, err) : 0;
}

static int source_table_poll(void *state, struct relais_batch *out, int timeout_ms,
                             struct relais_error *err)
{
    struct source_table *t = state;

    if (hold(t, err))
        return -1;
    while (out->count < BATCH_MAX) {
        int wait_ms = out->count ? 0 : timeout_ms, got;

        if (t->rows)
            got = give(t, out, err);
        else if (loading(t))
            got = next_page(t, wait_ms, err);
        else
            got =
                t->reading ? read_objects(t, err) : source_table_collect(t, wait_ms, err);
        if (got < 0 && out->count)
            relais_error_clear(err); /* it comes again, with nothing to lose */
        if (got <= 0)
            return out->count ? 0 : got;
        timeout_ms = 0;
    }
    return 0;
}

static uint64_t source_table_taken(void *state)
{
    const struct source_table *t = state;

    return t->slot.taken;
}

static bool source_table_held(void *state)
{
    const struct source_table *t = state;

    return t->stream && !pg_stream_ended(t->stream);
}

static bool source_table_idle(void *state)
{
    struct source_table *t = state;

    return !loading(t) && !t->rows && !t->reading && !t->xid_count &&
           t->acked == t->given && t->stream && pg_stream_idle(t->stream);
}

/* ---- the connector -------------------------------------------------------------------
 */

static int set_names(struct source_table *t, struct relais_error *err)
{
    t->schema = relais_conf_text(t->conf, "connector", "schema");
    if (pg_slot_init(&t->slot, t->conf, err))
        return -1;
    if (snprintf(t->path, sizeof(t->path), "%s/chargement.%s",
                 relais_conf_text(t->conf, "relais", "state"),
                 t->slot.name) >= (int)sizeof(t->path))
        return relais_error_set(err, RELAIS_E_CONF_VALUE, "[relais] state",
                                "too long a path");
    return 0;
}

/* Commits up to it are read: the server's log must hold them, also where a person had it
 * forgotten what was confirmed. */
static void set_read(struct source_table *t)
{
    t->read_lsn = t->progress.lsn ? t->progress.lsn - 1 : 0;
    if (t->read_lsn > t->slot.origin.lsn)
        t->slot.origin.lsn = t->read_lsn;
}

static int start(struct source_table *t, struct relais_error *err)
{
    const char *identity = relais_conf_text(t->conf, "connector", "replica_identity");
    struct pg_slot_state slot;

    if (set_names(t, err) || pg_progress_read(t->path, &t->progress, err))
        return -1;
    set_read(t);
    if (pg_objects_open(&t->objects, err) ||
        pg_slot_read_tables(&t->slot, t->objects.conn, err) ||
        pg_slot_check(&t->slot, t->objects.conn, &slot, err) ||
        (strcmp(identity, "exiger") == 0 &&
         pg_mapping_check_identity(t->objects.mapping, t->objects.conn, err)))
        return -1;
    if (t->progress.phase == PG_PHASE_NONE) { /* the load begins where the log does */
        if (slot.confirmed > t->progress.lsn)
            t->progress.lsn = slot.confirmed;
        t->progress.phase = t->objects.mapping->fact ? PG_PHASE_STREAM : PG_PHASE_LOAD;
    }
    set_read(t);
    memcpy(t->page_cursor, t->progress.cursor, PG_CURSOR_MAX);
    memcpy(t->page_begin, t->progress.cursor, PG_CURSOR_MAX);
    t->progress.epoch++;
    t->unsaved = true;
    return save(t, true, err);
}

static int source_table_open(void **state, const struct relais_conf *conf,
                             struct relais_error *err)
{
    struct source_table *t = relais_zalloc(sizeof(*t));

    t->conf = t->objects.conf = conf;
    pg_touched_init(&t->touched);
    t->objects.mapping =
        pg_mapping_load(relais_conf_text(conf, "connector", "mapping"), err);
    if (t->objects.mapping && start(t, err) == 0) {
        *state = t;
        return 0;
    }
    t->unsaved = false;
    source_table_close(t);
    return -1;
}

static int source_table_expect(void *state, const char *schema,
                               const struct relais_value *open, struct relais_error *err)
{
    const struct source_table *t = state;

    return pg_mapping_check_fields(
        t->objects.mapping, relais_conf_text(t->conf, "connector", "mapping"), open, err);
}

static const struct relais_conf_key keys[] = {
    PG_CONN_KEYS,
    {"connector", "mapping", RELAIS_CONF_PATH, .required = true,
     .doc = "Fichier JSON : tables, jointures, colonnes et champs."},
    {"connector", "schema", RELAIS_CONF_TEXT, .required = true,
     .doc = "Message publié : nom complet, nom court, ou famille d'un seul."},
    PG_SLOT_KEYS,
    {"connector", "replica_identity", RELAIS_CONF_CHOICE, .choices = "exiger|ignorer",
     .def = "exiger",
     .doc = "exiger : refuser une table dont une ligne effacée ne dirait plus à quel "
            "objet elle appartenait."},
    PG_LIMITS_KEYS,
    {0},
};

static const struct relais_source_ops ops = {
    .open = source_table_open,
    .poll = source_table_poll,
    .ack = source_table_ack,
    .idle = source_table_idle,
    .taken = source_table_taken,
    .held = source_table_held,
    .expect = source_table_expect,
    .close = source_table_close,
};

const struct relais_connector relais_source_postgres_table = {
    .abi = RELAIS_CONNECTOR_ABI,
    .name = "source_postgres_table",
    .summary = "Publie l'état d'objets tenus dans des tables PostgreSQL",
    .keys = keys,
    .log = true,
    .source = &ops,
};
