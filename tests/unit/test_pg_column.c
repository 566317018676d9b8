/* Which types of a table's columns a sink takes: those it takes hold the value, the
 * others are named at start. */
#include "core/loop.h"
#include "helper_core.h"
#include "helper_sink.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define CONTRACT "fr.relais.essai.EvenementEssai"
#define TOPIC    "dep93.essai.v1"

static int setup(void **state)
{
    free(helper_pg_sql(
        "DROP SCHEMA IF EXISTS relais CASCADE; CREATE SCHEMA "
        "relais;" HELPER_SINK_POSITIONS
        "CREATE TABLE relais.evenement_essai (essai text PRIMARY KEY, entete_id text, "
        "entete_constate_le timestamptz, entete_sequence bigint);"
        "CREATE TABLE relais.evenement_essai_parties (essai text, ordre int, n int)"));
    *state = helper_sink_new(CONTRACT, TOPIC, NULL);
    return 0;
}

/* A value of each kind, as a field x. */
static const struct {
    const char *name, *json;
    enum relais_value_kind kind;
} values[] = {
    {"bool", "true", RELAIS_VALUE_BOOL},
    {"long", "-5", RELAIS_VALUE_LONG},
    {"double", "1.5", RELAIS_VALUE_DOUBLE},
    {"text", "\"mot\"", RELAIS_VALUE_STRING},
    {"uuid", "\"00000000-0000-8000-8000-000000000001\"", RELAIS_VALUE_STRING},
    {"day", "20000", RELAIS_VALUE_DAY},
    {"instant", "1767225600000001", RELAIS_VALUE_INSTANT},
    {"bytes", "\"\\u0001z\"", RELAIS_VALUE_BYTES},
    {"list", "[1, \"a\"]", RELAIS_VALUE_ARRAY},
    {"record", "{\"a\": 1}", RELAIS_VALUE_RECORD},
};
enum { TEXT = 3, BYTES = 7 };

/* An event with the i-th of them; its value. */
static const struct relais_value *add_x(struct fixture *f, size_t i)
{
    struct relais_record *rec;
    char json[300];
    struct relais_value *head;

    snprintf(json, sizeof(json),
             "{\"essai\":\"%s\",\"entete\":{\"id\":\"%s\",\"constate_le\":1,"
             "\"sequence\":1},\"parties\":[{\"n\":1}],\"x\":%s}",
             values[i].name, values[i].name, values[i].json);
    rec = helper_sink_add(f, json);
    head = relais_value_get(rec->value, "entete");
    relais_value_get(head, "constate_le")->kind = RELAIS_VALUE_INSTANT;
    relais_value_get(rec->value, "x")->kind = values[i].kind;
    return rec->value;
}

/* The event of the batch is written, and x holds its value. */
static void must_hold(struct fixture *f, const char *type, const char *value)
{
    struct relais_position list = {TOPIC, 0, -1, 0};
    struct relais_error err = RELAIS_ERROR_INIT;
    size_t done;

    if (f->ops->positions(f->sink, "g", &list, 1, &err) ||
        f->ops->write(f->sink, &f->batch, &done, &err))
        fail_msg("%s into %s: %s %s", value, type, err.where, err.text);
    assert_int_equal(
        helper_pg_number("SELECT count(x) FROM relais.evenement_essai WHERE entete_id "
                         "IS NOT NULL"),
        1);
    free(helper_pg_sql("TRUNCATE relais.evenement_essai, relais.evenement_essai_parties, "
                       "relais.relais_positions"));
}

static void test_pg_column_takes_what_it_holds_and_is_named_else(void **state)
{
    static const char anything[] = " bool long double text uuid day instant list record ";
    static const struct {
        const char *type, *takes;
    } types[] = {
        {"boolean", " bool "},
        {"smallint", " long "},
        {"bigint", " long "},
        {"numeric(8,2)", " long double "},
        {"double precision", " long double "},
        {"real", " double "},
        {"money", " "},
        {"text", anything},
        {"varchar(60)", anything},
        {"relais.mot", " text "},
        {"relais.court", anything},
        {"relais.petit", " long "},
        {"relais.arbre", anything},
        {"date", " day "},
        {"timestamptz", " day instant "},
        {"timestamp", " day instant "},
        {"time", " "},
        {"uuid", " uuid "},
        {"bytea", " bytes "},
        {"jsonb", anything},
        {"text[]", " "},
        {"int4range", " "},
        {"relais.relais_positions", " "},
    };
    struct fixture *f = *state;

    free(helper_pg_sql("CREATE TYPE relais.mot AS ENUM ('mot'); CREATE DOMAIN "
                       "relais.court AS text; CREATE DOMAIN relais.petit AS int; CREATE "
                       "DOMAIN relais.arbre AS jsonb;"
                       "ALTER TABLE relais.evenement_essai ADD x int"));
    for (size_t t = 0; t < sizeof(types) / sizeof(*types); t++) {
        char sql[200];

        snprintf(sql, sizeof(sql), "ALTER TABLE relais.evenement_essai DROP x, ADD x %s",
                 types[t].type);
        free(helper_pg_sql(sql));
        for (size_t i = 0; i < sizeof(values) / sizeof(*values); i++) {
            struct relais_error err = RELAIS_ERROR_INIT;
            const struct relais_value *v = add_x(f, i);
            char word[16];
            int rc;

            helper_sink_open(f);
            rc = f->ops->expect(f->sink, CONTRACT, v, v, &err);
            snprintf(word, sizeof(word), " %s ", values[i].name);
            if ((rc == 0) != (strstr(types[t].takes, word) != NULL))
                fail_msg("%s into %s: %d %s %s", values[i].name, types[t].type, rc,
                         err.where, err.text);
            if (rc) {
                assert_int_equal(err.code, RELAIS_E_PG_SCHEMA);
                assert_string_equal(err.where, "evenement_essai.x");
            } else {
                must_hold(f, types[t].type, values[i].name);
            }
            relais_batch_reset(&f->batch);
        }
    }
}

static void test_pg_column_of_a_protected_field_is_of_either_form(void **state)
{
    struct fixture *f = *state;
    struct relais_error err = RELAIS_ERROR_INIT;
    const struct relais_value *open = add_x(f, TEXT), *closed = add_x(f, BYTES);

    free(helper_pg_sql("ALTER TABLE relais.evenement_essai ADD x text"));
    assert_int_equal(f->ops->expect(f->sink, CONTRACT, open, closed, &err), 0);
    free(helper_pg_sql("ALTER TABLE relais.evenement_essai DROP x, ADD x bytea"));
    helper_sink_open(f);
    assert_int_equal(f->ops->expect(f->sink, CONTRACT, open, closed, &err), 0);
    free(helper_pg_sql("ALTER TABLE relais.evenement_essai DROP x, ADD x int"));
    helper_sink_open(f);
    assert_int_equal(f->ops->expect(f->sink, CONTRACT, open, closed, &err), -1);
}

static void test_pg_column_of_a_list_is_checked_too(void **state)
{
    struct fixture *f = *state;
    struct relais_error err = RELAIS_ERROR_INIT;
    const struct relais_value *v = add_x(f, TEXT);

    free(helper_pg_sql(
        "ALTER TABLE relais.evenement_essai_parties ALTER n TYPE bytea USING NULL"));
    assert_int_equal(f->ops->expect(f->sink, CONTRACT, v, v, &err), -1);
    assert_string_equal(err.where, "evenement_essai_parties.n");
    assert_non_null(strstr(err.text, "bytea"));
    assert_non_null(strstr(err.text, "bigint"));
}

static void test_pg_column_that_changed_is_named_after_a_lost_connection(void **state)
{
    struct fixture *f = *state;
    struct relais_error err = RELAIS_ERROR_INIT;
    const struct relais_value *v = add_x(f, TEXT);
    size_t done;

    free(helper_pg_sql("ALTER TABLE relais.evenement_essai ADD x text"));
    assert_int_equal(f->ops->expect(f->sink, CONTRACT, v, v, &err), 0);
    must_hold(f, "text", "text");
    free(helper_pg_sql(
        "ALTER TABLE relais.evenement_essai ALTER x TYPE int USING NULL;"
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name "
        "LIKE 'relais/%'"));
    assert_int_equal(f->ops->write(f->sink, &f->batch, &done, &err), -1);
    assert_int_equal(relais_error_class(err.code), RELAIS_RETRY);
    relais_error_clear(&err);
    assert_int_equal(f->ops->positions(f->sink, "g",
                                       &(struct relais_position){TOPIC, 0, -1, 0}, 1,
                                       &err),
                     0);
    assert_int_equal(f->ops->write(f->sink, &f->batch, &done, &err), -1);
    assert_int_equal(err.code, RELAIS_E_PG_SCHEMA);
    assert_string_equal(err.where, "evenement_essai.x");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(name)                                                                          \
    cmocka_unit_test_setup_teardown(test_pg_column_##name, setup, helper_sink_teardown)
        T(takes_what_it_holds_and_is_named_else),
        T(of_a_protected_field_is_of_either_form),
        T(of_a_list_is_checked_too),
        T(that_changed_is_named_after_a_lost_connection),
#undef T
    };

    relais_loop_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
