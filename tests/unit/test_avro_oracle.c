/* Our engine against libavro over generated schemas and values, byte for byte both ways.
 * RELAIS_SEED=n repeats a run, RELAIS_ROUNDS=n makes it longer; a failure prints both the
 * round's seed and its schema. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include <avro.h>

#include "schemas/catalog.h"

#define ROUNDS      400
#define VALUES      5
#define ENCODED_MAX (1u << 20)

struct maker {
    uint64_t state;
    struct relais_buf text;
    char names[64][48]; /* full names of types defined */
    int kinds[64];      /* 'r', 'e', 'f'; 'o': a record still open */
    int name_count;
    int budget;
    bool ambiguous; /* a union in which a value alone does not tell the branch */
};

static uint64_t next(uint64_t *state)
{
    uint64_t z = (*state += 0x9e3779b97f4a7c15u); /* splitmix64 */

    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

static int below(uint64_t *state, int n) { return (int)(next(state) % (uint64_t)n); }

static void say(struct maker *m, const char *fmt, ...) RELAIS_PRINTF(2, 3);
static void say(struct maker *m, const char *fmt, ...)
{
    char part[256];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(part, sizeof(part), fmt, ap);
    va_end(ap);
    assert_int_equal(relais_buf_add_str(&m->text, part), 0);
}

static void make_type(struct maker *m, int depth, bool in_union);

static int define(struct maker *m, int kind, const char *word)
{
    int i = m->name_count++;

    snprintf(m->names[i], sizeof(m->names[i]), "fr.n%d.T%d", below(&m->state, 3), i);
    m->kinds[i] = kind;
    say(m, "{\"type\":\"%s\",\"name\":\"%s\"", word, m->names[i]);
    return i;
}

static void make_record(struct maker *m, int depth)
{
    int self = define(m, 'o', "record"), fields = 1 + below(&m->state, 5);

    say(m, ",\"fields\":[");
    for (int i = 0; i < fields; i++) {
        say(m, "%s{\"name\":\"f%d\",\"type\":", i ? "," : "", i);
        if (i && below(&m->state, 6) == 0)
            say(m, "[\"null\",\"%s\"]", m->names[self]);
        else if (i && below(&m->state, 8) == 0)
            say(m, "{\"type\":\"array\",\"items\":\"%s\"}", m->names[self]);
        else
            make_type(m, depth + 1, false);
        say(m, "}");
    }
    say(m, "]}");
    m->kinds[self] = 'r';
}

static void make_union(struct maker *m, int depth)
{
    static const char *const pairs[] = {"\"null\"",   "\"int\"",   "\"string\"",
                                        "\"double\"", "\"bytes\"", "\"boolean\""};
    int shape = below(&m->state, 4);

    if (shape == 0) {
        say(m, "[\"null\",");
        make_type(m, depth + 1, true);
        say(m, "]");
    } else if (shape == 1) {
        say(m, "[");
        make_type(m, depth + 1, true);
        say(m, ",\"null\"]");
    } else {
        int first = below(&m->state, 3), count = 1 + below(&m->state, 3);

        m->ambiguous = true;
        say(m, "[");
        for (int i = 0; i < count; i++)
            say(m, "%s%s", i ? "," : "", pairs[first + i]);
        say(m, ",{\"type\":\"array\",\"items\":\"long\"}]");
    }
}

/* in_union: neither null nor a union. */
static void make_type(struct maker *m, int depth, bool in_union)
{
    static const char *const primitives[] = {"boolean", "int",   "long",   "float",
                                             "double",  "bytes", "string", "null"};
    int choice = below(&m->state, 16);

    if (m->budget-- <= 0 || depth > 6 || m->name_count > 50)
        choice = 15;
    if (choice < 2) {
        make_record(m, depth);
    } else if (choice == 2) {
        int self = define(m, 'e', "enum"), symbols = 1 + below(&m->state, 4);

        say(m, ",\"symbols\":[");
        for (int i = 0; i < symbols; i++)
            say(m, "%s\"S%d_%d\"", i ? "," : "", self, i);
        say(m, "]}");
    } else if (choice == 3) {
        define(m, 'f', "fixed");
        say(m, ",\"size\":%d}", 1 + below(&m->state, 20));
    } else if (choice == 4) {
        say(m, "{\"type\":\"array\",\"items\":");
        make_type(m, depth + 1, false);
        say(m, "}");
    } else if (choice == 5) {
        say(m, "{\"type\":\"map\",\"values\":");
        make_type(m, depth + 1, false);
        say(m, "}");
    } else if (choice < 9 && !in_union) {
        make_union(m, depth);
    } else if (choice == 9 && m->name_count) {
        int i = below(&m->state, m->name_count);

        say(m, "\"%s\"", m->kinds[i] == 'o' ? "string" : m->names[i]);
    } else {
        say(m, "\"%s\"", primitives[below(&m->state, in_union ? 7 : 8)]);
    }
}

/* --- random structs of ours --- */

static struct relais_slice random_text(uint64_t *s, struct relais_arena *arena)
{
    static const char *const pieces[] = {
        "a", "droit", "\xc3\xa9", "\xe2\x82\xac", "\xf0\x9f\x98\x80", "0123456789abcdef",
        " "};
    struct relais_buf buf = RELAIS_BUF_INIT(1 << 16);
    struct relais_slice out;

    for (int n = below(s, below(s, 4) ? 4 : 40); n > 0; n--)
        assert_int_equal(relais_buf_add_str(&buf, pieces[below(s, 7)]), 0);
    out = relais_arena_slice(arena, relais_buf_slice(&buf));
    relais_buf_release(&buf);
    return out;
}

static int64_t random_long(uint64_t *s) { return (int64_t)(next(s)) >> below(s, 64); }

static void fill(uint64_t *s, const struct relais_avro_type *type, void *slot, int depth,
                 struct relais_arena *arena);

static void fill_items(uint64_t *s, const struct relais_avro_type *type,
                       struct relais_array *slot, int depth, struct relais_arena *arena)
{
    size_t count = depth > 7 ? 0 : (size_t)below(s, 4);
    char *items = relais_arena_zalloc(arena, count * type->item_size + 1);

    slot->items = items;
    slot->count = count;
    for (size_t i = 0; i < count; i++) {
        char *item = items + i * type->item_size;

        if (type->kind == RELAIS_AVRO_MAP) {
            *(struct relais_slice *)(void *)item =
                relais_arena_printf(arena, "k%zu-%d", i, below(s, 1000));
            item += type->item_offset;
        }
        fill(s, type->item, item, depth + 1, arena);
    }
}

static void fill_union(uint64_t *s, const struct relais_avro_type *type, void *slot,
                       int depth, struct relais_arena *arena)
{
    int32_t branch = below(s, (int)type->count);
    const struct relais_avro_type *value;

    if (depth > 7 && type->null_branch >= 0)
        branch = type->null_branch;
    value = type->branches[branch];
    if (type->null_branch < 0) {
        struct relais_avro_union *u = slot;
        void *at = relais_arena_zalloc(arena, value->size + 1);

        u->branch = branch;
        u->value = value->kind == RELAIS_AVRO_NULL ? NULL : at;
        fill(s, value, at, depth + 1, arena);
    } else if (value->kind != RELAIS_AVRO_NULL) {
        if (type->value_offset)
            *(bool *)slot = true;
        fill(s, value, (char *)slot + type->value_offset, depth + 1, arena);
    }
}

static void fill(uint64_t *s, const struct relais_avro_type *type, void *slot, int depth,
                 struct relais_arena *arena)
{
    double real = (double)random_long(s) / 3;

    switch (type->kind) {
    case RELAIS_AVRO_NULL:
        break;
    case RELAIS_AVRO_BOOLEAN:
        *(bool *)slot = below(s, 2);
        break;
    case RELAIS_AVRO_INT:
        *(int32_t *)slot = (int32_t)(random_long(s) >> 32) >> below(s, 32);
        break;
    case RELAIS_AVRO_LONG:
        *(int64_t *)slot = random_long(s);
        break;
    case RELAIS_AVRO_FLOAT:
        *(float *)slot = (float)real;
        break;
    case RELAIS_AVRO_DOUBLE:
        *(double *)slot = real;
        break;
    case RELAIS_AVRO_BYTES:
    case RELAIS_AVRO_STRING:
        *(struct relais_slice *)slot = random_text(s, arena);
        break;
    case RELAIS_AVRO_FIXED:
        for (uint32_t i = 0; i < type->count; i++)
            ((unsigned char *)slot)[i] = (unsigned char)next(s);
        break;
    case RELAIS_AVRO_ENUM:
        *(int32_t *)slot = below(s, (int)type->count);
        break;
    case RELAIS_AVRO_ARRAY:
    case RELAIS_AVRO_MAP:
        fill_items(s, type, slot, depth, arena);
        break;
    case RELAIS_AVRO_UNION:
        fill_union(s, type, slot, depth, arena);
        break;
    case RELAIS_AVRO_RECORD:
        if (type->by_pointer) {
            void *inner = relais_arena_zalloc(arena, type->item->size);

            *(const void **)slot = inner;
            fill(s, type->item, inner, depth + 1, arena);
            break;
        }
        for (uint32_t i = 0; i < type->count; i++)
            fill(s, type->fields[i].type, (char *)slot + type->fields[i].offset,
                 depth + 1, arena);
    }
}

/* --- random values of libavro --- */

static void yard_fill(uint64_t *s, avro_value_t *v, int depth)
{
    static char text[64] = "texte de libavro \xc3\xa9\xc3\xa8 0123456789";
    avro_value_t part;
    size_t n = 0;
    char key[24];

    switch (avro_value_get_type(v)) {
    case AVRO_NULL:
        avro_value_set_null(v);
        break;
    case AVRO_BOOLEAN:
        avro_value_set_boolean(v, below(s, 2));
        break;
    case AVRO_INT32:
        avro_value_set_int(v, (int32_t)(random_long(s) >> 32));
        break;
    case AVRO_INT64:
        avro_value_set_long(v, random_long(s));
        break;
    case AVRO_FLOAT:
        avro_value_set_float(v, (float)random_long(s));
        break;
    case AVRO_DOUBLE:
        avro_value_set_double(v, (double)random_long(s));
        break;
    case AVRO_STRING:
        n = (size_t)below(s, 17);
        avro_value_set_string_len(v, text + 17 - n, strlen(text + 17 - n) + 1);
        break;
    case AVRO_BYTES:
        avro_value_set_bytes(v, text, (size_t)below(s, 30));
        break;
    case AVRO_FIXED:
        avro_value_set_fixed(v, text,
                             (size_t)avro_schema_fixed_size(avro_value_get_schema(v)));
        break;
    case AVRO_ENUM:
        avro_value_set_enum(v, 0);
        break;
    case AVRO_ARRAY:
        for (n = depth > 7 ? 0 : (size_t)below(s, 4); n > 0; n--) {
            avro_value_append(v, &part, NULL);
            yard_fill(s, &part, depth + 1);
        }
        break;
    case AVRO_MAP:
        for (n = depth > 7 ? 0 : (size_t)below(s, 4); n > 0; n--) {
            snprintf(key, sizeof(key), "cle%zu", n);
            avro_value_add(v, key, &part, NULL, NULL);
            yard_fill(s, &part, depth + 1);
        }
        break;
    case AVRO_UNION:
        n = avro_schema_union_size(avro_value_get_schema(v));
        avro_value_set_branch(v, below(s, (int)n), &part);
        for (int i = 0; depth > 7 && i < (int)n; i++) {
            avro_value_set_branch(v, i, &part);
            if (avro_value_get_type(&part) == AVRO_NULL)
                break;
        }
        yard_fill(s, &part, depth + 1);
        break;
    default:
        avro_value_get_size(v, &n);
        for (size_t i = 0; i < n; i++) {
            avro_value_get_by_index(v, i, &part, NULL);
            yard_fill(s, &part, depth + 1);
        }
    }
}

static char yard_bytes[ENCODED_MAX];

static struct relais_slice yard_encode(avro_value_t *v)
{
    avro_writer_t w = avro_writer_memory(yard_bytes, sizeof(yard_bytes));
    struct relais_slice out;

    assert_int_equal(avro_value_write(w, v), 0);
    out = (struct relais_slice){yard_bytes, (size_t)avro_writer_tell(w)};
    avro_writer_free(w);
    return out;
}

static bool yard_decode(avro_value_t *v, struct relais_slice bytes)
{
    avro_reader_t r = avro_reader_memory(bytes.ptr, (int64_t)bytes.len);
    int rc = avro_value_read(r, v);

    avro_reader_free(r);
    return rc == 0;
}

static void same(struct relais_slice ours, struct relais_slice yard, const char *what,
                 uint64_t seed, const struct relais_buf *text)
{
    if (relais_slice_eq(ours, yard))
        return;
    fail_msg("%s: bytes differ; RELAIS_SEED=%llu\n%s", what, (unsigned long long)seed,
             text->data);
}

/* Struct -> value -> struct, and struct -> copy: the bytes stay the same. */
static void by_value(const struct relais_avro *schema, const void *data,
                     struct relais_slice bytes, struct relais_arena *arena, uint64_t seed,
                     const struct relais_buf *text)
{
    struct relais_buf again = RELAIS_BUF_INIT(ENCODED_MAX);
    struct relais_error err = RELAIS_ERROR_INIT;
    void *bound = relais_arena_alloc(arena, relais_avro_root(schema)->size + 1);
    const struct relais_value *v = relais_avro_to_value(schema, data, arena, &err);

    if (!v || relais_avro_bind(schema, v, bound, arena, NULL, &err))
        fail_msg("%s %s RELAIS_SEED=%llu\n%s", err.where, err.text,
                 (unsigned long long)seed, text->data);
    assert_int_equal(relais_avro_encode(schema, bound, &again, NULL, &err), 0);
    same(relais_buf_slice(&again), bytes, "through a value", seed, text);
    relais_buf_release(&again);
}

static void by_copy(const struct relais_avro *schema, const void *data,
                    struct relais_slice bytes, struct relais_arena *arena, uint64_t seed,
                    const struct relais_buf *text)
{
    struct relais_buf again = RELAIS_BUF_INIT(ENCODED_MAX);
    struct relais_error err = RELAIS_ERROR_INIT;
    void *copy = relais_avro_copy(schema, data, arena);

    assert_non_null(copy);
    assert_int_equal(relais_avro_encode(schema, copy, &again, NULL, &err), 0);
    same(relais_buf_slice(&again), bytes, "of a copy", seed, text);
    assert_true(relais_avro_equal(relais_avro_root(schema), data, copy));
    relais_buf_release(&again);
}

static void one_value(uint64_t *s, const struct relais_avro *schema,
                      avro_value_iface_t *iface, uint64_t seed, bool ambiguous,
                      const struct relais_buf *text)
{
    struct relais_arena arena = RELAIS_ARENA_INIT(64u << 20);
    struct relais_buf ours = RELAIS_BUF_INIT(ENCODED_MAX);
    struct relais_error err = RELAIS_ERROR_INIT;
    const struct relais_avro_type *root = relais_avro_root(schema);
    void *data = relais_arena_zalloc(&arena, root->size + 1);
    avro_value_t v;

    avro_generic_value_new(iface, &v);
    fill(s, root, data, 0, &arena);
    if (relais_avro_encode(schema, data, &ours, NULL, &err))
        fail_msg("%s %s RELAIS_SEED=%llu\n%s", err.where, err.text,
                 (unsigned long long)seed, text->data);
    assert_true(yard_decode(&v, relais_buf_slice(&ours)));
    same(relais_buf_slice(&ours), yard_encode(&v), "ours, read by libavro", seed, text);
    assert_int_equal(relais_avro_opinion(schema, relais_buf_slice(&ours), &err), 0);
    by_copy(schema, data, relais_buf_slice(&ours), &arena, seed, text);
    if (!ambiguous)
        by_value(schema, data, relais_buf_slice(&ours), &arena, seed, text);

    avro_value_reset(&v);
    yard_fill(s, &v, 0);
    memset(data, 0xa5, root->size);
    if (relais_avro_decode(schema, yard_encode(&v), data, &arena, NULL, &err))
        fail_msg("%s %s RELAIS_SEED=%llu\n%s", err.where, err.text,
                 (unsigned long long)seed, text->data);
    relais_buf_clear(&ours);
    assert_int_equal(relais_avro_encode(schema, data, &ours, NULL, &err), 0);
    same(relais_buf_slice(&ours), yard_encode(&v), "libavro's, read by us", seed, text);
    avro_value_decref(&v);
    relais_buf_release(&ours);
    relais_arena_release(&arena);
}

static void one_round(uint64_t seed)
{
    struct maker m = {.state = seed, .text = RELAIS_BUF_INIT(1 << 20), .budget = 60};
    struct relais_error err = RELAIS_ERROR_INIT;
    struct relais_avro *schema;
    avro_schema_t yard;
    avro_value_iface_t *iface;

    if (below(&m.state, 4))
        make_record(&m, 0);
    else
        make_type(&m, 0, false);
    schema = relais_avro_new(relais_buf_slice(&m.text), &err);
    if (!schema)
        fail_msg("%s %s RELAIS_SEED=%llu\n%s", err.where, err.text,
                 (unsigned long long)seed, m.text.data);
    if (avro_schema_from_json_length(m.text.data, m.text.len, &yard))
        fail_msg("libavro: %s\n%s", avro_strerror(), m.text.data);
    iface = avro_generic_class_from_schema(yard);
    for (int i = 0; i < VALUES; i++)
        one_value(&m.state, schema, iface, seed, m.ambiguous, &m.text);
    avro_value_iface_decref(iface);
    avro_schema_decref(yard);
    relais_avro_free(schema);
    relais_buf_release(&m.text);
}

static void test_avro_generated_values_are_libavros_byte_for_byte(void **state)
{
    const char *seed = getenv("RELAIS_SEED"), *rounds = getenv("RELAIS_ROUNDS");
    uint64_t first = seed ? strtoull(seed, NULL, 10) : 20261125;
    long count = seed ? 1 : rounds ? strtol(rounds, NULL, 10) : ROUNDS;

    for (long i = 0; i < count; i++)
        one_round(first + (uint64_t)i);
}

static void test_avro_contracts_are_encoded_as_libavro_does(void **state)
{
    const struct relais_contract *contract;
    size_t i = 0;

    for (; (contract = relais_catalog_at(i)); i++) {
        struct relais_buf text = RELAIS_BUF_INIT(RELAIS_AVRO_TEXT_MAX);
        avro_schema_t yard;
        avro_value_iface_t *iface;
        uint64_t seed = 1000 * i + 1;

        assert_int_equal(relais_buf_add_slice(&text, contract->text), 0);
        assert_int_equal(avro_schema_from_json_length(text.data, text.len, &yard), 0);
        iface = avro_generic_class_from_schema(yard);
        for (int n = 0; n < 200; n++)
            one_value(&seed, contract->schema, iface, seed, true, &text);
        avro_value_iface_decref(iface);
        avro_schema_decref(yard);
        relais_buf_release(&text);
    }
    assert_true(i >= 6);
}

static void test_avro_opinion_sees_bytes_that_are_not_libavros(void **state)
{
    static const char schema_text[] = "{\"type\":\"array\",\"items\":\"int\"}";
    struct relais_error err = RELAIS_ERROR_INIT;
    struct relais_avro *schema = relais_avro_new(relais_slice_str(schema_text), &err);

    assert_non_null(schema);
    assert_int_equal(
        relais_avro_opinion(schema, (struct relais_slice){"\x02\x08\x00", 3}, &err), 0);
    /* two blocks of one item: the same value, other bytes */
    assert_int_equal(relais_avro_opinion(
                         schema, (struct relais_slice){"\x02\x08\x02\x08\x00", 5}, &err),
                     -1);
    assert_int_equal(err.code, RELAIS_E_OPINION);
    relais_error_clear(&err);
    assert_int_equal(
        relais_avro_opinion(schema, (struct relais_slice){"\x02\x08\x00\x00", 4}, &err),
        -1);
    assert_int_equal(err.code, RELAIS_E_OPINION);
    relais_avro_free(schema);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_avro_generated_values_are_libavros_byte_for_byte),
        cmocka_unit_test(test_avro_contracts_are_encoded_as_libavro_does),
        cmocka_unit_test(test_avro_opinion_sees_bytes_that_are_not_libavros),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
