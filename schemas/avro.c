#include "schemas/avro_plan.h"

#include <stdio.h>
#include <stdlib.h>

/* Text, descriptor and the schema as a value: some 200 bytes a byte of text at worst. */
#define ARENA_MAX (256u << 20)

struct relais_avro *relais_avro_new(struct relais_slice text, struct relais_error *err)
{
    struct relais_avro *schema;

    if (text.len > RELAIS_AVRO_TEXT_MAX) {
        relais_error_set(err, RELAIS_E_SCHEMA_INVALID, NULL, "text longer than 1 MiB");
        return NULL;
    }
    schema = relais_zalloc(sizeof(*schema));
    schema->arena = (struct relais_arena)RELAIS_ARENA_INIT(ARENA_MAX);
    schema->text.ptr = relais_strndup(text.len ? text.ptr : "", text.len);
    schema->text.len = text.len;
    if (relais_avro_parse(schema, err) || relais_avro_compile(schema, err)) {
        relais_avro_free(schema);
        return NULL;
    }
    return schema;
}

void relais_avro_free(struct relais_avro *schema)
{
    if (!schema)
        return;
    relais_avro_plan_release(&schema->plan);
    free(schema->types);
    free((char *)schema->text.ptr);
    relais_arena_release(&schema->arena);
    free(schema);
}

const struct relais_avro_type *relais_avro_root(const struct relais_avro *schema)
{
    return schema->root;
}

struct relais_slice relais_avro_text(const struct relais_avro *schema)
{
    return schema->text;
}

int relais_avro_fail(struct relais_error *err, enum relais_code code,
                     const struct relais_avro_step *steps, size_t step_count,
                     const char *text)
{
    char where[sizeof(err->where)];
    size_t at = 0;

    where[0] = '\0';
    for (size_t i = 0; i < step_count && at < sizeof(where); i++) {
        const struct relais_avro_step *step = &steps[i];
        int n = snprintf(where + at, sizeof(where) - at, "%s%s",
                         at && step->path[0] ? "." : "", step->path);

        at += n > 0 ? (size_t)n : 0;
        if (step->index < 0 || at >= sizeof(where))
            continue;
        n = snprintf(where + at, sizeof(where) - at, "[%lld]", (long long)step->index);
        at += n > 0 ? (size_t)n : 0;
    }
    return relais_error_set(err, code, where, "%s", text);
}
