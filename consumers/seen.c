#include "consumers/seen.h"
#include "core/buf.h"

#include <stdlib.h>

#define SEEN_MIN 1024u

struct entry {
    uint64_t id[2];
    int64_t offset;
};

/* ring[] in order of arrival, the oldest overwritten; slots[]: 1 + index in ring[], 0 is
 * free, linear probing. slots has twice the room of ring, so a free slot always exists.
 */
struct seen {
    struct entry *ring;
    uint32_t *slots;
    uint32_t cap; /* of ring, a power of two */
    uint32_t count;
    uint32_t next; /* where the next one goes */
};

/* Ids are digests already, or UUIDs of a source: the multiplication spreads counters. */
static uint32_t home(const struct seen *seen, const uint64_t id[2])
{
    uint64_t h = (id[0] ^ (id[1] << 1)) * UINT64_C(0x9e3779b97f4a7c15);

    h ^= h >> 29;
    h = (h + id[1]) * UINT64_C(0xbf58476d1ce4e5b9);
    return (uint32_t)(h >> 32) & (2 * seen->cap - 1);
}

static bool same(const struct entry *e, const uint64_t id[2])
{
    return e->id[0] == id[0] && e->id[1] == id[1];
}

/* The slot of an id, or the free one where it would go. */
static uint32_t find(const struct seen *seen, const uint64_t id[2])
{
    uint32_t mask = 2 * seen->cap - 1;
    uint32_t i = home(seen, id);

    while (seen->slots[i] && !same(&seen->ring[seen->slots[i] - 1], id))
        i = (i + 1) & mask;
    return i;
}

/* Frees slot i; those behind it that probed past it move up (Knuth 6.4, algorithm R). */
static void forget(struct seen *seen, uint32_t i)
{
    uint32_t mask = 2 * seen->cap - 1;
    uint32_t j = i;

    for (;;) {
        uint32_t h;

        j = (j + 1) & mask;
        if (!seen->slots[j])
            break;
        h = home(seen, seen->ring[seen->slots[j] - 1].id);
        if (((j - h) & mask) < ((j - i) & mask))
            continue;
        seen->slots[i] = seen->slots[j];
        i = j;
    }
    seen->slots[i] = 0;
}

static void allocate(struct seen *seen, uint32_t cap)
{
    seen->cap = cap;
    seen->ring = relais_realloc(seen->ring, cap * sizeof(*seen->ring));
    free(seen->slots);
    seen->slots = relais_zalloc(2 * (size_t)cap * sizeof(*seen->slots));
    for (uint32_t i = 0; i < seen->count; i++)
        seen->slots[find(seen, seen->ring[i].id)] = i + 1;
}

struct seen *seen_new(void)
{
    struct seen *seen = relais_zalloc(sizeof(*seen));

    allocate(seen, SEEN_MIN);
    return seen;
}

void seen_free(struct seen *seen)
{
    if (!seen)
        return;
    free(seen->ring);
    free(seen->slots);
    free(seen);
}

bool seen_test(struct seen *seen, const unsigned char id[16], int64_t offset)
{
    uint64_t key[2];
    uint32_t slot;

    memcpy(key, id, sizeof(key));
    slot = find(seen, key);
    if (seen->slots[slot])
        return seen->ring[seen->slots[slot] - 1].offset != offset;
    if (seen->count == seen->cap && seen->cap < SEEN_MAX) {
        seen->next = seen->count;
        allocate(seen, seen->cap * 2);
    }
    if (seen->count == seen->cap)
        forget(seen, find(seen, seen->ring[seen->next].id));
    else
        seen->count++;
    seen->ring[seen->next] = (struct entry){{key[0], key[1]}, offset};
    seen->slots[find(seen, key)] = seen->next + 1;
    seen->next = (seen->next + 1) & (seen->cap - 1);
    return false;
}
