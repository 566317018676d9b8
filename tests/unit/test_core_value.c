#include "core/record.h"

#include <stdlib.h>
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

static int setup(void **state)
{
    struct relais_arena *arena = relais_alloc(sizeof(*arena));

    *arena = (struct relais_arena)RELAIS_ARENA_INIT(1 << 20);
    *state = arena;
    return 0;
}

static int teardown(void **state)
{
    relais_arena_release(*state);
    free(*state);
    return 0;
}

static struct relais_value *sample(struct relais_arena *arena)
{
    struct relais_value *rec = relais_value_add(arena, NULL, NULL, RELAIS_VALUE_RECORD);
    struct relais_value *list, *bytes;

    assert_non_null(rec);
    assert_int_equal(
        relais_value_add_string(arena, rec, "prestation", RELAIS_SLICE("RSA")), 0);
    assert_int_equal(relais_value_add_string(arena, rec, "motif", RELAIS_SLICE_NULL), 0);
    assert_int_equal(relais_value_add_long(arena, rec, "montant_centimes", -4), 0);
    assert_int_equal(relais_value_add_bool(arena, rec, "derive", true), 0);
    list = relais_value_add(arena, rec, "jours", RELAIS_VALUE_ARRAY);
    assert_non_null(list);
    assert_int_equal(relais_value_add_day(arena, list, NULL, 20488), 0);
    assert_int_equal(relais_value_add_instant(arena, list, NULL, 1770236863000000), 0);
    bytes = relais_value_add(arena, list, NULL, RELAIS_VALUE_BYTES);
    assert_non_null(bytes);
    bytes->text = RELAIS_SLICE("\x00\xff");
    return rec;
}

#define SAMPLE_JSON                                                                      \
    "{\"prestation\":\"RSA\",\"motif\":null,\"montant_centimes\":-4,\"derive\":true,"    \
    "\"jours\":[\"2026-02-04\",\"2026-02-04T20:27:43.000000Z\",\"AP8=\"]}"

static void expect_json(const struct relais_value *v, const char *json)
{
    struct relais_buf out = RELAIS_BUF_INIT(1 << 20);

    assert_int_equal(relais_value_print(v, &out), 0);
    assert_string_equal(out.data, json);
    relais_buf_release(&out);
}

static void test_tree_is_printed_in_the_form_of_the_contract(void **state)
{
    expect_json(sample(*state), SAMPLE_JSON);
}

static void test_members_are_found_by_name(void **state)
{
    struct relais_value *rec = sample(*state);

    assert_true(relais_slice_is(relais_value_text(rec, "prestation"), "RSA"));
    assert_int_equal(relais_value_get(rec, "montant_centimes")->number, -4);
    assert_int_equal(relais_value_get(rec, "motif")->kind, RELAIS_VALUE_NULL);
    assert_null(relais_value_get(rec, "absent"));
    assert_null(relais_value_get(NULL, "prestation"));
    assert_null(relais_value_get(relais_value_get(rec, "jours"), "prestation"));
    assert_null(relais_value_text(rec, "motif").ptr);
    assert_null(relais_value_text(rec, "derive").ptr);
    assert_int_equal(rec->count, 5);
}

static void test_bytes_are_no_text(void **state)
{
    struct relais_value *rec = relais_value_add(*state, NULL, NULL, RELAIS_VALUE_RECORD);
    struct relais_value *bytes = relais_value_add(*state, rec, "nir", RELAIS_VALUE_BYTES);

    bytes->text = RELAIS_SLICE("x");
    assert_null(relais_value_text(rec, "nir").ptr);
}

static void test_copy_outlives_its_original(void **state)
{
    struct relais_arena first = RELAIS_ARENA_INIT(1 << 20);
    struct relais_value *copy = relais_value_copy(*state, sample(&first));

    relais_arena_release(&first);
    assert_non_null(copy);
    expect_json(copy, SAMPLE_JSON);
}

static void test_full_arena_is_told(void **state)
{
    struct relais_value *rec = sample(*state);
    struct relais_arena small = RELAIS_ARENA_INIT(200);

    assert_null(relais_value_copy(&small, rec));
    while (relais_value_add(&small, NULL, NULL, RELAIS_VALUE_NULL))
        continue;
    assert_int_equal(relais_value_add_long(&small, NULL, NULL, 1), -1);
    assert_int_equal(relais_value_add_bool(&small, NULL, NULL, true), -1);
    assert_int_equal(relais_value_add_string(&small, NULL, NULL, RELAIS_SLICE("x")), -1);
    assert_int_equal(relais_value_add_string(&small, NULL, NULL, RELAIS_SLICE_NULL), -1);
    relais_arena_release(&small);
}

static struct relais_value *nested(struct relais_arena *arena, int depth)
{
    struct relais_value *root = relais_value_add(arena, NULL, NULL, RELAIS_VALUE_ARRAY);
    struct relais_value *v = root;

    for (int i = 1; i < depth; i++)
        v = relais_value_add(arena, v, NULL, RELAIS_VALUE_ARRAY);
    return root;
}

static void test_tree_too_deep_is_neither_printed_nor_copied(void **state)
{
    struct relais_buf out = RELAIS_BUF_INIT(1 << 20);
    struct relais_value *deepest = nested(*state, RELAIS_VALUE_DEPTH_MAX);
    struct relais_value *deeper = nested(*state, RELAIS_VALUE_DEPTH_MAX + 1);

    assert_int_equal(relais_value_print(deepest, &out), 0);
    assert_int_equal(relais_value_print_canonical(deepest, &out), 0);
    assert_non_null(relais_value_copy(*state, deepest));
    assert_int_equal(relais_value_print(deeper, &out), -1);
    assert_int_equal(relais_value_print_canonical(deeper, &out), -1);
    assert_null(relais_value_copy(*state, deeper));
    relais_buf_release(&out);
}

static void test_printing_stops_at_every_ceiling(void **state)
{
    struct relais_value *rec = sample(*state);

    for (size_t max = 0; max < sizeof(SAMPLE_JSON) - 1; max++) {
        struct relais_buf out = RELAIS_BUF_INIT(max);

        assert_int_equal(relais_value_print(rec, &out), -1);
        assert_true(out.len <= max);
        relais_buf_release(&out);
    }
}

static void test_batch_keeps_records_in_order_until_reset(void **state)
{
    struct relais_batch batch;
    struct relais_record *first, *second;

    relais_batch_init(&batch, 1 << 20);
    first = relais_batch_add(&batch);
    second = relais_batch_add(&batch);
    assert_ptr_equal(batch.first, first);
    assert_ptr_equal(first->next, second);
    assert_ptr_equal(batch.last, second);
    assert_null(second->next);
    assert_int_equal(batch.count, 2);
    first->ack = 7;
    relais_batch_reset(&batch);
    assert_null(batch.first);
    assert_int_equal(batch.count, 0);
    first = relais_batch_add(&batch);
    assert_int_equal(first->ack, 0);
    relais_batch_release(&batch);
    relais_batch_release(NULL);
}

static void test_full_batch_is_told(void **state)
{
    struct relais_batch batch;
    size_t count = 0;

    relais_batch_init(&batch, 4096);
    while (relais_batch_add(&batch))
        count++;
    assert_int_equal(batch.count, count);
    assert_true(count > 1);
    relais_batch_release(&batch);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tree_is_printed_in_the_form_of_the_contract),
        cmocka_unit_test(test_members_are_found_by_name),
        cmocka_unit_test(test_bytes_are_no_text),
        cmocka_unit_test(test_copy_outlives_its_original),
        cmocka_unit_test(test_full_arena_is_told),
        cmocka_unit_test(test_tree_too_deep_is_neither_printed_nor_copied),
        cmocka_unit_test(test_printing_stops_at_every_ceiling),
        cmocka_unit_test(test_batch_keeps_records_in_order_until_reset),
        cmocka_unit_test(test_full_batch_is_told),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
