#ifndef RELAIS_PRODUCERS_INFLIGHT_H
#define RELAIS_PRODUCERS_INFLIGHT_H

/* What is in flight: a ring of messages in the order of the source, each with what has to
 * be written to the state once it is durable. An entry without topic is no message: it is
 * done at once and only carries its note in its turn. The low water is the longest run of
 * done entries from the oldest: only that may be written to the state and acknowledged to
 * the source (design.md part 2). Entries are numbered from 0 for the ring's life.
 * Ownership: push copies every slice; entries are borrowed until released. Units: bytes.
 * Errors: QUEUE_FULL (RETRY: release first), MESSAGE_SIZE (never fits). Threads: one.
 */

#include "core/buf.h"

#define INFLIGHT_NO_TOPIC UINT32_MAX

/* Two indexes over what is in flight, so that later records see what earlier ones will
 * have written: by object where its state or a fact's digest will be, and by (topic,
 * dossier). */
enum inflight_index {
    INFLIGHT_BY_OBJECT,
    INFLIGHT_BY_CASE,
    INFLIGHT_INDEXES,
};

struct inflight_message {
    uint32_t topic;   /* index in the publisher's table, or INFLIGHT_NO_TOPIC */
    uint64_t ack;     /* the source's position */
    const char *type; /* ce_type, static */
    char id[37];      /* ce_id */
    char trace[56];   /* traceparent */
    char row[37];     /* ce_subject of a parked record: the UUID of its row; "": none */
    struct relais_slice key;
    struct relais_slice value;       /* framed */
    struct relais_slice note;        /* the state's rows; aligned to 16 */
    const struct relais_error *why;  /* a parked record: why */
    const char *why_topic;           /* and the topic it was meant for, static */
    uint64_t hash[INFLIGHT_INDEXES]; /* 0: not indexed */
    /* filled by the ring */
    uint64_t number;
    int64_t pushed_us;
    bool done;
    int32_t partition; /* where the broker put it; -1: no message */
    int64_t offset;
};

struct inflight;

struct inflight *inflight_new(size_t record_max, size_t byte_max);
void inflight_free(struct inflight *f);

/* now_us: monotonic, for the age of the oldest. */
int inflight_push(struct inflight *f, const struct inflight_message *message,
                  int64_t now_us, uint64_t *number_out,
                  struct relais_error *err) RELAIS_MUST_CHECK;
/* From the delivery report. Numbers below the low water or unknown are ignored. */
void inflight_done(struct inflight *f, uint64_t number, int32_t partition,
                   int64_t offset);
/* Every message is in doubt again (a producer was given up): none is done but those
 * without topic. */
void inflight_doubt(struct inflight *f);

uint64_t inflight_first(const struct inflight *f); /* number of the oldest */
uint64_t inflight_next(const struct inflight *f);  /* number the next push will get */
size_t inflight_ready(struct inflight *f);         /* length of the low water */
const struct inflight_message *inflight_at(const struct inflight *f, uint64_t number);
/* The oldest `count` are durable in the state. count <= inflight_ready(). */
void inflight_release(struct inflight *f, size_t count);

size_t inflight_count(const struct inflight *f);
size_t inflight_bytes(const struct inflight *f);
/* Since when the oldest entry that is not done waits; 0: none does. */
int64_t inflight_oldest_us(struct inflight *f);

/* The newest entry with that hash, before `before` (NULL: of all). Compare the note: a
 * hash may be shared. */
const struct inflight_message *inflight_find(const struct inflight *f,
                                             enum inflight_index index, uint64_t hash,
                                             const struct inflight_message *before);
/* A hash that is never 0. */
uint64_t inflight_hash(struct relais_slice a, struct relais_slice b);

#endif
