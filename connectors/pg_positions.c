#include "connectors/pg_positions.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define SQL_MAX_BYTES (1u << 20)

void pg_positions_clear(struct pg_positions *p)
{
    for (size_t i = 0; i < p->count; i++)
        free(p->list[i].topic);
    free(p->list);
    free(p->group);
    free(p->table);
    memset(p, 0, sizeof(*p));
}

struct pg_position *pg_positions_find(struct pg_positions *p, const char *topic,
                                      int32_t partition)
{
    for (size_t i = 0; i < p->count; i++)
        if (p->list[i].partition == partition && strcmp(p->list[i].topic, topic) == 0)
            return &p->list[i];
    return NULL;
}

bool pg_positions_moved(const struct pg_positions *p)
{
    for (size_t i = 0; i < p->count; i++)
        if (p->list[i].ahead != p->list[i].next)
            return true;
    return false;
}

void pg_positions_settle(struct pg_positions *p, bool committed)
{
    for (size_t i = 0; i < p->count; i++) {
        struct pg_position *at = &p->list[i];
        bool parked;

        if (committed) {
            at->next = at->ahead;
            at->next_ms = at->ahead_ms;
        }
        parked = at->done > at->next;
        at->ahead = parked ? at->done : at->next;
        at->ahead_ms = parked ? at->done_ms : at->next_ms;
    }
}

void pg_positions_reset(struct pg_positions *p)
{
    for (size_t i = 0; i < p->count; i++) {
        struct pg_position *at = &p->list[i];

        at->ahead = at->done = at->next;
        at->ahead_ms = at->done_ms = at->next_ms;
    }
}

void pg_positions_skip(struct pg_positions *p, const struct relais_position *at)
{
    struct pg_position *ours = pg_positions_find(p, at->topic, at->partition);

    if (!ours || at->next <= ours->ahead)
        return;
    ours->done = ours->ahead = at->next;
    ours->done_ms = ours->ahead_ms = at->last_ms;
}

static int take_one(struct pg_positions *p, struct pg_conn *c, struct pg_position *at,
                    struct relais_error *err)
{
    struct relais_buf sql = RELAIS_BUF_INIT(4096);
    char partition[16];
    const char *params[] = {p->group, at->topic, partition};
    PGresult *r = NULL;

    snprintf(partition, sizeof(partition), "%" PRId32, at->partition);
    if (relais_buf_printf(&sql,
                          "INSERT INTO %s AS p (groupe, topic, partition, suivant, "
                          "epoque) VALUES ($1, $2, $3::int4, -1, 1) ON CONFLICT (groupe, "
                          "topic, partition) DO UPDATE SET epoque = p.epoque + 1 "
                          "RETURNING suivant, epoque, dernier_ms",
                          p->table) == 0)
        r = pg_conn_exec(c, "relais_positions", sql.data, params, 3, err);
    relais_buf_release(&sql);
    if (!r)
        return -1;
    at->next = at->ahead = at->done = strtoll(PQgetvalue(r, 0, 0), NULL, 10);
    at->epoch = strtoll(PQgetvalue(r, 0, 1), NULL, 10);
    at->next_ms = at->ahead_ms = at->done_ms = strtoll(PQgetvalue(r, 0, 2), NULL, 10);
    PQclear(r);
    return 0;
}

/* An epoch that a crash could undo would let a zombie in. */
static int begin_durable(struct pg_conn *c, struct relais_error *err)
{
    return pg_conn_run(c, "relais_positions", "BEGIN; SET LOCAL synchronous_commit = on",
                       err);
}

static void roll_back(struct pg_conn *c)
{
    struct relais_error ignored = RELAIS_ERROR_INIT;

    (void)!pg_conn_run(c, "relais_positions", "ROLLBACK", &ignored);
}

int pg_positions_take(struct pg_positions *p, struct pg_conn *c, const char *table,
                      const char *group, struct relais_position *list, size_t count,
                      struct relais_error *err)
{
    pg_positions_clear(p);
    p->group = relais_strdup(group);
    p->table = relais_strdup(table);
    p->list = relais_zalloc((count ? count : 1) * sizeof(*p->list));
    for (; p->count < count; p->count++) {
        p->list[p->count].topic = relais_strdup(list[p->count].topic);
        p->list[p->count].partition = list[p->count].partition;
    }
    if (!count)
        return 0;
    if (begin_durable(c, err))
        return -1;
    for (size_t i = 0; i < count; i++)
        if (take_one(p, c, &p->list[i], err)) {
            roll_back(c);
            return -1;
        }
    if (pg_conn_run(c, "relais_positions", "COMMIT", err))
        return -1;
    for (size_t i = 0; i < count; i++)
        list[i] = (struct relais_position){list[i].topic, list[i].partition,
                                           p->list[i].next, p->list[i].ahead_ms};
    return 0;
}

int pg_positions_look(struct pg_conn *c, const char *table, const char *group,
                      struct relais_position *list, size_t count,
                      struct relais_error *err)
{
    struct relais_buf sql = RELAIS_BUF_INIT(4096);
    int rc = relais_buf_printf(&sql,
                               "SELECT suivant FROM %s WHERE groupe = $1 AND topic = $2 "
                               "AND partition = $3::int4",
                               table);

    for (size_t i = 0; i < count && !rc; i++) {
        char partition[16];
        const char *params[] = {group, list[i].topic, partition};
        PGresult *r;

        snprintf(partition, sizeof(partition), "%" PRId32, list[i].partition);
        r = pg_conn_exec(c, "relais_positions", sql.data, params, 3, err);
        list[i].next = r && PQntuples(r) ? strtoll(PQgetvalue(r, 0, 0), NULL, 10) : -1;
        rc = r ? 0 : -1;
        PQclear(r);
    }
    relais_buf_release(&sql);
    return rc;
}

static int add_literal(struct relais_buf *sql, struct pg_conn *c, const char *text)
{
    char *quoted = PQescapeLiteral(pg_conn_raw(c), text, strlen(text));
    int rc = quoted ? relais_buf_add_str(sql, quoted) : -1;

    PQfreemem(quoted);
    return rc;
}

/* (group's own) topic, partition, from, to, epoch, timestamp: what the transaction moves.
 */
static int add_values(const struct pg_positions *p, struct pg_conn *c,
                      struct relais_buf *sql, size_t *count_out)
{
    *count_out = 0;
    for (size_t i = 0; i < p->count; i++) {
        const struct pg_position *at = &p->list[i];

        if (at->ahead == at->next)
            continue;
        if (relais_buf_add_str(sql, *count_out ? ", (" : "(") ||
            add_literal(sql, c, at->topic) ||
            relais_buf_printf(sql,
                              ", %" PRId32 ", %" PRId64 ", %" PRId64 ", %" PRId64
                              ", %" PRId64 "::int8)",
                              at->partition, at->next, at->ahead, at->epoch,
                              at->ahead_ms))
            return -1;
        ++*count_out;
    }
    return 0;
}

static int add_move(const struct pg_positions *p, struct pg_conn *c,
                    struct relais_buf *sql)
{
    size_t count;

    return relais_buf_printf(sql,
                             "WITH moved AS (UPDATE %s AS p SET suivant = v.vers, "
                             "dernier_ms = v.ms FROM (VALUES ",
                             p->table) ||
                   add_values(p, c, sql, &count) ||
                   relais_buf_add_str(
                       sql, ") AS v (topic, partition, de, vers, epoque, ms) WHERE "
                            "p.topic = v.topic AND p.partition = v.partition AND "
                            "p.suivant = v.de AND p.epoque = v.epoque AND p.groupe = ") ||
                   add_literal(sql, c, p->group) ||
                   relais_buf_printf(sql,
                                     " RETURNING 1) SELECT CASE WHEN count(*) = %zu THEN "
                                     "0 ELSE current_setting('" PG_CONN_FENCED
                                     "')::int8 END FROM moved; ",
                                     count)
               ? -1
               : 0;
}

int pg_positions_move(const struct pg_positions *p, struct pg_conn *c,
                      struct pg_script *script, struct relais_error *err)
{
    if (!pg_positions_moved(p))
        return 0;
    return add_move(p, c, &script->sql)
               ? relais_error_set(err, RELAIS_E_LIMIT, "relais_positions",
                                  "too many partitions")
               : 0;
}

/* The lost transaction may still go on in a session that nobody reads from: its epoch is
 * taken from it, so that it moves nothing any more if it had not yet. */
static int ask_one(struct pg_positions *p, struct pg_conn *c, struct pg_position *at,
                   bool *committed_out, struct relais_error *err)
{
    struct relais_buf sql = RELAIS_BUF_INIT(4096);
    char partition[16], epoch[24];
    const char *params[] = {p->group, at->topic, partition, epoch};
    PGresult *r = NULL;
    int64_t next;

    snprintf(partition, sizeof(partition), "%" PRId32, at->partition);
    snprintf(epoch, sizeof(epoch), "%" PRId64, at->epoch);
    if (relais_buf_printf(&sql,
                          "UPDATE %s SET epoque = epoque + 1 WHERE groupe = $1 AND topic "
                          "= $2 AND partition = $3::int4 AND epoque = $4::int8 RETURNING "
                          "suivant, epoque",
                          p->table) == 0)
        r = pg_conn_exec(c, "relais_positions", sql.data, params, 4, err);
    relais_buf_release(&sql);
    if (!r)
        return -1;
    next = PQntuples(r) ? strtoll(PQgetvalue(r, 0, 0), NULL, 10) : -2;
    at->epoch = PQntuples(r) ? strtoll(PQgetvalue(r, 0, 1), NULL, 10) : -1;
    PQclear(r);
    *committed_out = next == at->ahead;
    if (next == at->ahead || next == at->next)
        return 0;
    return relais_error_set(err, RELAIS_E_FENCED, "relais_positions",
                            "the position is not the one that was written");
}

int pg_positions_ask(struct pg_positions *p, struct pg_conn *c, struct relais_error *err)
{
    bool committed = false;

    if (begin_durable(c, err))
        return -1;
    for (size_t i = 0; i < p->count; i++) {
        bool moved = p->list[i].ahead != p->list[i].next, there;

        if (ask_one(p, c, &p->list[i], &there, err)) {
            roll_back(c);
            return -1;
        }
        committed |= moved && there;
    }
    if (pg_conn_run(c, "relais_positions", "COMMIT", err))
        return -1;
    pg_positions_settle(p, committed);
    return 0;
}

int pg_positions_restart(struct pg_positions *p, struct pg_conn *c,
                         const struct relais_position *at, struct relais_error *err)
{
    struct pg_position *ours = pg_positions_find(p, at->topic, at->partition);
    struct pg_position before;
    struct pg_script script;
    int rc;

    if (!ours)
        return relais_error_set(err, RELAIS_E_FENCED, at->topic,
                                "partition %d is not ours", (int)at->partition);
    before = *ours;
    ours->ahead = ours->done = at->next;
    ours->ahead_ms = ours->done_ms = at->last_ms;
    pg_script_init(&script);
    rc = pg_positions_move(p, c, &script, err) ||
                 pg_script_run(&script, c, "relais_positions", err)
             ? -1
             : 0;
    pg_script_release(&script);
    if (rc) {
        *ours = before;
        return -1;
    }
    for (size_t i = 0; i < p->count; i++) { /* it moved all that was ahead */
        p->list[i].next = p->list[i].ahead;
        p->list[i].next_ms = p->list[i].ahead_ms;
    }
    return 0;
}
