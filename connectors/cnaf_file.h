#ifndef RELAIS_CONNECTORS_CNAF_FILE_H
#define RELAIS_CONNECTORS_CNAF_FILE_H

/* One Bénéficiaire file, read twice over one descriptor: checked as a whole, then its
 * records. Memory: constant but for 24 to 48 bytes a case. Errors: IO (RETRY) and
 * FILE_CHANGED; what is wrong with the file itself is depot->problem, what is wrong with
 * a record parks it.
 */

#include "core/record.h"

struct cnaf_file;

/* fd: taken over. */
struct cnaf_file *cnaf_file_new(int fd, const char *path);
void cnaf_file_free(struct cnaf_file *file);
/* First pass. The depot is borrowed from the file; its problem says whether it can be
 * integrated. NULL: error. */
struct relais_depot *cnaf_file_check(struct cnaf_file *file,
                                     struct relais_error *err) RELAIS_MUST_CHECK;
/* Before the second pass: reads all bytes once more, so that nothing is published of a
 * file that changed since the first. Again later: its records from the first. */
int cnaf_file_begin(struct cnaf_file *file, struct relais_error *err) RELAIS_MUST_CHECK;
/* Appends records while the batch has room; ack = ack_base + ordinal. 1: more to come;
 * 0: the last was given; -1. */
int cnaf_file_records(struct cnaf_file *file, uint64_t ack_base, struct relais_batch *out,
                      struct relais_error *err) RELAIS_MUST_CHECK;
/* The header alone, for the order of files: depot->readable_header says whether it could
 * be read; its texts are not filled in. */
void cnaf_file_peek(int fd, struct relais_depot *depot);

#endif
