/* relais doctor, Kafka's part: broker, topics, rights. */
#include "cli/doctor.h"
#include "consumers/topics.h"
#include "schemas/catalog.h"

#define TIMEOUT_MS        10000
#define RIGHTS_TIMEOUT_MS 4000

static void broker(const struct rd_kafka_metadata *metadata)
{
    doctor_ok("kafka", "%d broker%s, librdkafka %s", metadata->broker_cnt,
              metadata->broker_cnt > 1 ? "s" : "", rd_kafka_version_str());
    if (metadata->broker_cnt < 3)
        doctor_unknown("kafka",
                       "moins de trois brokers : une panne peut perdre des données");
}

/* The topics that the territory has; a sink's: those that it reads. */
static void topics(struct doctor *d, rd_kafka_t *rk)
{
    const char *territory = relais_conf_text(d->conf, "relais", "territory");
    char topic[128], seen[16][128];
    size_t seen_count = 0;
    const struct relais_contract *contract;

    for (size_t i = 0; (contract = relais_catalog_at(i)); i++) {
        struct relais_error err = RELAIS_ERROR_INIT;
        int32_t partitions;
        size_t j = 0;

        if (!contract->family[0] ||
            relais_catalog_topic(contract, territory, topic, sizeof(topic)))
            continue;
        while (j < seen_count && strcmp(seen[j], topic) != 0)
            j++;
        if (j < seen_count || seen_count == 16)
            continue;
        memcpy(seen[seen_count++], topic, sizeof(topic));
        if (relais_kafka_partitions(rk, topic, TIMEOUT_MS, &partitions, &err))
            doctor_error(d, "topic", &err);
        else
            doctor_ok("topic", "%s, %d partitions", topic, partitions);
    }
}

static void sink_topic(struct doctor *d, rd_kafka_t *rk, const char *topic)
{
    struct relais_error err = RELAIS_ERROR_INIT;
    int32_t partitions;

    if (relais_kafka_partitions(rk, topic, TIMEOUT_MS, &partitions, &err) == 0)
        doctor_ok("topic", "%s, %d partitions", topic, partitions);
    else if (err.code == RELAIS_E_TOPIC_MISSING && !relais_topics_has(d->conf, topic))
        doctor_wrong(
            d, "topic",
            "corriger sink.topics (relais topics plan dit les topics du "
            "territoire), ou le faire créer par qui y publie",
            "%s : n'existe pas, ou aucun droit de le voir ; pas un topic de %s (%s)",
            topic, relais_conf_text(d->conf, "relais", "territory"),
            relais_error_name(err.code));
    else
        doctor_error(d, "topic", &err);
}

/* A right that the process needs. */
struct right {
    rd_kafka_ResourceType_t type;
    const char *name; /* of the topic, the group */
    rd_kafka_AclOperation_t operation;
};

static const char *right_todo(const struct right *r)
{
    if (r->operation == RD_KAFKA_ACL_OPERATION_WRITE)
        return "accorder Write et Describe à l'utilisateur de la source";
    return r->type == RD_KAFKA_RESOURCE_GROUP
               ? "accorder Read sur ce groupe à l'utilisateur du puits"
               : "accorder Read et Describe à l'utilisateur du puits";
}

static void say_bindings(struct doctor *d, const struct right *r,
                         const rd_kafka_AclBinding_t **bindings, size_t count)
{
    bool writes = r->operation == RD_KAFKA_ACL_OPERATION_WRITE;
    const char *group = r->type == RD_KAFKA_RESOURCE_GROUP ? "groupe " : "";
    size_t granted = 0;

    for (size_t i = 0; i < count; i++) {
        rd_kafka_AclOperation_t operation = rd_kafka_AclBinding_operation(bindings[i]);

        if (rd_kafka_AclBinding_permission_type(bindings[i]) !=
                RD_KAFKA_ACL_PERMISSION_TYPE_ALLOW ||
            (operation != r->operation && operation != RD_KAFKA_ACL_OPERATION_ALL))
            continue;
        granted++;
        doctor_ok("droits", "%s%s : %s accordée à %s", group, r->name,
                  writes ? "écriture" : "lecture",
                  rd_kafka_AclBinding_principal(bindings[i]));
    }
    /* 2.0.2 also gives no row where the cluster controls nothing */
    if (!count)
        doctor_unknown("droits",
                       "%s%s : aucun droit déclaré ; si ce Kafka contrôle les droits, %s",
                       group, r->name, right_todo(r));
    else if (!granted && d->connector)
        doctor_wrong(d, "droits", right_todo(r), "%s%s : personne n'a le droit %s", group,
                     r->name, writes ? "d'écrire" : "de lire");
}

static rd_kafka_event_t *ask_right(rd_kafka_t *rk, const struct right *r,
                                   rd_kafka_queue_t *queue)
{
    rd_kafka_AdminOptions_t *options =
        rd_kafka_AdminOptions_new(rk, RD_KAFKA_ADMIN_OP_DESCRIBEACLS);
    char text[256];
    rd_kafka_AclBindingFilter_t *filter = rd_kafka_AclBindingFilter_new(
        r->type, r->name, RD_KAFKA_RESOURCE_PATTERN_MATCH, NULL, NULL,
        RD_KAFKA_ACL_OPERATION_ANY, RD_KAFKA_ACL_PERMISSION_TYPE_ANY, text, sizeof(text));
    rd_kafka_event_t *event = NULL;

    if (filter && !rd_kafka_AdminOptions_set_request_timeout(options, RIGHTS_TIMEOUT_MS,
                                                             text, sizeof(text))) {
        rd_kafka_DescribeAcls(rk, filter, options, queue);
        event = rd_kafka_queue_poll(queue, RIGHTS_TIMEOUT_MS + 1000);
    }
    if (filter)
        rd_kafka_AclBinding_destroy(filter);
    rd_kafka_AdminOptions_destroy(options);
    return event;
}

/* Which principal we are only the broker knows: those who have the right are shown.
 * false: Kafka tells nothing of rights. */
static bool right(struct doctor *d, rd_kafka_t *rk, const struct right *r)
{
    rd_kafka_queue_t *queue = rd_kafka_queue_new(rk);
    rd_kafka_event_t *event = ask_right(rk, r, queue);
    rd_kafka_resp_err_t code =
        event ? rd_kafka_event_error(event) : RD_KAFKA_RESP_ERR__TIMED_OUT;
    size_t count;

    if (code == RD_KAFKA_RESP_ERR_SECURITY_DISABLED)
        doctor_ok("droits", "ce Kafka n'en contrôle aucun");
    else if (code == RD_KAFKA_RESP_ERR__UNSUPPORTED_FEATURE ||
             code == RD_KAFKA_RESP_ERR__TIMED_OUT)
        doctor_unknown("droits", "sans réponse ; le broker embarqué n'en a pas");
    else if (code)
        doctor_unknown(
            "droits", "Kafka ne les montre pas à cet utilisateur (%s) ; s'il manque : %s",
            rd_kafka_err2name(code), right_todo(r));
    else {
        const rd_kafka_AclBinding_t **bindings = rd_kafka_DescribeAcls_result_acls(
            rd_kafka_event_DescribeAcls_result(event), &count);

        say_bindings(d, r, bindings, count);
    }
    if (event)
        rd_kafka_event_destroy(event);
    rd_kafka_queue_destroy(queue);
    return !code;
}

/* A source's: to write the first topic of its territory; a sink's: to read its topics, as
 * its group. */
static void rights(struct doctor *d, rd_kafka_t *rk)
{
    struct right r = {RD_KAFKA_RESOURCE_TOPIC, NULL, RD_KAFKA_ACL_OPERATION_READ};
    char topic[128];

    if (d->connector && d->connector->sink) {
        for (size_t i = 0; d->topics && d->topics[i]; i++) {
            r.name = d->topics[i];
            if (!right(d, rk, &r))
                return;
        }
        r.type = RD_KAFKA_RESOURCE_GROUP;
        r.name = d->group;
        if (d->group)
            (void)right(d, rk, &r);
        return;
    }
    r.operation = RD_KAFKA_ACL_OPERATION_WRITE;
    r.name = topic;
    if (relais_catalog_topic(relais_catalog_at(0),
                             relais_conf_text(d->conf, "relais", "territory"), topic,
                             sizeof(topic)) == 0)
        (void)right(d, rk, &r);
}

void doctor_kafka(struct doctor *d)
{
    struct relais_error err = RELAIS_ERROR_INIT;
    struct relais_kafka_watch watch = {0};
    const struct rd_kafka_metadata *metadata = NULL;
    rd_kafka_conf_t *kconf = relais_kafka_conf(d->conf, RELAIS_KAFKA_ADMIN, &err);
    rd_kafka_t *rk = NULL;
    rd_kafka_resp_err_t code;
    char text[256];

    if (!kconf) {
        doctor_error(d, "kafka", &err);
        return;
    }
    relais_kafka_watch(kconf, &watch);
    rk = rd_kafka_new(RD_KAFKA_PRODUCER, kconf, text, sizeof(text));
    if (!rk) {
        rd_kafka_conf_destroy(kconf);
        doctor_wrong(d, "kafka", "corriger la section [kafka]", "%s", text);
        return;
    }
    code = rd_kafka_metadata(rk, 0, NULL, &metadata, TIMEOUT_MS);
    if (code) {
        rd_kafka_poll(rk, 0); /* lets error_cb speak: it knows more than a time-out */
        if (watch.text[0])
            relais_error_set(&err, RELAIS_E_BROKER_DOWN, "kafka", "%s", watch.text);
        else
            relais_kafka_error(&err, code, "kafka", "metadata");
        doctor_error(d, "kafka", &err);
    } else {
        broker(metadata);
        rd_kafka_metadata_destroy(metadata);
        for (size_t i = 0; d->topics && d->topics[i]; i++)
            sink_topic(d, rk, d->topics[i]);
        if (!d->topics)
            topics(d, rk);
        rights(d, rk);
    }
    relais_kafka_destroy(rk, 5);
}
