#include "schemas/registry.h"

#include "schemas/registry_server.h"
#include "tests/unit/helper_http.h"

#include <microhttpd.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>

#define SCHEMA                                                                           \
    "{\"type\":\"record\",\"name\":\"q.N\",\"fields\":[{\"name\":\"a\",\"type\":"        \
    "\"int\"}]}"
#define SCHEMA_ANSWER                                                                    \
    "{\"schema\":\"{\\\"fields\\\":[{\\\"name\\\":\\\"a\\\",\\\"type\\\":{\\\"type\\\":" \
    "\\\"int\\\"}}],\\\"namespace\\\":\\\"q\\\",\\\"name\\\":\\\"N\\\",\\\"type\\\":"    \
    "\\\"record\\\"}\"}"
#define OTHER_ANSWER "{\"schema\":\"\\\"string\\\"\"}"
#define E40403       "{\"error_code\":40403,\"message\":\"Schema 7 not found\"}"

/* ---- a server that answers what a test wants ---- */

struct answer {
    const char *call; /* "GET /config/s": the beginning of method and path; NULL: any */
    int status;       /* 0: hangs up */
    const char *body;
    int delay_ms;
};

struct fake {
    struct MHD_Daemon *daemon;
    int port;
    const struct answer *answers; /* the first that fits */
    size_t answer_count;
    atomic_int calls;
    char log[2048]; /* "GET /a\nPUT /b\n"; read after the calls are over */
    char authorization[128];
    pthread_mutex_t mutex;
};

static void record(struct fake *fake, struct MHD_Connection *connection,
                   const char *method, const char *url)
{
    const char *given = MHD_lookup_connection_value(connection, MHD_HEADER_KIND,
                                                    MHD_HTTP_HEADER_AUTHORIZATION);
    size_t len;

    pthread_mutex_lock(&fake->mutex);
    len = strlen(fake->log);
    snprintf(fake->log + len, sizeof(fake->log) - len, "%s %s\n", method, url);
    snprintf(fake->authorization, sizeof(fake->authorization), "%s", given ? given : "");
    pthread_mutex_unlock(&fake->mutex);
    atomic_fetch_add(&fake->calls, 1);
}

static const struct answer *choose(const struct fake *fake, const char *method,
                                   const char *url)
{
    static const struct answer none = {NULL, 404, "{\"error_code\":404}", 0};
    char call[512];

    snprintf(call, sizeof(call), "%s %s", method, url);
    for (size_t i = 0; i < fake->answer_count; i++) {
        const struct answer *a = &fake->answers[i];

        if (!a->call || strncmp(a->call, call, strlen(a->call)) == 0)
            return a;
    }
    return &none;
}

static size_t keep_encoded(void *cls, struct MHD_Connection *connection, char *s)
{
    return strlen(s);
}

static enum MHD_Result on_fake(void *cls, struct MHD_Connection *connection,
                               const char *url, const char *method, const char *version,
                               const char *upload_data, size_t *upload_len,
                               void **con_cls)
{
    struct fake *fake = cls;
    const struct answer *answer;
    struct MHD_Response *response;
    enum MHD_Result rc;

    if (!*con_cls) {
        *con_cls = fake;
        return MHD_YES;
    }
    if (*upload_len) {
        *upload_len = 0;
        return MHD_YES;
    }
    record(fake, connection, method, url);
    answer = choose(fake, method, url);
    if (answer->delay_ms)
        usleep((useconds_t)answer->delay_ms * 1000);
    if (!answer->status)
        return MHD_NO;
    response = MHD_create_response_from_buffer(
        strlen(answer->body), (void *)(uintptr_t)answer->body, MHD_RESPMEM_PERSISTENT);
    if (answer->status / 100 == 3)
        MHD_add_response_header(response, "Location", answer->body);
    rc = MHD_queue_response(connection, (unsigned)answer->status, response);
    MHD_destroy_response(response);
    return rc;
}

static struct fake *fake_start(const struct answer *answers, size_t answer_count,
                               const char *key, const char *certificate)
{
    struct fake *fake = relais_zalloc(sizeof(*fake));
    const struct MHD_OptionItem tls[] = {
        {MHD_OPTION_HTTPS_MEM_KEY, 0, (void *)(uintptr_t)key},
        {MHD_OPTION_HTTPS_MEM_CERT, 0, (void *)(uintptr_t)certificate},
        {MHD_OPTION_END, 0, NULL},
    };

    fake->answers = answers;
    fake->answer_count = answer_count;
    pthread_mutex_init(&fake->mutex, NULL);
    fake->daemon = MHD_start_daemon(
        MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_THREAD_PER_CONNECTION |
            (key ? MHD_USE_TLS : 0),
        0, NULL, NULL, on_fake, fake, MHD_OPTION_UNESCAPE_CALLBACK, keep_encoded, NULL,
        MHD_OPTION_ARRAY, key ? tls : &tls[2], MHD_OPTION_END);
    assert_non_null(fake->daemon);
    fake->port = MHD_get_daemon_info(fake->daemon, MHD_DAEMON_INFO_BIND_PORT)->port;
    return fake;
}

#define FAKE(answers)                                                                    \
    fake_start(answers, sizeof(answers) / sizeof((answers)[0]), NULL, NULL)

static void fake_stop(struct fake *fake)
{
    MHD_stop_daemon(fake->daemon);
    pthread_mutex_destroy(&fake->mutex);
    free(fake);
}

/* ---- clients ---- */

static struct relais_registry *client_of(const char *lines, struct relais_error *err)
{
    char text[1024];
    struct relais_conf *conf;
    struct relais_registry *reg;

    snprintf(text, sizeof(text), "[registry]\n%s", lines);
    conf = relais_conf_parse(relais_slice_str(text), "/", err);
    assert_non_null(conf);
    relais_conf_admit(conf, relais_conf_common);
    reg = relais_registry_new(conf, err);
    relais_conf_free(conf);
    return reg;
}

static struct relais_registry *client(int port, const char *lines)
{
    struct relais_error err = RELAIS_ERROR_INIT;
    char text[768];
    struct relais_registry *reg;

    snprintf(text, sizeof(text), "url = http://127.0.0.1:%d\n%s", port, lines);
    reg = client_of(text, &err);
    if (!reg)
        fail_msg("%s: %s", err.where, err.text);
    return reg;
}

static int64_t now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static int do_register(struct relais_registry *reg, const char *subject, int32_t *id,
                       struct relais_error *err)
{
    relais_error_clear(err);
    return relais_registry_register(reg, subject, RELAIS_SLICE(SCHEMA), id, err);
}

/* ---- with the embedded server ---- */

static void test_register_sets_the_level_then_registers_and_is_cached(void **state)
{
    struct relais_error err = RELAIS_ERROR_INIT;
    struct relais_registry_server *server =
        relais_registry_server_new("127.0.0.1:0", NULL, &err);
    int port = relais_registry_server_port(server);
    struct relais_registry *reg = client(port, "");
    char level[32], out[1024];
    int32_t id = 0, again = 0;

    assert_int_equal(relais_registry_lookup(reg, "a/b", RELAIS_SLICE(SCHEMA), &id, &err),
                     -1);
    assert_int_equal(err.code, RELAIS_E_SCHEMA_UNKNOWN);
    assert_int_equal(do_register(reg, "a/b", &id, &err), 0);
    assert_int_equal(id, 1);
    assert_int_equal(http_ask(port, "GET", "/config/a%2Fb", NULL, NULL, out, 1024), 200);
    assert_string_equal(out, "{\"compatibilityLevel\":\"FULL_TRANSITIVE\"}");
    assert_int_equal(
        http_ask(port, "GET", "/schemas/ids/1/schema", NULL, NULL, out, 1024), 200);
    assert_string_equal(out, SCHEMA);
    assert_int_equal(relais_registry_level(reg, "a/b", level, sizeof(level), &err), 0);
    assert_string_equal(level, "FULL_TRANSITIVE");
    assert_int_equal(relais_registry_level(reg, "other", level, sizeof(level), &err), 0);
    assert_string_equal(level, "BACKWARD");
    assert_non_null(relais_registry_schema(reg, 1, &err));
    assert_ptr_equal(relais_registry_schema(reg, 1, &err),
                     relais_registry_schema(reg, 1, &err));
    relais_registry_server_free(server);
    /* nobody is asked any more */
    assert_int_equal(do_register(reg, "a/b", &again, &err), 0);
    assert_int_equal(again, 1);
    assert_int_equal(relais_registry_lookup(reg, "a/b", RELAIS_SLICE(SCHEMA), &id, &err),
                     0);
    assert_non_null(relais_registry_schema(reg, 1, &err));
    relais_registry_free(reg);
}

static void test_a_level_of_the_subjects_own_is_left_alone(void **state)
{
    struct relais_error err = RELAIS_ERROR_INIT;
    struct relais_registry_server *server =
        relais_registry_server_new("127.0.0.1:0", NULL, &err);
    int port = relais_registry_server_port(server);
    struct relais_registry *reg = client(port, "");
    char out[1024];
    int32_t id;

    assert_int_equal(http_ask(port, "PUT", "/config/s", "application/json",
                              "{\"compatibility\":\"NONE\"}", out, sizeof(out)),
                     200);
    assert_int_equal(do_register(reg, "s", &id, &err), 0);
    assert_int_equal(http_ask(port, "GET", "/config/s", NULL, NULL, out, 1024), 200);
    assert_string_equal(out, "{\"compatibilityLevel\":\"NONE\"}");
    relais_registry_free(reg);
    relais_registry_server_free(server);
}

static void test_an_incompatible_schema_is_refused_with_the_servers_words(void **state)
{
    struct relais_error err = RELAIS_ERROR_INIT;
    struct relais_registry_server *server =
        relais_registry_server_new("127.0.0.1:0", NULL, &err);
    struct relais_registry *reg = client(relais_registry_server_port(server), "");
    int32_t id;

    assert_int_equal(do_register(reg, "s", &id, &err), 0);
    assert_int_equal(
        relais_registry_register(reg, "s", RELAIS_SLICE("\"string\""), &id, &err), -1);
    assert_int_equal(err.code, RELAIS_E_REGISTRY_REFUSED);
    assert_non_null(strstr(err.text, "40901"));
    assert_non_null(strstr(err.text, "incompatible"));
    relais_registry_free(reg);
    relais_registry_server_free(server);
}

/* ---- with other people's servers ---- */

static void test_a_server_that_answers_the_global_level_still_gets_ours(void **state)
{
    static const struct answer answers[] = {
        {"GET /config/s", 200, "{\"compatibilityLevel\":\"BACKWARD\"}", 0},
        {"GET /config", 200, "{\"compatibilityLevel\":\"BACKWARD\"}", 0},
        {"GET /subjects/s/versions", 404, "{\"error_code\":40401,\"message\":\"\"}", 0},
        {"PUT /config/s", 200, "{\"compatibility\":\"FULL_TRANSITIVE\"}", 0},
        {"POST /subjects/s/versions", 200, "{\"id\":7}", 0},
        {"GET /schemas/ids/7", 200, SCHEMA_ANSWER, 0},
    };
    struct relais_error err = RELAIS_ERROR_INIT;
    struct fake *fake = FAKE(answers);
    struct relais_registry *reg = client(fake->port, "");
    int32_t id;

    assert_int_equal(do_register(reg, "s", &id, &err), 0);
    assert_int_equal(id, 7);
    assert_string_equal(fake->log,
                        "GET /config/s\nGET /subjects/s/versions\nGET /config\n"
                        "PUT /config/s\nPOST /subjects/s/versions\n"
                        "GET /schemas/ids/7\n");
    relais_registry_free(reg);
    fake_stop(fake);
}

static void test_without_the_right_to_register_the_schema_is_looked_up(void **state)
{
    static const struct answer there[] = {
        {"GET /config", 404, "{\"error_code\":40408}", 0},
        {"PUT /config", 403, "Forbidden", 0},
        {"POST /subjects/s/versions", 403, "{\"error_code\":40301,\"message\":\"no\"}",
         0},
        {"POST /subjects/s", 200, "{\"subject\":\"s\",\"version\":1,\"id\":7}", 0},
        {"GET /schemas/ids/7", 200, SCHEMA_ANSWER, 0},
    };
    static const struct answer absent[] = {
        {"GET /config", 200, "{\"compatibilityLevel\":\"FULL_TRANSITIVE\"}", 0},
        {"POST /subjects/s/versions", 401, "<html>", 0},
        {"POST /subjects/s", 404, "{\"error_code\":40403}", 0},
    };
    struct relais_error err = RELAIS_ERROR_INIT;
    struct fake *fake = FAKE(there);
    struct relais_registry *reg = client(fake->port, "");
    int32_t id;

    assert_int_equal(do_register(reg, "s", &id, &err), 0);
    assert_int_equal(id, 7);
    relais_registry_free(reg);
    fake_stop(fake);

    fake = FAKE(absent);
    reg = client(fake->port, "");
    assert_int_equal(do_register(reg, "s", &id, &err), -1);
    assert_int_equal(err.code, RELAIS_E_REGISTRY_REFUSED);
    relais_registry_free(reg);
    fake_stop(fake);
}

static void test_an_id_that_stands_for_another_schema_is_refused(void **state)
{
    static const struct answer answers[] = {
        {"GET /config", 200, "{\"compatibilityLevel\":\"FULL_TRANSITIVE\"}", 0},
        {"POST /subjects/s/versions", 200, "{\"id\":7}", 0},
        {"GET /schemas/ids/7", 200, OTHER_ANSWER, 0},
    };
    struct relais_error err = RELAIS_ERROR_INIT;
    struct fake *fake = FAKE(answers);
    struct relais_registry *reg = client(fake->port, "");
    int32_t id;

    assert_int_equal(do_register(reg, "s", &id, &err), -1);
    assert_int_equal(err.code, RELAIS_E_REGISTRY_REFUSED);
    relais_registry_free(reg);
    fake_stop(fake);
}

static void test_answers_that_are_no_registrys_are_refused(void **state)
{
    static char huge[(2u << 20) + 64];
    const struct answer answers[] = {
        {"GET /schemas/ids/1", 200, "<html>hello</html>", 0},
        {"GET /schemas/ids/2", 200, "{}", 0},
        {"GET /schemas/ids/3", 200, "[]", 0},
        {"GET /schemas/ids/4", 404, "not here", 0},
        {"GET /schemas/ids/5", 301, "file:///etc/passwd", 0},
        {"GET /schemas/ids/6", 422, "{\"error_code\":422,\"message\":[\"bad\",1]}", 0},
        {"GET /schemas/ids/7", 200, huge, 0},
        {"GET /schemas/ids/8", 403, "", 0},
    };
    struct relais_error err = RELAIS_ERROR_INIT;
    struct relais_registry *reg;
    struct fake *fake;

    memset(huge, ' ', sizeof(huge) - 1);
    fake = FAKE(answers);
    reg = client(fake->port, "");
    for (int id = 1; id <= 8; id++) {
        relais_error_clear(&err);
        assert_null(relais_registry_schema(reg, id, &err));
        if (err.code != RELAIS_E_REGISTRY_REFUSED)
            fail_msg("id %d: %s %s", id, relais_error_name(err.code), err.text);
        if (id == 6)
            assert_non_null(strstr(err.text, "bad"));
        assert_int_equal(fake->calls, id); /* no retry cures it */
    }
    relais_registry_free(reg);
    fake_stop(fake);
}

static void test_ids_out_of_range_are_refused(void **state)
{
    static const char *const ids[] = {"{\"id\":0}", "{\"id\":-1}", "{\"id\":2147483648}",
                                      "{\"id\":\"7\"}", "{}"};

    for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
        const struct answer answers[] = {{"POST /subjects/s", 200, ids[i], 0}};
        struct relais_error err = RELAIS_ERROR_INIT;
        struct fake *fake = FAKE(answers);
        struct relais_registry *reg = client(fake->port, "");
        int32_t id;

        assert_int_equal(
            relais_registry_lookup(reg, "s", RELAIS_SLICE(SCHEMA), &id, &err), -1);
        assert_int_equal(err.code, RELAIS_E_REGISTRY_REFUSED);
        relais_registry_free(reg);
        fake_stop(fake);
    }
}

static void test_an_unknown_id_is_asked_twice_then_left_alone_for_a_while(void **state)
{
    static const struct answer answers[] = {{NULL, 404, E40403, 0}};
    struct relais_error err = RELAIS_ERROR_INIT;
    struct fake *fake = FAKE(answers);
    struct relais_registry *reg = client(fake->port, "");

    for (int i = 0; i < 3; i++) {
        relais_error_clear(&err);
        assert_null(relais_registry_schema(reg, 7, &err));
        assert_int_equal(err.code, RELAIS_E_SCHEMA_UNKNOWN);
        assert_int_equal(fake->calls, 2);
    }
    relais_registry_free(reg);
    fake_stop(fake);
}

static void test_a_schema_that_cannot_be_read_parks_its_messages_only(void **state)
{
    static const struct answer answers[] = {
        {"GET /schemas/ids/1", 200, "{\"schemaType\":\"JSON\",\"schema\":\"{}\"}", 0},
        {"GET /schemas/ids/2", 200, "{\"schema\":\"broken\"}", 0},
    };
    struct relais_error err = RELAIS_ERROR_INIT;
    struct fake *fake = FAKE(answers);
    struct relais_registry *reg = client(fake->port, "");

    for (int id = 1; id <= 2; id++) {
        relais_error_clear(&err);
        assert_null(relais_registry_schema(reg, id, &err));
        assert_int_equal(err.code, RELAIS_E_SCHEMA_UNKNOWN);
    }
    relais_registry_free(reg);
    fake_stop(fake);
}

/* ---- waiting ---- */

static void test_500_is_retried_with_a_growing_pause_within_the_time_out(void **state)
{
    static const struct answer answers[] = {{NULL, 500, "{\"error_code\":50001}", 0}};
    struct relais_error err = RELAIS_ERROR_INIT;
    struct fake *fake = FAKE(answers);
    struct relais_registry *reg = client(fake->port, "timeout_ms = 1000\n");
    int64_t begin = now_ms();

    assert_null(relais_registry_schema(reg, 7, &err));
    assert_int_equal(err.code, RELAIS_E_REGISTRY_DOWN);
    assert_true(now_ms() - begin < 2000);
    assert_in_range(fake->calls, 2, 4); /* pauses of 100, 200, 400 ms */
    relais_registry_free(reg);
    fake_stop(fake);
}

static void test_a_server_that_hangs_or_hangs_up_is_down(void **state)
{
    static const struct answer slow[] = {{NULL, 200, SCHEMA_ANSWER, 1500}};
    static const struct answer rude[] = {{NULL, 0, "", 0}};
    const struct answer *const kinds[] = {slow, rude};

    for (size_t i = 0; i < 2; i++) {
        struct relais_error err = RELAIS_ERROR_INIT;
        struct fake *fake = fake_start(kinds[i], 1, NULL, NULL);
        struct relais_registry *reg = client(fake->port, "timeout_ms = 300\n");
        int64_t begin = now_ms();

        assert_null(relais_registry_schema(reg, 7, &err));
        assert_int_equal(err.code, RELAIS_E_REGISTRY_DOWN);
        assert_true(now_ms() - begin < 1200);
        relais_registry_free(reg);
        fake_stop(fake);
    }
}

static void test_the_next_url_serves_while_the_first_is_away(void **state)
{
    static const struct answer good[] = {
        {"GET /schemas/ids/7", 200, SCHEMA_ANSWER, 0},
        {"GET /schemas/ids/8", 200, OTHER_ANSWER, 0},
    };
    static const struct answer bad[] = {{NULL, 503, "away", 0}};
    struct relais_error err = RELAIS_ERROR_INIT;
    struct fake *away = FAKE(bad), *fake = FAKE(good);
    struct relais_registry *reg;
    char lines[256];

    snprintf(lines, sizeof(lines),
             "url = http://127.0.0.1:%d/ , http://127.0.0.1:%d\ntimeout_ms = 2000\n",
             away->port, fake->port);
    reg = client_of(lines, &err);
    assert_non_null(reg);
    assert_non_null(relais_registry_schema(reg, 7, &err));
    assert_non_null(relais_registry_schema(reg, 8, &err));
    assert_int_equal(away->calls, 1); /* the one that answered is asked first */
    assert_int_equal(fake->calls, 2);
    relais_registry_free(reg);
    fake_stop(away);
    fake_stop(fake);
}

/* ---- rights and certificates ---- */

static void write_file(const char *path, const char *text)
{
    FILE *out = fopen(path, "w");

    assert_non_null(out);
    fputs(text, out);
    fclose(out);
    chmod(path, 0600);
}

static void test_the_password_comes_from_a_file(void **state)
{
    static const struct answer answers[] = {{NULL, 200, SCHEMA_ANSWER, 0}};
    struct relais_error err = RELAIS_ERROR_INIT;
    struct fake *fake = FAKE(answers);
    char path[] = "/tmp/relais-secret-XXXXXX", lines[128];
    struct relais_registry *reg;
    int fd = mkstemp(path);

    assert_true(fd >= 0);
    close(fd);
    write_file(path, "open sesame\n");
    snprintf(lines, sizeof(lines), "user = caf\npassword_file = %s\n", path);
    reg = client(fake->port, lines);
    assert_non_null(relais_registry_schema(reg, 7, &err));
    assert_string_equal(fake->authorization, "Basic Y2FmOm9wZW4gc2VzYW1l");
    relais_registry_free(reg);
    fake_stop(fake);
    unlink(path);
}

/* A certificate for 127.0.0.1 that is its own authority. */
static void make_certificate(char *key_out, char *cert_out, int out_len)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *cert = X509_new();
    X509_NAME *name = X509_get_subject_name(cert);
    X509_EXTENSION *alt =
        X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, "IP:127.0.0.1");
    X509_EXTENSION *ca =
        X509V3_EXT_conf_nid(NULL, NULL, NID_basic_constraints, "critical,CA:TRUE");
    BIO *out = BIO_new(BIO_s_mem());
    int len;

    X509_set_version(cert, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(cert), 1);
    X509_gmtime_adj(X509_getm_notBefore(cert), -3600);
    X509_gmtime_adj(X509_getm_notAfter(cert), 3600);
    X509_set_pubkey(cert, key);
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)"relais",
                               -1, -1, 0);
    X509_set_issuer_name(cert, name);
    X509_add_ext(cert, alt, -1);
    X509_add_ext(cert, ca, -1);
    assert_true(X509_sign(cert, key, EVP_sha256()) > 0);
    PEM_write_bio_PrivateKey(out, key, NULL, NULL, 0, NULL, NULL);
    len = BIO_read(out, key_out, out_len - 1);
    assert_true(len > 0);
    key_out[len] = '\0';
    PEM_write_bio_X509(out, cert);
    len = BIO_read(out, cert_out, out_len - 1);
    assert_true(len > 0);
    cert_out[len] = '\0';
    BIO_free(out);
    X509_EXTENSION_free(alt);
    X509_EXTENSION_free(ca);
    X509_free(cert);
    EVP_PKEY_free(key);
}

static void test_https_needs_an_authority_that_is_known(void **state)
{
    static const struct answer answers[] = {{NULL, 200, SCHEMA_ANSWER, 0}};
    struct relais_error err = RELAIS_ERROR_INIT;
    char path[] = "/tmp/relais-ca-XXXXXX", key[4096], cert[4096], lines[256];
    struct relais_registry *reg;
    struct fake *fake;
    int fd = mkstemp(path);

    assert_true(fd >= 0);
    close(fd);
    make_certificate(key, cert, sizeof(key));
    write_file(path, cert);
    fake = fake_start(answers, 1, key, cert);

    snprintf(lines, sizeof(lines), "url = https://127.0.0.1:%d\nca_file = %s\n",
             fake->port, path);
    reg = client_of(lines, &err);
    assert_non_null(reg);
    assert_non_null(relais_registry_schema(reg, 7, &err));
    relais_registry_free(reg);

    snprintf(lines, sizeof(lines), "url = https://127.0.0.1:%d\n", fake->port);
    reg = client_of(lines, &err);
    assert_null(relais_registry_schema(reg, 7, &err));
    assert_int_equal(err.code, RELAIS_E_REGISTRY_REFUSED);
    relais_registry_free(reg);
    fake_stop(fake);
    unlink(path);
}

static void test_urls_that_are_none_are_told_at_start(void **state)
{
    static const char *const urls[] = {
        "url = file:///etc/passwd\n",
        "url = ftp://registry\n",
        "url = http://user:secret@registry\n",
        "url = http://registry?x=1\n",
        "url = ,\n",
        "url = http://registry\nca_file = /nowhere/ca.pem\n",
    };

    for (size_t i = 0; i < sizeof(urls) / sizeof(urls[0]); i++) {
        struct relais_error err = RELAIS_ERROR_INIT;

        assert_null(client_of(urls[i], &err));
        assert_int_equal(err.code, RELAIS_E_CONF_VALUE);
        assert_null(strstr(err.text, "secret"));
        assert_null(strstr(err.where, "secret"));
    }
}

/* ---- framing ---- */

static void test_a_frame_is_a_zero_and_the_id_in_4_bytes(void **state)
{
    struct relais_error err = RELAIS_ERROR_INIT;
    struct relais_slice value;
    char framed[RELAIS_FRAME_LEN + 2];
    int32_t id;

    relais_frame_write(0x01020304, framed);
    memcpy(framed + RELAIS_FRAME_LEN, "xy", 2);
    assert_memory_equal(framed, "\0\1\2\3\4xy", 7);
    assert_int_equal(
        relais_frame_read((struct relais_slice){framed, 7}, &id, &value, &err), 0);
    assert_int_equal(id, 0x01020304);
    assert_true(relais_slice_is(value, "xy"));
    assert_int_equal(
        relais_frame_read((struct relais_slice){framed, 5}, &id, &value, &err), 0);
    assert_int_equal(value.len, 0);
}

static void test_what_is_no_frame_is_told(void **state)
{
    static const struct {
        struct relais_slice framed;
        enum relais_code code;
    } bad[] = {
        {{"", 0}, RELAIS_E_AVRO_TRUNCATED},
        {{"\0\0\0\1", 4}, RELAIS_E_AVRO_TRUNCATED},
        {{"{\"a\":1}", 7}, RELAIS_E_AVRO_INVALID},
        {{"\1\0\0\0\1x", 6}, RELAIS_E_AVRO_INVALID},
        {{"\0\0\0\0\0x", 6}, RELAIS_E_AVRO_INVALID},
        {{"\0\200\0\0\1x", 6}, RELAIS_E_AVRO_INVALID},
        {{NULL, 0}, RELAIS_E_AVRO_TRUNCATED},
    };

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct relais_error err = RELAIS_ERROR_INIT;
        struct relais_slice value;
        int32_t id;

        assert_int_equal(relais_frame_read(bad[i].framed, &id, &value, &err), -1);
        assert_int_equal(err.code, bad[i].code);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_register_sets_the_level_then_registers_and_is_cached),
        cmocka_unit_test(test_a_level_of_the_subjects_own_is_left_alone),
        cmocka_unit_test(test_an_incompatible_schema_is_refused_with_the_servers_words),
        cmocka_unit_test(test_a_server_that_answers_the_global_level_still_gets_ours),
        cmocka_unit_test(test_without_the_right_to_register_the_schema_is_looked_up),
        cmocka_unit_test(test_an_id_that_stands_for_another_schema_is_refused),
        cmocka_unit_test(test_answers_that_are_no_registrys_are_refused),
        cmocka_unit_test(test_ids_out_of_range_are_refused),
        cmocka_unit_test(test_an_unknown_id_is_asked_twice_then_left_alone_for_a_while),
        cmocka_unit_test(test_a_schema_that_cannot_be_read_parks_its_messages_only),
        cmocka_unit_test(test_500_is_retried_with_a_growing_pause_within_the_time_out),
        cmocka_unit_test(test_a_server_that_hangs_or_hangs_up_is_down),
        cmocka_unit_test(test_the_next_url_serves_while_the_first_is_away),
        cmocka_unit_test(test_the_password_comes_from_a_file),
        cmocka_unit_test(test_https_needs_an_authority_that_is_known),
        cmocka_unit_test(test_urls_that_are_none_are_told_at_start),
        cmocka_unit_test(test_a_frame_is_a_zero_and_the_id_in_4_bytes),
        cmocka_unit_test(test_what_is_no_frame_is_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
