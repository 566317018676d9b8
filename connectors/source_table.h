#ifndef RELAIS_CONNECTORS_SOURCE_TABLE_H
#define RELAIS_CONNECTORS_SOURCE_TABLE_H

/* The parts of source_postgres_table, between themselves:
 *   source_postgres_table.c  the connector: load, objects, records, what is durable
 *   source_table_changes.c   the log: which objects its transactions touch
 */

#include "connectors/pg_objects.h"
#include "connectors/pg_progress.h"
#include "connectors/pg_slot.h"
#include "connectors/pg_stream.h"

#include <limits.h>

#define TABLE_TRANSACTIONS 1024 /* in one batch */
#define TABLE_PENDING_MAX  4096

/* What follows when every record up to `ack` is durable. */
struct table_pending {
    uint64_t ack;
    uint64_t end_lsn;           /* to be confirmed; 0: none */
    char cursor[PG_CURSOR_MAX]; /* "": none */
};

struct source_table {
    const struct relais_conf *conf;
    const char *schema;
    struct pg_slot slot;
    struct pg_objects objects;
    struct pg_stream *stream; /* NULL: to be opened */
    struct pg_touched touched;
    struct pg_progress progress;
    char path[PATH_MAX];
    int64_t saved_us;
    bool unsaved;

    /* Transactions taken in and not yet read */
    uint32_t xids[TABLE_TRANSACTIONS];
    size_t xid_count;
    bool in_transaction;
    bool skipped;    /* the one under way was read before */
    bool changed;    /* the one under way touched something */
    bool everything; /* more than the touched keys: a load is due */
    uint64_t commit_lsn, end_lsn;
    int64_t commit_us;
    uint64_t read_lsn; /* commits up to it were read */
    bool reading;      /* no more transactions come: what they touched is being read */
    bool resolved;     /* the roots are known */
    size_t next_key;   /* of touched */

    /* Objects in hand */
    PGresult *rows;
    int row;
    size_t key;                      /* of touched, of the row */
    uint64_t rank;                   /* of the last record of the load */
    char page_cursor[PG_CURSOR_MAX]; /* of the load: the last key that was read */
    char page_begin[PG_CURSOR_MAX];  /* the last key before the page in hand */
    bool loaded;                     /* all pages were read */
    uint64_t began;                  /* slot.taken when the load's time was set */

    struct table_pending pending[TABLE_PENDING_MAX];
    size_t pending_first, pending_count;
    uint64_t given; /* ack of the last record */
    uint64_t acked;
    uint64_t confirmed; /* end LSN */
};

/* Takes the slot and opens its stream. */
int source_table_stream(struct source_table *t,
                        struct relais_error *err) RELAIS_MUST_CHECK;
/* 1: a batch of transactions is to be read; 0: not now. */
int source_table_collect(struct source_table *t, int timeout_ms,
                         struct relais_error *err) RELAIS_MUST_CHECK;
/* What was taken in and is not being read comes again by a new stream. */
void source_table_forget(struct source_table *t);
/* After the last record given so far. There is room: it was looked for before. */
int source_table_follow(struct source_table *t, uint64_t end_lsn, const char *cursor,
                        struct relais_error *err) RELAIS_MUST_CHECK;
bool source_table_full(const struct source_table *t);

#endif
