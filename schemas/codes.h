#ifndef RELAIS_SCHEMAS_CODES_H
#define RELAIS_SCHEMAS_CODES_H

/* Code lists: `<variable>.csv` = code,label,from,to,source (from, to: YYYY-MM-DD or
 * empty, both inclusive), built in from schemas/codelists/, with an overlay folder
 * ([codes] dir) whose rows replace or add by code. `ideparte.csv` = code,territoire is a
 * table of its own. Memory: loaded once; lookups allocate nothing.
 */

#include "core/buf.h"

struct relais_codes;

/* dir NULL: built-in lists only. Errors: CONF naming file and line. */
struct relais_codes *relais_codes_new(const char *dir,
                                      struct relais_error *err) RELAIS_MUST_CHECK;
void relais_codes_free(struct relais_codes *codes);
/* Is there such a list? */
bool relais_codes_has(const struct relais_codes *codes, const char *variable);
bool relais_codes_valid(const struct relais_codes *codes, const char *variable,
                        struct relais_slice code, int32_t on_days);
/* ptr NULL: none. */
struct relais_slice relais_codes_label(const struct relais_codes *codes,
                                       const char *variable, struct relais_slice code);
/* Does IDEPARTE map to this territory ("dep69m")? known_out: whether the code is in the
 * list at all. */
bool relais_codes_ideparte(const struct relais_codes *codes, struct relais_slice ideparte,
                           const char *territory, bool *known_out);
bool relais_codes_territory(const struct relais_codes *codes, const char *territory);
/* First 16 hex of the SHA-256 over all lists in name order: contract B, version_codes. */
const char *relais_codes_version(const struct relais_codes *codes);

#endif
