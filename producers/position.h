#ifndef RELAIS_PRODUCERS_POSITION_H
#define RELAIS_PRODUCERS_POSITION_H

/* Positions in a log, as the state keeps them (store.h): a record at or below one that is
 * kept was published before. */

#include "producers/store.h"

/* FIELD_LENGTH (DATA) where it does not fit. */
int position_make(struct relais_slice log, struct relais_slice position,
                  char out[STORE_POSITION_MAX],
                  struct relais_error *err) RELAIS_MUST_CHECK;
/* Is `position` at or below `kept` in the same log? kept "": no. */
bool position_reached(const char position[STORE_POSITION_MAX],
                      const char kept[STORE_POSITION_MAX]);
/* Which of two positions is first: parts between '/', as hexadecimal numbers. */
int position_cmp(struct relais_slice a, struct relais_slice b);

#endif
