#ifndef RELAIS_CORE_LOG_H
#define RELAIS_CORE_LOG_H

/* One line per event on standard error, `level=... key=value ...`, for journald. Only the
 * runners (source_run, sink_run), the servers and cli/ log; lower layers fill an error,
 * and say at DEBUG at most why they took another way.
 * Never a value of a person. fmt is the whole rest of the line: "topic=%s partition=%d
 * code=%s". Control characters are escaped. The time is added when standard error is not
 * journald's. Threads: any.
 */

#include "core/error.h"

enum relais_log_level {
    RELAIS_LOG_ERROR,
    RELAIS_LOG_WARN,
    RELAIS_LOG_INFO,
    RELAIS_LOG_DEBUG
};

#define RELAIS_LOG_LEVELS "error|warn|info|debug"

void relais_log_level(enum relais_log_level level); /* INFO unless told */
/* One of RELAIS_LOG_LEVELS; any other changes nothing. */
void relais_log_level_named(const char *name);
void relais_log(enum relais_log_level level, const char *fmt, ...) RELAIS_PRINTF(2, 3);
/* level=error code=... where=... text="..." and what fmt adds (may be NULL). */
void relais_log_error(const struct relais_error *err, const char *fmt, ...)
    RELAIS_PRINTF(2, 3);

#endif
