#include "connectors/pgoutput.h"

#include <endian.h>
#include <stdlib.h>

#define EPOCH_2000_US 946684800000000 /* 2000-01-01 in microseconds since 1970 */
#define RELATIONS_MIN 64              /* a power of two */

/* A table as the server described it last. The address of `relation` never changes. */
struct relation {
    struct pg_relation relation;
    char *raw; /* the describing message: its strings are here */
    size_t raw_len;
    struct pg_column *columns;
};

struct pgoutput {
    struct relation **relations; /* open addressing by OID */
    size_t relation_count, relation_slots;
    uint64_t version; /* the last one given away */
    struct pg_datum *now, *old;
    size_t datum_slots;
    uint32_t *truncated; /* tables of a TRUNCATE still to be told */
    size_t truncated_count, truncated_at, truncated_slots;
    bool in_transaction;
    uint64_t commit_lsn;
    int64_t observed_us;
    uint32_t xid;
    struct pg_event event;
};

static const char *take(struct pgoutput_reader *r, size_t len)
{
    const char *at = r->at;

    if (r->bad || (size_t)(r->end - r->at) < len) {
        r->bad = true;
        return NULL;
    }
    r->at += len;
    return at;
}

/* `to` stays as it is where fewer bytes are left. */
static void copy(struct pgoutput_reader *r, void *to, size_t len)
{
    const char *at = take(r, len);

    if (at)
        memcpy(to, at, len);
}

uint64_t pgoutput_u64(struct pgoutput_reader *r)
{
    uint64_t n = 0;

    copy(r, &n, sizeof(n));
    return be64toh(n);
}

uint32_t pgoutput_u32(struct pgoutput_reader *r)
{
    uint32_t n = 0;

    copy(r, &n, sizeof(n));
    return be32toh(n);
}

static uint16_t read_u16(struct pgoutput_reader *r)
{
    uint16_t n = 0;

    copy(r, &n, sizeof(n));
    return be16toh(n);
}

uint8_t pgoutput_u8(struct pgoutput_reader *r)
{
    uint8_t n = 0;

    copy(r, &n, sizeof(n));
    return n;
}

static const char *read_string(struct pgoutput_reader *r)
{
    const char *nul = r->bad ? NULL : memchr(r->at, '\0', (size_t)(r->end - r->at));

    if (!nul) {
        r->bad = true;
        return "";
    }
    return take(r, (size_t)(nul - r->at) + 1);
}

int64_t pgoutput_time_us(uint64_t raw)
{
    int64_t us;

    if (__builtin_add_overflow((int64_t)raw, EPOCH_2000_US, &us))
        return INT64_MAX;
    return us;
}

uint64_t pgoutput_time_raw(int64_t instant_us)
{
    return (uint64_t)(instant_us - EPOCH_2000_US);
}

struct pgoutput *pgoutput_new(void)
{
    struct pgoutput *p = relais_zalloc(sizeof(*p));

    p->relation_slots = RELATIONS_MIN;
    p->relations = relais_zalloc(p->relation_slots * sizeof(*p->relations));
    return p;
}

static void relation_free(struct relation *rel)
{
    if (!rel)
        return;
    free(rel->columns);
    free(rel->raw);
    free(rel);
}

void pgoutput_free(struct pgoutput *p)
{
    if (!p)
        return;
    for (size_t i = 0; i < p->relation_slots; i++)
        relation_free(p->relations[i]);
    free(p->relations);
    free(p->now);
    free(p->old);
    free(p->truncated);
    free(p);
}

bool pgoutput_in_transaction(const struct pgoutput *p) { return p->in_transaction; }

static int broken(const char *what, struct relais_error *err)
{
    return relais_error_set(err, RELAIS_E_PG_PROTOCOL, "pgoutput", "%s", what);
}

/* The place of this OID: its own or the empty one where it would stand. */
static struct relation **relation_place(struct relation **slots, size_t slot_count,
                                        uint32_t oid)
{
    size_t i = oid * 2654435761u & (slot_count - 1);

    while (slots[i] && slots[i]->relation.oid != oid)
        i = (i + 1) & (slot_count - 1);
    return &slots[i];
}

static struct pg_relation *relation_find(struct pgoutput *p, uint32_t oid)
{
    struct relation *rel = *relation_place(p->relations, p->relation_slots, oid);

    return rel ? &rel->relation : NULL;
}

static void relations_grow(struct pgoutput *p)
{
    size_t slot_count = p->relation_slots * 2;
    struct relation **slots = relais_zalloc(slot_count * sizeof(*slots));

    for (size_t i = 0; i < p->relation_slots; i++)
        if (p->relations[i])
            *relation_place(slots, slot_count, p->relations[i]->relation.oid) =
                p->relations[i];
    free(p->relations);
    p->relations = slots;
    p->relation_slots = slot_count;
}

static void datums_grow(struct pgoutput *p, size_t count)
{
    if (count <= p->datum_slots)
        return;
    p->now = relais_realloc(p->now, count * sizeof(*p->now));
    p->old = relais_realloc(p->old, count * sizeof(*p->old));
    p->datum_slots = count;
}

/* Reads a description out of rel->raw. */
static int relation_read(struct relation *rel, struct relais_error *err)
{
    struct pgoutput_reader r = {rel->raw, rel->raw + rel->raw_len, false};
    struct pg_relation *to = &rel->relation;
    size_t count;

    to->oid = pgoutput_u32(&r);
    to->schema = read_string(&r);
    if (!*to->schema)
        to->schema = "pg_catalog"; /* so it is abbreviated */
    to->name = read_string(&r);
    to->identity = (char)pgoutput_u8(&r);
    count = read_u16(&r);
    if (r.bad || count > PG_COLUMNS_MAX)
        return broken("description of a table", err);
    rel->columns = relais_zalloc((count ? count : 1) * sizeof(*rel->columns));
    for (size_t i = 0; i < count; i++) {
        rel->columns[i].key = pgoutput_u8(&r) & 1;
        rel->columns[i].name = read_string(&r);
        rel->columns[i].type = pgoutput_u32(&r);
        rel->columns[i].modifier = (int32_t)pgoutput_u32(&r);
    }
    if (r.bad || r.at != r.end)
        return broken("description of a table", err);
    to->columns = rel->columns;
    to->column_count = count;
    return 0;
}

/* The server describes a table again whenever it may have changed: the same words leave
 * the version as it is. */
static int decode_relation(struct pgoutput *p, struct pgoutput_reader *r,
                           struct relais_error *err)
{
    size_t len = (size_t)(r->end - r->at);
    struct relation *rel = relais_zalloc(sizeof(*rel)), **place;

    rel->raw = relais_alloc(len + 1);
    memcpy(rel->raw, r->at, len);
    rel->raw_len = len;
    if (relation_read(rel, err)) {
        relation_free(rel);
        return -1;
    }
    place = relation_place(p->relations, p->relation_slots, rel->relation.oid);
    if (*place && (*place)->raw_len == len && !memcmp((*place)->raw, rel->raw, len)) {
        relation_free(rel);
        return 0;
    }
    if (!*place && p->relation_count == PGOUTPUT_RELATIONS_MAX) {
        relation_free(rel);
        return relais_error_set(err, RELAIS_E_PG_SCHEMA, "pgoutput",
                                "more than %d tables", PGOUTPUT_RELATIONS_MAX);
    }
    rel->relation.version = ++p->version;
    datums_grow(p, rel->relation.column_count);
    if (*place) {
        struct relation was = **place;

        **place = *rel;
        *rel = was;
        relation_free(rel);
        return 0;
    }
    *place = rel;
    if (++p->relation_count * 2 > p->relation_slots)
        relations_grow(p);
    return 0;
}

static void read_datum(struct pgoutput_reader *r, struct pg_datum *to)
{
    uint8_t kind = pgoutput_u8(r);
    uint32_t len;

    to->bytes = RELAIS_SLICE_NULL;
    switch (kind) {
    case 'n':
        to->kind = PG_DATUM_NULL;
        return;
    case 'u':
        to->kind = PG_DATUM_UNCHANGED;
        return;
    case 't':
    case 'b':
        to->kind = kind == 't' ? PG_DATUM_TEXT : PG_DATUM_BINARY;
        len = pgoutput_u32(r);
        to->bytes.ptr = take(r, len);
        to->bytes.len = r->bad ? 0 : len;
        return;
    default:
        r->bad = true;
    }
}

static void read_tuple(struct pgoutput_reader *r, const struct pg_relation *rel,
                       struct pg_datum *to)
{
    if (read_u16(r) != rel->column_count)
        r->bad = true;
    for (size_t i = 0; i < rel->column_count && !r->bad; i++)
        read_datum(r, &to[i]);
}

static void new_event(struct pgoutput *p, enum pg_event_kind kind)
{
    p->event = (struct pg_event){.kind = kind,
                                 .commit_lsn = p->commit_lsn,
                                 .observed_us = p->observed_us,
                                 .xid = p->xid};
}

static int decode_begin(struct pgoutput *p, struct pgoutput_reader *r,
                        struct relais_error *err)
{
    if (p->in_transaction)
        return broken("a transaction within another", err);
    p->commit_lsn = pgoutput_u64(r);
    p->observed_us = pgoutput_time_us(pgoutput_u64(r));
    p->xid = pgoutput_u32(r);
    p->in_transaction = true;
    new_event(p, PG_EVENT_BEGIN);
    return 1;
}

static int decode_commit(struct pgoutput *p, struct pgoutput_reader *r,
                         struct relais_error *err)
{
    if (!p->in_transaction)
        return broken("the end of a transaction that did not begin", err);
    new_event(p, PG_EVENT_COMMIT);
    pgoutput_u8(r);
    if (pgoutput_u64(r) != p->commit_lsn)
        return broken("the end of another transaction", err);
    p->event.end_lsn = pgoutput_u64(r);
    pgoutput_u64(r);
    p->in_transaction = false;
    return 1;
}

/* INSERT, UPDATE, DELETE: the table, an old tuple or none, a new tuple or none. */
static int decode_row(struct pgoutput *p, struct pgoutput_reader *r,
                      enum pg_event_kind kind, struct relais_error *err)
{
    struct pg_relation *rel = relation_find(p, pgoutput_u32(r));
    uint8_t tag;

    if (!p->in_transaction)
        return broken("a row outside of a transaction", err);
    if (!rel)
        return broken("a row of a table that was not described", err);
    new_event(p, kind);
    p->event.relation = rel;
    tag = pgoutput_u8(r);
    if (kind != PG_EVENT_INSERT && (tag == 'K' || tag == 'O')) {
        p->event.old_is_key = tag == 'K';
        p->event.old = p->old;
        read_tuple(r, rel, p->old);
        tag = kind == PG_EVENT_UPDATE ? pgoutput_u8(r) : 'N';
    } else if (kind == PG_EVENT_DELETE) {
        r->bad = true;
    }
    if (tag != 'N')
        r->bad = true;
    if (kind != PG_EVENT_DELETE) {
        p->event.now = p->now;
        read_tuple(r, rel, p->now);
    }
    return 1;
}

const struct pg_event *pgoutput_more(struct pgoutput *p)
{
    if (p->truncated_at == p->truncated_count)
        return NULL;
    new_event(p, PG_EVENT_TRUNCATE);
    p->event.relation = relation_find(p, p->truncated[p->truncated_at++]);
    return &p->event;
}

static int decode_truncate(struct pgoutput *p, struct pgoutput_reader *r,
                           struct relais_error *err)
{
    size_t count = pgoutput_u32(r);

    pgoutput_u8(r); /* CASCADE, RESTART IDENTITY */
    if (!p->in_transaction)
        return broken("a row outside of a transaction", err);
    if (r->bad || count != (size_t)(r->end - r->at) / 4)
        return broken("message too short or too long", err);
    if (count > p->truncated_slots) {
        p->truncated = relais_realloc(p->truncated, count * sizeof(*p->truncated));
        p->truncated_slots = count;
    }
    for (size_t i = 0; i < count; i++) {
        p->truncated[i] = pgoutput_u32(r);
        if (!relation_find(p, p->truncated[i]))
            return broken("a row of a table that was not described", err);
    }
    if (r->at != r->end)
        return broken("message too short or too long", err);
    p->truncated_count = count;
    return pgoutput_more(p) ? 1 : 0;
}

static int decode_message(struct pgoutput *p, struct pgoutput_reader *r,
                          struct relais_error *err)
{
    bool transactional = pgoutput_u8(r) & 1;
    uint64_t lsn = pgoutput_u64(r);

    if (transactional && !p->in_transaction)
        return broken("a row outside of a transaction", err);
    new_event(p, PG_EVENT_MESSAGE);
    p->event.transactional = transactional;
    if (!transactional) {
        p->event.commit_lsn = p->event.end_lsn = lsn;
        p->event.observed_us = 0;
        p->event.xid = 0;
    }
    p->event.prefix = read_string(r);
    p->event.content.len = pgoutput_u32(r);
    p->event.content.ptr = take(r, p->event.content.len);
    return 1;
}

/* A name at the end of messages that give no event: an origin, a type. */
static int decode_named(struct pgoutput_reader *r, size_t before, size_t strings)
{
    take(r, before);
    for (size_t i = 0; i < strings; i++)
        read_string(r);
    return 0;
}

static int decode_any(struct pgoutput *p, struct pgoutput_reader *r,
                      struct relais_error *err)
{
    uint8_t kind = pgoutput_u8(r);

    switch (kind) {
    case 'I':
        return decode_row(p, r, PG_EVENT_INSERT, err);
    case 'U':
        return decode_row(p, r, PG_EVENT_UPDATE, err);
    case 'D':
        return decode_row(p, r, PG_EVENT_DELETE, err);
    case 'B':
        return decode_begin(p, r, err);
    case 'C':
        return decode_commit(p, r, err);
    case 'M':
        return decode_message(p, r, err);
    case 'T':
        return decode_truncate(p, r, err);
    case 'O':
        return decode_named(r, 8, 1);
    case 'Y':
        return decode_named(r, 4, 2);
    default:
        return relais_error_set(err, RELAIS_E_PG_PROTOCOL, "pgoutput",
                                "unknown message 0x%02X", kind);
    }
}

int pgoutput_decode(struct pgoutput *p, struct relais_slice message,
                    const struct pg_event **event_out, struct relais_error *err)
{
    struct pgoutput_reader r = {message.ptr, message.ptr + message.len, false};
    int rc;

    *event_out = NULL;
    p->truncated_at = p->truncated_count = 0;
    if (message.len && *message.ptr == 'R') {
        r.at++;
        return decode_relation(p, &r, err);
    }
    rc = decode_any(p, &r, err);
    if (rc >= 0 && (r.bad || r.at != r.end))
        return broken("message too short or too long", err);
    if (rc > 0)
        *event_out = &p->event;
    return rc;
}
