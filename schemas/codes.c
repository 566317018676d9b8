#include "schemas/codes.h"

#include "core/arena.h"
#include "core/crypto.h"
#include "core/day.h"
#include "schemas/csv.h"
#include "schemas/embedded.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define TEXT_MAX      (16u << 20) /* one file */
#define ARENA_MAX     (64u << 20)
#define LISTS_MAX     1024u
#define ROWS_MAX      (1u << 20)
#define LIST_NAME_MAX 64
#define LIST_TABLE    4096u
#define NO_ROW        UINT32_MAX
#define TERRITOIRE    "territoire"
#define IDEPARTE      "ideparte"

struct list {
    char name[LIST_NAME_MAX];
    uint32_t hash;
};

/* One row of a list. A code may have several: periods of validity, or for IDEPARTE
 * territories (in `label`). */
struct row {
    uint32_t list;
    uint32_t hash;
    struct relais_slice code;
    struct relais_slice label;
    int32_t from;
    int32_t to;
    bool overlay;
    bool dropped;  /* replaced by the overlay */
    uint32_t next; /* same list and code */
};

struct relais_codes {
    struct relais_arena arena;
    struct list *lists;
    size_t list_count;
    uint16_t list_table[LIST_TABLE]; /* list + 1; open addressing */
    struct row *rows;
    size_t row_count;
    size_t row_cap;
    uint32_t *table; /* first row of a code, + 1; open addressing */
    size_t table_cap;
    char version[17];
};

/* The slot of a list: where it is, or where it would go. */
static size_t list_slot(const struct relais_codes *codes, const char *name, uint32_t hash)
{
    size_t i = hash % LIST_TABLE;

    while (codes->list_table[i]) {
        const struct list *list = &codes->lists[codes->list_table[i] - 1];

        if (list->hash == hash && strcmp(list->name, name) == 0)
            break;
        i = (i + 1) % LIST_TABLE;
    }
    return i;
}

static uint32_t name_hash(const char *name)
{
    return (uint32_t)relais_hash(relais_slice_str(name), RELAIS_SLICE(""));
}

static int find_list(const struct relais_codes *codes, const char *name)
{
    return (int)codes->list_table[list_slot(codes, name, name_hash(name))] - 1;
}

/* The slot of a code: where its first row is, or where it would go. */
static size_t find_slot(const struct relais_codes *codes, uint32_t list, uint32_t hash,
                        struct relais_slice code)
{
    size_t mask = codes->table_cap - 1, i = hash & mask;

    while (codes->table[i]) {
        const struct row *row = &codes->rows[codes->table[i] - 1];

        if (row->hash == hash && row->list == list && relais_slice_eq(row->code, code))
            break;
        i = (i + 1) & mask;
    }
    return i;
}

static uint32_t code_hash(uint32_t list, struct relais_slice code)
{
    const struct relais_slice number = {(const char *)&list, sizeof(list)};

    return (uint32_t)relais_hash(number, code);
}

/* The first row of a code, NO_ROW: none. */
static uint32_t find_rows(const struct relais_codes *codes, const char *variable,
                          struct relais_slice code)
{
    int list = find_list(codes, variable);
    uint32_t at;

    if (list < 0 || !code.ptr)
        return NO_ROW;
    at = codes->table[find_slot(codes, (uint32_t)list, code_hash((uint32_t)list, code),
                                code)];
    return at ? at - 1 : NO_ROW;
}

static void grow(struct relais_codes *codes)
{
    uint32_t *old = codes->table;
    size_t old_cap = codes->table_cap;

    codes->row_cap *= 2;
    codes->rows = relais_realloc(codes->rows, codes->row_cap * sizeof(*codes->rows));
    codes->table_cap *= 2;
    codes->table = relais_zalloc(codes->table_cap * sizeof(*codes->table));
    for (size_t i = 0; i < old_cap; i++) {
        const struct row *row;

        if (!old[i])
            continue;
        row = &codes->rows[old[i] - 1];
        codes->table[find_slot(codes, row->list, row->hash, row->code)] = old[i];
    }
    free(old);
}

/* An overlay's row drops the built-in rows of its code; within one file the periods of a
 * code may not overlap, nor a pair of ideparte come twice. */
static int add_row(struct relais_codes *codes, const struct csv *csv,
                   const struct row *add, bool pairs, struct relais_error *err)
{
    uint32_t index = (uint32_t)codes->row_count;
    size_t slot;

    if (codes->row_count >= ROWS_MAX)
        return csv_error(csv, err, "code lists too large");
    if (codes->row_count == codes->row_cap)
        grow(codes);
    slot = find_slot(codes, add->list, add->hash, add->code);
    codes->rows[index] = *add;
    codes->rows[index].next = codes->table[slot] ? codes->table[slot] - 1 : NO_ROW;
    for (uint32_t i = codes->rows[index].next; i != NO_ROW; i = codes->rows[i].next) {
        struct row *row = &codes->rows[i];

        if (row->overlay != add->overlay)
            row->dropped = true;
        else if (pairs ? relais_slice_eq(row->label, add->label)
                       : row->from <= add->to && add->from <= row->to)
            return csv_error(csv, err, "code given twice");
    }
    codes->table[slot] = index + 1;
    codes->row_count++;
    return 0;
}

static int add_list(struct relais_codes *codes, const char *file,
                    struct relais_error *err)
{
    const char *dot = strrchr(file, '.');
    size_t len = dot ? (size_t)(dot - file) : strlen(file);
    struct list *list = &codes->lists[codes->list_count];
    size_t slot;

    if (len == 0 || len >= sizeof(list->name))
        return relais_error_set(err, RELAIS_E_CONF_VALUE, file, "file name too long");
    if (codes->list_count == LISTS_MAX)
        return relais_error_set(err, RELAIS_E_CONF_VALUE, file, "too many code lists");
    snprintf(list->name, sizeof(list->name), "%.*s", (int)len, file);
    list->hash = name_hash(list->name);
    slot = list_slot(codes, list->name, list->hash);
    if (!codes->list_table[slot])
        codes->list_table[slot] = (uint16_t)++codes->list_count;
    return (int)codes->list_table[slot] - 1;
}

/* Empty: open. */
static int read_day(const struct csv *csv, struct relais_slice text, int32_t open,
                    int32_t *out, struct relais_error *err)
{
    text = relais_slice_trim(text);
    *out = open;
    if (text.len && !relais_day_parse(text, out))
        return csv_error(csv, err, "validity is not a day YYYY-MM-DD");
    return 0;
}

static int read_row(const struct csv *csv, const struct relais_slice *fields, bool pairs,
                    struct row *row, struct relais_error *err)
{
    row->code = relais_slice_trim(fields[0]);
    row->label = relais_slice_trim(fields[1]);
    row->from = INT32_MIN;
    row->to = INT32_MAX;
    row->hash = code_hash(row->list, row->code);
    if (row->code.len == 0)
        return csv_error(csv, err, "code empty");
    if (pairs)
        return row->label.len ? 0 : csv_error(csv, err, "territory empty");
    if (read_day(csv, fields[2], INT32_MIN, &row->from, err) ||
        read_day(csv, fields[3], INT32_MAX, &row->to, err))
        return -1;
    return row->from <= row->to ? 0
                                : csv_error(csv, err, "validity ends before it begins");
}

static int read_head(struct csv *csv, bool pairs, struct relais_error *err)
{
    static const char *const names[] = {"code", "label", "from", "to", "source"};
    static const char *const pair_names[] = {"code", TERRITOIRE};
    struct relais_slice fields[CSV_FIELDS_MAX];
    size_t count = pairs ? 2 : 5;
    int got = csv_next(csv, fields, count, err);

    if (got < 0)
        return -1;
    for (size_t i = 0; i < count; i++)
        if (!got || !relais_slice_is(relais_slice_trim(fields[i]),
                                     pairs ? pair_names[i] : names[i]))
            return csv_error(csv, err,
                             pairs ? "first line is not code,territoire"
                                   : "first line is not code,label,from,to,source");
    return 0;
}

static int load(struct relais_codes *codes, const char *file, struct relais_slice text,
                bool overlay, struct relais_error *err)
{
    struct relais_slice fields[CSV_FIELDS_MAX];
    int list = add_list(codes, file, err), got;
    struct csv csv;
    bool pairs;

    if (list < 0)
        return -1;
    pairs = strcmp(codes->lists[list].name, IDEPARTE) == 0;
    if (csv_init(&csv, file, text, &codes->arena, err) || read_head(&csv, pairs, err))
        return -1;
    while ((got = csv_next(&csv, fields, pairs ? 2 : 5, err)) > 0) {
        struct row row = {.list = (uint32_t)list, .overlay = overlay};

        if (read_row(&csv, fields, pairs, &row, err) ||
            add_row(codes, &csv, &row, pairs, err))
            return -1;
    }
    return got;
}

static int load_file(struct relais_codes *codes, const char *dir, const char *file,
                     struct relais_error *err)
{
    struct relais_buf path = RELAIS_BUF_INIT(4096);
    struct relais_slice text;
    char *data = NULL;
    size_t len = 0;
    FILE *in = NULL;
    int rc = -1;

    if (relais_buf_printf(&path, "%s/%s", dir, file)) {
        relais_error_set(err, RELAIS_E_CONF_FILE, file, "path too long");
        goto out;
    }
    in = fopen(path.data, "rb");
    if (!in) {
        relais_error_set(err, RELAIS_E_CONF_FILE, file, "%s", strerror(errno));
        goto out;
    }
    data = relais_alloc(TEXT_MAX + 1);
    len = fread(data, 1, TEXT_MAX + 1, in);
    if (ferror(in) || len > TEXT_MAX) {
        relais_error_set(err, RELAIS_E_CONF_FILE, file, "%s",
                         len > TEXT_MAX ? "file too large" : "read failed");
        goto out;
    }
    text = relais_arena_slice(&codes->arena, (struct relais_slice){data, len});
    if (!text.ptr) {
        relais_error_set(err, RELAIS_E_CONF_FILE, file, "code lists too large");
        goto out;
    }
    rc = load(codes, file, text, true, err);
out:
    if (in)
        fclose(in);
    free(data);
    relais_buf_release(&path);
    return rc;
}

static int is_csv(const struct dirent *entry)
{
    size_t len = strlen(entry->d_name);

    return entry->d_name[0] != '.' && len > 4 &&
           strcmp(entry->d_name + len - 4, ".csv") == 0;
}

static int load_dir(struct relais_codes *codes, const char *dir, struct relais_error *err)
{
    struct dirent **entries = NULL;
    int count = scandir(dir, &entries, is_csv, alphasort), rc = 0;

    if (count < 0)
        return relais_error_set(err, RELAIS_E_CONF_FILE, dir, "%s", strerror(errno));
    for (int i = 0; i < count; i++) {
        if (!rc)
            rc = load_file(codes, dir, entries[i]->d_name, err);
        free(entries[i]);
    }
    free(entries);
    return rc;
}

struct sorted {
    const struct relais_codes *codes;
    const struct row *row;
};

static int row_cmp(const void *a, const void *b)
{
    const struct sorted *sa = a, *sb = b;
    const struct row *ra = sa->row, *rb = sb->row;
    int c = strcmp(sa->codes->lists[ra->list].name, sb->codes->lists[rb->list].name);

    if (!c)
        c = relais_slice_cmp(ra->code, rb->code);
    if (!c)
        c = (ra->from > rb->from) - (ra->from < rb->from);
    return c ? c : relais_slice_cmp(ra->label, rb->label);
}

/* Over what is in force: name, code, label, from, to of each row, each ended by NUL. */
static void make_version(struct relais_codes *codes)
{
    struct sorted *all = relais_alloc((codes->row_count + 1) * sizeof(*all));
    unsigned char digest[RELAIS_SHA256_LEN];
    struct relais_sha256 *sha = relais_sha256_new();
    size_t count = 0;

    for (size_t i = 0; i < codes->row_count; i++)
        if (!codes->rows[i].dropped)
            all[count++] = (struct sorted){codes, &codes->rows[i]};
    qsort(all, count, sizeof(*all), row_cmp);
    for (size_t i = 0; i < count; i++) {
        const struct row *row = all[i].row;
        const char *name = codes->lists[row->list].name;
        char days[32];
        int len = snprintf(days, sizeof(days), "%d,%d", row->from, row->to);

        relais_sha256_update(sha, name, strlen(name) + 1);
        relais_sha256_update(sha, row->code.ptr, row->code.len);
        relais_sha256_update(sha, "", 1);
        relais_sha256_update(sha, row->label.ptr, row->label.len);
        relais_sha256_update(sha, "", 1);
        relais_sha256_update(sha, days, (size_t)len + 1);
    }
    relais_sha256_final(sha, digest);
    relais_sha256_free(sha);
    relais_hex(digest, 8, codes->version);
    free(all);
}

struct relais_codes *relais_codes_new(const char *dir, struct relais_error *err)
{
    struct relais_codes *codes = relais_zalloc(sizeof(*codes));

    codes->arena = (struct relais_arena)RELAIS_ARENA_INIT(ARENA_MAX);
    codes->lists = relais_zalloc((LISTS_MAX + 1) * sizeof(*codes->lists));
    codes->row_cap = 4096;
    codes->rows = relais_alloc(codes->row_cap * sizeof(*codes->rows));
    codes->table_cap = 2 * codes->row_cap;
    codes->table = relais_zalloc(codes->table_cap * sizeof(*codes->table));
    for (const struct relais_embedded *e = relais_embedded_codes; e->name; e++)
        if (load(codes, e->name, (struct relais_slice){e->data, e->len}, false, err))
            goto failed;
    if (dir && load_dir(codes, dir, err))
        goto failed;
    make_version(codes);
    return codes;
failed:
    relais_codes_free(codes);
    return NULL;
}

void relais_codes_free(struct relais_codes *codes)
{
    if (!codes)
        return;
    relais_arena_release(&codes->arena);
    free(codes->lists);
    free(codes->rows);
    free(codes->table);
    free(codes);
}

bool relais_codes_has(const struct relais_codes *codes, const char *variable)
{
    return find_list(codes, variable) >= 0;
}

/* A territory that only an overlay's ideparte names is one all the same. */
static bool mapped_territory(const struct relais_codes *codes, struct relais_slice code)
{
    int list = find_list(codes, IDEPARTE);

    for (size_t i = 0; i < codes->row_count; i++)
        if (codes->rows[i].list == (uint32_t)list && !codes->rows[i].dropped &&
            relais_slice_eq(codes->rows[i].label, code))
            return true;
    return false;
}

bool relais_codes_valid(const struct relais_codes *codes, const char *variable,
                        struct relais_slice code, int32_t on_days)
{
    for (uint32_t i = find_rows(codes, variable, code); i != NO_ROW;
         i = codes->rows[i].next) {
        const struct row *row = &codes->rows[i];

        if (!row->dropped && row->from <= on_days && on_days <= row->to)
            return true;
    }
    return strcmp(variable, TERRITOIRE) == 0 && code.ptr && mapped_territory(codes, code);
}

struct relais_slice relais_codes_label(const struct relais_codes *codes,
                                       const char *variable, struct relais_slice code)
{
    struct relais_slice label = RELAIS_SLICE_NULL;
    int32_t latest = INT32_MIN;

    for (uint32_t i = find_rows(codes, variable, code); i != NO_ROW;
         i = codes->rows[i].next)
        if (!codes->rows[i].dropped && (!label.ptr || codes->rows[i].from > latest)) {
            label = codes->rows[i].label;
            latest = codes->rows[i].from;
        }
    return label;
}

bool relais_codes_ideparte(const struct relais_codes *codes, struct relais_slice ideparte,
                           const char *territory, bool *known_out)
{
    *known_out = false;
    for (uint32_t i = find_rows(codes, IDEPARTE, ideparte); i != NO_ROW;
         i = codes->rows[i].next) {
        if (codes->rows[i].dropped)
            continue;
        *known_out = true;
        if (relais_slice_is(codes->rows[i].label, territory))
            return true;
    }
    return false;
}

bool relais_codes_territory(const struct relais_codes *codes, const char *territory)
{
    struct relais_slice code = relais_slice_str(territory);

    return find_rows(codes, TERRITOIRE, code) != NO_ROW || mapped_territory(codes, code);
}

const char *relais_codes_version(const struct relais_codes *codes)
{
    return codes->version;
}
