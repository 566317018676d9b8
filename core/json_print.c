/* Tree -> JSON text, plain or canonical. */
#include "core/crypto.h"
#include "core/day.h"
#include "core/value.h"

#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define JCS_INTEGER_MAX ((INT64_C(1) << 53) - 1)

/* The length of the run that needs no escape. */
static size_t plain_run(struct relais_slice s, size_t from)
{
    size_t i = from;

    while (i < s.len) {
        unsigned char c = (unsigned char)s.ptr[i];
        size_t n = c < 0x80 ? 1 : relais_utf8_char(s.ptr + i, s.len - i);

        if (c < 0x20 || c == '"' || c == '\\' || n == 0)
            break;
        i += n;
    }
    return i - from;
}

static int escape(struct relais_buf *out, char c)
{
    static const char from[] = "\"\\\b\f\n\r\t", into[] = "\"\\bfnrt";
    const char *found = memchr(from, c, sizeof(from) - 1);

    if (found)
        return relais_buf_printf(out, "\\%c", into[found - from]);
    if ((unsigned char)c < 0x20)
        return relais_buf_printf(out, "\\u%04x", (unsigned)c);
    return relais_buf_add_str(out, "\xef\xbf\xbd");
}

int relais_json_string(struct relais_buf *out, struct relais_slice s)
{
    size_t i = 0;

    if (relais_buf_add_char(out, '"'))
        return -1;
    while (i < s.len) {
        size_t n = plain_run(s, i);

        if (relais_buf_add(out, s.ptr + i, n))
            return -1;
        i += n;
        if (i < s.len && escape(out, s.ptr[i++]))
            return -1;
    }
    return relais_buf_add_char(out, '"');
}

/* The shortest of 15, 16 and 17 digits that reads back as the same double; with a point
 * or an exponent, so that it stays one. The host program's locale is undone. */
static int print_double(double real, struct relais_buf *out)
{
    char text[40];
    char *comma;

    if (!isfinite(real))
        return relais_buf_add_str(out, isnan(real) ? "NaN"
                                       : real > 0  ? "Infinity"
                                                   : "-Infinity");
    for (int precision = 15; precision <= 17; precision++) {
        snprintf(text, sizeof(text), "%.*g", precision, real);
        if (strtod(text, NULL) == real)
            break;
    }
    comma = strstr(text, localeconv()->decimal_point);
    if (comma)
        *comma = '.';
    else if (!strchr(text, 'e'))
        return relais_buf_printf(out, "%s.0", text);
    return relais_buf_add_str(out, text);
}

static int print_base64(struct relais_slice bytes, struct relais_buf *out)
{
    return relais_buf_add_char(out, '"') || relais_base64(bytes, out) ||
                   relais_buf_add_char(out, '"')
               ? -1
               : 0;
}

int relais_value_print_bare(const struct relais_value *v, struct relais_buf *out)
{
    char text[28];

    switch (v->kind) {
    case RELAIS_VALUE_BOOL:
        return relais_buf_add_str(out, v->boolean ? "true" : "false");
    case RELAIS_VALUE_LONG:
        return relais_buf_add_integer(out, v->number);
    case RELAIS_VALUE_DOUBLE:
        return print_double(v->real, out);
    case RELAIS_VALUE_DAY:
        relais_day_format((int32_t)v->number, text);
        return relais_buf_add_str(out, text);
    case RELAIS_VALUE_INSTANT:
        relais_instant_format(v->number, text);
        return relais_buf_add_str(out, text);
    default:
        return relais_buf_add_slice(out, v->text);
    }
}

static int print_quoted(const struct relais_value *v, struct relais_buf *out)
{
    return relais_buf_add_char(out, '"') || relais_value_print_bare(v, out) ||
                   relais_buf_add_char(out, '"')
               ? -1
               : 0;
}

static int print_scalar(const struct relais_value *v, struct relais_buf *out)
{
    switch (v->kind) {
    case RELAIS_VALUE_BOOL:
    case RELAIS_VALUE_LONG:
        return relais_value_print_bare(v, out);
    case RELAIS_VALUE_DOUBLE:
        return isfinite(v->real) ? print_double(v->real, out) : print_quoted(v, out);
    case RELAIS_VALUE_STRING:
        return relais_json_string(out, v->text);
    case RELAIS_VALUE_BYTES:
        return print_base64(v->text, out);
    case RELAIS_VALUE_DAY:
    case RELAIS_VALUE_INSTANT:
        return print_quoted(v, out);
    default:
        return relais_buf_add_str(out, "null");
    }
}

static int print_name(const struct relais_value *v, struct relais_buf *out)
{
    return relais_json_string(out, relais_slice_str(v->name)) ||
                   relais_buf_add_char(out, ':')
               ? -1
               : 0;
}

static int print_tree(const struct relais_value *v, struct relais_buf *out, int depth)
{
    bool record = v->kind == RELAIS_VALUE_RECORD;

    if (!record && v->kind != RELAIS_VALUE_ARRAY)
        return print_scalar(v, out);
    if (depth == RELAIS_VALUE_DEPTH_MAX || relais_buf_add_char(out, record ? '{' : '['))
        return -1;
    for (const struct relais_value *c = v->child; c; c = c->next)
        if ((c != v->child && relais_buf_add_char(out, ',')) ||
            (record && print_name(c, out)) || print_tree(c, out, depth + 1))
            return -1;
    return relais_buf_add_char(out, record ? '}' : ']');
}

int relais_value_print(const struct relais_value *v, struct relais_buf *out)
{
    return print_tree(v, out, 0);
}

/* UTF-16 puts U+10000 and above (surrogates D800..) before U+E000..U+FFFF (EE, EF). */
static unsigned utf16_rank(unsigned char c)
{
    return c >= 0xee && c <= 0xef ? c + 16u : c;
}

static int by_utf16(const void *a, const void *b)
{
    const char *x = (*(const struct relais_value *const *)a)->name;
    const char *y = (*(const struct relais_value *const *)b)->name;

    while (*x && *x == *y) {
        x++;
        y++;
    }
    return (int)utf16_rank((unsigned char)*x) - (int)utf16_rank((unsigned char)*y);
}

static int print_jcs(const struct relais_value *v, struct relais_buf *out, int depth);

static int print_jcs_record(const struct relais_value *v, struct relais_buf *out,
                            int depth)
{
    const struct relais_value **members =
        relais_alloc(v->count * sizeof(struct relais_value *));
    size_t n = 0;
    int rc = -1;

    for (const struct relais_value *c = v->child; c; c = c->next)
        if (c->kind != RELAIS_VALUE_NULL)
            members[n++] = c;
    qsort(members, n, sizeof(*members), by_utf16);
    if (relais_buf_add_char(out, '{'))
        goto out;
    for (size_t i = 0; i < n; i++)
        if ((i && relais_buf_add_char(out, ',')) || print_name(members[i], out) ||
            print_jcs(members[i], out, depth + 1))
            goto out;
    rc = relais_buf_add_char(out, '}');
out:
    free(members);
    return rc;
}

static int print_jcs(const struct relais_value *v, struct relais_buf *out, int depth)
{
    if (v->kind == RELAIS_VALUE_DOUBLE ||
        (v->kind == RELAIS_VALUE_LONG &&
         (v->number > JCS_INTEGER_MAX || v->number < -JCS_INTEGER_MAX)))
        return -1;
    if (v->kind != RELAIS_VALUE_RECORD && v->kind != RELAIS_VALUE_ARRAY)
        return print_scalar(v, out);
    if (depth == RELAIS_VALUE_DEPTH_MAX)
        return -1;
    if (v->kind == RELAIS_VALUE_RECORD)
        return print_jcs_record(v, out, depth);
    if (relais_buf_add_char(out, '['))
        return -1;
    for (const struct relais_value *c = v->child; c; c = c->next)
        if ((c != v->child && relais_buf_add_char(out, ',')) ||
            print_jcs(c, out, depth + 1))
            return -1;
    return relais_buf_add_char(out, ']');
}

int relais_value_print_canonical(const struct relais_value *v, struct relais_buf *out)
{
    return print_jcs(v, out, 0);
}
