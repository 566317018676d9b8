#ifndef RELAIS_CONNECTORS_PG_CELL_H
#define RELAIS_CONNECTORS_PG_CELL_H

/* Values as COPY's text form, and arrays of them. */

#include "core/record.h"

enum pg_form { PG_FORM_TEXT, PG_FORM_BYTES, PG_FORM_JSON };

/* Where a column's field is: ends of the names in its own (pg_cell_next). */
#define PG_CELL_DEPTH_MAX 4
struct pg_cell_path {
    unsigned char count; /* 0: not found so far */
    unsigned char end[PG_CELL_DEPTH_MAX];
};

/* The value of a column's name in a record: a member, or of a record in it the rest of
 * the name after `_`. NULL: absent. */
const struct relais_value *pg_cell_find(const struct relais_value *rec, const char *name);
/* The members that pg_cell_next gave last, by depth; of one record, zeroed at first. */
struct pg_cell_near {
    const struct relais_value *in[PG_CELL_DEPTH_MAX], *at[PG_CELL_DEPTH_MAX];
};
/* path in a record of which every field is there; else it is found in the first that has
 * it. */
void pg_cell_resolve(const struct relais_value *whole, const char *name,
                     struct pg_cell_path *path);
/* The same for the columns of a row one after the other, most in the record's order. path
 * is found once for all records of one form. */
const struct relais_value *pg_cell_next(const struct relais_value *rec, const char *name,
                                        struct pg_cell_path *path,
                                        struct pg_cell_near *near);
/* One column; NULL and what the column cannot say (a field that stayed closed) as \N.
 * PG_ROW: NUL in a text; LIMIT. */
int pg_cell_add(struct relais_buf *out, const struct relais_value *v, enum pg_form form,
                const char *name, struct relais_error *err) RELAIS_MUST_CHECK;
/* A text into an array as PostgreSQL reads it, {"a","b"}; the buffer is empty at first.
 */
int pg_cell_add_item(struct relais_buf *array, struct relais_slice text,
                     struct relais_error *err) RELAIS_MUST_CHECK;

#endif
