#include "producers/inflight.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

static struct inflight_message message(uint64_t ack, const char *value)
{
    struct inflight_message m = {.topic = 0, .ack = ack, .type = "t"};

    m.key = RELAIS_SLICE("key");
    m.value = relais_slice_str(value);
    return m;
}

static uint64_t push(struct inflight *f, uint64_t ack)
{
    struct inflight_message m = message(ack, "value");
    struct relais_error err = RELAIS_ERROR_INIT;
    uint64_t number = UINT64_MAX;

    assert_int_equal(inflight_push(f, &m, 1, &number, &err), 0);
    return number;
}

static int setup(void **state)
{
    *state = inflight_new(4, 1024);
    return 0;
}

static int teardown(void **state)
{
    inflight_free(*state);
    return 0;
}

static void test_low_water_waits_for_the_oldest_record(void **state)
{
    struct inflight *f = *state;
    uint64_t first = push(f, 10), second = push(f, 11);

    inflight_done(f, second, 0, 7);
    assert_int_equal(inflight_ready(f), 0);
    inflight_done(f, first, 0, 6);
    assert_int_equal(inflight_ready(f), 2);
    assert_int_equal(inflight_at(f, second)->ack, 11);
    assert_int_equal(inflight_at(f, second)->offset, 7);
}

static void test_full_ring_refuses_until_released(void **state)
{
    struct inflight *f = *state;
    struct inflight_message m = message(5, "value");
    struct relais_error err = RELAIS_ERROR_INIT;
    uint64_t number;

    for (uint64_t i = 1; i <= 4; i++)
        inflight_done(f, push(f, i), 0, (int64_t)i);
    assert_int_equal(inflight_push(f, &m, 1, &number, &err), -1);
    assert_int_equal(err.code, RELAIS_E_QUEUE_FULL);
    inflight_release(f, 1);
    relais_error_clear(&err);
    assert_int_equal(inflight_push(f, &m, 1, &number, &err), 0);
}

static void test_bytes_are_bounded_and_come_back(void **state)
{
    struct inflight *f = *state;
    char text[301];
    struct relais_error err = RELAIS_ERROR_INIT;
    uint64_t number;

    memset(text, 'x', 300);
    text[300] = '\0';
    for (int i = 0; i < 50; i++) {
        struct inflight_message m = message(1, text);

        text[0] = (char)('a' + i % 26);
        while (inflight_push(f, &m, 1, &number, &err)) {
            assert_int_equal(err.code, RELAIS_E_QUEUE_FULL);
            relais_error_clear(&err);
            assert_true(inflight_count(f) > 0);
            inflight_done(f, inflight_first(f), 0, 0);
            inflight_release(f, 1);
        }
        assert_true(inflight_bytes(f) <= 1024);
        assert_memory_equal(inflight_at(f, number)->value.ptr, text, 300);
    }
}

/* Of 1 byte to 400 KiB, in all orders of sizes: what lies in a block stays as it was
 * pushed until it is released, whatever comes and goes meanwhile. */
static void test_messages_of_all_sizes_stay_whole(void **state)
{
    const size_t max = (size_t)400 * 1024;
    struct inflight *f = inflight_new(64, (size_t)1024 * 1024);
    char *text = relais_alloc(max);
    struct relais_error err = RELAIS_ERROR_INIT;
    uint64_t random = 1, number;

    (void)state;
    for (uint64_t i = 0; i < 3000; i++) {
        struct inflight_message m = message(i, "");

        random = random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        m.value.len = 1 + (size_t)(random >> 33) % (max >> (random >> 20) % 16);
        m.value.ptr = memset(text, (int)(i % 251), m.value.len);
        while (inflight_push(f, &m, 1, &number, &err)) {
            const struct inflight_message *old = inflight_at(f, inflight_first(f));

            relais_error_clear(&err);
            assert_non_null(old);
            memset(text, (int)(old->ack % 251), old->value.len);
            assert_memory_equal(old->value.ptr, text, old->value.len);
            inflight_release(f, 1);
            memset(text, (int)(i % 251), m.value.len);
        }
        assert_true(inflight_bytes(f) <= (size_t)1024 * 1024);
    }
    free(text);
    inflight_free(f);
}

static void test_message_of_more_than_half_the_bytes_never_fits(void **state)
{
    char text[601];
    struct inflight_message m;
    struct relais_error err = RELAIS_ERROR_INIT;
    uint64_t number;

    memset(text, 'x', 600);
    text[600] = '\0';
    m = message(1, text);
    assert_int_equal(inflight_push(*state, &m, 1, &number, &err), -1);
    assert_int_equal(err.code, RELAIS_E_MESSAGE_SIZE);
}

static void test_entry_without_topic_is_done_at_once_and_stays_so_in_doubt(void **state)
{
    struct inflight *f = *state;
    struct inflight_message m = message(1, "");
    struct relais_error err = RELAIS_ERROR_INIT;
    uint64_t number;

    m.topic = INFLIGHT_NO_TOPIC;
    assert_int_equal(inflight_push(f, &m, 1, &number, &err), 0);
    inflight_done(f, push(f, 2), 0, 1);
    assert_int_equal(inflight_ready(f), 2);
    inflight_doubt(f);
    assert_int_equal(inflight_ready(f), 1);
    assert_true(inflight_oldest_us(f) == 1);
}

static void test_find_gives_the_newest_of_a_hash_first(void **state)
{
    struct inflight *f = *state;
    uint64_t hash = inflight_hash(RELAIS_SLICE("a"), RELAIS_SLICE("b"));
    struct relais_error err = RELAIS_ERROR_INIT;
    const struct inflight_message *found;
    uint64_t number;

    for (uint64_t i = 1; i <= 3; i++) {
        struct inflight_message m = message(i, "v");

        m.hash[INFLIGHT_BY_OBJECT] = i == 2 ? hash + 1 : hash;
        assert_int_equal(inflight_push(f, &m, 1, &number, &err), 0);
        inflight_done(f, number, 0, 0);
    }
    found = inflight_find(f, INFLIGHT_BY_OBJECT, hash, NULL);
    assert_int_equal(found->ack, 3);
    found = inflight_find(f, INFLIGHT_BY_OBJECT, hash, found);
    assert_int_equal(found->ack, 1);
    inflight_release(f, 2);
    assert_null(inflight_find(f, INFLIGHT_BY_OBJECT, hash + 1, NULL));
    found = inflight_find(f, INFLIGHT_BY_OBJECT, hash, NULL);
    assert_int_equal(found->ack, 3);
    assert_null(inflight_find(f, INFLIGHT_BY_OBJECT, hash, found));
}

static void test_hash_tells_the_parts_apart(void **state)
{
    assert_true(inflight_hash(RELAIS_SLICE("ab"), RELAIS_SLICE("c")) !=
                inflight_hash(RELAIS_SLICE("a"), RELAIS_SLICE("bc")));
}

int main(void)
{
#define RING(t) cmocka_unit_test_setup_teardown(t, setup, teardown)
    const struct CMUnitTest tests[] = {
        RING(test_low_water_waits_for_the_oldest_record),
        RING(test_full_ring_refuses_until_released),
        RING(test_bytes_are_bounded_and_come_back),
        cmocka_unit_test(test_messages_of_all_sizes_stay_whole),
        RING(test_message_of_more_than_half_the_bytes_never_fits),
        RING(test_entry_without_topic_is_done_at_once_and_stays_so_in_doubt),
        RING(test_find_gives_the_newest_of_a_hash_first),
        cmocka_unit_test(test_hash_tells_the_parts_apart),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
