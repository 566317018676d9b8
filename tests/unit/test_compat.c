/* What a schema can read of what another wrote, and why not. */
#include "schemas/compat.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

#define REC(name, fields)                                                                \
    "{\"type\":\"record\",\"name\":\"" name "\",\"fields\":[" fields "]}"
#define F(name, type)     "{\"name\":\"" name "\",\"type\":" type "}"
#define FD(name, type, d) "{\"name\":\"" name "\",\"type\":" type ",\"default\":" d "}"
#define ENUM(name, symbols, more)                                                        \
    "{\"type\":\"enum\",\"name\":\"" name "\",\"symbols\":[" symbols "]" more "}"
#define FIXED(name, size) "{\"type\":\"fixed\",\"name\":\"" name "\",\"size\":" size "}"
#define ARRAY(items)      "{\"type\":\"array\",\"items\":" items "}"
#define MAP(values)       "{\"type\":\"map\",\"values\":" values "}"

struct trial {
    const char *writer, *reader;
    const char *causes; /* "RULE path;RULE path;" */
};

static struct relais_avro *schema_of(const char *text)
{
    struct relais_error err = RELAIS_ERROR_INIT;
    struct relais_avro *schema = relais_avro_new(relais_slice_str(text), &err);

    if (!schema)
        fail_msg("%s: %s %s", text, err.where, err.text);
    return schema;
}

static void told(const struct relais_compat *report, char *out, size_t out_len)
{
    size_t at = 0;

    out[0] = '\0';
    for (size_t i = 0; i < report->count && at < out_len; i++) {
        const struct relais_compat_cause *cause = &report->causes[i];

        assert_non_null(strstr(cause->text, "older"));
        assert_non_null(strstr(cause->text, "newer"));
        at += (size_t)snprintf(out + at, out_len - at, "%s %s;",
                               relais_compat_rule_name(cause->rule), cause->path);
    }
}

/* Backward with the reader newer, then forward with the reader older: the same causes. */
static void judge(const struct trial *trials, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct relais_compat report = RELAIS_COMPAT_INIT;
        struct relais_error err = RELAIS_ERROR_INIT;
        struct relais_avro *writer = schema_of(trials[i].writer);
        struct relais_avro *reader = schema_of(trials[i].reader);
        const struct relais_avro *one = writer;
        char out[1024];

        assert_int_equal(
            relais_compat_check(reader, &one, 1, RELAIS_COMPAT_BACKWARD, &report, &err),
            0);
        told(&report, out, sizeof(out));
        assert_string_equal(out, trials[i].causes);
        relais_compat_release(&report);
        report = (struct relais_compat)RELAIS_COMPAT_INIT;
        one = reader;
        assert_int_equal(
            relais_compat_check(writer, &one, 1, RELAIS_COMPAT_FORWARD, &report, &err),
            0);
        told(&report, out, sizeof(out));
        assert_string_equal(out, trials[i].causes);
        relais_compat_release(&report);
        relais_avro_free(writer);
        relais_avro_free(reader);
    }
}
#define JUDGE(trials) judge(trials, sizeof(trials) / sizeof((trials)[0]))

static void test_primitives_are_read_as_themselves_or_promoted(void **state)
{
    static const char *const names[] = {"null",  "boolean", "int",   "long",
                                        "float", "double",  "bytes", "string"};
    static const char *const promoted[] = {
        "", "", "long float double", "float double", "double", "", "string", "bytes"};

    for (size_t w = 0; w < 8; w++)
        for (size_t r = 0; r < 8; r++) {
            char writer[32], reader[32];
            bool good = w == r || strstr(promoted[w], names[r]);
            struct trial trial = {writer, reader, good ? "" : "TYPE_MISMATCH schema;"};

            snprintf(writer, sizeof(writer), "\"%s\"", names[w]);
            snprintf(reader, sizeof(reader), "{\"type\":\"%s\"}", names[r]);
            judge(&trial, 1);
        }
}

static void test_a_field_of_the_reader_needs_a_writer_or_a_default(void **state)
{
    static const struct trial trials[] = {
        {REC("R", F("a", "\"int\"")), REC("R", ""), ""},
        {REC("R", ""), REC("R", F("a", "\"int\"")),
         "READER_FIELD_MISSING_DEFAULT_VALUE R.a;"},
        {REC("R", ""), REC("R", FD("a", "\"int\"", "1")), ""},
        {REC("R", F("b", "\"int\"") "," F("a", "\"int\"")),
         REC("R", F("a", "\"long\"") "," F("b", "\"string\"")), "TYPE_MISMATCH R.b;"},
        {REC("R", F("a", "\"int\"")),
         REC("R", "{\"name\":\"b\",\"aliases\":[\"a\"],\"type\":\"double\"}"), ""},
        {REC("R", F("a", "\"int\"")),
         REC("R", F("b", "\"int\"") "," F("c", ENUM("E", "\"X\"", ",\"default\":\"X\""))),
         "READER_FIELD_MISSING_DEFAULT_VALUE R.b;READER_FIELD_MISSING_DEFAULT_VALUE "
         "R.c;"},
    };

    JUDGE(trials);
}

static void test_names_match_without_namespace_or_by_an_alias_in_full(void **state)
{
    static const struct trial trials[] = {
        {REC("x.R", ""), REC("y.R", ""), ""},
        {REC("x.R", ""), REC("y.S", ""), "NAME_MISMATCH S;"},
        {REC("x.R", ""),
         "{\"type\":\"record\",\"name\":\"y.S\",\"aliases\":[\"x.R\"],\"fields\":[]}",
         ""},
        {REC("x.R", ""),
         "{\"type\":\"record\",\"name\":\"y.S\",\"aliases\":[\"R\"],\"fields\":[]}",
         "NAME_MISMATCH S;"},
        {REC("R", F("a", "\"int\"")), REC("S", F("a", "\"string\"")),
         "NAME_MISMATCH S;TYPE_MISMATCH S.a;"},
        {FIXED("F", "2"), FIXED("F", "3"), "FIXED_SIZE_MISMATCH F;"},
        {FIXED("F", "2"), FIXED("G", "3"), "NAME_MISMATCH G;FIXED_SIZE_MISMATCH G;"},
        {FIXED("n.F", "2"), FIXED("F", "2"), ""},
    };

    JUDGE(trials);
}

static void test_an_enum_reads_known_symbols_or_has_a_default(void **state)
{
    static const struct trial trials[] = {
        {ENUM("E", "\"A\",\"B\"", ""), ENUM("E", "\"B\",\"C\",\"A\"", ""), ""},
        {ENUM("E", "\"A\",\"B\"", ""), ENUM("E", "\"B\"", ""), "MISSING_ENUM_SYMBOLS E;"},
        {ENUM("E", "\"A\",\"B\"", ""), ENUM("E", "\"B\"", ",\"default\":\"B\""), ""},
        {ENUM("E", "\"A\",\"B\"", ",\"default\":\"A\""), ENUM("E", "\"B\"", ""),
         "MISSING_ENUM_SYMBOLS E;"},
        {ENUM("E", "\"A\"", ""), ENUM("F", "", ""),
         "NAME_MISMATCH F;MISSING_ENUM_SYMBOLS F;"},
        {"\"string\"", ENUM("E", "\"A\"", ",\"default\":\"A\""), "TYPE_MISMATCH E;"},
    };

    JUDGE(trials);
}

static void test_unions_branch_by_branch(void **state)
{
    static const struct trial trials[] = {
        {"\"int\"", "[\"null\",\"long\"]", ""},
        {"\"int\"", "[\"null\",\"string\"]", "MISSING_UNION_BRANCH schema;"},
        {"[\"int\"]", "\"int\"", ""},
        {"[\"int\",\"string\"]", "\"double\"", "TYPE_MISMATCH schema;"},
        {"[]", "\"int\"", ""},
        {"\"int\"", "[]", "MISSING_UNION_BRANCH schema;"},
        {"[\"null\",\"int\",\"string\"]", "[\"string\",\"null\"]",
         "MISSING_UNION_BRANCH schema;"},
        {"[\"string\",\"bytes\"]", "[\"bytes\"]", ""},
        {"[\"null\"," REC("R", F("a", "\"int\"")) "]",
         "[\"null\"," REC("R", F("b", "\"int\"")) "]", "MISSING_UNION_BRANCH schema;"},
        {ARRAY("[\"int\"]"), ARRAY("\"long\""), ""},
        {ARRAY(MAP("\"int\"")), ARRAY(MAP("\"string\"")), "TYPE_MISMATCH schema[]{};"},
        {MAP("\"int\""), ARRAY("\"int\""), "TYPE_MISMATCH schema;"},
        {"{\"type\":\"int\",\"logicalType\":\"date\"}", "\"int\"", ""},
    };

    JUDGE(trials);
}

static void test_a_union_without_a_branch_says_what_stopped_the_nearest(void **state)
{
    struct relais_compat report = RELAIS_COMPAT_INIT;
    struct relais_error err = RELAIS_ERROR_INIT;
    struct relais_avro *newer = schema_of("[\"null\"," REC("R", F("b", "\"int\"")) "]");
    struct relais_avro *older = schema_of("[\"null\"," REC("R", F("a", "\"int\"")) "]");
    const struct relais_avro *one = older;
    struct relais_buf line = RELAIS_BUF_INIT(4096);

    assert_int_equal(
        relais_compat_check(newer, &one, 1, RELAIS_COMPAT_BACKWARD, &report, &err), 0);
    assert_int_equal(report.total, 1);
    assert_int_equal(relais_compat_line(&report.causes[0], &line), 0);
    assert_string_equal(
        line.data,
        "MISSING_UNION_BRANCH schema: no branch of the union [null, R] of the newer "
        "schema reads record R of the older (schema.b: field b of the newer schema has "
        "no default, and the older schema does not have it)");
    assert_string_equal(report.causes[0].reader, "[null, R]");
    assert_string_equal(report.causes[0].writer, "record R");
    relais_buf_release(&line);
    relais_compat_release(&report);
    relais_avro_free(newer);
    relais_avro_free(older);
}

static void test_records_that_contain_themselves_are_compared_once(void **state)
{
#define LIST(more) REC("L", F("n", "[\"null\",\"L\"]") more)
#define TREE(leaf) REC("T", F("c", ARRAY("\"T\"")) "," F("x", leaf) "," F("y", leaf))
    static const struct trial trials[] = {
        {LIST(""), LIST("," FD("v", "\"int\"", "0")), ""},
        {LIST(""), LIST("," F("v", "\"int\"")),
         "READER_FIELD_MISSING_DEFAULT_VALUE L.v;"},
        {TREE("\"int\""), TREE("\"long\""), ""},
        {TREE("\"int\""), TREE("\"string\""), "TYPE_MISMATCH T.x;TYPE_MISMATCH T.y;"},
        /* what was held good while the outer was open must not be believed after */
        {REC("A",
             F("u", "[" REC("B", F("a", "\"A\"")) ",\"null\"]") "," F("z", "\"int\"")),
         "[" REC("A", F("u", "[" REC("B", F("a", "\"A\"")) ",\"null\"]") "," F(
                          "z", "\"string\"")) ",\"int\"]",
         "MISSING_UNION_BRANCH schema;"},
        {REC("R", F("a", ENUM("E", "\"X\",\"Y\"", "")) "," F("b", "\"E\"")),
         REC("R", F("a", ENUM("E", "\"X\"", "")) "," F("b", "\"E\"")),
         "MISSING_ENUM_SYMBOLS R.a;"},
    };

    JUDGE(trials);
}

static size_t causes_at(enum relais_compat_level level, size_t older_count)
{
    static const char *const texts[] = {
        REC("R", F("a", "\"int\"")), REC("R", F("a", "\"int\"") "," F("b", "\"int\"")),
        REC("R", F("a", "\"int\"") "," F("b", "\"int\"") "," FD("c", "\"int\"", "0"))};
    struct relais_compat report = RELAIS_COMPAT_INIT;
    struct relais_error err = RELAIS_ERROR_INIT;
    struct relais_avro *all[3];
    size_t total;

    for (size_t i = 0; i < 3; i++)
        all[i] = schema_of(texts[i]);
    assert_int_equal(relais_compat_check(all[2], (const struct relais_avro *const *)all,
                                         older_count, level, &report, &err),
                     0);
    total = report.total;
    relais_compat_release(&report);
    for (size_t i = 0; i < 3; i++)
        relais_avro_free(all[i]);
    return total;
}

static void test_levels_choose_directions_and_versions(void **state)
{
    assert_int_equal(causes_at(RELAIS_COMPAT_BACKWARD, 2), 0);
    assert_int_equal(causes_at(RELAIS_COMPAT_BACKWARD_TRANSITIVE, 2), 1);
    assert_int_equal(causes_at(RELAIS_COMPAT_FORWARD, 2), 0);
    assert_int_equal(causes_at(RELAIS_COMPAT_FORWARD_TRANSITIVE, 2), 0);
    assert_int_equal(causes_at(RELAIS_COMPAT_FULL, 2), 0);
    assert_int_equal(causes_at(RELAIS_COMPAT_FULL, 1), 1);
    assert_int_equal(causes_at(RELAIS_COMPAT_FULL_TRANSITIVE, 2), 1);
    assert_int_equal(causes_at(RELAIS_COMPAT_NONE, 2), 0);
    assert_int_equal(causes_at(RELAIS_COMPAT_FULL_TRANSITIVE, 0), 0);
    for (int i = RELAIS_COMPAT_NONE; i <= RELAIS_COMPAT_FULL_TRANSITIVE; i++)
        assert_int_equal(relais_compat_level_parse(
                             relais_compat_level_name((enum relais_compat_level)i)),
                         i);
    assert_int_equal(relais_compat_level_parse("full_Transitive"),
                     RELAIS_COMPAT_FULL_TRANSITIVE);
    assert_int_equal(relais_compat_level_parse("sideways"), RELAIS_COMPAT_UNSET);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_primitives_are_read_as_themselves_or_promoted),
        cmocka_unit_test(test_a_field_of_the_reader_needs_a_writer_or_a_default),
        cmocka_unit_test(test_names_match_without_namespace_or_by_an_alias_in_full),
        cmocka_unit_test(test_an_enum_reads_known_symbols_or_has_a_default),
        cmocka_unit_test(test_unions_branch_by_branch),
        cmocka_unit_test(test_a_union_without_a_branch_says_what_stopped_the_nearest),
        cmocka_unit_test(test_records_that_contain_themselves_are_compared_once),
        cmocka_unit_test(test_levels_choose_directions_and_versions),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
