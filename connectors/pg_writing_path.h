#ifndef RELAIS_CONNECTORS_PG_WRITING_PATH_H
#define RELAIS_CONNECTORS_PG_WRITING_PATH_H

/* Paths of a writing in an event: "a.b" of the element, "../a" of the element around it,
 * "/a" of the event, "@a" of its entete, "." the element itself. */

#include "core/value.h"

/* An element and those around it. */
struct pg_element {
    const struct relais_value *value;
    const struct pg_element *outer; /* NULL: it is the event */
};

/* NULL: nothing there. A field that stayed closed is found as its BYTES, whatever the
 * path asks inside of it. */
const struct relais_value *pg_writing_at(const struct relais_value *event,
                                         const struct pg_element *at, const char *path);
/* Absent, null, or a list of nothing. */
bool pg_writing_null(const struct relais_value *v);

#endif
