#ifndef RELAIS_CONNECTORS_PG_COLUMN_H
#define RELAIS_CONNECTORS_PG_COLUMN_H

/* Which types of PostgreSQL a value of an event goes into, and in which form. Narrower
 * than what the database would try: a column that would refuse every value, or silently
 * change it, is none. Types that are not known take texts. */

#include "connectors/pg_target.h"

enum pg_form pg_column_form(const char *type);
bool pg_column_takes(const struct pg_target_column *column, const struct relais_value *v);
/* The type that `relais sink ddl` gives to such a value. */
const char *pg_column_wanted(const struct relais_value *v);

#endif
