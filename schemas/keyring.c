#include "schemas/keyring.h"

#include "core/day.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define RING_FILE_MAX (64u << 10)
#define RING_KEYS_MAX 256
#define RING_FIELDS   5
#define PATH_MAX_LEN  255
#define UUID_LEN      36
#define SEALED_HEAD   (1 + 2 + RELAIS_NONCE_LEN) /* version, key id, nonce */
#define SEALED_V1     0x01
#define NO_KEY        (-1)

struct key {
    uint16_t id;
    enum relais_usage usage;
    bool active;
    char created[11];
    unsigned char bytes[RELAIS_KEY_LEN];
    struct relais_hmac *hmac; /* pseudonyme, nonce */
    struct relais_aead *aead; /* the others */
};

struct relais_keyring {
    struct key keys[RING_KEYS_MAX];
    size_t count;
    int active[RELAIS_USAGE_COUNT]; /* index of the actif key, NO_KEY */
};

static const char *const usage_names[RELAIS_USAGE_COUNT] = {
    [RELAIS_USAGE_PSEUDONYME] = "pseudonyme",
    [RELAIS_USAGE_NONCE] = "nonce",
    [RELAIS_USAGE_NIR] = "nir",
    [RELAIS_USAGE_IDENTITE] = "identite",
    [RELAIS_USAGE_BANQUE] = "banque",
    [RELAIS_USAGE_PARCAGE] = "parcage",
};

bool relais_usage_parse(struct relais_slice s, enum relais_usage *usage_out)
{
    for (int i = 0; i < RELAIS_USAGE_COUNT; i++)
        if (relais_slice_is(s, usage_names[i])) {
            *usage_out = (enum relais_usage)i;
            return true;
        }
    return false;
}

const char *relais_usage_name(enum relais_usage usage) { return usage_names[usage]; }

/* What only relais itself holds: who has them can name persons or forge. */
static bool reserved(enum relais_usage usage)
{
    return usage == RELAIS_USAGE_PSEUDONYME || usage == RELAIS_USAGE_NONCE;
}

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash ? slash + 1 : path;
}

static int line_error(struct relais_error *err, const char *file, unsigned line,
                      const char *text)
{
    char where[96];

    snprintf(where, sizeof(where), "%s:%u", file, line);
    return relais_error_set(err, RELAIS_E_KEYRING, where, "%s", text);
}

static const struct key *find_key(const struct relais_keyring *ring, uint16_t id)
{
    for (size_t i = 0; i < ring->count; i++)
        if (ring->keys[i].id == id)
            return &ring->keys[i];
    return NULL;
}

static bool parse_id(struct relais_slice s, uint16_t *id_out)
{
    unsigned char bytes[2];

    if (s.len != 4 || !relais_unhex(s, bytes, sizeof(bytes)))
        return false;
    *id_out = (uint16_t)(bytes[0] << 8 | bytes[1]);
    return true;
}

/* The text of what is wrong with a line's fields; NULL: key is filled. */
static const char *parse_key(const struct relais_slice *fields, struct key *key)
{
    int32_t day;
    size_t len;

    if (!parse_id(fields[0], &key->id))
        return "key id is not 4 hexadecimal digits";
    if (!relais_usage_parse(fields[1], &key->usage))
        return "unknown usage";
    key->active = relais_slice_is(fields[2], "actif");
    if (!key->active && !relais_slice_is(fields[2], "ancien"))
        return "state is neither actif nor ancien";
    if (!relais_day_parse(fields[3], &day))
        return "creation is not a day YYYY-MM-DD";
    relais_day_format(day, key->created);
    if (!relais_unbase64(fields[4], key->bytes, sizeof(key->bytes), &len) ||
        len != sizeof(key->bytes))
        return "key is not 32 bytes of base64";
    return NULL;
}

static size_t split(struct relais_slice line, struct relais_slice *fields)
{
    size_t count = 0;

    for (;;) {
        size_t n = 0;

        line = relais_slice_trim(line);
        while (n < line.len && line.ptr[n] != ' ' && line.ptr[n] != '\t')
            n++;
        if (n == 0 || count > RING_FIELDS)
            return count;
        if (count < RING_FIELDS)
            fields[count] = (struct relais_slice){line.ptr, n};
        count++;
        line.ptr += n;
        line.len -= n;
    }
}

static int add_line(struct relais_keyring *ring, const char *file, unsigned number,
                    struct relais_slice line, struct relais_error *err)
{
    struct relais_slice fields[RING_FIELDS];
    struct key *key = &ring->keys[ring->count];
    const char *problem;

    line = relais_slice_trim(line);
    if (line.len == 0 || line.ptr[0] == '#')
        return 0;
    if (ring->count == RING_KEYS_MAX)
        return line_error(err, file, number, "too many keys");
    if (split(line, fields) != RING_FIELDS)
        return line_error(err, file, number, "a line is: id usage state created key");
    problem = parse_key(fields, key);
    if (problem)
        return line_error(err, file, number, problem);
    if (find_key(ring, key->id))
        return line_error(err, file, number, "key id given twice");
    if (key->active && ring->active[key->usage] != NO_KEY)
        return line_error(err, file, number, "two actif keys of one usage");
    if (key->active)
        ring->active[key->usage] = (int)ring->count;
    if (reserved(key->usage))
        key->hmac = relais_hmac_new(key->bytes);
    else
        key->aead = relais_aead_new(key->bytes);
    ring->count++;
    return 0;
}

static int add_lines(struct relais_keyring *ring, const char *file,
                     struct relais_slice text, struct relais_error *err)
{
    const char *end = text.ptr + text.len;

    for (unsigned number = 1; text.ptr < end; number++) {
        const char *eol = memchr(text.ptr, '\n', (size_t)(end - text.ptr));
        struct relais_slice line = {text.ptr, (size_t)((eol ? eol : end) - text.ptr)};

        if (add_line(ring, file, number, line, err))
            return -1;
        text.ptr = eol ? eol + 1 : end;
    }
    if (ring->count == 0)
        return relais_error_set(err, RELAIS_E_KEYRING, file, "no key in it");
    return 0;
}

/* Mode first: a ring that others can read is not one. */
static int read_ring(const char *path, char *data, size_t *len_out,
                     struct relais_error *err)
{
    const char *file = base_name(path);
    struct stat st;
    ssize_t n = 0;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    int rc = -1;

    *len_out = 0;
    if (fd < 0 || fstat(fd, &st)) {
        relais_error_set(err, RELAIS_E_KEYRING, file, "%s", strerror(errno));
        goto out;
    }
    if (!S_ISREG(st.st_mode)) {
        relais_error_set(err, RELAIS_E_KEYRING, file, "not a regular file");
        goto out;
    }
    if (st.st_mode & 077) {
        relais_error_set(err, RELAIS_E_KEYRING, file,
                         "open to group or others (mode %04o): chmod 600",
                         (unsigned)st.st_mode & 07777);
        goto out;
    }
    while (*len_out <= RING_FILE_MAX &&
           (n = read(fd, data + *len_out, RING_FILE_MAX + 1 - *len_out)) > 0)
        *len_out += (size_t)n;
    if (n < 0)
        relais_error_set(err, RELAIS_E_KEYRING, file, "%s", strerror(errno));
    else if (*len_out > RING_FILE_MAX)
        relais_error_set(err, RELAIS_E_KEYRING, file, "file too large");
    else
        rc = 0;
out:
    if (fd >= 0)
        close(fd);
    return rc;
}

struct relais_keyring *relais_keyring_open(const char *path, struct relais_error *err)
{
    struct relais_keyring *ring = relais_zalloc(sizeof(*ring));
    char *data = relais_alloc(RING_FILE_MAX + 1);
    size_t len = 0;
    int rc;

    for (size_t i = 0; i < RELAIS_USAGE_COUNT; i++)
        ring->active[i] = NO_KEY;
    rc = read_ring(path, data, &len, err);
    if (!rc)
        rc = add_lines(ring, base_name(path), (struct relais_slice){data, len}, err);
    relais_cleanse(data, RING_FILE_MAX + 1);
    free(data);
    if (!rc)
        return ring;
    relais_keyring_free(ring);
    return NULL;
}

void relais_keyring_free(struct relais_keyring *ring)
{
    if (!ring)
        return;
    for (size_t i = 0; i < ring->count; i++) {
        relais_hmac_free(ring->keys[i].hmac);
        relais_aead_free(ring->keys[i].aead);
    }
    relais_cleanse(ring, sizeof(*ring));
    free(ring);
}

bool relais_keyring_has(const struct relais_keyring *ring, enum relais_usage usage)
{
    return ring->active[usage] != NO_KEY;
}

static int print_key(const struct key *key, struct relais_buf *out)
{
    return relais_buf_printf(out, "%04x %s %s %s", key->id, usage_names[key->usage],
                             key->active ? "actif" : "ancien", key->created);
}

static int print_secret(const struct key *key, struct relais_buf *out)
{
    if (print_key(key, out) || relais_buf_add_char(out, ' ') ||
        relais_base64((struct relais_slice){(const char *)key->bytes, RELAIS_KEY_LEN},
                      out))
        return -1;
    return relais_buf_add_char(out, '\n');
}

/* Random ids: a reader may put the rings of several territories into one. */
static int make_keys(struct relais_buf *out, int32_t today, struct relais_error *err)
{
    uint16_t ids[RELAIS_USAGE_COUNT];
    struct key key = {.active = true};
    int rc = -1;

    relais_day_format(today, key.created);
    for (int i = 0; i < RELAIS_USAGE_COUNT; i++) {
        bool taken = false;

        if (relais_random((unsigned char *)&ids[i], sizeof(ids[i]), err) ||
            relais_random(key.bytes, sizeof(key.bytes), err))
            goto out;
        for (int j = 0; j < i; j++)
            taken = taken || ids[j] == ids[i];
        if (taken) {
            i--;
            continue;
        }
        key.id = ids[i];
        key.usage = (enum relais_usage)i;
        if (print_secret(&key, out)) {
            relais_error_set(err, RELAIS_E_BUG, "keyring", "ring too large");
            goto out;
        }
    }
    rc = 0;
out:
    relais_cleanse(&key, sizeof(key));
    return rc;
}

static int write_ring(const char *path, struct relais_slice text,
                      struct relais_error *err)
{
    const char *file = base_name(path);
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    ssize_t n;

    if (fd < 0)
        return relais_error_set(err, RELAIS_E_KEYRING, file, "%s", strerror(errno));
    n = write(fd, text.ptr, text.len);
    if (n != (ssize_t)text.len || fsync(fd)) {
        relais_error_set(err, RELAIS_E_KEYRING, file, "%s",
                         n < 0 || n == (ssize_t)text.len ? strerror(errno)
                                                         : "written in part only");
        close(fd);
        unlink(path);
        return -1;
    }
    close(fd);
    return 0;
}

int relais_keyring_init(const char *path, int32_t today, struct relais_error *err)
{
    struct relais_buf text = RELAIS_BUF_INIT(4096);
    int rc = -1;

    if (!relais_buf_reserve(&text, 4096))
        relais_error_set(err, RELAIS_E_BUG, "keyring", "ring too large");
    else if (!make_keys(&text, today, err))
        rc = write_ring(path, relais_buf_slice(&text), err);
    relais_cleanse(text.data, text.len);
    relais_buf_release(&text);
    return rc;
}

static int export_usage(const struct relais_keyring *ring, struct relais_slice name,
                        struct relais_buf *out, struct relais_error *err)
{
    enum relais_usage usage;
    size_t found = 0;

    if (!relais_usage_parse(relais_slice_trim(name), &usage))
        return relais_error_set(err, RELAIS_E_USAGE, "usage",
                                "unknown; a reader's are: nir identite banque parcage");
    if (reserved(usage))
        return relais_error_set(err, RELAIS_E_USAGE, usage_names[usage],
                                "never leaves its ring");
    for (size_t i = 0; i < ring->count; i++) {
        if (ring->keys[i].usage != usage)
            continue;
        found++;
        if (print_secret(&ring->keys[i], out))
            return relais_error_set(err, RELAIS_E_LIMIT, "keyring", "ring too large");
    }
    if (!found)
        return relais_error_set(err, RELAIS_E_KEYRING, usage_names[usage],
                                "the ring has no such key");
    return 0;
}

int relais_keyring_export(const struct relais_keyring *ring, const char *usages,
                          struct relais_buf *out, struct relais_error *err)
{
    for (const char *at = usages;; at++) {
        size_t len = strcspn(at, ",");

        if (export_usage(ring, (struct relais_slice){at, len}, out, err))
            return -1;
        at += len;
        if (!*at)
            return 0;
    }
}

int relais_keyring_describe(const struct relais_keyring *ring, struct relais_buf *out)
{
    for (size_t i = 0; i < ring->count; i++)
        if (print_key(&ring->keys[i], out) || relais_buf_add_char(out, '\n'))
            return -1;
    return 0;
}

static const struct key *active_key(const struct relais_keyring *ring,
                                    enum relais_usage usage, struct relais_error *err)
{
    if (ring->active[usage] != NO_KEY)
        return &ring->keys[ring->active[usage]];
    relais_error_set(err, RELAIS_E_BUG, usage_names[usage], "the ring has no actif key");
    return NULL;
}

int relais_pseudonym(const struct relais_keyring *ring, char genre,
                     struct relais_slice canonical, char out[RELAIS_PSEUDONYM_LEN + 1],
                     struct relais_error *err)
{
    const struct key *key = active_key(ring, RELAIS_USAGE_PSEUDONYME, err);
    const struct relais_slice parts[] = {
        RELAIS_SLICE("relais/pseudonyme/1"), {&genre, 1}, canonical};
    unsigned char mac[RELAIS_SHA256_LEN], id[2];

    out[0] = '\0';
    if (!key)
        return -1;
    relais_hmac_parts(key->hmac, parts, 3, mac);
    id[0] = (unsigned char)(key->id >> 8);
    id[1] = (unsigned char)key->id;
    out[0] = genre;
    out[1] = '1';
    out[2] = '-';
    relais_hex(id, sizeof(id), out + 3);
    out[7] = '-';
    relais_base32(mac, 16, out + 8);
    return 0;
}

/* id NUL path: what a sealed field is bound to. */
struct binding {
    char text[UUID_LEN + 1 + PATH_MAX_LEN];
    size_t path_len;
};

static struct relais_slice bound(const struct binding *binding)
{
    return (struct relais_slice){binding->text, UUID_LEN + 1 + binding->path_len};
}

static int bind_to(struct binding *binding, struct relais_slice id, const char *path,
                   struct relais_error *err)
{
    binding->path_len = strlen(path);
    if (id.len != UUID_LEN || binding->path_len > PATH_MAX_LEN)
        return relais_error_set(err, RELAIS_E_BUG, path, "sealed under no event id");
    memcpy(binding->text, id.ptr, UUID_LEN);
    binding->text[UUID_LEN] = '\0';
    memcpy(binding->text + UUID_LEN + 1, path, binding->path_len);
    return 0;
}

int relais_seal(const struct relais_keyring *ring, enum relais_usage usage,
                struct relais_slice id, const char *path, struct relais_slice clear,
                struct relais_arena *arena, struct relais_slice *out,
                struct relais_error *err)
{
    const struct key *nonce_key = active_key(ring, RELAIS_USAGE_NONCE, err);
    const struct key *key = active_key(ring, usage, err);
    unsigned char mac[RELAIS_SHA256_LEN], *sealed;
    struct relais_slice parts[2];
    struct binding binding;

    if (!nonce_key || !key || bind_to(&binding, id, path, err))
        return -1;
    if (reserved(usage))
        return relais_error_set(err, RELAIS_E_BUG, path, "usage does not encrypt");
    sealed = relais_arena_alloc(arena, SEALED_HEAD + clear.len + RELAIS_TAG_LEN);
    if (!sealed)
        return relais_error_set(err, RELAIS_E_LIMIT, path, "record too large");
    parts[0] = bound(&binding);
    parts[1] = clear;
    relais_hmac_parts(nonce_key->hmac, parts, 2, mac);
    sealed[0] = SEALED_V1;
    sealed[1] = (unsigned char)(key->id >> 8);
    sealed[2] = (unsigned char)key->id;
    memcpy(sealed + 3, mac, RELAIS_NONCE_LEN);
    if (relais_aead_seal(key->aead, mac, parts[0], clear, sealed + SEALED_HEAD, err))
        return -1;
    *out =
        (struct relais_slice){(char *)sealed, SEALED_HEAD + clear.len + RELAIS_TAG_LEN};
    return 0;
}

int relais_unseal(const struct relais_keyring *ring, struct relais_slice id,
                  const char *path, struct relais_slice sealed,
                  struct relais_arena *arena, struct relais_slice *out,
                  struct relais_error *err)
{
    const unsigned char *bytes = (const unsigned char *)sealed.ptr;
    struct relais_error inner = RELAIS_ERROR_INIT;
    struct relais_slice body;
    struct binding binding;
    const struct key *key;
    unsigned char *clear;

    if (sealed.len < SEALED_HEAD + RELAIS_TAG_LEN || bytes[0] != SEALED_V1 ||
        id.len != UUID_LEN)
        return relais_error_set(err, RELAIS_E_PROTECTED, path, "not a sealed field");
    key = find_key(ring, (uint16_t)(bytes[1] << 8 | bytes[2]));
    if (!key)
        return 1;
    if (!key->aead)
        return relais_error_set(err, RELAIS_E_PROTECTED, path,
                                "sealed under no such usage");
    if (bind_to(&binding, id, path, err))
        return -1;
    body = (struct relais_slice){sealed.ptr + SEALED_HEAD, sealed.len - SEALED_HEAD};
    clear = relais_arena_alloc(arena, body.len);
    if (!clear)
        return relais_error_set(err, RELAIS_E_LIMIT, path, "record too large");
    if (relais_aead_open(key->aead, bytes + 3, bound(&binding), body, clear, &inner))
        return relais_error_set(err, inner.code, path, "%s", inner.text);
    *out = (struct relais_slice){(char *)clear, body.len - RELAIS_TAG_LEN};
    return 0;
}
