#include "cli/cli.h"
#include "cli/commands.h"

#include <librdkafka/rdkafka.h>

#include <stdio.h>

/* Read by jemalloc, where the command is linked with it: few threads allocate, and one
 * takes what another gave back; what is free for a second is the system's. */
__attribute__((visibility("default"))) const char *malloc_conf =
    "narenas:1,dirty_decay_ms:1000,muzzy_decay_ms:0";

static const struct cli_command *const cli_commands[] = {
    &cli_source, &cli_sink,   &cli_publish, &cli_subscribe, &cli_check, &cli_depot,
    &cli_dlq,    &cli_topics, &cli_doctor,  &cli_conf_cmd,  &cli_keys,  &cli_schema,
    &cli_slot,   &cli_import, &cli_broker,  &cli_registry,  NULL,
};

static void print_commands(FILE *to)
{
    fprintf(to, "Usage : relais COMMANDE [ARGUMENTS] [-X section.clé=valeur]...\n\n"
                "relais porte les événements des dossiers sociaux (droits, placements,\n"
                "paiements) en messages Avro sur Kafka.\n\nCommandes :\n");
    for (size_t i = 0; cli_commands[i]; i++)
        fprintf(to, "  %-12s %s\n", cli_commands[i]->name, cli_commands[i]->summary);
    fprintf(
        to,
        "\nL'aide de chacune : relais COMMANDE --help. La version : relais --version\n");
}

static const struct cli_command *find(const char *name)
{
    for (size_t i = 0; cli_commands[i]; i++)
        if (strcmp(cli_commands[i]->name, name) == 0)
            return cli_commands[i];
    return NULL;
}

static int unknown(const char *name)
{
    const char *names[32], *nearest;
    size_t count = 0;

    for (; cli_commands[count]; count++)
        names[count] = cli_commands[count]->name;
    nearest = relais_nearest(name, names, count);
    fprintf(stderr, "relais : commande inconnue \"%s\"", name);
    if (nearest)
        fprintf(stderr, " ; la plus proche est \"%s\"", nearest);
    fprintf(stderr, " ; voir relais --help\n");
    return relais_error_exit(RELAIS_E_USAGE);
}

/* Options before the command: --help, --version, -X. */
int main(int argc, char **argv)
{
    struct cli cli = {0};
    int at = 1, status;

    for (; at < argc && argv[at][0] == '-'; at++) {
        if (strcmp(argv[at], "--help") == 0 || strcmp(argv[at], "-h") == 0) {
            print_commands(stdout);
            return 0;
        }
        if (strcmp(argv[at], "--version") == 0 || strcmp(argv[at], "-V") == 0) {
            printf("relais %s (librdkafka %s)\n", RELAIS_VERSION, rd_kafka_version_str());
            return 0;
        }
        if (strncmp(argv[at], "-X", 2) != 0)
            return unknown(argv[at]);
        if (argv[at][2] == '\0' && at + 1 == argc)
            break;
        if (cli.override_count == CLI_OVERRIDES_MAX)
            return unknown(argv[at]);
        cli.overrides[cli.override_count++] = argv[at][2] ? argv[at] + 2 : argv[++at];
    }
    if (at >= argc) {
        print_commands(stderr);
        return relais_error_exit(RELAIS_E_USAGE);
    }
    cli.command = find(argv[at]);
    if (!cli.command)
        return unknown(argv[at]);
    status = cli_parse(&cli, argc - at, argv + at);
    return status >= 0 ? status : cli.command->run(&cli);
}
