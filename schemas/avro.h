#ifndef RELAIS_SCHEMAS_AVRO_H
#define RELAIS_SCHEMAS_AVRO_H

/* The Avro engine: a schema text becomes a descriptor with a C struct layout; structs are
 * encoded, bytes are decoded into structs of views (no copy), and values (core/value.h)
 * are bound to structs and back. Norm: Apache Avro specification 1.12, "Names",
 * "Aliases", "Parsing Canonical Form", "Binary encoding".
 *
 * Layout of a type in a struct, in field order, with C's own alignment (generated headers
 * agree by _Static_assert):
 *   null            nothing
 *   boolean         bool
 *   int, long       int32_t, int64_t
 *   float, double   float, double
 *   bytes, string   struct relais_slice; where the schema has no null, ptr NULL is ""
 *   fixed(n)        unsigned char[n]
 *   enum            int32_t, the symbol's index
 *   record          the struct itself (without a member of its own: one byte);
 *                   named again inside its own definition: const struct NAME *
 *   array           struct relais_array of items
 *   map             struct relais_array of { struct relais_slice key; T value; }
 *   [null, T]       T a slice or a pointer: ptr NULL is null;
 *                   any other T: struct { bool set; T value; }
 *   other unions    struct relais_avro_union
 * Bounds: schema text 1 MiB, depth 64 (schema; of its JSON text too), 10,000 named types,
 * 10,000 fields a record, 1 MiB a struct; data depth 64, arrays and maps bounded by the
 * bytes that remain (items of 0 bytes: 100,000 in all).
 * Ownership: a schema owns its descriptor and names; decoded views borrow the bytes and
 * the arena. Threads: a schema is read-only once made.
 */

#include "core/arena.h"
#include "core/value.h"

#define RELAIS_AVRO_TEXT_MAX  (1u << 20)
#define RELAIS_AVRO_DEPTH_MAX 64
#define RELAIS_AVRO_NAMED_MAX 10000
#define RELAIS_AVRO_FIELD_MAX 10000
#define RELAIS_AVRO_SIZE_MAX  (1u << 20) /* of a type's struct */
#define RELAIS_AVRO_EMPTY_MAX 100000     /* items of 0 bytes in one message */

enum relais_avro_kind {
    RELAIS_AVRO_NULL,
    RELAIS_AVRO_BOOLEAN,
    RELAIS_AVRO_INT,
    RELAIS_AVRO_LONG,
    RELAIS_AVRO_FLOAT,
    RELAIS_AVRO_DOUBLE,
    RELAIS_AVRO_BYTES,
    RELAIS_AVRO_STRING,
    RELAIS_AVRO_FIXED,
    RELAIS_AVRO_ENUM,
    RELAIS_AVRO_ARRAY,
    RELAIS_AVRO_MAP,
    RELAIS_AVRO_UNION,
    RELAIS_AVRO_RECORD,
};

enum relais_avro_logical {
    RELAIS_AVRO_PLAIN,
    RELAIS_AVRO_UUID,
    RELAIS_AVRO_DATE,
    RELAIS_AVRO_TIME_MILLIS,
    RELAIS_AVRO_TIME_MICROS,
    RELAIS_AVRO_TIMESTAMP_MILLIS,
    RELAIS_AVRO_TIMESTAMP_MICROS,
    RELAIS_AVRO_TIMESTAMP_NANOS,
    RELAIS_AVRO_LOCAL_TIMESTAMP_MILLIS,
    RELAIS_AVRO_LOCAL_TIMESTAMP_MICROS,
    RELAIS_AVRO_LOCAL_TIMESTAMP_NANOS,
    RELAIS_AVRO_DECIMAL,
    RELAIS_AVRO_DURATION,
};

struct relais_array {
    const void *items;
    size_t count;
};

struct relais_avro_union {
    int32_t branch;
    const void *value; /* laid out as the branch's type; NULL for null */
};

struct relais_avro_type;

enum relais_avro_protect {
    RELAIS_AVRO_CLEAR,
    RELAIS_AVRO_PSEUDONYMISE,
    RELAIS_AVRO_ENCRYPT,
    RELAIS_AVRO_DROP,
};

/* Attributes of ours on a field (contract A9, A11); NULL, false or CLEAR where absent. */
struct relais_avro_field {
    const char *name;
    const char *doc;
    const struct relais_avro_type *type;
    const char *const *aliases;
    size_t alias_count;
    uint32_t offset; /* in the record's struct */
    bool has_default;
    const struct relais_value *default_value; /* as written in the schema */
    const char *code;                 /* "relais:code": official variable, lower case */
    bool code_park;                   /* "relais:inconnu": "parquer" */
    bool visited;                     /* it has a code, a rule or a protection */
    bool absent_is_zero;              /* its default is null, as a zeroed slot says */
    enum relais_avro_protect protect; /* "relais:protect" */
    const char *rule;                 /* "relais:rule" */
    const char *clear;                /* "relais:clair": string | json */
    const char *key;                  /* "relais:cle": nir | identite | banque */
    const char *genre;                /* "relais:genre": d | p | m, for pseudonymise */
    uint32_t next_of_name; /* number of the next with the same hash, from 1; 0: none */
};

struct relais_avro_type {
    enum relais_avro_kind kind;
    enum relais_avro_logical logical;
    const char *name; /* full name of record, enum, fixed; else NULL */
    const char *doc;
    const char *const *aliases; /* full names */
    size_t alias_count;
    const struct relais_value *source;   /* the definition as written */
    uint32_t size, align;                /* of its slot in a struct */
    uint32_t index;                      /* unique in its schema, from 0 */
    const struct relais_avro_type *item; /* array, map; by_pointer: the record itself */
    uint32_t item_size;                  /* array, map: bytes from one item to the next */
    uint32_t item_offset;                /* map: of the value after its key */
    const struct relais_avro_type *const *branches; /* union */
    const struct relais_avro_field *fields;         /* record */
    uint32_t *first_of_name; /* record: numbers of fields by their names' hash */
    uint32_t name_mask;
    /* record: by the number of a field, 0 for none, that of the one that a value gave
     * next the last time: a guess, written by any thread */
    uint32_t *given_after;
    const char *const *symbols; /* enum */
    int32_t enum_default;       /* -1: none */
    uint32_t count;             /* branches, fields, symbols; fixed: its size */
    uint32_t precision, scale;  /* decimal */
    /* union [null, T]: which branch is null (0 or 1), else -1; value_offset of T after
     * `set` */
    int32_t null_branch;
    uint32_t value_offset;
    bool by_pointer; /* record that contains itself, seen from inside */
    bool encrypts;   /* a field in it is encrypted */
    bool leads;      /* a value of it leads to memory of its own besides its texts */
};

struct relais_avro;

/* "null", "record"... */
const char *relais_avro_kind_name(enum relais_avro_kind kind);

/* Parses and compiles. Errors: SCHEMA_INVALID, where = path ("fields[3].type"), text =
 * the rule broken. */
struct relais_avro *relais_avro_new(struct relais_slice text,
                                    struct relais_error *err) RELAIS_MUST_CHECK;
void relais_avro_free(struct relais_avro *schema);
const struct relais_avro_type *relais_avro_root(const struct relais_avro *schema);
/* A record's field; NULL: it has none of that name, or is no record. */
const struct relais_avro_field *relais_avro_field(const struct relais_avro_type *record,
                                                  const char *name);
struct relais_slice
relais_avro_text(const struct relais_avro *schema); /* as given, byte for byte */

int relais_avro_canonical(const struct relais_avro *schema,
                          struct relais_buf *out) RELAIS_MUST_CHECK;
uint64_t
relais_avro_crc64(struct relais_slice s); /* CRC-64-AVRO, "Schema Fingerprints" */
uint64_t relais_avro_fingerprint(const struct relais_avro *schema);

/* Encodes the struct at `data` (the root's layout). field_ends: NULL, or room for one
 * offset a top-level field of a record root: where in `out` (from where this encoding
 * began) that field's bytes end. Errors: FIELD_TYPE (enum index, union branch out of
 * range, no value where one must be; where = path), LIMIT. */
int relais_avro_encode(const struct relais_avro *schema, const void *data,
                       struct relais_buf *out, uint32_t *field_ends,
                       struct relais_error *err) RELAIS_MUST_CHECK;

/* Decodes exactly `bytes` into the struct at `out` (root size). Errors: AVRO_TRUNCATED,
 * AVRO_INVALID (bad UTF-8, bytes left over, varint over 10 bytes...), AVRO_LIMIT; where =
 * path. Allocates only arrays and recursive records, from the arena. field_ends as above.
 */
int relais_avro_decode(const struct relais_avro *schema, struct relais_slice bytes,
                       void *out, struct relais_arena *arena, uint32_t *field_ends,
                       struct relais_error *err) RELAIS_MUST_CHECK;

/* The second opinion (design, part 4): libavro decodes the bytes and encodes them again.
 * Only for bytes that relais_avro_encode made: libavro trusts its input. OPINION. */
int relais_avro_opinion(const struct relais_avro *schema, struct relais_slice encoded,
                        struct relais_error *err) RELAIS_MUST_CHECK;

/* Struct -> value. Enums and uuids become STRING, dates DAY, timestamps in millis and
 * micros INSTANT (micros), other times LONG, decimals and bytes BYTES, unions the value
 * of their branch, maps RECORD. A bytes field with `relais:clair` that is not sealed (its
 * first byte is not 01) is told as its clear text: STRING, or for "json" RECORD. NULL:
 * error set (LIMIT; FIELD_TYPE: symbol or branch out of range). */
struct relais_value *relais_avro_to_value(const struct relais_avro *schema,
                                          const void *data, struct relais_arena *arena,
                                          struct relais_error *err) RELAIS_MUST_CHECK;
/* A value of the kinds that relais_avro_to_value gives, every field there: a list with
 * one item, a uuid of zeros, "" for other texts, which of an enum have its symbols as
 * items (no other text has any), NULL where a union leaves the kind open.
 * open: fields with `relais:clair` in clear, else BYTES. NULL: the arena is full. */
struct relais_value *relais_avro_example(const struct relais_avro *schema, bool open,
                                         struct relais_arena *arena);

/* Where a field is: its name, and the fields that lead to it, the last first. */
struct relais_avro_place {
    const struct relais_avro_place *in; /* NULL: of the root */
    const char *name;
};
/* Dotted names without indexes (contract A11). LIMIT: longer than fits. */
#define RELAIS_AVRO_PATH_MAX 256
int relais_avro_path(const struct relais_avro_place *place,
                     char path[RELAIS_AVRO_PATH_MAX],
                     struct relais_error *err) RELAIS_MUST_CHECK;

/* What a caller may do with fields while a value is bound (the check stage). Called for a
 * record's field that carries relais:code, relais:rule or relais:protect and has a value
 * that is not null, before it is stored; *v may be replaced (arena). 0, or -1 with err
 * set (where is completed by bind). */
struct relais_avro_visit {
    int (*field)(void *user, const struct relais_avro_field *field,
                 const struct relais_avro_place *place, const struct relais_value **v,
                 struct relais_error *err);
    void *user;
};

/* Value -> struct (zeroed first). Accepts A15's texts for days, instants, bytes (base64),
 * uuids, enums by symbol; for fields with `relais:clair`, the clear STRING, or for "json"
 * a RECORD (stored as RFC 8785 text): the bytes slot then holds the clear text. Absent
 * fields take their default; without one FIELD_MISSING. Members that the schema lacks:
 * FIELD_UNKNOWN; null where the schema has none: FIELD_MISSING; else FIELD_TYPE, LIMIT.
 * where = path with indexes ("personnes[2].nir"). visit may be NULL. */
int relais_avro_bind(const struct relais_avro *schema, const struct relais_value *v,
                     void *out, struct relais_arena *arena,
                     const struct relais_avro_visit *visit,
                     struct relais_error *err) RELAIS_MUST_CHECK;

/* Walks a struct's encrypted fields that have a value; of a list or table, each item.
 * slot may be replaced in place (arrays are first copied by relais_avro_copy). */
int relais_avro_encrypted(const struct relais_avro *schema, void *data,
                          int (*each)(void *user, const struct relais_avro_field *field,
                                      const struct relais_avro_place *place,
                                      struct relais_slice *slot,
                                      struct relais_error *err),
                          void *user, struct relais_error *err) RELAIS_MUST_CHECK;
/* Do two slots of one type hold the same value? */
bool relais_avro_equal(const struct relais_avro_type *type, const void *a, const void *b);

/* Deep copy of a struct (arrays too; texts stay views) into the arena. NULL: full. */
void *relais_avro_copy(const struct relais_avro *schema, const void *data,
                       struct relais_arena *arena);

#endif
