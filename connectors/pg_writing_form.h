#ifndef RELAIS_CONNECTORS_PG_WRITING_FORM_H
#define RELAIS_CONNECTORS_PG_WRITING_FORM_H

/* The file by which events of one contract are written into an application's own tables
 * (JSON; docs/POSTGRESQL.md explains it with an example):
 *
 *   {"contract": "EvenementDroit",
 *    "object": "@dossier",             what is versioned and locked; older never wins
 *    "tables": [
 *     {"name": "dossier", "table": "public.dossiers",      "id": "id" unless said
 *      "find": [["numdemrsa", "matricule"], ["numdemrsa"]],  keys, tried in this order
 *      "several": "first" | "park",    more rows than one are found
 *      "set": {"matricule": "matricule"},                   whenever it differs
 *      "insert": {"typeparte": {"$value": "CG"}},           only when the row is made
 *      "each": "personnes",            one row an element of this list
 *      "where": {"portee": "DROIT"},   of which elements
 *      "insert_where": {...},          of which elements a row is made
 *      "missing": "keep" | "delete" | "delete_any",   rows that the event lacks
 *      "tables": [...]}]}              that hang on these rows
 *
 * A key is a list of columns of "set" or "insert", each as its name or {"column": name,
 * "length": n (its first n characters count), "null": true (null is a value too)}; or
 * {"columns": such a list, "agree": [columns]}: a row that says something else in those
 * is another's, and the event is parked; or {"through": "public.adressesfoyers",
 * "column": "adresse_id", "where": {column: value}}: the row that this one other row
 * leads to, if no other leads there. [] is never found: a row an event.
 *
 * A value is "path" of the element, "../path" of the element around it, "/path" of the
 * event, "@path" of its entete, "." the element itself, "$name" the id of a row; or
 * {"$value": constant}; or {"$path": path} with "$first": [paths] (the first that is not
 * null, "$path" then inside of it), "$codes": {text: constant, "*": others}, "$as":
 * "euros" (of centimes), "01", "on", "json", "$null": "keep" (null leaves the column).
 *
 * A condition is {path: constant}, {path: [constants]}, {path: {"$null": true|false}}; an
 * empty list is null; all must hold.
 *
 * Ownership: everything belongs to the writing. Errors: CONF_VALUE, where = "FILE:
 * name.set.column". Threads: one.
 */

#include "core/value.h"

#define PG_WRITTEN_NODES_MAX   64
#define PG_WRITTEN_COLUMNS_MAX 96
#define PG_WRITTEN_KEYS_MAX    6 /* of a table */
#define PG_WRITTEN_PARTS_MAX   8 /* columns of a key */
#define PG_WRITTEN_PATHS_MAX   8 /* of a value */

enum pg_written_kind { PG_WRITTEN_CONSTANT, PG_WRITTEN_ROW, PG_WRITTEN_PATH };
enum pg_written_as {
    PG_WRITTEN_PLAIN,
    PG_WRITTEN_EUROS,
    PG_WRITTEN_01,
    PG_WRITTEN_ON,
    PG_WRITTEN_JSON
};
enum pg_written_missing { PG_MISSING_KEEP, PG_MISSING_DELETE, PG_MISSING_DELETE_ANY };

struct pg_written_value {
    enum pg_written_kind kind;
    const struct relais_value *constant;     /* CONSTANT */
    size_t row;                              /* ROW: of which node the id */
    const char *paths[PG_WRITTEN_PATHS_MAX]; /* PATH: the first that is not null */
    size_t path_count;
    const char *inside;               /* then this path in it; NULL: itself */
    const struct relais_value *codes; /* NULL: none */
    enum pg_written_as as;
    bool keep; /* null leaves the column as it is */
};

struct pg_written_column {
    const char *name;
    struct pg_written_value value;
    bool insert_only;
    size_t length; /* only the first characters say whether it differs; 0: all */
    /* Of the catalog (pg_writing_bind.h) */
    char *quoted, *type, *default_sql; /* default_sql NULL: none */
    char *base;    /* pg_type.typname; of a domain: of the type below it */
    char category; /* pg_type.typcategory */
    bool not_null;
    int32_t max_chars; /* 0: no limit */
};

struct pg_written_part {
    size_t column; /* of the node */
    size_t length; /* 0: whole */
    bool nullable;
};

struct pg_written_key {
    struct pg_written_part parts[PG_WRITTEN_PARTS_MAX];
    size_t part_count;
    size_t agree[PG_WRITTEN_PARTS_MAX]; /* columns of the node */
    size_t agree_count;
    /* A key through another table has columns of that one instead */
    const char *through; /* NULL: none */
    const char *through_column;
    struct pg_written_column *through_where;
    size_t through_count;
    char *through_quoted, *through_column_quoted;
    /* Of the catalog: how good it is */
    bool unique, indexed;
};

struct pg_written_node {
    const char *name, *table, *id, *each;
    size_t parent;                                   /* SIZE_MAX: none */
    const struct relais_value *where, *insert_where; /* NULL: always */
    struct pg_written_column columns[PG_WRITTEN_COLUMNS_MAX];
    size_t column_count;
    struct pg_written_key keys[PG_WRITTEN_KEYS_MAX];
    size_t key_count;
    bool park_several;
    enum pg_written_missing missing;
    char *quoted, *id_quoted, *id_type; /* of the catalog */
};

struct pg_writing_form {
    struct relais_arena arena;
    char *file; /* its base name, for errors */
    const char *contract;
    struct pg_written_value object;
    struct pg_written_node *nodes; /* a parent before its children */
    size_t node_count;
};

struct pg_writing_form *pg_writing_load(const char *path,
                                        struct relais_error *err) RELAIS_MUST_CHECK;
/* From memory, for tests. */
struct pg_writing_form *pg_writing_parse(struct relais_slice json,
                                         struct relais_error *err) RELAIS_MUST_CHECK;
void pg_writing_form_free(struct pg_writing_form *f);
/* Is it the file's contract, by full name or record name? */
bool pg_writing_is_of(const struct pg_writing_form *f, const char *contract);

/* Is the node `outer`, or does it hang on it? outer SIZE_MAX: every one does. */
bool pg_writing_within(const struct pg_writing_form *f, size_t node, size_t outer);

/* An error of the file: where = "FILE: node.place.name" (node NULL, place or name "":
 * left out). Always -1. */
int pg_writing_wrong(const struct pg_writing_form *f, const struct pg_written_node *node,
                     const char *place, const char *name, enum relais_code code,
                     struct relais_error *err, const char *fmt, ...) RELAIS_PRINTF(7, 8);

#endif
