#include "connectors/pg_writing_sql.h"

#include "connectors/pg_completeness.h"

#include <stdarg.h>
#include <stdio.h>

#define SQL_MAX_BYTES (8u << 20)

/* PL/pgSQL under construction; what does not fit makes `failed`. Variables begin with x_:
 * x_r is a row, x_ids_N the ids of the rows of node N. */
struct sql {
    const struct pg_writing_form *f;
    PGconn *raw;
    struct relais_buf body;
    const char *schema; /* quoted */
    bool failed;
};

static void put(struct sql *w, const char *text)
{
    w->failed |= relais_buf_add_str(&w->body, text) != 0;
}

/* At most 511 bytes. */
static void putf(struct sql *w, const char *fmt, ...) RELAIS_PRINTF(2, 3);
static void putf(struct sql *w, const char *fmt, ...)
{
    char text[512];
    va_list args;

    va_start(args, fmt);
    if (vsnprintf(text, sizeof(text), fmt, args) >= (int)sizeof(text))
        w->failed = true;
    va_end(args);
    put(w, text);
}

static void put_literal(struct sql *w, const char *text)
{
    char *quoted = PQescapeLiteral(w->raw, text, strlen(text));

    if (quoted)
        put(w, quoted);
    w->failed |= !quoted;
    PQfreemem(quoted);
}

/* ---- values ---- */

/* Of the row x_r, the value of a slot, in the column's type. */
static void put_cell(struct sql *w, const struct pg_written_column *column, size_t slot)
{
    if (column->value.kind == PG_WRITTEN_ROW)
        putf(w, "x_ids_%zu[(x_r->>%zu)::int]", column->value.row, slot + 1);
    else
        putf(w, "(x_r->>%zu)::%s", slot + 1, column->type);
}

static bool can_be_left(const struct pg_written_column *column)
{
    return column->value.kind != PG_WRITTEN_ROW;
}

/* What an update writes: the cell, or what is there. */
static void put_new(struct sql *w, const struct pg_written_column *column, size_t slot)
{
    if (!can_be_left(column)) {
        put(w, "coalesce(");
        put_cell(w, column, slot);
        putf(w, ", t.%s)", column->quoted);
        return;
    }
    putf(w, "CASE WHEN x_r->%zu = 'false'::jsonb", slot + 1);
    if (column->length)
        putf(w, " OR left(t.%s::text, %zu) = left(x_r->>%zu, %zu)", column->quoted,
             column->length, slot + 1, column->length);
    putf(w, " THEN t.%s ELSE ", column->quoted);
    put_cell(w, column, slot);
    put(w, " END");
}

static void put_inserted(struct sql *w, const struct pg_written_column *column,
                         size_t slot)
{
    if (!can_be_left(column)) {
        put_cell(w, column, slot);
        return;
    }
    putf(w, "CASE WHEN x_r->%zu = 'false'::jsonb THEN ", slot + 1);
    put(w, column->default_sql ? column->default_sql : "NULL");
    put(w, " ELSE ");
    put_cell(w, column, slot);
    put(w, " END");
}

/* ---- finding ---- */

static void put_through(struct sql *w, const struct pg_written_node *node,
                        const struct pg_written_key *key, size_t slot)
{
    for (int others = 0; others < 2; others++) {
        putf(w,
             others ? " AND NOT EXISTS (SELECT FROM %s o WHERE o.%s = t.%s AND NOT "
                      "coalesce("
                    : "t.%3$s IN (SELECT o.%2$s FROM %1$s o WHERE ",
             key->through_quoted, key->through_column_quoted, node->id_quoted);
        for (size_t i = 0; i < key->through_count; i++) {
            putf(w, "%so.%s = ", i ? " AND " : "", key->through_where[i].quoted);
            put_cell(w, &key->through_where[i], slot + i);
        }
        put(w, others ? ", false))" : ")");
    }
}

static void put_key(struct sql *w, const struct pg_written_node *node,
                    const struct pg_written_key *key)
{
    for (size_t i = 0; i < key->part_count; i++) {
        const struct pg_written_part *part = &key->parts[i];
        const struct pg_written_column *column = &node->columns[part->column];
        const char *is = part->nullable ? "IS NOT DISTINCT FROM" : "=";

        put(w, i ? " AND " : "");
        if (part->length) {
            putf(w, "left(t.%s::text, %zu) %s left(x_r->>%zu, %zu)", column->quoted,
                 part->length, is, part->column + 1, part->length);
            continue;
        }
        putf(w, "t.%s %s ", column->quoted, is);
        put_cell(w, column, part->column);
    }
}

/* Does the row say something else where it has to agree? */
static void put_differs(struct sql *w, const struct pg_written_node *node,
                        const struct pg_written_key *key)
{
    put(w, "false");
    for (size_t i = 0; i < key->agree_count; i++) {
        const struct pg_written_column *column = &node->columns[key->agree[i]];

        putf(w, " OR coalesce(t.%s <> ", column->quoted);
        put_new(w, column, key->agree[i]);
        put(w, ", false)");
    }
}

static void put_refusal(struct sql *w, const struct pg_written_node *node,
                        const char *condition, const char *why)
{
    putf(w, "IF %s THEN RAISE EXCEPTION USING ERRCODE = '21000', TABLE = ", condition);
    put_literal(w, node->table);
    put(w, ", CONSTRAINT = ");
    put_literal(w, why);
    put(w, "; END IF;\n");
}

/* One pass a key over all rows, so that a better key of one row goes before a worse one
 * of another; a row of the table is found once. */
static void put_find(struct sql *w, size_t n)
{
    const struct pg_written_node *node = &w->f->nodes[n];
    size_t slot = node->column_count;

    for (size_t i = 0; i < node->key_count; i++) {
        const struct pg_written_key *key = &node->keys[i];

        putf(w,
             "FOR x_i IN 1..x_n LOOP\n"
             "x_r := x_rows->(x_i - 1);\n"
             "CONTINUE WHEN x_ids_%zu[x_i] IS NOT NULL OR (x_r->>0)::int & %u = 0;\n"
             "FOR x_id_%zu, x_differs IN SELECT t.%s, ",
             n, 2u << i, n, node->id_quoted);
        put_differs(w, node, key);
        putf(w, " FROM %s t WHERE ", node->quoted);
        if (key->through)
            put_through(w, node, key, slot);
        else
            put_key(w, node, key);
        slot += key->through_count;
        putf(w,
             " AND NOT coalesce(t.%s = ANY (x_ids_%zu), false) FOR NO KEY UPDATE LOOP\n",
             node->id_quoted, n);
        if (key->agree_count)
            put_refusal(w, node, "x_differs", "find: the row is another's");
        if (node->park_several) {
            char found[64];

            snprintf(found, sizeof(found), "x_ids_%zu[x_i] IS NOT NULL", n);
            put_refusal(w, node, found, "find: several rows");
        }
        putf(w,
             "x_ids_%zu[x_i] := least(x_ids_%zu[x_i], x_id_%zu);\nEND LOOP;\nEND "
             "LOOP;\n",
             n, n, n);
    }
}

/* ---- writing ---- */

static void put_update(struct sql *w, size_t n)
{
    const struct pg_written_node *node = &w->f->nodes[n];
    bool some = false;

    putf(w, "IF x_ids_%zu[x_i] IS NOT NULL THEN\n", n);
    for (size_t i = 0; i < node->column_count; i++) {
        if (node->columns[i].insert_only)
            continue;
        if (!some)
            putf(w, "UPDATE %s t SET ", node->quoted);
        putf(w, "%s%s = ", some ? ", " : "", node->columns[i].quoted);
        put_new(w, &node->columns[i], i);
        some = true;
    }
    if (!some) {
        put(w, "NULL;\n");
        return;
    }
    putf(w, " WHERE t.%s = x_ids_%zu[x_i] AND (", node->id_quoted, n);
    some = false;
    for (size_t i = 0; i < node->column_count; i++) {
        if (node->columns[i].insert_only)
            continue;
        putf(w, "%st.%s IS DISTINCT FROM ", some ? " OR " : "", node->columns[i].quoted);
        put_new(w, &node->columns[i], i);
        some = true;
    }
    put(w, ");\n");
}

static void put_insert(struct sql *w, size_t n)
{
    const struct pg_written_node *node = &w->f->nodes[n];

    put(w, "ELSIF (x_r->>0)::int & 1 = 1");
    for (size_t i = 0; i < node->column_count; i++)
        if (node->columns[i].value.kind == PG_WRITTEN_ROW && node->columns[i].not_null) {
            put(w, " AND ");
            put_cell(w, &node->columns[i], i);
            put(w, " IS NOT NULL");
        }
    putf(w, " THEN\nINSERT INTO %s AS t ", node->quoted);
    for (size_t i = 0; i < node->column_count; i++)
        putf(w, "%s%s", i ? ", " : "(", node->columns[i].quoted);
    put(w, node->column_count ? ") VALUES (" : "DEFAULT VALUES");
    for (size_t i = 0; i < node->column_count; i++) {
        put(w, i ? ", " : "");
        put_inserted(w, &node->columns[i], i);
    }
    putf(w, "%s RETURNING t.%s INTO x_id_%zu;\nx_ids_%zu[x_i] := x_id_%zu;\n",
         node->column_count ? ")" : "", node->id_quoted, n, n, n);
    if (node->missing == PG_MISSING_DELETE)
        putf(w, "x_made := x_made || x_id_%zu::text;\n", n);
    put(w, "END IF;\n");
}

/* The rows made just now are ours. */
static void put_made(struct sql *w, size_t n)
{
    putf(w,
         "IF cardinality(x_made) > 0 THEN\nINSERT INTO %s.relais_lignes (contrat, objet, "
         "nom, ligne) SELECT x_contract, x_o, ",
         w->schema);
    put_literal(w, w->f->nodes[n].name);
    put(w, ", m FROM unnest(x_made) m ON CONFLICT (contrat, nom, ligne) DO UPDATE SET "
           "objet = EXCLUDED.objet;\nx_made := '{}';\nEND IF;\n");
}

/* The database holds this key once, so that a second element of it is the same row. */
static bool is_strict(const struct pg_written_key *key)
{
    for (size_t i = 0; i < key->part_count; i++)
        if (key->parts[i].nullable || key->parts[i].length)
            return false;
    return key->unique;
}

/* An element that repeats a key of an earlier one, whose row was made just now. */
static void put_repeated(struct sql *w, size_t n)
{
    const struct pg_written_node *node = &w->f->nodes[n];

    for (size_t i = 0; node->each && i < node->key_count; i++) {
        if (!is_strict(&node->keys[i]))
            continue;
        putf(w,
             "IF x_i > 1 AND x_ids_%zu[x_i] IS NULL AND (x_r->>0)::int & %u <> 0 THEN "
             "x_ids_%zu[x_i] := (SELECT t.%s FROM %s t WHERE ",
             n, 2u << i, n, node->id_quoted, node->quoted);
        put_key(w, node, &node->keys[i]);
        put(w, "); END IF;\n");
    }
}

static void put_node(struct sql *w, size_t n)
{
    const struct pg_written_node *node = &w->f->nodes[n];

    putf(w,
         "x_rows := x_rec->'n'->%zu;\nx_n := jsonb_array_length(x_rows);\n"
         "x_ids_%zu := array_fill(NULL::%s, ARRAY[x_n]);\n",
         n, n, node->id_type);
    put_find(w, n);
    put(w, "FOR x_i IN 1..x_n LOOP\nx_r := x_rows->(x_i - 1);\n");
    put_repeated(w, n);
    put_update(w, n);
    put_insert(w, n);
    put(w, "END LOOP;\n");
    if (node->missing == PG_MISSING_DELETE)
        put_made(w, n);
}

/* ---- deleting ---- */

/* What this sink made for the object and the event no longer has. */
static void put_delete_ours(struct sql *w, size_t n)
{
    const struct pg_written_node *node = &w->f->nodes[n];

    for (int list = 0; list < 2; list++) {
        if (list)
            putf(w, "DELETE FROM %s.relais_lignes l WHERE ", w->schema);
        else
            putf(w,
                 "DELETE FROM %s t USING %s.relais_lignes l WHERE t.%s = l.ligne::%s "
                 "AND ",
                 node->quoted, w->schema, node->id_quoted, node->id_type);
        put(w, "l.contrat = x_contract AND l.objet = x_o AND l.nom = ");
        put_literal(w, node->name);
        putf(w, " AND NOT coalesce(l.ligne::%s = ANY (x_ids_%zu), false);\n",
             node->id_type, n);
    }
}

/* Whatever hangs on the same rows, under the constants of the first key. */
static void put_delete_any(struct sql *w, size_t n)
{
    const struct pg_written_node *node = &w->f->nodes[n];
    const struct pg_written_key *key = &node->keys[0];

    putf(w, "DELETE FROM %s t WHERE NOT coalesce(t.%s = ANY (x_ids_%zu), false)",
         node->quoted, node->id_quoted, n);
    for (size_t i = 0; i < key->part_count; i++) {
        const struct pg_written_column *column = &node->columns[key->parts[i].column];
        const struct relais_value *constant = column->value.constant;

        if (column->value.kind == PG_WRITTEN_ROW) {
            putf(w, " AND t.%s = ANY (x_ids_%zu)", column->quoted, column->value.row);
        } else if (column->value.kind == PG_WRITTEN_CONSTANT &&
                   constant->kind == RELAIS_VALUE_STRING) {
            putf(w, " AND t.%s = ", column->quoted);
            put_literal(w, constant->text.ptr);
            putf(w, "::%s", column->type);
        }
    }
    put(w, ";\n");
}

static void put_deletions(struct sql *w)
{
    for (size_t n = w->f->node_count; n-- > 0;) {
        if (w->f->nodes[n].missing == PG_MISSING_KEEP)
            continue;
        putf(w, "IF NOT x_rec->'p' @> '%zu'::jsonb THEN\n", n);
        if (w->f->nodes[n].missing == PG_MISSING_DELETE)
            put_delete_ours(w, n);
        else
            put_delete_any(w, n);
        put(w, "END IF;\n");
    }
}

/* ---- the whole ---- */

#define LOCK_ALL                                                                         \
    "PERFORM pg_advisory_xact_lock(s.k) FROM (SELECT DISTINCT hashtextextended(v->>'o'," \
    " 0) AS k FROM jsonb_array_elements(x_records) v ORDER BY 1) s;\n"
#define COUNT_RECEIVED                                                                   \
    "relais_recus (depot, jour, sujet, fait, entete_id, constate_le, centimes) SELECT "  \
    "x_rec->>'d', " PG_COMPLETENESS_DAY(                                                 \
        "(x_rec->>'d')",                                                                 \
        "(x_rec->>'t')::timestamptz") ", x_contract, x_rec->>'f', (x_rec->>'i')::uuid, " \
                                      "(x_rec->>'t')::timestamptz, "                     \
                                      "(x_rec->>'c')::int8 WHERE x_rec->>'d' IS NOT "    \
                                      "NULL ON CONFLICT (entete_id) DO "                 \
                                      "NOTHING;\n"
#define ONLY_NEWER                                                                       \
    "x_o, (x_rec->>'t')::timestamptz, (x_rec->>'s')::int8) ON CONFLICT (contrat, "       \
    "objet) DO UPDATE SET constate_le = EXCLUDED.constate_le, sequence = "               \
    "EXCLUDED.sequence WHERE (EXCLUDED.constate_le, EXCLUDED.sequence) > "               \
    "(o.constate_le, o.sequence);\nCONTINUE WHEN NOT FOUND;\n"

static void put_body(struct sql *w, bool counted)
{
    put(w, "DECLARE\nx_rec jsonb;\nx_rows jsonb;\nx_r jsonb;\nx_o text;\nx_n int;\n"
           "x_differs boolean;\n"
           "x_made text[] := '{}';\n");
    for (size_t n = 0; n < w->f->node_count; n++)
        putf(w, "x_id_%zu %s;\nx_ids_%zu %s[];\n", n, w->f->nodes[n].id_type, n,
             w->f->nodes[n].id_type);
    put(w, "BEGIN\n" LOCK_ALL
           "FOR x_rec IN SELECT v FROM jsonb_array_elements(x_records) v LOOP\n"
           "x_o := x_rec->>'o';\n");
    if (counted) {
        putf(w, "INSERT INTO %s.", w->schema);
        put(w, COUNT_RECEIVED);
    }
    putf(w,
         "INSERT INTO %s.relais_objets AS o (contrat, objet, constate_le, sequence) "
         "VALUES (x_contract, ",
         w->schema);
    put(w, ONLY_NEWER);
    for (size_t n = 0; n < w->f->node_count; n++)
        put_node(w, n);
    put_deletions(w);
    put(w, "END LOOP;\nEND");
}

/* Sequential reads are for tables that the planner believes to be small; its plan would
 * stay when they have grown. */
#define HEAD                                                                             \
    "CREATE OR REPLACE FUNCTION pg_temp.relais_ecrire(x_contract text, x_records "       \
    "jsonb) RETURNS void "                                                               \
    "LANGUAGE plpgsql SET enable_seqscan TO off AS "

char *pg_writing_sql(const struct pg_writing_form *f, struct pg_conn *c,
                     const char *schema, bool counted, struct relais_error *err)
{
    struct sql w = {f, pg_conn_raw(c), RELAIS_BUF_INIT(SQL_MAX_BYTES), schema, false};
    struct relais_buf out = RELAIS_BUF_INIT(2 * SQL_MAX_BYTES);
    char *body, *sql = NULL;

    put_body(&w, counted);
    body = w.failed ? NULL : PQescapeLiteral(w.raw, w.body.data, w.body.len);
    if (body && relais_buf_add_str(&out, HEAD) == 0 &&
        relais_buf_add_str(&out, body) == 0)
        sql = relais_buf_take(&out, NULL);
    else
        relais_error_set(err, RELAIS_E_LIMIT, f->file, "statements too long");
    PQfreemem(body);
    relais_buf_release(&w.body);
    relais_buf_release(&out);
    return sql;
}
