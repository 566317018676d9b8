#include "schemas/registry.h"

void relais_frame_write(int32_t id, char out[RELAIS_FRAME_LEN])
{
    uint32_t n = (uint32_t)id;

    out[0] = 0;
    out[1] = (char)(n >> 24);
    out[2] = (char)(n >> 16);
    out[3] = (char)(n >> 8);
    out[4] = (char)n;
}

int relais_frame_read(struct relais_slice framed, int32_t *id_out,
                      struct relais_slice *value_out, struct relais_error *err)
{
    const unsigned char *p = (const unsigned char *)framed.ptr;
    uint32_t id;

    if (framed.len && p[0] != 0)
        return relais_error_set(err, RELAIS_E_AVRO_INVALID, "frame",
                                "no magic byte: not a framed value");
    if (framed.len < RELAIS_FRAME_LEN)
        return relais_error_set(err, RELAIS_E_AVRO_TRUNCATED, "frame",
                                "%zu bytes, shorter than its head", framed.len);
    id = (uint32_t)p[1] << 24 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 8 | p[4];
    if (id == 0 || id > INT32_MAX)
        return relais_error_set(err, RELAIS_E_AVRO_INVALID, "frame",
                                "schema id out of range");
    *id_out = (int32_t)id;
    *value_out = (struct relais_slice){framed.ptr + RELAIS_FRAME_LEN,
                                       framed.len - RELAIS_FRAME_LEN};
    return 0;
}
