#ifndef RELAIS_CONSUMERS_DLQ_H
#define RELAIS_CONSUMERS_DLQ_H

/* Parks messages of a sink: verbatim (key, value, headers) with Connect's headers, into
 * <topic>.dlq (contract A14), which the sinks of a topic share. One at a time: put, then
 * wait until Kafka has it. Errors: BROKER_DOWN, BROKER_FATAL (put again: the producer is
 * made anew by itself), RIGHTS, TOPIC_MISSING. Threads: one.
 */

#include "consumers/relais.h"
#include "core/kafka.h"

/* Connect's header for which sink it was: here its group. */
#define DLQ_GROUP "__connect.errors.connector.name"

enum dlq_whose { DLQ_OWN, DLQ_OTHER, DLQ_SOURCE };

/* Who parked it: the sink of that group, another's, or a source (a Parcage). What does
 * not say is each sink's own. */
enum dlq_whose dlq_whose(const struct relais_event *event, const char *group);

struct dlq;

/* Borrows both. group: what is parked is that sink's. */
struct dlq *dlq_new(const struct relais_conf *conf, const char *group);
/* stage: "decode", "write". A message too large for the DLQ is parked without its value:
 * the headers say where it is. Copies what it needs. */
int dlq_put(struct dlq *dlq, const rd_kafka_message_t *msg, const char *stage,
            const struct relais_error *why, struct relais_error *err) RELAIS_MUST_CHECK;
/* 1: it is in Kafka; 0: not within timeout_ms; -1: put it again. */
int dlq_wait(struct dlq *dlq, int timeout_ms, struct relais_error *err) RELAIS_MUST_CHECK;
/* true: librdkafka hangs, end by _exit(). */
bool dlq_free(struct dlq *dlq);

#endif
