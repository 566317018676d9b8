#include "connectors/pg_writing_bind.h"

#include "core/conf.h"

#include <stdio.h>
#include <stdlib.h>

#define COLUMNS_SHOWN 256 /* among which a near name is looked for */
#define ARRAY_MAX     (64u << 10)

struct bind {
    struct pg_writing_form *f;
    struct pg_conn *c;
    struct relais_error *err;
};

static void free_column(struct pg_written_column *c)
{
    free(c->quoted);
    free(c->type);
    free(c->default_sql);
    free(c->base);
    c->quoted = c->type = c->default_sql = c->base = NULL;
}

void pg_writing_unbind(struct pg_writing_form *f)
{
    for (size_t n = 0; n < f->node_count; n++) {
        struct pg_written_node *node = &f->nodes[n];

        free(node->quoted);
        free(node->id_quoted);
        free(node->id_type);
        node->quoted = node->id_quoted = node->id_type = NULL;
        for (size_t i = 0; i < node->column_count; i++)
            free_column(&node->columns[i]);
        for (size_t i = 0; i < node->key_count; i++) {
            struct pg_written_key *key = &node->keys[i];

            free(key->through_quoted);
            free(key->through_column_quoted);
            key->through_quoted = key->through_column_quoted = NULL;
            for (size_t j = 0; j < key->through_count; j++)
                free_column(&key->through_where[j]);
        }
    }
}

/* ---- the catalog ---- */

enum {
    COLUMN_NAME,
    COLUMN_TYPE,
    COLUMN_NOT_NULL,
    COLUMN_DEFAULT,
    COLUMN_CHARS,
    COLUMN_GENERATED,
    COLUMN_IDENTITY,
    COLUMN_SELECT,
    COLUMN_INSERT,
    COLUMN_UPDATE,
    COLUMN_BASE,
    COLUMN_CATEGORY
};

static const char columns_sql[] =
    "SELECT a.attname, format_type(a.atttypid, -1), a.attnotnull OR t.typnotnull, "
    "pg_get_expr(d.adbin, d.adrelid), CASE WHEN coalesce(b.oid, t.oid) IN "
    "('varchar'::regtype, 'bpchar'::regtype) THEN greatest(CASE t.typtype WHEN 'd' THEN "
    "t.typtypmod ELSE a.atttypmod END - 4, 0) ELSE 0 END, a.attgenerated <> '' OR "
    "a.attidentity = 'a', a.attidentity <> '', has_column_privilege(c.oid, a.attnum, "
    "'SELECT'), "
    "has_column_privilege(c.oid, a.attnum, 'INSERT'), has_column_privilege(c.oid, "
    "a.attnum, 'UPDATE'), coalesce(b.typname, t.typname), t.typcategory FROM pg_class c "
    "JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped "
    "JOIN "
    "pg_type t ON t.oid = a.atttypid LEFT JOIN pg_type b ON t.typtype = 'd' AND b.oid = "
    "t.typbasetype LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum "
    "WHERE c.oid = to_regclass($1) AND c.relkind IN ('r', 'p') ORDER BY a.attnum";

static bool is_true(const PGresult *r, int row, int column)
{
    return PQgetvalue(r, row, column)[0] == 't';
}

/* Quotes a table's name and asks for its columns. NULL: there is no such table. */
static PGresult *look_up(struct bind *b, const struct pg_written_node *node,
                         const char *place, const char *table, char **quoted_out)
{
    struct relais_buf quoted = RELAIS_BUF_INIT(512);
    struct relais_error why = RELAIS_ERROR_INIT;
    const char *params[1];
    PGresult *r;

    if (pg_conn_quote_name(b->c, table, &quoted, &why)) {
        relais_buf_release(&quoted);
        pg_writing_wrong(b->f, node, place, "", RELAIS_E_CONF_VALUE, b->err, "%s",
                         why.text);
        return NULL;
    }
    *quoted_out = relais_buf_take(&quoted, NULL);
    params[0] = *quoted_out;
    r = pg_conn_exec(b->c, "catalog", columns_sql, params, 1, b->err);
    if (r && PQntuples(r))
        return r;
    if (r)
        pg_writing_wrong(b->f, node, place, "", RELAIS_E_PG_SCHEMA, b->err,
                         "no table %.100s, or no right to see it", table);
    PQclear(r);
    return NULL;
}

static int find_column(struct bind *b, const struct pg_written_node *node,
                       const char *place, const char *table, const char *name,
                       const PGresult *r)
{
    const char *names[COLUMNS_SHOWN], *nearest;
    size_t count = 0;

    for (int i = 0; i < PQntuples(r); i++) {
        if (strcmp(PQgetvalue(r, i, COLUMN_NAME), name) == 0)
            return i;
        if (count < COLUMNS_SHOWN)
            names[count++] = PQgetvalue(r, i, COLUMN_NAME);
    }
    nearest = relais_nearest(name, names, count);
    return pg_writing_wrong(b->f, node, place, name, RELAIS_E_PG_SCHEMA, b->err,
                            "no such column in %.60s%s%.60s", table,
                            nearest ? "; the nearest is " : "", nearest ? nearest : "");
}

static int keep_quoted(struct bind *b, const char *name, char **out)
{
    char *quoted = PQescapeIdentifier(pg_conn_raw(b->c), name, strlen(name));

    if (!quoted)
        return pg_conn_error(b->c, NULL, "catalog", b->err);
    *out = relais_strdup(quoted);
    PQfreemem(quoted);
    return 0;
}

static int keep_column(struct bind *b, struct pg_written_column *column,
                       const PGresult *r, int row)
{
    column->type = relais_strdup(PQgetvalue(r, row, COLUMN_TYPE));
    column->base = relais_strdup(PQgetvalue(r, row, COLUMN_BASE));
    column->category = *PQgetvalue(r, row, COLUMN_CATEGORY);
    column->not_null = is_true(r, row, COLUMN_NOT_NULL);
    if (!PQgetisnull(r, row, COLUMN_DEFAULT))
        column->default_sql = relais_strdup(PQgetvalue(r, row, COLUMN_DEFAULT));
    column->max_chars = (int32_t)strtol(PQgetvalue(r, row, COLUMN_CHARS), NULL, 10);
    return keep_quoted(b, column->name, &column->quoted);
}

/* ---- columns ---- */

/* Does PostgreSQL take a constant for the type, and does it fit the length? */
static int check_constant(struct bind *b, const struct pg_written_node *node,
                          const char *place, const struct pg_written_column *column,
                          const struct relais_value *constant)
{
    struct relais_buf sql = RELAIS_BUF_INIT(512), text = RELAIS_BUF_INIT(64u << 10);
    struct relais_error why = RELAIS_ERROR_INIT;
    const char *params[1];
    PGresult *r = NULL;
    int rc = -1;

    if (constant->kind == RELAIS_VALUE_NULL)
        return 0;
    if ((constant->kind == RELAIS_VALUE_STRING
             ? relais_buf_add_slice(&text, constant->text)
             : relais_value_print(constant, &text)) ||
        relais_buf_printf(&sql, "SELECT CAST($1 AS text)::%s, char_length($1)",
                          column->type))
        goto out;
    params[0] = text.data ? text.data : "";
    r = pg_conn_exec(b->c, "catalog", sql.data, params, 1, &why);
    if (r && (!column->max_chars ||
              strtol(PQgetvalue(r, 0, 1), NULL, 10) <= column->max_chars))
        rc = 0;
out:
    if (rc && why.code != RELAIS_E_OK && relais_error_class(why.code) == RELAIS_RETRY)
        *b->err = why;
    else if (rc)
        pg_writing_wrong(b->f, node, place, column->name, RELAIS_E_CONF_VALUE, b->err,
                         "a constant does not fit the type %.40s%s", column->type,
                         r ? " (too long)" : "");
    PQclear(r);
    relais_buf_release(&text);
    relais_buf_release(&sql);
    return rc;
}

/* The same type, or whole numbers. */
static bool same_kind(const char *a, const char *b)
{
    static const char whole[] = " smallint integer bigint ";

    return strcmp(a, b) == 0 || (strstr(whole, a) && strstr(whole, b));
}

static int check_value(struct bind *b, const struct pg_written_node *node,
                       const char *place, const struct pg_written_column *column)
{
    static const struct {
        enum pg_written_as as;
        const char *name, *types;
    } forms[] = {
        {PG_WRITTEN_EUROS, "euros", " numeric float4 float8 text varchar bpchar "},
        {PG_WRITTEN_01, "01", " text varchar bpchar char int2 int4 int8 numeric "},
        {PG_WRITTEN_ON, "on", " text varchar bpchar char "},
        {PG_WRITTEN_JSON, "json", " json jsonb text "},
    };
    const struct pg_written_value *v = &column->value;
    char word[80];

    snprintf(word, sizeof(word), " %.64s ", column->base);
    for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++)
        if (v->kind == PG_WRITTEN_PATH && v->as == forms[i].as &&
            !strstr(forms[i].types, word))
            return pg_writing_wrong(b->f, node, place, column->name, RELAIS_E_PG_SCHEMA,
                                    b->err, "\"$as\": \"%s\" is not for the type %.40s",
                                    forms[i].name, column->type);
    if (v->kind == PG_WRITTEN_CONSTANT)
        return check_constant(b, node, place, column, v->constant);
    if (v->kind == PG_WRITTEN_ROW &&
        !same_kind(column->type, b->f->nodes[v->row].id_type))
        return pg_writing_wrong(b->f, node, place, column->name, RELAIS_E_PG_SCHEMA,
                                b->err, "of the type %.40s, the row's id is %.40s",
                                column->type, b->f->nodes[v->row].id_type);
    if (v->kind != PG_WRITTEN_PATH || !v->codes)
        return 0;
    for (const struct relais_value *code = v->codes->child; code; code = code->next)
        if (check_constant(b, node, place, column, code))
            return -1;
    return 0;
}

static int bind_column(struct bind *b, const struct pg_written_node *node,
                       struct pg_written_column *column, const PGresult *r)
{
    const char *place = column->insert_only ? "insert" : "set", *right = NULL;
    int row = find_column(b, node, place, node->table, column->name, r);

    if (row < 0)
        return -1;
    if (is_true(r, row, COLUMN_GENERATED))
        return pg_writing_wrong(b->f, node, place, column->name, RELAIS_E_PG_SCHEMA,
                                b->err, "the database computes this column itself");
    if (!column->insert_only && (strcmp(PQgetvalue(r, row, COLUMN_BASE), "json") == 0 ||
                                 strcmp(PQgetvalue(r, row, COLUMN_BASE), "xml") == 0))
        return pg_writing_wrong(b->f, node, place, column->name, RELAIS_E_PG_SCHEMA,
                                b->err, "values of the type %.20s cannot be compared",
                                PQgetvalue(r, row, COLUMN_BASE));
    if (!is_true(r, row, COLUMN_SELECT))
        right = "SELECT";
    else if (!is_true(r, row, COLUMN_INSERT))
        right = "INSERT";
    else if (!column->insert_only && !is_true(r, row, COLUMN_UPDATE))
        right = "UPDATE";
    if (right)
        return pg_writing_wrong(b->f, node, place, column->name, RELAIS_E_PG_RIGHTS,
                                b->err, "GRANT %s ON %.60s is missing", right,
                                node->quoted);
    return keep_column(b, column, r, row) || check_value(b, node, place, column) ? -1 : 0;
}

static const struct pg_written_column *named(const struct pg_written_node *node,
                                             const char *name)
{
    for (size_t i = 0; i < node->column_count; i++)
        if (strcmp(node->columns[i].name, name) == 0)
            return &node->columns[i];
    return NULL;
}

/* What a new row must have and nobody gives. */
static int check_needed(struct bind *b, const struct pg_written_node *node,
                        const PGresult *r)
{
    for (int i = 0; i < PQntuples(r); i++) {
        const char *name = PQgetvalue(r, i, COLUMN_NAME);

        if (is_true(r, i, COLUMN_NOT_NULL) && PQgetisnull(r, i, COLUMN_DEFAULT) &&
            !is_true(r, i, COLUMN_GENERATED) && !is_true(r, i, COLUMN_IDENTITY) &&
            !named(node, name))
            return pg_writing_wrong(b->f, node, "insert", name, RELAIS_E_PG_SCHEMA,
                                    b->err,
                                    "NOT NULL without default in %.60s, and no value "
                                    "for it",
                                    node->table);
    }
    return 0;
}

/* ---- keys ---- */

static int add_element(struct relais_buf *out, const char *text)
{
    int rc = relais_buf_add_str(out, out->len > 1 ? ",\"" : "\"");

    for (; *text && !rc; text++)
        rc = (*text == '"' || *text == '\\' ? relais_buf_add_char(out, '\\') : 0) ||
             relais_buf_add_char(out, *text);
    return rc || relais_buf_add_char(out, '"');
}

/* Has an index these columns at its head; do some of them make a row unique? */
static int ask_indexes(struct bind *b, const char *quoted, const char *columns,
                       bool *unique_out, bool *indexed_out)
{
    static const char sql[] =
        "WITH k AS (SELECT array_agg(attnum) AS columns FROM pg_attribute WHERE attrelid "
        "= to_regclass($1) AND attname = ANY ($2::text[])) SELECT coalesce(bool_or("
        "i.indisunique AND i.indpred IS NULL AND i.indexprs IS NULL AND "
        "(i.indkey::int2[])[0:i.indnkeyatts - 1] <@ k.columns), false), "
        "coalesce(bool_or(i.indpred IS NULL AND i.indkey[0] = ANY (k.columns)), false) "
        "FROM k LEFT JOIN pg_index i ON i.indrelid = to_regclass($1) AND i.indisvalid";
    const char *params[] = {quoted, columns};
    PGresult *r = pg_conn_exec(b->c, "catalog", sql, params, 2, b->err);

    if (!r)
        return -1;
    *unique_out = is_true(r, 0, 0);
    *indexed_out = is_true(r, 0, 1);
    PQclear(r);
    return 0;
}

static int bind_through(struct bind *b, const struct pg_written_node *node,
                        struct pg_written_key *key)
{
    PGresult *r = look_up(b, node, "find", key->through, &key->through_quoted);
    int rc = r ? find_column(b, node, "find", key->through, key->through_column, r) : -1;

    if (rc >= 0)
        rc = keep_quoted(b, key->through_column, &key->through_column_quoted);
    for (size_t i = 0; i < key->through_count && rc >= 0; i++) {
        struct pg_written_column *column = &key->through_where[i];

        rc = find_column(b, node, "find", key->through, column->name, r);
        if (rc >= 0)
            rc = keep_column(b, column, r, rc) || check_value(b, node, "find", column)
                     ? -1
                     : 0;
    }
    PQclear(r);
    return rc < 0 ? -1 : 0;
}

static int bind_keys(struct bind *b, struct pg_written_node *node)
{
    struct relais_buf columns = RELAIS_BUF_INIT(ARRAY_MAX);
    int rc = 0;

    for (size_t i = 0; i < node->key_count && rc == 0; i++) {
        struct pg_written_key *key = &node->keys[i];

        if (key->through) {
            rc = bind_through(b, node, key);
            continue;
        }
        relais_buf_clear(&columns);
        rc = relais_buf_add_char(&columns, '{');
        for (size_t j = 0; j < key->part_count && rc == 0; j++)
            rc = add_element(&columns, node->columns[key->parts[j].column].name);
        if (rc || relais_buf_add_char(&columns, '}'))
            rc = relais_error_set(b->err, RELAIS_E_LIMIT, node->name, "too long names");
        else
            rc = ask_indexes(b, node->quoted, columns.data, &key->unique, &key->indexed);
    }
    relais_buf_release(&columns);
    return rc;
}

/* ---- a table ---- */

static int bind_id(struct bind *b, struct pg_written_node *node, const PGresult *r)
{
    struct relais_buf list = RELAIS_BUF_INIT(256);
    int row = find_column(b, node, "id", node->table, node->id, r), rc = -1;
    bool unique = false, indexed;

    if (row >= 0 && relais_buf_add_char(&list, '{') == 0 &&
        add_element(&list, node->id) == 0 && relais_buf_add_char(&list, '}') == 0)
        rc = ask_indexes(b, node->quoted, list.data, &unique, &indexed);
    relais_buf_release(&list);
    if (rc)
        return -1;
    if (!unique || !is_true(r, row, COLUMN_NOT_NULL))
        return pg_writing_wrong(b->f, node, "id", "", RELAIS_E_PG_SCHEMA, b->err,
                                "%.60s does not name one row: a primary key of one "
                                "column is needed",
                                node->id);
    node->id_type = relais_strdup(PQgetvalue(r, row, COLUMN_TYPE));
    return keep_quoted(b, node->id, &node->id_quoted);
}

/* A sequence behind a default wants a right of its own, one of an identity does not. */
static int check_rights(struct bind *b, const struct pg_written_node *node)
{
    static const char sql[] =
        "SELECT has_any_column_privilege($1::text::regclass, 'UPDATE'), "
        "has_table_privilege($1::text::regclass, 'DELETE'), pg_get_serial_sequence($1, "
        "$2), has_sequence_privilege(pg_get_serial_sequence($1, $2), 'USAGE') OR EXISTS "
        "(SELECT FROM pg_attribute WHERE attrelid = $1::text::regclass AND attname = $2 "
        "AND attidentity <> '')";
    const char *params[] = {node->quoted, node->id};
    PGresult *r = pg_conn_exec(b->c, "catalog", sql, params, 2, b->err);
    int rc = r ? 0 : -1;

    if (r && !is_true(r, 0, 0))
        rc = pg_writing_wrong(b->f, node, "", "", RELAIS_E_PG_RIGHTS, b->err,
                              "GRANT UPDATE ON %.60s is missing: found rows are locked",
                              node->quoted);
    else if (r && node->missing != PG_MISSING_KEEP && !is_true(r, 0, 1))
        rc = pg_writing_wrong(b->f, node, "missing", "", RELAIS_E_PG_RIGHTS, b->err,
                              "GRANT DELETE ON %.60s is missing", node->quoted);
    else if (r && PQgetvalue(r, 0, 3)[0] == 'f')
        rc = pg_writing_wrong(b->f, node, "id", "", RELAIS_E_PG_RIGHTS, b->err,
                              "GRANT USAGE ON SEQUENCE %.60s is missing",
                              PQgetvalue(r, 0, 2));
    PQclear(r);
    return rc;
}

/* A row that is deleted takes no row along but of tables that hang on it here. */
static int check_deletion(struct bind *b, const struct pg_written_node *node)
{
    static const char sql[] =
        "SELECT k.conrelid::regclass FROM pg_constraint k WHERE k.contype = 'f' AND "
        "k.confrelid = to_regclass($1) AND k.confdeltype IN ('c', 'n', 'd') AND NOT "
        "EXISTS (SELECT FROM unnest($2::text[]) o WHERE to_regclass(o) = k.conrelid) "
        "LIMIT 1";
    struct relais_buf ours = RELAIS_BUF_INIT(ARRAY_MAX);
    size_t at = (size_t)(node - b->f->nodes);
    int rc = relais_buf_add_char(&ours, '{');
    PGresult *r = NULL;

    for (size_t i = at + 1; i < b->f->node_count && rc == 0; i++)
        if (pg_writing_within(b->f, i, at))
            rc = add_element(&ours, b->f->nodes[i].quoted);
    if (rc == 0 && relais_buf_add_char(&ours, '}') == 0) {
        const char *params[] = {node->quoted, ours.data};

        r = pg_conn_exec(b->c, "catalog", sql, params, 2, b->err);
        rc = r ? 0 : -1;
    }
    if (r && PQntuples(r))
        rc = pg_writing_wrong(b->f, node, "missing", "", RELAIS_E_PG_SCHEMA, b->err,
                              "deleting a row of %.60s would reach rows of %.60s",
                              node->table, PQgetvalue(r, 0, 0));
    PQclear(r);
    relais_buf_release(&ours);
    return rc;
}

static int bind_node(struct bind *b, struct pg_written_node *node)
{
    PGresult *r = look_up(b, node, "table", node->table, &node->quoted);
    int rc = r ? bind_id(b, node, r) : -1;

    for (size_t i = 0; i < node->column_count && rc == 0; i++)
        rc = bind_column(b, node, &node->columns[i], r);
    if (rc == 0)
        rc = check_needed(b, node, r) || check_rights(b, node) || bind_keys(b, node) ? -1
                                                                                     : 0;
    PQclear(r);
    return rc;
}

int pg_writing_bind(struct pg_writing_form *f, struct pg_conn *c,
                    struct relais_error *err)
{
    struct bind b = {f, c, err};

    pg_writing_unbind(f);
    for (size_t i = 0; i < f->node_count; i++)
        if (bind_node(&b, &f->nodes[i]))
            return -1;
    for (size_t i = 0; i < f->node_count; i++)
        if (f->nodes[i].missing != PG_MISSING_KEEP && check_deletion(&b, &f->nodes[i]))
            return -1;
    return 0;
}
