#include "connectors/pg_mapping_sql.h"
#include "connectors/pg_mapping_writer.h"

#include <stdio.h>

#define SQL_MAX_BYTES (1u << 20)
#define MEMBERS_MAX   50 /* json_build_object takes 100 arguments */
#define PATH_MAX_LEN  96

/* A SELECT under construction: its own table, and those joined to it one row each. What
 * an outer one has can be named as well. */
struct scope {
    const struct scope *outer;
    const struct pg_mapped_table *base;
    bool joined[PG_MAPPING_TABLES_MAX];
};

static int write_any(struct sql_writer *w, const struct scope *s,
                     const struct relais_value *v, const char *path);

static bool in_scope(const struct pg_mapping *m, const struct scope *s,
                     const struct pg_mapped_table *t)
{
    for (; s; s = s->outer)
        if (s->base == t || s->joined[t - m->tables])
            return true;
    return false;
}

/* t and what leads to it are joined, unless an outer scope has them. */
static int need(struct sql_writer *w, struct scope *s, const struct pg_mapped_table *t,
                const char *path)
{
    for (const struct pg_mapped_table *at = t; !in_scope(w->m, s, at); at = at->parent) {
        if (!at->parent)
            return sql_wrong(w, path, "cannot be reached from here: table", t->alias);
        s->joined[at - w->m->tables] = true;
    }
    return 0;
}

/* "table.column"; NULL with err set. */
static const struct pg_mapped_table *split(struct sql_writer *w,
                                           const struct relais_value *v,
                                           const char **column_out, const char *path)
{
    const char *dot =
        v->kind == RELAIS_VALUE_STRING ? memchr(v->text.ptr, '.', v->text.len) : NULL;
    const struct pg_mapped_table *t;

    if (!dot) {
        sql_wrong(w, path, "a column is named as \"table.column\"", "");
        return NULL;
    }
    t = pg_mapping_table(w->m,
                         (struct relais_slice){v->text.ptr, (size_t)(dot - v->text.ptr)});
    *column_out = dot + 1;
    if (!t)
        sql_wrong(w, path, "unknown table in", v->text.ptr);
    else if (!pg_mapping_column(t, dot + 1))
        relais_error_set(w->err, RELAIS_E_PG_SCHEMA, path, "no column %.60s in %.60s",
                         dot + 1, t->name);
    else
        return t;
    return NULL;
}

static const struct relais_value *directive(const struct relais_value *v,
                                            const char *name)
{
    return v->kind == RELAIS_VALUE_RECORD ? relais_value_get(v, name) : NULL;
}

static int inner(char out[PATH_MAX_LEN], const char *path, const char *name)
{
    return snprintf(out, PATH_MAX_LEN, "%.47s.%.47s", path, name ? name : "[]");
}

/* Which tables a value asks for in this scope. */
static int collect(struct sql_writer *w, struct scope *s, const struct relais_value *v,
                   const char *path)
{
    const struct relais_value *d;
    const struct pg_mapped_table *t;
    const char *column;
    char at[PATH_MAX_LEN];

    if ((d = directive(v, "$each")) != NULL) {
        t = d->kind == RELAIS_VALUE_STRING ? pg_mapping_table(w->m, d->text) : NULL;
        if (!t || !t->parent)
            return sql_wrong(w, path, "\"$each\" names a table that hangs on another",
                             "");
        return need(w, s, t->parent, path);
    }
    if ((d = directive(v, "$sum")) != NULL) {
        t = split(w, d, &column, path);
        if (t && !t->parent)
            return sql_wrong(w, path, "\"$sum\" is over a table that hangs on another",
                             "");
        return t ? need(w, s, t->parent, path) : -1;
    }
    if (directive(v, "$value"))
        return 0;
    if ((d = directive(v, "$column")) != NULL)
        v = d;
    if (v->kind == RELAIS_VALUE_STRING) {
        t = split(w, v, &column, path);
        return t ? need(w, s, t, path) : -1;
    }
    if ((d = directive(v, "$first")) != NULL)
        v = d;
    if (v->kind != RELAIS_VALUE_RECORD && v->kind != RELAIS_VALUE_ARRAY)
        return sql_wrong(w, path, "neither column, constant, list nor record", "");
    for (d = v->child; d; d = d->next) {
        inner(at, path, d->name);
        if (collect(w, s, d, at))
            return -1;
    }
    return 0;
}

/* %s of a form: the expression. */
static int put_form(struct sql_writer *w, const char *as, const char *type,
                    const char *what, const char *path)
{
    const char *at = pg_mapping_form(type, as);

    if (!at)
        return relais_error_set(w->err, RELAIS_E_CONF_VALUE, path,
                                "a column of type %.40s needs another \"$as\" than "
                                "\"%.20s\" (an amount: centimes or integer)",
                                type, as);
    while (*at) {
        const char *hole = strstr(at, "%s");
        size_t len = hole ? (size_t)(hole - at) : strlen(at);

        if (relais_buf_add(w->out, at, len) || (hole && relais_buf_add_str(w->out, what)))
            w->failed = true;
        at += len + (hole ? 2 : 0);
    }
    return 0;
}

/* "alias"."column" as a text of its own; false: does not fit. */
static bool qualified(struct sql_writer *w, const char *alias, const char *column,
                      char out[320])
{
    char *a = PQescapeIdentifier(w->raw, alias, strlen(alias));
    char *c = PQescapeIdentifier(w->raw, column, strlen(column));
    bool fits = a && c && snprintf(out, 320, "%s.%s", a, c) < 320;

    PQfreemem(a);
    PQfreemem(c);
    return fits;
}

static const char *as_of(const struct relais_value *v)
{
    const struct relais_value *as = directive(v, "$as");

    return as && as->kind == RELAIS_VALUE_STRING ? as->text.ptr : "";
}

static int write_column(struct sql_writer *w, const struct relais_value *name,
                        const char *as, const char *path)
{
    const char *column;
    const struct pg_mapped_table *t = split(w, name, &column, path);
    char what[320];

    if (!t)
        return -1;
    if (!qualified(w, t->alias, column, what))
        return sql_wrong(w, path, "too long a name:", column);
    return put_form(w, as, pg_mapping_column(t, column)->type, what, path);
}

/* A code of the table's becomes one of the contract's; "*" is for all others, without it
 * they stay and the check stage speaks. */
static int write_codes(struct sql_writer *w, const struct relais_value *column,
                       const struct relais_value *codes, const char *path)
{
    const struct relais_value *others = NULL;

    if (codes->kind != RELAIS_VALUE_RECORD)
        return sql_wrong(w, path, "\"$codes\" is an object", "");
    sql_put(w, "CASE ");
    if (write_column(w, column, "text", path))
        return -1;
    for (const struct relais_value *v = codes->child; v; v = v->next) {
        if (strcmp(v->name, "*") == 0) {
            others = v;
            continue;
        }
        sql_put(w, " WHEN ");
        sql_put_literal(w, relais_slice_str(v->name));
        sql_put(w, " THEN ");
        if (sql_put_json_constant(w, v, path))
            return -1;
    }
    sql_put(w, " ELSE CASE WHEN ");
    if (write_column(w, column, "text", path))
        return -1;
    sql_put(w, " IS NULL THEN NULL ELSE ");
    if (others && sql_put_json_constant(w, others, path))
        return -1;
    if (!others) {
        sql_put(w, "to_json(");
        if (write_column(w, column, "text", path))
            return -1;
        sql_put(w, ")");
    }
    sql_put(w, " END END");
    return 0;
}

/* LEFT JOIN LATERAL of every table that the scope joined, parents first. */
static int write_joins(struct sql_writer *w, const struct scope *s)
{
    bool done[PG_MAPPING_TABLES_MAX] = {false};
    bool more = true;

    while (more) {
        more = false;
        for (size_t i = 0; i < w->m->table_count; i++) {
            const struct pg_mapped_table *t = &w->m->tables[i];
            size_t up = t->parent ? (size_t)(t->parent - w->m->tables) : 0;

            if (!s->joined[i] || done[i] || (s->joined[up] && !done[up]))
                continue;
            sql_put(w, " LEFT JOIN LATERAL (SELECT * FROM %s ", t->quoted);
            sql_put_name(w, t->alias);
            sql_put(w, " WHERE ");
            if (sql_put_link(w, t))
                return -1;
            sql_put(w, " ORDER BY ");
            if (t->latest) {
                sql_put_name(w, t->latest);
                sql_put(w, " DESC NULLS LAST, ");
            }
            sql_put_name(w, t->key);
            sql_put(w, " LIMIT 1) ");
            sql_put_name(w, t->alias);
            sql_put(w, " ON true");
            done[i] = more = true;
        }
    }
    return 0;
}

static int write_each(struct sql_writer *w, const struct scope *outer,
                      const struct relais_value *v, const char *path)
{
    const struct pg_mapped_table *t = pg_mapping_table(w->m, directive(v, "$each")->text);
    const struct relais_value *item = directive(v, "$item");
    struct scope s = {.outer = outer, .base = t};

    if (!item)
        return sql_wrong(w, path, "\"$each\" without \"$item\"", "");
    if (collect(w, &s, item, path))
        return -1;
    sql_put(w, "coalesce((SELECT json_agg(");
    if (write_any(w, &s, item, path))
        return -1;
    sql_put(w, " ORDER BY ");
    sql_put_name(w, t->alias);
    sql_put(w, ".");
    sql_put_name(w, t->key);
    sql_put(w, ") FROM %s ", t->quoted);
    sql_put_name(w, t->alias);
    if (write_joins(w, &s))
        return -1;
    sql_put(w, " WHERE ");
    if (sql_put_link(w, t))
        return -1;
    sql_put(w, "), '[]'::json)");
    return 0;
}

static int write_sum(struct sql_writer *w, const struct relais_value *v, const char *path)
{
    const char *column;
    const struct pg_mapped_table *t = split(w, directive(v, "$sum"), &column, path);
    char what[320], sum[330];

    if (!t)
        return -1;
    if (!qualified(w, t->alias, column, what))
        return sql_wrong(w, path, "too long a name:", column);
    snprintf(sum, sizeof(sum), "sum(%s)", what);
    sql_put(w, "(SELECT ");
    if (put_form(w, as_of(v), "numeric", sum, path))
        return -1;
    sql_put(w, " FROM %s ", t->quoted);
    sql_put_name(w, t->alias);
    sql_put(w, " WHERE ");
    if (sql_put_link(w, t))
        return -1;
    sql_put(w, ")");
    return 0;
}

static int write_first(struct sql_writer *w, const struct scope *s,
                       const struct relais_value *list, const char *path)
{
    sql_put(w, "coalesce(");
    for (const struct relais_value *v = list->child; v; v = v->next) {
        sql_put(w, "to_json(");
        if (write_any(w, s, v, path))
            return -1;
        sql_put(w, v->next ? "), " : ")");
    }
    sql_put(w, ")");
    return 0;
}

static int write_record(struct sql_writer *w, const struct scope *s,
                        const struct relais_value *v, const char *path)
{
    char at[PATH_MAX_LEN];

    if (v->count > MEMBERS_MAX)
        return sql_wrong(w, path, "more members than a record takes (50)", "");
    sql_put(w, "json_build_object(");
    for (const struct relais_value *member = v->child; member; member = member->next) {
        inner(at, path, member->name);
        if (member->name[0] == '$')
            return sql_wrong(w, path, "unknown directive", member->name);
        sql_put_literal(w, relais_slice_str(member->name));
        sql_put(w, ", ");
        if (write_any(w, s, member, at))
            return -1;
        if (member->next)
            sql_put(w, ", ");
    }
    sql_put(w, ")");
    return 0;
}

static int write_list(struct sql_writer *w, const struct scope *s,
                      const struct relais_value *list, const char *path)
{
    sql_put(w, "(");
    for (const struct relais_value *v = list->child; v; v = v->next) {
        if (!directive(v, "$each"))
            return sql_wrong(w, path, "a list is made of \"$each\" only", "");
        sql_put(w, "(");
        if (write_each(w, s, v, path))
            return -1;
        sql_put(w, v->next ? ")::jsonb || " : ")::jsonb");
    }
    sql_put(w, list->child ? ")" : "'[]'::jsonb)");
    return 0;
}

/* Every member of a directive is one that it knows. */
static int check_directive(struct sql_writer *w, const struct relais_value *v,
                           const char *path)
{
    static const struct {
        const char *first, *others[3];
    } known[] = {
        {"$value", {NULL}},      {"$column", {"$as", "$codes", NULL}}, {"$first", {NULL}},
        {"$sum", {"$as", NULL}}, {"$each", {"$item", NULL}},
    };
    size_t row = 0, i;

    while (row < 5 && !directive(v, known[row].first))
        row++;
    for (const struct relais_value *member = row < 5 ? v->child : NULL; member;
         member = member->next) {
        for (i = 0; known[row].others[i]; i++)
            if (strcmp(known[row].others[i], member->name) == 0)
                break;
        if (!known[row].others[i] && strcmp(known[row].first, member->name) != 0)
            return sql_wrong(w, path, "does not belong here:", member->name);
    }
    return 0;
}

static int write_any(struct sql_writer *w, const struct scope *s,
                     const struct relais_value *v, const char *path)
{
    const struct relais_value *d;

    if (v->kind == RELAIS_VALUE_STRING)
        return write_column(w, v, "", path);
    if (v->kind == RELAIS_VALUE_ARRAY)
        return write_list(w, s, v, path);
    if (v->kind != RELAIS_VALUE_RECORD)
        return sql_wrong(w, path, "neither column, constant, list nor record", "");
    if (check_directive(w, v, path))
        return -1;
    if ((d = directive(v, "$value")) != NULL)
        return sql_put_json_constant(w, d, path);
    if ((d = directive(v, "$column")) != NULL && directive(v, "$codes"))
        return write_codes(w, d, directive(v, "$codes"), path);
    if (d)
        return write_column(w, d, as_of(v), path);
    if ((d = directive(v, "$first")) != NULL)
        return write_first(w, s, d, path);
    if (directive(v, "$sum"))
        return write_sum(w, v, path);
    if (directive(v, "$each"))
        return write_each(w, s, v, path);
    return write_record(w, s, v, path);
}

/* SELECT key, object FROM root and what is joined to it WHERE <its own rows> */
static int write_objects(struct sql_writer *w)
{
    const struct pg_mapped_table *root = w->m->root;
    struct scope s = {.base = root};

    if (collect(w, &s, w->m->value, "value"))
        return -1;
    sql_put(w, "SELECT ");
    sql_put_name(w, root->alias);
    sql_put(w, ".");
    sql_put_name(w, root->key);
    sql_put(w, "::text, ");
    if (write_any(w, &s, w->m->value, "value"))
        return -1;
    sql_put(w, "::text FROM %s ", root->quoted);
    sql_put_name(w, root->alias);
    if (write_joins(w, &s))
        return -1;
    sql_put(w, " WHERE true");
    return sql_put_where(w, root, root->alias);
}

static void put_root_key(struct sql_writer *w)
{
    sql_put_name(w, w->m->root->alias);
    sql_put(w, ".");
    sql_put_name(w, w->m->root->key);
}

/* The root keys of rows of t, by what their joining column holds. */
static void write_roots(struct sql_writer *w, const struct pg_mapped_table *t)
{
    const struct pg_mapped_table *at = t->parent;

    sql_put(w, "SELECT DISTINCT ");
    put_root_key(w);
    sql_put(w, "::text FROM %s ", at->quoted);
    sql_put_name(w, at->alias);
    for (; at->parent; at = at->parent) {
        sql_put(w, " JOIN %s ", at->parent->quoted);
        sql_put_name(w, at->parent->alias);
        sql_put(w, " ON ");
        sql_put_name(w, at->alias);
        sql_put(w, ".");
        sql_put_name(w, at->column);
        sql_put(w, " = ");
        sql_put_name(w, at->parent->alias);
        sql_put(w, ".");
        sql_put_name(w, at->parent_column);
    }
    sql_put(w, " WHERE ");
    sql_put_name(w, t->parent->alias);
    sql_put(w, ".");
    sql_put_name(w, t->parent_column);
    sql_put(w, " = ANY (($1::text[])::");
    sql_put_name(w, pg_mapping_column(t->parent, t->parent_column)->type);
    sql_put(w, "[])");
}

static char *finish(struct sql_writer *w)
{
    char *sql = w->failed ? NULL : relais_buf_take(w->out, NULL);

    relais_buf_clear(w->out);
    return sql;
}

int pg_mapping_write_sql(struct pg_mapping *m, struct pg_conn *c,
                         struct relais_error *err)
{
    struct relais_buf out = RELAIS_BUF_INIT(SQL_MAX_BYTES);
    struct sql_writer w = {.m = m, .raw = pg_conn_raw(c), .out = &out, .err = err};
    const char *type = pg_mapping_column(m->root, m->root->key)->type;
    char **statements[] = {&m->objects_sql, &m->first_sql, &m->next_sql};
    int rc = -1;

    for (size_t i = 0; i < 3; i++) {
        if (write_objects(&w))
            goto out;
        if (i != 1) {
            sql_put(&w, " AND ");
            put_root_key(&w);
        }
        if (i == 0)
            sql_put(&w, " = ANY (($1::text[])::%s[])", type);
        if (i == 2)
            sql_put(&w, " > ($2::text)::%s", type);
        sql_put(&w, " ORDER BY ");
        if (i == 0)
            sql_put(&w, "array_position(($1::text[])::%s[], ", type);
        put_root_key(&w);
        sql_put(&w, i == 0 ? ")" : " LIMIT ($1::text)::int8");
        *statements[i] = finish(&w);
    }
    for (size_t i = 0; i < m->table_count; i++) {
        struct pg_mapped_table *t = &m->tables[i];

        if (!t->parent ||
            (t->parent == m->root && strcmp(t->parent_column, m->root->key) == 0))
            continue;
        write_roots(&w, t);
        t->roots_sql = finish(&w);
    }
    rc = w.failed
             ? relais_error_set(err, RELAIS_E_LIMIT, "connector.mapping",
                                "makes a statement of more than %u bytes", SQL_MAX_BYTES)
             : 0;
out:
    relais_buf_release(&out);
    return rc;
}
