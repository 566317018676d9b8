#ifndef RELAIS_CORE_CONF_PRIVATE_H
#define RELAIS_CORE_CONF_PRIVATE_H

/* What conf.c and conf_check.c share. */

#include "core/conf.h"

struct conf_entry {
    char *section;
    char *name;
    char *value;
    char where[72]; /* "dep93.ini:12", "-X kafka.linger.ms" */
};

/* A PATH key's value or default, resolved. */
struct conf_path {
    const struct relais_conf_key *key;
    char *path;
};

struct relais_conf {
    char *base_dir; /* NULL: the current folder */
    char *file;     /* its name without folder; NULL: there is none */
    struct conf_entry *entries;
    size_t entry_count;
    const struct relais_conf_key **tables; /* admitted */
    size_t table_count;
    struct conf_path *paths;
    size_t path_count;
};

const struct conf_entry *conf_find(const struct relais_conf *conf, const char *section,
                                   const char *name);
const struct relais_conf_key *conf_key(const struct relais_conf *conf,
                                       const char *section, const char *name);
bool conf_to_integer(const char *text, int64_t *number_out);
bool conf_to_boolean(const char *text, bool *boolean_out);

#endif
