#ifndef RELAIS_CONSUMERS_EVENT_JSON_H
#define RELAIS_CONSUMERS_EVENT_JSON_H

/* The JSON line of an event, as `relais subscribe` prints it: {"topic","partition",
 * "offset","timestamp","key","headers":{},"subject","schema_id","value":{}}. timestamp:
 * RFC 3339, UTC, null where Kafka has none. Key and header values that are not UTF-8:
 * {"base64":"..."}. Headers: the first 64, the last of a name counts. An event with a
 * problem: value null, and "problem":"CODE where: text" at the end. Errors: LIMIT.
 */

#include "consumers/subscriber.h"

/* Appends one line, without its end. arena: scratch for the value's tree. */
int event_json_line(const struct relais_event *event, struct relais_arena *arena,
                    struct relais_buf *out, struct relais_error *err) RELAIS_MUST_CHECK;

#endif
