#ifndef RELAIS_SCHEMAS_FAMILY_PAIEMENT_H
#define RELAIS_SCHEMAS_FAMILY_PAIEMENT_H

#include "schemas/family.h"

extern const struct relais_family relais_family_paiement;
extern const struct relais_family relais_family_indu;

#endif
