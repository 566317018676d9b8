/* connectors/source_postgres_table against a server: what it gives for which changes, and
 * what it gives again after a stop at any place. */
#include "connectors/connector.h"
#include "connectors/pg_progress.h"
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

#define SEEN_MAX  8192
#define DRAIN_ALL SIZE_MAX
#define MARKS     900000 /* keys from here on are not seen */

/* What was given: the newest value of each case, and all records in their order. */
struct seen {
    enum relais_record_kind kind;
    bool initial;
    char number[16], text[16];
    char position[64];
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
    int marks;
};

static const char mapping[] =
    "{\"root\":\"o\",\"tables\":{\"o\":{\"table\":\"public.objet\"},"
    "\"p\":{\"table\":\"public.partie\",\"parent\":\"o\",\"on\":{\"objet_id\":\"id\"}},"
    "\"d\":{\"table\":\"public.detail\",\"parent\":\"p\",\"on\":{\"partie_id\":\"id\"}}},"
    "\"value\":{\"entete\":{\"dossier\":{\"$column\":\"o.id\",\"$as\":\"text\"}},"
    "\"texte\":\"o.texte\",\"parties\":{\"$each\":\"p\",\"$item\":{\"n\":\"p.n\","
    "\"details\":{\"$each\":\"d\",\"$item\":{\"n\":\"d.n\"}}}}}}";

static void start(struct fixture *f)
{
    struct relais_error err = RELAIS_ERROR_INIT;

    if (f->ops->open(&f->source, f->conf, &err))
        fail_msg("%s %s: %s", relais_error_name(err.code), err.where, err.text);
}

static void first_start(struct fixture *f)
{
    free(helper_pg_sql("SELECT pg_create_logical_replication_slot('essai', 'pgoutput')"));
    start(f);
}

static void stop(struct fixture *f)
{
    f->ops->close(f->source);
    f->source = NULL;
    f->last_ack = 0;
}

static void configure(struct fixture *f, const char *text, const char *more)
{
    char lines[1024];

    free(helper_write(f->folder, "mapping.json", text, 0600));
    snprintf(lines, sizeof(lines),
             "schema = fr.relais.eligibility.EvenementDroit\nmapping = "
             "%s/mapping.json\nslot = essai\npublication = essai\n%s",
             f->folder, more);
    relais_conf_free(f->conf);
    f->conf = helper_pg_conf_in(f->folder, relais_source_postgres_table.keys, lines);
}

static int setup(void **state)
{
    struct fixture *f = relais_zalloc(sizeof(*f));
    char state_folder[512];

    f->folder = helper_folder();
    snprintf(state_folder, sizeof(state_folder), "%s/state", f->folder);
    assert_int_equal(mkdir(state_folder, 0700), 0);
    f->ops = relais_source_postgres_table.source;
    free(helper_pg_sql("DROP TABLE IF EXISTS objet, partie, detail, autre CASCADE;"
                       "CREATE TABLE objet (id int PRIMARY KEY, texte text);"
                       "CREATE TABLE partie (id int PRIMARY KEY, objet_id int, n int);"
                       "CREATE TABLE detail (id int PRIMARY KEY, partie_id int, n int);"
                       "CREATE TABLE autre (id int PRIMARY KEY);"
                       "ALTER TABLE partie REPLICA IDENTITY FULL;"
                       "ALTER TABLE detail REPLICA IDENTITY FULL;"
                       "CREATE PUBLICATION essai FOR TABLE objet, partie, detail"));
    configure(f, mapping, "");
    relais_batch_init(&f->batch, 8u << 20);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    if (f->source)
        stop(f);
    relais_batch_release(&f->batch);
    relais_conf_free(f->conf);
    helper_remove(f->folder);
    free(f);
    helper_pg_drop_slots();
    free(helper_pg_sql("DROP PUBLICATION IF EXISTS essai"));
    return 0;
}

static void see(struct fixture *f, const struct relais_record *rec)
{
    struct seen *s = &f->seen[f->count++];
    struct relais_slice number =
        relais_value_text(relais_value_get(rec->value, "entete"), "dossier");
    struct relais_slice text = relais_value_text(rec->value, "texte");

    assert_true(f->count < SEEN_MAX);
    assert_true(rec->ack > f->last_ack);
    f->last_ack = rec->ack;
    s->kind = rec->kind;
    s->initial = rec->initial;
    s->observed_us = rec->observed_us;
    snprintf(s->number, sizeof(s->number), "%.*s", (int)number.len, number.ptr);
    snprintf(s->text, sizeof(s->text), "%.*s", (int)text.len, text.ptr ? text.ptr : "");
    snprintf(s->position, sizeof(s->position), "%.*s", (int)rec->position.len,
             rec->position.ptr);
    if (number.len == 6 && number.ptr[0] == '9')
        f->count--;
}

static bool mark_seen(const struct fixture *f, const struct relais_record *rec)
{
    struct relais_slice number =
        relais_value_text(relais_value_get(rec->value, "entete"), "dossier");
    char mark[16];

    snprintf(mark, sizeof(mark), "%d", MARKS + f->marks);
    return !rec->initial && relais_slice_is(number, mark);
}

/* One poll; RETRY is waited out. Did something come? marked_out: the mark was among it.
 */
static bool poll_once(struct fixture *f, bool ack, bool *marked_out)
{
    struct relais_error err = RELAIS_ERROR_INIT;

    relais_batch_reset(&f->batch);
    if (f->ops->poll(f->source, &f->batch, 20, &err)) {
        if (relais_error_class(err.code) != RELAIS_RETRY)
            fail_msg("%s %s: %s", relais_error_name(err.code), err.where, err.text);
        usleep(20000);
        return false;
    }
    for (const struct relais_record *rec = f->batch.first; rec; rec = rec->next) {
        *marked_out |= mark_seen(f, rec);
        see(f, rec);
    }
    if (ack && f->last_ack && f->ops->ack(f->source, f->last_ack, &err))
        fail_msg("%s: %s", err.where, err.text);
    return f->batch.count != 0;
}

/* Polls until max records were given; DRAIN_ALL: until an object that is inserted now
 * comes by the log, and nothing more. ack: acknowledges as it goes. */
static void drain(struct fixture *f, size_t max, bool ack)
{
    size_t before = f->count;
    bool marked = max != DRAIN_ALL;

    if (!marked) {
        char sql[80];

        snprintf(sql, sizeof(sql), "INSERT INTO objet VALUES (%d, 'fin')",
                 MARKS + ++f->marks);
        free(helper_pg_sql(sql));
    }
    for (int quiet = 0; quiet < 1000 && f->count - before < max; quiet++) {
        if (poll_once(f, ack, &marked))
            quiet = 0;
        else if (marked && max == DRAIN_ALL && f->ops->idle(f->source))
            return;
    }
    if (f->count - before < max)
        fail_msg("never idle");
}

static void assert_seen(const struct fixture *f, size_t i, const char *number,
                        const char *text)
{
    assert_true(i < f->count);
    assert_string_equal(f->seen[i].number, number);
    assert_string_equal(f->seen[i].text, text);
}

static void test_pg_table_first_load_gives_every_object_once(void **state)
{
    struct fixture *f = *state;

    free(helper_pg_sql("INSERT INTO objet SELECT i, 'x' || i FROM "
                       "generate_series(1, 1234) i"));
    first_start(f);
    drain(f, DRAIN_ALL, true);
    assert_int_equal(f->count, 1234);
    for (size_t i = 0; i < f->count; i++) {
        char number[16];

        snprintf(number, sizeof(number), "%zu", i + 1);
        assert_string_equal(f->seen[i].number, number);
        assert_true(f->seen[i].initial);
        assert_int_equal(f->seen[i].kind, RELAIS_RECORD_SNAPSHOT);
        assert_true(f->seen[i].observed_us > 0);
    }
}

static void test_pg_table_change_of_any_table_gives_its_object(void **state)
{
    struct fixture *f = *state;

    free(helper_pg_sql(
        "INSERT INTO objet VALUES (1, 'a'), (2, 'b'), (3, 'c'); INSERT INTO partie "
        "VALUES (1, 1, 1), (2, 2, 2); INSERT INTO detail VALUES (1, 2, 0)"));
    first_start(f);
    drain(f, DRAIN_ALL, true);
    f->count = 0;
    free(helper_pg_sql("UPDATE objet SET texte = 'aa' WHERE id = 1"));
    drain(f, DRAIN_ALL, true);
    free(helper_pg_sql("UPDATE detail SET n = 7"));
    drain(f, DRAIN_ALL, true);
    free(helper_pg_sql("INSERT INTO partie VALUES (3, 3, 1)"));
    drain(f, DRAIN_ALL, true);
    free(helper_pg_sql("DELETE FROM partie WHERE id = 1"));
    drain(f, DRAIN_ALL, true);
    assert_int_equal(f->count, 4);
    assert_seen(f, 0, "1", "aa");
    assert_seen(f, 1, "2", "b");
    assert_seen(f, 2, "3", "c");
    assert_seen(f, 3, "1", "aa");
    assert_false(f->seen[0].initial);
    assert_true(f->seen[1].observed_us >= f->seen[0].observed_us);
}

static void test_pg_table_moved_row_touches_both_objects(void **state)
{
    struct fixture *f = *state;

    free(helper_pg_sql("INSERT INTO objet VALUES (1, 'a'), (2, 'b'), (3, 'c'); "
                       "INSERT INTO partie VALUES (1, 1, 1)"));
    first_start(f);
    drain(f, DRAIN_ALL, true);
    f->count = 0;
    free(helper_pg_sql("UPDATE partie SET objet_id = 3"));
    drain(f, DRAIN_ALL, true);
    assert_int_equal(f->count, 2);
    assert_true(strcmp(f->seen[0].number, f->seen[1].number) != 0);
    assert_true(strcmp(f->seen[0].number, "2") != 0);
    assert_true(strcmp(f->seen[1].number, "2") != 0);
}

static void test_pg_table_one_transaction_gives_an_object_once(void **state)
{
    struct fixture *f = *state;

    first_start(f);
    drain(f, DRAIN_ALL, true);
    free(helper_pg_sql(
        "INSERT INTO objet VALUES (1, 'a'); INSERT INTO partie SELECT i, 1, i FROM "
        "generate_series(1, 300) i; UPDATE objet SET texte = 'z'"));
    drain(f, DRAIN_ALL, true);
    assert_int_equal(f->count, 1);
    assert_seen(f, 0, "1", "z");
}

static void test_pg_table_renamed_table_ends_the_source(void **state)
{
    struct fixture *f = *state;
    struct relais_error err = RELAIS_ERROR_INIT;

    free(helper_pg_sql("INSERT INTO objet VALUES (1, 'a')"));
    first_start(f);
    drain(f, DRAIN_ALL, true);
    free(helper_pg_sql("ALTER TABLE partie RENAME TO rebaptisee"));
    free(helper_pg_sql("INSERT INTO rebaptisee VALUES (1, 1, 1)"));
    for (int i = 0; i < 500 && relais_error_class(err.code) != RELAIS_CONF; i++) {
        relais_error_clear(&err);
        relais_batch_reset(&f->batch);
        (void)!f->ops->poll(f->source, &f->batch, 20, &err);
    }
    assert_int_equal(err.code, RELAIS_E_PG_SCHEMA);
    stop(f);
    free(helper_pg_sql("ALTER TABLE rebaptisee RENAME TO partie"));
    f->count = 0;
    start(f);
    drain(f, DRAIN_ALL, true);
    assert_seen(f, 0, "1", "a"); /* the row that was not passed over */
}

static void test_pg_table_foreign_changes_advance_the_slot(void **state)
{
    struct fixture *f = *state;
    long long before;

    first_start(f);
    drain(f, DRAIN_ALL, true);
    free(helper_pg_sql("INSERT INTO autre SELECT generate_series(1, 1000)"));
    before = helper_pg_number("SELECT pg_current_wal_flush_lsn() - '0/0'");
    for (int i = 0; i < 100 && helper_pg_number("SELECT confirmed_flush_lsn - '0/0' FROM "
                                                "pg_replication_slots") < before;
         i++)
        drain(f, DRAIN_ALL, true), usleep(50000);
    assert_int_equal(f->count, 0);
    assert_true(helper_pg_number("SELECT confirmed_flush_lsn - '0/0' FROM "
                                 "pg_replication_slots") >= before);
}

static void test_pg_table_interrupted_load_goes_on_after_what_is_durable(void **state)
{
    struct fixture *f = *state;
    char first_epoch[64];

    free(
        helper_pg_sql("INSERT INTO objet SELECT i, 'x' FROM generate_series(1, 2000) i"));
    first_start(f);
    drain(f, 1000, true);
    snprintf(first_epoch, sizeof(first_epoch), "%s", f->seen[0].position);
    stop(f);
    /* rows come and go while it is down */
    free(helper_pg_sql("DELETE FROM objet WHERE id IN (1200, 1300)"));
    f->count = 0;
    start(f);
    drain(f, DRAIN_ALL, true);
    assert_true(f->count >= 998);  /* what was not acknowledged, all of it */
    assert_true(f->count <= 1498); /* and at most a page of what was */
    assert_string_equal(f->seen[f->count - 1].number, "2000");
    assert_true(strcmp(first_epoch, f->seen[0].position) != 0);
    stop(f);
    f->count = 0;
    start(f); /* it was finished */
    drain(f, DRAIN_ALL, true);
    assert_int_equal(f->count, 0);
}

static void test_pg_table_unacknowledged_changes_come_again(void **state)
{
    struct fixture *f = *state;
    char position[64];

    first_start(f);
    drain(f, DRAIN_ALL, true);
    free(helper_pg_sql("INSERT INTO objet VALUES (1, 'a')"));
    drain(f, 1, false);
    snprintf(position, sizeof(position), "%s", f->seen[0].position);
    stop(f);
    free(helper_pg_sql("INSERT INTO objet VALUES (2, 'b')"));
    f->count = 0;
    start(f);
    drain(f, 2, true);
    assert_seen(f, 0, "1", "a");
    assert_seen(f, 1, "2", "b");
    stop(f);
    f->count = 0;
    start(f);
    drain(f, DRAIN_ALL, true);
    assert_int_equal(f->count, 0);
}

static void test_pg_table_lost_connections_lose_nothing(void **state)
{
    struct fixture *f = *state;

    first_start(f);
    drain(f, DRAIN_ALL, true);
    for (int i = 1; i <= 20; i++) {
        char sql[160];

        snprintf(sql, sizeof(sql), "INSERT INTO objet VALUES (%d, 'x%d')", i, i);
        free(helper_pg_sql(sql));
        free(helper_pg_sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE "
                           "application_name LIKE 'relais/%'"));
        if (i % 7 == 0)
            helper_pg_server(NULL, "crash");
        drain(f, DRAIN_ALL, true);
    }
    for (int i = 1; i <= 20; i++) {
        char number[16];
        bool found = false;

        snprintf(number, sizeof(number), "%d", i);
        for (size_t j = 0; j < f->count; j++)
            found |= strcmp(f->seen[j].number, number) == 0;
        if (!found)
            fail_msg("object %d was never given", i);
    }
}

/* Half of what one statement read was given; then the slot is lost, and the objects
 * change, as if another process had gone on. */
static void lose_in_the_middle(struct fixture *f)
{
    bool marked = false;
    size_t before;

    f->count = 0;
    while (!f->count)
        poll_once(f, true, &marked);
    assert_true(f->count < 600);
    before = f->count;
    free(helper_pg_sql("SELECT pg_terminate_backend(active_pid) FROM "
                       "pg_replication_slots"));
    while (helper_pg_number("SELECT count(*) FROM pg_replication_slots WHERE active"))
        usleep(10000);
    free(helper_pg_sql("UPDATE objet SET texte = 'neuf'"));
    drain(f, DRAIN_ALL, true);
    for (size_t i = before; i < f->count; i++)
        assert_string_equal(f->seen[i].text, "neuf");
    assert_true(f->count - before >= 600);
}

static void test_pg_table_lost_slot_gives_nothing_of_what_was_read_before(void **state)
{
    struct fixture *f = *state;

    free(helper_pg_sql(
        "INSERT INTO objet SELECT i, 'vieux' FROM generate_series(1, 600) i"));
    first_start(f);
    lose_in_the_middle(f); /* of the load */
    free(helper_pg_sql("UPDATE objet SET texte = 'vieux'"));
    lose_in_the_middle(f); /* of changes */
}

static void test_pg_table_truncate_reads_everything_again(void **state)
{
    struct fixture *f = *state;

    free(helper_pg_sql("INSERT INTO objet SELECT i, 'x' FROM generate_series(1, 700) i"));
    first_start(f);
    drain(f, DRAIN_ALL, true);
    f->count = 0;
    free(helper_pg_sql("TRUNCATE partie"));
    free(helper_pg_sql("UPDATE objet SET texte = 'y' WHERE id = 700"));
    drain(f, DRAIN_ALL, true);
    assert_true(f->count >= 700);
    assert_false(f->seen[0].initial);
    assert_seen(f, f->count - 1, "700", "y");
    stop(f);
    f->count = 0;
    start(f);
    drain(f, DRAIN_ALL, true);
    assert_int_equal(f->count, 0);
}

static void test_pg_table_more_changes_than_fit_are_a_load(void **state)
{
    struct fixture *f = *state;

    free(helper_pg_sql("INSERT INTO objet SELECT i, 'x' FROM generate_series(1, 3) i"));
    first_start(f);
    drain(f, DRAIN_ALL, true);
    f->count = 0;
    /* parts of objects that are not there: touched, and without an object */
    free(helper_pg_sql(
        "INSERT INTO partie SELECT i, i, 1 FROM generate_series(1, 300000) i"));
    drain(f, DRAIN_ALL, true);
    assert_int_equal(f->count, 3);
    assert_seen(f, 2, "3", "x");
}

static void test_pg_table_facts_are_rows_inserted_with_a_place_of_their_own(void **state)
{
    struct fixture *f = *state;
    char positions[3][64];

    configure(
        f,
        "{\"kind\":\"fact\",\"root\":\"o\",\"tables\":{\"o\":{\"table\":"
        "\"public.objet\"}},\"value\":{\"entete\":{\"dossier\":{\"$column\":\"o.id\","
        "\"$as\":\"text\"}},\"texte\":\"o.texte\"}}",
        "");
    free(helper_pg_sql("INSERT INTO objet VALUES (1, 'avant')"));
    first_start(f);
    stop(f);
    free(helper_pg_sql("INSERT INTO objet VALUES (9, 'a'), (8, 'b')"));
    free(helper_pg_sql("INSERT INTO objet VALUES (7, 'c')"));
    free(helper_pg_sql("UPDATE objet SET texte = 'd' WHERE id = 7"));
    start(f);
    drain(f, 3, false);
    assert_seen(f, 0, "9", "a");
    assert_seen(f, 1, "8", "b");
    assert_seen(f, 2, "7", "d");
    for (int i = 0; i < 3; i++)
        snprintf(positions[i], 64, "%s", f->seen[i].position);
    assert_int_equal(f->seen[0].kind, RELAIS_RECORD_FACT);
    stop(f);
    f->count = 0;
    start(f);
    drain(f, 3, true);
    for (int i = 0; i < 3; i++)
        assert_string_equal(f->seen[i].position, positions[i]);
}

static void test_pg_table_absent_slot_says_how_to_make_it(void **state)
{
    struct fixture *f = *state;
    struct relais_error err = RELAIS_ERROR_INIT;

    assert_int_equal(f->ops->open(&f->source, f->conf, &err), -1);
    assert_int_equal(err.code, RELAIS_E_SLOT_MISSING);
    assert_non_null(strstr(err.text, "relais slot create"));
}

/* The server was forgotten (relais slot resnapshot), and went back meanwhile: commits up
 * to the load's would be passed over. */
static void test_pg_table_load_beyond_the_servers_log_is_told(void **state)
{
    struct fixture *f = *state;
    struct relais_error err = RELAIS_ERROR_INIT;
    struct pg_progress progress;
    char load[512], origin[512];

    snprintf(load, sizeof(load), "%s/state/chargement.essai", f->folder);
    snprintf(origin, sizeof(origin), "%s/state/origine.essai", f->folder);
    first_start(f);
    drain(f, DRAIN_ALL, true);
    stop(f);
    assert_int_equal(pg_progress_read(load, &progress, &err), 0);
    progress.lsn += 1u << 30;
    assert_int_equal(unlink(origin), 0);
    for (int phase = PG_PHASE_NONE; phase <= PG_PHASE_STREAM; phase++) {
        progress.phase = (enum pg_phase)phase;
        assert_int_equal(pg_progress_write(load, &progress, &err), 0);
        assert_int_equal(f->ops->open(&f->source, f->conf, &err), -1);
        assert_int_equal(err.code, RELAIS_E_SLOT_ORIGIN);
        assert_non_null(strstr(err.text, "backup"));
        assert_non_null(strstr(err.text, "another name"));
        relais_error_clear(&err);
    }
}

static void test_pg_table_deleted_rows_must_tell_their_object(void **state)
{
    struct fixture *f = *state;
    struct relais_error err = RELAIS_ERROR_INIT;

    free(helper_pg_sql("ALTER TABLE detail REPLICA IDENTITY DEFAULT"));
    free(helper_pg_sql("SELECT pg_create_logical_replication_slot('essai', 'pgoutput')"));
    assert_int_equal(f->ops->open(&f->source, f->conf, &err), -1);
    assert_int_equal(err.code, RELAIS_E_PG_SCHEMA);
    configure(f, mapping, "replica_identity = ignorer\n");
    start(f);
    drain(f, DRAIN_ALL, true);
}

/* Writers change everything while the load runs and connections break: the last record of
 * every object is what the table says at the end. */
static void test_pg_table_ends_equal_to_the_tables(void **state)
{
    struct fixture *f = *state;

    free(
        helper_pg_sql("INSERT INTO objet SELECT i, 'x' FROM generate_series(1, 1500) i"));
    first_start(f);
    for (int round = 0; round < 60; round++) {
        char sql[400];

        snprintf(sql, sizeof(sql),
                 "UPDATE objet SET texte = 'r%d' WHERE id %% 61 = %d; "
                 "DELETE FROM objet WHERE id = %d; INSERT INTO objet VALUES (%d, 'n%d')",
                 round, round, round * 23 + 5, 5000 + round, round);
        free(helper_pg_sql(sql));
        if (round % 20 == 7) {
            stop(f);
            start(f);
        }
        if (round % 20 == 13)
            free(helper_pg_sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                               "WHERE application_name LIKE 'relais/%'"));
        for (int i = 0; i < 3; i++)
            (void)poll_once(f, round % 3 != 0, &(bool){false});
    }
    drain(f, DRAIN_ALL, true);
    {
        struct relais_buf sql = RELAIS_BUF_INIT(1 << 20);
        long long differ;

        assert_int_equal(
            relais_buf_add_str(&sql, "CREATE TEMP TABLE vu (n int, t text, o int);"), 0);
        for (size_t i = 0; i < f->count; i++)
            assert_int_equal(relais_buf_printf(&sql,
                                               "INSERT INTO vu VALUES (%s, '%s', %zu);",
                                               f->seen[i].number, f->seen[i].text, i),
                             0);
        assert_int_equal(
            relais_buf_add_str(&sql,
                               "SELECT count(*) FROM objet LEFT JOIN (SELECT DISTINCT "
                               "ON (n) n, t FROM vu ORDER BY n, o DESC) v ON v.n = id "
                               "WHERE texte <> 'fin' AND v.t IS DISTINCT FROM texte"),
            0);
        differ = helper_pg_number(sql.data);
        relais_buf_release(&sql);
        assert_int_equal(differ, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(test_pg_table_##name, setup, teardown)
        T(first_load_gives_every_object_once),
        T(change_of_any_table_gives_its_object),
        T(moved_row_touches_both_objects),
        T(one_transaction_gives_an_object_once),
        T(renamed_table_ends_the_source),
        T(foreign_changes_advance_the_slot),
        T(interrupted_load_goes_on_after_what_is_durable),
        T(unacknowledged_changes_come_again),
        T(lost_connections_lose_nothing),
        T(lost_slot_gives_nothing_of_what_was_read_before),
        T(truncate_reads_everything_again),
        T(more_changes_than_fit_are_a_load),
        T(facts_are_rows_inserted_with_a_place_of_their_own),
        T(absent_slot_says_how_to_make_it),
        T(load_beyond_the_servers_log_is_told),
        T(deleted_rows_must_tell_their_object),
        T(ends_equal_to_the_tables),
#undef T
    };

    relais_loop_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
