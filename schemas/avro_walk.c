/* Walks over structs: the encrypted fields; deep copies. */
#include "schemas/avro_plan.h"

struct walker {
    int (*each)(void *user, const struct relais_avro_field *field,
                const struct relais_avro_place *place, struct relais_slice *slot,
                struct relais_error *err);
    void *user;
    struct relais_error *err;
    const struct relais_avro_place *place;
};

/* Length of what was written; RELAIS_AVRO_PATH_MAX or more: it does not fit. */
static size_t write_path(const struct relais_avro_place *place,
                         char path[RELAIS_AVRO_PATH_MAX])
{
    size_t length = place->in ? write_path(place->in, path) : 0;
    size_t name_len = strlen(place->name);

    if (length && length < RELAIS_AVRO_PATH_MAX)
        path[length++] = '.';
    if (length + name_len < RELAIS_AVRO_PATH_MAX)
        memcpy(path + length, place->name, name_len + 1);
    return length + name_len;
}

int relais_avro_path(const struct relais_avro_place *place,
                     char path[RELAIS_AVRO_PATH_MAX], struct relais_error *err)
{
    return write_path(place, path) < RELAIS_AVRO_PATH_MAX
               ? 0
               : relais_error_set(err, RELAIS_E_LIMIT, place->name, "path too long");
}

/* field: the encrypted one that slot is a value of, or NULL. */
static int walk(struct walker *w, const struct relais_avro_type *type,
                const struct relais_avro_field *field, void *slot, int depth);

static int walk_record(struct walker *w, const struct relais_avro_type *type, char *data,
                       int depth)
{
    for (uint32_t i = 0; data && i < type->count; i++) {
        const struct relais_avro_field *field = &type->fields[i];
        const struct relais_avro_place place = {w->place, field->name};
        bool encrypted = field->protect == RELAIS_AVRO_ENCRYPT;
        int rc;

        if (!encrypted && !field->type->encrypts)
            continue;
        w->place = &place;
        rc = walk(w, field->type, encrypted ? field : NULL, data + field->offset,
                  depth + 1);
        w->place = place.in;
        if (rc)
            return rc;
    }
    return 0;
}

static int walk_items(struct walker *w, const struct relais_avro_type *type,
                      const struct relais_avro_field *field,
                      const struct relais_array *slot, int depth)
{
    char *item = (char *)slot->items + type->item_offset;

    for (size_t i = 0; i < slot->count; i++, item += type->item_size)
        if (walk(w, type->item, field, item, depth + 1))
            return -1;
    return 0;
}

static int walk_union(struct walker *w, const struct relais_avro_type *type,
                      const struct relais_avro_field *field, void *slot, int depth)
{
    const struct relais_avro_union *u = slot;
    const struct relais_avro_type *branch;

    if (type->null_branch >= 0) {
        if (type->value_offset && !*(bool *)slot)
            return 0;
        return walk(w, type->branches[1 - type->null_branch], field,
                    (char *)slot + type->value_offset, depth);
    }
    if (!u->value || u->branch < 0 || (uint32_t)u->branch >= type->count)
        return 0;
    branch = type->branches[u->branch];
    return walk(w, branch->by_pointer ? branch->item : branch, field, (void *)u->value,
                depth + 1);
}

static int walk(struct walker *w, const struct relais_avro_type *type,
                const struct relais_avro_field *field, void *slot, int depth)
{
    struct relais_slice *text = slot;

    if (depth > RELAIS_AVRO_DEPTH_MAX)
        return relais_error_set(w->err, RELAIS_E_LIMIT, w->place ? w->place->name : NULL,
                                "deeper than 64");
    switch (type->kind) {
    case RELAIS_AVRO_BYTES:
    case RELAIS_AVRO_STRING:
        if (!field || !text->ptr)
            return 0;
        return w->each(w->user, field, w->place, text, w->err);
    case RELAIS_AVRO_ARRAY:
    case RELAIS_AVRO_MAP:
        return walk_items(w, type, field, slot, depth);
    case RELAIS_AVRO_UNION:
        return walk_union(w, type, field, slot, depth);
    case RELAIS_AVRO_RECORD:
        return walk_record(w, type, type->by_pointer ? *(char **)slot : slot, depth);
    default:
        return 0;
    }
}

int relais_avro_encrypted(const struct relais_avro *schema, void *data,
                          int (*each)(void *user, const struct relais_avro_field *field,
                                      const struct relais_avro_place *place,
                                      struct relais_slice *slot,
                                      struct relais_error *err),
                          void *user, struct relais_error *err)
{
    struct walker w = {.each = each, .user = user, .err = err};

    return walk(&w, schema->root, NULL, data, 0);
}

/* What slot points to is copied, and slot then points to the copy. */
static bool copy_parts(const struct relais_avro_type *type, void *slot,
                       struct relais_arena *arena, int depth);

static const void *copy_block(const void *from, size_t size, struct relais_arena *arena)
{
    void *to = relais_arena_alloc(arena, size + 1);

    if (to && size)
        memcpy(to, from, size);
    return to;
}

static bool copy_items(const struct relais_avro_type *type, struct relais_array *slot,
                       struct relais_arena *arena, int depth)
{
    char *item;

    if (slot->count == 0 || type->item_size == 0)
        return true;
    slot->items = copy_block(slot->items, slot->count * type->item_size, arena);
    if (!slot->items)
        return false;
    item = (char *)slot->items + type->item_offset;
    for (size_t i = 0; i < slot->count; i++, item += type->item_size)
        if (!copy_parts(type->item, item, arena, depth + 1))
            return false;
    return true;
}

static bool copy_pointed(const struct relais_avro_type *type, const void **slot,
                         struct relais_arena *arena, int depth)
{
    if (!*slot)
        return true;
    *slot = copy_block(*slot, type->size, arena);
    return *slot && copy_parts(type, (void *)*slot, arena, depth + 1);
}

static bool copy_union(const struct relais_avro_type *type, void *slot,
                       struct relais_arena *arena, int depth)
{
    struct relais_avro_union *u = slot;
    const struct relais_avro_type *branch;

    if (type->null_branch >= 0) {
        if (type->value_offset && !*(bool *)slot)
            return true;
        return copy_parts(type->branches[1 - type->null_branch],
                          (char *)slot + type->value_offset, arena, depth);
    }
    if (u->branch < 0 || (uint32_t)u->branch >= type->count)
        return true;
    branch = type->branches[u->branch];
    return copy_pointed(branch->by_pointer ? branch->item : branch, &u->value, arena,
                        depth);
}

static bool copy_parts(const struct relais_avro_type *type, void *slot,
                       struct relais_arena *arena, int depth)
{
    if (!type->leads)
        return true;
    if (depth > 2 * RELAIS_AVRO_DEPTH_MAX)
        return false;
    switch (type->kind) {
    case RELAIS_AVRO_ARRAY:
    case RELAIS_AVRO_MAP:
        return copy_items(type, slot, arena, depth);
    case RELAIS_AVRO_UNION:
        return copy_union(type, slot, arena, depth);
    case RELAIS_AVRO_RECORD:
        if (type->by_pointer)
            return copy_pointed(type->item, slot, arena, depth);
        for (uint32_t i = 0; i < type->count; i++)
            if (type->fields[i].type->leads &&
                !copy_parts(type->fields[i].type, (char *)slot + type->fields[i].offset,
                            arena, depth + 1))
                return false;
        return true;
    default:
        return true;
    }
}

void *relais_avro_copy(const struct relais_avro *schema, const void *data,
                       struct relais_arena *arena)
{
    void *copy = (void *)copy_block(data, schema->root->size, arena);

    return copy && copy_parts(schema->root, copy, arena, 0) ? copy : NULL;
}
