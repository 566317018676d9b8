/* connectors/sink_postgres in a backlog: full batches are written ahead, and straight
 * into the tables where all their objects are new. */
#include "core/loop.h"
#include "helper_core.h"
#include "helper_sink.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define CONTRACT "fr.relais.essai.EvenementEssai"
#define TOPIC    "dep93.essai.v1"
#define EVENING  INT64_C(1767655800000000) /* 2026-01-05T23:30:00Z: the 6th in Paris */

#define ROWS                                                                             \
    "SELECT coalesce(string_agg(essai || n, ' ' ORDER BY essai), '') FROM "              \
    "relais.evenement_essai"
#define NEXT "SELECT coalesce(max(suivant), -2) FROM relais.relais_positions"
/* How rows came, table by table. */
#define WAYS                                                                             \
    "SELECT coalesce(string_agg(concat(way, ' ', name), ',' ORDER BY rank), '') FROM "   \
    "ways"
/* All rows of all tables. */
#define ALL                                                                              \
    "SELECT string_agg(r, ' ' ORDER BY r) FROM (SELECT t::text FROM "                    \
    "relais.evenement_essai t UNION ALL SELECT 'p' || t FROM "                           \
    "relais.evenement_essai_parties t UNION ALL SELECT 'h' || t FROM "                   \
    "relais.evenement_essai_historique t UNION ALL SELECT 'r' || t FROM "                \
    "relais.relais_recus t) all_of_them (r)"

/* Three records are a full batch. */
static const struct relais_conf_key backlog_keys[] = {
    {"sink", "batch_records", RELAIS_CONF_INTEGER, 1, 10, .def = "3", .doc = "essai"},
    {0}};

static int setup(void **state)
{
    struct fixture *f;

    free(helper_pg_sql(
        "DROP SCHEMA IF EXISTS relais CASCADE; CREATE SCHEMA "
        "relais;" HELPER_SINK_POSITIONS
        "CREATE TABLE relais.evenement_essai (essai text PRIMARY KEY, entete_id text NOT "
        "NULL, entete_constate_le timestamptz NOT NULL, entete_sequence bigint NOT NULL, "
        "entete_origine_depot text, fait text, sens text, montant_centimes bigint, n int "
        "CHECK (n < 1000));"
        "CREATE TABLE relais.evenement_essai_parties (essai text, ordre int, n int, "
        "PRIMARY KEY (essai, ordre));"
        "CREATE TABLE relais.evenement_essai_historique (entete_id text PRIMARY KEY, "
        "essai text, n int);"
        "CREATE TABLE relais.relais_recus (entete_id text PRIMARY KEY, depot text, jour "
        "date, sujet text, fait text, constate_le timestamptz, centimes bigint);"
        "CREATE TABLE relais.relais_controles (depot text);"
        "DROP TABLE IF EXISTS ways; CREATE TABLE ways (rank serial, name text, way text);"
        "CREATE OR REPLACE FUNCTION note_way() RETURNS trigger LANGUAGE plpgsql AS "
        "'BEGIN INSERT INTO public.ways (name, way) VALUES (TG_TABLE_NAME, "
        "CASE WHEN current_query() LIKE ''COPY%'' THEN ''COPY'' ELSE ''merge'' END); "
        "RETURN NULL; END';"
        "CREATE TRIGGER way AFTER INSERT ON relais.evenement_essai EXECUTE FUNCTION "
        "note_way(); CREATE TRIGGER way AFTER INSERT ON relais.relais_recus EXECUTE "
        "FUNCTION note_way()"));
    *state = f = helper_sink_new(CONTRACT, TOPIC, NULL);
    relais_conf_admit(f->conf, backlog_keys);
    helper_sink_open(f);
    helper_sink_own(f, f->sink);
    return 0;
}

/* An event of object `o` with id, so many seconds after EVENING. */
static void event_of(struct fixture *f, const char *o, const char *id, int seconds,
                     const char *depot, int n)
{
    struct relais_value *observed;
    char json[512];

    snprintf(
        json, sizeof(json),
        "{\"essai\":\"%s\",\"fait\":\"EMIS\",\"sens\":\"%s\",\"montant_centimes\":%d,"
        "\"entete\":{\"id\":\"%s\",\"constate_le\":0,\"sequence\":1,\"origine\":{"
        "\"depot\":%s}},\"n\":%d,\"parties\":[{\"n\":%d},{\"n\":%d}]}",
        o, n % 2 ? "DEDUCTION" : "AJOUT", n * 100, id, depot, n, n, n + 1);
    observed = relais_value_get(
        relais_value_get(helper_sink_add(f, json)->value, "entete"), "constate_le");
    observed->kind = RELAIS_VALUE_INSTANT;
    observed->number = EVENING + seconds * INT64_C(1000000);
}

static void event(struct fixture *f, const char *o, const char *id, int seconds, int n)
{
    event_of(f, o, id, seconds, "\"relais_dep93_essai\"", n);
}

static void three(struct fixture *f, int from, int n)
{
    for (int i = from; i < from + 3; i++) {
        char id[16];

        snprintf(id, sizeof(id), "%d", i);
        event(f, id, id, 0, n);
    }
}

static void must_flush(struct fixture *f)
{
    struct relais_error err = RELAIS_ERROR_INIT;

    if (f->ops->flush(f->sink, &err))
        fail_msg("%s: %s", err.where, err.text);
}

/* A full batch, after which some are merged: an object is there twice. */
static void begin_merging(struct fixture *f)
{
    for (int i = 0; i < 3; i++) {
        char id[16];

        snprintf(id, sizeof(id), "z%d", i);
        event(f, "z", id, i, 1);
    }
    helper_sink_must_write(f);
}

static void test_pg_ahead_is_durable_with_the_next_call(void **state)
{
    struct fixture *f = *state;

    three(f, 1, 10);
    helper_sink_must_write(f);
    helper_pg_is(NEXT, "-1");
    three(f, 4, 20);
    helper_sink_must_write(f);
    helper_pg_is(NEXT, "3");
    helper_pg_is(ROWS, "110 210 310");
    must_flush(f);
    helper_pg_is(NEXT, "6");
    three(f, 7, 30);
    helper_sink_must_write(f);
    event(f, "x", "99", 0, 40); /* not full: at once, with what was before */
    helper_sink_must_write(f);
    helper_pg_is(NEXT, "10");
    helper_pg_is(ROWS, "110 210 310 420 520 620 730 830 930 x40");
    helper_pg_is("SELECT count(*) FROM relais.evenement_essai_parties", "20");
}

/* A row that is refused in a batch that was merged ahead: it is read again, and then only
 * that row is not written. */
static void test_pg_ahead_what_failed_is_read_again(void **state)
{
    struct fixture *f = *state;
    struct relais_error err = RELAIS_ERROR_INIT;
    size_t done;

    begin_merging(f);
    event(f, "a", "1", 0, 1);
    event(f, "b", "2", 0, 5000); /* n < 1000 */
    event(f, "c", "3", 0, 3);
    helper_sink_must_write(f);
    three(f, 4, 4);
    assert_int_equal(helper_sink_write(f, f->sink, &done, &err), -1);
    assert_int_equal(err.code, RELAIS_E_REREAD);
    assert_int_equal(done, 0);
    f->ops->revoked(f->sink);
    assert_int_equal(helper_sink_own(f, f->sink), 3);
    helper_pg_is(ROWS, "z1");

    f->offset = 3;
    relais_error_clear(&err);
    event(f, "a", "1", 0, 1);
    event(f, "b", "2", 0, 5000);
    event(f, "c", "3", 0, 3);
    assert_int_equal(helper_sink_write(f, f->sink, &done, &err), -1);
    assert_int_equal(err.code, RELAIS_E_PG_ROW);
    assert_int_equal(done, 1);
    helper_pg_is(ROWS, "a1 z1");
}

static void test_pg_ahead_goes_with_the_partition(void **state)
{
    struct fixture *f = *state;
    struct relais_error err = RELAIS_ERROR_INIT;
    size_t done;

    three(f, 1, 10);
    helper_sink_must_write(f);
    f->ops->revoked(f->sink);
    assert_int_equal(helper_sink_own(f, f->sink), -1);
    helper_pg_is(ROWS, "");
    f->offset = 0;
    three(f, 1, 10);
    helper_sink_must_write(f);
    three(f, 4, 10);
    free(helper_pg_sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE "
                       "pid <> pg_backend_pid() AND application_name LIKE 'relais/%'"));
    assert_int_equal(helper_sink_write(f, f->sink, &done, &err), -1);
    assert_int_equal(err.code, RELAIS_E_REREAD);
    f->ops->revoked(f->sink);
    assert_int_equal(helper_sink_own(f, f->sink), -1);
    helper_pg_is(ROWS, "");
}

/* ---- straight into the tables ---- */

static void six_of_all_kinds(struct fixture *f, bool one_by_one)
{
    static const char *const depots[] = {
        "\"relais_dep93_essai\"", "\"0123456789abcdef\"", "null",
        "\"0123456789abcdeg\"",   "\"a\\tb\\\\c\"",       "\"publish\""};

    for (int i = 0; i < 6; i++) {
        char o[24], id[16];

        snprintf(o, sizeof(o), "\\\"{o},\\\\%d", i);
        snprintf(id, sizeof(id), "e%d", i);
        event_of(f, o, id, i - 3600 * (i % 2), depots[i], 100 + i);
        if (one_by_one || i % 3 == 2)
            helper_sink_must_write(f);
    }
    must_flush(f);
}

static void test_pg_ahead_straight_leaves_the_rows_of_a_merge(void **state)
{
    struct fixture *f = *state;
    char *straight;

    six_of_all_kinds(f, false);
    helper_pg_is(WAYS, "COPY evenement_essai,COPY relais_recus,COPY evenement_essai,COPY "
                       "relais_recus");
    helper_pg_is("SELECT string_agg(jour::text, ' ' ORDER BY entete_id) FROM "
                 "relais.relais_recus",
                 "2026-01-06 -infinity 2026-01-05 2026-01-06 2026-01-05");
    straight = helper_pg_sql(ALL);
    free(helper_pg_sql("TRUNCATE relais.evenement_essai, relais.evenement_essai_parties, "
                       "relais.evenement_essai_historique, relais.relais_recus, "
                       "relais.relais_positions, ways"));
    helper_sink_own(f, f->sink);
    f->offset = 0;
    six_of_all_kinds(f, true);
    helper_pg_is("SELECT string_agg(DISTINCT way, ' ') FROM ways", "merge");
    helper_pg_is(ALL, straight);
    free(straight);
}

static void test_pg_ahead_an_object_that_is_there_is_merged(void **state)
{
    struct fixture *f = *state;

    three(f, 1, 10);
    helper_sink_must_write(f);
    event(f, "1", "11", 5, 20); /* the sample has it */
    event(f, "4", "12", 0, 20);
    event(f, "5", "13", 0, 20);
    helper_sink_must_write(f);
    helper_pg_is(ROWS, "120 210 310 420 520");
    free(helper_pg_sql("TRUNCATE ways"));
    three(f, 6, 30);
    helper_sink_must_write(f);
    must_flush(f);
    helper_pg_is(WAYS, "COPY relais_recus,merge evenement_essai");
    helper_pg_is("SELECT count(*) FROM relais.relais_recus", "9");
    for (int i = 0; i < 16; i++) {
        three(f, 100 + 3 * i, 1);
        helper_sink_must_write(f);
    }
    must_flush(f);
    helper_pg_is("SELECT way FROM ways ORDER BY rank DESC LIMIT 1", "COPY");
    helper_pg_is("SELECT count(*) FROM relais.relais_recus", "57");
}

static void test_pg_ahead_what_the_sample_misses_the_key_refuses(void **state)
{
    struct fixture *f = *state;

    three(f, 1, 10);
    helper_sink_must_write(f);
    event(f, "8", "8", 0, 20);
    event(f, "2", "9", -5, 20); /* older */
    event(f, "3", "10", 5, 20);
    helper_sink_must_write(f);
    helper_pg_is(ROWS, "110 210 320 820");
    helper_pg_is(NEXT, "6");
    helper_pg_is("SELECT count(*) FROM relais.evenement_essai_historique", "6");
    helper_pg_is("SELECT count(*) FROM relais.relais_recus", "6");
}

/* A person deleted the object; its event comes once more. */
static void test_pg_ahead_what_was_counted_is_not_counted_again(void **state)
{
    struct fixture *f = *state;
    struct relais_error err = RELAIS_ERROR_INIT;
    size_t done;

    three(f, 1, 10);
    helper_sink_must_write(f);
    must_flush(f);
    free(helper_pg_sql("DELETE FROM relais.evenement_essai; DELETE FROM "
                       "relais.evenement_essai_parties; DELETE FROM "
                       "relais.evenement_essai_historique"));
    three(f, 1, 10);
    helper_sink_must_write(f);
    three(f, 4, 10);
    assert_int_equal(helper_sink_write(f, f->sink, &done, &err), -1);
    assert_int_equal(err.code, RELAIS_E_REREAD);
    f->ops->revoked(f->sink);
    assert_int_equal(helper_sink_own(f, f->sink), 3);
    f->offset = 3;
    three(f, 1, 10);
    helper_sink_must_write(f);
    helper_pg_is(NEXT, "6");
    helper_pg_is(ROWS, "110 210 310");
    helper_pg_is("SELECT count(*) FROM relais.relais_recus", "3");
}

/* Contract A8: it is no step of the history. */
static void test_pg_ahead_a_republication_is_merged(void **state)
{
    struct fixture *f = *state;

    event(f, "1", "1", 0, 10);
    event_of(f, "2", "2", 0, "\"renvoi-1\"", 10);
    event(f, "3", "3", 0, 10);
    helper_sink_must_write(f);
    helper_pg_is(ROWS, "110 210 310");
    helper_pg_is("SELECT string_agg(essai, ' ' ORDER BY essai) FROM "
                 "relais.evenement_essai_historique",
                 "1 3");
    helper_pg_is("SELECT string_agg(DISTINCT way, ' ') FROM ways", "merge");
}

static void test_pg_ahead_a_refused_row_is_found(void **state)
{
    struct fixture *f = *state;
    struct relais_error err = RELAIS_ERROR_INIT;
    size_t done;

    event(f, "1", "1", 0, 10);
    event(f, "2", "2", 0, 1000);
    event(f, "3", "3", 0, 10);
    assert_int_equal(helper_sink_write(f, f->sink, &done, &err), -1);
    assert_int_equal(err.code, RELAIS_E_PG_ROW);
    assert_int_equal(done, 1);
    helper_pg_is(ROWS, "110");
    helper_pg_is(NEXT, "1");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(name)                                                                          \
    cmocka_unit_test_setup_teardown(test_pg_ahead_##name, setup, helper_sink_teardown)
        T(is_durable_with_the_next_call),
        T(what_failed_is_read_again),
        T(goes_with_the_partition),
        T(straight_leaves_the_rows_of_a_merge),
        T(an_object_that_is_there_is_merged),
        T(what_the_sample_misses_the_key_refuses),
        T(what_was_counted_is_not_counted_again),
        T(a_republication_is_merged),
        T(a_refused_row_is_found),
#undef T
    };

    relais_loop_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
