#include "producers/source_internal.h"

#include "core/day.h"
#include "core/metrics.h"

#include <stdio.h>

/* Of a transaction: its dirty pages are memory. Large values fill pages of their own. */
#define BATCH_MAX   3000
#define BATCH_BYTES (1u << 20)
#define OFFSETS_MAX 512

struct offset {
    uint32_t topic;
    int32_t partition;
    int64_t next;
};

struct offsets {
    struct offset rows[OFFSETS_MAX];
    size_t count;
    size_t last; /* the row used last */
};

/* Offsets of one partition grow: the last message's is the greatest. A repeat that the
 * broker recognised has none; it is read again at the next start. */
static int keep_offset(struct offsets *offsets, const struct inflight_message *m,
                       struct relais_error *err)
{
    struct offset *row = &offsets->rows[offsets->last];
    size_t i = 0;

    if (m->offset < 0)
        return 0;
    if (offsets->count && row->topic == m->topic && row->partition == m->partition) {
        row->next = m->offset + 1;
        return 0;
    }
    while (i < offsets->count && (offsets->rows[i].topic != m->topic ||
                                  offsets->rows[i].partition != m->partition))
        i++;
    if (i == OFFSETS_MAX)
        return relais_error_set(err, RELAIS_E_BUG, "offsets", "more than %d partitions",
                                OFFSETS_MAX);
    if (i == offsets->count)
        offsets->count++;
    offsets->rows[i] = (struct offset){m->topic, m->partition, m->offset + 1};
    offsets->last = i;
    return 0;
}

/* An offset that goes back means a topic that was made anew under us. */
static int put_offsets(struct source *s, const struct offsets *offsets,
                       struct relais_error *err)
{
    for (size_t i = 0; i < offsets->count; i++) {
        const struct offset *row = &offsets->rows[i];
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
                     struct offsets *offsets, struct relais_error *err)
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
        return put_event(s, m, note, err) || keep_offset(offsets, m, err) ? -1 : 0;
    case NOTE_CONTROL:
        return put_closing(s, m, note, err) || keep_offset(offsets, m, err) ? -1 : 0;
    }
    return 0;
}

static void count(const struct inflight_message *m)
{
    const struct note *note = note_of(m);

    if (note->kind == NOTE_EVENT || note->kind == NOTE_CONTROL) {
        relais_metric_add(events_published, 1);
        relais_metric_add(bytes_published, (int64_t)m->value.len);
        relais_metric_set(last_event, relais_now_us());
    }
}

static int write_rows(struct source *s, size_t ready, struct relais_error *err)
{
    struct inflight *ring = publisher_ring(s->publisher);
    uint64_t first = inflight_first(ring);
    struct offsets offsets = {.count = 0};
    bool rows = false;

    for (size_t i = 0; i < ready && !rows; i++)
        rows = note_of(inflight_at(ring, first + i))->kind != NOTE_NOTHING ||
               note_of(inflight_at(ring, first + i))->log;
    if (!rows)
        return 0;
    if (store_begin(s->store, err))
        return -1;
    for (size_t i = 0; i < ready; i++)
        if (put_entry(s, inflight_at(ring, first + i), &offsets, err)) {
            store_abort(s->store);
            return -1;
        }
    if (put_offsets(s, &offsets, err) || source_journal_put(s, first, ready, err)) {
        store_abort(s->store);
        return -1;
    }
    return store_commit(s->store, err);
}

/* How many of those that are ready go into one transaction. */
static size_t batch_of(struct inflight *ring, size_t ready)
{
    uint64_t first = inflight_first(ring);
    size_t count = 0, bytes = 0;

    while (count < ready && count < BATCH_MAX && bytes < BATCH_BYTES)
        bytes += inflight_at(ring, first + count++)->value.len;
    return count;
}

int source_commit(struct source *s, struct relais_error *err)
{
    struct inflight *ring = publisher_ring(s->publisher);
    size_t ready = inflight_ready(ring);
    uint64_t first = inflight_first(ring), ack;

    s->committed_us = relais_monotonic_us();
    ready = batch_of(ring, ready);
    if (!ready)
        return 0;
    if (write_rows(s, ready, err))
        return -1;
    ack = inflight_at(ring, first + ready - 1)->ack;
    for (size_t i = 0; i < ready; i++)
        count(inflight_at(ring, first + i));
    inflight_release(ring, ready);
    if (ack <= s->last_ack || !s->state || !s->connector->source->ack)
        return 0;
    s->last_ack = ack;
    return s->connector->source->ack(s->state, ack, err);
}
