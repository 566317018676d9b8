#ifndef RELAIS_CONSUMERS_SINK_CONF_H
#define RELAIS_CONSUMERS_SINK_CONF_H

/* [sink] becomes a subscriber's options. */

#include "consumers/subscriber.h"

/* Fills all but the callbacks; names are in the arena. CONF. */
int sink_options(const struct relais_conf *conf, struct relais_arena *arena,
                 struct subscriber_options *options,
                 struct relais_error *err) RELAIS_MUST_CHECK;

#endif
