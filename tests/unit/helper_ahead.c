#include "tests/unit/helper_ahead.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define EVENING INT64_C(1767655800000000) /* 2026-01-05T23:30:00Z */

/* Three records are a full batch. */
static const struct relais_conf_key backlog_keys[] = {
    {"sink", "topics", RELAIS_CONF_TEXT, .def = "essai", .doc = "essai"},
    {"sink", "batch_records", RELAIS_CONF_INTEGER, 1, 10, .def = "3", .doc = "essai"},
    {0}};

int ahead_setup(void **state)
{
    struct fixture *f;

    free(helper_pg_sql(
        "DROP SCHEMA IF EXISTS relais CASCADE; CREATE SCHEMA "
        "relais;" HELPER_SINK_POSITIONS
        "CREATE TABLE relais.evenement_essai (essai text PRIMARY KEY, entete_id text NOT "
        "NULL, entete_constate_le timestamptz NOT NULL, entete_sequence bigint NOT NULL, "
        "entete_origine_depot text, fait text, sens text, montant_centimes bigint, n int "
        "CHECK (n < 1000));"
        "CREATE TABLE relais.evenement_essai_parties (essai text REFERENCES "
        "relais.evenement_essai ON DELETE CASCADE, ordre int, n int, PRIMARY KEY (essai, "
        "ordre));"
        "CREATE TABLE relais.evenement_essai_historique (entete_id text PRIMARY KEY, "
        "essai text, n int);"
        "CREATE TABLE relais.relais_recus (entete_id text PRIMARY KEY, depot text, jour "
        "date, sujet text, fait text, constate_le timestamptz, centimes bigint);"
        "CREATE TABLE relais.relais_controles (depot text, jour date, sujet text, fait "
        "text, nombre bigint, centimes bigint, constate_le timestamptz, sequence bigint, "
        "PRIMARY KEY (depot, jour, sujet, fait));"
        "DROP TABLE IF EXISTS ways; CREATE TABLE ways (rank serial, name text, way text);"
        "CREATE OR REPLACE FUNCTION note_way() RETURNS trigger LANGUAGE plpgsql AS "
        "'BEGIN INSERT INTO public.ways (name, way) VALUES (TG_TABLE_NAME, "
        "CASE WHEN strpos(replace(current_query(), ''\"'', ''''), ''COPY relais.'' || "
        "TG_TABLE_NAME || '' '') > 0 THEN ''COPY'' ELSE ''merge'' END); "
        "RETURN NULL; END';"
        "CREATE TRIGGER way AFTER INSERT ON relais.evenement_essai EXECUTE FUNCTION "
        "note_way(); CREATE TRIGGER way AFTER INSERT ON relais.relais_recus EXECUTE "
        "FUNCTION note_way()"));
    *state = f = helper_sink_new(AHEAD_CONTRACT, AHEAD_TOPIC, NULL);
    relais_conf_admit(f->conf, backlog_keys);
    helper_sink_open(f);
    helper_sink_own(f, f->sink);
    return 0;
}

void ahead_event_of(struct fixture *f, const char *o, const char *id, int seconds,
                    const char *depot, int n)
{
    struct relais_value *observed;
    char json[512];

    snprintf(
        json, sizeof(json),
        "{\"essai\":\"%s\",\"fait\":\"EMIS\",\"sens\":\"%s\",\"montant_centimes\":%d,"
        "\"entete\":{\"id\":\"%s\",\"constate_le\":0,\"sequence\":1,\"origine\":{"
        "\"depot\":%s}},\"n\":%d,\"parties\":[{\"n\":%d},{\"n\":%d}]}",
        o, n % 2 ? "DEDUCTION" : "AJOUT", n * 100, id, depot, n, n, n + 1);
    observed = relais_value_get(
        relais_value_get(helper_sink_add(f, json)->value, "entete"), "constate_le");
    observed->kind = RELAIS_VALUE_INSTANT;
    observed->number = EVENING + seconds * INT64_C(1000000);
}

void ahead_event(struct fixture *f, const char *o, const char *id, int seconds, int n)
{
    ahead_event_of(f, o, id, seconds, "\"relais_dep93_essai\"", n);
}

void ahead_three(struct fixture *f, int from, int n)
{
    for (int i = from; i < from + 3; i++) {
        char id[16];

        snprintf(id, sizeof(id), "%d", i);
        ahead_event(f, id, id, 0, n);
    }
}

void ahead_lose_connections(void)
{
    free(helper_pg_sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE "
                       "pid <> pg_backend_pid() AND application_name LIKE 'relais/%'"));
}

void ahead_flush(struct fixture *f)
{
    struct relais_error err = RELAIS_ERROR_INIT;

    if (f->ops->flush(f->sink, &err))
        fail_msg("%s: %s", err.where, err.text);
}

void ahead_begin_merging(struct fixture *f)
{
    for (int i = 0; i < 3; i++) {
        char id[16];

        snprintf(id, sizeof(id), "z%d", i);
        ahead_event(f, "z", id, i, 1);
    }
    helper_sink_must_write(f);
}
