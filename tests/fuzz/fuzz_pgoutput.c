/* Any messages, each after its length in two bytes: refused with an error, or events
 * whose every byte can be read. Corpus: tests/data/pgoutput. */
#include "connectors/pgoutput.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static unsigned long sum; /* of all bytes that events point to */

static void read_all(const struct pg_datum *values, size_t count)
{
    for (size_t i = 0; values && i < count; i++)
        for (size_t j = 0; j < values[i].bytes.len; j++)
            sum += (unsigned char)values[i].bytes.ptr[j];
}

static void read_event(const struct pg_event *e)
{
    if (e->relation) {
        sum += strlen(e->relation->schema) + strlen(e->relation->name);
        for (size_t i = 0; i < e->relation->column_count; i++)
            sum += strlen(e->relation->columns[i].name);
        read_all(e->now, e->relation->column_count);
        read_all(e->old, e->relation->column_count);
    } else if (e->now || e->old) {
        abort();
    }
    for (size_t i = 0; i < e->content.len; i++)
        sum += (unsigned char)e->content.ptr[i];
    sum += e->prefix ? strlen(e->prefix) : 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct pgoutput *p = pgoutput_new();
    int rc = 0;

    while (rc >= 0 && len >= 2) {
        struct relais_error err = RELAIS_ERROR_INIT;
        const struct pg_event *event = NULL;
        size_t n = (size_t)data[0] << 8 | data[1];
        char *copy;

        data += 2;
        len -= 2;
        n = n < len ? n : len;
        copy = relais_alloc(n ? n : 1); /* exactly its size, for the sanitizer */
        memcpy(copy, data, n);
        rc = pgoutput_decode(p, (struct relais_slice){copy, n}, &event, &err);
        if ((rc < 0) != (err.code != RELAIS_E_OK) || (rc > 0) != (event != NULL))
            abort();
        for (; event; event = pgoutput_more(p))
            read_event(event);
        free(copy);
        data += n;
        len -= n;
    }
    pgoutput_free(p);
    return 0;
}
