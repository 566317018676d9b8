/* connectors/pg_slot: what is wrong with a slot is told apart. */
#include "connectors/pg_slot.h"
#include "helper_core.h"
#include "helper_pg.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

static const struct relais_conf_key keys[] = {
    {"connector", "name", RELAIS_CONF_TEXT, .doc = "essai"},
    PG_CONN_KEYS,
    PG_SLOT_KEYS,
    {0}};

struct fixture {
    char *folder;
    struct relais_conf *conf;
    struct pg_conn *conn;
    struct pg_slot slot;
};

static int setup(void **state)
{
    struct fixture *f = relais_zalloc(sizeof(*f));
    struct relais_error err = RELAIS_ERROR_INIT;
    char folder[512];

    f->folder = helper_folder();
    snprintf(folder, sizeof(folder), "%s/state", f->folder);
    assert_int_equal(mkdir(folder, 0700), 0);
    helper_pg_drop_slots();
    free(
        helper_pg_sql("DROP PUBLICATION IF EXISTS relais_dep93_essai; CREATE PUBLICATION "
                      "relais_dep93_essai FOR ALL TABLES"));
    f->conf = helper_pg_conf_in(f->folder, keys, "");
    f->conn = pg_conn_open(f->conf, PG_USE_READ, &err);
    assert_non_null(f->conn);
    assert_int_equal(pg_slot_init(&f->slot, f->conf, &err), 0);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    pg_conn_close(f->conn);
    relais_conf_free(f->conf);
    helper_remove(f->folder);
    free(f);
    return 0;
}

static struct relais_error check(struct fixture *f)
{
    struct relais_error err = RELAIS_ERROR_INIT;
    struct pg_slot_state state;
    int rc = pg_slot_check(&f->slot, f->conn, &state, &err);

    assert_int_equal(rc != 0, err.code != RELAIS_E_OK);
    return err;
}

static void create(struct fixture *f)
{
    struct relais_error err = RELAIS_ERROR_INIT;

    if (pg_slot_create(&f->slot, f->conn, &err))
        fail_msg("%s: %s", err.where, err.text);
}

static void test_pg_slot_is_named_after_territory_and_instance(void **state)
{
    struct fixture *f = *state;
    struct relais_error err = RELAIS_ERROR_INIT;
    struct relais_conf *conf = helper_pg_conf(keys, "slot = Grand\n");
    struct pg_slot slot;

    assert_string_equal(f->slot.name, "relais_dep93_essai");
    assert_string_equal(f->slot.publication, "relais_dep93_essai");
    assert_int_equal(pg_slot_init(&slot, conf, &err), -1);
    assert_int_equal(err.code, RELAIS_E_CONF_VALUE);
    relais_conf_free(conf);
}

static void test_pg_slot_that_is_fit_says_nothing(void **state)
{
    struct fixture *f = *state;
    struct relais_error err = RELAIS_ERROR_INIT;
    struct pg_slot_state look;

    create(f);
    assert_int_equal(check(f).code, RELAIS_E_OK);
    assert_int_equal(check(f).code, RELAIS_E_OK);
    assert_int_equal(pg_slot_look(&f->slot, f->conn, &look, &err), 0);
    assert_true(look.exists && look.ours && look.published && !look.active);
    assert_true(look.confirmed && look.server >= look.confirmed);
    assert_int_equal(pg_slot_drop(&f->slot, f->conn, &err), 0);
    assert_int_equal(check(f).code, RELAIS_E_SLOT_MISSING);
}

static void test_pg_slot_of_another_use_is_foreign(void **state)
{
    struct fixture *f = *state;

    free(helper_pg_sql("SELECT pg_create_logical_replication_slot('relais_dep93_essai', "
                       "'test_decoding')"));
    assert_int_equal(check(f).code, RELAIS_E_SLOT_FOREIGN);
    helper_pg_drop_slots();
    free(helper_pg_sql(
        "SELECT pg_create_physical_replication_slot('relais_dep93_essai')"));
    assert_int_equal(check(f).code, RELAIS_E_SLOT_FOREIGN);
}

static void test_pg_slot_of_another_database_is_foreign(void **state)
{
    struct fixture *f = *state;
    char dsn[512];
    struct relais_conf *conf;
    struct pg_conn *other;
    struct relais_error err = RELAIS_ERROR_INIT;

    free(helper_pg_sql("CREATE DATABASE voisine"));
    snprintf(dsn, sizeof(dsn), "%s dbname=voisine", getenv("PG_URL"));
    conf = helper_pg_conf_at(dsn, keys, "");
    other = pg_conn_open(conf, PG_USE_READ, &err);
    assert_non_null(other);
    assert_int_equal(pg_slot_create(&f->slot, other, &err), 0);
    err = check(f);
    assert_int_equal(err.code, RELAIS_E_SLOT_FOREIGN);
    assert_non_null(strstr(err.text, "voisine"));
    pg_conn_close(other);
    relais_conf_free(conf);
}

static void test_pg_slot_without_publication_says_how_to_make_it(void **state)
{
    struct fixture *f = *state;
    struct relais_error err;

    create(f);
    free(helper_pg_sql("DROP PUBLICATION relais_dep93_essai"));
    err = check(f);
    assert_int_equal(err.code, RELAIS_E_PUBLICATION);
    assert_non_null(strstr(err.text, "CREATE PUBLICATION relais_dep93_essai"));
}

static void test_pg_slot_that_lost_its_wal_is_told(void **state)
{
    struct fixture *f = *state;

    create(f);
    free(helper_pg_sql("ALTER SYSTEM SET max_slot_wal_keep_size = '1MB'; "));
    free(helper_pg_sql("SELECT pg_reload_conf()"));
    for (int i = 0; i < 40 && check(f).code != RELAIS_E_SLOT_LOST; i++) {
        free(helper_pg_sql("CREATE TABLE plein AS SELECT repeat('x', 1000) FROM "
                           "generate_series(1, 2000)"));
        free(helper_pg_sql("DROP TABLE plein; SELECT pg_switch_wal()"));
        free(helper_pg_sql("CHECKPOINT"));
    }
    assert_int_equal(check(f).code, RELAIS_E_SLOT_LOST);
    free(helper_pg_sql("ALTER SYSTEM RESET max_slot_wal_keep_size"));
    free(helper_pg_sql("SELECT pg_reload_conf()"));
}

static void test_pg_slot_of_another_server_is_not_taken(void **state)
{
    struct fixture *f = *state;
    struct relais_error err = RELAIS_ERROR_INIT;
    char *system = helper_pg_sql("SELECT system_identifier FROM pg_control_system()");
    char text[128];

    create(f);
    assert_int_equal(check(f).code, RELAIS_E_OK);
    free(helper_write(f->folder, "state/origine.relais_dep93_essai",
                      "relais-origine-1 42 0\n", 0600));
    assert_int_equal(check(f).code, RELAIS_E_SLOT_ORIGIN);
    snprintf(text, sizeof(text), "relais-origine-1 %s FFFFFFFFFFFF\n", system);
    free(helper_write(f->folder, "state/origine.relais_dep93_essai", text, 0600));
    err = check(f);
    assert_int_equal(err.code, RELAIS_E_SLOT_ORIGIN);
    assert_non_null(strstr(err.text, "went back"));
    relais_error_clear(&err);
    assert_int_equal(pg_slot_forget(&f->slot, &err), 0);
    assert_int_equal(check(f).code, RELAIS_E_OK);
    free(system);
}

static void test_pg_slot_advances(void **state)
{
    struct fixture *f = *state;
    struct relais_error err = RELAIS_ERROR_INIT;
    struct pg_slot_state look;
    char *lsn;

    create(f);
    free(helper_pg_sql("CREATE TABLE avance AS SELECT 1"));
    lsn = helper_pg_sql("SELECT pg_current_wal_flush_lsn()");
    assert_int_equal(pg_slot_advance(&f->slot, f->conn, lsn, &err), 0);
    assert_int_equal(pg_slot_look(&f->slot, f->conn, &look, &err), 0);
    assert_true(look.server - look.confirmed < 65536);
    free(lsn);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(test_pg_slot_##name, setup, teardown)
        T(is_named_after_territory_and_instance),
        T(that_is_fit_says_nothing),
        T(of_another_use_is_foreign),
        T(of_another_database_is_foreign),
        T(without_publication_says_how_to_make_it),
        T(of_another_server_is_not_taken),
        T(advances),
        T(that_lost_its_wal_is_told),
#undef T
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
