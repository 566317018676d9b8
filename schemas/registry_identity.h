#ifndef RELAIS_SCHEMAS_REGISTRY_IDENTITY_H
#define RELAIS_SCHEMAS_REGISTRY_IDENTITY_H

/* Which schema texts are one schema for the embedded registry: those that print alike as
 * JSON without white space, members sorted, full names written out, and what Avro's
 * libraries leave out when they reprint a schema left out ({"type":"string"} is "string",
 * order "ascending", empty aliases). doc, defaults, aliases and unknown attributes count.
 */

#include "core/buf.h"

/* Appends the common print of `text` (a schema that relais_avro_new accepts) to `out`.
 * Errors: JSON_INVALID, LIMIT. */
int registry_identity(struct relais_slice text, struct relais_buf *out,
                      struct relais_error *err) RELAIS_MUST_CHECK;

#endif
