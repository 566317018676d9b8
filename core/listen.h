#ifndef RELAIS_CORE_LISTEN_H
#define RELAIS_CORE_LISTEN_H

/* A listening TCP socket of an address as configuration writes it: "127.0.0.1:9100",
 * "[::1]:0" (0: any free port), "localhost:9100". The caller closes it. Errors:
 * CONF_VALUE. Does not block but for the resolution of a name.
 */

#include "core/error.h"

/* The descriptor (non-blocking, close-on-exec), or -1. port_out: the port bound. */
int relais_listen(const char *address, int *port_out,
                  struct relais_error *err) RELAIS_MUST_CHECK;

#endif
