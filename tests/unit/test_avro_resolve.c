/* What one schema wrote, read as another. */
#include "schemas/avro_json.h"
#include "schemas/avro_resolve.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

#define REC(name, fields)                                                                \
    "{\"type\":\"record\",\"name\":\"" name "\",\"fields\":[" fields "]}"
#define F(name, type)     "{\"name\":\"" name "\",\"type\":" type "}"
#define FD(name, type, d) "{\"name\":\"" name "\",\"type\":" type ",\"default\":" d "}"
#define FA(name, type, a)                                                                \
    "{\"name\":\"" name "\",\"type\":" type ",\"aliases\":[\"" a "\"]}"
#define ENUM(name, symbols)                                                              \
    "{\"type\":\"enum\",\"name\":\"" name "\",\"symbols\":[" symbols "]}"

struct trial {
    const char *writer, *reader, *written, *read; /* read NULL: refused */
};

/* written: Avro JSON of the writer's. */
static void judge(const struct trial *t, enum relais_code expected, const char *where)
{
    struct relais_arena arena = RELAIS_ARENA_INIT(16u << 20);
    struct relais_buf bytes = RELAIS_BUF_INIT(1u << 20), text = RELAIS_BUF_INIT(1u << 20);
    struct relais_error err = RELAIS_ERROR_INIT;
    struct relais_avro *writer = relais_avro_new(relais_slice_str(t->writer), &err);
    struct relais_avro *reader = relais_avro_new(relais_slice_str(t->reader), &err);
    struct relais_avro_resolution *resolution;
    struct relais_value *v;
    void *from, *to;
    int rc;

    if (!writer || !reader)
        fail_msg("%s %s", err.where, err.text);
    resolution = relais_avro_resolution_new(writer, reader, &err);
    assert_non_null(resolution);
    v = relais_value_parse(&arena, relais_slice_str(t->written), &err);
    from = relais_arena_zalloc(&arena, relais_avro_root(writer)->size + 1);
    to = relais_arena_zalloc(&arena, relais_avro_root(reader)->size + 1);
    if (!v || relais_avro_json_bind(writer, v, from, &arena, &err) ||
        relais_avro_encode(writer, from, &bytes, NULL, &err))
        fail_msg("%s: %s %s", t->written, err.where, err.text);
    rc = relais_avro_resolve(resolution, relais_buf_slice(&bytes), to, &arena, &err);
    if (t->read) {
        if (rc || relais_avro_json_print(reader, to, &text, &err))
            fail_msg("%s: %s %s", t->written, err.where, err.text);
        assert_int_equal(relais_buf_add(&text, "", 1), 0);
        assert_string_equal(text.data, t->read);
    } else {
        assert_int_equal(rc, -1);
        assert_int_equal(err.code, expected);
        assert_string_equal(err.where, where);
    }
    for (size_t len = 0; t->read && len < bytes.len; len++) { /* cut anywhere */
        struct relais_error cut = RELAIS_ERROR_INIT;
        struct relais_slice part = {bytes.data, len};

        if (relais_avro_resolve(resolution, part, to, &arena, &cut))
            assert_int_equal(relais_error_class(cut.code), RELAIS_DATA);
    }
    relais_avro_resolution_free(resolution);
    relais_avro_free(writer);
    relais_avro_free(reader);
    relais_buf_release(&bytes);
    relais_buf_release(&text);
    relais_arena_release(&arena);
}

static void test_fields_are_matched_by_name_left_out_and_filled_in(void **state)
{
    static const struct trial trials[] = {
        {REC("R", F("a", "\"int\"") "," F("b", "\"string\"")),
         REC("R", F("b", "\"string\"") "," F("a", "\"int\"")), "{\"a\":1,\"b\":\"x\"}",
         "{\"b\":\"x\",\"a\":1}"},
        {REC("R",
             F("a", "\"int\"") "," F(
                 "m", "{\"type\":\"map\",\"values\":\"bytes\"}") "," F("z", "\"long\"")),
         REC("R", F("z", "\"long\"")), "{\"a\":1,\"m\":{\"k\":\"v\"},\"z\":9}",
         "{\"z\":9}"},
        {REC("R", F("a", "\"int\"")),
         REC("R", FD("n", "[\"null\",\"string\"]", "null") "," F("a", "\"int\"") "," FD(
                      "l", "{\"type\":\"array\",\"items\":\"int\"}",
                      "[1,2]") "," FD("b", "\"bytes\"", "\"\\u00ff\"")),
         "{\"a\":5}", "{\"n\":null,\"a\":5,\"l\":[1,2],\"b\":\"\\u00ff\"}"},
        {REC("R", F("old", "\"int\"")), REC("S", FA("new", "\"int\"", "old")),
         "{\"old\":3}", NULL},
        {REC("R", F("old", "\"int\"")),
         "{\"type\":\"record\",\"name\":\"S\",\"aliases\":[\"R\"],\"fields\":[" FA(
             "new", "\"int\"", "old") "]}",
         "{\"old\":3}", "{\"new\":3}"},
        {"{\"type\":\"record\",\"name\":\"x.R\",\"fields\":[]}",
         "{\"type\":\"record\",\"name\":\"y.R\",\"fields\":[" FD("d", "\"double\"",
                                                                 "1.5") "]}",
         "{}", "{\"d\":1.5}"},
    };

    for (size_t i = 0; i < sizeof(trials) / sizeof(*trials); i++)
        judge(&trials[i], RELAIS_E_SCHEMA_MISMATCH, "");
}

static void test_numbers_and_texts_are_promoted(void **state)
{
    static const struct trial trials[] = {
        {"\"int\"", "\"long\"", "7", "7"},
        {"\"int\"", "\"float\"", "16777217", "16777216.0"},
        {"\"int\"", "\"double\"", "-7", "-7.0"},
        {"\"long\"", "\"float\"", "3", "3.0"},
        {"\"long\"", "\"double\"", "9007199254740993", "9007199254740992.0"},
        {"\"float\"", "\"double\"", "0.5", "0.5"},
        {"\"string\"", "\"bytes\"", "\"\xc3\xa9\"", "\"\\u00c3\\u00a9\""},
        {"\"bytes\"", "\"string\"", "\"a\"", "\"a\""},
    };
    static const struct trial refused[] = {
        {"\"long\"", "\"int\"", "7", NULL},
        {"\"double\"", "\"float\"", "7", NULL},
        {"\"boolean\"", "\"int\"", "true", NULL},
    };
    static const struct trial bad = {"\"bytes\"", "\"string\"", "\"\xc3\xbf\"", NULL};

    for (size_t i = 0; i < sizeof(trials) / sizeof(*trials); i++)
        judge(&trials[i], RELAIS_E_OK, "");
    for (size_t i = 0; i < sizeof(refused) / sizeof(*refused); i++)
        judge(&refused[i], RELAIS_E_SCHEMA_MISMATCH, "");
    judge(&bad, RELAIS_E_AVRO_INVALID, "");
}

static void test_symbols_go_by_name_and_unknown_ones_by_the_default(void **state)
{
    static const char with_default[] =
        "{\"type\":\"enum\",\"name\":\"E\",\"symbols\":[\"B\",\"Z\"],\"default\":\"Z\"}";
    static const struct trial trials[] = {
        {ENUM("E", "\"A\",\"B\""), ENUM("E", "\"B\",\"A\""), "\"A\"", "\"A\""},
        {ENUM("E", "\"A\",\"B\""), with_default, "\"A\"", "\"Z\""},
        {ENUM("E", "\"A\",\"B\""), with_default, "\"B\"", "\"B\""},
        {ENUM("E", "\"A\",\"B\""), ENUM("E", "\"B\""), "\"B\"", "\"B\""},
    };
    static const struct trial refused = {ENUM("E", "\"A\",\"B\""), ENUM("E", "\"B\""),
                                         "\"A\"", NULL};

    for (size_t i = 0; i < sizeof(trials) / sizeof(*trials); i++)
        judge(&trials[i], RELAIS_E_OK, "");
    judge(&refused, RELAIS_E_SCHEMA_MISMATCH, "");
}

/* The first branch that takes the whole of a default. */
static void test_default_of_a_union_is_of_the_branch_that_it_fits(void **state)
{
#define U(branches, d) REC("R", ""), REC("R", FD("z", "[" branches "]", d)), "{}"
#define Q              REC("Q", F("a", "\"int\""))
    static const struct trial trials[] = {
        {U("\"bytes\",\"string\"", "\"\\u00ff\""), "{\"z\":{\"bytes\":\"\\u00ff\"}}"},
        {U("\"bytes\",\"string\"", "\"\\u20ac\""), "{\"z\":{\"string\":\"\u20ac\"}}"},
        {U(Q ",{\"type\":\"map\",\"values\":\"string\"}", "{\"a\":1}"),
         "{\"z\":{\"Q\":{\"a\":1}}}"},
        {U(Q ",{\"type\":\"map\",\"values\":\"string\"}", "{\"a\":\"x\"}"),
         "{\"z\":{\"map\":{\"a\":\"x\"}}}"},
        {U("{\"type\":\"array\",\"items\":\"int\"},\"int\"", "3"), "{\"z\":{\"int\":3}}"},
        {U("\"double\",\"string\"", "\"NaN\""), "{\"z\":{\"string\":\"NaN\"}}"},
    };

    for (size_t i = 0; i < sizeof(trials) / sizeof(*trials); i++)
        judge(&trials[i], RELAIS_E_OK, "");
#undef U
#undef Q
}

static void test_unions_on_either_side_take_the_branch_that_fits(void **state)
{
    static const struct trial trials[] = {
        {"\"int\"", "[\"null\",\"int\"]", "4", "{\"int\":4}"},
        {"\"null\"", "[\"null\",\"int\"]", "null", "null"},
        {"[\"null\",\"int\"]", "[\"long\",\"null\"]", "{\"int\":4}", "{\"long\":4}"},
        {"[\"null\",\"int\"]", "[\"long\",\"null\"]", "null", "null"},
        {"[\"null\",\"string\"]", "[\"null\",\"string\"]", "{\"string\":\"\"}",
         "{\"string\":\"\"}"},
        {"[\"null\",\"int\"]", "\"int\"", "{\"int\":4}", "4"},
        {"[\"int\",\"string\"]", "[\"string\",\"long\",\"boolean\"]", "{\"int\":4}",
         "{\"long\":4}"},
        {"\"int\"", "[\"long\",\"int\"]", "4", "{\"int\":4}"},
        {"[\"int\",\"string\",\"null\"]", "[\"null\",\"string\"]", "{\"string\":\"s\"}",
         "{\"string\":\"s\"}"},
        {REC("R", F("u", "[\"null\"," REC("Q", F("a", "\"int\"")) "]")),
         REC("R", F("u", "[\"null\"," REC(
                             "Q", F("a", "\"long\"") "," FD("b", "\"int\"", "2")) "]")),
         "{\"u\":{\"Q\":{\"a\":1}}}", "{\"u\":{\"Q\":{\"a\":1,\"b\":2}}}"},
    };
    static const struct trial refused[] = {
        {"[\"null\",\"int\"]", "\"int\"", "null", NULL},
        {"[\"int\",\"string\"]", "[\"null\",\"string\"]", "{\"int\":4}", NULL},
    };

    for (size_t i = 0; i < sizeof(trials) / sizeof(*trials); i++)
        judge(&trials[i], RELAIS_E_OK, "");
    for (size_t i = 0; i < sizeof(refused) / sizeof(*refused); i++)
        judge(&refused[i], RELAIS_E_SCHEMA_MISMATCH, "");
}

static void test_records_that_contain_themselves_are_read(void **state)
{
#define LIST(more) REC("L", F("v", "\"int\"") "," F("next", "[\"null\",\"L\"]") more)
    static const struct trial trials[] = {
        {LIST(""), LIST("," FD("x", "\"int\"", "1")),
         "{\"v\":1,\"next\":{\"L\":{\"v\":2,\"next\":null}}}",
         "{\"v\":1,\"next\":{\"L\":{\"v\":2,\"next\":null,\"x\":1}},\"x\":1}"},
        {LIST(""), REC("L", F("v", "\"long\"")),
         "{\"v\":1,\"next\":{\"L\":{\"v\":2,\"next\":null}}}", "{\"v\":1}"},
        {REC("T", F("c", "{\"type\":\"array\",\"items\":\"T\"}")),
         REC("T",
             FD("n", "\"int\"", "0") "," F("c", "{\"type\":\"array\",\"items\":\"T\"}")),
         "{\"c\":[{\"c\":[]},{\"c\":[]}]}",
         "{\"n\":0,\"c\":[{\"n\":0,\"c\":[]},{\"n\":0,\"c\":[]}]}"},
    };

    for (size_t i = 0; i < sizeof(trials) / sizeof(*trials); i++)
        judge(&trials[i], RELAIS_E_OK, "");
}

static void test_what_does_not_fit_is_told_where_it_stands(void **state)
{
    static const struct trial missing = {REC("R", F("a", "\"int\"")),
                                         REC("R", F("b", "\"int\"")), "{\"a\":1}", NULL};
    static const struct trial inside = {
        REC("R", F("l", "{\"type\":\"array\",\"items\":\"string\"}")),
        REC("R", F("l", "{\"type\":\"array\",\"items\":\"int\"}")), "{\"l\":[\"x\"]}",
        NULL};
    static const struct trial never = {
        REC("R", F("l", "{\"type\":\"array\",\"items\":\"string\"}")),
        REC("R", F("l", "{\"type\":\"array\",\"items\":\"int\"}")), "{\"l\":[]}",
        "{\"l\":[]}"};
    static const struct trial fixed = {"{\"type\":\"fixed\",\"name\":\"X\",\"size\":2}",
                                       "{\"type\":\"fixed\",\"name\":\"X\",\"size\":3}",
                                       "\"ab\"", NULL};

    judge(&missing, RELAIS_E_SCHEMA_MISMATCH, "b");
    judge(&inside, RELAIS_E_SCHEMA_MISMATCH, "l[0]");
    judge(&never, RELAIS_E_OK, "");
    judge(&fixed, RELAIS_E_SCHEMA_MISMATCH, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fields_are_matched_by_name_left_out_and_filled_in),
        cmocka_unit_test(test_numbers_and_texts_are_promoted),
        cmocka_unit_test(test_default_of_a_union_is_of_the_branch_that_it_fits),
        cmocka_unit_test(test_symbols_go_by_name_and_unknown_ones_by_the_default),
        cmocka_unit_test(test_unions_on_either_side_take_the_branch_that_fits),
        cmocka_unit_test(test_records_that_contain_themselves_are_read),
        cmocka_unit_test(test_what_does_not_fit_is_told_where_it_stands),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
