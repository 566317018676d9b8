#ifndef RELAIS_PRODUCERS_STORE_PRIVATE_H
#define RELAIS_PRODUCERS_STORE_PRIVATE_H

/* Between store.c (environment, transactions, errors), store_rows.c (what a row looks
 * like) and store_kept.c (rows of cases in memory). */

#include "producers/store.h"

#include <lmdb.h>

enum store_table {
    STORE_OBJECT,
    STORE_ORDER,
    STORE_CASE,
    STORE_FACT,
    STORE_FILE,
    STORE_HEADER,
    STORE_OFFSET,
    STORE_JOURNAL,
    STORE_META, /* last: store_clear keeps its owner */
    STORE_TABLES,
};

struct store {
    char *dir;
    bool writer;
    int lock;
    MDB_env *env;
    MDB_dbi table[STORE_TABLES];
    MDB_txn *read;
    bool stale; /* read was reset: renew before use */
    MDB_txn *write;
    bool failed;             /* a commit failed: open anew */
    struct store_kept *kept; /* NULL: none waited so far */
    bool kept_put;           /* the open transaction has them */
};

int store_error(const struct store *s, int code, const char *what,
                struct relais_error *err);
/* The write transaction if one is open, else a fresh reader. */
int store_txn(struct store *s, MDB_txn **txn_out,
              struct relais_error *err) RELAIS_MUST_CHECK;
int store_get(struct store *s, enum store_table table, struct relais_slice key,
              struct relais_slice *value_out, bool *found_out,
              struct relais_error *err) RELAIS_MUST_CHECK;
/* A case's row as it is stored. */
struct relais_slice store_case_bytes(const struct store_case *row);
/* Of the cases in memory. */
bool store_kept_find(struct store *s, const char *topic, struct relais_slice dossier,
                     struct store_case *out);
/* The tree has this one. Nothing is kept of what a transaction reads: it may be aborted.
 */
void store_kept_read(struct store *s, const char *topic, struct relais_slice dossier,
                     const struct store_case *row);
/* Another row is put. */
void store_kept_forget(struct store *s, const char *topic, struct relais_slice dossier);
void store_kept_forget_all(struct store *s);
/* Those that waited are in the tree. */
void store_kept_written(struct store *s);
int store_put(struct store *s, enum store_table table, struct relais_slice key,
              struct relais_slice value, struct relais_error *err) RELAIS_MUST_CHECK;

#endif
