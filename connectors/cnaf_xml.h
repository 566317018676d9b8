#ifndef RELAIS_CONNECTORS_CNAF_XML_H
#define RELAIS_CONNECTORS_CNAF_XML_H

/* A streaming reader of the CNAF's XML files (IdentificationFlux, records,
 * TransmissionFlux), over a table of the elements that a flow reads; all others are
 * skipped. It gives one part at a time, its fields in the file's order, trimmed, empty
 * ones left out.
 * Bounds: depth 32, a text 64 KiB, the texts of a part 512 KiB, its fields 16384, a tag
 * or a comment 1 MiB. What passes a bound inside a record is that record's problem, as
 * are bytes that do not fit the encoding; the rest is refused with the file: any DTD,
 * UTF-16, a byte order mark against the declaration, another flow's records, anything
 * after the end. Errors: XML_INVALID, XML_LIMIT, XML_DTD, ENCODING, FILE_HEADER,
 * FILE_TRAILER, and those of the input; texts on a file are French (they
 * become its `.motif`).
 * Memory: constant. Main thread.
 */

#include "connectors/cnaf_input.h"

enum cnaf_kind {
    CNAF_SKIPPED, /* row 0: whatever the table does not name */
    CNAF_ROOT,
    CNAF_HEADER,
    CNAF_RECORD,
    CNAF_TRAILER,
    CNAF_FOREIGN, /* a record of another flow: the file is refused */
    CNAF_GROUP,   /* holds others */
    CNAF_LEAF,    /* its text is read */
};

struct cnaf_element {
    const char *name;
    uint16_t parent; /* its row; 0: none */
    uint16_t kind;
};

struct cnaf_field {
    uint16_t element;         /* its row */
    struct relais_slice text; /* GROUP: ptr NULL, it opens here */
};

struct cnaf_part {
    enum cnaf_kind kind; /* HEADER, RECORD, TRAILER */
    int64_t ordinal;     /* RECORD: from 1 */
    const struct cnaf_field *fields;
    size_t field_count;
    struct relais_slice bytes;   /* as in the file; ptr NULL: over 512 KiB */
    struct relais_error problem; /* RECORD: OK, or why it cannot be read whole */
};

struct cnaf_xml;

/* elements: static storage; row 0 is SKIPPED. input: borrowed. */
struct cnaf_xml *cnaf_xml_new(const struct cnaf_element *elements, size_t element_count,
                              struct cnaf_input *input);
void cnaf_xml_free(struct cnaf_xml *xml);
/* From the beginning; verify as cnaf_input_rewind. */
void cnaf_xml_rewind(struct cnaf_xml *xml, bool verify);
/* The next part, borrowed until the next call. 1; 0: the file ended as it should; -1. */
int cnaf_xml_next(struct cnaf_xml *xml, const struct cnaf_part **part_out,
                  struct relais_error *err) RELAIS_MUST_CHECK;
/* The file's bytes up to the header's end, for parking; ptr NULL before, or too long. */
struct relais_slice cnaf_xml_preamble(const struct cnaf_xml *xml);
/* "InfosFoyerRSA.Personne.Identification.NOM" of a row, into out. */
void cnaf_xml_path(const struct cnaf_element *elements, uint16_t element, char *out,
                   size_t out_len);

#endif
