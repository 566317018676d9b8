/* Struct -> bytes: one loop over a plan's ops. Room is reserved by runs: wherever the
 * loop stands, what the fixed-size parts of its program can still take is free in the
 * buffer; only texts, items and branches ask for more. */
#include "schemas/avro_plan.h"

#include <endian.h>

struct frame {
    const struct relais_avro_op *op; /* that opened it */
    const char *base;                /* of the struct that op is in */
    const struct relais_avro_program *program;
    const char *item;
    size_t left; /* items, the present one counted; branch and pointer: 0 */
    size_t count;
    uint32_t rest;
};

struct encoder {
    const struct relais_avro_plan *plan;
    struct relais_buf *out;
    size_t began; /* length of out before */
    unsigned char *end;
    uint32_t *field_ends;
    enum relais_code code;
    const char *problem; /* NULL: no room */
    struct frame *top;
    struct frame frames[RELAIS_AVRO_DEPTH_MAX];
};

/* Groups of 7 bits, one a byte, for n below 2^56. */
static inline uint64_t spread(uint64_t n)
{
    n = (n & 0x000000000fffffff) | (n & 0x00fffffff0000000) << 4;
    n = (n & 0x00003fff00003fff) | (n & 0x0fffc0000fffc000) << 2;
    return (n & 0x007f007f007f007f) | (n & 0x3f803f803f803f80) << 1;
}

/* Writes up to 10 bytes, of which those after the returned place mean nothing. */
static inline unsigned char *put_varint(unsigned char *p, uint64_t n)
{
    if (n < 128) {
        *p = (unsigned char)n;
        return p + 1;
    }
    if (n < 1u << 21) { /* days, most amounts: 2 or 3 bytes */
        p[0] = (unsigned char)(n | 128);
        if (n < 1u << 14) {
            p[1] = (unsigned char)(n >> 7);
            return p + 2;
        }
        p[1] = (unsigned char)(n >> 7 | 128);
        p[2] = (unsigned char)(n >> 14);
        return p + 3;
    }
    if (n < (uint64_t)1 << 56) {
        uint64_t bytes = spread(n);
        unsigned last = (unsigned)(63 - __builtin_clzll(bytes)) / 8;

        bytes |= 0x8080808080808080 & (((uint64_t)1 << (8 * last)) - 1);
        bytes = htole64(bytes);
        memcpy(p, &bytes, sizeof(bytes));
        return p + last + 1;
    }
    for (; n > 127; n >>= 7)
        *p++ = (unsigned char)(n | 128);
    *p = (unsigned char)n;
    return p + 1;
}

static inline unsigned char *put_long(unsigned char *p, int64_t v)
{
    return put_varint(p, ((uint64_t)v << 1) ^ (uint64_t)(v >> 63));
}

/* memcpy of texts, most of which are short: halves that overlap, read before written. */
static inline __attribute__((always_inline)) void copy_text(unsigned char *to,
                                                            const char *from, size_t len)
{
    uint64_t a, b, c, d;
    uint32_t e, f;

    if (len > 32) {
        memcpy(to, from, len);
    } else if (len >= 16) {
        memcpy(&a, from, 8);
        memcpy(&b, from + 8, 8);
        memcpy(&c, from + len - 16, 8);
        memcpy(&d, from + len - 8, 8);
        memcpy(to, &a, 8);
        memcpy(to + 8, &b, 8);
        memcpy(to + len - 16, &c, 8);
        memcpy(to + len - 8, &d, 8);
    } else if (len >= 8) {
        memcpy(&a, from, 8);
        memcpy(&b, from + len - 8, 8);
        memcpy(to, &a, 8);
        memcpy(to + len - 8, &b, 8);
    } else if (len >= 4) {
        memcpy(&e, from, 4);
        memcpy(&f, from + len - 4, 4);
        memcpy(to, &e, 4);
        memcpy(to + len - 4, &f, 4);
    } else if (len) {
        to[0] = (unsigned char)from[0];
        to[len / 2] = (unsigned char)from[len / 2];
        to[len - 1] = (unsigned char)from[len - 1];
    }
}

/* Room for need bytes after p, which moves. NULL: the buffer's ceiling. */
static unsigned char *make_room(struct encoder *e, unsigned char *p, size_t need)
{
    e->out->len = (size_t)((char *)p - e->out->data);
    if (!relais_buf_reserve(e->out, need))
        return NULL;
    e->end = (unsigned char *)e->out->data + e->out->cap - 1;
    return (unsigned char *)e->out->data + e->out->len;
}

static inline unsigned char *ensure(struct encoder *e, unsigned char *p, size_t need)
{
    return (size_t)(e->end - p) >= need ? p : make_room(e, p, need);
}

/* The head and the bytes of a text; rest: what must stay free after it. */
static inline __attribute__((always_inline)) unsigned char *
put_slice(struct encoder *e, unsigned char *p, const struct relais_slice *s,
          uint32_t rest)
{
    size_t len = s->len;

    if (len < 64)
        *p++ = (unsigned char)(len << 1);
    else
        p = put_varint(p, (uint64_t)len << 1);
    if (len > (size_t)(e->end - p) - rest) {
        if (len > SIZE_MAX / 2 || !(p = make_room(e, p, len + rest)))
            return NULL;
    }
    copy_text(p, s->ptr, len);
    return p + len;
}

/* Enters the program of an item (left: how many), a branch or a pointed record. */
static inline unsigned char *enter(struct encoder *e, unsigned char *p,
                                   const struct relais_avro_op *op, const char *base,
                                   uint32_t program, const void *item, size_t left,
                                   uint32_t rest)
{
    struct frame *f = e->top;

    if (f == e->frames + RELAIS_AVRO_DEPTH_MAX) {
        e->code = RELAIS_E_LIMIT;
        e->problem = "data deeper than 64";
        return NULL;
    }
    f->program = &e->plan->programs[program];
    if (!item && f->program->item_size) {
        e->problem = "no value where the schema has no null";
        return NULL;
    }
    f->op = op;
    f->base = base;
    f->item = item;
    f->left = f->count = left;
    f->rest = rest;
    e->top++;
    return ensure(e, p, f->program->room);
}

static unsigned char *enter_union(struct encoder *e, unsigned char *p,
                                  const struct relais_avro_op *op, const char *base)
{
    const struct relais_avro_union *slot = (const void *)(base + op->offset);
    const struct relais_avro_union_plan *branches = &e->plan->unions[op->a];
    uint32_t program;

    if (slot->branch < 0 || (uint32_t)slot->branch >= branches->count) {
        e->problem = "branch that the union lacks";
        return NULL;
    }
    p = put_long(p, slot->branch);
    program = e->plan->branches[branches->first + (uint32_t)slot->branch];
    if (program == RELAIS_AVRO_NO_PROGRAM)
        return p;
    return enter(e, p, op, base, program, slot->value, 0, branches->rest);
}

/* Enters an array with items, a union's branch, a pointed record. */
static unsigned char *enter_any(struct encoder *e, unsigned char *p,
                                const struct relais_avro_op *op, const char *base)
{
    const char *slot = base + op->offset;
    const struct relais_array *array = (const void *)slot;

    switch (op->code) {
    case OP_ARRAY:
        p = put_long(p, (int64_t)array->count);
        if (array->count == 0)
            return p;
        return enter(e, p, op, base, op->a, array->items, array->count, op->b);
    case OP_UNION:
        return enter_union(e, p, op, base);
    default:
        return enter(e, p, op, base, op->a, *(const void *const *)(const void *)slot, 0,
                     op->b);
    }
}

static inline unsigned char *put_float(unsigned char *p, const char *slot)
{
    uint32_t bits;

    memcpy(&bits, slot, sizeof(bits));
    bits = htole32(bits);
    memcpy(p, &bits, sizeof(bits));
    return p + sizeof(bits);
}

static inline unsigned char *put_double(unsigned char *p, const char *slot)
{
    uint64_t bits;

    memcpy(&bits, slot, sizeof(bits));
    bits = htole64(bits);
    memcpy(p, &bits, sizeof(bits));
    return p + sizeof(bits);
}

/* The ops that are seldom met, of one value each. */
static unsigned char *put_rare(struct encoder *e, unsigned char *p,
                               const struct relais_avro_op *op, const char *slot)
{
    switch (op->code) {
    case OP_BOOLEAN:
        *p = *(const bool *)slot;
        return p + 1;
    case OP_FLOAT:
        return put_float(p, slot);
    case OP_DOUBLE:
        return put_double(p, slot);
    case OP_FIXED:
        memcpy(p, slot, op->a);
        return p + op->a;
    default:
        e->field_ends[op->a] = (uint32_t)((size_t)((char *)p - e->out->data) - e->began);
        return p;
    }
}

/* Runs until the root's end. NULL: problem, or no room; *op_out: where. Each op jumps to
 * the next by itself: the processor then guesses the next by the op that was, where a
 * switch makes one jump of all. */
static unsigned char *run(struct encoder *e, unsigned char *p,
                          const struct relais_avro_op *op, const char *base,
                          const struct relais_avro_op **op_out)
{
    static const void *const ops[] = {
        [OP_END] = &&end,
        [OP_BOOLEAN] = &&rare,
        [OP_INT] = &&a_int,
        [OP_LONG] = &&a_long,
        [OP_FLOAT] = &&rare,
        [OP_DOUBLE] = &&rare,
        [OP_BYTES] = &&text,
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
    };
    const void *slot = base + op->offset;
    struct frame *top;

    goto *ops[op->code];
text:
    do {
        if (!(p = put_slice(e, p, slot, op->b)))
            goto stop;
        slot = base + (++op)->offset;
    } while (op->code == OP_STRING);
    goto *ops[op->code];
a_int:
    do {
        p = put_long(p, *(const int32_t *)slot);
        slot = base + (++op)->offset;
    } while (op->code == OP_INT);
    goto *ops[op->code];
a_long:
    p = put_long(p, *(const int64_t *)slot);
    slot = base + (++op)->offset;
    goto *ops[op->code];
symbol:
    if (*(const uint32_t *)slot >= op->a) {
        e->problem = "symbol that the enum lacks";
        goto stop;
    }
    p = put_varint(p, (uint64_t) * (const uint32_t *)slot << 1);
    slot = base + (++op)->offset;
    goto *ops[op->code];
null_or:
    *p++ = (unsigned char)((*(const bool *)slot ^ op->flag) << 1);
    if (!*(const bool *)slot)
        op += op->a;
    slot = base + (++op)->offset;
    goto *ops[op->code];
null_or_text:
    *p++ = (unsigned char)((!!*(const void *const *)slot ^ op->flag) << 1);
    if (*(const void *const *)slot)
        goto text;
    slot = base + (++op)->offset;
    goto *ops[op->code];
rare:
    p = put_rare(e, p, op, slot);
    slot = base + (++op)->offset;
    goto *ops[op->code];
null_or_pointer:
    *p++ = (unsigned char)((!!*(const void *const *)slot ^ op->flag) << 1);
    if (!*(const void *const *)slot)
        goto next;
inner:
    top = e->top;
    p = enter_any(e, p, op, base);
    if (!p)
        goto stop;
    if (e->top == top)
        goto next;
item:
    base = top->item;
    op = e->plan->ops + top->program->start;
    slot = base + op->offset;
    goto *ops[op->code];
end:
    if (e->top == e->frames)
        return p;
    top = e->top - 1;
    if (top->left > 1) {
        top->left--;
        top->item += top->program->item_size;
        if (!(p = ensure(e, p, top->program->room)))
            goto stop;
        goto item;
    }
    e->top = top;
    base = top->base;
    op = top->op;
    if (!(p = ensure(e, p, top->rest + (size_t)1)))
        goto stop;
    if (top->left)
        *p++ = 0;
next:
    slot = base + (++op)->offset;
    goto *ops[op->code];
stop:
    *op_out = op;
    return NULL;
}

static void fail(const struct encoder *e, const struct relais_avro_op *op,
                 struct relais_error *err)
{
    struct relais_avro_step steps[RELAIS_AVRO_DEPTH_MAX + 1];
    size_t n = 0;

    if (!e->problem) {
        relais_error_set(err, RELAIS_E_LIMIT, NULL, "buffer full");
        return;
    }
    for (const struct frame *f = e->frames; f < e->top; f++)
        steps[n++] = (struct relais_avro_step){
            e->plan->paths[f->op - e->plan->ops],
            f->left ? (int64_t)(f->count - f->left) : -1,
        };
    if (n == 0 || e->top[-1].op != op)
        steps[n++] = (struct relais_avro_step){e->plan->paths[op - e->plan->ops], -1};
    relais_avro_fail(err, e->code, steps, n, e->problem);
}

/* 0; 1: no room under the buffer's ceiling for the most it could take; -1: err set. */
static int encode(const struct relais_avro *schema, const void *data,
                  struct relais_buf *out, uint32_t *field_ends, struct relais_error *err)
{
    struct encoder e;
    const struct relais_avro_program *root;
    const struct relais_avro_op *op = NULL;
    unsigned char *p;

    e.plan = &schema->plan;
    e.out = out;
    e.began = out->len;
    e.field_ends = field_ends;
    e.code = RELAIS_E_FIELD_TYPE;
    e.problem = NULL;
    e.top = e.frames;
    root = &e.plan->programs[field_ends ? RELAIS_AVRO_MARKED : RELAIS_AVRO_ROOT];
    if (!relais_buf_reserve(out, root->room))
        return 1;
    e.end = (unsigned char *)out->data + out->cap - 1;
    p = run(&e, (unsigned char *)out->data + out->len, e.plan->ops + root->start, data,
            &op);
    if (!p) {
        out->len = e.began;
        fail(&e, op, err);
        return e.problem ? -1 : 1;
    }
    out->len = (size_t)((char *)p - out->data);
    *p = '\0';
    return 0;
}

/* Near the ceiling what is written decides, not what could have been: it is encoded
 * aside, then added. */
static int encode_aside(const struct relais_avro *schema, const void *data,
                        struct relais_buf *out, uint32_t *field_ends,
                        struct relais_error *err)
{
    struct relais_buf aside =
        RELAIS_BUF_INIT(out->max - out->len + schema->plan.room_max);
    int rc = encode(schema, data, &aside, field_ends, err);

    if (rc == 0)
        rc = relais_buf_add_slice(out, relais_buf_slice(&aside));
    if (rc)
        relais_error_set(err, RELAIS_E_LIMIT, NULL, "buffer full");
    relais_buf_release(&aside);
    return rc ? -1 : 0;
}

int relais_avro_encode(const struct relais_avro *schema, const void *data,
                       struct relais_buf *out, uint32_t *field_ends,
                       struct relais_error *err)
{
    int rc = encode(schema, data, out, field_ends, err);

    return rc > 0 ? encode_aside(schema, data, out, field_ends, err) : rc;
}
