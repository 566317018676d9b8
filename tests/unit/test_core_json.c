#include "core/value.h"
#include "helper_core.h"

#include <jansson.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

static char *read_beside(const char *folder, const char *name, bool chomp, size_t *len)
{
    char path[4096];

    snprintf(path, sizeof(path), "%s/%s", folder, name);
    return helper_read(path, chomp, len);
}

static void check_invalid(const char *folder)
{
    struct relais_arena arena = RELAIS_ARENA_INIT(1 << 22);
    struct relais_error err = RELAIS_ERROR_INIT;
    char got[400];
    size_t len;
    char *input = read_beside(folder, "input.json", false, &len);
    char *expected = read_beside(folder, "error", true, NULL);

    if (relais_value_parse(&arena, (struct relais_slice){input, len}, &err))
        fail_msg("%s is taken", folder);
    snprintf(got, sizeof(got), "%s %s", relais_error_name(err.code), err.text);
    assert_string_equal(got, expected);
    free(input);
    free(expected);
    relais_arena_release(&arena);
}

static void test_invalid_documents_are_refused_with_their_place(void **state)
{
    assert_true(helper_each("tests/data/json/invalid", check_invalid) >= 45);
}

static void check_valid(const char *folder)
{
    struct relais_arena arena = RELAIS_ARENA_INIT(1 << 22);
    struct relais_buf plain = RELAIS_BUF_INIT(1 << 20);
    struct relais_buf canonical = RELAIS_BUF_INIT(1 << 20);
    struct relais_error err = RELAIS_ERROR_INIT;
    size_t len;
    char *input = read_beside(folder, "input.json", false, &len);
    char *output = read_beside(folder, "output", true, NULL);
    char *expected = read_beside(folder, "canonical", true, NULL);
    struct relais_value *v =
        relais_value_parse(&arena, (struct relais_slice){input, len}, &err);

    if (!v)
        fail_msg("%s: %s", folder, err.text);
    assert_int_equal(relais_value_print(v, &plain), 0);
    assert_string_equal(plain.data, output);
    if (strcmp(expected, "none") == 0) {
        assert_int_equal(relais_value_print_canonical(v, &canonical), -1);
    } else {
        assert_int_equal(relais_value_print_canonical(v, &canonical), 0);
        assert_string_equal(canonical.data, expected);
    }
    free(input);
    free(output);
    free(expected);
    relais_buf_release(&plain);
    relais_buf_release(&canonical);
    relais_arena_release(&arena);
}

static void test_valid_documents_are_printed_plain_and_canonical(void **state)
{
    assert_true(helper_each("tests/data/json/valid", check_valid) >= 10);
}

static struct relais_value *parse(struct relais_arena *arena, const char *json)
{
    struct relais_error err = RELAIS_ERROR_INIT;
    struct relais_value *v = relais_value_parse(arena, relais_slice_str(json), &err);

    if (!v)
        fail_msg("%s: %s", json, err.text);
    return v;
}

static void test_kinds_follow_the_text(void **state)
{
    struct relais_arena arena = RELAIS_ARENA_INIT(1 << 20);
    struct relais_value *v =
        parse(&arena, "[1,1.0,9223372036854775808,\"2026-02-04\",{}]");
    struct relais_value *c = v->child;

    assert_int_equal(v->count, 5);
    assert_int_equal(c->kind, RELAIS_VALUE_LONG);
    assert_int_equal((c = c->next)->kind, RELAIS_VALUE_DOUBLE);
    assert_int_equal((c = c->next)->kind, RELAIS_VALUE_DOUBLE);
    assert_int_equal((c = c->next)->kind, RELAIS_VALUE_STRING);
    assert_int_equal((c = c->next)->kind, RELAIS_VALUE_RECORD);
    assert_null(c->next);
    relais_arena_release(&arena);
}

static void test_text_keeps_its_nul(void **state)
{
    struct relais_arena arena = RELAIS_ARENA_INIT(1 << 20);
    struct relais_value *v = parse(&arena, "\"a\\u0000b\"");

    assert_int_equal(v->text.len, 3);
    assert_memory_equal(v->text.ptr, "a\0b", 4);
    relais_arena_release(&arena);
}

static void test_text_beyond_its_ceiling_is_refused(void **state)
{
    struct relais_arena arena = RELAIS_ARENA_INIT(8 << 20);
    struct relais_error err = RELAIS_ERROR_INIT;
    size_t len = RELAIS_VALUE_TEXT_MAX + 3;
    char *json = relais_alloc(len);

    memset(json, 'a', len);
    json[0] = json[len - 1] = '"';
    assert_null(relais_value_parse(&arena, (struct relais_slice){json, len}, &err));
    assert_int_equal(err.code, RELAIS_E_LIMIT);
    json[len - 2] = '"';
    relais_error_clear(&err);
    assert_non_null(
        relais_value_parse(&arena, (struct relais_slice){json, len - 1}, &err));
    free(json);
    relais_arena_release(&arena);
}

static void test_document_beyond_the_arena_is_refused(void **state)
{
    struct relais_arena arena = RELAIS_ARENA_INIT(4096);
    struct relais_error err = RELAIS_ERROR_INIT;
    char json[2001];

    json[0] = '[';
    for (size_t i = 1; i < sizeof(json); i += 2)
        memcpy(json + i, "1,", 2);
    json[sizeof(json) - 1] = ']';
    assert_null(
        relais_value_parse(&arena, (struct relais_slice){json, sizeof(json)}, &err));
    assert_int_equal(err.code, RELAIS_E_LIMIT);
    relais_arena_release(&arena);
}

static void test_many_members_are_taken_quickly(void **state)
{
    struct relais_arena arena = RELAIS_ARENA_INIT(64 << 20);
    struct relais_buf json = RELAIS_BUF_INIT(4 << 20);
    struct relais_error err = RELAIS_ERROR_INIT;

    assert_int_equal(relais_buf_add_char(&json, '{'), 0);
    for (int i = 0; i < 100000; i++)
        assert_int_equal(relais_buf_printf(&json, "%s\"%d\":1", i ? "," : "", i), 0);
    assert_int_equal(relais_buf_add_char(&json, '}'), 0);
    assert_non_null(relais_value_parse(&arena, relais_buf_slice(&json), &err));
    json.len--;
    assert_int_equal(relais_buf_add_str(&json, ",\"777\":1}"), 0);
    assert_null(relais_value_parse(&arena, relais_buf_slice(&json), &err));
    assert_non_null(strstr(err.text, "twice"));
    relais_buf_release(&json);
    relais_arena_release(&arena);
}

static void test_json_string_replaces_what_is_not_utf8(void **state)
{
    struct relais_buf out = RELAIS_BUF_INIT(100);

    assert_int_equal(
        relais_json_string(&out, RELAIS_SLICE("a\xff\xe2\x82z\"\\\x01\xc3\xa9")), 0);
    assert_string_equal(out.data,
                        "\"a\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbdz\\\"\\\\\\u0001"
                        "\xc3\xa9\"");
    relais_buf_clear(&out);
    assert_int_equal(relais_json_string(&out, RELAIS_SLICE_NULL), 0);
    assert_string_equal(out.data, "\"\"");
    relais_buf_release(&out);
}

static uint64_t seed = 88172645463325252u;

static uint64_t random_bits(void)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return seed;
}

static void expect_round_trip(double real)
{
    struct relais_arena arena = RELAIS_ARENA_INIT(65536);
    struct relais_buf out = RELAIS_BUF_INIT(100);
    struct relais_value v = {.kind = RELAIS_VALUE_DOUBLE, .real = real};
    struct relais_value *back;

    assert_int_equal(relais_value_print(&v, &out), 0);
    back = parse(&arena, out.data);
    assert_int_equal(back->kind, RELAIS_VALUE_DOUBLE);
    assert_memory_equal(&back->real, &real, sizeof(real));
    relais_buf_release(&out);
    relais_arena_release(&arena);
}

static void test_every_double_reads_back_as_itself(void **state)
{
    expect_round_trip(-0.0);
    expect_round_trip(5e-324);
    for (int i = 0; i < 20000; i++) {
        uint64_t bits = random_bits();
        double real;

        memcpy(&real, &bits, sizeof(real));
        if (isfinite(real))
            expect_round_trip(real);
        expect_round_trip((double)(int64_t)(bits >> 44) / 100);
    }
}

static void test_no_number_is_written_as_avro_does(void **state)
{
    const double reals[] = {(double)NAN, (double)INFINITY, -(double)INFINITY};
    const char *const texts[] = {"\"NaN\"", "\"Infinity\"", "\"-Infinity\""};

    for (size_t i = 0; i < 3; i++) {
        struct relais_buf out = RELAIS_BUF_INIT(100);
        struct relais_value v = {.kind = RELAIS_VALUE_DOUBLE, .real = reals[i]};

        assert_int_equal(relais_value_print(&v, &out), 0);
        assert_string_equal(out.data, texts[i]);
        relais_buf_release(&out);
    }
}

/* Our answer and jansson's on the same bytes: taken or refused, and if taken the same
 * document. */
static void expect_jansson(const char *json, size_t len)
{
    struct relais_arena arena = RELAIS_ARENA_INIT(1 << 20);
    struct relais_buf out = RELAIS_BUF_INIT(1 << 16);
    struct relais_error err = RELAIS_ERROR_INIT;
    size_t flags = JSON_REJECT_DUPLICATES | JSON_DECODE_ANY | JSON_ALLOW_NUL;
    struct relais_value *ours =
        relais_value_parse(&arena, (struct relais_slice){json, len}, &err);
    json_t *theirs = json_loadb(json, len, flags, NULL);
    json_t *again;

    if (!theirs) /* integers beyond 64 bits are an error of theirs alone */
        theirs = json_loadb(json, len, flags | JSON_DECODE_INT_AS_REAL, NULL);
    if (!ours != !theirs)
        fail_msg("%s: %.*s", ours ? "only ours takes" : err.text, (int)len, json);
    if (ours) {
        assert_int_equal(relais_value_print(ours, &out), 0);
        again = json_loadb(out.data, out.len, flags, NULL);
        if (!json_equal(again, theirs) && !strpbrk(json, "0123456789"))
            fail_msg("read otherwise: %.*s", (int)len, json);
        json_decref(again);
    }
    json_decref(theirs);
    relais_buf_release(&out);
    relais_arena_release(&arena);
}

static void test_mutated_documents_are_judged_as_jansson_does(void **state)
{
    static const char base[] =
        "{\"a\":[1,-2.5e3,true,false,null,\"t\\u00e9\\n\xc3\xa9\"],\"b\":{\"c\":\"\\ud83d"
        "\\ude00\",\"d\":[]},\"\":0.1}";
    static const char spice[] = "{}[]\",:\\ue0123456789-+.truefalsn \t\n\x01\x80\xc3\xff";
    char json[sizeof(base)];

    expect_jansson(base, sizeof(base) - 1);
    for (int i = 0; i < 40000; i++) {
        size_t len = sizeof(base) - 1;

        memcpy(json, base, sizeof(base));
        for (uint64_t n = random_bits() % 3; n < 3; n++)
            json[random_bits() % len] = spice[random_bits() % (sizeof(spice) - 1)];
        if (random_bits() % 8 == 0)
            len = random_bits() % len;
        json[len] = '\0';
        expect_jansson(json, len);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_invalid_documents_are_refused_with_their_place),
        cmocka_unit_test(test_valid_documents_are_printed_plain_and_canonical),
        cmocka_unit_test(test_kinds_follow_the_text),
        cmocka_unit_test(test_text_keeps_its_nul),
        cmocka_unit_test(test_text_beyond_its_ceiling_is_refused),
        cmocka_unit_test(test_document_beyond_the_arena_is_refused),
        cmocka_unit_test(test_many_members_are_taken_quickly),
        cmocka_unit_test(test_json_string_replaces_what_is_not_utf8),
        cmocka_unit_test(test_every_double_reads_back_as_itself),
        cmocka_unit_test(test_no_number_is_written_as_avro_does),
        cmocka_unit_test(test_mutated_documents_are_judged_as_jansson_does),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
