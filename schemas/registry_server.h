#ifndef RELAIS_SCHEMAS_REGISTRY_SERVER_H
#define RELAIS_SCHEMAS_REGISTRY_SERVER_H

/* The embedded registry (libmicrohttpd, own thread): the calls that the usual Java,
 * Python, Go and Node serializers make, answers as Confluent's. State: one append-only
 * journal in dir (JSON lines, fsync before an answer, a torn last line is dropped at
 * start), so ids survive a kill -9; dir NULL: memory only. Bounds: body 1 MiB, 10,000
 * schemas, 64 connections. Loopback unless told otherwise.
 */

#include "core/error.h"

struct relais_registry_server;

struct relais_registry_server *
relais_registry_server_new(const char *listen, const char *dir,
                           struct relais_error *err) RELAIS_MUST_CHECK;
int relais_registry_server_port(const struct relais_registry_server *server);
void relais_registry_server_free(struct relais_registry_server *server);

#endif
