#ifndef RELAIS_SCHEMAS_REGISTRY_JOURNAL_H
#define RELAIS_SCHEMAS_REGISTRY_JOURNAL_H

/* An append-only file of JSON lines, DIR/registry.journal. A line is on disk when append
 * returns 0. At open each line is given to `each`; a last line that is torn or unreadable
 * was never acknowledged and is cut off, a bad line before it is STATE_BROKEN. The file
 * is locked while open: two servers never share a folder. Threads: one.
 */

#include "core/buf.h"

#include <jansson.h>

#define REGISTRY_JOURNAL_MAX (256u << 20)

struct registry_journal {
    int fd;         /* -1: memory only */
    int64_t length; /* bytes of acknowledged lines, counted in memory too */
    bool broken;    /* what is on disk is no longer sure: nothing more is accepted */
};

/* each: -1 when the line cannot be applied (it changes nothing then). Errors: CONF_VALUE
 * (folder), IO, STATE_LOCKED, STATE_BROKEN. */
int registry_journal_open(struct registry_journal *journal, const char *dir,
                          int (*each)(void *user, const json_t *line), void *user,
                          struct relais_error *err) RELAIS_MUST_CHECK;
/* IO, DISK_FULL, LIMIT: the line is not there. Blocks for the disk. */
int registry_journal_append(struct registry_journal *journal, const json_t *line,
                            struct relais_error *err) RELAIS_MUST_CHECK;
void registry_journal_close(struct registry_journal *journal);

#endif
