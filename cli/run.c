/* relais source, relais sink, relais publish: one connector in one direction. */
#include "cli/commands.h"
#include "consumers/sink_run.h"
#include "producers/source_run.h"
#include "schemas/catalog.h"

#include <stdio.h>
#include <string.h>

static int run_source(struct cli *cli)
{
    struct relais_error err = RELAIS_ERROR_INIT;
    struct relais_conf *conf = cli_conf(cli, cli->args[0], NULL, &err);
    const struct relais_connector *connector = conf ? cli_connector(conf, &err) : NULL;
    struct relais_source_options options = {.once = cli_value(cli, "once") != NULL,
                                            .renvoi = cli_value(cli, "renvoi") != NULL};
    int status;

    if (connector && !connector->source)
        relais_error_set(&err, RELAIS_E_CONF_VALUE, "connector.name",
                         "ce connecteur est un puits : relais sink");
    status =
        err.code ? cli_fail(cli, &err) : relais_source_run(conf, connector, &options);
    relais_conf_free(conf);
    return status;
}

static int run_sink(struct cli *cli)
{
    struct relais_error err = RELAIS_ERROR_INIT;
    bool ddl = cli->arg_count == 2 && strcmp(cli->args[0], "ddl") == 0;
    const struct relais_connector *connector = NULL;
    struct relais_conf *conf = NULL;
    int status;

    if (cli->arg_count == 2 && !ddl)
        relais_error_set(&err, RELAIS_E_USAGE, "sink",
                         "deux arguments : ddl et le fichier INI");
    else
        conf = cli_conf(cli, cli->args[cli->arg_count - 1], NULL, &err);
    if (conf)
        connector = cli_connector(conf, &err);
    if (connector && !connector->sink)
        relais_error_set(&err, RELAIS_E_CONF_VALUE, "connector.name",
                         "ce connecteur est une source : relais source");
    if (ddl && connector && connector != &relais_sink_postgres)
        relais_error_set(&err, RELAIS_E_CONF_VALUE, "connector.name",
                         "seul sink_postgres a des tables");
    if (err.code)
        status = cli_fail(cli, &err);
    else
        status = ddl ? cli_sink_ddl(cli, conf)
                     : relais_sink_run(conf, connector,
                                       &(struct relais_sink_options){
                                           .once = cli_value(cli, "once") != NULL});
    relais_conf_free(conf);
    return status;
}

static const struct relais_contract *contract_of(const char *name,
                                                 struct relais_error *err)
{
    const struct relais_contract *contract = relais_catalog_find(name);
    const char *names[64], *nearest;
    size_t count = 0;

    if (contract && contract->family[0] && strcmp(contract->family, "control") != 0)
        return contract;
    for (const struct relais_contract *c;
         count < 62 && (c = relais_catalog_at(count / 2));) {
        const char *dot = strrchr(c->name, '.');

        names[count++] = c->family;
        names[count++] = dot ? dot + 1 : c->name;
    }
    nearest = relais_nearest(name, names, count);
    relais_error_set(err, RELAIS_E_USAGE, "publish",
                     "ni famille d'un seul message, ni message connu%s%s",
                     nearest ? " ; le plus proche est " : "", nearest ? nearest : "");
    return NULL;
}

static int run_publish(struct cli *cli)
{
    struct relais_error err = RELAIS_ERROR_INIT;
    const struct relais_connector *json = relais_connector_find("source_json");
    const struct relais_source_options options = {.once = true};
    const struct relais_contract *contract = contract_of(cli->args[0], &err);
    struct relais_conf *conf = NULL;
    char schema[160];
    int status;

    if (contract && !cli_value(cli, "config"))
        relais_error_set(&err, RELAIS_E_USAGE, "-c", "le fichier INI est attendu");
    if (contract && cli->override_count < CLI_OVERRIDES_MAX) {
        snprintf(schema, sizeof(schema), "connector.schema=%s", contract->name);
        cli->overrides[cli->override_count++] = schema;
    }
    if (!err.code)
        conf = cli_conf(cli, cli_value(cli, "config"), json, &err);
    status = err.code ? cli_fail(cli, &err) : relais_source_run(conf, json, &options);
    relais_conf_free(conf);
    return status;
}

static const struct cli_option source_options[] = {
    {.name = "once", .doc = "s'arrête quand l'arriéré est publié et acquitté"},
    {.name = "renvoi",
     .doc = "republie d'abord l'état présent de chaque objet (contrat A8)"},
    {.name = NULL},
};

const struct cli_command cli_source = {
    .name = "source",
    .arguments = "FICHIER.ini",
    .summary = "Publie ce que donne un connecteur source",
    .text = "Contrôle, protège, compare à l'état déjà publié, publie. Ce qui est faux va "
            "dans\n"
            "<topic>.dlq avec son motif ; le reste continue. Arrêt : SIGTERM, 30 s au "
            "plus.\n",
    .options = source_options,
    .arg_min = 1,
    .arg_max = 1,
    .run = run_source,
};

static const struct cli_option sink_options[] = {
    {.name = "once", .doc = "s'arrête à la fin qu'avaient les topics au départ"},
    {.name = "famille", .argument = "FAMILLE", .doc = "ddl : cette famille seulement"},
    {.name = "historique", .doc = "ddl : aussi les tables d'historique"},
    {.name = NULL},
};

const struct cli_command cli_sink = {
    .name = "sink",
    .arguments = "[ddl] FICHIER.ini",
    .summary = "Remet les événements de topics à un connecteur puits",
    .text = "La position n'avance qu'une fois les événements à l'abri dans le puits. Ce "
            "que le\n"
            "puits refuse va tel quel dans <topic>.dlq. Arrêt : SIGTERM, 30 s au plus.\n"
            "ddl : imprime le SQL des tables de sink_postgres.\n",
    .options = sink_options,
    .arg_min = 1,
    .arg_max = 2,
    .run = run_sink,
};

static const struct cli_option publish_options[] = {
    {.letter = 'c', .name = "config", .argument = "FICHIER.ini", .doc = "configuration"},
    {.name = NULL},
};

const struct cli_command cli_publish = {
    .name = "publish",
    .arguments = "FAMILLE|MESSAGE -c FICHIER.ini",
    .summary = "Publie des événements donnés en JSON, une ligne chacun",
    .text =
        "Lit l'entrée standard : une ligne JSON de valeurs en clair par événement, "
        "contrôlée,\n"
        "protégée et numérotée comme le fait toute source. Sont exigés : l'identifiant "
        "de\n"
        "l'objet, entete.dossier, entete.survenu_le, entete.constate_le.\n\n"
        "FAMILLE : eligibility, placements. MESSAGE : EvenementDroit, EvenementMesure,\n"
        "EvenementPaiement, EvenementIndu.\n",
    .options = publish_options,
    .arg_min = 1,
    .arg_max = 1,
    .run = run_publish,
};
