#ifndef RELAIS_CONNECTORS_OUTBOX_ROW_H
#define RELAIS_CONNECTORS_OUTBOX_ROW_H

/* A row of an outbox (or a logical decoding message) becomes a fact: which contract it is
 * of, its id, its value. No server is needed. Columns are Debezium's: id, aggregatetype,
 * aggregateid, type, payload; other names by configuration.
 *
 *   contract  the route of its aggregatetype (key `routes`), else the key `schema`;
 *             neither: parked, SCHEMA_UNKNOWN
 *   value     the payload: JSON in clear values (contract A15), or ready Avro (a bytea)
 *   fields    aggregateid (entete.dossier) and the columns of the key `columns` fill
 *             fields of the value that the payload leaves out, or the traceparent
 *   id        a UUID in the column id is the event's; an integer, or no such column: the
 *             event's id is made of its place in the log
 *
 * A message's content is a JSON object: one with a member named as the payload's column
 * is read as a row, whose columns are its members; any other is the value itself.
 *
 * Ownership: what a record points to is in the arena given, but for its schema: the
 * form's. Threads: one.
 */

#include "connectors/pg_stream.h"
#include "core/record.h"

#define OUTBOX_ROUTES_MAX 32
#define OUTBOX_FIELDS_MAX 32

struct outbox_pair {
    const char *from; /* value of the route's column; a column */
    const char *to;   /* a contract's name; a field's path, "traceparent" */
};

struct outbox_form {
    const char *schema; /* NULL: none */
    const char *only;   /* the aggregatetype that is taken; NULL: all */
    const char *id_column, *key_column, *route_column, *payload_column;
    char *texts[2]; /* what the pairs point into */
    struct outbox_pair routes[OUTBOX_ROUTES_MAX];
    size_t route_count;
    struct outbox_pair fields[OUTBOX_FIELDS_MAX];
    size_t field_count;
};

/* Keys of [connector] that describe the rows. */
/* clang-format off */
#define OUTBOX_ROW_KEYS                                                                  \
    {"connector", "schema", RELAIS_CONF_TEXT,                                            \
     .doc = "Message publié, sauf route : nom complet, nom court, ou famille d'un "      \
            "seul."},                                                                    \
    {"connector", "routes", RELAIS_CONF_TEXT,                                            \
     .doc = "Message selon le type d'agrégat : type=message, séparés par des virgules."},\
    {"connector", "column_id", RELAIS_CONF_TEXT, .def = "id",                            \
     .doc = "Colonne de l'identifiant (UUID), qui devient celui de l'événement."},       \
    {"connector", "column_aggregatetype", RELAIS_CONF_TEXT, .def = "aggregatetype",      \
     .doc = "Colonne du type d'agrégat."},                                               \
    {"connector", "column_aggregateid", RELAIS_CONF_TEXT, .def = "aggregateid",          \
     .doc = "Colonne du numéro du dossier, mis dans entete.dossier s'il n'y est pas."},  \
    {"connector", "column_payload", RELAIS_CONF_TEXT, .def = "payload",                  \
     .doc = "Colonne du contenu : json, jsonb ou text en clair, bytea en Avro."},        \
    {"connector", "columns", RELAIS_CONF_TEXT,                                           \
     .doc = "Autres colonnes : colonne=champ, séparées par des virgules ; champ pointé, "\
            "ou traceparent."},                                                          \
    {"connector", "aggregatetype", RELAIS_CONF_TEXT,                                     \
     .doc = "Ne prendre que les lignes de ce type d'agrégat ; à défaut toutes."}
/* clang-format on */

/* The table that is read, "schema.table" or "table"; NULL: only messages are, or it is
 * not an outbox that is configured. */
const char *outbox_table(const struct relais_conf *conf);
/* CONF_VALUE: a list that cannot be read, neither schema nor routes. */
int outbox_form_init(struct outbox_form *form, const struct relais_conf *conf,
                     struct relais_error *err) RELAIS_MUST_CHECK;
void outbox_form_release(struct outbox_form *form);

/* Of the aggregatetype that is taken? A row, not a message. */
bool outbox_row_wanted(const struct outbox_form *form, const struct pg_event *event);
/* Fills kind, schema, value or encoded, id, trace, case_number, charge, problem of a
 * zeroed record. 0: taken (also as PARKED); -1: no room in the arena, of no use.
 * may_park: the arena was empty: what is too large for it is parked, never -1. */
int outbox_row_read(const struct outbox_form *form, const struct pg_event *event,
                    bool may_park, struct relais_arena *arena,
                    struct relais_record *rec) RELAIS_MUST_CHECK;

#endif
