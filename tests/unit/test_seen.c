#include "consumers/seen.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

static bool test_number(struct seen *seen, uint32_t number, int64_t offset)
{
    unsigned char id[16] = {0};

    memcpy(id + 10, &number, sizeof(number));
    return seen_test(seen, id, offset);
}

static int setup(void **state)
{
    *state = seen_new();
    return 0;
}

static int teardown(void **state)
{
    seen_free(*state);
    return 0;
}

static void test_seen_tells_an_id_given_before_at_another_offset(void **state)
{
    assert_false(test_number(*state, 1, 10));
    assert_false(test_number(*state, 2, 11));
    assert_true(test_number(*state, 1, 12));
    assert_true(test_number(*state, 2, 13));
}

static void test_seen_does_not_take_a_redelivered_message_for_a_repeat(void **state)
{
    assert_false(test_number(*state, 1, 10));
    assert_false(test_number(*state, 1, 10));
    assert_true(test_number(*state, 1, 11));
}

static void test_seen_remembers_exactly_the_last_65536_ids(void **state)
{
    for (uint32_t i = 0; i < SEEN_MAX + 5; i++)
        assert_false(test_number(*state, i, i));
    for (uint32_t i = 5; i < SEEN_MAX + 5; i++)
        assert_true(test_number(*state, i, -1));
    for (uint32_t i = 0; i < 5; i++)
        assert_false(test_number(*state, i, -1));
}

static void test_seen_stays_right_over_a_million_ids(void **state)
{
    for (uint32_t i = 0; i < 1000000; i++) {
        assert_false(test_number(*state, i, i));
        if (i >= 60000 && i % 7 == 0)
            assert_true(test_number(*state, i - 60000, -1));
        if (i >= 70000 && i % 1000 == 0) {
            assert_false(test_number(*state, i - 70000, -1));
            assert_true(test_number(*state, i - 70000, -2));
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(
            test_seen_tells_an_id_given_before_at_another_offset, setup, teardown),
        cmocka_unit_test_setup_teardown(
            test_seen_does_not_take_a_redelivered_message_for_a_repeat, setup, teardown),
        cmocka_unit_test_setup_teardown(test_seen_remembers_exactly_the_last_65536_ids,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(test_seen_stays_right_over_a_million_ids, setup,
                                        teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
