#include "cli/phrases.h"
#include "core/day.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

struct phrase {
    const struct relais_codes *codes;
    struct relais_buf *out;
    bool full; /* the buffer's ceiling was met */
};

static void say(struct phrase *p, const char *fmt, ...) RELAIS_PRINTF(2, 3);
static void say(struct phrase *p, const char *fmt, ...)
{
    char text[512];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    if (relais_buf_add_str(p->out, text))
        p->full = true;
}

static void say_slice(struct phrase *p, struct relais_slice s)
{
    if (s.ptr && relais_buf_add_slice(p->out, s))
        p->full = true;
}

static bool is(const struct relais_value *v, const char *name, const char *word)
{
    return relais_slice_is(relais_value_text(v, name), word);
}

static const struct relais_value *get(const struct relais_value *v, const char *name)
{
    const struct relais_value *member = v ? relais_value_get(v, name) : NULL;

    return member && member->kind != RELAIS_VALUE_NULL ? member : NULL;
}

static void say_day(struct phrase *p, const char *before, const struct relais_value *day)
{
    int year, month, of_month;

    if (!day || day->kind != RELAIS_VALUE_DAY)
        return;
    relais_day_to_civil((int32_t)day->number, &year, &month, &of_month);
    say(p, "%s%02d/%02d/%04d", before, of_month, month, year);
}

static void say_month(struct phrase *p, const char *before,
                      const struct relais_value *day)
{
    int year, month, of_month;

    if (!day || day->kind != RELAIS_VALUE_DAY)
        return;
    relais_day_to_civil((int32_t)day->number, &year, &month, &of_month);
    say(p, "%s%02d/%04d", before, month, year);
}

static void say_euros(struct phrase *p, const char *before,
                      const struct relais_value *centimes, const char *after)
{
    if (centimes && centimes->kind == RELAIS_VALUE_LONG)
        say(p, "%s%" PRId64 ",%02d €%s", before, centimes->number / 100,
            (int)(centimes->number % 100), after);
}

/* " (label)" of a code, or the code itself where the list has no label. */
static void say_code(struct phrase *p, const char *before, const char *variable,
                     const struct relais_value *v, const char *name)
{
    struct relais_slice code = v ? relais_value_text(v, name) : RELAIS_SLICE_NULL;
    struct relais_slice label;

    if (!code.ptr)
        return;
    label = relais_codes_label(p->codes, variable, code);
    say(p, "%s", before);
    say_slice(p, label.ptr ? label : code);
}

/* The last 6 characters tell pseudonyms apart well enough for the eye. */
static void say_pseudonym(struct phrase *p, struct relais_slice pseudonym)
{
    if (pseudonym.ptr && pseudonym.len > 6)
        say(p, "…%.6s", pseudonym.ptr + pseudonym.len - 6);
}

static void say_head(struct phrase *p, const struct relais_value *entete)
{
    const struct relais_value *when = get(entete, "constate_le");
    struct relais_value day = {.kind = RELAIS_VALUE_DAY};

    if (!when)
        return;
    day.number = relais_paris_day(when->number);
    say_day(p, "", &day);
    say(p, "  ");
}

static size_t count_of(const struct relais_value *v, const char *name)
{
    const struct relais_value *array = get(v, name);

    return array ? array->count : 0;
}

/* Names that the ring opened; nothing otherwise. */
static void say_names(struct phrase *p, const struct relais_value *v)
{
    const struct relais_value *persons = get(v, "personnes");
    size_t said = 0;

    for (const struct relais_value *who = persons ? persons->child : NULL; who;
         who = who->next) {
        const struct relais_value *identity = get(who, "identite");
        struct relais_slice first, last;

        if (!identity || identity->kind != RELAIS_VALUE_RECORD)
            continue;
        first = relais_value_text(identity, "prenom");
        last = relais_value_text(identity, "nom");
        if (!first.ptr || !last.ptr)
            continue;
        say(p, "%s", said++ ? ", " : " (");
        say_slice(p, first);
        say(p, " ");
        say_slice(p, last);
    }
    if (said)
        say(p, ")");
}

static void say_case(struct phrase *p, const struct relais_value *v)
{
    const struct relais_value *number = get(v, "numero_demande");

    say(p, "dossier ");
    if (number && number->kind == RELAIS_VALUE_STRING)
        say_slice(p, number->text);
    else
        say_pseudonym(p, relais_value_text(get(v, "entete"), "dossier"));
}

static const struct {
    const char *fait, *words;
} droit_words[] = {
    {"DEMANDE", "demande déposée"},
    {"REFUS", "demande refusée"},
    {"OUVERTURE", "droit ouvert"},
    {"SUSPENSION_DROIT", "droit suspendu"},
    {"SUSPENSION_VERSEMENT", "versement suspendu"},
    {"REPRISE", "droit repris"},
    {"REOUVERTURE", "droit rouvert"},
    {"REVISION", "droit révisé"},
    {"RENOUVELLEMENT", "droit renouvelé"},
    {"CLOTURE", "droit clos"},
    {"REGULARISATION", "droit clos, régularisé sur un mois antérieur"},
    {"MUTATION_CEDEE", "dossier cédé à un autre organisme"},
    {"MUTATION_REPRISE", "dossier repris d'un autre organisme"},
    {"FOYER", "le foyer a changé"},
    {"ADRESSE", "l'adresse a changé"},
    {"ANNULATION", "événement annulé"},
};

/* Of a change that is no step of state: which parts differ, in words. */
static const struct {
    const char *field, *words;
} change_words[] = {
    {"montant_mensuel_centimes", "le montant"},
    {"composantes", "ses composantes"},
    {"suspensions", "ses suspensions"},
    {"reductions", "ses réductions"},
    {"foyer", "le foyer"},
    {"personnes", "les personnes"},
    {"adresse", "l'adresse"},
    {"organisme", "l'organisme"},
    {"cloture", "la clôture"},
};

static void say_changes(struct phrase *p, const struct relais_value *v)
{
    const struct relais_value *changes = get(v, "changements");
    size_t said = 0;

    for (const struct relais_value *name = changes ? changes->child : NULL; name;
         name = name->next)
        for (size_t i = 0; i < sizeof(change_words) / sizeof(*change_words); i++)
            if (relais_slice_is(name->text, change_words[i].field))
                say(p, "%s%s", said++ ? ", " : " : ", change_words[i].words);
}

static void say_reason(struct phrase *p, const struct relais_value *v)
{
    const struct relais_value *suspensions = get(v, "suspensions");

    if (is(v, "fait", "REFUS"))
        say_code(p, ", motif : ", "motirefursa", get(v, "refus"), "motif");
    else if (is(v, "fait", "CLOTURE") || is(v, "fait", "REGULARISATION"))
        say_code(p, ", motif : ", "moticlorsa", get(v, "cloture"), "motif");
    else if (is(v, "fait", "SUSPENSION_VERSEMENT") || is(v, "fait", "SUSPENSION_DROIT"))
        for (const struct relais_value *s = suspensions ? suspensions->child : NULL; s;
             s = s->next)
            say_code(p, ", motif : ",
                     is(s, "portee", "DROIT") ? "motisusdrorsa" : "motisusversrsa", s,
                     "motif");
}

static void droit(struct phrase *p, const struct relais_value *v)
{
    const struct relais_value *entete = get(v, "entete");

    say_slice(p, relais_value_text(v, "prestation"));
    say(p, ", ");
    say_case(p, v);
    say_names(p, v);
    say(p, " : ");
    for (size_t i = 0; i < sizeof(droit_words) / sizeof(*droit_words); i++)
        if (is(v, "fait", droit_words[i].fait))
            say(p, "%s", droit_words[i].words);
    if (is(v, "fait", "REVISION"))
        say_changes(p, v);
    say_day(p, ", au ", get(entete, "survenu_le"));
    say_reason(p, v);
    if (is(v, "etat", "OUVERT"))
        say_euros(p, " ; ", get(v, "montant_mensuel_centimes"), " par mois");
    if (is(v, "fait", "FOYER"))
        say(p, " ; %zu personnes", count_of(v, "personnes"));
    if (is(entete, "nature", "INITIALISATION"))
        say(p, " (état initial)");
}

static const struct {
    const char *fait, *words, *day;
} mesure_words[] = {
    {"INFORMATION", "information préoccupante reçue", NULL},
    {"EVALUATION", "évaluation", NULL},
    {"DECISION", "mesure décidée", NULL},
    {"DEBUT", "accueil commencé", "date_debut"},
    {"CHANGEMENT_LIEU", "changement de lieu d'accueil", NULL},
    {"RENOUVELLEMENT", "mesure renouvelée", NULL},
    {"FIN", "mesure terminée", "date_fin"},
    {"RELAIS_MAJEUR", "relais à la majorité", NULL},
    {"ANNULATION", "événement annulé", NULL},
};

static void mesure(struct phrase *p, const struct relais_value *v)
{
    const struct relais_value *entete = get(v, "entete"), *child = get(v, "enfant");
    const struct relais_value *year = get(child, "annee_naissance");
    const struct relais_value *places = get(v, "lieux"), *decision = get(v, "decision");
    const struct relais_value *benefits = get(v, "allocations");

    say(p, "Protection de l'enfance, enfant ");
    say_pseudonym(p, relais_value_text(child, "personne"));
    if (year)
        say(p, " (%" PRId64 ")", year->number);
    say(p, " : ");
    for (size_t i = 0; i < sizeof(mesure_words) / sizeof(*mesure_words); i++)
        if (is(v, "fait", mesure_words[i].fait))
            say(p, "%s", mesure_words[i].words);
    say_day(p, ", au ", get(entete, "survenu_le"));
    if (decision)
        say(p, "%s",
            is(decision, "nature", "JUDICIAIRE")       ? ", décision du juge"
            : is(decision, "nature", "ADMINISTRATIVE") ? ", décision administrative"
                                                       : "");
    if (places && places->last)
        say_code(p, ", lieu : ", "lieuplac", places->last, "type");
    if (is(benefits, "familiales", "SERVICE"))
        say(p, " ; part d'allocations familiales due au service de l'ASE (CSS L521-2)");
    if (is(benefits, "rentree_scolaire", "CAISSE_DES_DEPOTS"))
        say(p, " ; allocation de rentrée à la Caisse des dépôts (CSS L543-3)");
}

static const struct {
    const char *code, *words;
} receivers[] = {
    {"ALLOCATAIRE", "à l'allocataire"},
    {"TIERS", "à un tiers"},
    {"SERVICE_ASE", "au service de l'ASE"},
    {"CAISSE_DES_DEPOTS", "à la Caisse des dépôts"},
    {"DELEGUE", "au délégué aux prestations"},
};

static const struct {
    const char *code, *words;
} paiement_words[] = {
    {"LIQUIDE", "liquidé"},
    {"MANDATE", "mandaté"},
    {"VISE", "visé"},
    {"EMIS", "émis"},
    {"COMPTABILISE", "comptabilisé"},
    {"CONFIRME", "confirmé"},
    {"REJETE", "rejeté"},
    {"REEMIS", "réémis"},
    {"ANNULE", "annulé"},
};

static void paiement(struct phrase *p, const struct relais_value *v)
{
    const struct relais_value *persons = get(v, "personnes");

    say(p, "Paiement ");
    say_slice(p, relais_value_text(v, "prestation"));
    say_month(p, " de ", get(v, "mois"));
    say_euros(p, " : ", get(v, "montant_centimes"), "");
    for (size_t i = 0; i < sizeof(paiement_words) / sizeof(*paiement_words); i++)
        if (is(v, "fait", paiement_words[i].code))
            say(p, " %s", paiement_words[i].words);
    for (size_t i = 0; i < sizeof(receivers) / sizeof(*receivers); i++)
        if (is(v, "destinataire", receivers[i].code))
            say(p, " %s", receivers[i].words);
    if (persons && persons->count == 1) {
        say(p, ", pour l'enfant ");
        say_pseudonym(p, persons->child->text);
    } else if (persons && persons->count) {
        say(p, ", pour %zu personnes", persons->count);
    }
    if (is(v, "destinataire", "SERVICE_ASE"))
        say(p, " (enfant confié : CSS L521-2)");
    say_code(p, ", motif : ", "motif_sepa", v, "motif_rejet");
}

static void indu(struct phrase *p, const struct relais_value *v)
{
    say(p, "Indu ");
    say_slice(p, relais_value_text(v, "prestation"));
    say_month(p, " de ", get(v, "mois"));
    say(p, " : ");
    say_slice(p, relais_value_text(v, "fait"));
    say_euros(p, ", ", get(v, "montant_operation_centimes"), "");
    say_euros(p, ", reste ", get(v, "reste_centimes"), "");
    say_code(p, ", motif : ", "motiindu", v, "motif");
}

static int64_t number(const struct relais_value *v, const char *name)
{
    const struct relais_value *n = get(v, name);

    return n ? n->number : 0;
}

static void controle(struct phrase *p, const struct relais_value *v)
{
    const struct relais_value *header = get(v, "entete_flux");
    const struct relais_value *parked = get(v, "parques");
    struct relais_slice type = relais_value_text(header, "type");
    int64_t parked_count = 0;

    for (const struct relais_value *row = parked ? parked->child : NULL; row;
         row = row->next)
        parked_count += number(row, "nombre");
    say(p, "Fichier %s %.8s : ",
        relais_slice_is(type, "M")   ? "mensuel"
        : relais_slice_is(type, "I") ? "quotidien"
                                     : "reçu",
        relais_value_text(v, "depot").ptr ? relais_value_text(v, "depot").ptr : "");
    if (is(v, "issue", "INTEGRE"))
        say(p,
            "intégré, %" PRId64 " blocs acceptés, %" PRId64
            " événements publiés, %" PRId64 " inchangés, %" PRId64 " périmés, %" PRId64
            " mis de côté",
            number(v, "acceptes"), number(v, "publies_total"), number(v, "inchanges"),
            number(v, "perimes"), parked_count);
    else
        say(p, "%s, rien n'est publié", is(v, "issue", "RETENU") ? "retenu" : "refusé");
    if (relais_value_text(v, "motif").ptr) {
        say(p, " ; motif : ");
        say_slice(p, relais_value_text(v, "motif"));
    }
}

static void parcage(struct phrase *p, const struct relais_value *v)
{
    say(p, "Mis de côté : bloc ");
    say_slice(p, relais_value_text(v, "position"));
    say(p, " du dépôt ");
    say_slice(p, relais_value_text(v, "depot"));
    say(p, ", ");
    say_slice(p, relais_value_text(v, "code"));
    say(p, ", champ ");
    say_slice(p, relais_value_text(v, "ou"));
    say(p, " : ");
    say_slice(p, relais_value_text(v, "regle"));
}

static const struct {
    const char *subject;
    void (*tell)(struct phrase *p, const struct relais_value *v);
} tellers[] = {
    {"fr.relais.eligibility.EvenementDroit", droit},
    {"fr.relais.placements.EvenementMesure", mesure},
    {"fr.relais.payments.EvenementPaiement", paiement},
    {"fr.relais.payments.EvenementIndu", indu},
    {"fr.relais.control.EvenementControle", controle},
    {"fr.relais.Parcage", parcage},
};

int phrase_line(const struct relais_codes *codes, const char *subject,
                const struct relais_value *value, struct relais_buf *out)
{
    struct phrase p = {.codes = codes, .out = out};
    size_t i = 0;

    while (i < sizeof(tellers) / sizeof(*tellers) &&
           strcmp(tellers[i].subject, subject) != 0)
        i++;
    say_head(&p, get(value, "entete"));
    if (i < sizeof(tellers) / sizeof(*tellers))
        tellers[i].tell(&p, value);
    else
        say(&p, "Événement %s", subject);
    return p.full ? -1 : 0;
}
