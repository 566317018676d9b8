/* topic_dump BOOTSTRAP TOPIC... -- every message's key, headers and value as raw bytes on
 * standard output, for the privacy scan. Reads each partition to the end it had.
 */
#include <librdkafka/rdkafka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TIMEOUT_MS 10000

static void die(const char *what)
{
    fprintf(stderr, "topic_dump: %s\n", what);
    exit(1);
}

static void put(const void *ptr, size_t len)
{
    if (ptr && fwrite(ptr, 1, len, stdout) != len)
        die("output");
    putchar('\n');
}

static void put_message(const rd_kafka_message_t *message)
{
    rd_kafka_headers_t *headers;
    const char *name;
    const void *value;
    size_t len;

    put(message->key, message->key_len);
    if (rd_kafka_message_headers(message, &headers) == RD_KAFKA_RESP_ERR_NO_ERROR)
        for (size_t i = 0; !rd_kafka_header_get_all(headers, i, &name, &value, &len);
             i++) {
            fputs(name, stdout);
            put(value, len);
        }
    put(message->payload, message->len);
}

static void dump_partition(rd_kafka_t *rk, const char *topic, int32_t partition)
{
    int64_t low, high, next;
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);

    if (rd_kafka_query_watermark_offsets(rk, topic, partition, &low, &high, TIMEOUT_MS))
        die("watermarks");
    rd_kafka_topic_partition_list_add(list, topic, partition)->offset = low;
    if (rd_kafka_assign(rk, list))
        die("assign");
    for (next = low; next < high;) {
        rd_kafka_message_t *message = rd_kafka_consumer_poll(rk, TIMEOUT_MS);

        if (!message || message->err)
            die("poll");
        next = message->offset + 1;
        put_message(message);
        rd_kafka_message_destroy(message);
    }
    rd_kafka_topic_partition_list_destroy(list);
}

int main(int argc, char **argv)
{
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    const struct rd_kafka_metadata *metadata;
    char text[256];
    rd_kafka_t *rk;

    if (argc < 3)
        die("BOOTSTRAP TOPIC...");
    if (rd_kafka_conf_set(conf, "bootstrap.servers", argv[1], text, sizeof(text)) ||
        rd_kafka_conf_set(conf, "group.id", "topic_dump", text, sizeof(text)) ||
        rd_kafka_conf_set(conf, "fetch.wait.max.ms", "10", text, sizeof(text)))
        die(text);
    rk = rd_kafka_new(RD_KAFKA_CONSUMER, conf, text, sizeof(text));
    if (!rk)
        die(text);
    if (rd_kafka_metadata(rk, 1, NULL, &metadata, TIMEOUT_MS))
        die("metadata");
    for (int i = 2; i < argc; i++)
        for (int j = 0; j < metadata->topic_cnt; j++)
            for (int k = 0; strcmp(metadata->topics[j].topic, argv[i]) == 0 &&
                            k < metadata->topics[j].partition_cnt;
                 k++)
                dump_partition(rk, argv[i], metadata->topics[j].partitions[k].id);
    rd_kafka_metadata_destroy(metadata);
    rd_kafka_consumer_close(rk);
    rd_kafka_destroy(rk);
    return 0;
}
