/* Messages fetched together, and the events made of them. A message is freed with its
 * whole batch, not with its event: librdkafka's threads allocate from the same heap, and
 * a thousand frees in a row disturb them less than one between two events.
 */

#include "consumers/subscriber_internal.h"

#include <stdlib.h>

#define ARENA_MAX (32u << 20)

struct batch *batch_new(struct subscriber *sub)
{
    struct batch *batch = sub->spare;

    if (batch) {
        sub->spare = batch->next_free;
        return batch;
    }
    batch = relais_zalloc(sizeof(*batch));
    batch->sub = sub;
    batch->arena = (struct relais_arena)RELAIS_ARENA_INIT(ARENA_MAX);
    batch->next_all = sub->all;
    sub->all = batch;
    return batch;
}

/* Messages from `from` on whose events nobody holds. */
static void sweep(struct batch *batch, size_t from)
{
    for (size_t i = from; i < batch->count; i++) {
        if (!batch->msgs[i] || (i < batch->at && batch->events[i].msg))
            continue;
        rd_kafka_message_destroy(batch->msgs[i]);
        batch->msgs[i] = NULL;
    }
}

void batch_drop(struct batch *batch)
{
    sweep(batch, batch->at);
    batch->at = batch->count;
}

void batch_reset(struct batch *batch)
{
    batch_drop(batch);
    sweep(batch, 0);
    batch->count = batch->at = 0;
}

size_t batches_sweep(struct subscriber *sub)
{
    size_t held = 0;

    for (struct batch *b = sub->all; b; b = b->next_all) {
        sweep(b, 0);
        held += b->live;
    }
    return held;
}

void batches_take_back(struct subscriber *sub)
{
    for (struct batch *b = sub->all; b; b = b->next_all) {
        for (size_t i = 0; i < b->at; i++)
            b->events[i].msg = NULL;
        b->live = 0;
    }
}

void batches_free(struct subscriber *sub)
{
    while (sub->all) {
        struct batch *next = sub->all->next_all;

        relais_arena_release(&sub->all->arena);
        free(sub->all);
        sub->all = next;
    }
}

struct relais_event *batch_event(struct batch *batch, const struct part *part)
{
    struct relais_event *ev = &batch->events[batch->at];

    ev->batch = batch;
    ev->msg = batch->msgs[batch->at];
    ev->part = part;
    ev->schema = NULL;
    ev->data = NULL;
    ev->problem = NULL;
    ev->json = NULL;
    ev->json_len = 0;
    ev->id[0] = '\0';
    return ev;
}

void relais_event_free(struct relais_event *event)
{
    struct batch *batch;

    if (!event || !event->msg)
        return;
    batch = event->batch;
    event->msg = NULL;
    if (--batch->live)
        return;
    relais_arena_reset(&batch->arena);
    if (batch == batch->sub->batch)
        return;
    batch_reset(batch);
    batch->next_free = batch->sub->spare;
    batch->sub->spare = batch;
}
