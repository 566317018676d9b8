#include "connectors/cnaf_input.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

void cnaf_input_init(struct cnaf_input *in, int fd)
{
    *in = (struct cnaf_input){.fd = fd, .sha = relais_sha256_new()};
    in->window = relais_alloc(CNAF_KEEP_MAX + CNAF_CHUNK_LEN);
}

void cnaf_input_release(struct cnaf_input *in)
{
    if (!in)
        return;
    relais_sha256_free(in->sha);
    free(in->marks);
    free(in->window);
    *in = (struct cnaf_input){.fd = -1};
}

void cnaf_input_rewind(struct cnaf_input *in, bool verify)
{
    unsigned char unused[RELAIS_SHA256_LEN];

    relais_sha256_final(in->sha, unused);
    in->verify = verify;
    in->next = 0;
    in->window_len = 0;
    in->window_offset = 0;
    if (!verify)
        in->mark_count = 0;
}

static int changed(struct relais_error *err)
{
    return relais_error_set(err, RELAIS_E_FILE_CHANGED, NULL,
                            "le fichier a changé pendant sa lecture");
}

/* Marks a chunk that was read, or compares it. */
static int settle(struct cnaf_input *in, struct relais_slice chunk,
                  struct relais_error *err)
{
    unsigned char digest[RELAIS_SHA256_LEN];

    relais_sha256_update(in->sha, chunk.ptr, chunk.len);
    relais_sha256_peek(in->sha, digest);
    if (in->verify)
        return in->next < in->mark_count &&
                       !memcmp(in->marks[in->next], digest, CNAF_MARK_LEN)
                   ? 0
                   : changed(err);
    if ((in->mark_count & (in->mark_count + 1)) == 0) /* at 0, 1, 3, 7...: full */
        in->marks =
            relais_realloc(in->marks, (2 * in->mark_count + 2) * sizeof(*in->marks));
    memcpy(in->marks[in->mark_count++], digest, CNAF_MARK_LEN);
    return 0;
}

/* Moves what is kept to the window's beginning. */
static void slide(struct cnaf_input *in, int64_t keep_offset)
{
    int64_t end = in->window_offset + (int64_t)in->window_len;
    size_t kept = 0;

    if (keep_offset >= in->window_offset && keep_offset < end &&
        end - keep_offset <= CNAF_KEEP_MAX)
        kept = (size_t)(end - keep_offset);
    if (kept)
        memmove(in->window, in->window + in->window_len - kept, kept);
    in->window_len = kept;
    in->window_offset = end - (int64_t)kept;
}

int cnaf_input_next(struct cnaf_input *in, int64_t keep_offset,
                    struct relais_slice *chunk_out, struct relais_error *err)
{
    char *to;
    size_t len = 0;

    slide(in, keep_offset);
    to = in->window + in->window_len;
    while (len < CNAF_CHUNK_LEN) {
        ssize_t n = pread(in->fd, to + len, CNAF_CHUNK_LEN - len,
                          in->window_offset + (int64_t)(in->window_len + len));

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return relais_error_set(err, RELAIS_E_IO, NULL, "read: %s", strerror(errno));
        if (n == 0)
            break;
        len += (size_t)n;
    }
    *chunk_out = (struct relais_slice){to, len};
    if (len == 0)
        return in->verify && in->next != in->mark_count ? changed(err) : 0;
    if (settle(in, *chunk_out, err))
        return -1;
    in->next++;
    in->window_len += len;
    return 1;
}

struct relais_slice cnaf_input_bytes(const struct cnaf_input *in, int64_t from,
                                     int64_t to)
{
    int64_t end = in->window_offset + (int64_t)in->window_len;

    if (from < in->window_offset || to > end || from > to || to - from > CNAF_KEEP_MAX)
        return RELAIS_SLICE_NULL;
    return (struct relais_slice){in->window + (from - in->window_offset),
                                 (size_t)(to - from)};
}

void cnaf_input_hash(struct cnaf_input *in, char hex_out[65])
{
    unsigned char digest[RELAIS_SHA256_LEN];

    relais_sha256_peek(in->sha, digest);
    relais_hex(digest, sizeof(digest), hex_out);
}

int cnaf_input_verify(struct cnaf_input *in, struct relais_error *err)
{
    struct relais_slice chunk;
    int rc;

    cnaf_input_rewind(in, true);
    while ((rc = cnaf_input_next(in, -1, &chunk, err)) > 0)
        ;
    return rc;
}
