#ifndef RELAIS_CONNECTORS_PG_SLOT_H
#define RELAIS_CONNECTORS_PG_SLOT_H

/* A replication slot and its publication, looked at before they are used: what is wrong
 * is told apart, with what may be missing and the command to go on.
 *
 *   SLOT_MISSING  no such slot: never made, dropped, or the server is a promoted standby
 *                 (before PostgreSQL 17 slots are not copied to it)
 *   SLOT_LOST     WAL that it needed is gone (max_slot_wal_keep_size): changes are
 *                 missing
 *   SLOT_FOREIGN  physical, of another plugin or of another database
 *   SLOT_ORIGIN   the server is another one, or its log went back (pg_origin.h)
 *   PUBLICATION   it does not exist, or leaves out a table or what happens to it
 *
 * That another process reads from it is no error here: opening the stream waits (RETRY).
 * Names default to relais_<territory>_<instance>. Units: LSN as uint64_t, bytes.
 * Blocking: as pg_conn.
 */

#include "connectors/pg_origin.h"
#include "connectors/pg_stream.h"

#define PG_SLOT_TABLES_MAX 64

/* To be put into a source's table of keys. */
/* clang-format off */
#define PG_SLOT_KEYS                                                                     \
    {"connector", "slot", RELAIS_CONF_TEXT,                                              \
     .doc = "Slot de réplication ; à défaut relais_<territoire>_<instance>."},           \
    {"connector", "publication", RELAIS_CONF_TEXT,                                       \
     .doc = "Publication ; à défaut le nom du slot."}
/* Last in a table of keys. A log is read more slowly than a file: fewer in flight do. */
#define PG_LIMITS_KEYS                                                                   \
    {"limits", "inflight_records", RELAIS_CONF_INTEGER, 1, 10000000, .def = "4096",      \
     .doc = "Messages envoyés et non encore acquittés, au plus."}
/* clang-format on */

struct pg_slot_table {
    char schema[64];
    char name[64];
    char column[64];   /* of a mapping: without it a change does not say its object */
    uint32_t oid;      /* 0 until it was looked at */
    uint64_t oid_from; /* changes before it are of the name only */
};

struct pg_slot {
    const struct relais_conf *conf;
    char name[64];
    char publication[64];
    struct pg_origin origin;
    struct pg_slot_table tables[PG_SLOT_TABLES_MAX]; /* to be published */
    size_t table_count;
    bool changes; /* updates, deletes and truncates too */
    int unfit;    /* looks in a row that found no table, or no right */
    int64_t saved_us, measured_us;
    uint64_t taken; /* streams opened: what one process reads, no other does */
};

struct pg_slot_state {
    bool exists, active, ours, published;
    char plugin[64], database[64], wal_status[16];
    uint64_t confirmed, server; /* LSN: of the slot, the server's last */
    int64_t retained;           /* bytes of WAL that it holds back */
    int64_t safe;               /* bytes until it is lost; -1: no limit */
};

/* Names from the configuration, the server as known so far. CONF_VALUE, STATE_BROKEN. */
int pg_slot_init(struct pg_slot *s, const struct relais_conf *conf,
                 struct relais_error *err) RELAIS_MUST_CHECK;
/* The tables that the connector's keys name (an outbox, those of a mapping, which are
 * looked up by c). CONF_VALUE, errors of pg_mapping. */
int pg_slot_read_tables(struct pg_slot *s, struct pg_conn *c,
                        struct relais_error *err) RELAIS_MUST_CHECK;
/* The log names a table as it was called when the row was written: it is the same one if
 * it was renamed since, but rows that were written to another one before that took an
 * outbox's name are none of it. */
bool pg_slot_is_table(const struct pg_slot_table *t, const struct pg_event *e);
int pg_slot_look(const struct pg_slot *s, struct pg_conn *c, struct pg_slot_state *out,
                 struct relais_error *err) RELAIS_MUST_CHECK;
/* Fit to be read from: else one of the errors above. Writes nothing. */
int pg_slot_check(struct pg_slot *s, struct pg_conn *c, struct pg_slot_state *out,
                  struct relais_error *err) RELAIS_MUST_CHECK;
/* The statement that makes the publication fit, into sql; 1: there is one, 0: it is fit.
 */
int pg_slot_publication_sql(struct pg_slot *s, struct pg_conn *c, struct relais_buf *sql,
                            struct relais_error *err) RELAIS_MUST_CHECK;

/* Checks, remembers the server, opens the stream. */
struct pg_stream *pg_slot_stream(struct pg_slot *s, bool messages,
                                 struct relais_error *err) RELAIS_MUST_CHECK;
/* To be called now and then while the stream is read: remembers what was confirmed (at
 * most ten seconds late); every half minute measures what the slot retains, and looks at
 * the publication and its tables. What fails is tried again; -1: they are not fit
 * (PUBLICATION; PG_SCHEMA, PG_RIGHTS twice in a row: a table may be made anew). */
int pg_slot_tend(struct pg_slot *s, const struct pg_stream *stream,
                 struct relais_error *err) RELAIS_MUST_CHECK;
/* The same at the end; stream may be NULL. */
void pg_slot_leave(struct pg_slot *s, const struct pg_stream *stream);

/* Makes the slot; from PostgreSQL 17 on one that follows to a standby. It waits for the
 * transactions that have written something: which is the oldest is logged, and in the
 * error (PG_DOWN) where it outlasts the statement's time-out. */
int pg_slot_create(const struct pg_slot *s, struct pg_conn *c,
                   struct relais_error *err) RELAIS_MUST_CHECK;
int pg_slot_drop(const struct pg_slot *s, struct pg_conn *c,
                 struct relais_error *err) RELAIS_MUST_CHECK;
/* All before `lsn` is given up. */
int pg_slot_advance(const struct pg_slot *s, struct pg_conn *c, const char *lsn,
                    struct relais_error *err) RELAIS_MUST_CHECK;

#endif
