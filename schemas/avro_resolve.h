#ifndef RELAIS_SCHEMAS_AVRO_RESOLVE_H
#define RELAIS_SCHEMAS_AVRO_RESOLVE_H

/* What one schema wrote, read as another: fields by name (in any order, left out, or
 * absent and taken from the reader's default), aliases of the reader, promotions, enum
 * symbols by name, unions on either side. Norm: Avro 1.12, "Schema Resolution",
 * "Aliases". Made once for a pair of schemas, then one pass over each datum.
 *
 * Names of records, enums and fixed match without their namespace, or by an alias of the
 * reader in full. Of a reader's union the branch of the same type and full name is taken
 * (so that a schema always reads itself), else of the same type and name or alias, else
 * the first that the value can be promoted to. Logical types play no part: the bytes are
 * read as the underlying types.
 *
 * Two schemas that do not fit are no error of their own: SCHEMA_MISMATCH (DATA; where =
 * the path, text = why) is given for a datum that meets the place which does not fit. A
 * branch or an item that never occurs harms nothing. Whether every datum will fit is
 * asked of schemas/compat.h.
 *
 * Ownership: a resolution borrows both schemas, and must live as long as what was read by
 * it: defaults are its memory. Threads: read-only once made.
 */

#include "schemas/avro.h"

struct relais_avro_resolution;

/* SCHEMA_INVALID: together too large. */
struct relais_avro_resolution *
relais_avro_resolution_new(const struct relais_avro *writer,
                           const struct relais_avro *reader,
                           struct relais_error *err) RELAIS_MUST_CHECK;
void relais_avro_resolution_free(struct relais_avro_resolution *resolution);

/* Exactly `bytes`, of the writer's schema, into the struct at `out`, laid out as the
 * reader's root. Errors and ownership as relais_avro_decode, and SCHEMA_MISMATCH. Fields
 * the reader lacks are skipped without a look at their texts. */
int relais_avro_resolve(const struct relais_avro_resolution *resolution,
                        struct relais_slice bytes, void *out, struct relais_arena *arena,
                        struct relais_error *err) RELAIS_MUST_CHECK;

/* Do the names of two records, enums or fixed match? Also for schemas/compat.c. */
bool relais_avro_names_match(const struct relais_avro_type *writer,
                             const struct relais_avro_type *reader);
/* Can a value of one primitive type be read as the other (or the same)? */
bool relais_avro_promotes(enum relais_avro_kind writer, enum relais_avro_kind reader);
/* The reader's field for a writer's field: by name, else by alias. -1: none. */
int64_t relais_avro_field_for(const struct relais_avro_type *writer, uint32_t field,
                              const struct relais_avro_type *reader);
/* The branch of the reader's union for a writer's type that is no union. -1: none. */
int64_t relais_avro_branch_for(const struct relais_avro_type *writer,
                               const struct relais_avro_type *reader);

#endif
