#include "connectors/pg_mapping.h"

#include "connectors/json_form.h"
#include "connectors/pg_mapping_sql.h"

#include <stdlib.h>

#define WHERE "connector.mapping"

static int misfit(struct relais_error *err, const char *what, const char *name)
{
    return relais_error_set(err, RELAIS_E_CONF_VALUE, WHERE, "%s %.60s", what, name);
}

static int members(const struct relais_value *v, const char *what,
                   const char *const *known, struct relais_error *err)
{
    const char *unknown = json_form_unknown(v, known);

    return unknown ? relais_error_set(err, RELAIS_E_CONF_VALUE, WHERE,
                                      "%s: unknown member %.60s", what, unknown)
                   : 0;
}

const struct pg_mapped_table *pg_mapping_table(const struct pg_mapping *m,
                                               struct relais_slice alias)
{
    for (size_t i = 0; i < m->table_count; i++)
        if (relais_slice_is(alias, m->tables[i].alias))
            return &m->tables[i];
    return NULL;
}

static int read_join(struct pg_mapped_table *t, const struct relais_value *on,
                     struct relais_error *err)
{
    if (!on || on->kind != RELAIS_VALUE_RECORD || on->count != 1 ||
        on->child->kind != RELAIS_VALUE_STRING)
        return misfit(err, "\"on\" is one {column: column of the parent} for table",
                      t->alias);
    t->column = on->child->name;
    t->parent_column = on->child->text.ptr;
    return 0;
}

static int read_table(struct pg_mapped_table *t, const struct relais_value *v,
                      struct relais_error *err)
{
    static const char *const known[] = {"table", "parent", "on", "key",
                                        "where", "latest", NULL};

    t->alias = v->name;
    if (v->kind != RELAIS_VALUE_RECORD)
        return misfit(err, "not an object: table", v->name);
    if (members(v, v->name, known, err))
        return -1;
    t->name = json_form_text(v, "table");
    t->key = json_form_text(v, "key");
    t->latest = json_form_text(v, "latest");
    t->where = relais_value_get(v, "where");
    if (!t->key)
        t->key = "id";
    if (!t->name)
        return misfit(err, "\"table\" is missing for table", t->alias);
    if (t->where && t->where->kind != RELAIS_VALUE_RECORD)
        return misfit(err, "\"where\" is an object of columns for table", t->alias);
    return relais_value_get(v, "parent") ? read_join(t, relais_value_get(v, "on"), err)
                                         : 0;
}

static int read_tables(struct pg_mapping *m, const struct relais_value *tables,
                       struct relais_error *err)
{
    size_t i = 0;

    if (!tables || tables->kind != RELAIS_VALUE_RECORD || !tables->count ||
        tables->count > PG_MAPPING_TABLES_MAX)
        return relais_error_set(err, RELAIS_E_CONF_VALUE, WHERE,
                                "\"tables\" names 1 to %d tables", PG_MAPPING_TABLES_MAX);
    for (const struct relais_value *v = tables->child; v; v = v->next)
        if (read_table(&m->tables[m->table_count++], v, err))
            return -1;
    for (const struct relais_value *v = tables->child; v; v = v->next, i++) {
        const char *parent = json_form_text(v, "parent");

        if (!parent)
            continue;
        m->tables[i].parent = pg_mapping_table(m, relais_slice_str(parent));
        if (!m->tables[i].parent)
            return misfit(err, "unknown parent", parent);
    }
    return 0;
}

/* Every table hangs on the root, and the root on none. */
static int check_tree(struct pg_mapping *m, const char *root, struct relais_error *err)
{
    for (size_t i = 0; i < m->table_count; i++) {
        const struct pg_mapped_table *at = &m->tables[i];
        size_t steps = 0;

        if (root && strcmp(at->alias, root) == 0)
            m->root = &m->tables[i];
        while (at->parent && steps++ <= m->table_count)
            at = at->parent;
        if (!root || at->parent || strcmp(at->alias, root) != 0)
            return misfit(err, "does not hang on the root: table", m->tables[i].alias);
    }
    return m->root ? 0 : misfit(err, "no such table: root", root);
}

static int read_whole(struct pg_mapping *m, const struct relais_value *v,
                      struct relais_error *err)
{
    static const char *const known[] = {"schema", "kind",  "root",
                                        "tables", "value", NULL};
    const char *kind;

    if (v->kind != RELAIS_VALUE_RECORD)
        return misfit(err, "not an object", "");
    if (members(v, "mapping", known, err))
        return -1;
    kind = json_form_text(v, "kind");
    if (kind && strcmp(kind, "fact") != 0 && strcmp(kind, "snapshot") != 0)
        return misfit(err, "\"kind\" is snapshot or fact, not", kind);
    m->fact = kind && strcmp(kind, "fact") == 0;
    m->value = relais_value_get(v, "value");
    if (!m->value || m->value->kind != RELAIS_VALUE_RECORD)
        return misfit(err, "missing:", "value");
    return read_tables(m, relais_value_get(v, "tables"), err) ||
                   check_tree(m, json_form_text(v, "root"), err)
               ? -1
               : 0;
}

/* Of a file, or of a text where path is NULL. */
static struct pg_mapping *read_from(const char *path, struct relais_slice json,
                                    struct relais_error *err)
{
    struct pg_mapping *m = relais_zalloc(sizeof(*m));
    const struct relais_value *v;

    m->arena = (struct relais_arena)RELAIS_ARENA_INIT(16u << 20);
    v = path ? json_form_load(path, &m->arena, WHERE, err)
             : json_form_parse(json, &m->arena, WHERE, err);
    if (v && read_whole(m, v, err) == 0)
        return m;
    pg_mapping_free(m);
    return NULL;
}

struct pg_mapping *pg_mapping_parse(struct relais_slice json, struct relais_error *err)
{
    return read_from(NULL, json, err);
}

struct pg_mapping *pg_mapping_load(const char *path, struct relais_error *err)
{
    return read_from(path, RELAIS_SLICE_NULL, err);
}

void pg_mapping_unbind(struct pg_mapping *m)
{
    for (size_t i = 0; i < m->table_count; i++) {
        free(m->tables[i].quoted);
        free(m->tables[i].columns);
        free(m->tables[i].roots_sql);
        m->tables[i].quoted = m->tables[i].roots_sql = NULL;
        m->tables[i].columns = NULL;
        m->tables[i].column_count = 0;
    }
    free(m->objects_sql);
    free(m->first_sql);
    free(m->next_sql);
    m->objects_sql = m->first_sql = m->next_sql = NULL;
}

void pg_mapping_free(struct pg_mapping *m)
{
    if (!m)
        return;
    pg_mapping_unbind(m);
    relais_arena_release(&m->arena);
    free(m);
}

const struct pg_mapped_column *pg_mapping_column(const struct pg_mapped_table *t,
                                                 const char *name)
{
    for (size_t i = 0; i < t->column_count; i++)
        if (strcmp(t->columns[i].name, name) == 0)
            return &t->columns[i];
    return NULL;
}

static int column_absent(const struct pg_mapped_table *t, const char *name,
                         struct relais_error *err)
{
    return relais_error_set(err, RELAIS_E_PG_SCHEMA, WHERE, "no column %.60s in %.60s",
                            name, t->name);
}

static void copy_name(char out[64], const char *name)
{
    size_t len = strlen(name);

    if (len > 63)
        len = 63; /* what PostgreSQL's names are cut to */
    memcpy(out, name, len);
    out[len] = '\0';
}

static int look_up(struct pg_mapped_table *t, struct pg_conn *c, struct relais_error *err)
{
    static const char sql[] =
        "SELECT (SELECT nspname FROM pg_namespace n WHERE n.oid = c.relnamespace), "
        "c.relname, a.attname, coalesce(b.typname, t.typname), "
        "NOT EXISTS (SELECT FROM (SELECT c.oid WHERE c.relkind = 'r' UNION ALL SELECT "
        "relid FROM pg_partition_tree(c.oid) WHERE c.relkind = 'p' AND isleaf) l (oid) "
        "JOIN pg_class p ON p.oid = l.oid WHERE p.relreplident <> 'f' AND NOT EXISTS "
        "(SELECT FROM pg_index i JOIN pg_attribute k ON k.attrelid = i.indrelid AND "
        "k.attname = a.attname WHERE i.indrelid = p.oid AND k.attnum = ANY "
        "(i.indkey::int2[]) AND CASE p.relreplident WHEN 'd' THEN i.indisprimary WHEN "
        "'i' THEN i.indisreplident ELSE false END)), "
        "a.attnotnull AND EXISTS (SELECT FROM pg_index i WHERE i.indrelid = c.oid AND "
        "i.indisunique AND i.indisvalid AND i.indpred IS NULL AND CASE c.relkind WHEN "
        "'p' THEN a.attnum = ANY (i.indkey::int2[]) ELSE i.indnkeyatts = 1 AND "
        "i.indkey[0] = a.attnum END) "
        "FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 "
        "AND NOT a.attisdropped JOIN pg_type t ON t.oid = a.atttypid "
        "LEFT JOIN pg_type b ON t.typtype = 'd' AND b.oid = t.typbasetype "
        "WHERE c.oid = to_regclass($1) AND c.relkind IN ('r', 'p') ORDER BY a.attnum";
    struct relais_buf quoted = RELAIS_BUF_INIT(512);
    const char *params[1];
    PGresult *r;

    if (!strchr(t->name, '.'))
        return misfit(err, "to be named as schema.table:", t->name);
    if (pg_conn_quote_name(c, t->name, &quoted, err)) {
        relais_buf_release(&quoted);
        return -1;
    }
    t->quoted = relais_buf_take(&quoted, NULL);
    params[0] = t->quoted;
    r = pg_conn_exec(c, WHERE, sql, params, 1, err);
    if (!r)
        return -1;
    t->column_count = (size_t)PQntuples(r);
    t->columns = relais_zalloc((t->column_count + 1) * sizeof(*t->columns));
    for (size_t i = 0; i < t->column_count; i++) {
        copy_name(t->schema_name, PQgetvalue(r, (int)i, 0));
        copy_name(t->table_name, PQgetvalue(r, (int)i, 1));
        copy_name(t->columns[i].name, PQgetvalue(r, (int)i, 2));
        copy_name(t->columns[i].type, PQgetvalue(r, (int)i, 3));
        t->columns[i].in_identity = PQgetvalue(r, (int)i, 4)[0] == 't';
        t->columns[i].unique = PQgetvalue(r, (int)i, 5)[0] == 't';
    }
    PQclear(r);
    return t->column_count ? 0
                           : relais_error_set(err, RELAIS_E_PG_SCHEMA, WHERE,
                                              "no table %.60s", t->name);
}

static int check_columns(const struct pg_mapping *m, struct relais_error *err)
{
    static const char *const technical[] = {"int2", "int4", "int8", "uuid", NULL};
    const struct pg_mapped_column *key;
    size_t i = 0;

    for (const struct pg_mapped_table *t = m->tables; t < m->tables + m->table_count;
         t++) {
        if (!pg_mapping_column(t, t->key))
            return column_absent(t, t->key, err);
        if (t->latest && !pg_mapping_column(t, t->latest))
            return column_absent(t, t->latest, err);
        if (t->parent && !pg_mapping_column(t, t->column))
            return column_absent(t, t->column, err);
        if (t->parent && !pg_mapping_column(t->parent, t->parent_column))
            return column_absent(t->parent, t->parent_column, err);
        for (const struct relais_value *w = t->where ? t->where->child : NULL; w;
             w = w->next)
            if (!pg_mapping_column(t, w->name))
                return column_absent(t, w->name, err);
    }
    key = pg_mapping_column(m->root, m->root->key);
    while (technical[i] && strcmp(technical[i], key->type) != 0)
        i++;
    if (!technical[i])
        return relais_error_set(err, RELAIS_E_CONF_VALUE, WHERE,
                                "key %.40s of the root is %.40s: an integer or "
                                "a uuid is needed",
                                m->root->key, key->type);
    return key->unique ? 0
                       : relais_error_set(err, RELAIS_E_CONF_VALUE, WHERE,
                                          "key %.40s of the root may be there twice or "
                                          "null: its primary key, or a column that is "
                                          "UNIQUE and NOT NULL",
                                          m->root->key);
}

int pg_mapping_bind(struct pg_mapping *m, struct pg_conn *c, struct relais_error *err)
{
    pg_mapping_unbind(m);
    for (size_t i = 0; i < m->table_count; i++)
        if (look_up(&m->tables[i], c, err))
            return -1;
    return check_columns(m, err) ? -1 : pg_mapping_write_sql(m, c, err);
}

int pg_mapping_check_identity(const struct pg_mapping *m, struct pg_conn *c,
                              struct relais_error *err)
{
    for (size_t i = 0; i < m->table_count; i++) {
        const struct pg_mapped_table *t = &m->tables[i];
        const char *column = t->parent ? t->column : t->key;

        if (m->fact || pg_mapping_column(t, column)->in_identity)
            continue;
        return relais_error_set(err, RELAIS_E_PG_SCHEMA, WHERE,
                                "a deleted row would not tell its %.40s: ALTER TABLE "
                                "%.80s REPLICA IDENTITY FULL",
                                column, t->quoted);
    }
    return 0;
}

/* Does it say anything? */
static bool prune(struct relais_value *v)
{
    struct relais_value **link = &v->child;

    if (v->kind == RELAIS_VALUE_NULL)
        return false;
    if (v->kind != RELAIS_VALUE_RECORD && v->kind != RELAIS_VALUE_ARRAY)
        return true;
    v->last = NULL;
    while (*link) {
        struct relais_value *child = *link;

        if (prune(child)) {
            v->last = child;
            link = &child->next;
        } else {
            *link = child->next;
            v->count--;
        }
    }
    return v->kind == RELAIS_VALUE_ARRAY || v->count;
}

void pg_mapping_prune(struct relais_value *value) { prune(value); }
