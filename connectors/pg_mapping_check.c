#include "connectors/pg_mapping_check.h"

#include <stdio.h>

#define PATH_MAX_LEN 128

struct check {
    const char *file;
    struct relais_error *err;
    char path[PATH_MAX_LEN];
};

static int wrong(const struct check *k, const char *what)
{
    return relais_error_set(k->err, RELAIS_E_CONF_VALUE, k->file, "%s: %.100s", what,
                            k->path);
}

static const struct relais_value *directive(const struct relais_value *v,
                                            const char *name)
{
    return v->kind == RELAIS_VALUE_RECORD ? relais_value_get(v, name) : NULL;
}

static bool is_column(const struct relais_value *v)
{
    return v->kind == RELAIS_VALUE_STRING || directive(v, "$column") ||
           directive(v, "$value") || directive(v, "$first") || directive(v, "$sum");
}

static int look(struct check *k, const struct relais_value *v,
                const struct relais_value *field);

static int look_members(struct check *k, const struct relais_value *v,
                        const struct relais_value *field)
{
    size_t len = strlen(k->path);

    for (const struct relais_value *member = v->child; member; member = member->next) {
        const struct relais_value *inner = relais_value_get(field, member->name);

        snprintf(k->path + len, sizeof(k->path) - len, "%s%s", len ? "." : "",
                 member->name);
        if (!inner)
            return wrong(k, "no such field in the message");
        if (look(k, member, inner))
            return -1;
        k->path[len] = '\0';
    }
    return 0;
}

static int look_list(struct check *k, const struct relais_value *v,
                     const struct relais_value *field)
{
    const struct relais_value *item = directive(v, "$item");

    if (field->kind != RELAIS_VALUE_ARRAY)
        return wrong(k, "not a list in the message");
    if (v->kind != RELAIS_VALUE_ARRAY)
        return item && field->child ? look(k, item, field->child) : 0;
    for (const struct relais_value *one = v->child; one; one = one->next)
        if (look(k, one, field))
            return -1;
    return 0;
}

/* A constant of the file for a field that is an enum. */
static int look_symbol(struct check *k, const struct relais_value *v,
                       const struct relais_value *field)
{
    const struct relais_value *symbol = field->child;

    while (symbol && v->kind == RELAIS_VALUE_STRING &&
           !relais_slice_eq(symbol->text, v->text))
        symbol = symbol->next;
    if (v->kind == RELAIS_VALUE_NULL || (symbol && v->kind == RELAIS_VALUE_STRING))
        return 0;
    return relais_error_set(k->err, RELAIS_E_CONF_VALUE, k->file,
                            "not among the symbols of the field's enum: %.80s: %.*s",
                            k->path, v->text.len < 40 ? (int)v->text.len : 40,
                            v->text.len ? v->text.ptr : "");
}

/* What a column or a sum is worth only its rows say; of a constant, whether an enum has
 * it. */
static int look_column(struct check *k, const struct relais_value *v,
                       const struct relais_value *field)
{
    const struct relais_value *constant = directive(v, "$value");
    const struct relais_value *codes = directive(v, "$codes");

    if (field->kind != RELAIS_VALUE_STRING || !field->child)
        return 0;
    if (constant && look_symbol(k, constant, field))
        return -1;
    for (const struct relais_value *c = codes ? codes->child : NULL; c; c = c->next)
        if (look_symbol(k, c, field))
            return -1;
    return 0;
}

static int look(struct check *k, const struct relais_value *v,
                const struct relais_value *field)
{
    bool list = v->kind == RELAIS_VALUE_ARRAY || directive(v, "$each");

    /* a union, a map, what is protected as a whole: any */
    if (is_column(v))
        return look_column(k, v, field);
    if (field->kind == RELAIS_VALUE_NULL ||
        (field->kind == RELAIS_VALUE_RECORD && !field->count))
        return 0;
    if (list)
        return look_list(k, v, field);
    if (field->kind != RELAIS_VALUE_RECORD)
        return wrong(k, "not a record in the message");
    return look_members(k, v, field);
}

int pg_mapping_check_fields(const struct pg_mapping *m, const char *file,
                            const struct relais_value *open, struct relais_error *err)
{
    const char *slash = strrchr(file, '/');
    struct check k = {.file = slash ? slash + 1 : file, .err = err};

    return look(&k, m->value, open);
}
