#ifndef RELAIS_CLI_DOCTOR_H
#define RELAIS_CLI_DOCTOR_H

/* What the checks of `relais doctor` share: one line a finding, `ok`, `?` where nobody
 * can tell, `!!` with what to do.
 */

#include "connectors/connector.h"
#include "core/kafka.h"

struct doctor {
    const struct relais_conf *conf;
    const struct relais_connector *connector;
    /* Of a sink whose [sink] can be read: what it reads, as whom. NULL: no such. */
    const char *const *topics;
    const char *group;
    int wrong;
};

void doctor_ok(const char *what, const char *fmt, ...) RELAIS_PRINTF(2, 3);
void doctor_unknown(const char *what, const char *fmt, ...) RELAIS_PRINTF(2, 3);
void doctor_wrong(struct doctor *d, const char *what, const char *todo, const char *fmt,
                  ...) RELAIS_PRINTF(4, 5);
/* The error, with what its code usually asks for. */
void doctor_error(struct doctor *d, const char *what, const struct relais_error *err);

/* What a source publishes (doctor_source.c). */
void doctor_source(struct doctor *d);
/* Topics and group of a sink (doctor_sink.c). They belong to the arena. */
void doctor_sink(struct doctor *d, struct relais_arena *arena);
/* Is this among the sink's topics? */
bool doctor_reads(const struct doctor *d, const char *topic);
/* Broker, topics, rights (doctor_kafka.c). */
void doctor_kafka(struct doctor *d);
/* Of a connector with a database: connection, slot, tables (doctor_postgres.c). */
void doctor_postgres(struct doctor *d);

#endif
