/* sink_file: whole lines, durable at flush, a torn one taken off. */
#include "connectors/connector.h"
#include "helper_core.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>
#include <cmocka.h>

#define LINE                                                                             \
    "{\"topic\":\"dep93.eligibility.v1\",\"partition\":3,\"offset\":7,"                  \
    "\"timestamp\":\"2026-02-04T20:27:43.000000Z\",\"key\":\"d1-aaaa-x\","               \
    "\"headers\":{\"ce_id\":\"1\"},"                                                     \
    "\"subject\":\"fr.relais.eligibility.EvenementDroit\",\"schema_id\":2,"              \
    "\"value\":{\"etat\":\"OUVERT\"}}\n"

static char *folder, *path;
static struct relais_batch batch;
static const struct relais_sink_ops *ops;
static void *sink;
static struct relais_error err;

static int open_sink(void **out)
{
    const struct relais_connector *connector = relais_connector_find("sink_file");
    char ini[512];
    struct relais_conf *conf;
    int rc;

    snprintf(ini, sizeof(ini), "[connector]\nfile = %s\n", path);
    conf = relais_conf_parse(relais_slice_str(ini), "/", &err);
    relais_conf_admit(conf, connector->keys);
    assert_int_equal(relais_conf_check(conf, &err), 0);
    ops = connector->sink;
    rc = ops->open(out, conf, &err);
    relais_conf_free(conf);
    return rc;
}

static int set_up(void **state)
{
    struct relais_buf name = RELAIS_BUF_INIT(4096);

    folder = helper_folder();
    assert_int_equal(relais_buf_printf(&name, "%s/events.jsonl", folder), 0);
    path = relais_buf_take(&name, NULL);
    relais_batch_init(&batch, 64u << 20);
    relais_error_clear(&err);
    return 0;
}

static int tear_down(void **state)
{
    ops->close(sink);
    sink = NULL;
    relais_batch_release(&batch);
    free(path);
    helper_remove(folder);
    return 0;
}

static void add_event(void)
{
    struct relais_record *rec = relais_batch_add(&batch);

    rec->kind = RELAIS_RECORD_EVENT;
    rec->schema = "fr.relais.eligibility.EvenementDroit";
    rec->topic = "dep93.eligibility.v1";
    rec->partition = 3;
    rec->offset = 7;
    rec->timestamp_ms = INT64_C(1770236863000);
    rec->key = RELAIS_SLICE("d1-aaaa-x");
    rec->schema_id = 2;
    rec->headers = relais_value_add(&batch.arena, NULL, NULL, RELAIS_VALUE_RECORD);
    rec->value = relais_value_add(&batch.arena, NULL, NULL, RELAIS_VALUE_RECORD);
    assert_int_equal(
        relais_value_add_string(&batch.arena, rec->headers, "ce_id", RELAIS_SLICE("1")),
        0);
    assert_int_equal(
        relais_value_add_string(&batch.arena, rec->value, "etat", RELAIS_SLICE("OUVERT")),
        0);
}

static void assert_file(const char *want)
{
    char *text = helper_read(path, false, NULL);

    assert_string_equal(text, want);
    free(text);
}

static void test_an_event_is_the_line_that_subscribe_prints(void **state)
{
    size_t done = 9;

    assert_int_equal(open_sink(&sink), 0);
    add_event();
    add_event();
    assert_int_equal(ops->write(sink, &batch, &done, &err), 0);
    assert_int_equal(done, 2);
    assert_int_equal(ops->flush(sink, &err), 0);
    assert_file(LINE LINE);
}

static void test_lines_are_appended_at_the_next_start(void **state)
{
    size_t done;

    add_event();
    for (int i = 0; i < 2; i++) {
        assert_int_equal(open_sink(&sink), 0);
        assert_int_equal(ops->write(sink, &batch, &done, &err), 0);
        if (i == 0)
            ops->close(sink);
    }
    assert_file(LINE LINE);
}

static void test_a_torn_line_is_taken_off_at_the_start(void **state)
{
    struct relais_buf text = RELAIS_BUF_INIT(1u << 20);
    size_t done;

    assert_int_equal(relais_buf_add_str(&text, LINE), 0);
    for (int i = 0; i < 5000; i++) /* longer than one look back */
        assert_int_equal(relais_buf_add_str(&text, "torn"), 0);
    free(helper_write(folder, "events.jsonl", text.data, 0600));
    assert_int_equal(open_sink(&sink), 0);
    assert_file(LINE);
    add_event();
    assert_int_equal(ops->write(sink, &batch, &done, &err), 0);
    assert_file(LINE LINE);
    relais_buf_release(&text);
}

static void test_a_file_that_is_one_torn_line_becomes_empty(void **state)
{
    free(helper_write(folder, "events.jsonl", "{\"topic\":", 0600));
    assert_int_equal(open_sink(&sink), 0);
    assert_file("");
}

static void test_a_disk_that_fills_up_leaves_whole_lines_and_is_tried_again(void **state)
{
    const struct rlimit none = {RLIM_INFINITY, RLIM_INFINITY};
    struct rlimit tight = {2 * sizeof(LINE), RLIM_INFINITY};
    size_t done;

    assert_int_equal(open_sink(&sink), 0);
    for (int i = 0; i < 5; i++)
        add_event();
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &tight), 0);
    assert_int_equal(ops->write(sink, &batch, &done, &err), -1);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &none), 0);
    assert_int_equal(relais_error_class(err.code), RELAIS_RETRY);
    assert_int_equal(done, 0);
    assert_file("");
    relais_error_clear(&err);
    assert_int_equal(ops->write(sink, &batch, &done, &err), 0);
    assert_int_equal(done, 5);
    assert_file(LINE LINE LINE LINE LINE);
}

static void test_an_event_without_value_key_or_schema_is_a_line_too(void **state)
{
    struct relais_record *rec = relais_batch_add(&batch);
    size_t done;

    rec->topic = "t";
    assert_int_equal(open_sink(&sink), 0);
    assert_int_equal(ops->write(sink, &batch, &done, &err), 0);
    assert_file("{\"topic\":\"t\",\"partition\":0,\"offset\":0,"
                "\"timestamp\":\"1970-01-01T00:00:00.000000Z\",\"key\":null,"
                "\"headers\":{},\"subject\":null,\"schema_id\":null,\"value\":null}\n");
}

static void test_a_second_process_on_the_same_file_is_refused(void **state)
{
    void *other = NULL;

    assert_int_equal(open_sink(&sink), 0);
    assert_int_equal(open_sink(&other), -1);
    assert_int_equal(relais_error_class(err.code), RELAIS_CONF);
    assert_null(other);
}

static void test_a_path_that_cannot_be_opened_is_a_matter_of_configuration(void **state)
{
    char *kept = path;

    path = relais_strdup("/nowhere/at/all");
    assert_int_equal(open_sink(&sink), -1);
    assert_int_equal(err.code, RELAIS_E_CONF_VALUE);
    free(path);
    path = kept;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_an_event_is_the_line_that_subscribe_prints),
        TEST(test_lines_are_appended_at_the_next_start),
        TEST(test_a_torn_line_is_taken_off_at_the_start),
        TEST(test_a_file_that_is_one_torn_line_becomes_empty),
        TEST(test_a_disk_that_fills_up_leaves_whole_lines_and_is_tried_again),
        TEST(test_an_event_without_value_key_or_schema_is_a_line_too),
        TEST(test_a_second_process_on_the_same_file_is_refused),
        TEST(test_a_path_that_cannot_be_opened_is_a_matter_of_configuration),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
