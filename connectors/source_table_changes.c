#include "connectors/source_table.h"

#include "core/day.h"

#define CHANGES_MAX 1000  /* touched keys after which a batch is read */
#define EVENTS_MAX  20000 /* of the log in one poll */

void source_table_forget(struct source_table *t)
{
    t->in_transaction = t->everything = false;
    t->xid_count = 0;
    pg_touched_clear(&t->touched);
}

static void touch_value(struct source_table *t, uint16_t table, const struct pg_datum *d)
{
    if (!d || d->kind != PG_DATUM_TEXT)
        return;
    t->changed = true;
    if (!pg_touched_add(&t->touched, table, d->bytes))
        t->everything = true;
}

/* A row of a table, by the column that leads to its object. */
static void touch_row(struct source_table *t, const struct pg_mapped_table *table,
                      const struct pg_event *e)
{
    const struct pg_mapping *m = t->objects.mapping;
    const struct pg_relation *r = e->relation;
    const char *column = table->parent ? table->column : table->key;
    /* without a statement that finds the root, the column holds its key */
    const struct pg_mapped_table *as = table->roots_sql ? table : m->root;

    if (m->fact && (table != m->root || e->kind != PG_EVENT_INSERT))
        return;
    if (e->kind == PG_EVENT_TRUNCATE) {
        t->everything = t->changed = true;
        return;
    }
    for (size_t i = 0; i < r->column_count; i++) {
        if (strcmp(r->columns[i].name, column) != 0)
            continue;
        touch_value(t, (uint16_t)(as - m->tables), e->now ? &e->now[i] : NULL);
        touch_value(t, (uint16_t)(as - m->tables), e->old ? &e->old[i] : NULL);
    }
}

static void touch(struct source_table *t, const struct pg_event *e)
{
    const struct pg_mapping *m = t->objects.mapping;

    for (size_t i = 0; i < m->table_count && !t->everything; i++)
        if (i < t->slot.table_count && pg_slot_is_table(&t->slot.tables[i], e))
            touch_row(t, &m->tables[i], e);
}

/* The end of a transaction; one that changed nothing of ours moves the position only. */
static int take_commit(struct source_table *t, const struct pg_event *e,
                       struct relais_error *err)
{
    t->in_transaction = false;
    if (!t->changed && !t->xid_count)
        return source_table_follow(t, e->end_lsn, "", err);
    t->end_lsn = e->end_lsn;
    if (!t->changed)
        return 0;
    t->commit_lsn = e->commit_lsn;
    t->commit_us = e->observed_us;
    t->xids[t->xid_count++] = e->xid;
    t->reading = t->everything || t->objects.mapping->fact ||
                 t->touched.count >= CHANGES_MAX || t->xid_count == TABLE_TRANSACTIONS;
    return 0;
}

static int take_event(struct source_table *t, const struct pg_event *e,
                      struct relais_error *err)
{
    switch (e->kind) {
    case PG_EVENT_BEGIN:
        t->in_transaction = true;
        t->skipped = e->commit_lsn <= t->read_lsn;
        t->changed = false;
        return 0;
    case PG_EVENT_COMMIT:
        return take_commit(t, e, err);
    case PG_EVENT_MESSAGE:
        return 0;
    default:
        if (!t->skipped)
            touch(t, e);
        return 0;
    }
}

int source_table_stream(struct source_table *t, struct relais_error *err)
{
    t->stream = pg_slot_stream(&t->slot, false, err);
    if (!t->stream)
        return -1;
    if (t->confirmed)
        pg_stream_confirm(t->stream, t->confirmed);
    return 0;
}

int source_table_collect(struct source_table *t, int timeout_ms, struct relais_error *err)
{
    int64_t until_us = relais_monotonic_us() + (int64_t)timeout_ms * 1000;

    if (!t->stream && source_table_stream(t, err))
        return -1;
    if (pg_slot_tend(&t->slot, t->stream, err))
        return -1;
    for (int i = 0; i < EVENTS_MAX && !t->reading && !source_table_full(t); i++) {
        bool waits = t->in_transaction || !t->xid_count;
        int64_t left_us = waits ? until_us - relais_monotonic_us() : 0;
        const struct pg_event *e;
        int got =
            pg_stream_next(t->stream, left_us > 0 ? (int)(left_us / 1000) : 0, &e, err);

        if (got < 0 || (got > 0 && take_event(t, e, err))) {
            pg_stream_close(t->stream);
            t->stream = NULL;
            source_table_forget(t);
            return -1;
        }
        if (!got && waits)
            return 0;
        t->reading |= !got;
    }
    return t->reading;
}
