#ifndef RELAIS_CORE_RECORD_H
#define RELAIS_CORE_RECORD_H

/* A record: what a source connector yields and a sink connector is given. Values are
 * clear and named as the fields of the contract's schemas; who makes and who takes them
 * knows neither Kafka nor Avro. Ownership: a record, its value and its slices belong to
 * the batch's arena.
 */

#include "core/value.h"

enum relais_record_kind {
    RELAIS_RECORD_SNAPSHOT,   /* an object now looks so: the difference stage decides
                                 whether it is an event */
    RELAIS_RECORD_FACT,       /* this happened: an event, whatever was before */
    RELAIS_RECORD_PARKED,     /* could not be read: problem says why, charge holds it */
    RELAIS_RECORD_SUPERSEDED, /* a later record of this depot replaces it: counted,
                                 nothing else */
    RELAIS_RECORD_DEPOT,      /* a file was checked as a whole; the runner answers by
                                 source->verdict() */
    RELAIS_RECORD_DEPOT_END,  /* its last record was given */
    RELAIS_RECORD_EVENT,      /* to a sink: an event of a topic */
};

enum relais_verdict {
    RELAIS_VERDICT_INTEGRATE, /* give its records now */
    RELAIS_VERDICT_HOLD,      /* aside, a person decides */
    RELAIS_VERDICT_REFUSE,    /* aside for good */
    RELAIS_VERDICT_KNOWN,     /* integrated before: out of the way, nothing to say */
};

struct relais_total {
    const char *name;  /* NBTOTDOSRSATRANSM */
    int64_t announced; /* -1: not announced */
    int64_t read;
};

#define RELAIS_TOTALS_MAX 8

/* A file, after its checking pass. Times are as the source wrote them, trimmed. */
struct relais_depot {
    char hash[65];    /* SHA-256 of its bytes, hex */
    const char *path; /* where it is now; for logs its base name only */
    bool readable_header;
    struct relais_slice type;      /* TYPEFLUX: M, I, R */
    struct relais_slice nature;    /* NATFLUX */
    struct relais_slice day;       /* DTCREAFLUX */
    struct relais_slice time;      /* HEUCREAFLUX */
    struct relais_slice reference; /* DTREF */
    int32_t created_days;
    int32_t reference_days; /* INT32_MIN: none */
    int64_t created_us;     /* Paris read as UTC micros */
    bool monthly;           /* a photograph of all cases: TYPEFLUX M or R */
    bool anomalies;         /* an anomaly file: gives no event */
    int64_t blocks;         /* records it holds */
    struct relais_total totals[RELAIS_TOTALS_MAX];
    size_t total_count;
    bool release;                /* a person released it (relais depot release) */
    bool refuse;                 /* a person refused it (relais depot refuse) */
    struct relais_error problem; /* OK, or why the whole file cannot be integrated
                                    (refuse; FILE_TOTAL: hold) */
};

struct relais_record {
    enum relais_record_kind kind;
    const char *schema;         /* full name of the contract's record; NULL for depots */
    struct relais_value *value; /* clear, SNAPSHOT, FACT, EVENT; PARKED: NULL */
    struct relais_slice case_number; /* PARKED, where it could be read: the case's number
                                        (becomes its pseudonym) */
    struct relais_slice
        depot; /* first 16 hex of the file's hash, a slot's name, "publish" */
    struct relais_slice position; /* block ordinal from 1, "LSN/rank" */
    uint64_t ack; /* source's position, strictly growing; given back by source->ack() */
    struct relais_slice
        charge; /* header and block as read, for parking; ptr NULL: none or too large */
    struct relais_error problem; /* PARKED: why; class DATA */
    /* Of a log (replication, outbox) */
    int64_t observed_us;         /* commit time, its constate_le; 0: not of a log */
    bool initial;                /* SNAPSHOT of a first load: nature INITIALISATION */
    struct relais_slice id;      /* FACT: the source's own UUID; ptr NULL: none */
    struct relais_slice trace;   /* the source's own traceparent; ptr NULL: none */
    struct relais_slice encoded; /* FACT: the value as ready Avro, bare or framed, instead
                                    of `value`; ptr NULL: none */
    const struct relais_depot *file; /* DEPOT: the file; its other records: the same */
    /* EVENT only */
    const char *topic;
    int32_t partition;
    int64_t offset;
    int64_t timestamp_ms;
    struct relais_slice key;
    struct relais_value *headers; /* RECORD of STRINGs, in their order; NULL: none */
    int32_t schema_id;            /* of the registry; 0: none */
    struct relais_record *next;   /* in its batch */
};

struct relais_batch {
    struct relais_arena arena;
    struct relais_record *first;
    struct relais_record *last;
    size_t count;
};

/* An EVENT as one line of JSON, without its end: {"topic","partition","offset",
 * "timestamp","key","headers":{},"subject","schema_id","value":{}}. What `relais
 * subscribe` prints and sink_file writes. timestamp: RFC 3339, UTC; null below 0. With a
 * problem: "problem":"CODE where: text" at the end. -1: larger than out's ceiling. */
int relais_record_print(const struct relais_record *rec,
                        struct relais_buf *out) RELAIS_MUST_CHECK;

/* A partition and the offset of the next record wanted of it (-1: not known), with the
 * timestamp of the record before (0: not known): a topic that was made anew under its old
 * name is known by it. */
struct relais_position {
    const char *topic;
    int32_t partition;
    int64_t next;
    int64_t last_ms;
};

void relais_batch_init(struct relais_batch *batch, size_t arena_max);
/* A zeroed record at the batch's end; NULL: the arena is full (give back what is there,
 * go on next time). */
struct relais_record *relais_batch_add(struct relais_batch *batch);
void relais_batch_reset(struct relais_batch *batch);
void relais_batch_release(struct relais_batch *batch);

#endif
