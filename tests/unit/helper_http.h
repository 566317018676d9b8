#ifndef RELAIS_TESTS_HELPER_HTTP_H
#define RELAIS_TESTS_HELPER_HTTP_H

/* HTTP as a foreign client speaks it: by libcurl alone, without any of our own code. */

#include <stddef.h>

/* The status of one request to 127.0.0.1, its body as text in `out`; 0: no answer.
 * type, body: NULL for none. */
int http_ask(int port, const char *method, const char *path, const char *type,
             const char *body, char *out, size_t out_len);

#endif
