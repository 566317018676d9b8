#include "core/buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

void *relais_alloc(size_t size)
{
    void *p = malloc(size ? size : 1);

    if (!p)
        abort();
    return p;
}

void *relais_zalloc(size_t size)
{
    void *p = calloc(1, size ? size : 1);

    if (!p)
        abort();
    return p;
}

void *relais_realloc(void *ptr, size_t size)
{
    void *p = realloc(ptr, size ? size : 1);

    if (!p)
        abort();
    return p;
}

char *relais_strndup(const char *s, size_t len)
{
    char *p = relais_alloc(len + 1);

    memcpy(p, s, len);
    p[len] = '\0';
    return p;
}

char *relais_strdup(const char *s) { return relais_strndup(s, strlen(s)); }

int relais_slice_cmp(struct relais_slice a, struct relais_slice b)
{
    size_t n = a.len < b.len ? a.len : b.len;
    int c;

    if (!a.ptr || !b.ptr)
        return (a.ptr != NULL) - (b.ptr != NULL);
    c = n ? memcmp(a.ptr, b.ptr, n) : 0;
    return c ? c : (a.len > b.len) - (a.len < b.len);
}

static uint64_t hash_on(uint64_t h, struct relais_slice s)
{
    uint64_t word;

    for (; s.len >= sizeof(word); s.ptr += sizeof(word), s.len -= sizeof(word)) {
        memcpy(&word, s.ptr, sizeof(word));
        h = (h ^ word) * UINT64_C(0x9e3779b97f4a7c15);
        h ^= h >> 32;
    }
    word = 0xff;
    for (size_t i = 0; i < s.len; i++)
        word = word << 8 | (unsigned char)s.ptr[i];
    h = (h ^ word ^ s.len) * UINT64_C(0x9e3779b97f4a7c15);
    return h ^ h >> 32;
}

uint64_t relais_hash(struct relais_slice a, struct relais_slice b)
{
    return hash_on(hash_on(UINT64_C(14695981039346656037), a), b);
}

static bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

struct relais_slice relais_slice_trim(struct relais_slice s)
{
    while (s.len && is_blank(s.ptr[0])) {
        s.ptr++;
        s.len--;
    }
    while (s.len && is_blank(s.ptr[s.len - 1]))
        s.len--;
    return s;
}

static bool is_tail(unsigned char c) { return (c & 0xc0) == 0x80; }

/* Table 3-7 of the Unicode standard. */
size_t relais_utf8_char(const char *ptr, size_t len)
{
    const unsigned char *s = (const unsigned char *)ptr;

    if (len == 0)
        return 0;
    if (s[0] < 0x80)
        return 1;
    if (s[0] < 0xc2 || len < 2 || !is_tail(s[1]))
        return 0;
    if (s[0] < 0xe0)
        return 2;
    if (len < 3 || !is_tail(s[2]))
        return 0;
    if (s[0] < 0xf0)
        return (s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xed && s[1] > 0x9f) ? 0 : 3;
    if (len < 4 || !is_tail(s[3]) || s[0] > 0xf4)
        return 0;
    return (s[0] == 0xf0 && s[1] < 0x90) || (s[0] == 0xf4 && s[1] > 0x8f) ? 0 : 4;
}

bool relais_utf8_valid(struct relais_slice s)
{
    size_t i = 0;

    while (i < s.len) {
        uint64_t eight;
        size_t n;

        if (s.len - i >= sizeof(eight)) {
            memcpy(&eight, s.ptr + i, sizeof(eight));
            if (!(eight & 0x8080808080808080u)) {
                i += sizeof(eight);
                continue;
            }
        }
        n = (unsigned char)s.ptr[i] < 0x80 ? 1 : relais_utf8_char(s.ptr + i, s.len - i);
        if (!n)
            return false;
        i += n;
    }
    return true;
}

char *relais_buf_reserve(struct relais_buf *buf, size_t len)
{
    if (len > buf->max || buf->len > buf->max - len)
        return NULL;
    if (buf->len + len + 1 > buf->cap) {
        size_t cap = buf->cap ? buf->cap * 2 : 256;

        if (cap < buf->len + len + 1)
            cap = buf->len + len + 1;
        if (cap > buf->max + 1)
            cap = buf->max + 1;
        buf->data = relais_realloc(buf->data, cap);
        buf->cap = cap;
    }
    return buf->data + buf->len;
}

int relais_buf_add(struct relais_buf *buf, const void *ptr, size_t len)
{
    char *to = relais_buf_reserve(buf, len);

    if (!to)
        return -1;
    if (len)
        memcpy(to, ptr, len);
    buf->len += len;
    buf->data[buf->len] = '\0';
    return 0;
}

int relais_buf_add_str(struct relais_buf *buf, const char *s)
{
    return relais_buf_add(buf, s, strlen(s));
}

int relais_buf_add_slice(struct relais_buf *buf, struct relais_slice s)
{
    return relais_buf_add(buf, s.ptr, s.len);
}

int relais_buf_add_char(struct relais_buf *buf, char c)
{
    return relais_buf_add(buf, &c, 1);
}

int relais_buf_add_integer(struct relais_buf *buf, int64_t n)
{
    char text[20], *at = text + sizeof(text);
    uint64_t left = n < 0 ? 0 - (uint64_t)n : (uint64_t)n;

    do
        *--at = (char)('0' + left % 10);
    while ((left /= 10));
    if (n < 0)
        *--at = '-';
    return relais_buf_add(buf, at, (size_t)(text + sizeof(text) - at));
}

int relais_buf_printf(struct relais_buf *buf, const char *fmt, ...)
{
    va_list ap;
    char *to;
    int n;

    va_start(ap, fmt);
    n = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    if (n < 0 || !(to = relais_buf_reserve(buf, (size_t)n)))
        return -1;
    va_start(ap, fmt);
    vsnprintf(to, (size_t)n + 1, fmt, ap);
    va_end(ap);
    buf->len += (size_t)n;
    return 0;
}

void relais_buf_clear(struct relais_buf *buf)
{
    buf->len = 0;
    if (buf->data)
        buf->data[0] = '\0';
}

char *relais_buf_take(struct relais_buf *buf, size_t *len_out)
{
    char *data = buf->data ? buf->data : relais_strdup("");

    if (len_out)
        *len_out = buf->len;
    buf->data = NULL;
    buf->len = buf->cap = 0;
    return data;
}

void relais_buf_release(struct relais_buf *buf)
{
    if (!buf)
        return;
    free(buf->data);
    buf->data = NULL;
    buf->len = buf->cap = 0;
}
