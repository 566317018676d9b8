#ifndef RELAIS_CONNECTORS_PG_SLOT_H
#define RELAIS_CONNECTORS_PG_SLOT_H

/* A replication slot and its publication, looked at before they are used: what is wrong
 * is told apart, with what may be missing and the command to go on.
 *
 *   SLOT_MISSING  no such slot: never made, dropped, or the server is a promoted standby
 *                 (before PostgreSQL 17 slots are not copied to it)
 *   SLOT_LOST     WAL that it needed is gone (max_slot_wal_keep_size): changes are
 * missing SLOT_FOREIGN  physical, of another plugin or of another database SLOT_ORIGIN
 * the server is another one, or a backup that was restored: its log went back, so that
 * positions can no longer be compared PUBLICATION   it does not exist
 *
 * What is known of the server stands in a small file of the state folder: its system
 * identifier and the furthest position that was confirmed. Names default to
 * relais_<territory>_<instance>. Units: LSN as uint64_t, bytes. Blocking: as pg_conn.
 */

#include "connectors/pg_conn.h"

/* To be put into a source's table of keys. */
/* clang-format off */
#define PG_SLOT_KEYS                                                                     \
    {"connector", "slot", RELAIS_CONF_TEXT,                                              \
     .doc = "Slot de réplication ; à défaut relais_<territoire>_<instance>."},           \
    {"connector", "publication", RELAIS_CONF_TEXT,                                       \
     .doc = "Publication ; à défaut le nom du slot."}
/* clang-format on */

struct pg_slot {
    char name[64];
    char publication[64];
    char origin_path[4096]; /* of the file in the state folder */
};

struct pg_slot_state {
    bool exists, active, ours, published;
    char plugin[64], database[64], wal_status[16];
    uint64_t confirmed, server; /* LSN: of the slot, the server's last */
    int64_t retained;           /* bytes of WAL that it holds back */
    int64_t safe;               /* bytes until it is lost; -1: no limit */
};

/* Names from the configuration. CONF_VALUE. */
int pg_slot_init(struct pg_slot *s, const struct relais_conf *conf,
                 struct relais_error *err) RELAIS_MUST_CHECK;
int pg_slot_look(const struct pg_slot *s, struct pg_conn *c, struct pg_slot_state *out,
                 struct relais_error *err) RELAIS_MUST_CHECK;
/* Fit to be read from: else one of the errors above. */
int pg_slot_verify(const struct pg_slot *s, struct pg_conn *c, struct pg_slot_state *out,
                   struct relais_error *err) RELAIS_MUST_CHECK;
/* The same, and the server is remembered. */
int pg_slot_check(const struct pg_slot *s, struct pg_conn *c, struct pg_slot_state *out,
                  struct relais_error *err) RELAIS_MUST_CHECK;
/* Makes the slot; from PostgreSQL 17 on one that follows to a standby. */
int pg_slot_create(const struct pg_slot *s, struct pg_conn *c,
                   struct relais_error *err) RELAIS_MUST_CHECK;
int pg_slot_drop(const struct pg_slot *s, struct pg_conn *c,
                 struct relais_error *err) RELAIS_MUST_CHECK;
/* All before `lsn` is given up. */
int pg_slot_advance(const struct pg_slot *s, struct pg_conn *c, const char *lsn,
                    struct relais_error *err) RELAIS_MUST_CHECK;
/* Forgets the server: the next one is taken for the right one. */
int pg_slot_forget(const struct pg_slot *s, struct relais_error *err) RELAIS_MUST_CHECK;

#endif
