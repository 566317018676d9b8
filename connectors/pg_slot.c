#include "connectors/pg_slot.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define FIRST_WORD "relais-origine-1"

int pg_slot_init(struct pg_slot *s, const struct relais_conf *conf,
                 struct relais_error *err)
{
    const char *name = relais_conf_text(conf, "connector", "slot");
    const char *publication = relais_conf_text(conf, "connector", "publication");
    int n = name ? snprintf(s->name, sizeof(s->name), "%s", name)
                 : snprintf(s->name, sizeof(s->name), "relais_%s_%s",
                            relais_conf_text(conf, "relais", "territory"),
                            relais_conf_text(conf, "relais", "instance"));

    if (n >= (int)sizeof(s->name) || s->name[strspn(s->name, "abcdefghijklmnopqrstuvwxyz"
                                                             "0123456789_")])
        return relais_error_set(err, RELAIS_E_CONF_VALUE, "connector.slot",
                                "a slot is named by 1 to 63 of a-z, 0-9 and _: %.80s",
                                s->name);
    if (snprintf(s->publication, sizeof(s->publication), "%s",
                 publication ? publication : s->name) >= (int)sizeof(s->publication))
        return relais_error_set(err, RELAIS_E_CONF_VALUE, "connector.publication",
                                "longer than 63 bytes");
    if (snprintf(s->origin_path, sizeof(s->origin_path), "%s/origine.%s",
                 relais_conf_text(conf, "relais", "state"),
                 s->name) >= (int)sizeof(s->origin_path))
        return relais_error_set(err, RELAIS_E_CONF_VALUE, "[relais] state",
                                "too long a path");
    return 0;
}

static uint64_t number(PGresult *r, int column)
{
    return PQgetisnull(r, 0, column) ? 0 : strtoull(PQgetvalue(r, 0, column), NULL, 10);
}

int pg_slot_look(const struct pg_slot *s, struct pg_conn *c, struct pg_slot_state *out,
                 struct relais_error *err)
{
    static const char sql[] =
        "WITH here AS (SELECT CASE WHEN pg_is_in_recovery() THEN "
        "pg_last_wal_replay_lsn() ELSE pg_current_wal_flush_lsn() END AS lsn) "
        "SELECT slot_name IS NOT NULL, coalesce(active, false), "
        "coalesce(slot_type = 'logical' AND plugin = 'pgoutput' AND database = "
        "current_database(), false), EXISTS (SELECT FROM pg_publication WHERE pubname = "
        "$2), coalesce(plugin, slot_type, ''), coalesce(database, ''), "
        "coalesce(wal_status, ''), confirmed_flush_lsn - '0/0', here.lsn - '0/0', "
        "here.lsn - restart_lsn, coalesce(safe_wal_size, -1) "
        "FROM here LEFT JOIN pg_replication_slots ON slot_name = $1";
    const char *params[] = {s->name, s->publication};
    PGresult *r = pg_conn_exec(c, "connector.slot", sql, params, 2, err);

    memset(out, 0, sizeof(*out));
    if (!r)
        return -1;
    out->exists = PQgetvalue(r, 0, 0)[0] == 't';
    out->active = PQgetvalue(r, 0, 1)[0] == 't';
    out->ours = PQgetvalue(r, 0, 2)[0] == 't';
    out->published = PQgetvalue(r, 0, 3)[0] == 't';
    snprintf(out->plugin, sizeof(out->plugin), "%.63s", PQgetvalue(r, 0, 4));
    snprintf(out->database, sizeof(out->database), "%.63s", PQgetvalue(r, 0, 5));
    snprintf(out->wal_status, sizeof(out->wal_status), "%.15s", PQgetvalue(r, 0, 6));
    out->confirmed = number(r, 7);
    out->server = number(r, 8);
    out->retained = (int64_t)number(r, 9);
    out->safe = strtoll(PQgetvalue(r, 0, 10), NULL, 10);
    PQclear(r);
    return 0;
}

/* ---- the server ----------------------------------------------------------------------
 */

/* system_out "": nothing is known. */
static int read_origin(const struct pg_slot *s, char system_out[32], uint64_t *lsn_out,
                       struct relais_error *err)
{
    char text[128], *rest = text, *word;
    int fd = open(s->origin_path, O_RDONLY | O_CLOEXEC);
    ssize_t n;

    system_out[0] = '\0';
    *lsn_out = 0;
    if (fd < 0 && errno == ENOENT)
        return 0;
    n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
    if (fd >= 0)
        close(fd);
    if (n < 0)
        return relais_error_set(err, RELAIS_E_IO, "origine", "read: %s", strerror(errno));
    text[n] = '\0';
    if ((word = strsep(&rest, " \n")) && strcmp(word, FIRST_WORD) == 0 &&
        (word = strsep(&rest, " \n")) && *word && strlen(word) < 32 && rest) {
        snprintf(system_out, 32, "%s", word);
        *lsn_out = strtoull(rest, NULL, 16);
        return 0;
    }
    return relais_error_set(err, RELAIS_E_STATE_BROKEN, "origine",
                            "%.120s is not a file of ours", s->origin_path);
}

static int write_origin(const struct pg_slot *s, const char *system, uint64_t lsn,
                        struct relais_error *err)
{
    char text[128], temporary[4200];
    int len = snprintf(text, sizeof(text), FIRST_WORD " %s %" PRIX64 "\n", system, lsn),
        fd;
    bool done;

    snprintf(temporary, sizeof(temporary), "%s.part", s->origin_path);
    fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    done = fd >= 0 && write(fd, text, (size_t)len) == len && fsync(fd) == 0;
    if (fd >= 0)
        close(fd);
    if (done && rename(temporary, s->origin_path) == 0)
        return 0;
    return relais_error_set(err, errno == ENOSPC ? RELAIS_E_DISK_FULL : RELAIS_E_IO,
                            "origine", "write: %s", strerror(errno));
}

int pg_slot_forget(const struct pg_slot *s, struct relais_error *err)
{
    if (unlink(s->origin_path) == 0 || errno == ENOENT)
        return 0;
    return relais_error_set(err, RELAIS_E_IO, "origine", "%s", strerror(errno));
}

/* known_out: the furthest position that was confirmed. */
static int verify_origin(const struct pg_slot *s, struct pg_conn *c,
                         const struct pg_slot_state *state, char system_out[32],
                         uint64_t *known_out, struct relais_error *err)
{
    char known[32];
    PGresult *r;

    if (read_origin(s, known, known_out, err))
        return -1;
    r = pg_conn_exec(c, "connector.dsn",
                     "SELECT system_identifier FROM pg_control_system()", NULL, 0, err);
    if (!r)
        return -1;
    snprintf(system_out, 32, "%.31s", PQgetvalue(r, 0, 0));
    PQclear(r);
    if (*known && strcmp(known, system_out) != 0)
        return relais_error_set(err, RELAIS_E_SLOT_ORIGIN, s->name,
                                "another server than before: changes may be missing. "
                                "Give the slot another name, then relais slot create and "
                                "resnapshot");
    if (state->server < *known_out)
        return relais_error_set(err, RELAIS_E_SLOT_ORIGIN, s->name,
                                "the server's log went back (a restored backup): give "
                                "the slot another name, then relais slot create and "
                                "resnapshot");
    return 0;
}

static int verify(const struct pg_slot *s, struct pg_conn *c, struct pg_slot_state *out,
                  char system_out[32], uint64_t *known_out, struct relais_error *err)
{
    if (pg_slot_look(s, c, out, err))
        return -1;
    if (!out->exists)
        return relais_error_set(
            err, RELAIS_E_SLOT_MISSING, s->name,
            "the slot does not exist. First start: relais slot create "
            "FILE.ini. Dropped, or a standby was promoted: create, "
            "then relais slot resnapshot");
    if (!out->ours)
        return relais_error_set(err, RELAIS_E_SLOT_FOREIGN, s->name,
                                "a slot of %.40s, database %.40s: choose another name",
                                out->plugin, out->database);
    if (strcmp(out->wal_status, "lost") == 0)
        return relais_error_set(err, RELAIS_E_SLOT_LOST, s->name,
                                "the server removed WAL that was not read: changes are "
                                "missing. relais slot drop, create, resnapshot");
    if (!out->published)
        return relais_error_set(err, RELAIS_E_PUBLICATION, s->publication,
                                "the publication does not exist: CREATE PUBLICATION "
                                "%.63s FOR TABLE ...",
                                s->publication);
    return verify_origin(s, c, out, system_out, known_out, err);
}

int pg_slot_verify(const struct pg_slot *s, struct pg_conn *c, struct pg_slot_state *out,
                   struct relais_error *err)
{
    char system[32];
    uint64_t known;

    return verify(s, c, out, system, &known, err);
}

int pg_slot_check(const struct pg_slot *s, struct pg_conn *c, struct pg_slot_state *out,
                  struct relais_error *err)
{
    char system[32];
    uint64_t known;

    if (verify(s, c, out, system, &known, err))
        return -1;
    return write_origin(s, system, out->confirmed > known ? out->confirmed : known, err);
}

/* ---- administration ------------------------------------------------------------------
 */

int pg_slot_create(const struct pg_slot *s, struct pg_conn *c, struct relais_error *err)
{
    const char *params[] = {s->name};
    PGresult *r =
        pg_conn_exec(c, "connector.slot",
                     pg_conn_version(c) >= 170000
                         ? "SELECT pg_create_logical_replication_slot($1, 'pgoutput', "
                           "failover => true)"
                         : "SELECT pg_create_logical_replication_slot($1, 'pgoutput')",
                     params, 1, err);

    PQclear(r);
    return r ? 0 : -1;
}

int pg_slot_drop(const struct pg_slot *s, struct pg_conn *c, struct relais_error *err)
{
    const char *params[] = {s->name};
    PGresult *r = pg_conn_exec(c, "connector.slot", "SELECT pg_drop_replication_slot($1)",
                               params, 1, err);

    PQclear(r);
    return r ? 0 : -1;
}

int pg_slot_advance(const struct pg_slot *s, struct pg_conn *c, const char *lsn,
                    struct relais_error *err)
{
    const char *params[] = {s->name, lsn};
    PGresult *r = pg_conn_exec(c, "connector.slot",
                               "SELECT pg_replication_slot_advance($1, $2::pg_lsn)",
                               params, 2, err);

    PQclear(r);
    return r ? 0 : -1;
}
