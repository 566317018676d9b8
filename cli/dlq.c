/* relais dlq: what was parked; and what a sink parked, given to it once more. */
#include "cli/commands.h"
#include "consumers/dlq.h"
#include "consumers/event_json.h"
#include "consumers/given.h"
#include "consumers/sink_conf.h"
#include "consumers/sink_run.h"
#include "consumers/subscriber.h"
#include "core/day.h"
#include "core/log.h"
#include "core/loop.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ARENA_LIMIT (64u << 20)
#define LINE_LIMIT  (16u << 20)
#define NAMES_LIMIT (16u << 10)
#define CONNECT     "__connect.errors."
#define WAITS       "attend"
#define GIVEN       "redonné"
#define OTHERS      "autre"

struct reading {
    struct subscriber *sub;
    struct relais_arena arena;
    struct relais_buf line;
    const char *wanted;  /* TOPIC:PARTITION:OFFSET; NULL: all, as a list */
    struct given *given; /* of a list: how far reinject came; NULL: cannot be asked */
    const char *group;   /* of the sink */
    bool waiting;        /* of a list: only what was not given again */
    bool all;            /* of a list: what other sinks parked too */
    long others;         /* which were left out */
    bool hanging;        /* librdkafka, at its end */
    long count;
};

/* The DLQs of the topics that [sink] topics names, separated by commas. */
static int dlq_names(const char *const *topics, struct relais_buf *out,
                     struct relais_error *err)
{
    for (size_t i = 0; topics[i]; i++)
        if (relais_buf_printf(out, "%s%s.dlq", i ? "," : "", topics[i]))
            return relais_error_set(err, RELAIS_E_LIMIT, "sink.topics", "trop de topics");
    return 0;
}

/* What others may have written is not to steer a terminal. */
static const char *plain(struct relais_slice s, char text[256])
{
    relais_slice_copy(s, text, 256);
    for (char *at = text; *at; at++)
        if ((unsigned char)*at < ' ' || *at == 0x7f)
            *at = '?';
    return text[0] ? text : "-";
}

static const char *header(const struct relais_event *event, const char *name,
                          char text[256])
{
    struct relais_slice value = {NULL, 0};

    value.ptr = relais_event_header(event, name, &value.len);
    return plain(value, text);
}

/* Where it came from, when, why: never a value. */
static void list_one(const struct relais_event *event, const struct relais_value *value,
                     enum dlq_whose whose, const char *state)
{
    char when[28], topic[256], partition[256], offset[256], stage[256], why[256];
    char group[256], row[256];
    struct relais_slice key;

    key.ptr = relais_event_key(event, &key.len);
    relais_instant_format(relais_event_timestamp_ms(event) * 1000, when);
    printf("%s:%" PRId32 ":%" PRId64 " %s ", relais_event_topic(event),
           relais_event_partition(event), relais_event_offset(event), when);
    if (whose == DLQ_SOURCE)
        printf("source depot=%s position=%s ligne=%s",
               plain(relais_value_text(value, "depot"), topic),
               plain(relais_value_text(value, "position"), offset),
               header(event, "ce_subject", row));
    else
        printf("%s puits %s:%s:%s groupe=%s étape=%s %s", state,
               header(event, CONNECT "topic", topic),
               header(event, CONNECT "partition", partition),
               header(event, CONNECT "offset", offset), header(event, DLQ_GROUP, group),
               header(event, CONNECT "stage", stage),
               plain(relais_slice_str(relais_event_subject(event)), why));
    printf(" dossier=%s ", plain(key, topic));
    puts(header(event, CONNECT "exception.message", why));
}

static bool is_wanted(const struct relais_event *event, const char *wanted)
{
    char name[320];

    snprintf(name, sizeof(name), "%s:%" PRId32 ":%" PRId64, relais_event_topic(event),
             relais_event_partition(event), relais_event_offset(event));
    return strcmp(name, wanted) == 0;
}

/* Did reinject come past it? What others parked is not its matter. */
static const char *state_of(struct reading *r, const struct relais_event *event,
                            enum dlq_whose whose)
{
    struct relais_error err = RELAIS_ERROR_INIT;
    int64_t next = -1;

    if (whose != DLQ_OWN)
        return whose == DLQ_OTHER ? OTHERS : WAITS;
    if (r->given && given_next(r->given, relais_event_topic(event),
                               relais_event_partition(event), &next, &err)) {
        relais_log_error(&err, NULL);
        r->hanging = given_free(r->given);
        r->given = NULL;
    }
    return !r->given ? "?" : relais_event_offset(event) < next ? GIVEN : WAITS;
}

static int print(struct reading *r, const struct relais_event *event,
                 struct relais_error *err)
{
    struct relais_error unreadable = RELAIS_ERROR_INIT;
    enum dlq_whose whose = dlq_whose(event, r->group);
    const char *state;

    if (r->wanted && !is_wanted(event, r->wanted))
        return 0;
    r->count++;
    relais_arena_reset(&r->arena);
    if (!r->wanted && whose == DLQ_OTHER && !r->all) {
        r->others++;
        return 0;
    }
    if (!r->wanted) {
        state = state_of(r, event, whose);
        if (!r->waiting || strcmp(state, GIVEN) != 0)
            list_one(event,
                     relais_event_problem(event)
                         ? NULL
                         : event_value(event, &r->arena, &unreadable),
                     whose, state);
        return 0;
    }
    relais_buf_clear(&r->line);
    if (event_json_line(event, &r->arena, &r->line, err))
        return relais_error_set(err, RELAIS_E_LIMIT, "dlq", "message trop long");
    printf("%.*s\n", (int)r->line.len, r->line.data);
    return 0;
}

/* From the beginning to the end. */
static int read_all(struct reading *r, struct relais_error *err)
{
    while (!relais_loop_stopping() && !(r->wanted && r->count)) {
        struct relais_event *event = NULL;
        int got = subscriber_poll(r->sub, 200, &event, err);

        if (got < 0 && relais_error_class(err->code) != RELAIS_RETRY)
            return -1;
        if (got < 0) {
            relais_log_error(err, NULL);
            relais_error_clear(err);
            relais_loop_sleep_ms(500);
        } else if (got > 0) {
            got = print(r, event, err);
            relais_event_free(event);
            if (got)
                return -1;
        } else if (subscriber_at_end(r->sub)) {
            break;
        }
    }
    if (r->wanted && !r->count)
        return relais_error_set(err, RELAIS_E_USAGE, r->wanted,
                                "aucun message de ce nom (relais dlq list les donne)");
    return 0;
}

/* The group of `reinject`: what it read was given again. */
static void reprise(const struct subscriber_options *sink, char out[512])
{
    snprintf(out, 512, "%s.reprise", sink->group);
}

/* NULL: it cannot be asked, which was logged. */
static struct given *ask_given(const struct relais_conf *conf, const char *group)
{
    struct relais_error err = RELAIS_ERROR_INIT;
    const char *name = relais_conf_text(conf, "connector", "name");
    const struct relais_connector *connector = name ? relais_connector_find(name) : NULL;
    const struct relais_sink_ops *ops = connector ? connector->sink : NULL;
    struct given *given = given_new(conf, ops && ops->look ? ops : NULL, group, &err);

    if (!given)
        relais_log_error(&err, NULL);
    return given;
}

static int look(struct cli *cli, const struct relais_conf *conf,
                const struct subscriber_options *sink, struct relais_error *err)
{
    struct reading r = {.arena = RELAIS_ARENA_INIT(ARENA_LIMIT),
                        .line = RELAIS_BUF_INIT(LINE_LIMIT),
                        .wanted = cli->arg_count == 2 ? cli->args[1] : NULL,
                        .group = sink->group,
                        .waiting = cli_value(cli, "attend") != NULL,
                        .all = cli_value(cli, "tous") != NULL};
    const char *names[65];
    struct subscriber_options options = {.conf = conf,
                                         .topics = names,
                                         .from_ms = RELAIS_FROM_BEGINNING,
                                         .until_end = true};
    struct relais_arena kept = RELAIS_ARENA_INIT(1u << 16);
    char group[512];
    size_t n = 0;
    int rc = -1;

    while (n < 64 && sink->topics[n]) {
        names[n] = relais_arena_printf(&kept, "%s.dlq", sink->topics[n]).ptr;
        n++;
    }
    names[n] = NULL;
    reprise(sink, group);
    if (!r.wanted)
        r.given = ask_given(conf, group);
    r.sub = subscriber_new(&options, err);
    if (r.sub)
        rc = read_all(&r, err);
    if (!rc && r.others)
        fprintf(stderr, "et %ld d'autres puits (--tous)\n", r.others);
    r.hanging = (r.sub && subscriber_free(r.sub)) || r.hanging;
    if (given_free(r.given) || r.hanging) {
        fflush(NULL);
        _exit(rc ? relais_error_exit(err->code) : 0);
    }
    relais_arena_release(&kept);
    relais_arena_release(&r.arena);
    relais_buf_release(&r.line);
    return rc;
}

/* The sink over its DLQs, in a group of its own: what went is not given again, in the
 * order of each dossier. One record at a time: the one that is refused is the first that
 * was not written. */
static int reinject(struct cli *cli, const struct subscriber_options *sink,
                    struct relais_error *err)
{
    static char topics[NAMES_LIMIT], group[544];
    char name[512];
    const struct relais_sink_options options = {
        .once = true, .parked = sink->group, .pass = cli_value(cli, "passer") != NULL};
    struct relais_buf names = RELAIS_BUF_INIT(NAMES_LIMIT - 32);
    const struct relais_connector *connector;
    struct relais_conf *conf;
    int status = -1;

    if (cli->override_count + 4 > CLI_OVERRIDES_MAX ||
        dlq_names(sink->topics, &names, err))
        return relais_error_set(err, RELAIS_E_USAGE, "-X", "trop d'options");
    snprintf(topics, sizeof(topics), "sink.topics=%.*s", (int)names.len, names.data);
    reprise(sink, name);
    snprintf(group, sizeof(group), "sink.group=%s", name);
    relais_buf_release(&names);
    cli->overrides[cli->override_count++] = topics;
    cli->overrides[cli->override_count++] = group;
    cli->overrides[cli->override_count++] = "sink.batch_records=1";
    cli->overrides[cli->override_count++] = "sink.flush_ms=0";
    conf = cli_conf(cli, cli_value(cli, "config"), NULL, err);
    connector = conf ? cli_connector(conf, err) : NULL;
    if (connector && !connector->sink)
        relais_error_set(err, RELAIS_E_USAGE, "reinject",
                         "ce qu'une source a mis de côté se corrige à la source, puis se "
                         "redonne : fichier, ligne d'outbox, relais publish");
    else if (connector)
        status = relais_sink_run(conf, connector, &options);
    relais_conf_free(conf);
    return status;
}

static int run(struct cli *cli)
{
    struct relais_error err = RELAIS_ERROR_INIT;
    const char *verb = cli->args[0], *path = cli_value(cli, "config");
    struct relais_arena arena = RELAIS_ARENA_INIT(1u << 20);
    struct subscriber_options options = {0};
    bool show = strcmp(verb, "show") == 0, again = strcmp(verb, "reinject") == 0;
    const char *keys = cli_value(cli, "keys");
    char *resolved = keys ? realpath(keys, NULL) : NULL;
    struct relais_conf *conf = NULL;
    char ring[PATH_MAX + 16];
    int status = 0;

    relais_loop_init();
    if ((!show && !again && strcmp(verb, "list") != 0) || show != (cli->arg_count == 2))
        relais_error_set(&err, RELAIS_E_USAGE, "dlq",
                         "list, show TOPIC:PARTITION:OFFSET ou reinject");
    else if (keys && !resolved)
        relais_error_set(&err, RELAIS_E_KEYRING, "--keys", "%s", strerror(errno));
    else if (!path)
        relais_error_set(&err, RELAIS_E_USAGE, "-c", "le fichier INI est attendu");
    else if (cli->override_count == CLI_OVERRIDES_MAX)
        relais_error_set(&err, RELAIS_E_USAGE, "-X", "trop d'options");
    if (!err.code && !again) { /* masked but for a ring that is given here */
        snprintf(ring, sizeof(ring), "keys.file=%s", resolved ? resolved : "");
        cli->overrides[cli->override_count++] = ring;
    }
    if (!err.code)
        conf = cli_conf(cli, path, NULL, &err);
    if (conf && sink_options(conf, &arena, &options, &err) == 0)
        status = again ? reinject(cli, &options, &err) : look(cli, conf, &options, &err);
    if (err.code)
        status = cli_fail(cli, &err);
    free(resolved);
    relais_arena_release(&arena);
    relais_conf_free(conf);
    return status;
}

static const struct cli_option options[] = {
    {.letter = 'c', .name = "config", .argument = "FICHIER.ini", .doc = "configuration"},
    {.name = "attend", .doc = "list : sans ce qui a été redonné"},
    {.name = "keys",
     .argument = "TROUSSEAU",
     .doc = "show : ouvre les champs chiffrés que ce trousseau permet"},
    {.name = "passer",
     .doc = "reinject : ce qui est refusé encore est mis de côté à nouveau, la suite est "
            "remise"},
    {.name = "tous", .doc = "list : avec ce que d'autres puits ont mis de côté"},
    {.name = NULL},
};

const struct cli_command cli_dlq = {
    .name = "dlq",
    .arguments = "list|show TOPIC:PARTITION:OFFSET|reinject -c FICHIER.ini",
    .summary = "Montre ce qui est de côté ; le redonne à un puits",
    .text =
        "  list      un message par ligne : où, quand, d'où, pourquoi ; aucune valeur. "
        "« attend »,\n"
        "            ou « redonné » : reinject est passé, il est écrit, ou (--passer) "
        "refusé\n"
        "            encore : alors un autre attend, avec son motif du jour ;\n"
        "            « ? » : le puits, ou Kafka, ne dit pas où en est reinject\n"
        "  show      le message entier en JSON, ses champs chiffrés fermés sans --keys\n"
        "  reinject  remet au puits ce qu'il a refusé, recontrôlé, dans l'ordre de "
        "chaque\n"
        "            dossier, une seule fois ; s'arrête (65) au premier refusé encore\n\n"
        "Les topics sont ceux de [sink] topics, dont les puits partagent la file : list "
        "et\n"
        "reinject ne prennent que ce que le groupe de ce puits a mis de côté (un groupe "
        "qui a\n"
        "changé de nom : -X sink.group=ANCIEN). Ce qu'une source a mis de côté est dans "
        "list\n"
        "aussi, et se corrige à la source.\n",
    .options = options,
    .arg_min = 1,
    .arg_max = 2,
    .run = run,
};
