/* Hostile and odd XML: what is refused as a file, what parks one block, what is nothing.
 */
#include "helper_cnaf.h"
#include "helper_core.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#define XML_1252 "<?xml version=\"1.0\" encoding=\"windows-1252\"?>\n"
#define XML_UTF8 "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
#define BOM      "\xEF\xBB\xBF"

static char *folder;
static struct helper_cnaf run;
static bool open_run;

static int set_up(void **state)
{
    folder = helper_folder();
    open_run = false;
    return 0;
}

static void done(void)
{
    if (open_run)
        helper_cnaf_release(&run);
    open_run = false;
}

static int tear_down(void **state)
{
    done();
    helper_remove(folder);
    return 0;
}

static void read_path(char *path)
{
    done();
    helper_cnaf_read(&run, path);
    open_run = true;
    free(path);
}

static void read_body(const char *declaration, const char *body, int n)
{
    read_path(helper_cnaf_file(folder, declaration, body, n));
}

static void read_text(const char *text)
{
    read_path(helper_cnaf_bytes(folder, text, strlen(text)));
}

static char *person(const char *name)
{
    struct relais_buf out = RELAIS_BUF_INIT(32u << 20);

    assert_int_equal(relais_buf_printf(&out,
                                       "<Personne><Identification><NOM>%s</NOM>"
                                       "</Identification></Personne>",
                                       name),
                     0);
    return relais_buf_take(&out, NULL);
}

/* One household whose NOM is as given; then a good one. */
static void read_name(const char *declaration, const char *name)
{
    char *more = person(name);
    char *first = helper_cnaf_block("01000101099", "990010100000000", more, "");
    char *second = helper_cnaf_block("01000202099", "990020200000000", "", "");
    struct relais_buf body = RELAIS_BUF_INIT(64u << 20);

    assert_int_equal(relais_buf_printf(&body, "%s%s", first, second), 0);
    read_body(declaration, body.data, 2);
    relais_buf_release(&body);
    free(more);
    free(first);
    free(second);
}

static void assert_file(enum relais_code code)
{
    if (run.depot.problem.code != code)
        fail_msg("%s instead of %s: %s", relais_error_name(run.depot.problem.code),
                 relais_error_name(code), run.depot.problem.text);
    assert_int_equal(run.err.code, RELAIS_E_OK);
    if (code != RELAIS_E_OK)
        assert_int_equal(run.batch.count, 0);
}

static const char *name_read(void)
{
    return helper_cnaf_json(helper_cnaf_record(&run, 0), "personnes.0.identite.nom");
}

/* The first household is parked for that, the second is not. */
static void assert_one_parked(enum relais_code code)
{
    assert_file(RELAIS_E_OK);
    assert_int_equal(run.batch.count, 2);
    assert_int_equal(helper_cnaf_record(&run, 0)->kind, RELAIS_RECORD_PARKED);
    assert_int_equal(helper_cnaf_record(&run, 0)->problem.code, code);
    assert_true(relais_slice_is(helper_cnaf_record(&run, 0)->case_number, "01000101099"));
    assert_int_equal(helper_cnaf_record(&run, 1)->kind, RELAIS_RECORD_SNAPSHOT);
}

static void
test_a_byte_order_mark_is_admitted_with_utf_8_or_nothing_declared(void **state)
{
    read_name(BOM XML_UTF8, "\xC3\x89LODIE");
    assert_string_equal(name_read(), "\"\xC3\x89LODIE\"");
    read_name(BOM, "\xC3\x89LODIE");
    assert_string_equal(name_read(), "\"\xC3\x89LODIE\"");
    read_name("", "\xC3\x89LODIE");
    assert_string_equal(name_read(), "\"\xC3\x89LODIE\"");
}

static void test_a_byte_order_mark_against_the_declaration_is_refused(void **state)
{
    read_name(BOM XML_1252, "ELODIE");
    assert_file(RELAIS_E_ENCODING);
}

static void test_encodings_that_the_cnaf_does_not_use_are_refused(void **state)
{
    static const char *const names[] = {"UTF-16", "EBCDIC-CP-FR", "ISO-8859-2", "UTF-7",
                                        "windows-1250"};

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        char declaration[96];

        snprintf(declaration, sizeof(declaration),
                 "<?xml version=\"1.0\" encoding=\"%s\"?>", names[i]);
        read_name(declaration, "ELODIE");
        assert_file(RELAIS_E_ENCODING);
    }
}

static void test_utf_16_is_refused_with_and_without_its_mark(void **state)
{
    static const char marked[] = "\xFF\xFE<\0?\0x\0m\0l\0";
    static const char big[] = "\xFE\xFF\0<\0R\0a\0c";
    static const char bare[] = "<\0R\0a\0c\0i\0n\0e\0>\0";

    read_path(helper_cnaf_bytes(folder, marked, sizeof(marked) - 1));
    assert_file(RELAIS_E_ENCODING);
    read_path(helper_cnaf_bytes(folder, big, sizeof(big) - 1));
    assert_file(RELAIS_E_ENCODING);
    read_path(helper_cnaf_bytes(folder, bare, sizeof(bare) - 1));
    assert_file(RELAIS_E_ENCODING);
}

static void test_each_undefined_byte_of_windows_1252_parks_its_block_only(void **state)
{
    static const char *const bytes[] = {"\x81", "\x8D", "\x8F", "\x90", "\x9D"};

    for (size_t i = 0; i < 5; i++) {
        read_name(XML_1252, bytes[i]);
        assert_one_parked(RELAIS_E_ENCODING);
        assert_non_null(memmem(helper_cnaf_record(&run, 0)->charge.ptr,
                               helper_cnaf_record(&run, 0)->charge.len, bytes[i], 1));
    }
    read_name(XML_1252, "\x8C\x80\x9C");
    assert_string_equal(name_read(), "\"Œ€œ\"");
}

static void test_an_undefined_byte_in_an_element_not_read_parks_too(void **state)
{
    char *block = helper_cnaf_block("01000101099", "990010100000000",
                                    "<Controle><LIBRE>A\x81</LIBRE></Controle>", "");

    read_body(XML_1252, block, 1);
    assert_int_equal(helper_cnaf_record(&run, 0)->problem.code, RELAIS_E_ENCODING);
    free(block);
}

static void test_control_bytes_under_latin_1_park_their_block(void **state)
{
    read_name("<?xml version=\"1.0\" encoding=\"ISO-8859-1\"?>", "C\x8CLIA");
    assert_one_parked(RELAIS_E_ENCODING);
}

static void test_a_dtd_is_refused_before_any_entity(void **state)
{
    read_body(XML_UTF8 "<!DOCTYPE Racine [<!ENTITY a \"aaaaaaaaaa\">"
                       "<!ENTITY b \"&a;&a;&a;&a;&a;&a;&a;&a;\">]>",
              "", 0);
    assert_file(RELAIS_E_XML_DTD);
    read_body(XML_UTF8 "<!DOCTYPE Racine SYSTEM \"file:///etc/passwd\">", "", 0);
    assert_file(RELAIS_E_XML_DTD);
    read_name(XML_UTF8, "&eacute;");
    assert_file(RELAIS_E_XML_INVALID);
}

static void test_numeric_entities_cdata_and_comments_are_plain_text(void **state)
{
    read_name(XML_1252, "A&#201;&#x152;<!-- no -->B<![CDATA[&<C]]>&amp;");
    assert_string_equal(name_read(), "\"AÉŒB&<C&\"");
}

static void test_a_text_of_10_million_characters_parks_its_block(void **state)
{
    size_t len = 10000000;
    char *text = relais_alloc(len + 1);

    memset(text, 'A', len);
    text[len] = '\0';
    read_name(XML_1252, text);
    assert_one_parked(RELAIS_E_XML_LIMIT);
    assert_null(helper_cnaf_record(&run, 0)->charge.ptr);
    free(text);
}

static void test_a_tag_of_10_million_characters_refuses_the_file(void **state)
{
    size_t len = 10000000;
    char *text = relais_alloc(len + 32);

    memset(text, 'A', len);
    memcpy(text, "<X a=\"", 6);
    memcpy(text + len, "\"/>", 4);
    read_body(XML_1252, text, 0);
    assert_file(RELAIS_E_XML_LIMIT);
    memcpy(text, "<!--  ", 6);
    memcpy(text + len, "-->", 4);
    read_body(XML_1252, text, 0);
    assert_file(RELAIS_E_XML_LIMIT);
    free(text);
}

static void test_elements_nested_10_000_deep_refuse_the_file(void **state)
{
    struct relais_buf out = RELAIS_BUF_INIT(1u << 20);

    for (int i = 0; i < 10000; i++)
        assert_int_equal(relais_buf_add_str(&out, "<X>"), 0);
    for (int i = 0; i < 10000; i++)
        assert_int_equal(relais_buf_add_str(&out, "</X>"), 0);
    read_body(XML_1252, out.data, 0);
    assert_file(RELAIS_E_XML_LIMIT);
    relais_buf_release(&out);
}

static void test_a_block_of_100_000_groups_is_parked(void **state)
{
    struct relais_buf more = RELAIS_BUF_INIT(16u << 20);
    char *block;

    for (int i = 0; i < 100000; i++)
        assert_int_equal(relais_buf_add_str(&more, "<Personne></Personne>"), 0);
    block = helper_cnaf_block("01000101099", "990010100000000", more.data, "");
    read_body(XML_1252, block, 1);
    assert_file(RELAIS_E_OK);
    assert_int_equal(helper_cnaf_record(&run, 0)->problem.code, RELAIS_E_XML_LIMIT);
    relais_buf_release(&more);
    free(block);
}

static void test_a_nul_a_control_z_and_a_second_document_are_refused(void **state)
{
    char *path = helper_cnaf_file(folder, XML_1252, "", 0);
    size_t len;
    char *good = helper_read(path, false, &len);
    char *twice = relais_alloc(2 * len + 2);

    memcpy(twice, good, len);
    memcpy(twice + len, good, len);
    free(path);
    read_path(helper_cnaf_bytes(folder, twice, 2 * len));
    assert_file(RELAIS_E_XML_INVALID);
    twice[len] = '\x1a';
    read_path(helper_cnaf_bytes(folder, twice, len + 1));
    assert_file(RELAIS_E_XML_INVALID);
    twice[len - 20] = '\0';
    read_path(helper_cnaf_bytes(folder, twice, len));
    assert_file(RELAIS_E_XML_INVALID);
    free(good);
    free(twice);
}

static void test_an_empty_file_and_one_that_is_no_xml_are_refused(void **state)
{
    read_text("");
    assert_file(RELAIS_E_FILE_HEADER);
    read_text("NUMDEMRSA;NOM\n01000101099;X\n");
    assert_file(RELAIS_E_XML_INVALID);
    read_text("<Autre/>");
    assert_file(RELAIS_E_FILE_HEADER);
    read_text("<Racine/>");
    assert_file(RELAIS_E_FILE_HEADER);
}

static void test_a_file_cut_anywhere_is_refused(void **state)
{
    size_t len;
    char *good = helper_read("tests/data/cnaf/mensuel-correct.xml", false, &len);

    for (size_t cut = 1; cut < len - 1; cut += 97) {
        read_path(helper_cnaf_bytes(folder, good, cut));
        assert_int_not_equal(run.depot.problem.code, RELAIS_E_OK);
        assert_int_equal(run.batch.count, 0);
    }
    free(good);
}

static void test_crlf_tabs_one_line_and_attributes_change_nothing(void **state)
{
    static const char *const layouts[] = {"\r\n", "\t", ""};
    size_t len;
    char *good = helper_read("tests/data/cnaf/mensuel-correct.xml", false, &len);
    char *want = relais_strdup("");

    for (size_t i = 0; i < 3; i++) {
        struct relais_buf out = RELAIS_BUF_INIT(1u << 20);

        for (size_t j = 0; j < len; j++)
            assert_int_equal(good[j] == '\n' ? relais_buf_add_str(&out, layouts[i])
                                             : relais_buf_add_char(&out, good[j]),
                             0);
        read_path(helper_cnaf_bytes(folder, out.data, out.len));
        assert_file(RELAIS_E_OK);
        assert_int_equal(run.batch.count, 5);
        if (i > 0)
            assert_string_equal(helper_cnaf_json(helper_cnaf_record(&run, 1), ""), want);
        free(want);
        want = relais_strdup(helper_cnaf_json(helper_cnaf_record(&run, 1), ""));
        relais_buf_release(&out);
    }
    free(want);
    free(good);
}

static void test_an_element_of_another_name_is_passed_over(void **state)
{
    char *block = helper_cnaf_block("01000101099", "990010100000000",
                                    "<Nouveau><Personne><Identification><NOM>X</NOM>"
                                    "</Identification></Personne></Nouveau>",
                                    "");

    read_body(XML_1252, block, 1);
    assert_string_equal(helper_cnaf_json(helper_cnaf_record(&run, 0), "personnes"), "[]");
    free(block);
}

static void test_the_order_of_header_blocks_and_trailer_is_held(void **state)
{
    char *block = helper_cnaf_block("01000101099", "990010100000000", "", "");
    struct relais_buf out = RELAIS_BUF_INIT(1u << 20);

    read_body(XML_1252, HELPER_CNAF_HEAD, 0);
    assert_file(RELAIS_E_FILE_HEADER);
    read_body(XML_1252, "<InfoDemandeRSA></InfoDemandeRSA>", 0);
    assert_file(RELAIS_E_FILE_HEADER);
    read_body(XML_1252,
              "<TransmissionFlux><NBTOTDOSRSATRANSM>0</NBTOTDOSRSATRANSM>"
              "</TransmissionFlux>",
              0);
    assert_file(RELAIS_E_FILE_TRAILER);
    assert_int_equal(relais_buf_printf(&out,
                                       "<Racine>" HELPER_CNAF_HEAD
                                       "<TransmissionFlux><NBTOTDOSRSATRANSM>1"
                                       "</NBTOTDOSRSATRANSM></TransmissionFlux>%s"
                                       "</Racine>",
                                       block),
                     0);
    read_text(out.data);
    assert_file(RELAIS_E_FILE_TRAILER);
    relais_buf_release(&out);
    free(block);
}

static void test_an_empty_or_absent_trailer_is_refused(void **state)
{
    read_text("<Racine>" HELPER_CNAF_HEAD "<TransmissionFlux/></Racine>");
    assert_file(RELAIS_E_FILE_TRAILER);
    read_text("<Racine>" HELPER_CNAF_HEAD "<TransmissionFlux><NBTOTDOSRSATRANSM> "
              "</NBTOTDOSRSATRANSM></TransmissionFlux></Racine>");
    assert_file(RELAIS_E_FILE_TRAILER);
    read_text("<Racine>" HELPER_CNAF_HEAD "</Racine>");
    assert_file(RELAIS_E_FILE_TRAILER);
}

static void test_a_header_of_another_flow_or_without_its_day_is_refused(void **state)
{
    static const char *const heads[] = {
        "<NATFLUX>F</NATFLUX><TYPEFLUX>M</TYPEFLUX><DTCREAFLUX>2026-02-04</DTCREAFLUX>"
        "<HEUCREAFLUX>21:27:43</HEUCREAFLUX>",
        "<NATFLUX>D</NATFLUX><TYPEFLUX>X</TYPEFLUX><DTCREAFLUX>2026-02-04</DTCREAFLUX>"
        "<HEUCREAFLUX>21:27:43</HEUCREAFLUX>",
        "<NATFLUX>D</NATFLUX><TYPEFLUX>M</TYPEFLUX><DTCREAFLUX>2026-02-30</DTCREAFLUX>"
        "<HEUCREAFLUX>21:27:43</HEUCREAFLUX>",
        "<NATFLUX>D</NATFLUX><TYPEFLUX>M</TYPEFLUX><DTCREAFLUX>9999-12-31</DTCREAFLUX>"
        "<HEUCREAFLUX>21:27:43</HEUCREAFLUX>",
        "<NATFLUX>D</NATFLUX><TYPEFLUX>M</TYPEFLUX><DTCREAFLUX>2026-02-04</DTCREAFLUX>"
        "<HEUCREAFLUX>25:00:00</HEUCREAFLUX>",
        "<NATFLUX>D</NATFLUX><TYPEFLUX>M</TYPEFLUX><DTCREAFLUX>2026-02-04</DTCREAFLUX>",
        "",
    };

    for (size_t i = 0; i < sizeof(heads) / sizeof(heads[0]); i++) {
        char text[1024];

        snprintf(text, sizeof(text),
                 "<Racine><IdentificationFlux>%s</IdentificationFlux><TransmissionFlux>"
                 "<NBTOTDOSRSATRANSM>0</NBTOTDOSRSATRANSM></TransmissionFlux></Racine>",
                 heads[i]);
        read_text(text);
        assert_file(RELAIS_E_FILE_HEADER);
        assert_false(run.depot.readable_header);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_byte_order_mark_is_admitted_with_utf_8_or_nothing_declared),
        TEST(test_a_byte_order_mark_against_the_declaration_is_refused),
        TEST(test_encodings_that_the_cnaf_does_not_use_are_refused),
        TEST(test_utf_16_is_refused_with_and_without_its_mark),
        TEST(test_each_undefined_byte_of_windows_1252_parks_its_block_only),
        TEST(test_an_undefined_byte_in_an_element_not_read_parks_too),
        TEST(test_control_bytes_under_latin_1_park_their_block),
        TEST(test_a_dtd_is_refused_before_any_entity),
        TEST(test_numeric_entities_cdata_and_comments_are_plain_text),
        TEST(test_a_text_of_10_million_characters_parks_its_block),
        TEST(test_a_tag_of_10_million_characters_refuses_the_file),
        TEST(test_elements_nested_10_000_deep_refuse_the_file),
        TEST(test_a_block_of_100_000_groups_is_parked),
        TEST(test_a_nul_a_control_z_and_a_second_document_are_refused),
        TEST(test_an_empty_file_and_one_that_is_no_xml_are_refused),
        TEST(test_a_file_cut_anywhere_is_refused),
        TEST(test_crlf_tabs_one_line_and_attributes_change_nothing),
        TEST(test_an_element_of_another_name_is_passed_over),
        TEST(test_the_order_of_header_blocks_and_trailer_is_held),
        TEST(test_an_empty_or_absent_trailer_is_refused),
        TEST(test_a_header_of_another_flow_or_without_its_day_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
