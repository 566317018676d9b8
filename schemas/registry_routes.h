#ifndef RELAIS_SCHEMAS_REGISTRY_ROUTES_H
#define RELAIS_SCHEMAS_REGISTRY_ROUTES_H

/* The embedded registry's calls: a request in, a status and a JSON text out. Knows
 * neither sockets nor threads. Codes and messages are Confluent's (error_code = HTTP
 * status, or status and two digits).
 */

#include "schemas/registry_store.h"

struct registry_call {
    struct registry_store *store;
    const char *method;
    const char *path; /* still percent-encoded, without the query */
    /* A query parameter, still percent-encoded; NULL: not given. */
    const char *(*query)(void *user, const char *name);
    void *user;
    const char *content_type; /* NULL: not given */
    struct relais_slice body;

    int status;     /* answer */
    char *text;     /* answer, from malloc: the caller frees */
    char allow[32]; /* with 405: the methods that exist, else "" */
};

/* Always sets status and text. Blocks for the disk when something is registered. */
void registry_answer(struct registry_call *call);
/* An answer made outside the table (413, 500). */
void registry_answer_error(struct registry_call *call, int error_code,
                           const char *message);

#endif
