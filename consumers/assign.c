/* Which partitions are ours, and where each begins. With a group the protocol is eager,
 * librdkafka's default "range,roundrobin": every partition is given up before any is
 * taken, so what is held at a revocation can be dropped whole; and range gives partition
 * i of every topic to the same process, so that all families of a dossier (same key, same
 * number of partitions) meet there. Cooperative rebalances are refused.
 */

#include "consumers/subscriber_internal.h"
#include "core/day.h"

#include <inttypes.h>
#include <stdlib.h>

#define QUERY_TIMEOUT_MS  5000
#define FIRSTS_TIMEOUT_MS 1000

struct part *part_find(struct subscriber *sub, const char *topic, int32_t partition)
{
    struct part *part;

    for (size_t i = 0; i < sub->part_count; i++)
        if (sub->parts[i]->partition == partition &&
            strcmp(sub->parts[i]->topic, topic) == 0)
            return sub->parts[i];
    part = relais_zalloc(sizeof(*part));
    part->topic = relais_strdup(topic);
    part->partition = partition;
    part->next = part->committed = part->position = part->end = -1;
    part->checks = part->anchor = part->begins = -1;
    sub->parts =
        relais_realloc(sub->parts, (sub->part_count + 1) * sizeof(struct part *));
    sub->parts[sub->part_count++] = part;
    return part;
}

struct part *part_of(struct subscriber *sub, const rd_kafka_message_t *msg)
{
    struct part *part = sub->last_part;

    if (part && part->rkt == msg->rkt && part->partition == msg->partition)
        return part;
    part = part_find(sub, rd_kafka_topic_name(msg->rkt), msg->partition);
    part->rkt = msg->rkt;
    sub->last_part = part;
    return part;
}

rd_kafka_topic_partition_list_t *assigned_list(const struct subscriber *sub,
                                               bool denied_only)
{
    rd_kafka_topic_partition_list_t *list =
        rd_kafka_topic_partition_list_new((int)sub->part_count + 1);

    for (size_t i = 0; i < sub->part_count; i++) {
        const struct part *part = sub->parts[i];

        if (part->assigned && (part->denied || !denied_only))
            rd_kafka_topic_partition_list_add(list, part->topic, part->partition);
    }
    return list;
}

/* The end as it is now: an offset, so that it stays the same at the next assignment. */
static int start_at_end(struct subscriber *sub, rd_kafka_topic_partition_t *p,
                        struct relais_error *err)
{
    int64_t low;

    return relais_kafka_watermarks(sub->rk, p->topic, p->partition, QUERY_TIMEOUT_MS,
                                   &low, &p->offset, err);
}

/* The first event left, as an offset too: the next commit carries it. */
static int start_at_first(struct subscriber *sub, rd_kafka_topic_partition_t *p,
                          struct relais_error *err)
{
    int64_t high;

    return relais_kafka_watermarks(sub->rk, p->topic, p->partition, QUERY_TIMEOUT_MS,
                                   &p->offset, &high, err);
}

static int start_at_time(struct subscriber *sub, rd_kafka_topic_partition_t *p,
                         struct relais_error *err)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_resp_err_t code;
    int rc = -1;

    rd_kafka_topic_partition_list_add(list, p->topic, p->partition)->offset =
        sub->options.from_ms;
    code = rd_kafka_offsets_for_times(sub->rk, list, QUERY_TIMEOUT_MS);
    if (!code)
        code = list->elems[0].err;
    if (code)
        relais_kafka_error(err, code, p->topic, "offsets for times");
    else if (list->elems[0].offset >= 0) {
        p->offset = list->elems[0].offset;
        rc = 0;
    } else
        rc = start_at_end(sub, p, err); /* nothing that late yet */
    rd_kafka_topic_partition_list_destroy(list);
    return rc;
}

/* A partition without a position. */
static int start_fresh(struct subscriber *sub, rd_kafka_topic_partition_t *p,
                       struct relais_error *err)
{
    const char *from = "beginning";

    if (sub->options.from_ms == RELAIS_FROM_END) {
        from = "end";
        if (start_at_end(sub, p, err))
            return -1;
    } else if (sub->options.from_ms >= 0) {
        from = "date";
        if (start_at_time(sub, p, err))
            return -1;
    } else
        p->offset = RD_KAFKA_OFFSET_BEGINNING;
    if (sub->group)
        subscriber_notice(sub, "topic=%s partition=%" PRId32 " position=none start=%s",
                          p->topic, p->partition, from);
    return 0;
}

/* Of which no event is known, so that their beginning tells a topic made anew. What is
 * not answered is looked at again while they are read. */
static int check_beginnings(struct subscriber *sub, rd_kafka_topic_partition_list_t *list,
                            struct relais_error *err)
{
    rd_kafka_topic_partition_list_t *firsts =
        rd_kafka_topic_partition_list_new(list->cnt);
    int rc = 0;

    for (int i = 0; i < list->cnt; i++) {
        const rd_kafka_topic_partition_t *p = &list->elems[i];

        if (p->offset > 0 && part_find(sub, p->topic, p->partition)->begins > 0)
            rd_kafka_topic_partition_list_add(firsts, p->topic, p->partition);
    }
    if (firsts->cnt)
        relais_kafka_ends(sub->rk, firsts, RD_KAFKA_OFFSET_BEGINNING, FIRSTS_TIMEOUT_MS);
    for (int i = 0; i < firsts->cnt && rc == 0; i++) {
        const rd_kafka_topic_partition_t *p = &firsts->elems[i];

        if (!p->err)
            rc = anchor_begins(sub, part_find(sub, p->topic, p->partition), p->offset,
                               err);
    }
    rd_kafka_topic_partition_list_destroy(firsts);
    return rc;
}

/* Those that options.positions knows. */
static int ask_positions(struct subscriber *sub, rd_kafka_topic_partition_list_t *list,
                         struct relais_error *err)
{
    struct relais_position *known =
        relais_zalloc((size_t)(list->cnt + 1) * sizeof(*known));
    int rc;

    for (int i = 0; i < list->cnt; i++)
        known[i] = (struct relais_position){list->elems[i].topic,
                                            list->elems[i].partition, -1, 0};
    rc = sub->options.positions(sub->options.user, known, (size_t)list->cnt, err);
    for (int i = 0; i < list->cnt; i++) {
        struct part *part =
            part_find(sub, list->elems[i].topic, list->elems[i].partition);

        list->elems[i].offset = known[i].next;
        part->last_ms = known[i].last_ms;
        part->begins = -1;
    }
    free(known);
    return rc;
}

static bool unknown(struct subscriber *sub, const rd_kafka_topic_partition_t *p)
{
    const struct part *part = part_find(sub, p->topic, p->partition);

    return part->anchor < 0 && part->begins < 0;
}

/* librdkafka asks for a beginning again only after 500 ms where it had not noticed the
 * leader yet: here the request waits for it. What is not answered is left to librdkafka.
 * Asked for too where no event before the position is known (anchor.c).
 */
static void find_beginnings(struct subscriber *sub, rd_kafka_topic_partition_list_t *list)
{
    rd_kafka_topic_partition_list_t *firsts =
        rd_kafka_topic_partition_list_new(list->cnt);

    for (int i = 0; i < list->cnt; i++)
        if (list->elems[i].offset == RD_KAFKA_OFFSET_BEGINNING ||
            (list->elems[i].offset > 0 && unknown(sub, &list->elems[i])))
            rd_kafka_topic_partition_list_add(firsts, list->elems[i].topic,
                                              list->elems[i].partition);
    if (firsts->cnt)
        relais_kafka_ends(sub->rk, firsts, RD_KAFKA_OFFSET_BEGINNING, FIRSTS_TIMEOUT_MS);
    for (int i = 0; i < firsts->cnt; i++) {
        const rd_kafka_topic_partition_t *first = &firsts->elems[i];
        rd_kafka_topic_partition_t *p =
            rd_kafka_topic_partition_list_find(list, first->topic, first->partition);

        if (first->err)
            continue;
        if (p->offset == RD_KAFKA_OFFSET_BEGINNING)
            p->offset = first->offset;
        part_find(sub, first->topic, first->partition)->begins = first->offset;
    }
    rd_kafka_topic_partition_list_destroy(firsts);
}

/* A position that options.positions knew and that is none of this topic's. */
static int restart(struct subscriber *sub, const rd_kafka_topic_partition_t *p,
                   struct relais_error *err)
{
    const struct relais_position at = {p->topic, p->partition, p->offset, 0};

    return sub->options.restart ? sub->options.restart(sub->options.user, &at, err) : 0;
}

/* Sets the offset of every element: the one stored, or where a fresh one begins. */
static int start_positions(struct subscriber *sub, rd_kafka_topic_partition_list_t *list,
                           struct relais_error *err)
{
    if (sub->options.positions) {
        if (ask_positions(sub, list, err))
            return -1;
    } else if (sub->group && list->cnt) {
        rd_kafka_resp_err_t code = rd_kafka_committed(sub->rk, list, QUERY_TIMEOUT_MS);

        if (code)
            return relais_kafka_error(err, code, sub->group, "committed offsets");
        for (int i = 0; i < list->cnt; i++)
            commit_read(&list->elems[i],
                        part_find(sub, list->elems[i].topic, list->elems[i].partition));
    }
    for (int i = 0; i < list->cnt; i++) {
        rd_kafka_topic_partition_t *p = &list->elems[i];
        struct part *part = part_find(sub, p->topic, p->partition);

        part->checks = part->anchor = -1;
        part->newest_ms = 0;
        if (p->err)
            return relais_kafka_error(err, p->err, p->topic, "committed offset");
        if (!sub->group && !sub->options.positions)
            p->offset = part->next;
        if (p->offset < 0)
            part->begins = -1;
    }
    if (check_beginnings(sub, list, err))
        return -1;
    for (int i = 0; i < list->cnt; i++) {
        rd_kafka_topic_partition_t *p = &list->elems[i];
        struct part *part = part_find(sub, p->topic, p->partition);

        if (part->lost && sub->options.skip_lost) {
            if (start_at_first(sub, p, err) || restart(sub, p, err))
                return -1;
            part->lost = false;
            part->last_ms = 0;
            part->begins = -1;
            subscriber_notice(
                sub, "topic=%s partition=%" PRId32 " position=lost start=beginning",
                p->topic, p->partition);
        } else if (p->offset < 0 && start_fresh(sub, p, err)) {
            return -1;
        } else if (p->offset > 0 && part->last_ms > 0) {
            part->checks = --p->offset;
            part->checks_ms = part->anchor_ms = part->anchor_newest_ms = part->last_ms;
            part->anchor = part->checks;
        }
    }
    find_beginnings(sub, list);
    return 0;
}

static void mark_assigned(struct subscriber *sub,
                          const rd_kafka_topic_partition_list_t *list)
{
    for (int i = 0; i < list->cnt; i++) {
        const rd_kafka_topic_partition_t *p = &list->elems[i];
        struct part *part = part_find(sub, p->topic, p->partition);
        bool known = p->offset >= 0;

        part->assigned = true;
        part->denied = part->away = false;
        part->next = part->position = !known ? -1 : p->offset + (part->checks >= 0);
        part->committed = -1;
        part->watch_position = -2;
        /* its messages before and after the revocation cannot be told apart */
        if (part->revoked_call == sub->call)
            relais_error_set(&sub->broken, RELAIS_E_BROKER_FATAL, p->topic,
                             "revoked and assigned within one fetch");
    }
    sub->assigned = true;
    sub->generation++;
    if (sub->options.until_end)
        (void)watchdog_ask_ends(sub); /* what is missing is asked for at the end */
}

void drop_unread(struct subscriber *sub, const struct part *part)
{
    struct batch *batch = sub->batch;

    for (size_t i = batch ? batch->at : 0; batch && i < batch->count; i++) {
        if (!batch->msgs[i] || !batch->msgs[i]->rkt ||
            part_of(sub, batch->msgs[i]) != part)
            continue;
        rd_kafka_message_destroy(batch->msgs[i]);
        batch->msgs[i] = NULL;
    }
}

static void mark_revoked(struct subscriber *sub, struct part *part)
{
    if (!part->assigned)
        return;
    drop_unread(sub, part);
    part->assigned = false;
    part->revoked_call = sub->full_call ? sub->call : 0;
    /* without a group the position is remembered here and nowhere else */
    if (sub->group)
        part->next = part->committed = part->position = -1;
}

/* No partition is known to be ours, or not to be. */
static void assign_none(struct subscriber *sub)
{
    sub->assigned = false;
    sub->unassigned_us = relais_monotonic_us();
    sub->generation++;
}

static void waiting_drop(struct subscriber *sub)
{
    if (sub->waiting)
        rd_kafka_topic_partition_list_destroy(sub->waiting);
    sub->waiting = NULL;
}

void assign_forget(struct subscriber *sub)
{
    waiting_drop(sub);
    for (size_t i = 0; i < sub->part_count; i++) {
        mark_revoked(sub, sub->parts[i]);
        sub->parts[i]->rkt = NULL;
        sub->parts[i]->revoked_call = 0;
    }
    sub->last_part = NULL;
    assign_none(sub);
}

/* librdkafka keeps a pause on a partition that goes: were it to come back after the pause
 * is over, it would never be read. */
static void end_pause(const struct subscriber *sub, rd_kafka_topic_partition_list_t *list)
{
    if (sub->paused && list->cnt)
        rd_kafka_resume_partitions(sub->rk, list);
}

void on_rebalance(rd_kafka_t *rk, rd_kafka_resp_err_t code,
                  rd_kafka_topic_partition_list_t *list, void *opaque)
{
    struct subscriber *sub = ((struct subscriber_link *)opaque)->sub;
    bool assign = code == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS;

    if (!sub || (assign && sub->closing)) {
        rd_kafka_assign(rk, NULL);
        return;
    }
    if (assign) {
        struct relais_error why = RELAIS_ERROR_INIT;

        if (start_positions(sub, list, &why)) {
            rd_kafka_assign(rk, NULL);
            if (sub->options.positions && relais_error_class(why.code) == RELAIS_RETRY)
                sub->waiting = rd_kafka_topic_partition_list_copy(list);
            else /* the partitions are left alone: the consumer is made again */
                sub->broken = why;
            return;
        }
        mark_assigned(sub, list);
    } else {
        bool lost =
            code != RD_KAFKA_RESP_ERR__REVOKE_PARTITIONS || rd_kafka_assignment_lost(rk);

        waiting_drop(sub);
        if (sub->options.revoking && !sub->closing)
            sub->options.revoking(sub->options.user, lost);
        for (int i = 0; i < list->cnt; i++)
            mark_revoked(sub,
                         part_find(sub, list->elems[i].topic, list->elems[i].partition));
        assign_none(sub);
    }
    subscriber_notice(sub, "group=%s %s=%d", sub->group ? sub->group : "-",
                      assign ? "assigned" : "revoked", list->cnt);
    if (!assign)
        end_pause(sub, list);
    rd_kafka_assign(rk, assign ? list : NULL);
    if (assign && sub->paused)
        rd_kafka_pause_partitions(rk, list);
}

int assign_waiting(struct subscriber *sub, struct relais_error *err)
{
    rd_kafka_topic_partition_list_t *list = sub->waiting;
    rd_kafka_resp_err_t code;

    if (start_positions(sub, list, err))
        return -1;
    code = rd_kafka_assign(sub->rk, list);
    if (code)
        return relais_kafka_error(err, code, list->elems[0].topic, "assign");
    mark_assigned(sub, list);
    if (sub->paused)
        rd_kafka_pause_partitions(sub->rk, list);
    subscriber_notice(sub, "group=%s placed=%d", sub->group ? sub->group : "-",
                      list->cnt);
    waiting_drop(sub);
    return 0;
}

void subscriber_reposition(struct subscriber *sub)
{
    rd_kafka_topic_partition_list_t *list = assigned_list(sub, false);

    if (!sub->rk || !list->cnt) {
        rd_kafka_topic_partition_list_destroy(list);
        return;
    }
    waiting_drop(sub);
    sub->waiting = list;
    for (size_t i = 0; i < sub->part_count; i++) {
        mark_revoked(sub, sub->parts[i]);
        sub->parts[i]->revoked_call = 0; /* nothing of this call is left */
    }
    assign_none(sub);
    end_pause(sub, list);
    rd_kafka_assign(sub->rk, NULL);
}

int assign_subscribe(struct subscriber *sub, struct relais_error *err)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(4);
    rd_kafka_resp_err_t code;

    for (size_t i = 0; sub->topics[i]; i++)
        rd_kafka_topic_partition_list_add(list, sub->topics[i], RD_KAFKA_PARTITION_UA);
    code = rd_kafka_subscribe(sub->rk, list);
    rd_kafka_topic_partition_list_destroy(list);
    return code ? relais_kafka_error(err, code, sub->group, "subscribe") : 0;
}

int assign_all(struct subscriber *sub, int timeout_ms, struct relais_error *err)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(16);
    rd_kafka_resp_err_t code;
    int rc = -1;

    for (size_t i = 0; sub->topics[i]; i++) {
        int32_t count;

        if (relais_kafka_partitions(sub->rk, sub->topics[i], timeout_ms, &count, err))
            goto out;
        for (int32_t p = 0; p < count; p++)
            rd_kafka_topic_partition_list_add(list, sub->topics[i], p);
    }
    if (start_positions(sub, list, err))
        goto out;
    code = rd_kafka_assign(sub->rk, list);
    if (code) {
        relais_kafka_error(err, code, sub->topics[0], "assign");
        goto out;
    }
    mark_assigned(sub, list);
    if (sub->paused)
        rd_kafka_pause_partitions(sub->rk, list);
    rc = 0;
out:
    rd_kafka_topic_partition_list_destroy(list);
    return rc;
}

int assign_new(struct subscriber *sub, struct relais_error *err)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(4);
    rd_kafka_error_t *error;
    int rc = -1;

    for (size_t i = 0; sub->topics[i]; i++) {
        int32_t count;

        if (relais_kafka_partitions(sub->rk, sub->topics[i], QUERY_TIMEOUT_MS, &count,
                                    err))
            goto out;
        for (int32_t p = 0; p < count; p++)
            if (!part_find(sub, sub->topics[i], p)->assigned)
                rd_kafka_topic_partition_list_add(list, sub->topics[i], p)->offset =
                    RD_KAFKA_OFFSET_BEGINNING; /* whatever from_ms: it is new */
    }
    rc = 0;
    if (!list->cnt)
        goto out;
    error = rd_kafka_incremental_assign(sub->rk, list);
    if (error) {
        rc =
            relais_kafka_error(err, rd_kafka_error_code(error), sub->topics[0], "assign");
        rd_kafka_error_destroy(error);
        goto out;
    }
    mark_assigned(sub, list);
out:
    rd_kafka_topic_partition_list_destroy(list);
    return rc;
}
