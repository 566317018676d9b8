#ifndef RELAIS_SCHEMAS_EMBEDDED_H
#define RELAIS_SCHEMAS_EMBEDDED_H

/* Files built into the library, byte for byte, by schemas/gen: every .avsc (name: folder
 * and file without extension, "eligibility/evenement_droit") and every code list (name:
 * the list, "moticlorsa"). In the order of their paths; ended by name NULL.
 */

#include <stddef.h>

struct relais_embedded {
    const char *name;
    const char *data; /* NUL after its end */
    size_t len;
};

extern const struct relais_embedded relais_embedded_schemas[];
extern const struct relais_embedded relais_embedded_codes[];

#endif
