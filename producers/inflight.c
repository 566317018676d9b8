#include "producers/inflight.h"

#include <stdlib.h>

#define ALIGN16(n)  (((n) + 15) & ~(size_t)15)
#define BLOCK_BYTES ((size_t)64 * 1024)

/* What is copied lies in blocks, each let go when its last entry is: the one that was
 * used last is used again first, so that memory grows with what is in flight, up to
 * byte_max and two blocks. A larger entry has a block of its own, which is not kept. */
struct block {
    struct block *next; /* of the free ones, all of BLOCK_BYTES */
    size_t size;
    size_t entries; /* that are in flight */
    _Alignas(16) char bytes[];
};

struct slot {
    struct inflight_message message; /* first: a message leads to its slot */
    struct block *block;
    size_t span; /* bytes taken, with what was left over at the end of the block before */
};

/* Of a chain, apart from the slots: a search looks at few of those. */
struct link {
    uint32_t older; /* slot + 1 */
    uint32_t tag;   /* of the hash, what the head does not say */
};

struct inflight {
    struct slot *slots; /* of slot_count, a power of two */
    size_t slot_count;
    size_t record_max;
    uint64_t first;
    uint64_t next;
    uint64_t ready; /* number of the first entry not done, as far as known */
    size_t byte_max;
    size_t byte_used;
    struct block *block; /* being filled; NULL: none */
    size_t block_used;
    struct block *free_blocks;
    uint32_t *heads[INFLIGHT_INDEXES]; /* slot + 1; 0: none */
    struct link *links[INFLIGHT_INDEXES];
};

struct inflight *inflight_new(size_t record_max, size_t byte_max)
{
    struct inflight *f = relais_zalloc(sizeof(*f));

    f->slot_count = 16;
    while (f->slot_count < record_max)
        f->slot_count *= 2;
    f->record_max = record_max;
    f->slots = relais_zalloc(f->slot_count * sizeof(*f->slots));
    f->byte_max = ALIGN16(byte_max);
    for (size_t i = 0; i < INFLIGHT_INDEXES; i++) {
        f->heads[i] = relais_zalloc(f->slot_count * sizeof(*f->heads[i]));
        f->links[i] = relais_zalloc(f->slot_count * sizeof(*f->links[i]));
    }
    return f;
}

static void give_back(struct inflight *f, struct block *block)
{
    if (block->size > BLOCK_BYTES) {
        free(block);
        return;
    }
    block->next = f->free_blocks;
    f->free_blocks = block;
}

static void free_blocks(struct inflight *f)
{
    struct block *block;

    while ((block = f->free_blocks)) {
        f->free_blocks = block->next;
        free(block);
    }
}

void inflight_free(struct inflight *f)
{
    if (!f)
        return;
    inflight_release(f, inflight_count(f));
    if (f->block)
        give_back(f, f->block);
    free_blocks(f);
    for (size_t i = 0; i < INFLIGHT_INDEXES; i++) {
        free(f->heads[i]);
        free(f->links[i]);
    }
    free(f->slots);
    free(f);
}

static struct slot *slot_of(const struct inflight *f, uint64_t number)
{
    return &f->slots[number & (f->slot_count - 1)];
}

uint64_t inflight_first(const struct inflight *f) { return f->first; }
uint64_t inflight_next(const struct inflight *f) { return f->next; }
size_t inflight_count(const struct inflight *f) { return (size_t)(f->next - f->first); }
size_t inflight_bytes(const struct inflight *f) { return f->byte_used; }

const struct inflight_message *inflight_at(const struct inflight *f, uint64_t number)
{
    return number >= f->first && number < f->next ? &slot_of(f, number)->message : NULL;
}

static char *place(char **at, const void *ptr, size_t len)
{
    char *to = *at;

    if (len)
        memcpy(to, ptr, len);
    *at += ALIGN16(len);
    return to;
}

static void keep(char **at, struct relais_slice *s)
{
    if (s->ptr)
        s->ptr = place(at, s->ptr, s->len);
}

static uint32_t tag_of(uint64_t hash) { return (uint32_t)(hash >> 32); }

static void link_slot(struct inflight *f, const struct slot *slot)
{
    uint32_t self = (uint32_t)(slot - f->slots) + 1;

    for (size_t i = 0; i < INFLIGHT_INDEXES; i++) {
        uint64_t hash = slot->message.hash[i];
        uint32_t *head = &f->heads[i][hash & (f->slot_count - 1)];

        if (!hash)
            continue;
        f->links[i][self - 1] = (struct link){*head, tag_of(hash)};
        *head = self;
    }
}

/* The slot is the oldest of all, so the last of its chains. */
static void unlink_slot(struct inflight *f, const struct slot *slot)
{
    uint32_t self = (uint32_t)(slot - f->slots) + 1;

    for (size_t i = 0; i < INFLIGHT_INDEXES; i++) {
        uint32_t *link = &f->heads[i][slot->message.hash[i] & (f->slot_count - 1)];

        if (!slot->message.hash[i])
            continue;
        while (*link && *link != self)
            link = &f->links[i][*link - 1].older;
        *link = 0;
    }
}

/* One that `need` fits into; for a large one those that are free make way. */
static struct block *take_block(struct inflight *f, size_t need)
{
    size_t size = need > BLOCK_BYTES ? need : BLOCK_BYTES;
    struct block *block = f->free_blocks;

    if (block && size == BLOCK_BYTES) {
        f->free_blocks = block->next;
    } else {
        free_blocks(f);
        block = relais_alloc(sizeof(*block) + size);
        block->size = size;
    }
    block->entries = 0;
    return block;
}

/* Room for an entry, in the block that is being filled or in another one. */
static char *room(struct inflight *f, size_t need)
{
    struct block *full = f->block;
    char *at;

    if (!full || full->size - f->block_used < need) {
        f->block = take_block(f, need);
        f->block_used = 0;
        if (full && !full->entries)
            give_back(f, full);
    }
    at = f->block->bytes + f->block_used;
    f->block_used += need;
    f->block->entries++;
    return at;
}

int inflight_push(struct inflight *f, const struct inflight_message *message,
                  int64_t now_us, uint64_t *number_out, struct relais_error *err)
{
    size_t need = ALIGN16(message->key.len) + ALIGN16(message->value.len) +
                  ALIGN16(message->note.len) +
                  (message->why ? ALIGN16(sizeof(*message->why)) : 0);
    size_t lost = 0;
    struct slot *slot;
    char *at;

    if (need > f->byte_max / 2)
        return relais_error_set(err, RELAIS_E_MESSAGE_SIZE, "[limits] inflight_kbytes",
                                "%zu bytes, half of what may be in flight is %zu", need,
                                f->byte_max / 2);
    if (f->block && f->block->size - f->block_used < need)
        lost = f->block->size - f->block_used;
    if (inflight_count(f) >= f->record_max || f->byte_used + lost + need > f->byte_max)
        return relais_error_set(err, RELAIS_E_QUEUE_FULL, "inflight",
                                "%zu records in flight", inflight_count(f));
    slot = slot_of(f, f->next);
    slot->message = *message;
    at = room(f, need);
    slot->block = f->block;
    keep(&at, &slot->message.key);
    keep(&at, &slot->message.value);
    keep(&at, &slot->message.note);
    if (message->why)
        slot->message.why = (const void *)place(&at, message->why, sizeof(*message->why));
    slot->span = need + lost;
    f->byte_used += slot->span;
    slot->message.number = f->next;
    slot->message.pushed_us = now_us;
    slot->message.partition = -1;
    slot->message.offset = -1;
    slot->message.done = message->topic == INFLIGHT_NO_TOPIC;
    link_slot(f, slot);
    *number_out = f->next++;
    return 0;
}

void inflight_done(struct inflight *f, uint64_t number, int32_t partition, int64_t offset)
{
    struct inflight_message *m;

    if (number < f->first || number >= f->next)
        return;
    m = &slot_of(f, number)->message;
    m->done = true;
    m->partition = partition;
    m->offset = offset;
}

void inflight_doubt(struct inflight *f)
{
    for (uint64_t n = f->first; n < f->next; n++) {
        struct inflight_message *m = &slot_of(f, n)->message;

        m->done = m->topic == INFLIGHT_NO_TOPIC;
    }
    f->ready = f->first;
}

size_t inflight_ready(struct inflight *f)
{
    if (f->ready < f->first)
        f->ready = f->first;
    while (f->ready < f->next && slot_of(f, f->ready)->message.done)
        f->ready++;
    return (size_t)(f->ready - f->first);
}

void inflight_release(struct inflight *f, size_t count)
{
    while (count-- && f->first < f->next) {
        struct slot *slot = slot_of(f, f->first);

        unlink_slot(f, slot);
        f->byte_used -= slot->span;
        if (!--slot->block->entries && slot->block != f->block)
            give_back(f, slot->block);
        f->first++;
    }
    if (f->first == f->next)
        f->block_used = 0;
}

int64_t inflight_oldest_us(struct inflight *f)
{
    inflight_ready(f);
    return f->ready < f->next ? slot_of(f, f->ready)->message.pushed_us : 0;
}

const struct inflight_message *inflight_find(const struct inflight *f,
                                             enum inflight_index index, uint64_t hash,
                                             const struct inflight_message *before)
{
    const struct link *links = f->links[index];
    uint32_t at = before
                      ? links[(const struct slot *)(const void *)before - f->slots].older
                      : f->heads[index][hash & (f->slot_count - 1)];

    for (; at; at = links[at - 1].older)
        if (links[at - 1].tag == tag_of(hash) &&
            f->slots[at - 1].message.hash[index] == hash)
            return &f->slots[at - 1].message;
    return NULL;
}

uint64_t inflight_hash(struct relais_slice a, struct relais_slice b)
{
    uint64_t h = relais_hash(a, b);

    return h ? h : 1;
}
