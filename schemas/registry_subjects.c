#include "schemas/registry_call.h"

void registry_subjects(struct registry_call *call, const struct registry_params *params)
{
    const char *encoded = call->query(call->user, "subjectPrefix");
    bool only = registry_flag(call, "deletedOnly");
    bool deleted = only || registry_flag(call, "deleted");
    char prefix[REGISTRY_SUBJECT_MAX + 1] = "";
    json_t *body;

    if (encoded && !registry_decode(encoded, strlen(encoded), prefix, sizeof(prefix))) {
        registry_fail(call, 42208, "The specified prefix is not a valid subject");
        return;
    }
    body = json_array();
    for (size_t i = 0;; i++) {
        const struct registry_subject *subject = registry_store_at(call->store, i);

        if (!subject)
            break;
        if (registry_subject_shown(subject, deleted) &&
            !(only && registry_subject_shown(subject, false)) &&
            strncmp(subject->name, prefix, strlen(prefix)) == 0)
            json_array_append_new(body, json_string(subject->name));
    }
    registry_reply(call, body);
}

void registry_versions(struct registry_call *call, const struct registry_params *params)
{
    const struct registry_subject *subject =
        registry_store_subject(call->store, params->subject);
    bool only = registry_flag(call, "deletedOnly");
    bool deleted = only || registry_flag(call, "deleted");
    json_t *body;

    if (!registry_subject_shown(subject, deleted)) {
        registry_fail(call, 40401, "Subject '%s' not found.", params->subject);
        return;
    }
    body = json_array();
    for (size_t i = 0; i < subject->version_count; i++) {
        const struct registry_version *v = &subject->versions[i];

        if (only ? v->deleted : deleted || !v->deleted)
            json_array_append_new(body, json_integer(v->version));
    }
    registry_reply(call, body);
}

/* A version as it is shown; `schemaType` is left out for AVRO, as clients expect. */
static void reply_version(struct registry_call *call,
                          const struct registry_subject *subject,
                          const struct registry_version *v)
{
    struct relais_slice text = registry_store_schema(call->store, v->id)->text;
    json_t *body = json_pack("{s:s, s:i, s:i}", "subject", subject->name, "version",
                             v->version, "id", v->id);

    json_object_set_new(body, "schema", json_stringn(text.ptr, text.len));
    if (v->deleted)
        json_object_set_new(body, "deleted", json_true());
    registry_reply(call, body);
}

void registry_version_get(struct registry_call *call,
                          const struct registry_params *params)
{
    const struct registry_subject *subject;
    const struct registry_version *v =
        registry_version_of(call, params, registry_flag(call, "deleted"), &subject);

    if (v)
        reply_version(call, subject, v);
}

void registry_version_schema(struct registry_call *call,
                             const struct registry_params *params)
{
    const struct registry_subject *subject;
    const struct registry_version *v =
        registry_version_of(call, params, registry_flag(call, "deleted"), &subject);
    struct relais_slice text;

    if (!v)
        return;
    text = registry_store_schema(call->store, v->id)->text;
    call->status = 200;
    call->text = relais_strndup(text.ptr, text.len);
}

void registry_version_referencedby(struct registry_call *call,
                                   const struct registry_params *params)
{
    const struct registry_subject *subject;

    if (registry_version_of(call, params, false, &subject))
        registry_reply(call, json_array());
}

/* The schema of a register or lookup body; false: answered. */
static bool sent_schema(struct registry_call *call, struct registry_sent *sent)
{
    json_t *body = registry_body(call);
    char reason[512];
    int code;

    *sent = (struct registry_sent){.body = NULL};
    if (!body)
        return false;
    if (registry_sent_read(sent, body, &code, reason, sizeof(reason)))
        return true;
    registry_fail(call, code, "%s", reason);
    return false;
}

static void register_new(struct registry_call *call, const char *name,
                         const struct registry_subject *subject,
                         const struct registry_sent *sent)
{
    struct relais_error err = RELAIS_ERROR_INIT;
    char reason[512];
    int32_t id, version;

    if (json_integer_value(json_object_get(sent->body, "id")) > 0)
        registry_fail(call, 42205, "Subject '%s' is not in import mode", name);
    else if (subject &&
             !registry_compatible(call, subject, sent->schema, reason, sizeof(reason)))
        registry_fail(call, 40901,
                      "Schema being registered is incompatible with an earlier schema "
                      "for subject \"%s\", details: %s",
                      name, reason);
    else if (registry_store_register(call->store, name, sent->text, sent->identity, &id,
                                     &version, &err))
        registry_fail_store(call, &err);
    else
        registry_reply(call, json_pack("{s:i}", "id", id));
}

void registry_register(struct registry_call *call, const struct registry_params *params)
{
    const struct registry_subject *subject =
        registry_store_subject(call->store, params->subject);
    const struct registry_version *held;
    struct registry_sent sent;

    if (sent_schema(call, &sent)) {
        held = subject ? registry_store_holds(call->store, subject, sent.identity, false)
                       : NULL;
        if (held)
            registry_reply(call, json_pack("{s:i}", "id", held->id));
        else
            register_new(call, params->subject, subject, &sent);
    }
    registry_sent_release(&sent);
}

void registry_lookup(struct registry_call *call, const struct registry_params *params)
{
    bool deleted = registry_flag(call, "deleted");
    const struct registry_subject *subject =
        registry_store_subject(call->store, params->subject);
    const struct registry_version *held;
    struct registry_sent sent;

    if (!registry_subject_shown(subject, deleted)) {
        registry_fail(call, 40401, "Subject '%s' not found.", params->subject);
        return;
    }
    if (sent_schema(call, &sent)) {
        held = registry_store_holds(call->store, subject, sent.identity, deleted);
        if (held)
            reply_version(call, subject, held);
        else
            registry_fail(call, 40403, "Schema not found");
    }
    registry_sent_release(&sent);
}

void registry_subject_delete(struct registry_call *call,
                             const struct registry_params *params)
{
    const char *name = params->subject;
    const struct registry_subject *subject = registry_store_subject(call->store, name);
    bool permanent = registry_flag(call, "permanent");
    struct relais_error err = RELAIS_ERROR_INIT;
    json_t *body;

    if (!registry_subject_shown(subject, true)) {
        registry_fail(call, 40401, "Subject '%s' not found.", name);
        return;
    }
    if (permanent && registry_subject_shown(subject, false)) {
        registry_fail(call, 40405,
                      "Subject '%s' was not deleted first before being permanently "
                      "deleted",
                      name);
        return;
    }
    if (!permanent && !registry_subject_shown(subject, false)) {
        registry_fail(call, 40404,
                      "Subject '%s' was soft deleted.Set permanent=true to delete "
                      "permanently",
                      name);
        return;
    }
    body = json_array();
    for (size_t i = 0; i < subject->version_count; i++) {
        if (permanent || !subject->versions[i].deleted)
            json_array_append_new(body, json_integer(subject->versions[i].version));
    }
    if (registry_store_delete(call->store, name, 0, permanent, &err)) {
        json_decref(body);
        registry_fail_store(call, &err);
        return;
    }
    registry_reply(call, body);
}

void registry_version_delete(struct registry_call *call,
                             const struct registry_params *params)
{
    bool permanent = registry_flag(call, "permanent");
    struct relais_error err = RELAIS_ERROR_INIT;
    const struct registry_subject *subject;
    const struct registry_version *v = registry_version_of(call, params, true, &subject);
    int32_t number;

    if (!v)
        return;
    number = v->version;
    if (permanent && !v->deleted)
        registry_fail(call, 40407,
                      "Subject '%s' Version %d was not deleted first before being "
                      "permanently deleted",
                      params->subject, number);
    else if (!permanent && v->deleted)
        registry_fail(call, 40406,
                      "Subject '%s' Version %d was soft deleted.Set permanent=true to "
                      "delete permanently",
                      params->subject, number);
    else if (registry_store_delete(call->store, params->subject, number, permanent, &err))
        registry_fail_store(call, &err);
    else
        registry_reply(call, json_integer(number));
}
