#ifndef RELAIS_CONNECTORS_PG_STREAM_H
#define RELAIS_CONNECTORS_PG_STREAM_H

/* Logical replication: the changes of a publication, from one slot, decoded from
 * pgoutput (protocol 1; PostgreSQL 13 to 18), in the order of commits. Nothing here knows
 * what a row means. Streaming of open transactions is off.
 *
 * A receiver never waits in poll() for the next row while rows flow (it sleeps some 50 us
 * when dry; design.md part 4); idle it waits up to the caller's time-out. Keepalives are
 * answered; a position is confirmed only as far as pg_stream_confirm() was told, except
 * that an idle stream (everything given was confirmed) confirms the server's own position
 * so that other databases' WAL is not retained.
 *
 * The server ends a stream that says nothing for wal_sender_timeout (60 s by default):
 * pg_stream_next() or pg_stream_confirm() is to be called every few seconds, also while
 * what was given waits for Kafka.
 *
 * Ownership: an event and all it points to is valid until the next call. Units: LSN as
 * uint64_t; times in microseconds since 1970. Errors: PG_DOWN (RETRY: open again; it
 * starts from the slot's confirmed position), those of slots (SLOT_MISSING, SLOT_LOST,
 * SLOT_FOREIGN, PUBLICATION: CONF), PG_PROTOCOL (FATAL: bytes that no server of ours
 * sends). Threads: one.
 */

#include "connectors/pg_conn.h"

#define PG_COLUMNS_MAX 1600

enum pg_event_kind {
    PG_EVENT_BEGIN,  /* commit_lsn, end_lsn 0, observed_us: known from the beginning */
    PG_EVENT_INSERT, /* now */
    PG_EVENT_UPDATE, /* now; old: the key or the whole old row where the server sent it */
    PG_EVENT_DELETE, /* old */
    PG_EVENT_TRUNCATE, /* one event a table */
    PG_EVENT_MESSAGE,  /* prefix, content; transactional or not */
    PG_EVENT_COMMIT,   /* end_lsn: to be confirmed when its rows are durable */
};

struct pg_column {
    const char *name;
    uint32_t type; /* OID */
    int32_t modifier;
    bool key; /* of the replica identity */
};

struct pg_relation {
    uint32_t oid;
    const char *schema;
    const char *name;
    char identity; /* d default, n nothing, f full, i index */
    const struct pg_column *columns;
    size_t column_count;
    uint64_t version; /* another number after each change of the columns */
    void *user;       /* the connector's; NULL again when the version changes */
};

/* A value in the text or binary form of its type, as asked at open. */
enum pg_datum_kind { PG_DATUM_NULL, PG_DATUM_UNCHANGED, PG_DATUM_TEXT, PG_DATUM_BINARY };
struct pg_datum {
    enum pg_datum_kind kind;
    struct relais_slice bytes;
};

struct pg_event {
    enum pg_event_kind kind;
    uint64_t commit_lsn; /* of its transaction */
    uint64_t end_lsn;    /* COMMIT; a MESSAGE outside of transactions: the same duty */
    int64_t observed_us; /* commit time; 0: a MESSAGE outside of transactions */
    uint32_t xid;
    struct pg_relation *relation; /* INSERT, UPDATE, DELETE, TRUNCATE */
    const struct pg_datum *now;   /* relation->column_count values */
    const struct pg_datum *old;   /* the same; NULL: not sent */
    bool old_is_key;              /* only the key columns of `old` are there */
    bool transactional;           /* MESSAGE: of the transaction under way */
    const char *prefix;           /* MESSAGE */
    struct relais_slice content;
};

/* "0/16B3748". */
bool pg_lsn_parse(const char *text, uint64_t *lsn_out);

struct pg_stream;

struct pg_stream_options {
    const char *slot;
    const char *publication;
    bool binary;   /* values in binary (PostgreSQL 14+; else text) */
    bool messages; /* logical decoding messages (PostgreSQL 14+) */
};

/* RETRY also while another process holds the slot. */
struct pg_stream *pg_stream_open(const struct relais_conf *conf,
                                 const struct pg_stream_options *options,
                                 struct relais_error *err) RELAIS_MUST_CHECK;
void pg_stream_close(struct pg_stream *s);
/* 1: an event; 0: none within timeout_ms; -1. */
int pg_stream_next(struct pg_stream *s, int timeout_ms, const struct pg_event **event_out,
                   struct relais_error *err) RELAIS_MUST_CHECK;
/* Everything up to end_lsn is durable. Told to the server at once when it asks, else
 * within a second. */
void pg_stream_confirm(struct pg_stream *s, uint64_t end_lsn);
/* Did the server, or the network, end it? Without reading what comes before the end; a
 * peer that is silent is found by the socket's own time-outs only. */
bool pg_stream_ended(const struct pg_stream *s);
/* The server has nothing more that was not given: what it had when the stream was opened
 * was reached and everything given was confirmed. For --once. */
bool pg_stream_idle(const struct pg_stream *s);
/* Where in the log the change stands that the last event tells: rising within a
 * transaction, the same for rows of one COPY. */
uint64_t pg_stream_position(const struct pg_stream *s);
/* What the server was last told, and the furthest it said it has read: metrics. */
uint64_t pg_stream_confirmed(const struct pg_stream *s);
uint64_t pg_stream_server(const struct pg_stream *s);

#endif
