#include "connectors/pg_column.h"

/* Kinds of values as bits; a uuid is a text of 36 characters. */
#define BIT(kind) (1u << (kind))
#define UUID      BIT(RELAIS_VALUE_RECORD + 1)
#define TEXT      (BIT(RELAIS_VALUE_STRING) | UUID)
#define WHOLE     BIT(RELAIS_VALUE_LONG)
#define REAL      BIT(RELAIS_VALUE_DOUBLE)
#define DAY       BIT(RELAIS_VALUE_DAY)
#define INSTANT   BIT(RELAIS_VALUE_INSTANT)
#define BYTES     BIT(RELAIS_VALUE_BYTES)
#define OPEN      (~BYTES)

/* The first row that fits; type NULL: every other of the category. Of no row: nothing
 * goes in (arrays, composites, ranges, networks...). */
static const struct {
    char category;
    const char *type;
    unsigned kinds;
} accepted[] = {
    {'B', NULL, BIT(RELAIS_VALUE_BOOL)},
    {'N', "int2", WHOLE},
    {'N', "int4", WHOLE},
    {'N', "int8", WHOLE},
    {'N', "numeric", WHOLE | REAL},
    {'N', "float8", WHOLE | REAL},
    {'N', "float4", REAL},
    {'S', NULL, OPEN},
    {'E', NULL, BIT(RELAIS_VALUE_STRING)},
    {'D', "date", DAY},
    {'D', "timestamptz", DAY | INSTANT},
    {'D', "timestamp", DAY | INSTANT},
    {'U', "uuid", UUID},
    {'U', "bytea", BYTES},
    {'U', "json", OPEN},
    {'U', "jsonb", OPEN},
    {'U', NULL, TEXT},
};

static const char *const wanted[] = {
    [RELAIS_VALUE_BOOL] = "boolean", [RELAIS_VALUE_LONG] = "bigint",
    [RELAIS_VALUE_BYTES] = "bytea",  [RELAIS_VALUE_DOUBLE] = "double precision",
    [RELAIS_VALUE_STRING] = "text",  [RELAIS_VALUE_DAY] = "date",
    [RELAIS_VALUE_ARRAY] = "jsonb",  [RELAIS_VALUE_INSTANT] = "timestamptz",
    [RELAIS_VALUE_RECORD] = "jsonb", [RELAIS_VALUE_NULL] = "jsonb",
};

static bool is_uuid(const struct relais_value *v)
{
    return v->kind == RELAIS_VALUE_STRING && v->text.len == 36;
}

enum pg_form pg_column_form(const char *type)
{
    if (strcmp(type, "bytea") == 0)
        return PG_FORM_BYTES;
    return strcmp(type, "json") == 0 || strcmp(type, "jsonb") == 0 ? PG_FORM_JSON
                                                                   : PG_FORM_TEXT;
}

bool pg_column_takes(const struct pg_target_column *column, const struct relais_value *v)
{
    unsigned kind = is_uuid(v) ? UUID : BIT(v->kind);
    size_t i = 0, count = sizeof(accepted) / sizeof(*accepted);

    if (v->kind == RELAIS_VALUE_NULL)
        return true;
    while (i < count && (accepted[i].category != column->category ||
                         (accepted[i].type && strcmp(accepted[i].type, column->type))))
        i++;
    return i < count && (accepted[i].kinds & kind);
}

const char *pg_column_wanted(const struct relais_value *v)
{
    return is_uuid(v) ? "uuid" : wanted[v->kind];
}
