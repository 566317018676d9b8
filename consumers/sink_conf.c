#include "consumers/sink_conf.h"
#include "consumers/sink_run.h"

#define TOPICS_MAX 64

const struct relais_conf_key relais_sink_keys[] = {
    {"sink", "topics", RELAIS_CONF_TEXT, .def = "eligibility,placements,payments",
     .doc = "Topics à lire, séparés par des virgules ; un nom sans point est une famille "
            "du territoire."},
    {"sink", "group", RELAIS_CONF_TEXT,
     .doc = "Groupe de lecteurs ; à défaut relais.<territory>.<instance>."},
    {"sink", "from", RELAIS_CONF_CHOICE, .choices = "debut|fin", .def = "debut",
     .doc = "Où commence une partition dont le groupe n'a pas encore de position."},
    {"sink", "position_perdue", RELAIS_CONF_CHOICE, .choices = "arreter|debut",
     .def = "arreter",
     .doc = "Si des événements ont été effacés avant d'être lus : s'arrêter (code 78) ou "
            "reprendre au premier qui reste."},
    {"sink", "batch_records", RELAIS_CONF_INTEGER, 1, 10000, .def = "1000",
     .doc = "Événements remis ensemble au puits, au plus."},
    {"sink", "flush_ms", RELAIS_CONF_INTEGER, 0, 60000, .def = "1000",
     .doc = "Attente la plus longue entre la remise d'un événement et sa mise à l'abri, "
            "en millisecondes."},
    {"sink", "ecarter_repetes", RELAIS_CONF_BOOLEAN, .def = "true",
     .doc = "Ne pas remettre un événement dont l'id est parmi les 65 536 derniers de sa "
            "partition."},
    {"sink", "immobile_ms", RELAIS_CONF_INTEGER, 10000, 3600000, .def = "60000",
     .doc = "Durée après laquelle un lecteur immobile malgré un retard est recréé, en "
            "millisecondes."},
    {.section = NULL},
};

/* "eligibility, dep93.control.v1" -> topic names; NULL-ended, in the arena. */
static const char **topic_names(const struct relais_conf *conf,
                                struct relais_arena *arena, struct relais_error *err)
{
    const char *territory = relais_conf_text(conf, "relais", "territory");
    const char *p = relais_conf_text(conf, "sink", "topics");
    const char **names = relais_arena_zalloc(arena, (TOPICS_MAX + 1) * sizeof(*names));
    size_t count = 0;

    while (names && *p) {
        size_t len = strcspn(p, ",");
        struct relais_slice word = relais_slice_trim((struct relais_slice){p, len});

        p += len + (p[len] == ',');
        if (!word.len)
            continue;
        if (count == TOPICS_MAX)
            break;
        word = memchr(word.ptr, '.', word.len)
                   ? relais_arena_slice(arena, word)
                   : relais_arena_printf(arena, "%s.%.*s.v1", territory, (int)word.len,
                                         word.ptr);
        names[count++] = word.ptr;
    }
    if (names && count && !*p)
        return names;
    relais_error_set(err, RELAIS_E_CONF_VALUE, "sink.topics", "between 1 and %d topics",
                     TOPICS_MAX);
    return NULL;
}

int sink_options(const struct relais_conf *conf, struct relais_arena *arena,
                 struct subscriber_options *options, struct relais_error *err)
{
    const char *group = relais_conf_text(conf, "sink", "group");
    const char *from = relais_conf_text(conf, "sink", "from");
    const char *lost = relais_conf_text(conf, "sink", "position_perdue");

    if (!group || !*group)
        group = relais_arena_printf(arena, "relais.%s.%s",
                                    relais_conf_text(conf, "relais", "territory"),
                                    relais_conf_text(conf, "relais", "instance"))
                    .ptr;
    options->conf = conf;
    options->group = group;
    options->from_ms = strcmp(from, "fin") == 0 ? RELAIS_FROM_END : RELAIS_FROM_GROUP;
    options->skip_lost = strcmp(lost, "debut") == 0;
    options->stall_ms = (int)relais_conf_integer(conf, "sink", "immobile_ms");
    options->topics = topic_names(conf, arena, err);
    return options->topics ? 0 : -1;
}

static bool reads(const struct relais_conf *conf,
                  const struct subscriber_options *options,
                  const struct relais_contract *contract)
{
    char topic[256];

    if (relais_catalog_topic(contract, relais_conf_text(conf, "relais", "territory"),
                             topic, sizeof(topic)))
        return false;
    for (size_t i = 0; options->topics[i]; i++)
        if (strncmp(options->topics[i], topic, strlen(topic)) == 0 &&
            (!options->topics[i][strlen(topic)] ||
             strcmp(options->topics[i] + strlen(topic), ".dlq") == 0))
            return true;
    return false;
}

int sink_expect(const struct relais_sink_ops *ops, void *state,
                const struct relais_conf *conf, const struct subscriber_options *options,
                struct sink_told *told, struct relais_arena *arena,
                struct relais_error *err)
{
    const struct relais_contract *contract;

    while (ops->expect && (contract = relais_catalog_at(told->count))) {
        if (reads(conf, options, contract)) {
            if (!told->open)
                told->open = relais_avro_example(contract->schema, true, arena);
            if (!told->closed)
                told->closed = relais_avro_example(contract->schema, false, arena);
            if (!told->open || !told->closed)
                return relais_error_set(err, RELAIS_E_LIMIT, contract->name,
                                        "arena full");
            if (ops->expect(state, contract->name, told->open, told->closed, err))
                return -1;
        }
        *told = (struct sink_told){.count = told->count + 1};
    }
    return 0;
}
