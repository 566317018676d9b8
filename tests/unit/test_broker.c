#include "consumers/broker.h"
#include "core/buf.h"

#include <librdkafka/rdkafka.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

static rd_kafka_t *client(const struct relais_broker *broker, rd_kafka_type_t type)
{
    rd_kafka_conf_t *kconf = rd_kafka_conf_new();
    char text[256];
    rd_kafka_t *rk;

    assert_int_equal(rd_kafka_conf_set(kconf, "bootstrap.servers",
                                       relais_broker_bootstrap(broker), text,
                                       sizeof(text)),
                     RD_KAFKA_CONF_OK);
    rk = rd_kafka_new(type, kconf, text, sizeof(text));
    assert_non_null(rk);
    return rk;
}

static void test_broker_makes_the_territorys_topics_and_dlqs_of_6_partitions(void **state)
{
    struct relais_error err = RELAIS_ERROR_INIT;
    struct relais_broker *broker = relais_broker_new("dep93", 1, &err);
    const struct rd_kafka_metadata *md;
    rd_kafka_t *rk;
    int found = 0;

    (void)state;
    assert_non_null(broker);
    rk = client(broker, RD_KAFKA_PRODUCER);
    assert_int_equal(rd_kafka_metadata(rk, 1, NULL, &md, 5000),
                     RD_KAFKA_RESP_ERR_NO_ERROR);
    for (int i = 0; i < md->topic_cnt; i++) {
        const char *topic = md->topics[i].topic;

        assert_int_equal(md->topics[i].partition_cnt, 6);
        found += !strcmp(topic, "dep93.eligibility.v1") ||
                 !strcmp(topic, "dep93.placements.v1.dlq") ||
                 !strcmp(topic, "dep93.payments.v1") ||
                 !strcmp(topic, "dep93.control.v1");
    }
    assert_int_equal(md->topic_cnt, 8);
    assert_int_equal(found, 4);
    rd_kafka_metadata_destroy(md);
    rd_kafka_destroy(rk);
    relais_broker_free(broker);
}

static void test_broker_of_three_names_three_addresses(void **state)
{
    struct relais_error err = RELAIS_ERROR_INIT;
    struct relais_broker *broker = relais_broker_new("dep69m", 3, &err);
    int commas = 0;

    (void)state;
    assert_non_null(broker);
    for (const char *p = relais_broker_bootstrap(broker); *p; p++)
        commas += *p == ',';
    assert_int_equal(commas, 2);
    relais_broker_free(broker);
}

static void test_broker_refuses_a_territory_too_long_for_a_topic(void **state)
{
    struct relais_error err = RELAIS_ERROR_INIT;
    char territory[200];

    (void)state;
    memset(territory, 'a', sizeof(territory) - 1);
    territory[sizeof(territory) - 1] = '\0';
    assert_null(relais_broker_new(territory, 1, &err));
    assert_int_equal(err.code, RELAIS_E_CONF_VALUE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(
            test_broker_makes_the_territorys_topics_and_dlqs_of_6_partitions),
        cmocka_unit_test(test_broker_of_three_names_three_addresses),
        cmocka_unit_test(test_broker_refuses_a_territory_too_long_for_a_topic),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
