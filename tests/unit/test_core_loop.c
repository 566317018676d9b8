#include "core/loop.h"
#include "core/day.h"
#include "helper_core.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

/* Runs a child, since asking to stop holds for a process's life; its exit status. */
static int in_child(void (*body)(void))
{
    int status;
    pid_t pid = fork();

    assert_true(pid >= 0);
    if (pid == 0) {
        relais_loop_init();
        body();
        _exit(99); /* a body ends by itself */
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

static void expect(bool ok)
{
    if (!ok)
        _exit(1);
}

static void stop_by_signal(void)
{
    expect(!relais_loop_stopping());
    raise(SIGTERM);
    expect(relais_loop_stopping());
    _exit(0);
}

static void test_first_signal_asks_to_stop(void **state)
{
    assert_int_equal(in_child(stop_by_signal), 0);
}

static void stop_twice(void)
{
    raise(SIGINT);
    raise(SIGTERM);
    _exit(0);
}

static void test_second_signal_ends_at_once(void **state)
{
    assert_int_equal(in_child(stop_twice), 75);
}

static void stop_by_call_then_signal(void)
{
    relais_loop_stop();
    expect(relais_loop_stopping());
    raise(SIGTERM);
    _exit(0);
}

static void test_call_to_stop_counts_as_a_signal(void **state)
{
    assert_int_equal(in_child(stop_by_call_then_signal), 75);
}

static void write_to_closed_pipe(void)
{
    int fds[2];

    expect(pipe(fds) == 0);
    close(fds[0]);
    expect(write(fds[1], "x", 1) == -1);
    _exit(0);
}

static void test_closed_pipe_kills_nobody(void **state)
{
    assert_int_equal(in_child(write_to_closed_pipe), 0);
}

static int64_t slept_ms(int ms)
{
    int64_t from = relais_monotonic_us();

    relais_loop_sleep_ms(ms);
    return (relais_monotonic_us() - from) / 1000;
}

static void sleep_and_stop(void)
{
    pid_t parent = getpid(), killer;

    expect(slept_ms(60) >= 60);
    killer = fork();
    if (killer == 0) {
        relais_loop_sleep_ms(100);
        kill(parent, SIGTERM);
        _exit(0);
    }
    expect(slept_ms(20000) < 10000); /* woken */
    expect(slept_ms(60) >= 60);      /* woken once: the orderly stop sleeps on */
    waitpid(killer, NULL, 0);
    _exit(0);
}

static void test_sleep_is_woken_once_by_a_signal(void **state)
{
    assert_int_equal(in_child(sleep_and_stop), 0);
}

static void stop_before_sleep(void)
{
    raise(SIGTERM);
    expect(slept_ms(20000) < 10000);
    _exit(0);
}

static void test_signal_before_the_sleep_is_not_missed(void **state)
{
    assert_int_equal(in_child(stop_before_sleep), 0);
}

static void hang_past_deadline(void)
{
    relais_loop_deadline(1, 42);
    for (;;)
        pause();
}

static void test_deadline_ends_a_process_that_hangs(void **state)
{
    int64_t from = relais_monotonic_us();

    assert_int_equal(in_child(hang_past_deadline), 42);
    assert_true(relais_monotonic_us() - from >= 1000000);
}

/* abstract: a name that begins with NUL. */
static void expect_notice(const char *path, bool abstract)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    char got[100], variable[108];
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    ssize_t n;

    snprintf(address.sun_path + abstract, sizeof(address.sun_path) - abstract, "%s",
             path);
    assert_int_equal(bind(fd, (struct sockaddr *)&address,
                          (socklen_t)(offsetof(struct sockaddr_un, sun_path) + abstract +
                                      strlen(path))),
                     0);
    snprintf(variable, sizeof(variable), "%s%s", abstract ? "@" : "", path);
    setenv("NOTIFY_SOCKET", variable, 1);
    relais_loop_notify("READY=1\nSTATUS=pret");
    n = recv(fd, got, sizeof(got), MSG_DONTWAIT);
    assert_int_equal(n, strlen("READY=1\nSTATUS=pret"));
    assert_memory_equal(got, "READY=1\nSTATUS=pret", (size_t)n);
    unsetenv("NOTIFY_SOCKET");
    close(fd);
}

static void test_notice_reaches_the_socket_of_systemd(void **state)
{
    char *folder = helper_folder();
    char path[100];

    snprintf(path, sizeof(path), "%s/notify", folder);
    expect_notice(path, false);
    snprintf(path, sizeof(path), "relais-test-%d", (int)getpid());
    expect_notice(path, true);
    helper_remove(folder);
}

static void test_notice_without_listener_is_silent(void **state)
{
    char name[300];

    unsetenv("NOTIFY_SOCKET");
    relais_loop_notify("READY=1");
    setenv("NOTIFY_SOCKET", "/nonexistent/notify", 1);
    relais_loop_notify("READY=1");
    setenv("NOTIFY_SOCKET", "relative", 1);
    relais_loop_notify("READY=1");
    memset(name, 'a', sizeof(name));
    name[0] = '/';
    name[sizeof(name) - 1] = '\0';
    setenv("NOTIFY_SOCKET", name, 1);
    relais_loop_notify("READY=1");
    assert_int_equal(unsetenv("NOTIFY_SOCKET"), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_first_signal_asks_to_stop),
        cmocka_unit_test(test_second_signal_ends_at_once),
        cmocka_unit_test(test_call_to_stop_counts_as_a_signal),
        cmocka_unit_test(test_closed_pipe_kills_nobody),
        cmocka_unit_test(test_sleep_is_woken_once_by_a_signal),
        cmocka_unit_test(test_signal_before_the_sleep_is_not_missed),
        cmocka_unit_test(test_deadline_ends_a_process_that_hangs),
        cmocka_unit_test(test_notice_reaches_the_socket_of_systemd),
        cmocka_unit_test(test_notice_without_listener_is_silent),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
