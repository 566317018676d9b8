/* relais slot: the replication slot of a PostgreSQL source. */
#include "cli/commands.h"
#include "cli/slot.h"
#include "connectors/pg_progress.h"
#include "producers/depot.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SQL_MAX 16384

/* Also within quotes of SQL: no apostrophe. */
static const char written_since[] =
    "des lignes ont été écrites depuis que le slot est fait : arrêter les applications, "
    "puis relais slot drop --oui, create, resnapshot";

static const char facts_missing[] =
    "des faits ne se relisent pas : insérer à nouveau les lignes qui manquent";

static void print_lsn(const char *what, uint64_t lsn)
{
    printf("%s %" PRIX64 "/%08" PRIX64, what, lsn >> 32, lsn & UINT32_MAX);
}

static int status(struct cli *cli, struct pg_slot *s, struct pg_conn *c,
                  struct relais_error *err)
{
    struct pg_slot_state state;

    if (pg_slot_look(s, c, &state, err))
        return -1;
    printf("slot %s : %s\n", s->name,
           !state.exists  ? "absent"
           : !state.ours  ? "d'un autre usage"
           : state.active ? "lu en ce moment"
                          : "libre");
    printf("publication %s : %s\n", s->publication,
           state.published ? "présente" : "absente");
    for (size_t i = 0; i < s->table_count; i++)
        printf("table %s.%s\n", s->tables[i].schema, s->tables[i].name);
    if (state.exists) {
        print_lsn("confirmé", state.confirmed);
        print_lsn(", serveur", state.server);
        printf("\nWAL retenu : %" PRId64 " octets (%s)\n", state.retained,
               state.wal_status);
        if (state.safe >= 0)
            printf("avant perte du slot : %" PRId64 " octets\n", state.safe);
    }
    return pg_slot_check(s, c, &state, err);
}

/* ---- create -------------------------------------------------------------------------
 */

/* A slot gives what was written after its beginning, and the publication must have been
 * there then: it comes first. */
static int need_publication(struct cli *cli, struct pg_slot *s, struct pg_conn *c,
                            struct relais_error *err)
{
    struct relais_buf sql = RELAIS_BUF_INIT(SQL_MAX);
    int wanted = pg_slot_publication_sql(s, c, &sql, err);
    int rc = wanted < 0 ? -1 : 0;

    /* what it publishes, and then which tables */
    for (int i = 0; i < 2 && wanted > 0 && cli_value(cli, "publication"); i++) {
        wanted = -1;
        rc = pg_conn_run(c, "connector.publication", sql.data, err);
        relais_buf_clear(&sql);
        if (rc == 0)
            rc = wanted = pg_slot_publication_sql(s, c, &sql, err);
    }
    rc = rc < 0 ? -1 : 0;
    if (wanted > 0) {
        printf("à passer d'abord, par le propriétaire des tables (ou --publication) :\n"
               "  %s;\n",
               sql.data);
        rc = relais_error_set(err, RELAIS_E_PUBLICATION, s->publication,
                              "la publication ne convient pas");
    }
    relais_buf_release(&sql);
    return rc;
}

static int need_replication(struct pg_conn *c, struct relais_error *err)
{
    PGresult *r =
        pg_conn_exec(c, "connector.dsn",
                     "SELECT rolreplication OR rolsuper, quote_ident(rolname), "
                     "current_setting('wal_level') FROM pg_roles WHERE rolname = "
                     "current_user",
                     NULL, 0, err);
    int rc = 0;

    if (!r)
        return -1;
    if (strcmp(PQgetvalue(r, 0, 2), "logical") != 0)
        rc = relais_error_set(err, RELAIS_E_PG_SCHEMA, "connector.dsn",
                              "wal_level = %s : ALTER SYSTEM SET wal_level = logical, "
                              "puis redémarrer le serveur",
                              PQgetvalue(r, 0, 2));
    else if (PQgetvalue(r, 0, 0)[0] != 't')
        rc = relais_error_set(err, RELAIS_E_PG_RIGHTS, "connector.dsn",
                              "ALTER ROLE %s REPLICATION", PQgetvalue(r, 0, 1));
    PQclear(r);
    return rc;
}

/* No slot of that name, and room for one more. */
static int need_room(const struct pg_slot *s, struct pg_conn *c, struct relais_error *err)
{
    struct pg_slot_state state;
    PGresult *r;
    int rc = 0;

    if (pg_slot_look(s, c, &state, err))
        return -1;
    if (state.exists)
        return relais_error_set(
            err, RELAIS_E_USAGE, s->name, "%s",
            state.ours ? "ce slot existe déjà : relais slot status dit où il en est ; "
                         "pour un neuf, drop --oui puis create"
                       : "un slot de ce nom existe déjà, d'un autre usage : choisir un "
                         "autre nom (clé slot)");
    r = pg_conn_exec(c, "connector.slot",
                     "SELECT current_setting('max_replication_slots') FROM "
                     "pg_replication_slots HAVING count(*) >= "
                     "current_setting('max_replication_slots')::int",
                     NULL, 0, err);
    if (!r)
        return -1;
    if (PQntuples(r))
        rc = relais_error_set(
            err, RELAIS_E_PG_SCHEMA, "connector.slot",
            "aucun slot libre, max_replication_slots = %s : en effacer un qui ne sert "
            "plus (pg_replication_slots), ou ALTER SYSTEM, puis redémarrer le serveur",
            PQgetvalue(r, 0, 0));
    PQclear(r);
    return rc;
}

/* What changed before a slot was made never comes by it: objects that were published from
 * another are read again. */
static int load_again(const struct pg_slot *s, struct pg_conn *c, bool only_if_loaded,
                      struct relais_error *err)
{
    char path[PATH_MAX], position[64];
    struct pg_progress progress;
    struct pg_slot_state state;
    uint64_t lsn;

    if (snprintf(path, sizeof(path), "%s/chargement.%s",
                 relais_conf_text(s->conf, "relais", "state"),
                 s->name) >= (int)sizeof(path))
        return relais_error_set(err, RELAIS_E_CONF_VALUE, "[relais] state",
                                "chemin trop long");
    if (only_if_loaded && access(path, F_OK) && errno == ENOENT)
        return 0;
    if (relais_depot_position(s->conf, s->name, position, err) ||
        pg_progress_read(path, &progress, err) || pg_slot_look(s, c, &state, err))
        return -1;
    lsn = strtoull(position, NULL, 16); /* up to the first `/` */
    if (lsn > state.server || progress.lsn > state.server + 1)
        return relais_error_set(err, RELAIS_E_SLOT_ORIGIN, s->name,
                                "le journal du serveur est revenu en arrière : donner au "
                                "slot un autre nom, create, puis resnapshot");
    /* of that load, LSN/0/epoch/n: the next epoch comes behind it, and the server's log
     * may have gone no further */
    if (lsn && lsn == progress.lsn && strstr(position, "/0/") == strchr(position, '/'))
        lsn--;
    if (pg_progress_again(path, lsn, err))
        return -1;
    printf("%s : %s\n", s->name,
           s->changes ? "tous les objets seront relus au prochain départ"
                      : facts_missing);
    return 0;
}

static int create(struct cli *cli, struct pg_slot *s, struct pg_conn *c,
                  struct relais_error *err)
{
    if (need_replication(c, err) || need_publication(cli, s, c, err) ||
        need_room(s, c, err) || pg_slot_create(s, c, err))
        return -1;
    return relais_conf_text(s->conf, "connector", "mapping") ? load_again(s, c, true, err)
                                                             : 0;
}

/* ---- what loses something ------------------------------------------------------------
 */

/* One that is there is relais'. */
static int need_ours(const struct pg_slot *s, struct pg_conn *c,
                     struct pg_slot_state *out, struct relais_error *err)
{
    if (pg_slot_look(s, c, out, err))
        return -1;
    if (!out->exists || out->ours)
        return 0;
    return relais_error_set(err, RELAIS_E_SLOT_FOREIGN, s->name,
                            "slot de %.40s, base %.40s : pas de relais, pas touché",
                            out->plugin, out->database[0] ? out->database : "aucune");
}

static int drop(struct cli *cli, struct pg_slot *s, struct pg_conn *c,
                struct relais_error *err)
{
    struct pg_slot_state state;

    if (!cli_value(cli, "oui"))
        return relais_error_set(err, RELAIS_E_USAGE, "slot",
                                "ce qui n'a pas été lu avant la suppression du slot "
                                "n'arrivera jamais ; le redire avec --oui");
    return need_ours(s, c, &state, err) ? -1 : pg_slot_drop(s, c, err);
}

static const char *missing_remedy(const struct pg_slot *s)
{
    if (!relais_conf_text(s->conf, "connector", "mapping"))
        return "les lignes d'une outbox encore là : drop --oui, create, puis resnapshot";
    return s->changes ? "relais slot resnapshot, et tous les objets seront relus"
                      : facts_missing;
}

static int advance(struct cli *cli, struct pg_slot *s, struct pg_conn *c,
                   struct relais_error *err)
{
    const char *to = cli_value(cli, "vers");
    struct pg_slot_state state;
    uint64_t lsn;

    if (!to || !pg_lsn_parse(to, &lsn))
        return relais_error_set(err, RELAIS_E_USAGE, "slot",
                                "advance --vers LSN : %s (confirmé à %" PRIX64
                                "/%08" PRIX64 " ; une position s'écrit comme cela)",
                                to ? "ce n'en est pas une" : "jusqu'où",
                                s->origin.lsn >> 32, s->origin.lsn & UINT32_MAX);
    if (lsn > s->origin.lsn && !cli_value(cli, "force"))
        return relais_error_set(err, RELAIS_E_USAGE, "slot",
                                "Kafka n'a acquitté que jusqu'à %" PRIX64 "/%08" PRIX64
                                " : la suite serait perdue ; --force pour l'abandonner",
                                s->origin.lsn >> 32, s->origin.lsn & UINT32_MAX);
    if (need_ours(s, c, &state, err))
        return -1;
    if (lsn > state.server)
        return relais_error_set(err, RELAIS_E_USAGE, "slot",
                                "le serveur n'a écrit que jusqu'à %" PRIX64 "/%08" PRIX64,
                                state.server >> 32, state.server & UINT32_MAX);
    if (pg_slot_advance(s, c, to, err))
        return -1;
    if (lsn > s->origin.lsn)
        printf("%s : ce que Kafka n'a pas acquitté jusque-là ne viendra pas ; %s\n",
               s->name, missing_remedy(s));
    return 0;
}

/* Rows that are given again must come before all that the slot gives: it is made, nobody
 * has read from it, and it has nothing to give yet. xid_out: whoever has this one or a
 * later one may have written since. */
static int need_unread(const struct pg_slot *s, struct pg_conn *c, char xid_out[24],
                       struct relais_error *err)
{
    const char *params[] = {s->name, s->publication};
    struct pg_slot_state state;
    PGresult *r;
    int given;

    if (pg_slot_look(s, c, &state, err))
        return -1;
    if (!state.exists || !state.ours || state.active || state.confirmed <= s->origin.lsn)
        return relais_error_set(
            err, RELAIS_E_USAGE, "slot",
            "d'abord un slot neuf, que la source n'a pas lu : drop --oui, "
            "create, puis resnapshot avant de la relancer");
    r = pg_conn_exec(c, "connector.slot",
                     "SELECT pg_snapshot_xmin(pg_current_snapshot())::text::int8 % "
                     "4294967296",
                     NULL, 0, err);
    if (!r)
        return -1;
    snprintf(xid_out, 24, "%s", PQgetvalue(r, 0, 0));
    PQclear(r);
    /* a row inserted, in pgoutput's words */
    r = pg_conn_exec(c, "connector.slot",
                     "SELECT FROM pg_logical_slot_peek_binary_changes($1, NULL, NULL, "
                     "'proto_version', '1', 'publication_names', quote_ident($2)) WHERE "
                     "get_byte(data, 0) = ascii('I') LIMIT 1",
                     params, 2, err);
    given = r ? PQntuples(r) : -1;
    PQclear(r);
    if (given <= 0)
        return given;
    return relais_error_set(err, RELAIS_E_USAGE, "slot", "%s", written_since);
}

/* An outbox has no state to read: rows that are still there are written once more, under
 * the same ids, by its owner. They bear a new time then, so that nothing may have been
 * written since the slot was made: the statement looks, and locks others out. */
static int print_again(struct cli *cli, struct pg_slot *s, struct pg_conn *c,
                       struct relais_error *err)
{
    const char *since = cli_value(cli, "depuis"), *order = cli_value(cli, "ordre");
    char xid[24];
    const char *params[] = {s->tables[0].schema, s->tables[0].name, xid};
    PGresult *r;

    if (!s->table_count)
        return relais_error_set(
            err, RELAIS_E_USAGE, "slot",
            "des messages (connector.prefix) ne se relisent pas : les "
            "émettre à nouveau, sous les mêmes id");
    if (need_unread(s, c, xid, err))
        return -1;
    r = pg_conn_exec(
        c, "outbox",
        "SELECT format('%I.%I', $1::text, $2::text), "
        "string_agg(quote_ident(attname), ', ' ORDER BY attnum), $3::text FROM "
        "pg_attribute WHERE attrelid = format('%I.%I', $1, $2)::regclass AND "
        "attnum > 0 AND NOT attisdropped AND attgenerated = ''",
        params, 3, err);
    if (!r)
        return -1;
    printf(
        "-- Une outbox n'a que les lignes qui y sont encore. À passer par son "
        "propriétaire,\n"
        "-- l'application arrêtée depuis relais slot create, la source pas encore "
        "relancée.\n"
        "-- Ce qu'une clé étrangère ON DELETE CASCADE lie à ces lignes serait effacé.\n"
        "%sBEGIN;\n"
        "LOCK TABLE %s IN SHARE ROW EXCLUSIVE MODE;\n"
        "DO $relais$ BEGIN\n"
        "  IF EXISTS (SELECT FROM %s WHERE age(xmin) <= age('%s'::xid)) THEN\n"
        "    RAISE EXCEPTION '%s';\n"
        "  END IF;\n"
        "END $relais$;\n"
        "WITH encore AS (DELETE FROM %s WHERE %s\n"
        "  RETURNING *)\n"
        "INSERT INTO %s (%s) OVERRIDING SYSTEM VALUE\n"
        "SELECT %s FROM encore ORDER BY %s\n"
        ";\n"
        "COMMIT;\n",
        since && order ? ""
                       : "-- --depuis : lesquelles manquent ; --ordre : dans quel ordre "
                         "elles furent écrites\n",
        PQgetvalue(r, 0, 0), PQgetvalue(r, 0, 0), PQgetvalue(r, 0, 2), written_since,
        PQgetvalue(r, 0, 0), since ? since : "…", PQgetvalue(r, 0, 0),
        PQgetvalue(r, 0, 1), PQgetvalue(r, 0, 1), order ? order : "…");
    PQclear(r);
    return 0;
}

/* The next start of a table source reads all objects again. */
static int resnapshot(struct cli *cli, struct pg_slot *s, struct pg_conn *c,
                      struct relais_error *err)
{
    struct pg_slot_state state;

    if (!relais_conf_text(s->conf, "connector", "mapping"))
        return print_again(cli, s, c, err);
    if (pg_slot_look(s, c, &state, err))
        return -1;
    if (state.active)
        return relais_error_set(
            err, RELAIS_E_USAGE, "slot",
            "le slot est lu en ce moment : arrêter d'abord la source");
    return load_again(s, c, false, err) || pg_origin_forget(&s->origin, err) ? -1 : 0;
}

/* ---- the command ---------------------------------------------------------------------
 */

static const struct verb {
    const char *name;
    int (*run)(struct cli *cli, struct pg_slot *s, struct pg_conn *c,
               struct relais_error *err);
    const char *done;
} verbs[] = {
    {"status", status, NULL},         {"create", create, "fait"},
    {"drop", drop, "effacé"},         {"advance", advance, "avancé"},
    {"resnapshot", resnapshot, NULL}, {"takeover", slot_takeover, "noté"},
};

static const struct verb *find_verb(const char *name, struct relais_error *err)
{
    for (size_t i = 0; i < sizeof(verbs) / sizeof(*verbs); i++)
        if (strcmp(verbs[i].name, name) == 0)
            return &verbs[i];
    relais_error_set(err, RELAIS_E_USAGE, "slot",
                     "status, create, drop, advance, resnapshot ou takeover, non '%.40s'",
                     name);
    return NULL;
}

static bool is_source(const struct relais_conf *conf)
{
    const struct relais_connector *connector =
        relais_connector_find(relais_conf_text(conf, "connector", "name"));

    return connector && connector->source && relais_conf_text(conf, "connector", "dsn");
}

static int run_slot(struct cli *cli)
{
    struct relais_error err = RELAIS_ERROR_INIT;
    const struct verb *verb = find_verb(cli->args[0], &err);
    struct relais_conf *conf = verb ? cli_conf(cli, cli->args[1], NULL, &err) : NULL;
    struct pg_conn *c = NULL;
    struct pg_slot s;

    if (!conf)
        goto out;
    if (!is_source(conf)) {
        relais_error_set(&err, RELAIS_E_CONF_VALUE, "connector.name",
                         "une source PostgreSQL est attendue");
        goto out;
    }
    if (pg_slot_init(&s, conf, &err) || !(c = pg_conn_open(conf, PG_USE_READ, &err)) ||
        pg_slot_read_tables(&s, c, &err) || verb->run(cli, &s, c, &err))
        goto out;
    if (verb->done)
        printf("%s : %s\n", s.name, verb->done);
out:
    pg_conn_close(c);
    relais_conf_free(conf);
    return err.code ? cli_fail(cli, &err) : 0;
}

static const struct cli_option options[] = {
    {.name = "publication", .doc = "create : faire aussi la publication, ou l'étendre"},
    {.name = "vers", .argument = "LSN", .doc = "advance : jusqu'à cette position"},
    {.name = "force", .doc = "advance : au-delà de ce que Kafka a acquitté"},
    {.name = "depuis",
     .argument = "SQL",
     .doc =
         "resnapshot d'une outbox : les lignes à redonner, \"cree_le > '2026-01-05'\""},
    {.name = "ordre",
     .argument = "SQL",
     .doc = "resnapshot d'une outbox : l'ordre où elles furent écrites, \"cree_le\""},
    {.name = "offsets",
     .argument = "FICHIER",
     .doc = "takeover : ce que répond GET /connectors/NOM/offsets"},
    {.name = "connecteur",
     .argument = "FICHIER",
     .doc = "takeover : la configuration de NOM, dont les offsets doivent être"},
    {.name = "oui", .doc = "drop : effacer, avec ce qui n'a pas été lu"},
    {.name = NULL},
};

const struct cli_command cli_slot = {
    .name = "slot",
    .arguments = "status|create|drop|advance|resnapshot|takeover FICHIER.ini",
    .summary = "Le slot de réplication d'une source PostgreSQL",
    .text =
        "status : ce qu'il retient, ce qui ne va pas, et la commande pour continuer.\n"
        "create : le fait, une fois la publication là ; dit le SQL qui manque.\n"
        "advance : renonce à ce qui précède une position.\n"
        "resnapshot : au prochain départ, source_postgres_table relit tous les "
        "objets ;\n"
        "             d'une outbox, le SQL qui redonne les lignes encore là.\n"
        "takeover : d'une outbox, ne republie pas ce que Debezium a publié sans le "
        "confirmer.\n",
    .options = options,
    .arg_min = 2,
    .arg_max = 2,
    .run = run_slot,
};
