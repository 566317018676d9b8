#ifndef RELAIS_SCHEMAS_CSV_H
#define RELAIS_SCHEMAS_CSV_H

/* A reader of RFC 4180 text, one row at a time: comma, quotes doubled inside quotes, CRLF
 * or LF, UTF-8 (a byte order mark is skipped). Fields are views into the text; those with
 * doubled quotes are rewritten into the arena. Blank lines are skipped. Errors:
 * CONF_VALUE, where = "file:line".
 */

#include "core/arena.h"

#define CSV_FIELDS_MAX 8

struct csv {
    const char *file; /* for errors */
    const char *at;
    const char *end;
    struct relais_arena *arena;
    unsigned line; /* of the row last given, from 1 */
    unsigned next_line;
};

int csv_init(struct csv *csv, const char *file, struct relais_slice text,
             struct relais_arena *arena, struct relais_error *err) RELAIS_MUST_CHECK;
/* The next row must have exactly `count` fields (<= CSV_FIELDS_MAX). 1: a row, 0: the
 * end, -1: error. */
int csv_next(struct csv *csv, struct relais_slice *fields, size_t count,
             struct relais_error *err) RELAIS_MUST_CHECK;
/* -1 with err set, where = "file:line" of the row last given. */
int csv_error(const struct csv *csv, struct relais_error *err, const char *text);

#endif
