/* Bytes -> struct of views: one loop over a plan's ops. Every length is compared with
 * what remains before it is used. */
#include "schemas/avro_read.h"

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
    if (!(p = relais_avro_resolve_one(d, p, op, slot)))
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
