#ifndef RELAIS_CONSUMERS_SINK_INTERNAL_H
#define RELAIS_CONSUMERS_SINK_INTERNAL_H

/* The parts of the sink runner, between themselves: sink_run.c (from the topics, start
 * and stop), sink_deliver.c (to the sink, waiting, parking, positions). Functions that
 * return int: 0, or -1 with err: the process ends. */

#include "consumers/dlq.h"
#include "consumers/sink_conf.h"
#include "consumers/sink_run.h"

enum { REASON_KAFKA, REASON_SINK, REASON_DLQ, REASON_PARKED };

struct sink_run {
    const struct relais_conf *conf;
    const struct relais_sink_ops *ops;
    const char *name;
    void *state; /* of the connector */
    struct subscriber *sub;
    const char *group;
    bool unplaced; /* the last failure was the sink's, asked for positions */
    struct dlq *dlq;
    struct relais_batch batch; /* of the events held */
    struct relais_event **events;
    struct relais_record **records;
    size_t held, max;
    size_t done;        /* of them the sink has, or the DLQ */
    uint64_t drops;     /* times that partitions went: what was held then is another's */
    int parked_running; /* since the last one that was written */
    bool writing;   /* inside a call of the sink: a rebalance drops, and writes nothing */
    bool unflushed; /* since unflushed_us something waits for flush and commit */
    int64_t unflushed_us;
    int64_t flush_us;
    int64_t lag_us;
    int wait_ms; /* the next back-off */
    bool drop_repeats;
    bool once;          /* ends with the topics */
    const char *parked; /* the topics are DLQs: what the sink of that group parked */
    bool pass;          /* of these, what is refused again is parked anew */
    bool told_ready;
};

#define SINK_WAIT_MIN_MS 500

void sink_release_held(struct sink_run *run);
/* Something waits for flush and commit from now on. */
void sink_note_unflushed(struct sink_run *run);
/* After a RETRY: 0, or -1 when the process shall stop or the subscriber cannot go on. */
int sink_back_off(struct sink_run *run, int slot, const char *reason,
                  const struct relais_error *why,
                  struct relais_error *err) RELAIS_MUST_CHECK;
void sink_going_well(struct sink_run *run, int slot);
/* The event is done with though it was not written. */
void sink_skip(struct sink_run *run, const struct relais_event *event);
/* Until Kafka has it; or until its partition is another's, who will park it. patient
 * false: one try, within a rebalance or a stop. */
int sink_park(struct sink_run *run, const struct relais_event *event, const char *stage,
              const struct relais_error *why, bool patient,
              struct relais_error *err) RELAIS_MUST_CHECK;
/* Everything held is with the sink or parked. 0; -1: not, and nothing more is committed.
 */
int sink_deliver(struct sink_run *run, bool patient,
                 struct relais_error *err) RELAIS_MUST_CHECK;
/* Deliver, make durable, move the position. */
int sink_flush(struct sink_run *run, bool patient,
               struct relais_error *err) RELAIS_MUST_CHECK;

/* What the subscriber asks and tells (subscriber.h); user: the run. */
int sink_positions(void *user, struct relais_position *list, size_t count,
                   struct relais_error *err) RELAIS_MUST_CHECK;
int sink_restart(void *user, const struct relais_position *at,
                 struct relais_error *err) RELAIS_MUST_CHECK;
void sink_revoking(void *user, bool lost);

#endif
