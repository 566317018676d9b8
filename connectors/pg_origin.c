#include "connectors/pg_origin.h"

#include "connectors/pg_stream.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define FIRST_WORD "relais-origine-1"
#define TEXT_LEN   192

#define GO_ON "give the slot another name, then relais slot create; %s"

const char *pg_origin_remedy(const struct relais_conf *conf)
{
    return relais_conf_text(conf, "connector", "mapping")
               ? "then relais slot resnapshot"
               : "then relais slot resnapshot (it prints SQL)";
}

/* A whole number up to max. */
static bool number(const char *word, int base, uint64_t max, uint64_t *out)
{
    char *end;

    if (!word || !isxdigit((unsigned char)*word))
        return false;
    errno = 0;
    *out = strtoull(word, &end, base);
    return errno == 0 && end != word && !*end && *out <= max;
}

#define TABLE_WORD "table"

/* FIRST_WORD system LSN timeline [commit LSN, LSN, xid that were published before]
 * [TABLE_WORD OID LSN] */
static bool parse(char *text, struct pg_origin *o)
{
    char *first = strsep(&text, " \n"), *system = strsep(&text, " \n");
    char *lsn = strsep(&text, " \n"), *timeline = strsep(&text, " \n");
    char *table = text ? strstr(text, TABLE_WORD " ") : NULL;
    uint64_t n;

    if (table) {
        *table = '\0';
        table += sizeof(TABLE_WORD);
        if (!number(strsep(&table, " \n"), 10, UINT32_MAX, &n) ||
            !number(strsep(&table, " \n"), 16, UINT64_MAX, &o->table_lsn))
            return false;
        o->table_oid = (uint32_t)n;
    }
    if (!timeline || strcmp(first, FIRST_WORD) != 0 || !*system ||
        !number(lsn, 16, UINT64_MAX, &o->lsn) || !number(timeline, 10, UINT32_MAX, &n))
        return false;
    o->timeline = (uint32_t)n;
    if (text && *text &&
        (!number(strsep(&text, " \n"), 16, UINT64_MAX, &o->before.commit_lsn) ||
         !number(strsep(&text, " \n"), 16, UINT64_MAX, &o->before.lsn) ||
         !number(strsep(&text, " \n"), 10, UINT32_MAX, &n)))
        return false;
    o->before.xid = o->before.lsn ? (uint32_t)n : 0;
    return snprintf(o->system, sizeof(o->system), "%s", system) < (int)sizeof(o->system);
}

int pg_origin_read(struct pg_origin *o, struct relais_error *err)
{
    char text[TEXT_LEN];
    int fd = open(o->path, O_RDONLY | O_CLOEXEC);
    ssize_t n;

    if (fd < 0 && errno == ENOENT)
        return 0;
    n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
    if (fd >= 0)
        close(fd);
    if (n < 0)
        return relais_error_set(err, RELAIS_E_IO, "origine", "read: %s", strerror(errno));
    text[n] = '\0';
    if (parse(text, o))
        return 0;
    return relais_error_set(err, RELAIS_E_STATE_BROKEN, "origine",
                            "%.120s is not a file of ours", o->path);
}

int pg_origin_write(struct pg_origin *o, struct relais_error *err)
{
    char text[TEXT_LEN], temporary[sizeof(o->path) + 8];
    int len = snprintf(text, sizeof(text), FIRST_WORD " %s %" PRIX64 " %" PRIu32,
                       o->system, o->lsn, o->timeline);
    int fd;
    bool done;

    if (o->before.commit_lsn || o->before.lsn)
        len += snprintf(text + len, sizeof(text) - (size_t)len,
                        " %" PRIX64 " %" PRIX64 " %" PRIu32, o->before.commit_lsn,
                        o->before.lsn, o->before.xid);
    if (o->table_oid)
        len +=
            snprintf(text + len, sizeof(text) - (size_t)len,
                     " " TABLE_WORD " %" PRIu32 " %" PRIX64, o->table_oid, o->table_lsn);
    text[len++] = '\n';
    snprintf(temporary, sizeof(temporary), "%s.part", o->path);
    fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    done = fd >= 0 && write(fd, text, (size_t)len) == len && fsync(fd) == 0;
    if (fd >= 0)
        close(fd);
    if (!done || rename(temporary, o->path))
        return relais_error_set(err, errno == ENOSPC ? RELAIS_E_DISK_FULL : RELAIS_E_IO,
                                "origine", "write: %s", strerror(errno));
    o->unsaved = false;
    return 0;
}

int pg_origin_forget(struct pg_origin *o, struct relais_error *err)
{
    o->system[0] = '\0';
    o->timeline = 0;
    o->lsn = 0;
    o->before = (struct pg_published){0};
    o->table_oid = 0;
    o->table_lsn = 0;
    o->unsaved = false;
    if (unlink(o->path) == 0 || errno == ENOENT)
        return 0;
    return relais_error_set(err, RELAIS_E_IO, "origine", "%s", strerror(errno));
}

/* Where the timeline that `history` tells of left `parent`, 0: its last one; 0: it never
 * was on it. Lines: "1<tab>0/3000148<tab>why". */
static uint64_t left_at(const char *history, uint32_t parent)
{
    char *copy = relais_strdup(history), *rest = copy, *line;
    uint64_t found = 0, timeline, lsn;

    while ((line = strsep(&rest, "\n")))
        if (number(strsep(&line, "\t"), 10, UINT32_MAX, &timeline) &&
            (!parent || timeline == parent) && line &&
            pg_lsn_parse(strsep(&line, "\t"), &lsn))
            found = lsn;
    free(copy);
    return found;
}

/* The same of the server's timeline. */
static int ask_history(const struct relais_conf *conf, uint32_t timeline, uint32_t parent,
                       uint64_t *left_out, struct relais_error *err)
{
    struct pg_conn *c = pg_conn_open(conf, PG_USE_REPLICATION, err);
    PGresult *r = NULL;
    char sql[40];

    *left_out = 0;
    if (!c)
        return -1;
    snprintf(sql, sizeof(sql), "TIMELINE_HISTORY %" PRIu32, timeline);
    r = pg_conn_exec(c, "connector.dsn", sql, NULL, 0, err);
    if (r && PQntuples(r) == 1 && PQnfields(r) == 2)
        *left_out = left_at(PQgetvalue(r, 0, 1), parent);
    PQclear(r);
    pg_conn_close(c);
    return r ? 0 : -1;
}

int pg_origin_began(const struct pg_origin *o, const struct relais_conf *conf,
                    uint64_t *lsn_out, struct relais_error *err)
{
    *lsn_out = 0;
    return o->timeline > 1 ? ask_history(conf, o->timeline, 0, lsn_out, err) : 0;
}

/* The server's log must hold it: what was confirmed, and what another had published, or
 * rows that are written there instead would be taken for published ones. */
static uint64_t furthest(const struct pg_origin *o)
{
    uint64_t lsn = o->lsn;

    if (o->before.commit_lsn > lsn)
        lsn = o->before.commit_lsn;
    return o->before.lsn > lsn ? o->before.lsn : lsn;
}

/* The server's timeline is another than the one known. Did it grow out of that one after
 * all that we confirmed? */
static int check_history(const struct pg_origin *o, const struct relais_conf *conf,
                         uint32_t timeline, const char *where, struct relais_error *err)
{
    uint64_t left;

    if (ask_history(conf, timeline, o->timeline, &left, err))
        return -1;
    if (left >= furthest(o) && left)
        return 0;
    return relais_error_set(err, RELAIS_E_SLOT_ORIGIN, where,
                            "a standby or backup without our last changes is the server "
                            "now (timeline %" PRIu32 "): " GO_ON,
                            timeline, pg_origin_remedy(conf));
}

int pg_origin_check(struct pg_origin *o, const struct relais_conf *conf,
                    struct pg_conn *c, uint64_t server_lsn, const char *where,
                    struct relais_error *err)
{
    /* a WAL file's name begins with the timeline; a standby, which begins some way back
     * when it is restarted, does not write any */
    static const char sql[] =
        "SELECT system_identifier, CASE WHEN NOT pg_is_in_recovery() THEN "
        "left(pg_walfile_name(pg_current_wal_insert_lsn()), 8) END "
        "FROM pg_control_system()";
    PGresult *r = pg_conn_exec(c, "connector.dsn", sql, NULL, 0, err);
    const char *system;
    uint64_t timeline;
    int rc = -1;

    if (!r)
        return -1;
    system = PQgetvalue(r, 0, 0);
    if (!number(PQgetvalue(r, 0, 1), 16, UINT32_MAX, &timeline))
        timeline = 0;
    if (*o->system && strcmp(o->system, system) != 0) {
        relais_error_set(err, RELAIS_E_SLOT_ORIGIN, where,
                         "another server than before: changes may be missing; " GO_ON,
                         pg_origin_remedy(conf));
        goto out;
    }
    if (server_lsn < furthest(o) && !timeline) {
        relais_error_set(err, RELAIS_E_PG_DOWN, where,
                         "the standby has not replayed as far as was read before");
        goto out;
    }
    if (server_lsn < furthest(o)) {
        relais_error_set(err, RELAIS_E_SLOT_ORIGIN, where,
                         "the server's log went back (a restored backup): " GO_ON,
                         pg_origin_remedy(conf));
        goto out;
    }
    if (o->timeline && timeline && timeline != o->timeline &&
        check_history(o, conf, (uint32_t)timeline, where, err))
        goto out;
    snprintf(o->system, sizeof(o->system), "%s", system);
    if (timeline)
        o->timeline = (uint32_t)timeline;
    o->unsaved = true;
    rc = 0;
out:
    PQclear(r);
    return rc;
}
