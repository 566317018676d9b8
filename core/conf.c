/* Reading the file and the overrides, and giving their values; what is admitted and
 * checked: conf_check.c. */
#include "core/conf_private.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#define CONF_SIZE_MAX (1u << 20)
#define ENTRIES_MAX   4096
#define SECRET_MAX    4096

const struct conf_entry *conf_find(const struct relais_conf *conf, const char *section,
                                   const char *name)
{
    for (size_t i = 0; i < conf->entry_count; i++)
        if (strcmp(conf->entries[i].section, section) == 0 &&
            strcmp(conf->entries[i].name, name) == 0)
            return &conf->entries[i];
    return NULL;
}

static struct conf_entry *append(struct relais_conf *conf, struct relais_slice section,
                                 struct relais_slice name)
{
    struct conf_entry *entry;

    conf->entries =
        relais_realloc(conf->entries, (conf->entry_count + 1) * sizeof(*conf->entries));
    entry = &conf->entries[conf->entry_count++];
    *entry = (struct conf_entry){.section = relais_strndup(section.ptr, section.len),
                                 .name = relais_strndup(name.ptr, name.len)};
    return entry;
}

/* Splits at the first `mark`, both sides trimmed; false: it is not there. */
static bool split(struct relais_slice s, char mark, struct relais_slice *left_out,
                  struct relais_slice *right_out)
{
    const char *at = memchr(s.ptr, mark, s.len);

    if (!at)
        return false;
    *left_out = relais_slice_trim((struct relais_slice){s.ptr, (size_t)(at - s.ptr)});
    *right_out = relais_slice_trim(
        (struct relais_slice){at + 1, (size_t)(s.ptr + s.len - at - 1)});
    return true;
}

struct reader {
    struct relais_conf *conf;
    struct relais_slice section;
    size_t line;
    char where[64];
    struct relais_error *err;
};

static int add_pair(struct reader *in, struct relais_slice line)
{
    struct relais_slice name, value;
    const struct conf_entry *twin;
    struct conf_entry *entry;
    size_t before = in->conf->entry_count;

    if (!split(line, '=', &name, &value) || name.len == 0)
        return relais_error_set(in->err, RELAIS_E_CONF_FILE, in->where,
                                "ni [section], ni cle = valeur, ni commentaire");
    if (!in->section.ptr)
        return relais_error_set(in->err, RELAIS_E_CONF_FILE, in->where,
                                "cle avant toute [section]");
    if (before == ENTRIES_MAX)
        return relais_error_set(in->err, RELAIS_E_CONF_FILE, in->where, "plus de %d cles",
                                ENTRIES_MAX);
    entry = append(in->conf, in->section, name);
    entry->value = relais_strndup(value.ptr, value.len);
    snprintf(entry->where, sizeof(entry->where), "%s", in->where);
    twin = conf_find(in->conf, entry->section, entry->name);
    if (twin != entry)
        return relais_error_set(in->err, RELAIS_E_CONF_VALUE, in->where,
                                "cle \"%s\" deja donnee (%s)", entry->name, twin->where);
    return 0;
}

static int read_line(struct reader *in, struct relais_slice line)
{
    line = relais_slice_trim(line);
    if (line.len == 0 || line.ptr[0] == '#' || line.ptr[0] == ';')
        return 0;
    if (line.ptr[0] != '[')
        return add_pair(in, line);
    if (line.len < 3 || line.ptr[line.len - 1] != ']')
        goto malformed;
    in->section = relais_slice_trim((struct relais_slice){line.ptr + 1, line.len - 2});
    if (in->section.len == 0 || memchr(in->section.ptr, ']', in->section.len))
        goto malformed;
    return 0;
malformed:
    return relais_error_set(in->err, RELAIS_E_CONF_FILE, in->where,
                            "section mal ecrite: [nom] attendu");
}

static int read_text(struct relais_conf *conf, const char *file, struct relais_slice text,
                     struct relais_error *err)
{
    struct reader in = {.conf = conf, .err = err};
    const char *at = text.ptr, *end = text.ptr + text.len;

    if (text.len > CONF_SIZE_MAX)
        return relais_error_set(err, RELAIS_E_CONF_FILE, file, "plus de 1 Mio");
    if (!relais_utf8_valid(text) || memchr(text.ptr, '\0', text.len))
        return relais_error_set(err, RELAIS_E_CONF_FILE, file,
                                "n'est pas un texte UTF-8");
    if (text.len >= 3 && memcmp(at, "\xef\xbb\xbf", 3) == 0)
        at += 3;
    while (at < end) {
        const char *eol = memchr(at, '\n', (size_t)(end - at));

        if (!eol)
            eol = end;
        in.line++;
        snprintf(in.where, sizeof(in.where), "%.40s:%zu", file, in.line);
        if (read_line(&in, (struct relais_slice){at, (size_t)(eol - at)}))
            return -1;
        at = eol + (eol < end);
    }
    return 0;
}

static struct relais_conf *conf_new(const char *base_dir)
{
    struct relais_conf *conf = relais_zalloc(sizeof(*conf));

    conf->base_dir = base_dir ? relais_strdup(base_dir) : NULL;
    return conf;
}

struct relais_conf *relais_conf_parse(struct relais_slice text, const char *base_dir,
                                      struct relais_error *err)
{
    struct relais_conf *conf = conf_new(base_dir);

    if (read_text(conf, "conf", text.ptr ? text : RELAIS_SLICE(""), err)) {
        relais_conf_free(conf);
        return NULL;
    }
    return conf;
}

static int override(struct relais_conf *conf, const char *text, struct relais_error *err)
{
    struct relais_slice left, value, section, name;
    struct conf_entry *entry;

    if (!split(relais_slice_str(text), '=', &left, &value) ||
        !split(left, '.', &section, &name) || section.len == 0 || name.len == 0)
        return relais_error_set(err, RELAIS_E_USAGE, "-X",
                                "-X section.cle=valeur attendu");
    if (!relais_utf8_valid(relais_slice_str(text)))
        return relais_error_set(err, RELAIS_E_USAGE, "-X", "n'est pas un texte UTF-8");
    entry = append(conf, section, name);
    for (size_t i = 0; i + 1 < conf->entry_count; i++) {
        struct conf_entry *old = &conf->entries[i];

        if (strcmp(old->section, entry->section) == 0 &&
            strcmp(old->name, entry->name) == 0) {
            free(entry->section);
            free(entry->name);
            free(old->value);
            conf->entry_count--;
            entry = old;
            break;
        }
    }
    entry->value = relais_strndup(value.ptr, value.len);
    snprintf(entry->where, sizeof(entry->where), "-X %.30s.%.30s", entry->section,
             entry->name);
    return 0;
}

/* At most max + 1 bytes of an open file. */
static int read_all(int fd, size_t max, struct relais_buf *out)
{
    while (out->len <= max) {
        char *to = relais_buf_reserve(out, max + 1 - out->len);
        ssize_t n = to ? read(fd, to, max + 1 - out->len) : -1;

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return (int)n;
        out->len += (size_t)n;
        out->data[out->len] = '\0';
    }
    return 0;
}

static int read_path(struct relais_conf *conf, const char *path, struct relais_error *err)
{
    struct relais_buf text = RELAIS_BUF_INIT(CONF_SIZE_MAX + 1);
    const char *slash = strrchr(path, '/');
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    int rc = -1;

    conf->file = relais_strdup(slash ? slash + 1 : path);
    if (slash)
        conf->base_dir = relais_strndup(path, slash == path ? 1 : (size_t)(slash - path));
    if (fd < 0 || read_all(fd, CONF_SIZE_MAX, &text))
        relais_error_set(err, RELAIS_E_CONF_FILE, path, "illisible: %s", strerror(errno));
    else
        rc = read_text(conf, conf->file, relais_buf_slice(&text), err);
    if (fd >= 0)
        close(fd);
    relais_buf_release(&text);
    return rc;
}

struct relais_conf *relais_conf_load(const char *path, const char *const *overrides,
                                     size_t override_count, struct relais_error *err)
{
    struct relais_conf *conf = conf_new(NULL);

    if (path && read_path(conf, path, err))
        goto failed;
    for (size_t i = 0; i < override_count; i++)
        if (override(conf, overrides[i], err))
            goto failed;
    return conf;
failed:
    relais_conf_free(conf);
    return NULL;
}

void relais_conf_free(struct relais_conf *conf)
{
    if (!conf)
        return;
    for (size_t i = 0; i < conf->entry_count; i++) {
        free(conf->entries[i].section);
        free(conf->entries[i].name);
        free(conf->entries[i].value);
    }
    for (size_t i = 0; i < conf->path_count; i++)
        free(conf->paths[i].path);
    free(conf->entries);
    free(conf->paths);
    free(conf->tables);
    free(conf->base_dir);
    free(conf->file);
    free(conf);
}

const char *relais_conf_where(const struct relais_conf *conf, const char *section,
                              const char *name)
{
    const struct conf_entry *entry = conf_find(conf, section, name);

    return entry ? entry->where : conf->file ? conf->file : "configuration";
}

/* What was given and is not blank, else the default, else NULL; a PATH not resolved. */
static const char *raw_text(const struct relais_conf *conf, const char *section,
                            const char *name, const struct relais_conf_key *key)
{
    const struct conf_entry *entry = conf_find(conf, section, name);

    if (entry && (entry->value[0] || !key))
        return entry->value;
    return key ? key->def : NULL;
}

static char *resolved(const struct relais_conf *conf, const char *path)
{
    struct relais_buf buf = RELAIS_BUF_INIT(2 * CONF_SIZE_MAX);

    if (path[0] == '/' || !conf->base_dir)
        return relais_strdup(path);
    if (relais_buf_printf(&buf, "%s/%s", conf->base_dir, path))
        abort(); /* both sides have a lower ceiling */
    return relais_buf_take(&buf, NULL);
}

void relais_conf_admit(struct relais_conf *conf, const struct relais_conf_key *keys)
{
    conf->tables =
        relais_realloc(conf->tables, (conf->table_count + 1) * sizeof(*conf->tables));
    conf->tables[conf->table_count++] = keys;
    for (const struct relais_conf_key *key = keys; key->section; key++) {
        const char *path = raw_text(conf, key->section, key->name, key);

        if (key->type != RELAIS_CONF_PATH || !path)
            continue;
        conf->paths =
            relais_realloc(conf->paths, (conf->path_count + 1) * sizeof(*conf->paths));
        conf->paths[conf->path_count++] = (struct conf_path){key, resolved(conf, path)};
    }
}

const struct relais_conf_key *conf_key(const struct relais_conf *conf,
                                       const char *section, const char *name)
{
    for (size_t i = conf->table_count; i > 0; i--)
        for (const struct relais_conf_key *key = conf->tables[i - 1]; key->section; key++)
            if (strcmp(key->section, section) == 0 && strcmp(key->name, name) == 0)
                return key;
    return NULL;
}

const char *relais_conf_text(const struct relais_conf *conf, const char *section,
                             const char *name)
{
    const struct relais_conf_key *key = conf_key(conf, section, name);

    if (!key || key->type != RELAIS_CONF_PATH)
        return raw_text(conf, section, name, key);
    for (size_t i = 0; i < conf->path_count; i++)
        if (conf->paths[i].key == key)
            return conf->paths[i].path;
    return NULL;
}

bool conf_to_integer(const char *text, int64_t *number_out)
{
    char *end;
    long long n;

    if ((text[0] < '0' || text[0] > '9') && text[0] != '-')
        return false;
    errno = 0;
    n = strtoll(text, &end, 10);
    *number_out = n;
    return errno == 0 && end != text && *end == '\0';
}

bool conf_to_boolean(const char *text, bool *boolean_out)
{
    static const char *const words[] = {"false", "no",  "non", "0",
                                        "true",  "yes", "oui", "1"};

    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
        if (strcasecmp(text, words[i]) == 0) {
            *boolean_out = i >= 4;
            return true;
        }
    return false;
}

int64_t relais_conf_integer(const struct relais_conf *conf, const char *section,
                            const char *name)
{
    const char *text = relais_conf_text(conf, section, name);
    int64_t number = 0;

    return text && conf_to_integer(text, &number) ? number : 0;
}

bool relais_conf_boolean(const struct relais_conf *conf, const char *section,
                         const char *name)
{
    const char *text = relais_conf_text(conf, section, name);
    bool boolean = false;

    return text && conf_to_boolean(text, &boolean) && boolean;
}

bool relais_conf_pair(const struct relais_conf *conf, const char *section, size_t i,
                      const char **name_out, const char **value_out)
{
    for (size_t j = 0; j < conf->entry_count; j++) {
        if (strcmp(conf->entries[j].section, section) != 0 || i-- > 0)
            continue;
        *name_out = conf->entries[j].name;
        *value_out = conf->entries[j].value;
        return true;
    }
    return false;
}

/* systemd shows a credential to the service alone, whatever its mode says. */
static bool is_credential(const char *path)
{
    const char *dir = getenv("CREDENTIALS_DIRECTORY");
    size_t len = dir ? strlen(dir) : 0;

    return len && strncmp(path, dir, len) == 0 && path[len] == '/' &&
           !strstr(path, "/../");
}

static int read_secret(int fd, const char *path, struct relais_buf *out,
                       struct relais_error *err)
{
    struct stat st;
    char *eol;

    if (fstat(fd, &st) || !S_ISREG(st.st_mode))
        return relais_error_set(err, RELAIS_E_CONF_FILE, path, "n'est pas un fichier");
    if ((st.st_mode & 077) && !is_credential(path))
        return relais_error_set(err, RELAIS_E_CONF_FILE, path,
                                "ouvert a d'autres que son proprietaire: chmod 600");
    if (read_all(fd, SECRET_MAX, out))
        return relais_error_set(err, RELAIS_E_CONF_FILE, path, "illisible: %s",
                                strerror(errno));
    eol = out->len ? memchr(out->data, '\n', out->len) : NULL;
    if (eol) {
        out->len = (size_t)(eol - out->data);
        if (out->len && out->data[out->len - 1] == '\r')
            out->len--;
        out->data[out->len] = '\0';
    }
    if (out->len == 0 || out->len > SECRET_MAX || strlen(out->data) != out->len)
        return relais_error_set(err, RELAIS_E_CONF_FILE, path,
                                "une ligne de 1 a %d octets attendue", SECRET_MAX);
    return 0;
}

char *relais_conf_secret(const char *path, struct relais_error *err)
{
    struct relais_buf secret = RELAIS_BUF_INIT(SECRET_MAX + 1);
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    int rc;

    if (fd < 0) {
        relais_error_set(err, RELAIS_E_CONF_FILE, path, "illisible: %s", strerror(errno));
        return NULL;
    }
    rc = read_secret(fd, path, &secret, err);
    close(fd);
    if (rc == 0)
        return relais_buf_take(&secret, NULL);
    if (secret.data)
        explicit_bzero(secret.data, secret.cap);
    relais_buf_release(&secret);
    return NULL;
}
