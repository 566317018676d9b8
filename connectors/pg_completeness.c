#include "connectors/pg_completeness.h"

#include "core/day.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define SQL_MAX_BYTES 8192

const char *const pg_completeness_amounts[] = {
    "montant_mensuel_centimes", "montant_centimes", "montant_operation_centimes"};

int pg_completeness_there(struct pg_conn *c, const char *schema, bool *there_out,
                          struct relais_error *err)
{
    struct relais_buf received = RELAIS_BUF_INIT(256), announced = RELAIS_BUF_INIT(256);
    PGresult *r = NULL;

    if (relais_buf_printf(&received, "%s.relais_recus", schema) == 0 &&
        relais_buf_printf(&announced, "%s.relais_controles", schema) == 0) {
        const char *params[] = {received.data, announced.data};

        r = pg_conn_exec(c, "relais_recus",
                         "SELECT to_regclass($1) IS NOT NULL AND to_regclass($2) IS NOT "
                         "NULL",
                         params, 2, err);
    }
    relais_buf_release(&received);
    relais_buf_release(&announced);
    if (!r)
        return -1;
    *there_out = PQgetvalue(r, 0, 0)[0] == 't';
    PQclear(r);
    return 0;
}

static struct relais_slice text_at(const struct relais_value *rec, const char *first,
                                   const char *second)
{
    const struct relais_value *inner = second ? relais_value_get(rec, first) : rec;

    return inner && inner->kind == RELAIS_VALUE_RECORD
               ? relais_value_text(inner, second ? second : first)
               : RELAIS_SLICE_NULL;
}

static int64_t number_at(const struct relais_value *rec, const char *name)
{
    const struct relais_value *v = relais_value_get(rec, name);

    return v && v->kind != RELAIS_VALUE_STRING ? v->number : 0;
}

/* "fr.relais.payments.X" is brought by "payments" or "dep93.payments.v1". */
static bool is_read(struct relais_slice subject, const char *topics)
{
    const char *family = subject.ptr, *end = subject.ptr + subject.len;
    size_t len = 0;

    for (int dots = 0; dots < 2 && family < end; family++)
        dots += *family == '.';
    while (family + len < end && family[len] != '.')
        len++;
    for (const char *at = topics; len && *at; at++)
        if (strncmp(at, family, len) == 0 &&
            (at == topics || strchr(", .", at[-1]) != NULL) &&
            strchr(", .", at[len]) != NULL) /* also the very end */
            return true;
    return false;
}

/* One row of `publies`. */
static int announce_one(struct pg_conn *c, const char *sql,
                        const struct relais_value *control, const char *depot,
                        const char *day, const char *observed,
                        const struct relais_value *one, struct relais_error *err)
{
    char sequence[24], count[24], amount[24], subject[160], fait[80];
    const struct relais_value *entete = relais_value_get(control, "entete");
    struct relais_slice s = relais_value_text(one, "sujet"),
                        f = relais_value_text(one, "fait");
    const char *params[] = {depot, day, subject, fait, count, amount, observed, sequence};
    PGresult *r;

    snprintf(subject, sizeof(subject), "%.*s", (int)s.len, s.ptr ? s.ptr : "");
    snprintf(fait, sizeof(fait), "%.*s", (int)f.len, f.ptr ? f.ptr : "");
    snprintf(count, sizeof(count), "%" PRId64, number_at(one, "nombre"));
    snprintf(amount, sizeof(amount), "%" PRId64, number_at(one, "centimes"));
    snprintf(sequence, sizeof(sequence), "%" PRId64, number_at(entete, "sequence"));
    r = pg_conn_exec(c, "relais_controles", sql, params, 8, err);
    PQclear(r);
    return r ? 0 : -1;
}

bool pg_completeness_is_repeat(struct relais_slice depot)
{
    return depot.len >= 7 && memcmp(depot.ptr, "renvoi-", 7) == 0;
}

/* A file, or a re-publication; not a log. */
static bool is_one_depot(struct relais_slice depot)
{
    size_t hex = 0;

    while (hex < depot.len && memchr("0123456789abcdef", depot.ptr[hex], 16))
        hex++;
    return (hex == 16 && depot.len == 16) || pg_completeness_is_repeat(depot);
}

void pg_completeness_day(struct relais_slice depot, int64_t instant_us, char out[24])
{
    if (is_one_depot(depot))
        snprintf(out, 24, "-infinity");
    else
        relais_day_format(relais_paris_day(instant_us), out);
}

/* The day of a log's control event; of a file's: none. */
static void day_of(const struct relais_value *control, struct relais_slice depot,
                   char out[24])
{
    const struct relais_value *entete = relais_value_get(control, "entete");
    const struct relais_value *v = relais_value_get(entete, "survenu_le");

    snprintf(out, 24, "-infinity");
    if (is_one_depot(depot) || !v)
        return;
    if (v->kind == RELAIS_VALUE_DAY)
        relais_day_format((int32_t)v->number, out);
    else if (v->kind == RELAIS_VALUE_STRING)
        relais_slice_copy(v->text, out, 24);
}

int pg_completeness_announce(struct pg_conn *c, const char *schema, const char *topics,
                             const struct relais_value *control, struct relais_error *err)
{
    const struct relais_value *list = relais_value_get(control, "publies");
    const struct relais_value *entete = relais_value_get(control, "entete");
    const struct relais_value *observed =
        entete ? relais_value_get(entete, "constate_le") : NULL;
    struct relais_slice depot = text_at(control, "depot", NULL);
    struct relais_buf sql = RELAIS_BUF_INIT(SQL_MAX_BYTES);
    char depot_text[256], day[24], instant[40];
    int rc = 0;

    if (!depot.ptr || !observed || !list || list->kind != RELAIS_VALUE_ARRAY)
        return relais_error_set(err, RELAIS_E_FIELD_MISSING, "depot",
                                "a control event without depot, constate_le or publies");
    relais_slice_copy(depot, depot_text, sizeof(depot_text));
    day_of(control, depot, day);
    if (observed->kind == RELAIS_VALUE_INSTANT)
        relais_instant_format(observed->number, instant);
    else
        snprintf(instant, sizeof(instant), "%.*s", (int)observed->text.len,
                 observed->text.ptr ? observed->text.ptr : "");
    if (relais_buf_printf(
            &sql,
            "INSERT INTO %s.relais_controles AS c (depot, jour, sujet, fait, nombre, "
            "centimes, constate_le, sequence) VALUES ($1, $2::date, $3, $4, $5::int8, "
            "$6::int8, $7::timestamptz, $8::int8) ON CONFLICT (depot, jour, sujet, fait) "
            "DO UPDATE SET nombre = EXCLUDED.nombre, centimes = EXCLUDED.centimes, "
            "constate_le = EXCLUDED.constate_le, sequence = EXCLUDED.sequence, recu_le = "
            "now() WHERE (EXCLUDED.constate_le, EXCLUDED.sequence) > (c.constate_le, "
            "c.sequence)",
            schema))
        rc =
            relais_error_set(err, RELAIS_E_BUG, "relais_controles", "statement too long");
    for (const struct relais_value *one = list->child; one && rc == 0; one = one->next)
        if (is_read(relais_value_text(one, "sujet"), topics))
            rc = announce_one(c, sql.data, control, depot_text, day, instant, one, err);
    relais_buf_release(&sql);
    return rc;
}

int pg_completeness_announced(struct pg_conn *c, const char *schema, bool *any_out,
                              struct relais_error *err)
{
    struct relais_buf sql = RELAIS_BUF_INIT(SQL_MAX_BYTES);
    PGresult *r = NULL;

    if (relais_buf_printf(&sql, "SELECT EXISTS (SELECT FROM %s.relais_controles)",
                          schema) == 0)
        r = pg_conn_exec(c, "relais_controles", sql.data, NULL, 0, err);
    relais_buf_release(&sql);
    if (!r)
        return -1;
    *any_out = PQgetvalue(r, 0, 0)[0] == 't';
    PQclear(r);
    return 0;
}

int pg_completeness_differences(struct pg_conn *c, const char *schema, int after_s,
                                int64_t *count_out, struct relais_error *err)
{
    struct relais_buf sql = RELAIS_BUF_INIT(SQL_MAX_BYTES);
    PGresult *r = NULL;

    if (relais_buf_printf(&sql,
                          "SELECT count(*) FROM %s.relais_completude WHERE (annonce <> "
                          "ecrit OR annonce_centimes <> ecrit_centimes) AND recu_le < "
                          "now() - interval '%d seconds'",
                          schema, after_s) == 0)
        r = pg_conn_exec(c, "relais_completude", sql.data, NULL, 0, err);
    relais_buf_release(&sql);
    if (!r)
        return -1;
    *count_out = strtoll(PQgetvalue(r, 0, 0), NULL, 10);
    PQclear(r);
    return 0;
}
