/* bench_publish raw|ours BROKERS TOPIC COUNT: rate of publishing encoded payments, from
 * the first message to the last delivery report. Both sides: the same bytes, keys,
 * headers and librdkafka settings (relais_kafka_conf). raw is librdkafka and nothing
 * else; ours is the publisher with its ring. Prints rate=EVENTS_PER_SECOND.
 */
#include "core/day.h"
#include "producers/publisher.h"

#include <stdio.h>
#include <stdlib.h>

#define VALUE_LEN 193
#define KEY_LEN   34
#define POOL      4096

static const char source[] = "urn:relais:cnaf:cristal:dep93";
static const char type[] = "fr.relais.payments.paiement.emis";

static struct {
    char value[VALUE_LEN];
    char key[KEY_LEN + 1];
    char id[37];
    char trace[56];
} pool[POOL];

static long delivered, failed;

static void fill_pool(void)
{
    uint64_t x = 88172645463325252u;

    for (size_t i = 0; i < POOL; i++) {
        for (size_t j = 0; j < VALUE_LEN; j++) {
            x ^= x << 13;
            x ^= x >> 7;
            x ^= x << 17;
            pool[i].value[j] = (char)(j % 3 ? 'a' + (int)(x % 26) : (int)(x & 0x7f));
        }
        snprintf(pool[i].key, sizeof(pool[i].key), "d1-4f0a-%026zu", i);
        snprintf(pool[i].id, sizeof(pool[i].id), "%08x-0000-8000-8000-%012zx",
                 (unsigned)(x & 0xffffffff), i);
        snprintf(pool[i].trace, sizeof(pool[i].trace), "00-%032zx-%016zx-01", i, i);
    }
}

static void die(const struct relais_error *err)
{
    fprintf(stderr, "bench_publish: %s %s\n", err->where, err->text);
    exit(1);
}

static void on_delivery(rd_kafka_t *rk, const rd_kafka_message_t *m, void *opaque)
{
    if (m->err)
        failed++;
    else
        delivered++;
}

static rd_kafka_headers_t *headers(size_t i)
{
    rd_kafka_headers_t *h = rd_kafka_headers_new(6);

    rd_kafka_header_add(h, "ce_specversion", 14, "1.0", 3);
    rd_kafka_header_add(h, "ce_id", 5, pool[i].id, 36);
    rd_kafka_header_add(h, "ce_source", 9, source, -1);
    rd_kafka_header_add(h, "ce_type", 7, type, -1);
    rd_kafka_header_add(h, "content-type", 12, "application/avro", 16);
    rd_kafka_header_add(h, "traceparent", 11, pool[i].trace, 55);
    return h;
}

static int64_t run_raw(const struct relais_conf *conf, const char *topic, long count)
{
    struct relais_error err = RELAIS_ERROR_INIT;
    rd_kafka_conf_t *kconf = relais_kafka_conf(conf, RELAIS_KAFKA_PRODUCER, &err);
    char text[256];
    rd_kafka_topic_t *rkt;
    rd_kafka_t *rk;
    int32_t partitions;
    int64_t start;

    if (!kconf)
        die(&err);
    rd_kafka_conf_set_dr_msg_cb(kconf, on_delivery);
    rk = rd_kafka_new(RD_KAFKA_PRODUCER, kconf, text, sizeof(text));
    if (!rk || relais_kafka_partitions(rk, topic, 10000, &partitions, &err))
        die(&err);
    rkt = rd_kafka_topic_new(rk, topic, NULL);
    start = relais_monotonic_us();
    for (long n = 0; n < count; n++) {
        size_t i = (size_t)n % POOL;
        rd_kafka_headers_t *h = headers(i);

        while (rd_kafka_producev(rk, RD_KAFKA_V_RKT(rkt),
                                 RD_KAFKA_V_VALUE(pool[i].value, VALUE_LEN),
                                 RD_KAFKA_V_KEY(pool[i].key, KEY_LEN),
                                 RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
                                 RD_KAFKA_V_HEADERS(h), RD_KAFKA_V_END))
            rd_kafka_poll(rk, 10);
        if (n % 1000 == 0)
            rd_kafka_poll(rk, 0);
    }
    rd_kafka_flush(rk, 120000);
    start = relais_monotonic_us() - start;
    if (delivered != count || failed)
        exit(1);
    rd_kafka_topic_destroy(rkt);
    rd_kafka_destroy(rk);
    return start;
}

/* Everything durable so far leaves the ring, as the source runner lets it. */
static void drain(struct publisher *p)
{
    struct inflight *ring = publisher_ring(p);
    size_t ready = inflight_ready(ring);

    inflight_release(ring, ready);
    delivered += (long)ready;
}

static int64_t run_ours(const struct relais_conf *conf, const char *topic, long count)
{
    struct relais_error err = RELAIS_ERROR_INIT;
    struct publisher *p = publisher_new(conf, source, &err);
    uint32_t number;
    int64_t start;

    if (!p || publisher_topic(p, topic, &number, &err) ||
        publisher_check_topics(p, 10000, &err))
        die(&err);
    start = relais_monotonic_us();
    for (long n = 0; n < count; n++) {
        size_t i = (size_t)n % POOL;
        struct inflight_message m = {.topic = number, .ack = (uint64_t)n, .type = type};

        memcpy(m.id, pool[i].id, sizeof(m.id));
        memcpy(m.trace, pool[i].trace, sizeof(m.trace));
        m.key = (struct relais_slice){pool[i].key, KEY_LEN};
        m.value = (struct relais_slice){pool[i].value, VALUE_LEN};
        while (publisher_send(p, &m, &err)) {
            if (err.code != RELAIS_E_QUEUE_FULL)
                die(&err);
            relais_error_clear(&err);
            if (publisher_poll(p, 10, &err))
                die(&err);
            drain(p);
        }
        if (n % 1000 == 0) {
            if (publisher_poll(p, 0, &err))
                die(&err);
            drain(p);
        }
    }
    while (delivered < count) {
        if (publisher_poll(p, 10, &err))
            die(&err);
        drain(p);
    }
    start = relais_monotonic_us() - start;
    publisher_free(p);
    return start;
}

int main(int argc, char **argv)
{
    struct relais_error err = RELAIS_ERROR_INIT;
    struct relais_conf *conf;
    char brokers[512];
    const char *overrides[] = {brokers};
    long count;
    int64_t us;

    if (argc != 5) {
        fprintf(stderr, "usage: bench_publish raw|ours BROKERS TOPIC COUNT\n");
        return 2;
    }
    snprintf(brokers, sizeof(brokers), "kafka.bootstrap.servers=%s", argv[2]);
    conf = relais_conf_load(NULL, overrides, 1, &err);
    if (!conf)
        die(&err);
    relais_conf_admit(conf, relais_conf_common);
    count = strtol(argv[4], NULL, 10);
    fill_pool();
    us = strcmp(argv[1], "raw") ? run_ours(conf, argv[3], count)
                                : run_raw(conf, argv[3], count);
    printf("rate=%.0f\n", (double)count * 1e6 / (double)us);
    relais_conf_free(conf);
    return 0;
}
