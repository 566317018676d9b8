#include "core/kafka.h"
#include "core/crypto.h"
#include "core/day.h"
#include "core/log.h"
#include "core/metrics.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <time.h>

#define SCRAM_SINCE     0x020601ff
#define REFUSED_LONG_US INT64_C(10000000)

struct setting {
    const char *name;
    const char *value;
    unsigned roles; /* bits of enum relais_kafka_role */
    bool fixed;     /* [kafka] may only repeat it */
};

#define PRODUCER (1u << RELAIS_KAFKA_PRODUCER)
#define CONSUMER (1u << RELAIS_KAFKA_CONSUMER)
#define ALL      (PRODUCER | CONSUMER | 1u << RELAIS_KAFKA_ADMIN)

static const struct setting settings[] = {
    {"client.id", "relais", ALL, false},
    {"socket.timeout.ms", "10000", ALL, false},
    {"reconnect.backoff.max.ms", "1000", ALL, false},
    {"enable.idempotence", "true", PRODUCER, true},
    {"acks", "all", PRODUCER, true},
    {"message.timeout.ms", "0", PRODUCER, true},
    {"partitioner", "murmur2_random", PRODUCER, true},
    {"queue.buffering.max.kbytes", "16384", PRODUCER, false},
    {"enable.auto.offset.store", "false", CONSUMER, true},
    {"auto.offset.reset", "error", CONSUMER, true},
    {"enable.auto.commit", "false", CONSUMER, false},
    {"enable.partition.eof", "true", CONSUMER, false},
    {"check.crcs", "true", CONSUMER, false},
    {"queued.max.messages.kbytes", "8192", CONSUMER, false},
};

#define SETTING_COUNT (sizeof(settings) / sizeof(settings[0]))

/* Other names under which librdkafka takes the same property. */
static const char *canonical(const char *name)
{
    if (strcmp(name, "request.required.acks") == 0)
        return "acks";
    if (strcmp(name, "delivery.timeout.ms") == 0)
        return "message.timeout.ms";
    if (strcmp(name, "metadata.broker.list") == 0)
        return "bootstrap.servers";
    return name;
}

static int set(rd_kafka_conf_t *kconf, const char *name, const char *value,
               struct relais_error *err)
{
    char where[96], text[192];

    if (rd_kafka_conf_set(kconf, name, value, text, sizeof(text)) == RD_KAFKA_CONF_OK)
        return 0;
    snprintf(where, sizeof(where), "[kafka] %s", name);
    return relais_error_set(err, RELAIS_E_CONF_VALUE, where, "%s", text);
}

static int set_secret(rd_kafka_conf_t *kconf, const char *name, const char *path,
                      struct relais_error *err)
{
    char plain[96];
    char *secret;
    int rc;

    snprintf(plain, sizeof(plain), "%.*s", (int)(strlen(name) - strlen("_file")), name);
    secret = relais_conf_secret(path, err);
    if (!secret)
        return -1;
    rc = rd_kafka_conf_set(kconf, plain, secret, NULL, 0) == RD_KAFKA_CONF_OK
             ? 0
             : relais_error_set(err, RELAIS_E_CONF_VALUE, name,
                                "librdkafka does not take %s", plain);
    relais_cleanse(secret, strlen(secret));
    free(secret);
    return rc;
}

static bool ends_with(const char *s, const char *end)
{
    size_t s_len = strlen(s), end_len = strlen(end);

    return s_len > end_len && strcmp(s + s_len - end_len, end) == 0;
}

static int check_fixed(const char *name, const char *value, struct relais_error *err)
{
    for (size_t i = 0; i < SETTING_COUNT; i++) {
        const struct setting *s = &settings[i];

        if (!s->fixed || strcmp(s->name, canonical(name)) != 0)
            continue;
        if (strcasecmp(value, s->value) == 0 ||
            (strcmp(s->name, "acks") == 0 && strcmp(value, "-1") == 0))
            return 0;
        return relais_error_set(err, RELAIS_E_CONF_VALUE, s->name,
                                "[kafka] %s is always %s: order and completeness rest "
                                "on it",
                                name, s->value);
    }
    return 0;
}

static int check_mechanism(const char *name, const char *value, struct relais_error *err)
{
    if (strcmp(name, "sasl.mechanisms") != 0 && strcmp(name, "sasl.mechanism") != 0)
        return 0;
    if (strncasecmp(value, "SCRAM", 5) != 0 || rd_kafka_version() >= SCRAM_SINCE)
        return 0;
    return relais_error_set(err, RELAIS_E_CONF_VALUE, name,
                            "SCRAM needs librdkafka 2.6.1, this is %s: it repeats its "
                            "nonce, which Kafka 4 answers with 'invalid credentials'; "
                            "use a client certificate, or PLAIN over TLS",
                            rd_kafka_version_str());
}

/* librdkafka's own lines, but those about properties of the other role. */
static void on_log(const rd_kafka_t *rk, int level, const char *facility,
                   const char *text)
{
    enum relais_log_level to = RELAIS_LOG_DEBUG;

    if (strcmp(facility, "CONFWARN") == 0)
        return;
    if (level <= 3)
        to = RELAIS_LOG_WARN;
    else if (level <= 4)
        to = RELAIS_LOG_INFO;
    relais_log(to, "client=%s facility=%s text=\"%s\"", rk ? rd_kafka_name(rk) : "-",
               facility, text);
}

rd_kafka_conf_t *relais_kafka_conf(const struct relais_conf *conf,
                                   enum relais_kafka_role role, struct relais_error *err)
{
    rd_kafka_conf_t *kconf = rd_kafka_conf_new();
    const char *name, *value;

    for (size_t i = 0; i < SETTING_COUNT; i++)
        if (settings[i].roles & 1u << role &&
            set(kconf, settings[i].name, settings[i].value, err))
            goto fail;
    if (role == RELAIS_KAFKA_CONSUMER &&
        rd_kafka_version() >= RELAIS_KAFKA_QUEUE_BACKOFF &&
        set(kconf, "fetch.queue.backoff.ms", "10", err))
        goto fail;
    for (size_t i = 0; relais_conf_pair(conf, "kafka", i, &name, &value); i++) {
        if (ends_with(name, "_file")) {
            if (set_secret(kconf, name, value, err))
                goto fail;
            continue;
        }
        if (check_fixed(name, value, err) || check_mechanism(name, value, err) ||
            set(kconf, name, value, err))
            goto fail;
        if (strcmp(name, "ssl.certificate.location") == 0 &&
            relais_kafka_check_certificate(name, value, err))
            goto fail;
    }
    rd_kafka_conf_set_log_cb(kconf, on_log);
    return kconf;
fail:
    rd_kafka_conf_destroy(kconf);
    return NULL;
}

static enum relais_code code_of(rd_kafka_resp_err_t code)
{
    switch (code) {
    case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_SASL_AUTHENTICATION_FAILED:
    case RD_KAFKA_RESP_ERR__AUTHENTICATION:
    case RD_KAFKA_RESP_ERR__SSL:
        return RELAIS_E_RIGHTS;
    case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
    case RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC:
    case RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION:
        return RELAIS_E_TOPIC_MISSING;
    case RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE:
        return RELAIS_E_MESSAGE_SIZE;
    case RD_KAFKA_RESP_ERR__QUEUE_FULL:
        return RELAIS_E_QUEUE_FULL;
    case RD_KAFKA_RESP_ERR__FATAL:
    case RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET:
    case RD_KAFKA_RESP_ERR_OUT_OF_ORDER_SEQUENCE_NUMBER:
    case RD_KAFKA_RESP_ERR_DUPLICATE_SEQUENCE_NUMBER:
    case RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH:
    case RD_KAFKA_RESP_ERR_UNKNOWN_PRODUCER_ID:
        return RELAIS_E_BROKER_FATAL;
    case RD_KAFKA_RESP_ERR__INVALID_ARG:
        return RELAIS_E_CONF_VALUE;
    default:
        return RELAIS_E_BROKER_DOWN;
    }
}

int relais_kafka_error(struct relais_error *err, rd_kafka_resp_err_t code,
                       const char *where, const char *what)
{
    return relais_error_set(err, code_of(code), where, "%s: %s", what,
                            rd_kafka_err2str(code));
}

/* Refusals come in turn with plain disconnections: only other good news ends them. */
static void on_error(rd_kafka_t *rk, int code, const char *reason, void *opaque)
{
    struct relais_kafka_watch *watch = opaque;

    if (code == RD_KAFKA_RESP_ERR__FATAL) {
        watch->last = rd_kafka_fatal_error(rk, watch->text, sizeof(watch->text));
        return;
    }
    if (code != RD_KAFKA_RESP_ERR__AUTHENTICATION && code != RD_KAFKA_RESP_ERR__SSL)
        return;
    if (!watch->refused_since_us)
        watch->refused_since_us = relais_monotonic_us();
    watch->last = code;
    snprintf(watch->text, sizeof(watch->text), "%s", reason);
}

static void on_throttle(rd_kafka_t *rk, const char *broker, int32_t broker_id, int ms,
                        void *opaque)
{
    relais_metric_add(throttle_seconds, (int64_t)ms * 1000);
}

void relais_kafka_watch(rd_kafka_conf_t *kconf, struct relais_kafka_watch *watch)
{
    *watch = (struct relais_kafka_watch){0, RD_KAFKA_RESP_ERR_NO_ERROR, ""};
    rd_kafka_conf_set_opaque(kconf, watch);
    rd_kafka_conf_set_error_cb(kconf, on_error);
    rd_kafka_conf_set_throttle_cb(kconf, on_throttle);
}

void relais_kafka_watch_clear(struct relais_kafka_watch *watch)
{
    watch->refused_since_us = 0;
}

int relais_kafka_watch_check(const struct relais_kafka_watch *watch,
                             struct relais_error *err)
{
    if (!watch->refused_since_us ||
        relais_monotonic_us() - watch->refused_since_us < REFUSED_LONG_US)
        return 0;
    return relais_error_set(err, RELAIS_E_RIGHTS, "[kafka]", "%s", watch->text);
}

int relais_kafka_partitions(rd_kafka_t *rk, const char *topic, int timeout_ms,
                            int32_t *count_out, struct relais_error *err)
{
    const struct rd_kafka_metadata *md;
    rd_kafka_resp_err_t code;
    int rc = -1;

    /* all topics: asking for one by name would create it where the broker allows */
    code = rd_kafka_metadata(rk, 1, NULL, &md, timeout_ms);
    if (code)
        return relais_kafka_error(err, code, topic, "metadata");
    for (int i = 0; i < md->topic_cnt; i++) {
        const struct rd_kafka_metadata_topic *t = &md->topics[i];

        if (strcmp(t->topic, topic) != 0)
            continue;
        if (t->err && t->err != RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE) {
            relais_kafka_error(err, t->err, topic, "metadata");
            goto out;
        }
        *count_out = t->partition_cnt;
        rc = 0;
        goto out;
    }
    relais_error_set(err, RELAIS_E_TOPIC_MISSING, topic,
                     "not in the cluster, or no right to describe it (relais topics "
                     "apply creates it)");
out:
    rd_kafka_metadata_destroy(md);
    return rc;
}

/* rd_kafka_query_watermark_offsets() waits for as long as the broker is away, whatever
 * its time-out (2.0.2); this call keeps to it, and takes the two ends as times. */
void relais_kafka_ends(rd_kafka_t *rk, rd_kafka_topic_partition_list_t *list,
                       int64_t which, int timeout_ms)
{
    rd_kafka_resp_err_t code;

    for (int i = 0; i < list->cnt; i++)
        list->elems[i].offset = which;
    code = rd_kafka_offsets_for_times(rk, list, timeout_ms);
    for (int i = 0; i < list->cnt; i++) {
        rd_kafka_topic_partition_t *row = &list->elems[i];

        if (code)
            row->err = code;
        else if (!row->err && row->offset < 0)
            row->err = RD_KAFKA_RESP_ERR__TIMED_OUT;
    }
}

static int one_end(rd_kafka_t *rk, const char *topic, int32_t partition, int64_t which,
                   int timeout_ms, int64_t *offset_out, struct relais_error *err)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_t *row =
        rd_kafka_topic_partition_list_add(list, topic, partition);
    rd_kafka_resp_err_t code;

    relais_kafka_ends(rk, list, which, timeout_ms);
    code = row->err;
    *offset_out = row->offset;
    rd_kafka_topic_partition_list_destroy(list);
    return code ? relais_kafka_error(err, code, topic, "watermarks") : 0;
}

int relais_kafka_watermarks(rd_kafka_t *rk, const char *topic, int32_t partition,
                            int timeout_ms, int64_t *low_out, int64_t *high_out,
                            struct relais_error *err)
{
    if (one_end(rk, topic, partition, RD_KAFKA_OFFSET_BEGINNING, timeout_ms, low_out,
                err))
        return -1;
    return one_end(rk, topic, partition, RD_KAFKA_OFFSET_END, timeout_ms, high_out, err);
}

static int add_number(rd_kafka_headers_t *headers, const char *name, int64_t number)
{
    char text[24];
    int len = snprintf(text, sizeof(text), "%lld", (long long)number);

    if (number < 0)
        return 0;
    return rd_kafka_header_add(headers, name, -1, text, len) ? -1 : 0;
}

int relais_kafka_dlq_headers(rd_kafka_headers_t *headers, const char *topic,
                             int32_t partition, int64_t offset, const char *stage,
                             const struct relais_error *why)
{
    char message[320];

    snprintf(message, sizeof(message), "%s %s: %s", relais_error_name(why->code),
             why->where, why->text);
    if ((topic &&
         rd_kafka_header_add(headers, "__connect.errors.topic", -1, topic, -1)) ||
        add_number(headers, "__connect.errors.partition", partition) ||
        add_number(headers, "__connect.errors.offset", offset) ||
        rd_kafka_header_add(headers, RELAIS_KAFKA_DLQ_STAGE, -1, stage, -1) ||
        rd_kafka_header_add(headers, RELAIS_KAFKA_DLQ_WHY, -1, message, -1))
        return -1;
    return 0;
}

/* Shared by the waiting thread and the one that destroys: the last of the two frees it.
 */
struct farewell {
    pthread_mutex_t mutex;
    pthread_cond_t cond;
    rd_kafka_t *rk;
    bool done;
    bool left;
};

static void farewell_free(struct farewell *f)
{
    pthread_cond_destroy(&f->cond);
    pthread_mutex_destroy(&f->mutex);
    free(f);
}

static void *destroy_thread(void *arg)
{
    struct farewell *f = arg;
    bool left;

    rd_kafka_destroy(f->rk);
    pthread_mutex_lock(&f->mutex);
    f->done = true;
    left = f->left;
    pthread_cond_signal(&f->cond);
    pthread_mutex_unlock(&f->mutex);
    if (left)
        farewell_free(f);
    return NULL;
}

bool relais_kafka_destroy(rd_kafka_t *rk, int seconds)
{
    struct farewell *f;
    struct timespec until;
    pthread_condattr_t attr;
    pthread_t thread;
    bool left;

    if (!rk)
        return false;
    f = relais_zalloc(sizeof(*f));
    f->rk = rk;
    pthread_mutex_init(&f->mutex, NULL);
    /* a wall clock that is set back must not lengthen the deadline */
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&f->cond, &attr);
    pthread_condattr_destroy(&attr);
    if (pthread_create(&thread, NULL, destroy_thread, f)) {
        rd_kafka_destroy(rk);
        farewell_free(f);
        return false;
    }
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += seconds;
    pthread_mutex_lock(&f->mutex);
    while (!f->done && pthread_cond_timedwait(&f->cond, &f->mutex, &until) == 0)
        ;
    left = f->left = !f->done;
    pthread_mutex_unlock(&f->mutex);
    if (left) {
        pthread_detach(thread); /* it frees what is left */
    } else {
        pthread_join(thread, NULL);
        farewell_free(f);
    }
    return left;
}
