/* Rows of cases in memory (store.h, store_keep_case): those that wait for the next write,
 * and many of those that were written or read. A hash table of fixed size whose rows are
 * taken one after the other, so that memory grows with the cases that come; once all are
 * taken, the one that a clock's hand comes to makes room, never one that waits. They
 * go into the tree in the order of their keys, so that rows of one page are written
 * together. */
#include "producers/store_private.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ROWS         131072 /* a power of two */
#define TOPICS_MAX   32
#define TOPIC_LEN    250
#define DOSSIER_MAX  36
#define POSITION_MAX 32

enum row_state {
    ROW_STALE, /* the tree may have another one */
    ROW_CLEAN, /* as the tree has it */
    ROW_WAITING,
};

/* What does not fit is not kept. What a search looks at comes first. */
struct kept_row {
    uint32_t next; /* of the same bucket, + 1; 0: none */
    unsigned char state;
    unsigned char topic;
    unsigned char dossier_len;
    unsigned char position_len;
    char dossier[DOSSIER_MAX];
    uint32_t bucket;
    int64_t sequence;
    int64_t observed_us;
    char position[POSITION_MAX];
};

/* All lines that it may lie on, into the cache. */
static void fetch(const struct kept_row *r)
{
    __builtin_prefetch(r);
    __builtin_prefetch(r->position + sizeof(r->position) - 1);
}

struct store_kept {
    size_t topic_count;
    char topics[TOPICS_MAX][TOPIC_LEN];
    size_t waiting_max;
    size_t count; /* that wait */
    uint32_t waiting[STORE_KEPT_MAX];
    uint32_t taken; /* rows, from the first on */
    uint32_t hand;
    uint32_t buckets[ROWS]; /* the first row + 1; 0: none */
    struct kept_row rows[ROWS];
};

/* Where a case is, or would be. */
struct place {
    size_t topic;
    uint32_t bucket;
    struct kept_row *row; /* NULL: it is not there */
};

static bool find_topic(struct store_kept *kept, const char *topic, size_t *out)
{
    for (*out = 0; *out < kept->topic_count; (*out)++)
        if (strcmp(kept->topics[*out], topic) == 0)
            return true;
    if (kept->topic_count == TOPICS_MAX || strlen(topic) >= TOPIC_LEN)
        return false;
    snprintf(kept->topics[kept->topic_count++], TOPIC_LEN, "%s", topic);
    return true;
}

/* false: such a one is never kept. */
static bool find(struct store_kept *kept, const char *topic, struct relais_slice dossier,
                 struct place *out)
{
    uint64_t hash;

    if (!dossier.len || dossier.len > DOSSIER_MAX ||
        !find_topic(kept, topic, &out->topic))
        return false;
    hash = relais_hash(dossier, RELAIS_SLICE("")) + out->topic;
    out->bucket = (uint32_t)(hash & (ROWS - 1));
    out->row = NULL;
    for (uint32_t at = kept->buckets[out->bucket]; at; at = kept->rows[at - 1].next) {
        struct kept_row *r = &kept->rows[at - 1];

        if (r->dossier_len == dossier.len && r->topic == out->topic &&
            memcmp(r->dossier, dossier.ptr, dossier.len) == 0) {
            out->row = r;
            break;
        }
    }
    return true;
}

static void unlink_row(struct store_kept *kept, const struct kept_row *r)
{
    uint32_t *at = &kept->buckets[r->bucket];

    while (&kept->rows[*at - 1] != r)
        at = &kept->rows[*at - 1].next;
    *at = r->next;
}

/* A row for a case that has none. Fewer wait than there are rows. */
static struct kept_row *make_room(struct store_kept *kept, const struct place *place,
                                  struct relais_slice dossier)
{
    struct kept_row *r;

    if (kept->taken < ROWS) {
        r = &kept->rows[kept->taken++];
    } else {
        do
            r = &kept->rows[kept->hand++ & (ROWS - 1)];
        while (r->state == ROW_WAITING);
        unlink_row(kept, r);
    }
    *r = (struct kept_row){.next = kept->buckets[place->bucket],
                           .bucket = place->bucket,
                           .topic = (unsigned char)place->topic,
                           .dossier_len = (unsigned char)dossier.len};
    memcpy(r->dossier, dossier.ptr, dossier.len);
    kept->buckets[place->bucket] = (uint32_t)(r - kept->rows) + 1;
    return r;
}

static size_t position_len(const struct store_case *row)
{
    return strnlen(row->position, sizeof(row->position));
}

/* len: of its position, POSITION_MAX at most. */
static void fill(struct kept_row *r, const struct store_case *row, size_t len)
{
    r->sequence = row->sequence;
    r->observed_us = row->observed_us;
    r->position_len = (unsigned char)len;
    memcpy(r->position, row->position, len);
}

static void read_row(const struct kept_row *r, struct store_case *out)
{
    *out = (struct store_case){r->sequence, r->observed_us, ""};
    memcpy(out->position, r->position, r->position_len);
}

bool store_kept_find(struct store *s, const char *topic, struct relais_slice dossier,
                     struct store_case *out)
{
    struct place place;

    if (!s->kept || !find(s->kept, topic, dossier, &place) || !place.row ||
        place.row->state == ROW_STALE)
        return false;
    read_row(place.row, out);
    return true;
}

void store_kept_read(struct store *s, const char *topic, struct relais_slice dossier,
                     const struct store_case *row)
{
    struct place place;
    size_t len = position_len(row);

    if (!s->kept || s->write || len > POSITION_MAX ||
        !find(s->kept, topic, dossier, &place))
        return;
    if (!place.row)
        place.row = make_room(s->kept, &place, dossier);
    fill(place.row, row, len);
    place.row->state = ROW_CLEAN;
}

void store_kept_forget(struct store *s, const char *topic, struct relais_slice dossier)
{
    struct place place;

    if (s->kept && find(s->kept, topic, dossier, &place) && place.row &&
        place.row->state == ROW_CLEAN)
        place.row->state = ROW_STALE;
}

void store_kept_forget_all(struct store *s)
{
    for (size_t i = 0; s->kept && i < s->kept->taken; i++)
        if (s->kept->rows[i].state == ROW_CLEAN)
            s->kept->rows[i].state = ROW_STALE;
}

static struct store_kept *make(void)
{
    struct store_kept *kept = relais_zalloc(sizeof(*kept));

    kept->waiting_max = STORE_KEPT_FEW;
    return kept;
}

bool store_keep_case(struct store *s, const char *topic, struct relais_slice dossier,
                     const struct store_case *row)
{
    struct store_kept *kept = s->kept;
    struct place place;
    size_t len = position_len(row);

    if (!kept)
        kept = s->kept = make();
    if (s->kept_put || len > POSITION_MAX || !find(kept, topic, dossier, &place))
        return false;
    if (place.row && place.row->state == ROW_WAITING) {
        fill(place.row, row, len);
        return true;
    }
    if (kept->count >= kept->waiting_max)
        return false;
    if (!place.row)
        place.row = make_room(kept, &place, dossier);
    fill(place.row, row, len);
    place.row->state = ROW_WAITING;
    kept->waiting[kept->count++] = (uint32_t)(place.row - kept->rows);
    return true;
}

size_t store_kept(const struct store *s) { return s->kept ? s->kept->count : 0; }

void store_kept_written(struct store *s)
{
    for (size_t i = 0; i < store_kept(s); i++)
        s->kept->rows[s->kept->waiting[i]].state = ROW_CLEAN;
    if (s->kept)
        s->kept->count = 0;
}

/* Rows lie anywhere in a table that no cache holds: those that come next are asked for
 * while one is looked at. */
#define AHEAD 8

static const struct kept_row *waiting(const struct store_kept *kept, size_t i)
{
    if (i + AHEAD < kept->count)
        fetch(&kept->rows[kept->waiting[i + AHEAD]]);
    return &kept->rows[kept->waiting[i]];
}

/* A row among those to be sorted: its topic, the first HEAD bytes in which the cases of
 * one may differ, its number. Another order than the tree's costs time only. */
#define HEAD     4
#define ROW_BITS 17
_Static_assert(ROWS <= 1 << ROW_BITS && TOPICS_MAX <= 256 &&
                   8 + 8 * HEAD + ROW_BITS <= 64,
               "fit into 64 bits");
_Static_assert(STORE_KEPT_MAX < ROWS, "one row at least makes room");

static int compare(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

    return (x > y) - (x < y);
}

/* How many bytes all keys have in common: pseudonyms begin with their key's name. */
static size_t common(struct store_kept *kept)
{
    const struct kept_row *first = &kept->rows[kept->waiting[0]];
    size_t len = first->dossier_len;

    for (size_t i = 1; i < kept->count; i++) {
        const struct kept_row *r = waiting(kept, i);

        if (len > r->dossier_len)
            len = r->dossier_len;
        while (memcmp(r->dossier, first->dossier, len) != 0)
            len--;
    }
    return len;
}

static uint64_t *sort(struct store_kept *kept)
{
    uint64_t *sorted = relais_alloc(kept->count * sizeof(*sorted));
    size_t from = common(kept);

    for (size_t i = 0; i < kept->count; i++) {
        const struct kept_row *r = waiting(kept, i);

        sorted[i] = r->topic;
        for (size_t j = from; j < from + HEAD; j++)
            sorted[i] =
                sorted[i] << 8 | (j < r->dossier_len ? (unsigned char)r->dossier[j] : 0);
        sorted[i] = sorted[i] << ROW_BITS | kept->waiting[i];
    }
    qsort(sorted, kept->count, sizeof(*sorted), compare);
    return sorted;
}

static const struct kept_row *row_of(const struct store_kept *kept, uint64_t sorted)
{
    return &kept->rows[sorted & ((1u << ROW_BITS) - 1)];
}

static int put_row(MDB_cursor *cursor, const struct store_kept *kept,
                   const struct kept_row *r)
{
    const char *topic = kept->topics[r->topic];
    char key[TOPIC_LEN + DOSSIER_MAX];
    size_t topic_len = strlen(topic) + 1;
    struct store_case row;
    struct relais_slice bytes;
    MDB_val k = {topic_len + r->dossier_len, key}, v;

    memcpy(key, topic, topic_len);
    memcpy(key + topic_len, r->dossier, r->dossier_len);
    read_row(r, &row);
    bytes = store_case_bytes(&row);
    v = (MDB_val){bytes.len, (void *)(uintptr_t)bytes.ptr};
    return mdb_cursor_put(cursor, &k, &v, 0);
}

int store_put_kept(struct store *s, struct relais_error *err)
{
    uint64_t *sorted;
    MDB_cursor *cursor;
    MDB_stat stat;
    int code;

    if (!store_kept(s))
        return 0;
    code = mdb_cursor_open(s->write, s->table[STORE_CASE], &cursor);
    if (code)
        return store_error(s, code, "dossier", err);
    sorted = sort(s->kept);
    for (size_t i = 0; i < s->kept->count && !code; i++) {
        if (i + AHEAD < s->kept->count)
            fetch(row_of(s->kept, sorted[i + AHEAD]));
        code = put_row(cursor, s->kept, row_of(s->kept, sorted[i]));
    }
    mdb_cursor_close(cursor);
    free(sorted);
    s->kept_put = code == 0;
    if (!code)
        code = mdb_stat(s->write, s->table[STORE_CASE], &stat);
    if (code)
        return store_error(s, code, "dossier", err);
    s->kept->waiting_max =
        stat.ms_leaf_pages <= STORE_KEPT_PAGES ? STORE_KEPT_MAX : STORE_KEPT_FEW;
    return 0;
}
