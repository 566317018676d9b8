/* source_cnaf_beneficiaire: the CAF's Bénéficiaire files from a drop folder. Each is
 * checked as a whole, waits for the verdict, gives a snapshot a household, and moves to
 * its last place when all of it is durable.
 */
#include "connectors/connector.h"

#include "connectors/cnaf_beneficiaire.h"
#include "connectors/cnaf_file.h"
#include "connectors/depot_folder.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#define ORDINAL_BITS 32 /* of a position; above: the file's number in this process */

enum stage {
    STAGE_NO_FILE,
    STAGE_TO_CHECK,
    STAGE_JUDGED_SOON, /* DEPOT was given: the verdict follows */
    STAGE_RECORDS,
    STAGE_GIVEN, /* DEPOT_END was given: the second verdict follows */
    STAGE_LEFT,  /* open_file: done with it */
};

struct source {
    struct depot_folder *folder; /* NULL: one file, which stays where it is */
    struct cnaf_file *file;
    struct relais_depot *depot;
    enum stage stage;
    bool release, refuse;
    bool changed; /* since its check */
    uint64_t file_number;
};

static void source_close(void *state)
{
    struct source *s = state;

    if (!s)
        return;
    cnaf_file_free(s->file);
    depot_folder_close(s->folder);
    free(s);
}

static int source_open(void **state, const struct relais_conf *conf,
                       struct relais_error *err)
{
    struct depot_folder_options options = {
        .quiet_ms = (int)relais_conf_integer(conf, "connector", "quiet_ms"),
        .scan_ms = (int)relais_conf_integer(conf, "connector", "scan_ms"),
        .peek = cnaf_file_peek,
    };
    struct source *s = relais_zalloc(sizeof(*s));

    s->folder =
        depot_folder_open(relais_conf_text(conf, "connector", "depot"), &options, err);
    if (!s->folder) {
        source_close(s);
        return -1;
    }
    *state = s;
    return 0;
}

static int source_open_file(void **state, const char *path, struct relais_error *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct source *s;

    if (fd < 0)
        return relais_error_set(err, RELAIS_E_USAGE, path, "cannot open: %s",
                                strerror(errno));
    s = relais_zalloc(sizeof(*s));
    s->file = cnaf_file_new(fd, path);
    s->stage = STAGE_TO_CHECK;
    *state = s;
    return 0;
}

static void leave_file(struct source *s)
{
    cnaf_file_free(s->file);
    s->file = NULL;
    s->depot = NULL;
    s->stage = s->folder ? STAGE_NO_FILE : STAGE_LEFT;
}

static int take_file(struct source *s, int timeout_ms, struct relais_error *err)
{
    struct depot_taken taken;
    int rc = depot_folder_take(s->folder, timeout_ms, &taken, err);

    if (rc <= 0)
        return rc;
    s->file = cnaf_file_new(taken.fd, taken.path);
    s->release = taken.release;
    s->refuse = taken.refuse;
    s->changed = false;
    s->stage = STAGE_TO_CHECK;
    return 1;
}

/* A file that changed is judged again, to be refused; any other error is the caller's. */
static int judge_again(struct source *s, struct relais_error *err)
{
    if (err->code != RELAIS_E_FILE_CHANGED)
        return -1;
    relais_error_clear(err);
    s->changed = true;
    s->stage = STAGE_TO_CHECK;
    return 0;
}

static int begin_records(struct source *s, struct relais_error *err)
{
    if (cnaf_file_begin(s->file, err))
        return judge_again(s, err);
    s->stage = STAGE_RECORDS;
    return 0;
}

static int give(struct source *s, enum relais_record_kind kind, struct relais_batch *out,
                struct relais_error *err)
{
    struct relais_record *rec = relais_batch_add(out);

    if (!rec)
        return out->count
                   ? 0
                   : relais_error_set(err, RELAIS_E_BUG, "source_cnaf_beneficiaire",
                                      "batch arena too small");
    rec->kind = kind;
    rec->depot = (struct relais_slice){s->depot->hash, 16};
    rec->position = RELAIS_SLICE("0");
    rec->file = s->depot;
    rec->ack = s->file_number << ORDINAL_BITS;
    if (kind == RELAIS_RECORD_DEPOT_END)
        rec->ack += (uint64_t)s->depot->blocks + 1;
    s->stage = kind == RELAIS_RECORD_DEPOT ? STAGE_JUDGED_SOON : STAGE_GIVEN;
    return 0;
}

static int check_file(struct source *s, struct relais_batch *out,
                      struct relais_error *err)
{
    s->depot = cnaf_file_check(s->file, err);
    if (!s->depot)
        return -1;
    s->depot->release = s->release;
    s->depot->refuse = s->refuse;
    if (s->changed) {
        relais_error_clear(&s->depot->problem);
        relais_error_set(&s->depot->problem, RELAIS_E_FILE_CHANGED, NULL,
                         "le fichier a changé entre son contrôle et sa publication");
    }
    s->file_number++;
    return give(s, RELAIS_RECORD_DEPOT, out, err);
}

static int source_poll(void *state, struct relais_batch *out, int timeout_ms,
                       struct relais_error *err)
{
    struct source *s = state;
    int rc;

    if (s->stage == STAGE_NO_FILE && (rc = take_file(s, timeout_ms, err)) <= 0)
        return rc;
    switch (s->stage) {
    case STAGE_TO_CHECK:
        return check_file(s, out, err);
    case STAGE_RECORDS:
        rc = cnaf_file_records(s->file, s->file_number << ORDINAL_BITS, out, err);
        if (rc < 0)
            return judge_again(s, err);
        return rc ? 0 : give(s, RELAIS_RECORD_DEPOT_END, out, err);
    default: /* the runner's turn */
        poll(NULL, 0, timeout_ms);
        return 0;
    }
}

static int source_verdict(void *state, const struct relais_depot *depot,
                          enum relais_verdict verdict, const char *motif,
                          struct relais_error *err)
{
    struct source *s = state;

    if (!s->file || depot != s->depot)
        return relais_error_set(err, RELAIS_E_BUG, "source_cnaf_beneficiaire",
                                "verdict on another file");
    if (verdict == RELAIS_VERDICT_INTEGRATE && s->stage == STAGE_JUDGED_SOON)
        return begin_records(s, err);
    if (s->folder && depot_folder_settle(s->folder, verdict, depot->hash, motif, err))
        return -1;
    leave_file(s);
    return 0;
}

static int source_ack(void *state, uint64_t position, struct relais_error *err)
{
    return 0; /* the file's place says what is durable */
}

static int source_rewind(void *state, struct relais_error *err)
{
    struct source *s = state;

    if (s->stage != STAGE_RECORDS && s->stage != STAGE_GIVEN)
        return 0;
    return begin_records(s, err);
}

static bool source_idle(void *state)
{
    struct source *s = state;

    if (s->stage == STAGE_LEFT)
        return true;
    return s->stage == STAGE_NO_FILE && depot_folder_idle(s->folder);
}

static const struct relais_conf_key keys[] = {
    {"connector", "depot", RELAIS_CONF_PATH, .required = true,
     .doc = "Dossier où la CAF dépose ; relais y crée en_cours, integres, refuses, "
            "retenus."},
    {"connector", "quiet_ms", RELAIS_CONF_INTEGER, 0, 3600000, .def = "5000",
     .doc = "Durée sans changement avant de prendre un fichier, en millisecondes."},
    {"connector", "scan_ms", RELAIS_CONF_INTEGER, 10, 3600000, .def = "30000",
     .doc = "Intervalle entre deux lectures du dossier (inotify est muet sur NFS), en "
            "millisecondes."},
    {0},
};

static const struct relais_source_ops ops = {
    .open = source_open,
    .open_file = source_open_file,
    .poll = source_poll,
    .verdict = source_verdict,
    .ack = source_ack,
    .rewind = source_rewind,
    .idle = source_idle,
    .close = source_close,
};

static const char *const schemas[] = {CNAF_BENEFICIAIRE_SCHEMA, NULL};

const struct relais_connector relais_source_cnaf_beneficiaire = {
    .abi = RELAIS_CONNECTOR_ABI,
    .name = "source_cnaf_beneficiaire",
    .summary = "Lit les fichiers Bénéficiaire que la CAF dépose dans un dossier",
    .keys = keys,
    .schemas = schemas,
    .source = &ops,
};
