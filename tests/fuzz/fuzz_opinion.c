/* Bytes that we accept are read by libavro too, which writes what we write; hostile bytes
 * are kept from it, and so are maps, in which it keeps one value of a key given twice.
 * Corpus: tests/data/avro/fuzz. */
#include <avro.h>

#include "schemas/avro.h"

#include <stdlib.h>

static const char types[] =
    "{\"type\":\"record\",\"name\":\"R\",\"fields\":["
    "{\"name\":\"b\",\"type\":\"boolean\"},{\"name\":\"i\",\"type\":\"int\"},"
    "{\"name\":\"l\",\"type\":\"long\"},{\"name\":\"d\",\"type\":\"double\"},"
    "{\"name\":\"f\",\"type\":[\"float\",\"null\"]},{\"name\":\"s\",\"type\":\"string\"},"
    "{\"name\":\"y\",\"type\":\"bytes\"},"
    "{\"name\":\"x\",\"type\":{\"type\":\"fixed\",\"name\":\"F\",\"size\":3}},"
    "{\"name\":\"e\",\"type\":{\"type\":\"enum\",\"name\":\"E\",\"symbols\":[\"A\",\"B\"]"
    "}},"
    "{\"name\":\"a\",\"type\":{\"type\":\"array\",\"items\":[\"null\",\"long\"]}},"
    "{\"name\":\"u\",\"type\":[\"null\",\"int\",\"bytes\",\"E\",{\"type\":\"array\","
    "\"items\":\"R\"}]},"
    "{\"name\":\"r\",\"type\":[\"null\",\"R\"]}]}";

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void ask(struct relais_slice bytes)
{
    static avro_value_iface_t *iface; /* a recursive schema is never freed by libavro */
    avro_schema_t schema;
    avro_value_t v;
    avro_reader_t reader = avro_reader_memory(bytes.ptr, (int64_t)bytes.len);
    char *written = relais_alloc(bytes.len + 1);
    avro_writer_t writer = avro_writer_memory(written, (int64_t)bytes.len + 1);

    if (!iface) {
        if (avro_schema_from_json_length(types, sizeof(types) - 1, &schema))
            abort();
        iface = avro_generic_class_from_schema(schema);
    }
    if (avro_generic_value_new(iface, &v) || avro_value_read(reader, &v) ||
        avro_value_write(writer, &v) || (size_t)avro_writer_tell(writer) != bytes.len ||
        memcmp(written, bytes.ptr, bytes.len) != 0)
        abort();
    avro_value_decref(&v);
    avro_writer_free(writer);
    avro_reader_free(reader);
    free(written);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static struct relais_avro *schema;
    struct relais_arena arena = RELAIS_ARENA_INIT(64u << 20);
    struct relais_buf bytes = RELAIS_BUF_INIT(1u << 20);
    void *out;

    if (!schema && !(schema = relais_avro_new(relais_slice_str(types), NULL)))
        abort();
    out = relais_zalloc(relais_avro_root(schema)->size);
    if (len <= 4096 &&
        relais_avro_decode(schema, (struct relais_slice){(const char *)data, len}, out,
                           &arena, NULL, NULL) == 0) {
        if (relais_avro_encode(schema, out, &bytes, NULL, NULL))
            abort();
        ask(relais_buf_slice(&bytes));
    }
    free(out);
    relais_buf_release(&bytes);
    relais_arena_release(&arena);
    return 0;
}
