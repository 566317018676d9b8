#ifndef RELAIS_PRODUCERS_DIFFERENCE_PRIVATE_H
#define RELAIS_PRODUCERS_DIFFERENCE_PRIVATE_H

/* Between difference.c (snapshots, re-publication, making an event) and difference_fact.c
 * (facts). */

#include "producers/difference.h"

#include "contracts/entete.h"

#define DIFFERENCE_FIELDS_MAX 256

/* The last published state of an object. */
struct difference_known {
    bool found;
    bool in_flight;
    int64_t observed_us;
    uint64_t fingerprint;      /* of the schema that wrote it */
    struct relais_slice value; /* Avro, without frame */
    void *data;                /* decoded */
    uint32_t ends[DIFFERENCE_FIELDS_MAX];
};

static inline struct entete *entete_of(void *data) { return data; }

/* known->data, and known->value in the form of the target's contract. */
int difference_decode_known(struct difference *d, const struct difference_target *t,
                            struct difference_known *known,
                            struct relais_error *err) RELAIS_MUST_CHECK;
int difference_find_known(struct difference *d, const struct difference_target *t,
                          struct relais_slice object, struct difference_known *known,
                          struct relais_error *err) RELAIS_MUST_CHECK;
/* data: complete but for its sequence and its sealing; entete.id is set. */
int difference_finish(struct difference *d, const struct difference_target *t,
                      struct relais_checked *checked,
                      const struct difference_known *known, const struct store_case *last,
                      struct difference_out *out,
                      struct relais_error *err) RELAIS_MUST_CHECK;
/* At or below the dossier's last position: published before. Else constate_le does not go
 * back (A5). */
int difference_log_position(const struct store_case *last, struct entete *entete,
                            char position_out[STORE_POSITION_MAX], bool *repeated_out,
                            struct relais_error *err) RELAIS_MUST_CHECK;
/* A checked fact takes its sequence, or is known again. */
int difference_take_fact(struct difference *d, const struct difference_target *t,
                         const struct relais_record *rec, struct difference_out *out,
                         struct relais_error *err) RELAIS_MUST_CHECK;

#endif
