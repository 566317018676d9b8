/* template: a whole connector to copy. It reads a text file, one fact a line:
 *   droit (uuid);numero du dossier;fait;etat;AAAA-MM-JJ;AAAA-MM-JJThh:mm:ssZ
 * Step 1: copy this file, rename what says `template`, add a row to connectors.c.
 */
#include "connectors/connector.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define FIELD_COUNT 6
#define BATCH_MAX   256

/* Step 2: the state, what must live from one call to the next. */
struct template
{
    FILE *file;
    char line[1024];
    uint64_t number; /* of the last line read */
};

/* Step 3: the keys of [connector]; `relais conf doc` prints them. */
static const struct relais_conf_key keys[] = {
    {"connector", "file", RELAIS_CONF_PATH, .required = true,
     .doc = "Fichier texte à lire, un fait par ligne."},
    {0},
};

/* Step 4: open and close. What cannot be opened is a matter of configuration. */
static int template_open(void **state, const struct relais_conf *conf,
                         struct relais_error *err)
{
    struct template *t = relais_zalloc(sizeof(*t));

    t->file = fopen(relais_conf_text(conf, "connector", "file"), "re");
    if (!t->file) {
        free(t);
        return relais_error_set(err, RELAIS_E_CONF_VALUE, "connector.file",
                                "cannot open: %s", strerror(errno));
    }
    *state = t;
    return 0;
}

static void template_close(void *state)
{
    struct template *t = state;

    if (t)
        fclose(t->file);
    free(t);
}

/* Step 5: the names and values of the contract, in clear; no Kafka, no Avro, no key. What
 * you do not know, leave out. NULL: the batch's arena is full. */
static struct relais_value *value_of(struct relais_arena *arena, struct relais_slice *f)
{
    struct relais_value *v = relais_value_add(arena, NULL, NULL, RELAIS_VALUE_RECORD);
    struct relais_value *entete =
        v ? relais_value_add(arena, v, "entete", RELAIS_VALUE_RECORD) : NULL;

    if (!entete || relais_value_add_string(arena, v, "droit", f[0]) ||
        relais_value_add_string(arena, entete, "dossier", f[1]) ||
        relais_value_add_string(arena, v, "prestation", RELAIS_SLICE("RSA")) ||
        relais_value_add_string(arena, v, "fait", f[2]) ||
        relais_value_add_string(arena, v, "etat", f[3]) ||
        relais_value_add_string(arena, entete, "survenu_le", f[4]) ||
        relais_value_add_string(arena, entete, "constate_le", f[5]))
        return NULL;
    return v;
}

static size_t split(char *line, struct relais_slice *fields)
{
    size_t count = 0;

    for (char *at = line; at && count < FIELD_COUNT; count++)
        fields[count] = relais_slice_trim(relais_slice_str(strsep(&at, ";")));
    return count;
}

/* Step 6: poll gives records. What cannot be read is a PARKED record, not an error. */
static int template_poll(void *state, struct relais_batch *out, int timeout_ms,
                         struct relais_error *err)
{
    struct template *t = state;

    while (out->count < BATCH_MAX && fgets(t->line, sizeof(t->line), t->file)) {
        struct relais_slice fields[FIELD_COUNT];
        bool good = split(t->line, fields) == FIELD_COUNT;
        struct relais_value *value = good ? value_of(&out->arena, fields) : NULL;
        struct relais_record *rec = good && !value ? NULL : relais_batch_add(out);

        if (!rec)
            return relais_error_set(err, RELAIS_E_BUG, "template", "batch too small");
        t->number++;
        rec->kind = good ? RELAIS_RECORD_FACT : RELAIS_RECORD_PARKED;
        rec->schema = "fr.relais.eligibility.EvenementDroit";
        rec->value = value;
        rec->depot = RELAIS_SLICE("template");
        rec->position =
            relais_arena_printf(&out->arena, "%llu", (unsigned long long)t->number);
        rec->ack = t->number; /* strictly growing */
        if (!good)
            relais_error_set(&rec->problem, RELAIS_E_FIELD_MISSING, "ligne",
                             "%d fields wanted", FIELD_COUNT);
    }
    return 0;
}

/* Step 7: everything up to `position` is durable: a queue is told here, a file needs
 * nothing. */
static int template_ack(void *state, uint64_t position, struct relais_error *err)
{
    return 0;
}

/* Step 8: is there nothing more for now? `relais source --once` ends on it. */
static bool template_idle(void *state)
{
    struct template *t = state;

    return feof(t->file);
}

/* Step 9: the two tables. Then: make, `relais source` on a file of your own, a test. */
static const struct relais_source_ops ops = {
    .open = template_open,
    .poll = template_poll,
    .ack = template_ack,
    .idle = template_idle,
    .close = template_close,
};

static const char *const schemas[] = {"fr.relais.eligibility.EvenementDroit", NULL};

const struct relais_connector relais_template = {
    .abi = RELAIS_CONNECTOR_ABI,
    .name = "template",
    .summary = "Modèle de connecteur à copier",
    .keys = keys,
    .schemas = schemas,
    .source = &ops,
};
