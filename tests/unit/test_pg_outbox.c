/* connectors/source_postgres_outbox against a server. */
#include "connectors/connector.h"
#include "core/loop.h"
#include "helper_core.h"
#include "helper_pg.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define SEEN_MAX 4096
#define ID       "00000000-0000-8000-8000-0000000000"

struct seen {
    enum relais_record_kind kind;
    char id[40], text[200], position[40], trace[80];
    enum relais_code problem;
    int64_t observed_us;
};

struct fixture {
    char *folder;
    struct relais_conf *conf;
    const struct relais_source_ops *ops;
    void *source;
    struct relais_batch batch;
    struct seen seen[SEEN_MAX];
    size_t count;
    uint64_t last_ack;
};

static void start(struct fixture *f)
{
    struct relais_error err = RELAIS_ERROR_INIT;

    f->last_ack = 0;
    if (f->ops->open(&f->source, f->conf, &err))
        fail_msg("%s %s: %s", relais_error_name(err.code), err.where, err.text);
}

static void restart(struct fixture *f)
{
    f->ops->close(f->source);
    f->count = 0;
    start(f);
}

static void configure(struct fixture *f, const char *more)
{
    char lines[512];

    snprintf(lines, sizeof(lines),
             "schema = fr.relais.eligibility.EvenementDroit\nslot = essai\npublication = "
             "essai\n%s",
             more);
    relais_conf_free(f->conf);
    f->conf = helper_pg_conf_in(f->folder, relais_source_postgres_outbox.keys, lines);
}

static int setup(void **state)
{
    struct fixture *f = relais_zalloc(sizeof(*f));
    char folder[512];

    f->folder = helper_folder();
    snprintf(folder, sizeof(folder), "%s/state", f->folder);
    assert_int_equal(mkdir(folder, 0700), 0);
    helper_pg_drop_slots();
    free(helper_pg_sql(
        "DROP PUBLICATION IF EXISTS essai; DROP TABLE IF EXISTS outbox, autre, avro;"
        "CREATE TABLE outbox (id uuid PRIMARY KEY, aggregatetype text, aggregateid text, "
        "type text, payload jsonb, trace text, jour text);"
        "CREATE TABLE avro (id uuid PRIMARY KEY, payload bytea); CREATE TABLE autre (n "
        "int);"
        "CREATE PUBLICATION essai FOR TABLE outbox, avro"));
    free(helper_pg_sql("SELECT pg_create_logical_replication_slot('essai', 'pgoutput')"));
    f->ops = relais_source_postgres_outbox.source;
    configure(f, "");
    relais_batch_init(&f->batch, 1u << 20);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    f->ops->close(f->source);
    relais_batch_release(&f->batch);
    relais_conf_free(f->conf);
    helper_remove(f->folder);
    free(f);
    return 0;
}

static void see(struct fixture *f, const struct relais_record *rec)
{
    struct seen *s = &f->seen[f->count++];
    struct relais_buf json = RELAIS_BUF_INIT(1 << 20);

    assert_true(f->count < SEEN_MAX);
    assert_true(rec->ack > f->last_ack);
    f->last_ack = rec->ack;
    memset(s, 0, sizeof(*s));
    s->kind = rec->kind;
    s->problem = rec->problem.code;
    s->observed_us = rec->observed_us;
    snprintf(s->id, sizeof(s->id), "%.*s", (int)rec->id.len,
             rec->id.ptr ? rec->id.ptr : "");
    snprintf(s->trace, sizeof(s->trace), "%.*s", (int)rec->trace.len,
             rec->trace.ptr ? rec->trace.ptr : "");
    snprintf(s->position, sizeof(s->position), "%.*s", (int)rec->position.len,
             rec->position.ptr);
    if (rec->value)
        assert_int_equal(relais_value_print(rec->value, &json), 0);
    snprintf(s->text, sizeof(s->text), "%s",
             rec->value         ? json.data
             : rec->encoded.ptr ? rec->encoded.ptr
                                : "");
    relais_buf_release(&json);
}

/* Polls until `count` records were seen; RETRY is waited out. */
static void until(struct fixture *f, size_t count, bool ack)
{
    for (int quiet = 0; quiet < 500 && (f->count < count || !f->ops->idle(f->source));
         quiet++) {
        struct relais_error err = RELAIS_ERROR_INIT;

        relais_batch_reset(&f->batch);
        if (f->ops->poll(f->source, &f->batch, 20, &err)) {
            if (relais_error_class(err.code) != RELAIS_RETRY)
                fail_msg("%s %s: %s", relais_error_name(err.code), err.where, err.text);
            usleep(20000);
            continue;
        }
        for (const struct relais_record *rec = f->batch.first; rec; rec = rec->next)
            see(f, rec), quiet = 0;
        if (ack && f->last_ack)
            assert_int_equal(f->ops->ack(f->source, f->last_ack, &err), 0);
        if (!ack && f->count >= count)
            break;
    }
    if (f->count != count)
        fail_msg("%zu records instead of %zu", f->count, count);
}

static void insert(int from, int to)
{
    char sql[400];

    snprintf(
        sql, sizeof(sql),
        "INSERT INTO outbox SELECT ('" ID "' || lpad(i::text, 2, '0'))::uuid, "
        "'droit', 'n' || i, 't', jsonb_build_object('n', i) FROM generate_series(%d, "
        "%d) i",
        from, to);
    free(helper_pg_sql(sql));
}

static void test_pg_outbox_rows_are_facts_in_their_order(void **state)
{
    struct fixture *f = *state;

    start(f);
    insert(3, 4);
    insert(1, 2);
    until(f, 4, true);
    assert_string_equal(f->seen[0].id, ID "03");
    assert_string_equal(f->seen[0].text, "{\"n\":3,\"entete\":{\"dossier\":\"n3\"}}");
    assert_string_equal(f->seen[3].id, ID "02");
    assert_int_equal(f->seen[0].kind, RELAIS_RECORD_FACT);
    assert_true(f->seen[2].observed_us >= f->seen[0].observed_us);
    assert_non_null(strstr(f->seen[0].position, "/1"));
    assert_non_null(strstr(f->seen[1].position, "/2"));
    assert_non_null(strstr(f->seen[2].position, "/1"));
}

static void test_pg_outbox_rows_deleted_at_once_are_published(void **state)
{
    struct fixture *f = *state;

    start(f);
    free(helper_pg_sql("INSERT INTO outbox VALUES ('" ID
                       "01', 'd', 'n', 't', '{}'); DELETE "
                       "FROM outbox"));
    free(helper_pg_sql("INSERT INTO outbox VALUES ('" ID
                       "02', 'd', 'n', 't', '{}'); UPDATE "
                       "outbox SET type = 'u'"));
    until(f, 2, true);
    assert_string_equal(f->seen[1].id, ID "02");
}

static void test_pg_outbox_further_columns_become_fields(void **state)
{
    struct fixture *f = *state;

    configure(f, "columns = trace = traceparent, jour=entete.survenu_le\n");
    start(f);
    free(helper_pg_sql(
        "INSERT INTO outbox VALUES ('" ID "01', 'd', 'n', 't', "
        "'{\"entete\":{\"dossier\":\"garde\"}}', '00-ab-cd-01', '2026-01-02')"));
    until(f, 1, true);
    assert_string_equal(f->seen[0].trace, "00-ab-cd-01");
    assert_string_equal(
        f->seen[0].text,
        "{\"entete\":{\"dossier\":\"garde\",\"survenu_le\":\"2026-01-02\"}}");
}

static void test_pg_outbox_bytea_is_ready_avro(void **state)
{
    struct fixture *f = *state;

    configure(f, "table = public.avro\n");
    start(f);
    free(helper_pg_sql("INSERT INTO avro VALUES ('" ID "01', '\\x414243')"));
    until(f, 1, true);
    assert_string_equal(f->seen[0].text, "ABC");
    assert_int_equal(f->seen[0].kind, RELAIS_RECORD_FACT);
}

static void test_pg_outbox_messages_are_facts_too(void **state)
{
    struct fixture *f = *state;

    if (helper_pg_number("SELECT current_setting('server_version_num')::int") < 140000)
        skip();
    configure(f, "prefix = relais\n");
    start(f);
    free(helper_pg_sql("SELECT pg_logical_emit_message(true, 'relais', '{\"id\":\"" ID
                       "01\",\"payload\":{\"n\":1}}')"));
    free(helper_pg_sql("SELECT pg_logical_emit_message(true, 'autre', 'x')"));
    free(helper_pg_sql("SELECT pg_logical_emit_message(true, 'relais', '{\"n\":1}')"));
    until(f, 2, true);
    assert_string_equal(f->seen[0].id, ID "01");
    assert_string_equal(f->seen[0].text, "{\"n\":1}");
    assert_int_equal(f->seen[1].kind, RELAIS_RECORD_PARKED);
}

static void test_pg_outbox_what_cannot_be_read_is_parked(void **state)
{
    struct fixture *f = *state;

    start(f);
    free(helper_pg_sql("INSERT INTO outbox VALUES ('" ID "01', 'd', 'n', 't', '[1]')"));
    free(helper_pg_sql("INSERT INTO outbox VALUES ('" ID "02', 'd', 'n', 't', NULL)"));
    free(helper_pg_sql("INSERT INTO outbox VALUES ('" ID "03', 'd', 'n', 't', '{}')"));
    until(f, 3, true);
    assert_int_equal(f->seen[0].kind, RELAIS_RECORD_PARKED);
    assert_int_equal(f->seen[0].problem, RELAIS_E_JSON_INVALID);
    assert_int_equal(f->seen[1].problem, RELAIS_E_FIELD_MISSING);
    assert_int_equal(f->seen[2].kind, RELAIS_RECORD_FACT);
}

static void test_pg_outbox_other_aggregates_are_left_out(void **state)
{
    struct fixture *f = *state;

    configure(f, "aggregatetype = oui\n");
    start(f);
    free(helper_pg_sql("INSERT INTO outbox VALUES ('" ID "01', 'non', 'n', 't', '{}')"));
    free(helper_pg_sql("INSERT INTO outbox VALUES ('" ID "02', 'oui', 'n', 't', '{}')"));
    until(f, 1, true);
    assert_string_equal(f->seen[0].id, ID "02");
}

static void test_pg_outbox_unacknowledged_rows_come_again(void **state)
{
    struct fixture *f = *state;
    char position[40];

    start(f);
    insert(1, 3);
    until(f, 3, false);
    snprintf(position, sizeof(position), "%s", f->seen[2].position);
    restart(f);
    until(f, 3, true);
    assert_string_equal(f->seen[2].position, position);
    restart(f);
    insert(4, 4);
    until(f, 1, true);
    assert_string_equal(f->seen[0].id, ID "04");
}

/* A part of a transaction is never confirmed: it comes whole. */
static void test_pg_outbox_half_a_transaction_is_not_confirmed(void **state)
{
    struct fixture *f = *state;
    struct relais_error err = RELAIS_ERROR_INIT;

    start(f);
    insert(1, 40);
    until(f, 40, false);
    assert_int_equal(f->ops->ack(f->source, 20, &err), 0);
    restart(f);
    until(f, 40, true);
}

static void test_pg_outbox_lost_connections_give_each_row_once(void **state)
{
    struct fixture *f = *state;

    start(f);
    for (int i = 1; i <= 20; i++) {
        insert(i, i);
        free(helper_pg_sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE "
                           "application_name LIKE 'relais/%'"));
        if (i % 9 == 0)
            helper_pg_server(NULL, "crash");
        until(f, (size_t)i, i % 3 != 0);
    }
}

static void test_pg_outbox_foreign_changes_advance_the_slot(void **state)
{
    struct fixture *f = *state;
    long long before;

    start(f);
    free(helper_pg_sql("INSERT INTO autre SELECT generate_series(1, 1000)"));
    before = helper_pg_number("SELECT pg_current_wal_flush_lsn() - '0/0'");
    for (int i = 0; i < 100 && helper_pg_number("SELECT confirmed_flush_lsn - '0/0' FROM "
                                                "pg_replication_slots") < before;
         i++) {
        struct relais_error err = RELAIS_ERROR_INIT;

        relais_batch_reset(&f->batch);
        assert_int_equal(f->ops->poll(f->source, &f->batch, 50, &err), 0);
        assert_int_equal(f->batch.count, 0);
    }
    assert_true(helper_pg_number("SELECT confirmed_flush_lsn - '0/0' FROM "
                                 "pg_replication_slots") >= before);
}

/* More than one batch holds, with rows that fill its arena. */
static void test_pg_outbox_large_transactions_go_through_small_batches(void **state)
{
    struct fixture *f = *state;

    start(f);
    free(helper_pg_sql(
        "INSERT INTO outbox SELECT ('" ID "' || lpad(i::text, 2, '0'))::uuid, 'd', "
        "'n', 't', jsonb_build_object('n', i, 't', repeat('x', 60000)) FROM "
        "generate_series(1, 60) i"));
    until(f, 60, true);
    for (int i = 0; i < 60; i++) {
        char id[40];

        snprintf(id, sizeof(id), ID "%02d", i + 1);
        assert_string_equal(f->seen[i].id, id);
        assert_int_equal(f->seen[i].kind, RELAIS_RECORD_FACT);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(test_pg_outbox_##name, setup, teardown)
        T(rows_are_facts_in_their_order),
        T(rows_deleted_at_once_are_published),
        T(further_columns_become_fields),
        T(bytea_is_ready_avro),
        T(messages_are_facts_too),
        T(what_cannot_be_read_is_parked),
        T(other_aggregates_are_left_out),
        T(unacknowledged_rows_come_again),
        T(half_a_transaction_is_not_confirmed),
        T(lost_connections_give_each_row_once),
        T(foreign_changes_advance_the_slot),
        T(large_transactions_go_through_small_batches),
#undef T
    };

    relais_loop_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
