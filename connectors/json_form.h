#ifndef RELAIS_CONNECTORS_JSON_FORM_H
#define RELAIS_CONNECTORS_JSON_FORM_H

/* Files of JSON that a person writes (mappings): read whole, their members known. Errors:
 * CONF_VALUE; where is the caller's. Ownership: values are of the arena. Threads: one.
 */

#include "core/value.h"

/* The whole file, at most 1 MiB, as a tree. NULL: cannot be read, or is no JSON. */
struct relais_value *json_form_load(const char *path, struct relais_arena *arena,
                                    const char *where,
                                    struct relais_error *err) RELAIS_MUST_CHECK;
/* From memory. */
struct relais_value *json_form_parse(struct relais_slice text, struct relais_arena *arena,
                                     const char *where,
                                     struct relais_error *err) RELAIS_MUST_CHECK;
/* A member's text; NULL: absent (also the record), or no text. */
const char *json_form_text(const struct relais_value *rec, const char *name);
/* The first member that is not known (NULL-ended): a misspelt one must not be passed
 * over. NULL: all are. */
const char *json_form_unknown(const struct relais_value *rec, const char *const *known);

#endif
