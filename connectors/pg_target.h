#ifndef RELAIS_CONNECTORS_PG_TARGET_H
#define RELAIS_CONNECTORS_PG_TARGET_H

/* The tables that events of one contract are written to, as the database has them: there
 * is no second description that could differ. In one SQL schema:
 *
 *   evenement_droit              one row an object: its last state. The primary key is
 * the object's id (`droit`) evenement_droit_personnes    one row an item of the field
 * `personnes`: key, `ordre` (from 1), the item's fields evenement_droit_historique   one
 * row an event, by `entete_id`
 *
 * A column is a field, its path joined by `_` (`foyer_commune`). Columns and lists that
 * one does not want are left out of the table; those that the role may not INSERT are the
 * application's own. A column of type json or jsonb takes any value. The main table needs
 * entete_id, entete_constate_le and entete_sequence: (constate_le, sequence) decides
 * which state is newer (contract A5).
 *
 * Ownership: everything belongs to the target. Errors: PG_SCHEMA names the table or
 * column. Blocking: look_up asks the server. Threads: one.
 */

#include "connectors/pg_conn.h"
#include "connectors/pg_received.h"
#include "connectors/pg_script.h"

#define PG_TARGET_TABLES_MAX 24 /* one contract's */

struct pg_target_column {
    char name[64];
    struct pg_cell_path path;
    char type[64]; /* of a domain: the one below it */
    char category; /* pg_type.typcategory */
    enum pg_form form;
    bool unique; /* by itself */
    bool refers; /* to the main table's key */
};

enum pg_target_kind { PG_TARGET_MAIN, PG_TARGET_LIST, PG_TARGET_HISTORY };

struct pg_target_table {
    enum pg_target_kind kind;
    char name[64];
    char field[64]; /* LIST: of the record */
    struct pg_target_column *columns;
    size_t column_count;
    char *copy_sql;     /* COPY into its temporary table; HISTORY: NULL */
    char *straight_sql; /* COPY into the table itself */
    struct relais_buf rows;
};

/* How rows go into the tables.
 * MERGE: into temporary tables, from there by one statement a table, whatever is there.
 * COUNTED: the same, but those of relais_recus by COPY: where no event came before.
 * STRAIGHT: all by COPY into the tables themselves, two thirds of the server's work:
 * where no object is there yet or twice in the batch, no event is a re-publication beside
 * a history, and the database itself refuses what a sample of keys missed: lists refer to
 * the main table, events of the history are unique.
 * In this order: the later the less work. */
enum pg_way { PG_WAY_MERGE, PG_WAY_COUNTED, PG_WAY_STRAIGHT };

/* Keys of the rows in the buffers. */
struct pg_target_keys {
    uint64_t *slots; /* hashes; 0: free */
    size_t slot_count, count;
    bool twice;               /* one is there twice, as far as hashes tell */
    struct relais_buf sample; /* straight: some of them, as PostgreSQL writes an array */
};

struct pg_target {
    char *contract; /* full name */
    char key[64];
    struct pg_target_table tables[PG_TARGET_TABLES_MAX]; /* the main one first */
    size_t table_count;
    struct pg_target_keys keys;
    char *create_sql; /* the temporary tables, once a session */
    /* from them into the tables, in one transaction: [a list has an item][keys.twice] */
    char *merge_sql[2][2];
    char *count_sql; /* and into relais_recus; NULL: not counted */
    enum pg_way way; /* of rows that are added */
    bool unfit;      /* there is one that must not go this way */
    bool guarded;    /* straight: the other tables refuse what is there already */
    bool has_history;
    char *known_sql;             /* is one of $1 (keys), $2 (ids, counted) there? */
    char *received_sql;          /* COPY into relais_recus; NULL: not counted */
    struct pg_received received; /* its rows, where they go so */
};

/* schema: the SQL schema, unquoted. counted: what is written enters relais_recus
 * (pg_completeness.h). */
struct pg_target *pg_target_new(struct pg_conn *c, const char *schema,
                                const char *contract, bool counted,
                                struct relais_error *err) RELAIS_MUST_CHECK;
void pg_target_free(struct pg_target *t);

/* Is there a table of this name at all? One that is not is what nobody wants, until its
 * first event comes. */
int pg_target_there(struct pg_conn *c, const char *schema, const char *contract,
                    bool *there_out, struct relais_error *err) RELAIS_MUST_CHECK;
/* PG_SCHEMA: a column's type is none that its field goes into, opened or closed
 * (connector.h, expect). */
int pg_target_check(const struct pg_target *t, const struct relais_value *open,
                    const struct relais_value *closed,
                    struct relais_error *err) RELAIS_MUST_CHECK;

/* The rows of one event, in COPY's text form, into the buffers of its tables. rank: among
 * the batch, the later the greater. PG_ROW: a text that PostgreSQL cannot hold; LIMIT. */
int pg_target_add(struct pg_target *t, const struct relais_value *value, size_t rank,
                  struct relais_error *err) RELAIS_MUST_CHECK;
/* The COPYs of the rows into the temporary tables, or straight. LIMIT. */
int pg_target_copy(const struct pg_target *t, struct pg_script *script,
                   struct relais_error *err) RELAIS_MUST_CHECK;
/* Not MERGE: of the rows of relais_recus. LIMIT. */
int pg_target_copy_received(const struct pg_target *t, struct pg_script *script,
                            struct relais_error *err) RELAIS_MUST_CHECK;
/* From there into the tables; NULL: there is no row. */
const char *pg_target_merge_sql(const struct pg_target *t);
/* May the rows go their way, as far as a sample of their keys and ids tells? */
int pg_target_may_go(const struct pg_target *t, struct pg_conn *c, bool *may_out,
                     struct relais_error *err) RELAIS_MUST_CHECK;
/* No rows; those added from now on go so. */
void pg_target_clear(struct pg_target *t, enum pg_way way);

/* "fr.relais.eligibility.EvenementDroit" -> "evenement_droit"; what does not fit is cut.
 */
void pg_target_table_name(const char *contract, char out[64]);

#endif
