#ifndef RELAIS_SCHEMAS_AVRO_READ_H
#define RELAIS_SCHEMAS_AVRO_READ_H

/* The decoder's state and what it reads values with, for avro_decode.c (the loop) and
 * avro_resolved.c (ops of a (writer, reader) pair). Each reader is given where it stands
 * and returns where it stands after; NULL: refused, d->code and d->problem say why. Every
 * length is compared with what remains before it is used. */

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

static inline const unsigned char *refuse(struct decoder *d, enum relais_code code,
                                          const char *problem)
{
    d->code = code;
    d->problem = problem;
    return NULL;
}

static inline const unsigned char *truncated(struct decoder *d)
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

static __attribute__((noinline, unused)) const unsigned char *
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

static inline const unsigned char *get_fixed(struct decoder *d, const unsigned char *p,
                                             void *slot, size_t size)
{
    if ((size_t)(d->end - p) < size)
        return truncated(d);
    memcpy(slot, p, size);
    return p + size;
}

static inline const unsigned char *get_float(struct decoder *d, const unsigned char *p,
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

static inline const unsigned char *get_double(struct decoder *d, const unsigned char *p,
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

/* An op of one value that only a (writer, reader) pair has. */
const unsigned char *relais_avro_resolve_one(struct decoder *d, const unsigned char *p,
                                             const struct relais_avro_op *op, void *slot);

#endif
