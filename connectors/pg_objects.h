#ifndef RELAIS_CONNECTORS_PG_OBJECTS_H
#define RELAIS_CONNECTORS_PG_OBJECTS_H

/* Reads whole objects of a mapping: which roots changed rows belong to, and what these
 * objects look like now. Each statement sees the database as it is when it runs.
 *
 * Ownership: results are freed by PQclear. Errors: of pg_conn; after RETRY the connection
 * is made anew by the next call. Blocking: as pg_conn.
 */

#include "connectors/pg_mapping.h"
#include "connectors/pg_touched.h"

struct pg_objects {
    const struct relais_conf *conf;
    struct pg_mapping *mapping;
    struct pg_conn *conn; /* NULL: to be opened */
};

/* Connects and binds the mapping, unless that was done. */
int pg_objects_open(struct pg_objects *o, struct relais_error *err) RELAIS_MUST_CHECK;
void pg_objects_close(struct pg_objects *o);
/* 1: these transactions are visible to the next statement; 0: not yet. A commit comes by
 * the log a moment before others see its rows, and much later where the server waits for
 * a standby. */
int pg_objects_visible(struct pg_objects *o, const uint32_t *xids, size_t count,
                       struct relais_error *err) RELAIS_MUST_CHECK;
/* Adds the roots of all touched rows (under the root's index). LIMIT: more than fit. */
int pg_objects_roots(struct pg_objects *o, struct pg_touched *touched,
                     struct relais_error *err) RELAIS_MUST_CHECK;
/* Rows (root key, JSON) of the next `max` touched roots from *at on, in their order;
 * those that are no more have no row. count_out 0: there are no more. */
PGresult *pg_objects_read(struct pg_objects *o, const struct pg_touched *touched,
                          size_t *at, size_t max, size_t *count_out,
                          struct relais_error *err) RELAIS_MUST_CHECK;
/* The next `max` of all by key. after "": from the first. */
PGresult *pg_objects_page(struct pg_objects *o, const char *after, size_t max,
                          struct relais_error *err) RELAIS_MUST_CHECK;

#endif
