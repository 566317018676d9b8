/* Rows of cases that wait in memory for the next write (store.h, store_keep_case): an
 * open hash table of fixed size. They go into the tree in the order of their keys, so
 * that rows of one page are written together. */
#include "producers/store_private.h"

#include <stdlib.h>
#include <string.h>

#define SLOTS   (2u * STORE_KEPT_MAX) /* a power of two */
#define KEY_MAX 120

struct kept_row {
    uint32_t key_len;
    char key[KEY_MAX];
    struct store_case row;
};

struct store_kept {
    size_t count;
    uint32_t slots[SLOTS]; /* row + 1; 0: free */
    struct kept_row rows[STORE_KEPT_MAX];
};

/* The slot where the key is, or would be. */
static uint32_t *slot_of(struct store_kept *kept, struct relais_slice key)
{
    size_t i = relais_hash(key, RELAIS_SLICE("")) & (SLOTS - 1);

    while (kept->slots[i]) {
        const struct kept_row *r = &kept->rows[kept->slots[i] - 1];

        if (r->key_len == key.len && memcmp(r->key, key.ptr, key.len) == 0)
            break;
        i = (i + 1) & (SLOTS - 1);
    }
    return &kept->slots[i];
}

bool store_kept_find(struct store *s, struct relais_slice key, struct store_case *out)
{
    const uint32_t *slot;

    if (!s->kept || !s->kept->count)
        return false;
    slot = slot_of(s->kept, key);
    if (!*slot)
        return false;
    *out = s->kept->rows[*slot - 1].row;
    return true;
}

bool store_kept_put(struct store *s, struct relais_slice key,
                    const struct store_case *row)
{
    uint32_t *slot;

    if (key.len > KEY_MAX)
        return false;
    if (!s->kept)
        s->kept = relais_zalloc(sizeof(*s->kept));
    slot = slot_of(s->kept, key);
    if (!*slot) {
        struct kept_row *r;

        if (s->kept->count == STORE_KEPT_MAX)
            return false;
        r = &s->kept->rows[s->kept->count++];
        r->key_len = (uint32_t)key.len;
        memcpy(r->key, key.ptr, key.len);
        *slot = (uint32_t)s->kept->count;
    }
    s->kept->rows[*slot - 1].row = *row;
    return true;
}

size_t store_kept(const struct store *s) { return s->kept ? s->kept->count : 0; }

void store_kept_clear(struct store *s)
{
    if (!s->kept || !s->kept->count)
        return;
    memset(s->kept->slots, 0, sizeof(s->kept->slots));
    s->kept->count = 0;
}

static int compare(const void *a, const void *b)
{
    const struct kept_row *x = *(const struct kept_row *const *)a;
    const struct kept_row *y = *(const struct kept_row *const *)b;

    return relais_slice_cmp((struct relais_slice){x->key, x->key_len},
                            (struct relais_slice){y->key, y->key_len});
}

int store_put_kept(struct store *s, struct relais_error *err)
{
    const struct kept_row **sorted;
    int rc = 0;

    if (!store_kept(s))
        return 0;
    sorted = relais_alloc(s->kept->count * sizeof(const struct kept_row *));
    for (size_t i = 0; i < s->kept->count; i++)
        sorted[i] = &s->kept->rows[i];
    qsort(sorted, s->kept->count, sizeof(*sorted), compare);
    for (size_t i = 0; i < s->kept->count && !rc; i++) {
        const struct kept_row *r = sorted[i];

        rc = store_put_row_of_case(s, (struct relais_slice){r->key, r->key_len}, &r->row,
                                   err);
    }
    free(sorted);
    s->kept_put = rc == 0;
    return rc;
}
