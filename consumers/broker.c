#include "consumers/broker.h"
#include "core/buf.h"

#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>

#include <stdio.h>
#include <stdlib.h>

#define PARTITIONS 6

struct relais_broker {
    rd_kafka_t *rk; /* the cluster's book-keeping needs a handle; it sends nothing */
    rd_kafka_mock_cluster_t *mock;
};

static const char *const families[] = {"eligibility", "placements", "payments",
                                       "control"};
static const char *const suffixes[] = {"", ".dlq"};

static int make_topic(struct relais_broker *broker, const char *topic, int broker_count,
                      struct relais_error *err)
{
    int replicas = broker_count < 3 ? 1 : 3;
    rd_kafka_resp_err_t code =
        rd_kafka_mock_topic_create(broker->mock, topic, PARTITIONS, replicas);

    if (code)
        return relais_error_set(err, RELAIS_E_BUG, topic, "mock topic: %s",
                                rd_kafka_err2name(code));
    return 0;
}

static int make_topics(struct relais_broker *broker, const char *territory,
                       int broker_count, struct relais_error *err)
{
    char topic[128];

    for (size_t i = 0; i < sizeof(families) / sizeof(*families); i++) {
        for (size_t j = 0; j < sizeof(suffixes) / sizeof(*suffixes); j++) {
            int n = snprintf(topic, sizeof(topic), "%s.%s.v1%s", territory, families[i],
                             suffixes[j]);

            if (n < 0 || (size_t)n >= sizeof(topic))
                return relais_error_set(err, RELAIS_E_CONF_VALUE, "relais.territory",
                                        "name too long");
            if (make_topic(broker, topic, broker_count, err))
                return -1;
        }
    }
    return 0;
}

struct relais_broker *relais_broker_new(const char *territory, int broker_count,
                                        struct relais_error *err)
{
    struct relais_broker *broker = relais_zalloc(sizeof(*broker));
    rd_kafka_conf_t *kconf = rd_kafka_conf_new();
    char text[256];

    rd_kafka_conf_set_log_cb(kconf, NULL);
    broker->rk = rd_kafka_new(RD_KAFKA_PRODUCER, kconf, text, sizeof(text));
    if (!broker->rk) {
        rd_kafka_conf_destroy(kconf);
        relais_error_set(err, RELAIS_E_BUG, "broker", "%s", text);
        goto fail;
    }
    broker->mock = rd_kafka_mock_cluster_new(broker->rk, broker_count);
    if (!broker->mock) {
        relais_error_set(err, RELAIS_E_IO, "broker", "no port on 127.0.0.1");
        goto fail;
    }
    if (make_topics(broker, territory, broker_count, err))
        goto fail;
    return broker;
fail:
    relais_broker_free(broker);
    return NULL;
}

const char *relais_broker_bootstrap(const struct relais_broker *broker)
{
    return rd_kafka_mock_cluster_bootstraps(broker->mock);
}

struct rd_kafka_mock_cluster_s *relais_broker_mock(struct relais_broker *broker)
{
    return broker->mock;
}

void relais_broker_free(struct relais_broker *broker)
{
    if (!broker)
        return;
    if (broker->mock)
        rd_kafka_mock_cluster_destroy(broker->mock);
    if (broker->rk)
        rd_kafka_destroy(broker->rk);
    free(broker);
}
