#ifndef RELAIS_CLI_SCHEMA_H
#define RELAIS_CLI_SCHEMA_H

/* What `relais schema` does to schemas and data, for its verbs (schema.c) and for
 * --batch (schema_batch.c); schemas of files also for `relais subscribe --reader`. Texts
 * are those of the caller; results are added to buffers. JSON of a datum is Avro's own,
 * or relais's untagged form (`plain`). Errors: those of schemas/avro.h, and USAGE.
 */

#include "schemas/avro_resolve.h"
#include "schemas/compat.h"

#include <stdio.h>

#define SCHEMA_DATA_MAX (64u << 20) /* a datum, as bytes, JSON or struct */

/* A file, "-": what is left of standard input. LIMIT, CONF_FILE. */
int schema_read_file(const char *path, struct relais_buf *out,
                     struct relais_error *err) RELAIS_MUST_CHECK;
/* err came of reading that file: the path stands before its place. */
void schema_error_in(const char *path, struct relais_error *err);
/* The schema of a file, "-": of standard input. SCHEMA_INVALID, CONF_FILE; where = the
 * file and the place in it. */
struct relais_avro *schema_open(const char *path,
                                struct relais_error *err) RELAIS_MUST_CHECK;

struct schema_fingerprints {
    char crc64[17]; /* the number, most significant byte first */
    char md5[2 * 16 + 1];
    char sha256[2 * 32 + 1];
};
int schema_fingerprint(const struct relais_avro *schema, struct schema_fingerprints *out,
                       struct relais_error *err) RELAIS_MUST_CHECK;

/* One datum in memory, laid out as a schema's root. */
struct schema_datum {
    const struct relais_avro *schema;
    struct relais_arena arena;
    void *data;
    struct relais_avro_resolution *resolution; /* whose defaults it may hold */
};
#define SCHEMA_DATUM_INIT                                                                \
    {                                                                                    \
        NULL, RELAIS_ARENA_INIT(SCHEMA_DATA_MAX), NULL, NULL                             \
    }
void schema_datum_release(struct schema_datum *datum);
/* One of these, once a datum; schema and bytes are borrowed by it. */
int schema_datum_decode(struct schema_datum *datum, const struct relais_avro *schema,
                        struct relais_slice bytes,
                        struct relais_error *err) RELAIS_MUST_CHECK;
int schema_datum_parse(struct schema_datum *datum, const struct relais_avro *schema,
                       struct relais_slice json, bool plain,
                       struct relais_error *err) RELAIS_MUST_CHECK;
/* bytes of the writer's, read as the reader's. */
int schema_datum_resolve(struct schema_datum *datum, const struct relais_avro *writer,
                         const struct relais_avro *reader, struct relais_slice bytes,
                         struct relais_error *err) RELAIS_MUST_CHECK;
int schema_datum_encode(const struct schema_datum *datum, struct relais_buf *out,
                        struct relais_error *err) RELAIS_MUST_CHECK;
int schema_datum_print(struct schema_datum *datum, bool plain, struct relais_buf *out,
                       struct relais_error *err) RELAIS_MUST_CHECK;

int schema_hex(struct relais_slice bytes, struct relais_buf *out) RELAIS_MUST_CHECK;
/* Blanks between digits are passed over. USAGE. */
int schema_unhex(struct relais_slice hex, struct relais_buf *out,
                 struct relais_error *err) RELAIS_MUST_CHECK;

/* One answer a line of standard input. The exit status. */
int schema_batch(void);

#endif
