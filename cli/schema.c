/* relais schema: canonical form, fingerprints, compatibility, resolution, data. */
#include "cli/schema.h"
#include "cli/commands.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define COMPAT_STATUS_NO    1
#define COMPAT_STATUS_ERROR 2

/* Standard input can be one thing only. */
static int once_standard(const char *const *paths, size_t count, bool datum,
                         struct relais_error *err)
{
    size_t times = datum;

    for (size_t i = 0; i < count; i++)
        times += paths[i] && strcmp(paths[i], "-") == 0;
    return times > 1 ? relais_error_set(err, RELAIS_E_USAGE, "-",
                                        "l'entrée standard ne peut servir qu'une fois")
                     : 0;
}

static int canonical(struct cli *cli, struct relais_error *err)
{
    struct relais_buf out = RELAIS_BUF_INIT(SCHEMA_DATA_MAX);
    struct relais_avro *schema = schema_open(cli->args[1], err);

    if (schema &&
        (relais_avro_canonical(schema, &out) || relais_buf_add_char(&out, '\n')))
        relais_error_set(err, RELAIS_E_LIMIT, NULL, "canonical form longer than 64 MiB");
    else if (schema)
        fwrite(out.data, 1, out.len, stdout);
    relais_avro_free(schema);
    relais_buf_release(&out);
    return 0;
}

static int fingerprint(struct cli *cli, struct relais_error *err)
{
    struct relais_avro *schema = schema_open(cli->args[1], err);
    struct schema_fingerprints prints;

    if (schema && schema_fingerprint(schema, &prints, err) == 0)
        puts(cli_value(cli, "md5")      ? prints.md5
             : cli_value(cli, "sha256") ? prints.sha256
                                        : prints.crc64);
    relais_avro_free(schema);
    return 0;
}

static int print_causes(const struct cli *cli, const struct relais_compat *report,
                        struct relais_error *err)
{
    struct relais_buf line = RELAIS_BUF_INIT(1u << 16);

    for (size_t i = 0; i < report->count; i++) {
        const struct relais_compat_cause *cause = &report->causes[i];

        relais_buf_clear(&line);
        if (relais_compat_line(cause, &line)) {
            relais_error_set(err, RELAIS_E_LIMIT, NULL, "cause longer than 64 KiB");
            break;
        }
        printf("%s %s: %s\n", cli->args[1 + cause->version],
               cause->forward ? "FORWARD" : "BACKWARD", line.data);
    }
    if (report->total > report->count)
        printf("... (%zu)\n", report->total - report->count);
    relais_buf_release(&line);
    return report->total ? COMPAT_STATUS_NO : 0;
}

static int compat(struct cli *cli, struct relais_error *err)
{
    const char *word = cli_value(cli, "level");
    enum relais_compat_level level =
        word ? relais_compat_level_parse(word) : RELAIS_COMPAT_BACKWARD;
    size_t count = (size_t)cli->arg_count - 1, opened = 0;
    struct relais_avro **schemas = relais_zalloc(count * sizeof(*schemas));
    struct relais_compat report = RELAIS_COMPAT_INIT;
    int status = 0;

    if (level == RELAIS_COMPAT_UNSET) {
        relais_error_set(err, RELAIS_E_USAGE, "--level",
                         "NONE, BACKWARD, FORWARD, FULL, seul ou suivi de _TRANSITIVE");
        goto out;
    }
    if (once_standard((const char *const *)cli->args + 1, count, false, err))
        goto out;
    for (; opened < count; opened++)
        if (!(schemas[opened] = schema_open(cli->args[1 + opened], err)))
            goto out;
    if (relais_compat_check(schemas[count - 1],
                            (const struct relais_avro *const *)schemas, count - 1, level,
                            &report, err) == 0)
        status = print_causes(cli, &report, err);
out:
    while (opened-- > 0)
        relais_avro_free(schemas[opened]);
    free(schemas);
    relais_compat_release(&report);
    return status;
}

/* ---- data -------------------------------------------------------------------------- */

/* Standard input as bytes: raw, or of the hexadecimal digits it holds. */
static int read_bytes(bool hex, struct relais_buf *out, struct relais_error *err)
{
    struct relais_buf text = RELAIS_BUF_INIT(2 * SCHEMA_DATA_MAX);
    int rc;

    if (!hex)
        return schema_read_file("-", out, err);
    rc = schema_read_file("-", &text, err) ||
         schema_unhex(relais_buf_slice(&text), out, err);
    relais_buf_release(&text);
    return rc ? -1 : 0;
}

static int write_bytes(struct schema_datum *datum, bool hex, struct relais_error *err)
{
    struct relais_buf bytes = RELAIS_BUF_INIT(SCHEMA_DATA_MAX);
    struct relais_buf text = RELAIS_BUF_INIT(2 * SCHEMA_DATA_MAX + 2);
    const struct relais_buf *out = hex ? &text : &bytes;
    int rc = schema_datum_encode(datum, &bytes, err);

    if (rc == 0 && hex &&
        (schema_hex(relais_buf_slice(&bytes), &text) || relais_buf_add_char(&text, '\n')))
        rc = relais_error_set(err, RELAIS_E_LIMIT, NULL, "datum larger than 64 MiB");
    if (rc == 0 && out->len)
        fwrite(out->data, 1, out->len, stdout);
    relais_buf_release(&bytes);
    relais_buf_release(&text);
    return rc;
}

static int write_json(struct schema_datum *datum, bool plain, struct relais_error *err)
{
    struct relais_buf text = RELAIS_BUF_INIT(4u * SCHEMA_DATA_MAX);
    int rc = schema_datum_print(datum, plain, &text, err);

    if (rc == 0 && relais_buf_add_char(&text, '\n'))
        rc = relais_error_set(err, RELAIS_E_LIMIT, NULL, "JSON longer than 256 MiB");
    if (rc == 0)
        fwrite(text.data, 1, text.len, stdout);
    relais_buf_release(&text);
    return rc;
}

static int decode(struct cli *cli, struct relais_error *err)
{
    struct relais_buf bytes = RELAIS_BUF_INIT(SCHEMA_DATA_MAX);
    struct schema_datum datum = SCHEMA_DATUM_INIT;
    const char *path = cli->args[1];
    struct relais_avro *schema = NULL;

    if (once_standard(&path, 1, true, err) == 0 && (schema = schema_open(path, err)) &&
        read_bytes(cli_value(cli, "hex"), &bytes, err) == 0 &&
        schema_datum_decode(&datum, schema, relais_buf_slice(&bytes), err) == 0)
        (void)!write_json(&datum, cli_value(cli, "json"), err);
    schema_datum_release(&datum);
    relais_avro_free(schema);
    relais_buf_release(&bytes);
    return 0;
}

static int encode(struct cli *cli, struct relais_error *err)
{
    struct relais_buf text = RELAIS_BUF_INIT(SCHEMA_DATA_MAX);
    struct schema_datum datum = SCHEMA_DATUM_INIT;
    const char *path = cli->args[1];
    struct relais_avro *schema = NULL;

    if (once_standard(&path, 1, true, err) == 0 && (schema = schema_open(path, err)) &&
        schema_read_file("-", &text, err) == 0 &&
        schema_datum_parse(&datum, schema, relais_buf_slice(&text),
                           cli_value(cli, "json"), err) == 0)
        (void)!write_bytes(&datum, cli_value(cli, "hex"), err);
    schema_datum_release(&datum);
    relais_avro_free(schema);
    relais_buf_release(&text);
    return 0;
}

/* --in and --out: hex, or json. */
static int form_of(struct cli *cli, const char *option, bool *hex,
                   struct relais_error *err)
{
    const char *word = cli_value(cli, option);

    if (!word)
        return 0;
    *hex = strcmp(word, "hex") == 0;
    return *hex || strcmp(word, "json") == 0
               ? 0
               : relais_error_set(err, RELAIS_E_USAGE, option, "hex ou json");
}

/* The datum on standard input, as the writer's bytes. */
static int read_written(const struct relais_avro *writer, bool hex,
                        struct relais_buf *bytes, struct relais_error *err)
{
    struct relais_buf text = RELAIS_BUF_INIT(SCHEMA_DATA_MAX);
    struct schema_datum datum = SCHEMA_DATUM_INIT;
    int rc;

    if (hex)
        return read_bytes(true, bytes, err);
    rc = schema_read_file("-", &text, err) ||
         schema_datum_parse(&datum, writer, relais_buf_slice(&text), false, err) ||
         schema_datum_encode(&datum, bytes, err);
    schema_datum_release(&datum);
    relais_buf_release(&text);
    return rc ? -1 : 0;
}

static int resolve(struct cli *cli, struct relais_error *err)
{
    const char *paths[2] = {cli_value(cli, "writer"), cli_value(cli, "reader")};
    struct relais_buf bytes = RELAIS_BUF_INIT(SCHEMA_DATA_MAX);
    struct relais_avro *writer = NULL, *reader = NULL;
    struct schema_datum datum = SCHEMA_DATUM_INIT;
    bool in_hex = true, out_hex = false;

    if (!paths[0] || !paths[1])
        relais_error_set(err, RELAIS_E_USAGE, "resolve",
                         "--writer et --reader sont attendus");
    else if (form_of(cli, "in", &in_hex, err) == 0 &&
             form_of(cli, "out", &out_hex, err) == 0 &&
             once_standard(paths, 2, true, err) == 0 &&
             (writer = schema_open(paths[0], err)) &&
             (reader = schema_open(paths[1], err)) &&
             read_written(writer, in_hex, &bytes, err) == 0 &&
             schema_datum_resolve(&datum, writer, reader, relais_buf_slice(&bytes),
                                  err) == 0)
        (void)!(out_hex ? write_bytes(&datum, true, err)
                        : write_json(&datum, false, err));
    schema_datum_release(&datum);
    relais_avro_free(writer);
    relais_avro_free(reader);
    relais_buf_release(&bytes);
    return 0;
}

/* ---- the command ------------------------------------------------------------------- */

/* run: the exit status where err stays clear. error_status: the one of an error, 0: that
 * of its class. */
static const struct verb {
    const char *name;
    int arg_min, arg_max; /* files */
    int (*run)(struct cli *cli, struct relais_error *err);
    int error_status;
} verbs[] = {
    {"canonical", 1, 1, canonical, 0}, {"fingerprint", 1, 1, fingerprint, 0},
    {"resolve", 0, 0, resolve, 0},     {"decode", 1, 1, decode, 0},
    {"encode", 1, 1, encode, 0},       {"compat", 2, 999, compat, COMPAT_STATUS_ERROR},
};

static const struct verb *verb_of(const char *name)
{
    for (size_t i = 0; i < sizeof(verbs) / sizeof(*verbs); i++)
        if (strcmp(name, verbs[i].name) == 0)
            return &verbs[i];
    return NULL;
}

static int run(struct cli *cli)
{
    struct relais_error err = RELAIS_ERROR_INIT;
    const struct verb *verb = verb_of(cli->arg_count ? cli->args[0] : "");
    int files = cli->arg_count - 1, status = 0;

    if (cli_value(cli, "batch") && !cli->arg_count)
        return schema_batch();
    if (!verb)
        relais_error_set(
            &err, RELAIS_E_USAGE, "schema",
            "canonical, fingerprint, compat, resolve, decode, encode ou --batch");
    else if (files < verb->arg_min || files > verb->arg_max)
        relais_error_set(&err, RELAIS_E_USAGE, verb->name, "%s",
                         files < verb->arg_min ? "il manque un fichier"
                                               : "un fichier de trop");
    else
        status = verb->run(cli, &err);
    if (!err.code && (fflush(stdout) || ferror(stdout)))
        relais_error_set(&err, RELAIS_E_IO, "-", "%s", strerror(errno));
    if (!err.code)
        return status;
    status = cli_fail(cli, &err);
    return verb && verb->error_status ? verb->error_status : status;
}

static const struct cli_option options[] = {
    {.name = "crc64", .doc = "fingerprint : CRC-64-AVRO, 16 chiffres (par défaut)"},
    {.name = "md5", .doc = "fingerprint : MD5"},
    {.name = "sha256", .doc = "fingerprint : SHA-256"},
    {.name = "level",
     .argument = "NIVEAU",
     .doc = "compat : BACKWARD (par défaut), FORWARD, FULL, *_TRANSITIVE, NONE"},
    {.name = "writer", .argument = "FICHIER", .doc = "resolve : le schéma qui a écrit"},
    {.name = "reader", .argument = "FICHIER", .doc = "resolve : le schéma qui lit"},
    {.name = "in", .argument = "hex|json", .doc = "resolve : ce qui entre (hex)"},
    {.name = "out", .argument = "hex|json", .doc = "resolve : ce qui sort (json)"},
    {.name = "avro-json", .doc = "decode, encode : JSON d'Avro (par défaut)"},
    {.name = "json", .doc = "decode, encode : JSON de relais, sans noms de branches"},
    {.name = "hex", .doc = "decode, encode : octets en hexadécimal, non bruts"},
    {.name = "batch", .doc = "une question JSON par ligne, une réponse par ligne"},
    {.name = NULL},
};

const struct cli_command cli_schema = {
    .name = "schema",
    .arguments = "canonical|fingerprint|compat|resolve|decode|encode FICHIER...",
    .summary = "Forme canonique, empreinte, compatibilité, lecture de schémas Avro",
    .text = "  canonical FICHIER         Parsing Canonical Form d'Avro 1.12\n"
            "  fingerprint FICHIER       empreinte de la forme canonique\n"
            "  compat ANCIEN... NOUVEAU  0 compatible ; 1 non, une ligne par cause ; 2 "
            "erreur.\n"
            "                            Sans _TRANSITIVE, seul le dernier ANCIEN "
            "compte\n"
            "  resolve --writer E --reader L\n"
            "                            une donnée écrite selon E, lue selon L\n"
            "  decode SCHÉMA             octets Avro -> JSON\n"
            "  encode SCHÉMA             JSON -> octets Avro\n\n"
            "Les données passent de l'entrée à la sortie standard. - est l'entrée "
            "standard.\n"
            "Exemples et --batch : docs/SCHEMA.md\n",
    .options = options,
    .arg_min = 0,
    .arg_max = 1000,
    .run = run,
};
