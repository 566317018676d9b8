/* relais sink ddl: the tables that sink_postgres writes to, from the contracts. */
#include "cli/commands.h"
#include "connectors/pg_target.h"
#include "connectors/pg_writing_form.h"
#include "schemas/catalog.h"

#include <ctype.h>
#include <stdio.h>

#define COLUMN_MAX   64
#define NAME_MAX_LEN 63 /* of PostgreSQL, bytes */

struct ddl {
    const char *schema;
    bool history;
};

/* [null, T] -> T */
static const struct relais_avro_type *bare(const struct relais_avro_type *type)
{
    return type->kind == RELAIS_AVRO_UNION && type->null_branch >= 0 && type->count == 2
               ? type->branches[1 - type->null_branch]
               : type;
}

static const char *sql_type(const struct relais_avro_field *field,
                            const struct relais_avro_type *type)
{
    if (field && field->clear)
        return strcmp(field->clear, "json") == 0 ? "jsonb" : "text";
    switch (type->logical) {
    case RELAIS_AVRO_UUID:
        return "uuid";
    case RELAIS_AVRO_DATE:
        return "date";
    case RELAIS_AVRO_TIMESTAMP_MILLIS:
    case RELAIS_AVRO_TIMESTAMP_MICROS:
        return "timestamptz";
    default:
        break;
    }
    switch (type->kind) {
    case RELAIS_AVRO_BOOLEAN:
        return "boolean";
    case RELAIS_AVRO_INT:
        return "integer";
    case RELAIS_AVRO_LONG:
        return "bigint";
    case RELAIS_AVRO_FLOAT:
    case RELAIS_AVRO_DOUBLE:
        return "double precision";
    case RELAIS_AVRO_BYTES:
    case RELAIS_AVRO_FIXED:
        return "bytea";
    case RELAIS_AVRO_STRING:
    case RELAIS_AVRO_ENUM:
        return "text";
    default:
        return "jsonb";
    }
}

static bool is_list(const struct relais_avro_type *type)
{
    return bare(type)->kind == RELAIS_AVRO_ARRAY;
}

static void put_literal(const char *text)
{
    putchar('\'');
    for (; *text; text++) {
        if (*text == '\'')
            putchar('\'');
        putchar(*text == '\n' ? ' ' : *text);
    }
    putchar('\'');
}

/* Calls each() for every column of a record, records in it flattened. lists: a column for
 * them too. */
static void columns(const struct relais_avro_type *record, const char *prefix, bool lists,
                    void (*each)(void *user, const char *name, const char *type,
                                 const char *doc),
                    void *user)
{
    for (uint32_t i = 0; i < record->count; i++) {
        const struct relais_avro_field *f = &record->fields[i];
        const struct relais_avro_type *type = bare(f->type);
        char name[COLUMN_MAX + 2];

        snprintf(name, sizeof(name), "%.30s%s%.32s", prefix, *prefix ? "_" : "", f->name);
        if (type->kind == RELAIS_AVRO_RECORD && !type->by_pointer)
            columns(type, name, lists, each, user);
        else if (lists || !is_list(f->type))
            each(user, name, sql_type(f, type), f->doc ? f->doc : "");
    }
}

static void put_column(void *user, const char *name, const char *type, const char *doc)
{
    const char *key = user;
    bool needed = (key && strcmp(name, key) == 0) || strcmp(name, "entete_id") == 0 ||
                  strcmp(name, "entete_constate_le") == 0 ||
                  strcmp(name, "entete_sequence") == 0;

    printf("    %s %s%s,\n", name, type, needed ? " NOT NULL" : "");
}

struct commented {
    const char *schema, *table;
};

static void put_comment(void *user, const char *name, const char *type, const char *doc)
{
    const struct commented *c = user;

    if (!*doc)
        return;
    printf("COMMENT ON COLUMN %s.%s.%s IS ", c->schema, c->table, name);
    put_literal(doc);
    puts(";");
}

static void put_list(const struct ddl *d, const struct relais_contract *contract,
                     const char *table, const struct relais_avro_field *field)
{
    const struct relais_avro_type *item = bare(bare(field->type)->item);
    char name[130];
    struct commented comment = {d->schema, name};

    snprintf(name, sizeof(name), "%s_%s", table, field->name);
    printf("\nCREATE TABLE %s.%s (\n    %s %s NOT NULL REFERENCES %s.%s ON DELETE "
           "CASCADE,\n    ordre integer NOT NULL,\n",
           d->schema, name, contract->id->name,
           sql_type(contract->id, contract->id->type), d->schema, table);
    if (item->kind == RELAIS_AVRO_RECORD)
        columns(item, "", true, put_column, NULL);
    else
        printf("    valeur %s,\n", sql_type(NULL, item));
    printf("    PRIMARY KEY (%s, ordre)\n);\n", contract->id->name);
    if (item->kind == RELAIS_AVRO_RECORD)
        columns(item, "", true, put_comment, &comment);
}

static void put_contract(const struct ddl *d, const struct relais_contract *contract)
{
    const struct relais_avro_type *root = relais_avro_root(contract->schema);
    char table[64];
    struct commented comment = {d->schema, table};

    pg_target_table_name(contract->name, table);
    printf("\n-- %s\nCREATE TABLE %s.%s (\n", contract->name, d->schema, table);
    columns(root, "", false, put_column, (void *)(uintptr_t)contract->id->name);
    printf("    PRIMARY KEY (%s)\n);\nCREATE INDEX ON %s.%s (entete_dossier);\n",
           contract->id->name, d->schema, table);
    columns(root, "", false, put_comment, &comment);
    for (uint32_t i = 0; i < root->count; i++)
        if (is_list(root->fields[i].type))
            put_list(d, contract, table, &root->fields[i]);
    if (!d->history)
        return;
    printf("\nCREATE TABLE %s.%s_historique (\n", d->schema, table);
    columns(root, "", false, put_column, (void *)(uintptr_t)contract->id->name);
    printf("    PRIMARY KEY (entete_id)\n);\nCREATE INDEX ON %s.%s_historique (%s);\n",
           d->schema, table, contract->id->name);
}

/* connectors/pg_completeness.h */
static void put_completeness(const struct ddl *d)
{
    printf(
        "\n-- La preuve que rien ne manque : avec le topic de contrôle parmi ceux du "
        "puits.\n"
        "CREATE TABLE %s.relais_recus (\n    entete_id uuid PRIMARY KEY, depot text NOT "
        "NULL, jour date NOT NULL, sujet text NOT NULL,\n    fait text, constate_le "
        "timestamptz NOT NULL, centimes bigint\n);\n"
        "CREATE INDEX ON %s.relais_recus (depot, jour);\n"
        "CREATE TABLE %s.relais_controles (\n    depot text, jour date, sujet text, "
        "fait text, nombre bigint NOT NULL, centimes bigint NOT NULL,\n    constate_le "
        "timestamptz NOT NULL, sequence bigint NOT NULL, recu_le timestamptz NOT NULL "
        "DEFAULT now(),\n    PRIMARY KEY (depot, jour, sujet, fait)\n);\n",
        d->schema, d->schema, d->schema);
    printf(
        "CREATE VIEW %s.relais_completude AS\n"
        "SELECT c.depot, c.jour, c.sujet, c.fait, c.nombre AS annonce, count(r.*) AS "
        "ecrit,\n       c.centimes AS annonce_centimes, CASE WHEN count(r.*) = "
        "count(r.centimes) THEN coalesce(sum(r.centimes), 0) END AS ecrit_centimes, "
        "c.recu_le\n"
        "FROM %s.relais_controles c LEFT JOIN %s.relais_recus r USING (depot, jour, "
        "sujet, fait)\n"
        "GROUP BY c.depot, c.jour, c.sujet, c.fait, c.nombre, c.centimes, c.recu_le;\n",
        d->schema, d->schema, d->schema);
}

/* connectors/pg_writing_sql.h */
static void put_writing(const struct ddl *d)
{
    printf("\n-- L'écriture par un fichier (mapping) : l'état le plus récent de chaque "
           "objet, "
           "et les lignes faites ici,\n-- pour les tables en \"missing\": \"delete\".\n"
           "CREATE TABLE %s.relais_objets (\n    contrat text, objet text, constate_le "
           "timestamptz NOT NULL, sequence bigint NOT NULL,\n    PRIMARY KEY (contrat, "
           "objet)\n);\n"
           "CREATE TABLE %s.relais_lignes (\n    contrat text, objet text NOT NULL, nom "
           "text, ligne text,\n    PRIMARY KEY (contrat, nom, ligne)\n);\n"
           "CREATE INDEX ON %s.relais_lignes (contrat, objet, nom);\n",
           d->schema, d->schema, d->schema);
}

/* A schema's name as SQL writes it: in quotes unless it is plain. false: none that the
 * server would take whole. */
static bool quote(const char *name, char out[2 * NAME_MAX_LEN + 3])
{
    size_t plain = strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_"), n = 0;
    bool quoted = name[plain] || isdigit((unsigned char)name[0]);

    if (!name[0] || strlen(name) > NAME_MAX_LEN)
        return false;
    if (quoted)
        out[n++] = '"';
    for (; *name; name++) {
        if (*name == '"')
            out[n++] = '"';
        out[n++] = *name;
    }
    if (quoted)
        out[n++] = '"';
    out[n] = '\0';
    return true;
}

int cli_sink_ddl(struct cli *cli, const struct relais_conf *conf)
{
    const char *family = cli_value(cli, "famille");
    const char *mapping = relais_conf_text(conf, "connector", "mapping");
    struct pg_writing_form *form = NULL;
    const char *name = relais_conf_text(conf, "connector", "sql_schema");
    char schema[2 * NAME_MAX_LEN + 3];
    struct ddl d = {schema, cli_value(cli, "historique") != NULL};
    struct relais_error err = RELAIS_ERROR_INIT;
    size_t count = 0;

    if (!name || !quote(name, schema)) {
        relais_error_set(&err, RELAIS_E_CONF_VALUE, "connector.sql_schema",
                         "un nom de 1 à 63 octets est attendu");
        return cli_fail(cli, &err);
    }
    if (mapping && !(form = pg_writing_load(mapping, &err)))
        return cli_fail(cli, &err);
    printf(
        "-- Tables de sink_postgres. Une colonne ou une liste dont on ne veut pas : ne "
        "pas "
        "créer\n-- sa colonne ou sa table.\n"
        "CREATE SCHEMA IF NOT EXISTS %s;\n\nCREATE TABLE %s.relais_positions (\n"
        "    groupe text, topic text, partition integer,\n    suivant bigint NOT NULL, "
        "epoque bigint NOT NULL, dernier_ms bigint,\n    PRIMARY KEY (groupe, topic, "
        "partition)\n);\n",
        d.schema, d.schema);
    put_completeness(&d);
    if (form)
        put_writing(&d);
    for (size_t i = 0; relais_catalog_at(i); i++) {
        const struct relais_contract *contract = relais_catalog_at(i);

        if (!contract->family[0] || strcmp(contract->family, "control") == 0 ||
            (family && strcmp(family, contract->family) != 0))
            continue;
        if (!form || !pg_writing_is_of(form, contract->name))
            put_contract(&d, contract);
        count++;
    }
    pg_writing_form_free(form);
    if (!count) {
        relais_error_set(&err, RELAIS_E_USAGE, "--famille", "famille inconnue");
        return cli_fail(cli, &err);
    }
    printf("\n-- Le rôle du puits n'a besoin de rien d'autre :\n"
           "-- GRANT USAGE ON SCHEMA %s TO <role>;\n"
           "-- GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA %s TO "
           "<role>;\n",
           d.schema, d.schema);
    return 0;
}
