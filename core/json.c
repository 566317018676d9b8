/* JSON text -> tree (RFC 8259, strict). The text is copied into the arena once; names and
 * texts are pieces of the copy, unescaped where they stand (no escape grows a text) and
 * ended by a NUL in the place of their closing quote. */
#include "core/value.h"

#include <endian.h>
#include <locale.h>
#include <math.h>
#include <pthread.h>
#include <stdlib.h>

#define NUMBER_MAX   512 /* one number, bytes */
#define MEMBERS_SCAN 16  /* up to here members are compared pairwise */
#define EACH(byte)   ((byte)*UINT64_C(0x0101010101010101)) /* eight of it */

struct json {
    struct relais_arena *arena;
    const char *given; /* the text as it came, for the place of an error */
    char *start;       /* of its copy */
    char *at;
    char *end;
    struct relais_error *err;
    int depth;
};

/* Always NULL. The place is where parsing stood; the text itself is never shown. */
static void *fail(struct json *js, enum relais_code code, const char *what)
{
    size_t line = 1, at = (size_t)(js->at - js->start), bol = 0;

    for (size_t i = 0; i < at; i++)
        if (js->given[i] == '\n') {
            line++;
            bol = i + 1;
        }
    relais_error_set(js->err, code, NULL, "line %zu column %zu: %s", line, at - bol + 1,
                     what);
    return NULL;
}

static void *full(struct json *js)
{
    return fail(js, RELAIS_E_LIMIT, "document too large");
}

static void skip_blank(struct json *js)
{
    while (js->at < js->end &&
           (*js->at == ' ' || *js->at == '\n' || *js->at == '\t' || *js->at == '\r'))
        js->at++;
}

static bool take(struct json *js, char c)
{
    if (js->at == js->end || *js->at != c)
        return false;
    js->at++;
    return true;
}

/* The 4 hex digits after \u; -1: they are not there. */
static long code_unit(struct json *js)
{
    long unit = 0;

    if (js->end - js->at < 4)
        return -1;
    for (int i = 0; i < 4; i++) {
        char c = js->at[i];

        if (c >= '0' && c <= '9')
            unit = unit * 16 + (c - '0');
        else if ((c | 32) >= 'a' && (c | 32) <= 'f')
            unit = unit * 16 + ((c | 32) - 'a' + 10);
        else
            return -1;
    }
    js->at += 4;
    return unit;
}

static char *put_utf8(char *to, long c)
{
    if (c < 0x80) {
        *to++ = (char)c;
    } else if (c < 0x800) {
        *to++ = (char)(0xc0 | c >> 6);
        *to++ = (char)(0x80 | (c & 63));
    } else if (c < 0x10000) {
        *to++ = (char)(0xe0 | c >> 12);
        *to++ = (char)(0x80 | (c >> 6 & 63));
        *to++ = (char)(0x80 | (c & 63));
    } else {
        *to++ = (char)(0xf0 | c >> 18);
        *to++ = (char)(0x80 | (c >> 12 & 63));
        *to++ = (char)(0x80 | (c >> 6 & 63));
        *to++ = (char)(0x80 | (c & 63));
    }
    return to;
}

/* What follows a backslash; the new end of the text, NULL: not an escape. */
static char *unescape(struct json *js, char *to)
{
    static const char from[] = "\"\\/bfnrt", into[] = "\"\\/\b\f\n\r\t";
    const char *found;
    long unit, low;

    if (js->at == js->end)
        return fail(js, RELAIS_E_JSON_INVALID, "text not closed");
    if (*js->at != 'u') {
        found = memchr(from, *js->at, sizeof(from) - 1);
        if (!found)
            return fail(js, RELAIS_E_JSON_INVALID, "unknown escape");
        js->at++;
        *to++ = into[found - from];
        return to;
    }
    js->at++;
    unit = code_unit(js);
    if (unit >= 0xd800 && unit <= 0xdbff && take(js, '\\') && take(js, 'u')) {
        low = code_unit(js);
        if (low >= 0xdc00 && low <= 0xdfff)
            return put_utf8(to, 0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00));
        unit = -1;
    }
    if (unit < 0 || (unit >= 0xd800 && unit <= 0xdfff))
        return fail(js, RELAIS_E_JSON_INVALID, "not a \\u escape, or half of a pair");
    return put_utf8(to, unit);
}

/* The end of the raw text after the opening quote: its closing quote, or NULL. */
static char *closing_quote(struct json *js)
{
    char *p = js->at;

    while (p < js->end && *p != '"') {
        if ((unsigned char)*p < 0x20) {
            js->at = p;
            return fail(js, RELAIS_E_JSON_INVALID, "control character in a text");
        }
        p += *p == '\\' && p + 1 < js->end ? 2 : 1;
    }
    return p < js->end ? p : fail(js, RELAIS_E_JSON_INVALID, "text not closed");
}

static bool is_plain(unsigned char c)
{
    return c >= 0x20 && c < 0x80 && c != '"' && c != '\\';
}

/* Does one of eight bytes equal those of `as`? */
static uint64_t holds(uint64_t eight, uint64_t as)
{
    uint64_t x = eight ^ as;

    return (x - EACH(0x01)) & ~x & EACH(0x80);
}

/* The end of the run of ASCII that stands for itself, from `at` on. Of eight bytes, those
 * marked before the first that ends the run are none; the first is the lowest. */
static char *plain_end(char *at, const char *end)
{
    uint64_t w, marks;

    for (; (size_t)(end - at) >= sizeof(w); at += sizeof(w)) {
        memcpy(&w, at, sizeof(w));
        w = le64toh(w);
        marks = ((w - EACH(0x20)) & ~w & EACH(0x80)) | (w & EACH(0x80)) |
                holds(w, EACH('"')) | holds(w, EACH('\\'));
        if (marks)
            return at + __builtin_ctzll(marks) / 8;
    }
    while (at < end && is_plain((unsigned char)*at))
        at++;
    return at;
}

/* A text after its opening quote; ptr NULL: failed. Escapes alone make a NUL. */
static struct relais_slice parse_text(struct json *js, bool member_name)
{
    char *data = js->at, *to = plain_end(js->at, js->end), *quote = to;

    if (to == js->end || *to != '"') {
        quote = closing_quote(js);
        if (!quote)
            return RELAIS_SLICE_NULL;
    }
    if (quote - data > RELAIS_VALUE_TEXT_MAX) {
        fail(js, RELAIS_E_LIMIT, "text too long");
        return RELAIS_SLICE_NULL;
    }
    if (to != quote &&
        !relais_utf8_valid((struct relais_slice){data, (size_t)(quote - data)})) {
        fail(js, RELAIS_E_JSON_INVALID, "not UTF-8");
        return RELAIS_SLICE_NULL;
    }
    for (js->at = to; js->at < quote;) {
        const char *escape = memchr(js->at, '\\', (size_t)(quote - js->at));
        size_t plain = (size_t)((escape ? escape : quote) - js->at);

        memmove(to, js->at, plain);
        to += plain;
        js->at += plain;
        if (!escape)
            break;
        js->at++;
        if (!(to = unescape(js, to)))
            return RELAIS_SLICE_NULL;
    }
    js->at = quote + 1;
    *to = '\0';
    if (member_name && to != quote && memchr(data, '\0', (size_t)(to - data))) {
        fail(js, RELAIS_E_JSON_INVALID, "NUL in a member name");
        return RELAIS_SLICE_NULL;
    }
    return (struct relais_slice){data, (size_t)(to - data)};
}

static locale_t c_locale;

static void make_locale(void) { c_locale = newlocale(LC_ALL_MASK, "C", (locale_t)0); }

/* strtod with a point, whatever the host program's locale says. */
static double to_double(const char *text)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;

    pthread_once(&once, make_locale);
    if (!c_locale)
        abort();
    return strtod_l(text, NULL, c_locale);
}

static size_t digit_run(struct json *js)
{
    const char *from = js->at;

    while (js->at < js->end && *js->at >= '0' && *js->at <= '9')
        js->at++;
    return (size_t)(js->at - from);
}

/* Walks over a number; false: not one. whole: no fraction, no exponent. */
static bool scan_number(struct json *js, bool *whole_out)
{
    *whole_out = true;
    take(js, '-');
    if (!take(js, '0') && !digit_run(js))
        return false;
    if (take(js, '.')) {
        *whole_out = false;
        if (!digit_run(js))
            return false;
    }
    if (js->at < js->end && (*js->at | 32) == 'e') {
        *whole_out = false;
        js->at++;
        if (!take(js, '+'))
            take(js, '-');
        if (!digit_run(js))
            return false;
    }
    return true;
}

static bool to_long(const char *text, int64_t *number_out)
{
    bool minus = *text == '-';
    int64_t n = 0;

    for (text += minus; *text; text++) {
        int digit = minus ? '0' - *text : *text - '0';

        if (__builtin_mul_overflow(n, 10, &n) || __builtin_add_overflow(n, digit, &n))
            return false;
    }
    *number_out = n;
    return true;
}

static bool parse_number(struct json *js, struct relais_value *v)
{
    const char *from = js->at;
    char text[NUMBER_MAX];
    bool whole;

    if (!scan_number(js, &whole))
        return fail(js, RELAIS_E_JSON_INVALID, "not a value");
    if ((size_t)(js->at - from) >= sizeof(text))
        return fail(js, RELAIS_E_LIMIT, "number too long");
    memcpy(text, from, (size_t)(js->at - from));
    text[js->at - from] = '\0';
    v->kind = RELAIS_VALUE_LONG;
    if (whole && to_long(text, &v->number))
        return true;
    v->kind = RELAIS_VALUE_DOUBLE;
    v->real = to_double(text);
    return isfinite(v->real) || fail(js, RELAIS_E_JSON_INVALID, "number beyond a double");
}

static bool parse_word(struct json *js, const char *word)
{
    size_t len = strlen(word);

    if ((size_t)(js->end - js->at) < len || memcmp(js->at, word, len) != 0)
        return fail(js, RELAIS_E_JSON_INVALID, "not a value");
    js->at += len;
    return true;
}

static bool parse_into(struct json *js, struct relais_value *v);

static struct relais_value *parse_child(struct json *js, struct relais_value *into,
                                        const char *name)
{
    struct relais_value *v = relais_value_add(js->arena, into, name, RELAIS_VALUE_NULL);

    if (!v)
        return full(js);
    return parse_into(js, v) ? v : NULL;
}

static bool parse_array(struct json *js, struct relais_value *v)
{
    v->kind = RELAIS_VALUE_ARRAY;
    skip_blank(js);
    if (take(js, ']'))
        return true;
    do {
        if (!parse_child(js, v, NULL))
            return false;
        skip_blank(js);
    } while (take(js, ','));
    return take(js, ']') || fail(js, RELAIS_E_JSON_INVALID, "',' or ']' expected");
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static bool has_twins(const struct relais_value *rec)
{
    const char **names;
    size_t i = 0;
    bool twins = false;

    if (rec->count <= MEMBERS_SCAN) {
        for (const struct relais_value *a = rec->child; a; a = a->next)
            for (const struct relais_value *b = a->next; b; b = b->next)
                if (a->name[0] == b->name[0] && strcmp(a->name, b->name) == 0)
                    return true;
        return false;
    }
    names = relais_alloc(rec->count * sizeof(*names)); /* bounded by the arena */
    for (const struct relais_value *v = rec->child; v; v = v->next)
        names[i++] = v->name;
    qsort(names, rec->count, sizeof(*names), by_name);
    for (i = 1; i < rec->count && !twins; i++)
        twins = strcmp(names[i - 1], names[i]) == 0;
    free(names);
    return twins;
}

/* Names that were seen, as bits of a hash: where two have the same, they are compared. */
struct names {
    uint64_t seen[4];
    bool alike;
};

static void see_name(struct names *names, struct relais_slice name)
{
    size_t last = name.len ? name.len - 1 : 0;
    size_t hash = name.len * 31 + (unsigned char)name.ptr[0] * 7 +
                  (unsigned char)name.ptr[last / 2] * 3 + (unsigned char)name.ptr[last];
    uint64_t bit = UINT64_C(1) << (hash & 63), *word = &names->seen[hash >> 6 & 3];

    names->alike = names->alike || (*word & bit);
    *word |= bit;
}

static bool parse_member(struct json *js, struct relais_value *rec, struct names *names)
{
    struct relais_slice name;

    skip_blank(js);
    if (!take(js, '"'))
        return fail(js, RELAIS_E_JSON_INVALID, "member name expected");
    name = parse_text(js, true);
    if (!name.ptr)
        return false;
    see_name(names, name);
    skip_blank(js);
    if (!take(js, ':'))
        return fail(js, RELAIS_E_JSON_INVALID, "':' expected");
    return parse_child(js, rec, name.ptr);
}

static bool parse_record(struct json *js, struct relais_value *v)
{
    struct names names = {{0}, false};

    v->kind = RELAIS_VALUE_RECORD;
    skip_blank(js);
    if (take(js, '}'))
        return true;
    do {
        if (!parse_member(js, v, &names))
            return false;
        skip_blank(js);
    } while (take(js, ','));
    if (!take(js, '}'))
        return fail(js, RELAIS_E_JSON_INVALID, "',' or '}' expected");
    return !names.alike || !has_twins(v) ||
           fail(js, RELAIS_E_JSON_INVALID, "member given twice");
}

static bool parse_nested(struct json *js, struct relais_value *v, bool record)
{
    bool ok;

    if (js->depth == RELAIS_VALUE_DEPTH_MAX)
        return fail(js, RELAIS_E_LIMIT, "nested too deep");
    js->depth++;
    js->at++;
    ok = record ? parse_record(js, v) : parse_array(js, v);
    js->depth--;
    return ok;
}

static bool parse_into(struct json *js, struct relais_value *v)
{
    skip_blank(js);
    if (js->at == js->end)
        return fail(js, RELAIS_E_JSON_INVALID, "document ends too early");
    switch (*js->at) {
    case '{':
    case '[':
        return parse_nested(js, v, *js->at == '{');
    case '"':
        js->at++;
        v->kind = RELAIS_VALUE_STRING;
        v->text = parse_text(js, false);
        return v->text.ptr != NULL;
    case 't':
    case 'f':
        v->kind = RELAIS_VALUE_BOOL;
        v->boolean = *js->at == 't';
        return parse_word(js, v->boolean ? "true" : "false");
    case 'n':
        return parse_word(js, "null");
    default:
        return parse_number(js, v);
    }
}

struct relais_value *relais_value_parse(struct relais_arena *arena,
                                        struct relais_slice json,
                                        struct relais_error *err)
{
    struct relais_slice copy =
        relais_arena_slice(arena, json.ptr ? json : RELAIS_SLICE(""));
    char *start = (char *)(uintptr_t)copy.ptr;
    struct json js = {arena, json.ptr, start, start, start, err, 0};
    struct relais_value *v;

    if (!start)
        return full(&js);
    js.end += copy.len;
    v = parse_child(&js, NULL, NULL);
    if (!v)
        return NULL;
    skip_blank(&js);
    if (js.at != js.end)
        return fail(&js, RELAIS_E_JSON_INVALID, "something after the document");
    return v;
}
