/* The CNAF's texts as values: the forms of its XSD (rules 14), contract A10. */
#include "connectors/cnaf_value.h"
#include "core/day.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

static int64_t amount(const char *text)
{
    int64_t centimes = 0;

    if (!cnaf_centimes(relais_slice_str(text), &centimes))
        fail_msg("%s is an amount", text);
    return centimes;
}

static bool is_amount(const char *text)
{
    int64_t centimes;

    return cnaf_centimes(relais_slice_str(text), &centimes);
}

static void test_amounts_become_exact_centimes(void **state)
{
    assert_int_equal(amount("0001675.00"), 167500);
    assert_int_equal(amount("0000801.25"), 80125);
    assert_int_equal(amount("+12"), 1200);
    assert_int_equal(amount(".5"), 50);
    assert_int_equal(amount("12."), 1200);
    assert_int_equal(amount("1675.000"), 167500);
    assert_int_equal(amount("-0.07"), -7);
    assert_int_equal(amount("0.29"), 29); /* 28 by way of a double */
    assert_int_equal(amount("00000000000000000000000000000000.01"), 1);
    assert_int_equal(amount("999999999999999.99"), INT64_C(99999999999999999));
}

static void test_what_is_no_amount_in_whole_centimes_is_refused(void **state)
{
    static const char *const bad[] = {
        "",        ".",   "+",     "-",    "1,50", "1e3",  "1 2",
        "1.005",   "--1", "1.2.3", "0x10", "NaN",  "1.0a", "1000000000000000",
        "\xd9\xa1"};

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        if (is_amount(bad[i]))
            fail_msg("\"%s\" is no amount", bad[i]);
}

static int32_t days(const char *text)
{
    int32_t d = 1;

    if (!cnaf_day(relais_slice_str(text), &d))
        fail_msg("%s is a day", text);
    return d;
}

static void test_a_day_may_carry_a_zone(void **state)
{
    int32_t day = relais_day_from_civil(2026, 1, 5);

    assert_int_equal(days("2026-01-05"), day);
    assert_int_equal(days("2026-01-05Z"), day);
    assert_int_equal(days("2026-01-05+01:00"), day);
    assert_int_equal(days("2026-01-05-11:30"), day);
}

static void test_the_years_0001_and_9999_are_no_day(void **state)
{
    assert_int_equal(days("9999-99-99"), CNAF_NO_DAY);
    assert_int_equal(days("9999-12-31"), CNAF_NO_DAY);
    assert_int_equal(days("9999-12-31Z"), CNAF_NO_DAY);
    assert_int_equal(days("0001-01-01"), CNAF_NO_DAY);
}

static void test_what_is_no_day_is_refused(void **state)
{
    static const char *const bad[] = {
        "",         "2026-02-30",  "2026-13-01",  "2026-1-1",
        "20260101", "01/02/2026",  "2026-01-05X", "2026-01-05T00:00:00",
        "999",      "99999-99-99", "0000-00-00"};
    int32_t d;

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        if (cnaf_day(relais_slice_str(bad[i]), &d))
            fail_msg("\"%s\" is no day", bad[i]);
}

static void test_whole_numbers_and_booleans_have_their_xsd_forms(void **state)
{
    int64_t n;
    bool yes;

    assert_true(cnaf_integer(RELAIS_SLICE("00000005"), &n) && n == 5);
    assert_true(cnaf_integer(RELAIS_SLICE("+9"), &n) && n == 9);
    assert_true(cnaf_integer(RELAIS_SLICE("-2"), &n) && n == -2);
    assert_false(cnaf_integer(RELAIS_SLICE(""), &n));
    assert_false(cnaf_integer(RELAIS_SLICE("+"), &n));
    assert_false(cnaf_integer(RELAIS_SLICE("1.0"), &n));
    assert_false(cnaf_integer(RELAIS_SLICE("9999999999999999"), &n));
    assert_true(cnaf_boolean(RELAIS_SLICE("1"), &yes) && yes);
    assert_true(cnaf_boolean(RELAIS_SLICE("true"), &yes) && yes);
    assert_true(cnaf_boolean(RELAIS_SLICE("0"), &yes) && !yes);
    assert_true(cnaf_boolean(RELAIS_SLICE("false"), &yes) && !yes);
    assert_false(cnaf_boolean(RELAIS_SLICE("O"), &yes));
    assert_false(cnaf_boolean(RELAIS_SLICE(""), &yes));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_amounts_become_exact_centimes),
        cmocka_unit_test(test_what_is_no_amount_in_whole_centimes_is_refused),
        cmocka_unit_test(test_a_day_may_carry_a_zone),
        cmocka_unit_test(test_the_years_0001_and_9999_are_no_day),
        cmocka_unit_test(test_what_is_no_day_is_refused),
        cmocka_unit_test(test_whole_numbers_and_booleans_have_their_xsd_forms),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
