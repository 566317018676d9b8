#ifndef RELAIS_CONNECTORS_PG_WRITING_H
#define RELAIS_CONNECTORS_PG_WRITING_H

/* Events of one contract into an application's own tables, by a file
 * (pg_writing_form.h): rows found by natural keys under a lock, changed where they
 * differ, made where there are none; nothing else is touched.
 *
 * Use: load once; begin on each connection; add events; apply within a transaction;
 * clear. Ownership: everything belongs to the writing. Errors: of the form, the catalog
 * (PG_SCHEMA, PG_RIGHTS), the rows (DATA), pg_conn. Blocking: as pg_conn. Threads: one.
 */

#include "connectors/pg_conn.h"
#include "connectors/pg_writing_form.h"

#define PG_WRITING_EVENTS_MAX                                                            \
    256 /* in one transaction: each holds a lock of the server */

struct pg_writing {
    struct pg_writing_form *form;
    const char *contract; /* full name, of the events added */
    struct relais_buf events;
    bool expected; /* its contract is among those of the topics */
};

/* NULL path: the writing is empty and takes nothing. */
int pg_writing_open(struct pg_writing *w, const char *path,
                    struct relais_error *err) RELAIS_MUST_CHECK;
void pg_writing_close(struct pg_writing *w);
/* A new connection: the file against the catalog, our own tables. schema: quoted;
 * counted: see pg_completeness.h. */
int pg_writing_begin(struct pg_writing *w, struct pg_conn *c, const char *schema,
                     bool counted, struct relais_error *err) RELAIS_MUST_CHECK;
/* Objects that another sink wrote would pass for written: where some of the contract are
 * there, they are of this group (or of its `.reprise`). CONF_VALUE. */
int pg_writing_alone(const struct pg_writing *w, struct pg_conn *c, const char *schema,
                     const char *group, struct relais_error *err) RELAIS_MUST_CHECK;
/* Are our own tables there? PG_SCHEMA. */
int pg_writing_look_up(struct pg_conn *c, const char *schema,
                       struct relais_error *err) RELAIS_MUST_CHECK;
/* What events of its contract look like (connector.h, expect). */
int pg_writing_expect(struct pg_writing *w, const struct relais_value *open,
                      const struct relais_value *closed,
                      struct relais_error *err) RELAIS_MUST_CHECK;
/* Is it written by the file? */
bool pg_writing_takes(const struct pg_writing *w, const char *contract);
/* contract: borrowed until clear. */
int pg_writing_add(struct pg_writing *w, const char *contract,
                   const struct relais_value *event,
                   struct relais_error *err) RELAIS_MUST_CHECK;
/* What was added, in its order, in the transaction under way. */
int pg_writing_apply(struct pg_writing *w, struct pg_conn *c,
                     struct relais_error *err) RELAIS_MUST_CHECK;
void pg_writing_clear(struct pg_writing *w);

#endif
