#include "connectors/pg_writing.h"

#include "connectors/pg_writing_bind.h"
#include "connectors/pg_writing_check.h"
#include "connectors/pg_writing_rows.h"
#include "connectors/pg_writing_sql.h"

#include <stdlib.h>

#define EVENTS_MAX_BYTES (64u << 20)

int pg_writing_open(struct pg_writing *w, const char *path, struct relais_error *err)
{
    memset(w, 0, sizeof(*w));
    w->events.max = EVENTS_MAX_BYTES;
    if (!path)
        return 0;
    w->form = pg_writing_load(path, err);
    return w->form ? 0 : -1;
}

void pg_writing_close(struct pg_writing *w)
{
    pg_writing_form_free(w->form);
    relais_buf_release(&w->events);
    memset(w, 0, sizeof(*w));
}

static int make_function(struct pg_writing *w, struct pg_conn *c, const char *schema,
                         bool counted, struct relais_error *err)
{
    char *sql = pg_writing_sql(w->form, c, schema, counted, err);
    int rc = sql ? pg_conn_run(c, w->form->file, sql, err) : -1;

    free(sql);
    return rc;
}

int pg_writing_look_up(struct pg_conn *c, const char *schema, struct relais_error *err)
{
    struct relais_buf sql = RELAIS_BUF_INIT(1024);
    struct relais_error why = RELAIS_ERROR_INIT;
    int rc = -1;

    if (relais_buf_printf(&sql,
                          "SELECT contrat, objet, constate_le, sequence FROM "
                          "%s.relais_objets LIMIT 0; SELECT contrat, objet, nom, ligne "
                          "FROM %s.relais_lignes LIMIT 0",
                          schema, schema) == 0)
        rc = pg_conn_run(c, "relais_objets", sql.data, &why);
    relais_buf_release(&sql);
    if (rc && why.code == RELAIS_E_PG_SCHEMA)
        return relais_error_set(err, why.code, why.where,
                                "%.120s (relais sink ddl FILE.ini says the SQL)",
                                why.text);
    if (rc)
        *err = why;
    return rc;
}

int pg_writing_begin(struct pg_writing *w, struct pg_conn *c, const char *schema,
                     bool counted, struct relais_error *err)
{
    if (!w->form)
        return 0;
    return pg_writing_bind(w->form, c, err) || pg_writing_look_up(c, schema, err) ||
                   make_function(w, c, schema, counted, err)
               ? -1
               : 0;
}

int pg_writing_alone(const struct pg_writing *w, struct pg_conn *c, const char *schema,
                     const char *group, struct relais_error *err)
{
    const char *params[] = {group, w->form ? w->form->contract : NULL};
    struct relais_buf sql = RELAIS_BUF_INIT(2048);
    PGresult *r = NULL;
    int rc = -1;

    if (!w->form)
        return 0;
    if (relais_buf_printf(&sql,
                          "SELECT base, base = regexp_replace($1, '\\.reprise$', '') "
                          "AS ours FROM (SELECT regexp_replace(groupe, '\\.reprise$', "
                          "'') AS base FROM %s.relais_positions WHERE suivant >= 0) p "
                          "WHERE EXISTS (SELECT FROM %s.relais_objets WHERE "
                          "right('.' || contrat, length($2) + 1) = '.' || $2) "
                          "ORDER BY ours DESC LIMIT 1",
                          schema, schema) == 0)
        r = pg_conn_exec(c, "relais_objets", sql.data, params, 2, err);
    if (r && PQntuples(r) && PQgetvalue(r, 0, 1)[0] != 't')
        relais_error_set(err, RELAIS_E_CONF_VALUE, "connector.sql_schema",
                         "what was written of %.60s there is of the sink %.60s: a sink "
                         "with a mapping needs a schema of its own (relais sink ddl)",
                         w->form->contract, PQgetvalue(r, 0, 0));
    else if (r)
        rc = 0;
    PQclear(r);
    relais_buf_release(&sql);
    return rc;
}

int pg_writing_expect(struct pg_writing *w, const struct relais_value *open,
                      const struct relais_value *closed, struct relais_error *err)
{
    w->expected = true;
    return pg_writing_check(w->form, open, closed, err);
}

bool pg_writing_takes(const struct pg_writing *w, const char *contract)
{
    return w->form && pg_writing_is_of(w->form, contract);
}

int pg_writing_add(struct pg_writing *w, const char *contract,
                   const struct relais_value *event, struct relais_error *err)
{
    size_t before = w->events.len;

    w->contract = contract;
    if (relais_buf_add_char(&w->events, before ? ',' : '[') == 0 &&
        pg_writing_rows(w->form, event, &w->events, err) == 0)
        return 0;
    w->events.len = before;
    return relais_error_set(err, RELAIS_E_LIMIT, w->form->file, "too large a batch");
}

int pg_writing_apply(struct pg_writing *w, struct pg_conn *c, struct relais_error *err)
{
    const char *params[2];
    PGresult *r;

    if (!w->events.len)
        return 0;
    if (relais_buf_add_char(&w->events, ']'))
        return relais_error_set(err, RELAIS_E_LIMIT, w->form->file, "too large a batch");
    params[0] = w->contract;
    params[1] = w->events.data;
    r = pg_conn_exec(c, w->form->file, "SELECT pg_temp.relais_ecrire($1, $2::jsonb)",
                     params, 2, err);
    PQclear(r);
    return r ? 0 : -1;
}

void pg_writing_clear(struct pg_writing *w) { relais_buf_clear(&w->events); }
