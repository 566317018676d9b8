#include "schemas/registry_identity.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

static void identity(const char *text, struct relais_buf *out)
{
    struct relais_error err = RELAIS_ERROR_INIT;

    assert_int_equal(registry_identity(relais_slice_str(text), out, &err), 0);
}

static bool same(const char *one, const char *other)
{
    struct relais_buf a = RELAIS_BUF_INIT(1 << 16), b = RELAIS_BUF_INIT(1 << 16);
    bool equal;

    identity(one, &a);
    identity(other, &b);
    equal = relais_slice_eq(relais_buf_slice(&a), relais_buf_slice(&b));
    relais_buf_release(&a);
    relais_buf_release(&b);
    return equal;
}

#define N(rest) "{\"type\":\"record\",\"name\":\"N\"," rest "}"

static void test_white_space_and_member_order_do_not_make_another_schema(void **state)
{
    assert_true(same("{ \"name\" : \"N\",\n \"type\":\"record\", \"fields\": [ ] }",
                     N("\"fields\":[]")));
    assert_true(same(N("\"fields\":[{\"name\":\"a\",\"type\":{\"type\":\"string\"}}]"),
                     N("\"fields\":[{\"type\":\"string\",\"name\":\"a\"}]")));
    assert_true(same("\"string\"", "{\"type\":\"string\"}"));
    assert_true(same("{\"type\":{\"type\":\"array\",\"items\":\"int\"}}",
                     "{\"type\":\"array\",\"items\":{\"type\":\"int\"}}"));
}

static void test_what_avro_leaves_out_when_it_reprints_does_not_count(void **state)
{
    assert_true(
        same(N("\"aliases\":[],\"fields\":[{\"name\":\"a\",\"type\":\"int\",\"order\":"
               "\"ascending\",\"aliases\":[]}]"),
             N("\"fields\":[{\"name\":\"a\",\"type\":\"int\"}]")));
    assert_false(
        same(N("\"fields\":[{\"name\":\"a\",\"type\":\"int\",\"order\":\"descending\"}]"),
             N("\"fields\":[{\"name\":\"a\",\"type\":\"int\"}]")));
}

static void test_one_full_name_is_one_name_however_it_is_written(void **state)
{
    assert_true(
        same("{\"type\":\"fixed\",\"name\":\"q.F\",\"size\":2}",
             "{\"type\":\"fixed\",\"name\":\"F\",\"namespace\":\"q\",\"size\":2}"));
    assert_true(
        same("{\"type\":\"fixed\",\"name\":\"q.F\",\"namespace\":\"x\",\"size\":2}",
             "{\"type\":\"fixed\",\"name\":\"F\",\"namespace\":\"q\",\"size\":2}"));
    assert_true(
        same("{\"type\":\"record\",\"name\":\"q.R\",\"aliases\":[\"Old\"],"
             "\"fields\":[{\"name\":\"e\",\"type\":{\"type\":\"enum\",\"name\":"
             "\"E\",\"symbols\":[\"X\"]}},{\"name\":\"f\",\"type\":\"E\"},{"
             "\"name\":\"r\",\"type\":[\"null\",\"q.R\"]}]}",
             "{\"type\":\"record\",\"name\":\"R\",\"namespace\":\"q\",\"aliases\":"
             "[\"q.Old\"],\"fields\":[{\"name\":\"e\",\"type\":{\"type\":\"enum\","
             "\"name\":\"E\",\"namespace\":\"q\",\"symbols\":[\"X\"]}},{\"name\":"
             "\"f\",\"type\":\"q.E\"},{\"name\":\"r\",\"type\":[\"null\",\"R\"]}]}"));
    assert_false(same("{\"type\":\"fixed\",\"name\":\"q.F\",\"size\":2}",
                      "{\"type\":\"fixed\",\"name\":\"F\",\"size\":2}"));
}

static void test_doc_defaults_aliases_and_unknown_attributes_count(void **state)
{
    static const char plain[] = N("\"fields\":[{\"name\":\"a\",\"type\":\"int\"}]");
    static const char *const others[] = {
        N("\"doc\":\"d\",\"fields\":[{\"name\":\"a\",\"type\":\"int\"}]"),
        N("\"aliases\":[\"O\"],\"fields\":[{\"name\":\"a\",\"type\":\"int\"}]"),
        N("\"fields\":[{\"name\":\"a\",\"type\":\"int\",\"default\":0}]"),
        N("\"fields\":[{\"name\":\"a\",\"type\":\"int\",\"relais:code\":\"x\"}]"),
        N("\"fields\":[{\"name\":\"a\",\"type\":{\"type\":\"int\",\"logicalType\":"
          "\"date\"}}]"),
    };

    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
        assert_false(same(plain, others[i]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_white_space_and_member_order_do_not_make_another_schema),
        cmocka_unit_test(test_what_avro_leaves_out_when_it_reprints_does_not_count),
        cmocka_unit_test(test_one_full_name_is_one_name_however_it_is_written),
        cmocka_unit_test(test_doc_defaults_aliases_and_unknown_attributes_count),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
