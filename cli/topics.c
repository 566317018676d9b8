/* relais topics plan|apply: the topics of the territory as they must be. */
#include "cli/commands.h"
#include "consumers/topics.h"

#include <stdio.h>

struct tally {
    size_t change, wrong;
};

static int print_row(void *user, const struct relais_topic_plan *row)
{
    struct tally *tally = user;

    printf("%c %-32s %s\n",
           row->wrong    ? '!'
           : row->change ? '+'
                         : '=',
           row->topic, row->what);
    tally->change += row->change;
    tally->wrong += row->wrong;
    return 0;
}

static int run(struct cli *cli)
{
    struct relais_error err = RELAIS_ERROR_INIT;
    const char *verb = cli->args[0], *path = cli_value(cli, "config");
    bool apply = strcmp(verb, "apply") == 0;
    struct tally tally = {0, 0};
    struct relais_conf *conf = NULL;
    int status = 0;

    if (!apply && strcmp(verb, "plan") != 0)
        relais_error_set(&err, RELAIS_E_USAGE, "topics", "plan ou apply");
    else if (!path)
        relais_error_set(&err, RELAIS_E_USAGE, "-c", "le fichier INI est attendu");
    else
        conf = cli_conf(cli, path, NULL, &err);
    if (!conf || relais_topics(conf, apply, print_row, &tally, &err))
        status = cli_fail(cli, &err);
    else if (tally.wrong || (tally.change && !apply))
        status = 1;
    relais_conf_free(conf);
    return status;
}

static const struct cli_option options[] = {
    {.letter = 'c', .name = "config", .argument = "FICHIER.ini", .doc = "configuration"},
    {.name = NULL},
};

const struct cli_command cli_topics = {
    .name = "topics",
    .arguments = "plan|apply -c FICHIER.ini",
    .summary = "Compare ou met en place les topics du territoire",
    .text =
        "  plan    dit ce qui manque ou diffère ; sort avec 1 s'il y a à faire\n"
        "  apply   crée ce qui manque, corrige les réglages ; les partitions jamais\n\n"
        "= conforme   + à créer ou corriger (fait, avec apply)   ! ne peut être corrigé\n"
        "Le broker embarqué n'a pas d'appels d'administration : il crée lui-même ses "
        "topics.\n",
    .options = options,
    .arg_min = 1,
    .arg_max = 1,
    .run = run,
};
