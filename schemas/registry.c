#include "schemas/registry.h"

#include "core/crypto.h"
#include "schemas/registry_http.h"

#include <curl/curl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define LEVEL            "FULL_TRANSITIVE"
#define SCHEMA_COUNT_MAX 10000
#define BODY_MAX         (8u << 20)
#define UNKNOWN_COUNT    16
#define UNKNOWN_KEEP_MS  10000
#define UNKNOWN_RETRY_MS 100

struct known_schema {
    int32_t id;
    struct relais_avro *schema;
};

struct known_id {
    char *subject;
    unsigned char digest[RELAIS_SHA256_LEN]; /* of the text */
    int32_t id;
    bool registered; /* or only looked up */
};

struct relais_registry {
    struct registry_http *http;
    struct known_schema *schemas; /* by id */
    size_t schema_count, schema_cap;
    struct known_id *ids;
    size_t id_count;
    struct {
        int32_t id;
        int64_t until_ms;
    } unknown[UNKNOWN_COUNT]; /* asked in vain a moment ago */
    size_t unknown_next;
};

struct relais_registry *relais_registry_new(const struct relais_conf *conf,
                                            struct relais_error *err)
{
    struct relais_registry *reg = relais_zalloc(sizeof(*reg));

    reg->http = registry_http_new(conf, err);
    if (!reg->http) {
        relais_registry_free(reg);
        return NULL;
    }
    return reg;
}

void relais_registry_free(struct relais_registry *reg)
{
    if (!reg)
        return;
    registry_http_free(reg->http);
    for (size_t i = 0; i < reg->schema_count; i++)
        relais_avro_free(reg->schemas[i].schema);
    for (size_t i = 0; i < reg->id_count; i++)
        free(reg->ids[i].subject);
    free(reg->schemas);
    free(reg->ids);
    free(reg);
}

/* ---- talking ---- */

static int refused(struct relais_error *err, const char *where,
                   const struct registry_http_answer *answer)
{
    return relais_error_set(err, RELAIS_E_REGISTRY_REFUSED, where,
                            "HTTP %d, erreur %d: %s", answer->status, answer->error_code,
                            answer->message[0] ? answer->message : "sans motif");
}

/* Rights missing, or a server that takes no writes. */
static bool is_forbidden(const struct registry_http_answer *answer)
{
    return answer->status == 401 || answer->status == 403 || answer->status == 405 ||
           answer->error_code == 42205;
}

/* prefix + percent-encoded subject + suffix. */
static int call_subject(struct relais_registry *reg, const char *method,
                        const char *prefix, const char *subject, const char *suffix,
                        const char *body, struct registry_http_answer *answer,
                        struct relais_error *err)
{
    struct relais_buf path = RELAIS_BUF_INIT(4096);
    char *escaped = curl_easy_escape(NULL, subject, 0);
    int rc;

    if (!escaped || relais_buf_printf(&path, "%s%s%s", prefix, escaped, suffix))
        rc = relais_error_set(err, RELAIS_E_CONF_VALUE, "subject", "nom trop long");
    else
        rc = registry_http_call(reg->http, method, path.data, body, answer, err);
    curl_free(escaped);
    relais_buf_release(&path);
    return rc;
}

static int call_schema(struct relais_registry *reg, const char *subject,
                       const char *suffix, struct relais_slice text,
                       struct registry_http_answer *answer, struct relais_error *err)
{
    struct relais_buf body = RELAIS_BUF_INIT(BODY_MAX);
    int rc;

    if (relais_buf_add_str(&body, "{\"schema\":") || relais_json_string(&body, text) ||
        relais_buf_add_char(&body, '}'))
        rc = relais_error_set(err, RELAIS_E_SCHEMA_INVALID, subject, "texte trop grand");
    else
        rc = call_subject(reg, "POST", "/subjects/", subject, suffix, body.data, answer,
                          err);
    relais_buf_release(&body);
    return rc;
}

static int read_id(const struct registry_http_answer *answer, const char *where,
                   int32_t *id_out, struct relais_error *err)
{
    json_int_t id = json_integer_value(json_object_get(answer->root, "id"));

    if (id < 1 || id > INT32_MAX)
        return relais_error_set(err, RELAIS_E_REGISTRY_REFUSED, where,
                                "reponse sans id: ce n'est pas un registre de schemas");
    *id_out = (int32_t)id;
    return 0;
}

/* ---- schemas by id ---- */

static size_t schema_place(const struct relais_registry *reg, int32_t id)
{
    size_t low = 0, high = reg->schema_count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (reg->schemas[middle].id < id)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static void remember_schema(struct relais_registry *reg, int32_t id,
                            struct relais_avro *schema)
{
    size_t i = schema_place(reg, id);

    if (reg->schema_count == reg->schema_cap) {
        reg->schema_cap = reg->schema_cap ? reg->schema_cap * 2 : 8;
        reg->schemas =
            relais_realloc(reg->schemas, reg->schema_cap * sizeof(*reg->schemas));
    }
    memmove(&reg->schemas[i + 1], &reg->schemas[i],
            (reg->schema_count - i) * sizeof(*reg->schemas));
    reg->schemas[i] = (struct known_schema){.id = id, .schema = schema};
    reg->schema_count++;
}

/* Damaged messages name ids that nobody has: each is asked for once in a while only. */
static bool is_unknown(const struct relais_registry *reg, int32_t id)
{
    for (size_t i = 0; i < UNKNOWN_COUNT; i++) {
        if (reg->unknown[i].id == id && reg->unknown[i].until_ms > registry_http_now())
            return true;
    }
    return false;
}

static int unknown_id(struct relais_registry *reg, int32_t id, struct relais_error *err)
{
    if (!is_unknown(reg, id)) {
        reg->unknown[reg->unknown_next].id = id;
        reg->unknown[reg->unknown_next].until_ms = registry_http_now() + UNKNOWN_KEEP_MS;
        reg->unknown_next = (reg->unknown_next + 1) % UNKNOWN_COUNT;
    }
    return relais_error_set(err, RELAIS_E_SCHEMA_UNKNOWN, "registry",
                            "no schema has id %d", id);
}

/* What a foreign producer registered may be no Avro or none of ours: its messages are
 * parked, the process goes on. */
static struct relais_avro *read_schema(const struct registry_http_answer *answer,
                                       int32_t id, struct relais_error *err)
{
    const json_t *type = json_object_get(answer->root, "schemaType");
    const json_t *text = json_object_get(answer->root, "schema");
    struct relais_error why = RELAIS_ERROR_INIT;
    struct relais_avro *schema;

    if (!json_is_string(text)) {
        relais_error_set(err, RELAIS_E_REGISTRY_REFUSED, "registry",
                         "reponse sans schema: ce n'est pas un registre de schemas");
        return NULL;
    }
    if (json_is_string(type) && strcmp(json_string_value(type), "AVRO") != 0) {
        relais_error_set(err, RELAIS_E_SCHEMA_UNKNOWN, "registry",
                         "schema id %d is not Avro", id);
        return NULL;
    }
    schema = relais_avro_new(
        (struct relais_slice){json_string_value(text), json_string_length(text)}, &why);
    if (!schema)
        relais_error_set(err, RELAIS_E_SCHEMA_UNKNOWN, "registry",
                         "schema id %d cannot be read: %s: %s", id, why.where, why.text);
    return schema;
}

static struct relais_avro *fetch_schema(struct relais_registry *reg, int32_t id,
                                        struct relais_error *err)
{
    struct registry_http_answer answer = {0};
    struct relais_avro *schema = NULL;
    char path[64];

    snprintf(path, sizeof(path), "/schemas/ids/%d", id);
    if (registry_http_call(reg->http, "GET", path, NULL, &answer, err))
        return NULL;
    if (answer.error_code == 40403) {
        /* just registered, and not yet with every server? */
        json_decref(answer.root);
        registry_http_sleep(UNKNOWN_RETRY_MS);
        if (registry_http_call(reg->http, "GET", path, NULL, &answer, err))
            return NULL;
    }
    if (answer.status < 300)
        schema = read_schema(&answer, id, err);
    else if (answer.error_code == 40403)
        unknown_id(reg, id, err);
    else
        refused(err, path, &answer);
    json_decref(answer.root);
    return schema;
}

const struct relais_avro *relais_registry_schema(struct relais_registry *reg, int32_t id,
                                                 struct relais_error *err)
{
    size_t i = schema_place(reg, id);
    struct relais_avro *schema;

    if (i < reg->schema_count && reg->schemas[i].id == id)
        return reg->schemas[i].schema;
    if (id < 1 || is_unknown(reg, id)) {
        relais_error_set(err, RELAIS_E_SCHEMA_UNKNOWN, "registry", "no schema has id %d",
                         id);
        return NULL;
    }
    if (reg->schema_count >= SCHEMA_COUNT_MAX) {
        relais_error_set(err, RELAIS_E_LIMIT, "registry", "more than %d schemas",
                         SCHEMA_COUNT_MAX);
        return NULL;
    }
    schema = fetch_schema(reg, id, err);
    if (schema)
        remember_schema(reg, id, schema);
    return schema;
}

/* ---- ids by subject and text ---- */

static struct known_id *known_find(const struct relais_registry *reg, const char *subject,
                                   const unsigned char digest[RELAIS_SHA256_LEN])
{
    for (size_t i = 0; i < reg->id_count; i++) {
        if (memcmp(reg->ids[i].digest, digest, RELAIS_SHA256_LEN) == 0 &&
            strcmp(reg->ids[i].subject, subject) == 0)
            return &reg->ids[i];
    }
    return NULL;
}

static void remember_id(struct relais_registry *reg, const char *subject,
                        const unsigned char digest[RELAIS_SHA256_LEN], int32_t id,
                        bool registered)
{
    struct known_id *known = known_find(reg, subject, digest);

    if (!known) {
        if (reg->id_count >= SCHEMA_COUNT_MAX)
            return;
        reg->ids = relais_realloc(reg->ids, (reg->id_count + 1) * sizeof(*reg->ids));
        known = &reg->ids[reg->id_count++];
        *known = (struct known_id){.subject = relais_strdup(subject)};
        memcpy(known->digest, digest, RELAIS_SHA256_LEN);
    }
    known->id = id;
    known->registered = registered;
}

/* Registries reprint texts, so the parsed forms are compared: an id that stands for
 * another schema would make every message unreadable. */
static int verify(struct relais_registry *reg, const char *subject,
                  struct relais_slice text, int32_t id, struct relais_error *err)
{
    const struct relais_avro *theirs;
    struct relais_avro *ours = relais_avro_new(text, err);
    int rc = -1;

    if (!ours)
        return -1;
    theirs = relais_registry_schema(reg, id, err);
    if (theirs && relais_avro_fingerprint(theirs) != relais_avro_fingerprint(ours))
        relais_error_set(err, RELAIS_E_REGISTRY_REFUSED, subject,
                         "l'id %d designe un autre schema", id);
    else if (theirs)
        rc = 0;
    relais_avro_free(ours);
    return rc;
}

static int ask_lookup(struct relais_registry *reg, const char *subject,
                      struct relais_slice text, int32_t *id_out, struct relais_error *err)
{
    struct registry_http_answer answer;
    int rc;

    if (call_schema(reg, subject, "", text, &answer, err))
        return -1;
    if (answer.status < 300)
        rc = read_id(&answer, subject, id_out, err);
    else if (answer.error_code == 40401 || answer.error_code == 40403)
        rc = relais_error_set(err, RELAIS_E_SCHEMA_UNKNOWN, subject,
                              "not registered under this subject");
    else
        rc = refused(err, subject, &answer);
    json_decref(answer.root);
    return rc;
}

int relais_registry_lookup(struct relais_registry *reg, const char *subject,
                           struct relais_slice text, int32_t *id_out,
                           struct relais_error *err)
{
    unsigned char digest[RELAIS_SHA256_LEN];
    const struct known_id *known;

    relais_sha256(text, digest);
    known = known_find(reg, subject, digest);
    if (known) {
        *id_out = known->id;
        return 0;
    }
    if (ask_lookup(reg, subject, text, id_out, err) ||
        verify(reg, subject, text, *id_out, err))
        return -1;
    remember_id(reg, subject, digest, *id_out, false);
    return 0;
}

/* ---- versions ---- */

/* The schema of one version; NULL: error set. */
static const struct relais_avro *version_at(struct relais_registry *reg,
                                            const char *subject, const json_t *number,
                                            struct relais_error *err)
{
    struct registry_http_answer answer;
    char suffix[40];
    int32_t id = 0;
    int rc;

    snprintf(suffix, sizeof(suffix), "/versions/%" JSON_INTEGER_FORMAT,
             json_integer_value(number));
    if (call_subject(reg, "GET", "/subjects/", subject, suffix, NULL, &answer, err))
        return NULL;
    rc = answer.status < 300 ? read_id(&answer, subject, &id, err)
                             : refused(err, subject, &answer);
    json_decref(answer.root);
    return rc ? NULL : relais_registry_schema(reg, id, err);
}

const struct relais_avro *relais_registry_version(struct relais_registry *reg,
                                                  const char *subject,
                                                  uint64_t fingerprint,
                                                  struct relais_error *err)
{
    const struct relais_avro *found = NULL;
    struct registry_http_answer answer;
    size_t count;
    int rc = 0;

    if (call_subject(reg, "GET", "/subjects/", subject, "/versions", NULL, &answer, err))
        return NULL;
    if (answer.status >= 300 && answer.error_code != 40401)
        rc = refused(err, subject, &answer);
    count = answer.status < 300 ? json_array_size(answer.root) : 0;
    for (size_t i = count; !rc && !found && i-- > 0;) {
        found = version_at(reg, subject, json_array_get(answer.root, i), err);
        rc = found ? 0 : -1;
        if (found && relais_avro_fingerprint(found) != fingerprint)
            found = NULL;
    }
    json_decref(answer.root);
    if (!rc && !found)
        relais_error_set(err, RELAIS_E_SCHEMA_UNKNOWN, subject,
                         "no version with fingerprint %016" PRIx64, fingerprint);
    return found;
}

/* ---- levels ---- */

static int read_level(const struct registry_http_answer *answer, const char *where,
                      char *out, size_t out_len, struct relais_error *err)
{
    const json_t *level = json_object_get(answer->root, "compatibilityLevel");

    if (!level)
        level = json_object_get(answer->root, "compatibility");
    if (!json_is_string(level) || json_string_length(level) >= out_len)
        return relais_error_set(
            err, RELAIS_E_REGISTRY_REFUSED, where,
            "reponse sans niveau: ce n'est pas un registre de schemas");
    snprintf(out, out_len, "%s", json_string_value(level));
    return 0;
}

/* 0: level in out ("" : the subject has none of its own); 1: forbidden; -1. */
static int ask_level(struct relais_registry *reg, const char *subject, const char *suffix,
                     char *out, size_t out_len, struct relais_error *err)
{
    struct registry_http_answer answer;
    int rc;

    out[0] = '\0';
    if (call_subject(reg, "GET", subject ? "/config/" : "/config", subject ? subject : "",
                     suffix, NULL, &answer, err))
        return -1;
    if (answer.status < 300)
        rc = read_level(&answer, subject, out, out_len, err);
    else if (answer.error_code == 40408 || answer.error_code == 40401)
        rc = 0;
    else if (is_forbidden(&answer))
        rc = 1;
    else
        rc = refused(err, subject, &answer);
    json_decref(answer.root);
    return rc;
}

int relais_registry_level(struct relais_registry *reg, const char *subject, char *out,
                          size_t out_len, struct relais_error *err)
{
    int rc = ask_level(reg, subject, "?defaultToGlobal=true", out, out_len, err);

    if (rc == 0 && !out[0])
        rc = ask_level(reg, NULL, "", out, out_len, err);
    if (rc == 1 || (rc == 0 && !out[0]))
        return relais_error_set(err, RELAIS_E_REGISTRY_REFUSED, subject,
                                "niveau de compatibilite illisible");
    return rc;
}

/* Some servers answer the global level for a subject without one. Before the first
 * version such an answer is taken for "none of its own". 1: it has its own; 0; -1. */
static int has_own_level(struct relais_registry *reg, const char *subject,
                         const char *level, struct relais_error *err)
{
    struct registry_http_answer answer;
    char global[64];
    bool empty;
    int rc;

    if (call_subject(reg, "GET", "/subjects/", subject, "/versions", NULL, &answer, err))
        return -1;
    empty = answer.error_code == 40401 ||
            (answer.status < 300 && json_array_size(answer.root) == 0);
    json_decref(answer.root);
    if (!empty)
        return 1;
    rc = ask_level(reg, NULL, "", global, sizeof(global), err);
    return rc < 0 ? -1 : rc == 1 || strcmp(global, level) != 0;
}

/* 0: the subject has a level of its own; 1: forbidden; -1. */
static int ensure_level(struct relais_registry *reg, const char *subject,
                        struct relais_error *err)
{
    struct registry_http_answer answer;
    char level[64];
    int rc = ask_level(reg, subject, "", level, sizeof(level), err);

    if (rc || strcmp(level, LEVEL) == 0)
        return rc;
    if (level[0]) {
        rc = has_own_level(reg, subject, level, err);
        if (rc)
            return rc < 0 ? -1 : 0;
    }
    if (call_subject(reg, "PUT", "/config/", subject, "",
                     "{\"compatibility\":\"" LEVEL "\"}", &answer, err))
        return -1;
    if (answer.status >= 300)
        rc = is_forbidden(&answer) ? 1 : refused(err, subject, &answer);
    json_decref(answer.root);
    return rc;
}

/* ---- registering ---- */

/* 0; 1: forbidden; -1. */
static int ask_register(struct relais_registry *reg, const char *subject,
                        struct relais_slice text, int32_t *id_out,
                        struct relais_error *err)
{
    struct registry_http_answer answer;
    int rc;

    if (call_schema(reg, subject, "/versions", text, &answer, err))
        return -1;
    if (answer.status < 300)
        rc = read_id(&answer, subject, id_out, err);
    else if (is_forbidden(&answer))
        rc = 1;
    else
        rc = refused(err, subject, &answer);
    json_decref(answer.root);
    return rc;
}

int relais_registry_register(struct relais_registry *reg, const char *subject,
                             struct relais_slice text, int32_t *id_out,
                             struct relais_error *err)
{
    unsigned char digest[RELAIS_SHA256_LEN];
    const struct known_id *known;
    struct relais_error why = RELAIS_ERROR_INIT;
    int rc;

    relais_sha256(text, digest);
    known = known_find(reg, subject, digest);
    if (known && known->registered) {
        *id_out = known->id;
        return 0;
    }
    rc = ensure_level(reg, subject, err);
    if (rc == 0)
        rc = ask_register(reg, subject, text, id_out, err);
    /* where only others may register, what they registered serves as well */
    if (rc == 1) {
        rc = ask_lookup(reg, subject, text, id_out, &why);
        if (rc)
            return why.code == RELAIS_E_SCHEMA_UNKNOWN
                       ? relais_error_set(err, RELAIS_E_REGISTRY_REFUSED, subject,
                                          "pas le droit d'enregistrer, et personne n'a "
                                          "enregistre ce schema")
                       : relais_error_set(err, why.code, why.where, "%s", why.text);
    }
    if (rc)
        return -1;
    if (verify(reg, subject, text, *id_out, &why))
        return relais_error_set(
            err,
            why.code == RELAIS_E_SCHEMA_UNKNOWN
                ? RELAIS_E_REGISTRY_DOWN /* not yet with every server */
                : why.code,
            why.where, "%s", why.text);
    remember_id(reg, subject, digest, *id_out, true);
    return 0;
}
