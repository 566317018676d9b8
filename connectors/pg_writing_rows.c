#include "connectors/pg_writing_rows.h"

#include "connectors/pg_completeness.h"
#include "connectors/pg_writing_path.h"
#include "core/day.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define ROWS_MAX_BYTES (16u << 20) /* one event's */
#define TEXT_MAX_BYTES (4u << 20)  /* one value's */
#define SLOTS_MAX      (PG_WRITTEN_COLUMNS_MAX + PG_WRITTEN_KEYS_MAX * PG_WRITTEN_PARTS_MAX)

enum cell { CELL_NULL, CELL_TEXT, CELL_ROW, CELL_CLOSED, CELL_LEFT };

struct rows {
    const struct pg_writing_form *f;
    const struct relais_value *event;
    struct relais_error *err;
    struct relais_buf *of; /* one a node */
    size_t *count;         /* one a node: its rows so far */
    size_t *current;       /* one a node: the row around what is made now; 0: none */
    bool *closed;          /* one a node: something could not be read */
    struct relais_buf text;
    enum cell cells[SLOTS_MAX];
};

static int too_large(struct rows *w)
{
    return relais_error_set(w->err, RELAIS_E_LIMIT, w->f->file, "too large an event");
}

/* ---- values ---- */

struct spot {
    const struct pg_written_node *node;
    const char *place, *name;
};

static int misfit(struct rows *w, const struct spot *s, enum relais_code code,
                  const char *text)
{
    return pg_writing_wrong(w->f, s->node, s->place, s->name, code, w->err, "%s", text);
}

static int scalar_text(struct relais_buf *out, const struct relais_value *v)
{
    return v->kind == RELAIS_VALUE_STRING
               ? relais_buf_add_slice(out, relais_slice_trim(v->text))
               : relais_value_print_bare(v, out);
}

static int euros(struct relais_buf *out, int64_t centimes)
{
    uint64_t amount = centimes < 0 ? -(uint64_t)centimes : (uint64_t)centimes;

    return relais_buf_printf(out, "%s%" PRIu64 ".%02" PRIu64, centimes < 0 ? "-" : "",
                             amount / 100, amount % 100);
}

/* Into w->text. */
static int value_text(struct rows *w, const struct spot *s, const struct relais_value *v,
                      enum pg_written_as as)
{
    static const char *const words[2][2] = {{"0", "1"}, {"N", "O"}};
    int rc;

    relais_buf_clear(&w->text);
    if (as == PG_WRITTEN_JSON) {
        rc = relais_value_print(v, &w->text);
    } else if (v->kind == RELAIS_VALUE_ARRAY || v->kind == RELAIS_VALUE_RECORD) {
        return misfit(w, s, RELAIS_E_FIELD_TYPE,
                      "a list or a record is no value of a column (\"$as\": \"json\")");
    } else if (as == PG_WRITTEN_EUROS) {
        if (v->kind != RELAIS_VALUE_LONG)
            return misfit(w, s, RELAIS_E_FIELD_TYPE, "not an amount in centimes");
        rc = euros(&w->text, v->number);
    } else if (as == PG_WRITTEN_01 || as == PG_WRITTEN_ON) {
        if (v->kind != RELAIS_VALUE_BOOL)
            return misfit(w, s, RELAIS_E_FIELD_TYPE, "neither true nor false");
        rc = relais_buf_add_str(&w->text, words[as == PG_WRITTEN_ON][v->boolean]);
    } else {
        rc = scalar_text(&w->text, v);
    }
    return rc ? too_large(w) : 0;
}

/* The code of what w->text says, or of all others. */
static const struct relais_value *code_of(const struct rows *w,
                                          const struct relais_value *codes)
{
    const struct relais_value *found = relais_value_get(codes, w->text.data);

    return found ? found : relais_value_get(codes, "*");
}

static const struct relais_value *first_path(struct rows *w, const struct pg_element *at,
                                             const struct pg_written_value *v)
{
    const struct relais_value *found = NULL;

    for (size_t i = 0; i < v->path_count && pg_writing_null(found); i++)
        found = pg_writing_at(w->event, at, v->paths[i]);
    if (v->inside && !pg_writing_null(found)) {
        struct pg_element inside = {found, NULL};

        found = pg_writing_at(w->event, &inside, v->inside);
    }
    return found;
}

/* What the value says; TEXT: in w->text. */
static int evaluate(struct rows *w, const struct pg_element *at, const struct spot *s,
                    const struct pg_written_value *v, enum cell *out)
{
    const struct relais_value *found = v->constant;

    *out = CELL_NULL;
    if (v->kind == PG_WRITTEN_ROW) {
        *out = CELL_ROW;
        return 0;
    }
    if (v->kind == PG_WRITTEN_PATH)
        found = first_path(w, at, v);
    if (found && found->kind == RELAIS_VALUE_BYTES) {
        *out = CELL_CLOSED;
        return 0;
    }
    if (!pg_writing_null(found)) {
        if (value_text(w, s, found, v->as))
            return -1;
        if (v->codes && w->text.len) {
            found = code_of(w, v->codes);
            if (!found)
                return misfit(w, s, RELAIS_E_CODE_UNKNOWN, "not among \"$codes\"");
            if (found->kind == RELAIS_VALUE_NULL)
                relais_buf_clear(&w->text);
            else if (value_text(w, s, found, PG_WRITTEN_PLAIN))
                return -1;
        }
        if (w->text.len)
            *out = CELL_TEXT;
    }
    if (*out == CELL_NULL && v->keep)
        *out = CELL_LEFT;
    return 0;
}

/* ---- conditions ---- */

static bool equals(struct rows *w, const struct relais_value *v,
                   const struct relais_value *constant)
{
    struct relais_buf other = RELAIS_BUF_INIT(TEXT_MAX_BYTES);
    bool same;

    if (pg_writing_null(v) || pg_writing_null(constant))
        return pg_writing_null(v) && pg_writing_null(constant);
    if (v->kind == RELAIS_VALUE_ARRAY || v->kind == RELAIS_VALUE_RECORD ||
        v->kind == RELAIS_VALUE_BYTES)
        return false;
    relais_buf_clear(&w->text);
    same = scalar_text(&w->text, v) == 0 && scalar_text(&other, constant) == 0 &&
           relais_slice_eq(relais_buf_slice(&w->text), relais_buf_slice(&other));
    relais_buf_release(&other);
    return same;
}

static bool holds(struct rows *w, const struct pg_element *at,
                  const struct relais_value *conditions)
{
    for (const struct relais_value *c = conditions ? conditions->child : NULL; c;
         c = c->next) {
        const struct relais_value *v = pg_writing_at(w->event, at, c->name), *one;
        bool any = false;

        if (c->kind == RELAIS_VALUE_RECORD) {
            if (pg_writing_null(v) != relais_value_get(c, "$null")->boolean)
                return false;
            continue;
        }
        if (c->kind != RELAIS_VALUE_ARRAY) {
            if (!equals(w, v, c))
                return false;
            continue;
        }
        for (one = c->child; one && !any; one = one->next)
            any = equals(w, v, one);
        if (!any)
            return false;
    }
    return true;
}

/* ---- a row ---- */

static size_t characters(struct relais_slice s)
{
    size_t n = 0;

    for (size_t i = 0; i < s.len; i++)
        n += (s.ptr[i] & 0xc0) != 0x80;
    return n;
}

static int add_cell(struct rows *w, const struct pg_element *at, const struct spot *s,
                    const struct pg_written_column *column, enum cell *cell,
                    struct relais_buf *out)
{
    int rc;

    if (evaluate(w, at, s, &column->value, cell))
        return -1;
    if (*cell == CELL_TEXT && column->max_chars &&
        characters(relais_buf_slice(&w->text)) > (size_t)column->max_chars)
        return pg_writing_wrong(w->f, s->node, s->place, s->name, RELAIS_E_FIELD_LENGTH,
                                w->err, "longer than the column's %" PRId32 " characters",
                                column->max_chars);
    /* null is no value of such a column: it keeps what it has, or its default */
    if (*cell == CELL_NULL && column->not_null && column->default_sql)
        *cell = CELL_LEFT;
    rc = relais_buf_add_char(out, ',');
    if (rc == 0 && *cell == CELL_TEXT)
        rc = relais_json_string(out, relais_buf_slice(&w->text));
    else if (rc == 0 && *cell == CELL_ROW)
        rc = relais_buf_printf(out, "%zu", w->current[column->value.row]);
    else if (rc == 0)
        rc = relais_buf_add_str(out, *cell == CELL_NULL ? "null" : "false");
    return rc ? too_large(w) : 0;
}

static int add_cells(struct rows *w, const struct pg_element *at,
                     const struct pg_written_node *node, struct relais_buf *out)
{
    size_t slot = 0;

    for (size_t i = 0; i < node->column_count; i++, slot++) {
        const struct pg_written_column *column = &node->columns[i];
        struct spot s = {node, column->insert_only ? "insert" : "set", column->name};

        if (add_cell(w, at, &s, column, &w->cells[slot], out))
            return -1;
    }
    for (size_t i = 0; i < node->key_count; i++)
        for (size_t j = 0; j < node->keys[i].through_count; j++, slot++) {
            const struct pg_written_column *column = &node->keys[i].through_where[j];
            struct spot s = {node, "find", column->name};

            if (add_cell(w, at, &s, column, &w->cells[slot], out))
                return -1;
        }
    return 0;
}

/* Bits of the keys that have all their values. */
static int tried_keys(struct rows *w, const struct pg_written_node *node,
                      unsigned *bits_out)
{
    size_t slot = node->column_count;
    bool closed = false;

    *bits_out = 0;
    for (size_t i = 0; i < node->key_count; i++) {
        const struct pg_written_key *key = &node->keys[i];
        bool whole = true;

        for (size_t j = 0; j < key->part_count; j++) {
            enum cell cell = w->cells[key->parts[j].column];

            closed |= cell == CELL_CLOSED;
            whole &= cell == CELL_TEXT || cell == CELL_ROW ||
                     (key->parts[j].nullable && cell == CELL_NULL);
        }
        for (size_t j = 0; j < key->through_count; j++, slot++)
            whole &= w->cells[slot] == CELL_TEXT || w->cells[slot] == CELL_ROW;
        if (whole)
            *bits_out |= 2u << i;
    }
    if (*bits_out || !node->key_count)
        return 0;
    return closed ? pg_writing_wrong(w->f, node, "find", "", RELAIS_E_KEYRING, w->err,
                                     "rows are found by fields that the ring of [keys] "
                                     "does not open")
                  : pg_writing_wrong(w->f, node, "find", "", RELAIS_E_FIELD_MISSING,
                                     w->err, "no key has all its values");
}

/* A row is made only of what can be read. */
static bool can_be_made(struct rows *w, const struct pg_written_node *node)
{
    bool something = false, closed = false;

    for (size_t i = 0; i < node->column_count; i++) {
        const struct pg_written_column *column = &node->columns[i];

        if (w->cells[i] == CELL_CLOSED && column->not_null && !column->default_sql)
            return false;
        closed |= w->cells[i] == CELL_CLOSED;
        something |= w->cells[i] == CELL_TEXT && column->value.kind == PG_WRITTEN_PATH;
    }
    return something || !closed;
}

static void mark_closed(struct rows *w, size_t node)
{
    w->closed[node] = true;
    for (size_t i = node + 1; i < w->f->node_count; i++)
        if (w->f->nodes[i].parent == node)
            mark_closed(w, i);
}

static int add_row(struct rows *w, const struct pg_element *at, size_t n)
{
    const struct pg_written_node *node = &w->f->nodes[n];
    struct relais_buf *out = &w->of[n];
    struct relais_buf cells = RELAIS_BUF_INIT(ROWS_MAX_BYTES);
    unsigned bits = 0;
    int rc = -1;

    if (add_cells(w, at, node, &cells) || tried_keys(w, node, &bits))
        goto out;
    if (!can_be_made(w, node))
        mark_closed(w, n);
    else if (holds(w, at, node->insert_where))
        bits |= 1;
    rc = relais_buf_printf(out, "%s[%u", w->count[n] ? "," : "", bits) ||
                 relais_buf_add_slice(out, relais_buf_slice(&cells)) ||
                 relais_buf_add_char(out, ']')
             ? too_large(w)
             : 0;
    w->current[n] = ++w->count[n];
out:
    relais_buf_release(&cells);
    return rc;
}

/* ---- the tree ---- */

static int visit(struct rows *w, const struct pg_element *at, size_t n);

static int visit_inner(struct rows *w, const struct pg_element *at, size_t n)
{
    for (size_t i = n == SIZE_MAX ? 0 : n + 1; i < w->f->node_count; i++)
        if (w->f->nodes[i].parent == n && visit(w, at, i))
            return -1;
    return 0;
}

static int visit_one(struct rows *w, const struct pg_element *at, size_t n)
{
    if (!holds(w, at, w->f->nodes[n].where))
        return 0;
    return add_row(w, at, n) || visit_inner(w, at, n) ? -1 : 0;
}

static int visit(struct rows *w, const struct pg_element *at, size_t n)
{
    const struct pg_written_node *node = &w->f->nodes[n];
    struct spot s = {node, "each", ""};
    const struct relais_value *list;
    struct pg_element inner = {NULL, at};

    for (size_t i = n; i < w->f->node_count; i++)
        if (i == n || w->f->nodes[i].parent == n)
            w->current[i] = 0;
    if (!node->each)
        return visit_one(w, at, n);
    list = pg_writing_at(w->event, at, node->each);
    if (pg_writing_null(list))
        return 0;
    if (list->kind == RELAIS_VALUE_BYTES) {
        mark_closed(w, n);
        return 0;
    }
    if (list->kind != RELAIS_VALUE_ARRAY)
        return misfit(w, &s, RELAIS_E_FIELD_TYPE, "not a list");
    for (inner.value = list->child; inner.value; inner.value = inner.value->next)
        if (visit_one(w, &inner, n))
            return -1;
    w->current[n] = 0;
    return 0;
}

/* ---- an event ---- */

static int add_member(struct rows *w, struct relais_buf *out, const char *name,
                      const char *path, bool needed)
{
    struct pg_element root = {w->event, NULL};
    const struct relais_value *v = pg_writing_at(w->event, &root, path);
    struct spot s = {NULL, path, ""};

    if (!needed && pg_writing_null(v))
        return 0;
    if (pg_writing_null(v) || v->kind == RELAIS_VALUE_BYTES)
        return misfit(w, &s, RELAIS_E_FIELD_MISSING, "not in the event");
    if (value_text(w, &s, v, PG_WRITTEN_PLAIN))
        return -1;
    return relais_buf_printf(out, "%s\"%s\":", *name == 'o' ? "{" : ",", name) ||
                   relais_json_string(out, relais_buf_slice(&w->text))
               ? too_large(w)
               : 0;
}

static int add_amount(struct rows *w, struct relais_buf *out)
{
    const struct relais_value *v = NULL;
    int64_t sign =
        relais_slice_is(relais_value_text(w->event, "sens"), "DEDUCTION") ? -1 : 1;

    for (size_t i = 0; i < PG_COMPLETENESS_AMOUNTS && !v; i++)
        v = relais_value_get(w->event, pg_completeness_amounts[i]);
    if (!v)
        return 0;
    return relais_buf_printf(out, ",\"c\":%" PRId64,
                             v->kind == RELAIS_VALUE_LONG ? sign * v->number : 0)
               ? too_large(w)
               : 0;
}

static int add_nodes(struct rows *w, struct relais_buf *out)
{
    bool some = false;
    int rc = relais_buf_add_str(out, ",\"p\":[");

    for (size_t i = 0; i < w->f->node_count && rc == 0; i++)
        if (w->closed[i]) {
            rc = relais_buf_printf(out, "%s%zu", some ? "," : "", i);
            some = true;
        }
    rc = rc || relais_buf_add_str(out, "],\"n\":[");
    for (size_t i = 0; i < w->f->node_count && rc == 0; i++)
        rc = relais_buf_add_str(out, i ? ",[" : "[") ||
             relais_buf_add_slice(out, relais_buf_slice(&w->of[i])) ||
             relais_buf_add_char(out, ']');
    return rc || relais_buf_add_str(out, "]}") ? too_large(w) : 0;
}

int pg_writing_rows(const struct pg_writing_form *f, const struct relais_value *event,
                    struct relais_buf *out, struct relais_error *err)
{
    struct rows *w = relais_zalloc(sizeof(*w));
    struct pg_element root = {event, NULL};
    int rc;

    w->f = f;
    w->event = event;
    w->err = err;
    w->text = (struct relais_buf)RELAIS_BUF_INIT(TEXT_MAX_BYTES);
    w->of = relais_zalloc((f->node_count + 1) * sizeof(*w->of));
    w->count = relais_zalloc((f->node_count + 1) * sizeof(*w->count));
    w->current = relais_zalloc((f->node_count + 1) * sizeof(*w->current));
    w->closed = relais_zalloc((f->node_count + 1) * sizeof(*w->closed));
    for (size_t i = 0; i < f->node_count; i++)
        w->of[i].max = ROWS_MAX_BYTES;
    rc = add_member(w, out, "o", f->object.paths[0], true) ||
                 add_member(w, out, "t", "@constate_le", true) ||
                 add_member(w, out, "s", "@sequence", true) ||
                 add_member(w, out, "i", "@id", true) ||
                 add_member(w, out, "f", "fait", false) ||
                 add_member(w, out, "d", "@origine.depot", false) || add_amount(w, out) ||
                 visit_inner(w, &root, SIZE_MAX) || add_nodes(w, out)
             ? -1
             : 0;
    for (size_t i = 0; i < f->node_count; i++)
        relais_buf_release(&w->of[i]);
    relais_buf_release(&w->text);
    free(w->of);
    free(w->count);
    free(w->current);
    free(w->closed);
    free(w);
    return rc;
}
