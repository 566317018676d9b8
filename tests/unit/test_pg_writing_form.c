/* A mapping of sink_postgres that is wrong says so before anything is written: the file
 * alone, then against the tables. */
#include "connectors/pg_writing.h"
#include "connectors/pg_writing_bind.h"
#include "connectors/pg_writing_check.h"
#include "core/loop.h"
#include "helper_core.h"
#include "helper_pg.h"
#include "schemas/catalog.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static const struct relais_conf_key keys[] = {PG_CONN_KEYS, {0}};

/* A file with one table; `table` follows its name. */
static struct pg_writing_form *with_table(const char *table, struct relais_error *err)
{
    struct relais_buf json = RELAIS_BUF_INIT(65536);
    struct pg_writing_form *f;

    assert_int_equal(relais_buf_printf(&json,
                                       "{\"contract\":\"E\",\"object\":\"@dossier\","
                                       "\"tables\":[{\"name\":\"n\",%s}]}",
                                       table),
                     0);
    f = pg_writing_parse(relais_buf_slice(&json), err);
    relais_buf_release(&json);
    return f;
}

static void told(const struct relais_error *err, enum relais_code code, const char *where,
                 const char *text, const char *what)
{
    if (err->code != code || strcmp(err->where, where) != 0 || !strstr(err->text, text))
        fail_msg("%s: %s %s: %s", what, relais_error_name(err->code), err->where,
                 err->text);
}

static void test_pg_writing_form_wrong_files_name_the_place(void **state)
{
    static const struct {
        const char *json, *where, *text;
    } cases[] = {
        {"[]", "mapping: ", "not an object"},
        {"{", "mapping", "line"},
        {"{\"contract\":\"E\",\"objet\":\"x\"}", "mapping: ", "unknown member objet"},
        {"{\"object\":\"x\",\"tables\":[]}", "mapping: contract", "name of a message"},
        {"{\"contract\":\"E\",\"tables\":[]}", "mapping: object", "@dossier"},
        {"{\"contract\":\"E\",\"object\":\"a..b\",\"tables\":[]}", "mapping: object",
         "path"},
        {"{\"contract\":\"E\",\"object\":\"x\"}", "mapping: tables", "list of tables"},
        {"{\"contract\":\"E\",\"object\":\"x\",\"tables\":[{\"table\":\"a.b\"}]}",
         "mapping: tables", "\"name\" is missing"},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct relais_error err = RELAIS_ERROR_INIT;

        assert_null(pg_writing_parse(relais_slice_str(cases[i].json), &err));
        told(&err, RELAIS_E_CONF_VALUE, cases[i].where, cases[i].text, cases[i].json);
    }
}

static void test_pg_writing_form_wrong_tables_name_the_place(void **state)
{
    static const struct {
        const char *table, *where, *text;
    } cases[] = {
        {"\"find\":[]", "mapping: n", "schema.table"},
        {"\"table\":\"t\",\"find\":[]", "mapping: n", "schema.table"},
        {"\"table\":\"p.t\"", "mapping: n.find", "list of keys"},
        {"\"table\":\"p.t\",\"find\":[],\"sets\":{}", "mapping: n",
         "unknown member sets"},
        {"\"table\":\"p.t\",\"find\":[[\"a\"]]", "mapping: n.find", "a is no column"},
        {"\"table\":\"p.t\",\"find\":[[]]", "mapping: n.find", "list of columns"},
        {"\"table\":\"p.t\",\"find\":[[{\"column\":\"a\",\"length\":0}]],\"set\":{\"a\":"
         "\"x\"}",
         "mapping: n.find", "\"length\""},
        {"\"table\":\"p.t\",\"find\":[{\"columns\":[\"a\"],\"agree\":[]}],\"set\":{\"a\":"
         "\"x\"}",
         "mapping: n.find", "list of columns"},
        {"\"table\":\"p.t\",\"find\":[{\"columns\":[\"a\"],\"agrees\":[\"a\"]}],\"set\":{"
         "\"a\":\"x\"}",
         "mapping: n.find", "unknown member agrees"},
        {"\"table\":\"p.t\",\"find\":[{\"through\":\"p.u\"}]", "mapping: n.find",
         "\"where\""},
        {"\"table\":\"p.t\",\"find\":[],\"set\":{\"a\":5}", "mapping: n.set.a",
         "neither a path"},
        {"\"table\":\"p.t\",\"find\":[],\"set\":{\"a\":\"x y\"}", "mapping: n.set.a",
         "a path is expected"},
        {"\"table\":\"p.t\",\"find\":[],\"set\":{\"a\":\"$m\"}", "mapping: n.set.a",
         "$m names no row"},
        {"\"table\":\"p.t\",\"find\":[],\"set\":{\"a\":\"$n\"}", "mapping: n.set.a",
         "$n names no row"},
        {"\"table\":\"p.t\",\"find\":[],\"set\":{\"a\":{\"$valeur\":1}}",
         "mapping: n.set.a", "unknown member $valeur"},
        {"\"table\":\"p.t\",\"find\":[],\"set\":{\"a\":{\"$as\":\"01\"}}",
         "mapping: n.set.a", "\"$path\" or \"$first\" is missing"},
        {"\"table\":\"p.t\",\"find\":[],\"set\":{\"a\":{\"$path\":\"x\",\"$as\":"
         "\"francs\"}"
         "}",
         "mapping: n.set.a", "\"$as\" is euros"},
        {"\"table\":\"p.t\",\"find\":[],\"set\":{\"a\":{\"$path\":\"x\",\"$codes\":[]}}",
         "mapping: n.set.a", "\"$codes\" is"},
        {"\"table\":\"p.t\",\"find\":[],\"set\":{\"a\":{\"$path\":\"x\",\"$null\":true}}",
         "mapping: n.set.a", "\"$null\" is keep"},
        {"\"table\":\"p.t\",\"find\":[],\"set\":{\"a\":{\"$value\":[]}}",
         "mapping: n.set.a", "\"$value\" is one"},
        {"\"table\":\"p.t\",\"find\":[],\"set\":{\"a\":{\"$first\":[\"x\"],\"$path\":"
         "\"@y\"}}",
         "mapping: n.set.a", "inside of it"},
        {"\"table\":\"p.t\",\"find\":[],\"set\":{\"a\":\"x\"},\"insert\":{\"a\":\"y\"}",
         "mapping: n.insert.a", "once"},
        {"\"table\":\"p.t\",\"find\":[],\"each\":\"x..y\"", "mapping: n.each", "a path"},
        {"\"table\":\"p.t\",\"find\":[],\"where\":{\"x\":{\"$nul\":true}}",
         "mapping: n.where.x", "constant"},
        {"\"table\":\"p.t\",\"find\":[],\"missing\":\"drop\"", "mapping: n.missing",
         "is keep, delete, delete_any"},
        {"\"table\":\"p.t\",\"find\":[],\"missing\":\"delete\"", "mapping: n.missing",
         "never found again"},
        {"\"table\":\"p.t\",\"find\":[[\"a\"]],\"set\":{\"a\":\"x\"},\"missing\":"
         "\"delete_any\"",
         "mapping: n.missing", "row around it"},
        {"\"table\":\"p.t\",\"find\":[],\"several\":\"last\"", "mapping: n.several",
         "is first, park"},
        {"\"table\":\"p.t\",\"find\":[],\"tables\":[{\"name\":\"n\",\"table\":\"p.u\","
         "\"find\":[]}]",
         "mapping: n", "given once"},
        {"\"table\":\"p.t\",\"find\":[],\"tables\":[]", "mapping: n.tables",
         "list of tables"},
        {"\"table\":\"p.t\",\"find\":[],\"tables\":[{\"name\":\"a\",\"table\":\"p.u\","
         "\"each\":\"x\",\"find\":[]},{\"name\":\"b\",\"table\":\"p.u\",\"find\":[],"
         "\"set\":{\"c\":\"$a\"}}]",
         "mapping: b.set.c", "$a names no row"},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct relais_error err = RELAIS_ERROR_INIT;

        assert_null(with_table(cases[i].table, &err));
        told(&err, RELAIS_E_CONF_VALUE, cases[i].where, cases[i].text, cases[i].table);
    }
}

static struct pg_conn *connect_as(const char *user)
{
    struct relais_error err = RELAIS_ERROR_INIT;
    struct relais_conf *conf;
    struct pg_conn *c;
    char dsn[512];

    snprintf(dsn, sizeof(dsn), "%s user=%s", getenv("PG_URL"), user);
    conf = helper_pg_conf_at(dsn, keys, NULL);
    c = pg_conn_open(conf, PG_USE_WRITE, &err);
    if (!c)
        fail_msg("%s: %s", err.where, err.text);
    relais_conf_free(conf);
    return c;
}

static void make_tables(void)
{
    free(helper_pg_sql(
        "SET client_min_messages = warning; DROP SCHEMA IF EXISTS p CASCADE; CREATE "
        "SCHEMA p;"
        "CREATE TABLE p.t (id serial PRIMARY KEY, code char(3), nom varchar(5), n int, "
        "montant numeric(9,2), doc json, g int GENERATED ALWAYS AS (n + 1) STORED);"
        "CREATE UNIQUE INDEX ON p.t (code);"
        "CREATE TABLE p.u (id serial PRIMARY KEY, t_id int NOT NULL REFERENCES p.t ON "
        "DELETE CASCADE, besoin text NOT NULL);"
        "CREATE TABLE p.sans (id int, x int);"
        "CREATE TABLE p.neuf (id bigint GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY, n "
        "int NOT NULL GENERATED ALWAYS AS IDENTITY, code text);"
        "DO $$BEGIN IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'puits') THEN "
        "CREATE ROLE puits LOGIN; END IF; END$$;"
        "GRANT USAGE ON SCHEMA p TO puits; GRANT SELECT, INSERT, UPDATE ON p.neuf TO "
        "puits; GRANT SELECT, INSERT (code), UPDATE (code) ON "
        "p.t TO puits"));
}

static void test_pg_writing_form_the_catalog_is_asked_first(void **state)
{
    static const struct {
        const char *user, *table;
        enum relais_code code;
        const char *where, *text;
    } cases[] = {
        {"postgres", "\"table\":\"p.absente\",\"find\":[]", RELAIS_E_PG_SCHEMA,
         "mapping: n.table", "no table p.absente"},
        {"postgres", "\"table\":\"p.t\",\"find\":[],\"set\":{\"nomm\":\"x\"}",
         RELAIS_E_PG_SCHEMA, "mapping: n.set.nomm", "the nearest is nom"},
        {"postgres", "\"table\":\"p.t\",\"id\":\"n\",\"find\":[]", RELAIS_E_PG_SCHEMA,
         "mapping: n.id", "primary key"},
        {"postgres", "\"table\":\"p.sans\",\"find\":[]", RELAIS_E_PG_SCHEMA,
         "mapping: n.id", "primary key"},
        {"postgres", "\"table\":\"p.t\",\"find\":[],\"set\":{\"g\":\"x\"}",
         RELAIS_E_PG_SCHEMA, "mapping: n.set.g", "computes"},
        {"postgres", "\"table\":\"p.t\",\"find\":[],\"set\":{\"doc\":\"x\"}",
         RELAIS_E_PG_SCHEMA, "mapping: n.set.doc", "compared"},
        {"postgres", "\"table\":\"p.t\",\"find\":[],\"set\":{\"n\":{\"$value\":\"a\"}}",
         RELAIS_E_CONF_VALUE, "mapping: n.set.n", "does not fit the type integer"},
        {"postgres",
         "\"table\":\"p.t\",\"find\":[],\"set\":{\"nom\":{\"$value\":\"abcdef\"}}",
         RELAIS_E_CONF_VALUE, "mapping: n.set.nom", "too long"},
        {"postgres",
         "\"table\":\"p.t\",\"find\":[],\"set\":{\"n\":{\"$path\":\"x\",\"$codes\":{"
         "\"A\":"
         "\"1\",\"B\":\"b\"}}}",
         RELAIS_E_CONF_VALUE, "mapping: n.set.n", "does not fit the type integer"},
        {"postgres",
         "\"table\":\"p.t\",\"find\":[],\"set\":{\"n\":{\"$path\":\"x\",\"$as\":"
         "\"euros\"}}",
         RELAIS_E_PG_SCHEMA, "mapping: n.set.n", "\"euros\" is not for the type integer"},
        {"postgres",
         "\"table\":\"p.t\",\"find\":[],\"tables\":[{\"name\":\"u\",\"table\":\"p.u\","
         "\"find\":[],\"set\":{\"besoin\":\"$n\",\"t_id\":\"$n\"}}]",
         RELAIS_E_PG_SCHEMA, "mapping: u.set.besoin", "of the type text"},
        {"postgres", "\"table\":\"p.u\",\"find\":[],\"set\":{\"t_id\":\"x\"}",
         RELAIS_E_PG_SCHEMA, "mapping: n.insert.besoin", "NOT NULL without default"},
        {"postgres",
         "\"table\":\"p.t\",\"find\":[[\"n\"]],\"set\":{\"n\":\"x\"},\"missing\":"
         "\"delete\"",
         RELAIS_E_PG_SCHEMA, "mapping: n.missing", "would reach rows of p.u"},
        {"postgres",
         "\"table\":\"p.t\",\"find\":[{\"through\":\"p.u\",\"column\":\"t\",\"where\":{"
         "\"id\":\"x\"}}]",
         RELAIS_E_PG_SCHEMA, "mapping: n.find.t", "no such column in p.u"},
        {"puits", "\"table\":\"p.t\",\"find\":[],\"set\":{\"nom\":\"x\"}",
         RELAIS_E_PG_RIGHTS, "mapping: n.set.nom", "GRANT INSERT"},
        {"puits", "\"table\":\"p.t\",\"find\":[],\"set\":{\"code\":\"x\"}",
         RELAIS_E_PG_RIGHTS, "mapping: n.id", "GRANT USAGE ON SEQUENCE p.t_id_seq"},
        {"puits",
         "\"table\":\"p.u\",\"find\":[],\"set\":{\"t_id\":\"x\",\"besoin\":\"y\"}",
         RELAIS_E_PG_RIGHTS, "mapping: n.set.t_id", "GRANT SELECT"},
    };

    make_tables();
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct relais_error err = RELAIS_ERROR_INIT;
        struct pg_writing_form *f = with_table(cases[i].table, &err);
        struct pg_conn *c = connect_as(cases[i].user);

        if (!f)
            fail_msg("%s: %s", err.where, err.text);
        assert_int_equal(pg_writing_bind(f, c, &err), -1);
        told(&err, cases[i].code, cases[i].where, cases[i].text, cases[i].table);
        pg_writing_form_free(f);
        pg_conn_close(c);
    }
}

/* Identity columns give their values themselves, and want no right on a sequence. */
static void test_pg_writing_form_identity_columns_are_the_database_s(void **state)
{
    struct relais_error err = RELAIS_ERROR_INIT;
    struct pg_writing_form *f = with_table(
        "\"table\":\"p.neuf\",\"find\":[[\"code\"]],\"set\":{\"code\":\"x\"}", &err);
    struct pg_conn *c;

    make_tables();
    c = connect_as("puits");
    if (!f || pg_writing_bind(f, c, &err))
        fail_msg("%s: %s", err.where, err.text);
    assert_false(f->nodes[0].keys[0].unique || f->nodes[0].keys[0].indexed);
    free(helper_pg_sql("CREATE UNIQUE INDEX ON p.neuf (code)"));
    assert_int_equal(pg_writing_bind(f, c, &err), 0);
    assert_true(f->nodes[0].keys[0].unique && f->nodes[0].keys[0].indexed);
    pg_writing_form_free(f);
    pg_conn_close(c);
}

static void test_pg_writing_form_paths_lead_to_fields(void **state)
{
    static const struct {
        const char *table;
        enum relais_code code; /* OK: nothing is wrong */
        const char *where, *text;
    } cases[] = {
        {"\"set\":{\"nom\":\"etatt\"}", RELAIS_E_CONF_VALUE, "mapping: n.set.nom",
         "no such field in the message: etatt"},
        {"\"set\":{\"nom\":\"foyer.comune\"}", RELAIS_E_CONF_VALUE, "mapping: n.set.nom",
         "foyer.comune"},
        {"\"set\":{\"nom\":\"foyer\"}", RELAIS_E_CONF_VALUE, "mapping: n.set.nom",
         "a list or a record"},
        {"\"set\":{\"nom\":\"@territoir\"}", RELAIS_E_CONF_VALUE, "mapping: n.set.nom",
         "@territoir"},
        {"\"set\":{\"nom\":{\"$first\":[\"cloture\",\"refus\"],\"$path\":\"motiff\"}}",
         RELAIS_E_CONF_VALUE, "mapping: n.set.nom", "motiff"},
        {"\"set\":{\"n\":\"date_demande\"}", RELAIS_E_PG_SCHEMA, "mapping: n.set.n",
         "the column's type is integer, its field's date"},
        {"\"set\":{\"n\":\"etat\"}", RELAIS_E_PG_SCHEMA, "mapping: n.set.n",
         "the column's type is integer, its field's text"},
        {"\"set\":{\"n\":\"droit\"}", RELAIS_E_PG_SCHEMA, "mapping: n.set.n",
         "its field's uuid"},
        {"\"set\":{\"n\":{\"$path\":\"etat\",\"$codes\":{\"CLOS\":5,\"*\":0}}}",
         RELAIS_E_OK, "", ""},
        {"\"set\":{\"n\":\"foyer.sans_domicile_fixe\"}", RELAIS_E_PG_SCHEMA,
         "mapping: n.set.n", "its field's boolean"},
        {"\"set\":{\"montant\":{\"$path\":\"etat\",\"$as\":\"euros\"}}",
         RELAIS_E_CONF_VALUE, "mapping: n.set.montant", "\"$as\" is not"},
        {"\"each\":\"foyer\"", RELAIS_E_CONF_VALUE, "mapping: n.each", "not a list"},
        {"\"each\":\"personne\"", RELAIS_E_CONF_VALUE, "mapping: n.each",
         "no such field"},
        {"\"each\":\"personnes\",\"set\":{\"nom\":\"etat\"}", RELAIS_E_CONF_VALUE,
         "mapping: n.set.nom", "no such field"},
        {"\"where\":{\"porte\":\"DROIT\"}", RELAIS_E_CONF_VALUE, "mapping: n.where.porte",
         "no such field"},
        {"\"insert_where\":{\"porte\":\"DROIT\"}", RELAIS_E_CONF_VALUE,
         "mapping: n.insert_where.porte", "no such field"},
        {"\"each\":\"personnes\",\"set\":{\"nom\":\"identite.nom\",\"n\":"
         "\"identite.rang_naissance\",\"code\":\"../etat\",\"montant\":{\"$path\":"
         "\"/montant_mensuel_centimes\",\"$as\":\"euros\"}},\"where\":{\"nir\":{"
         "\"$null\":false}}",
         RELAIS_E_OK, "", ""},
        {"\"each\":\"changements\",\"set\":{\"nom\":\".\",\"n\":\"/organisme.numorg\"}",
         RELAIS_E_OK, "", ""},
    };
    const struct relais_contract *contract = relais_catalog_find("EvenementDroit");
    struct relais_arena arena = RELAIS_ARENA_INIT(1u << 20);
    struct relais_value *open = relais_avro_example(contract->schema, true, &arena);
    struct relais_value *closed = relais_avro_example(contract->schema, false, &arena);

    make_tables();
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct relais_error err = RELAIS_ERROR_INIT;
        struct relais_buf table = RELAIS_BUF_INIT(4096);
        struct pg_conn *c = connect_as("postgres");
        struct pg_writing_form *f;

        assert_int_equal(
            relais_buf_printf(&table, "\"table\":\"p.t\",\"find\":[],%s", cases[i].table),
            0);
        f = with_table(table.data, &err);
        if (!f || pg_writing_bind(f, c, &err))
            fail_msg("%s: %s", err.where, err.text);
        assert_int_equal(pg_writing_check(f, open, closed, &err), cases[i].code ? -1 : 0);
        told(&err, cases[i].code, cases[i].where, cases[i].text, cases[i].table);
        pg_writing_form_free(f);
        pg_conn_close(c);
        relais_buf_release(&table);
    }
    relais_arena_release(&arena);
}

/* ---- what the language can say, beyond what WebRSA needs ---- */

#define FORM                                                                             \
    "\"table\":\"q.dossier\",\"find\":[[\"cle\"]],\"insert\":{\"cle\":\"@dossier\"},"    \
    "\"set\":{\"ouvert\":{\"$path\":\"ouvert\",\"$as\":\"on\"},\"note\":{\"$path\":"     \
    "\"note\",\"$null\":\"keep\"},\"brut\":{\"$path\":\"membres\",\"$as\":\"json\"},"    \
    "\"rang\":\"rang\"},\"tables\":[{\"name\":\"mot\",\"table\":\"q.mot\",\"each\":"     \
    "\"mots\",\"missing\":\"delete_any\",\"find\":[[\"dossier_id\",\"genre\",\"mot\"]]," \
    "\"insert\":{\"dossier_id\":\"$n\",\"genre\":{\"$value\":\"R\"},\"mot\":\".\"}},{"   \
    "\"name\":\"trace\",\"table\":\"q.trace\",\"find\":[],\"insert\":{\"dossier_id\":"   \
    "\"$n\",\"evenement\":\"@id\"}},{\"name\":\"part\",\"table\":\"q.part\",\"each\":"   \
    "\"membres\",\"find\":[[\"dossier_id\",\"nom\",\"role\"]],\"insert\":{"              \
    "\"dossier_id\":\"$n\",\"nom\":\"nom\",\"role\":{\"$value\":\"-\"}},\"where\":{"     \
    "\"nom\":[\"A\",\"B\"]},\"tables\":[{\"name\":\"role\",\"table\":\"q.part\","        \
    "\"each\":\"roles\",\"find\":[[\"dossier_id\",\"nom\",\"role\"]],\"insert\":{"       \
    "\"dossier_id\":\"$n\",\"nom\":\"../nom\",\"role\":\".\"}}]}]"

struct writing {
    struct pg_writing w;
    struct pg_conn *c;
    struct relais_arena arena;
};

static void begin(struct writing *x)
{
    struct relais_error err = RELAIS_ERROR_INIT;

    free(helper_pg_sql(
        "SET client_min_messages = warning; DROP SCHEMA IF EXISTS q CASCADE; CREATE "
        "SCHEMA q; DROP SCHEMA IF EXISTS relais CASCADE; CREATE SCHEMA relais; CREATE "
        "TABLE relais.relais_objets (contrat text, objet text, constate_le timestamptz "
        "NOT NULL, sequence bigint NOT NULL, PRIMARY KEY (contrat, objet)); CREATE TABLE "
        "relais.relais_lignes (contrat text, objet text NOT NULL, nom text, ligne text, "
        "PRIMARY KEY (contrat, nom, ligne));"
        "CREATE TABLE q.dossier (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), cle "
        "text, "
        "ouvert char(1), note text, brut jsonb, rang int NOT NULL DEFAULT 7);"
        "CREATE TABLE q.mot (id bigserial PRIMARY KEY, dossier_id uuid NOT NULL, genre "
        "char(2), mot text);"
        "CREATE TABLE q.trace (id serial PRIMARY KEY, dossier_id uuid, evenement text);"
        "CREATE TABLE q.part (id serial PRIMARY KEY, dossier_id uuid, nom text, role "
        "text)"));
    memset(x, 0, sizeof(*x));
    x->arena = (struct relais_arena)RELAIS_ARENA_INIT(1u << 20);
    assert_int_equal(pg_writing_open(&x->w, NULL, &err), 0);
    x->w.form = with_table(FORM, &err);
    if (!x->w.form)
        fail_msg("%s: %s", err.where, err.text);
    x->c = connect_as("postgres");
    if (pg_writing_begin(&x->w, x->c, "relais", false, &err))
        fail_msg("%s: %s", err.where, err.text);
}

static void end(struct writing *x)
{
    pg_conn_close(x->c);
    pg_writing_close(&x->w);
    relais_arena_release(&x->arena);
}

static void apply(struct writing *x, int sequence, const char *body)
{
    struct relais_error err = RELAIS_ERROR_INIT;
    struct relais_slice json = relais_arena_printf(
        &x->arena,
        "{\"entete\":{\"id\":\"e%d\",\"constate_le\":\"2026-01-01T00:00:00Z\","
        "\"sequence\":%d,\"dossier\":\"d\"},%s}",
        sequence, sequence, body);
    struct relais_value *v = relais_value_parse(&x->arena, json, &err);

    if (!v || pg_writing_add(&x->w, "fr.relais.essai.E", v, &err) ||
        pg_writing_apply(&x->w, x->c, &err))
        fail_msg("%s: %s", err.where, err.text);
    pg_writing_clear(&x->w);
}

static void test_pg_writing_form_all_of_the_language_is_written(void **state)
{
    struct writing x;

    begin(&x);
    apply(&x, 1,
          "\"ouvert\":true,\"note\":\" un \",\"mots\":[\"a\",\"b\"],\"membres\":[{"
          "\"nom\":\"A\",\"roles\":[\"x\",\"y\"]},{\"nom\":\"C\",\"roles\":[\"z\"]},{"
          "\"nom\":\"B\"}]");
    helper_pg_is("SELECT concat_ws(' ', cle, ouvert, note, rang, brut->1->>'nom') FROM "
                 "q.dossier",
                 "d O un 7 C");
    helper_pg_is("SELECT string_agg(nom || role, ' ' ORDER BY nom, role) FROM q.part",
                 "A- Ax Ay B-");
    free(
        helper_pg_sql("INSERT INTO q.mot (dossier_id, genre, mot) SELECT id, 'R', 'c' "
                      "FROM q.dossier UNION ALL SELECT id, 'S', 'a' FROM q.dossier UNION "
                      "ALL SELECT gen_random_uuid(), 'R', 'd'"));
    apply(&x, 2, "\"ouvert\":false,\"rang\":3,\"mots\":[\"b\"]");
    helper_pg_is(
        "SELECT concat_ws(' ', cle, ouvert, note, rang, brut IS NULL) FROM q.dossier",
        "d N un 3 t");
    /* delete_any: whatever hangs there under the constant; others' rows stay */
    helper_pg_is("SELECT string_agg(rtrim(genre) || mot, ' ' ORDER BY id) FROM q.mot",
                 "Rb Sa Rd");
    helper_pg_is("SELECT string_agg(evenement, ' ' ORDER BY id) FROM q.trace", "e1 e2");
    helper_pg_is("SELECT count(*) FROM q.part", "4");
    apply(&x, 3, "\"rang\":null");
    helper_pg_is("SELECT concat_ws(' ', note, rang, ouvert IS NULL) FROM q.dossier",
                 "un 3 t");
    end(&x);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pg_writing_form_wrong_files_name_the_place),
        cmocka_unit_test(test_pg_writing_form_wrong_tables_name_the_place),
        cmocka_unit_test(test_pg_writing_form_the_catalog_is_asked_first),
        cmocka_unit_test(test_pg_writing_form_identity_columns_are_the_database_s),
        cmocka_unit_test(test_pg_writing_form_paths_lead_to_fields),
        cmocka_unit_test(test_pg_writing_form_all_of_the_language_is_written),
    };

    relais_loop_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
