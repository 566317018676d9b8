#include "schemas/check.h"

#include "core/day.h"
#include "schemas/family.h"
#include "schemas/rules.h"

#include <stddef.h>
#include <stdio.h>

#include "contracts/entete.h"

#define CASE_NUMBER_MAX 64

static const char no_id[] = "00000000-0000-0000-0000-000000000000";

/* What the visit of a record's fields needs. */
struct checking {
    const struct relais_checker *checker;
    struct relais_checked *out;
    struct relais_arena *arena;
    struct relais_slice case_pseudonym;
    int32_t day;
};

static int full(struct relais_error *err, const char *where)
{
    return relais_error_set(err, RELAIS_E_LIMIT, where, "record larger than its arena");
}

void relais_check_warn(struct relais_checked *checked, enum relais_code code,
                       const char *where, const char *text)
{
    if (checked->warning_count < RELAIS_WARNINGS_MAX) {
        struct relais_error *w = &checked->warnings[checked->warning_count++];

        *w = (struct relais_error)RELAIS_ERROR_INIT;
        relais_error_set(w, code, where, "%s", text);
    }
}

static int unknown_code(struct relais_checked *checked, const char *variable, bool park,
                        const char *where, struct relais_error *err)
{
    char text[96];

    snprintf(text, sizeof(text), "not in the list %s on the event's day", variable);
    if (park)
        return relais_error_set(err, RELAIS_E_CODE_UNKNOWN, where, "%s", text);
    relais_check_warn(checked, RELAIS_E_CODE_UNKNOWN, where, text);
    return 0;
}

int relais_check_code(const struct relais_checker *checker,
                      struct relais_checked *checked, const char *variable, bool park,
                      const char *where, struct relais_slice code, int32_t day,
                      struct relais_error *err)
{
    return relais_codes_valid(checker->codes, variable, code, day)
               ? 0
               : unknown_code(checked, variable, park, where, err);
}

/* The visits of fields, where err->where is not set: bind says it, with indexes. */
static int check_code(struct checking *c, const struct relais_avro_field *field,
                      const struct relais_avro_place *place, struct relais_slice text,
                      struct relais_error *err)
{
    char path[RELAIS_AVRO_PATH_MAX];

    if (relais_codes_valid(c->checker->codes, field->code, text, c->day))
        return 0;
    return relais_avro_path(place, path, err) ||
                   unknown_code(c->out, field->code, field->code_park, path, err)
               ? -1
               : 0;
}

static int warn_of(struct checking *c, const struct relais_avro_place *place,
                   enum relais_code code, const char *text, struct relais_error *err)
{
    char path[RELAIS_AVRO_PATH_MAX];

    if (relais_avro_path(place, path, err))
        return -1;
    relais_check_warn(c->out, code, path, text);
    return 0;
}

static int check_rule(struct checking *c, const struct relais_avro_field *field,
                      const struct relais_avro_place *place, struct relais_slice text,
                      struct relais_error *err)
{
    const struct relais_rule *rule = relais_rule_find(field->rule);

    if (!rule)
        return relais_error_set(err, RELAIS_E_BUG, NULL, "no rule %s", field->rule);
    switch (rule->check(text)) {
    case RELAIS_RULE_OK:
        break;
    case RELAIS_RULE_WARN:
        return warn_of(c, place, RELAIS_E_FIELD_RULE, rule->name, err);
    case RELAIS_RULE_PARK:
        return relais_error_set(err, RELAIS_E_FIELD_RULE, NULL, "breaks the rule %s (%s)",
                                rule->name, rule->doc);
    }
    return 0;
}

static const struct relais_value *new_text(struct relais_arena *arena,
                                           struct relais_slice text)
{
    struct relais_value *v = relais_value_add(arena, NULL, NULL, RELAIS_VALUE_STRING);

    if (v)
        v->text = text;
    return v;
}

static bool is_case(const struct relais_avro_place *place)
{
    return place->in && !place->in->in && !strcmp(place->name, "dossier") &&
           !strcmp(place->in->name, "entete");
}

/* A canonical text becomes its pseudonym; the case's own was made before. */
static int pseudonymise(struct checking *c, const struct relais_avro_field *field,
                        const struct relais_avro_place *place,
                        const struct relais_value **v, struct relais_error *err)
{
    char pseudonym[RELAIS_PSEUDONYM_LEN + 1];
    struct relais_slice text = relais_slice_trim((*v)->text);

    if (is_case(place)) {
        *v = new_text(c->arena, c->case_pseudonym);
        return *v ? 0 : full(err, NULL);
    }
    if (!text.len || !field->genre)
        return relais_error_set(err, RELAIS_E_FIELD_MISSING, NULL,
                                "nothing to pseudonymise");
    if (field->genre[0] == 'p' &&
        (text.len < 4 || (memcmp(text.ptr, "nir:", 4) && memcmp(text.ptr, "ec:", 3) &&
                          memcmp(text.ptr, "ed:", 3))))
        return relais_error_set(err, RELAIS_E_FIELD_RULE, NULL,
                                "a person is named nir:..., ec:... or ed:...");
    if (relais_pseudonym(c->checker->ring, field->genre[0], text, pseudonym, err))
        return -1;
    text = relais_arena_slice(c->arena, relais_slice_str(pseudonym));
    *v = text.ptr ? new_text(c->arena, text) : NULL;
    return *v ? 0 : full(err, NULL);
}

/* One text under a field's attributes; *v may be replaced. */
static int visit_text(struct checking *c, const struct relais_avro_field *field,
                      const struct relais_avro_place *place,
                      const struct relais_value **v, struct relais_error *err)
{
    struct relais_slice text = (*v)->text;

    if (field->code && check_code(c, field, place, text, err))
        return -1;
    if (field->rule && check_rule(c, field, place, text, err))
        return -1;
    if (field->protect == RELAIS_AVRO_PSEUDONYMISE)
        return pseudonymise(c, field, place, v, err);
    return 0;
}

static int visit_texts(struct checking *c, const struct relais_avro_field *field,
                       const struct relais_avro_place *place,
                       const struct relais_value **v, struct relais_error *err)
{
    struct relais_value *list =
        relais_value_add(c->arena, NULL, NULL, RELAIS_VALUE_ARRAY);

    if (!list)
        return full(err, NULL);
    for (const struct relais_value *item = (*v)->child; item; item = item->next) {
        const struct relais_value *one = item;

        if (item->kind != RELAIS_VALUE_STRING)
            return relais_error_set(err, RELAIS_E_FIELD_TYPE, NULL, "a list of texts");
        if (visit_text(c, field, place, &one, err))
            return -1;
        if (relais_value_add_string(c->arena, list, NULL, one->text))
            return full(err, NULL);
    }
    *v = list;
    return 0;
}

/* What the contract lists of an encrypted JSON. It can grow: another member is warned of.
 */
static const struct clear_json {
    const char *field;
    const char *const members[24]; /* ended by NULL */
} clear_jsons[] = {
    {"adresse",
     {"date_emmenagement", "complement_identite", "complement", "numero", "type_voie",
      "voie", "lieu_dit", "code_postal", "commune", "nom_commune", "pays", "ligne_2",
      "ligne_3", "ligne_4", "ligne_5", "ligne_6", "ligne_7"}},
    {"compte", {"iban", "bic", "titulaire"}},
    {"identite",
     {"qualite", "nom", "nom_naissance", "prenom", "prenom2", "prenom3",
      "commune_naissance", "date_naissance", "rang_naissance", "precision_date_naissance",
      "sexe", "identifiant_france_travail"}},
};

static bool is_listed(const char *const *members, const char *name)
{
    while (*members && strcmp(*members, name) != 0)
        members++;
    return *members != NULL;
}

static int visit_json(struct checking *c, const struct relais_avro_place *place,
                      const struct relais_value *v, struct relais_error *err)
{
    const struct clear_json *j = clear_jsons;
    const struct clear_json *end = j + sizeof(clear_jsons) / sizeof(clear_jsons[0]);
    struct relais_slice iban = relais_slice_trim(relais_value_text(v, "iban"));

    while (j < end && strcmp(j->field, place->name) != 0)
        j++;
    if (j == end)
        return 0;
    for (const struct relais_value *m = v->child; m; m = m->next)
        if (!is_listed(j->members, m->name))
            return warn_of(c, place, RELAIS_E_FIELD_UNKNOWN,
                           "a member that the contract does not list", err);
    if (iban.len && relais_rule_find("iban")->check(iban) != RELAIS_RULE_OK)
        return warn_of(c, place, RELAIS_E_FIELD_RULE, "iban", err);
    return 0;
}

static int visit_field(void *user, const struct relais_avro_field *field,
                       const struct relais_avro_place *place,
                       const struct relais_value **v, struct relais_error *err)
{
    struct checking *c = user;
    int rc = 0;

    if (field->protect == RELAIS_AVRO_DROP) {
        *v = relais_value_add(c->arena, NULL, NULL, RELAIS_VALUE_NULL);
        return *v ? 0 : full(err, NULL);
    }
    if ((*v)->kind == RELAIS_VALUE_STRING)
        rc = visit_text(c, field, place, v, err);
    else if ((*v)->kind == RELAIS_VALUE_ARRAY)
        rc = visit_texts(c, field, place, v, err);
    else if ((*v)->kind == RELAIS_VALUE_RECORD)
        rc = visit_json(c, place, *v, err);
    if (rc)
        err->where[0] = '\0'; /* bind says where, with indexes */
    return rc;
}

/* A member of a record, made where absent or null. NULL: arena full. */
static struct relais_value *member(struct relais_arena *arena, struct relais_value *rec,
                                   const char *name, enum relais_value_kind kind,
                                   bool *made_out)
{
    struct relais_value *v = relais_value_get(rec, name);

    *made_out = !v || v->kind == RELAIS_VALUE_NULL;
    if (!v)
        return relais_value_add(arena, rec, name, kind);
    if (*made_out)
        v->kind = kind;
    return v;
}

static int set_text(struct relais_arena *arena, struct relais_value *rec,
                    const char *name, struct relais_slice text, bool only_absent,
                    struct relais_error *err)
{
    bool made;
    struct relais_value *v = member(arena, rec, name, RELAIS_VALUE_STRING, &made);

    if (!v)
        return full(err, name);
    if (made || !only_absent) {
        v->kind = RELAIS_VALUE_STRING;
        v->text = text;
    }
    return 0;
}

static int set_number(struct relais_arena *arena, struct relais_value *rec,
                      const char *name, enum relais_value_kind kind, int64_t number,
                      bool only_absent, struct relais_error *err)
{
    bool made;
    struct relais_value *v = member(arena, rec, name, kind, &made);

    if (!v)
        return full(err, name);
    if (made || !only_absent) {
        v->kind = kind;
        v->number = number;
        v->boolean = number != 0;
    }
    return 0;
}

static bool case_character(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
           (c && strchr("-./_", c));
}

/* The case's number, canonical (A11: trimmed, upper case), by the family's rule. */
static int read_case(struct relais_value *entete, const struct relais_family *family,
                     struct relais_arena *arena, struct relais_slice *number_out,
                     struct relais_error *err)
{
    const struct relais_value *given = relais_value_get(entete, "dossier");
    const struct relais_rule *rule;
    struct relais_slice s = RELAIS_SLICE_NULL;
    char *upper;

    if (given && given->kind == RELAIS_VALUE_STRING)
        s = relais_slice_trim(given->text);
    else if (given && given->kind != RELAIS_VALUE_NULL)
        return relais_error_set(err, RELAIS_E_FIELD_TYPE, "entete.dossier", "not a text");
    if (!s.len)
        return relais_error_set(err, RELAIS_E_FIELD_MISSING, "entete.dossier",
                                "the case's number is absent");
    if (s.len > CASE_NUMBER_MAX)
        return relais_error_set(err, RELAIS_E_FIELD_LENGTH, "entete.dossier",
                                "longer than %d characters", CASE_NUMBER_MAX);
    if (!(upper = relais_arena_alloc(arena, s.len)))
        return full(err, "entete.dossier");
    for (size_t i = 0; i < s.len; i++) {
        if (!case_character(s.ptr[i]))
            return relais_error_set(err, RELAIS_E_FIELD_RULE, "entete.dossier",
                                    "letters, digits, - . / and _ only");
        upper[i] = s.ptr[i] >= 'a' && s.ptr[i] <= 'z' ? (char)(s.ptr[i] - 32) : s.ptr[i];
    }
    *number_out = (struct relais_slice){upper, s.len};
    rule = family->case_rule ? relais_rule_find(family->case_rule) : NULL;
    if (rule && rule->check(*number_out) == RELAIS_RULE_PARK)
        return relais_error_set(err, RELAIS_E_FIELD_RULE, "entete.dossier",
                                "breaks the rule %s (%s)", rule->name, rule->doc);
    return 0;
}

/* entete.territoire: absent, the territory's own name, or an IDEPARTE code that maps to
 * it. */
static int complete_territory(const struct relais_checker *checker,
                              struct relais_arena *arena, struct relais_value *entete,
                              struct relais_error *err)
{
    struct relais_slice given =
        relais_slice_trim(relais_value_text(entete, "territoire"));
    bool known;

    if (given.len && !relais_slice_is(given, checker->territory) &&
        !relais_codes_ideparte(checker->codes, given, checker->territory, &known))
        return relais_error_set(err, RELAIS_E_TERRITORY, "entete.territoire", "%s",
                                known ? "of another territory"
                                      : "unknown territory code");
    return set_text(arena, entete, "territoire", relais_slice_str(checker->territory),
                    false, err);
}

/* A fact without an id of its own gets A4's: natural key `publish`, constate_le as
 * written; of a log `journal`, slot, position. */
static int complete_fact_id(const struct relais_record *rec,
                            const struct relais_contract *contract,
                            const struct relais_value *value, struct relais_value *entete,
                            struct relais_arena *arena, struct relais_error *err)
{
    struct relais_slice object =
        relais_slice_trim(relais_value_text(value, contract->id->name));
    const struct relais_value *when = relais_value_get(entete, "constate_le");
    struct relais_slice natural[3] = {RELAIS_SLICE("publish"), RELAIS_SLICE_NULL};
    size_t natural_count = 2;
    char text[37], instant[28];

    if (rec->id.ptr)
        return relais_uuid_is(rec->id)
                   ? set_text(arena, entete, "id", rec->id, false, err)
                   : relais_error_set(err, RELAIS_E_FIELD_RULE, "entete.id",
                                      "not a uuid");

    if (!relais_uuid_is(object))
        return relais_error_set(err, RELAIS_E_FIELD_MISSING, contract->id->name,
                                "the object's id, a uuid, is required");
    if (rec->observed_us) {
        natural[0] = RELAIS_SLICE("journal");
        natural[1] = rec->depot;
        natural[2] = rec->position;
        natural_count = 3;
    } else if (when && when->kind == RELAIS_VALUE_INSTANT) {
        relais_instant_format(when->number, instant);
        natural[1] = relais_slice_str(instant);
    } else if (when && when->kind == RELAIS_VALUE_STRING) {
        natural[1] = relais_slice_trim(when->text);
    } else {
        return relais_error_set(err, RELAIS_E_FIELD_MISSING, "entete.constate_le",
                                "an instant is required");
    }
    relais_id_event(relais_slice_trim(relais_value_text(entete, "source")), object,
                    natural, natural_count, text);
    object = relais_arena_slice(arena, relais_slice_str(text));
    return object.ptr ? set_text(arena, entete, "id", object, true, err)
                      : full(err, "entete.id");
}

/* Of a log: always where it was read; else where the record says so itself. */
static int complete_origin(const struct relais_record *rec, struct relais_arena *arena,
                           struct relais_value *entete, struct relais_error *err)
{
    bool only_absent = !rec->observed_us, made;
    struct relais_value *origin =
        member(arena, entete, "origine", RELAIS_VALUE_RECORD, &made);

    if (!origin)
        return full(err, "entete.origine");
    if (set_text(arena, origin, "depot", rec->depot, only_absent, err) ||
        set_text(arena, origin, "position", rec->position, only_absent, err))
        return -1;
    return 0;
}

static int complete_entete(const struct relais_checker *checker,
                           const struct relais_record *rec,
                           const struct relais_contract *contract,
                           struct relais_arena *arena, struct relais_value *value,
                           struct relais_value *entete, struct relais_error *err)
{
    bool fact = rec->kind == RELAIS_RECORD_FACT;
    struct relais_slice nature;

    if (set_text(arena, entete, "source", relais_slice_str(checker->source),
                 !rec->observed_us, err) ||
        complete_territory(checker, arena, entete, err) ||
        set_text(arena, entete, "nature", RELAIS_SLICE("NORMAL"), true, err) ||
        set_number(arena, entete, "sequence", RELAIS_VALUE_LONG, 0, true, err) ||
        set_number(arena, entete, "derive", RELAIS_VALUE_BOOL, !fact, true, err) ||
        complete_origin(rec, arena, entete, err) ||
        (rec->observed_us &&
         set_number(arena, entete, "constate_le", RELAIS_VALUE_INSTANT, rec->observed_us,
                    false, err)))
        return -1;
    if (!fact)
        return set_text(arena, entete, "id", relais_slice_str(no_id), false, err) ||
                       set_number(arena, entete, "survenu_le", RELAIS_VALUE_DAY, 0, true,
                                  err) ||
                       set_text(arena, value, "fait", RELAIS_SLICE("INCONNU"), false, err)
                   ? -1
                   : 0;
    nature = relais_value_text(entete, "nature");
    if ((relais_slice_is(nature, "CORRECTION") ||
         relais_slice_is(nature, "ANNULATION")) &&
        !relais_value_text(entete, "corrige").len)
        return relais_error_set(err, RELAIS_E_FIELD_MISSING, "entete.corrige",
                                "required for a correction or an annulment");
    return 0;
}

/* The day on which codes must be valid. */
static int32_t event_day(const struct relais_record *rec,
                         const struct relais_value *entete)
{
    const struct relais_value *day = relais_value_get(entete, "survenu_le");
    const struct relais_value *when = relais_value_get(entete, "constate_le");
    int32_t days = 0;
    int64_t us = 0;

    if (rec->kind == RELAIS_RECORD_FACT && day) {
        if (day->kind == RELAIS_VALUE_DAY)
            return (int32_t)day->number;
        if (day->kind == RELAIS_VALUE_STRING &&
            relais_day_parse(relais_slice_trim(day->text), &days))
            return days;
    }
    if (when && when->kind == RELAIS_VALUE_INSTANT)
        return relais_paris_day(when->number);
    if (when && when->kind == RELAIS_VALUE_STRING &&
        relais_instant_parse(relais_slice_trim(when->text), &us))
        return relais_paris_day(us);
    return 0;
}

static int bind(struct checking *c, const struct relais_contract *contract,
                const struct relais_value *value, struct relais_error *err)
{
    struct relais_avro_visit visit = {visit_field, c};
    void *data = relais_arena_zalloc(c->arena, contract->size);

    if (!data)
        return full(err, NULL);
    if (relais_avro_bind(contract->schema, value, data, c->arena, &visit, err))
        return -1;
    c->out->contract = contract;
    c->out->data = data;
    c->out->dossier = ((const struct entete *)data)->dossier;
    c->out->object = relais_contract_object(contract, data);
    return 0;
}

/* Contract and family of a record that may be published by a source. */
static const struct relais_family *family_of(const struct relais_record *rec,
                                             const struct relais_contract **contract_out,
                                             struct relais_error *err)
{
    const struct relais_family *family;

    *contract_out = relais_catalog_find(rec->schema);
    family = *contract_out ? relais_family_find(*contract_out) : NULL;
    if (!family)
        relais_error_set(err, RELAIS_E_SCHEMA_UNKNOWN, rec->schema,
                         "no contract of a source");
    return family;
}

int relais_check(const struct relais_checker *checker, const struct relais_record *rec,
                 struct relais_arena *arena, struct relais_checked *out,
                 char case_pseudonym_out[RELAIS_PSEUDONYM_LEN + 1],
                 struct relais_error *err)
{
    char pseudonym[RELAIS_PSEUDONYM_LEN + 1] = "";
    struct checking c = {.checker = checker, .out = out, .arena = arena};
    struct relais_case cas = {.kind = rec->kind, .log = rec->observed_us != 0};
    const struct relais_contract *contract;
    const struct relais_family *family = family_of(rec, &contract, err);
    struct relais_value *entete;
    bool made;

    memset(out, 0, offsetof(struct relais_checked, warnings));
    if (case_pseudonym_out)
        case_pseudonym_out[0] = '\0';
    if (!family)
        return -1;
    if (!rec->value || rec->value->kind != RELAIS_VALUE_RECORD)
        return relais_error_set(err, RELAIS_E_FIELD_TYPE, NULL, "not a record");
    if (!(entete = member(arena, rec->value, "entete", RELAIS_VALUE_RECORD, &made)))
        return full(err, "entete");
    if (entete->kind != RELAIS_VALUE_RECORD)
        return relais_error_set(err, RELAIS_E_FIELD_TYPE, "entete", "not a record");
    if (read_case(entete, family, arena, &cas.number, err) ||
        relais_pseudonym(checker->ring, 'd', cas.number, pseudonym, err))
        return -1;
    if (case_pseudonym_out)
        memcpy(case_pseudonym_out, pseudonym, sizeof(pseudonym));
    c.case_pseudonym = cas.pseudonym =
        relais_arena_slice(arena, relais_slice_str(pseudonym));
    if (!cas.pseudonym.ptr)
        return full(err, "entete.dossier");
    if (complete_entete(checker, rec, contract, arena, rec->value, entete, err))
        return -1;
    if (family->complete && family->complete(checker, &cas, arena, rec->value, err))
        return -1;
    if (rec->kind == RELAIS_RECORD_FACT &&
        complete_fact_id(rec, contract, rec->value, entete, arena, err))
        return -1;
    c.day = event_day(rec, entete);
    if (bind(&c, contract, rec->value, err))
        return -1;
    return family->settle(checker, out, c.day, arena, err);
}

void relais_id_event(struct relais_slice source, struct relais_slice object,
                     const struct relais_slice *natural, size_t natural_count,
                     char out[37])
{
    struct relais_slice parts[8] = {RELAIS_SLICE("relais/id/1"), source, object};
    unsigned char digest[RELAIS_SHA256_LEN];
    size_t n = 3;

    for (size_t i = 0; i < natural_count && n < 8; i++)
        parts[n++] = natural[i];
    relais_sha256_parts(parts, n, digest);
    relais_uuid8(digest, out);
}
