#include "core/error.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

static void test_first_error_wins(void **state)
{
    struct relais_error err = RELAIS_ERROR_INIT;

    assert_int_equal(relais_error_set(&err, RELAIS_E_FIELD_TYPE, "a.b", "n=%d", 7), -1);
    assert_int_equal(relais_error_set(&err, RELAIS_E_BUG, "c", "later"), -1);
    assert_int_equal(err.code, RELAIS_E_FIELD_TYPE);
    assert_string_equal(err.where, "a.b");
    assert_string_equal(err.text, "n=7");
    relais_error_clear(&err);
    assert_int_equal(err.code, RELAIS_E_OK);
    assert_string_equal(err.text, "");
}

static void test_error_without_place_or_storage_is_accepted(void **state)
{
    struct relais_error err = RELAIS_ERROR_INIT;

    assert_int_equal(relais_error_set(NULL, RELAIS_E_IO, "x", "y"), -1);
    relais_error_prefix(NULL, "x");
    relais_error_clear(NULL);
    assert_int_equal(relais_error_set(&err, RELAIS_E_IO, NULL, "y"), -1);
    assert_string_equal(err.where, "");
}

static void test_long_text_is_cut_and_ended(void **state)
{
    struct relais_error err = RELAIS_ERROR_INIT;
    char text[1000];

    memset(text, 'x', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    assert_int_equal(relais_error_set(&err, RELAIS_E_IO, text, "%s", text), -1);
    assert_int_equal(strlen(err.where), sizeof(err.where) - 1);
    assert_int_equal(strlen(err.text), sizeof(err.text) - 1);
    relais_error_prefix(&err, text);
    assert_int_equal(strlen(err.where), sizeof(err.where) - 1);
}

static void test_prefix_joins_names_and_indexes(void **state)
{
    struct relais_error err = RELAIS_ERROR_INIT;

    assert_int_equal(relais_error_set(&err, RELAIS_E_FIELD_RULE, "nir", "x"), -1);
    relais_error_prefix(&err, "[2]");
    assert_string_equal(err.where, "[2].nir");
    relais_error_prefix(&err, "personnes");
    assert_string_equal(err.where, "personnes[2].nir");
    relais_error_prefix(&err, "evenement_droit");
    assert_string_equal(err.where, "evenement_droit.personnes[2].nir");
}

static void test_prefix_alone_has_no_point(void **state)
{
    struct relais_error err = RELAIS_ERROR_INIT;

    relais_error_prefix(&err, "personnes");
    assert_string_equal(err.where, "personnes");
}

static void test_class_decides_the_exit_status(void **state)
{
    assert_int_equal(relais_error_exit(RELAIS_E_OK), 0);
    assert_int_equal(relais_error_exit(RELAIS_E_BROKER_DOWN), 75);
    assert_int_equal(relais_error_exit(RELAIS_E_CODE_UNKNOWN), 65);
    assert_int_equal(relais_error_exit(RELAIS_E_CONF_KEY), 78);
    assert_int_equal(relais_error_exit(RELAIS_E_BUG), 70);
    assert_int_equal(relais_error_class(RELAIS_E_DISK_FULL), RELAIS_RETRY);
}

static void test_name_and_meaning_come_from_the_table(void **state)
{
    assert_string_equal(relais_error_name(RELAIS_E_CODE_UNKNOWN), "CODE_UNKNOWN");
    assert_string_equal(relais_error_meaning(RELAIS_E_CODE_UNKNOWN),
                        "code not valid on the event day");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_first_error_wins),
        cmocka_unit_test(test_error_without_place_or_storage_is_accepted),
        cmocka_unit_test(test_long_text_is_cut_and_ended),
        cmocka_unit_test(test_prefix_joins_names_and_indexes),
        cmocka_unit_test(test_prefix_alone_has_no_point),
        cmocka_unit_test(test_class_decides_the_exit_status),
        cmocka_unit_test(test_name_and_meaning_come_from_the_table),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
