/* What no callback tells: a partition that stands still with events left, a broker that
 * does not answer, a topic that is gone, how far the ends are.
 */

#include "consumers/subscriber_internal.h"
#include "core/day.h"

#include <inttypes.h>

#define TICK_US          INT64_C(10000000)
#define NEW_PARTS_TICKS  6
#define QUERY_TIMEOUT_MS 1000
#define MISSING_US       INT64_C(30000000)
#define STALL_MS         60000
#define COMMITS_FAIL_US  INT64_C(30000000)

static int stalled(struct subscriber *sub, struct part *part, int64_t now_us,
                   struct relais_error *err)
{
    int64_t stall_ms = sub->options.stall_ms ? sub->options.stall_ms : STALL_MS;
    int64_t low, high;
    struct relais_error away = RELAIS_ERROR_INIT;

    if (part->position != part->watch_position || sub->paused) {
        part->watch_position = part->position;
        part->watch_since_us = now_us;
        return 0;
    }
    if (relais_kafka_watermarks(sub->rk, part->topic, part->partition, QUERY_TIMEOUT_MS,
                                &low, &high, &away)) {
        sub->unreachable = away.code == RELAIS_E_BROKER_DOWN;
        part->watch_since_us = now_us; /* nothing can move now */
        return 0;
    }
    sub->unreachable = false;
    if (high <= (part->position >= 0 ? part->position : low) ||
        now_us - part->watch_since_us < stall_ms * 1000)
        return 0;
    return relais_error_set(err, RELAIS_E_BROKER_FATAL, part->topic,
                            "partition %" PRId32 " stands still at %" PRId64
                            " of %" PRId64 " for %" PRId64 " s",
                            part->partition, part->position, high,
                            (now_us - part->watch_since_us) / 1000000);
}

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

    if (now_us - sub->tick_us < TICK_US)
        return 0;
    /* nobody polled for long: what stood still meanwhile says nothing */
    for (size_t i = 0; now_us - sub->tick_us > 3 * TICK_US && i < sub->part_count; i++)
        sub->parts[i]->watch_position = -2;
    sub->tick_us = now_us;
    sub->tick_count++;
    try_denied(sub);
    anchor_check(sub);
    if (check_missing(sub, now_us, err))
        return -1;
    probe(sub);
    for (size_t i = 0; i < sub->part_count; i++) {
        struct part *part = sub->parts[i];

        if (!part->assigned || part->denied)
            continue;
        if (stalled(sub, part, now_us, err))
            return -1;
        if (sub->unreachable)
            return 0;
    }
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

bool subscriber_at_end(struct subscriber *sub)
{
    if (!sub->started || !sub->assigned_once)
        return false;
    for (size_t i = 0; i < sub->part_count; i++) {
        struct part *part = sub->parts[i];
        struct relais_error away = RELAIS_ERROR_INIT;
        int64_t low;

        if (part->assigned && part->end < 0 &&
            relais_kafka_watermarks(sub->rk, part->topic, part->partition,
                                    QUERY_TIMEOUT_MS, &low, &part->end, &away)) {
            part->end = -1;
            return false;
        }
    }
    for (size_t i = 0; i < sub->part_count; i++) {
        const struct part *part = sub->parts[i];

        if (part->assigned && (part->end < 0 || part->position < part->end))
            return false;
    }
    return true;
}
