/* Whether a position is still one of its topic's: below what retention left, beyond the
 * end, or of a topic that was deleted and made anew under its old name, which nothing
 * tells but that events are others than were read. Each part knows one event that was
 * read (anchor); a start and the watchdog read it again, and compare its timestamp. A
 * part of which nothing was read knows where it began, which does not go back (but for
 * docs/decisions.md).
 */

#include "consumers/subscriber_internal.h"
#include "core/day.h"

#include <inttypes.h>

#define WATERMARKS_MS 2000
#define QUERY_MS      1000
#define NO_EVENT_MS   1 /* a timestamp that no event has: the next start finds another */

/* librdkafka says so too where a partition without a message is resumed (2.8.0): what is
 * still there is no loss, and is gone on from. */
static bool still_there(struct subscriber *sub, struct part *part)
{
    rd_kafka_topic_partition_list_t *list;
    struct relais_error err = RELAIS_ERROR_INIT;
    rd_kafka_error_t *error;
    int64_t low, high;

    if (!part->assigned ||
        relais_kafka_watermarks(sub->rk, part->topic, part->partition, WATERMARKS_MS,
                                &low, &high, &err) ||
        (part->next >= 0 && (part->next < low || part->next > high)))
        return false;
    part->checks = -1;
    list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(list, part->topic, part->partition)->offset =
        part->next >= 0 ? part->next : low; /* nothing was read yet */
    error = rd_kafka_seek_partitions(sub->rk, list, WATERMARKS_MS);
    rd_kafka_topic_partition_list_destroy(list);
    if (error)
        rd_kafka_error_destroy(error);
    return !error;
}

static int lose(struct subscriber *sub, struct part *part, const char *why,
                struct relais_error *err)
{
    if (part->assigned) {
        part->lost = true;
        relais_error_set(&sub->broken, RELAIS_E_BROKER_FATAL, part->topic,
                         "position of partition %" PRId32 " lost", part->partition);
    }
    if (sub->options.skip_lost)
        return 0;
    return relais_error_set(err, RELAIS_E_POSITION_LOST, part->topic,
                            "partition %" PRId32 ": %s; ask for a re-publication, then "
                            "go on at the first left (position_perdue)",
                            part->partition, why);
}

static const char deleted[] =
    "events were deleted before they were read, by retention or with their topic";

int anchor_lost(struct subscriber *sub, struct part *part, struct relais_error *err)
{
    return still_there(sub, part) ? 0 : lose(sub, part, deleted, err);
}

/* A new leader may say so early: then the event comes, and is looked at. */
int anchor_beyond(struct subscriber *sub, struct part *part, struct relais_error *err)
{
    int64_t low, high;

    if (relais_kafka_watermarks(sub->rk, part->topic, part->partition, WATERMARKS_MS,
                                &low, &high, &sub->broken) ||
        high >= part->next)
        return 0;
    return lose(sub, part, deleted, err);
}

/* The topic's partitions are at the last event that was known to be its own, so that the
 * next start finds that it is another's. */
static void commit_known(struct subscriber *sub, const char *topic)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(8);
    struct relais_error ignored = RELAIS_ERROR_INIT;

    for (size_t i = 0; i < sub->part_count; i++) {
        struct part *part = sub->parts[i];
        struct relais_position at = {part->topic, part->partition, part->anchor + 1,
                                     part->anchor_ms};

        if (!part->assigned || (part->anchor < 0 && part->begins <= 0) ||
            strcmp(part->topic, topic) != 0)
            continue;
        if (part->begins > 0) {
            at.next = part->begins;
            at.last_ms = NO_EVENT_MS;
        }
        part->next = at.next;
        part->last_ms = at.last_ms;
        commit_add(list, part);
        if (sub->options.restart)
            (void)!sub->options.restart(sub->options.user, &at, &ignored);
    }
    if (sub->group && list->cnt)
        rd_kafka_commit(sub->rk, list, 0);
    rd_kafka_topic_partition_list_destroy(list);
}

/* The topic is another than the one that positions are of. 0: skip_lost; -1. */
static int made_anew(struct subscriber *sub, struct part *part, const char *why,
                     struct relais_error *err)
{
    batch_drop(sub->batch);
    for (size_t i = 0; i < sub->part_count; i++)
        if ((sub->parts[i]->assigned || sub->parts[i]->anchor >= 0) &&
            strcmp(sub->parts[i]->topic, part->topic) == 0)
            sub->parts[i]->lost = true;
    if (!sub->options.skip_lost)
        commit_known(sub, part->topic);
    return lose(sub, part, why, err);
}

/* The message that comes first where a position is checked. 1: it is known, as it should
 * be; 0: the known one is no longer there, this is an event; -1. */
static int check_position(struct subscriber *sub, struct part *part,
                          const rd_kafka_message_t *msg, struct relais_error *err)
{
    bool known = msg->offset == part->checks;

    part->checks = -1;
    if (!known)
        return msg->offset < part->next;
    if (rd_kafka_message_timestamp(msg, NULL) == part->checks_ms) {
        /* what comes into a topic that is made anew from now on is newer than this */
        part->anchor_newest_ms = relais_now_us() / 1000;
        return 1;
    }
    return made_anew(
               sub, part,
               "an event is another one than was read there: the topic was made anew",
               err)
               ? -1
               : 1;
}

/* Its topic is there again: perhaps another one. What was fetched is not given; the
 * consumer is made again and looks at its positions. */
void anchor_back(struct subscriber *sub, struct part *part)
{
    part->away = false;
    batch_drop(sub->batch);
    relais_error_set(&sub->broken, RELAIS_E_BROKER_FATAL, part->topic,
                     "the topic was away: the position of partition %" PRId32
                     " is looked at again",
                     part->partition);
}

/* The first message since the partition was started or its topic came back. 0: it is an
 * event; 1: it was none and is gone; -1. */
int anchor_look(struct subscriber *sub, struct part *part, rd_kafka_message_t *msg,
                struct relais_error *err)
{
    struct batch *batch = sub->batch;
    int rc = 1; /* before the position: given already */

    if (part->away)
        anchor_back(sub, part);
    else if (part->checks >= 0)
        rc = check_position(sub, part, msg, err);
    if (rc == 1 && batch->at < batch->count) {
        batch->msgs[batch->at++] = NULL;
        rd_kafka_message_destroy(msg);
    }
    return rc;
}

void anchor_read(struct part *part, const rd_kafka_message_t *msg)
{
    part->last_ms = rd_kafka_message_timestamp(msg, NULL);
    if (part->last_ms > part->newest_ms)
        part->newest_ms = part->last_ms;
    if (part->anchor >= 0 || part->last_ms <= 0)
        return;
    part->anchor = msg->offset;
    part->anchor_ms = part->anchor_newest_ms = part->last_ms;
}

/* NULL topic: of all. */
void anchor_away(struct subscriber *sub, const char *topic)
{
    for (size_t i = 0; i < sub->part_count; i++)
        if (sub->parts[i]->assigned &&
            (!topic || strcmp(sub->parts[i]->topic, topic) == 0))
            sub->parts[i]->away = true;
    if (!sub->missing_since_us)
        sub->missing_since_us = relais_monotonic_us();
}

/* Reads the known event again: anchor_look() sees whether it is still the same. */
static void read_again(struct subscriber *sub, struct part *part)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_error_t *error;
    bool sought;

    rd_kafka_topic_partition_list_add(list, part->topic, part->partition)->offset =
        part->anchor;
    error = rd_kafka_seek_partitions(sub->rk, list, QUERY_MS);
    sought = subscriber_sought(list->elems[0].err) &&
             (!error || subscriber_sought(rd_kafka_error_code(error)));
    if (error)
        rd_kafka_error_destroy(error);
    rd_kafka_topic_partition_list_destroy(list);
    if (!sought)
        return; /* the next look is in 10 s */
    drop_unread(sub, part);
    part->checks = part->anchor;
    part->checks_ms = part->anchor_ms;
}

/* What had been read when it was asked is of the topic as it was: the next look is from
 * there. */
static void move_anchor(struct part *part)
{
    if (part->asked_last_ms <= 0 || part->asked_next <= 0)
        return;
    part->anchor = part->asked_next - 1;
    part->anchor_ms = part->asked_last_ms;
    if (part->asked_newest_ms > part->anchor_newest_ms)
        part->anchor_newest_ms = part->asked_newest_ms;
}

static const char went_back[] = "its beginning went back: the topic was made anew";

int anchor_begins(struct subscriber *sub, struct part *part, int64_t first,
                  struct relais_error *err)
{
    if (first >= part->begins)
        return 0;
    part->lost = true;
    return lose(sub, part, went_back, err);
}

/* Until an event that was read is known to be of the topic that began there. */
static bool watches_beginning(const struct part *part)
{
    return part->begins > 0 || (part->anchor < 0 && part->next != 0);
}

/* A topic that is deleted and made anew under its old name is told by nothing: fetches go
 * on at the old position. But then events at the old offsets are newer than all that were
 * read up to the anchor; and where there is none, its beginning is before the old one. */
void anchor_ask(struct subscriber *sub, rd_kafka_topic_partition_list_t *times)
{
    for (size_t i = 0; i < sub->part_count; i++) {
        struct part *part = sub->parts[i];

        part->asked_begins = watches_beginning(part);
        if (!part->assigned || part->checks >= 0 || sub->paused ||
            (part->anchor < 0 && !part->asked_begins))
            continue;
        rd_kafka_topic_partition_list_add(times, part->topic, part->partition)->offset =
            part->asked_begins ? RD_KAFKA_OFFSET_BEGINNING : part->anchor_newest_ms + 1;
        part->asked_anchor = part->anchor;
        part->asked_next = part->next;
        part->asked_last_ms = part->last_ms;
        part->asked_newest_ms = part->newest_ms;
    }
}

/* An event that had been read when it was asked is of the topic that began there. */
static void know_beginning(struct part *part, int64_t first)
{
    if (part->asked_anchor >= 0) {
        part->begins = -1;
        return;
    }
    if (first > part->begins)
        part->committed = -1; /* the next commit carries it */
    part->begins = first;
}

int anchor_answer(struct subscriber *sub, const rd_kafka_topic_partition_list_t *times,
                  struct relais_error *err)
{
    for (int i = 0; i < times->cnt; i++) {
        const rd_kafka_topic_partition_t *p = &times->elems[i];
        struct part *part = part_find(sub, p->topic, p->partition);

        if (p->err || !part->assigned || part->checks >= 0)
            continue;
        if (part->asked_begins) {
            if (p->offset >= 0 && p->offset < part->begins)
                return made_anew(sub, part, went_back, err);
            if (p->offset >= 0)
                know_beginning(part, p->offset);
        } else if (p->offset >= 0 && p->offset <= part->anchor) {
            read_again(sub, part);
        } else {
            move_anchor(part);
        }
    }
    return 0;
}
