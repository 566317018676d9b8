#include "schemas/registry_call.h"

void registry_root(struct registry_call *call, const struct registry_params *params)
{
    registry_reply(call, json_object());
}

void registry_contexts(struct registry_call *call, const struct registry_params *params)
{
    registry_reply(call, json_pack("[s]", "."));
}

/* The level of a subject alone; UNSET: none. subject "": the global one. */
static enum relais_compat_level own_level(const struct registry_call *call,
                                          const char *name)
{
    const struct registry_subject *subject;

    if (!*name)
        return registry_store_level(call->store);
    subject = registry_store_subject(call->store, name);
    return subject ? subject->level : RELAIS_COMPAT_UNSET;
}

static void reply_level(struct registry_call *call, enum relais_compat_level level)
{
    registry_reply(
        call, json_pack("{s:s}", "compatibilityLevel", relais_compat_level_name(level)));
}

void registry_config_get(struct registry_call *call, const struct registry_params *params)
{
    enum relais_compat_level level = registry_flag(call, "defaultToGlobal")
                                         ? registry_level_in_force(call, params->subject)
                                         : own_level(call, params->subject);

    if (level == RELAIS_COMPAT_UNSET)
        registry_fail(call, 40408,
                      "Subject '%s' does not have subject-level compatibility configured",
                      params->subject);
    else
        reply_level(call, level);
}

void registry_config_put(struct registry_call *call, const struct registry_params *params)
{
    json_t *body = registry_body(call);
    struct relais_error err = RELAIS_ERROR_INIT;
    const char *word;
    enum relais_compat_level level;

    if (!body)
        return;
    word = json_string_value(json_object_get(body, "compatibility"));
    level = word ? relais_compat_level_parse(word) : RELAIS_COMPAT_UNSET;
    if (level == RELAIS_COMPAT_UNSET)
        registry_fail(call, 42203,
                      "Invalid compatibility level. Valid values are none, backward, "
                      "forward, full, backward_transitive, forward_transitive, and "
                      "full_transitive");
    else if (registry_store_set_level(
                 call->store, params->subject[0] ? params->subject : NULL, level, &err))
        registry_fail_store(call, &err);
    else
        registry_reply(call, json_pack("{s:s}", "compatibility", word));
    json_decref(body);
}

void registry_config_delete(struct registry_call *call,
                            const struct registry_params *params)
{
    enum relais_compat_level level = own_level(call, params->subject);
    struct relais_error err = RELAIS_ERROR_INIT;

    if (level == RELAIS_COMPAT_UNSET)
        registry_fail(call, 40401, "Subject '%s' not found.", params->subject);
    else if (registry_store_set_level(call->store,
                                      params->subject[0] ? params->subject : NULL,
                                      RELAIS_COMPAT_UNSET, &err))
        registry_fail_store(call, &err);
    else
        reply_level(call, level);
}

void registry_mode_get(struct registry_call *call, const struct registry_params *params)
{
    if (params->subject[0] && !registry_flag(call, "defaultToGlobal"))
        registry_fail(call, 40409,
                      "Subject '%s' does not have subject-level mode configured",
                      params->subject);
    else
        registry_reply(call, json_pack("{s:s}", "mode", "READWRITE"));
}
