/* Events of other versions of a contract, and of a reader's own schema. */
#include "contracts/evenement_indu.h"
#include "tests/unit/helper_events.h"
#include "tests/unit/helper_version.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#define INDU    "fr.relais.payments.EvenementIndu"
#define POLL_MS 20000

static const char *const topics[] = {EVENTS_TOPIC, NULL};

static const struct relais_contract *contract(void) { return relais_catalog_find(INDU); }

static int setup(void **state)
{
    *state = events_new();
    return 0;
}

static int teardown(void **state)
{
    events_free(*state);
    return 0;
}

static struct relais_subscriber *open_reader(const struct events *e, const char *reader,
                                             size_t size, char error_out[256])
{
    struct relais_subscriber_options options = {
        .size = size,
        .brokers = relais_broker_bootstrap(e->broker),
        .registry = e->url,
        .topics = topics,
        .from_ms = RELAIS_FROM_BEGINNING,
        .reader = reader,
    };

    return relais_subscriber_new(&options, error_out, 256);
}

static struct relais_subscriber *reader_of(const struct events *e, const char *reader)
{
    char error[256];
    struct relais_subscriber *sub =
        open_reader(e, reader, sizeof(struct relais_subscriber_options), error);

    if (!sub)
        fail_msg("%s", error);
    return sub;
}

static struct relais_event *want(struct relais_subscriber *sub)
{
    struct relais_event *ev = relais_subscriber_poll(sub, POLL_MS);

    if (!ev)
        fail_msg("%s", relais_subscriber_error(sub) ? relais_subscriber_error(sub)
                                                    : "nothing came");
    return ev;
}

static void test_event_of_an_older_version_has_defaults_for_what_it_lacks(void **state)
{
    struct events *e = *state;
    struct relais_avro *older = version_of(contract(), "fraude", NULL);
    struct relais_subscriber *sub;
    const struct evenement_indu *indu;
    struct relais_event *ev;
    const char *json;
    size_t len;

    events_put_version(e, older, 0, "d1-dossier", 7);
    events_put(e, 0, "d1-dossier", 8);
    events_flush(e);
    sub = reader_of(e, NULL);
    for (int64_t sequence = 7; sequence <= 8; sequence++) {
        ev = want(sub);
        assert_null(relais_event_problem(ev));
        assert_int_equal(relais_event_schema_id(ev) == e->schema_id, sequence == 8);
        assert_string_equal(relais_event_subject(ev), INDU);
        assert_int_equal(relais_event_sequence(ev), sequence);
        assert_int_equal(relais_event_observed_us(ev), 1700000000000000 + sequence);
        indu = relais_event_struct(ev, INDU);
        assert_non_null(indu);
        assert_true(relais_slice_is(indu->entete.dossier, "d1-dossier"));
        assert_false(indu->fraude.set);
        json = relais_event_json(ev, &len);
        assert_non_null(strstr(json, "\"fraude\":null}"));
        relais_event_free(ev);
    }
    relais_subscriber_free(sub);
    relais_avro_free(older);
}

static void test_event_of_a_newer_version_shows_nothing_that_is_not_known(void **state)
{
    struct events *e = *state;
    struct relais_avro *newer = version_of(
        contract(), NULL,
        "{\"name\":\"nouveau\",\"type\":[\"null\",\"string\"],\"default\":null}");
    struct relais_subscriber *sub;
    struct relais_event *ev;
    const char *json;
    size_t len;

    events_put_version(e, newer, 0, "d1-dossier", 7);
    events_flush(e);
    sub = reader_of(e, NULL);
    ev = want(sub);
    assert_null(relais_event_problem(ev));
    assert_non_null(relais_event_struct(ev, INDU));
    json = relais_event_json(ev, &len);
    assert_null(strstr(json, "nouveau"));
    assert_non_null(strstr(json, "\"dossier\":\"d1-dossier\""));
    relais_event_free(ev);
    relais_subscriber_free(sub);
    relais_avro_free(newer);
}

static void test_reader_sees_events_as_its_schema_describes_them(void **state)
{
    static const char mine[] =
        "{\"type\":\"record\",\"name\":\"EvenementIndu\",\"fields\":["
        "{\"name\":\"quoi\",\"aliases\":[\"indu\"],\"type\":\"string\"},"
        "{\"name\":\"note\",\"type\":\"string\",\"default\":\"rien\"},"
        "{\"name\":\"entete\",\"type\":{\"type\":\"record\",\"name\":\"Entete\","
        "\"fields\":[{\"name\":\"sequence\",\"type\":\"double\"}]}}]}";
    struct events *e = *state;
    struct relais_subscriber *sub;
    struct relais_event *ev;
    char id[37], json[160];
    size_t len;

    events_put(e, 0, "d1-dossier", 7);
    events_flush(e);
    sub = reader_of(e, mine);
    ev = want(sub);
    assert_null(relais_event_problem(ev));
    assert_string_equal(relais_event_subject(ev), INDU);
    assert_null(relais_event_struct(ev, INDU));
    events_id(7, id);
    snprintf(json, sizeof(json),
             "{\"quoi\":\"%s\",\"note\":\"rien\",\"entete\":{\"sequence\":7.0}}", id);
    assert_string_equal(relais_event_json(ev, &len), json);
    relais_event_free(ev);
    relais_subscriber_free(sub);
}

static void test_reader_that_is_the_contract_gives_its_struct(void **state)
{
    struct events *e = *state;
    struct relais_subscriber *sub;
    struct relais_event *ev;

    events_put(e, 0, "d1-dossier", 7);
    events_flush(e);
    sub = reader_of(e, contract()->text.ptr);
    ev = want(sub);
    assert_null(relais_event_problem(ev));
    assert_non_null(relais_event_struct(ev, INDU));
    relais_event_free(ev);
    relais_subscriber_free(sub);
}

static void test_reader_that_cannot_read_an_event_is_told_why(void **state)
{
    struct events *e = *state;
    struct relais_subscriber *sub;
    struct relais_event *ev;
    size_t len;

    events_put(e, 0, "d1-dossier", 7);
    events_flush(e);
    sub = reader_of(e, "{\"type\":\"record\",\"name\":\"EvenementIndu\",\"fields\":["
                       "{\"name\":\"indu\",\"type\":\"long\"}]}");
    ev = want(sub);
    assert_string_equal(relais_event_problem(ev),
                        "SCHEMA_MISMATCH indu: string cannot be read as long");
    assert_null(relais_event_json(ev, &len));
    relais_event_free(ev);
    relais_subscriber_free(sub);
}

static void test_reader_that_is_no_schema_is_refused_with_its_place(void **state)
{
    struct events *e = *state;
    char error[256];

    assert_null(open_reader(e, "{\"type\":\"record\",\"name\":\"R\"}",
                            sizeof(struct relais_subscriber_options), error));
    assert_string_equal(error, "SCHEMA_INVALID reader.fields: absent, or not an array");
}

static void test_options_without_a_reader_are_taken_as_before(void **state)
{
    struct events *e = *state;
    struct relais_subscriber *sub;
    struct relais_event *ev;
    char error[256];

    events_put(e, 0, "d1-dossier", 7);
    events_flush(e);
    /* what stands behind the size is not looked at */
    sub = open_reader(e, "no schema", offsetof(struct relais_subscriber_options, reader),
                      error);
    assert_non_null(sub);
    ev = want(sub);
    assert_non_null(relais_event_struct(ev, INDU));
    relais_event_free(ev);
    relais_subscriber_free(sub);
    assert_null(open_reader(e, NULL, 8, error));
    assert_null(
        open_reader(e, NULL, sizeof(struct relais_subscriber_options) + 8, error));
}

#define WITH_BROKER(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_BROKER(test_event_of_an_older_version_has_defaults_for_what_it_lacks),
        WITH_BROKER(test_event_of_a_newer_version_shows_nothing_that_is_not_known),
        WITH_BROKER(test_reader_sees_events_as_its_schema_describes_them),
        WITH_BROKER(test_reader_that_is_the_contract_gives_its_struct),
        WITH_BROKER(test_reader_that_cannot_read_an_event_is_told_why),
        WITH_BROKER(test_reader_that_is_no_schema_is_refused_with_its_place),
        WITH_BROKER(test_options_without_a_reader_are_taken_as_before),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
