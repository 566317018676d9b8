/* bench_watch COMMAND [ARG...]: runs it, and says on standard output what it took:
 * `seconds=S cpu_s=S anon_mb=M`: wall clock, user and system time of the process (wait4),
 * and the highest RssAnon of /proc/PID/status, looked at every 10 ms. Its own output goes
 * to standard error. Ends with the command's status.
 */
#include "core/day.h"

#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#define LOOK_US 10000

extern char **environ;

static void die(const char *what)
{
    perror(what);
    exit(125);
}

static pid_t run(char **argv)
{
    posix_spawn_file_actions_t actions;
    pid_t pid;

    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, STDERR_FILENO, STDOUT_FILENO);
    if (posix_spawnp(&pid, argv[0], &actions, NULL, argv, environ))
        die(argv[0]);
    posix_spawn_file_actions_destroy(&actions);
    return pid;
}

/* kB; 0: it has ended. */
static long anon_kb(pid_t pid)
{
    char path[64], line[256];
    long kb = 0;
    FILE *f;

    snprintf(path, sizeof(path), "/proc/%ld/status", (long)pid);
    f = fopen(path, "r");
    if (!f)
        return 0;
    while (!kb && fgets(line, sizeof(line), f))
        if (strncmp(line, "RssAnon:", 8) == 0)
            kb = strtol(line + 8, NULL, 10);
    fclose(f);
    return kb;
}

static double seconds(struct timeval t)
{
    return (double)t.tv_sec + (double)t.tv_usec / 1e6;
}

int main(int argc, char **argv)
{
    int64_t begun = relais_monotonic_us();
    struct rusage usage;
    long peak = 0;
    int status;
    pid_t pid, ended;

    if (argc < 2) {
        fputs("usage: bench_watch COMMAND [ARG...]\n", stderr);
        return 125;
    }
    pid = run(argv + 1);
    while ((ended = wait4(pid, &status, WNOHANG, &usage)) == 0) {
        long kb = anon_kb(pid);

        peak = kb > peak ? kb : peak;
        usleep(LOOK_US);
    }
    if (ended < 0)
        die("wait4");
    printf("seconds=%.2f cpu_s=%.2f anon_mb=%.1f\n",
           (double)(relais_monotonic_us() - begun) / 1e6,
           seconds(usage.ru_utime) + seconds(usage.ru_stime), (double)peak / 1024);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 125;
}
