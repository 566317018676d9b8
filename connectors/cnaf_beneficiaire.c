#include "connectors/cnaf_beneficiaire.h"

#include "connectors/cnaf_beneficiaire_rows.h"
#include "connectors/cnaf_value.h"
#include "core/day.h"

const struct cnaf_element cnaf_beneficiaire_elements[] = {
#define X(row, parent, kind, name) [CNAF_##row] = {name, CNAF_##parent, CNAF_##kind},
#define G(row, parent, name)       X(row, parent, GROUP, name)
#define L(row, parent)             X(row, parent, LEAF, #row)
    CNAF_COMMON(X) CNAF_BENEFICIAIRE(X, G, L)
#undef X
#undef G
#undef L
};
const size_t cnaf_beneficiaire_element_count = CNAF_BENEFICIAIRE_COUNT;

/* A value under construction. After a failure all further calls do nothing. */
struct build {
    struct relais_arena *arena;
    struct relais_error *err;
    bool full;   /* the arena */
    bool failed; /* err is set, or full */
};

static struct relais_value *made(struct build *b, struct relais_value *v)
{
    if (!v)
        b->full = b->failed = true;
    return v;
}

static struct relais_value *record(struct build *b, struct relais_value *into,
                                   const char *name)
{
    return b->failed
               ? NULL
               : made(b, relais_value_add(b->arena, into, name, RELAIS_VALUE_RECORD));
}

static struct relais_value *array(struct build *b, struct relais_value *into,
                                  const char *name)
{
    return b->failed
               ? NULL
               : made(b, relais_value_add(b->arena, into, name, RELAIS_VALUE_ARRAY));
}

static void added(struct build *b, int rc)
{
    if (rc)
        b->full = b->failed = true;
}

/* The text of a row; false: absent, or failed. */
static bool get(struct build *b, const struct cnaf_view *view, uint16_t row,
                struct relais_slice *out)
{
    if (b->failed)
        return false;
    if (cnaf_get(view, row, out, b->err))
        b->failed = true;
    return !b->failed && out->ptr;
}

static void misfit(struct build *b, const struct cnaf_view *view, uint16_t row,
                   enum relais_code code, const char *text)
{
    char path[sizeof(b->err->where)];

    cnaf_xml_path(view->elements, row, path, sizeof(path));
    relais_error_set(b->err, code, path, "%s", text);
    b->failed = true;
}

static void literal(struct build *b, struct relais_value *into, const char *name,
                    const char *text)
{
    if (!b->failed)
        added(b, relais_value_add_string(b->arena, into, name, relais_slice_str(text)));
}

static void text(struct build *b, struct relais_value *into, const char *name,
                 const struct cnaf_view *view, uint16_t row)
{
    struct relais_slice s;

    if (get(b, view, row, &s))
        added(b, relais_value_add_string(b->arena, into, name, s));
}

static bool day_of(struct build *b, const struct cnaf_view *view, uint16_t row,
                   int32_t *days_out)
{
    struct relais_slice s;

    if (!get(b, view, row, &s))
        return false;
    if (!cnaf_day(s, days_out))
        misfit(b, view, row, RELAIS_E_FIELD_TYPE, "not a day of the calendar");
    return !b->failed && *days_out != CNAF_NO_DAY;
}

static void day(struct build *b, struct relais_value *into, const char *name,
                const struct cnaf_view *view, uint16_t row)
{
    int32_t days;

    if (day_of(b, view, row, &days))
        added(b, relais_value_add_day(b->arena, into, name, days));
}

/* Inside an encrypted text a day is a text. */
static void day_text(struct build *b, struct relais_value *into, const char *name,
                     const struct cnaf_view *view, uint16_t row)
{
    char out[11];
    int32_t days;

    if (!day_of(b, view, row, &days))
        return;
    relais_day_format(days, out);
    literal(b, into, name, out);
}

static bool centimes(struct build *b, struct relais_value *into, const char *name,
                     const struct cnaf_view *view, uint16_t row, int64_t *centimes_out)
{
    struct relais_slice s;

    if (!get(b, view, row, &s))
        return false;
    if (!cnaf_centimes(s, centimes_out)) {
        misfit(b, view, row, RELAIS_E_FIELD_TYPE, "not an amount in whole centimes");
        return false;
    }
    added(b, relais_value_add_long(b->arena, into, name, *centimes_out));
    return !b->failed;
}

static void integer(struct build *b, struct relais_value *into, const char *name,
                    const struct cnaf_view *view, uint16_t row)
{
    struct relais_slice s;
    int64_t number;

    if (!get(b, view, row, &s))
        return;
    if (!cnaf_integer(s, &number) || number < 0 || number > INT32_MAX)
        misfit(b, view, row, RELAIS_E_FIELD_TYPE, "not a whole number from 0");
    else
        added(b, relais_value_add_long(b->arena, into, name, number));
}

static bool boolean_of(struct build *b, const struct cnaf_view *view, uint16_t row,
                       bool *out)
{
    struct relais_slice s;

    if (!get(b, view, row, &s))
        return false;
    if (!cnaf_boolean(s, out))
        misfit(b, view, row, RELAIS_E_FIELD_TYPE, "neither 0 nor 1");
    return !b->failed;
}

static void boolean(struct build *b, struct relais_value *into, const char *name,
                    const struct cnaf_view *view, uint16_t row)
{
    bool yes;

    if (boolean_of(b, view, row, &yes))
        added(b, relais_value_add_bool(b->arena, into, name, yes));
}

static void put_organismes(struct build *b, struct relais_value *v,
                           const struct cnaf_view *view)
{
    struct relais_value *rec = record(b, v, "organisme");

    text(b, rec, "fonorg", view, CNAF_FONORG);
    text(b, rec, "numorg", view, CNAF_NUMORG);
    if (cnaf_any(view, CNAF_CEDANT)) {
        rec = record(b, v, "organisme_cedant");
        text(b, rec, "fonorg", view, CNAF_FONORGCEDMUT);
        text(b, rec, "numorg", view, CNAF_NUMORGCEDMUT);
        day(b, rec, "date", view, CNAF_DDARRMUT);
    }
    if (cnaf_any(view, CNAF_PRENANT)) {
        rec = record(b, v, "organisme_prenant");
        text(b, rec, "fonorg", view, CNAF_FONORGPRENMUT);
        text(b, rec, "numorg", view, CNAF_NUMORGPRENMUT);
        day(b, rec, "date", view, CNAF_DDDEPAMUT);
    }
}

/* ETATDOSRSA; Z is not a value of the flow. */
static void put_etat(struct build *b, struct relais_value *v,
                     const struct cnaf_view *view)
{
    static const char *const states[] = {
        "INSTRUCTION",        "REFUSE", "OUVERT",     "SUSPENDU_DROIT",
        "SUSPENDU_VERSEMENT", "CLOS",   "CLOS_REGUL",
    };
    struct relais_slice s;

    if (!get(b, view, CNAF_ETATDOSRSA, &s)) {
        if (!b->failed)
            misfit(b, view, CNAF_ETATDOSRSA, RELAIS_E_FIELD_MISSING,
                   "the right has no state");
    } else if (s.len != 1 || s.ptr[0] < '0' || s.ptr[0] > '6') {
        misfit(b, view, CNAF_ETATDOSRSA, RELAIS_E_CODE_UNKNOWN,
               "not a state of the list etatdosrsa");
    } else {
        literal(b, v, "etat", states[s.ptr[0] - '0']);
    }
}

/* A record {motif, date}, absent where neither is given. */
static void put_reason(struct build *b, struct relais_value *v, const char *name,
                       const struct cnaf_view *view, uint16_t group, uint16_t motif,
                       uint16_t date)
{
    struct relais_value *rec;

    if (!cnaf_any(view, group))
        return;
    rec = record(b, v, name);
    text(b, rec, "motif", view, motif);
    day(b, rec, "date", view, date);
}

static void put_suspensions(struct build *b, struct relais_value *v,
                            const struct cnaf_view *view)
{
    struct relais_value *list = array(b, v, "suspensions"), *rec;
    struct cnaf_view one;
    size_t pos;

    for (pos = 0; !b->failed && cnaf_group(view, CNAF_SUSPENSION_DROIT, &pos, &one);) {
        if (!cnaf_any(&one, CNAF_SUSPENSION_DROIT))
            continue;
        rec = record(b, list, NULL);
        literal(b, rec, "portee", "DROIT");
        text(b, rec, "motif", &one, CNAF_MOTISUSDRORSA);
        day(b, rec, "debut", &one, CNAF_DDSUSDRORSA);
        text(b, rec, "groupe", &one, CNAF_NATGROUPFSUS);
    }
    for (pos = 0;
         !b->failed && cnaf_group(view, CNAF_SUSPENSION_VERSEMENT, &pos, &one);) {
        if (!cnaf_any(&one, CNAF_SUSPENSION_VERSEMENT))
            continue;
        rec = record(b, list, NULL);
        literal(b, rec, "portee", "VERSEMENT");
        text(b, rec, "motif", &one, CNAF_MOTISUSVERSRSA);
        day(b, rec, "debut", &one, CNAF_DDSUSVERSRSA);
    }
}

/* composantes, and their sum: null where no amount is given. */
static void put_composantes(struct build *b, struct relais_value *v,
                            const struct cnaf_view *view)
{
    struct relais_value *list = array(b, v, "composantes"), *rec;
    int64_t sum = 0, amount;
    bool some = false;
    struct cnaf_view one;

    for (size_t pos = 0;
         !b->failed && cnaf_group(view, CNAF_DETAIL_CALCUL, &pos, &one);) {
        if (!cnaf_any(&one, CNAF_DETAIL_CALCUL))
            continue;
        rec = record(b, list, NULL);
        text(b, rec, "nature", &one, CNAF_NATPF);
        text(b, rec, "sous_nature", &one, CNAF_SOUSNATPF);
        day(b, rec, "debut", &one, CNAF_DDNATDRO);
        day(b, rec, "fin", &one, CNAF_DFNATDRO);
        if (!centimes(b, rec, "montant_centimes", &one, CNAF_MTRSAVERS, &amount))
            continue;
        some = true;
        if (__builtin_add_overflow(sum, amount, &sum))
            misfit(b, view, CNAF_MTRSAVERS, RELAIS_E_LIMIT, "sum beyond 64 bits");
    }
    if (some && !b->failed)
        added(b, relais_value_add_long(b->arena, v, "montant_mensuel_centimes", sum));
}

static void put_reductions(struct build *b, struct relais_value *v,
                           const struct cnaf_view *view)
{
    struct relais_value *list = array(b, v, "reductions"), *rec;
    struct cnaf_view one;
    int64_t amount;

    for (size_t pos = 0; !b->failed && cnaf_group(view, CNAF_REDUCTION, &pos, &one);) {
        if (!cnaf_any(&one, CNAF_REDUCTION))
            continue;
        rec = record(b, list, NULL);
        (void)centimes(b, rec, "montant_centimes", &one, CNAF_MTREDRSA, &amount);
        day(b, rec, "debut", &one, CNAF_DDREDRSA);
        day(b, rec, "fin", &one, CNAF_DFREDRSA);
    }
}

/* The address of rank 01 is where the household lives now. */
static bool present_address(struct build *b, const struct cnaf_view *view,
                            struct cnaf_view *out)
{
    struct relais_slice rank;
    int64_t number;

    for (size_t pos = 0; !b->failed && cnaf_group(view, CNAF_ADRESSE, &pos, out);)
        if (get(b, out, CNAF_RGADR, &rank) && cnaf_integer(rank, &number) && number == 1)
            return true;
    return false;
}

static void put_address(struct build *b, struct relais_value *v,
                        const struct cnaf_view *address)
{
    static const struct {
        const char *name;
        uint16_t row;
    } texts[] = {
        {"complement_identite", CNAF_COMPLIDEADR},
        {"complement", CNAF_COMPLADR},
        {"numero", CNAF_NUMVOIE},
        {"type_voie", CNAF_LIBTYPEVOIE},
        {"voie", CNAF_NOMVOIE},
        {"lieu_dit", CNAF_LIEUDIST},
        {"code_postal", CNAF_CODEPOS},
        {"commune", CNAF_NUMCOM},
        {"nom_commune", CNAF_NOMCOM},
        {"pays", CNAF_PAYS},
        {"ligne_2", CNAF_LIBLIG2ADR},
        {"ligne_3", CNAF_LIBLIG3ADR},
        {"ligne_4", CNAF_LIBLIG4ADR},
        {"ligne_5", CNAF_LIBLIG5ADR},
        {"ligne_6", CNAF_LIBLIG6ADR},
        {"ligne_7", CNAF_LIBLIG7ADR},
    };
    struct relais_value *rec = record(b, v, "adresse");

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        text(b, rec, texts[i].name, address, texts[i].row);
    day_text(b, rec, "date_emmenagement", address, CNAF_DTEMM);
}

static void put_foyer(struct build *b, struct relais_value *v,
                      const struct cnaf_view *view)
{
    struct relais_value *rec;
    struct cnaf_view address;

    if (!cnaf_any(view, CNAF_ADMINISTRATIVES) && !cnaf_any(view, CNAF_TRONC_DROIT))
        return;
    rec = record(b, v, "foyer");
    text(b, rec, "situation_familiale", view, CNAF_SITFAM);
    day(b, rec, "depuis", view, CNAF_DDSITFAM);
    integer(b, rec, "enfants_a_charge", view, CNAF_NBENFAUTCHA);
    boolean(b, rec, "sans_domicile_fixe", view, CNAF_TOPSANSDOMFIXE);
    boolean(b, rec, "soumis_droits_devoirs", view, CNAF_TOPFOYDRODEVORSA);
    if (present_address(b, view, &address)) {
        text(b, rec, "commune", &address, CNAF_NUMCOM);
        put_address(b, v, &address);
    }
}

static void put_identite(struct build *b, struct relais_value *person,
                         const struct cnaf_view *view)
{
    struct relais_value *rec;

    if (!cnaf_any(view, CNAF_IDENTIFICATION) && !cnaf_any(view, CNAF_POLE_EMPLOI))
        return;
    rec = record(b, person, "identite");
    text(b, rec, "qualite", view, CNAF_QUAL);
    text(b, rec, "nom", view, CNAF_NOM);
    text(b, rec, "nom_naissance", view, CNAF_NOMNAI);
    text(b, rec, "prenom", view, CNAF_PRENOM);
    text(b, rec, "prenom2", view, CNAF_PRENOM2);
    text(b, rec, "prenom3", view, CNAF_PRENOM3);
    text(b, rec, "commune_naissance", view, CNAF_NOMCOMNAI);
    day_text(b, rec, "date_naissance", view, CNAF_DTNAI);
    integer(b, rec, "rang_naissance", view, CNAF_RGNAI);
    text(b, rec, "precision_date_naissance", view, CNAF_TYPEDTNAI);
    text(b, rec, "sexe", view, CNAF_SEXE);
    text(b, rec, "identifiant_france_travail", view, CNAF_IDASSEDIC);
}

static void put_nir(struct build *b, struct relais_value *person,
                    const struct cnaf_view *view)
{
    struct relais_slice nir;
    bool certified = false;

    (void)boolean_of(b, view, CNAF_TOPVALIEC, &certified);
    if (!get(b, view, CNAF_NIR, &nir))
        return;
    text(b, person, "nir", view, CNAF_NIR);
    literal(b, person, "statut_identite",
            certified ? "NIR_CERTIFIE" : "NIR_NON_CERTIFIE");
}

static void put_personnes(struct build *b, struct relais_value *v,
                          const struct cnaf_view *view)
{
    struct relais_value *list = array(b, v, "personnes"), *person, *roles, *role;
    struct cnaf_view one, prestation;

    for (size_t pos = 0; !b->failed && cnaf_group(view, CNAF_PERSONNE, &pos, &one);) {
        if (!cnaf_any(&one, CNAF_PERSONNE))
            continue;
        person = record(b, list, NULL);
        roles = array(b, person, "roles");
        for (size_t i = 0;
             !b->failed && cnaf_group(&one, CNAF_PRESTATIONS, &i, &prestation);) {
            if (!cnaf_any(&prestation, CNAF_PRESTATIONS))
                continue;
            role = record(b, roles, NULL);
            text(b, role, "prestation", &prestation, CNAF_NATPREST);
            text(b, role, "role", &prestation, CNAF_ROLEPERS);
            boolean(b, role, "a_charge", &prestation, CNAF_TOPCHAPERS);
        }
        boolean(b, person, "soumis_droits_devoirs", &one, CNAF_TOPPERSDRODEVORSA);
        day(b, person, "debut_rattachement", &one, CNAF_DDRATDOS);
        day(b, person, "fin_rattachement", &one, CNAF_DFRATDOS);
        put_nir(b, person, &one);
        put_identite(b, person, &one);
    }
}

/* Each person may bring one: the smallest, so that their order does not matter. */
static void put_previous_number(struct build *b, struct relais_value *v,
                                const struct cnaf_view *view)
{
    struct relais_slice smallest = RELAIS_SLICE_NULL;

    for (size_t i = 0; i < view->count; i++)
        if (view->fields[i].element == CNAF_NUMDEMRSAPRECE && view->fields[i].text.ptr &&
            (!smallest.ptr || relais_slice_cmp(view->fields[i].text, smallest) < 0))
            smallest = view->fields[i].text;
    if (smallest.ptr && !b->failed)
        added(b,
              relais_value_add_string(b->arena, v, "numero_demande_precedent", smallest));
}

static void put_triggers(struct build *b, struct relais_value *v,
                         const struct cnaf_view *view)
{
    struct relais_value *list = array(b, v, "fait_generateur");

    for (size_t i = 0; !b->failed && i < view->count; i++)
        if (view->fields[i].element == CNAF_FG && view->fields[i].text.ptr)
            added(b, relais_value_add_string(b->arena, list, NULL, view->fields[i].text));
}

int cnaf_beneficiaire_value(const struct cnaf_view *view, int64_t constate_us,
                            struct relais_arena *arena, struct relais_value **value_out,
                            struct relais_error *err)
{
    struct build b = {.arena = arena, .err = err};
    struct relais_value *v = record(&b, NULL, NULL);
    struct relais_value *entete = record(&b, v, "entete");

    text(&b, entete, "dossier", view, CNAF_NUMDEMRSA);
    text(&b, entete, "territoire", view, CNAF_IDEPARTE);
    if (!b.failed)
        added(&b, relais_value_add_instant(arena, entete, "constate_le", constate_us));
    literal(&b, v, "prestation", "RSA");
    put_etat(&b, v, view);
    put_triggers(&b, v, view);
    day(&b, v, "date_demande", view, CNAF_DTDEMRSA);
    put_organismes(&b, v, view);
    put_reason(&b, v, "refus", view, CNAF_REFUS, CNAF_MOTIREFURSA, CNAF_DTREFURSA);
    put_suspensions(&b, v, view);
    put_reason(&b, v, "cloture", view, CNAF_FIN_DROIT, CNAF_FIN_MOTICLORSA,
               CNAF_FIN_DTCLORSA);
    put_reason(&b, v, "cloture_mois_anterieur", view, CNAF_FIN_ANTERIEURE,
               CNAF_ANTERIEURE_MOTICLORSA, CNAF_ANTERIEURE_DTCLORSA);
    put_reductions(&b, v, view);
    put_composantes(&b, v, view);
    put_foyer(&b, v, view);
    put_personnes(&b, v, view);
    text(&b, v, "numero_demande", view, CNAF_NUMDEMRSA);
    text(&b, v, "matricule", view, CNAF_MATRICULE);
    put_previous_number(&b, v, view);
    *value_out = v;
    if (b.full)
        return 0;
    return b.failed ? -1 : 1;
}

int cnaf_beneficiaire_identity(const struct cnaf_view *view, struct cnaf_identity *out,
                               struct relais_error *err)
{
    static const uint16_t rows[] = {CNAF_NUMDEMRSA, CNAF_FONORG, CNAF_NUMORG,
                                    CNAF_MATRICULE};
    struct relais_slice *const slots[] = {&out->number, &out->fonorg, &out->numorg,
                                          &out->matricule};
    char path[sizeof(err->where)];
    int rc = 0;

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (cnaf_get(view, rows[i], slots[i], err)) {
            *slots[i] = RELAIS_SLICE_NULL;
            rc = -1;
        } else if (!slots[i]->ptr) {
            cnaf_xml_path(view->elements, rows[i], path, sizeof(path));
            rc = relais_error_set(err, RELAIS_E_FIELD_MISSING, path,
                                  "needed to name the case and its right");
        }
    }
    return rc;
}

bool cnaf_beneficiaire_anomaly(const struct cnaf_view *view)
{
    for (size_t i = 0; i < view->count; i++)
        if (view->fields[i].element == CNAF_ANOMALIE)
            return true;
    return false;
}
