#include "producers/source_replay.h"

#include "core/crypto.h"
#include "core/day.h"
#include "producers/position.h"

#include <stdio.h>
#include <stdlib.h>

#include "contracts/evenement_controle.h"

#define RENVOI "renvoi-"

const struct relais_contract *replay_contract(struct source *s, const char *name)
{
    const struct source_contract *c = source_contract_of(s, name);

    if (c)
        return c->target.contract;
    return strcmp(name, s->control_contract->name) == 0 ? s->control_contract : NULL;
}

static bool is_renvoi(struct relais_slice depot)
{
    return depot.len > strlen(RENVOI) && memcmp(depot.ptr, RENVOI, strlen(RENVOI)) == 0;
}

/* Blocks of a file are numbered; what was read in a log has a place with a slash. */
static bool of_log(const struct entete *entete)
{
    struct relais_slice position = entete->origine.position;

    return position.len && memchr(position.ptr, '/', position.len) &&
           !is_renvoi(entete->origine.depot);
}

/* *known_out: the state has it, it was read or acknowledged before. */
static int put_case(struct replay *r, const char *topic, const struct entete *entete,
                    bool *known_out, struct relais_error *err)
{
    struct store_case last;
    bool found;

    if (store_case(r->s->store, topic, entete->dossier, &last, &found, err))
        return -1;
    *known_out = found && entete->sequence <= last.sequence;
    if (*known_out)
        return 0;
    last.sequence = entete->sequence;
    if (entete->constate_le > last.observed_us)
        last.observed_us = entete->constate_le;
    if (of_log(entete) && position_make(entete->origine.depot, entete->origine.position,
                                        last.position, err))
        return -1;
    return store_put_case(r->s->store, topic, entete->dossier, &last, err);
}

/* A fact without position is known again by its content but for the sequence. */
static int put_fact(struct replay *r, const struct relais_contract *contract, void *data,
                    struct relais_error *err)
{
    struct entete *entete = data;
    unsigned char digest[RELAIS_SHA256_LEN];
    char id[37];

    if (entete->derive || is_renvoi(entete->origine.depot) ||
        !relais_slice_is(entete->origine.position, "0"))
        return 0;
    entete->sequence = 0;
    relais_buf_clear(&r->buf);
    if (relais_avro_encode(contract->schema, data, &r->buf, NULL, err))
        return -1;
    relais_sha256(relais_buf_slice(&r->buf), digest);
    relais_slice_copy(entete->id, id, sizeof(id));
    return store_put_fact(r->s->store, id, digest, err);
}

/* The state keeps the later of two events of an object (A5), but no object that only
 * facts of a log are about; where the file of the last
 * one is not known yet, its order is at least its constate_le. */
static int put_object(struct replay *r, const struct source_contract *c,
                      uint64_t fingerprint, void *data, struct relais_slice value,
                      struct relais_error *err)
{
    const struct entete *entete = data;
    struct relais_slice object = relais_contract_object(c->target.contract, data);
    struct store_object row;
    struct store_order order;
    bool found;

    if (store_object(r->s->store, object, &row, &found, err))
        return -1;
    if (!found && !r->facts && !entete->derive &&
        (of_log(entete) || r->s->connector->log))
        return 0;
    r->objects += !found;
    if (found &&
        (entete->constate_le < row.observed_us ||
         (entete->constate_le == row.observed_us && entete->sequence < row.sequence)))
        return 0;
    row = (struct store_object){
        .contract = relais_slice_str(c->target.contract->name),
        .fingerprint = fingerprint,
        .sequence = entete->sequence,
        .observed_us = entete->constate_le,
        .value = value,
    };
    if (store_put_object(r->s->store, object, &row, err))
        return -1;
    if (!entete->derive || of_log(entete))
        return 0;
    store_order_make(&order, entete->constate_le, false, 0, RELAIS_SLICE(""));
    return store_put_order(r->s->store, object, &order, err);
}

/* ---- days of a log ----------------------------------------------------------------- */

static int read_day(struct replay *r, struct relais_slice slot, int32_t number,
                    struct store_day *day, struct relais_error *err)
{
    char name[STORE_SLOT_MAX];
    bool found;

    relais_slice_copy(slot, name, sizeof(name));
    return store_day(r->s->store, name, number, day, &found, err);
}

static int count_event(struct replay *r, const struct source_contract *c, void *data,
                       struct relais_error *err)
{
    const struct relais_contract *contract = c->target.contract;
    const struct relais_family *family = c->target.family;
    const struct entete *entete = data;
    struct control_counts counts;
    struct store_day day;
    char id[37];

    if (!of_log(entete))
        return 0;
    if (read_day(r, entete->origine.depot, relais_paris_day(entete->constate_le), &day,
                 err))
        return -1;
    relais_slice_copy(entete->id, id, sizeof(id));
    source_journal_counts(&day, &counts);
    control_count_published(&counts, contract->name, relais_family_fait(contract, data),
                            family->amount ? family->amount(data) : 0, id);
    source_journal_keep(&day, &counts);
    return store_put_day(r->s->store, &day, err);
}

/* What topics do not tell (unchanged, parked) is what the day's last control event said.
 */
static int put_day(struct replay *r, const struct evenement_controle *e,
                   struct relais_error *err)
{
    const struct compte_parcage *parked = e->parques.items;
    struct store_day day;

    if (read_day(r, e->depot, e->entete.survenu_le, &day, err))
        return -1;
    day.issued++;
    day.unchanged = e->inchanges;
    day.parked_total = 0;
    day.parked_len = 0;
    for (size_t i = 0; i < e->parques.count && i < STORE_DAY_PARKED_MAX; i++) {
        relais_slice_copy(parked[i].code, day.parked[i].code, sizeof(day.parked[i].code));
        day.parked[i].count = parked[i].nombre;
        day.parked_total += parked[i].nombre;
        day.parked_len = i + 1;
    }
    day.said = e->publies_total + day.unchanged + day.parked_total;
    return store_put_day(r->s->store, &day, err);
}

/* ---- control events ---------------------------------------------------------------- */

static bool is_monthly(struct relais_slice type)
{
    return relais_slice_is(type, "M") || relais_slice_is(type, "R");
}

static void describe_header(const struct entete_flux *flux, struct store_file *row)
{
    char instant[28];

    relais_instant_format(flux->cree_le.value, instant);
    snprintf(row->row.header, sizeof(row->row.header), "%.*s %s", (int)flux->type.len,
             flux->type.ptr, instant);
    row->created_us = flux->cree_le.value;
    row->monthly = is_monthly(flux->type);
}

/* The first word of a motif is its code. */
static void describe_motif(struct relais_slice motif, struct store_file *row)
{
    const char *blank = motif.len ? memchr(motif.ptr, ' ', motif.len) : NULL;
    int len = blank ? (int)(blank - motif.ptr) : 0;

    snprintf(row->row.motif, sizeof(row->row.motif), "%.*s", (int)motif.len,
             motif.ptr ? motif.ptr : "");
    snprintf(row->code, sizeof(row->code), "%.*s", len, motif.ptr ? motif.ptr : "");
}

static int64_t sum_parked(const struct relais_array *parked)
{
    const struct compte_parcage *items = parked->items;
    int64_t sum = 0;

    for (size_t i = 0; i < parked->count; i++)
        sum += items[i].nombre;
    return sum;
}

/* Its header counts as delivered once more; the newest integrated file is the least that
 * a droit of a rebuilt state was last taken from. */
static int integrated(struct replay *r, const struct evenement_controle *e,
                      const struct store_file *row, struct relais_error *err)
{
    const struct entete_flux *flux = &e->entete_flux.value;
    struct store_order order;
    int64_t count;

    if (!e->entete_flux.set || !flux->cree_le.set || row->anomalies)
        return 0;
    if (store_header(r->s->store, flux->type, flux->cree_le.value, &count, err) ||
        store_put_header(r->s->store, flux->type, flux->cree_le.value, count + 1, err))
        return -1;
    if (row->monthly && flux->cree_le.value > r->meta.last_monthly_us)
        r->meta.last_monthly_us = flux->cree_le.value;
    store_order_make(&order, flux->cree_le.value, row->monthly, count, RELAIS_SLICE(""));
    if (r->rebuild && store_order_cmp(&order, &r->meta.floor) > 0)
        r->meta.floor = order;
    return 0;
}

static void count_renvoi(struct replay *r, struct relais_slice depot)
{
    char text[24];
    long long n;

    snprintf(text, sizeof(text), "%.*s", (int)(depot.len - strlen(RENVOI)),
             depot.ptr + strlen(RENVOI));
    n = strtoll(text, NULL, 10);
    if (n > r->meta.renvoi_count)
        r->meta.renvoi_count = n;
}

static int put_file(struct replay *r, const struct evenement_controle *e,
                    struct relais_error *err)
{
    static const enum relais_depot_state states[] = {
        [ISSUE_CONTROLE_INTEGRE] = RELAIS_DEPOT_INTEGRATED,
        [ISSUE_CONTROLE_RETENU] = RELAIS_DEPOT_HELD,
        [ISSUE_CONTROLE_REFUSE] = RELAIS_DEPOT_REFUSED,
    };
    struct store_file row;
    char depot[40];
    bool found, before;

    if (of_log(&e->entete))
        return put_day(r, e, err);
    if (is_renvoi(e->depot)) {
        count_renvoi(r, e->depot);
        return 0;
    }
    if (e->issue >= ISSUE_CONTROLE_INCONNU || e->depot.len >= sizeof(depot))
        return 0;
    relais_slice_copy(e->depot, depot, sizeof(depot));
    if (store_file(r->s->store, depot, &row, &found, err))
        return -1;
    before = found && row.row.state == RELAIS_DEPOT_INTEGRATED;
    row.issued |= STORE_ISSUED(states[e->issue]);
    if (before)
        return store_put_file(r->s->store, depot, &row, err);
    if (!found) {
        row.number = ++r->meta.file_count;
        snprintf(row.row.hash, sizeof(row.row.hash), "%s", depot);
    }
    row.row.state = states[e->issue];
    if (e->entete_flux.set && e->entete_flux.value.cree_le.set && !row.row.header[0])
        describe_header(&e->entete_flux.value, &row);
    describe_motif(e->motif, &row);
    row.anomalies = relais_slice_is(e->motif, SOURCE_MOTIF_ANOMALIES);
    row.row.published = e->publies_total;
    row.row.unchanged = e->inchanges;
    row.row.stale = e->perimes;
    row.row.superseded = e->remplaces;
    row.row.parked = sum_parked(&e->parques);
    if (row.row.state == RELAIS_DEPOT_INTEGRATED && integrated(r, e, &row, err))
        return -1;
    return store_put_file(r->s->store, depot, &row, err);
}

int replay_event(struct replay *r, const struct replay_version *version,
                 const char *topic, struct relais_slice value, bool *mine_out,
                 struct relais_error *err)
{
    const struct relais_contract *contract = version->contract;
    void *data = relais_arena_zalloc(&r->arena, contract->size);
    const struct entete *entete = data;
    struct source_contract *c = source_contract_of(r->s, contract->name);
    bool known;

    *mine_out = false;
    if (!data)
        return relais_error_set(err, RELAIS_E_BUG, topic, "arena too small");
    if (version->resolution
            ? relais_avro_resolve(version->resolution, value, data, &r->arena, err)
            : relais_avro_decode(contract->schema, value, data, &r->arena, NULL, err))
        return -1;
    if (!relais_slice_is(entete->source, r->s->name))
        return 0;
    *mine_out = true;
    if (put_case(r, topic, entete, &known, err))
        return -1;
    if (!c)
        return known ? 0 : put_file(r, data, err);
    return put_object(r, c, version->fingerprint, data, value, err) ||
                   (!known && count_event(r, c, data, err)) ||
                   put_fact(r, contract, data, err)
               ? -1
               : 0;
}
