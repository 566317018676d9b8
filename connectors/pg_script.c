#include "connectors/pg_script.h"

#define SQL_MAX_BYTES (4u << 20)

void pg_script_init(struct pg_script *s)
{
    s->sql = (struct relais_buf)RELAIS_BUF_INIT(SQL_MAX_BYTES);
    s->copy_count = 0;
}

void pg_script_clear(struct pg_script *s)
{
    relais_buf_clear(&s->sql);
    s->copy_count = 0;
}

void pg_script_release(struct pg_script *s)
{
    relais_buf_release(&s->sql);
    s->copy_count = 0;
}

int pg_script_add(struct pg_script *s, const char *sql, struct relais_error *err)
{
    return relais_buf_add_str(&s->sql, sql)
               ? relais_error_set(err, RELAIS_E_LIMIT, "merge", "statements too long")
               : 0;
}

int pg_script_copy(struct pg_script *s, const char *what, const char *sql,
                   const struct relais_buf *rows, struct relais_error *err)
{
    if (!rows->len)
        return 0;
    if (s->copy_count == PG_SCRIPT_COPIES_MAX)
        return relais_error_set(err, RELAIS_E_LIMIT, what, "more than %d tables",
                                PG_SCRIPT_COPIES_MAX);
    s->copies[s->copy_count++] = (struct pg_script_copy){what, relais_buf_slice(rows)};
    return pg_script_add(s, sql, err) || pg_script_add(s, "; ", err) ? -1 : 0;
}

/* Of a statement that failed: its error, once all is answered. */
static int failed(struct pg_conn *c, const struct relais_error *why,
                  struct relais_error *err)
{
    struct relais_error ignored = RELAIS_ERROR_INIT;

    (void)!pg_conn_answered(c, "merge", &ignored);
    *err = *why;
    return -1;
}

/* The answers until the server asks for rows. */
static int reach(struct pg_conn *c, const char *what, struct relais_error *err)
{
    struct relais_error why = RELAIS_ERROR_INIT;
    PGresult *result;

    while ((result = pg_conn_result(c, what, &why))) {
        bool asks = PQresultStatus(result) == PGRES_COPY_IN;

        PQclear(result);
        if (asks)
            return 0;
    }
    return why.code ? failed(c, &why, err)
                    : relais_error_set(err, RELAIS_E_BUG, what, "no COPY began");
}

int pg_script_send(const struct pg_script *s, struct pg_conn *c, struct relais_error *err)
{
    if (!s->sql.len)
        return 0;
    if (!PQsendQuery(pg_conn_raw(c), s->sql.data))
        return pg_conn_error(c, NULL, "merge", err);
    for (size_t i = 0; i < s->copy_count; i++) {
        const struct pg_script_copy *copy = &s->copies[i];

        /* before it begins the one before it is answered */
        if (reach(c, s->copies[i ? i - 1 : 0].what, err) ||
            pg_conn_copy(c, copy->what, copy->rows, err) ||
            pg_conn_copy_end(c, copy->what, err))
            return -1;
    }
    return 0;
}

/* All that comes after the last COPY answers at once. */
int pg_script_answered(struct pg_script *s, struct pg_conn *c, const char *what,
                       struct relais_error *err)
{
    size_t copies = s->copy_count;
    struct relais_error why = RELAIS_ERROR_INIT;
    int rc;

    pg_script_clear(s);
    pg_conn_patience(c, 2 * copies + 2);
    if (copies)
        PQclear(pg_conn_result(c, s->copies[copies - 1].what, &why));
    rc = why.code ? failed(c, &why, err) : pg_conn_answered(c, what, err);
    pg_conn_patience(c, 1);
    return rc;
}

int pg_script_run(struct pg_script *s, struct pg_conn *c, const char *what,
                  struct relais_error *err)
{
    return pg_script_send(s, c, err) || pg_script_answered(s, c, what, err) ? -1 : 0;
}
