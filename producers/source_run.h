#ifndef RELAIS_PRODUCERS_SOURCE_RUN_H
#define RELAIS_PRODUCERS_SOURCE_RUN_H

/* The source runner: connector -> check -> difference -> protect -> encode -> publisher,
 * with the whole error policy (core/error.h classes), the state folder, control events,
 * DLQ, start and stop. The way of the data and the rules of acknowledgement: design.md
 * part 2. Blocks until stopped, done (once) or beyond help. Main thread.
 */

#include "connectors/connector.h"

struct relais_source_options {
    bool once;   /* end when the connector is idle and everything is acknowledged */
    bool renvoi; /* first publish every object's present state again (contract A8), and
                    accept a state ahead */
};

/* Returns the exit status: 0, 75, 78, 70; the reason was logged. 75: stopped inside a
 * file, before a run with `once` came to its end, or with messages that no broker
 * acknowledged in time. What a log has more to give is no work left. */
int relais_source_run(const struct relais_conf *conf,
                      const struct relais_connector *connector,
                      const struct relais_source_options *options);

#define RELAIS_SOURCE_CONTRACTS_MAX 12

struct relais_contract;

struct relais_source_contracts {
    const struct relais_contract *rows[RELAIS_SOURCE_CONTRACTS_MAX]; /* static storage */
    size_t count;
};

/* What a source publishes: the contracts that its connector yields and the key `schema`
 * names. CONF_VALUE: no contract of that name, or none at all. */
int relais_source_contracts(const struct relais_conf *conf,
                            const struct relais_connector *connector,
                            struct relais_source_contracts *out,
                            struct relais_error *err) RELAIS_MUST_CHECK;

/* The keys that the runner and its store read beside relais_conf_common. */
extern const struct relais_conf_key relais_source_keys[];

#endif
