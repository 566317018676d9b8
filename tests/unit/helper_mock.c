#include "tests/unit/helper_mock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

struct mock *mock_new(void)
{
    struct mock *m = relais_zalloc(sizeof(*m));
    rd_kafka_conf_t *kconf = rd_kafka_conf_new();
    char text[256];

    rd_kafka_conf_set_log_cb(kconf, NULL);
    m->rk = rd_kafka_new(RD_KAFKA_PRODUCER, kconf, text, sizeof(text));
    assert_non_null(m->rk);
    m->cluster = rd_kafka_mock_cluster_new(m->rk, 1);
    assert_non_null(m->cluster);
    snprintf(m->bootstrap, sizeof(m->bootstrap), "%s",
             rd_kafka_mock_cluster_bootstraps(m->cluster));
    return m;
}

void mock_free(struct mock *m)
{
    rd_kafka_mock_cluster_destroy(m->cluster);
    rd_kafka_destroy(m->rk);
    free(m);
}

const char *mock_bootstrap(const struct mock *m) { return m->bootstrap; }

void mock_topic(struct mock *m, const char *topic, int partitions)
{
    assert_int_equal(rd_kafka_mock_topic_create(m->cluster, topic, partitions, 1), 0);
}

static rd_kafka_t *reader(const struct mock *m)
{
    static const char *const settings[][2] = {
        {"group.id", "lecture"},
        {"enable.auto.commit", "false"},
        {"enable.partition.eof", "true"},
        {"auto.offset.reset", "error"},
    };
    rd_kafka_conf_t *kconf = rd_kafka_conf_new();
    char text[256];
    rd_kafka_t *rk;

    rd_kafka_conf_set_log_cb(kconf, NULL);
    assert_int_equal(rd_kafka_conf_set(kconf, "bootstrap.servers", mock_bootstrap(m),
                                       text, sizeof(text)),
                     RD_KAFKA_CONF_OK);
    for (size_t i = 0; i < sizeof(settings) / sizeof(settings[0]); i++)
        assert_int_equal(
            rd_kafka_conf_set(kconf, settings[i][0], settings[i][1], text, sizeof(text)),
            RD_KAFKA_CONF_OK);
    rk = rd_kafka_new(RD_KAFKA_CONSUMER, kconf, text, sizeof(text));
    assert_non_null(rk);
    rd_kafka_poll_set_consumer(rk);
    return rk;
}

static void keep_headers(const rd_kafka_message_t *from, struct mock_message *to)
{
    rd_kafka_headers_t *headers;
    size_t used = 0, size;
    const char *name;
    const void *value;

    if (rd_kafka_message_headers(from, &headers))
        return;
    for (size_t i = 0; !rd_kafka_header_get_all(headers, i, &name, &value, &size); i++) {
        int n = snprintf(to->headers + used, sizeof(to->headers) - used, "%s=%.*s\n",
                         name, (int)size, (const char *)value);

        used += (size_t)n;
        assert_true(used < sizeof(to->headers));
    }
}

static void keep(struct mock_messages *all, const rd_kafka_message_t *m)
{
    struct mock_message *to;

    if ((all->count & (all->count - 1)) == 0)
        all->items = relais_realloc(all->items, (all->count ? all->count * 2 : 1) *
                                                    sizeof(*all->items));
    to = &all->items[all->count++];
    memset(to, 0, sizeof(*to));
    to->partition = m->partition;
    to->offset = m->offset;
    to->key = relais_strndup(m->key ? m->key : "", m->key_len);
    to->value = relais_strndup(m->payload ? m->payload : "", m->len);
    to->value_len = m->len;
    keep_headers(m, to);
}

struct mock_messages mock_read(const struct mock *m, const char *topic, int partitions)
{
    struct mock_messages all = {NULL, 0};
    rd_kafka_t *rk = reader(m);
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(partitions);
    int ended = 0;

    for (int i = 0; i < partitions; i++)
        rd_kafka_topic_partition_list_add(list, topic, i)->offset =
            RD_KAFKA_OFFSET_BEGINNING;
    assert_int_equal(rd_kafka_assign(rk, list), 0);
    while (ended < partitions) {
        rd_kafka_message_t *msg = rd_kafka_consumer_poll(rk, 10000);

        assert_non_null(msg);
        if (msg->err == RD_KAFKA_RESP_ERR__PARTITION_EOF)
            ended++;
        else if (!msg->err)
            keep(&all, msg);
        rd_kafka_message_destroy(msg);
    }
    rd_kafka_topic_partition_list_destroy(list);
    rd_kafka_consumer_close(rk);
    rd_kafka_destroy(rk);
    return all;
}

void mock_messages_free(struct mock_messages *messages)
{
    for (size_t i = 0; i < messages->count; i++) {
        free(messages->items[i].key);
        free(messages->items[i].value);
    }
    free(messages->items);
    *messages = (struct mock_messages){NULL, 0};
}

struct relais_conf *mock_conf(const struct mock *m, const char *text)
{
    struct relais_error err = RELAIS_ERROR_INIT;
    struct relais_buf buf = RELAIS_BUF_INIT(65536);
    struct relais_conf *conf;

    assert_int_equal(relais_buf_printf(&buf, "[kafka]\nbootstrap.servers = %s\n%s",
                                       m ? mock_bootstrap(m) : "127.0.0.1:1", text),
                     0);
    conf = relais_conf_parse(relais_buf_slice(&buf), "/tmp", &err);
    if (!conf)
        fail_msg("%s: %s", err.where, err.text);
    relais_conf_admit(conf, relais_conf_common);
    relais_buf_release(&buf);
    return conf;
}
