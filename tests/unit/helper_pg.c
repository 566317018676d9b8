#include "helper_pg.h"

#include "helper_core.h"

#include <errno.h>
#include <libpq-fe.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

static const char *url(void)
{
    const char *at = getenv("PG_URL");

    if (!at)
        fail_msg("no PG_URL: run this test under tests/pg.sh run");
    return at;
}

static struct relais_conf *conf_of(const char *dsn, const char *folder,
                                   const struct relais_conf_key *keys, const char *more)
{
    struct relais_buf text = RELAIS_BUF_INIT(65536);
    struct relais_error err = RELAIS_ERROR_INIT;
    struct relais_conf *conf;

    assert_int_equal(relais_buf_printf(&text,
                                       "[relais]\nterritory = dep93\ninstance = essai\n"
                                       "source = urn:relais:dep:essai:dep93\n"
                                       "[connector]\nname = essai\ndsn = %s\n%s",
                                       dsn, more ? more : ""),
                     0);
    conf = relais_conf_parse(relais_buf_slice(&text), folder, &err);
    if (!conf)
        fail_msg("%s: %s", err.where, err.text);
    relais_conf_admit(conf, relais_conf_common);
    relais_conf_admit(conf, keys);
    relais_buf_release(&text);
    return conf;
}

struct relais_conf *helper_pg_conf_at(const char *dsn, const struct relais_conf_key *keys,
                                      const char *more)
{
    return conf_of(dsn, ".", keys, more);
}

struct relais_conf *helper_pg_conf(const struct relais_conf_key *keys, const char *more)
{
    return conf_of(url(), ".", keys, more);
}

struct relais_conf *helper_pg_conf_in(const char *folder,
                                      const struct relais_conf_key *keys,
                                      const char *more)
{
    return conf_of(url(), folder, keys, more);
}

struct relais_conf *helper_pg_conf_dsn(const char *dsn, const char *folder,
                                       const struct relais_conf_key *keys)
{
    return conf_of(dsn, folder, keys, NULL);
}

void helper_pg_url(const char *node, char out[256])
{
    char command[256];
    FILE *said;

    snprintf(command, sizeof(command), "PG_NODE=%s tests/pg.sh url", node);
    said = popen(command, "r");
    assert_non_null(said);
    assert_non_null(fgets(out, 256, said));
    assert_int_equal(pclose(said), 0);
    out[strcspn(out, "\n")] = '\0';
}

char *helper_pg_sql(const char *sql)
{
    PGconn *c = PQconnectdb(url());
    PGresult *r;
    char *value;

    if (PQstatus(c) != CONNECTION_OK)
        fail_msg("%s", PQerrorMessage(c));
    r = PQexec(c, sql);
    if (PQresultStatus(r) != PGRES_TUPLES_OK && PQresultStatus(r) != PGRES_COMMAND_OK)
        fail_msg("%s: %s", sql, PQerrorMessage(c));
    value = relais_strdup(PQntuples(r) ? PQgetvalue(r, 0, 0) : "");
    PQclear(r);
    PQfinish(c);
    return value;
}

void helper_pg_is(const char *sql, const char *want)
{
    char *got = helper_pg_sql(sql);

    assert_string_equal(got, want);
    free(got);
}

long long helper_pg_number(const char *sql)
{
    char *text = helper_pg_sql(sql), *end;
    long long n;

    errno = 0;
    n = strtoll(text, &end, 10);
    if (end == text || *end || errno)
        fail_msg("%s gave \"%s\"", sql, text);
    free(text);
    return n;
}

void helper_pg_drop_slots(void)
{
    free(helper_pg_sql("SELECT pg_terminate_backend(active_pid) FROM "
                       "pg_replication_slots WHERE active"));
    for (int i = 0; i < 500 && helper_pg_number("SELECT count(*) FROM "
                                                "pg_replication_slots WHERE active");
         i++)
        usleep(20000);
    free(helper_pg_sql(
        "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots"));
}

void helper_pg_file(const char *path)
{
    char *sql = helper_read(path, false, NULL);

    free(helper_pg_sql(sql));
    free(sql);
}

void helper_pg_server(const char *node, const char *words)
{
    char command[256];

    snprintf(command, sizeof(command), "PG_NODE=%s tests/pg.sh %s >/dev/null",
             node ? node : "data", words);
    assert_int_equal(system(command), 0);
}
