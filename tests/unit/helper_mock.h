#ifndef RELAIS_TESTS_HELPER_MOCK_H
#define RELAIS_TESTS_HELPER_MOCK_H

/* librdkafka's mock cluster for unit tests, and a reader of everything in a topic. */

#include "core/conf.h"

#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>

struct mock {
    rd_kafka_t *rk; /* NULL: the cluster is another process's */
    rd_kafka_mock_cluster_t *cluster;
    char bootstrap[128];
};

struct mock_message {
    int32_t partition;
    int64_t offset;
    char *key;
    char *value;
    size_t value_len;
    char headers[1024]; /* "name=value\n" each, in order */
};

struct mock_messages {
    struct mock_message *items;
    size_t count;
};

struct mock *mock_new(void);
void mock_free(struct mock *m);
const char *mock_bootstrap(const struct mock *m);
void mock_topic(struct mock *m, const char *topic, int partitions);
/* Every message from the beginning to the present end of every partition, in order within
 * each. */
struct mock_messages mock_read(const struct mock *m, const char *topic, int partitions);
void mock_messages_free(struct mock_messages *messages);
/* A configuration with the common keys admitted; text is put after [kafka]
 * bootstrap.servers. */
struct relais_conf *mock_conf(const struct mock *m, const char *text);

#endif
