#include "cli/import.h"

#include "core/crypto.h"
#include "core/value.h"

#include <stdio.h>

static int add(struct import_props *out, struct relais_arena *arena, const char *name,
               struct relais_slice value, struct relais_error *err)
{
    if (import_find(out, name))
        return relais_error_set(err, RELAIS_E_USAGE, name, "propriété donnée deux fois");
    if (out->count == IMPORT_PROPS_MAX)
        return relais_error_set(err, RELAIS_E_USAGE, NULL, "plus de %d propriétés",
                                IMPORT_PROPS_MAX);
    value = relais_arena_slice(arena, value);
    if (!value.ptr)
        return relais_error_set(err, RELAIS_E_LIMIT, NULL, "configuration trop longue");
    out->at[out->count++] = (struct import_prop){name, value};
    return 0;
}

const struct import_prop *import_find(const struct import_props *props, const char *name)
{
    for (size_t i = 0; i < props->count; i++)
        if (strcmp(props->at[i].name, name) == 0)
            return &props->at[i];
    return NULL;
}

/* ---- JSON -------------------------------------------------------------------------- */

static int add_value(struct import_props *out, struct relais_arena *arena,
                     const struct relais_value *v, struct relais_error *err)
{
    switch (v->kind) {
    case RELAIS_VALUE_STRING:
        return add(out, arena, v->name, v->text, err);
    case RELAIS_VALUE_LONG:
        return add(out, arena, v->name,
                   relais_arena_printf(arena, "%lld", (long long)v->number), err);
    case RELAIS_VALUE_BOOL:
        return add(out, arena, v->name, relais_slice_str(v->boolean ? "true" : "false"),
                   err);
    case RELAIS_VALUE_NULL:
        return 0;
    default:
        return relais_error_set(err, RELAIS_E_USAGE, v->name,
                                "un texte, un nombre entier ou un booléen est attendu");
    }
}

static int read_json(struct relais_slice text, struct relais_arena *arena,
                     struct import_props *out, struct relais_error *err)
{
    const struct relais_value *root = relais_value_parse(arena, text, err), *config;
    struct relais_slice name;

    if (!root)
        return -1;
    if (root->kind != RELAIS_VALUE_RECORD)
        return relais_error_set(err, RELAIS_E_USAGE, NULL, "un objet JSON est attendu");
    config = relais_value_get(root, "config");
    if (!config || config->kind != RELAIS_VALUE_RECORD)
        config = root;
    for (const struct relais_value *v = config->child; v; v = v->next)
        if (add_value(out, arena, v, err))
            return -1;
    name = relais_value_text(root, "name");
    return name.ptr && !import_find(out, "name") ? add(out, arena, "name", name, err) : 0;
}

/* ---- Java properties --------------------------------------------------------------- */

static bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\f'; }

/* The next logical line (lines that end in an odd number of \ go on), comments and blank
 * ones left out; still escaped. false: the end. */
static bool next_line(struct relais_slice *rest, struct relais_buf *line)
{
    bool more = false;

    relais_buf_clear(line);
    while (rest->len) {
        const char *end = memchr(rest->ptr, '\n', rest->len);
        struct relais_slice one = {rest->ptr,
                                   end ? (size_t)(end - rest->ptr) : rest->len};
        size_t used = one.len + (end != NULL), escapes = 0;

        rest->ptr += used;
        rest->len -= used;
        if (one.len && one.ptr[one.len - 1] == '\r')
            one.len--;
        while (one.len && is_blank(*one.ptr))
            one.ptr++, one.len--;
        if (!more && (!one.len || *one.ptr == '#' || *one.ptr == '!'))
            continue;
        while (escapes < one.len && one.ptr[one.len - 1 - escapes] == '\\')
            escapes++;
        more = escapes % 2;
        if (relais_buf_add(line, one.ptr, one.len - more))
            return false;
        if (!more)
            return true;
    }
    return more;
}

/* Takes the escapes off, up to an end: for a name the first = : or blank. -1: \u. */
static int unescape(struct relais_slice in, bool name, struct relais_buf *out,
                    size_t *used)
{
    size_t i = 0;

    relais_buf_clear(out);
    for (; i < in.len; i++) {
        char c = in.ptr[i];

        if (name && (c == '=' || c == ':' || is_blank(c)))
            break;
        if (c == '\\' && i + 1 < in.len) {
            c = in.ptr[++i];
            if (c == 'u')
                return -1;
            c = c == 't' ? '\t' : c == 'n' ? '\n' : c == 'r' ? '\r' : c;
        }
        if (relais_buf_add_char(out, c))
            return -1;
    }
    *used = i;
    return 0;
}

static int read_pair(struct relais_slice line, struct relais_buf *part,
                     struct relais_arena *arena, struct import_props *out,
                     struct relais_error *err)
{
    struct relais_slice name;
    size_t at, used;

    if (unescape(line, true, part, &at) || !part->len)
        return relais_error_set(err, RELAIS_E_USAGE, NULL,
                                "ni objet JSON, ni lignes clé = valeur");
    name = relais_arena_slice(arena, relais_buf_slice(part));
    while (at < line.len && is_blank(line.ptr[at]))
        at++;
    if (at == line.len || (line.ptr[at] != '=' && line.ptr[at] != ':'))
        return relais_error_set(err, RELAIS_E_USAGE, NULL,
                                "ni objet JSON, ni lignes clé = valeur");
    for (at++; at < line.len && is_blank(line.ptr[at]);)
        at++;
    if (!name.ptr ||
        unescape((struct relais_slice){line.ptr + at, line.len - at}, false, part, &used))
        return relais_error_set(err, RELAIS_E_USAGE, name.ptr,
                                "échappement \\u : donner la forme JSON");
    return add(out, arena, name.ptr, relais_buf_slice(part), err);
}

static int read_properties(struct relais_slice text, struct relais_arena *arena,
                           struct import_props *out, struct relais_error *err)
{
    struct relais_buf line = RELAIS_BUF_INIT(text.len), part = RELAIS_BUF_INIT(text.len);
    int rc = 0;

    while (!rc && next_line(&text, &line))
        rc = read_pair(relais_buf_slice(&line), &part, arena, out, err);
    if (line.data)
        relais_cleanse(line.data, line.len);
    if (part.data)
        relais_cleanse(part.data, part.len);
    relais_buf_release(&line);
    relais_buf_release(&part);
    return rc;
}

/* A name is printed: letters, digits and . - _ $ only. */
static int check_names(const struct import_props *props, struct relais_error *err)
{
    static const char good[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                               "0123456789.-_$";

    for (size_t i = 0; i < props->count; i++)
        if (!props->at[i].name[0] ||
            props->at[i].name[strspn(props->at[i].name, good)] != '\0')
            return relais_error_set(err, RELAIS_E_USAGE, NULL,
                                    "la propriété %zu n'a pas un nom de propriété",
                                    i + 1);
    return props->count ? 0
                        : relais_error_set(err, RELAIS_E_USAGE, NULL, "aucune propriété");
}

int import_read(struct relais_slice text, struct relais_arena *arena,
                struct import_props *out, struct relais_error *err)
{
    struct relais_slice body = relais_slice_trim(text);

    out->count = 0;
    if (!relais_utf8_valid(text) || memchr(text.ptr, '\0', text.len))
        return relais_error_set(err, RELAIS_E_USAGE, NULL, "pas un texte UTF-8");
    if ((body.len && body.ptr[0] == '{') ? read_json(body, arena, out, err)
                                         : read_properties(text, arena, out, err))
        return -1;
    return check_names(out, err);
}
