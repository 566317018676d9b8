#include "core/record.h"

void relais_batch_init(struct relais_batch *batch, size_t arena_max)
{
    *batch = (struct relais_batch){.arena = RELAIS_ARENA_INIT(arena_max)};
}

struct relais_record *relais_batch_add(struct relais_batch *batch)
{
    struct relais_record *rec = relais_arena_zalloc(&batch->arena, sizeof(*rec));

    if (!rec)
        return NULL;
    if (batch->last)
        batch->last->next = rec;
    else
        batch->first = rec;
    batch->last = rec;
    batch->count++;
    return rec;
}

void relais_batch_reset(struct relais_batch *batch)
{
    relais_arena_reset(&batch->arena);
    batch->first = batch->last = NULL;
    batch->count = 0;
}

void relais_batch_release(struct relais_batch *batch)
{
    if (!batch)
        return;
    relais_arena_release(&batch->arena);
    batch->first = batch->last = NULL;
    batch->count = 0;
}
