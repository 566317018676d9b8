#ifndef RELAIS_SCHEMAS_COMPAT_BASIC_H
#define RELAIS_SCHEMAS_COMPAT_BASIC_H

/* Whether two versions of a schema surely read each other's data, by a few rules that
 * are right in both directions: the same types and names, but a record may gain fields
 * that have a default, and an enum that had a default may gain symbols. What is allowed
 * beyond that (promotions, removed fields, wider unions) is refused here: a "no" means
 * "not shown to be compatible".
 */

#include "schemas/avro.h"

/* reason: why not, with the path; left alone when compatible. */
bool relais_compat_basic(const struct relais_avro *newer, const struct relais_avro *older,
                         char *reason, size_t reason_len);

#endif
