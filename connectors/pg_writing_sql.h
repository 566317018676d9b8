#ifndef RELAIS_CONNECTORS_PG_WRITING_SQL_H
#define RELAIS_CONNECTORS_PG_WRITING_SQL_H

/* A bound writing as a function of the session, pg_temp.relais_ecrire(contract,
 * jsonb): it takes a list of what pg_writing_rows.h makes of events and does, on the
 * server, for each event in turn: lock the object, pass over what is not newer, find,
 * update what differs or insert, table by table, then delete what is missing where that
 * was asked. All locks of a list are taken first, in one order, so that two sinks do not
 * wait for each other.
 *
 * In the sink's SQL schema (relais sink ddl makes them):
 *   relais_objets   contrat, objet, constate_le, sequence: of the state written last
 *   relais_lignes   contrat, objet, nom, ligne: rows made here, of tables with "missing":
 *                   "delete"
 */

#include "connectors/pg_conn.h"
#include "connectors/pg_writing_form.h"

/* The statement that makes the function. schema: quoted; counted: what is written
 * enters relais_recus (pg_completeness.h). NULL: LIMIT. Free. */
char *pg_writing_sql(const struct pg_writing_form *f, struct pg_conn *c,
                     const char *schema, bool counted,
                     struct relais_error *err) RELAIS_MUST_CHECK;

#endif
