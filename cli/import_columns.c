/* The columns that EventRouter places beside the payload, and what relais has for them.
 */
#include "cli/import.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define COLUMNS_MAX 1000
#define TRACEPARENT "traceparent"

/* column:placement[:alias] */
struct column {
    char text[64 * 3]; /* what the others point into */
    const char *name, *placement, *alias;
};

/* Headers by what they are often called elsewhere, and which of relais's says it. */
static const struct {
    const char *alias; /* NULL: any other */
    const char *why;
} headers[] = {
    {"id", "l'en-tête ce_id porte l'identifiant de l'événement"},
    {"eventId", "l'en-tête ce_id porte l'identifiant de l'événement"},
    {"type", "l'en-tête ce_type porte le type du contrat, non cette colonne"},
    {"eventType", "l'en-tête ce_type porte le type du contrat, non cette colonne"},
    {NULL, "les en-têtes sont ceux de CloudEvents et traceparent ; une colonne peut "
           "remplir un champ du contrat (connector.columns, colonne=champ)"},
};

static bool is_name(const char *s)
{
    size_t len = strlen(s);

    for (size_t i = 0; i < len; i++)
        if (!isalnum((unsigned char)s[i]) && !strchr("_-.", s[i]))
            return false;
    return len > 0 && len < 64;
}

/* false: not of that form, or with names that have no place in an INI. */
static bool read_column(struct relais_slice text, struct column *out)
{
    char *rest = out->text;

    text = relais_slice_trim(text);
    if (text.len >= sizeof(out->text))
        return false;
    relais_slice_copy(text, out->text, sizeof(out->text));
    out->name = strsep(&rest, ":");
    out->placement = rest ? strsep(&rest, ":") : "";
    out->alias = rest ? rest : out->name;
    return is_name(out->name) && is_name(out->placement) && is_name(out->alias);
}

static void tell_header(struct import *im, const char *said, const char *alias)
{
    size_t i = 0;

    while (headers[i].alias && strcasecmp(headers[i].alias, alias) != 0)
        i++;
    import_tell(im, IMPORT_LEFT, said, headers[i].why);
}

static void take_column(struct import *im, const char *prop, const struct column *c,
                        struct relais_buf *columns)
{
    char said[500];

    snprintf(said, sizeof(said), "%s, %s:%s:%s", prop, c->name, c->placement, c->alias);
    if (strcasecmp(c->placement, "partition") == 0)
        import_tell(im, IMPORT_LEFT, said, "la partition est celle du dossier");
    else if (strcasecmp(c->placement, "envelope") == 0)
        import_tell(
            im, IMPORT_OPEN, said,
            "connector.columns, colonne=champ : le champ du contrat reste à dire");
    else if (strcasecmp(c->placement, "header") != 0)
        import_tell(im, IMPORT_OPEN, said, "placement inconnu ici");
    else if (strcasecmp(c->alias, TRACEPARENT) != 0)
        tell_header(im, said, c->alias);
    else if (columns->len)
        import_tell(im, IMPORT_OPEN, said, "une autre colonne donne déjà traceparent");
    else if (relais_buf_printf(columns, "%s=%s", c->name, TRACEPARENT))
        import_tell(im, IMPORT_OPEN, said, "trop long");
    else
        import_tell(im, IMPORT_TAKEN, said, "connector.columns");
}

void import_take_columns(struct import *im, const char *prop, const char *name,
                         struct relais_slice value)
{
    struct relais_buf columns = RELAIS_BUF_INIT(COLUMNS_MAX);
    const char *why = import_refusal(value);

    if (why) {
        import_tell(im, IMPORT_OPEN, prop, why);
        return;
    }
    while (value.len) {
        const char *comma = memchr(value.ptr, ',', value.len);
        size_t len = comma ? (size_t)(comma - value.ptr) : value.len;
        struct column c;

        if (read_column((struct relais_slice){value.ptr, len}, &c))
            take_column(im, prop, &c, &columns);
        else
            import_tell(im, IMPORT_OPEN, prop,
                        "colonne:placement:nom est attendu, avec des noms simples");
        value.ptr += len + (comma != NULL);
        value.len -= len + (comma != NULL);
    }
    if (columns.len)
        import_add_key(im, name, relais_buf_slice(&columns));
    relais_buf_release(&columns);
}
