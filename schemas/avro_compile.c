/* Tree of types -> plan. */
#include "schemas/avro_plan.h"

#include <stdlib.h>

struct compiler {
    struct relais_avro *schema;
    struct relais_avro_plan *plan;
    uint32_t *program_of; /* by type index: its program as an item + 1, 0 none yet */
    uint32_t *entry_of;   /* by a map's index: the program of its entries + 1 */
    uint32_t *least_of;   /* by type index, of relais_avro_least */
    uint32_t steps;       /* fields written */
    bool marks;           /* the program being written is the root with marks */
};

struct place {
    const char *path;
    uint32_t offset;
};

void *relais_avro_plan_grow(void *items, uint32_t count, uint32_t *cap, size_t size)
{
    if (count < *cap)
        return items;
    *cap = *cap ? *cap * 2 : 16;
    return relais_realloc(items, *cap * size);
}

uint32_t relais_avro_plan_op(struct relais_avro_plan *plan, enum relais_avro_opcode code,
                             const char *path, uint32_t offset, uint32_t a)
{
    if (plan->op_count == plan->op_cap) {
        plan->op_cap = plan->op_cap ? plan->op_cap * 2 : 64;
        plan->ops = relais_realloc(plan->ops, plan->op_cap * sizeof(*plan->ops));
        plan->paths = relais_realloc(plan->paths, plan->op_cap * sizeof(*plan->paths));
    }
    plan->paths[plan->op_count] = path;
    plan->ops[plan->op_count] = (struct relais_avro_op){(uint16_t)code, 0, offset, a, 0};
    return plan->op_count++;
}

uint32_t relais_avro_plan_program(struct relais_avro_plan *plan,
                                  const struct relais_avro_program *program)
{
    plan->programs = relais_avro_plan_grow(plan->programs, plan->program_count,
                                           &plan->program_cap, sizeof(*plan->programs));
    plan->programs[plan->program_count] = *program;
    return plan->program_count++;
}

uint32_t relais_avro_plan_union(struct relais_avro_plan *plan, uint32_t count)
{
    uint32_t first = plan->branch_count;

    if (first + count > plan->branch_cap) {
        plan->branch_cap = (first + count) * 2;
        plan->branches =
            relais_realloc(plan->branches, plan->branch_cap * sizeof(*plan->branches));
    }
    plan->branch_count += count;
    plan->unions = relais_avro_plan_grow(plan->unions, plan->union_count,
                                         &plan->union_cap, sizeof(*plan->unions));
    plan->unions[plan->union_count] = (struct relais_avro_union_plan){first, count, 0};
    return plan->union_count++;
}

static uint32_t emit(struct compiler *c, enum relais_avro_opcode code, struct place at,
                     uint32_t a)
{
    return relais_avro_plan_op(c->plan, code, at.path, at.offset, a);
}

static uint32_t capped_add(uint32_t a, uint32_t b)
{
    return a > UINT32_MAX / 2 - b ? UINT32_MAX / 2 : a + b;
}

uint32_t relais_avro_least(const struct relais_avro_type *type, uint32_t *memo)
{
    uint32_t least = 0, branch;

    if (type->by_pointer)
        return 0;
    if (memo[type->index])
        return memo[type->index] - 1;
    switch (type->kind) {
    case RELAIS_AVRO_NULL:
        break;
    case RELAIS_AVRO_FLOAT:
        least = 4;
        break;
    case RELAIS_AVRO_DOUBLE:
        least = 8;
        break;
    case RELAIS_AVRO_FIXED:
        least = type->count;
        break;
    case RELAIS_AVRO_UNION:
        for (uint32_t i = 0; i < type->count; i++) {
            branch = relais_avro_least(type->branches[i], memo);
            least = i == 0 || branch < least ? branch : least;
        }
        least = capped_add(least, 1);
        break;
    case RELAIS_AVRO_RECORD:
        for (uint32_t i = 0; i < type->count; i++)
            least = capped_add(least, relais_avro_least(type->fields[i].type, memo));
        break;
    default:
        least = 1;
    }
    memo[type->index] = least + 1;
    return least;
}

static uint32_t add_program(struct compiler *c, const struct relais_avro_type *type,
                            uint32_t item_size, bool map)
{
    const struct relais_avro_type *value = map || type->by_pointer ? type->item : type;

    return relais_avro_plan_program(
        c->plan, &(struct relais_avro_program){
                     .type = type,
                     .item_size = item_size,
                     .least = capped_add(relais_avro_least(value, c->least_of), map),
                     .map = map,
                 });
}

/* The program that handles one item, branch or pointed record of this type; written
 * later, by the loop of relais_avro_compile. */
static uint32_t program_of(struct compiler *c, const struct relais_avro_type *type)
{
    if (type->by_pointer)
        type = type->item;
    if (!c->program_of[type->index])
        c->program_of[type->index] = add_program(c, type, type->size, false) + 1;
    return c->program_of[type->index] - 1;
}

static uint32_t add_union(struct compiler *c, const struct relais_avro_type *type)
{
    uint32_t index = relais_avro_plan_union(c->plan, type->count);
    uint32_t first = c->plan->unions[index].first;

    for (uint32_t i = 0; i < type->count; i++) {
        uint32_t program = type->branches[i]->kind == RELAIS_AVRO_NULL
                               ? RELAIS_AVRO_NO_PROGRAM
                               : program_of(c, type->branches[i]);

        c->plan->branches[first + i] = program;
    }
    return index;
}

const char *relais_avro_join(struct relais_arena *arena, const char *path,
                             const char *name)
{
    const char *joined;

    if (!path[0])
        return name;
    joined = relais_arena_printf(arena, "%s.%s", path, name).ptr;
    return joined ? joined : name;
}

static void emit_type(struct compiler *c, const struct relais_avro_type *type,
                      struct place at);

static void emit_record(struct compiler *c, const struct relais_avro_type *type,
                        struct place at)
{
    bool marks = c->marks;

    c->marks = false;
    for (uint32_t i = 0; i < type->count && c->steps < RELAIS_AVRO_STEPS_MAX; i++) {
        const struct relais_avro_field *field = &type->fields[i];
        struct place inside = {relais_avro_join(&c->schema->arena, at.path, field->name),
                               at.offset + field->offset};

        c->steps++;
        emit_type(c, field->type, inside);
        if (marks)
            emit(c, OP_MARK, inside, i);
    }
}

static void emit_union(struct compiler *c, const struct relais_avro_type *type,
                       struct place at)
{
    const struct relais_avro_type *value;
    uint32_t op;

    if (type->null_branch < 0) {
        emit(c, OP_UNION, at, add_union(c, type));
        return;
    }
    value = type->branches[1 - type->null_branch];
    if (value->kind == RELAIS_AVRO_BYTES) {
        op = emit(c, OP_NULL_OR_BYTES, at, 0);
    } else if (value->kind == RELAIS_AVRO_STRING) {
        op = emit(c, OP_NULL_OR_STRING, at, 0);
    } else if (value->by_pointer) {
        op = emit(c, OP_NULL_OR_POINTER, at, program_of(c, value));
    } else {
        op = emit(c, OP_NULL_OR, at, 0);
        emit_type(c, value, (struct place){at.path, at.offset + type->value_offset});
        c->plan->ops[op].a = c->plan->op_count - op - 1;
        c->plan->ops[op].b = type->size;
    }
    c->plan->ops[op].flag = (uint16_t)type->null_branch;
}

static void emit_type(struct compiler *c, const struct relais_avro_type *type,
                      struct place at)
{
    static const enum relais_avro_opcode simple[] = {
        [RELAIS_AVRO_BOOLEAN] = OP_BOOLEAN, [RELAIS_AVRO_INT] = OP_INT,
        [RELAIS_AVRO_LONG] = OP_LONG,       [RELAIS_AVRO_FLOAT] = OP_FLOAT,
        [RELAIS_AVRO_DOUBLE] = OP_DOUBLE,   [RELAIS_AVRO_BYTES] = OP_BYTES,
        [RELAIS_AVRO_STRING] = OP_STRING,   [RELAIS_AVRO_FIXED] = OP_FIXED,
        [RELAIS_AVRO_ENUM] = OP_ENUM,
    };

    switch (type->kind) {
    case RELAIS_AVRO_NULL:
        break;
    case RELAIS_AVRO_ARRAY:
        emit(c, OP_ARRAY, at,
             type->item->by_pointer ? add_program(c, type->item, type->item_size, false)
                                    : program_of(c, type->item));
        break;
    case RELAIS_AVRO_MAP:
        if (!c->entry_of[type->index])
            c->entry_of[type->index] = add_program(c, type, type->item_size, true) + 1;
        emit(c, OP_ARRAY, at, c->entry_of[type->index] - 1);
        break;
    case RELAIS_AVRO_UNION:
        emit_union(c, type, at);
        break;
    case RELAIS_AVRO_RECORD:
        if (type->by_pointer)
            emit(c, OP_POINTER, at, program_of(c, type));
        else
            emit_record(c, type, at);
        break;
    default:
        if (type->kind != RELAIS_AVRO_FIXED || type->count)
            emit(c, simple[type->kind], at, type->count);
    }
}

/* The most bytes the part of this op that is always there takes. */
static uint32_t room_of(const struct relais_avro_op *op)
{
    switch (op->code) {
    case OP_BOOLEAN:
        return 1;
    case OP_FLOAT:
        return 4;
    case OP_DOUBLE:
        return 8;
    case OP_FIXED:
        return op->a;
    case OP_END:
    case OP_MARK:
    case OP_POINTER:
        return 0;
    case OP_NULL_OR_BYTES:
    case OP_NULL_OR_STRING:
        return 1 + 10;
    case OP_NULL_OR:
    case OP_NULL_OR_POINTER:
        return 1;
    default:
        return 10;
    }
}

/* From the program's end backwards: what each op leaves to be written after it. */
static void count_room(struct compiler *c, uint32_t program, uint32_t end)
{
    struct relais_avro_plan *plan = c->plan;
    uint32_t start = plan->programs[program].start, rest = 0;

    for (uint32_t i = end; i > start; i--) {
        struct relais_avro_op *op = &plan->ops[i - 1];

        switch (op->code) {
        case OP_BYTES:
        case OP_STRING:
        case OP_ARRAY:
        case OP_POINTER:
        case OP_NULL_OR_BYTES:
        case OP_NULL_OR_STRING:
        case OP_NULL_OR_POINTER:
            op->b = rest;
            break;
        case OP_UNION:
            plan->unions[op->a].rest = rest;
            break;
        default:
            break;
        }
        rest = capped_add(rest, room_of(op));
    }
    plan->programs[program].room = rest;
    if (rest > plan->room_max)
        plan->room_max = rest;
}

static void write_program(struct compiler *c, uint32_t program)
{
    const struct relais_avro_type *type = c->plan->programs[program].type;
    struct place at = {"", 0};

    c->plan->programs[program].start = c->plan->op_count;
    if (c->plan->programs[program].map) {
        emit(c, OP_STRING, at, 0);
        at.offset = type->item_offset;
        type = type->item;
    }
    c->marks = program == RELAIS_AVRO_MARKED && type->kind == RELAIS_AVRO_RECORD;
    emit_type(c, type, at);
    c->marks = false;
    emit(c, OP_END, at, 0);
    count_room(c, program, c->plan->op_count);
}

int relais_avro_compile(struct relais_avro *schema, struct relais_error *err)
{
    struct compiler c = {.schema = schema, .plan = &schema->plan};
    struct relais_avro_plan *plan = &schema->plan;

    c.program_of = relais_zalloc(schema->type_count * sizeof(*c.program_of));
    c.entry_of = relais_zalloc(schema->type_count * sizeof(*c.entry_of));
    c.least_of = relais_zalloc(schema->type_count * sizeof(*c.least_of));
    add_program(&c, schema->root, schema->root->size, false);
    add_program(&c, schema->root, schema->root->size, false);
    for (uint32_t i = 0; i < plan->program_count && c.steps < RELAIS_AVRO_STEPS_MAX; i++)
        write_program(&c, i);
    free(c.program_of);
    free(c.entry_of);
    free(c.least_of);
    if (c.steps >= RELAIS_AVRO_STEPS_MAX)
        return relais_error_set(err, RELAIS_E_SCHEMA_INVALID, NULL,
                                "more than a million fields, records in records counted");
    return 0;
}

void relais_avro_plan_release(struct relais_avro_plan *plan)
{
    free(plan->ops);
    free(plan->paths);
    free(plan->programs);
    free(plan->unions);
    free(plan->branches);
    free(plan->skips);
    free(plan->constants);
    free(plan->symbols);
    free(plan->reasons);
}
