#ifndef RELAIS_CONNECTORS_PG_TARGETS_H
#define RELAIS_CONNECTORS_PG_TARGETS_H

/* The targets of a sink, one a contract, made when its first event comes; and what events
 * of the contracts look like, which outlives a connection.
 *
 * Ownership: the caller's, with all targets; texts are borrowed. Errors: of pg_target.h.
 * Blocking: all that take a connection. Threads: one.
 */

#include "connectors/pg_target.h"

#define PG_TARGETS_MAX 16

struct pg_expected {
    const char *contract;
    const struct relais_value *open, *closed;
};

struct pg_targets {
    struct pg_target *list[PG_TARGETS_MAX];
    size_t count;
    struct pg_expected expected[PG_TARGETS_MAX];
    size_t expected_count;
    enum pg_way way; /* of the rows in the buffers */
};

/* Of a connection that ends: temporary tables and statements were its own. */
void pg_targets_forget(struct pg_targets *ts);
/* No rows; those added from now on go so. */
void pg_targets_clear(struct pg_targets *ts, enum pg_way way);

/* The contract's; made, with its temporary tables. counted: pg_target_new. */
struct pg_target *pg_targets_of(struct pg_targets *ts, struct pg_conn *c,
                                const char *schema, const char *contract, bool counted,
                                struct relais_error *err) RELAIS_MUST_CHECK;
/* What its events look like (connector.h, expect); checked against its tables, now or
 * once they are made. */
int pg_targets_expect(struct pg_targets *ts, struct pg_conn *c, const char *schema,
                      const struct pg_expected *one, bool counted,
                      struct relais_error *err) RELAIS_MUST_CHECK;

/* May the rows go their way, as far as a sample of their keys and ids tells? */
int pg_targets_may_go(const struct pg_targets *ts, struct pg_conn *c, bool *may_out,
                      struct relais_error *err) RELAIS_MUST_CHECK;
/* Are there rows in the buffers? */
bool pg_targets_rows(const struct pg_targets *ts);
/* What takes them into the tables. LIMIT. */
int pg_targets_script(const struct pg_targets *ts, struct pg_script *script,
                      struct relais_error *err) RELAIS_MUST_CHECK;

#endif
