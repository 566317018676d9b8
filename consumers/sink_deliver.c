#include "consumers/sink_internal.h"
#include "core/day.h"
#include "core/log.h"
#include "core/loop.h"
#include "core/metrics.h"
#include "core/ops.h"

#include <inttypes.h>

#define WAIT_MAX_MS    30000
#define PARKED_RUNNING 100

/* ---- what is held ---- */

void sink_release_held(struct sink_run *run)
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

void sink_note_unflushed(struct sink_run *run)
{
    if (run->unflushed)
        return;
    run->unflushed = true;
    run->unflushed_us = relais_monotonic_us();
    relais_metric_set(oldest_unacknowledged_since, run->unflushed_us);
}

/* ---- waiting: the group keeps us, nothing more is fetched ---- */

int sink_back_off(struct sink_run *run, int slot, const char *reason,
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

void sink_going_well(struct sink_run *run, int slot)
{
    relais_ops_reason(slot, NULL);
    run->wait_ms = SINK_WAIT_MIN_MS;
}

/* ---- positions of the sink ---- */

void sink_skip(struct sink_run *run, const struct relais_event *e)
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
    sink_release_held(run);
    settled(run);
    if (run->ops->revoked)
        run->ops->revoked(run->state);
}

/* After FENCED, REREAD: a rebalance is noticed while we wait. */
static int begin_anew(struct sink_run *run, const struct relais_error *why,
                      struct relais_error *err)
{
    drop_held(run);
    if (sink_back_off(run, REASON_SINK, "positions a relire dans le puits", why, err))
        return -1;
    subscriber_reposition(run->sub);
    return 0;
}

int sink_positions(void *user, struct relais_position *list, size_t count,
                   struct relais_error *err)
{
    struct sink_run *run = user;
    int rc = run->ops->positions(run->state, run->group, list, count, err);

    if (!rc && run->unplaced)
        sink_going_well(run, REASON_SINK);
    run->unplaced = rc != 0;
    return rc;
}

int sink_restart(void *user, const struct relais_position *at, struct relais_error *err)
{
    const struct sink_run *run = user;

    return run->ops->restart(run->state, at, err);
}

/* ---- parking ---- */

/* So many in a row: nothing passes, and somebody has to look. */
static void parked(struct sink_run *run, const struct relais_error *why)
{
    relais_metric_add(records_parked, 1);
    if (++run->parked_running != PARKED_RUNNING)
        return;
    relais_ops_reason(REASON_PARKED,
                      "tout ce qui est lu est mis de côté : voir le journal et la DLQ");
    relais_log(
        RELAIS_LOG_ERROR,
        "sink=%s parked_in_a_row=%d code=%s where=%s text=\"nothing passes: look at "
        "the sink before what is parked is many\"",
        run->name, PARKED_RUNNING, relais_error_name(why->code),
        why->where[0] ? why->where : "-");
}

static void passed(struct sink_run *run, size_t count)
{
    if (count && run->parked_running >= PARKED_RUNNING)
        relais_ops_reason(REASON_PARKED, NULL);
    if (count)
        run->parked_running = 0;
}

int sink_park(struct sink_run *run, const struct relais_event *event, const char *stage,
              const struct relais_error *why, bool patient, struct relais_error *err)
{
    uint64_t drops = run->drops;
    int rc = 0;

    if (run->parked && !run->pass)
        return relais_error_set(err, why->code, relais_event_topic(event),
                                "partition %" PRId32 ", offset %" PRId64 ": %s: %s",
                                relais_event_partition(event), relais_event_offset(event),
                                why->where, why->text);
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
        if (sink_back_off(run, REASON_DLQ, "mise de cote impossible", &away, err))
            return -1;
    }
    sink_going_well(run, REASON_DLQ);
    if (rc > 0) {
        parked(run, why);
        sink_skip(run, event);
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
    passed(run, done);
    relais_metric_add(events_consumed, (int64_t)done);
    if (done)
        relais_metric_set(last_event, relais_now_us());
    return rc;
}

int sink_deliver(struct sink_run *run, bool patient, struct relais_error *err)
{
    int rc = 0;

    run->writing = true;
    while (!rc && run->done < run->held) {
        struct relais_error why = RELAIS_ERROR_INIT;

        sink_note_unflushed(run);
        if (!write_some(run, &why)) {
            sink_going_well(run, REASON_SINK);
            continue;
        }
        switch (relais_error_class(why.code)) {
        case RELAIS_DATA:
            if (run->done == run->held) {
                rc = relais_error_set(err, RELAIS_E_BUG, run->name,
                                      "DATA error without a record");
                break;
            }
            rc = sink_park(run, run->events[run->done], "write", &why, patient, err);
            if (!rc && run->done < run->held) /* else a rebalance dropped it */
                run->done++;
            break;
        case RELAIS_RETRY:
            if (!patient)
                rc = relais_error_set(err, why.code, why.where, "%s", why.text);
            else if (why.code == RELAIS_E_FENCED || why.code == RELAIS_E_REREAD)
                rc = begin_anew(run, &why, err);
            else
                rc = sink_back_off(run, REASON_SINK, "puits injoignable", &why, err);
            break;
        default:
            *err = why;
            rc = -1;
        }
    }
    run->writing = false;
    if (!rc)
        sink_release_held(run);
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

int sink_flush(struct sink_run *run, bool patient, struct relais_error *err)
{
    int rc;

    if (sink_deliver(run, patient, err))
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
                 : sink_back_off(run, REASON_SINK, "puits injoignable", &why, err);
        run->writing = false;
        if (rc)
            return -1;
        if (!run->unflushed) /* dropped meanwhile */
            return 0;
    }
    sink_going_well(run, REASON_SINK);
    commit(run);
    settled(run);
    return 0;
}

/* Inside a poll, before partitions go. */
void sink_revoking(void *user, bool lost)
{
    struct sink_run *run = user;
    struct relais_error err = RELAIS_ERROR_INIT;

    if (!lost && !run->writing && sink_flush(run, false, &err))
        relais_log_error(&err, "sink=%s revoked=1", run->name);
    drop_held(run); /* what could not be written is the next owner's */
}
