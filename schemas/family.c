#include "schemas/family.h"

#include "schemas/family_droit.h"
#include "schemas/family_mesure.h"
#include "schemas/family_paiement.h"

static const struct relais_family *const families[] = {
    &relais_family_droit,
    &relais_family_mesure,
    &relais_family_paiement,
    &relais_family_indu,
};

const struct relais_family *relais_family_find(const struct relais_contract *contract)
{
    for (size_t i = 0; i < sizeof(families) / sizeof(families[0]); i++)
        if (!strcmp(families[i]->contract, contract->name))
            return families[i];
    return NULL;
}

int relais_family_check_snapshots(const struct relais_family *family,
                                  struct relais_error *err)
{
    return family->step ? 0
                        : relais_error_set(err, RELAIS_E_FIELD_RULE, family->contract,
                                           "this contract takes facts only");
}

const char *relais_family_fait(const struct relais_contract *contract, const void *data)
{
    const struct relais_avro_field *fait = contract->fait;
    int32_t symbol;

    if (!fait)
        return "";
    memcpy(&symbol, (const char *)data + fait->offset, sizeof(symbol));
    return fait->type->symbols[symbol];
}
