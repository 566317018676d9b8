#include "connectors/pg_writing_path.h"

bool pg_writing_null(const struct relais_value *v)
{
    return !v || v->kind == RELAIS_VALUE_NULL ||
           (v->kind == RELAIS_VALUE_ARRAY && !v->count);
}

static const struct relais_value *member(const struct relais_value *rec, const char *name,
                                         size_t len)
{
    if (rec->kind != RELAIS_VALUE_RECORD)
        return NULL;
    for (const struct relais_value *v = rec->child; v; v = v->next)
        if (strncmp(v->name, name, len) == 0 && !v->name[len])
            return v;
    return NULL;
}

const struct relais_value *pg_writing_at(const struct relais_value *event,
                                         const struct pg_element *at, const char *path)
{
    const struct relais_value *v;

    for (; strncmp(path, "../", 3) == 0; path += 3)
        at = at->outer ? at->outer : at;
    v = at->value;
    if (strcmp(path, ".") == 0)
        return v;
    if (*path == '/' || *path == '@')
        v = *path++ == '@' ? relais_value_get(event, "entete") : event;
    while (v && *path && v->kind != RELAIS_VALUE_BYTES) {
        size_t len = strcspn(path, ".");

        v = member(v, path, len);
        path += len + (path[len] == '.');
    }
    return v;
}
