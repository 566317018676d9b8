#include "consumers/dlq.h"
#include "consumers/sink_run.h"
#include "core/loop.h"
#include "core/metrics.h"
#include "tests/unit/helper_events.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

#define GIVEN_MAX 20000

/* A sink that keeps what it is given, and refuses on demand. */
static struct {
    char keys[GIVEN_MAX][32];
    int64_t sequences[GIVEN_MAX];
    size_t given, durable;
    int64_t refuse_sequence; /* DATA */
    int retries;             /* RETRY that often */
    int flush_retries;
    bool take_before_retry; /* one record, then RETRY */
    bool conf;              /* CONF at the first write */
    size_t stop_after;      /* as SIGTERM would */
    int flushes, closes;
} sink;

static int sink_open(void **state, const struct relais_conf *conf,
                     struct relais_error *err)
{
    *state = &sink;
    return 0;
}

static int64_t sequence_of(const struct relais_record *rec)
{
    const struct relais_value *entete = relais_value_get(rec->value, "entete");

    return relais_value_get(entete, "sequence")->number;
}

static int sink_write(void *state, const struct relais_batch *in, size_t *done_out,
                      struct relais_error *err)
{
    *done_out = 0;
    if (sink.conf)
        return relais_error_set(err, RELAIS_E_CONF_VALUE, "sink", "bad table");
    for (const struct relais_record *rec = in->first; rec; rec = rec->next) {
        int64_t sequence = sequence_of(rec);

        assert_int_equal(rec->kind, RELAIS_RECORD_EVENT);
        assert_string_equal(rec->schema, "fr.relais.payments.EvenementIndu");
        if (sequence == sink.refuse_sequence)
            return relais_error_set(err, RELAIS_E_FIELD_LENGTH, "indu.motif", "too long");
        if (sink.retries && (!sink.take_before_retry || *done_out)) {
            sink.retries--;
            return relais_error_set(err, RELAIS_E_IO, "sink", "away");
        }
        snprintf(sink.keys[sink.given], sizeof(sink.keys[0]), "%.*s", (int)rec->key.len,
                 rec->key.ptr);
        sink.sequences[sink.given++] = sequence;
        ++*done_out;
        if (sink.given == sink.stop_after)
            relais_loop_stop();
    }
    return 0;
}

static int sink_flush(void *state, struct relais_error *err)
{
    sink.flushes++;
    if (sink.flush_retries) {
        sink.flush_retries--;
        return relais_error_set(err, RELAIS_E_DISK_FULL, "sink", "full");
    }
    sink.durable = sink.given;
    return 0;
}

static void sink_close(void *state) { sink.closes++; }

static const struct relais_sink_ops ops = {
    .open = sink_open, .write = sink_write, .flush = sink_flush, .close = sink_close};
static const struct relais_connector connector = {
    .abi = RELAIS_CONNECTOR_ABI, .name = "sink_test", .sink = &ops};

/* The same, keeping the positions too; it takes nothing without having been asked. */
static struct {
    int64_t next[6]; /* durable; -1: none */
    int fences;      /* FENCED that often */
    int asked, away;
    bool placed;
} kept;

static int kept_positions(void *state, const char *group, struct relais_position *list,
                          size_t count, struct relais_error *err)
{
    assert_string_equal(group, "relais.dep93.essai");
    if (kept.away) {
        kept.away--;
        return relais_error_set(err, RELAIS_E_IO, "sink", "away");
    }
    for (size_t i = 0; i < count; i++)
        list[i].next = kept.next[list[i].partition];
    kept.asked++;
    kept.placed = true;
    return 0;
}

static void kept_revoked(void *state) { kept.placed = false; }

static void kept_skip(void *state, const struct relais_position *at)
{
    kept.next[at->partition] = at->next;
}

static int kept_write(void *state, const struct relais_batch *in, size_t *done_out,
                      struct relais_error *err)
{
    *done_out = 0;
    assert_true(kept.placed);
    if (kept.fences && sink.given > 20) {
        kept.fences--;
        kept.placed = false;
        return relais_error_set(err, RELAIS_E_FENCED, "sink", "taken over");
    }
    if (sink_write(state, in, done_out, err))
        return -1;
    for (const struct relais_record *rec = in->first; rec; rec = rec->next)
        kept.next[rec->partition] = rec->offset + 1;
    return 0;
}

static const struct relais_sink_ops kept_ops = {.open = sink_open,
                                                .write = kept_write,
                                                .flush = sink_flush,
                                                .close = sink_close,
                                                .positions = kept_positions,
                                                .revoked = kept_revoked,
                                                .skip = kept_skip};
static const struct relais_connector keeper = {
    .abi = RELAIS_CONNECTOR_ABI, .name = "sink_test", .sink = &kept_ops};

static const char quick[] =
    "[sink]\ntopics = payments\nflush_ms = 100\nbatch_records = 50\n"
    "[kafka]\nsession.timeout.ms = 6000\nheartbeat.interval.ms = 200\n";

static int run_mode(const struct events *e, const struct relais_connector *with,
                    bool once)
{
    struct relais_conf *conf = events_conf(e, quick);
    int status = relais_sink_run(conf, with, &(struct relais_sink_options){.once = once});

    relais_conf_free(conf);
    return status;
}

static int run_with(const struct events *e, const struct relais_connector *with)
{
    return run_mode(e, with, true);
}

static int run_once(const struct events *e) { return run_with(e, &connector); }

/* Messages in <topic>.dlq, read without a group; *first_out is kept by the caller. */
static size_t read_dlq(const struct events *e, struct relais_event **first_out,
                       struct subscriber **sub_out, struct relais_conf **conf_out)
{
    static const char *const topics[] = {EVENTS_TOPIC ".dlq", NULL};
    struct relais_error err = RELAIS_ERROR_INIT;
    size_t count = 0;

    *conf_out = events_conf(e, "");
    *sub_out = subscriber_new(&(struct subscriber_options){.conf = *conf_out,
                                                           .topics = topics,
                                                           .from_ms = RELAIS_FROM_GROUP},
                              &err);
    *first_out = NULL;
    while (!subscriber_at_end(*sub_out)) {
        struct relais_event *ev;

        assert_true(subscriber_poll(*sub_out, 100, &ev, &err) >= 0);
        count += ev != NULL;
        if (ev && !*first_out)
            *first_out = ev;
        else
            relais_event_free(ev);
    }
    return count;
}

static void put(struct events *e, int from, int to)
{
    for (int i = from; i < to; i++)
        events_put(e, i % 6, "d1-dossier", i);
    events_flush(e);
}

static int setup(void **state)
{
    memset(&sink, 0, sizeof(sink));
    memset(&kept, 0, sizeof(kept));
    for (int i = 0; i < 6; i++)
        kept.next[i] = -1;
    sink.refuse_sequence = -1;
    *state = events_new();
    return 0;
}

static int teardown(void **state)
{
    events_free(*state);
    return 0;
}

static int seen_times(int64_t sequence)
{
    int times = 0;

    for (size_t i = 0; i < sink.given; i++)
        times += sink.sequences[i] == sequence;
    return times;
}

static void test_sink_once_gives_everything_then_only_what_is_new(void **state)
{
    struct events *e = *state;

    put(e, 0, 500);
    assert_int_equal(run_once(e), 0);
    assert_int_equal(sink.given, 500);
    assert_int_equal(sink.durable, 500);
    for (int i = 0; i < 500; i++)
        assert_int_equal(seen_times(i), 1);
    assert_string_equal(sink.keys[0], "d1-dossier");
    put(e, 500, 520);
    assert_int_equal(run_once(e), 0);
    assert_int_equal(sink.given, 520);
    assert_int_equal(sink.closes, 2);
}

static void test_sink_parks_a_refused_record_verbatim_and_goes_on(void **state)
{
    struct events *e = *state;
    struct relais_event *parked;
    struct subscriber *sub;
    struct relais_conf *conf;
    const char *text;
    size_t len;

    sink.refuse_sequence = 37;
    put(e, 0, 100);
    assert_int_equal(run_once(e), 0);
    assert_int_equal(sink.given, 99);
    assert_int_equal(seen_times(37), 0);
    assert_int_equal(read_dlq(e, &parked, &sub, &conf), 1);
    assert_null(relais_event_problem(parked));
    assert_int_equal(relais_event_sequence(parked), 37);
    text = relais_event_key(parked, &len);
    assert_int_equal(len, 10);
    assert_memory_equal(text, "d1-dossier", 10);
    assert_non_null(relais_event_header(parked, "ce_specversion", &len));
    text = relais_event_header(parked, "__connect.errors.topic", &len);
    assert_string_equal(text, EVENTS_TOPIC);
    text = relais_event_header(parked, "__connect.errors.partition", &len);
    assert_string_equal(text, "1");
    text = relais_event_header(parked, "__connect.errors.exception.message", &len);
    assert_string_equal(text, "FIELD_LENGTH indu.motif: too long");
    text = relais_event_header(parked, "__connect.errors.stage", &len);
    assert_string_equal(text, "write");
    text = relais_event_header(parked, DLQ_GROUP, &len);
    assert_string_equal(text, "relais.dep93.essai");
    relais_event_free(parked);
    subscriber_free(sub);
    relais_conf_free(conf);
}

static void test_sink_parks_what_is_no_event_and_goes_on(void **state)
{
    struct events *e = *state;
    struct relais_event *parked;
    struct subscriber *sub;
    struct relais_conf *conf;
    const char *text;
    size_t len;

    put(e, 0, 6);
    events_put_raw(e, EVENTS_TOPIC, 0, "k", "garbage", 7);
    events_put_raw(e, EVENTS_TOPIC, 0, NULL, NULL, 0);
    put(e, 6, 12);
    assert_int_equal(run_once(e), 0);
    assert_int_equal(sink.given, 12);
    assert_int_equal(read_dlq(e, &parked, &sub, &conf), 2);
    text = relais_event_header(parked, "__connect.errors.stage", &len);
    assert_string_equal(text, "decode");
    relais_event_free(parked);
    subscriber_free(sub);
    relais_conf_free(conf);
}

static int run_as(const struct events *e, const struct relais_connector *with,
                  const char *ini, const char *parked)
{
    struct relais_conf *conf = events_conf(e, ini);
    const struct relais_sink_options options = {
        .once = true, .parked = parked, .pass = true};
    int status = relais_sink_run(conf, with, &options);

    relais_conf_free(conf);
    return status;
}

/* One DLQ of three sinks: the test's, another, one that did not say which it was. */
static void test_sink_is_given_again_what_no_other_sink_parked(void **state)
{
    struct events *e = *state;
    struct relais_event *parked;
    struct subscriber *sub;
    struct relais_conf *conf;
    int64_t passed = 0;

    put(e, 0, 12);
    sink.refuse_sequence = 3;
    assert_int_equal(run_once(e), 0);
    sink.refuse_sequence = 4;
    assert_int_equal(
        run_as(e, &connector, "[sink]\ntopics = payments\ngroup = autre\n", NULL), 0);
    events_put_raw(e, EVENTS_TOPIC ".dlq", 0, "k", "garbage", 7);
    events_flush(e);

    memset(&sink, 0, sizeof(sink));
    sink.refuse_sequence = -1;
    assert_int_equal(run_as(e, &keeper,
                            "[sink]\ntopics = " EVENTS_TOPIC ".dlq\nbatch_records = 1\n",
                            "relais.dep93.essai"),
                     0);
    assert_int_equal(sink.given, 1);
    assert_int_equal(seen_times(3), 1);
    for (int i = 0; i < 6; i++)
        passed += kept.next[i] > 0 ? kept.next[i] : 0;
    /* the garbage is parked anew, at times before the end is asked for */
    assert_true(passed == 3 || passed == 4);
    assert_int_equal(read_dlq(e, &parked, &sub, &conf), passed + 1);
    relais_event_free(parked);
    subscriber_free(sub);
    relais_conf_free(conf);
}

static void test_sink_away_is_tried_again_without_loss_or_repeat(void **state)
{
    struct events *e = *state;

    sink.retries = 2;
    sink.take_before_retry = true;
    sink.flush_retries = 1;
    put(e, 0, 200);
    assert_int_equal(run_once(e), 0);
    assert_int_equal(sink.retries, 0);
    assert_int_equal(sink.given, 200);
    for (int i = 0; i < 200; i++)
        assert_int_equal(seen_times(i), 1);
    assert_int_equal(sink.durable, 200);
}

static void test_sink_conf_error_ends_with_78_and_commits_nothing(void **state)
{
    struct events *e = *state;

    put(e, 0, 20);
    sink.conf = true;
    assert_int_equal(run_once(e), 78);
    sink.conf = false;
    assert_int_equal(run_once(e), 0);
    assert_int_equal(sink.given, 20);
}

static void test_sink_drops_a_producers_repeat(void **state)
{
    struct events *e = *state;
    int64_t before = relais_metrics.events_repeated;

    put(e, 0, 60);
    put(e, 0, 60);
    assert_int_equal(run_once(e), 0);
    assert_int_equal(sink.given, 60);
    assert_int_equal(relais_metrics.events_repeated - before, 60);
}

static void test_sink_topic_missing_ends_with_78(void **state)
{
    struct events *e = *state;
    struct relais_conf *conf = events_conf(e, "[sink]\ntopics = dep93.absent.v1\n");

    assert_int_equal(
        relais_sink_run(conf, &connector, &(struct relais_sink_options){.once = true}),
        78);
    relais_conf_free(conf);
}

static void test_sink_with_positions_of_its_own_begins_there(void **state)
{
    struct events *e = *state;

    put(e, 0, 120);
    assert_int_equal(run_once(e), 0); /* the group stands at the end */
    assert_int_equal(sink.given, 120);
    sink.given = 0;
    kept.next[0] = 5;
    kept.next[1] = 20;
    assert_int_equal(run_with(e, &keeper), 0);
    assert_int_equal(sink.given, 120 - 5 - 20);
    assert_int_equal(seen_times(0), 0);
    assert_int_equal(seen_times(30), 1);
    assert_int_equal(kept.next[2], 20);
}

static void test_sink_fenced_asks_its_positions_anew_and_loses_nothing(void **state)
{
    struct events *e = *state;

    put(e, 0, 300);
    kept.fences = 2;
    kept.away = 1;
    assert_int_equal(run_with(e, &keeper), 0);
    assert_int_equal(kept.fences, 0);
    assert_true(kept.asked >= 3);
    assert_int_equal(sink.given, 300);
    for (int i = 0; i < 300; i++)
        assert_int_equal(seen_times(i), 1);
}

static void test_sink_with_positions_is_told_of_what_was_parked(void **state)
{
    struct events *e = *state;

    put(e, 0, 12);
    events_put_raw(e, EVENTS_TOPIC, 0, "k", "garbage", 7);
    events_flush(e);
    assert_int_equal(run_with(e, &keeper), 0);
    assert_int_equal(kept.next[0], 3);
}

/* Last: a process that was asked to stop stays so. */
static void test_sink_stopped_flushes_and_commits_what_it_has_given(void **state)
{
    struct events *e = *state;

    put(e, 0, 300);
    sink.stop_after = 120;
    assert_int_equal(run_once(e), 75);
    assert_true(sink.given >= 120 && sink.given < 300);
    assert_int_equal(sink.durable, sink.given);
    assert_int_equal(run_mode(e, &connector, false), 0); /* one that follows has no end */
}

#define WITH_BROKER(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_BROKER(test_sink_once_gives_everything_then_only_what_is_new),
        WITH_BROKER(test_sink_parks_a_refused_record_verbatim_and_goes_on),
        WITH_BROKER(test_sink_parks_what_is_no_event_and_goes_on),
        WITH_BROKER(test_sink_is_given_again_what_no_other_sink_parked),
        WITH_BROKER(test_sink_away_is_tried_again_without_loss_or_repeat),
        WITH_BROKER(test_sink_conf_error_ends_with_78_and_commits_nothing),
        WITH_BROKER(test_sink_drops_a_producers_repeat),
        WITH_BROKER(test_sink_with_positions_of_its_own_begins_there),
        WITH_BROKER(test_sink_fenced_asks_its_positions_anew_and_loses_nothing),
        WITH_BROKER(test_sink_with_positions_is_told_of_what_was_parked),
        WITH_BROKER(test_sink_topic_missing_ends_with_78),
        WITH_BROKER(test_sink_stopped_flushes_and_commits_what_it_has_given),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
