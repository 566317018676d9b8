#ifndef RELAIS_PRODUCERS_CONTROL_H
#define RELAIS_PRODUCERS_CONTROL_H

/* What is said of a whole file (EvenementControle) and of one record put aside (Parcage),
 * as bytes: the same input gives the same bytes (contract A3). Ownership: everything is
 * borrowed; the value is added to `out`, without frame. Errors: LIMIT, and what seal and
 * encode say. */

#include "schemas/check.h"

#define CONTROL_PUBLISHED_MAX 96
#define CONTROL_PARKED_MAX    48

enum control_issue { CONTROL_INTEGRE, CONTROL_RETENU, CONTROL_REFUSE };

struct control_published {
    const char *subject; /* static */
    const char *fait;    /* static */
    int64_t count;
    int64_t centimes;
};

struct control_parked {
    enum relais_code code;
    int64_t count;
};

/* Counts of one file, as its records pass. */
struct control_counts {
    struct control_published published[CONTROL_PUBLISHED_MAX];
    size_t published_len;
    struct control_parked parked[CONTROL_PARKED_MAX];
    size_t parked_len;
    int64_t published_total, unchanged, stale, superseded, parked_total;
    char first_id[37], last_id[37];
};

void control_count_published(struct control_counts *c, const char *subject,
                             const char *fait, int64_t centimes, const char id[37]);
void control_count_parked(struct control_counts *c, enum relais_code code);

struct control {
    const char *source;
    const char *territory;
    const char *codes_version;
    struct relais_slice depot;
    enum control_issue issue;
    const char *motif;               /* NULL: none */
    const struct relais_depot *file; /* NULL: a re-publication, or a day of a log */
    int32_t journal_day;             /* of a log; 0: not of a log */
    int64_t rank; /* of a log: how many control events this day had before */
    const struct control_counts *counts;
    int64_t sequence;
};

extern const char *const control_issue_names[]; /* "INTEGRE", as in the contract */

/* A text that a buffer may have cut inside a UTF-8 character, without that character's
 * beginning. */
struct relais_slice control_text(const char *text);

/* id_out: of the event. observed_us_out: its constate_le. */
int control_build(const struct control *c, struct relais_arena *arena,
                  struct relais_buf *out, char id_out[37], int64_t *observed_us_out,
                  struct relais_error *err) RELAIS_MUST_CHECK;

/* charge: header and block as read; ptr NULL: none. */
int parked_build(const struct relais_checker *checker, struct relais_slice depot,
                 struct relais_slice position, const struct relais_error *why,
                 struct relais_slice charge, struct relais_arena *arena,
                 struct relais_buf *out, char id_out[37],
                 struct relais_error *err) RELAIS_MUST_CHECK;

#endif
