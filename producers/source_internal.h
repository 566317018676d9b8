#ifndef RELAIS_PRODUCERS_SOURCE_INTERNAL_H
#define RELAIS_PRODUCERS_SOURCE_INTERNAL_H

/* The parts of the source runner, between themselves:
 *   source_run.c      the loop, the error policy, stopping
 *   source_open.c     what a source is made of, from its configuration
 *   source_start.c    what the topics hold beyond the state, taken in before the loop
 *   source_record.c   one record: event, parked, unchanged
 *   source_depot.c    one file: verdict, counts, control event
 *   source_renvoi.c   every object's present state once more
 *   source_journal.c  a log's days: counted, and said by a control event each
 *   source_commit.c   the low water becomes state
 * Functions that return int: 0, or -1 when the process has to end (s->status says how;
 * the reason was logged) - unless they take an err. */

#include "core/ops.h"
#include "producers/control.h"
#include "producers/difference.h"
#include "producers/publisher.h"
#include "producers/source_run.h"

#define SOURCE_FAITS_MAX   32
#define SOURCE_NOTICES_MAX 64

/* Of the control event of a file that holds anomalies only: it gives no event and its
 * header counts for nothing. */
#define SOURCE_MOTIF_ANOMALIES "fichier d'anomalies : aucun événement"

_Static_assert(STORE_DAY_PUBLISHED_MAX == CONTROL_PUBLISHED_MAX &&
                   STORE_DAY_PARKED_MAX == CONTROL_PARKED_MAX,
               "a day's row holds what a control event counts");

/* Slots of relais_ops_reason. */
enum source_reason {
    REASON_KAFKA,
    REASON_STATE,
    REASON_REGISTRY,
    REASON_CONNECTOR,
    REASON_PARKED,
    REASON_START,
};

struct source_type {
    const char *fait; /* static */
    char name[128];   /* ce_type */
};

struct source_contract {
    struct difference_target target;
    char topic[160];
    char dlq[170];
    uint32_t dlq_index;
    struct source_type types[SOURCE_FAITS_MAX];
    size_t type_count;
    bool opined; /* libavro agreed on its first event */
};

/* Counts of like warnings and parked records: one line each at the end of a file, never
 * one a record. */
struct source_notice {
    enum relais_code code;
    bool parked;
    char where[96];
    int64_t count;
};

struct source_file {
    bool open;
    struct relais_arena arena; /* of its texts */
    struct relais_depot depot; /* a copy */
    char id[17];               /* first 16 hex of its hash */
    char rank[24];
    struct difference_file difference;
    struct control_counts counts;
};

/* What the state gets together with the control event that is in flight. */
struct source_closing {
    bool pending;
    char depot[40]; /* "": no file's row */
    struct store_file file;
    bool header;
    char header_type[32];
    int64_t header_us, header_count;
    struct store_meta meta;
    struct store_day day; /* .day 0: none */
};

/* Of a log: its name, and how far its days were looked at. */
struct source_journal {
    char slot[STORE_SLOT_MAX];
    char position[STORE_POSITION_MAX]; /* up to it everything was in the state at start */
    char current[STORE_POSITION_MAX];  /* of the record under way */
    int64_t seen_us;                   /* the latest commit time */
    int64_t looked_us;                 /* monotonic */
    int32_t said_before;               /* days before this one were all said */
};

/* A day's row, counted on in memory. */
struct source_day {
    struct store_day row; /* .day 0: none */
    struct control_counts counts;
};

#define SOURCE_OFFSETS_MAX 512
struct source_offset {
    uint32_t topic;
    int32_t partition;
    int64_t next;
};

/* What the state gets with its next write, besides the rows of cases that wait in the
 * store: of entries that were released from the ring. */
struct source_unwritten {
    size_t entries;
    int64_t since_us; /* monotonic */
    uint64_t ack;
    struct source_offset offsets[SOURCE_OFFSETS_MAX];
    size_t offset_count;
    size_t offset_last;                /* the one used last */
    char position[STORE_POSITION_MAX]; /* of a log; "": none */
    struct source_day day;
};

struct source {
    const struct relais_conf *conf;
    const struct relais_connector *connector;
    const struct relais_source_options *options;
    const char *name; /* urn:relais:... */
    const char *territory;
    void *state; /* the connector's */
    struct relais_codes *codes;
    struct relais_keyring *ring;
    struct relais_registry *registry;
    struct relais_checker checker;
    struct store *store;
    struct publisher *publisher;
    struct relais_ops *ops;
    struct difference difference;
    struct source_contract contracts[RELAIS_SOURCE_CONTRACTS_MAX];
    size_t contract_count;
    const struct relais_contract *control_contract;
    char control_topic[160];
    uint32_t control_index;
    int32_t control_schema, parked_schema;
    struct relais_batch batch;
    struct relais_arena arena; /* of one message */
    struct relais_buf buf;     /* the same */
    struct source_file file;
    struct source_closing closing;
    struct source_journal journal;
    struct source_unwritten unwritten;
    struct source_notice notices[SOURCE_NOTICES_MAX];
    size_t notice_count;
    int64_t notices_since_us;
    size_t parked_running;   /* records parked since the last one that was not */
    uint64_t last_ack;       /* given back to the connector */
    uint64_t taken;          /* what the connector said when the state was caught up */
    int64_t committed_us;    /* monotonic, of the last commit */
    int64_t commit_retry_us; /* not before */
    int commit_backoff_ms;
    int backoff_ms;          /* of calls that block */
    enum relais_code logged; /* the last error that was logged, not to repeat it */
    int64_t logged_us;
    int64_t stop_us; /* monotonic: when stopping has to be over; 0: not stopping */
    bool finished;   /* --once: the connector was idle, everything acknowledged */
    int status;
};

/* source_open.c */
int source_open(struct source *s, struct relais_error *err) RELAIS_MUST_CHECK;
/* true: librdkafka hangs: end by _exit(). */
bool source_close(struct source *s);
/* Registers every contract (RETRY while the registry is away). */
int source_register(struct source *s, struct relais_error *err) RELAIS_MUST_CHECK;
struct source_contract *source_contract_of(struct source *s, const char *name);
/* ce_type of a contract's fait. */
const char *source_type_of(struct source_contract *c, const char *fait);

/* source_run.c */
/* Logs; RETRY: waits, longer each time, and returns 0 to try again; DATA: 0; else, or
 * when stopping: -1. */
int source_trouble(struct source *s, const struct relais_error *err,
                   enum source_reason reason);
/* A record was parked, or was not: where a hundred in a row are, readiness says so. */
void source_parked(struct source *s, const struct relais_error *why);
void source_passed(struct source *s);
/* The call that had trouble went well. */
void source_fine(struct source *s, enum source_reason reason);
/* Serves the publisher, writes the low water when it is time. */
int source_pump(struct source *s, int timeout_ms);
/* Until nothing is in flight and everything is in the state. */
int source_drain(struct source *s);
/* Pushes a message, waiting for room. 1: MESSAGE_SIZE, in err; -1: the process ends. */
int source_send(struct source *s, const struct inflight_message *message,
                struct relais_error *err) RELAIS_MUST_CHECK;
bool source_stopping(struct source *s);

/* source_record.c */
/* 1: the file comes again from its first record, the rest of the batch is void. */
int source_record(struct source *s, const struct relais_record *rec);
/* Counts a warning or a parked record, to be logged by source_log_notices. */
void source_notice(struct source *s, const struct relais_error *err, bool parked);
void source_log_notices(struct source *s);
/* A framed event to its topic. trace: the source's own traceparent; ptr NULL: ours. */
int source_send_event(struct source *s, struct source_contract *c,
                      const struct difference_out *out, struct relais_slice depot,
                      struct relais_slice trace, uint64_t ack,
                      struct relais_error *err) RELAIS_MUST_CHECK;

/* source_depot.c */
int source_depot_begin(struct source *s, const struct relais_record *rec);
int source_depot_end(struct source *s, const struct relais_record *rec);
/* Sends a control event; s->closing holds what goes with it. Waits until it is durable.
 */
int source_send_control(struct source *s, const struct control *control);

/* source_start.c */
/* What is in the topics beyond the state enters it. */
#define SOURCE_REBUILD 1u /* from the beginning, into an empty state */
#define SOURCE_FORCE   2u /* though their beginning was deleted */
#define SOURCE_FACTS   4u /* with the objects that only facts of a log are about */
int source_start(struct source *s, unsigned how, int64_t *objects_out,
                 struct relais_error *err) RELAIS_MUST_CHECK;

/* source_renvoi.c */
int source_renvoi(struct source *s);

/* source_journal.c */
/* A record of a log came. repeated_out: what became of it is in the state. */
int source_journal_see(struct source *s, const struct relais_record *rec,
                       bool *repeated_out, struct relais_error *err) RELAIS_MUST_CHECK;
/* Its position and the day it counts for. */
void source_journal_note(const struct source *s, const struct relais_record *rec,
                         struct note *note);
/* A day's row as counts, which borrow its texts; and back. */
void source_journal_counts(const struct store_day *day, struct control_counts *counts);
void source_journal_keep(struct store_day *day, const struct control_counts *counts);
int64_t source_journal_total(const struct store_day *day); /* records counted */
/* A day's row as it is in the state, to be counted on in memory. */
int source_journal_open(struct source *s, struct source_day *d, int32_t day,
                        struct relais_error *err) RELAIS_MUST_CHECK;
/* An entry of the ring that is durable. */
void source_journal_count(struct source_day *d, const struct inflight_message *m);
/* Into the store's transaction; none open: nothing. */
int source_journal_put(struct source *s, struct source_day *d,
                       struct relais_error *err) RELAIS_MUST_CHECK;
/* Now and then: a day that is over gets its control event. now: also within a second of
 * the last look. */
int source_journal_look(struct source *s, bool now);

/* source_commit.c */
/* What is below the low water (at most a batch) leaves the ring: into the state, or, for
 * facts of a log, to wait in memory until it is time. now: it is. Then the connector is
 * told. */
int source_commit(struct source *s, bool now, struct relais_error *err) RELAIS_MUST_CHECK;

#endif
