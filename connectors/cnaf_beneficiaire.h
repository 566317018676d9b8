#ifndef RELAIS_CONNECTORS_CNAF_BENEFICIAIRE_H
#define RELAIS_CONNECTORS_CNAF_BENEFICIAIRE_H

/* The Bénéficiaire flow (VRSB0801, NATFLUX D): an InfosFoyerRSA block becomes the clear
 * value of fr.relais.eligibility.EvenementDroit. What the check stage completes is left
 * out: droit, personne, pseudonyms, the entete but dossier, territoire (IDEPARTE as it
 * stands) and constate_le. Free text (LIBANO, comments) is not read.
 */

#include "connectors/cnaf_flow.h"

#define CNAF_BENEFICIAIRE_NATFLUX "D"
#define CNAF_BENEFICIAIRE_SCHEMA  "fr.relais.eligibility.EvenementDroit"

extern const struct cnaf_element cnaf_beneficiaire_elements[];
extern const size_t cnaf_beneficiaire_element_count;

/* What names a case and its right; ptr NULL: absent. */
struct cnaf_identity {
    struct relais_slice number; /* NUMDEMRSA */
    struct relais_slice fonorg, numorg, matricule;
};

/* Reads what it can; -1 with DATA if one of the four is absent or ambiguous. */
int cnaf_beneficiaire_identity(const struct cnaf_view *view, struct cnaf_identity *out,
                               struct relais_error *err);
/* Does the block hold an Anomalie? */
bool cnaf_beneficiaire_anomaly(const struct cnaf_view *view);
/* constate_us: the header's instant. 1; 0: the arena is full; -1: DATA, to be parked,
 * where = path in the file. */
int cnaf_beneficiaire_value(const struct cnaf_view *view, int64_t constate_us,
                            struct relais_arena *arena, struct relais_value **value_out,
                            struct relais_error *err) RELAIS_MUST_CHECK;

#endif
