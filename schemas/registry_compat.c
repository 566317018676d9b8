#include "schemas/registry_call.h"

#include <stdio.h>

#define MESSAGE_MAX 4096

static void add_message(json_t *messages, const struct registry_version *v,
                        enum relais_compat_level level, const char *text)
{
    json_array_append_new(messages,
                          json_sprintf("against version %d (%s): %s", v->version,
                                       relais_compat_level_name(level), text));
}

/* Against one version held: false, with a message for each cause. A text that no longer
 * parses here is not compatible. */
static bool follows(struct registry_call *call, const struct registry_version *v,
                    const struct relais_avro *schema, enum relais_compat_level level,
                    json_t *messages)
{
    struct relais_error err = RELAIS_ERROR_INIT;
    struct relais_compat report = RELAIS_COMPAT_INIT;
    struct relais_buf line = RELAIS_BUF_INIT(MESSAGE_MAX);
    struct relais_avro *older =
        relais_avro_new(registry_store_schema(call->store, v->id)->text, &err);
    const struct relais_avro *one = older;
    bool good = older &&
                relais_compat_check(schema, &one, 1, level, &report, &err) == 0 &&
                report.total == 0;

    for (size_t i = 0; i < report.count; i++) {
        relais_buf_clear(&line);
        if (relais_compat_line(&report.causes[i], &line) == 0)
            add_message(messages, v, level, line.data);
    }
    if (err.code)
        add_message(messages, v, level, err.text);
    relais_buf_release(&line);
    relais_compat_release(&report);
    relais_avro_free(older);
    return good;
}

/* As the subject's level asks. */
static bool follows_all(struct registry_call *call,
                        const struct registry_subject *subject,
                        const struct relais_avro *schema, json_t *messages)
{
    enum relais_compat_level level = registry_level_in_force(call, subject->name);
    bool good = true;

    for (size_t i = subject->version_count; i-- > 0;) {
        const struct registry_version *v = &subject->versions[i];

        if (v->deleted)
            continue;
        good = follows(call, v, schema, level, messages) && good;
        if (!relais_compat_transitive(level))
            break;
    }
    return good;
}

bool registry_compatible(struct registry_call *call,
                         const struct registry_subject *subject,
                         const struct relais_avro *schema, char *reason,
                         size_t reason_len)
{
    json_t *messages = json_array();
    bool good = follows_all(call, subject, schema, messages);
    size_t count = json_array_size(messages);
    char more[40] = "";

    if (count > 1)
        snprintf(more, sizeof(more), " (and %zu more)", count - 1);
    if (!good)
        snprintf(reason, reason_len, "%.450s%s",
                 json_string_value(json_array_get(messages, 0)), more);
    json_decref(messages);
    return good;
}

/* messages are taken. */
static void reply_compat(struct registry_call *call, bool good, json_t *messages)
{
    json_t *body = json_pack("{s:b}", "is_compatible", good);

    if (registry_flag(call, "verbose"))
        json_object_set_new(body, "messages", messages);
    else
        json_decref(messages);
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
        reply_compat(call, false, json_pack("[s]", reason));
    else
        registry_fail(call, code, "%s", reason);
    return false;
}

void registry_compat_version(struct registry_call *call,
                             const struct registry_params *params)
{
    const struct registry_subject *subject =
        registry_store_subject(call->store, params->subject);
    enum relais_compat_level level = registry_level_in_force(call, params->subject);
    int32_t number = registry_version_number(call, params->number);
    const struct registry_version *v = NULL;
    json_t *messages = json_array();
    struct registry_sent sent;

    if (!number)
        goto out;
    /* "latest" of a subject without versions has nothing to break */
    if (number > 0 || registry_subject_shown(subject, false)) {
        v = registry_version_of(call, params, false, &subject);
        if (!v)
            goto out;
    }
    if (sent_schema(call, &sent)) {
        bool good = !v || follows(call, v, sent.schema, level, messages);

        reply_compat(call, good, json_incref(messages));
    }
    registry_sent_release(&sent);
out:
    json_decref(messages);
}

void registry_compat_all(struct registry_call *call, const struct registry_params *params)
{
    const struct registry_subject *subject =
        registry_store_subject(call->store, params->subject);
    json_t *messages = json_array();
    struct registry_sent sent;

    if (sent_schema(call, &sent)) {
        bool good = !subject || follows_all(call, subject, sent.schema, messages);

        reply_compat(call, good, json_incref(messages));
    }
    registry_sent_release(&sent);
    json_decref(messages);
}
