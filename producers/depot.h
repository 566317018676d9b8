#ifndef RELAIS_PRODUCERS_DEPOT_H
#define RELAIS_PRODUCERS_DEPOT_H

/* What `relais depot` shows of the state folder, and its making anew from the topics.
 * list reads while a source runs; rebuild needs it stopped (STATE_LOCKED).
 */

#include "core/conf.h"

enum relais_depot_state {
    RELAIS_DEPOT_INTEGRATED,
    RELAIS_DEPOT_HELD,
    RELAIS_DEPOT_REFUSED
};

struct relais_depot_row {
    char hash[65];
    char name[256];
    char header[96]; /* "M 2026-02-04 21:27:43.0000" or "" */
    enum relais_depot_state state;
    char motif[192];
    int64_t published, unchanged, stale, superseded, parked;
};

/* Calls each() for every file known, oldest first. */
int relais_depot_list(const struct relais_conf *conf,
                      int (*each)(void *user, const struct relais_depot_row *row),
                      void *user, struct relais_error *err) RELAIS_MUST_CHECK;
/* The position up to which all of this log was published ("": none, or the last one is
 * another log's). out: STORE_POSITION_MAX bytes of store.h. */
int relais_depot_position(const struct relais_conf *conf, const char *log, char out[64],
                          struct relais_error *err) RELAIS_MUST_CHECK;
/* force: accept topics whose beginning was already deleted. objects_out: objects found.
 */
int relais_depot_rebuild(const struct relais_conf *conf, bool force, int64_t *objects_out,
                         struct relais_error *err) RELAIS_MUST_CHECK;

#endif
