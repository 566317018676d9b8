/* connectors/pg_mapping: from a file of columns and fields to the statements that read
 * whole objects, on tables of WebRSA and small ones. */
#include "connectors/pg_mapping.h"
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

static struct pg_conn *conn;

static int setup(void **state)
{
    struct relais_error err = RELAIS_ERROR_INIT;
    struct relais_conf *conf = helper_pg_conf(keys, NULL);

    helper_pg_file("tests/data/webrsa/schema.sql");
    helper_pg_file("tests/data/webrsa/dossiers.sql");
    free(helper_pg_sql("CREATE TABLE t (id int PRIMARY KEY, n int, a numeric, f float8, "
                       "b bool, d date, z timestamptz, l timestamp, c char(4), v text, "
                       "y bytea, u uuid, j json);"
                       "CREATE TABLE fils (id int PRIMARY KEY, t_id int, x numeric);"
                       "CREATE TABLE texte (id text PRIMARY KEY)"));
    conn = pg_conn_open(conf, PG_USE_READ, &err);
    relais_conf_free(conf);
    assert_non_null(conn);
    return 0;
}

static int teardown(void **state)
{
    pg_conn_close(conn);
    return 0;
}

static struct pg_mapping *bound(struct pg_mapping *m)
{
    struct relais_error err = RELAIS_ERROR_INIT;

    if (pg_mapping_bind(m, conn, &err))
        fail_msg("%s: %s", err.where, err.text);
    return m;
}

static struct pg_mapping *webrsa(void)
{
    struct relais_error err = RELAIS_ERROR_INIT;
    struct pg_mapping *m = pg_mapping_load("docs/exemples/webrsa-source.json", &err);

    if (!m)
        fail_msg("%s: %s", err.where, err.text);
    return bound(m);
}

/* {"schema", "root": "t", "tables": {t, fils}, "value": ...} */
static struct pg_mapping *small(const char *value, struct relais_error *err)
{
    struct relais_buf text = RELAIS_BUF_INIT(65536);
    struct pg_mapping *m;

    assert_int_equal(relais_buf_printf(&text,
                                       "{\"root\":\"t\",\"tables\":"
                                       "{\"t\":{\"table\":\"public.t\"},\"fils\":{"
                                       "\"table\":\"public.fils\",\"parent\":\"t\","
                                       "\"on\":{\"t_id\":\"id\"}}},\"value\":%s}",
                                       value),
                     0);
    m = pg_mapping_parse(relais_buf_slice(&text), err);
    relais_buf_release(&text);
    return m;
}

/* An object's JSON, as a row gives it, pruned. Free. */
static char *pruned(const char *json)
{
    struct relais_arena arena = RELAIS_ARENA_INIT(1 << 20);
    struct relais_buf out = RELAIS_BUF_INIT(1 << 20);
    struct relais_error err = RELAIS_ERROR_INIT;
    struct relais_value *v = relais_value_parse(&arena, relais_slice_str(json), &err);

    assert_non_null(v);
    pg_mapping_prune(v);
    assert_int_equal(relais_value_print(v, &out), 0);
    relais_arena_release(&arena);
    return relais_buf_take(&out, NULL);
}

static PGresult *rows(const char *sql, const char *first, const char *second)
{
    const char *params[] = {first, second};
    struct relais_error err = RELAIS_ERROR_INIT;
    PGresult *r = pg_conn_exec(conn, "objects", sql, params, second ? 2 : 1, &err);

    if (!r)
        fail_msg("%s: %s", err.where, err.text);
    return r;
}

static void test_pg_mapping_reads_whole_objects_of_webrsa(void **state)
{
    struct pg_mapping *m = webrsa();
    PGresult *r = rows(m->objects_sql, "{1,2,99}", NULL);
    size_t len;
    char *want = helper_read("tests/data/webrsa/dossiers.jsonl", true, &len);
    char *first = pruned(PQgetvalue(r, 0, 1)), *second = pruned(PQgetvalue(r, 1, 1));
    struct relais_buf got = RELAIS_BUF_INIT(1 << 20);

    assert_int_equal(PQntuples(r), 2);
    assert_int_equal(relais_buf_printf(&got, "%s\n%s", first, second), 0);
    assert_string_equal(got.data, want);
    free(first);
    free(second);
    free(want);
    relais_buf_release(&got);
    PQclear(r);
    pg_mapping_free(m);
}

static void test_pg_mapping_pages_by_the_root_key(void **state)
{
    struct pg_mapping *m = webrsa();
    PGresult *r = rows(m->first_sql, "1", NULL);

    assert_int_equal(PQntuples(r), 1);
    assert_string_equal(PQgetvalue(r, 0, 0), "1");
    PQclear(r);
    r = rows(m->next_sql, "10", "1");
    assert_int_equal(PQntuples(r), 1);
    assert_string_equal(PQgetvalue(r, 0, 0), "2");
    PQclear(r);
    pg_mapping_free(m);
}

/* Which object a row of a table belongs to, by its joining column. */
static void test_pg_mapping_finds_the_root_of_every_table(void **state)
{
    static const struct {
        const char *alias, *values, *root;
    } cases[] = {
        {"prestations", "{2}", "1"}, {"personnes", "{2}", "2"},
        {"adresses", "{2}", "1"},    {"liens", "{1}", "1"},
        {"calculs", "{1}", "1"},     {"suspensionsdroits", "{2}", "2"},
    };
    struct pg_mapping *m = webrsa();

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        for (size_t j = 0; j < m->table_count; j++) {
            PGresult *r;

            if (strcmp(m->tables[j].alias, cases[i].alias) != 0)
                continue;
            assert_non_null(m->tables[j].roots_sql);
            r = rows(m->tables[j].roots_sql, cases[i].values, NULL);
            assert_int_equal(PQntuples(r), 1);
            assert_string_equal(PQgetvalue(r, 0, 0), cases[i].root);
            PQclear(r);
        }
    for (size_t j = 0; j < m->table_count; j++)
        if (strcmp(m->tables[j].alias, "foyers") == 0)
            assert_null(m->tables[j].roots_sql); /* dossier_id is the root's key */
    pg_mapping_free(m);
}

static void test_pg_mapping_types_become_values(void **state)
{
    static const struct {
        const char *value, *row, *want;
    } cases[] = {
        {"\"t.n\"", "n = 5", "5"},
        {"{\"$column\":\"t.n\",\"$as\":\"text\"}", "n = 5", "\"5\""},
        {"{\"$column\":\"t.n\",\"$as\":\"boolean\"}", "n = 1", "true"},
        {"{\"$column\":\"t.a\",\"$as\":\"centimes\"}", "a = 12.30", "1230"},
        {"{\"$column\":\"t.a\",\"$as\":\"centimes\"}", "a = -0.10", "-10"},
        {"{\"$column\":\"t.a\",\"$as\":\"centimes\"}", "a = 0.125", "12.5"},
        {"{\"$column\":\"t.f\",\"$as\":\"centimes\"}", "f = 0.29", "29"},
        {"{\"$column\":\"t.a\",\"$as\":\"integer\"}", "a = 7.00", "7"},
        {"\"t.b\"", "b = false", "false"},
        {"\"t.d\"", "d = '2026-02-28'", "\"2026-02-28\""},
        {"\"t.d\"", "d = '9999-12-31'", NULL},
        {"{\"$column\":\"t.d\",\"$as\":\"month\"}", "d = '2026-02-28'", "\"2026-02-01\""},
        {"\"t.z\"", "z = '2026-07-01 12:00:00.5+02'", "\"2026-07-01T10:00:00.500000Z\""},
        {"\"t.l\"", "l = '2026-07-01 12:00:00'", "\"2026-07-01T10:00:00.000000Z\""},
        {"{\"$column\":\"t.z\",\"$as\":\"day\"}", "z = '2026-07-01 23:30:00+00'",
         "\"2026-07-02\""},
        {"\"t.c\"", "c = 'AB'", "\"AB\""},
        {"\"t.c\"", "c = ' '", NULL},
        {"{\"$column\":\"t.v\",\"$as\":\"integer\"}", "v = ' 012 '", "12"},
        {"{\"$column\":\"t.v\",\"$as\":\"integer\"}", "v = 'douze'", "\"douze\""},
        {"{\"$column\":\"t.v\",\"$as\":\"boolean\"}", "v = 'O'", "true"},
        {"{\"$column\":\"t.v\",\"$as\":\"boolean\"}", "v = 'oui'", "\"oui\""},
        {"\"t.y\"", "y = '\\x00ff'", "\"AP8=\""},
        {"\"t.u\"", "u = '00000000-0000-8000-8000-000000000001'",
         "\"00000000-0000-8000-8000-000000000001\""},
        {"\"t.j\"", "j = '{\"a\":[1,{\"b\":\"c\"}]}'", "{\"a\":[1,{\"b\":\"c\"}]}"},
        {"{\"$first\":[\"t.v\",\"t.c\"]}", "c = 'x'", "\"x\""},
        {"{\"$value\":\"l'été\"}", "n = 1", "\"l'été\""},
        {"{\"$value\":7}", "n = 1", "7"},
        {"{\"$value\":true}", "n = 1", "true"},
        {"{\"$column\":\"t.c\",\"$codes\":{\"A\":\"X\",\"*\":\"Z\"}}", "c = 'A'",
         "\"X\""},
        {"{\"$column\":\"t.c\",\"$codes\":{\"A\":\"X\",\"*\":\"Z\"}}", "c = 'B'",
         "\"Z\""},
        {"{\"$column\":\"t.c\",\"$codes\":{\"A\":\"X\",\"*\":\"Z\"}}", "n = 1", NULL},
        {"{\"$column\":\"t.c\",\"$codes\":{\"A\":\"X\"}}", "c = 'B'", "\"B\""},
        {"{\"$column\":\"t.c\",\"$codes\":{\"A\":null}}", "c = 'A'", NULL},
        {"{\"$column\":\"t.b\",\"$codes\":{\"true\":1}}", "b = true", "1"},
        {"{\"m\":\"t.c\",\"n\":{\"o\":\"t.v\"}}", "n = 1", NULL},
        {"{\"$sum\":\"fils.x\",\"$as\":\"centimes\"}", "n = 1", "350"},
        {"{\"$each\":\"fils\",\"$item\":{\"x\":{\"$column\":\"fils.x\",\"$as\":"
         "\"integer\"},"
         "\"n\":\"t.n\"}}",
         "n = 4", "[{\"x\":1.5,\"n\":4},{\"x\":2,\"n\":4}]"},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct relais_error err = RELAIS_ERROR_INIT;
        char value[512], sql[512], *got;
        struct pg_mapping *m;
        PGresult *r;

        snprintf(sql, sizeof(sql),
                 "TRUNCATE t, fils; INSERT INTO t (id) VALUES (1); UPDATE t SET %s; "
                 "INSERT INTO fils VALUES (2, 1, 2.00), (1, 1, 1.5), (3, 2, 9)",
                 cases[i].row);
        free(helper_pg_sql(sql));
        snprintf(value, sizeof(value), "{\"k\":%s}", cases[i].value);
        m = small(value, &err);
        if (!m)
            fail_msg("%s: %s", cases[i].value, err.text);
        r = rows(bound(m)->objects_sql, "{1}", NULL);
        got = pruned(PQgetvalue(r, 0, 1));
        if (cases[i].want)
            snprintf(sql, sizeof(sql), "{\"k\":%s}", cases[i].want);
        assert_string_equal(got, cases[i].want ? sql : "{}");
        free(got);
        PQclear(r);
        pg_mapping_free(m);
    }
}

static void test_pg_mapping_names_with_quotes_stay_names(void **state)
{
    struct relais_error err = RELAIS_ERROR_INIT;
    struct pg_mapping *m;
    PGresult *r;

    free(helper_pg_sql("CREATE TABLE \"Bizarre \"\"; DROP\" (id int PRIMARY KEY, \"É'\" "
                       "text); INSERT INTO \"Bizarre \"\"; DROP\" VALUES (1, 'x')"));
    m = pg_mapping_parse(
        RELAIS_SLICE("{\"root\":\"r'\\\"\",\"tables\":{\"r'\\\"\":{\"table\":"
                     "\"public.\\\"Bizarre \\\"\\\"; DROP\\\"\"}},\"value\":{\"a'\":"
                     "\"r'\\\".É'\"}}"),
        &err);
    if (!m)
        fail_msg("%s", err.text);
    r = rows(bound(m)->objects_sql, "{1}", NULL);
    assert_string_equal(PQgetvalue(r, 0, 1), "{\"a'\" : \"x\"}");
    PQclear(r);
    pg_mapping_free(m);
}

static void test_pg_mapping_wrong_files_say_what_is_wrong(void **state)
{
    static const struct {
        const char *json;
        const char *told;
    } cases[] = {
        {"[]", "not an object"},
        {"{\"tables\":{},\"value\":{},\"root\":\"t\"}", "1 to 64"},
        {"{\"typo\":1}", "unknown member typo"},
        {"{\"kind\":\"delta\",\"value\":{}}", "delta"},
        {"{\"value\":{}}", "tables"},
        {"{}", "value"},
        {"{\"value\":{},\"root\":\"t\",\"tables\":{\"t\":{}}}", "table"},
        {"{\"value\":{},\"root\":\"t\",\"tables\":{\"t\":{\"table\":\"p."
         "t\"},"
         "\"u\":{\"table\":\"p.u\"}}}",
         "does not hang on the root: table u"},
        {"{\"value\":{},\"root\":\"t\",\"tables\":{\"t\":{\"table\":\"p."
         "t\"},"
         "\"u\":{\"table\":\"p.u\",\"parent\":\"v\",\"on\":{\"a\":\"b\"}},\"v\":{"
         "\"table\":"
         "\"p.v\",\"parent\":\"u\",\"on\":{\"a\":\"b\"}}}}",
         "does not hang on the root"},
        {"{\"value\":{},\"root\":\"t\",\"tables\":{\"t\":{\"table\":\"p."
         "t\"},"
         "\"u\":{\"table\":\"p.u\",\"parent\":\"t\"}}}",
         "\"on\""},
        {"{\"value\":{},\"root\":\"x\",\"tables\":{\"t\":{\"table\":\"p."
         "t\"}}}",
         "root"},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct relais_error err = RELAIS_ERROR_INIT;

        assert_null(pg_mapping_parse(relais_slice_str(cases[i].json), &err));
        assert_int_equal(err.code, RELAIS_E_CONF_VALUE);
        if (!strstr(err.text, cases[i].told))
            fail_msg("%s: %s", cases[i].json, err.text);
    }
}

static void test_pg_mapping_wrong_values_name_the_field(void **state)
{
    static const struct {
        const char *value;
        enum relais_code code;
        const char *where, *told;
    } cases[] = {
        {"{\"a\":{\"b\":\"t.absente\"}}", RELAIS_E_PG_SCHEMA, "value.a.b", "absente"},
        {"{\"a\":\"x.n\"}", RELAIS_E_CONF_VALUE, "value.a", "unknown table"},
        {"{\"a\":\"n\"}", RELAIS_E_CONF_VALUE, "value.a", "table.column"},
        {"{\"a\":5}", RELAIS_E_CONF_VALUE, "value.a", "neither"},
        {"{\"a\":\"t.a\"}", RELAIS_E_CONF_VALUE, "value.a", "centimes"},
        {"{\"a\":{\"$column\":\"t.y\",\"$as\":\"day\"}}", RELAIS_E_CONF_VALUE, "value.a",
         "bytea"},
        {"{\"a\":{\"$colunm\":\"t.y\"}}", RELAIS_E_CONF_VALUE, "value.a", "$colunm"},
        {"{\"a\":{\"$column\":\"t.n\",\"$cods\":{}}}", RELAIS_E_CONF_VALUE, "value.a",
         "$cods"},
        {"{\"a\":{\"$each\":\"t\",\"$item\":{}}}", RELAIS_E_CONF_VALUE, "value.a",
         "hangs on another"},
        {"{\"a\":{\"$each\":\"fils\"}}", RELAIS_E_CONF_VALUE, "value.a", "$item"},
        {"{\"a\":[{\"b\":\"t.n\"}]}", RELAIS_E_CONF_VALUE, "value.a", "$each"},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct relais_error err = RELAIS_ERROR_INIT;
        struct pg_mapping *m = small(cases[i].value, &err);

        assert_non_null(m);
        assert_int_equal(pg_mapping_bind(m, conn, &err), -1);
        if (err.code != cases[i].code || strcmp(err.where, cases[i].where) != 0 ||
            !strstr(err.text, cases[i].told))
            fail_msg("%s: %s %s", cases[i].value, err.where, err.text);
        pg_mapping_free(m);
    }
}

static void test_pg_mapping_root_needs_a_technical_key(void **state)
{
    struct relais_error err = RELAIS_ERROR_INIT;
    struct pg_mapping *m =
        pg_mapping_parse(RELAIS_SLICE("{\"root\":\"t\",\"tables\":{\"t\":{\"table\":"
                                      "\"public.texte\"}},\"value\":{}}"),
                         &err);

    assert_non_null(m);
    assert_int_equal(pg_mapping_bind(m, conn, &err), -1);
    assert_int_equal(err.code, RELAIS_E_CONF_VALUE);
    assert_non_null(strstr(err.text, "uuid"));
    pg_mapping_free(m);
}

/* Its pages would leave rows out. */
static void test_pg_mapping_root_needs_a_key_that_is_there_once(void **state)
{
    static const char *const made[] = {"v int NOT NULL", "v int UNIQUE",
                                       "v int NOT NULL UNIQUE", "v int PRIMARY KEY"};
    struct relais_error err = RELAIS_ERROR_INIT;
    struct pg_mapping *m = pg_mapping_parse(
        RELAIS_SLICE("{\"root\":\"t\",\"tables\":{\"t\":{\"table\":"
                     "\"public.une_fois\",\"key\":\"v\"}},\"value\":{}}"),
        &err);

    for (size_t i = 0; i < sizeof(made) / sizeof(*made); i++) {
        char sql[120];

        snprintf(sql, sizeof(sql),
                 "DROP TABLE IF EXISTS une_fois; CREATE TABLE une_fois (%s)", made[i]);
        free(helper_pg_sql(sql));
        relais_error_clear(&err);
        assert_int_equal(pg_mapping_bind(m, conn, &err), i < 2 ? -1 : 0);
        assert_int_equal(err.code, i < 2 ? RELAIS_E_CONF_VALUE : RELAIS_E_OK);
    }
    pg_mapping_free(m);
}

static void test_pg_mapping_partitions_tell_their_object_each(void **state)
{
    struct relais_error err = RELAIS_ERROR_INIT;
    struct pg_mapping *m = pg_mapping_parse(
        RELAIS_SLICE("{\"root\":\"t\",\"tables\":{\"t\":{\"table\":"
                     "\"public.morceaux\",\"key\":\"v\"}},\"value\":{}}"),
        &err);

    free(helper_pg_sql(
        "DROP TABLE IF EXISTS morceaux; CREATE TABLE morceaux (v int PRIMARY KEY) "
        "PARTITION BY RANGE (v); CREATE TABLE morceau PARTITION OF morceaux DEFAULT"));
    assert_int_equal(pg_mapping_check_identity(bound(m), conn, &err), 0);
    free(helper_pg_sql("ALTER TABLE morceau REPLICA IDENTITY NOTHING; ALTER TABLE "
                       "morceaux REPLICA IDENTITY FULL"));
    assert_int_equal(pg_mapping_check_identity(bound(m), conn, &err), -1);
    assert_int_equal(err.code, RELAIS_E_PG_SCHEMA);
    pg_mapping_free(m);
}

static void test_pg_mapping_wants_old_rows_to_tell_their_object(void **state)
{
    struct relais_error err = RELAIS_ERROR_INIT;
    struct pg_mapping *m = small("{\"a\":\"t.n\"}", &err);

    assert_int_equal(pg_mapping_check_identity(bound(m), conn, &err), -1);
    assert_int_equal(err.code, RELAIS_E_PG_SCHEMA);
    assert_non_null(
        strstr(err.text, "ALTER TABLE \"public\".\"fils\" REPLICA IDENTITY FULL"));
    relais_error_clear(&err);
    free(helper_pg_sql("ALTER TABLE fils REPLICA IDENTITY FULL"));
    assert_int_equal(pg_mapping_check_identity(bound(m), conn, &err), 0);
    free(helper_pg_sql("ALTER TABLE fils ALTER t_id SET NOT NULL; CREATE UNIQUE INDEX "
                       "fils_i ON fils (t_id, id); ALTER TABLE fils REPLICA IDENTITY "
                       "USING INDEX fils_i"));
    assert_int_equal(pg_mapping_check_identity(bound(m), conn, &err), 0);
    pg_mapping_free(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pg_mapping_reads_whole_objects_of_webrsa),
        cmocka_unit_test(test_pg_mapping_pages_by_the_root_key),
        cmocka_unit_test(test_pg_mapping_finds_the_root_of_every_table),
        cmocka_unit_test(test_pg_mapping_types_become_values),
        cmocka_unit_test(test_pg_mapping_names_with_quotes_stay_names),
        cmocka_unit_test(test_pg_mapping_wrong_files_say_what_is_wrong),
        cmocka_unit_test(test_pg_mapping_wrong_values_name_the_field),
        cmocka_unit_test(test_pg_mapping_root_needs_a_technical_key),
        cmocka_unit_test(test_pg_mapping_root_needs_a_key_that_is_there_once),
        cmocka_unit_test(test_pg_mapping_partitions_tell_their_object_each),
        cmocka_unit_test(test_pg_mapping_wants_old_rows_to_tell_their_object),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
