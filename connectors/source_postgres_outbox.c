/* source_postgres_outbox: facts that an application writes into an outbox table in the
 * transaction of its own change (columns of Debezium's outbox: id, aggregatetype,
 * aggregateid, type, payload), or sends with pg_logical_emit_message(true, prefix, json).
 * Read by logical replication in the order of commits; a row may be deleted at once.
 *
 * The column id, a UUID, is the event's id. payload is json (text, json, jsonb: the
 * contract's clear values, contract A15) or bytea (ready Avro, bare or framed). What
 * cannot be read is parked with its place, never an error.
 */
#include "connectors/connector.h"
#include "connectors/pg_slot.h"
#include "connectors/pg_stream.h"
#include "core/day.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define BATCH_MAX        512
#define EVENTS_MAX       20000 /* of the log in one poll */
#define PENDING_MAX      4096
#define CHARGE_MAX_BYTES (512u << 10)
#define OID_BYTEA        17
#define EXTRA_MAX        16

/* A transaction of which all records were given. */
struct pending {
    uint64_t ack;
    uint64_t end_lsn;
};

/* A further column and where its text goes: a path in the value, or "traceparent". */
struct extra {
    char column[64];
    char path[96];
};

enum role { ROLE_ID, ROLE_KIND, ROLE_CASE, ROLE_PAYLOAD, ROLE_COUNT };

struct source_outbox {
    const struct relais_conf *conf;
    const char *schema, *prefix;
    const char *only; /* aggregatetype; NULL: all */
    struct pg_slot slot;
    char table_schema[64], table_name[64];
    const char *columns[ROLE_COUNT];
    struct extra extras[EXTRA_MAX];
    size_t extra_count;

    struct pg_stream *stream;     /* NULL: to be opened */
    const struct pg_event *held;  /* did not fit the last batch */
    uint64_t rank;                /* of the last record of this transaction */
    uint64_t last_lsn, last_rank; /* of the last record given */
    struct pending pending[PENDING_MAX];
    size_t pending_first, pending_count;
    uint64_t given, acked, confirmed;
};

static void source_outbox_close(void *state)
{
    struct source_outbox *s = state;

    if (!s)
        return;
    pg_stream_close(s->stream);
    free(s);
}

/* ---- configuration -------------------------------------------------------------------
 */

static bool copy_part(char out[64], struct relais_slice part)
{
    return part.len && part.len < 64 &&
           snprintf(out, 64, "%.*s", (int)part.len, part.ptr) > 0;
}

/* "schema.table", plain or as SQL folds it */
static int read_table(struct source_outbox *s, struct relais_error *err)
{
    const char *name = relais_conf_text(s->conf, "connector", "table");
    const char *dot = strchr(name, '.');

    if (dot &&
        copy_part(s->table_schema, (struct relais_slice){name, (size_t)(dot - name)}) &&
        copy_part(s->table_name, relais_slice_str(dot + 1)))
        return 0;
    return relais_error_set(err, RELAIS_E_CONF_VALUE, "connector.table",
                            "to be named as schema.table");
}

/* "column=path, column=path" */
static int read_extras(struct source_outbox *s, struct relais_error *err)
{
    const char *at = relais_conf_text(s->conf, "connector", "columns");

    while (at && *at) {
        size_t len = strcspn(at, ",");
        struct relais_slice pair = relais_slice_trim((struct relais_slice){at, len});
        const char *equal = pair.len ? memchr(pair.ptr, '=', pair.len) : NULL;
        struct extra *extra = &s->extras[s->extra_count];
        struct relais_slice path;

        at += len + (at[len] == ',');
        if (!pair.len)
            continue;
        if (!equal || s->extra_count == EXTRA_MAX)
            return relais_error_set(err, RELAIS_E_CONF_VALUE, "connector.columns",
                                    "at most %d pairs column=field", EXTRA_MAX);
        path = relais_slice_trim(
            (struct relais_slice){equal + 1, (size_t)(pair.ptr + pair.len - equal - 1)});
        if (!copy_part(extra->column, relais_slice_trim((struct relais_slice){
                                          pair.ptr, (size_t)(equal - pair.ptr)})) ||
            !path.len || path.len >= sizeof(extra->path))
            return relais_error_set(err, RELAIS_E_CONF_VALUE, "connector.columns",
                                    "a column or a field has no name");
        snprintf(extra->path, sizeof(extra->path), "%.*s", (int)path.len, path.ptr);
        s->extra_count++;
    }
    return 0;
}

static int configure(struct source_outbox *s, struct relais_error *err)
{
    const struct relais_conf *conf = s->conf;

    if (pg_slot_init(&s->slot, conf, err))
        return -1;
    s->schema = relais_conf_text(conf, "connector", "schema");
    s->prefix = relais_conf_text(conf, "connector", "prefix");
    s->only = relais_conf_text(conf, "connector", "aggregatetype");
    s->columns[ROLE_ID] = relais_conf_text(conf, "connector", "column_id");
    s->columns[ROLE_KIND] = relais_conf_text(conf, "connector", "column_aggregatetype");
    s->columns[ROLE_CASE] = relais_conf_text(conf, "connector", "column_aggregateid");
    s->columns[ROLE_PAYLOAD] = relais_conf_text(conf, "connector", "column_payload");
    return read_table(s, err) || read_extras(s, err) ? -1 : 0;
}

static int open_stream(struct source_outbox *s, struct relais_error *err)
{
    const struct pg_stream_options options = {.slot = s->slot.name,
                                              .publication = s->slot.publication,
                                              .messages = s->prefix != NULL};

    s->held = NULL;
    s->stream = pg_stream_open(s->conf, &options, err);
    if (!s->stream)
        return -1;
    if (s->confirmed)
        pg_stream_confirm(s->stream, s->confirmed);
    return 0;
}

static int check_slot(struct source_outbox *s, struct relais_error *err)
{
    struct pg_conn *c = pg_conn_open(s->conf, PG_USE_READ, err);
    struct pg_slot_state state;
    int rc = c ? pg_slot_check(&s->slot, c, &state, err) : -1;

    pg_conn_close(c);
    return rc;
}

static int source_outbox_open(void **state, const struct relais_conf *conf,
                              struct relais_error *err)
{
    struct source_outbox *s = relais_zalloc(sizeof(*s));

    s->conf = conf;
    if (configure(s, err) == 0 && check_slot(s, err) == 0 && open_stream(s, err) == 0) {
        *state = s;
        return 0;
    }
    source_outbox_close(s);
    return -1;
}

/* ---- what is durable -----------------------------------------------------------------
 */

static void settle(struct source_outbox *s)
{
    while (s->pending_count && s->pending[s->pending_first].ack <= s->acked) {
        s->confirmed = s->pending[s->pending_first].end_lsn;
        s->pending_first = (s->pending_first + 1) % PENDING_MAX;
        s->pending_count--;
    }
    if (s->stream && s->confirmed)
        pg_stream_confirm(s->stream, s->confirmed);
}

/* All before end_lsn is done with once every record given so far is durable. */
static void follow(struct source_outbox *s, uint64_t end_lsn)
{
    size_t last = (s->pending_first + s->pending_count - 1) % PENDING_MAX;

    if (s->pending_count && s->pending[last].ack == s->given)
        s->pending[last].end_lsn = end_lsn;
    else
        s->pending[(s->pending_first + s->pending_count++) % PENDING_MAX] =
            (struct pending){s->given, end_lsn};
    settle(s);
}

static int source_outbox_ack(void *state, uint64_t position, struct relais_error *err)
{
    struct source_outbox *s = state;

    s->acked = position;
    settle(s);
    return 0;
}

/* ---- a row, a message ----------------------------------------------------------------
 */

/* A row's column; NULL: none of that name. */
static const struct pg_datum *cell(const struct pg_event *e, const char *column,
                                   uint32_t *type_out)
{
    for (size_t i = 0; i < e->relation->column_count; i++)
        if (strcmp(e->relation->columns[i].name, column) == 0) {
            if (type_out)
                *type_out = e->relation->columns[i].type;
            return &e->now[i];
        }
    return NULL;
}

static struct relais_slice text_of(const struct pg_datum *d)
{
    return d && d->kind == PG_DATUM_TEXT ? d->bytes : RELAIS_SLICE_NULL;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* "\x00ff", as a server prints bytea. ptr NULL: it is not, or no room. */
static struct relais_slice bytes_of(struct relais_arena *arena, struct relais_slice hex)
{
    char *out;

    if (hex.len < 2 || hex.len % 2 || hex.ptr[0] != '\\' || hex.ptr[1] != 'x')
        return RELAIS_SLICE_NULL;
    out = relais_arena_alloc(arena, hex.len / 2);
    for (size_t i = 2; out && i < hex.len; i += 2) {
        int high = hex_digit(hex.ptr[i]), low = hex_digit(hex.ptr[i + 1]);

        if (high < 0 || low < 0)
            return RELAIS_SLICE_NULL;
        out[i / 2 - 1] = (char)(high << 4 | low);
    }
    return (struct relais_slice){out, out ? hex.len / 2 - 1 : 0};
}

/* Sets a text at a dotted path, unless something is there. false: no room. */
static bool put_text(struct relais_arena *arena, struct relais_value *value,
                     const char *path, struct relais_slice text)
{
    const char *dot = strchr(path, '.');
    struct relais_slice name = relais_arena_slice(
        arena, (struct relais_slice){path, dot ? (size_t)(dot - path) : strlen(path)});
    struct relais_value *there;

    if (!name.ptr)
        return false;
    there = relais_value_get(value, name.ptr);
    if (!dot && there && there->kind != RELAIS_VALUE_NULL)
        return true;
    if (!dot) {
        struct relais_slice kept = relais_arena_slice(arena, text);

        return kept.ptr && relais_value_add_string(arena, value, name.ptr, kept) == 0;
    }
    if (!there)
        there = relais_value_add(arena, value, name.ptr, RELAIS_VALUE_RECORD);
    if (there && there->kind != RELAIS_VALUE_RECORD)
        return true; /* the check stage says what is wrong with it */
    return there && put_text(arena, there, dot + 1, text);
}

/* 1: made; 0: no room in this batch. A payload that cannot be read leaves rec->problem.
 */
static int read_payload(struct source_outbox *s, struct relais_batch *out,
                        struct relais_record *rec, struct relais_slice payload,
                        bool bytes)
{
    struct relais_arena *arena = &out->arena;

    if (!payload.ptr) {
        relais_error_set(&rec->problem, RELAIS_E_FIELD_MISSING, "payload", "null");
        return 1;
    }
    if (payload.len <= CHARGE_MAX_BYTES) {
        rec->charge = relais_arena_slice(arena, payload);
        if (!rec->charge.ptr)
            return 0;
    }
    if (bytes) {
        rec->encoded = bytes_of(arena, payload);
        if (!rec->encoded.ptr)
            relais_error_set(&rec->problem, RELAIS_E_FIELD_TYPE, "payload",
                             "not bytes in hexadecimal form");
        return 1;
    }
    rec->value = relais_value_parse(arena, payload, &rec->problem);
    if (rec->problem.code == RELAIS_E_LIMIT && out->count > 1)
        return 0;
    if (rec->value && rec->value->kind != RELAIS_VALUE_RECORD)
        relais_error_set(&rec->problem, RELAIS_E_JSON_INVALID, "payload",
                         "not a JSON object");
    return 1;
}

static bool add_columns(struct source_outbox *s, struct relais_arena *arena,
                        struct relais_record *rec, const struct pg_event *e)
{
    struct relais_slice number = text_of(cell(e, s->columns[ROLE_CASE], NULL));

    for (size_t i = 0; i < s->extra_count; i++) {
        struct relais_slice text = text_of(cell(e, s->extras[i].column, NULL));

        if (!text.ptr)
            continue;
        if (strcmp(s->extras[i].path, "traceparent") == 0) {
            rec->trace = relais_arena_slice(arena, text);
            if (!rec->trace.ptr)
                return false;
        } else if (rec->value && !put_text(arena, rec->value, s->extras[i].path, text)) {
            return false;
        }
    }
    return !number.ptr || !rec->value ||
           put_text(arena, rec->value, "entete.dossier", number);
}

/* Of a message: {"id": uuid, "payload": {...}}, the payload's value stays where it is. */
static int read_message(struct source_outbox *s, struct relais_batch *out,
                        struct relais_record *rec, struct relais_slice content)
{
    struct relais_value *whole;

    if (!read_payload(s, out, rec, content, false))
        return 0;
    whole = rec->problem.code ? NULL : rec->value;
    if (!whole)
        return 1;
    rec->id = relais_value_text(whole, "id");
    rec->value = relais_value_get(whole, "payload");
    if (!rec->id.ptr || !rec->value || rec->value->kind != RELAIS_VALUE_RECORD)
        relais_error_set(&rec->problem, RELAIS_E_JSON_INVALID, "message",
                         "{\"id\": uuid, \"payload\": object} is expected");
    return 1;
}

static int read_row(struct source_outbox *s, struct relais_batch *out,
                    struct relais_record *rec, const struct pg_event *e)
{
    uint32_t type = 0;
    const struct pg_datum *payload = cell(e, s->columns[ROLE_PAYLOAD], &type);
    struct relais_slice id = text_of(cell(e, s->columns[ROLE_ID], NULL));

    if (!id.ptr)
        relais_error_set(&rec->problem, RELAIS_E_FIELD_MISSING, s->columns[ROLE_ID],
                         "the event's id");
    rec->id = id.ptr ? relais_arena_slice(&out->arena, id) : RELAIS_SLICE_NULL;
    if (id.ptr && !rec->id.ptr)
        return 0;
    if (!read_payload(s, out, rec, text_of(payload), type == OID_BYTEA))
        return 0;
    return rec->problem.code || add_columns(s, &out->arena, rec, e);
}

/* Removes the record added last, of which there is no room for the rest. */
static int no_room(struct relais_batch *out, struct relais_record *before)
{
    if (before)
        before->next = NULL;
    else
        out->first = NULL;
    out->last = before;
    out->count--;
    return 0;
}

/* 1: given; 0: no room; -1. */
static int give(struct source_outbox *s, struct relais_batch *out,
                const struct pg_event *e, struct relais_error *err)
{
    struct relais_record *before = out->last, *rec = relais_batch_add(out);
    int room;

    if (!rec)
        return 0;
    rec->schema = s->schema;
    rec->depot = relais_slice_str(s->slot.name);
    rec->observed_us = e->observed_us;
    rec->position = relais_arena_printf(&out->arena, "%" PRIX64 "/%" PRIX64,
                                        e->commit_lsn, s->rank + 1);
    room = rec->position.ptr &&
           (e->kind == PG_EVENT_MESSAGE ? read_message(s, out, rec, e->content)
                                        : read_row(s, out, rec, e));
    if (!room && before)
        return no_room(out, before);
    if (!room)
        return relais_error_set(err, RELAIS_E_BUG, "source_postgres_outbox",
                                "batch arena too small");
    rec->kind = rec->problem.code ? RELAIS_RECORD_PARKED : RELAIS_RECORD_FACT;
    if (rec->problem.code) {
        rec->value = NULL;
        rec->encoded = RELAIS_SLICE_NULL;
    }
    rec->ack = ++s->given;
    s->last_lsn = e->commit_lsn;
    s->last_rank = ++s->rank;
    return 1;
}

/* Is it a fact of ours, and not one that was given before the connection was lost? */
static bool ours(struct source_outbox *s, const struct pg_event *e)
{
    struct relais_slice kind;

    if (e->kind == PG_EVENT_MESSAGE) {
        if (!s->prefix || !e->transactional || strcmp(e->prefix, s->prefix) != 0)
            return false;
    } else {
        if (e->kind != PG_EVENT_INSERT || strcmp(e->relation->name, s->table_name) != 0 ||
            strcmp(e->relation->schema, s->table_schema) != 0)
            return false;
        kind = text_of(cell(e, s->columns[ROLE_KIND], NULL));
        if (s->only && !relais_slice_is(kind, s->only))
            return false;
    }
    if (e->commit_lsn < s->last_lsn ||
        (e->commit_lsn == s->last_lsn && s->rank < s->last_rank)) {
        s->rank++;
        return false;
    }
    return true;
}

/* 1: taken; 0: does not fit this batch; -1. */
static int take(struct source_outbox *s, struct relais_batch *out,
                const struct pg_event *e, struct relais_error *err)
{
    switch (e->kind) {
    case PG_EVENT_BEGIN:
        s->rank = 0;
        return 1;
    case PG_EVENT_COMMIT:
        follow(s, e->end_lsn);
        return 1;
    case PG_EVENT_MESSAGE:
        if (!e->transactional) {
            follow(s, e->end_lsn);
            return 1;
        }
        return ours(s, e) ? give(s, out, e, err) : 1;
    default:
        return ours(s, e) ? give(s, out, e, err) : 1;
    }
}

static int source_outbox_poll(void *state, struct relais_batch *out, int timeout_ms,
                              struct relais_error *err)
{
    struct source_outbox *s = state;
    int64_t until_us = relais_monotonic_us() + (int64_t)timeout_ms * 1000;

    if (!s->stream && open_stream(s, err))
        return -1;
    for (int i = 0;
         i < EVENTS_MAX && out->count < BATCH_MAX && s->pending_count < PENDING_MAX;
         i++) {
        int64_t left_us = out->count ? 0 : until_us - relais_monotonic_us();
        const struct pg_event *e = s->held;
        int got = e ? 1
                    : pg_stream_next(s->stream, left_us > 0 ? (int)(left_us / 1000) : 0,
                                     &e, err);

        s->held = NULL;
        if (got > 0)
            got = take(s, out, e, err) > 0 ? 1 : err->code ? -1 : 2;
        if (got == 2) { /* first of the next batch */
            s->held = e;
            return 0;
        }
        if (got < 0) {
            pg_stream_close(s->stream);
            s->stream = NULL;
            if (!out->count)
                return -1;
            relais_error_clear(err); /* the next poll says it again */
        }
        if (got <= 0)
            return 0;
    }
    return 0;
}

static bool source_outbox_idle(void *state)
{
    struct source_outbox *s = state;

    return s->stream && !s->held && s->acked == s->given && pg_stream_idle(s->stream);
}

static const struct relais_conf_key keys[] = {
    PG_CONN_KEYS,
    {"connector", "schema", RELAIS_CONF_TEXT, .required = true,
     .doc = "Message publié : nom complet, nom court, ou famille d'un seul."},
    PG_SLOT_KEYS,
    {"connector", "table", RELAIS_CONF_TEXT, .def = "public.outbox",
     .doc = "Table d'envoi, schema.table."},
    {"connector", "prefix", RELAIS_CONF_TEXT,
     .doc = "Lire aussi les messages pg_logical_emit_message(true, prefix, …) : "
            "{\"id\", \"payload\"}."},
    {"connector", "aggregatetype", RELAIS_CONF_TEXT,
     .doc = "Ne prendre que les lignes de ce type d'agrégat ; à défaut toutes."},
    {"connector", "column_id", RELAIS_CONF_TEXT, .def = "id",
     .doc = "Colonne de l'identifiant (UUID), qui devient celui de l'événement."},
    {"connector", "column_aggregatetype", RELAIS_CONF_TEXT, .def = "aggregatetype",
     .doc = "Colonne du type d'agrégat."},
    {"connector", "column_aggregateid", RELAIS_CONF_TEXT, .def = "aggregateid",
     .doc = "Colonne du numéro du dossier, mis dans entete.dossier s'il n'y est pas."},
    {"connector", "column_payload", RELAIS_CONF_TEXT, .def = "payload",
     .doc = "Colonne du contenu : json, jsonb ou text en clair, bytea en Avro."},
    {"connector", "columns", RELAIS_CONF_TEXT,
     .doc = "Autres colonnes : colonne=champ, séparées par des virgules ; champ pointé, "
            "ou traceparent."},
    {0},
};

static const struct relais_source_ops ops = {
    .open = source_outbox_open,
    .poll = source_outbox_poll,
    .ack = source_outbox_ack,
    .idle = source_outbox_idle,
    .close = source_outbox_close,
};

const struct relais_connector relais_source_postgres_outbox = {
    .abi = RELAIS_CONNECTOR_ABI,
    .name = "source_postgres_outbox",
    .summary = "Publie les faits d'une table d'envoi (outbox) PostgreSQL",
    .keys = keys,
    .log = true,
    .source = &ops,
};
