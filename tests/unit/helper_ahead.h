#ifndef RELAIS_TESTS_HELPER_AHEAD_H
#define RELAIS_TESTS_HELPER_AHEAD_H

/* sink_postgres in a backlog: three records are a full batch; tables of every kind, and
 * in `ways` how rows came. Failures end the running cmocka test. */

#include "tests/unit/helper_sink.h"

#define AHEAD_CONTRACT "fr.relais.essai.EvenementEssai"
#define AHEAD_TOPIC    "dep93.essai.v1"

/* SQL: what is there. */
#define AHEAD_ROWS                                                                       \
    "SELECT coalesce(string_agg(essai || n, ' ' ORDER BY essai), '') FROM "              \
    "relais.evenement_essai"
#define AHEAD_NEXT "SELECT coalesce(max(suivant), -2) FROM relais.relais_positions"

/* A cmocka setup; helper_sink_teardown is its teardown. */
int ahead_setup(void **state);
/* The next event: of object `o` with id, so many seconds after 2026-01-05T23:30:00Z (the
 * 6th in Paris), of a depot in JSON; an odd n is a deduction. */
void ahead_event_of(struct fixture *f, const char *o, const char *id, int seconds,
                    const char *depot, int n);
/* The same of a log. */
void ahead_event(struct fixture *f, const char *o, const char *id, int seconds, int n);
/* A full batch of the objects `from` to from + 2, ids alike. */
void ahead_three(struct fixture *f, int from, int n);
/* A full batch, after which some are merged: an object is there twice. */
void ahead_begin_merging(struct fixture *f);
void ahead_flush(struct fixture *f);
/* Every connection of a connector. */
void ahead_lose_connections(void);

#endif
