/* kdump BOOTSTRAP TOPIC... [-X NAME=VALUE]... -- every message of the topics, from the
 * first that is left to the end each partition had, a line each:
 *   topic partition offset key headers value
 * In no order between partitions. Tab separated; key, headers and value in hex, `-` for
 * null. headers: name=hex,... in their order. Ends with 1 if a message could not be read.
 */
#include <librdkafka/rdkafka.h>

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TIMEOUT_MS     20000
#define PARTITIONS_MAX 256

static void die(const char *what, const char *why)
{
    fprintf(stderr, "kdump: %s: %s\n", what, why);
    exit(1);
}

static void put_hex(const void *ptr, size_t len)
{
    const unsigned char *bytes = ptr;

    if (!ptr)
        putchar('-');
    for (size_t i = 0; ptr && i < len; i++)
        printf("%02x", bytes[i]);
}

static void put_message(const rd_kafka_message_t *m)
{
    rd_kafka_headers_t *headers;
    const char *name;
    const void *value;
    size_t len;

    printf("%s\t%" PRId32 "\t%" PRId64 "\t", rd_kafka_topic_name(m->rkt), m->partition,
           m->offset);
    put_hex(m->key, m->key_len);
    putchar('\t');
    if (rd_kafka_message_headers(m, &headers))
        headers = NULL;
    for (size_t i = 0;
         headers && !rd_kafka_header_get_all(headers, i, &name, &value, &len); i++) {
        printf("%s%s=", i ? "," : "", name);
        put_hex(value, len);
    }
    putchar('\t');
    put_hex(m->payload, m->len);
    putchar('\n');
}

struct partition {
    const char *topic;
    int32_t number;
    int64_t end;
    bool done;
};

static struct partition partitions[PARTITIONS_MAX];
static int partition_count, open_count;

static void add_partition(rd_kafka_t *rk, rd_kafka_topic_partition_list_t *list,
                          const char *topic, int32_t number)
{
    struct partition *p = &partitions[partition_count];
    int64_t low;
    rd_kafka_resp_err_t code;

    if (partition_count == PARTITIONS_MAX)
        die(topic, "too many partitions");
    *p = (struct partition){.topic = topic, .number = number};
    code = rd_kafka_query_watermark_offsets(rk, topic, number, &low, &p->end, TIMEOUT_MS);
    if (code)
        die(topic, rd_kafka_err2str(code));
    if (low == p->end)
        return;
    rd_kafka_topic_partition_list_add(list, topic, number)->offset = low;
    partition_count++;
    open_count++;
}

static void add_topic(rd_kafka_t *rk, const struct rd_kafka_metadata *metadata,
                      rd_kafka_topic_partition_list_t *list, const char *topic)
{
    for (int i = 0; i < metadata->topic_cnt; i++) {
        const struct rd_kafka_metadata_topic *t = &metadata->topics[i];

        if (strcmp(t->topic, topic) != 0)
            continue;
        for (int j = 0; j < t->partition_cnt; j++)
            add_partition(rk, list, topic, t->partitions[j].id);
        return;
    }
    die(topic, "no such topic");
}

static struct partition *partition_of(const rd_kafka_message_t *m)
{
    for (int i = 0; m->rkt && i < partition_count; i++)
        if (partitions[i].number == m->partition &&
            strcmp(partitions[i].topic, rd_kafka_topic_name(m->rkt)) == 0)
            return &partitions[i];
    die("message", rd_kafka_message_errstr(m));
    return NULL;
}

/* The last records of a partition may be no messages (marks of a transaction): its end
 * is told by _PARTITION_EOF then. */
static void take(const rd_kafka_message_t *m)
{
    struct partition *p = partition_of(m);
    bool end = m->err == RD_KAFKA_RESP_ERR__PARTITION_EOF;

    if (m->err && !end)
        die(p->topic, rd_kafka_message_errstr(m));
    if (p->done)
        return;
    if (!end && m->offset < p->end)
        put_message(m);
    if (end || m->offset + 1 >= p->end) {
        p->done = true;
        open_count--;
    }
}

static void dump(rd_kafka_t *rk, const rd_kafka_topic_partition_list_t *list)
{
    rd_kafka_resp_err_t code = rd_kafka_assign(rk, list);

    if (code)
        die("assign", rd_kafka_err2str(code));
    while (open_count) {
        rd_kafka_message_t *m = rd_kafka_consumer_poll(rk, TIMEOUT_MS);

        if (!m)
            die("poll", "no message");
        take(m);
        rd_kafka_message_destroy(m);
    }
}

static void set(rd_kafka_conf_t *conf, const char *name, const char *value)
{
    char text[256];

    if (rd_kafka_conf_set(conf, name, value, text, sizeof(text)) != RD_KAFKA_CONF_OK)
        die(name, text);
}

static rd_kafka_t *make_consumer(int argc, char **argv)
{
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    char text[256];
    rd_kafka_t *rk;

    set(conf, "bootstrap.servers", argv[1]);
    set(conf, "group.id", "relais.kdump");
    set(conf, "enable.partition.eof", "true");
    set(conf, "check.crcs", "true");
    for (int i = 2; i + 1 < argc; i++) {
        char *value = strcmp(argv[i], "-X") == 0 ? strchr(argv[i + 1], '=') : NULL;

        if (!value)
            continue;
        *value = '\0';
        set(conf, argv[++i], value + 1);
    }
    rk = rd_kafka_new(RD_KAFKA_CONSUMER, conf, text, sizeof(text));
    if (!rk)
        die("consumer", text);
    return rk;
}

int main(int argc, char **argv)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(32);
    const struct rd_kafka_metadata *metadata;
    rd_kafka_resp_err_t code;
    rd_kafka_t *rk;

    if (argc < 3)
        die("usage", "kdump BOOTSTRAP TOPIC... [-X NAME=VALUE]...");
    rk = make_consumer(argc, argv);
    code = rd_kafka_metadata(rk, 1, NULL, &metadata, TIMEOUT_MS);
    if (code)
        die("metadata", rd_kafka_err2str(code));
    for (int i = 2; i < argc; i++) {
        if (strcmp(argv[i], "-X") == 0)
            i++;
        else
            add_topic(rk, metadata, list, argv[i]);
    }
    dump(rk, list);
    rd_kafka_topic_partition_list_destroy(list);
    rd_kafka_metadata_destroy(metadata);
    rd_kafka_consumer_close(rk);
    rd_kafka_destroy(rk);
    return fflush(stdout) ? 1 : 0;
}
