/* EvenementDroit: eligibility (contract A6, A7, A8, A11). */
#include "schemas/family_droit.h"

#include "core/day.h"
#include "schemas/person.h"

#include "contracts/evenement_droit.h"

static int missing(struct relais_error *err, const char *where)
{
    return relais_error_set(err, RELAIS_E_FIELD_MISSING, where,
                            "needed to name the right");
}

/* A6: UUIDv8 over dossier, FONORG, NUMORG, pseudonym of MATRICULE, prestation, element.
 */
static int name_right(const struct relais_checker *checker, const struct relais_case *cas,
                      struct relais_arena *arena, struct relais_value *value,
                      struct relais_error *err)
{
    const struct relais_value *organisme = relais_value_get(value, "organisme");
    struct relais_slice matricule =
        relais_slice_trim(relais_value_text(value, "matricule"));
    char pseudonym[RELAIS_PSEUDONYM_LEN + 1], text[37];
    unsigned char digest[RELAIS_SHA256_LEN];
    struct relais_slice parts[7] = {RELAIS_SLICE("relais/droit/1"), cas->pseudonym};
    struct relais_slice id;

    if (!organisme || organisme->kind != RELAIS_VALUE_RECORD)
        return missing(err, "organisme");
    parts[2] = relais_slice_trim(relais_value_text(organisme, "fonorg"));
    parts[3] = relais_slice_trim(relais_value_text(organisme, "numorg"));
    if (!parts[2].len)
        return missing(err, "organisme.fonorg");
    if (!parts[3].len)
        return missing(err, "organisme.numorg");
    if (!matricule.len)
        return missing(err, "matricule");
    if (relais_pseudonym(checker->ring, 'm', matricule, pseudonym, err))
        return -1;
    parts[4] = relais_slice_str(pseudonym);
    parts[5] = relais_slice_trim(relais_value_text(value, "prestation"));
    parts[6] = relais_slice_trim(relais_value_text(value, "element"));
    relais_sha256_parts(parts, 7, digest);
    relais_uuid8(digest, text);
    id = relais_arena_slice(arena, relais_slice_str(text));
    if (!id.ptr || relais_value_add_string(arena, value, "droit", id))
        return relais_error_set(err, RELAIS_E_LIMIT, "droit",
                                "record larger than its arena");
    return 0;
}

static int complete(const struct relais_checker *checker, const struct relais_case *cas,
                    struct relais_arena *arena, struct relais_value *value,
                    struct relais_error *err)
{
    const struct relais_value *personnes = relais_value_get(value, "personnes");

    if ((cas->kind == RELAIS_RECORD_SNAPSHOT ||
         (cas->log && !relais_value_text(value, "droit").len)) &&
        name_right(checker, cas, arena, value, err))
        return -1;
    if (!personnes || personnes->kind != RELAIS_VALUE_ARRAY)
        return 0;
    for (struct relais_value *p = personnes->child; p; p = p->next)
        if (relais_person_complete(cas->number, arena, p, err))
            return -1;
    return 0;
}

/* ---- A7: the order of arrays ------------------------------------------------------- */

static int compare_days(bool a_set, int32_t a, bool b_set, int32_t b)
{
    if (!a_set || !b_set)
        return a_set - b_set;
    return (a > b) - (a < b);
}

#define BY_DAY(x, y) compare_days((x).set, (x).value, (y).set, (y).value)

static int by_person(const void *a, const void *b)
{
    const struct personne_droit *x = a, *y = b;

    return relais_slice_cmp(x->personne, y->personne);
}

static int by_role(const void *a, const void *b)
{
    const struct role_droit *x = a, *y = b;
    int c = relais_slice_cmp(x->prestation, y->prestation);

    return c ? c : relais_slice_cmp(x->role, y->role);
}

static int by_suspension(const void *a, const void *b)
{
    const struct suspension *x = a, *y = b;
    int c = (x->portee > y->portee) - (x->portee < y->portee);

    if (!c)
        c = BY_DAY(x->debut, y->debut);
    if (!c)
        c = relais_slice_cmp(x->motif, y->motif);
    return c ? c : relais_slice_cmp(x->groupe, y->groupe);
}

static int by_composante(const void *a, const void *b)
{
    const struct composante *x = a, *y = b;
    int c = relais_slice_cmp(x->nature, y->nature);

    if (!c)
        c = relais_slice_cmp(x->sous_nature, y->sous_nature);
    if (!c)
        c = BY_DAY(x->debut, y->debut);
    if (!c)
        c = BY_DAY(x->fin, y->fin);
    return c;
}

static int by_reduction(const void *a, const void *b)
{
    const struct reduction *x = a, *y = b;
    int c = BY_DAY(x->debut, y->debut);

    return c ? c : BY_DAY(x->fin, y->fin);
}

/* A stable sort of an array's copy (equal keys keep the source's order). */
static int sort(struct relais_array *array, size_t size, struct relais_arena *arena,
                int (*cmp)(const void *, const void *), struct relais_error *err)
{
    char *items;

    if (array->count < 2)
        return 0;
    if (!(items = relais_arena_alloc(arena, array->count * size + size)))
        return relais_error_set(err, RELAIS_E_LIMIT, NULL,
                                "record larger than its arena");
    memcpy(items, array->items, array->count * size);
    for (size_t i = 1; i < array->count; i++) {
        char *held = items + array->count * size;
        size_t j = i;

        memcpy(held, items + i * size, size);
        for (; j > 0 && cmp(items + (j - 1) * size, held) > 0; j--)
            memcpy(items + j * size, items + (j - 1) * size, size);
        memcpy(items + j * size, held, size);
    }
    array->items = items;
    return 0;
}

static int not_negative(bool set, int64_t centimes, const char *where,
                        struct relais_error *err)
{
    if (!set || centimes >= 0)
        return 0;
    return relais_error_set(err, RELAIS_E_FIELD_RULE, where, "not negative by nature");
}

static int check_amounts(const struct evenement_droit *d, struct relais_error *err)
{
    const struct composante *c = d->composantes.items;
    const struct reduction *r = d->reductions.items;

    if (not_negative(d->montant_mensuel_centimes.set, d->montant_mensuel_centimes.value,
                     "montant_mensuel_centimes", err))
        return -1;
    for (size_t i = 0; i < d->composantes.count; i++)
        if (not_negative(c[i].montant_centimes.set, c[i].montant_centimes.value,
                         "composantes.montant_centimes", err))
            return -1;
    for (size_t i = 0; i < d->reductions.count; i++)
        if (not_negative(r[i].montant_centimes.set, r[i].montant_centimes.value,
                         "reductions.montant_centimes", err))
            return -1;
    return 0;
}

/* The two portees of a suspension have their own lists of motives. */
static int check_suspensions(const struct relais_checker *checker,
                             struct relais_checked *checked, int32_t day,
                             struct relais_error *err)
{
    const struct evenement_droit *d = checked->data;
    const struct suspension *s = d->suspensions.items;

    for (size_t i = 0; i < d->suspensions.count; i++)
        if (s[i].motif.ptr &&
            relais_check_code(checker, checked,
                              s[i].portee == PORTEE_SUSPENSION_DROIT ? "motisusdrorsa"
                                                                     : "motisusversrsa",
                              true, "suspensions.motif", s[i].motif, day, err))
            return -1;
    return 0;
}

static int sort_roles(struct evenement_droit *d, struct relais_arena *arena,
                      struct relais_error *err)
{
    size_t size = d->personnes.count * sizeof(struct personne_droit);
    struct personne_droit *p = relais_arena_alloc(arena, size);

    if (!p)
        return relais_error_set(err, RELAIS_E_LIMIT, NULL,
                                "record larger than its arena");
    if (size)
        memcpy(p, d->personnes.items, size);
    for (size_t i = 0; i < d->personnes.count; i++)
        if (sort(&p[i].roles, sizeof(struct role_droit), arena, by_role, err))
            return -1;
    d->personnes.items = p;
    return 0;
}

static int settle(const struct relais_checker *checker, struct relais_checked *checked,
                  int32_t day, struct relais_arena *arena, struct relais_error *err)
{
    struct evenement_droit *d = checked->data;

    if (check_amounts(d, err) || check_suspensions(checker, checked, day, err))
        return -1;
    if (sort(&d->personnes, sizeof(struct personne_droit), arena, by_person, err) ||
        sort_roles(d, arena, err) ||
        sort(&d->suspensions, sizeof(struct suspension), arena, by_suspension, err) ||
        sort(&d->composantes, sizeof(struct composante), arena, by_composante, err) ||
        sort(&d->reductions, sizeof(struct reduction), arena, by_reduction, err))
        return -1;
    return 0;
}

/* ---- A7: what is compared, and what a step is called --------------------------------
 */

static bool compared(const char *field)
{
    static const char *const not_news[] = {"entete", "fait", "changements",
                                           "etat_precedent", "fait_generateur"};

    for (size_t i = 0; i < sizeof(not_news) / sizeof(not_news[0]); i++)
        if (!strcmp(field, not_news[i]))
            return false;
    return true;
}

/* The descriptor of a top-level field's value, null taken off. */
static const struct relais_avro_type *type_of(const char *field)
{
    const struct relais_contract *contract = relais_catalog_find("EvenementDroit");
    const struct relais_avro_type *type =
        relais_avro_field(relais_avro_root(contract->schema), field)->type;

    return type->kind == RELAIS_AVRO_UNION && type->null_branch >= 0
               ? type->branches[1 - type->null_branch]
               : type;
}

/* Is the item, as a whole, among the array's? */
static bool holds(const struct relais_avro_type *array, const struct relais_array *in,
                  const void *item)
{
    for (size_t i = 0; i < in->count; i++)
        if (relais_avro_equal(array->item, (const char *)in->items + i * array->item_size,
                              item))
            return true;
    return false;
}

static void later(bool *set, int32_t *day, bool other_set, int32_t other)
{
    if (other_set && (!*set || other > *day)) {
        *set = true;
        *day = other;
    }
}

static bool first_has(const struct evenement_droit *before, const struct suspension *s)
{
    const struct suspension *old = before ? before->suspensions.items : NULL;

    for (size_t i = 0; before && i < before->suspensions.count; i++)
        if (old[i].portee == s->portee && BY_DAY(old[i].debut, s->debut) == 0)
            return true;
    return false;
}

static bool latest_suspension(const struct evenement_droit *now,
                              const struct evenement_droit *before, int32_t *day)
{
    const struct suspension *s = now->suspensions.items;
    bool set = false;

    for (size_t i = 0; i < now->suspensions.count; i++)
        if (!first_has(before, &s[i]))
            later(&set, day, s[i].debut.set, s[i].debut.value);
    return set;
}

static bool latest_composante(const struct evenement_droit *now,
                              const struct evenement_droit *before, int32_t *day)
{
    const struct relais_avro_type *type = type_of("composantes");
    const struct composante *c = now->composantes.items;
    bool set = false;

    for (size_t i = 0; i < now->composantes.count; i++)
        if (!before || !holds(type, &before->composantes, &c[i]))
            later(&set, day, c[i].debut.set, c[i].debut.value);
    return set;
}

/* Persons of the present state who differ; the attachment of one who is gone says nothing
 * of the day they left. */
static bool latest_person(const struct evenement_droit *now_sealed,
                          const struct evenement_droit *before, int32_t *day)
{
    const struct relais_avro_type *type = type_of("personnes");
    const struct personne_droit *p;
    bool set = false;

    if (!now_sealed || !before)
        return false;
    p = now_sealed->personnes.items;
    for (size_t i = 0; i < now_sealed->personnes.count; i++) {
        if (holds(type, &before->personnes, &p[i]))
            continue;
        later(&set, day, p[i].debut_rattachement.set, p[i].debut_rattachement.value);
        later(&set, day, p[i].fin_rattachement.set, p[i].fin_rattachement.value);
    }
    return set;
}

/* DTEMM of the present address, inside its clear JSON. */
static bool moved_in(const struct evenement_droit *now, struct relais_arena *arena,
                     int32_t *day)
{
    struct relais_error ignored = RELAIS_ERROR_INIT;
    const struct relais_value *adresse;

    if (!now->adresse.ptr ||
        !(adresse = relais_value_parse(arena, now->adresse, &ignored)))
        return false;
    return relais_day_parse(relais_value_text(adresse, "date_emmenagement"), day);
}

static bool end_day(const struct evenement_droit *now, bool earlier_month_first,
                    int32_t *day)
{
    for (int i = 0; i < 2; i++) {
        if (earlier_month_first == (i == 0)) {
            if (now->cloture_mois_anterieur.set &&
                now->cloture_mois_anterieur.value.date.set) {
                *day = now->cloture_mois_anterieur.value.date.value;
                return true;
            }
        } else if (now->cloture.set && now->cloture.value.date.set) {
            *day = now->cloture.value.date.value;
            return true;
        }
    }
    return false;
}

static bool transferred(const struct evenement_droit *now)
{
    if (now->cloture.set && now->cloture.value.motif.len)
        return relais_slice_is(now->cloture.value.motif, "MUT");
    return now->cloture_mois_anterieur.set &&
           relais_slice_is(now->cloture_mois_anterieur.value.motif, "MUT");
}

static bool only_address_in_foyer(const struct evenement_droit *now,
                                  const struct evenement_droit *before)
{
    struct foyer a, b;

    if (!now->foyer.set || !before->foyer.set)
        return false;
    a = now->foyer.value;
    b = before->foyer.value;
    a.commune = b.commune;
    a.sans_domicile_fixe = b.sans_domicile_fixe;
    return relais_avro_equal(type_of("foyer"), &a, &b);
}

/* Same state: ADRESSE, FOYER or REVISION, by what differs. */
static int same_state(const struct evenement_droit *now, const struct relais_step *step)
{
    int fait = FAIT_DROIT_ADRESSE;

    for (size_t i = 0; i < step->change_count; i++) {
        struct relais_slice field = step->changes[i];

        if (relais_slice_is(field, "adresse"))
            continue;
        if (relais_slice_is(field, "foyer")) {
            if (!only_address_in_foyer(now, step->before))
                fait = FAIT_DROIT_FOYER;
        } else if (relais_slice_is(field, "personnes")) {
            fait = FAIT_DROIT_FOYER;
        } else {
            return FAIT_DROIT_REVISION;
        }
    }
    return fait;
}

static bool closed(int etat)
{
    return etat == ETAT_DROIT_CLOS || etat == ETAT_DROIT_CLOS_REGUL;
}

static int opened(const struct evenement_droit *before)
{
    int was = before ? before->etat : ETAT_DROIT_INSTRUCTION;

    if (was == ETAT_DROIT_INSTRUCTION || was == ETAT_DROIT_REFUSE)
        return FAIT_DROIT_OUVERTURE;
    if (was == ETAT_DROIT_SUSPENDU_DROIT || was == ETAT_DROIT_SUSPENDU_VERSEMENT)
        return FAIT_DROIT_REPRISE;
    return closed(was) ? FAIT_DROIT_REOUVERTURE : FAIT_DROIT_REVISION;
}

static int fait_of(const struct evenement_droit *now, const struct relais_step *step)
{
    const struct evenement_droit *before = step->before;

    if (before && before->etat == now->etat)
        return same_state(now, step);
    switch (now->etat) {
    case ETAT_DROIT_INSTRUCTION:
        return before ? FAIT_DROIT_REVISION : FAIT_DROIT_DEMANDE;
    case ETAT_DROIT_OUVERT:
        return opened(before);
    case ETAT_DROIT_SUSPENDU_DROIT:
        return FAIT_DROIT_SUSPENSION_DROIT;
    case ETAT_DROIT_SUSPENDU_VERSEMENT:
        return FAIT_DROIT_SUSPENSION_VERSEMENT;
    case ETAT_DROIT_CLOS:
        return transferred(now) ? FAIT_DROIT_MUTATION_CEDEE : FAIT_DROIT_CLOTURE;
    case ETAT_DROIT_CLOS_REGUL:
        return FAIT_DROIT_REGULARISATION;
    case ETAT_DROIT_REFUSE:
        return FAIT_DROIT_REFUS;
    default:
        return FAIT_DROIT_REVISION;
    }
}

/* Part B: the day on which the fact takes effect, in the source's words. */
static bool day_of(const struct evenement_droit *now, const struct relais_step *step,
                   struct relais_arena *arena, int32_t *day)
{
    const struct evenement_droit *before = step->before;

    switch (now->fait) {
    case FAIT_DROIT_REFUS:
        *day = now->refus.set ? now->refus.value.date.value : 0;
        return now->refus.set && now->refus.value.date.set;
    case FAIT_DROIT_SUSPENSION_DROIT:
    case FAIT_DROIT_SUSPENSION_VERSEMENT:
        return latest_suspension(now, before, day);
    case FAIT_DROIT_CLOTURE:
    case FAIT_DROIT_MUTATION_CEDEE:
        return end_day(now, false, day);
    case FAIT_DROIT_REGULARISATION:
        return end_day(now, true, day);
    case FAIT_DROIT_OUVERTURE:
    case FAIT_DROIT_REPRISE:
    case FAIT_DROIT_REOUVERTURE:
    case FAIT_DROIT_REVISION:
        return latest_composante(now, before, day);
    case FAIT_DROIT_ADRESSE:
        return moved_in(now, arena, day);
    case FAIT_DROIT_FOYER:
        return latest_person(step->now_sealed, before, day);
    default:
        return false;
    }
}

static int step_to(void *data, const struct relais_step *step, struct relais_arena *arena,
                   struct relais_error *err)
{
    struct evenement_droit *now = data;
    const struct evenement_droit *before = step->before;
    int32_t day;

    now->fait = fait_of(now, step);
    now->etat_precedent.set = before != NULL;
    now->etat_precedent.value = before ? before->etat : 0;
    now->entete.derive = true;
    now->entete.nature =
        !before && step->first_load ? NATURE_INITIALISATION : NATURE_NORMAL;
    if (!day_of(now, step, arena, &day))
        day =
            step->reference_days != INT32_MIN ? step->reference_days : step->created_days;
    now->entete.survenu_le = day;
    return 0;
}

static int64_t amount(const void *data)
{
    const struct evenement_droit *d = data;

    return d->montant_mensuel_centimes.set ? d->montant_mensuel_centimes.value : 0;
}

const struct relais_family relais_family_droit = {
    .contract = "fr.relais.eligibility.EvenementDroit",
    .case_rule = "numdemrsa",
    .complete = complete,
    .settle = settle,
    .compared = compared,
    .step = step_to,
    .amount = amount,
};
