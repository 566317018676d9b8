#ifndef RELAIS_SCHEMAS_PERSON_H
#define RELAIS_SCHEMAS_PERSON_H

/* A person in a clear value tree becomes nameable (contract A11): `personne` gets its
 * canonical text (nir:..., ec:..., ed:...) where absent, `nir` its 13 characters where it
 * is right, `statut_identite` its status. Reads nir and identite {nom_naissance, prenom,
 * date_naissance}; statut_identite as the source says it (NIR_CERTIFIE where TOPVALIEC
 * is 1).
 */

#include "core/value.h"

/* case_number: canonical, for persons whose civil status is incomplete. */
int relais_person_complete(struct relais_slice case_number, struct relais_arena *arena,
                           struct relais_value *person,
                           struct relais_error *err) RELAIS_MUST_CHECK;

#endif
