#ifndef RELAIS_CLI_H
#define RELAIS_CLI_H

/* What the subcommands share: a table of options per command, their help in French, the
 * configuration with `-X section.key=value` over it, and one line for an error. A command
 * is a row of the table in main.c and a function in the file of its family.
 */

#include "connectors/connector.h"

#define CLI_OPTIONS_MAX   16
#define CLI_OVERRIDES_MAX 128

struct cli;

struct cli_option {
    char letter;          /* '\0': long form only */
    const char *name;     /* long form; NULL ends the table */
    const char *argument; /* what it takes, for the help; NULL: a flag */
    const char *doc;      /* French */
};

struct cli_command {
    const char *name;
    const char *arguments; /* for the help: "FILE.ini" */
    const char *summary;   /* French, one line */
    const char *text;      /* French, further lines of the help; may be NULL */
    const struct cli_option *options;
    int arg_min, arg_max; /* positional arguments */
    int (*run)(struct cli *cli);
};

/* One call of a command. Strings are those of argv. */
struct cli {
    const struct cli_command *command;
    const char
        *value[CLI_OPTIONS_MAX]; /* by the option's row; NULL: not given; flag: "" */
    const char *overrides[CLI_OVERRIDES_MAX];
    size_t override_count;
    char **args;
    int arg_count;
};

/* Reads argv[0..] (argv[0]: the command's name) into cli. -1: goes on; else the exit
 * status: help was shown, or the usage was wrong. */
int cli_parse(struct cli *cli, int argc, char **argv);
/* Value of a long option; NULL: not given. A name that the table lacks is our bug. */
const char *cli_value(const struct cli *cli, const char *name);
/* A whole number of [min, max], else USAGE. */
int cli_number(const char *text, const char *option, long min, long max, long *out,
               struct relais_error *err) RELAIS_MUST_CHECK;
void cli_help(const struct cli_command *command);

/* "relais COMMAND : ..." on standard error; the exit status of its class. */
int cli_fail(const struct cli *cli, const struct relais_error *err);

/* The file (NULL: none) with the overrides, every table of keys that a process of relais
 * knows admitted, the connector's of [connector] name and `also`'s among them, and
 * checked. */
struct relais_conf *cli_conf(const struct cli *cli, const char *path,
                             const struct relais_connector *also,
                             struct relais_error *err) RELAIS_MUST_CHECK;
/* Without a file: only what `keys` names may be given by -X. */
struct relais_conf *cli_conf_of(const struct cli *cli, const struct relais_conf_key *keys,
                                struct relais_error *err) RELAIS_MUST_CHECK;
/* The connector that [connector] name names. CONF naming the nearest. */
const struct relais_connector *cli_connector(const struct relais_conf *conf,
                                             struct relais_error *err) RELAIS_MUST_CHECK;

#endif
