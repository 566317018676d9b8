/* What is taken over of a Connect configuration, and how it is said. */
#include "cli/import.h"

#include <ctype.h>
#include <stdio.h>

static const char *const fates[] = {
    [IMPORT_TAKEN] = "repris",
    [IMPORT_LEFT] = "sans équivalent",
    [IMPORT_OPEN] = "à décider",
};

/* ---- what is said ------------------------------------------------------------------ */

void import_tell(struct import *im, enum import_fate fate, const char *name,
                 const char *why)
{
    int pad = 16 - (int)strlen(fates[fate]);
    const char *salt = strstr(name, ".with.salt."); /* which stands in the name */
    int len = (int)(salt ? (size_t)(salt - name) : strlen(name));

    for (const char *c = fates[fate]; *c; c++)
        pad += ((unsigned char)*c & 0xc0) == 0x80; /* columns, not bytes */
    im->fate[fate]++;
    fprintf(stderr, "%s%*s%.*s : %s\n", fates[fate], pad, "", len, name, why);
}

/* A value that may stand in a line of an INI. */
static bool is_plain(struct relais_slice v)
{
    for (size_t i = 0; i < v.len; i++)
        if ((unsigned char)v.ptr[i] < 0x20 || v.ptr[i] == 0x7f)
            return false;
    return v.len && v.len <= 2000 && v.ptr[0] != ' ' && v.ptr[v.len - 1] != ' ';
}

const char *import_refusal(struct relais_slice v)
{
    for (size_t i = 0; i + 1 < v.len; i++)
        if (v.ptr[i] == '$' && v.ptr[i + 1] == '{')
            return "valeur d'un fournisseur de configuration : à écrire soi-même";
    return is_plain(v) ? NULL : "valeur vide ou qui ne tient pas sur une ligne";
}

/* ---- what is taken over ------------------------------------------------------------ */

const struct import_key *import_key(const struct import *im, const char *name)
{
    for (size_t i = 0; i < im->key_count; i++)
        if (strcmp(im->keys[i].name, name) == 0)
            return &im->keys[i];
    return NULL;
}

bool import_add_key(struct import *im, const char *name, struct relais_slice value)
{
    if (import_key(im, name) || im->key_count == IMPORT_KEYS_MAX)
        return false;
    im->keys[im->key_count++] =
        (struct import_key){name, relais_arena_slice(&im->arena, value).ptr};
    return true;
}

void import_take_key(struct import *im, const char *prop, const char *name,
                     struct relais_slice value)
{
    const char *why = import_refusal(value);

    if (!why && !import_add_key(im, name, value))
        why = "cette clé a déjà sa valeur";
    import_tell(im, why ? IMPORT_OPEN : IMPORT_TAKEN, prop, why ? why : name);
}

bool import_is_name(struct relais_slice value)
{
    size_t i = 0;

    while (i < value.len && (islower((unsigned char)value.ptr[i]) ||
                             isdigit((unsigned char)value.ptr[i]) || value.ptr[i] == '_'))
        i++;
    return i == value.len && i && i < 64;
}

void import_take_slot(struct import *im, const char *prop, const char *name,
                      struct relais_slice value)
{
    if (!import_refusal(value) && !import_is_name(value))
        import_tell(im, IMPORT_OPEN, prop,
                    "PostgreSQL n'a pas de slot de ce nom (a-z, 0-9 et _, 63 au plus) : "
                    "le vrai est dans pg_replication_slots, à écrire en connector.slot");
    else
        import_take_key(im, prop, name, value);
}

void import_take_count(struct import *im, const char *prop, const char *name,
                       struct relais_slice value)
{
    long count = 0;

    for (size_t i = 0; i < value.len && count >= 0; i++)
        count = isdigit((unsigned char)value.ptr[i]) && count <= 10000
                    ? count * 10 + value.ptr[i] - '0'
                    : -1;
    if (count < 1 || count > 10000)
        import_tell(im, IMPORT_OPEN, prop, "un nombre de 1 à 10000 est attendu");
    else
        import_take_key(im, prop, name, value);
}

void import_take_topics(struct import *im, const char *prop, const char *name,
                        struct relais_slice value)
{
    struct relais_slice rest = value;

    while (rest.len) {
        const char *comma = memchr(rest.ptr, ',', rest.len);
        size_t len = comma ? (size_t)(comma - rest.ptr) : rest.len;

        if (!memchr(rest.ptr, '.', len)) {
            import_tell(im, IMPORT_OPEN, prop,
                        "un nom sans point serait une famille du territoire");
            return;
        }
        rest.ptr += len + (comma != NULL);
        rest.len -= len + (comma != NULL);
    }
    import_take_key(im, prop, name, value);
}

/* A part of a libpq connection string; quoted where it has to be. */
static int add_dsn(struct import *im, const char *part, struct relais_slice value)
{
    bool bare = value.len > 0;

    for (size_t i = 0; i < value.len; i++)
        bare &= isalnum((unsigned char)value.ptr[i]) || strchr("._/:,-@", value.ptr[i]);
    if (relais_buf_printf(&im->dsn, "%s%s=%s", im->dsn.len ? " " : "", part,
                          bare ? "" : "'"))
        return -1;
    for (size_t i = 0; i < value.len; i++)
        if (((value.ptr[i] == '\'' || value.ptr[i] == '\\') &&
             relais_buf_add_char(&im->dsn, '\\')) ||
            relais_buf_add_char(&im->dsn, value.ptr[i]))
            return -1;
    return bare ? 0 : relais_buf_add_char(&im->dsn, '\'');
}

static bool has_dsn(const struct import *im, const char *part)
{
    char inner[40];
    size_t len = (size_t)snprintf(inner, sizeof(inner), " %s=", part);

    return im->dsn.len && (strncmp(im->dsn.data, inner + 1, len - 1) == 0 ||
                           strstr(im->dsn.data, inner));
}

void import_take_dsn(struct import *im, const char *prop, const char *part,
                     struct relais_slice value)
{
    const char *why = import_refusal(value);
    char said[80];

    if (!why && has_dsn(im, part))
        why = "connector.dsn a déjà cette partie";
    if (!why && add_dsn(im, part, value))
        why = "connector.dsn serait trop longue";
    snprintf(said, sizeof(said), "connector.dsn, %s", part);
    import_tell(im, why ? IMPORT_OPEN : IMPORT_TAKEN, prop, why ? why : said);
}

void import_take_secret(struct import *im, const char *prop, const char *name)
{
    if (!import_key(im, name) && im->key_count < IMPORT_KEYS_MAX)
        im->keys[im->key_count++] = (struct import_key){name, "postgresql.motdepasse"};
    import_tell(
        im, IMPORT_OPEN, prop,
        "écrire le mot de passe sur une ligne de postgresql.motdepasse (0600), que "
        "connector.password_file nomme");
}

/* http://user:password@host becomes http://host */
void import_take_url(struct import *im, const char *prop, const char *name,
                     struct relais_slice url)
{
    const char *at = memchr(url.ptr, '@', url.len);
    size_t scheme = 0;

    if (!at) {
        import_take_key(im, prop, name, url);
        return;
    }
    while (scheme + 3 < url.len && memcmp(url.ptr + scheme, "://", 3))
        scheme++;
    while (memchr(at + 1, '@', (size_t)(url.ptr + url.len - at - 1)))
        at = memchr(at + 1, '@', (size_t)(url.ptr + url.len - at - 1));
    if (scheme + 3 >= url.len || at < url.ptr + scheme + 3) {
        import_tell(im, IMPORT_OPEN, prop,
                    "URL avec un mot de passe : à écrire sans lui");
        return;
    }
    import_take_key(im, prop, name,
                    relais_arena_printf(&im->arena, "%.*s%.*s", (int)scheme + 3, url.ptr,
                                        (int)(url.ptr + url.len - at - 1), at + 1));
    import_tell(im, IMPORT_OPEN, prop,
                "l'utilisateur et le mot de passe de l'URL n'ont pas été pris");
}
