/* sink_postgres by a mapping into tables of WebRSA: which rows are found, changed, made
 * and deleted, and which are never touched. */
#include "core/loop.h"
#include "helper_core.h"
#include "helper_sink.h"
#include "schemas/catalog.h"

#include <libpq-fe.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define CONTRACT "fr.relais.eligibility.EvenementDroit"
#define TOPIC    "dep93.eligibility.v1"

static int setup(void **state)
{
    struct fixture *f;

    free(helper_pg_sql(
        "SET client_min_messages = warning; DROP SCHEMA IF EXISTS relais CASCADE; DROP "
        "SCHEMA public CASCADE; CREATE SCHEMA "
        "public; CREATE SCHEMA relais;" HELPER_SINK_POSITIONS
        "CREATE TABLE relais.relais_recus (entete_id uuid PRIMARY KEY, depot text, jour "
        "date, sujet text, fait text, constate_le timestamptz, centimes bigint);"
        "CREATE TABLE relais.relais_controles (depot text, jour date, sujet text, fait "
        "text, nombre bigint, centimes bigint, constate_le timestamptz, sequence bigint, "
        "recu_le timestamptz);"
        "CREATE TABLE relais.relais_objets (contrat text, objet text, constate_le "
        "timestamptz NOT NULL, sequence bigint NOT NULL, PRIMARY KEY (contrat, objet));"
        "CREATE TABLE relais.relais_lignes (contrat text, objet text NOT NULL, nom text, "
        "ligne text, PRIMARY KEY (contrat, nom, ligne))"));
    helper_pg_file("tests/data/webrsa/schema.sql");
    f = helper_sink_new(CONTRACT, TOPIC,
                        "mapping = docs/exemples/webrsa-puits.json\n"
                        "statement_timeout_ms = 3000\n");
    helper_sink_own(f, f->sink);
    *state = f;
    return 0;
}

/* As at the start of relais sink. */
static int expect(struct fixture *f, const char *contract, struct relais_error *err)
{
    const struct relais_contract *c = relais_catalog_find(contract);

    return f->ops->expect(f->sink, c->name,
                          relais_avro_example(c->schema, true, &f->batch.arena),
                          relais_avro_example(c->schema, false, &f->batch.arena), err);
}

/* ---- events ---- */

#define HEAD                                                                             \
    "\"numero_demande\":\"00000000193\",\"matricule\":\"123456700000000\","              \
    "\"organisme\":"                                                                     \
    "{\"fonorg\":\"CAF\",\"numorg\":\"931\"},\"date_demande\":\"2025-11-03\""
#define OPEN HEAD ",\"etat\":\"OUVERT\""
#define ZOE                                                                              \
    "{\"nir\":\"2900293001002\",\"statut_identite\":\"NIR_CERTIFIE\",\"identite\":{"     \
    "\"nom\":\"DURAND\",\"nom_naissance\":\"MARTIN\",\"prenom\":\"ZOE\","                \
    "\"date_naissance\":\"1990-02-28\",\"rang_naissance\":1,\"sexe\":\"2\"},"            \
    "\"soumis_droits_devoirs\":true,\"debut_rattachement\":\"2024-01-01\",\"roles\":[{"  \
    "\"prestation\":\"RSA\",\"role\":\"DEM\",\"a_charge\":false},{\"prestation\":"       \
    "\"PFA\",\"role\":\"DEM\"}]}"
#define ENFANT(prenom)                                                                   \
    "{\"statut_identite\":\"SANS_NIR\",\"identite\":{\"nom\":\"DURAND\","                \
    "\"nom_naissance\":\"DURAND\",\"prenom\":\"" prenom "\",\"date_naissance\":"         \
    "\"2020-05-05\"},\"roles\":[{\"prestation\":\"RSA\",\"role\":\"ENF\"}]}"
#define ADRESSE(voie)                                                                    \
    "\"adresse\":{\"numero\":\"12\",\"voie\":\"" voie "\",\"code_postal\":\"93000\","    \
    "\"commune\":\"93008\",\"date_emmenagement\":\"2024-09-01\"}"

/* An event of dossier d1: body, day of January, sequence. */
static struct relais_record *event(struct fixture *f, int day, int sequence,
                                   const char *body)
{
    struct relais_buf json = RELAIS_BUF_INIT(65536);
    struct relais_record *rec;

    assert_int_equal(
        relais_buf_printf(&json,
                          "{\"entete\":{\"id\":\"00000000-0000-8000-8000-%012d\","
                          "\"constate_le\":\"2026-01-%02dT00:00:00Z\",\"sequence\":%d,"
                          "\"dossier\":\"d1\",\"origine\":{\"depot\":"
                          "\"0123456789abcdef\"}},\"fait\":\"OUVERTURE\",%s}",
                          (int)f->offset, day, sequence, body),
        0);
    rec = helper_sink_add(f, json.data);
    relais_buf_release(&json);
    return rec;
}

static void write_one(struct fixture *f, int day, int sequence, const char *body)
{
    event(f, day, sequence, body);
    helper_sink_must_write(f);
}

static void refused_at(struct fixture *f, int64_t offset, const char *body,
                       enum relais_code code, const char *told)
{
    struct relais_error err = RELAIS_ERROR_INIT;
    char all[512];
    size_t done;

    f->offset = offset;
    event(f, 2, 2, body);
    assert_int_equal(helper_sink_write(f, f->sink, &done, &err), -1);
    snprintf(all, sizeof(all), "%s %s: %s", relais_error_name(err.code), err.where,
             err.text);
    if (err.code != code || !strstr(all, told))
        fail_msg("%s", all);
    assert_int_equal(done, 0);
    assert_null(strstr(all, "DURAND"));
}

#define IDS                                                                              \
    "SELECT concat_ws(' ', (SELECT string_agg(id::text, ',' ORDER BY id) FROM "          \
    "dossiers), (SELECT string_agg(id::text, ',' ORDER BY id) FROM foyers), (SELECT "    \
    "string_agg(id::text, ',' ORDER BY id) FROM personnes), (SELECT "                    \
    "string_agg(id::text, ',' ORDER BY id) FROM prestations), (SELECT "                  \
    "string_agg(id::text, ',' ORDER BY id) FROM situationsdossiersrsa), (SELECT "        \
    "string_agg(id::text, ',' ORDER BY id) FROM detailscalculsdroitsrsa), (SELECT "      \
    "string_agg(id::text, ',' ORDER BY id) FROM adresses), (SELECT "                     \
    "string_agg(id::text, ',' ORDER BY id) FROM adressesfoyers))"
#define PERSONS                                                                          \
    "SELECT coalesce(string_agg(rtrim(prenom) || '/' || coalesce(rtrim(nir), '-'), ',' " \
    "ORDER BY id), '') FROM personnes"

/* ---- tests ---- */

static void test_pg_writing_a_new_case_makes_its_rows(void **state)
{
    struct fixture *f = *state;

    write_one(f, 1, 1,
              OPEN
              ",\"foyer\":{\"situation_familiale\":\"MAR\",\"depuis\":\"2019-06-01\","
              "\"enfants_a_charge\":2,\"sans_domicile_fixe\":false}," ADRESSE(
                  "NEUVE") ",\"composantes\":[{\"nature\":\"RSD\",\"debut\":"
                           "\"2026-01-01\",\"montant_centimes\":51230},{\"nature\":"
                           "\"RSI\",\"montant_centimes\":5}],\"personnes\":[" ZOE
                           "," ENFANT("LEA") "]");
    helper_pg_is("SELECT concat_ws(' ', numdemrsa, matricule, fonorg, numorg, dtdemrsa, "
                 "typeparte, fonorgprenmut IS NULL) FROM dossiers",
                 "00000000193 123456700000000 CAF 931 2025-11-03 CG   t");
    helper_pg_is("SELECT concat_ws(' ', sitfam, ddsitfam, haspiecejointe) FROM foyers",
                 "MAR 2019-06-01 0");
    helper_pg_is("SELECT etatdosrsa FROM situationsdossiersrsa", "2");
    helper_pg_is(
        "SELECT concat_ws(' ', nbenfautcha, topsansdomfixe) FROM detailsdroitsrsa",
        "2 f");
    helper_pg_is(
        "SELECT string_agg(concat_ws(' ', rtrim(natpf), ddnatdro, mtrsavers), ',' "
        "ORDER BY id) FROM detailscalculsdroitsrsa",
        "RSD 2026-01-01 512.30,RSI 0.05");
    helper_pg_is("SELECT concat_ws(' ', numvoie, nomvoie, codepos, numcom, rgadr, dtemm, "
                 "etatadr) FROM adresses a JOIN adressesfoyers l ON l.adresse_id = a.id",
                 "12 NEUVE 93000 93008 01 2024-09-01 NC");
    helper_pg_is(PERSONS, "ZOE/2900293001002,LEA/-");
    helper_pg_is(
        "SELECT string_agg(concat_ws(' ', prenom, rtrim(natprest), rtrim(rolepers), "
        "topchapers), ',' ORDER BY r.id) FROM prestations r JOIN personnes p ON p.id "
        "= personne_id",
        "ZOE RSA DEM f,ZOE PFA DEM,LEA RSA ENF");
    helper_pg_is("SELECT string_agg(toppersdrodevorsa, ',') FROM calculsdroitsrsa", "1");
    helper_pg_is("SELECT string_agg(ddratdos::text, ',') FROM dossierscaf", "2024-01-01");
    helper_pg_is("SELECT count(*) FROM personnes WHERE created IS NULL", "0");
    helper_pg_is(
        "SELECT concat_ws(' ', depot, fait, constate_le AT TIME ZONE 'UTC') FROM "
        "relais.relais_recus",
        "0123456789abcdef OUVERTURE 2026-01-01 00:00:00");
}

static void test_pg_writing_the_same_state_changes_nothing(void **state)
{
    struct fixture *f = *state;
    static const char body[] =
        OPEN "," ADRESSE("NEUVE") ",\"composantes\":[{\"nature\":\"RSD\"}],"
                                  "\"suspensions\":[{\"portee\":\"DROIT\",\"motif\":"
                                  "\"01\"}],\"personnes\":[" ZOE "]";
    char *before;

    write_one(f, 1, 1, body);
    before = helper_pg_sql("SELECT string_agg(t, '' ORDER BY t) FROM (SELECT xmin::text "
                           "|| id AS t FROM personnes UNION ALL SELECT xmin::text || id "
                           "FROM adresses UNION ALL SELECT xmin::text || id FROM "
                           "dossiers UNION ALL SELECT xmin::text || id FROM "
                           "detailscalculsdroitsrsa UNION ALL SELECT xmin::text || id "
                           "FROM suspensionsdroits UNION ALL SELECT xmin::text || id "
                           "FROM prestations) x");
    write_one(f, 2, 2, body);
    helper_pg_is("SELECT string_agg(t, '' ORDER BY t) FROM (SELECT xmin::text "
                 "|| id AS t FROM personnes UNION ALL SELECT xmin::text || id "
                 "FROM adresses UNION ALL SELECT xmin::text || id FROM "
                 "dossiers UNION ALL SELECT xmin::text || id FROM "
                 "detailscalculsdroitsrsa UNION ALL SELECT xmin::text || id "
                 "FROM suspensionsdroits UNION ALL SELECT xmin::text || id "
                 "FROM prestations) x",
                 before);
    free(before);
}

static void test_pg_writing_changes_keep_ids(void **state)
{
    struct fixture *f = *state;
    char *before;

    write_one(f, 1, 1,
              OPEN "," ADRESSE("NEUVE") ",\"composantes\":[{\"nature\":\"RSD\",\"debut\":"
                                        "\"2026-01-01\",\"montant_centimes\":1}],"
                                        "\"personnes\":[" ZOE "]");
    before = helper_pg_sql(IDS);
    write_one(f, 2, 2,
              HEAD ",\"etat\":\"CLOS\",\"cloture\":{\"motif\":\"ECH\"},"
                   "\"cloture_mois_anterieur\":{\"motif\":\"MUT\",\"date\":"
                   "\"2025-12-01\"}," ADRESSE(
                       "AUTRE") ",\"composantes\":[{\"nature\":\"RSD\",\"debut\":"
                                "\"2026-02-01\",\"montant_centimes\":200}],"
                                "\"personnes\":[" ZOE "]");
    helper_pg_is(IDS, before);
    helper_pg_is("SELECT concat_ws(' ', etatdosrsa, rtrim(moticlorsa), dtclorsa IS NULL, "
                 "motirefursa IS NULL) FROM situationsdossiersrsa",
                 "5 ECH t t");
    helper_pg_is("SELECT nomvoie FROM adresses", "AUTRE");
    helper_pg_is(
        "SELECT concat_ws(' ', ddnatdro, mtrsavers) FROM detailscalculsdroitsrsa",
        "2026-02-01 2.00");
    free(before);
}

static void test_pg_writing_older_states_never_win(void **state)
{
    struct fixture *f = *state;

    write_one(f, 5, 2, HEAD ",\"etat\":\"CLOS\"");
    write_one(f, 4, 3, OPEN);
    helper_pg_is("SELECT etatdosrsa FROM situationsdossiersrsa", "5");
    event(f, 6, 5, HEAD ",\"etat\":\"SUSPENDU_DROIT\"");
    event(f, 6, 4, OPEN);
    helper_sink_must_write(f);
    helper_pg_is("SELECT etatdosrsa FROM situationsdossiersrsa", "3");
    helper_pg_is("SELECT count(*) FROM relais.relais_recus", "4");
}

static void test_pg_writing_a_caseworker_s_rows_and_columns_stay(void **state)
{
    struct fixture *f = *state;

    free(helper_pg_sql(
        "INSERT INTO dossiers (numdemrsa, matricule, numcli, statudemrsa) VALUES "
        "('00000000193', '123456700000000', 7, 'N');"
        "INSERT INTO foyers (dossier_id, sitfam, mtestrsa) VALUES (1, 'CEL', 5.5);"
        "INSERT INTO personnes (foyer_id, nom, prenom, nomnai, dtnai, nir, email, "
        "numport) VALUES (1, 'Durand', 'ZOE', 'MARTIN', '1990-02-28', "
        "'290029300100218', 'z@exemple.fr', '0600000000'), (1, 'AMI', 'LUC', 'AMI', "
        "'1970-01-01', NULL, 'l@exemple.fr', NULL);"
        "INSERT INTO prestations (personne_id, natprest, rolepers) VALUES (2, 'RSA', "
        "'AUT');"
        "INSERT INTO situationsdossiersrsa (dossier_id, etatdosrsa) VALUES (1, 'Z');"
        "INSERT INTO suspensionsdroits (situationdossierrsa_id, motisusdrorsa, "
        "ddsusdrorsa) VALUES (1, '09', '2025-01-01');"
        "INSERT INTO adresses (nomvoie, canton) VALUES ('SAISIE', 'BOBIGNY'), "
        "('PARTAGEE', NULL);"
        "INSERT INTO adressesfoyers (adresse_id, foyer_id, rgadr, typeadr) VALUES (1, 1, "
        "'02', 'P'), (2, 1, '01', 'D');"
        "INSERT INTO orientsstructs (personne_id, statut_orient) VALUES (1, 'En "
        "attente')"));
    write_one(f, 1, 1,
              OPEN ",\"foyer\":{\"situation_familiale\":\"MAR\"}," ADRESSE(
                  "NEUVE") ",\"suspensions\":[{\"portee\":\"DROIT\",\"motif\":\"01\"}],"
                           "\"personnes\":[" ZOE "]");
    write_one(f, 2, 2, OPEN "," ADRESSE("NEUVE") ",\"personnes\":[" ZOE "]");
    helper_pg_is("SELECT concat_ws(' ', id, numcli, statudemrsa, dtdemrsa) FROM dossiers",
                 "1 7 N 2025-11-03");
    helper_pg_is("SELECT concat_ws(' ', id, mtestrsa, sitfam IS NULL) FROM foyers",
                 "1 5.50 t");
    /* found by the number's 13 characters; its key stays */
    helper_pg_is(
        "SELECT string_agg(concat_ws(' ', id, nom, nir, email, numport), ',' ORDER BY "
        "id) FROM personnes",
        "1 DURAND 290029300100218 z@exemple.fr 0600000000,2 AMI l@exemple.fr");
    helper_pg_is(
        "SELECT string_agg(concat_ws(' ', id, nomvoie, canton), ',' ORDER BY id) FROM "
        "adresses",
        "1 SAISIE BOBIGNY,2 NEUVE");
    helper_pg_is(
        "SELECT string_agg(concat_ws(' ', rgadr, typeadr), ',' ORDER BY id) FROM "
        "adressesfoyers",
        "02 P,01 D");
    helper_pg_is("SELECT string_agg(motisusdrorsa, ',') FROM suspensionsdroits", "09");
    helper_pg_is("SELECT string_agg(rtrim(rolepers), ',' ORDER BY id) FROM prestations "
                 "WHERE personne_id = 2",
                 "AUT");
    helper_pg_is("SELECT count(*) FROM orientsstructs", "1");
}

static void test_pg_writing_what_the_state_lacks_goes_where_it_was_asked(void **state)
{
    struct fixture *f = *state;

    write_one(f, 1, 1,
              OPEN ",\"suspensions\":[{\"portee\":\"DROIT\",\"motif\":\"01\",\"debut\":"
                   "\"2026-01-01\"},{\"portee\":\"DROIT\",\"motif\":\"02\"},{\"portee\":"
                   "\"VERSEMENT\",\"motif\":\"06\"}],\"reductions\":[{"
                   "\"montant_centimes\":1000,\"debut\":\"2026-01-01\"}],"
                   "\"composantes\":[{\"nature\":\"RSD\"},{\"nature\":\"RSI\"}],"
                   "\"personnes\":[" ZOE "," ENFANT("LEA") "]");
    helper_pg_is("SELECT mtredrsa FROM reducsrsa", "10.00");
    write_one(f, 2, 2,
              OPEN ",\"suspensions\":[{\"portee\":\"DROIT\",\"motif\":\"02\"}],"
                   "\"reductions\":[],\"composantes\":[{\"nature\":\"RSI\"}],"
                   "\"personnes\":[" ZOE "]");
    helper_pg_is("SELECT string_agg(motisusdrorsa, ',') FROM suspensionsdroits", "02");
    helper_pg_is("SELECT count(*) FROM suspensionsversements", "0");
    helper_pg_is("SELECT count(*) FROM reducsrsa", "0");
    helper_pg_is("SELECT count(*) FROM avispcgdroitsrsa", "1");
    helper_pg_is("SELECT string_agg(rtrim(natpf), ',') FROM detailscalculsdroitsrsa",
                 "RSI");
    /* a person stays, her roles in the household do not */
    helper_pg_is(PERSONS, "ZOE/2900293001002,LEA/-");
    helper_pg_is("SELECT string_agg(rtrim(rolepers), ',') FROM prestations", "DEM,DEM");
    helper_pg_is("SELECT string_agg(nom, ',' ORDER BY nom) FROM relais.relais_lignes",
                 "calcul,prestation,prestation,suspension_droit");
}

static void test_pg_writing_equal_elements_are_rows_of_their_own(void **state)
{
    struct fixture *f = *state;
    static const char twice[] =
        OPEN ",\"composantes\":[{\"nature\":\"RSD\",\"montant_centimes\":100},{"
             "\"nature\":\"RSD\",\"montant_centimes\":200}]";

    write_one(f, 1, 1, twice);
    write_one(f, 2, 2, twice);
    helper_pg_is("SELECT string_agg(mtrsavers::text, ',' ORDER BY id) FROM "
                 "detailscalculsdroitsrsa",
                 "1.00,2.00");
}

/* The flow's schema allows two Prestations of one nature, the table does not. */
static void
test_pg_writing_a_key_that_comes_twice_is_one_row_the_last_counts(void **state)
{
    struct fixture *f = *state;
    static const char twice[] =
        OPEN ",\"personnes\":[{\"identite\":{\"nom\":\"DURAND\",\"nom_naissance\":"
             "\"DURAND\",\"prenom\":\"ZOE\",\"date_naissance\":\"1990-02-28\"},"
             "\"roles\":[{\"prestation\":\"RSA\",\"role\":\"DEM\"},{\"prestation\":"
             "\"RSA\",\"role\":\"CJT\"}]}]";

    write_one(f, 1, 1, twice);
    helper_pg_is("SELECT string_agg(rtrim(rolepers), ',') FROM prestations", "CJT");
    write_one(f, 2, 2, twice);
    helper_pg_is("SELECT string_agg(rtrim(rolepers), ',') FROM prestations", "CJT");
}

/* Two rights of one case, as after a change of caisse: the later event holds, also when
 * both are published again. */
static void test_pg_writing_rights_of_one_case_are_in_order(void **state)
{
    struct fixture *f = *state;
    static const char other[] =
        "\"droit\":\"b\",\"numero_demande\":\"00000000193\",\"matricule\":"
        "\"123456700000000\",\"organisme\":{\"fonorg\":\"MSA\",\"numorg\":\"932\"},"
        "\"etat\":\"OUVERT\"";

    write_one(f, 1, 1, "\"droit\":\"a\"," OPEN);
    write_one(f, 2, 2, "\"droit\":\"a\"," HEAD ",\"etat\":\"CLOS\"");
    write_one(f, 3, 3, other);
    write_one(f, 3, 5, other);
    write_one(f, 2, 4, "\"droit\":\"a\"," HEAD ",\"etat\":\"CLOS\"");
    helper_pg_is(
        "SELECT string_agg(fonorg || numorg || etatdosrsa, ',') FROM dossiers d JOIN "
        "situationsdossiersrsa s ON s.dossier_id = d.id",
        "MSA9322");
}

/* CORRECTION and ANNULATION are states like others. */
static void test_pg_writing_corrections_and_annulments_are_applied(void **state)
{
    struct fixture *f = *state;

    write_one(f, 1, 1,
              HEAD ",\"etat\":\"REFUSE\",\"refus\":{\"motif\":\"PCG\",\"date\":"
                   "\"2026-01-01\"}");
    write_one(f, 2, 2,
              OPEN ",\"composantes\":[{\"nature\":\"RSD\",\"montant_centimes\":7}]");
    helper_pg_is("SELECT concat_ws(' ', etatdosrsa, motirefursa, dtrefursa) FROM "
                 "situationsdossiersrsa",
                 "2");
    write_one(f, 3, 3, HEAD ",\"etat\":\"ANNULE\",\"composantes\":[]");
    helper_pg_is("SELECT etatdosrsa FROM situationsdossiersrsa", "Z");
    helper_pg_is("SELECT count(*) FROM detailscalculsdroitsrsa", "0");
}

/* The better key of one goes before the worse key of another: twins, one of whose first
 * names was mended. */
static void test_pg_writing_persons_are_found_by_number_then_civil_status(void **state)
{
    struct fixture *f = *state;

    write_one(f, 1, 1,
              OPEN ",\"personnes\":[" ZOE "," ENFANT("LEA") "," ENFANT("LUC") "]");
    write_one(f, 2, 2,
              OPEN ",\"personnes\":[" ENFANT(
                  "LUC") ",{\"nir\":\"2200593001003\",\"identite\":{\"nom\":\"DURAND\","
                         "\"nom_naissance\":\"DURAND\",\"prenom\":\"LEA\","
                         "\"date_naissance\":\"2020-05-05\",\"rang_naissance\":1}},{"
                         "\"nir\":\"2900293001002\",\"identite\":{\"nom\":\"DURAND\","
                         "\"nom_naissance\":\"MARTIN\",\"prenom\":\"ZOEE\","
                         "\"date_naissance\":\"1990-02-28\"}}]");
    helper_pg_is(PERSONS, "ZOEE/2900293001002,LEA/2200593001003,LUC/-");
}

static void test_pg_writing_two_cases_of_one_number_are_told_apart_or_parked(void **state)
{
    struct fixture *f = *state;

    free(helper_pg_sql("INSERT INTO dossiers (numdemrsa, matricule) VALUES "
                       "('00000000193', '111111100000000'), ('00000000193', "
                       "'123456700000000')"));
    write_one(f, 1, 1, OPEN);
    helper_pg_is(
        "SELECT string_agg(d.id || coalesce(fonorg, '-'), ',' ORDER BY d.id) FROM "
        "dossiers d",
        "1-,2CAF");
    free(helper_pg_sql("UPDATE dossiers SET matricule = NULL"));
    refused_at(f, 1, OPEN, RELAIS_E_PG_ROW,
               "table public.dossiers, constraint find: several rows");
    /* one without a number of the caisse is found, another household's is not taken */
    free(helper_pg_sql("DELETE FROM dossiers WHERE id = 2; UPDATE dossiers SET matricule "
                       "= '999999900000000'"));
    refused_at(f, 1, OPEN, RELAIS_E_PG_ROW,
               "table public.dossiers, constraint find: the row is another's");
    free(helper_pg_sql("UPDATE dossiers SET matricule = NULL"));
    f->offset = 1;
    write_one(f, 2, 2, OPEN);
    helper_pg_is("SELECT id || matricule FROM dossiers", "1123456700000000");
}

static void test_pg_writing_a_shared_address_is_not_changed_for_others(void **state)
{
    struct fixture *f = *state;

    write_one(f, 1, 1, OPEN "," ADRESSE("NEUVE"));
    free(helper_pg_sql(
        "INSERT INTO dossiers (numdemrsa) VALUES ('00000000999'); INSERT INTO foyers "
        "(dossier_id) SELECT max(id) FROM dossiers; INSERT INTO adressesfoyers "
        "(adresse_id, foyer_id, rgadr) SELECT min(a.id), max(f.id), '01' FROM adresses "
        "a, foyers f"));
    write_one(f, 2, 2, OPEN "," ADRESSE("AUTRE"));
    helper_pg_is(
        "SELECT string_agg(nomvoie, ',' ORDER BY l.id) FROM adressesfoyers l JOIN "
        "adresses a ON a.id = adresse_id",
        "AUTRE,NEUVE");
}

/* What the ring does not open leaves its columns alone. */
static void test_pg_writing_closed_fields_change_nothing(void **state)
{
    struct fixture *f = *state;
    struct relais_error err = RELAIS_ERROR_INIT;
    struct relais_record *rec;
    struct relais_value *v;
    size_t done;

    write_one(f, 1, 1, OPEN "," ADRESSE("NEUVE") ",\"personnes\":[" ZOE "]");
    rec = event(f, 2, 2, OPEN ",\"adresse\":\"closed\",\"personnes\":[" ZOE "]");
    v = relais_value_get(rec->value, "adresse") ? rec->value->child : NULL;
    for (; v; v = v->next)
        if (strcmp(v->name, "adresse") == 0)
            v->kind = RELAIS_VALUE_BYTES;
    for (v = rec->value->last->child->child; v; v = v->next)
        if (strcmp(v->name, "nir") == 0)
            v->kind = RELAIS_VALUE_BYTES;
    helper_sink_must_write(f);
    helper_pg_is("SELECT nomvoie FROM adresses", "NEUVE");
    helper_pg_is("SELECT rgadr || dtemm FROM adressesfoyers", "012024-09-01");
    helper_pg_is(PERSONS, "ZOE/2900293001002");
    /* a key that stays closed is a matter of the ring, not of the event */
    rec = event(f, 3, 3, OPEN);
    for (v = rec->value->child; v; v = v->next)
        if (strcmp(v->name, "numero_demande") == 0 || strcmp(v->name, "matricule") == 0)
            v->kind = RELAIS_VALUE_BYTES;
    assert_int_equal(helper_sink_write(f, f->sink, &done, &err), -1);
    assert_int_equal(err.code, RELAIS_E_KEYRING);
    assert_string_equal(err.where, "webrsa-puits.json: dossier.find");
}

static void test_pg_writing_refused_values_name_their_field(void **state)
{
    struct fixture *f = *state;

    refused_at(f, 0, OPEN ",\"foyer\":{\"situation_familiale\":\"XYZ\"}", RELAIS_E_PG_ROW,
               "table foyers, constraint foyers_sitfam_in_list_chk");
    refused_at(f, 0,
               OPEN ",\"personnes\":[{\"identite\":{\"prenom\":\"A\",\"nom_naissance\":"
                    "\"ABCDEFGHIJKLMNOPQRSTUVWXYZABCDEFGHIJKLMNOPQRSTUVWXYZ\","
                    "\"date_naissance\":\"2000-01-01\"}}]",
               RELAIS_E_FIELD_LENGTH, "webrsa-puits.json: personne.set.nomnai");
    refused_at(f, 0, OPEN ",\"personnes\":[{\"identite\":{\"nom\":\"DURAND\"}}]",
               RELAIS_E_FIELD_MISSING, "webrsa-puits.json: personne.find");
    refused_at(f, 0,
               OPEN ",\"composantes\":[{\"nature\":\"RSD\",\"montant_centimes\":\"x\"}]",
               RELAIS_E_FIELD_TYPE, "calcul.set.mtrsavers");
    refused_at(f, 0, OPEN ",\"composantes\":{}", RELAIS_E_FIELD_TYPE, "calcul.each");
    helper_pg_is("SELECT count(*) FROM dossiers", "0");
    helper_pg_is("SELECT count(*) FROM relais.relais_objets", "0");
}

static void test_pg_writing_one_refused_case_leaves_the_others(void **state)
{
    struct fixture *f = *state;
    struct relais_error err = RELAIS_ERROR_INIT;
    size_t done;

    for (int i = 0; i < 300; i++) {
        char body[1024];
        struct relais_record *rec;

        snprintf(body, sizeof(body),
                 "\"numero_demande\":\"%011d\",\"matricule\":\"%015d\",\"etat\":"
                 "\"OUVERT\",\"foyer\":{\"situation_familiale\":\"%s\"}",
                 i, i, i == 270 ? "XYZ" : "MAR");
        rec = event(f, 1, 1, body);
        for (struct relais_value *v = rec->value->child->child; v; v = v->next)
            if (strcmp(v->name, "dossier") == 0)
                v->text = relais_arena_printf(&f->batch.arena, "d%d", i);
    }
    assert_int_equal(helper_sink_write(f, f->sink, &done, &err), -1);
    assert_int_equal(err.code, RELAIS_E_PG_ROW);
    assert_int_equal(done, 270);
    helper_pg_is("SELECT count(*) FROM dossiers", "270");
    helper_pg_is("SELECT suivant FROM relais.relais_positions", "270");
}

/* The application makes the row at the moment of ours: a trigger plays it. */
static void test_pg_writing_a_row_made_meanwhile_is_found_again(void **state)
{
    struct fixture *f = *state;

    free(helper_pg_sql(
        "CREATE EXTENSION IF NOT EXISTS dblink;"
        "CREATE FUNCTION rival() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
        "IF NEW.etatdosrsa = '2' THEN PERFORM public.dblink_exec('dbname=' || "
        "current_database() || ' user=postgres host=127.0.0.1 port=' || "
        "current_setting('port'), 'INSERT INTO public.situationsdossiersrsa (dossier_id) "
        "SELECT ' || NEW.dossier_id); END IF; RETURN NEW; END $$"));
    write_one(f, 1, 1, HEAD ",\"etat\":\"INSTRUCTION\"");
    free(helper_pg_sql("DELETE FROM situationsdossiersrsa; CREATE TRIGGER rival BEFORE "
                       "INSERT ON situationsdossiersrsa FOR EACH ROW EXECUTE FUNCTION "
                       "rival()"));
    write_one(f, 2, 2, OPEN);
    helper_pg_is("SELECT string_agg(etatdosrsa, ',') FROM situationsdossiersrsa", "2");
}

/* A caseworker is at the case, or another sink: one waits, nothing is lost, nothing is
 * written twice. */
static void test_pg_writing_waits_for_locks_of_others(void **state)
{
    static const char *const locks[] = {
        "SELECT pg_advisory_xact_lock(hashtextextended('d1', 0))",
        "SELECT FROM dossiers FOR UPDATE", "UPDATE dossiers SET numcli = 5"};
    struct fixture *f = *state;

    write_one(f, 1, 1, HEAD ",\"etat\":\"INSTRUCTION\"");
    for (int i = 0; i < 3; i++) {
        struct relais_error err = RELAIS_ERROR_INIT;
        PGconn *other = PQconnectdb(getenv("PG_URL"));
        size_t done;

        PQclear(PQexec(other, "BEGIN"));
        PQclear(PQexec(other, locks[i]));
        event(f, 2 + i, 2 + i, i % 2 ? HEAD ",\"etat\":\"CLOS\"" : OPEN);
        assert_int_equal(f->ops->write(f->sink, &f->batch, &done, &err), -1);
        assert_int_equal(err.code, RELAIS_E_PG_DOWN); /* its time is over: again later */
        assert_int_equal(done, 0);
        PQclear(PQexec(other, "COMMIT"));
        PQfinish(other);
        helper_sink_must_write(f);
    }
    helper_pg_is("SELECT concat_ws(' ', numcli, etatdosrsa) FROM dossiers d JOIN "
                 "situationsdossiersrsa s ON s.dossier_id = d.id",
                 "5 2");
}

static void test_pg_writing_the_example_fits_its_contract_and_no_other(void **state)
{
    struct fixture *f = *state;
    struct relais_error err = RELAIS_ERROR_INIT;
    struct relais_position list = {TOPIC, 0, -1, 0};

    /* a topic of other events only: the file is never used */
    if (expect(f, "EvenementPaiement", &err))
        fail_msg("%s: %s", err.where, err.text);
    assert_int_equal(f->ops->positions(f->sink, "g", &list, 1, &err), -1);
    assert_int_equal(err.code, RELAIS_E_CONF_VALUE);
    assert_non_null(strstr(err.text, "EvenementDroit"));
    relais_error_clear(&err);
    if (expect(f, "EvenementDroit", &err) ||
        f->ops->positions(f->sink, "g", &list, 1, &err))
        fail_msg("%s: %s", err.where, err.text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(name)                                                                          \
    cmocka_unit_test_setup_teardown(test_pg_writing_##name, setup, helper_sink_teardown)
        T(a_new_case_makes_its_rows),
        T(the_same_state_changes_nothing),
        T(changes_keep_ids),
        T(older_states_never_win),
        T(a_caseworker_s_rows_and_columns_stay),
        T(what_the_state_lacks_goes_where_it_was_asked),
        T(equal_elements_are_rows_of_their_own),
        T(a_key_that_comes_twice_is_one_row_the_last_counts),
        T(rights_of_one_case_are_in_order),
        T(corrections_and_annulments_are_applied),
        T(persons_are_found_by_number_then_civil_status),
        T(two_cases_of_one_number_are_told_apart_or_parked),
        T(a_shared_address_is_not_changed_for_others),
        T(closed_fields_change_nothing),
        T(refused_values_name_their_field),
        T(one_refused_case_leaves_the_others),
        T(a_row_made_meanwhile_is_found_again),
        T(waits_for_locks_of_others),
        T(the_example_fits_its_contract_and_no_other),
#undef T
    };

    relais_loop_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
