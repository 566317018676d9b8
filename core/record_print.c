#include "core/day.h"
#include "core/record.h"

#include <inttypes.h>

static int print_member(struct relais_buf *out, const char *name,
                        const struct relais_value *v, const char *absent)
{
    if (relais_buf_printf(out, ",\"%s\":", name))
        return -1;
    return v ? relais_value_print(v, out) : relais_buf_add_str(out, absent);
}

static int print_text(struct relais_buf *out, const char *name, struct relais_slice s)
{
    if (relais_buf_printf(out, ",\"%s\":", name))
        return -1;
    return s.ptr ? relais_json_string(out, s) : relais_buf_add_str(out, "null");
}

int relais_record_print(const struct relais_record *rec, struct relais_buf *out)
{
    char instant[28];

    relais_instant_format(rec->timestamp_ms * 1000, instant);
    if (relais_buf_add_str(out, "{\"topic\":") ||
        relais_json_string(out, relais_slice_str(rec->topic ? rec->topic : "")) ||
        relais_buf_printf(
            out, ",\"partition\":%" PRId32 ",\"offset\":%" PRId64 ",\"timestamp\":\"%s\"",
            rec->partition, rec->offset, instant) ||
        print_text(out, "key", rec->key) ||
        print_member(out, "headers", rec->headers, "{}") ||
        print_text(out, "subject", relais_slice_str(rec->schema)))
        return -1;
    if (rec->schema_id ? relais_buf_printf(out, ",\"schema_id\":%" PRId32, rec->schema_id)
                       : relais_buf_add_str(out, ",\"schema_id\":null"))
        return -1;
    if (print_member(out, "value", rec->value, "null"))
        return -1;
    return relais_buf_add_char(out, '}');
}
