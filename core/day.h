#ifndef RELAIS_CORE_DAY_H
#define RELAIS_CORE_DAY_H

/* Days, instants, Europe/Paris. Units: days since 1970-01-01 (int32_t), microseconds
 * since 1970-01-01T00:00:00Z (int64_t). Paris: the rule of directive 2000/84/CE in code
 * (last Sundays of March and October, 01:00 UTC), never the machine's zone; the ambiguous
 * hour is the first one (summer time); an hour that does not exist is read with winter's
 * offset. Before 1981 winter time. Pure functions.
 */

#include "core/buf.h"

int32_t relais_day_from_civil(int year, int month, int day);
void relais_day_to_civil(int32_t days, int *year_out, int *month_out, int *day_out);
/* "YYYY-MM-DD", nothing else around it. false: not a day of the calendar. */
bool relais_day_parse(struct relais_slice s, int32_t *days_out);
/* "HH:MM:SS[.f{1,9}]" -> microseconds of the day. */
bool relais_time_parse(struct relais_slice s, int64_t *micros_out);
/* RFC 3339 with Z or an offset. */
bool relais_instant_parse(struct relais_slice s, int64_t *micros_out);
/* days: of the years 0000 to 9999. */
int64_t relais_paris_to_utc(int32_t days, int64_t micros_of_day);
/* The day in Paris at that instant. */
int32_t relais_paris_day(int64_t instant_us);
/* Both formats stop at the years 0000 and 9999, beyond which the form says nothing. */
void relais_day_format(int32_t days, char out[11]);
void relais_instant_format(int64_t instant_us,
                           char out[28]); /* 2026-02-04T20:27:43.000000Z */
int64_t
relais_now_us(void); /* wall clock: logs, metrics, Kafka timestamps; never in an event */
int64_t relais_monotonic_us(void); /* time-outs */

#endif
