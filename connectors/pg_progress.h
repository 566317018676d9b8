#ifndef RELAIS_CONNECTORS_PG_PROGRESS_H
#define RELAIS_CONNECTORS_PG_PROGRESS_H

/* How far the first load of tables has come, in one small file of the state folder: no
 * long transaction, and a crash costs the last rows only. It holds positions and one
 * technical key, nothing of a person.
 *
 * Records of a load have the position "LSN/rank/epoch/n". The epoch is another one each
 * time the load goes on after a start, so that what is read again is never taken for
 * something already passed. Errors: IO, DISK_FULL; STATE_BROKEN: not a file of ours.
 */

#include "core/buf.h"

enum pg_phase {
    PG_PHASE_NONE,   /* never started, or pg_progress_again() */
    PG_PHASE_LOAD,   /* all objects, the first time */
    PG_PHASE_RELOAD, /* all objects once more: a table was emptied, or too much changed */
    PG_PHASE_STREAM, /* done: changes only */
};

#define PG_CURSOR_MAX 40 /* an integer or a uuid */

struct pg_progress {
    enum pg_phase phase;
    uint64_t lsn;     /* of the slot when the load began, of the commit that made it
                         needed; changes of commits up to it are in the load */
    int64_t began_us; /* what its records are dated with */
    uint32_t epoch;
    char cursor[PG_CURSOR_MAX]; /* root key up to which all is durable; "": none */
};

/* phase NONE where there is no file. */
int pg_progress_read(const char *path, struct pg_progress *out,
                     struct relais_error *err) RELAIS_MUST_CHECK;
/* All objects are to be read once more; those records come after every one of before.
 * lsn: of the last commit that was published, as far as known. */
int pg_progress_again(const char *path, uint64_t lsn,
                      struct relais_error *err) RELAIS_MUST_CHECK;
/* Durable when it returns 0. */
int pg_progress_write(const char *path, const struct pg_progress *progress,
                      struct relais_error *err) RELAIS_MUST_CHECK;

#endif
