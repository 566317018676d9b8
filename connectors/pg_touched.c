#include "connectors/pg_touched.h"

#include <stdlib.h>

#define KEPT_SLOTS  4096
#define ARENA_BYTES ((size_t)PG_TOUCHED_MAX * (PG_TOUCHED_KEY_MAX + 16) + (1u << 20))

void pg_touched_init(struct pg_touched *t)
{
    memset(t, 0, sizeof(*t));
    t->arena = (struct relais_arena)RELAIS_ARENA_INIT(ARENA_BYTES);
}

void pg_touched_release(struct pg_touched *t)
{
    relais_arena_release(&t->arena);
    free(t->keys);
    free(t->slots);
    pg_touched_init(t);
}

void pg_touched_clear(struct pg_touched *t)
{
    if (t->slot_count > KEPT_SLOTS) {
        pg_touched_release(t);
        return;
    }
    relais_arena_reset(&t->arena);
    t->count = 0;
    if (t->slots)
        memset(t->slots, 0, t->slot_count * sizeof(*t->slots));
}

/* FNV-1a: keys are our own database's, no one chooses them to collide. */
static uint64_t hash(uint16_t table, struct relais_slice text)
{
    uint64_t h = UINT64_C(14695981039346656037) ^ table;

    for (size_t i = 0; i < text.len; i++)
        h = (h ^ (unsigned char)text.ptr[i]) * UINT64_C(1099511628211);
    return h ^ h >> 32;
}

/* Where it is, or the free slot where it would be. */
static uint32_t *find(const struct pg_touched *t, uint16_t table,
                      struct relais_slice text)
{
    size_t i = hash(table, text) & (t->slot_count - 1);

    while (t->slots[i]) {
        const struct pg_touched_key *k = &t->keys[t->slots[i] - 1];

        if (k->table == table && relais_slice_eq(k->text, text))
            break;
        i = (i + 1) & (t->slot_count - 1);
    }
    return &t->slots[i];
}

static void grow(struct pg_touched *t)
{
    size_t slots = t->slot_count ? t->slot_count * 2 : KEPT_SLOTS;

    t->cap = slots / 2;
    t->keys = relais_realloc(t->keys, t->cap * sizeof(*t->keys));
    free(t->slots);
    t->slots = relais_zalloc(slots * sizeof(*t->slots));
    t->slot_count = slots;
    for (size_t i = 0; i < t->count; i++)
        *find(t, t->keys[i].table, t->keys[i].text) = (uint32_t)i + 1;
}

bool pg_touched_add(struct pg_touched *t, uint16_t table, struct relais_slice text)
{
    uint32_t *slot;
    struct relais_slice kept;

    if (text.len > PG_TOUCHED_KEY_MAX)
        return false;
    if (t->count == t->cap) {
        if (t->count == PG_TOUCHED_MAX)
            return t->slot_count && *find(t, table, text);
        grow(t);
    }
    slot = find(t, table, text);
    if (*slot)
        return true;
    kept = relais_arena_slice(&t->arena, text);
    if (!kept.ptr)
        return false;
    t->keys[t->count++] = (struct pg_touched_key){table, kept};
    *slot = (uint32_t)t->count;
    return true;
}

static int add_element(struct relais_buf *out, struct relais_slice text)
{
    int rc = relais_buf_add_char(out, '"');

    for (size_t i = 0; i < text.len && rc == 0; i++) {
        if (text.ptr[i] == '"' || text.ptr[i] == '\\')
            rc = relais_buf_add_char(out, '\\');
        if (rc == 0)
            rc = relais_buf_add_char(out, text.ptr[i]);
    }
    return rc ? rc : relais_buf_add_char(out, '"');
}

int pg_touched_array(const struct pg_touched *t, uint16_t table, size_t *at, size_t max,
                     struct relais_buf *out, size_t *count_out)
{
    *count_out = 0;
    if (relais_buf_add_char(out, '{'))
        return -1;
    for (; *at < t->count && *count_out < max; (*at)++) {
        if (t->keys[*at].table != table)
            continue;
        if ((*count_out && relais_buf_add_char(out, ',')) ||
            add_element(out, t->keys[*at].text))
            return -1;
        ++*count_out;
    }
    return relais_buf_add_char(out, '}');
}
