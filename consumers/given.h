#ifndef RELAIS_CONSUMERS_GIVEN_H
#define RELAIS_CONSUMERS_GIVEN_H

/* How far a group of a sink has come, looked at from outside: nothing is joined, taken or
 * moved. Asked where the truth is: of the sink, if it keeps its positions beside its
 * rows, else of Kafka, which forgets a group that nobody joins
 * (offsets.retention.minutes).
 *
 * Units: offsets. Ownership: the caller's. Blocking: each first question about a
 * partition up to 10 s. Errors: of the sink's open and look; BROKER_DOWN, RIGHTS,
 * CONF_VALUE. Threads: one.
 */

#include "connectors/connector.h"

struct given;

/* ops NULL: Kafka is asked. conf, ops: borrowed until given_free. */
struct given *given_new(const struct relais_conf *conf, const struct relais_sink_ops *ops,
                        const char *group, struct relais_error *err) RELAIS_MUST_CHECK;
/* The next offset of the group, as it was at the first question; -1: it has none. */
int given_next(struct given *g, const char *topic, int32_t partition, int64_t *next_out,
               struct relais_error *err) RELAIS_MUST_CHECK;
/* true: librdkafka hangs, end by _exit(). */
bool given_free(struct given *g);

#endif
