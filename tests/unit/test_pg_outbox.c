/* connectors/source_postgres_outbox against a server: what rows and messages become, in
 * which order, what is confirmed when, what comes again after a stop at any place. */
#include "connectors/connector.h"
#include "connectors/pg_conn.h"
#include "core/loop.h"
#include "helper_core.h"
#include "helper_pg.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define SEEN_MAX 65536
#define ALL      SIZE_MAX
#define ID       "2f0c9b64-0c5e-4c0a-9d3e-6d1f0a9b7c11"
#define TRACE    "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

struct seen {
    enum relais_record_kind kind;
    enum relais_code code;
    char json[200]; /* the value */
    char id[40], position[40], schema[40], number[24], trace[60], encoded[24];
    char where[96];
    size_t charge_len;
    int64_t observed_us;
    uint64_t ack;
};

struct fixture {
    char *folder;
    struct relais_conf *conf;
    const struct relais_source_ops *ops;
    void *source;
    struct relais_batch batch;
    struct seen *seen;
    size_t count;
    uint64_t last_ack;
    int marks;
};

static const char lines[] =
    "schema = EvenementDroit\nslot = essai\npublication = essai\n";

static void configure(struct fixture *f, const char *more)
{
    char text[1024];

    snprintf(text, sizeof(text), "%s%s", strstr(more, "slot =") ? "" : lines, more);
    relais_conf_free(f->conf);
    f->conf = helper_pg_conf_in(f->folder, relais_source_postgres_outbox.keys, text);
}

static void start(struct fixture *f)
{
    struct relais_error err = RELAIS_ERROR_INIT;

    for (int i = 0; i < 500; i++) {
        relais_error_clear(&err);
        if (f->ops->open(&f->source, f->conf, &err) == 0)
            return;
        if (relais_error_class(err.code) != RELAIS_RETRY)
            break;
        usleep(20000);
    }
    fail_msg("%s %s: %s", relais_error_name(err.code), err.where, err.text);
}

static void stop(struct fixture *f)
{
    f->ops->close(f->source);
    f->source = NULL;
    f->last_ack = 0;
}

static int setup(void **state)
{
    struct fixture *f = relais_zalloc(sizeof(*f));
    char folder[512];

    f->folder = helper_folder();
    snprintf(folder, sizeof(folder), "%s/state", f->folder);
    assert_int_equal(mkdir(folder, 0700), 0);
    f->ops = relais_source_postgres_outbox.source;
    f->seen = relais_zalloc(SEEN_MAX * sizeof(*f->seen));
    free(helper_pg_sql(
        "DROP TABLE IF EXISTS outbox, avro, autre CASCADE;"
        "CREATE TABLE outbox (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), "
        "aggregatetype text, aggregateid text, type text, payload jsonb);"
        "CREATE TABLE avro (id bigserial PRIMARY KEY, aggregateid text, payload bytea);"
        "CREATE TABLE autre (id int PRIMARY KEY);"
        "CREATE PUBLICATION essai FOR TABLE outbox, avro, autre"));
    free(helper_pg_sql("SELECT pg_create_logical_replication_slot('essai', 'pgoutput')"));
    configure(f, "");
    relais_batch_init(&f->batch, 8u << 20);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    if (f->source)
        stop(f);
    relais_batch_release(&f->batch);
    relais_conf_free(f->conf);
    helper_remove(f->folder);
    free(f->seen);
    free(f);
    helper_pg_drop_slots();
    free(helper_pg_sql("DROP PUBLICATION IF EXISTS essai"));
    return 0;
}

#define KEEP(to, slice) snprintf(to, sizeof(to), "%.*s", (int)(slice).len, (slice).ptr)

/* false: a mark, which is not kept. */
static bool see(struct fixture *f, const struct relais_record *rec)
{
    struct seen *s = &f->seen[f->count];
    struct relais_buf json = RELAIS_BUF_INIT(1u << 20);

    assert_true(f->count + 1 < SEEN_MAX);
    assert_true(rec->ack > f->last_ack);
    assert_true(relais_slice_is(rec->depot, "essai"));
    f->last_ack = rec->ack;
    memset(s, 0, sizeof(*s));
    s->kind = rec->kind;
    s->code = rec->problem.code;
    s->observed_us = rec->observed_us;
    s->ack = rec->ack;
    s->charge_len = rec->charge.len;
    KEEP(s->id, rec->id);
    KEEP(s->position, rec->position);
    KEEP(s->number, rec->case_number);
    KEEP(s->trace, rec->trace);
    KEEP(s->encoded, rec->encoded);
    snprintf(s->schema, sizeof(s->schema), "%s", rec->schema ? rec->schema : "");
    snprintf(s->where, sizeof(s->where), "%s", rec->problem.where);
    if (rec->value) {
        assert_int_equal(relais_value_print(rec->value, &json), 0);
        snprintf(s->json, sizeof(s->json), "%s", json.data);
        relais_buf_release(&json);
    }
    if (strncmp(s->number, "mark", 4) == 0)
        return false;
    f->count++;
    return true;
}

/* One poll; RETRY is waited out. *marked_out: the mark looked for was among it. */
static bool poll_once(struct fixture *f, bool ack, bool *marked_out)
{
    struct relais_error err = RELAIS_ERROR_INIT;
    char mark[24];

    snprintf(mark, sizeof(mark), "mark%d", f->marks);
    relais_batch_reset(&f->batch);
    if (f->ops->poll(f->source, &f->batch, 20, &err)) {
        if (relais_error_class(err.code) != RELAIS_RETRY)
            fail_msg("%s %s: %s", relais_error_name(err.code), err.where, err.text);
        usleep(20000);
        return false;
    }
    for (const struct relais_record *rec = f->batch.first; rec; rec = rec->next)
        *marked_out |= !see(f, rec) && relais_slice_is(rec->case_number, mark);
    if (ack && f->last_ack && f->ops->ack(f->source, f->last_ack, &err))
        fail_msg("%s: %s", err.where, err.text);
    return f->batch.count != 0;
}

/* A statement before and after the mark's name. */
static void put_mark(struct fixture *f, const char *const sql[2])
{
    char text[200];

    snprintf(text, sizeof(text), "%smark%d%s", sql[0], ++f->marks, sql[1]);
    free(helper_pg_sql(text));
}

static const char *const row_mark[2] = {
    "INSERT INTO outbox (aggregateid, payload) VALUES ('", "', '{}')"};
static const char *const avro_mark[2] = {
    "INSERT INTO avro (aggregateid, payload) VALUES ('", "', '')"};
static const char *const message_mark[2] = {
    "SELECT pg_logical_emit_message(true, 'relais', '{\"payload\":{},\"aggregateid\":\"",
    "\"}')"};

/* Polls until max records came, or (ALL) a mark written now, and all is confirmed. */
static void drain_with(struct fixture *f, size_t max, bool ack, const char *const mark[2])
{
    size_t before = f->count;
    bool marked = max != ALL;

    if (!marked)
        put_mark(f, mark);
    for (int quiet = 0; quiet < 1000 && f->count - before < max; quiet++) {
        if (poll_once(f, ack, &marked))
            quiet = 0;
        else if (marked && max == ALL && (!ack || f->ops->idle(f->source)))
            return;
    }
    if (f->count - before < max)
        fail_msg("%zu records, then nothing", f->count - before);
}

static void drain(struct fixture *f, size_t max, bool ack)
{
    drain_with(f, max, ack, row_mark);
}

static long long confirmed(void)
{
    return helper_pg_number("SELECT confirmed_flush_lsn - '0/0' FROM "
                            "pg_replication_slots WHERE slot_name = 'essai'");
}

static void test_pg_outbox_row_becomes_a_fact(void **state)
{
    struct fixture *f = *state;
    const struct seen *s = f->seen;
    long long now_us;

    start(f);
    free(helper_pg_sql("INSERT INTO outbox VALUES ('" ID "', 'droit', '0100001', "
                       "'ouverture', '{\"etat\": \"OUVERT\", \"montant\": 12}')"));
    now_us = helper_pg_number("SELECT (extract(epoch FROM now()) * 1000000)::int8");
    drain(f, ALL, true);
    assert_int_equal(f->count, 1);
    assert_int_equal(s->kind, RELAIS_RECORD_FACT);
    assert_string_equal(s->id, ID);
    assert_string_equal(s->schema, "EvenementDroit");
    assert_string_equal(s->number, "0100001");
    assert_string_equal(
        s->json,
        "{\"etat\":\"OUVERT\",\"montant\":12,\"entete\":{\"dossier\":\"0100001\"}}");
    assert_true(s->observed_us <= now_us && s->observed_us > now_us - 60000000);
    assert_non_null(strstr(s->position, "/1"));
    assert_true(s->charge_len > 10);
}

static void test_pg_outbox_rows_deleted_at_once_are_events(void **state)
{
    struct fixture *f = *state;

    start(f);
    free(helper_pg_sql(
        "BEGIN; INSERT INTO outbox (aggregateid, payload) VALUES ('1', '{}'), ('2', "
        "'{}'); DELETE FROM outbox; COMMIT; INSERT INTO autre VALUES (1); UPDATE outbox "
        "SET type = 'x'; TRUNCATE outbox"));
    drain(f, ALL, true);
    assert_int_equal(f->count, 2);
    assert_string_equal(f->seen[0].number, "1");
    assert_string_equal(f->seen[1].number, "2");
    assert_true(strcmp(f->seen[0].position, f->seen[1].position) < 0);
}

static void test_pg_outbox_updates_are_passed_over(void **state)
{
    struct fixture *f = *state;

    start(f);
    free(helper_pg_sql(
        "INSERT INTO outbox (aggregateid, payload) VALUES ('1', '{\"a\": 1}')"));
    free(helper_pg_sql("UPDATE outbox SET payload = '{\"a\": 2}'"));
    drain(f, ALL, true);
    assert_int_equal(f->count, 1);
    assert_non_null(strstr(f->seen[0].json, "\"a\":1"));
}

static void test_pg_outbox_payload_goes_before_columns(void **state)
{
    struct fixture *f = *state;

    configure(f, "columns = type = prestation,vu=entete.vu,"
                 "n=n,oui=oui,brut=brut,trace=traceparent\n");
    free(helper_pg_sql("ALTER TABLE outbox ADD vu timestamptz, ADD n bigint, ADD oui "
                       "boolean, ADD brut json, ADD trace text"));
    start(f);
    free(helper_pg_sql("INSERT INTO outbox VALUES ('" ID "', NULL, '7', 'RSA', "
                       "'{\"entete\": {\"dossier\": \"8\"}, \"prestation\": null}', "
                       "'2026-03-01 10:00:00.5+00', 9007199254740993, true, "
                       "'{\"x\": [1]}', '" TRACE "')"));
    free(helper_pg_sql("INSERT INTO outbox (payload, trace) VALUES ('{}', 'Dupont')"));
    drain(f, ALL, true);
    assert_int_equal(f->count, 2);
    assert_string_equal(f->seen[0].json,
                        "{\"entete\":{\"dossier\":\"8\",\"vu\":"
                        "\"2026-03-01T10:00:00.5Z\"},\"prestation\":\"RSA\",\"n\":"
                        "9007199254740993,\"oui\":true,\"brut\":{\"x\":[1]}}");
    assert_string_equal(f->seen[0].trace, TRACE);
    assert_string_equal(f->seen[1].trace, "");
    assert_string_equal(f->seen[1].json, "{}");
}

/* A case's number is a text; a number elsewhere stays one, but for a numeric. */
static void test_pg_outbox_case_may_be_a_column_of_numbers(void **state)
{
    struct fixture *f = *state;

    configure(f, "columns = n = montant, d = rang\n");
    free(helper_pg_sql("ALTER TABLE outbox ALTER aggregateid TYPE bigint USING NULL, "
                       "ADD n bigint, ADD d numeric(18)"));
    start(f);
    free(helper_pg_sql("INSERT INTO outbox (aggregateid, payload, n, d) VALUES "
                       "(9007199254740993, '{}', 12, 5)"));
    drain(f, 1, true);
    assert_string_equal(
        f->seen[0].json,
        "{\"entete\":{\"dossier\":\"9007199254740993\"},\"montant\":12,\"rang\":\"5\"}");
}

static void test_pg_outbox_other_aggregates_are_left_out(void **state)
{
    struct fixture *f = *state;

    configure(f, "aggregatetype = oui\n");
    start(f);
    free(helper_pg_sql("INSERT INTO outbox (aggregatetype, aggregateid, payload) VALUES "
                       "('non', '1', '{}'), (NULL, '2', '{}'), ('oui', '3', '{}')"));
    drain(f, 1, true);
    assert_string_equal(f->seen[0].number, "3");
}

static void test_pg_outbox_route_names_the_contract(void **state)
{
    struct fixture *f = *state;
    char name[64];

    configure(f, "slot = essai\npublication = essai\n"
                 "routes = droit=EvenementDroit, paiement = EvenementPaiement\n");
    assert_true(relais_source_postgres_outbox.yields(f->conf, 1, name, sizeof(name)));
    assert_string_equal(name, "EvenementPaiement");
    assert_false(relais_source_postgres_outbox.yields(f->conf, 2, name, sizeof(name)));
    start(f);
    free(helper_pg_sql("INSERT INTO outbox (aggregatetype, aggregateid, payload) VALUES "
                       "('paiement', '1', '{}'), ('droit', '2', '{}'), ('autre', '3', "
                       "'{}'), (NULL, '4', '{}')"));
    drain(f, 4, true);
    assert_string_equal(f->seen[0].schema, "EvenementPaiement");
    assert_string_equal(f->seen[1].schema, "EvenementDroit");
    for (size_t i = 2; i < 4; i++) {
        assert_int_equal(f->seen[i].kind, RELAIS_RECORD_PARKED);
        assert_int_equal(f->seen[i].code, RELAIS_E_SCHEMA_UNKNOWN);
        assert_string_equal(f->seen[i].where, "aggregatetype");
    }
}

static void test_pg_outbox_bytea_is_ready_avro(void **state)
{
    struct fixture *f = *state;

    configure(f, "table = public.avro\n");
    start(f);
    free(helper_pg_sql("INSERT INTO avro (aggregateid, payload) VALUES ('1', "
                       "'\\x486162'), ('2', NULL), ('3', '')"));
    drain_with(f, ALL, true, avro_mark);
    assert_int_equal(f->count, 3);
    assert_int_equal(f->seen[0].kind, RELAIS_RECORD_FACT);
    assert_string_equal(f->seen[0].encoded, "Hab");
    assert_string_equal(f->seen[0].id, ""); /* a number is not an event's id */
    assert_string_equal(f->seen[0].json, "");
    assert_int_equal(f->seen[1].kind, RELAIS_RECORD_PARKED);
    assert_int_equal(f->seen[1].code, RELAIS_E_FIELD_MISSING);
    assert_int_equal(f->seen[2].kind, RELAIS_RECORD_FACT);
}

static void test_pg_outbox_unreadable_payloads_are_parked_in_their_place(void **state)
{
    struct fixture *f = *state;
    static const struct {
        enum relais_record_kind kind;
        enum relais_code code;
    } want[] = {
        {RELAIS_RECORD_PARKED, RELAIS_E_JSON_INVALID},
        {RELAIS_RECORD_PARKED, RELAIS_E_JSON_INVALID},
        {RELAIS_RECORD_PARKED, RELAIS_E_JSON_INVALID},
        {RELAIS_RECORD_FACT, RELAIS_E_OK},
        {RELAIS_RECORD_PARKED, RELAIS_E_LIMIT},
        {RELAIS_RECORD_PARKED, RELAIS_E_LIMIT},
        {RELAIS_RECORD_FACT, RELAIS_E_OK},
    };

    free(helper_pg_sql("ALTER TABLE outbox ALTER payload TYPE text"));
    start(f);
    free(helper_pg_sql(
        "INSERT INTO outbox (aggregateid, payload) VALUES ('0', '[1]'), ('1', '{'), "
        "('2', ''), ('3', '{}'), ('4', repeat('[', 200) || repeat(']', 200)), "
        "('5', '{\"a\": [' || repeat('1,', 9000000) || '1]}'), ('6', '{}')"));
    drain(f, ALL, true);
    assert_int_equal(f->count, 7);
    for (size_t i = 0; i < 7; i++) {
        char number[2] = {(char)('0' + i), '\0'};

        assert_int_equal(f->seen[i].kind, want[i].kind);
        assert_int_equal(f->seen[i].code, want[i].code);
        assert_string_equal(f->seen[i].number, number);
        if (want[i].code)
            assert_string_equal(f->seen[i].where, "payload");
    }
    assert_int_equal(f->seen[5].charge_len, 0);
}

/* Renamed under a running source: what the row says is parked, all of it. */
static void test_pg_outbox_row_without_its_payload_is_parked_whole(void **state)
{
    static const char *const mark[2] = {
        "ALTER TABLE outbox RENAME contenu TO payload; INSERT INTO outbox (aggregateid, "
        "payload) VALUES ('",
        "', '{}')"};
    struct fixture *f = *state;

    start(f);
    free(helper_pg_sql("ALTER TABLE outbox RENAME payload TO contenu; INSERT INTO outbox "
                       "(aggregateid, contenu) VALUES ('1', '{\"a\": 1}')"));
    drain_with(f, ALL, true, mark);
    assert_int_equal(f->count, 1);
    assert_int_equal(f->seen[0].kind, RELAIS_RECORD_PARKED);
    assert_int_equal(f->seen[0].code, RELAIS_E_FIELD_MISSING);
    assert_string_equal(f->seen[0].where, "payload");
    assert_true(f->seen[0].charge_len > strlen("\"contenu\":\"{}\",\"aggregateid\":1"));
}

static void test_pg_outbox_messages_are_rows_without_a_table(void **state)
{
    struct fixture *f = *state;

    if (helper_pg_number("SELECT current_setting('server_version_num')::int") < 140000)
        skip();
    configure(f, "prefix = relais\n");
    start(f);
    free(helper_pg_sql("SELECT pg_logical_emit_message(true, 'relais', '{\"id\":\"" ID
                       "\",\"aggregateid\":\"1\",\"payload\":{\"a\":1}}'), "
                       "pg_logical_emit_message(true, 'autre', '{}'), "
                       "pg_logical_emit_message(true, 'relais', '{\"b\":2}'), "
                       "pg_logical_emit_message(true, 'relais', "
                       "'{\"payload\":3,\"aggregateid\":\"4\"}')"));
    free(helper_pg_sql("SELECT pg_logical_emit_message(false, 'relais', '{\"c\":1}')"));
    drain_with(f, ALL, true, message_mark);
    assert_int_equal(f->count, 4);
    assert_string_equal(f->seen[0].id, ID);
    assert_string_equal(f->seen[0].json, "{\"a\":1,\"entete\":{\"dossier\":\"1\"}}");
    assert_string_equal(f->seen[1].json, "{\"b\":2}");
    assert_int_equal(f->seen[2].kind, RELAIS_RECORD_PARKED);
    assert_int_equal(f->seen[2].code, RELAIS_E_JSON_INVALID);
    assert_int_equal(f->seen[3].kind, RELAIS_RECORD_PARKED);
    assert_int_equal(f->seen[3].code, RELAIS_E_FIELD_MISSING);
    assert_true(f->seen[0].observed_us > 0);
}

/* Only what is durable, and everything before it, is confirmed. */
static void test_pg_outbox_confirms_what_is_acknowledged(void **state)
{
    struct fixture *f = *state;
    struct relais_error err = RELAIS_ERROR_INIT;
    long long after[3];
    bool marked = false;

    start(f);
    for (int i = 0; i < 3; i++) {
        free(helper_pg_sql("INSERT INTO outbox (aggregateid, payload) VALUES ('1', "
                           "'{}'), ('2', '{}')"));
        after[i] = helper_pg_number("SELECT pg_current_wal_insert_lsn() - '0/0'");
    }
    drain(f, 6, false);
    for (int i = 0; i < 60; i++)
        poll_once(f, false, &marked);
    assert_true(confirmed() < after[0]);
    /* half of the second transaction */
    assert_int_equal(f->ops->ack(f->source, f->seen[2].ack, &err), 0);
    for (int i = 0; i < 500 && confirmed() < after[0]; i++)
        poll_once(f, false, &marked);
    for (int i = 0; i < 60; i++)
        poll_once(f, false, &marked);
    assert_true(confirmed() >= after[0] - 8 && confirmed() < after[1]);
    assert_false(f->ops->idle(f->source));
    assert_int_equal(f->ops->ack(f->source, f->seen[5].ack, &err), 0);
    for (int i = 0; i < 500 && confirmed() < after[2] - 8; i++)
        poll_once(f, false, &marked);
    assert_true(confirmed() >= after[2] - 8);
    assert_int_equal(f->count, 6);
}

static void test_pg_outbox_unacknowledged_rows_come_again_with_their_place(void **state)
{
    struct fixture *f = *state;
    struct relais_error err = RELAIS_ERROR_INIT;
    bool marked = false;

    start(f);
    for (int i = 0; i < 300; i++)
        free(helper_pg_sql("INSERT INTO outbox (aggregateid, payload) SELECT i, '{}' "
                           "FROM generate_series(1, 2) i"));
    drain(f, 600, false);
    assert_int_equal(f->ops->ack(f->source, f->seen[300].ack, &err), 0);
    stop(f);
    start(f);
    drain(f, 300, true);
    /* whole transactions: the 151st was acknowledged by half */
    for (size_t i = 0; i < 300; i++)
        assert_string_equal(f->seen[600 + i].position, f->seen[300 + i].position);
    for (int i = 0; i < 500 && !f->ops->idle(f->source); i++)
        poll_once(f, true, &marked); /* the end of the last transaction */
    stop(f);
    f->count = 0;
    start(f);
    drain(f, ALL, true);
    assert_int_equal(f->count, 0);
}

static void test_pg_outbox_large_transaction_fills_many_batches(void **state)
{
    struct fixture *f = *state;

    start(f);
    free(helper_pg_sql("INSERT INTO outbox (aggregateid, payload) SELECT i, "
                       "jsonb_build_object('t', repeat('x', 3000)) FROM "
                       "generate_series(1, 20000) i"));
    drain(f, ALL, true);
    assert_int_equal(f->count, 20000);
    for (size_t i = 0; i < f->count; i++)
        assert_int_equal(atoi(f->seen[i].number), i + 1);
}

/* Where more are under way than are remembered, the last are confirmed together. */
static void test_pg_outbox_many_unacknowledged_transactions_are_confirmed(void **state)
{
    struct fixture *f = *state;
    struct relais_error err = RELAIS_ERROR_INIT;
    bool marked = false;
    long long before, after;

    start(f);
    before = helper_pg_number("SELECT pg_current_wal_insert_lsn() - '0/0'");
    free(helper_pg_sql("DO $$ BEGIN FOR i IN 1..5000 LOOP INSERT INTO outbox "
                       "(aggregateid, payload) VALUES (i, '{}'); COMMIT; END LOOP; END "
                       "$$"));
    after = helper_pg_number("SELECT pg_current_wal_insert_lsn() - '0/0'");
    drain(f, 5000, false);
    for (size_t i = 0; i < f->count; i++)
        assert_int_equal(atoi(f->seen[i].number), i + 1);
    for (int i = 0; i < 60; i++)
        poll_once(f, false, &marked);
    assert_true(confirmed() <= before);
    assert_int_equal(f->ops->ack(f->source, f->seen[4998].ack, &err), 0);
    for (int i = 0; i < 60; i++)
        poll_once(f, false, &marked);
    assert_true(confirmed() < after - 8);
    assert_int_equal(f->ops->ack(f->source, f->seen[4999].ack, &err), 0);
    for (int i = 0; i < 500 && confirmed() < after - 8; i++)
        poll_once(f, false, &marked);
    assert_true(confirmed() >= after - 8);
}

static void test_pg_outbox_lost_connections_lose_and_repeat_nothing(void **state)
{
    struct fixture *f = *state;
    bool marked = false;

    start(f);
    for (int i = 1; i <= 30; i++) {
        char sql[160];

        snprintf(sql, sizeof(sql),
                 "INSERT INTO outbox (aggregateid, payload) SELECT n, '{}' FROM "
                 "generate_series(%d, %d) n",
                 i * 1000, i * 1000 + 699);
        free(helper_pg_sql(sql));
        poll_once(f, i % 2, &marked);
        if (i % 10 == 5)
            helper_pg_server(NULL, "crash");
        else
            free(helper_pg_sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                               "WHERE application_name LIKE 'relais/%'"));
        poll_once(f, false, &marked);
    }
    drain(f, ALL, true);
    assert_int_equal(f->count, 30 * 700);
    for (size_t i = 0; i < f->count; i++)
        assert_int_equal(atoi(f->seen[i].number), (i / 700 + 1) * 1000 + i % 700);
}

static void refused(struct fixture *f, const char *more, enum relais_code code)
{
    struct relais_error err = RELAIS_ERROR_INIT;

    configure(f, more);
    assert_int_equal(f->ops->open(&f->source, f->conf, &err), -1);
    if (err.code != code)
        fail_msg("%s %s: %s", relais_error_name(err.code), err.where, err.text);
}

/* The log names a table as it was called then. */
static void test_pg_outbox_renamed_table_loses_no_row(void **state)
{
    struct fixture *f = *state;

    start(f);
    free(helper_pg_sql("INSERT INTO outbox (aggregateid, payload) VALUES ('1', '{}')"));
    free(helper_pg_sql("ALTER TABLE outbox RENAME TO rebaptisee"));
    free(helper_pg_sql(
        "INSERT INTO rebaptisee (aggregateid, payload) VALUES ('2', '{}')"));
    drain(f, 2, false);
    stop(f);
    refused(f, lines, RELAIS_E_PG_SCHEMA);
    configure(f, "table = rebaptisee\n");
    start(f);
    drain(f, 2, false);
    stop(f);
    free(helper_pg_sql("ALTER TABLE rebaptisee RENAME TO outbox"));
    configure(f, "");
    start(f);
    drain(f, 2, true);
    for (int i = 0; i < 6; i++)
        assert_string_equal(f->seen[i].number, i % 2 ? "2" : "1");
}

/* A copy of the outbox takes its name: its rows were events before, under another name.
 */
static void test_pg_outbox_copy_that_takes_its_name_repeats_no_row(void **state)
{
    struct fixture *f = *state;

    free(
        helper_pg_sql("DROP PUBLICATION essai; CREATE PUBLICATION essai FOR ALL TABLES"));
    start(f);
    free(helper_pg_sql("INSERT INTO outbox (aggregateid, payload) VALUES ('1', '{}')"));
    drain(f, 1, true);
    stop(f);
    free(helper_pg_sql("CREATE TABLE neuve (LIKE outbox INCLUDING ALL)"));
    free(helper_pg_sql("INSERT INTO neuve SELECT * FROM outbox"));
    free(helper_pg_sql("ALTER TABLE outbox RENAME TO ancienne; ALTER TABLE neuve RENAME "
                       "TO outbox; INSERT INTO outbox (aggregateid, payload) VALUES "
                       "('2', '{}')"));
    for (int i = 0; i < 2; i++) { /* and it is remembered */
        start(f);
        drain(f, 1, false);
        stop(f);
        assert_string_equal(f->seen[1 + i].number, "2");
    }
    free(helper_pg_sql("DROP TABLE ancienne"));
}

static void test_pg_outbox_second_reader_waits_and_takes_over(void **state)
{
    struct fixture *f = *state;
    struct relais_error err = RELAIS_ERROR_INIT;
    void *second = NULL;

    start(f);
    free(helper_pg_sql("INSERT INTO outbox (aggregateid, payload) VALUES ('1', '{}')"));
    drain(f, 1, false);
    assert_int_equal(f->ops->open(&second, f->conf, &err), -1);
    assert_int_equal(relais_error_class(err.code), RELAIS_RETRY);
    stop(f);
    start(f);
    drain(f, 1, true);
    assert_string_equal(f->seen[0].position, f->seen[1].position);
}

static void test_pg_outbox_foreign_changes_advance_the_slot(void **state)
{
    struct fixture *f = *state;
    long long before;
    bool marked = false;

    start(f);
    free(helper_pg_sql("INSERT INTO autre SELECT generate_series(1, 30000)"));
    before = helper_pg_number("SELECT pg_current_wal_flush_lsn() - '0/0'");
    for (int i = 0; i < 500 && confirmed() < before; i++)
        poll_once(f, true, &marked);
    assert_true(confirmed() >= before);
    assert_int_equal(f->count, 0);
}

/* Without heartbeats: the database is quiet, its neighbour writes. */
static void test_pg_outbox_quiet_database_retains_nothing_of_a_busy_cluster(void **state)
{
    struct fixture *f = *state;
    struct relais_error err = RELAIS_ERROR_INIT;
    struct relais_conf *conf;
    struct pg_conn *neighbour;
    char dsn[512];
    long long before;
    bool marked = false;

    free(helper_pg_sql("CREATE DATABASE voisine"));
    snprintf(dsn, sizeof(dsn), "%s dbname=voisine", getenv("PG_URL"));
    conf = helper_pg_conf_at(dsn, relais_source_postgres_outbox.keys, lines);
    neighbour = pg_conn_open(conf, PG_USE_WRITE, &err);
    assert_non_null(neighbour);
    start(f);
    assert_int_equal(pg_conn_run(neighbour, "voisine",
                                 "CREATE TABLE t AS SELECT generate_series(1, 100000)",
                                 &err),
                     0);
    before = helper_pg_number("SELECT pg_current_wal_flush_lsn() - '0/0'");
    for (int i = 0; i < 500 && confirmed() < before; i++)
        poll_once(f, true, &marked);
    assert_true(confirmed() >= before);
    pg_conn_close(neighbour);
    relais_conf_free(conf);
    free(helper_pg_sql("DROP DATABASE voisine"));
}

static void test_pg_outbox_wrong_configuration_is_refused(void **state)
{
    struct fixture *f = *state;

    refused(f, "slot = essai\n", RELAIS_E_CONF_VALUE); /* neither schema nor routes */
    refused(f, "routes = droit\n", RELAIS_E_CONF_VALUE);
    refused(f, "columns = =x\n", RELAIS_E_CONF_VALUE);
    refused(f, "table = a.b.c\n", RELAIS_E_CONF_VALUE);
    refused(f, "schema = EvenementDroit\nslot = Essai\n", RELAIS_E_CONF_VALUE);
    refused(f, "schema = EvenementDroit\nslot = absent\n", RELAIS_E_SLOT_MISSING);
#define NAMED "schema = EvenementDroit\nslot = essai\npublication = essai\n"
    refused(f, NAMED "column_payload = payloadd\n", RELAIS_E_PG_SCHEMA);
    refused(f, NAMED "column_id = idd\n", RELAIS_E_PG_SCHEMA);
    refused(f, NAMED "columns = inconnue=mois\n", RELAIS_E_PG_SCHEMA);
    if (helper_pg_number("SHOW server_version_num") >= 150000) {
        free(helper_pg_sql("ALTER PUBLICATION essai SET TABLE outbox (id, payload)"));
        refused(f, NAMED "columns = type=mois\n", RELAIS_E_PG_SCHEMA);
    }
#undef NAMED
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(test_pg_outbox_##name, setup, teardown)
        T(row_becomes_a_fact),
        T(rows_deleted_at_once_are_events),
        T(updates_are_passed_over),
        T(payload_goes_before_columns),
        T(case_may_be_a_column_of_numbers),
        T(other_aggregates_are_left_out),
        T(route_names_the_contract),
        T(bytea_is_ready_avro),
        T(unreadable_payloads_are_parked_in_their_place),
        T(row_without_its_payload_is_parked_whole),
        T(messages_are_rows_without_a_table),
        T(confirms_what_is_acknowledged),
        T(unacknowledged_rows_come_again_with_their_place),
        T(large_transaction_fills_many_batches),
        T(many_unacknowledged_transactions_are_confirmed),
        T(lost_connections_lose_and_repeat_nothing),
        T(renamed_table_loses_no_row),
        T(copy_that_takes_its_name_repeats_no_row),
        T(second_reader_waits_and_takes_over),
        T(foreign_changes_advance_the_slot),
        T(quiet_database_retains_nothing_of_a_busy_cluster),
        T(wrong_configuration_is_refused),
#undef T
    };

    relais_loop_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
