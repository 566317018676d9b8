#include "schemas/registry_call.h"

#include "core/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

void registry_reply(struct registry_call *call, json_t *body)
{
    call->status = 200;
    call->text = json_dumps(body, JSON_COMPACT | JSON_ENCODE_ANY);
    json_decref(body);
    if (!call->text)
        registry_answer_error(call, 500, "answer cannot be written");
}

void registry_answer_error(struct registry_call *call, int error_code,
                           const char *message)
{
    struct relais_buf out = RELAIS_BUF_INIT(8192);

    call->status = error_code < 1000 ? error_code : error_code / 100;
    if (relais_buf_printf(&out, "{\"error_code\":%d,\"message\":", error_code) ||
        relais_json_string(&out, relais_slice_str(message)) ||
        relais_buf_add_char(&out, '}')) {
        relais_buf_clear(&out);
        if (relais_buf_printf(&out, "{\"error_code\":%d,\"message\":\"\"}", error_code))
            abort();
    }
    call->text = relais_buf_take(&out, NULL);
}

void registry_fail(struct registry_call *call, int error_code, const char *fmt, ...)
{
    char message[2048];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(message, sizeof(message), fmt, ap);
    va_end(ap);
    registry_answer_error(call, error_code, message);
}

void registry_fail_store(struct registry_call *call, const struct relais_error *err)
{
    relais_log_error(err, "service=registry");
    registry_fail(call, 50001, "Error in the backend data store: %s", err->text);
}

bool registry_flag(const struct registry_call *call, const char *name)
{
    const char *value = call->query(call->user, name);

    return value && strcasecmp(value, "true") == 0;
}

static int hex(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

bool registry_decode(const char *s, size_t len, char *out, size_t out_max)
{
    size_t n = 0;
    json_t *text;

    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)s[i];

        if (c == '%') {
            int high = i + 2 < len ? hex(s[i + 1]) : -1;
            int low = i + 2 < len ? hex(s[i + 2]) : -1;

            if (high < 0 || low < 0)
                return false;
            c = (unsigned char)(high * 16 + low);
            i += 2;
        }
        if (n + 1 >= out_max || c < 0x20 || c == 0x7f)
            return false;
        out[n++] = (char)c;
    }
    out[n] = '\0';
    text = json_stringn(out, n); /* NULL: not UTF-8 */
    json_decref(text);
    return text != NULL;
}

json_t *registry_body(struct registry_call *call)
{
    json_t *body =
        json_loadb(call->body.ptr, call->body.len, JSON_REJECT_DUPLICATES, NULL);

    if (!json_is_object(body)) {
        json_decref(body);
        registry_fail(call, 400, "The body is not a JSON object");
        return NULL;
    }
    return body;
}

/* What this registry cannot keep is refused, never dropped in silence. */
static bool unsupported(const json_t *body, int *code, char *err_text, size_t err_len)
{
    const json_t *type = json_object_get(body, "schemaType");
    const json_t *references = json_object_get(body, "references");
    const json_t *rules = json_object_get(body, "ruleSet");

    *code = 42201;
    if (type && !json_is_null(type) &&
        (!json_is_string(type) || strcmp(json_string_value(type), "AVRO") != 0)) {
        snprintf(err_text, err_len, "Invalid schema type: only AVRO is served here");
        return true;
    }
    if (references && !json_is_null(references) && json_array_size(references) != 0) {
        snprintf(err_text, err_len, "Invalid schema: references are not served here");
        return true;
    }
    if (rules && !json_is_null(rules)) {
        *code = 42210;
        snprintf(err_text, err_len, "Invalid rule set: rules are not served here");
        return true;
    }
    return false;
}

bool registry_sent_read(struct registry_sent *sent, json_t *body, int *code,
                        char *err_text, size_t err_len)
{
    const json_t *schema = json_object_get(body, "schema");
    struct relais_error err = RELAIS_ERROR_INIT;

    *sent = (struct registry_sent){.body = body};
    if (unsupported(body, code, err_text, err_len))
        return false;
    if (!json_is_string(schema) || json_string_length(schema) == 0) {
        snprintf(err_text, err_len, "Empty schema");
        return false;
    }
    sent->text =
        (struct relais_slice){json_string_value(schema), json_string_length(schema)};
    sent->schema = relais_avro_new(sent->text, &err);
    if (!sent->schema || registry_identity_digest(sent->text, sent->identity, &err)) {
        snprintf(err_text, err_len, "Invalid schema: %s%s%s", err.where,
                 err.where[0] ? ": " : "", err.text);
        return false;
    }
    return true;
}

void registry_sent_release(struct registry_sent *sent)
{
    relais_avro_free(sent->schema);
    json_decref(sent->body);
}

bool registry_subject_shown(const struct registry_subject *subject, bool deleted)
{
    return subject && registry_subject_latest(subject, deleted);
}

int32_t registry_version_number(struct registry_call *call, const char *word)
{
    char *end = NULL;
    long long n;

    if (strcmp(word, "latest") == 0 || strcmp(word, "-1") == 0)
        return -1;
    n = word[0] >= '0' && word[0] <= '9' ? strtoll(word, &end, 10) : 0;
    if (n >= 1 && n <= INT32_MAX && !*end)
        return (int32_t)n;
    registry_fail(call, 42202,
                  "The specified version '%s' is not a valid version id. Allowed values "
                  "are between [1, 2^31-1] and the string \"latest\"",
                  word);
    return 0;
}

const struct registry_version *
registry_version_of(struct registry_call *call, const struct registry_params *params,
                    bool deleted, const struct registry_subject **subject_out)
{
    const struct registry_subject *subject =
        registry_store_subject(call->store, params->subject);
    int32_t number = registry_version_number(call, params->number);

    if (!number)
        return NULL;
    if (!registry_subject_shown(subject, deleted)) {
        registry_fail(call, 40401, "Subject '%s' not found.", params->subject);
        return NULL;
    }
    *subject_out = subject;
    if (number < 0)
        return registry_subject_latest(subject, deleted);
    for (size_t i = 0; i < subject->version_count; i++) {
        const struct registry_version *v = &subject->versions[i];

        if (v->version == number && (deleted || !v->deleted))
            return v;
    }
    registry_fail(call, 40402, "Version %d not found.", number);
    return NULL;
}

enum relais_compat_level registry_level_in_force(const struct registry_call *call,
                                                 const char *name)
{
    const struct registry_subject *subject = registry_store_subject(call->store, name);

    return subject && subject->level != RELAIS_COMPAT_UNSET
               ? subject->level
               : registry_store_level(call->store);
}
