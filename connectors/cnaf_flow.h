#ifndef RELAIS_CONNECTORS_CNAF_FLOW_H
#define RELAIS_CONNECTORS_CNAF_FLOW_H

/* What the CNAF's flows have in common: the header, the trailer, and the reading of a
 * part's fields by their row.
 */

#include "connectors/cnaf_xml.h"
#include "core/record.h"

/* X(row, parent's row, kind, name): the first rows of every flow's table. */
#define CNAF_COMMON(X)                                                                   \
    X(NONE, NONE, SKIPPED, "")                                                           \
    X(RACINE, NONE, ROOT, "Racine")                                                      \
    X(IDENTIFICATION_FLUX, RACINE, HEADER, "IdentificationFlux")                         \
    X(TYPEFLUX, IDENTIFICATION_FLUX, LEAF, "TYPEFLUX")                                   \
    X(NATFLUX, IDENTIFICATION_FLUX, LEAF, "NATFLUX")                                     \
    X(DTCREAFLUX, IDENTIFICATION_FLUX, LEAF, "DTCREAFLUX")                               \
    X(HEUCREAFLUX, IDENTIFICATION_FLUX, LEAF, "HEUCREAFLUX")                             \
    X(DTREF, IDENTIFICATION_FLUX, LEAF, "DTREF")                                         \
    X(TRANSMISSION_FLUX, RACINE, TRAILER, "TransmissionFlux")                            \
    X(NBTOTDOSRSATRANSM, TRANSMISSION_FLUX, LEAF, "NBTOTDOSRSATRANSM")                   \
    X(NBTOTDOSRSATRANSMANO, TRANSMISSION_FLUX, LEAF, "NBTOTDOSRSATRANSMANO")

enum {
#define X(row, parent, kind, name) CNAF_##row,
    CNAF_COMMON(X)
#undef X
        CNAF_COMMON_COUNT
};

/* Fields of a part, or of one group in it. */
struct cnaf_view {
    const struct cnaf_element *elements;
    const struct cnaf_field *fields;
    size_t count;
};

/* The text of a row; ptr NULL: absent. Given twice with different texts: FIELD_RULE. */
int cnaf_get(const struct cnaf_view *view, uint16_t row, struct relais_slice *text_out,
             struct relais_error *err) RELAIS_MUST_CHECK;
/* Is there any text inside the group `row`? */
bool cnaf_any(const struct cnaf_view *view, uint16_t row);
/* The next group `row` from *pos on (0 at first); false: no more. */
bool cnaf_group(const struct cnaf_view *view, uint16_t row, size_t *pos,
                struct cnaf_view *group_out);

/* Fills type, nature, day, time, reference, created_days, created_us, reference_days,
 * monthly, readable_header. Texts are copied into arena. FILE_HEADER. */
int cnaf_header_read(const struct cnaf_view *view, const char *nature,
                     struct relais_arena *arena, struct relais_depot *depot,
                     struct relais_error *err) RELAIS_MUST_CHECK;
/* The two numbers announced; -1: not given. FILE_TRAILER. */
int cnaf_trailer_read(const struct cnaf_view *view, int64_t *records_out,
                      int64_t *anomalies_out, struct relais_error *err) RELAIS_MUST_CHECK;

#endif
