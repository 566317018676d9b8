#include "tests/unit/helper_version.h"

#include "schemas/avro_resolve.h"

#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

struct relais_avro *version_of(const struct relais_contract *contract,
                               const char *without, const char *added)
{
    struct relais_error err = RELAIS_ERROR_INIT;
    json_t *root = json_loadb(contract->text.ptr, contract->text.len, 0, NULL);
    json_t *fields = json_object_get(root, "fields");
    struct relais_avro *version;
    bool found = !without;
    char *text;

    for (size_t i = 0; without && i < json_array_size(fields); i++)
        if (strcmp(json_string_value(json_object_get(json_array_get(fields, i), "name")),
                   without) == 0) {
            assert_int_equal(json_array_remove(fields, i), 0);
            found = true;
        }
    assert_true(found);
    if (added)
        assert_int_equal(json_array_insert_new(fields, 1, json_loads(added, 0, NULL)), 0);
    text = json_dumps(root, JSON_COMPACT);
    version = relais_avro_new(relais_slice_str(text), &err);
    if (!version)
        fail_msg("%s: %s", err.where, err.text);
    free(text);
    json_decref(root);
    return version;
}

void version_encode(const struct relais_contract *contract,
                    const struct relais_avro *version, struct relais_slice value,
                    struct relais_buf *out)
{
    struct relais_error err = RELAIS_ERROR_INIT;
    struct relais_arena arena = RELAIS_ARENA_INIT(1 << 20);
    struct relais_avro_resolution *resolution =
        relais_avro_resolution_new(contract->schema, version, &err);
    void *data = relais_arena_zalloc(&arena, relais_avro_root(version)->size);

    assert_non_null(resolution);
    if (relais_avro_resolve(resolution, value, data, &arena, &err) ||
        relais_avro_encode(version, data, out, NULL, &err))
        fail_msg("%s %s: %s", relais_error_name(err.code), err.where, err.text);
    relais_avro_resolution_free(resolution);
    relais_arena_release(&arena);
}
