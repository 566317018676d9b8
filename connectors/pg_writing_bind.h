#ifndef RELAIS_CONNECTORS_PG_WRITING_BIND_H
#define RELAIS_CONNECTORS_PG_WRITING_BIND_H

/* A writing compared with the database's catalog, before anything is written: tables,
 * columns, types, constants, what must have a value, rights, and whether a deletion would
 * reach rows of others. Errors: PG_SCHEMA, PG_RIGHTS, CONF_VALUE, where = "FILE:
 * name.place.column"; of pg_conn. Blocking: as pg_conn. Threads: one.
 */

#include "connectors/pg_conn.h"
#include "connectors/pg_writing_form.h"

/* May be called again, on another connection. */
int pg_writing_bind(struct pg_writing_form *f, struct pg_conn *c,
                    struct relais_error *err) RELAIS_MUST_CHECK;
/* What the catalog said is forgotten. */
void pg_writing_unbind(struct pg_writing_form *f);

#endif
