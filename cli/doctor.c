/* relais doctor: tries everything a process needs before it is started. */
#include "cli/doctor.h"
#include "cli/commands.h"
#include "core/loop.h"
#include "producers/depot.h"
#include "schemas/catalog.h"
#include "schemas/codes.h"
#include "schemas/keyring.h"
#include "schemas/registry.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define STATE_FREE_MIN (256u << 20)

RELAIS_PRINTF(3, 0)
static void line(const char *mark, const char *what, const char *fmt, va_list ap)
{
    int width = 12;

    for (const char *c = what; *c; c++)
        width += ((unsigned char)*c & 0xc0) == 0x80; /* bytes that take no column */
    printf("%-2s  %-*s ", mark, width, what);
    vprintf(fmt, ap);
    printf("\n");
}

void doctor_ok(const char *what, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    line("ok", what, fmt, ap);
    va_end(ap);
}

void doctor_unknown(const char *what, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    line("?", what, fmt, ap);
    va_end(ap);
}

void doctor_wrong(struct doctor *d, const char *what, const char *todo, const char *fmt,
                  ...)
{
    va_list ap;

    va_start(ap, fmt);
    line("!!", what, fmt, ap);
    va_end(ap);
    if (todo)
        printf("    %-12s à faire : %s\n", "", todo);
    d->wrong++;
}

static const struct {
    enum relais_code code;
    const char *todo;
} advice[] = {
    {RELAIS_E_BROKER_DOWN,
     "vérifier kafka.bootstrap.servers, le pare-feu, TLS ; pour essayer : relais broker"},
    {RELAIS_E_REGISTRY_DOWN,
     "vérifier registry.url et que le registre tourne ; pour essayer : relais registry"},
    {RELAIS_E_REGISTRY_REFUSED,
     "vérifier registry.user, ses droits, et que cette adresse est bien un registre"},
    {RELAIS_E_TOPIC_MISSING, "relais topics apply -c FICHIER.ini"},
    {RELAIS_E_RIGHTS, "demander le droit à l'administrateur de Kafka"},
    {RELAIS_E_KEYRING,
     "relais keys check FICHIER ; chmod 600 ; au besoin relais keys init"},
    {RELAIS_E_STATE_EMPTY, "relais depot rebuild -c FICHIER.ini"},
    {RELAIS_E_STATE_AHEAD, "relais source FICHIER.ini --renvoi, si le topic a été vidé"},
    {RELAIS_E_STATE_BROKEN,
     "mettre de côté le dossier d'état, puis relais depot rebuild -c FICHIER.ini"},
    {RELAIS_E_DISK_FULL, "libérer de la place"},
    {RELAIS_E_PG_DOWN, "vérifier connector.dsn, le serveur, le pare-feu"},
    {RELAIS_E_PG_RIGHTS, "vérifier le rôle, son mot de passe, ses droits, pg_hba.conf"},
    {RELAIS_E_SLOT_MISSING, "relais slot create FICHIER.ini"},
    {RELAIS_E_SLOT_LOST, "relais slot drop --oui, create, resnapshot"},
    {RELAIS_E_SLOT_FOREIGN, "un autre nom en connector.slot"},
    {RELAIS_E_SLOT_ORIGIN, "un autre nom en connector.slot, create, resnapshot"},
    {RELAIS_E_PUBLICATION, "passer ce SQL, par le propriétaire des tables"},
};

void doctor_error(struct doctor *d, const char *what, const struct relais_error *err)
{
    const char *todo = NULL;

    for (size_t i = 0; i < sizeof(advice) / sizeof(*advice); i++)
        if (advice[i].code == err->code)
            todo = advice[i].todo;
    doctor_wrong(d, what, todo, "%s%s%s (%s)", err->where, err->where[0] ? " : " : "",
                 err->text[0] ? err->text : relais_error_meaning(err->code),
                 relais_error_name(err->code));
}

static void keys(struct doctor *d)
{
    const char *path = relais_conf_text(d->conf, "keys", "file");
    struct relais_error err = RELAIS_ERROR_INIT;
    struct relais_keyring *ring;

    if (!path) {
        if (d->connector && d->connector->source)
            doctor_wrong(d, "clés", "relais keys init FICHIER, puis keys.file = FICHIER",
                         "aucun trousseau : une source ne peut rien protéger");
        else
            doctor_ok("clés", "aucun trousseau : les champs chiffrés restent fermés");
        return;
    }
    ring = relais_keyring_open(path, &err);
    if (!ring)
        doctor_error(d, "clés", &err);
    else if (d->connector && d->connector->source &&
             !(relais_keyring_has(ring, RELAIS_USAGE_PSEUDONYME) &&
               relais_keyring_has(ring, RELAIS_USAGE_NONCE)))
        doctor_wrong(d, "clés", "donner le trousseau entier du territoire",
                     "%s est un trousseau de lecteur : il ne permet pas de publier",
                     path);
    else
        doctor_ok("clés", "%s", path);
    relais_keyring_free(ring);
}

static void codes(struct doctor *d)
{
    struct relais_error err = RELAIS_ERROR_INIT;
    struct relais_codes *codes =
        relais_codes_new(relais_conf_text(d->conf, "codes", "dir"), &err);
    const char *territory = relais_conf_text(d->conf, "relais", "territory");

    if (!codes)
        doctor_error(d, "codes", &err);
    else if (!relais_codes_territory(codes, territory))
        doctor_wrong(d, "codes", "corriger relais.territory (dep93, dep69m, dep20r…)",
                     "territoire inconnu : %s", territory);
    else
        doctor_ok("codes", "version %s", relais_codes_version(codes));
    relais_codes_free(codes);
}

/* A folder that is to be there (or made) and written to. */
static void folder(struct doctor *d, const char *what, const char *path, bool may_miss)
{
    struct statvfs fs;
    struct stat st;

    if (stat(path, &st)) {
        if (errno == ENOENT && may_miss)
            doctor_ok(what, "%s sera créé au démarrage", path);
        else
            doctor_wrong(d, what, "le créer, pour l'utilisateur du service", "%s : %s",
                         path, strerror(errno));
    } else if (!S_ISDIR(st.st_mode)) {
        doctor_wrong(d, what, "en faire un dossier", "%s n'est pas un dossier", path);
    } else if (access(path, R_OK | W_OK | X_OK)) {
        doctor_wrong(d, what, "donner lecture et écriture à l'utilisateur du service",
                     "%s : %s", path, strerror(errno));
    } else if (statvfs(path, &fs) == 0 &&
               (uint64_t)fs.f_bavail * fs.f_frsize < STATE_FREE_MIN) {
        doctor_wrong(d, what, "libérer de la place", "%s : moins de 256 Mio libres",
                     path);
    } else {
        doctor_ok(what, "%s", path);
    }
}

static void readable(struct doctor *d, const char *what, const char *path)
{
    struct stat st;

    if (access(path, R_OK))
        doctor_wrong(d, what, "le mettre là, lisible à l'utilisateur du service",
                     "%s : %s", path, strerror(errno));
    else if (stat(path, &st) == 0 && S_ISDIR(st.st_mode))
        doctor_wrong(d, what, "nommer un fichier", "%s est un dossier", path);
    else
        doctor_ok(what, "%s", path);
}

static void secret(struct doctor *d, const char *what, const char *path)
{
    struct relais_error err = RELAIS_ERROR_INIT;
    char *text = relais_conf_secret(path, &err);

    if (text) {
        explicit_bzero(text, strlen(text));
        doctor_ok(what, "%s", path);
    } else {
        doctor_wrong(d, what,
                     "y mettre le secret, sur une ligne ; chmod 600, à l'utilisateur du "
                     "service",
                     "%s : %s", path, err.text);
    }
    free(text);
}

/* Of a file that a sink makes or goes on with. */
static void written(struct doctor *d, const char *what, const char *path)
{
    char parent[4096];
    char *slash;
    struct stat st;

    if (stat(path, &st) == 0) {
        if (S_ISDIR(st.st_mode))
            doctor_wrong(d, what, "nommer un fichier", "%s est un dossier", path);
        else if (access(path, W_OK))
            doctor_wrong(d, what, "donner écriture à l'utilisateur du service", "%s : %s",
                         path, strerror(errno));
        else
            doctor_ok(what, "%s", path);
        return;
    }
    snprintf(parent, sizeof(parent), "%s", path);
    slash = strrchr(parent, '/');
    if (slash && slash != parent)
        *slash = '\0';
    folder(d, what, slash ? parent : ".", false);
}

static bool ends_with(const char *name, const char *end)
{
    size_t len = strlen(name), end_len = strlen(end);

    return len >= end_len && strcmp(name + len - end_len, end) == 0;
}

/* Every PATH key of the connector names a folder or a file: a secret and a mapping are
 * read; any other is read by a source, whose folders are there, and written by a sink. */
static void folders(struct doctor *d)
{
    bool source = d->connector && d->connector->source;

    if (source)
        folder(d, "état", relais_conf_text(d->conf, "relais", "state"), true);
    for (const struct relais_conf_key *key = d->connector ? d->connector->keys : NULL;
         key && key->section; key++) {
        const char *path = key->type == RELAIS_CONF_PATH
                               ? relais_conf_text(d->conf, key->section, key->name)
                               : NULL;
        struct stat st;

        if (!path)
            continue;
        if (ends_with(key->name, "password_file"))
            secret(d, key->name, path);
        else if (ends_with(key->name, "_file") || strcmp(key->name, "mapping") == 0 ||
                 (source && (strcmp(key->name, "file") == 0 ||
                             (stat(path, &st) == 0 && !S_ISDIR(st.st_mode)))))
            readable(d, key->name, path);
        else if (source)
            folder(d, key->name, path, false);
        else
            written(d, key->name, path);
    }
}

static int count_row(void *user, const struct relais_depot_row *row)
{
    size_t *counts = user;

    counts[row->state]++;
    return 0;
}

static void state(struct doctor *d)
{
    const char *path = relais_conf_text(d->conf, "relais", "state");
    struct relais_error err = RELAIS_ERROR_INIT;
    size_t counts[3] = {0, 0, 0};
    struct stat st;

    if (!d->connector || !d->connector->source || stat(path, &st))
        return;
    if (relais_depot_list(d->conf, count_row, counts, &err))
        doctor_error(d, "état", &err);
    else
        doctor_ok("état", "%zu fichiers intégrés, %zu retenus, %zu refusés",
                  counts[RELAIS_DEPOT_INTEGRATED], counts[RELAIS_DEPOT_HELD],
                  counts[RELAIS_DEPOT_REFUSED]);
}

static void registry(struct doctor *d)
{
    struct relais_error err = RELAIS_ERROR_INIT;
    struct relais_registry *reg = relais_registry_new(d->conf, &err);
    const struct relais_contract *contract = relais_catalog_at(0);
    char level[64];

    if (!reg || relais_registry_level(reg, contract->name, level, sizeof(level), &err)) {
        doctor_error(d, "registre", &err);
        relais_registry_free(reg);
        return;
    }
    doctor_ok("registre", "%s répond", relais_conf_text(d->conf, "registry", "url"));
    for (size_t i = 0; (contract = relais_catalog_at(i)); i++) {
        int32_t id;

        relais_error_clear(&err);
        if (relais_registry_lookup(reg, contract->name, contract->text, &id, &err) == 0)
            doctor_ok("schéma", "%s : numéro %d", contract->name, id);
        else if (err.code == RELAIS_E_SCHEMA_UNKNOWN)
            doctor_ok("schéma", "%s : sera inscrit par la première source",
                      contract->name);
        else
            doctor_error(d, "schéma", &err);
    }
    relais_registry_free(reg);
}

static int run(struct cli *cli)
{
    struct relais_error err = RELAIS_ERROR_INIT;
    struct relais_arena arena = RELAIS_ARENA_INIT(1u << 20);
    struct doctor d = {0};
    struct relais_conf *conf = cli_conf(cli, cli->args[0], NULL, &err);

    if (!conf)
        return cli_fail(cli, &err);
    d.conf = conf;
    doctor_ok("fichier", "%s", cli->args[0]);
    if (relais_conf_text(conf, "connector", "name")) {
        d.connector = cli_connector(conf, &err);
        doctor_ok("connecteur", "%s : %s", d.connector->name, d.connector->summary);
    }
    doctor_source(&d);
    doctor_sink(&d, &arena);
    keys(&d);
    codes(&d);
    folders(&d);
    state(&d);
    doctor_postgres(&d);
    doctor_kafka(&d);
    registry(&d);
    if (d.wrong)
        printf("\n%d problème%s à régler.\n", d.wrong, d.wrong > 1 ? "s" : "");
    else
        printf("\nTout est en ordre.\n");
    relais_arena_release(&arena);
    relais_conf_free(conf);
    return d.wrong ? 1 : 0;
}

static const struct cli_option options[] = {{.name = NULL}};

const struct cli_command cli_doctor = {
    .name = "doctor",
    .arguments = "FICHIER.ini",
    .summary = "Essaie Kafka, droits, topics, registre, dossiers, clés ; dit quoi faire",
    .text =
        "ok : en ordre.   ? : ne peut être su d'ici.   !! : à régler, avec ce qu'il faut "
        "faire.\nNe modifie rien. Sort avec 1 s'il reste quelque chose à régler.\n",
    .options = options,
    .arg_min = 1,
    .arg_max = 1,
    .run = run,
};
