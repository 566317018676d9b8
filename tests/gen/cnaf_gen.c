/* cnaf_gen FOLDER [OPTION=VALUE]...: a history of invented households as CNAF
 * Bénéficiaire files, and what relais must publish of it. Everybody in it is invented
 * (birth communes of code 98x do not exist). Same options, same bytes.
 *
 *   dossiers=1000  months=2  dailies=4 (after each monthly)  seed=1
 *   change=50 daily=5 (households that change in a monthly, a daily, per thousand)
 *   idle=2 (that a daily carries unchanged, per thousand)  newcomers=2 (per thousand)
 *   ideparte=093  numorg=931  start=2026-01 (the first monthly's month)
 *
 * Writes NRSACGIM_RSABE[MI]_<day>_B<number>.RCV; attendu.tsv, an event a line:
 *   fichier bloc numero sequence nature fait etat etat_precedent survenu_le changements
 * and resume.tsv, a file a line: fichier type blocs publies inchanges centimes
 */
#include "core/day.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define BORN_MAX 3

enum { WAITING, REFUSED, OPEN, RIGHT_OFF, PAYMENT_OFF, CLOSED };

static const char *const states[] = {
    "INSTRUCTION", "REFUSE", "OUVERT", "SUSPENDU_DROIT", "SUSPENDU_VERSEMENT", "CLOS"};

struct household {
    uint64_t seed;
    int state, adults, children, born_count, moves, reason;
    int32_t demand, right, suspended, closed, refused, moved, born[BORN_MAX];
    int64_t centimes;
    int64_t sequence;
    bool transferred; /* closed by MUT */
};

/* What a file says of a household that changed. */
struct change {
    const char *fait, *fields, *trigger;
    int32_t day;
};

static struct {
    int64_t dossiers, months, dailies, seed, change, daily, idle, newcomers;
    char ideparte[8], numorg[8];
    int year, month;
    const char *folder;
} opt = {1000, 2, 4, 1, 50, 5, 2, 2, "093", "931", 2026, 1, NULL};

static struct household *all;
static int64_t count;
static uint64_t random_state;
static FILE *expected, *summary;
static int file_number;

static uint64_t mix(uint64_t x)
{
    x += UINT64_C(0x9e3779b97f4a7c15);
    x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
    return x ^ (x >> 31);
}

static int64_t draw(int64_t below)
{
    return (int64_t)(mix(random_state++) % (uint64_t)below);
}

/* A stable number of a household. */
static int64_t trait(const struct household *h, unsigned which, int64_t below)
{
    return (int64_t)(mix(h->seed ^ ((uint64_t)which << 32)) % (uint64_t)below);
}

static void die(const char *what)
{
    perror(what);
    exit(1);
}

static const char *day(int32_t days)
{
    static char text[8][11];
    static int next;

    next = (next + 1) % 8;
    relais_day_format(days, text[next]);
    return text[next];
}

static int32_t first_of_month(int32_t days)
{
    int y, m, d;

    relais_day_to_civil(days, &y, &m, &d);
    return relais_day_from_civil(y, m, 1);
}

/* ---- Persons ----------------------------------------------------------------------- */

/* windows-1252 */
static const char *const family_names[] = {
    "LUSTREPIC",    "MORTEFANE",  "ZABULONDE",    "CASTIFICTO", "OUBLIEFANT",
    "QUIRVELLE",    "BRISANDOU",  "VAUTRINEAU",   "D'ESTROVAL", "PELLINGOURDE",
    "GR\xC9MILLOU", "THOUAR\xC9", "SAINT-FOLLIN", "KERVALEC",   "NDIOBARA",
    "YACOUBIEN",    "DELASORNE",  "B\x8CUVRADE",  "RICHEPOIX",  "ALOUESTRE"};
static const char *const first_names[2][10] = {
    {"ROMARIC", "FULBERT", "BERTRAM", "TITOUAN", "GAUTIER", "ANSELME", "YVAIN",
     "C\xC9SAIRE", "ALDRIC", "HIPPOLYTE"},
    {"AMANDINE", "ELVIRE", "SOLVEIG", "LIVIA", "ANA\xCFS", "MAHAUT", "C\x8CLIA", "ODILE",
     "BERTILLE", "\xC9LODIE"}};
static const char *const towns[][3] = {
    {"93001", "93300", "AUBERVILLIERS"}, {"93008", "93000", "BOBIGNY"},
    {"93010", "93140", "BONDY"},         {"93029", "93700", "DRANCY"},
    {"93048", "93100", "MONTREUIL"},     {"93055", "93500", "PANTIN"},
    {"93066", "93200", "SAINT-DENIS"},   {"93071", "93270", "SEVRAN"}};
static const char *const streets[] = {"DES ESSAIS",     "DU CAS NOMINAL",
                                      "DU BAC A SABLE", "DE LA FOR\312T INVENT\311E",
                                      "DES BORNES",     "DE L'EXEMPLE"};

static void put_nir(FILE *f, int sex, int32_t birth, int64_t rank, bool with_key)
{
    int y, m, d;
    int64_t n;

    relais_day_to_civil(birth, &y, &m, &d);
    n = ((((int64_t)(sex + 1) * 100 + y % 100) * 100 + m) * 100 + 93) * 1000000 + 985000 +
        rank;
    fprintf(f, "<NIR>%013" PRId64, n);
    if (with_key)
        fprintf(f, "%02d", (int)(97 - n % 97));
    fputs("</NIR>\n", f);
}

struct person {
    const char *name, *birth_name, *first_name, *role;
    int sex, rank;
    int32_t birth, attached;
    bool adult;
};

static struct person person_of(const struct household *h, int i)
{
    unsigned key = (unsigned)i * 16;
    bool adult = i < h->adults, born = i >= h->adults + h->children;
    struct person p = {.adult = adult, .rank = (int)trait(h, key + 4, 900) + 1};

    p.sex = (int)trait(h, key, 2);
    p.name = family_names[trait(h, 1, 20)];
    p.birth_name = p.sex && adult ? family_names[trait(h, key + 1, 20)] : p.name;
    p.first_name = first_names[p.sex][trait(h, key + 2, 10)];
    p.role = !adult ? "ENF" : i == 0 ? "DEM" : "CJT";
    p.attached = born ? h->born[i - h->adults - h->children] : h->demand;
    p.birth = born    ? p.attached
              : adult ? relais_day_from_civil(1960, 1, 1) + (int)trait(h, key + 3, 15000)
                      : relais_day_from_civil(2010, 1, 1) + (int)trait(h, key + 3, 5000);
    return p;
}

static void put_resources(FILE *f, const struct household *h, int32_t month)
{
    fprintf(
        f,
        "<Ressources>\n<GeneraliteRessourcesTrimestre>\n<TOPRESSNUL>0</TOPRESSNUL>\n"
        "<DDRESS>%s</DDRESS>\n<DFRESS>%s</DFRESS>\n</GeneraliteRessourcesTrimestre>\n",
        day(first_of_month(month - 92)), day(month - 1));
    for (int i = 3; i > 0; i--)
        fprintf(f,
                "<RessourcesMensuelles>\n<GeneraliteRessourcesMensuelles>\n"
                "<MOISRESS>%s</MOISRESS>\n<NBHEUMENTRA>000</NBHEUMENTRA>\n"
                "</GeneraliteRessourcesMensuelles>\n<DetailRessourcesMensuelles>\n"
                "<NATRESS>010</NATRESS>\n<MTNATRESSMEN>%07d.%02d</MTNATRESSMEN>\n"
                "</DetailRessourcesMensuelles>\n</RessourcesMensuelles>\n",
                day(first_of_month(month - 30 * i)),
                (int)trait(h, 900 + (unsigned)i, 600), (int)trait(h, 910, 100));
    fputs("</Ressources>\n", f);
}

static void put_person(FILE *f, const struct household *h, int i, int32_t month)
{
    struct person p = person_of(h, i);
    const char *qualite = p.sex ? (p.adult ? "MME" : "MLE") : "MR";

    fprintf(f,
            "<Personne>\n<Identification>\n<QUAL>%s</QUAL>\n<NOM>%s</NOM>\n"
            "<NOMNAI>%s</NOMNAI>\n<PRENOM>%s</PRENOM>\n<NOMCOMNAI>VALFICTIF</NOMCOMNAI>\n"
            "<DTNAI>%s</DTNAI>\n<RGNAI>1</RGNAI>\n<TYPEDTNAI>N</TYPEDTNAI>\n",
            qualite, p.name, p.birth_name, p.first_name, day(p.birth));
    if (p.adult)
        put_nir(f, p.sex, p.birth, p.rank, trait(h, 7, 4) == 0);
    fprintf(f,
            "<TOPVALIEC>1</TOPVALIEC>\n<SEXE>%d</SEXE>\n</Identification>\n<DossierCAF>\n"
            "<TOPRESPDOS>%d</TOPRESPDOS>\n<DDRATDOS>%s</DDRATDOS>\n</DossierCAF>\n",
            p.sex + 1, i == 0, day(p.attached));
    for (int n = 0; n < 2; n++)
        fprintf(f,
                "<Prestations>\n<NATPREST>%s</NATPREST>\n<ROLEPERS>%s</ROLEPERS>\n"
                "<TOPCHAPERS>%d</TOPCHAPERS>\n</Prestations>\n",
                n ? "RSA" : "PFA", p.role, n || !p.adult);
    if (p.adult) {
        fprintf(f,
                "<DossierPoleEmploi>\n<IDASSEDIC>%07dA</IDASSEDIC>\n"
                "</DossierPoleEmploi>\n",
                9900000 + (int)trait(h, 70 + (unsigned)i, 90000));
        put_resources(f, h, month);
        fputs("<MontantCalculDroitRSAPersonne>\n"
              "<TOPPERSDRODEVORSA>1</TOPPERSDRODEVORSA>\n"
              "<TOPPERSENTDRODEVORSA>0</TOPPERSENTDRODEVORSA>\n"
              "<MTPERSRESSMENRSA>0000000.00</MTPERSRESSMENRSA>\n"
              "<MTPERSABANEURSA>0000000.00</MTPERSABANEURSA>\n"
              "</MontantCalculDroitRSAPersonne>\n"
              "<Activite>\n<REG>GE</REG>\n<ACT>CHO</ACT>\n<DDACT>2025-09-01</DDACT>\n"
              "</Activite>\n",
              f);
    }
    fputs("</Personne>\n", f);
}

/* ---- Blocks and files -------------------------------------------------------------- */

static void put_number(FILE *f, const struct household *h)
{
    fprintf(f, "%08" PRId64 "%s", (int64_t)(h - all) + 1000, opt.ideparte);
}

static void put_identification(FILE *f, const struct household *h)
{
    fprintf(
        f,
        "<IdentificationRSA>\n<Organisme>\n<FONORG>CAF</FONORG>\n<NUMORG>%s</NUMORG>\n"
        "<MATRICULE>%07" PRId64 "00000000</MATRICULE>\n</Organisme>\n<Partenaire>\n"
        "<TYPEPARTE>CG  </TYPEPARTE>\n<IDEPARTE>%s</IDEPARTE>\n</Partenaire>\n"
        "<DemandeRSA>\n<DTDEMRSA>%s</DTDEMRSA>\n<NUMDEMRSA>",
        opt.numorg, (int64_t)(h - all) + 1, opt.ideparte, day(h->demand));
    put_number(f, h);
    fputs("</NUMDEMRSA>\n</DemandeRSA>\n", f);
    if (h->transferred)
        fprintf(f,
                "<OrganismePrenant>\n<FONORGPRENMUT>CAF</FONORGPRENMUT>\n"
                "<NUMORGPRENMUT>751</NUMORGPRENMUT>\n<DDDEPAMUT>%s</DDDEPAMUT>\n"
                "</OrganismePrenant>\n",
                day(h->closed));
    fputs("</IdentificationRSA>\n", f);
}

static void put_address(FILE *f, const struct household *h)
{
    const char *const *town = towns[(trait(h, 20, 8) + h->moves) % 8];

    fprintf(
        f,
        "<DonneesAdministratives>\n<SituationFamille>\n<SITFAM>%s</SITFAM>\n"
        "<DDSITFAM>2015-06-01</DDSITFAM>\n</SituationFamille>\n<Adresse>\n"
        "<TroncCommunAdresse>\n<RGADR>01</RGADR>\n<DTEMM>%s</DTEMM>\n<PAYS>FRA</PAYS>\n"
        "<TYPEADR>D</TYPEADR>\n<ETATADR>CO</ETATADR>\n</TroncCommunAdresse>\n"
        "<AdresseDetailleeFrance>\n<COMPLIDEADR></COMPLIDEADR>\n<COMPLADR/>\n"
        "<NUMVOIE>%d</NUMVOIE>\n<LIBTYPEVOIE>RUE</LIBTYPEVOIE>\n<NOMVOIE>%s</NOMVOIE>\n"
        "<LIEUDIST></LIEUDIST>\n<NUMCOM>%s</NUMCOM>\n<CODEPOS>%s</CODEPOS>\n"
        "<NOMCOM>%s</NOMCOM>\n</AdresseDetailleeFrance>\n</Adresse>\n"
        "</DonneesAdministratives>\n",
        h->adults == 2 ? "MAR" : "CEL", day(h->moved),
        (int)trait(h, 21 + (unsigned)h->moves, 120) + 1,
        streets[trait(h, 30 + (unsigned)h->moves, 6)], town[0], town[1], town[2]);
}

static void put_situation(FILE *f, const struct household *h)
{
    static const char *const right_off[] = {"GR", "GA", "DA"};
    static const char *const payment_off[] = {"01", "06", "DC"};
    static const char *const ends[] = {"ECH", "RGD", "PCG"};
    static const char *const refusals[] = {"DSD", "F02", "PCG"};

    fprintf(f,
            "<PrestationRSA>\n<SituationDossierRSA>\n<EtatDossierRSA>\n"
            "<ETATDOSRSA>%d</ETATDOSRSA>\n</EtatDossierRSA>\n",
            h->state);
    if (h->state == REFUSED)
        fprintf(f,
                "<Refus>\n<DTREFURSA>%s</DTREFURSA>\n<MOTIREFURSA>%s</MOTIREFURSA>\n"
                "</Refus>\n",
                day(h->refused), refusals[h->reason]);
    if (h->state == RIGHT_OFF)
        fprintf(f,
                "<SuspensionDroit>\n<MOTISUSDRORSA>%s</MOTISUSDRORSA>\n"
                "<DDSUSDRORSA>%s</DDSUSDRORSA>\n<NATGROUPFSUS>RSA</NATGROUPFSUS>\n"
                "</SuspensionDroit>\n",
                right_off[h->reason], day(h->suspended));
    if (h->state == PAYMENT_OFF)
        fprintf(f,
                "<SuspensionVersement>\n<MOTISUSVERSRSA>%s</MOTISUSVERSRSA>\n"
                "<DDSUSVERSRSA>%s</DDSUSVERSRSA>\n</SuspensionVersement>\n",
                payment_off[h->reason], day(h->suspended));
    if (h->state == CLOSED)
        fprintf(f,
                "<FinDroit>\n<MOTICLORSA>%s</MOTICLORSA>\n<DTCLORSA>%s</DTCLORSA>\n"
                "</FinDroit>\n",
                h->transferred ? "MUT" : ends[h->reason], day(h->closed));
    fputs("</SituationDossierRSA>\n", f);
}

static bool has_amount(const struct household *h)
{
    return h->state >= OPEN && h->state <= PAYMENT_OFF;
}

/* MontantsCalculDroitRSA and DTDERRSAVERS move each month, which is no news. */
static void put_right(FILE *f, const struct household *h, int32_t month)
{
    put_situation(f, h);
    fprintf(
        f,
        "<DetailDroitRSA>\n<TroncCommunDroitRSA>\n<TOPSANSDOMFIXE>0</TOPSANSDOMFIXE>\n"
        "<NBENFAUTCHA>%d</NBENFAUTCHA>\n<ORIDEMRSA>DEM</ORIDEMRSA>\n"
        "<DTORIDEMRSA>%s</DTORIDEMRSA>\n<TOPFOYDRODEVORSA>1</TOPFOYDRODEVORSA>\n"
        "</TroncCommunDroitRSA>\n",
        h->children + h->born_count, day(h->demand));
    if (has_amount(h))
        fprintf(f,
                "<MontantsCalculDroitRSA>\n<DDELECAL>%s</DDELECAL>\n"
                "<DFELECAL>%s</DFELECAL>\n<MTREVGARARSA>0001000.00</MTREVGARARSA>\n"
                "<MTTOTDRORSA>%07" PRId64 ".%02d</MTTOTDRORSA>\n"
                "</MontantsCalculDroitRSA>\n<DetailCalculDroitRSA>\n<NATPF>RSD</NATPF>\n"
                "<SOUSNATPF>RSDN2</SOUSNATPF>\n<DDNATDRO>%s</DDNATDRO>\n"
                "<MTRSAVERS>%07" PRId64 ".%02d</MTRSAVERS>\n"
                "<DTDERRSAVERS>%s</DTDERRSAVERS>\n</DetailCalculDroitRSA>\n",
                day(month), day(month + 27), h->centimes / 100, (int)(h->centimes % 100),
                day(h->right), h->centimes / 100, (int)(h->centimes % 100), day(month));
    fputs("</DetailDroitRSA>\n</PrestationRSA>\n", f);
}

static void put_block(FILE *f, const struct household *h, int32_t created,
                      const char *trigger)
{
    int32_t month = first_of_month(created - 5);

    fputs("<InfosFoyerRSA>\n", f);
    put_identification(f, h);
    for (int i = 0; i < h->adults + h->children + h->born_count; i++)
        put_person(f, h, i, month);
    put_address(f, h);
    put_right(f, h, month);
    if (trigger)
        fprintf(f,
                "<Evenement>\n<DTLIQ>%s</DTLIQ>\n<HEULIQ>10:12:43.0000</HEULIQ>\n"
                "<FG>%s</FG>\n</Evenement>\n",
                day(created), trigger);
    fputs("</InfosFoyerRSA>\n", f);
}

/* ---- What happens ------------------------------------------------------------------ */

static void new_household(int32_t today)
{
    struct household *h = &all[count];

    *h = (struct household){.seed = mix((uint64_t)opt.seed << 32 | (uint64_t)count)};
    count++;
    h->adults = 1 + (trait(h, 2, 3) == 0);
    h->children = (int)trait(h, 3, 4);
    h->demand = today - 30 - (int)trait(h, 4, 1500);
    h->moved = h->demand - 100;
    h->right = first_of_month(today - 40);
    h->centimes = 10000 + trait(h, 5, 110000);
    h->reason = (int)trait(h, 6, 3);
    h->suspended = h->closed = h->refused = first_of_month(today - 20);
    switch (trait(h, 8, 20)) {
    case 0:
        h->state = WAITING;
        break;
    case 1:
        h->state = REFUSED;
        break;
    case 2:
        h->state = RIGHT_OFF;
        break;
    case 3:
    case 4:
        h->state = PAYMENT_OFF;
        break;
    case 5:
    case 6:
        h->state = CLOSED;
        break;
    default:
        h->state = OPEN;
    }
    h->transferred = h->state == CLOSED && h->reason == 0;
}

/* The fait of an object's first event, and its day; 0: the file's reference day. */
static struct change first_event(const struct household *h)
{
    switch (h->state) {
    case WAITING:
        return (struct change){"DEMANDE", "", "DEMRSA", 0};
    case REFUSED:
        return (struct change){"REFUS", "", "DECDEMPCG", h->refused};
    case RIGHT_OFF:
        return (struct change){"SUSPENSION_DROIT", "", "SUS", h->suspended};
    case PAYMENT_OFF:
        return (struct change){"SUSPENSION_VERSEMENT", "", "SUS", h->suspended};
    case CLOSED:
        return (struct change){h->transferred ? "MUTATION_CEDEE" : "CLOTURE", "", "RAD",
                               h->closed};
    default:
        return (struct change){"OUVERTURE", "", "DEMRSA", h->right};
    }
}

static struct change open_again(struct household *h, const char *fait, const char *fields,
                                int32_t today)
{
    h->state = OPEN;
    h->right = first_of_month(today);
    return (struct change){fait, fields, "REA", h->right};
}

static struct change close_it(struct household *h, int32_t today)
{
    bool off = h->state != OPEN;

    h->transferred = draw(4) == 0;
    h->state = CLOSED;
    h->closed = first_of_month(today);
    if (h->transferred)
        return (struct change){
            "MUTATION_CEDEE",
            off ? "cloture,composantes,etat,montant_mensuel_centimes,organisme_prenant,"
                  "suspensions"
                : "cloture,composantes,etat,montant_mensuel_centimes,organisme_prenant",
            "MUT", h->closed};
    return (struct change){
        "CLOTURE",
        off ? "cloture,composantes,etat,montant_mensuel_centimes,suspensions"
            : "cloture,composantes,etat,montant_mensuel_centimes",
        "RAD", h->closed};
}

/* A household that keeps its state. */
static struct change live_on(struct household *h, int32_t today)
{
    int64_t what = draw(3);

    if (what == 0 && h->born_count < BORN_MAX) {
        h->born[h->born_count++] = today - 3;
        return (struct change){"FOYER", "foyer,personnes", "SITENFAUT", today - 3};
    }
    if (what == 1 || !has_amount(h)) {
        h->moves++;
        h->moved = today - 2;
        return (struct change){"ADRESSE", "adresse,foyer", "ADR", h->moved};
    }
    h->centimes = h->centimes > 60000 ? h->centimes - 4321 : h->centimes + 12345;
    h->right = first_of_month(today);
    return (struct change){"REVISION", "composantes,montant_mensuel_centimes",
                           "RESTRIRSA", h->right};
}

static struct change happen(struct household *h, int32_t today)
{
    int64_t what = draw(10);

    switch (h->state) {
    case WAITING:
        if (what < 7)
            return open_again(h, "OUVERTURE", "composantes,etat,montant_mensuel_centimes",
                              today);
        h->state = REFUSED;
        h->refused = today - 1;
        return (struct change){"REFUS", "etat,refus", "DECDEMPCG", h->refused};
    case REFUSED:
        return open_again(h, "OUVERTURE",
                          "composantes,etat,montant_mensuel_centimes,refus", today);
    case CLOSED: {
        bool back = h->transferred;

        h->transferred = false;
        return open_again(
            h, "REOUVERTURE",
            back ? "cloture,composantes,etat,montant_mensuel_centimes,organisme_prenant"
                 : "cloture,composantes,etat,montant_mensuel_centimes",
            today);
    }
    case OPEN:
        if (what == 0)
            return close_it(h, today);
        if (what > 2)
            return live_on(h, today);
        h->state = what == 1 ? RIGHT_OFF : PAYMENT_OFF;
        h->suspended = today - 4;
        return (struct change){what == 1 ? "SUSPENSION_DROIT" : "SUSPENSION_VERSEMENT",
                               "etat,suspensions", "SUS", h->suspended};
    default:
        if (what < 2)
            return close_it(h, today);
        if (what < 5)
            return live_on(h, today);
        h->state = OPEN;
        return (struct change){"REPRISE", "etat,suspensions", "SITPRO", 0};
    }
}

static void expect(const char *file, int64_t block, struct household *h, bool initial,
                   const char *before, const struct change *c, int32_t reference)
{
    fprintf(expected, "%s\t%" PRId64 "\t", file, block);
    put_number(expected, h);
    fprintf(expected, "\t%" PRId64 "\t%s\t%s\t%s\t%s\t%s\t%s\n", ++h->sequence,
            initial ? "INITIALISATION" : "NORMAL", c->fait, states[h->state],
            before ? before : "", day(c->day ? c->day : reference), c->fields);
}

struct counts {
    int64_t blocks, published, unchanged, centimes;
};

/* One household's turn in a file: does it change, is it carried, what is expected? */
static void turn(FILE *f, const char *name, struct household *h, bool monthly,
                 bool initial, int32_t created, int32_t reference, struct counts *n)
{
    const char *before = h->sequence ? states[h->state] : NULL;
    bool changes = before && draw(1000) < (monthly ? opt.change : opt.daily);
    bool carried = monthly || changes || !before || draw(1000) < opt.idle;
    struct change c = {0};

    if (!carried)
        return;
    n->blocks++;
    if (!before)
        c = first_event(h);
    else if (changes)
        c = happen(h, created);
    put_block(f, h, created, monthly ? NULL : c.fait ? c.trigger : "SITPRO");
    if (!c.fait) {
        n->unchanged++;
        return;
    }
    n->published++;
    n->centimes += has_amount(h) ? h->centimes : 0;
    expect(name, n->blocks, h, initial && !before, before, &c, reference);
}

static FILE *create(const char *name)
{
    char path[4096];
    FILE *f;

    snprintf(path, sizeof(path), "%s/%s", opt.folder, name);
    f = fopen(path, "we");
    if (!f)
        die(path);
    setvbuf(f, NULL, _IOFBF, 1u << 20);
    return f;
}

static void finish(FILE *f, const char *name)
{
    if (fclose(f))
        die(name);
}

static void write_file(bool monthly, bool initial, int32_t created, int32_t reference)
{
    struct counts n = {0};
    int y, m, d;
    char name[64];
    FILE *f;

    relais_day_to_civil(created, &y, &m, &d);
    snprintf(name, sizeof(name), "NRSACGIM_RSABE%c_%04d%02d%02d_B%07d.RCV",
             monthly ? 'M' : 'I', y, m, d, ++file_number);
    f = create(name);
    fprintf(f,
            "<?xml version=\"1.0\" encoding=\"windows-1252\"?>\n<Racine>\n"
            "<IdentificationFlux>\n<APPLIEME>CRI</APPLIEME>\n"
            "<NUMVERSIONAPPLIEME>7100</NUMVERSIONAPPLIEME>\n<TYPEFLUX>%c</TYPEFLUX>\n"
            "<NATFLUX>D</NATFLUX>\n<DTCREAFLUX>%s</DTCREAFLUX>\n"
            "<HEUCREAFLUX>2%d:27:43.0000</HEUCREAFLUX>\n<DTREF>%s</DTREF>\n"
            "</IdentificationFlux>\n",
            monthly ? 'M' : 'I', day(created), monthly ? 1 : 0, day(reference));
    for (int64_t i = 0; i < count; i++)
        turn(f, name, &all[i], monthly, initial, created, reference, &n);
    fprintf(f,
            "<TransmissionFlux>\n<NBTOTDOSRSATRANSM>%08" PRId64 "</NBTOTDOSRSATRANSM>\n"
            "<NBTOTDOSRSATRANSMANO>00000000</NBTOTDOSRSATRANSMANO>\n"
            "</TransmissionFlux>\n</Racine>\n",
            n.blocks);
    finish(f, name);
    fprintf(summary, "%s\t%c\t%" PRId64 "\t%" PRId64 "\t%" PRId64 "\t%" PRId64 "\n", name,
            monthly ? 'M' : 'I', n.blocks, n.published, n.unchanged, n.centimes);
}

static void newcomers(int32_t today)
{
    for (int64_t n = opt.dossiers * opt.newcomers / 1000; n > 0; n--)
        new_household(today);
}

static void history(void)
{
    int year = opt.year, month = opt.month;

    for (int64_t i = 0; i < opt.months; i++) {
        int32_t next, reference, created;

        if (++month > 12) {
            month = 1;
            year++;
        }
        next = relais_day_from_civil(year, month, 1);
        reference = next - 1;
        created = next + 3;
        if (i == 0)
            for (int64_t n = opt.dossiers; n > 0; n--)
                new_household(created);
        else
            newcomers(created);
        write_file(true, i == 0, created, reference);
        for (int64_t j = 0; j < opt.dailies; j++) {
            int32_t today = created + 1 + (int32_t)(j * 24 / (opt.dailies));

            newcomers(today);
            write_file(false, false, today, today);
        }
    }
}

static bool option(const char *arg)
{
    static const struct {
        const char *name;
        int64_t *value;
    } numbers[] = {
        {"dossiers", &opt.dossiers}, {"months", &opt.months},
        {"dailies", &opt.dailies},   {"seed", &opt.seed},
        {"change", &opt.change},     {"daily", &opt.daily},
        {"idle", &opt.idle},         {"newcomers", &opt.newcomers},
    };
    const char *value = strchr(arg, '=');
    size_t len = value ? (size_t)(value++ - arg) : 0;
    char *end;

    for (size_t i = 0; len && i < sizeof(numbers) / sizeof(numbers[0]); i++)
        if (strlen(numbers[i].name) == len && !memcmp(arg, numbers[i].name, len)) {
            *numbers[i].value = strtoll(value, &end, 10);
            return *value && !*end && *numbers[i].value >= 0;
        }
    if (len == 8 && !memcmp(arg, "ideparte", len) && strlen(value) == 3)
        return snprintf(opt.ideparte, sizeof(opt.ideparte), "%s", value) == 3;
    if (len == 6 && !memcmp(arg, "numorg", len) && strlen(value) == 3)
        return snprintf(opt.numorg, sizeof(opt.numorg), "%s", value) == 3;
    if (len == 5 && !memcmp(arg, "start", len) && strlen(value) == 7) {
        opt.year = (int)strtol(value, &end, 10);
        opt.month = *end == '-' ? (int)strtol(end + 1, &end, 10) : 0;
        return !*end && opt.month >= 1 && opt.month <= 12;
    }
    return false;
}

int main(int argc, char **argv)
{
    int64_t most;

    for (int i = 2; i < argc; i++)
        if (!option(argv[i])) {
            fprintf(stderr, "cnaf_gen: not an option: %s\n", argv[i]);
            return 2;
        }
    if (argc < 2 || opt.dailies > 24) {
        fputs("cnaf_gen FOLDER [OPTION=VALUE]..., at most 24 dailies a month\n", stderr);
        return 2;
    }
    opt.folder = argv[1];
    random_state = mix((uint64_t)opt.seed);
    most = opt.dossiers +
           opt.months * (opt.dailies + 1) * (opt.dossiers * opt.newcomers / 1000);
    all = relais_zalloc((size_t)(most ? most : 1) * sizeof(*all));
    expected = create("attendu.tsv");
    summary = create("resume.tsv");
    history();
    finish(expected, "attendu.tsv");
    finish(summary, "resume.tsv");
    free(all);
    return 0;
}
