#include "consumers/topics.h"
#include "core/kafka.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define PARTITIONS   6
#define TIMEOUT_MS   10000
#define TOPICS_MAX   16
#define DAY_MS       INT64_C(86400000)
#define DLQ_DAYS_MIN 14
#define SETTINGS     3

/* What is kept in a topic serves transmission; archives are the recipients'. A late
 * subscriber gets the present state by a re-publication (contract A8). */
const struct relais_retention relais_retentions[] = {
    {"eligibility", 150 * DAY_MS,
     "CASF R262-102 à R262-109 : données à transmettre, 5 mois au plus"},
    {"placements", 90 * DAY_MS,
     "CNIL, référentiel protection de l'enfance du 20/01/2022, § 46 : base active 2 ans "
     "au plus après le dernier contact ; un topic n'en est pas une, un trimestre suffit "
     "à "
     "transmettre"},
    {"payments", 150 * DAY_MS,
     "CASF R262-102 à R262-109 : données à transmettre, 5 mois au plus (les 3 ans du "
     "payeur sont les siens)"},
    {"control", 1096 * DAY_MS,
     "CRPA R114-9-7 : traces des échanges entre administrations, 36 mois ; ni personne "
     "ni dossier"},
    {"dlq", 30 * DAY_MS,
     "RGPD art. 5-1 c et e : le temps de réparer et de remettre, 14 jours au moins"},
    {NULL, 0, NULL},
};

enum { RETENTION, CLEANUP, MIN_INSYNC };
static const char *const setting_names[SETTINGS] = {"retention.ms", "cleanup.policy",
                                                    "min.insync.replicas"};

struct wanted {
    const char *topic; /* = plan.topic */
    bool dlq;
    char values[SETTINGS][24];
    bool differs[SETTINGS];
    int partitions; /* 0: does not exist */
    int replicas;
    const rd_kafka_ConfigResource_t *found; /* of the description */
    struct relais_topic_plan plan;
};

struct topics {
    rd_kafka_t *rk;
    rd_kafka_queue_t *queue;
    rd_kafka_event_t *description; /* owns wanted[].found */
    struct relais_kafka_watch watch;
    struct wanted wanted[TOPICS_MAX];
    size_t count;
    int replication;
};

/* ---- what is wanted ---- */

static int want(struct topics *t, const char *territory, const struct relais_retention *r,
                bool dlq, int64_t retention_ms, struct relais_error *err)
{
    struct wanted *w = &t->wanted[t->count];
    int n = snprintf(w->plan.topic, sizeof(w->plan.topic), "%s.%s.v1%s", territory,
                     r->family, dlq ? ".dlq" : "");

    if (n < 0 || (size_t)n >= sizeof(w->plan.topic))
        return relais_error_set(err, RELAIS_E_CONF_VALUE, "relais.territory",
                                "name too long");
    w->topic = w->plan.topic;
    w->dlq = dlq;
    snprintf(w->values[RETENTION], sizeof(w->values[0]), "%" PRId64, retention_ms);
    snprintf(w->values[CLEANUP], sizeof(w->values[0]), "delete");
    snprintf(w->values[MIN_INSYNC], sizeof(w->values[0]), "%d",
             t->replication >= 3 ? 2 : 1);
    t->count++;
    return 0;
}

static int want_all(struct topics *t, const struct relais_conf *conf,
                    struct relais_error *err)
{
    const char *territory = relais_conf_text(conf, "relais", "territory");
    const struct relais_retention *dlq = relais_retentions;

    while (strcmp(dlq->family, "dlq") != 0)
        dlq++;
    for (const struct relais_retention *r = relais_retentions; r != dlq; r++)
        if (want(t, territory, r, false, r->retention_ms, err) ||
            want(t, territory, r, true, dlq->retention_ms, err))
            return -1;
    return 0;
}

bool relais_topics_has(const struct relais_conf *conf, const char *topic)
{
    struct relais_error ignored = RELAIS_ERROR_INIT;
    struct topics t = {.replication = 1};
    bool there = false;

    if (want_all(&t, conf, &ignored))
        return false;
    for (size_t i = 0; i < t.count; i++)
        there |= strcmp(t.wanted[i].topic, topic) == 0;
    return there;
}

/* ---- what there is ---- */

static int open_client(struct topics *t, const struct relais_conf *conf,
                       struct relais_error *err)
{
    rd_kafka_conf_t *kconf = relais_kafka_conf(conf, RELAIS_KAFKA_ADMIN, err);
    char text[160];

    if (!kconf)
        return -1;
    relais_kafka_watch(kconf, &t->watch);
    t->rk = rd_kafka_new(RD_KAFKA_PRODUCER, kconf, text, sizeof(text));
    if (!t->rk) {
        rd_kafka_conf_destroy(kconf);
        return relais_error_set(err, RELAIS_E_CONF_VALUE, "[kafka]", "%s", text);
    }
    t->queue = rd_kafka_queue_new(t->rk);
    return 0;
}

/* librdkafka's mock cluster answers no admin call, and a client waits for it in vain. */
static int refuse_embedded(struct topics *t, struct relais_error *err)
{
    char *id = rd_kafka_clusterid(t->rk, TIMEOUT_MS);
    bool embedded = id && strncmp(id, "mockCluster", strlen("mockCluster")) == 0;

    if (id)
        rd_kafka_mem_free(t->rk, id);
    if (!embedded)
        return 0;
    return relais_error_set(err, RELAIS_E_CONF_VALUE, "[kafka] bootstrap.servers",
                            "le broker embarqué n'a pas d'appels d'administration : il "
                            "fait lui-même ses topics");
}

static int look(struct topics *t, const struct relais_conf *conf,
                struct relais_error *err)
{
    const struct rd_kafka_metadata *md;
    rd_kafka_resp_err_t code = rd_kafka_metadata(t->rk, 1, NULL, &md, TIMEOUT_MS);

    if (code) {
        rd_kafka_poll(t->rk, 0); /* a refusal says more than the time-out */
        if (t->watch.refused_since_us)
            return relais_error_set(err, RELAIS_E_RIGHTS, "[kafka]", "%s", t->watch.text);
        return relais_kafka_error(err, code, "[kafka] bootstrap.servers", "metadata");
    }
    t->replication = md->broker_cnt >= 3 ? 3 : 1;
    if (want_all(t, conf, err)) {
        rd_kafka_metadata_destroy(md);
        return -1;
    }
    for (int i = 0; i < md->topic_cnt; i++) {
        const struct rd_kafka_metadata_topic *topic = &md->topics[i];

        for (size_t j = 0; j < t->count; j++) {
            struct wanted *w = &t->wanted[j];

            if (strcmp(w->topic, topic->topic) != 0 || !topic->partition_cnt)
                continue;
            w->partitions = topic->partition_cnt;
            w->replicas = topic->partitions[0].replica_cnt;
        }
    }
    rd_kafka_metadata_destroy(md);
    return 0;
}

/* The answer to an admin call. NULL: error set. */
static rd_kafka_event_t *answer(struct topics *t, const char *what,
                                struct relais_error *err)
{
    rd_kafka_event_t *ev = rd_kafka_queue_poll(t->queue, 2 * TIMEOUT_MS);
    rd_kafka_resp_err_t code = ev ? rd_kafka_event_error(ev) : 0;

    if (ev && !code)
        return ev;
    relais_kafka_error(err, ev ? code : RD_KAFKA_RESP_ERR__TIMED_OUT, "[kafka]", what);
    if (ev)
        rd_kafka_event_destroy(ev);
    return NULL;
}

static rd_kafka_AdminOptions_t *admin_options(struct topics *t, rd_kafka_admin_op_t op)
{
    rd_kafka_AdminOptions_t *options = rd_kafka_AdminOptions_new(t->rk, op);

    rd_kafka_AdminOptions_set_request_timeout(options, TIMEOUT_MS, NULL, 0);
    return options;
}

static int describe(struct topics *t, struct relais_error *err)
{
    rd_kafka_ConfigResource_t *asked[TOPICS_MAX];
    const rd_kafka_ConfigResource_t **found;
    rd_kafka_AdminOptions_t *options;
    size_t count = 0;

    for (size_t i = 0; i < t->count; i++)
        if (t->wanted[i].partitions)
            asked[count++] =
                rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, t->wanted[i].topic);
    if (!count)
        return 0;
    options = admin_options(t, RD_KAFKA_ADMIN_OP_DESCRIBECONFIGS);
    rd_kafka_DescribeConfigs(t->rk, asked, count, options, t->queue);
    rd_kafka_AdminOptions_destroy(options);
    rd_kafka_ConfigResource_destroy_array(asked, count);
    t->description = answer(t, "DescribeConfigs", err);
    if (!t->description)
        return -1;
    found = rd_kafka_DescribeConfigs_result_resources(
        rd_kafka_event_DescribeConfigs_result(t->description), &count);
    for (size_t i = 0; i < count; i++) {
        const char *name = rd_kafka_ConfigResource_name(found[i]);
        rd_kafka_resp_err_t code = rd_kafka_ConfigResource_error(found[i]);

        if (code)
            return relais_kafka_error(err, code, name, "DescribeConfigs");
        for (size_t j = 0; j < t->count; j++)
            if (strcmp(t->wanted[j].topic, name) == 0)
                t->wanted[j].found = found[i];
    }
    return 0;
}

/* "": not told. */
static const char *current(const struct wanted *w, const char *name)
{
    const rd_kafka_ConfigEntry_t **entries;
    size_t count = 0;

    entries = w->found ? rd_kafka_ConfigResource_configs(w->found, &count) : NULL;
    for (size_t i = 0; i < count; i++)
        if (strcmp(rd_kafka_ConfigEntry_name(entries[i]), name) == 0) {
            const char *value = rd_kafka_ConfigEntry_value(entries[i]);

            return value ? value : "";
        }
    return "";
}

/* ---- the difference ---- */

static bool conforms(const struct wanted *w, int setting, const char *value)
{
    if (strcmp(value, w->values[setting]) == 0)
        return true;
    if (setting != RETENTION || !w->dlq)
        return false;
    return strtoll(value, NULL, 10) >= DLQ_DAYS_MIN * DAY_MS;
}

static void add(struct wanted *w, const char *fmt, ...) RELAIS_PRINTF(2, 3);

static void add(struct wanted *w, const char *fmt, ...)
{
    size_t len = strlen(w->plan.what);
    va_list ap;

    if (len && len + 2 < sizeof(w->plan.what))
        len += (size_t)snprintf(w->plan.what + len, sizeof(w->plan.what) - len, ", ");
    va_start(ap, fmt);
    vsnprintf(w->plan.what + len, sizeof(w->plan.what) - len, fmt, ap);
    va_end(ap);
}

static void compare(const struct topics *t, struct wanted *w)
{
    if (!w->partitions) {
        w->plan.change = true;
        add(w, "à créer : %d partitions, réplication %d, rétention %" PRId64 " jours",
            PARTITIONS, t->replication,
            (int64_t)strtoll(w->values[RETENTION], NULL, 10) / DAY_MS);
        return;
    }
    if (w->partitions != PARTITIONS) {
        w->plan.wrong = true;
        add(w, "%d partitions au lieu de %d (ne se changent pas)", w->partitions,
            PARTITIONS);
    }
    if (w->replicas < t->replication) {
        w->plan.wrong = true;
        add(w, "réplication %d au lieu de %d (kafka-reassign-partitions)", w->replicas,
            t->replication);
    }
    for (int i = 0; i < SETTINGS; i++) {
        const char *value = current(w, setting_names[i]);

        w->differs[i] = !conforms(w, i, value);
        w->plan.change |= w->differs[i];
        if (w->differs[i])
            add(w, "%s %s -> %s", setting_names[i], value, w->values[i]);
    }
    if (!w->plan.what[0])
        add(w, "conforme");
}

/* ---- applied ---- */

static int create(struct topics *t, struct wanted *w, struct relais_error *err)
{
    rd_kafka_AdminOptions_t *options = admin_options(t, RD_KAFKA_ADMIN_OP_CREATETOPICS);
    rd_kafka_NewTopic_t *topic;
    const rd_kafka_topic_result_t **results;
    rd_kafka_event_t *ev;
    rd_kafka_resp_err_t code;
    size_t count;
    int rc = 0;

    topic = rd_kafka_NewTopic_new(w->topic, PARTITIONS, t->replication, NULL, 0);
    for (int i = 0; i < SETTINGS; i++)
        rd_kafka_NewTopic_set_config(topic, setting_names[i], w->values[i]);
    rd_kafka_CreateTopics(t->rk, &topic, 1, options, t->queue);
    rd_kafka_AdminOptions_destroy(options);
    rd_kafka_NewTopic_destroy(topic);
    ev = answer(t, "CreateTopics", err);
    if (!ev)
        return -1;
    results = rd_kafka_CreateTopics_result_topics(rd_kafka_event_CreateTopics_result(ev),
                                                  &count);
    code = count ? rd_kafka_topic_result_error(results[0]) : 0;
    if (code && code != RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS)
        rc = relais_kafka_error(err, code, w->topic, "CreateTopics");
    rd_kafka_event_destroy(ev);
    return rc;
}

#if RD_KAFKA_VERSION >= 0x020200ff

static rd_kafka_event_t *alter_call(struct topics *t, const struct wanted *w,
                                    struct relais_error *err)
{
    rd_kafka_AdminOptions_t *options =
        admin_options(t, RD_KAFKA_ADMIN_OP_INCREMENTALALTERCONFIGS);
    rd_kafka_ConfigResource_t *res =
        rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, w->topic);

    for (int i = 0; i < SETTINGS; i++)
        if (w->differs[i])
            rd_kafka_error_destroy(rd_kafka_ConfigResource_add_incremental_config(
                res, setting_names[i], RD_KAFKA_ALTER_CONFIG_OP_TYPE_SET, w->values[i]));
    rd_kafka_IncrementalAlterConfigs(t->rk, &res, 1, options, t->queue);
    rd_kafka_AdminOptions_destroy(options);
    rd_kafka_ConfigResource_destroy(res);
    return answer(t, "IncrementalAlterConfigs", err);
}

static const rd_kafka_ConfigResource_t **alter_results(rd_kafka_event_t *ev,
                                                       size_t *count_out)
{
    return rd_kafka_IncrementalAlterConfigs_result_resources(
        rd_kafka_event_IncrementalAlterConfigs_result(ev), count_out);
}

#else

static bool is_changed(const struct wanted *w, const char *name)
{
    for (int i = 0; i < SETTINGS; i++)
        if (w->differs[i] && strcmp(setting_names[i], name) == 0)
            return true;
    return false;
}

/* AlterConfigs replaces all that was set on the topic: the rest is said again. */
static rd_kafka_event_t *alter_call(struct topics *t, const struct wanted *w,
                                    struct relais_error *err)
{
    rd_kafka_AdminOptions_t *options = admin_options(t, RD_KAFKA_ADMIN_OP_ALTERCONFIGS);
    rd_kafka_ConfigResource_t *res =
        rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, w->topic);
    const rd_kafka_ConfigEntry_t **entries;
    size_t count = 0;

    entries = w->found ? rd_kafka_ConfigResource_configs(w->found, &count) : NULL;
    for (size_t i = 0; i < count; i++) {
        const char *name = rd_kafka_ConfigEntry_name(entries[i]);

        if (rd_kafka_ConfigEntry_source(entries[i]) ==
                RD_KAFKA_CONFIG_SOURCE_DYNAMIC_TOPIC_CONFIG &&
            !is_changed(w, name))
            rd_kafka_ConfigResource_set_config(res, name,
                                               rd_kafka_ConfigEntry_value(entries[i]));
    }
    for (int i = 0; i < SETTINGS; i++)
        if (w->differs[i])
            rd_kafka_ConfigResource_set_config(res, setting_names[i], w->values[i]);
    rd_kafka_AlterConfigs(t->rk, &res, 1, options, t->queue);
    rd_kafka_AdminOptions_destroy(options);
    rd_kafka_ConfigResource_destroy(res);
    return answer(t, "AlterConfigs", err);
}

static const rd_kafka_ConfigResource_t **alter_results(rd_kafka_event_t *ev,
                                                       size_t *count_out)
{
    return rd_kafka_AlterConfigs_result_resources(rd_kafka_event_AlterConfigs_result(ev),
                                                  count_out);
}

#endif

static int alter(struct topics *t, struct wanted *w, struct relais_error *err)
{
    rd_kafka_event_t *ev = alter_call(t, w, err);
    const rd_kafka_ConfigResource_t **results;
    rd_kafka_resp_err_t code;
    size_t count;
    int rc = 0;

    if (!ev)
        return -1;
    results = alter_results(ev, &count);
    code = count ? rd_kafka_ConfigResource_error(results[0]) : 0;
    if (code)
        rc = relais_kafka_error(err, code, w->topic, "AlterConfigs");
    rd_kafka_event_destroy(ev);
    return rc;
}

static int act(struct topics *t, struct wanted *w, struct relais_error *err)
{
    bool missing = !w->partitions;
    char what[sizeof(w->plan.what)];

    if (!w->plan.change)
        return 0;
    if (missing ? create(t, w, err) : alter(t, w, err))
        return -1;
    snprintf(what, sizeof(what), "%s", w->plan.what);
    if (missing)
        snprintf(w->plan.what, sizeof(w->plan.what), "créé%s", what + strlen("à créer"));
    else
        snprintf(w->plan.what, sizeof(w->plan.what), "corrigé : %.*s",
                 (int)(sizeof(w->plan.what) - sizeof("corrigé : ")), what);
    return 0;
}

static bool all_there(struct topics *t)
{
    const struct rd_kafka_metadata *md;
    size_t there = 0;

    if (rd_kafka_metadata(t->rk, 1, NULL, &md, TIMEOUT_MS))
        return false;
    for (int i = 0; i < md->topic_cnt; i++)
        for (size_t j = 0; j < t->count; j++)
            there += strcmp(t->wanted[j].topic, md->topics[i].topic) == 0 &&
                     md->topics[i].partition_cnt > 0;
    rd_kafka_metadata_destroy(md);
    return there == t->count;
}

/* A broker tells of a new topic a moment after the controller made it; what runs next
 * shall find it. */
static void settle(struct topics *t)
{
    for (int waited_ms = 0; !all_there(t) && waited_ms < TIMEOUT_MS; waited_ms += 100)
        rd_kafka_poll(t->rk, 100);
}

int relais_topics(const struct relais_conf *conf, bool apply,
                  int (*each)(void *user, const struct relais_topic_plan *row),
                  void *user, struct relais_error *err)
{
    struct topics t = {.count = 0};
    int rc = -1;

    if (open_client(&t, conf, err) || look(&t, conf, err) || refuse_embedded(&t, err) ||
        describe(&t, err))
        goto out;
    for (size_t i = 0; i < t.count; i++) {
        compare(&t, &t.wanted[i]);
        if (apply && act(&t, &t.wanted[i], err))
            goto out;
        if (each(user, &t.wanted[i].plan)) {
            relais_error_set(err, RELAIS_E_STOPPED, t.wanted[i].topic, "by the caller");
            goto out;
        }
    }
    if (apply)
        settle(&t);
    rc = 0;
out:
    if (t.description)
        rd_kafka_event_destroy(t.description);
    if (t.queue)
        rd_kafka_queue_destroy(t.queue);
    relais_kafka_destroy(t.rk, 5);
    return rc;
}
