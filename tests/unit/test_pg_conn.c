/* connectors/pg_conn: what a connection says when it is refused, broken or silent, and
 * that it never says a row. */
#include "connectors/pg_conn.h"
#include "helper_core.h"
#include "helper_pg.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static const struct relais_conf_key keys[] = {
    {"connector", "name", RELAIS_CONF_TEXT, .doc = "essai"}, PG_CONN_KEYS, {0}};

static struct pg_conn *open_with(const char *more, struct relais_error *err)
{
    struct relais_conf *conf = helper_pg_conf(keys, more);
    struct pg_conn *c = pg_conn_open(conf, PG_USE_WRITE, err);

    relais_conf_free(conf);
    return c;
}

static struct pg_conn *must_open(const char *more)
{
    struct relais_error err = RELAIS_ERROR_INIT;
    struct pg_conn *c = open_with(more, &err);

    if (!c)
        fail_msg("%s: %s", err.where, err.text);
    return c;
}

/* The code of what opening by this dsn (after the server's own) ends with. */
static struct relais_error open_error(const char *dsn_more, const char *more)
{
    struct relais_error err = RELAIS_ERROR_INIT;
    char dsn[512];
    struct relais_conf *conf;

    snprintf(dsn, sizeof(dsn), "%s %s", getenv("PG_URL"), dsn_more);
    conf = helper_pg_conf_at(dsn, keys, more);
    assert_null(pg_conn_open(conf, PG_USE_READ, &err));
    relais_conf_free(conf);
    return err;
}

static void test_pg_conn_answers_a_statement(void **state)
{
    struct relais_error err = RELAIS_ERROR_INIT;
    struct pg_conn *c = must_open(NULL);
    const char *params[] = {"20", NULL};
    PGresult *r = pg_conn_exec(c, "sum", "SELECT $1::int + 1, $2::text", params, 2, &err);

    assert_non_null(r);
    assert_string_equal(PQgetvalue(r, 0, 0), "21");
    assert_true(PQgetisnull(r, 0, 1));
    PQclear(r);
    assert_true(pg_conn_version(c) >= 130000);
    pg_conn_close(c);
}

static void test_pg_conn_session_is_the_same_everywhere(void **state)
{
    struct relais_error err = RELAIS_ERROR_INIT;
    struct pg_conn *c = must_open(NULL);
    PGresult *r;

    free(helper_pg_sql("ALTER ROLE postgres SET timezone = 'Asia/Tokyo'; "
                       "ALTER ROLE postgres SET datestyle = 'German'"));
    pg_conn_close(c);
    c = must_open(NULL);
    r = pg_conn_exec(c, "time", "SELECT '2026-01-31 10:00:00Z'::timestamptz", NULL, 0,
                     &err);
    assert_non_null(r);
    assert_string_equal(PQgetvalue(r, 0, 0), "2026-01-31 10:00:00+00");
    PQclear(r);
    pg_conn_close(c);
    free(helper_pg_sql("ALTER ROLE postgres RESET ALL"));
}

static void test_pg_conn_refused_login_is_a_matter_of_configuration(void **state)
{
    struct relais_error err;
    char *folder = helper_folder(), more[512];
    char *path = helper_write(folder, "secret", "faux\n", 0600);

    free(helper_pg_sql("CREATE ROLE scram_one LOGIN PASSWORD 'juste'"));
    snprintf(more, sizeof(more), "password_file = %s\n", path);
    err = open_error("user=scram_one", more);
    assert_int_equal(err.code, RELAIS_E_PG_RIGHTS);
    assert_non_null(strstr(err.text, "28P01"));
    err = open_error("dbname=absente", NULL);
    assert_int_equal(err.code, RELAIS_E_PG_RIGHTS);
    assert_non_null(strstr(err.text, "absente"));
    free(path);
    helper_remove(folder);
}

static void test_pg_conn_takes_the_password_from_its_file(void **state)
{
    struct relais_error err = RELAIS_ERROR_INIT;
    char *folder = helper_folder(), more[512], dsn[512];
    char *path = helper_write(folder, "secret", "juste\n", 0600);
    struct relais_conf *conf;
    struct pg_conn *c;

    free(helper_pg_sql("CREATE ROLE scram_two LOGIN PASSWORD 'juste'"));
    snprintf(more, sizeof(more), "password_file = %s\n", path);
    snprintf(dsn, sizeof(dsn), "%s user=scram_two", getenv("PG_URL"));
    conf = helper_pg_conf_at(dsn, keys, more);
    c = pg_conn_open(conf, PG_USE_READ, &err);
    if (!c)
        fail_msg("%s", err.text);
    pg_conn_close(c);
    relais_conf_free(conf);
    free(path);
    helper_remove(folder);
}

static void test_pg_conn_password_in_the_dsn_is_refused(void **state)
{
    struct relais_error err = open_error("password=secret", NULL);

    assert_int_equal(err.code, RELAIS_E_CONF_VALUE);
    assert_null(strstr(err.text, "secret"));
}

static void test_pg_conn_server_away_is_tried_again(void **state)
{
    struct relais_error err = open_error("port=1", NULL);

    assert_int_equal(err.code, RELAIS_E_PG_DOWN);
}

static void test_pg_conn_refused_row_is_never_told(void **state)
{
    static const struct {
        const char *sql;
        const char *told;
    } cases[] = {
        {"INSERT INTO personne VALUES ('Martin', 1)",
         "23505 (such a row is there), table personne, "
         "constraint personne_pkey"},
        {"INSERT INTO personne VALUES (NULL, 1)",
         "23502 (null in a NOT NULL column), table personne, column nom"},
        {"INSERT INTO personne VALUES ('Durand', 'Martin')",
         "22P02 (no value of the column's type)"},
        {"INSERT INTO personne VALUES ('Durand', -1)",
         "23514 (a CHECK), table personne, constraint positif"},
        {"DO $$BEGIN RAISE EXCEPTION 'non a %', 'Martin'; END$$",
         "P0001 (raised by a trigger or function)"},
        {"INSERT INTO personne VALUES ('Durand', 99999999999999)",
         "22003 (out of the type's range)"},
    };
    struct pg_conn *c;

    free(helper_pg_sql("CREATE TABLE personne (nom text PRIMARY KEY, age int CONSTRAINT "
                       "positif CHECK (age > 0)); INSERT INTO personne VALUES ('Martin', "
                       "40)"));
    c = must_open(NULL);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct relais_error err = RELAIS_ERROR_INIT;

        assert_int_equal(pg_conn_run(c, "ligne", cases[i].sql, &err), -1);
        assert_int_equal(err.code, RELAIS_E_PG_ROW);
        assert_non_null(strstr(err.text, cases[i].told));
        assert_null(strstr(err.text, "Martin"));
        assert_null(strstr(err.text, "Durand"));
    }
    pg_conn_close(c);
}

static void test_pg_conn_absent_table_and_right_are_told_apart(void **state)
{
    struct relais_error err = RELAIS_ERROR_INIT;
    struct pg_conn *c = must_open(NULL);

    free(helper_pg_sql("CREATE TABLE a_nous (n int); CREATE ROLE autre"));
    assert_int_equal(pg_conn_run(c, "t", "SELECT * FROM absente", &err), -1);
    assert_int_equal(err.code, RELAIS_E_PG_SCHEMA);
    relais_error_clear(&err);
    assert_int_equal(pg_conn_run(c, "t", "SET ROLE autre; SELECT * FROM a_nous", &err),
                     -1);
    assert_int_equal(err.code, RELAIS_E_PG_RIGHTS);
    pg_conn_close(c);
}

static void test_pg_conn_terminated_is_tried_again(void **state)
{
    struct relais_error err = RELAIS_ERROR_INIT;
    struct pg_conn *c = must_open(NULL);

    free(helper_pg_sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE "
                       "application_name = 'relais/essai'"));
    assert_int_equal(pg_conn_run(c, "t", "SELECT 1", &err), -1);
    assert_int_equal(relais_error_class(err.code), RELAIS_RETRY);
    pg_conn_close(c);
}

static void test_pg_conn_long_statement_ends(void **state)
{
    struct relais_error err = RELAIS_ERROR_INIT;
    struct pg_conn *c = must_open("statement_timeout_ms = 1000\n");

    assert_int_equal(pg_conn_run(c, "t", "SELECT pg_sleep(30)", &err), -1);
    assert_int_equal(err.code, RELAIS_E_PG_DOWN);
    assert_non_null(strstr(err.text, "57014"));
    pg_conn_close(c);
}

static void test_pg_conn_frozen_server_is_not_waited_for(void **state)
{
    struct relais_error err = RELAIS_ERROR_INIT;
    struct pg_conn *c = must_open("statement_timeout_ms = 1000\n");
    pid_t backend = PQbackendPID(pg_conn_raw(c));

    assert_int_equal(kill(backend, SIGSTOP), 0);
    assert_int_equal(pg_conn_run(c, "t", "SELECT 1", &err), -1);
    assert_int_equal(kill(backend, SIGCONT), 0);
    assert_int_equal(err.code, RELAIS_E_PG_DOWN);
    relais_error_clear(&err);
    assert_int_equal(pg_conn_run(c, "t", "SELECT 1", &err), -1);
    pg_conn_close(c);
}

static void test_pg_conn_copy_brings_rows(void **state)
{
    struct relais_error err = RELAIS_ERROR_INIT;
    struct pg_conn *c = must_open(NULL);
    PGresult *r;

    free(helper_pg_sql("CREATE TABLE copie (n int)"));
    r = pg_conn_exec(c, "copy", "COPY copie FROM STDIN", NULL, 0, &err);
    assert_non_null(r);
    PQclear(r);
    for (int i = 0; i < 100000; i++)
        assert_int_equal(pg_conn_copy(c, "copy", RELAIS_SLICE("42\n"), &err), 0);
    assert_int_equal(PQputCopyEnd(pg_conn_raw(c), NULL), 1);
    while ((r = pg_conn_result(c, "copy", &err)) != NULL)
        PQclear(r);
    assert_int_equal(err.code, RELAIS_E_OK);
    assert_int_equal(helper_pg_number("SELECT sum(n) FROM copie"), 4200000);
    pg_conn_close(c);
}

static void test_pg_conn_names_are_quoted(void **state)
{
    static const struct {
        const char *name;
        const char *want; /* NULL: refused */
    } cases[] = {
        {"dossiers", "\"dossiers\""},
        {"Public.Dossiers", "\"public\".\"dossiers\""},
        {"\"Public\".\"a.b\"", "\"Public\".\"a.b\""},
        {"\"a\"\"b\"", "\"a\"\"b\""},
        {"x\"; DROP", "\"x\"\"; drop\""},
        {"", NULL},
        {"a.b.c", NULL},
        {"a.", NULL},
        {"\"\"", NULL},
        {"\"a\"b", NULL},
        {"a123456789012345678901234567890123456789012345678901234567890123", NULL},
    };
    struct pg_conn *c = must_open(NULL);

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct relais_buf out = RELAIS_BUF_INIT(256);
        struct relais_error err = RELAIS_ERROR_INIT;
        int rc = pg_conn_quote_name(c, cases[i].name, &out, &err);

        assert_int_equal(rc, cases[i].want ? 0 : -1);
        if (cases[i].want)
            assert_string_equal(out.data, cases[i].want);
        else
            assert_int_equal(err.code, RELAIS_E_CONF_VALUE);
        relais_buf_release(&out);
    }
    pg_conn_close(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pg_conn_answers_a_statement),
        cmocka_unit_test(test_pg_conn_session_is_the_same_everywhere),
        cmocka_unit_test(test_pg_conn_refused_login_is_a_matter_of_configuration),
        cmocka_unit_test(test_pg_conn_takes_the_password_from_its_file),
        cmocka_unit_test(test_pg_conn_password_in_the_dsn_is_refused),
        cmocka_unit_test(test_pg_conn_server_away_is_tried_again),
        cmocka_unit_test(test_pg_conn_refused_row_is_never_told),
        cmocka_unit_test(test_pg_conn_absent_table_and_right_are_told_apart),
        cmocka_unit_test(test_pg_conn_terminated_is_tried_again),
        cmocka_unit_test(test_pg_conn_long_statement_ends),
        cmocka_unit_test(test_pg_conn_frozen_server_is_not_waited_for),
        cmocka_unit_test(test_pg_conn_copy_brings_rows),
        cmocka_unit_test(test_pg_conn_names_are_quoted),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
