#ifndef RELAIS_CORE_CRYPTO_H
#define RELAIS_CORE_CRYPTO_H

/* Thin, allocation-free-when-warm shells over OpenSSL's EVP, and the text codings.
 * Units: bytes. Errors: int ones FATAL BUG when OpenSSL fails, the others abort (as for
 * memory, so _new never gives NULL); aead_open PROTECTED when the tag is wrong. Threads:
 * contexts belong to one thread.
 */

#include "core/buf.h"

#define RELAIS_SHA256_LEN 32
#define RELAIS_KEY_LEN    32
#define RELAIS_NONCE_LEN  12
#define RELAIS_TAG_LEN    16

struct relais_sha256; /* incremental */
struct relais_sha256 *relais_sha256_new(void);
void relais_sha256_update(struct relais_sha256 *sha, const void *ptr, size_t len);
/* The digest so far; the context starts anew. */
void relais_sha256_final(struct relais_sha256 *sha, unsigned char out[RELAIS_SHA256_LEN]);
/* The digest so far; the context goes on. */
void relais_sha256_peek(const struct relais_sha256 *sha,
                        unsigned char out[RELAIS_SHA256_LEN]);
void relais_sha256_free(struct relais_sha256 *sha);
void relais_sha256(struct relais_slice s, unsigned char out[RELAIS_SHA256_LEN]);

/* MD5, for the fingerprints that Avro defines only: it protects nothing. */
#define RELAIS_MD5_LEN 16
void relais_md5(struct relais_slice s, unsigned char out[RELAIS_MD5_LEN]);

/* A keyed HMAC-SHA-256 whose key schedule is done once. */
struct relais_hmac;
struct relais_hmac *relais_hmac_new(const unsigned char key[RELAIS_KEY_LEN]);
/* MAC of the parts joined by one NUL byte. */
void relais_hmac_parts(struct relais_hmac *hmac, const struct relais_slice *parts,
                       size_t part_count, unsigned char out[RELAIS_SHA256_LEN]);
void relais_hmac_free(struct relais_hmac *hmac);
/* SHA-256 of the parts joined by one NUL byte. */
void relais_sha256_parts(const struct relais_slice *parts, size_t part_count,
                         unsigned char out[RELAIS_SHA256_LEN]);

/* AES-256-GCM with a key schedule done once. seal writes len + 16 bytes (ciphertext,
 * tag). */
struct relais_aead;
struct relais_aead *relais_aead_new(const unsigned char key[RELAIS_KEY_LEN]);
int relais_aead_seal(struct relais_aead *aead,
                     const unsigned char nonce[RELAIS_NONCE_LEN], struct relais_slice aad,
                     struct relais_slice clear, unsigned char *out,
                     struct relais_error *err) RELAIS_MUST_CHECK;
int relais_aead_open(struct relais_aead *aead,
                     const unsigned char nonce[RELAIS_NONCE_LEN], struct relais_slice aad,
                     struct relais_slice sealed, unsigned char *out,
                     struct relais_error *err) RELAIS_MUST_CHECK;
void relais_aead_free(struct relais_aead *aead);

int relais_random(unsigned char *out, size_t len,
                  struct relais_error *err) RELAIS_MUST_CHECK;
void relais_cleanse(void *ptr, size_t len);

/* out: 2 * len + 1, NUL-ended, lower case. */
void relais_hex(const unsigned char *ptr, size_t len, char *out);
bool relais_unhex(struct relais_slice s, unsigned char *out, size_t out_len);
/* RFC 4648, lower case, no padding; out: (len * 8 + 4) / 5 + 1. */
void relais_base32(const unsigned char *ptr, size_t len, char *out);
int relais_base64(struct relais_slice s, struct relais_buf *out) RELAIS_MUST_CHECK;
/* Strict, padded. false: not base64, or longer than out_max. */
bool relais_unbase64(struct relais_slice s, unsigned char *out, size_t out_max,
                     size_t *len_out);
/* UUIDv8 text (36 characters + NUL) from the first 16 bytes of a digest: version 8,
 * variant 10. */
void relais_uuid8(const unsigned char digest[16], char out[37]);
bool relais_uuid_is(struct relais_slice s);
/* RFC 9562 lower-case form, any version: the text of 36 characters <-> 16 bytes. */
bool relais_uuid_parse(struct relais_slice s, unsigned char out[16]);

#endif
