/* The second opinion: libavro reads what we encoded and writes the same bytes again. */
#include "schemas/avro.h"

#include <avro.h>
#include <stdlib.h>

static int differ(struct relais_error *err, const char *what)
{
    return relais_error_set(err, RELAIS_E_OPINION, NULL, "libavro %s", what);
}

static int read_and_write(avro_value_t *v, struct relais_slice encoded, char *again,
                          struct relais_error *err)
{
    avro_reader_t reader = avro_reader_memory(encoded.ptr, (int64_t)encoded.len);
    avro_writer_t writer = avro_writer_memory(again, (int64_t)encoded.len + 1);
    int rc = -1;

    if (!reader || !writer)
        differ(err, "cannot read from memory");
    else if (avro_value_read(reader, v))
        differ(err, "does not read what was encoded");
    else if (avro_value_write(writer, v))
        differ(err, "writes more than was encoded");
    else if ((size_t)avro_writer_tell(writer) != encoded.len ||
             memcmp(again, encoded.ptr, encoded.len) != 0)
        differ(err, "writes other bytes than were encoded");
    else
        rc = 0;
    if (writer)
        avro_writer_free(writer);
    if (reader)
        avro_reader_free(reader);
    return rc;
}

int relais_avro_opinion(const struct relais_avro *schema, struct relais_slice encoded,
                        struct relais_error *err)
{
    struct relais_slice text = relais_avro_text(schema);
    avro_value_iface_t *iface = NULL;
    avro_schema_t yard = NULL;
    avro_value_t v = {NULL, NULL};
    char *again = relais_alloc(encoded.len + 1);
    int rc = -1;

    if (avro_schema_from_json_length(text.ptr, text.len, &yard)) {
        yard = NULL;
        differ(err, "does not read the schema");
        goto out;
    }
    iface = avro_generic_class_from_schema(yard);
    if (!iface || avro_generic_value_new(iface, &v)) {
        differ(err, "cannot make a value of the schema");
        goto out;
    }
    rc = read_and_write(&v, encoded, again, err);
    avro_value_decref(&v);
out:
    if (iface)
        avro_value_iface_decref(iface);
    if (yard)
        avro_schema_decref(yard);
    free(again);
    return rc;
}
