#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

#include "helper_avro.h"
#include "helper_core.h"

#define DECODE_MEMORY (1u << 20)

static void refuse(const char *folder)
{
    char path[512];
    struct relais_arena arena = RELAIS_ARENA_INIT(DECODE_MEMORY);
    struct relais_error err = RELAIS_ERROR_INIT;
    struct relais_slice bytes;
    struct relais_avro *schema;
    char *text;
    void *out;

    snprintf(path, sizeof(path), "%s/schema.avsc", folder);
    text = helper_read(path, false, NULL);
    schema = helper_avro_schema(text);
    snprintf(path, sizeof(path), "%s/input.hex", folder);
    bytes = helper_avro_hex(path);
    out = relais_zalloc(relais_avro_root(schema)->size);
    if (relais_avro_decode(schema, bytes, out, &arena, NULL, &err) == 0)
        fail_msg("%s: accepted", folder);
    snprintf(path, sizeof(path), "%s/error", folder);
    helper_avro_expect(path, &err);
    free(out);
    free((char *)bytes.ptr);
    relais_arena_release(&arena);
    relais_avro_free(schema);
    free(text);
}

static void test_avro_hostile_bytes_are_refused_where_they_lie(void **state)
{
    assert_true(helper_each(AVRO_DATA "/invalid", refuse) >= 50);
}

static int decode(struct relais_avro *schema, const char *bytes, size_t len, void *out,
                  struct relais_arena *arena, struct relais_error *err)
{
    return relais_avro_decode(schema, (struct relais_slice){bytes, len}, out, arena, NULL,
                              err);
}

static void test_avro_blocks_with_and_without_size_make_one_array(void **state)
{
    struct relais_avro *schema =
        helper_avro_schema("{\"type\":\"array\",\"items\":\"string\"}");
    struct relais_arena arena = RELAIS_ARENA_INIT(DECODE_MEMORY);
    struct relais_error err = RELAIS_ERROR_INIT;
    struct relais_array out;
    static const char bytes[] = "\x02\x02"
                                "a"
                                "\x03\x08\x02"
                                "b"
                                "\x02"
                                "c"
                                "\x02\x02"
                                "d";
    const struct relais_slice *items;

    assert_int_equal(decode(schema, bytes, sizeof(bytes), &out, &arena, &err), 0);
    assert_int_equal(out.count, 4);
    items = out.items;
    for (int i = 0; i < 4; i++) {
        assert_int_equal(items[i].len, 1);
        assert_int_equal(items[i].ptr[0], "abcd"[i]);
    }
    relais_arena_release(&arena);
    relais_avro_free(schema);
}

static void test_avro_texts_are_views_into_the_bytes(void **state)
{
    struct relais_avro *schema = helper_avro_schema("\"string\"");
    struct relais_arena arena = RELAIS_ARENA_INIT(DECODE_MEMORY);
    struct relais_error err = RELAIS_ERROR_INIT;
    static const char bytes[] = "\x06"
                                "dro";
    struct relais_slice out;

    assert_int_equal(decode(schema, bytes, 4, &out, &arena, &err), 0);
    assert_ptr_equal(out.ptr, bytes + 1);
    assert_int_equal(out.len, 3);
    assert_int_equal(arena.used, 0);
    relais_avro_free(schema);
}

static void test_avro_100000_items_of_no_bytes_are_accepted(void **state)
{
    struct relais_avro *schema =
        helper_avro_schema("{\"type\":\"array\",\"items\":\"null\"}");
    struct relais_arena arena = RELAIS_ARENA_INIT(DECODE_MEMORY);
    struct relais_error err = RELAIS_ERROR_INIT;
    struct relais_array out;

    /* 100,000 in zigzag: 200,000 = c0 9a 0c */
    assert_int_equal(decode(schema, "\xc0\x9a\x0c\x00", 4, &out, &arena, &err), 0);
    assert_int_equal(out.count, RELAIS_AVRO_EMPTY_MAX);
    assert_int_equal(arena.used, 0);
    relais_avro_free(schema);
}

static void test_avro_memory_of_items_stays_below_the_arenas_ceiling(void **state)
{
    struct relais_avro *schema = helper_avro_schema(
        "{\"type\":\"array\",\"items\":[\"null\",{\"type\":\"fixed\",\"name\":\"F\","
        "\"size\":1000000}]}");
    struct relais_arena arena = RELAIS_ARENA_INIT(DECODE_MEMORY);
    struct relais_error err = RELAIS_ERROR_INIT;
    char bytes[12] = "\x14"; /* ten nulls: ten slots of a million bytes */
    struct relais_array out;

    assert_int_equal(decode(schema, bytes, sizeof(bytes), &out, &arena, &err), -1);
    assert_int_equal(err.code, RELAIS_E_AVRO_LIMIT);
    assert_true(arena.used <= DECODE_MEMORY);
    relais_arena_release(&arena);
    relais_avro_free(schema);
}

static void test_avro_field_ends_of_both_ways_agree(void **state)
{
    struct relais_avro *schema = helper_avro_schema(
        "{\"type\":\"record\",\"name\":\"R\",\"fields\":["
        "{\"name\":\"a\",\"type\":\"string\"},{\"name\":\"n\",\"type\":\"null\"},"
        "{\"name\":\"b\",\"type\":{\"type\":\"record\",\"name\":\"S\",\"fields\":["
        "{\"name\":\"c\",\"type\":\"long\"},{\"name\":\"d\",\"type\":\"int\"}]}},"
        "{\"name\":\"e\",\"type\":{\"type\":\"array\",\"items\":\"int\"}}]}");
    struct relais_arena arena = RELAIS_ARENA_INIT(DECODE_MEMORY);
    struct relais_error err = RELAIS_ERROR_INIT;
    struct relais_buf out = RELAIS_BUF_INIT(100);
    static const char bytes[] = "\x04"
                                "ab"
                                "\x80\x02\x05\x02\x08";
    uint32_t ends[4], again[4];
    static const uint32_t want[4] = {3, 3, 6, 9};
    char *data = relais_zalloc(relais_avro_root(schema)->size);

    assert_int_equal(relais_avro_decode(schema, (struct relais_slice){bytes, 9}, data,
                                        &arena, ends, &err),
                     0);
    assert_memory_equal(ends, want, sizeof(want));
    assert_int_equal(relais_buf_add_str(&out, "avant"), 0);
    assert_int_equal(relais_avro_encode(schema, data, &out, again, &err), 0);
    assert_memory_equal(again, want, sizeof(want));
    assert_int_equal(out.len, 5 + 9);
    assert_memory_equal(out.data + 5, bytes, 9);
    relais_buf_release(&out);
    relais_arena_release(&arena);
    free(data);
    relais_avro_free(schema);
}

/* --- the encoder's refusals --- */

static void test_avro_encoding_that_just_fits_the_ceiling_is_made(void **state)
{
    struct relais_avro *schema = helper_avro_schema(
        "{\"type\":\"record\",\"name\":\"R\",\"fields\":["
        "{\"name\":\"a\",\"type\":\"long\"},{\"name\":\"b\",\"type\":\"string\"},"
        "{\"name\":\"c\",\"type\":\"long\"}]}");
    struct {
        int64_t a;
        struct relais_slice b;
        int64_t c;
    } data = {1, {"0123456789", 10}, 2};
    struct relais_error err = RELAIS_ERROR_INIT;

    for (size_t max = 0; max < 40; max++) {
        struct relais_buf out = RELAIS_BUF_INIT(max);
        int rc = relais_avro_encode(schema, &data, &out, NULL, &err);

        assert_int_equal(rc, max < 13 ? -1 : 0);
        assert_int_equal(out.len, max < 13 ? 0 : 13);
        assert_int_equal(err.code, max < 13 ? RELAIS_E_LIMIT : RELAIS_E_OK);
        relais_error_clear(&err);
        relais_buf_release(&out);
    }
    relais_avro_free(schema);
}

static void refuse_struct(const char *text, const void *data, enum relais_code code,
                          const char *where)
{
    struct relais_avro *schema = helper_avro_schema(text);
    struct relais_buf out = RELAIS_BUF_INIT(1000);
    struct relais_error err = RELAIS_ERROR_INIT;

    assert_int_equal(relais_avro_encode(schema, data, &out, NULL, &err), -1);
    assert_int_equal(err.code, code);
    assert_string_equal(err.where, where);
    assert_int_equal(out.len, 0);
    relais_buf_release(&out);
    relais_avro_free(schema);
}

struct node {
    int32_t v;
    const struct node *next;
};

static void test_avro_struct_that_the_schema_cannot_say_is_refused(void **state)
{
    int32_t symbols[] = {1, 0, -1};
    struct relais_array list = {symbols, 3};
    struct relais_avro_union branch = {3, symbols}, empty = {1, NULL};
    struct node loop = {1, NULL};
    char where[96] = "";

    refuse_struct(
        "{\"type\":\"record\",\"name\":\"R\",\"fields\":[{\"name\":\"l\",\"type\":"
        "{\"type\":\"array\",\"items\":{\"type\":\"enum\",\"name\":\"E\","
        "\"symbols\":[\"A\",\"B\"]}}}]}",
        &list, RELAIS_E_FIELD_TYPE, "l[2]");
    refuse_struct("[\"null\",\"int\",\"string\"]", &branch, RELAIS_E_FIELD_TYPE, "");
    refuse_struct("[\"null\",\"int\",\"string\"]", &empty, RELAIS_E_FIELD_TYPE, "");
    loop.next = &loop;
    for (size_t i = 0; i < 19; i++)
        memcpy(where + 5 * i, "next.", 5);
    refuse_struct(
        "{\"type\":\"record\",\"name\":\"N\",\"fields\":["
        "{\"name\":\"v\",\"type\":\"int\"},{\"name\":\"next\",\"type\":[\"null\","
        "\"N\"]}]}",
        &loop, RELAIS_E_LIMIT, where);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_avro_hostile_bytes_are_refused_where_they_lie),
        cmocka_unit_test(test_avro_blocks_with_and_without_size_make_one_array),
        cmocka_unit_test(test_avro_texts_are_views_into_the_bytes),
        cmocka_unit_test(test_avro_100000_items_of_no_bytes_are_accepted),
        cmocka_unit_test(test_avro_memory_of_items_stays_below_the_arenas_ceiling),
        cmocka_unit_test(test_avro_field_ends_of_both_ways_agree),
        cmocka_unit_test(test_avro_encoding_that_just_fits_the_ceiling_is_made),
        cmocka_unit_test(test_avro_struct_that_the_schema_cannot_say_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
