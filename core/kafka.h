#ifndef RELAIS_CORE_KAFKA_H
#define RELAIS_CORE_KAFKA_H

/* What producers, consumers and the command line share of librdkafka: its configuration
 * from [kafka], the class of its errors, and questions to the cluster. Must work
 * with 2.0.2 (Debian 12) and 2.8.0 (Debian 13). Errors: BROKER_DOWN, BROKER_FATAL
 * (RETRY); RIGHTS, TOPIC_MISSING, CONF_VALUE (CONF).
 */

#include "core/conf.h"

/* The version that looks at a full fetch queue every fetch.queue.backoff.ms; those before
 * it once a second. */
#define RELAIS_KAFKA_QUEUE_BACKOFF 0x02020000

#include <librdkafka/rdkafka.h>

enum relais_kafka_role {
    RELAIS_KAFKA_PRODUCER,
    RELAIS_KAFKA_CONSUMER,
    RELAIS_KAFKA_ADMIN
};

/* Our defaults (design.md part 4), then [kafka] verbatim; the few keys that our
 * guarantees rest on cannot be changed (enable.idempotence, acks, message.timeout.ms,
 * enable.auto.offset.store, auto.offset.reset, partitioner): CONF_VALUE says so. SCRAM
 * under 2.6.1 is refused, saying why. `*_file` keys (sasl.password_file) are read as
 * secrets. The caller owns it until rd_kafka_new. */
rd_kafka_conf_t *relais_kafka_conf(const struct relais_conf *conf,
                                   enum relais_kafka_role role,
                                   struct relais_error *err) RELAIS_MUST_CHECK;

/* A client certificate (PEM; the first of a chain) that is valid today. key: for the
 * error, which names the file and the date. relais_kafka_conf looks at
 * ssl.certificate.location so. */
int relais_kafka_check_certificate(const char *key, const char *path,
                                   struct relais_error *err) RELAIS_MUST_CHECK;

/* err from a librdkafka code; where may name a topic. Always -1. */
int relais_kafka_error(struct relais_error *err, rd_kafka_resp_err_t code,
                       const char *where, const char *what);

/* error_cb and log_cb state that both runners need: when credentials or TLS fail and
 * nothing else came for some seconds, that is CONF. Set as opaque by relais_kafka_watch.
 * Threads: librdkafka's poll thread = main.
 */
struct relais_kafka_watch {
    int64_t refused_since_us; /* monotonic; 0: no refusal pending */
    rd_kafka_resp_err_t last;
    char text[160];
};
void relais_kafka_watch(rd_kafka_conf_t *kconf, struct relais_kafka_watch *watch);
/* Good news (a delivery, a message, metadata). */
void relais_kafka_watch_clear(struct relais_kafka_watch *watch);
/* -1 CONF once a refusal lasted 10 s. */
int relais_kafka_watch_check(const struct relais_kafka_watch *watch,
                             struct relais_error *err) RELAIS_MUST_CHECK;

/* The topic's partitions by metadata, without creating it where the broker allows.
 * TOPIC_MISSING. */
int relais_kafka_partitions(rd_kafka_t *rk, const char *topic, int timeout_ms,
                            int32_t *count_out,
                            struct relais_error *err) RELAIS_MUST_CHECK;
/* Where partitions begin or end (which: RD_KAFKA_OFFSET_BEGINNING, _END), asked in one
 * request a leader: their offsets become it, or err is set. Blocks at most timeout_ms;
 * behind a fetch that waits, until it has waited. */
void relais_kafka_ends(rd_kafka_t *rk, rd_kafka_topic_partition_list_t *list,
                       int64_t which, int timeout_ms);
/* Blocks at most twice timeout_ms. */
int relais_kafka_watermarks(rd_kafka_t *rk, const char *topic, int32_t partition,
                            int timeout_ms, int64_t *low_out, int64_t *high_out,
                            struct relais_error *err) RELAIS_MUST_CHECK;
/* Connect's headers of a parked message: __connect.errors.topic .partition .offset .stage
 * .exception.message. topic NULL; partition, offset < 0: left out (a record that never
 * was in a topic). */
#define RELAIS_KAFKA_DLQ_STAGE "__connect.errors.stage"
#define RELAIS_KAFKA_DLQ_WHY   "__connect.errors.exception.message"
int relais_kafka_dlq_headers(rd_kafka_headers_t *headers, const char *topic,
                             int32_t partition, int64_t offset, const char *stage,
                             const struct relais_error *why) RELAIS_MUST_CHECK;
/* Destroys with a deadline: 2.0.2 can hang for good in rd_kafka_destroy; after `seconds`
 * it is left behind (a detached thread) and true is returned: end by _exit(). */
bool relais_kafka_destroy(rd_kafka_t *rk, int seconds);

#endif
