#include "core/crypto.h"
#include "core/day.h"
#include "core/record.h"

#include <inttypes.h>
#include <stdio.h>

static int print_member(struct relais_buf *out, const char *name,
                        const struct relais_value *v, const char *absent)
{
    if (relais_buf_printf(out, ",\"%s\":", name))
        return -1;
    return v ? relais_value_print(v, out) : relais_buf_add_str(out, absent);
}

/* Bytes that are not UTF-8 (a foreign key): {"base64":"..."}. */
static int print_text(struct relais_buf *out, const char *name, struct relais_slice s)
{
    if (relais_buf_printf(out, ",\"%s\":", name))
        return -1;
    if (!s.ptr)
        return relais_buf_add_str(out, "null");
    if (relais_utf8_valid(s))
        return relais_json_string(out, s);
    return relais_buf_add_str(out, "{\"base64\":\"") || relais_base64(s, out) ||
                   relais_buf_add_str(out, "\"}")
               ? -1
               : 0;
}

static int print_problem(struct relais_buf *out, const struct relais_error *problem)
{
    char text[320];

    snprintf(text, sizeof(text), "%s %s: %s", relais_error_name(problem->code),
             problem->where, problem->text);
    return print_text(out, "problem", relais_slice_str(text));
}

int relais_record_print(const struct relais_record *rec, struct relais_buf *out)
{
    char instant[30] = "null";

    if (rec->timestamp_ms >= 0) {
        relais_instant_format(rec->timestamp_ms * 1000, instant + 1);
        instant[0] = '"';
        instant[28] = '"';
        instant[29] = '\0';
    }
    if (relais_buf_add_str(out, "{\"topic\":") ||
        relais_json_string(out, relais_slice_str(rec->topic ? rec->topic : "")) ||
        relais_buf_printf(
            out, ",\"partition\":%" PRId32 ",\"offset\":%" PRId64 ",\"timestamp\":%s",
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
    if (rec->problem.code && print_problem(out, &rec->problem))
        return -1;
    return relais_buf_add_char(out, '}');
}
