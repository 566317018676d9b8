/* bench_protect [ROUNDS]: protecting the fields of one right (three pseudonyms, seven
 * encrypted fields) through the ring, beside the same OpenSSL calls in a bare loop whose
 * contexts are set up once. Rounds in turn; medians. Prints `protect OURS_NS YARD_NS
 * RATIO`, RATIO = yard / ours.
 */
#include "schemas/keyring.h"

#include "core/day.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <openssl/core_names.h>
#include <openssl/evp.h>

#define EVENTS     2000
#define ROUNDS_MAX 99
#define ID         "0b6f0d3c-1f2a-8c4d-9e5f-60718293a4b5"
#define IDENTITY                                                                         \
    "{\"commune_naissance\":\"VALFICTIF\",\"date_naissance\":\"1992-01-17\",\"nom\":"    \
    "\"LUSTREPIC\",\"nom_naissance\":\"QUIRVELLE\",\"prenom\":\"AMANDINE\",\"qualite\":" \
    "\"MME\",\"sexe\":\"2\"}"

struct text {
    const char *path; /* of an encrypted field; of a pseudonym its genre */
    enum relais_usage usage;
    struct relais_slice clear;
};

static const struct text names[] = {
    {"d", RELAIS_USAGE_PSEUDONYME, {"01000101099", 11}},
    {"p", RELAIS_USAGE_PSEUDONYME, {"nir:2920175985002", 17}},
    {"p", RELAIS_USAGE_PSEUDONYME, {"ec:LUSTREPIC|TITOUAN|2021-06-03", 31}},
};

static const struct text fields[] = {
    {"adresse", RELAIS_USAGE_IDENTITE, {IDENTITY, sizeof(IDENTITY) - 1}},
    {"personnes.nir", RELAIS_USAGE_NIR, {"2920175985002", 13}},
    {"personnes.identite", RELAIS_USAGE_IDENTITE, {IDENTITY, sizeof(IDENTITY) - 1}},
    {"personnes.nir", RELAIS_USAGE_NIR, {"1210675985003", 13}},
    {"personnes.identite", RELAIS_USAGE_IDENTITE, {IDENTITY, sizeof(IDENTITY) - 1}},
    {"numero_demande", RELAIS_USAGE_IDENTITE, {"01000101099", 11}},
    {"matricule", RELAIS_USAGE_IDENTITE, {"990010100000000", 15}},
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static void fail(const char *what)
{
    fprintf(stderr, "bench_protect: %s\n", what);
    exit(1);
}

static void must(int ok)
{
    if (ok != 1)
        fail("OpenSSL failed");
}

/* --- ours --- */

static uint64_t ours(const struct relais_keyring *ring, struct relais_arena *arena)
{
    char pseudonym[RELAIS_PSEUDONYM_LEN + 1];
    struct relais_slice sealed;
    uint64_t sum = 0;

    for (int i = 0; i < EVENTS; i++) {
        struct relais_error err = RELAIS_ERROR_INIT;

        for (size_t j = 0; j < COUNT(names); j++) {
            if (relais_pseudonym(ring, names[j].path[0], names[j].clear, pseudonym, &err))
                fail(err.text);
            sum += (unsigned char)pseudonym[8];
        }
        for (size_t j = 0; j < COUNT(fields); j++) {
            if (relais_seal(ring, fields[j].usage, RELAIS_SLICE(ID), fields[j].path,
                            fields[j].clear, arena, &sealed, &err))
                fail(err.text);
            sum += (unsigned char)sealed.ptr[sealed.len - 1];
        }
        relais_arena_reset(arena);
    }
    return sum;
}

/* --- the yardstick: HMAC by copied digest states, AES-256-GCM by a context a key --- */

struct yard {
    EVP_MD_CTX *inner[2], *outer[2], *work;
    EVP_CIPHER_CTX *cipher[RELAIS_USAGE_COUNT];
};

static EVP_MD_CTX *padded(unsigned char key, unsigned char pad)
{
    unsigned char block[64];
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();

    for (size_t i = 0; i < sizeof(block); i++)
        block[i] = (i < RELAIS_KEY_LEN ? key : 0) ^ pad;
    must(EVP_DigestInit_ex(ctx, EVP_sha256(), NULL));
    must(EVP_DigestUpdate(ctx, block, sizeof(block)));
    return ctx;
}

/* The keys of tests/data/keys/test.ring: one byte repeated, 0x11 for the first usage. */
static void yard_init(struct yard *yard)
{
    unsigned char key[RELAIS_KEY_LEN];

    yard->work = EVP_MD_CTX_new();
    for (unsigned i = 0; i < 2; i++) {
        yard->inner[i] = padded((unsigned char)(0x11 * (i + 1)), 0x36);
        yard->outer[i] = padded((unsigned char)(0x11 * (i + 1)), 0x5c);
    }
    for (unsigned i = 0; i < RELAIS_USAGE_COUNT; i++) {
        memset(key, (int)(0x11 * (i + 1)), sizeof(key));
        yard->cipher[i] = EVP_CIPHER_CTX_new();
        must(EVP_EncryptInit_ex(yard->cipher[i], EVP_aes_256_gcm(), NULL, key, NULL));
    }
}

static void yard_release(struct yard *yard)
{
    for (int i = 0; i < 2; i++) {
        EVP_MD_CTX_free(yard->inner[i]);
        EVP_MD_CTX_free(yard->outer[i]);
    }
    for (int i = 0; i < RELAIS_USAGE_COUNT; i++)
        EVP_CIPHER_CTX_free(yard->cipher[i]);
    EVP_MD_CTX_free(yard->work);
}

static void yard_hmac(struct yard *yard, int key, const char *head, size_t head_len,
                      struct relais_slice text, unsigned char *mac)
{
    must(EVP_MD_CTX_copy_ex(yard->work, yard->inner[key]));
    must(EVP_DigestUpdate(yard->work, head, head_len));
    must(EVP_DigestUpdate(yard->work, text.ptr, text.len));
    must(EVP_DigestFinal_ex(yard->work, mac, NULL));
    must(EVP_MD_CTX_copy_ex(yard->work, yard->outer[key]));
    must(EVP_DigestUpdate(yard->work, mac, RELAIS_SHA256_LEN));
    must(EVP_DigestFinal_ex(yard->work, mac, NULL));
}

static void yard_gcm(EVP_CIPHER_CTX *ctx, const unsigned char *nonce, const char *aad,
                     size_t aad_len, struct relais_slice clear, unsigned char *out)
{
    int n;

    must(EVP_EncryptInit_ex(ctx, NULL, NULL, NULL, nonce));
    must(EVP_EncryptUpdate(ctx, NULL, &n, (const unsigned char *)aad, (int)aad_len));
    must(EVP_EncryptUpdate(ctx, out, &n, (const unsigned char *)clear.ptr,
                           (int)clear.len));
    must(EVP_EncryptFinal_ex(ctx, out + n, &n));
    must(
        EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, RELAIS_TAG_LEN, out + clear.len));
}

static uint64_t yardstick(struct yard *yard)
{
    static const char pseudonym_head[] = "relais/pseudonyme/1\0d";
    unsigned char mac[RELAIS_SHA256_LEN], out[512];
    char head[128];
    uint64_t sum = 0;

    for (int i = 0; i < EVENTS; i++) {
        for (size_t j = 0; j < COUNT(names); j++) {
            yard_hmac(yard, 0, pseudonym_head, sizeof(pseudonym_head), names[j].clear,
                      mac);
            sum += mac[0];
        }
        for (size_t j = 0; j < COUNT(fields); j++) {
            const struct text *f = &fields[j];
            size_t len = strlen(f->path);

            memcpy(head, ID, 37);
            memcpy(head + 37, f->path, len + 1);
            yard_hmac(yard, 1, head, 38 + len, f->clear, mac);
            yard_gcm(yard->cipher[f->usage], mac, head, 37 + len, f->clear, out);
            sum += out[f->clear.len];
        }
    }
    return sum;
}

static int by_size(const void *a, const void *b)
{
    const int64_t *x = a, *y = b;

    return (*x > *y) - (*x < *y);
}

static struct relais_keyring *make_ring(void)
{
    static const char *const keys[RELAIS_USAGE_COUNT] = {
        "0001 pseudonyme actif 2026-01-01 ERERERERERERERERERERERERERERERERERERERERERE=",
        "0002 nonce actif 2026-01-01 IiIiIiIiIiIiIiIiIiIiIiIiIiIiIiIiIiIiIiIiIiI=",
        "0003 nir actif 2026-01-01 MzMzMzMzMzMzMzMzMzMzMzMzMzMzMzMzMzMzMzMzMzM=",
        "0004 identite actif 2026-01-01 REREREREREREREREREREREREREREREREREREREREREQ=",
        "0005 banque actif 2026-01-01 VVVVVVVVVVVVVVVVVVVVVVVVVVVVVVVVVVVVVVVVVVU=",
        "0006 parcage actif 2026-01-01 ZmZmZmZmZmZmZmZmZmZmZmZmZmZmZmZmZmZmZmZmZmY=",
    };
    struct relais_error err = RELAIS_ERROR_INIT;
    char path[] = "/tmp/bench-protect-XXXXXX";
    struct relais_keyring *ring;
    int fd = mkstemp(path); /* 0600 */
    FILE *out = fd < 0 ? NULL : fdopen(fd, "w");

    if (!out)
        fail("no temporary file");
    for (size_t i = 0; i < COUNT(keys); i++)
        fprintf(out, "%s\n", keys[i]);
    fclose(out);
    ring = relais_keyring_open(path, &err);
    unlink(path);
    if (!ring)
        fail(err.text);
    return ring;
}

int main(int argc, char **argv)
{
    long wanted = argc > 1 ? strtol(argv[1], NULL, 10) : 31;
    int rounds = wanted < 1 ? 1 : wanted > ROUNDS_MAX ? ROUNDS_MAX : (int)wanted;
    struct relais_arena arena = RELAIS_ARENA_INIT(1u << 20);
    struct relais_keyring *ring = make_ring();
    int64_t our_us[ROUNDS_MAX], yard_us[ROUNDS_MAX];
    struct yard yard;

    yard_init(&yard);
    ours(ring, &arena);
    yardstick(&yard);
    for (int i = 0; i < rounds; i++) {
        int64_t t0 = relais_monotonic_us(), t1;
        volatile uint64_t sum = ours(ring, &arena);

        t1 = relais_monotonic_us();
        our_us[i] = t1 - t0;
        sum += yardstick(&yard);
        yard_us[i] = relais_monotonic_us() - t1;
        (void)sum;
    }
    qsort(our_us, (size_t)rounds, sizeof(*our_us), by_size);
    qsort(yard_us, (size_t)rounds, sizeof(*yard_us), by_size);
    printf("protect %.0f %.0f %.3f\n", (double)our_us[rounds / 2] * 1000 / EVENTS,
           (double)yard_us[rounds / 2] * 1000 / EVENTS,
           (double)yard_us[rounds / 2] / (double)our_us[rounds / 2]);
    yard_release(&yard);
    relais_keyring_free(ring);
    relais_arena_release(&arena);
    return 0;
}
