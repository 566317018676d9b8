#ifndef RELAIS_CONSUMERS_SINK_CONF_H
#define RELAIS_CONSUMERS_SINK_CONF_H

/* [sink] becomes a subscriber's options, and what their topics hold. */

#include "connectors/connector.h"
#include "consumers/subscriber.h"
#include "schemas/catalog.h"

/* Fills all but the callbacks; names are in the arena. CONF. */
int sink_options(const struct relais_conf *conf, struct relais_arena *arena,
                 struct subscriber_options *options,
                 struct relais_error *err) RELAIS_MUST_CHECK;

/* Tells the sink what events of those topics look like (connector.h, expect). told:
 * zeroed at first; the same again after a RETRY goes on where it was. */
struct sink_told {
    size_t count; /* contracts of the catalog that are done */
    struct relais_value *open, *closed;
};
int sink_expect(const struct relais_sink_ops *ops, void *state,
                const struct relais_conf *conf, const struct subscriber_options *options,
                struct sink_told *told, struct relais_arena *arena,
                struct relais_error *err) RELAIS_MUST_CHECK;

#endif
