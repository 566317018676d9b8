#ifndef RELAIS_CLI_SLOT_H
#define RELAIS_CLI_SLOT_H

/* Verbs of `relais slot` that have a file of their own. */

#include "cli/cli.h"
#include "connectors/pg_slot.h"

/* The rows of an outbox that Debezium had published, by its offsets in Connect, are
 * passed over by the source; nothing of the slot is changed. USAGE (the file, offsets of
 * another connector, a slot that is read now, a source of tables), errors of
 * pg_slot_check, IO. */
int slot_takeover(struct cli *cli, struct pg_slot *s, struct pg_conn *c,
                  struct relais_error *err) RELAIS_MUST_CHECK;

#endif
