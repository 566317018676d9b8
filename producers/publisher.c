#include "producers/publisher.h"
#include "core/crypto.h"
#include "core/day.h"
#include "core/loop.h"
#include "core/metrics.h"

#include <stdio.h>
#include <stdlib.h>

#define TOPIC_MAX        32
#define DESTROY_S        10
#define BACKOFF_FIRST_US INT64_C(100000)
#define BACKOFF_LAST_US  INT64_C(5000000)
#define MISSING_LONG_US  INT64_C(10000000)
#define METADATA_MS      5000
#define STRIKES_MAX      3
#define WINDOW_US        2000
#define BUSY_US          50 /* from one entry to the next */
#define TRACE_TAIL       36 /* in a traceparent: of the span's id */

/* Upper bounds of what a message adds to its texts on the wire. */
#define MESSAGE_OVERHEAD 128
#define HEADERS_OVERHEAD 512

struct topic {
    const char *name;
    rd_kafka_topic_t *handle; /* of the present producer */
};

struct publisher {
    struct relais_kafka_watch watch; /* first: it is librdkafka's opaque */
    const struct relais_conf *conf;
    const char *source;
    bool reduced;
    rd_kafka_t *rk;
    struct inflight *ring;
    uint64_t sent; /* number of the next entry to hand to librdkafka */
    struct topic topics[TOPIC_MAX];
    uint32_t topic_count;
    size_t message_max;
    int64_t stall_us;
    int64_t progress_us; /* last good delivery report, or when the wait began */
    bool progressed;     /* in the call under way */
    bool checked;        /* this producer has seen every topic */
    bool ever;           /* this process has had a good delivery report */
    bool hung;
    bool busy; /* much came in the last window */
    int64_t window_us;
    uint64_t window_first;      /* number of its first entry */
    rd_kafka_resp_err_t failed; /* first bad delivery report of this producer */
    int strikes; /* producers given up since the last good delivery report */
    int64_t backoff_us;
    int64_t retry_us; /* not before */
    int64_t missing_since_us;
    char depot[64]; /* traceparent's first half was made for it */
    size_t depot_len;
    char trace_id[33];
};

static void on_delivery(rd_kafka_t *rk, const rd_kafka_message_t *m, void *opaque)
{
    struct publisher *p = opaque;

    if (m->err) {
        if (!p->failed)
            p->failed = m->err;
        return;
    }
    inflight_done(p->ring, (uint64_t)(uintptr_t)m->_private, m->partition, m->offset);
    p->progressed = true;
    if (p->strikes || !p->ever || p->watch.refused_since_us) {
        p->ever = true;
        p->strikes = 0;
        p->backoff_us = 0;
        relais_kafka_watch_clear(&p->watch);
    }
}

struct publisher *publisher_new(const struct relais_conf *conf, const char *source,
                                struct relais_error *err)
{
    struct publisher *p = relais_zalloc(sizeof(*p));
    const char *profile = relais_conf_text(conf, "headers", "profile");
    rd_kafka_conf_t *kconf = relais_kafka_conf(conf, RELAIS_KAFKA_PRODUCER, err);

    /* asked for early: a wrong [kafka] ends the process before anything else is tried */
    if (!kconf) {
        free(p);
        return NULL;
    }
    rd_kafka_conf_destroy(kconf);
    p->conf = conf;
    p->source = source;
    p->reduced = profile && strcmp(profile, "reduced") == 0;
    p->stall_us = relais_conf_integer(conf, "limits", "stall_ms") * 1000;
    p->ring = inflight_new(
        (size_t)relais_conf_integer(conf, "limits", "inflight_records"),
        (size_t)relais_conf_integer(conf, "limits", "inflight_kbytes") * 1024);
    return p;
}

/* false: librdkafka hangs. */
static bool drop_producer(struct publisher *p)
{
    rd_kafka_t *rk = p->rk;

    for (uint32_t i = 0; i < p->topic_count; i++) {
        if (p->topics[i].handle)
            rd_kafka_topic_destroy(p->topics[i].handle);
        p->topics[i].handle = NULL;
    }
    p->rk = NULL;
    p->checked = false;
    p->hung = relais_kafka_destroy(rk, DESTROY_S);
    return !p->hung;
}

bool publisher_free(struct publisher *p)
{
    if (!p)
        return false;
    if (p->hung || !drop_producer(p))
        return true; /* the ring is still looked at */
    inflight_free(p->ring);
    free(p);
    return false;
}

bool publisher_hung(const struct publisher *p) { return p->hung; }

struct inflight *publisher_ring(struct publisher *p) { return p->ring; }

uint32_t publisher_topic_count(const struct publisher *p) { return p->topic_count; }

const char *publisher_topic_name(const struct publisher *p, uint32_t topic)
{
    return p->topics[topic].name;
}

int publisher_topic(struct publisher *p, const char *name, uint32_t *topic_out,
                    struct relais_error *err)
{
    for (uint32_t i = 0; i < p->topic_count; i++)
        if (strcmp(p->topics[i].name, name) == 0) {
            *topic_out = i;
            return 0;
        }
    if (p->topic_count == TOPIC_MAX)
        return relais_error_set(err, RELAIS_E_BUG, name, "more than %d topics",
                                TOPIC_MAX);
    p->topics[p->topic_count].name = name;
    *topic_out = p->topic_count++;
    return 0;
}

static int make_producer(struct publisher *p, struct relais_error *err)
{
    rd_kafka_conf_t *kconf = relais_kafka_conf(p->conf, RELAIS_KAFKA_PRODUCER, err);
    char text[256];
    size_t len = sizeof(text);

    if (!kconf)
        return -1;
    if (rd_kafka_conf_get(kconf, "message.max.bytes", text, &len) == RD_KAFKA_CONF_OK)
        p->message_max = (size_t)strtoul(text, NULL, 10);
    relais_kafka_watch(kconf, &p->watch);
    rd_kafka_conf_set_dr_msg_cb(kconf, on_delivery);
    p->rk = rd_kafka_new(RD_KAFKA_PRODUCER, kconf, text, sizeof(text));
    if (!p->rk) {
        rd_kafka_conf_destroy(kconf);
        return relais_error_set(err, RELAIS_E_CONF_VALUE, "[kafka]", "%s", text);
    }
    p->failed = RD_KAFKA_RESP_ERR_NO_ERROR;
    p->sent = inflight_first(p->ring);
    p->progress_us = relais_monotonic_us();
    inflight_doubt(p->ring);
    relais_metric_add(producers_made, 1);
    return 0;
}

static int open_topics(struct publisher *p, struct relais_error *err)
{
    for (uint32_t i = 0; i < p->topic_count; i++) {
        struct topic *t = &p->topics[i];

        if (t->handle)
            continue;
        t->handle = rd_kafka_topic_new(p->rk, t->name, NULL);
        if (!t->handle)
            return relais_kafka_error(err, rd_kafka_last_error(), t->name, "topic");
    }
    return 0;
}

int publisher_check_topics(struct publisher *p, int timeout_ms, struct relais_error *err)
{
    int32_t partitions;

    if (!p->rk && make_producer(p, err))
        return -1;
    for (uint32_t i = 0; i < p->topic_count; i++)
        if (relais_kafka_partitions(p->rk, p->topics[i].name, timeout_ms, &partitions,
                                    err)) {
            /* the cause, where the credentials are refused, instead of "no broker" */
            rd_kafka_poll(p->rk, 0);
            if (relais_error_class(err->code) == RELAIS_RETRY && p->watch.text[0] &&
                p->watch.refused_since_us) {
                relais_error_clear(err);
                return relais_error_set(err, RELAIS_E_BROKER_DOWN, "[kafka]", "%s",
                                        p->watch.text);
            }
            return -1;
        }
    relais_kafka_watch_clear(&p->watch);
    p->checked = true;
    return open_topics(p, err);
}

static rd_kafka_headers_t *make_headers(const struct publisher *p,
                                        const struct inflight_message *m)
{
    rd_kafka_headers_t *h = rd_kafka_headers_new(m->why ? 12 : p->reduced ? 2 : 6);

    if (!p->reduced)
        rd_kafka_header_add(h, "ce_specversion", 14, "1.0", 3);
    rd_kafka_header_add(h, "ce_id", 5, m->id, 36);
    if (!p->reduced)
        rd_kafka_header_add(h, "ce_source", 9, p->source, -1);
    rd_kafka_header_add(h, "ce_type", 7, m->type, -1);
    if (!p->reduced) {
        rd_kafka_header_add(h, "content-type", 12, "application/avro", 16);
        rd_kafka_header_add(h, "traceparent", 11, m->trace, 55);
    }
    if (m->row[0])
        rd_kafka_header_add(h, "ce_subject", 10, m->row, 36);
    if (m->why && relais_kafka_dlq_headers(h, m->why_topic, -1, -1, "check", m->why)) {
        rd_kafka_headers_destroy(h);
        return NULL;
    }
    return h;
}

static rd_kafka_resp_err_t produce(struct publisher *p, const struct inflight_message *m)
{
    rd_kafka_headers_t *h = make_headers(p, m);
    rd_kafka_resp_err_t code;

    if (!h)
        return RD_KAFKA_RESP_ERR__FAIL;
    code = rd_kafka_producev(
        p->rk, RD_KAFKA_V_RKT(p->topics[m->topic].handle),
        RD_KAFKA_V_VALUE((void *)(uintptr_t)m->value.ptr, m->value.len),
        RD_KAFKA_V_KEY(m->key.ptr, m->key.len), RD_KAFKA_V_HEADERS(h),
        RD_KAFKA_V_OPAQUE((void *)(uintptr_t)m->number), RD_KAFKA_V_END);
    if (code)
        rd_kafka_headers_destroy(h);
    return code;
}

/* Hands on what waits, until librdkafka's queue is full or something failed. */
static void pump(struct publisher *p)
{
    if (!p->rk || !p->checked)
        return;
    while (!p->failed && p->sent < inflight_next(p->ring)) {
        const struct inflight_message *m = inflight_at(p->ring, p->sent);
        rd_kafka_resp_err_t code = RD_KAFKA_RESP_ERR_NO_ERROR;

        if (m && m->topic != INFLIGHT_NO_TOPIC)
            code = produce(p, m);
        if (code == RD_KAFKA_RESP_ERR__QUEUE_FULL)
            return;
        if (code)
            p->failed = code;
        else
            p->sent++;
    }
}

int publisher_send(struct publisher *p, const struct inflight_message *m,
                   struct relais_error *err)
{
    uint64_t number;

    if (m->topic != INFLIGHT_NO_TOPIC && p->message_max &&
        m->key.len + m->value.len + strlen(p->source) + MESSAGE_OVERHEAD +
                HEADERS_OVERHEAD + (m->why ? sizeof(*m->why) : 0) >
            p->message_max)
        return relais_error_set(err, RELAIS_E_MESSAGE_SIZE, p->topics[m->topic].name,
                                "%zu bytes, message.max.bytes is %zu", m->value.len,
                                p->message_max);
    if (!inflight_oldest_us(p->ring))
        p->progress_us = relais_monotonic_us();
    if (inflight_push(p->ring, m, p->progress_us, &number, err))
        return -1;
    pump(p);
    return 0;
}

/* Why the present producer must go; 0: it may stay. */
static rd_kafka_resp_err_t trouble(struct publisher *p, char *text, size_t text_len)
{
    rd_kafka_resp_err_t fatal = rd_kafka_fatal_error(p->rk, text, text_len);

    if (fatal)
        return fatal;
    if (p->failed) {
        snprintf(text, text_len, "%s%s", rd_kafka_err2str(p->failed),
                 p->failed == RD_KAFKA_RESP_ERR_INVALID_TIMESTAMP
                     ? ": check this machine's clock"
                     : "");
        return p->failed;
    }
    if (p->stall_us && inflight_oldest_us(p->ring) &&
        relais_monotonic_us() - p->progress_us > p->stall_us) {
        snprintf(text, text_len, "no delivery report for %lld s",
                 (long long)(p->stall_us / 1000000));
        return RD_KAFKA_RESP_ERR__TIMED_OUT;
    }
    return RD_KAFKA_RESP_ERR_NO_ERROR;
}

static void back_off(struct publisher *p)
{
    p->backoff_us = p->backoff_us ? p->backoff_us * 2 : BACKOFF_FIRST_US;
    if (p->backoff_us > BACKOFF_LAST_US)
        p->backoff_us = BACKOFF_LAST_US;
    p->retry_us = relais_monotonic_us() + p->backoff_us;
    relais_metric_add(retries, 1);
}

static int give_up(struct publisher *p, rd_kafka_resp_err_t code, const char *text,
                   struct relais_error *err)
{
    bool never = !p->ever;

    p->strikes++;
    back_off(p);
    if (!drop_producer(p))
        return relais_error_set(err, RELAIS_E_BROKER_FATAL, "producer",
                                "%s; librdkafka does not end", text);
    if (code == RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED && never)
        return relais_error_set(err, RELAIS_E_RIGHTS, "producer", "%s", text);
    if (code == RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE && p->strikes >= STRIKES_MAX)
        return relais_error_set(err, RELAIS_E_CONF_VALUE, "[kafka] message.max.bytes",
                                "a topic admits less than message.max.bytes or "
                                "batch.size: lower them to its max.message.bytes");
    return relais_error_set(err, RELAIS_E_BROKER_FATAL, "producer",
                            "%s: made again from the oldest unacknowledged message",
                            text);
}

/* A topic that is not there for a moment is a cluster that moves; for longer it is gone.
 */
static int look_again(struct publisher *p, struct relais_error *err)
{
    struct relais_error why = RELAIS_ERROR_INIT;

    if (publisher_check_topics(p, METADATA_MS, &why) == 0) {
        p->missing_since_us = 0;
        return 0;
    }
    back_off(p);
    if (why.code == RELAIS_E_TOPIC_MISSING) {
        int64_t now = relais_monotonic_us();

        if (!p->missing_since_us)
            p->missing_since_us = now;
        if (now - p->missing_since_us < MISSING_LONG_US)
            why.code = RELAIS_E_BROKER_DOWN;
    }
    *err = why;
    return -1;
}

int publisher_poll(struct publisher *p, int timeout_ms, struct relais_error *err)
{
    char text[256] = "";
    rd_kafka_resp_err_t code;

    if (!p->rk || !p->checked) {
        int64_t wait_ms = (p->retry_us - relais_monotonic_us() + 999) / 1000;

        relais_metric_set(oldest_unacknowledged_since, inflight_oldest_us(p->ring));
        if (wait_ms > 0) {
            relais_loop_sleep_ms(wait_ms < timeout_ms ? (int)wait_ms : timeout_ms);
            return 0;
        }
        if (look_again(p, err)) {
            struct relais_error refused = RELAIS_ERROR_INIT;

            if (relais_kafka_watch_check(&p->watch, &refused))
                *err = refused;
            return -1;
        }
    }
    pump(p);
    p->progressed = false;
    rd_kafka_poll(p->rk, timeout_ms);
    if (p->progressed)
        p->progress_us = relais_monotonic_us();
    pump(p);
    relais_metric_set(inflight_records, (int64_t)inflight_count(p->ring));
    relais_metric_set(inflight_bytes, (int64_t)inflight_bytes(p->ring));
    relais_metric_set(oldest_unacknowledged_since, inflight_oldest_us(p->ring));
    code = trouble(p, text, sizeof(text));
    if (code)
        return give_up(p, code, text, err);
    return relais_kafka_watch_check(&p->watch, err);
}

/* Entries come so fast that a batch has company before linger.ms is over. */
static bool busy(struct publisher *p)
{
    int64_t now = relais_monotonic_us(), window = now - p->window_us;
    uint64_t next = inflight_next(p->ring);

    if (window < WINDOW_US)
        return p->busy;
    p->busy = (int64_t)(next - p->window_first) > window / BUSY_US;
    p->window_us = now;
    p->window_first = next;
    return p->busy;
}

void publisher_hurry(struct publisher *p, int timeout_ms)
{
    if (!p->rk || !p->checked || inflight_ready(p->ring) == inflight_count(p->ring) ||
        busy(p))
        return;
    p->progressed = false;
    (void)rd_kafka_flush(p->rk, timeout_ms); /* as far as it came */
    if (p->progressed)
        p->progress_us = relais_monotonic_us();
}

void publisher_trace(struct publisher *p, struct relais_slice depot, const char id[37],
                     char out[56])
{
    size_t n = TRACE_TAIL + 16;

    if (depot.len != p->depot_len || memcmp(depot.ptr, p->depot, depot.len) != 0 ||
        !p->trace_id[0]) {
        const struct relais_slice parts[] = {relais_slice_str(p->source), depot};
        unsigned char digest[RELAIS_SHA256_LEN];

        relais_sha256_parts(parts, 2, digest);
        relais_hex(digest, 16, p->trace_id);
        p->depot_len = depot.len <= sizeof(p->depot) ? depot.len : 0;
        memcpy(p->depot, depot.ptr, p->depot_len);
    }
    memcpy(out, "00-", 3);
    memcpy(out + 3, p->trace_id, 32);
    out[TRACE_TAIL - 1] = '-';
    /* the last 16 hex of the id, without its dashes */
    for (size_t i = 36; i > 0 && n > TRACE_TAIL; i--)
        if (id[i - 1] != '-')
            out[--n] = id[i - 1];
    memcpy(out + TRACE_TAIL + 16, "-01", 4);
}
