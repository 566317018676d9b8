/* relais broker, relais registry: the embedded servers. */
#include "cli/commands.h"
#include "consumers/broker.h"
#include "core/log.h"
#include "core/loop.h"
#include "schemas/registry_server.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#define REGISTRY_LISTEN "127.0.0.1:8081"

static void wait_for_stop(void)
{
    relais_loop_notify("READY=1");
    while (!relais_loop_stopping())
        relais_loop_sleep_ms(60000);
    relais_loop_notify("STOPPING=1");
}

static int run_registry(struct cli *cli)
{
    struct relais_error err = RELAIS_ERROR_INIT;
    const char *listen = cli_value(cli, "listen"), *dir = cli_value(cli, "dir");
    struct relais_registry_server *server;

    relais_loop_init();
    server = relais_registry_server_new(listen ? listen : REGISTRY_LISTEN, dir, &err);
    if (!server)
        return cli_fail(cli, &err);
    printf("[registry]\nurl = http://127.0.0.1:%d\n",
           relais_registry_server_port(server));
    fflush(stdout);
    relais_log(RELAIS_LOG_INFO, "registry port=%d dir=%s",
               relais_registry_server_port(server), dir ? dir : "-");
    wait_for_stop();
    relais_registry_server_free(server);
    return 0;
}

/* Written beside and renamed: who waits for the file never reads half of it. */
static int write_bootstrap(const char *path, const char *bootstrap,
                           struct relais_error *err)
{
    char part[4096];
    FILE *file;
    int n = snprintf(part, sizeof(part), "%s.part", path);

    if (n < 0 || (size_t)n >= sizeof(part))
        return relais_error_set(err, RELAIS_E_USAGE, "--bootstrap-file", "nom trop long");
    file = fopen(part, "w");
    if (!file)
        return relais_error_set(err, RELAIS_E_CONF_FILE, "--bootstrap-file", "%s",
                                strerror(errno));
    n = fprintf(file, "%s\n", bootstrap);
    if (fclose(file) || n < 0 || rename(part, path)) {
        relais_error_set(err, RELAIS_E_CONF_FILE, "--bootstrap-file", "%s",
                         strerror(errno));
        unlink(part);
        return -1;
    }
    return 0;
}

static const struct relais_conf_key broker_keys[] = {
    {.section = "relais",
     .name = "territory",
     .type = RELAIS_CONF_TEXT,
     .def = "dep93",
     .doc = "Territoire dont les topics sont créés"},
    {.section = NULL},
};

static const char limits[] = "Limites : boucle locale et port au hasard ; mémoire "
                             "seulement ; 100 000 messages ou 5 Mio\n"
                             "par partition, les plus anciens partent ; 6 partitions ; "
                             "ni TLS, ni droits, ni appels\n"
                             "d'administration, ni lecture à partir d'une date. Pour "
                             "essayer, jamais en production.\n";

static int run_broker(struct cli *cli)
{
    struct relais_error err = RELAIS_ERROR_INIT;
    const char *file = cli_value(cli, "bootstrap-file");
    const char *listen = cli_value(cli, "registry");
    const char *brokers = cli_value(cli, "brokers");
    struct relais_conf *conf = cli_conf_of(cli, broker_keys, &err);
    struct relais_registry_server *server = NULL;
    struct relais_broker *broker = NULL;
    long count = 1;
    int status = 0;

    relais_loop_init();
    if (!conf || (brokers && cli_number(brokers, "--brokers", 1, 3, &count, &err)))
        goto out;
    server = relais_registry_server_new(listen ? listen : REGISTRY_LISTEN, NULL, &err);
    if (!server)
        goto out;
    broker = relais_broker_new(relais_conf_text(conf, "relais", "territory"), (int)count,
                               &err);
    if (!broker || (file && write_bootstrap(file, relais_broker_bootstrap(broker), &err)))
        goto out;
    fprintf(stderr, "%s", limits);
    printf("[kafka]\nbootstrap.servers = %s\n[registry]\nurl = http://127.0.0.1:%d\n",
           relais_broker_bootstrap(broker), relais_registry_server_port(server));
    fflush(stdout);
    wait_for_stop();
out:
    if (err.code)
        status = cli_fail(cli, &err);
    relais_broker_free(broker);
    relais_registry_server_free(server);
    relais_conf_free(conf);
    return status;
}

static const struct cli_option registry_options[] = {
    {.name = "listen",
     .argument = "ADRESSE:PORT",
     .doc = "où écouter (" REGISTRY_LISTEN " ; port 0 : au hasard)"},
    {.name = "dir",
     .argument = "DOSSIER",
     .doc = "où garder les schémas et leurs numéros ; sans lui, en mémoire"},
    {.name = NULL},
};

const struct cli_command cli_registry = {
    .name = "registry",
    .summary = "Sert un registre de schémas (appels de Confluent Schema Registry)",
    .text = "Écrit sur la sortie standard les lignes à mettre dans un fichier INI.\n",
    .options = registry_options,
    .run = run_registry,
};

static const struct cli_option broker_options[] = {
    {.name = "bootstrap-file",
     .argument = "FICHIER",
     .doc = "y écrit hôte:port une fois les topics créés"},
    {.name = "registry",
     .argument = "ADRESSE:PORT",
     .doc = "où écoute son registre (" REGISTRY_LISTEN " ; port 0 : au hasard)"},
    {.name = "brokers", .argument = "N", .doc = "1 à 3 brokers simulés (1)"},
    {.name = NULL},
};

const struct cli_command cli_broker = {
    .name = "broker",
    .summary = "Un Kafka et un registre d'essai, en mémoire, sans rien installer",
    .text = "Crée les topics du territoire (-X relais.territory=dep93), puis écrit sur "
            "la sortie\n"
            "standard les lignes à mettre dans un fichier INI.\n\n"
            "Limites : boucle locale et port au hasard ; mémoire seulement ; 100 000 "
            "messages ou\n"
            "5 Mio par partition, les plus anciens partent ; 6 partitions ; ni TLS, ni "
            "droits, ni\n"
            "appels d'administration, ni lecture à partir d'une date. Jamais en "
            "production.\n",
    .options = broker_options,
    .run = run_broker,
};
