#include "connectors/cnaf_xml.h"

#include "connectors/cnaf_encoding.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

/* Debian 13's expat has 64-bit names and calls the others deprecated; Debian 12's has
 * only the others, 64 bits wide on its platforms. */
#ifndef XML_ATTR_DEPRECATED
#define XML_GetCurrentLineNumber64   XML_GetCurrentLineNumber
#define XML_GetCurrentColumnNumber64 XML_GetCurrentColumnNumber
#define XML_GetCurrentByteIndex64    XML_GetCurrentByteIndex
#define XML_GetCurrentByteCount64    XML_GetCurrentByteCount
#endif

#define DEPTH_MAX      32
#define TEXT_MAX       (64u << 10)
#define PART_TEXT_MAX  (512u << 10)
#define PART_FIELD_MAX 16384
#define PREAMBLE_MAX   (64u << 10)
#define PIECE_LEN      (64u << 10)
#define TOKEN_MAX      (1u << 20)

struct cnaf_xml {
    const struct cnaf_element *elements;
    size_t element_count;
    uint16_t *slots; /* hash of (parent, name) -> row */
    size_t slot_mask;
    struct cnaf_input *input;
    XML_Parser parser;
    /* feeding */
    struct relais_slice chunk; /* what of it the parser has not had */
    int64_t fed;               /* bytes given to the parser */
    int64_t progress;          /* fed at the last call back */
    bool bom, suspended, final, done;
    struct relais_error problem; /* the file's */
    /* place */
    unsigned depth;
    unsigned skip; /* depth inside an element that is skipped */
    uint16_t current;
    bool header_seen, trailer_seen;
    /* the part under way */
    struct cnaf_part part;
    bool in_part, ready, capture;
    int64_t part_offset, ordinal;
    size_t text_len; /* of the element's text so far, kept or not */
    struct relais_buf text;
    struct cnaf_field *fields;
    uint32_t *starts; /* where in text a field begins */
    size_t field_count, field_cap;
    struct relais_buf preamble;
};

static void fail(struct cnaf_xml *xml, enum relais_code code, const char *fmt, ...)
    RELAIS_PRINTF(3, 4);

/* The whole file is refused: the parser stops for good. */
static void fail(struct cnaf_xml *xml, enum relais_code code, const char *fmt, ...)
{
    char text[sizeof(xml->problem.text)];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    relais_error_set(&xml->problem, code, NULL, "%s (ligne %lu)", text,
                     (unsigned long)XML_GetCurrentLineNumber64(xml->parser));
    XML_StopParser(xml->parser, XML_FALSE);
}

/* What a record cannot be read for is the record's; elsewhere it is the file's. */
static void fail_part(struct cnaf_xml *xml, enum relais_code code, const char *text)
{
    char where[sizeof(xml->problem.where)];

    if (!xml->in_part || xml->part.kind != CNAF_RECORD) {
        fail(xml, code, "en-tête, fin de fichier ou texte entre les blocs illisible");
        return;
    }
    cnaf_xml_path(xml->elements, xml->current, where, sizeof(where));
    relais_error_set(&xml->part.problem, code, where, "%s", text);
}

static size_t hash(uint16_t parent, const char *name)
{
    size_t h = parent * 2654435761u;

    for (; *name; name++)
        h = h * 31 + (unsigned char)*name;
    return h ^ (h >> 15);
}

static void index_elements(struct cnaf_xml *xml)
{
    size_t size = 64;

    while (size < 4 * xml->element_count)
        size *= 2;
    xml->slots = relais_zalloc(size * sizeof(*xml->slots));
    xml->slot_mask = size - 1;
    for (size_t i = 1; i < xml->element_count; i++) {
        const struct cnaf_element *e = &xml->elements[i];
        size_t at = hash(e->parent, e->name) & xml->slot_mask;

        while (xml->slots[at])
            at = (at + 1) & xml->slot_mask;
        xml->slots[at] = (uint16_t)i;
    }
}

static uint16_t find(const struct cnaf_xml *xml, uint16_t parent, const char *name)
{
    size_t at = hash(parent, name) & xml->slot_mask;

    for (; xml->slots[at]; at = (at + 1) & xml->slot_mask) {
        const struct cnaf_element *e = &xml->elements[xml->slots[at]];

        if (e->parent == parent && strcmp(e->name, name) == 0)
            return xml->slots[at];
    }
    return 0;
}

/* A group opens, or a leaf's text begins. */
static void add_field(struct cnaf_xml *xml, uint16_t element)
{
    if (xml->field_count == xml->field_cap) {
        if (xml->field_cap == PART_FIELD_MAX) {
            fail_part(xml, RELAIS_E_XML_LIMIT, "more than 16384 fields");
            return;
        }
        xml->field_cap = xml->field_cap ? 2 * xml->field_cap : 256;
        xml->fields = relais_realloc(xml->fields, xml->field_cap * sizeof(*xml->fields));
        xml->starts = relais_realloc(xml->starts, xml->field_cap * sizeof(*xml->starts));
    }
    xml->fields[xml->field_count] = (struct cnaf_field){element, RELAIS_SLICE_NULL};
    xml->starts[xml->field_count++] = (uint32_t)xml->text.len;
}

/* Header, records, trailer in their order; nothing else after the trailer. */
static void enter_part(struct cnaf_xml *xml, enum cnaf_kind kind)
{
    if (kind == CNAF_FOREIGN)
        fail(xml, RELAIS_E_FILE_HEADER, "le fichier contient des blocs d'un autre flux");
    else if (kind == CNAF_HEADER && xml->header_seen)
        fail(xml, RELAIS_E_FILE_HEADER, "deux en-têtes IdentificationFlux");
    else if (kind != CNAF_HEADER && kind != CNAF_SKIPPED && !xml->header_seen)
        fail(xml, RELAIS_E_FILE_HEADER, "IdentificationFlux absent au début du fichier");
    else if (xml->trailer_seen)
        fail(xml, RELAIS_E_FILE_TRAILER, "des blocs suivent TransmissionFlux");
    if (xml->problem.code != RELAIS_E_OK || kind == CNAF_SKIPPED)
        return;
    xml->header_seen |= kind == CNAF_HEADER;
    xml->trailer_seen |= kind == CNAF_TRAILER;
    xml->in_part = true;
    xml->part = (struct cnaf_part){.kind = kind};
    if (kind == CNAF_RECORD)
        xml->part.ordinal = ++xml->ordinal;
    xml->part_offset = XML_GetCurrentByteIndex64(xml->parser);
    xml->field_count = 0;
    relais_buf_clear(&xml->text);
}

static void XMLCALL on_start(void *user, const XML_Char *name, const XML_Char **atts)
{
    struct cnaf_xml *xml = user;
    uint16_t row;

    xml->progress = xml->fed;
    xml->text_len = 0;
    if (++xml->depth > DEPTH_MAX) {
        fail(xml, RELAIS_E_XML_LIMIT, "plus de %d balises imbriquées", DEPTH_MAX);
        return;
    }
    if (xml->skip) {
        xml->skip++;
        return;
    }
    row = find(xml, xml->current, name);
    if (xml->depth == 1 && !row)
        fail(xml, RELAIS_E_FILE_HEADER, "la racine n'est pas celle d'un flux CNAF");
    else if (xml->depth == 2)
        enter_part(xml, (enum cnaf_kind)xml->elements[row].kind);
    if (!row) {
        xml->skip = 1;
        return;
    }
    xml->current = row;
    if (xml->elements[row].kind == CNAF_GROUP || xml->elements[row].kind == CNAF_LEAF)
        add_field(xml, row);
    xml->capture = xml->elements[row].kind == CNAF_LEAF;
}

/* A leaf's text, trimmed; an empty one is as if it were not there. */
static void end_leaf(struct cnaf_xml *xml)
{
    struct cnaf_field *field;
    size_t start;
    struct relais_slice s;

    xml->capture = false;
    if (!xml->field_count)
        return;
    field = &xml->fields[xml->field_count - 1];
    if (field->element != xml->current)
        return; /* it did not fit */
    start = xml->starts[xml->field_count - 1];
    s = relais_slice_trim((struct relais_slice){
        xml->text.data ? xml->text.data + start : "", xml->text.len - start});
    if (!s.len) {
        xml->field_count--;
        xml->text.len = start;
        return;
    }
    xml->starts[xml->field_count - 1] = (uint32_t)(s.ptr - xml->text.data);
    field->text = s;
}

static void end_part(struct cnaf_xml *xml)
{
    int64_t end =
        XML_GetCurrentByteIndex64(xml->parser) + XML_GetCurrentByteCount64(xml->parser);

    for (size_t i = 0; i < xml->field_count; i++)
        if (xml->fields[i].text.ptr)
            xml->fields[i].text.ptr = xml->text.data + xml->starts[i];
    xml->part.fields = xml->fields;
    xml->part.field_count = xml->field_count;
    xml->part.bytes = cnaf_input_bytes(xml->input, xml->part_offset, end);
    if (xml->part.kind == CNAF_HEADER) {
        struct relais_slice s = cnaf_input_bytes(xml->input, 0, end);

        if (s.ptr && relais_buf_add_slice(&xml->preamble, s))
            relais_buf_clear(&xml->preamble);
    }
    xml->in_part = false;
    xml->ready = true;
    XML_StopParser(xml->parser, XML_TRUE);
}

static void XMLCALL on_end(void *user, const XML_Char *name)
{
    struct cnaf_xml *xml = user;
    enum cnaf_kind kind;

    xml->progress = xml->fed;
    xml->text_len = 0;
    xml->depth--;
    if (xml->skip) {
        xml->skip--;
        return;
    }
    kind = (enum cnaf_kind)xml->elements[xml->current].kind;
    if (kind == CNAF_LEAF)
        end_leaf(xml);
    else if (kind == CNAF_HEADER || kind == CNAF_RECORD || kind == CNAF_TRAILER)
        end_part(xml);
    xml->current = xml->elements[xml->current].parent;
}

static void XMLCALL on_text(void *user, const XML_Char *s, int len)
{
    struct cnaf_xml *xml = user;
    struct relais_slice text = {s, (size_t)len};

    xml->progress = xml->fed;
    if (len == 1 && !xml->capture)
        return;
    xml->text_len += text.len;
    if (xml->text_len > TEXT_MAX) {
        if (xml->text_len - text.len <= TEXT_MAX)
            fail_part(xml, RELAIS_E_XML_LIMIT, "a text longer than 64 KiB");
        return;
    }
    if (cnaf_encoding_misfit(text))
        fail_part(xml, RELAIS_E_ENCODING, "bytes that do not fit the declared encoding");
    if (xml->capture && !xml->skip && relais_buf_add_slice(&xml->text, text))
        fail_part(xml, RELAIS_E_XML_LIMIT, "texts of more than 512 KiB");
}

static void XMLCALL on_other(void *user, const XML_Char *s)
{
    ((struct cnaf_xml *)user)->progress = ((struct cnaf_xml *)user)->fed;
}

static void XMLCALL on_instruction(void *user, const XML_Char *target, const XML_Char *s)
{
    on_other(user, s);
}

static void XMLCALL on_doctype(void *user, const XML_Char *name, const XML_Char *sysid,
                               const XML_Char *pubid, int has_internal_subset)
{
    fail(user, RELAIS_E_XML_DTD, "DTD refusée");
}

static void XMLCALL on_declaration(void *user, const XML_Char *version,
                                   const XML_Char *encoding, int standalone)
{
    struct cnaf_xml *xml = user;
    enum cnaf_encoding declared = cnaf_encoding_find(encoding);

    if (declared == CNAF_ENCODING_REFUSED)
        fail(xml, RELAIS_E_ENCODING, "encodage déclaré non admis");
    else if (xml->bom && declared != CNAF_ENCODING_UTF_8 &&
             declared != CNAF_ENCODING_NONE)
        fail(xml, RELAIS_E_ENCODING, "marque UTF-8 contraire à l'encodage déclaré");
}

static void set_handlers(struct cnaf_xml *xml)
{
    XML_SetUserData(xml->parser, xml);
    XML_SetElementHandler(xml->parser, on_start, on_end);
    XML_SetCharacterDataHandler(xml->parser, on_text);
    XML_SetCommentHandler(xml->parser, on_other);
    XML_SetProcessingInstructionHandler(xml->parser, on_instruction);
    XML_SetXmlDeclHandler(xml->parser, on_declaration);
    XML_SetStartDoctypeDeclHandler(xml->parser, on_doctype);
    XML_SetUnknownEncodingHandler(xml->parser, cnaf_encoding_unknown, NULL);
}

struct cnaf_xml *cnaf_xml_new(const struct cnaf_element *elements, size_t element_count,
                              struct cnaf_input *input)
{
    struct cnaf_xml *xml = relais_zalloc(sizeof(*xml));

    xml->elements = elements;
    xml->element_count = element_count;
    xml->input = input;
    xml->text = (struct relais_buf)RELAIS_BUF_INIT(PART_TEXT_MAX);
    xml->preamble = (struct relais_buf)RELAIS_BUF_INIT(PREAMBLE_MAX);
    index_elements(xml);
    xml->parser = XML_ParserCreate(NULL);
    if (!xml->parser)
        abort();
    set_handlers(xml);
    return xml;
}

void cnaf_xml_free(struct cnaf_xml *xml)
{
    if (!xml)
        return;
    XML_ParserFree(xml->parser);
    relais_buf_release(&xml->text);
    relais_buf_release(&xml->preamble);
    free(xml->fields);
    free(xml->starts);
    free(xml->slots);
    free(xml);
}

void cnaf_xml_rewind(struct cnaf_xml *xml, bool verify)
{
    cnaf_input_rewind(xml->input, verify);
    XML_ParserReset(xml->parser, NULL);
    set_handlers(xml);
    xml->chunk = RELAIS_SLICE_NULL;
    xml->fed = xml->progress = xml->ordinal = 0;
    xml->bom = xml->suspended = xml->final = xml->done = false;
    xml->header_seen = xml->trailer_seen = false;
    xml->in_part = xml->ready = xml->capture = false;
    xml->depth = xml->skip = 0;
    xml->current = 0;
    relais_error_clear(&xml->problem);
    relais_buf_clear(&xml->preamble);
}

/* UTF-16 and UTF-32 show in the first bytes; so does a UTF-8 mark. */
static int look_at_first_bytes(struct cnaf_xml *xml, struct relais_error *err)
{
    const unsigned char *s = (const unsigned char *)xml->chunk.ptr;

    if (xml->chunk.len >= 2 && ((s[0] == 0xFE && s[1] == 0xFF) ||
                                (s[0] == 0xFF && s[1] == 0xFE) || !s[0] || !s[1]))
        return relais_error_set(err, RELAIS_E_ENCODING, NULL, "UTF-16 refusé");
    xml->bom = xml->chunk.len >= 3 && s[0] == 0xEF && s[1] == 0xBB && s[2] == 0xBF;
    return 0;
}

/* Gives the parser its next piece. 1; 0: the end was given; -1. */
static int feed(struct cnaf_xml *xml, enum XML_Status *status_out,
                struct relais_error *err)
{
    size_t len;
    void *to;

    if (!xml->chunk.len) {
        int rc = cnaf_input_next(xml->input, xml->in_part ? xml->part_offset : -1,
                                 &xml->chunk, err);

        if (rc < 0)
            return -1;
        xml->final = rc == 0;
        if (xml->fed == 0 && look_at_first_bytes(xml, err))
            return -1;
    }
    if (xml->fed - xml->progress > TOKEN_MAX)
        return relais_error_set(err, RELAIS_E_XML_LIMIT, NULL,
                                "balise ou commentaire de plus de 1 Mio");
    len = xml->chunk.len < PIECE_LEN ? xml->chunk.len : PIECE_LEN;
    if (!(to = XML_GetBuffer(xml->parser, len ? (int)len : 1)))
        return relais_error_set(err, RELAIS_E_XML_LIMIT, NULL, "tampon XML plein");
    if (len)
        memcpy(to, xml->chunk.ptr, len);
    xml->chunk.ptr += len;
    xml->chunk.len -= len;
    xml->fed += (int64_t)len;
    *status_out = XML_ParseBuffer(xml->parser, (int)len, xml->final);
    return 0;
}

/* What expat refuses, as one of our errors. */
static int refused(struct cnaf_xml *xml, struct relais_error *err)
{
    enum XML_Error code = XML_GetErrorCode(xml->parser);
    int64_t at = XML_GetCurrentByteIndex64(xml->parser);
    struct relais_slice byte = cnaf_input_bytes(xml->input, at, at + 1);
    unsigned long line = (unsigned long)XML_GetCurrentLineNumber64(xml->parser);

    if (xml->problem.code != RELAIS_E_OK) {
        *err = xml->problem;
        return -1;
    }
    if (code == XML_ERROR_UNKNOWN_ENCODING || code == XML_ERROR_INCORRECT_ENCODING)
        return relais_error_set(err, RELAIS_E_ENCODING, NULL,
                                "encodage déclaré non admis");
    if ((code == XML_ERROR_INVALID_TOKEN || code == XML_ERROR_PARTIAL_CHAR) && byte.ptr &&
        (unsigned char)byte.ptr[0] >= 0x80)
        return relais_error_set(err, RELAIS_E_ENCODING, NULL,
                                "octets contraires à l'encodage déclaré (ligne %lu)",
                                line);
    if (xml->final && code != XML_ERROR_JUNK_AFTER_DOC_ELEMENT)
        return relais_error_set(
            err, xml->header_seen ? RELAIS_E_FILE_TRAILER : RELAIS_E_FILE_HEADER, NULL,
            "fichier coupé avant %s (ligne %lu)",
            xml->header_seen ? "TransmissionFlux et la fin de Racine"
                             : "la fin de IdentificationFlux",
            line);
    return relais_error_set(err, RELAIS_E_XML_INVALID, NULL,
                            "XML mal formé (ligne %lu, colonne %lu) : %s", line,
                            (unsigned long)XML_GetCurrentColumnNumber64(xml->parser),
                            XML_ErrorString(code));
}

static int check_end(const struct cnaf_xml *xml, struct relais_error *err)
{
    if (!xml->header_seen)
        return relais_error_set(err, RELAIS_E_FILE_HEADER, NULL,
                                "IdentificationFlux absent");
    if (!xml->trailer_seen)
        return relais_error_set(err, RELAIS_E_FILE_TRAILER, NULL,
                                "TransmissionFlux absent");
    return 0;
}

int cnaf_xml_next(struct cnaf_xml *xml, const struct cnaf_part **part_out,
                  struct relais_error *err)
{
    while (!xml->done) {
        enum XML_Status status = XML_STATUS_OK;

        if (xml->suspended) {
            xml->suspended = false;
            status = XML_ResumeParser(xml->parser);
        } else if (feed(xml, &status, err)) {
            return -1;
        }
        if (status == XML_STATUS_ERROR || xml->problem.code != RELAIS_E_OK)
            return refused(xml, err);
        xml->suspended = status == XML_STATUS_SUSPENDED;
        if (xml->ready) {
            xml->ready = false;
            *part_out = &xml->part;
            return 1;
        }
        xml->done = !xml->suspended && xml->final;
    }
    return check_end(xml, err);
}

struct relais_slice cnaf_xml_preamble(const struct cnaf_xml *xml)
{
    return xml->preamble.len ? relais_buf_slice(&xml->preamble) : RELAIS_SLICE_NULL;
}

void cnaf_xml_path(const struct cnaf_element *elements, uint16_t element, char *out,
                   size_t out_len)
{
    uint16_t rows[DEPTH_MAX];
    size_t count = 0, at = 0;

    for (; elements[element].kind > CNAF_ROOT && count < DEPTH_MAX;
         element = elements[element].parent)
        rows[count++] = element;
    out[0] = '\0';
    while (count-- && at < out_len) {
        int n = snprintf(out + at, out_len - at, "%s%s", at ? "." : "",
                         elements[rows[count]].name);

        at += n > 0 ? (size_t)n : 0;
    }
}
