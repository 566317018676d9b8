#ifndef RELAIS_SCHEMAS_AVRO_JSON_H
#define RELAIS_SCHEMAS_AVRO_JSON_H

/* Avro's own JSON encoding of a datum (Avro 1.12, "JSON Encoding"): a union's value in an
 * object named after its branch, bytes and fixed as texts of U+0000 to U+00FF, enums by
 * symbol. Floats that are no numbers: "NaN", "Infinity", "-Infinity" ("INF", "-INF" are
 * read too). The other JSON form of relais, untagged, is that of relais_avro_to_value and
 * relais_avro_bind. Ownership: views borrow the value's texts and the arena. */

#include "schemas/avro.h"

/* The struct at `data` (the root's layout) as text. LIMIT: out's ceiling; FIELD_TYPE: a
 * symbol or branch out of range, a text that is not UTF-8. */
int relais_avro_json_print(const struct relais_avro *schema, const void *data,
                           struct relais_buf *out,
                           struct relais_error *err) RELAIS_MUST_CHECK;

/* A parsed JSON document -> struct (zeroed first). Every field must be there, and no
 * other. Errors as relais_avro_bind; where = path with indexes. */
int relais_avro_json_bind(const struct relais_avro *schema, const struct relais_value *v,
                          void *out, struct relais_arena *arena,
                          struct relais_error *err) RELAIS_MUST_CHECK;

#endif
