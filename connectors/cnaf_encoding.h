#ifndef RELAIS_CONNECTORS_CNAF_ENCODING_H
#define RELAIS_CONNECTORS_CNAF_ENCODING_H

/* The encodings of CNAF files: UTF-8, ISO-8859-1, ISO-8859-15, windows-1252, as declared.
 * The five bytes that windows-1252 leaves undefined (81 8D 8F 90 9D) become marks of the
 * private use area, so that only the record that holds one is parked. Pure functions.
 */

#include "core/buf.h"

#include <expat.h>

enum cnaf_encoding {
    CNAF_ENCODING_NONE, /* not declared: UTF-8 */
    CNAF_ENCODING_UTF_8,
    CNAF_ENCODING_ASCII,
    CNAF_ENCODING_ISO_8859_1,
    CNAF_ENCODING_ISO_8859_15,
    CNAF_ENCODING_WINDOWS_1252,
    CNAF_ENCODING_REFUSED,
};

enum cnaf_encoding cnaf_encoding_find(const char *name);
/* For expat, which knows neither ISO-8859-15 nor windows-1252. */
int XMLCALL cnaf_encoding_unknown(void *unused, const XML_Char *name, XML_Encoding *info);
/* Does the UTF-8 text hold a mark, or a control character of U+0080 to U+009F: bytes that
 * do not fit the declared encoding? */
bool cnaf_encoding_misfit(struct relais_slice text);

#endif
