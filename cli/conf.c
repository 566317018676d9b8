/* relais conf check|doc|metrics: the configuration and its documentation. */
#include "cli/commands.h"
#include "consumers/sink_run.h"
#include "core/kafka.h"
#include "core/metrics.h"
#include "producers/source_run.h"

#include <stdio.h>

#define DOC_MAX (1u << 20)

static int doc(struct relais_buf *out)
{
    const struct relais_conf_key *const tables[] = {relais_conf_common,
                                                    relais_source_keys, relais_sink_keys};

    if (relais_buf_add_str(
            out,
            "# Configuration\n\nFait par `relais conf doc` ; ne pas modifier à la "
            "main.\n\n"
            "Un fichier INI ; `-X section.clé=valeur` remplace une clé. Une clé inconnue "
            "est une erreur.\nLes chemins relatifs partent du dossier du fichier. Les "
            "secrets se lisent dans des fichiers\n(`*_file`, mode 0600).\n") ||
        relais_conf_doc(tables, sizeof(tables) / sizeof(*tables), out))
        return -1;
    for (size_t i = 0; relais_connectors[i]; i++) {
        const struct relais_connector *connector = relais_connectors[i];

        if (relais_buf_printf(out, "\n## Connecteur %s\n\n%s\n", connector->name,
                              connector->summary) ||
            relais_conf_doc(&connector->keys, 1, out))
            return -1;
    }
    return 0;
}

static int print_doc(const struct cli *cli, int (*make)(struct relais_buf *out))
{
    struct relais_error err = RELAIS_ERROR_INIT;
    struct relais_buf out = RELAIS_BUF_INIT(DOC_MAX);
    int status = 0;

    if (make(&out)) {
        relais_error_set(&err, RELAIS_E_LIMIT, "conf", "documentation trop longue");
        status = cli_fail(cli, &err);
    } else {
        fwrite(out.data, 1, out.len, stdout);
    }
    relais_buf_release(&out);
    return status;
}

static int check(const struct cli *cli, const char *path)
{
    static const enum relais_kafka_role roles[] = {RELAIS_KAFKA_PRODUCER,
                                                   RELAIS_KAFKA_CONSUMER};
    struct relais_error err = RELAIS_ERROR_INIT;
    struct relais_conf *conf = cli_conf(cli, path, NULL, &err);
    int status = 0;

    for (size_t i = 0; conf && i < 2 && !err.code; i++) {
        rd_kafka_conf_t *kconf = relais_kafka_conf(conf, roles[i], &err);

        if (kconf)
            rd_kafka_conf_destroy(kconf);
    }
    if (err.code)
        status = cli_fail(cli, &err);
    else
        printf("%s : configuration correcte\n", path);
    relais_conf_free(conf);
    return status;
}

static int run(struct cli *cli)
{
    struct relais_error err = RELAIS_ERROR_INIT;
    const char *verb = cli->args[0];

    if (cli->arg_count == 1 && strcmp(verb, "doc") == 0)
        return print_doc(cli, doc);
    if (cli->arg_count == 1 && strcmp(verb, "metrics") == 0)
        return print_doc(cli, relais_metrics_doc);
    if (cli->arg_count == 2 && strcmp(verb, "check") == 0)
        return check(cli, cli->args[1]);
    relais_error_set(&err, RELAIS_E_USAGE, "conf", "check FICHIER.ini, doc ou metrics");
    return cli_fail(cli, &err);
}

static const struct cli_option options[] = {{.name = NULL}};

const struct cli_command cli_conf_cmd = {
    .name = "conf",
    .arguments = "check FICHIER.ini|doc|metrics",
    .summary = "Vérifie une configuration ; écrit la documentation des clés",
    .text = "  check     clés, types, bornes, réglages de Kafka ; sans rien joindre\n"
            "  doc       toutes les clés, en Markdown (docs/CONFIGURATION.md)\n"
            "  metrics   toutes les mesures de /metrics, en Markdown (docs/METRICS.md)\n",
    .options = options,
    .arg_min = 1,
    .arg_max = 2,
    .run = run,
};
