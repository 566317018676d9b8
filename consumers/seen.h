#ifndef RELAIS_CONSUMERS_SEEN_H
#define RELAIS_CONSUMERS_SEEN_H

/* The last 65,536 event ids of a partition, each with the offset it came at. A repeat is
 * the same id at another offset: a message delivered again after a rebalance (same
 * offset) is none, for what was given then may not have been done. Memory: grows with
 * what is remembered, 2.5 MiB at most.
 */

#include <stdbool.h>
#include <stdint.h>

#define SEEN_MAX 65536u

struct seen;

struct seen *seen_new(void);
void seen_free(struct seen *seen);
/* Was this id here at another offset? Remembers it. */
bool seen_test(struct seen *seen, const unsigned char id[16], int64_t offset);

#endif
