/* bench_latency BROKERS REGISTRY TOPIC COUNT SKIP: how long after its commit each event
 * is in the hands of a subscriber in C, by the clock of one machine (constate_le of an
 * event of a log is the time of its commit). Starts at the end of the topic; says "ready"
 * when it reads. SKIP first events are left out. Prints first= (when the very first one
 * came, in seconds since 1970) and p50= p99= max= in milliseconds.
 */
#include "consumers/relais.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define COUNT_MAX    10000000
#define WAIT_SECONDS 120

static int64_t now_us(void)
{
    struct timespec t;

    clock_gettime(CLOCK_REALTIME, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static int ascending(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

    return (x > y) - (x < y);
}

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

/* The COUNT waits in microseconds; the time of the first, or 0 where they did not all
 * come. */
static int64_t collect(struct relais_subscriber *sub, int64_t *waits, long count)
{
    int64_t first = 0, end = now_us() + WAIT_SECONDS * 1000000LL;
    long got = 0;

    while (got < count && now_us() < end) {
        struct relais_event *ev = relais_subscriber_poll(sub, 100);

        if (!ev)
            continue;
        if (relais_event_problem(ev)) {
            fprintf(stderr, "bench_latency: %s\n", relais_event_problem(ev));
            relais_event_free(ev);
            return 0;
        }
        waits[got] = now_us() - relais_event_observed_us(ev);
        if (!got++)
            first = now_us();
        relais_event_free(ev);
    }
    if (got < count)
        fprintf(stderr, "bench_latency: %ld of %ld events\n", got, count);
    return got < count ? 0 : first;
}

int main(int argc, char **argv)
{
    long count = argc == 6 ? strtol(argv[4], NULL, 10) : 0;
    long skip = argc == 6 ? strtol(argv[5], NULL, 10) : 0;
    struct relais_subscriber *sub;
    int64_t *waits, first;

    if (count < 1 || count > COUNT_MAX || skip < 0 || skip >= count) {
        fprintf(stderr, "usage: bench_latency BROKERS REGISTRY TOPIC COUNT SKIP\n");
        return 2;
    }
    sub = subscriber(argv);
    waits = malloc((size_t)count * sizeof(*waits));
    if (!sub || !waits)
        return 1;
    relais_event_free(relais_subscriber_poll(sub, 3000));
    printf("ready\n");
    fflush(stdout);
    first = collect(sub, waits, count);
    relais_subscriber_free(sub);
    if (first) {
        size_t n = (size_t)(count - skip);

        qsort(waits + skip, n, sizeof(*waits), ascending);
        printf("first=%.6f p50=%.2f p99=%.2f max=%.2f\n", (double)first / 1e6,
               (double)waits[skip + (long)(n / 2)] / 1e3,
               (double)waits[skip + (long)(n * 99 / 100)] / 1e3,
               (double)waits[count - 1] / 1e3);
    }
    free(waits);
    return first ? 0 : 1;
}
