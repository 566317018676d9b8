#ifndef RELAIS_CONNECTORS_PG_WRITING_ROWS_H
#define RELAIS_CONNECTORS_PG_WRITING_ROWS_H

/* An event as the rows that a writing makes of it, in JSON, as the function of
 * pg_writing_sql.h takes them:
 *
 *   {"o": object, "t": constate_le, "s": sequence, "i": id, "f": fait, "d": depot, "c":
 *    centimes, "p": [nodes of which something could not be read],
 *    "n": [of each node its rows]}
 *
 * A row is [bits, value...]: bit 0: may be made; bit 1 + k: key k may be tried. A value
 * is a text, null, false (the column stays as it is) or, for a row's id, its number from
 * 1 among those of its node (0: none). Values: the columns in their order, then those of
 * keys through another table.
 *
 * Errors, DATA: FIELD_MISSING (nothing to find a row by; no id, constate_le, sequence),
 * FIELD_TYPE, FIELD_LENGTH, CODE_UNKNOWN, LIMIT; CONF: KEYRING (a key is of a field that
 * our ring does not open). where = "FILE: node.place.column". Threads: one.
 */

#include "connectors/pg_writing_form.h"

/* Appends the event's object to `out`. */
int pg_writing_rows(const struct pg_writing_form *f, const struct relais_value *event,
                    struct relais_buf *out, struct relais_error *err) RELAIS_MUST_CHECK;

#endif
