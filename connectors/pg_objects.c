#include "connectors/pg_objects.h"

#include <stdio.h>
#include <stdlib.h>

#define ARRAY_MAX_BYTES (4u << 20)
#define RESOLVE_MAX     4096 /* keys in one statement */

int pg_objects_open(struct pg_objects *o, struct relais_error *err)
{
    if (o->conn)
        return 0;
    o->conn = pg_conn_open(o->conf, PG_USE_READ, err);
    if (!o->conn)
        return -1;
    if (pg_mapping_bind(o->mapping, o->conn, err) == 0)
        return 0;
    pg_objects_close(o);
    return -1;
}

void pg_objects_close(struct pg_objects *o)
{
    pg_conn_close(o->conn);
    o->conn = NULL;
}

static PGresult *ask(struct pg_objects *o, const char *what, const char *sql,
                     const char *const *params, int count, struct relais_error *err)
{
    struct relais_error why = RELAIS_ERROR_INIT;
    PGresult *r = pg_objects_open(o, &why)
                      ? NULL
                      : pg_conn_exec(o->conn, what, sql, params, count, &why);

    if (r)
        return r;
    pg_objects_close(o);
    /* a conversion that fails is the mapping's or the table's mistake, and would fail
     * again: it is no row that could be parked */
    relais_error_set(err, why.code == RELAIS_E_PG_ROW ? RELAIS_E_PG_SCHEMA : why.code,
                     why.where, "%s", why.text);
    return NULL;
}

/* The whole transaction number that the log told the lower half of, near `now`. */
static uint64_t whole_xid(uint32_t xid, uint64_t now)
{
    uint64_t full = (now & ~UINT64_C(0xffffffff)) | xid;

    if (full > now && full - now > UINT64_C(0x80000000) && full >> 32)
        full -= UINT64_C(1) << 32;
    else if (full < now && now - full > UINT64_C(0x80000000))
        full += UINT64_C(1) << 32;
    return full;
}

/* Is it in a snapshot "xmin:xmax:xip,xip"? */
static bool in_snapshot(const char *snapshot, uint32_t xid)
{
    char *at;
    uint64_t xmin = strtoull(snapshot, &at, 10), xmax, full;

    if (*at != ':')
        return false;
    xmax = strtoull(at + 1, &at, 10);
    full = whole_xid(xid, xmax);
    if (full < xmin)
        return true;
    if (full >= xmax)
        return false;
    while (*at == ':' || *at == ',') {
        if (!at[1])
            break;
        if (strtoull(at + 1, &at, 10) == full)
            return false;
    }
    return true;
}

int pg_objects_visible(struct pg_objects *o, const uint32_t *xids, size_t count,
                       struct relais_error *err)
{
    PGresult *r =
        ask(o, "connector.dsn", "SELECT pg_current_snapshot()::text", NULL, 0, err);
    int visible = 1;

    if (!r)
        return -1;
    for (size_t i = 0; i < count && visible; i++)
        visible = in_snapshot(PQgetvalue(r, 0, 0), xids[i]);
    PQclear(r);
    return visible;
}

static int add_roots(struct pg_touched *touched, uint16_t root, const PGresult *r,
                     struct relais_error *err)
{
    for (int i = 0; i < PQntuples(r); i++)
        if (!pg_touched_add(touched, root, relais_slice_str(PQgetvalue(r, i, 0))))
            return relais_error_set(err, RELAIS_E_LIMIT, "connector.mapping",
                                    "more than %d objects changed at once",
                                    PG_TOUCHED_MAX);
    return 0;
}

static int resolve(struct pg_objects *o, struct pg_touched *touched, uint16_t table,
                   struct relais_error *err)
{
    uint16_t root = (uint16_t)(o->mapping->root - o->mapping->tables);
    struct relais_buf keys = RELAIS_BUF_INIT(ARRAY_MAX_BYTES);
    size_t at = 0, count;
    int rc = -1;

    for (;;) {
        const char *params[1];
        PGresult *r;

        relais_buf_clear(&keys);
        if (pg_touched_array(touched, table, &at, RESOLVE_MAX, &keys, &count)) {
            relais_error_set(err, RELAIS_E_BUG, "connector.mapping", "array too long");
            goto out;
        }
        if (!count)
            break;
        params[0] = keys.data;
        r = ask(o, "connector.mapping", o->mapping->tables[table].roots_sql, params, 1,
                err);
        if (!r)
            goto out;
        rc = add_roots(touched, root, r, err);
        PQclear(r);
        if (rc)
            goto out;
        rc = -1;
    }
    rc = 0;
out:
    relais_buf_release(&keys);
    return rc;
}

int pg_objects_roots(struct pg_objects *o, struct pg_touched *touched,
                     struct relais_error *err)
{
    if (pg_objects_open(o, err))
        return -1;
    for (size_t i = 0; i < o->mapping->table_count; i++)
        if (o->mapping->tables[i].roots_sql && resolve(o, touched, (uint16_t)i, err))
            return -1;
    return 0;
}

PGresult *pg_objects_read(struct pg_objects *o, const struct pg_touched *touched,
                          size_t *at, size_t max, size_t *count_out,
                          struct relais_error *err)
{
    uint16_t root = (uint16_t)(o->mapping->root - o->mapping->tables);
    struct relais_buf keys = RELAIS_BUF_INIT(ARRAY_MAX_BYTES);
    size_t next = *at;
    PGresult *r = NULL;

    if (pg_touched_array(touched, root, &next, max, &keys, count_out)) {
        relais_error_set(err, RELAIS_E_BUG, "connector.mapping", "array too long");
    } else if (pg_objects_open(o, err) == 0) {
        const char *params[] = {keys.data};

        r = ask(o, "connector.mapping", o->mapping->objects_sql, params, 1, err);
    }
    if (r)
        *at = next;
    relais_buf_release(&keys);
    return r;
}

PGresult *pg_objects_page(struct pg_objects *o, const char *after, size_t max,
                          struct relais_error *err)
{
    char limit[24];
    const char *params[] = {limit, after};

    snprintf(limit, sizeof(limit), "%zu", max);
    if (pg_objects_open(o, err))
        return NULL;
    return *after ? ask(o, "connector.mapping", o->mapping->next_sql, params, 2, err)
                  : ask(o, "connector.mapping", o->mapping->first_sql, params, 1, err);
}
