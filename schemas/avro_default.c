/* Does a default, as a schema writes it, fit its type? Norm: Avro 1.12, "Complex Types",
 * table of default values. */
#include "schemas/avro_plan.h"

#include <math.h>

/* bytes and fixed: code points U+0000 to U+00FF stand for bytes. -1: others are there. */
static int64_t latin1_count(struct relais_slice s)
{
    int64_t n = 0;

    for (size_t i = 0; i < s.len; i++, n++) {
        unsigned char c = (unsigned char)s.ptr[i];

        if (c < 0x80)
            continue;
        if ((c != 0xc2 && c != 0xc3) || i + 1 == s.len)
            return -1;
        i++;
    }
    return n;
}

bool relais_avro_real(const struct relais_value *v, double *out)
{
    static const struct {
        const char *text;
        double real;
    } words[] = {{"NaN", NAN},
                 {"Infinity", INFINITY},
                 {"INF", INFINITY},
                 {"-Infinity", -INFINITY},
                 {"-INF", -INFINITY}};

    if (v->kind == RELAIS_VALUE_LONG || v->kind == RELAIS_VALUE_DOUBLE) {
        *out = v->kind == RELAIS_VALUE_LONG ? (double)v->number : v->real;
        return true;
    }
    for (size_t i = 0; v->kind == RELAIS_VALUE_STRING && i < 5; i++)
        if (relais_slice_is(v->text, words[i].text)) {
            *out = words[i].real;
            return true;
        }
    return false;
}

static bool record_fits(const struct relais_avro_type *type, const struct relais_value *v,
                        int depth, uint32_t *budget)
{
    if (v->kind != RELAIS_VALUE_RECORD)
        return false;
    for (uint32_t i = 0; i < type->count; i++) {
        const struct relais_avro_field *field = &type->fields[i];
        const struct relais_value *member = relais_value_get(v, field->name);

        if (!member)
            member = field->default_value;
        if (!member || !relais_avro_default_fits(field->type, member, depth + 1, budget))
            return false;
    }
    return true;
}

static bool items_fit(const struct relais_avro_type *type, const struct relais_value *v,
                      enum relais_value_kind kind, int depth, uint32_t *budget)
{
    if (v->kind != kind)
        return false;
    for (v = v->child; v; v = v->next)
        if (!relais_avro_default_fits(type->item, v, depth + 1, budget))
            return false;
    return true;
}

static bool enum_fits(const struct relais_avro_type *type, struct relais_slice symbol)
{
    for (uint32_t i = 0; i < type->count; i++)
        if (relais_slice_is(symbol, type->symbols[i]))
            return true;
    return false;
}

bool relais_avro_default_fits(const struct relais_avro_type *type,
                              const struct relais_value *v, int depth, uint32_t *budget)
{
    double real;

    if (depth > RELAIS_AVRO_DEPTH_MAX)
        *budget = 0;
    if (*budget == 0)
        return false;
    --*budget;
    switch (type->kind) {
    case RELAIS_AVRO_NULL:
        return v->kind == RELAIS_VALUE_NULL;
    case RELAIS_AVRO_BOOLEAN:
        return v->kind == RELAIS_VALUE_BOOL;
    case RELAIS_AVRO_INT:
        return v->kind == RELAIS_VALUE_LONG && v->number >= INT32_MIN &&
               v->number <= INT32_MAX;
    case RELAIS_AVRO_LONG:
        return v->kind == RELAIS_VALUE_LONG;
    case RELAIS_AVRO_FLOAT:
    case RELAIS_AVRO_DOUBLE:
        return relais_avro_real(v, &real) && (!depth || v->kind != RELAIS_VALUE_STRING);
    case RELAIS_AVRO_STRING:
        return v->kind == RELAIS_VALUE_STRING;
    case RELAIS_AVRO_BYTES:
        return v->kind == RELAIS_VALUE_STRING && latin1_count(v->text) >= 0;
    case RELAIS_AVRO_FIXED:
        return v->kind == RELAIS_VALUE_STRING && latin1_count(v->text) == type->count;
    case RELAIS_AVRO_ENUM:
        return v->kind == RELAIS_VALUE_STRING && enum_fits(type, v->text);
    case RELAIS_AVRO_ARRAY:
        return items_fit(type, v, RELAIS_VALUE_ARRAY, depth, budget);
    case RELAIS_AVRO_MAP:
        return items_fit(type, v, RELAIS_VALUE_RECORD, depth, budget);
    case RELAIS_AVRO_UNION:
        for (uint32_t i = 0; i < type->count; i++)
            if (relais_avro_default_fits(type->branches[i], v, depth + 1, budget))
                return true;
        return false;
    case RELAIS_AVRO_RECORD:
        return record_fits(type, v, depth, budget);
    }
    return false;
}
