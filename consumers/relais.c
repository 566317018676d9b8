/* The public API over the subscriber: options become a configuration, errors a text. */

#include "consumers/sink_run.h"
#include "consumers/subscriber.h"
#include "schemas/avro.h"

#include <stdio.h>
#include <stdlib.h>

/* The options before `reader` was one. */
#define OPTIONS_SIZE_MIN offsetof(struct relais_subscriber_options, reader)

struct relais_subscriber {
    struct relais_conf *conf;
    struct relais_avro *reader;
    struct subscriber *sub;
    char error[352];
};

static void say(char *out, size_t out_len, const struct relais_error *err)
{
    if (out && out_len)
        snprintf(out, out_len, "%s %s: %s", relais_error_name(err->code), err->where,
                 err->text);
}

static struct relais_conf *load(const struct relais_subscriber_options *o,
                                struct relais_error *err)
{
    const char *keys[] = {"kafka.bootstrap.servers", "registry.url", "keys.file"};
    const char *values[] = {o->brokers, o->registry, o->keys};
    char *overrides[3] = {NULL};
    struct relais_conf *conf;
    size_t count = 0;

    for (size_t i = 0; i < 3; i++) {
        size_t len;

        if (!values[i])
            continue;
        len = strlen(keys[i]) + strlen(values[i]) + 2;
        overrides[count] = relais_alloc(len);
        snprintf(overrides[count++], len, "%s=%s", keys[i], values[i]);
    }
    conf = relais_conf_load(o->conf_file, (const char *const *)overrides, count, err);
    for (size_t i = 0; i < count; i++)
        free(overrides[i]);
    if (!conf)
        return NULL;
    relais_conf_admit(conf, relais_conf_common);
    relais_conf_admit(conf, relais_sink_keys);
    /* without a file nobody gave a territory, and none is needed */
    if (!o->conf_file || !relais_conf_check(conf, err))
        return conf;
    relais_conf_free(conf);
    return NULL;
}

struct relais_subscriber *
relais_subscriber_new(const struct relais_subscriber_options *options, char *error_out,
                      size_t error_len)
{
    struct relais_error err = RELAIS_ERROR_INIT;
    struct relais_subscriber *sub = relais_zalloc(sizeof(*sub));
    struct relais_subscriber_options o = {0};

    if (options->size < OPTIONS_SIZE_MIN || options->size > sizeof(o)) {
        relais_error_set(&err, RELAIS_E_USAGE, "size",
                         "not this library's struct relais_subscriber_options");
        goto fail;
    }
    memcpy(&o, options, options->size);
    if (o.reader && !(sub->reader = relais_avro_new(relais_slice_str(o.reader), &err))) {
        relais_error_prefix(&err, "reader");
        goto fail;
    }
    sub->conf = load(&o, &err);
    if (!sub->conf)
        goto fail;
    sub->sub = subscriber_new(&(struct subscriber_options){.conf = sub->conf,
                                                           .topics = o.topics,
                                                           .group = o.group,
                                                           .from_ms = o.from_ms,
                                                           .reader = sub->reader},
                              &err);
    if (!sub->sub)
        goto fail;
    return sub;
fail:
    say(error_out, error_len, &err);
    relais_subscriber_free(sub);
    return NULL;
}

void relais_subscriber_free(struct relais_subscriber *sub)
{
    if (!sub)
        return;
    subscriber_free(sub->sub);
    relais_avro_free(sub->reader);
    relais_conf_free(sub->conf);
    free(sub);
}

struct relais_event *relais_subscriber_poll(struct relais_subscriber *sub, int timeout_ms)
{
    struct relais_error err = RELAIS_ERROR_INIT;
    struct relais_event *event;

    sub->error[0] = '\0';
    if (subscriber_poll(sub->sub, timeout_ms, &event, &err) < 0)
        say(sub->error, sizeof(sub->error), &err);
    return event;
}

const char *relais_subscriber_error(const struct relais_subscriber *sub)
{
    return sub->error[0] ? sub->error : NULL;
}

int relais_subscriber_commit(struct relais_subscriber *sub)
{
    struct relais_error err = RELAIS_ERROR_INIT;

    sub->error[0] = '\0';
    if (!subscriber_commit(sub->sub, &err))
        return 0;
    say(sub->error, sizeof(sub->error), &err);
    return -1;
}

bool relais_subscriber_at_end(struct relais_subscriber *sub)
{
    return subscriber_at_end(sub->sub);
}

bool relais_event_seen(struct relais_subscriber *sub, const struct relais_event *event)
{
    return subscriber_seen(sub->sub, event);
}

const char *relais_version(void) { return RELAIS_VERSION; }
