#ifndef RELAIS_SCHEMAS_FAMILY_MESURE_H
#define RELAIS_SCHEMAS_FAMILY_MESURE_H

#include "schemas/family.h"

extern const struct relais_family relais_family_mesure;

#endif
