#ifndef RELAIS_CONSUMERS_EVENT_JSON_H
#define RELAIS_CONSUMERS_EVENT_JSON_H

/* An event as the record that a sink is given, and as the JSON line of `relais subscribe`
 * (core/record.h: relais_record_print; sink_file writes the same). Headers: the first 64,
 * the last of a name counts, as in Kafka Connect; a value that is not UTF-8 is base64.
 * Errors: LIMIT (arena or line too small); that of the event's value.
 */

#include "consumers/subscriber.h"
#include "core/record.h"

/* Fills rec (zeroed by the caller), kind EVENT. Key, topic and schema are borrowed from
 * the event; the rest is in the arena. headers: also its headers, which cost as much as
 * the value. An event with a problem: value NULL, rec->problem. */
int event_record(const struct relais_event *event, bool headers,
                 struct relais_arena *arena, struct relais_record *rec,
                 struct relais_error *err) RELAIS_MUST_CHECK;

/* Appends one line, without its end. arena: scratch. */
int event_json_line(const struct relais_event *event, struct relais_arena *arena,
                    struct relais_buf *out, struct relais_error *err) RELAIS_MUST_CHECK;

#endif
