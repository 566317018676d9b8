/* relais import connect: a Kafka Connect configuration becomes an INI; what becomes of
 * each property is said on standard error. */
#include "cli/commands.h"
#include "cli/import.h"
#include "cli/schema.h"
#include "core/crypto.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define TEXT_MAX    (1u << 20)
#define ARENA_MAX   (16u << 20)
#define INI_MAX     (1u << 20)
#define ROUTER_TYPE "io.debezium.transforms.outbox.EventRouter"

static const struct {
    const char *class;
    bool source;
} classes[] = {
    {"io.debezium.connector.postgresql.PostgresConnector", true},
    {"io.debezium.connector.jdbc.JdbcSinkConnector", false},
    {"io.confluent.connect.jdbc.JdbcSinkConnector", false},
    {"io.aiven.connect.jdbc.JdbcSinkConnector", false},
};

/* ---- one property ------------------------------------------------------------------ */

static bool fits(const struct import_row *row, const char *name)
{
    size_t len = strlen(row->name);

    return row->name[len - 1] == '*' ? strncmp(row->name, name, len - 1) == 0
                                     : strcmp(row->name, name) == 0;
}

static const struct import_row *find_row(const struct import_row *rows, const char *name)
{
    for (; rows->name; rows++)
        if (fits(rows, name))
            return rows;
    return NULL;
}

/* Names that hold what nobody may read. */
static bool is_secret(const char *name)
{
    static const char *const words[] = {"password",   "secret", "jaas",
                                        "credential", "token",  "user.info",
                                        "passphrase", NULL};

    for (size_t i = 0; words[i]; i++)
        if (strcasestr(name, words[i]))
            return true;
    return false;
}

/* "schema.table" out of a list of regular expressions, where it is no more than that: a
 * point may have its backslash. ptr NULL: anything else. */
static struct relais_slice plain_table(struct import *im, struct relais_slice value)
{
    struct relais_buf name = RELAIS_BUF_INIT(200);
    struct relais_slice out = RELAIS_SLICE_NULL;
    size_t points = 0, i;
    bool plain = true;

    for (i = 0; i < value.len && plain; i++) {
        char c = value.ptr[i];

        if (c == '\\' && i + 1 < value.len && value.ptr[i + 1] == '.')
            continue;
        points += c == '.';
        plain =
            (strchr("._", c) || isalnum((unsigned char)c) || (unsigned char)c > 0x7f) &&
            !relais_buf_add_char(&name, c);
    }
    if (plain && points == 1 && name.data[0] != '.' && name.data[name.len - 1] != '.')
        out = relais_arena_slice(&im->arena, relais_buf_slice(&name));
    relais_buf_release(&name);
    return out;
}

static void take_table(struct import *im, const struct import_prop *prop,
                       const char *name)
{
    struct relais_slice table = plain_table(im, prop->value);

    if (!im->router)
        import_tell(im, IMPORT_OPEN, prop->name,
                    "pas d'EventRouter : des tables ordinaires, à décrire dans "
                    "connector.mapping (source_postgres_table)");
    else if (memchr(prop->value.ptr, ',', prop->value.len))
        import_tell(im, IMPORT_OPEN, prop->name,
                    "une outbox par processus ; connector.table n'en nomme qu'une");
    else if (!table.ptr && !import_refusal(prop->value))
        import_tell(im, IMPORT_OPEN, prop->name,
                    "une expression, non un nom : écrire connector.table = schéma.table");
    else
        import_take_key(im, prop->name, name, table.ptr ? table : prop->value);
}

static void apply(struct import *im, const struct import_row *row,
                  const struct import_prop *prop)
{
    char said[300];

    switch (row->way) {
    case IMPORT_KEY:
        import_take_key(im, prop->name, row->to, prop->value);
        return;
    case IMPORT_SLOT:
        import_take_slot(im, prop->name, row->to, prop->value);
        return;
    case IMPORT_COUNT:
        import_take_count(im, prop->name, row->to, prop->value);
        return;
    case IMPORT_TOPICS:
        import_take_topics(im, prop->name, row->to, prop->value);
        return;
    case IMPORT_TABLE:
        take_table(im, prop, row->to);
        return;
    case IMPORT_COLUMNS:
        import_take_columns(im, prop->name, row->to, prop->value);
        return;
    case IMPORT_DSN:
        import_take_dsn(im, prop->name, row->to, prop->value);
        return;
    case IMPORT_JDBC:
        import_take_jdbc(im, prop->name, prop->value);
        return;
    case IMPORT_URL:
        import_take_url(im, prop->name, row->to, prop->value);
        return;
    case IMPORT_SECRET:
        import_take_secret(im, prop->name, row->to);
        return;
    case IMPORT_ALWAYS:
        import_tell(im, IMPORT_TAKEN, prop->name, row->why);
        return;
    case IMPORT_NONE:
        import_tell(im, IMPORT_LEFT, prop->name, row->why);
        return;
    case IMPORT_DECIDE:
        import_tell(im, IMPORT_OPEN, prop->name, row->why);
        return;
    case IMPORT_EXPECT:
        snprintf(said, sizeof(said), "« %s » seulement : %s", row->to, row->why);
        if (relais_slice_is(prop->value, row->to))
            import_tell(im, IMPORT_TAKEN, prop->name, "comme relais");
        else
            import_tell(im, IMPORT_OPEN, prop->name, said);
        return;
    }
}

static void map(struct import *im, const struct import_prop *prop)
{
    const struct import_row *row = NULL;
    const char *name = prop->name;
    char router[200];

    if (im->router && strncmp(name, im->router, strlen(im->router)) == 0) {
        if (strcmp(name + strlen(im->router), "type") == 0) {
            import_tell(im, IMPORT_TAKEN, name,
                        "source_postgres_outbox lit l'outbox lui-même");
            return;
        }
        snprintf(router, sizeof(router), "router.%s", name + strlen(im->router));
        name = router;
    }
    if (im->source && !im->router)
        row = find_row(import_table_rows, name);
    if (!row)
        row = find_row(im->source ? import_source_rows : import_sink_rows, name);
    if (!row && is_secret(name)) {
        import_tell(im, IMPORT_OPEN, prop->name,
                    "un secret : dans un fichier à lui, jamais ici");
        return;
    }
    if (!row)
        row = find_row(import_common_rows, name);
    if (row && is_secret(name) && row->way != IMPORT_SECRET)
        import_tell(im, IMPORT_OPEN, prop->name,
                    "un secret : dans un fichier à lui, jamais ici");
    else if (row)
        apply(im, row, prop);
    else
        import_tell(im, IMPORT_OPEN, prop->name, "propriété inconnue ici");
}

/* ---- the whole --------------------------------------------------------------------- */

static int choose(struct import *im, struct relais_error *err)
{
    const struct import_prop *class = import_find(&im->props, "connector.class");
    size_t i = 0, count = sizeof(classes) / sizeof(classes[0]);

    while (class && i < count && !relais_slice_is(class->value, classes[i].class))
        i++;
    if (!class || i == count)
        return relais_error_set(err, RELAIS_E_USAGE, "connector.class",
                                "ni Debezium pour PostgreSQL, ni un puits JDBC");
    im->source = classes[i].source;
    for (i = 0; im->source && i < im->props.count; i++) {
        const struct import_prop *p = &im->props.at[i];
        size_t len = strlen(p->name);

        if (strncmp(p->name, "transforms.", 11) == 0 && len > 16 &&
            strcmp(p->name + len - 5, ".type") == 0 &&
            relais_slice_is(p->value, ROUTER_TYPE))
            im->router =
                relais_arena_printf(&im->arena, "%.*s", (int)len - 4, p->name).ptr;
    }
    return 0;
}

/* What Connect takes where nothing is said. */
static void add_default(struct import *im, const char *name, const char *value)
{
    if (!import_key(im, name) && im->key_count < IMPORT_KEYS_MAX)
        im->keys[im->key_count++] = (struct import_key){name, value};
}

/* What relais asks for and Connect has no property for. */
static void ask(struct import *im)
{
    if (!im->source)
        return;
    if (im->router) {
        if (!import_key(im, "connector.table"))
            import_tell(im, IMPORT_OPEN, "connector.table",
                        "public.outbox si rien n'est dit");
        import_tell(im, IMPORT_OPEN, "connector.schema, connector.routes",
                    "l'un des deux, sans quoi relais refuse de partir : le message du "
                    "contrat, ou un par type d'agrégat (paiement=EvenementPaiement,…)");
        return;
    }
    import_tell(im, IMPORT_OPEN, "connector.schema", "le message du contrat à publier");
    import_tell(im, IMPORT_OPEN, "connector.mapping",
                "le fichier JSON qui dit les tables, leurs jointures et les champs");
    import_tell(im, IMPORT_OPEN, "connector.replica_identity",
                "« exiger » si rien n'est dit : ALTER TABLE … REPLICA IDENTITY FULL pour "
                "les tables filles, sans quoi relais refuse de partir");
}

static void fill(struct import *im)
{
    for (size_t i = 0; i < im->props.count; i++)
        map(im, &im->props.at[i]);
    if (!im->source)
        return;
    if (!import_find(&im->props, "slot.name"))
        add_default(im, "connector.slot", "debezium");
    if (!import_find(&im->props, "publication.name"))
        add_default(im, "connector.publication", "dbz_publication");
    if (!import_find(&im->props, "plugin.name"))
        import_tell(im, IMPORT_OPEN, "plugin.name",
                    "absent : decoderbufs, dont le slot ne peut pas être repris");
    ask(im);
}

static int put_keys(const struct import *im, const char *section, struct relais_buf *out)
{
    size_t len = strlen(section);

    for (size_t i = 0; i < im->key_count; i++)
        if (strncmp(im->keys[i].name, section, len) == 0 &&
            im->keys[i].name[len] == '.' &&
            relais_buf_printf(out, "%s = %s\n", im->keys[i].name + len + 1,
                              im->keys[i].value))
            return -1;
    return 0;
}

/* How the slot passes from Debezium to relais. */
static int put_takeover(const struct import *im, struct relais_buf *out)
{
    static const char outbox[] =
        "; Passage de témoin, rien de perdu, rien d'envoyé deux fois :\n"
        ";  1. arrêter le connecteur Connect (PUT /connectors/NOM/stop), slot gardé ;\n"
        ";  2. GET /connectors/NOM/offsets, dans offsets.json : Debezium a publié plus\n"
        ";     que ce qu'il a confirmé au slot, d'une transaction au moins ;\n"
        ";  3. SELECT active, plugin, confirmed_flush_lsn FROM pg_replication_slots\n"
        ";     WHERE slot_name = '%s' : inactif, pgoutput ;\n"
        ";  4. compléter ce fichier : schema, ou routes, et ce qui reste à écrire ;\n"
        ";  5. relais slot takeover FICHIER.ini --offsets offsets.json\n"
        ";     --connecteur F, la configuration d'où vient ce fichier ;\n"
        ";  6. relais doctor, puis relais source : il commence où le slot en est, passe\n"
        ";     ce que Debezium a publié, et l'id d'un événement est celui de la ligne.\n";
    static const char tables[] =
        "; Passage de témoin. Au premier départ relais lit et publie tous les objets de "
        "la\n"
        "; correspondance, puis suit le slot. Les événements sont ceux du contrat, sous\n"
        "; leurs propres identifiants : rien ne les rapproche de ceux de Debezium.\n"
        ";  1. écrire schema et mapping ; la publication porte toutes les tables de la\n"
        ";     correspondance ;\n"
        ";  2. ALTER TABLE … REPLICA IDENTITY FULL pour les tables filles, sans quoi "
        "une\n"
        ";     ligne effacée ne dit plus à quel objet elle appartenait : relais refuse "
        "de\n"
        ";     partir, ou l'accepte avec replica_identity = ignorer ;\n"
        ";  3. arrêter le connecteur Connect (PUT /connectors/NOM/stop), slot gardé ;\n"
        ";  4. SELECT active, plugin, confirmed_flush_lsn FROM pg_replication_slots\n"
        ";     WHERE slot_name = '%s' : inactif, pgoutput ;\n"
        ";  5. relais doctor, puis relais source.\n";
    const struct import_key *slot = import_key(im, "connector.slot");
    const char *name = slot ? slot->value : "…";

    return im->router ? relais_buf_printf(out, outbox, name)
                      : relais_buf_printf(out, tables, name);
}

/* What a person has to write into [connector] of a source. */
static int put_asked(const struct import *im, struct relais_buf *out)
{
    if (!import_key(im, "connector.slot") &&
        relais_buf_add_str(out, "; à écrire :\n; slot = \n"))
        return -1;
    if (im->router && !import_key(im, "connector.table") &&
        relais_buf_add_str(out, "; à écrire, si ce n'est pas celle-là :\n"
                                "; table = public.outbox\n"))
        return -1;
    return relais_buf_add_str(
        out, im->router ? "; à écrire, l'un ou l'autre :\n; schema = \n; routes = "
                          "paiement=EvenementPaiement\n"
                        : "; à écrire :\n; schema = \n; mapping = \n");
}

static int write_ini(const struct import *im, struct relais_buf *out)
{
    const char *name = !im->source  ? "sink_postgres"
                       : im->router ? "source_postgres_outbox"
                                    : "source_postgres_table";

    return (im->source && put_takeover(im, out)) ||
                   relais_buf_add_str(
                       out,
                       "[relais]\n; à écrire :\n; territory = dep93\n; instance = \n") ||
                   (im->source &&
                    relais_buf_add_str(out,
                                       "; source = urn:relais:\n; state = state\n")) ||
                   relais_buf_add_str(out,
                                      "\n[kafka]\n; à écrire :\n; bootstrap.servers = \n"
                                      "\n[registry]\n") ||
                   (import_key(im, "registry.url")
                        ? put_keys(im, "registry", out)
                        : relais_buf_add_str(out, "; à écrire :\n; url = \n")) ||
                   relais_buf_add_str(out, "\n[keys]\n; à écrire :\n; file = \n") ||
                   relais_buf_printf(out, "\n[connector]\nname = %s\n", name) ||
                   (im->dsn.len && relais_buf_printf(out, "dsn = %s\n", im->dsn.data)) ||
                   put_keys(im, "connector", out) || (im->source && put_asked(im, out)) ||
                   (!im->source &&
                    relais_buf_add_str(out, import_key(im, "sink.topics")
                                                ? "\n[sink]\n"
                                                : "\n[sink]\n; à écrire :\n; topics = "
                                                  "dep93.payments.v1\n")) ||
                   put_keys(im, "sink", out)
               ? -1
               : 0;
}

static int import(struct import *im, const char *path, struct relais_error *err)
{
    struct relais_buf text = RELAIS_BUF_INIT(TEXT_MAX), out = RELAIS_BUF_INIT(INI_MAX);
    int rc = schema_read_file(path, &text, err);

    if (!rc && import_read(relais_buf_slice(&text), &im->arena, &im->props, err)) {
        schema_error_in(path, err);
        rc = -1;
    }
    if (!rc)
        rc = choose(im, err);
    if (!rc) {
        fill(im);
        rc = write_ini(im, &out) ? relais_error_set(err, RELAIS_E_LIMIT, path, "too long")
                                 : 0;
    }
    if (!rc && (fwrite(out.data, 1, out.len, stdout) != out.len || fflush(stdout)))
        rc = relais_error_set(err, RELAIS_E_IO, "stdout", "%s", strerror(errno));
    if (!rc)
        fprintf(stderr, "%zu reprises, %zu sans équivalent, %zu à décider\n",
                im->fate[IMPORT_TAKEN], im->fate[IMPORT_LEFT], im->fate[IMPORT_OPEN]);
    if (text.data)
        relais_cleanse(text.data, text.len);
    relais_buf_release(&text);
    relais_buf_release(&out);
    return rc;
}

static int run(struct cli *cli)
{
    struct relais_error err = RELAIS_ERROR_INIT;
    struct import *im;
    int rc;

    if (strcmp(cli->args[0], "connect") != 0) {
        relais_error_set(&err, RELAIS_E_USAGE, "import", "connect FICHIER est attendu");
        return cli_fail(cli, &err);
    }
    im = relais_zalloc(sizeof(*im));
    im->arena = (struct relais_arena)RELAIS_ARENA_INIT(ARENA_MAX);
    im->dsn = (struct relais_buf)RELAIS_BUF_INIT(4000);
    rc = import(im, cli->args[1], &err);
    relais_buf_release(&im->dsn);
    relais_arena_release(&im->arena);
    free(im);
    return rc ? cli_fail(cli, &err) : 0;
}

static const struct cli_option options[] = {
    {.name = NULL},
};

const struct cli_command cli_import = {
    .name = "import",
    .arguments = "connect FICHIER",
    .summary = "Fait d'une configuration Kafka Connect un fichier INI",
    .text =
        "Lit la configuration JSON d'un connecteur ({\"name\",\"config\"} ou la config "
        "seule) ou\n"
        "des lignes clé = valeur : Debezium pour PostgreSQL avec EventRouter (outbox), "
        "ou un\n"
        "puits JDBC vers PostgreSQL. L'INI va sur la sortie standard ; sur l'erreur "
        "standard,\n"
        "une ligne par propriété : reprise, sans équivalent, ou à décider. Un mot de "
        "passe\n"
        "n'est jamais écrit. « - » : l'entrée standard.\n\n"
        "Exemple : relais import connect outbox.json >source.ini\n",
    .options = options,
    .arg_min = 2,
    .arg_max = 2,
    .run = run,
};
