#include "schemas/avro_plan.h"

/* Unicode 15, table 3-7: no surrogates, no overlong forms, nothing over U+10FFFF. */
bool relais_avro_utf8(const char *ptr, size_t len)
{
    const unsigned char *p = (const unsigned char *)ptr, *end = p + len;

    while (p < end) {
        unsigned char lead = *p++;
        unsigned char low = 0x80, high = 0xbf;
        int more = lead < 0x80 ? 0 : lead < 0xe0 ? 1 : lead < 0xf0 ? 2 : 3;

        if (lead < 0x80)
            continue;
        if (lead < 0xc2 || lead > 0xf4 || end - p < more)
            return false;
        if (lead == 0xe0)
            low = 0xa0;
        else if (lead == 0xed)
            high = 0x9f;
        else if (lead == 0xf0)
            low = 0x90;
        else if (lead == 0xf4)
            high = 0x8f;
        for (; more > 0; more--, low = 0x80, high = 0xbf) {
            if (*p < low || *p > high)
                return false;
            p++;
        }
    }
    return true;
}
