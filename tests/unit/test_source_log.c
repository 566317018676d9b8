/* The source runner over a log: positions, ids of the source, ready Avro, days. */
#include "tests/unit/helper_source.h"

#include "core/day.h"
#include "schemas/catalog.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#define TOPIC   "dep93.eligibility.v1"
#define CONTROL "dep93.control.v1"
#define NOON    INT64_C(1770894000000000) /* 2026-02-12T11:00:00Z */
#define DAY     INT64_C(86400000000)
#define ROWS    32

enum { SNAPSHOT, FACT, READY, PARKED };

/* A row of the log. */
struct row {
    int kind;
    const char *position;
    int64_t observed_us;
    int dossier;
    int64_t centimes;
    const char *id;    /* FACT: its own; NULL: none */
    const char *trace; /* NULL: none */
    bool initial;
};

static struct {
    struct row rows[ROWS];
    size_t count;
    size_t kill_at; /* SIGKILL before this row is given; 0: never */
    size_t term_at; /* SIGTERM, the same */
    bool stop; /* after the last row SIGTERM, and an error of a server that is away */
} journal;

static int log_open(void **state, const struct relais_conf *conf,
                    struct relais_error *err)
{
    *state = relais_zalloc(sizeof(size_t));
    return 0;
}

static struct relais_value *value_of(const struct row *row, struct relais_batch *out)
{
    struct relais_error err = RELAIS_ERROR_INIT;
    struct relais_value *value;
    struct relais_slice json = relais_arena_printf(
        &out->arena,
        "{\"entete\":{\"dossier\":\"01000%03d093\"%s},%s\"prestation\":\"RSA\","
        "\"etat\":\"OUVERT\",\"organisme\":{\"fonorg\":\"CAF\",\"numorg\":\"931\"},"
        "\"matricule\":\"9900%03d00000000\",\"montant_mensuel_centimes\":%lld}",
        row->dossier, row->kind == SNAPSHOT ? "" : ",\"survenu_le\":\"2026-02-01\"",
        row->kind == SNAPSHOT ? "" : "\"fait\":\"OUVERTURE\",", row->dossier,
        (long long)row->centimes);

    value = relais_value_parse(&out->arena, json, &err);
    assert_non_null(value);
    return value;
}

/* The row as ready Avro, clear, of another source and of another day by its own words. */
static struct relais_slice ready_of(const struct row *row, struct relais_batch *out)
{
    const struct relais_contract *contract = relais_catalog_find("EvenementDroit");
    struct relais_buf bytes = RELAIS_BUF_INIT(1u << 16);
    struct relais_error err = RELAIS_ERROR_INIT;
    struct relais_value *value = value_of(row, out);
    struct relais_value *entete = relais_value_get(value, "entete");
    void *data = relais_arena_zalloc(&out->arena, contract->size);
    struct relais_slice ready;
    struct relais_value *more = relais_value_parse(
        &out->arena,
        RELAIS_SLICE("{\"id\":\"2f0c9b64-0c5e-4c0a-9d3e-000000000000\",\"source\":"
                     "\"urn:relais:autre:dep93\",\"sequence\":77,\"territoire\":"
                     "\"dep93\",\"constate_le\":\"2020-01-01T00:00:00.000000Z\","
                     "\"nature\":\"NORMAL\",\"derive\":true,\"origine\":{\"depot\":"
                     "\"autre\",\"position\":\"0\"}}"),
        &err);

    assert_non_null(more);
    entete->last->next = more->child;
    entete->last = more->last;
    entete->count += more->count;
    assert_int_equal(
        relais_value_add_string(&out->arena, value, "droit",
                                RELAIS_SLICE("2f0c9b64-0c5e-4c0a-9d3e-111111111111")),
        0);
    if (relais_avro_bind(contract->schema, value, data, &out->arena, NULL, &err) ||
        relais_avro_encode(contract->schema, data, &bytes, NULL, &err))
        fail_msg("%s %s", err.where, err.text);
    ready = relais_arena_slice(&out->arena, relais_buf_slice(&bytes));
    relais_buf_release(&bytes);
    return ready;
}

static int log_poll(void *state, struct relais_batch *out, int timeout_ms,
                    struct relais_error *err)
{
    size_t *at = state;

    if (journal.stop && *at == journal.count) {
        raise(SIGTERM);
        return relais_error_set(err, RELAIS_E_PG_DOWN, "replication", "slot is active");
    }
    while (*at < journal.count) {
        const struct row *row = &journal.rows[*at];
        struct relais_record *rec;

        if (journal.kill_at && *at + 1 == journal.kill_at)
            raise(SIGKILL);
        if (journal.term_at && *at + 1 == journal.term_at)
            raise(SIGTERM);
        rec = relais_batch_add(out);
        assert_non_null(rec);
        *at += 1;
        rec->schema = "fr.relais.eligibility.EvenementDroit";
        rec->depot = RELAIS_SLICE("relais_dep93_essai");
        rec->position = relais_slice_str(row->position);
        rec->observed_us = row->observed_us;
        rec->ack = *at;
        rec->initial = row->initial;
        rec->charge = RELAIS_SLICE("{}");
        if (row->id)
            rec->id = relais_slice_str(row->id);
        if (row->trace)
            rec->trace = relais_slice_str(row->trace);
        rec->kind = row->kind == SNAPSHOT ? RELAIS_RECORD_SNAPSHOT : RELAIS_RECORD_FACT;
        if (row->kind == PARKED) {
            rec->kind = RELAIS_RECORD_PARKED;
            relais_error_set(&rec->problem, RELAIS_E_JSON_INVALID, "payload", "line 1");
        } else if (row->kind == READY) {
            rec->encoded = ready_of(row, out);
        } else {
            rec->value = value_of(row, out);
        }
    }
    return 0;
}

static bool log_idle(void *state) { return *(size_t *)state == journal.count; }

static const struct relais_source_ops log_ops = {
    .open = log_open, .poll = log_poll, .idle = log_idle, .close = free};
static const struct relais_conf_key no_keys[] = {{.section = NULL}};
static const char *const schemas[] = {"fr.relais.eligibility.EvenementDroit", NULL};
static const struct relais_connector log_connector = {
    .abi = RELAIS_CONNECTOR_ABI,
    .name = "journal",
    .summary = "journal",
    .keys = no_keys,
    .schemas = schemas,
    .log = true,
    .source = &log_ops,
};

static int setup(void **state)
{
    struct essai *e = essai_new();

    e->connector = &log_connector;
    memset(&journal, 0, sizeof(journal));
    *state = e;
    return 0;
}

static int teardown(void **state)
{
    essai_free(*state);
    return 0;
}

static struct row *row(int kind, const char *position, int64_t observed_us, int dossier,
                       int64_t centimes)
{
    struct row *r = &journal.rows[journal.count++];

    assert_true(journal.count <= ROWS);
    *r = (struct row){kind, position, observed_us, dossier, centimes, NULL, NULL, false};
    return r;
}

static const struct essai_event *event_at(const struct essai_events *all,
                                          const char *position)
{
    for (size_t i = 0; i < all->count; i++)
        if (relais_slice_is(all->items[i].entete->origine.position, position))
            return &all->items[i];
    fail_msg("no event at %s", position);
    return NULL;
}

static void test_log_fact_keeps_its_id_trace_and_commit_time(void **state)
{
    static const char id[] = "2f0c9b64-0c5e-4c0a-9d3e-6d1f0a9b7c11";
    static const char trace[] = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    struct essai *e = *state;
    struct row *r = row(FACT, "0/16B3748/1", NOON, 1, 10000);
    const struct essai_event *event;
    struct essai_events all;

    r->id = id;
    r->trace = trace;
    assert_int_equal(essai_run(e, false, ""), 0);
    all = essai_events(e, TOPIC);
    assert_int_equal(all.count, 1);
    event = &all.items[0];
    assert_true(relais_slice_is(event->entete->id, id));
    assert_int_equal(event->entete->constate_le, NOON);
    assert_true(relais_slice_is(event->entete->origine.depot, "relais_dep93_essai"));
    assert_true(relais_slice_is(event->entete->origine.position, "0/16B3748/1"));
    assert_false(event->entete->derive);
    essai_events_free(&all);
}

static void test_log_decides_source_time_and_place_of_ready_avro(void **state)
{
    static const char id[] = "2f0c9b64-0c5e-4c0a-9d3e-6d1f0a9b7c11";
    struct essai *e = *state;
    const struct entete *entete;
    struct essai_events all;

    row(READY, "0/16B3748/1", NOON, 1, 10000)->id = id;
    assert_int_equal(essai_run(e, false, ""), 0);
    all = essai_events(e, TOPIC);
    assert_int_equal(all.count, 1);
    entete = all.items[0].entete;
    assert_true(relais_slice_is(entete->id, id));
    assert_true(relais_slice_is(entete->source, "urn:relais:essai:dep93"));
    assert_true(relais_slice_is(entete->origine.position, "0/16B3748/1"));
    assert_int_equal(entete->constate_le, NOON);
    assert_int_equal(entete->sequence, 1);
    assert_true(relais_slice_is(entete->dossier, all.items[0].message->key));
    assert_memory_equal(entete->dossier.ptr, "d1-", 3);
    assert_int_equal(all.items[0].droit->montant_mensuel_centimes.value, 10000);
    essai_events_free(&all);
}

static void test_log_given_again_publishes_nothing_twice(void **state)
{
    struct essai *e = *state;
    struct essai_events all, control;

    row(FACT, "0/100/1", NOON, 1, 10000);
    row(FACT, "0/100/2", NOON, 2, 10000);
    row(PARKED, "0/110/1", NOON, 0, 0);
    row(FACT, "0/200/1", NOON + 1, 1, 12000);
    assert_int_equal(essai_run(e, false, ""), 0);
    assert_int_equal(essai_run(e, false, ""), 0);
    all = essai_events(e, TOPIC);
    assert_int_equal(all.count, 3);
    assert_int_equal(event_at(&all, "0/200/1")->entete->sequence, 2);
    essai_events_free(&all);
    control = essai_events(e, CONTROL);
    assert_int_equal(control.count, 1);
    assert_int_equal(control.items[0].controle->publies_total, 3);
    assert_int_equal(control.items[0].controle->parques.count, 1);
    essai_events_free(&control);
}

static void test_log_parked_record_names_its_row_by_a_uuid_only(void **state)
{
    struct essai *e = *state;
    struct mock_messages dlq;

    row(PARKED, "0/100/1", NOON, 0, 0)->id = "2f0c9b64-0c5e-4c0a-9d3e-6a1b2c3d4e5f";
    row(PARKED, "0/100/2", NOON, 0, 0)->id = "185057800608436";
    row(PARKED, "0/100/3", NOON, 0, 0);
    assert_int_equal(essai_run(e, false, ""), 0);
    dlq = mock_read(&e->mock, TOPIC ".dlq", 6);
    assert_int_equal(dlq.count, 3);
    for (size_t i = 0; i < 3; i++) {
        const char *subject = strstr(dlq.items[i].headers, "ce_subject=");

        assert_int_equal(subject != NULL, dlq.items[i].offset == 0);
        if (subject)
            assert_memory_equal(subject,
                                "ce_subject=2f0c9b64-0c5e-4c0a-9d3e-6a1b2c3d4e5f\n", 48);
    }
    mock_messages_free(&dlq);
}

static void test_log_clock_that_goes_back_does_not_make_an_event_older(void **state)
{
    struct essai *e = *state;
    struct essai_events all;

    row(FACT, "0/100/1", NOON, 1, 10000);
    row(FACT, "0/200/1", NOON - 5000000, 1, 11000);
    assert_int_equal(essai_run(e, false, ""), 0);
    all = essai_events(e, TOPIC);
    assert_int_equal(all.count, 2);
    assert_int_equal(event_at(&all, "0/200/1")->entete->constate_le, NOON);
    assert_int_equal(event_at(&all, "0/200/1")->entete->sequence, 2);
    essai_events_free(&all);
}

static void test_log_snapshots_give_differences_and_a_first_load_is_told(void **state)
{
    struct essai *e = *state;
    struct essai_events all;

    row(SNAPSHOT, "0/100/0/1", NOON, 1, 10000)->initial = true;
    row(SNAPSHOT, "0/100/0/2", NOON, 2, 10000)->initial = true;
    row(SNAPSHOT, "0/200/1", NOON + 1, 1, 10000);
    row(SNAPSHOT, "0/200/2", NOON + 1, 2, 12000);
    assert_int_equal(essai_run(e, false, ""), 0);
    all = essai_events(e, TOPIC);
    assert_int_equal(all.count, 3);
    assert_int_equal(event_at(&all, "0/100/0/1")->entete->nature, NATURE_INITIALISATION);
    assert_int_equal(event_at(&all, "0/200/2")->entete->nature, NATURE_NORMAL);
    assert_true(event_at(&all, "0/200/2")->entete->derive);
    assert_int_equal(event_at(&all, "0/200/2")->droit->changements.count, 1);
    essai_events_free(&all);
}

static void test_log_killed_anywhere_loses_and_doubles_nothing(void **state)
{
    struct essai *e = *state;
    struct essai_events all;
    char positions[20][16];

    for (int i = 0; i < 20; i++) {
        snprintf(positions[i], sizeof(positions[i]), "0/%X/1", 0x100 + i);
        row(i % 3 ? FACT : SNAPSHOT, positions[i], NOON + i, 1 + i % 4, 10000 + 100 * i);
    }
    for (journal.kill_at = 2; journal.kill_at <= 20; journal.kill_at += 6)
        assert_int_equal(essai_run(e, false, ""), -1);
    journal.kill_at = 0;
    assert_int_equal(essai_run(e, false, ""), 0);
    all = essai_events(e, TOPIC);
    assert_int_equal(all.count, 20);
    essai_events_free(&all);
}

static void stopped_while_it_waits(struct essai *e, int want)
{
    struct essai_events all;

    row(FACT, "0/100/1", NOON, 1, 10000);
    row(FACT, "0/100/2", NOON, 2, 10000);
    journal.stop = true;
    assert_int_equal(essai_run(e, false, ""), want);
    /* what was taken before was waited for and is in the state: nothing comes twice */
    journal.stop = false;
    e->live = false;
    assert_int_equal(essai_run(e, false, ""), 0);
    all = essai_events(e, TOPIC);
    assert_int_equal(all.count, 2);
    essai_events_free(&all);
}

static void test_log_stopped_while_its_server_is_away_has_nothing_left(void **state)
{
    struct essai *e = *state;

    e->live = true;
    stopped_while_it_waits(e, 0);
}

static void test_log_stopped_inside_a_batch_has_nothing_left(void **state)
{
    struct essai *e = *state;
    struct essai_events all;

    row(FACT, "0/100/1", NOON, 1, 10000);
    row(FACT, "0/100/2", NOON, 2, 10000);
    e->live = true;
    journal.term_at = 2;
    assert_int_equal(essai_run(e, false, ""), 0);
    e->live = false;
    journal.term_at = 0;
    assert_int_equal(essai_run(e, false, ""), 0);
    all = essai_events(e, TOPIC);
    assert_int_equal(all.count, 2);
    essai_events_free(&all);
}

static void test_log_stopped_before_all_is_read_once_has_work_left(void **state)
{
    stopped_while_it_waits(*state, 75);
}

static void test_log_each_day_over_has_one_control_event(void **state)
{
    struct essai *e = *state;
    const struct evenement_controle *c;
    struct essai_events control;

    row(FACT, "0/100/1", NOON, 1, 10000);
    row(FACT, "0/200/1", NOON + DAY, 1, 11000);
    row(FACT, "0/200/2", NOON + DAY, 2, 5000);
    assert_int_equal(essai_run(e, false, ""), 0);
    control = essai_events(e, CONTROL);
    assert_int_equal(control.count, 2);
    for (size_t i = 0; i < 2; i++) {
        c = control.items[i].controle;
        assert_true(relais_slice_is(c->depot, "relais_dep93_essai"));
        assert_int_equal(c->issue, ISSUE_CONTROLE_INTEGRE);
        assert_int_equal(c->acceptes,
                         c->entete.survenu_le == relais_paris_day(NOON) ? 1 : 2);
        assert_int_equal(c->entete.constate_le,
                         relais_paris_to_utc(c->entete.survenu_le + 1, 0));
    }
    essai_events_free(&control);
}

static void test_log_late_record_of_a_day_told_is_told_again_with_all(void **state)
{
    struct essai *e = *state;
    const struct evenement_controle *last = NULL;
    struct essai_events control;

    row(FACT, "0/100/1", NOON, 1, 10000);
    assert_int_equal(essai_run(e, false, ""), 0);
    row(FACT, "0/300/1", NOON + 1000, 2, 10000);
    assert_int_equal(essai_run(e, false, ""), 0);
    control = essai_events(e, CONTROL);
    assert_int_equal(control.count, 2);
    for (size_t i = 0; i < 2; i++)
        if (!last || control.items[i].entete->sequence > last->entete.sequence)
            last = control.items[i].controle;
    assert_int_equal(last->publies_total, 2);
    assert_false(
        relais_slice_eq(control.items[0].entete->id, control.items[1].entete->id));
    essai_events_free(&control);
}

static void test_log_state_rebuilt_from_topics_gives_nothing_new(void **state)
{
    struct essai *e = *state;
    struct essai_events all, control;
    int64_t objects;

    row(FACT, "0/100/1", NOON, 1, 10000);
    row(FACT, "0/200/1", NOON + DAY, 2, 11000);
    row(SNAPSHOT, "0/300/1", NOON + DAY, 3, 11000);
    assert_int_equal(essai_run(e, false, ""), 0);
    essai_remove_state(e);
    assert_int_equal(essai_run(e, false, ""), 78);
    assert_int_equal(essai_rebuild(e, &objects), 0);
    assert_int_equal(objects, 1); /* facts leave none */
    assert_int_equal(essai_run(e, false, ""), 0);
    all = essai_events(e, TOPIC);
    assert_int_equal(all.count, 3);
    control = essai_events(e, CONTROL);
    assert_int_equal(control.count, 2);
    essai_events_free(&control);
    essai_events_free(&all);
}

static void test_log_renvoi_gives_the_states_that_facts_made(void **state)
{
    struct essai *e = *state;
    struct essai_events all, control;
    size_t again = 0;

    row(FACT, "0/100/1", NOON, 1, 10000);
    row(FACT, "0/200/1", NOON + 1, 2, 11000);
    row(FACT, "0/300/1", NOON + 2, 1, 12000);
    row(SNAPSHOT, "0/400/1", NOON + 3, 3, 13000);
    assert_int_equal(essai_run(e, false, ""), 0);
    assert_int_equal(essai_run(e, true, ""), 0);
    row(FACT, "0/500/1", NOON + 4, 1, 14000);
    assert_int_equal(essai_run(e, false, ""), 0);
    all = essai_events(e, TOPIC);
    assert_int_equal(all.count, 8);
    for (size_t i = 0; i < all.count; i++) {
        const struct essai_event *event = &all.items[i];
        const struct entete *entete = event->entete;

        if (!relais_slice_is(entete->origine.depot, "renvoi-1"))
            continue;
        again++;
        assert_int_equal(entete->nature, NATURE_INITIALISATION);
        assert_int_not_equal(event->droit->montant_mensuel_centimes.value, 10000);
        if (event->droit->montant_mensuel_centimes.value == 12000)
            assert_int_equal(entete->sequence, 3);
    }
    assert_int_equal(again, 3);
    assert_int_equal(event_at(&all, "0/500/1")->entete->sequence, 4);
    essai_events_free(&all);
    control = essai_events(e, CONTROL);
    for (size_t i = 0; i < control.count; i++)
        if (relais_slice_is(control.items[i].controle->depot, "renvoi-1"))
            assert_int_equal(control.items[i].controle->publies_total, 3);
    essai_events_free(&control);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_log_fact_keeps_its_id_trace_and_commit_time,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(
            test_log_decides_source_time_and_place_of_ready_avro, setup, teardown),
        cmocka_unit_test_setup_teardown(test_log_given_again_publishes_nothing_twice,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(
            test_log_parked_record_names_its_row_by_a_uuid_only, setup, teardown),
        cmocka_unit_test_setup_teardown(
            test_log_clock_that_goes_back_does_not_make_an_event_older, setup, teardown),
        cmocka_unit_test_setup_teardown(
            test_log_snapshots_give_differences_and_a_first_load_is_told, setup,
            teardown),
        cmocka_unit_test_setup_teardown(
            test_log_killed_anywhere_loses_and_doubles_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(
            test_log_stopped_while_its_server_is_away_has_nothing_left, setup, teardown),
        cmocka_unit_test_setup_teardown(test_log_stopped_inside_a_batch_has_nothing_left,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(
            test_log_stopped_before_all_is_read_once_has_work_left, setup, teardown),
        cmocka_unit_test_setup_teardown(test_log_each_day_over_has_one_control_event,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(
            test_log_late_record_of_a_day_told_is_told_again_with_all, setup, teardown),
        cmocka_unit_test_setup_teardown(
            test_log_state_rebuilt_from_topics_gives_nothing_new, setup, teardown),
        cmocka_unit_test_setup_teardown(test_log_renvoi_gives_the_states_that_facts_made,
                                        setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
