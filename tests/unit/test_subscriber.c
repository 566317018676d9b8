#include "consumers/event_json.h"
#include "consumers/subscriber_internal.h"
#include "contracts/evenement_indu.h"
#include "core/day.h"
#include "schemas/registry_server.h"
#include "tests/unit/helper_events.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <cmocka.h>

#define POLL_MS      20000
#define LIST_OFFSETS 2 /* ApiKey */
#define SLOW_MS      900

static const char *const topics[] = {EVENTS_TOPIC, NULL};

/* The mock cluster lets a group that had members wait for session.timeout.ms - 1 s. */
static const char quick[] =
    "[kafka]\nsession.timeout.ms = 6000\nheartbeat.interval.ms = 200\n";

struct reader {
    struct relais_conf *conf;
    struct subscriber *sub;
    int revoked;
    int lost;
};

static void count_revoked(void *user, bool lost)
{
    struct reader *r = user;

    r->revoked++;
    r->lost += lost;
}

static struct reader *reader_new(const struct events *e, const char *group,
                                 int64_t from_ms, const char *conf)
{
    struct reader *r = relais_zalloc(sizeof(*r));
    struct relais_error err = RELAIS_ERROR_INIT;

    r->conf = events_conf(e, conf[0] ? conf : quick);
    r->sub = subscriber_new(&(struct subscriber_options){.conf = r->conf,
                                                         .topics = topics,
                                                         .group = group,
                                                         .from_ms = from_ms,
                                                         .revoking = count_revoked,
                                                         .user = r},
                            &err);
    if (!r->sub)
        fail_msg("%s %s", err.where, err.text);
    return r;
}

static void reader_free(struct reader *r)
{
    assert_false(subscriber_free(r->sub));
    relais_conf_free(r->conf);
    free(r);
}

static struct relais_event *next(struct reader *r, int timeout_ms)
{
    struct relais_error err = RELAIS_ERROR_INIT;
    struct relais_event *ev;
    int rc = subscriber_poll(r->sub, timeout_ms, &ev, &err);

    if (rc < 0)
        fail_msg("%s %s: %s", relais_error_name(err.code), err.where, err.text);
    assert_int_equal(rc == 1, ev != NULL);
    return ev;
}

static struct relais_event *want(struct reader *r)
{
    struct relais_event *ev = next(r, POLL_MS);

    assert_non_null(ev);
    return ev;
}

static void commit(struct reader *r)
{
    struct relais_error err = RELAIS_ERROR_INIT;

    if (subscriber_commit(r->sub, &err))
        fail_msg("%s %s: %s", relais_error_name(err.code), err.where, err.text);
}

/* Reads to the end, marks seen[sequence], asserts order per partition; events given. */
static int read_all(struct reader *r, int *seen, int64_t seen_count)
{
    int64_t last[6] = {-1, -1, -1, -1, -1, -1};
    int64_t until = relais_monotonic_us() + 30000000;
    int given = 0;

    while (!subscriber_at_end(r->sub)) {
        struct relais_event *ev = next(r, 50);

        assert_true(relais_monotonic_us() < until);
        if (!ev)
            continue;
        assert_null(relais_event_problem(ev));
        assert_true(relais_event_sequence(ev) < seen_count);
        assert_true(relais_event_offset(ev) > last[relais_event_partition(ev)]);
        last[relais_event_partition(ev)] = relais_event_offset(ev);
        if (seen)
            seen[relais_event_sequence(ev)]++;
        given++;
        relais_event_free(ev);
    }
    return given;
}

static int setup(void **state)
{
    *state = events_new();
    return 0;
}

static int teardown(void **state)
{
    events_free(*state);
    return 0;
}

static void test_subscriber_gives_the_struct_key_header_and_json_of_an_event(void **state)
{
    struct events *e = *state;
    struct reader *r = reader_new(e, NULL, RELAIS_FROM_GROUP, "");
    const struct evenement_indu *indu;
    struct relais_event *ev;
    const char *text;
    char id[37];
    size_t len;

    events_put(e, 2, "d1-dossier", 7);
    events_flush(e);
    ev = want(r);
    events_id(7, id);
    assert_null(relais_event_problem(ev));
    assert_string_equal(relais_event_topic(ev), EVENTS_TOPIC);
    assert_int_equal(relais_event_partition(ev), 2);
    assert_int_equal(relais_event_offset(ev), 0);
    assert_string_equal(relais_event_id(ev), id);
    assert_int_equal(relais_event_sequence(ev), 7);
    assert_int_equal(relais_event_observed_us(ev), 1700000000000007);
    assert_string_equal(relais_event_subject(ev), "fr.relais.payments.EvenementIndu");
    assert_int_equal(relais_event_schema_id(ev), e->schema_id);
    text = relais_event_key(ev, &len);
    assert_int_equal(len, 10);
    assert_memory_equal(text, "d1-dossier", 10);
    text = relais_event_header(ev, "ce_specversion", &len);
    assert_int_equal(len, 3);
    assert_memory_equal(text, "1.0", 3);
    assert_null(relais_event_header(ev, "ce_absent", &len));
    indu = relais_event_struct(ev, "fr.relais.payments.EvenementIndu");
    assert_non_null(indu);
    assert_true(relais_slice_is(indu->entete.dossier, "d1-dossier"));
    assert_null(relais_event_struct(ev, "fr.relais.payments.EvenementPaiement"));
    text = relais_event_json(ev, &len);
    assert_non_null(strstr(text, "\"sequence\":7,"));
    assert_int_equal(strlen(text), len);
    relais_event_free(ev);
    assert_null(next(r, 100));
    reader_free(r);
}

static void test_subscriber_json_line_has_the_members_of_the_issue_in_order(void **state)
{
    struct relais_arena arena = RELAIS_ARENA_INIT(1 << 20);
    struct relais_buf line = RELAIS_BUF_INIT(1 << 20);
    struct relais_error err = RELAIS_ERROR_INIT;
    struct events *e = *state;
    struct reader *r = reader_new(e, NULL, RELAIS_FROM_GROUP, "");
    struct relais_event *ev;
    char begin[160];

    events_put(e, 0, "d1-dossier", 1);
    events_flush(e);
    ev = want(r);
    assert_int_equal(event_json_line(ev, &arena, &line, &err), 0);
    snprintf(begin, sizeof(begin),
             "{\"topic\":\"" EVENTS_TOPIC "\",\"partition\":0,\"offset\":0,"
             "\"timestamp\":\"20");
    assert_memory_equal(line.data, begin, strlen(begin));
    assert_non_null(strstr(line.data, "Z\",\"key\":\"d1-dossier\",\"headers\":{"
                                      "\"ce_specversion\":\"1.0\"},\"subject\":"
                                      "\"fr.relais.payments.EvenementIndu\","
                                      "\"schema_id\":"));
    assert_non_null(strstr(line.data, ",\"value\":{\"entete\":{\"id\":\"00000000-"));
    relais_buf_release(&line);
    relais_arena_release(&arena);
    relais_event_free(ev);
    reader_free(r);
}

static void test_subscriber_gives_broken_messages_with_their_problem(void **state)
{
    static const struct {
        const char *bytes;
        size_t len;
        const char *problem;
    } bad[] = {
        {"garbage", 7, "AVRO_INVALID"},
        {"\0\0\0", 3, "AVRO_TRUNCATED"},
        {"", 0, "AVRO_TRUNCATED"},
        {"\0\0\0\0\1", 5, "AVRO_TRUNCATED"},
        {"\0\0\0\0\1\x48xx", 8, "AVRO_TRUNCATED"},
        {"\0\0\0\xff\xff!", 6, "SCHEMA_UNKNOWN"},
        {NULL, 0, "AVRO_INVALID"},
    };
    struct relais_arena arena = RELAIS_ARENA_INIT(1 << 20);
    struct relais_buf line = RELAIS_BUF_INIT(1 << 20);
    struct relais_error err = RELAIS_ERROR_INIT;
    struct events *e = *state;
    struct reader *r = reader_new(e, NULL, RELAIS_FROM_GROUP, "");
    struct relais_event *ev;
    size_t count = sizeof(bad) / sizeof(bad[0]), len;

    assert_int_equal(e->schema_id, 1);
    for (size_t i = 0; i < count; i++)
        events_put_raw(e, EVENTS_TOPIC, 0, "\xff\xfe", bad[i].bytes, bad[i].len);
    events_put(e, 0, "d1-dossier", 1);
    events_flush(e);
    for (size_t i = 0; i < count; i++) {
        ev = want(r);
        assert_non_null(relais_event_problem(ev));
        assert_memory_equal(relais_event_problem(ev), bad[i].problem,
                            strlen(bad[i].problem));
        assert_null(relais_event_json(ev, &len));
        assert_null(relais_event_struct(ev, "fr.relais.payments.EvenementIndu"));
        relais_buf_clear(&line);
        assert_int_equal(event_json_line(ev, &arena, &line, &err), 0);
        assert_non_null(strstr(line.data, "\"key\":{\"base64\":\"//4=\"}"));
        assert_non_null(strstr(line.data, ",\"value\":null,\"problem\":\""));
        relais_event_free(ev);
    }
    ev = want(r);
    assert_null(relais_event_problem(ev));
    relais_event_free(ev);
    relais_buf_release(&line);
    relais_arena_release(&arena);
    reader_free(r);
}

static void
test_subscriber_without_group_reads_everything_from_the_beginning(void **state)
{
    struct events *e = *state;
    int *seen = relais_zalloc(3000 * sizeof(*seen));

    for (int i = 0; i < 3000; i++)
        events_put(e, i % 6, "d1-dossier", i);
    events_flush(e);
    for (int round = 1; round <= 2; round++) {
        struct reader *r = reader_new(e, NULL, RELAIS_FROM_GROUP, "");

        assert_int_equal(read_all(r, seen, 3000), 3000);
        assert_int_equal(subscriber_lag(r->sub), 0);
        assert_null(subscriber_problem(r->sub));
        for (int i = 0; i < 3000; i++)
            assert_int_equal(seen[i], round);
        reader_free(r);
    }
    free(seen);
}

static void test_subscriber_from_the_end_gives_only_what_comes_later(void **state)
{
    struct events *e = *state;
    struct reader *r = reader_new(e, NULL, RELAIS_FROM_END, "");
    struct relais_event *ev;

    events_put(e, 0, "d1-dossier", 1);
    events_flush(e);
    assert_null(next(r, 1000));
    events_put(e, 0, "d1-dossier", 2);
    events_flush(e);
    ev = want(r);
    assert_int_equal(relais_event_sequence(ev), 2);
    relais_event_free(ev);
    reader_free(r);
}

static void test_subscriber_group_goes_on_behind_what_was_committed(void **state)
{
    struct events *e = *state;
    struct reader *r = reader_new(e, "g1", RELAIS_FROM_GROUP, "");

    for (int i = 0; i < 10; i++)
        events_put(e, 0, "d1-dossier", i);
    events_flush(e);
    for (int i = 0; i < 4; i++)
        relais_event_free(want(r));
    commit(r);
    for (int i = 0; i < 3; i++)
        relais_event_free(want(r));
    reader_free(r); /* three were given and not committed */
    r = reader_new(e, "g1", RELAIS_FROM_END, "");
    for (int i = 4; i < 10; i++) {
        struct relais_event *ev = want(r);

        assert_int_equal(relais_event_sequence(ev), i);
        relais_event_free(ev);
    }
    commit(r);
    reader_free(r);
    r = reader_new(e, "g1", RELAIS_FROM_GROUP, "");
    assert_int_equal(read_all(r, NULL, 10), 0);
    reader_free(r);
}

static void test_subscriber_group_knows_where_it_began_in_an_empty_partition(void **state)
{
    struct events *e = *state;
    struct reader *r = reader_new(e, "g1", RELAIS_FROM_GROUP, "");

    events_put(e, 0, "d1-dossier", 0);
    events_flush(e);
    relais_event_free(want(r));
    commit(r);
    reader_free(r);
    events_put(e, 3, "d1-dossier", 1); /* while it is away */
    events_flush(e);
    r = reader_new(e, "g1", RELAIS_FROM_END, "");
    relais_event_free(want(r));
    reader_free(r);
}

/* The group's position in partition 0, as a commit left it. */
static void stands_at(const struct events *e, const char *group, int64_t next,
                      const char *metadata)
{
    struct relais_error err = RELAIS_ERROR_INIT;
    struct relais_conf *conf = events_conf(e, "");
    rd_kafka_conf_t *kconf = relais_kafka_conf(conf, RELAIS_KAFKA_CONSUMER, &err);
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_t *p =
        rd_kafka_topic_partition_list_add(list, EVENTS_TOPIC, 0);
    char text[160];
    rd_kafka_t *rk;

    assert_non_null(kconf);
    assert_int_equal(rd_kafka_conf_set(kconf, "group.id", group, text, sizeof(text)),
                     RD_KAFKA_CONF_OK);
    rk = rd_kafka_new(RD_KAFKA_CONSUMER, kconf, text, sizeof(text));
    assert_non_null(rk);
    p->offset = next;
    p->metadata = relais_strdup(metadata);
    p->metadata_size = strlen(metadata);
    assert_int_equal(rd_kafka_commit(rk, list, 0), RD_KAFKA_RESP_ERR_NO_ERROR);
    rd_kafka_topic_partition_list_destroy(list);
    rd_kafka_destroy(rk);
    relais_conf_free(conf);
}

/* Nothing is given, and within 30 s the position is lost. */
static void want_lost(struct reader *r)
{
    struct relais_error err = RELAIS_ERROR_INIT;
    int64_t until_us = relais_monotonic_us() + 30000000;
    struct relais_event *ev;
    int rc = 0;

    while (!rc && relais_monotonic_us() < until_us)
        rc = subscriber_poll(r->sub, 100, &ev, &err);
    assert_int_equal(rc, -1);
    assert_int_equal(err.code, RELAIS_E_POSITION_LOST);
}

/* Told to, it reads everything; where that shows while it reads its consumer is made
 * anew.
 */
static void begin_again(struct events *e, const char *group, int count)
{
    struct reader *r = reader_new(e, group, RELAIS_FROM_GROUP, "");
    struct relais_error err = RELAIS_ERROR_INIT;
    struct relais_event *ev;

    r->sub->options.skip_lost = true;
    for (int given = 0; given < count;) {
        if (subscriber_poll(r->sub, POLL_MS, &ev, &err) < 0) {
            assert_int_equal(relais_error_class(err.code), RELAIS_RETRY);
            relais_error_clear(&err);
            continue;
        }
        assert_non_null(ev);
        assert_int_equal(relais_event_sequence(ev), given++);
        relais_event_free(ev);
    }
    reader_free(r);
}

/* What was committed is no position of a topic of five events: it is lost, then all five
 * are read. */
static void lost_at(struct events *e, int64_t next, const char *metadata)
{
    struct reader *r;

    for (int i = 0; i < 5; i++)
        events_put(e, 0, "d1-dossier", i);
    events_flush(e);
    stands_at(e, "g1", next, metadata);
    r = reader_new(e, "g1", RELAIS_FROM_GROUP, "");
    want_lost(r);
    reader_free(r);
    begin_again(e, "g1", 5);
}

/* Nothing was read of the topic, which was empty behind what retention had deleted: it
 * began at 3. */
static void
test_subscriber_group_that_read_nothing_knows_its_topic_by_where_it_began(void **state)
{
    lost_at(*state, 3, "relais ms=0 debut=3");
}

/* The next event would be at the offset of the known one, and must not be
 * dropped as known. */
static void
test_subscriber_group_that_ends_before_its_known_event_has_lost_its_position(void **state)
{
    lost_at(*state, 6, "relais ms=1000");
}

static int positions_away(void *user, struct relais_position *list, size_t count,
                          struct relais_error *err)
{
    return relais_error_set(err, RELAIS_E_PG_DOWN, "essai", "away");
}

/* However much came meanwhile in the place of messages. */
static void test_subscriber_that_waits_for_its_positions_attends_its_group(void **state)
{
    struct events *e = *state;
    struct reader *r = reader_new(e, "g1", RELAIS_FROM_GROUP, "");
    struct relais_error err = RELAIS_ERROR_INIT;
    struct relais_event *ev;
    uint64_t call;

    r->sub->options.positions = positions_away;
    while (!r->sub->waiting)
        assert_int_equal(subscriber_poll(r->sub, 50, &ev, &err), 0);
    assert_int_equal(subscriber_poll(r->sub, 50, &ev, &err), -1);
    batch_drop(r->sub->batch);
    for (size_t i = r->sub->batch->count; i < BATCH_MAX + BATCH_SLACK; i++)
        r->sub->batch->msgs[i] = NULL;
    r->sub->batch->at = r->sub->batch->count = BATCH_MAX + BATCH_SLACK;
    call = r->sub->call;
    relais_error_clear(&err);
    assert_int_equal(subscriber_poll(r->sub, 50, &ev, &err), -1);
    assert_int_equal(err.code, RELAIS_E_PG_DOWN);
    assert_true(r->sub->call > call);
    reader_free(r);
}

static void test_subscriber_sees_a_beginning_that_goes_back_while_it_reads(void **state)
{
    struct events *e = *state;
    struct reader *r = reader_new(e, "g1", RELAIS_FROM_END, "");
    struct part *part = part_find(r->sub, EVENTS_TOPIC, 0);

    for (int i = 0; i < 5; i++)
        events_put(e, 0, "d1-dossier", i);
    events_flush(e);
    while (!part->assigned)
        assert_null(next(r, 50));
    assert_int_equal(part->next, 5);
    assert_int_equal(part->begins, 0);
    part->begins = 5; /* as of a topic that was empty */
    events_put(e, 0, "d1-dossier", 5);
    events_flush(e);
    relais_event_free(want(r)); /* which does not say that it is of another topic */
    commit(r);
    want_lost(r);
    reader_free(r);
    r = reader_new(e, "g1", RELAIS_FROM_GROUP, "");
    want_lost(r);
    reader_free(r);
    begin_again(e, "g1", 6);
}

static void test_subscriber_takes_a_beginning_that_stays_for_what_it_is(void **state)
{
    struct events *e = *state;
    struct reader *r;
    struct part *part;

    events_put(e, 0, "d1-dossier", 0);
    events_flush(e);
    r = reader_new(e, "g1", RELAIS_FROM_END, "");
    part = part_find(r->sub, EVENTS_TOPIC, 0);
    while (!part->assigned)
        assert_null(next(r, 50));
    part->begins = -1; /* the brokers had not answered */
    r->sub->tick_us = 0;
    while (part->begins < 0)
        assert_null(next(r, 50));
    events_put(e, 0, "d1-dossier", 1);
    events_flush(e);
    relais_event_free(want(r));
    commit(r);
    r->sub->tick_us = 0;
    assert_null(next(r, 1000));
    reader_free(r);
    r = reader_new(e, "g1", RELAIS_FROM_GROUP, "");
    assert_int_equal(read_all(r, NULL, 2), 0);
    reader_free(r);
}

static void test_subscriber_with_a_backlog_does_not_wait_for_its_queue(void **state)
{
    struct events *e = *state;
    rd_kafka_mock_cluster_t *mock = relais_broker_mock(e->broker);
    struct reader *r;
    size_t left;

    if (rd_kafka_version() >= 0x02020000)
        skip(); /* fetch.queue.backoff.ms */
    for (int i = 0; i < 30000; i++)
        events_put(e, i % 6, "d1-dossier", i);
    events_flush(e);
    r = reader_new(e, NULL, RELAIS_FROM_BEGINNING,
                   "[kafka]\nqueued.max.messages.kbytes = 1024\n");
    relais_event_free(want(r));
    rd_kafka_mock_broker_push_request_error_rtts(
        mock, 1, LIST_OFFSETS, 3, RD_KAFKA_RESP_ERR_NO_ERROR, 0,
        RD_KAFKA_RESP_ERR_NO_ERROR, 0, RD_KAFKA_RESP_ERR_NO_ERROR, 0);
    for (int i = 1; i < 30000; i++)
        relais_event_free(want(r));
    rd_kafka_mock_broker_error_stack_cnt(mock, 1, LIST_OFFSETS, &left);
    assert_true(left < 3); /* it was asked, which lets librdkafka fetch */
    reader_free(r);
}

/* It was quiet for long, and its next event waits behind those of others. */
static void test_subscriber_with_a_backlog_takes_no_partition_for_stuck(void **state)
{
    struct events *e = *state;
    struct reader *r = reader_new(e, NULL, RELAIS_FROM_BEGINNING,
                                  "[kafka]\nqueued.max.messages.kbytes = 1024\n");
    struct part *part;

    events_put(e, 5, "d1-dossier", 0);
    events_flush(e);
    relais_event_free(want(r));
    part = part_find(r->sub, EVENTS_TOPIC, 5);
    part->watch_position = part->position;
    part->watch_since_us = relais_monotonic_us() - INT64_C(100000000);
    for (int i = 1; i < 30000; i++)
        events_put(e, i < 29999 ? i % 5 : 5, "d1-dossier", i);
    events_flush(e);
    for (int i = 1; i < 30000; i++)
        relais_event_free(want(r));
    reader_free(r);
}

static void test_subscriber_events_stay_valid_while_others_are_read(void **state)
{
    struct events *e = *state;
    struct reader *r = reader_new(e, NULL, RELAIS_FROM_GROUP, "");
    struct relais_event *kept[2500];

    for (int i = 0; i < 2500; i++)
        events_put(e, 0, "d1-dossier", i);
    events_flush(e);
    for (int i = 0; i < 2500; i++)
        kept[i] = want(r);
    for (int i = 2499; i >= 0; i--) {
        const struct evenement_indu *indu =
            relais_event_struct(kept[i], "fr.relais.payments.EvenementIndu");

        assert_int_equal(indu->entete.sequence, i);
        assert_true(relais_slice_is(indu->entete.dossier, "d1-dossier"));
        relais_event_free(kept[i]);
    }
    reader_free(r);
}

static void test_subscriber_is_not_well_without_partitions_for_long(void **state)
{
    struct events *e = *state;
    struct reader *r = reader_new(e, "g1", RELAIS_FROM_GROUP, "");

    events_put(e, 0, "d1-dossier", 0);
    events_flush(e);
    relais_event_free(want(r));
    assert_null(subscriber_problem(r->sub));
    r->sub->assigned = false; /* as a rebalance leaves it until the group answers */
    assert_null(subscriber_problem(r->sub));
    r->sub->unassigned_us = relais_monotonic_us() - INT64_C(6000000);
    assert_non_null(subscriber_problem(r->sub));
    r->sub->assigned = true;
    assert_null(subscriber_problem(r->sub));
    reader_free(r);
}

static void test_subscriber_survives_events_that_were_never_freed(void **state)
{
    struct events *e = *state;
    struct reader *r = reader_new(e, "g1", RELAIS_FROM_GROUP, "");

    events_put(e, 0, "d1-dossier", 1);
    events_put(e, 0, "d1-dossier", 2);
    events_flush(e);
    want(r);
    want(r);
    reader_free(r);
}

static void test_subscriber_ends_while_thousands_of_messages_wait(void **state)
{
    struct events *e = *state;
    struct relais_event *kept[3];

    for (int i = 0; i < 20000; i++)
        events_put(e, i % 6, "d1-dossier", i);
    events_flush(e);
    for (int i = 0; i < 3; i++) {
        struct reader *r = reader_new(e, i == 2 ? "g1" : NULL, RELAIS_FROM_GROUP, "");

        for (int j = 0; j < 1200; j++)
            relais_event_free(want(r));
        for (int j = 0; j < 3; j++)
            kept[j] = want(r);
        relais_event_free(kept[1]);
        reader_free(r);
    }
}

/* Reads from both until every event below count was given; then both commit. */
static void read_both(struct reader *a, struct reader *b, int *seen, int count)
{
    int64_t until = relais_monotonic_us() + 40000000;
    int missing = count;
    bool idle = false;

    for (int i = 0; i < count; i++)
        missing -= seen[i] > 0;
    while (missing) {
        struct reader *from[] = {a, b};
        bool got = false;

        assert_true(relais_monotonic_us() < until);
        for (int i = 0; i < 2; i++) {
            struct relais_event *ev = next(from[i], idle ? 20 : 0);

            if (!ev)
                continue;
            got = true;
            assert_null(relais_event_problem(ev));
            assert_true(relais_event_sequence(ev) < count);
            missing -= !seen[relais_event_sequence(ev)]++;
            relais_event_free(ev);
        }
        idle = !got;
    }
}

static void test_subscriber_loses_nothing_when_a_second_one_joins_the_group(void **state)
{
    struct events *e = *state;
    struct reader *a = reader_new(e, "g1", RELAIS_FROM_GROUP, ""), *b;
    int *seen = relais_zalloc(4000 * sizeof(*seen));
    uint64_t generation;

    for (int i = 0; i < 2000; i++)
        events_put(e, i % 6, "d1-dossier", i);
    events_flush(e);
    for (int i = 0; i < 500; i++) {
        struct relais_event *ev = want(a);

        seen[relais_event_sequence(ev)]++;
        relais_event_free(ev);
    }
    commit(a);
    generation = subscriber_generation(a->sub);
    b = reader_new(e, "g1", RELAIS_FROM_GROUP, "");
    for (int i = 2000; i < 4000; i++)
        events_put(e, i % 6, "d2-dossier", i);
    events_flush(e);
    read_both(a, b, seen, 4000);
    /* until the second one really has partitions */
    for (int i = 0; i < 200 && subscriber_generation(b->sub) == 0; i++) {
        relais_event_free(next(a, 50));
        relais_event_free(next(b, 50));
    }
    assert_true(subscriber_generation(b->sub) > 0);
    assert_true(subscriber_generation(a->sub) > generation);
    assert_true(a->revoked > 0);
    reader_free(a);
    reader_free(b);
    free(seen);
}

static void test_subscriber_is_not_at_the_end_while_partitions_move(void **state)
{
    struct events *e = *state;
    struct reader *first = reader_new(e, "g1", RELAIS_FROM_GROUP, ""), *second;
    int64_t until_us = relais_monotonic_us() + 30000000;

    for (int i = 0; i < 12; i++)
        events_put(e, i % 6, "d1-dossier", i);
    events_flush(e);
    assert_int_equal(read_all(first, NULL, 12), 12);
    assert_true(subscriber_at_end(first->sub));
    second = reader_new(e, "g1", RELAIS_FROM_GROUP, "");
    while (!first->revoked) {
        relais_event_free(next(first, 10));
        relais_event_free(next(second, 10));
        assert_true(relais_monotonic_us() < until_us);
    }
    assert_false(subscriber_at_end(first->sub));
    reader_free(second);
    reader_free(first);
}

static void test_subscriber_commits_nothing_given_before_a_revocation(void **state)
{
    struct events *e = *state;
    struct reader *a = reader_new(e, "g1", RELAIS_FROM_GROUP, ""), *b;
    int64_t until = relais_monotonic_us() + 40000000;
    int again = 0;

    for (int i = 0; i < 60; i++)
        events_put(e, i % 6, "d1-dossier", i);
    events_flush(e);
    for (int i = 0; i < 60; i++)
        relais_event_free(want(a));
    b = reader_new(e, "g1", RELAIS_FROM_GROUP, "");
    while (!a->revoked) {
        assert_true(relais_monotonic_us() < until);
        relais_event_free(next(a, 20));
        relais_event_free(next(b, 20));
    }
    commit(a); /* what was given before belongs to nobody now */
    while (again < 60) {
        struct relais_event *ev = next(a, 20);

        assert_true(relais_monotonic_us() < until);
        if (!ev)
            ev = next(b, 20);
        again += ev != NULL;
        relais_event_free(ev);
    }
    reader_free(a);
    reader_free(b);
}

static void test_subscriber_seen_tells_a_producers_repeat(void **state)
{
    struct events *e = *state;
    struct reader *r = reader_new(e, NULL, RELAIS_FROM_GROUP, "");
    const int numbers[] = {1, 2, 1, 3, 2};
    const bool repeated[] = {false, false, true, false, true};

    for (int i = 0; i < 5; i++)
        events_put(e, 0, "d1-dossier", numbers[i]);
    events_flush(e);
    for (int i = 0; i < 5; i++) {
        struct relais_event *ev = want(r);

        assert_int_equal(subscriber_seen(r->sub, ev), repeated[i]);
        relais_event_free(ev);
    }
    reader_free(r);
}

static void test_event_newer_is_the_order_of_contract_a5(void **state)
{
    struct events *e = *state;
    struct reader *r = reader_new(e, NULL, RELAIS_FROM_GROUP, "");
    struct relais_event *ev;
    int64_t us = 1700000000000005;

    events_put(e, 0, "d1-dossier", 5);
    events_flush(e);
    ev = want(r);
    assert_true(relais_event_newer(ev, us - 1, 99));
    assert_true(relais_event_newer(ev, us, 4));
    assert_false(relais_event_newer(ev, us, 5));
    assert_false(relais_event_newer(ev, us, 6));
    assert_false(relais_event_newer(ev, us + 1, 1));
    relais_event_free(ev);
    reader_free(r);
}

static void test_subscriber_paused_gives_nothing_and_misses_nothing(void **state)
{
    struct relais_error err = RELAIS_ERROR_INIT;
    struct events *e = *state;
    struct reader *r = reader_new(e, "g1", RELAIS_FROM_GROUP, "");

    for (int i = 0; i < 5000; i++)
        events_put(e, 0, "d1-dossier", i);
    events_flush(e);
    for (int i = 0; i < 5000; i++) {
        struct relais_event *ev;

        if (i % 700 == 650) {
            subscriber_pause(r->sub, true);
            for (int j = 0; j < 5; j++)
                assert_int_equal(subscriber_serve(r->sub, 20, &err), 0);
            subscriber_pause(r->sub, false);
        }
        ev = want(r);
        assert_int_equal(relais_event_sequence(ev), i);
        relais_event_free(ev);
    }
    reader_free(r);
}

/* librdkafka 2.2.0 to 2.13.1 takes the end of a partition for a message. */
static void test_subscriber_paused_at_the_end_misses_nothing(void **state)
{
    struct events *e = *state;
    struct reader *r = reader_new(e, "groupe", RELAIS_FROM_GROUP, "");
    struct relais_error err = RELAIS_ERROR_INIT;
    int seen[60] = {0};

    for (int round = 0; round < 5; round++) {
        for (int i = 0; i < 12; i++)
            events_put(e, (i + round) % 6, "d1-dossier", round * 12 + i);
        events_flush(e);
        for (int i = 0; i < 12; i++) {
            struct relais_event *ev = want(r);

            seen[relais_event_sequence(ev)]++;
            relais_event_free(ev);
        }
        assert_null(next(r, 300)); /* the ends come */
        subscriber_pause(r->sub, true);
        assert_int_equal(subscriber_serve(r->sub, 50, &err), 0);
        subscriber_pause(r->sub, false);
    }
    for (int i = 0; i < 60; i++)
        assert_int_equal(seen[i], 1);
    reader_free(r);
}

/* librdkafka keeps an application's pause on a partition that is taken away: when it
 * comes back, it would never be read. */
static void
test_subscriber_a_partition_lost_in_a_pause_comes_back_without_it(void **state)
{
    struct events *e = *state;
    struct reader *r = reader_new(e, "groupe", RELAIS_FROM_GROUP, "");

    for (int i = 0; i < 12; i++)
        events_put(e, i % 6, "d1-dossier", i);
    events_flush(e);
    relais_event_free(want(r));
    subscriber_pause(r->sub, true);
    subscriber_reposition(r->sub);
    subscriber_pause(r->sub, false);
    assert_true(read_all(r, NULL, 12) > 0);
    reader_free(r);
}

static void test_subscriber_says_that_a_topic_is_missing(void **state)
{
    static const char *const absent[] = {"dep93.absent.v1", NULL};
    struct relais_error err = RELAIS_ERROR_INIT;
    struct events *e = *state;
    struct relais_conf *conf = events_conf(e, "");
    struct relais_event *ev;
    struct subscriber *sub;

    sub = subscriber_new(
        &(struct subscriber_options){
            .conf = conf, .topics = absent, .group = "g1", .from_ms = RELAIS_FROM_GROUP},
        &err);
    assert_non_null(sub);
    assert_int_equal(subscriber_poll(sub, 1000, &ev, &err), -1);
    assert_int_equal(err.code, RELAIS_E_TOPIC_MISSING);
    assert_string_equal(err.where, "dep93.absent.v1");
    subscriber_free(sub);
    relais_conf_free(conf);
}

static void test_subscriber_without_a_broker_says_retry_and_ends_in_time(void **state)
{
    struct relais_error err = RELAIS_ERROR_INIT;
    struct events *e = *state;
    struct relais_conf *conf = events_conf(e, "");
    struct relais_event *ev;
    struct subscriber *sub;
    int64_t begin;

    rd_kafka_mock_broker_set_down(relais_broker_mock(e->broker), 1);
    sub = subscriber_new(
        &(struct subscriber_options){
            .conf = conf, .topics = topics, .group = "g1", .from_ms = RELAIS_FROM_GROUP},
        &err);
    assert_non_null(sub);
    assert_int_equal(subscriber_poll(sub, 500, &ev, &err), -1);
    assert_int_equal(relais_error_class(err.code), RELAIS_RETRY);
    assert_non_null(subscriber_problem(sub));
    begin = relais_monotonic_us();
    subscriber_free(sub);
    assert_true(relais_monotonic_us() - begin < 12000000);
    relais_conf_free(conf);
}

static void test_subscriber_goes_on_after_the_broker_was_away(void **state)
{
    struct events *e = *state;
    struct reader *r = reader_new(e, "g1", RELAIS_FROM_GROUP, "");
    rd_kafka_mock_cluster_t *mock = relais_broker_mock(e->broker);
    struct relais_event *ev;

    events_put(e, 0, "d1-dossier", 1);
    events_flush(e);
    relais_event_free(want(r));
    commit(r);
    rd_kafka_mock_broker_set_down(mock, 1);
    assert_null(next(r, 1500));
    rd_kafka_mock_broker_set_up(mock, 1);
    events_put(e, 0, "d1-dossier", 2);
    events_flush(e);
    ev = want(r);
    assert_int_equal(relais_event_sequence(ev), 2);
    relais_event_free(ev);
    reader_free(r);
}

/* A look at the ends and at known events waits behind fetches that have nothing to give:
 * a caller that does not want to wait does not. */
static void test_subscriber_does_not_wait_for_answers_about_its_topics(void **state)
{
    struct events *e = *state;
    struct reader *r = reader_new(e, NULL, RELAIS_FROM_BEGINNING, "");
    rd_kafka_mock_cluster_t *mock = relais_broker_mock(e->broker);
    int64_t longest_us = 0, until_us = relais_monotonic_us() + 60000000;
    size_t left = 4;

    events_put(e, 0, "d1-dossier", 1);
    events_flush(e);
    relais_event_free(want(r));
    rd_kafka_mock_broker_push_request_error_rtts(
        mock, 1, LIST_OFFSETS, left, RD_KAFKA_RESP_ERR_NO_ERROR, SLOW_MS,
        RD_KAFKA_RESP_ERR_NO_ERROR, SLOW_MS, RD_KAFKA_RESP_ERR_NO_ERROR, SLOW_MS,
        RD_KAFKA_RESP_ERR_NO_ERROR, SLOW_MS);
    while (left > 2) { /* asked, and asked again */
        int64_t begun_us = relais_monotonic_us(), took_us;

        assert_null(next(r, 0));
        took_us = relais_monotonic_us() - begun_us;
        if (took_us > longest_us)
            longest_us = took_us;
        usleep(5000);
        rd_kafka_mock_broker_error_stack_cnt(mock, 1, LIST_OFFSETS, &left);
        assert_true(relais_monotonic_us() < until_us);
    }
    assert_true(longest_us < SLOW_MS * 1000 / 2);
    events_put(e, 0, "d1-dossier", 2);
    events_flush(e);
    relais_event_free(want(r));
    reader_free(r);
}

static void test_subscriber_holds_the_message_while_the_registry_is_away(void **state)
{
    struct relais_error err = RELAIS_ERROR_INIT;
    struct events *e = *state;
    struct reader *r;
    struct relais_event *ev;
    char listen[32];
    int port = relais_registry_server_port(e->registry);

    events_put(e, 0, "d1-dossier", 1);
    events_put(e, 0, "d1-dossier", 2);
    events_flush(e);
    relais_registry_server_free(e->registry);
    e->registry = NULL;
    r = reader_new(e, "g1", RELAIS_FROM_GROUP, "timeout_ms = 300\n");
    while (!subscriber_poll(r->sub, 1000, &ev, &err))
        ;
    assert_null(ev);
    assert_int_equal(err.code, RELAIS_E_REGISTRY_DOWN);
    relais_error_clear(&err);
    assert_int_equal(subscriber_serve(r->sub, 10, &err), 0);
    snprintf(listen, sizeof(listen), "127.0.0.1:%d", port);
    e->registry = relais_registry_server_new(listen, NULL, &err);
    assert_non_null(e->registry);
    events_register(e);
    for (int i = 1; i <= 2; i++) {
        ev = want(r);
        assert_int_equal(relais_event_sequence(ev), i);
        relais_event_free(ev);
    }
    reader_free(r);
}

static void test_subscriber_refuses_cooperative_rebalances(void **state)
{
    struct relais_error err = RELAIS_ERROR_INIT;
    struct relais_conf *conf = relais_conf_parse(
        RELAIS_SLICE("[kafka]\nbootstrap.servers = 127.0.0.1:1\n"
                     "partition.assignment.strategy = cooperative-sticky\n"),
        "/tmp", &err);

    (void)state;
    assert_non_null(conf);
    relais_conf_admit(conf, relais_conf_common);
    assert_null(subscriber_new(
        &(struct subscriber_options){.conf = conf, .topics = topics, .group = "g"},
        &err));
    assert_int_equal(err.code, RELAIS_E_CONF_VALUE);
    relais_conf_free(conf);
}

#define WITH_BROKER(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_BROKER(test_subscriber_gives_the_struct_key_header_and_json_of_an_event),
        WITH_BROKER(test_subscriber_json_line_has_the_members_of_the_issue_in_order),
        WITH_BROKER(test_subscriber_gives_broken_messages_with_their_problem),
        WITH_BROKER(test_subscriber_without_group_reads_everything_from_the_beginning),
        WITH_BROKER(test_subscriber_from_the_end_gives_only_what_comes_later),
        WITH_BROKER(test_subscriber_group_goes_on_behind_what_was_committed),
        WITH_BROKER(test_subscriber_group_knows_where_it_began_in_an_empty_partition),
        WITH_BROKER(
            test_subscriber_group_that_read_nothing_knows_its_topic_by_where_it_began),
        WITH_BROKER(
            test_subscriber_group_that_ends_before_its_known_event_has_lost_its_position),
        WITH_BROKER(test_subscriber_that_waits_for_its_positions_attends_its_group),
        WITH_BROKER(test_subscriber_sees_a_beginning_that_goes_back_while_it_reads),
        WITH_BROKER(test_subscriber_takes_a_beginning_that_stays_for_what_it_is),
        WITH_BROKER(test_subscriber_with_a_backlog_does_not_wait_for_its_queue),
        WITH_BROKER(test_subscriber_with_a_backlog_takes_no_partition_for_stuck),
        WITH_BROKER(test_subscriber_events_stay_valid_while_others_are_read),
        WITH_BROKER(test_subscriber_ends_while_thousands_of_messages_wait),
        WITH_BROKER(test_subscriber_is_not_well_without_partitions_for_long),
        WITH_BROKER(test_subscriber_survives_events_that_were_never_freed),
        WITH_BROKER(test_subscriber_loses_nothing_when_a_second_one_joins_the_group),
        WITH_BROKER(test_subscriber_is_not_at_the_end_while_partitions_move),
        WITH_BROKER(test_subscriber_commits_nothing_given_before_a_revocation),
        WITH_BROKER(test_subscriber_seen_tells_a_producers_repeat),
        WITH_BROKER(test_event_newer_is_the_order_of_contract_a5),
        WITH_BROKER(test_subscriber_paused_gives_nothing_and_misses_nothing),
        WITH_BROKER(test_subscriber_paused_at_the_end_misses_nothing),
        WITH_BROKER(test_subscriber_a_partition_lost_in_a_pause_comes_back_without_it),
        WITH_BROKER(test_subscriber_says_that_a_topic_is_missing),
        WITH_BROKER(test_subscriber_without_a_broker_says_retry_and_ends_in_time),
        WITH_BROKER(test_subscriber_goes_on_after_the_broker_was_away),
        WITH_BROKER(test_subscriber_does_not_wait_for_answers_about_its_topics),
        WITH_BROKER(test_subscriber_holds_the_message_while_the_registry_is_away),
        cmocka_unit_test(test_subscriber_refuses_cooperative_rebalances),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
