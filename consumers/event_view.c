/* What an event shows of itself: the accessors of the public API, and its value as a
 * tree.
 */

#include "consumers/subscriber_internal.h"

#define JSON_MAX (16u << 20)

const void *event_message(const struct relais_event *event) { return event->msg; }

const struct relais_error *event_error(const struct relais_event *event)
{
    return event->problem;
}

bool event_header_at(const struct relais_event *event, size_t i, const char **name_out,
                     struct relais_slice *value_out)
{
    rd_kafka_headers_t *headers;
    const void *value;

    if (rd_kafka_message_headers(event->msg, &headers) ||
        rd_kafka_header_get_all(headers, i, name_out, &value, &value_out->len))
        return false;
    value_out->ptr = value;
    return true;
}

struct relais_value *event_value(const struct relais_event *event,
                                 struct relais_arena *arena, struct relais_error *err)
{
    if (!event->data) {
        if (event->problem)
            *err = *event->problem;
        return NULL;
    }
    return relais_avro_to_value(event->schema->schema, event->data, arena, err);
}

/* ---- the public API ---- */

const char *relais_event_problem(const struct relais_event *event)
{
    const struct relais_error *e = event->problem;
    struct relais_slice text;

    if (!e)
        return NULL;
    text = relais_arena_printf(&event->batch->arena, "%s %s: %s",
                               relais_error_name(e->code), e->where, e->text);
    return text.ptr ? text.ptr : relais_error_name(e->code);
}

const char *relais_event_topic(const struct relais_event *event)
{
    return event->part->topic;
}

int32_t relais_event_partition(const struct relais_event *event)
{
    return event->part->partition;
}

int64_t relais_event_offset(const struct relais_event *event)
{
    return event->msg->offset;
}

int64_t relais_event_timestamp_ms(const struct relais_event *event)
{
    return rd_kafka_message_timestamp(event->msg, NULL);
}

const char *relais_event_key(const struct relais_event *event, size_t *len_out)
{
    *len_out = event->msg->key_len;
    return event->msg->key;
}

const char *relais_event_header(const struct relais_event *event, const char *name,
                                size_t *len_out)
{
    rd_kafka_headers_t *headers;
    const void *value;

    *len_out = 0;
    if (rd_kafka_message_headers(event->msg, &headers) ||
        rd_kafka_header_get_last(headers, name, &value, len_out))
        return NULL;
    return value;
}

const char *relais_event_subject(const struct relais_event *event)
{
    return event->schema ? event->schema->as.name : NULL;
}

int32_t relais_event_schema_id(const struct relais_event *event)
{
    return event->schema_id;
}

/* The slot at an offset of the struct; NULL: none, or no struct. */
static const void *slot_at(const struct relais_event *event, int64_t offset)
{
    return event->data && offset >= 0 ? (const char *)event->data + offset : NULL;
}

static int64_t long_at(const struct relais_event *event, int64_t offset)
{
    const void *slot = slot_at(event, offset);
    int64_t number = 0;

    if (slot)
        memcpy(&number, slot, sizeof(number));
    return number;
}

const char *relais_event_id(const struct relais_event *event)
{
    const void *slot = event->schema ? slot_at(event, event->schema->id_offset) : NULL;
    char *id = ((struct relais_event *)(uintptr_t)event)->id; /* filled when asked for */
    struct relais_slice text;

    if (!slot || id[0])
        return id;
    memcpy(&text, slot, sizeof(text));
    if (text.len >= sizeof(event->id))
        return id;
    memcpy(id, text.ptr, text.len);
    id[text.len] = '\0';
    return id;
}

int64_t relais_event_sequence(const struct relais_event *event)
{
    return event->schema ? long_at(event, event->schema->sequence_offset) : 0;
}

int64_t relais_event_observed_us(const struct relais_event *event)
{
    return event->schema ? long_at(event, event->schema->observed_offset) : 0;
}

const char *relais_event_json(struct relais_event *event, size_t *len_out)
{
    struct relais_arena scratch = RELAIS_ARENA_INIT(JSON_MAX);
    struct relais_buf buf = RELAIS_BUF_INIT(JSON_MAX);
    struct relais_error err = RELAIS_ERROR_INIT;
    struct relais_value *v;

    if (!event->json && (v = event_value(event, &scratch, &err)) &&
        !relais_value_print(v, &buf)) {
        struct relais_slice text =
            relais_arena_slice(&event->batch->arena, relais_buf_slice(&buf));

        event->json = text.ptr;
        event->json_len = text.len;
    }
    relais_buf_release(&buf);
    relais_arena_release(&scratch);
    *len_out = event->json_len;
    return event->json;
}

const void *relais_event_struct(const struct relais_event *event, const char *full_name)
{
    const struct relais_contract *contract =
        event->schema ? event->schema->contract : NULL;

    return contract && strcmp(contract->name, full_name) == 0 ? event->data : NULL;
}

bool relais_event_newer(const struct relais_event *event, int64_t stored_observed_us,
                        int64_t stored_sequence)
{
    int64_t observed_us = relais_event_observed_us(event);

    if (observed_us != stored_observed_us)
        return observed_us > stored_observed_us;
    return relais_event_sequence(event) > stored_sequence;
}
