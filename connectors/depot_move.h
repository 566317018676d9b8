#ifndef RELAIS_CONNECTORS_DEPOT_MOVE_H
#define RELAIS_CONNECTORS_DEPOT_MOVE_H

/* The places of a drop folder and the moves between them: renames within one file system,
 * each made durable (fsync of both folders). dirs: one descriptor a place.
 */

#include "core/buf.h"

#define DEPOT_ORDER ".ordre"
#define DEPOT_MOTIF ".motif"

enum depot_place {
    DEPOT_ARRIVED,    /* the folder itself */
    DEPOT_UNDER_WAY,  /* en_cours/ */
    DEPOT_INTEGRATED, /* integres/ */
    DEPOT_REFUSED,    /* refuses/ */
    DEPOT_HELD,       /* retenus/ */
    DEPOT_PLACE_COUNT
};

enum depot_order { DEPOT_NO_ORDER, DEPOT_RELEASE, DEPOT_REFUSE };

const char *depot_place_name(enum depot_place place); /* "en_cours" */
/* Opens the places, making those that are absent. All of dirs is set. CONF_VALUE. */
int depot_places_open(const char *path, int dirs[DEPOT_PLACE_COUNT],
                      struct relais_error *err) RELAIS_MUST_CHECK;
/* What NAME.ordre says; and the order that lies beside NAME. */
enum depot_order depot_order_read(int dir, const char *order_name);
enum depot_order depot_order_of(int dir, const char *name);
/* Into en_cours/, its order with it, without its motif. 1; 0: it went away; -1. */
int depot_move_in(const int *dirs, enum depot_place from, const char *name,
                  struct relais_error *err) RELAIS_MUST_CHECK;
/* From en_cours/ to its place; under a name already there: NAME-<first 8 of hash>. motif
 * may be NULL. A file that went away: 0. */
int depot_move_out(const int *dirs, const char *name, enum depot_place to,
                   const char *hash, const char *motif,
                   struct relais_error *err) RELAIS_MUST_CHECK;
/* errno as IO or DISK_FULL. */
int depot_io_error(struct relais_error *err, const char *what);

#endif
