#include "connectors/pg_target_sql.h"

#include "connectors/pg_completeness.h"

#include <stdio.h>

#define SQL_MAX_BYTES (1u << 20)

static void put(struct relais_buf *out, bool *failed, const char *text)
{
    if (relais_buf_add_str(out, text))
        *failed = true;
}

static void put_name(struct relais_buf *out, bool *failed, struct pg_conn *c,
                     const char *name)
{
    char *quoted = PQescapeIdentifier(pg_conn_raw(c), name, strlen(name));

    if (!quoted || relais_buf_add_str(out, quoted))
        *failed = true;
    PQfreemem(quoted);
}

static void put_literal(struct relais_buf *out, bool *failed, struct pg_conn *c,
                        const char *text)
{
    char *quoted = PQescapeLiteral(pg_conn_raw(c), text, strlen(text));

    if (!quoted || relais_buf_add_str(out, quoted))
        *failed = true;
    PQfreemem(quoted);
}

/* What a control sum counts of an event: its amount, a deduction below 0; null where the
 * table has none. */
static void put_amount(struct relais_buf *out, bool *failed,
                       const struct pg_target_table *table)
{
    size_t i = 0;

    while (i < PG_COMPLETENESS_AMOUNTS &&
           !pg_target_has(table, pg_completeness_amounts[i]))
        i++;
    if (i == PG_COMPLETENESS_AMOUNTS) {
        put(out, failed, "NULL::int8");
        return;
    }
    put(out, failed, "coalesce(");
    if (pg_target_has(table, "sens"))
        put(out, failed, "CASE sens WHEN 'DEDUCTION' THEN -1 ELSE 1 END * ");
    put(out, failed, pg_completeness_amounts[i]);
    put(out, failed, ", 0)");
}

/* A template: $T the table, $B the main one, $M the temporary table, $C its columns, $K
 * the key, $P the temporary table of the main one, $G that of what changed, $S the
 * assignments of an update, $R relais_recus, $A the amount, $N the contract, $D and $O
 * what chooses among rows of one key, where there are some; $1 and $2 are parameters. */
static void put_template(struct relais_buf *out, bool *failed, struct pg_conn *c,
                         const char *schema, const struct pg_target *t,
                         const struct pg_target_table *table, bool twice,
                         const char *template)
{
    char temporary[80];

    for (const char *at = template; *at; at++) {
        char letter = *at == '$' ? *++at : '\0';

        if (!letter) {
            if (relais_buf_add_char(out, *at))
                *failed = true;
            continue;
        }
        switch (letter) {
        case 'T':
        case 'B':
            put_name(out, failed, c, schema);
            put(out, failed, ".");
            put_name(out, failed, c, letter == 'B' ? t->tables[0].name : table->name);
            break;
        case 'M':
        case 'P':
        case 'G':
            snprintf(temporary, sizeof(temporary), "%.50s%s",
                     letter == 'M' ? table->name : t->tables[0].name,
                     letter == 'G' ? "_changes" : "_arrives");
            put(out, failed, "pg_temp.");
            put_name(out, failed, c, temporary);
            break;
        case 'K':
            put_name(out, failed, c, t->key);
            break;
        case '1':
        case '2':
            put(out, failed, letter == '1' ? "$1" : "$2");
            break;
        case 'D':
        case 'O':
            if (!twice)
                break;
            put(out, failed, letter == 'D' ? "DISTINCT ON (" : " ORDER BY ");
            put_name(out, failed, c, t->key);
            put(out, failed,
                letter == 'D' ? ") "
                              : ", entete_constate_le DESC, entete_sequence DESC, "
                                "relais_rang DESC");
            break;
        case 'R':
            put_name(out, failed, c, schema);
            put(out, failed, ".relais_recus");
            break;
        case 'A':
            put_amount(out, failed, table);
            break;
        case 'N':
            put_literal(out, failed, c, t->contract);
            break;
        default:
            for (size_t i = 0; i < table->column_count; i++) {
                put(out, failed, i ? ", " : "");
                put_name(out, failed, c, table->columns[i].name);
                if (letter == 'S') {
                    put(out, failed, " = EXCLUDED.");
                    put_name(out, failed, c, table->columns[i].name);
                }
            }
        }
    }
}

static char *finish(struct relais_buf *out, bool failed)
{
    char *sql = failed ? NULL : relais_buf_take(out, NULL);

    relais_buf_release(out);
    return sql;
}

#define CREATE_ONE                                                                       \
    "DROP TABLE IF EXISTS $M; CREATE TEMPORARY TABLE $M ON COMMIT DELETE ROWS AS "       \
    "SELECT "                                                                            \
    "0::int4 AS relais_rang, $C FROM $T LIMIT 0; "
#define CREATE_CHANGES                                                                   \
    "DROP TABLE IF EXISTS $G; CREATE TEMPORARY TABLE $G ON COMMIT DELETE ROWS AS "       \
    "SELECT "                                                                            \
    "0::int4 AS relais_rang, $K AS relais_cle FROM $T LIMIT 0; "
/* The newest of each object in the batch, where it is newer than what is there. The sort
 * costs the server as much as a third of the rows: only where an object is there twice.
 */
#define MERGE_MAIN                                                                       \
    "WITH recent AS (SELECT $D* FROM $M$O), written AS (INSERT INTO $T AS t "            \
    "($C) SELECT $C FROM recent ON CONFLICT ($K) DO UPDATE SET $S WHERE "                \
    "(EXCLUDED.entete_constate_le, EXCLUDED.entete_sequence) > (t.entete_constate_le, "  \
    "t.entete_sequence) RETURNING $K AS relais_cle) INSERT INTO $G SELECT "              \
    "r.relais_rang, "                                                                    \
    "w.relais_cle "                                                                      \
    "FROM recent r JOIN written w ON w.relais_cle = r.$K; "
/* The same where no event of the batch has an item of a list. */
#define MERGE_MAIN_ALONE                                                                 \
    "INSERT INTO $T AS t ($C) SELECT $D$C FROM $M$O ON CONFLICT ($K) "                   \
    "DO UPDATE SET $S WHERE (EXCLUDED.entete_constate_le, EXCLUDED.entete_sequence) > "  \
    "(t.entete_constate_le, t.entete_sequence); "
/* First which objects have items at all (OFFSET 0: before the rest): as one join, a
 * server without statistics of the tables looks every object up in the main one. */
#define EMPTY_LIST                                                                       \
    "DELETE FROM $T l USING (SELECT m.$K, m.entete_constate_le, m.entete_sequence FROM " \
    "$P m WHERE EXISTS (SELECT FROM $T i WHERE i.$K = m.$K) OFFSET 0) m, $B t WHERE "    \
    "l.$K = m.$K AND t.$K = m.$K AND t.entete_constate_le = m.entete_constate_le AND "   \
    "t.entete_sequence = m.entete_sequence; "
#define MERGE_LIST                                                                       \
    "DELETE FROM $T t USING $G g WHERE t.$K = g.relais_cle; "                            \
    "INSERT INTO $T ($C) SELECT $C FROM $M m JOIN $G g USING (relais_rang); "
/* A re-publication is no step of its history (contract A8). */
#define ADD_HISTORY                                                                      \
    "INSERT INTO $T ($C) SELECT $C FROM $P WHERE entete_origine_depot IS NULL OR NOT "   \
    "starts_with(entete_origine_depot, 'renvoi-') ON CONFLICT (entete_id) DO NOTHING; "
#define ADD_ALL_HISTORY                                                                  \
    "INSERT INTO $T ($C) SELECT $C FROM $P ON CONFLICT (entete_id) DO NOTHING; "

#define COUNT_RECEIVED                                                                   \
    "INSERT INTO $R (" PG_RECEIVED_COLUMNS ") "                                          \
    "SELECT entete_origine_depot, " PG_COMPLETENESS_DAY(                                 \
        "entete_origine_depot", "entete_constate_le") ", $N, fait, entete_id, "          \
                                                      "entete_constate_le, $A FROM $M "  \
                                                      "WHERE entete_origine_depot IS "   \
                                                      "NOT NULL ON CONFLICT "            \
                                                      "(entete_id) DO NOTHING; "

#define KNOWN     "SELECT 1 FROM $T WHERE $K = ANY ($1)"
#define KNOWN_IDS " UNION ALL SELECT 1 FROM $R WHERE entete_id = ANY ($2) LIMIT 1"

static const char *template_of(const struct pg_target *t,
                               const struct pg_target_table *table, bool lists)
{
    switch (table->kind) {
    case PG_TARGET_MAIN:
        return lists ? MERGE_MAIN : MERGE_MAIN_ALONE;
    case PG_TARGET_LIST:
        return lists ? MERGE_LIST : EMPTY_LIST;
    case PG_TARGET_HISTORY:
        break;
    }
    return pg_target_has(&t->tables[0], "entete_origine_depot") ? ADD_HISTORY
                                                                : ADD_ALL_HISTORY;
}

static char *merge_sql(const struct pg_target *t, struct pg_conn *c, const char *schema,
                       bool lists, bool twice)
{
    struct relais_buf sql = RELAIS_BUF_INIT(SQL_MAX_BYTES);
    bool failed = false;

    for (size_t i = 0; i < t->table_count; i++)
        put_template(&sql, &failed, c, schema, t, &t->tables[i], twice,
                     template_of(t, &t->tables[i], lists));
    return finish(&sql, failed);
}

static bool is_counted(const struct pg_target *t, bool counted)
{
    return counted && pg_target_has(&t->tables[0], "fait") &&
           pg_target_has(&t->tables[0], "entete_origine_depot");
}

static char *statement(const struct pg_target *t, struct pg_conn *c, const char *schema,
                       const struct pg_target_table *table, const char *template,
                       bool *failed)
{
    struct relais_buf sql = RELAIS_BUF_INIT(SQL_MAX_BYTES);

    put_template(&sql, failed, c, schema, t, table, false, template);
    return finish(&sql, *failed);
}

int pg_target_write_sql(struct pg_target *t, struct pg_conn *c, const char *schema,
                        bool counted, struct relais_error *err)
{
    const struct pg_target_table *main = &t->tables[0];
    struct relais_buf create = RELAIS_BUF_INIT(SQL_MAX_BYTES);
    bool failed = false;

    put_template(&create, &failed, c, schema, t, main, false, CREATE_CHANGES);
    for (size_t i = 0; i < t->table_count; i++) {
        struct pg_target_table *table = &t->tables[i];

        table->straight_sql =
            statement(t, c, schema, table, "COPY $T ($C) FROM STDIN", &failed);
        if (table->kind == PG_TARGET_HISTORY)
            continue;
        put_template(&create, &failed, c, schema, t, table, false, CREATE_ONE);
        table->copy_sql = statement(t, c, schema, table,
                                    "COPY $M (relais_rang, $C) FROM STDIN", &failed);
    }
    t->create_sql = finish(&create, failed);
    t->known_sql = statement(t, c, schema, main,
                             is_counted(t, counted) ? KNOWN KNOWN_IDS : KNOWN, &failed);
    if (is_counted(t, counted)) {
        pg_received_init(&t->received, t->contract, main);
        t->count_sql = statement(t, c, schema, main, COUNT_RECEIVED, &failed);
        t->received_sql = statement(
            t, c, schema, main, "COPY $R (" PG_RECEIVED_COLUMNS ") FROM STDIN", &failed);
    }
    for (int i = 0; i < 4; i++) {
        t->merge_sql[i / 2][i % 2] = merge_sql(t, c, schema, i / 2, i % 2);
        failed = failed || !t->merge_sql[i / 2][i % 2];
    }
    return failed ? relais_error_set(err, RELAIS_E_LIMIT, t->tables[0].name,
                                     "statements too long")
                  : 0;
}
