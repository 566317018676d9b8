#ifndef RELAIS_CONNECTORS_CONNECTOR_H
#define RELAIS_CONNECTORS_CONNECTOR_H

/* The connector interface. A connector is one const table; it may include core/ only. One
 * process runs one connector in one direction, in one thread: no call is made while
 * another runs. Errors: the class decides (core/error.h): RETRY: the call is made again
 * later; DATA of a sink: the record *done_out is parked, the rest is written again from
 * the next; CONF, FATAL: the process ends.
 */

#include "core/conf.h"
#include "core/record.h"

#define RELAIS_CONNECTOR_ABI 1

struct relais_source_ops {
    int (*open)(void **state, const struct relais_conf *conf, struct relais_error *err);
    /* NULL: cannot. For `relais check FILE`: a source over one file, read in place:
     * DEPOT, its records after verdict(INTEGRATE), DEPOT_END. */
    int (*open_file)(void **state, const char *path, struct relais_error *err);
    /* Appends records to out (reset by the caller). timeout_ms: longest wait, 0: do not
     * wait. 0 records: nothing now. A DEPOT record ends its batch; the next poll follows
     * the verdict. A file that is no longer what was checked is given as DEPOT again,
     * with the problem FILE_CHANGED, to be refused: before its first record all bytes are
     * compared, so that records came before only if it changed while they were given. */
    int (*poll)(void *state, struct relais_batch *out, int timeout_ms,
                struct relais_error *err);
    /* Only for sources that yield DEPOT. motif: French, no personal value, goes beside
     * the file. HOLD, REFUSE, KNOWN: the file is moved at once. Called again for a file
     * after DEPOT_END with INTEGRATE: its records and its control event are durable, the
     * file may move to its last place. */
    int (*verdict)(void *state, const struct relais_depot *file,
                   enum relais_verdict verdict, const char *motif,
                   struct relais_error *err);
    /* All records with ack <= position are durable. */
    int (*ack)(void *state, uint64_t position, struct relais_error *err);
    /* Gives the current file's records again from its first (after the producer was made
     * anew is not needed: the runner keeps what is in flight; this serves a state that
     * could not be written). */
    int (*rewind)(void *state, struct relais_error *err); /* NULL: cannot */
    /* Nothing waits and nothing is under way: --once may end. */
    bool (*idle)(void *state);
    /* NULL, or of a log that one process at a time reads (a slot): how often it was
     * taken, after open once at least. When it grew, another process may have read from
     * it and published: what it did enters the state before the next record is taken. */
    uint64_t (*taken)(void *state);
    /* With taken: it is held still, as far as can be known without reading from it. */
    bool (*held)(void *state);
    /* NULL, or told after open, before the first poll, of each schema that it yields
     * (full name): an event looks so, every field there, protected ones opened. CONF:
     * what is read cannot be such an event. */
    int (*expect)(void *state, const char *schema, const struct relais_value *open,
                  struct relais_error *err);
    void (*close)(void *state);
};

struct relais_sink_ops {
    int (*open)(void **state, const struct relais_conf *conf, struct relais_error *err);
    /* *done_out: records taken, from the first. On DATA the record with index *done_out
     * is the bad one. */
    int (*write)(void *state, const struct relais_batch *in, size_t *done_out,
                 struct relais_error *err);
    int (*flush)(void *state,
                 struct relais_error *err); /* 0: everything written is durable */
    void (*close)(void *state);
    /* NULL, or the sink keeps the positions beside its rows, in the same transaction, and
     * partitions begin there, never at the group's offsets (these are committed for
     * monitoring only). Then write() and flush() may end with REREAD: what was
     * taken and is not durable is lost; or with FENCED: another process took the
     * partitions over; what is held is dropped and positions are asked anew if they are
     * still ours. positions: these partitions are ours from now on, all others are not;
     * sets every `next` (-1: the partition's first). May be called again at any time. */
    int (*positions)(void *state, const char *group, struct relais_position *list,
                     size_t count, struct relais_error *err);
    /* With positions: where the group is in these partitions, for one who only looks:
     * nothing becomes ours or is moved. Sets every `next` (-1: nothing was taken). */
    int (*look)(void *state, const char *group, struct relais_position *list,
                size_t count, struct relais_error *err);
    /* None is ours any more: what was written and is not durable is dropped. */
    void (*revoked)(void *state);
    /* The records of at->topic, at->partition before at->next are done with though they
     * were not written (parked); durable with the next write or flush. */
    void (*skip)(void *state, const struct relais_position *at);
    /* With positions only: the partition goes on at at->next, before what was written:
     * its topic was made anew, and a person said to begin again. */
    int (*restart)(void *state, const struct relais_position *at,
                   struct relais_error *err);
    /* NULL, or told at start, before the first write, for each contract of the topics:
     * its events look so, every field there, with protected fields opened and closed. All
     * is borrowed until close. CONF: there is no room for such a value. */
    int (*expect)(void *state, const char *schema, const struct relais_value *open,
                  const struct relais_value *closed, struct relais_error *err);
    bool without_headers; /* records come without their Kafka headers */
};

struct relais_connector {
    int abi; /* RELAIS_CONNECTOR_ABI, first for ever */
    const char *name;
    const char *summary;                /* French */
    const struct relais_conf_key *keys; /* section [connector] */
    /* Full names of the records a source yields, NULL-ended: their topics must exist.
     * NULL: the one named by the key `schema`. */
    const char *const *schemas;
    /* NULL, or what the configuration names besides: the i-th name into out; false: no
     * more. */
    bool (*yields)(const struct relais_conf *conf, size_t i, char *out, size_t out_len);
    /* A source whose records have a commit time and positions that grow (observed_us,
     * position): what it gave is counted by day, and control events tell of days. */
    bool log;
    const struct relais_source_ops *source;
    const struct relais_sink_ops *sink;
};

extern const struct relais_connector relais_source_cnaf_beneficiaire;
extern const struct relais_connector relais_source_json;
extern const struct relais_connector relais_source_postgres_outbox;
extern const struct relais_connector relais_source_postgres_table;
extern const struct relais_connector relais_sink_file;
extern const struct relais_connector relais_sink_postgres;
extern const struct relais_connector relais_template;

/* Those built in, NULL-ended. */
extern const struct relais_connector *const relais_connectors[];
const struct relais_connector *relais_connector_find(const char *name);

#endif
