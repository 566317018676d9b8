#include "schemas/registry_server.h"

#include "schemas/registry_store.h"
#include "tests/unit/helper_http.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

struct place {
    char dir[64], journal[96];
};

static int make_place(void **state)
{
    struct place *place = relais_zalloc(sizeof(*place));

    snprintf(place->dir, sizeof(place->dir), "/tmp/relais-registry-XXXXXX");
    if (!mkdtemp(place->dir))
        return -1;
    snprintf(place->journal, sizeof(place->journal), "%s/registry.journal", place->dir);
    *state = place;
    return 0;
}

static int remove_place(void **state)
{
    struct place *place = *state;

    unlink(place->journal);
    rmdir(place->dir);
    free(place);
    return 0;
}

static struct registry_store *open_store(const struct place *place)
{
    struct relais_error err = RELAIS_ERROR_INIT;
    struct registry_store *store = registry_store_open(place->dir, &err);

    if (!store)
        fail_msg("%s: %s", err.where, err.text);
    return store;
}

/* Registers {"type":"fixed","name":"F<n>","size":1}; the id. */
static int32_t put(struct registry_store *store, const char *subject, int n)
{
    struct relais_error err = RELAIS_ERROR_INIT;
    unsigned char identity[REGISTRY_IDENTITY_LEN];
    struct relais_slice text;
    char buf[128];
    int32_t id = 0, version;

    snprintf(buf, sizeof(buf), "{\"type\":\"fixed\",\"name\":\"F%d\",\"size\":1}", n);
    text = relais_slice_str(buf);
    assert_int_equal(registry_identity_digest(text, identity, &err), 0);
    if (registry_store_register(store, subject, text, identity, &id, &version, &err))
        return -(int32_t)err.code;
    return id;
}

static void append(const struct place *place, const char *text)
{
    int fd = open(place->journal, O_WRONLY | O_APPEND);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    close(fd);
}

static void test_everything_is_there_after_a_restart(void **state)
{
    struct relais_error err = RELAIS_ERROR_INIT;
    struct registry_store *store = open_store(*state);
    const struct registry_subject *subject;

    assert_int_equal(put(store, "s1", 1), 1);
    assert_int_equal(put(store, "s1", 2), 2);
    assert_int_equal(put(store, "s2", 2), 2);
    assert_int_equal(put(store, "s3", 3), 3);
    assert_int_equal(registry_store_set_level(store, "s1", RELAIS_COMPAT_FULL, &err), 0);
    assert_int_equal(registry_store_set_level(store, NULL, RELAIS_COMPAT_NONE, &err), 0);
    assert_int_equal(registry_store_delete(store, "s1", 1, false, &err), 0);
    assert_int_equal(registry_store_delete(store, "s3", 0, false, &err), 0);
    assert_int_equal(registry_store_delete(store, "s3", 0, true, &err), 0);
    registry_store_close(store);

    store = open_store(*state);
    subject = registry_store_subject(store, "s1");
    assert_int_equal(subject->version_count, 2);
    assert_true(subject->versions[0].deleted);
    assert_false(subject->versions[1].deleted);
    assert_int_equal(subject->level, RELAIS_COMPAT_FULL);
    assert_int_equal(registry_store_level(store), RELAIS_COMPAT_NONE);
    assert_int_equal(registry_store_subject(store, "s3")->version_count, 0);
    assert_true(relais_slice_is(registry_store_schema(store, 3)->text,
                                "{\"type\":\"fixed\",\"name\":\"F3\",\"size\":1}"));
    assert_int_equal(put(store, "s1", 4), 4);
    assert_int_equal(put(store, "s9", 3), 3);
    registry_store_close(store);
}

static void test_a_torn_last_line_is_cut_off_and_writing_goes_on(void **state)
{
    static const char *const torn[] = {
        "{\"op\":\"register\",\"subj",
        "{\"op\":\"register\",\"subject\":\"s1\",\"version\":9,\"id\":1}",
        "\n",
        "{\"op\":\"unheard of\"}\n",
    };
    struct place *place = *state;

    for (size_t i = 0; i < sizeof(torn) / sizeof(torn[0]); i++) {
        struct registry_store *store = open_store(place);

        assert_int_equal(put(store, "s1", (int)i), i + 1);
        registry_store_close(store);
        append(place, torn[i]);
    }
    struct registry_store *store = open_store(place);
    assert_int_equal(registry_store_subject(store, "s1")->version_count, 4);
    registry_store_close(store);
}

static void test_a_bad_line_before_good_ones_stops_the_start(void **state)
{
    struct relais_error err = RELAIS_ERROR_INIT;
    struct place *place = *state;
    struct registry_store *store = open_store(place);

    assert_int_equal(put(store, "s1", 1), 1);
    registry_store_close(store);
    append(place, "damaged\n{\"op\":\"level\",\"level\":\"NONE\"}\n");
    assert_null(registry_store_open(place->dir, &err));
    assert_int_equal(err.code, RELAIS_E_STATE_BROKEN);
    assert_non_null(strstr(err.text, "ligne 2"));
}

static void test_lines_that_contradict_what_is_there_are_not_applied(void **state)
{
    static const char *const lines[] = {
        "{\"op\":\"register\",\"subject\":\"s1\",\"version\":1,\"id\":1}\n",
        "{\"op\":\"register\",\"subject\":\"s2\",\"version\":1,\"id\":2}\n",
        "{\"op\":\"register\",\"subject\":\"s2\",\"version\":1,\"id\":3,\"schema\":"
        "\"\\\"int\\\"\"}\n",
        "{\"op\":\"register\",\"subject\":\"s2\",\"version\":1,\"id\":2,\"schema\":"
        "\"no\"}\n",
        "{\"op\":\"level\",\"subject\":\"s1\",\"level\":\"X\"}\n",
        "{\"op\":\"delete\",\"subject\":\"nobody\",\"version\":0}\n",
    };
    struct place *place = *state;
    struct registry_store *store = open_store(place);
    struct stat before, after;

    assert_int_equal(put(store, "s1", 1), 1);
    registry_store_close(store);
    assert_int_equal(stat(place->journal, &before), 0);
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        append(place, lines[i]);
        registry_store_close(open_store(place));
        assert_int_equal(stat(place->journal, &after), 0);
        assert_int_equal(after.st_size, before.st_size);
    }
}

static void test_two_servers_never_share_a_folder(void **state)
{
    struct relais_error err = RELAIS_ERROR_INIT;
    struct place *place = *state;
    struct registry_store *store = open_store(place);

    assert_null(registry_store_open(place->dir, &err));
    assert_int_equal(err.code, RELAIS_E_STATE_LOCKED);
    registry_store_close(store);
    registry_store_close(open_store(place));
}

static void test_a_folder_that_cannot_be_made_is_told(void **state)
{
    struct relais_error err = RELAIS_ERROR_INIT;
    char path[128];
    const struct place *place = *state;

    snprintf(path, sizeof(path), "%s/not/there", place->dir);
    assert_null(registry_store_open(path, &err));
    assert_int_equal(err.code, RELAIS_E_CONF_VALUE);
}

static void test_a_write_that_fails_leaves_no_trace_and_no_id(void **state)
{
    struct place *place = *state;
    struct registry_store *store = open_store(place);
    struct rlimit whole, tight;
    struct stat st;
    int32_t refused;

    assert_int_equal(put(store, "s1", 1), 1);
    assert_int_equal(stat(place->journal, &st), 0);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &whole), 0);
    signal(SIGXFSZ, SIG_IGN);
    tight =
        (struct rlimit){.rlim_cur = (rlim_t)st.st_size + 10, .rlim_max = whole.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &tight), 0);
    refused = put(store, "s1", 2);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &whole), 0);
    assert_int_equal(refused, -RELAIS_E_IO);
    assert_int_equal(registry_store_subject(store, "s1")->version_count, 1);
    assert_int_equal(put(store, "s1", 3), 2);
    registry_store_close(store);

    store = open_store(place);
    assert_int_equal(registry_store_subject(store, "s1")->version_count, 2);
    assert_int_equal(registry_store_max_id(store), 2);
    registry_store_close(store);
}

/* A server of its own process; its port comes through the pipe. */
static pid_t fork_server(const struct place *place, int *port_out)
{
    int ends[2];
    pid_t child;

    assert_int_equal(pipe(ends), 0);
    child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        struct relais_error err = RELAIS_ERROR_INIT;
        struct relais_registry_server *server =
            relais_registry_server_new("127.0.0.1:0", place->dir, &err);
        int port = server ? relais_registry_server_port(server) : 0;

        if (write(ends[1], &port, sizeof(port)) != sizeof(port))
            _exit(1);
        for (;;)
            pause();
    }
    close(ends[1]);
    assert_int_equal(read(ends[0], port_out, sizeof(*port_out)), sizeof(*port_out));
    close(ends[0]);
    assert_true(*port_out > 0);
    return child;
}

static void test_no_acknowledged_id_is_lost_or_changed_by_kill_9(void **state)
{
    enum { ROUNDS = 5, PER_ROUND = 200 };
    int ids[ROUNDS * PER_ROUND];
    int acknowledged = 0, port;
    char body[256], out[512], path[64];
    pid_t child;

    for (int round = 0; round < ROUNDS; round++) {
        pid_t killer = 0;
        int status = 200;

        child = fork_server(*state, &port);
        for (int i = 0; i < PER_ROUND && status == 200; i++) {
            snprintf(body, sizeof(body),
                     "{\"schema\":\"{\\\"type\\\":\\\"fixed\\\",\\\"name\\\":\\\"F%d\\\","
                     "\\\"size\\\":1}\"}",
                     acknowledged);
            snprintf(path, sizeof(path), "/subjects/s%d/versions", acknowledged);
            status =
                http_ask(port, "POST", path, "application/json", body, out, sizeof(out));
            if (status == 200)
                assert_int_equal(sscanf(out, "{\"id\":%d}", &ids[acknowledged++]), 1);
            /* the kill falls at some moment while requests are under way */
            if (i == 0 && (killer = fork()) == 0) {
                usleep((useconds_t)(7000 * round));
                kill(child, SIGKILL);
                _exit(0);
            }
        }
        waitpid(killer, NULL, 0);
        waitpid(child, NULL, 0);
    }
    assert_true(acknowledged > 0);
    child = fork_server(*state, &port);
    for (int i = 0; i < acknowledged; i++) {
        char want[64];

        snprintf(path, sizeof(path), "/schemas/ids/%d", ids[i]);
        snprintf(want, sizeof(want), "\\\"name\\\":\\\"F%d\\\"", i);
        assert_int_equal(http_ask(port, "GET", path, NULL, NULL, out, sizeof(out)), 200);
        assert_non_null(strstr(out, want));
        for (int j = 0; j < i; j++)
            assert_int_not_equal(ids[i], ids[j]);
    }
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, make_place, remove_place)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_everything_is_there_after_a_restart),
        TEST(test_a_torn_last_line_is_cut_off_and_writing_goes_on),
        TEST(test_a_bad_line_before_good_ones_stops_the_start),
        TEST(test_lines_that_contradict_what_is_there_are_not_applied),
        TEST(test_two_servers_never_share_a_folder),
        TEST(test_a_folder_that_cannot_be_made_is_told),
        TEST(test_a_write_that_fails_leaves_no_trace_and_no_id),
        TEST(test_no_acknowledged_id_is_lost_or_changed_by_kill_9),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
