#include "schemas/rules.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <cmocka.h>

#define OK   RELAIS_RULE_OK
#define WARN RELAIS_RULE_WARN
#define PARK RELAIS_RULE_PARK

static enum relais_rule_result result_of(const char *rule, const char *text)
{
    const struct relais_rule *r = relais_rule_find(rule);

    assert_non_null(r);
    return r->check(relais_slice_str(text));
}

static void all_are(const char *rule, enum relais_rule_result want,
                    const char *const *texts)
{
    for (; *texts; texts++)
        if (result_of(rule, *texts) != want)
            fail_msg("%s of %s: %d, not %d", rule, *texts, (int)result_of(rule, *texts),
                     (int)want);
}

#define ALL(rule, want, ...) all_are(rule, want, (const char *const[]){__VA_ARGS__, NULL})

static void test_nir_of_the_published_vectors_is_accepted(void **state)
{
    (void)state;
    ALL("nir", OK, "255081416802538", "284058832102532", "284052A32102552",
        "284052B32102579", "160072003301242", "190079741104261", "178069935000125",
        "284202B32102528", "284992B32102531", "185057800607701", "185057800607897");
}

static void test_nir_without_its_key_is_accepted(void **state)
{
    (void)state;
    ALL("nir", OK, "2550814168025", "284052A321025", "1850578006048");
}

static void test_nir_that_is_wrong_is_warned_of_and_never_parks(void **state)
{
    (void)state;
    ALL("nir", WARN, "255081416802500", "295109912611199", "284052A32102579",
        "284052C32102552", "185132000400581", "385057800604830", "185057800604803",
        "185057800604898", "", "12345678901234", "1850578006048 ", "284002B321025",
        "284050032102532");
}

static void test_nir_key_may_not_be_letters(void **state)
{
    (void)state;
    assert_false(relais_nir_valid(RELAIS_SLICE("2550814168025AB")));
    assert_false(relais_nir_valid(RELAIS_SLICE_NULL));
}

static void test_nnp_takes_7_or_8_and_types_1_and_2(void **state)
{
    (void)state;
    ALL("nnp", OK, "7112312345678", "8278965432189", "7200100000001");
    ALL("nnp", PARK, "7312312345678", "2278965432189", "711231234567");
}

static void test_mig_takes_5_or_6_and_types_1_and_2(void **state)
{
    (void)state;
    ALL("mig", OK, "5112312345678", "6278965432189", "6144100008502");
    ALL("mig", PARK, "2278965432189", "5312312345678", "51127896543218901");
}

static void test_ntt_holds_a_siren_and_11_to_40_characters(void **state)
{
    (void)state;
    ALL("ntt", OK, "1732829320M0042", "2130005481A1B2C3",
        "1356000000XXXXXXXXXXXXXXXXXXXXXXXXXXXXXX");
    ALL("ntt", PARK, "3732829320M0042", "1732829321M0042", "1732829320", "2130005481 12",
        "1356000000XXXXXXXXXXXXXXXXXXXXXXXXXXXXXXX");
}

static void test_numallocataire_is_7_digits(void **state)
{
    (void)state;
    ALL("numallocataire", OK, "2345678", "4400100", "0123456");
    ALL("numallocataire", PARK, "234567", "23456789", "234567A");
}

static void test_numdemrsa_is_11_letters_or_digits(void **state)
{
    (void)state;
    ALL("numdemrsa", OK, "01234567891", "0G123456789", "A1B2C3D4E5F");
    ALL("numdemrsa", WARN, "a1b2c3d4e5f");
    ALL("numdemrsa", PARK, "0123456789", "012345678912", "01234-67891", "",
        "0123456789é");
}

static void test_numdemrsa_of_the_past_never_parks(void **state)
{
    (void)state;
    ALL("numdemrsaprece", OK, "01234567891");
    ALL("numdemrsaprece", WARN, "0123456789", "01234-67891");
}

static void test_matricule_is_15_digits_and_shorter_is_warned_of(void **state)
{
    (void)state;
    ALL("matricule", OK, "990010100000000", "000123400000000");
    ALL("matricule", WARN, "9900101");
    ALL("matricule", PARK, "", "9900101000000001", "99001010000000A");
}

static void test_siren_passes_luhn_and_is_not_all_zeros(void **state)
{
    (void)state;
    ALL("siren", OK, "732829320", "356000000", "130005481", "120027016");
    ALL("siren", PARK, "732829321", "356000001", "123456789", "000000000", "73282932");
}

static void test_siret_passes_luhn_or_the_rule_of_la_poste(void **state)
{
    (void)state;
    ALL("siret", OK, "73282932000074", "35600000000048", "35600000049837",
        "13000548121800");
    ALL("siret", WARN, "35600000000014");
    ALL("siret", PARK, "73282932000079", "35600000000049", "7328293200007",
        "MONACOCONFO001");
}

static void test_finess_key_is_warned_of_and_its_shape_parks(void **state)
{
    (void)state;
    ALL("finess", OK, "750712184", "690781810", "130786049", "2A0000014", "2B0000020");
    ALL("finess", WARN, "750712185", "2A0000015", "2B0000021", "2C0000014");
    ALL("finess", PARK, "75071218", "7507121844", "75071218-");
}

static void test_departement_is_one_of_101(void **state)
{
    char text[4];
    int count = 0;

    (void)state;
    ALL("departement", OK, "01", "2A", "69", "976");
    ALL("departement", PARK, "20", "00", "96", "97", "975", "", "2C", "1");
    for (int i = 0; i < 1000; i++) {
        snprintf(text, sizeof(text), i < 100 ? "%02d" : "%d", i);
        count += result_of("departement", text) == OK;
    }
    assert_int_equal(count + 2, 101); /* 2A and 2B */
}

static void test_commune_of_unknown_shape_is_warned_of(void **state)
{
    (void)state;
    ALL("commune", OK, "75056", "2A004", "2B033", "97411");
    ALL("commune", WARN, "20004", "7505", "2C004", "97505", "99101", "");
}

static void test_iban_of_france_has_its_rib_key_too(void **state)
{
    (void)state;
    ALL("iban", OK, "FR7630006000011234567890189", "FR1420041010050500013M02606",
        "FR7610071750000000100000177", "BE68539007547034");
    ALL("iban", PARK, "FR7630006000011234567890188", "FR1420041010050500013M02607",
        "FR763000600001123456789018", "FR0630006000011234567890188", "BE68539007547035",
        "fr7630006000011234567890189", "", "FR76 3000 6000 0112 3456 7890 189");
}

static void test_an_unknown_rule_is_none(void **state)
{
    (void)state;
    assert_null(relais_rule_find("nirs"));
}

static void name_becomes(const char *name, const char *want)
{
    struct relais_buf out = RELAIS_BUF_INIT(256);

    assert_int_equal(relais_canonical_name(relais_slice_str(name), &out), 0);
    assert_string_equal(out.len ? out.data : "", want);
    relais_buf_release(&out);
}

static void test_a_name_loses_accents_case_and_signs(void **state)
{
    (void)state;
    name_becomes("  Jean-Noël  d'ÉTÉ ", "JEAN NOEL D ETE");
    name_becomes("Cœlia", "COELIA");
    name_becomes("LÆTITIA", "LAETITIA");
    name_becomes("Weiß", "WEISS");
    name_becomes("ŠTERNOVÁ Žofie", "STERNOVA ZOFIE");
    name_becomes("Ÿves Çağla Łukasz Øre", "YVES CAGLA LUKASZ ORE");
    name_becomes("O'Neil 3", "O NEIL 3");
    name_becomes("", "");
    name_becomes("--- ", "");
}

static void test_a_decomposed_name_equals_the_composed_one(void **state)
{
    (void)state;
    name_becomes("Noe\xcc\x88l", "NOEL");
    name_becomes("e\xcc\x81 e\xcc\x81", "E E");
}

static void test_a_name_is_added_behind_what_the_buffer_holds(void **state)
{
    struct relais_buf out = RELAIS_BUF_INIT(256);

    (void)state;
    assert_int_equal(relais_buf_add_str(&out, "ec:"), 0);
    assert_int_equal(relais_canonical_name(RELAIS_SLICE(" Été"), &out), 0);
    assert_string_equal(out.data, "ec:ETE");
    relais_buf_release(&out);
}

static void test_a_name_beyond_the_ceiling_is_an_error(void **state)
{
    struct relais_buf out = RELAIS_BUF_INIT(4);

    (void)state;
    assert_int_equal(relais_canonical_name(RELAIS_SLICE("AMANDINE"), &out), -1);
    relais_buf_release(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nir_of_the_published_vectors_is_accepted),
        cmocka_unit_test(test_nir_without_its_key_is_accepted),
        cmocka_unit_test(test_nir_that_is_wrong_is_warned_of_and_never_parks),
        cmocka_unit_test(test_nir_key_may_not_be_letters),
        cmocka_unit_test(test_nnp_takes_7_or_8_and_types_1_and_2),
        cmocka_unit_test(test_mig_takes_5_or_6_and_types_1_and_2),
        cmocka_unit_test(test_ntt_holds_a_siren_and_11_to_40_characters),
        cmocka_unit_test(test_numallocataire_is_7_digits),
        cmocka_unit_test(test_numdemrsa_is_11_letters_or_digits),
        cmocka_unit_test(test_numdemrsa_of_the_past_never_parks),
        cmocka_unit_test(test_matricule_is_15_digits_and_shorter_is_warned_of),
        cmocka_unit_test(test_siren_passes_luhn_and_is_not_all_zeros),
        cmocka_unit_test(test_siret_passes_luhn_or_the_rule_of_la_poste),
        cmocka_unit_test(test_finess_key_is_warned_of_and_its_shape_parks),
        cmocka_unit_test(test_departement_is_one_of_101),
        cmocka_unit_test(test_commune_of_unknown_shape_is_warned_of),
        cmocka_unit_test(test_iban_of_france_has_its_rib_key_too),
        cmocka_unit_test(test_an_unknown_rule_is_none),
        cmocka_unit_test(test_a_name_loses_accents_case_and_signs),
        cmocka_unit_test(test_a_decomposed_name_equals_the_composed_one),
        cmocka_unit_test(test_a_name_is_added_behind_what_the_buffer_holds),
        cmocka_unit_test(test_a_name_beyond_the_ceiling_is_an_error),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
