/* relais doctor: the database of a connector. */
#include "cli/doctor.h"
#include "connectors/outbox_columns.h"
#include "connectors/pg_completeness.h"
#include "connectors/pg_mapping_check.h"
#include "connectors/pg_objects.h"
#include "connectors/pg_slot.h"
#include "connectors/pg_target.h"
#include "connectors/pg_writing.h"
#include "connectors/pg_writing_bind.h"
#include "connectors/pg_writing_check.h"
#include "producers/source_run.h"
#include "schemas/catalog.h"
#include "schemas/family.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define DIFFERENCE_S  300
#define RETAINED_WARN (INT64_C(1) << 30)
#define EXAMPLES_MAX  (1u << 20)

static void check_setting(struct doctor *d, struct pg_conn *c)
{
    struct relais_error err = RELAIS_ERROR_INIT;
    PGresult *r = pg_conn_exec(c, "wal_level",
                               "SELECT current_setting('wal_level'), rolname, "
                               "rolreplication OR rolsuper FROM pg_roles WHERE rolname = "
                               "current_user",
                               NULL, 0, &err);

    if (!r) {
        doctor_error(d, "base", &err);
        return;
    }
    if (strcmp(PQgetvalue(r, 0, 0), "logical") != 0)
        doctor_wrong(d, "wal_level", "wal_level = logical, puis redémarrer le serveur",
                     "%s", PQgetvalue(r, 0, 0));
    else
        doctor_ok("wal_level", "logical");
    if (PQgetvalue(r, 0, 2)[0] != 't')
        doctor_wrong(d, "rôle", "ALTER ROLE ... REPLICATION",
                     "%s n'a pas le droit de lire le journal", PQgetvalue(r, 0, 1));
    else
        doctor_ok("rôle", "%s lit le journal", PQgetvalue(r, 0, 1));
    PQclear(r);
}

static void check_slot(struct doctor *d, struct pg_conn *c, struct pg_slot *slot)
{
    struct relais_error err = RELAIS_ERROR_INIT;
    struct pg_slot_state state;

    if (pg_slot_read_tables(slot, c, &err) || pg_slot_check(slot, c, &state, &err)) {
        doctor_error(d, "slot", &err);
        return;
    }
    doctor_ok("slot", "%s%s", slot->name, state.active ? ", lu en ce moment" : "");
    doctor_ok("publication", "%s, %zu de nos tables", slot->publication,
              slot->table_count);
    if (state.safe >= 0 && state.safe < state.retained)
        doctor_wrong(
            d, "WAL retenu", "faire lire le slot, ou augmenter max_slot_wal_keep_size",
            "%" PRId64 " octets, perdu dans %" PRId64, state.retained, state.safe);
    else if (state.retained > RETAINED_WARN)
        doctor_unknown("WAL retenu", "%" PRId64 " octets%s", state.retained,
                       state.safe < 0 ? ", sans plafond (max_slot_wal_keep_size)" : "");
    else
        doctor_ok("WAL retenu", "%" PRId64 " octets", state.retained);
}

/* Reads its first object as the source's load does, with the source's rights. */
static void read_object(struct doctor *d, struct pg_objects *o)
{
    struct relais_error err = RELAIS_ERROR_INIT;
    PGresult *r = pg_objects_page(o, "", 1, &err);

    if (r)
        doctor_ok("lecture", "%s", PQntuples(r) ? "un objet lu" : "aucun objet");
    else if (err.code == RELAIS_E_PG_RIGHTS)
        doctor_wrong(d, "lecture",
                     "GRANT SELECT sur chaque table de la correspondance, et USAGE sur "
                     "son schéma, au rôle de connector.dsn",
                     "%s : %s (%s)", err.where, err.text, relais_error_name(err.code));
    else
        doctor_error(d, "lecture", &err);
    PQclear(r);
}

/* Does the contract take what the mapping makes? */
static bool fits_contract(struct doctor *d, const struct pg_mapping *m)
{
    struct relais_arena arena = RELAIS_ARENA_INIT(EXAMPLES_MAX);
    struct relais_error err = RELAIS_ERROR_INIT;
    struct relais_source_contracts list;
    const struct relais_value *open;
    const char *todo = NULL;

    if (relais_source_contracts(d->conf, d->connector, &list, &err))
        return true; /* doctor_source told */
    open = relais_avro_example(list.rows[0]->schema, true, &arena);
    if (!open)
        relais_error_set(&err, RELAIS_E_LIMIT, "connector.mapping",
                         "more memory than allowed");
    else if (!m->fact &&
             relais_family_check_snapshots(relais_family_find(list.rows[0]), &err))
        todo = "mettre \"kind\": \"fact\" dans la correspondance, ou changer "
               "connector.schema";
    else if (pg_mapping_check_fields(m, relais_conf_text(d->conf, "connector", "mapping"),
                                     open, &err))
        todo = "corriger \"value\" dans la correspondance ; les champs du message : "
               "docs/CONTRAT.md";
    if (err.code)
        doctor_wrong(d, "correspondance", todo, "%s : %s (%s)", err.where, err.text,
                     relais_error_name(err.code));
    relais_arena_release(&arena);
    return !err.code;
}

static void check_mapping(struct doctor *d)
{
    const char *identity = relais_conf_text(d->conf, "connector", "replica_identity");
    struct relais_error err = RELAIS_ERROR_INIT;
    struct pg_objects o = {.conf = d->conf};
    bool fits;

    o.mapping = pg_mapping_load(relais_conf_text(d->conf, "connector", "mapping"), &err);
    fits = o.mapping && fits_contract(d, o.mapping);
    if (!o.mapping || pg_objects_open(&o, &err) ||
        (strcmp(identity, "exiger") == 0 &&
         pg_mapping_check_identity(o.mapping, o.conn, &err)))
        doctor_error(d, "correspondance", &err);
    else if (fits)
        doctor_ok("correspondance", "%zu tables", o.mapping->table_count);
    if (o.conn)
        read_object(d, &o);
    pg_objects_close(&o);
    pg_mapping_free(o.mapping);
}

static bool has_field(const struct relais_value *v, const char *path)
{
    char name[64];
    size_t len;

    for (; v && *path; path += len + (path[len] == '.')) {
        len = strcspn(path, ".");
        snprintf(name, sizeof(name), "%.*s", (int)len, path);
        v = v->kind == RELAIS_VALUE_RECORD ? relais_value_get(v, name) : NULL;
    }
    return v != NULL;
}

/* What a column is to fill, in none of the messages; NULL: all are there. Rows of which
 * that column is not null would be parked. */
static const char *unknown_target(const struct doctor *d, const struct outbox_form *form)
{
    struct relais_arena arena = RELAIS_ARENA_INIT(EXAMPLES_MAX);
    struct relais_error err = RELAIS_ERROR_INIT;
    struct relais_source_contracts list;
    const char *unknown = NULL;

    if (relais_source_contracts(d->conf, d->connector, &list, &err))
        return NULL; /* doctor_source told */
    for (size_t i = 0; i < form->field_count && !unknown; i++) {
        bool found = strcmp(form->fields[i].to, "traceparent") == 0;

        for (size_t k = 0; k < list.count && !found; k++) {
            relais_arena_reset(&arena);
            found = has_field(relais_avro_example(list.rows[k]->schema, true, &arena),
                              form->fields[i].to);
        }
        unknown = found ? NULL : form->fields[i].to;
    }
    relais_arena_release(&arena);
    return unknown;
}

static void check_columns(struct doctor *d, struct pg_conn *c, const struct pg_slot *slot)
{
    struct relais_error err = RELAIS_ERROR_INIT;
    struct outbox_form form;
    const char *unknown;

    if (outbox_form_init(&form, d->conf, &err) == 0) { /* else doctor_source told */
        if (outbox_check_columns(&form, slot, c, &err))
            doctor_error(d, "colonnes", &err);
        else if ((unknown = unknown_target(d, &form)))
            doctor_wrong(d, "colonnes",
                         "corriger connector.columns ; les champs : docs/CONTRAT.md",
                         "aucun message n'a de champ %s", unknown);
        else
            doctor_ok("colonnes", "celles de la configuration sont là");
    }
    outbox_form_release(&form);
}

static void check_source(struct doctor *d, struct pg_conn *c)
{
    struct relais_error err = RELAIS_ERROR_INIT;
    struct pg_slot slot;

    check_setting(d, c);
    if (pg_slot_init(&slot, d->conf, &err)) {
        doctor_error(d, "slot", &err);
        return;
    }
    check_slot(d, c, &slot);
    if (d->connector == &relais_source_postgres_table)
        check_mapping(d);
    if (d->connector == &relais_source_postgres_outbox)
        check_columns(d, c, &slot);
}

static bool reads_control(const struct doctor *d)
{
    const struct relais_contract *control = relais_catalog_find(PG_CONTROL_CONTRACT);
    char topic[128];

    return relais_catalog_topic(control, relais_conf_text(d->conf, "relais", "territory"),
                                topic, sizeof(topic)) == 0 &&
           doctor_reads(d, topic);
}

/* Announced by control events and not written; events and control events come by
 * different topics, a few minutes apart at most. */
static void check_completeness(struct doctor *d, struct pg_conn *c, const char *schema)
{
    struct relais_error err = RELAIS_ERROR_INIT;
    char *quoted = PQescapeIdentifier(pg_conn_raw(c), schema, strlen(schema));
    bool there = false, announced = false;
    int64_t count = 0;

    if (!quoted || pg_completeness_there(c, quoted, &there, &err) ||
        (there && (pg_completeness_announced(c, quoted, &announced, &err) ||
                   pg_completeness_differences(c, quoted, DIFFERENCE_S, &count, &err))))
        doctor_error(d, "complétude", &err);
    else if (!there)
        doctor_unknown("complétude", "tables relais_recus et relais_controles absentes");
    else if (count)
        doctor_wrong(d, "complétude",
                     "lire la vue relais_completude ; relais source --renvoi republie",
                     "%" PRId64 " écarts entre annoncé et écrit", count);
    else if (!reads_control(d))
        doctor_unknown("complétude",
                       "rien n'est annoncé à ce puits : ajouter control à sink.topics");
    else if (!announced)
        doctor_unknown("complétude", "rien n'a encore été annoncé");
    else
        doctor_ok("complétude", "tout ce qui a été annoncé est écrit");
    PQfreemem(quoted);
}

/* What a find of the mapping rests on: an index, a unique key, or neither. */
static void tell_keys(const struct pg_writing_form *f)
{
    struct relais_buf names = RELAIS_BUF_INIT(4096);

    for (size_t n = 0; n < f->node_count; n++) {
        const struct pg_written_node *node = &f->nodes[n];
        bool unique = false;

        for (size_t i = 0; i < node->key_count; i++) {
            unique |= node->keys[i].unique;
            if (!node->keys[i].through && !node->keys[i].indexed)
                doctor_unknown("clé", "%s : aucun index sur %s pour find[%zu]",
                               node->name, node->table, i);
        }
        if (!unique &&
            relais_buf_printf(&names, "%s%s", names.len ? ", " : "", node->name))
            break;
    }
    if (names.len)
        doctor_unknown("unicité", "la base n'en garantit pas pour : %s", names.data);
    relais_buf_release(&names);
}

/* true: there is a mapping, and the contract that it writes has no tables of ours. */
static bool check_writing(struct doctor *d, struct pg_conn *c, const char *schema)
{
    char *quoted = PQescapeIdentifier(pg_conn_raw(c), schema, strlen(schema));
    const char *path = relais_conf_text(d->conf, "connector", "mapping");
    struct relais_arena arena = RELAIS_ARENA_INIT(EXAMPLES_MAX);
    struct relais_error err = RELAIS_ERROR_INIT;
    struct pg_writing_form *f = path ? pg_writing_load(path, &err) : NULL;
    const struct relais_contract *contract = f ? relais_catalog_find(f->contract) : NULL;
    const struct relais_value *open = NULL, *closed = NULL;

    if (contract) {
        open = relais_avro_example(contract->schema, true, &arena);
        closed = relais_avro_example(contract->schema, false, &arena);
    }
    if (f && !contract)
        relais_error_set(&err, RELAIS_E_CONF_VALUE, f->file, "contract: no message %.60s",
                         f->contract);
    else if (f && (!quoted || !open || !closed))
        relais_error_set(&err, RELAIS_E_LIMIT, f->file, "more memory than allowed");
    else if (f && pg_writing_look_up(c, quoted, &err) == 0 &&
             pg_writing_bind(f, c, &err) == 0)
        (void)!pg_writing_check(f, open, closed, &err);
    if (f && !err.code) {
        doctor_ok("correspondance", "%s : %zu tables", f->contract, f->node_count);
        tell_keys(f);
    } else if (path) {
        doctor_error(d, "correspondance", &err);
    }
    pg_writing_form_free(f);
    PQfreemem(quoted);
    relais_arena_release(&arena);
    return path != NULL;
}

/* Tables of the contracts that there are; one at least. */
static void check_sink(struct doctor *d, struct pg_conn *c)
{
    const char *schema = relais_conf_text(d->conf, "connector", "sql_schema");
    const struct relais_contract *contract;
    struct relais_arena arena = RELAIS_ARENA_INIT(EXAMPLES_MAX);
    size_t found = check_writing(d, c, schema) ? 1 : 0;

    for (size_t i = 0; (contract = relais_catalog_at(i)); i++) {
        struct relais_error err = RELAIS_ERROR_INIT;
        struct pg_target *t = pg_target_new(c, schema, contract->name, false, &err);
        struct relais_value *open = relais_avro_example(contract->schema, true, &arena);
        struct relais_value *closed =
            relais_avro_example(contract->schema, false, &arena);

        if (t && open && closed && pg_target_check(t, open, closed, &err))
            doctor_error(d, "table", &err);
        else if (t)
            doctor_ok("table", "%s : %zu colonnes, %zu autres tables", t->tables[0].name,
                      t->tables[0].column_count, t->table_count - 1);
        found += t != NULL;
        pg_target_free(t);
    }
    relais_arena_release(&arena);
    if (!found)
        doctor_wrong(d, "tables", "relais sink ddl FICHIER.ini en donne le SQL",
                     "aucune dans le schéma %s, ou aucun droit d'y écrire", schema);
    check_completeness(d, c, schema);
}

void doctor_postgres(struct doctor *d)
{
    struct relais_error err = RELAIS_ERROR_INIT;
    struct pg_conn *c;

    if (!d->connector || !relais_conf_text(d->conf, "connector", "dsn"))
        return;
    c = pg_conn_open(d->conf, PG_USE_READ, &err);
    if (!c) {
        doctor_error(d, "base", &err);
        return;
    }
    doctor_ok("base", "PostgreSQL %d", pg_conn_version(c) / 10000);
    if (d->connector->source)
        check_source(d, c);
    else
        check_sink(d, c);
    pg_conn_close(c);
}
