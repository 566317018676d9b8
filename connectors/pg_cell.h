#ifndef RELAIS_CONNECTORS_PG_CELL_H
#define RELAIS_CONNECTORS_PG_CELL_H

/* Values as COPY's text form. */

#include "connectors/pg_target.h"

/* The value of a column's name in a record: a member, or of a record in it the rest of
 * the name after `_`. NULL: absent. */
const struct relais_value *pg_cell_find(const struct relais_value *rec, const char *name);
/* One column; NULL and what the column cannot say (a field that stayed closed) as \N.
 * PG_ROW: NUL in a text; LIMIT. */
int pg_cell_add(struct relais_buf *out, const struct relais_value *v, enum pg_form form,
                const char *name, struct relais_error *err) RELAIS_MUST_CHECK;

#endif
