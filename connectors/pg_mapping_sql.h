#ifndef RELAIS_CONNECTORS_PG_MAPPING_SQL_H
#define RELAIS_CONNECTORS_PG_MAPPING_SQL_H

/* The statements of a mapping whose tables were looked up; and what both parts of a
 * mapping look for. */

#include "connectors/pg_mapping.h"

/* CONF_VALUE, PG_SCHEMA; names the field. */
int pg_mapping_write_sql(struct pg_mapping *m, struct pg_conn *c,
                         struct relais_error *err) RELAIS_MUST_CHECK;
/* NULL: none. */
const struct pg_mapped_table *pg_mapping_table(const struct pg_mapping *m,
                                               struct relais_slice alias);
const struct pg_mapped_column *pg_mapping_column(const struct pg_mapped_table *t,
                                                 const char *name);
/* The expression of JSON that a column of this type becomes, asked as `as` ("": as it
 * is); %s in it: the column, as often as it stands there. NULL: there is none. */
const char *pg_mapping_form(const char *type, const char *as);
/* Forgets what was looked up. */
void pg_mapping_unbind(struct pg_mapping *m);

#endif
