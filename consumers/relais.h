#ifndef RELAIS_H
#define RELAIS_H

/* relais for subscribers: the public header of librelais.so.1. Handles are opaque,
 * symbols versioned (RELAIS_1).
 *
 * At least once, in order per dossier. Two ways to drop repeats: relais_event_seen()
 * remembers the last 65,536 ids of each partition (enough for a producer's repeats); the
 * sure rule is the contract's A5: keep per object the pair (constate_le, sequence) beside
 * your data and drop an event that is not newer: relais_event_newer(). Ownership: an
 * event and everything reached from it is valid until relais_event_free(), which comes
 * before relais_subscriber_free(). Errors: functions return NULL or a negative number and
 * fill the subscriber's last error (relais_subscriber_error). Threads: a subscriber and
 * its events belong to one thread.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define RELAIS_API __attribute__((visibility("default")))

struct relais_subscriber;
struct relais_event;

/* Where to begin. GROUP: where the group stands (its partitions without a position, and
 * every partition without a group: the beginning). Other values: milliseconds since 1970,
 * the first event published at or after. */
#define RELAIS_FROM_GROUP     INT64_MIN
#define RELAIS_FROM_BEGINNING INT64_C(-2)
#define RELAIS_FROM_END       INT64_C(-1)

struct relais_subscriber_options {
    size_t size; /* sizeof(struct relais_subscriber_options): later versions add fields */
    const char *brokers;   /* "host:port,host:port"; NULL: from the file */
    const char *registry;  /* URL; NULL: from the file */
    const char *conf_file; /* an INI file ([kafka], [registry], [keys]); may be NULL */
    const char *
        group; /* consumer group; NULL: no group, every partition, nothing is committed */
    const char *keys;          /* a reader's ring; NULL: encrypted fields stay closed */
    const char *const *topics; /* NULL-ended */
    int64_t from_ms;           /* with a group: only where it has no position yet */
    /* An Avro schema (JSON): events are seen as it describes them, by Avro's rules of
     * resolution: what it lacks is left out, what the writer lacked takes its default,
     * enums go by symbol, aliases are followed; an event that it cannot read is given
     * with relais_event_problem(). NULL: the contract of this build that has the writer's
     * name, else the writer's own schema. */
    const char *reader;
};

RELAIS_API struct relais_subscriber *
relais_subscriber_new(const struct relais_subscriber_options *options, char *error_out,
                      size_t error_len);
/* Leaves the group; waits some seconds at most. */
RELAIS_API void relais_subscriber_free(struct relais_subscriber *sub);

/* The next event. NULL: none within timeout_ms (relais_subscriber_error is NULL), or an
 * error. A message that is not an event of relais (no frame, unknown schema, broken) is
 * given with relais_event_problem() set. */
RELAIS_API struct relais_event *relais_subscriber_poll(struct relais_subscriber *sub,
                                                       int timeout_ms);
RELAIS_API const char *relais_subscriber_error(const struct relais_subscriber *sub);
/* Everything given before is done with: the group's position moves there (with a group).
 * 0 or -1. */
RELAIS_API int relais_subscriber_commit(struct relais_subscriber *sub);
/* True when every partition assigned was read to the end it had at the first call. */
RELAIS_API bool relais_subscriber_at_end(struct relais_subscriber *sub);

RELAIS_API void relais_event_free(struct relais_event *event);
RELAIS_API const char *
relais_event_problem(const struct relais_event *event); /* NULL: fine */
RELAIS_API const char *relais_event_topic(const struct relais_event *event);
RELAIS_API int32_t relais_event_partition(const struct relais_event *event);
RELAIS_API int64_t relais_event_offset(const struct relais_event *event);
RELAIS_API int64_t relais_event_timestamp_ms(const struct relais_event *event);
RELAIS_API const char *relais_event_key(const struct relais_event *event,
                                        size_t *len_out);
RELAIS_API const char *relais_event_header(const struct relais_event *event,
                                           const char *name, size_t *len_out);
RELAIS_API const char *
relais_event_subject(const struct relais_event *event); /* full record name */
RELAIS_API int32_t relais_event_schema_id(const struct relais_event *event);
RELAIS_API const char *
relais_event_id(const struct relais_event *event); /* entete.id, 36 characters */
RELAIS_API int64_t relais_event_sequence(const struct relais_event *event);
RELAIS_API int64_t
relais_event_observed_us(const struct relais_event *event); /* entete.constate_le */
/* The value as JSON (contract A15), opened as far as the ring goes. */
RELAIS_API const char *relais_event_json(struct relais_event *event, size_t *len_out);
/* The value as the struct of the generated header (schemas of this build), whichever
 * version wrote it: NULL if it is another schema, or read as options.reader. */
RELAIS_API const void *relais_event_struct(const struct relais_event *event,
                                           const char *full_name);
/* Was this id given before by this partition (the last 65,536), at another offset?
 * Remembers it. The same message given again (after a rebalance) is no repeat: what was
 * given then may not have been done. */
RELAIS_API bool relais_event_seen(struct relais_subscriber *sub,
                                  const struct relais_event *event);
/* A5: is (observed_us, sequence) of the event after the stored pair? */
RELAIS_API bool relais_event_newer(const struct relais_event *event,
                                   int64_t stored_observed_us, int64_t stored_sequence);
RELAIS_API const char *relais_version(void);

#ifdef __cplusplus
}
#endif
#endif
