#include "connectors/outbox_columns.h"

#include "connectors/pg_cell.h"

#define NAMES_MAX 16384

static int want(struct relais_buf *names, const char *name, const char *usual,
                struct relais_error *err)
{
    return usual && strcmp(name, usual) == 0
               ? 0
               : pg_cell_add_item(names, relais_slice_str(name), err);
}

static int want_all(const struct outbox_form *form, struct relais_buf *names,
                    struct relais_error *err)
{
    if (want(names, form->payload_column, NULL, err) ||
        want(names, form->id_column, "id", err) ||
        want(names, form->key_column, "aggregateid", err) ||
        ((form->route_count || form->only) && want(names, form->route_column, NULL, err)))
        return -1;
    for (size_t i = 1; i < form->field_count; i++) /* the first is key_column's */
        if (want(names, form->fields[i].from, NULL, err))
            return -1;
    return 0;
}

#define MISSING                                                                          \
    "SELECT string_agg(name, ', ') FROM unnest($3::text[]) name WHERE NOT EXISTS "       \
    "(SELECT FROM pg_attribute a JOIN pg_class t ON t.oid = a.attrelid JOIN "            \
    "pg_namespace n ON n.oid = t.relnamespace WHERE n.nspname = $1 AND t.relname = $2 "  \
    "AND a.attname = name AND a.attnum > 0 AND NOT a.attisdropped) OR "
/* A publication may leave columns out, from PostgreSQL 15 on. */
#define UNPUBLISHED                                                                      \
    "EXISTS (SELECT FROM pg_publication_tables p WHERE p.pubname = $4 AND p.schemaname " \
    "= $1 AND p.tablename = $2 AND name <> ALL (p.attnames))"

int outbox_check_columns(const struct outbox_form *form, const struct pg_slot *slot,
                         struct pg_conn *c, struct relais_error *err)
{
    const char *sql =
        pg_conn_version(c) >= 150000 ? MISSING UNPUBLISHED : MISSING "$4::text IS NULL";
    const char *table = outbox_table(slot->conf);
    const char *dot = table ? strchr(table, '.') : NULL;
    char schema[64] = "public";
    const char *params[] = {schema, dot ? dot + 1 : table, NULL, slot->publication};
    struct relais_buf names = RELAIS_BUF_INIT(NAMES_MAX);
    PGresult *r = NULL;
    int rc = -1;

    if (!table)
        return 0;
    if (dot)
        relais_slice_copy((struct relais_slice){table, (size_t)(dot - table)}, schema,
                          sizeof(schema));
    if (want_all(form, &names, err) == 0) {
        params[2] = names.data;
        r = pg_conn_exec(c, "connector.table", sql, params, 4, err);
    }
    if (r && *PQgetvalue(r, 0, 0))
        relais_error_set(err, RELAIS_E_PG_SCHEMA, table,
                         "not there, or not published: %.110s (keys column_… and "
                         "columns of [connector])",
                         PQgetvalue(r, 0, 0));
    else if (r)
        rc = 0;
    PQclear(r);
    relais_buf_release(&names);
    return rc;
}
