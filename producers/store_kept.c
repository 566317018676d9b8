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

/* A row among those to be sorted: the first bytes in which their keys may differ. */
struct sorted_row {
    uint64_t head;
    const struct kept_row *row;
};

static int compare(const void *a, const void *b)
{
    const struct sorted_row *x = a, *y = b;

    if (x->head != y->head)
        return x->head < y->head ? -1 : 1;
    return relais_slice_cmp((struct relais_slice){x->row->key, x->row->key_len},
                            (struct relais_slice){y->row->key, y->row->key_len});
}

/* How many bytes all keys have in common; they are of one topic more often than not. */
static size_t common(const struct store_kept *kept)
{
    size_t len = kept->rows[0].key_len;

    for (size_t i = 1; i < kept->count; i++) {
        const struct kept_row *r = &kept->rows[i];

        if (len > r->key_len)
            len = r->key_len;
        while (memcmp(r->key, kept->rows[0].key, len) != 0)
            len--;
    }
    return len;
}

static struct sorted_row *sort(const struct store_kept *kept)
{
    struct sorted_row *sorted = relais_alloc(kept->count * sizeof(*sorted));
    size_t from = common(kept);

    for (size_t i = 0; i < kept->count; i++) {
        const struct kept_row *r = &kept->rows[i];

        sorted[i] = (struct sorted_row){0, r};
        for (size_t j = from; j < from + sizeof(sorted->head); j++)
            sorted[i].head =
                sorted[i].head << 8 | (j < r->key_len ? (unsigned char)r->key[j] : 0);
    }
    qsort(sorted, kept->count, sizeof(*sorted), compare);
    return sorted;
}

int store_put_kept(struct store *s, struct relais_error *err)
{
    struct sorted_row *sorted;
    MDB_cursor *cursor;
    int code;

    if (!store_kept(s))
        return 0;
    code = mdb_cursor_open(s->write, s->table[STORE_CASE], &cursor);
    if (code)
        return store_error(s, code, "dossier", err);
    sorted = sort(s->kept);
    for (size_t i = 0; i < s->kept->count && !code; i++) {
        const struct kept_row *r = sorted[i].row;
        struct relais_slice bytes = store_case_bytes(&r->row);
        MDB_val k = {r->key_len, (void *)(uintptr_t)r->key};
        MDB_val v = {bytes.len, (void *)(uintptr_t)bytes.ptr};

        code = mdb_cursor_put(cursor, &k, &v, 0);
    }
    mdb_cursor_close(cursor);
    free(sorted);
    s->kept_put = code == 0;
    return code ? store_error(s, code, "dossier", err) : 0;
}
