#ifndef RELAIS_CONNECTORS_CNAF_SEEN_H
#define RELAIS_CONNECTORS_CNAF_SEEN_H

/* The cases of one file and what their numbers stand for: the same identity (organisme,
 * MATRICULE) twice, the last counts; two identities under one number, neither does
 * (contract A6). 24 bytes a case, hashes only: no number lies here.
 */

#include "connectors/cnaf_beneficiaire.h"

struct cnaf_seen {
    struct cnaf_seen_entry *entries;
    size_t count, mask; /* mask + 1 slots; 0: none yet */
};

enum cnaf_standing { CNAF_LAST, CNAF_REPLACED, CNAF_CONFLICT };

void cnaf_seen_add(struct cnaf_seen *seen, const struct cnaf_identity *identity,
                   int64_t ordinal);
enum cnaf_standing cnaf_seen_standing(const struct cnaf_seen *seen,
                                      const struct cnaf_identity *identity,
                                      int64_t ordinal);
void cnaf_seen_release(struct cnaf_seen *seen);

#endif
