#ifndef RELAIS_TESTS_HELPER_EVENTS_H
#define RELAIS_TESTS_HELPER_EVENTS_H

/* A broker with a registry, and events of payments put into its topics. */

#include "consumers/broker.h"
#include "consumers/subscriber.h"
#include "schemas/avro.h"

#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>

#define EVENTS_TOPIC "dep93.payments.v1"

struct events {
    struct relais_broker *broker;
    struct relais_registry_server *registry;
    char url[64];
    rd_kafka_t *producer;
    int32_t schema_id;
};

struct events *events_new(void);
void events_free(struct events *e);
/* The schema, in a registry that knows none. */
void events_register(struct events *e);
/* [kafka] and [registry] of it; text goes behind; the tables of the common and sink keys
 * are admitted. */
struct relais_conf *events_conf(const struct events *e, const char *text);
/* An EvenementIndu: dossier `dossier`, id made of `number`, sequence `number`. */
void events_put(struct events *e, int32_t partition, const char *dossier, int64_t number);
/* The same, written by another version of the contract, which is registered here. */
void events_put_version(struct events *e, const struct relais_avro *version,
                        int32_t partition, const char *dossier, int64_t number);
/* Any bytes; value NULL: a tombstone. */
void events_put_raw(struct events *e, const char *topic, int32_t partition,
                    const char *key, const void *value, size_t value_len);
/* Everything put is in the broker. */
void events_flush(struct events *e);
void events_id(int64_t number, char out[37]);

#endif
