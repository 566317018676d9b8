#include "producers/position.h"

#include "core/crypto.h"

#define PREFIX_LEN 9 /* 8 hex and a colon */

static struct relais_slice next_part(struct relais_slice *rest)
{
    const char *slash = rest->len ? memchr(rest->ptr, '/', rest->len) : NULL;
    size_t len = slash ? (size_t)(slash - rest->ptr) : rest->len;
    struct relais_slice part = {rest->ptr, len};

    rest->ptr += slash ? len + 1 : len;
    rest->len -= slash ? len + 1 : len;
    while (part.len > 1 && part.ptr[0] == '0') {
        part.ptr++;
        part.len--;
    }
    return part;
}

int position_cmp(struct relais_slice a, struct relais_slice b)
{
    while (a.len || b.len) {
        struct relais_slice x = next_part(&a), y = next_part(&b);
        int c;

        if (x.len != y.len)
            return x.len < y.len ? -1 : 1;
        c = x.len ? memcmp(x.ptr, y.ptr, x.len) : 0;
        if (c)
            return c;
    }
    return 0;
}

/* FNV-1a */
static uint32_t hash_of(struct relais_slice name)
{
    uint32_t h = 2166136261u;

    for (size_t i = 0; i < name.len; i++)
        h = (h ^ (unsigned char)name.ptr[i]) * 16777619u;
    return h;
}

int position_make(struct relais_slice log, struct relais_slice position,
                  char out[STORE_POSITION_MAX], struct relais_error *err)
{
    uint32_t hash = hash_of(log);
    const unsigned char bytes[4] = {(unsigned char)(hash >> 24),
                                    (unsigned char)(hash >> 16),
                                    (unsigned char)(hash >> 8), (unsigned char)hash};

    if (position.len + PREFIX_LEN >= STORE_POSITION_MAX)
        return relais_error_set(err, RELAIS_E_FIELD_LENGTH, "entete.origine.position",
                                "%zu bytes", position.len);
    memset(out, 0, STORE_POSITION_MAX);
    relais_hex(bytes, sizeof(bytes), out);
    out[PREFIX_LEN - 1] = ':';
    if (position.len)
        memcpy(out + PREFIX_LEN, position.ptr, position.len);
    return 0;
}

bool position_reached(const char position[STORE_POSITION_MAX],
                      const char kept[STORE_POSITION_MAX])
{
    return memcmp(position, kept, PREFIX_LEN) == 0 &&
           position_cmp(relais_slice_str(position + PREFIX_LEN),
                        relais_slice_str(kept + PREFIX_LEN)) <= 0;
}
