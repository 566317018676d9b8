#ifndef RELAIS_CONSUMERS_TOPICS_H
#define RELAIS_CONSUMERS_TOPICS_H

/* The topics of a territory as they must be (contract, Topics): name, 6 partitions,
 * replication, min.insync.replicas, retention from the table of legal sources; and what
 * the cluster has. plan compares, apply creates what is missing and sets configurations
 * that differ; partitions are never changed. Errors: BROKER_DOWN, RIGHTS.
 */

#include "core/conf.h"

struct relais_topic_plan {
    char topic[128];
    char what[192]; /* French: "a creer : 6 partitions, replication 3", "retention.ms 1 ->
                       2", "conforme" */
    bool change;    /* apply would act */
    bool wrong;     /* differs and cannot be changed (partitions) */
};

/* Calls each() per topic. apply: act, then report what was done. */
int relais_topics(const struct relais_conf *conf, bool apply,
                  int (*each)(void *user, const struct relais_topic_plan *row),
                  void *user, struct relais_error *err) RELAIS_MUST_CHECK;

/* Is it one of them: would apply create it? */
bool relais_topics_has(const struct relais_conf *conf, const char *topic);

/* The table behind it, for docs: family, retention, its legal source. */
struct relais_retention {
    const char *family;
    int64_t retention_ms;
    const char *source;
};
extern const struct relais_retention relais_retentions[]; /* ended by family NULL */

#endif
