/* Struct -> value. */
#include "schemas/avro_plan.h"

#include "core/crypto.h"

#include <stdio.h>

#define SEALED 0x01 /* first byte of an encrypted field (contract A11) */

struct teller {
    struct relais_arena *arena;
    struct relais_error *err;
};

/* Where a value goes: under `into` as `name`; into NULL: the root. */
struct place {
    struct relais_value *into;
    const char *name;
    const struct relais_avro_field *field; /* NULL: none of a record's */
};

static struct relais_value *tell(struct teller *t, const struct relais_avro_type *type,
                                 const void *slot, struct place at, int depth);

static struct relais_value *full(struct teller *t)
{
    relais_error_set(t->err, RELAIS_E_LIMIT, NULL, "more memory than allowed");
    return NULL;
}

static struct relais_value *add(struct teller *t, struct place at,
                                enum relais_value_kind kind)
{
    struct relais_value *v = relais_value_add(t->arena, at.into, at.name, kind);

    return v ? v : full(t);
}

static struct relais_value *tell_number(struct teller *t, struct place at,
                                        enum relais_value_kind kind, int64_t number)
{
    struct relais_value *v = add(t, at, kind);

    if (v)
        v->number = number;
    return v;
}

static struct relais_value *tell_real(struct teller *t, struct place at, double real)
{
    struct relais_value *v = add(t, at, RELAIS_VALUE_DOUBLE);

    if (v)
        v->real = real;
    return v;
}

static struct relais_value *tell_text(struct teller *t, struct place at,
                                      enum relais_value_kind kind,
                                      struct relais_slice text)
{
    struct relais_value *v = add(t, at, kind);

    if (v)
        v->text = text.ptr ? text : RELAIS_SLICE("");
    return v;
}

static struct relais_value *tell_long(struct teller *t,
                                      const struct relais_avro_type *type,
                                      struct place at, int64_t number)
{
    if (type->logical == RELAIS_AVRO_TIMESTAMP_MICROS)
        return tell_number(t, at, RELAIS_VALUE_INSTANT, number);
    if (type->logical != RELAIS_AVRO_TIMESTAMP_MILLIS)
        return tell_number(t, at, RELAIS_VALUE_LONG, number);
    if (__builtin_mul_overflow(number, 1000, &number)) {
        relais_error_set(t->err, RELAIS_E_LIMIT, at.name, "instant out of range");
        return NULL;
    }
    return tell_number(t, at, RELAIS_VALUE_INSTANT, number);
}

/* A field with relais:clair that is not sealed holds its clear text. */
static struct relais_value *tell_bytes(struct teller *t, struct place at,
                                       struct relais_slice bytes)
{
    struct relais_value *v, *parsed;
    bool json;

    if (!at.field || !at.field->clear || !bytes.len || bytes.ptr[0] == SEALED)
        return tell_text(t, at, RELAIS_VALUE_BYTES, bytes);
    json = strcmp(at.field->clear, "json") == 0;
    if (!json)
        return tell_text(
            t, at, relais_utf8_valid(bytes) ? RELAIS_VALUE_STRING : RELAIS_VALUE_BYTES,
            bytes);
    parsed = relais_value_parse(t->arena, bytes, NULL);
    if (!parsed || parsed->kind != RELAIS_VALUE_RECORD)
        return tell_text(t, at, RELAIS_VALUE_BYTES, bytes);
    v = add(t, at, RELAIS_VALUE_RECORD);
    if (v) {
        v->child = parsed->child;
        v->last = parsed->last;
        v->count = parsed->count;
    }
    return v;
}

static struct relais_value *tell_fixed(struct teller *t,
                                       const struct relais_avro_type *type,
                                       struct place at, const unsigned char *bytes)
{
    struct relais_slice text = {(const char *)bytes, type->count};
    char hex[33];

    if (type->logical != RELAIS_AVRO_UUID)
        return tell_text(t, at, RELAIS_VALUE_BYTES, text);
    relais_hex(bytes, 16, hex);
    text = relais_arena_printf(t->arena, "%.8s-%.4s-%.4s-%.4s-%.12s", hex, hex + 8,
                               hex + 12, hex + 16, hex + 20);
    return text.ptr ? tell_text(t, at, RELAIS_VALUE_STRING, text) : full(t);
}

static struct relais_value *tell_enum(struct teller *t,
                                      const struct relais_avro_type *type,
                                      struct place at, int32_t symbol)
{
    if (symbol >= 0 && (uint32_t)symbol < type->count)
        return tell_text(t, at, RELAIS_VALUE_STRING,
                         relais_slice_str(type->symbols[symbol]));
    relais_error_set(t->err, RELAIS_E_FIELD_TYPE, at.name, "symbol that the enum lacks");
    return NULL;
}

static struct relais_value *tell_items(struct teller *t,
                                       const struct relais_avro_type *type,
                                       const struct relais_array *slot, struct place at,
                                       int depth)
{
    bool map = type->kind == RELAIS_AVRO_MAP;
    struct relais_value *v = add(t, at, map ? RELAIS_VALUE_RECORD : RELAIS_VALUE_ARRAY);
    const char *item = slot->items;

    for (size_t i = 0; v && i < slot->count; i++, item += type->item_size) {
        struct place inside = {v, NULL, at.field};

        if (map) {
            const struct relais_slice *key = (const void *)item;

            inside.name =
                relais_arena_slice(t->arena, key->ptr ? *key : RELAIS_SLICE("")).ptr;
            if (!inside.name)
                return full(t);
        }
        if (!tell(t, type->item, item + type->item_offset, inside, depth + 1))
            return NULL;
    }
    return v;
}

static struct relais_value *tell_union(struct teller *t,
                                       const struct relais_avro_type *type,
                                       const void *slot, struct place at, int depth)
{
    const struct relais_avro_union *u = slot;
    const struct relais_avro_type *branch;

    if (type->null_branch >= 0) {
        bool null =
            type->value_offset ? !*(const bool *)slot : !*(const void *const *)slot;

        if (null)
            return add(t, at, RELAIS_VALUE_NULL);
        return tell(t, type->branches[1 - type->null_branch],
                    (const char *)slot + type->value_offset, at, depth);
    }
    if (u->branch < 0 || (uint32_t)u->branch >= type->count) {
        relais_error_set(t->err, RELAIS_E_FIELD_TYPE, at.name,
                         "branch that the union lacks");
        return NULL;
    }
    branch = type->branches[u->branch];
    if (branch->kind == RELAIS_AVRO_NULL || !u->value)
        return add(t, at, RELAIS_VALUE_NULL);
    return tell(t, branch->by_pointer ? branch->item : branch, u->value, at, depth + 1);
}

static struct relais_value *tell_record(struct teller *t,
                                        const struct relais_avro_type *type,
                                        const void *slot, struct place at, int depth)
{
    struct relais_value *v;
    const char *data = type->by_pointer ? *(const char *const *)slot : slot;

    if (!data)
        return add(t, at, RELAIS_VALUE_NULL);
    v = add(t, at, RELAIS_VALUE_RECORD);
    for (uint32_t i = 0; v && i < type->count; i++) {
        const struct relais_avro_field *field = &type->fields[i];

        if (!tell(t, field->type, data + field->offset,
                  (struct place){v, field->name, field}, depth + 1))
            return NULL;
    }
    return v;
}

static struct relais_value *tell(struct teller *t, const struct relais_avro_type *type,
                                 const void *slot, struct place at, int depth)
{
    struct relais_value *v;

    if (depth > RELAIS_AVRO_DEPTH_MAX) {
        relais_error_set(t->err, RELAIS_E_LIMIT, at.name, "deeper than 64");
        return NULL;
    }
    switch (type->kind) {
    case RELAIS_AVRO_NULL:
        return add(t, at, RELAIS_VALUE_NULL);
    case RELAIS_AVRO_BOOLEAN:
        if ((v = add(t, at, RELAIS_VALUE_BOOL)))
            v->boolean = *(const bool *)slot;
        return v;
    case RELAIS_AVRO_INT:
        return tell_number(t, at,
                           type->logical == RELAIS_AVRO_DATE ? RELAIS_VALUE_DAY
                                                             : RELAIS_VALUE_LONG,
                           *(const int32_t *)slot);
    case RELAIS_AVRO_LONG:
        return tell_long(t, type, at, *(const int64_t *)slot);
    case RELAIS_AVRO_FLOAT:
        return tell_real(t, at, (double)*(const float *)slot);
    case RELAIS_AVRO_DOUBLE:
        return tell_real(t, at, *(const double *)slot);
    case RELAIS_AVRO_BYTES:
        return tell_bytes(t, at, *(const struct relais_slice *)slot);
    case RELAIS_AVRO_STRING:
        return tell_text(t, at, RELAIS_VALUE_STRING, *(const struct relais_slice *)slot);
    case RELAIS_AVRO_FIXED:
        return tell_fixed(t, type, at, slot);
    case RELAIS_AVRO_ENUM:
        return tell_enum(t, type, at, *(const int32_t *)slot);
    case RELAIS_AVRO_ARRAY:
    case RELAIS_AVRO_MAP:
        return tell_items(t, type, slot, at, depth);
    case RELAIS_AVRO_UNION:
        return tell_union(t, type, slot, at, depth);
    case RELAIS_AVRO_RECORD:
        return tell_record(t, type, slot, at, depth);
    }
    return NULL;
}

struct relais_value *relais_avro_to_value(const struct relais_avro *schema,
                                          const void *data, struct relais_arena *arena,
                                          struct relais_error *err)
{
    struct teller t = {arena, err};

    return tell(&t, schema->root, data, (struct place){NULL, NULL, NULL}, 0);
}
