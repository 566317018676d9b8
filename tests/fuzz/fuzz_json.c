/* Any bytes: refused with an error, or a tree that is printed, read again and printed the
 * same. Corpus: tests/data/json. */
#include "core/value.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct relais_arena arena = RELAIS_ARENA_INIT(8u << 20);
    struct relais_buf first = RELAIS_BUF_INIT(8u << 20),
                      second = RELAIS_BUF_INIT(8u << 20);
    struct relais_error err = RELAIS_ERROR_INIT;
    struct relais_value *v =
        relais_value_parse(&arena, (struct relais_slice){(const char *)data, len}, &err);

    if (!v != (err.code != RELAIS_E_OK))
        abort();
    if (v) {
        if (relais_value_print(v, &first) || !relais_utf8_valid(relais_buf_slice(&first)))
            abort();
        v = relais_value_parse(&arena, relais_buf_slice(&first), &err);
        if (v && (relais_value_print(v, &second) ||
                  !relais_slice_eq(relais_buf_slice(&first), relais_buf_slice(&second))))
            abort();
        if (!v && err.code != RELAIS_E_LIMIT)
            abort();
        relais_buf_clear(&second);
        if (v && relais_value_print_canonical(v, &second) == 0 &&
            !relais_value_parse(&arena, relais_buf_slice(&second), &err) &&
            err.code != RELAIS_E_LIMIT)
            abort();
    }
    relais_buf_release(&first);
    relais_buf_release(&second);
    relais_arena_release(&arena);
    return 0;
}
