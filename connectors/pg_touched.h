#ifndef RELAIS_CONNECTORS_PG_TOUCHED_H
#define RELAIS_CONNECTORS_PG_TOUCHED_H

/* A set of (table, technical key): what changed since objects were read last, each once,
 * in the order in which it came. Ceilings: PG_TOUCHED_MAX keys, 64 bytes each; beyond
 * them the caller reads everything. Ownership: a key's text is the set's until clear.
 */

#include "core/arena.h"

#define PG_TOUCHED_MAX     262144
#define PG_TOUCHED_KEY_MAX 64

struct pg_touched_key {
    uint16_t table;
    struct relais_slice text;
};

struct pg_touched {
    struct relais_arena arena;
    struct pg_touched_key *keys;
    size_t count;
    size_t cap;
    uint32_t *slots; /* index + 1; 0: free */
    size_t slot_count;
};

void pg_touched_init(struct pg_touched *t);
void pg_touched_release(struct pg_touched *t);
/* Empty again; memory for a usual batch is kept. */
void pg_touched_clear(struct pg_touched *t);
/* false: a ceiling. */
bool pg_touched_add(struct pg_touched *t, uint16_t table, struct relais_slice text);
/* A PostgreSQL array, "{1,2}", of a table's keys from the index *at on, at most `max` of
 * them; *at: the first that was not taken. -1: ceiling of out. count_out: how many. */
int pg_touched_array(const struct pg_touched *t, uint16_t table, size_t *at, size_t max,
                     struct relais_buf *out, size_t *count_out) RELAIS_MUST_CHECK;

#endif
