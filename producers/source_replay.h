#ifndef RELAIS_PRODUCERS_SOURCE_REPLAY_H
#define RELAIS_PRODUCERS_SOURCE_REPLAY_H

/* One event of this source, read back from a topic, enters the state as if it had just
 * been acknowledged. Between source_start.c (reading) and source_replay.c (rows); a store
 * transaction is open. */

#include "producers/source_internal.h"

struct replay {
    struct source *s;
    bool rebuild;
    bool facts; /* objects that facts of a log made, too: for a re-publication */
    struct relais_arena arena; /* of one message */
    struct relais_buf buf;
    struct store_meta meta; /* written at each commit */
    int64_t objects;        /* seen for the first time */
};

/* The contract of one of this source's topics by its full name, control too; NULL: none.
 */
const struct relais_contract *replay_contract(struct source *s, const char *name);
/* A version of a contract that messages were written by. */
struct replay_version {
    const struct relais_contract *contract;
    uint64_t fingerprint;
    struct relais_avro_resolution *resolution; /* NULL: the present one */
};
/* value: Avro without frame, of `version`. mine_out: it is this source's. */
int replay_event(struct replay *r, const struct replay_version *version,
                 const char *topic, struct relais_slice value, bool *mine_out,
                 struct relais_error *err) RELAIS_MUST_CHECK;

#endif
