#ifndef RELAIS_CORE_OPS_H
#define RELAIS_CORE_OPS_H

/* The ops page of a process, in a thread of its own (libmicrohttpd): GET /metrics,
 * /healthz (200 while the main loop beats: relais_ops_beat() within 60 s), /readyz (200,
 * or 503 with one reason a line). Not ready: a reason set by the runner, or the oldest
 * unacknowledged message older than `ready_age_ms`. Binds the address given, loopback
 * unless told; no request body, no query, 16 connections.
 */

#include "core/conf.h"

struct relais_ops;

/* listen: "127.0.0.1:9100", "[::1]:0" (0: any free port, see relais_ops_port). CONF:
 * cannot bind. */
struct relais_ops *relais_ops_new(const char *listen, const char *connector,
                                  int ready_age_ms,
                                  struct relais_error *err) RELAIS_MUST_CHECK;
/* As [ops] says; *out NULL where it does not listen. */
int relais_ops_open(const struct relais_conf *conf, const char *connector,
                    struct relais_ops **out, struct relais_error *err) RELAIS_MUST_CHECK;
int relais_ops_port(const struct relais_ops *ops);
void relais_ops_free(struct relais_ops *ops);

/* No process-wide ops server needs to exist for these. reason NULL: ready. Reasons are
 * static strings in French, one per slot (0..7): "Kafka injoignable". */
void relais_ops_reason(int slot, const char *reason);
void relais_ops_beat(void);

#endif
