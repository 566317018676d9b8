#ifndef RELAIS_CORE_CONF_H
#define RELAIS_CORE_CONF_H

/* Configuration: an INI file, `-X section.key=value` over it, and tables of the keys that
 * exist. A table row without doc does not compile away unnoticed: `relais conf doc`
 * prints them all. The section [kafka] is free: its keys go untouched to librdkafka.
 * Secrets are only read from files (keys ending in `_file`). Relative paths
 * (RELAIS_CONF_PATH) are relative to the INI file's folder. Ownership: strings returned
 * belong to conf. Errors: CONF. Threads: read-only after load. A comment is a line of its
 * own (# or ;); of an admitted key `key =` says the same as no such line; a key given
 * twice is an error.
 */

#include "core/buf.h"

enum relais_conf_type {
    RELAIS_CONF_TEXT,
    RELAIS_CONF_INTEGER,
    RELAIS_CONF_BOOLEAN, /* true|false|yes|no|oui|non|1|0 */
    RELAIS_CONF_PATH,
    RELAIS_CONF_CHOICE, /* choices: "a|b|c" */
};

struct relais_conf_key {
    const char *section;
    const char *name;
    enum relais_conf_type type;
    int64_t min, max;    /* INTEGER */
    const char *choices; /* CHOICE */
    const char *def;     /* NULL: no default; required says whether it must be given */
    bool required;
    const char *doc; /* French, one sentence, with the unit */
};

struct relais_conf;

/* path NULL: an empty file (CLI only with -X). overrides: "section.key=value" strings. */
struct relais_conf *relais_conf_load(const char *path, const char *const *overrides,
                                     size_t override_count,
                                     struct relais_error *err) RELAIS_MUST_CHECK;
/* From memory, for tests. base_dir: what relative paths are relative to. */
struct relais_conf *relais_conf_parse(struct relais_slice text, const char *base_dir,
                                      struct relais_error *err) RELAIS_MUST_CHECK;
void relais_conf_free(struct relais_conf *conf);

/* Admits the keys of a table (ended by a row with section NULL). Borrowed: static
 * storage. Of two rows of one key the one admitted last counts: a connector may have a
 * default of its own. */
void relais_conf_admit(struct relais_conf *conf, const struct relais_conf_key *keys);
/* Every key given is admitted, of its type, in its bounds; every required key is given.
 * An unknown key is an error that names file, line and the nearest key that exists. */
int relais_conf_check(const struct relais_conf *conf,
                      struct relais_error *err) RELAIS_MUST_CHECK;

/* Where a key is written: "relais.ini:6", "-X connector.name"; where it is not, the
 * file's name, without one "configuration". */
const char *relais_conf_where(const struct relais_conf *conf, const char *section,
                              const char *name);

/* The value given, else the default of the admitted row, else NULL / 0 / false. PATH:
 * resolved. */
const char *relais_conf_text(const struct relais_conf *conf, const char *section,
                             const char *name);
int64_t relais_conf_integer(const struct relais_conf *conf, const char *section,
                            const char *name);
bool relais_conf_boolean(const struct relais_conf *conf, const char *section,
                         const char *name);
/* i-th pair of a section, in file order with overrides applied; false: past the end. */
bool relais_conf_pair(const struct relais_conf *conf, const char *section, size_t i,
                      const char **name_out, const char **value_out);
/* A secret: the file's first line without its end. Caller frees (after cleansing). The
 * file must not be readable by others (mode & 077 == 0 unless it is a credential
 * directory of systemd). */
char *relais_conf_secret(const char *path, struct relais_error *err) RELAIS_MUST_CHECK;

/* The keys every process knows: [relais] [kafka] [registry] [keys] [codes] [ops]
 * [headers] [limits]. */
extern const struct relais_conf_key relais_conf_common[];
/* Markdown of tables. */
int relais_conf_doc(const struct relais_conf_key *const *tables, size_t table_count,
                    struct relais_buf *out) RELAIS_MUST_CHECK;
/* The name of those given that is nearest to `word` by edit distance (<= 3), or NULL. */
const char *relais_nearest(const char *word, const char *const *names, size_t name_count);

#endif
