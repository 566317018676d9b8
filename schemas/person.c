#include "schemas/person.h"

#include "core/day.h"
#include "schemas/rules.h"

#define CANONICAL_MAX 1024
#define NIR_LEN       13

static int full(struct relais_error *err)
{
    return relais_error_set(err, RELAIS_E_LIMIT, "personne",
                            "record larger than its arena");
}

static int put(struct relais_arena *arena, struct relais_value *person, const char *name,
               struct relais_slice text, struct relais_error *err)
{
    struct relais_value *v = relais_value_get(person, name);

    if (!v)
        return relais_value_add_string(arena, person, name, text) ? full(err) : 0;
    v->kind = RELAIS_VALUE_STRING;
    v->text = text;
    return 0;
}

/* The birth day as YYYY-MM-DD; 0 characters: unknown. */
static struct relais_slice birth(const struct relais_value *identite, char out[11])
{
    const struct relais_value *v = relais_value_get(identite, "date_naissance");
    int32_t days;

    if (v && v->kind == RELAIS_VALUE_DAY)
        days = (int32_t)v->number;
    else if (!v || v->kind != RELAIS_VALUE_STRING ||
             !relais_day_parse(relais_slice_trim(v->text), &days))
        return RELAIS_SLICE("");
    relais_day_format(days, out);
    return relais_slice_str(out);
}

/* ec:NOMNAI|PRENOM|DTNAI, with a part missing ed:dossier|NOMNAI|PRENOM|DTNAI. */
static int civil_status(struct relais_slice case_number,
                        const struct relais_value *identite, struct relais_buf *out)
{
    struct relais_buf name = RELAIS_BUF_INIT(CANONICAL_MAX);
    struct relais_buf first = RELAIS_BUF_INIT(CANONICAL_MAX);
    char day_text[11];
    struct relais_slice day = birth(identite, day_text);
    int rc = -1;

    if (relais_canonical_name(relais_value_text(identite, "nom_naissance"), &name) ||
        relais_canonical_name(relais_value_text(identite, "prenom"), &first))
        goto out;
    if (name.len && first.len && day.len) {
        if (relais_buf_add_str(out, "ec:"))
            goto out;
    } else if (relais_buf_add_str(out, "ed:") || relais_buf_add_slice(out, case_number) ||
               relais_buf_add_char(out, '|')) {
        goto out;
    }
    if (relais_buf_add_slice(out, relais_buf_slice(&name)) ||
        relais_buf_add_char(out, '|') ||
        relais_buf_add_slice(out, relais_buf_slice(&first)) ||
        relais_buf_add_char(out, '|') || relais_buf_add_slice(out, day))
        goto out;
    rc = 0;
out:
    relais_buf_release(&name);
    relais_buf_release(&first);
    return rc;
}

int relais_person_complete(struct relais_slice case_number, struct relais_arena *arena,
                           struct relais_value *person, struct relais_error *err)
{
    struct relais_buf text = RELAIS_BUF_INIT(3 * CANONICAL_MAX);
    struct relais_slice nir = relais_slice_trim(relais_value_text(person, "nir"));
    struct relais_slice canonical, status;
    bool valid = relais_nir_valid(nir);
    int rc = -1;

    if (person->kind != RELAIS_VALUE_RECORD)
        return relais_error_set(err, RELAIS_E_FIELD_TYPE, "personnes", "not a record");
    if (valid)
        nir.len = NIR_LEN;
    status = relais_value_text(person, "statut_identite");
    if (!nir.len)
        status = RELAIS_SLICE("SANS_NIR");
    else if (!valid)
        status = RELAIS_SLICE("NIR_INVALIDE");
    else if (!status.len)
        status = RELAIS_SLICE("NIR_NON_CERTIFIE");
    if (put(arena, person, "statut_identite", status, err) ||
        (nir.len && put(arena, person, "nir", nir, err)))
        goto out;
    if (relais_value_text(person, "personne").len) {
        rc = 0;
        goto out;
    }
    if (valid ? relais_buf_add_str(&text, "nir:") || relais_buf_add_slice(&text, nir)
              : civil_status(case_number, relais_value_get(person, "identite"), &text)) {
        relais_error_set(err, RELAIS_E_FIELD_LENGTH, "identite", "civil status too long");
        goto out;
    }
    canonical = relais_arena_slice(arena, relais_buf_slice(&text));
    rc = canonical.ptr ? put(arena, person, "personne", canonical, err) : full(err);
out:
    relais_buf_release(&text);
    return rc;
}
