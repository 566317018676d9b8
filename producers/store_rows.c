#include "producers/store_private.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

/* Rows are structs of fixed width as the machine lays them out, followed by texts: the
 * state never leaves its machine (it is made anew from the topics). */

#define KEY_MAX 500

struct object_head {
    uint64_t fingerprint;
    int64_t sequence;
    int64_t observed_us;
    uint64_t contract_len;
};

static int broken(const char *what, struct relais_error *err)
{
    return relais_error_set(err, RELAIS_E_STATE_BROKEN, "[relais] state",
                            "row of %s has the wrong size; relais depot rebuild makes "
                            "the state anew",
                            what);
}

/* A row of one fixed struct. */
static int get_fixed(struct store *s, enum store_table table, struct relais_slice key,
                     void *out, size_t size, bool *found_out, struct relais_error *err)
{
    struct relais_slice v;

    if (store_get(s, table, key, &v, found_out, err))
        return -1;
    if (!*found_out)
        return 0;
    if (v.len != size)
        return broken("fixed size", err);
    memcpy(out, v.ptr, size);
    return 0;
}

static struct relais_slice bytes_of(const void *ptr, size_t len)
{
    return (struct relais_slice){ptr, len};
}

void store_order_make(struct store_order *order, int64_t created_us, bool monthly,
                      int64_t rank, struct relais_slice name)
{
    uint64_t biased = (uint64_t)created_us ^ UINT64_C(1) << 63;
    size_t room = sizeof(order->bytes) - 10;

    memset(order, 0, sizeof(*order));
    for (size_t i = 0; i < 8; i++)
        order->bytes[i] = (unsigned char)(biased >> (56 - 8 * i));
    order->bytes[8] = monthly;
    order->bytes[9] = (unsigned char)(rank < 255 ? rank : 255);
    if (name.len > room)
        name.len = room;
    if (name.len)
        memcpy(order->bytes + 10, name.ptr, name.len);
    order->len = 10 + name.len;
}

int store_order_cmp(const struct store_order *a, const struct store_order *b)
{
    return relais_slice_cmp(bytes_of(a->bytes, a->len), bytes_of(b->bytes, b->len));
}

static int read_object(struct relais_slice v, struct store_object *out,
                       struct relais_error *err)
{
    struct object_head head;

    if (v.len < sizeof(head))
        return broken("object", err);
    memcpy(&head, v.ptr, sizeof(head));
    if (head.contract_len > v.len - sizeof(head))
        return broken("object", err);
    out->fingerprint = head.fingerprint;
    out->sequence = head.sequence;
    out->observed_us = head.observed_us;
    out->contract = bytes_of(v.ptr + sizeof(head), (size_t)head.contract_len);
    out->value = bytes_of(out->contract.ptr + out->contract.len,
                          v.len - sizeof(head) - out->contract.len);
    return 0;
}

int store_object(struct store *s, struct relais_slice object, struct store_object *out,
                 bool *found_out, struct relais_error *err)
{
    struct relais_slice v;

    if (store_get(s, STORE_OBJECT, object, &v, found_out, err))
        return -1;
    return *found_out ? read_object(v, out, err) : 0;
}

int store_object_next(struct store *s, char after[37], struct store_object *out,
                      bool *found_out, struct relais_error *err)
{
    MDB_val k = {strlen(after), after}, v;
    MDB_cursor *cursor = NULL;
    MDB_txn *txn;
    int code, rc = -1;

    *found_out = false;
    if (store_txn(s, &txn, err))
        return -1;
    code = mdb_cursor_open(txn, s->table[STORE_OBJECT], &cursor);
    if (!code)
        code = mdb_cursor_get(cursor, &k, &v, after[0] ? MDB_SET_RANGE : MDB_FIRST);
    if (!code && after[0] && k.mv_size == strlen(after) &&
        memcmp(k.mv_data, after, k.mv_size) == 0)
        code = mdb_cursor_get(cursor, &k, &v, MDB_NEXT);
    if (code == MDB_NOTFOUND) {
        rc = 0;
        goto out;
    }
    if (code || k.mv_size != 36) {
        rc = code ? store_error(s, code, "object", err) : broken("object", err);
        goto out;
    }
    memcpy(after, k.mv_data, 36);
    after[36] = '\0';
    *found_out = true;
    rc = read_object(bytes_of(v.mv_data, v.mv_size), out, err);
out:
    if (cursor)
        mdb_cursor_close(cursor);
    return rc;
}

int store_put_object(struct store *s, struct relais_slice object,
                     const struct store_object *row, struct relais_error *err)
{
    struct object_head head = {row->fingerprint, row->sequence, row->observed_us,
                               row->contract.len};
    MDB_val k = {object.len, (void *)(uintptr_t)object.ptr};
    MDB_val v = {sizeof(head) + row->contract.len + row->value.len, NULL};
    char *to;
    int code;

    if (object.len != 36)
        return relais_error_set(err, RELAIS_E_BUG, "store", "object id of %zu bytes",
                                object.len);
    code = mdb_put(s->write, s->table[STORE_OBJECT], &k, &v, MDB_RESERVE);
    if (code)
        return store_error(s, code, "object", err);
    to = v.mv_data;
    memcpy(to, &head, sizeof(head));
    memcpy(to + sizeof(head), row->contract.ptr, row->contract.len);
    memcpy(to + sizeof(head) + row->contract.len, row->value.ptr, row->value.len);
    return 0;
}

static int own_order(struct store *s, struct relais_slice object, struct store_order *out,
                     struct relais_error *err)
{
    struct relais_slice v;
    bool found;

    out->len = 0;
    if (store_get(s, STORE_ORDER, object, &v, &found, err))
        return -1;
    if (!found)
        return 0;
    if (v.len > sizeof(out->bytes))
        return broken("ordre", err);
    memcpy(out->bytes, v.ptr, v.len);
    out->len = v.len;
    return 0;
}

int store_order(struct store *s, struct relais_slice object, struct store_order *out,
                struct relais_error *err)
{
    struct store_meta meta;

    if (own_order(s, object, out, err) || store_meta(s, &meta, err))
        return -1;
    if (store_order_cmp(&meta.floor, out) > 0)
        *out = meta.floor;
    return 0;
}

int store_put_order(struct store *s, struct relais_slice object,
                    const struct store_order *order, struct relais_error *err)
{
    struct store_order old;

    if (own_order(s, object, &old, err))
        return -1;
    if (store_order_cmp(order, &old) <= 0)
        return 0;
    return store_put(s, STORE_ORDER, object, bytes_of(order->bytes, order->len), err);
}

/* topic NUL rest */
static int make_key(const char *topic, struct relais_slice rest, char key[KEY_MAX],
                    struct relais_slice *out, struct relais_error *err)
{
    size_t topic_len = strlen(topic);

    if (topic_len + 1 + rest.len > KEY_MAX)
        return relais_error_set(err, RELAIS_E_LIMIT, "entete.dossier",
                                "%zu bytes, too long for a key", rest.len);
    memcpy(key, topic, topic_len + 1);
    if (rest.len)
        memcpy(key + topic_len + 1, rest.ptr, rest.len);
    *out = bytes_of(key, topic_len + 1 + rest.len);
    return 0;
}

/* A case's row: two numbers, then the position without its end. */
#define CASE_HEAD offsetof(struct store_case, position)

static int read_case(struct relais_slice v, struct store_case *out,
                     struct relais_error *err)
{
    if (v.len < CASE_HEAD || v.len > sizeof(*out))
        return broken("dossier", err);
    memcpy(out, v.ptr, v.len);
    return 0;
}

int store_case(struct store *s, const char *topic, struct relais_slice dossier,
               struct store_case *out, bool *found_out, struct relais_error *err)
{
    char bytes[KEY_MAX];
    struct relais_slice key, v;

    *out = (struct store_case){.observed_us = INT64_MIN};
    *found_out = store_kept_find(s, topic, dossier, out);
    if (*found_out)
        return 0;
    if (make_key(topic, dossier, bytes, &key, err) ||
        store_get(s, STORE_CASE, key, &v, found_out, err))
        return -1;
    if (!*found_out)
        return 0;
    if (read_case(v, out, err))
        return -1;
    store_kept_read(s, topic, dossier, out);
    return 0;
}

/* The position with zeros up to a multiple of 16 bytes: a row that is as long as the one
 * before is written over it in its page, one of another length moves those behind it. */
struct relais_slice store_case_bytes(const struct store_case *row)
{
    size_t len = strnlen(row->position, sizeof(row->position));

    return bytes_of(row, CASE_HEAD + ((len + 15) & ~(size_t)15));
}

int store_put_case(struct store *s, const char *topic, struct relais_slice dossier,
                   const struct store_case *row, struct relais_error *err)
{
    char bytes[KEY_MAX];
    struct relais_slice key;

    if (make_key(topic, dossier, bytes, &key, err))
        return -1;
    store_kept_forget(s, topic, dossier);
    return store_put(s, STORE_CASE, key, store_case_bytes(row), err);
}

int store_fact(struct store *s, const char id[37], unsigned char digest_out[16],
               bool *found_out, struct relais_error *err)
{
    return get_fixed(s, STORE_FACT, bytes_of(id, 36), digest_out, 16, found_out, err);
}

int store_put_fact(struct store *s, const char id[37], const unsigned char digest[16],
                   struct relais_error *err)
{
    return store_put(s, STORE_FACT, bytes_of(id, 36), bytes_of(digest, 16), err);
}

int store_file(struct store *s, const char *depot, struct store_file *out,
               bool *found_out, struct relais_error *err)
{
    memset(out, 0, sizeof(*out));
    return get_fixed(s, STORE_FILE, relais_slice_str(depot), out, sizeof(*out), found_out,
                     err);
}

int store_put_file(struct store *s, const char *depot, const struct store_file *row,
                   struct relais_error *err)
{
    return store_put(s, STORE_FILE, relais_slice_str(depot), bytes_of(row, sizeof(*row)),
                     err);
}

/* Every row of a table of fixed structs, through `row`. */
static int each_fixed(struct store *s, enum store_table table, const char *what,
                      void *row, size_t size, int (*each)(void *user, const void *row),
                      void *user, struct relais_error *err)
{
    MDB_cursor *cursor = NULL;
    MDB_val k, v;
    MDB_txn *txn;
    int code, rc = -1;

    if (store_txn(s, &txn, err))
        return -1;
    code = mdb_cursor_open(txn, s->table[table], &cursor);
    if (code)
        return store_error(s, code, what, err);
    while ((code = mdb_cursor_get(cursor, &k, &v, MDB_NEXT)) == 0) {
        if (v.mv_size != size) {
            broken(what, err);
            goto out;
        }
        memcpy(row, v.mv_data, size);
        if (each(user, row))
            goto out;
    }
    rc = code == MDB_NOTFOUND ? 0 : store_error(s, code, what, err);
out:
    mdb_cursor_close(cursor);
    return rc;
}

struct files_user {
    int (*each)(void *user, const struct store_file *file);
    void *user;
};

static int each_file(void *user, const void *row)
{
    const struct files_user *u = user;

    return u->each(u->user, row);
}

int store_files(struct store *s, int (*each)(void *user, const struct store_file *file),
                void *user, struct relais_error *err)
{
    struct files_user u = {each, user};
    struct store_file row;

    return each_fixed(s, STORE_FILE, "fichier", &row, sizeof(row), each_file, &u, err);
}

struct days_user {
    int (*each)(void *user, const struct store_day *row);
    void *user;
};

static int each_day(void *user, const void *row)
{
    const struct days_user *u = user;

    return u->each(u->user, row);
}

int store_days(struct store *s, int (*each)(void *user, const struct store_day *row),
               void *user, struct relais_error *err)
{
    struct days_user u = {each, user};
    struct store_day row;

    return each_fixed(s, STORE_JOURNAL, "journal", &row, sizeof(row), each_day, &u, err);
}

static int day_key(const char *slot, int32_t day, char key[KEY_MAX],
                   struct relais_slice *out, struct relais_error *err)
{
    return make_key(slot, bytes_of(&day, sizeof(day)), key, out, err);
}

int store_day(struct store *s, const char *slot, int32_t day, struct store_day *out,
              bool *found_out, struct relais_error *err)
{
    char bytes[KEY_MAX];
    struct relais_slice key;

    memset(out, 0, sizeof(*out));
    snprintf(out->slot, sizeof(out->slot), "%s", slot);
    out->day = day;
    if (day_key(slot, day, bytes, &key, err))
        return -1;
    return get_fixed(s, STORE_JOURNAL, key, out, sizeof(*out), found_out, err);
}

int store_put_day(struct store *s, const struct store_day *row, struct relais_error *err)
{
    char bytes[KEY_MAX];
    struct relais_slice key;

    if (day_key(row->slot, row->day, bytes, &key, err))
        return -1;
    return store_put(s, STORE_JOURNAL, key, bytes_of(row, sizeof(*row)), err);
}

static int header_key(struct relais_slice type, int64_t created_us, char key[KEY_MAX],
                      struct relais_slice *out, struct relais_error *err)
{
    char number[24];

    snprintf(number, sizeof(number), "%lld", (long long)created_us);
    return make_key(number, type, key, out, err);
}

int store_header(struct store *s, struct relais_slice type, int64_t created_us,
                 int64_t *count_out, struct relais_error *err)
{
    char bytes[KEY_MAX];
    struct relais_slice key;
    bool found;

    *count_out = 0;
    if (header_key(type, created_us, bytes, &key, err))
        return -1;
    return get_fixed(s, STORE_HEADER, key, count_out, sizeof(*count_out), &found, err);
}

int store_put_header(struct store *s, struct relais_slice type, int64_t created_us,
                     int64_t count, struct relais_error *err)
{
    char bytes[KEY_MAX];
    struct relais_slice key;

    if (header_key(type, created_us, bytes, &key, err))
        return -1;
    return store_put(s, STORE_HEADER, key, bytes_of(&count, sizeof(count)), err);
}

int store_offset(struct store *s, const char *topic, int32_t partition,
                 int64_t *offset_out, bool *found_out, struct relais_error *err)
{
    char bytes[KEY_MAX];
    struct relais_slice key;

    if (make_key(topic, bytes_of(&partition, sizeof(partition)), bytes, &key, err))
        return -1;
    return get_fixed(s, STORE_OFFSET, key, offset_out, sizeof(*offset_out), found_out,
                     err);
}

int store_put_offset(struct store *s, const char *topic, int32_t partition,
                     int64_t offset, struct relais_error *err)
{
    char bytes[KEY_MAX];
    struct relais_slice key;

    if (make_key(topic, bytes_of(&partition, sizeof(partition)), bytes, &key, err))
        return -1;
    return store_put(s, STORE_OFFSET, key, bytes_of(&offset, sizeof(offset)), err);
}

int store_position(struct store *s, char out[STORE_POSITION_MAX],
                   struct relais_error *err)
{
    bool found;

    memset(out, 0, STORE_POSITION_MAX);
    return get_fixed(s, STORE_META, RELAIS_SLICE("position"), out, STORE_POSITION_MAX,
                     &found, err);
}

int store_put_position(struct store *s, const char position[STORE_POSITION_MAX],
                       struct relais_error *err)
{
    return store_put(s, STORE_META, RELAIS_SLICE("position"),
                     bytes_of(position, STORE_POSITION_MAX), err);
}

int store_meta(struct store *s, struct store_meta *out, struct relais_error *err)
{
    bool found;

    memset(out, 0, sizeof(*out));
    out->last_monthly_us = INT64_MIN;
    return get_fixed(s, STORE_META, RELAIS_SLICE("meta"), out, sizeof(*out), &found, err);
}

int store_put_meta(struct store *s, const struct store_meta *row,
                   struct relais_error *err)
{
    return store_put(s, STORE_META, RELAIS_SLICE("meta"), bytes_of(row, sizeof(*row)),
                     err);
}
