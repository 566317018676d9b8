#include "schemas/codes.h"

#include "core/day.h"

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <cmocka.h>

#define DATA "tests/data/codes"

static int32_t day(const char *text)
{
    int32_t days;

    assert_true(relais_day_parse(relais_slice_str(text), &days));
    return days;
}

static bool valid(const struct relais_codes *codes, const char *variable,
                  const char *code, const char *on)
{
    return relais_codes_valid(codes, variable, relais_slice_str(code), day(on));
}

static bool label_is(const struct relais_codes *codes, const char *variable,
                     const char *code, const char *want)
{
    return relais_slice_is(relais_codes_label(codes, variable, relais_slice_str(code)),
                           want);
}

static int setup(void **state)
{
    struct relais_error err = RELAIS_ERROR_INIT;

    *state = relais_codes_new(NULL, &err);
    return *state ? 0 : -1;
}

static int setup_overlay(void **state)
{
    struct relais_error err = RELAIS_ERROR_INIT;

    *state = relais_codes_new(DATA "/overlay", &err);
    return *state ? 0 : -1;
}

static int teardown(void **state)
{
    relais_codes_free(*state);
    return 0;
}

static void test_every_built_in_list_is_loaded(void **state)
{
    assert_true(relais_codes_has(*state, "moticlorsa"));
    assert_true(relais_codes_has(*state, "ideparte"));
    assert_false(relais_codes_has(*state, "moticlors"));
    assert_false(relais_codes_has(*state, ""));
}

static void test_a_code_of_the_list_is_valid_and_others_are_not(void **state)
{
    assert_true(valid(*state, "moticlorsa", "MUT", "2026-02-04"));
    assert_false(valid(*state, "moticlorsa", "ZZZ", "2026-02-04"));
    assert_false(valid(*state, "moticlorsa", "mut", "2026-02-04"));
    assert_false(valid(*state, "moticlorsa", "", "2026-02-04"));
    assert_false(valid(*state, "motirefursa", "MUT", "2026-02-04"));
    assert_false(relais_codes_valid(*state, "moticlorsa", RELAIS_SLICE_NULL, 0));
}

static void test_z_is_no_state_of_the_flow(void **state)
{
    assert_true(valid(*state, "etatdosrsa", "6", "2026-02-04"));
    assert_false(valid(*state, "etatdosrsa", "Z", "2026-02-04"));
}

static void test_opf_is_a_body_only_in_a_mutation(void **state)
{
    assert_false(valid(*state, "fonorg", "OPF", "2026-02-04"));
    assert_true(valid(*state, "fonorgcedmut", "OPF", "2026-02-04"));
    assert_true(valid(*state, "fonorgprenmut", "OPF", "2026-02-04"));
}

static void test_a_withdrawn_code_is_valid_to_its_last_day(void **state)
{
    assert_true(valid(*state, "natpdecadm", "17", "2016-12-31"));
    assert_false(valid(*state, "natpdecadm", "17", "2017-01-01"));
}

static void test_a_code_has_its_label(void **state)
{
    assert_true(label_is(*state, "natflux", "F", "Financiers"));
    assert_null(relais_codes_label(*state, "natflux", RELAIS_SLICE("X")).ptr);
    assert_null(relais_codes_label(*state, "none", RELAIS_SLICE("F")).ptr);
}

static void test_ideparte_may_mean_several_territories(void **state)
{
    bool known;

    assert_true(relais_codes_ideparte(*state, RELAIS_SLICE("069"), "dep69d", &known));
    assert_true(known);
    assert_true(relais_codes_ideparte(*state, RELAIS_SLICE("069"), "dep69m", &known));
    assert_false(relais_codes_ideparte(*state, RELAIS_SLICE("069"), "dep69", &known));
    assert_true(known);
}

static void test_ideparte_of_the_collectivities_is_theirs(void **state)
{
    static const char *const pairs[][2] = {
        {"093", "dep93"},   {"02A", "dep20r"}, {"2B", "dep20r"},   {"020", "dep20r"},
        {"067", "dep6ae"},  {"068", "dep6ae"}, {"075", "dep75c"},  {"972", "dep972r"},
        {"973", "dep973r"}, {"974", "dep974"}, {"976", "dep976r"}, {"001", "dep01"},
    };
    bool known;

    for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
        assert_true(relais_codes_ideparte(*state, relais_slice_str(pairs[i][0]),
                                          pairs[i][1], &known));
        assert_true(relais_codes_territory(*state, pairs[i][1]));
    }
}

static void test_ideparte_unknown_is_said_to_be_unknown(void **state)
{
    bool known = true;

    assert_false(relais_codes_ideparte(*state, RELAIS_SLICE("099"), "dep93", &known));
    assert_false(known);
}

static void test_a_territory_is_named_by_its_competent_authority(void **state)
{
    assert_true(relais_codes_territory(*state, "dep93"));
    assert_true(relais_codes_territory(*state, "dep69m"));
    assert_false(relais_codes_territory(*state, "dep69"));
    assert_false(relais_codes_territory(*state, "dep75"));
    assert_false(relais_codes_territory(*state, "dep099"));
}

static void test_overlay_replaces_a_code_by_its_own_periods(void **state)
{
    assert_false(valid(*state, "moticlorsa", "MUT", "2019-12-31"));
    assert_true(valid(*state, "moticlorsa", "MUT", "2020-01-01"));
    assert_true(valid(*state, "moticlorsa", "MUT", "2021-12-31"));
    assert_false(valid(*state, "moticlorsa", "MUT", "2023-06-01"));
    assert_true(valid(*state, "moticlorsa", "MUT", "2026-02-04"));
    assert_true(label_is(*state, "moticlorsa", "MUT", "Mutation rétablie"));
}

static void test_overlay_adds_codes_and_lists_and_keeps_the_rest(void **state)
{
    assert_true(valid(*state, "moticlorsa", "ZZZ", "2026-02-04"));
    assert_true(label_is(*state, "moticlorsa", "ZZZ", "Deux\r\nlignes"));
    assert_true(valid(*state, "moticlorsa", "ECH", "2026-02-04"));
    assert_true(valid(*state, "numorg", "991", "2026-02-04"));
    assert_true(valid(*state, "numorg", "931", "2026-02-04"));
    assert_true(valid(*state, "essai", "A", "2026-02-04"));
}

static void test_overlay_replaces_all_territories_of_an_ideparte(void **state)
{
    bool known;

    assert_true(relais_codes_ideparte(*state, RELAIS_SLICE("069"), "dep69m", &known));
    assert_false(relais_codes_ideparte(*state, RELAIS_SLICE("069"), "dep69d", &known));
    assert_true(relais_codes_ideparte(*state, RELAIS_SLICE("69"), "dep69d", &known));
}

static void test_a_territory_that_only_the_overlay_maps_is_known(void **state)
{
    bool known;

    assert_true(relais_codes_ideparte(*state, RELAIS_SLICE("099"), "dep099", &known));
    assert_true(relais_codes_territory(*state, "dep099"));
    assert_true(valid(*state, "territoire", "dep099", "2026-02-04"));
    assert_false(valid(*state, "territoire", "dep098", "2026-02-04"));
}

static void test_version_is_the_same_for_the_same_lists(void **state)
{
    struct relais_error err = RELAIS_ERROR_INIT;
    struct relais_codes *again = relais_codes_new(NULL, &err);

    assert_non_null(again);
    assert_int_equal(strlen(relais_codes_version(again)), 16);
    assert_string_equal(relais_codes_version(again), relais_codes_version(*state));
    relais_codes_free(again);
}

static void test_version_changes_with_an_overlay(void **state)
{
    struct relais_error err = RELAIS_ERROR_INIT;
    struct relais_codes *other = relais_codes_new(DATA "/overlay", &err);

    assert_non_null(other);
    assert_string_not_equal(relais_codes_version(other), relais_codes_version(*state));
    relais_codes_free(other);
}

static void test_overlay_folder_that_is_absent_is_an_error(void **state)
{
    struct relais_error err = RELAIS_ERROR_INIT;

    (void)state;
    assert_null(relais_codes_new(DATA "/none", &err));
    assert_int_equal(err.code, RELAIS_E_CONF_FILE);
    assert_string_equal(err.where, DATA "/none");
}

static void one_bad_overlay(const char *name)
{
    struct relais_error err = RELAIS_ERROR_INIT;
    char path[512], want[256] = "", got[256];
    FILE *in;

    snprintf(path, sizeof(path), DATA "/invalid/%s/error", name);
    in = fopen(path, "r");
    assert_non_null(in);
    assert_non_null(fgets(want, sizeof(want), in));
    fclose(in);
    want[strcspn(want, "\n")] = '\0';
    snprintf(path, sizeof(path), DATA "/invalid/%s", name);
    if (relais_codes_new(path, &err))
        fail_msg("%s was accepted", name);
    snprintf(got, sizeof(got), "%s %s", relais_error_name(err.code), err.where);
    if (strcmp(got, want) != 0)
        fail_msg("%s: %s (%s), not %s", name, got, err.text, want);
}

static void test_a_bad_overlay_is_refused_by_file_and_line(void **state)
{
    DIR *dir = opendir(DATA "/invalid");
    struct dirent *entry;
    size_t count = 0;

    (void)state;
    assert_non_null(dir);
    while ((entry = readdir(dir)))
        if (entry->d_name[0] != '.') {
            one_bad_overlay(entry->d_name);
            count++;
        }
    closedir(dir);
    assert_true(count >= 15);
}

#define BUILT_IN(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
#define OVERLAY(test)  cmocka_unit_test_setup_teardown(test, setup_overlay, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        BUILT_IN(test_every_built_in_list_is_loaded),
        BUILT_IN(test_a_code_of_the_list_is_valid_and_others_are_not),
        BUILT_IN(test_z_is_no_state_of_the_flow),
        BUILT_IN(test_opf_is_a_body_only_in_a_mutation),
        BUILT_IN(test_a_withdrawn_code_is_valid_to_its_last_day),
        BUILT_IN(test_a_code_has_its_label),
        BUILT_IN(test_ideparte_may_mean_several_territories),
        BUILT_IN(test_ideparte_of_the_collectivities_is_theirs),
        BUILT_IN(test_ideparte_unknown_is_said_to_be_unknown),
        BUILT_IN(test_a_territory_is_named_by_its_competent_authority),
        OVERLAY(test_overlay_replaces_a_code_by_its_own_periods),
        OVERLAY(test_overlay_adds_codes_and_lists_and_keeps_the_rest),
        OVERLAY(test_overlay_replaces_all_territories_of_an_ideparte),
        OVERLAY(test_a_territory_that_only_the_overlay_maps_is_known),
        BUILT_IN(test_version_is_the_same_for_the_same_lists),
        BUILT_IN(test_version_changes_with_an_overlay),
        cmocka_unit_test(test_overlay_folder_that_is_absent_is_an_error),
        cmocka_unit_test(test_a_bad_overlay_is_refused_by_file_and_line),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
