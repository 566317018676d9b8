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
    {"connector", "mapping", RELAIS_CONF_TEXT, .doc = "essai"},
    PG_CONN_KEYS,
    PG_SLOT_KEYS,
    {0}};

struct fixture {
    char *folder;
    struct relais_conf *conf;
    struct pg_conn *conn;
    struct pg_slot slot;
    size_t table_count; /* of public.un, public.deux */
    bool changes;
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

static void reconnect(struct fixture *f)
{
    struct relais_error err = RELAIS_ERROR_INIT;

    pg_conn_close(f->conn);
    f->conn = pg_conn_open(f->conf, PG_USE_READ, &err);
    assert_non_null(f->conn);
}

static int init(struct fixture *f, struct relais_error *err)
{
    static const char *const names[] = {"un", "deux"};

    if (pg_slot_init(&f->slot, f->conf, err))
        return -1;
    for (size_t i = 0; i < f->table_count; i++) {
        snprintf(f->slot.tables[i].schema, 64, "public");
        snprintf(f->slot.tables[i].name, 64, "%s", names[i]);
        snprintf(f->slot.tables[i].column, 64, "i");
    }
    f->slot.table_count = f->table_count;
    f->slot.changes = f->changes;
    return 0;
}

/* As a process that begins: what it remembers is in the file. */
static struct relais_error check(struct fixture *f)
{
    struct relais_error err = RELAIS_ERROR_INIT;
    struct pg_slot_state state;
    int rc = init(f, &err) || pg_slot_check(&f->slot, f->conn, &state, &err) ||
             pg_origin_write(&f->slot.origin, &err);

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
    assert_non_null(strstr(err.text, "CREATE PUBLICATION \"relais_dep93_essai\""));
}

static void test_pg_slot_publication_must_have_each_table(void **state)
{
    struct fixture *f = *state;
    struct relais_error err;

    create(f);
    free(helper_pg_sql("DROP TABLE IF EXISTS un, deux; CREATE TABLE un (i int); CREATE "
                       "TABLE deux (i int); DROP PUBLICATION relais_dep93_essai; CREATE "
                       "PUBLICATION relais_dep93_essai FOR TABLE un WITH (publish = "
                       "'insert')"));
    f->table_count = 1;
    assert_int_equal(check(f).code, RELAIS_E_OK);
    f->changes = true;
    err = check(f);
    assert_int_equal(err.code, RELAIS_E_PUBLICATION);
    assert_non_null(strstr(err.text, "SET (publish"));
    f->changes = false;
    f->table_count = 2;
    err = check(f);
    assert_int_equal(err.code, RELAIS_E_PUBLICATION);
    assert_non_null(strstr(err.text, "ALTER PUBLICATION \"relais_dep93_essai\" ADD TABLE "
                                     "\"public\".\"deux\""));
    free(helper_pg_sql("ALTER PUBLICATION relais_dep93_essai ADD TABLE deux"));
    assert_int_equal(check(f).code, RELAIS_E_OK);
    free(helper_pg_sql("DROP TABLE un, deux"));
}

/* What the tables' owner is told for a mapping of public.un, by a role's session. */
static struct relais_error look_at_mapped(const char *dsn)
{
    struct relais_conf *conf = helper_pg_conf_at(dsn, keys, "mapping = m.json\n");
    struct relais_error err = RELAIS_ERROR_INIT;
    struct relais_buf sql = RELAIS_BUF_INIT(4096);
    struct pg_conn *c = pg_conn_open(conf, PG_USE_READ, &err);
    struct fixture f = {.conf = conf, .table_count = 1, .changes = true};
    int rc;

    assert_non_null(c);
    assert_int_equal(init(&f, &err), 0);
    rc = pg_slot_publication_sql(&f.slot, c, &sql, &err);
    assert_int_equal(rc, err.code == RELAIS_E_OK ? 0 : -1);
    relais_buf_release(&sql);
    pg_conn_close(c);
    relais_conf_free(conf);
    return err;
}

static void test_pg_slot_mapped_table_must_be_there_whole(void **state)
{
    const char *super = getenv("PG_URL");
    char dsn[512];
    struct relais_error err;

    (void)state;
    snprintf(dsn, sizeof(dsn), "%s user=lecteur", super);
    free(helper_pg_sql(
        "DROP TABLE IF EXISTS un; CREATE TABLE un (i int, secret int); DROP ROLE IF "
        "EXISTS lecteur; CREATE ROLE lecteur LOGIN; GRANT SELECT ON un TO lecteur"));
    assert_int_equal(look_at_mapped(dsn).code, RELAIS_E_OK);
    free(helper_pg_sql("ALTER TABLE un ENABLE ROW LEVEL SECURITY"));
    assert_int_equal(look_at_mapped(super).code, RELAIS_E_OK);
    err = look_at_mapped(dsn);
    assert_int_equal(err.code, RELAIS_E_PG_RIGHTS);
    assert_non_null(strstr(err.text, "BYPASSRLS"));
    free(helper_pg_sql("ALTER ROLE lecteur BYPASSRLS"));
    assert_int_equal(look_at_mapped(dsn).code, RELAIS_E_OK);
    if (helper_pg_number("SHOW server_version_num") >= 150000) {
        free(helper_pg_sql("DROP PUBLICATION relais_dep93_essai; CREATE PUBLICATION "
                           "relais_dep93_essai FOR TABLE un WHERE (i > 3)"));
        assert_int_equal(look_at_mapped(super).code, RELAIS_E_PUBLICATION);
        free(helper_pg_sql("ALTER PUBLICATION relais_dep93_essai SET TABLE un (secret)"));
        assert_int_equal(look_at_mapped(super).code, RELAIS_E_PUBLICATION);
        free(helper_pg_sql("ALTER PUBLICATION relais_dep93_essai SET TABLE un (i)"));
        assert_int_equal(look_at_mapped(super).code,
                         RELAIS_E_OK); /* secret is not read */
        free(helper_pg_sql("ALTER PUBLICATION relais_dep93_essai SET TABLE un"));
        assert_int_equal(look_at_mapped(super).code, RELAIS_E_OK);
    }
    free(helper_pg_sql("DROP TABLE un; DROP ROLE lecteur"));
}

static void test_pg_slot_remembers_what_was_confirmed(void **state)
{
    struct fixture *f = *state;
    struct relais_error err = RELAIS_ERROR_INIT;
    const struct pg_event *event;
    struct pg_stream *stream;
    uint64_t confirmed;

    create(f);
    free(helper_pg_sql("DROP TABLE IF EXISTS un; CREATE TABLE un (i int)"));
    assert_int_equal(init(f, &err), 0);
    stream = pg_slot_stream(&f->slot, false, &err);
    if (!stream)
        fail_msg("%s: %s", err.where, err.text);
    for (int i = 0; i < 200 && !pg_stream_confirmed(stream); i++) {
        assert_true(pg_stream_next(stream, 50, &event, &err) >= 0);
        if (event && event->kind == PG_EVENT_COMMIT)
            pg_stream_confirm(stream, event->end_lsn);
    }
    confirmed = pg_stream_confirmed(stream);
    assert_true(confirmed > 0);
    pg_slot_leave(&f->slot, stream);
    pg_stream_close(stream);
    assert_int_equal(init(f, &err), 0);
    assert_true(f->slot.origin.lsn >= confirmed);
    assert_int_equal(f->slot.origin.timeline, 1);
}

/* A backup put back: the slot is there, as it was. */
static void test_pg_slot_of_a_restored_backup_is_not_taken(void **state)
{
    struct fixture *f = *state;
    struct relais_error err = RELAIS_ERROR_INIT;
    struct pg_slot_state look;

    create(f);
    pg_conn_close(f->conn);
    f->conn = NULL;
    helper_pg_server(NULL, "stop");
    helper_pg_server(NULL, "clone sauvegarde");
    helper_pg_server(NULL, "start");
    reconnect(f);
    free(helper_pg_sql("CREATE TABLE apres AS SELECT generate_series(1, 10000)"));
    assert_int_equal(pg_slot_look(&f->slot, f->conn, &look, &err), 0);
    assert_int_equal(check(f).code, RELAIS_E_OK);
    f->slot.origin.lsn = look.server;
    assert_int_equal(pg_origin_write(&f->slot.origin, &err), 0);
    pg_conn_close(f->conn);
    f->conn = NULL;
    helper_pg_server(NULL, "stop");
    helper_pg_server(NULL, "restore sauvegarde");
    helper_pg_server(NULL, "start");
    reconnect(f);
    err = check(f);
    assert_int_equal(err.code, RELAIS_E_SLOT_ORIGIN);
    assert_non_null(strstr(err.text, "went back"));
    /* what another had published is known, nothing was confirmed since */
    relais_error_clear(&err);
    f->slot.origin.lsn = 0;
    assert_int_equal(pg_origin_write(&f->slot.origin, &err), 0);
    assert_int_equal(check(f).code, RELAIS_E_OK);
    f->slot.origin.before.lsn = look.server;
    assert_int_equal(pg_origin_write(&f->slot.origin, &err), 0);
    err = check(f);
    assert_int_equal(err.code, RELAIS_E_SLOT_ORIGIN);
    assert_non_null(strstr(err.text, "went back"));
}

/* A standby that is promoted goes on from where it was: with all that we confirmed, or
 * without. */
static void test_pg_slot_of_a_promoted_standby_is_taken_if_it_had_all(void **state)
{
    struct fixture *f = *state;
    struct relais_error err = RELAIS_ERROR_INIT;
    struct pg_slot_state look;
    struct relais_conf *conf = f->conf;
    uint64_t before, after, began;
    char dsn[256];

    create(f);
    assert_int_equal(check(f).code, RELAIS_E_OK);
    assert_int_equal(pg_origin_began(&f->slot.origin, f->conf, &began, &err), 0);
    assert_int_equal(began, 0);
    helper_pg_server(NULL, "standby");
    helper_pg_server("standby", "promote");
    helper_pg_url("standby", dsn);
    f->conf = helper_pg_conf_dsn(dsn, f->folder, keys);
    reconnect(f);
    create(f);
    assert_int_equal(pg_slot_look(&f->slot, f->conn, &look, &err), 0);
    after = look.server;
    before = f->slot.origin.lsn;
    assert_true(before < after);
    /* what was confirmed is in its history */
    assert_int_equal(check(f).code, RELAIS_E_OK);
    assert_int_equal(f->slot.origin.timeline, 2);
    assert_int_equal(pg_origin_began(&f->slot.origin, f->conf, &began, &err), 0);
    assert_true(began >= before && began < after);
    /* what another had published came after it had left */
    f->slot.origin.timeline = 1;
    f->slot.origin.lsn = before;
    f->slot.origin.before.commit_lsn = after;
    assert_int_equal(pg_origin_write(&f->slot.origin, &err), 0);
    assert_int_equal(check(f).code, RELAIS_E_SLOT_ORIGIN);
    f->slot.origin.before.commit_lsn = 0;
    /* what was confirmed came after it had left */
    f->slot.origin.timeline = 1;
    f->slot.origin.lsn = after;
    assert_int_equal(pg_origin_write(&f->slot.origin, &err), 0);
    err = check(f);
    assert_int_equal(err.code, RELAIS_E_SLOT_ORIGIN);
    assert_non_null(strstr(err.text, "timeline 2"));
    relais_conf_free(f->conf);
    f->conf = conf;
    reconnect(f);
    helper_pg_server("standby", "stop");
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
                      "relais-origine-1 42 0 1\n", 0600));
    assert_int_equal(check(f).code, RELAIS_E_SLOT_ORIGIN);
    snprintf(text, sizeof(text), "relais-origine-1 %s FFFFFFFFFFFF 1\n", system);
    free(helper_write(f->folder, "state/origine.relais_dep93_essai", text, 0600));
    err = check(f);
    assert_int_equal(err.code, RELAIS_E_SLOT_ORIGIN);
    assert_non_null(strstr(err.text, "went back"));
    relais_error_clear(&err);
    assert_int_equal(pg_origin_forget(&f->slot.origin, &err), 0);
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
        T(publication_must_have_each_table),
        T(mapped_table_must_be_there_whole),
        T(remembers_what_was_confirmed),
        T(of_another_server_is_not_taken),
        T(of_a_restored_backup_is_not_taken),
        T(of_a_promoted_standby_is_taken_if_it_had_all),
        T(advances),
        T(that_lost_its_wal_is_told),
#undef T
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
