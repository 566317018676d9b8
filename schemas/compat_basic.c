#include "schemas/compat_basic.h"

#include <stdio.h>
#include <stdlib.h>

struct compat {
    bool *seen; /* named types of the older schema, by index: compared, or being so */
    size_t seen_count;
    char *reason;
    size_t reason_len;
};

static bool same_type(struct compat *c, const struct relais_avro_type *newer,
                      const struct relais_avro_type *older, const char *path);

static bool refuse(struct compat *c, const char *path, const char *what)
{
    snprintf(c->reason, c->reason_len, "%s: %s", path, what);
    return false;
}

/* A name stands for one type in a schema, so one comparison of it is enough; that also
 * ends the walk of a record that contains itself. */
static bool seen_before(struct compat *c, const struct relais_avro_type *older)
{
    if (older->index >= c->seen_count) {
        size_t count = (size_t)older->index * 2 + 16;

        c->seen = relais_realloc(c->seen, count * sizeof(*c->seen));
        memset(c->seen + c->seen_count, 0, (count - c->seen_count) * sizeof(*c->seen));
        c->seen_count = count;
    }
    if (c->seen[older->index])
        return true;
    c->seen[older->index] = true;
    return false;
}

/* By name; mostly it stands where it stood (`place`) in the other version. */
static const struct relais_avro_field *field_of(const struct relais_avro_type *rec,
                                                const char *name, uint32_t place)
{
    if (place < rec->count && strcmp(rec->fields[place].name, name) == 0)
        return &rec->fields[place];
    for (uint32_t i = 0; i < rec->count; i++) {
        if (strcmp(rec->fields[i].name, name) == 0)
            return &rec->fields[i];
    }
    return NULL;
}

static bool same_record(struct compat *c, const struct relais_avro_type *newer,
                        const struct relais_avro_type *older, const char *path)
{
    for (uint32_t i = 0; i < older->count; i++) {
        const struct relais_avro_field *was = &older->fields[i];
        const struct relais_avro_field *is = field_of(newer, was->name, i);
        char below[160];

        snprintf(below, sizeof(below), "%s.%s", path, was->name);
        if (!is)
            return refuse(c, below, "field removed or renamed");
        if (!same_type(c, is->type, was->type, below))
            return false;
    }
    for (uint32_t i = 0; i < newer->count; i++) {
        const struct relais_avro_field *is = &newer->fields[i];
        char below[160];

        snprintf(below, sizeof(below), "%s.%s", path, is->name);
        if (!is->has_default && !field_of(older, is->name, i))
            return refuse(c, below, "new field without a default");
    }
    return true;
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Whether `older` has a symbol that `newer` lacks. */
static bool loses_symbol(const struct relais_avro_type *newer,
                         const struct relais_avro_type *older)
{
    const char **sorted = relais_alloc(newer->count * sizeof(*sorted));
    bool lost = false;

    memcpy(sorted, newer->symbols, newer->count * sizeof(*sorted));
    qsort(sorted, newer->count, sizeof(*sorted), by_text);
    for (uint32_t i = 0; i < older->count && !lost; i++) {
        lost =
            !bsearch(&older->symbols[i], sorted, newer->count, sizeof(*sorted), by_text);
    }
    free(sorted);
    return lost;
}

static bool same_enum(struct compat *c, const struct relais_avro_type *newer,
                      const struct relais_avro_type *older, const char *path)
{
    if (loses_symbol(newer, older))
        return refuse(c, path, "enum symbol removed");
    /* symbols are unique, so with none lost, more of them are new ones */
    if (older->enum_default < 0 && newer->count > older->count)
        return refuse(c, path, "new symbol in an enum without a default");
    return true;
}

static bool same_named(struct compat *c, const struct relais_avro_type *newer,
                       const struct relais_avro_type *older, const char *path)
{
    if (strcmp(newer->name, older->name) != 0)
        return refuse(c, path, "named type has another name");
    if (seen_before(c, older))
        return true;
    if (newer->kind == RELAIS_AVRO_RECORD)
        return same_record(c, newer, older, path);
    if (newer->kind == RELAIS_AVRO_ENUM)
        return same_enum(c, newer, older, path);
    return newer->count == older->count || refuse(c, path, "fixed has another size");
}

static bool same_type(struct compat *c, const struct relais_avro_type *newer,
                      const struct relais_avro_type *older, const char *path)
{
    /* a record seen from inside itself is the record */
    newer = newer->by_pointer ? newer->item : newer;
    older = older->by_pointer ? older->item : older;
    if (newer->kind != older->kind)
        return refuse(c, path, "type changed");
    if (newer->logical != older->logical || newer->precision != older->precision ||
        newer->scale != older->scale)
        return refuse(c, path, "logical type changed");
    switch (newer->kind) {
    case RELAIS_AVRO_RECORD:
    case RELAIS_AVRO_ENUM:
    case RELAIS_AVRO_FIXED:
        return same_named(c, newer, older, path);
    case RELAIS_AVRO_ARRAY:
    case RELAIS_AVRO_MAP:
        return same_type(c, newer->item, older->item, path);
    case RELAIS_AVRO_UNION:
        if (newer->count != older->count)
            return refuse(c, path, "union has other branches");
        for (uint32_t i = 0; i < newer->count; i++) {
            if (!same_type(c, newer->branches[i], older->branches[i], path))
                return false;
        }
        return true;
    default:
        return true;
    }
}

bool relais_compat_basic(const struct relais_avro *newer, const struct relais_avro *older,
                         char *reason, size_t reason_len)
{
    struct compat c = {.reason = reason, .reason_len = reason_len};
    const struct relais_avro_type *root = relais_avro_root(older);
    bool same =
        same_type(&c, relais_avro_root(newer), root, root->name ? root->name : "schema");

    free(c.seen);
    return same;
}
