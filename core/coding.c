/* The text codings of core/crypto.h: hex, base32, base64, UUID. */
#include "core/crypto.h"

#include <endian.h>

static const char hex_digits[] = "0123456789abcdef";

void relais_hex(const unsigned char *ptr, size_t len, char *out)
{
    for (size_t i = 0; i < len; i++) {
        *out++ = hex_digits[ptr[i] >> 4];
        *out++ = hex_digits[ptr[i] & 15];
    }
    *out = '\0';
}

/* A hexadecimal digit's value and one; 0: it is none. */
static const unsigned char after_digit[256] = {
    ['0'] = 1,  ['1'] = 2,  ['2'] = 3,  ['3'] = 4,  ['4'] = 5,  ['5'] = 6,
    ['6'] = 7,  ['7'] = 8,  ['8'] = 9,  ['9'] = 10, ['a'] = 11, ['b'] = 12,
    ['c'] = 13, ['d'] = 14, ['e'] = 15, ['f'] = 16, ['A'] = 11, ['B'] = 12,
    ['C'] = 13, ['D'] = 14, ['E'] = 15, ['F'] = 16};

bool relais_unhex(struct relais_slice s, unsigned char *out, size_t out_len)
{
    const unsigned char *in = (const unsigned char *)s.ptr;
    unsigned any = 0;

    if (s.len % 2 || s.len / 2 != out_len)
        return false;
    for (size_t i = 0; i < out_len; i++) {
        unsigned high = after_digit[in[2 * i]] - 1u,
                 low = after_digit[in[2 * i + 1]] - 1u;

        any |= high | low;
        out[i] = (unsigned char)(high << 4 | low);
    }
    return any < 16;
}

void relais_base32(const unsigned char *ptr, size_t len, char *out)
{
    static const char alphabet[] = "abcdefghijklmnopqrstuvwxyz234567";
    unsigned bits = 0, held = 0;

    for (size_t i = 0; i < len; i++) {
        held = (held << 8 | ptr[i]) & 0xffff;
        for (bits += 8; bits >= 5; bits -= 5)
            *out++ = alphabet[held >> (bits - 5) & 31];
    }
    if (bits)
        *out++ = alphabet[held << (5 - bits) & 31];
    *out = '\0';
}

static const char base64_alphabet[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

int relais_base64(struct relais_slice s, struct relais_buf *out)
{
    const unsigned char *in = (const unsigned char *)s.ptr;
    char *to;

    if (s.len > out->max || !(to = relais_buf_reserve(out, (s.len + 2) / 3 * 4)))
        return -1;
    for (size_t i = 0; i < s.len; i += 3) {
        size_t left = s.len - i;
        unsigned v = (unsigned)in[i] << 16 | (left > 1 ? (unsigned)in[i + 1] << 8 : 0) |
                     (left > 2 ? in[i + 2] : 0);

        *to++ = base64_alphabet[v >> 18];
        *to++ = base64_alphabet[v >> 12 & 63];
        *to++ = left > 1 ? base64_alphabet[v >> 6 & 63] : '=';
        *to++ = left > 2 ? base64_alphabet[v & 63] : '=';
    }
    *to = '\0';
    out->len += (s.len + 2) / 3 * 4;
    return 0;
}

static int base64_value(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

bool relais_unbase64(struct relais_slice s, unsigned char *out, size_t out_max,
                     size_t *len_out)
{
    size_t pad, len;
    uint32_t held = 0;

    if (s.len % 4)
        return false;
    pad = s.len && s.ptr[s.len - 1] == '=' ? 1 + (s.ptr[s.len - 2] == '=') : 0;
    len = s.len / 4 * 3 - pad;
    if (len > out_max)
        return false;
    for (size_t i = 0; i < s.len; i++) {
        int v = i < s.len - pad ? base64_value(s.ptr[i]) : 0;
        size_t at = i / 4 * 3;

        if (v < 0)
            return false;
        held = held << 6 | (uint32_t)v;
        if (i % 4 != 3)
            continue;
        for (size_t j = 0; j < 3; j++) {
            unsigned char byte = held >> (16 - 8 * j) & 0xff;

            if (at + j < len)
                out[at + j] = byte;
            else if (byte) /* bits that no encoder leaves */
                return false;
        }
        held = 0;
    }
    *len_out = len;
    return true;
}

static bool is_hyphen(size_t i) { return i == 8 || i == 13 || i == 18 || i == 23; }

void relais_uuid8(const unsigned char digest[16], char out[37])
{
    for (size_t i = 0, at = 0; i < 16; i++) {
        unsigned char byte = digest[i];

        if (i == 6)
            byte = (byte & 0x0f) | 0x80;
        if (i == 8)
            byte = (byte & 0x3f) | 0x80;
        if (is_hyphen(at))
            out[at++] = '-';
        out[at++] = hex_digits[byte >> 4];
        out[at++] = hex_digits[byte & 15];
    }
    out[36] = '\0';
}

#define EACH(byte) ((byte)*UINT64_C(0x0101010101010101)) /* eight of it */

/* Eight small hexadecimal digits at once; false: one is none. */
static bool eight_digits(const char *digits, unsigned char out[4])
{
    uint64_t w, letters, values, wrong;
    uint32_t four;

    memcpy(&w, digits, sizeof(w));
    w = le64toh(w);
    letters = w >> 6 & EACH(1);
    values = (w & EACH(0x0f)) + 9 * letters;
    /* 10 and more of letters alone, 16 of none; the upper half 6 of letters, else 3 */
    wrong = ((values + EACH(6)) >> 4 & EACH(1)) ^ letters;
    wrong |= (values & EACH(0x10)) | ((w & EACH(0xf0)) ^ (EACH(0x30) + 0x30 * letters));
    values = (values << 4 | values >> 8) & UINT64_C(0x00ff00ff00ff00ff);
    values = (values | values >> 8) & UINT64_C(0x0000ffff0000ffff);
    four = htole32((uint32_t)(values | values >> 16));
    memcpy(out, &four, sizeof(four));
    return !wrong;
}

bool relais_uuid_parse(struct relais_slice s, unsigned char out[16])
{
    char digits[32];
    bool good = true;

    if (s.len != 36 || s.ptr[8] != '-' || s.ptr[13] != '-' || s.ptr[18] != '-' ||
        s.ptr[23] != '-')
        return false;
    memcpy(digits, s.ptr, 8);
    memcpy(digits + 8, s.ptr + 9, 4);
    memcpy(digits + 12, s.ptr + 14, 4);
    memcpy(digits + 16, s.ptr + 19, 4);
    memcpy(digits + 20, s.ptr + 24, 12);
    for (size_t i = 0; i < 4; i++)
        good &= eight_digits(digits + 8 * i, out + 4 * i);
    return good;
}

bool relais_uuid_is(struct relais_slice s)
{
    unsigned char bytes[16];

    return relais_uuid_parse(s, bytes);
}
