#ifndef RELAIS_TESTS_HELPER_CNAF_H
#define RELAIS_TESTS_HELPER_CNAF_H

/* CNAF files through the source, as one file in place (open_file), and files written for
 * it. Failures end the running cmocka test. */

#include "connectors/connector.h"

/* What the source gave of one file. Records and values live in `batch`. */
struct helper_cnaf {
    void *state;
    struct relais_depot depot; /* its texts: the source's */
    struct relais_batch batch; /* SNAPSHOT, PARKED, SUPERSEDED */
    size_t end_count;          /* DEPOT_END records */
    struct relais_error err;   /* of poll or verdict */
};

/* Reads a file to its end; where depot.problem is not OK only its first pass. */
void helper_cnaf_read(struct helper_cnaf *run, const char *path);
void helper_cnaf_release(struct helper_cnaf *run);
/* The i-th record, from 0. */
const struct relais_record *helper_cnaf_record(const struct helper_cnaf *run, size_t i);
/* JSON of a record's value, or of one member of it ("etat", "foyer.commune",
 * "personnes.0.identite.nom"); "" where absent. Borrowed until the next call. */
const char *helper_cnaf_json(const struct relais_record *rec, const char *path);

#define HELPER_CNAF_HEAD                                                                 \
    "<IdentificationFlux><APPLIEME>CRI</APPLIEME><TYPEFLUX>M</TYPEFLUX>"                 \
    "<NATFLUX>D</NATFLUX><DTCREAFLUX>2026-02-04</DTCREAFLUX>"                            \
    "<HEUCREAFLUX>21:27:43.0000</HEUCREAFLUX><DTREF>2026-01-31</DTREF>"                  \
    "</IdentificationFlux>\n"

/* A block: number and matricule in IdentificationRSA, then `more`, then ETATDOSRSA 2 with
 * `right` inside DetailDroitRSA. Caller frees. */
char *helper_cnaf_block(const char *number, const char *matricule, const char *more,
                        const char *right);
/* The file: declaration (with its end, may be ""), Racine, header, body, trailer for n
 * blocks; the path in folder. Caller frees. */
char *helper_cnaf_file(const char *folder, const char *declaration, const char *body,
                       int n);
/* Bytes as they are, NULs too. */
char *helper_cnaf_bytes(const char *folder, const void *ptr, size_t len);

#endif
