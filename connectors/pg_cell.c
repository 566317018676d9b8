#include "connectors/pg_cell.h"

#include "core/day.h"

#include <inttypes.h>
#include <stdio.h>

#define JSON_MAX_BYTES (8u << 20)

const struct relais_value *pg_cell_find(const struct relais_value *rec, const char *name)
{
    const struct relais_value *direct = relais_value_get(rec, name);

    if (direct)
        return direct;
    for (const struct relais_value *v = rec->child; v; v = v->next) {
        size_t len = strlen(v->name);
        const struct relais_value *inner;

        if (v->kind != RELAIS_VALUE_RECORD || strncmp(v->name, name, len) != 0 ||
            name[len] != '_')
            continue;
        inner = pg_cell_find(v, name + len + 1);
        if (inner)
            return inner;
    }
    return NULL;
}

static bool resolve(const struct relais_value *rec, const char *name, size_t from,
                    struct pg_cell_path *path)
{
    if (path->count == PG_CELL_DEPTH_MAX)
        return false;
    if (relais_value_get(rec, name + from)) {
        path->end[path->count++] = (unsigned char)strlen(name);
        return true;
    }
    for (const struct relais_value *v = rec->child; v; v = v->next) {
        size_t len = strlen(v->name);

        if (v->kind != RELAIS_VALUE_RECORD || strncmp(v->name, name + from, len) != 0 ||
            name[from + len] != '_')
            continue;
        path->end[path->count++] = (unsigned char)(from + len);
        if (resolve(v, name, from + len + 1, path))
            return true;
        path->count--;
    }
    return false;
}

void pg_cell_resolve(const struct relais_value *whole, const char *name,
                     struct pg_cell_path *path)
{
    path->count = 0;
    (void)resolve(whole, name, 0, path);
}

static bool is_named(const struct relais_value *v, const char *name, size_t len)
{
    return strncmp(v->name, name, len) == 0 && !v->name[len];
}

/* The member of that name; `last`: more often than not the same, or the one before. */
static const struct relais_value *member(const struct relais_value *rec,
                                         const struct relais_value *last,
                                         const char *name, size_t len)
{
    if (last && is_named(last, name, len))
        return last;
    if (last && last->next && is_named(last->next, name, len))
        return last->next;
    for (const struct relais_value *v = rec->child; v; v = v->next)
        if (is_named(v, name, len))
            return v;
    return NULL;
}

const struct relais_value *pg_cell_next(const struct relais_value *rec, const char *name,
                                        struct pg_cell_path *path,
                                        struct pg_cell_near *near)
{
    size_t from = 0;

    if (!path->count && !resolve(rec, name, 0, path))
        return pg_cell_find(rec, name);
    for (size_t i = 0; i < path->count; i++) {
        if (!rec || rec->kind != RELAIS_VALUE_RECORD)
            return NULL;
        if (near->in[i] != rec)
            near->at[i] = NULL;
        near->in[i] = rec;
        rec = member(rec, near->at[i], name + from, path->end[i] - from);
        near->at[i] = rec;
        from = path->end[i] + (size_t)1;
    }
    return rec;
}

/* What COPY takes for a separator is escaped. */
static int add_text(struct relais_buf *out, struct relais_slice s)
{
    static const char special[] = "\t\n\r\\\b\f\v", letters[] = "tnr\\bfv";
    size_t plain = 0;

    for (size_t i = 0; i < s.len; i++) {
        const char *at;

        if ((unsigned char)s.ptr[i] >= 0x20 && s.ptr[i] != '\\')
            continue;
        at = s.ptr[i] ? strchr(special, s.ptr[i]) : NULL;
        if (!at)
            continue;
        if (relais_buf_add(out, s.ptr + plain, i - plain) ||
            relais_buf_add_char(out, '\\') ||
            relais_buf_add_char(out, letters[at - special]))
            return -1;
        plain = i + 1;
    }
    return relais_buf_add(out, s.ptr + plain, s.len - plain);
}

static int add_json(struct relais_buf *out, const struct relais_value *v)
{
    struct relais_buf json = RELAIS_BUF_INIT(JSON_MAX_BYTES);
    int rc = relais_value_print(v, &json);

    if (!rc)
        rc = add_text(out, relais_buf_slice(&json));
    relais_buf_release(&json);
    return rc;
}

static int add_bytes(struct relais_buf *out, struct relais_slice s)
{
    static const char digits[] = "0123456789abcdef";
    int rc = relais_buf_add_str(out, "\\\\x");

    for (size_t i = 0; i < s.len && !rc; i++) {
        unsigned char c = (unsigned char)s.ptr[i];

        rc = relais_buf_add_char(out, digits[c >> 4]) ||
             relais_buf_add_char(out, digits[c & 15]);
    }
    return rc;
}

static int add_plain(struct relais_buf *out, const struct relais_value *v)
{
    switch (v->kind) {
    case RELAIS_VALUE_STRING:
        return add_text(out, v->text);
    case RELAIS_VALUE_ARRAY:
    case RELAIS_VALUE_RECORD:
        return add_json(out, v);
    default:
        return relais_value_print_bare(v, out);
    }
}

/* PostgreSQL's texts and jsonb know no NUL. */
static bool holds_nul(const struct relais_value *v)
{
    if (v->kind == RELAIS_VALUE_STRING)
        return memchr(v->text.ptr, '\0', v->text.len) != NULL;
    if (v->kind == RELAIS_VALUE_ARRAY || v->kind == RELAIS_VALUE_RECORD)
        for (const struct relais_value *c = v->child; c; c = c->next)
            if (holds_nul(c))
                return true;
    return false;
}

int pg_cell_add(struct relais_buf *out, const struct relais_value *v, enum pg_form form,
                const char *name, struct relais_error *err)
{
    bool closed = v && v->kind == RELAIS_VALUE_BYTES; /* or bytes without a key */
    int rc;

    if (v && holds_nul(v))
        return relais_error_set(err, RELAIS_E_PG_ROW, name, "a text holds a NUL");
    if (!v || v->kind == RELAIS_VALUE_NULL || closed != (form == PG_FORM_BYTES))
        rc = relais_buf_add_str(out, "\\N");
    else if (closed)
        rc = add_bytes(out, v->text);
    else
        rc = form == PG_FORM_JSON ? add_json(out, v) : add_plain(out, v);
    return rc ? relais_error_set(err, RELAIS_E_LIMIT, name, "too large a row") : 0;
}

int pg_cell_add_item(struct relais_buf *array, struct relais_slice text,
                     struct relais_error *err)
{
    int rc;

    if (array->len)
        array->len--; /* its end */
    rc = relais_buf_add_str(array, array->len ? ",\"" : "{\"");
    for (size_t i = 0; i < text.len && !rc; i++) {
        if (text.ptr[i] == '"' || text.ptr[i] == '\\')
            rc = relais_buf_add_char(array, '\\');
        rc = rc || relais_buf_add_char(array, text.ptr[i]);
    }
    return rc || relais_buf_add_str(array, "\"}")
               ? relais_error_set(err, RELAIS_E_LIMIT, "array", "too many items")
               : 0;
}
