#include "schemas/avro_names.h"

#include <stdlib.h>

static bool is_letter(char c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_';
}

bool relais_avro_name_valid(struct relais_slice s)
{
    if (s.len == 0 || !is_letter(s.ptr[0]))
        return false;
    for (size_t i = 1; i < s.len; i++)
        if (!is_letter(s.ptr[i]) && !(s.ptr[i] >= '0' && s.ptr[i] <= '9'))
            return false;
    return true;
}

bool relais_avro_full_name_valid(struct relais_slice s)
{
    for (;;) {
        const char *dot = s.len ? memchr(s.ptr, '.', s.len) : NULL;
        struct relais_slice part = {s.ptr, dot ? (size_t)(dot - s.ptr) : s.len};

        if (!relais_avro_name_valid(part))
            return false;
        if (!dot)
            return true;
        s.len -= part.len + 1;
        s.ptr = dot + 1;
    }
}

bool relais_avro_own_name_valid(struct relais_slice s)
{
    if (s.len && s.ptr[0] == '.')
        return relais_avro_name_valid((struct relais_slice){s.ptr + 1, s.len - 1});
    return relais_avro_full_name_valid(s);
}

bool relais_avro_is_primitive(struct relais_slice s, enum relais_avro_kind *kind_out)
{
    for (int i = RELAIS_AVRO_NULL; i <= RELAIS_AVRO_STRING; i++)
        if (relais_slice_is(s, relais_avro_kind_name((enum relais_avro_kind)i))) {
            *kind_out = (enum relais_avro_kind)i;
            return true;
        }
    return false;
}

const char *relais_avro_kind_name(enum relais_avro_kind kind)
{
    static const char *const names[] = {
        [RELAIS_AVRO_NULL] = "null",   [RELAIS_AVRO_BOOLEAN] = "boolean",
        [RELAIS_AVRO_INT] = "int",     [RELAIS_AVRO_LONG] = "long",
        [RELAIS_AVRO_FLOAT] = "float", [RELAIS_AVRO_DOUBLE] = "double",
        [RELAIS_AVRO_BYTES] = "bytes", [RELAIS_AVRO_STRING] = "string",
        [RELAIS_AVRO_FIXED] = "fixed", [RELAIS_AVRO_ENUM] = "enum",
        [RELAIS_AVRO_ARRAY] = "array", [RELAIS_AVRO_MAP] = "map",
        [RELAIS_AVRO_UNION] = "union", [RELAIS_AVRO_RECORD] = "record",
    };

    return names[kind];
}

const char *relais_avro_full_name(struct relais_arena *arena, struct relais_slice name,
                                  const char *space)
{
    if (name.len && name.ptr[0] == '.')
        name = (struct relais_slice){name.ptr + 1, name.len - 1};
    else if (!memchr(name.ptr, '.', name.len) && space && space[0])
        return relais_arena_printf(arena, "%s.%.*s", space, (int)name.len, name.ptr).ptr;
    return relais_arena_slice(arena, name).ptr;
}

const char *relais_avro_space_of(struct relais_arena *arena, const char *full_name)
{
    const char *dot = strrchr(full_name, '.');

    if (!dot)
        return "";
    return relais_arena_slice(arena,
                              (struct relais_slice){full_name, (size_t)(dot - full_name)})
        .ptr;
}

static size_t hash(const char *s)
{
    uint64_t h = 14695981039346656037u; /* FNV-1a */

    for (; *s; s++)
        h = (h ^ (unsigned char)*s) * 1099511628211u;
    return (size_t)(h ^ (h >> 32));
}

static uint32_t *slot_of(const struct relais_avro_names *names, const char *name)
{
    size_t i = hash(name) & (names->slot_count - 1);

    while (names->slots[i] && strcmp(names->list[names->slots[i] - 1].name, name) != 0)
        i = (i + 1) & (names->slot_count - 1);
    return &names->slots[i];
}

int64_t relais_avro_names_find(const struct relais_avro_names *names, const char *name)
{
    return names->slot_count ? (int64_t)*slot_of(names, name) - 1 : -1;
}

static void grow(struct relais_avro_names *names)
{
    names->cap = names->cap ? names->cap * 2 : 16;
    names->list = relais_realloc(names->list, names->cap * sizeof(*names->list));
    free(names->slots);
    names->slot_count = names->cap * 2; /* at most half full */
    names->slots = relais_zalloc(names->slot_count * sizeof(*names->slots));
    for (size_t i = 0; i < names->count; i++)
        *slot_of(names, names->list[i].name) = (uint32_t)i + 1;
}

int64_t relais_avro_names_add(struct relais_avro_names *names, const char *name,
                              struct relais_avro_type *type)
{
    if (names->count == RELAIS_AVRO_NAMED_MAX || relais_avro_names_find(names, name) >= 0)
        return -1;
    if (names->count == names->cap)
        grow(names);
    *slot_of(names, name) = (uint32_t)names->count + 1;
    names->list[names->count] = (struct relais_avro_named){name, type, false};
    return (int64_t)names->count++;
}

void relais_avro_names_release(struct relais_avro_names *names)
{
    free(names->list);
    free(names->slots);
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

const char *relais_avro_twice(const char *const *names, size_t name_count)
{
    const char **sorted = relais_alloc(name_count * sizeof(*sorted));
    const char *found = NULL;

    if (name_count)
        memcpy(sorted, names, name_count * sizeof(*sorted));
    qsort(sorted, name_count, sizeof(*sorted), by_text);
    for (size_t i = 1; i < name_count && !found; i++)
        if (strcmp(sorted[i - 1], sorted[i]) == 0)
            found = sorted[i];
    free(sorted);
    return found;
}
