#ifndef RELAIS_SCHEMAS_RULES_H
#define RELAIS_SCHEMAS_RULES_H

/* Identifier rules, one row each. Pure functions of trimmed text. Sources: facts.md 2.1
 * (CNAM, INSEE, ANS, ISO). */

#include "core/buf.h"

enum relais_rule_result {
    RELAIS_RULE_OK,
    RELAIS_RULE_WARN, /* unusual, or the rule is only inferred: publish, count a warning
                       */
    RELAIS_RULE_PARK, /* wrong: the record is parked */
};

struct relais_rule {
    const char *name;
    enum relais_rule_result (*check)(struct relais_slice s);
    const char *doc; /* French */
};

extern const struct relais_rule relais_rules[]; /* ended by name NULL */
const struct relais_rule *relais_rule_find(const char *name);

/* NIR of 13 characters, or 15 with its key: right? 2A and 2B at positions 6-7 count as 19
 * and 18. */
bool relais_nir_valid(struct relais_slice nir);
/* Canonical civil status part (contract A11): accents dropped, OE AE SS, upper case, all
 * but A-Z 0-9 one blank, trimmed. Input UTF-8. */
int relais_canonical_name(struct relais_slice name,
                          struct relais_buf *out) RELAIS_MUST_CHECK;

#endif
