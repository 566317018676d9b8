#include "schemas/registry_call.h"

#include <stdlib.h>

/* The schema {id}, which some version of some subject still holds, if only softly
 * deleted: messages outlive subjects. NULL: answered. */
static const struct registry_schema *schema_of(struct registry_call *call,
                                               const struct registry_params *params,
                                               int32_t *id_out)
{
    char *end;
    long long id = strtoll(params->number, &end, 10);
    const struct registry_schema *schema = NULL;

    if (params->number[0] < '0' || params->number[0] > '9' || *end) {
        registry_fail(call, 404, "HTTP 404 Not Found");
        return NULL;
    }
    if (id >= 1 && id <= INT32_MAX)
        schema = registry_store_schema(call->store, (int32_t)id);
    for (size_t i = 0; schema; i++) {
        const struct registry_subject *subject = registry_store_at(call->store, i);

        if (!subject)
            break;
        if (registry_store_holds(call->store, subject, schema->identity, true)) {
            *id_out = (int32_t)id;
            return schema;
        }
    }
    registry_fail(call, 40403, "Schema %s not found", params->number);
    return NULL;
}

void registry_schema_get(struct registry_call *call, const struct registry_params *params)
{
    int32_t id;
    const struct registry_schema *schema = schema_of(call, params, &id);
    json_t *body;

    if (!schema)
        return;
    body = json_object();
    json_object_set_new(body, "schema", json_stringn(schema->text.ptr, schema->text.len));
    if (registry_flag(call, "fetchMaxId"))
        json_object_set_new(body, "maxId",
                            json_integer(registry_store_max_id(call->store)));
    registry_reply(call, body);
}

void registry_schema_text(struct registry_call *call,
                          const struct registry_params *params)
{
    int32_t id;
    const struct registry_schema *schema = schema_of(call, params, &id);

    if (!schema)
        return;
    call->status = 200;
    call->text = relais_strndup(schema->text.ptr, schema->text.len);
}

/* Each version that holds schema {id}: `each` makes an item of the answer. */
static void held_by(struct registry_call *call, const struct registry_params *params,
                    json_t *(*item)(const char *subject, int32_t version))
{
    bool deleted = registry_flag(call, "deleted");
    int32_t id;
    json_t *body;

    if (!schema_of(call, params, &id))
        return;
    body = json_array();
    for (size_t i = 0;; i++) {
        const struct registry_subject *subject = registry_store_at(call->store, i);

        if (!subject)
            break;
        for (size_t j = 0; j < subject->version_count; j++) {
            const struct registry_version *v = &subject->versions[j];

            if (v->id == id && (deleted || !v->deleted))
                json_array_append_new(body, item(subject->name, v->version));
        }
    }
    registry_reply(call, body);
}

static json_t *version_item(const char *subject, int32_t version)
{
    return json_pack("{s:s, s:i}", "subject", subject, "version", version);
}

static json_t *subject_item(const char *subject, int32_t version)
{
    return json_string(subject);
}

void registry_schema_versions(struct registry_call *call,
                              const struct registry_params *params)
{
    held_by(call, params, version_item);
}

void registry_schema_subjects(struct registry_call *call,
                              const struct registry_params *params)
{
    held_by(call, params, subject_item);
}

void registry_schema_types(struct registry_call *call,
                           const struct registry_params *params)
{
    registry_reply(call, json_pack("[s]", "AVRO"));
}
