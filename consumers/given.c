#include "consumers/given.h"

#include "core/kafka.h"

#include <stdio.h>
#include <stdlib.h>

#define QUERY_MS 10000
#define CLOSE_S  5

struct given {
    char *group;
    const struct relais_sink_ops *ops; /* NULL: Kafka is asked */
    void *sink;
    rd_kafka_t *rk;
    struct relais_position *known;
    size_t count;
};

static rd_kafka_t *consumer_of(const struct relais_conf *conf, const char *group,
                               struct relais_error *err)
{
    rd_kafka_conf_t *kconf = relais_kafka_conf(conf, RELAIS_KAFKA_CONSUMER, err);
    char text[160];
    rd_kafka_t *rk = NULL;

    if (!kconf)
        return NULL;
    if (rd_kafka_conf_set(kconf, "group.id", group, text, sizeof(text)) ==
        RD_KAFKA_CONF_OK)
        rk = rd_kafka_new(RD_KAFKA_CONSUMER, kconf, text, sizeof(text));
    if (rk)
        return rk;
    rd_kafka_conf_destroy(kconf);
    relais_error_set(err, RELAIS_E_CONF_VALUE, "[kafka]", "%s", text);
    return NULL;
}

struct given *given_new(const struct relais_conf *conf, const struct relais_sink_ops *ops,
                        const char *group, struct relais_error *err)
{
    struct given *g = relais_zalloc(sizeof(*g));

    g->group = relais_strdup(group);
    g->ops = ops;
    if (ops ? ops->open(&g->sink, conf, err) == 0
            : (g->rk = consumer_of(conf, group, err)) != NULL)
        return g;
    g->ops = NULL;
    (void)given_free(g);
    return NULL;
}

static int ask_kafka(const struct given *g, struct relais_position *at,
                     struct relais_error *err)
{
    rd_kafka_topic_partition_list_t *one = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_t *p =
        rd_kafka_topic_partition_list_add(one, at->topic, at->partition);
    rd_kafka_resp_err_t code = rd_kafka_committed(g->rk, one, QUERY_MS);

    code = code ? code : p->err;
    at->next = p->offset < 0 ? -1 : p->offset;
    rd_kafka_topic_partition_list_destroy(one);
    return code ? relais_kafka_error(err, code, at->topic, "committed offset") : 0;
}

int given_next(struct given *g, const char *topic, int32_t partition, int64_t *next_out,
               struct relais_error *err)
{
    struct relais_position at = {topic, partition, -1, 0};

    for (size_t i = 0; i < g->count; i++)
        if (g->known[i].partition == partition && strcmp(g->known[i].topic, topic) == 0) {
            *next_out = g->known[i].next;
            return 0;
        }
    if (g->ops ? g->ops->look(g->sink, g->group, &at, 1, err) : ask_kafka(g, &at, err))
        return -1;
    g->known = relais_realloc(g->known, (g->count + 1) * sizeof(*g->known));
    g->known[g->count] = at;
    g->known[g->count++].topic = relais_strdup(topic);
    *next_out = at.next;
    return 0;
}

bool given_free(struct given *g)
{
    bool hanging;

    if (!g)
        return false;
    if (g->ops)
        g->ops->close(g->sink);
    hanging = g->rk && relais_kafka_destroy(g->rk, CLOSE_S);
    for (size_t i = 0; i < g->count; i++)
        free((char *)g->known[i].topic);
    free(g->known);
    free(g->group);
    free(g);
    return hanging;
}
