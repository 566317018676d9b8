#include "core/ops.h"
#include "core/day.h"
#include "core/listen.h"
#include "core/metrics.h"
#include "helper_core.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>

/* Seconds put on every clock of this executable, to pass minutes in none. */
static _Atomic int clock_ahead_s;

int clock_gettime(clockid_t clock, struct timespec *ts)
{
    int rc = (int)syscall(SYS_clock_gettime, clock, ts);

    ts->tv_sec += clock_ahead_s;
    return rc;
}

static int connect_to(int family, int port)
{
    struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6,
                              .sin6_port = htons((uint16_t)port)};
    int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int rc;

    v4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    v6.sin6_addr = in6addr_loopback;
    rc = family == AF_INET ? connect(fd, (struct sockaddr *)&v4, sizeof(v4))
                           : connect(fd, (struct sockaddr *)&v6, sizeof(v6));
    assert_int_equal(rc, 0);
    return fd;
}

/* The whole answer to a request, until the server hangs up; the caller frees. */
static char *ask_by(int family, const struct relais_ops *ops, const char *request)
{
    struct relais_buf answer = RELAIS_BUF_INIT(1 << 20);
    int fd = connect_to(family, relais_ops_port(ops));
    char block[4096];
    ssize_t n;

    assert_int_equal(write(fd, request, strlen(request)), (ssize_t)strlen(request));
    while ((n = read(fd, block, sizeof(block))) > 0)
        assert_int_equal(relais_buf_add(&answer, block, (size_t)n), 0);
    close(fd);
    return relais_buf_take(&answer, NULL);
}

static void expect_page(const struct relais_ops *ops, const char *path, int status,
                        const char *body)
{
    char request[200], line[32];
    const char *got;
    char *answer;

    snprintf(request, sizeof(request),
             "GET %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", path);
    answer = ask_by(AF_INET, ops, request);
    snprintf(line, sizeof(line), "HTTP/1.1 %d ", status);
    assert_int_equal(strncmp(answer, line, strlen(line)), 0);
    got = strstr(answer, "\r\n\r\n");
    assert_non_null(got);
    if (body)
        assert_string_equal(got + 4, body);
    free(answer);
}

static int setup(void **state)
{
    struct relais_error err = RELAIS_ERROR_INIT;

    *state = relais_ops_new("127.0.0.1:0", "source_x", 30000, &err);
    return *state ? 0 : -1;
}

static int teardown(void **state)
{
    relais_ops_free(*state);
    clock_ahead_s = 0;
    relais_metric_set(oldest_unacknowledged_since, 0);
    return 0;
}

static void test_ready_when_nothing_speaks_against_it(void **state)
{
    expect_page(*state, "/readyz", 200, "ok\n");
    expect_page(*state, "/healthz", 200, "ok\n");
    expect_page(*state, "/readyz?x=1", 200, "ok\n");
}

static void test_not_ready_tells_each_reason_on_its_line(void **state)
{
    relais_ops_reason(7, "Registre injoignable");
    relais_ops_reason(0, "Kafka injoignable");
    relais_ops_reason(8, "hors table");
    relais_ops_reason(-1, "hors table");
    expect_page(*state, "/readyz", 503, "Kafka injoignable\nRegistre injoignable\n");
    relais_ops_reason(0, NULL);
    relais_ops_reason(7, NULL);
    expect_page(*state, "/readyz", 200, "ok\n");
}

static void test_not_ready_when_a_message_waits_too_long(void **state)
{
    relais_metric_set(oldest_unacknowledged_since, relais_monotonic_us());
    expect_page(*state, "/readyz", 200, "ok\n");
    clock_ahead_s = 31;
    expect_page(*state, "/readyz", 503,
                "Message le plus ancien non acquitte depuis 31 s\n");
    relais_metric_set(oldest_unacknowledged_since, 0);
    expect_page(*state, "/readyz", 200, "ok\n");
}

static void test_not_alive_when_the_main_loop_is_silent(void **state)
{
    clock_ahead_s = 59;
    expect_page(*state, "/healthz", 200, "ok\n");
    clock_ahead_s = 61;
    expect_page(*state, "/healthz", 503, "Boucle principale muette depuis 61 s\n");
    relais_ops_beat();
    expect_page(*state, "/healthz", 200, "ok\n");
}

static void test_other_paths_and_methods_are_refused(void **state)
{
    char *answer = ask_by(AF_INET, *state,
                          "DELETE /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
                          "\r\n");

    assert_int_equal(strncmp(answer, "HTTP/1.1 405 ", 13), 0);
    assert_non_null(strstr(answer, "Allow: GET, HEAD\r\n"));
    free(answer);
    expect_page(*state, "/", 404, NULL);
    expect_page(*state, "/metrics/", 404, NULL);
}

static void test_request_with_a_body_is_hung_up_on(void **state)
{
    char *answer = ask_by(AF_INET, *state,
                          "POST /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n"
                          "\r\nabcd");

    assert_string_equal(answer, "");
    free(answer);
}

static void test_metrics_page_is_the_table(void **state)
{
    char *answer = ask_by(
        AF_INET, *state, "GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");

    assert_non_null(
        strstr(answer, "Content-Type: text/plain; version=0.0.4; charset=utf-8\r\n"));
    assert_non_null(
        strstr(answer, "\nrelais_records_read_total{connector=\"source_x\"} "));
    free(answer);
}

static void test_ipv6_address_in_brackets_is_served(void **state)
{
    struct relais_error err = RELAIS_ERROR_INIT;
    struct relais_ops *ops = relais_ops_new("[::1]:0", NULL, 30000, &err);
    char *answer;

    if (!ops) {
        char *addresses = helper_read("/proc/net/if_inet6", false, NULL);

        assert_null(strstr(addresses, "00000000000000000000000000000001"));
        free(addresses);
        return; /* a machine without IPv6 */
    }
    answer = ask_by(AF_INET6, ops,
                    "HEAD /readyz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    assert_int_equal(strncmp(answer, "HTTP/1.1 200 ", 13), 0);
    free(answer);
    relais_ops_free(ops);
}

static void test_address_in_use_is_an_error_of_configuration(void **state)
{
    struct relais_error err = RELAIS_ERROR_INIT;
    char address[32];

    snprintf(address, sizeof(address), "127.0.0.1:%d", relais_ops_port(*state));
    assert_null(relais_ops_new(address, NULL, 30000, &err));
    assert_int_equal(err.code, RELAIS_E_CONF_VALUE);
    assert_string_equal(err.where, address);
    relais_ops_free(NULL);
}

static void test_what_is_no_address_is_refused(void **state)
{
    static const char *const texts[] = {"",
                                        "9100",
                                        "127.0.0.1",
                                        ":9100",
                                        "127.0.0.1:",
                                        "127.0.0.1:x",
                                        "127.0.0.1:65536",
                                        "::1:0",
                                        "[::1]",
                                        "[::1:0",
                                        "::1]:0",
                                        "[]:0",
                                        "127.0.0.1:-1",
                                        "256.0.0.1:0",
                                        "127.0.0.1:000000"};
    int port;

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct relais_error err = RELAIS_ERROR_INIT;

        if (relais_listen(texts[i], &port, &err) != -1)
            fail_msg("taken: %s", texts[i]);
        assert_int_equal(err.code, RELAIS_E_CONF_VALUE);
    }
}

static void expect_line(const char *connector, const char *line)
{
    struct relais_buf out = RELAIS_BUF_INIT(65536);

    assert_int_equal(relais_metrics_print(connector, &out), 0);
    if (!strstr(out.data, line))
        fail_msg("no %s in %s", line, out.data);
    relais_buf_release(&out);
}

static void test_metrics_are_shown_in_seconds_with_their_type(void **state)
{
    relais_metric_set(records_read, 5);
    relais_metric_add(records_read, 2);
    relais_metric_set(throttle_seconds, 1500000);
    relais_metric_set(last_event, 1770236863250000);
    relais_metric_set(inflight_records, 3);
    expect_line("a\"b\\c\nd",
                "# HELP relais_records_read_total Enregistrements lus de la "
                "source\n# TYPE relais_records_read_total counter\n"
                "relais_records_read_total{connector=\"a\\\"b\\\\c\\nd\"} 7\n");
    expect_line(NULL, "\n# TYPE relais_throttle_seconds_total counter\n"
                      "relais_throttle_seconds_total 1.500000\n");
    expect_line(NULL, "\nrelais_last_event_timestamp_seconds 1770236863.250000\n");
    expect_line(NULL,
                "\n# TYPE relais_inflight_records gauge\nrelais_inflight_records 3\n");
    expect_line(NULL, "\nrelais_oldest_unacknowledged_seconds 0.000000\n");
}

static void test_age_is_counted_from_its_start(void **state)
{
    relais_metric_set(oldest_unacknowledged_since, relais_monotonic_us());
    clock_ahead_s = 5;
    expect_line(NULL, "\nrelais_oldest_unacknowledged_seconds 5.");
    clock_ahead_s = -5;
    expect_line(NULL, "\nrelais_oldest_unacknowledged_seconds 0.000000\n");
}

static void test_metrics_doc_has_a_row_for_every_metric(void **state)
{
    struct relais_buf out = RELAIS_BUF_INIT(65536), small = RELAIS_BUF_INIT(100);

    assert_int_equal(relais_metrics_doc(&out), 0);
#define X(field, type, name, help)                                                       \
    assert_non_null(strstr(out.data, "| `" name "` | "));                                \
    assert_non_null(strstr(out.data, " | " help " |\n"));
    RELAIS_METRICS(X)
#undef X
    assert_int_equal(relais_metrics_doc(&small), -1);
    assert_int_equal(relais_metrics_print(NULL, &small), -1);
    relais_buf_release(&out);
    relais_buf_release(&small);
}

#define WITH_OPS(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_OPS(test_ready_when_nothing_speaks_against_it),
        WITH_OPS(test_not_ready_tells_each_reason_on_its_line),
        WITH_OPS(test_not_ready_when_a_message_waits_too_long),
        WITH_OPS(test_not_alive_when_the_main_loop_is_silent),
        WITH_OPS(test_other_paths_and_methods_are_refused),
        WITH_OPS(test_request_with_a_body_is_hung_up_on),
        WITH_OPS(test_metrics_page_is_the_table),
        cmocka_unit_test(test_ipv6_address_in_brackets_is_served),
        WITH_OPS(test_address_in_use_is_an_error_of_configuration),
        cmocka_unit_test(test_what_is_no_address_is_refused),
        cmocka_unit_test(test_metrics_are_shown_in_seconds_with_their_type),
        WITH_OPS(test_age_is_counted_from_its_start),
        cmocka_unit_test(test_metrics_doc_has_a_row_for_every_metric),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
