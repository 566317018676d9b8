#ifndef RELAIS_CONSUMERS_SINK_RUN_H
#define RELAIS_CONSUMERS_SINK_RUN_H

/* The sink runner: subscriber -> decode -> open what the ring permits -> sink connector;
 * offsets are committed only after the sink's flush(); a record that the sink refuses
 * (DATA) goes verbatim to <topic>.dlq and the rest goes on. Rebalance-safe: nothing is
 * written after a revoke. Blocks until stopped, or done (once). Main thread.
 */

#include "connectors/connector.h"

struct relais_sink_options {
    bool once;          /* stop at the end of every partition as it was at start */
    const char *parked; /* NULL, or the topics are DLQs: what the sink of that group
                           parked is given once more, what is refused again ends the run
                           (nothing after it is given) */
    bool pass;          /* parked: what is refused again is parked anew instead */
};

/* Returns the exit status; the reason was logged. 75: stopped before a run with `once`
 * came to its end, or before what was given was durable. */
int relais_sink_run(const struct relais_conf *conf,
                    const struct relais_connector *connector,
                    const struct relais_sink_options *options);

extern const struct relais_conf_key
    relais_sink_keys[]; /* [sink] topics, batch_records, flush_ms, group */

#endif
