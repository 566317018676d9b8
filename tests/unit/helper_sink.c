#include "tests/unit/helper_sink.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct fixture *helper_sink_new(const char *contract, const char *topic, const char *more)
{
    struct fixture *f = relais_zalloc(sizeof(*f));

    f->contract = contract;
    f->topic = topic;
    f->conf = helper_pg_conf(relais_sink_postgres.keys, more);
    f->ops = relais_sink_postgres.sink;
    relais_batch_init(&f->batch, 16u << 20);
    helper_sink_open(f);
    return f;
}

int helper_sink_teardown(void **state)
{
    struct fixture *f = *state;

    f->ops->close(f->sink);
    relais_batch_release(&f->batch);
    relais_conf_free(f->conf);
    free(f);
    return 0;
}

void helper_sink_open(struct fixture *f)
{
    struct relais_error err = RELAIS_ERROR_INIT;

    if (f->sink)
        f->ops->close(f->sink);
    if (f->ops->open(&f->sink, f->conf, &err))
        fail_msg("%s: %s", err.where, err.text);
}

int64_t helper_sink_own(struct fixture *f, void *sink)
{
    struct relais_position list = {f->topic, 0, -7, 0};
    struct relais_error err = RELAIS_ERROR_INIT;

    if (f->ops->positions(sink, "g", &list, 1, &err))
        fail_msg("%s: %s", err.where, err.text);
    return list.next;
}

struct relais_record *helper_sink_add(struct fixture *f, const char *json)
{
    struct relais_error err = RELAIS_ERROR_INIT;
    struct relais_record *rec = relais_batch_add(&f->batch);

    rec->kind = RELAIS_RECORD_EVENT;
    rec->schema = f->contract;
    rec->topic = f->topic;
    rec->offset = f->offset++;
    rec->value = relais_value_parse(&f->batch.arena, relais_slice_str(json), &err);
    if (!rec->value)
        fail_msg("%s: %s", json, err.text);
    return rec;
}

int helper_sink_write(struct fixture *f, void *sink, size_t *done,
                      struct relais_error *err)
{
    int rc = f->ops->write(sink, &f->batch, done, err);

    relais_batch_reset(&f->batch);
    return rc;
}

void helper_sink_must_write(struct fixture *f)
{
    struct relais_error err = RELAIS_ERROR_INIT;
    size_t count = f->batch.count, done;

    if (helper_sink_write(f, f->sink, &done, &err))
        fail_msg("%s %s: %s", relais_error_name(err.code), err.where, err.text);
    assert_int_equal(done, count);
}
