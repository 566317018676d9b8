/* The check stage, protection and the families' rules. */
#include "core/day.h"
#include "schemas/family.h"

#include "contracts/evenement_droit.h"
#include "contracts/evenement_mesure.h"
#include "contracts/evenement_paiement.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#define ID       "11111111-1111-8111-8111-111111111111"
#define OTHER_ID "22222222-2222-8222-8222-222222222222"

static struct relais_checker checker = {.source = "urn:relais:cnaf:cristal:dep93",
                                        .territory = "dep93"};
static struct relais_codes *codes;
static struct relais_keyring *ring;

static struct relais_arena arena = RELAIS_ARENA_INIT(8u << 20);
static struct relais_checked checked;
static struct relais_error err;
static char pseudonym[RELAIS_PSEUDONYM_LEN + 1];

static int set_up(void **state)
{
    char dir[] = "/tmp/relais-check-XXXXXX", path[64];

    if (!mkdtemp(dir))
        return -1;
    snprintf(path, sizeof(path), "%s/ring", dir);
    relais_error_clear(&err);
    if (relais_keyring_init(path, 20000, &err))
        return -1;
    ring = relais_keyring_open(path, &err);
    codes = relais_codes_new(NULL, &err);
    unlink(path);
    rmdir(dir);
    checker.codes = codes;
    checker.ring = ring;
    return ring && codes ? 0 : -1;
}

static int tear_down(void **state)
{
    relais_keyring_free(ring);
    relais_codes_free(codes);
    relais_arena_release(&arena);
    return 0;
}

static int fresh(void **state)
{
    relais_arena_reset(&arena);
    relais_error_clear(&err);
    return 0;
}

/* A household's right, with %s left for further members. */
#define DROIT_HEAD                                                                       \
    "{\"entete\":{\"dossier\":\" 0100010193a "                                           \
    "\",\"constate_le\":\"2026-02-04T20:27:43Z\"},"                                      \
    "\"prestation\":\"RSA\",\"etat\":\"OUVERT\",\"organisme\":{\"fonorg\":\"CAF\","      \
    "\"numorg\":\"931\"},\"matricule\":\"990010100000000\""
#define DROIT_PERSONNES                                                                  \
    ",\"personnes\":[{\"nir\":\"255081416802538\",\"identite\":{\"nom_naissance\":"      \
    "\"QUIRVELLE\","                                                                     \
    "\"prenom\":\"AMANDINE\",\"date_naissance\":\"1992-01-17\"},\"roles\":[{"            \
    "\"prestation\":"                                                                    \
    "\"RSA\",\"role\":\"DEM\"},{\"prestation\":\"PFA\",\"role\":\"DEM\"}],\"statut_"     \
    "identite\":"                                                                        \
    "\"NIR_CERTIFIE\"},{\"identite\":{\"nom_naissance\":\"L\xc3\x89GER-\xc5\x92UVRE\","  \
    "\"prenom\":\"Zo\xc3\xa9\",\"date_naissance\":\"2021-06-03\"}},"                     \
    "{\"nir\":\"255081416802500\",\"identite\":{\"nom_naissance\":\"SANSPRENOM\"}}]"

static int check(enum relais_record_kind kind, const char *schema, const char *json)
{
    struct relais_record rec = {.kind = kind,
                                .schema = schema,
                                .depot = RELAIS_SLICE("0123456789abcdef"),
                                .position = RELAIS_SLICE("1")};

    rec.value = relais_value_parse(&arena, relais_slice_str(json), &err);
    assert_non_null(rec.value);
    return relais_check(&checker, &rec, &arena, &checked, pseudonym, &err);
}

static const struct evenement_droit *droit(const char *json)
{
    if (check(RELAIS_RECORD_SNAPSHOT, "EvenementDroit", json))
        fail_msg("%s: %s %s", relais_error_name(err.code), err.where, err.text);
    return checked.data;
}

static void refused(enum relais_code code, const char *where)
{
    assert_string_equal(relais_error_name(err.code), relais_error_name(code));
    assert_string_equal(err.where, where);
}

static void
test_dossier_becomes_the_pseudonym_of_the_trimmed_upper_case_number(void **state)
{
    char expected[RELAIS_PSEUDONYM_LEN + 1];
    const struct evenement_droit *d = droit(DROIT_HEAD "}");

    assert_int_equal(
        relais_pseudonym(ring, 'd', RELAIS_SLICE("0100010193A"), expected, &err), 0);
    assert_true(relais_slice_is(d->entete.dossier, expected));
    assert_true(relais_slice_is(checked.dossier, expected));
    assert_string_equal(pseudonym, expected);
}

static void test_droit_is_named_by_case_organisme_matricule_and_prestation(void **state)
{
    char mat[RELAIS_PSEUDONYM_LEN + 1], expected[37];
    struct relais_slice parts[7] = {RELAIS_SLICE("relais/droit/1")};
    unsigned char digest[RELAIS_SHA256_LEN];
    const struct evenement_droit *d = droit(DROIT_HEAD "}");

    assert_int_equal(
        relais_pseudonym(ring, 'm', RELAIS_SLICE("990010100000000"), mat, &err), 0);
    parts[1] = relais_slice_str(pseudonym);
    parts[2] = RELAIS_SLICE("CAF");
    parts[3] = RELAIS_SLICE("931");
    parts[4] = relais_slice_str(mat);
    parts[5] = RELAIS_SLICE("RSA");
    parts[6] = RELAIS_SLICE("");
    relais_sha256_parts(parts, 7, digest);
    relais_uuid8(digest, expected);
    assert_true(relais_slice_is(d->droit, expected));
    assert_true(relais_slice_is(checked.object, expected));
}

static const struct personne_droit *person(const struct evenement_droit *d, char genre,
                                           const char *canonical)
{
    char expected[RELAIS_PSEUDONYM_LEN + 1];
    const struct personne_droit *p = d->personnes.items;

    assert_int_equal(
        relais_pseudonym(ring, genre, relais_slice_str(canonical), expected, &err), 0);
    for (size_t i = 0; i < d->personnes.count; i++)
        if (relais_slice_is(p[i].personne, expected))
            return &p[i];
    fail_msg("nobody is %s", canonical);
    return NULL;
}

static void test_persons_are_named_by_nir_civil_status_or_within_the_case(void **state)
{
    const struct evenement_droit *d = droit(DROIT_HEAD DROIT_PERSONNES "}");
    const struct personne_droit *p;

    assert_int_equal(d->personnes.count, 3);
    p = person(d, 'p', "nir:2550814168025");
    assert_true(relais_slice_is(p->nir, "2550814168025"));
    assert_int_equal(p->statut_identite, STATUT_IDENTITE_NIR_CERTIFIE);
    p = person(d, 'p', "ec:LEGER OEUVRE|ZOE|2021-06-03");
    assert_null(p->nir.ptr);
    assert_int_equal(p->statut_identite, STATUT_IDENTITE_SANS_NIR);
    p = person(d, 'p', "ed:0100010193A|SANSPRENOM||");
    assert_true(relais_slice_is(p->nir, "255081416802500"));
    assert_int_equal(p->statut_identite, STATUT_IDENTITE_NIR_INVALIDE);
}

static void test_wrong_nir_key_only_warns(void **state)
{
    droit(DROIT_HEAD DROIT_PERSONNES "}");
    assert_int_equal(checked.warning_count, 1);
    assert_int_equal(checked.warnings[0].code, RELAIS_E_FIELD_RULE);
    assert_string_equal(checked.warnings[0].where, "personnes.nir");
}

static void test_arrays_are_put_in_the_contract_order(void **state)
{
    const struct evenement_droit *d =
        droit(DROIT_HEAD DROIT_PERSONNES
              ",\"composantes\":[{\"nature\":\"RSI\",\"debut\":\"2026-01-01\"},{"
              "\"nature\":\"RSD\","
              "\"debut\":\"2026-02-01\"},{\"nature\":\"RSD\",\"debut\":\"2026-01-01\"}],"
              "\"suspensions\":[{\"portee\":\"VERSEMENT\",\"motif\":\"06\"},"
              "{\"portee\":\"DROIT\",\"motif\":\"GX\",\"debut\":\"2026-02-01\"},"
              "{\"portee\":\"DROIT\",\"motif\":\"GF\",\"debut\":\"2026-02-01\"}]}");
    const struct personne_droit *p = d->personnes.items;
    const struct composante *c = d->composantes.items;
    const struct suspension *s = d->suspensions.items;
    const struct role_droit *role = person(d, 'p', "nir:2550814168025")->roles.items;

    assert_true(relais_slice_cmp(p[0].personne, p[1].personne) < 0);
    assert_true(relais_slice_cmp(p[1].personne, p[2].personne) < 0);
    assert_true(relais_slice_is(role[0].prestation, "PFA"));
    assert_true(relais_slice_is(c[0].nature, "RSD") &&
                c[0].debut.value < c[1].debut.value);
    assert_true(relais_slice_is(c[2].nature, "RSI"));
    assert_true(relais_slice_is(s[0].motif, "GF") && relais_slice_is(s[1].motif, "GX"));
    assert_int_equal(s[2].portee, PORTEE_SUSPENSION_VERSEMENT);
}

static void test_motive_of_the_other_portee_is_parked(void **state)
{
    assert_int_equal(check(RELAIS_RECORD_SNAPSHOT, "EvenementDroit",
                           DROIT_HEAD ",\"suspensions\":[{\"portee\":\"DROIT\",\"motif\":"
                                      "\"06\"}]}"),
                     -1);
    refused(RELAIS_E_CODE_UNKNOWN, "suspensions.motif");
}

static void
test_unknown_closing_motive_is_parked_and_its_value_kept_out_of_the_error(void **state)
{
    assert_int_equal(check(RELAIS_RECORD_SNAPSHOT, "EvenementDroit",
                           DROIT_HEAD ",\"cloture\":{\"motif\":\"QQQ\"}}"),
                     -1);
    refused(RELAIS_E_CODE_UNKNOWN, "cloture.motif");
    assert_null(strstr(err.text, "QQQ"));
    assert_true(pseudonym[0] == 'd');
}

static void test_without_matricule_the_right_cannot_be_named(void **state)
{
    assert_int_equal(
        check(RELAIS_RECORD_SNAPSHOT, "EvenementDroit",
              "{\"entete\":{\"dossier\":\"0100010193A\",\"constate_le\":"
              "\"2026-02-04T20:27:43Z\"},\"prestation\":\"RSA\",\"etat\":"
              "\"OUVERT\",\"organisme\":{\"fonorg\":\"CAF\",\"numorg\":\"931\"}}"),
        -1);
    refused(RELAIS_E_FIELD_MISSING, "matricule");
}

static void
test_case_number_of_twelve_characters_is_parked_without_pseudonym(void **state)
{
    assert_int_equal(check(RELAIS_RECORD_SNAPSHOT, "EvenementDroit",
                           "{\"entete\":{\"dossier\":\"010001019312\"}}"),
                     -1);
    refused(RELAIS_E_FIELD_RULE, "entete.dossier");
    assert_string_equal(pseudonym, "");
}

static void test_case_number_that_is_no_text_is_parked_as_such(void **state)
{
    assert_int_equal(check(RELAIS_RECORD_SNAPSHOT, "EvenementDroit",
                           "{\"entete\":{\"dossier\":1000101934}}"),
                     -1);
    refused(RELAIS_E_FIELD_TYPE, "entete.dossier");
    relais_error_clear(&err);
    assert_int_equal(check(RELAIS_RECORD_SNAPSHOT, "EvenementDroit",
                           "{\"entete\":{\"dossier\":null}}"),
                     -1);
    refused(RELAIS_E_FIELD_MISSING, "entete.dossier");
    assert_string_equal(pseudonym, "");
}

static void test_block_of_another_territory_is_parked(void **state)
{
    assert_int_equal(
        check(RELAIS_RECORD_SNAPSHOT, "EvenementDroit",
              "{\"entete\":{\"dossier\":\"0100010193A\",\"territoire\":\"092\"}}"),
        -1);
    refused(RELAIS_E_TERRITORY, "entete.territoire");
}

static void test_ideparte_of_the_territory_is_taken_for_it(void **state)
{
    const struct evenement_droit *d = droit(
        "{\"entete\":{\"dossier\":\"0100010193A\",\"territoire\":\"093\",\"constate_le\":"
        "\"2026-02-04T20:27:43Z\"},\"prestation\":\"RSA\",\"etat\":\"OUVERT\","
        "\"organisme\":{\"fonorg\":\"CAF\",\"numorg\":\"931\"},\"matricule\":"
        "\"990010100000000\"}");

    assert_true(relais_slice_is(d->entete.territoire, "dep93"));
}

static void test_sealing_is_deterministic_and_bound_to_the_id(void **state)
{
    const struct evenement_droit *a, *b, *other;
    struct relais_slice id = RELAIS_SLICE(ID);

    droit(DROIT_HEAD DROIT_PERSONNES "}");
    a = relais_check_seal(&checker, &checked, id, &arena, &err);
    b = relais_check_seal(&checker, &checked, id, &arena, &err);
    other = relais_check_seal(&checker, &checked, RELAIS_SLICE(OTHER_ID), &arena, &err);
    assert_non_null(a);
    assert_true(relais_slice_eq(a->matricule, b->matricule));
    assert_false(relais_slice_eq(a->matricule, other->matricule));
    assert_int_equal(a->matricule.ptr[0], 1);
    assert_true(relais_slice_is(((const struct evenement_droit *)checked.data)->matricule,
                                "990010100000000"));
}

static void test_opening_gives_the_clear_texts_back(void **state)
{
    struct evenement_droit *sealed;

    droit(DROIT_HEAD DROIT_PERSONNES "}");
    ((struct evenement_droit *)checked.data)->entete.id = RELAIS_SLICE(ID);
    sealed = relais_check_seal(&checker, &checked, RELAIS_SLICE(ID), &arena, &err);
    assert_non_null(sealed);
    assert_int_equal(relais_check_open(ring, checked.contract, sealed, &arena, &err), 0);
    assert_true(relais_slice_is(sealed->matricule, "990010100000000"));
    assert_true(relais_avro_equal(relais_avro_root(checked.contract->schema), sealed,
                                  checked.data));
}

/* ---- steps ---------------------------------------------------------------------------
 */

static const struct relais_family *family(void)
{
    return relais_family_find(relais_catalog_find("EvenementDroit"));
}

struct pair {
    struct evenement_droit before, now;
    struct composante composantes[2];
    struct suspension suspensions[2];
};

static void step(struct pair *p, bool first, const char *change,
                 struct relais_slice *changes)
{
    struct relais_step s = {.before = first ? NULL : &p->before,
                            .now_sealed = first ? NULL : &p->now,
                            .changes = changes,
                            .change_count = change ? 1 : 0,
                            .first_load = true,
                            .reference_days = 20000,
                            .created_days = 20010};

    if (change)
        changes[0] = relais_slice_str(change);
    assert_int_equal(family()->step(&p->now, &s, &arena, &err), 0);
}

static int fait(int before, int now)
{
    struct pair p = {.before = {.etat = before}, .now = {.etat = now}};
    struct relais_slice changes[1];

    step(&p, before < 0, "etat", changes);
    return p.now.fait;
}

static void test_steps_between_states_are_named_by_the_table(void **state)
{
    static const struct {
        int before, now, fait;
    } rows[] = {
        {-1, ETAT_DROIT_INSTRUCTION, FAIT_DROIT_DEMANDE},
        {-1, ETAT_DROIT_OUVERT, FAIT_DROIT_OUVERTURE},
        {ETAT_DROIT_INSTRUCTION, ETAT_DROIT_OUVERT, FAIT_DROIT_OUVERTURE},
        {ETAT_DROIT_REFUSE, ETAT_DROIT_OUVERT, FAIT_DROIT_OUVERTURE},
        {ETAT_DROIT_SUSPENDU_DROIT, ETAT_DROIT_OUVERT, FAIT_DROIT_REPRISE},
        {ETAT_DROIT_SUSPENDU_VERSEMENT, ETAT_DROIT_OUVERT, FAIT_DROIT_REPRISE},
        {ETAT_DROIT_CLOS, ETAT_DROIT_OUVERT, FAIT_DROIT_REOUVERTURE},
        {ETAT_DROIT_CLOS_REGUL, ETAT_DROIT_OUVERT, FAIT_DROIT_REOUVERTURE},
        {ETAT_DROIT_OUVERT, ETAT_DROIT_SUSPENDU_DROIT, FAIT_DROIT_SUSPENSION_DROIT},
        {-1, ETAT_DROIT_SUSPENDU_VERSEMENT, FAIT_DROIT_SUSPENSION_VERSEMENT},
        {ETAT_DROIT_OUVERT, ETAT_DROIT_CLOS, FAIT_DROIT_CLOTURE},
        {ETAT_DROIT_CLOS, ETAT_DROIT_CLOS_REGUL, FAIT_DROIT_REGULARISATION},
        {ETAT_DROIT_INSTRUCTION, ETAT_DROIT_REFUSE, FAIT_DROIT_REFUS},
        {ETAT_DROIT_OUVERT, ETAT_DROIT_INSTRUCTION, FAIT_DROIT_REVISION},
        {ETAT_DROIT_OUVERT, ETAT_DROIT_OUVERT, FAIT_DROIT_REVISION},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        if (fait(rows[i].before, rows[i].now) != rows[i].fait)
            fail_msg("row %zu: %d", i, fait(rows[i].before, rows[i].now));
}

static void test_closing_for_a_move_is_a_transfer_on_the_closing_day(void **state)
{
    struct pair p = {
        .before = {.etat = ETAT_DROIT_OUVERT},
        .now = {.etat = ETAT_DROIT_CLOS,
                .cloture = {true, {RELAIS_SLICE("MUT"), {true, 20100}}},
                .cloture_mois_anterieur = {true, {RELAIS_SLICE("ECH"), {true, 20050}}}}};
    struct relais_slice changes[1];

    step(&p, false, "etat", changes);
    assert_int_equal(p.now.fait, FAIT_DROIT_MUTATION_CEDEE);
    assert_int_equal(p.now.entete.survenu_le, 20100);
    p.now.etat = ETAT_DROIT_CLOS_REGUL;
    step(&p, false, "etat", changes);
    assert_int_equal(p.now.entete.survenu_le, 20050);
}

static void test_revision_takes_effect_with_the_latest_differing_component(void **state)
{
    struct pair p = {.before = {.etat = ETAT_DROIT_OUVERT},
                     .now = {.etat = ETAT_DROIT_OUVERT}};
    struct composante same = {.nature = RELAIS_SLICE("RSD"), .debut = {true, 20300}};
    struct relais_slice changes[1];

    p.composantes[0] = same;
    p.composantes[1] =
        (struct composante){.nature = RELAIS_SLICE("RSI"), .debut = {true, 20200}};
    p.before.composantes = (struct relais_array){&same, 1};
    p.now.composantes = (struct relais_array){p.composantes, 2};
    step(&p, false, "composantes", changes);
    assert_int_equal(p.now.fait, FAIT_DROIT_REVISION);
    assert_int_equal(p.now.entete.survenu_le, 20200);
}

static void test_without_a_day_of_its_own_a_step_takes_the_reference_day(void **state)
{
    struct pair p = {.before = {.etat = ETAT_DROIT_OUVERT},
                     .now = {.etat = ETAT_DROIT_OUVERT}};
    struct relais_slice changes[1];

    step(&p, false, "numero_demande", changes);
    assert_int_equal(p.now.entete.survenu_le, 20000);
    assert_true(p.now.entete.derive);
    assert_int_equal(p.now.entete.nature, NATURE_NORMAL);
    assert_true(p.now.etat_precedent.set);
}

static void test_only_commune_of_the_foyer_is_an_address_change(void **state)
{
    struct pair p = {.before = {.etat = ETAT_DROIT_OUVERT,
                                .foyer = {true, {.commune = RELAIS_SLICE("93001")}}},
                     .now = {.etat = ETAT_DROIT_OUVERT,
                             .foyer = {true, {.commune = RELAIS_SLICE("93002")}},
                             .adresse = RELAIS_SLICE("{\"date_emmenagement\":"
                                                     "\"2026-01-15\"}")}};
    struct relais_slice changes[1];
    int32_t day;

    step(&p, false, "foyer", changes);
    assert_int_equal(p.now.fait, FAIT_DROIT_ADRESSE);
    assert_true(relais_day_parse(RELAIS_SLICE("2026-01-15"), &day));
    assert_int_equal(p.now.entete.survenu_le, day);
    p.now.foyer.value.enfants_a_charge.set = true;
    step(&p, false, "foyer", changes);
    assert_int_equal(p.now.fait, FAIT_DROIT_FOYER);
}

static void test_first_sight_before_the_first_monthly_is_an_initialisation(void **state)
{
    struct pair p = {.now = {.etat = ETAT_DROIT_OUVERT}};
    struct relais_slice changes[1];

    step(&p, true, NULL, changes);
    assert_int_equal(p.now.entete.nature, NATURE_INITIALISATION);
    assert_false(p.now.etat_precedent.set);
}

/* ---- facts ---------------------------------------------------------------------------
 */

#define FACT_HEAD                                                                        \
    "{\"entete\":{\"dossier\":\"ENF-2026-001\",\"survenu_le\":\"2026-01-05\","           \
    "\"constate_le\":"                                                                   \
    "\"2026-01-06T09:00:00Z\"%s},"

static int fact(const char *schema, const char *entete, const char *rest)
{
    char json[4096];
    int n = snprintf(json, sizeof(json), FACT_HEAD, entete);

    snprintf(json + n, sizeof(json) - (size_t)n, "%s", rest);
    return check(RELAIS_RECORD_FACT, schema, json);
}

#define MESURE                                                                           \
    "\"mesure\":\"" ID                                                                   \
    "\",\"fait\":\"DEBUT\",\"etat\":\"DEBUTEE\",\"type_evenement\":\"%s\","              \
    "\"decision\":{\"nature\":\"%s\",\"code\":\"%s\"},\"date_debut\":\"2026-01-05\","    \
    "\"enfant\":"                                                                        \
    "{\"personne\":\"ec:LUSTREPIC|TITOUAN|2021-06-03\"}%s}"

static int mesure(const char *typev, const char *nature, const char *code,
                  const char *more)
{
    char rest[2048];

    snprintf(rest, sizeof(rest), MESURE, typev, nature, code, more);
    return fact("placements", "", rest);
}

static void test_placement_rows_of_the_facts_are_accepted(void **state)
{
    assert_int_equal(mesure("1", "ADMINISTRATIVE", "14", ""), 0);
    assert_int_equal(mesure("2", "JUDICIAIRE", "17", ",\"lieux\":[{\"type\":\"1\"}]"), 0);
    assert_int_equal(mesure("3", "JUDICIAIRE", "15",
                            ",\"date_fin\":\"2026-06-30\",\"motif_fin\":\"1\""),
                     0);
}

static void test_placement_rows_that_break_a_rule_are_parked(void **state)
{
    assert_int_equal(mesure("1", "ADMINISTRATIVE", "14",
                            ",\"date_fin\":\"2026-06-30\",\"motif_fin\":\"1\""),
                     -1);
    refused(RELAIS_E_FIELD_RULE, "date_fin");
    fresh(state);
    assert_int_equal(mesure("3", "JUDICIAIRE", "15", ",\"date_fin\":\"2026-06-30\""), -1);
    refused(RELAIS_E_FIELD_RULE, "motif_fin");
    fresh(state);
    assert_int_equal(mesure("1", "ADMINISTRATIVE", "10", ",\"lieux\":[{\"type\":\"1\"}]"),
                     -1);
    refused(RELAIS_E_FIELD_RULE, "lieux.type");
}

static void test_judicial_placement_over_two_years_is_warned_of(void **state)
{
    assert_int_equal(
        mesure("1", "JUDICIAIRE", "17", ",\"date_fin_prevue\":\"2028-02-01\""), 0);
    assert_int_equal(checked.warning_count, 1);
}

static void test_fact_gets_the_id_of_its_object_and_instant(void **state)
{
    struct relais_slice natural[] = {RELAIS_SLICE("publish"),
                                     RELAIS_SLICE("2026-01-06T09:00:00Z")};
    const struct evenement_mesure *m;
    char expected[37];

    assert_int_equal(mesure("1", "ADMINISTRATIVE", "14", ""), 0);
    relais_id_event(relais_slice_str(checker.source), RELAIS_SLICE(ID), natural, 2,
                    expected);
    m = checked.data;
    assert_true(relais_slice_is(m->entete.id, expected));
    assert_false(m->entete.derive);
}

#define PAIEMENT                                                                         \
    "\"paiement\":\"" ID "\",\"prestation\":\"AF\",\"fait\":\"EMIS\",\"etat\":\"EMIS\"," \
    "\"mois\":\"2026-02-01\",\"montant_centimes\":%s,\"sens\":\"AJOUT\"}"

static int paiement(const char *entete, const char *centimes)
{
    char rest[1024];

    snprintf(rest, sizeof(rest), PAIEMENT, centimes);
    return fact("EvenementPaiement", entete, rest);
}

static void test_payment_amounts_are_above_zero_and_whole(void **state)
{
    assert_int_equal(paiement("", "64652"), 0);
    assert_int_equal(paiement("", "0"), -1);
    refused(RELAIS_E_FIELD_RULE, "montant_centimes");
    fresh(state);
    assert_int_equal(paiement("", "-64652"), -1);
    fresh(state);
    assert_int_equal(paiement("", "646.52"), -1);
    refused(RELAIS_E_FIELD_TYPE, "montant_centimes");
}

/* It is published: the contract's encrypted texts can grow. */
static void warned(const char *compte, enum relais_code code)
{
    char centimes[256];

    snprintf(centimes, sizeof(centimes), "64652,\"compte\":%s", compte);
    assert_int_equal(paiement("", centimes), 0);
    assert_int_equal(checked.warning_count, code != RELAIS_E_OK);
    if (code == RELAIS_E_OK)
        return;
    assert_int_equal(checked.warnings[0].code, code);
    assert_string_equal(checked.warnings[0].where, "compte");
}

static void test_encrypted_text_with_an_unknown_member_or_a_wrong_iban_warns(void **state)
{
    warned("{\"iban\":\"FR7630006000011234567890189\",\"titulaire\":\"X\"}", RELAIS_E_OK);
    warned("{\"ibann\":\"FR7630006000011234567890189\"}", RELAIS_E_FIELD_UNKNOWN);
    warned("{\"iban\":\"FR7630006000011234567890188\"}", RELAIS_E_FIELD_RULE);
}

static void test_correction_must_name_what_it_corrects(void **state)
{
    assert_int_equal(paiement(",\"nature\":\"CORRECTION\"", "64652"), -1);
    refused(RELAIS_E_FIELD_MISSING, "entete.corrige");
    fresh(state);
    assert_int_equal(
        paiement(",\"nature\":\"CORRECTION\",\"corrige\":\"" OTHER_ID "\"", "64652"), 0);
}

#define T(name) cmocka_unit_test_setup(name, fresh)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(test_dossier_becomes_the_pseudonym_of_the_trimmed_upper_case_number),
        T(test_droit_is_named_by_case_organisme_matricule_and_prestation),
        T(test_persons_are_named_by_nir_civil_status_or_within_the_case),
        T(test_wrong_nir_key_only_warns),
        T(test_arrays_are_put_in_the_contract_order),
        T(test_motive_of_the_other_portee_is_parked),
        T(test_unknown_closing_motive_is_parked_and_its_value_kept_out_of_the_error),
        T(test_without_matricule_the_right_cannot_be_named),
        T(test_case_number_of_twelve_characters_is_parked_without_pseudonym),
        T(test_case_number_that_is_no_text_is_parked_as_such),
        T(test_block_of_another_territory_is_parked),
        T(test_ideparte_of_the_territory_is_taken_for_it),
        T(test_sealing_is_deterministic_and_bound_to_the_id),
        T(test_opening_gives_the_clear_texts_back),
        T(test_steps_between_states_are_named_by_the_table),
        T(test_closing_for_a_move_is_a_transfer_on_the_closing_day),
        T(test_revision_takes_effect_with_the_latest_differing_component),
        T(test_without_a_day_of_its_own_a_step_takes_the_reference_day),
        T(test_only_commune_of_the_foyer_is_an_address_change),
        T(test_first_sight_before_the_first_monthly_is_an_initialisation),
        T(test_placement_rows_of_the_facts_are_accepted),
        T(test_placement_rows_that_break_a_rule_are_parked),
        T(test_judicial_placement_over_two_years_is_warned_of),
        T(test_fact_gets_the_id_of_its_object_and_instant),
        T(test_payment_amounts_are_above_zero_and_whole),
        T(test_encrypted_text_with_an_unknown_member_or_a_wrong_iban_warns),
        T(test_correction_must_name_what_it_corrects),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
