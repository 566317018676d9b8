#ifndef RELAIS_CONNECTORS_PG_POSITIONS_H
#define RELAIS_CONNECTORS_PG_POSITIONS_H

/* The positions of a consumer group, kept in the database in the transaction of the rows:
 * table relais_positions (groupe, topic, partition, suivant, epoque, dernier_ms: the
 * timestamp of the last event). Whoever gets a
 * partition raises its epoch, and every later transaction moves the position only from
 * where it knows it to be and under its own epoch: a process that has lost the partition
 * without knowing changes no row and has to roll back.
 *
 * Units: offsets. Errors: of pg_conn; FENCED: another has a partition, or the database
 * lost what it had committed: positions are to be asked anew. Threads: one.
 */

#include "connectors/pg_script.h"
#include "core/record.h"

struct pg_position {
    char *topic;
    int32_t partition;
    int64_t next;  /* durable; -1: the partition's first */
    int64_t ahead; /* with the transaction under way; = next: none */
    int64_t done;  /* before it all is done with, parked; not yet durable */
    int64_t next_ms, ahead_ms,
        done_ms; /* timestamps of the events before; 0: not known */
    int64_t epoch;
};

struct pg_positions {
    char *group;
    char *table; /* quoted */
    struct pg_position *list;
    size_t count;
};

/* Takes over: the epochs are raised and durable. table: quoted. */
int pg_positions_take(struct pg_positions *p, struct pg_conn *c, const char *table,
                      const char *group, struct relais_position *list, size_t count,
                      struct relais_error *err) RELAIS_MUST_CHECK;
/* Only looks: sets every `next` (-1: none). table: quoted. */
int pg_positions_look(struct pg_conn *c, const char *table, const char *group,
                      struct relais_position *list, size_t count,
                      struct relais_error *err) RELAIS_MUST_CHECK;
/* NULL: not ours. */
struct pg_position *pg_positions_find(struct pg_positions *p, const char *topic,
                                      int32_t partition);
/* The last statement of a transaction, from next to ahead; nothing where none is ahead.
 * When it runs it fails with FENCED unless each is where it is thought to be. */
int pg_positions_move(const struct pg_positions *p, struct pg_conn *c,
                      struct pg_script *script,
                      struct relais_error *err) RELAIS_MUST_CHECK;
/* The transaction is durable; or it is not. */
void pg_positions_settle(struct pg_positions *p, bool committed);
/* After a connection was lost in a transaction, on a new one: settles by what is there.
 * What may still go on of the old one loses its epoch, so that it ends with nothing. */
int pg_positions_ask(struct pg_positions *p, struct pg_conn *c,
                     struct relais_error *err) RELAIS_MUST_CHECK;
/* Records before `next` were parked: the next transaction says so. */
void pg_positions_skip(struct pg_positions *p, const struct relais_position *at);
/* The position is at->next from now on, though it was another. FENCED. */
int pg_positions_restart(struct pg_positions *p, struct pg_conn *c,
                         const struct relais_position *at,
                         struct relais_error *err) RELAIS_MUST_CHECK;
/* Only what is durable counts: what is ahead or parked was lost with its transaction. */
void pg_positions_reset(struct pg_positions *p);
/* Something is ahead. */
bool pg_positions_moved(const struct pg_positions *p);
void pg_positions_clear(struct pg_positions *p);

#endif
