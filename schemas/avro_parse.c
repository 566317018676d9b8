/* Schema text -> tree of types. Norm: Apache Avro 1.12, "Schema Declaration", "Names",
 * "Aliases", "Logical Types". */
#include "schemas/avro_names.h"

#include <stdio.h>
#include <stdlib.h>

struct parser {
    struct relais_avro *schema;
    struct relais_arena *arena; /* the schema's */
    struct relais_avro_names names;
    struct relais_error *err;
};

static struct relais_avro_type *parse_type(struct parser *p, const struct relais_value *v,
                                           const char *space, int depth);

static int invalid(struct parser *p, const char *where, const char *text)
{
    return relais_error_set(p->err, RELAIS_E_SCHEMA_INVALID, where, "%s", text);
}

static void *take(struct parser *p, size_t size)
{
    void *mem = relais_arena_zalloc(p->arena, size);

    if (!mem)
        invalid(p, NULL, "schema takes too much memory");
    return mem;
}

static struct relais_avro_type *new_type(struct parser *p, enum relais_avro_kind kind,
                                         const struct relais_value *source)
{
    struct relais_avro *schema = p->schema;
    struct relais_avro_type *type = take(p, sizeof(*type));

    if (!type)
        return NULL;
    if (schema->type_count == schema->type_cap) {
        schema->type_cap = schema->type_cap ? schema->type_cap * 2 : 64;
        schema->types =
            relais_realloc(schema->types, schema->type_cap * sizeof(*schema->types));
    }
    type->kind = kind;
    type->source = source;
    type->index = schema->type_count;
    type->enum_default = -1;
    type->null_branch = -1;
    schema->types[schema->type_count++] = type;
    return type;
}

static struct relais_avro_type *laid_out(struct parser *p, struct relais_avro_type *type,
                                         struct relais_avro_field *fields)
{
    if (!type || relais_avro_lay_out(type, fields))
        return type;
    invalid(p, NULL, "struct larger than 1 MiB");
    return NULL;
}

/* A text attribute: 0 with *out NULL where absent. */
static int text_of(struct parser *p, const struct relais_value *v, const char *name,
                   const char **out)
{
    const struct relais_value *member = relais_value_get(v, name);

    *out = NULL;
    if (!member)
        return 0;
    if (member->kind != RELAIS_VALUE_STRING)
        return invalid(p, name, "not a string");
    *out = relais_arena_slice(p->arena, member->text).ptr;
    return *out ? 0 : invalid(p, name, "schema takes too much memory");
}

/* doc is told on; of another kind it is ignored, as others do. */
static int doc_of(struct parser *p, const struct relais_value *v, const char **out)
{
    return relais_value_text(v, "doc").ptr ? text_of(p, v, "doc", out) : 0;
}

/* Which texts a list may hold. */
enum names { NAMES_SYMBOLS, NAMES_FULL, NAMES_ANY };

static bool name_fits(struct relais_slice name, enum names which)
{
    if (which == NAMES_SYMBOLS)
        return relais_avro_name_valid(name);
    return which == NAMES_ANY ? !memchr(name.ptr, '\0', name.len)
                              : relais_avro_own_name_valid(name);
}

/* A list of names: symbols, which are distinct, aliases of a type seen from `space`, or
 * those of a field, which may be what no field of ours can be called. */
static int names_of(struct parser *p, const struct relais_value *v, const char *name,
                    enum names which, const char *space, const char *const **out,
                    size_t *count_out)
{
    const struct relais_value *list = relais_value_get(v, name), *item;
    const char **names;
    size_t n = 0;

    *count_out = 0;
    if (!list)
        return 0;
    if (list->kind != RELAIS_VALUE_ARRAY)
        return invalid(p, name, "not an array of names");
    if (!(names = take(p, (list->count + 1) * sizeof(*names))))
        return -1;
    for (item = list->child; item; item = item->next) {
        if (item->kind != RELAIS_VALUE_STRING || !name_fits(item->text, which))
            return invalid(p, name, "not a name: letters, digits and _ only");
        if (!(names[n] = relais_avro_full_name(p->arena, item->text, space)))
            return invalid(p, name, "schema takes too much memory");
        n++;
    }
    if (which == NAMES_SYMBOLS && relais_avro_twice(names, n))
        return invalid(p, name, "the same name twice");
    *out = names;
    *count_out = n;
    return 0;
}

/* name, namespace, aliases, doc of a record, enum or fixed; enters it in the table.
 * Returns its index there, or -1; space_out: the namespace of what it contains. */
static int64_t define(struct parser *p, const struct relais_value *v, const char *space,
                      struct relais_avro_type *type, const char **space_out)
{
    struct relais_slice name = relais_value_text(v, "name");
    const struct relais_value *own = relais_value_get(v, "namespace");
    enum relais_avro_kind kind;
    int64_t index;

    if (!name.ptr || !relais_avro_own_name_valid(name))
        return invalid(p, "name", "absent, or not a name: letters, digits and _ only");
    if (own && own->kind != RELAIS_VALUE_NULL) {
        /* a name with dots says its namespace; what else is said of it does not count */
        if (own->kind != RELAIS_VALUE_STRING ||
            (own->text.len && !memchr(name.ptr, '.', name.len) &&
             !relais_avro_full_name_valid(own->text)))
            return invalid(p, "namespace", "not names joined by dots");
        space = relais_arena_slice(p->arena, own->text).ptr;
    }
    type->name = relais_avro_full_name(p->arena, name, space);
    if (!type->name || !(*space_out = relais_avro_space_of(p->arena, type->name)))
        return invalid(p, "name", "schema takes too much memory");
    if (relais_avro_is_primitive(relais_slice_str(type->name), &kind))
        return invalid(p, "name", "a primitive type's name cannot be defined");
    index = relais_avro_names_add(&p->names, type->name, type);
    if (index < 0)
        return invalid(p, "name",
                       p->names.count == RELAIS_AVRO_NAMED_MAX
                           ? "more than 10,000 named types"
                           : "defined twice");
    if (names_of(p, v, "aliases", NAMES_FULL, *space_out, &type->aliases,
                 &type->alias_count) ||
        doc_of(p, v, &type->doc))
        return -1;
    return index;
}

static int one_of(struct parser *p, const char *attribute, const char *text,
                  const char *choice, const char *other, const char *third)
{
    if (!text || strcmp(text, choice) == 0 || strcmp(text, other) == 0 ||
        (third && strcmp(text, third) == 0))
        return 0;
    return invalid(p, attribute, "not one of its values");
}

/* The attributes that the contract adds (A9, A11). */
static int parse_attributes(struct parser *p, const struct relais_value *v,
                            struct relais_avro_field *field)
{
    const char *unknown = NULL, *protect = NULL;

    if (text_of(p, v, "relais:code", &field->code) ||
        text_of(p, v, "relais:inconnu", &unknown) ||
        text_of(p, v, "relais:rule", &field->rule) ||
        text_of(p, v, "relais:protect", &protect) ||
        text_of(p, v, "relais:clair", &field->clear) ||
        text_of(p, v, "relais:cle", &field->key) ||
        text_of(p, v, "relais:genre", &field->genre) ||
        one_of(p, "relais:inconnu", unknown, "parquer", "avertir", NULL) ||
        one_of(p, "relais:protect", protect, "pseudonymise", "encrypt", "drop") ||
        one_of(p, "relais:clair", field->clear, "string", "json", NULL))
        return -1;
    field->code_park = unknown && strcmp(unknown, "parquer") == 0;
    if (protect)
        field->protect = protect[0] == 'p'   ? RELAIS_AVRO_PSEUDONYMISE
                         : protect[0] == 'e' ? RELAIS_AVRO_ENCRYPT
                                             : RELAIS_AVRO_DROP;
    field->visited = field->code || field->rule || field->protect;
    return 0;
}

static int parse_field(struct parser *p, const struct relais_value *v, const char *space,
                       int depth, struct relais_avro_field *field)
{
    const struct relais_value *type = relais_value_get(v, "type");
    const char *order;

    if (v->kind != RELAIS_VALUE_RECORD)
        return invalid(p, NULL, "not an object");
    if (text_of(p, v, "name", &field->name))
        return -1;
    if (!field->name || !relais_avro_name_valid(relais_value_text(v, "name")))
        return invalid(p, "name", "absent, or not a name: letters, digits and _ only");
    if (!type)
        return invalid(p, "type", "absent");
    field->type = parse_type(p, type, space, depth);
    if (!field->type) {
        relais_error_prefix(p->err, "type");
        return -1;
    }
    field->default_value = relais_value_get(v, "default");
    field->has_default = field->default_value != NULL;
    if (doc_of(p, v, &field->doc) || text_of(p, v, "order", &order) ||
        one_of(p, "order", order, "ascending", "descending", "ignore") ||
        names_of(p, v, "aliases", NAMES_ANY, NULL, &field->aliases, &field->alias_count))
        return -1;
    return parse_attributes(p, v, field);
}

static int parse_fields(struct parser *p, const struct relais_value *list,
                        const char *space, int depth, struct relais_avro_field *fields)
{
    const struct relais_value *v;
    const char **names;
    size_t i = 0;

    if (!(names = take(p, (list->count + 1) * sizeof(*names))))
        return -1;
    for (v = list->child; v; v = v->next, i++) {
        if (parse_field(p, v, space, depth, &fields[i])) {
            char at[32];

            snprintf(at, sizeof(at), "fields[%zu]", i);
            relais_error_prefix(p->err, at);
            return -1;
        }
        names[i] = fields[i].name;
    }
    if (relais_avro_twice(names, i))
        return invalid(p, "fields", "the same name twice");
    return 0;
}

static struct relais_avro_type *
parse_record(struct parser *p, const struct relais_value *v, const char *space, int depth)
{
    struct relais_avro_type *type = new_type(p, RELAIS_AVRO_RECORD, v);
    const struct relais_value *list = relais_value_get(v, "fields");
    struct relais_avro_field *fields;
    int64_t index;

    if (!type || (index = define(p, v, space, type, &space)) < 0)
        return NULL;
    if (!list || list->kind != RELAIS_VALUE_ARRAY) {
        invalid(p, "fields", "absent, or not an array");
        return NULL;
    }
    if (list->count > RELAIS_AVRO_FIELD_MAX) {
        invalid(p, "fields", "more than 10,000 fields");
        return NULL;
    }
    if (!(fields = take(p, (list->count + 1) * sizeof(*fields))))
        return NULL;
    p->names.list[index].open = true;
    if (parse_fields(p, list, space, depth + 1, fields))
        return NULL;
    p->names.list[index].open = false;
    type->fields = fields;
    type->count = (uint32_t)list->count;
    if (!relais_avro_index_names(type, fields, p->arena)) {
        invalid(p, NULL, "schema takes too much memory");
        return NULL;
    }
    return laid_out(p, type, fields);
}

static struct relais_avro_type *parse_enum(struct parser *p, const struct relais_value *v,
                                           const char *space)
{
    struct relais_avro_type *type = new_type(p, RELAIS_AVRO_ENUM, v);
    const char *symbol;
    size_t count;

    if (!type || define(p, v, space, type, &space) < 0)
        return NULL;
    if (!relais_value_get(v, "symbols")) {
        invalid(p, "symbols", "absent");
        return NULL;
    }
    if (names_of(p, v, "symbols", NAMES_SYMBOLS, NULL, &type->symbols, &count) ||
        text_of(p, v, "default", &symbol))
        return NULL;
    type->count = (uint32_t)count;
    for (uint32_t i = 0; symbol && i < type->count; i++)
        if (strcmp(type->symbols[i], symbol) == 0)
            type->enum_default = (int32_t)i;
    if (symbol && type->enum_default < 0) {
        invalid(p, "default", "not one of the symbols");
        return NULL;
    }
    return laid_out(p, type, NULL);
}

static struct relais_avro_type *
parse_fixed(struct parser *p, const struct relais_value *v, const char *space)
{
    struct relais_avro_type *type = new_type(p, RELAIS_AVRO_FIXED, v);
    const struct relais_value *size = relais_value_get(v, "size");

    if (!type || define(p, v, space, type, &space) < 0)
        return NULL;
    if (!size || size->kind != RELAIS_VALUE_LONG || size->number < 0) {
        invalid(p, "size", "absent, or not a number of bytes");
        return NULL;
    }
    if (size->number > RELAIS_AVRO_SIZE_MAX) {
        invalid(p, "size", "struct larger than 1 MiB");
        return NULL;
    }
    type->count = (uint32_t)size->number;
    return laid_out(p, type, NULL);
}

static struct relais_avro_type *parse_items(struct parser *p,
                                            const struct relais_value *v,
                                            enum relais_avro_kind kind, const char *space,
                                            int depth)
{
    const char *attribute = kind == RELAIS_AVRO_ARRAY ? "items" : "values";
    const struct relais_value *item = relais_value_get(v, attribute);
    struct relais_avro_type *type = new_type(p, kind, v);

    if (!type)
        return NULL;
    if (!item) {
        invalid(p, attribute, "absent");
        return NULL;
    }
    type->item = parse_type(p, item, space, depth + 1);
    if (!type->item) {
        relais_error_prefix(p->err, attribute);
        return NULL;
    }
    return laid_out(p, type, NULL);
}

/* Branches differ by kind, or by full name where they have one. */
static int check_branches(struct parser *p,
                          const struct relais_avro_type *const *branches, size_t count)
{
    const char **names = relais_alloc((count + 1) * sizeof(*names));
    uint32_t unnamed = 0;
    size_t name_count = 0;
    const char *wrong = NULL;

    for (size_t i = 0; i < count && !wrong; i++) {
        uint32_t bit = 1u << branches[i]->kind;

        if (branches[i]->kind == RELAIS_AVRO_UNION)
            wrong = "a union in a union";
        else if (branches[i]->name)
            names[name_count++] = branches[i]->name;
        else if (unnamed & bit)
            wrong = "the same type twice in a union";
        else
            unnamed |= bit;
    }
    if (!wrong && relais_avro_twice(names, name_count))
        wrong = "the same type twice in a union";
    free(names);
    return wrong ? invalid(p, NULL, wrong) : 0;
}

static struct relais_avro_type *
parse_union(struct parser *p, const struct relais_value *v, const char *space, int depth)
{
    struct relais_avro_type *type = new_type(p, RELAIS_AVRO_UNION, v);
    const struct relais_avro_type **branches;
    const struct relais_value *item;
    size_t i = 0;

    if (!type || !(branches = take(p, (v->count + 1) * sizeof(*branches))))
        return NULL;
    for (item = v->child; item; item = item->next, i++) {
        branches[i] = parse_type(p, item, space, depth + 1);
        if (!branches[i]) {
            char at[32];

            snprintf(at, sizeof(at), "[%zu]", i);
            relais_error_prefix(p->err, at);
            return NULL;
        }
    }
    if (check_branches(p, branches, i))
        return NULL;
    type->branches = branches;
    type->count = (uint32_t)i;
    if (i == 2 && branches[0]->kind == RELAIS_AVRO_NULL)
        type->null_branch = 0;
    else if (i == 2 && branches[1]->kind == RELAIS_AVRO_NULL)
        type->null_branch = 1;
    return laid_out(p, type, NULL);
}

/* A name used: one type object a definition; a record still open is seen by pointer. */
static struct relais_avro_type *parse_reference(struct parser *p,
                                                const struct relais_value *source,
                                                struct relais_slice name,
                                                const char *space)
{
    struct relais_avro_type *type;
    const char *full;
    int64_t index;

    if (!relais_avro_full_name_valid(name)) {
        invalid(p, NULL, "not a type");
        return NULL;
    }
    full = relais_avro_full_name(p->arena, name, space);
    index = full ? relais_avro_names_find(&p->names, full) : -1;
    /* a type without a namespace can be named nowhere else: as Java does */
    if (index < 0 && full && space[0])
        index = relais_avro_names_find(&p->names, relais_arena_slice(p->arena, name).ptr);
    if (index < 0) {
        invalid(p, NULL, "type not defined before it is used");
        return NULL;
    }
    if (!p->names.list[index].open)
        return p->names.list[index].type;
    if (!(type = new_type(p, RELAIS_AVRO_RECORD, source)))
        return NULL;
    type->name = p->names.list[index].name;
    type->item = p->names.list[index].type;
    type->by_pointer = true;
    return laid_out(p, type, NULL);
}

static bool decimal_fits(const struct relais_value *v, struct relais_avro_type *type)
{
    const struct relais_value *precision = relais_value_get(v, "precision");
    const struct relais_value *scale = relais_value_get(v, "scale");
    int64_t scale_number = scale ? scale->number : 0;

    if (!precision || precision->kind != RELAIS_VALUE_LONG || precision->number < 1 ||
        precision->number > INT32_MAX || (scale && scale->kind != RELAIS_VALUE_LONG) ||
        scale_number < 0 || scale_number > precision->number)
        return false;
    /* digits that always fit: floor(log10(2^(8n-1) - 1)) */
    if (type->kind == RELAIS_AVRO_FIXED &&
        (type->count == 0 ||
         precision->number > (int64_t)((8.0 * type->count - 1) * 0.30102999566398119521)))
        return false;
    type->precision = (uint32_t)precision->number;
    type->scale = (uint32_t)scale_number;
    return true;
}

/* A logical type that is unknown or does not fit is ignored, as the norm asks. */
static void parse_logical(const struct relais_value *v, struct relais_avro_type *type)
{
    static const struct {
        const char *name;
        enum relais_avro_kind kind;
        enum relais_avro_logical logical;
    } logicals[] = {
        {"uuid", RELAIS_AVRO_STRING, RELAIS_AVRO_UUID},
        {"uuid", RELAIS_AVRO_FIXED, RELAIS_AVRO_UUID},
        {"date", RELAIS_AVRO_INT, RELAIS_AVRO_DATE},
        {"time-millis", RELAIS_AVRO_INT, RELAIS_AVRO_TIME_MILLIS},
        {"time-micros", RELAIS_AVRO_LONG, RELAIS_AVRO_TIME_MICROS},
        {"timestamp-millis", RELAIS_AVRO_LONG, RELAIS_AVRO_TIMESTAMP_MILLIS},
        {"timestamp-micros", RELAIS_AVRO_LONG, RELAIS_AVRO_TIMESTAMP_MICROS},
        {"timestamp-nanos", RELAIS_AVRO_LONG, RELAIS_AVRO_TIMESTAMP_NANOS},
        {"local-timestamp-millis", RELAIS_AVRO_LONG, RELAIS_AVRO_LOCAL_TIMESTAMP_MILLIS},
        {"local-timestamp-micros", RELAIS_AVRO_LONG, RELAIS_AVRO_LOCAL_TIMESTAMP_MICROS},
        {"local-timestamp-nanos", RELAIS_AVRO_LONG, RELAIS_AVRO_LOCAL_TIMESTAMP_NANOS},
        {"decimal", RELAIS_AVRO_BYTES, RELAIS_AVRO_DECIMAL},
        {"decimal", RELAIS_AVRO_FIXED, RELAIS_AVRO_DECIMAL},
        {"duration", RELAIS_AVRO_FIXED, RELAIS_AVRO_DURATION},
    };
    struct relais_slice name = relais_value_text(v, "logicalType");

    for (size_t i = 0; name.ptr && i < sizeof(logicals) / sizeof(*logicals); i++) {
        if (logicals[i].kind != type->kind || !relais_slice_is(name, logicals[i].name))
            continue;
        if ((logicals[i].logical == RELAIS_AVRO_DECIMAL && !decimal_fits(v, type)) ||
            (logicals[i].logical == RELAIS_AVRO_DURATION && type->count != 12) ||
            (logicals[i].logical == RELAIS_AVRO_UUID && type->kind == RELAIS_AVRO_FIXED &&
             type->count != 16))
            return;
        type->logical = logicals[i].logical;
    }
}

static struct relais_avro_type *
parse_object(struct parser *p, const struct relais_value *v, const char *space, int depth)
{
    struct relais_slice name = relais_value_text(v, "type");
    struct relais_avro_type *type;
    enum relais_avro_kind kind;

    if (!name.ptr) {
        invalid(p, "type", "absent, or not a type's name");
        return NULL;
    }
    if (relais_avro_is_primitive(name, &kind))
        type = laid_out(p, new_type(p, kind, v), NULL);
    else if (relais_slice_is(name, "record") || relais_slice_is(name, "error"))
        type = parse_record(p, v, space, depth);
    else if (relais_slice_is(name, "enum"))
        type = parse_enum(p, v, space);
    else if (relais_slice_is(name, "fixed"))
        type = parse_fixed(p, v, space);
    else if (relais_slice_is(name, "array"))
        type = parse_items(p, v, RELAIS_AVRO_ARRAY, space, depth);
    else if (relais_slice_is(name, "map"))
        type = parse_items(p, v, RELAIS_AVRO_MAP, space, depth);
    else
        return parse_reference(p, v, name, space);
    if (type)
        parse_logical(v, type);
    return type;
}

static struct relais_avro_type *parse_type(struct parser *p, const struct relais_value *v,
                                           const char *space, int depth)
{
    enum relais_avro_kind kind;

    if (depth > RELAIS_AVRO_DEPTH_MAX) {
        invalid(p, NULL, "deeper than 64");
        return NULL;
    }
    switch (v->kind) {
    case RELAIS_VALUE_STRING:
        if (relais_avro_is_primitive(v->text, &kind))
            return laid_out(p, new_type(p, kind, v), NULL);
        return parse_reference(p, v, v->text, space);
    case RELAIS_VALUE_RECORD:
        return parse_object(p, v, space, depth);
    case RELAIS_VALUE_ARRAY:
        return parse_union(p, v, space, depth);
    default:
        invalid(p, NULL, "not a type");
        return NULL;
    }
}

static int check_defaults(struct parser *p)
{
    uint32_t budget = RELAIS_AVRO_DEFAULT_STEPS;

    for (uint32_t i = 0; i < p->schema->type_count; i++) {
        const struct relais_avro_type *type = p->schema->types[i];

        if (type->kind != RELAIS_AVRO_RECORD || type->by_pointer)
            continue;
        for (uint32_t j = 0; j < type->count; j++) {
            const struct relais_avro_field *field = &type->fields[j];
            char where[96];

            if (!field->has_default ||
                relais_avro_default_fits(field->type, field->default_value, 0, &budget))
                continue;
            snprintf(where, sizeof(where), "%s.%s", type->name, field->name);
            return invalid(p, where, "default does not fit the type");
        }
    }
    return 0;
}

int relais_avro_parse(struct relais_avro *schema, struct relais_error *err)
{
    struct parser p = {.schema = schema, .arena = &schema->arena, .err = err};
    struct relais_error why = RELAIS_ERROR_INIT;
    const struct relais_value *v;
    int rc = -1;

    v = relais_value_parse(p.arena, schema->text, &why);
    if (!v)
        return relais_error_set(err, RELAIS_E_SCHEMA_INVALID, why.where, "not JSON: %s",
                                why.text);
    schema->root = parse_type(&p, v, "", 0);
    if (schema->root) {
        relais_avro_finish_types(schema);
        rc = check_defaults(&p);
    }
    relais_avro_names_release(&p.names);
    return rc;
}
