#ifndef RELAIS_CONSUMERS_DLQ_H
#define RELAIS_CONSUMERS_DLQ_H

/* Parks messages of a sink: verbatim (key, value, headers) with Connect's headers, into
 * <topic>.dlq (contract A14). One at a time: put, then wait until Kafka has it. Errors:
 * BROKER_DOWN, BROKER_FATAL (put again: the producer is made anew by itself), RIGHTS,
 * TOPIC_MISSING. Threads: one.
 */

#include "core/kafka.h"

struct dlq;

struct dlq *dlq_new(const struct relais_conf *conf);
/* stage: "decode", "write". A message too large for the DLQ is parked without its value:
 * the headers say where it is. Copies what it needs. */
int dlq_put(struct dlq *dlq, const rd_kafka_message_t *msg, const char *stage,
            const struct relais_error *why, struct relais_error *err) RELAIS_MUST_CHECK;
/* 1: it is in Kafka; 0: not within timeout_ms; -1: put it again. */
int dlq_wait(struct dlq *dlq, int timeout_ms, struct relais_error *err) RELAIS_MUST_CHECK;
/* true: librdkafka hangs, end by _exit(). */
bool dlq_free(struct dlq *dlq);

#endif
