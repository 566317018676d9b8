#ifndef RELAIS_TESTS_HELPER_VERSION_H
#define RELAIS_TESTS_HELPER_VERSION_H

/* Other versions of a contract, made of the present one. */

#include "schemas/catalog.h"

/* The contract without its top-level field `without` (NULL: all stay), and with `added`
 * (a field in JSON; NULL: none) at its front but for the entete. */
struct relais_avro *version_of(const struct relais_contract *contract,
                               const char *without, const char *added);
/* A present value's bytes as `version` writes them. */
void version_encode(const struct relais_contract *contract,
                    const struct relais_avro *version, struct relais_slice value,
                    struct relais_buf *out);

#endif
