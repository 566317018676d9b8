/* connectors/sink_postgres in a backlog: full batches are written ahead, and what is lost
 * before it is durable. */
#include "core/loop.h"
#include "helper_ahead.h"
#include "helper_core.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static void test_pg_ahead_is_durable_with_the_next_call(void **state)
{
    struct fixture *f = *state;

    ahead_three(f, 1, 10);
    helper_sink_must_write(f);
    helper_pg_is(AHEAD_NEXT, "-1");
    ahead_three(f, 4, 20);
    helper_sink_must_write(f);
    helper_pg_is(AHEAD_NEXT, "3");
    helper_pg_is(AHEAD_ROWS, "110 210 310");
    ahead_flush(f);
    helper_pg_is(AHEAD_NEXT, "6");
    ahead_three(f, 7, 30);
    helper_sink_must_write(f);
    ahead_event(f, "x", "99", 0, 40); /* not full: at once, with what was before */
    helper_sink_must_write(f);
    helper_pg_is(AHEAD_NEXT, "10");
    helper_pg_is(AHEAD_ROWS, "110 210 310 420 520 620 730 830 930 x40");
    helper_pg_is("SELECT count(*) FROM relais.evenement_essai_parties", "20");
}

/* A row that is refused in a batch that was merged ahead: it is read again, and then only
 * that row is not written. */
static void test_pg_ahead_what_failed_is_read_again(void **state)
{
    struct fixture *f = *state;
    struct relais_error err = RELAIS_ERROR_INIT;
    size_t done;

    ahead_begin_merging(f);
    ahead_event(f, "a", "1", 0, 1);
    ahead_event(f, "b", "2", 0, 5000); /* n < 1000 */
    ahead_event(f, "c", "3", 0, 3);
    helper_sink_must_write(f);
    ahead_three(f, 4, 4);
    assert_int_equal(helper_sink_write(f, f->sink, &done, &err), -1);
    assert_int_equal(err.code, RELAIS_E_REREAD);
    assert_int_equal(done, 0);
    f->ops->revoked(f->sink);
    assert_int_equal(helper_sink_own(f, f->sink), 3);
    helper_pg_is(AHEAD_ROWS, "z1");

    f->offset = 3;
    relais_error_clear(&err);
    ahead_event(f, "a", "1", 0, 1);
    ahead_event(f, "b", "2", 0, 5000);
    ahead_event(f, "c", "3", 0, 3);
    assert_int_equal(helper_sink_write(f, f->sink, &done, &err), -1);
    assert_int_equal(err.code, RELAIS_E_PG_ROW);
    assert_int_equal(done, 1);
    helper_pg_is(AHEAD_ROWS, "a1 z1");
}

static void test_pg_ahead_goes_with_the_partition(void **state)
{
    struct fixture *f = *state;
    struct relais_error err = RELAIS_ERROR_INIT;
    size_t done;

    ahead_three(f, 1, 10);
    helper_sink_must_write(f);
    f->ops->revoked(f->sink);
    assert_int_equal(helper_sink_own(f, f->sink), -1);
    helper_pg_is(AHEAD_ROWS, "");
    f->offset = 0;
    ahead_three(f, 1, 10);
    helper_sink_must_write(f);
    ahead_three(f, 4, 10);
    ahead_lose_connections();
    assert_int_equal(helper_sink_write(f, f->sink, &done, &err), -1);
    assert_int_equal(err.code, RELAIS_E_REREAD);
    f->ops->revoked(f->sink);
    assert_int_equal(helper_sink_own(f, f->sink), -1);
    helper_pg_is(AHEAD_ROWS, "");
}

static void own_two(struct fixture *f)
{
    struct relais_position list[] = {{AHEAD_TOPIC, 0, -7, 0},
                                     {"dep93.autre.v1", 4, -7, 0}};
    struct relais_error err = RELAIS_ERROR_INIT;

    if (f->ops->positions(f->sink, "g", list, 2, &err))
        fail_msg("%s: %s", err.where, err.text);
}

/* A topic that was made anew, while a batch of another is under way. */
static void test_pg_ahead_comes_before_another_topic_s_new_position(void **state)
{
    struct fixture *f = *state;
    const struct relais_position at = {"dep93.autre.v1", 4, 9, 0};
    struct relais_error err = RELAIS_ERROR_INIT;

    own_two(f);
    ahead_three(f, 1, 10);
    helper_sink_must_write(f);
    assert_int_equal(f->ops->restart(f->sink, &at, &err), 0);
    assert_int_equal(f->ops->restart(f->sink, &at, &err), 0);
    helper_pg_is(AHEAD_ROWS, "110 210 310");
    helper_pg_is("SELECT string_agg(suivant::text, ' ' ORDER BY topic) FROM "
                 "relais.relais_positions",
                 "9 3");
}

/* The same, and the batch is lost: its position does not move, whatever was parked. */
static void test_pg_ahead_lost_before_a_new_position_moves_nothing(void **state)
{
    struct fixture *f = *state;
    const struct relais_position at = {"dep93.autre.v1", 4, 9, 0},
                                 parked = {AHEAD_TOPIC, 0, 4, 0};
    struct relais_error err = RELAIS_ERROR_INIT;
    size_t done;

    own_two(f);
    ahead_three(f, 1, 10);
    helper_sink_must_write(f);
    (f->ops->skip)(f->sink, &parked);
    ahead_lose_connections();
    assert_int_equal(f->ops->restart(f->sink, &at, &err), 0);
    helper_pg_is("SELECT string_agg(suivant::text, ' ' ORDER BY topic) FROM "
                 "relais.relais_positions",
                 "9 -1");
    f->offset = 4;
    ahead_three(f, 5, 10);
    assert_int_equal(helper_sink_write(f, f->sink, &done, &err), -1);
    assert_int_equal(err.code, RELAIS_E_REREAD);
    assert_int_equal(f->ops->flush(f->sink, &err), -1);
    helper_pg_is(AHEAD_ROWS, "");
}

/* A control event in a batch that was gathered when the one before was lost. */
static void test_pg_ahead_lost_announces_nothing(void **state)
{
    struct fixture *f = *state;
    struct relais_error err = RELAIS_ERROR_INIT;
    const struct relais_position parked = {AHEAD_TOPIC, 0, 1, 0};
    size_t done;

    ahead_three(f, 1, 10);
    helper_sink_must_write(f);
    ahead_lose_connections();
    ahead_event(f, "4", "4", 0, 10);
    ahead_event(f, "5", "5", 0, 10);
    helper_sink_add(f, "{\"depot\":\"d\",\"entete\":{\"survenu_le\":\"2026-01-05\","
                       "\"constate_le\":\"2026-02-01T00:00:00Z\",\"sequence\":1},"
                       "\"publies\":[{\"sujet\":\"" AHEAD_CONTRACT
                       "\",\"fait\":\"EMIS\",\"nombre\":9,\"centimes\":9}]}")
        ->schema = "fr.relais.control.EvenementControle";
    assert_int_equal(helper_sink_write(f, f->sink, &done, &err), -1);
    assert_int_equal(err.code, RELAIS_E_REREAD);
    f->ops->revoked(f->sink);
    assert_int_equal(helper_sink_own(f, f->sink), -1);
    (f->ops->skip)(f->sink, &parked);
    ahead_flush(f);
    helper_pg_is("SELECT count(*) FROM relais.relais_controles", "0");
    helper_pg_is(AHEAD_NEXT, "1");
}

/* An older process that does not know yet writes nothing, and both lose nothing. */
static void test_pg_ahead_a_zombie_writes_nothing(void **state)
{
    struct fixture *f = *state;
    struct relais_error err = RELAIS_ERROR_INIT;
    void *other = NULL;
    size_t done;

    ahead_three(f, 1, 10);
    helper_sink_must_write(f);
    assert_int_equal(f->ops->open(&other, f->conf, &err), 0);
    assert_int_equal(helper_sink_own(f, other), -1);
    assert_int_equal(f->ops->flush(f->sink, &err), -1);
    assert_int_equal(err.code, RELAIS_E_REREAD);
    helper_pg_is(AHEAD_ROWS, "");
    f->offset = 0;
    ahead_three(f, 1, 20);
    assert_int_equal(helper_sink_write(f, other, &done, &err), 0);
    assert_int_equal(f->ops->flush(other, &err), 0);
    f->ops->close(other);
    helper_pg_is(AHEAD_ROWS, "120 220 320");
    helper_pg_is("SELECT count(*) FROM relais.relais_recus", "3");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(name)                                                                          \
    cmocka_unit_test_setup_teardown(test_pg_ahead_##name, ahead_setup,                   \
                                    helper_sink_teardown)
        T(is_durable_with_the_next_call),
        T(what_failed_is_read_again),
        T(goes_with_the_partition),
        T(comes_before_another_topic_s_new_position),
        T(lost_before_a_new_position_moves_nothing),
        T(lost_announces_nothing),
        T(a_zombie_writes_nothing),
#undef T
    };

    relais_loop_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
