#include "producers/publisher.h"
#include "tests/unit/helper_mock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#define SOURCE     "urn:relais:essai:dep93"
#define TOPIC      "dep93.essai.v1"
#define PARTITIONS 3
#define KEYS       7
#define PRODUCE    0 /* request type */

struct bench {
    struct mock *mock;
    struct relais_conf *conf;
    struct publisher *p;
    uint32_t topic;
    bool lost; /* a producer was given up */
};

static void open_with(struct bench *b, const char *text)
{
    struct relais_error err = RELAIS_ERROR_INIT;

    b->mock = mock_new();
    mock_topic(b->mock, TOPIC, PARTITIONS);
    b->conf = mock_conf(b->mock, text);
    b->p = publisher_new(b->conf, SOURCE, &err);
    assert_non_null(b->p);
    assert_int_equal(publisher_topic(b->p, TOPIC, &b->topic, &err), 0);
    b->lost = false;
}

static void close_all(struct bench *b)
{
    publisher_free(b->p);
    relais_conf_free(b->conf);
    mock_free(b->mock);
}

static struct inflight_message message(const struct bench *b, char *key, char *value,
                                       int i)
{
    struct inflight_message m = {.topic = b->topic, .ack = (uint64_t)i + 1};

    m.type = "fr.relais.essai";
    snprintf(key, 16, "cle%d", i % KEYS);
    snprintf(value, 16, "%d", i);
    snprintf(m.id, sizeof(m.id), "00000000-0000-8000-8000-%012d", i);
    m.key = relais_slice_str(key);
    m.value = relais_slice_str(value);
    return m;
}

static void poll_once(struct bench *b, int timeout_ms)
{
    struct relais_error err = RELAIS_ERROR_INIT;

    if (publisher_poll(b->p, timeout_ms, &err)) {
        assert_int_equal(relais_error_class(err.code), RELAIS_RETRY);
        b->lost = true;
    }
    /* as the runner does once the state is written */
    inflight_release(publisher_ring(b->p), inflight_ready(publisher_ring(b->p)));
}

static void give(struct bench *b, int i)
{
    char key[16], value[16];
    struct inflight_message m = message(b, key, value, i);
    struct relais_error err = RELAIS_ERROR_INIT;

    publisher_trace(b->p, RELAIS_SLICE("depot"), m.id, m.trace);
    while (publisher_send(b->p, &m, &err)) {
        assert_int_equal(err.code, RELAIS_E_QUEUE_FULL);
        relais_error_clear(&err);
        poll_once(b, 10);
    }
}

static void drain(struct bench *b)
{
    for (int i = 0; i < 3000 && inflight_count(publisher_ring(b->p)); i++)
        poll_once(b, 10);
    assert_int_equal(inflight_count(publisher_ring(b->p)), 0);
}

/* Every message at least once; per key the first of each in order. */
static void assert_complete_and_ordered(struct bench *b, int count)
{
    struct mock_messages all = mock_read(b->mock, TOPIC, PARTITIONS);
    bool *seen = relais_zalloc((size_t)count);
    int last[KEYS], found = 0;

    memset(last, 0xff, sizeof(last));
    for (size_t i = 0; i < all.count; i++) {
        int number = (int)strtol(all.items[i].value, NULL, 10);
        int key = (int)strtol(all.items[i].key + 3, NULL, 10);

        assert_in_range(number, 0, count - 1);
        assert_int_equal(number % KEYS, key);
        if (seen[number])
            continue;
        seen[number] = true;
        found++;
        assert_true(number > last[key]);
        last[key] = number;
    }
    assert_int_equal(found, count);
    free(seen);
    mock_messages_free(&all);
}

static void test_in_a_hurry_nothing_waits_for_company(void **state)
{
    struct bench b;

    open_with(&b, "[kafka]\nlinger.ms = 600000\n");
    poll_once(&b, 10);
    publisher_hurry(b.p, 1); /* nothing is there */
    for (int i = 0; i < 10; i++)
        give(&b, i);
    for (int i = 0; i < 3000 && inflight_count(publisher_ring(b.p)); i++) {
        publisher_hurry(b.p, 1);
        poll_once(&b, 10);
    }
    assert_int_equal(inflight_count(publisher_ring(b.p)), 0);
    assert_complete_and_ordered(&b, 10);
    close_all(&b);
}

static void test_messages_arrive_complete_and_in_order_per_key(void **state)
{
    struct bench b;

    open_with(&b, "");
    for (int i = 0; i < 5000; i++)
        give(&b, i);
    drain(&b);
    assert_false(b.lost);
    assert_complete_and_ordered(&b, 5000);
    close_all(&b);
}

static void test_headers_are_those_of_the_contract_in_its_order(void **state)
{
    struct mock_messages all;
    struct bench b;

    open_with(&b, "");
    give(&b, 0);
    drain(&b);
    all = mock_read(b.mock, TOPIC, PARTITIONS);
    assert_int_equal(all.count, 1);
    assert_string_equal(
        all.items[0].headers,
        "ce_specversion=1.0\nce_id=00000000-0000-8000-8000-000000000000\n"
        "ce_source=urn:relais:essai:dep93\nce_type=fr.relais.essai\n"
        "content-type=application/avro\n"
        "traceparent=00-5de104b6bcb351b44281ced45df4a893-8000000000000000-01\n");
    mock_messages_free(&all);
    close_all(&b);
}

static void test_reduced_profile_sends_id_and_type_only(void **state)
{
    struct mock_messages all;
    struct bench b;

    open_with(&b, "[headers]\nprofile = reduced\n");
    give(&b, 0);
    drain(&b);
    all = mock_read(b.mock, TOPIC, PARTITIONS);
    assert_string_equal(all.items[0].headers,
                        "ce_id=00000000-0000-8000-8000-000000000000\n"
                        "ce_type=fr.relais.essai\n");
    mock_messages_free(&all);
    close_all(&b);
}

static void test_parked_message_says_why_in_connects_words(void **state)
{
    struct relais_error why = RELAIS_ERROR_INIT, err = RELAIS_ERROR_INIT;
    char key[16], value[16];
    struct inflight_message m;
    struct mock_messages all;
    struct bench b;

    open_with(&b, "[headers]\nprofile = reduced\n");
    relais_error_set(&why, RELAIS_E_CODE_UNKNOWN, "evenement_droit.etat", "not listed");
    m = message(&b, key, value, 0);
    m.why = &why;
    m.why_topic = "dep93.eligibility.v1";
    assert_int_equal(publisher_send(b.p, &m, &err), 0);
    memset(&why, 0, sizeof(why)); /* the ring has its own */
    drain(&b);
    all = mock_read(b.mock, TOPIC, PARTITIONS);
    assert_non_null(strstr(
        all.items[0].headers,
        "__connect.errors.topic=dep93.eligibility.v1\n__connect.errors.stage=check\n"
        "__connect.errors.exception.message=CODE_UNKNOWN evenement_droit.etat: not "
        "listed\n"));
    mock_messages_free(&all);
    close_all(&b);
}

static void test_refused_batch_is_sent_again_from_the_low_water(void **state)
{
    struct bench b;

    open_with(&b, "batch.num.messages = 50\nlinger.ms = 1\n");
    for (int i = 0; i < 500; i++)
        give(&b, i);
    rd_kafka_mock_push_request_errors(b.mock->cluster, PRODUCE, 2,
                                      RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED,
                                      RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED);
    for (int i = 500; i < 3000; i++)
        give(&b, i);
    drain(&b);
    assert_true(b.lost);
    assert_complete_and_ordered(&b, 3000);
    close_all(&b);
}

static void test_nothing_passes_a_message_that_was_refused(void **state)
{
    struct relais_error err = RELAIS_ERROR_INIT;
    struct bench b;

    open_with(&b, "");
    rd_kafka_mock_push_request_errors(b.mock->cluster, PRODUCE, 1,
                                      RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED);
    give(&b, 0);
    for (int i = 0; i < 500 && publisher_poll(b.p, 10, &err) == 0; i++)
        ;
    assert_int_equal(err.code, RELAIS_E_BROKER_FATAL);
    assert_int_equal(inflight_ready(publisher_ring(b.p)), 0);
    drain(&b);
    assert_complete_and_ordered(&b, 1);
    close_all(&b);
}

static void test_full_ring_pushes_back_to_the_source(void **state)
{
    struct relais_error err = RELAIS_ERROR_INIT;
    char key[16], value[16];
    struct inflight_message m;
    struct bench b;

    open_with(&b, "[limits]\ninflight_records = 10\n");
    for (int i = 0; i < 10; i++) {
        m = message(&b, key, value, i);
        assert_int_equal(publisher_send(b.p, &m, &err), 0);
    }
    m = message(&b, key, value, 10);
    assert_int_equal(publisher_send(b.p, &m, &err), -1);
    assert_int_equal(err.code, RELAIS_E_QUEUE_FULL);
    drain(&b);
    give(&b, 10);
    drain(&b);
    assert_complete_and_ordered(&b, 11);
    close_all(&b);
}

static void test_message_over_the_limit_is_for_parking(void **state)
{
    struct relais_error err = RELAIS_ERROR_INIT;
    char key[16], value[16], *big = relais_zalloc(20000);
    struct inflight_message m;
    struct bench b;

    open_with(&b, "message.max.bytes = 10000\n");
    poll_once(&b, 0);
    m = message(&b, key, value, 0);
    m.value = (struct relais_slice){big, 20000};
    assert_int_equal(publisher_send(b.p, &m, &err), -1);
    assert_int_equal(err.code, RELAIS_E_MESSAGE_SIZE);
    assert_int_equal(relais_error_class(err.code), RELAIS_DATA);
    give(&b, 0);
    drain(&b);
    assert_complete_and_ordered(&b, 1);
    close_all(&b);
    free(big);
}

static void test_missing_topic_is_told_at_start(void **state)
{
    struct relais_error err = RELAIS_ERROR_INIT;
    uint32_t other;
    struct bench b;

    open_with(&b, "");
    assert_int_equal(publisher_topic(b.p, "absent", &other, &err), 0);
    assert_int_equal(publisher_check_topics(b.p, 5000, &err), -1);
    assert_int_equal(err.code, RELAIS_E_TOPIC_MISSING);
    assert_string_equal(err.where, "absent");
    close_all(&b);
}

static void test_broker_away_is_waited_for(void **state)
{
    struct bench b;

    open_with(&b, "");
    for (int i = 0; i < 100; i++)
        give(&b, i);
    drain(&b);
    assert_int_equal(rd_kafka_mock_broker_set_down(b.mock->cluster, 1), 0);
    for (int i = 100; i < 200; i++)
        give(&b, i);
    for (int i = 0; i < 50; i++)
        poll_once(&b, 10);
    assert_true(inflight_count(publisher_ring(b.p)) > 0);
    assert_int_equal(rd_kafka_mock_broker_set_up(b.mock->cluster, 1), 0);
    drain(&b);
    assert_complete_and_ordered(&b, 200);
    close_all(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_in_a_hurry_nothing_waits_for_company),
        cmocka_unit_test(test_messages_arrive_complete_and_in_order_per_key),
        cmocka_unit_test(test_headers_are_those_of_the_contract_in_its_order),
        cmocka_unit_test(test_reduced_profile_sends_id_and_type_only),
        cmocka_unit_test(test_parked_message_says_why_in_connects_words),
        cmocka_unit_test(test_refused_batch_is_sent_again_from_the_low_water),
        cmocka_unit_test(test_nothing_passes_a_message_that_was_refused),
        cmocka_unit_test(test_full_ring_pushes_back_to_the_source),
        cmocka_unit_test(test_message_over_the_limit_is_for_parking),
        cmocka_unit_test(test_missing_topic_is_told_at_start),
        cmocka_unit_test(test_broker_away_is_waited_for),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
