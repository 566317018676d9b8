#ifndef RELAIS_SCHEMAS_KEYRING_H
#define RELAIS_SCHEMAS_KEYRING_H

/* A ring: a file of mode 0600 with lines `id usage state created base64(32 bytes)`
 * (contract A11). id: 4 hex; usages pseudonyme nonce nir identite banque parcage; state
 * actif | ancien (still opens, no longer seals); created YYYY-MM-DD; `#` begins a
 * comment. One actif a usage, ids unique in the ring. A reader's ring has neither
 * pseudonyme nor nonce. Memory is cleansed at free. Errors: KEYRING naming file and line,
 * never a key.
 */

#include "core/arena.h"
#include "core/crypto.h"

enum relais_usage {
    RELAIS_USAGE_PSEUDONYME,
    RELAIS_USAGE_NONCE,
    RELAIS_USAGE_NIR,
    RELAIS_USAGE_IDENTITE,
    RELAIS_USAGE_BANQUE,
    RELAIS_USAGE_PARCAGE,
    RELAIS_USAGE_COUNT,
};

struct relais_keyring;

/* Refuses a file readable by group or others. */
struct relais_keyring *relais_keyring_open(const char *path,
                                           struct relais_error *err) RELAIS_MUST_CHECK;
void relais_keyring_free(struct relais_keyring *ring);
/* Is there an actif key of that usage? */
bool relais_keyring_has(const struct relais_keyring *ring, enum relais_usage usage);
/* A new ring of all usages at path (0600, must not exist). today: for `created`. */
int relais_keyring_init(const char *path, int32_t today,
                        struct relais_error *err) RELAIS_MUST_CHECK;
/* The lines of the usages given (never pseudonyme, nonce: USAGE error). usages:
 * "nir,identite". */
int relais_keyring_export(const struct relais_keyring *ring, const char *usages,
                          struct relais_buf *out,
                          struct relais_error *err) RELAIS_MUST_CHECK;
/* A line for each key: id usage state created, without the key. */
int relais_keyring_describe(const struct relais_keyring *ring,
                            struct relais_buf *out) RELAIS_MUST_CHECK;
bool relais_usage_parse(struct relais_slice s, enum relais_usage *usage_out);
const char *relais_usage_name(enum relais_usage usage);

/* `<genre>1-<key id>-<26 base32>` of a canonical value (contract A11); out: 34 + NUL.
 * FATAL without key. */
#define RELAIS_PSEUDONYM_LEN 34
int relais_pseudonym(const struct relais_keyring *ring, char genre,
                     struct relais_slice canonical, char out[RELAIS_PSEUDONYM_LEN + 1],
                     struct relais_error *err) RELAIS_MUST_CHECK;

/* `01 | key id | nonce | ciphertext | tag` of clear under (id, path); from the arena. */
int relais_seal(const struct relais_keyring *ring, enum relais_usage usage,
                struct relais_slice id, const char *path, struct relais_slice clear,
                struct relais_arena *arena, struct relais_slice *out,
                struct relais_error *err) RELAIS_MUST_CHECK;
/* The clear text. 1: the ring lacks that key (not an error); 0; -1 PROTECTED. */
int relais_unseal(const struct relais_keyring *ring, struct relais_slice id,
                  const char *path, struct relais_slice sealed,
                  struct relais_arena *arena, struct relais_slice *out,
                  struct relais_error *err) RELAIS_MUST_CHECK;

#endif
