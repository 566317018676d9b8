/* source_json and the template: lines in, records out. */
#include "connectors/connector.h"
#include "helper_core.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <cmocka.h>

static char *folder;
static struct relais_batch batch;
static const struct relais_source_ops *ops;
static void *source;
static struct relais_error err;

static int set_up(void **state)
{
    folder = helper_folder();
    relais_batch_init(&batch, 8u << 20);
    relais_error_clear(&err);
    source = NULL;
    return 0;
}

static int tear_down(void **state)
{
    ops->close(source);
    relais_batch_release(&batch);
    helper_remove(folder);
    return 0;
}

static void open_text(const char *name, const char *text)
{
    const struct relais_connector *connector = relais_connector_find(name);
    char *path = helper_write(folder, "lines", text, 0600);
    char ini[512];
    struct relais_conf *conf;

    snprintf(ini, sizeof(ini), "[connector]\nfile = %s\n%s", path,
             strcmp(name, "template") ? "schema = EvenementDroit\n" : "");
    conf = relais_conf_parse(relais_slice_str(ini), "/", &err);
    relais_conf_admit(conf, connector->keys);
    assert_int_equal(relais_conf_check(conf, &err), 0);
    ops = connector->source;
    assert_int_equal(ops->open(&source, conf, &err), 0);
    relais_conf_free(conf);
    free(path);
}

static void poll_once(void)
{
    relais_batch_reset(&batch);
    assert_int_equal(ops->poll(source, &batch, 0, &err), 0);
}

static void test_each_line_is_a_fact_of_the_schema(void **state)
{
    open_text("source_json", "{\"etat\":\"OUVERT\"}\n\n  \r\n{\"etat\":\"CLOS\"}\r\n");
    assert_false(ops->idle(source));
    poll_once();
    assert_int_equal(batch.count, 2);
    assert_int_equal(batch.first->kind, RELAIS_RECORD_FACT);
    assert_string_equal(batch.first->schema, "EvenementDroit");
    assert_true(relais_slice_is(batch.first->depot, "publish"));
    assert_true(relais_slice_is(batch.first->position, "0"));
    assert_true(relais_slice_is(relais_value_text(batch.last->value, "etat"), "CLOS"));
    assert_int_equal(batch.first->ack, 1);
    assert_int_equal(batch.last->ack, 4);
    assert_true(ops->idle(source));
}

static void test_the_last_line_needs_no_end(void **state)
{
    open_text("source_json", "{\"a\":1}\n{\"a\":2}");
    poll_once();
    assert_int_equal(batch.count, 2);
}

static void test_a_bad_line_is_parked_with_its_number(void **state)
{
    open_text("source_json", "{\"a\":1}\n{\"a\":\n[1]\n{\"a\":2}\n");
    poll_once();
    assert_int_equal(batch.count, 4);
    assert_int_equal(batch.first->next->kind, RELAIS_RECORD_PARKED);
    assert_int_equal(batch.first->next->problem.code, RELAIS_E_JSON_INVALID);
    assert_string_equal(batch.first->next->problem.where, "ligne 2");
    assert_true(relais_slice_is(batch.first->next->charge, "{\"a\":"));
    assert_string_equal(batch.first->next->next->problem.where, "ligne 3");
    assert_int_equal(batch.last->kind, RELAIS_RECORD_FACT);
}

static void test_a_line_over_1_mib_is_parked_and_the_next_is_read(void **state)
{
    struct relais_buf text = RELAIS_BUF_INIT(8u << 20);
    size_t len = 3u << 20, facts = 0, parked = 0;

    assert_int_equal(relais_buf_add_str(&text, "{\"a\":\""), 0);
    assert_non_null(relais_buf_reserve(&text, len));
    memset(text.data + text.len, 'x', len);
    text.len += len;
    assert_int_equal(relais_buf_add_str(&text, "\"}\n{\"a\":2}\n"), 0);
    open_text("source_json", text.data);
    for (int i = 0; i < 100 && !ops->idle(source); i++) {
        poll_once();
        for (const struct relais_record *rec = batch.first; rec; rec = rec->next) {
            facts += rec->kind == RELAIS_RECORD_FACT;
            parked += rec->kind == RELAIS_RECORD_PARKED;
            if (rec->kind == RELAIS_RECORD_FACT)
                assert_int_equal(rec->ack, 2);
        }
    }
    assert_int_equal(facts, 1);
    assert_int_equal(parked, 1);
    relais_buf_release(&text);
}

static void test_a_small_batch_gives_all_lines_in_their_order(void **state)
{
    struct relais_buf text = RELAIS_BUF_INIT(1u << 20);
    int64_t next = 0;

    for (int i = 0; i < 1000; i++)
        assert_int_equal(relais_buf_printf(&text, "{\"a\":%d}\n", i), 0);
    relais_batch_release(&batch);
    relais_batch_init(&batch, 16384);
    open_text("source_json", text.data);
    while (!ops->idle(source)) {
        poll_once();
        assert_true(batch.count > 0);
        for (const struct relais_record *rec = batch.first; rec; rec = rec->next)
            assert_int_equal(relais_value_get(rec->value, "a")->number, next++);
    }
    assert_int_equal(next, 1000);
    relais_buf_release(&text);
}

static void test_a_pipe_gives_what_is_there_and_waits_for_the_rest(void **state)
{
    int ends[2], saved = dup(0);
    struct relais_conf *conf = relais_conf_parse(
        RELAIS_SLICE("[connector]\nschema = EvenementDroit\n"), "/", &err);

    assert_int_equal(pipe(ends), 0);
    assert_int_equal(dup2(ends[0], 0), 0);
    ops = relais_connector_find("source_json")->source;
    relais_conf_admit(conf, relais_connector_find("source_json")->keys);
    assert_int_equal(ops->open(&source, conf, &err), 0);
    relais_conf_free(conf);
    assert_int_equal(write(ends[1], "{\"a\":1}\n{\"a\"", 12), 12);
    poll_once();
    assert_int_equal(batch.count, 1);
    poll_once();
    assert_int_equal(batch.count, 0);
    assert_false(ops->idle(source));
    assert_int_equal(write(ends[1], ":2}", 3), 3);
    close(ends[1]);
    for (int i = 0; i < 3 && !ops->idle(source); i++)
        poll_once();
    assert_int_equal(batch.count, 1);
    assert_int_equal(relais_value_get(batch.first->value, "a")->number, 2);
    close(ends[0]);
    assert_int_equal(dup2(saved, 0), 0);
    close(saved);
}

static void test_the_template_reads_its_lines_and_parks_a_short_one(void **state)
{
    open_text("template", "123;A;OUVERTURE;OUVERT;2026-01-01;2026-01-02T03:04:05Z\n"
                          "456;B\n");
    poll_once();
    assert_int_equal(batch.count, 2);
    assert_int_equal(batch.first->kind, RELAIS_RECORD_FACT);
    assert_true(relais_slice_is(
        relais_value_text(relais_value_get(batch.first->value, "entete"), "constate_le"),
        "2026-01-02T03:04:05Z"));
    assert_int_equal(batch.last->kind, RELAIS_RECORD_PARKED);
    assert_true(ops->idle(source));
}

static void test_every_connector_of_the_table_is_found_by_its_name(void **state)
{
    size_t count = 0;

    for (; relais_connectors[count]; count++) {
        const struct relais_connector *c = relais_connectors[count];

        assert_int_equal(c->abi, RELAIS_CONNECTOR_ABI);
        assert_ptr_equal(relais_connector_find(c->name), c);
        assert_true((c->source != NULL) != (c->sink != NULL));
    }
    assert_true(count > 0);
    assert_null(relais_connector_find("nothing"));
    assert_null(relais_connector_find(NULL));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_each_line_is_a_fact_of_the_schema),
        TEST(test_the_last_line_needs_no_end),
        TEST(test_a_bad_line_is_parked_with_its_number),
        TEST(test_a_line_over_1_mib_is_parked_and_the_next_is_read),
        TEST(test_a_small_batch_gives_all_lines_in_their_order),
        TEST(test_a_pipe_gives_what_is_there_and_waits_for_the_rest),
        TEST(test_the_template_reads_its_lines_and_parks_a_short_one),
        cmocka_unit_test(test_every_connector_of_the_table_is_found_by_its_name),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
