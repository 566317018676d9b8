#include "schemas/registry_server.h"

#include "tests/unit/helper_http.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define JSON "application/vnd.schemaregistry.v1+json"
/* The record N of namespace q with the fields given, as a register body. */
#define BODY(fields)                                                                     \
    "{\"schema\":\"{\\\"type\\\":\\\"record\\\",\\\"name\\\":\\\"N\\\","                 \
    "\\\"namespace\\\":\\\"q\\\",\\\"fields\\\":[" fields "]}\"}"
#define TEXT(fields)                                                                     \
    "{\\\"type\\\":\\\"record\\\",\\\"name\\\":\\\"N\\\",\\\"namespace\\\":\\\"q\\\","   \
    "\\\"fields\\\":[" fields "]}"
#define A         "{\\\"name\\\":\\\"a\\\",\\\"type\\\":\\\"string\\\"}"
#define B_DEFAULT ",{\\\"name\\\":\\\"b\\\",\\\"type\\\":\\\"int\\\",\\\"default\\\":0}"
#define C_BARE    ",{\\\"name\\\":\\\"c\\\",\\\"type\\\":\\\"int\\\"}"
#define BROKEN    "{\"schema\":\"{\\\"type\\\":\\\"rec\"}"

/* A request and what must come back; message "" means any. */
struct row {
    const char *method, *path, *body;
    int status;
    const char *text;
};

static struct relais_registry_server *server;

static int start(void **state)
{
    struct relais_error err = RELAIS_ERROR_INIT;

    server = relais_registry_server_new("127.0.0.1:0", NULL, &err);
    return server ? 0 : -1;
}

static int stop(void **state)
{
    relais_registry_server_free(server);
    return 0;
}

static int ask(const char *method, const char *path, const char *type, const char *body,
               char *out, size_t out_len)
{
    return http_ask(relais_registry_server_port(server), method, path, type, body, out,
                    out_len);
}

static void check(const struct row *rows, size_t row_count)
{
    for (size_t i = 0; i < row_count; i++) {
        char out[8192];
        int status =
            ask(rows[i].method, rows[i].path, JSON, rows[i].body, out, sizeof(out));

        if (status != rows[i].status || (rows[i].text && strcmp(out, rows[i].text) != 0))
            fail_msg("row %zu: %s %s: %d %s", i, rows[i].method, rows[i].path, status,
                     out);
    }
}

#define CHECK(rows) check(rows, sizeof(rows) / sizeof((rows)[0]))

static void test_an_empty_registry_answers_as_the_reference_says(void **state)
{
    static const struct row rows[] = {
        {"GET", "/", NULL, 200, "{}"},
        {"GET", "/subjects", NULL, 200, "[]"},
        {"GET", "/subjects/", NULL, 200, "[]"},
        {"GET", "/schemas/types", NULL, 200, "[\"AVRO\"]"},
        {"GET", "/contexts", NULL, 200, "[\".\"]"},
        {"GET", "/config", NULL, 200, "{\"compatibilityLevel\":\"BACKWARD\"}"},
        {"GET", "/mode", NULL, 200, "{\"mode\":\"READWRITE\"}"},
        {"GET", "/mode/s1?defaultToGlobal=true", NULL, 200, "{\"mode\":\"READWRITE\"}"},
        {"GET", "/mode/s1", NULL, 404,
         "{\"error_code\":40409,\"message\":\"Subject 's1' does not have subject-level "
         "mode configured\"}"},
        {"GET", "/subjects/nope/versions", NULL, 404,
         "{\"error_code\":40401,\"message\":\"Subject 'nope' not found.\"}"},
        {"GET", "/subjects/nope/versions/1", NULL, 404,
         "{\"error_code\":40401,\"message\":\"Subject 'nope' not found.\"}"},
        {"POST", "/subjects/nope", BODY(A), 404,
         "{\"error_code\":40401,\"message\":\"Subject 'nope' not found.\"}"},
        {"DELETE", "/subjects/nope", NULL, 404,
         "{\"error_code\":40401,\"message\":\"Subject 'nope' not found.\"}"},
        {"GET", "/schemas/ids/999999", NULL, 404,
         "{\"error_code\":40403,\"message\":\"Schema 999999 not found\"}"},
        {"GET", "/schemas/ids/99999999999", NULL, 404,
         "{\"error_code\":40403,\"message\":\"Schema 99999999999 not found\"}"},
        {"GET", "/schemas/ids/abc", NULL, 404,
         "{\"error_code\":404,\"message\":\"HTTP 404 Not Found\"}"},
        {"GET", "/associations/resources/-/T?resourceType=topic", NULL, 404,
         "{\"error_code\":404,\"message\":\"HTTP 404 Not Found\"}"},
        {"GET", "/subjects//versions", NULL, 404,
         "{\"error_code\":404,\"message\":\"HTTP 404 Not Found\"}"},
        {"PATCH", "/subjects", NULL, 405,
         "{\"error_code\":405,\"message\":\"HTTP 405 Method Not Allowed\"}"},
        {"PUT", "/mode", "{\"mode\":\"IMPORT\"}", 405,
         "{\"error_code\":405,\"message\":\"HTTP 405 Method Not Allowed\"}"},
        {"HEAD", "/subjects", NULL, 200, ""},
    };

    CHECK(rows);
}

static void test_registering_looking_up_and_reading_back(void **state)
{
    static const struct row rows[] = {
        {"POST", "/subjects/s1/versions?normalize=False", BODY(A), 200, "{\"id\":1}"},
        {"POST", "/subjects/s1/versions", BODY(A), 200, "{\"id\":1}"},
        {"POST", "/subjects/s2/versions", BODY(A), 200, "{\"id\":1}"},
        {"POST", "/subjects/s1/versions", BODY(A B_DEFAULT), 200, "{\"id\":2}"},
        {"POST", "/subjects/s1", BODY(A B_DEFAULT), 200,
         "{\"subject\":\"s1\",\"version\":2,\"id\":2,\"schema\":\"" TEXT(
             A B_DEFAULT) "\"}"},
        {"POST", "/subjects/s2", BODY(A B_DEFAULT), 404,
         "{\"error_code\":40403,\"message\":\"Schema not found\"}"},
        {"GET", "/subjects", NULL, 200, "[\"s1\",\"s2\"]"},
        {"GET", "/subjects?subjectPrefix=s2", NULL, 200, "[\"s2\"]"},
        {"GET", "/subjects/s1/versions", NULL, 200, "[1,2]"},
        {"GET", "/subjects/s1/versions/1", NULL, 200,
         "{\"subject\":\"s1\",\"version\":1,\"id\":1,\"schema\":\"" TEXT(A) "\"}"},
        {"GET", "/subjects/s1/versions/latest", NULL, 200,
         "{\"subject\":\"s1\",\"version\":2,\"id\":2,\"schema\":\"" TEXT(
             A B_DEFAULT) "\"}"},
        {"GET", "/subjects/s2/versions/-1", NULL, 200,
         "{\"subject\":\"s2\",\"version\":1,\"id\":1,\"schema\":\"" TEXT(A) "\"}"},
        {"GET", "/subjects/s2/versions/latest/schema", NULL, 200,
         "{\"type\":\"record\",\"name\":\"N\",\"namespace\":\"q\",\"fields\":[{\"name\":"
         "\"a\",\"type\":\"string\"}]}"},
        {"GET", "/subjects/s2/versions/1/referencedby", NULL, 200, "[]"},
        {"GET", "/subjects/s1/versions/99", NULL, 404,
         "{\"error_code\":40402,\"message\":\"Version 99 not found.\"}"},
        {"GET", "/schemas/ids/1?fetchMaxId=false&subject=", NULL, 200,
         "{\"schema\":\"" TEXT(A) "\"}"},
        {"GET", "/schemas/ids/1?fetchMaxId=true", NULL, 200,
         "{\"schema\":\"" TEXT(A) "\",\"maxId\":2}"},
        {"GET", "/schemas/ids/1/schema", NULL, 200,
         "{\"type\":\"record\",\"name\":\"N\",\"namespace\":\"q\",\"fields\":[{\"name\":"
         "\"a\",\"type\":\"string\"}]}"},
        {"GET", "/schemas/ids/1/versions", NULL, 200,
         "[{\"subject\":\"s1\",\"version\":1},{\"subject\":\"s2\",\"version\":1}]"},
        {"GET", "/schemas/ids/1/subjects", NULL, 200, "[\"s1\",\"s2\"]"},
        {"GET", "/schemas/ids/3/subjects", NULL, 404,
         "{\"error_code\":40403,\"message\":\"Schema 3 not found\"}"},
    };

    CHECK(rows);
}

static void test_a_subject_with_a_slash_is_one_subject(void **state)
{
    static const struct row rows[] = {
        {"POST", "/subjects/a%2Fb%20%C3%A9/versions", BODY(A), 200, "{\"id\":1}"},
        {"GET", "/subjects", NULL, 200, "[\"a/b é\"]"},
        {"GET", "/subjects?subjectPrefix=a%2F", NULL, 200, "[\"a/b é\"]"},
        {"GET", "/subjects/a%2fb%20%c3%a9/versions", NULL, 200, "[1]"},
        {"GET", "/subjects/a/b/versions", NULL, 404,
         "{\"error_code\":404,\"message\":\"HTTP 404 Not Found\"}"},
        {"GET", "/subjects/a%00b/versions", NULL, 422,
         "{\"error_code\":42208,\"message\":\"The specified subject is not a valid "
         "subject\"}"},
        {"GET", "/subjects/a%FFb/versions", NULL, 422, NULL},
        {"GET", "/subjects/a%2/versions", NULL, 422, NULL},
    };

    CHECK(rows);
}

static void test_versions_that_are_none_are_42202(void **state)
{
    static const char *const words[] = {"0", "abc", "99999999999", "-2", "1x", "+1"};
    char path[128], out[1024];

    assert_int_equal(ask("POST", "/subjects/s1/versions", JSON, BODY(A), out, 1024), 200);
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        snprintf(path, sizeof(path), "/subjects/s1/versions/%s", words[i]);
        assert_int_equal(ask("GET", path, NULL, NULL, out, sizeof(out)), 422);
        assert_non_null(strstr(out, "\"error_code\":42202"));
        assert_non_null(strstr(out, words[i]));
    }
}

static void test_bad_bodies_have_the_codes_that_clients_know(void **state)
{
    static const struct row rows[] = {
        {"POST", "/subjects/s1/versions", "no json", 400,
         "{\"error_code\":400,\"message\":\"The body is not a JSON object\"}"},
        {"POST", "/subjects/s1/versions", "[]", 400, NULL},
        {"POST", "/subjects/s1/versions", "{}", 422,
         "{\"error_code\":42201,\"message\":\"Empty schema\"}"},
        {"POST", "/subjects/s1/versions", "{\"schema\":\"\"}", 422,
         "{\"error_code\":42201,\"message\":\"Empty schema\"}"},
        {"POST", "/subjects/s1/versions", "{\"schema\":12}", 422, NULL},
        {"POST", "/subjects/s1/versions", BROKEN, 422, NULL},
        {"POST", "/subjects/s1/versions",
         "{\"schemaType\":\"PROTOBUF\",\"schema\":\"syntax\"}", 422,
         "{\"error_code\":42201,\"message\":\"Invalid schema type: only AVRO is served "
         "here\"}"},
        {"POST", "/subjects/s1/versions",
         "{\"schema\":\"\\\"string\\\"\",\"references\":[{\"name\":\"x\"}]}", 422,
         "{\"error_code\":42201,\"message\":\"Invalid schema: references are not served "
         "here\"}"},
        {"POST", "/subjects/s1/versions",
         "{\"schema\":\"\\\"string\\\"\",\"ruleSet\":{\"domainRules\":[]}}", 422,
         "{\"error_code\":42210,\"message\":\"Invalid rule set: rules are not served "
         "here\"}"},
        {"POST", "/subjects/s1/versions", "{\"schema\":\"\\\"string\\\"\",\"id\":7}", 422,
         "{\"error_code\":42205,\"message\":\"Subject 's1' is not in import mode\"}"},
        {"GET", "/subjects", NULL, 200, "[]"},
        {"POST", "/subjects/s1/versions",
         "{\"schema\":\"\\\"string\\\"\",\"schemaType\":\"AVRO\",\"references\":[],"
         "\"id\":null,\"x\":1}",
         200, "{\"id\":1}"},
        {"POST", "/subjects/s1", BROKEN, 422, NULL},
        {"PUT", "/config", "no json", 400, NULL},
    };

    CHECK(rows);
}

static void test_content_types_of_clients_pass_and_text_does_not(void **state)
{
    static const struct {
        const char *type;
        int status;
    } types[] = {
        {NULL, 200},
        {"application/json", 200},
        {"application/json; charset=utf-8", 200},
        {"Application/VND.schemaregistry+json", 200},
        {"application/octet-stream", 200},
        {"text/plain", 415},
        {"application/jsonp", 415},
    };
    char out[1024];

    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
        assert_int_equal(ask("POST", "/subjects/s1/versions", types[i].type, BODY(A), out,
                             sizeof(out)),
                         types[i].status);
    assert_string_equal(
        out, "{\"error_code\":415,\"message\":\"HTTP 415 Unsupported Media Type\"}");
    /* clients send a type with GET too, whatever it is */
    assert_int_equal(ask("GET", "/subjects", "text/plain", NULL, out, sizeof(out)), 200);
}

static void test_a_body_over_1_mib_is_413_and_one_below_is_read(void **state)
{
    size_t len = (1u << 20) + 1;
    char *body = malloc(len + 1);
    char out[1024];

    memset(body, ' ', len);
    body[len] = '\0';
    assert_int_equal(ask("POST", "/subjects/s1/versions", JSON, body, out, sizeof(out)),
                     413);
    memcpy(body, BODY(A), strlen(BODY(A)));
    body[len - 1] = '\0';
    assert_int_equal(ask("POST", "/subjects/s1/versions", JSON, body, out, sizeof(out)),
                     200);
    assert_string_equal(out, "{\"id\":1}");
    free(body);
}

static void test_levels_are_kept_per_subject_and_globally(void **state)
{
    static const struct row rows[] = {
        {"GET", "/config/s1", NULL, 404,
         "{\"error_code\":40408,\"message\":\"Subject 's1' does not have subject-level "
         "compatibility configured\"}"},
        {"GET", "/config/s1?defaultToGlobal=true", NULL, 200,
         "{\"compatibilityLevel\":\"BACKWARD\"}"},
        {"PUT", "/config/s1", "{\"compatibility\":\"FULL_TRANSITIVE\"}", 200,
         "{\"compatibility\":\"FULL_TRANSITIVE\"}"},
        {"GET", "/config/s1", NULL, 200, "{\"compatibilityLevel\":\"FULL_TRANSITIVE\"}"},
        {"GET", "/subjects", NULL, 200, "[]"},
        {"PUT", "/config", "{\"compatibility\":\"none\"}", 200,
         "{\"compatibility\":\"none\"}"},
        {"GET", "/config", NULL, 200, "{\"compatibilityLevel\":\"NONE\"}"},
        {"PUT", "/config", "{\"compatibility\":\"X\"}", 422,
         "{\"error_code\":42203,\"message\":\"Invalid compatibility level. Valid values "
         "are none, backward, forward, full, backward_transitive, forward_transitive, "
         "and "
         "full_transitive\"}"},
        {"PUT", "/config/s1", "{}", 422, NULL},
        {"DELETE", "/config/s1", NULL, 200,
         "{\"compatibilityLevel\":\"FULL_TRANSITIVE\"}"},
        {"DELETE", "/config/s1", NULL, 404,
         "{\"error_code\":40401,\"message\":\"Subject 's1' not found.\"}"},
        {"DELETE", "/config", NULL, 200, "{\"compatibilityLevel\":\"NONE\"}"},
        {"GET", "/config", NULL, 200, "{\"compatibilityLevel\":\"BACKWARD\"}"},
    };

    CHECK(rows);
}

static void
test_a_change_that_breaks_readers_is_refused_until_the_level_is_none(void **state)
{
    static const struct row before[] = {
        {"POST", "/subjects/s1/versions", BODY(A), 200, "{\"id\":1}"},
        {"POST", "/compatibility/subjects/s1/versions/latest", BODY(A B_DEFAULT), 200,
         "{\"is_compatible\":true}"},
        {"POST", "/compatibility/subjects/s1/versions/latest", BODY(A C_BARE), 200,
         "{\"is_compatible\":false}"},
        {"POST", "/compatibility/subjects/s1/versions", BODY(A C_BARE), 200,
         "{\"is_compatible\":false}"},
        {"POST", "/compatibility/subjects/s1/versions?verbose=true", BODY(A), 200,
         "{\"is_compatible\":true,\"messages\":[]}"},
        {"POST", "/compatibility/subjects/s1/versions/7", BODY(A), 404,
         "{\"error_code\":40402,\"message\":\"Version 7 not found.\"}"},
        {"POST", "/compatibility/subjects/s1/versions/x", BODY(A), 422, NULL},
        {"POST", "/compatibility/subjects/nope/versions/latest", BODY(A), 200,
         "{\"is_compatible\":true}"},
        {"POST", "/compatibility/subjects/nope/versions/1", BODY(A), 404, NULL},
        {"POST", "/compatibility/subjects/nope/versions", BODY(A), 200,
         "{\"is_compatible\":true}"},
        {"POST", "/compatibility/subjects/s1/versions/1", BROKEN, 422, NULL},
    };
    static const struct row after[] = {
        {"PUT", "/config/s1", "{\"compatibility\":\"NONE\"}", 200, NULL},
        {"POST", "/compatibility/subjects/s1/versions/1", BODY(A C_BARE), 200,
         "{\"is_compatible\":true}"},
        {"POST", "/subjects/s1/versions", BODY(A C_BARE), 200, "{\"id\":2}"},
    };
    char out[2048];

    CHECK(before);
    assert_int_equal(
        ask("POST", "/subjects/s1/versions", JSON, BODY(A C_BARE), out, sizeof(out)),
        409);
    assert_non_null(strstr(out, "\"error_code\":40901"));
    assert_non_null(strstr(out, "details: against version 1 (BACKWARD): "
                                "READER_FIELD_MISSING_DEFAULT_VALUE N.c: field c "));
    assert_int_equal(ask("POST", "/compatibility/subjects/s1/versions/1?verbose=true",
                         JSON, BODY(A C_BARE), out, sizeof(out)),
                     200);
    assert_non_null(strstr(out, "{\"is_compatible\":false,\"messages\":[\"against "
                                "version 1 (BACKWARD): READER_FIELD"));
    assert_int_equal(ask("POST", "/compatibility/subjects/s1/versions/1?verbose=true",
                         JSON, BROKEN, out, sizeof(out)),
                     200);
    assert_non_null(strstr(out, "{\"is_compatible\":false,\"messages\":[\"Invalid"));
    CHECK(after);
}

static void test_only_a_transitive_level_looks_beyond_the_latest_version(void **state)
{
    static const struct row rows[] = {
        {"PUT", "/config/s1", "{\"compatibility\":\"NONE\"}", 200, NULL},
        {"POST", "/subjects/s1/versions", BODY(A C_BARE), 200, "{\"id\":1}"},
        {"POST", "/subjects/s1/versions", BODY(A), 200, "{\"id\":2}"},
        {"PUT", "/config/s1", "{\"compatibility\":\"FULL_TRANSITIVE\"}", 200, NULL},
        {"POST", "/compatibility/subjects/s1/versions", BODY(A B_DEFAULT), 200,
         "{\"is_compatible\":false}"},
        {"POST", "/subjects/s1/versions", BODY(A B_DEFAULT), 409, NULL},
        {"PUT", "/config/s1", "{\"compatibility\":\"FULL\"}", 200, NULL},
        {"POST", "/subjects/s1/versions", BODY(A B_DEFAULT), 200, "{\"id\":3}"},
    };

    CHECK(rows);
}

static void test_deleting_is_soft_first_and_permanent_after(void **state)
{
    static const struct row rows[] = {
        {"POST", "/subjects/s1/versions", BODY(A), 200, "{\"id\":1}"},
        {"POST", "/subjects/s1/versions", BODY(A B_DEFAULT), 200, "{\"id\":2}"},
        {"PUT", "/config/s1", "{\"compatibility\":\"FULL\"}", 200, NULL},
        {"DELETE", "/subjects/s1/versions/1?permanent=true", NULL, 404,
         "{\"error_code\":40407,\"message\":\"Subject 's1' Version 1 was not deleted "
         "first before being permanently deleted\"}"},
        {"DELETE", "/subjects/s1/versions/1", NULL, 200, "1"},
        {"DELETE", "/subjects/s1/versions/1", NULL, 404,
         "{\"error_code\":40406,\"message\":\"Subject 's1' Version 1 was soft "
         "deleted.Set permanent=true to delete permanently\"}"},
        {"GET", "/subjects/s1/versions", NULL, 200, "[2]"},
        {"GET", "/subjects/s1/versions?deleted=true", NULL, 200, "[1,2]"},
        {"GET", "/subjects/s1/versions/1", NULL, 404, NULL},
        {"GET", "/subjects/s1/versions/1?deleted=true", NULL, 200, NULL},
        {"DELETE", "/subjects/s1?permanent=true", NULL, 404,
         "{\"error_code\":40405,\"message\":\"Subject 's1' was not deleted first before "
         "being permanently deleted\"}"},
        {"DELETE", "/subjects/s1", NULL, 200, "[2]"},
        {"DELETE", "/subjects/s1", NULL, 404,
         "{\"error_code\":40404,\"message\":\"Subject 's1' was soft deleted.Set "
         "permanent=true to delete permanently\"}"},
        {"GET", "/subjects", NULL, 200, "[]"},
        {"GET", "/subjects?deleted=true", NULL, 200, "[\"s1\"]"},
        {"GET", "/subjects?deletedOnly=true", NULL, 200, "[\"s1\"]"},
        {"GET", "/config/s1", NULL, 404, NULL},
        {"POST", "/subjects/s1", BODY(A), 404, NULL},
        {"POST", "/subjects/s1?deleted=true", BODY(A), 200, NULL},
        /* messages outlive subjects */
        {"GET", "/schemas/ids/1", NULL, 200, "{\"schema\":\"" TEXT(A) "\"}"},
        {"GET", "/schemas/ids/1/versions", NULL, 200, "[]"},
        {"GET", "/schemas/ids/1/versions?deleted=true", NULL, 200,
         "[{\"subject\":\"s1\",\"version\":1}]"},
        {"POST", "/subjects/s1/versions", BODY(A), 200, "{\"id\":1}"},
        {"GET", "/subjects/s1/versions", NULL, 200, "[3]"},
        {"DELETE", "/subjects/s1/versions/latest", NULL, 200, "3"},
        {"DELETE", "/subjects/s1?permanent=true", NULL, 200, "[1,2,3]"},
        {"GET", "/schemas/ids/1", NULL, 404, NULL},
        /* an id is never given to another schema */
        {"POST", "/subjects/s1/versions", BODY(A C_BARE), 200, "{\"id\":3}"},
        {"POST", "/subjects/s2/versions", BODY(A), 200, "{\"id\":1}"},
    };

    CHECK(rows);
}

static void test_a_subjects_name_has_a_ceiling(void **state)
{
    char path[700], out[1024];

    memset(path, 'x', sizeof(path));
    memcpy(path, "/subjects/", 10);
    memcpy(path + 10 + 512, "/versions", 10);
    assert_int_equal(ask("POST", path, JSON, BODY(A), out, sizeof(out)), 200);
    memset(path + 10, 'x', 600);
    memcpy(path + 10 + 513, "/versions", 10);
    assert_int_equal(ask("POST", path, JSON, BODY(A), out, sizeof(out)), 422);
    assert_non_null(strstr(out, "42208"));
}

static void test_an_address_that_is_none_or_taken_is_told(void **state)
{
    struct relais_error err = RELAIS_ERROR_INIT;
    char taken[64];

    assert_null(relais_registry_server_new("nowhere", NULL, &err));
    assert_int_equal(err.code, RELAIS_E_CONF_VALUE);
    relais_error_clear(&err);
    snprintf(taken, sizeof(taken), "127.0.0.1:%d", relais_registry_server_port(server));
    assert_null(relais_registry_server_new(taken, NULL, &err));
    assert_int_equal(err.code, RELAIS_E_CONF_VALUE);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, start, stop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_an_empty_registry_answers_as_the_reference_says),
        TEST(test_registering_looking_up_and_reading_back),
        TEST(test_a_subject_with_a_slash_is_one_subject),
        TEST(test_versions_that_are_none_are_42202),
        TEST(test_bad_bodies_have_the_codes_that_clients_know),
        TEST(test_content_types_of_clients_pass_and_text_does_not),
        TEST(test_a_body_over_1_mib_is_413_and_one_below_is_read),
        TEST(test_levels_are_kept_per_subject_and_globally),
        TEST(test_a_change_that_breaks_readers_is_refused_until_the_level_is_none),
        TEST(test_only_a_transitive_level_looks_beyond_the_latest_version),
        TEST(test_deleting_is_soft_first_and_permanent_after),
        TEST(test_a_subjects_name_has_a_ceiling),
        TEST(test_an_address_that_is_none_or_taken_is_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
