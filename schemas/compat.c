#include "schemas/compat.h"

#include "schemas/avro_resolve.h"

#include <stdio.h>
#include <stdlib.h>

#define STEPS_MAX   20000000u
#define DEPTH_MAX   1000
#define PATH_MAXLEN 512
#define LIST_SHOWN  8 /* branches or symbols named in a text */

enum answer { UNKNOWN, OPEN, YES, NO, NO_TOLD };

/* Two named types that were compared. */
struct pair {
    const struct relais_avro_type *reader, *writer;
    enum answer answer;
};

struct compat {
    struct relais_compat *report;
    struct pair *pairs;
    size_t pair_count, pair_cap;
    uint32_t *slots; /* hash of pairs: 1 + index, 0 empty */
    size_t slot_count;
    uint32_t steps;
    int depth;
    bool silent; /* a branch is tried: no causes */
    bool first;  /* one cause is enough */
    bool forward;
    size_t version;
    bool full;
    char path[PATH_MAXLEN];
    size_t path_len;
};

static bool reads(struct compat *c, const struct relais_avro_type *reader,
                  const struct relais_avro_type *writer);

/* Would more of them change nothing? */
static bool enough(const struct compat *c, bool good)
{
    return !good && (c->silent || c->first);
}

/* ---- names ------------------------------------------------------------------------- */

static bool asks_forward(enum relais_compat_level level)
{
    return level >= RELAIS_COMPAT_FORWARD;
}

static bool asks_backward(enum relais_compat_level level)
{
    return level == RELAIS_COMPAT_BACKWARD ||
           level == RELAIS_COMPAT_BACKWARD_TRANSITIVE || level >= RELAIS_COMPAT_FULL;
}

/* ---- causes ------------------------------------------------------------------------ */

/* "record fr.relais.R", "array", "[null, string]". */
static const char *describe(struct compat *c, const struct relais_avro_type *type)
{
    struct relais_arena *arena = &c->report->arena;
    struct relais_slice text = RELAIS_SLICE("[");

    if (type->kind != RELAIS_AVRO_UNION)
        return type->name
                   ? relais_arena_printf(arena, "%s %s",
                                         relais_avro_kind_name(type->kind), type->name)
                         .ptr
                   : relais_avro_kind_name(type->kind);
    for (uint32_t i = 0; text.ptr && i < type->count && i < LIST_SHOWN; i++) {
        const struct relais_avro_type *branch = type->branches[i];

        text = relais_arena_printf(arena, "%s%s%s", text.ptr, i ? ", " : "",
                                   branch->name ? branch->name
                                                : relais_avro_kind_name(branch->kind));
    }
    if (!text.ptr)
        return NULL;
    return relais_arena_printf(arena, "%s%s]", text.ptr,
                               type->count > LIST_SHOWN ? ", ..." : "")
        .ptr;
}

static const char *reader_word(const struct compat *c)
{
    return c->forward ? "older" : "newer";
}

static const char *writer_word(const struct compat *c)
{
    return c->forward ? "newer" : "older";
}

/* The same within a sentence; a full arena is found by tell(). */
static const char *said(struct compat *c, const struct relais_avro_type *type)
{
    const char *text = describe(c, type);

    return text ? text : "";
}

/* What stands on both sides and the sentence; always false. */
static bool tell(struct compat *c, enum relais_compat_rule rule,
                 const struct relais_avro_type *reader,
                 const struct relais_avro_type *writer, struct relais_slice text)
{
    struct relais_compat *report = c->report;
    struct relais_compat_cause *cause;

    if (report->total++ >= RELAIS_COMPAT_CAUSES_MAX)
        return false;
    if (!report->causes)
        report->causes =
            relais_zalloc(RELAIS_COMPAT_CAUSES_MAX * sizeof(*report->causes));
    cause = &report->causes[report->count++];
    *cause = (struct relais_compat_cause){
        .rule = rule,
        .forward = c->forward,
        .version = c->version,
        .path = relais_arena_slice(&report->arena,
                                   (struct relais_slice){c->path, c->path_len})
                    .ptr,
        .reader = describe(c, reader),
        .writer = describe(c, writer),
        .text = text.ptr,
    };
    if (!cause->path || !cause->reader || !cause->writer || !cause->text)
        c->full = true;
    return false;
}

static bool type_mismatch(struct compat *c, const struct relais_avro_type *reader,
                          const struct relais_avro_type *writer)
{
    if (c->silent)
        return false;
    return tell(c, RELAIS_COMPAT_TYPE_MISMATCH, reader, writer,
                relais_arena_printf(&c->report->arena,
                                    "%s of the %s schema cannot be read as %s of the %s",
                                    said(c, writer), writer_word(c), said(c, reader),
                                    reader_word(c)));
}

static bool name_mismatch(struct compat *c, const struct relais_avro_type *reader,
                          const struct relais_avro_type *writer)
{
    if (c->silent)
        return false;
    return tell(c, RELAIS_COMPAT_NAME_MISMATCH, reader, writer,
                relais_arena_printf(&c->report->arena,
                                    "%s of the %s schema has another name in the %s, %s, "
                                    "which has no alias for it",
                                    said(c, writer), writer_word(c), reader_word(c),
                                    said(c, reader)));
}

static bool size_mismatch(struct compat *c, const struct relais_avro_type *reader,
                          const struct relais_avro_type *writer)
{
    if (c->silent)
        return false;
    return tell(c, RELAIS_COMPAT_FIXED_SIZE_MISMATCH, reader, writer,
                relais_arena_printf(&c->report->arena,
                                    "%s has %u bytes in the %s schema, %u in the %s",
                                    reader->name, writer->count, writer_word(c),
                                    reader->count, reader_word(c)));
}

static bool field_missing(struct compat *c, const struct relais_avro_field *field,
                          const struct relais_avro_type *reader,
                          const struct relais_avro_type *writer)
{
    if (c->silent)
        return false;
    return tell(c, RELAIS_COMPAT_READER_FIELD_MISSING_DEFAULT_VALUE, reader, writer,
                relais_arena_printf(&c->report->arena,
                                    "field %s of the %s schema has no default, and the "
                                    "%s schema does not have it",
                                    field->name, reader_word(c), writer_word(c)));
}

/* ---- paths ------------------------------------------------------------------------- */

/* Appends; path_len is put back by the caller. A path that does not fit is cut. */
static void go(struct compat *c, const char *before, const char *name)
{
    size_t room = sizeof(c->path) - c->path_len;
    int n = snprintf(c->path + c->path_len, room, "%s%s", before, name);

    if (n > 0)
        c->path_len += (size_t)n < room ? (size_t)n : room - 1;
}

static bool reads_at(struct compat *c, const char *before, const char *name,
                     const struct relais_avro_type *reader,
                     const struct relais_avro_type *writer)
{
    size_t length = c->path_len;
    bool good;

    go(c, before, name);
    good = reads(c, reader, writer);
    c->path_len = length;
    return good;
}

/* ---- named types ------------------------------------------------------------------- */

static int by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* "A, B, ..." of the symbols that the reader lacks; ptr NULL: none. */
static struct relais_slice lost_symbols(struct compat *c,
                                        const struct relais_avro_type *reader,
                                        const struct relais_avro_type *writer)
{
    const char **sorted = relais_alloc((reader->count + (size_t)1) * sizeof(*sorted));
    struct relais_slice list = RELAIS_SLICE_NULL;
    int found = 0;

    for (uint32_t i = 0; i < reader->count; i++)
        sorted[i] = reader->symbols[i];
    qsort(sorted, reader->count, sizeof(*sorted), by_text);
    for (uint32_t i = 0; i < writer->count && found <= LIST_SHOWN; i++) {
        if (bsearch(&writer->symbols[i], sorted, reader->count, sizeof(*sorted), by_text))
            continue;
        list = relais_arena_printf(&c->report->arena, "%s%s%s", found ? list.ptr : "",
                                   found ? ", " : "",
                                   found < LIST_SHOWN ? writer->symbols[i] : "...");
        found++;
        if (!list.ptr) {
            c->full = true;
            break;
        }
    }
    free(sorted);
    return list;
}

static bool reads_enum(struct compat *c, const struct relais_avro_type *reader,
                       const struct relais_avro_type *writer)
{
    struct relais_slice lost;

    if (reader->enum_default >= 0)
        return true;
    c->steps += reader->count + writer->count;
    lost = lost_symbols(c, reader, writer);
    if (!lost.ptr)
        return !c->full;
    if (c->silent)
        return false;
    return tell(c, RELAIS_COMPAT_MISSING_ENUM_SYMBOLS, reader, writer,
                relais_arena_printf(&c->report->arena,
                                    "enum %s of the %s schema has no default and lacks "
                                    "symbols of the %s: %s",
                                    reader->name, reader_word(c), writer_word(c),
                                    lost.ptr));
}

/* The writer's fields that fill the reader's, by the reader's index; NULL: its default.
 * As the resolution does: by name, else by alias. */
static const struct relais_avro_field **
matched_fields(struct compat *c, const struct relais_avro_type *reader,
               const struct relais_avro_type *writer)
{
    const struct relais_avro_field **from =
        relais_zalloc((reader->count + (size_t)1) * sizeof(struct relais_avro_field *));

    for (uint32_t i = 0; i < writer->count && c->steps < STEPS_MAX; i++) {
        bool in_place = i < reader->count &&
                        strcmp(reader->fields[i].name, writer->fields[i].name) == 0;
        int64_t to = in_place ? (int64_t)i : relais_avro_field_for(writer, i, reader);

        c->steps += in_place ? 1 : reader->count;
        if (to >= 0)
            from[to] = &writer->fields[i];
    }
    return from;
}

static bool reads_fields(struct compat *c, const struct relais_avro_type *reader,
                         const struct relais_avro_type *writer)
{
    const struct relais_avro_field **from = matched_fields(c, reader, writer);
    size_t length = c->path_len;
    bool good = true;

    for (uint32_t i = 0; i < reader->count && !enough(c, good); i++) {
        const struct relais_avro_field *field = &reader->fields[i];

        if (from[i]) {
            good = reads_at(c, ".", field->name, field->type, from[i]->type) && good;
        } else if (!field->has_default) {
            go(c, ".", field->name);
            good = field_missing(c, field, reader, writer);
            c->path_len = length;
        }
    }
    free(from);
    return good;
}

static bool reads_named(struct compat *c, const struct relais_avro_type *reader,
                        const struct relais_avro_type *writer)
{
    bool good =
        relais_avro_names_match(writer, reader) || name_mismatch(c, reader, writer);

    if (enough(c, good))
        return false;
    if (reader->kind == RELAIS_AVRO_RECORD)
        return reads_fields(c, reader, writer) && good;
    if (reader->kind == RELAIS_AVRO_ENUM)
        return reads_enum(c, reader, writer) && good;
    return (reader->count == writer->count || size_mismatch(c, reader, writer)) && good;
}

/* ---- pairs known ------------------------------------------------------------------- */

static uint32_t *slot_of(struct compat *c, const struct relais_avro_type *reader,
                         const struct relais_avro_type *writer)
{
    uint64_t h = ((uint64_t)reader->index << 32 | writer->index) * 0x9e3779b97f4a7c15u;
    size_t i = (size_t)(h >> 32) & (c->slot_count - 1);

    while (c->slots[i] && (c->pairs[c->slots[i] - 1].reader != reader ||
                           c->pairs[c->slots[i] - 1].writer != writer))
        i = (i + 1) & (c->slot_count - 1);
    return &c->slots[i];
}

static size_t pair_of(struct compat *c, const struct relais_avro_type *reader,
                      const struct relais_avro_type *writer)
{
    uint32_t *slot;

    if (c->pair_count * 2 >= c->slot_count) {
        c->pair_cap = c->pair_cap ? c->pair_cap * 2 : 32;
        c->pairs = relais_realloc(c->pairs, c->pair_cap * sizeof(*c->pairs));
        free(c->slots);
        c->slot_count = c->pair_cap * 2;
        c->slots = relais_zalloc(c->slot_count * sizeof(*c->slots));
        for (size_t i = 0; i < c->pair_count; i++)
            *slot_of(c, c->pairs[i].reader, c->pairs[i].writer) = (uint32_t)i + 1;
    }
    slot = slot_of(c, reader, writer);
    if (!*slot) {
        c->pairs[c->pair_count] = (struct pair){reader, writer, UNKNOWN};
        *slot = (uint32_t)++c->pair_count;
    }
    return *slot - 1;
}

/* A pair that is being compared counts as read: only another part can say no. What was
 * found good meanwhile may have rested on it, so a no forgets that. */
static bool reads_pair(struct compat *c, const struct relais_avro_type *reader,
                       const struct relais_avro_type *writer)
{
    size_t known = pair_of(c, reader, writer);
    bool good;

    switch (c->pairs[known].answer) {
    case OPEN:
    case YES:
        return true;
    case NO_TOLD:
        return false;
    case NO:
        if (c->silent)
            return false;
        break;
    case UNKNOWN:
        break;
    }
    c->pairs[known].answer = OPEN;
    good = reads_named(c, reader, writer);
    c->pairs[known].answer = good ? YES : c->silent ? NO : NO_TOLD;
    for (size_t i = 0; !good && i < c->pair_count; i++)
        if (c->pairs[i].answer == YES)
            c->pairs[i].answer = UNKNOWN;
    c->steps += good ? 0 : (uint32_t)c->pair_count;
    return good;
}

/* ---- types ------------------------------------------------------------------------- */

static bool tries(struct compat *c, const struct relais_avro_type *reader,
                  const struct relais_avro_type *writer)
{
    bool silent = c->silent, good;

    c->silent = true;
    good = reads(c, reader, writer);
    c->silent = silent;
    return good;
}

/* Why the branch that would have been chosen cannot be read: the first of its causes. */
static const char *inner_cause(struct compat *c, const struct relais_avro_type *reader,
                               const struct relais_avro_type *writer)
{
    int64_t branch = relais_avro_branch_for(writer, reader);
    struct relais_compat *report = c->report, inner = RELAIS_COMPAT_INIT;
    struct compat alone = {.report = &inner, .forward = c->forward, .depth = c->depth};
    struct relais_slice text = RELAIS_SLICE("");

    if (branch < 0 || c->first)
        return text.ptr;
    alone.first = true;
    alone.steps = c->steps;
    memcpy(alone.path, c->path, c->path_len);
    alone.path_len = c->path_len;
    if (!reads(&alone, reader->branches[branch], writer) && inner.count && !alone.full)
        text = relais_arena_printf(&report->arena, " (%s: %s)", inner.causes[0].path,
                                   inner.causes[0].text);
    c->steps = alone.steps;
    free(alone.pairs);
    free(alone.slots);
    relais_compat_release(&inner);
    return text.ptr ? text.ptr : "";
}

/* A writer's type that is no union into the reader's union. */
static bool reads_into(struct compat *c, const struct relais_avro_type *reader,
                       const struct relais_avro_type *writer)
{
    for (uint32_t i = 0; i < reader->count; i++)
        if (tries(c, reader->branches[i], writer))
            return true;
    if (c->silent)
        return false;
    return tell(c, RELAIS_COMPAT_MISSING_UNION_BRANCH, reader, writer,
                relais_arena_printf(&c->report->arena,
                                    "no branch of the union %s of the %s schema reads %s "
                                    "of the %s%s",
                                    said(c, reader), reader_word(c), said(c, writer),
                                    writer_word(c), inner_cause(c, reader, writer)));
}

static bool reads_each(struct compat *c, const struct relais_avro_type *reader,
                       const struct relais_avro_type *writer)
{
    bool good = true;

    for (uint32_t i = 0; i < writer->count && !enough(c, good); i++)
        good = reads(c, reader, writer->branches[i]) && good;
    return good;
}

static bool reads_type(struct compat *c, const struct relais_avro_type *reader,
                       const struct relais_avro_type *writer)
{
    if (writer->kind == RELAIS_AVRO_UNION)
        return reads_each(c, reader, writer);
    if (reader->kind == RELAIS_AVRO_UNION)
        return reads_into(c, reader, writer);
    if (reader->kind != writer->kind)
        return relais_avro_promotes(writer->kind, reader->kind) ||
               type_mismatch(c, reader, writer);
    switch (reader->kind) {
    case RELAIS_AVRO_RECORD:
    case RELAIS_AVRO_ENUM:
    case RELAIS_AVRO_FIXED:
        return reads_pair(c, reader, writer);
    case RELAIS_AVRO_ARRAY:
        return reads_at(c, "[]", "", reader->item, writer->item);
    case RELAIS_AVRO_MAP:
        return reads_at(c, "{}", "", reader->item, writer->item);
    default:
        return true;
    }
}

static bool reads(struct compat *c, const struct relais_avro_type *reader,
                  const struct relais_avro_type *writer)
{
    bool good;

    /* a record seen from inside itself is the record */
    reader = reader->by_pointer ? reader->item : reader;
    writer = writer->by_pointer ? writer->item : writer;
    if (c->steps >= STEPS_MAX || c->depth >= DEPTH_MAX || c->full) {
        c->full = true;
        return false;
    }
    c->steps++;
    c->depth++;
    good = reads_type(c, reader, writer);
    c->depth--;
    return good;
}

/* ---- schemas ----------------------------------------------------------------------- */

static int check_one(const struct relais_avro *reader, const struct relais_avro *writer,
                     bool forward, size_t version, struct relais_compat *report,
                     struct relais_error *err)
{
    struct compat c = {.report = report, .forward = forward, .version = version};
    const struct relais_avro_type *root = relais_avro_root(reader);
    const char *dot = root->name ? strrchr(root->name, '.') : NULL;

    go(&c, "", dot ? dot + 1 : root->name ? root->name : "schema");
    reads(&c, root, relais_avro_root(writer));
    free(c.pairs);
    free(c.slots);
    if (c.full)
        return relais_error_set(err, RELAIS_E_LIMIT, NULL,
                                "schemas too large to be compared");
    return 0;
}

int relais_compat_check(const struct relais_avro *newer,
                        const struct relais_avro *const *older, size_t older_count,
                        enum relais_compat_level level, struct relais_compat *report,
                        struct relais_error *err)
{
    size_t first = relais_compat_transitive(level) || !older_count ? 0 : older_count - 1;

    for (size_t i = older_count; level > RELAIS_COMPAT_NONE && i-- > first;)
        if ((asks_backward(level) && check_one(newer, older[i], false, i, report, err)) ||
            (asks_forward(level) && check_one(older[i], newer, true, i, report, err)))
            return -1;
    return 0;
}
