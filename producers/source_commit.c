#include "producers/source_internal.h"

#include "core/day.h"
#include "core/metrics.h"

#include <stdio.h>

/* Of a transaction: its dirty pages are memory. Large values fill pages of their own. */
#define BATCH_MAX   3000
#define BATCH_BYTES (1u << 20)
/* What waits is written that often; when so many cases come in that time that each page
 * of the state would be written each time, more seldom. */
#define WRITE_US      INT64_C(200000)
#define WRITE_ROWS    8192
#define WRITE_LAST_US INT64_C(2000000)

/* Offsets of one partition grow: the last message's is the greatest. A repeat that the
 * broker recognised has none; it is read again at the next start. */
static int keep_offset(struct source_unwritten *u, const struct inflight_message *m,
                       struct relais_error *err)
{
    struct source_offset *row = &u->offsets[u->offset_last];
    size_t i = 0;

    if (m->offset < 0)
        return 0;
    if (u->offset_count && row->topic == m->topic && row->partition == m->partition) {
        row->next = m->offset + 1;
        return 0;
    }
    while (i < u->offset_count &&
           (u->offsets[i].topic != m->topic || u->offsets[i].partition != m->partition))
        i++;
    if (i == SOURCE_OFFSETS_MAX)
        return relais_error_set(err, RELAIS_E_BUG, "offsets", "more than %d partitions",
                                SOURCE_OFFSETS_MAX);
    if (i == u->offset_count)
        u->offset_count++;
    u->offsets[i] = (struct source_offset){m->topic, m->partition, m->offset + 1};
    u->offset_last = i;
    return 0;
}

/* Of a log that was lost meanwhile: before ours, another process may have published what
 * the state does not know. */
static bool another_may_publish(const struct source *s)
{
    const struct relais_source_ops *ops = s->connector->source;

    return ops->taken && s->state &&
           (ops->taken(s->state) != s->taken || !ops->held(s->state));
}

/* An offset that goes back means a topic that was made anew under us. */
static int put_offsets(struct source *s, struct relais_error *err)
{
    if (another_may_publish(s))
        return 0;
    for (size_t i = 0; i < s->unwritten.offset_count; i++) {
        const struct source_offset *row = &s->unwritten.offsets[i];
        const char *topic = publisher_topic_name(s->publisher, row->topic);
        int64_t stored;
        bool found;

        if (store_offset(s->store, topic, row->partition, &stored, &found, err))
            return -1;
        if (found && row->next < stored)
            return relais_error_set(err, RELAIS_E_STATE_AHEAD, topic,
                                    "partition %d was made anew: %lld after %lld; "
                                    "start with --renvoi",
                                    (int)row->partition, (long long)row->next,
                                    (long long)stored);
        if (store_put_offset(s->store, topic, row->partition, row->next, err))
            return -1;
    }
    return 0;
}

static int put_event(struct source *s, const struct inflight_message *m,
                     const struct note *note, struct relais_error *err)
{
    const char *topic = publisher_topic_name(s->publisher, m->topic);
    struct relais_slice object = relais_slice_str(note->object);
    const struct store_object row = {
        .contract = relais_slice_str(note->contract->name),
        .fingerprint = note->fingerprint,
        .sequence = note->sequence,
        .observed_us = note->observed_us,
        .value = {m->value.ptr + RELAIS_FRAME_LEN, m->value.len - RELAIS_FRAME_LEN},
    };
    struct store_case last = {note->sequence, note->observed_us, ""};

    memcpy(last.position, note->position, sizeof(last.position));
    if (note->newest && store_put_object(s->store, object, &row, err))
        return -1;
    if (note->has_digest && store_put_fact(s->store, m->id, note->digest, err))
        return -1;
    return store_put_case(s->store, topic, m->key, &last, err);
}

static int put_closing(struct source *s, const struct inflight_message *m,
                       const struct note *note, struct relais_error *err)
{
    const struct source_closing *c = &s->closing;
    const struct store_case last = {note->sequence, note->observed_us, ""};

    if (store_put_case(s->store, s->control_topic, m->key, &last, err))
        return -1;
    if (!c->pending)
        return 0;
    if (c->day.day && store_put_day(s->store, &c->day, err))
        return -1;
    if (c->depot[0] && store_put_file(s->store, c->depot, &c->file, err))
        return -1;
    if (c->header && store_put_header(s->store, relais_slice_str(c->header_type),
                                      c->header_us, c->header_count, err))
        return -1;
    return store_put_meta(s->store, &c->meta, err);
}

static int put_entry(struct source *s, const struct inflight_message *m,
                     struct relais_error *err)
{
    const struct note *note = note_of(m);

    if (note->ordered && store_put_order(s->store, relais_slice_str(note->object),
                                         &s->file.difference.order, err))
        return -1;
    switch (note->kind) {
    case NOTE_NOTHING:
    case NOTE_SEEN:
        return 0;
    case NOTE_EVENT:
        return put_event(s, m, note, err);
    case NOTE_CONTROL:
        return put_closing(s, m, note, err);
    }
    return 0;
}

/* Whether all that an entry leaves in the state may wait in memory. */
static bool may_wait(struct source *s, const struct inflight_message *m)
{
    const struct note *note = note_of(m);
    struct store_case last = {note->sequence, note->observed_us, ""};

    if (note->ordered || note->has_digest || note->newest || note->kind == NOTE_CONTROL)
        return false;
    if (note->kind != NOTE_EVENT)
        return true;
    memcpy(last.position, note->position, sizeof(last.position));
    return store_keep_case(s->store, publisher_topic_name(s->publisher, m->topic), m->key,
                           &last);
}

/* The entry is in the state with the next write. -1: nothing was noted. */
static int note_entry(struct source *s, const struct inflight_message *m,
                      struct relais_error *err)
{
    struct source_unwritten *u = &s->unwritten;
    const struct note *note = note_of(m);

    if (note->journal_day && u->day.row.day != note->journal_day &&
        (source_journal_put(s, &u->day, err) ||
         source_journal_open(s, &u->day, note->journal_day, err)))
        return -1;
    if ((note->kind == NOTE_EVENT || note->kind == NOTE_CONTROL) &&
        keep_offset(u, m, err))
        return -1;
    if (note->journal_day)
        source_journal_count(&u->day, m);
    if (note->log)
        memcpy(u->position, note->position, sizeof(u->position));
    return 0;
}

static void count(const struct inflight *ring, uint64_t first, size_t entries)
{
    int64_t events = 0, bytes = 0;

    for (size_t i = 0; i < entries; i++) {
        const struct inflight_message *m = inflight_at(ring, first + i);
        const struct note *note = note_of(m);

        if (note->kind != NOTE_EVENT && note->kind != NOTE_CONTROL)
            continue;
        events++;
        bytes += (int64_t)m->value.len;
    }
    if (!events)
        return;
    relais_metric_add(events_published, events);
    relais_metric_add(bytes_published, bytes);
    relais_metric_set(last_event, relais_now_us());
}

static void release(struct source *s, uint64_t first, size_t entries)
{
    struct inflight *ring = publisher_ring(s->publisher);

    if (!entries)
        return;
    count(ring, first, entries);
    if (!s->unwritten.entries)
        s->unwritten.since_us = relais_monotonic_us();
    s->unwritten.entries += entries;
    s->unwritten.ack = inflight_at(ring, first + entries - 1)->ack;
    inflight_release(ring, entries);
}

/* How many of the first `ready` entries wait: until one whose rows may not, or that
 * counts for another day than those before. They leave the ring, also those before one
 * that failed: what was counted is not counted again. */
static int absorb(struct source *s, uint64_t first, size_t ready, size_t *taken_out,
                  struct relais_error *err)
{
    const struct inflight *ring = publisher_ring(s->publisher);
    size_t i = 0;
    int rc = 0;

    for (; i < ready && !rc; i += !rc) {
        const struct inflight_message *m = inflight_at(ring, first + i);
        int32_t day = note_of(m)->journal_day;

        if ((day && s->unwritten.day.row.day && s->unwritten.day.row.day != day) ||
            !may_wait(s, m))
            break;
        rc = note_entry(s, m, err);
    }
    *taken_out = i;
    release(s, first, i);
    return rc;
}

static int put_unwritten(struct source *s, struct relais_error *err)
{
    struct source_unwritten *u = &s->unwritten;

    return put_offsets(s, err) || source_journal_put(s, &u->day, err) ||
                   (u->position[0] && store_put_position(s->store, u->position, err))
               ? -1
               : 0;
}

static void forget_unwritten(struct source_unwritten *u)
{
    u->entries = 0;
    u->offset_count = u->offset_last = 0;
    u->position[0] = '\0';
    u->day.row.day = 0;
}

/* What waited is in the state, and the connector is told. */
static int written(struct source *s, struct relais_error *err)
{
    uint64_t ack = s->unwritten.ack;

    forget_unwritten(&s->unwritten);
    if (ack <= s->last_ack || !s->state || !s->connector->source->ack)
        return 0;
    s->last_ack = ack;
    return s->connector->source->ack(s->state, ack, err);
}

static int write_waiting(struct source *s, struct relais_error *err)
{
    const struct source_unwritten *u = &s->unwritten;
    bool rows =
        store_kept(s->store) || u->offset_count || u->position[0] || u->day.row.day;

    if (!u->entries)
        return 0;
    if (!rows)
        return written(s, err);
    if (store_begin(s->store, err))
        return -1;
    if (store_put_kept(s->store, err) || put_unwritten(s, err)) {
        store_abort(s->store);
        return -1;
    }
    return store_commit(s->store, err) || written(s, err) ? -1 : 0;
}

/* Entries with rows that may not wait; nothing else waits. */
static int write_rows(struct source *s, uint64_t first, size_t ready,
                      struct relais_error *err)
{
    const struct inflight *ring = publisher_ring(s->publisher);
    int rc = 0;

    if (store_begin(s->store, err))
        return -1;
    for (size_t i = 0; i < ready && !rc; i++)
        rc = put_entry(s, inflight_at(ring, first + i), err) ||
             note_entry(s, inflight_at(ring, first + i), err);
    if (rc || put_unwritten(s, err)) {
        store_abort(s->store);
        forget_unwritten(&s->unwritten);
        return -1;
    }
    if (store_commit(s->store, err)) {
        forget_unwritten(&s->unwritten);
        return -1;
    }
    release(s, first, ready);
    return written(s, err);
}

/* How many of those that are ready go into one transaction. */
static size_t batch_of(struct inflight *ring, size_t ready)
{
    uint64_t first = inflight_first(ring);
    size_t entries = 0, bytes = 0;

    while (entries < ready && entries < BATCH_MAX && bytes < BATCH_BYTES)
        bytes += inflight_at(ring, first + entries++)->value.len;
    return entries;
}

int source_commit(struct source *s, bool now, struct relais_error *err)
{
    struct inflight *ring = publisher_ring(s->publisher);
    uint64_t first = inflight_first(ring);
    size_t ready = inflight_ready(ring), taken;
    int64_t waited_us;

    s->committed_us = relais_monotonic_us();
    if (absorb(s, first, ready, &taken, err))
        return -1;
    ready -= taken;
    waited_us = s->committed_us - s->unwritten.since_us;
    if (ready || now || waited_us >= WRITE_LAST_US ||
        (waited_us >= WRITE_US &&
         (store_kept(s->store) < WRITE_ROWS || !inflight_count(ring))))
        if (write_waiting(s, err))
            return -1;
    return ready && !taken ? write_rows(s, first, batch_of(ring, ready), err) : 0;
}
