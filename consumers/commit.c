/* The group's positions: sent, and the answer looked at for every partition. */

#include "consumers/subscriber_internal.h"
#include "core/day.h"

#include <stdio.h>
#include <stdlib.h>

#define COMMIT_WAIT_MS 10000

static int commit_result(struct subscriber *sub, struct relais_error *err)
{
    int64_t until_us = relais_monotonic_us() + COMMIT_WAIT_MS * INT64_C(1000);

    for (;;) {
        int64_t left_us = until_us - relais_monotonic_us();
        rd_kafka_event_t *ev;
        rd_kafka_resp_err_t code;
        bool mine;

        ev = rd_kafka_queue_poll(sub->commits, left_us > 0 ? (int)(left_us / 1000) : 0);
        if (!ev && left_us <= 0)
            return relais_error_set(err, RELAIS_E_BROKER_DOWN, sub->group,
                                    "no answer to the commit");
        if (!ev)
            continue;
        mine = rd_kafka_event_type(ev) == RD_KAFKA_EVENT_OFFSET_COMMIT &&
               (uintptr_t)rd_kafka_event_opaque(ev) == sub->commit_no;
        code = rd_kafka_event_error(ev);
        for (int i = 0; mine && !code; i++) {
            const rd_kafka_topic_partition_list_t *list =
                rd_kafka_event_topic_partition_list(ev);

            if (!list || i >= list->cnt)
                break;
            code = list->elems[i].err;
        }
        rd_kafka_event_destroy(ev);
        if (mine)
            return code ? relais_kafka_error(err, code, sub->group, "commit") : 0;
    }
}

/* What a commit carries beside the offset. */
#define LAST   "relais ms="
#define BEGINS " debut="

void commit_read(const rd_kafka_topic_partition_t *p, struct part *part)
{
    char text[80], *rest;

    part->last_ms = 0;
    part->begins = -1;
    if (!p->metadata || p->metadata_size >= sizeof(text))
        return;
    memcpy(text, p->metadata, p->metadata_size);
    text[p->metadata_size] = '\0';
    if (strncmp(text, LAST, strlen(LAST)) != 0)
        return;
    part->last_ms = strtoll(text + strlen(LAST), &rest, 10);
    if (strncmp(rest, BEGINS, strlen(BEGINS)) == 0)
        part->begins = strtoll(rest + strlen(BEGINS), NULL, 10);
}

void commit_add(rd_kafka_topic_partition_list_t *list, const struct part *part)
{
    rd_kafka_topic_partition_t *p =
        rd_kafka_topic_partition_list_add(list, part->topic, part->partition);
    char text[80];
    int len = 0;

    p->offset = part->next;
    if (part->begins > 0)
        len = snprintf(text, sizeof(text), LAST "%lld" BEGINS "%lld",
                       (long long)part->last_ms, (long long)part->begins);
    else if (part->last_ms > 0)
        len = snprintf(text, sizeof(text), LAST "%lld", (long long)part->last_ms);
    if (!len)
        return;
    p->metadata_size = (size_t)len;
    p->metadata = relais_strdup(text); /* the list frees it */
}

static rd_kafka_topic_partition_list_t *uncommitted(struct subscriber *sub)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(8);

    for (size_t i = 0; i < sub->part_count; i++) {
        const struct part *part = sub->parts[i];

        if (part->assigned && part->next >= 0 && part->next != part->committed)
            commit_add(list, part);
    }
    return list;
}

int subscriber_commit(struct subscriber *sub, struct relais_error *err)
{
    rd_kafka_topic_partition_list_t *list;
    rd_kafka_resp_err_t code;
    int rc = -1;

    if (!sub->group || !sub->rk)
        return 0;
    list = uncommitted(sub);
    if (!list->cnt) {
        rc = 0;
        goto out;
    }
    sub->commit_no++;
    code =
        rd_kafka_commit_queue(sub->rk, list, sub->commits, NULL, (void *)sub->commit_no);
    if (code) {
        relais_kafka_error(err, code, sub->group, "commit");
        goto failed;
    }
    if (commit_result(sub, err))
        goto failed;
    for (int i = 0; i < list->cnt; i++)
        part_find(sub, list->elems[i].topic, list->elems[i].partition)->committed =
            list->elems[i].offset;
    sub->uncommitted_since_us = 0;
    rc = 0;
    goto out;
failed:
    if (!sub->uncommitted_since_us)
        sub->uncommitted_since_us = relais_monotonic_us();
out:
    rd_kafka_topic_partition_list_destroy(list);
    return rc;
}
