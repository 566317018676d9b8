/* From a message to an event: frame, schema of the registry, struct. What was written
 * under the name of a contract built in, by whatever version of it, is read as that
 * contract; any other schema as its writer meant it; everything as the subscriber's own
 * schema where it has one.
 */

#include "consumers/subscriber_internal.h"
#include "core/day.h"

#include <stdlib.h>

#define UNKNOWN_US INT64_C(5000000)

static void set_offset(const struct relais_avro_type *record, uint32_t base,
                       const char *name, enum relais_avro_kind kind, int64_t *offset)
{
    for (uint32_t i = 0; i < record->count; i++) {
        const struct relais_avro_field *f = &record->fields[i];

        if (strcmp(f->name, name) == 0 && f->type->kind == kind)
            *offset = (int64_t)base + f->offset;
    }
}

/* Where the struct holds entete.id, .sequence and .constate_le; Parcage has its id on
 * top.
 */
static void find_offsets(struct event_schema *es)
{
    const struct relais_avro_type *root = relais_avro_root(es->schema);

    es->id_offset = es->sequence_offset = es->observed_offset = -1;
    if (root->kind != RELAIS_AVRO_RECORD)
        return;
    set_offset(root, 0, "id", RELAIS_AVRO_STRING, &es->id_offset);
    for (uint32_t i = 0; i < root->count; i++) {
        const struct relais_avro_field *f = &root->fields[i];

        if (strcmp(f->name, "entete") != 0 || f->type->kind != RELAIS_AVRO_RECORD)
            continue;
        set_offset(f->type, f->offset, "id", RELAIS_AVRO_STRING, &es->id_offset);
        set_offset(f->type, f->offset, "sequence", RELAIS_AVRO_LONG,
                   &es->sequence_offset);
        set_offset(f->type, f->offset, "constate_le", RELAIS_AVRO_LONG,
                   &es->observed_offset);
    }
}

/* relais_check_open reads the id where the contract has it. */
static int64_t id_offset_of(const struct relais_contract *contract)
{
    struct event_schema own = {.schema = contract->schema};

    find_offsets(&own);
    return own.id_offset;
}

/* Same text, or same canonical form: then the struct is laid out the same. */
static bool same_form(const struct relais_avro *one, const struct relais_avro *other)
{
    struct relais_buf a = RELAIS_BUF_INIT(RELAIS_AVRO_TEXT_MAX);
    struct relais_buf b = RELAIS_BUF_INIT(RELAIS_AVRO_TEXT_MAX);
    bool same = relais_slice_eq(relais_avro_text(one), relais_avro_text(other));

    if (!same && !relais_avro_canonical(one, &a) && !relais_avro_canonical(other, &b))
        same = relais_slice_eq(relais_buf_slice(&a), relais_buf_slice(&b));
    relais_buf_release(&a);
    relais_buf_release(&b);
    return same;
}

/* The contract whose name a schema bears; NULL: none. */
static const struct relais_contract *contract_of(const struct relais_avro *schema)
{
    const char *name = relais_avro_root(schema)->name;
    const struct relais_contract *contract = name ? relais_catalog_find(name) : NULL;

    return contract && strcmp(contract->name, name) == 0 ? contract : NULL;
}

static struct event_schema *describe(const struct event_schemas *schemas, int32_t id,
                                     const struct relais_avro *writer)
{
    struct event_schema *es = relais_zalloc(sizeof(*es));
    const struct relais_contract *contract = contract_of(writer);
    const char *name = relais_avro_root(writer)->name;

    es->id = id;
    es->schema = schemas->reader ? schemas->reader : contract ? contract->schema : writer;
    if (contract && es->schema == contract->schema)
        es->contract = contract;
    es->unreadable.code = RELAIS_E_OK;
    if (es->schema != writer && !same_form(writer, es->schema))
        es->resolution = relais_avro_resolution_new(writer, es->schema, &es->unreadable);
    es->as = (struct relais_contract){
        .name = name ? name : "",
        .family = contract ? contract->family : "",
        .object = contract ? contract->object : "",
        .id = contract
                  ? relais_avro_field(relais_avro_root(es->schema), contract->id->name)
                  : NULL,
        .text = relais_avro_text(es->schema),
        .schema = es->schema,
        .size = relais_avro_root(es->schema)->size};
    find_offsets(es);
    es->opens = contract && es->id_offset == id_offset_of(contract);
    return es;
}

static const struct event_schema *schema_new(struct event_schemas *schemas, int32_t id,
                                             struct relais_error *err)
{
    const struct relais_avro *schema;

    if (id == schemas->unknown_id && relais_monotonic_us() < schemas->unknown_until_us) {
        *err = schemas->unknown;
        return NULL;
    }
    if (schemas->count == EVENT_SCHEMAS_MAX) {
        relais_error_set(err, RELAIS_E_LIMIT, "schema", "more than %d schemas",
                         EVENT_SCHEMAS_MAX);
        return NULL;
    }
    schema = relais_registry_schema(schemas->reg, id, err);
    if (!schema) {
        schemas->unknown = *err;
        schemas->unknown_id = id;
        schemas->unknown_until_us = relais_error_class(err->code) == RELAIS_RETRY
                                        ? 0
                                        : relais_monotonic_us() + UNKNOWN_US;
        return NULL;
    }
    schemas->items =
        relais_realloc(schemas->items, (schemas->count + 1) * sizeof(*schemas->items));
    return schemas->items[schemas->count++] = describe(schemas, id, schema);
}

static const struct event_schema *schema_of(struct event_schemas *schemas, int32_t id,
                                            struct relais_error *err)
{
    if (schemas->last && schemas->last->id == id)
        return schemas->last;
    schemas->last = NULL;
    for (size_t i = 0; i < schemas->count && !schemas->last; i++)
        if (schemas->items[i]->id == id)
            schemas->last = schemas->items[i];
    if (!schemas->last)
        schemas->last = schema_new(schemas, id, err);
    return schemas->last;
}

int event_schemas_open(struct event_schemas *schemas, const struct relais_conf *conf,
                       const struct relais_avro *reader, struct relais_error *err)
{
    const char *ring = relais_conf_text(conf, "keys", "file");
    const struct relais_contract *contract = reader ? contract_of(reader) : NULL;

    schemas->reader =
        contract && same_form(reader, contract->schema) ? contract->schema : reader;
    if (ring && *ring && !(schemas->ring = relais_keyring_open(ring, err)))
        return -1;
    schemas->reg = relais_registry_new(conf, err);
    return schemas->reg ? 0 : -1;
}

void event_schemas_close(struct event_schemas *schemas)
{
    for (size_t i = 0; i < schemas->count; i++) {
        relais_avro_resolution_free(schemas->items[i]->resolution);
        free(schemas->items[i]);
    }
    free(schemas->items);
    relais_registry_free(schemas->reg);
    relais_keyring_free(schemas->ring);
}

static void set_problem(struct relais_event *ev, const struct relais_error *why)
{
    static const struct relais_error full = {RELAIS_E_LIMIT, "event",
                                             "too many events held"};
    struct relais_error *copy = relais_arena_alloc(&ev->batch->arena, sizeof(*copy));

    if (copy)
        *copy = *why;
    ev->problem = copy ? copy : &full;
    ev->data = NULL;
}

static int decode_value(struct event_schemas *schemas, struct relais_event *ev,
                        struct relais_slice value, struct relais_error *err)
{
    const struct event_schema *es = ev->schema;
    struct relais_arena *arena = &ev->batch->arena;

    if (es->unreadable.code) {
        *err = es->unreadable;
        return -1;
    }
    ev->data = relais_arena_alloc(arena, es->as.size);
    if (!ev->data)
        return relais_error_set(err, RELAIS_E_LIMIT, "event", "too many events held");
    if (es->resolution
            ? relais_avro_resolve(es->resolution, value, ev->data, arena, err)
            : relais_avro_decode(es->schema, value, ev->data, arena, NULL, err))
        return -1;
    if (schemas->ring && es->opens &&
        relais_check_open(schemas->ring, &es->as, ev->data, arena, err) < 0)
        return -1;
    return 0;
}

int event_decode(struct event_schemas *schemas, struct relais_event *ev,
                 struct relais_error *err)
{
    struct relais_slice framed = {ev->msg->payload, ev->msg->len}, value;
    struct relais_error why;

    why.code = RELAIS_E_OK; /* its texts are written with the code */
    ev->schema_id = -1;
    if (!framed.ptr) {
        relais_error_set(&why, RELAIS_E_AVRO_INVALID, "event", "no value (tombstone)");
        goto problem;
    }
    if (relais_frame_read(framed, &ev->schema_id, &value, &why))
        goto problem;
    ev->schema = schema_of(schemas, ev->schema_id, &why);
    if (!ev->schema) {
        if (relais_error_class(why.code) == RELAIS_RETRY ||
            why.code == RELAIS_E_REGISTRY_REFUSED) {
            *err = why;
            return -1;
        }
        goto problem;
    }
    if (decode_value(schemas, ev, value, &why))
        goto problem;
    return 0;
problem:
    set_problem(ev, &why);
    return 0;
}
