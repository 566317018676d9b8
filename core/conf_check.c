/* What may be given, and in which bounds; the keys that every process knows. */
#include "core/conf_private.h"
#include "core/log.h"

#include <inttypes.h>
#include <stdlib.h>

#define WORD_MAX     64 /* longer ones have no nearest name */
#define DISTANCE_MAX 3

const struct relais_conf_key relais_conf_common[] = {
    {"relais", "territory", RELAIS_CONF_TEXT, .required = true,
     .doc = "Territoire compétent, de dep93 à dep972r ; donne le nom des topics."},
    {"relais", "instance", RELAIS_CONF_TEXT, .required = true,
     .doc = "Nom court de ce flux (a-z, 0-9, _) ; donne le groupe de lecteurs."},
    {"relais", "source", RELAIS_CONF_TEXT,
     .doc = "Application émettrice, comme urn:relais:cnaf:cristal:dep93."},
    {"relais", "state", RELAIS_CONF_PATH, .def = "state",
     .doc = "Dossier de l'état, à un seul processus ; se reconstruit depuis le topic."},
    {"registry", "url", RELAIS_CONF_TEXT, .def = "http://127.0.0.1:8081",
     .doc = "Adresse du registre de schémas ; plusieurs séparées par des virgules."},
    {"registry", "user", RELAIS_CONF_TEXT, .doc = "Utilisateur du registre."},
    {"registry", "password_file", RELAIS_CONF_PATH,
     .doc = "Fichier (mode 0600) du mot de passe du registre, sur sa première ligne."},
    {"registry", "ca_file", RELAIS_CONF_PATH,
     .doc = "Autorité de certification du registre (PEM) ; sinon celles du système."},
    {"registry", "timeout_ms", RELAIS_CONF_INTEGER, 100, 600000, .def = "10000",
     .doc = "Attente la plus longue d'une réponse du registre, en millisecondes."},
    {"keys", "file", RELAIS_CONF_PATH,
     .doc = "Trousseau de clés (mode 0600) ; à défaut rien n'est protégé ni ouvert."},
    {"codes", "dir", RELAIS_CONF_PATH,
     .doc = "Dossier de nomenclatures qui complètent ou remplacent celles de relais."},
    {"ops", "listen", RELAIS_CONF_TEXT,
     .doc = "Adresse de /metrics, /healthz et /readyz (127.0.0.1:9100) ; vide : aucune."},
    {"ops", "ready_age_ms", RELAIS_CONF_INTEGER, 1000, 86400000, .def = "30000",
     .doc = "Âge du plus ancien message non acquitté au-delà duquel /readyz dit 503, en "
            "millisecondes."},
    {"ops", "log_level", RELAIS_CONF_CHOICE, .choices = RELAIS_LOG_LEVELS, .def = "info",
     .doc = "Ce que le journal dit au plus ; debug montre aussi ce que kafka.debug "
            "demande à librdkafka."},
    {"headers", "profile", RELAIS_CONF_CHOICE, .choices = "complete|reduced",
     .def = "complete",
     .doc =
         "En-têtes des messages : complete (CloudEvents) ou reduced (ce_id et ce_type, "
         "pour un chargement en masse)."},
    {"connector", "name", RELAIS_CONF_TEXT,
     .doc = "Connecteur, comme source_cnaf_beneficiaire ou sink_file."},
    {"limits", "inflight_records", RELAIS_CONF_INTEGER, 1, 10000000, .def = "8192",
     .doc = "Messages envoyés et non encore acquittés, au plus."},
    {"limits", "inflight_kbytes", RELAIS_CONF_INTEGER, 64, 4194304, .def = "16384",
     .doc =
         "Taille des messages envoyés et non encore acquittés, au plus, en kibioctets."},
    {.section = NULL},
};

static size_t smallest(size_t a, size_t b, size_t c)
{
    size_t least = a < b ? a : b;

    return least < c ? least : c;
}

/* Levenshtein's distance of two words of at most WORD_MAX bytes. */
static size_t distance(const char *a, const char *b)
{
    size_t row[WORD_MAX + 1];
    size_t b_len = strlen(b);

    for (size_t j = 0; j <= b_len; j++)
        row[j] = j;
    for (size_t i = 1; a[i - 1]; i++) {
        size_t corner = row[0];

        row[0] = i;
        for (size_t j = 1; j <= b_len; j++) {
            size_t above = row[j];

            row[j] = smallest(above + 1, row[j - 1] + 1, corner + (a[i - 1] != b[j - 1]));
            corner = above;
        }
    }
    return row[b_len];
}

const char *relais_nearest(const char *word, const char *const *names, size_t name_count)
{
    const char *nearest = NULL;
    size_t best = DISTANCE_MAX + 1;
    size_t len = strlen(word);

    if (len > WORD_MAX)
        return NULL;
    for (size_t i = 0; i < name_count; i++) {
        size_t d = strlen(names[i]) > WORD_MAX ? best : distance(word, names[i]);

        if (d < best && d < strlen(names[i])) {
            best = d;
            nearest = names[i];
        }
    }
    return nearest;
}

/* The names of a section's keys, or with section NULL of the sections; caller frees the
 * array. */
static const char **known_names(const struct relais_conf *conf, const char *section,
                                size_t *count_out)
{
    const char **names = NULL;
    size_t count = 0;

    for (size_t i = 0; i < conf->table_count; i++)
        for (const struct relais_conf_key *key = conf->tables[i]; key->section; key++) {
            if (section && strcmp(key->section, section) != 0)
                continue;
            names = relais_realloc(names, (count + 1) * sizeof(*names));
            names[count++] = section ? key->name : key->section;
        }
    *count_out = count;
    return names;
}

/* The section another key of this name belongs to, or NULL. */
static const char *other_section(const struct relais_conf *conf, const char *name)
{
    for (size_t i = 0; i < conf->table_count; i++)
        for (const struct relais_conf_key *key = conf->tables[i]; key->section; key++)
            if (strcmp(key->name, name) == 0)
                return key->section;
    return NULL;
}

static int unknown_section(const struct relais_conf *conf, const struct conf_entry *entry,
                           struct relais_error *err)
{
    size_t count;
    const char **names = known_names(conf, NULL, &count);
    const char *nearest = relais_nearest(entry->section, names, count);

    free(names);
    if (!nearest && relais_nearest(entry->section, (const char *const[]){"kafka"}, 1))
        nearest = "kafka";
    if (nearest)
        return relais_error_set(err, RELAIS_E_CONF_KEY, entry->where,
                                "section inconnue [%.40s]: vouliez-vous dire [%s] ?",
                                entry->section, nearest);
    return relais_error_set(err, RELAIS_E_CONF_KEY, entry->where,
                            "section inconnue [%.40s]", entry->section);
}

static int unknown_key(const struct relais_conf *conf, const struct conf_entry *entry,
                       struct relais_error *err)
{
    size_t count;
    const char **names = known_names(conf, entry->section, &count);
    const char *nearest = relais_nearest(entry->name, names, count);
    const char *other = other_section(conf, entry->name);

    free(names);
    if (count == 0)
        return unknown_section(conf, entry, err);
    if (other)
        return relais_error_set(err, RELAIS_E_CONF_KEY, entry->where,
                                "cle inconnue \"%.40s\" dans [%.40s]: sa place est dans "
                                "[%s]",
                                entry->name, entry->section, other);
    if (nearest)
        return relais_error_set(err, RELAIS_E_CONF_KEY, entry->where,
                                "cle inconnue \"%.40s\" dans [%.40s]: vouliez-vous dire "
                                "\"%s\" ?",
                                entry->name, entry->section, nearest);
    return relais_error_set(err, RELAIS_E_CONF_KEY, entry->where,
                            "cle inconnue \"%.40s\" dans [%.40s]", entry->name,
                            entry->section);
}

/* Is word one of "a|b|c"? */
static bool is_choice(const char *choices, const char *word)
{
    size_t len = strlen(word);

    for (const char *at = choices; *at; at += *at == '|') {
        size_t n = strcspn(at, "|");

        if (n == len && memcmp(at, word, n) == 0)
            return true;
        at += n;
    }
    return false;
}

/* The value is not shown: it may be a secret given under the wrong name. */
static int check_value(const struct relais_conf_key *key, const struct conf_entry *entry,
                       struct relais_error *err)
{
    int64_t number;
    bool boolean;

    switch (key->type) {
    case RELAIS_CONF_INTEGER:
        if (conf_to_integer(entry->value, &number) && number >= key->min &&
            number <= key->max)
            return 0;
        return relais_error_set(err, RELAIS_E_CONF_VALUE, entry->where,
                                "[%s] %s: entier de %" PRId64 " a %" PRId64 " attendu",
                                key->section, key->name, key->min, key->max);
    case RELAIS_CONF_BOOLEAN:
        if (conf_to_boolean(entry->value, &boolean))
            return 0;
        return relais_error_set(err, RELAIS_E_CONF_VALUE, entry->where,
                                "[%s] %s: oui ou non attendu", key->section, key->name);
    case RELAIS_CONF_CHOICE:
        if (is_choice(key->choices, entry->value))
            return 0;
        return relais_error_set(err, RELAIS_E_CONF_VALUE, entry->where,
                                "[%s] %s: un de %s attendu", key->section, key->name,
                                key->choices);
    default:
        return 0;
    }
}

static int check_required(const struct relais_conf *conf, struct relais_error *err)
{
    for (size_t i = 0; i < conf->table_count; i++)
        for (const struct relais_conf_key *key = conf->tables[i]; key->section; key++)
            if (key->required && !relais_conf_text(conf, key->section, key->name))
                return relais_error_set(err, RELAIS_E_CONF_VALUE,
                                        relais_conf_where(conf, key->section, key->name),
                                        "[%s] %s manque", key->section, key->name);
    return 0;
}

int relais_conf_check(const struct relais_conf *conf, struct relais_error *err)
{
    for (size_t i = 0; i < conf->entry_count; i++) {
        const struct conf_entry *entry = &conf->entries[i];
        const struct relais_conf_key *key = conf_key(conf, entry->section, entry->name);

        if (strcmp(entry->section, "kafka") == 0)
            continue;
        if (!key)
            return unknown_key(conf, entry, err);
        if (entry->value[0] && check_value(key, entry, err))
            return -1;
    }
    return check_required(conf, err);
}

static int doc_type(const struct relais_conf_key *key, struct relais_buf *out)
{
    switch (key->type) {
    case RELAIS_CONF_INTEGER:
        return relais_buf_printf(out, "entier, %" PRId64 " à %" PRId64, key->min,
                                 key->max);
    case RELAIS_CONF_BOOLEAN:
        return relais_buf_add_str(out, "oui ou non");
    case RELAIS_CONF_PATH:
        return relais_buf_add_str(out, "chemin");
    case RELAIS_CONF_CHOICE:
        for (const char *at = key->choices; *at; at++)
            if (*at == '|' ? relais_buf_add_str(out, ", ")
                           : relais_buf_add_char(out, *at))
                return -1;
        return 0;
    default:
        return relais_buf_add_str(out, "texte");
    }
}

static int doc_row(const struct relais_conf_key *key, struct relais_buf *out)
{
    if (relais_buf_printf(out, "| `%s` | ", key->name) || doc_type(key, out))
        return -1;
    if (key->def)
        return relais_buf_printf(out, " | `%s` | %s |\n", key->def, key->doc);
    return relais_buf_printf(out, " | %s | %s |\n", key->required ? "à donner" : "",
                             key->doc);
}

int relais_conf_doc(const struct relais_conf_key *const *tables, size_t table_count,
                    struct relais_buf *out)
{
    for (size_t i = 0; i < table_count; i++) {
        const char *section = "";

        for (const struct relais_conf_key *key = tables[i]; key->section; key++) {
            if (strcmp(section, key->section) != 0 &&
                relais_buf_printf(out,
                                  "\n### [%s]\n\n| clé | type | défaut | sens |\n"
                                  "|---|---|---|---|\n",
                                  key->section))
                return -1;
            section = key->section;
            if (doc_row(key, out))
                return -1;
        }
        if (tables[i] == relais_conf_common &&
            relais_buf_add_str(out, "\n### [kafka]\n\nToute clé de librdkafka, telle "
                                    "quelle : `bootstrap.servers = 127.0.0.1:9092`.\n"))
            return -1;
    }
    return 0;
}
