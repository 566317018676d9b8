/* relais slot takeover: what Debezium had published beyond what its slot was told. It
 * confirms a position only once a later change has come by, so that the last transaction
 * before a stop, at least, would come again. */
#include "cli/import.h"
#include "cli/schema.h"
#include "cli/slot.h"
#include "core/crypto.h"
#include "core/value.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define OFFSETS_MAX (1u << 20)
#define SERVER_MAX  256

/* A member that is a whole number from 0 on; *out: 0 where there is none. */
static int read_number(const struct relais_value *offset, const char *name, uint64_t *out,
                       struct relais_error *err)
{
    const struct relais_value *v = relais_value_get(offset, name);

    *out = 0;
    if (!v || v->kind == RELAIS_VALUE_NULL)
        return 0;
    if (v->kind != RELAIS_VALUE_LONG || v->number < 0)
        return relais_error_set(err, RELAIS_E_USAGE, name, "un nombre est attendu");
    *out = (uint64_t)v->number;
    return 0;
}

static bool is_true(const struct relais_value *offset, const char *name)
{
    const struct relais_value *v = relais_value_get(offset, name);

    return v && v->kind == RELAIS_VALUE_BOOL && v->boolean;
}

/* {"offsets": [{"partition": …, "offset": {…}}]}, or the offset alone; NULL: neither. */
static const struct relais_value *find_offset(const struct relais_value *root)
{
    const struct relais_value *offset = root, *list = relais_value_get(root, "offsets");

    if (list)
        offset = list->kind == RELAIS_VALUE_ARRAY && list->count == 1 &&
                         list->child->kind == RELAIS_VALUE_RECORD
                     ? relais_value_get(list->child, "offset")
                     : NULL;
    return offset && offset->kind == RELAIS_VALUE_RECORD &&
                   relais_value_get(offset, "lsn")
               ? offset
               : NULL;
}

/* Whose they are: Debezium's topic.prefix; "": the file does not say. */
static void read_server(const struct relais_value *root, char out[SERVER_MAX])
{
    const struct relais_value *list = relais_value_get(root, "offsets"), *partition;

    partition = list && list->child ? relais_value_get(list->child, "partition") : NULL;
    relais_slice_copy(relais_value_text(partition, "server"), out, SERVER_MAX);
}

static int read_offset(const struct relais_value *root, struct pg_published *out,
                       struct relais_error *err)
{
    const struct relais_value *offset = NULL, *list, *snapshot;
    uint64_t xid;

    if (root->kind == RELAIS_VALUE_RECORD) {
        list = relais_value_get(root, "offsets");
        if (list && list->kind == RELAIS_VALUE_ARRAY && !list->count)
            return 0; /* nothing was published */
        offset = find_offset(root);
    }
    if (!offset)
        return relais_error_set(err, RELAIS_E_USAGE, "offsets",
                                "attendu : ce que répond GET /connectors/NOM/offsets, "
                                "d'un connecteur PostgreSQL de Debezium");
    snapshot = relais_value_get(offset, "snapshot");
    if (snapshot && snapshot->kind != RELAIS_VALUE_NULL &&
        (snapshot->kind != RELAIS_VALUE_BOOL || snapshot->boolean) &&
        !is_true(offset, "last_snapshot_record") &&
        !is_true(offset, "snapshot_completed"))
        return relais_error_set(err, RELAIS_E_USAGE, "offsets",
                                "le premier chargement de Debezium n'est pas achevé");
    if (read_number(offset, "lsn_commit", &out->commit_lsn, err) ||
        read_number(offset, "lsn", &out->lsn, err) ||
        read_number(offset, "txId", &xid, err))
        return -1;
    out->xid = (uint32_t)xid;
    return 0;
}

static int read_file(const char *path, struct pg_published *out, char server[SERVER_MAX],
                     struct relais_error *err)
{
    struct relais_buf text = RELAIS_BUF_INIT(OFFSETS_MAX);
    struct relais_arena arena = RELAIS_ARENA_INIT(OFFSETS_MAX * 4);
    const struct relais_value *root = NULL;
    int rc = schema_read_file(path, &text, err);

    if (!rc) {
        root = relais_value_parse(&arena, relais_buf_slice(&text), err);
        rc = root ? read_offset(root, out, err) : -1;
        if (rc)
            schema_error_in(path, err);
        else
            read_server(root, server);
    }
    relais_buf_release(&text);
    relais_arena_release(&arena);
    return rc;
}

/* The first of these properties that is given must be `want`; none is: `by_default` is.
 */
static int check_is(const struct import_props *props, const char *name, const char *old,
                    const char *by_default, const char *want, struct relais_error *err)
{
    const struct import_prop *given = import_find(props, name);

    if (!given)
        given = import_find(props, old);
    if (relais_slice_is(given ? given->value : relais_slice_str(by_default), want))
        return 0;
    return relais_error_set(err, RELAIS_E_USAGE, name,
                            "n'est pas %.100s : d'un autre connecteur", want);
}

static int check_props(const struct import_props *props, const char *server,
                       const char *slot, struct relais_error *err)
{
    if (server && !server[0])
        return relais_error_set(err, RELAIS_E_USAGE, "offsets",
                                "le fichier ne dit pas de quel connecteur ils sont");
    return (server &&
            check_is(props, "topic.prefix", "database.server.name", "", server, err)) ||
                   check_is(props, "slot.name", "slot.name", "debezium", slot, err)
               ? -1
               : 0;
}

/* path: the connector's configuration, where a password may be. server: whose the offsets
 * are; NULL: there are none. */
static int check_connector(const char *path, const char *server, const char *slot,
                           struct relais_error *err)
{
    struct relais_buf text = RELAIS_BUF_INIT(OFFSETS_MAX);
    struct relais_arena arena = RELAIS_ARENA_INIT(OFFSETS_MAX * 4);
    struct import_props *props = relais_zalloc(sizeof(*props));
    int rc = schema_read_file(path, &text, err);

    if (!rc && (import_read(relais_buf_slice(&text), &arena, props, err) ||
                check_props(props, server, slot, err))) {
        schema_error_in(path, err);
        rc = -1;
    }
    for (size_t i = 0; i < props->count; i++)
        relais_cleanse((void *)(uintptr_t)props->at[i].value.ptr, props->at[i].value.len);
    if (text.data)
        relais_cleanse(text.data, text.len);
    relais_buf_release(&text);
    relais_arena_release(&arena);
    free(props);
    return rc;
}

/* Offsets of another connector would pass over rows that nobody published: whose they
 * are, and positions far beyond the slot's, are for a person to see. */
static void tell(const struct pg_published *before, const char *server,
                 const struct pg_slot_state *state)
{
    uint64_t end = before->commit_lsn > before->lsn ? before->commit_lsn : before->lsn;

    if (!end)
        printf("aucun offset : Debezium n'a rien publié que relais doive passer\n");
    else
        printf("publié par Debezium%s%s jusqu'à %" PRIX64 "/%08" PRIX64
               ", confirmé au slot %" PRIX64 "/%08" PRIX64 " : %" PRIu64
               " octets de journal à passer\n",
               server[0] ? ", topic.prefix " : "", server, end >> 32, end & UINT32_MAX,
               state->confirmed >> 32, state->confirmed & UINT32_MAX,
               end > state->confirmed ? end - state->confirmed : 0);
}

/* Where a standby became the server after what the slot was told, no offset says whether
 * it is of before: rows that came since could stand where lost ones were published. */
static int check_promotion(const struct pg_slot *s, const struct pg_published *before,
                           const struct pg_slot_state *state, struct relais_error *err)
{
    uint64_t began;

    if (pg_origin_began(&s->origin, s->conf, &began, err))
        return -1;
    if (began <= state->confirmed ||
        (began >= before->commit_lsn && began >= before->lsn))
        return 0;
    return relais_error_set(err, RELAIS_E_USAGE, "offsets",
                            "un serveur de secours a pris la suite à %" PRIX64
                            "/%08" PRIX64 ", après ce qui fut confirmé au slot : partir "
                            "sans takeover, ce qui suit le slot est publié encore",
                            began >> 32, began & UINT32_MAX);
}

int slot_takeover(struct cli *cli, struct pg_slot *s, struct pg_conn *c,
                  struct relais_error *err)
{
    const char *path = cli_value(cli, "offsets");
    const char *connector = cli_value(cli, "connecteur");
    const char *dir = relais_conf_text(s->conf, "relais", "state");
    struct pg_published before = {0};
    struct pg_slot_state state;
    char server[SERVER_MAX] = "";

    if (!path)
        return relais_error_set(err, RELAIS_E_USAGE, "slot",
                                "takeover --offsets FICHIER : ce que répond GET "
                                "/connectors/NOM/offsets, le connecteur arrêté");
    if (relais_conf_text(s->conf, "connector", "mapping"))
        return relais_error_set(err, RELAIS_E_USAGE, "slot",
                                "d'une outbox seulement : des tables, relais publie "
                                "d'abord tous les objets");
    if (read_file(path, &before, server, err) ||
        (connector &&
         check_connector(connector, before.lsn || before.commit_lsn ? server : NULL,
                         s->name, err)) ||
        pg_slot_check(s, c, &state, err))
        return -1;
    if (state.active)
        return relais_error_set(err, RELAIS_E_USAGE, "slot",
                                "le slot est lu en ce moment : arrêter d'abord Debezium");
    if (before.lsn > state.server || before.commit_lsn > state.server)
        return relais_error_set(err, RELAIS_E_USAGE, "offsets",
                                "au-delà du journal de ce serveur : d'un autre serveur");
    if (check_promotion(s, &before, &state, err))
        return -1;
    s->origin.before = before;
    if (mkdir(dir, 0700) && errno != EEXIST)
        return relais_error_set(err, RELAIS_E_IO, dir, "%s", strerror(errno));
    if (pg_origin_write(&s->origin, err))
        return -1;
    tell(&before, server, &state);
    return 0;
}
