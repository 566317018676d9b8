/* relais check: what a source would park or warn of in a file, without publishing. */
#include "cli/commands.h"
#include "schemas/check.h"

#include <inttypes.h>
#include <stdio.h>

#define BATCH_LIMIT (32u << 20)
#define CHECK_LIMIT (32u << 20)

struct check {
    const struct cli *cli;
    const struct relais_connector *connector;
    struct relais_checker checker;
    struct relais_batch batch;
    struct relais_arena arena;
    const char *path;
    int64_t records, problems, warnings;
};

/* FILE: block 3, case d1-...: FIELD: rule (CODE) */
static void say(struct check *c, const char *mark, struct relais_slice position,
                const char *pseudonym, const struct relais_error *why)
{
    printf("%s%s : ", mark, c->path);
    if (position.ptr)
        printf("bloc %.*s, dossier %s : ", (int)position.len, position.ptr,
               pseudonym && pseudonym[0] ? pseudonym : "sans numéro lisible");
    printf("%s%s%s (%s)\n", why->where, why->where[0] ? " : " : "",
           why->text[0] ? why->text : relais_error_meaning(why->code),
           relais_error_name(why->code));
}

static void take_record(struct check *c, const struct relais_record *rec)
{
    struct relais_error err = RELAIS_ERROR_INIT;
    char pseudonym[RELAIS_PSEUDONYM_LEN + 1];
    struct relais_checked checked;

    c->records++;
    relais_arena_reset(&c->arena);
    if (relais_check(&c->checker, rec, &c->arena, &checked, pseudonym, &err)) {
        say(c, "", rec->position, pseudonym, &err);
        c->problems++;
    }
    for (size_t i = 0; i < checked.warning_count; i++)
        say(c, "avertissement : ", rec->position, pseudonym, &checked.warnings[i]);
    c->warnings += (int64_t)checked.warning_count;
}

/* A record that could not be read: its case is named as the check stage would. */
static void take_parked(struct check *c, const struct relais_record *rec)
{
    struct relais_record alone = *rec;
    struct relais_error ignored = RELAIS_ERROR_INIT;
    char pseudonym[RELAIS_PSEUDONYM_LEN + 1] = "";
    struct relais_checked checked;
    struct relais_value *entete;

    relais_arena_reset(&c->arena);
    alone.kind = RELAIS_RECORD_SNAPSHOT;
    alone.value = relais_value_add(&c->arena, NULL, NULL, RELAIS_VALUE_RECORD);
    entete = relais_value_add(&c->arena, alone.value, "entete", RELAIS_VALUE_RECORD);
    if (rec->case_number.ptr && entete &&
        relais_value_add_string(&c->arena, entete, "dossier", rec->case_number) == 0 &&
        relais_check(&c->checker, &alone, &c->arena, &checked, pseudonym, &ignored) == 0)
        pseudonym[0] = '\0'; /* a number alone never passes */
    say(c, "", rec->position, pseudonym, &rec->problem);
    c->records++;
    c->problems++;
}

/* 1: go on with its records; 0: the file as a whole is refused. */
static int take_depot(struct check *c, void *state, const struct relais_depot *file,
                      struct relais_error *err)
{
    if (file->problem.code) {
        say(c, "", RELAIS_SLICE_NULL, NULL, &file->problem);
        c->problems++;
        if (file->problem.code != RELAIS_E_FILE_TOTAL)
            return 0;
    }
    return c->connector->source->verdict(state, file, RELAIS_VERDICT_INTEGRATE, NULL, err)
               ? -1
               : 1;
}

static int take_batch(struct check *c, void *state, bool *done_out,
                      struct relais_error *err)
{
    for (const struct relais_record *rec = c->batch.first; rec; rec = rec->next) {
        int rc;

        switch (rec->kind) {
        case RELAIS_RECORD_DEPOT:
            rc = take_depot(c, state, rec->file, err);
            *done_out = rc == 0;
            if (rc <= 0)
                return rc;
            break;
        case RELAIS_RECORD_PARKED:
            take_parked(c, rec);
            break;
        case RELAIS_RECORD_DEPOT_END:
            *done_out = true;
            return 0;
        case RELAIS_RECORD_SNAPSHOT:
        case RELAIS_RECORD_FACT:
            take_record(c, rec);
            break;
        case RELAIS_RECORD_SUPERSEDED:
            c->records++;
            break;
        case RELAIS_RECORD_EVENT:
            break;
        }
    }
    return 0;
}

static int check_file(struct check *c, struct relais_error *err)
{
    const struct relais_source_ops *source = c->connector->source;
    void *state = NULL;
    bool done = false;
    int rc = source->open_file(&state, c->path, err);

    while (rc == 0 && !done) {
        relais_batch_reset(&c->batch);
        rc = source->poll(state, &c->batch, 0, err);
        if (rc == 0)
            rc = take_batch(c, state, &done, err);
    }
    source->close(state);
    return rc;
}

static int run_files(struct check *c, struct relais_error *err)
{
    for (int i = 0; i < c->cli->arg_count; i++) {
        int64_t records = c->records, problems = c->problems, warnings = c->warnings;

        c->path = c->cli->args[i];
        if (check_file(c, err))
            return -1;
        printf("%s : %" PRId64 " blocs, %" PRId64 " problèmes, %" PRId64
               " avertissements\n",
               c->path, c->records - records, c->problems - problems,
               c->warnings - warnings);
    }
    return 0;
}

static int prepare(struct check *c, const struct relais_conf *conf,
                   struct relais_codes **codes_out, struct relais_keyring **ring_out,
                   struct relais_error *err)
{
    const char *ring = relais_conf_text(conf, "keys", "file");

    c->connector = cli_connector(conf, err);
    if (!c->connector)
        return -1;
    if (!c->connector->source || !c->connector->source->open_file)
        return relais_error_set(err, RELAIS_E_CONF_VALUE, "connector.name",
                                "ce connecteur ne lit pas de fichiers");
    if (!ring)
        return relais_error_set(err, RELAIS_E_CONF_VALUE, "keys.file",
                                "cette clé est obligatoire ici");
    *codes_out = relais_codes_new(relais_conf_text(conf, "codes", "dir"), err);
    if (!*codes_out || !(*ring_out = relais_keyring_open(ring, err)))
        return -1;
    c->checker = (struct relais_checker){
        .source = relais_conf_text(conf, "relais", "source"),
        .territory = relais_conf_text(conf, "relais", "territory"),
        .codes = *codes_out,
        .ring = *ring_out,
    };
    return 0;
}

static int run(struct cli *cli)
{
    struct relais_error err = RELAIS_ERROR_INIT;
    struct check c = {.cli = cli, .arena = RELAIS_ARENA_INIT(CHECK_LIMIT)};
    struct relais_keyring *ring = NULL;
    struct relais_codes *codes = NULL;
    struct relais_conf *conf = NULL;
    int status;

    relais_batch_init(&c.batch, BATCH_LIMIT);
    if (!cli_value(cli, "config"))
        relais_error_set(&err, RELAIS_E_USAGE, "-c", "le fichier INI est attendu");
    else
        conf = cli_conf(cli, cli_value(cli, "config"), NULL, &err);
    if (!conf || prepare(&c, conf, &codes, &ring, &err) || run_files(&c, &err))
        status = cli_fail(cli, &err);
    else
        status = c.problems ? 1 : 0;
    relais_batch_release(&c.batch);
    relais_arena_release(&c.arena);
    relais_keyring_free(ring);
    relais_codes_free(codes);
    relais_conf_free(conf);
    return status;
}

static const struct cli_option options[] = {
    {.letter = 'c', .name = "config", .argument = "FICHIER.ini", .doc = "configuration"},
    {.name = NULL},
};

const struct cli_command cli_check = {
    .name = "check",
    .arguments = "FICHIER… -c FICHIER.ini",
    .summary = "Contrôle des fichiers sans rien publier ni déplacer",
    .text = "Une ligne par problème : fichier, bloc, pseudonyme du dossier, champ, "
            "règle. Ni nom,\n"
            "ni numéro, ni valeur. Sort avec 1 s'il y a un problème ; un avertissement "
            "n'en est "
            "pas un.\n",
    .options = options,
    .arg_min = 1,
    .arg_max = 4096,
    .run = run,
};
