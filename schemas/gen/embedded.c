/* embedded.c: files as arrays of bytes (string literals have a length limit). */
#include "schemas/gen/gen.h"

static int write_bytes(const char *kind, size_t index, const struct gen_file *file,
                       struct relais_buf *out)
{
    if (relais_buf_printf(out, "static const unsigned char %s_%zu[] = {", kind, index))
        return -1;
    for (size_t i = 0; i < file->len; i++)
        if (relais_buf_printf(out, "%s%u,", i % 20 ? "" : "\n    ",
                              (unsigned)(unsigned char)file->data[i]))
            return -1;
    return relais_buf_add_str(out, "\n    0,\n};\n");
}

static int write_table(const char *kind, const struct gen_file *files, size_t count,
                       struct relais_buf *out)
{
    for (size_t i = 0; i < count; i++)
        if (write_bytes(kind, i, &files[i], out))
            return -1;
    if (relais_buf_printf(out, "const struct relais_embedded relais_embedded_%s[] = {\n",
                          kind))
        return -1;
    for (size_t i = 0; i < count; i++)
        if (relais_buf_printf(out, "    {\"%s\", (const char *)%s_%zu, %zu},\n",
                              files[i].name, kind, i, files[i].len))
            return -1;
    return relais_buf_add_str(out, "    {NULL, NULL, 0},\n};\n");
}

int gen_embedded(const struct gen_file *schemas, size_t schema_count,
                 const struct gen_file *codes, size_t code_count, struct relais_buf *out)
{
    if (relais_buf_add_str(out, "/* Made by relais-gen: edit the files it was made of. "
                                "*/\n#include \"schemas/embedded.h\"\n\n"))
        return -1;
    if (write_table("schemas", schemas, schema_count, out))
        return -1;
    return write_table("codes", codes, code_count, out);
}
