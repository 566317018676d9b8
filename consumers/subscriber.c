#include "consumers/subscriber_internal.h"
#include "core/day.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define GROUP_NONE     "relais-sans-groupe" /* librdkafka wants one; nothing is committed */
#define CLOSE_S        5
#define METADATA_MS    2000
#define SEEK_MS        2000
#define PREFETCH_BYTES 320
#define BUSY           100 /* messages at once */

void subscriber_notice(struct subscriber *sub, const char *fmt, ...)
{
    char text[256];
    va_list ap;

    if (!sub->options.notice)
        return;
    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    sub->options.notice(sub->options.user, text);
}

/* ---- the consumer of librdkafka: made, started, closed ---- */

static int consumer_set(rd_kafka_conf_t *kconf, const char *name, const char *value,
                        struct relais_error *err)
{
    char text[160];

    if (rd_kafka_conf_set(kconf, name, value, text, sizeof(text)) == RD_KAFKA_CONF_OK)
        return 0;
    return relais_error_set(err, RELAIS_E_CONF_VALUE, name, "%s", text);
}

static int check_strategy(const rd_kafka_conf_t *kconf, struct relais_error *err)
{
    char value[128];
    size_t size = sizeof(value);

    if (rd_kafka_conf_get(kconf, "partition.assignment.strategy", value, &size) ||
        !strstr(value, "cooperative"))
        return 0;
    return relais_error_set(err, RELAIS_E_CONF_VALUE,
                            "[kafka] partition.assignment.strategy",
                            "cooperative rebalances are not supported");
}

static int consumer_open(struct subscriber *sub, struct relais_error *err)
{
    rd_kafka_conf_t *kconf =
        relais_kafka_conf(sub->options.conf, RELAIS_KAFKA_CONSUMER, err);
    char text[160];

    if (!kconf)
        return -1;
    if (consumer_set(kconf, "group.id", sub->group ? sub->group : GROUP_NONE, err) ||
        consumer_set(kconf, "enable.auto.commit", "false", err) ||
        consumer_set(kconf, "enable.partition.eof", "true", err) ||
        check_strategy(kconf, err)) {
        rd_kafka_conf_destroy(kconf);
        return -1;
    }
    sub->link = relais_zalloc(sizeof(*sub->link));
    sub->link->sub = sub;
    relais_kafka_watch(kconf, &sub->link->watch);
    rd_kafka_conf_set_rebalance_cb(kconf, on_rebalance);
    sub->rk = rd_kafka_new(RD_KAFKA_CONSUMER, kconf, text, sizeof(text));
    if (!sub->rk) {
        rd_kafka_conf_destroy(kconf);
        free(sub->link);
        sub->link = NULL;
        return relais_error_set(err, RELAIS_E_CONF_VALUE, "[kafka]", "%s", text);
    }
    rd_kafka_poll_set_consumer(sub->rk);
    sub->queue = rd_kafka_queue_get_consumer(sub->rk);
    sub->commits = rd_kafka_queue_new(sub->rk);
    sub->started = false;
    sub->tick_us = relais_monotonic_us();
    return 0;
}

/* Leaves the group, by way of on_rebalance(), within CLOSE_S. Messages that were fetched
 * come this way too (rd_kafka_queue_poll_callback() would abort on them). */
static void leave(struct subscriber *sub)
{
    rd_kafka_queue_t *closing = rd_kafka_queue_new(sub->rk);
    int64_t until_us = relais_monotonic_us() + CLOSE_S * INT64_C(1000000);
    rd_kafka_error_t *error = rd_kafka_consumer_close_queue(sub->rk, closing);

    if (error)
        rd_kafka_error_destroy(error);
    while (!error && !rd_kafka_consumer_closed(sub->rk) &&
           relais_monotonic_us() < until_us) {
        rd_kafka_message_t *msg; /* one that was fetched, or an error of the end */

        if (rd_kafka_consume_batch_queue(closing, 50, &msg, 1) > 0)
            rd_kafka_message_destroy(msg);
    }
    rd_kafka_queue_destroy(closing);
}

/* Events that are held keep librdkafka from ending: its end is not waited for then. */
static void consumer_close(struct subscriber *sub)
{
    size_t held;

    if (!sub->rk)
        return;
    watchdog_close(sub);
    sub->closing = true;
    if (sub->batch)
        batch_drop(sub->batch);
    held = batches_sweep(sub);
    leave(sub);
    sub->closing = false;
    assign_forget(sub);
    sub->link->sub = NULL;
    rd_kafka_queue_destroy(sub->queue);
    rd_kafka_queue_destroy(sub->commits);
    if (relais_kafka_destroy(sub->rk, held ? 0 : CLOSE_S))
        sub->hanging = true;
    else
        free(sub->link);
    sub->link = NULL;
    sub->rk = NULL;
    sub->started = false;
}

static int start(struct subscriber *sub, int timeout_ms, struct relais_error *err)
{
    int32_t count;

    if (timeout_ms < 100 || timeout_ms > METADATA_MS)
        timeout_ms = METADATA_MS;
    if (!sub->group) {
        if (assign_all(sub, timeout_ms, err))
            return -1;
    } else {
        for (size_t i = 0; sub->topics[i]; i++)
            if (relais_kafka_partitions(sub->rk, sub->topics[i], timeout_ms, &count, err))
                return -1;
        if (assign_subscribe(sub, err))
            return -1;
    }
    relais_kafka_watch_clear(&sub->link->watch);
    sub->started = true;
    return 0;
}

/* Appends to the batch. Rebalances happen in here: what was fetched before a partition
 * was revoked in this very call is dropped. */
static ssize_t consume(struct subscriber *sub, int timeout_ms, size_t max)
{
    struct batch *batch = sub->batch;
    uint64_t generation = sub->generation;
    rd_kafka_message_t **msgs = batch->msgs + batch->count;
    ssize_t n;

    sub->call++;
    sub->full_call = max > 1;
    n = rd_kafka_consume_batch_queue(sub->queue, timeout_ms, msgs, max);
    if (n <= 0)
        return n;
    batch->count += (size_t)n;
    for (ssize_t i = 0; generation != sub->generation && i < n; i++) {
        if (!msgs[i]->rkt || part_of(sub, msgs[i])->assigned)
            continue;
        rd_kafka_message_destroy(msgs[i]);
        msgs[i] = NULL;
    }
    return n;
}

/* The group hears of us while nothing is ours to read. */
static void attend(struct subscriber *sub)
{
    if (!sub->batch)
        sub->batch = batch_new(sub);
    if (sub->batch->at == sub->batch->count && !sub->batch->live)
        batch_reset(sub->batch);
    if (sub->batch->count < BATCH_MAX + BATCH_SLACK)
        consume(sub, 0, 1);
}

/* A consumer that is started. A refusal of credentials that lasts is CONF. */
static int ready(struct subscriber *sub, int timeout_ms, struct relais_error *err)
{
    struct relais_error first = RELAIS_ERROR_INIT;

    if (sub->broken.code) {
        *err = sub->broken;
        relais_error_clear(&sub->broken);
        if (sub->options.revoking)
            sub->options.revoking(sub->options.user, true);
        consumer_close(sub);
        return -1;
    }
    if (!sub->rk && consumer_open(sub, err))
        return -1;
    if (sub->started && sub->waiting && assign_waiting(sub, err)) {
        attend(sub);
        return -1;
    }
    if (sub->started)
        return relais_kafka_watch_check(&sub->link->watch, err);
    if (!start(sub, timeout_ms, &first))
        return 0;
    rd_kafka_poll(sub->rk, 0); /* error_cb */
    if (relais_kafka_watch_check(&sub->link->watch, err))
        return -1;
    *err = first;
    return -1;
}

/* ---- what librdkafka reports in the place of a message ---- */

static int on_fatal(struct subscriber *sub, struct relais_error *err)
{
    char text[160];
    rd_kafka_resp_err_t code = rd_kafka_fatal_error(sub->rk, text, sizeof(text));

    batch_drop(sub->batch); /* what it still gives belongs to another */
    relais_error_set(&sub->broken, RELAIS_E_BROKER_FATAL, "consumer", "%s", text);
    if (code != RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID)
        return 0; /* the next poll makes it anew */
    return relais_error_set(err, RELAIS_E_CONF_VALUE, "group.instance.id",
                            "another process has it: %s", text);
}

static int on_denied(struct subscriber *sub, struct part *part, rd_kafka_resp_err_t code,
                     struct relais_error *err)
{
    if (!sub->ever_fetched)
        return relais_kafka_error(err, code, part->topic, "read");
    if (!part->denied)
        subscriber_notice(sub, "topic=%s partition=%" PRId32 " read=denied", part->topic,
                          part->partition);
    part->denied = true;
    return 0;
}

static int on_end(struct subscriber *sub, const rd_kafka_message_t *msg,
                  struct relais_error *err)
{
    struct part *part = part_of(sub, msg);

    part->denied = false;
    sub->ever_fetched = true;
    if (part->assigned && part->away)
        anchor_back(sub, part);
    else if (part->assigned && part->checks >= 0 && msg->offset < part->next)
        return anchor_beyond(sub, part, err);
    else if (part->assigned)
        part->position = msg->offset;
    part->checks = -1;
    return 0;
}

static int on_message_error(struct subscriber *sub, const rd_kafka_message_t *msg,
                            struct relais_error *err)
{
    switch (msg->err) {
    case RD_KAFKA_RESP_ERR__PARTITION_EOF:
        return on_end(sub, msg, err);
    case RD_KAFKA_RESP_ERR__FATAL:
        return on_fatal(sub, err);
    case RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET:
    case RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE:
        return msg->rkt ? anchor_lost(sub, part_of(sub, msg), err) : 0;
    case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
        if (!msg->rkt)
            return relais_kafka_error(err, msg->err, sub->topics[0], "read");
        return on_denied(sub, part_of(sub, msg), msg->err, err);
    case RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED:
        return sub->group ? relais_kafka_error(err, msg->err, sub->group, "group") : 0;
    case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
    case RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC:
    case RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION:
        anchor_away(sub, msg->rkt ? rd_kafka_topic_name(msg->rkt) : NULL);
        return 0;
    case RD_KAFKA_RESP_ERR__BAD_MSG:
    case RD_KAFKA_RESP_ERR__BAD_COMPRESSION:
    case RD_KAFKA_RESP_ERR__UNDERFLOW:
    case RD_KAFKA_RESP_ERR__CRIT_SYS_RESOURCE:
        relais_error_set(&sub->broken, RELAIS_E_BROKER_FATAL,
                         msg->rkt ? rd_kafka_topic_name(msg->rkt) : "consumer", "%s",
                         rd_kafka_err2str(msg->err));
        return 0;
    default: /* retried inside */
        subscriber_notice(sub, "kafka=%s", rd_kafka_err2name(msg->err));
        return 0;
    }
}

/* ---- batches ---- */

/* Takes what is there; where nothing is, waits for the first: with a time-out librdkafka
 * waits until the whole batch is full. While much comes it may, 1 ms: fewer wake-ups. */
static int refill(struct subscriber *sub, int timeout_ms, struct relais_error *err)
{
    struct relais_error why = RELAIS_ERROR_INIT;
    ssize_t n;

    if (ready(sub, timeout_ms, err))
        return -1;
    if (sub->batch && sub->batch->live)
        sub->batch = NULL; /* its last event puts it among the spare ones */
    if (!sub->batch)
        sub->batch = batch_new(sub);
    batch_reset(sub->batch);
    n = consume(sub, sub->busy ? 1 : 0, BATCH_MAX);
    sub->busy = n >= BUSY;
    if (n <= 0 && timeout_ms > 0)
        consume(sub, timeout_ms, 1);
    if (!watchdog_tick(sub, &why))
        return 0;
    if (relais_error_class(why.code) != RELAIS_RETRY) {
        *err = why;
        return -1;
    }
    if (!sub->broken.code)
        sub->broken = why;
    return 0;
}

/* Another thread wrote the messages: their bytes are fetched while this one is decoded.
 */
static void prefetch_next(const struct batch *batch)
{
    const rd_kafka_message_t *msg =
        batch->at + 1 < batch->count ? batch->msgs[batch->at + 1] : NULL;

    if (batch->at + 3 < batch->count)
        __builtin_prefetch(batch->msgs[batch->at + 3]);
    for (size_t i = 0; msg && i < PREFETCH_BYTES; i += 64)
        __builtin_prefetch((const char *)msg->payload + i);
}

/* The message at batch->at: 1 an event, 0 nothing to give, -1. */
static int take(struct subscriber *sub, struct relais_event **event_out,
                struct relais_error *err)
{
    struct batch *batch = sub->batch;
    rd_kafka_message_t *msg = batch->msgs[batch->at];
    struct relais_event *ev;
    struct part *part;
    int rc;

    if (!msg || msg->err) {
        batch->msgs[batch->at++] = NULL;
        rc = 0;
        if (msg) {
            rc = on_message_error(sub, msg, err);
            rd_kafka_message_destroy(msg);
        }
        return rc;
    }
    part = part_of(sub, msg);
    if (!part->assigned) {
        batch->msgs[batch->at++] = NULL;
        rd_kafka_message_destroy(msg);
        return 0;
    }
    if ((part->away || part->checks >= 0 || msg->offset < part->next) &&
        (rc = anchor_look(sub, part, msg, err)))
        return rc < 0 ? -1 : 0;
    ev = batch_event(batch, part);
    prefetch_next(batch);
    if (event_decode(&sub->schemas, ev, err)) {
        ev->msg = NULL;
        return -1; /* the same message again at the next poll */
    }
    batch->at++;
    batch->live++;
    part->next = part->position = msg->offset + 1;
    anchor_read(part, msg);
    part->denied = false;
    sub->ever_fetched = true;
    *event_out = ev;
    return 1;
}

int subscriber_poll(struct subscriber *sub, int timeout_ms,
                    struct relais_event **event_out, struct relais_error *err)
{
    int64_t until_us = -1;

    *event_out = NULL;
    for (;;) {
        int64_t now_us;

        while (sub->batch && sub->batch->at < sub->batch->count) {
            int rc = take(sub, event_out, err);

            if (rc)
                return rc;
        }
        now_us = relais_monotonic_us();
        if (until_us < 0)
            until_us = now_us + timeout_ms * INT64_C(1000);
        else if (now_us >= until_us)
            return 0;
        if (refill(sub, (int)((until_us - now_us) / 1000), err))
            return -1;
    }
}

int subscriber_serve(struct subscriber *sub, int timeout_ms, struct relais_error *err)
{
    struct batch *batch;
    size_t before;

    if (ready(sub, timeout_ms, err))
        return -1;
    if (!sub->batch)
        sub->batch = batch_new(sub);
    batch = sub->batch;
    before = batch->count;
    if (before == BATCH_MAX + BATCH_SLACK)
        return 0;
    consume(sub, timeout_ms, 1);
    /* a message that was under way waits for its poll; an error is said now */
    if (batch->count > before && batch->msgs[before] && batch->msgs[before]->err) {
        rd_kafka_message_t *msg = batch->msgs[before];
        int rc;

        batch->count = before;
        batch->msgs[before] = NULL;
        rc = on_message_error(sub, msg, err);
        rd_kafka_message_destroy(msg);
        return rc;
    }
    return 0;
}

uint64_t subscriber_generation(const struct subscriber *sub) { return sub->generation; }

/* Behind all that librdkafka gave us of it, also what waits in the batch. */
static int64_t fetched(const struct subscriber *sub, struct part *part)
{
    const struct batch *batch = sub->batch;
    int64_t offset = part->checks >= 0 ? part->checks : part->position;

    for (size_t i = batch ? batch->at : 0; batch && i < batch->count; i++) {
        const rd_kafka_message_t *msg = batch->msgs[i];
        bool end = msg && msg->err == RD_KAFKA_RESP_ERR__PARTITION_EOF;

        if (msg && msg->rkt && (!msg->err || end) && msg->partition == part->partition &&
            strcmp(rd_kafka_topic_name(msg->rkt), part->topic) == 0)
            offset = msg->offset + !end;
    }
    return offset;
}

/* 2.0.2 does not wait for what it began; what was not started yet stands where it was
 * assigned. */
bool subscriber_sought(rd_kafka_resp_err_t code)
{
    return !code || code == RD_KAFKA_RESP_ERR__IN_PROGRESS ||
           code == RD_KAFKA_RESP_ERR__TIMED_OUT || code == RD_KAFKA_RESP_ERR__STATE;
}

static void seek(struct subscriber *sub, rd_kafka_topic_partition_list_t *list)
{
    rd_kafka_error_t *error = rd_kafka_seek_partitions(sub->rk, list, SEEK_MS);

    if (error && !subscriber_sought(rd_kafka_error_code(error)))
        relais_error_set(&sub->broken, RELAIS_E_BROKER_FATAL, "consumer", "seek: %s",
                         rd_kafka_error_string(error));
    if (error)
        rd_kafka_error_destroy(error);
    for (int i = 0; i < list->cnt; i++)
        if (!subscriber_sought(list->elems[i].err))
            relais_error_set(&sub->broken, RELAIS_E_BROKER_FATAL, list->elems[i].topic,
                             "seek in partition %" PRId32 ": %s",
                             list->elems[i].partition,
                             rd_kafka_err2name(list->elems[i].err));
}

void subscriber_resume(struct subscriber *sub, rd_kafka_topic_partition_list_t *list)
{
    rd_kafka_topic_partition_list_t *known = rd_kafka_topic_partition_list_new(list->cnt);

    for (int i = 0; i < list->cnt; i++) {
        const rd_kafka_topic_partition_t *p = &list->elems[i];
        int64_t offset = fetched(sub, part_find(sub, p->topic, p->partition));

        if (offset >= 0)
            rd_kafka_topic_partition_list_add(known, p->topic, p->partition)->offset =
                offset;
    }
    if (known->cnt)
        seek(sub, known);
    rd_kafka_topic_partition_list_destroy(known);
    rd_kafka_resume_partitions(sub->rk, list);
}

void subscriber_pause(struct subscriber *sub, bool pause)
{
    rd_kafka_topic_partition_list_t *list;

    if (!sub->rk || sub->paused == pause)
        return;
    sub->paused = pause;
    list = assigned_list(sub, false);
    if (list->cnt && pause)
        rd_kafka_pause_partitions(sub->rk, list);
    else if (list->cnt)
        subscriber_resume(sub, list);
    rd_kafka_topic_partition_list_destroy(list);
}

bool subscriber_seen(struct subscriber *sub, const struct relais_event *event)
{
    struct part *part = part_find(sub, event->part->topic, event->part->partition);
    unsigned char id[16];

    if (!relais_uuid_parse(relais_slice_str(relais_event_id(event)), id))
        return false;
    if (!part->seen)
        part->seen = seen_new();
    return seen_test(part->seen, id, relais_event_offset(event));
}

/* ---- life ---- */

struct subscriber *subscriber_new(const struct subscriber_options *options,
                                  struct relais_error *err)
{
    struct subscriber *sub;
    size_t count = 0;

    while (options->topics && options->topics[count])
        count++;
    if (!count) {
        relais_error_set(err, RELAIS_E_CONF_VALUE, "topics", "none given");
        return NULL;
    }
    sub = relais_zalloc(sizeof(*sub));
    sub->options = *options;
    sub->call = 1; /* 0: no call */
    sub->unassigned_us = relais_monotonic_us();
    sub->group = options->group ? relais_strdup(options->group) : NULL;
    sub->topics = relais_zalloc((count + 1) * sizeof(char *));
    for (size_t i = 0; i < count; i++)
        sub->topics[i] = relais_strdup(options->topics[i]);
    if (event_schemas_open(&sub->schemas, options->conf, options->reader, err) ||
        consumer_open(sub, err)) {
        subscriber_free(sub);
        return NULL;
    }
    return sub;
}

bool subscriber_free(struct subscriber *sub)
{
    bool hanging;

    if (!sub)
        return false;
    batches_take_back(sub);
    consumer_close(sub);
    hanging = sub->hanging;
    batches_free(sub);
    for (size_t i = 0; i < sub->part_count; i++) {
        seen_free(sub->parts[i]->seen);
        free(sub->parts[i]->topic);
        free(sub->parts[i]);
    }
    free(sub->parts);
    event_schemas_close(&sub->schemas);
    for (size_t i = 0; sub->topics[i]; i++)
        free(sub->topics[i]);
    free(sub->topics);
    free(sub->group);
    free(sub);
    return hanging;
}
