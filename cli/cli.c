#include "cli/cli.h"
#include "consumers/sink_run.h"
#include "core/log.h"
#include "producers/source_run.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

static void print_option(const struct cli_option *option)
{
    char left[64];

    snprintf(left, sizeof(left), "%c%c%s--%s%s%s", option->letter ? '-' : ' ',
             option->letter ? option->letter : ' ', option->letter ? ", " : "  ",
             option->name, option->argument ? " " : "",
             option->argument ? option->argument : "");
    printf("  %-30s %s\n", left, option->doc);
}

void cli_help(const struct cli_command *command)
{
    printf("Usage : relais %s%s%s%s\n\n%s.\n", command->name,
           command->arguments ? " " : "", command->arguments ? command->arguments : "",
           command->options[0].name ? " [OPTIONS]" : "", command->summary);
    if (command->text)
        printf("\n%s", command->text);
    printf("\nOptions :\n");
    for (const struct cli_option *option = command->options; option->name; option++)
        print_option(option);
    printf("  -X section.clé=valeur          remplace une clé de la configuration "
           "(répétable)\n"
           "  -h, --help                     cette aide\n\n"
           "Codes de sortie : 0 réussi, 1 problèmes trouvés, 65 données, 70 défaut "
           "interne,\n"
           "75 à réessayer plus tard, 78 configuration ou usage à corriger.\n");
}

static int usage(const struct cli *cli, const char *what, const char *which)
{
    fprintf(stderr, "relais %s : %s%s%s ; voir relais %s --help\n", cli->command->name,
            what, which ? " " : "", which ? which : "", cli->command->name);
    return relais_error_exit(RELAIS_E_USAGE);
}

/* Builds getopt's tables of a command's rows; val of a row = 256 + its index. */
static size_t getopt_tables(const struct cli_command *command, struct option *longs,
                            char *shorts)
{
    size_t count = 0, at = 0;

    shorts[at++] = ':'; /* a missing argument is told apart */
    for (; command->options[count].name; count++) {
        const struct cli_option *option = &command->options[count];

        longs[count] = (struct option){option->name,
                                       option->argument ? required_argument : no_argument,
                                       NULL, 256 + (int)count};
        if (!option->letter)
            continue;
        shorts[at++] = option->letter;
        if (option->argument)
            shorts[at++] = ':';
    }
    shorts[at++] = 'X';
    shorts[at++] = ':';
    shorts[at++] = 'h';
    shorts[at] = '\0';
    longs[count] = (struct option){"help", no_argument, NULL, 'h'};
    longs[count + 1] = (struct option){NULL, 0, NULL, 0};
    return count;
}

static int row_of_letter(const struct cli_command *command, int letter)
{
    for (int i = 0; command->options[i].name; i++)
        if (command->options[i].letter == letter)
            return i;
    return -1;
}

int cli_parse(struct cli *cli, int argc, char **argv)
{
    struct option longs[CLI_OPTIONS_MAX + 2];
    char shorts[2 * CLI_OPTIONS_MAX + 8];
    int c;

    getopt_tables(cli->command, longs, shorts);
    optind = 0; /* anew, after main's own pass */
    while ((c = getopt_long(argc, argv, shorts, longs, NULL)) != -1) {
        int row = c >= 256 ? c - 256 : row_of_letter(cli->command, c);

        if (c == 'h') {
            cli_help(cli->command);
            return 0;
        }
        if (c == ':')
            return usage(cli, "il manque la valeur de", argv[optind - 1]);
        if (c == '?')
            return usage(cli, "option inconnue", argv[optind - 1]);
        if (c == 'X') {
            if (cli->override_count == CLI_OVERRIDES_MAX)
                return usage(cli, "trop de -X", NULL);
            cli->overrides[cli->override_count++] = optarg;
            continue;
        }
        cli->value[row] = optarg ? optarg : "";
    }
    cli->args = argv + optind;
    cli->arg_count = argc - optind;
    if (cli->arg_count < cli->command->arg_min)
        return usage(cli, "il manque", cli->command->arguments);
    if (cli->arg_count > cli->command->arg_max)
        return usage(cli, "argument de trop :", cli->args[cli->command->arg_max]);
    return -1;
}

const char *cli_value(const struct cli *cli, const char *name)
{
    for (size_t i = 0; cli->command->options[i].name; i++)
        if (strcmp(cli->command->options[i].name, name) == 0)
            return cli->value[i];
    abort();
}

int cli_number(const char *text, const char *option, long min, long max, long *out,
               struct relais_error *err)
{
    char *end;

    errno = 0;
    *out = strtol(text, &end, 10);
    if (errno || end == text || *end || *out < min || *out > max)
        return relais_error_set(err, RELAIS_E_USAGE, option,
                                "un nombre entre %ld et %ld est attendu", min, max);
    return 0;
}

int cli_fail(const struct cli *cli, const struct relais_error *err)
{
    fprintf(stderr, "relais %s : %s%s%s (%s)\n", cli->command->name, err->where,
            err->where[0] ? " : " : "",
            err->text[0] ? err->text : relais_error_meaning(err->code),
            relais_error_name(err->code));
    return relais_error_exit(err->code);
}

struct relais_conf *cli_conf_of(const struct cli *cli, const struct relais_conf_key *keys,
                                struct relais_error *err)
{
    struct relais_conf *conf =
        relais_conf_load(NULL, cli->overrides, cli->override_count, err);

    if (!conf)
        return NULL;
    relais_conf_admit(conf, keys);
    if (relais_conf_check(conf, err)) {
        relais_conf_free(conf);
        return NULL;
    }
    return conf;
}

const struct relais_connector *cli_connector(const struct relais_conf *conf,
                                             struct relais_error *err)
{
    const char *name = relais_conf_text(conf, "connector", "name");
    const struct relais_connector *connector = name ? relais_connector_find(name) : NULL;
    const char *names[64], *nearest;
    size_t count = 0;

    if (connector)
        return connector;
    if (!name) {
        relais_error_set(err, RELAIS_E_CONF_VALUE,
                         relais_conf_where(conf, "connector", "name"),
                         "[connector] name est obligatoire ici");
        return NULL;
    }
    for (; relais_connectors[count] && count < 64; count++)
        names[count] = relais_connectors[count]->name;
    nearest = relais_nearest(name, names, count);
    relais_error_set(err, RELAIS_E_CONF_VALUE,
                     relais_conf_where(conf, "connector", "name"),
                     "[connector] name : connecteur inconnu%s%s%s",
                     nearest ? " ; le plus proche est \"" : "", nearest ? nearest : "",
                     nearest ? "\"" : "");
    return NULL;
}

/* Without a file no process runs under an own name: what a command only reads needs none.
 */
static const char *const no_file[] = {"relais.territory=dep93", "relais.instance=cli"};

static struct relais_conf *load(const struct cli *cli, const char *path,
                                struct relais_error *err)
{
    const char *all[CLI_OVERRIDES_MAX + 2];
    size_t count = 0;

    for (size_t i = 0; !path && i < 2; i++)
        all[count++] = no_file[i];
    for (size_t i = 0; i < cli->override_count; i++)
        all[count++] = cli->overrides[i];
    return relais_conf_load(path, all, count, err);
}

struct relais_conf *cli_conf(const struct cli *cli, const char *path,
                             const struct relais_connector *also,
                             struct relais_error *err)
{
    struct relais_conf *conf = load(cli, path, err);
    const struct relais_connector *connector = NULL;

    if (!conf)
        return NULL;
    relais_conf_admit(conf, relais_conf_common);
    relais_conf_admit(conf, relais_source_keys);
    relais_conf_admit(conf, relais_sink_keys);
    if (relais_conf_text(conf, "connector", "name")) {
        connector = cli_connector(conf, err);
        if (!connector)
            goto failed;
        relais_conf_admit(conf, connector->keys);
    }
    if (also && also != connector)
        relais_conf_admit(conf, also->keys);
    if (relais_conf_check(conf, err))
        goto failed;
    relais_log_level_named(relais_conf_text(conf, "ops", "log_level"));
    return conf;
failed:
    relais_conf_free(conf);
    return NULL;
}
