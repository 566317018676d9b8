#include "schemas/keyring.h"

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#define DATA "tests/data/keys"
#define ID   "0b6f0d3c-1f2a-8c4d-9e5f-60718293a4b5"
#define ID_2 "0b6f0d3c-1f2a-8c4d-9e5f-60718293a4b6"

/* Rings are 0600, which a checkout does not keep: each test works on copies here. */
static char folder[] = "/tmp/relais-keyring-XXXXXX";
static char ring_path[64];

static struct relais_arena arena = RELAIS_ARENA_INIT(1u << 20);

static void write_file(const char *path, struct relais_slice text, mode_t mode)
{
    FILE *out = fopen(path, "w");

    assert_non_null(out);
    assert_int_equal(fwrite(text.ptr, 1, text.len, out), text.len);
    assert_int_equal(fclose(out), 0);
    assert_int_equal(chmod(path, mode), 0);
}

static void copy_ring(const char *from, mode_t mode)
{
    char text[8192];
    FILE *in = fopen(from, "r");
    size_t len;

    assert_non_null(in);
    len = fread(text, 1, sizeof(text), in);
    fclose(in);
    write_file(ring_path, (struct relais_slice){text, len}, mode);
}

static struct relais_keyring *open_text(const char *text)
{
    struct relais_error err = RELAIS_ERROR_INIT;
    struct relais_keyring *ring;

    write_file(ring_path, relais_slice_str(text), 0600);
    ring = relais_keyring_open(ring_path, &err);
    assert_non_null(ring);
    return ring;
}

static int setup_folder(void **state)
{
    (void)state;
    if (!mkdtemp(folder))
        return -1;
    snprintf(ring_path, sizeof(ring_path), "%s/ring", folder);
    return 0;
}

static int teardown_folder(void **state)
{
    (void)state;
    unlink(ring_path);
    relais_arena_release(&arena);
    return rmdir(folder);
}

static int setup(void **state)
{
    struct relais_error err = RELAIS_ERROR_INIT;

    copy_ring(DATA "/test.ring", 0600);
    *state = relais_keyring_open(ring_path, &err);
    return *state ? 0 : -1;
}

static int teardown(void **state)
{
    relais_keyring_free(*state);
    relais_arena_reset(&arena);
    return 0;
}

static struct relais_slice seal(const struct relais_keyring *ring,
                                enum relais_usage usage, const char *id, const char *path,
                                const char *clear)
{
    struct relais_error err = RELAIS_ERROR_INIT;
    struct relais_slice out;

    assert_int_equal(relais_seal(ring, usage, relais_slice_str(id), path,
                                 relais_slice_str(clear), &arena, &out, &err),
                     0);
    return out;
}

static int unseal(const struct relais_keyring *ring, const char *id, const char *path,
                  struct relais_slice sealed, struct relais_slice *out,
                  struct relais_error *err)
{
    return relais_unseal(ring, relais_slice_str(id), path, sealed, &arena, out, err);
}

/* The vectors of docs/CONTRAT.md, computed outside relais: lines of fields set apart by
 * tabs. */
static size_t split_vector(char *line, char **fields, size_t max)
{
    size_t count = 0;

    line[strcspn(line, "\n")] = '\0';
    for (char *at = line; at && count < max; count++) {
        fields[count] = at;
        at = strchr(at, '\t');
        if (at)
            *at++ = '\0';
    }
    return count;
}

static size_t each_vector(const char *kind,
                          void (*test)(const struct relais_keyring *ring, char **fields),
                          const struct relais_keyring *ring)
{
    FILE *in = fopen(DATA "/vectors.tsv", "r");
    char line[2048], *fields[6];
    size_t count = 0;

    assert_non_null(in);
    while (fgets(line, sizeof(line), in)) {
        size_t n = split_vector(line, fields, 6);

        if (n < 4 || strcmp(fields[0], kind) != 0)
            continue;
        test(ring, fields);
        count++;
    }
    fclose(in);
    return count;
}

static void one_pseudonym(const struct relais_keyring *ring, char **fields)
{
    struct relais_error err = RELAIS_ERROR_INIT;
    char out[RELAIS_PSEUDONYM_LEN + 1];

    assert_int_equal(
        relais_pseudonym(ring, fields[1][0], relais_slice_str(fields[2]), out, &err), 0);
    assert_string_equal(out, fields[3]);
    assert_int_equal(strlen(out), RELAIS_PSEUDONYM_LEN);
}

static void test_pseudonyms_are_those_of_the_published_vectors(void **state)
{
    assert_int_equal(each_vector("pseudonyme", one_pseudonym, *state), 6);
}

static void one_field(const struct relais_keyring *ring, char **fields)
{
    struct relais_error err = RELAIS_ERROR_INIT;
    struct relais_slice sealed, clear;
    enum relais_usage usage;
    char hex[1024];

    assert_true(relais_usage_parse(relais_slice_str(fields[1]), &usage));
    sealed = seal(ring, usage, fields[2], fields[3], fields[4]);
    assert_true(2 * sealed.len + 1 <= sizeof(hex));
    relais_hex((const unsigned char *)sealed.ptr, sealed.len, hex);
    assert_string_equal(hex, fields[5]);
    assert_int_equal(unseal(ring, fields[2], fields[3], sealed, &clear, &err), 0);
    assert_true(relais_slice_is(clear, fields[4]));
}

static void test_sealed_fields_are_those_of_the_published_vectors(void **state)
{
    assert_int_equal(each_vector("chiffre", one_field, *state), 5);
}

static void test_another_id_path_or_text_gives_another_nonce(void **state)
{
    struct relais_slice one = seal(*state, RELAIS_USAGE_NIR, ID, "nir", "1");
    struct relais_slice id = seal(*state, RELAIS_USAGE_NIR, ID_2, "nir", "1");
    struct relais_slice path = seal(*state, RELAIS_USAGE_NIR, ID, "nis", "1");
    struct relais_slice text = seal(*state, RELAIS_USAGE_NIR, ID, "nir", "2");

    assert_memory_not_equal(one.ptr + 3, id.ptr + 3, RELAIS_NONCE_LEN);
    assert_memory_not_equal(one.ptr + 3, path.ptr + 3, RELAIS_NONCE_LEN);
    assert_memory_not_equal(one.ptr + 3, text.ptr + 3, RELAIS_NONCE_LEN);
}

static void test_a_field_opens_only_where_it_was_sealed(void **state)
{
    struct relais_error err = RELAIS_ERROR_INIT;
    struct relais_slice sealed = seal(*state, RELAIS_USAGE_NIR, ID, "nir", "1"), out;

    assert_int_equal(unseal(*state, ID_2, "nir", sealed, &out, &err), -1);
    assert_int_equal(err.code, RELAIS_E_PROTECTED);
    assert_string_equal(err.where, "nir");
    relais_error_clear(&err);
    assert_int_equal(unseal(*state, ID, "enfant.nir", sealed, &out, &err), -1);
    assert_int_equal(err.code, RELAIS_E_PROTECTED);
}

static void test_each_bit_of_a_sealed_field_counts(void **state)
{
    struct relais_slice sealed = seal(*state, RELAIS_USAGE_NIR, ID, "nir", "1"), out;
    char bytes[64];

    assert_true(sealed.len <= sizeof(bytes));
    for (size_t bit = 0; bit < 8 * sealed.len; bit++) {
        struct relais_error err = RELAIS_ERROR_INIT;

        memcpy(bytes, sealed.ptr, sealed.len);
        bytes[bit / 8] = (char)(bytes[bit / 8] ^ (1 << bit % 8));
        assert_int_not_equal(unseal(*state, ID, "nir",
                                    (struct relais_slice){bytes, sealed.len}, &out, &err),
                             0);
    }
}

static void test_a_field_cut_short_is_refused_at_each_length(void **state)
{
    struct relais_slice sealed = seal(*state, RELAIS_USAGE_NIR, ID, "nir", "1"), out;

    for (size_t len = 0; len < sealed.len; len++) {
        struct relais_error err = RELAIS_ERROR_INIT;
        char *exact = malloc(len + 1); /* so that a read past it is seen */

        assert_non_null(exact);
        memcpy(exact, sealed.ptr, len);
        assert_int_equal(
            unseal(*state, ID, "nir", (struct relais_slice){exact, len}, &out, &err), -1);
        assert_int_equal(err.code, RELAIS_E_PROTECTED);
        free(exact);
    }
}

static void test_a_key_that_the_ring_lacks_is_no_error(void **state)
{
    struct relais_error err = RELAIS_ERROR_INIT;
    struct relais_slice sealed = seal(*state, RELAIS_USAGE_BANQUE, ID, "compte", "x"),
                        out;
    struct relais_keyring *reader = open_text(
        "0003 nir actif 2026-01-01 MzMzMzMzMzMzMzMzMzMzMzMzMzMzMzMzMzMzMzMzMzM=\n");

    assert_int_equal(unseal(reader, ID, "compte", sealed, &out, &err), 1);
    assert_int_equal(err.code, RELAIS_E_OK);
    relais_keyring_free(reader);
}

static void test_a_field_sealed_under_a_reserved_key_is_refused(void **state)
{
    struct relais_error err = RELAIS_ERROR_INIT;
    struct relais_slice sealed = seal(*state, RELAIS_USAGE_NIR, ID, "nir", "1"), out;
    char bytes[64];

    memcpy(bytes, sealed.ptr, sealed.len);
    bytes[2] = 2; /* the nonce key */
    assert_int_equal(
        unseal(*state, ID, "nir", (struct relais_slice){bytes, sealed.len}, &out, &err),
        -1);
    assert_int_equal(err.code, RELAIS_E_PROTECTED);
}

static void test_an_old_key_opens_and_the_new_one_seals(void **state)
{
    struct relais_error err = RELAIS_ERROR_INIT;
    struct relais_slice before = seal(*state, RELAIS_USAGE_NIR, ID, "nir", "1"), after,
                        out;
    struct relais_keyring *ring = open_text(
        "0002 nonce actif 2026-01-01 IiIiIiIiIiIiIiIiIiIiIiIiIiIiIiIiIiIiIiIiIiI=\n"
        "0003 nir ancien 2026-01-01 MzMzMzMzMzMzMzMzMzMzMzMzMzMzMzMzMzMzMzMzMzM=\n"
        "0a07 nir actif 2027-01-01 d3d3d3d3d3d3d3d3d3d3d3d3d3d3d3d3d3d3d3d3d3c=\n");

    assert_int_equal(unseal(ring, ID, "nir", before, &out, &err), 0);
    assert_true(relais_slice_is(out, "1"));
    after = seal(ring, RELAIS_USAGE_NIR, ID, "nir", "1");
    assert_memory_equal(after.ptr, "\x01\x0a\x07", 3);
    relais_keyring_free(ring);
}

static void test_without_its_key_nothing_is_pseudonymised_nor_sealed(void **state)
{
    struct relais_error err = RELAIS_ERROR_INIT;
    struct relais_keyring *reader = open_text(
        "0003 nir actif 2026-01-01 MzMzMzMzMzMzMzMzMzMzMzMzMzMzMzMzMzMzMzMzMzM=\n");
    char text[RELAIS_PSEUDONYM_LEN + 1];
    struct relais_slice out;

    (void)state;
    assert_int_equal(relais_pseudonym(reader, 'd', RELAIS_SLICE("1"), text, &err), -1);
    assert_int_equal(relais_error_class(err.code), RELAIS_FATAL);
    assert_string_equal(text, "");
    relais_error_clear(&err);
    assert_int_equal(relais_seal(reader, RELAIS_USAGE_NIR, RELAIS_SLICE(ID), "nir",
                                 RELAIS_SLICE("1"), &arena, &out, &err),
                     -1);
    assert_int_equal(relais_error_class(err.code), RELAIS_FATAL);
    assert_true(relais_keyring_has(reader, RELAIS_USAGE_NIR));
    assert_false(relais_keyring_has(reader, RELAIS_USAGE_NONCE));
    relais_keyring_free(reader);
}

static void test_reserved_keys_do_not_encrypt(void **state)
{
    struct relais_error err = RELAIS_ERROR_INIT;
    struct relais_slice out;

    assert_int_equal(relais_seal(*state, RELAIS_USAGE_PSEUDONYME, RELAIS_SLICE(ID), "nir",
                                 RELAIS_SLICE("1"), &arena, &out, &err),
                     -1);
    assert_int_equal(err.code, RELAIS_E_BUG);
}

static void test_a_ring_open_to_others_is_refused(void **state)
{
    static const mode_t modes[] = {0640, 0604, 0610, 0644, 0660};

    (void)state;
    for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
        struct relais_error err = RELAIS_ERROR_INIT;

        copy_ring(DATA "/test.ring", modes[i]);
        assert_null(relais_keyring_open(ring_path, &err));
        assert_int_equal(err.code, RELAIS_E_KEYRING);
    }
}

static void test_a_ring_that_is_no_file_is_refused(void **state)
{
    struct relais_error err = RELAIS_ERROR_INIT;

    (void)state;
    assert_null(relais_keyring_open(folder, &err));
    assert_int_equal(err.code, RELAIS_E_KEYRING);
    relais_error_clear(&err);
    assert_null(relais_keyring_open("none/at/all", &err));
    assert_int_equal(err.code, RELAIS_E_KEYRING);
}

static void one_bad_ring(const char *name)
{
    struct relais_error err = RELAIS_ERROR_INIT;
    char path[512], want[256] = "", got[256];
    FILE *in;

    snprintf(path, sizeof(path), DATA "/invalid/%s", name);
    copy_ring(path, 0600);
    if (relais_keyring_open(ring_path, &err))
        fail_msg("%s was accepted", name);
    snprintf(path, sizeof(path), DATA "/invalid/%.*s.error", (int)strcspn(name, "."),
             name);
    in = fopen(path, "r");
    assert_non_null(in);
    assert_non_null(fgets(want, sizeof(want), in));
    fclose(in);
    want[strcspn(want, "\n")] = '\0';
    snprintf(got, sizeof(got), "%s %s", relais_error_name(err.code), err.where);
    if (strcmp(got, want) != 0)
        fail_msg("%s: %s, not %s", name, got, want);
    assert_null(strstr(err.text, "eHh4")); /* of the key */
}

static void test_a_bad_ring_is_refused_by_file_and_line(void **state)
{
    DIR *dir = opendir(DATA "/invalid");
    struct dirent *entry;
    size_t count = 0;

    (void)state;
    assert_non_null(dir);
    while ((entry = readdir(dir)))
        if (strstr(entry->d_name, ".ring")) {
            one_bad_ring(entry->d_name);
            count++;
        }
    closedir(dir);
    assert_true(count >= 13);
}

static void test_a_new_ring_has_all_usages_and_mode_0600(void **state)
{
    struct relais_error err = RELAIS_ERROR_INIT;
    struct relais_buf text = RELAIS_BUF_INIT(4096);
    struct relais_keyring *ring;
    struct stat st;

    (void)state;
    unlink(ring_path);
    assert_int_equal(relais_keyring_init(ring_path, 20482, &err), 0);
    assert_int_equal(stat(ring_path, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    ring = relais_keyring_open(ring_path, &err);
    assert_non_null(ring);
    for (int usage = 0; usage < RELAIS_USAGE_COUNT; usage++)
        assert_true(relais_keyring_has(ring, (enum relais_usage)usage));
    assert_int_equal(relais_keyring_describe(ring, &text), 0);
    assert_non_null(strstr(text.data, " pseudonyme actif 2026-01-29\n"));
    assert_null(strchr(text.data, '='));
    relais_buf_release(&text);
    relais_keyring_free(ring);
}

static void test_a_new_ring_never_overwrites_one(void **state)
{
    struct relais_error err = RELAIS_ERROR_INIT;
    struct relais_keyring *ring;

    (void)state;
    copy_ring(DATA "/test.ring", 0600);
    assert_int_equal(relais_keyring_init(ring_path, 20482, &err), -1);
    assert_int_equal(err.code, RELAIS_E_KEYRING);
    relais_error_clear(&err);
    ring = relais_keyring_open(ring_path, &err);
    assert_non_null(ring);
    relais_keyring_free(ring);
}

static void test_a_readers_ring_opens_what_it_was_made_for_only(void **state)
{
    struct relais_error err = RELAIS_ERROR_INIT;
    struct relais_slice nir = seal(*state, RELAIS_USAGE_NIR, ID, "nir", "1");
    struct relais_slice compte = seal(*state, RELAIS_USAGE_BANQUE, ID, "compte", "2"),
                        out;
    struct relais_buf text = RELAIS_BUF_INIT(4096);
    struct relais_keyring *reader;

    assert_int_equal(relais_keyring_export(*state, "nir,identite", &text, &err), 0);
    reader = open_text(text.data);
    assert_int_equal(unseal(reader, ID, "nir", nir, &out, &err), 0);
    assert_true(relais_slice_is(out, "1"));
    assert_int_equal(unseal(reader, ID, "compte", compte, &out, &err), 1);
    relais_keyring_free(reader);
    relais_buf_release(&text);
}

static void test_reserved_and_unknown_usages_are_never_exported(void **state)
{
    static const char *const usages[] = {"pseudonyme", "nonce", "nir,nonce",   "",
                                         "nir,",       "nirs",  "nir identite"};

    for (size_t i = 0; i < sizeof(usages) / sizeof(usages[0]); i++) {
        struct relais_error err = RELAIS_ERROR_INIT;
        struct relais_buf text = RELAIS_BUF_INIT(4096);

        assert_int_equal(relais_keyring_export(*state, usages[i], &text, &err), -1);
        assert_int_equal(err.code, RELAIS_E_USAGE);
        relais_buf_release(&text);
    }
}

#define WITH_RING(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_RING(test_pseudonyms_are_those_of_the_published_vectors),
        WITH_RING(test_sealed_fields_are_those_of_the_published_vectors),
        WITH_RING(test_another_id_path_or_text_gives_another_nonce),
        WITH_RING(test_a_field_opens_only_where_it_was_sealed),
        WITH_RING(test_each_bit_of_a_sealed_field_counts),
        WITH_RING(test_a_field_cut_short_is_refused_at_each_length),
        WITH_RING(test_a_key_that_the_ring_lacks_is_no_error),
        WITH_RING(test_a_field_sealed_under_a_reserved_key_is_refused),
        WITH_RING(test_an_old_key_opens_and_the_new_one_seals),
        WITH_RING(test_without_its_key_nothing_is_pseudonymised_nor_sealed),
        WITH_RING(test_reserved_keys_do_not_encrypt),
        cmocka_unit_test(test_a_ring_open_to_others_is_refused),
        cmocka_unit_test(test_a_ring_that_is_no_file_is_refused),
        cmocka_unit_test(test_a_bad_ring_is_refused_by_file_and_line),
        cmocka_unit_test(test_a_new_ring_has_all_usages_and_mode_0600),
        cmocka_unit_test(test_a_new_ring_never_overwrites_one),
        WITH_RING(test_a_readers_ring_opens_what_it_was_made_for_only),
        WITH_RING(test_reserved_and_unknown_usages_are_never_exported),
    };

    return cmocka_run_group_tests(tests, setup_folder, teardown_folder);
}
