/* Every sample of tests/data/cnaf/ at the connector's level: what its manifest and the
 * reference say. What the check stage and the runner do of it: tests/pipeline. */
#include "helper_cnaf.h"
#include "helper_core.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#define DATA "tests/data/cnaf/"

static struct helper_cnaf run;

static void read_sample(const char *name)
{
    char path[128];

    snprintf(path, sizeof(path), DATA "%s.xml", name);
    helper_cnaf_read(&run, path);
    assert_int_equal(run.err.code, RELAIS_E_OK);
}

static int release(void **state)
{
    helper_cnaf_release(&run);
    return 0;
}

static size_t count(enum relais_record_kind kind)
{
    size_t n = 0;

    for (const struct relais_record *rec = run.batch.first; rec; rec = rec->next)
        n += rec->kind == kind;
    return n;
}

static void assert_refused(const char *name, enum relais_code code)
{
    read_sample(name);
    assert_int_equal(run.depot.problem.code, code);
    assert_int_equal(run.batch.count, 0);
    assert_int_equal(strlen(run.depot.hash), 64);
}

#define assert_member(i, path, json)                                                     \
    assert_string_equal(helper_cnaf_json(helper_cnaf_record(&run, i), path), json)

static void test_the_right_monthly_gives_five_snapshots_of_their_states(void **state)
{
    static const char *const states[] = {
        "\"OUVERT\"", "\"OUVERT\"", "\"SUSPENDU_VERSEMENT\"", "\"CLOS\"", "\"REFUSE\""};

    read_sample("mensuel-correct");
    assert_int_equal(run.depot.problem.code, RELAIS_E_OK);
    assert_true(run.depot.monthly && !run.depot.anomalies && run.depot.readable_header);
    assert_int_equal(run.depot.created_us, INT64_C(1770236863000000)); /* 20:27:43Z */
    assert_int_equal(run.depot.reference_days, 20484);                 /* 2026-01-31 */
    assert_int_equal(run.depot.totals[0].announced, 5);
    assert_int_equal(run.depot.totals[0].read, 5);
    assert_int_equal(count(RELAIS_RECORD_SNAPSHOT), 5);
    assert_int_equal(run.end_count, 1);
    for (size_t i = 0; i < 5; i++)
        assert_member(i, "etat", states[i]);
    assert_member(0, "entete.constate_le", "\"2026-02-04T20:27:43.000000Z\"");
    assert_member(0, "montant_mensuel_centimes", "80125");
    assert_member(2, "suspensions",
                  "[{\"portee\":\"VERSEMENT\",\"motif\":\"06\","
                  "\"debut\":\"2026-01-01\"}]");
    assert_member(3, "cloture", "{\"motif\":\"MUT\",\"date\":\"2026-01-01\"}");
    assert_member(3, "organisme_prenant",
                  "{\"fonorg\":\"CAF\",\"numorg\":\"993\",\"date\":\"2026-01-01\"}");
    assert_member(3, "adresse.voie", "\"DU BAC A SABLE\""); /* rank 01, not 02 */
    assert_member(4, "refus", "{\"motif\":\"DSD\",\"date\":\"2026-01-20\"}");
    assert_member(4, "montant_mensuel_centimes", "");
    assert_member(4, "adresse.ligne_6", "\"00000 AILLEURSVILLE\"");
}

static void test_the_first_household_is_read_whole(void **state)
{
    char *want = helper_read("tests/data/cnaf/mensuel-correct.1.json", true, NULL);

    read_sample("mensuel-correct");
    assert_member(0, "", want);
    free(want);
}

static void test_the_daily_names_its_triggers_in_the_files_order(void **state)
{
    read_sample("quotidien-correct");
    assert_false(run.depot.monthly);
    assert_int_equal(count(RELAIS_RECORD_SNAPSHOT), 3);
    assert_member(0, "fait_generateur", "[\"RESTRIRSA\",\"SITPRO\"]");
    assert_member(0, "montant_mensuel_centimes", "45500");
    assert_member(1, "fait_generateur", "[\"SUS\"]");
}

static void test_a_file_without_dossier_is_good_and_empty(void **state)
{
    read_sample("zero-dossier");
    assert_int_equal(run.depot.problem.code, RELAIS_E_OK);
    assert_int_equal(run.batch.count, 0);
    assert_int_equal(run.end_count, 1);
}

static void test_an_anomaly_file_is_held_to_its_own_total_and_gives_nothing(void **state)
{
    read_sample("anomalies");
    assert_int_equal(run.depot.problem.code, RELAIS_E_OK);
    assert_true(run.depot.anomalies);
    assert_int_equal(run.depot.total_count, 1);
    assert_string_equal(run.depot.totals[0].name, "NBTOTDOSRSATRANSMANO");
    assert_int_equal(run.depot.totals[0].read, 1);
    assert_int_equal(run.batch.count, 0);
    assert_int_equal(run.end_count, 1);
}

static void test_a_cut_file_is_refused_for_its_trailer(void **state)
{
    assert_refused("mensuel-tronque", RELAIS_E_FILE_TRAILER);
    assert_true(run.depot.readable_header);
}

static void test_a_wrong_total_is_told_apart_from_a_wrong_file(void **state)
{
    assert_refused("mensuel-mauvais-total", RELAIS_E_FILE_TOTAL);
    assert_int_equal(run.depot.totals[0].announced, 6);
    assert_int_equal(run.depot.totals[0].read, 5);
}

static void test_a_file_without_header_is_refused(void **state)
{
    assert_refused("mensuel-sans-entete", RELAIS_E_FILE_HEADER);
    assert_false(run.depot.readable_header);
}

static void test_latin_1_bytes_under_a_utf_8_declaration_are_refused(void **state)
{
    assert_refused("mensuel-mauvaise-declaration", RELAIS_E_ENCODING);
}

static void test_the_last_of_two_blocks_of_a_dossier_counts(void **state)
{
    read_sample("mensuel-doublon");
    assert_int_equal(run.batch.count, 6);
    assert_int_equal(helper_cnaf_record(&run, 0)->kind, RELAIS_RECORD_SUPERSEDED);
    assert_int_equal(count(RELAIS_RECORD_SNAPSHOT), 5);
    assert_member(5, "entete.dossier", "\"01000101099\"");
    assert_member(5, "montant_mensuel_centimes", "77777");
}

static void test_an_impossible_day_parks_its_dossier_with_the_path(void **state)
{
    const struct relais_record *rec;

    read_sample("mensuel-valeur-impossible");
    rec = helper_cnaf_record(&run, 0);
    assert_int_equal(rec->kind, RELAIS_RECORD_PARKED);
    assert_int_equal(rec->problem.code, RELAIS_E_FIELD_TYPE);
    assert_string_equal(rec->problem.where,
                        "InfosFoyerRSA.IdentificationRSA.DemandeRSA.DTDEMRSA");
    assert_true(relais_slice_is(rec->case_number, "01000101099"));
    assert_non_null(memmem(rec->charge.ptr, rec->charge.len, "<DTDEMRSA>2026-02-30", 20));
    assert_non_null(memmem(rec->charge.ptr, rec->charge.len, "<DTCREAFLUX>", 12));
    assert_int_equal(count(RELAIS_RECORD_SNAPSHOT), 4);
}

static void test_a_state_outside_the_list_parks_its_dossier(void **state)
{
    const struct relais_record *rec;

    read_sample("mensuel-code-inconnu");
    rec = helper_cnaf_record(&run, 0);
    assert_int_equal(rec->kind, RELAIS_RECORD_PARKED);
    assert_int_equal(rec->problem.code, RELAIS_E_CODE_UNKNOWN);
    assert_member(2, "suspensions.0.motif", "\"ZZ\""); /* the check stage's matter */
}

static void test_a_wrong_nir_key_is_left_to_the_check_stage(void **state)
{
    read_sample("mensuel-cle-nir");
    assert_int_equal(count(RELAIS_RECORD_SNAPSHOT), 5);
    assert_int_equal(
        strlen(helper_cnaf_json(helper_cnaf_record(&run, 1), "personnes.0.nir")), 2 + 15);
}

/* The values of all snapshots, one a line. */
static char *values_of(const char *name)
{
    struct relais_buf out = RELAIS_BUF_INIT(1u << 20);

    read_sample(name);
    assert_int_equal(run.batch.count, 3);
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(
            relais_buf_printf(&out, "%s\n",
                              helper_cnaf_json(helper_cnaf_record(&run, i), "")),
            0);
    helper_cnaf_release(&run);
    return relais_buf_take(&out, NULL);
}

static void test_the_same_words_in_four_encodings_are_the_same_values(void **state)
{
    char *latin1 = values_of("mensuel-accents-iso-8859-1");
    char *utf8 = values_of("mensuel-accents-utf-8");
    char *latin9 = values_of("mensuel-oe-iso-8859-15");
    char *cp1252 = values_of("mensuel-oe-windows-1252");

    assert_string_equal(latin1, utf8);
    assert_string_equal(latin9, cp1252);
    assert_non_null(strstr(utf8, "\"prenom\":\"ANAÏS\""));
    assert_non_null(strstr(cp1252, "\"prenom\":\"CŒLIA\""));
    assert_non_null(strstr(cp1252, "\"nom_naissance\":\"ŠTERNOVA\""));
    free(latin1);
    free(utf8);
    free(latin9);
    free(cp1252);
}

#define TEST(name) cmocka_unit_test_teardown(name, release)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_the_right_monthly_gives_five_snapshots_of_their_states),
        TEST(test_the_first_household_is_read_whole),
        TEST(test_the_daily_names_its_triggers_in_the_files_order),
        TEST(test_a_file_without_dossier_is_good_and_empty),
        TEST(test_an_anomaly_file_is_held_to_its_own_total_and_gives_nothing),
        TEST(test_a_cut_file_is_refused_for_its_trailer),
        TEST(test_a_wrong_total_is_told_apart_from_a_wrong_file),
        TEST(test_a_file_without_header_is_refused),
        TEST(test_latin_1_bytes_under_a_utf_8_declaration_are_refused),
        TEST(test_the_last_of_two_blocks_of_a_dossier_counts),
        TEST(test_an_impossible_day_parks_its_dossier_with_the_path),
        TEST(test_a_state_outside_the_list_parks_its_dossier),
        TEST(test_a_wrong_nir_key_is_left_to_the_check_stage),
        cmocka_unit_test(test_the_same_words_in_four_encodings_are_the_same_values),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
