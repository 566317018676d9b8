#include "producers/source_internal.h"

#include "core/crypto.h"
#include "core/day.h"
#include "core/log.h"
#include "core/metrics.h"
#include "schemas/rules.h"

#include <stdio.h>

/* "personnes[2].nir" and "personnes[5].nir" are one place. */
static void without_indexes(const char *where, char out[96])
{
    size_t n = 0;
    bool inside = false;

    for (; *where && n + 1 < 96; where++) {
        if (*where == '[')
            inside = true;
        if (!inside)
            out[n++] = *where;
        if (*where == ']')
            inside = false;
    }
    out[n] = '\0';
}

void source_notice(struct source *s, const struct relais_error *err, bool parked)
{
    char where[96];
    size_t i = 0;

    without_indexes(err->where, where);
    while (i < s->notice_count &&
           (s->notices[i].code != err->code || s->notices[i].parked != parked ||
            strcmp(s->notices[i].where, where) != 0))
        i++;
    if (i == SOURCE_NOTICES_MAX)
        i--;
    else if (i == s->notice_count) {
        s->notices[s->notice_count++] =
            (struct source_notice){.code = err->code, .parked = parked};
        memcpy(s->notices[i].where, where, sizeof(where));
    }
    s->notices[i].count++;
    if (!s->notices_since_us)
        s->notices_since_us = relais_monotonic_us();
}

void source_log_notices(struct source *s)
{
    for (size_t i = 0; i < s->notice_count; i++) {
        const struct source_notice *n = &s->notices[i];

        relais_log(n->parked ? RELAIS_LOG_WARN : RELAIS_LOG_INFO,
                   "%s=%lld code=%s where=%s depot=%s", n->parked ? "parked" : "warned",
                   (long long)n->count, relais_error_name(n->code),
                   n->where[0] ? n->where : "-", s->file.open ? s->file.id : "-");
    }
    s->notice_count = 0;
    s->notices_since_us = 0;
}

/* An entry without message: only its note and the source's position. */
static int pass(struct source *s, const struct note *note, uint64_t ack)
{
    struct inflight_message m = {.topic = INFLIGHT_NO_TOPIC, .ack = ack};
    struct relais_error err = RELAIS_ERROR_INIT;

    m.note = (struct relais_slice){(const char *)note, sizeof(*note)};
    return source_send(s, &m, &err) ? -1 : 0;
}

static int second_opinion(struct source_contract *c, struct relais_slice framed,
                          struct relais_error *err)
{
    struct relais_slice value = {framed.ptr + RELAIS_FRAME_LEN,
                                 framed.len - RELAIS_FRAME_LEN};

    if (c->opined)
        return 0;
    if (relais_avro_opinion(c->target.contract->schema, value, err))
        return -1;
    c->opined = true;
    return 0;
}

int source_send_event(struct source *s, struct source_contract *c,
                      const struct difference_out *out, struct relais_slice depot,
                      struct relais_slice trace, uint64_t ack, struct relais_error *err)
{
    struct inflight_message m = {.topic = c->target.topic_index, .ack = ack};

    if (second_opinion(c, out->framed, err))
        return -1;
    m.type = source_type_of(c, out->fait);
    memcpy(m.id, out->id, sizeof(m.id));
    if (trace.len == sizeof(m.trace) - 1)
        memcpy(m.trace, trace.ptr, trace.len);
    else
        publisher_trace(s->publisher, depot, m.id, m.trace);
    m.key = out->checked.dossier;
    m.value = out->framed;
    m.note = (struct relais_slice){(const char *)&out->note, sizeof(out->note)};
    if (out->note.newest || out->note.has_digest)
        m.hash[INFLIGHT_BY_OBJECT] =
            inflight_hash(relais_slice_str(out->note.object), RELAIS_SLICE(""));
    m.hash[INFLIGHT_BY_CASE] = inflight_hash(relais_slice_str(c->topic), m.key);
    return source_send(s, &m, err);
}

/* To <topic>.dlq, in the order of the source (A14). */
static int park(struct source *s, struct source_contract *c,
                const struct relais_record *rec, const struct relais_error *why,
                const char *pseudonym)
{
    struct inflight_message m = {.topic = c->dlq_index, .ack = rec->ack};
    struct note nothing = {.kind = NOTE_NOTHING};
    struct relais_error err = RELAIS_ERROR_INIT;
    char frame[RELAIS_FRAME_LEN];

    relais_arena_reset(&s->arena);
    relais_buf_clear(&s->buf);
    relais_frame_write(s->parked_schema, frame);
    if (relais_buf_add(&s->buf, frame, sizeof(frame)) ||
        parked_build(&s->checker, rec->depot, rec->position, why, rec->charge, &s->arena,
                     &s->buf, m.id, &err)) {
        struct relais_error bug = RELAIS_ERROR_INIT;

        relais_error_set(&bug, RELAIS_E_BUG, "parcage", "%s", err.text);
        return source_trouble(s, &bug, REASON_CONNECTOR);
    }
    m.type = "fr.relais.parcage";
    if (relais_uuid_is(rec->id)) /* nothing else: an id may be a person's number */
        relais_slice_copy(rec->id, m.row, sizeof(m.row));
    source_journal_note(s, rec, &nothing);
    nothing.parked = why->code;
    publisher_trace(s->publisher, rec->depot, m.id, m.trace);
    m.key = pseudonym[0] ? relais_slice_str(pseudonym) : rec->depot;
    m.value = relais_buf_slice(&s->buf);
    m.note = (struct relais_slice){(const char *)&nothing, sizeof(nothing)};
    m.why = why;
    m.why_topic = c->topic;
    source_notice(s, why, true);
    source_parked(s, why);
    control_count_parked(&s->file.counts, why->code);
    relais_metric_add(records_parked, 1);
    return source_send(s, &m, &err) ? -1 : 0;
}

/* The pseudonym of a case's number where it passes its rule, for a record that a
 * connector could not read. */
static void name_case(struct source *s, const struct source_contract *c,
                      struct relais_slice number, char out[RELAIS_PSEUDONYM_LEN + 1])
{
    const struct relais_rule *rule = c->target.family->case_rule
                                         ? relais_rule_find(c->target.family->case_rule)
                                         : NULL;
    struct relais_error err = RELAIS_ERROR_INIT;
    struct relais_slice trimmed = relais_slice_trim(number);
    char upper[64];

    out[0] = '\0';
    if (!trimmed.len || trimmed.len > sizeof(upper) || !rule)
        return;
    for (size_t i = 0; i < trimmed.len; i++)
        upper[i] = trimmed.ptr[i] >= 'a' && trimmed.ptr[i] <= 'z'
                       ? (char)(trimmed.ptr[i] - 'a' + 'A')
                       : trimmed.ptr[i];
    trimmed.ptr = upper;
    if (rule->check(trimmed) == RELAIS_RULE_PARK ||
        relais_pseudonym(s->ring, 'd', trimmed, out, &err))
        out[0] = '\0';
}

static void count_published(struct source *s, const struct source_contract *c,
                            const struct difference_out *out)
{
    control_count_published(&s->file.counts, c->target.contract->name, out->fait,
                            out->amount_centimes, out->id);
}

static int settle(struct source *s, struct source_contract *c,
                  const struct relais_record *rec, struct difference_out *out)
{
    struct note nothing = {.kind = NOTE_NOTHING};
    struct relais_error err = RELAIS_ERROR_INIT;
    int rc;

    source_journal_note(s, rec, &nothing);
    nothing.journal_day = 0; /* repeated or stale: counted before, or not at all */
    if (rec->observed_us)
        source_journal_note(s, rec, &out->note);

    for (size_t i = 0; i < out->checked.warning_count; i++)
        source_notice(s, &out->checked.warnings[i], false);
    relais_metric_add(warnings, (int64_t)out->checked.warning_count);
    switch (out->outcome) {
    case DIFFERENCE_EVENT:
        source_passed(s);
        if (rec->observed_us)
            out->note.journal_day = relais_paris_day(out->note.observed_us);
        rc = source_send_event(s, c, out, rec->depot, rec->trace, rec->ack, &err);
        if (rc > 0)
            return park(s, c, rec, &err, out->case_pseudonym);
        if (rc < 0)
            return err.code ? source_trouble(s, &err, REASON_CONNECTOR) : -1;
        count_published(s, c, out);
        return 0;
    case DIFFERENCE_PUBLISHED:
        source_passed(s);
        count_published(s, c, out);
        return pass(s, &out->note, rec->ack);
    case DIFFERENCE_UNCHANGED:
        source_passed(s);
        s->file.counts.unchanged++;
        relais_metric_add(records_unchanged, 1);
        return pass(s, &out->note, rec->ack);
    case DIFFERENCE_STALE:
        s->file.counts.stale++;
        relais_metric_add(records_stale, 1);
        return pass(s, &nothing, rec->ack);
    case DIFFERENCE_REPEATED:
        relais_metric_add(records_unchanged, 1);
        return pass(s, &nothing, rec->ack);
    }
    return 0;
}

/* A state that cannot be read now: the file comes again from its first record. */
static int come_again(struct source *s, const struct relais_error *why)
{
    struct relais_error err = RELAIS_ERROR_INIT;

    if (source_trouble(s, why, REASON_STATE))
        return -1;
    if (!s->connector->source->rewind) {
        relais_log_error(why, "to_do=restart");
        s->status = relais_error_exit(why->code);
        return -1;
    }
    if (s->connector->source->rewind(s->state, &err))
        return source_trouble(s, &err, REASON_CONNECTOR);
    memset(&s->file.counts, 0, sizeof(s->file.counts));
    s->notice_count = 0;
    return 1;
}

static int take(struct source *s, struct source_contract *c,
                const struct relais_record *rec)
{
    struct relais_error err = RELAIS_ERROR_INIT;
    struct difference_file *file = NULL, log;
    struct difference_out out;

    if (rec->kind == RELAIS_RECORD_SNAPSHOT && rec->observed_us) {
        difference_of_log(&log, rec);
        file = &log;
    } else if (rec->kind == RELAIS_RECORD_SNAPSHOT && s->file.open) {
        file = &s->file.difference;
    }
    if (difference_take(&s->difference, &c->target, rec, file, &out, &err) == 0)
        return settle(s, c, rec, &out);
    switch (relais_error_class(err.code)) {
    case RELAIS_DATA:
        return park(s, c, rec, &err, out.case_pseudonym);
    case RELAIS_RETRY:
        return come_again(s, &err);
    case RELAIS_CONF:
    case RELAIS_FATAL:
        break;
    }
    return source_trouble(s, &err, REASON_STATE);
}

int source_record(struct source *s, const struct relais_record *rec)
{
    const struct note nothing = {.kind = NOTE_NOTHING};
    struct source_contract *c =
        rec->schema ? source_contract_of(s, rec->schema) : &s->contracts[0];
    char pseudonym[RELAIS_PSEUDONYM_LEN + 1] = "";
    struct relais_error err = RELAIS_ERROR_INIT;
    bool repeated;

    switch (rec->kind) {
    case RELAIS_RECORD_DEPOT:
        return source_depot_begin(s, rec);
    case RELAIS_RECORD_DEPOT_END:
        return source_depot_end(s, rec);
    case RELAIS_RECORD_SUPERSEDED:
        relais_metric_add(records_read, 1);
        s->file.counts.superseded++;
        return pass(s, &nothing, rec->ack);
    case RELAIS_RECORD_SNAPSHOT:
    case RELAIS_RECORD_FACT:
    case RELAIS_RECORD_PARKED:
        break;
    case RELAIS_RECORD_EVENT:
        c = NULL;
        break;
    }
    relais_metric_add(records_read, 1);
    if (rec->observed_us) {
        if (source_journal_see(s, rec, &repeated, &err)) {
            err.code = RELAIS_E_BUG; /* a connector makes short positions */
            return source_trouble(s, &err, REASON_CONNECTOR);
        }
        if (repeated)
            return pass(s, &nothing, rec->ack);
    }
    if (!c) {
        relais_error_set(&err, RELAIS_E_BUG, rec->schema ? rec->schema : "record",
                         "not what the connector says it yields");
        return source_trouble(s, &err, REASON_CONNECTOR);
    }
    if (rec->kind != RELAIS_RECORD_PARKED)
        return take(s, c, rec);
    name_case(s, c, rec->case_number, pseudonym);
    return park(s, c, rec, &rec->problem, pseudonym);
}
