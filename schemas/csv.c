#include "schemas/csv.h"

#include <stdio.h>

int csv_error(const struct csv *csv, struct relais_error *err, const char *text)
{
    char where[96];

    snprintf(where, sizeof(where), "%s:%u", csv->file, csv->line);
    return relais_error_set(err, RELAIS_E_CONF_VALUE, where, "%s", text);
}

int csv_init(struct csv *csv, const char *file, struct relais_slice text,
             struct relais_arena *arena, struct relais_error *err)
{
    *csv = (struct csv){file, text.ptr, text.ptr + text.len, arena, 1, 1};
    if (!relais_utf8_valid(text))
        return csv_error(csv, err, "not UTF-8");
    if (text.len >= 3 && memcmp(text.ptr, "\xef\xbb\xbf", 3) == 0)
        csv->at += 3;
    return 0;
}

static bool line_end(const char *p, const char *end)
{
    return p == end || *p == '\n' || (*p == '\r' && p + 1 < end && p[1] == '\n');
}

/* After the opening quote; stops after the closing one. */
static int quoted(struct csv *csv, struct relais_slice *out, struct relais_error *err)
{
    const char *start = csv->at;
    size_t doubled = 0;
    char *copy;

    for (;; csv->at++) {
        if (csv->at == csv->end)
            return csv_error(csv, err, "quote not closed");
        if (*csv->at == '\n')
            csv->next_line++;
        if (*csv->at != '"')
            continue;
        if (csv->at + 1 == csv->end || csv->at[1] != '"')
            break;
        csv->at++;
        doubled++;
    }
    *out = (struct relais_slice){start, (size_t)(csv->at - start)};
    csv->at++;
    if (!doubled)
        return 0;
    copy = relais_arena_alloc(csv->arena, out->len);
    if (!copy)
        return csv_error(csv, err, "code lists too large");
    out->len = 0;
    for (const char *p = start; p < csv->at - 1; p++) {
        copy[out->len++] = *p;
        p += *p == '"';
    }
    out->ptr = copy;
    return 0;
}

static int field(struct csv *csv, struct relais_slice *out, struct relais_error *err)
{
    const char *start = csv->at;

    if (csv->at < csv->end && *csv->at == '"') {
        csv->at++;
        if (quoted(csv, out, err))
            return -1;
        if (!line_end(csv->at, csv->end) && *csv->at != ',')
            return csv_error(csv, err, "text after a closing quote");
        return 0;
    }
    while (!line_end(csv->at, csv->end) && *csv->at != ',') {
        if (*csv->at == '"')
            return csv_error(csv, err, "quote inside a field without quotes");
        csv->at++;
    }
    *out = (struct relais_slice){start, (size_t)(csv->at - start)};
    return 0;
}

static void skip_line_end(struct csv *csv)
{
    if (csv->at < csv->end && *csv->at == '\r')
        csv->at++;
    if (csv->at < csv->end)
        csv->at++;
    csv->next_line++;
}

int csv_next(struct csv *csv, struct relais_slice *fields, size_t count,
             struct relais_error *err)
{
    size_t n = 0;

    while (csv->at < csv->end && line_end(csv->at, csv->end))
        skip_line_end(csv);
    csv->line = csv->next_line;
    if (csv->at == csv->end)
        return 0;
    for (;;) {
        if (n == count)
            return csv_error(csv, err, "too many fields");
        if (field(csv, &fields[n++], err))
            return -1;
        if (line_end(csv->at, csv->end))
            break;
        csv->at++;
    }
    skip_line_end(csv);
    return n == count ? 1 : csv_error(csv, err, "too few fields");
}
