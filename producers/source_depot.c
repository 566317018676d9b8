#include "producers/source_internal.h"

#include "core/log.h"
#include "core/metrics.h"

#include <stdio.h>
#include <stdlib.h>

/* What a person reads beside a file; the code comes first, for the state and for tools.
 */
static const struct {
    enum relais_code code;
    const char *phrase;
} phrases[] = {
    {RELAIS_E_FILE_HEADER, "en-tête absent ou invalide"},
    {RELAIS_E_FILE_TRAILER, "fin de fichier absente ou invalide"},
    {RELAIS_E_FILE_TOTAL, "le total annoncé n'est pas le nombre de blocs lus"},
    {RELAIS_E_FILE_ORDER, "mensuel plus ancien que le dernier mensuel intégré"},
    {RELAIS_E_FILE_AGAIN, "même en-tête qu'un fichier intégré, contenu différent"},
    {RELAIS_E_FILE_CHANGED, "fichier modifié pendant sa lecture"},
    {RELAIS_E_XML_INVALID, "XML mal formé"},
    {RELAIS_E_XML_LIMIT, "XML au-delà d'une limite"},
    {RELAIS_E_XML_DTD, "déclaration de type de document refusée"},
    {RELAIS_E_ENCODING, "octets contraires à l'encodage déclaré"},
    {RELAIS_E_USAGE, "refusé par une personne (relais depot refuse)"},
};

static const char *phrase_of(enum relais_code code)
{
    for (size_t i = 0; i < sizeof(phrases) / sizeof(phrases[0]); i++)
        if (phrases[i].code == code)
            return phrases[i].phrase;
    return "fichier refusé";
}

static void whole_utf8(char *text) { text[control_text(text).len] = '\0'; }

struct verdict {
    enum relais_verdict verdict;
    enum relais_code code;
    char motif[192];
};

static void decide(struct verdict *v, enum relais_verdict verdict, enum relais_code code,
                   const char *where, const char *text)
{
    v->verdict = verdict;
    v->code = code;
    snprintf(v->motif, sizeof(v->motif), "%s : %s%s%s%s%s%s", relais_error_name(code),
             phrase_of(code), where[0] || text[0] ? " (" : "", where,
             where[0] && text[0] ? " : " : "", text, where[0] || text[0] ? ")" : "");
    whole_utf8(v->motif);
}

/* Contract A7, order of files; design.md part 2. */
static int judge(struct source *s, const struct relais_depot *depot,
                 const struct store_file *row, bool seen, struct verdict *v,
                 struct relais_error *err)
{
    const struct relais_error *problem = &depot->problem;
    struct store_meta meta;
    int64_t deliveries;

    if (seen && row->row.state == RELAIS_DEPOT_INTEGRATED) {
        v->verdict = RELAIS_VERDICT_KNOWN;
        return 0;
    }
    if (depot->refuse) {
        decide(v, RELAIS_VERDICT_REFUSE, RELAIS_E_USAGE, "", "");
        return 0;
    }
    if (problem->code != RELAIS_E_OK &&
        (problem->code != RELAIS_E_FILE_TOTAL || !depot->release)) {
        decide(v,
               problem->code == RELAIS_E_FILE_TOTAL ? RELAIS_VERDICT_HOLD
                                                    : RELAIS_VERDICT_REFUSE,
               problem->code, problem->where, problem->text);
        return 0;
    }
    v->verdict = RELAIS_VERDICT_INTEGRATE;
    if (depot->anomalies)
        return 0;
    if (store_header(s->store, depot->type, depot->created_us, &deliveries, err) ||
        store_meta(s->store, &meta, err))
        return -1;
    /* a release holds only against the reason that the person saw */
    if (deliveries > 0 &&
        (!depot->release || (seen && strcmp(row->code, "FILE_AGAIN") != 0)))
        decide(v, RELAIS_VERDICT_HOLD, RELAIS_E_FILE_AGAIN, "",
               depot->release ? "intégré depuis que ce fichier est retenu" : "");
    else if (depot->monthly && !depot->release &&
             depot->created_us < meta.last_monthly_us)
        decide(v, RELAIS_VERDICT_HOLD, RELAIS_E_FILE_ORDER, "", "");
    return 0;
}

static const char *base_name(const char *path)
{
    const char *slash = path ? strrchr(path, '/') : NULL;

    return slash ? slash + 1 : path ? path : "";
}

static void fill_row(struct store_file *row, const struct relais_depot *depot)
{
    snprintf(row->row.hash, sizeof(row->row.hash), "%s", depot->hash);
    snprintf(row->row.name, sizeof(row->row.name), "%s", base_name(depot->path));
    whole_utf8(row->row.name);
    row->row.header[0] = '\0';
    if (depot->readable_header)
        snprintf(row->row.header, sizeof(row->row.header), "%.*s %.*s %.*s",
                 (int)depot->type.len, depot->type.ptr, (int)depot->day.len,
                 depot->day.ptr, (int)depot->time.len, depot->time.ptr);
    row->created_us = depot->created_us;
    row->monthly = depot->monthly;
    row->anomalies = depot->anomalies;
}

/* Calls the connector until it has taken the verdict. */
static int tell(struct source *s, const struct relais_depot *depot,
                enum relais_verdict verdict, const char *motif)
{
    for (;;) {
        struct relais_error err = RELAIS_ERROR_INIT;

        if (s->connector->source->verdict(s->state, depot, verdict, motif, &err) == 0) {
            source_fine(s, REASON_CONNECTOR);
            return 0;
        }
        if (source_trouble(s, &err, REASON_CONNECTOR))
            return -1;
        if (relais_error_class(err.code) == RELAIS_DATA)
            return 0;
    }
}

static int build_control(struct source *s, const struct control *control,
                         struct inflight_message *m, struct note *note,
                         struct relais_error *err)
{
    struct relais_error why = RELAIS_ERROR_INIT;
    struct control c = *control;
    struct store_case last;
    struct relais_slice value;
    char frame[RELAIS_FRAME_LEN];

    relais_arena_reset(&s->arena);
    relais_buf_clear(&s->buf);
    relais_frame_write(s->control_schema, frame);
    c.source = s->name;
    c.territory = s->territory;
    c.codes_version = relais_codes_version(s->codes);
    if (difference_case(&s->difference, s->control_index, s->control_topic,
                        relais_slice_str(s->name), &last, err))
        return -1;
    note->sequence = c.sequence = last.sequence + 1;
    if (relais_buf_add(&s->buf, frame, sizeof(frame)) ||
        control_build(&c, &s->arena, &s->buf, m->id, &note->observed_us, &why))
        return relais_error_set(err, RELAIS_E_BUG, why.where, "%s", why.text);
    value = relais_buf_slice(&s->buf);
    m->value = value;
    value.ptr += RELAIS_FRAME_LEN;
    value.len -= RELAIS_FRAME_LEN;
    return relais_avro_opinion(s->control_contract->schema, value, err);
}

int source_send_control(struct source *s, const struct control *control)
{
    static const char *const types[] = {
        [CONTROL_INTEGRE] = "fr.relais.control.controle.integre",
        [CONTROL_RETENU] = "fr.relais.control.controle.retenu",
        [CONTROL_REFUSE] = "fr.relais.control.controle.refuse",
    };
    struct inflight_message m = {.topic = s->control_index, .ack = s->last_ack};
    struct note note = {.kind = NOTE_CONTROL};
    struct relais_error err = RELAIS_ERROR_INIT;

    while (build_control(s, control, &m, &note, &err)) {
        if (relais_error_class(err.code) == RELAIS_DATA)
            err.code = RELAIS_E_BUG; /* a control event of ours always fits */
        if (source_trouble(s, &err, REASON_STATE))
            return -1;
        relais_error_clear(&err);
    }
    m.type = types[control->issue];
    publisher_trace(s->publisher, control->depot, m.id, m.trace);
    m.key = relais_slice_str(s->name);
    m.note = (struct relais_slice){(const char *)&note, sizeof(note)};
    m.hash[INFLIGHT_BY_CASE] = inflight_hash(relais_slice_str(s->control_topic), m.key);
    if (source_send(s, &m, &err) > 0) {
        relais_error_clear(&err);
        relais_error_set(&err, RELAIS_E_BUG, "evenement_controle", "too large");
        return source_trouble(s, &err, REASON_KAFKA);
    }
    return err.code ? -1 : source_drain(s);
}

/* The row of a file for which nothing new has to be said. */
static int put_row(struct source *s, const char *depot, const struct store_file *row)
{
    for (;;) {
        struct relais_error err = RELAIS_ERROR_INIT;

        if (store_begin(s->store, &err) == 0) {
            if (store_put_file(s->store, depot, row, &err) == 0 &&
                store_commit(s->store, &err) == 0) {
                source_fine(s, REASON_STATE);
                return 0;
            }
            store_abort(s->store);
        }
        if (source_trouble(s, &err, REASON_STATE))
            return -1;
    }
}

static int new_row(struct source *s, struct store_file *row, bool seen,
                   struct store_meta *meta, struct relais_error *err)
{
    if (store_meta(s->store, meta, err))
        return -1;
    if (!seen)
        row->number = ++meta->file_count;
    return 0;
}

/* Held or refused: said once, remembered, then the file is moved. */
static int put_aside(struct source *s, const struct relais_depot *depot,
                     const char depot_id[17], struct store_file *row, bool seen,
                     const struct verdict *v)
{
    const struct control_counts none = {.published_len = 0};
    bool held = v->verdict == RELAIS_VERDICT_HOLD;
    enum relais_depot_state state = held ? RELAIS_DEPOT_HELD : RELAIS_DEPOT_REFUSED;
    bool said = row->issued & STORE_ISSUED(state);
    struct relais_error err = RELAIS_ERROR_INIT;

    memset(&s->closing, 0, sizeof(s->closing));
    if (new_row(s, row, seen, &s->closing.meta, &err))
        return source_trouble(s, &err, REASON_STATE) ? -1 : 1;
    fill_row(row, depot);
    row->row.state = state;
    row->issued |= STORE_ISSUED(state);
    memcpy(row->row.motif, v->motif, sizeof(row->row.motif));
    snprintf(row->code, sizeof(row->code), "%s", relais_error_name(v->code));
    if (said) {
        if (put_row(s, depot_id, row))
            return -1;
    } else {
        const struct control control = {
            .depot = relais_slice_str(depot_id),
            .issue = held ? CONTROL_RETENU : CONTROL_REFUSE,
            .motif = row->row.motif,
            .file = depot,
            .counts = &none,
        };

        s->closing.pending = true;
        snprintf(s->closing.depot, sizeof(s->closing.depot), "%s", depot_id);
        s->closing.file = *row;
        if (source_send_control(s, &control))
            return -1;
        if (held)
            relais_metric_add(depots_held, 1);
        else
            relais_metric_add(depots_refused, 1);
    }
    relais_log(RELAIS_LOG_WARN, "depot=%s file=\"%s\" verdict=%s motif=\"%s\"", depot_id,
               base_name(depot->path), held ? "held" : "refused", v->motif);
    return tell(s, depot, v->verdict, v->motif);
}

static int copy_slice(struct relais_arena *arena, struct relais_slice *s)
{
    if (!s->ptr)
        return 0;
    *s = relais_arena_slice(arena, *s);
    return s->ptr ? 0 : -1;
}

/* The file is integrated from here on: what its records need is kept. */
static int open_file(struct source *s, const struct relais_depot *depot,
                     const char depot_id[17], struct relais_error *err)
{
    struct source_file *f = &s->file;
    struct relais_depot *d = &f->depot;
    struct store_meta meta;
    int64_t rank = 0;

    relais_arena_reset(&f->arena);
    memset(&f->counts, 0, sizeof(f->counts));
    *d = *depot;
    if (copy_slice(&f->arena, &d->type) || copy_slice(&f->arena, &d->nature) ||
        copy_slice(&f->arena, &d->day) || copy_slice(&f->arena, &d->time) ||
        copy_slice(&f->arena, &d->reference))
        return relais_error_set(err, RELAIS_E_BUG, "depot", "header too large");
    d->path = relais_arena_slice(&f->arena, relais_slice_str(base_name(depot->path))).ptr;
    for (size_t i = 0; i < d->total_count; i++)
        d->totals[i].name =
            relais_arena_slice(&f->arena, relais_slice_str(depot->totals[i].name)).ptr;
    if (store_meta(s->store, &meta, err) ||
        (!d->anomalies && store_header(s->store, d->type, d->created_us, &rank, err)))
        return -1;
    memcpy(f->id, depot_id, 17);
    snprintf(f->rank, sizeof(f->rank), "%lld", (long long)rank);
    f->difference = (struct difference_file){
        .natural = {d->type, d->day, d->time, relais_slice_str(f->rank)},
        .natural_count = 4,
        .created_us = d->created_us,
        .created_days = d->created_days,
        .reference_days = d->reference_days,
        .first_load = meta.last_monthly_us == INT64_MIN,
    };
    store_order_make(&f->difference.order, d->created_us, d->monthly, rank,
                     relais_slice_str(d->path));
    f->open = true;
    return 0;
}

int source_depot_begin(struct source *s, const struct relais_record *rec)
{
    const struct relais_depot *depot = rec->file;
    struct verdict v = {.motif = ""};
    struct store_file row;
    char depot_id[17];
    bool seen;

    snprintf(depot_id, sizeof(depot_id), "%.16s", depot->hash);
    s->file.open = false; /* one still open changed under way, and is judged again */
    for (;;) {
        struct relais_error err = RELAIS_ERROR_INIT;
        int rc = 0;

        if (store_file(s->store, depot_id, &row, &seen, &err) ||
            judge(s, depot, &row, seen, &v, &err) ||
            (v.verdict == RELAIS_VERDICT_INTEGRATE &&
             open_file(s, depot, depot_id, &err))) {
            if (source_trouble(s, &err, REASON_STATE))
                return -1;
            continue;
        }
        if (v.verdict == RELAIS_VERDICT_INTEGRATE)
            return tell(s, depot, v.verdict, NULL);
        if (v.verdict == RELAIS_VERDICT_KNOWN) {
            relais_log(RELAIS_LOG_INFO, "depot=%s file=\"%s\" verdict=known", depot_id,
                       base_name(depot->path));
            return tell(s, depot, v.verdict, NULL);
        }
        rc = put_aside(s, depot, depot_id, &row, seen, &v);
        if (rc <= 0)
            return rc;
    }
}

/* Everything the control event will be durable with. */
static int prepare_closing(struct source *s, struct relais_error *err)
{
    const struct source_file *f = &s->file;
    struct source_closing *c = &s->closing;
    int64_t rank;
    bool seen;

    memset(c, 0, sizeof(*c));
    if (store_file(s->store, f->id, &c->file, &seen, err) ||
        new_row(s, &c->file, seen, &c->meta, err) ||
        store_header(s->store, f->depot.type, f->depot.created_us, &rank, err))
        return -1;
    fill_row(&c->file, &f->depot);
    c->file.row.state = RELAIS_DEPOT_INTEGRATED;
    c->file.row.motif[0] = '\0';
    c->file.code[0] = '\0';
    c->file.issued |= STORE_ISSUED(RELAIS_DEPOT_INTEGRATED);
    c->file.row.published = f->counts.published_total;
    c->file.row.unchanged = f->counts.unchanged;
    c->file.row.stale = f->counts.stale;
    c->file.row.superseded = f->counts.superseded;
    c->file.row.parked = f->counts.parked_total;
    snprintf(c->depot, sizeof(c->depot), "%s", f->id);
    if (!f->depot.anomalies) {
        c->header = true;
        relais_slice_copy(f->depot.type, c->header_type, sizeof(c->header_type));
        c->header_us = f->depot.created_us;
        c->header_count = rank + 1;
        if (f->depot.monthly && f->depot.created_us > c->meta.last_monthly_us)
            c->meta.last_monthly_us = f->depot.created_us;
    }
    c->pending = true;
    return 0;
}

int source_depot_end(struct source *s, const struct relais_record *rec)
{
    struct source_file *f = &s->file;
    const struct control_counts *n = &f->counts;
    const struct control control = {
        .depot = relais_slice_str(f->id),
        .issue = CONTROL_INTEGRE,
        .motif = f->depot.anomalies ? SOURCE_MOTIF_ANOMALIES : NULL,
        .file = &f->depot,
        .counts = n,
    };

    if (!f->open) {
        struct relais_error err = RELAIS_ERROR_INIT;

        relais_error_set(&err, RELAIS_E_BUG, "depot", "ended without verdict");
        return source_trouble(s, &err, REASON_CONNECTOR);
    }
    /* read and accepted, nothing changed by them: lu = acceptes + parques (contract B) */
    if (f->depot.anomalies)
        f->counts.unchanged = f->depot.blocks;
    /* all of it is in the state before the control event can be in the topic */
    if (source_drain(s))
        return -1;
    for (;;) {
        struct relais_error err = RELAIS_ERROR_INIT;

        if (prepare_closing(s, &err) == 0)
            break;
        if (source_trouble(s, &err, REASON_STATE))
            return -1;
    }
    if (source_send_control(s, &control))
        return -1;
    source_log_notices(s);
    relais_log(RELAIS_LOG_INFO,
               "depot=%s file=\"%s\" verdict=integrated published=%lld unchanged=%lld "
               "stale=%lld superseded=%lld parked=%lld",
               f->id, f->depot.path, (long long)n->published_total,
               (long long)n->unchanged, (long long)n->stale, (long long)n->superseded,
               (long long)n->parked_total);
    relais_metric_add(depots_integrated, 1);
    f->open = false;
    return tell(s, rec->file, RELAIS_VERDICT_INTEGRATE, NULL);
}
