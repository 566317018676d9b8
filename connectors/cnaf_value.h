#ifndef RELAIS_CONNECTORS_CNAF_VALUE_H
#define RELAIS_CONNECTORS_CNAF_VALUE_H

/* The CNAF's texts as values, in the forms that its XSD admits (xs:date, xs:decimal,
 * xs:integer, xs:boolean), already trimmed. Units: days since 1970-01-01, centimes,
 * exact. false: not of that form. Pure functions.
 */

#include "core/buf.h"

#define CNAF_NO_DAY INT32_MIN

/* A zone suffix is ignored; years 0001 and 9999 and 9999-99-99 are no day (contract A10):
 * CNAF_NO_DAY. */
bool cnaf_day(struct relais_slice s, int32_t *days_out);
/* "0001675.00", "+12", ".5", "1675.000"; a third decimal that is not 0: false. */
bool cnaf_centimes(struct relais_slice s, int64_t *centimes_out);
bool cnaf_integer(struct relais_slice s, int64_t *number_out);
/* 0, 1, false, true. */
bool cnaf_boolean(struct relais_slice s, bool *boolean_out);

#endif
