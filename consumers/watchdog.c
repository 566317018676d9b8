/* What no callback tells: a partition that stands still with events left, a broker that
 * does not answer, a topic that is gone, how far the ends are.
 */

#include "consumers/subscriber_internal.h"
#include "core/day.h"

#include <inttypes.h>
#include <signal.h>

#define TICK_US          INT64_C(10000000)
#define NEW_PARTS_TICKS  6
#define QUERY_TIMEOUT_MS 1000
#define MISSING_US       INT64_C(30000000)
#define STALL_MS         60000
#define UNASSIGNED_US    INT64_C(5000000)
#define COMMITS_FAIL_US  INT64_C(30000000)
#define QUEUE_MIN        200 /* messages: fewer are no backlog */

/* ---- the brokers are asked ---- */

static void *ask(void *user)
{
    struct question *q = user;

    relais_kafka_ends(q->rk, q->ends, RD_KAFKA_OFFSET_END, QUERY_TIMEOUT_MS);
    if (q->times->cnt)
        q->times_code = rd_kafka_offsets_for_times(q->rk, q->times, QUERY_TIMEOUT_MS);
    atomic_store(&q->answered, true);
    return NULL;
}

/* Our thread is none for the application's signals. */
static bool start(struct question *q)
{
    sigset_t all, before;
    bool started;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    started = pthread_create(&q->thread, NULL, ask, q) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return started;
}

static void forget(struct question *q)
{
    rd_kafka_topic_partition_list_destroy(q->ends);
    rd_kafka_topic_partition_list_destroy(q->times);
    q->asked = false;
}

static struct question *question(struct subscriber *sub)
{
    struct question *q = &sub->question;

    q->ends = rd_kafka_topic_partition_list_new((int)sub->part_count + 1);
    q->times = rd_kafka_topic_partition_list_new((int)sub->part_count + 1);
    q->wakes = false;
    return q;
}

static void put(struct subscriber *sub, struct question *q)
{
    q->rk = sub->rk;
    q->generation = sub->generation;
    q->times_code = RD_KAFKA_RESP_ERR_NO_ERROR;
    atomic_store(&q->answered, false);
    q->asked = (q->ends->cnt || q->times->cnt) && start(q);
    if (!q->asked)
        forget(q);
}

static void ask_brokers(struct subscriber *sub, int64_t now_us)
{
    struct question *q = question(sub);

    for (size_t i = 0; i < sub->part_count; i++) {
        struct part *part = sub->parts[i];

        if (!part->assigned || part->denied)
            continue;
        if (part->position == part->watch_position && !sub->paused) {
            rd_kafka_topic_partition_list_add(q->ends, part->topic, part->partition);
            continue;
        }
        part->watch_position = part->position;
        part->watch_since_us = now_us;
        sub->unreachable = false;
    }
    anchor_ask(sub, q->times);
    put(sub, q);
}

/* When its queue is full librdkafka stops fetching and looks again once a second (before
 * 2.2.0, which has fetch.queue.backoff.ms), or when a broker answers something: with half
 * of the queue read, each is asked. */
static void keep_fetching(struct subscriber *sub)
{
    size_t waiting = rd_kafka_queue_length(sub->queue);
    struct question *q;

    if (waiting > sub->queue_peak)
        sub->queue_peak = waiting;
    if (sub->queue_peak < QUEUE_MIN || waiting > sub->queue_peak / 2 ||
        sub->question.asked)
        return;
    sub->queue_peak = waiting;
    q = question(sub);
    q->wakes = true;
    for (size_t i = 0; i < sub->part_count; i++)
        if (sub->parts[i]->assigned && !sub->parts[i]->denied)
            rd_kafka_topic_partition_list_add(q->ends, sub->parts[i]->topic,
                                              sub->parts[i]->partition);
    put(sub, q);
}

/* ---- and have answered ---- */

/* Has it events that it does not give? */
static bool waits(const struct subscriber *sub, const struct part *part, int64_t end)
{
    struct relais_error away = RELAIS_ERROR_INIT;
    int64_t low;

    if (part->position >= 0)
        return end > part->position;
    return relais_kafka_watermarks(sub->rk, part->topic, part->partition,
                                   QUERY_TIMEOUT_MS, &low, &end, &away) == 0 &&
           end > low;
}

/* Did librdkafka give, or will at once, what was not read yet? */
static bool unread(const struct subscriber *sub)
{
    return rd_kafka_queue_length(sub->queue) ||
           (sub->batch && sub->batch->at < sub->batch->count);
}

static int stalled(const struct subscriber *sub, struct part *part, int64_t end,
                   int64_t now_us, struct relais_error *err)
{
    int64_t stall_ms = sub->options.stall_ms ? sub->options.stall_ms : STALL_MS;

    if (unread(sub)) /* its events may be among them */
        part->watch_since_us = now_us;
    if (part->position != part->watch_position ||
        now_us - part->watch_since_us < stall_ms * 1000 || !waits(sub, part, end))
        return 0;
    return relais_error_set(err, RELAIS_E_BROKER_FATAL, part->topic,
                            "partition %" PRId32 " stands still at %" PRId64
                            " of %" PRId64 " for %" PRId64 " s",
                            part->partition, part->position, end,
                            (now_us - part->watch_since_us) / 1000000);
}

static int take_ends(struct subscriber *sub, const rd_kafka_topic_partition_list_t *ends,
                     int64_t now_us, struct relais_error *err)
{
    if (ends->cnt)
        sub->unreachable = false;
    for (int i = 0; i < ends->cnt; i++) {
        const rd_kafka_topic_partition_t *p = &ends->elems[i];
        struct part *part = part_find(sub, p->topic, p->partition);
        struct relais_error away = RELAIS_ERROR_INIT;

        if (p->err) {
            relais_kafka_error(&away, p->err, p->topic, "watermarks");
            sub->unreachable = sub->unreachable || away.code == RELAIS_E_BROKER_DOWN;
            part->watch_since_us = now_us; /* nothing can move now */
        } else if (stalled(sub, part, p->offset, now_us, err)) {
            return -1;
        }
    }
    return 0;
}

static int take_answer(struct subscriber *sub, int64_t now_us, struct relais_error *err)
{
    struct question *q = &sub->question;
    int rc = 0;

    pthread_join(q->thread, NULL);
    if (q->generation == sub->generation && !q->wakes) {
        if (!q->times_code)
            rc = anchor_answer(sub, q->times, err);
        if (!rc)
            rc = take_ends(sub, q->ends, now_us, err);
    }
    forget(q);
    return rc;
}

void watchdog_close(struct subscriber *sub)
{
    if (!sub->question.asked)
        return;
    pthread_join(sub->question.thread, NULL);
    forget(&sub->question);
}

/* ---- the watchdog ---- */

/* librdkafka tries a refused partition again by itself, in silence; leaving and entering
 * the pause makes it report the end anew, the sign that a fetch succeeded. */
static void try_denied(struct subscriber *sub)
{
    rd_kafka_topic_partition_list_t *list = assigned_list(sub, true);

    if (list->cnt && !sub->paused) {
        rd_kafka_pause_partitions(sub->rk, list);
        subscriber_resume(sub, list);
    }
    rd_kafka_topic_partition_list_destroy(list);
}

static int check_missing(struct subscriber *sub, int64_t now_us, struct relais_error *err)
{
    if (!sub->missing_since_us)
        return 0;
    for (size_t i = 0; sub->topics[i]; i++) {
        struct relais_error missing = RELAIS_ERROR_INIT;
        int32_t count;

        if (!relais_kafka_partitions(sub->rk, sub->topics[i], QUERY_TIMEOUT_MS, &count,
                                     &missing))
            continue;
        if (missing.code != RELAIS_E_TOPIC_MISSING ||
            now_us - sub->missing_since_us < MISSING_US)
            return 0;
        *err = missing;
        return -1;
    }
    sub->missing_since_us = 0;
    return 0;
}

/* A group that gave us nothing, or took it back, leaves no partition to ask about. */
static void probe(struct subscriber *sub)
{
    struct relais_error away = RELAIS_ERROR_INIT;
    int32_t count;

    for (size_t i = 0; i < sub->part_count; i++)
        if (sub->parts[i]->assigned)
            return;
    sub->unreachable = relais_kafka_partitions(sub->rk, sub->topics[0], QUERY_TIMEOUT_MS,
                                               &count, &away) &&
                       away.code == RELAIS_E_BROKER_DOWN;
}

int watchdog_tick(struct subscriber *sub, struct relais_error *err)
{
    int64_t now_us = relais_monotonic_us();

    if (sub->question.asked && atomic_load(&sub->question.answered) &&
        take_answer(sub, now_us, err))
        return -1;
    if (now_us - sub->tick_us < TICK_US) {
        if (rd_kafka_version() < RELAIS_KAFKA_QUEUE_BACKOFF)
            keep_fetching(sub);
        return 0;
    }
    if (sub->question.asked) /* as soon as it is back */
        return 0;
    /* nobody polled for long: what stood still meanwhile says nothing */
    for (size_t i = 0; now_us - sub->tick_us > 3 * TICK_US && i < sub->part_count; i++)
        sub->parts[i]->watch_position = -2;
    sub->tick_us = now_us;
    sub->tick_count++;
    try_denied(sub);
    if (check_missing(sub, now_us, err))
        return -1;
    probe(sub);
    ask_brokers(sub, now_us);
    if (!sub->group && sub->tick_count % NEW_PARTS_TICKS == 0) {
        struct relais_error away = RELAIS_ERROR_INIT;

        if (assign_new(sub, &away) && away.code == RELAIS_E_TOPIC_MISSING &&
            !sub->missing_since_us)
            sub->missing_since_us = now_us;
    }
    return 0;
}

const char *subscriber_problem(const struct subscriber *sub)
{
    if (!sub->started)
        return "Kafka : connexion en cours";
    if (sub->unreachable)
        return "Kafka injoignable";
    if (sub->missing_since_us)
        return "topic absent";
    for (size_t i = 0; i < sub->part_count; i++)
        if (sub->parts[i]->assigned && sub->parts[i]->denied)
            return "droit de lecture refuse";
    if (sub->group && !sub->assigned &&
        relais_monotonic_us() - sub->unassigned_us > UNASSIGNED_US)
        return "le groupe n'a pas encore donné de partitions";
    if (sub->uncommitted_since_us &&
        relais_monotonic_us() - sub->uncommitted_since_us > COMMITS_FAIL_US)
        return "positions du groupe non enregistrees";
    return NULL;
}

int64_t subscriber_lag(const struct subscriber *sub)
{
    int64_t lag = 0;

    for (size_t i = 0; sub->rk && i < sub->part_count; i++) {
        const struct part *part = sub->parts[i];
        int64_t low, high;

        if (!part->assigned || rd_kafka_get_watermark_offsets(
                                   sub->rk, part->topic, part->partition, &low, &high))
            continue;
        if (part->position >= 0 && high > part->position)
            lag += high - part->position;
    }
    return lag;
}

bool watchdog_ask_ends(struct subscriber *sub)
{
    rd_kafka_topic_partition_list_t *list =
        rd_kafka_topic_partition_list_new((int)sub->part_count + 1);
    bool all = true;

    for (size_t i = 0; i < sub->part_count; i++)
        if (sub->parts[i]->assigned && sub->parts[i]->end < 0)
            rd_kafka_topic_partition_list_add(list, sub->parts[i]->topic,
                                              sub->parts[i]->partition);
    if (list->cnt)
        relais_kafka_ends(sub->rk, list, RD_KAFKA_OFFSET_END, QUERY_TIMEOUT_MS);
    for (int i = 0; i < list->cnt; i++) {
        const rd_kafka_topic_partition_t *p = &list->elems[i];

        if (p->err)
            all = false;
        else
            part_find(sub, p->topic, p->partition)->end = p->offset;
    }
    rd_kafka_topic_partition_list_destroy(list);
    return all;
}

bool subscriber_at_end(struct subscriber *sub)
{
    if (!sub->started || !sub->assigned || !watchdog_ask_ends(sub))
        return false;
    for (size_t i = 0; i < sub->part_count; i++) {
        const struct part *part = sub->parts[i];

        if (part->assigned && (part->checks >= 0 || part->position < part->end))
            return false;
    }
    return true;
}
