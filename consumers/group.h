#ifndef RELAIS_CONSUMERS_GROUP_H
#define RELAIS_CONSUMERS_GROUP_H

/* What a group of readers has read, asked from outside: nothing is joined or moved.
 *
 * Units: offsets. Ownership: the caller's. Blocking: each first question about a
 * partition up to 10 s. Errors: BROKER_DOWN, RIGHTS, CONF_VALUE. Threads: one.
 */

#include "core/kafka.h"

struct group;

struct group *group_new(const struct relais_conf *conf, const char *name,
                        struct relais_error *err) RELAIS_MUST_CHECK;
/* The next offset that it reads, as it was at the first question; -1: it has no position.
 */
int group_next(struct group *g, const char *topic, int32_t partition, int64_t *next_out,
               struct relais_error *err) RELAIS_MUST_CHECK;
/* true: librdkafka hangs, end by _exit(). */
bool group_free(struct group *g);

#endif
