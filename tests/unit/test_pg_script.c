/* connectors/pg_script: statements and COPYs in one message, and whose error it is. */
#include "connectors/pg_script.h"
#include "helper_core.h"
#include "helper_pg.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static const struct relais_conf_key keys[] = {
    {"connector", "name", RELAIS_CONF_TEXT, .doc = "essai"}, PG_CONN_KEYS, {0}};

struct fixture {
    struct pg_conn *c;
    struct pg_script script;
    struct relais_error err;
    struct relais_buf a, b;
};

static int setup(void **state)
{
    struct fixture *f = relais_zalloc(sizeof(*f));
    struct relais_conf *conf = helper_pg_conf(keys, NULL);

    free(helper_pg_sql("DROP TABLE IF EXISTS a, b; CREATE TABLE a (n int); "
                       "CREATE TABLE b (n int CHECK (n < 100))"));
    f->c = pg_conn_open(conf, PG_USE_WRITE, &f->err);
    relais_conf_free(conf);
    pg_script_init(&f->script);
    f->a = (struct relais_buf)RELAIS_BUF_INIT(1u << 20);
    f->b = (struct relais_buf)RELAIS_BUF_INIT(1u << 20);
    *state = f;
    return f->c ? 0 : -1;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    pg_conn_close(f->c);
    pg_script_release(&f->script);
    relais_buf_release(&f->a);
    relais_buf_release(&f->b);
    free(f);
    return 0;
}

static void add(struct fixture *f, const char *sql)
{
    assert_int_equal(pg_script_add(&f->script, sql, &f->err), 0);
}

static void copy(struct fixture *f, const char *name, struct relais_buf *rows,
                 const char *text)
{
    char sql[64];

    assert_int_equal(relais_buf_add_str(rows, text), 0);
    snprintf(sql, sizeof(sql), "COPY %s FROM STDIN", name);
    assert_int_equal(pg_script_copy(&f->script, name, sql, rows, &f->err), 0);
}

/* It fails so, nothing is left of it, and the connection goes on. */
static void must_fail(struct fixture *f, enum relais_code code, const char *where)
{
    assert_int_equal(pg_script_run(&f->script, f->c, "the end", &f->err), -1);
    assert_int_equal(f->err.code, code);
    assert_string_equal(f->err.where, where);
    relais_error_clear(&f->err);
    assert_int_equal(pg_conn_run(f->c, "rollback", "ROLLBACK", &f->err), 0);
    assert_int_equal(
        helper_pg_number("SELECT (SELECT count(*) FROM a) + (SELECT count(*) FROM b)"),
        0);
}

static void test_pg_script_is_a_whole_transaction(void **state)
{
    struct fixture *f = *state;

    add(f, "BEGIN; ");
    copy(f, "a", &f->a, "1\n2\n");
    copy(f, "b", &f->b, "3\n");
    add(f, "INSERT INTO a SELECT n + 10 FROM b; COMMIT; ");
    assert_int_equal(pg_script_run(&f->script, f->c, "the end", &f->err), 0);
    assert_int_equal(PQtransactionStatus(pg_conn_raw(f->c)), PQTRANS_IDLE);
    assert_int_equal(helper_pg_number("SELECT sum(n) FROM a"), 16);
}

static void test_pg_script_large_rows_go_in_one_piece(void **state)
{
    struct fixture *f = *state;

    for (int i = 0; i < 300000; i++)
        assert_int_equal(relais_buf_add_str(&f->a, "7\n"), 0);
    add(f, "BEGIN; ");
    copy(f, "a", &f->a, "8\n");
    copy(f, "b", &f->b, "9\n");
    add(f, "COMMIT; ");
    assert_int_equal(pg_script_run(&f->script, f->c, "the end", &f->err), 0);
    assert_int_equal(helper_pg_number("SELECT sum(n) FROM a"), 2100008);
    assert_int_equal(helper_pg_number("SELECT sum(n) FROM b"), 9);
}

static void test_pg_script_without_rows_has_no_copy(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(pg_script_run(&f->script, f->c, "the end", &f->err), 0);
    copy(f, "a", &f->a, "");
    assert_int_equal(f->script.copy_count, 0);
    add(f, "BEGIN; INSERT INTO a VALUES (1); COMMIT; ");
    assert_int_equal(pg_script_run(&f->script, f->c, "the end", &f->err), 0);
    assert_int_equal(helper_pg_number("SELECT sum(n) FROM a"), 1);
}

static void test_pg_script_names_the_copy_that_failed(void **state)
{
    struct fixture *f = *state;

    add(f, "BEGIN; ");
    copy(f, "a", &f->a, "x\n");
    copy(f, "b", &f->b, "1\n");
    add(f, "COMMIT; ");
    must_fail(f, RELAIS_E_PG_ROW, "a");
}

static void test_pg_script_names_the_last_copy(void **state)
{
    struct fixture *f = *state;

    add(f, "BEGIN; ");
    copy(f, "a", &f->a, "1\n");
    copy(f, "b", &f->b, "1\n100\n");
    add(f, "INSERT INTO a VALUES (1); COMMIT; ");
    must_fail(f, RELAIS_E_PG_ROW, "b");
}

static void test_pg_script_names_what_comes_after_the_copies(void **state)
{
    struct fixture *f = *state;

    add(f, "BEGIN; ");
    copy(f, "a", &f->a, "1\n");
    add(f, "INSERT INTO b VALUES (100); COMMIT; ");
    must_fail(f, RELAIS_E_PG_ROW, "the end");
}

static void test_pg_script_table_that_is_not_there_is_no_row_s_fault(void **state)
{
    struct fixture *f = *state;

    add(f, "BEGIN; ");
    copy(f, "absent", &f->a, "1\n");
    add(f, "COMMIT; ");
    must_fail(f, RELAIS_E_PG_SCHEMA, "absent");
}

/* What a row says does not fence. */
static void test_pg_script_statement_that_means_fenced_is_told_so(void **state)
{
    struct fixture *f = *state;

    add(f, "BEGIN; ");
    copy(f, "a", &f->a, "1\n");
    add(f, "SELECT current_setting('" PG_CONN_FENCED "') FROM a; COMMIT; ");
    must_fail(f, RELAIS_E_FENCED, "relais_positions");
    add(f, "BEGIN; ");
    add(f, "SELECT ('" PG_CONN_FENCED "' || count(*))::int8 FROM a; COMMIT; ");
    must_fail(f, RELAIS_E_PG_ROW, "the end");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(test_pg_script_##name, setup, teardown)
        T(is_a_whole_transaction),
        T(large_rows_go_in_one_piece),
        T(without_rows_has_no_copy),
        T(names_the_copy_that_failed),
        T(names_the_last_copy),
        T(names_what_comes_after_the_copies),
        T(table_that_is_not_there_is_no_row_s_fault),
        T(statement_that_means_fenced_is_told_so),
#undef T
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
