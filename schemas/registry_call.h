#ifndef RELAIS_SCHEMAS_REGISTRY_CALL_H
#define RELAIS_SCHEMAS_REGISTRY_CALL_H

/* What the handlers of the embedded registry share: the decoded parts of a path, and the
 * ways to answer. Private to registry_routes.c, registry_subjects.c, registry_schemas.c,
 * registry_settings.c. A handler answers exactly once.
 */

#include "schemas/avro.h"
#include "schemas/registry_routes.h"

#include <jansson.h>

struct registry_params {
    char subject[REGISTRY_SUBJECT_MAX + 1]; /* decoded: "" where the path has none */
    char number[64];                        /* {v} or {id}, as written */
};

typedef void registry_handler(struct registry_call *call,
                              const struct registry_params *params);

/* Answers 200 with `body`, which is taken. */
void registry_reply(struct registry_call *call, json_t *body);
/* Answers an error: code 40401 is status 404. */
void registry_fail(struct registry_call *call, int error_code, const char *fmt, ...)
    RELAIS_PRINTF(3, 4);
/* Answers for a change that was not made (50001). */
void registry_fail_store(struct registry_call *call, const struct relais_error *err);
bool registry_flag(const struct registry_call *call, const char *name); /* ?name=true */
/* Percent-decodes; false: does not fit, a broken escape, a control character or bytes
 * that are not UTF-8. */
bool registry_decode(const char *s, size_t len, char *out, size_t out_max);

/* A schema sent in a body. */
struct registry_sent {
    json_t *body; /* owns the text */
    struct relais_slice text;
    struct relais_avro *schema;
    unsigned char identity[REGISTRY_IDENTITY_LEN];
};

/* The body as an object; NULL: answered (400). The caller frees it. */
json_t *registry_body(struct registry_call *call);
/* The schema of a body, parsed. false: err_text holds why (for 42201, or `code`). */
bool registry_sent_read(struct registry_sent *sent, json_t *body, int *code,
                        char *err_text, size_t err_len);
void registry_sent_release(struct registry_sent *sent);

/* The subject and its version {v} ("latest", -1 or a number); NULL: answered. */
const struct registry_version *
registry_version_of(struct registry_call *call, const struct registry_params *params,
                    bool deleted, const struct registry_subject **subject_out);
/* 1 .. 2^31-1, or -1 for the latest; 0: answered (42202). */
int32_t registry_version_number(struct registry_call *call, const char *word);
bool registry_subject_shown(const struct registry_subject *subject, bool deleted);
enum relais_compat_level registry_level_in_force(const struct registry_call *call,
                                                 const char *subject);

registry_handler registry_subjects, registry_versions, registry_version_get,
    registry_version_schema, registry_version_referencedby, registry_register,
    registry_lookup, registry_subject_delete, registry_version_delete;
registry_handler registry_schema_get, registry_schema_text, registry_schema_versions,
    registry_schema_subjects, registry_schema_types;
registry_handler registry_compat_version, registry_compat_all;
/* Whether `schema` may follow what the subject holds, as its level asks; reason if not.
 */
bool registry_compatible(struct registry_call *call,
                         const struct registry_subject *subject,
                         const struct relais_avro *schema, char *reason,
                         size_t reason_len);
registry_handler registry_root, registry_contexts, registry_config_get,
    registry_config_put, registry_config_delete, registry_mode_get;

#endif
