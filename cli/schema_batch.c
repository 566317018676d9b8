/* relais schema --batch: one JSON object a line in, one out. A line is only split into
 * its members here; each value is then read by who needs it, so that `id` and schemas
 * pass as they came, and a line that is broken somewhere still gets its id back. */
#include "cli/schema.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#define LINE_MAX_LEN (16u << 20)
#define READ_BYTES   (64u << 10)

enum member {
    MEMBER_ID,
    MEMBER_OP,
    MEMBER_SCHEMA,
    MEMBER_WRITER,
    MEMBER_READER,
    MEMBER_LEVEL,
    MEMBER_HEX,
    MEMBER_JSON,
    MEMBER_COUNT,
};

static const char *const member_names[] = {
    [MEMBER_ID] = "id",         [MEMBER_OP] = "op",         [MEMBER_SCHEMA] = "schema",
    [MEMBER_WRITER] = "writer", [MEMBER_READER] = "reader", [MEMBER_LEVEL] = "level",
    [MEMBER_HEX] = "hex",       [MEMBER_JSON] = "json",
};

/* One line: its values as written (ptr NULL: absent) and what is made for it. */
struct request {
    struct relais_slice value[MEMBER_COUNT];
    struct relais_arena arena; /* texts of the line */
    struct relais_avro *schema, *writer, *reader;
    struct relais_buf *out; /* the answer's `out` */
    struct relais_error err;
};

/* ---- a line into members ----------------------------------------------------------- */

struct scan {
    const char *at, *end;
};

static void skip_blank(struct scan *s)
{
    while (s->at < s->end &&
           (*s->at == ' ' || *s->at == '\t' || *s->at == '\r' || *s->at == '\n'))
        s->at++;
}

static bool take(struct scan *s, char c)
{
    skip_blank(s);
    if (s->at == s->end || *s->at != c)
        return false;
    s->at++;
    return true;
}

/* A text with its quotes, unread. */
static bool take_text(struct scan *s, struct relais_slice *out)
{
    const char *from;

    skip_blank(s);
    from = s->at;
    if (!take(s, '"'))
        return false;
    while (s->at < s->end && *s->at != '"')
        s->at += *s->at == '\\' && s->at + 1 < s->end ? 2 : 1;
    if (s->at == s->end)
        return false;
    s->at++;
    *out = (struct relais_slice){from, (size_t)(s->at - from)};
    return true;
}

/* A value, unread: to the comma or bracket that ends it. */
static bool take_value(struct scan *s, struct relais_slice *out)
{
    const char *from;
    struct relais_slice text;
    size_t depth = 0;

    skip_blank(s);
    from = s->at;
    while (s->at < s->end) {
        char c = *s->at;

        if (depth == 0 && (c == ',' || c == '}' || c == ']'))
            break;
        if (c == '"') {
            if (!take_text(s, &text))
                return false;
            continue;
        }
        depth += c == '{' || c == '[';
        depth -= c == '}' || c == ']';
        s->at++;
    }
    *out = relais_slice_trim((struct relais_slice){from, (size_t)(s->at - from)});
    return depth == 0 && out->len;
}

static bool split(struct request *r, struct relais_slice line)
{
    struct scan s = {line.ptr, line.ptr + line.len};
    struct relais_slice name, value;

    if (!take(&s, '{'))
        return false;
    if (!take(&s, '}')) {
        do {
            if (!take_text(&s, &name) || !take(&s, ':') || !take_value(&s, &value))
                return false;
            for (int i = 0; i < MEMBER_COUNT; i++)
                if (name.len == strlen(member_names[i]) + 2 &&
                    memcmp(name.ptr + 1, member_names[i], name.len - 2) == 0)
                    r->value[i] = value;
        } while (take(&s, ','));
        if (!take(&s, '}'))
            return false;
    }
    skip_blank(&s);
    return s.at == s.end;
}

/* ---- values ------------------------------------------------------------------------ */

/* A member that must be a text. ptr NULL: error set. */
static struct relais_slice text_of(struct request *r, enum member member)
{
    struct relais_slice none = RELAIS_SLICE_NULL;
    struct relais_value *v;

    if (!r->value[member].ptr) {
        relais_error_set(&r->err, RELAIS_E_USAGE, member_names[member], "absent");
        return none;
    }
    v = relais_value_parse(&r->arena, r->value[member], &r->err);
    if (!v) {
        relais_error_prefix(&r->err, member_names[member]);
        return none;
    }
    if (v->kind != RELAIS_VALUE_STRING) {
        relais_error_set(&r->err, RELAIS_E_USAGE, member_names[member], "not a text");
        return none;
    }
    return v->text;
}

/* A schema: its text in a text, or itself. */
static struct relais_avro *schema_of(struct request *r, enum member member)
{
    struct relais_slice text = r->value[member];
    struct relais_avro *schema;

    if (!text.ptr || (text.ptr[0] != '{' && text.ptr[0] != '['))
        text = text_of(r, member);
    if (!text.ptr)
        return NULL;
    schema = relais_avro_new(text, &r->err);
    if (!schema && member != MEMBER_SCHEMA)
        relais_error_prefix(&r->err, member_names[member]);
    return schema;
}

static int hex_of(struct request *r, struct relais_buf *bytes)
{
    struct relais_slice hex = text_of(r, MEMBER_HEX);

    return hex.ptr ? schema_unhex(hex, bytes, &r->err) : -1;
}

static int full(struct request *r)
{
    return relais_error_set(&r->err, RELAIS_E_LIMIT, NULL, "answer longer than 64 MiB");
}

static int parse_datum(struct request *r, const struct relais_avro *schema,
                       struct schema_datum *datum)
{
    if (!r->value[MEMBER_JSON].ptr)
        return relais_error_set(&r->err, RELAIS_E_USAGE, "json", "absent");
    return schema_datum_parse(datum, schema, r->value[MEMBER_JSON], false, &r->err);
}

/* {"hex":"...","json":...} */
static int put_datum(struct request *r, struct schema_datum *datum)
{
    struct relais_buf bytes = RELAIS_BUF_INIT(SCHEMA_DATA_MAX);
    int rc = -1;

    if (schema_datum_encode(datum, &bytes, &r->err))
        goto out;
    if (relais_buf_add_str(r->out, "{\"hex\":\"") ||
        schema_hex(relais_buf_slice(&bytes), r->out) ||
        relais_buf_add_str(r->out, "\",\"json\":")) {
        full(r);
        goto out;
    }
    if (schema_datum_print(datum, false, r->out, &r->err))
        goto out;
    rc = relais_buf_add_char(r->out, '}') ? full(r) : 0;
out:
    relais_buf_release(&bytes);
    return rc;
}

/* ---- what can be asked ------------------------------------------------------------- */

/* {"type":"record","name":"fr.relais.R"} */
static int op_parse(struct request *r)
{
    const struct relais_avro_type *root = relais_avro_root(r->schema);

    return relais_buf_printf(r->out, "{\"type\":\"%s\"%s%s%s}",
                             relais_avro_kind_name(root->kind),
                             root->name ? ",\"name\":\"" : "",
                             root->name ? root->name : "", root->name ? "\"" : "")
               ? full(r)
               : 0;
}

static int op_canonical(struct request *r)
{
    struct relais_buf text = RELAIS_BUF_INIT(SCHEMA_DATA_MAX);
    int rc = relais_avro_canonical(r->schema, &text) ||
                     relais_json_string(r->out, relais_buf_slice(&text))
                 ? full(r)
                 : 0;

    relais_buf_release(&text);
    return rc;
}

static int op_fingerprint(struct request *r)
{
    struct schema_fingerprints prints;

    if (schema_fingerprint(r->schema, &prints, &r->err))
        return -1;
    return relais_buf_printf(r->out,
                             "{\"crc64\":\"%s\",\"md5\":\"%s\",\"sha256\":\"%s\"}",
                             prints.crc64, prints.md5, prints.sha256)
               ? full(r)
               : 0;
}

static int put_cause(struct request *r, const struct relais_compat_cause *cause)
{
    const char *const parts[][2] = {
        {"{\"rule\":", relais_compat_rule_name(cause->rule)},
        {",\"direction\":", cause->forward ? "FORWARD" : "BACKWARD"},
        {",\"path\":", cause->path},
        {",\"reader\":", cause->reader},
        {",\"writer\":", cause->writer},
        {",\"text\":", cause->text},
    };

    for (size_t i = 0; i < sizeof(parts) / sizeof(*parts); i++)
        if (relais_buf_add_str(r->out, parts[i][0]) ||
            relais_json_string(r->out, relais_slice_str(parts[i][1])))
            return full(r);
    return relais_buf_add_char(r->out, '}') ? full(r) : 0;
}

static int put_report(struct request *r, const struct relais_compat *report)
{
    if (relais_buf_printf(r->out, "{\"compatible\":%s,\"causes\":[",
                          report->total ? "false" : "true"))
        return full(r);
    for (size_t i = 0; i < report->count; i++)
        if ((i && relais_buf_add_char(r->out, ',')) || put_cause(r, &report->causes[i]))
            return full(r);
    return relais_buf_add_str(r->out, "]}") ? full(r) : 0;
}

/* writer: the older, reader: the newer. */
static int op_compat(struct request *r)
{
    enum relais_compat_level level = RELAIS_COMPAT_BACKWARD;
    struct relais_compat report = RELAIS_COMPAT_INIT;
    const struct relais_avro *older = r->writer;
    struct relais_slice word = RELAIS_SLICE("");
    int rc;

    if (r->value[MEMBER_LEVEL].ptr) {
        word = text_of(r, MEMBER_LEVEL);
        level = word.ptr ? relais_compat_level_parse(word.ptr) : RELAIS_COMPAT_UNSET;
    }
    if (level == RELAIS_COMPAT_UNSET)
        return relais_error_set(&r->err, RELAIS_E_USAGE, "level",
                                "NONE, BACKWARD, FORWARD, FULL, or one of them "
                                "_TRANSITIVE");
    rc = relais_compat_check(r->reader, &older, 1, level, &report, &r->err) ||
         put_report(r, &report);
    relais_compat_release(&report);
    return rc ? -1 : 0;
}

/* The datum is given as the writer's bytes, or as JSON. */
static int op_resolve(struct request *r)
{
    struct relais_buf bytes = RELAIS_BUF_INIT(SCHEMA_DATA_MAX);
    struct schema_datum written = SCHEMA_DATUM_INIT, read = SCHEMA_DATUM_INIT;
    int rc;

    if (r->value[MEMBER_HEX].ptr)
        rc = hex_of(r, &bytes);
    else
        rc = parse_datum(r, r->writer, &written) ||
             schema_datum_encode(&written, &bytes, &r->err);
    if (rc == 0)
        rc = schema_datum_resolve(&read, r->writer, r->reader, relais_buf_slice(&bytes),
                                  &r->err) ||
             put_datum(r, &read);
    schema_datum_release(&read);
    schema_datum_release(&written);
    relais_buf_release(&bytes);
    return rc ? -1 : 0;
}

static int op_encode(struct request *r)
{
    struct schema_datum datum = SCHEMA_DATUM_INIT;
    int rc = parse_datum(r, r->schema, &datum) || put_datum(r, &datum);

    schema_datum_release(&datum);
    return rc ? -1 : 0;
}

static int op_decode(struct request *r)
{
    struct relais_buf bytes = RELAIS_BUF_INIT(SCHEMA_DATA_MAX);
    struct schema_datum datum = SCHEMA_DATUM_INIT;
    int rc = hex_of(r, &bytes) ||
             schema_datum_decode(&datum, r->schema, relais_buf_slice(&bytes), &r->err) ||
             put_datum(r, &datum);

    schema_datum_release(&datum);
    relais_buf_release(&bytes);
    return rc ? -1 : 0;
}

static const struct {
    const char *name;
    bool pair; /* takes writer and reader, not schema */
    int (*run)(struct request *r);
} ops[] = {
    {"parse", false, op_parse},
    {"canonical", false, op_canonical},
    {"fingerprint", false, op_fingerprint},
    {"compat", true, op_compat},
    {"resolve", true, op_resolve},
    {"encode", false, op_encode},
    {"decode", false, op_decode},
};

static int carry_out(struct request *r)
{
    struct relais_slice name = text_of(r, MEMBER_OP);

    for (size_t i = 0; name.ptr && i < sizeof(ops) / sizeof(*ops); i++) {
        if (!relais_slice_is(name, ops[i].name))
            continue;
        if (ops[i].pair ? !(r->writer = schema_of(r, MEMBER_WRITER)) ||
                              !(r->reader = schema_of(r, MEMBER_READER))
                        : !(r->schema = schema_of(r, MEMBER_SCHEMA)))
            return -1;
        return ops[i].run(r);
    }
    return relais_error_set(&r->err, RELAIS_E_USAGE, "op",
                            "parse, canonical, fingerprint, compat, resolve, encode or "
                            "decode");
}

/* ---- answers ----------------------------------------------------------------------- */

static int put_error(const struct relais_error *err, struct relais_buf *out)
{
    return relais_buf_printf(out, ",\"ok\":false,\"error\":{\"code\":\"%s\",\"where\":",
                             relais_error_name(err->code)) ||
           relais_json_string(out, relais_slice_str(err->where)) ||
           relais_buf_add_str(out, ",\"text\":") ||
           relais_json_string(
               out, relais_slice_str(err->text[0] ? err->text
                                                  : relais_error_meaning(err->code))) ||
           relais_buf_add_str(out, "}}\n");
}

/* The id as it came; what is no JSON is told as null. */
static struct relais_slice id_of(struct request *r)
{
    struct relais_slice id = r->value[MEMBER_ID];

    if (!id.ptr || !relais_value_parse(&r->arena, id, NULL))
        return RELAIS_SLICE("null");
    return id;
}

/* why: the line was refused before; NULL: not so. */
static void answer(struct relais_slice line, const char *why, struct relais_buf *out,
                   struct relais_buf *result)
{
    struct request r = {.arena = RELAIS_ARENA_INIT(SCHEMA_DATA_MAX), .out = result};
    struct relais_slice id;

    relais_buf_clear(out);
    relais_buf_clear(result);
    if (!split(&r, line) || why) /* what came before the break is known: the id */
        relais_error_set(&r.err, why ? RELAIS_E_LIMIT : RELAIS_E_JSON_INVALID, NULL, "%s",
                         why ? why : "not one JSON object");
    else
        carry_out(&r);
    id = id_of(&r);
    if (relais_buf_add_str(out, "{\"id\":") || relais_buf_add_slice(out, id) ||
        (r.err.code ? put_error(&r.err, out)
                    : relais_buf_add_str(out, ",\"ok\":true,\"out\":") ||
                          relais_buf_add_slice(out, relais_buf_slice(result)) ||
                          relais_buf_add_str(out, "}\n")))
        relais_buf_clear(out);
    fwrite(out->data, 1, out->len, stdout);
    relais_avro_free(r.schema);
    relais_avro_free(r.writer);
    relais_avro_free(r.reader);
    relais_arena_release(&r.arena);
}

struct reader {
    char data[READ_BYTES];
    size_t at, len;
};

/* The next line into `line`, without its end. 1: one; 0: the input has ended; 2: longer
 * than allowed, passed over. What is answered goes out before more is waited for. */
static int next_line(struct reader *in, struct relais_buf *line)
{
    bool any = false, lost = false;

    relais_buf_clear(line);
    for (;;) {
        const char *from = in->data + in->at, *end;
        size_t n;

        if (in->at == in->len) {
            ssize_t got;

            fflush(stdout);
            do
                got = read(STDIN_FILENO, in->data, sizeof(in->data));
            while (got < 0 && errno == EINTR);
            if (got <= 0)
                return lost ? 2 : any;
            in->at = 0;
            in->len = (size_t)got;
            continue;
        }
        any = true;
        end = memchr(from, '\n', in->len - in->at);
        n = end ? (size_t)(end - from) : in->len - in->at;
        in->at += n + (end != NULL);
        lost = lost || relais_buf_add(line, from, n);
        if (end)
            return lost ? 2 : 1;
    }
}

int schema_batch(void)
{
    static struct reader in;
    struct relais_buf line = RELAIS_BUF_INIT(LINE_MAX_LEN);
    struct relais_buf out = RELAIS_BUF_INIT(8u * SCHEMA_DATA_MAX);
    struct relais_buf result = RELAIS_BUF_INIT(4u * SCHEMA_DATA_MAX);
    int got;

    while ((got = next_line(&in, &line)) != 0) {
        struct relais_slice text = relais_slice_trim(relais_buf_slice(&line));

        if (got == 2)
            answer(text, "line longer than 16 MiB", &out, &result);
        else if (text.len)
            answer(text, NULL, &out, &result);
    }
    relais_buf_release(&line);
    relais_buf_release(&out);
    relais_buf_release(&result);
    return fflush(stdout) || ferror(stdout) ? relais_error_exit(RELAIS_E_IO) : 0;
}
