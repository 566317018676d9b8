#include "consumers/group.h"

#include <stdio.h>
#include <stdlib.h>

#define QUERY_MS 10000
#define CLOSE_S  5

struct group {
    rd_kafka_t *rk;
    rd_kafka_topic_partition_list_t *known;
};

struct group *group_new(const struct relais_conf *conf, const char *name,
                        struct relais_error *err)
{
    rd_kafka_conf_t *kconf = relais_kafka_conf(conf, RELAIS_KAFKA_CONSUMER, err);
    struct group *g;
    char text[160];
    rd_kafka_t *rk = NULL;

    if (!kconf)
        return NULL;
    if (rd_kafka_conf_set(kconf, "group.id", name, text, sizeof(text)) ==
        RD_KAFKA_CONF_OK)
        rk = rd_kafka_new(RD_KAFKA_CONSUMER, kconf, text, sizeof(text));
    if (!rk) {
        rd_kafka_conf_destroy(kconf);
        relais_error_set(err, RELAIS_E_CONF_VALUE, "[kafka]", "%s", text);
        return NULL;
    }
    g = relais_zalloc(sizeof(*g));
    g->rk = rk;
    g->known = rd_kafka_topic_partition_list_new(16);
    return g;
}

int group_next(struct group *g, const char *topic, int32_t partition, int64_t *next_out,
               struct relais_error *err)
{
    rd_kafka_topic_partition_t *p =
        rd_kafka_topic_partition_list_find(g->known, topic, partition);

    if (!p) {
        rd_kafka_topic_partition_list_t *one = rd_kafka_topic_partition_list_new(1);
        rd_kafka_resp_err_t code;

        p = rd_kafka_topic_partition_list_add(one, topic, partition);
        code = rd_kafka_committed(g->rk, one, QUERY_MS);
        code = code ? code : p->err;
        if (!code)
            rd_kafka_topic_partition_list_add(g->known, topic, partition)->offset =
                p->offset;
        rd_kafka_topic_partition_list_destroy(one);
        if (code)
            return relais_kafka_error(err, code, topic, "committed offset");
        p = rd_kafka_topic_partition_list_find(g->known, topic, partition);
    }
    *next_out = p->offset < 0 ? -1 : p->offset;
    return 0;
}

bool group_free(struct group *g)
{
    bool hanging = g && relais_kafka_destroy(g->rk, CLOSE_S);

    if (!g)
        return false;
    rd_kafka_topic_partition_list_destroy(g->known);
    free(g);
    return hanging;
}
