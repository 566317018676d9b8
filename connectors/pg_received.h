#ifndef RELAIS_CONNECTORS_PG_RECEIVED_H
#define RELAIS_CONNECTORS_PG_RECEIVED_H

/* Rows of relais_recus (pg_completeness.h) that go there by COPY: what COUNT_RECEIVED
 * (pg_target_sql.c) says of the others, in COPY's text form.
 *
 * Ownership: the rows are the caller's to release. Threads: one.
 */

#include "connectors/pg_cell.h"

struct pg_target_table;

enum pg_received_field {
    PG_RECEIVED_DEPOT,
    PG_RECEIVED_OBSERVED,
    PG_RECEIVED_ID,
    PG_RECEIVED_FAIT,
    PG_RECEIVED_AMOUNT,
    PG_RECEIVED_SENS,
    PG_RECEIVED_FIELDS,
};

struct pg_received {
    const char *contract;                  /* borrowed */
    const char *names[PG_RECEIVED_FIELDS]; /* NULL: the table has no such column */
    struct pg_cell_path paths[PG_RECEIVED_FIELDS];
    struct relais_buf rows;
    struct relais_buf sample; /* some of the ids, an array */
};

/* Columns of relais_recus in the order of a row. */
#define PG_RECEIVED_COLUMNS "depot, jour, sujet, fait, entete_id, constate_le, centimes"

void pg_received_init(struct pg_received *r, const char *contract,
                      const struct pg_target_table *main);
/* sampled: its id is among those asked for. 1: this event cannot be said so. PG_ROW: a
 * text that PostgreSQL cannot hold; LIMIT. */
int pg_received_add(struct pg_received *r, const struct relais_value *event, bool sampled,
                    struct relais_error *err) RELAIS_MUST_CHECK;

#endif
