/* A JDBC URL becomes a connection string, and keys beside it. */
#include "cli/import.h"

#include <ctype.h>
#include <stdio.h>
#include <strings.h>

/* ---- parameters -------------------------------------------------------------------- */

enum parameter_way {
    PARAMETER_DSN,    /* the part `to` of the connection string */
    PARAMETER_MODE,   /* the same, of what libpq knows */
    PARAMETER_KEY,    /* the same, unless it is a form that only Java reads */
    PARAMETER_SSL,    /* says sslmode where sslmode does not */
    PARAMETER_SERVER, /* target_session_attrs */
    PARAMETER_SCHEMA, /* connector.sql_schema */
    PARAMETER_WAIT,   /* connector.connect_timeout_ms */
    PARAMETER_SECRET,
    PARAMETER_TAKEN, /* only told, as the next two */
    PARAMETER_LEFT,
    PARAMETER_OPEN,
};

/* Names that may be said: any other may be the rest of a password with a & in it. */
static const struct parameter {
    const char *name;
    enum parameter_way way;
    const char *to; /* or, where it is only told, why: French */
} parameters[] = {
    {"user", PARAMETER_DSN, "user"},
    {"password", PARAMETER_SECRET, NULL},
    {"ssl", PARAMETER_SSL, "sslmode"},
    {"sslmode", PARAMETER_MODE, "sslmode"},
    {"sslrootcert", PARAMETER_DSN, "sslrootcert"},
    {"sslcert", PARAMETER_DSN, "sslcert"},
    {"sslkey", PARAMETER_KEY, "sslkey"},
    {"sslpassword", PARAMETER_OPEN,
     "un secret : la clé de sslkey, en 0600, sans mot de passe"},
    {"currentSchema", PARAMETER_SCHEMA, "connector.sql_schema"},
    {"connectTimeout", PARAMETER_WAIT, "connector.connect_timeout_ms"},
    {"targetServerType", PARAMETER_SERVER, "target_session_attrs"},
    {"ApplicationName", PARAMETER_LEFT, "la connexion s'appelle relais/<instance>"},
    {"socketTimeout", PARAMETER_LEFT,
     "connector.statement_timeout_ms borne chaque ordre, connect_timeout_ms le silence "
     "du serveur"},
    {"loadBalanceHosts", PARAMETER_LEFT, "les serveurs sont essayés dans l'ordre"},
    {"tcpKeepAlive", PARAMETER_TAKEN, "une connexion muette est fermée, toujours"},
    {"prepareThreshold", PARAMETER_TAKEN, "les lignes vont par lots"},
    {"reWriteBatchedInserts", PARAMETER_TAKEN, "les lignes vont par lots"},
    {"stringtype", PARAMETER_TAKEN, "chaque valeur a le type de sa colonne"},
    {"options", PARAMETER_OPEN,
     "réglages de la session : ceux qui manquent à relais, dans connector.dsn, options="},
};

static bool among(const char *const *words, struct relais_slice value)
{
    while (*words && (strlen(*words) != value.len ||
                      strncasecmp(*words, value.ptr, value.len) != 0))
        words++;
    return *words;
}

static bool ends(struct relais_slice value, const char *end)
{
    size_t len = strlen(end);

    return value.len >= len && strncasecmp(value.ptr + value.len - len, end, len) == 0;
}

static void take_mode(struct import *im, const char *said, const char *part,
                      struct relais_slice value)
{
    static const char *const modes[] = {"disable",   "allow",       "prefer", "require",
                                        "verify-ca", "verify-full", NULL};
    char mode[16];

    if (!among(modes, value)) {
        import_tell(im, IMPORT_OPEN, said, "libpq n'a pas cette valeur");
        return;
    }
    relais_slice_copy(value, mode, sizeof(mode));
    for (char *c = mode; *c; c++)
        *c = (char)tolower((unsigned char)*c);
    import_take_dsn(im, said, part, relais_slice_str(mode));
}

static void take_key_file(struct import *im, const char *said, const char *part,
                          struct relais_slice value)
{
    if (ends(value, ".pk8") || ends(value, ".der") || ends(value, ".p12") ||
        ends(value, ".pfx"))
        import_tell(im, IMPORT_OPEN, said,
                    "une forme que Java lit : libpq attend la clé en PEM");
    else
        import_take_dsn(im, said, part, value);
}

/* As the driver has it: true without a sslmode is verify-full, false is nothing. */
static void take_ssl(struct import *im, const char *said, const char *part,
                     struct relais_slice value, bool moded)
{
    static const char *const yes[] = {"", "true", NULL};

    if (moded)
        import_tell(im, IMPORT_TAKEN, said, "sslmode le dit");
    else if (among(yes, value))
        import_take_dsn(im, said, part, RELAIS_SLICE("verify-full"));
    else
        import_tell(im, IMPORT_TAKEN, said, "TLS si le serveur l'offre, comme libpq");
}

static void take_server(struct import *im, const char *said, const char *part,
                        struct relais_slice value)
{
    static const char *const primary[] = {"primary", "master", NULL};
    static const char *const any[] = {"any", NULL};

    if (among(primary, value))
        import_take_dsn(im, said, part, RELAIS_SLICE("read-write"));
    else if (among(any, value))
        import_tell(im, IMPORT_TAKEN, said, "comme libpq");
    else
        import_tell(im, IMPORT_OPEN, said, "relais écrit : il lui faut le primaire");
}

static void take_schema(struct import *im, const char *said, const char *name,
                        struct relais_slice value)
{
    if (!import_is_name(value))
        import_tell(im, IMPORT_OPEN, said,
                    "connector.sql_schema est un seul schéma, en a-z, 0-9 et _");
    else
        import_take_key(im, said, name, value);
}

/* Seconds, 0: without end */
static void take_wait(struct import *im, const char *said, const char *name,
                      struct relais_slice value)
{
    char ms[16];
    int seconds = 0;

    for (size_t i = 0; i < value.len && seconds >= 0; i++)
        seconds = isdigit((unsigned char)value.ptr[i]) && seconds <= 600
                      ? seconds * 10 + value.ptr[i] - '0'
                      : -1;
    if (seconds < 1 || seconds > 600) {
        import_tell(im, IMPORT_OPEN, said,
                    "connector.connect_timeout_ms va de 1 à 600 secondes");
        return;
    }
    snprintf(ms, sizeof(ms), "%d000", seconds);
    import_take_key(im, said, name, relais_slice_str(ms));
}

static void take_value(struct import *im, const struct parameter *p, const char *said,
                       struct relais_slice value, bool moded)
{
    switch (p->way) {
    case PARAMETER_DSN:
        import_take_dsn(im, said, p->to, value);
        return;
    case PARAMETER_MODE:
        take_mode(im, said, p->to, value);
        return;
    case PARAMETER_KEY:
        take_key_file(im, said, p->to, value);
        return;
    case PARAMETER_SSL:
        take_ssl(im, said, p->to, value, moded);
        return;
    case PARAMETER_SERVER:
        take_server(im, said, p->to, value);
        return;
    case PARAMETER_SCHEMA:
        take_schema(im, said, p->to, value);
        return;
    case PARAMETER_WAIT:
        take_wait(im, said, p->to, value);
        return;
    case PARAMETER_SECRET:
        import_take_secret(im, said, "connector.password_file");
        return;
    case PARAMETER_TAKEN:
        import_tell(im, IMPORT_TAKEN, said, p->to);
        return;
    case PARAMETER_LEFT:
        import_tell(im, IMPORT_LEFT, said, p->to);
        return;
    case PARAMETER_OPEN:
        import_tell(im, IMPORT_OPEN, said, p->to);
        return;
    }
}

/* Cuts name=value off the query. false: there is no more. */
static bool next_pair(struct relais_slice *query, struct relais_slice *name_out,
                      struct relais_slice *value_out)
{
    const char *end = memchr(query->ptr, '&', query->len);
    size_t len = end ? (size_t)(end - query->ptr) : query->len, name = 0;

    if (!query->len)
        return false;
    while (name < len && query->ptr[name] != '=')
        name++;
    *name_out = (struct relais_slice){query->ptr, name};
    *value_out = name < len ? (struct relais_slice){query->ptr + name + 1, len - name - 1}
                            : RELAIS_SLICE("");
    query->ptr += len + (end != NULL);
    query->len -= len + (end != NULL);
    return true;
}

static void take_query(struct import *im, struct relais_slice query)
{
    struct relais_slice rest = query, name, value;
    const size_t count = sizeof(parameters) / sizeof(parameters[0]);
    bool moded = false;

    while (next_pair(&rest, &name, &value))
        moded |= relais_slice_is(name, "sslmode");
    while (next_pair(&query, &name, &value)) {
        char said[64];
        size_t i = 0;

        while (i < count && !relais_slice_is(name, parameters[i].name))
            i++;
        if (i == count && name.len + value.len)
            import_tell(im, IMPORT_OPEN, "connection.url, un paramètre",
                        "inconnu ici, et non nommé : ce pourrait être la suite d'un mot "
                        "de passe");
        if (i == count)
            continue;
        snprintf(said, sizeof(said), "connection.url, %s", parameters[i].name);
        if (memchr(value.ptr, '%', value.len) && parameters[i].way < PARAMETER_SECRET)
            import_tell(im, IMPORT_OPEN, said,
                        "valeur écrite avec des % : à écrire soi-même");
        else
            take_value(im, &parameters[i], said, value, moded);
    }
}

/* ---- servers ----------------------------------------------------------------------- */

/* host[:port] of a list becomes an item of two lists. */
static int add_host(struct relais_slice one, struct relais_buf *hosts,
                    struct relais_buf *ports)
{
    struct relais_slice host = one, port = RELAIS_SLICE("5432");
    const char *close = one.len && *one.ptr == '[' ? memchr(one.ptr, ']', one.len) : NULL;
    const char *from = close ? close : one.ptr;
    const char *colon =
        one.len ? memchr(from, ':', (size_t)(one.ptr + one.len - from)) : NULL;

    if (colon) {
        host.len = (size_t)(colon - one.ptr);
        port = (struct relais_slice){colon + 1, one.len - host.len - 1};
    }
    if (close)
        host = (struct relais_slice){one.ptr + 1, (size_t)(close - one.ptr - 1)};
    if (!host.len)
        host = RELAIS_SLICE("localhost");
    return (hosts->len &&
            (relais_buf_add_char(hosts, ',') || relais_buf_add_char(ports, ','))) ||
                   relais_buf_add_slice(hosts, host) || relais_buf_add_slice(ports, port)
               ? -1
               : 0;
}

static void take_hosts(struct import *im, struct relais_slice list)
{
    struct relais_buf hosts = RELAIS_BUF_INIT(1000), ports = RELAIS_BUF_INIT(1000);
    int rc = 0;

    while (!rc) {
        const char *comma = memchr(list.ptr, ',', list.len);
        size_t len = comma ? (size_t)(comma - list.ptr) : list.len;

        rc = add_host((struct relais_slice){list.ptr, len}, &hosts, &ports);
        if (!comma)
            break;
        list = (struct relais_slice){comma + 1, list.len - len - 1};
    }
    if (rc)
        import_tell(im, IMPORT_OPEN, "connection.url", "trop de serveurs");
    else {
        import_take_dsn(im, "connection.url, serveur", "host", relais_buf_slice(&hosts));
        import_take_dsn(im, "connection.url, port", "port", relais_buf_slice(&ports));
    }
    relais_buf_release(&hosts);
    relais_buf_release(&ports);
}

/* jdbc:postgresql:[//host[:port][,...]/]database[?name=value&...] */
void import_take_jdbc(struct import *im, const char *prop, struct relais_slice url)
{
    static const char scheme[] = "jdbc:postgresql:";
    const char *query, *slash;
    const char *why = import_refusal(url);

    if (!why && (url.len < sizeof(scheme) || memcmp(url.ptr, scheme, sizeof(scheme) - 1)))
        why = "pas une URL jdbc:postgresql: ; relais n'écrit que dans PostgreSQL";
    if (why) {
        import_tell(im, IMPORT_OPEN, prop, why);
        return;
    }
    url.ptr += sizeof(scheme) - 1;
    url.len -= sizeof(scheme) - 1;
    query = memchr(url.ptr, '?', url.len);
    if (query) {
        take_query(im, (struct relais_slice){query + 1,
                                             (size_t)(url.ptr + url.len - query - 1)});
        url.len = (size_t)(query - url.ptr);
    }
    if (memchr(url.ptr, '@', url.len) || memchr(url.ptr, '%', url.len)) {
        import_tell(im, IMPORT_OPEN, prop, "serveur ou base à écrire soi-même (@ ou %)");
        return;
    }
    if (url.len >= 2 && url.ptr[0] == '/' && url.ptr[1] == '/') {
        url.ptr += 2;
        url.len -= 2;
        slash = memchr(url.ptr, '/', url.len);
        take_hosts(im, (struct relais_slice){url.ptr, slash ? (size_t)(slash - url.ptr)
                                                            : url.len});
        url.len = slash ? url.len - (size_t)(slash + 1 - url.ptr) : 0;
        url.ptr = slash ? slash + 1 : "";
    }
    if (url.len)
        import_take_dsn(im, "connection.url, base", "dbname", url);
}
