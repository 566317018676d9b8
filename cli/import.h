#ifndef RELAIS_CLI_IMPORT_H
#define RELAIS_CLI_IMPORT_H

/* A Kafka Connect configuration, as properties; and the tables that say what becomes of
 * each. Ownership: names and values belong to the arena given. No value is ever part of
 * an error: any of them may be a password. Threads: one.
 */

#include "core/arena.h"

#define IMPORT_PROPS_MAX 512
#define IMPORT_KEYS_MAX  64

struct import_prop {
    const char *name;
    struct relais_slice value; /* no control character but in what is not taken over */
};

struct import_props {
    struct import_prop at[IMPORT_PROPS_MAX];
    size_t count;
};

/* JSON ({"name","config":{}} or the map alone) or Java properties; `name` becomes a
 * property like the others. JSON_INVALID, USAGE (neither form, a value that is no text,
 * too many). */
int import_read(struct relais_slice text, struct relais_arena *arena,
                struct import_props *out, struct relais_error *err) RELAIS_MUST_CHECK;
/* NULL: not given. */
const struct import_prop *import_find(const struct import_props *props, const char *name);

enum import_way {
    IMPORT_KEY,     /* becomes the key `to`, as it stands */
    IMPORT_SLOT,    /* the same, where PostgreSQL has such names of slots */
    IMPORT_COUNT,   /* the same, where it is 1..10000 */
    IMPORT_TOPICS,  /* the same, where each name has a dot: others are families */
    IMPORT_TABLE,   /* the same, where it is one table */
    IMPORT_COLUMNS, /* columns that EventRouter places: the same, each told by itself */
    IMPORT_DSN,     /* becomes the part `to` of connector.dsn */
    IMPORT_JDBC,    /* a JDBC URL becomes connector.dsn and keys */
    IMPORT_URL,     /* becomes the key `to`, without user and password */
    IMPORT_SECRET,  /* never printed; `to`: the key that names a file */
    IMPORT_ALWAYS,  /* relais does so by itself */
    IMPORT_NONE,    /* has no equivalent */
    IMPORT_DECIDE,  /* a person has to decide */
    IMPORT_EXPECT,  /* only `to` can be taken over; another value: a person decides */
};

/* A property whose name is `name`, or begins so where it ends in `*`. The first row that
 * fits counts. */
struct import_row {
    const char *name;
    enum import_way way;
    const char *to;
    const char *why; /* French */
};

/* NULL-ended */
extern const struct import_row import_source_rows[];
extern const struct import_row import_table_rows[]; /* first, without an EventRouter */
extern const struct import_row import_sink_rows[];
extern const struct import_row import_common_rows[];

enum import_fate { IMPORT_TAKEN, IMPORT_LEFT, IMPORT_OPEN, IMPORT_FATES };

struct import_key {
    const char *name; /* section.key */
    const char *value;
};

struct import {
    struct relais_arena arena;
    struct import_props props;
    bool source;
    const char *router; /* "transforms.outbox."; NULL: no EventRouter */
    struct import_key keys[IMPORT_KEYS_MAX];
    size_t key_count;
    struct relais_buf dsn;
    size_t fate[IMPORT_FATES];
};

/* What became of a property, one line on standard error. why: French, never a value. */
void import_tell(struct import *im, enum import_fate fate, const char *name,
                 const char *why);
/* NULL: not taken over. */
const struct import_key *import_key(const struct import *im, const char *name);
/* Why a value is not taken over; NULL: it may be. */
const char *import_refusal(struct relais_slice value);
/* a-z, 0-9 and _, 63 at most: a slot's, a schema's */
bool import_is_name(struct relais_slice value);
/* false: there is one of that name, or too many. */
bool import_add_key(struct import *im, const char *name, struct relais_slice value);
/* The value becomes a key or parts of the connection string, or is left to a person (a
 * value of a configuration provider, of several lines, a second one): told either way. */
void import_take_key(struct import *im, const char *prop, const char *name,
                     struct relais_slice value);
void import_take_slot(struct import *im, const char *prop, const char *name,
                      struct relais_slice value);
void import_take_count(struct import *im, const char *prop, const char *name,
                       struct relais_slice value);
void import_take_topics(struct import *im, const char *prop, const char *name,
                        struct relais_slice value);
void import_take_columns(struct import *im, const char *prop, const char *name,
                         struct relais_slice value);
void import_take_dsn(struct import *im, const char *prop, const char *part,
                     struct relais_slice value);
void import_take_secret(struct import *im, const char *prop, const char *name);
void import_take_jdbc(struct import *im, const char *prop, struct relais_slice url);
void import_take_url(struct import *im, const char *prop, const char *name,
                     struct relais_slice url);

#endif
