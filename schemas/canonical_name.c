#include "schemas/rules.h"

/* What is left of each letter of Latin-1 and Latin Extended-A, hence of ISO-8859-15 and
 * windows-1252 too, without its mark; a blank for what is no letter. */
#define FOLD_FIRST 0xc0u
static const char fold[][3] = {
    /* clang-format off */
    "A", "A", "A", "A", "A", "A", "AE", "C", "E", "E", "E", "E", "I", "I", "I", "I", /* U+00C0 */
    "D", "N", "O", "O", "O", "O", "O", " ", "O", "U", "U", "U", "U", "Y", "TH", "SS", /* U+00D0 */
    "A", "A", "A", "A", "A", "A", "AE", "C", "E", "E", "E", "E", "I", "I", "I", "I", /* U+00E0 */
    "D", "N", "O", "O", "O", "O", "O", " ", "O", "U", "U", "U", "U", "Y", "TH", "Y", /* U+00F0 */
    "A", "A", "A", "A", "A", "A", "C", "C", "C", "C", "C", "C", "C", "C", "D", "D", /* U+0100 */
    "D", "D", "E", "E", "E", "E", "E", "E", "E", "E", "E", "E", "G", "G", "G", "G", /* U+0110 */
    "G", "G", "G", "G", "H", "H", "H", "H", "I", "I", "I", "I", "I", "I", "I", "I", /* U+0120 */
    "I", "I", "IJ", "IJ", "J", "J", "K", "K", "K", "L", "L", "L", "L", "L", "L", "L", /* U+0130 */
    "L", "L", "L", "N", "N", "N", "N", "N", "N", "N", "N", "N", "O", "O", "O", "O", /* U+0140 */
    "O", "O", "OE", "OE", "R", "R", "R", "R", "R", "R", "S", "S", "S", "S", "S", "S", /* U+0150 */
    "S", "S", "T", "T", "T", "T", "T", "T", "U", "U", "U", "U", "U", "U", "U", "U", /* U+0160 */
    "U", "U", "U", "U", "W", "W", "Y", "Y", "Y", "Z", "Z", "Z", "Z", "Z", "Z", "S", /* U+0170 */
    /* clang-format on */
};

static const char *folded(uint32_t c, char one[2])
{
    if (c >= FOLD_FIRST && c < FOLD_FIRST + sizeof(fold) / sizeof(fold[0]))
        return fold[c - FOLD_FIRST];
    if (c == 0x1e9e) /* capital sharp s */
        return "SS";
    if (c >= 0x300 && c <= 0x36f) /* combining marks: of a decomposed letter */
        return "";
    one[0] = ' ';
    if ((c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z'))
        one[0] = (char)c;
    else if (c >= 'a' && c <= 'z')
        one[0] = (char)(c - 'a' + 'A');
    return one;
}

/* The character at ptr, of len bytes as relais_utf8_char found it. */
static uint32_t character(const unsigned char *ptr, size_t len)
{
    switch (len) {
    case 2:
        return (ptr[0] & 0x1fu) << 6 | (ptr[1] & 0x3fu);
    case 3:
        return (ptr[0] & 0x0fu) << 12 | (ptr[1] & 0x3fu) << 6 | (ptr[2] & 0x3fu);
    default:
        return len == 1 ? ptr[0] : ' ';
    }
}

int relais_canonical_name(struct relais_slice name, struct relais_buf *out)
{
    size_t start = out->len, n;
    bool blank = false;

    for (size_t i = 0; i < name.len; i += n ? n : 1) {
        char one[2] = "";
        const char *text;

        n = relais_utf8_char(name.ptr + i, name.len - i);
        text = folded(character((const unsigned char *)name.ptr + i, n), one);
        if (*text == ' ') {
            blank = out->len > start;
            continue;
        }
        if ((blank && *text && relais_buf_add_char(out, ' ')) ||
            relais_buf_add_str(out, text))
            return -1;
        blank = blank && !*text;
    }
    return 0;
}
