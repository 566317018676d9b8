/* connectors/pgoutput: bytes of the protocol, well formed or not, without a server. */
#include "connectors/pgoutput.h"
#include "helper_core.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

/* Messages in hex, as PostgreSQL sends them. */
#define BEGIN  "42 0000000001000000 0002A2B3C4D5E6F7 000002F1"
#define COMMIT "43 00 0000000001000000 0000000001000030 0002A2B3C4D5E6F7"
/* public.dossier (id int4 key, nom text), OID 0x4001 */
#define DOSSIER                                                                          \
    "52 00004001 7075626C696300 646F737369657200 64 0002"                                \
    "01 696400 00000017 FFFFFFFF 00 6E6F6D00 00000019 FFFFFFFF"

static struct relais_slice bytes_of(const char *hex)
{
    static char bytes[1024];
    size_t len = 0;

    for (; *hex; hex++) {
        char pair[3] = {hex[0], hex[1], 0};

        if (*hex == ' ')
            continue;
        assert_true(len < sizeof(bytes));
        bytes[len++] = (char)strtol(pair, NULL, 16);
        hex++;
    }
    return (struct relais_slice){bytes, len};
}

static const struct pg_event *decode(struct pgoutput *p, const char *hex)
{
    struct relais_error err = RELAIS_ERROR_INIT;
    const struct pg_event *event;

    if (pgoutput_decode(p, bytes_of(hex), &event, &err) < 0)
        fail_msg("%s: %s", hex, err.text);
    return event;
}

static enum relais_code refused(struct pgoutput *p, const char *hex)
{
    struct relais_error err = RELAIS_ERROR_INIT;
    const struct pg_event *event;

    assert_int_equal(pgoutput_decode(p, bytes_of(hex), &event, &err), -1);
    return err.code;
}

static int setup(void **state)
{
    *state = pgoutput_new();
    return 0;
}

static int teardown(void **state)
{
    pgoutput_free(*state);
    return 0;
}

static void test_pgoutput_transaction_is_told_from_its_beginning(void **state)
{
    const struct pg_event *e = decode(*state, BEGIN);

    assert_int_equal(e->kind, PG_EVENT_BEGIN);
    assert_int_equal(e->commit_lsn, 0x1000000);
    assert_int_equal(e->end_lsn, 0);
    assert_int_equal(e->observed_us, 0x2A2B3C4D5E6F7 + 946684800000000);
    assert_int_equal(e->xid, 0x2F1);
    assert_true(pgoutput_in_transaction(*state));
    e = decode(*state, COMMIT);
    assert_int_equal(e->kind, PG_EVENT_COMMIT);
    assert_int_equal(e->end_lsn, 0x1000030);
    assert_int_equal(e->observed_us, 0x2A2B3C4D5E6F7 + 946684800000000);
    assert_false(pgoutput_in_transaction(*state));
}

static void test_pgoutput_rows_have_their_table_and_values(void **state)
{
    const struct pg_event *e;

    decode(*state, BEGIN);
    assert_null(decode(*state, DOSSIER));
    e = decode(*state, "49 00004001 4E 0002 62 00000004 0000002A 74 00000002 4142");
    assert_int_equal(e->kind, PG_EVENT_INSERT);
    assert_string_equal(e->relation->schema, "public");
    assert_string_equal(e->relation->name, "dossier");
    assert_int_equal(e->relation->identity, 'd');
    assert_int_equal(e->relation->column_count, 2);
    assert_true(e->relation->columns[0].key && !e->relation->columns[1].key);
    assert_int_equal(e->relation->columns[0].type, 23);
    assert_int_equal(e->relation->columns[1].modifier, -1);
    assert_int_equal(e->now[0].kind, PG_DATUM_BINARY);
    assert_memory_equal(e->now[0].bytes.ptr, "\0\0\0*", 4);
    assert_int_equal(e->now[1].kind, PG_DATUM_TEXT);
    assert_true(relais_slice_is(e->now[1].bytes, "AB"));
    assert_null(e->old);
    e = decode(*state, "55 00004001 4B 0002 74 00000001 31 6E 4E 0002 74 00000001 32 75");
    assert_int_equal(e->kind, PG_EVENT_UPDATE);
    assert_true(e->old_is_key);
    assert_true(relais_slice_is(e->old[0].bytes, "1"));
    assert_int_equal(e->old[1].kind, PG_DATUM_NULL);
    assert_true(relais_slice_is(e->now[0].bytes, "2"));
    assert_int_equal(e->now[1].kind, PG_DATUM_UNCHANGED);
    e = decode(*state, "55 00004001 4E 0002 74 00000001 32 6E");
    assert_null(e->old);
    e = decode(*state, "44 00004001 4F 0002 74 00000001 32 74 00000000");
    assert_int_equal(e->kind, PG_EVENT_DELETE);
    assert_false(e->old_is_key);
    assert_null(e->now);
    assert_int_equal(e->old[1].bytes.len, 0);
    assert_non_null(e->old[1].bytes.ptr);
}

static void test_pgoutput_version_changes_with_the_columns_only(void **state)
{
    struct pg_relation *rel;
    uint64_t version;

    decode(*state, BEGIN);
    decode(*state, DOSSIER);
    rel = decode(*state, "54 00000001 00 00004001")->relation;
    version = rel->version;
    rel->user = rel;
    decode(*state, DOSSIER);
    assert_int_equal(rel->version, version);
    assert_ptr_equal(rel->user, rel);
    decode(*state, "52 00004001 7075626C696300 646F737369657200 64 0001"
                   "01 696400 00000017 FFFFFFFF");
    assert_int_not_equal(rel->version, version);
    assert_null(rel->user);
    assert_int_equal(rel->column_count, 1);
    assert_int_equal(
        refused(*state, "49 00004001 4E 0002 74 00000001 31 74 00000002 4142"),
        RELAIS_E_PG_PROTOCOL);
}

static void test_pgoutput_truncate_is_one_event_a_table(void **state)
{
    const struct pg_event *e;

    decode(*state, BEGIN);
    decode(*state, DOSSIER);
    decode(*state, "52 00004002 00 7000 6E 0000");
    e = decode(*state, "54 00000002 01 00004001 00004002");
    assert_int_equal(e->kind, PG_EVENT_TRUNCATE);
    assert_string_equal(e->relation->name, "dossier");
    e = pgoutput_more(*state);
    assert_string_equal(e->relation->name, "p");
    assert_string_equal(e->relation->schema, "pg_catalog");
    assert_null(pgoutput_more(*state));
}

static void test_pgoutput_messages_stand_within_transactions_or_alone(void **state)
{
    const struct pg_event *e =
        decode(*state, "4D 00 0000000000FFFFF0 62617474656D656E7400 00000002 0001");

    assert_int_equal(e->kind, PG_EVENT_MESSAGE);
    assert_false(e->transactional);
    assert_int_equal(e->end_lsn, 0xFFFFF0);
    assert_string_equal(e->prefix, "battement");
    assert_int_equal(e->content.len, 2);
    assert_int_equal(refused(*state, "4D 01 0000000000FFFFF0 6100 00000000"),
                     RELAIS_E_PG_PROTOCOL);
    decode(*state, BEGIN);
    e = decode(*state, "4D 01 0000000000FFFFF0 6100 00000000");
    assert_true(e->transactional);
    assert_int_equal(e->end_lsn, 0);
    assert_int_equal(e->commit_lsn, 0x1000000);
}

static void test_pgoutput_types_and_origins_give_nothing(void **state)
{
    decode(*state, BEGIN);
    assert_null(decode(*state, "59 00004005 7075626C696300 7400"));
    assert_null(decode(*state, "4F 0000000000000001 6F00"));
}

/* Each well-formed message: no shorter and no longer one is taken. */
static void test_pgoutput_every_other_length_is_refused(void **state)
{
    static const char *const messages[] = {
        "49 00004001 4E 0002 62 00000004 0000002A 74 00000002 4142",
        "55 00004001 4B 0002 74 00000001 31 6E 4E 0002 74 00000001 32 75",
        "44 00004001 4F 0002 74 00000001 32 74 00000000",
        "54 00000001 00 00004001",
        "4D 01 0000000000FFFFF0 6100 00000001 00",
        "59 00004005 7075626C696300 7400",
        "4F 0000000000000001 6F00",
        DOSSIER,
        COMMIT,
    };

    for (size_t i = 0; i < sizeof(messages) / sizeof(*messages); i++) {
        struct relais_slice whole = bytes_of(messages[i]);

        for (size_t len = 0; len <= whole.len + 1; len++) {
            struct pgoutput *p = pgoutput_new();
            struct relais_error err = RELAIS_ERROR_INIT;
            const struct pg_event *event;
            char *copy = relais_zalloc(len + 1);
            int rc;

            decode(p, BEGIN);
            decode(p, DOSSIER);
            whole = bytes_of(messages[i]);
            memcpy(copy, whole.ptr, len < whole.len ? len : whole.len);
            rc = pgoutput_decode(p, (struct relais_slice){copy, len}, &event, &err);
            if ((rc >= 0) != (len == whole.len))
                fail_msg("%s: %zu bytes", messages[i], len);
            free(copy);
            pgoutput_free(p);
        }
    }
}

static void test_pgoutput_out_of_place_is_refused(void **state)
{
    assert_int_equal(refused(*state, COMMIT), RELAIS_E_PG_PROTOCOL);
    decode(*state, DOSSIER);
    assert_int_equal(refused(*state, "49 00004001 4E 0002 6E 6E"), RELAIS_E_PG_PROTOCOL);
    decode(*state, BEGIN);
    assert_int_equal(refused(*state, BEGIN), RELAIS_E_PG_PROTOCOL);
    assert_int_equal(refused(*state, "49 00004009 4E 0002 6E 6E"), RELAIS_E_PG_PROTOCOL);
    assert_int_equal(refused(*state, "54 00000001 00 00004009"), RELAIS_E_PG_PROTOCOL);
    assert_int_equal(refused(*state, "49 00004001 4E 0002 74 FFFFFFFF 41 6E"),
                     RELAIS_E_PG_PROTOCOL);
    assert_int_equal(refused(*state, "53 00000001 01"), RELAIS_E_PG_PROTOCOL);
    assert_int_equal(refused(*state, "52 00004003 6100 6200 64 0641"),
                     RELAIS_E_PG_PROTOCOL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        T(test_pgoutput_transaction_is_told_from_its_beginning),
        T(test_pgoutput_rows_have_their_table_and_values),
        T(test_pgoutput_version_changes_with_the_columns_only),
        T(test_pgoutput_truncate_is_one_event_a_table),
        T(test_pgoutput_messages_stand_within_transactions_or_alone),
        T(test_pgoutput_types_and_origins_give_nothing),
        T(test_pgoutput_every_other_length_is_refused),
        T(test_pgoutput_out_of_place_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
