#ifndef RELAIS_CONNECTORS_PG_CONN_H
#define RELAIS_CONNECTORS_PG_CONN_H

/* A connection to PostgreSQL for connectors: libpq with our errors and a limit on every
 * wait. A server's DETAIL, HINT, CONTEXT and the text of a statement hold rows, so that
 * they are never read: an error says SQLSTATE, the server's primary message only where
 * its class cannot quote a value, and the names of table, column and constraint.
 *
 * Classes by SQLSTATE (one table, pg_conn.c): no connection, 08, 25006, 40, 53, 55, 57,
 * 58: RETRY (PG_DOWN; 53100: DISK_FULL) · 21, 22, 23, 44, P0: DATA (PG_ROW) · 0A, 42:
 * CONF (PG_SCHEMA) · 28, 3D, 42501: CONF (PG_RIGHTS) · else RETRY.
 *
 * A statement that asks for the setting PG_CONN_FENCED: FENCED.
 *
 * Units: milliseconds. Ownership: a connection is its caller's; results are PGresult,
 * freed by PQclear. Blocking: until the server answers, at most the statement's time-out
 * and some seconds, also on a half-open connection or a frozen server; then the
 * connection is broken and the error is PG_DOWN. Threads: one.
 */

#include "core/conf.h"

#include <libpq-fe.h>

struct pg_conn;

#define PG_CONN_FENCED "relais.fenced"

enum pg_use {
    PG_USE_READ,        /* SELECT, administration of slots; only pg_catalog is searched;
                           what a row security policy would leave out is an error */
    PG_USE_WRITE,       /* a sink's transactions; the role's own search_path: triggers of
                           an application may count on it */
    PG_USE_REPLICATION, /* replication=database; only pg_catalog is searched */
};

/* Keys of [connector] that every PostgreSQL connector has, to be put into its table. */
/* clang-format off */
#define PG_CONN_KEYS                                                                     \
    {"connector", "dsn", RELAIS_CONF_TEXT, .required = true,                             \
     .doc = "Base PostgreSQL : chaîne ou URI libpq, sans mot de passe."},                \
    {"connector", "password_file", RELAIS_CONF_PATH,                                     \
     .doc = "Fichier qui tient le mot de passe, sur une ligne."},                        \
    {"connector", "connect_timeout_ms", RELAIS_CONF_INTEGER, 1000, 600000,               \
     .def = "10000",                                                                     \
     .doc = "Attente la plus longue d'une connexion, en millisecondes."},                \
    {"connector", "statement_timeout_ms", RELAIS_CONF_INTEGER, 1000, 3600000,            \
     .def = "60000",                                                                     \
     .doc = "Durée la plus longue d'un ordre SQL, en millisecondes."}
/* clang-format on */

/* The session is in UTF-8, UTC, ISO dates, READ COMMITTED. RETRY, CONF (refused, unknown
 * database, a password in dsn). */
struct pg_conn *pg_conn_open(const struct relais_conf *conf, enum pg_use use,
                             struct relais_error *err) RELAIS_MUST_CHECK;
void pg_conn_close(struct pg_conn *c);
PGconn *pg_conn_raw(struct pg_conn *c);
int pg_conn_version(const struct pg_conn *c); /* 150004 */

/* One statement, parameters as text (NULL: null). params NULL and param_count 0: `sql`
 * may be several statements, the last one's result is given (the only form that a
 * replication connection knows). The result is good (PGRES_TUPLES_OK, COMMAND_OK, or a
 * COPY or replication that began) or NULL with err set; where = `what`. */
PGresult *pg_conn_exec(struct pg_conn *c, const char *what, const char *sql,
                       const char *const *params, int param_count,
                       struct relais_error *err) RELAIS_MUST_CHECK;
/* Without parameters and result. */
int pg_conn_run(struct pg_conn *c, const char *what, const char *sql,
                struct relais_error *err) RELAIS_MUST_CHECK;

/* From now on an answer is one of so many statements (16 at most), each with its own
 * time-out on the server. */
void pg_conn_patience(struct pg_conn *c, size_t statements);
/* Waits, within the statement's time-out, until PQgetResult() need not wait. */
int pg_conn_wait(struct pg_conn *c, const char *what,
                 struct relais_error *err) RELAIS_MUST_CHECK;
/* The next result of what was sent (PQsend..., COPY's end), within the statement's
 * time-out. NULL without error: no more of this statement. Failed ones are errors. */
PGresult *pg_conn_result(struct pg_conn *c, const char *what,
                         struct relais_error *err) RELAIS_MUST_CHECK;
/* Bytes of a COPY ... FROM STDIN; waits where the server is slower. */
int pg_conn_copy(struct pg_conn *c, const char *what, struct relais_slice bytes,
                 struct relais_error *err) RELAIS_MUST_CHECK;

/* All answers of what was sent; the first error. */
int pg_conn_answered(struct pg_conn *c, const char *what,
                     struct relais_error *err) RELAIS_MUST_CHECK;
/* The end of what was copied, whose answer is left. */
int pg_conn_copy_end(struct pg_conn *c, const char *what,
                     struct relais_error *err) RELAIS_MUST_CHECK;

/* The error of a result or, result NULL, of the connection. Always -1. */
int pg_conn_error(struct pg_conn *c, const PGresult *result, const char *what,
                  struct relais_error *err);

/* "schema"."table" of a name as configured (`schema.table` or `table`, each may be in
 * double quotes), each part quoted for SQL. CONF_VALUE where it is no name. */
int pg_conn_quote_name(struct pg_conn *c, const char *name, struct relais_buf *out,
                       struct relais_error *err) RELAIS_MUST_CHECK;

#endif
