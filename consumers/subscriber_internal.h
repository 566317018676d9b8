#ifndef RELAIS_CONSUMERS_SUBSCRIBER_INTERNAL_H
#define RELAIS_CONSUMERS_SUBSCRIBER_INTERNAL_H

/* What the files of the subscriber share: subscriber.c (life, poll, commit), assign.c
 * (partitions and positions), anchor.c (whether these are right), watchdog.c (standstill,
 * lag, ends), event.c (decoding).
 */

#include "consumers/seen.h"
#include "consumers/subscriber.h"
#include "core/kafka.h"
#include "schemas/avro_resolve.h"
#include "schemas/check.h"
#include "schemas/registry.h"

#include <pthread.h>
#include <stdatomic.h>

#define BATCH_MAX   1000
#define BATCH_SLACK 64 /* messages that come while the group is served in a wait */

/* A partition that was ours once. Offsets: -1 where nothing is known. */
struct part {
    char *topic;
    int32_t partition;
    const rd_kafka_topic_t *rkt; /* librdkafka's handle in this consumer's messages */
    bool assigned;
    bool denied;              /* the Read right was refused, no fetch succeeded since */
    bool lost;                /* its position is not one of what is in the topic */
    bool away;                /* the topic was not there, no fetch succeeded since */
    int64_t next;             /* after the last event given, or where it was started */
    int64_t last_ms;          /* timestamp of the event before `next`; 0: not known */
    int64_t checks;           /* offset of an event known, which comes first; -1: none */
    int64_t checks_ms;        /* its timestamp */
    int64_t anchor;           /* offset of an event that was read of it; -1: none */
    int64_t anchor_ms;        /* its timestamp */
    int64_t newest_ms;        /* the latest timestamp that was read */
    int64_t anchor_newest_ms; /* the same up to the anchor */
    int64_t begins;           /* its first offset, as long as no event that was read is
                                 known to be of that topic; -1: not known, or one is */
    int64_t committed;        /* the `next` that was committed last */
    int64_t position;         /* next, or the end of the partition when it was reached */
    int64_t end;              /* what subscriber_at_end() waits for */
    uint64_t revoked_call;    /* the poll call that revoked it */
    int64_t watch_position;   /* watchdog: the position at watch_since_us */
    int64_t watch_since_us;
    int64_t asked_next; /* as they were when the brokers were asked (struct question) */
    int64_t asked_last_ms;
    int64_t asked_newest_ms;
    int64_t asked_anchor;
    bool asked_begins; /* where it begins, not for a time */
    struct seen *seen;
};

/* What librdkafka's callbacks are given: outlives the subscriber if a destroy hangs. */
struct subscriber_link {
    struct relais_kafka_watch watch; /* first: core/kafka.c takes the link for it */
    struct subscriber *sub;          /* NULL: closed */
};

/* A schema of the registry, as messages name it. */
struct event_schema {
    int32_t id;
    const struct relais_avro *schema;          /* what the struct is laid out as */
    const struct relais_contract *contract;    /* the one built in, if that is it */
    struct relais_avro_resolution *resolution; /* NULL: `schema` is the writer's form */
    struct relais_error unreadable;            /* why there can be no resolution */
    struct relais_contract as; /* the writer's name; schema and size, for opening */
    bool opens;                /* its protected fields can be opened */
    int64_t id_offset, sequence_offset, observed_offset; /* in the struct; -1: none */
};

#define EVENT_SCHEMAS_MAX 10000

struct event_schemas {
    struct relais_registry *reg;
    struct relais_keyring *ring;      /* NULL: encrypted fields stay closed */
    const struct relais_avro *reader; /* NULL: the contracts, and else the writers */
    struct event_schema **items;
    size_t count;
    const struct event_schema *last;
    struct relais_error unknown; /* the last id the registry did not know, for 5 s */
    int32_t unknown_id;
    int64_t unknown_until_us;
};

struct relais_event {
    struct batch *batch;
    rd_kafka_message_t *msg; /* of the batch; NULL: the event was freed */
    const struct part *part;
    const struct event_schema *schema; /* NULL: not known */
    void *data;                        /* the decoded struct; NULL: there is a problem */
    const struct relais_error *problem;
    const char *json;
    size_t json_len;
    int32_t schema_id; /* -1: no frame */
    char id[37];       /* "": not asked for yet */
};

/* Messages fetched together, and the events made of them one by one. */
struct batch {
    struct subscriber *sub;
    struct batch *next_all;
    struct batch *next_free;
    size_t count; /* msgs fetched */
    size_t at;    /* the first not given yet */
    size_t live;  /* events given and not freed */
    struct relais_arena arena;
    rd_kafka_message_t *msgs[BATCH_MAX + BATCH_SLACK]; /* NULL: dropped */
    struct relais_event events[BATCH_MAX + BATCH_SLACK];
};

/* What the watchdog asks the brokers, in a thread of its own: an answer waits behind a
 * fetch that has nothing to give (fetch.wait.max.ms), and events of other partitions
 * would wait with it. */
struct question {
    bool asked; /* the thread is to be joined */
    bool wakes; /* asked for the sake of being answered: keep_fetching() */
    pthread_t thread;
    atomic_bool answered; /* below is ours again */
    uint64_t generation;  /* of the subscriber when it was asked */
    rd_kafka_t *rk;
    rd_kafka_topic_partition_list_t *ends; /* of partitions that stand still, or of all */
    rd_kafka_topic_partition_list_t *times; /* anchor_ask() */
    rd_kafka_resp_err_t times_code;
};

struct subscriber {
    struct subscriber_options options;
    char **topics; /* NULL-ended */
    char *group;
    struct subscriber_link *link;
    rd_kafka_t *rk; /* NULL: to be made */
    rd_kafka_queue_t *queue;
    rd_kafka_queue_t *commits;
    bool started;      /* topics found, subscribed or assigned */
    bool assigned;     /* partitions, or none; not while a rebalance is under way */
    bool busy;         /* the last fetch gave many */
    size_t queue_peak; /* messages in it at most, since its filling was last seen to */
    int64_t unassigned_us; /* not assigned since, where the group has not answered yet */
    bool closing;
    bool paused;
    bool ever_fetched; /* rights and topics were good once */
    bool hanging;      /* a destroy of librdkafka did not return */
    uint64_t generation;
    uint64_t call;  /* number of the consume call */
    bool full_call; /* it may return messages from before and after a rebalance */
    uintptr_t commit_no;
    struct relais_error broken; /* the consumer must be made again, why */
    struct part **parts;
    size_t part_count;
    struct part *last_part;
    rd_kafka_topic_partition_list_t *waiting; /* ours, their positions not known yet */
    struct batch *batch;                      /* the current one */
    struct batch *all;
    struct batch *spare;
    struct event_schemas schemas;
    int64_t tick_us;
    unsigned tick_count;
    struct question question;
    bool unreachable;
    int64_t missing_since_us;     /* a topic vanished */
    int64_t uncommitted_since_us; /* commits fail since */
    const char *uncommitted_why;
};

/* "topic=... " to whoever listens. */
/* Takes the pause from these partitions, at the offset behind what was fetched:
 * from 2.2.0 to 2.13.1 librdkafka takes the end that it reports for one message more, and
 * would begin behind the next one. */
void subscriber_resume(struct subscriber *sub, rd_kafka_topic_partition_list_t *list);
void subscriber_notice(struct subscriber *sub, const char *fmt, ...) RELAIS_PRINTF(2, 3);

/* What a seek may answer and still be done. */
bool subscriber_sought(rd_kafka_resp_err_t code);

/* batch.c */
struct batch *batch_new(struct subscriber *sub);
/* Frees what was not given. */
void batch_drop(struct batch *batch);
/* Frees all its messages: no event of it is held. */
void batch_reset(struct batch *batch);
/* The event for the message at batch->at. */
struct relais_event *batch_event(struct batch *batch, const struct part *part);
/* Frees every message without an event; how many events are held. */
size_t batches_sweep(struct subscriber *sub);
void batches_take_back(struct subscriber *sub); /* no event is held any more */
void batches_free(struct subscriber *sub);

/* assign.c */
struct part *part_find(struct subscriber *sub, const char *topic, int32_t partition);
struct part *part_of(struct subscriber *sub, const rd_kafka_message_t *msg);
void on_rebalance(rd_kafka_t *rk, rd_kafka_resp_err_t code,
                  rd_kafka_topic_partition_list_t *list, void *opaque);
int assign_subscribe(struct subscriber *sub, struct relais_error *err) RELAIS_MUST_CHECK;
/* Every partition of every topic, without a group. */
int assign_all(struct subscriber *sub, int timeout_ms,
               struct relais_error *err) RELAIS_MUST_CHECK;
/* Partitions that came into being since, without a group. */
int assign_new(struct subscriber *sub, struct relais_error *err) RELAIS_MUST_CHECK;
void assign_forget(struct subscriber *sub); /* the consumer is gone */
/* Starts the partitions that wait for their positions. */
int assign_waiting(struct subscriber *sub, struct relais_error *err) RELAIS_MUST_CHECK;
void drop_unread(struct subscriber *sub, const struct part *part);
rd_kafka_topic_partition_list_t *assigned_list(const struct subscriber *sub,
                                               bool denied_only);

/* commit.c: a part's position, with the timestamp of the event before it and, where it
 * still counts, the partition's first offset; and these read back, 0 and -1: there is
 * none of ours. */
void commit_read(const rd_kafka_topic_partition_t *p, struct part *part);
void commit_add(rd_kafka_topic_partition_list_t *list, const struct part *part);

/* anchor.c */
/* The position is none of what is there. 0: it is, or is skipped; POSITION_LOST. */
int anchor_lost(struct subscriber *sub, struct part *part,
                struct relais_error *err) RELAIS_MUST_CHECK;
/* It ends before the event that is known. The same. */
int anchor_beyond(struct subscriber *sub, struct part *part,
                  struct relais_error *err) RELAIS_MUST_CHECK;
/* The first message since the partition was started or its topic came back. 0: it is an
 * event; 1: it was none and is gone; -1. */
int anchor_look(struct subscriber *sub, struct part *part, rd_kafka_message_t *msg,
                struct relais_error *err) RELAIS_MUST_CHECK;
/* An event is given. */
void anchor_read(struct part *part, const rd_kafka_message_t *msg);
/* The topic was not there (NULL: any of them); it is there again. */
void anchor_away(struct subscriber *sub, const char *topic);
void anchor_back(struct subscriber *sub, struct part *part);
/* Where the partition begins now, at its start. -1: POSITION_LOST, it went back. */
int anchor_begins(struct subscriber *sub, struct part *part, int64_t first,
                  struct relais_error *err) RELAIS_MUST_CHECK;
/* Now and then, while running: the times to be asked for; and what offsets_for_times made
 * of them, of partitions that were not assigned anew meanwhile. -1: POSITION_LOST. */
void anchor_ask(struct subscriber *sub, rd_kafka_topic_partition_list_t *times);
int anchor_answer(struct subscriber *sub, const rd_kafka_topic_partition_list_t *times,
                  struct relais_error *err) RELAIS_MUST_CHECK;

/* watchdog.c. -1: BROKER_FATAL (stands still), TOPIC_MISSING, POSITION_LOST. */
int watchdog_tick(struct subscriber *sub, struct relais_error *err) RELAIS_MUST_CHECK;
/* Asks for the ends of what is assigned, where they are not known. false: not all are. */
bool watchdog_ask_ends(struct subscriber *sub);
/* Before the consumer is closed: waits for an answer, 2 s at most. */
void watchdog_close(struct subscriber *sub);

/* event.c */
int event_schemas_open(struct event_schemas *schemas, const struct relais_conf *conf,
                       const struct relais_avro *reader,
                       struct relais_error *err) RELAIS_MUST_CHECK;
void event_schemas_close(struct event_schemas *schemas);
/* 0: decoded, or ev->problem says why not; -1: RETRY or CONF, the registry. */
int event_decode(struct event_schemas *schemas, struct relais_event *ev,
                 struct relais_error *err) RELAIS_MUST_CHECK;

#endif
