#ifndef RELAIS_SCHEMAS_AVRO_NAMES_H
#define RELAIS_SCHEMAS_AVRO_NAMES_H

/* Names of a schema while it is parsed: their grammar and the table of those defined.
 * Strings made here live in the arena given. Norm: Avro 1.12, "Names".
 */

#include "schemas/avro_plan.h"

struct relais_avro_named {
    const char *name; /* full */
    struct relais_avro_type *type;
    bool open; /* a record whose definition has not ended */
};

struct relais_avro_names {
    struct relais_avro_named *list;
    size_t count, cap;
    uint32_t *slots; /* open addressing: 1 + index in list, 0 empty */
    size_t slot_count;
};

/* [A-Za-z_][A-Za-z0-9_]* */
bool relais_avro_name_valid(struct relais_slice s);
/* Names joined by dots. */
bool relais_avro_full_name_valid(struct relais_slice s);
/* A full name, or a name after a dot: none but the null namespace, as Java has it. */
bool relais_avro_own_name_valid(struct relais_slice s);
bool relais_avro_is_primitive(struct relais_slice s, enum relais_avro_kind *kind_out);
/* The full name of `name` seen from `space` ("" or NULL: none); a dot before it asks for
 * none. NULL: arena full. */
const char *relais_avro_full_name(struct relais_arena *arena, struct relais_slice name,
                                  const char *space);
/* What stands before the last dot; "" without one. NULL: arena full. */
const char *relais_avro_space_of(struct relais_arena *arena, const char *full_name);

/* Index in names->list, or -1. */
int64_t relais_avro_names_find(const struct relais_avro_names *names, const char *name);
/* -1: defined already, or over NAMED_MAX. */
int64_t relais_avro_names_add(struct relais_avro_names *names, const char *name,
                              struct relais_avro_type *type);
void relais_avro_names_release(struct relais_avro_names *names);

/* The name that stands twice in a list, or NULL. */
const char *relais_avro_twice(const char *const *names, size_t name_count);

#endif
