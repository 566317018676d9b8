#ifndef RELAIS_CONNECTORS_PG_ORIGIN_H
#define RELAIS_CONNECTORS_PG_ORIGIN_H

/* What a source knows of the server that it reads: its system identifier, its timeline,
 * the furthest position that was confirmed to it, and which table its outbox is, in a
 * small file of the state folder. A position means the same only where the log has not
 * gone back: on another server, a backup put back, or a standby that was promoted without
 * our last changes, other changes stand at positions that we believe to have read.
 *
 * Errors: SLOT_ORIGIN; IO, DISK_FULL, STATE_BROKEN (the file). Blocking: as pg_conn.
 */

#include "connectors/pg_conn.h"

/* What another reader of the slot (Debezium) had published beyond what it confirmed:
 * every transaction whose commit record begins before commit_lsn, and of the transaction
 * xid the changes up to lsn. All 0: nothing. */
struct pg_published {
    uint64_t commit_lsn, lsn;
    uint32_t xid;
};

struct pg_origin {
    char path[4096];
    char system[32];   /* "": nothing is known */
    uint32_t timeline; /* 0: not known */
    uint64_t lsn;      /* furthest confirmed */
    struct pg_published before;
    uint32_t table_oid; /* of an outbox, as last seen under its name; 0: not known */
    uint64_t table_lsn; /* it is that one since */
    bool unsaved;
};

/* What to do, after the slot, about changes that are missing: of tables they are read
 * again, what an outbox said is not there to be read. */
const char *pg_origin_remedy(const struct relais_conf *conf);
int pg_origin_read(struct pg_origin *o, struct relais_error *err) RELAIS_MUST_CHECK;
int pg_origin_write(struct pg_origin *o, struct relais_error *err) RELAIS_MUST_CHECK;
int pg_origin_forget(struct pg_origin *o, struct relais_error *err) RELAIS_MUST_CHECK;
/* Where the timeline that is known began, after pg_origin_check: 0 on the first, and
 * where it is not known. */
int pg_origin_began(const struct pg_origin *o, const struct relais_conf *conf,
                    uint64_t *lsn_out, struct relais_error *err) RELAIS_MUST_CHECK;
/* Is the server that c leads to, whose log ends at server_lsn, still the one that is
 * known? Then, and when nothing is known, it is known from now on (to be written). where:
 * the slot's name. A timeline that grew out of ours after the furthest position that was
 * confirmed, or published before, is ours.
 */
int pg_origin_check(struct pg_origin *o, const struct relais_conf *conf,
                    struct pg_conn *c, uint64_t server_lsn, const char *where,
                    struct relais_error *err) RELAIS_MUST_CHECK;

#endif
