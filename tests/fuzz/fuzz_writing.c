/* Any bytes as a mapping of sink_postgres and, after a NUL, an event: refused with an
 * error, or rows that are JSON. Corpus: tests/data/writing. */
#include "connectors/pg_writing_rows.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void rows(const struct pg_writing_form *f, const struct relais_value *event,
                 struct relais_arena *arena)
{
    struct relais_buf out = RELAIS_BUF_INIT(16u << 20);
    struct relais_error err = RELAIS_ERROR_INIT;

    if (pg_writing_rows(f, event, &out, &err) == 0) {
        if (!relais_value_parse(arena, relais_buf_slice(&out), &err) &&
            err.code != RELAIS_E_LIMIT)
            abort();
    } else if (err.code == RELAIS_E_OK) {
        abort();
    }
    relais_buf_release(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    const char *text = (const char *)data, *nul = len ? memchr(text, '\0', len) : NULL;
    size_t first = nul ? (size_t)(nul - text) : len;
    struct relais_arena arena = RELAIS_ARENA_INIT(32u << 20);
    struct relais_error err = RELAIS_ERROR_INIT;
    struct pg_writing_form *f =
        pg_writing_parse((struct relais_slice){text, first}, &err);
    struct relais_value *event = NULL;

    if (!f != (err.code != RELAIS_E_OK))
        abort();
    relais_error_clear(&err);
    if (f && nul)
        event = relais_value_parse(&arena,
                                   (struct relais_slice){nul + 1, len - first - 1}, &err);
    if (event && event->kind == RELAIS_VALUE_RECORD)
        rows(f, event, &arena);
    pg_writing_form_free(f);
    relais_arena_release(&arena);
    return 0;
}
