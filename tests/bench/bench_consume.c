/* bench_consume fill|raw|ours BROKERS REGISTRY TOPIC COUNT [PROPERTY=VALUE...]: rate of
 * reading COUNT payments from the beginning of every partition, from the first message to
 * the last. Same topic, same librdkafka settings (relais_kafka_conf), no group. raw is
 * rd_kafka_consume_batch_queue and nothing else; ours decodes each into the contract's
 * struct. fill publishes them first (value ~300 bytes, 6 headers). Prints
 * rate=EVENTS_PER_SECOND.
 */
#include "consumers/subscriber.h"
#include "contracts/evenement_paiement.h"
#include "core/day.h"
#include "core/kafka.h"
#include "schemas/catalog.h"
#include "schemas/registry.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define NAME      "fr.relais.payments.EvenementPaiement"
#define BATCH     1000
#define VALUE_MAX 1024

static void die(const struct relais_error *err)
{
    fprintf(stderr, "bench_consume: %s %s\n", err->where, err->text);
    exit(1);
}

static void check(int rc, const struct relais_error *err)
{
    if (rc)
        die(err);
}

static void make_event(long i, struct relais_slice persons[1], struct relais_buf *out,
                       const char frame[RELAIS_FRAME_LEN], char key[36])
{
    const struct relais_contract *contract = relais_catalog_find(NAME);
    struct relais_error err = RELAIS_ERROR_INIT;
    struct evenement_paiement ev;
    char id[37], object[37];

    memset(&ev, 0, sizeof(ev));
    snprintf(key, 36, "d1-4f0a-%026ld", i % 100000);
    snprintf(id, sizeof(id), "%08lx-0000-8000-8000-%012lx", i * 2654435761 & 0xffffffff,
             i);
    snprintf(object, sizeof(object), "%08lx-0000-8000-8000-%012lx", i, i);
    persons[0] = RELAIS_SLICE("p1-4f0a-abcdefghijklmnopqrstuvwxyz");
    ev.entete.id = relais_slice_str(id);
    ev.entete.source = RELAIS_SLICE("urn:relais:cnaf:cristal:dep93");
    ev.entete.sequence = i;
    ev.entete.dossier = relais_slice_str(key);
    ev.entete.territoire = RELAIS_SLICE("dep93");
    ev.entete.survenu_le = 20000;
    ev.entete.constate_le = 1700000000000000 + i;
    ev.entete.origine.depot = RELAIS_SLICE("0123456789abcdef");
    ev.entete.origine.position = RELAIS_SLICE("12345");
    ev.paiement = ev.droit = relais_slice_str(object);
    ev.prestation = RELAIS_SLICE("RSA");
    ev.personnes = (struct relais_array){persons, 1};
    ev.mois = 20000;
    ev.montant_centimes = 50000 + i % 10000;
    relais_buf_clear(out);
    check(relais_buf_add(out, frame, RELAIS_FRAME_LEN), &err);
    check(relais_avro_encode(contract->schema, &ev, out, NULL, &err), &err);
}

static void publish(rd_kafka_t *rk, const char *topic, const char *key,
                    const struct relais_buf *value)
{
    static const char trace[] = "00-0123456789abcdef0123456789abcdef-0123456789abcdef-01";

    while (rd_kafka_producev(
               rk, RD_KAFKA_V_TOPIC(topic), RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
               RD_KAFKA_V_KEY(key, 34), RD_KAFKA_V_VALUE(value->data, value->len),
               RD_KAFKA_V_HEADER("ce_specversion", "1.0", 3),
               RD_KAFKA_V_HEADER("ce_id", key, 34),
               RD_KAFKA_V_HEADER("ce_source", "urn:relais:cnaf:cristal:dep93", 29),
               RD_KAFKA_V_HEADER("ce_type", "fr.relais.payments.paiement.emis", 32),
               RD_KAFKA_V_HEADER("content-type", "application/avro", 16),
               RD_KAFKA_V_HEADER("traceparent", trace, sizeof(trace) - 1),
               RD_KAFKA_V_END) == RD_KAFKA_RESP_ERR__QUEUE_FULL)
        rd_kafka_poll(rk, 10);
    rd_kafka_poll(rk, 0);
}

static void fill(const struct relais_conf *conf, const char *topic, long count)
{
    const struct relais_contract *contract = relais_catalog_find(NAME);
    struct relais_error err = RELAIS_ERROR_INIT;
    struct relais_buf value = RELAIS_BUF_INIT(VALUE_MAX);
    struct relais_registry *reg = relais_registry_new(conf, &err);
    rd_kafka_conf_t *kconf = relais_kafka_conf(conf, RELAIS_KAFKA_PRODUCER, &err);
    struct relais_slice persons[1];
    char frame[RELAIS_FRAME_LEN], key[36], text[160];
    int32_t id = 0;
    rd_kafka_t *rk;

    if (!reg || !kconf)
        die(&err);
    check(relais_registry_register(reg, contract->name, contract->text, &id, &err), &err);
    relais_frame_write(id, frame);
    rk = rd_kafka_new(RD_KAFKA_PRODUCER, kconf, text, sizeof(text));
    for (long i = 0; i < count; i++) {
        make_event(i, persons, &value, frame, key);
        publish(rk, topic, key, &value);
    }
    while (rd_kafka_outq_len(rk))
        rd_kafka_poll(rk, 100);
    printf("value=%zu\n", value.len);
    rd_kafka_destroy(rk);
    relais_registry_free(reg);
    relais_buf_release(&value);
}

static int64_t run_raw(const struct relais_conf *conf, const char *topic, long count)
{
    struct relais_error err = RELAIS_ERROR_INIT;
    rd_kafka_conf_t *kconf = relais_kafka_conf(conf, RELAIS_KAFKA_CONSUMER, &err);
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(6);
    rd_kafka_message_t *msgs[BATCH];
    int64_t first = 0, last;
    rd_kafka_queue_t *queue;
    char text[160];
    int32_t parts;
    rd_kafka_t *rk;
    long got = 0;

    if (!kconf)
        die(&err);
    rd_kafka_conf_set(kconf, "group.id", "bench", text, sizeof(text));
    rk = rd_kafka_new(RD_KAFKA_CONSUMER, kconf, text, sizeof(text));
    rd_kafka_poll_set_consumer(rk);
    queue = rd_kafka_queue_get_consumer(rk);
    check(relais_kafka_partitions(rk, topic, 10000, &parts, &err), &err);
    for (int32_t i = 0; i < parts; i++)
        rd_kafka_topic_partition_list_add(list, topic, i)->offset =
            RD_KAFKA_OFFSET_BEGINNING;
    rd_kafka_assign(rk, list);
    while (got < count) {
        ssize_t n = rd_kafka_consume_batch_queue(queue, 100, msgs, BATCH);

        for (ssize_t i = 0; i < n; i++) {
            if (!msgs[i]->err && !got++)
                first = relais_monotonic_us();
            rd_kafka_message_destroy(msgs[i]);
        }
    }
    last = relais_monotonic_us();
    rd_kafka_topic_partition_list_destroy(list);
    rd_kafka_queue_destroy(queue);
    rd_kafka_consumer_close(rk);
    rd_kafka_destroy(rk);
    return last - first;
}

static int64_t run_ours(const struct relais_conf *conf, const char *topic, long count)
{
    const char *const topics[] = {topic, NULL};
    struct relais_error err = RELAIS_ERROR_INIT;
    struct subscriber *sub = subscriber_new(
        &(struct subscriber_options){
            .conf = conf, .topics = topics, .from_ms = RELAIS_FROM_BEGINNING},
        &err);
    int64_t first = 0, last, centimes = 0;
    long got = 0;

    if (!sub)
        die(&err);
    while (got < count) {
        const struct evenement_paiement *paiement;
        struct relais_event *ev;

        if (subscriber_poll(sub, 100, &ev, &err) < 0)
            die(&err);
        if (!ev)
            continue;
        if (!got++)
            first = relais_monotonic_us();
        paiement = relais_event_struct(ev, NAME);
        if (paiement)
            centimes += paiement->montant_centimes;
        relais_event_free(ev);
    }
    last = relais_monotonic_us();
    if (centimes < 50000 * count) {
        fprintf(stderr, "bench_consume: not all were decoded\n");
        exit(1);
    }
    subscriber_free(sub);
    return last - first;
}

#define PROPERTIES_MAX 8

int main(int argc, char **argv)
{
    struct relais_error err = RELAIS_ERROR_INIT;
    char texts[PROPERTIES_MAX + 2][512];
    const char *overrides[PROPERTIES_MAX + 2];
    size_t override_count = 2;
    struct relais_conf *conf;
    int64_t us;
    long count;

    if (argc < 6 || argc > 6 + PROPERTIES_MAX) {
        fprintf(stderr, "usage: bench_consume fill|raw|ours BROKERS REGISTRY TOPIC COUNT "
                        "[kafka property=value...]\n");
        return 2;
    }
    snprintf(texts[0], sizeof(texts[0]), "kafka.bootstrap.servers=%s", argv[2]);
    snprintf(texts[1], sizeof(texts[1]), "registry.url=%s", argv[3]);
    for (int i = 6; i < argc; i++)
        snprintf(texts[override_count++], sizeof(texts[0]), "kafka.%s", argv[i]);
    for (size_t i = 0; i < override_count; i++)
        overrides[i] = texts[i];
    conf = relais_conf_load(NULL, overrides, override_count, &err);
    if (!conf)
        die(&err);
    relais_conf_admit(conf, relais_conf_common);
    count = strtol(argv[5], NULL, 10);
    if (strcmp(argv[1], "fill") == 0) {
        fill(conf, argv[4], count);
        return 0;
    }
    us = strcmp(argv[1], "raw") ? run_ours(conf, argv[4], count)
                                : run_raw(conf, argv[4], count);
    printf("rate=%.0f\n", (double)count * 1e6 / (double)us);
    relais_conf_free(conf);
    return 0;
}
