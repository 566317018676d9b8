#include "consumers/sink_run.h"
#include "consumers/dlq.h"
#include "consumers/event_json.h"
#include "consumers/sink_conf.h"
#include "core/day.h"
#include "core/log.h"
#include "core/loop.h"
#include "core/metrics.h"
#include "core/ops.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define BATCH_ARENA_MAX (32u << 20)
#define WAIT_MIN_MS     500
#define WAIT_MAX_MS     30000
#define STOP_S          30
#define IDLE_MS         200
#define LAG_US          INT64_C(5000000)
#define EXIT_LEFT       75

enum { REASON_KAFKA, REASON_SINK, REASON_DLQ };

struct sink_run {
    const struct relais_conf *conf;
    const struct relais_sink_ops *ops;
    const char *name;
    void *state; /* of the connector */
    struct subscriber *sub;
    const char *group;
    bool unplaced; /* the last failure was the sink's, asked for positions */
    struct dlq *dlq;
    struct relais_batch batch; /* of the events held */
    struct relais_event **events;
    struct relais_record **records;
    size_t held, max;
    size_t done;    /* of them the sink has, or the DLQ */
    uint64_t drops; /* times that partitions went: what was held then is another's */
    bool writing;   /* inside a call of the sink: a rebalance drops, and writes nothing */
    bool unflushed; /* since unflushed_us something waits for flush and commit */
    int64_t unflushed_us;
    int64_t flush_us;
    int64_t lag_us;
    int wait_ms; /* the next back-off */
    bool drop_repeats;
    bool told_ready;
};

/* ---- what is held ---- */

static void release_held(struct sink_run *run)
{
    for (size_t i = 0; i < run->held; i++)
        relais_event_free(run->events[i]);
    run->held = run->done = 0;
    relais_batch_reset(&run->batch);
}

static void settled(struct sink_run *run)
{
    run->unflushed = false;
    relais_metric_set(oldest_unacknowledged_since, 0);
}

static void note_unflushed(struct sink_run *run)
{
    if (run->unflushed)
        return;
    run->unflushed = true;
    run->unflushed_us = relais_monotonic_us();
    relais_metric_set(oldest_unacknowledged_since, run->unflushed_us);
}

/* ---- waiting: the group keeps us, nothing more is fetched ---- */

/* After a RETRY: 0, or -1 when the process shall stop or the subscriber cannot go on. */
static int back_off(struct sink_run *run, int slot, const char *reason,
                    const struct relais_error *why, struct relais_error *err)
{
    int64_t until_us;

    if (relais_loop_stopping())
        return relais_error_set(err, RELAIS_E_STOPPED, why->where, "%s", why->text);
    relais_log_error(why, "sink=%s retry_ms=%d", run->name, run->wait_ms);
    relais_metric_add(retries, 1);
    relais_ops_reason(slot, reason);
    until_us = relais_monotonic_us() + run->wait_ms * INT64_C(1000);
    run->wait_ms = run->wait_ms * 2 < WAIT_MAX_MS ? run->wait_ms * 2 : WAIT_MAX_MS;
    if (!run->sub) {
        relais_loop_sleep_ms((int)((until_us - relais_monotonic_us()) / 1000));
        return 0;
    }
    subscriber_pause(run->sub, true);
    while (!relais_loop_stopping() && relais_monotonic_us() < until_us) {
        struct relais_error away = RELAIS_ERROR_INIT;

        relais_ops_beat();
        if (!subscriber_serve(run->sub, 100, &away))
            continue;
        if (relais_error_class(away.code) != RELAIS_RETRY) {
            *err = away;
            return -1;
        }
        relais_loop_sleep_ms(100);
    }
    subscriber_pause(run->sub, false);
    return 0;
}

static void going_well(struct sink_run *run, int slot)
{
    relais_ops_reason(slot, NULL);
    run->wait_ms = WAIT_MIN_MS;
}

/* ---- positions of the sink ---- */

static void skip(struct sink_run *run, const struct relais_event *e)
{
    const struct relais_position at = {relais_event_topic(e), relais_event_partition(e),
                                       relais_event_offset(e) + 1,
                                       relais_event_timestamp_ms(e)};

    if (run->ops->skip)
        run->ops->skip(run->state, &at);
}

/* What is held is another's, or comes again. */
static void drop_held(struct sink_run *run)
{
    run->drops++;
    release_held(run);
    settled(run);
    if (run->ops->revoked)
        run->ops->revoked(run->state);
}

/* After FENCED, REREAD: a rebalance is noticed while we wait. */
static int begin_anew(struct sink_run *run, const struct relais_error *why,
                      struct relais_error *err)
{
    drop_held(run);
    if (back_off(run, REASON_SINK, "positions a relire dans le puits", why, err))
        return -1;
    subscriber_reposition(run->sub);
    return 0;
}

static int positions(void *user, struct relais_position *list, size_t count,
                     struct relais_error *err)
{
    struct sink_run *run = user;
    int rc = run->ops->positions(run->state, run->group, list, count, err);

    if (!rc && run->unplaced)
        going_well(run, REASON_SINK);
    run->unplaced = rc != 0;
    return rc;
}

static int restart(void *user, const struct relais_position *at, struct relais_error *err)
{
    const struct sink_run *run = user;

    return run->ops->restart(run->state, at, err);
}

/* ---- parking ---- */

/* Until Kafka has it; or until its partition is another's, who will park it. patient
 * false: one try, within a rebalance or a stop. */
static int park(struct sink_run *run, const struct relais_event *event, const char *stage,
                const struct relais_error *why, bool patient, struct relais_error *err)
{
    uint64_t drops = run->drops;
    int rc = 0;

    relais_log_error(why,
                     "sink=%s stage=%s topic=%s partition=%" PRId32 " offset=%" PRId64,
                     run->name, stage, relais_event_topic(event),
                     relais_event_partition(event), relais_event_offset(event));
    while (rc <= 0 && drops == run->drops) {
        struct relais_error away = RELAIS_ERROR_INIT;

        rc = dlq_put(run->dlq, event_message(event), stage, why, &away);
        for (int i = 0; !rc && i < 300 && !relais_loop_stopping(); i++) {
            rc = dlq_wait(run->dlq, 100, &away);
            relais_ops_beat();
        }
        if (rc > 0)
            break;
        relais_error_set(&away, RELAIS_E_BROKER_DOWN, "dlq", "no delivery report");
        if (away.code == RELAIS_E_QUEUE_FULL)
            continue;
        if (!patient || relais_error_class(away.code) != RELAIS_RETRY) {
            *err = away;
            return -1;
        }
        if (back_off(run, REASON_DLQ, "mise de cote impossible", &away, err))
            return -1;
    }
    going_well(run, REASON_DLQ);
    if (rc > 0) {
        relais_metric_add(records_parked, 1);
        skip(run, event);
    }
    return 0;
}

/* ---- to the sink ---- */

static int write_some(struct sink_run *run, struct relais_error *err)
{
    struct relais_batch rest = run->batch;
    size_t done = 0;
    int rc;

    rest.first = run->records[run->done];
    rest.count = run->held - run->done;
    rc = run->ops->write(run->state, &rest, &done, err);
    if (!rc || done > rest.count)
        done = rest.count;
    run->done += done;
    relais_metric_add(events_consumed, (int64_t)done);
    if (done)
        relais_metric_set(last_event, relais_now_us());
    return rc;
}

/* Everything held is with the sink or parked. 0; -1: not, and nothing more is committed.
 */
static int deliver(struct sink_run *run, bool patient, struct relais_error *err)
{
    int rc = 0;

    run->writing = true;
    while (!rc && run->done < run->held) {
        struct relais_error why = RELAIS_ERROR_INIT;

        note_unflushed(run);
        if (!write_some(run, &why)) {
            going_well(run, REASON_SINK);
            continue;
        }
        switch (relais_error_class(why.code)) {
        case RELAIS_DATA:
            if (run->done == run->held) {
                rc = relais_error_set(err, RELAIS_E_BUG, run->name,
                                      "DATA error without a record");
                break;
            }
            rc = park(run, run->events[run->done], "write", &why, patient, err);
            if (!rc && run->done < run->held) /* else a rebalance dropped it */
                run->done++;
            break;
        case RELAIS_RETRY:
            if (!patient)
                rc = relais_error_set(err, why.code, why.where, "%s", why.text);
            else if (why.code == RELAIS_E_FENCED || why.code == RELAIS_E_REREAD)
                rc = begin_anew(run, &why, err);
            else
                rc = back_off(run, REASON_SINK, "puits injoignable", &why, err);
            break;
        default:
            *err = why;
            rc = -1;
        }
    }
    run->writing = false;
    if (!rc)
        release_held(run);
    return rc;
}

static void commit(struct sink_run *run)
{
    struct relais_error err = RELAIS_ERROR_INIT;

    if (!subscriber_commit(run->sub, &err))
        return;
    /* the next one carries these positions too, or the next owner reads again */
    relais_metric_add(commits_failed, 1);
    relais_log_error(&err, "sink=%s", run->name);
}

/* Deliver, make durable, move the position. */
static int flush(struct sink_run *run, bool patient, struct relais_error *err)
{
    int rc;

    if (deliver(run, patient, err))
        return -1;
    if (!run->unflushed)
        return 0;
    for (;;) {
        struct relais_error why = RELAIS_ERROR_INIT;

        if (!run->ops->flush(run->state, &why))
            break;
        if (!patient || relais_error_class(why.code) != RELAIS_RETRY) {
            *err = why;
            return -1;
        }
        run->writing = true;
        rc = why.code == RELAIS_E_FENCED || why.code == RELAIS_E_REREAD
                 ? begin_anew(run, &why, err)
                 : back_off(run, REASON_SINK, "puits injoignable", &why, err);
        run->writing = false;
        if (rc)
            return -1;
        if (!run->unflushed) /* dropped meanwhile */
            return 0;
    }
    going_well(run, REASON_SINK);
    commit(run);
    settled(run);
    return 0;
}

/* Inside a poll, before partitions go. */
static void revoking(void *user, bool lost)
{
    struct sink_run *run = user;
    struct relais_error err = RELAIS_ERROR_INIT;

    if (!lost && !run->writing && flush(run, false, &err))
        relais_log_error(&err, "sink=%s revoked=1", run->name);
    drop_held(run); /* what could not be written is the next owner's */
}

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
    return event_record(event, &run->batch.arena, rec, err);
}

/* The batch is full, or the event alone is too large for it. */
static int collect_large(struct sink_run *run, struct relais_event *event, bool *kept_out,
                         struct relais_error *err)
{
    struct relais_error why = RELAIS_ERROR_INIT;
    uint64_t drops = run->drops;

    if (deliver(run, true, err))
        return -1;
    relais_batch_reset(&run->batch); /* the record that did not fit */
    if (drops != run->drops)
        return 0;
    *kept_out = !add_record(run, event, &why);
    if (*kept_out)
        return 0;
    relais_batch_reset(&run->batch);
    note_unflushed(run);
    return park(run, event, "decode", &why, true, err);
}

/* Takes the event. */
static int collect(struct sink_run *run, struct relais_event *event,
                   struct relais_error *err)
{
    struct relais_error why = RELAIS_ERROR_INIT;
    uint64_t drops = run->drops;
    bool kept = false;
    int rc = 0;

    if (run->drop_repeats && !event_error(event) && subscriber_seen(run->sub, event)) {
        relais_metric_add(events_repeated, 1);
        note_unflushed(run); /* its position is to be committed */
    } else if (event_error(event)) {
        rc = deliver(run, true, err);
        note_unflushed(run);
        if (!rc && drops == run->drops)
            rc = park(run, event, "decode", event_error(event), true, err);
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

/* One round. 1: --once is done; 0; -1. */
static int round_trip(struct sink_run *run, bool once, struct relais_error *err)
{
    struct relais_error why = RELAIS_ERROR_INIT;
    struct relais_event *event;
    int rc = subscriber_poll(run->sub, poll_ms(run), &event, &why);

    if (rc < 0) {
        if (relais_error_class(why.code) == RELAIS_RETRY)
            return run->unplaced
                       ? back_off(run, REASON_SINK, "puits injoignable", &why, err)
                       : back_off(run, REASON_KAFKA, "Kafka ou registre injoignable",
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
    if (deliver(run, true, err))
        return -1;
    if (run->unflushed && flush_due_us(run) <= 0 && flush(run, true, err))
        return -1;
    tell_state(run);
    if (rc > 0)
        return 0;
    run->wait_ms = WAIT_MIN_MS;
    if (once && subscriber_at_end(run->sub))
        return flush(run, true, err) ? -1 : 1;
    return 0;
}

/* ---- start and stop ---- */

/* What the sink said of the last call. 0: to be made again. */
static int again(struct sink_run *run, const struct relais_error *why,
                 struct relais_error *err)
{
    if (relais_error_class(why->code) == RELAIS_RETRY)
        return back_off(run, REASON_SINK, "puits injoignable", why, err);
    *err = *why;
    return -1;
}

static int open_subscriber(struct sink_run *run, struct relais_arena *arena,
                           struct relais_error *err)
{
    struct subscriber_options options = {
        .notice = notice, .revoking = revoking, .user = run};
    struct sink_told told = {0};
    struct relais_error why = RELAIS_ERROR_INIT;

    options.positions = run->ops->positions ? positions : NULL;
    options.restart = run->ops->restart ? restart : NULL;
    if (sink_options(run->conf, arena, &options, err))
        return -1;
    while (sink_expect(run->ops, run->state, run->conf, &options, &told, arena, &why)) {
        if (again(run, &why, err))
            return -1;
        relais_error_clear(&why);
    }
    run->group = options.group;
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
    going_well(run, REASON_SINK);
    run->dlq = dlq_new(run->conf);
    return open_subscriber(run, arena, err);
}

static void init(struct sink_run *run, const struct relais_conf *conf,
                 const struct relais_connector *connector)
{
    *run = (struct sink_run){
        .conf = conf,
        .ops = connector->sink,
        .name = connector->name,
        .wait_ms = WAIT_MIN_MS,
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

    release_held(run);
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
static int run_until_end(struct sink_run *run, bool once, struct relais_arena *arena)
{
    struct relais_error err = RELAIS_ERROR_INIT;
    int rc = open_all(run, arena, &err);

    while (!rc && !relais_loop_stopping())
        rc = round_trip(run, once, &err);
    relais_loop_notify("STOPPING=1");
    if (relais_loop_stopping()) {
        relais_loop_deadline(STOP_S, EXIT_LEFT);
        if (!rc && run->sub)
            rc = flush(run, false, &err);
        if (rc < 0 && relais_error_class(err.code) == RELAIS_RETRY) {
            relais_log_error(&err, "sink=%s left=%zu", run->name, run->held - run->done);
            return EXIT_LEFT;
        }
    }
    if (rc >= 0)
        return 0;
    relais_log_error(&err, "sink=%s", run->name);
    return relais_error_exit(err.code);
}

int relais_sink_run(const struct relais_conf *conf,
                    const struct relais_connector *connector, bool once)
{
    struct relais_arena arena = RELAIS_ARENA_INIT(1u << 20);
    struct relais_error err = RELAIS_ERROR_INIT;
    struct relais_ops *ops;
    struct sink_run run;
    bool hanging;
    int status;

    relais_loop_init();
    if (relais_ops_open(conf, connector->name, &ops, &err)) {
        relais_log_error(&err, NULL);
        return relais_error_exit(err.code);
    }
    init(&run, conf, connector);
    status = run_until_end(&run, once, &arena);
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
