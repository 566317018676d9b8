#include "connectors/pg_targets.h"

#define SQL_MAX_BYTES (1u << 20)

void pg_targets_forget(struct pg_targets *ts)
{
    for (size_t i = 0; i < ts->count; i++)
        pg_target_free(ts->list[i]);
    ts->count = 0;
}

void pg_targets_clear(struct pg_targets *ts, enum pg_way way)
{
    ts->way = way;
    for (size_t i = 0; i < ts->count; i++)
        pg_target_clear(ts->list[i], way);
}

static int check_types(const struct pg_targets *ts, const struct pg_target *t,
                       struct relais_error *err)
{
    for (size_t i = 0; i < ts->expected_count; i++)
        if (strcmp(ts->expected[i].contract, t->contract) == 0)
            return pg_target_check(t, ts->expected[i].open, ts->expected[i].closed, err);
    return 0;
}

/* The temporary tables; and ON CONFLICT of relais_recus, which COPY would not miss. */
static int prepare(const struct pg_target *t, struct pg_conn *c, struct relais_error *err)
{
    struct relais_buf sql = RELAIS_BUF_INIT(SQL_MAX_BYTES);
    int rc = -1;

    if (relais_buf_add_str(&sql, t->create_sql) ||
        (t->count_sql && (relais_buf_add_str(&sql, "EXPLAIN ") ||
                          relais_buf_add_str(&sql, t->count_sql))))
        relais_error_set(err, RELAIS_E_LIMIT, "merge", "statements too long");
    else
        rc = pg_conn_run(c, t->tables[0].name, sql.data, err);
    relais_buf_release(&sql);
    return rc;
}

struct pg_target *pg_targets_of(struct pg_targets *ts, struct pg_conn *c,
                                const char *schema, const char *contract, bool counted,
                                struct relais_error *err)
{
    struct pg_target *t;

    for (size_t i = 0; i < ts->count; i++)
        if (strcmp(ts->list[i]->contract, contract) == 0)
            return ts->list[i];
    if (ts->count == PG_TARGETS_MAX) {
        relais_error_set(err, RELAIS_E_LIMIT, contract, "more than %d kinds of events",
                         PG_TARGETS_MAX);
        return NULL;
    }
    t = pg_target_new(c, schema, contract, counted, err);
    if (!t)
        return NULL;
    if (check_types(ts, t, err) || prepare(t, c, err)) {
        pg_target_free(t);
        return NULL;
    }
    pg_target_clear(t, ts->way);
    return ts->list[ts->count++] = t;
}

int pg_targets_expect(struct pg_targets *ts, struct pg_conn *c, const char *schema,
                      const struct pg_expected *one, bool counted,
                      struct relais_error *err)
{
    bool there = false;
    size_t i = 0;

    while (i < ts->expected_count && strcmp(ts->expected[i].contract, one->contract) != 0)
        i++;
    if (i == PG_TARGETS_MAX)
        return relais_error_set(err, RELAIS_E_LIMIT, one->contract,
                                "more than %d kinds of events", PG_TARGETS_MAX);
    ts->expected[i] = *one;
    ts->expected_count += i == ts->expected_count;
    if (pg_target_there(c, schema, one->contract, &there, err))
        return -1;
    return there && !pg_targets_of(ts, c, schema, one->contract, counted, err) ? -1 : 0;
}

int pg_targets_may_go(const struct pg_targets *ts, struct pg_conn *c, bool *may_out,
                      struct relais_error *err)
{
    *may_out = true;
    for (size_t i = 0; i < ts->count && *may_out; i++)
        if (pg_target_may_go(ts->list[i], c, may_out, err))
            return -1;
    return 0;
}

bool pg_targets_rows(const struct pg_targets *ts)
{
    for (size_t i = 0; i < ts->count; i++)
        if (ts->list[i]->tables[0].rows.len)
            return true;
    return false;
}

/* From the temporary tables. relais_recus first, as by COPY: two sinks that write the
 * same wait in order. */
static int add_merge(const struct pg_target *t, bool count, struct pg_script *script,
                     struct relais_error *err)
{
    const char *merge = pg_target_merge_sql(t);

    if (!merge)
        return 0;
    return (count && pg_script_add(script, t->count_sql, err)) ||
                   pg_script_add(script, merge, err)
               ? -1
               : 0;
}

int pg_targets_script(const struct pg_targets *ts, struct pg_script *script,
                      struct relais_error *err)
{
    for (size_t i = 0; i < ts->count; i++)
        if (pg_target_copy_received(ts->list[i], script, err))
            return -1;
    for (size_t i = 0; i < ts->count; i++)
        if (pg_target_copy(ts->list[i], script, err))
            return -1;
    for (size_t i = 0; i < ts->count && ts->way != PG_WAY_STRAIGHT; i++)
        if (add_merge(ts->list[i], ts->way == PG_WAY_MERGE && ts->list[i]->count_sql,
                      script, err))
            return -1;
    return 0;
}
