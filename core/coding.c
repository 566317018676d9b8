/* The text codings of core/crypto.h: hex, base32, base64, UUID. */
#include "core/crypto.h"

static const char hex_digits[] = "0123456789abcdef";

void relais_hex(const unsigned char *ptr, size_t len, char *out)
{
    for (size_t i = 0; i < len; i++) {
        *out++ = hex_digits[ptr[i] >> 4];
        *out++ = hex_digits[ptr[i] & 15];
    }
    *out = '\0';
}

/* Without branches where it is one; -1: it is not. */
static int small_hex_value(char c)
{
    unsigned digit = (unsigned char)c - '0', letter = (unsigned char)c - 'a';

    return digit < 10 ? (int)digit : letter < 6 ? (int)letter + 10 : -1;
}

static int hex_value(char c)
{
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : small_hex_value(c);
}

bool relais_unhex(struct relais_slice s, unsigned char *out, size_t out_len)
{
    if (s.len % 2 || s.len / 2 != out_len)
        return false;
    for (size_t i = 0; i < out_len; i++) {
        int high = hex_value(s.ptr[2 * i]), low = hex_value(s.ptr[2 * i + 1]);

        if (high < 0 || low < 0)
            return false;
        out[i] = (unsigned char)(high << 4 | low);
    }
    return true;
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

bool relais_uuid_parse(struct relais_slice s, unsigned char out[16])
{
    static const unsigned char at[16] = {0,  2,  4,  6,  9,  11, 14, 16,
                                         19, 21, 24, 26, 28, 30, 32, 34};

    if (s.len != 36 || s.ptr[8] != '-' || s.ptr[13] != '-' || s.ptr[18] != '-' ||
        s.ptr[23] != '-')
        return false;
    for (size_t i = 0; i < 16; i++) {
        int high = small_hex_value(s.ptr[at[i]]), low = small_hex_value(s.ptr[at[i] + 1]);

        if (high < 0 || low < 0)
            return false;
        out[i] = (unsigned char)(high << 4 | low);
    }
    return true;
}

bool relais_uuid_is(struct relais_slice s)
{
    unsigned char bytes[16];

    return relais_uuid_parse(s, bytes);
}
