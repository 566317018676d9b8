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

/* A row among those to be sorted: the first bytes in which their keys may differ. */
struct sorted_row {
    uint64_t head;
    const struct kept_row *row;
};

struct store_kept {
    size_t count, room;
    uint32_t slots[SLOTS]; /* row + 1; 0: free */
    struct kept_row rows[STORE_KEPT_MAX];
    struct sorted_row sorted[STORE_KEPT_MAX];
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
    if (!s->kept) {
        s->kept = relais_zalloc(sizeof(*s->kept));
        s->kept->room = STORE_KEPT_PAGES;
    }
    slot = slot_of(s->kept, key);
    if (!*slot) {
        struct kept_row *r;

        if (s->kept->count >= s->kept->room)
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

static void sort(struct store_kept *kept)
{
    size_t from = common(kept);

    for (size_t i = 0; i < kept->count; i++) {
        const struct kept_row *r = &kept->rows[i];
        uint64_t head = 0;

        for (size_t j = from; j < from + sizeof(head); j++)
            head = head << 8 | (j < r->key_len ? (unsigned char)r->key[j] : 0);
        kept->sorted[i] = (struct sorted_row){head, r};
    }
    qsort(kept->sorted, kept->count, sizeof(*kept->sorted), compare);
}

/* How many may wait from now on. */
static int find_room(struct store *s)
{
    MDB_stat tree;
    int code = mdb_stat(s->write, s->table[STORE_CASE], &tree);

    if (!code)
        s->kept->room = tree.ms_leaf_pages + tree.ms_branch_pages <= STORE_KEPT_PAGES
                            ? STORE_KEPT_MAX
                            : STORE_KEPT_PAGES;
    return code;
}

int store_put_kept(struct store *s, struct relais_error *err)
{
    MDB_cursor *cursor;
    int code;

    if (!store_kept(s))
        return 0;
    code = mdb_cursor_open(s->write, s->table[STORE_CASE], &cursor);
    if (code)
        return store_error(s, code, "dossier", err);
    sort(s->kept);
    for (size_t i = 0; i < s->kept->count && !code; i++) {
        const struct kept_row *r = s->kept->sorted[i].row;
        struct relais_slice bytes = store_case_bytes(&r->row);
        MDB_val k = {r->key_len, (void *)(uintptr_t)r->key};
        MDB_val v = {bytes.len, (void *)(uintptr_t)bytes.ptr};

        code = mdb_cursor_put(cursor, &k, &v, 0);
    }
    mdb_cursor_close(cursor);
    if (!code)
        code = find_room(s);
    s->kept_put = code == 0;
    return code ? store_error(s, code, "dossier", err) : 0;
}
