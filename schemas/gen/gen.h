#ifndef RELAIS_SCHEMAS_GEN_GEN_H
#define RELAIS_SCHEMAS_GEN_GEN_H

/* The generator's parts. It runs at build time only. Texts are written into buffers;
 * relais_gen.c alone touches files.
 */

#include "schemas/avro_plan.h"

#define GEN_FILE_MAX (16u << 20)
#define GEN_NAME_MAX 128

/* EvenementDroit -> evenement_droit; a namespace is left out. -1: too long. */
int gen_snake(const char *full_name, char out[GEN_NAME_MAX]) RELAIS_MUST_CHECK;
/* The header of a record or enum. */
int gen_header(const struct relais_avro_type *type,
               struct relais_buf *out) RELAIS_MUST_CHECK;
/* What a named type's definition says, with the definitions inside it by name only: two
 * files agree about a type if these texts are equal. */
int gen_signature(const struct relais_avro_type *type,
                  struct relais_buf *out) RELAIS_MUST_CHECK;

struct gen_file {
    char *name; /* as in relais_embedded */
    char *data;
    size_t len;
};
int gen_embedded(const struct gen_file *schemas, size_t schema_count,
                 const struct gen_file *codes, size_t code_count,
                 struct relais_buf *out) RELAIS_MUST_CHECK;

#endif
