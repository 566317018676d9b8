#include "connectors/outbox_row.h"

#include "core/crypto.h"

#include <stdlib.h>

#define CHARGE_MAX_BYTES (512u << 10)
#define TRACE_LEN        55
#define PATH_MAX_LEN     256

/* Types of the catalog, fixed for ever. */
enum {
    TYPE_BOOL = 16,
    TYPE_BYTEA = 17,
    TYPE_INT8 = 20,
    TYPE_INT2 = 21,
    TYPE_INT4 = 23,
    TYPE_JSON = 114,
    TYPE_FLOAT4 = 700,
    TYPE_FLOAT8 = 701,
    TYPE_TIMESTAMPTZ = 1184,
    TYPE_JSONB = 3802,
};

/* A column of a row, or a member of a message. text.ptr NULL and value NULL: null. */
struct cell {
    uint32_t type;
    struct relais_slice text;
    const struct relais_value *value; /* of a message */
};

struct row {
    const struct pg_event *event;
    const struct relais_value *members; /* of a message; NULL: it has no columns */
};

/* ---- configuration ------------------------------------------------------------------
 */

static char *trim(char *text)
{
    size_t n;

    text += strspn(text, " \t");
    n = strlen(text);
    while (n && strchr(" \t", text[n - 1]))
        text[--n] = '\0';
    return text;
}

/* "a=b, c=d" in a text that is cut into pieces. */
static int read_pairs(char *text, const char *key, struct outbox_pair *pairs, size_t max,
                      size_t *count_out, struct relais_error *err)
{
    char *item;

    while ((item = strsep(&text, ","))) {
        char *to = strchr(item, '=');

        if (!*trim(item))
            continue;
        if (*count_out == max)
            return relais_error_set(err, RELAIS_E_CONF_VALUE, key, "more than %zu", max);
        if (to)
            *to++ = '\0';
        if (!to || !*trim(item) || !*trim(to) || strlen(to) >= PATH_MAX_LEN)
            return relais_error_set(err, RELAIS_E_CONF_VALUE, key,
                                    "name=name, separated by commas");
        pairs[(*count_out)++] = (struct outbox_pair){trim(item), trim(to)};
    }
    return 0;
}

const char *outbox_table(const struct relais_conf *conf)
{
    const char *table = relais_conf_text(conf, "connector", "table");

    if (!relais_conf_text(conf, "connector", "column_payload"))
        return NULL;
    return table || relais_conf_text(conf, "connector", "prefix") ? table
                                                                  : "public.outbox";
}

int outbox_form_init(struct outbox_form *form, const struct relais_conf *conf,
                     struct relais_error *err)
{
    const char *routes = relais_conf_text(conf, "connector", "routes");
    const char *columns = relais_conf_text(conf, "connector", "columns");

    memset(form, 0, sizeof(*form));
    form->schema = relais_conf_text(conf, "connector", "schema");
    form->only = relais_conf_text(conf, "connector", "aggregatetype");
    form->id_column = relais_conf_text(conf, "connector", "column_id");
    form->key_column = relais_conf_text(conf, "connector", "column_aggregateid");
    form->route_column = relais_conf_text(conf, "connector", "column_aggregatetype");
    form->payload_column = relais_conf_text(conf, "connector", "column_payload");
    form->texts[0] = relais_strdup(routes ? routes : "");
    form->texts[1] = relais_strdup(columns ? columns : "");
    form->fields[form->field_count++] =
        (struct outbox_pair){form->key_column, "entete.dossier"};
    if (read_pairs(form->texts[0], "connector.routes", form->routes, OUTBOX_ROUTES_MAX,
                   &form->route_count, err) ||
        read_pairs(form->texts[1], "connector.columns", form->fields, OUTBOX_FIELDS_MAX,
                   &form->field_count, err))
        return -1;
    if (!form->schema && !form->route_count)
        return relais_error_set(err, RELAIS_E_CONF_VALUE, "connector.schema",
                                "schema or routes must say what the rows are");
    return 0;
}

void outbox_form_release(struct outbox_form *form)
{
    free(form->texts[0]);
    free(form->texts[1]);
    memset(form, 0, sizeof(*form));
}

/* ---- cells --------------------------------------------------------------------------
 */

/* false: there is no such column. */
static bool find(const struct row *row, const char *name, struct cell *out)
{
    const struct pg_relation *relation = row->event->relation;

    memset(out, 0, sizeof(*out));
    if (row->event->kind == PG_EVENT_MESSAGE) {
        out->value = row->members ? relais_value_get(row->members, name) : NULL;
        if (!out->value)
            return false;
        if (out->value->kind == RELAIS_VALUE_STRING)
            out->text = out->value->text;
        if (out->value->kind == RELAIS_VALUE_NULL)
            out->value = NULL;
        return true;
    }
    for (size_t i = 0; i < relation->column_count; i++) {
        const char *column = relation->columns[i].name;

        if (column[0] != name[0] || strcmp(column, name) != 0)
            continue;
        out->type = relation->columns[i].type;
        if (row->event->now[i].kind == PG_DATUM_TEXT)
            out->text = row->event->now[i].bytes;
        return true;
    }
    return false;
}

static bool is_integer(const struct cell *cell)
{
    return cell->value ? cell->value->kind == RELAIS_VALUE_LONG
                       : cell->type == TYPE_INT2 || cell->type == TYPE_INT4 ||
                             cell->type == TYPE_INT8;
}

/* "2026-03-01 10:00:00.5+00" as RFC 3339; sessions are in UTC. */
static struct relais_slice instant(struct relais_arena *arena, struct relais_slice text)
{
    if (text.len < 20 || text.ptr[10] != ' ' ||
        memcmp(text.ptr + text.len - 3, "+00", 3) != 0)
        return relais_arena_slice(arena, text);
    return relais_arena_printf(arena, "%.10sT%.*sZ", text.ptr, (int)text.len - 14,
                               text.ptr + 11);
}

/* NULL: the arena is full, or (why set) JSON that is none. */
static struct relais_value *value_of(const struct cell *cell, struct relais_arena *arena,
                                     struct relais_error *why)
{
    struct relais_value *v;

    if (cell->value)
        return relais_value_copy(arena, cell->value);
    switch (cell->type) {
    case TYPE_INT2:
    case TYPE_INT4:
    case TYPE_INT8:
    case TYPE_FLOAT4:
    case TYPE_FLOAT8: /* a number's text is JSON but for NaN and Infinity */
    case TYPE_JSON:
    case TYPE_JSONB:
        return relais_value_parse(arena, cell->text, why);
    case TYPE_BOOL:
        v = relais_value_add(arena, NULL, NULL, RELAIS_VALUE_BOOL);
        if (v)
            v->boolean = relais_slice_is(cell->text, "t");
        return v;
    default:
        v = relais_value_add(arena, NULL, NULL, RELAIS_VALUE_STRING);
        if (v)
            v->text = cell->type == TYPE_TIMESTAMPTZ
                          ? instant(arena, cell->text)
                          : relais_arena_slice(arena, cell->text);
        return v && v->text.ptr ? v : NULL;
    }
}

/* ---- the value ----------------------------------------------------------------------
 */

/* The record that `path` without its last name leads to, made where it is not; NULL:
 * something else is there, or the arena is full. *name_out: the last name. */
static struct relais_value *walk(struct relais_value *value, char *path,
                                 struct relais_arena *arena, const char **name_out)
{
    char *next;

    while (value && (next = strchr(path, '.'))) {
        struct relais_value *member;
        struct relais_slice name = {path, (size_t)(next - path)};

        *next = '\0';
        member = relais_value_get(value, path);
        if (!member) {
            name = relais_arena_slice(arena, name);
            member = name.ptr
                         ? relais_value_add(arena, value, name.ptr, RELAIS_VALUE_RECORD)
                         : NULL;
        } else if (member->kind == RELAIS_VALUE_NULL) {
            member->kind = RELAIS_VALUE_RECORD;
        }
        value = member && member->kind == RELAIS_VALUE_RECORD ? member : NULL;
        path = next + 1;
    }
    *name_out = path;
    return value;
}

/* Puts `source` where the payload says nothing. -1: the arena is full. */
static int put(struct relais_value *value, const char *path,
               const struct relais_value *source, struct relais_arena *arena)
{
    char names[PATH_MAX_LEN];
    const char *last;
    struct relais_value *into, *member;
    struct relais_slice name;

    memcpy(names, path, strlen(path) + 1);
    into = walk(value, names, arena, &last);
    if (!into)
        return 0; /* the check stage says what is wrong there */
    member = relais_value_get(into, last);
    if (member && member->kind != RELAIS_VALUE_NULL)
        return 0;
    if (!member) {
        name = relais_arena_slice(arena, relais_slice_str(last));
        if (!name.ptr)
            return -1;
        member = relais_value_add(arena, into, name.ptr, RELAIS_VALUE_NULL);
        if (!member)
            return -1;
    }
    member->kind = source->kind;
    member->boolean = source->boolean;
    member->number = source->number;
    member->real = source->real;
    member->text = source->text;
    member->child = source->child;
    member->last = source->last;
    member->count = source->count;
    return 0;
}

static bool hex(const char *at, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (!at[i] || !strchr("0123456789abcdef", at[i]))
            return false;
    return true;
}

/* A header must not carry anything else. */
static bool is_trace(struct relais_slice s)
{
    return s.len == TRACE_LEN && memcmp(s.ptr, "00-", 3) == 0 && hex(s.ptr + 3, 32) &&
           s.ptr[35] == '-' && hex(s.ptr + 36, 16) && s.ptr[52] == '-' &&
           hex(s.ptr + 53, 2);
}

static int full(struct relais_error *why)
{
    return relais_error_set(why, RELAIS_E_LIMIT, NULL, "larger than a batch");
}

/* A case's number is a text, also where its column is of whole numbers. */
static struct relais_value *number_of_case(const struct cell *cell,
                                           struct relais_arena *arena)
{
    struct relais_value *v = relais_value_add(arena, NULL, NULL, RELAIS_VALUE_STRING);

    if (v)
        v->text = relais_arena_slice(arena, cell->text);
    return v && v->text.ptr ? v : NULL;
}

static int fill_field(const struct outbox_pair *field, const struct cell *cell,
                      struct relais_arena *arena, struct relais_record *rec,
                      struct relais_error *why)
{
    const struct relais_value *v;

    if (strcmp(field->to, "traceparent") == 0) {
        if (!is_trace(cell->text))
            return 0;
        rec->trace = relais_arena_slice(arena, cell->text);
        return rec->trace.ptr ? 0 : full(why);
    }
    if (!rec->value)
        return 0;
    v = !cell->value && is_integer(cell) && strcmp(field->to, "entete.dossier") == 0
            ? number_of_case(cell, arena)
            : value_of(cell, arena, why);
    if (!v && why->code != RELAIS_E_OK) {
        relais_error_prefix(why, field->from);
        return -1;
    }
    return !v || put(rec->value, field->to, v, arena) ? full(why) : 0;
}

static int fill_fields(const struct outbox_form *form, const struct row *row,
                       struct relais_arena *arena, struct relais_record *rec,
                       struct relais_error *why)
{
    struct cell cell;

    for (size_t i = 0; i < form->field_count; i++)
        if (find(row, form->fields[i].from, &cell) && (cell.text.ptr || cell.value) &&
            fill_field(&form->fields[i], &cell, arena, rec, why))
            return -1;
    return 0;
}

static int from_hex(struct relais_slice text, struct relais_arena *arena,
                    struct relais_slice *out, struct relais_error *why)
{
    size_t len;
    unsigned char *bytes;

    if (text.len < 2 || text.len % 2 || memcmp(text.ptr, "\\x", 2) != 0)
        return relais_error_set(why, RELAIS_E_FIELD_TYPE, NULL, "not a bytea in hex");
    len = text.len / 2 - 1;
    bytes = relais_arena_alloc(arena, len ? len : 1);
    if (!bytes)
        return full(why);
    if (!relais_unhex((struct relais_slice){text.ptr + 2, text.len - 2}, bytes, len))
        return relais_error_set(why, RELAIS_E_FIELD_TYPE, NULL, "not a bytea in hex");
    *out = (struct relais_slice){(const char *)bytes, len};
    return 0;
}

static int need_object(const struct relais_value *v, struct relais_error *why)
{
    if (v && v->kind != RELAIS_VALUE_RECORD)
        relais_error_set(why, RELAIS_E_JSON_INVALID, NULL, "not a JSON object");
    return why->code == RELAIS_E_OK && v ? 0 : -1;
}

/* A row's payload into rec; -1: why not. */
static int read_payload(const struct outbox_form *form, const struct cell *payload,
                        struct relais_arena *arena, struct relais_record *rec,
                        struct relais_error *why)
{
    struct relais_slice text = payload->text;
    bool bytea = payload->type == TYPE_BYTEA;

    if (!text.ptr)
        return relais_error_set(why, RELAIS_E_FIELD_MISSING, NULL, "null");
    if (bytea && from_hex(text, arena, &text, why))
        return -1;
    if (bytea) {
        rec->encoded = text;
        return 0;
    }
    rec->value = relais_value_parse(arena, text, why);
    return need_object(rec->value, why);
}

/* A message's content into rec; row->members are its columns. */
static int read_content(const struct outbox_form *form, struct row *row,
                        struct relais_arena *arena, struct relais_record *rec,
                        struct relais_error *why)
{
    struct relais_value *v, *payload;

    v = relais_value_parse(arena, row->event->content, why);
    if (need_object(v, why))
        return -1;
    payload = relais_value_get(v, form->payload_column);
    if (payload)
        row->members = v;
    rec->value = payload ? payload : v;
    return need_object(rec->value, why);
}

/* ---- the record ---------------------------------------------------------------------
 */

bool outbox_row_wanted(const struct outbox_form *form, const struct pg_event *event)
{
    const struct row row = {event, NULL};
    struct cell cell;

    return !form->only || (find(&row, form->route_column, &cell) && cell.text.ptr &&
                           relais_slice_is(cell.text, form->only));
}

static const char *route(const struct outbox_form *form, const struct row *row)
{
    struct cell cell;

    if (find(row, form->route_column, &cell))
        for (size_t i = 0; cell.text.ptr && i < form->route_count; i++)
            if (relais_slice_is(cell.text, form->routes[i].from))
                return form->routes[i].to;
    return form->schema;
}

/* -1: it does not fit into the arena. */
static int name_record(const struct outbox_form *form, const struct row *row,
                       struct relais_arena *arena, struct relais_record *rec)
{
    struct cell cell;

    rec->schema = route(form, row);
    if (find(row, form->id_column, &cell) && cell.text.ptr && !is_integer(&cell)) {
        rec->id = relais_arena_slice(arena, cell.text);
        if (!rec->id.ptr)
            return -1;
    }
    if (find(row, form->key_column, &cell) && cell.text.ptr) {
        rec->case_number = relais_arena_slice(arena, cell.text);
        if (!rec->case_number.ptr)
            return -1;
    }
    return 0;
}

static int keep_charge(struct relais_slice raw, struct relais_arena *arena,
                       struct relais_record *rec)
{
    if (raw.ptr && raw.len <= CHARGE_MAX_BYTES) {
        rec->charge = relais_arena_slice(arena, raw);
        return rec->charge.ptr ? 0 : -1;
    }
    return 0;
}

/* All its columns as a JSON object: the row is deleted at its source perhaps. */
static int keep_row(const struct row *row, struct relais_arena *arena,
                    struct relais_record *rec)
{
    const struct pg_relation *relation = row->event->relation;
    struct relais_value *all = relais_value_add(arena, NULL, NULL, RELAIS_VALUE_RECORD);
    struct relais_buf json = RELAIS_BUF_INIT(CHARGE_MAX_BYTES);
    int rc = all ? 0 : -1;

    for (size_t i = 0; i < relation->column_count && !rc; i++) {
        const struct pg_datum *now = &row->event->now[i];

        if (now->kind == PG_DATUM_TEXT)
            rc = relais_value_add_string(arena, all, relation->columns[i].name,
                                         now->bytes);
        else
            rc =
                relais_value_add(arena, all, relation->columns[i].name, RELAIS_VALUE_NULL)
                    ? 0
                    : -1;
    }
    if (!rc && relais_value_print(all, &json) == 0)
        rc = keep_charge(relais_buf_slice(&json), arena, rec);
    relais_buf_release(&json);
    return rc;
}

/* What names the record is kept before its payload is read, which may fill the arena. */
static int read_row(const struct outbox_form *form, struct row *row,
                    struct relais_arena *arena, struct relais_record *rec,
                    struct relais_error *why)
{
    struct cell payload;
    int rc;

    if (!find(row, form->payload_column, &payload))
        rc = keep_row(row, arena, rec) || name_record(form, row, arena, rec)
                 ? full(why)
                 : relais_error_set(why, RELAIS_E_FIELD_MISSING, NULL,
                                    "the table has no such column; the row is %s",
                                    rec->charge.ptr ? "kept whole" : "too large to keep");
    else if (keep_charge(payload.text, arena, rec) || name_record(form, row, arena, rec))
        rc = full(why);
    else
        rc = read_payload(form, &payload, arena, rec, why);
    return rc;
}

static int read_message(const struct outbox_form *form, struct row *row,
                        struct relais_arena *arena, struct relais_record *rec,
                        struct relais_error *why)
{
    if (keep_charge(row->event->content, arena, rec))
        return full(why);
    if (!row->event->transactional)
        return relais_error_set(why, RELAIS_E_FIELD_MISSING, NULL,
                                "a message outside of transactions has no commit time");
    if (read_content(form, row, arena, rec, why))
        return -1;
    return name_record(form, row, arena, rec) ? full(why) : 0;
}

int outbox_row_read(const struct outbox_form *form, const struct pg_event *event,
                    bool may_park, struct relais_arena *arena, struct relais_record *rec)
{
    struct relais_error why = RELAIS_ERROR_INIT;
    struct row row = {event, NULL};
    int rc;

    rec->kind = RELAIS_RECORD_FACT;
    rec->schema = form->schema;
    rc = event->kind == PG_EVENT_MESSAGE ? read_message(form, &row, arena, rec, &why)
                                         : read_row(form, &row, arena, rec, &why);
    if (rc)
        relais_error_prefix(&why, form->payload_column);
    else
        rc = fill_fields(form, &row, arena, rec, &why);
    if (!rc && !rec->schema)
        rc = relais_error_set(&why, RELAIS_E_SCHEMA_UNKNOWN, form->route_column,
                              "no route for this value, and no schema for all");
    if (!rc)
        return 0;
    if (why.code == RELAIS_E_LIMIT && !may_park)
        return -1;
    rec->kind = RELAIS_RECORD_PARKED;
    rec->value = NULL;
    rec->encoded = RELAIS_SLICE_NULL;
    rec->problem = why;
    return 0;
}
