/* bench_latency BROKERS REGISTRY TOPIC PG_URL INSERT COUNT RATE: how long after a commit
 * was answered its event is in the hands of a subscriber in C, by the clock of one
 * machine. INSERT is a statement of two parameters, the event's id and the number of its
 * case. Starts at the end of the topic and says "ready" when it reads. After a first
 * event of somebody else, RATE transactions a second of one row each, COUNT in all, by
 * four connections. The first tenth is left out. Prints first= (when that first event
 * came, in seconds since 1970) and p50= p99= max= in milliseconds.
 */
#include "consumers/relais.h"

#include <libpq-fe.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define COUNT_MAX    10000000
#define CONNECTIONS  4
#define CASES        50000
#define WAIT_SECONDS 120
#define SETTLE_US    2000000
#define ID_FORMAT    "00000000-0000-4000-8000-%012ld"
#define ID_NUMBER    24 /* where the number is in it */

struct bench {
    struct relais_subscriber *sub;
    const char *url, *insert;
    long count, rate;
    int64_t begin_us;
    int64_t *committed_us, *seen_us; /* of each number; 0: not yet */
    atomic_bool failed;
};

struct writer {
    pthread_t thread;
    struct bench *bench;
    long first;
};

static int64_t now_us(void)
{
    struct timespec t;

    clock_gettime(CLOCK_REALTIME, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static void sleep_until(int64_t at_us)
{
    struct timespec t = {at_us / 1000000, at_us % 1000000 * 1000};

    while (clock_nanosleep(CLOCK_REALTIME, TIMER_ABSTIME, &t, NULL))
        ;
}

static int ascending(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

    return (x > y) - (x < y);
}

/* ---- commits ---- */

static int insert(PGconn *conn, long number)
{
    char id[64], cas[32];
    const char *values[] = {id, cas};
    PGresult *result;
    int ok;

    snprintf(id, sizeof(id), ID_FORMAT, number);
    snprintf(cas, sizeof(cas), "%ld", number * 7919 % CASES);
    result = PQexecPrepared(conn, "insert", 2, values, NULL, NULL, 0);
    ok = PQresultStatus(result) == PGRES_COMMAND_OK;
    PQclear(result);
    return ok ? 0 : -1;
}

static void *write_rows(void *user)
{
    const struct writer *w = user;
    struct bench *b = w->bench;
    PGconn *conn = PQconnectdb(b->url);
    PGresult *result = PQprepare(conn, "insert", b->insert, 2, NULL);
    bool ok = PQresultStatus(result) == PGRES_COMMAND_OK;

    PQclear(result);
    for (long i = w->first; ok && i < b->count; i += CONNECTIONS) {
        sleep_until(b->begin_us + i * 1000000 / b->rate);
        ok = insert(conn, i) == 0;
        b->committed_us[i] = now_us();
    }
    if (!ok) {
        fprintf(stderr, "bench_latency: %s", PQerrorMessage(conn));
        atomic_store(&b->failed, true);
    }
    PQfinish(conn);
    return NULL;
}

/* ---- events ---- */

static struct relais_subscriber *subscriber(char **argv)
{
    const char *topics[] = {argv[3], NULL};
    struct relais_subscriber_options options = {
        .size = sizeof(options),
        .brokers = argv[1],
        .registry = argv[2],
        .topics = topics,
        .from_ms = RELAIS_FROM_END,
    };
    char text[256];
    struct relais_subscriber *sub = relais_subscriber_new(&options, text, sizeof(text));

    if (!sub)
        fprintf(stderr, "bench_latency: %s\n", text);
    return sub;
}

/* The id of the next event; false: none in time. */
static bool next(struct bench *b, char id[37], int64_t until_us)
{
    bool got = false;

    while (!got && now_us() < until_us && !atomic_load(&b->failed)) {
        struct relais_event *ev = relais_subscriber_poll(b->sub, 100);

        if (!ev)
            continue;
        if (relais_event_problem(ev)) {
            fprintf(stderr, "bench_latency: %s\n", relais_event_problem(ev));
            atomic_store(&b->failed, true);
        } else {
            snprintf(id, 37, "%s", relais_event_id(ev));
            got = true;
        }
        relais_event_free(ev);
    }
    return got;
}

static bool collect(struct bench *b)
{
    int64_t until_us = now_us() + b->count / b->rate * 1000000 + WAIT_SECONDS * 1000000LL;
    long got = 0;
    char id[37];

    while (got < b->count && next(b, id, until_us)) {
        long number = strtol(id + ID_NUMBER, NULL, 10);

        if (number < 0 || number >= b->count || b->seen_us[number])
            continue;
        b->seen_us[number] = now_us();
        got++;
    }
    if (got < b->count)
        fprintf(stderr, "bench_latency: %ld of %ld events\n", got, b->count);
    return got == b->count;
}

static bool run(struct bench *b)
{
    struct writer writers[CONNECTIONS];
    bool whole;

    b->begin_us = now_us() + SETTLE_US;
    for (long i = 0; i < CONNECTIONS; i++) {
        writers[i] = (struct writer){.bench = b, .first = i};
        if (pthread_create(&writers[i].thread, NULL, write_rows, &writers[i]))
            abort();
    }
    whole = collect(b);
    for (long i = 0; i < CONNECTIONS; i++)
        pthread_join(writers[i].thread, NULL);
    return whole;
}

static void report(const struct bench *b, int64_t first_us)
{
    long skip = b->count / 10, n = b->count - skip;
    int64_t *waits = b->seen_us + skip;

    for (long i = 0; i < n; i++)
        waits[i] -= b->committed_us[skip + i];
    qsort(waits, (size_t)n, sizeof(*waits), ascending);
    printf("first=%.6f p50=%.2f p99=%.2f max=%.2f\n", (double)first_us / 1e6,
           (double)waits[n / 2] / 1e3, (double)waits[n * 99 / 100] / 1e3,
           (double)waits[n - 1] / 1e3);
}

int main(int argc, char **argv)
{
    struct bench b = {0};
    int64_t first_us;
    char id[37];

    if (argc != 8 || (b.count = strtol(argv[6], NULL, 10)) < 10 || b.count > COUNT_MAX ||
        (b.rate = strtol(argv[7], NULL, 10)) < 1) {
        fprintf(stderr, "usage: bench_latency BROKERS REGISTRY TOPIC PG_URL INSERT COUNT "
                        "RATE\n");
        return 2;
    }
    b.url = argv[4];
    b.insert = argv[5];
    b.sub = subscriber(argv);
    b.committed_us = calloc((size_t)b.count, sizeof(*b.committed_us));
    b.seen_us = calloc((size_t)b.count, sizeof(*b.seen_us));
    if (!b.sub || !b.committed_us || !b.seen_us)
        return 1;
    relais_event_free(relais_subscriber_poll(b.sub, 3000));
    printf("ready\n");
    fflush(stdout);
    if (!next(&b, id, now_us() + WAIT_SECONDS * 1000000LL))
        return 1;
    first_us = now_us();
    if (!run(&b))
        return 1;
    report(&b, first_us);
    relais_subscriber_free(b.sub);
    free(b.committed_us);
    free(b.seen_us);
    return 0;
}
