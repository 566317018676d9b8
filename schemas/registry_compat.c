#include "schemas/registry_call.h"

#include "schemas/compat_basic.h"

#include <stdio.h>

/* Against one version held; a text that no longer parses here is not compatible. */
static bool follows(struct registry_call *call, const struct registry_version *v,
                    const struct relais_avro *schema, char *reason, size_t reason_len)
{
    struct relais_error err = RELAIS_ERROR_INIT;
    struct relais_avro *older =
        relais_avro_new(registry_store_schema(call->store, v->id)->text, &err);
    char why[320] = "";
    bool good = older && relais_compat_basic(schema, older, why, sizeof(why));

    if (!good)
        snprintf(reason, reason_len,
                 "against version %d: %s (this registry only accepts new fields with a "
                 "default and new symbols of an enum with a default)",
                 v->version, older ? why : err.text);
    relais_avro_free(older);
    return good;
}

static bool is_transitive(enum registry_level level)
{
    return level == REGISTRY_BACKWARD_TRANSITIVE ||
           level == REGISTRY_FORWARD_TRANSITIVE || level == REGISTRY_FULL_TRANSITIVE;
}

bool registry_compatible(struct registry_call *call,
                         const struct registry_subject *subject,
                         const struct relais_avro *schema, char *reason,
                         size_t reason_len)
{
    enum registry_level level = registry_level_in_force(call, subject->name);

    if (level == REGISTRY_NONE)
        return true;
    for (size_t i = subject->version_count; i-- > 0;) {
        const struct registry_version *v = &subject->versions[i];

        if (v->deleted)
            continue;
        if (!follows(call, v, schema, reason, reason_len))
            return false;
        if (!is_transitive(level))
            break;
    }
    return true;
}

static void reply_compat(struct registry_call *call, bool good, const char *reason)
{
    json_t *body = json_pack("{s:b}", "is_compatible", good);

    if (registry_flag(call, "verbose"))
        json_object_set_new(body, "messages",
                            good ? json_array() : json_pack("[s]", reason));
    registry_reply(call, body);
}

/* The schema of the body; false: answered. Asked to be verbose, a broken schema is an
 * answer, not an error. */
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
    if (registry_flag(call, "verbose"))
        reply_compat(call, false, reason);
    else
        registry_fail(call, code, "%s", reason);
    return false;
}

void registry_compat_version(struct registry_call *call,
                             const struct registry_params *params)
{
    const struct registry_subject *subject =
        registry_store_subject(call->store, params->subject);
    bool none = registry_level_in_force(call, params->subject) == REGISTRY_NONE;
    int32_t number = registry_version_number(call, params->number);
    const struct registry_version *v = NULL;
    struct registry_sent sent;
    char reason[512] = "";

    if (!number)
        return;
    /* "latest" of a subject without versions has nothing to break */
    if (number > 0 || registry_subject_shown(subject, false)) {
        v = registry_version_of(call, params, false, &subject);
        if (!v)
            return;
    }
    if (sent_schema(call, &sent))
        reply_compat(call,
                     !v || none || follows(call, v, sent.schema, reason, sizeof(reason)),
                     reason);
    registry_sent_release(&sent);
}

void registry_compat_all(struct registry_call *call, const struct registry_params *params)
{
    const struct registry_subject *subject =
        registry_store_subject(call->store, params->subject);
    struct registry_sent sent;
    char reason[512] = "";

    if (sent_schema(call, &sent))
        reply_compat(call,
                     !subject || registry_compatible(call, subject, sent.schema, reason,
                                                     sizeof(reason)),
                     reason);
    registry_sent_release(&sent);
}
