/* EvenementMesure: child protection and prevention (CASF annexe 2-8, L221-1 and
 * following). */
#include "schemas/family_mesure.h"

#include "contracts/evenement_mesure.h"

/* Longest duration of a decision, by day of decision. The text's own words are the
 * source. */
static const struct {
    const char *code;
    bool judicial;
    int days;
    const char *source;
} longest[] = {
    {"15", true, 731, "longer than two years (code civil 375)"},
    {"16", true, 731, "longer than two years (code civil 375)"},
    {"17", true, 731, "longer than two years (code civil 375)"},
    {"18", true, 731, "longer than two years (code civil 375)"},
    {"19", true, 731, "longer than two years (code civil 375-9-1)"},
    {"14", false, 366, "longer than one year (CASF L223-5)"},
    {"10", false, 366, "longer than one year (CASF L223-5)"},
    {"13", false, 5, "longer than five days (CASF L223-2)"},
};

/* Decisions that may have a place (annexe 2-8: LIEUACC, LIEUPLAC) or an intervention at
 * home (TYPINTERDOM); 99 is "not known". */
static const char *const places_administrative[] = {"11", "12", "13", "14", "15", "16",
                                                    "18", "19", "21", "99", NULL};
static const char *const places_judicial[] = {"16", "17", "18", "21", "22",
                                              "23", "24", "99", NULL};
static const char *const at_home[] = {"10", "18", "20", "99", NULL};

static bool among(struct relais_slice code, const char *const *list)
{
    for (; *list; list++)
        if (relais_slice_is(code, *list))
            return true;
    return false;
}

static int broken(struct relais_error *err, const char *where, const char *rule)
{
    return relais_error_set(err, RELAIS_E_FIELD_RULE, where, "%s", rule);
}

/* DATFIN and MOTFININT exist if and only if TYPEV is 3. */
static int check_end(const struct evenement_mesure *m, struct relais_error *err)
{
    bool end = relais_slice_is(m->type_evenement, "3");

    if (!m->type_evenement.ptr)
        return 0;
    if (end != m->date_fin.set)
        return broken(err, "date_fin", "present if and only if type_evenement is 3");
    if (end != (m->motif_fin.ptr != NULL))
        return broken(err, "motif_fin", "present if and only if type_evenement is 3");
    if (end && m->date_debut.set && m->date_fin.value < m->date_debut.value)
        return broken(err, "date_fin", "before date_debut");
    if (end && !m->date_debut.set)
        return broken(err, "date_debut", "an end repeats the start");
    return 0;
}

static int check_places(const struct evenement_mesure *m, struct relais_error *err)
{
    const struct decision_mesure *decision = &m->decision.value;
    const struct lieu_accueil *lieu = m->lieux.items;
    bool judicial;

    if (!m->decision.set || !decision->code.ptr)
        return 0;
    judicial = decision->nature == NATURE_DECISION_JUDICIAIRE;
    for (size_t i = 0; i < m->lieux.count; i++) {
        if (lieu[i].type.ptr &&
            !among(decision->code, judicial ? places_judicial : places_administrative))
            return broken(err, "lieux.type", "this decision has no place of stay");
        if (lieu[i].type_intervention.ptr &&
            (judicial || !among(decision->code, at_home)))
            return broken(err, "lieux.type_intervention",
                          "only for help at home (NATPDECADM 10, 18, 20)");
    }
    return 0;
}

static int check_codes(const struct relais_checker *checker,
                       struct relais_checked *checked, int32_t day,
                       struct relais_error *err)
{
    const struct evenement_mesure *m = checked->data;
    const struct decision_mesure *decision = &m->decision.value;
    const struct lieu_accueil *lieu = m->lieux.items;
    bool judicial = m->decision.set && decision->nature == NATURE_DECISION_JUDICIAIRE;

    if (!m->decision.set || decision->nature == NATURE_DECISION_INCONNU)
        return 0;
    if (decision->code.ptr &&
        relais_check_code(checker, checked, judicial ? "natdecassed" : "natpdecadm", true,
                          "decision.code", decision->code, day, err))
        return -1;
    for (size_t i = 0; i < m->lieux.count; i++)
        if (lieu[i].type.ptr &&
            relais_check_code(checker, checked, judicial ? "lieuplac" : "lieuacc", false,
                              "lieux.type", lieu[i].type, day, err))
            return -1;
    return 0;
}

static void check_clocks(struct relais_checked *checked)
{
    const struct evenement_mesure *m = checked->data;
    const struct decision_mesure *decision = &m->decision.value;
    int32_t end;

    if (!m->decision.set || !decision->code.ptr || !m->date_debut.set)
        return;
    if (m->date_fin.set)
        end = m->date_fin.value;
    else if (m->date_fin_prevue.set)
        end = m->date_fin_prevue.value;
    else
        return;
    for (size_t i = 0; i < sizeof(longest) / sizeof(longest[0]); i++)
        if (longest[i].judicial == (decision->nature == NATURE_DECISION_JUDICIAIRE) &&
            relais_slice_is(decision->code, longest[i].code) &&
            end - m->date_debut.value > longest[i].days)
            relais_check_warn(checked, RELAIS_E_FIELD_RULE, "date_debut",
                              longest[i].source);
}

static int settle(const struct relais_checker *checker, struct relais_checked *checked,
                  int32_t day, struct relais_arena *arena, struct relais_error *err)
{
    const struct evenement_mesure *m = checked->data;
    const struct enfant *enfant = &m->enfant;

    if (enfant->mois_naissance.set &&
        (enfant->mois_naissance.value < 1 || enfant->mois_naissance.value > 12))
        return broken(err, "enfant.mois_naissance", "1 to 12");
    if (enfant->annee_naissance.set &&
        (enfant->annee_naissance.value < 1900 || enfant->annee_naissance.value > 2200))
        return broken(err, "enfant.annee_naissance", "a year of four digits");
    if (check_end(m, err) || check_places(m, err) ||
        check_codes(checker, checked, day, err))
        return -1;
    check_clocks(checked);
    return 0;
}

const struct relais_family relais_family_mesure = {
    .contract = "fr.relais.placements.EvenementMesure",
    .settle = settle,
};
