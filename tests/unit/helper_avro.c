#include "helper_avro.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "core/crypto.h"
#include "helper_core.h"

struct relais_slice helper_avro_hex(const char *path)
{
    size_t len, kept = 0;
    char *text = helper_read(path, false, &len);
    unsigned char *bytes;

    for (size_t i = 0; i < len; i++)
        if (text[i] > ' ')
            text[kept++] = text[i];
    bytes = relais_alloc(kept / 2);
    if (kept && !relais_unhex((struct relais_slice){text, kept}, bytes, kept / 2))
        fail_msg("%s: not hexadecimal", path);
    free(text);
    return (struct relais_slice){(char *)bytes, kept / 2};
}

void helper_avro_expect(const char *path, const struct relais_error *err)
{
    size_t len;
    char *want = helper_read(path, true, &len);
    char got[256];

    snprintf(got, sizeof(got), "%s %s", relais_error_name(err->code),
             err->where[0] ? err->where : "-");
    if (strcmp(got, want) != 0)
        fail_msg("%s says \"%s\", got \"%s\" (%s)", path, want, got, err->text);
    free(want);
}

struct relais_avro *helper_avro_schema(const char *text)
{
    struct relais_error err = RELAIS_ERROR_INIT;
    struct relais_avro *schema = relais_avro_new(relais_slice_str(text), &err);

    if (!schema)
        fail_msg("%s: %s", err.where, err.text);
    return schema;
}
