#include "schemas/rules.h"

static bool digit(char c) { return c >= '0' && c <= '9'; }
static bool upper(char c) { return c >= 'A' && c <= 'Z'; }
static bool lower(char c) { return c >= 'a' && c <= 'z'; }

static bool all_digits(struct relais_slice s, size_t from)
{
    for (size_t i = from; i < s.len; i++)
        if (!digit(s.ptr[i]))
            return false;
    return true;
}

static bool digits(struct relais_slice s, size_t len)
{
    return s.len == len && all_digits(s, 0);
}

static unsigned two(const char *p)
{
    return 10u * (unsigned)(p[0] - '0') + (unsigned)(p[1] - '0');
}

static enum relais_rule_result park_unless(bool ok)
{
    return ok ? RELAIS_RULE_OK : RELAIS_RULE_PARK;
}

static enum relais_rule_result warn_unless(bool ok)
{
    return ok ? RELAIS_RULE_OK : RELAIS_RULE_WARN;
}

/* ISO/IEC 7812-1: the last digit is the check digit. */
static bool luhn(struct relais_slice s)
{
    unsigned sum = 0;

    for (size_t i = 0; i < s.len; i++) {
        unsigned d = (unsigned)(s.ptr[s.len - 1 - i] - '0');

        d <<= i & 1;
        sum += d > 9 ? d - 9 : d;
    }
    return sum % 10 == 0;
}

/* 2A and 2B at positions 6-7 only are numbers 19 and 18 to the key, for people born in
 * Corsica since 1976. Months 20 to 99 stand for an unknown month (CNAM). */
bool relais_nir_valid(struct relais_slice nir)
{
    char text[13];
    uint64_t n = 0;

    if (nir.len != 13 && nir.len != 15)
        return false;
    memcpy(text, nir.ptr, sizeof(text));
    if (text[5] == '2' && (text[6] == 'A' || text[6] == 'B')) {
        text[6] = text[6] == 'A' ? '9' : '8';
        text[5] = '1';
    }
    if (!digits((struct relais_slice){text, sizeof(text)}, sizeof(text)))
        return false;
    if ((text[0] != '1' && text[0] != '2') || two(text + 5) == 0)
        return false;
    if (two(text + 3) == 0 || (two(text + 3) > 12 && two(text + 3) < 20))
        return false;
    if (nir.len == 13)
        return true;
    for (size_t i = 0; i < sizeof(text); i++)
        n = 10 * n + (uint64_t)(text[i] - '0');
    return digit(nir.ptr[13]) && digit(nir.ptr[14]) && two(nir.ptr + 13) == 97 - n % 97;
}

/* A wrong NIR is a fact of life of the files: it never parks a case. */
static enum relais_rule_result check_nir(struct relais_slice s)
{
    return warn_unless(relais_nir_valid(s));
}

/* Provisional and migrant numbers of the CNAM: sex, type 1 or 2, 11 digits. */
static bool cnam_number(struct relais_slice s, const char *sexes)
{
    return digits(s, 13) && (s.ptr[0] == sexes[0] || s.ptr[0] == sexes[1]) &&
           (s.ptr[1] == '1' || s.ptr[1] == '2');
}

static enum relais_rule_result check_nnp(struct relais_slice s)
{
    return park_unless(cnam_number(s, "78"));
}

static enum relais_rule_result check_mig(struct relais_slice s)
{
    return park_unless(cnam_number(s, "56"));
}

static bool siren(struct relais_slice s)
{
    return digits(s, 9) && luhn(s) && !relais_slice_is(s, "000000000");
}

static enum relais_rule_result check_siren(struct relais_slice s)
{
    return park_unless(siren(s));
}

/* La Poste outgrew Luhn: the digits of its places add up to a multiple of 5, but for its
 * head office. */
static enum relais_rule_result check_la_poste(struct relais_slice s)
{
    unsigned sum = 0;

    for (size_t i = 0; i < s.len; i++)
        sum += (unsigned)(s.ptr[i] - '0');
    if (sum % 5 == 0 || relais_slice_is(s, "35600000000048"))
        return RELAIS_RULE_OK;
    return luhn(s) ? RELAIS_RULE_WARN : RELAIS_RULE_PARK;
}

static enum relais_rule_result check_siret(struct relais_slice s)
{
    if (!digits(s, 14) || !siren((struct relais_slice){s.ptr, 9}))
        return RELAIS_RULE_PARK;
    if (memcmp(s.ptr, "356000000", 9) == 0)
        return check_la_poste(s);
    return park_unless(luhn(s));
}

/* Technical number of the DSN: sex, SIREN of the employer, its own reference. */
static enum relais_rule_result check_ntt(struct relais_slice s)
{
    if (s.len < 11 || s.len > 40 || (s.ptr[0] != '1' && s.ptr[0] != '2') ||
        !siren((struct relais_slice){s.ptr + 1, 9}))
        return RELAIS_RULE_PARK;
    for (size_t i = 10; i < s.len; i++)
        if (s.ptr[i] <= ' ' || s.ptr[i] > '~')
            return RELAIS_RULE_PARK;
    return RELAIS_RULE_OK;
}

/* 9 letters or digits (ANS). That Luhn holds, with 2A as 21 and 2B as 22, was seen on
 * every number tried but is written nowhere: a warning. */
static enum relais_rule_result check_finess(struct relais_slice s)
{
    char text[9];

    if (s.len != sizeof(text))
        return RELAIS_RULE_PARK;
    for (size_t i = 0; i < s.len; i++)
        if (!digit(s.ptr[i]) && !upper(s.ptr[i]) && !lower(s.ptr[i]))
            return RELAIS_RULE_PARK;
    memcpy(text, s.ptr, sizeof(text));
    if (text[0] == '2' && (text[1] == 'A' || text[1] == 'B'))
        text[1] = text[1] == 'A' ? '1' : '2';
    s.ptr = text;
    return warn_unless(all_digits(s, 0) && luhn(s));
}

/* The 101 départements of the code officiel géographique. */
static bool departement(struct relais_slice s)
{
    if (s.len == 3)
        return s.ptr[0] == '9' && s.ptr[1] == '7' && s.ptr[2] >= '1' && s.ptr[2] <= '6' &&
               s.ptr[2] != '5';
    if (s.len != 2)
        return false;
    if (s.ptr[0] == '2' && (s.ptr[1] == 'A' || s.ptr[1] == 'B'))
        return true;
    return all_digits(s, 0) && two(s.ptr) >= 1 && two(s.ptr) <= 95 && two(s.ptr) != 20;
}

static enum relais_rule_result check_departement(struct relais_slice s)
{
    return park_unless(departement(s));
}

/* Its département and what is left of 5 characters. Never parks: communes merge, and
 * files hold addresses of another time. */
static enum relais_rule_result check_commune(struct relais_slice s)
{
    size_t head = s.len > 2 && s.ptr[0] == '9' && s.ptr[1] == '7' ? 3 : 2;

    return warn_unless(s.len == 5 && departement((struct relais_slice){s.ptr, head}) &&
                       all_digits(s, head));
}

static enum relais_rule_result check_numallocataire(struct relais_slice s)
{
    return park_unless(digits(s, 7));
}

/* 11 letters or digits; lower case was never seen. */
static enum relais_rule_result check_numdemrsa(struct relais_slice s)
{
    enum relais_rule_result result = RELAIS_RULE_OK;

    if (s.len != 11)
        return RELAIS_RULE_PARK;
    for (size_t i = 0; i < s.len; i++) {
        if (lower(s.ptr[i]))
            result = RELAIS_RULE_WARN;
        else if (!digit(s.ptr[i]) && !upper(s.ptr[i]))
            return RELAIS_RULE_PARK;
    }
    return result;
}

/* A former number is only told, never followed. */
static enum relais_rule_result check_numdemrsaprece(struct relais_slice s)
{
    return warn_unless(check_numdemrsa(s) == RELAIS_RULE_OK);
}

/* 15 digits, the leading zeros among them; shorter ones are admitted by the XSD only. */
static enum relais_rule_result check_matricule(struct relais_slice s)
{
    if (s.len == 0 || s.len > 15 || !all_digits(s, 0))
        return RELAIS_RULE_PARK;
    return warn_unless(s.len == 15);
}

/* The RIB inside a French IBAN: bank 5, branch 5, account 11, key 2; the account's
 * letters count as A-I 1-9, J-R 1-9, S-Z 2-9. */
static bool rib_key(const char *rib)
{
    uint64_t parts[3] = {0, 0, 0};

    for (size_t i = 0; i < 21; i++) {
        uint64_t *part = &parts[i < 5 ? 0 : i < 10 ? 1 : 2];
        char c = rib[i];
        unsigned d;

        if (digit(c))
            d = (unsigned)(c - '0');
        else if (i < 10)
            return false;
        else
            d = (unsigned)(c < 'S' ? (c - 'A') % 9 + 1 : c - 'S' + 2);
        *part = 10 * *part + d;
    }
    return digit(rib[21]) && digit(rib[22]) &&
           two(rib + 21) == 97 - (89 * parts[0] + 15 * parts[1] + 3 * parts[2]) % 97;
}

/* ISO 13616: country, key, account; the whole moved by 4 and read as a number is 1
 * modulo 97, letters counting A 10 to Z 35. */
static enum relais_rule_result check_iban(struct relais_slice s)
{
    unsigned rest = 0;

    if (s.len < 15 || s.len > 34 || !upper(s.ptr[0]) || !upper(s.ptr[1]) ||
        !digit(s.ptr[2]) || !digit(s.ptr[3]))
        return RELAIS_RULE_PARK;
    for (size_t i = 0; i < s.len; i++) {
        char c = s.ptr[(i + 4) % s.len];

        if (digit(c))
            rest = (10 * rest + (unsigned)(c - '0')) % 97;
        else if (upper(c))
            rest = (100 * rest + (unsigned)(c - 'A') + 10) % 97;
        else
            return RELAIS_RULE_PARK;
    }
    if (rest != 1)
        return RELAIS_RULE_PARK;
    if (memcmp(s.ptr, "FR", 2) == 0)
        return park_unless(s.len == 27 && rib_key(s.ptr + 4));
    return RELAIS_RULE_OK;
}

const struct relais_rule relais_rules[] = {
    {"nir", check_nir, "NIR : 13 caractères, clé admise ; 2A et 2B valent 19 et 18"},
    {"nnp", check_nnp, "Numéro provisoire de la CNAM : 13 chiffres, 7 ou 8 puis 1 ou 2"},
    {"mig", check_mig, "Numéro de migrant de la CNAM : 13 chiffres, 5 ou 6 puis 1 ou 2"},
    {"ntt", check_ntt, "Numéro technique temporaire (DSN) : 1 ou 2, SIREN, référence"},
    {"numallocataire", check_numallocataire, "Numéro d'allocataire CAF : 7 chiffres"},
    {"numdemrsa", check_numdemrsa, "NUMDEMRSA : 11 lettres ou chiffres"},
    {"numdemrsaprece", check_numdemrsaprece, "NUMDEMRSA précédent : signalé seulement"},
    {"matricule", check_matricule, "Matricule CNAF : 15 chiffres, zéros de tête compris"},
    {"siren", check_siren, "SIREN : 9 chiffres, clé de Luhn"},
    {"siret", check_siret, "SIRET : 14 chiffres, clé de Luhn ; La Poste : somme par 5"},
    {"finess", check_finess, "FINESS : 9 caractères ; clé de Luhn signalée seulement"},
    {"departement", check_departement, "Département du code officiel géographique"},
    {"commune", check_commune,
     "Commune du code officiel géographique, signalée seulement"},
    {"iban", check_iban, "IBAN : modulo 97, et clé RIB pour la France"},
    {NULL, NULL, NULL},
};

const struct relais_rule *relais_rule_find(const char *name)
{
    for (const struct relais_rule *rule = relais_rules; rule->name; rule++)
        if (strcmp(rule->name, name) == 0)
            return rule;
    return NULL;
}
