#ifndef RELAIS_CONNECTORS_PG_CONN_H
#define RELAIS_CONNECTORS_PG_CONN_H

/* A connection to PostgreSQL for connectors: libpq with our errors. A server's DETAIL,
 * HINT, CONTEXT and the text of a statement hold rows, so that they are never read: an
 * error says SQLSTATE, the server's primary message only where it is of a class that
 * cannot quote a value (connection, authorisation, resources, replication), and the
 * names of schema, table, column and constraint.
 *
 * Classes by SQLSTATE (one table): 08, 53, 55P03, 57, 40, 25006 and no connection: RETRY
 * (PG_DOWN; 53100: DISK_FULL); 22, 23: DATA (PG_ROW); 28, 3D, 42: CONF (PG_RIGHTS,
 * PG_SCHEMA); else RETRY.
 *
 * Ownership: a connection is its caller's; results are PGresult, freed by PQclear.
 * Blocking: calls wait at most the time-out given at open (connect_timeout, then TCP
 * keepalives and tcp_user_timeout, statement_timeout), never for ever on a half-open
 * connection. Threads: one.
 */

#include "core/conf.h"

#include <libpq-fe.h>

struct pg_conn;

/* What for: the session is set accordingly (application_name relais/<instance>, UTF8,
 * ISO dates, UTC, extra_float_digits, a search_path of pg_catalog only). */
enum pg_use {
    PG_USE_READ,        /* SELECT, administration of slots */
    PG_USE_WRITE,       /* a sink's transactions; synchronous_commit as configured */
    PG_USE_REPLICATION, /* replication=database */
};

/* Keys of [connector] that every PostgreSQL connector has: `dsn` (a libpq connection
 * string or URI without password), `password_file`, `connect_timeout_ms`,
 * `statement_timeout_ms`. To be put into a connector's own table. */
/* clang-format off */
#define PG_CONN_KEYS                                                                     \
    {"connector", "dsn", RELAIS_CONF_TEXT, .required = true,                             \
     .doc = "Base PostgreSQL : chaîne ou URI libpq, sans mot de passe."},                \
    {"connector", "password_file", RELAIS_CONF_PATH,                                     \
     .doc = "Fichier qui tient le mot de passe, sur une ligne."},                        \
    {"connector", "connect_timeout_ms", RELAIS_CONF_INTEGER, 1000, 600000,               \
     .def = "10000", .doc = "Attente la plus longue d'une connexion, en millisecondes."},\
    {"connector", "statement_timeout_ms", RELAIS_CONF_INTEGER, 0, 3600000,               \
     .def = "60000", .doc = "Durée la plus longue d'un ordre SQL, en millisecondes ; 0 : sans fin."}
/* clang-format on */

/* RETRY, CONF (refused, unknown database, a password in dsn). */
struct pg_conn *pg_conn_open(const struct relais_conf *conf, enum pg_use use,
                             struct relais_error *err) RELAIS_MUST_CHECK;
void pg_conn_close(struct pg_conn *c);
PGconn *pg_conn_raw(struct pg_conn *c);
int pg_conn_version(const struct pg_conn *c); /* 150004 */

/* One statement, parameters as text (NULL: null). NULL: err set; where = `what`. */
PGresult *pg_conn_exec(struct pg_conn *c, const char *what, const char *sql,
                       const char *const *params, int param_count,
                       struct relais_error *err) RELAIS_MUST_CHECK;
/* Without result. */
int pg_conn_run(struct pg_conn *c, const char *what, const char *sql,
                struct relais_error *err) RELAIS_MUST_CHECK;
/* The error of a result or, result NULL, of the connection. Always -1. */
int pg_conn_error(struct pg_conn *c, const PGresult *result, const char *what,
                  struct relais_error *err);

/* "schema"."table" of a name as configured (`schema.table` or `table`, each may be in
 * double quotes), each part quoted for SQL. CONF_VALUE where it is no name. */
int pg_conn_quote_name(struct pg_conn *c, const char *name, struct relais_buf *out,
                       struct relais_error *err) RELAIS_MUST_CHECK;

#endif
