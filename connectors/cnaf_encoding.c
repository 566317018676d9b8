#include "connectors/cnaf_encoding.h"

#include <strings.h>

/* Of the bytes 80 to 9F; an undefined byte's mark is 0xE000 + the byte. */
static const unsigned short windows_1252[32] = {
    0x20AC, 0xE081, 0x201A, 0x0192, 0x201E, 0x2026, 0x2020, 0x2021,
    0x02C6, 0x2030, 0x0160, 0x2039, 0x0152, 0xE08D, 0x017D, 0xE08F,
    0xE090, 0x2018, 0x2019, 0x201C, 0x201D, 0x2022, 0x2013, 0x2014,
    0x02DC, 0x2122, 0x0161, 0x203A, 0x0153, 0xE09D, 0x017E, 0x0178};

static const struct {
    unsigned char byte;
    unsigned short point;
} iso_8859_15[] = {{0xA4, 0x20AC}, {0xA6, 0x0160}, {0xA8, 0x0161}, {0xB4, 0x017D},
                   {0xB8, 0x017E}, {0xBC, 0x0152}, {0xBD, 0x0153}, {0xBE, 0x0178}};

enum cnaf_encoding cnaf_encoding_find(const char *name)
{
    static const struct {
        const char *name;
        enum cnaf_encoding encoding;
    } names[] = {
        {"UTF-8", CNAF_ENCODING_UTF_8},
        {"US-ASCII", CNAF_ENCODING_ASCII},
        {"ISO-8859-1", CNAF_ENCODING_ISO_8859_1},
        {"ISO-8859-15", CNAF_ENCODING_ISO_8859_15},
        {"windows-1252", CNAF_ENCODING_WINDOWS_1252},
        {"cp1252", CNAF_ENCODING_WINDOWS_1252},
    };

    if (!name)
        return CNAF_ENCODING_NONE;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (strcasecmp(name, names[i].name) == 0)
            return names[i].encoding;
    return CNAF_ENCODING_REFUSED;
}

int XMLCALL cnaf_encoding_unknown(void *unused, const XML_Char *name, XML_Encoding *info)
{
    enum cnaf_encoding encoding = cnaf_encoding_find(name);

    if (encoding != CNAF_ENCODING_WINDOWS_1252 && encoding != CNAF_ENCODING_ISO_8859_15)
        return XML_STATUS_ERROR;
    for (int i = 0; i < 256; i++)
        info->map[i] = i;
    if (encoding == CNAF_ENCODING_WINDOWS_1252)
        for (int i = 0; i < 32; i++)
            info->map[0x80 + i] = windows_1252[i];
    else
        for (size_t i = 0; i < sizeof(iso_8859_15) / sizeof(iso_8859_15[0]); i++)
            info->map[iso_8859_15[i].byte] = iso_8859_15[i].point;
    info->data = NULL;
    info->convert = NULL;
    info->release = NULL;
    return XML_STATUS_OK;
}

static bool has_high_bytes(struct relais_slice text)
{
    unsigned char any = 0;

    for (size_t i = 0; i < text.len; i++)
        any |= (unsigned char)text.ptr[i];
    return any >= 0x80;
}

bool cnaf_encoding_misfit(struct relais_slice text)
{
    const unsigned char *s = (const unsigned char *)text.ptr;

    if (!has_high_bytes(text))
        return false;
    for (size_t i = 0; i + 1 < text.len; i++) {
        if (s[i] == 0xC2 && s[i + 1] < 0xA0)
            return true;
        if (s[i] == 0xEE && i + 2 < text.len && s[i + 1] == 0x82 && s[i + 2] < 0xA0)
            return true;
    }
    return false;
}
