#ifndef RELAIS_PRODUCERS_STORE_H
#define RELAIS_PRODUCERS_STORE_H

/* The state of a source: a cache of its topics (design.md part 2), in LMDB. Nothing in it
 * names a person: values are as published.
 *
 *   object    object id            -> last published value, its sequence and constate_le
 *                                     (of a log's facts: none)
 *   ordre     object id            -> order key of the file it was last taken from
 *   dossier   (topic, dossier)     -> last sequence, last constate_le, source position
 *   fait      event id             -> digest of a fact's content (facts without position)
 *   fichier   depot (16 hex)       -> what became of a file
 *   entete    (TYPEFLUX, instant)  -> integrated deliveries under that header
 *   offset    (topic, partition)   -> next offset that is not known here
 *   journal   (slot, day)          -> counts of a day of a log
 *   divers    name                 -> the rest
 *
 * One writer (flock); `relais depot list` reads beside it. Ownership: slices given out
 * are borrowed until the next store_begin or store_commit. Errors: DISK_FULL, IO (RETRY:
 * nothing of that transaction was written; begin it again), STATE_LOCKED, CONF_VALUE
 * (CONF), STATE_BROKEN. Threads: one. commit blocks for an fsync.
 */

#include "producers/depot.h"

struct store;

/* An order key (contract A7, order of files) compares by memcmp: (created, daily before
 * monthly, rank of the delivery under one header, name). */
#define STORE_ORDER_MAX 272
struct store_order {
    unsigned char bytes[STORE_ORDER_MAX];
    size_t len; /* 0: none, before all */
};

struct store_object {
    struct relais_slice contract; /* full name */
    uint64_t fingerprint;         /* of the schema it was written with */
    int64_t sequence;
    int64_t observed_us;       /* constate_le */
    struct relais_slice value; /* Avro, without frame */
};

/* A position in a log, with the log it is one of: "<8 hex of its name's
 * hash>:<position>". Of two logs (slots) neither is before the other. */
#define STORE_POSITION_MAX 64
struct store_case {
    int64_t sequence;
    int64_t observed_us;
    char position[STORE_POSITION_MAX]; /* of a log; "": none */
};

/* Bits of store_file.issued: which control events were published. */
#define STORE_ISSUED(state) (1u << (state))

struct store_file {
    struct relais_depot_row row;
    char code[24];   /* why held or refused: an error's name */
    uint64_t number; /* 1 for the first file ever seen */
    int64_t created_us;
    uint32_t issued;
    bool monthly;
    bool anomalies;
};

/* What was counted of a log on one day (Paris) of constate_le. */
#define STORE_SLOT_MAX          64
#define STORE_DAY_PUBLISHED_MAX 96
#define STORE_DAY_PARKED_MAX    48
struct store_day_published {
    char subject[64];
    char fait[32];
    int64_t count;
    int64_t centimes;
};
struct store_day_parked {
    char code[24];
    int64_t count;
};
struct store_day {
    char slot[STORE_SLOT_MAX];
    int32_t day;    /* since 1970-01-01 */
    int64_t issued; /* control events of this day */
    int64_t said;   /* records that the last of them counted */
    int64_t published_total, unchanged, parked_total;
    struct store_day_published published[STORE_DAY_PUBLISHED_MAX];
    size_t published_len;
    struct store_day_parked parked[STORE_DAY_PARKED_MAX];
    size_t parked_len;
    char first_id[37], last_id[37];
};

struct store_meta {
    uint64_t file_count;
    int64_t renvoi_count;     /* published and closed */
    int64_t last_monthly_us;  /* INT64_MIN: none was integrated */
    struct store_order floor; /* order key of objects that have none of their own */
};

/* writer: made if absent, locked. source: must be the one it was made for. */
struct store *store_open(const char *dir, const char *source, bool writer,
                         struct relais_error *err) RELAIS_MUST_CHECK;
void store_close(struct store *s);
/* Of a folder that nobody uses: all that a store puts there, and it. Best effort. */
void store_remove(const char *dir);
/* No position is known: never used, or deleted. */
int store_empty(struct store *s, bool *empty_out,
                struct relais_error *err) RELAIS_MUST_CHECK;

void store_order_make(struct store_order *order, int64_t created_us, bool monthly,
                      int64_t rank, struct relais_slice name);
int store_order_cmp(const struct store_order *a, const struct store_order *b);

/* found_out: whether there is one. */
int store_object(struct store *s, struct relais_slice object, struct store_object *out,
                 bool *found_out, struct relais_error *err) RELAIS_MUST_CHECK;
/* The first object after `after` ("": the first of all); its id goes into after. */
int store_object_next(struct store *s, char after[37], struct store_object *out,
                      bool *found_out, struct relais_error *err) RELAIS_MUST_CHECK;
/* Of an object that exists: its own or the floor, the greater. */
int store_order(struct store *s, struct relais_slice object, struct store_order *out,
                struct relais_error *err) RELAIS_MUST_CHECK;
int store_case(struct store *s, const char *topic, struct relais_slice dossier,
               struct store_case *out, bool *found_out,
               struct relais_error *err) RELAIS_MUST_CHECK;
int store_fact(struct store *s, const char id[37], unsigned char digest_out[16],
               bool *found_out, struct relais_error *err) RELAIS_MUST_CHECK;
int store_file(struct store *s, const char *depot, struct store_file *out,
               bool *found_out, struct relais_error *err) RELAIS_MUST_CHECK;
/* Every file, in no order. */
int store_files(struct store *s, int (*each)(void *user, const struct store_file *file),
                void *user, struct relais_error *err) RELAIS_MUST_CHECK;
int store_header(struct store *s, struct relais_slice type, int64_t created_us,
                 int64_t *count_out, struct relais_error *err) RELAIS_MUST_CHECK;
int store_offset(struct store *s, const char *topic, int32_t partition,
                 int64_t *offset_out, bool *found_out,
                 struct relais_error *err) RELAIS_MUST_CHECK;
/* Zeroed but for its key where there is none. */
int store_day(struct store *s, const char *slot, int32_t day, struct store_day *out,
              bool *found_out, struct relais_error *err) RELAIS_MUST_CHECK;
/* Every day of every slot, in no order. */
int store_days(struct store *s, int (*each)(void *user, const struct store_day *row),
               void *user, struct relais_error *err) RELAIS_MUST_CHECK;
/* The position up to which a log's records were all written; "": none. */
int store_position(struct store *s, char out[STORE_POSITION_MAX],
                   struct relais_error *err) RELAIS_MUST_CHECK;
int store_meta(struct store *s, struct store_meta *out,
               struct relais_error *err) RELAIS_MUST_CHECK;

/* One transaction: begin, puts, commit. Reads between see what was put. */
int store_begin(struct store *s, struct relais_error *err) RELAIS_MUST_CHECK;
int store_commit(struct store *s, struct relais_error *err) RELAIS_MUST_CHECK;
void store_abort(struct store *s);

int store_put_object(struct store *s, struct relais_slice object,
                     const struct store_object *row,
                     struct relais_error *err) RELAIS_MUST_CHECK;
/* Never goes back: the greater of what is there and `order` stays. */
int store_put_order(struct store *s, struct relais_slice object,
                    const struct store_order *order,
                    struct relais_error *err) RELAIS_MUST_CHECK;
int store_put_case(struct store *s, const char *topic, struct relais_slice dossier,
                   const struct store_case *row,
                   struct relais_error *err) RELAIS_MUST_CHECK;
/* Instead of a put, with or without a transaction: the row waits in memory, where
 * store_case sees it, until store_put_kept and a commit, and may be found there without
 * the tree from then on. false: it has to be put. Too many wait (STORE_KEPT_MAX;
 * STORE_KEPT_FEW where the tree has more than STORE_KEPT_PAGES, or has not been seen:
 * what a write touches is memory until its commit, all these pages and those of new
 * cases, 35 MB at most), it is longer than a pseudonym and an LSN, or those that wait
 * were put and are not committed. From the first such call on, what store_case reads
 * outside of transactions is kept as well: 131,072 rows, 14 MB at most. */
#define STORE_KEPT_MAX   57344
#define STORE_KEPT_FEW   8192
#define STORE_KEPT_PAGES 6144
bool store_keep_case(struct store *s, const char *topic, struct relais_slice dossier,
                     const struct store_case *row) RELAIS_MUST_CHECK;
size_t store_kept(const struct store *s); /* that wait */
/* In the open transaction: every row that waits. They wait on until its commit has gone
 * well. A case that waits is put in no other way meanwhile. */
int store_put_kept(struct store *s, struct relais_error *err) RELAIS_MUST_CHECK;
int store_put_fact(struct store *s, const char id[37], const unsigned char digest[16],
                   struct relais_error *err) RELAIS_MUST_CHECK;
int store_put_file(struct store *s, const char *depot, const struct store_file *row,
                   struct relais_error *err) RELAIS_MUST_CHECK;
int store_put_header(struct store *s, struct relais_slice type, int64_t created_us,
                     int64_t count, struct relais_error *err) RELAIS_MUST_CHECK;
int store_put_offset(struct store *s, const char *topic, int32_t partition,
                     int64_t offset, struct relais_error *err) RELAIS_MUST_CHECK;
int store_put_day(struct store *s, const struct store_day *row,
                  struct relais_error *err) RELAIS_MUST_CHECK;
int store_put_position(struct store *s, const char position[STORE_POSITION_MAX],
                       struct relais_error *err) RELAIS_MUST_CHECK;
int store_put_meta(struct store *s, const struct store_meta *row,
                   struct relais_error *err) RELAIS_MUST_CHECK;
/* Everything goes, in the transaction that is open; nothing waits. */
int store_clear(struct store *s, struct relais_error *err) RELAIS_MUST_CHECK;

#endif
