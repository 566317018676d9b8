#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <inttypes.h>

#include <cmocka.h>

#include "helper_avro.h"
#include "helper_core.h"

static int refused;

static void refuse(const char *path)
{
    struct relais_error err = RELAIS_ERROR_INIT;
    char expect[512];
    size_t len = strlen(path);
    char *text;

    if (len < 5 || strcmp(path + len - 5, ".avsc") != 0)
        return;
    text = helper_read(path, false, &len);
    if (relais_avro_new((struct relais_slice){text, len}, &err))
        fail_msg("%s: accepted", path);
    snprintf(expect, sizeof(expect), "%.*s.error", (int)strlen(path) - 5, path);
    helper_avro_expect(expect, &err);
    free(text);
    refused++;
}

static void test_avro_schema_that_breaks_a_rule_is_refused_where_it_does(void **state)
{
    helper_each(AVRO_DATA "/schemas-invalid", refuse);
    assert_true(refused >= 70);
}

static uint64_t canonical_is(struct relais_slice input, struct relais_slice canonical)
{
    struct relais_error err = RELAIS_ERROR_INIT;
    struct relais_avro *schema = relais_avro_new(input, &err);
    struct relais_buf out = RELAIS_BUF_INIT(1 << 16);
    uint64_t fingerprint;

    if (!schema)
        fail_msg("%.*s: %s", (int)input.len, input.ptr, err.text);
    assert_int_equal(relais_avro_canonical(schema, &out), 0);
    if (!relais_slice_eq(relais_buf_slice(&out), canonical))
        fail_msg("%.*s gives %s", (int)input.len, input.ptr, out.data);
    fingerprint = relais_avro_fingerprint(schema);
    relais_buf_release(&out);
    relais_avro_free(schema);
    return fingerprint;
}

/* Values published with Apache Avro, share/test/data/schema-tests.txt. */
static void test_avro_canonical_form_and_crc_are_those_of_the_norm(void **state)
{
    char *file = helper_read(AVRO_DATA "/canonical.txt", false, NULL);
    char *line = file, *end;
    int count = 0;

    for (; (end = strchr(line, '\n')); line = end + 1, count++) {
        char *input = strchr(line, '\t') + 1, *canonical = strchr(input, '\t') + 1;

        uint64_t fingerprint =
            canonical_is((struct relais_slice){input, (size_t)(canonical - 1 - input)},
                         (struct relais_slice){canonical, (size_t)(end - canonical)});

        assert_int_equal((int64_t)fingerprint, strtoll(line, NULL, 10));
    }
    assert_int_equal(count, 29);
    free(file);
}

static void test_avro_names_take_the_namespace_around_them(void **state)
{
    canonical_is(
        relais_slice_str(
            "{\"type\":\"record\",\"name\":\"A\",\"namespace\":\"a.b\",\"fields\":["
            "{\"name\":\"x\",\"type\":{\"type\":\"enum\",\"name\":\"B\",\"symbols\":[]}},"
            "{\"name\":\"y\",\"type\":\"B\"},{\"name\":\"z\",\"type\":\"a.b.B\"},"
            "{\"name\":\"u\",\"type\":{\"type\":\"fixed\",\"name\":\"B\","
            "\"namespace\":\"\",\"size\":1}},"
            "{\"name\":\"v\",\"type\":{\"type\":\"record\",\"name\":\"c.D\",\"fields\":["
            "{\"name\":\"w\",\"type\":{\"type\":\"fixed\",\"name\":\"E\",\"size\":0}}]}}]"
            "}"),
        relais_slice_str(
            "{\"name\":\"a.b.A\",\"type\":\"record\",\"fields\":["
            "{\"name\":\"x\",\"type\":{\"name\":\"a.b.B\",\"type\":\"enum\",\"symbols\":["
            "]}},"
            "{\"name\":\"y\",\"type\":\"a.b.B\"},{\"name\":\"z\",\"type\":\"a.b.B\"},"
            "{\"name\":\"u\",\"type\":{\"name\":\"B\",\"type\":\"fixed\",\"size\":1}},"
            "{\"name\":\"v\",\"type\":{\"name\":\"c.D\",\"type\":\"record\",\"fields\":["
            "{\"name\":\"w\",\"type\":{\"name\":\"c.E\",\"type\":\"fixed\",\"size\":0}}]}"
            "}]}"));
}

static void test_avro_aliases_are_full_names_of_the_types_namespace(void **state)
{
    struct relais_avro *schema = helper_avro_schema(
        "{\"type\":\"record\",\"name\":\"n.A\",\"aliases\":[\"B\",\"x.C\"],\"fields\":["
        "{\"name\":\"f\",\"type\":\"int\",\"aliases\":[\"g\"]}]}");
    const struct relais_avro_type *root = relais_avro_root(schema);

    assert_int_equal(root->alias_count, 2);
    assert_string_equal(root->aliases[0], "n.B");
    assert_string_equal(root->aliases[1], "x.C");
    assert_int_equal(root->fields[0].alias_count, 1);
    assert_string_equal(root->fields[0].aliases[0], "g");
    relais_avro_free(schema);
}

static void logical_is(const char *text, enum relais_avro_logical logical)
{
    struct relais_avro *schema = helper_avro_schema(text);

    if (relais_avro_root(schema)->logical != logical)
        fail_msg("%s", text);
    relais_avro_free(schema);
}

static void test_avro_logical_type_that_does_not_fit_is_ignored(void **state)
{
    logical_is("{\"type\":\"int\",\"logicalType\":\"date\"}", RELAIS_AVRO_DATE);
    logical_is("{\"type\":\"long\",\"logicalType\":\"date\"}", RELAIS_AVRO_PLAIN);
    logical_is("{\"type\":\"long\",\"logicalType\":\"timestamp-micros\"}",
               RELAIS_AVRO_TIMESTAMP_MICROS);
    logical_is("{\"type\":\"long\",\"logicalType\":\"heure\"}", RELAIS_AVRO_PLAIN);
    logical_is("{\"type\":\"long\",\"logicalType\":7}", RELAIS_AVRO_PLAIN);
    logical_is(
        "{\"type\":\"bytes\",\"logicalType\":\"decimal\",\"precision\":9,\"scale\":2}",
        RELAIS_AVRO_DECIMAL);
    logical_is(
        "{\"type\":\"bytes\",\"logicalType\":\"decimal\",\"precision\":2,\"scale\":3}",
        RELAIS_AVRO_PLAIN);
    logical_is("{\"type\":\"bytes\",\"logicalType\":\"decimal\",\"precision\":0}",
               RELAIS_AVRO_PLAIN);
    logical_is(
        "{\"type\":\"fixed\",\"name\":\"F\",\"size\":4,\"logicalType\":\"decimal\","
        "\"precision\":9}",
        RELAIS_AVRO_DECIMAL);
    logical_is(
        "{\"type\":\"fixed\",\"name\":\"F\",\"size\":4,\"logicalType\":\"decimal\","
        "\"precision\":10}",
        RELAIS_AVRO_PLAIN);
    logical_is(
        "{\"type\":\"fixed\",\"name\":\"F\",\"size\":11,\"logicalType\":\"duration\"}",
        RELAIS_AVRO_PLAIN);
    logical_is("{\"type\":\"fixed\",\"name\":\"F\",\"size\":16,\"logicalType\":\"uuid\"}",
               RELAIS_AVRO_UUID);
}

struct every {
    bool b;
    int32_t i;
    unsigned char f[3];
    int64_t l;
    float r;
    double d;
    struct relais_slice s;
    struct {
        bool set;
        int32_t value;
    } oi;
    struct relais_slice os;
    struct {
        bool set;
        struct relais_array value;
    } oa;
    struct relais_avro_union u;
    const struct every *self;
    const struct every *next;
    int32_t e;
};

static void test_avro_structs_are_laid_out_as_the_compiler_does(void **state)
{
    struct relais_avro *schema = helper_avro_schema(
        "{\"type\":\"record\",\"name\":\"Every\",\"fields\":["
        "{\"name\":\"b\",\"type\":\"boolean\"},{\"name\":\"n\",\"type\":\"null\"},"
        "{\"name\":\"i\",\"type\":\"int\"},"
        "{\"name\":\"f\",\"type\":{\"type\":\"fixed\",\"name\":\"F\",\"size\":3}},"
        "{\"name\":\"l\",\"type\":\"long\"},{\"name\":\"r\",\"type\":\"float\"},"
        "{\"name\":\"d\",\"type\":\"double\"},{\"name\":\"s\",\"type\":\"string\"},"
        "{\"name\":\"oi\",\"type\":[\"null\",\"int\"]},"
        "{\"name\":\"os\",\"type\":[\"bytes\",\"null\"]},"
        "{\"name\":\"oa\",\"type\":[\"null\",{\"type\":\"array\",\"items\":\"int\"}]},"
        "{\"name\":\"u\",\"type\":[\"int\",\"string\",\"null\"]},"
        "{\"name\":\"self\",\"type\":\"Every\"},"
        "{\"name\":\"next\",\"type\":[\"null\",\"Every\"]},"
        "{\"name\":\"e\",\"type\":{\"type\":\"enum\",\"name\":\"E\",\"symbols\":[\"A\"]}}"
        "]}");
    const struct relais_avro_type *root = relais_avro_root(schema);
    static const size_t offsets[] = {
        offsetof(struct every, b),    offsetof(struct every, b) + 1,
        offsetof(struct every, i),    offsetof(struct every, f),
        offsetof(struct every, l),    offsetof(struct every, r),
        offsetof(struct every, d),    offsetof(struct every, s),
        offsetof(struct every, oi),   offsetof(struct every, os),
        offsetof(struct every, oa),   offsetof(struct every, u),
        offsetof(struct every, self), offsetof(struct every, next),
        offsetof(struct every, e),
    };

    assert_int_equal(root->count, sizeof(offsets) / sizeof(*offsets));
    for (uint32_t i = 0; i < root->count; i++)
        if (root->fields[i].offset != offsets[i])
            fail_msg("%s: %u", root->fields[i].name, root->fields[i].offset);
    assert_int_equal(root->size, sizeof(struct every));
    assert_int_equal(root->fields[8].type->value_offset,
                     offsetof(struct every, oi.value) - offsetof(struct every, oi));
    relais_avro_free(schema);
}

static void test_avro_schema_of_null_fields_in_many_records_ends_soon(void **state)
{
    struct relais_buf text = RELAIS_BUF_INIT(RELAIS_AVRO_TEXT_MAX);
    struct relais_error err = RELAIS_ERROR_INIT;

    assert_int_equal(relais_buf_add_str(&text, "["), 0);
    for (int level = 0; level < 3; level++) {
        assert_int_equal(
            relais_buf_printf(&text,
                              "%s{\"type\":\"record\",\"name\":\"R%d\",\"fields\":[",
                              level ? "," : "", level),
            0);
        for (int i = 0; i < 5000; i++) {
            int rc =
                level == 0
                    ? relais_buf_printf(&text, "%s{\"name\":\"f%d\",\"type\":\"null\"}",
                                        i ? "," : "", i)
                    : relais_buf_printf(&text, "%s{\"name\":\"f%d\",\"type\":\"R%d\"}",
                                        i ? "," : "", i, level - 1);

            assert_int_equal(rc, 0);
            if (level == 2 && i == 200)
                break;
        }
        assert_int_equal(relais_buf_add_str(&text, "]}"), 0);
    }
    assert_int_equal(relais_buf_add_str(&text, "]"), 0);
    assert_null(relais_avro_new(relais_buf_slice(&text), &err));
    assert_int_equal(err.code, RELAIS_E_SCHEMA_INVALID);
    relais_buf_release(&text);
}

static void test_avro_text_beyond_1_mib_is_refused(void **state)
{
    size_t len = RELAIS_AVRO_TEXT_MAX + 1;
    char *text = relais_alloc(len);
    struct relais_error err = RELAIS_ERROR_INIT;

    memset(text, ' ', len);
    memcpy(text, "\"int\"", 5);
    assert_null(relais_avro_new((struct relais_slice){text, len}, &err));
    assert_int_equal(err.code, RELAIS_E_SCHEMA_INVALID);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_avro_schema_that_breaks_a_rule_is_refused_where_it_does),
        cmocka_unit_test(test_avro_canonical_form_and_crc_are_those_of_the_norm),
        cmocka_unit_test(test_avro_names_take_the_namespace_around_them),
        cmocka_unit_test(test_avro_aliases_are_full_names_of_the_types_namespace),
        cmocka_unit_test(test_avro_logical_type_that_does_not_fit_is_ignored),
        cmocka_unit_test(test_avro_structs_are_laid_out_as_the_compiler_does),
        cmocka_unit_test(test_avro_schema_of_null_fields_in_many_records_ends_soon),
        cmocka_unit_test(test_avro_text_beyond_1_mib_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
