#ifndef RELAIS_SCHEMAS_REGISTRY_STORE_H
#define RELAIS_SCHEMAS_REGISTRY_STORE_H

/* What the embedded registry knows: schemas by id, subjects with their versions and
 * levels. Every change is one line of a journal (registry_journal.h), written and synced
 * before it is applied, and the same lines build the store again at start. Ids are never
 * given twice. Ownership: pointers returned are borrowed until the next change. Threads:
 * one at a time. Bounds: 10,000 schemas, 10,000 subjects, journal 256 MiB.
 */

#include "schemas/compat.h"

#define REGISTRY_IDENTITY_LEN 32
#define REGISTRY_COUNT_MAX    10000
#define REGISTRY_SUBJECT_MAX  512 /* bytes of a subject's name */

struct registry_schema {
    struct relais_slice text; /* as first sent */
    unsigned char identity[REGISTRY_IDENTITY_LEN];
};

struct registry_version {
    int32_t version;
    int32_t id;
    bool deleted; /* softly: hidden, its number still taken */
};

struct registry_subject {
    char *name;
    struct registry_version *versions; /* ascending */
    size_t version_count, version_cap;
    enum relais_compat_level level;
};

struct registry_store;

/* dir NULL: memory only. Makes the folder. Errors: CONF_VALUE, IO, STATE_LOCKED,
 * STATE_BROKEN. */
struct registry_store *registry_store_open(const char *dir,
                                           struct relais_error *err) RELAIS_MUST_CHECK;
void registry_store_close(struct registry_store *store);

/* NULL: no such id. ids run from 1 to registry_store_max_id(). */
const struct registry_schema *registry_store_schema(const struct registry_store *store,
                                                    int32_t id);
int32_t registry_store_max_id(const struct registry_store *store);
const struct registry_subject *registry_store_subject(const struct registry_store *store,
                                                      const char *name);
/* i-th in the order of names; NULL past the end. */
const struct registry_subject *registry_store_at(const struct registry_store *store,
                                                 size_t i);
/* The version of a subject that holds this schema; softly deleted ones if told. NULL:
 * none. */
const struct registry_version *
registry_store_holds(const struct registry_store *store,
                     const struct registry_subject *subject,
                     const unsigned char identity[REGISTRY_IDENTITY_LEN], bool deleted);
/* The highest version not deleted (or of all); NULL: none. */
const struct registry_version *
registry_subject_latest(const struct registry_subject *subject, bool deleted);

enum relais_compat_level registry_store_level(const struct registry_store *store);
/* The identity of a text (SHA-256 of registry_identity). Errors: JSON_INVALID, LIMIT. */
int registry_identity_digest(struct relais_slice text,
                             unsigned char out[REGISTRY_IDENTITY_LEN],
                             struct relais_error *err) RELAIS_MUST_CHECK;

/* Changes: on -1 (IO, DISK_FULL, LIMIT) nothing has changed. */
/* A new version of a subject; the schema's id is the one it has already, or a new one. */
int registry_store_register(struct registry_store *store, const char *subject,
                            struct relais_slice text,
                            const unsigned char identity[REGISTRY_IDENTITY_LEN],
                            int32_t *id_out, int32_t *version_out,
                            struct relais_error *err) RELAIS_MUST_CHECK;
/* subject NULL: the global level; UNSET: none of its own (global: BACKWARD). */
int registry_store_set_level(struct registry_store *store, const char *subject,
                             enum relais_compat_level level,
                             struct relais_error *err) RELAIS_MUST_CHECK;
/* Hides (or, permanent, removes) one version, or with version 0 all of them; the level of
 * a subject deleted whole goes too. */
int registry_store_delete(struct registry_store *store, const char *subject,
                          int32_t version, bool permanent,
                          struct relais_error *err) RELAIS_MUST_CHECK;

#endif
