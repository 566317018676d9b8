#ifndef RELAIS_CONNECTORS_OUTBOX_COLUMNS_H
#define RELAIS_CONNECTORS_OUTBOX_COLUMNS_H

/* Are the columns that the configuration of an outbox names in its table, and published?
 * A row without its payload's column is parked, and the application deletes it: a
 * misspelt name is told before the first row. `id` and `aggregateid` under their usual
 * names may be missing (outbox_row.h). Errors: PG_SCHEMA, and those of pg_conn_exec.
 * Blocking: one query.
 */

#include "connectors/outbox_row.h"
#include "connectors/pg_slot.h"

int outbox_check_columns(const struct outbox_form *form, const struct pg_slot *slot,
                         struct pg_conn *c, struct relais_error *err) RELAIS_MUST_CHECK;

#endif
