/* EvenementPaiement and EvenementIndu: payments (facts.md 2.7, I1 to I6). */
#include "schemas/family_paiement.h"

#include "core/day.h"

#include "contracts/evenement_indu.h"
#include "contracts/evenement_paiement.h"

#define END_TO_END_MAX 35 /* ISO 20022 Max35Text */

static int broken(struct relais_error *err, const char *where, const char *rule)
{
    return relais_error_set(err, RELAIS_E_FIELD_RULE, where, "%s", rule);
}

static bool first_of_month(int32_t days)
{
    int year, month, day;

    relais_day_to_civil(days, &year, &month, &day);
    return day == 1;
}

static int check_period(bool set, const struct periode *periode, const char *where,
                        struct relais_error *err)
{
    if (set && periode->fin.set && periode->fin.value < periode->debut)
        return broken(err, where, "ends before it begins");
    return 0;
}

static int settle_payment(const struct relais_checker *checker,
                          struct relais_checked *checked, int32_t day,
                          struct relais_arena *arena, struct relais_error *err)
{
    const struct evenement_paiement *p = checked->data;

    if (p->montant_centimes <= 0)
        return broken(err, "montant_centimes", "a movement is above 0, its sense apart");
    if (p->sens == SENS_INCONNU)
        return broken(err, "sens", "AJOUT or DEDUCTION");
    if (!first_of_month(p->mois))
        return broken(err, "mois", "the first day of a month");
    if (p->reference_bancaire.len > END_TO_END_MAX)
        return broken(err, "reference_bancaire", "at most 35 characters");
    if (p->etat != ETAT_PAIEMENT_REJETE && p->motif_rejet.ptr)
        return broken(err, "motif_rejet", "only of a rejected payment");
    if (p->etat == ETAT_PAIEMENT_REJETE && !p->motif_rejet.ptr)
        relais_check_warn(checked, RELAIS_E_FIELD_MISSING, "motif_rejet",
                          "expected of a rejected payment");
    return check_period(p->periode.set, &p->periode.value, "periode", err);
}

/* AJOUT counts up, DEDUCTION down. */
static int64_t payment_amount(const void *data)
{
    const struct evenement_paiement *p = data;

    return p->sens == SENS_DEDUCTION ? -p->montant_centimes : p->montant_centimes;
}

static int settle_debt(const struct relais_checker *checker,
                       struct relais_checked *checked, int32_t day,
                       struct relais_arena *arena, struct relais_error *err)
{
    const struct evenement_indu *p = checked->data;

    if (p->montant_operation_centimes.set && p->montant_operation_centimes.value <= 0)
        return broken(err, "montant_operation_centimes",
                      "a movement is above 0, its sense apart");
    if (p->montant_initial_centimes.set && p->montant_initial_centimes.value < 0)
        return broken(err, "montant_initial_centimes", "a debt is not negative");
    if (p->reste_centimes.set && p->reste_centimes.value < 0)
        return broken(err, "reste_centimes", "a balance is not negative");
    if (p->mois.set && !first_of_month(p->mois.value))
        return broken(err, "mois", "the first day of a month");
    if (p->etat == ETAT_INDU_SOLDE && p->reste_centimes.set &&
        p->reste_centimes.value != 0)
        return broken(err, "reste_centimes", "0 once settled");
    if (p->fait == FAIT_INDU_REMISE && p->fraude.set && p->fraude.value)
        return broken(err, "fraude", "no remission of a fraud (CASF L262-46)");
    return check_period(p->periode_regularisation.set, &p->periode_regularisation.value,
                        "periode_regularisation", err);
}

static int64_t debt_amount(const void *data)
{
    const struct evenement_indu *p = data;

    if (!p->montant_operation_centimes.set)
        return 0;
    return p->sens == SENS_DEDUCTION ? -p->montant_operation_centimes.value
                                     : p->montant_operation_centimes.value;
}

const struct relais_family relais_family_paiement = {
    .contract = "fr.relais.payments.EvenementPaiement",
    .settle = settle_payment,
    .amount = payment_amount,
};

const struct relais_family relais_family_indu = {
    .contract = "fr.relais.payments.EvenementIndu",
    .settle = settle_debt,
    .amount = debt_amount,
};
