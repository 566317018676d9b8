#ifndef RELAIS_SCHEMAS_AVRO_PLAN_H
#define RELAIS_SCHEMAS_AVRO_PLAN_H

/* The inside of the Avro engine, for schemas/avro_*.c only: the schema object and its
 * plan. A plan is a flat array of ops that encode and decode run in one loop, without
 * looking at the type tree. A (writer, reader) pair is another plan for the decoder's
 * loop: ops in the writer's order, offsets of the reader's struct.
 *
 * A program is the run of ops, ended by OP_END, that handles one struct: the root, the
 * item of an array or map, a branch of a union, a record behind a pointer. Records inside
 * a struct are laid flat into its program.
 */

#include "schemas/avro.h"

/* Where the chain of a name begins in a record's first_of_name. */
static inline uint32_t *relais_avro_name_slot(const struct relais_avro_type *record,
                                              const char *name)
{
    uint32_t h = 0;

    for (; *name; name++)
        h = (h + (unsigned char)*name) * 0x9e3779b1u;
    return &record->first_of_name[h >> 16 & record->name_mask];
}

enum relais_avro_opcode {
    OP_END,
    OP_BOOLEAN,
    OP_INT,
    OP_LONG,
    OP_FLOAT,
    OP_DOUBLE,
    OP_BYTES,   /* b: rest */
    OP_STRING,  /* b: rest */
    OP_FIXED,   /* a: size */
    OP_ENUM,    /* a: number of symbols */
    OP_ARRAY,   /* a: program of an item, b: rest; maps too: the key is its first op */
    OP_UNION,   /* a: index in unions */
    OP_POINTER, /* a: program, b: rest */
    OP_NULL_OR, /* a: ops of the value to skip, b: bytes of the slot */
    OP_NULL_OR_BYTES,   /* b: rest */
    OP_NULL_OR_STRING,  /* b: rest */
    OP_NULL_OR_POINTER, /* a: program, b: rest */
    OP_MARK,            /* a: index of the top-level field that ends here */
    /* of a (writer, reader) pair only */
    OP_SKIP,     /* a: index in skips */
    OP_CONSTANT, /* a: index in constants: the reader's default */
    OP_ZERO,     /* a: bytes: null of [null, T] */
    OP_SET,      /* a value of [null, T] follows */
    OP_PROMOTE,  /* a: the writer's kind, b: the reader's */
    OP_ENUM_MAP, /* a: first of its row in symbols, b: number of the writer's symbols */
    OP_CHOOSE,   /* a: index in unions: the writer's branch decides, in place */
    OP_WRAP,     /* flag: the reader's branch; a: program or NO_PROGRAM */
    OP_REFUSE,   /* a: index in reasons */
};

/* flag of OP_NULL_OR*: the branch that is null. rest: the most bytes that the fixed-size
 * parts after this op can take up to the program's end. */
struct relais_avro_op {
    uint16_t code;
    uint16_t flag;
    uint32_t offset;
    uint32_t a;
    uint32_t b;
};

struct relais_avro_program {
    const struct relais_avro_type *type;
    uint32_t start;     /* its first op */
    uint32_t item_size; /* bytes from one struct to the next; 0: nothing to store */
    uint32_t room;      /* the most bytes that its fixed-size parts can take */
    uint32_t least;     /* the fewest bytes it is encoded in */
    bool map;
};

struct relais_avro_union_plan {
    uint32_t first; /* index in branches */
    uint32_t count;
    uint32_t rest;
};

#define RELAIS_AVRO_NO_PROGRAM UINT32_MAX /* the branch null */

struct relais_avro_plan {
    struct relais_avro_op *ops;
    const char **paths; /* of each op, from its program's struct: "origine.depot" */
    uint32_t op_count, op_cap;
    struct relais_avro_program *programs; /* 0: the root; 1: the root with marks */
    uint32_t program_count, program_cap;
    struct relais_avro_union_plan *unions;
    uint32_t union_count, union_cap;
    uint32_t *branches; /* programs */
    uint32_t branch_count, branch_cap;
    uint32_t room_max; /* greatest room of a program */
    /* of a (writer, reader) pair only */
    const struct relais_avro_type **skips;
    uint32_t skip_count, skip_cap;
    struct relais_slice *constants;
    uint32_t constant_count, constant_cap;
    int32_t *symbols; /* the reader's index for the writer's; -1: none */
    uint32_t symbol_count, symbol_cap;
    const char **reasons;
    uint32_t reason_count, reason_cap;
};

#define RELAIS_AVRO_ROOT   0
#define RELAIS_AVRO_MARKED 1

struct relais_avro {
    struct relais_arena arena; /* descriptor, names, the schema as a value */
    struct relais_slice text;
    const struct relais_avro_type *root;
    struct relais_avro_type **types; /* by index */
    uint32_t type_count, type_cap;
    struct relais_avro_plan plan;
};

/* Parses schema->text into root and types. SCHEMA_INVALID. */
int relais_avro_parse(struct relais_avro *schema,
                      struct relais_error *err) RELAIS_MUST_CHECK;
/* size, align, offsets, encrypts, leads of a type whose parts are laid out; fields: a
 * record's. false: over SIZE_MAX. */
bool relais_avro_lay_out(struct relais_avro_type *type,
                         struct relais_avro_field *fields) RELAIS_MUST_CHECK;
/* first_of_name of a record with its fields. false: the arena is full. */
bool relais_avro_index_names(struct relais_avro_type *type,
                             struct relais_avro_field *fields,
                             struct relais_arena *arena) RELAIS_MUST_CHECK;
/* What a type behind a pointer shares with its record, once all are parsed. Types hold no
 * cycle but through by_pointer, so parts come before the whole. */
void relais_avro_finish_types(struct relais_avro *schema);
/* SCHEMA_INVALID: the plan would be too large. */
int relais_avro_compile(struct relais_avro *schema,
                        struct relais_error *err) RELAIS_MUST_CHECK;
void relais_avro_plan_release(struct relais_avro_plan *plan);

/* Parts of a plan, for who writes one. Each returns the index of what was added. */
uint32_t relais_avro_plan_op(struct relais_avro_plan *plan, enum relais_avro_opcode code,
                             const char *path, uint32_t offset, uint32_t a);
uint32_t relais_avro_plan_program(struct relais_avro_plan *plan,
                                  const struct relais_avro_program *program);
/* count branches, to be filled. */
uint32_t relais_avro_plan_union(struct relais_avro_plan *plan, uint32_t count);
/* items grown to hold one more; the caller counts it. */
void *relais_avro_plan_grow(void *items, uint32_t count, uint32_t *cap, size_t size);
/* The fewest bytes a value takes; memo: by type index, zeroed at first. A record that
 * contains itself counts as 0 inside. */
uint32_t relais_avro_least(const struct relais_avro_type *type, uint32_t *memo);
/* "path.name" in the arena. */
const char *relais_avro_join(struct relais_arena *arena, const char *path,
                             const char *name);
#define RELAIS_AVRO_STEPS_MAX (1u << 20) /* fields that a plan goes through */

/* Runs a plan. */
int relais_avro_plan_decode(const struct relais_avro_plan *plan,
                            struct relais_slice bytes, void *out,
                            struct relais_arena *arena, uint32_t *field_ends,
                            struct relais_error *err) RELAIS_MUST_CHECK;
/* A field's default into its zeroed slot. */
int relais_avro_default_into(const struct relais_avro_field *field, void *slot,
                             struct relais_arena *arena,
                             struct relais_error *err) RELAIS_MUST_CHECK;

/* A number, or "NaN", "Infinity", "-Infinity" ("INF", "-INF") in JSON. */
bool relais_avro_real(const struct relais_value *v, double *out);
/* Does a default, as written in a schema, fit its type? Unions: any branch (1.12). A
 * number as a text ("NaN") is one of a field's own type only (depth 0): elsewhere it is a
 * text.
 * budget: steps left; a default of a record in itself can be told in few words and be
 * without end. */
#define RELAIS_AVRO_DEFAULT_STEPS 1000000u
bool relais_avro_default_fits(const struct relais_avro_type *type,
                              const struct relais_value *v, int depth, uint32_t *budget);

/* One step on the way to where an encoder or decoder stands. index -1: no index. */
struct relais_avro_step {
    const char *path;
    int64_t index;
};
/* relais_error_set whose where is built of steps. */
int relais_avro_fail(struct relais_error *err, enum relais_code code,
                     const struct relais_avro_step *steps, size_t step_count,
                     const char *text);

#endif
