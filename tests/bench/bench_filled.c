/* bench_filled BROKERS TOPIC COUNT PID [LIMIT_S]: waits until another process, PID, has
 * put COUNT messages into the topic, and says on standard output what it took at the
 * first message, at half and at all of them: `first=S half=S all=S cpu_half=S cpu_all=S
 * anon_mb=M`. Seconds since this program began; CPU of PID since its own beginning;
 * RssAnon at the end. Ends with 1 if the limit (300 s) is over or PID is gone.
 */
#include "core/day.h"

#include <inttypes.h>
#include <librdkafka/rdkafka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LOOK_US    20000
#define TIMEOUT_MS 5000

static void die(const char *what)
{
    fprintf(stderr, "bench_filled: %s\n", what);
    exit(1);
}

static FILE *proc(long pid, const char *file)
{
    char path[64];

    snprintf(path, sizeof(path), "/proc/%ld/%s", pid, file);
    return fopen(path, "r");
}

/* -1: it is gone. */
static double cpu_seconds(long pid)
{
    char line[1024] = "";
    unsigned long user, system;
    const char *end;
    FILE *f = proc(pid, "stat");

    if (!f)
        return -1;
    if (!fgets(line, sizeof(line), f))
        line[0] = '\0';
    fclose(f);
    end = strrchr(line, ')');
    if (!end || sscanf(end + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu",
                       &user, &system) != 2)
        return -1;
    return (double)(user + system) / (double)sysconf(_SC_CLK_TCK);
}

static double anon_mb(long pid)
{
    char line[256];
    long kb = 0;
    FILE *f = proc(pid, "status");

    while (f && fgets(line, sizeof(line), f))
        if (strncmp(line, "RssAnon:", 8) == 0)
            kb = strtol(line + 8, NULL, 10);
    if (f)
        fclose(f);
    return (double)kb / 1024;
}

static int partitions_of(rd_kafka_t *rk, const char *topic)
{
    rd_kafka_topic_t *t = rd_kafka_topic_new(rk, topic, NULL);
    const struct rd_kafka_metadata *md = NULL;
    int count = 0;

    if (rd_kafka_metadata(rk, 0, t, &md, TIMEOUT_MS) == RD_KAFKA_RESP_ERR_NO_ERROR)
        count = md->topics[0].partition_cnt;
    rd_kafka_metadata_destroy(md);
    rd_kafka_topic_destroy(t);
    return count;
}

static int64_t held(rd_kafka_t *rk, const char *topic, int partitions)
{
    int64_t sum = 0, low, high;

    for (int32_t p = 0; p < partitions; p++) {
        if (rd_kafka_query_watermark_offsets(rk, topic, p, &low, &high, TIMEOUT_MS))
            die("no answer of the broker");
        sum += high;
    }
    return sum;
}

int main(int argc, char **argv)
{
    int64_t begun = relais_monotonic_us(), count, steps[3], now;
    double limit_s, at[3] = {0}, cpu[3] = {0};
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    rd_kafka_t *rk;
    char text[256];
    int partitions, step = 0;
    long pid;

    if (argc < 5)
        die("usage: bench_filled BROKERS TOPIC COUNT PID [LIMIT_S]");
    count = strtoll(argv[3], NULL, 10);
    pid = strtol(argv[4], NULL, 10);
    limit_s = argc > 5 ? strtod(argv[5], NULL) : 300;
    steps[0] = 1;
    steps[1] = count / 2;
    steps[2] = count;
    rd_kafka_conf_set(conf, "bootstrap.servers", argv[1], text, sizeof(text));
    rk = rd_kafka_new(RD_KAFKA_CONSUMER, conf, text, sizeof(text));
    if (!rk || !(partitions = partitions_of(rk, argv[2])))
        die("no such topic");
    while (step < 3) {
        int64_t got = held(rk, argv[2], partitions);

        now = relais_monotonic_us() - begun;
        for (; step < 3 && got >= steps[step]; step++) {
            at[step] = (double)now / 1e6;
            cpu[step] = cpu_seconds(pid);
        }
        if (cpu_seconds(pid) < 0 || (double)now / 1e6 > limit_s)
            die("the process is gone, or too slow");
        usleep(LOOK_US);
    }
    printf("first=%.2f half=%.2f all=%.2f cpu_half=%.2f cpu_all=%.2f anon_mb=%.0f\n",
           at[0], at[1], at[2], cpu[1], cpu[2], anon_mb(pid));
    rd_kafka_destroy(rk);
    return 0;
}
