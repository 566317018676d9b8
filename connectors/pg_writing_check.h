#ifndef RELAIS_CONNECTORS_PG_WRITING_CHECK_H
#define RELAIS_CONNECTORS_PG_WRITING_CHECK_H

/* A bound writing compared with what events look like (connector.h, expect): every path
 * leads to a field, lists are lists, and a column's type takes its field. Inside of a
 * protected record (adresse, identite) any name is taken. Errors: CONF_VALUE, PG_SCHEMA,
 * where = "FILE: name.place.column". */

#include "connectors/pg_writing_form.h"

int pg_writing_check(const struct pg_writing_form *f, const struct relais_value *open,
                     const struct relais_value *closed,
                     struct relais_error *err) RELAIS_MUST_CHECK;

#endif
