/* The generator as the Makefile runs it: $BUILD/relais-gen. */
#include <setjmp.h>
#include <spawn.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <fcntl.h>

#include <cmocka.h>

#include "helper_core.h"

extern char **environ;

#define PERIOD                                                                           \
    "{\"type\":\"record\",\"name\":\"x.Periode\",\"fields\":[{\"name\":\"debut\","       \
    "\"type\":\"int\",\"doc\":\"%s\"}]}"
#define FIRST                                                                            \
    "{\"type\":\"record\",\"name\":\"x.RSADroit\",\"doc\":\"Fin */ de texte\","          \
    "\"fields\":[{\"name\":\"p\",\"type\":" PERIOD "},"                                  \
    "{\"name\":\"default\",\"type\":[\"null\",{\"type\":\"enum\",\"name\":\"x.Etat\","   \
    "\"symbols\":[\"OUVERT\",\"CLOS\"]}]},{\"name\":\"suite\",\"type\":[\"null\","       \
    "\"x.RSADroit\"]}]}"

/* Exit status of the generator over two schemas and a list, written to folder. */
static int generate(const char *folder, const char *first, const char *second)
{
    const char *build = getenv("BUILD");
    char *a = helper_write(folder, "a.avsc", first, 0600);
    char *b = helper_write(folder, "b.avsc", second, 0600);
    char *c = helper_write(folder, "liste.csv", "code,label\n1,\xc3\xa9\n", 0600);
    char exe[4096];
    char *argv[] = {exe, (char *)folder, a, b, c, NULL};
    posix_spawn_file_actions_t silent;
    pid_t pid;
    int status;

    snprintf(exe, sizeof(exe), "%s/relais-gen", build ? build : "build");
    posix_spawn_file_actions_init(&silent);
    posix_spawn_file_actions_addopen(&silent, 2, "/dev/null", O_WRONLY, 0);
    assert_int_equal(posix_spawn(&pid, exe, &silent, NULL, argv, environ), 0);
    posix_spawn_file_actions_destroy(&silent);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    free(a);
    free(b);
    free(c);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void holds(const char *folder, const char *name, const char *const *parts)
{
    char path[4096];
    char *text;

    snprintf(path, sizeof(path), "%s/%s", folder, name);
    text = helper_read(path, false, NULL);
    for (; *parts; parts++)
        if (!strstr(text, *parts))
            fail_msg("%s lacks: %s\n%s", name, *parts, text);
    free(text);
}

static void write_text(char *out, size_t len, const char *fmt, const char *doc)
{
    const char *at = strstr(fmt, "%s");

    snprintf(out, len, "%.*s%s%s", (int)(at - fmt), fmt, doc, at + 2);
}

static void test_avro_gen_writes_structs_enums_and_embedded_texts(void **state)
{
    char *folder = helper_folder(), first[1024], second[1024];
    static const char *const droit[] = {"struct rsa_droit {",
                                        "struct periode p;",
                                        "int32_t value;\n    } default_;",
                                        "const struct rsa_droit *suite;",
                                        "Fin * / de texte",
                                        "#include \"contracts/periode.h\"",
                                        "offsetof(struct rsa_droit, default_) == 4",
                                        NULL};
    static const char *const etat[] = {"ETAT_OUVERT = 0,", "ETAT_CLOS = 1,", NULL};
    static const char *const embedded[] = {
        "relais_embedded_schemas[]", "{\"liste\", (const char *)codes_0, 16},",
        "99,111,100,101,44,", "49,44,195,169,10,", NULL};

    write_text(first, sizeof(first), FIRST, "Jour");
    write_text(second, sizeof(second), PERIOD, "Jour");
    assert_int_equal(generate(folder, first, second), 0);
    holds(folder, "contracts/rsa_droit.h", droit);
    holds(folder, "contracts/etat.h", etat);
    holds(folder, "embedded.c", embedded);
    helper_remove(folder);
}

static void test_avro_gen_refuses_one_name_with_two_definitions(void **state)
{
    char *folder = helper_folder(), first[1024], second[1024];

    write_text(first, sizeof(first), FIRST, "Jour");
    write_text(second, sizeof(second), PERIOD, "Autre texte");
    assert_int_equal(generate(folder, first, second), 1);
    helper_remove(folder);
}

static void test_avro_gen_refuses_two_names_for_one_struct(void **state)
{
    char *folder = helper_folder();

    assert_int_equal(
        generate(folder, "{\"type\":\"record\",\"name\":\"a.RsaDroit\",\"fields\":[]}",
                 "{\"type\":\"record\",\"name\":\"b.RSADroit\",\"fields\":[]}"),
        1);
    helper_remove(folder);
}

static void test_avro_gen_refuses_a_schema_that_is_none(void **state)
{
    char *folder = helper_folder();

    assert_int_equal(generate(folder, "\"int\"", "{\"type\":\"record\"}"), 1);
    helper_remove(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_avro_gen_writes_structs_enums_and_embedded_texts),
        cmocka_unit_test(test_avro_gen_refuses_one_name_with_two_definitions),
        cmocka_unit_test(test_avro_gen_refuses_two_names_for_one_struct),
        cmocka_unit_test(test_avro_gen_refuses_a_schema_that_is_none),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
