#ifndef RELAIS_CONNECTORS_PG_TARGET_SQL_H
#define RELAIS_CONNECTORS_PG_TARGET_SQL_H

/* The statements of a target (pg_target.h), made once a session from its tables. */

#include "connectors/pg_target.h"

/* Every member named ..._sql. LIMIT: too long. */
int pg_target_write_sql(struct pg_target *t, struct pg_conn *c, const char *schema,
                        bool counted, struct relais_error *err) RELAIS_MUST_CHECK;
bool pg_target_has(const struct pg_target_table *table, const char *column);

#endif
