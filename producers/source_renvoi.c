/* Every object's present state once more (A8). The state has the objects that snapshots
 * are about; those that only facts of a log are about are read back from the topics, into
 * a store beside the state that is removed afterwards. */
#include "producers/source_internal.h"

#include "core/log.h"

#include <stdio.h>

struct renvoi {
    int64_t number;
    struct store *from;
    bool facts; /* from is what the topics gave back */
};

static int known_to_the_state(struct source *s, struct relais_slice object,
                              bool *known_out)
{
    struct relais_error err = RELAIS_ERROR_INIT;
    struct store_object row;

    while (store_object(s->store, object, &row, known_out, &err)) {
        if (source_trouble(s, &err, REASON_STATE))
            return -1;
        relais_error_clear(&err);
    }
    return 0;
}

/* 0: sent or sent before; 1: there is no further object; -1: the process ends. */
static int one(struct source *s, const struct renvoi *r, char after[37])
{
    struct relais_error err = RELAIS_ERROR_INIT;
    struct source_contract *c;
    struct store_object stored;
    struct difference_out out;
    char contract[160], depot[32];
    bool found, known = false;
    int rc;

    if (store_object_next(r->from, after, &stored, &found, &err))
        return source_trouble(s, &err, REASON_STATE);
    if (!found)
        return 1;
    relais_slice_copy(stored.contract, contract, sizeof(contract));
    c = source_contract_of(s, contract);
    if (!c)
        return 0; /* of a contract that this source no longer yields */
    if (r->facts && known_to_the_state(s, relais_slice_str(after), &known))
        return -1;
    if (known)
        return 0;
    if (difference_renvoi(&s->difference, &c->target, relais_slice_str(after), &stored,
                          r->number, &out, &err)) {
        if (relais_error_class(err.code) == RELAIS_DATA)
            source_notice(s, &err, false);
        return source_trouble(s, &err, REASON_STATE);
    }
    if (out.outcome == DIFFERENCE_EVENT) {
        if (r->facts)
            out.note.newest = false;
        snprintf(depot, sizeof(depot), "renvoi-%lld", (long long)r->number);
        rc = source_send_event(s, c, &out, relais_slice_str(depot), RELAIS_SLICE_NULL,
                               s->last_ack, &err);
        if (rc)
            return err.code ? source_trouble(s, &err, REASON_KAFKA) : -1;
    }
    control_count_published(&s->file.counts, c->target.contract->name, out.fait,
                            out.amount_centimes, out.id);
    return source_pump(s, 0);
}

static int every_one(struct source *s, const struct renvoi *r)
{
    char after[37] = "";
    int rc;

    while ((rc = one(s, r, after)) == 0)
        if (source_stopping(s))
            return -1;
    return rc < 0 ? -1 : source_drain(s);
}

/* The topics into `store`. */
static int read_back(struct source *s, struct store *store)
{
    struct store *own = s->store;
    struct relais_error err = RELAIS_ERROR_INIT;
    int64_t objects;
    int rc;

    for (;;) {
        s->store = store;
        rc =
            source_start(s, SOURCE_REBUILD | SOURCE_FORCE | SOURCE_FACTS, &objects, &err);
        s->store = own;
        if (rc == 0) {
            source_fine(s, REASON_KAFKA);
            return 0;
        }
        if (source_trouble(s, &err, REASON_KAFKA))
            return -1;
        relais_error_clear(&err);
    }
}

static int open_beside(struct source *s, const char *dir, struct store **out)
{
    for (;;) {
        struct relais_error err = RELAIS_ERROR_INIT;

        *out = store_open(dir, s->name, true, &err);
        if (*out) {
            source_fine(s, REASON_STATE);
            return 0;
        }
        if (source_trouble(s, &err, REASON_STATE))
            return -1;
    }
}

static int facts(struct source *s, struct renvoi *r)
{
    const char *state = relais_conf_text(s->conf, "relais", "state");
    struct relais_error err = RELAIS_ERROR_INIT;
    char dir[4096];
    int rc;

    if (snprintf(dir, sizeof(dir), "%s/renvoi", state) >= (int)sizeof(dir)) {
        relais_error_set(&err, RELAIS_E_CONF_VALUE, "[relais] state", "path too long");
        return source_trouble(s, &err, REASON_STATE);
    }
    if (open_beside(s, dir, &r->from))
        return -1;
    r->facts = true;
    rc = read_back(s, r->from) || every_one(s, r);
    store_close(r->from);
    store_remove(dir);
    return rc ? -1 : 0;
}

int source_renvoi(struct source *s)
{
    struct relais_error err = RELAIS_ERROR_INIT;
    struct control control = {.issue = CONTROL_INTEGRE, .counts = &s->file.counts};
    struct renvoi r = {.from = s->store};
    struct store_meta meta;
    char depot[32];

    while (store_meta(s->store, &meta, &err)) {
        if (source_trouble(s, &err, REASON_STATE))
            return -1;
        relais_error_clear(&err);
    }
    memset(&s->file.counts, 0, sizeof(s->file.counts));
    r.number = meta.renvoi_count + 1;
    if (every_one(s, &r) || (s->connector->log && facts(s, &r)))
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
