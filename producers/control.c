#include "producers/control.h"

#include "core/day.h"

#include <stdio.h>
#include <stdlib.h>

#include "contracts/evenement_controle.h"
#include "contracts/parcage.h"

#define CHARGE_MAX (512u << 10)

const char *const control_issue_names[] = {
    [CONTROL_INTEGRE] = "INTEGRE",
    [CONTROL_RETENU] = "RETENU",
    [CONTROL_REFUSE] = "REFUSE",
};

/* Most texts are the same static one. */
static bool same(const char *a, const char *b) { return a == b || strcmp(a, b) == 0; }

/* The first line of a table that is full takes the rest: sums stay right. */
void control_count_published(struct control_counts *c, const char *subject,
                             const char *fait, int64_t centimes, const char id[37])
{
    size_t i = 0;

    while (i < c->published_len &&
           (!same(c->published[i].subject, subject) || !same(c->published[i].fait, fait)))
        i++;
    if (i == CONTROL_PUBLISHED_MAX)
        i = 0;
    else if (i == c->published_len)
        c->published[c->published_len++] =
            (struct control_published){subject, fait, 0, 0};
    c->published[i].count++;
    c->published[i].centimes += centimes;
    c->published_total++;
    if (!c->first_id[0])
        memcpy(c->first_id, id, 37);
    memcpy(c->last_id, id, 37);
}

void control_count_parked(struct control_counts *c, enum relais_code code)
{
    size_t i = 0;

    while (i < c->parked_len && c->parked[i].code != code)
        i++;
    if (i == CONTROL_PARKED_MAX)
        i = 0;
    else if (i == c->parked_len)
        c->parked[c->parked_len++] = (struct control_parked){code, 0};
    c->parked[i].count++;
    c->parked_total++;
}

struct relais_slice control_text(const char *text)
{
    struct relais_slice s = relais_slice_str(text);
    size_t at = s.len;
    unsigned char lead;

    while (at > 0 && ((unsigned char)text[at - 1] & 0xc0) == 0x80)
        at--;
    if (at == 0)
        return s;
    lead = (unsigned char)text[at - 1];
    if (s.len - (at - 1) < (lead >= 0xf0   ? 4u
                            : lead >= 0xe0 ? 3u
                            : lead >= 0xc0 ? 2u
                                           : 1u))
        s.len = at - 1;
    return s;
}

static int full(struct relais_error *err)
{
    return relais_error_set(err, RELAIS_E_LIMIT, "evenement_controle",
                            "larger than its arena");
}

static int by_subject(const void *a, const void *b)
{
    const struct compte_publication *x = a, *y = b;
    int c = relais_slice_cmp(x->sujet, y->sujet);

    return c ? c : relais_slice_cmp(x->fait, y->fait);
}

static int by_code(const void *a, const void *b)
{
    const struct compte_parcage *x = a, *y = b;

    return relais_slice_cmp(x->code, y->code);
}

static int fill_counts(const struct control_counts *counts, struct relais_arena *arena,
                       struct evenement_controle *e, struct relais_error *err)
{
    struct compte_publication *published =
        relais_arena_zalloc(arena, counts->published_len * sizeof(*published));
    struct compte_parcage *parked =
        relais_arena_zalloc(arena, counts->parked_len * sizeof(*parked));

    if (!published || !parked)
        return full(err);
    for (size_t i = 0; i < counts->published_len; i++) {
        const struct control_published *from = &counts->published[i];

        published[i].sujet = relais_slice_str(from->subject);
        published[i].fait = relais_slice_str(from->fait);
        published[i].nombre = from->count;
        published[i].centimes = from->centimes;
    }
    for (size_t i = 0; i < counts->parked_len; i++) {
        parked[i].code = relais_slice_str(relais_error_name(counts->parked[i].code));
        parked[i].nombre = counts->parked[i].count;
    }
    qsort(published, counts->published_len, sizeof(*published), by_subject);
    qsort(parked, counts->parked_len, sizeof(*parked), by_code);
    e->publies = (struct relais_array){published, counts->published_len};
    e->parques = (struct relais_array){parked, counts->parked_len};
    e->publies_total = counts->published_total;
    e->inchanges = counts->unchanged;
    e->perimes = counts->stale;
    e->remplaces = counts->superseded;
    e->acceptes = e->publies_total + e->inchanges + e->perimes + e->remplaces;
    if (counts->first_id[0]) {
        e->premier_id = relais_slice_str(counts->first_id);
        e->dernier_id = relais_slice_str(counts->last_id);
    }
    return 0;
}

static int fill_file(const struct relais_depot *file, struct relais_arena *arena,
                     struct evenement_controle *e, struct relais_error *err)
{
    struct total_controle *totals =
        relais_arena_zalloc(arena, file->total_count * sizeof(*totals));

    if (!totals)
        return full(err);
    for (size_t i = 0; i < file->total_count; i++) {
        totals[i].nom = relais_slice_str(file->totals[i].name);
        totals[i].annonce.set = file->totals[i].announced >= 0;
        totals[i].annonce.value = totals[i].annonce.set ? file->totals[i].announced : 0;
        totals[i].lu = file->totals[i].read;
    }
    e->totaux = (struct relais_array){totals, file->total_count};
    if (!file->readable_header)
        return 0;
    e->entete.constate_le = file->created_us;
    e->entete.survenu_le = file->created_days;
    e->entete_flux.set = true;
    e->entete_flux.value.type = file->type;
    e->entete_flux.value.nature = file->nature;
    e->entete_flux.value.cree_le.set = true;
    e->entete_flux.value.cree_le.value = file->created_us;
    e->entete_flux.value.reference.set = file->reference_days != INT32_MIN;
    if (e->entete_flux.value.reference.set)
        e->entete_flux.value.reference.value = file->reference_days;
    return 0;
}

int control_build(const struct control *c, struct relais_arena *arena,
                  struct relais_buf *out, char id_out[37], int64_t *observed_us_out,
                  struct relais_error *err)
{
    const struct relais_contract *contract =
        relais_catalog_find("fr.relais.control.EvenementControle");
    static const int32_t issues[] = {
        [CONTROL_INTEGRE] = ISSUE_CONTROLE_INTEGRE,
        [CONTROL_RETENU] = ISSUE_CONTROLE_RETENU,
        [CONTROL_REFUSE] = ISSUE_CONTROLE_REFUSE,
    };
    struct relais_slice natural[2] = {relais_slice_str(control_issue_names[c->issue])};
    struct evenement_controle e;
    char day[11], position[40];

    memset(&e, 0, sizeof(e));
    if (c->journal_day) {
        relais_day_format(c->journal_day, day);
        snprintf(position, sizeof(position), "%s/%lld", day, (long long)c->rank);
        natural[1] = relais_slice_str(position);
        e.entete.survenu_le = c->journal_day;
        e.entete.constate_le = relais_paris_to_utc(c->journal_day + 1, 0);
    }
    relais_id_event(relais_slice_str(c->source), c->depot, natural,
                    c->journal_day ? 2 : 1, id_out);
    e.entete.id = relais_slice_str(id_out);
    e.entete.source = e.entete.dossier = relais_slice_str(c->source);
    e.entete.territoire = relais_slice_str(c->territory);
    e.entete.sequence = c->sequence;
    e.entete.nature = NATURE_NORMAL;
    e.entete.origine.depot = c->depot;
    e.entete.origine.position = c->journal_day ? natural[1] : RELAIS_SLICE("0");
    e.depot = c->depot;
    e.issue = issues[c->issue];
    e.motif = c->motif ? control_text(c->motif) : RELAIS_SLICE_NULL;
    e.version_codes = relais_slice_str(c->codes_version);
    if ((c->file && fill_file(c->file, arena, &e, err)) ||
        fill_counts(c->counts, arena, &e, err))
        return -1;
    *observed_us_out = e.entete.constate_le;
    return relais_avro_encode(contract->schema, &e, out, NULL, err);
}

int parked_build(const struct relais_checker *checker, struct relais_slice depot,
                 struct relais_slice position, const struct relais_error *why,
                 struct relais_slice charge, struct relais_arena *arena,
                 struct relais_buf *out, char id_out[37], struct relais_error *err)
{
    const struct relais_contract *contract = relais_catalog_find("fr.relais.Parcage");
    const struct relais_slice natural[] = {RELAIS_SLICE("parcage"), position};
    struct parcage p;

    memset(&p, 0, sizeof(p));
    relais_id_event(relais_slice_str(checker->source), depot, natural, 2, id_out);
    p.id = relais_slice_str(id_out);
    p.depot = depot;
    p.position = position;
    p.code = relais_slice_str(relais_error_name(why->code));
    p.ou = control_text(why->where);
    p.regle = control_text(why->text);
    if (charge.ptr && charge.len <= CHARGE_MAX &&
        relais_seal(checker->ring, RELAIS_USAGE_PARCAGE, p.id, "charge", charge, arena,
                    &p.charge, err))
        return -1;
    return relais_avro_encode(contract->schema, &p, out, NULL, err);
}
