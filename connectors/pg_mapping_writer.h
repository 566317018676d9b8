#ifndef RELAIS_CONNECTORS_PG_MAPPING_WRITER_H
#define RELAIS_CONNECTORS_PG_MAPPING_WRITER_H

/* SQL under construction, for a mapping. A text that does not fit makes `failed`, looked
 * at once at the end; what is wrong with the mapping is an error at once (-1). */

#include "connectors/pg_mapping.h"

struct sql_writer {
    const struct pg_mapping *m;
    PGconn *raw;
    struct relais_buf *out;
    struct relais_error *err;
    bool failed;
};

/* Pieces of at most 511 bytes. */
void sql_put(struct sql_writer *w, const char *fmt, ...) RELAIS_PRINTF(2, 3);
void sql_put_literal(struct sql_writer *w, struct relais_slice s);
void sql_put_name(struct sql_writer *w, const char *name);
/* "what name", at a path of the mapping's value. Always -1. */
int sql_wrong(struct sql_writer *w, const char *path, const char *what, const char *name);
/* A constant of the file, as JSON. */
int sql_put_json_constant(struct sql_writer *w, const struct relais_value *v,
                          const char *path) RELAIS_MUST_CHECK;
/* " AND alias.column IN (constants)" for each of a table's "where". */
int sql_put_where(struct sql_writer *w, const struct pg_mapped_table *t,
                  const char *alias) RELAIS_MUST_CHECK;
/* alias.column = parent.column, and its where. */
int sql_put_link(struct sql_writer *w, const struct pg_mapped_table *t) RELAIS_MUST_CHECK;

#endif
