#include "connectors/pg_mapping_sql.h"

enum kind { TEXT, WHOLE, DECIMAL, BOOL, DATE, ZONED, LOCAL, BYTES, JSON };

static enum kind kind_of(const char *type)
{
    static const struct {
        const char *type;
        enum kind kind;
    } kinds[] = {
        {"int2", WHOLE},        {"int4", WHOLE},      {"int8", WHOLE},
        {"oid", WHOLE},         {"numeric", DECIMAL}, {"float4", DECIMAL},
        {"float8", DECIMAL},    {"bool", BOOL},       {"date", DATE},
        {"timestamptz", ZONED}, {"timestamp", LOCAL}, {"bytea", BYTES},
        {"json", JSON},         {"jsonb", JSON},
    };

    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
        if (strcmp(kinds[i].type, type) == 0)
            return kinds[i].kind;
    return TEXT;
}

#define TRIMMED  "nullif(btrim((%s)::text), '')"
#define TRUE_DAY "CASE WHEN extract(year FROM %s) IN (1, 9999) THEN NULL ELSE %s END"
#define DIGITS   "'^[+-]?[0-9]{1,18}$'"
#define UTC_TEXT "'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"'"
#define BOOL_TEXT                                                                        \
    "CASE lower(btrim((%s)::text)) WHEN '1' THEN to_json(true) WHEN 'true' THEN "        \
    "to_json(true) WHEN 'o' THEN to_json(true) WHEN '0' THEN to_json(false) "            \
    "WHEN 'false' THEN to_json(false) WHEN 'n' THEN to_json(false) WHEN '' THEN NULL "   \
    "ELSE to_json((%s)::text) END"
#define WHOLE_TEXT                                                                       \
    "CASE WHEN btrim((%s)::text) ~ " DIGITS " THEN to_json(btrim((%s)::text)::int8) "    \
    "WHEN btrim((%s)::text) = '' THEN NULL ELSE to_json((%s)::text) END"

/* What a column of a kind becomes, asked as `as` ("": as it is). %s: the expression, as
 * often as it stands there. What cannot be converted stays what it is, so that the check
 * stage parks the object; nothing is made null that said something. */
static const struct {
    const char *as;
    unsigned kinds; /* bits */
    const char *sql;
} forms[] = {
#define K(k) (1u << (k))
    {"", K(TEXT), TRIMMED},
    {"", K(WHOLE) | K(BOOL) | K(JSON), "%s"},
    {"", K(DATE), TRUE_DAY},
    {"", K(ZONED), "to_char(%s AT TIME ZONE 'UTC', " UTC_TEXT ")"},
    {"", K(LOCAL),
     "to_char(%s AT TIME ZONE 'Europe/Paris' AT TIME ZONE 'UTC', " UTC_TEXT ")"},
    {"", K(BYTES), "translate(encode(%s, 'base64'), E'\\n', '')"},
    {"text", K(TEXT) | K(WHOLE) | K(DECIMAL) | K(DATE) | K(BOOL), TRIMMED},
    {"integer", K(WHOLE) | K(DECIMAL), "trim_scale((%s)::numeric)"},
    {"integer", K(TEXT), WHOLE_TEXT},
    {"centimes", K(WHOLE) | K(DECIMAL), "trim_scale((%s)::numeric * 100)"},
    {"boolean", K(TEXT) | K(WHOLE) | K(BOOL), BOOL_TEXT},
    {"day", K(DATE), TRUE_DAY},
    {"day", K(TEXT), TRIMMED},
    {"day", K(LOCAL), "(%s)::date"},
    {"day", K(ZONED), "(%s AT TIME ZONE 'Europe/Paris')::date"},
    {"month", K(DATE) | K(LOCAL), "date_trunc('month', %s)::date"},
#undef K
};

const char *pg_mapping_form(const char *type, const char *as)
{
    unsigned kind = 1u << kind_of(type);

    for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++)
        if (strcmp(forms[i].as, as) == 0 && forms[i].kinds & kind)
            return forms[i].sql;
    return NULL;
}
