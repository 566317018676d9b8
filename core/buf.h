#ifndef RELAIS_CORE_BUF_H
#define RELAIS_CORE_BUF_H

/* Slices (borrowed bytes) and growing buffers with a ceiling.
 * Units: bytes. Errors: LIMIT when the ceiling is passed; below it lack of memory aborts.
 * Threads: none shared.
 */

#include "core/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Borrowed bytes, not ended by NUL. ptr == NULL is "no value" (null), "" is the empty
 * text. */
struct relais_slice {
    const char *ptr;
    size_t len;
};

#define RELAIS_SLICE_NULL     ((struct relais_slice){NULL, 0})
#define RELAIS_SLICE(literal) ((struct relais_slice){"" literal, sizeof(literal) - 1})

static inline struct relais_slice relais_slice_str(const char *s)
{
    return (struct relais_slice){s, s ? strlen(s) : 0};
}

static inline bool relais_slice_eq(struct relais_slice a, struct relais_slice b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

static inline bool relais_slice_is(struct relais_slice a, const char *s)
{
    return relais_slice_eq(a, relais_slice_str(s));
}

/* As a C string, cut where it does not fit. size > 0. */
static inline void relais_slice_copy(struct relais_slice s, char *out, size_t size)
{
    size_t len = s.len < size ? s.len : size - 1;

    if (len)
        memcpy(out, s.ptr, len);
    out[len] = '\0';
}

/* memcmp order, the shorter first at a tie; NULL before all. */
int relais_slice_cmp(struct relais_slice a, struct relais_slice b);
/* Of both, for tables in memory: not the same on another machine. */
uint64_t relais_hash(struct relais_slice a, struct relais_slice b);
/* Without ASCII blanks, tabs, CR and LF at both ends. */
struct relais_slice relais_slice_trim(struct relais_slice s);

/* Well-formed UTF-8 (no overlong form, no surrogate, at most U+10FFFF); NUL is allowed.
 */
bool relais_utf8_valid(struct relais_slice s);
/* The length of the well-formed character at ptr, 1..4; 0: there is none. len: bytes
 * left.
 */
size_t relais_utf8_char(const char *ptr, size_t len);

struct relais_buf {
    char *data; /* NUL-ended as soon as anything was added */
    size_t len;
    size_t cap;
    size_t max; /* ceiling of len */
};

#define RELAIS_BUF_INIT(ceiling)                                                         \
    {                                                                                    \
        NULL, 0, 0, (ceiling)                                                            \
    }

int relais_buf_add(struct relais_buf *buf, const void *ptr, size_t len) RELAIS_MUST_CHECK;
int relais_buf_add_str(struct relais_buf *buf, const char *s) RELAIS_MUST_CHECK;
int relais_buf_add_slice(struct relais_buf *buf, struct relais_slice s) RELAIS_MUST_CHECK;
int relais_buf_add_char(struct relais_buf *buf, char c) RELAIS_MUST_CHECK;
int relais_buf_add_integer(struct relais_buf *buf, int64_t n) RELAIS_MUST_CHECK;
int relais_buf_printf(struct relais_buf *buf, const char *fmt, ...)
    RELAIS_PRINTF(2, 3) RELAIS_MUST_CHECK;
/* Room for len more bytes; NULL: ceiling. The caller writes there, then adds to buf->len.
 */
char *relais_buf_reserve(struct relais_buf *buf, size_t len) RELAIS_MUST_CHECK;
void relais_buf_clear(struct relais_buf *buf);
char *relais_buf_take(struct relais_buf *buf,
                      size_t *len_out); /* caller frees; buf is empty */
void relais_buf_release(struct relais_buf *buf);
static inline struct relais_slice relais_buf_slice(const struct relais_buf *buf)
{
    return (struct relais_slice){buf->data ? buf->data : "", buf->len};
}

/* malloc, calloc, realloc, strdup that abort when memory is out; never call them with a
 * length from outside that was not compared with a ceiling. */
void *relais_alloc(size_t size);
void *relais_zalloc(size_t size);
void *relais_realloc(void *ptr, size_t size);
char *relais_strdup(const char *s);
char *relais_strndup(const char *s, size_t len);

#endif
