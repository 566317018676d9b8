#include "consumers/sink_internal.h"
#include "consumers/event_json.h"
#include "core/day.h"
#include "core/log.h"
#include "core/loop.h"
#include "core/metrics.h"
#include "core/ops.h"

#include <stdlib.h>
#include <unistd.h>

#define BATCH_ARENA_MAX (32u << 20)
#define STOP_S          30
#define IDLE_MS         200
#define LAG_US          INT64_C(5000000)
#define EXIT_LEFT       75

static void notice(void *user, const char *text)
{
    relais_log(RELAIS_LOG_INFO, "sink=%s %s", ((const struct sink_run *)user)->name,
               text);
}

/* ---- from the topics ---- */

static int add_record(struct sink_run *run, struct relais_event *event,
                      struct relais_error *err)
{
    struct relais_record *rec = relais_batch_add(&run->batch);

    if (!rec)
        return relais_error_set(err, RELAIS_E_LIMIT, "batch", "full");
    run->records[run->held] = rec;
    return event_record(event, !run->ops->without_headers, &run->batch.arena, rec, err);
}

/* The batch is full, or the event alone is too large for it. */
static int collect_large(struct sink_run *run, struct relais_event *event, bool *kept_out,
                         struct relais_error *err)
{
    struct relais_error why = RELAIS_ERROR_INIT;
    uint64_t drops = run->drops;

    if (sink_deliver(run, true, err))
        return -1;
    relais_batch_reset(&run->batch); /* the record that did not fit */
    if (drops != run->drops)
        return 0;
    *kept_out = !add_record(run, event, &why);
    if (*kept_out)
        return 0;
    relais_batch_reset(&run->batch);
    sink_note_unflushed(run);
    return sink_park(run, event, "decode", &why, true, err);
}

/* Takes the event. */
static int collect(struct sink_run *run, struct relais_event *event,
                   struct relais_error *err)
{
    struct relais_error why = RELAIS_ERROR_INIT;
    uint64_t drops = run->drops;
    bool kept = false;
    int rc = 0;

    if (run->parked && dlq_whose(event, run->parked) != DLQ_OWN) {
        sink_note_unflushed(run); /* it is passed: its position is to be committed */
        sink_skip(run, event);
    } else if (run->drop_repeats && !event_error(event) &&
               subscriber_seen(run->sub, event)) {
        relais_metric_add(events_repeated, 1);
        sink_note_unflushed(run); /* its position is to be committed */
    } else if (event_error(event)) {
        rc = sink_deliver(run, true, err);
        sink_note_unflushed(run);
        if (!rc && drops == run->drops)
            rc = sink_park(run, event, "decode", event_error(event), true, err);
    } else if (!add_record(run, event, &why)) {
        kept = true;
    } else {
        rc = collect_large(run, event, &kept, err);
    }
    if (kept)
        run->events[run->held++] = event;
    else
        relais_event_free(event);
    return rc;
}

static void tell_state(struct sink_run *run)
{
    int64_t now_us = relais_monotonic_us();

    relais_ops_beat();
    relais_ops_reason(REASON_KAFKA, subscriber_problem(run->sub));
    if (now_us - run->lag_us < LAG_US)
        return;
    run->lag_us = now_us;
    relais_metric_set(consumer_lag, subscriber_lag(run->sub));
}

static int64_t flush_due_us(const struct sink_run *run)
{
    return run->unflushed_us + run->flush_us - relais_monotonic_us();
}

/* What is held is delivered as soon as nothing more is there. */
static int poll_ms(const struct sink_run *run)
{
    int64_t due_us = flush_due_us(run);

    if (run->held || (run->unflushed && due_us <= 0))
        return 0;
    return run->unflushed && due_us / 1000 < IDLE_MS ? (int)(due_us / 1000) + 1 : IDLE_MS;
}

/* One round. 1: `once` is done; 0; -1. */
static int round_trip(struct sink_run *run, struct relais_error *err)
{
    struct relais_error why = RELAIS_ERROR_INIT;
    struct relais_event *event;
    int rc = subscriber_poll(run->sub, poll_ms(run), &event, &why);

    if (rc < 0) {
        if (relais_error_class(why.code) == RELAIS_RETRY)
            return run->unplaced
                       ? sink_back_off(run, REASON_SINK, "puits injoignable", &why, err)
                       : sink_back_off(run, REASON_KAFKA, "Kafka ou registre injoignable",
                                       &why, err);
        *err = why;
        return -1;
    }
    if (!run->told_ready) {
        relais_loop_notify("READY=1");
        run->told_ready = true;
    }
    if (rc > 0 && collect(run, event, err))
        return -1;
    if (rc > 0 && run->held < run->max)
        return 0;
    if (sink_deliver(run, true, err))
        return -1;
    if (run->unflushed && flush_due_us(run) <= 0 && sink_flush(run, true, err))
        return -1;
    tell_state(run);
    if (rc > 0)
        return 0;
    run->wait_ms = SINK_WAIT_MIN_MS;
    if (run->once && subscriber_at_end(run->sub))
        return sink_flush(run, true, err) ? -1 : 1;
    return 0;
}

/* ---- start and stop ---- */

/* What the sink said of the last call. 0: to be made again. */
static int again(struct sink_run *run, const struct relais_error *why,
                 struct relais_error *err)
{
    if (relais_error_class(why->code) == RELAIS_RETRY)
        return sink_back_off(run, REASON_SINK, "puits injoignable", why, err);
    *err = *why;
    return -1;
}

static int open_subscriber(struct sink_run *run, struct relais_arena *arena,
                           struct relais_error *err)
{
    struct subscriber_options options = {
        .notice = notice, .revoking = sink_revoking, .user = run, .until_end = run->once};
    struct sink_told told = {0};
    struct relais_error why = RELAIS_ERROR_INIT;

    options.positions = run->ops->positions ? sink_positions : NULL;
    options.restart = run->ops->restart ? sink_restart : NULL;
    if (sink_options(run->conf, arena, &options, err))
        return -1;
    while (sink_expect(run->ops, run->state, run->conf, &options, &told, arena, &why)) {
        if (again(run, &why, err))
            return -1;
        relais_error_clear(&why);
    }
    run->group = options.group;
    run->dlq = dlq_new(run->conf, run->parked ? run->parked : run->group);
    run->sub = subscriber_new(&options, err);
    if (!run->sub)
        return -1;
    relais_log(RELAIS_LOG_INFO, "sink=%s group=%s started=1", run->name, options.group);
    return 0;
}

static int open_all(struct sink_run *run, struct relais_arena *arena,
                    struct relais_error *err)
{
    struct relais_error why = RELAIS_ERROR_INIT;

    while (run->ops->open(&run->state, run->conf, &why)) {
        if (again(run, &why, err))
            return -1;
        relais_error_clear(&why);
    }
    sink_going_well(run, REASON_SINK);
    return open_subscriber(run, arena, err);
}

static void init(struct sink_run *run, const struct relais_conf *conf,
                 const struct relais_connector *connector)
{
    *run = (struct sink_run){
        .conf = conf,
        .ops = connector->sink,
        .name = connector->name,
        .wait_ms = SINK_WAIT_MIN_MS,
        .max = (size_t)relais_conf_integer(conf, "sink", "batch_records"),
        .flush_us = relais_conf_integer(conf, "sink", "flush_ms") * 1000,
        .drop_repeats = relais_conf_boolean(conf, "sink", "ecarter_repetes"),
    };
    relais_batch_init(&run->batch, BATCH_ARENA_MAX);
    run->events = relais_zalloc(run->max * sizeof(*run->events));
    run->records = relais_zalloc((run->max + 1) * sizeof(*run->records));
}

/* true: librdkafka hangs. */
static bool release(struct sink_run *run)
{
    bool hanging;

    sink_release_held(run);
    hanging = subscriber_free(run->sub);
    hanging |= dlq_free(run->dlq);
    if (run->state)
        run->ops->close(run->state);
    relais_batch_release(&run->batch);
    free(run->events);
    free(run->records);
    return hanging;
}

/* The reason of an end is logged here; STOPPED: work was left. */
static int run_until_end(struct sink_run *run, struct relais_arena *arena)
{
    struct relais_error err = RELAIS_ERROR_INIT;
    int rc = open_all(run, arena, &err);

    while (!rc && !relais_loop_stopping())
        rc = round_trip(run, &err);
    relais_loop_notify("STOPPING=1");
    if (relais_loop_stopping()) {
        relais_loop_deadline(STOP_S, EXIT_LEFT);
        if (!rc && run->sub)
            rc = sink_flush(run, false, &err);
        if (rc < 0 && relais_error_class(err.code) == RELAIS_RETRY) {
            relais_log_error(&err, "sink=%s left=%zu", run->name, run->held - run->done);
            return EXIT_LEFT;
        }
        if (rc == 0 && run->once)
            return EXIT_LEFT; /* 1: it had come to its end */
    }
    if (rc >= 0)
        return 0;
    relais_log_error(&err, "sink=%s", run->name);
    return relais_error_exit(err.code);
}

int relais_sink_run(const struct relais_conf *conf,
                    const struct relais_connector *connector,
                    const struct relais_sink_options *options)
{
    struct relais_arena arena = RELAIS_ARENA_INIT(1u << 20);
    struct relais_error err = RELAIS_ERROR_INIT;
    struct relais_ops *ops = NULL;
    struct sink_run run;
    bool hanging;
    int status;

    relais_loop_init();
    /* events given again beside the sink itself, whose address it is */
    if (!options->parked && relais_ops_open(conf, connector->name, &ops, &err)) {
        relais_log_error(&err, NULL);
        return relais_error_exit(err.code);
    }
    init(&run, conf, connector);
    run.once = options->once;
    run.parked = options->parked;
    run.pass = options->pass;
    status = run_until_end(&run, &arena);
    hanging = release(&run);
    relais_ops_free(ops);
    relais_arena_release(&arena);
    if (hanging) {
        relais_log(RELAIS_LOG_WARN, "sink=%s librdkafka hangs, left behind",
                   connector->name);
        _exit(status);
    }
    return status;
}
