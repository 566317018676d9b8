#ifndef RELAIS_TESTS_HELPER_CORE_H
#define RELAIS_TESTS_HELPER_CORE_H

/* What the unit tests share. Failures end the running cmocka test. Ownership: strings
 * returned are the caller's (free). Tests run from the root of the tree. */

#include "core/buf.h"

/* A new empty folder; helper_remove ends it with all that is in it. */
char *helper_folder(void);
void helper_remove(char *folder);
/* "folder/name" written with that mode; the path. */
char *helper_write(const char *folder, const char *name, const char *text, unsigned mode);
/* The whole file; a newline at its very end is dropped if `chomp`. */
char *helper_read(const char *path, bool chomp, size_t *len_out);
/* Calls each() for every entry of a folder, in name order, and returns their count: an
 * empty corpus is a test that cannot fail. */
size_t helper_each(const char *folder, void (*each)(const char *path));

#endif
