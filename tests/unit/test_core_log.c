#include "core/log.h"
#include "helper_core.h"

#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

static char *folder;
static char *path;
static int saved_fd;

/* Standard error goes to a file while a test logs. */
static int setup(void **state)
{
    int fd;

    unsetenv("JOURNAL_STREAM");
    folder = helper_folder();
    path = helper_write(folder, "log", "", 0600);
    fd = open(path, O_WRONLY | O_APPEND | O_CLOEXEC);
    saved_fd = dup(STDERR_FILENO);
    dup2(fd, STDERR_FILENO);
    close(fd);
    return 0;
}

static int teardown(void **state)
{
    relais_log_level(RELAIS_LOG_INFO);
    dup2(saved_fd, STDERR_FILENO);
    close(saved_fd);
    free(path);
    helper_remove(folder);
    return 0;
}

/* What was logged, from `level=` on if it has a time. */
static void expect_line(const char *line)
{
    char *text = helper_read(path, true, NULL);
    const char *level = strstr(text, "level=");

    assert_non_null(level);
    assert_string_equal(level, line);
    free(text);
}

static void test_line_begins_with_time_and_level(void **state)
{
    char *text;

    relais_log(RELAIS_LOG_INFO, "topic=%s partition=%d", "t", 3);
    expect_line("level=info topic=t partition=3");
    text = helper_read(path, true, NULL);
    assert_int_equal(strncmp(text, "time=20", 7), 0);
    assert_int_equal(strlen(text), strlen("time=2026-02-04T20:27:43.000000Z level=info "
                                          "topic=t partition=3"));
    free(text);
}

static void test_journald_adds_the_time_itself(void **state)
{
    char stream[64];
    struct stat st;
    char *text;

    assert_int_equal(fstat(STDERR_FILENO, &st), 0);
    snprintf(stream, sizeof(stream), "%ju:%ju", (uintmax_t)st.st_dev,
             (uintmax_t)st.st_ino);
    setenv("JOURNAL_STREAM", stream, 1);
    relais_log(RELAIS_LOG_WARN, "a=1");
    setenv("JOURNAL_STREAM", "1:1", 1); /* journald had another stream */
    relais_log(RELAIS_LOG_WARN, "a=2");
    unsetenv("JOURNAL_STREAM");
    text = helper_read(path, false, NULL);
    assert_int_equal(strncmp(text, "level=warn a=1\ntime=20", 22), 0);
    free(text);
}

static void test_control_characters_cannot_make_a_second_line(void **state)
{
    relais_log(RELAIS_LOG_INFO, "a=%s", "x\ny\x1b[1m\x7f\xc3\xa9");
    expect_line("level=info a=x\\ny\\x1b[1m\\x7f\xc3\xa9");
}

static void test_error_has_code_place_and_text(void **state)
{
    struct relais_error err = RELAIS_ERROR_INIT;

    relais_error_set(&err, RELAIS_E_CODE_UNKNOWN, "evenement_droit.prestation",
                     "a \"b\"\\");
    relais_log_error(&err, "topic=%s", "t");
    expect_line("level=error code=CODE_UNKNOWN where=evenement_droit.prestation "
                "text=\"a \\\"b\\\"\\\\\" topic=t");
}

static void test_error_without_text_has_its_meaning(void **state)
{
    struct relais_error err = RELAIS_ERROR_INIT;

    relais_error_set(&err, RELAIS_E_BROKER_DOWN, "-X a.b", "%s", "");
    relais_log_error(&err, NULL);
    expect_line("level=error code=BROKER_DOWN where=\"-X a.b\" text=\"Kafka broker "
                "unreachable\"");
}

static void test_level_decides_what_is_written(void **state)
{
    char *text;

    relais_log(RELAIS_LOG_DEBUG, "a=0");
    relais_log_level(RELAIS_LOG_WARN);
    relais_log(RELAIS_LOG_INFO, "a=1");
    text = helper_read(path, false, NULL);
    assert_string_equal(text, "");
    free(text);
    relais_log_level_named("debug");
    relais_log_level_named("loud");
    relais_log(RELAIS_LOG_DEBUG, "a=2");
    expect_line("level=debug a=2");
}

static void test_escapes_cannot_pass_the_longest_line(void **state)
{
    char ones[2001];
    size_t len;
    char *text;

    memset(ones, 1, sizeof(ones) - 1);
    ones[sizeof(ones) - 1] = '\0';
    relais_log(RELAIS_LOG_INFO, "a=%s", ones);
    text = helper_read(path, false, &len);
    assert_int_equal(len, 4096);
    assert_int_equal(text[len - 1], '\n');
    free(text);
}

static void test_long_line_is_cut_and_ended(void **state)
{
    size_t len;
    char *text;

    relais_log(RELAIS_LOG_INFO, "a=%20000d", 1);
    text = helper_read(path, false, &len);
    assert_true(len > 1000 && len <= 4096);
    assert_int_equal(text[len - 1], '\n');
    assert_ptr_equal(strchr(text, '\n'), text + len - 1);
    free(text);
}

#define THREADS 4
#define LINES   300

static void *log_often(void *arg)
{
    for (int i = 0; i < LINES; i++)
        relais_log(RELAIS_LOG_INFO, "thread=%d line=%0100d.", *(int *)arg, i);
    return NULL;
}

static void test_threads_never_mix_their_lines(void **state)
{
    int next[THREADS] = {0}, ids[THREADS] = {0, 1, 2, 3};
    pthread_t threads[THREADS];
    char *text, *at, *eol;
    int lines = 0;

    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, log_often, &ids[i]), 0);
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    text = helper_read(path, false, NULL);
    for (at = text; (eol = strchr(at, '\n')); at = eol + 1, lines++) {
        char expected[200];
        int id = at[strlen("time=2026-02-04T20:27:43.000000Z level=info thread=")] - '0';

        assert_true(id >= 0 && id < THREADS);
        snprintf(expected, sizeof(expected), "level=info thread=%d line=%0100d.", id,
                 next[id]++);
        *eol = '\0';
        assert_string_equal(at + strlen("time=2026-02-04T20:27:43.000000Z "), expected);
    }
    assert_int_equal(lines, THREADS * LINES);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_line_begins_with_time_and_level, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_journald_adds_the_time_itself, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_control_characters_cannot_make_a_second_line,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(test_error_has_code_place_and_text, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_error_without_text_has_its_meaning, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_level_decides_what_is_written, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_long_line_is_cut_and_ended, setup, teardown),
        cmocka_unit_test_setup_teardown(test_escapes_cannot_pass_the_longest_line, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_threads_never_mix_their_lines, setup,
                                        teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
