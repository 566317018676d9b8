/* Value -> struct. */
#include "schemas/avro_plan.h"

#include "core/crypto.h"
#include "core/day.h"

#include <stdio.h>

#define FIELDS_ON_STACK 128
#define CLEAR_MAX       (1u << 20) /* a structured clear text, bytes */

struct binder {
    struct relais_arena *arena;
    const struct relais_avro_visit *visit;
    struct relais_error *err;
    bool defaults; /* the value is a default as a schema writes it */
    const struct relais_avro_place *place;
};

static int bind(struct binder *b, const struct relais_avro_type *type,
                const struct relais_avro_field *field, const struct relais_value *v,
                void *slot, int depth);

static int wrong(struct binder *b, const char *text)
{
    return relais_error_set(b->err, RELAIS_E_FIELD_TYPE, NULL, "%s", text);
}

static int full(struct binder *b)
{
    return relais_error_set(b->err, RELAIS_E_LIMIT, NULL, "more memory than allowed");
}

static int bind_int(struct binder *b, const struct relais_avro_type *type,
                    const struct relais_value *v, int32_t *slot)
{
    if (type->logical == RELAIS_AVRO_DATE && !b->defaults) {
        if (v->kind == RELAIS_VALUE_STRING)
            return relais_day_parse(v->text, slot) ? 0 : wrong(b, "not a day YYYY-MM-DD");
        if (v->kind != RELAIS_VALUE_DAY)
            return wrong(b, "not a day");
    } else if (v->kind != RELAIS_VALUE_LONG) {
        return wrong(b, "not an integer");
    }
    if (v->number < INT32_MIN || v->number > INT32_MAX)
        return wrong(b, "beyond 32 bits");
    *slot = (int32_t)v->number;
    return 0;
}

static int bind_long(struct binder *b, const struct relais_avro_type *type,
                     const struct relais_value *v, int64_t *slot)
{
    bool millis = type->logical == RELAIS_AVRO_TIMESTAMP_MILLIS;

    if (b->defaults || (!millis && type->logical != RELAIS_AVRO_TIMESTAMP_MICROS)) {
        if (v->kind != RELAIS_VALUE_LONG)
            return wrong(b, "not an integer");
        *slot = v->number;
        return 0;
    }
    if (v->kind == RELAIS_VALUE_STRING) {
        if (!relais_instant_parse(v->text, slot))
            return wrong(b, "not an instant of RFC 3339");
    } else if (v->kind == RELAIS_VALUE_INSTANT) {
        *slot = v->number;
    } else {
        return wrong(b, "not an instant");
    }
    if (millis)
        *slot = *slot / 1000 - (*slot % 1000 < 0);
    return 0;
}

static int bind_real(struct binder *b, const struct relais_value *v, double *out)
{
    return relais_avro_real(v, out) ? 0 : wrong(b, "not a number");
}

static int bind_string(struct binder *b, const struct relais_avro_type *type,
                       const struct relais_value *v, struct relais_slice *slot)
{
    if (v->kind != RELAIS_VALUE_STRING)
        return wrong(b, "not a text");
    if (!relais_utf8_valid(v->text))
        return wrong(b, "not UTF-8");
    if (type->logical == RELAIS_AVRO_UUID && !b->defaults && !relais_uuid_is(v->text))
        return wrong(b, "not a UUID");
    *slot = v->text;
    if (!slot->ptr)
        slot->ptr = "";
    return 0;
}

/* A default of bytes: each code point, up to U+00FF, is one byte. */
static int bind_latin1(struct binder *b, struct relais_slice s, struct relais_slice *out)
{
    unsigned char *to = relais_arena_alloc(b->arena, s.len + 1);
    size_t n = 0;

    if (!to)
        return full(b);
    for (size_t i = 0; i < s.len; i++) {
        unsigned char c = (unsigned char)s.ptr[i];

        if (c >= 0x80 && i + 1 < s.len)
            c = (unsigned char)((c << 6) | ((unsigned char)s.ptr[++i] & 0x3f));
        to[n++] = c;
    }
    *out = (struct relais_slice){(char *)to, n};
    return 0;
}

static int bind_base64(struct binder *b, struct relais_slice s, struct relais_slice *out)
{
    size_t max = s.len / 4 * 3 + 1;
    unsigned char *to = relais_arena_alloc(b->arena, max);

    if (!to)
        return full(b);
    if (!relais_unbase64(s, to, max, &out->len))
        return wrong(b, "not base64");
    out->ptr = (char *)to;
    return 0;
}

/* The clear form of a field that will be sealed: RFC 8785 text. */
static int bind_clear_json(struct binder *b, const struct relais_value *v,
                           struct relais_slice *slot)
{
    struct relais_buf text = RELAIS_BUF_INIT(CLEAR_MAX);
    int rc = -1;

    if (v->kind != RELAIS_VALUE_RECORD)
        return wrong(b, "not an object");
    if (relais_value_print_canonical(v, &text))
        wrong(b, "object too large, or with numbers that are not integers");
    else if (!(*slot = relais_arena_slice(b->arena, relais_buf_slice(&text))).ptr)
        full(b);
    else
        rc = 0;
    relais_buf_release(&text);
    return rc;
}

static int bind_bytes(struct binder *b, const struct relais_avro_field *field,
                      const struct relais_value *v, struct relais_slice *slot)
{
    if (v->kind == RELAIS_VALUE_BYTES) {
        *slot = v->text;
        if (!slot->ptr)
            slot->ptr = "";
        return 0;
    }
    if (b->defaults && v->kind == RELAIS_VALUE_STRING)
        return bind_latin1(b, v->text, slot);
    if (field && field->clear) {
        if (strcmp(field->clear, "json") == 0)
            return bind_clear_json(b, v, slot);
        return bind_string(b, field->type, v, slot);
    }
    if (v->kind != RELAIS_VALUE_STRING)
        return wrong(b, "not bytes");
    return bind_base64(b, v->text, slot);
}

static int bind_fixed(struct binder *b, const struct relais_avro_type *type,
                      const struct relais_value *v, void *slot)
{
    struct relais_slice bytes;

    if (type->logical == RELAIS_AVRO_UUID && !b->defaults &&
        v->kind == RELAIS_VALUE_STRING)
        return relais_uuid_parse(v->text, slot) ? 0 : wrong(b, "not a UUID");
    if (bind_bytes(b, NULL, v, &bytes))
        return -1;
    if (bytes.len != type->count)
        return wrong(b, "bytes of another length");
    memcpy(slot, bytes.ptr, bytes.len);
    return 0;
}

static int bind_enum(struct binder *b, const struct relais_avro_type *type,
                     const struct relais_value *v, int32_t *slot)
{
    if (v->kind != RELAIS_VALUE_STRING)
        return wrong(b, "not a symbol");
    for (uint32_t i = 0; i < type->count; i++)
        if (v->text.len && v->text.ptr[0] == type->symbols[i][0] &&
            relais_slice_is(v->text, type->symbols[i])) {
            *slot = (int32_t)i;
            return 0;
        }
    return wrong(b, "symbol that the enum lacks");
}

static int bind_array(struct binder *b, const struct relais_avro_type *type,
                      const struct relais_avro_field *field, const struct relais_value *v,
                      struct relais_array *slot, int depth)
{
    size_t i = 0;
    char *items;

    if (v->kind != RELAIS_VALUE_ARRAY)
        return wrong(b, "not a list");
    if (!(items = relais_arena_zalloc(b->arena, v->count * type->item_size + 1)))
        return full(b);
    *slot = (struct relais_array){items, v->count};
    for (v = v->child; v; v = v->next, i++)
        if (bind(b, type->item, field, v, items + i * type->item_size, depth + 1)) {
            char at[32];

            snprintf(at, sizeof(at), "[%zu]", i);
            relais_error_prefix(b->err, at);
            return -1;
        }
    return 0;
}

static int bind_map(struct binder *b, const struct relais_avro_type *type,
                    const struct relais_avro_field *field, const struct relais_value *v,
                    struct relais_array *slot, int depth)
{
    char *item;

    if (v->kind != RELAIS_VALUE_RECORD)
        return wrong(b, "not an object");
    if (!(item = relais_arena_zalloc(b->arena, v->count * type->item_size + 1)))
        return full(b);
    *slot = (struct relais_array){item, v->count};
    for (v = v->child; v; v = v->next, item += type->item_size) {
        *(struct relais_slice *)(void *)item = relais_slice_str(v->name);
        if (bind(b, type->item, field, v, item + type->item_offset, depth + 1)) {
            relais_error_prefix(b->err, "{}"); /* a key may be a value: not told */
            return -1;
        }
    }
    return 0;
}

/* Number of the field, from 1; 0: none. Values of one source give their members in the
 * same order again and again: the one that came after field `last` is looked at first. */
static uint32_t field_number(const struct relais_avro_type *type, const char *name,
                             uint32_t last)
{
    uint32_t at = __atomic_load_n(&type->given_after[last], __ATOMIC_RELAXED);
    const struct relais_avro_field *field;

    if (at && strcmp(type->fields[at - 1].name, name) == 0)
        return at;
    field = relais_avro_field(type, name);
    if (!field)
        return 0;
    at = (uint32_t)(field - type->fields) + 1;
    __atomic_store_n(&type->given_after[last], at, __ATOMIC_RELAXED);
    return at;
}

/* The same but for two letters in one place, with three that are the same at least. */
static bool is_misspelt(const char *name, const char *field)
{
    size_t len = strlen(name), want = strlen(field), same = 0, end = 0;

    while (name[same] && name[same] == field[same])
        same++;
    while (end + same < len && end + same < want &&
           name[len - 1 - end] == field[want - 1 - end])
        end++;
    return same + end >= 3 && same + end + 2 >= want && same + end + 2 >= len;
}

/* A member that no field has. Its name may be a value (a number of a person as a key): it
 * is told only where it is a slip of the pen. */
static int unknown_member(struct binder *b, const struct relais_avro_type *type,
                          const char *name, size_t rank)
{
    for (uint32_t i = 0; i < type->count; i++)
        if (is_misspelt(name, type->fields[i].name))
            return relais_error_set(b->err, RELAIS_E_FIELD_UNKNOWN, name,
                                    "the schema has no such field; the nearest is %s",
                                    type->fields[i].name);
    return relais_error_set(b->err, RELAIS_E_FIELD_UNKNOWN, NULL,
                            "the schema has no field of member %zu's name", rank);
}

/* Which member is which field's. */
static int sort_members(struct binder *b, const struct relais_avro_type *type,
                        const struct relais_value *v, const struct relais_value **given)
{
    size_t rank = 0;
    uint32_t last = 0;

    for (v = v->child; v; v = v->next) {
        uint32_t number = field_number(type, v->name, last);

        rank++;
        if (!number) {
            if (b->defaults)
                continue;
            return unknown_member(b, type, v->name, rank);
        }
        if (given[number - 1])
            return relais_error_set(b->err, RELAIS_E_FIELD_TYPE, v->name, "given twice");
        given[number - 1] = v;
        last = number;
    }
    return 0;
}

static int bind_default(struct binder *b, const struct relais_avro_field *field,
                        void *slot, int depth)
{
    bool defaults = b->defaults;
    int rc;

    if (!field->has_default)
        return relais_error_set(b->err, RELAIS_E_FIELD_MISSING, NULL, "absent");
    if (field->absent_is_zero)
        return 0; /* zeroed already */
    b->defaults = true;
    rc = bind(b, field->type, field, field->default_value, slot, depth);
    b->defaults = defaults;
    return rc;
}

static int bind_field(struct binder *b, const struct relais_avro_field *field,
                      const struct relais_value *v, void *slot, int depth)
{
    const struct relais_avro_place place = {b->place, field->name};
    int rc = 0;

    if (!v)
        return bind_default(b, field, slot, depth);
    b->place = &place;
    if (field->visited && b->visit && !b->defaults && v->kind != RELAIS_VALUE_NULL)
        rc = b->visit->field(b->visit->user, field, &place, &v, b->err);
    if (rc == 0)
        rc = bind(b, field->type, field, v, slot, depth);
    b->place = place.in;
    return rc;
}

static int bind_record(struct binder *b, const struct relais_avro_type *type,
                       const struct relais_value *v, char *slot, int depth)
{
    const struct relais_value *few[FIELDS_ON_STACK], **given = few;

    if (v->kind != RELAIS_VALUE_RECORD)
        return wrong(b, "not an object");
    if (type->count > FIELDS_ON_STACK &&
        !(given = relais_arena_alloc(b->arena, type->count * sizeof(*given))))
        return full(b);
    memset(given, 0, type->count * sizeof(*given));
    if (sort_members(b, type, v, given))
        return -1;
    for (uint32_t i = 0; i < type->count; i++) {
        const struct relais_avro_field *field = &type->fields[i];

        if (!given[i] && field->absent_is_zero)
            continue;
        if (bind_field(b, field, given[i], slot + field->offset, depth + 1)) {
            relais_error_prefix(b->err, field->name);
            return -1;
        }
    }
    return 0;
}

/* Does a scalar bind? 1, 0, or -1: the arena is full. */
static int scalar_fits(struct binder *b, const struct relais_avro_type *type,
                       const struct relais_avro_field *field,
                       const struct relais_value *v)
{
    struct relais_error err = RELAIS_ERROR_INIT;
    struct binder trial = {.arena = b->arena, .err = &err};
    void *scratch = relais_arena_alloc(b->arena, type->size + (size_t)1);

    if (!scratch)
        return full(b);
    if (bind(&trial, type, field, v, scratch, 0) == 0)
        return 1;
    return err.code == RELAIS_E_LIMIT ? full(b) : 0;
}

/* May this branch be meant? A default's if it fits as a whole; a scalar's if it binds;
 * others by what the value is, a record's by the names of its members. 1, 0, or -1: the
 * arena is full. */
static int branch_fits(struct binder *b, const struct relais_avro_type *type,
                       const struct relais_avro_field *field,
                       const struct relais_value *v)
{
    uint32_t known = 0, budget = RELAIS_AVRO_DEFAULT_STEPS;

    if (b->defaults)
        return relais_avro_default_fits(type, v, 1, &budget);
    switch (type->kind) {
    case RELAIS_AVRO_ARRAY:
        return v->kind == RELAIS_VALUE_ARRAY;
    case RELAIS_AVRO_MAP:
        return v->kind == RELAIS_VALUE_RECORD;
    case RELAIS_AVRO_RECORD:
        if (v->kind != RELAIS_VALUE_RECORD)
            return 0;
        for (uint32_t i = 0; i < type->count; i++) {
            if (relais_value_get(v, type->fields[i].name))
                known++;
            else if (!type->fields[i].has_default)
                return 0;
        }
        return known == v->count;
    default:
        return scalar_fits(b, type, field, v);
    }
}

static int bind_union(struct binder *b, const struct relais_avro_type *type,
                      const struct relais_avro_field *field, const struct relais_value *v,
                      void *slot, int depth)
{
    struct relais_avro_union *u = slot;
    void *value;

    if (type->null_branch >= 0) {
        if (v->kind == RELAIS_VALUE_NULL)
            return 0;
        if (bind(b, type->branches[1 - type->null_branch], field, v,
                 (char *)slot + type->value_offset, depth))
            return -1;
        if (type->value_offset)
            *(bool *)slot = true;
        return 0;
    }
    for (uint32_t i = 0; i < type->count; i++) {
        const struct relais_avro_type *branch = type->branches[i];
        int fits = branch_fits(b, branch, field, v);

        if (fits < 0)
            return -1;
        if (!fits)
            continue;
        u->branch = (int32_t)i;
        if (branch->kind == RELAIS_AVRO_NULL)
            return 0;
        if (branch->by_pointer)
            branch = branch->item;
        if (!(value = relais_arena_zalloc(b->arena, branch->size + (size_t)1)))
            return full(b);
        u->value = value;
        return bind(b, branch, field, v, value, depth + 1);
    }
    return wrong(b, "fits no branch of the union");
}

static int bind_pointer(struct binder *b, const struct relais_avro_type *type,
                        const struct relais_value *v, void *slot, int depth)
{
    void *record = relais_arena_zalloc(b->arena, type->item->size);

    if (!record)
        return full(b);
    *(const void **)slot = record;
    return bind_record(b, type->item, v, record, depth);
}

static int bind(struct binder *b, const struct relais_avro_type *type,
                const struct relais_avro_field *field, const struct relais_value *v,
                void *slot, int depth)
{
    double real = 0;

    if (depth > RELAIS_AVRO_DEPTH_MAX)
        return relais_error_set(b->err, RELAIS_E_LIMIT, NULL, "deeper than 64");
    if (type->kind == RELAIS_AVRO_UNION)
        return bind_union(b, type, field, v, slot, depth);
    if (type->kind == RELAIS_AVRO_NULL)
        return v->kind == RELAIS_VALUE_NULL ? 0 : wrong(b, "not null");
    if (v->kind == RELAIS_VALUE_NULL)
        return relais_error_set(b->err, RELAIS_E_FIELD_MISSING, NULL, "null");
    switch (type->kind) {
    case RELAIS_AVRO_BOOLEAN:
        if (v->kind != RELAIS_VALUE_BOOL)
            return wrong(b, "not a boolean");
        *(bool *)slot = v->boolean;
        return 0;
    case RELAIS_AVRO_INT:
        return bind_int(b, type, v, slot);
    case RELAIS_AVRO_LONG:
        return bind_long(b, type, v, slot);
    case RELAIS_AVRO_FLOAT:
        if (bind_real(b, v, &real))
            return -1;
        *(float *)slot = (float)real;
        return 0;
    case RELAIS_AVRO_DOUBLE:
        return bind_real(b, v, slot);
    case RELAIS_AVRO_BYTES:
        return bind_bytes(b, field, v, slot);
    case RELAIS_AVRO_STRING:
        return bind_string(b, type, v, slot);
    case RELAIS_AVRO_FIXED:
        return bind_fixed(b, type, v, slot);
    case RELAIS_AVRO_ENUM:
        return bind_enum(b, type, v, slot);
    case RELAIS_AVRO_ARRAY:
        return bind_array(b, type, field, v, slot, depth);
    case RELAIS_AVRO_MAP:
        return bind_map(b, type, field, v, slot, depth);
    default:
        return type->by_pointer ? bind_pointer(b, type, v, slot, depth)
                                : bind_record(b, type, v, slot, depth);
    }
}

int relais_avro_default_into(const struct relais_avro_field *field, void *slot,
                             struct relais_arena *arena, struct relais_error *err)
{
    struct binder b = {.arena = arena, .err = err};

    return bind_default(&b, field, slot, 0);
}

int relais_avro_bind(const struct relais_avro *schema, const struct relais_value *v,
                     void *out, struct relais_arena *arena,
                     const struct relais_avro_visit *visit, struct relais_error *err)
{
    struct binder b = {.arena = arena, .visit = visit, .err = err};

    memset(out, 0, schema->root->size);
    return bind(&b, schema->root, NULL, v, out, 0);
}
