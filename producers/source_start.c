#include "producers/source_replay.h"

#include "core/day.h"
#include "core/log.h"
#include "core/loop.h"

#include <stdio.h>
#include <stdlib.h>

#define PARTITIONS_MAX 512
#define SCHEMAS_MAX    64
#define ARENA_MAX      (32u << 20)
#define VALUE_MAX      (8u << 20)
#define QUERY_MS       5000
#define SILENCE_US     INT64_C(30000000)
#define COMMIT_EVERY   1000

struct partition {
    const char *topic;
    int32_t number;
    int64_t next; /* to be read */
    int64_t end;  /* as it was at start */
    bool done;
};

/* What a schema id means here; version.contract NULL: nothing of ours. */
struct schema {
    int32_t id;
    struct replay_version version;
};

struct start {
    struct replay replay;
    rd_kafka_t *rk;
    bool force;
    bool was_empty;
    struct partition partitions[PARTITIONS_MAX];
    size_t partition_count;
    size_t open; /* not done */
    struct schema schemas[SCHEMAS_MAX];
    size_t schema_count;
    int64_t messages, taken, skipped;
    size_t pending; /* messages in the open transaction */
};

static rd_kafka_t *make_consumer(const struct relais_conf *conf, struct relais_error *err)
{
    rd_kafka_conf_t *kconf = relais_kafka_conf(conf, RELAIS_KAFKA_CONSUMER, err);
    char text[256] = "";
    size_t len = sizeof(text);
    rd_kafka_t *rk;

    if (!kconf)
        return NULL;
    /* assign() needs some group; nothing is ever committed to it */
    if (rd_kafka_conf_get(kconf, "group.id", text, &len) != RD_KAFKA_CONF_OK || !text[0])
        rd_kafka_conf_set(kconf, "group.id", "relais.source", NULL, 0);
    rk = rd_kafka_new(RD_KAFKA_CONSUMER, kconf, text, sizeof(text));
    if (!rk) {
        rd_kafka_conf_destroy(kconf);
        relais_error_set(err, RELAIS_E_CONF_VALUE, "[kafka]", "%s", text);
        return NULL;
    }
    rd_kafka_poll_set_consumer(rk);
    return rk;
}

/* Where to begin in one partition. */
static int place(struct start *st, struct partition *p, struct relais_error *err)
{
    struct source *s = st->replay.s;
    int64_t low, stored;
    bool found;

    if (relais_kafka_watermarks(st->rk, p->topic, p->number, QUERY_MS, &low, &p->end,
                                err) ||
        store_offset(s->store, p->topic, p->number, &stored, &found, err))
        return -1;
    p->next = low;
    if (st->replay.rebuild) {
        if (low > 0 && !st->force)
            return relais_error_set(err, RELAIS_E_USAGE, p->topic,
                                    "partition %d begins at %lld: older events were "
                                    "deleted; --force rebuilds from what is left",
                                    (int)p->number, (long long)low);
        return 0;
    }
    if (!found)
        return 0;
    if (stored > p->end && !s->options->renvoi)
        return relais_error_set(err, RELAIS_E_STATE_AHEAD, p->topic,
                                "partition %d ends at %lld, the state knows %lld: the "
                                "topic was made anew or lost its end; start with "
                                "--renvoi to publish every state again",
                                (int)p->number, (long long)p->end, (long long)stored);
    if (stored > p->end)
        relais_log(RELAIS_LOG_WARN, "topic=%s partition=%d end=%lld known=%lld accepted",
                   p->topic, (int)p->number, (long long)p->end, (long long)stored);
    if (stored < low)
        relais_log(RELAIS_LOG_WARN,
                   "topic=%s partition=%d begins=%lld known=%lld "
                   "deleted before it was read",
                   p->topic, (int)p->number, (long long)low, (long long)stored);
    p->next = stored > p->end ? p->end : stored < low ? low : stored;
    return 0;
}

static int add_topic(struct start *st, const char *topic, struct relais_error *err)
{
    int32_t count;

    for (size_t i = 0; i < st->partition_count; i++)
        if (strcmp(st->partitions[i].topic, topic) == 0)
            return 0;
    if (relais_kafka_partitions(st->rk, topic, QUERY_MS, &count, err))
        return -1;
    for (int32_t i = 0; i < count; i++) {
        struct partition *p = &st->partitions[st->partition_count];

        if (st->partition_count == PARTITIONS_MAX)
            return relais_error_set(err, RELAIS_E_BUG, topic, "more than %d partitions",
                                    PARTITIONS_MAX);
        *p = (struct partition){.topic = topic, .number = i};
        if (place(st, p, err))
            return -1;
        p->done = p->next >= p->end;
        st->open += !p->done;
        st->partition_count++;
    }
    return 0;
}

static int assign(struct start *st, struct relais_error *err)
{
    rd_kafka_topic_partition_list_t *list =
        rd_kafka_topic_partition_list_new((int)st->partition_count);
    rd_kafka_resp_err_t code;

    for (size_t i = 0; i < st->partition_count; i++) {
        const struct partition *p = &st->partitions[i];

        if (!p->done)
            rd_kafka_topic_partition_list_add(list, p->topic, p->number)->offset =
                p->next;
    }
    code = rd_kafka_assign(st->rk, list);
    rd_kafka_topic_partition_list_destroy(list);
    return code ? relais_kafka_error(err, code, "start", "assign") : 0;
}

static struct partition *partition_of(struct start *st, const rd_kafka_message_t *m)
{
    const char *topic = m->rkt ? rd_kafka_topic_name(m->rkt) : "";

    for (size_t i = 0; i < st->partition_count; i++)
        if (st->partitions[i].number == m->partition &&
            strcmp(st->partitions[i].topic, topic) == 0)
            return &st->partitions[i];
    return NULL;
}

/* A first start and a rebuild write their offsets with the last rows only: until then the
 * state counts as empty, so that half of one never passes for a whole. */
static int commit(struct start *st, bool last, struct relais_error *err)
{
    struct source *s = st->replay.s;
    bool offsets = last || (!st->was_empty && !st->replay.rebuild);

    for (size_t i = 0; offsets && i < st->partition_count; i++) {
        const struct partition *p = &st->partitions[i];

        if (store_put_offset(s->store, p->topic, p->number, p->next, err))
            return -1;
    }
    if (store_put_meta(s->store, &st->replay.meta, err) || store_commit(s->store, err))
        return -1;
    st->pending = 0;
    return 0;
}

/* 0: schema_out is set. */
static int schema_of(struct start *st, int32_t id, const struct schema **schema_out,
                     struct relais_error *err)
{
    struct source *s = st->replay.s;
    const struct relais_avro *writer;
    struct relais_error why = RELAIS_ERROR_INIT;
    struct replay_version *version;
    struct schema *row;

    for (size_t i = 0; i < st->schema_count; i++)
        if (st->schemas[i].id == id) {
            *schema_out = &st->schemas[i];
            return 0;
        }
    if (st->schema_count < SCHEMAS_MAX)
        st->schema_count++;
    row = &st->schemas[st->schema_count - 1];
    relais_avro_resolution_free(row->version.resolution);
    *row = (struct schema){.id = id};
    version = &row->version;
    writer = relais_registry_schema(s->registry, id, &why);
    if (!writer && relais_error_class(why.code) != RELAIS_DATA)
        goto fail;
    if (writer && relais_avro_root(writer)->name)
        version->contract = replay_contract(s, relais_avro_root(writer)->name);
    if (version->contract) {
        version->fingerprint = relais_avro_fingerprint(writer);
        if (version->fingerprint != relais_avro_fingerprint(version->contract->schema)) {
            version->resolution =
                relais_avro_resolution_new(writer, version->contract->schema, &why);
            if (!version->resolution)
                goto fail;
        }
    }
    *schema_out = row;
    return 0;
fail:
    st->schema_count--;
    *row = (struct schema){0};
    *err = why;
    return -1;
}

/* Cheap where the whole profile of headers is used. */
static bool says_another_source(struct start *st, const rd_kafka_message_t *m)
{
    rd_kafka_headers_t *headers;
    const void *value;
    size_t size;

    if (rd_kafka_message_headers(m, &headers) ||
        rd_kafka_header_get_last(headers, "ce_source", &value, &size))
        return false;
    return !relais_slice_is((struct relais_slice){value, size}, st->replay.s->name);
}

/* What cannot be an event of this source is counted and left. */
static int take_message(struct start *st, const rd_kafka_message_t *m,
                        const struct partition *p, struct relais_error *err)
{
    struct relais_slice framed = {m->payload, m->len}, value;
    struct relais_error why = RELAIS_ERROR_INIT;
    const struct schema *schema;
    bool mine = false;
    int32_t id;

    st->messages++;
    if (says_another_source(st, m))
        return 0;
    if (!m->payload || relais_frame_read(framed, &id, &value, &why)) {
        st->skipped++;
        return 0;
    }
    if (schema_of(st, id, &schema, err))
        return -1;
    if (!schema->version.contract) {
        st->skipped++;
        return 0;
    }
    relais_arena_reset(&st->replay.arena);
    if (replay_event(&st->replay, &schema->version, p->topic, value, &mine, &why)) {
        if (relais_error_class(why.code) == RELAIS_DATA) {
            st->skipped++;
            return 0;
        }
        *err = why;
        return -1;
    }
    st->taken += mine;
    if (mine && st->was_empty && !st->replay.rebuild)
        return relais_error_set(err, RELAIS_E_STATE_EMPTY, p->topic,
                                "events of this source are there, the state is empty: "
                                "relais depot rebuild, or give its state folder back");
    return 0;
}

static int read_one(struct start *st, int64_t *heard_us, struct relais_error *err)
{
    rd_kafka_message_t *m = rd_kafka_consumer_poll(st->rk, 200);
    struct partition *p = m ? partition_of(st, m) : NULL;
    int64_t now = relais_monotonic_us();
    int rc = 0;

    relais_ops_beat();
    if (!m) {
        if (now - *heard_us > SILENCE_US)
            return relais_error_set(err, RELAIS_E_BROKER_DOWN, "start",
                                    "no message for %d s", (int)(SILENCE_US / 1000000));
        return 0;
    }
    *heard_us = now;
    /* what a partition gives after it was done is left for the next time, position and
     * all */
    if (!m->err && p && !p->done) {
        rc = take_message(st, m, p, err);
        p->next = m->offset + 1;
    } else if (m->err == RD_KAFKA_RESP_ERR__PARTITION_EOF && p && !p->done) {
        p->next = m->offset > p->next ? m->offset : p->next;
    } else if (m->err && m->err != RD_KAFKA_RESP_ERR__PARTITION_EOF &&
               m->err != RD_KAFKA_RESP_ERR__TRANSPORT &&
               m->err != RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN) {
        rc = relais_kafka_error(err, m->err, p ? p->topic : "start", "read");
    }
    /* a new leader may say "end" before the end that was asked for: not until it is
     * reached */
    if (p && !p->done && p->next >= p->end) {
        p->done = true;
        st->open--;
    }
    rd_kafka_message_destroy(m);
    return rc;
}

static int read_all(struct start *st, struct relais_error *err)
{
    struct source *s = st->replay.s;
    int64_t heard_us = relais_monotonic_us();

    if (store_begin(s->store, err))
        return -1;
    if (st->replay.rebuild &&
        (store_clear(s->store, err) || store_meta(s->store, &st->replay.meta, err)))
        return -1;
    while (st->open) {
        int64_t before = st->messages;

        if (relais_loop_stopping())
            return relais_error_set(err, RELAIS_E_STOPPED, "start", "asked to stop");
        if (read_one(st, &heard_us, err))
            return -1;
        st->pending += (size_t)(st->messages - before);
        if (st->pending >= COMMIT_EVERY &&
            (commit(st, false, err) || store_begin(s->store, err)))
            return -1;
    }
    return commit(st, true, err);
}

static int find_partitions(struct start *st, struct relais_error *err)
{
    struct source *s = st->replay.s;

    for (size_t i = 0; i < s->contract_count; i++)
        if (add_topic(st, s->contracts[i].topic, err))
            return -1;
    return add_topic(st, s->control_topic, err);
}

int source_start(struct source *s, unsigned how, int64_t *objects_out,
                 struct relais_error *err)
{
    struct start *st = relais_zalloc(sizeof(*st));
    int rc = -1;

    st->replay.s = s;
    st->replay.rebuild = how & SOURCE_REBUILD;
    st->replay.facts = how & SOURCE_FACTS;
    st->replay.arena = (struct relais_arena)RELAIS_ARENA_INIT(ARENA_MAX);
    st->replay.buf = (struct relais_buf)RELAIS_BUF_INIT(VALUE_MAX);
    st->force = how & SOURCE_FORCE;
    if (store_empty(s->store, &st->was_empty, err) ||
        store_meta(s->store, &st->replay.meta, err))
        goto out;
    st->rk = make_consumer(s->conf, err);
    if (!st->rk || find_partitions(st, err) || (st->open && assign(st, err)) ||
        read_all(st, err))
        goto out;
    relais_log(RELAIS_LOG_INFO, "%s messages=%lld taken=%lld skipped=%lld",
               how & SOURCE_FACTS     ? "topics read back"
               : how & SOURCE_REBUILD ? "state rebuilt"
                                      : "state caught up",
               (long long)st->messages, (long long)st->taken, (long long)st->skipped);
    *objects_out = st->replay.objects;
    rc = 0;
out:
    store_abort(s->store);
    relais_kafka_destroy(st->rk, 5); /* closes it, too, within that time */
    for (size_t i = 0; i < st->schema_count; i++)
        relais_avro_resolution_free(st->schemas[i].version.resolution);
    relais_arena_release(&st->replay.arena);
    relais_buf_release(&st->replay.buf);
    free(st);
    return rc;
}
