/* Any bytes as a schema: SCHEMA_INVALID, or a schema; without namespaces its canonical
 * form is a schema with the same canonical form (with them the form can lose which
 * namespace a name without one is in: so the norm has it). Corpus:
 * tests/data/avro/schemas-invalid, tests/data/bench. */
#include "schemas/avro.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct relais_error err = RELAIS_ERROR_INIT;
    struct relais_buf first = RELAIS_BUF_INIT(1u << 22),
                      second = RELAIS_BUF_INIT(1u << 22);
    struct relais_avro *schema =
        relais_avro_new((struct relais_slice){(const char *)data, len}, &err);
    struct relais_avro *reread = NULL;

    if (!schema != (err.code == RELAIS_E_SCHEMA_INVALID))
        abort();
    if (schema && relais_avro_canonical(schema, &first))
        abort();
    if (schema)
        reread = relais_avro_new(relais_buf_slice(&first), NULL);
    if (schema && !memchr(first.data, '.', first.len) &&
        (!reread || relais_avro_canonical(reread, &second) ||
         !relais_slice_eq(relais_buf_slice(&first), relais_buf_slice(&second))))
        abort();
    relais_avro_free(reread);
    relais_avro_free(schema);
    relais_buf_release(&first);
    relais_buf_release(&second);
    return 0;
}
