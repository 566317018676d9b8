/* Blocks: what real files show and samples don't (rules 14), duplicates (contract A6), a
 * file that changes, small batches. */
#include "helper_cnaf.h"
#include "helper_core.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#define XML_1252 "<?xml version=\"1.0\" encoding=\"windows-1252\"?>\n"

static char *folder;
static struct helper_cnaf run;
static bool open_run;

static int set_up(void **state)
{
    folder = helper_folder();
    open_run = false;
    return 0;
}

static int tear_down(void **state)
{
    if (open_run)
        helper_cnaf_release(&run);
    helper_remove(folder);
    return 0;
}

static void read_body(const char *body, int n)
{
    char *path = helper_cnaf_file(folder, XML_1252, body, n);

    if (open_run)
        helper_cnaf_release(&run);
    helper_cnaf_read(&run, path);
    open_run = true;
    free(path);
    assert_int_equal(run.err.code, RELAIS_E_OK);
    assert_int_equal(run.depot.problem.code, RELAIS_E_OK);
}

/* One household with `more` before PrestationRSA and `right` inside DetailDroitRSA. */
static void read_one(const char *more, const char *right)
{
    char *block = helper_cnaf_block("01000101099", "990010100000000", more, right);

    read_body(block, 1);
    assert_int_equal(run.batch.count, 1);
    free(block);
}

/* One household with its SituationDossierRSA as given. */
static void read_situation(const char *situation)
{
    struct relais_buf out = RELAIS_BUF_INIT(1u << 16);

    assert_int_equal(
        relais_buf_printf(
            &out,
            "<InfosFoyerRSA><IdentificationRSA><Organisme><FONORG>CAF</FONORG>"
            "<NUMORG>991</NUMORG><MATRICULE>990010100000000</MATRICULE></Organisme>"
            "<DemandeRSA><NUMDEMRSA>01000101099</NUMDEMRSA></DemandeRSA>"
            "</IdentificationRSA><PrestationRSA><SituationDossierRSA>%s"
            "</SituationDossierRSA></PrestationRSA></InfosFoyerRSA>",
            situation),
        0);
    read_body(out.data, 1);
    relais_buf_release(&out);
}

static void assert_parked(size_t i, enum relais_code code, const char *where)
{
    const struct relais_record *rec = helper_cnaf_record(&run, i);

    assert_int_equal(rec->kind, RELAIS_RECORD_PARKED);
    assert_int_equal(rec->problem.code, code);
    if (where)
        assert_string_equal(rec->problem.where, where);
}

#define assert_member(i, path, json)                                                     \
    assert_string_equal(helper_cnaf_json(helper_cnaf_record(&run, i), path), json)

static void test_a_right_without_amount_has_none_not_zero(void **state)
{
    read_one("", "");
    assert_member(0, "etat", "\"OUVERT\"");
    assert_member(0, "montant_mensuel_centimes", "");
    assert_member(0, "composantes", "[]");
    assert_member(0, "foyer", "");
    assert_member(0, "personnes", "[]");
    read_one("", "<DetailCalculDroitRSA><NATPF>RSD</NATPF></DetailCalculDroitRSA>");
    assert_member(0, "composantes", "[{\"nature\":\"RSD\"}]");
    assert_member(0, "montant_mensuel_centimes", "");
}

static void test_amounts_of_components_add_up(void **state)
{
    read_one("", "<DetailCalculDroitRSA><NATPF>RSD</NATPF><MTRSAVERS>0000801.25"
                 "</MTRSAVERS></DetailCalculDroitRSA><DetailCalculDroitRSA><NATPF>RSI"
                 "</NATPF><MTRSAVERS> +12 </MTRSAVERS></DetailCalculDroitRSA>"
                 "<DetailCalculDroitRSA><NATPF>RSJ</NATPF></DetailCalculDroitRSA>");
    assert_member(0, "montant_mensuel_centimes", "81325");
    assert_member(0, "composantes.1.montant_centimes", "1200");
}

static void test_a_third_decimal_parks_the_block(void **state)
{
    read_one("", "<DetailCalculDroitRSA><MTRSAVERS>1.005</MTRSAVERS>"
                 "</DetailCalculDroitRSA>");
    assert_parked(0, RELAIS_E_FIELD_TYPE,
                  "InfosFoyerRSA.PrestationRSA.DetailDroitRSA.DetailCalculDroitRSA."
                  "MTRSAVERS");
}

static void test_an_amount_below_zero_is_left_to_the_check_stage(void **state)
{
    read_one("",
             "<DetailCalculDroitRSA><MTRSAVERS>-1</MTRSAVERS></DetailCalculDroitRSA>");
    assert_member(0, "montant_mensuel_centimes", "-100");
}

static void test_empty_elements_are_absent_and_codes_are_trimmed(void **state)
{
    static const char *const empty[] = {"<NATPF/>", "<NATPF />", "<NATPF></NATPF>",
                                        "<NATPF> \n\t </NATPF>"};

    for (size_t i = 0; i < 4; i++) {
        char right[256];

        snprintf(right, sizeof(right),
                 "<DetailCalculDroitRSA>%s<SOUSNATPF>RSDN2 </SOUSNATPF>"
                 "</DetailCalculDroitRSA><DetailCalculDroitRSA>%s</DetailCalculDroitRSA>",
                 empty[i], empty[i]);
        read_one("", right);
        assert_member(0, "composantes", "[{\"sous_nature\":\"RSDN2\"}]");
    }
}

static void test_days_that_say_unknown_become_nothing(void **state)
{
    read_one("", "<DetailCalculDroitRSA><NATPF>RSD</NATPF><DDNATDRO> 2026-01-01+01:00 "
                 "</DDNATDRO><DFNATDRO>9999-12-31</DFNATDRO></DetailCalculDroitRSA>");
    assert_member(0, "composantes", "[{\"nature\":\"RSD\",\"debut\":\"2026-01-01\"}]");
    read_one("", "<TroncCommunDroitRSA><NBENFAUTCHA>9</NBENFAUTCHA>"
                 "</TroncCommunDroitRSA>");
    assert_member(0, "foyer.enfants_a_charge", "9"); /* nine children are nine */
}

static void test_nobody_need_be_an_applicant(void **state)
{
    read_one("<Personne><Prestations><NATPREST>RSA</NATPREST><ROLEPERS>CJT</ROLEPERS>"
             "</Prestations><Prestations><NATPREST>RSA</NATPREST><ROLEPERS>CJT</ROLEPERS>"
             "</Prestations></Personne><Personne><DossierCAF><TOPRESPDOS>0</TOPRESPDOS>"
             "<DDRATDOS>2024-01-01</DDRATDOS></DossierCAF></Personne><Personne/>",
             "");
    assert_int_equal(helper_cnaf_record(&run, 0)->kind, RELAIS_RECORD_SNAPSHOT);
    assert_member(0, "personnes.0.roles.1.role", "\"CJT\"");
    assert_member(0, "personnes.1.debut_rattachement", "\"2024-01-01\"");
    assert_member(0, "personnes.1.identite", "");
    assert_member(0, "personnes.2", "");
}

static void test_a_nir_says_how_sure_it_is(void **state)
{
    read_one("<Personne><Identification><NIR>2920175985002</NIR><TOPVALIEC>1</TOPVALIEC>"
             "</Identification></Personne><Personne><Identification><NIR>2920175985002"
             "</NIR></Identification></Personne><Personne><Identification><NOM>A</NOM>"
             "<TOPVALIEC>true</TOPVALIEC></Identification></Personne>",
             "");
    assert_member(0, "personnes.0.statut_identite", "\"NIR_CERTIFIE\"");
    assert_member(0, "personnes.1.statut_identite", "\"NIR_NON_CERTIFIE\"");
    assert_member(0, "personnes.2.statut_identite", "");
}

static void test_the_smallest_previous_number_is_kept(void **state)
{
    read_one("<Personne><DossierCAF><NUMDEMRSAPRECE>00000000300</NUMDEMRSAPRECE>"
             "</DossierCAF></Personne><Personne><DossierCAF><NUMDEMRSAPRECE>00000000200"
             "</NUMDEMRSAPRECE></DossierCAF></Personne>",
             "");
    assert_member(0, "numero_demande_precedent", "\"00000000200\"");
}

static void test_the_address_of_rank_1_is_the_present_one(void **state)
{
    read_one(
        "<DonneesAdministratives><Adresse><TroncCommunAdresse><RGADR>02</RGADR>"
        "</TroncCommunAdresse><AdresseDetailleeFrance><NUMCOM>99102</NUMCOM>"
        "</AdresseDetailleeFrance></Adresse><Adresse><TroncCommunAdresse><RGADR>1</RGADR>"
        "</TroncCommunAdresse><AdresseDetailleeFrance><NUMCOM>99101</NUMCOM>"
        "</AdresseDetailleeFrance></Adresse></DonneesAdministratives>",
        "");
    assert_member(0, "foyer.commune", "\"99101\"");
    read_one("<DonneesAdministratives><Adresse><TroncCommunAdresse><RGADR>02</RGADR>"
             "</TroncCommunAdresse></Adresse></DonneesAdministratives>",
             "");
    assert_member(0, "adresse", "");
}

static void test_all_suspensions_and_both_ends_are_kept(void **state)
{
    read_situation(
        "<EtatDossierRSA><ETATDOSRSA>5</ETATDOSRSA></EtatDossierRSA>"
        "<SuspensionDroit><MOTISUSDRORSA>GR </MOTISUSDRORSA></SuspensionDroit>"
        "<SuspensionDroit><MOTISUSDRORSA>GA</MOTISUSDRORSA></SuspensionDroit>"
        "<SuspensionVersement><MOTISUSVERSRSA>AB </MOTISUSVERSRSA></SuspensionVersement>"
        "<SuspensionVersement/>"
        "<FinDroit><MOTICLORSA>ECH</MOTICLORSA><DTCLORSA>2025-06-01</DTCLORSA></FinDroit>"
        "<FinDroitMoisAnterieur><MOTICLORSA>RGD</MOTICLORSA></FinDroitMoisAnterieur>");
    assert_member(0, "etat", "\"CLOS\"");
    assert_member(0, "suspensions",
                  "[{\"portee\":\"DROIT\",\"motif\":\"GR\"},"
                  "{\"portee\":\"DROIT\",\"motif\":\"GA\"},"
                  "{\"portee\":\"VERSEMENT\",\"motif\":\"AB\"}]");
    assert_member(0, "cloture.date", "\"2025-06-01\"");
    assert_member(0, "cloture_mois_anterieur", "{\"motif\":\"RGD\"}");
}

static void test_each_state_has_its_word(void **state)
{
    static const char *const words[] = {
        "\"INSTRUCTION\"",        "\"REFUSE\"", "\"OUVERT\"",    "\"SUSPENDU_DROIT\"",
        "\"SUSPENDU_VERSEMENT\"", "\"CLOS\"",   "\"CLOS_REGUL\""};

    for (int i = 0; i < 7; i++) {
        char text[96];

        snprintf(text, sizeof(text),
                 "<EtatDossierRSA><ETATDOSRSA>%d</ETATDOSRSA></EtatDossierRSA>", i);
        read_situation(text);
        assert_member(0, "etat", words[i]);
    }
}

static void test_no_state_or_z_parks_the_block(void **state)
{
    static const char where[] =
        "InfosFoyerRSA.PrestationRSA.SituationDossierRSA.EtatDossierRSA.ETATDOSRSA";

    read_situation("<EtatDossierRSA><ETATDOSRSA></ETATDOSRSA></EtatDossierRSA>");
    assert_parked(0, RELAIS_E_FIELD_MISSING, where);
    read_situation("");
    assert_parked(0, RELAIS_E_FIELD_MISSING, where);
    read_situation("<EtatDossierRSA><ETATDOSRSA>Z</ETATDOSRSA></EtatDossierRSA>");
    assert_parked(0, RELAIS_E_CODE_UNKNOWN, where);
    read_situation("<EtatDossierRSA><ETATDOSRSA>22</ETATDOSRSA></EtatDossierRSA>");
    assert_parked(0, RELAIS_E_CODE_UNKNOWN, where);
}

static void test_a_block_without_one_of_its_four_names_is_parked(void **state)
{
    static const char *const names[] = {"FONORG", "NUMORG", "MATRICULE", "NUMDEMRSA"};
    static const char *const paths[] = {
        "InfosFoyerRSA.IdentificationRSA.Organisme.FONORG",
        "InfosFoyerRSA.IdentificationRSA.Organisme.NUMORG",
        "InfosFoyerRSA.IdentificationRSA.Organisme.MATRICULE",
        "InfosFoyerRSA.IdentificationRSA.DemandeRSA.NUMDEMRSA"};

    for (size_t i = 0; i < 4; i++) {
        char *block = helper_cnaf_block("01000101099", "990010100000000", "", "");
        char tag[32], *at;

        snprintf(tag, sizeof(tag), "<%s>", names[i]);
        at = strstr(block, tag);
        memset(at + strlen(tag), ' ', strcspn(at + strlen(tag), "<"));
        read_body(block, 1);
        assert_parked(0, RELAIS_E_FIELD_MISSING, paths[i]);
        assert_int_equal(helper_cnaf_record(&run, 0)->case_number.len, i == 3 ? 0 : 11);
        free(block);
    }
}

static void test_a_name_given_twice_with_two_values_is_parked(void **state)
{
    read_one("<IdentificationRSA><DemandeRSA><NUMDEMRSA>01000101098</NUMDEMRSA>"
             "</DemandeRSA></IdentificationRSA>",
             "");
    assert_parked(0, RELAIS_E_FIELD_RULE, NULL);
}

/* Blocks (number, matricule) in their order. */
static void read_blocks(const char *const (*blocks)[2], size_t count)
{
    struct relais_buf body = RELAIS_BUF_INIT(1u << 20);

    for (size_t i = 0; i < count; i++) {
        char *block = helper_cnaf_block(blocks[i][0], blocks[i][1], "", "");

        assert_int_equal(relais_buf_add_str(&body, block), 0);
        free(block);
    }
    read_body(body.data, (int)count);
    assert_int_equal(run.batch.count, count);
    relais_buf_release(&body);
}

static void test_two_matricules_under_one_number_park_all_its_blocks(void **state)
{
    static const char *const blocks[][2] = {{"01000101099", "990010100000000"},
                                            {"01000202099", "990020200000000"},
                                            {"01000101099", "990010199999999"},
                                            {"01000101099", "990010100000000"}};

    read_blocks(blocks, 4);
    assert_parked(0, RELAIS_E_DUPLICATE, NULL);
    assert_int_equal(helper_cnaf_record(&run, 1)->kind, RELAIS_RECORD_SNAPSHOT);
    assert_parked(2, RELAIS_E_DUPLICATE, NULL);
    assert_parked(3, RELAIS_E_DUPLICATE, NULL);
}

static void test_of_three_equal_names_the_last_counts_whatever_the_case(void **state)
{
    static const char *const blocks[][2] = {{"0A000101099", "990010100000000"},
                                            {"0a000101099", "990010100000000"},
                                            {"0A000101099 ", "990010100000000"}};

    read_blocks(blocks, 3);
    assert_int_equal(helper_cnaf_record(&run, 0)->kind, RELAIS_RECORD_SUPERSEDED);
    assert_int_equal(helper_cnaf_record(&run, 1)->kind, RELAIS_RECORD_SUPERSEDED);
    assert_int_equal(helper_cnaf_record(&run, 2)->kind, RELAIS_RECORD_SNAPSHOT);
}

static void test_3_000_households_keep_their_order_and_growing_positions(void **state)
{
    struct relais_buf body = RELAIS_BUF_INIT(16u << 20);
    uint64_t ack = 0;
    int64_t i = 0;

    for (int n = 0; n < 3000; n++) {
        char number[16], matricule[32], *block;

        snprintf(number, sizeof(number), "%08d099", n % 2500);
        snprintf(matricule, sizeof(matricule), "%07d00000000", n % 2500);
        block = helper_cnaf_block(number, matricule, "", "");
        assert_int_equal(relais_buf_add_str(&body, block), 0);
        free(block);
    }
    read_body(body.data, 3000);
    assert_int_equal(run.batch.count, 3000);
    for (const struct relais_record *rec = run.batch.first; rec; rec = rec->next, i++) {
        assert_true(rec->ack > ack);
        ack = rec->ack;
        assert_int_equal(strtoll(rec->position.ptr, NULL, 10), i + 1);
        assert_int_equal(rec->kind,
                         i < 500 ? RELAIS_RECORD_SUPERSEDED : RELAIS_RECORD_SNAPSHOT);
        if (rec->kind == RELAIS_RECORD_SNAPSHOT) {
            assert_memory_equal(rec->charge.ptr, "<?xml", 5);
            assert_memory_equal(rec->charge.ptr + rec->charge.len - 16,
                                "</InfosFoyerRSA>", 16);
        }
    }
    relais_buf_release(&body);
}

/* A source over the file, up to the verdict. */
static void *begin(const char *path, struct relais_batch *batch,
                   const struct relais_source_ops **ops_out)
{
    const struct relais_source_ops *ops =
        relais_connector_find("source_cnaf_beneficiaire")->source;
    struct relais_error err = RELAIS_ERROR_INIT;
    void *source;

    assert_int_equal(ops->open_file(&source, path, &err), 0);
    assert_int_equal(ops->poll(source, batch, 0, &err), 0);
    assert_int_equal(batch->count, 1);
    assert_int_equal(batch->first->file->problem.code, RELAIS_E_OK);
    *ops_out = ops;
    return source;
}

/* Whatever was done to the file since, the next record is DEPOT again, to be refused. */
static void assert_refused_as_changed(const struct relais_source_ops *ops, void *source,
                                      struct relais_batch *batch)
{
    struct relais_error err = RELAIS_ERROR_INIT;
    const struct relais_depot *depot;

    relais_batch_reset(batch);
    assert_int_equal(ops->poll(source, batch, 0, &err), 0);
    assert_int_equal(batch->count, 1);
    assert_int_equal(batch->first->kind, RELAIS_RECORD_DEPOT);
    depot = batch->first->file;
    assert_int_equal(depot->problem.code, RELAIS_E_FILE_CHANGED);
    assert_int_equal(ops->verdict(source, depot, RELAIS_VERDICT_REFUSE, "", &err), 0);
    relais_batch_reset(batch);
    assert_int_equal(ops->poll(source, batch, 0, &err), 0);
    assert_int_equal(batch->count, 0);
    assert_true(ops->idle(source));
}

static void integrate(const struct relais_source_ops *ops, void *source,
                      const struct relais_depot *depot)
{
    struct relais_error err = RELAIS_ERROR_INIT;

    assert_int_equal(ops->verdict(source, depot, RELAIS_VERDICT_INTEGRATE, NULL, &err),
                     0);
}

static void overwrite(const char *path, int64_t offset)
{
    int fd = open(path, O_WRONLY);

    assert_int_equal(pwrite(fd, "8", 1, offset), 1);
    close(fd);
}

static void test_a_file_changed_after_its_check_gives_no_record(void **state)
{
    char *block = helper_cnaf_block("01000101099", "990010100000000", "", "");
    char *path = helper_cnaf_file(folder, XML_1252, block, 1);
    const struct relais_source_ops *ops;
    struct relais_batch batch;
    void *source;

    relais_batch_init(&batch, 1u << 20);
    source = begin(path, &batch, &ops);
    overwrite(path, 600);
    integrate(ops, source, batch.first->file);
    assert_refused_as_changed(ops, source, &batch);
    ops->close(source);
    relais_batch_release(&batch);
    free(path);
    free(block);
}

static void
test_a_file_that_grows_or_shrinks_after_its_check_gives_no_record(void **state)
{
    for (int by = -1; by <= 1; by += 2) {
        char *path = helper_cnaf_file(folder, XML_1252, "", 0);
        const struct relais_source_ops *ops;
        struct relais_batch batch;
        struct stat st;
        void *source;

        relais_batch_init(&batch, 1u << 20);
        source = begin(path, &batch, &ops);
        assert_int_equal(stat(path, &st), 0);
        assert_int_equal(truncate(path, st.st_size + by), 0);
        integrate(ops, source, batch.first->file);
        assert_refused_as_changed(ops, source, &batch);
        ops->close(source);
        relais_batch_release(&batch);
        free(path);
    }
}

static void test_a_file_changed_while_its_records_are_given_is_refused(void **state)
{
    struct relais_buf body = RELAIS_BUF_INIT(16u << 20);
    struct relais_error err = RELAIS_ERROR_INIT;
    const struct relais_source_ops *ops;
    struct relais_batch batch;
    char *path;
    void *source;

    for (int n = 0; n < 6000; n++) { /* some 3 MiB */
        char number[16], *block;

        snprintf(number, sizeof(number), "%08d099", n);
        block = helper_cnaf_block(number, "990010100000000", "", "");
        assert_int_equal(relais_buf_add_str(&body, block), 0);
        free(block);
    }
    path = helper_cnaf_file(folder, XML_1252, body.data, 6000);
    relais_batch_init(&batch, 4u << 20);
    source = begin(path, &batch, &ops);
    integrate(ops, source, batch.first->file);
    relais_batch_reset(&batch);
    assert_int_equal(ops->poll(source, &batch, 0, &err), 0);
    assert_int_equal(batch.first->kind, RELAIS_RECORD_SNAPSHOT);
    overwrite(path, 2500000);
    for (int i = 0; i < 100 && batch.count && batch.first->kind != RELAIS_RECORD_DEPOT;
         i++) {
        for (const struct relais_record *rec = batch.first; rec; rec = rec->next)
            assert_int_equal(rec->kind, RELAIS_RECORD_SNAPSHOT);
        relais_batch_reset(&batch);
        assert_int_equal(ops->poll(source, &batch, 0, &err), 0);
    }
    assert_int_equal(batch.first->kind, RELAIS_RECORD_DEPOT);
    assert_int_equal(batch.first->file->problem.code, RELAIS_E_FILE_CHANGED);
    ops->close(source);
    relais_batch_release(&batch);
    relais_buf_release(&body);
    free(path);
}

/* Gives all records through batches of that ceiling; how many of each kind. */
static void drain(const char *path, size_t arena_max, size_t kinds[8])
{
    struct relais_error err = RELAIS_ERROR_INIT;
    const struct relais_source_ops *ops;
    struct relais_batch batch;
    void *source;

    relais_batch_init(&batch, arena_max);
    source = begin(path, &batch, &ops);
    assert_int_equal(
        ops->verdict(source, batch.first->file, RELAIS_VERDICT_INTEGRATE, NULL, &err), 0);
    memset(kinds, 0, 8 * sizeof(*kinds));
    while (!kinds[RELAIS_RECORD_DEPOT_END]) {
        relais_batch_reset(&batch);
        assert_int_equal(ops->poll(source, &batch, 0, &err), 0);
        assert_true(batch.count > 0);
        for (const struct relais_record *rec = batch.first; rec; rec = rec->next)
            kinds[rec->kind]++;
    }
    ops->close(source);
    relais_batch_release(&batch);
}

static void test_a_small_batch_loses_nothing(void **state)
{
    size_t kinds[8];

    drain("tests/data/cnaf/mensuel-correct.xml", 40000, kinds);
    assert_int_equal(kinds[RELAIS_RECORD_SNAPSHOT], 5);
}

static void test_a_block_larger_than_a_batch_is_parked_without_its_bytes(void **state)
{
    size_t kinds[8];

    drain("tests/data/cnaf/mensuel-correct.xml", 9000, kinds);
    assert_int_equal(kinds[RELAIS_RECORD_SNAPSHOT] + kinds[RELAIS_RECORD_PARKED], 5);
    assert_true(kinds[RELAIS_RECORD_PARKED] >= 1);
}

static void test_rewind_gives_the_records_again(void **state)
{
    struct relais_error err = RELAIS_ERROR_INIT;
    const struct relais_source_ops *ops;
    struct relais_batch batch;
    void *source;

    relais_batch_init(&batch, 1u << 20);
    source = begin("tests/data/cnaf/mensuel-correct.xml", &batch, &ops);
    assert_int_equal(
        ops->verdict(source, batch.first->file, RELAIS_VERDICT_INTEGRATE, NULL, &err), 0);
    for (int i = 0; i < 2; i++) {
        relais_batch_reset(&batch);
        assert_int_equal(ops->poll(source, &batch, 0, &err), 0);
        assert_int_equal(batch.count, 6); /* and DEPOT_END */
        assert_string_equal(batch.first->position.ptr, "1");
        assert_int_equal(batch.last->kind, RELAIS_RECORD_DEPOT_END);
        assert_int_equal(ops->rewind(source, &err), 0);
    }
    ops->close(source);
    relais_batch_release(&batch);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_right_without_amount_has_none_not_zero),
        TEST(test_amounts_of_components_add_up),
        TEST(test_a_third_decimal_parks_the_block),
        TEST(test_an_amount_below_zero_is_left_to_the_check_stage),
        TEST(test_empty_elements_are_absent_and_codes_are_trimmed),
        TEST(test_days_that_say_unknown_become_nothing),
        TEST(test_nobody_need_be_an_applicant),
        TEST(test_a_nir_says_how_sure_it_is),
        TEST(test_the_smallest_previous_number_is_kept),
        TEST(test_the_address_of_rank_1_is_the_present_one),
        TEST(test_all_suspensions_and_both_ends_are_kept),
        TEST(test_each_state_has_its_word),
        TEST(test_no_state_or_z_parks_the_block),
        TEST(test_a_block_without_one_of_its_four_names_is_parked),
        TEST(test_a_name_given_twice_with_two_values_is_parked),
        TEST(test_two_matricules_under_one_number_park_all_its_blocks),
        TEST(test_of_three_equal_names_the_last_counts_whatever_the_case),
        TEST(test_3_000_households_keep_their_order_and_growing_positions),
        TEST(test_a_file_changed_after_its_check_gives_no_record),
        TEST(test_a_file_that_grows_or_shrinks_after_its_check_gives_no_record),
        TEST(test_a_file_changed_while_its_records_are_given_is_refused),
        TEST(test_a_small_batch_loses_nothing),
        TEST(test_a_block_larger_than_a_batch_is_parked_without_its_bytes),
        TEST(test_rewind_gives_the_records_again),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
