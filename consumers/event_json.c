#include "consumers/event_json.h"

#define HEADERS_SHOWN 64

/* The last of a name counts. */
static bool comes_again(const struct relais_event *event, size_t i, const char *name)
{
    struct relais_slice value;
    const char *other;

    for (i++; i < HEADERS_SHOWN && event_header_at(event, i, &other, &value); i++)
        if (strcmp(other, name) == 0)
            return true;
    return false;
}

static struct relais_value *headers_value(const struct relais_event *event,
                                          struct relais_arena *arena)
{
    struct relais_value *headers =
        relais_value_add(arena, NULL, NULL, RELAIS_VALUE_RECORD);
    struct relais_slice value;
    const char *name;

    for (size_t i = 0;
         headers && i < HEADERS_SHOWN && event_header_at(event, i, &name, &value); i++) {
        struct relais_slice copy = relais_arena_slice(arena, relais_slice_str(name));
        enum relais_value_kind kind = !value.ptr                 ? RELAIS_VALUE_NULL
                                      : relais_utf8_valid(value) ? RELAIS_VALUE_STRING
                                                                 : RELAIS_VALUE_BYTES;
        struct relais_value *v;

        if (comes_again(event, i, name) || !relais_utf8_valid(copy))
            continue;
        v = copy.ptr ? relais_value_add(arena, headers, copy.ptr, kind) : NULL;
        if (!v)
            return NULL;
        v->text = value;
    }
    return headers;
}

int event_record(const struct relais_event *event, bool headers,
                 struct relais_arena *arena, struct relais_record *rec,
                 struct relais_error *err)
{
    int32_t id = relais_event_schema_id(event);

    rec->kind = RELAIS_RECORD_EVENT;
    rec->schema = relais_event_subject(event);
    rec->topic = relais_event_topic(event);
    rec->partition = relais_event_partition(event);
    rec->offset = relais_event_offset(event);
    rec->timestamp_ms = relais_event_timestamp_ms(event);
    rec->key.ptr = relais_event_key(event, &rec->key.len);
    rec->schema_id = id > 0 ? id : 0;
    rec->headers = headers ? headers_value(event, arena) : NULL;
    if (headers && !rec->headers)
        return relais_error_set(err, RELAIS_E_LIMIT, "headers", "arena full");
    if (event_error(event)) {
        rec->problem = *event_error(event);
        return 0;
    }
    rec->value = event_value(event, arena, err);
    return rec->value ? 0 : -1;
}

int event_json_line(const struct relais_event *event, struct relais_arena *arena,
                    struct relais_buf *out, struct relais_error *err)
{
    struct relais_record rec = {0};

    if (event_record(event, true, arena, &rec, err))
        return -1;
    if (!relais_record_print(&rec, out))
        return 0;
    return relais_error_set(err, RELAIS_E_LIMIT, "json", "line too long");
}
