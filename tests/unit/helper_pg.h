#ifndef RELAIS_TESTS_HELPER_PG_H
#define RELAIS_TESTS_HELPER_PG_H

/* Tests named test_pg_* run under `tests/pg.sh run`: a PostgreSQL of their own, made
 * anew. Failures end the running cmocka test. Ownership: what is returned is the
 * caller's. */

#include "core/conf.h"

/* [relais] instance essai, [connector] dsn of the server, then `more` lines (NULL: none)
 * which may begin sections of their own. Admits `keys` and the common ones. */
struct relais_conf *helper_pg_conf(const struct relais_conf_key *keys, const char *more);
/* The same with another dsn. */
struct relais_conf *helper_pg_conf_at(const char *dsn, const struct relais_conf_key *keys,
                                      const char *more);
/* The same; relative paths (the state) are of this folder. */
struct relais_conf *helper_pg_conf_in(const char *folder,
                                      const struct relais_conf_key *keys,
                                      const char *more);
/* Both. */
struct relais_conf *helper_pg_conf_dsn(const char *dsn, const char *folder,
                                       const struct relais_conf_key *keys);
/* Another server's dsn ("standby"). */
void helper_pg_url(const char *node, char out[256]);
/* Statements as the superuser, over a connection of its own; the last result's first
 * value ("" where there is none). Free. */
char *helper_pg_sql(const char *sql);
/* The same as one number; fails where it is none. */
long long helper_pg_number(const char *sql);
/* The last result's first value is `want`. */
void helper_pg_is(const char *sql, const char *want);
/* Every replication slot is dropped, whoever reads from it. */
void helper_pg_drop_slots(void);
/* Every statement of a file. */
void helper_pg_file(const char *path);
/* tests/pg.sh with these words ("crash", "stop", "start"). node NULL: the first server.
 */
void helper_pg_server(const char *node, const char *words);

#endif
