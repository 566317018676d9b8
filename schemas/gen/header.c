/* A C header of one named type: struct or enum, docs as comments, and asserts that the
 * compiler's layout is the engine's. */
#include "schemas/gen/gen.h"

#include <stdio.h>

#define LINE_MAX_LEN 86

static bool upper(char c) { return c >= 'A' && c <= 'Z'; }
static bool lower_or_digit(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

int gen_snake(const char *full_name, char out[GEN_NAME_MAX])
{
    const char *dot = strrchr(full_name, '.');
    const char *s = dot ? dot + 1 : full_name;
    size_t n = 0;

    for (size_t i = 0; s[i]; i++) {
        bool word = i > 0 && upper(s[i]) &&
                    (lower_or_digit(s[i - 1]) ||
                     (upper(s[i - 1]) && s[i + 1] >= 'a' && s[i + 1] <= 'z'));

        if (n + 3 > GEN_NAME_MAX)
            return -1;
        if (word)
            out[n++] = '_';
        out[n++] = upper(s[i]) ? (char)(s[i] - 'A' + 'a') : s[i];
    }
    out[n] = '\0';
    return 0;
}

static void to_upper(char *s)
{
    for (; *s; s++)
        if (*s >= 'a' && *s <= 'z')
            *s = (char)(*s - 'a' + 'A');
}

/* A field's name in C: a keyword gets a final underscore. */
static const char *member(const char *name, char out[GEN_NAME_MAX])
{
    static const char *const keywords[] = {
        "auto",    "break",  "case",     "char",   "const",    "continue", "default",
        "do",      "double", "else",     "enum",   "extern",   "float",    "for",
        "goto",    "if",     "inline",   "int",    "long",     "register", "restrict",
        "return",  "short",  "signed",   "sizeof", "static",   "struct",   "switch",
        "typedef", "union",  "unsigned", "void",   "volatile", "while",    "bool",
    };
    bool keyword = false;

    for (size_t i = 0; i < sizeof(keywords) / sizeof(*keywords); i++)
        keyword = keyword || strcmp(name, keywords[i]) == 0;
    snprintf(out, GEN_NAME_MAX, "%s%s", name, keyword ? "_" : "");
    return out;
}

static size_t characters(const char *s, size_t len)
{
    size_t n = 0;

    for (size_t i = 0; i < len; i++)
        n += ((unsigned char)s[i] & 0xc0) != 0x80;
    return n;
}

/* A comment, wrapped. An end of comment inside the text is broken by a blank. */
static int comment(struct relais_buf *out, const char *indent, const char *doc)
{
    size_t column = strlen(indent) + 2;
    int rc;

    if (!doc || !doc[0])
        return 0;
    rc = relais_buf_printf(out, "%s/*", indent);
    while (*doc && rc == 0) {
        size_t len = strcspn(doc, " \t\r\n"), width = characters(doc, len);

        if (len && column + 1 + width > LINE_MAX_LEN) {
            rc = relais_buf_printf(out, "\n%s *", indent);
            column = strlen(indent) + 2;
        }
        if (len && rc == 0)
            rc = relais_buf_add_char(out, ' ');
        for (size_t i = 0; i < len && rc == 0; i++) {
            bool marks = i + 1 < len && ((doc[i] == '*' && doc[i + 1] == '/') ||
                                         (doc[i] == '/' && doc[i + 1] == '*'));

            rc = relais_buf_printf(out, marks ? "%c " : "%c", doc[i]);
        }
        column += len ? width + 1 : 0;
        doc += len;
        doc += strspn(doc, " \t\r\n");
    }
    return rc ? -1 : relais_buf_add_str(out, " */\n");
}

static int declare(struct relais_buf *out, const struct relais_avro_type *type,
                   const char *name, const char *indent);

/* [null, T] that is neither slice nor pointer. */
static int declare_optional(struct relais_buf *out, const struct relais_avro_type *type,
                            const char *name, const char *indent)
{
    char deeper[32];

    snprintf(deeper, sizeof(deeper), "%s    ", indent);
    if (relais_buf_printf(out, "%sstruct {\n%sbool set;\n", indent, deeper) ||
        declare(out, type->branches[1 - type->null_branch], "value", deeper))
        return -1;
    return relais_buf_printf(out, "%s} %s;\n", indent, name);
}

static int declare(struct relais_buf *out, const struct relais_avro_type *type,
                   const char *name, const char *indent)
{
    static const char *const names[] = {
        [RELAIS_AVRO_BOOLEAN] = "bool",
        [RELAIS_AVRO_INT] = "int32_t",
        [RELAIS_AVRO_LONG] = "int64_t",
        [RELAIS_AVRO_FLOAT] = "float",
        [RELAIS_AVRO_DOUBLE] = "double",
        [RELAIS_AVRO_BYTES] = "struct relais_slice",
        [RELAIS_AVRO_STRING] = "struct relais_slice",
        [RELAIS_AVRO_ENUM] = "int32_t",
        [RELAIS_AVRO_ARRAY] = "struct relais_array",
        [RELAIS_AVRO_MAP] = "struct relais_array",
        [RELAIS_AVRO_UNION] = "struct relais_avro_union",
    };
    char snake[GEN_NAME_MAX];
    const struct relais_avro_type *value;

    switch (type->kind) {
    case RELAIS_AVRO_NULL:
        return 0;
    case RELAIS_AVRO_FIXED:
        return type->count == 0 ? 0
                                : relais_buf_printf(out, "%sunsigned char %s[%u];\n",
                                                    indent, name, type->count);
    case RELAIS_AVRO_RECORD:
        if (gen_snake(type->name, snake))
            return -1;
        return relais_buf_printf(out, "%s%sstruct %s %s%s;\n", indent,
                                 type->by_pointer ? "const " : "", snake,
                                 type->by_pointer ? "*" : "", name);
    case RELAIS_AVRO_UNION:
        if (type->null_branch < 0)
            break;
        value = type->branches[1 - type->null_branch];
        if (value->kind == RELAIS_AVRO_BYTES || value->kind == RELAIS_AVRO_STRING ||
            value->by_pointer)
            return declare(out, value, name, indent);
        return declare_optional(out, type, name, indent);
    default:
        break;
    }
    return relais_buf_printf(out, "%s%s %s;\n", indent, names[type->kind], name);
}

/* What the declaration alone does not tell. */
static int hint(struct relais_buf *out, const struct relais_avro_type *type)
{
    char snake[GEN_NAME_MAX];
    const char *what;

    if (type->kind == RELAIS_AVRO_UNION && type->null_branch >= 0)
        type = type->branches[1 - type->null_branch];
    what = type->kind == RELAIS_AVRO_MAP ? "table de" : "liste de";
    if (type->kind == RELAIS_AVRO_ENUM) {
        if (gen_snake(type->name, snake))
            return -1;
        return relais_buf_printf(out, "    /* enum %s */\n", snake);
    }
    if (type->kind != RELAIS_AVRO_ARRAY && type->kind != RELAIS_AVRO_MAP)
        return 0;
    if (!type->item->name)
        return relais_buf_printf(
            out, "    /* %s %s */\n", what,
            type->item->kind == RELAIS_AVRO_STRING ? "struct relais_slice" : "valeurs");
    if (gen_snake(type->item->name, snake))
        return -1;
    return relais_buf_printf(out, "    /* %s %s %s%s */\n", what,
                             type->item->kind == RELAIS_AVRO_ENUM ? "enum" : "struct",
                             snake, type->item->by_pointer ? " *" : "");
}

static bool has_member(const struct relais_avro_type *type) { return type->size != 0; }

static int include(struct relais_buf *out, const struct relais_avro_type *type,
                   const char *self)
{
    char snake[GEN_NAME_MAX], line[GEN_NAME_MAX + 32];

    if (type->kind == RELAIS_AVRO_UNION) {
        for (uint32_t i = 0; i < type->count; i++)
            if (include(out, type->branches[i], self))
                return -1;
        return 0;
    }
    if (type->kind == RELAIS_AVRO_ARRAY || type->kind == RELAIS_AVRO_MAP)
        return include(out, type->item, self);
    if (type->kind != RELAIS_AVRO_ENUM && type->kind != RELAIS_AVRO_RECORD)
        return 0;
    if (gen_snake(type->name, snake))
        return -1;
    if (strcmp(snake, self) == 0)
        return 0;
    if (type->by_pointer)
        snprintf(line, sizeof(line), "struct %s;\n", snake);
    else
        snprintf(line, sizeof(line), "#include \"contracts/%s.h\"\n", snake);
    return out->len && strstr(out->data, line) ? 0 : relais_buf_add_str(out, line);
}

static int asserts(const struct relais_avro_type *type, const char *snake,
                   struct relais_buf *out)
{
    char name[GEN_NAME_MAX];

    if (relais_buf_printf(out,
                          "\n_Static_assert(sizeof(struct %s) == %u,\n"
                          "               \"%s: taille\");\n",
                          snake, type->size, snake))
        return -1;
    for (uint32_t i = 0; i < type->count; i++)
        if (has_member(type->fields[i].type) &&
            relais_buf_printf(out,
                              "_Static_assert(offsetof(struct %s, %s) == %u,\n"
                              "               \"%s.%s: place\");\n",
                              snake, member(type->fields[i].name, name),
                              type->fields[i].offset, snake, name))
            return -1;
    return 0;
}

static int body_record(const struct relais_avro_type *type, const char *snake,
                       struct relais_buf *out)
{
    char name[GEN_NAME_MAX];
    bool empty = true;

    for (uint32_t i = 0; i < type->count; i++)
        if (include(out, type->fields[i].type, snake))
            return -1;
    if (relais_buf_add_str(out, "\n") || comment(out, "", type->doc) ||
        relais_buf_printf(out, "struct %s {\n", snake))
        return -1;
    for (uint32_t i = 0; i < type->count; i++) {
        const struct relais_avro_field *field = &type->fields[i];

        if (!has_member(field->type))
            continue;
        empty = false;
        if (comment(out, "    ", field->doc) || hint(out, field->type) ||
            declare(out, field->type, member(field->name, name), "    "))
            return -1;
    }
    if (empty && relais_buf_add_str(out, "    char vide;\n"))
        return -1;
    return relais_buf_add_str(out, "};\n") || asserts(type, snake, out) ? -1 : 0;
}

static int body_enum(const struct relais_avro_type *type, const char *snake,
                     struct relais_buf *out)
{
    char prefix[GEN_NAME_MAX];

    snprintf(prefix, sizeof(prefix), "%s", snake);
    to_upper(prefix);
    if (relais_buf_add_str(out, "\n") || comment(out, "", type->doc) ||
        relais_buf_printf(out, "enum %s {\n", snake))
        return -1;
    for (uint32_t i = 0; i < type->count; i++) {
        char symbol[GEN_NAME_MAX];

        snprintf(symbol, sizeof(symbol), "%s", type->symbols[i]);
        to_upper(symbol);
        if (relais_buf_printf(out, "    %s_%s = %u,\n", prefix, symbol, i))
            return -1;
    }
    if (type->count == 0 && relais_buf_printf(out, "    %s_VIDE = 0,\n", prefix))
        return -1;
    return relais_buf_add_str(out, "};\n");
}

int gen_header(const struct relais_avro_type *type, struct relais_buf *out)
{
    char snake[GEN_NAME_MAX], guard[GEN_NAME_MAX];
    int rc;

    if (gen_snake(type->name, snake))
        return -1;
    snprintf(guard, sizeof(guard), "%s", snake);
    to_upper(guard);
    if (relais_buf_printf(out,
                          "/* Made by relais-gen from %s: edit the .avsc. */\n"
                          "#ifndef RELAIS_CONTRACTS_%s_H\n"
                          "#define RELAIS_CONTRACTS_%s_H\n\n"
                          "#include <stddef.h>\n"
                          "#include \"schemas/avro.h\"\n",
                          type->name, guard, guard))
        return -1;
    rc = type->kind == RELAIS_AVRO_ENUM ? body_enum(type, snake, out)
                                        : body_record(type, snake, out);
    return rc ? -1 : relais_buf_add_str(out, "\n#endif\n");
}

static int sign(const struct relais_value *v, bool top, struct relais_buf *out)
{
    struct relais_slice type = relais_value_text(v, "type");
    const struct relais_value *item;

    if (v->kind != RELAIS_VALUE_RECORD && v->kind != RELAIS_VALUE_ARRAY)
        return relais_value_print(v, out);
    if (!top && v->kind == RELAIS_VALUE_RECORD && type.ptr &&
        (relais_slice_is(type, "record") || relais_slice_is(type, "enum") ||
         relais_slice_is(type, "fixed")))
        return relais_json_string(out, relais_value_text(v, "name"));
    if (relais_buf_add_char(out, v->kind == RELAIS_VALUE_RECORD ? '{' : '['))
        return -1;
    for (item = v->child; item; item = item->next) {
        if (item->name && (relais_json_string(out, relais_slice_str(item->name)) ||
                           relais_buf_add_char(out, ':')))
            return -1;
        if (sign(item, false, out) || (item->next && relais_buf_add_char(out, ',')))
            return -1;
    }
    return relais_buf_add_char(out, v->kind == RELAIS_VALUE_RECORD ? '}' : ']');
}

int gen_signature(const struct relais_avro_type *type, struct relais_buf *out)
{
    return sign(type->source, true, out);
}
