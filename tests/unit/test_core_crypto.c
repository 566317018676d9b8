#include "core/crypto.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

static void expect_hex(const unsigned char *ptr, size_t len, const char *hex)
{
    char *got = relais_alloc(2 * len + 1);

    relais_hex(ptr, len, got);
    assert_string_equal(got, hex);
    free(got);
}

static void unhex(const char *hex, unsigned char *out, size_t len)
{
    assert_true(relais_unhex(relais_slice_str(hex), out, len));
}

#define SHA_ABC   "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
#define SHA_EMPTY "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

static void test_sha256_gives_the_vectors_of_fips_180(void **state)
{
    unsigned char digest[RELAIS_SHA256_LEN];

    relais_sha256(RELAIS_SLICE("abc"), digest);
    expect_hex(digest, sizeof(digest), SHA_ABC);
    relais_sha256(RELAIS_SLICE_NULL, digest);
    expect_hex(digest, sizeof(digest), SHA_EMPTY);
}

static void test_sha256_in_pieces_starts_anew_after_final(void **state)
{
    struct relais_sha256 *sha = relais_sha256_new();
    unsigned char digest[RELAIS_SHA256_LEN];

    relais_sha256_update(sha, "a", 1);
    relais_sha256_update(sha, NULL, 0);
    relais_sha256_update(sha, "bc", 2);
    relais_sha256_final(sha, digest);
    expect_hex(digest, sizeof(digest), SHA_ABC);
    relais_sha256_final(sha, digest);
    expect_hex(digest, sizeof(digest), SHA_EMPTY);
    relais_sha256_free(sha);
    relais_sha256_free(NULL);
}

static void test_parts_are_joined_by_one_nul(void **state)
{
    const struct relais_slice parts[] = {RELAIS_SLICE("a"), RELAIS_SLICE(""),
                                         RELAIS_SLICE("b")};
    const struct relais_slice joined = RELAIS_SLICE("a\0\0b");
    unsigned char key[RELAIS_KEY_LEN] = {1}, one[RELAIS_SHA256_LEN],
                  other[RELAIS_SHA256_LEN];
    struct relais_hmac *hmac = relais_hmac_new(key);

    relais_sha256_parts(parts, 3, one);
    relais_sha256(joined, other);
    assert_memory_equal(one, other, sizeof(one));
    relais_hmac_parts(hmac, parts, 3, one);
    relais_hmac_parts(hmac, &joined, 1, other);
    assert_memory_equal(one, other, sizeof(one));
    relais_hmac_free(hmac);
}

/* RFC 4231; HMAC pads a shorter key with zeros, as these are. */
static void test_hmac_gives_the_vectors_of_rfc_4231(void **state)
{
    static const struct {
        const char *key, *text, *mac;
    } cases[] = {
        {"\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b"
         "\x0b",
         "Hi There", "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"},
        {"Jefe", "what do ya want for nothing?",
         "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"},
    };

    for (size_t i = 0; i < 2; i++) {
        unsigned char key[RELAIS_KEY_LEN] = {0}, mac[RELAIS_SHA256_LEN];
        struct relais_slice text = relais_slice_str(cases[i].text);
        struct relais_hmac *hmac;

        memcpy(key, cases[i].key, strlen(cases[i].key));
        hmac = relais_hmac_new(key);
        for (int again = 0; again < 3; again++) {
            relais_hmac_parts(hmac, &text, 1, mac);
            expect_hex(mac, sizeof(mac), cases[i].mac);
        }
        relais_hmac_free(hmac);
    }
    relais_hmac_free(NULL);
}

static void *hash_often(void *arg)
{
    unsigned char digest[RELAIS_SHA256_LEN];
    char hex[2 * RELAIS_SHA256_LEN + 1];
    bool *same = arg;

    for (int i = 0; i < 2000; i++) {
        relais_sha256(RELAIS_SLICE("abc"), digest);
        relais_hex(digest, sizeof(digest), hex);
        *same = *same && strcmp(hex, SHA_ABC) == 0;
    }
    return NULL;
}

static void test_threads_hash_apart(void **state)
{
    bool same[4] = {true, true, true, true};
    pthread_t threads[4];

    for (size_t i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, hash_often, &same[i]), 0);
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        assert_true(same[i]);
    }
}

#define GCM_KEY   "feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308"
#define GCM_NONCE "cafebabefacedbaddecaf888"
#define GCM_AAD   "feedfacedeadbeeffeedfacedeadbeefabaddad2"
#define GCM_CLEAR                                                                        \
    "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532f" \
    "cf0e2449a6b525b16aedf5aa0de657ba637b39"
#define GCM_SEALED                                                                       \
    "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa8cb08e48590dbb3da7" \
    "b08b1056828838c5f61e6393ba7a0abcc9f66276fc6ece0f4e1768cddf8853bb2d551b"

struct gcm {
    unsigned char key[32], nonce[12], aad[20], clear[60], sealed[76], got[76];
    struct relais_aead *aead;
};

static int setup_gcm(void **state)
{
    struct gcm *g = relais_zalloc(sizeof(*g));

    unhex(GCM_KEY, g->key, sizeof(g->key));
    unhex(GCM_NONCE, g->nonce, sizeof(g->nonce));
    unhex(GCM_AAD, g->aad, sizeof(g->aad));
    unhex(GCM_CLEAR, g->clear, sizeof(g->clear));
    unhex(GCM_SEALED, g->sealed, sizeof(g->sealed));
    g->aead = relais_aead_new(g->key);
    *state = g;
    return 0;
}

static int teardown_gcm(void **state)
{
    relais_aead_free(((struct gcm *)*state)->aead);
    free(*state);
    return 0;
}

static struct relais_slice slice(const unsigned char *ptr, size_t len)
{
    return (struct relais_slice){(const char *)ptr, len};
}

static int seal(struct gcm *g, struct relais_error *err)
{
    return relais_aead_seal(g->aead, g->nonce, slice(g->aad, sizeof(g->aad)),
                            slice(g->clear, sizeof(g->clear)), g->got, err);
}

static int open_sealed(struct gcm *g, struct relais_error *err)
{
    return relais_aead_open(g->aead, g->nonce, slice(g->aad, sizeof(g->aad)),
                            slice(g->sealed, sizeof(g->sealed)), g->got, err);
}

static void test_gcm_gives_the_vector_of_its_specification(void **state)
{
    struct relais_error err = RELAIS_ERROR_INIT;
    struct gcm *g = *state;

    for (int again = 0; again < 3; again++) {
        assert_int_equal(seal(g, &err), 0);
        expect_hex(g->got, sizeof(g->got), GCM_SEALED);
        assert_int_equal(open_sealed(g, &err), 0);
        expect_hex(g->got, sizeof(g->clear), GCM_CLEAR);
    }
}

static void test_gcm_seals_the_empty_text(void **state)
{
    unsigned char key[RELAIS_KEY_LEN] = {0}, nonce[RELAIS_NONCE_LEN] = {0},
                  out[RELAIS_TAG_LEN];
    struct relais_error err = RELAIS_ERROR_INIT;
    struct relais_aead *aead = relais_aead_new(key);
    struct relais_slice none = RELAIS_SLICE("");

    assert_int_equal(relais_aead_seal(aead, nonce, none, none, out, &err), 0);
    expect_hex(out, sizeof(out), "530f8afbc74536b9a963b4f1c4cb738b");
    assert_int_equal(
        relais_aead_open(aead, nonce, none, slice(out, sizeof(out)), out, &err), 0);
    relais_aead_free(aead);
    relais_aead_free(NULL);
}

static void test_gcm_refuses_any_changed_byte_and_shows_nothing(void **state)
{
    static const unsigned char nothing[60];
    struct gcm *g = *state;

    for (size_t i = 0; i < sizeof(g->sealed); i++) {
        struct relais_error err = RELAIS_ERROR_INIT;

        g->sealed[i] ^= 1;
        assert_int_equal(open_sealed(g, &err), -1);
        assert_int_equal(err.code, RELAIS_E_PROTECTED);
        assert_memory_equal(g->got, nothing, sizeof(nothing));
        g->sealed[i] ^= 1;
    }
}

static void test_gcm_is_bound_to_its_associated_data_and_nonce(void **state)
{
    struct relais_error err = RELAIS_ERROR_INIT;
    struct gcm *g = *state;

    g->aad[0] ^= 1;
    assert_int_equal(open_sealed(g, &err), -1);
    g->aad[0] ^= 1;
    g->nonce[11] ^= 1;
    assert_int_equal(open_sealed(g, &err), -1);
    g->nonce[11] ^= 1;
    relais_error_clear(&err);
    assert_int_equal(open_sealed(g, &err), 0);
}

static void test_gcm_shorter_than_its_tag_is_refused(void **state)
{
    struct gcm *g = *state;

    for (size_t len = 0; len < RELAIS_TAG_LEN; len++) {
        struct relais_error err = RELAIS_ERROR_INIT;

        assert_int_equal(relais_aead_open(g->aead, g->nonce, RELAIS_SLICE(""),
                                          slice(g->sealed, len), g->got, &err),
                         -1);
        assert_int_equal(err.code, RELAIS_E_PROTECTED);
    }
}

static void test_random_differs(void **state)
{
    unsigned char a[16], b[16];
    struct relais_error err = RELAIS_ERROR_INIT;

    assert_int_equal(relais_random(a, sizeof(a), &err), 0);
    assert_int_equal(relais_random(b, sizeof(b), &err), 0);
    assert_memory_not_equal(a, b, sizeof(a));
    relais_cleanse(a, sizeof(a));
    for (size_t i = 0; i < sizeof(a); i++)
        assert_int_equal(a[i], 0);
    relais_cleanse(NULL, 0);
}

static void test_hex_is_read_in_both_cases_and_exactly(void **state)
{
    unsigned char out[2];

    unhex("aBcD", out, 2);
    expect_hex(out, 2, "abcd");
    assert_false(relais_unhex(RELAIS_SLICE("abc"), out, 2));
    assert_false(relais_unhex(RELAIS_SLICE("abcdef"), out, 2));
    assert_false(relais_unhex(RELAIS_SLICE("abcg"), out, 2));
    assert_true(relais_unhex(RELAIS_SLICE(""), out, 0));
}

/* RFC 4648, part 10. */
static void test_base32_and_base64_give_the_vectors_of_rfc_4648(void **state)
{
    static const char *const base32[] = {"",        "my",       "mzxq",      "mzxw6",
                                         "mzxw6yq", "mzxw6ytb", "mzxw6ytboi"};
    static const char *const base64[] = {"",         "Zg==",     "Zm8=",    "Zm9v",
                                         "Zm9vYg==", "Zm9vYmE=", "Zm9vYmFy"};
    char text[16];

    for (size_t len = 0; len <= 6; len++) {
        struct relais_buf buf = RELAIS_BUF_INIT(100);

        relais_base32((const unsigned char *)"foobar", len, text);
        assert_string_equal(text, base32[len]);
        assert_int_equal(relais_buf_add_char(&buf, '>'), 0);
        assert_int_equal(relais_base64((struct relais_slice){"foobar", len}, &buf), 0);
        assert_string_equal(buf.data + 1, base64[len]);
        relais_buf_release(&buf);
    }
}

static void test_base64_comes_back(void **state)
{
    unsigned char bytes[256], back[256];
    struct relais_buf buf = RELAIS_BUF_INIT(1000);
    size_t len;

    for (size_t i = 0; i < sizeof(bytes); i++)
        bytes[i] = (unsigned char)(i * 167 + 13);
    for (size_t n = 0; n <= sizeof(bytes); n++) {
        relais_buf_clear(&buf);
        assert_int_equal(relais_base64(slice(bytes, n), &buf), 0);
        assert_true(relais_unbase64(relais_buf_slice(&buf), back, n, &len));
        assert_int_equal(len, n);
        assert_memory_equal(back, bytes, n);
        if (n)
            assert_false(relais_unbase64(relais_buf_slice(&buf), back, n - 1, &len));
    }
    relais_buf_release(&buf);
}

static void test_what_is_no_base64_is_refused(void **state)
{
    static const char *const texts[] = {"Zg",    "Zg=",  "Zg==\n",   "Zh==", "Zm9=",
                                        "====",  "Z===", "Zg==Zg==", "Zm 9", "-_-_",
                                        "Zm9v=", "=Zm9", "Zm=9"};
    unsigned char out[16];
    size_t len;

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        if (relais_unbase64(relais_slice_str(texts[i]), out, sizeof(out), &len))
            fail_msg("taken: %s", texts[i]);
}

static void test_base64_stops_at_the_ceiling(void **state)
{
    struct relais_buf buf = RELAIS_BUF_INIT(7);

    assert_int_equal(relais_base64(RELAIS_SLICE("foob"), &buf), -1);
    assert_int_equal(relais_base64(RELAIS_SLICE("foo"), &buf), 0);
    relais_buf_release(&buf);
}

static void test_uuid8_has_its_version_and_variant(void **state)
{
    unsigned char digest[16], back[16];
    char text[37];

    memset(digest, 0xff, sizeof(digest));
    relais_uuid8(digest, text);
    assert_string_equal(text, "ffffffff-ffff-8fff-bfff-ffffffffffff");
    memset(digest, 0, sizeof(digest));
    relais_uuid8(digest, text);
    assert_string_equal(text, "00000000-0000-8000-8000-000000000000");
    assert_true(relais_uuid_parse(relais_slice_str(text), back));
    expect_hex(back, 16, "00000000000080008000000000000000");
}

static void test_each_digit_of_a_uuid_is_looked_at(void **state)
{
    static const char uuid[] = "01234567-89ab-cdef-0123-456789abcdef";
    char text[sizeof(uuid)];

    (void)state;
    for (size_t at = 0; at < sizeof(uuid) - 1; at++)
        for (int c = 0; c < 256; c++) {
            bool digit = c && strchr("0123456789abcdef", c);

            memcpy(text, uuid, sizeof(text));
            text[at] = (char)c;
            assert_int_equal(
                relais_uuid_is((struct relais_slice){text, sizeof(text) - 1}),
                uuid[at] == '-' ? c == '-' : digit);
        }
}

static void test_only_the_lower_case_form_is_a_uuid(void **state)
{
    static const char *const texts[] = {
        "",
        "01234567-89ab-cdef-0123-456789abcde",
        "01234567-89ab-cdef-0123-456789abcdef0",
        "01234567-89AB-cdef-0123-456789abcdef",
        "01234567089ab-cdef-0123-456789abcdef",
        "01234567-89ab-cdef-0123-456789abcdeg",
        "{1234567-89ab-cdef-0123-456789abcde}",
        "0123456789ab-cdef-0123-456789abcdef-",
    };

    assert_true(relais_uuid_is(RELAIS_SLICE("01234567-89ab-cdef-0123-456789abcdef")));
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        if (relais_uuid_is(relais_slice_str(texts[i])))
            fail_msg("taken: %s", texts[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sha256_gives_the_vectors_of_fips_180),
        cmocka_unit_test(test_sha256_in_pieces_starts_anew_after_final),
        cmocka_unit_test(test_parts_are_joined_by_one_nul),
        cmocka_unit_test(test_hmac_gives_the_vectors_of_rfc_4231),
        cmocka_unit_test(test_threads_hash_apart),
        cmocka_unit_test(test_gcm_gives_the_vector_of_its_specification),
        cmocka_unit_test(test_gcm_seals_the_empty_text),
        cmocka_unit_test(test_gcm_refuses_any_changed_byte_and_shows_nothing),
        cmocka_unit_test(test_gcm_is_bound_to_its_associated_data_and_nonce),
        cmocka_unit_test(test_gcm_shorter_than_its_tag_is_refused),
        cmocka_unit_test(test_random_differs),
        cmocka_unit_test(test_hex_is_read_in_both_cases_and_exactly),
        cmocka_unit_test(test_base32_and_base64_give_the_vectors_of_rfc_4648),
        cmocka_unit_test(test_base64_comes_back),
        cmocka_unit_test(test_what_is_no_base64_is_refused),
        cmocka_unit_test(test_base64_stops_at_the_ceiling),
        cmocka_unit_test(test_uuid8_has_its_version_and_variant),
        cmocka_unit_test(test_each_digit_of_a_uuid_is_looked_at),
        cmocka_unit_test(test_only_the_lower_case_form_is_a_uuid),
    };

    return cmocka_run_group_tests(tests, setup_gcm, teardown_gcm);
}
