#ifndef RELAIS_CORE_VALUE_H
#define RELAIS_CORE_VALUE_H

/* A value as connectors, the check stage and sinks exchange it: a small tree, without a
 * schema, in clear. Everything lives in one arena and is borrowed from it until its
 * reset. JSON (contract A15): untagged, days YYYY-MM-DD, instants RFC 3339 with micros
 * and Z, bytes base64. Parsing JSON gives NULL, BOOL, LONG, DOUBLE, STRING, ARRAY, RECORD
 * only; the check stage makes days, instants and bytes of texts where the schema says so.
 */

#include "core/arena.h"

#define RELAIS_VALUE_DEPTH_MAX 128 /* records in each other, 63 deep, as Avro JSON */
#define RELAIS_VALUE_TEXT_MAX  (1u << 20) /* one text, bytes */

enum relais_value_kind {
    RELAIS_VALUE_NULL,
    RELAIS_VALUE_BOOL,
    RELAIS_VALUE_LONG,
    RELAIS_VALUE_DOUBLE,
    RELAIS_VALUE_STRING, /* UTF-8 */
    RELAIS_VALUE_BYTES,
    RELAIS_VALUE_DAY,     /* .number: days since 1970-01-01 */
    RELAIS_VALUE_INSTANT, /* .number: microseconds since 1970-01-01T00:00:00Z */
    RELAIS_VALUE_ARRAY,
    RELAIS_VALUE_RECORD, /* members in the order they were added */
};

struct relais_value {
    enum relais_value_kind kind;
    bool boolean;
    int64_t number;
    double real;
    struct relais_slice text;   /* STRING, BYTES */
    const char *name;           /* as a member of a RECORD; NUL-ended; else NULL */
    struct relais_value *child; /* ARRAY, RECORD: the first */
    struct relais_value *last;  /* ARRAY, RECORD: the last */
    struct relais_value *next;  /* the next sibling */
    size_t count;               /* ARRAY, RECORD: children */
};

/* Makers: NULL when the arena is full. `into` is a RECORD (name given, borrowed: static
 * or arena) or an ARRAY (name NULL), or NULL for a root. */
struct relais_value *relais_value_add(struct relais_arena *arena,
                                      struct relais_value *into, const char *name,
                                      enum relais_value_kind kind);
int relais_value_add_string(struct relais_arena *arena, struct relais_value *into,
                            const char *name, struct relais_slice text) RELAIS_MUST_CHECK;
int relais_value_add_long(struct relais_arena *arena, struct relais_value *into,
                          const char *name, int64_t number) RELAIS_MUST_CHECK;
int relais_value_add_bool(struct relais_arena *arena, struct relais_value *into,
                          const char *name, bool boolean) RELAIS_MUST_CHECK;
int relais_value_add_day(struct relais_arena *arena, struct relais_value *into,
                         const char *name, int32_t days) RELAIS_MUST_CHECK;
int relais_value_add_instant(struct relais_arena *arena, struct relais_value *into,
                             const char *name, int64_t micros) RELAIS_MUST_CHECK;

/* A member by name; NULL: none. A member that is NULL-valued is returned. */
struct relais_value *relais_value_get(const struct relais_value *rec, const char *name);
/* Its text; ptr NULL if absent or not a STRING. */
struct relais_slice relais_value_text(const struct relais_value *rec, const char *name);

/* Deep copy into another arena; NULL: full. */
struct relais_value *relais_value_copy(struct relais_arena *arena,
                                       const struct relais_value *v);

/* One JSON document -> tree. JSON_INVALID names line and column, never the text; LIMIT.
 * Duplicate members, invalid UTF-8, a NUL in a member's name and numbers beyond a double
 * are refused. A number without fraction or exponent that fits is LONG. */
struct relais_value *relais_value_parse(struct relais_arena *arena,
                                        struct relais_slice json,
                                        struct relais_error *err) RELAIS_MUST_CHECK;
/* Without quotes: a BOOL, LONG, DOUBLE, DAY, INSTANT or STRING as text. */
int relais_value_print_bare(const struct relais_value *v,
                            struct relais_buf *out) RELAIS_MUST_CHECK;
/* Tree -> compact JSON, one line. A double that is no number is written as Avro does, as
 * a text: "NaN", "Infinity", "-Infinity". -1: ceiling of out, or deeper than
 * RELAIS_VALUE_DEPTH_MAX. */
int relais_value_print(const struct relais_value *v,
                       struct relais_buf *out) RELAIS_MUST_CHECK;
/* The same by RFC 8785 (JCS): members sorted by UTF-16 code units, no null members
 * (contract A11), integers only. -1 also for a DOUBLE and for an integer beyond 2^53 - 1,
 * which JCS cannot say. */
int relais_value_print_canonical(const struct relais_value *v,
                                 struct relais_buf *out) RELAIS_MUST_CHECK;
/* A JSON string with its quotes; a byte that is not UTF-8 becomes U+FFFD. */
int relais_json_string(struct relais_buf *out, struct relais_slice s) RELAIS_MUST_CHECK;

#endif
