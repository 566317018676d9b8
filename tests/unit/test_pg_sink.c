/* connectors/sink_postgres against a server: which state a row ends in, what is written
 * once, and who may write. */
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

static const struct relais_conf_key sink_keys[] = {
    {"sink", "topics", RELAIS_CONF_TEXT, .def = "essai", .doc = "essai"}, {0}};

static int setup(void **state)
{
    free(helper_pg_sql(
        "DROP SCHEMA IF EXISTS relais CASCADE; CREATE SCHEMA "
        "relais;" HELPER_SINK_POSITIONS
        "CREATE TABLE relais.evenement_essai (essai text PRIMARY KEY, entete_id text NOT "
        "NULL, entete_constate_le timestamptz NOT NULL, entete_sequence bigint NOT NULL, "
        "entete_origine_depot text, n int CHECK (n < 1000), foyer_commune text, secret "
        "text, brut bytea, libre jsonb);"
        "CREATE TABLE relais.evenement_essai_parties (essai text, ordre int, n int, "
        "roles jsonb, PRIMARY KEY (essai, ordre));"
        "CREATE TABLE relais.evenement_essai_mots (essai text, ordre int, valeur text);"
        "CREATE TABLE relais.evenement_essai_historique (entete_id text PRIMARY KEY, "
        "essai text, n int, autre text)"));
    *state = helper_sink_new(CONTRACT, TOPIC, NULL);
    return 0;
}

/* An event of object `o` with id, day of January, sequence, n. */
static void event(struct fixture *f, const char *o, const char *id, int day, int sequence,
                  int n)
{
    char json[512];

    snprintf(
        json, sizeof(json),
        "{\"essai\":\"%s\",\"entete\":{\"id\":\"%s\",\"constate_le\":\"2026-01-%02dT00:"
        "00:00Z\",\"sequence\":%d,\"origine\":{\"depot\":\"d\"}},\"n\":%d,\"parties\":[{"
        "\"n\":%d},{\"n\":%d}]}",
        o, id, day, sequence, n, n, n + 1);
    helper_sink_add(f, json);
}

/* The tables of the proof, as relais sink ddl prints them, with texts for ids. */
static void make_proof(void)
{
    free(helper_pg_sql(
        "ALTER TABLE relais.evenement_essai ADD fait text, ADD montant_centimes bigint;"
        "CREATE TABLE relais.relais_recus (entete_id text PRIMARY KEY, depot text, jour "
        "date, sujet text, fait text, constate_le timestamptz, centimes bigint);"
        "CREATE TABLE relais.relais_controles (depot text, jour date, sujet text, fait "
        "text, nombre bigint, centimes bigint, constate_le timestamptz, sequence bigint, "
        "recu_le timestamptz DEFAULT now(), PRIMARY KEY (depot, jour, sujet, fait));"
        "CREATE VIEW relais.relais_completude AS SELECT c.depot, c.jour, c.sujet, "
        "c.fait, "
        "c.nombre AS annonce, count(r.*) AS ecrit, c.centimes AS annonce_centimes, "
        "coalesce(sum(r.centimes), 0) AS ecrit_centimes, c.recu_le FROM "
        "relais.relais_controles c LEFT JOIN relais.relais_recus r USING (depot, jour, "
        "sujet, fait) GROUP BY c.depot, c.jour, c.sujet, c.fait, c.nombre, c.centimes, "
        "c.recu_le"));
}

static void paid(struct fixture *f, const char *id, const char *depot, const char *when,
                 int centimes)
{
    char json[512];

    snprintf(json, sizeof(json),
             "{\"essai\":\"o%s\",\"fait\":\"EMIS\",\"montant_centimes\":%d,\"entete\":{"
             "\"id\":\"%s\",\"constate_le\":\"%s\",\"sequence\":1,\"origine\":{\"depot\":"
             "\"%s\"}}}",
             id, centimes, id, when, depot);
    helper_sink_add(f, json);
}

static void control(struct fixture *f, const char *depot, const char *day, int sequence,
                    int count, int centimes)
{
    char json[1024];

    snprintf(json, sizeof(json),
             "{\"depot\":\"%s\",\"entete\":{\"survenu_le\":\"%s\",\"constate_le\":\"2026-"
             "02-01T00:00:00Z\",\"sequence\":%d},\"publies\":[{\"sujet\":\"" CONTRACT
             "\",\"fait\":\"EMIS\",\"nombre\":%d,\"centimes\":%d},{\"sujet\":"
             "\"fr.relais.ailleurs.X\",\"fait\":\"A\",\"nombre\":9,\"centimes\":9}]}",
             depot, day, sequence, count, centimes);
    helper_sink_add(f, json);
    f->batch.last->schema = "fr.relais.control.EvenementControle";
}

#define PROOF                                                                            \
    "SELECT coalesce(string_agg(concat_ws(' ', depot, jour, annonce, ecrit, "            \
    "annonce_centimes, ecrit_centimes), ',' ORDER BY depot, jour), '') FROM "            \
    "relais.relais_completude"
#define ROWS                                                                             \
    "SELECT coalesce(string_agg(essai || n, ' ' ORDER BY essai), '') FROM "              \
    "relais.evenement_essai"
#define NEXT "SELECT suivant FROM relais.relais_positions"

static void test_pg_sink_newest_state_stays(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(helper_sink_own(f, f->sink), -1);
    event(f, "a", "1", 2, 5, 10);
    event(f, "b", "2", 2, 5, 20);
    helper_sink_must_write(f);
    helper_pg_is(ROWS, "a10 b20");
    event(f, "a", "3", 1, 9, 11); /* older */
    event(f, "b", "4", 2, 6, 21); /* same time, later sequence */
    event(f, "b", "2", 2, 5, 20); /* again */
    helper_sink_must_write(f);
    helper_pg_is(ROWS, "a10 b21");
    helper_pg_is(NEXT, "5");
}

static void test_pg_sink_within_a_batch_the_newest_wins_whatever_its_place(void **state)
{
    struct fixture *f = *state;

    helper_sink_own(f, f->sink);
    event(f, "a", "1", 1, 1, 1);
    event(f, "a", "3", 3, 3, 3);
    event(f, "a", "2", 2, 2, 2);
    helper_sink_must_write(f);
    helper_pg_is(ROWS, "a3");
    helper_pg_is("SELECT string_agg(n::text, ' ' ORDER BY ordre) FROM "
                 "relais.evenement_essai_parties",
                 "3 4");
    helper_pg_is("SELECT string_agg(n::text, ' ' ORDER BY entete_id) FROM "
                 "relais.evenement_essai_historique",
                 "1 2 3");
}

static void test_pg_sink_lists_follow_their_object(void **state)
{
    struct fixture *f = *state;

    helper_sink_own(f, f->sink);
    event(f, "a", "1", 1, 1, 1);
    helper_sink_must_write(f);
    helper_sink_add(
        f,
        "{\"essai\":\"a\",\"entete\":{\"id\":\"2\",\"constate_le\":\"2026-01-02T00:00:"
        "00Z\","
        "\"sequence\":2},\"parties\":[{\"n\":7,\"roles\":[{\"x\":\"l'é\\t\\\\\\n\"}]}],"
        "\"mots\":[\"un\",\"d\\teux\"]}");
    helper_sink_must_write(f);
    helper_pg_is(
        "SELECT string_agg(ordre || ':' || n || ':' || (roles->0->>'x'), ' ') FROM "
        "relais.evenement_essai_parties",
        "1:7:l'é\t\\\n");
    helper_pg_is("SELECT string_agg(ordre || valeur, ',' ORDER BY ordre) FROM "
                 "relais.evenement_essai_mots",
                 "1un,2d\teux");
    event(f, "a", "0", 1, 0, 9); /* older: its list does not come either */
    helper_sink_must_write(f);
    helper_pg_is("SELECT count(*) FROM relais.evenement_essai_parties", "1");
}

static void test_pg_sink_values_of_every_kind(void **state)
{
    struct fixture *f = *state;
    struct relais_record *rec;
    struct relais_arena *arena = &f->batch.arena;

    helper_sink_own(f, f->sink);
    helper_sink_add(
        f, "{\"essai\":\"a\",\"entete\":{\"id\":\"1\",\"constate_le\":\"2026-01-02T00:00:"
           "00Z\","
           "\"sequence\":2},\"foyer\":{\"commune\":\"93008\"},\"libre\":{\"a\":[1,true,"
           "null]}}");
    rec = f->batch.last;
    assert_non_null(relais_value_add(arena, rec->value, "brut", RELAIS_VALUE_BYTES));
    rec->value->last->text = RELAIS_SLICE("\1\377");
    assert_non_null(relais_value_add(arena, rec->value, "secret", RELAIS_VALUE_BYTES));
    rec->value->last->text = RELAIS_SLICE("closed");
    helper_sink_must_write(f);
    helper_pg_is(
        "SELECT foyer_commune || encode(brut, 'hex') || libre::text || (secret IS NULL) "
        "FROM relais.evenement_essai",
        "9300801ff{\"a\": [1, true, null]}true");
}

static void test_pg_sink_one_bad_record_is_named_and_the_rest_is_written(void **state)
{
    struct fixture *f = *state;
    struct relais_error err = RELAIS_ERROR_INIT;
    struct relais_position parked = {TOPIC, 0, 38, 0};
    size_t done;

    helper_sink_own(f, f->sink);
    for (int i = 0; i < 100; i++) {
        char o[8], id[8];

        snprintf(o, sizeof(o), "o%02d", i);
        snprintf(id, sizeof(id), "%d", i);
        event(f, o, id, 1, 1, i == 37 ? 5000 : i);
    }
    assert_int_equal(f->ops->write(f->sink, &f->batch, &done, &err), -1);
    assert_int_equal(err.code, RELAIS_E_PG_ROW);
    assert_int_equal(done, 37);
    assert_null(strstr(err.text, "5000"));
    assert_null(strstr(err.text, "o37"));
    helper_pg_is(NEXT, "37");
    (f->ops->skip)(f->sink, &parked);
    {
        struct relais_batch rest = f->batch;

        for (int i = 0; i < 38; i++)
            rest.first = rest.first->next;
        rest.count = 62;
        relais_error_clear(&err);
        assert_int_equal(f->ops->write(f->sink, &rest, &done, &err), 0);
    }
    helper_pg_is("SELECT count(*) FROM relais.evenement_essai", "99");
    helper_pg_is(NEXT, "100");
}

static void test_pg_sink_a_nul_is_a_bad_record(void **state)
{
    struct fixture *f = *state;
    struct relais_error err = RELAIS_ERROR_INIT;
    size_t done;

    helper_sink_own(f, f->sink);
    event(f, "a", "1", 1, 1, 1);
    event(f, "b\\u0000", "2", 1, 1, 1);
    assert_int_equal(helper_sink_write(f, f->sink, &done, &err), -1);
    assert_int_equal(err.code, RELAIS_E_PG_ROW);
    assert_int_equal(done, 1);
    helper_pg_is(ROWS, "a1");
}

static void test_pg_sink_parked_alone_moves_the_position_at_flush(void **state)
{
    struct fixture *f = *state;
    struct relais_error err = RELAIS_ERROR_INIT;
    struct relais_position parked = {TOPIC, 0, 12, 0};

    helper_sink_own(f, f->sink);
    (f->ops->skip)(f->sink, &parked);
    helper_pg_is(NEXT, "-1");
    assert_int_equal(f->ops->flush(f->sink, &err), 0);
    helper_pg_is(NEXT, "12");
}

static void test_pg_sink_zombie_writes_nothing(void **state)
{
    struct fixture *f = *state;
    struct relais_error err = RELAIS_ERROR_INIT;
    void *other;
    size_t done;

    helper_sink_own(f, f->sink);
    event(f, "a", "1", 1, 1, 1);
    helper_sink_must_write(f);
    assert_int_equal(f->ops->open(&other, f->conf, &err), 0);
    assert_int_equal(helper_sink_own(f, other), 1);
    event(f, "a", "2", 9, 9, 9);
    assert_int_equal(helper_sink_write(f, f->sink, &done, &err), -1);
    assert_int_equal(err.code, RELAIS_E_FENCED);
    assert_int_equal(done, 0);
    helper_pg_is(ROWS, "a1");
    f->offset = 1;
    event(f, "a", "3", 2, 2, 2);
    relais_error_clear(&err);
    assert_int_equal(helper_sink_write(f, other, &done, &err), 0);
    helper_pg_is(ROWS, "a2");
    f->ops->close(other);
}

static void test_pg_sink_repeats_below_the_position_are_passed(void **state)
{
    struct fixture *f = *state;

    helper_sink_own(f, f->sink);
    event(f, "a", "1", 1, 1, 1);
    helper_sink_must_write(f);
    f->offset = 0;
    event(f, "z", "9", 1, 1, 1); /* offset 0 is done */
    event(f, "b", "2", 1, 1, 2);
    helper_sink_must_write(f);
    helper_pg_is(ROWS, "a1 b2");
}

/* The connection is lost at every place of a batch, by a trigger that ends it or by its
 * end from outside: afterwards each event is there once. */
static void test_pg_sink_lost_connections_write_once(void **state)
{
    struct fixture *f = *state;

    free(helper_pg_sql(
        "CREATE TABLE relais.compte (n bigserial, essai text);"
        "CREATE FUNCTION relais.compte() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
        "INSERT INTO relais.compte (essai) VALUES (NEW.essai); "
        "IF NEW.n = 500 AND NOT EXISTS (SELECT FROM pg_class WHERE relname = 'deja') "
        "THEN "
        "PERFORM pg_terminate_backend(pg_backend_pid()); END IF; RETURN NEW; END $$;"
        "CREATE TRIGGER compte BEFORE INSERT ON relais.evenement_essai FOR EACH ROW "
        "EXECUTE FUNCTION relais.compte()"));
    helper_sink_own(f, f->sink);
    for (int i = 0; i < 12; i++) {
        struct relais_error err = RELAIS_ERROR_INIT;
        char o[8], id[8];
        size_t done;
        int rc;

        snprintf(o, sizeof(o), "o%02d", i);
        snprintf(id, sizeof(id), "%d", i);
        event(f, o, id, 1, 1, i == 5 ? 500 : i);
        if (i % 4 == 3)
            free(helper_pg_sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                               "WHERE application_name = 'relais/essai'"));
        if (i == 8)
            helper_pg_server(NULL, "crash");
        for (int tries = 0; (rc = f->ops->write(f->sink, &f->batch, &done, &err)) != 0;
             tries++) {
            if (i == 5 && tries == 0)
                free(helper_pg_sql("CREATE TABLE public.deja ()"));
            if (err.code == RELAIS_E_FENCED) { /* a crash lost what was committed */
                int64_t next = helper_sink_own(f, f->sink);

                assert_true(next <= f->offset);
            } else {
                assert_int_equal(err.code, RELAIS_E_PG_DOWN);
            }
            assert_true(tries < 20);
            relais_error_clear(&err);
        }
        relais_batch_reset(&f->batch);
    }
    free(helper_pg_sql("DROP TABLE public.deja"));
    helper_pg_is(NEXT, "12");
    assert_true(helper_pg_number("SELECT count(*) FROM relais.evenement_essai") >= 8);
    helper_pg_is("SELECT count(*) - count(DISTINCT essai) FROM relais.compte", "0");
}

static void test_pg_sink_position_that_went_back_is_asked_anew(void **state)
{
    struct fixture *f = *state;
    struct relais_error err = RELAIS_ERROR_INIT;
    size_t done;

    helper_sink_own(f, f->sink);
    event(f, "a", "1", 1, 1, 1);
    event(f, "a", "2", 2, 2, 2);
    helper_sink_must_write(f);
    /* as a restored backup has it */
    free(helper_pg_sql("UPDATE relais.relais_positions SET suivant = 1"));
    event(f, "a", "3", 3, 3, 3);
    assert_int_equal(helper_sink_write(f, f->sink, &done, &err), -1);
    assert_int_equal(err.code, RELAIS_E_FENCED);
    assert_int_equal(helper_sink_own(f, f->sink), 1);
}

static void test_pg_sink_the_application_s_columns_are_not_touched(void **state)
{
    struct fixture *f = *state;
    char dsn[512];
    struct relais_conf *conf;
    struct relais_error err = RELAIS_ERROR_INIT;
    void *sink;
    size_t done;

    free(helper_pg_sql(
        "ALTER TABLE relais.evenement_essai ADD note text DEFAULT 'a voir';"
        "DO $$BEGIN IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'puits') THEN "
        "CREATE ROLE puits LOGIN; END IF; END$$;"
        "GRANT USAGE ON SCHEMA relais TO puits; GRANT SELECT, INSERT, UPDATE, DELETE ON "
        "relais.relais_positions, relais.evenement_essai_parties TO puits;"
        "GRANT SELECT ON relais.evenement_essai TO puits;"
        "GRANT INSERT (essai, entete_id, entete_constate_le, entete_sequence, n), UPDATE "
        "(essai, entete_id, entete_constate_le, entete_sequence, n) ON "
        "relais.evenement_essai TO "
        "puits"));
    snprintf(dsn, sizeof(dsn), "%s user=puits", getenv("PG_URL"));
    conf = helper_pg_conf_at(dsn, relais_sink_postgres.keys, NULL);
    if (f->ops->open(&sink, conf, &err))
        fail_msg("%s: %s", err.where, err.text);
    helper_sink_own(f, sink);
    event(f, "a", "1", 1, 1, 1);
    if (helper_sink_write(f, sink, &done, &err))
        fail_msg("%s: %s", err.where, err.text);
    helper_pg_is("SELECT note || n FROM relais.evenement_essai", "a voir1");
    f->ops->close(sink);
    relais_conf_free(conf);
}

static void test_pg_sink_proves_that_nothing_is_missing(void **state)
{
    struct fixture *f = *state;
    struct relais_error err = RELAIS_ERROR_INIT;
    size_t done;

    make_proof();
    relais_conf_free(f->conf);
    f->conf = helper_pg_conf(relais_sink_postgres.keys, NULL);
    relais_conf_admit(f->conf, sink_keys);
    f->ops->close(f->sink);
    assert_int_equal(f->ops->open(&f->sink, f->conf, &err), 0);
    helper_sink_own(f, f->sink);
    paid(f, "1", "0123456789abcdef", "2026-01-01T10:00:00Z", 100);
    paid(f, "2", "0123456789abcdef", "2026-01-01T10:00:00Z", 250);
    control(f, "0123456789abcdef", "2026-01-01", 1, 3, 400);
    helper_sink_must_write(f);
    helper_pg_is(PROOF, "0123456789abcdef -infinity 3 2 400 350");
    paid(f, "2", "0123456789abcdef", "2026-01-01T10:00:00Z", 250); /* again */
    paid(f, "3", "0123456789abcdef", "2026-01-01T10:00:00Z", 50);
    helper_sink_must_write(f);
    helper_pg_is(PROOF, "0123456789abcdef -infinity 3 3 400 400");
    /* a log's days are Paris's; a later control event of a day replaces the earlier */
    paid(f, "4", "relais_slot", "2026-01-31T22:30:00Z", 1);
    paid(f, "5", "relais_slot", "2026-01-31T23:30:00Z", 2);
    control(f, "relais_slot", "2026-01-31", 2, 1, 1);
    control(f, "relais_slot", "2026-02-01", 3, 7, 7);
    control(f, "relais_slot", "2026-02-01", 4, 1, 2);
    control(f, "relais_slot", "2026-02-01", 3, 7, 7);
    helper_sink_must_write(f);
    helper_pg_is(PROOF,
                 "0123456789abcdef -infinity 3 3 400 400,relais_slot 2026-01-31 1 1 1 "
                 "1,relais_slot 2026-02-01 1 1 2 2");
    /* a record that was refused is not counted */
    event(f, "bad", "9", 1, 1, 5000);
    assert_int_equal(helper_sink_write(f, f->sink, &done, &err), -1);
    helper_pg_is("SELECT count(*) FROM relais.relais_recus", "5");
}

static void test_pg_sink_absent_table_says_how_to_make_it(void **state)
{
    struct fixture *f = *state;
    struct relais_error err = RELAIS_ERROR_INIT;
    size_t done;

    helper_sink_own(f, f->sink);
    event(f, "a", "1", 1, 1, 1);
    f->batch.first->schema = "fr.essai.EvenementAbsent";
    assert_int_equal(helper_sink_write(f, f->sink, &done, &err), -1);
    assert_int_equal(err.code, RELAIS_E_PG_SCHEMA);
    assert_string_equal(err.where, "evenement_absent");
    assert_non_null(strstr(err.text, "relais sink ddl"));
}

static void test_pg_sink_large_batches_go_whole(void **state)
{
    struct fixture *f = *state;

    helper_sink_own(f, f->sink);
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < 5000; i++) {
            char o[16], id[16];

            snprintf(o, sizeof(o), "o%05d", i % 2500);
            snprintf(id, sizeof(id), "%d", round * 5000 + i);
            event(f, o, id, 1 + round, i, i % 900);
        }
        helper_sink_must_write(f);
    }
    helper_pg_is("SELECT count(*) || ' ' || sum(n) FROM relais.evenement_essai",
                 "2500 1093750");
    helper_pg_is("SELECT count(*) FROM relais.evenement_essai_parties", "5000");
    helper_pg_is("SELECT count(*) FROM relais.evenement_essai_historique", "15000");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(name)                                                                          \
    cmocka_unit_test_setup_teardown(test_pg_sink_##name, setup, helper_sink_teardown)
        T(newest_state_stays),
        T(within_a_batch_the_newest_wins_whatever_its_place),
        T(lists_follow_their_object),
        T(values_of_every_kind),
        T(one_bad_record_is_named_and_the_rest_is_written),
        T(a_nul_is_a_bad_record),
        T(parked_alone_moves_the_position_at_flush),
        T(zombie_writes_nothing),
        T(repeats_below_the_position_are_passed),
        T(lost_connections_write_once),
        T(position_that_went_back_is_asked_anew),
        T(the_application_s_columns_are_not_touched),
        T(proves_that_nothing_is_missing),
        T(absent_table_says_how_to_make_it),
        T(large_batches_go_whole),
#undef T
    };

    relais_loop_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
