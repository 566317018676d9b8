#include "consumers/topics.h"
#include "tests/unit/helper_events.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

static int count_rows(void *user, const struct relais_topic_plan *row)
{
    ++*(int *)user;
    return 0;
}

static void test_topics_says_that_the_embedded_broker_has_no_admin_calls(void **state)
{
    struct relais_error err = RELAIS_ERROR_INIT;
    struct events *e = events_new();
    struct relais_conf *conf = events_conf(e, "");
    int rows = 0;

    assert_int_equal(relais_topics(conf, true, count_rows, &rows, &err), -1);
    assert_int_equal(relais_error_class(err.code), RELAIS_CONF);
    assert_non_null(strstr(err.text, "appels d'administration"));
    assert_int_equal(rows, 0);
    relais_conf_free(conf);
    events_free(e);
}

static void test_topics_without_a_broker_is_retry(void **state)
{
    struct relais_error err = RELAIS_ERROR_INIT;
    struct relais_conf *conf =
        relais_conf_parse(RELAIS_SLICE("[relais]\nterritory = dep93\ninstance = essai\n"
                                       "[kafka]\nbootstrap.servers = 127.0.0.1:1\n"),
                          "/tmp", &err);
    int rows = 0;

    assert_non_null(conf);
    relais_conf_admit(conf, relais_conf_common);
    assert_int_equal(relais_topics(conf, false, count_rows, &rows, &err), -1);
    assert_int_equal(err.code, RELAIS_E_BROKER_DOWN);
    relais_conf_free(conf);
}

static void test_every_retention_has_a_source_and_the_dlq_14_days(void **state)
{
    const struct relais_retention *r = relais_retentions;
    int families = 0;

    for (; r->family; r++, families++) {
        assert_true(r->retention_ms >= INT64_C(14) * 86400000);
        assert_true(strlen(r->source) > 10);
    }
    assert_int_equal(families, 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_topics_says_that_the_embedded_broker_has_no_admin_calls),
        cmocka_unit_test(test_topics_without_a_broker_is_retry),
        cmocka_unit_test(test_every_retention_has_a_source_and_the_dlq_14_days),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
