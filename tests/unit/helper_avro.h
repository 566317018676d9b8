#ifndef RELAIS_TESTS_HELPER_AVRO_H
#define RELAIS_TESTS_HELPER_AVRO_H

/* Files of tests/data/avro; a failure fails the test. */

#include "schemas/avro.h"

#define AVRO_DATA "tests/data/avro"

/* Bytes written as hexadecimal text, blanks and line ends left out. The caller frees
 * them; they end where their memory ends, so that a sanitizer sees a read beyond. */
struct relais_slice helper_avro_hex(const char *path);
/* "CODE where" as the file says ("-": no where) against err. */
void helper_avro_expect(const char *path, const struct relais_error *err);
struct relais_avro *helper_avro_schema(const char *text);

#endif
