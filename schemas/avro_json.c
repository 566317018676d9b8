/* Struct <-> Avro's JSON encoding. */
#include "schemas/avro_json.h"
#include "schemas/avro_plan.h"

#include <math.h>
#include <stdio.h>

/* The name of a union's branch. */
static const char *branch_name(const struct relais_avro_type *type)
{
    return type->name ? type->name : relais_avro_kind_name(type->kind);
}

/* ---- to text ----------------------------------------------------------------------- */

struct printer {
    struct relais_buf *out;
    struct relais_error *err;
};

static int print(struct printer *p, const struct relais_avro_type *type, const void *slot,
                 int depth);

static int full(struct printer *p)
{
    return relais_error_set(p->err, RELAIS_E_LIMIT, NULL, "JSON longer than allowed");
}

static int put(struct printer *p, const char *text)
{
    return relais_buf_add_str(p->out, text) ? full(p) : 0;
}

static int put_string(struct printer *p, struct relais_slice s)
{
    return relais_json_string(p->out, s) ? full(p) : 0;
}

/* What is not plain ASCII is escaped: bytes are no text for a terminal or a splitter of
 * lines. */
static int put_latin1(struct printer *p, const void *bytes, size_t len)
{
    const unsigned char *from = bytes;

    if (put(p, "\""))
        return -1;
    for (size_t i = 0; i < len; i++) {
        bool plain =
            from[i] >= 0x20 && from[i] < 0x7f && from[i] != '"' && from[i] != '\\';

        if (plain ? relais_buf_add(p->out, &from[i], 1)
                  : relais_buf_printf(p->out, "\\u%04x", from[i]))
            return full(p);
    }
    return put(p, "\"");
}

static int put_real(struct printer *p, double real)
{
    struct relais_value v = {.kind = RELAIS_VALUE_DOUBLE, .real = real};

    return relais_value_print(&v, p->out) ? full(p) : 0;
}

static int print_items(struct printer *p, const struct relais_avro_type *type,
                       const struct relais_array *array, int depth)
{
    const char *at = array->items;
    bool map = type->kind == RELAIS_AVRO_MAP;

    if (put(p, map ? "{" : "["))
        return -1;
    for (size_t i = 0; i < array->count; i++, at += type->item_size) {
        if (i && put(p, ","))
            return -1;
        if (map && (put_string(p, *(const struct relais_slice *)(const void *)at) ||
                    put(p, ":")))
            return -1;
        if (print(p, type->item, at + (map ? type->item_offset : 0), depth + 1))
            return -1;
    }
    return put(p, map ? "}" : "]");
}

static int print_record(struct printer *p, const struct relais_avro_type *type,
                        const char *data, int depth)
{
    if (put(p, "{"))
        return -1;
    for (uint32_t i = 0; i < type->count; i++) {
        const struct relais_avro_field *field = &type->fields[i];

        if ((i && put(p, ",")) || put_string(p, relais_slice_str(field->name)) ||
            put(p, ":"))
            return -1;
        if (print(p, field->type, data + field->offset, depth + 1)) {
            relais_error_prefix(p->err, field->name);
            return -1;
        }
    }
    return put(p, "}");
}

/* The branch of a union's slot and its value; NULL: null. */
static const struct relais_avro_type *branch_of(const struct relais_avro_type *type,
                                                const char *slot, const void **value_out)
{
    const struct relais_avro_union *u = (const void *)slot;
    const struct relais_avro_type *branch;

    *value_out = NULL;
    if (type->null_branch < 0) {
        if (u->branch < 0 || (uint32_t)u->branch >= type->count)
            return NULL;
        *value_out = u->value;
        return type->branches[u->branch];
    }
    branch = type->branches[1 - type->null_branch];
    if (type->value_offset ? *(const bool *)slot
                           : *(const void *const *)(const void *)slot != NULL)
        *value_out = slot + type->value_offset;
    return *value_out ? branch : type->branches[type->null_branch];
}

static int print_union(struct printer *p, const struct relais_avro_type *type,
                       const void *slot, int depth)
{
    const void *value;
    const struct relais_avro_type *branch = branch_of(type, slot, &value);

    if (!branch)
        return relais_error_set(p->err, RELAIS_E_FIELD_TYPE, NULL,
                                "branch that the union lacks");
    if (branch->kind == RELAIS_AVRO_NULL)
        return put(p, "null");
    if (put(p, "{") || put_string(p, relais_slice_str(branch_name(branch))) ||
        put(p, ":"))
        return -1;
    /* a general union's value is the record itself, not a pointer to it */
    if (type->null_branch < 0 && branch->by_pointer)
        branch = branch->item;
    return print(p, branch, value, depth + 1) || put(p, "}") ? -1 : 0;
}

static int print_symbol(struct printer *p, const struct relais_avro_type *type,
                        int32_t index)
{
    if (index < 0 || (uint32_t)index >= type->count)
        return relais_error_set(p->err, RELAIS_E_FIELD_TYPE, NULL,
                                "symbol that the enum lacks");
    return put_string(p, relais_slice_str(type->symbols[index]));
}

static int print(struct printer *p, const struct relais_avro_type *type, const void *slot,
                 int depth)
{
    const struct relais_slice *text = slot;

    if (depth > 2 * RELAIS_AVRO_DEPTH_MAX)
        return relais_error_set(p->err, RELAIS_E_LIMIT, NULL, "too deep");
    switch (type->kind) {
    case RELAIS_AVRO_NULL:
        return put(p, "null");
    case RELAIS_AVRO_BOOLEAN:
        return put(p, *(const bool *)slot ? "true" : "false");
    case RELAIS_AVRO_INT:
        return relais_buf_printf(p->out, "%d", *(const int32_t *)slot) ? full(p) : 0;
    case RELAIS_AVRO_LONG:
        return relais_buf_printf(p->out, "%lld", (long long)*(const int64_t *)slot)
                   ? full(p)
                   : 0;
    case RELAIS_AVRO_FLOAT:
        return put_real(p, (double)*(const float *)slot);
    case RELAIS_AVRO_DOUBLE:
        return put_real(p, *(const double *)slot);
    case RELAIS_AVRO_BYTES:
        return put_latin1(p, text->ptr, text->len);
    case RELAIS_AVRO_STRING:
        return put_string(p, text->ptr ? *text : RELAIS_SLICE(""));
    case RELAIS_AVRO_FIXED:
        return put_latin1(p, slot, type->count);
    case RELAIS_AVRO_ENUM:
        return print_symbol(p, type, *(const int32_t *)slot);
    case RELAIS_AVRO_ARRAY:
    case RELAIS_AVRO_MAP:
        return print_items(p, type, slot, depth);
    case RELAIS_AVRO_UNION:
        return print_union(p, type, slot, depth);
    case RELAIS_AVRO_RECORD:
        if (type->by_pointer)
            return print_record(p, type->item, *(const char *const *)slot, depth);
        return print_record(p, type, slot, depth);
    }
    return 0;
}

int relais_avro_json_print(const struct relais_avro *schema, const void *data,
                           struct relais_buf *out, struct relais_error *err)
{
    struct printer p = {out, err};

    return print(&p, schema->root, data, 0);
}

/* ---- from a parsed document -------------------------------------------------------- */

struct binder {
    struct relais_arena *arena;
    struct relais_error *err;
};

static int bind(struct binder *b, const struct relais_avro_type *type,
                const struct relais_value *v, void *slot, int depth);

static int wrong(struct binder *b, const struct relais_avro_type *type)
{
    return relais_error_set(b->err, RELAIS_E_FIELD_TYPE, NULL, "not a value of %s",
                            branch_name(type));
}

static void *room(struct binder *b, size_t size)
{
    void *place = relais_arena_zalloc(b->arena, size + 1);

    if (!place)
        relais_error_set(b->err, RELAIS_E_LIMIT, NULL, "more memory than allowed");
    return place;
}

static int bind_real(struct binder *b, const struct relais_avro_type *type,
                     const struct relais_value *v, void *slot)
{
    double real;

    if (!relais_avro_real(v, &real))
        return wrong(b, type);
    if (type->kind == RELAIS_AVRO_DOUBLE)
        *(double *)slot = real;
    else
        *(float *)slot = (float)real;
    return 0;
}

/* Code points up to U+00FF as bytes. */
static int bind_latin1(struct binder *b, const struct relais_avro_type *type,
                       const struct relais_value *v, struct relais_slice *out)
{
    unsigned char *to;
    size_t n = 0;

    if (v->kind != RELAIS_VALUE_STRING)
        return wrong(b, type);
    if (!(to = room(b, v->text.len)))
        return -1;
    for (size_t i = 0; i < v->text.len; i++) {
        unsigned char c = (unsigned char)v->text.ptr[i];

        if (c >= 0x80) {
            if ((c != 0xc2 && c != 0xc3) || i + 1 == v->text.len)
                return relais_error_set(b->err, RELAIS_E_FIELD_TYPE, NULL,
                                        "a code point beyond U+00FF");
            c = (unsigned char)((c << 6) | ((unsigned char)v->text.ptr[++i] & 0x3f));
        }
        to[n++] = c;
    }
    *out = (struct relais_slice){(char *)to, n};
    return 0;
}

static int bind_fixed(struct binder *b, const struct relais_avro_type *type,
                      const struct relais_value *v, void *slot)
{
    struct relais_slice bytes;

    if (bind_latin1(b, type, v, &bytes))
        return -1;
    if (bytes.len != type->count)
        return relais_error_set(b->err, RELAIS_E_FIELD_LENGTH, NULL,
                                "%zu bytes, not the %u of %s", bytes.len, type->count,
                                type->name);
    memcpy(slot, bytes.ptr, bytes.len);
    return 0;
}

static int bind_items(struct binder *b, const struct relais_avro_type *type,
                      const struct relais_value *v, struct relais_array *slot, int depth)
{
    bool map = type->kind == RELAIS_AVRO_MAP;
    char *at, index[24];
    size_t i = 0;

    if (v->kind != (map ? RELAIS_VALUE_RECORD : RELAIS_VALUE_ARRAY))
        return wrong(b, type);
    if (!(at = room(b, v->count * type->item_size)))
        return -1;
    slot->items = at;
    slot->count = v->count;
    for (v = v->child; v; v = v->next, at += type->item_size, i++) {
        if (map)
            *(struct relais_slice *)(void *)at = relais_slice_str(v->name);
        if (bind(b, type->item, v, at + (map ? type->item_offset : 0), depth + 1)) {
            snprintf(index, sizeof(index), "[%zu]", i);
            relais_error_prefix(b->err, index);
            return -1;
        }
    }
    return 0;
}

static int bind_record(struct binder *b, const struct relais_avro_type *type,
                       const struct relais_value *v, char *data, int depth)
{
    if (v->kind != RELAIS_VALUE_RECORD)
        return wrong(b, type);
    for (uint32_t i = 0; i < type->count; i++) {
        const struct relais_avro_field *field = &type->fields[i];
        const struct relais_value *member = relais_value_get(v, field->name);

        if (!member)
            return relais_error_set(b->err, RELAIS_E_FIELD_MISSING, field->name,
                                    "absent");
        if (bind(b, field->type, member, data + field->offset, depth + 1)) {
            relais_error_prefix(b->err, field->name);
            return -1;
        }
    }
    return v->count == type->count
               ? 0
               : relais_error_set(b->err, RELAIS_E_FIELD_UNKNOWN, NULL,
                                  "%zu members, not the %u of %s", v->count, type->count,
                                  type->name);
}

/* null, or an object whose one member is named after its branch. */
static int bind_union(struct binder *b, const struct relais_avro_type *type,
                      const struct relais_value *v, char *slot, int depth)
{
    struct relais_avro_union *u = (void *)slot;
    bool tagged = v->kind == RELAIS_VALUE_RECORD && v->count == 1;
    const char *name = tagged ? v->child->name : "null";
    const struct relais_avro_type *branch = NULL;
    uint32_t i;

    for (i = 0; i < type->count; i++)
        if (strcmp(branch_name(type->branches[i]), name) == 0) {
            branch = type->branches[i];
            break;
        }
    if (!branch || (!tagged && v->kind != RELAIS_VALUE_NULL) ||
        (tagged && branch->kind == RELAIS_AVRO_NULL))
        return relais_error_set(b->err, RELAIS_E_FIELD_TYPE, NULL,
                                "null or an object named after a branch of the union");
    if (type->null_branch >= 0) {
        if (!tagged)
            return 0;
        if (type->value_offset)
            *(bool *)slot = true;
        return bind(b, branch, v->child, slot + type->value_offset, depth + 1);
    }
    u->branch = (int32_t)i;
    if (!tagged)
        return 0;
    if (branch->by_pointer)
        branch = branch->item;
    if (!(u->value = room(b, branch->size)))
        return -1;
    return bind(b, branch, v->child, (void *)(uintptr_t)u->value, depth + 1);
}

static int bind_whole(struct binder *b, const struct relais_avro_type *type,
                      const struct relais_value *v, void *slot)
{
    int64_t number = v->number;

    if (v->kind == RELAIS_VALUE_DOUBLE && v->real >= -0x1p63 && v->real < 0x1p63 &&
        trunc(v->real) == v->real)
        number = (int64_t)v->real; /* 1.0 and 1e2 are whole numbers too, as others say */
    else if (v->kind != RELAIS_VALUE_LONG)
        return wrong(b, type);
    if (type->kind == RELAIS_AVRO_LONG) {
        *(int64_t *)slot = number;
        return 0;
    }
    if (number < INT32_MIN || number > INT32_MAX)
        return wrong(b, type);
    *(int32_t *)slot = (int32_t)number;
    return 0;
}

static int bind_symbol(struct binder *b, const struct relais_avro_type *type,
                       const struct relais_value *v, int32_t *slot)
{
    if (v->kind != RELAIS_VALUE_STRING)
        return wrong(b, type);
    for (uint32_t i = 0; i < type->count; i++)
        if (relais_slice_is(v->text, type->symbols[i])) {
            *slot = (int32_t)i;
            return 0;
        }
    return relais_error_set(b->err, RELAIS_E_FIELD_TYPE, NULL,
                            "symbol that the enum lacks");
}

static int bind_pointed(struct binder *b, const struct relais_avro_type *type,
                        const struct relais_value *v, const void **slot, int depth)
{
    char *data = room(b, type->item->size);

    *slot = data;
    return data ? bind_record(b, type->item, v, data, depth) : -1;
}

static int bind(struct binder *b, const struct relais_avro_type *type,
                const struct relais_value *v, void *slot, int depth)
{
    if (depth > 2 * RELAIS_AVRO_DEPTH_MAX)
        return relais_error_set(b->err, RELAIS_E_LIMIT, NULL, "too deep");
    switch (type->kind) {
    case RELAIS_AVRO_NULL:
        return v->kind == RELAIS_VALUE_NULL ? 0 : wrong(b, type);
    case RELAIS_AVRO_BOOLEAN:
        *(bool *)slot = v->boolean;
        return v->kind == RELAIS_VALUE_BOOL ? 0 : wrong(b, type);
    case RELAIS_AVRO_INT:
    case RELAIS_AVRO_LONG:
        return bind_whole(b, type, v, slot);
    case RELAIS_AVRO_FLOAT:
    case RELAIS_AVRO_DOUBLE:
        return bind_real(b, type, v, slot);
    case RELAIS_AVRO_BYTES:
        return bind_latin1(b, type, v, slot);
    case RELAIS_AVRO_STRING:
        *(struct relais_slice *)slot = v->text;
        return v->kind == RELAIS_VALUE_STRING ? 0 : wrong(b, type);
    case RELAIS_AVRO_FIXED:
        return bind_fixed(b, type, v, slot);
    case RELAIS_AVRO_ENUM:
        return bind_symbol(b, type, v, slot);
    case RELAIS_AVRO_ARRAY:
    case RELAIS_AVRO_MAP:
        return bind_items(b, type, v, slot, depth);
    case RELAIS_AVRO_UNION:
        return bind_union(b, type, v, slot, depth);
    case RELAIS_AVRO_RECORD:
        return type->by_pointer ? bind_pointed(b, type, v, slot, depth)
                                : bind_record(b, type, v, slot, depth);
    }
    return 0;
}

int relais_avro_json_bind(const struct relais_avro *schema, const struct relais_value *v,
                          void *out, struct relais_arena *arena, struct relais_error *err)
{
    struct binder b = {arena, err};

    memset(out, 0, schema->root->size);
    return bind(&b, schema->root, v, out, 0);
}
