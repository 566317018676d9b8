#include "connectors/pg_column.h"
#include "connectors/pg_completeness.h"
#include "connectors/pg_target_sql.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

#define ROWS_MAX_BYTES (256u << 20)
#define COLUMNS_MAX    400
#define KEY_SLOTS      1024
#define KEYS_A_SAMPLE  64 /* one key of so many is in the sample */
#define NO_RANK        SIZE_MAX

void pg_target_table_name(const char *contract, char out[64])
{
    const char *dot = strrchr(contract, '.'), *at = dot ? dot + 1 : contract;
    size_t n = 0;

    for (; *at && n < 62; at++) {
        if (isupper((unsigned char)*at) && n)
            out[n++] = '_';
        out[n++] = (char)tolower((unsigned char)*at);
    }
    out[n] = '\0';
}

static void copy_name(char out[64], const char *name)
{
    size_t len = strlen(name);

    if (len > 63)
        len = 63; /* what PostgreSQL's names are cut to */
    memcpy(out, name, len);
    out[len] = '\0';
}

/* ---- the catalog ---------------------------------------------------------------------
 */

/* One row a writable column: table, column, type, is it of the primary key, the type's
 * category, is it unique by itself, does it refer to the main table. */
static const char look_up_sql[] =
    "SELECT c.relname, a.attname, coalesce(b.typname, t.typname), "
    "EXISTS (SELECT 1 FROM pg_index i WHERE i.indrelid = c.oid AND i.indisprimary "
    "AND i.indnkeyatts = 1 AND i.indkey[0] = a.attnum), t.typcategory, "
    "EXISTS (SELECT 1 FROM pg_index i WHERE i.indrelid = c.oid AND i.indisunique AND "
    "i.indisvalid AND i.indpred IS NULL AND i.indnkeyatts = 1 AND i.indkey[0] = "
    "a.attnum), "
    "EXISTS (SELECT 1 FROM pg_constraint f JOIN pg_class m ON m.oid = f.confrelid WHERE "
    "f.conrelid = c.oid AND f.contype = 'f' AND f.convalidated AND f.conkey = "
    "ARRAY[a.attnum] AND m.relnamespace = c.relnamespace AND m.relname = $2) "
    "FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace "
    "JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped "
    "JOIN pg_type t ON t.oid = a.atttypid "
    "LEFT JOIN pg_type b ON t.typtype = 'd' AND b.oid = t.typbasetype "
    "WHERE n.nspname = $1 AND c.relkind IN ('r', 'p') "
    "AND (c.relname = $2 OR starts_with(c.relname, $2 || '_')) "
    "AND a.attgenerated = '' AND a.attidentity = '' "
    "AND has_column_privilege(c.oid, a.attnum, 'INSERT') "
    "ORDER BY c.relname <> $2, c.relname, a.attnum";

static int add_column(struct pg_target *t, const char *main_name, PGresult *r, int row,
                      struct relais_error *err)
{
    const char *name = PQgetvalue(r, row, 0);
    struct pg_target_table *table =
        t->table_count ? &t->tables[t->table_count - 1] : NULL;
    struct pg_target_column *column;

    if (!table || strcmp(table->name, name) != 0) {
        if (t->table_count == PG_TARGET_TABLES_MAX)
            return relais_error_set(err, RELAIS_E_PG_SCHEMA, main_name,
                                    "more than %d tables", PG_TARGET_TABLES_MAX);
        table = &t->tables[t->table_count++];
        copy_name(table->name, name);
        table->rows = (struct relais_buf)RELAIS_BUF_INIT(ROWS_MAX_BYTES);
        table->columns = relais_zalloc(COLUMNS_MAX * sizeof(*table->columns));
        table->kind = PG_TARGET_MAIN;
        if (strcmp(name, main_name) != 0) {
            copy_name(table->field, name + strlen(main_name) + 1);
            table->kind = strcmp(table->field, "historique") == 0 ? PG_TARGET_HISTORY
                                                                  : PG_TARGET_LIST;
        }
    }
    if (table->column_count == COLUMNS_MAX)
        return relais_error_set(err, RELAIS_E_PG_SCHEMA, name, "more than %d columns",
                                COLUMNS_MAX);
    column = &table->columns[table->column_count++];
    copy_name(column->name, PQgetvalue(r, row, 1));
    copy_name(column->type, PQgetvalue(r, row, 2));
    column->category = *PQgetvalue(r, row, 4);
    column->form = pg_column_form(column->type);
    column->unique = PQgetvalue(r, row, 5)[0] == 't';
    column->refers = PQgetvalue(r, row, 6)[0] == 't';
    if (table->kind == PG_TARGET_MAIN && PQgetvalue(r, row, 3)[0] == 't')
        copy_name(t->key, PQgetvalue(r, row, 1));
    return 0;
}

static const struct pg_target_column *column_of(const struct pg_target_table *table,
                                                const char *name)
{
    for (size_t i = 0; i < table->column_count; i++)
        if (strcmp(table->columns[i].name, name) == 0)
            return &table->columns[i];
    return NULL;
}

bool pg_target_has(const struct pg_target_table *table, const char *name)
{
    return column_of(table, name) != NULL;
}

static void drop_table(struct pg_target *t, size_t i)
{
    free(t->tables[i].columns);
    t->table_count--;
    memmove(&t->tables[i], &t->tables[i + 1],
            (t->table_count - i) * sizeof(t->tables[0]));
}

/* Of the history only what the main table has as well: rows are taken from there. */
static void keep_shared(struct pg_target_table *history, const struct pg_target_table *of)
{
    size_t kept = 0;

    for (size_t i = 0; i < history->column_count; i++)
        if (pg_target_has(of, history->columns[i].name))
            history->columns[kept++] = history->columns[i];
    history->column_count = kept;
}

static int check_tables(struct pg_target *t, const char *schema, const char *name,
                        struct relais_error *err)
{
    static const char *const needed[] = {"entete_id", "entete_constate_le",
                                         "entete_sequence"};

    if (!t->table_count || t->tables[0].kind != PG_TARGET_MAIN)
        return relais_error_set(err, RELAIS_E_PG_SCHEMA, name,
                                "no such table in the schema %.60s that this role may "
                                "write (relais sink ddl FILE.ini says the SQL)",
                                schema);
    if (!*t->key)
        return relais_error_set(err, RELAIS_E_PG_SCHEMA, name,
                                "needs a primary key of one column, the object's id");
    for (size_t i = 0; i < 3; i++)
        if (!pg_target_has(&t->tables[0], needed[i]))
            return relais_error_set(err, RELAIS_E_PG_SCHEMA, name, "needs the column %s",
                                    needed[i]);
    for (size_t i = t->table_count - 1; i > 0; i--) {
        struct pg_target_table *table = &t->tables[i];

        /* a table of the application's that is only named alike */
        if (table->kind == PG_TARGET_LIST &&
            (!pg_target_has(table, t->key) || !pg_target_has(table, "ordre")))
            drop_table(t, i);
        else if (table->kind == PG_TARGET_HISTORY)
            keep_shared(table, &t->tables[0]);
    }
    return 0;
}

/* Does the database itself refuse rows that are there: items of an object that is there
 * already or still, an event of the history? */
static bool is_guarded(const struct pg_target *t)
{
    for (size_t i = 1; i < t->table_count; i++) {
        const struct pg_target_table *table = &t->tables[i];
        bool history = table->kind == PG_TARGET_HISTORY;
        const struct pg_target_column *column =
            column_of(table, history ? "entete_id" : t->key);

        if (!column || !(history ? column->unique : column->refers))
            return false;
    }
    return true;
}

static bool has_history(const struct pg_target *t)
{
    for (size_t i = 1; i < t->table_count; i++)
        if (t->tables[i].kind == PG_TARGET_HISTORY)
            return true;
    return false;
}

struct pg_target *pg_target_new(struct pg_conn *c, const char *schema,
                                const char *contract, bool counted,
                                struct relais_error *err)
{
    struct pg_target *t = relais_zalloc(sizeof(*t));
    char name[64];
    const char *params[] = {schema, name};
    PGresult *r;
    int rc = 0;

    t->contract = relais_strdup(contract);
    t->keys.sample = (struct relais_buf)RELAIS_BUF_INIT(ROWS_MAX_BYTES);
    t->received.rows = (struct relais_buf)RELAIS_BUF_INIT(ROWS_MAX_BYTES);
    t->received.sample = (struct relais_buf)RELAIS_BUF_INIT(ROWS_MAX_BYTES);
    pg_target_table_name(contract, name);
    r = pg_conn_exec(c, "catalog", look_up_sql, params, 2, err);
    for (int i = 0; r && rc == 0 && i < PQntuples(r); i++)
        rc = add_column(t, name, r, i, err);
    if (r && rc == 0 && check_tables(t, schema, name, err) == 0 &&
        pg_target_write_sql(t, c, schema, counted, err) == 0) {
        t->guarded = is_guarded(t);
        t->has_history = has_history(t);
        PQclear(r);
        return t;
    }
    PQclear(r);
    pg_target_free(t);
    return NULL;
}

void pg_target_free(struct pg_target *t)
{
    if (!t)
        return;
    for (size_t i = 0; i < t->table_count; i++) {
        free(t->tables[i].columns);
        free(t->tables[i].copy_sql);
        free(t->tables[i].straight_sql);
        relais_buf_release(&t->tables[i].rows);
    }
    free(t->contract);
    free(t->create_sql);
    for (int i = 0; i < 4; i++)
        free(t->merge_sql[i / 2][i % 2]);
    free(t->count_sql);
    free(t->known_sql);
    free(t->received_sql);
    free(t->keys.slots);
    relais_buf_release(&t->keys.sample);
    relais_buf_release(&t->received.rows);
    relais_buf_release(&t->received.sample);
    free(t);
}

int pg_target_there(struct pg_conn *c, const char *schema, const char *contract,
                    bool *there_out, struct relais_error *err)
{
    char name[64];
    const char *params[] = {schema, name};
    PGresult *r;

    pg_target_table_name(contract, name);
    r = pg_conn_exec(c, "catalog",
                     "SELECT FROM pg_class c JOIN pg_namespace n ON n.oid = "
                     "c.relnamespace WHERE n.nspname = $1 AND c.relname = $2",
                     params, 2, err);
    *there_out = r && PQntuples(r);
    PQclear(r);
    return r ? 0 : -1;
}

/* The value that goes into a column; NULL: none of the event's. */
static const struct relais_value *value_of(const struct pg_target *t,
                                           const struct pg_target_table *table,
                                           const char *column,
                                           const struct relais_value *event)
{
    static const struct relais_value order = {.kind = RELAIS_VALUE_LONG};
    const struct relais_value *list, *item;

    if (table->kind != PG_TARGET_LIST)
        return pg_cell_find(event, column);
    if (strcmp(column, "ordre") == 0)
        return &order;
    if (strcmp(column, t->key) == 0)
        return relais_value_get(event, t->key);
    list = pg_cell_find(event, table->field);
    item = list && list->kind == RELAIS_VALUE_ARRAY ? list->child : NULL;
    if (item && item->kind != RELAIS_VALUE_RECORD)
        return strcmp(column, "valeur") == 0 ? item : NULL;
    return item ? pg_cell_find(item, column) : NULL;
}

/* Where the fields of a table's columns are, in an event of which every field is there.
 */
static void resolve_columns(const struct pg_target_table *table,
                            const struct relais_value *whole)
{
    const struct relais_value *list =
        table->kind == PG_TARGET_LIST ? pg_cell_find(whole, table->field) : NULL;

    if (table->kind == PG_TARGET_LIST)
        whole = list && list->kind == RELAIS_VALUE_ARRAY ? list->child : NULL;
    for (size_t i = 0; i < table->column_count; i++)
        if (whole && whole->kind == RELAIS_VALUE_RECORD)
            pg_cell_resolve(whole, table->columns[i].name, &table->columns[i].path);
}

int pg_target_check(const struct pg_target *t, const struct relais_value *open,
                    const struct relais_value *closed, struct relais_error *err)
{
    for (size_t i = 0; i < t->table_count; i++) {
        const struct pg_target_table *table = &t->tables[i];

        resolve_columns(table, open);
        for (size_t j = 0; j < table->column_count; j++) {
            const struct pg_target_column *column = &table->columns[j];
            const struct relais_value *v = value_of(t, table, column->name, open);
            const struct relais_value *shut = value_of(t, table, column->name, closed);
            char where[130];

            if (!v || pg_column_takes(column, v) ||
                (shut && pg_column_takes(column, shut)))
                continue;
            snprintf(where, sizeof(where), "%s.%s", table->name, column->name);
            return relais_error_set(err, RELAIS_E_PG_SCHEMA, where,
                                    "the column's type is %s, its field's %s: no event "
                                    "could be written (relais sink ddl FILE.ini)",
                                    column->type, pg_column_wanted(v));
        }
    }
    return 0;
}

/* ---- rows ----------------------------------------------------------------------------
 */

const char *pg_target_merge_sql(const struct pg_target *t)
{
    bool lists = false;

    for (size_t i = 1; i < t->table_count; i++)
        lists = lists || t->tables[i].rows.len;
    return t->tables[0].rows.len ? t->merge_sql[lists][t->keys.twice] : NULL;
}

int pg_target_copy(const struct pg_target *t, struct pg_script *script,
                   struct relais_error *err)
{
    for (size_t i = 0; i < t->table_count; i++) {
        const struct pg_target_table *table = &t->tables[i];
        const char *sql =
            t->way == PG_WAY_STRAIGHT ? table->straight_sql : table->copy_sql;

        if (pg_script_copy(script, table->name, sql, &table->rows, err))
            return -1;
    }
    return 0;
}

int pg_target_copy_received(const struct pg_target *t, struct pg_script *script,
                            struct relais_error *err)
{
    return pg_script_copy(script, "relais_recus", t->received_sql, &t->received.rows,
                          err);
}

int pg_target_may_go(const struct pg_target *t, struct pg_conn *c, bool *may_out,
                     struct relais_error *err)
{
    const struct relais_buf *keys = &t->keys.sample, *ids = &t->received.sample;
    const char *params[] = {keys->len ? keys->data : "{}", ids->len ? ids->data : "{}"};
    PGresult *r;

    *may_out = !t->unfit && (t->way != PG_WAY_STRAIGHT || (t->guarded && !t->keys.twice));
    if (!*may_out || !(keys->len + ids->len))
        return 0;
    r = pg_conn_exec(c, t->tables[0].name, t->known_sql, params, t->received_sql ? 2 : 1,
                     err);
    *may_out = r && PQntuples(r) == 0;
    PQclear(r);
    return r ? 0 : -1;
}

static int add_row(struct pg_target_table *table, const struct relais_value *key,
                   const char *key_name, const struct relais_value *rec, size_t rank,
                   size_t order, struct relais_error *err)
{
    struct pg_cell_near near = {0};

    if (rank != NO_RANK && (relais_buf_add_integer(&table->rows, (int64_t)rank) ||
                            relais_buf_add_char(&table->rows, '\t')))
        return relais_error_set(err, RELAIS_E_LIMIT, table->name, "too large a row");
    for (size_t i = 0; i < table->column_count; i++) {
        struct pg_target_column *column = &table->columns[i];
        int rc = i ? relais_buf_add_char(&table->rows, '\t') : 0;

        if (rc == 0 && key && strcmp(column->name, "ordre") == 0)
            rc = relais_buf_add_integer(&table->rows, (int64_t)order);
        else if (rc == 0 && key && strcmp(column->name, key_name) == 0)
            rc = pg_cell_add(&table->rows, key, column->form, column->name, err);
        else if (rc == 0)
            rc = pg_cell_add(&table->rows,
                             pg_cell_next(rec, column->name, &column->path, &near),
                             column->form, column->name, err);
        if (rc)
            return relais_error_set(err, RELAIS_E_LIMIT, table->name, "too large a row");
    }
    return relais_buf_add_char(&table->rows, '\n')
               ? relais_error_set(err, RELAIS_E_LIMIT, table->name, "too large a row")
               : 0;
}

/* Items that are no records have the one field `valeur`. */
static int add_items(struct pg_target *t, struct pg_target_table *table,
                     const struct relais_value *value, size_t rank,
                     struct relais_error *err)
{
    const struct relais_value *key = relais_value_get(value, t->key);
    const struct relais_value *list = pg_cell_find(value, table->field);
    size_t order = 0;

    for (const struct relais_value *item =
             list && list->kind == RELAIS_VALUE_ARRAY ? list->child : NULL;
         item; item = item->next) {
        struct relais_value alone = *item, rec = {.kind = RELAIS_VALUE_RECORD};

        alone.name = "valeur";
        alone.next = NULL;
        rec.child = rec.last = &alone;
        rec.count = 1;
        if (add_row(table, key, t->key, item->kind == RELAIS_VALUE_RECORD ? item : &rec,
                    rank, ++order, err))
            return -1;
    }
    return 0;
}

static uint64_t *key_slot(const struct pg_target_keys *keys, uint64_t hash)
{
    size_t i = hash >> 1 & (keys->slot_count - 1);

    while (keys->slots[i] && keys->slots[i] != hash)
        i = (i + 1) & (keys->slot_count - 1);
    return &keys->slots[i];
}

/* Is its key among those of the batch? By their hashes: one that is taken for another's
 * costs a sort. */
static void note_key(struct pg_target_keys *keys, struct relais_slice key)
{
    uint64_t hash = relais_hash(key, RELAIS_SLICE("")) | 1;
    size_t i;

    if (keys->count * 2 >= keys->slot_count) {
        struct pg_target_keys old = *keys;

        keys->slot_count = old.slot_count ? old.slot_count * 2 : KEY_SLOTS;
        keys->slots = relais_zalloc(keys->slot_count * sizeof(*keys->slots));
        for (size_t j = 0; j < old.slot_count; j++)
            if (old.slots[j])
                *key_slot(keys, old.slots[j]) = old.slots[j];
        free(old.slots);
    }
    i = (size_t)(key_slot(keys, hash) - keys->slots);
    keys->twice = keys->twice || keys->slots[i];
    keys->count += !keys->slots[i];
    keys->slots[i] = hash;
}

static int add_received(struct pg_target *t, const struct relais_value *value,
                        bool sampled, struct relais_error *err)
{
    int rc = t->received_sql ? pg_received_add(&t->received, value, sampled, err) : 0;

    t->unfit = t->unfit || rc > 0;
    return rc < 0 ? -1 : 0;
}

/* It is no step of the history (contract A8). */
static bool is_repeat(const struct relais_value *event)
{
    const struct relais_value *depot = pg_cell_find(event, "entete_origine_depot");

    return depot && depot->kind == RELAIS_VALUE_STRING &&
           pg_completeness_is_repeat(depot->text);
}

int pg_target_add(struct pg_target *t, const struct relais_value *value, size_t rank,
                  struct relais_error *err)
{
    struct relais_slice key = relais_value_text(value, t->key);
    bool straight = t->way == PG_WAY_STRAIGHT;
    bool sampled = rank % KEYS_A_SAMPLE == 0 || !t->keys.count;

    note_key(&t->keys, key);
    if (t->way != PG_WAY_MERGE && add_received(t, value, sampled, err))
        return -1;
    if (straight) {
        if (sampled && pg_cell_add_item(&t->keys.sample, key, err))
            return -1;
        t->unfit = t->unfit || (t->has_history && is_repeat(value));
        rank = NO_RANK;
    }
    for (size_t i = 0; i < t->table_count; i++) {
        struct pg_target_table *table = &t->tables[i];
        int rc = 0;

        if (table->kind == PG_TARGET_LIST)
            rc = add_items(t, table, value, rank, err);
        else if (table->kind == PG_TARGET_MAIN || straight)
            rc = add_row(table, NULL, "", value, rank, 0, err);
        if (rc)
            return -1;
    }
    return 0;
}

void pg_target_clear(struct pg_target *t, enum pg_way way)
{
    for (size_t i = 0; i < t->table_count; i++)
        relais_buf_clear(&t->tables[i].rows);
    relais_buf_clear(&t->received.rows);
    relais_buf_clear(&t->received.sample);
    relais_buf_clear(&t->keys.sample);
    if (t->keys.count)
        memset(t->keys.slots, 0, t->keys.slot_count * sizeof(*t->keys.slots));
    t->keys.count = 0;
    t->keys.twice = t->unfit = false;
    t->way = way;
}
