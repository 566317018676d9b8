#ifndef RELAIS_PRODUCERS_PUBLISHER_H
#define RELAIS_PRODUCERS_PUBLISHER_H

/* The publisher: what was pushed goes to Kafka in order, once more in order after any
 * doubt, and is marked in the ring when the broker has it.
 *
 * At the first message that fails, whatever the code, at a fatal error and at a stall,
 * the producer is given up and another one is made, which begins again at the low water:
 * a time-out or a refusal would else leave a hole that later messages jump over. Payloads
 * are not copied: the ring keeps them until they are released. Errors: QUEUE_FULL (poll,
 * then again), MESSAGE_SIZE (DATA: park it), BROKER_DOWN and BROKER_FATAL (the producer
 * was given up; go on polling), RIGHTS, TOPIC_MISSING, CONF_VALUE (CONF). Threads: one.
 */

#include "core/kafka.h"
#include "producers/inflight.h"

struct publisher;

/* [kafka], [headers] profile, [limits] inflight_records, inflight_kbytes, stall_ms.
 * source: ce_source; borrowed. The producer itself is made by the first poll. */
struct publisher *publisher_new(const struct relais_conf *conf, const char *source,
                                struct relais_error *err) RELAIS_MUST_CHECK;
/* Waits some seconds at most. true: librdkafka hangs and still looks at the ring: end by
 * _exit(). */
bool publisher_free(struct publisher *p);
/* The same, found while a producer was made anew. */
bool publisher_hung(const struct publisher *p);

/* The number of a topic, added if new. name: static or living as long as the publisher.
 */
int publisher_topic(struct publisher *p, const char *name, uint32_t *topic_out,
                    struct relais_error *err) RELAIS_MUST_CHECK;
const char *publisher_topic_name(const struct publisher *p, uint32_t topic);
uint32_t publisher_topic_count(const struct publisher *p);
/* Every topic added exists. Makes the producer if there is none. */
int publisher_check_topics(struct publisher *p, int timeout_ms,
                           struct relais_error *err) RELAIS_MUST_CHECK;

/* The ring, for its notes and its low water. */
struct inflight *publisher_ring(struct publisher *p);

/* Pushes and hands on to librdkafka as far as its queue allows. */
int publisher_send(struct publisher *p, const struct inflight_message *message,
                   struct relais_error *err) RELAIS_MUST_CHECK;
/* For a source that has nothing more to give at the moment: what waits for company
 * (linger.ms) goes now, unless so much came lately that company is near. Waits at most
 * timeout_ms for its reports. */
void publisher_hurry(struct publisher *p, int timeout_ms);
/* Serves delivery reports, hands on what waits, makes a new producer when it is time.
 * -1: a producer was given up or could not be made; the next calls try again with
 * back-off. */
int publisher_poll(struct publisher *p, int timeout_ms,
                   struct relais_error *err) RELAIS_MUST_CHECK;

/* traceparent of an event (contract A13): from source and depot, and the id. */
void publisher_trace(struct publisher *p, struct relais_slice depot, const char id[37],
                     char out[56]);

#endif
