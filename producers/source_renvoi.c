#include "producers/source_internal.h"

#include "core/log.h"

#include <stdio.h>

/* 0: sent or sent before; 1: there is no further object; -1: the process ends. */
static int one(struct source *s, char after[37], int64_t n)
{
    struct relais_error err = RELAIS_ERROR_INIT;
    struct source_contract *c;
    struct store_object stored;
    struct difference_out out;
    char contract[160], depot[32];
    bool found;
    int rc;

    if (store_object_next(s->store, after, &stored, &found, &err))
        return source_trouble(s, &err, REASON_STATE);
    if (!found)
        return 1;
    snprintf(contract, sizeof(contract), "%.*s", (int)stored.contract.len,
             stored.contract.ptr);
    c = source_contract_of(s, contract);
    if (!c)
        return 0; /* of a contract that this source no longer yields */
    if (difference_renvoi(&s->difference, &c->target, relais_slice_str(after), &stored, n,
                          &out, &err)) {
        if (relais_error_class(err.code) == RELAIS_DATA)
            source_notice(s, &err, false);
        return source_trouble(s, &err, REASON_STATE);
    }
    if (out.outcome == DIFFERENCE_EVENT) {
        snprintf(depot, sizeof(depot), "renvoi-%lld", (long long)n);
        rc = source_send_event(s, c, &out, relais_slice_str(depot), RELAIS_SLICE_NULL,
                               s->last_ack, &err);
        if (rc)
            return err.code ? source_trouble(s, &err, REASON_KAFKA) : -1;
    }
    control_count_published(&s->file.counts, c->target.contract->name, out.fait,
                            out.amount_centimes, out.id);
    return source_pump(s, 0);
}

int source_renvoi(struct source *s)
{
    struct relais_error err = RELAIS_ERROR_INIT;
    struct control control = {.issue = CONTROL_INTEGRE, .counts = &s->file.counts};
    char after[37] = "", depot[32];
    struct store_meta meta;
    int rc;

    while (store_meta(s->store, &meta, &err)) {
        if (source_trouble(s, &err, REASON_STATE))
            return -1;
        relais_error_clear(&err);
    }
    memset(&s->file.counts, 0, sizeof(s->file.counts));
    while ((rc = one(s, after, meta.renvoi_count + 1)) == 0)
        if (source_stopping(s))
            return -1;
    if (rc < 0 || source_drain(s))
        return -1;
    memset(&s->closing, 0, sizeof(s->closing));
    s->closing.pending = true;
    s->closing.meta = meta;
    s->closing.meta.renvoi_count++;
    snprintf(depot, sizeof(depot), "renvoi-%lld",
             (long long)s->closing.meta.renvoi_count);
    control.depot = relais_slice_str(depot);
    if (source_send_control(s, &control))
        return -1;
    relais_log(RELAIS_LOG_INFO, "depot=%s published=%lld", depot,
               (long long)s->file.counts.published_total);
    memset(&s->file.counts, 0, sizeof(s->file.counts));
    return 0;
}
