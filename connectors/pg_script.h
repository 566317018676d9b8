#ifndef RELAIS_CONNECTORS_PG_SCRIPT_H
#define RELAIS_CONNECTORS_PG_SCRIPT_H

/* Statements that go to the server in one message, COPYs among them: it goes through them
 * by itself and stops at the first that fails. A whole transaction so waits for the
 * server once at each COPY's beginning and once at its end, not at each statement.
 *
 * Ownership: rows and names are borrowed until the script is cleared or released. Errors:
 * of pg_conn; a COPY's name it, those of statements after the last COPY what
 * pg_script_answered is given. Units: bytes. Blocking: as pg_conn. Threads: one.
 */

#include "connectors/pg_conn.h"

#define PG_SCRIPT_COPIES_MAX 512

struct pg_script_copy {
    const char *what;
    struct relais_slice rows;
};

struct pg_script {
    struct relais_buf sql;
    struct pg_script_copy copies[PG_SCRIPT_COPIES_MAX];
    size_t copy_count;
};

void pg_script_init(struct pg_script *s);
void pg_script_clear(struct pg_script *s);
void pg_script_release(struct pg_script *s);

/* Statements, each ended by a semicolon. LIMIT. */
int pg_script_add(struct pg_script *s, const char *sql,
                  struct relais_error *err) RELAIS_MUST_CHECK;
/* A COPY ... FROM STDIN, without semicolon; no rows: nothing. LIMIT. */
int pg_script_copy(struct pg_script *s, const char *what, const char *sql,
                   const struct relais_buf *rows,
                   struct relais_error *err) RELAIS_MUST_CHECK;

/* Sends it with all rows. After an error nothing is left to be answered. */
int pg_script_send(const struct pg_script *s, struct pg_conn *c,
                   struct relais_error *err) RELAIS_MUST_CHECK;
/* Of what was sent: all answers, the first error; the script is empty then. */
int pg_script_answered(struct pg_script *s, struct pg_conn *c, const char *what,
                       struct relais_error *err) RELAIS_MUST_CHECK;
/* Both. */
int pg_script_run(struct pg_script *s, struct pg_conn *c, const char *what,
                  struct relais_error *err) RELAIS_MUST_CHECK;

#endif
