#include "connectors/pg_writing_form.h"

#include "connectors/json_form.h"
#include "connectors/pg_writing_bind.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define DEPTH_MAX   16
#define PREFIX_MAX  160
#define ARENA_BYTES (16u << 20)

int pg_writing_wrong(const struct pg_writing_form *f, const struct pg_written_node *node,
                     const char *place, const char *name, enum relais_code code,
                     struct relais_error *err, const char *fmt, ...)
{
    char where[PREFIX_MAX], text[192];
    va_list args;

    snprintf(where, sizeof(where), "%.40s: %.24s%s%.24s%s%.48s", f->file,
             node ? node->name : "", node && *place ? "." : "", place,
             (node || *place) && *name ? "." : "", name);
    va_start(args, fmt);
    vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    return relais_error_set(err, code, where, "%s", text);
}

/* What is being read: for errors. */
struct place {
    struct pg_writing_form *f;
    struct pg_written_node *node;
    const char *member, *name;
    struct relais_error *err;
};

static int wrong(const struct place *p, const char *text)
{
    return pg_writing_wrong(p->f, p->node, p->member, p->name, RELAIS_E_CONF_VALUE,
                            p->err, "%s", text);
}

static int members(const struct place *p, const struct relais_value *v,
                   const char *const *known)
{
    const char *unknown = json_form_unknown(v, known);

    return unknown
               ? pg_writing_wrong(p->f, p->node, p->member, p->name, RELAIS_E_CONF_VALUE,
                                  p->err, "unknown member %.60s", unknown)
               : 0;
}

/* ---- values ---- */

static bool is_scalar(const struct relais_value *v)
{
    return v->kind != RELAIS_VALUE_ARRAY && v->kind != RELAIS_VALUE_RECORD;
}

/* "a.b", "../a", "/a", "@a", "." */
static bool is_path(const char *path)
{
    if (strcmp(path, ".") == 0)
        return true;
    while (strncmp(path, "../", 3) == 0)
        path += 3;
    path += *path == '/' || *path == '@';
    for (bool begun = false;; path++) {
        if (!*path || *path == '.') {
            if (!begun)
                return false;
            if (!*path)
                return true;
            begun = false;
        } else if (strchr("/@$ ", *path)) {
            return false;
        } else {
            begun = true;
        }
    }
}

static int read_path(const struct place *p, const struct relais_value *v,
                     struct pg_written_value *out)
{
    if (v->kind != RELAIS_VALUE_STRING || !is_path(v->text.ptr))
        return wrong(p, "a path is expected: field.field, ../field, /field, @field or .");
    if (out->path_count == PG_WRITTEN_PATHS_MAX)
        return wrong(p, "too many paths");
    out->paths[out->path_count++] = v->text.ptr;
    return 0;
}

bool pg_writing_within(const struct pg_writing_form *f, size_t node, size_t outer)
{
    while (node != outer && node != SIZE_MAX)
        node = f->nodes[node].parent;
    return node == outer;
}

/* The row of an outer table, or of an earlier one beside an outer one that has one row.
 */
static int read_row(const struct place *p, const char *name, struct pg_written_value *out)
{
    const struct pg_writing_form *f = p->f;
    size_t node = (size_t)(p->node - f->nodes);

    out->kind = PG_WRITTEN_ROW;
    for (size_t i = 0; p->node && i < node; i++) {
        if (strcmp(f->nodes[i].name, name) != 0)
            continue;
        if (!pg_writing_within(f, node, i) &&
            (f->nodes[i].each || !pg_writing_within(f, node, f->nodes[i].parent)))
            break;
        out->row = i;
        return 0;
    }
    return pg_writing_wrong(f, p->node, p->member, p->name, RELAIS_E_CONF_VALUE, p->err,
                            "$%.40s names no row of an outer or earlier table", name);
}

static int read_codes(const struct place *p, const struct relais_value *codes)
{
    if (codes->kind != RELAIS_VALUE_RECORD || !codes->count)
        return wrong(p, "\"$codes\" is {text: constant}");
    for (const struct relais_value *c = codes->child; c; c = c->next)
        if (!is_scalar(c))
            return wrong(p, "\"$codes\" is {text: constant}");
    return 0;
}

static int read_as(const struct place *p, const struct relais_value *v,
                   struct pg_written_value *out)
{
    static const struct {
        const char *name;
        enum pg_written_as as;
    } forms[] = {{"euros", PG_WRITTEN_EUROS},
                 {"01", PG_WRITTEN_01},
                 {"on", PG_WRITTEN_ON},
                 {"json", PG_WRITTEN_JSON}};

    for (size_t i = 0; v->kind == RELAIS_VALUE_STRING && i < 4; i++)
        if (strcmp(forms[i].name, v->text.ptr) == 0) {
            out->as = forms[i].as;
            return 0;
        }
    return wrong(p, "\"$as\" is euros, 01, on or json");
}

static int read_object(const struct place *p, const struct relais_value *v,
                       struct pg_written_value *out)
{
    static const char *const known[] = {"$path", "$first", "$codes",
                                        "$as",   "$null",  NULL};
    const struct relais_value *path = relais_value_get(v, "$path");
    const struct relais_value *first = relais_value_get(v, "$first");
    const struct relais_value *codes = relais_value_get(v, "$codes");
    const struct relais_value *as = relais_value_get(v, "$as");
    const struct relais_value *null = relais_value_get(v, "$null");

    out->kind = PG_WRITTEN_PATH;
    if (members(p, v, known))
        return -1;
    if (!path && !first)
        return wrong(p, "\"$value\", \"$path\" or \"$first\" is missing");
    if (first && first->kind != RELAIS_VALUE_ARRAY)
        return wrong(p, "\"$first\" is a list of paths");
    for (const struct relais_value *one = first ? first->child : path; one;
         one = first ? one->next : NULL)
        if (read_path(p, one, out))
            return -1;
    if (!out->path_count)
        return wrong(p, "\"$first\" is a list of paths");
    if (first && path) {
        if (path->kind != RELAIS_VALUE_STRING || !is_path(path->text.ptr) ||
            strchr("/@.", path->text.ptr[0]))
            return wrong(p, "\"$path\" beside \"$first\" is a path inside of it");
        out->inside = path->text.ptr;
    }
    if (null && (null->kind != RELAIS_VALUE_STRING || strcmp(null->text.ptr, "keep")))
        return wrong(p, "\"$null\" is keep");
    out->keep = null != NULL;
    out->codes = codes;
    if ((codes && read_codes(p, codes)) || (as && read_as(p, as, out)))
        return -1;
    return codes && as ? wrong(p, "\"$codes\" or \"$as\", not both") : 0;
}

static int read_value(const struct place *p, const struct relais_value *v,
                      struct pg_written_value *out)
{
    if (v->kind == RELAIS_VALUE_STRING && v->text.ptr[0] == '$')
        return read_row(p, v->text.ptr + 1, out);
    if (v->kind == RELAIS_VALUE_STRING) {
        out->kind = PG_WRITTEN_PATH;
        return read_path(p, v, out);
    }
    if (v->kind != RELAIS_VALUE_RECORD)
        return wrong(p, "neither a path nor {\"$value\": constant}");
    out->constant = relais_value_get(v, "$value");
    if (!out->constant)
        return read_object(p, v, out);
    out->kind = PG_WRITTEN_CONSTANT;
    if (v->count != 1 || !is_scalar(out->constant))
        return wrong(p, "\"$value\" is one text, number, boolean or null");
    return 0;
}

/* ---- tables ---- */

static int read_columns(struct place *p, const struct relais_value *v, bool insert_only)
{
    struct pg_written_node *node = p->node;

    p->member = insert_only ? "insert" : "set";
    p->name = "";
    if (v && v->kind != RELAIS_VALUE_RECORD)
        return wrong(p, "is {column: value}");
    for (const struct relais_value *c = v ? v->child : NULL; c; c = c->next) {
        struct pg_written_column *column = &node->columns[node->column_count];

        p->name = c->name;
        for (size_t i = 0; i < node->column_count; i++)
            if (strcmp(node->columns[i].name, c->name) == 0)
                return wrong(p, "a column is named in \"set\" or in \"insert\", once");
        if (node->column_count == PG_WRITTEN_COLUMNS_MAX)
            return wrong(p, "too many columns");
        column->name = c->name;
        column->insert_only = insert_only;
        if (read_value(p, c, &column->value))
            return -1;
        node->column_count++;
    }
    return 0;
}

static int read_part(struct place *p, const struct relais_value *v,
                     struct pg_written_key *key)
{
    static const char *const known[] = {"column", "length", "null", NULL};
    struct pg_written_part *part = &key->parts[key->part_count];
    const struct relais_value *length, *null;
    struct pg_written_node *node = p->node;
    const char *name;

    if (key->part_count == PG_WRITTEN_PARTS_MAX)
        return wrong(p, "too many columns");
    if (v->kind == RELAIS_VALUE_RECORD) {
        if (members(p, v, known))
            return -1;
        length = relais_value_get(v, "length");
        null = relais_value_get(v, "null");
        if ((length && (length->kind != RELAIS_VALUE_LONG || length->number < 1 ||
                        length->number > 1000)) ||
            (null && null->kind != RELAIS_VALUE_BOOL))
            return wrong(p, "\"length\" is 1 to 1000, \"null\" true or false");
        part->length = length ? (size_t)length->number : 0;
        part->nullable = null && null->boolean;
        name = json_form_text(v, "column");
    } else {
        name = v->kind == RELAIS_VALUE_STRING ? v->text.ptr : NULL;
    }
    for (part->column = 0; name && part->column < node->column_count; part->column++)
        if (strcmp(node->columns[part->column].name, name) == 0) {
            if (part->length)
                node->columns[part->column].length = part->length;
            key->part_count++;
            return 0;
        }
    return pg_writing_wrong(p->f, node, p->member, p->name, RELAIS_E_CONF_VALUE, p->err,
                            "%.60s is no column of \"set\" or \"insert\"",
                            name ? name : "what stands there");
}

static int read_through(struct place *p, const struct relais_value *v,
                        struct pg_written_key *key)
{
    static const char *const known[] = {"through", "column", "where", NULL};
    const struct relais_value *where = relais_value_get(v, "where");

    key->through = json_form_text(v, "through");
    key->through_column = json_form_text(v, "column");
    if (members(p, v, known))
        return -1;
    if (!key->through || !key->through_column || !where ||
        where->kind != RELAIS_VALUE_RECORD || !where->count ||
        where->count > PG_WRITTEN_PARTS_MAX)
        return wrong(p, "{\"through\": table, \"column\": column, \"where\": {column: "
                        "value}} is expected");
    key->through_where =
        relais_arena_zalloc(&p->f->arena, where->count * sizeof(*key->through_where));
    if (!key->through_where)
        return wrong(p, "too large a file");
    for (const struct relais_value *c = where->child; c; c = c->next) {
        key->through_where[key->through_count].name = c->name;
        if (read_value(p, c, &key->through_where[key->through_count++].value))
            return -1;
    }
    return 0;
}

static int read_parts(struct place *p, const struct relais_value *list,
                      struct pg_written_key *key)
{
    if (!list || list->kind != RELAIS_VALUE_ARRAY || !list->count)
        return wrong(p, "a key is a list of columns");
    for (const struct relais_value *c = list->child; c; c = c->next)
        if (read_part(p, c, key))
            return -1;
    return 0;
}

/* {"columns": [...], "agree": [...]} */
static int read_agreeing(struct place *p, const struct relais_value *v,
                         struct pg_written_key *key)
{
    static const char *const known[] = {"columns", "agree", NULL};
    struct pg_written_key others = {.part_count = 0};

    if (members(p, v, known) || read_parts(p, relais_value_get(v, "columns"), key) ||
        read_parts(p, relais_value_get(v, "agree"), &others))
        return -1;
    for (; key->agree_count < others.part_count; key->agree_count++)
        key->agree[key->agree_count] = others.parts[key->agree_count].column;
    return 0;
}

static int read_key(struct place *p, const struct relais_value *v,
                    struct pg_written_key *key)
{
    if (v->kind != RELAIS_VALUE_RECORD)
        return read_parts(p, v, key);
    return relais_value_get(v, "columns") ? read_agreeing(p, v, key)
                                          : read_through(p, v, key);
}

static int read_keys(struct place *p, const struct relais_value *find)
{
    struct pg_written_node *node = p->node;

    p->member = "find";
    p->name = "";
    if (!find || find->kind != RELAIS_VALUE_ARRAY)
        return wrong(p, "a list of keys is expected ([]: every event makes a row)");
    for (const struct relais_value *k = find->child; k; k = k->next) {
        if (node->key_count == PG_WRITTEN_KEYS_MAX)
            return wrong(p, "too many keys");
        if (read_key(p, k, &node->keys[node->key_count++]))
            return -1;
    }
    return 0;
}

static int read_condition(struct place *p, const char *member,
                          const struct relais_value *v, const struct relais_value **out)
{
    *out = v;
    p->member = member;
    p->name = "";
    if (v && v->kind != RELAIS_VALUE_RECORD)
        return wrong(p, "is {path: constant}");
    for (const struct relais_value *c = v ? v->child : NULL; c; c = c->next) {
        const struct relais_value *null =
            c->kind == RELAIS_VALUE_RECORD ? relais_value_get(c, "$null") : NULL;

        p->name = c->name;
        if (!is_path(c->name))
            return wrong(p, "a path is expected");
        if (null && c->count == 1 && null->kind == RELAIS_VALUE_BOOL)
            continue;
        if (c->kind == RELAIS_VALUE_RECORD)
            return wrong(p,
                         "a constant, a list of them or {\"$null\": true} is expected");
        for (const struct relais_value *one = c->child; one; one = one->next)
            if (!is_scalar(one))
                return wrong(p, "a list of constants is expected");
    }
    return 0;
}

/* One of the words, or the first where it is absent. -1: another. */
static int read_word(struct place *p, const struct relais_value *v, const char *member,
                     const char *const *words)
{
    const struct relais_value *word = relais_value_get(v, member);

    p->member = member;
    p->name = "";
    if (!word)
        return 0;
    for (int i = 0; word->kind == RELAIS_VALUE_STRING && words[i]; i++)
        if (strcmp(words[i], word->text.ptr) == 0)
            return i;
    return pg_writing_wrong(p->f, p->node, member, "", RELAIS_E_CONF_VALUE, p->err,
                            "is %s, %s%s%s", words[0], words[1], words[2] ? ", " : "",
                            words[2] ? words[2] : "");
}

static int check_missing(struct place *p)
{
    const struct pg_written_node *node = p->node;

    p->member = "missing";
    p->name = "";
    if (node->missing == PG_MISSING_KEEP)
        return 0;
    if (!node->key_count)
        return wrong(p, "rows that are never found again cannot be missing");
    if (node->missing == PG_MISSING_DELETE)
        return 0;
    for (size_t i = 0; i < node->keys[0].part_count; i++) {
        const struct pg_written_value *v =
            &node->columns[node->keys[0].parts[i].column].value;

        if (v->kind == PG_WRITTEN_ROW && v->row == node->parent)
            return 0;
    }
    return wrong(p, "delete_any needs the row around it in the first key");
}

static int read_tables(struct pg_writing_form *f, const struct relais_value *tables,
                       size_t parent, int depth, struct relais_error *err);

static int read_name(struct place *p, const struct relais_value *v)
{
    struct pg_written_node *node = p->node;

    node->name = json_form_text(v, "name");
    node->table = json_form_text(v, "table");
    node->id = json_form_text(v, "id");
    node->each = json_form_text(v, "each");
    if (!node->name || !*node->name) {
        node->name = "tables";
        return wrong(p, "\"name\" is missing");
    }
    for (const struct pg_written_node *other = p->f->nodes; other < node; other++)
        if (strcmp(other->name, node->name) == 0)
            return wrong(p, "a name is given once");
    if (!node->table || !strchr(node->table, '.'))
        return wrong(p, "\"table\" is schema.table");
    if (!node->id)
        node->id = "id";
    p->member = "each";
    if (relais_value_get(v, "each") && (!node->each || !is_path(node->each)))
        return wrong(p, "a path is expected");
    return 0;
}

static int read_table(struct pg_writing_form *f, const struct relais_value *v,
                      size_t parent, int depth, struct relais_error *err)
{
    static const char *const known[] = {
        "name",    "table", "id",           "find",   "several", "set", "insert",
        "missing", "where", "insert_where", "tables", "each",    NULL};
    static const char *const several[] = {"first", "park", NULL};
    static const char *const missing[] = {"keep", "delete", "delete_any", NULL};
    struct place p = {f, NULL, "tables", "", err};
    size_t node = f->node_count;
    int word;

    if (v->kind != RELAIS_VALUE_RECORD)
        return wrong(&p, "a table is an object");
    if (node == PG_WRITTEN_NODES_MAX)
        return wrong(&p, "too many tables");
    p.node = &f->nodes[f->node_count++];
    p.node->parent = parent;
    p.member = "";
    if (read_name(&p, v))
        return -1;
    p.member = "";
    if (members(&p, v, known))
        return -1;
    word = read_word(&p, v, "several", several);
    if (word < 0)
        return -1;
    p.node->park_several = word == 1;
    word = read_word(&p, v, "missing", missing);
    if (word < 0)
        return -1;
    p.node->missing = (enum pg_written_missing)word;
    if (read_columns(&p, relais_value_get(v, "set"), false) ||
        read_columns(&p, relais_value_get(v, "insert"), true) ||
        read_keys(&p, relais_value_get(v, "find")) || check_missing(&p) ||
        read_condition(&p, "where", relais_value_get(v, "where"), &p.node->where) ||
        read_condition(&p, "insert_where", relais_value_get(v, "insert_where"),
                       &p.node->insert_where))
        return -1;
    v = relais_value_get(v, "tables");
    return v ? read_tables(f, v, node, depth + 1, err) : 0;
}

static int read_tables(struct pg_writing_form *f, const struct relais_value *tables,
                       size_t parent, int depth, struct relais_error *err)
{
    struct place p = {f, parent == SIZE_MAX ? NULL : &f->nodes[parent], "tables", "",
                      err};

    if (!tables || tables->kind != RELAIS_VALUE_ARRAY || !tables->count)
        return wrong(&p, "a list of tables is expected");
    if (depth > DEPTH_MAX)
        return wrong(&p, "too deep");
    for (const struct relais_value *v = tables->child; v; v = v->next)
        if (read_table(f, v, parent, depth, err))
            return -1;
    return 0;
}

static int read_whole(struct pg_writing_form *f, const struct relais_value *v,
                      struct relais_error *err)
{
    static const char *const known[] = {"contract", "object", "tables", NULL};
    struct place p = {f, NULL, "", "", err};
    const struct relais_value *object;

    if (v->kind != RELAIS_VALUE_RECORD)
        return wrong(&p, "not an object");
    if (members(&p, v, known))
        return -1;
    f->contract = json_form_text(v, "contract");
    p.member = "contract";
    if (!f->contract)
        return wrong(&p, "the name of a message is expected");
    object = relais_value_get(v, "object");
    p.member = "object";
    if (!object)
        return wrong(&p, "a path is expected, such as @dossier");
    f->object.kind = PG_WRITTEN_PATH;
    return read_path(&p, object, &f->object) ||
                   read_tables(f, relais_value_get(v, "tables"), SIZE_MAX, 0, err)
               ? -1
               : 0;
}

static struct pg_writing_form *read_from(const char *path, struct relais_slice json,
                                         struct relais_error *err)
{
    struct pg_writing_form *f = relais_zalloc(sizeof(*f));
    const char *slash = path ? strrchr(path, '/') : NULL;
    const struct relais_value *v;

    f->arena = (struct relais_arena)RELAIS_ARENA_INIT(ARENA_BYTES);
    f->file = relais_strdup(slash ? slash + 1 : path ? path : "mapping");
    f->nodes = relais_zalloc(PG_WRITTEN_NODES_MAX * sizeof(*f->nodes));
    v = path ? json_form_load(path, &f->arena, f->file, err)
             : json_form_parse(json, &f->arena, f->file, err);
    if (v && read_whole(f, v, err) == 0)
        return f;
    pg_writing_form_free(f);
    return NULL;
}

struct pg_writing_form *pg_writing_load(const char *path, struct relais_error *err)
{
    return read_from(path, RELAIS_SLICE_NULL, err);
}

struct pg_writing_form *pg_writing_parse(struct relais_slice json,
                                         struct relais_error *err)
{
    return read_from(NULL, json, err);
}

void pg_writing_form_free(struct pg_writing_form *f)
{
    if (!f)
        return;
    pg_writing_unbind(f);
    relais_arena_release(&f->arena);
    free(f->nodes);
    free(f->file);
    free(f);
}

bool pg_writing_is_of(const struct pg_writing_form *f, const char *contract)
{
    const char *dot = strrchr(contract, '.');

    return strcmp(f->contract, contract) == 0 ||
           (dot && strcmp(f->contract, dot + 1) == 0);
}
