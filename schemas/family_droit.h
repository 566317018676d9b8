#ifndef RELAIS_SCHEMAS_FAMILY_DROIT_H
#define RELAIS_SCHEMAS_FAMILY_DROIT_H

#include "schemas/family.h"

extern const struct relais_family relais_family_droit;

#endif
