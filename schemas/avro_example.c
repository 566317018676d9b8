/* Type -> a value as events of it hold them. */
#include "schemas/avro_plan.h"

#define NIL_UUID "00000000-0000-0000-0000-000000000000"

static struct relais_value *make(struct relais_arena *arena, struct relais_value *into,
                                 const char *name, const struct relais_avro_field *field,
                                 const struct relais_avro_type *type, bool open);

static enum relais_value_kind kind_of(const struct relais_avro_type *type)
{
    switch (type->kind) {
    case RELAIS_AVRO_BOOLEAN:
        return RELAIS_VALUE_BOOL;
    case RELAIS_AVRO_INT:
        return type->logical == RELAIS_AVRO_DATE ? RELAIS_VALUE_DAY : RELAIS_VALUE_LONG;
    case RELAIS_AVRO_LONG:
        return type->logical == RELAIS_AVRO_TIMESTAMP_MILLIS ||
                       type->logical == RELAIS_AVRO_TIMESTAMP_MICROS
                   ? RELAIS_VALUE_INSTANT
                   : RELAIS_VALUE_LONG;
    case RELAIS_AVRO_FLOAT:
    case RELAIS_AVRO_DOUBLE:
        return RELAIS_VALUE_DOUBLE;
    case RELAIS_AVRO_BYTES:
        return RELAIS_VALUE_BYTES;
    case RELAIS_AVRO_FIXED:
        return type->logical == RELAIS_AVRO_UUID ? RELAIS_VALUE_STRING
                                                 : RELAIS_VALUE_BYTES;
    case RELAIS_AVRO_STRING:
    case RELAIS_AVRO_ENUM:
        return RELAIS_VALUE_STRING;
    case RELAIS_AVRO_ARRAY:
        return RELAIS_VALUE_ARRAY;
    case RELAIS_AVRO_MAP:
    case RELAIS_AVRO_RECORD:
        return RELAIS_VALUE_RECORD;
    default:
        return RELAIS_VALUE_NULL;
    }
}

static int fill(struct relais_arena *arena, struct relais_value *v,
                const struct relais_avro_type *type, bool open)
{
    if (type->kind == RELAIS_AVRO_ARRAY)
        return make(arena, v, NULL, NULL, type->item, open) ? 0 : -1;
    for (uint32_t i = 0; type->kind == RELAIS_AVRO_ENUM && i < type->count; i++)
        if (relais_value_add_string(arena, v, NULL, relais_slice_str(type->symbols[i])))
            return -1;
    for (uint32_t i = 0;
         type->kind == RELAIS_AVRO_RECORD && !type->by_pointer && i < type->count; i++)
        if (!make(arena, v, type->fields[i].name, &type->fields[i], type->fields[i].type,
                  open))
            return -1;
    return 0;
}

static struct relais_value *make(struct relais_arena *arena, struct relais_value *into,
                                 const char *name, const struct relais_avro_field *field,
                                 const struct relais_avro_type *type, bool open)
{
    struct relais_value *v;

    if (type->kind == RELAIS_AVRO_UNION && type->null_branch >= 0)
        type = type->branches[1 - type->null_branch];
    v = relais_value_add(arena, into, name, kind_of(type));
    if (!v)
        return NULL;
    if (v->kind == RELAIS_VALUE_STRING)
        v->text =
            type->logical == RELAIS_AVRO_UUID ? RELAIS_SLICE(NIL_UUID) : RELAIS_SLICE("");
    if (open && field && field->clear && v->kind == RELAIS_VALUE_BYTES)
        v->kind =
            strcmp(field->clear, "json") == 0 ? RELAIS_VALUE_RECORD : RELAIS_VALUE_STRING;
    return fill(arena, v, type, open) ? NULL : v;
}

struct relais_value *relais_avro_example(const struct relais_avro *schema, bool open,
                                         struct relais_arena *arena)
{
    return make(arena, NULL, NULL, NULL, schema->root, open);
}
