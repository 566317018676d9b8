/* connectors/sink_postgres in a backlog: batches that go by COPY straight into the
 * tables, and what must not. */
#include "core/loop.h"
#include "helper_ahead.h"
#include "helper_core.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

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

static void six_of_all_kinds(struct fixture *f, bool one_by_one)
{
    static const char *const depots[] = {
        "\"relais_dep93_essai\"", "\"0123456789abcdef\"", "null",
        "\"0123456789abcdeg\"",   "\"a\\tb\\\\c\"",       "\"publish\""};

    for (int i = 0; i < 6; i++) {
        char o[24], id[16];

        snprintf(o, sizeof(o), "\\\"{o},\\\\%d", i);
        snprintf(id, sizeof(id), "e%d", i);
        ahead_event_of(f, o, id, i - 3600 * (i % 2), depots[i], 100 + i);
        if (one_by_one || i % 3 == 2)
            helper_sink_must_write(f);
    }
    ahead_flush(f);
}

static void test_pg_straight_straight_leaves_the_rows_of_a_merge(void **state)
{
    struct fixture *f = *state;
    char *straight;

    six_of_all_kinds(f, false);
    helper_pg_is(WAYS, "COPY relais_recus,COPY evenement_essai,COPY relais_recus,COPY "
                       "evenement_essai");
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

static void test_pg_straight_an_object_that_is_there_is_merged(void **state)
{
    struct fixture *f = *state;

    ahead_three(f, 1, 10);
    helper_sink_must_write(f);
    ahead_event(f, "1", "11", 5, 20); /* the sample has it */
    ahead_event(f, "4", "12", 0, 20);
    ahead_event(f, "5", "13", 0, 20);
    helper_sink_must_write(f);
    helper_pg_is(AHEAD_ROWS, "120 210 310 420 520");
    free(helper_pg_sql("TRUNCATE ways"));
    ahead_three(f, 6, 30);
    helper_sink_must_write(f);
    ahead_flush(f);
    helper_pg_is(WAYS, "COPY relais_recus,merge evenement_essai");
    helper_pg_is("SELECT count(*) FROM relais.relais_recus", "9");
    for (int i = 0; i < 16; i++) {
        ahead_three(f, 100 + 3 * i, 1);
        helper_sink_must_write(f);
    }
    ahead_flush(f);
    helper_pg_is("SELECT way FROM ways ORDER BY rank DESC LIMIT 1", "COPY");
    helper_pg_is("SELECT count(*) FROM relais.relais_recus", "57");
}

static void test_pg_straight_what_the_sample_misses_the_key_refuses(void **state)
{
    struct fixture *f = *state;

    ahead_three(f, 1, 10);
    helper_sink_must_write(f);
    ahead_event(f, "8", "8", 0, 20);
    ahead_event(f, "2", "9", -5, 20); /* older */
    ahead_event(f, "3", "10", 5, 20);
    helper_sink_must_write(f);
    helper_pg_is(AHEAD_ROWS, "110 210 320 820");
    helper_pg_is(AHEAD_NEXT, "6");
    helper_pg_is("SELECT count(*) FROM relais.evenement_essai_historique", "6");
    helper_pg_is("SELECT count(*) FROM relais.relais_recus", "6");
}

/* A person emptied the tables and kept relais_recus: nothing is read twice. */
static void test_pg_straight_a_reload_is_written_and_not_counted_again(void **state)
{
    struct fixture *f = *state;

    for (int i = 0; i < 20; i++) {
        ahead_three(f, 3 * i, 10);
        helper_sink_must_write(f);
    }
    ahead_flush(f);
    free(helper_pg_sql("TRUNCATE relais.evenement_essai, relais.evenement_essai_parties, "
                       "relais.evenement_essai_historique; UPDATE "
                       "relais.relais_positions SET suivant = -1"));
    f->ops->revoked(f->sink);
    assert_int_equal(helper_sink_own(f, f->sink), -1);
    f->offset = 0;
    for (int i = 0; i < 20; i++) {
        ahead_three(f, 3 * i, 10);
        helper_sink_must_write(f);
    }
    ahead_flush(f);
    helper_pg_is("SELECT count(*) FROM relais.evenement_essai", "60");
    helper_pg_is("SELECT count(*) FROM relais.evenement_essai_historique", "60");
    helper_pg_is("SELECT count(*) FROM relais.relais_recus", "60");
    helper_pg_is(AHEAD_NEXT, "60");
}

/* A step of the history that no sample sees, refused when the batch is out of our hands.
 */
static void test_pg_straight_what_the_samples_miss_is_read_again(void **state)
{
    struct fixture *f = *state;
    struct relais_error err = RELAIS_ERROR_INIT;
    size_t done;

    free(helper_pg_sql("DROP TABLE relais.evenement_essai_parties"));
    helper_sink_open(f); /* the history is the last table */
    helper_sink_own(f, f->sink);
    ahead_three(f, 1, 10);
    helper_sink_must_write(f);
    ahead_flush(f);
    free(helper_pg_sql("DELETE FROM relais.evenement_essai WHERE essai = '2'; DELETE "
                       "FROM relais.relais_recus WHERE entete_id = '2'"));
    ahead_event(f, "7", "7", 0, 20);
    ahead_event(f, "2", "2", 0, 20);
    ahead_event(f, "8", "8", 0, 20);
    helper_sink_must_write(f);
    assert_int_equal(f->ops->flush(f->sink, &err), -1);
    assert_int_equal(err.code, RELAIS_E_REREAD);
    ahead_three(f, 30, 10); /* not before the positions were asked for */
    assert_int_equal(helper_sink_write(f, f->sink, &done, &err), -1);
    assert_int_equal(err.code, RELAIS_E_REREAD);
    f->ops->revoked(f->sink);
    assert_int_equal(helper_sink_own(f, f->sink), 3);
    f->offset = 3;
    ahead_event(f, "7", "7", 0, 20);
    ahead_event(f, "2", "2", 0, 20);
    ahead_event(f, "8", "8", 0, 20);
    helper_sink_must_write(f);
    helper_pg_is(AHEAD_NEXT, "6");
    helper_pg_is(AHEAD_ROWS, "110 220 310 720 820");
    helper_pg_is("SELECT count(*) FROM relais.relais_recus", "5");
}

/* Contract A8: it is no step of the history. */
static void test_pg_straight_a_republication_is_merged(void **state)
{
    struct fixture *f = *state;

    ahead_event(f, "1", "1", 0, 10);
    ahead_event_of(f, "2", "2", 0, "\"renvoi-1\"", 10);
    ahead_event(f, "3", "3", 0, 10);
    helper_sink_must_write(f);
    helper_pg_is(AHEAD_ROWS, "110 210 310");
    helper_pg_is("SELECT string_agg(essai, ' ' ORDER BY essai) FROM "
                 "relais.evenement_essai_historique",
                 "1 3");
    helper_pg_is("SELECT string_agg(DISTINCT way, ' ') FROM ways", "merge");
}

static void test_pg_straight_without_a_history_a_republication_goes_straight(void **state)
{
    struct fixture *f = *state;

    free(helper_pg_sql("DROP TABLE relais.evenement_essai_historique"));
    helper_sink_open(f);
    helper_sink_own(f, f->sink);
    ahead_event_of(f, "1", "1", 0, "\"renvoi-1\"", 10);
    ahead_event_of(f, "2", "2", 0, "\"renvoi-1\"", 10);
    ahead_event_of(f, "3", "3", 0, "\"renvoi-1\"", 10);
    helper_sink_must_write(f);
    ahead_flush(f);
    helper_pg_is(WAYS, "COPY relais_recus,COPY evenement_essai");
    helper_pg_is("SELECT DISTINCT jour FROM relais.relais_recus", "-infinity");
}

/* Items that are still there of an object that is gone: only a foreign key would refuse
 * them. */
static void test_pg_straight_lists_without_a_foreign_key_are_merged(void **state)
{
    struct fixture *f = *state;

    free(helper_pg_sql("ALTER TABLE relais.evenement_essai_parties DROP CONSTRAINT "
                       "evenement_essai_parties_essai_fkey; INSERT INTO "
                       "relais.evenement_essai_parties VALUES ('1', 3, 99)"));
    helper_sink_open(f);
    helper_sink_own(f, f->sink);
    ahead_three(f, 1, 10);
    helper_sink_must_write(f);
    ahead_flush(f);
    helper_pg_is("SELECT string_agg(ordre || ':' || n, ' ' ORDER BY ordre) FROM "
                 "relais.evenement_essai_parties WHERE essai = '1'",
                 "1:10 2:11");
}

static void test_pg_straight_relais_recus_needs_its_key(void **state)
{
    struct fixture *f = *state;
    struct relais_error err = RELAIS_ERROR_INIT;
    size_t done;

    free(helper_pg_sql("ALTER TABLE relais.relais_recus DROP CONSTRAINT "
                       "relais_recus_pkey"));
    helper_sink_open(f);
    helper_sink_own(f, f->sink);
    ahead_three(f, 1, 10);
    assert_int_equal(helper_sink_write(f, f->sink, &done, &err), -1);
    assert_int_equal(err.code, RELAIS_E_PG_SCHEMA);
    helper_pg_is(AHEAD_ROWS, "");
}

/* A table made by hand: the day is the same whichever way an event goes. */
static void
test_pg_straight_an_instant_without_a_zone_counts_for_the_same_day(void **state)
{
    struct fixture *f = *state;

    free(helper_pg_sql("ALTER TABLE relais.evenement_essai ALTER entete_constate_le TYPE "
                       "timestamp"));
    helper_sink_open(f);
    helper_sink_own(f, f->sink);
    ahead_three(f, 1, 10);
    helper_sink_must_write(f);
    ahead_event(f, "x", "x", 0, 1);
    helper_sink_must_write(f);
    helper_pg_is("SELECT string_agg(DISTINCT way, ' ' ORDER BY way) FROM ways",
                 "COPY merge");
    helper_pg_is("SELECT DISTINCT jour FROM relais.relais_recus", "2026-01-06");
}

static void test_pg_straight_keys_of_another_type_in_two_spellings(void **state)
{
#define UUID(end)  "B1F0A8D2-6C3E-8A47-8B15-3D9E7F204C0" end
#define LOWER(end) "b1f0a8d2-6c3e-8a47-8b15-3d9e7f204c0" end
    struct fixture *f = *state;

    free(helper_pg_sql("ALTER TABLE relais.evenement_essai_parties DROP CONSTRAINT "
                       "evenement_essai_parties_essai_fkey; ALTER TABLE "
                       "relais.evenement_essai ALTER essai TYPE uuid USING NULL; ALTER "
                       "TABLE relais.evenement_essai_parties ALTER essai TYPE uuid USING "
                       "NULL, ADD FOREIGN KEY (essai) REFERENCES relais.evenement_essai "
                       "ON DELETE CASCADE"));
    helper_sink_open(f);
    helper_sink_own(f, f->sink);
    ahead_event(f, LOWER("1"), "1", 0, 1);
    ahead_event(f, LOWER("2"), "2", 0, 2);
    ahead_event(f, LOWER("3"), "3", 0, 3);
    helper_sink_must_write(f);
    ahead_event(f, UUID("1"), "4", 9, 4);
    ahead_event(f, LOWER("4"), "5", 9, 5);
    ahead_event(f, UUID("4"), "6", 5, 6);
    helper_sink_must_write(f);
    ahead_flush(f);
    helper_pg_is("SELECT string_agg(right(essai::text, 1) || n, ' ' ORDER BY essai) FROM "
                 "relais.evenement_essai",
                 "14 22 33 45");
    helper_pg_is("SELECT count(*) FROM relais.relais_recus", "6");
}

static void test_pg_straight_a_refused_row_is_found(void **state)
{
    struct fixture *f = *state;
    struct relais_error err = RELAIS_ERROR_INIT;
    size_t done;

    ahead_event(f, "1", "1", 0, 10);
    ahead_event(f, "2", "2", 0, 1000);
    ahead_event(f, "3", "3", 0, 10);
    assert_int_equal(helper_sink_write(f, f->sink, &done, &err), -1);
    assert_int_equal(err.code, RELAIS_E_PG_ROW);
    assert_int_equal(done, 1);
    helper_pg_is(AHEAD_ROWS, "110");
    helper_pg_is(AHEAD_NEXT, "1");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(name)                                                                          \
    cmocka_unit_test_setup_teardown(test_pg_straight_##name, ahead_setup,                \
                                    helper_sink_teardown)
        T(straight_leaves_the_rows_of_a_merge),
        T(an_object_that_is_there_is_merged),
        T(what_the_sample_misses_the_key_refuses),
        T(a_reload_is_written_and_not_counted_again),
        T(what_the_samples_miss_is_read_again),
        T(a_republication_is_merged),
        T(without_a_history_a_republication_goes_straight),
        T(lists_without_a_foreign_key_are_merged),
        T(relais_recus_needs_its_key),
        T(an_instant_without_a_zone_counts_for_the_same_day),
        T(keys_of_another_type_in_two_spellings),
        T(a_refused_row_is_found),
#undef T
    };

    relais_loop_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
