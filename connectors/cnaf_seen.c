#include "connectors/cnaf_seen.h"

#include <stdlib.h>

struct cnaf_seen_entry {
    uint64_t number;   /* hash; 0: free */
    uint64_t identity; /* hash */
    uint32_t last;     /* ordinal */
    uint32_t conflict;
};

/* FNV-1a, with a last mixing so that the low bits are good for a table. */
static uint64_t add(uint64_t h, struct relais_slice s, bool upper)
{
    for (size_t i = 0; i < s.len; i++) {
        unsigned char c = (unsigned char)s.ptr[i];

        if (upper && c >= 'a' && c <= 'z')
            c = (unsigned char)(c - 32);
        h = (h ^ c) * UINT64_C(0x100000001b3);
    }
    return (h ^ 0xff) * UINT64_C(0x100000001b3);
}

static uint64_t mix(uint64_t h)
{
    h = (h ^ (h >> 33)) * UINT64_C(0xff51afd7ed558ccd);
    h = (h ^ (h >> 33)) * UINT64_C(0xc4ceb9fe1a85ec53);
    h ^= h >> 33;
    return h ? h : 1;
}

/* The number counts in upper case (contract A11). */
static uint64_t number_hash(const struct cnaf_identity *id)
{
    return mix(add(UINT64_C(0xcbf29ce484222325), id->number, true));
}

static uint64_t identity_hash(const struct cnaf_identity *id)
{
    uint64_t h = add(UINT64_C(0x84222325cbf29ce4), id->fonorg, false);

    return mix(add(add(h, id->numorg, false), id->matricule, false));
}

static struct cnaf_seen_entry *find(const struct cnaf_seen *seen, uint64_t number)
{
    size_t at = number & seen->mask;

    while (seen->entries[at].number && seen->entries[at].number != number)
        at = (at + 1) & seen->mask;
    return &seen->entries[at];
}

static void grow(struct cnaf_seen *seen)
{
    struct cnaf_seen old = *seen;

    seen->mask = old.entries ? old.mask * 2 + 1 : 1023;
    seen->entries = relais_zalloc((seen->mask + 1) * sizeof(*seen->entries));
    for (size_t i = 0; old.entries && i <= old.mask; i++)
        if (old.entries[i].number)
            *find(seen, old.entries[i].number) = old.entries[i];
    free(old.entries);
}

void cnaf_seen_add(struct cnaf_seen *seen, const struct cnaf_identity *identity,
                   int64_t ordinal)
{
    uint64_t number = number_hash(identity), who = identity_hash(identity);
    struct cnaf_seen_entry *entry;

    if (!seen->entries || seen->count * 4 >= (seen->mask + 1) * 3)
        grow(seen);
    entry = find(seen, number);
    if (!entry->number) {
        *entry = (struct cnaf_seen_entry){.number = number, .identity = who};
        seen->count++;
    }
    entry->conflict |= entry->identity != who;
    entry->last = (uint32_t)ordinal;
}

enum cnaf_standing cnaf_seen_standing(const struct cnaf_seen *seen,
                                      const struct cnaf_identity *identity,
                                      int64_t ordinal)
{
    const struct cnaf_seen_entry *entry;

    if (!seen->entries)
        return CNAF_LAST;
    entry = find(seen, number_hash(identity));
    if (entry->conflict)
        return CNAF_CONFLICT;
    return entry->number && entry->last != (uint32_t)ordinal ? CNAF_REPLACED : CNAF_LAST;
}

void cnaf_seen_release(struct cnaf_seen *seen)
{
    free(seen->entries);
    *seen = (struct cnaf_seen){0};
}
