#include "producers/source_internal.h"

#include "core/day.h"
#include "core/log.h"
#include "core/loop.h"
#include "core/metrics.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define STOP_S           30
#define BACKOFF_FIRST_MS 100
#define BACKOFF_LAST_MS  5000
#define COMMIT_RECORDS   3000
#define COMMIT_US        INT64_C(200000)
#define NOTICES_US       INT64_C(10000000)
#define LOG_AGAIN_US     INT64_C(30000000)
#define POLL_IDLE_MS     200
#define POLL_BUSY_MS     1
#define POLL_SETTLED_MS  50
#define POLL_REPORTS_MS  5
#define PARKED_RUNNING   100
#define BATCH_LARGE      64 /* records: a log that gives them has more */
#define HURRY_MS         1

static const char *const reasons[] = {
    [REASON_KAFKA] = "Kafka injoignable ou refuse d'écrire",
    [REASON_STATE] = "dossier d'état impossible à écrire",
    [REASON_REGISTRY] = "registre de schémas injoignable",
    [REASON_CONNECTOR] = "source injoignable",
    [REASON_PARKED] = "tout ce qui est lu est mis de côté : voir le journal et la DLQ",
    [REASON_START] = "démarrage en cours",
};

bool source_stopping(struct source *s)
{
    if (!relais_loop_stopping())
        return false;
    if (!s->stop_us) {
        s->stop_us = relais_monotonic_us() + STOP_S * INT64_C(1000000);
        relais_loop_notify("STOPPING=1");
        relais_loop_deadline(STOP_S + 5, relais_error_exit(RELAIS_E_STOPPED));
        relais_log(RELAIS_LOG_INFO, "stopping inflight=%zu",
                   inflight_count(publisher_ring(s->publisher)));
    }
    return true;
}

static bool stop_is_over(struct source *s)
{
    return source_stopping(s) && relais_monotonic_us() > s->stop_us;
}

/* One line when the trouble changes, then one every half minute. */
static void log_once(struct source *s, const struct relais_error *err)
{
    int64_t now = relais_monotonic_us();

    if (err->code == s->logged && now - s->logged_us < LOG_AGAIN_US)
        return;
    relais_log_error(err, NULL);
    s->logged = err->code;
    s->logged_us = now;
}

void source_parked(struct source *s, const struct relais_error *why)
{
    if (++s->parked_running != PARKED_RUNNING)
        return;
    relais_ops_reason(REASON_PARKED, reasons[REASON_PARKED]);
    relais_log(RELAIS_LOG_ERROR,
               "parked_in_a_row=%d code=%s where=%s text=\"nothing that is read passes: "
               "look at the mapping or the source before what is parked is many\"",
               PARKED_RUNNING, relais_error_name(why->code),
               why->where[0] ? why->where : "-");
}

void source_passed(struct source *s)
{
    if (s->parked_running >= PARKED_RUNNING)
        relais_ops_reason(REASON_PARKED, NULL);
    s->parked_running = 0;
}

void source_fine(struct source *s, enum source_reason reason)
{
    relais_ops_reason((int)reason, NULL);
    s->backoff_ms = 0;
    s->logged = RELAIS_E_OK;
}

static int end_with(struct source *s, const struct relais_error *err)
{
    relais_log_error(err, NULL);
    s->status = relais_error_exit(err->code);
    return -1;
}

int source_trouble(struct source *s, const struct relais_error *err,
                   enum source_reason reason)
{
    enum relais_class class = relais_error_class(err->code);

    if (class == RELAIS_CONF || class == RELAIS_FATAL)
        return end_with(s, err);
    log_once(s, err);
    if (class == RELAIS_DATA)
        return 0;
    relais_ops_reason((int)reason, reasons[reason]);
    relais_metric_add(retries, 1);
    if (source_stopping(s)) {
        s->status = relais_error_exit(RELAIS_E_STOPPED);
        return -1;
    }
    s->backoff_ms = s->backoff_ms ? s->backoff_ms * 2 : BACKOFF_FIRST_MS;
    if (s->backoff_ms > BACKOFF_LAST_MS)
        s->backoff_ms = BACKOFF_LAST_MS;
    relais_ops_beat();
    relais_loop_sleep_ms(s->backoff_ms);
    return 0;
}

/* now: what may wait in memory does not. */
static int commit(struct source *s, bool now)
{
    struct relais_error err = RELAIS_ERROR_INIT;

    if (relais_monotonic_us() < s->commit_retry_us)
        return 0;
    if (source_commit(s, now, &err) == 0) {
        if (s->commit_backoff_ms) {
            relais_log(RELAIS_LOG_INFO, "state is written again");
            relais_ops_reason(REASON_STATE, NULL);
        }
        s->commit_backoff_ms = 0;
        return 0;
    }
    if (relais_error_class(err.code) != RELAIS_RETRY)
        return end_with(s, &err);
    log_once(s, &err);
    relais_ops_reason(REASON_STATE, reasons[REASON_STATE]);
    relais_metric_add(commits_failed, 1);
    s->commit_backoff_ms =
        s->commit_backoff_ms ? s->commit_backoff_ms * 2 : BACKOFF_FIRST_MS;
    if (s->commit_backoff_ms > BACKOFF_LAST_MS)
        s->commit_backoff_ms = BACKOFF_LAST_MS;
    s->commit_retry_us = relais_monotonic_us() + s->commit_backoff_ms * INT64_C(1000);
    return 0;
}

static int serve_publisher(struct source *s, int timeout_ms)
{
    struct relais_error err = RELAIS_ERROR_INIT;
    size_t before = inflight_ready(publisher_ring(s->publisher));

    if (publisher_poll(s->publisher, timeout_ms, &err) == 0) {
        if (inflight_ready(publisher_ring(s->publisher)) > before)
            relais_ops_reason(REASON_KAFKA, NULL);
        return 0;
    }
    if (publisher_hung(s->publisher)) {
        relais_log_error(&err, "to_do=restart");
        _exit(relais_error_exit(RELAIS_E_BROKER_FATAL));
    }
    if (relais_error_class(err.code) != RELAIS_RETRY)
        return end_with(s, &err);
    log_once(s, &err);
    relais_ops_reason(REASON_KAFKA, reasons[REASON_KAFKA]);
    return 0;
}

static bool commit_is_due(struct source *s)
{
    size_t ready = inflight_ready(publisher_ring(s->publisher));

    return ready >= COMMIT_RECORDS ||
           ((ready || s->unwritten.entries) &&
            relais_monotonic_us() - s->committed_us >= COMMIT_US);
}

int source_pump(struct source *s, int timeout_ms)
{
    if (serve_publisher(s, timeout_ms))
        return -1;
    if (commit_is_due(s) && commit(s, false))
        return -1;
    relais_ops_beat();
    return 0;
}

int source_drain(struct source *s)
{
    struct inflight *ring = publisher_ring(s->publisher);

    while (inflight_count(ring) || s->unwritten.entries) {
        if (stop_is_over(s)) {
            s->status = relais_error_exit(RELAIS_E_STOPPED);
            return -1;
        }
        if (serve_publisher(s, inflight_ready(ring) == inflight_count(ring) ? 0 : 10))
            return -1;
        /* nothing more will come: what is acknowledged is written at once */
        if (inflight_ready(ring) == inflight_count(ring) ||
            inflight_ready(ring) >= COMMIT_RECORDS) {
            if (commit(s, true))
                return -1;
        } else if (commit_is_due(s) && commit(s, false)) {
            return -1;
        }
        if (s->commit_backoff_ms)
            relais_loop_sleep_ms(10);
        relais_ops_beat();
    }
    return 0;
}

int source_send(struct source *s, const struct inflight_message *message,
                struct relais_error *err)
{
    while (publisher_send(s->publisher, message, err)) {
        if (err->code != RELAIS_E_QUEUE_FULL)
            return 1;
        relais_error_clear(err);
        if (stop_is_over(s)) {
            s->status = relais_error_exit(RELAIS_E_STOPPED);
            return -1;
        }
        if (inflight_ready(publisher_ring(s->publisher)) ? commit(s, false)
                                                         : source_pump(s, 10))
            return -1;
        if (s->commit_backoff_ms)
            relais_loop_sleep_ms(10);
    }
    return 0;
}

/* ---- the loop ---------------------------------------------------------------------- */

static int take_batch(struct source *s)
{
    int rc = 0;

    for (const struct relais_record *rec = s->batch.first; rec && rc == 0;
         rec = rec->next) {
        if (source_stopping(s))
            return 0;
        rc = source_record(s, rec);
    }
    return rc < 0 ? -1 : 0;
}

static bool done(struct source *s)
{
    return s->options->once && s->batch.count == 0 && s->connector->source->idle &&
           s->connector->source->idle(s->state);
}

/* Where the loop waits when there is nothing to do. A log's next record must not wait for
 * a delivery report: the connector waits, and reports are looked at in between; when all
 * have come, only the next commit is to be done in time. */
static void waits(struct source *s, int *connector_ms, int *publisher_ms)
{
    struct inflight *ring = publisher_ring(s->publisher);
    bool settled = inflight_ready(ring) == inflight_count(ring);

    *publisher_ms = 0;
    if (!inflight_count(ring)) {
        *connector_ms = POLL_IDLE_MS;
    } else if (s->connector->log) {
        *connector_ms = settled ? POLL_SETTLED_MS : POLL_BUSY_MS;
    } else {
        *connector_ms = 0;
        *publisher_ms = POLL_REPORTS_MS;
    }
}

/* A call that failed while a stop is asked for, and that left nothing behind. */
static bool stopped(struct source *s, const struct relais_error *err)
{
    if (relais_error_class(err->code) != RELAIS_RETRY || !source_stopping(s))
        return false;
    log_once(s, err);
    return true;
}

/* Calls that are made before a record is taken: again and again while it is a matter of
 * waiting. */
static int until_done(struct source *s, enum source_reason reason,
                      int (*call)(struct source *s, struct relais_error *err))
{
    for (;;) {
        struct relais_error err = RELAIS_ERROR_INIT;

        if (call(s, &err) == 0) {
            source_fine(s, reason);
            return 0;
        }
        if (relais_error_class(err.code) == RELAIS_DATA)
            return end_with(s, &err);
        if (stopped(s, &err) || source_trouble(s, &err, reason))
            return -1;
    }
}

static int catch_up(struct source *s, struct relais_error *err)
{
    int64_t objects;

    return source_start(s, 0, &objects, err);
}

static int read_position(struct source *s, struct relais_error *err)
{
    return store_position(s->store, s->journal.position, err);
}

/* Who had the log before may have published from it: that enters the state. */
static int take_over(struct source *s)
{
    uint64_t taken =
        s->connector->source->taken ? s->connector->source->taken(s->state) : 0;

    if (taken == s->taken)
        return 0;
    if (source_drain(s) || until_done(s, REASON_KAFKA, catch_up) ||
        until_done(s, REASON_STATE, read_position))
        return -1;
    s->taken = taken;
    return 0;
}

static int loop(struct source *s)
{
    int connector_ms, publisher_ms;

    while (!source_stopping(s)) {
        struct relais_error err = RELAIS_ERROR_INIT;

        relais_batch_reset(&s->batch);
        waits(s, &connector_ms, &publisher_ms);
        if (s->connector->source->poll(s->state, &s->batch, connector_ms, &err)) {
            if (stopped(s, &err))
                return 0;
            if (source_trouble(s, &err, REASON_CONNECTOR))
                return -1;
            continue;
        }
        source_fine(s, REASON_CONNECTOR);
        if (take_over(s) || take_batch(s))
            return -1;
        if (s->connector->log && s->batch.count && s->batch.count < BATCH_LARGE)
            publisher_hurry(s->publisher, HURRY_MS);
        if (source_pump(s, s->batch.count ? 0 : publisher_ms))
            return -1;
        if (!s->file.open && s->notice_count &&
            relais_monotonic_us() - s->notices_since_us > NOTICES_US)
            source_log_notices(s);
        if (source_journal_look(s, false))
            return -1;
        if (done(s)) {
            if (source_drain(s) || source_journal_look(s, true))
                return -1;
            if (s->connector->source->idle(s->state)) {
                s->finished = true;
                return 0;
            }
        }
    }
    return 0;
}

static int check_topics(struct source *s, struct relais_error *err)
{
    return publisher_check_topics(s->publisher, 5000, err);
}

static int open_connector(struct source *s, struct relais_error *err)
{
    return s->connector->source->open(&s->state, s->conf, err);
}

static int tell_contracts(struct source *s, struct relais_error *err)
{
    for (size_t i = 0; s->connector->source->expect && i < s->contract_count; i++) {
        const struct relais_contract *contract = s->contracts[i].target.contract;
        const struct relais_value *open;

        relais_arena_reset(&s->arena);
        open = relais_avro_example(contract->schema, true, &s->arena);
        if (!open)
            return relais_error_set(err, RELAIS_E_LIMIT, contract->name, "arena full");
        if (s->connector->source->expect(s->state, contract->name, open, err))
            return -1;
    }
    return 0;
}

static int run(struct source *s)
{
    struct relais_error err = RELAIS_ERROR_INIT;

    relais_ops_reason(REASON_START, reasons[REASON_START]);
    if (source_open(s, &err) ||
        relais_ops_open(s->conf, s->connector->name, &s->ops, &err))
        return end_with(s, &err);
    if (until_done(s, REASON_KAFKA, check_topics) ||
        until_done(s, REASON_REGISTRY, source_register) ||
        until_done(s, REASON_KAFKA, catch_up))
        return -1;
    if (until_done(s, REASON_STATE, read_position) ||
        (s->options->renvoi && source_renvoi(s)))
        return -1;
    if (until_done(s, REASON_CONNECTOR, open_connector) ||
        until_done(s, REASON_CONNECTOR, tell_contracts))
        return -1;
    source_fine(s, REASON_START);
    relais_loop_notify("READY=1");
    relais_log(RELAIS_LOG_INFO, "source=%s connector=%s started", s->name,
               s->connector->name);
    return loop(s);
}

int relais_source_run(const struct relais_conf *conf,
                      const struct relais_connector *connector,
                      const struct relais_source_options *options)
{
    struct source *s = relais_zalloc(sizeof(*s));
    bool hung = false;
    int status;

    s->conf = conf;
    s->connector = connector;
    s->options = options;
    relais_loop_init();
    if (run(s) == 0)
        source_drain(s);
    source_log_notices(s);
    status = s->status;
    if (!status && (s->file.open || (options->once && !s->finished)))
        status = relais_error_exit(RELAIS_E_STOPPED);
    if (s->publisher && inflight_count(publisher_ring(s->publisher)))
        relais_log(RELAIS_LOG_WARN,
                   "unacknowledged=%zu, to be sent again at the next "
                   "start",
                   inflight_count(publisher_ring(s->publisher)));
    hung = source_close(s);
    free(s);
    if (hung)
        _exit(status);
    return status;
}
