#include "core/loop.h"
#include "core/day.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define EXIT_AT_ONCE 75

static volatile sig_atomic_t stopping;
static volatile sig_atomic_t wake_fd =
    -1; /* readable when asked to stop since the last sleep */

static void wake(void)
{
    uint64_t one = 1;
    ssize_t n = wake_fd < 0 ? 0 : write(wake_fd, &one, sizeof(one));

    (void)n; /* a full counter wakes as well */
}

static void on_stop(int signo)
{
    int saved = errno;

    (void)signo;
    if (stopping)
        _exit(EXIT_AT_ONCE);
    stopping = 1;
    wake();
    errno = saved;
}

void relais_loop_init(void)
{
    struct sigaction stop = {.sa_handler = on_stop};
    struct sigaction ignore = {.sa_handler = SIG_IGN};

    if (wake_fd < 0)
        wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    sigemptyset(&stop.sa_mask);
    sigaction(SIGTERM, &stop, NULL);
    sigaction(SIGINT, &stop, NULL);
    sigaction(SIGPIPE, &ignore, NULL);
}

bool relais_loop_stopping(void) { return stopping; }

void relais_loop_stop(void)
{
    stopping = 1;
    wake();
}

void relais_loop_notify(const char *state)
{
    const char *path = getenv("NOTIFY_SOCKET");
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    size_t len = path ? strlen(path) : 0;
    ssize_t n;
    int fd;

    if (len < 2 || len >= sizeof(address.sun_path) || (path[0] != '/' && path[0] != '@'))
        return;
    memcpy(address.sun_path, path, len);
    if (path[0] == '@') /* Linux's abstract names begin with NUL */
        address.sun_path[0] = '\0';
    fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return;
    n = sendto(fd, state, strlen(state), MSG_NOSIGNAL, (struct sockaddr *)&address,
               (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len));
    (void)n; /* nobody listens: nothing to do about it */
    close(fd);
}

void relais_loop_sleep_ms(int ms)
{
    struct pollfd fd = {.fd = wake_fd, .events = POLLIN};
    int64_t end_us = relais_monotonic_us() + (int64_t)ms * 1000;
    int64_t left_us;
    uint64_t count;

    while ((left_us = end_us - relais_monotonic_us()) > 0)
        if (poll(&fd, 1, (int)((left_us + 999) / 1000)) > 0 &&
            read(wake_fd, &count, sizeof(count)) > 0)
            return;
}

struct deadline {
    int seconds;
    int status;
};

static void *wait_deadline(void *arg)
{
    struct deadline deadline = *(struct deadline *)arg;
    int64_t end_us = relais_monotonic_us() + deadline.seconds * INT64_C(1000000);
    int64_t left_us;

    free(arg);
    while ((left_us = end_us - relais_monotonic_us()) > 0)
        poll(NULL, 0, (int)((left_us + 999) / 1000));
    _exit(deadline.status);
}

void relais_loop_deadline(int seconds, int status)
{
    struct deadline *deadline = relais_alloc(sizeof(*deadline));
    sigset_t all, old;
    pthread_t thread;
    int rc;

    *deadline = (struct deadline){seconds, status};
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old); /* signals stay the main thread's */
    rc = pthread_create(&thread, NULL, wait_deadline, deadline);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    if (rc) {
        free(deadline);
        return;
    }
    pthread_detach(thread);
}
