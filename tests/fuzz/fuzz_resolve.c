/* Three lines: a writer's schema, a reader's, and bytes (the rest). Both engines'
 * promises are held together: what the writer's schema decodes and the compatibility
 * checker finds readable is resolved (but for bytes that are no UTF-8, and limits); what
 * is resolved is a datum of the reader's; a schema reads itself unchanged. Corpus:
 * tests/data/avro/pairs. */
#include "schemas/avro_resolve.h"
#include "schemas/compat.h"

#include <stdlib.h>

#define TEXT_MAX 8192

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static bool is_data_error(enum relais_code code)
{
    return code == RELAIS_E_AVRO_TRUNCATED || code == RELAIS_E_AVRO_INVALID ||
           code == RELAIS_E_AVRO_LIMIT || code == RELAIS_E_SCHEMA_MISMATCH;
}

/* The checker ends, and finds that a schema reads itself. -1: too large for it. */
static int readable(const struct relais_avro *writer, const struct relais_avro *reader)
{
    struct relais_compat report = RELAIS_COMPAT_INIT;
    struct relais_error err = RELAIS_ERROR_INIT;
    int rc =
        relais_compat_check(reader, &writer, 1, RELAIS_COMPAT_BACKWARD, &report, &err)
            ? -1
            : report.total == 0;

    if (rc < 0 && err.code != RELAIS_E_LIMIT)
        abort();
    relais_compat_release(&report);
    return rc;
}

/* Encoded, and read again by its own schema: the bytes. */
static void again(const struct relais_avro *schema, const void *data,
                  struct relais_arena *arena, struct relais_buf *bytes)
{
    struct relais_error err = RELAIS_ERROR_INIT;
    void *second = relais_zalloc(relais_avro_root(schema)->size + (size_t)1);

    if (relais_avro_encode(schema, data, bytes, NULL, &err)) {
        if (err.code != RELAIS_E_LIMIT)
            abort();
    } else if (relais_avro_decode(schema, relais_buf_slice(bytes), second, arena, NULL,
                                  &err) &&
               err.code != RELAIS_E_AVRO_LIMIT) {
        abort();
    }
    free(second);
}

static void read_as(const struct relais_avro *writer, const struct relais_avro *reader,
                    struct relais_slice bytes)
{
    struct relais_arena arena = RELAIS_ARENA_INIT(64u << 20);
    struct relais_buf out = RELAIS_BUF_INIT(1u << 20);
    struct relais_error written = RELAIS_ERROR_INIT, read = RELAIS_ERROR_INIT;
    struct relais_error large = RELAIS_ERROR_INIT;
    void *as_writer = relais_zalloc(relais_avro_root(writer)->size + (size_t)1);
    void *as_reader = relais_zalloc(relais_avro_root(reader)->size + (size_t)1);
    struct relais_avro_resolution *resolution =
        relais_avro_resolution_new(writer, reader, &large);
    int fits = readable(writer, reader);
    int decoded, resolved;

    if (!resolution)
        goto out;
    decoded = relais_avro_decode(writer, bytes, as_writer, &arena, NULL, &written);
    resolved = relais_avro_resolve(resolution, bytes, as_reader, &arena, &read);
    if ((decoded && !is_data_error(written.code)) ||
        (resolved && !is_data_error(read.code)))
        abort();
    if (!decoded && resolved && fits == 1 && read.code != RELAIS_E_AVRO_INVALID &&
        read.code != RELAIS_E_AVRO_LIMIT)
        abort();
    if (!resolved)
        again(reader, as_reader, &arena, &out);
    if (!decoded) {
        relais_buf_clear(&out);
        again(writer, as_writer, &arena, &out);
    }
out:
    relais_avro_resolution_free(resolution);
    relais_buf_release(&out);
    relais_arena_release(&arena);
    free(as_writer);
    free(as_reader);
}

/* Up to the next end of line, which is taken too. */
static struct relais_slice line(struct relais_slice *rest)
{
    const char *end = rest->len ? memchr(rest->ptr, '\n', rest->len) : NULL;
    struct relais_slice s = {rest->ptr, end ? (size_t)(end - rest->ptr) : rest->len};

    rest->ptr += s.len + (end != NULL);
    rest->len -= s.len + (end != NULL);
    return s;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct relais_slice rest = {(const char *)data, len};
    struct relais_slice writer_text = line(&rest), reader_text = line(&rest);
    struct relais_error err = RELAIS_ERROR_INIT;
    struct relais_avro *writer, *reader;

    if (len > TEXT_MAX)
        return 0;
    writer = relais_avro_new(writer_text, &err);
    reader = writer ? relais_avro_new(reader_text, &err) : NULL;
    if (writer && readable(writer, writer) == 0)
        abort();
    if (reader) {
        read_as(writer, reader, rest);
        read_as(reader, writer, rest);
        read_as(writer, writer, rest);
    }
    relais_avro_free(writer);
    relais_avro_free(reader);
    return 0;
}
