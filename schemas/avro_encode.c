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
    const char *problem; /* NULL: no room */
    struct frame *top;
    struct frame frames[RELAIS_AVRO_DEPTH_MAX];
};

static inline unsigned char *put_varint(unsigned char *p, uint64_t n)
{
    while (n > 127) {
        *p++ = (unsigned char)(n | 128);
        n >>= 7;
    }
    *p++ = (unsigned char)n;
    return p;
}

static inline unsigned char *put_long(unsigned char *p, int64_t v)
{
    return put_varint(p, ((uint64_t)v << 1) ^ (uint64_t)(v >> 63));
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

static inline unsigned char *put_slice(struct encoder *e, unsigned char *p,
                                       struct relais_slice s, uint32_t rest)
{
    p = put_long(p, (int64_t)s.len);
    if (s.len > (size_t)(e->end - p) - rest) {
        if (s.len > SIZE_MAX / 2 || !(p = make_room(e, p, s.len + rest)))
            return NULL;
    }
    if (s.len)
        memcpy(p, s.ptr, s.len);
    return p + s.len;
}

/* Enters the program of an item, a branch, a pointed record. */
static unsigned char *enter(struct encoder *e, unsigned char *p, struct frame frame)
{
    if (e->top == e->frames + RELAIS_AVRO_DEPTH_MAX) {
        e->problem = "data deeper than 64";
        return NULL;
    }
    if (!frame.item && frame.program->item_size) {
        e->problem = "no value where the schema has no null";
        return NULL;
    }
    *e->top++ = frame;
    return ensure(e, p, frame.program->room);
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
    return enter(e, p,
                 (struct frame){.op = op,
                                .base = base,
                                .program = &e->plan->programs[program],
                                .item = slot->value,
                                .rest = branches->rest});
}

static unsigned char *enter_array(struct encoder *e, unsigned char *p,
                                  const struct relais_avro_op *op, const char *base)
{
    const struct relais_array *slot = (const void *)(base + op->offset);

    p = put_long(p, (int64_t)slot->count);
    if (slot->count == 0)
        return p;
    return enter(e, p,
                 (struct frame){.op = op,
                                .base = base,
                                .program = &e->plan->programs[op->a],
                                .item = slot->items,
                                .left = slot->count,
                                .count = slot->count,
                                .rest = op->b});
}

static unsigned char *enter_pointer(struct encoder *e, unsigned char *p,
                                    const struct relais_avro_op *op, const char *base)
{
    return enter(e, p,
                 (struct frame){.op = op,
                                .base = base,
                                .program = &e->plan->programs[op->a],
                                .item = *(const char *const *)(base + op->offset),
                                .rest = op->b});
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

/* Ops of one value each; NULL: problem or no room. The others are entered by run. */
static inline unsigned char *put_value(struct encoder *e, unsigned char *p,
                                       const struct relais_avro_op *op, const char *base)
{
    const char *slot = base + op->offset;
    int32_t symbol;

    switch (op->code) {
    case OP_BOOLEAN:
        *p = *(const bool *)slot;
        return p + 1;
    case OP_INT:
        return put_long(p, *(const int32_t *)(const void *)slot);
    case OP_LONG:
        return put_long(p, *(const int64_t *)(const void *)slot);
    case OP_FLOAT:
        return put_float(p, slot);
    case OP_DOUBLE:
        return put_double(p, slot);
    case OP_FIXED:
        memcpy(p, slot, op->a);
        return p + op->a;
    case OP_ENUM:
        symbol = *(const int32_t *)(const void *)slot;
        if ((uint32_t)symbol < op->a)
            return put_long(p, symbol);
        e->problem = "symbol that the enum lacks";
        return NULL;
    case OP_MARK:
        e->field_ends[op->a] = (uint32_t)((size_t)((char *)p - e->out->data) - e->began);
        return p;
    default:
        return put_slice(e, p, *(const struct relais_slice *)(const void *)slot, op->b);
    }
}

/* Runs until the root's end. NULL: problem, or no room; *op_out: where. */
static unsigned char *run(struct encoder *e, unsigned char *p,
                          const struct relais_avro_op *op, const char *base,
                          const struct relais_avro_op **op_out)
{
    struct frame *before, *top;

    for (;; op++) {
        switch (op->code) {
        case OP_NULL_OR:
            if (*(const bool *)(base + op->offset)) {
                *p++ = (unsigned char)((1 - op->flag) << 1);
            } else {
                *p++ = (unsigned char)(op->flag << 1);
                op += op->a;
            }
            continue;
        case OP_NULL_OR_BYTES:
        case OP_NULL_OR_STRING:
        case OP_NULL_OR_POINTER:
            if (!*(const void *const *)(const void *)(base + op->offset)) {
                *p++ = (unsigned char)(op->flag << 1);
                continue;
            }
            *p++ = (unsigned char)((1 - op->flag) << 1);
            if (op->code != OP_NULL_OR_POINTER) {
                p = put_value(e, p, op, base);
                break;
            }
            /* fall through */
        case OP_POINTER:
        case OP_UNION:
        case OP_ARRAY:
            before = e->top;
            p = op->code == OP_UNION   ? enter_union(e, p, op, base)
                : op->code == OP_ARRAY ? enter_array(e, p, op, base)
                                       : enter_pointer(e, p, op, base);
            if (p && e->top != before) {
                base = before->item;
                op = e->plan->ops + before->program->start - 1;
            }
            break;
        case OP_END:
            if (e->top == e->frames)
                return p;
            top = e->top - 1;
            if (top->left > 1) {
                top->left--;
                base = top->item += top->program->item_size;
                op = e->plan->ops + top->program->start - 1;
                p = ensure(e, p, top->program->room);
                break;
            }
            e->top = top;
            base = top->base;
            op = top->op;
            p = ensure(e, p, top->rest + (size_t)1);
            if (p && top->left)
                *p++ = 0;
            break;
        default:
            p = put_value(e, p, op, base);
        }
        if (!p) {
            *op_out = op;
            return NULL;
        }
    }
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
    relais_avro_fail(err, RELAIS_E_FIELD_TYPE, steps, n, e->problem);
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
