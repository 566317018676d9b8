#ifndef RELAIS_SCHEMAS_REGISTRY_HTTP_H
#define RELAIS_SCHEMAS_REGISTRY_HTTP_H

/* How the registry client talks: one request to whichever of several servers answers,
 * within one time-out. Network errors, 408, 429 and 5xx go on to the next URL, and after
 * the last one begin again with a back-off; what no waiting can cure (a certificate that
 * is not trusted, an answer that is no registry's) does not, if all URLs have it.
 * Redirects are never followed: credentials stay with the servers that were configured.
 * Threads: one. Conf: see schemas/registry.h.
 */

#include "core/conf.h"

#include <jansson.h>

#define REGISTRY_ANSWER_MAX (2u << 20)

struct registry_http;

/* What a server said, status 2xx or 4xx. */
struct registry_http_answer {
    int status;
    json_t *root;      /* 2xx: never NULL; 4xx: NULL when the body is not JSON */
    int error_code;    /* of a 4xx body; 0: none */
    char message[128]; /* of a 4xx body, or "" */
};

struct registry_http *registry_http_new(const struct relais_conf *conf,
                                        struct relais_error *err) RELAIS_MUST_CHECK;
void registry_http_free(struct registry_http *http);

/* body: JSON, or NULL for none. answer->root is the caller's (json_decref). Errors:
 * REGISTRY_DOWN, REGISTRY_REFUSED. Blocks up to timeout_ms. */
int registry_http_call(struct registry_http *http, const char *method, const char *path,
                       const char *body, struct registry_http_answer *answer,
                       struct relais_error *err) RELAIS_MUST_CHECK;
void registry_http_sleep(int64_t ms);
int64_t registry_http_now(void); /* monotonic, milliseconds */

#endif
