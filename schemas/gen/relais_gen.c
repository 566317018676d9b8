/* relais-gen OUTDIR FILE.avsc... FILE.csv...
 * Writes OUTDIR/contracts/<name>.h for each record and enum, and OUTDIR/embedded.c. Run
 * by the Makefile. Exit 1 with one line on standard error. */
#include "schemas/gen/gen.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

struct seen {
    char *full_name;
    char snake[GEN_NAME_MAX];
    char *signature;
    const char *file;
};

struct gen {
    const char *outdir;
    struct gen_file *schemas, *codes;
    size_t schema_count, code_count;
    struct seen *seen;
    size_t seen_count, seen_cap;
};

static int complain(const char *file, const char *what, const char *more)
{
    fprintf(stderr, "relais-gen: %s: %s%s%s\n", file, what, more ? ": " : "",
            more ? more : "");
    return -1;
}

static int read_file(const char *path, struct gen_file *out)
{
    struct relais_buf buf = RELAIS_BUF_INIT(GEN_FILE_MAX);
    char chunk[16384];
    FILE *f = fopen(path, "rb");
    size_t n;
    int rc = -1;

    if (!f)
        return complain(path, strerror(errno), NULL);
    while ((n = fread(chunk, 1, sizeof(chunk), f)) > 0)
        if (relais_buf_add(&buf, chunk, n)) {
            complain(path, "larger than 16 MiB", NULL);
            goto out;
        }
    if (ferror(f)) {
        complain(path, strerror(errno), NULL);
        goto out;
    }
    out->data = relais_buf_take(&buf, &out->len);
    rc = 0;
out:
    fclose(f);
    relais_buf_release(&buf);
    return rc;
}

static int write_file(const char *path, const struct relais_buf *text)
{
    FILE *f = fopen(path, "wb");
    bool ok;

    if (!f)
        return complain(path, strerror(errno), NULL);
    ok = fwrite(text->data, 1, text->len, f) == text->len;
    ok = fclose(f) == 0 && ok;
    return ok ? 0 : complain(path, "cannot be written", NULL);
}

static bool ends_with(const char *s, const char *end)
{
    size_t len = strlen(s), end_len = strlen(end);

    return len >= end_len && strcmp(s + len - end_len, end) == 0;
}

/* a/schemas/eligibility/x.avsc -> eligibility/x (folders 1) or x (folders 0). */
static char *embedded_name(const char *path, const char *extension, int folders)
{
    const char *start = path + strlen(path);

    while (start > path && (start[-1] != '/' || folders-- > 0))
        start--;
    return relais_strndup(start, strlen(start) - strlen(extension));
}

/* 0: new, to be written; 1: seen before and the same; -1: a contradiction. */
static int remember(struct gen *gen, const char *file,
                    const struct relais_avro_type *type)
{
    struct relais_buf signature = RELAIS_BUF_INIT(GEN_FILE_MAX);
    struct seen *seen;
    char snake[GEN_NAME_MAX];

    if (gen_snake(type->name, snake) || gen_signature(type, &signature))
        return complain(file, "name or definition too long", type->name);
    for (size_t i = 0; i < gen->seen_count; i++) {
        seen = &gen->seen[i];
        if (strcmp(seen->snake, snake) != 0)
            continue;
        if (strcmp(seen->full_name, type->name) != 0) {
            relais_buf_release(&signature);
            return complain(file, "two names give one C name", type->name);
        }
        if (!relais_slice_is(relais_buf_slice(&signature), seen->signature)) {
            relais_buf_release(&signature);
            return complain(file, "defined otherwise in another file", type->name);
        }
        relais_buf_release(&signature);
        return 1;
    }
    if (gen->seen_count == gen->seen_cap) {
        gen->seen_cap = gen->seen_cap ? gen->seen_cap * 2 : 64;
        gen->seen = relais_realloc(gen->seen, gen->seen_cap * sizeof(*gen->seen));
    }
    seen = &gen->seen[gen->seen_count++];
    seen->full_name = relais_strdup(type->name);
    memcpy(seen->snake, snake, sizeof(snake));
    seen->signature = relais_buf_take(&signature, NULL);
    seen->file = file;
    return 0;
}

static int write_type(struct gen *gen, const char *file,
                      const struct relais_avro_type *type)
{
    struct relais_buf text = RELAIS_BUF_INIT(GEN_FILE_MAX);
    char snake[GEN_NAME_MAX], path[4096];
    int rc = remember(gen, file, type);

    if (rc)
        return rc < 0 ? -1 : 0;
    rc = -1;
    if (gen_snake(type->name, snake) || gen_header(type, &text)) {
        complain(file, "header too long", type->name);
        goto out;
    }
    snprintf(path, sizeof(path), "%s/contracts/%s.h", gen->outdir, snake);
    rc = write_file(path, &text);
out:
    relais_buf_release(&text);
    return rc;
}

static int write_headers(struct gen *gen, const char *path, const struct gen_file *file)
{
    struct relais_error err = RELAIS_ERROR_INIT;
    struct relais_slice text = {file->data, file->len};
    struct relais_avro *schema = relais_avro_new(text, &err);
    int rc = 0;

    if (!schema)
        return complain(path, err.where, err.text);
    for (uint32_t i = 0; i < schema->type_count && rc == 0; i++) {
        const struct relais_avro_type *type = schema->types[i];

        if ((type->kind == RELAIS_AVRO_RECORD && !type->by_pointer) ||
            type->kind == RELAIS_AVRO_ENUM)
            rc = write_type(gen, path, type);
    }
    relais_avro_free(schema);
    return rc;
}

static int take_file(struct gen *gen, const char *path)
{
    bool avsc = ends_with(path, ".avsc");
    struct gen_file *file =
        avsc ? &gen->schemas[gen->schema_count] : &gen->codes[gen->code_count];

    if (!avsc && !ends_with(path, ".csv"))
        return complain(path, "neither .avsc nor .csv", NULL);
    if (read_file(path, file))
        return -1;
    file->name = avsc ? embedded_name(path, ".avsc", 1) : embedded_name(path, ".csv", 0);
    if (avsc)
        gen->schema_count++;
    else
        gen->code_count++;
    return avsc ? write_headers(gen, path, file) : 0;
}

static void release(struct gen *gen)
{
    for (size_t i = 0; i < gen->schema_count; i++) {
        free(gen->schemas[i].name);
        free(gen->schemas[i].data);
    }
    for (size_t i = 0; i < gen->code_count; i++) {
        free(gen->codes[i].name);
        free(gen->codes[i].data);
    }
    for (size_t i = 0; i < gen->seen_count; i++) {
        free(gen->seen[i].full_name);
        free(gen->seen[i].signature);
    }
    free(gen->schemas);
    free(gen->codes);
    free(gen->seen);
}

int main(int argc, char **argv)
{
    struct relais_buf text = RELAIS_BUF_INIT(8 * GEN_FILE_MAX);
    struct gen gen = {.outdir = argc > 1 ? argv[1] : ""};
    char path[4096];
    int rc = argc > 1 ? 0 : complain("usage", "relais-gen OUTDIR FILE...", NULL);

    gen.schemas = relais_zalloc((size_t)argc * sizeof(*gen.schemas));
    gen.codes = relais_zalloc((size_t)argc * sizeof(*gen.codes));
    snprintf(path, sizeof(path), "%s/contracts", gen.outdir);
    if (rc == 0 && mkdir(path, 0777) != 0 && errno != EEXIST)
        rc = complain(path, strerror(errno), NULL);
    for (int i = 2; i < argc && rc == 0; i++)
        rc = take_file(&gen, argv[i]);
    snprintf(path, sizeof(path), "%s/embedded.c", gen.outdir);
    if (rc == 0 &&
        gen_embedded(gen.schemas, gen.schema_count, gen.codes, gen.code_count, &text))
        rc = complain(path, "larger than 128 MiB", NULL);
    if (rc == 0)
        rc = write_file(path, &text);
    relais_buf_release(&text);
    release(&gen);
    return rc ? 1 : 0;
}
