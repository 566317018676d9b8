#ifndef RELAIS_CONSUMERS_SUBSCRIBER_H
#define RELAIS_CONSUMERS_SUBSCRIBER_H

/* The subscriber behind the public API, the sink runner and `relais subscribe`: a
 * consumer of librdkafka that decodes what it reads. At least once, in order per
 * partition. It connects at the first poll, and makes its consumer anew by itself after a
 * fatal error or a standstill. Errors: BROKER_DOWN, BROKER_FATAL, REGISTRY_DOWN (RETRY:
 * poll again), POSITION_LOST, RIGHTS, TOPIC_MISSING, REGISTRY_REFUSED (CONF). Threads:
 * one. Ownership: an event belongs to its taker until relais_event_free(); all events end
 * with the subscriber.
 */

#include "consumers/relais.h"
#include "core/conf.h"
#include "core/record.h"

struct subscriber;
struct relais_avro;

struct subscriber_options {
    const struct relais_conf
        *conf;                 /* [kafka] [registry] [keys]; outlives the subscriber */
    const char *const *topics; /* NULL-ended; copied */
    const char *group;         /* NULL: no group, nothing is committed; copied */
    int64_t from_ms;           /* RELAIS_FROM_*; with a group: only for partitions
                                  without a position */
    /* Values are read as this schema sees them; outlives the subscriber. NULL: as the
     * contract built in of the same name, else as they were written. */
    const struct relais_avro *reader;
    bool skip_lost; /* events deleted before they were read: go on at the first left */
    int stall_ms;   /* a partition with a lag that does not move so long: new consumer;
                       0: 60,000 */
    /* subscriber_at_end() will be asked: ends are those that partitions have when they
     * are assigned, before a fetch that waits keeps the answer waiting. */
    bool until_end;
    /* Where partitions begin, kept elsewhere than in the group (which is not asked then):
     * sets every `next` (-1: not known). Inside a poll. RETRY: asked again at the next
     * poll, nothing is fetched meanwhile. NULL: the group knows. */
    int (*positions)(void *user, struct relais_position *list, size_t count,
                     struct relais_error *err);
    /* With positions: one of them was none of its topic's, and skip_lost: it is at->next
     * from now on. NULL: nobody to tell. */
    int (*restart)(void *user, const struct relais_position *at,
                   struct relais_error *err);
    /* What a person should know: "topic=... partition=... ..."; NULL: silent. */
    void (*notice)(void *user, const char *text);
    /* Inside a poll, before partitions go: the last moment to commit what was given.
     * lost: too late, others may have them. NULL: nothing to do. */
    void (*revoking)(void *user, bool lost);
    void *user;
};

/* Reads the key ring of [keys] file, where there is one. Does not connect. CONF. */
struct subscriber *subscriber_new(const struct subscriber_options *options,
                                  struct relais_error *err) RELAIS_MUST_CHECK;
/* Leaves the group, some seconds at most. true: librdkafka still hangs in a thread of its
 * own, end the process by _exit(). */
bool subscriber_free(struct subscriber *sub);

/* 1: *event_out; 0: none within timeout_ms; -1: err. */
int subscriber_poll(struct subscriber *sub, int timeout_ms,
                    struct relais_event **event_out,
                    struct relais_error *err) RELAIS_MUST_CHECK;
/* The group's position moves behind every event given. Without a group nothing is done.
 * -1: BROKER_DOWN, RIGHTS; the next commit carries these positions too, unless the
 * partition was revoked: then they are forgotten, the next owner reads again. Blocks 10 s
 * at most. */
int subscriber_commit(struct subscriber *sub, struct relais_error *err) RELAIS_MUST_CHECK;
/* Changes whenever partitions came or went. */
uint64_t subscriber_generation(const struct subscriber *sub);
/* Paused, nothing more is fetched: poll gives what was fetched, serve gives nothing. */
void subscriber_pause(struct subscriber *sub, bool pause);
/* Drops what was fetched and not given; at the next poll the partitions that are ours
 * begin where options.positions says. */
void subscriber_reposition(struct subscriber *sub);
/* Stays in the group without taking an event: for waits, with fetching paused. */
int subscriber_serve(struct subscriber *sub, int timeout_ms,
                     struct relais_error *err) RELAIS_MUST_CHECK;
/* Everything assigned was given up to the end it had at the first call (or when it was
 * assigned: until_end). */
bool subscriber_at_end(struct subscriber *sub);
/* Records between the positions and the ends known, over what is assigned. */
int64_t subscriber_lag(const struct subscriber *sub);
/* Why it does not get on, in French, static; NULL: it does. */
const char *subscriber_problem(const struct subscriber *sub);
bool subscriber_seen(struct subscriber *sub, const struct relais_event *event);

/* The value as a tree, opened as far as the ring goes, in an arena of the caller's.
 * NULL: the event has a problem, or LIMIT. */
struct relais_value *event_value(const struct relais_event *event,
                                 struct relais_arena *arena, struct relais_error *err);
/* NULL: the event is fine. */
const struct relais_error *event_error(const struct relais_event *event);
/* librdkafka's message (const rd_kafka_message_t *), for a verbatim copy. */
const void *event_message(const struct relais_event *event);
/* i-th header, in their order; false: past the end. A null value: ptr NULL. */
bool event_header_at(const struct relais_event *event, size_t i, const char **name_out,
                     struct relais_slice *value_out);

#endif
