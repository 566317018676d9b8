/* Parsing Canonical Form and CRC-64-AVRO. Norm: Avro 1.12, "Transforming into Parsing
 * Canonical Form", "Schema Fingerprints". */
#include "schemas/avro_plan.h"

#include <stdlib.h>

#define CANONICAL_MAX (64u << 20)

struct writer {
    struct relais_buf *out;
    bool *written; /* by type index: the name was defined before */
};

static int write_type(struct writer *w, const struct relais_avro_type *type);

/* Names and symbols: letters, digits, _ and dots, nothing to escape. */
static int quote(struct writer *w, const char *s)
{
    return relais_buf_printf(w->out, "\"%s\"", s);
}

static int write_list(struct writer *w, const struct relais_avro_type *type)
{
    for (uint32_t i = 0; i < type->count; i++) {
        if (i && relais_buf_add_char(w->out, ','))
            return -1;
        if (type->kind == RELAIS_AVRO_ENUM) {
            if (quote(w, type->symbols[i]))
                return -1;
        } else if (type->kind == RELAIS_AVRO_UNION) {
            if (write_type(w, type->branches[i]))
                return -1;
        } else if (relais_buf_printf(
                       w->out, "{\"name\":\"%s\",\"type\":", type->fields[i].name) ||
                   write_type(w, type->fields[i].type) ||
                   relais_buf_add_char(w->out, '}')) {
            return -1;
        }
    }
    return 0;
}

static int write_named(struct writer *w, const struct relais_avro_type *type)
{
    if (type->by_pointer || w->written[type->index])
        return quote(w, type->name);
    w->written[type->index] = true;
    if (relais_buf_printf(w->out, "{\"name\":\"%s\",\"type\":", type->name))
        return -1;
    if (type->kind == RELAIS_AVRO_FIXED)
        return relais_buf_printf(w->out, "\"fixed\",\"size\":%u}", type->count);
    if (relais_buf_add_str(w->out, type->kind == RELAIS_AVRO_ENUM
                                       ? "\"enum\",\"symbols\":["
                                       : "\"record\",\"fields\":[") ||
        write_list(w, type))
        return -1;
    return relais_buf_add_str(w->out, "]}");
}

static int write_type(struct writer *w, const struct relais_avro_type *type)
{
    static const char *const primitives[] = {
        [RELAIS_AVRO_NULL] = "null",   [RELAIS_AVRO_BOOLEAN] = "boolean",
        [RELAIS_AVRO_INT] = "int",     [RELAIS_AVRO_LONG] = "long",
        [RELAIS_AVRO_FLOAT] = "float", [RELAIS_AVRO_DOUBLE] = "double",
        [RELAIS_AVRO_BYTES] = "bytes", [RELAIS_AVRO_STRING] = "string",
    };

    switch (type->kind) {
    case RELAIS_AVRO_FIXED:
    case RELAIS_AVRO_ENUM:
    case RELAIS_AVRO_RECORD:
        return write_named(w, type);
    case RELAIS_AVRO_ARRAY:
    case RELAIS_AVRO_MAP:
        if (relais_buf_add_str(w->out, type->kind == RELAIS_AVRO_ARRAY
                                           ? "{\"type\":\"array\",\"items\":"
                                           : "{\"type\":\"map\",\"values\":") ||
            write_type(w, type->item))
            return -1;
        return relais_buf_add_char(w->out, '}');
    case RELAIS_AVRO_UNION:
        if (relais_buf_add_char(w->out, '[') || write_list(w, type))
            return -1;
        return relais_buf_add_char(w->out, ']');
    default:
        return quote(w, primitives[type->kind]);
    }
}

int relais_avro_canonical(const struct relais_avro *schema, struct relais_buf *out)
{
    struct writer w = {out, relais_zalloc(schema->type_count * sizeof(bool))};
    int rc = write_type(&w, schema->root);

    free(w.written);
    return rc;
}

#define CRC64_EMPTY 0xc15d213aa4d7a795u

uint64_t relais_avro_crc64(struct relais_slice s)
{
    uint64_t crc = CRC64_EMPTY;

    for (size_t i = 0; i < s.len; i++) {
        uint64_t row = (crc ^ (unsigned char)s.ptr[i]) & 0xff;

        for (int bit = 0; bit < 8; bit++)
            row = (row >> 1) ^ (CRC64_EMPTY & -(row & 1));
        crc = (crc >> 8) ^ row;
    }
    return crc;
}

uint64_t relais_avro_fingerprint(const struct relais_avro *schema)
{
    struct relais_buf text = RELAIS_BUF_INIT(CANONICAL_MAX);
    uint64_t crc = 0;

    if (relais_avro_canonical(schema, &text) == 0)
        crc = relais_avro_crc64(relais_buf_slice(&text));
    relais_buf_release(&text);
    return crc;
}
