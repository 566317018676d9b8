#include "consumers/dlq.h"

#include <stdio.h>
#include <stdlib.h>

#define METADATA_MS 3000
#define CLOSE_S     5

struct dlq {
    const struct relais_conf *conf;
    const char *group;
    struct relais_kafka_watch watch; /* opaque of rk; its first use */
    rd_kafka_t *rk;
    bool waiting;   /* a message is out */
    bool too_large; /* the one that is out was refused for its size: without value next */
    rd_kafka_resp_err_t result; /* of its delivery report */
    char known[256];            /* the last topic seen to exist */
    bool hanging;
};

static void on_delivery(rd_kafka_t *rk, const rd_kafka_message_t *msg, void *opaque)
{
    struct dlq *dlq = msg->_private;

    dlq->result = msg->err;
    dlq->waiting = false;
}

enum dlq_whose dlq_whose(const struct relais_event *event, const char *group)
{
    struct relais_slice of;

    if (relais_slice_is(relais_slice_str(relais_event_subject(event)),
                        "fr.relais.Parcage"))
        return DLQ_SOURCE;
    of.ptr = relais_event_header(event, DLQ_GROUP, &of.len);
    return of.ptr && !relais_slice_is(of, group) ? DLQ_OTHER : DLQ_OWN;
}

struct dlq *dlq_new(const struct relais_conf *conf, const char *group)
{
    struct dlq *dlq = relais_zalloc(sizeof(*dlq));

    dlq->conf = conf;
    dlq->group = group;
    return dlq;
}

static int producer_open(struct dlq *dlq, struct relais_error *err)
{
    rd_kafka_conf_t *kconf = relais_kafka_conf(dlq->conf, RELAIS_KAFKA_PRODUCER, err);
    char text[160];

    if (!kconf)
        return -1;
    relais_kafka_watch(kconf, &dlq->watch);
    rd_kafka_conf_set_dr_msg_cb(kconf, on_delivery);
    dlq->rk = rd_kafka_new(RD_KAFKA_PRODUCER, kconf, text, sizeof(text));
    if (dlq->rk)
        return 0;
    rd_kafka_conf_destroy(kconf);
    return relais_error_set(err, RELAIS_E_CONF_VALUE, "[kafka]", "%s", text);
}

/* What is out is in doubt: it is put again, by another producer. */
static void producer_close(struct dlq *dlq)
{
    if (!dlq->rk)
        return;
    rd_kafka_purge(dlq->rk, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
    rd_kafka_poll(dlq->rk, 0);
    if (relais_kafka_destroy(dlq->rk, CLOSE_S))
        dlq->hanging = true;
    dlq->rk = NULL;
    dlq->waiting = false;
    dlq->known[0] = '\0';
}

#define DLQ ".dlq"

/* It was parked before, and is refused again. */
static bool is_parked(const char *topic)
{
    size_t len = strlen(topic);

    return len > strlen(DLQ) && strcmp(topic + len - strlen(DLQ), DLQ) == 0;
}

/* Where a message was first, its headers tell once for all; whose it is and why, anew. */
static rd_kafka_headers_t *headers_of(const struct dlq *dlq,
                                      const rd_kafka_message_t *msg, const char *stage,
                                      const struct relais_error *why)
{
    const char *topic = rd_kafka_topic_name(msg->rkt);
    bool again = is_parked(topic);
    rd_kafka_headers_t *own, *headers;

    if (rd_kafka_message_headers(msg, &own))
        headers = rd_kafka_headers_new(8);
    else
        headers = rd_kafka_headers_copy(own);
    if (again) {
        rd_kafka_header_remove(headers, RELAIS_KAFKA_DLQ_STAGE);
        rd_kafka_header_remove(headers, RELAIS_KAFKA_DLQ_WHY);
        rd_kafka_header_remove(headers, DLQ_GROUP);
    }
    if (!relais_kafka_dlq_headers(headers, again ? NULL : topic,
                                  again ? -1 : msg->partition, again ? -1 : msg->offset,
                                  stage, why) &&
        !rd_kafka_header_add(headers, DLQ_GROUP, -1, dlq->group, -1))
        return headers;
    rd_kafka_headers_destroy(headers);
    return NULL;
}

static int produce(struct dlq *dlq, const rd_kafka_message_t *msg, const char *topic,
                   rd_kafka_headers_t *headers, struct relais_error *err)
{
    rd_kafka_resp_err_t code;
    rd_kafka_error_t *error;
    bool whole = !dlq->too_large;
    rd_kafka_vu_t vus[] = {
        {.vtype = RD_KAFKA_VTYPE_TOPIC, .u.cstr = topic},
        {.vtype = RD_KAFKA_VTYPE_MSGFLAGS, .u.i = RD_KAFKA_MSG_F_COPY},
        {.vtype = RD_KAFKA_VTYPE_KEY, .u.mem = {msg->key, msg->key_len}},
        {.vtype = RD_KAFKA_VTYPE_VALUE,
         .u.mem = {whole ? msg->payload : NULL, whole ? msg->len : 0}},
        {.vtype = RD_KAFKA_VTYPE_HEADERS, .u.headers = headers},
        {.vtype = RD_KAFKA_VTYPE_OPAQUE, .u.ptr = dlq},
    };

    error = rd_kafka_produceva(dlq->rk, vus, sizeof(vus) / sizeof(vus[0]));
    if (!error) {
        dlq->waiting = true;
        return 0;
    }
    rd_kafka_headers_destroy(headers);
    code = rd_kafka_error_code(error);
    rd_kafka_error_destroy(error);
    if (code == RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE && whole) {
        dlq->too_large = true;
        return relais_error_set(err, RELAIS_E_QUEUE_FULL, topic,
                                "too large, parked without its value");
    }
    producer_close(dlq);
    return relais_kafka_error(err, code, topic, "park");
}

int dlq_put(struct dlq *dlq, const rd_kafka_message_t *msg, const char *stage,
            const struct relais_error *why, struct relais_error *err)
{
    const char *from = rd_kafka_topic_name(msg->rkt);
    char topic[256];
    rd_kafka_headers_t *headers;
    int32_t count;

    snprintf(topic, sizeof(topic), "%s%s", from, is_parked(from) ? "" : DLQ);
    if (!dlq->rk && producer_open(dlq, err))
        return -1;
    if (strcmp(topic, dlq->known) != 0) {
        if (relais_kafka_partitions(dlq->rk, topic, METADATA_MS, &count, err))
            return -1;
        memcpy(dlq->known, topic, sizeof(topic));
    }
    headers = headers_of(dlq, msg, stage, why);
    if (!headers)
        return relais_error_set(err, RELAIS_E_BUG, topic, "headers");
    return produce(dlq, msg, topic, headers, err);
}

int dlq_wait(struct dlq *dlq, int timeout_ms, struct relais_error *err)
{
    if (dlq->waiting)
        rd_kafka_poll(dlq->rk, timeout_ms);
    if (dlq->waiting)
        return relais_kafka_watch_check(&dlq->watch, err);
    if (!dlq->result) {
        dlq->too_large = false;
        return 1;
    }
    if (dlq->result == RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE && !dlq->too_large) {
        dlq->too_large = true;
        return relais_error_set(err, RELAIS_E_QUEUE_FULL, dlq->known,
                                "too large, parked without its value");
    }
    relais_kafka_error(err, dlq->result, dlq->known, "park");
    producer_close(dlq);
    return -1;
}

bool dlq_free(struct dlq *dlq)
{
    bool hanging;

    if (!dlq)
        return false;
    producer_close(dlq);
    hanging = dlq->hanging;
    free(dlq);
    return hanging;
}
