/* relais depot list|release|refuse|rebuild: the files that a source has seen. */
#include "cli/commands.h"
#include "producers/depot.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *const states[] = {
    [RELAIS_DEPOT_INTEGRATED] = "intégré",
    [RELAIS_DEPOT_HELD] = "retenu",
    [RELAIS_DEPOT_REFUSED] = "refusé",
};

static int print_row(void *user, const struct relais_depot_row *row)
{
    size_t *count = user;

    ++*count;
    printf("%.16s  %-8s %-28s  %s\n", row->hash, states[row->state], row->header,
           row->name);
    if (row->state == RELAIS_DEPOT_INTEGRATED)
        printf("%18spubliés %" PRId64 ", inchangés %" PRId64 ", périmés %" PRId64
               ", remplacés %" PRId64 ", parqués %" PRId64 "\n",
               "", row->published, row->unchanged, row->stale, row->superseded,
               row->parked);
    if (row->motif[0])
        printf("%18s%s\n", "", row->motif);
    return 0;
}

static int list(const struct relais_conf *conf, struct relais_error *err)
{
    size_t count = 0;

    if (relais_depot_list(conf, print_row, &count, err))
        return -1;
    if (count == 0)
        printf("aucun fichier vu\n");
    return 0;
}

/* The order to the source: retenus/NAME.ordre, whole at once, for it to act on. */
static int order(const struct relais_conf *conf, const char *name, const char *word,
                 struct relais_error *err)
{
    const char *depot = relais_conf_text(conf, "connector", "depot");
    char path[4096], part[4096];
    struct stat st;
    int fd, n;

    if (!depot)
        return relais_error_set(err, RELAIS_E_CONF_VALUE, "connector.depot",
                                "ce connecteur n'a pas de dossier de dépôt");
    if (strchr(name, '/'))
        return relais_error_set(err, RELAIS_E_USAGE, "depot",
                                "le nom seul du fichier est attendu, sans dossier");
    n = snprintf(path, sizeof(path), "%s/retenus/%s", depot, name);
    if (n < 0 || (size_t)n >= sizeof(path) - sizeof(".ordre.part"))
        return relais_error_set(err, RELAIS_E_USAGE, "depot", "nom trop long");
    if (stat(path, &st) || !S_ISREG(st.st_mode))
        return relais_error_set(
            err, RELAIS_E_USAGE, name,
            "aucun fichier retenu de ce nom ; voir relais depot list");
    snprintf(part, sizeof(part), "%s/retenus/.%s.part", depot, name);
    snprintf(path + n, sizeof(path) - (size_t)n, ".ordre");
    fd = open(part, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0640);
    if (fd < 0)
        return relais_error_set(err, RELAIS_E_IO, "retenus/", "%s", strerror(errno));
    n = dprintf(fd, "%s\n", word);
    if (close(fd) || n < 0 || rename(part, path)) {
        relais_error_set(err, RELAIS_E_IO, "retenus/", "%s", strerror(errno));
        unlink(part);
        return -1;
    }
    printf(
        "ordre donné : %s %s ; la source l'exécute à son prochain passage (30 s au plus, "
        "ou au démarrage)\n",
        word, name);
    return 0;
}

static int rebuild(const struct relais_conf *conf, bool force, struct relais_error *err)
{
    int64_t objects = 0;

    if (relais_depot_rebuild(conf, force, &objects, err))
        return -1;
    printf("état reconstruit d'après les topics : %" PRId64 " objets%s\n", objects,
           objects ? "" : " (des faits n'en ont pas)");
    return 0;
}

static int run(struct cli *cli)
{
    struct relais_error err = RELAIS_ERROR_INIT;
    const char *verb = cli->args[0], *path = cli_value(cli, "config");
    bool named = strcmp(verb, "release") == 0 || strcmp(verb, "refuse") == 0;
    struct relais_conf *conf = NULL;
    int status = 0, rc = -1;

    if (named != (cli->arg_count == 2))
        relais_error_set(&err, RELAIS_E_USAGE, "depot", "%s",
                         named ? "le nom du fichier retenu est attendu"
                               : "list, release NOM, refuse NOM ou rebuild");
    else if (!path)
        relais_error_set(&err, RELAIS_E_USAGE, "-c", "le fichier INI est attendu");
    else
        conf = cli_conf(cli, path, NULL, &err);
    if (!conf)
        return cli_fail(cli, &err);
    if (strcmp(verb, "list") == 0)
        rc = list(conf, &err);
    else if (named)
        rc = order(conf, cli->args[1], verb[2] == 'l' ? "liberer" : "refuser", &err);
    else if (strcmp(verb, "rebuild") == 0)
        rc = rebuild(conf, cli_value(cli, "force") != NULL, &err);
    else
        relais_error_set(&err, RELAIS_E_USAGE, "depot",
                         "list, release NOM, refuse NOM ou rebuild");
    if (rc)
        status = cli_fail(cli, &err);
    relais_conf_free(conf);
    return status;
}

static const struct cli_option options[] = {
    {.letter = 'c', .name = "config", .argument = "FICHIER.ini", .doc = "configuration"},
    {.name = "force",
     .doc = "rebuild : accepte des topics dont le début a été effacé (rétention)"},
    {.name = NULL},
};

const struct cli_command cli_depot = {
    .name = "depot",
    .arguments = "list|release NOM|refuse NOM|rebuild -c FICHIER.ini",
    .summary = "Montre les fichiers vus ; libère ou refuse un fichier retenu",
    .text =
        "  list      les fichiers, du plus ancien au plus récent, avec leurs comptes\n"
        "  release   un fichier retenu (dossier retenus/) est intégré malgré son motif\n"
        "  refuse    un fichier retenu va dans refuses/\n"
        "  rebuild   refait le dossier d'état (vide) d'après les topics, source "
        "arrêtée\n",
    .options = options,
    .arg_min = 1,
    .arg_max = 2,
    .run = run,
};
