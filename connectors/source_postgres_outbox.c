/* source_postgres_outbox: what an application says in the transactions that it commits,
 * by rows of an outbox table (outbox_row.h) or by logical decoding messages, read by
 * logical replication. Each row inserted is a fact; rows may be deleted at once, what
 * is updated or deleted is not looked at.
 *
 * A record's place is its commit's LSN and its rank among its transaction's records, the
 * same however often it is read. A transaction is confirmed to the server when all its
 * records, and all before, are durable: what comes again after a lost connection and was
 * given before is passed over, after a crash the runner knows it by its place. So is what
 * another reader of the slot had published before (relais slot takeover).
 */
#include "connectors/connector.h"
#include "connectors/outbox_columns.h"
#include "connectors/outbox_row.h"
#include "connectors/pg_slot.h"
#include "core/day.h"
#include "core/log.h"

#include <stdio.h>
#include <stdlib.h>

#define BATCH_MAX   128
#define EVENTS_MAX  20000 /* of the log in one poll */
#define PENDING_MAX 4096
#define PLACE_MAX   (16 + 1 + 16)

/* A transaction is confirmed when every record up to `ack` is durable. */
struct pending {
    uint64_t ack;
    uint64_t end_lsn;
};

struct source_outbox {
    const struct relais_conf *conf;
    struct outbox_form form;
    struct pg_slot slot;
    const char *prefix;       /* of messages; NULL: none are read */
    struct pg_stream *stream; /* NULL: to be opened */
    bool told_update;

    /* The transaction under way */
    uint64_t commit_lsn;
    int64_t commit_us;
    uint64_t rank;               /* of its last record that was read */
    const struct pg_event *held; /* an event that found no room */
    bool last_before;            /* its row at the last position published before */
    size_t before_count;         /* rows published before, not told yet */

    uint64_t last_lsn, last_rank; /* place of the last record given */
    uint64_t given;               /* its ack */
    uint64_t acked;
    uint64_t confirmed; /* end LSN */
    struct pending pending[PENDING_MAX];
    size_t pending_first, pending_count;
};

static void source_outbox_close(void *state)
{
    struct source_outbox *o = state;

    if (!o)
        return;
    pg_slot_leave(&o->slot, o->stream);
    pg_stream_close(o->stream);
    outbox_form_release(&o->form);
    free(o);
}

/* ---- what is durable -----------------------------------------------------------------
 */

static void settle(struct source_outbox *o)
{
    while (o->pending_count && o->pending[o->pending_first].ack <= o->acked) {
        if (o->pending[o->pending_first].end_lsn > o->confirmed)
            o->confirmed = o->pending[o->pending_first].end_lsn;
        o->pending_first = (o->pending_first + 1) % PENDING_MAX;
        o->pending_count--;
    }
    if (o->stream && o->confirmed)
        pg_stream_confirm(o->stream, o->confirmed);
}

/* After the last record given so far. Where there is no room, the last transaction is
 * confirmed together with this one. */
static void follow(struct source_outbox *o, uint64_t end_lsn)
{
    size_t last = (o->pending_first + o->pending_count - 1) % PENDING_MAX;

    if (!o->pending_count ||
        (o->pending[last].ack != o->given && o->pending_count < PENDING_MAX)) {
        last = (o->pending_first + o->pending_count) % PENDING_MAX;
        o->pending_count++;
    }
    o->pending[last] = (struct pending){o->given, end_lsn};
    if (o->given <= o->acked)
        settle(o);
}

static int source_outbox_ack(void *state, uint64_t position, struct relais_error *err)
{
    struct source_outbox *o = state;

    o->acked = position;
    settle(o);
    return 0;
}

/* ---- events become records -----------------------------------------------------------
 */

static char *put_hex(char *to, uint64_t n)
{
    for (int shift = n ? (63 - __builtin_clzll(n)) & ~3 : 0; shift >= 0; shift -= 4)
        *to++ = "0123456789ABCDEF"[n >> shift & 15];
    return to;
}

/* "16B3748/3F"; ptr NULL: the arena is full. */
static struct relais_slice place_of(uint64_t lsn, uint64_t rank,
                                    struct relais_arena *arena)
{
    char text[PLACE_MAX], *end = put_hex(text, lsn);

    *end++ = '/';
    end = put_hex(end, rank);
    return relais_arena_slice(arena, (struct relais_slice){text, (size_t)(end - text)});
}

/* 1: the event was dealt with; 0: no room. */
static int give(struct source_outbox *o, const struct pg_event *e,
                struct relais_batch *out)
{
    uint64_t rank = o->rank + 1;
    bool first = out->count == 0;
    struct relais_record *rec, row = {0};

    if (e->commit_lsn < o->last_lsn ||
        (e->commit_lsn == o->last_lsn && rank <= o->last_rank)) {
        o->rank = rank;
        return 1;
    }
    if (out->count == BATCH_MAX)
        return 0;
    row.position = place_of(e->commit_lsn, rank, &out->arena);
    /* in an empty batch the record has its place before a payload may fill the arena */
    rec = first ? relais_batch_add(out) : NULL;
    if (!row.position.ptr || outbox_row_read(&o->form, e, first, &out->arena, &row))
        return 0;
    if (!rec && !(rec = relais_batch_add(out)))
        return 0;
    row.depot = relais_slice_str(o->slot.name);
    row.observed_us = e->observed_us;
    row.ack = ++o->given;
    *rec = row;
    o->rank = o->last_rank = rank;
    o->last_lsn = e->commit_lsn;
    return 1;
}

/* Of the rows of one COPY, which share their position, the first at least was published:
 * the others are given, once more rather than never. */
static bool published_before(struct source_outbox *o, const struct pg_event *e)
{
    const struct pg_published *before = &o->slot.origin.before;
    uint64_t lsn;

    if (e->commit_lsn < before->commit_lsn)
        return true;
    if (!before->xid || e->xid != before->xid)
        return false;
    lsn = pg_stream_position(o->stream);
    if (lsn != before->lsn)
        return lsn < before->lsn;
    if (o->last_before)
        return false;
    o->last_before = true;
    return true;
}

static int take_row(struct source_outbox *o, const struct pg_event *e,
                    struct relais_batch *out)
{
    bool before = published_before(o, e); /* also of rows that are none of ours */

    if (!outbox_row_wanted(&o->form, e))
        return 1;
    if (!before)
        return give(o, e, out);
    o->rank++;
    o->before_count++;
    return 1;
}

static void tell_before(struct source_outbox *o)
{
    if (o->before_count)
        relais_log(RELAIS_LOG_INFO, "slot=%s passed=%zu text=\"published before\"",
                   o->slot.name, o->before_count);
    o->before_count = 0;
}

static bool of_table(const struct source_outbox *o, const struct pg_event *e)
{
    return o->slot.table_count && pg_slot_is_table(&o->slot.tables[0], e);
}

static int take_message(struct source_outbox *o, const struct pg_event *e,
                        struct relais_batch *out)
{
    bool ours = o->prefix && strcmp(e->prefix, o->prefix) == 0;

    if (!e->transactional)
        o->rank = 0;
    if (ours && !give(o, e, out))
        return 0;
    if (!e->transactional)
        follow(o, e->end_lsn);
    return 1;
}

static void tell_update(struct source_outbox *o)
{
    if (!o->told_update)
        relais_log(RELAIS_LOG_WARN,
                   "table=%s.%s text=\"rows of the outbox are updated: an event is what "
                   "was inserted, updates are passed over\"",
                   o->slot.tables[0].schema, o->slot.tables[0].name);
    o->told_update = true;
}

/* 1: the event was dealt with; 0: no room. */
static int take_event(struct source_outbox *o, const struct pg_event *e,
                      struct relais_batch *out)
{
    switch (e->kind) {
    case PG_EVENT_BEGIN:
        o->rank = 0;
        o->last_before = false;
        return 1;
    case PG_EVENT_INSERT:
        return of_table(o, e) ? take_row(o, e, out) : 1;
    case PG_EVENT_MESSAGE:
        return take_message(o, e, out);
    case PG_EVENT_UPDATE:
        if (of_table(o, e))
            tell_update(o);
        return 1;
    case PG_EVENT_COMMIT:
        tell_before(o);
        follow(o, e->end_lsn);
        return 1;
    case PG_EVENT_DELETE:
    case PG_EVENT_TRUNCATE:
        break;
    }
    return 1;
}

/* ---- the log -------------------------------------------------------------------------
 */

static int open_stream(struct source_outbox *o, struct relais_error *err)
{
    o->stream = pg_slot_stream(&o->slot, o->prefix != NULL, err);
    if (!o->stream)
        return -1;
    if (o->confirmed)
        pg_stream_confirm(o->stream, o->confirmed);
    return 0;
}

/* 1: an event is held; 0: none now. */
static int next_event(struct source_outbox *o, int timeout_ms, struct relais_error *err)
{
    int got;

    if (o->held)
        return 1;
    got = pg_stream_next(o->stream, timeout_ms, &o->held, err);
    if (got < 0) {
        pg_stream_close(o->stream);
        o->stream = NULL;
        o->held = NULL;
    }
    return got;
}

static int source_outbox_poll(void *state, struct relais_batch *out, int timeout_ms,
                              struct relais_error *err)
{
    struct source_outbox *o = state;
    int64_t until_us = relais_monotonic_us() + (int64_t)timeout_ms * 1000;

    if (!o->stream && open_stream(o, err))
        return -1;
    if (pg_slot_tend(&o->slot, o->stream, err))
        return -1;
    for (int i = 0; i < EVENTS_MAX; i++) {
        int64_t left_us = out->count ? 0 : until_us - relais_monotonic_us();
        int got = next_event(o, left_us > 0 ? (int)(left_us / 1000) : 0, err);

        if (got < 0 && out->count)
            relais_error_clear(err); /* it comes again, with nothing to lose */
        if (got <= 0)
            return out->count ? 0 : got;
        if (!take_event(o, o->held, out))
            return out->count ? 0
                              : relais_error_set(err, RELAIS_E_BUG, "outbox",
                                                 "batch arena too small");
        o->held = NULL;
    }
    return 0;
}

static uint64_t source_outbox_taken(void *state)
{
    const struct source_outbox *o = state;

    return o->slot.taken;
}

static bool source_outbox_held(void *state)
{
    const struct source_outbox *o = state;

    return o->stream && !pg_stream_ended(o->stream);
}

static bool source_outbox_idle(void *state)
{
    const struct source_outbox *o = state;

    return o->stream && !o->held && !o->pending_count && o->acked == o->given &&
           pg_stream_idle(o->stream);
}

/* ---- the connector -------------------------------------------------------------------
 */

static int configure(struct source_outbox *o, struct relais_error *err)
{
    o->prefix = relais_conf_text(o->conf, "connector", "prefix");
    return pg_slot_init(&o->slot, o->conf, err) ||
                   outbox_form_init(&o->form, o->conf, err)
               ? -1
               : 0;
}

static int check_columns(const struct source_outbox *o, struct relais_error *err)
{
    struct pg_conn *c = pg_conn_open(o->conf, PG_USE_READ, err);
    int rc = c ? outbox_check_columns(&o->form, &o->slot, c, err) : -1;

    pg_conn_close(c);
    return rc;
}

static int source_outbox_open(void **state, const struct relais_conf *conf,
                              struct relais_error *err)
{
    struct source_outbox *o = relais_zalloc(sizeof(*o));

    o->conf = conf;
    if (configure(o, err) == 0 && open_stream(o, err) == 0 &&
        check_columns(o, err) == 0) {
        *state = o;
        return 0;
    }
    source_outbox_close(o);
    return -1;
}

/* What cannot be read is told when the connector is opened. */
static bool source_outbox_yields(const struct relais_conf *conf, size_t i, char *out,
                                 size_t out_len)
{
    struct relais_error ignored = RELAIS_ERROR_INIT;
    struct outbox_form form;
    bool there = outbox_form_init(&form, conf, &ignored) == 0 && i < form.route_count &&
                 snprintf(out, out_len, "%s", form.routes[i].to) < (int)out_len;

    outbox_form_release(&form);
    return there;
}

static const struct relais_conf_key keys[] = {
    PG_CONN_KEYS,
    PG_SLOT_KEYS,
    {"connector", "table", RELAIS_CONF_TEXT,
     .doc = "Table d'envoi, schema.table ; à défaut public.outbox, ou aucune si prefix "
            "est donné."},
    {"connector", "prefix", RELAIS_CONF_TEXT,
     .doc = "Lire les messages pg_logical_emit_message(true, prefix, …) : le contenu, ou "
            "{\"id\", \"payload\"}."},
    OUTBOX_ROW_KEYS,
    PG_LIMITS_KEYS,
    {0},
};

static const struct relais_source_ops ops = {
    .open = source_outbox_open,
    .poll = source_outbox_poll,
    .ack = source_outbox_ack,
    .idle = source_outbox_idle,
    .taken = source_outbox_taken,
    .held = source_outbox_held,
    .close = source_outbox_close,
};

const struct relais_connector relais_source_postgres_outbox = {
    .abi = RELAIS_CONNECTOR_ABI,
    .name = "source_postgres_outbox",
    .summary = "Publie les faits d'une table d'envoi (outbox) PostgreSQL",
    .keys = keys,
    .yields = source_outbox_yields,
    .log = true,
    .source = &ops,
};
