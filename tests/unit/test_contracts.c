#include "schemas/avro.h"
#include "schemas/codes.h"
#include "schemas/embedded.h"
#include "schemas/keyring.h"
#include "schemas/rules.h"

#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#define TYPES_MAX 64

/* What a walk over every contract's JSON looks at. */
struct walk {
    void (*field)(const char *path, json_t *field);
    void (*type)(const char *path, json_t *type);
};

static void walk_type(const struct walk *walk, const char *path, json_t *type);

static void walk_fields(const struct walk *walk, const char *path, json_t *fields)
{
    json_t *field;
    size_t i;

    json_array_foreach(fields, i, field)
    {
        char below[256];

        snprintf(below, sizeof(below), "%s.%s", path,
                 json_string_value(json_object_get(field, "name")));
        if (walk->field)
            walk->field(below, field);
        walk_type(walk, below, json_object_get(field, "type"));
    }
}

static void walk_type(const struct walk *walk, const char *path, json_t *type)
{
    json_t *branch;
    size_t i;

    json_array_foreach(type, i, branch) walk_type(walk, path, branch);
    if (!json_is_object(type))
        return;
    if (json_object_get(type, "name") && walk->type)
        walk->type(path, type);
    walk_type(walk, path, json_object_get(type, "items"));
    walk_fields(walk, path, json_object_get(type, "fields"));
}

static void walk_all(const struct walk *walk)
{
    for (const struct relais_embedded *e = relais_embedded_schemas; e->name; e++) {
        json_t *root = json_loadb(e->data, e->len, JSON_REJECT_DUPLICATES, NULL);

        assert_non_null(root);
        walk_type(walk, e->name, root);
        json_decref(root);
    }
}

static const char *text_of(json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));

    return text ? text : "";
}

static void test_every_contract_is_an_avro_schema(void **state)
{
    size_t count = 0;

    (void)state;
    for (const struct relais_embedded *e = relais_embedded_schemas; e->name; e++) {
        struct relais_error err = RELAIS_ERROR_INIT;
        struct relais_avro *schema =
            relais_avro_new((struct relais_slice){e->data, e->len}, &err);

        if (!schema)
            fail_msg("%s: %s %s", e->name, err.where, err.text);
        assert_int_equal(relais_avro_root(schema)->kind, RELAIS_AVRO_RECORD);
        relais_avro_free(schema);
        count++;
    }
    assert_int_equal(count, 6);
}

static void test_what_is_built_in_is_the_file_of_the_tree(void **state)
{
    (void)state;
    for (const struct relais_embedded *e = relais_embedded_schemas; e->name; e++) {
        char path[256], *text = malloc(RELAIS_AVRO_TEXT_MAX);
        FILE *in;

        snprintf(path, sizeof(path), "schemas/%s.avsc", e->name);
        in = fopen(path, "rb");
        assert_non_null(in);
        assert_non_null(text);
        assert_int_equal(fread(text, 1, RELAIS_AVRO_TEXT_MAX, in), e->len);
        assert_memory_equal(text, e->data, e->len);
        fclose(in);
        free(text);
    }
}

/* The text of a JSON object that begins at `at`, to its closing brace. */
static struct relais_slice object_text(const char *at)
{
    const char *start = at;
    int depth = 0;

    for (; *at; at++) {
        if (*at == '"')
            for (at++; *at && *at != '"'; at++)
                at += *at == '\\';
        depth += (*at == '{') - (*at == '}');
        if (depth == 0)
            return (struct relais_slice){start, (size_t)(at + 1 - start)};
    }
    fail_msg("object not closed");
    return RELAIS_SLICE_NULL;
}

struct named {
    struct relais_slice head; /* up to the namespace's end: type, name, namespace */
    struct relais_slice text;
};

/* Every named type's text as first met; a later one must be the same, byte for byte. */
static size_t compare_named(struct named *seen, size_t count, const char *text,
                            size_t *again)
{
    const char *at = text;

    while ((at = strstr(at, "{\"type\": \"")) != NULL) {
        const char *end = strchr(at, '\n');
        struct named now = {{at, (size_t)(end - at)}, object_text(at)};
        size_t i = 0;

        at++;
        if (!strstr(now.head.ptr, "\"name\": ") ||
            strstr(now.head.ptr, "\"name\": ") > end ||
            !strstr(now.head.ptr, "\"namespace\": ") ||
            strstr(now.head.ptr, "\"namespace\": ") > end)
            continue;
        while (i < count && !relais_slice_eq(seen[i].head, now.head))
            i++;
        if (i < count) {
            if (!relais_slice_eq(seen[i].text, now.text))
                fail_msg("not the same text: %.*s", (int)now.head.len, now.head.ptr);
            (*again)++;
            continue;
        }
        assert_true(count < TYPES_MAX);
        seen[count++] = now;
    }
    return count;
}

static void test_shared_records_are_the_same_text_everywhere(void **state)
{
    struct named seen[TYPES_MAX];
    size_t count = 0, again = 0;

    (void)state;
    for (const struct relais_embedded *e = relais_embedded_schemas; e->name; e++)
        count = compare_named(seen, count, e->data, &again);
    assert_true(count > 40);
    assert_true(again >= 4 * 3); /* Entete, Nature, Origine in five contracts */
}

struct names {
    char snake[TYPES_MAX][64];
    char full[TYPES_MAX][128];
    size_t count;
};

static struct names names;

/* As the generator names a header: EvenementDroit -> evenement_droit. */
static void snake(const char *name, char *out, size_t out_len)
{
    size_t n = 0;

    for (const char *p = name; *p && n + 2 < out_len; p++) {
        if (*p >= 'A' && *p <= 'Z' && p > name)
            out[n++] = '_';
        out[n++] = (char)(*p >= 'A' && *p <= 'Z' ? *p + 32 : *p);
    }
    out[n] = '\0';
}

static void collect_name(const char *path, json_t *type)
{
    char full[128], low[64];

    snprintf(full, sizeof(full), "%s.%s", text_of(type, "namespace"),
             text_of(type, "name"));
    snake(text_of(type, "name"), low, sizeof(low));
    for (size_t i = 0; i < names.count; i++) {
        if (strcmp(names.full[i], full) == 0)
            return;
        if (strcmp(names.snake[i], low) == 0)
            fail_msg("%s: %s and %s make one header", path, full, names.full[i]);
    }
    assert_true(names.count < TYPES_MAX);
    snprintf(names.full[names.count], sizeof(names.full[0]), "%s", full);
    snprintf(names.snake[names.count++], sizeof(names.snake[0]), "%s", low);
}

static void test_no_two_types_make_the_same_header(void **state)
{
    (void)state;
    names.count = 0;
    walk_all(&(struct walk){.type = collect_name});
    assert_true(names.count > 40);
}

static void check_documented(const char *path, json_t *thing)
{
    if (strlen(text_of(thing, "doc")) < 5)
        fail_msg("%s has no doc", path);
}

static void test_every_field_and_type_is_documented(void **state)
{
    (void)state;
    walk_all(&(struct walk){check_documented, check_documented});
}

static void check_field_name(const char *path, json_t *field)
{
    const char *name = text_of(field, "name");

    if (strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_") != strlen(name))
        fail_msg("%s is not snake_case without accents", path);
}

static void test_field_names_are_snake_case_without_accents(void **state)
{
    (void)state;
    walk_all(&(struct walk){.field = check_field_name});
}

static void check_enum(const char *path, json_t *type)
{
    json_t *symbols = json_object_get(type, "symbols"), *symbol;
    bool listed = false;
    size_t i;

    if (strcmp(text_of(type, "type"), "enum") != 0)
        return;
    json_array_foreach(symbols, i, symbol) listed =
        listed || strcmp(json_string_value(symbol), "INCONNU") == 0;
    if (!listed || strcmp(text_of(type, "default"), "INCONNU") != 0)
        fail_msg("%s: default of the enum is not INCONNU", path);
}

static void test_every_enum_defaults_to_inconnu(void **state)
{
    (void)state;
    walk_all(&(struct walk){.type = check_enum});
}

static void check_nullable(const char *path, json_t *field)
{
    json_t *type = json_object_get(field, "type");
    bool null_first = json_array_size(type) == 2 &&
                      strcmp(json_string_value(json_array_get(type, 0)), "null") == 0;

    if (json_is_array(type) &&
        (!null_first || !json_is_null(json_object_get(field, "default"))))
        fail_msg("%s is not [null, T] with default null", path);
}

static void test_what_may_be_absent_is_null_by_default(void **state)
{
    (void)state;
    walk_all(&(struct walk){.field = check_nullable});
}

static const struct relais_codes *codes;

static void check_list(const char *path, const char *variable)
{
    if (!relais_codes_has(codes, variable))
        fail_msg("%s: no list %s", path, variable);
}

static void check_code(const char *path, json_t *field)
{
    json_t *code = json_object_get(field, "relais:code"),
           *by = json_object_get(field, "relais:codes"), *value;
    const char *unknown = text_of(field, "relais:inconnu"), *key;

    if (!code && !by) {
        if (*unknown)
            fail_msg("%s: relais:inconnu without a list", path);
        return;
    }
    if (strcmp(unknown, "parquer") != 0 && strcmp(unknown, "avertir") != 0)
        fail_msg("%s: relais:inconnu is %s", path, unknown);
    if (code)
        check_list(path, json_string_value(code));
    json_object_foreach(by, key, value) if (strcmp(key, "selon") != 0)
        check_list(path, json_string_value(value));
}

static void test_every_code_has_its_list_and_its_policy(void **state)
{
    struct relais_error err = RELAIS_ERROR_INIT;
    struct relais_codes *built_in = relais_codes_new(NULL, &err);

    (void)state;
    assert_non_null(built_in);
    codes = built_in;
    walk_all(&(struct walk){.field = check_code});
    relais_codes_free(built_in);
}

static void check_rule(const char *path, json_t *field)
{
    json_t *rule = json_object_get(field, "relais:rule");

    if (rule && !relais_rule_find(json_string_value(rule)))
        fail_msg("%s: no rule %s", path, json_string_value(rule));
}

static void test_every_rule_that_is_named_exists(void **state)
{
    (void)state;
    walk_all(&(struct walk){.field = check_rule});
}

static void check_encrypted(const char *path, json_t *field)
{
    json_t *type = json_object_get(field, "type");
    enum relais_usage usage;

    if (!relais_usage_parse(relais_slice_str(text_of(field, "relais:cle")), &usage))
        fail_msg("%s: no key usage", path);
    if (strcmp(json_string_value(json_array_get(type, 1)), "bytes") != 0)
        fail_msg("%s is encrypted and not [null, bytes]", path);
}

static void check_protection(const char *path, json_t *field)
{
    const char *protect = text_of(field, "relais:protect");
    json_t *tags = json_object_get(field, "confluent:tags");
    bool personal =
        tags && strcmp(json_string_value(json_array_get(tags, 0)), "PII") == 0;

    if (personal != (*protect != '\0'))
        fail_msg("%s: PII and protected are not the same", path);
    if (strcmp(protect, "encrypt") == 0)
        check_encrypted(path, field);
    else if (strcmp(protect, "pseudonymise") == 0) {
        const char *genre = text_of(field, "relais:genre");

        if (strlen(genre) != 1 || !strchr("dpm", *genre))
            fail_msg("%s: no genre of pseudonym", path);
    } else if (*protect)
        fail_msg("%s: protected how?", path);
}

static void test_what_names_a_person_is_tagged_and_protected(void **state)
{
    (void)state;
    walk_all(&(struct walk){.field = check_protection});
}

static void check_amount(const char *path, json_t *field)
{
    const char *name = text_of(field, "name");
    json_t *type = json_object_get(field, "type");

    if (!strstr(name, "centimes"))
        return;
    if (json_is_array(type))
        type = json_array_get(type, 1);
    if (strcmp(json_string_value(type) ? json_string_value(type) : "", "long") != 0)
        fail_msg("%s is not a long", path);
}

static void test_amounts_are_long_integers(void **state)
{
    (void)state;
    walk_all(&(struct walk){.field = check_amount});
}

static void test_every_event_begins_with_its_envelope(void **state)
{
    (void)state;
    for (const struct relais_embedded *e = relais_embedded_schemas; e->name; e++) {
        json_t *root = json_loadb(e->data, e->len, 0, NULL);
        json_t *first = json_array_get(json_object_get(root, "fields"), 0);

        if (strcmp(text_of(root, "name"), "Parcage") != 0)
            assert_string_equal(text_of(first, "name"), "entete");
        json_decref(root);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_contract_is_an_avro_schema),
        cmocka_unit_test(test_what_is_built_in_is_the_file_of_the_tree),
        cmocka_unit_test(test_shared_records_are_the_same_text_everywhere),
        cmocka_unit_test(test_no_two_types_make_the_same_header),
        cmocka_unit_test(test_every_field_and_type_is_documented),
        cmocka_unit_test(test_field_names_are_snake_case_without_accents),
        cmocka_unit_test(test_every_enum_defaults_to_inconnu),
        cmocka_unit_test(test_what_may_be_absent_is_null_by_default),
        cmocka_unit_test(test_every_code_has_its_list_and_its_policy),
        cmocka_unit_test(test_every_rule_that_is_named_exists),
        cmocka_unit_test(test_what_names_a_person_is_tagged_and_protected),
        cmocka_unit_test(test_amounts_are_long_integers),
        cmocka_unit_test(test_every_event_begins_with_its_envelope),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
