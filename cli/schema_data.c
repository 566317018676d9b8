/* Schemas of files, their fingerprints; a datum between its forms. */
#include "cli/schema.h"
#include "core/crypto.h"
#include "schemas/avro_json.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#define CANONICAL_MAX (64u << 20)

static int read_all(FILE *from, const char *path, struct relais_buf *out,
                    struct relais_error *err)
{
    char chunk[16384];
    size_t n;

    while ((n = fread(chunk, 1, sizeof(chunk), from)) > 0)
        if (relais_buf_add(out, chunk, n))
            return relais_error_set(err, RELAIS_E_LIMIT, path, "longer than %zu bytes",
                                    out->max);
    return ferror(from)
               ? relais_error_set(err, RELAIS_E_CONF_FILE, path, "%s", strerror(errno))
               : 0;
}

int schema_read_file(const char *path, struct relais_buf *out, struct relais_error *err)
{
    bool standard = strcmp(path, "-") == 0;
    FILE *file = standard ? stdin : fopen(path, "re");
    int rc;

    if (!file)
        return relais_error_set(err, RELAIS_E_CONF_FILE, path, "%s", strerror(errno));
    rc = read_all(file, path, out, err);
    if (!standard)
        fclose(file);
    return rc;
}

#define PATH_SHOWN 60

void schema_error_in(const char *path, struct relais_error *err)
{
    char where[sizeof(err->where)];
    size_t len = strlen(path);

    if (len > PATH_SHOWN)
        path += len - PATH_SHOWN; /* its end says more */
    while ((*path & 0xc0) == 0x80)
        path++; /* not from inside a character */
    snprintf(where, sizeof(where), "%s%s%.30s", path, err->where[0] ? ": " : "",
             err->where);
    memcpy(err->where, where, sizeof(where));
}

struct relais_avro *schema_open(const char *path, struct relais_error *err)
{
    struct relais_buf text = RELAIS_BUF_INIT(RELAIS_AVRO_TEXT_MAX);
    struct relais_avro *schema = NULL;

    if (schema_read_file(path, &text, err) == 0)
        schema = relais_avro_new(relais_buf_slice(&text), err);
    if (!schema && err->code == RELAIS_E_SCHEMA_INVALID)
        schema_error_in(path, err);
    relais_buf_release(&text);
    return schema;
}

int schema_fingerprint(const struct relais_avro *schema, struct schema_fingerprints *out,
                       struct relais_error *err)
{
    struct relais_buf text = RELAIS_BUF_INIT(CANONICAL_MAX);
    unsigned char md5[RELAIS_MD5_LEN], sha256[RELAIS_SHA256_LEN];
    int rc = relais_avro_canonical(schema, &text);

    if (rc) {
        relais_error_set(err, RELAIS_E_LIMIT, NULL, "canonical form longer than 64 MiB");
    } else {
        snprintf(out->crc64, sizeof(out->crc64), "%016" PRIx64,
                 relais_avro_crc64(relais_buf_slice(&text)));
        relais_md5(relais_buf_slice(&text), md5);
        relais_hex(md5, sizeof(md5), out->md5);
        relais_sha256(relais_buf_slice(&text), sha256);
        relais_hex(sha256, sizeof(sha256), out->sha256);
    }
    relais_buf_release(&text);
    return rc;
}

static int too_large(struct relais_error *err)
{
    return relais_error_set(err, RELAIS_E_LIMIT, NULL, "datum larger than 64 MiB");
}

static int datum_begin(struct schema_datum *datum, const struct relais_avro *schema,
                       struct relais_error *err)
{
    datum->schema = schema;
    datum->data =
        relais_arena_zalloc(&datum->arena, relais_avro_root(schema)->size + (size_t)1);
    return datum->data ? 0 : too_large(err);
}

void schema_datum_release(struct schema_datum *datum)
{
    relais_avro_resolution_free(datum->resolution);
    relais_arena_release(&datum->arena);
}

int schema_datum_decode(struct schema_datum *datum, const struct relais_avro *schema,
                        struct relais_slice bytes, struct relais_error *err)
{
    if (datum_begin(datum, schema, err))
        return -1;
    return relais_avro_decode(schema, bytes, datum->data, &datum->arena, NULL, err);
}

int schema_datum_parse(struct schema_datum *datum, const struct relais_avro *schema,
                       struct relais_slice json, bool plain, struct relais_error *err)
{
    struct relais_value *v = relais_value_parse(&datum->arena, json, err);

    if (!v || datum_begin(datum, schema, err))
        return -1;
    if (plain)
        return relais_avro_bind(schema, v, datum->data, &datum->arena, NULL, err);
    return relais_avro_json_bind(schema, v, datum->data, &datum->arena, err);
}

int schema_datum_resolve(struct schema_datum *datum, const struct relais_avro *writer,
                         const struct relais_avro *reader, struct relais_slice bytes,
                         struct relais_error *err)
{
    datum->resolution = relais_avro_resolution_new(writer, reader, err);
    if (!datum->resolution || datum_begin(datum, reader, err))
        return -1;
    return relais_avro_resolve(datum->resolution, bytes, datum->data, &datum->arena, err);
}

int schema_datum_encode(const struct schema_datum *datum, struct relais_buf *out,
                        struct relais_error *err)
{
    return relais_avro_encode(datum->schema, datum->data, out, NULL, err);
}

int schema_datum_print(struct schema_datum *datum, bool plain, struct relais_buf *out,
                       struct relais_error *err)
{
    struct relais_value *v;

    if (!plain)
        return relais_avro_json_print(datum->schema, datum->data, out, err);
    v = relais_avro_to_value(datum->schema, datum->data, &datum->arena, err);
    if (!v)
        return -1;
    return relais_value_print(v, out) ? too_large(err) : 0;
}

int schema_hex(struct relais_slice bytes, struct relais_buf *out)
{
    char *to = relais_buf_reserve(out, 2 * bytes.len + 1);

    if (!to)
        return -1;
    relais_hex((const unsigned char *)bytes.ptr, bytes.len, to);
    out->len += 2 * bytes.len;
    return 0;
}

static bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

int schema_unhex(struct relais_slice hex, struct relais_buf *out,
                 struct relais_error *err)
{
    for (size_t i = 0; i < hex.len; i++) {
        unsigned char byte;

        if (is_blank(hex.ptr[i]))
            continue;
        if (i + 1 == hex.len ||
            !relais_unhex((struct relais_slice){hex.ptr + i, 2}, &byte, 1))
            return relais_error_set(err, RELAIS_E_USAGE, "hex",
                                    "not pairs of hexadecimal digits");
        if (relais_buf_add(out, &byte, 1))
            return too_large(err);
        i++;
    }
    return 0;
}
