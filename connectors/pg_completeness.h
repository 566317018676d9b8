#ifndef RELAIS_CONNECTORS_PG_COMPLETENESS_H
#define RELAIS_CONNECTORS_PG_COMPLETENESS_H

/* The proof that a sink has everything: what control events announce (EvenementControle:
 * so many events of a subject and a fait, so many centimes, in a depot) beside what was
 * written. In the sink's SQL schema:
 *
 *   relais_recus      one row an event that was written (its id once, whatever comes
 *                     again): depot, day, subject, fait, centimes
 *   relais_controles  one row a subject and fait that a control event announces; the
 * newer of a depot and day holds (contract A1) relais_completude a view: depot, jour,
 * sujet, fait, annonce, ecrit, annonce_centimes, ecrit_centimes, recu_le
 *
 * jour: of a log the day in Paris of constate_le; of a file, which is one depot,
 * -infinity. Rows enter in the transaction of the events. Errors: of pg_conn.
 */

#include "connectors/pg_conn.h"
#include "core/record.h"

#define PG_CONTROL_CONTRACT "fr.relais.control.EvenementControle"

/* SQL: the day that an event of this depot and constate_le counts for. A file is named by
 * 16 hexadecimal digits, a re-publication by "renvoi-"; no slot of ours is. */
#define PG_COMPLETENESS_DAY(depot, instant)                                              \
    "CASE WHEN starts_with(" depot ", 'renvoi-') OR length(" depot                       \
    ") = 16 AND translate(" depot ", '0123456789abcdef', '') = '' THEN "                 \
    "'-infinity'::date ELSE (" instant                                                   \
    "::timestamptz AT TIME ZONE 'Europe/Paris')::date END"
/* Is it the depot of a re-publication (contract A8)? */
bool pg_completeness_is_repeat(struct relais_slice depot);
/* PG_COMPLETENESS_DAY as a text. */
void pg_completeness_day(struct relais_slice depot, int64_t instant_us, char out[24]);
/* Fields of which one is an event's amount; with `sens` DEDUCTION it is subtracted. */
#define PG_COMPLETENESS_AMOUNTS 3
extern const char *const pg_completeness_amounts[PG_COMPLETENESS_AMOUNTS];

/* Are the tables there? schema: quoted. */
int pg_completeness_there(struct pg_conn *c, const char *schema, bool *there_out,
                          struct relais_error *err) RELAIS_MUST_CHECK;
/* What a control event announces of the subjects that `topics` (families or topics,
 * separated by commas) bring. In the transaction under way. */
int pg_completeness_announce(struct pg_conn *c, const char *schema, const char *topics,
                             const struct relais_value *control,
                             struct relais_error *err) RELAIS_MUST_CHECK;
/* Was anything announced? */
int pg_completeness_announced(struct pg_conn *c, const char *schema, bool *any_out,
                              struct relais_error *err) RELAIS_MUST_CHECK;
/* Subjects and faits of a depot and day that differ although they were announced
 * `after_s` seconds ago. */
int pg_completeness_differences(struct pg_conn *c, const char *schema, int after_s,
                                int64_t *count_out,
                                struct relais_error *err) RELAIS_MUST_CHECK;

#endif
