#include "producers/inflight.h"

#include <stdlib.h>

struct slot {
    struct inflight_message message; /* first: a message leads to its slot */
    size_t span; /* bytes taken in the byte ring, with what was left over at its end */
    uint32_t older[INFLIGHT_INDEXES]; /* next of the chain: slot + 1 */
};

struct inflight {
    struct slot *slots; /* of slot_count, a power of two */
    size_t slot_count;
    size_t record_max;
    uint64_t first;
    uint64_t next;
    uint64_t ready; /* number of the first entry not done, as far as known */
    char *bytes;
    size_t byte_max;
    size_t byte_write;
    size_t byte_used;
    uint32_t *heads[INFLIGHT_INDEXES]; /* slot + 1; 0: none */
};

#define ALIGN16(n) (((n) + 15) & ~(size_t)15)

struct inflight *inflight_new(size_t record_max, size_t byte_max)
{
    struct inflight *f = relais_zalloc(sizeof(*f));

    f->slot_count = 16;
    while (f->slot_count < record_max)
        f->slot_count *= 2;
    f->record_max = record_max;
    f->slots = relais_zalloc(f->slot_count * sizeof(*f->slots));
    f->byte_max = ALIGN16(byte_max);
    f->bytes = relais_alloc(f->byte_max);
    for (size_t i = 0; i < INFLIGHT_INDEXES; i++)
        f->heads[i] = relais_zalloc(f->slot_count * sizeof(*f->heads[i]));
    return f;
}

void inflight_free(struct inflight *f)
{
    if (!f)
        return;
    for (size_t i = 0; i < INFLIGHT_INDEXES; i++)
        free(f->heads[i]);
    free(f->bytes);
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

static void link_slot(struct inflight *f, struct slot *slot)
{
    uint32_t self = (uint32_t)(slot - f->slots) + 1;

    for (size_t i = 0; i < INFLIGHT_INDEXES; i++) {
        uint32_t *head = &f->heads[i][slot->message.hash[i] & (f->slot_count - 1)];

        slot->older[i] = 0;
        if (!slot->message.hash[i])
            continue;
        slot->older[i] = *head;
        *head = self;
    }
}

/* The slot is the oldest of all, so the last of its chains. */
static void unlink_slot(struct inflight *f, struct slot *slot)
{
    uint32_t self = (uint32_t)(slot - f->slots) + 1;

    for (size_t i = 0; i < INFLIGHT_INDEXES; i++) {
        uint32_t *link = &f->heads[i][slot->message.hash[i] & (f->slot_count - 1)];

        if (!slot->message.hash[i])
            continue;
        while (*link && *link != self)
            link = &f->slots[*link - 1].older[i];
        *link = 0;
    }
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
    if (f->byte_write + need > f->byte_max)
        lost = f->byte_max - f->byte_write;
    if (inflight_count(f) >= f->record_max || f->byte_used + lost + need > f->byte_max)
        return relais_error_set(err, RELAIS_E_QUEUE_FULL, "inflight",
                                "%zu records in flight", inflight_count(f));
    if (lost)
        f->byte_write = 0;
    slot = slot_of(f, f->next);
    slot->message = *message;
    at = f->bytes + f->byte_write;
    keep(&at, &slot->message.key);
    keep(&at, &slot->message.value);
    keep(&at, &slot->message.note);
    if (message->why)
        slot->message.why = (const void *)place(&at, message->why, sizeof(*message->why));
    f->byte_write += need;
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
        f->first++;
    }
    if (f->first == f->next)
        f->byte_write = f->byte_used = 0;
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
    uint32_t link = before ? ((const struct slot *)(const void *)before)->older[index]
                           : f->heads[index][hash & (f->slot_count - 1)];

    while (link) {
        const struct slot *slot = &f->slots[link - 1];

        if (slot->message.hash[index] == hash)
            return &slot->message;
        link = slot->older[index];
    }
    return NULL;
}

uint64_t inflight_hash(struct relais_slice a, struct relais_slice b)
{
    uint64_t h = relais_hash(a, b);

    return h ? h : 1;
}
