#ifndef RELAIS_CLI_COMMANDS_H
#define RELAIS_CLI_COMMANDS_H

/* The commands, one const table each, in the file of their family. */

#include "cli/cli.h"

extern const struct cli_command cli_source;    /* run.c */
extern const struct cli_command cli_sink;      /* run.c */
extern const struct cli_command cli_publish;   /* run.c */
extern const struct cli_command cli_subscribe; /* subscribe.c */
extern const struct cli_command cli_check;     /* check.c */
extern const struct cli_command cli_depot;     /* depot.c */
extern const struct cli_command cli_topics;    /* topics.c */
extern const struct cli_command cli_doctor;    /* doctor.c */
extern const struct cli_command cli_conf_cmd;  /* conf.c */
extern const struct cli_command cli_keys;      /* keys.c */
extern const struct cli_command cli_schema;    /* schema.c */
extern const struct cli_command cli_slot;      /* slot.c */
extern const struct cli_command cli_broker;    /* servers.c */
extern const struct cli_command cli_registry;  /* servers.c */
extern const struct cli_command cli_import;    /* import.c */
extern const struct cli_command cli_dlq;       /* dlq.c */

/* sink_ddl.c: what `relais sink ddl` prints, for a configuration of sink_postgres. */
int cli_sink_ddl(struct cli *cli, const struct relais_conf *conf);

#endif
