#include "connectors/pg_writing_check.h"

#include "connectors/pg_column.h"
#include "connectors/pg_writing_path.h"

#include <stdio.h>

struct check {
    const struct pg_writing_form *f;
    const struct relais_value *open, *closed; /* the event */
    struct relais_error *err;
    /* of each node the element its paths begin at */
    struct pg_element open_at[PG_WRITTEN_NODES_MAX], closed_at[PG_WRITTEN_NODES_MAX];
    struct pg_element open_root, closed_root;
};

struct place {
    const struct pg_written_node *node;
    const char *member, *name;
};

static const struct pg_element *element(const struct check *k, size_t node, bool open)
{
    if (node == SIZE_MAX)
        return open ? &k->open_root : &k->closed_root;
    return open ? &k->open_at[node] : &k->closed_at[node];
}

static int wrong(const struct check *k, const struct place *p, const char *text,
                 const char *path)
{
    return pg_writing_wrong(k->f, p->node, p->member, p->name, RELAIS_E_CONF_VALUE,
                            k->err, "%s: %.60s", text, path);
}

/* The field of a path. *out NULL: inside of a protected record, or of no kind. */
static int look(const struct check *k, const struct place *p, size_t at, const char *path,
                const struct relais_value **out)
{
    const struct relais_value *v = pg_writing_at(k->closed, element(k, at, false), path);

    *out = NULL;
    if (!v)
        return wrong(k, p, "no such field in the message", path);
    if (v->kind == RELAIS_VALUE_BYTES)
        v = pg_writing_at(k->open, element(k, at, true), path);
    *out = v && v->kind != RELAIS_VALUE_NULL ? v : NULL;
    return 0;
}

static int look_inside(const struct check *k, const struct place *p, const char *path,
                       const struct relais_value **v)
{
    struct pg_element inside = {*v, NULL};

    if (!*v || (*v)->kind != RELAIS_VALUE_RECORD || !(*v)->count) {
        *v = NULL;
        return 0;
    }
    *v = pg_writing_at(k->open, &inside, path);
    return *v ? 0 : wrong(k, p, "no such field in the message", path);
}

static int check_type(const struct check *k, const struct place *p,
                      const struct pg_written_column *column,
                      const struct relais_value *v)
{
    static const enum relais_value_kind kinds[] = {[PG_WRITTEN_EUROS] = RELAIS_VALUE_LONG,
                                                   [PG_WRITTEN_01] = RELAIS_VALUE_BOOL,
                                                   [PG_WRITTEN_ON] = RELAIS_VALUE_BOOL};
    enum pg_written_as as = column->value.as;
    struct pg_target_column target = {.category = column->category};

    if (as == PG_WRITTEN_JSON)
        return 0;
    if (v->kind == RELAIS_VALUE_ARRAY || v->kind == RELAIS_VALUE_RECORD)
        return wrong(k, p, "a list or a record, no value of a column",
                     column->value.paths[0]);
    if (as != PG_WRITTEN_PLAIN)
        return v->kind == kinds[as]
                   ? 0
                   : wrong(k, p, "\"$as\" is not for this field", column->value.paths[0]);
    snprintf(target.type, sizeof(target.type), "%s", column->base);
    /* texts of digits go into numbers; symbols of an enum and uuids are none */
    if (column->value.codes || pg_column_takes(&target, v) ||
        (v->kind == RELAIS_VALUE_STRING && column->category == 'N' && !v->child &&
         !v->text.len))
        return 0;
    return pg_writing_wrong(k->f, p->node, p->member, p->name, RELAIS_E_PG_SCHEMA, k->err,
                            "the column's type is %.40s, its field's %s", column->type,
                            pg_column_wanted(v));
}

static int check_value(const struct check *k, const struct place *p, size_t at,
                       const struct pg_written_column *column)
{
    const struct pg_written_value *value = &column->value;
    const struct relais_value *v;

    for (size_t i = 0; i < value->path_count; i++)
        if (look(k, p, at, value->paths[i], &v) ||
            (value->inside && look_inside(k, p, value->inside, &v)) ||
            (v && check_type(k, p, column, v)))
            return -1;
    return 0;
}

static int check_condition(const struct check *k, struct place *p, size_t at,
                           const struct relais_value *conditions)
{
    const struct relais_value *v;

    for (const struct relais_value *c = conditions ? conditions->child : NULL; c;
         c = c->next) {
        p->name = c->name;
        if (look(k, p, at, c->name, &v))
            return -1;
    }
    return 0;
}

/* Where the node's own paths begin. */
static int enter(struct check *k, size_t n)
{
    const struct pg_written_node *node = &k->f->nodes[n];
    struct place p = {node, "each", ""};
    const struct relais_value *v;

    k->open_at[n] = *element(k, node->parent, true);
    k->closed_at[n] = *element(k, node->parent, false);
    if (!node->each)
        return 0;
    if (look(k, &p, node->parent, node->each, &v))
        return -1;
    if (!v || v->kind != RELAIS_VALUE_ARRAY)
        return wrong(k, &p, "not a list", node->each);
    k->closed_at[n].value =
        pg_writing_at(k->closed, element(k, node->parent, false), node->each)->child;
    k->closed_at[n].outer = element(k, node->parent, false);
    v = pg_writing_at(k->open, element(k, node->parent, true), node->each);
    k->open_at[n].value = v->child;
    k->open_at[n].outer = element(k, node->parent, true);
    return 0;
}

static int check_node(struct check *k, size_t n)
{
    const struct pg_written_node *node = &k->f->nodes[n];
    struct place p = {node, "", ""};

    if (enter(k, n))
        return -1;
    for (size_t i = 0; i < node->column_count; i++) {
        p.member = node->columns[i].insert_only ? "insert" : "set";
        p.name = node->columns[i].name;
        if (check_value(k, &p, n, &node->columns[i]))
            return -1;
    }
    for (size_t i = 0; i < node->key_count; i++)
        for (size_t j = 0; j < node->keys[i].through_count; j++) {
            p.member = "find";
            p.name = node->keys[i].through_where[j].name;
            if (check_value(k, &p, n, &node->keys[i].through_where[j]))
                return -1;
        }
    p.member = "where";
    if (check_condition(k, &p, n, node->where))
        return -1;
    p.member = "insert_where";
    return check_condition(k, &p, n, node->insert_where);
}

int pg_writing_check(const struct pg_writing_form *f, const struct relais_value *open,
                     const struct relais_value *closed, struct relais_error *err)
{
    struct check k = {.f = f, .open = open, .closed = closed, .err = err};
    struct place p = {NULL, "object", ""};
    const struct relais_value *v;

    k.open_root.value = open;
    k.closed_root.value = closed;
    if (look(&k, &p, SIZE_MAX, f->object.paths[0], &v))
        return -1;
    for (size_t n = 0; n < f->node_count; n++)
        if (check_node(&k, n))
            return -1;
    return 0;
}
