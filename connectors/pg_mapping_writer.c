#include "connectors/pg_mapping_writer.h"

#include <stdarg.h>
#include <stdio.h>

void sql_put(struct sql_writer *w, const char *fmt, ...)
{
    char text[512];
    va_list args;

    va_start(args, fmt);
    if (vsnprintf(text, sizeof(text), fmt, args) >= (int)sizeof(text) ||
        relais_buf_add_str(w->out, text))
        w->failed = true;
    va_end(args);
}

void sql_put_literal(struct sql_writer *w, struct relais_slice s)
{
    char *quoted = PQescapeLiteral(w->raw, s.ptr, s.len);

    if (!quoted || relais_buf_add_str(w->out, quoted))
        w->failed = true;
    PQfreemem(quoted);
}

void sql_put_name(struct sql_writer *w, const char *name)
{
    char *quoted = PQescapeIdentifier(w->raw, name, strlen(name));

    if (!quoted || relais_buf_add_str(w->out, quoted))
        w->failed = true;
    PQfreemem(quoted);
}

int sql_wrong(struct sql_writer *w, const char *path, const char *what, const char *name)
{
    return relais_error_set(w->err, RELAIS_E_CONF_VALUE, path, "%s %.60s", what, name);
}

/* A constant of the file as a SQL literal that takes the type of what it is compared
 * with. */
static int sql_put_constant(struct sql_writer *w, const struct relais_value *v,
                            const char *path)
{
    switch (v->kind) {
    case RELAIS_VALUE_NULL:
        sql_put(w, "NULL");
        return 0;
    case RELAIS_VALUE_BOOL:
        sql_put(w, v->boolean ? "'true'" : "'false'");
        return 0;
    case RELAIS_VALUE_LONG:
        sql_put(w, "'%lld'", (long long)v->number);
        return 0;
    case RELAIS_VALUE_STRING:
        sql_put_literal(w, v->text);
        return 0;
    default:
        return sql_wrong(w, path, "a constant is a text, an integer, a boolean or null",
                         "");
    }
}

int sql_put_json_constant(struct sql_writer *w, const struct relais_value *v,
                          const char *path)
{
    if (v->kind == RELAIS_VALUE_LONG) {
        sql_put(w, "to_json(%lld::int8)", (long long)v->number);
        return 0;
    }
    sql_put(w, "to_json(");
    if (sql_put_constant(w, v, path))
        return -1;
    sql_put(w, v->kind == RELAIS_VALUE_BOOL ? "::bool)" : "::text)");
    return 0;
}

/* AND column = constant, of a table's "where"; a list: one of them. */
int sql_put_where(struct sql_writer *w, const struct pg_mapped_table *t,
                  const char *alias)
{
    for (const struct relais_value *v = t->where ? t->where->child : NULL; v;
         v = v->next) {
        const struct relais_value *one = v->kind == RELAIS_VALUE_ARRAY ? v->child : v;

        sql_put(w, " AND ");
        sql_put_name(w, alias);
        sql_put(w, ".");
        sql_put_name(w, v->name);
        if (v->kind == RELAIS_VALUE_NULL) {
            sql_put(w, " IS NULL");
            continue;
        }
        sql_put(w, " IN (");
        for (; one; one = v->kind == RELAIS_VALUE_ARRAY ? one->next : NULL) {
            if (sql_put_constant(w, one, t->alias))
                return -1;
            if (v->kind == RELAIS_VALUE_ARRAY && one->next)
                sql_put(w, ", ");
        }
        sql_put(w, ")");
    }
    return 0;
}

/* alias.column = parent.column AND where */
int sql_put_link(struct sql_writer *w, const struct pg_mapped_table *t)
{
    sql_put_name(w, t->alias);
    sql_put(w, ".");
    sql_put_name(w, t->column);
    sql_put(w, " = ");
    sql_put_name(w, t->parent->alias);
    sql_put(w, ".");
    sql_put_name(w, t->parent_column);
    return sql_put_where(w, t, t->alias);
}
