#ifndef RELAIS_SCHEMAS_COMPAT_H
#define RELAIS_SCHEMAS_COMPAT_H

/* Whether every datum of one schema can be read as another, and if not, all the causes.
 * Norm: Avro 1.12, "Schema Resolution"; rules and their names are those of Java's
 * SchemaCompatibility (checkReaderWriterCompatibility): record, enum and fixed by
 * unqualified name or by an alias of the reader, promotions, enum defaults, each branch
 * of a writer's union, logical types ignored.
 * Ownership: a report owns its texts. Bounds: COMPAT_CAUSES_MAX causes kept, all counted;
 * 20 million comparisons. Threads: none shared.
 */

#include "schemas/avro.h"

#define RELAIS_COMPAT_CAUSES_MAX 100

#define RELAIS_COMPAT_RULES(X)                                                           \
    X(NAME_MISMATCH)                                                                     \
    X(FIXED_SIZE_MISMATCH)                                                               \
    X(MISSING_ENUM_SYMBOLS)                                                              \
    X(READER_FIELD_MISSING_DEFAULT_VALUE)                                                \
    X(TYPE_MISMATCH)                                                                     \
    X(MISSING_UNION_BRANCH)

enum relais_compat_rule {
#define X(name) RELAIS_COMPAT_##name,
    RELAIS_COMPAT_RULES(X)
#undef X
};

enum relais_compat_level {
    RELAIS_COMPAT_UNSET,
    RELAIS_COMPAT_NONE,
    RELAIS_COMPAT_BACKWARD,            /* the newer reads what the last older wrote */
    RELAIS_COMPAT_BACKWARD_TRANSITIVE, /* ... what all older wrote */
    RELAIS_COMPAT_FORWARD,             /* the last older reads what the newer writes */
    RELAIS_COMPAT_FORWARD_TRANSITIVE,
    RELAIS_COMPAT_FULL, /* both */
    RELAIS_COMPAT_FULL_TRANSITIVE,
};

const char *relais_compat_level_name(enum relais_compat_level level); /* UNSET: "" */
/* Any case; UNSET: no such level. */
enum relais_compat_level relais_compat_level_parse(const char *name);
bool relais_compat_transitive(enum relais_compat_level level);
const char *relais_compat_rule_name(enum relais_compat_rule rule);

struct relais_compat_cause {
    enum relais_compat_rule rule;
    bool forward;       /* the older reads the newer's data, not the reverse */
    size_t version;     /* index in the list of older schemas */
    const char *path;   /* in the reader: "EvenementDroit.personnes[].nir" */
    const char *reader; /* what stands there: "record fr.relais.R", "[null, string]" */
    const char *writer; /* what was written there */
    const char *text;   /* English, one sentence, both sides named older and newer */
};

struct relais_compat {
    struct relais_arena arena;
    struct relais_compat_cause *causes; /* the first RELAIS_COMPAT_CAUSES_MAX */
    size_t count;                       /* of those kept */
    size_t total;                       /* 0: compatible */
};

#define RELAIS_COMPAT_INIT                                                               \
    {                                                                                    \
        RELAIS_ARENA_INIT(4u << 20), NULL, 0, 0                                          \
    }
void relais_compat_release(struct relais_compat *report);

/* newer against older versions, the last released last: with a level that is not
 * transitive only against that one. Adds to the report. -1: LIMIT. */
int relais_compat_check(const struct relais_avro *newer,
                        const struct relais_avro *const *older, size_t older_count,
                        enum relais_compat_level level, struct relais_compat *report,
                        struct relais_error *err) RELAIS_MUST_CHECK;

/* "RULE path: text" */
int relais_compat_line(const struct relais_compat_cause *cause,
                       struct relais_buf *out) RELAIS_MUST_CHECK;

#endif
