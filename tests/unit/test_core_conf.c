#include "core/conf.h"
#include "helper_core.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <cmocka.h>

static const struct relais_conf_key keys[] = {
    {"connector", "depot", RELAIS_CONF_PATH, .required = true, .doc = "Un dossier."},
    {"connector", "fsync", RELAIS_CONF_BOOLEAN, .def = "oui", .doc = "Un choix."},
    {"connector", "count", RELAIS_CONF_INTEGER, -5, 5, .def = "3", .doc = "Un nombre."},
    {"connector", "mode", RELAIS_CONF_CHOICE, .choices = "a|bc|d", .doc = "Un mode."},
    {.section = NULL},
};

static struct relais_conf *parse(const char *text)
{
    struct relais_error err = RELAIS_ERROR_INIT;
    struct relais_conf *conf =
        relais_conf_parse(relais_slice_str(text), "/etc/relais", &err);

    if (!conf)
        fail_msg("%s: %s", err.where, err.text);
    relais_conf_admit(conf, keys);
    return conf;
}

static void expect_verdict(const struct relais_conf *conf, const char *text)
{
    struct relais_error err = RELAIS_ERROR_INIT;

    assert_int_equal(relais_conf_check(conf, &err), text ? -1 : 0);
    assert_string_equal(err.text, text ? text : "");
}

static void check_invalid(const char *folder)
{
    struct relais_error err = RELAIS_ERROR_INIT;
    char path[4096], got[400];
    struct relais_conf *conf;
    char *expected;

    snprintf(path, sizeof(path), "%s/error", folder);
    expected = helper_read(path, true, NULL);
    snprintf(path, sizeof(path), "%s/input.ini", folder);
    conf = relais_conf_load(path, NULL, 0, &err);
    if (conf) {
        relais_conf_admit(conf, relais_conf_common);
        if (relais_conf_check(conf, &err) == 0)
            fail_msg("%s is taken", folder);
    }
    if (err.code == RELAIS_E_CONF_FILE && strcmp(err.where, path) == 0)
        snprintf(err.where, sizeof(err.where), "input.ini");
    snprintf(got, sizeof(got), "%s %s %s", relais_error_name(err.code), err.where,
             err.text);
    assert_string_equal(got, expected);
    free(expected);
    relais_conf_free(conf);
}

static void test_wrong_files_are_refused_with_line_and_advice(void **state)
{
    assert_true(helper_each("tests/data/conf/invalid", check_invalid) >= 20);
}

static void test_lines_are_trimmed_and_comments_skipped(void **state)
{
    struct relais_conf *conf = parse("\xef\xbb\xbf# a\r\n\n ; b\n [connector] \r\n"
                                     "\tdepot =  in  put \r\ncount=-5\n"
                                     "mode = bc\n[kafka]\nx = a=b # c");

    expect_verdict(conf, NULL);
    assert_string_equal(relais_conf_text(conf, "connector", "depot"),
                        "/etc/relais/in  put");
    assert_int_equal(relais_conf_integer(conf, "connector", "count"), -5);
    assert_string_equal(relais_conf_text(conf, "connector", "mode"), "bc");
    assert_string_equal(relais_conf_text(conf, "kafka", "x"), "a=b # c");
    relais_conf_free(conf);
}

static void test_defaults_stand_in_for_absent_and_blank_keys(void **state)
{
    struct relais_conf *conf = parse("[connector]\ndepot = /in\ncount =\n");

    expect_verdict(conf, NULL);
    assert_string_equal(relais_conf_text(conf, "connector", "depot"), "/in");
    assert_int_equal(relais_conf_integer(conf, "connector", "count"), 3);
    assert_true(relais_conf_boolean(conf, "connector", "fsync"));
    assert_null(relais_conf_text(conf, "connector", "mode"));
    assert_null(relais_conf_text(conf, "connector", "absent"));
    assert_int_equal(relais_conf_integer(conf, "connector", "absent"), 0);
    assert_false(relais_conf_boolean(conf, "connector", "absent"));
    relais_conf_free(conf);
}

static void test_required_key_counts_only_once_its_table_is_admitted(void **state)
{
    struct relais_error err = RELAIS_ERROR_INIT;
    struct relais_conf *conf = relais_conf_load(NULL, NULL, 0, &err);

    assert_non_null(conf);
    expect_verdict(conf, NULL);
    relais_conf_admit(conf, keys);
    expect_verdict(conf, "[connector] depot manque");
    relais_conf_free(conf);
}

static void test_of_two_rows_of_a_key_the_last_counts(void **state)
{
    static const struct relais_conf_key own[] = {
        {"limits", "inflight_records", RELAIS_CONF_INTEGER, 1, 100, .def = "7"},
        {.section = NULL},
    };
    struct relais_error err = RELAIS_ERROR_INIT;
    struct relais_conf *conf = relais_conf_load(NULL, NULL, 0, &err);

    assert_non_null(conf);
    relais_conf_admit(conf, relais_conf_common);
    assert_int_equal(relais_conf_integer(conf, "limits", "inflight_records"), 8192);
    relais_conf_admit(conf, own);
    assert_int_equal(relais_conf_integer(conf, "limits", "inflight_records"), 7);
    relais_conf_free(conf);
}

static void test_booleans_are_read_in_both_languages(void **state)
{
    static const char *const texts[] = {
        "[connector]\nfsync=Oui",   "[connector]\nfsync=1",   "[connector]\nfsync=true",
        "[connector]\nfsync=yes",   "[connector]\nfsync=non", "[connector]\nfsync=0",
        "[connector]\nfsync=False", "[connector]\nfsync=no"};

    for (size_t i = 0; i < 8; i++) {
        struct relais_conf *conf = parse(texts[i]);

        expect_verdict(conf, "[connector] depot manque");
        assert_int_equal(relais_conf_boolean(conf, "connector", "fsync"), i < 4);
        relais_conf_free(conf);
    }
}

static void test_value_of_a_wrong_type_is_not_shown(void **state)
{
    struct relais_conf *conf = parse("[connector]\nfsync=secret");

    expect_verdict(conf, "[connector] fsync: oui ou non attendu");
    relais_conf_free(conf);
}

static void test_overrides_replace_and_add(void **state)
{
    static const char *const overrides[] = {"kafka.queue.buffering.max.kbytes=16384",
                                            "relais.territory = dep75c",
                                            "kafka.linger.ms=1", "kafka.linger.ms=5"};
    struct relais_error err = RELAIS_ERROR_INIT;
    char *folder = helper_folder();
    char *path = helper_write(folder, "a.ini",
                              "[relais]\nterritory=dep93\ninstance=i\nstate=s\n"
                              "[kafka]\nbootstrap.servers=b:1\n",
                              0644);
    struct relais_conf *conf = relais_conf_load(path, overrides, 4, &err);
    const char *name, *value;

    assert_non_null(conf);
    relais_conf_admit(conf, relais_conf_common);
    expect_verdict(conf, NULL);
    assert_string_equal(relais_conf_text(conf, "relais", "territory"), "dep75c");
    assert_true(
        strncmp(relais_conf_text(conf, "relais", "state"), folder, strlen(folder)) == 0);
    assert_true(relais_conf_pair(conf, "kafka", 0, &name, &value));
    assert_string_equal(name, "bootstrap.servers");
    assert_true(relais_conf_pair(conf, "kafka", 1, &name, &value));
    assert_string_equal(name, "queue.buffering.max.kbytes");
    assert_string_equal(value, "16384");
    assert_true(relais_conf_pair(conf, "kafka", 2, &name, &value));
    assert_string_equal(value, "5");
    assert_false(relais_conf_pair(conf, "kafka", 3, &name, &value));
    relais_conf_free(conf);
    free(path);
    helper_remove(folder);
}

static void test_malformed_overrides_are_usage_errors(void **state)
{
    static const char *const texts[] = {"",     "a",    "a.b",      "a=b",
                                        ".b=c", "a.=c", "a.b\xff=c"};

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct relais_error err = RELAIS_ERROR_INIT;

        assert_null(relais_conf_load(NULL, &texts[i], 1, &err));
        assert_int_equal(err.code, RELAIS_E_USAGE);
    }
}

static void test_unknown_override_names_itself(void **state)
{
    static const char *const overrides[] = {"relais.teritory=dep93"};
    struct relais_error err = RELAIS_ERROR_INIT;
    struct relais_conf *conf = relais_conf_load(NULL, overrides, 1, &err);

    relais_conf_admit(conf, relais_conf_common);
    assert_int_equal(relais_conf_check(conf, &err), -1);
    assert_string_equal(err.where, "-X relais.teritory");
    assert_string_equal(err.text, "cle inconnue \"teritory\" dans [relais]: vouliez-vous "
                                  "dire \"territory\" ?");
    relais_conf_free(conf);
}

static void test_paths_without_folder_are_of_the_current_one(void **state)
{
    static const char *const overrides[] = {"connector.depot=in"};
    struct relais_error err = RELAIS_ERROR_INIT;
    struct relais_conf *conf = relais_conf_load(NULL, overrides, 1, &err);

    relais_conf_admit(conf, keys);
    assert_string_equal(relais_conf_text(conf, "connector", "depot"), "in");
    relais_conf_free(conf);
}

static void expect_unreadable(const char *path)
{
    struct relais_error err = RELAIS_ERROR_INIT;

    assert_null(relais_conf_load(path, NULL, 0, &err));
    assert_int_equal(err.code, RELAIS_E_CONF_FILE);
}

static void test_unreadable_or_too_large_file_is_refused(void **state)
{
    struct relais_buf text = RELAIS_BUF_INIT(2 << 20);
    char *folder = helper_folder();
    char *path;

    expect_unreadable(folder);
    expect_unreadable("/nonexistent/a.ini");
    while (text.len <= 1 << 20)
        assert_int_equal(relais_buf_add_str(&text, "# a comment that goes on\n"), 0);
    path = helper_write(folder, "large.ini", text.data, 0644);
    expect_unreadable(path);
    relais_buf_release(&text);
    free(path);
    helper_remove(folder);
}

static void test_too_many_keys_are_refused(void **state)
{
    struct relais_buf text = RELAIS_BUF_INIT(1 << 20);
    struct relais_error err = RELAIS_ERROR_INIT;

    assert_int_equal(relais_buf_add_str(&text, "[kafka]\n"), 0);
    for (int i = 0; i < 4097; i++)
        assert_int_equal(relais_buf_printf(&text, "k%d=\n", i), 0);
    assert_null(relais_conf_parse(relais_buf_slice(&text), NULL, &err));
    assert_string_equal(err.text, "plus de 4096 cles");
    relais_buf_release(&text);
}

static void expect_secret(const char *text, unsigned mode, const char *secret)
{
    struct relais_error err = RELAIS_ERROR_INIT;
    char *folder = helper_folder();
    char *path = helper_write(folder, "secret", text, mode);
    char *got = relais_conf_secret(path, &err);

    if (secret) {
        assert_non_null(got);
        assert_string_equal(got, secret);
    } else {
        assert_null(got);
        assert_int_equal(err.code, RELAIS_E_CONF_FILE);
        assert_null(strstr(err.text, text[0] ? text : "-"));
    }
    free(got);
    free(path);
    helper_remove(folder);
}

static void test_secret_is_the_first_line(void **state)
{
    char text[5000];

    expect_secret("mot de passe\nautre\n", 0600, "mot de passe");
    expect_secret("x\r\n", 0400, "x");
    expect_secret(" x ", 0600, " x ");
    expect_secret("", 0600, NULL);
    expect_secret("\nx\n", 0600, NULL);
    memset(text, 'x', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    expect_secret(text, 0600, NULL);
    text[4096] = '\0';
    expect_secret(text, 0600, text);
}

static void test_secret_open_to_others_is_refused(void **state)
{
    expect_secret("x", 0640, NULL);
    expect_secret("x", 0604, NULL);
    expect_secret("x", 0610, NULL);
}

static void test_secret_of_systemd_is_taken_whatever_its_mode(void **state)
{
    struct relais_error err = RELAIS_ERROR_INIT;
    char *folder = helper_folder();
    char *path = helper_write(folder, "secret", "x\n", 0440);
    char *got;

    setenv("CREDENTIALS_DIRECTORY", folder, 1);
    got = relais_conf_secret(path, &err);
    assert_non_null(got);
    assert_string_equal(got, "x");
    free(got);
    setenv("CREDENTIALS_DIRECTORY", "/run/other", 1);
    assert_null(relais_conf_secret(path, &err));
    unsetenv("CREDENTIALS_DIRECTORY");
    free(path);
    helper_remove(folder);
}

static void test_secret_that_is_no_file_is_refused(void **state)
{
    struct relais_error err = RELAIS_ERROR_INIT;

    assert_null(relais_conf_secret("/nonexistent", &err));
    relais_error_clear(&err);
    assert_null(relais_conf_secret("/dev/null", &err));
    assert_string_equal(err.text, "n'est pas un fichier");
}

static void test_nearest_name_is_within_three_edits(void **state)
{
    static const char *const names[] = {"territory", "instance", "url"};
    char word[100];

    assert_string_equal(relais_nearest("territoiry", names, 3), "territory");
    assert_string_equal(relais_nearest("teritori", names, 3), "territory");
    assert_string_equal(relais_nearest("url", names, 3), "url");
    assert_null(relais_nearest("territoire_x", names, 3));
    assert_null(relais_nearest("abc", names, 3));
    assert_null(relais_nearest("", names, 3));
    memset(word, 'a', sizeof(word) - 1);
    word[sizeof(word) - 1] = '\0';
    assert_null(relais_nearest(word, names, 3));
    assert_null(relais_nearest("url", names, 0));
}

static void test_doc_has_a_row_for_every_key(void **state)
{
    const struct relais_conf_key *const tables[] = {relais_conf_common, keys};
    struct relais_buf out = RELAIS_BUF_INIT(1 << 20);
    char cell[100];

    assert_int_equal(relais_conf_doc(tables, 2, &out), 0);
    for (size_t i = 0; i < 2; i++)
        for (const struct relais_conf_key *key = tables[i]; key->section; key++) {
            snprintf(cell, sizeof(cell), "\n| `%s` | ", key->name);
            assert_non_null(strstr(out.data, cell));
            assert_non_null(key->doc);
            assert_non_null(strstr(out.data, key->doc));
            snprintf(cell, sizeof(cell), "\n### [%s]\n", key->section);
            assert_non_null(strstr(out.data, cell));
        }
    assert_non_null(strstr(out.data, "\n### [kafka]\n"));
    assert_non_null(strstr(out.data, "| a, bc, d |"));
    relais_buf_release(&out);
}

static void test_defaults_of_the_common_keys_are_valid(void **state)
{
    struct relais_buf text = RELAIS_BUF_INIT(1 << 16);
    struct relais_error err = RELAIS_ERROR_INIT;
    struct relais_conf *conf;

    for (const struct relais_conf_key *key = relais_conf_common; key->section; key++)
        assert_int_equal(relais_buf_printf(&text, "[%s]\n%s = %s\n", key->section,
                                           key->name, key->def ? key->def : "x"),
                         0);
    conf = relais_conf_parse(relais_buf_slice(&text), NULL, &err);
    assert_non_null(conf);
    relais_conf_admit(conf, relais_conf_common);
    expect_verdict(conf, NULL);
    relais_conf_free(conf);
    relais_conf_free(NULL);
    relais_buf_release(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_wrong_files_are_refused_with_line_and_advice),
        cmocka_unit_test(test_lines_are_trimmed_and_comments_skipped),
        cmocka_unit_test(test_defaults_stand_in_for_absent_and_blank_keys),
        cmocka_unit_test(test_required_key_counts_only_once_its_table_is_admitted),
        cmocka_unit_test(test_of_two_rows_of_a_key_the_last_counts),
        cmocka_unit_test(test_booleans_are_read_in_both_languages),
        cmocka_unit_test(test_value_of_a_wrong_type_is_not_shown),
        cmocka_unit_test(test_overrides_replace_and_add),
        cmocka_unit_test(test_malformed_overrides_are_usage_errors),
        cmocka_unit_test(test_unknown_override_names_itself),
        cmocka_unit_test(test_paths_without_folder_are_of_the_current_one),
        cmocka_unit_test(test_unreadable_or_too_large_file_is_refused),
        cmocka_unit_test(test_too_many_keys_are_refused),
        cmocka_unit_test(test_secret_is_the_first_line),
        cmocka_unit_test(test_secret_open_to_others_is_refused),
        cmocka_unit_test(test_secret_of_systemd_is_taken_whatever_its_mode),
        cmocka_unit_test(test_secret_that_is_no_file_is_refused),
        cmocka_unit_test(test_nearest_name_is_within_three_edits),
        cmocka_unit_test(test_doc_has_a_row_for_every_key),
        cmocka_unit_test(test_defaults_of_the_common_keys_are_valid),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
