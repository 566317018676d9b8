#ifndef RELAIS_CONSUMERS_BROKER_H
#define RELAIS_CONSUMERS_BROKER_H

/* The embedded broker for trials and tests: librdkafka's mock cluster. Loopback, a random
 * port, memory only, 100,000 messages or 5 MiB a partition, no admin calls, no TLS or
 * ACL, no start by date (design.md part 7). Makes the topics and DLQs of a territory, 6
 * partitions each, before it is ready.
 */

#include "core/error.h"

struct relais_broker;

struct relais_broker *relais_broker_new(const char *territory, int broker_count,
                                        struct relais_error *err) RELAIS_MUST_CHECK;
const char *
relais_broker_bootstrap(const struct relais_broker *broker); /* "127.0.0.1:port" */
/* librdkafka's handle of it, for tests that break it on purpose (rdkafka_mock.h). */
struct rd_kafka_mock_cluster_s *relais_broker_mock(struct relais_broker *broker);
void relais_broker_free(struct relais_broker *broker);

#endif
