#include "producers/source_internal.h"

#include <stdio.h>
#include <stdlib.h>

#define BATCH_ARENA_MAX (64u << 20)
#define VALUE_MAX       (8u << 20)

const struct relais_conf_key relais_source_keys[] = {
    {"limits", "stall_ms", RELAIS_CONF_INTEGER, 10000, 86400000, NULL, "300000", false,
     "Sans aucun accusé de Kafka pendant ce temps, le producteur est refait, en "
     "millisecondes."},
    {.section = NULL},
};

struct source_contract *source_contract_of(struct source *s, const char *name)
{
    const struct relais_contract *contract = name ? relais_catalog_find(name) : NULL;

    for (size_t i = 0; contract && i < s->contract_count; i++)
        if (s->contracts[i].target.contract == contract)
            return &s->contracts[i];
    return NULL;
}

const char *source_type_of(struct source_contract *c, const char *fait)
{
    struct source_type *type;

    for (size_t i = 0; i < c->type_count; i++)
        if (c->types[i].fait == fait)
            return c->types[i].name;
    if (c->type_count == SOURCE_FAITS_MAX)
        return "fr.relais";
    type = &c->types[c->type_count++];
    type->fait = fait;
    snprintf(type->name, sizeof(type->name), "fr.relais.%s.%s.%s",
             c->target.contract->family, c->target.contract->object, fait);
    for (char *at = type->name; *at; at++)
        if (*at >= 'A' && *at <= 'Z')
            *at = (char)(*at - 'A' + 'a');
    return type->name;
}

/* The name of one contract more. */
static int list_contract(struct relais_source_contracts *list, const char *name,
                         struct relais_error *err)
{
    const struct relais_contract *contract = relais_catalog_find(name);

    for (size_t i = 0; contract && i < list->count; i++)
        if (list->rows[i] == contract)
            return 0;
    if (!contract || !relais_family_find(contract) ||
        list->count == RELAIS_SOURCE_CONTRACTS_MAX)
        return relais_error_set(err, RELAIS_E_CONF_VALUE, "[connector]",
                                "'%s' is not a contract that a source may publish", name);
    list->rows[list->count++] = contract;
    return 0;
}

/* What the connector says it yields, and what its key `schema` names. */
int relais_source_contracts(const struct relais_conf *conf,
                            const struct relais_connector *connector,
                            struct relais_source_contracts *out, struct relais_error *err)
{
    const char *named = relais_conf_text(conf, "connector", "schema");
    char routed[128];

    out->count = 0;
    for (const char *const *name = connector->schemas; name && *name; name++)
        if (list_contract(out, *name, err))
            return -1;
    if (named && list_contract(out, named, err))
        return -1;
    for (size_t i = 0;
         connector->yields && connector->yields(conf, i, routed, sizeof(routed)); i++)
        if (list_contract(out, routed, err))
            return -1;
    if (!out->count)
        return relais_error_set(err, RELAIS_E_CONF_VALUE, "[connector] schema",
                                "the connector does not say what it yields");
    return 0;
}

static int add_contract(struct source *s, const struct relais_contract *contract,
                        struct relais_error *err)
{
    struct source_contract *c = &s->contracts[s->contract_count];
    char topic[sizeof(c->topic)];

    c->target.contract = contract;
    c->target.family = relais_family_find(contract);
    c->target.fingerprint = relais_avro_fingerprint(contract->schema);
    if (relais_catalog_topic(contract, s->territory, topic, sizeof(topic)))
        return relais_error_set(err, RELAIS_E_CONF_VALUE, "[relais] territory",
                                "too long for a topic's name");
    snprintf(c->topic, sizeof(c->topic), "%s", topic);
    snprintf(c->dlq, sizeof(c->dlq), "%s.dlq", topic);
    c->target.topic = c->topic;
    s->contract_count++;
    if (publisher_topic(s->publisher, c->topic, &c->target.topic_index, err) ||
        publisher_topic(s->publisher, c->dlq, &c->dlq_index, err))
        return -1;
    return 0;
}

static int add_contracts(struct source *s, struct relais_error *err)
{
    struct relais_source_contracts list;

    if (relais_source_contracts(s->conf, s->connector, &list, err))
        return -1;
    for (size_t i = 0; i < list.count; i++)
        if (add_contract(s, list.rows[i], err))
            return -1;
    s->control_contract = relais_catalog_find("fr.relais.control.EvenementControle");
    if (relais_catalog_topic(s->control_contract, s->territory, s->control_topic,
                             sizeof(s->control_topic)))
        return relais_error_set(err, RELAIS_E_CONF_VALUE, "[relais] territory",
                                "too long for a topic's name");
    return publisher_topic(s->publisher, s->control_topic, &s->control_index, err);
}

static int open_checker(struct source *s, struct relais_error *err)
{
    const char *ring = relais_conf_text(s->conf, "keys", "file");

    s->codes = relais_codes_new(relais_conf_text(s->conf, "codes", "dir"), err);
    if (!s->codes)
        return -1;
    if (!ring)
        return relais_error_set(err, RELAIS_E_CONF_VALUE, "[keys] file",
                                "a source needs its key ring (relais keys init makes "
                                "one)");
    s->ring = relais_keyring_open(ring, err);
    if (!s->ring)
        return -1;
    for (enum relais_usage usage = 0; usage < RELAIS_USAGE_COUNT; usage++)
        if (!relais_keyring_has(s->ring, usage))
            return relais_error_set(err, RELAIS_E_KEYRING, ring,
                                    "no key of usage %s: a source needs them all",
                                    relais_usage_name(usage));
    s->checker = (struct relais_checker){s->name, s->territory, s->codes, s->ring};
    return 0;
}

static int check_names(struct source *s, struct relais_error *err)
{
    s->name = relais_conf_text(s->conf, "relais", "source");
    s->territory = relais_conf_text(s->conf, "relais", "territory");
    if (!s->name || !s->territory)
        return relais_error_set(err, RELAIS_E_CONF_VALUE, "[relais]",
                                "source and territory must be given");
    if (strlen(s->name) > 200)
        return relais_error_set(err, RELAIS_E_CONF_VALUE, "[relais] source",
                                "longer than 200 characters");
    return 0;
}

int source_open(struct source *s, struct relais_error *err)
{
    relais_batch_init(&s->batch, BATCH_ARENA_MAX);
    s->arena = (struct relais_arena)RELAIS_ARENA_INIT(VALUE_MAX);
    s->buf = (struct relais_buf)RELAIS_BUF_INIT(VALUE_MAX);
    s->file.arena = (struct relais_arena)RELAIS_ARENA_INIT(1u << 20);
    if (check_names(s, err) || open_checker(s, err))
        return -1;
    if (!relais_codes_territory(s->codes, s->territory))
        return relais_error_set(err, RELAIS_E_CONF_VALUE, "[relais] territory",
                                "'%s' is not a territory of ideparte.csv", s->territory);
    s->publisher = publisher_new(s->conf, s->name, err);
    if (!s->publisher || add_contracts(s, err))
        return -1;
    s->store =
        store_open(relais_conf_text(s->conf, "relais", "state"), s->name, true, err);
    if (!s->store)
        return -1;
    s->registry = relais_registry_new(s->conf, err);
    if (!s->registry)
        return -1;
    difference_init(&s->difference, &s->checker, s->store, publisher_ring(s->publisher),
                    s->registry);
    return 0;
}

bool source_close(struct source *s)
{
    bool hung;

    if (s->state)
        s->connector->source->close(s->state);
    difference_release(&s->difference);
    relais_registry_free(s->registry);
    hung = publisher_free(s->publisher);
    store_close(s->store);
    relais_keyring_free(s->ring);
    relais_codes_free(s->codes);
    relais_batch_release(&s->batch);
    relais_arena_release(&s->arena);
    relais_arena_release(&s->file.arena);
    relais_buf_release(&s->buf);
    relais_ops_free(s->ops);
    return hung;
}

int source_register(struct source *s, struct relais_error *err)
{
    const struct relais_contract *parked = relais_catalog_find("fr.relais.Parcage");
    const struct relais_contract *control = s->control_contract;

    for (size_t i = 0; i < s->contract_count; i++) {
        struct difference_target *t = &s->contracts[i].target;

        if (relais_registry_register(s->registry, t->contract->name, t->contract->text,
                                     &t->schema_id, err))
            return -1;
    }
    if (relais_registry_register(s->registry, control->name, control->text,
                                 &s->control_schema, err))
        return -1;
    return relais_registry_register(s->registry, parked->name, parked->text,
                                    &s->parked_schema, err);
}
