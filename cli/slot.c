/* relais slot: the replication slot of a PostgreSQL source. */
#include "cli/commands.h"
#include "connectors/pg_slot.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static int status(struct cli *cli, const struct pg_slot *s, struct pg_conn *c)
{
    struct relais_error err = RELAIS_ERROR_INIT;
    struct pg_slot_state state;

    if (pg_slot_look(s, c, &state, &err))
        return cli_fail(cli, &err);
    printf("slot %s : %s\n", s->name,
           !state.exists  ? "absent"
           : !state.ours  ? "d'un autre usage"
           : state.active ? "lu en ce moment"
                          : "libre");
    printf("publication %s : %s\n", s->publication,
           state.published ? "présente" : "absente");
    if (state.exists) {
        printf("confirmé %" PRIX64 "/%08" PRIX64 ", serveur %" PRIX64 "/%08" PRIX64 "\n",
               state.confirmed >> 32, state.confirmed & UINT32_MAX, state.server >> 32,
               state.server & UINT32_MAX);
        printf("WAL retenu : %" PRId64 " octets (%s)\n", state.retained,
               state.wal_status);
        if (state.safe >= 0)
            printf("avant perte du slot : %" PRId64 " octets\n", state.safe);
    }
    return pg_slot_verify(s, c, &state, &err) ? cli_fail(cli, &err) : 0;
}

static int confirmed_by_user(struct cli *cli, const char *what, struct relais_error *err)
{
    if (cli_value(cli, "oui"))
        return 0;
    return relais_error_set(err, RELAIS_E_USAGE, "slot", "%s ; le redire avec --oui",
                            what);
}

/* The next start of a table source reads all objects again. */
static int resnapshot(const struct relais_conf *conf, const struct pg_slot *s,
                      struct relais_error *err)
{
    char path[PATH_MAX];
    const char *name = relais_conf_text(conf, "connector", "name");

    if (!name || strcmp(name, "source_postgres_table") != 0)
        return relais_error_set(err, RELAIS_E_USAGE, "slot",
                                "seule source_postgres_table relit ses tables");
    if (snprintf(path, sizeof(path), "%s/chargement.%s",
                 relais_conf_text(conf, "relais", "state"), s->name) >= (int)sizeof(path))
        return relais_error_set(err, RELAIS_E_CONF_VALUE, "[relais] state",
                                "chemin trop long");
    if (unlink(path) && errno != ENOENT)
        return relais_error_set(err, RELAIS_E_IO, "chargement", "%s", strerror(errno));
    return pg_slot_forget(s, err);
}

static int act(struct cli *cli, const struct relais_conf *conf, const struct pg_slot *s,
               struct pg_conn *c, struct relais_error *err)
{
    const char *verb = cli->args[0], *to = cli_value(cli, "vers");

    if (strcmp(verb, "create") == 0)
        return pg_slot_create(s, c, err);
    if (strcmp(verb, "resnapshot") == 0)
        return resnapshot(conf, s, err);
    if (strcmp(verb, "drop") == 0)
        return confirmed_by_user(cli,
                                 "ce qui n'a pas été lu avant la suppression du slot "
                                 "n'arrivera jamais",
                                 err) ||
                       pg_slot_drop(s, c, err)
                   ? -1
                   : 0;
    if (strcmp(verb, "advance") == 0 && to)
        return confirmed_by_user(cli,
                                 "ce qui précède cette position et n'est pas publié est "
                                 "abandonné",
                                 err) ||
                       pg_slot_advance(s, c, to, err)
                   ? -1
                   : 0;
    return relais_error_set(err, RELAIS_E_USAGE, "slot",
                            "status, create, drop, resnapshot, ou advance --vers LSN");
}

static int run_slot(struct cli *cli)
{
    struct relais_error err = RELAIS_ERROR_INIT;
    struct relais_conf *conf = cli_conf(cli, cli->args[1], NULL, &err);
    struct pg_conn *c = NULL;
    struct pg_slot s;
    int rc = 0;

    if (conf && !relais_conf_text(conf, "connector", "dsn"))
        relais_error_set(&err, RELAIS_E_CONF_VALUE, "connector.name",
                         "une source PostgreSQL est attendue");
    if (!err.code && pg_slot_init(&s, conf, &err) == 0)
        c = pg_conn_open(conf, PG_USE_READ, &err);
    if (c && strcmp(cli->args[0], "status") == 0)
        rc = status(cli, &s, c);
    else if (c && act(cli, conf, &s, c, &err) == 0)
        printf("%s : %s fait\n", s.name, cli->args[0]);
    if (err.code)
        rc = cli_fail(cli, &err);
    pg_conn_close(c);
    relais_conf_free(conf);
    return rc;
}

static const struct cli_option options[] = {
    {.name = "vers", .argument = "LSN", .doc = "advance : jusqu'à cette position"},
    {.name = "oui", .doc = "drop, advance : faire ce qui perd des changements"},
    {.name = NULL},
};

const struct cli_command cli_slot = {
    .name = "slot",
    .arguments = "status|create|drop|advance|resnapshot FICHIER.ini",
    .summary = "Le slot de réplication d'une source PostgreSQL",
    .text =
        "status : ce qu'il retient, ce qui ne va pas, et la commande pour continuer.\n"
        "create : le fait ; la publication se fait en SQL (CREATE PUBLICATION).\n"
        "resnapshot : au prochain départ, source_postgres_table relit tous les "
        "objets.\n",
    .options = options,
    .arg_min = 2,
    .arg_max = 2,
    .run = run_slot,
};
