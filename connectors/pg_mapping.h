#ifndef RELAIS_CONNECTORS_PG_MAPPING_H
#define RELAIS_CONNECTORS_PG_MAPPING_H

/* Tables read as objects of a contract: a mapping file (JSON) names a root table, those
 * that hang on it, and which column becomes which field. From it come the statements that
 * read whole objects as JSON, so that the server does the joining and nothing of a table
 * is kept here. docs/CORRESPONDANCE.md explains it with examples.
 *
 *   {"kind": "snapshot",            or "fact": one for each row inserted in the root
 *    "root": "dossiers",
 *    "tables": {
 *      "dossiers": {"table": "public.dossiers", "key": "id"},
 *      "foyers":   {"table": "public.foyers", "parent": "dossiers",
 *                   "on": {"dossier_id": "id"}},      its column: the parent's column
 *      "liens":    {"table": "public.adressesfoyers", "parent": "foyers",
 *                   "on": {"foyer_id": "id"}, "where": {"rgadr": "01"},
 *                   "latest": "dtemm"}},
 *    "value": {
 *      "entete": {"dossier": "dossiers.numdemrsa"},     a column
 *      "prestation": {"$value": "RSA"},                 a constant
 *      "etat": {"$column": "situations.etatdosrsa",
 *               "$codes": {"2": "OUVERT", "*": null}},
 *      "foyer": {"commune": ...},                       a record; absent if all is null
 *      "montant_centimes": {"$sum": "details.mtrsavers", "$as": "centimes"},
 *      "date": {"$first": ["a.x", "b.y"]},              the first that is not null
 *      "personnes": {"$each": "personnes", "$item": {...}},   a list, by the table's key
 *      "suspensions": [{"$each": ...}, {"$each": ...}]}}      lists, one after the other
 *
 * "$as": centimes, integer, text, boolean, day, month. Texts are trimmed, empty ones and
 * the days of the years 0001 and 9999 are null (contract A10). A table that is no list
 * gives one row: the latest, or the first by its key. The root's key is one column, an
 * integer or a uuid: a technical key, since it is kept in the state folder.
 *
 * Ownership: everything belongs to the mapping. Errors: CONF_FILE, CONF_VALUE (the file),
 * PG_SCHEMA (tables or columns that are not there). Threads: one.
 */

#include "connectors/pg_conn.h"
#include "core/value.h"

#define PG_MAPPING_TABLES_MAX 64

struct pg_mapped_column {
    char name[64];
    char type[64];    /* of a domain: its base type */
    bool in_identity; /* a deleted or updated row's old value is told */
    bool unique;      /* and not null: one row a value */
};

struct pg_mapped_table {
    const char *alias;
    const char *name;                     /* as in the file */
    const struct pg_mapped_table *parent; /* NULL: the root */
    const char *column;                   /* that joins, of this table */
    const char *parent_column;
    const char *key;
    const char *latest;               /* NULL: none */
    const struct relais_value *where; /* NULL: all rows */
    /* From the catalog */
    char *quoted; /* "public"."foyers" */
    char schema_name[64];
    char table_name[64];
    struct pg_mapped_column *columns;
    size_t column_count;
    /* Root keys (text) of the objects that rows with column = ANY($1::text[]) belong to.
     * NULL: what the joining column holds is the root's key. */
    char *roots_sql;
};

struct pg_mapping {
    struct relais_arena arena;
    bool fact;
    struct pg_mapped_table *root;
    struct pg_mapped_table tables[PG_MAPPING_TABLES_MAX];
    size_t table_count;
    const struct relais_value *value;
    /* Rows (root key as text, object as JSON text) */
    char *objects_sql; /* of the keys in $1::text[], in their order */
    char *first_sql;   /* the first $1 by key */
    char *next_sql;    /* the next $1 after key $2 */
};

struct pg_mapping *pg_mapping_load(const char *path,
                                   struct relais_error *err) RELAIS_MUST_CHECK;
/* From memory, for tests. */
struct pg_mapping *pg_mapping_parse(struct relais_slice json,
                                    struct relais_error *err) RELAIS_MUST_CHECK;
void pg_mapping_free(struct pg_mapping *m);
/* Looks the tables up and makes the statements. May be called again, on another
 * connection. */
int pg_mapping_bind(struct pg_mapping *m, struct pg_conn *c,
                    struct relais_error *err) RELAIS_MUST_CHECK;
/* Can every change be traced to its object? PG_SCHEMA where a deleted or moved row would
 * not tell what it belonged to (its replica identity lacks the joining column), with the
 * ALTER TABLE that mends it. */
int pg_mapping_check_identity(const struct pg_mapping *m, struct pg_conn *c,
                              struct relais_error *err) RELAIS_MUST_CHECK;
/* What an object says: without null members, records and items that hold nothing. */
void pg_mapping_prune(struct relais_value *value);

#endif
