/* relais subscribe: one line per event, as JSON or as a French sentence. */
#include "cli/commands.h"
#include "cli/phrases.h"
#include "cli/schema.h"
#include "consumers/event_json.h"
#include "consumers/subscriber.h"
#include "core/day.h"
#include "core/log.h"
#include "core/loop.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define LINE_LIMIT  (16u << 20)
#define ARENA_LIMIT (64u << 20)
#define COMMIT_US   5000000
#define EXIT_LEFT   75

struct printer {
    struct subscriber *sub;
    struct relais_codes *codes; /* NULL: JSON */
    struct relais_avro *reader; /* NULL: none of one's own */
    struct relais_arena arena;
    struct relais_buf line;
    bool group;
    long left; /* events still wanted; -1: no end */
    bool until_end;
    bool stopped;                /* before the end that was asked for */
    int64_t commit_us;           /* when the last commit was */
    enum relais_code complained; /* the last trouble that was told */
};

/* "earliest", "latest", a day, or an instant; without zone it is Paris's time. */
static int parse_from(const char *text, int64_t *from_out, struct relais_error *err)
{
    struct relais_slice s = relais_slice_str(text), time;
    int64_t of_day = 0, us;
    char padded[16];
    int32_t day;

    if (strcmp(text, "earliest") == 0 || strcmp(text, "latest") == 0) {
        *from_out = text[0] == 'e' ? RELAIS_FROM_BEGINNING : RELAIS_FROM_END;
        return 0;
    }
    if (relais_instant_parse(s, &us)) {
        *from_out = us / 1000;
        return 0;
    }
    if (s.len > 10) {
        snprintf(padded, sizeof(padded), "%.8s%s", text + 11, s.len == 16 ? ":00" : "");
        time = relais_slice_str(padded);
    } else {
        time = RELAIS_SLICE("00:00:00");
    }
    if (s.len < 10 || s.len > 19 || (s.len > 10 && text[10] != 'T' && text[10] != ' ') ||
        !relais_day_parse((struct relais_slice){text, 10}, &day) ||
        !relais_time_parse(time, &of_day))
        return relais_error_set(
            err, RELAIS_E_USAGE, "--from",
            "earliest, latest, 2026-11-24 ou 2026-11-24T08:00 (heure de Paris)");
    *from_out = relais_paris_to_utc(day, of_day) / 1000;
    return 0;
}

static void notice(void *user, const char *text)
{
    (void)user;
    relais_log(RELAIS_LOG_INFO, "%s", text);
}

/* 0; -1: the reader of our output has gone, or the disk is full. */
static int print_event(struct printer *p, const struct relais_event *event,
                       struct relais_error *err)
{
    struct relais_value *value = NULL;

    relais_buf_clear(&p->line);
    relais_arena_reset(&p->arena);
    if (p->codes && !relais_event_problem(event))
        value = event_value(event, &p->arena, err);
    if (value ? phrase_line(p->codes, relais_event_subject(event), value, &p->line)
              : event_json_line(event, &p->arena, &p->line, err))
        return relais_error_set(err, RELAIS_E_LIMIT, "subscribe", "événement trop long");
    if (relais_buf_add_char(&p->line, '\n') ||
        fwrite(p->line.data, 1, p->line.len, stdout) != p->line.len)
        return relais_error_set(err, RELAIS_E_IO, "sortie", "%s", strerror(errno));
    return 0;
}

/* What was given is on its way out: the group may move on. */
static int settle(struct printer *p, struct relais_error *err)
{
    struct relais_error later = RELAIS_ERROR_INIT;

    if (fflush(stdout))
        return relais_error_set(err, RELAIS_E_IO, "sortie", "%s", strerror(errno));
    p->commit_us = relais_monotonic_us();
    if (p->group && subscriber_commit(p->sub, &later))
        relais_log_error(&later, NULL);
    return 0;
}

/* Tells each trouble once, not at each try. */
static void complain(struct printer *p, const struct relais_error *err)
{
    if (err->code != p->complained)
        relais_log_error(err, NULL);
    p->complained = err->code;
}

static int loop(struct printer *p, struct relais_error *err)
{
    bool idle = false;

    while (!relais_loop_stopping() && p->left != 0) {
        struct relais_event *event = NULL;
        int got = subscriber_poll(p->sub, idle ? 200 : 0, &event, err);

        if (got < 0 && relais_error_class(err->code) != RELAIS_RETRY)
            return -1;
        if (got < 0) {
            complain(p, err);
            relais_error_clear(err);
            relais_loop_sleep_ms(500);
            continue;
        }
        if (got > 0) {
            p->complained = RELAIS_E_OK;
            got = print_event(p, event, err);
            relais_event_free(event);
            if (got)
                return -1;
            p->left -= p->left > 0;
            idle = false;
            if (p->group && relais_monotonic_us() - p->commit_us > COMMIT_US &&
                settle(p, err))
                return -1;
            continue;
        }
        if (!idle && settle(p, err))
            return -1;
        idle = true;
        if (p->until_end && subscriber_at_end(p->sub))
            return settle(p, err);
    }
    p->stopped = p->left > 0 || (p->until_end && p->left < 0);
    return settle(p, err);
}

/* The options of the line become overrides, after those of -X. */
static int override(struct cli *cli, char *text, size_t text_len, const char *key,
                    const char *value, struct relais_error *err)
{
    int n;

    if (!value)
        return 0;
    n = snprintf(text, text_len, "%s=%s", key, value);
    if (n < 0 || (size_t)n >= text_len || cli->override_count == CLI_OVERRIDES_MAX)
        return relais_error_set(err, RELAIS_E_USAGE, key, "valeur trop longue");
    cli->overrides[cli->override_count++] = text;
    return 0;
}

static struct relais_conf *configure(struct cli *cli, struct relais_error *err)
{
    static char brokers[4096], registry[4096], keys[PATH_MAX + 16];
    const char *ring = cli_value(cli, "keys");
    char *resolved = ring ? realpath(ring, NULL) : NULL;
    struct relais_conf *conf = NULL;

    if (ring && !resolved)
        relais_error_set(err, RELAIS_E_KEYRING, "--keys", "%s", strerror(errno));
    else if (!override(cli, brokers, sizeof(brokers), "kafka.bootstrap.servers",
                       cli_value(cli, "brokers"), err) &&
             !override(cli, registry, sizeof(registry), "registry.url",
                       cli_value(cli, "registry"), err) &&
             !override(cli, keys, sizeof(keys), "keys.file", resolved, err))
        conf = cli_conf(cli, cli_value(cli, "config"), NULL, err);
    free(resolved);
    return conf;
}

static int print_all(struct cli *cli, const struct relais_conf *conf, struct printer *p,
                     struct relais_error *err)
{
    const char *from = cli_value(cli, "from"), *count = cli_value(cli, "count");
    const char *reader = cli_value(cli, "reader");
    struct subscriber_options options = {
        .conf = conf,
        .topics = (const char *const *)cli->args,
        .group = cli_value(cli, "group"),
        .from_ms = cli_value(cli, "group") ? RELAIS_FROM_GROUP : RELAIS_FROM_BEGINNING,
        .notice = notice,
    };

    p->group = options.group != NULL;
    p->until_end = options.until_end = cli_value(cli, "until-end") != NULL;
    p->left = -1;
    if (from && parse_from(from, &options.from_ms, err))
        return -1;
    if (count && cli_number(count, "--count", 1, LONG_MAX, &p->left, err))
        return -1;
    if (reader && cli_value(cli, "phrases"))
        return relais_error_set(err, RELAIS_E_USAGE, "--reader",
                                "ne va pas avec --phrases, qui lit les contrats");
    if (reader && !(p->reader = schema_open(reader, err)))
        return -1;
    options.reader = p->reader;
    if (cli_value(cli, "phrases") &&
        !(p->codes = relais_codes_new(relais_conf_text(conf, "codes", "dir"), err)))
        return -1;
    p->sub = subscriber_new(&options, err);
    return p->sub ? loop(p, err) : -1;
}

static int run(struct cli *cli)
{
    struct relais_error err = RELAIS_ERROR_INIT;
    struct printer p = {.arena = RELAIS_ARENA_INIT(ARENA_LIMIT),
                        .line = RELAIS_BUF_INIT(LINE_LIMIT)};
    struct relais_conf *conf = configure(cli, &err);
    int status = 0;
    bool hangs;

    relais_loop_init();
    if ((!conf || print_all(cli, conf, &p, &err)) &&
        !(err.code == RELAIS_E_IO && errno == EPIPE))
        status = cli_fail(cli, &err);
    else if (p.stopped)
        status = EXIT_LEFT;
    hangs = p.sub && subscriber_free(p.sub);
    relais_avro_free(p.reader);
    relais_codes_free(p.codes);
    relais_buf_release(&p.line);
    relais_arena_release(&p.arena);
    relais_conf_free(conf);
    if (hangs) {
        fflush(NULL);
        _exit(status);
    }
    return status;
}

static const struct cli_option options[] = {
    {.name = "from",
     .argument = "DEPUIS",
     .doc = "earliest, latest, 2026-11-24 ou 2026-11-24T08:00 (heure de Paris)"},
    {.name = "group",
     .argument = "GROUPE",
     .doc = "lit où ce groupe en est, et retient sa position"},
    {.name = "count", .argument = "N", .doc = "s'arrête après N événements"},
    {.name = "until-end", .doc = "s'arrête à la fin qu'avaient les topics au départ"},
    {.name = "phrases", .doc = "une phrase en français par événement, au lieu de JSON"},
    {.name = "reader",
     .argument = "SCHÉMA.avsc",
     .doc = "montre les valeurs comme ce schéma Avro les lit"},
    {.name = "keys",
     .argument = "TROUSSEAU",
     .doc = "ouvre les champs chiffrés que ce trousseau permet"},
    {.letter = 'b', .name = "brokers", .argument = "HÔTE:PORT", .doc = "serveurs Kafka"},
    {.letter = 'r', .name = "registry", .argument = "URL", .doc = "registre de schémas"},
    {.letter = 'c', .name = "config", .argument = "FICHIER.ini", .doc = "configuration"},
    {.name = NULL},
};

const struct cli_command cli_subscribe = {
    .name = "subscribe",
    .arguments = "TOPIC…",
    .summary = "Lit des topics : une ligne JSON par événement",
    .text =
        "Sans --group : toutes les partitions depuis le début (ou --from), sans rien "
        "retenir.\n"
        "Avec --group : depuis sa position ; --from ne vaut que pour une partition où "
        "il\n"
        "n'en a pas. Au moins une fois : l'id et (constate_le, sequence) disent les "
        "répétés.\n"
        "Arrêté avant --count ou --until-end : code 75.\n\n"
        "Exemple : relais subscribe dep93.eligibility.v1 -b 127.0.0.1:9092 --until-end\n",
    .options = options,
    .arg_min = 1,
    .arg_max = 64,
    .run = run,
};
