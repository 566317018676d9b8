#include "core/value.h"

struct relais_value *relais_value_add(struct relais_arena *arena,
                                      struct relais_value *into, const char *name,
                                      enum relais_value_kind kind)
{
    struct relais_value *v = relais_arena_alloc(arena, sizeof(*v));

    if (!v)
        return NULL;
    *v = (struct relais_value){.kind = kind, .name = name};
    if (!into)
        return v;
    if (into->last)
        into->last->next = v;
    else
        into->child = v;
    into->last = v;
    into->count++;
    return v;
}

int relais_value_add_string(struct relais_arena *arena, struct relais_value *into,
                            const char *name, struct relais_slice text)
{
    struct relais_value *v;

    if (!text.ptr)
        return relais_value_add(arena, into, name, RELAIS_VALUE_NULL) ? 0 : -1;
    text = relais_arena_slice(arena, text);
    if (!text.ptr || !(v = relais_value_add(arena, into, name, RELAIS_VALUE_STRING)))
        return -1;
    v->text = text;
    return 0;
}

static int add_number(struct relais_arena *arena, struct relais_value *into,
                      const char *name, enum relais_value_kind kind, int64_t number)
{
    struct relais_value *v = relais_value_add(arena, into, name, kind);

    if (!v)
        return -1;
    v->number = number;
    return 0;
}

int relais_value_add_long(struct relais_arena *arena, struct relais_value *into,
                          const char *name, int64_t number)
{
    return add_number(arena, into, name, RELAIS_VALUE_LONG, number);
}

int relais_value_add_day(struct relais_arena *arena, struct relais_value *into,
                         const char *name, int32_t days)
{
    return add_number(arena, into, name, RELAIS_VALUE_DAY, days);
}

int relais_value_add_instant(struct relais_arena *arena, struct relais_value *into,
                             const char *name, int64_t micros)
{
    return add_number(arena, into, name, RELAIS_VALUE_INSTANT, micros);
}

int relais_value_add_bool(struct relais_arena *arena, struct relais_value *into,
                          const char *name, bool boolean)
{
    struct relais_value *v = relais_value_add(arena, into, name, RELAIS_VALUE_BOOL);

    if (!v)
        return -1;
    v->boolean = boolean;
    return 0;
}

struct relais_value *relais_value_get(const struct relais_value *rec, const char *name)
{
    if (!rec || rec->kind != RELAIS_VALUE_RECORD)
        return NULL;
    for (struct relais_value *v = rec->child; v; v = v->next)
        if (v->name[0] == name[0] && (!name[0] || v->name[1] == name[1]) &&
            strcmp(v->name, name) == 0)
            return v;
    return NULL;
}

struct relais_slice relais_value_text(const struct relais_value *rec, const char *name)
{
    const struct relais_value *v = relais_value_get(rec, name);

    return v && v->kind == RELAIS_VALUE_STRING ? v->text : RELAIS_SLICE_NULL;
}

/* A copy of v alone: its name and text, not its children. */
static struct relais_value *copy_node(struct relais_arena *arena,
                                      struct relais_value *into,
                                      const struct relais_value *v)
{
    struct relais_slice name = RELAIS_SLICE_NULL, text = RELAIS_SLICE_NULL;
    struct relais_value *copy;

    if (v->name && !(name = relais_arena_slice(arena, relais_slice_str(v->name))).ptr)
        return NULL;
    if (v->text.ptr && !(text = relais_arena_slice(arena, v->text)).ptr)
        return NULL;
    copy = relais_value_add(arena, into, name.ptr, v->kind);
    if (!copy)
        return NULL;
    copy->boolean = v->boolean;
    copy->number = v->number;
    copy->real = v->real;
    copy->text = text;
    return copy;
}

static struct relais_value *copy_tree(struct relais_arena *arena,
                                      struct relais_value *into,
                                      const struct relais_value *v, int depth)
{
    struct relais_value *copy;

    if (depth > RELAIS_VALUE_DEPTH_MAX || !(copy = copy_node(arena, into, v)))
        return NULL;
    for (const struct relais_value *c = v->child; c; c = c->next)
        if (!copy_tree(arena, copy, c, depth + 1))
            return NULL;
    return copy;
}

struct relais_value *relais_value_copy(struct relais_arena *arena,
                                       const struct relais_value *v)
{
    return copy_tree(arena, NULL, v, 1);
}
