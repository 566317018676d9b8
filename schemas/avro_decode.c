/* Bytes -> struct of views: one loop over a plan's ops. Every length is compared with
 * what remains before it is used. */
#include "schemas/avro_plan.h"

#include <endian.h>

struct frame {
    const struct relais_avro_op *op; /* that opened it */
    char *base;                      /* of the struct that op is in */
    const struct relais_avro_program *program;
    char *items;  /* array: all of them */
    char *item;   /* the present one */
    size_t left;  /* array: items to come in this block, the present one counted */
    size_t count; /* array: items of all blocks so far */
    size_t cap;
    const unsigned char *block_end; /* NULL: the block did not tell */
};

struct decoder {
    const struct relais_avro_plan *plan;
    const unsigned char *begin;
    const unsigned char *end;
    struct relais_arena *arena;
    uint32_t *field_ends;
    size_t empty_left;
    enum relais_code code;
    const char *problem;
    struct frame *top;
    struct frame frames[RELAIS_AVRO_DEPTH_MAX];
};

static const unsigned char *refuse(struct decoder *d, enum relais_code code,
                                   const char *problem)
{
    d->code = code;
    d->problem = problem;
    return NULL;
}

static const unsigned char *truncated(struct decoder *d)
{
    return refuse(d, RELAIS_E_AVRO_TRUNCATED, "data ends here");
}

/* The groups of 7 bits of 8 bytes, put together. */
static inline uint64_t gather(uint64_t bytes)
{
    bytes = (bytes & 0x007f007f007f007f) | (bytes & 0x7f007f007f007f00) >> 1;
    bytes = (bytes & 0x00003fff00003fff) | (bytes & 0x3fff00003fff0000) >> 2;
    return (bytes & 0x000000000fffffff) | (bytes & 0x0fffffff00000000) >> 4;
}

static __attribute__((noinline)) const unsigned char *
get_varint_long(struct decoder *d, const unsigned char *p, uint64_t *out)
{
    uint64_t n = 0, bytes, last;

    if (d->end - p >= (ptrdiff_t)sizeof(bytes)) {
        memcpy(&bytes, p, sizeof(bytes));
        bytes = le64toh(bytes);
        last = ~bytes & 0x8080808080808080; /* bytes that say: none follows */
        if (last) {
            *out = gather(bytes & (last ^ (last - 1)));
            return p + __builtin_ctzll(last) / 8 + 1;
        }
    }
    for (unsigned shift = 0; shift < 70; shift += 7) {
        unsigned char c;

        if (p == d->end)
            return truncated(d);
        c = *p++;
        if (shift == 63 && c > 1)
            break;
        n |= (uint64_t)(c & 127) << shift;
        if (c < 128) {
            *out = n;
            return p;
        }
    }
    return refuse(d, RELAIS_E_AVRO_INVALID, "varint longer than 10 bytes");
}

/* Most are of one byte; days and amounts of two or three. */
static inline const unsigned char *get_varint(struct decoder *d, const unsigned char *p,
                                              uint64_t *out)
{
    if (d->end - p >= 3) {
        uint32_t n = p[0];

        if (n < 128) {
            *out = n;
            return p + 1;
        }
        n = (n & 127) | (uint32_t)(p[1] & 127) << 7;
        if (p[1] < 128) {
            *out = n;
            return p + 2;
        }
        if (p[2] < 128) {
            *out = n | (uint32_t)p[2] << 14;
            return p + 3;
        }
    }
    return get_varint_long(d, p, out);
}

static inline const unsigned char *get_long(struct decoder *d, const unsigned char *p,
                                            int64_t *out)
{
    uint64_t n;

    p = get_varint(d, p, &n);
    if (p)
        *out = (int64_t)(n >> 1) ^ -(int64_t)(n & 1);
    return p;
}

static inline const unsigned char *get_int(struct decoder *d, const unsigned char *p,
                                           int32_t *out)
{
    const unsigned char *start = p;
    uint64_t n;

    p = get_varint(d, p, &n);
    if (!p)
        return NULL;
    if (n > UINT32_MAX || p - start > 5)
        return refuse(d, RELAIS_E_AVRO_INVALID, "int out of range");
    *out = (int32_t)((uint32_t)n >> 1) ^ -(int32_t)(n & 1);
    return p;
}

static inline uint64_t load(const unsigned char *p)
{
    uint64_t word;

    memcpy(&word, p, sizeof(word));
    return word;
}

/* Halves overlap, so that no length needs a loop over its last bytes. */
static inline __attribute__((always_inline)) bool is_ascii(const unsigned char *p,
                                                           size_t len)
{
    uint64_t all;

    if (len >= 8) {
        all = load(p + len - 8);
        for (size_t i = 0; i + 8 < len; i += 8)
            all |= load(p + i);
    } else if (len >= 4) {
        uint32_t first, last;

        memcpy(&first, p, 4);
        memcpy(&last, p + len - 4, 4);
        all = first | last;
    } else if (len) {
        all = p[0] | p[len / 2] | p[len - 1];
    } else {
        return true;
    }
    return (all & 0x8080808080808080u) == 0;
}

static inline __attribute__((always_inline)) const unsigned char *
get_slice(struct decoder *d, const unsigned char *p, bool text, struct relais_slice *out)
{
    uint64_t n;
    size_t len;

    if (p < d->end && *p < 128)
        n = *p++;
    else if (!(p = get_varint_long(d, p, &n)))
        return NULL;
    if (n & 1)
        return refuse(d, RELAIS_E_AVRO_INVALID, "negative length");
    len = (size_t)(n >> 1);
    if (n >> 1 > (uint64_t)(d->end - p))
        return truncated(d);
    if (text && !is_ascii(p, len) &&
        !relais_utf8_valid((struct relais_slice){(const char *)p, len}))
        return refuse(d, RELAIS_E_AVRO_INVALID, "not UTF-8");
    out->ptr = (const char *)p;
    out->len = len;
    return p + len;
}

/* The branch of [null, T]: *null_out. */
static inline const unsigned char *get_null(struct decoder *d, const unsigned char *p,
                                            uint16_t null_branch, bool *null_out)
{
    if (p < d->end && *p <= 2 && !(*p & 1)) {
        *null_out = *p >> 1 == null_branch;
        return p + 1;
    } else {
        int64_t branch;

        p = get_long(d, p, &branch);
        if (p && (branch < 0 || branch > 1))
            return refuse(d, RELAIS_E_AVRO_INVALID, "branch that the union lacks");
        if (p)
            *null_out = branch == null_branch;
        return p;
    }
}

static const unsigned char *get_fixed(struct decoder *d, const unsigned char *p,
                                      void *slot, size_t size)
{
    if ((size_t)(d->end - p) < size)
        return truncated(d);
    memcpy(slot, p, size);
    return p + size;
}

static const unsigned char *get_float(struct decoder *d, const unsigned char *p,
                                      void *slot)
{
    uint32_t bits;

    p = get_fixed(d, p, &bits, sizeof(bits));
    if (p) {
        bits = le32toh(bits);
        memcpy(slot, &bits, sizeof(bits));
    }
    return p;
}

static const unsigned char *get_double(struct decoder *d, const unsigned char *p,
                                       void *slot)
{
    uint64_t bits;

    p = get_fixed(d, p, &bits, sizeof(bits));
    if (p) {
        bits = le64toh(bits);
        memcpy(slot, &bits, sizeof(bits));
    }
    return p;
}

static struct frame *push(struct decoder *d, const struct relais_avro_op *op, char *base,
                          uint32_t program)
{
    struct frame *f = d->top;

    if (f == d->frames + RELAIS_AVRO_DEPTH_MAX) {
        refuse(d, RELAIS_E_AVRO_LIMIT, "data deeper than 64");
        return NULL;
    }
    d->top++;
    f->op = op;
    f->base = base;
    f->program = &d->plan->programs[program];
    f->items = NULL;
    f->left = f->count = f->cap = 0;
    return f;
}

/* A struct of its own for a branch or a pointed record. */
static const unsigned char *enter(struct decoder *d, const unsigned char *p,
                                  const struct relais_avro_op *op, char *base,
                                  uint32_t program, const void **slot)
{
    struct frame *f = push(d, op, base, program);

    if (!f)
        return NULL;
    f->item = relais_arena_alloc(d->arena, f->program->item_size + (size_t)1);
    if (!f->item)
        return refuse(d, RELAIS_E_AVRO_LIMIT, "more memory than allowed");
    *slot = f->item;
    return p;
}

static const unsigned char *enter_union(struct decoder *d, const unsigned char *p,
                                        const struct relais_avro_op *op, char *base)
{
    struct relais_avro_union *slot = (void *)(base + op->offset);
    const struct relais_avro_union_plan *branches = &d->plan->unions[op->a];
    uint32_t program;
    int64_t branch;

    p = get_long(d, p, &branch);
    if (!p)
        return NULL;
    if (branch < 0 || branch >= branches->count)
        return refuse(d, RELAIS_E_AVRO_INVALID, "branch that the union lacks");
    slot->branch = (int32_t)branch;
    slot->value = NULL;
    program = d->plan->branches[branches->first + (uint32_t)branch];
    if (program == RELAIS_AVRO_NO_PROGRAM)
        return p;
    return enter(d, p, op, base, program, &slot->value);
}

/* Place for n more items. */
static bool more_items(struct decoder *d, struct frame *f, size_t n)
{
    size_t size = f->program->item_size, total = f->count + n, bytes;
    size_t cap = f->cap && total < f->cap * 2 ? f->cap * 2 : total;
    char *items;

    if (size == 0 || total <= f->cap)
        return true;
    if (__builtin_mul_overflow(cap, size, &bytes) || bytes > SIZE_MAX / 2 ||
        !(items = relais_arena_alloc(d->arena, bytes)))
        return false;
    if (f->count)
        memcpy(items, f->items, f->count * size);
    f->items = items;
    f->cap = cap;
    return true;
}

/* Reads a block's head. At the last block the slot is written and the frame left. */
static const unsigned char *next_block(struct decoder *d, const unsigned char *p,
                                       struct frame *f)
{
    uint32_t least = f->program->least;
    int64_t n, size = -1, bytes;

    p = get_long(d, p, &n);
    if (p && n < 0) {
        if (n == INT64_MIN)
            return refuse(d, RELAIS_E_AVRO_INVALID, "impossible number of items");
        n = -n;
        p = get_long(d, p, &size);
        if (p && size < 0)
            return refuse(d, RELAIS_E_AVRO_INVALID, "negative size of a block");
    }
    if (!p)
        return NULL;
    if (n == 0) {
        struct relais_array *slot = (void *)(f->base + f->op->offset);

        slot->items = f->items;
        slot->count = f->count;
        d->top--;
        return p;
    }
    if (size > d->end - p || __builtin_mul_overflow(n, (int64_t)least, &bytes) ||
        bytes > d->end - p)
        return truncated(d);
    if (!least && (uint64_t)n > d->empty_left)
        return refuse(d, RELAIS_E_AVRO_LIMIT, "more than 100,000 items of no bytes");
    d->empty_left -= least ? 0 : (size_t)n;
    if (!more_items(d, f, (size_t)n))
        return refuse(d, RELAIS_E_AVRO_LIMIT, "more memory than allowed");
    f->block_end = size < 0 ? NULL : p + size;
    f->item = f->items ? f->items + f->count * f->program->item_size : NULL;
    f->left = (size_t)n;
    f->count += (size_t)n;
    return p;
}

/* After an item: the next, the next block, or out. Also after a branch or a pointer. */
static const unsigned char *leave(struct decoder *d, const unsigned char *p,
                                  struct frame *f)
{
    if (f->left == 0) {
        d->top--;
        return p;
    }
    if (--f->left) {
        f->item += f->program->item_size;
        return p;
    }
    if (f->block_end && f->block_end != p)
        return refuse(d, RELAIS_E_AVRO_INVALID, "size of a block is wrong");
    return next_block(d, p, f);
}

static const unsigned char *enter_array(struct decoder *d, const unsigned char *p,
                                        const struct relais_avro_op *op, char *base)
{
    struct frame *f = push(d, op, base, op->a);

    return f ? next_block(d, p, f) : NULL;
}

/* ---- ops of a (writer, reader) pair --------------------------------------------------
 */

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

static const unsigned char *resolve_one(struct decoder *d, const unsigned char *p,
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

/* The program of the branch that was written works on the same slot. */
static const unsigned char *enter_choice(struct decoder *d, const unsigned char *p,
                                         const struct relais_avro_op *op, char *base)
{
    const struct relais_avro_union_plan *branches = &d->plan->unions[op->a];
    struct frame *f;
    int64_t branch;

    p = get_long(d, p, &branch);
    if (!p)
        return NULL;
    if (branch < 0 || branch >= branches->count)
        return refuse(d, RELAIS_E_AVRO_INVALID, "branch that the union lacks");
    f = push(d, op, base, d->plan->branches[branches->first + (uint32_t)branch]);
    if (!f)
        return NULL;
    f->item = base + op->offset;
    return p;
}

static const unsigned char *enter_wrap(struct decoder *d, const unsigned char *p,
                                       const struct relais_avro_op *op, char *base)
{
    struct relais_avro_union *slot = (void *)(base + op->offset);

    slot->branch = op->flag;
    slot->value = NULL;
    if (op->a == RELAIS_AVRO_NO_PROGRAM)
        return p;
    return enter(d, p, op, base, op->a, &slot->value);
}

/* ---- the loop ---------------------------------------------------------------------- */

/* The ops that are seldom met, of one value each. */
static const unsigned char *get_rare(struct decoder *d, const unsigned char *p,
                                     const struct relais_avro_op *op, void *slot)
{
    switch (op->code) {
    case OP_BOOLEAN:
        if (p == d->end)
            return truncated(d);
        if (*p > 1)
            return refuse(d, RELAIS_E_AVRO_INVALID, "boolean neither 0 nor 1");
        *(bool *)slot = *p;
        return p + 1;
    case OP_FLOAT:
        return get_float(d, p, slot);
    case OP_DOUBLE:
        return get_double(d, p, slot);
    case OP_FIXED:
        return get_fixed(d, p, slot, op->a);
    default:
        d->field_ends[op->a] = (uint32_t)(p - d->begin);
        return p;
    }
}

static inline const unsigned char *get_enum(struct decoder *d, const unsigned char *p,
                                            uint32_t count, int32_t *slot)
{
    p = get_int(d, p, slot);
    if (p && (uint32_t)*slot >= count)
        return refuse(d, RELAIS_E_AVRO_INVALID, "symbol that the enum lacks");
    return p;
}

static const unsigned char *enter_any(struct decoder *d, const unsigned char *p,
                                      const struct relais_avro_op *op, char *base)
{
    switch (op->code) {
    case OP_ARRAY:
        return enter_array(d, p, op, base);
    case OP_UNION:
        return enter_union(d, p, op, base);
    case OP_CHOOSE:
        return enter_choice(d, p, op, base);
    case OP_WRAP:
        return enter_wrap(d, p, op, base);
    default:
        return enter(d, p, op, base, op->a, (const void **)(base + op->offset));
    }
}

/* Runs until the root's end. NULL: refused; *op_out: where. Each op jumps to the next by
 * itself, as in the encoder. */
static const unsigned char *run(struct decoder *d, const unsigned char *p,
                                const struct relais_avro_op *op, char *base,
                                const struct relais_avro_op **op_out)
{
    static const void *const ops[] = {
        [OP_END] = &&end,
        [OP_BOOLEAN] = &&rare,
        [OP_INT] = &&a_int,
        [OP_LONG] = &&a_long,
        [OP_FLOAT] = &&rare,
        [OP_DOUBLE] = &&rare,
        [OP_BYTES] = &&bytes,
        [OP_STRING] = &&text,
        [OP_FIXED] = &&rare,
        [OP_ENUM] = &&symbol,
        [OP_ARRAY] = &&inner,
        [OP_UNION] = &&inner,
        [OP_POINTER] = &&inner,
        [OP_NULL_OR] = &&null_or,
        [OP_NULL_OR_BYTES] = &&null_or_text,
        [OP_NULL_OR_STRING] = &&null_or_text,
        [OP_NULL_OR_POINTER] = &&null_or_pointer,
        [OP_MARK] = &&rare,
        [OP_SKIP] = &&resolved,
        [OP_CONSTANT] = &&resolved,
        [OP_ZERO] = &&resolved,
        [OP_SET] = &&resolved,
        [OP_PROMOTE] = &&resolved,
        [OP_ENUM_MAP] = &&resolved,
        [OP_CHOOSE] = &&inner,
        [OP_WRAP] = &&inner,
        [OP_REFUSE] = &&resolved,
    };
    void *slot = base + op->offset;
    struct frame *top;
    bool null = false;

    goto *ops[op->code];
text:
    do {
        if (!(p = get_slice(d, p, true, slot)))
            goto stop;
        slot = base + (++op)->offset;
    } while (op->code == OP_STRING);
    goto *ops[op->code];
bytes:
    if (!(p = get_slice(d, p, false, slot)))
        goto stop;
    slot = base + (++op)->offset;
    goto *ops[op->code];
a_int:
    do {
        if (!(p = get_int(d, p, slot)))
            goto stop;
        slot = base + (++op)->offset;
    } while (op->code == OP_INT);
    goto *ops[op->code];
a_long:
    if (!(p = get_long(d, p, slot)))
        goto stop;
    slot = base + (++op)->offset;
    goto *ops[op->code];
symbol:
    if (!(p = get_enum(d, p, op->a, slot)))
        goto stop;
    slot = base + (++op)->offset;
    goto *ops[op->code];
rare:
    if (!(p = get_rare(d, p, op, slot)))
        goto stop;
    slot = base + (++op)->offset;
    goto *ops[op->code];
resolved:
    if (!(p = resolve_one(d, p, op, slot)))
        goto stop;
    slot = base + (++op)->offset;
    goto *ops[op->code];
null_or:
    if (!(p = get_null(d, p, op->flag, &null)))
        goto stop;
    *(bool *)slot = true;
    if (null) {
        memset(slot, 0, op->b);
        op += op->a;
    }
    slot = base + (++op)->offset;
    goto *ops[op->code];
null_or_text:
    if (!(p = get_null(d, p, op->flag, &null)))
        goto stop;
    if (!null && op->code == OP_NULL_OR_STRING)
        goto text;
    if (!null)
        goto bytes;
    *(struct relais_slice *)slot = RELAIS_SLICE_NULL;
    slot = base + (++op)->offset;
    goto *ops[op->code];
null_or_pointer:
    *(const void **)slot = NULL;
    if (!(p = get_null(d, p, op->flag, &null)))
        goto stop;
    if (null)
        goto next;
inner:
    top = d->top;
    if (!(p = enter_any(d, p, op, base)))
        goto stop;
    if (d->top == top)
        goto next;
item:
    base = top->item;
    op = d->plan->ops + top->program->start;
    slot = base + op->offset;
    goto *ops[op->code];
end:
    if (d->top == d->frames)
        return p;
    top = d->top - 1;
    base = top->base;
    op = top->op;
    if (!(p = leave(d, p, top)))
        goto stop;
    if (d->top > top)
        goto item;
next:
    slot = base + (++op)->offset;
    goto *ops[op->code];
stop:
    *op_out = op;
    return NULL;
}

static int fail(const struct decoder *d, const struct relais_avro_op *op,
                struct relais_error *err)
{
    struct relais_avro_step steps[RELAIS_AVRO_DEPTH_MAX + 1];
    size_t n = 0;

    for (const struct frame *f = d->frames; f < d->top; f++)
        steps[n++] = (struct relais_avro_step){
            d->plan->paths[f->op - d->plan->ops],
            f->left ? (int64_t)(f->count - f->left) : -1,
        };
    if (n == 0 || d->top[-1].op != op)
        steps[n++] = (struct relais_avro_step){d->plan->paths[op - d->plan->ops], -1};
    return relais_avro_fail(err, d->code, steps, n, d->problem);
}

int relais_avro_plan_decode(const struct relais_avro_plan *plan,
                            struct relais_slice bytes, void *out,
                            struct relais_arena *arena, uint32_t *field_ends,
                            struct relais_error *err)
{
    static const unsigned char none[1];
    struct decoder d;
    const struct relais_avro_program *root;
    const struct relais_avro_op *op = NULL;
    const unsigned char *p;

    d.plan = plan;
    d.begin = bytes.ptr ? (const unsigned char *)bytes.ptr : none;
    d.end = d.begin + bytes.len;
    d.arena = arena;
    d.field_ends = field_ends;
    d.empty_left = RELAIS_AVRO_EMPTY_MAX;
    d.top = d.frames;
    root = &d.plan->programs[field_ends ? RELAIS_AVRO_MARKED : RELAIS_AVRO_ROOT];
    p = run(&d, d.begin, d.plan->ops + root->start, out, &op);
    if (!p)
        return fail(&d, op, err);
    if (p != d.end)
        return relais_error_set(err, RELAIS_E_AVRO_INVALID, NULL,
                                "bytes left over after the end");
    return 0;
}

int relais_avro_decode(const struct relais_avro *schema, struct relais_slice bytes,
                       void *out, struct relais_arena *arena, uint32_t *field_ends,
                       struct relais_error *err)
{
    return relais_avro_plan_decode(&schema->plan, bytes, out, arena, field_ends, err);
}
