#ifndef RELAIS_CONNECTORS_DEPOT_FOLDER_H
#define RELAIS_CONNECTORS_DEPOT_FOLDER_H

/* A drop folder: files arrive in it, one at a time is taken into en_cours/, and ends in
 * integres/, retenus/ or refuses/ (with a `.motif` beside it). A file is taken once it
 * was quiet for quiet_ms, and only while no other file is still being written (but at
 * most twelve times that long), so that files that arrive together are taken in their
 * order: the day and time of the header, the daily before the monthly, the name; without
 * a readable header last. Files left in en_cours/ by a crash come first. Hidden files,
 * *.tmp, *.part, links and folders are not files that arrive.
 * An order (`relais depot release|refuse NAME`) is a file retenus/NAME.ordre that holds
 * `liberer` or `refuser`: NAME is taken again with it.
 * inotify where it works, and a scan every scan_ms (it is silent on NFS). Errors: IO,
 * DISK_FULL (RETRY), CONF_VALUE. Main thread.
 */

#include "core/record.h"

struct depot_folder;

struct depot_folder_options {
    int quiet_ms;
    int scan_ms;
    /* Fills readable_header, created_days, created_us, monthly. */
    void (*peek)(int fd, struct relais_depot *depot);
};

struct depot_taken {
    int fd;           /* the taker's */
    const char *path; /* in en_cours/; the folder's until the next take */
    bool release, refuse;
};

struct depot_folder *depot_folder_open(const char *path,
                                       const struct depot_folder_options *options,
                                       struct relais_error *err) RELAIS_MUST_CHECK;
void depot_folder_close(struct depot_folder *folder);
/* The next file; waits up to timeout_ms for one. Settle it before the next take. 1; 0:
 * none now; -1. */
int depot_folder_take(struct depot_folder *folder, int timeout_ms,
                      struct depot_taken *out,
                      struct relais_error *err) RELAIS_MUST_CHECK;
/* Moves the file taken to its place. hash: hex, for a name already there. motif: for
 * HOLD and REFUSE. Again after an error: goes on. */
int depot_folder_settle(struct depot_folder *folder, enum relais_verdict verdict,
                        const char *hash, const char *motif,
                        struct relais_error *err) RELAIS_MUST_CHECK;
/* No file waits, none is taken. */
bool depot_folder_idle(struct depot_folder *folder);

#endif
