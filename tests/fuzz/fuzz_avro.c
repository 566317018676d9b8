/* Any bytes as a message of a schema that has every type: refused with an error of
 * Avro's, or a struct that is encoded, decoded again and then equal. Corpus:
 * tests/data/avro/fuzz. */
#include "schemas/avro.h"

#include <stdlib.h>

static const char every_type[] =
    "{\"type\":\"record\",\"name\":\"R\",\"fields\":["
    "{\"name\":\"b\",\"type\":\"boolean\"},{\"name\":\"i\",\"type\":\"int\"},"
    "{\"name\":\"l\",\"type\":\"long\"},{\"name\":\"d\",\"type\":\"double\"},"
    "{\"name\":\"f\",\"type\":[\"float\",\"null\"]},{\"name\":\"s\",\"type\":\"string\"},"
    "{\"name\":\"o\",\"type\":[\"null\",\"string\"]},"
    "{\"name\":\"x\",\"type\":{\"type\":\"fixed\",\"name\":\"F\",\"size\":3}},"
    "{\"name\":\"e\",\"type\":{\"type\":\"enum\",\"name\":\"E\",\"symbols\":[\"A\",\"B\"]"
    "}},"
    "{\"name\":\"a\",\"type\":{\"type\":\"array\",\"items\":[\"null\",\"long\"]}},"
    "{\"name\":\"n\",\"type\":{\"type\":\"array\",\"items\":\"null\"}},"
    "{\"name\":\"m\",\"type\":{\"type\":\"map\",\"values\":{\"type\":\"array\",\"items\":"
    "\"bytes\"}}},"
    "{\"name\":\"u\",\"type\":[\"null\",\"int\",\"bytes\",\"E\",{\"type\":\"array\","
    "\"items\":\"R\"}]},"
    "{\"name\":\"r\",\"type\":[\"null\",\"R\"]}]}";

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void again(const struct relais_avro *schema, const void *data,
                  struct relais_arena *arena)
{
    struct relais_error err = RELAIS_ERROR_INIT;
    struct relais_buf out = RELAIS_BUF_INIT(1u << 20);
    void *second = relais_zalloc(relais_avro_root(schema)->size);

    if (relais_avro_encode(schema, data, &out, NULL, &err) ||
        relais_avro_decode(schema, relais_buf_slice(&out), second, arena, NULL, &err))
        abort();
    relais_buf_clear(&out);
    if (relais_avro_encode(schema, second, &out, NULL, &err) ||
        relais_avro_decode(schema, relais_buf_slice(&out), second, arena, NULL, &err))
        abort();
    if (!relais_avro_copy(schema, data, arena) ||
        !relais_avro_to_value(schema, data, arena, &err))
        abort();
    free(second);
    relais_buf_release(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static struct relais_avro *schema;
    struct relais_arena arena = RELAIS_ARENA_INIT(64u << 20);
    struct relais_error err = RELAIS_ERROR_INIT;
    void *out;

    if (!schema)
        schema = relais_avro_new(relais_slice_str(every_type), &err);
    if (!schema)
        abort();
    out = relais_zalloc(relais_avro_root(schema)->size);
    if (len <= 4096 &&
        relais_avro_decode(schema, (struct relais_slice){(const char *)data, len}, out,
                           &arena, NULL, &err) == 0)
        again(schema, out, &arena);
    else if (len <= 4096 && err.code != RELAIS_E_AVRO_TRUNCATED &&
             err.code != RELAIS_E_AVRO_INVALID && err.code != RELAIS_E_AVRO_LIMIT)
        abort();
    free(out);
    relais_arena_release(&arena);
    return 0;
}
