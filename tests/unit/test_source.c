/* The source runner, from a connector's files to the topics, killed and restarted. */
#include "tests/unit/helper_source.h"

#include "contracts/parcage.h"
#include "schemas/catalog.h"
#include "schemas/registry.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>
#include <cmocka.h>

#define TOPIC   "dep93.eligibility.v1"
#define CONTROL "dep93.control.v1"

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

static struct essai_file *january(struct essai *e)
{
    struct essai_file *f = essai_file(e, "janvier", "M", "2026-01-04");

    essai_block(f, 1, "OUVERT", 10000);
    essai_block(f, 2, "OUVERT", 20000);
    essai_block(f, 3, "SUSPENDU_VERSEMENT", 30000);
    return f;
}

static struct essai_file *daily(struct essai *e)
{
    struct essai_file *f = essai_file(e, "quotidien", "I", "2026-01-06");

    essai_block(f, 1, "OUVERT", 11000);
    essai_block(f, 2, "OUVERT", 20000);
    return f;
}

static size_t events_in(const struct essai *e, const char *topic)
{
    struct mock_messages all = mock_read(&e->mock, topic, 6);
    size_t count = all.count;

    mock_messages_free(&all);
    return count;
}

static const struct essai_event *event_of(const struct essai_events *all, int sequence,
                                          const char *depot)
{
    for (size_t i = 0; i < all->count; i++)
        if (all->items[i].entete->sequence == sequence &&
            (!depot || relais_slice_is(all->items[i].entete->origine.depot, depot)))
            return &all->items[i];
    fail_msg("no event of sequence %d", sequence);
    return NULL;
}

/* The one of the same case before it. */
static const struct essai_event *event_before(const struct essai_events *all,
                                              const struct essai_event *event)
{
    for (size_t i = 0; i < all->count; i++)
        if (all->items[i].entete->sequence == event->entete->sequence - 1 &&
            relais_slice_eq(all->items[i].entete->dossier, event->entete->dossier))
            return &all->items[i];
    fail_msg("no event before it");
    return NULL;
}

static void test_first_monthly_file_gives_every_state_as_initialisation(void **state)
{
    struct essai *e = *state;
    struct essai_events all, control;

    january(e);
    assert_int_equal(essai_run(e, false, ""), 0);
    assert_string_equal(essai_fate(e, "janvier"), "integre");
    all = essai_events(e, TOPIC);
    assert_int_equal(all.count, 3);
    for (size_t i = 0; i < all.count; i++) {
        assert_int_equal(all.items[i].entete->nature, NATURE_INITIALISATION);
        assert_int_equal(all.items[i].entete->sequence, 1);
        assert_true(all.items[i].entete->derive);
        assert_int_equal(all.items[i].droit->changements.count, 0);
        assert_false(all.items[i].droit->etat_precedent.set);
        assert_true(
            relais_slice_is(all.items[i].entete->dossier, all.items[i].message->key));
    }
    control = essai_events(e, CONTROL);
    assert_int_equal(control.count, 1);
    assert_int_equal(control.items[0].controle->issue, ISSUE_CONTROLE_INTEGRE);
    assert_int_equal(control.items[0].controle->publies_total, 3);
    assert_int_equal(control.items[0].controle->acceptes, 3);
    assert_int_equal(control.items[0].controle->publies.count, 2);
    assert_string_equal(control.items[0].message->key, "urn:relais:essai:dep93");
    essai_events_free(&control);
    essai_events_free(&all);
}

static void test_daily_file_gives_only_what_changed(void **state)
{
    struct essai *e = *state;
    const struct essai_event *second;
    const struct relais_slice *changes;
    struct essai_events all;

    january(e);
    daily(e);
    assert_int_equal(essai_run(e, false, ""), 0);
    all = essai_events(e, TOPIC);
    assert_int_equal(all.count, 4);
    second = event_of(&all, 2, NULL);
    assert_int_equal(second->entete->nature, NATURE_NORMAL);
    assert_int_equal(second->droit->fait, FAIT_DROIT_REVISION);
    assert_int_equal(second->droit->changements.count, 1);
    changes = second->droit->changements.items;
    assert_true(relais_slice_is(changes[0], "montant_mensuel_centimes"));
    assert_true(second->droit->etat_precedent.set);
    essai_events_free(&all);
}

static void test_same_content_again_is_known_and_gives_nothing(void **state)
{
    struct essai *e = *state;

    january(e);
    assert_int_equal(essai_run(e, false, ""), 0);
    essai_forget_fate(e, "janvier");
    assert_int_equal(essai_run(e, false, ""), 0);
    assert_string_equal(essai_fate(e, "janvier"), "connu");
    assert_int_equal(events_in(e, TOPIC), 3);
    assert_int_equal(events_in(e, CONTROL), 1);
}

static void test_block_of_an_older_file_is_stale(void **state)
{
    struct essai *e = *state;
    struct essai_events control;
    struct essai_file *old;

    january(e);
    old = essai_file(e, "ancien", "I", "2026-01-02");
    essai_block(old, 1, "CLOS", 0);
    essai_block(old, 4, "OUVERT", 40000);
    assert_int_equal(essai_run(e, false, ""), 0);
    assert_int_equal(events_in(e, TOPIC), 4);
    control = essai_events(e, CONTROL);
    assert_int_equal(control.count, 2);
    assert_int_equal(control.items[1].controle->perimes, 1);
    assert_int_equal(control.items[1].controle->publies_total, 1);
    essai_events_free(&control);
}

static void test_unchanged_object_remembers_the_file_it_was_last_seen_in(void **state)
{
    struct essai *e = *state;
    struct essai_file *february, *between;

    january(e);
    february = essai_file(e, "fevrier", "M", "2026-02-04");
    essai_block(february, 1, "OUVERT", 10000);
    between = essai_file(e, "entre", "I", "2026-01-20");
    essai_block(between, 1, "CLOS", 0);
    assert_int_equal(essai_run(e, false, ""), 0);
    assert_int_equal(events_in(e, TOPIC), 3);
}

static void test_wrong_total_is_held_until_a_person_releases_it(void **state)
{
    struct essai *e = *state;
    struct essai_file *f = january(e);
    struct essai_events control;

    f->announced = 6;
    assert_int_equal(essai_run(e, false, ""), 0);
    assert_string_equal(essai_fate(e, "janvier"), "retenu");
    assert_int_equal(events_in(e, TOPIC), 0);
    essai_forget_fate(e, "janvier");
    assert_int_equal(essai_run(e, false, ""), 0);
    assert_int_equal(events_in(e, CONTROL), 1);
    essai_forget_fate(e, "janvier");
    f->release = true;
    assert_int_equal(essai_run(e, false, ""), 0);
    assert_string_equal(essai_fate(e, "janvier"), "integre");
    assert_int_equal(events_in(e, TOPIC), 3);
    control = essai_events(e, CONTROL);
    assert_int_equal(control.count, 2);
    assert_int_equal(control.items[0].controle->issue, ISSUE_CONTROLE_RETENU);
    assert_int_equal(control.items[0].entete->sequence, 1);
    assert_int_equal(control.items[1].controle->issue, ISSUE_CONTROLE_INTEGRE);
    assert_int_equal(control.items[1].entete->sequence, 2);
    essai_events_free(&control);
}

static void test_person_may_refuse_a_held_file(void **state)
{
    struct essai *e = *state;
    struct essai_file *f = january(e);

    f->announced = 6;
    assert_int_equal(essai_run(e, false, ""), 0);
    essai_forget_fate(e, "janvier");
    f->refuse = true;
    assert_int_equal(essai_run(e, false, ""), 0);
    assert_string_equal(essai_fate(e, "janvier"), "refuse");
    assert_int_equal(events_in(e, TOPIC), 0);
    assert_int_equal(events_in(e, CONTROL), 2);
}

static void
test_same_header_with_other_content_is_held_then_another_delivery(void **state)
{
    struct essai *e = *state;
    struct essai_events all;
    struct essai_file *again;

    january(e);
    again = essai_file(e, "encore", "M", "2026-01-04");
    essai_block(again, 1, "OUVERT", 12000);
    assert_int_equal(essai_run(e, false, ""), 0);
    assert_string_equal(essai_fate(e, "encore"), "retenu");
    assert_int_equal(events_in(e, TOPIC), 3);
    essai_forget_fate(e, "encore");
    again->release = true;
    assert_int_equal(essai_run(e, false, ""), 0);
    assert_string_equal(essai_fate(e, "encore"), "integre");
    all = essai_events(e, TOPIC);
    assert_int_equal(all.count, 4);
    /* the same droit under the same header, but of the second delivery: another id */
    for (size_t i = 0; i < 3; i++)
        for (size_t j = i + 1; j < 4; j++)
            assert_false(
                relais_slice_eq(all.items[i].entete->id, all.items[j].entete->id));
    essai_events_free(&all);
}

static void test_release_is_refused_when_the_header_was_integrated_since(void **state)
{
    struct essai *e = *state;
    struct essai_file *wrong = essai_file(e, "faux", "M", "2026-01-04");

    essai_block(wrong, 1, "OUVERT", 99);
    wrong->announced = 3;
    assert_int_equal(essai_run(e, false, ""), 0);
    assert_string_equal(essai_fate(e, "faux"), "retenu");
    january(e);
    assert_int_equal(essai_run(e, false, ""), 0);
    essai_forget_fate(e, "faux");
    wrong->release = true;
    assert_int_equal(essai_run(e, false, ""), 0);
    assert_string_equal(essai_fate(e, "faux"), "retenu");
    assert_int_equal(events_in(e, TOPIC), 3);
    /* a second release is against the reason that is shown now */
    essai_forget_fate(e, "faux");
    assert_int_equal(essai_run(e, false, ""), 0);
    assert_string_equal(essai_fate(e, "faux"), "integre");
}

static void test_monthly_older_than_the_last_monthly_is_held(void **state)
{
    struct essai *e = *state;
    struct essai_file *old;

    january(e);
    old = essai_file(e, "decembre", "M", "2025-12-04");
    essai_block(old, 9, "OUVERT", 1);
    assert_int_equal(essai_run(e, false, ""), 0);
    assert_string_equal(essai_fate(e, "decembre"), "retenu");
    assert_int_equal(events_in(e, TOPIC), 3);
}

static void test_anomaly_file_gives_one_control_event_and_no_header(void **state)
{
    struct essai *e = *state;
    struct essai_file *f = essai_file(e, "anomalies", "M", "2026-01-04");

    f->anomalies = true;
    january(e);
    assert_int_equal(essai_run(e, false, ""), 0);
    assert_string_equal(essai_fate(e, "anomalies"), "integre");
    assert_string_equal(essai_fate(e, "janvier"), "integre");
    assert_int_equal(events_in(e, CONTROL), 2);
    assert_int_equal(events_in(e, TOPIC), 3);
}

static void test_bad_record_is_parked_and_the_rest_goes_on(void **state)
{
    struct essai *e = *state;
    struct essai_file *f = january(e);
    const struct relais_contract *contract = relais_catalog_find("Parcage");
    struct relais_arena arena = RELAIS_ARENA_INIT(1u << 20);
    struct relais_error err = RELAIS_ERROR_INIT;
    const struct compte_parcage *parked;
    struct mock_messages dlq;
    struct essai_events control;
    struct parcage p;

    essai_block(f, 5, "INVENTE", 1);
    essai_block(f, 0, "", 0);
    essai_block(f, -1, "", 0);
    assert_int_equal(essai_run(e, false, ""), 0);
    assert_int_equal(events_in(e, TOPIC), 3);
    dlq = mock_read(&e->mock, TOPIC ".dlq", 6);
    assert_int_equal(dlq.count, 2);
    for (size_t i = 0; i < 2; i++) {
        struct relais_slice value = {dlq.items[i].value + RELAIS_FRAME_LEN,
                                     dlq.items[i].value_len - RELAIS_FRAME_LEN};

        assert_int_equal(
            relais_avro_decode(contract->schema, value, &p, &arena, NULL, &err), 0);
        assert_memory_equal(dlq.items[i].key, "d1-", 3);
        assert_non_null(p.charge.ptr);
        assert_null(memmem(dlq.items[i].value, dlq.items[i].value_len, "secret", 6));
        assert_non_null(strstr(dlq.items[i].headers, "ce_type=fr.relais.parcage\n"));
        assert_non_null(
            strstr(dlq.items[i].headers, "__connect.errors.topic=" TOPIC "\n"));
    }
    mock_messages_free(&dlq);
    control = essai_events(e, CONTROL);
    assert_int_equal(control.items[0].controle->publies_total, 3);
    assert_int_equal(control.items[0].controle->remplaces, 1);
    assert_int_equal(control.items[0].controle->acceptes, 4);
    assert_int_equal(control.items[0].controle->parques.count, 1);
    parked = control.items[0].controle->parques.items;
    assert_true(relais_slice_is(parked[0].code, "FIELD_TYPE"));
    assert_int_equal(parked[0].nombre, 2);
    essai_events_free(&control);
    relais_arena_release(&arena);
}

/* Same key and value in both, for each id; every id of one is in the other. */
static void assert_same_events(const struct essai_events *a, const struct essai_events *b)
{
    for (size_t i = 0; i < a->count; i++) {
        bool found = false;

        for (size_t j = 0; j < b->count; j++) {
            if (!relais_slice_eq(a->items[i].entete->id, b->items[j].entete->id))
                continue;
            found = true;
            assert_string_equal(a->items[i].message->key, b->items[j].message->key);
            assert_string_equal(a->items[i].message->headers,
                                b->items[j].message->headers);
            assert_int_equal(a->items[i].message->value_len,
                             b->items[j].message->value_len);
            assert_memory_equal(a->items[i].message->value, b->items[j].message->value,
                                a->items[i].message->value_len);
        }
        assert_true(found);
    }
}

static void test_killed_at_any_record_it_ends_with_the_same_events(void **state)
{
    struct essai *e = *state;
    struct essai_events whole, wholes_control;

    for (int i = 0; i < 120; i++) {
        if (i == 0) {
            essai_file(e, "janvier", "M", "2026-01-04");
            essai_file(e, "quotidien", "I", "2026-01-06");
        }
        essai_block(e->files[0], 1 + i, "OUVERT", 100 * i);
        essai_block(e->files[1], 1 + i, "OUVERT", i % 3 ? 100 * i : 7);
    }
    assert_int_equal(essai_run(e, false, ""), 0);
    whole = essai_events(e, TOPIC);
    wholes_control = essai_events(e, CONTROL);
    assert_int_equal(whole.count, 160);
    for (int kill_at = 30; kill_at < 240; kill_at += 70) {
        struct essai_events all, control;

        essai_new_servers(e);
        essai_remove_state(e);
        essai_forget_fate(e, "janvier");
        essai_forget_fate(e, "quotidien");
        e->kill_at = kill_at;
        assert_int_equal(essai_run(e, false, "linger.ms = 1\n"), -1);
        e->kill_at = kill_at / 2 + 11;
        essai_run(e, false, "linger.ms = 1\n");
        e->kill_at = 0;
        assert_int_equal(essai_run(e, false, ""), 0);
        all = essai_events(e, TOPIC);
        control = essai_events(e, CONTROL);
        assert_same_events(&whole, &all);
        assert_same_events(&all, &whole);
        assert_same_events(&wholes_control, &control);
        essai_events_free(&all);
        essai_events_free(&control);
    }
    essai_events_free(&whole);
    essai_events_free(&wholes_control);
}

static void
test_asked_to_stop_inside_a_file_it_ends_with_75_and_goes_on_later(void **state)
{
    struct essai *e = *state;
    struct essai_file *f = essai_file(e, "janvier", "M", "2026-01-04");
    struct essai_events all;

    for (int i = 1; i <= 200; i++)
        essai_block(f, i, "OUVERT", 100 * i);
    e->term_at = 120;
    assert_int_equal(essai_run(e, false, ""), 75);
    assert_null(essai_fate(e, "janvier"));
    /* what was sent was waited for and is in the state: nothing comes twice */
    e->term_at = 0;
    assert_int_equal(essai_run(e, false, ""), 0);
    all = essai_events(e, TOPIC);
    assert_int_equal(all.count, 200);
    essai_events_free(&all);
    all = essai_events(e, CONTROL);
    assert_int_equal(all.items[0].controle->publies_total, 200);
    essai_events_free(&all);
}

static void test_empty_state_beside_a_filled_topic_ends_with_78(void **state)
{
    struct essai *e = *state;

    january(e);
    assert_int_equal(essai_run(e, false, ""), 0);
    essai_remove_state(e);
    daily(e);
    assert_int_equal(essai_run(e, false, ""), 78);
    assert_null(essai_fate(e, "quotidien"));
    assert_int_equal(events_in(e, TOPIC), 3);
}

static void test_rebuilt_state_publishes_only_what_is_new(void **state)
{
    struct essai *e = *state;
    struct essai_events all;
    struct essai_file *old;
    int64_t objects;

    january(e);
    assert_int_equal(essai_run(e, false, ""), 0);
    essai_remove_state(e);
    assert_int_equal(essai_rebuild(e, &objects), 0);
    assert_int_equal(objects, 3);
    essai_forget_fate(e, "janvier");
    daily(e);
    old = essai_file(e, "ancien", "I", "2026-01-02");
    essai_block(old, 1, "CLOS", 0);
    old = essai_file(e, "decembre", "M", "2025-12-04");
    essai_block(old, 9, "OUVERT", 1);
    assert_int_equal(essai_run(e, false, ""), 0);
    assert_string_equal(essai_fate(e, "janvier"), "connu");
    assert_string_equal(essai_fate(e, "quotidien"), "integre");
    assert_string_equal(essai_fate(e, "decembre"), "retenu");
    all = essai_events(e, TOPIC);
    assert_int_equal(all.count, 4);
    assert_int_equal(event_of(&all, 2, NULL)->entete->nature, NATURE_NORMAL);
    essai_events_free(&all);
}

static void test_renvoi_gives_every_present_state_again(void **state)
{
    struct essai *e = *state;
    const struct essai_event *first, *again;
    struct essai_events all;

    january(e);
    daily(e);
    assert_int_equal(essai_run(e, false, ""), 0);
    assert_int_equal(essai_run(e, true, ""), 0);
    all = essai_events(e, TOPIC);
    assert_int_equal(all.count, 7);
    again = event_of(&all, 3, "renvoi-1");
    first = event_before(&all, again);
    assert_int_equal(again->entete->nature, NATURE_INITIALISATION);
    assert_int_equal(first->entete->constate_le, again->entete->constate_le);
    assert_int_equal(first->entete->survenu_le, again->entete->survenu_le);
    assert_false(again->droit->etat_precedent.set);
    assert_int_equal(again->droit->montant_mensuel_centimes.value, 11000);
    essai_events_free(&all);
    /* the state follows: nothing new for a file like the last one */
    assert_int_equal(essai_run(e, true, ""), 0);
    assert_int_equal(events_in(e, TOPIC), 10);
    all = essai_events(e, CONTROL);
    assert_int_equal(all.count, 4);
    assert_true(relais_slice_is(all.items[2].controle->depot, "renvoi-1"));
    assert_true(relais_slice_is(all.items[3].controle->depot, "renvoi-2"));
    assert_int_equal(all.items[3].controle->publies_total, 3);
    essai_events_free(&all);
}

static void test_file_after_a_renvoi_changes_nothing_that_did_not_change(void **state)
{
    struct essai *e = *state;
    struct essai_file *f;

    january(e);
    assert_int_equal(essai_run(e, true, ""), 0);
    f = essai_file(e, "fevrier", "M", "2026-02-04");
    essai_block(f, 1, "OUVERT", 10000);
    essai_block(f, 2, "OUVERT", 20000);
    assert_int_equal(essai_run(e, true, ""), 0);
    assert_int_equal(events_in(e, TOPIC), 6);
}

static void test_state_ahead_of_the_topic_ends_with_78_unless_renvoi(void **state)
{
    struct essai *e = *state;
    struct essai_events all;

    january(e);
    assert_int_equal(essai_run(e, false, ""), 0);
    essai_new_servers(e);
    daily(e);
    assert_int_equal(essai_run(e, false, ""), 78);
    assert_int_equal(events_in(e, TOPIC), 0);
    assert_int_equal(essai_run(e, true, ""), 0);
    all = essai_events(e, TOPIC);
    assert_int_equal(all.count, 4);
    event_of(&all, 3, NULL);
    essai_events_free(&all);
}

static void test_full_disk_loses_nothing_and_goes_on_after(void **state)
{
    struct essai *e = *state;
    struct essai_file *f = essai_file(e, "janvier", "M", "2026-01-04");
    struct rlimit limit = {RLIM_INFINITY, RLIM_INFINITY};
    pid_t pid;

    for (int i = 1; i <= 900; i++)
        essai_block(f, i, "OUVERT", 100 * i);
    pid = essai_start(e, false, "", 300000);
    usleep(4000000);
    assert_null(essai_fate(e, "janvier"));
    assert_int_equal(prlimit(pid, RLIMIT_FSIZE, &limit, NULL), 0);
    assert_int_equal(essai_wait(pid), 0);
    assert_string_equal(essai_fate(e, "janvier"), "integre");
    assert_int_equal(events_in(e, TOPIC), 900);
    essai_forget_fate(e, "janvier");
    assert_int_equal(essai_run(e, false, ""), 0);
    assert_string_equal(essai_fate(e, "janvier"), "connu");
}

struct rows {
    struct relais_depot_row items[8];
    size_t count;
};

static int keep_row(void *user, const struct relais_depot_row *row)
{
    struct rows *rows = user;

    assert_true(rows->count < 8);
    rows->items[rows->count++] = *row;
    return 0;
}

static void test_depot_list_tells_each_file_and_its_counts(void **state)
{
    struct essai *e = *state;
    struct relais_error err = RELAIS_ERROR_INIT;
    struct relais_conf *conf = essai_conf(e, "");
    struct rows rows = {.count = 0};

    assert_int_equal(relais_depot_list(conf, keep_row, &rows, &err), 0);
    assert_int_equal(rows.count, 0);
    relais_conf_free(conf);
    january(e);
    daily(e)->announced = 9;
    assert_int_equal(essai_run(e, false, ""), 0);
    conf = essai_conf(e, "");
    assert_int_equal(relais_depot_list(conf, keep_row, &rows, &err), 0);
    assert_int_equal(rows.count, 2);
    assert_string_equal(rows.items[0].name, "janvier");
    assert_int_equal(rows.items[0].state, RELAIS_DEPOT_INTEGRATED);
    assert_int_equal(rows.items[0].published, 3);
    assert_string_equal(rows.items[0].header, "M 2026-01-04 21:27:43.0000");
    assert_int_equal(rows.items[1].state, RELAIS_DEPOT_HELD);
    assert_memory_equal(rows.items[1].motif, "FILE_TOTAL : ", 13);
    relais_conf_free(conf);
}

int main(void)
{
#define SOURCE(t) cmocka_unit_test_setup_teardown(t, setup, teardown)
    const struct CMUnitTest tests[] = {
        SOURCE(test_first_monthly_file_gives_every_state_as_initialisation),
        SOURCE(test_daily_file_gives_only_what_changed),
        SOURCE(test_same_content_again_is_known_and_gives_nothing),
        SOURCE(test_block_of_an_older_file_is_stale),
        SOURCE(test_unchanged_object_remembers_the_file_it_was_last_seen_in),
        SOURCE(test_wrong_total_is_held_until_a_person_releases_it),
        SOURCE(test_person_may_refuse_a_held_file),
        SOURCE(test_same_header_with_other_content_is_held_then_another_delivery),
        SOURCE(test_release_is_refused_when_the_header_was_integrated_since),
        SOURCE(test_monthly_older_than_the_last_monthly_is_held),
        SOURCE(test_anomaly_file_gives_one_control_event_and_no_header),
        SOURCE(test_bad_record_is_parked_and_the_rest_goes_on),
        SOURCE(test_killed_at_any_record_it_ends_with_the_same_events),
        SOURCE(test_asked_to_stop_inside_a_file_it_ends_with_75_and_goes_on_later),
        SOURCE(test_empty_state_beside_a_filled_topic_ends_with_78),
        SOURCE(test_rebuilt_state_publishes_only_what_is_new),
        SOURCE(test_renvoi_gives_every_present_state_again),
        SOURCE(test_file_after_a_renvoi_changes_nothing_that_did_not_change),
        SOURCE(test_state_ahead_of_the_topic_ends_with_78_unless_renvoi),
        SOURCE(test_full_disk_loses_nothing_and_goes_on_after),
        SOURCE(test_depot_list_tells_each_file_and_its_counts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
