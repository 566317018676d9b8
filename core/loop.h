#ifndef RELAIS_CORE_LOOP_H
#define RELAIS_CORE_LOOP_H

/* Signals and readiness notices of a process. SIGTERM and SIGINT ask it to stop (once:
 * orderly; the second time: at once by _exit(75)); SIGPIPE is ignored. Main thread.
 */

#include <stdbool.h>

void relais_loop_init(void);
bool relais_loop_stopping(void);
void relais_loop_stop(void); /* as a signal would */
/* sd_notify(3) without libsystemd: "READY=1", "STOPPING=1", "STATUS=..."; silent without
 * NOTIFY_SOCKET. */
void relais_loop_notify(const char *state);
/* Sleeps, woken early once by each request to stop, also one that came before: an orderly
 * stop can go on sleeping. */
void relais_loop_sleep_ms(int ms);
/* After `seconds` the process ends by _exit(status), whatever hangs (rd_kafka_destroy of
 * librdkafka 2.0.2).
 */
void relais_loop_deadline(int seconds, int status);

#endif
