/* Ops of a (writer, reader) pair. */
#include "schemas/avro_read.h"

static const unsigned char *skip(struct decoder *d, const unsigned char *p,
                                 const struct relais_avro_type *type, int depth);

static const unsigned char *skip_bytes(struct decoder *d, const unsigned char *p,
                                       uint64_t n)
{
    return n > (uint64_t)(d->end - p) ? truncated(d) : p + n;
}

static const unsigned char *skip_slice(struct decoder *d, const unsigned char *p)
{
    struct relais_slice ignored;

    return get_slice(d, p, false, &ignored);
}

/* A block that tells its size is left whole. */
static const unsigned char *skip_items(struct decoder *d, const unsigned char *p,
                                       const struct relais_avro_type *type, int depth)
{
    int64_t n, size;

    for (;;) {
        p = get_long(d, p, &n);
        if (!p || n == 0)
            return p;
        if (n < 0) {
            p = get_long(d, p, &size);
            if (p && (n == INT64_MIN || size < 0))
                return refuse(d, RELAIS_E_AVRO_INVALID, "impossible block");
            if (p)
                p = skip_bytes(d, p, (uint64_t)size);
            if (!p)
                return NULL;
            continue;
        }
        for (; n > 0; n--) {
            const unsigned char *before = p;

            if (type->kind == RELAIS_AVRO_MAP && !(p = skip_slice(d, p)))
                return NULL;
            p = skip(d, p, type->item, depth + 1);
            if (!p)
                return NULL;
            if (p == before && d->empty_left-- == 0)
                return refuse(d, RELAIS_E_AVRO_LIMIT,
                              "more than 100,000 items of no bytes");
        }
    }
}

static const unsigned char *skip_union(struct decoder *d, const unsigned char *p,
                                       const struct relais_avro_type *type, int depth)
{
    int64_t branch;

    p = get_long(d, p, &branch);
    if (p && (branch < 0 || branch >= type->count))
        return refuse(d, RELAIS_E_AVRO_INVALID, "branch that the union lacks");
    return p ? skip(d, p, type->branches[branch], depth + 1) : NULL;
}

/* A value of the writer's that the reader lacks. */
static const unsigned char *skip(struct decoder *d, const unsigned char *p,
                                 const struct relais_avro_type *type, int depth)
{
    uint64_t n;

    if (depth > RELAIS_AVRO_DEPTH_MAX)
        return refuse(d, RELAIS_E_AVRO_LIMIT, "data deeper than 64");
    switch (type->kind) {
    case RELAIS_AVRO_NULL:
        return p;
    case RELAIS_AVRO_BOOLEAN:
        return skip_bytes(d, p, 1);
    case RELAIS_AVRO_INT:
    case RELAIS_AVRO_LONG:
    case RELAIS_AVRO_ENUM:
        return get_varint(d, p, &n);
    case RELAIS_AVRO_FLOAT:
        return skip_bytes(d, p, 4);
    case RELAIS_AVRO_DOUBLE:
        return skip_bytes(d, p, 8);
    case RELAIS_AVRO_FIXED:
        return skip_bytes(d, p, type->count);
    case RELAIS_AVRO_BYTES:
    case RELAIS_AVRO_STRING:
        return skip_slice(d, p);
    case RELAIS_AVRO_ARRAY:
    case RELAIS_AVRO_MAP:
        return skip_items(d, p, type, depth);
    case RELAIS_AVRO_UNION:
        return skip_union(d, p, type, depth);
    case RELAIS_AVRO_RECORD:
        if (type->by_pointer)
            type = type->item;
        for (uint32_t i = 0; p && i < type->count; i++)
            p = skip(d, p, type->fields[i].type, depth + 1);
        return p;
    }
    return p;
}

static void store_real(enum relais_avro_kind kind, double value, float single, void *slot)
{
    if (kind == RELAIS_AVRO_FLOAT)
        memcpy(slot, &single, sizeof(single));
    else
        memcpy(slot, &value, sizeof(value));
}

static const unsigned char *promote(struct decoder *d, const unsigned char *p,
                                    const struct relais_avro_op *op, void *slot)
{
    enum relais_avro_kind to = (enum relais_avro_kind)op->b;
    int64_t number = 0;
    int32_t small = 0;
    float single = 0;

    if (op->a == RELAIS_AVRO_FLOAT) {
        p = get_float(d, p, &single);
        if (p)
            store_real(to, single, single, slot);
        return p;
    }
    if (op->a == RELAIS_AVRO_INT) {
        p = get_int(d, p, &small);
        number = small;
    } else {
        p = get_long(d, p, &number);
    }
    if (p && to == RELAIS_AVRO_LONG)
        memcpy(slot, &number, sizeof(number));
    else if (p)
        store_real(to, (double)number, (float)number, slot);
    return p;
}

static const unsigned char *map_symbol(struct decoder *d, const unsigned char *p,
                                       const struct relais_avro_op *op, int32_t *slot)
{
    int32_t written;

    p = get_int(d, p, &written);
    if (!p)
        return NULL;
    if ((uint32_t)written >= op->b)
        return refuse(d, RELAIS_E_AVRO_INVALID, "symbol that the enum lacks");
    *slot = d->plan->symbols[op->a + (uint32_t)written];
    if (*slot < 0)
        return refuse(d, RELAIS_E_SCHEMA_MISMATCH, "symbol that the reader's enum lacks");
    return p;
}

const unsigned char *relais_avro_resolve_one(struct decoder *d, const unsigned char *p,
                                             const struct relais_avro_op *op, void *slot)
{
    const struct relais_slice *constant;

    switch (op->code) {
    case OP_SKIP:
        return skip(d, p, d->plan->skips[op->a], 0);
    case OP_CONSTANT:
        constant = &d->plan->constants[op->a];
        memcpy(slot, constant->ptr, constant->len);
        return p;
    case OP_ZERO:
        memset(slot, 0, op->a);
        return p;
    case OP_SET:
        *(bool *)slot = true;
        return p;
    case OP_PROMOTE:
        return promote(d, p, op, slot);
    case OP_ENUM_MAP:
        return map_symbol(d, p, op, slot);
    default:
        return refuse(d, RELAIS_E_SCHEMA_MISMATCH, d->plan->reasons[op->a]);
    }
}
