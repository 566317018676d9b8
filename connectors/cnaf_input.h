#ifndef RELAIS_CONNECTORS_CNAF_INPUT_H
#define RELAIS_CONNECTORS_CNAF_INPUT_H

/* The bytes of one file, read twice over one descriptor: the first pass leaves a mark
 * (the digest of everything so far) at the end of each chunk, the second compares before
 * it gives the chunk. A window holds what is read, with the bytes that the reader still
 * wants before it. Units: bytes. Errors: IO, FILE_CHANGED. Blocks on the disk.
 */

#include "core/crypto.h"

#define CNAF_CHUNK_LEN (1u << 20)
#define CNAF_KEEP_MAX  (512u << 10)
#define CNAF_MARK_LEN  16

struct cnaf_input {
    int fd; /* borrowed */
    struct relais_sha256 *sha;
    unsigned char (*marks)[CNAF_MARK_LEN];
    size_t mark_count;
    size_t next; /* chunk */
    bool verify; /* second pass */
    char *window;
    size_t window_len;
    int64_t window_offset; /* of window[0] in the file */
};

void cnaf_input_init(struct cnaf_input *in, int fd);
void cnaf_input_release(struct cnaf_input *in);
/* From the first byte again; verify: compare with the marks of the pass before. */
void cnaf_input_rewind(struct cnaf_input *in, bool verify);
/* The next chunk, borrowed until the next call. keep_offset: the bytes from there on stay
 * in the window where they are at most CNAF_KEEP_MAX; < 0: none. 1; 0: the end; -1. */
int cnaf_input_next(struct cnaf_input *in, int64_t keep_offset,
                    struct relais_slice *chunk_out,
                    struct relais_error *err) RELAIS_MUST_CHECK;
/* Bytes of the file that the window still holds; ptr NULL: it does not. */
struct relais_slice cnaf_input_bytes(const struct cnaf_input *in, int64_t from,
                                     int64_t to);
/* SHA-256 of the whole file, at the end of the first pass, hex. */
void cnaf_input_hash(struct cnaf_input *in, char hex_out[65]);
/* Reads the file once more against the marks; FILE_CHANGED. */
int cnaf_input_verify(struct cnaf_input *in, struct relais_error *err) RELAIS_MUST_CHECK;

#endif
