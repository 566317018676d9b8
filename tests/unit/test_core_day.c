#include "core/day.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <time.h>
#include <cmocka.h>

#define HOUR_US INT64_C(3600000000)
#define DAY_US  (24 * HOUR_US)

static int32_t day(const char *text)
{
    int32_t days;

    if (!relais_day_parse(relais_slice_str(text), &days))
        fail_msg("not a day: %s", text);
    return days;
}

static int64_t time_of(const char *text)
{
    int64_t micros;

    if (!relais_time_parse(relais_slice_str(text), &micros))
        fail_msg("not a time: %s", text);
    return micros;
}

static void expect_instant(int64_t instant_us, const char *text)
{
    char got[28];

    relais_instant_format(instant_us, got);
    assert_string_equal(got, text);
}

static void expect_paris(const char *on, const char *at, const char *utc)
{
    expect_instant(relais_paris_to_utc(day(on), time_of(at)), utc);
}

static void test_days_agree_with_the_calendar_of_libc(void **state)
{
    for (int32_t days = day("0000-01-01"); days <= day("9999-12-31"); days++) {
        time_t seconds = (time_t)days * 86400;
        struct tm tm;
        int year, month, dom;
        char text[11];

        relais_day_to_civil(days, &year, &month, &dom);
        if (days % 17 == 0) {
            gmtime_r(&seconds, &tm);
            assert_int_equal(year, tm.tm_year + 1900);
            assert_int_equal(month, tm.tm_mon + 1);
            assert_int_equal(dom, tm.tm_mday);
            relais_day_format(days, text);
            assert_int_equal(day(text), days);
        }
        if (relais_day_from_civil(year, month, dom) != days)
            fail_msg("day %d is not its own", days);
    }
}

static void test_what_is_no_day_is_refused(void **state)
{
    static const char *const texts[] = {
        "",           "2026-02-29", "1900-02-29",  "2026-00-10",  "2026-13-10",
        "2026-04-31", "2026-01-00", "2026-01-32",  "2026-1-01",   "2026-01-1",
        "20260101",   "2026/01/01", "2026-01-01 ", " 2026-01-01", "9999-99-99",
        "-026-01-01", "2026-01-0a", "+026-01-01"};
    int32_t days = 7;

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        if (relais_day_parse(relais_slice_str(texts[i]), &days))
            fail_msg("taken: %s", texts[i]);
    assert_false(relais_day_parse(RELAIS_SLICE_NULL, &days));
    assert_int_equal(days, 7);
    assert_int_equal(day("2000-02-29"), 11016);
    assert_int_equal(day("1970-01-01"), 0);
}

static void test_days_beyond_the_form_stop_at_its_ends(void **state)
{
    char text[11];

    relais_day_format(INT32_MAX, text);
    assert_string_equal(text, "9999-12-31");
    relais_day_format(INT32_MIN, text);
    assert_string_equal(text, "0000-01-01");
    expect_instant(INT64_MAX, "9999-12-31T04:00:54.775807Z");
    expect_instant(INT64_MIN, "0000-01-01T19:59:05.224192Z");
}

static void test_times_are_read_to_the_micro(void **state)
{
    assert_int_equal(time_of("21:27:43.0000"), 77263000000);
    assert_int_equal(time_of("00:00:00"), 0);
    assert_int_equal(time_of("23:59:59.999999999"), DAY_US - 1);
    assert_int_equal(time_of("00:00:00.5"), 500000);
}

static void test_what_is_no_time_is_refused(void **state)
{
    static const char *const texts[] = {
        "",         "24:00:00",   "00:60:00",           "00:00:60",   "00:00",
        "0:00:00",  "00:00:00.",  "00-00-00",           "00:00:00,5", "00:00:00Z",
        "00:00:0a", "00:00:00.x", "00:00:00.1234567890"};
    int64_t micros;

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        if (relais_time_parse(relais_slice_str(texts[i]), &micros))
            fail_msg("taken: %s", texts[i]);
}

static void test_instants_are_read_with_their_zone(void **state)
{
    static const char *const texts[][2] = {
        {"2026-02-04T20:27:43Z", "2026-02-04T20:27:43.000000Z"},
        {"2026-02-04t21:27:43.5+01:00", "2026-02-04T20:27:43.500000Z"},
        {"2026-02-04T15:57:43.000001-04:30", "2026-02-04T20:27:43.000001Z"},
        {"1969-12-31T23:59:59.999999Z", "1969-12-31T23:59:59.999999Z"},
        {"2026-01-01T00:30:00+01:00", "2025-12-31T23:30:00.000000Z"},
        {"0000-01-01T00:00:00z", "0000-01-01T00:00:00.000000Z"},
    };
    int64_t instant;

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        assert_true(relais_instant_parse(relais_slice_str(texts[i][0]), &instant));
        expect_instant(instant, texts[i][1]);
    }
}

static void test_what_is_no_instant_is_refused(void **state)
{
    static const char *const texts[] = {
        "",
        "2026-02-04",
        "2026-02-04T20:27:43",
        "2026-02-04 20:27:43Z",
        "2026-02-04T20:27Z",
        "2026-02-04T20:27:43+01",
        "2026-02-04T20:27:43+0100",
        "2026-02-04T20:27:43+24:00",
        "2026-02-04T20:27:43+01:60",
        "2026-02-30T20:27:43Z",
        "2026-02-04T25:27:43Z",
        "2026-02-04T20:27:43ZZ",
        "2026-02-04T+01:00:00",
        "2026-02-04T20:27:43.Z",
    };
    int64_t instant;

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        if (relais_instant_parse(relais_slice_str(texts[i]), &instant))
            fail_msg("taken: %s", texts[i]);
}

static void test_paris_changes_to_summer_on_the_last_sunday_of_march(void **state)
{
    expect_paris("2026-02-04", "21:27:43", "2026-02-04T20:27:43.000000Z");
    expect_paris("2026-03-29", "01:59:59", "2026-03-29T00:59:59.000000Z");
    expect_paris("2026-03-29", "03:00:00", "2026-03-29T01:00:00.000000Z");
    expect_paris("2026-07-14", "12:00:00", "2026-07-14T10:00:00.000000Z");
}

static void test_paris_hour_that_is_not_has_the_offset_of_winter(void **state)
{
    expect_paris("2026-03-29", "02:00:00", "2026-03-29T01:00:00.000000Z");
    expect_paris("2026-03-29", "02:59:59", "2026-03-29T01:59:59.000000Z");
}

static void test_paris_ambiguous_hour_is_the_first(void **state)
{
    expect_paris("2026-10-25", "01:59:59", "2026-10-24T23:59:59.000000Z");
    expect_paris("2026-10-25", "02:00:00", "2026-10-25T00:00:00.000000Z");
    expect_paris("2026-10-25", "02:59:59", "2026-10-25T00:59:59.000000Z");
    expect_paris("2026-10-25", "03:00:00", "2026-10-25T02:00:00.000000Z");
}

static void test_paris_has_no_summer_before_1981(void **state)
{
    expect_paris("1980-07-14", "12:00:00", "1980-07-14T11:00:00.000000Z");
    expect_paris("1981-07-14", "12:00:00", "1981-07-14T10:00:00.000000Z");
    expect_paris("0001-07-14", "12:00:00", "0001-07-14T11:00:00.000000Z");
}

/* libc with the same rule as a POSIX zone: no zone file is needed. */
static void test_paris_agrees_with_libc_every_half_hour(void **state)
{
    const int64_t step = HOUR_US / 2;

    setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3", 1);
    tzset();
    for (int64_t us = day("2024-01-01") * DAY_US; us < day("2061-01-01") * DAY_US;
         us += step) {
        time_t seconds = us / 1000000;
        struct tm tm;
        int32_t days;
        int64_t micros, back;

        localtime_r(&seconds, &tm);
        days = relais_day_from_civil(tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday);
        micros = (tm.tm_hour * 60 + tm.tm_min) * INT64_C(60000000);
        if (relais_paris_day(us) != days)
            fail_msg("day in Paris at %lld", (long long)seconds);
        back = relais_paris_to_utc(days, micros);
        if (back == us)
            continue;
        /* the second of two equal hours reads as the first */
        assert_int_equal(back, us - HOUR_US);
        assert_int_equal(tm.tm_isdst, 0);
        assert_int_equal(tm.tm_mon, 9);
        assert_int_equal(tm.tm_hour, 2);
    }
    unsetenv("TZ");
    tzset();
}

static void test_paris_day_is_of_paris_at_both_ends_of_time(void **state)
{
    assert_int_equal(relais_paris_day(-HOUR_US - 1), -1);
    assert_int_equal(relais_paris_day(-HOUR_US), 0);
    assert_int_equal(relais_paris_day(INT64_MAX), 106751991);
    assert_int_equal(relais_paris_day(INT64_MIN), -106751992);
}

static void test_clocks_go_on(void **state)
{
    int64_t before = relais_monotonic_us();

    assert_true(relais_now_us() > day("2020-01-01") * DAY_US);
    assert_true(relais_monotonic_us() >= before);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_days_agree_with_the_calendar_of_libc),
        cmocka_unit_test(test_what_is_no_day_is_refused),
        cmocka_unit_test(test_days_beyond_the_form_stop_at_its_ends),
        cmocka_unit_test(test_times_are_read_to_the_micro),
        cmocka_unit_test(test_what_is_no_time_is_refused),
        cmocka_unit_test(test_instants_are_read_with_their_zone),
        cmocka_unit_test(test_what_is_no_instant_is_refused),
        cmocka_unit_test(test_paris_changes_to_summer_on_the_last_sunday_of_march),
        cmocka_unit_test(test_paris_hour_that_is_not_has_the_offset_of_winter),
        cmocka_unit_test(test_paris_ambiguous_hour_is_the_first),
        cmocka_unit_test(test_paris_has_no_summer_before_1981),
        cmocka_unit_test(test_paris_agrees_with_libc_every_half_hour),
        cmocka_unit_test(test_paris_day_is_of_paris_at_both_ends_of_time),
        cmocka_unit_test(test_clocks_go_on),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
