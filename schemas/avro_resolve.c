/* (writer, reader) -> plan. */
#include "schemas/avro_resolve.h"
#include "schemas/avro_plan.h"

#include <stdlib.h>

#define ARENA_MAX (64u << 20) /* paths and defaults */

/* What a program's struct is: the reader's type itself, its slot in a struct (a pointer,
 * where the record contains itself), or a map's key and value. */
enum form { FORM_VALUE, FORM_SLOT, FORM_ENTRY };

struct pair {
    const struct relais_avro_type *writer, *reader;
    enum form form;
    uint32_t program;
};

struct relais_avro_resolution {
    struct relais_avro_plan plan;
    struct relais_arena arena;
};

struct resolver {
    struct relais_avro_plan *plan;
    struct relais_arena *arena;
    struct pair *pairs; /* by program */
    uint32_t pair_cap;
    uint32_t *slots; /* hash of pairs: program + 1 */
    uint32_t slot_count;
    uint32_t *least; /* of the writer's types */
    uint32_t steps;
    bool full;
};

struct place {
    const char *path;
    uint32_t offset;
};

/* ---- what matches ------------------------------------------------------------------ */

static const char *short_name(const char *full_name)
{
    const char *dot = strrchr(full_name, '.');

    return dot ? dot + 1 : full_name;
}

bool relais_avro_names_match(const struct relais_avro_type *writer,
                             const struct relais_avro_type *reader)
{
    if (strcmp(short_name(writer->name), short_name(reader->name)) == 0)
        return true;
    for (size_t i = 0; i < reader->alias_count; i++)
        if (strcmp(reader->aliases[i], writer->name) == 0)
            return true;
    return false;
}

bool relais_avro_promotes(enum relais_avro_kind writer, enum relais_avro_kind reader)
{
    if (writer == reader)
        return true;
    switch (writer) {
    case RELAIS_AVRO_INT:
        return reader == RELAIS_AVRO_LONG || reader == RELAIS_AVRO_FLOAT ||
               reader == RELAIS_AVRO_DOUBLE;
    case RELAIS_AVRO_LONG:
        return reader == RELAIS_AVRO_FLOAT || reader == RELAIS_AVRO_DOUBLE;
    case RELAIS_AVRO_FLOAT:
        return reader == RELAIS_AVRO_DOUBLE;
    case RELAIS_AVRO_STRING:
        return reader == RELAIS_AVRO_BYTES;
    case RELAIS_AVRO_BYTES:
        return reader == RELAIS_AVRO_STRING;
    default:
        return false;
    }
}

static int64_t named_field(const struct relais_avro_type *type, const char *name)
{
    for (uint32_t i = 0; i < type->count; i++)
        if (strcmp(type->fields[i].name, name) == 0)
            return i;
    return -1;
}

int64_t relais_avro_field_for(const struct relais_avro_type *writer, uint32_t field,
                              const struct relais_avro_type *reader)
{
    const char *name = writer->fields[field].name;
    int64_t found = named_field(reader, name);

    for (uint32_t i = 0; found < 0 && i < reader->count; i++) {
        const struct relais_avro_field *f = &reader->fields[i];

        for (size_t j = 0; found < 0 && j < f->alias_count; j++)
            if (strcmp(f->aliases[j], name) == 0 && named_field(writer, f->name) < 0)
                found = i;
    }
    return found;
}

static bool is_named(enum relais_avro_kind kind)
{
    return kind == RELAIS_AVRO_RECORD || kind == RELAIS_AVRO_ENUM ||
           kind == RELAIS_AVRO_FIXED;
}

int64_t relais_avro_branch_for(const struct relais_avro_type *writer,
                               const struct relais_avro_type *reader)
{
    int64_t named = -1, promoted = -1;

    for (uint32_t i = 0; i < reader->count; i++) {
        const struct relais_avro_type *branch = reader->branches[i];

        if (branch->kind != writer->kind) {
            if (promoted < 0 && relais_avro_promotes(writer->kind, branch->kind))
                promoted = i;
        } else if (!is_named(branch->kind) || strcmp(branch->name, writer->name) == 0) {
            return i;
        } else if (named < 0 && relais_avro_names_match(writer, branch)) {
            named = i;
        }
    }
    return named >= 0 ? named : promoted;
}

/* ---- parts of the plan ------------------------------------------------------------- */

static uint32_t emit(struct resolver *r, enum relais_avro_opcode code, struct place at,
                     uint32_t a)
{
    return relais_avro_plan_op(r->plan, code, at.path, at.offset, a);
}

static void refuse(struct resolver *r, struct place at, const char *reason)
{
    struct relais_avro_plan *plan = r->plan;

    plan->reasons = relais_avro_plan_grow(plan->reasons, plan->reason_count,
                                          &plan->reason_cap, sizeof(*plan->reasons));
    plan->reasons[plan->reason_count] = reason;
    emit(r, OP_REFUSE, at, plan->reason_count++);
}

static void refuse_pair(struct resolver *r, const struct relais_avro_type *writer,
                        const struct relais_avro_type *reader, struct place at)
{
    struct relais_slice text;

    if (writer->kind == reader->kind && is_named(writer->kind))
        text = relais_arena_printf(r->arena, "%s %s cannot be read as %s",
                                   relais_avro_kind_name(writer->kind), writer->name,
                                   reader->name);
    else
        text = relais_arena_printf(r->arena, "%s cannot be read as %s",
                                   relais_avro_kind_name(writer->kind),
                                   relais_avro_kind_name(reader->kind));
    refuse(r, at, text.ptr ? text.ptr : "cannot be read");
}

static void skip(struct resolver *r, const struct relais_avro_type *writer,
                 struct place at)
{
    struct relais_avro_plan *plan = r->plan;

    plan->skips = relais_avro_plan_grow(plan->skips, plan->skip_count, &plan->skip_cap,
                                        sizeof(*plan->skips));
    plan->skips[plan->skip_count] = writer;
    emit(r, OP_SKIP, at, plan->skip_count++);
}

static void constant(struct resolver *r, const struct relais_avro_field *field,
                     struct place at)
{
    struct relais_avro_plan *plan = r->plan;
    struct relais_error err = RELAIS_ERROR_INIT;
    char *slot;

    if (!field->type->size)
        return;
    slot = relais_arena_zalloc(r->arena, field->type->size);
    if (!slot || relais_avro_default_into(field, slot, r->arena, &err)) {
        r->full = true;
        return;
    }
    plan->constants =
        relais_avro_plan_grow(plan->constants, plan->constant_count, &plan->constant_cap,
                              sizeof(*plan->constants));
    plan->constants[plan->constant_count] =
        (struct relais_slice){slot, field->type->size};
    emit(r, OP_CONSTANT, at, plan->constant_count++);
}

static size_t hash_of(const struct pair *pair)
{
    uint64_t h = (uint64_t)(uintptr_t)pair->writer * 0x9e3779b97f4a7c15u;

    h = (h ^ (uint64_t)(uintptr_t)pair->reader) * 0x9e3779b97f4a7c15u;
    return (size_t)((h ^ (uint64_t)pair->form) >> 17);
}

static uint32_t *slot_of(struct resolver *r, const struct pair *pair)
{
    size_t i = hash_of(pair) & (r->slot_count - 1);

    while (r->slots[i]) {
        const struct pair *there = &r->pairs[r->slots[i] - 1];

        if (there->writer == pair->writer && there->reader == pair->reader &&
            there->form == pair->form)
            break;
        i = (i + 1) & (r->slot_count - 1);
    }
    return &r->slots[i];
}

static void make_room(struct resolver *r)
{
    if (r->plan->program_count * 2 < r->slot_count)
        return;
    free(r->slots);
    r->slot_count = r->slot_count ? r->slot_count * 2 : 64;
    r->slots = relais_zalloc(r->slot_count * sizeof(*r->slots));
    for (uint32_t i = 0; i < r->plan->program_count; i++)
        *slot_of(r, &r->pairs[i]) = i + 1;
}

/* The program that reads this pair; written later, by the loop of resolution_new. */
static uint32_t program_of(struct resolver *r, const struct relais_avro_type *writer,
                           const struct relais_avro_type *reader, enum form form)
{
    struct relais_avro_program program = {.type = reader, .map = form == FORM_ENTRY};
    struct pair pair = {writer, reader, form, 0};
    uint32_t *slot;

    if (writer->by_pointer)
        pair.writer = writer->item;
    if (form == FORM_VALUE && reader->by_pointer)
        pair.reader = reader->item;
    if (form == FORM_SLOT && !reader->by_pointer)
        pair.form = FORM_VALUE;
    make_room(r);
    slot = slot_of(r, &pair);
    if (*slot)
        return *slot - 1;
    if (form == FORM_ENTRY) {
        program.item_size = reader->item_size;
        program.least = 1 + relais_avro_least(writer->item, r->least);
    } else {
        program.item_size = pair.reader->size;
        program.least = relais_avro_least(pair.writer, r->least);
    }
    r->pairs = relais_avro_plan_grow(r->pairs, r->plan->program_count, &r->pair_cap,
                                     sizeof(*r->pairs));
    pair.program = r->plan->program_count;
    r->pairs[pair.program] = pair;
    *slot = pair.program + 1;
    return relais_avro_plan_program(r->plan, &program);
}

/* ---- pairs ------------------------------------------------------------------------- */

static void emit_pair(struct resolver *r, const struct relais_avro_type *writer,
                      const struct relais_avro_type *reader, struct place at);

static void emit_enum(struct resolver *r, const struct relais_avro_type *writer,
                      const struct relais_avro_type *reader, struct place at)
{
    struct relais_avro_plan *plan = r->plan;
    uint32_t first = plan->symbol_count, op;
    bool same = true;

    for (uint32_t i = 0; i < writer->count; i++) {
        int32_t to = reader->enum_default;

        for (uint32_t j = 0; j < reader->count; j++)
            if (strcmp(writer->symbols[i], reader->symbols[j]) == 0)
                to = (int32_t)j;
        plan->symbols = relais_avro_plan_grow(plan->symbols, plan->symbol_count,
                                              &plan->symbol_cap, sizeof(*plan->symbols));
        plan->symbols[plan->symbol_count++] = to;
        same = same && to == (int32_t)i;
        r->steps++;
    }
    if (same) {
        plan->symbol_count = first;
        emit(r, OP_ENUM, at, writer->count);
        return;
    }
    op = emit(r, OP_ENUM_MAP, at, first);
    plan->ops[op].b = writer->count;
}

static void emit_record(struct resolver *r, const struct relais_avro_type *writer,
                        const struct relais_avro_type *reader, struct place at)
{
    bool *given = relais_zalloc(reader->count + (size_t)1);

    for (uint32_t i = 0; i < writer->count && r->steps < RELAIS_AVRO_STEPS_MAX; i++) {
        const struct relais_avro_field *from = &writer->fields[i];
        int64_t to = relais_avro_field_for(writer, i, reader);
        struct place inside = {relais_avro_join(r->arena, at.path, from->name),
                               at.offset};

        r->steps++;
        if (to < 0) {
            skip(r, from->type, inside);
            continue;
        }
        given[to] = true;
        inside.offset += reader->fields[to].offset;
        emit_pair(r, from->type, reader->fields[to].type, inside);
    }
    for (uint32_t i = 0; i < reader->count && r->steps < RELAIS_AVRO_STEPS_MAX; i++) {
        const struct relais_avro_field *field = &reader->fields[i];
        struct place inside = {relais_avro_join(r->arena, at.path, field->name),
                               at.offset + field->offset};

        r->steps++;
        if (given[i])
            continue;
        if (field->has_default)
            constant(r, field, inside);
        else
            refuse(r, inside, "absent from the writer's schema and without a default");
    }
    free(given);
}

/* [null, T] on both sides, of values that can be read: as in a plain plan. */
static bool emit_nullable(struct resolver *r, const struct relais_avro_type *writer,
                          const struct relais_avro_type *reader, struct place at)
{
    const struct relais_avro_type *from, *to;
    uint32_t op;

    if (writer->null_branch < 0 || reader->kind != RELAIS_AVRO_UNION ||
        reader->null_branch < 0)
        return false;
    from = writer->branches[1 - writer->null_branch];
    to = reader->branches[1 - reader->null_branch];
    if (relais_avro_branch_for(from, reader) != 1 - reader->null_branch)
        return false;
    if (to->kind == RELAIS_AVRO_BYTES) {
        op = emit(r, OP_NULL_OR_BYTES, at, 0);
    } else if (to->kind == RELAIS_AVRO_STRING) {
        op = emit(r, OP_NULL_OR_STRING, at, 0);
    } else if (to->by_pointer) {
        op = emit(r, OP_NULL_OR_POINTER, at, program_of(r, from, to, FORM_VALUE));
    } else {
        op = emit(r, OP_NULL_OR, at, 0);
        emit_pair(r, from, to, (struct place){at.path, at.offset + reader->value_offset});
        r->plan->ops[op].a = r->plan->op_count - op - 1;
        r->plan->ops[op].b = reader->size;
    }
    r->plan->ops[op].flag = (uint16_t)writer->null_branch;
    return true;
}

/* Which branch was written is known only from the datum. */
static void emit_choice(struct resolver *r, const struct relais_avro_type *writer,
                        const struct relais_avro_type *reader, struct place at)
{
    uint32_t index = relais_avro_plan_union(r->plan, writer->count);
    uint32_t first = r->plan->unions[index].first;

    for (uint32_t i = 0; i < writer->count; i++) {
        uint32_t program = program_of(r, writer->branches[i], reader, FORM_SLOT);

        r->plan->branches[first + i] = program;
        r->steps++;
    }
    emit(r, OP_CHOOSE, at, index);
}

/* A value that is no union into the reader's union. */
static void emit_into_union(struct resolver *r, const struct relais_avro_type *writer,
                            const struct relais_avro_type *reader, struct place at)
{
    int64_t branch = relais_avro_branch_for(writer, reader);
    const struct relais_avro_type *to;
    uint32_t op, program = RELAIS_AVRO_NO_PROGRAM;

    if (branch < 0) {
        refuse_pair(r, writer, reader, at);
        return;
    }
    to = reader->branches[branch];
    if (reader->null_branch < 0) {
        if (to->kind != RELAIS_AVRO_NULL)
            program = program_of(r, writer, to, FORM_VALUE);
        op = emit(r, OP_WRAP, at, program);
        r->plan->ops[op].flag = (uint16_t)branch;
    } else if (to->kind == RELAIS_AVRO_NULL) {
        emit(r, OP_ZERO, at, reader->size);
    } else if (to->kind == RELAIS_AVRO_BYTES || to->kind == RELAIS_AVRO_STRING ||
               to->by_pointer) {
        emit_pair(r, writer, to, at);
    } else {
        emit(r, OP_SET, at, 0);
        emit_pair(r, writer, to,
                  (struct place){at.path, at.offset + reader->value_offset});
    }
}

static void emit_same_kind(struct resolver *r, const struct relais_avro_type *writer,
                           const struct relais_avro_type *reader, struct place at)
{
    static const enum relais_avro_opcode simple[] = {
        [RELAIS_AVRO_BOOLEAN] = OP_BOOLEAN, [RELAIS_AVRO_INT] = OP_INT,
        [RELAIS_AVRO_LONG] = OP_LONG,       [RELAIS_AVRO_FLOAT] = OP_FLOAT,
        [RELAIS_AVRO_DOUBLE] = OP_DOUBLE,   [RELAIS_AVRO_BYTES] = OP_BYTES,
        [RELAIS_AVRO_STRING] = OP_STRING,
    };

    switch (reader->kind) {
    case RELAIS_AVRO_NULL:
        break;
    case RELAIS_AVRO_FIXED:
        if (writer->count != reader->count)
            refuse(r, at, "fixed of another size");
        else if (reader->count)
            emit(r, OP_FIXED, at, reader->count);
        break;
    case RELAIS_AVRO_ENUM:
        emit_enum(r, writer, reader, at);
        break;
    case RELAIS_AVRO_ARRAY:
        emit(r, OP_ARRAY, at, program_of(r, writer->item, reader->item, FORM_SLOT));
        break;
    case RELAIS_AVRO_MAP:
        emit(r, OP_ARRAY, at, program_of(r, writer, reader, FORM_ENTRY));
        break;
    case RELAIS_AVRO_RECORD:
        if (reader->by_pointer)
            emit(r, OP_POINTER, at, program_of(r, writer, reader, FORM_VALUE));
        else
            emit_record(r, writer, reader, at);
        break;
    default:
        emit(r, simple[reader->kind], at, 0);
    }
}

static void emit_promotion(struct resolver *r, const struct relais_avro_type *writer,
                           const struct relais_avro_type *reader, struct place at)
{
    uint32_t op;

    if (reader->kind == RELAIS_AVRO_BYTES || reader->kind == RELAIS_AVRO_STRING) {
        emit(r, reader->kind == RELAIS_AVRO_BYTES ? OP_BYTES : OP_STRING, at, 0);
        return;
    }
    op = emit(r, OP_PROMOTE, at, writer->kind);
    r->plan->ops[op].b = reader->kind;
}

static void emit_pair(struct resolver *r, const struct relais_avro_type *writer,
                      const struct relais_avro_type *reader, struct place at)
{
    if (writer->by_pointer)
        writer = writer->item;
    if (r->steps >= RELAIS_AVRO_STEPS_MAX)
        return;
    r->steps++;
    if (writer->kind == RELAIS_AVRO_UNION) {
        if (!emit_nullable(r, writer, reader, at))
            emit_choice(r, writer, reader, at);
    } else if (reader->kind == RELAIS_AVRO_UNION) {
        emit_into_union(r, writer, reader, at);
    } else if (writer->kind == reader->kind &&
               (!is_named(reader->kind) || relais_avro_names_match(writer, reader))) {
        emit_same_kind(r, writer, reader, at);
    } else if (relais_avro_promotes(writer->kind, reader->kind) &&
               writer->kind != reader->kind) {
        emit_promotion(r, writer, reader, at);
    } else {
        refuse_pair(r, writer, reader, at);
    }
}

static void write_program(struct resolver *r, uint32_t program)
{
    struct pair pair = r->pairs[program];
    struct place at = {"", 0};

    r->plan->programs[program].start = r->plan->op_count;
    if (pair.form == FORM_ENTRY) {
        emit(r, OP_STRING, at, 0);
        at.offset = pair.reader->item_offset;
        emit_pair(r, pair.writer->item, pair.reader->item, at);
    } else {
        emit_pair(r, pair.writer, pair.reader, at);
    }
    emit(r, OP_END, at, 0);
}

/* ---- life -------------------------------------------------------------------------- */

struct relais_avro_resolution *
relais_avro_resolution_new(const struct relais_avro *writer,
                           const struct relais_avro *reader, struct relais_error *err)
{
    struct relais_avro_resolution *resolution = relais_zalloc(sizeof(*resolution));
    struct resolver r = {.plan = &resolution->plan, .arena = &resolution->arena};

    resolution->arena = (struct relais_arena)RELAIS_ARENA_INIT(ARENA_MAX);
    r.least = relais_zalloc(writer->type_count * sizeof(*r.least));
    program_of(&r, writer->root, reader->root, FORM_VALUE);
    for (uint32_t i = 0; i < r.plan->program_count && r.steps < RELAIS_AVRO_STEPS_MAX;
         i++)
        write_program(&r, i);
    free(r.pairs);
    free(r.slots);
    free(r.least);
    if (r.steps < RELAIS_AVRO_STEPS_MAX && !r.full)
        return resolution;
    relais_error_set(err, RELAIS_E_SCHEMA_INVALID, NULL,
                     r.full ? "defaults of more than 64 MiB"
                            : "more than a million fields, records in records counted");
    relais_avro_resolution_free(resolution);
    return NULL;
}

void relais_avro_resolution_free(struct relais_avro_resolution *resolution)
{
    if (!resolution)
        return;
    relais_avro_plan_release(&resolution->plan);
    relais_arena_release(&resolution->arena);
    free(resolution);
}

int relais_avro_resolve(const struct relais_avro_resolution *resolution,
                        struct relais_slice bytes, void *out, struct relais_arena *arena,
                        struct relais_error *err)
{
    return relais_avro_plan_decode(&resolution->plan, bytes, out, arena, NULL, err);
}
