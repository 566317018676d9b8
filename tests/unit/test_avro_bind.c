#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "helper_avro.h"

#define MEMORY (1u << 22)

static const char household[] =
    "{\"type\":\"record\",\"name\":\"Household\",\"fields\":["
    "{\"name\":\"id\",\"type\":{\"type\":\"string\",\"logicalType\":\"uuid\"}},"
    "{\"name\":\"day\",\"type\":[\"null\",{\"type\":\"int\",\"logicalType\":\"date\"}],"
    "\"default\":null},"
    "{\"name\":\"at\",\"type\":[\"null\",{\"type\":\"long\",\"logicalType\":"
    "\"timestamp-micros\"}],\"default\":null},"
    "{\"name\":\"ms\",\"type\":[\"null\",{\"type\":\"long\",\"logicalType\":"
    "\"timestamp-millis\"}],\"default\":null},"
    "{\"name\":\"state\",\"type\":{\"type\":\"enum\",\"name\":\"State\",\"symbols\":["
    "\"OPEN\","
    "\"SHUT\"]},\"default\":\"SHUT\"},"
    "{\"name\":\"raw\",\"type\":\"bytes\",\"default\":\"\\u00ff\\u0001\"},"
    "{\"name\":\"count\",\"type\":\"int\",\"default\":7},"
    "{\"name\":\"rate\",\"type\":\"double\",\"default\":1},"
    "{\"name\":\"tags\",\"type\":{\"type\":\"map\",\"values\":\"long\"},\"default\":{"
    "\"x\":1}},"
    "{\"name\":\"any\",\"type\":[\"int\",\"string\",\"boolean\"],\"default\":\"un\"},"
    "{\"name\":\"people\",\"type\":{\"type\":\"array\",\"items\":{\"type\":\"record\","
    "\"name\":\"Person\",\"fields\":["
    "{\"name\":\"who\",\"type\":\"string\",\"relais:protect\":\"pseudonymise\","
    "\"relais:genre\":\"p\"},"
    "{\"name\":\"nir\",\"type\":[\"null\",\"bytes\"],\"default\":null,\"relais:clair\":"
    "\"string\",\"relais:protect\":\"encrypt\",\"relais:cle\":\"nir\"},"
    "{\"name\":\"civil\",\"type\":[\"null\",\"bytes\"],\"default\":null,\"relais:clair\":"
    "\"json\",\"relais:protect\":\"encrypt\",\"relais:cle\":\"identite\"}]}},"
    "\"default\":[{\"who\":\"nobody\"}]}]}";

#define ID "\"id\":\"0192f0a4-7f3e-8c1a-9d2b-3f6a5c8e1d20\""

struct fixture {
    struct relais_avro *schema;
    struct relais_arena arena;
    void *data;
};

static int setup(void **state)
{
    struct fixture *f = relais_zalloc(sizeof(*f));

    f->schema = helper_avro_schema(household);
    f->arena = (struct relais_arena)RELAIS_ARENA_INIT(MEMORY);
    f->data = relais_zalloc(relais_avro_root(f->schema)->size);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    relais_arena_release(&f->arena);
    relais_avro_free(f->schema);
    free(f->data);
    free(f);
    return 0;
}

static int bind(struct fixture *f, const char *json,
                const struct relais_avro_visit *visit, struct relais_error *err)
{
    const struct relais_value *v =
        relais_value_parse(&f->arena, relais_slice_str(json), err);

    if (!v)
        fail_msg("%s: %s", json, err->text);
    return relais_avro_bind(f->schema, v, f->data, &f->arena, visit, err);
}

static void gives(struct fixture *f, const char *json, const char *want)
{
    struct relais_error err = RELAIS_ERROR_INIT;
    struct relais_buf out = RELAIS_BUF_INIT(1 << 16);
    const struct relais_value *v;

    if (bind(f, json, NULL, &err))
        fail_msg("%s: %s %s", json, err.where, err.text);
    v = relais_avro_to_value(f->schema, f->data, &f->arena, &err);
    assert_non_null(v);
    assert_int_equal(relais_value_print(v, &out), 0);
    assert_string_equal(out.data, want);
    relais_buf_release(&out);
}

static void refuses(struct fixture *f, const char *json, enum relais_code code,
                    const char *where)
{
    struct relais_error err = RELAIS_ERROR_INIT;

    if (bind(f, json, NULL, &err) == 0)
        fail_msg("%s: accepted", json);
    if (err.code != code || strcmp(err.where, where) != 0)
        fail_msg("%s: %s %s (%s)", json, relais_error_name(err.code), err.where,
                 err.text);
}

static void test_avro_bind_absent_fields_take_their_defaults(void **state)
{
    gives(
        *state, "{" ID "}",
        "{" ID
        ",\"day\":null,\"at\":null,\"ms\":null,\"state\":\"SHUT\",\"raw\":\"/wE=\","
        "\"count\":7,\"rate\":1.0,\"tags\":{\"x\":1},\"any\":\"un\",\"people\":[{\"who\":"
        "\"nobody\",\"nir\":null,\"civil\":null}]}");
}

static void test_avro_bind_reads_the_texts_of_the_json_form(void **state)
{
    gives(*state,
          "{" ID ",\"day\":\"2026-02-04\",\"at\":\"2026-02-04T21:27:43.5+01:00\","
          "\"ms\":\"1969-12-31T23:59:59.999500Z\",\"state\":\"OPEN\",\"raw\":\"AAE=\","
          "\"count\":-1,\"rate\":0.5,\"tags\":{},\"any\":true,\"people\":[]}",
          "{" ID ",\"day\":\"2026-02-04\",\"at\":\"2026-02-04T20:27:43.500000Z\","
          "\"ms\":\"1969-12-31T23:59:59.999000Z\",\"state\":\"OPEN\",\"raw\":\"AAE=\","
          "\"count\":-1,\"rate\":0.5,\"tags\":{},\"any\":true,\"people\":[]}");
}

static void test_avro_bind_takes_days_and_instants_of_connectors(void **state)
{
    struct fixture *f = *state;
    struct relais_error err = RELAIS_ERROR_INIT;
    struct relais_value *v = relais_value_add(&f->arena, NULL, NULL, RELAIS_VALUE_RECORD);
    const struct relais_value *back;

    assert_int_equal(
        relais_value_add_string(&f->arena, v, "id",
                                RELAIS_SLICE("0192f0a4-7f3e-8c1a-9d2b-3f6a5c8e1d20")),
        0);
    assert_int_equal(relais_value_add_instant(&f->arena, v, "at", -1), 0);
    assert_int_equal(relais_value_add_instant(&f->arena, v, "ms", -1), 0);
    assert_int_equal(relais_value_add_day(&f->arena, v, "day", 20488), 0);
    assert_int_equal(relais_avro_bind(f->schema, v, f->data, &f->arena, NULL, &err), 0);
    back = relais_avro_to_value(f->schema, f->data, &f->arena, &err);
    assert_int_equal(relais_value_get(back, "day")->kind, RELAIS_VALUE_DAY);
    assert_int_equal(relais_value_get(back, "day")->number, 20488);
    assert_int_equal(relais_value_get(back, "at")->kind, RELAIS_VALUE_INSTANT);
    assert_int_equal(relais_value_get(back, "at")->number, -1);
    assert_int_equal(relais_value_get(back, "ms")->number, -1000);
}

static void test_avro_bind_says_where_but_never_what(void **state)
{
    struct fixture *f = *state;
    struct relais_error err = RELAIS_ERROR_INIT;

    refuses(f, "{}", RELAIS_E_FIELD_MISSING, "id");
    refuses(f, "{\"id\":null}", RELAIS_E_FIELD_MISSING, "id");
    refuses(f, "{\"id\":\"pas un uuid\"}", RELAIS_E_FIELD_TYPE, "id");
    refuses(f, "{" ID ",\"2920175985002\":1}", RELAIS_E_FIELD_UNKNOWN, "");
    refuses(f, "{" ID ",\"dayz\":1}", RELAIS_E_FIELD_UNKNOWN, "dayz");
    refuses(f, "{" ID ",\"staet\":1}", RELAIS_E_FIELD_UNKNOWN, "staet");
    refuses(f, "{" ID ",\"stan\":1}", RELAIS_E_FIELD_UNKNOWN, "stan");
    refuses(f, "{" ID ",\"dupont\":1}", RELAIS_E_FIELD_UNKNOWN, "");
    refuses(f, "{" ID ",\"day\":\"2026-02-30\"}", RELAIS_E_FIELD_TYPE, "day");
    refuses(f, "{" ID ",\"day\":20000}", RELAIS_E_FIELD_TYPE, "day");
    refuses(f, "{" ID ",\"at\":\"hier\"}", RELAIS_E_FIELD_TYPE, "at");
    refuses(f, "{" ID ",\"at\":1}", RELAIS_E_FIELD_TYPE, "at");
    refuses(f, "{" ID ",\"state\":\"CLOSED\"}", RELAIS_E_FIELD_TYPE, "state");
    refuses(f, "{" ID ",\"state\":1}", RELAIS_E_FIELD_TYPE, "state");
    refuses(f, "{" ID ",\"raw\":\"*\"}", RELAIS_E_FIELD_TYPE, "raw");
    refuses(f, "{" ID ",\"count\":2147483648}", RELAIS_E_FIELD_TYPE, "count");
    refuses(f, "{" ID ",\"count\":1.5}", RELAIS_E_FIELD_TYPE, "count");
    refuses(f, "{" ID ",\"rate\":\"1\"}", RELAIS_E_FIELD_TYPE, "rate");
    refuses(f, "{" ID ",\"tags\":{\"secret\":\"x\"}}", RELAIS_E_FIELD_TYPE, "tags.{}");
    refuses(f, "{" ID ",\"tags\":[]}", RELAIS_E_FIELD_TYPE, "tags");
    refuses(f, "{" ID ",\"any\":[]}", RELAIS_E_FIELD_TYPE, "any");
    refuses(f, "{" ID ",\"people\":{}}", RELAIS_E_FIELD_TYPE, "people");
    refuses(f, "{" ID ",\"people\":[{\"who\":\"a\"},{\"who\":1}]}", RELAIS_E_FIELD_TYPE,
            "people[1].who");
    refuses(f, "{" ID ",\"people\":[{\"who\":\"a\",\"civil\":\"Dupont\"}]}",
            RELAIS_E_FIELD_TYPE, "people[0].civil");
    refuses(f, "[]", RELAIS_E_FIELD_TYPE, "");
    assert_int_equal(bind(f, "{" ID ",\"state\":\"DUPONT\"}", NULL, &err), -1);
    assert_null(strstr(err.text, "DUPONT"));
}

static void test_avro_bind_keeps_clear_texts_for_fields_to_be_sealed(void **state)
{
    struct fixture *f = *state;
    struct relais_error err = RELAIS_ERROR_INIT;
    static const char json[] =
        "{" ID ",\"people\":[{\"who\":\"nir:1\",\"nir\":\"1234567890123\",\"civil\":"
        "{\"prenom\":\"Zo\xc3\xa9\",\"nom\":\"Dupont\",\"vide\":null}}]}";
    const struct relais_array *people;
    const struct relais_slice *person;
    struct relais_buf out = RELAIS_BUF_INIT(1 << 16);
    const struct relais_value *v;

    assert_int_equal(bind(f, json, NULL, &err), 0);
    people =
        (const void *)((char *)f->data + relais_avro_root(f->schema)->fields[10].offset);
    assert_int_equal(people->count, 1);
    person = people->items;
    assert_true(relais_slice_is(person[1], "1234567890123"));
    assert_true(
        relais_slice_is(person[2], "{\"nom\":\"Dupont\",\"prenom\":\"Zo\xc3\xa9\"}"));
    v = relais_avro_to_value(f->schema, f->data, &f->arena, &err);
    assert_int_equal(relais_value_print(relais_value_get(v, "people"), &out), 0);
    assert_string_equal(out.data,
                        "[{\"who\":\"nir:1\",\"nir\":\"1234567890123\",\"civil\":"
                        "{\"nom\":\"Dupont\",\"prenom\":\"Zo\xc3\xa9\"}}]");
    relais_buf_release(&out);
}

static void test_avro_sealed_fields_are_told_as_bytes(void **state)
{
    struct relais_avro *schema = helper_avro_schema(
        "{\"type\":\"record\",\"name\":\"R\",\"fields\":[{\"name\":\"nir\",\"type\":"
        "\"bytes\",\"relais:clair\":\"string\"}]}");
    struct relais_arena arena = RELAIS_ARENA_INIT(MEMORY);
    struct relais_error err = RELAIS_ERROR_INIT;
    struct relais_slice sealed = {"\x01\x00\x01xyz", 6};
    const struct relais_value *v = relais_avro_to_value(schema, &sealed, &arena, &err);

    assert_int_equal(relais_value_get(v, "nir")->kind, RELAIS_VALUE_BYTES);
    assert_true(relais_slice_eq(relais_value_get(v, "nir")->text, sealed));
    relais_arena_release(&arena);
    relais_avro_free(schema);
}

struct seen {
    struct relais_buf log;
    struct relais_arena *arena;
};

static int visit(void *user, const struct relais_avro_field *field,
                 const struct relais_avro_place *place, const struct relais_value **v,
                 struct relais_error *err)
{
    struct seen *seen = user;
    struct relais_value *other;
    char path[RELAIS_AVRO_PATH_MAX];

    assert_int_equal(relais_avro_path(place, path, err), 0);
    assert_int_equal(relais_buf_printf(&seen->log, "%s ", path), 0);
    if (!field->genre)
        return 0;
    if (relais_slice_is((*v)->text, "interdit"))
        return relais_error_set(err, RELAIS_E_FIELD_RULE, NULL, "rule");
    other = relais_value_add(seen->arena, NULL, NULL, RELAIS_VALUE_STRING);
    other->text = RELAIS_SLICE("p1-pseudonyme");
    *v = other;
    return 0;
}

static void test_avro_bind_shows_each_value_given_and_takes_the_one_put(void **state)
{
    struct fixture *f = *state;
    struct relais_error err = RELAIS_ERROR_INIT;
    struct seen seen = {RELAIS_BUF_INIT(1 << 16), &f->arena};
    struct relais_avro_visit visitor = {visit, &seen};
    const struct relais_array *people;

    assert_int_equal(
        bind(f,
             "{\"people\":[{\"nir\":\"1\",\"who\":\"nir:1\"},{\"who\":\"nir:2\"}],"
             "\"day\":null," ID "}",
             &visitor, &err),
        0);
    /* in the contract's order, neither nulls nor defaults nor what carries nothing */
    assert_string_equal(seen.log.data, "people.who people.nir people.who ");
    people =
        (const void *)((char *)f->data + relais_avro_root(f->schema)->fields[10].offset);
    assert_true(
        relais_slice_is(*(const struct relais_slice *)people->items, "p1-pseudonyme"));
    assert_int_equal(bind(f,
                          "{" ID ",\"people\":[{\"who\":\"a\"},{\"who\":\"interdit\"}]}",
                          &visitor, &err),
                     -1);
    assert_int_equal(err.code, RELAIS_E_FIELD_RULE);
    assert_string_equal(err.where, "people[1].who");
    relais_buf_release(&seen.log);
}

static int seal(void *user, const struct relais_avro_field *field,
                const struct relais_avro_place *place, struct relais_slice *slot,
                struct relais_error *err)
{
    char path[RELAIS_AVRO_PATH_MAX];

    assert_int_equal(relais_avro_path(place, path, err), 0);
    assert_int_equal(relais_buf_printf(user, "%s=%.*s ", path, (int)slot->len, slot->ptr),
                     0);
    assert_int_equal(field->protect, RELAIS_AVRO_ENCRYPT);
    *slot = RELAIS_SLICE("sealed");
    return 0;
}

static void test_avro_encrypted_walks_a_copy_and_leaves_the_first_alone(void **state)
{
    struct fixture *f = *state;
    struct relais_error err = RELAIS_ERROR_INIT;
    struct relais_buf log = RELAIS_BUF_INIT(1 << 16);
    static const char json[] = "{" ID ",\"people\":[{\"who\":\"a\",\"nir\":\"1\"},"
                               "{\"who\":\"b\",\"nir\":\"2\"}]}";
    void *copy;

    assert_int_equal(bind(f, json, NULL, &err), 0);
    copy = relais_avro_copy(f->schema, f->data, &f->arena);
    assert_non_null(copy);
    assert_int_equal(relais_avro_encrypted(f->schema, copy, seal, &log, &err), 0);
    assert_string_equal(log.data, "people.nir=1 people.nir=2 ");
    relais_buf_clear(&log);
    assert_int_equal(relais_avro_encrypted(f->schema, copy, seal, &log, &err), 0);
    assert_string_equal(log.data, "people.nir=sealed people.nir=sealed ");
    relais_buf_clear(&log);
    assert_int_equal(relais_avro_encrypted(f->schema, f->data, seal, &log, &err), 0);
    assert_string_equal(log.data, "people.nir=1 people.nir=2 ");
    relais_buf_release(&log);
}

static void test_avro_path_has_a_ceiling(void **state)
{
    char outer[RELAIS_AVRO_PATH_MAX], path[RELAIS_AVRO_PATH_MAX];
    struct relais_avro_place in = {NULL, outer}, place = {&in, "nir"};
    struct relais_error err = RELAIS_ERROR_INIT;
    size_t most = sizeof(path) - sizeof(".nir");

    (void)state;
    memset(outer, 'a', sizeof(outer));
    outer[most] = '\0';
    assert_int_equal(relais_avro_path(&place, path, &err), 0);
    assert_int_equal(strlen(path), sizeof(path) - 1);
    assert_string_equal(path + most, ".nir");
    outer[most] = 'a';
    for (size_t len = most + 1; len < sizeof(outer); len++) {
        outer[len] = '\0';
        relais_error_clear(&err);
        assert_int_equal(relais_avro_path(&place, path, &err), -1);
        assert_int_equal(err.code, RELAIS_E_LIMIT);
        outer[len] = 'a';
    }
}

static void
test_avro_encrypted_reaches_lists_unions_and_records_in_themselves(void **state)
{
    struct relais_avro *schema = helper_avro_schema(
        "{\"type\":\"record\",\"name\":\"N\",\"fields\":["
        "{\"name\":\"list\",\"type\":[\"null\",{\"type\":\"array\","
        "\"items\":\"string\"}],"
        "\"relais:protect\":\"encrypt\",\"default\":null},"
        "{\"name\":\"any\",\"type\":[\"int\",\"string\",\"null\"],\"relais:"
        "protect\":\"encrypt\","
        "\"default\":null},"
        "{\"name\":\"next\",\"type\":[\"null\",\"N\"],\"default\":null}]}");
    struct relais_arena arena = RELAIS_ARENA_INIT(MEMORY);
    struct relais_error err = RELAIS_ERROR_INIT;
    struct relais_buf log = RELAIS_BUF_INIT(1 << 16);
    const struct relais_value *v = relais_value_parse(
        &arena,
        RELAIS_SLICE(
            "{\"list\":[\"a\",\"b\"],\"next\":{\"any\":\"c\",\"next\":{\"any\":1}}}"),
        &err);
    void *data = relais_zalloc(relais_avro_root(schema)->size);

    assert_int_equal(relais_avro_bind(schema, v, data, &arena, NULL, &err), 0);
    assert_int_equal(relais_avro_encrypted(schema, data, seal, &log, &err), 0);
    assert_string_equal(log.data, "list=a list=b next.any=c ");
    relais_buf_release(&log);
    relais_arena_release(&arena);
    free(data);
    relais_avro_free(schema);
}

static void test_avro_bind_picks_the_first_branch_that_fits(void **state)
{
    struct relais_avro *schema =
        helper_avro_schema("[\"null\",\"int\",\"long\",{\"type\":\"enum\",\"name\":\"E\","
                           "\"symbols\":[\"A\"]},"
                           "\"string\",{\"type\":\"record\",\"name\":\"P\",\"fields\":[{"
                           "\"name\":\"x\",\"type\":"
                           "\"int\"}]},{\"type\":\"record\",\"name\":\"Q\",\"fields\":[{"
                           "\"name\":\"x\",\"type\":"
                           "\"int\"},{\"name\":\"y\",\"type\":\"int\",\"default\":3}]},"
                           "{\"type\":\"map\",\"values\":\"int\"}]");
    static const struct {
        const char *json;
        int32_t branch;
    } cases[] = {
        {"null", 0},  {"5", 1},         {"5000000000", 2},        {"\"A\"", 3},
        {"\"B\"", 4}, {"{\"x\":1}", 5}, {"{\"x\":1,\"y\":2}", 6}, {"{\"z\":1}", 7},
    };
    struct relais_arena arena = RELAIS_ARENA_INIT(MEMORY);
    struct relais_error err = RELAIS_ERROR_INIT;
    struct relais_avro_union out;

    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        const struct relais_value *v =
            relais_value_parse(&arena, relais_slice_str(cases[i].json), &err);

        if (relais_avro_bind(schema, v, &out, &arena, NULL, &err))
            fail_msg("%s: %s", cases[i].json, err.text);
        if (out.branch != cases[i].branch)
            fail_msg("%s: branch %d", cases[i].json, out.branch);
    }
    relais_arena_release(&arena);
    relais_avro_free(schema);
}

static void test_avro_fixed_uuid_is_a_text_in_the_json_form(void **state)
{
    struct relais_avro *schema = helper_avro_schema(
        "{\"type\":\"fixed\",\"name\":\"U\",\"size\":16,\"logicalType\":\"uuid\"}");
    struct relais_arena arena = RELAIS_ARENA_INIT(MEMORY);
    struct relais_error err = RELAIS_ERROR_INIT;
    const struct relais_value *v = relais_value_parse(
        &arena, RELAIS_SLICE("\"0192f0a4-7f3e-8c1a-9d2b-3f6a5c8e1d20\""), &err);
    unsigned char out[16];

    assert_int_equal(relais_avro_bind(schema, v, out, &arena, NULL, &err), 0);
    assert_int_equal(out[0], 0x01);
    assert_int_equal(out[15], 0x20);
    v = relais_avro_to_value(schema, out, &arena, &err);
    assert_true(relais_slice_is(v->text, "0192f0a4-7f3e-8c1a-9d2b-3f6a5c8e1d20"));
    relais_arena_release(&arena);
    relais_avro_free(schema);
}

static void test_avro_bind_into_a_full_arena_is_an_error(void **state)
{
    struct fixture *f = *state;
    struct relais_arena small = RELAIS_ARENA_INIT(64);
    struct relais_error err = RELAIS_ERROR_INIT;
    const struct relais_value *v = relais_value_parse(
        &f->arena,
        RELAIS_SLICE("{" ID
                     ",\"people\":[{\"who\":\"a\"},{\"who\":\"b\"},{\"who\":\"c\"}]}"),
        &err);

    assert_int_equal(relais_avro_bind(f->schema, v, f->data, &small, NULL, &err), -1);
    assert_int_equal(err.code, RELAIS_E_LIMIT);
    relais_error_clear(&err);
    assert_int_equal(relais_avro_bind(f->schema, v, f->data, &f->arena, NULL, &err), 0);
    assert_null(relais_avro_to_value(f->schema, f->data, &small, &err));
    assert_int_equal(err.code, RELAIS_E_LIMIT);
    assert_null(relais_avro_copy(f->schema, f->data, &small));
    relais_arena_release(&small);
}

/* What came next the last time is only a guess. */
static void test_avro_bind_takes_members_in_any_order(void **state)
{
    const char *members[] = {ID, "\"count\":3", "\"state\":\"OPEN\"", "\"any\":true"};
    struct relais_error err = RELAIS_ERROR_INIT;
    struct relais_buf want = RELAIS_BUF_INIT(1 << 12);
    const struct relais_value *v;
    char json[400];

    for (int round = 0; round < 2; round++)
        for (int order = 0; order < 256; order++) {
            int i[4] = {order & 3, order >> 2 & 3, order >> 4 & 3, order >> 6};

            if (i[0] == i[1] || i[0] == i[2] || i[0] == i[3] || i[1] == i[2] ||
                i[1] == i[3] || i[2] == i[3])
                continue;
            snprintf(json, sizeof(json), "{%s,%s,%s,%s}", members[i[0]], members[i[1]],
                     members[i[2]], members[i[3]]);
            if (!want.len) {
                assert_int_equal(bind(*state, json, NULL, &err), 0);
                v = relais_avro_to_value(((struct fixture *)*state)->schema,
                                         ((struct fixture *)*state)->data,
                                         &((struct fixture *)*state)->arena, &err);
                assert_int_equal(relais_value_print(v, &want), 0);
            }
            gives(*state, json, want.data);
            snprintf(json, sizeof(json), "{%s,%s,\"countx\":1}", members[i[0]],
                     members[i[1]]);
            refuses(*state, json, RELAIS_E_FIELD_UNKNOWN, "countx");
        }
    relais_buf_release(&want);
}

#define WITH(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH(test_avro_bind_absent_fields_take_their_defaults),
        WITH(test_avro_bind_reads_the_texts_of_the_json_form),
        WITH(test_avro_bind_takes_days_and_instants_of_connectors),
        WITH(test_avro_bind_says_where_but_never_what),
        WITH(test_avro_bind_keeps_clear_texts_for_fields_to_be_sealed),
        cmocka_unit_test(test_avro_sealed_fields_are_told_as_bytes),
        WITH(test_avro_bind_shows_each_value_given_and_takes_the_one_put),
        WITH(test_avro_encrypted_walks_a_copy_and_leaves_the_first_alone),
        cmocka_unit_test(
            test_avro_encrypted_reaches_lists_unions_and_records_in_themselves),
        cmocka_unit_test(test_avro_path_has_a_ceiling),
        cmocka_unit_test(test_avro_bind_picks_the_first_branch_that_fits),
        cmocka_unit_test(test_avro_fixed_uuid_is_a_text_in_the_json_form),
        WITH(test_avro_bind_into_a_full_arena_is_an_error),
        WITH(test_avro_bind_takes_members_in_any_order),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
