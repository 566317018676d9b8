#include "schemas/avro.h"

static const void *at(const void *base, size_t offset)
{
    return (const char *)base + offset;
}

static bool equal_items(const struct relais_avro_type *type, const struct relais_array *a,
                        const struct relais_array *b)
{
    if (a->count != b->count)
        return false;
    for (size_t i = 0; i < a->count; i++) {
        const void *x = at(a->items, i * type->item_size);
        const void *y = at(b->items, i * type->item_size);

        if (type->kind == RELAIS_AVRO_MAP &&
            !relais_slice_eq(*(const struct relais_slice *)x,
                             *(const struct relais_slice *)y))
            return false;
        if (!relais_avro_equal(type->item, at(x, type->item_offset),
                               at(y, type->item_offset)))
            return false;
    }
    return true;
}

static bool equal_fields(const struct relais_avro_type *type, const void *a,
                         const void *b)
{
    if (type->by_pointer) {
        a = *(const void *const *)a;
        b = *(const void *const *)b;
        if (!a || !b)
            return a == b;
        type = type->item;
    }
    for (uint32_t i = 0; i < type->count; i++) {
        const struct relais_avro_field *field = &type->fields[i];

        if (!relais_avro_equal(field->type, at(a, field->offset), at(b, field->offset)))
            return false;
    }
    return true;
}

static bool is_slice(const struct relais_avro_type *type)
{
    return type->kind == RELAIS_AVRO_STRING || type->kind == RELAIS_AVRO_BYTES;
}

static bool equal_union(const struct relais_avro_type *type, const void *a, const void *b)
{
    const struct relais_avro_type *some;

    if (type->null_branch < 0) {
        const struct relais_avro_union *x = a, *y = b;

        return x->branch == y->branch &&
               (!x->value ||
                relais_avro_equal(type->branches[x->branch], x->value, y->value));
    }
    some = type->branches[1 - type->null_branch];
    if (is_slice(some)) {
        const struct relais_slice *x = a, *y = b;

        return !x->ptr == !y->ptr && relais_slice_eq(*x, *y);
    }
    if (some->by_pointer)
        return relais_avro_equal(some, a, b);
    if (*(const bool *)a != *(const bool *)b)
        return false;
    return !*(const bool *)a ||
           relais_avro_equal(some, at(a, type->value_offset), at(b, type->value_offset));
}

bool relais_avro_equal(const struct relais_avro_type *type, const void *a, const void *b)
{
    switch (type->kind) {
    case RELAIS_AVRO_NULL:
        return true;
    case RELAIS_AVRO_BYTES:
    case RELAIS_AVRO_STRING:
        return relais_slice_eq(*(const struct relais_slice *)a,
                               *(const struct relais_slice *)b);
    case RELAIS_AVRO_ARRAY:
    case RELAIS_AVRO_MAP:
        return equal_items(type, a, b);
    case RELAIS_AVRO_UNION:
        return equal_union(type, a, b);
    case RELAIS_AVRO_RECORD:
        return equal_fields(type, a, b);
    case RELAIS_AVRO_BOOLEAN:
    case RELAIS_AVRO_INT:
    case RELAIS_AVRO_LONG:
    case RELAIS_AVRO_FLOAT:
    case RELAIS_AVRO_DOUBLE:
    case RELAIS_AVRO_FIXED:
    case RELAIS_AVRO_ENUM:
        return memcmp(a, b, type->size) == 0;
    }
    return false;
}
