#include "schemas/registry_store.h"

#include "core/crypto.h"
#include "schemas/registry_identity.h"
#include "schemas/registry_journal.h"

#include <jansson.h>
#include <stdlib.h>
#include <strings.h>

#define IDENTITY_TEXT_MAX (8u << 20)

struct registry_store {
    struct registry_journal journal;
    struct registry_schema *schemas; /* id - 1 */
    size_t schema_count, schema_cap;
    struct registry_subject *subjects; /* by name */
    size_t subject_count, subject_cap;
    enum relais_compat_level level;
};

int registry_identity_digest(struct relais_slice text,
                             unsigned char out[REGISTRY_IDENTITY_LEN],
                             struct relais_error *err)
{
    struct relais_buf print = RELAIS_BUF_INIT(IDENTITY_TEXT_MAX);
    int rc = registry_identity(text, &print, err);

    if (rc == 0)
        relais_sha256(relais_buf_slice(&print), out);
    relais_buf_release(&print);
    return rc;
}

/* Room for one more item of an array that doubles. */
static void *grown(void *items, size_t count, size_t *cap, size_t size)
{
    if (count < *cap)
        return items;
    *cap = *cap ? *cap * 2 : 8;
    return relais_realloc(items, *cap * size);
}

/* ---- reading ---- */

const struct registry_schema *registry_store_schema(const struct registry_store *store,
                                                    int32_t id)
{
    return id >= 1 && (size_t)id <= store->schema_count ? &store->schemas[id - 1] : NULL;
}

int32_t registry_store_max_id(const struct registry_store *store)
{
    return (int32_t)store->schema_count;
}

/* The place of a name among the subjects, or where it would be put. */
static size_t subject_place(const struct registry_store *store, const char *name)
{
    size_t low = 0, high = store->subject_count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (strcmp(store->subjects[middle].name, name) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static struct registry_subject *subject_find(const struct registry_store *store,
                                             const char *name)
{
    size_t i = subject_place(store, name);

    return i < store->subject_count && strcmp(store->subjects[i].name, name) == 0
               ? &store->subjects[i]
               : NULL;
}

const struct registry_subject *registry_store_subject(const struct registry_store *store,
                                                      const char *name)
{
    return subject_find(store, name);
}

const struct registry_subject *registry_store_at(const struct registry_store *store,
                                                 size_t i)
{
    return i < store->subject_count ? &store->subjects[i] : NULL;
}

const struct registry_version *
registry_store_holds(const struct registry_store *store,
                     const struct registry_subject *subject,
                     const unsigned char identity[REGISTRY_IDENTITY_LEN], bool deleted)
{
    for (size_t i = subject->version_count; i-- > 0;) {
        const struct registry_version *v = &subject->versions[i];

        if ((deleted || !v->deleted) && memcmp(store->schemas[v->id - 1].identity,
                                               identity, REGISTRY_IDENTITY_LEN) == 0)
            return v;
    }
    return NULL;
}

const struct registry_version *
registry_subject_latest(const struct registry_subject *subject, bool deleted)
{
    for (size_t i = subject->version_count; i-- > 0;) {
        if (deleted || !subject->versions[i].deleted)
            return &subject->versions[i];
    }
    return NULL;
}

enum relais_compat_level registry_store_level(const struct registry_store *store)
{
    return store->level;
}

static int32_t id_of(const struct registry_store *store,
                     const unsigned char identity[REGISTRY_IDENTITY_LEN])
{
    for (size_t i = 0; i < store->schema_count; i++) {
        if (memcmp(store->schemas[i].identity, identity, REGISTRY_IDENTITY_LEN) == 0)
            return (int32_t)i + 1;
    }
    return 0;
}

/* ---- applying a line; -1: it does not fit, and nothing has changed ---- */

static struct registry_subject *subject_make(struct registry_store *store,
                                             const char *name)
{
    size_t i = subject_place(store, name);

    if (i < store->subject_count && strcmp(store->subjects[i].name, name) == 0)
        return &store->subjects[i];
    if (store->subject_count >= REGISTRY_COUNT_MAX)
        return NULL;
    store->subjects = grown(store->subjects, store->subject_count, &store->subject_cap,
                            sizeof(*store->subjects));
    memmove(&store->subjects[i + 1], &store->subjects[i],
            (store->subject_count - i) * sizeof(*store->subjects));
    store->subjects[i] = (struct registry_subject){.name = relais_strdup(name)};
    store->subject_count++;
    return &store->subjects[i];
}

/* {"op":"register","subject":S,"version":V,"id":I} and, with a new id, "schema":TEXT */
static int apply_register(struct registry_store *store, const json_t *line)
{
    const char *name = json_string_value(json_object_get(line, "subject"));
    const json_t *text = json_object_get(line, "schema");
    json_int_t id = json_integer_value(json_object_get(line, "id"));
    json_int_t version = json_integer_value(json_object_get(line, "version"));
    struct registry_schema schema = {
        .text = {json_string_value(text), text ? json_string_length(text) : 0}};
    json_int_t expected = (json_int_t)store->schema_count + 1;
    const struct registry_version *latest;
    struct registry_subject *subject;

    if (!name || id < 1 || version < 1 || version > INT32_MAX ||
        (text ? id != expected || id > REGISTRY_COUNT_MAX : id >= expected) ||
        (text && (!schema.text.ptr ||
                  registry_identity_digest(schema.text, schema.identity, NULL))))
        return -1;
    subject = subject_make(store, name);
    latest = subject ? registry_subject_latest(subject, true) : NULL;
    if (!subject || (latest && latest->version >= version))
        return -1;
    if (text) {
        schema.text.ptr = relais_strndup(schema.text.ptr, schema.text.len);
        store->schemas = grown(store->schemas, store->schema_count, &store->schema_cap,
                               sizeof(*store->schemas));
        store->schemas[store->schema_count++] = schema;
    }
    subject->versions = grown(subject->versions, subject->version_count,
                              &subject->version_cap, sizeof(*subject->versions));
    subject->versions[subject->version_count++] =
        (struct registry_version){.version = (int32_t)version, .id = (int32_t)id};
    return 0;
}

/* {"op":"level","subject":S or absent,"level":L or absent} */
static int apply_level(struct registry_store *store, const json_t *line)
{
    const char *name = json_string_value(json_object_get(line, "subject"));
    const char *word = json_string_value(json_object_get(line, "level"));
    enum relais_compat_level level =
        word ? relais_compat_level_parse(word) : RELAIS_COMPAT_UNSET;
    struct registry_subject *subject;

    if (word && level == RELAIS_COMPAT_UNSET)
        return -1;
    if (!name) {
        store->level = word ? level : RELAIS_COMPAT_BACKWARD;
        return 0;
    }
    subject = subject_make(store, name);
    if (!subject)
        return -1;
    subject->level = level;
    return 0;
}

/* {"op":"delete","subject":S,"version":V or 0 for all,"permanent":BOOL} */
static int apply_delete(struct registry_store *store, const json_t *line)
{
    const char *name = json_string_value(json_object_get(line, "subject"));
    json_int_t version = json_integer_value(json_object_get(line, "version"));
    bool permanent = json_is_true(json_object_get(line, "permanent"));
    struct registry_subject *subject = name ? subject_find(store, name) : NULL;
    size_t kept = 0;

    if (!subject)
        return -1;
    for (size_t i = 0; i < subject->version_count; i++) {
        struct registry_version v = subject->versions[i];

        if (version == 0 || v.version == version) {
            if (permanent)
                continue;
            v.deleted = true;
        }
        subject->versions[kept++] = v;
    }
    subject->version_count = kept;
    if (version == 0)
        subject->level = RELAIS_COMPAT_UNSET;
    return 0;
}

static int apply(void *user, const json_t *line)
{
    static const struct {
        const char *op;
        int (*apply)(struct registry_store *store, const json_t *line);
    } ops[] = {
        {"register", apply_register},
        {"level", apply_level},
        {"delete", apply_delete},
    };
    const char *op = json_string_value(json_object_get(line, "op"));

    for (size_t i = 0; op && i < sizeof(ops) / sizeof(ops[0]); i++) {
        if (strcmp(ops[i].op, op) == 0)
            return ops[i].apply(user, line);
    }
    return -1;
}

/* ---- changing: on disk first, then in memory ---- */

static int commit(struct registry_store *store, json_t *line, struct relais_error *err)
{
    int rc = registry_journal_append(&store->journal, line, err);

    if (rc == 0 && apply(store, line))
        rc = relais_error_set(err, RELAIS_E_BUG, "registry", "a line cannot be applied");
    json_decref(line);
    return rc;
}

int registry_store_register(struct registry_store *store, const char *subject,
                            struct relais_slice text,
                            const unsigned char identity[REGISTRY_IDENTITY_LEN],
                            int32_t *id_out, int32_t *version_out,
                            struct relais_error *err)
{
    const struct registry_subject *known = subject_find(store, subject);
    const struct registry_version *latest =
        known ? registry_subject_latest(known, true) : NULL;
    int32_t id = id_of(store, identity);
    int32_t version = latest ? latest->version + 1 : 1;
    json_t *line;

    if ((!id && store->schema_count >= REGISTRY_COUNT_MAX) ||
        (!known && store->subject_count >= REGISTRY_COUNT_MAX))
        return relais_error_set(err, RELAIS_E_LIMIT, "registry",
                                "more than %d schemas or subjects", REGISTRY_COUNT_MAX);
    line =
        json_pack("{s:s, s:s, s:i, s:i}", "op", "register", "subject", subject, "version",
                  version, "id", id ? id : (int32_t)store->schema_count + 1);
    if (!id)
        json_object_set_new(line, "schema", json_stringn(text.ptr, text.len));
    *id_out = id ? id : (int32_t)store->schema_count + 1;
    *version_out = version;
    return commit(store, line, err);
}

int registry_store_set_level(struct registry_store *store, const char *subject,
                             enum relais_compat_level level, struct relais_error *err)
{
    json_t *line;

    if (subject && !subject_find(store, subject) &&
        store->subject_count >= REGISTRY_COUNT_MAX)
        return relais_error_set(err, RELAIS_E_LIMIT, "registry", "more than %d subjects",
                                REGISTRY_COUNT_MAX);
    line = json_pack("{s:s}", "op", "level");
    if (subject)
        json_object_set_new(line, "subject", json_string(subject));
    if (level != RELAIS_COMPAT_UNSET)
        json_object_set_new(line, "level", json_string(relais_compat_level_name(level)));
    return commit(store, line, err);
}

int registry_store_delete(struct registry_store *store, const char *subject,
                          int32_t version, bool permanent, struct relais_error *err)
{
    return commit(store,
                  json_pack("{s:s, s:s, s:i, s:b}", "op", "delete", "subject", subject,
                            "version", version, "permanent", permanent),
                  err);
}

struct registry_store *registry_store_open(const char *dir, struct relais_error *err)
{
    struct registry_store *store = relais_zalloc(sizeof(*store));

    store->level = RELAIS_COMPAT_BACKWARD;
    if (registry_journal_open(&store->journal, dir, apply, store, err)) {
        registry_store_close(store);
        return NULL;
    }
    return store;
}

void registry_store_close(struct registry_store *store)
{
    if (!store)
        return;
    registry_journal_close(&store->journal);
    for (size_t i = 0; i < store->schema_count; i++)
        free((char *)store->schemas[i].text.ptr);
    for (size_t i = 0; i < store->subject_count; i++) {
        free(store->subjects[i].name);
        free(store->subjects[i].versions);
    }
    free(store->schemas);
    free(store->subjects);
    free(store);
}
