#include "core/arena.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

static void test_buf_grows_and_stays_ended(void **state)
{
    struct relais_buf buf = RELAIS_BUF_INIT(100000);

    for (int i = 0; i < 10000; i++)
        assert_int_equal(relais_buf_add_char(&buf, (char)('a' + i % 26)), 0);
    assert_int_equal(buf.len, 10000);
    assert_int_equal(strlen(buf.data), 10000);
    assert_int_equal(buf.data[9999], 'a' + 9999 % 26);
    relais_buf_release(&buf);
    assert_null(buf.data);
}

static void test_buf_stops_at_its_ceiling_unchanged(void **state)
{
    struct relais_buf buf = RELAIS_BUF_INIT(5);

    assert_int_equal(relais_buf_add_str(&buf, "12345"), 0);
    assert_int_equal(relais_buf_add_char(&buf, '6'), -1);
    assert_int_equal(relais_buf_printf(&buf, "%d", 6), -1);
    assert_null(relais_buf_reserve(&buf, SIZE_MAX));
    assert_string_equal(buf.data, "12345");
    assert_true(buf.cap <= 6);
    relais_buf_release(&buf);
}

static void test_buf_printf_appends(void **state)
{
    struct relais_buf buf = RELAIS_BUF_INIT(1000);

    assert_int_equal(relais_buf_printf(&buf, "%s=%d", "a", 1), 0);
    assert_int_equal(relais_buf_add_slice(&buf, RELAIS_SLICE(";b")), 0);
    assert_string_equal(buf.data, "a=1;b");
    relais_buf_clear(&buf);
    assert_string_equal(buf.data, "");
    relais_buf_release(&buf);
}

static void test_buf_adds_integers_to_the_last(void **state)
{
    static const int64_t numbers[] = {0, 7, -7, 10, INT64_MAX, INT64_MIN};
    struct relais_buf buf = RELAIS_BUF_INIT(100);

    for (size_t i = 0; i < 6; i++)
        assert_int_equal(relais_buf_add_integer(&buf, numbers[i]), 0);
    assert_string_equal(buf.data, "07-710"
                                  "9223372036854775807"
                                  "-9223372036854775808");
    buf.max = buf.len + 1;
    assert_int_equal(relais_buf_add_integer(&buf, 12), -1);
    relais_buf_release(&buf);
}

static void test_buf_take_moves_the_text_out(void **state)
{
    struct relais_buf buf = RELAIS_BUF_INIT(1000);
    size_t len;
    char *text;

    assert_int_equal(relais_buf_add_str(&buf, "abc"), 0);
    text = relais_buf_take(&buf, &len);
    assert_string_equal(text, "abc");
    assert_int_equal(len, 3);
    assert_null(buf.data);
    free(text);
    text = relais_buf_take(&buf, NULL);
    assert_string_equal(text, "");
    free(text);
    relais_buf_release(NULL);
}

static void test_slice_order_has_null_before_empty(void **state)
{
    struct relais_slice null = RELAIS_SLICE_NULL;

    assert_true(relais_slice_cmp(null, RELAIS_SLICE("")) < 0);
    assert_true(relais_slice_cmp(RELAIS_SLICE(""), null) > 0);
    assert_int_equal(relais_slice_cmp(null, null), 0);
    assert_true(relais_slice_cmp(RELAIS_SLICE("a"), RELAIS_SLICE("ab")) < 0);
    assert_true(relais_slice_cmp(RELAIS_SLICE("b"), RELAIS_SLICE("ab")) > 0);
    assert_true(relais_slice_cmp(RELAIS_SLICE("\xff"), RELAIS_SLICE("a")) > 0);
    assert_true(relais_slice_is(RELAIS_SLICE("ab"), "ab"));
    assert_false(relais_slice_is(RELAIS_SLICE("ab"), "abc"));
}

static void test_trim_takes_blanks_at_both_ends(void **state)
{
    assert_true(relais_slice_is(relais_slice_trim(RELAIS_SLICE(" \t a b\r\n")), "a b"));
    assert_int_equal(relais_slice_trim(RELAIS_SLICE(" \n ")).len, 0);
    assert_int_equal(relais_slice_trim(RELAIS_SLICE_NULL).len, 0);
}

/* The definition of UTF-8, read the slow way. */
static bool slow_char(const unsigned char *s, size_t n)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    uint32_t c = n == 1 ? s[0] : s[0] & (0x7fu >> n);

    if (n == 1 ? s[0] >= 0x80
               : (s[0] & (0xffu << (7 - n)) & 0xff) != (0xff00u >> n & 0xff))
        return false;
    for (size_t i = 1; i < n; i++) {
        if ((s[i] & 0xc0) != 0x80)
            return false;
        c = c << 6 | (s[i] & 0x3f);
    }
    return c >= least[n] && c <= 0x10ffff && (c < 0xd800 || c > 0xdfff);
}

static void expect_same(const unsigned char *s, size_t n)
{
    struct relais_slice slice = {(const char *)s, n};

    if (relais_utf8_valid(slice) != slow_char(s, n))
        fail_msg("%02x %02x of %zu bytes", s[0], s[1], n);
}

static void test_utf8_agrees_with_its_definition(void **state)
{
    static const unsigned char tails[] = {0x00, 0x7f, 0x80, 0x8f, 0x90,
                                          0x9f, 0xa0, 0xbf, 0xc0, 0xff};
    unsigned char s[4] = {0};

    for (unsigned c = 0; c < 256; c++) {
        s[0] = (unsigned char)c;
        expect_same(s, 1);
        if (c < 0xc0)
            continue;
        for (unsigned d = 0; d < 256; d++) {
            s[1] = (unsigned char)d;
            if (d >= 0x80) /* else two characters */
                expect_same(s, 2);
            for (size_t i = 0; i < sizeof(tails); i++)
                for (size_t j = 0; j < sizeof(tails); j++) {
                    s[2] = tails[i];
                    s[3] = tails[j];
                    if (c >= 0xe0 && tails[i] >= 0x80)
                        expect_same(s, 3);
                    if (c >= 0xf0 && tails[i] >= 0x80 && tails[j] >= 0x80)
                        expect_same(s, 4);
                }
        }
    }
}

static void test_utf8_looks_at_every_byte(void **state)
{
    char text[40];

    for (size_t len = 1; len < sizeof(text); len++)
        for (size_t at = 0; at < len; at++) {
            memset(text, 'a', sizeof(text));
            assert_true(relais_utf8_valid((struct relais_slice){text, len}));
            text[at] = (char)0xe9;
            assert_false(relais_utf8_valid((struct relais_slice){text, len}));
        }
    assert_true(relais_utf8_valid(RELAIS_SLICE_NULL));
    assert_true(
        relais_utf8_valid(RELAIS_SLICE("\0caf\xc3\xa9 \xf0\x9f\x98\x80 and more")));
    assert_int_equal(relais_utf8_char("\xe2\x82\xac", 3), 3);
    assert_int_equal(relais_utf8_char("\xe2\x82\xac", 2), 0);
}

static void test_arena_pieces_are_aligned_and_apart(void **state)
{
    struct relais_arena arena = RELAIS_ARENA_INIT(1 << 20);
    char *previous = NULL;

    for (size_t size = 1; size < 500; size++) {
        char *p = relais_arena_alloc(&arena, size);

        assert_non_null(p);
        assert_int_equal((uintptr_t)p % 16, 0);
        memset(p, (int)size & 0xff, size);
        if (previous)
            assert_int_equal((unsigned char)previous[size - 2], (size - 1) & 0xff);
        previous = p;
    }
    relais_arena_release(&arena);
    assert_int_equal(arena.used, 0);
}

static void test_arena_stops_at_its_ceiling(void **state)
{
    struct relais_arena arena = RELAIS_ARENA_INIT(100000);
    size_t got = 0;

    while (relais_arena_alloc(&arena, 1000))
        got += 1000;
    assert_true(got > 50000 && got <= 100000);
    assert_null(relais_arena_alloc(&arena, SIZE_MAX));
    relais_arena_reset(&arena);
    assert_non_null(relais_arena_alloc(&arena, 50000));
    relais_arena_release(&arena);
    relais_arena_release(NULL);
}

static void test_arena_reset_keeps_one_block_of_the_size_that_was_needed(void **state)
{
    struct relais_arena arena = RELAIS_ARENA_INIT(8 << 20);
    char *first = relais_arena_alloc(&arena, 10);
    size_t used;

    relais_arena_reset(&arena);
    assert_ptr_equal(relais_arena_alloc(&arena, 10), first);
    assert_non_null(relais_arena_alloc(&arena, 200000));
    used = arena.used;
    relais_arena_reset(&arena);
    assert_int_equal(arena.used, used);
    first = relais_arena_alloc(&arena, 10);
    assert_non_null(relais_arena_alloc(&arena, 200000));
    assert_int_equal(arena.used, used);
    relais_arena_reset(&arena);
    assert_ptr_equal(relais_arena_alloc(&arena, 10), first);
    assert_non_null(relais_arena_alloc(&arena, 5 << 20));
    relais_arena_reset(&arena);
    assert_int_equal(arena.used, 2 << 20); /* once is not for ever */
    relais_arena_release(&arena);
}

static void test_arena_copies_end_with_nul(void **state)
{
    struct relais_arena arena = RELAIS_ARENA_INIT(20000);
    struct relais_slice copy = relais_arena_slice(&arena, RELAIS_SLICE("abc"));

    assert_string_equal(copy.ptr, "abc");
    assert_int_equal(copy.len, 3);
    assert_null(relais_arena_slice(&arena, RELAIS_SLICE_NULL).ptr);
    copy = relais_arena_printf(&arena, "%s-%d", "x", 12);
    assert_string_equal(copy.ptr, "x-12");
    assert_null(relais_arena_printf(&arena, "%30000d", 1).ptr);
    for (size_t i = 0; i < 16; i++)
        assert_int_equal(((char *)relais_arena_zalloc(&arena, 16))[i], 0);
    relais_arena_release(&arena);
}

static void test_arena_gives_room_for_nothing_before_anything_else(void **state)
{
    struct relais_arena arena = RELAIS_ARENA_INIT(1024);

    assert_non_null(relais_arena_alloc(&arena, 0));
    assert_non_null(relais_arena_alloc(&arena, 0));
    relais_arena_release(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_buf_grows_and_stays_ended),
        cmocka_unit_test(test_buf_stops_at_its_ceiling_unchanged),
        cmocka_unit_test(test_buf_printf_appends),
        cmocka_unit_test(test_buf_adds_integers_to_the_last),
        cmocka_unit_test(test_buf_take_moves_the_text_out),
        cmocka_unit_test(test_slice_order_has_null_before_empty),
        cmocka_unit_test(test_trim_takes_blanks_at_both_ends),
        cmocka_unit_test(test_utf8_agrees_with_its_definition),
        cmocka_unit_test(test_utf8_looks_at_every_byte),
        cmocka_unit_test(test_arena_pieces_are_aligned_and_apart),
        cmocka_unit_test(test_arena_stops_at_its_ceiling),
        cmocka_unit_test(test_arena_reset_keeps_one_block_of_the_size_that_was_needed),
        cmocka_unit_test(test_arena_copies_end_with_nul),
        cmocka_unit_test(test_arena_gives_room_for_nothing_before_anything_else),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
