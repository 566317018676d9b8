/* Where each type's value lies in a C struct (the rules of schemas/avro.h), and each
 * field among its record's names. */
#include "schemas/avro_plan.h"

static uint32_t round_up(uint32_t n, uint32_t align)
{
    return (n + align - 1) & ~(align - 1);
}

#define SLOT(type, c_type)                                                               \
    do {                                                                                 \
        (type)->size = (uint32_t)sizeof(c_type);                                         \
        (type)->align = (uint32_t) _Alignof(c_type);                                     \
    } while (0)

static bool lay_out_record(struct relais_avro_type *type,
                           struct relais_avro_field *fields)
{
    uint32_t size = 0, align = 1;

    for (uint32_t i = 0; i < type->count; i++) {
        const struct relais_avro_type *part = fields[i].type;

        size = round_up(size, part->align);
        fields[i].offset = size;
        size += part->size;
        if (part->align > align)
            align = part->align;
        if (fields[i].protect == RELAIS_AVRO_ENCRYPT || part->encrypts)
            type->encrypts = true;
        fields[i].absent_is_zero = fields[i].has_default && part->null_branch >= 0 &&
                                   fields[i].default_value->kind == RELAIS_VALUE_NULL;
        type->leads = type->leads || part->leads;
        if (size > RELAIS_AVRO_SIZE_MAX)
            return false;
    }
    type->size = size ? round_up(size, align) : 1;
    type->align = align;
    return true;
}

static void lay_out_map(struct relais_avro_type *type)
{
    uint32_t key = (uint32_t)sizeof(struct relais_slice);
    uint32_t align = (uint32_t) _Alignof(struct relais_slice);

    if (type->item->align > align)
        align = type->item->align;
    type->item_offset = round_up(key, type->item->align);
    type->item_size = round_up(type->item_offset + type->item->size, align);
}

static void lay_out_union(struct relais_avro_type *type)
{
    const struct relais_avro_type *value;

    for (uint32_t i = 0; i < type->count; i++)
        type->encrypts = type->encrypts || type->branches[i]->encrypts;
    if (type->null_branch < 0) {
        SLOT(type, struct relais_avro_union);
        type->leads = true;
        return;
    }
    value = type->branches[1 - type->null_branch];
    type->leads = value->leads;
    type->align = value->align;
    if (value->kind == RELAIS_AVRO_BYTES || value->kind == RELAIS_AVRO_STRING ||
        value->by_pointer) {
        type->size = value->size;
        return;
    }
    type->value_offset = round_up((uint32_t)sizeof(bool), value->align);
    type->size = round_up(type->value_offset + value->size, value->align);
}

bool relais_avro_lay_out(struct relais_avro_type *type, struct relais_avro_field *fields)
{
    switch (type->kind) {
    case RELAIS_AVRO_NULL:
        type->size = 0;
        type->align = 1;
        break;
    case RELAIS_AVRO_BOOLEAN:
        SLOT(type, bool);
        break;
    case RELAIS_AVRO_INT:
    case RELAIS_AVRO_ENUM:
        SLOT(type, int32_t);
        break;
    case RELAIS_AVRO_LONG:
        SLOT(type, int64_t);
        break;
    case RELAIS_AVRO_FLOAT:
        SLOT(type, float);
        break;
    case RELAIS_AVRO_DOUBLE:
        SLOT(type, double);
        break;
    case RELAIS_AVRO_BYTES:
    case RELAIS_AVRO_STRING:
        SLOT(type, struct relais_slice);
        break;
    case RELAIS_AVRO_FIXED:
        type->size = type->count;
        type->align = 1;
        break;
    case RELAIS_AVRO_ARRAY:
        SLOT(type, struct relais_array);
        type->leads = true;
        type->item_size = type->item->size;
        type->encrypts = type->item->encrypts;
        break;
    case RELAIS_AVRO_MAP:
        SLOT(type, struct relais_array);
        type->leads = true;
        lay_out_map(type);
        type->encrypts = type->item->encrypts;
        break;
    case RELAIS_AVRO_UNION:
        lay_out_union(type);
        break;
    case RELAIS_AVRO_RECORD:
        if (type->by_pointer) {
            SLOT(type, const void *);
            type->encrypts = true; /* not known before the record's end */
            type->leads = true;
            break;
        }
        return lay_out_record(type, fields);
    }
    return type->size <= RELAIS_AVRO_SIZE_MAX;
}

bool relais_avro_index_names(struct relais_avro_type *type,
                             struct relais_avro_field *fields, struct relais_arena *arena)
{
    uint32_t slots = 1;

    while (slots < type->count)
        slots *= 2;
    type->name_mask = slots - 1;
    type->first_of_name =
        relais_arena_zalloc(arena, slots * sizeof(*type->first_of_name));
    type->given_after = relais_arena_zalloc(arena, (type->count + (size_t)1) *
                                                       sizeof(*type->given_after));
    for (uint32_t i = 0; type->first_of_name && i < type->count; i++) {
        uint32_t *slot = relais_avro_name_slot(type, fields[i].name);

        fields[i].next_of_name = *slot;
        *slot = i + 1;
    }
    return type->first_of_name && type->given_after;
}

const struct relais_avro_field *relais_avro_field(const struct relais_avro_type *record,
                                                  const char *name)
{
    uint32_t at = record->first_of_name ? *relais_avro_name_slot(record, name) : 0;

    while (at && strcmp(record->fields[at - 1].name, name) != 0)
        at = record->fields[at - 1].next_of_name;
    return at ? &record->fields[at - 1] : NULL;
}

void relais_avro_finish_types(struct relais_avro *schema)
{
    for (uint32_t i = 0; i < schema->type_count; i++)
        if (schema->types[i]->by_pointer) {
            schema->types[i]->fields = schema->types[i]->item->fields;
            schema->types[i]->count = schema->types[i]->item->count;
            schema->types[i]->first_of_name = schema->types[i]->item->first_of_name;
            schema->types[i]->name_mask = schema->types[i]->item->name_mask;
            schema->types[i]->given_after = schema->types[i]->item->given_after;
        }
}
