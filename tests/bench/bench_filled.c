/* bench_filled BROKERS TOPIC COUNT: waits until somebody else has put COUNT messages into
 * the topic, by its end offsets. Ends with 1 if that takes longer than 300 s.
 */
#include "core/day.h"

#include <librdkafka/rdkafka.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define LOOK_US    20000
#define TIMEOUT_MS 5000
#define LIMIT_US   INT64_C(300000000)

static void die(const char *what)
{
    fprintf(stderr, "bench_filled: %s\n", what);
    exit(1);
}

static int partitions_of(rd_kafka_t *rk, const char *topic)
{
    rd_kafka_topic_t *t = rd_kafka_topic_new(rk, topic, NULL);
    const struct rd_kafka_metadata *md = NULL;
    int count = 0;

    if (rd_kafka_metadata(rk, 0, t, &md, TIMEOUT_MS) == RD_KAFKA_RESP_ERR_NO_ERROR)
        count = md->topics[0].partition_cnt;
    rd_kafka_metadata_destroy(md);
    rd_kafka_topic_destroy(t);
    return count;
}

static int64_t held(rd_kafka_t *rk, const char *topic, int partitions)
{
    int64_t sum = 0, low, high;

    for (int32_t p = 0; p < partitions; p++) {
        if (rd_kafka_query_watermark_offsets(rk, topic, p, &low, &high, TIMEOUT_MS))
            die("no answer of the broker");
        sum += high;
    }
    return sum;
}

int main(int argc, char **argv)
{
    int64_t begun = relais_monotonic_us(), count;
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    rd_kafka_t *rk;
    char text[256];
    int partitions;

    if (argc < 4)
        die("usage: bench_filled BROKERS TOPIC COUNT");
    count = strtoll(argv[3], NULL, 10);
    rd_kafka_conf_set(conf, "bootstrap.servers", argv[1], text, sizeof(text));
    rk = rd_kafka_new(RD_KAFKA_CONSUMER, conf, text, sizeof(text));
    if (!rk || !(partitions = partitions_of(rk, argv[2])))
        die("no such topic");
    while (held(rk, argv[2], partitions) < count) {
        if (relais_monotonic_us() - begun > LIMIT_US)
            die("too slow");
        usleep(LOOK_US);
    }
    rd_kafka_destroy(rk);
    return 0;
}
