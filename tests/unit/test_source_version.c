/* A source whose topic holds events that another version of the contract wrote. */
#include "tests/unit/helper_source.h"
#include "tests/unit/helper_version.h"

#include "schemas/registry.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#define TOPIC "dep93.eligibility.v1"

static int setup(void **state)
{
    *state = essai_new();
    return 0;
}

static int teardown(void **state)
{
    essai_free(*state);
    return 0;
}

static int32_t registered(const struct essai *e, const struct relais_avro *version)
{
    struct relais_error err = RELAIS_ERROR_INIT;
    struct relais_conf *conf = essai_conf(e, "");
    struct relais_registry *reg = relais_registry_new(conf, &err);
    int32_t id;

    assert_non_null(reg);
    if (relais_registry_register(reg, relais_avro_root(version)->name,
                                 relais_avro_text(version), &id, &err))
        fail_msg("%s: %s", err.where, err.text);
    relais_registry_free(reg);
    relais_conf_free(conf);
    return id;
}

/* Every event of the topic once more, as `version` writes it. */
static void write_again(const struct essai *e, const struct relais_avro *version)
{
    const struct relais_contract *contract = relais_catalog_find("EvenementDroit");
    struct mock_messages all = mock_read(&e->mock, TOPIC, 6);
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    int32_t id = registered(e, version);
    char text[256], frame[RELAIS_FRAME_LEN];
    rd_kafka_t *rk;

    assert_int_equal(rd_kafka_conf_set(conf, "bootstrap.servers",
                                       mock_bootstrap(&e->mock), text, sizeof(text)),
                     RD_KAFKA_CONF_OK);
    rk = rd_kafka_new(RD_KAFKA_PRODUCER, conf, text, sizeof(text));
    assert_non_null(rk);
    assert_int_equal(all.count, 3);
    relais_frame_write(id, frame);
    for (size_t i = 0; i < all.count; i++) {
        const struct mock_message *m = &all.items[i];
        struct relais_buf buf = RELAIS_BUF_INIT(1u << 20);

        assert_int_equal(relais_buf_add(&buf, frame, sizeof(frame)), 0);
        version_encode(contract, version,
                       (struct relais_slice){m->value + RELAIS_FRAME_LEN,
                                             m->value_len - RELAIS_FRAME_LEN},
                       &buf);
        assert_int_equal(rd_kafka_producev(rk, RD_KAFKA_V_TOPIC(TOPIC),
                                           RD_KAFKA_V_PARTITION(m->partition),
                                           RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
                                           RD_KAFKA_V_KEY(m->key, strlen(m->key)),
                                           RD_KAFKA_V_VALUE(buf.data, buf.len),
                                           RD_KAFKA_V_END),
                         0);
        relais_buf_release(&buf);
    }
    assert_int_equal(rd_kafka_flush(rk, 20000), 0);
    rd_kafka_destroy(rk);
    mock_messages_free(&all);
}

static void droits(struct essai *e, const char *name, const char *type, const char *day,
                   int64_t centimes)
{
    struct essai_file *file = essai_file(e, name, type, day);

    for (int dossier = 1; dossier <= 3; dossier++)
        essai_block(file, dossier, "OUVERT", dossier == 2 ? centimes : 100);
}

static void test_state_rebuilt_of_another_versions_events_is_compared(void **state)
{
    struct essai *e = *state;
    struct relais_avro *other = version_of(
        relais_catalog_find("EvenementDroit"), "decision",
        "{\"name\":\"nouveau\",\"type\":[\"null\",\"string\"],\"default\":null}");
    struct mock_messages all;
    int64_t objects;

    droits(e, "janvier", "M", "2026-01-04", 100);
    assert_int_equal(essai_run(e, false, ""), 0);
    write_again(e, other);
    essai_remove_state(e);
    assert_int_equal(essai_rebuild(e, &objects), 0);
    assert_int_equal(objects, 3);
    essai_forget_fate(e, "janvier");
    droits(e, "fevrier", "M", "2026-02-04", 200);
    assert_int_equal(essai_run(e, false, ""), 0);
    assert_string_equal(essai_fate(e, "fevrier"), "integre");
    all = mock_read(&e->mock, TOPIC, 6);
    assert_int_equal(all.count, 3 + 3 + 1);
    mock_messages_free(&all);
    relais_avro_free(other);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(
            test_state_rebuilt_of_another_versions_events_is_compared, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
