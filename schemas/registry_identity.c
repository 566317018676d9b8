#include "schemas/registry_identity.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

static json_t *normal(const json_t *node, const char *space);

static bool is_one_of(const char *word, const char *const *words)
{
    for (; *words; words++) {
        if (strcmp(word, *words) == 0)
            return true;
    }
    return false;
}

static bool is_primitive(const char *word)
{
    static const char *const words[] = {"null",   "boolean", "int",    "long", "float",
                                        "double", "bytes",   "string", NULL};

    return is_one_of(word, words);
}

static bool is_named(const char *word)
{
    static const char *const words[] = {"record", "error", "enum", "fixed", NULL};

    return is_one_of(word, words);
}

static json_t *full_name(const char *name, const char *space)
{
    if (strchr(name, '.') || !*space)
        return json_string(name);
    return json_sprintf("%s.%s", space, name);
}

/* The names of types that this one also answers to, written out. */
static json_t *full_aliases(const json_t *aliases, const char *space)
{
    json_t *out = json_array();
    const json_t *alias;
    size_t i;

    json_array_foreach((json_t *)aliases, i, alias) json_array_append_new(
        out, full_name(json_is_string(alias) ? json_string_value(alias) : "", space));
    return out;
}

static void drop_empty_aliases(json_t *node)
{
    const json_t *aliases = json_object_get(node, "aliases");

    if (json_is_array(aliases) && json_array_size(aliases) == 0)
        json_object_del(node, "aliases");
}

static json_t *normal_fields(const json_t *fields, const char *space)
{
    json_t *out = json_array();
    const json_t *field;
    size_t i;

    json_array_foreach((json_t *)fields, i, field)
    {
        json_t *copy = json_copy((json_t *)field);
        const char *order = json_string_value(json_object_get(copy, "order"));

        json_object_set_new(copy, "type", normal(json_object_get(field, "type"), space));
        if (order && strcmp(order, "ascending") == 0)
            json_object_del(copy, "order");
        drop_empty_aliases(copy);
        json_array_append_new(out, copy);
    }
    return out;
}

/* A record, enum or fixed: its full name decides the namespace of what is inside. */
static json_t *normal_named(const json_t *node, const char *space)
{
    json_t *copy = json_copy((json_t *)node);
    const char *name = json_string_value(json_object_get(node, "name"));
    const char *own = json_string_value(json_object_get(node, "namespace"));
    const char *dot;
    json_t *full;
    char *inner;

    name = name ? name : "";
    full = full_name(name, own ? own : space);
    dot = strrchr(json_string_value(full), '.');
    inner = dot ? relais_strndup(json_string_value(full),
                                 (size_t)(dot - json_string_value(full)))
                : relais_strdup("");
    json_object_set_new(copy, "name", full);
    json_object_del(copy, "namespace");
    drop_empty_aliases(copy);
    if (json_object_get(copy, "aliases"))
        json_object_set_new(copy, "aliases",
                            full_aliases(json_object_get(copy, "aliases"), inner));
    if (json_object_get(copy, "fields"))
        json_object_set_new(copy, "fields",
                            normal_fields(json_object_get(node, "fields"), inner));
    free(inner);
    return copy;
}

static json_t *normal_object(const json_t *node, const char *space)
{
    const json_t *type = json_object_get(node, "type");
    const char *word = json_string_value(type);
    const char *inside = NULL;
    json_t *copy;

    if (word && is_named(word))
        return normal_named(node, space);
    if (word && strcmp(word, "array") == 0)
        inside = "items";
    if (word && strcmp(word, "map") == 0)
        inside = "values";
    /* {"type": T} is T; beside a name used again other attributes mean nothing */
    if (!inside && (json_object_size(node) == 1 || (word && !is_primitive(word))))
        return normal(type, space);
    copy = json_copy((json_t *)node);
    if (!inside)
        inside = "type";
    json_object_set_new(copy, inside, normal(json_object_get(node, inside), space));
    return copy;
}

static json_t *normal(const json_t *node, const char *space)
{
    if (json_is_string(node)) {
        const char *word = json_string_value(node);

        return is_primitive(word) ? json_string(word) : full_name(word, space);
    }
    if (json_is_array(node)) {
        json_t *out = json_array();
        const json_t *branch;
        size_t i;

        json_array_foreach((json_t *)node, i, branch)
            json_array_append_new(out, normal(branch, space));
        return out;
    }
    if (json_is_object(node))
        return normal_object(node, space);
    return json_null();
}

int registry_identity(struct relais_slice text, struct relais_buf *out,
                      struct relais_error *err)
{
    json_error_t where;
    json_t *root =
        json_loadb(text.ptr, text.len, JSON_DECODE_ANY | JSON_REJECT_DUPLICATES, &where);
    json_t *same = NULL;
    char *print = NULL;
    int rc = -1;

    if (!root) {
        relais_error_set(err, RELAIS_E_JSON_INVALID, NULL, "line %d, column %d",
                         where.line, where.column);
        goto out;
    }
    same = normal(root, "");
    print = json_dumps(same, JSON_COMPACT | JSON_SORT_KEYS | JSON_ENCODE_ANY);
    if (!print || relais_buf_add_str(out, print)) {
        relais_error_set(err, RELAIS_E_LIMIT, NULL, "schema too large");
        goto out;
    }
    rc = 0;
out:
    free(print);
    json_decref(same);
    json_decref(root);
    return rc;
}
