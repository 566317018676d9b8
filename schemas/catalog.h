#ifndef RELAIS_SCHEMAS_CATALOG_H
#define RELAIS_SCHEMAS_CATALOG_H

/* The contracts built in: every .avsc of this folder, byte for byte, parsed once at first
 * use, with the family it belongs to. Static storage, never freed. Main thread.
 */

#include "schemas/avro.h"

struct relais_contract {
    const char *name; /* "fr.relais.eligibility.EvenementDroit" = subject */
    const char
        *family; /* "eligibility", "placements", "payments", "control"; "" for Parcage */
    const char *object; /* "droit", "mesure", "paiement", "indu", "controle", "parcage":
                           ce_type's third word */
    const struct relais_avro_field *id; /* names the object: "droit"; control: "depot" */
    const struct relais_avro_field *fait; /* enum, says what happened; NULL: none does */
    struct relais_slice text;
    const struct relais_avro *schema;
    size_t size; /* bytes of its struct */
};

/* By full name, record name ("EvenementDroit"), or family where it has one record. NULL:
 * none. */
const struct relais_contract *relais_catalog_find(const char *name);
/* i-th; NULL past the end. */
const struct relais_contract *relais_catalog_at(size_t i);
/* What the id field of a struct says. */
struct relais_slice relais_contract_object(const struct relais_contract *contract,
                                           const void *data);
/* "dep93.eligibility.v1" into out. */
int relais_catalog_topic(const struct relais_contract *contract, const char *territory,
                         char *out, size_t out_len) RELAIS_MUST_CHECK;

#endif
