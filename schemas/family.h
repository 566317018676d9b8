#ifndef RELAIS_SCHEMAS_FAMILY_H
#define RELAIS_SCHEMAS_FAMILY_H

/* What a family knows that the stages do not: how a contract's object completes from
 * clear values, which of its fields are compared (A7), and what an event says of a step
 * between two states. One row a contract; a family is added by a file with its row.
 */

#include "schemas/check.h"

/* The case a record belongs to. */
struct relais_case {
    enum relais_record_kind kind;  /* SNAPSHOT or FACT */
    bool log;                      /* of a log: the object's id is made where absent */
    struct relais_slice number;    /* canonical: trimmed, upper case */
    struct relais_slice pseudonym; /* of the number */
};

struct relais_step {
    const void *before;     /* last published struct, protected; NULL: none */
    const void *now_sealed; /* `now` sealed under before's id; NULL without before */
    const struct relais_slice *changes;
    size_t change_count;
    bool first_load;        /* no monthly file of the territory was integrated yet */
    int32_t reference_days; /* DTREF, or INT32_MIN */
    int32_t created_days;   /* DTCREAFLUX */
};

struct relais_family {
    const char *contract; /* full name */
    /* The rule of the case's number, by name ("numdemrsa"); NULL: any short code. */
    const char *case_rule;
    /* Clear value tree -> completed in place, before bind. May be NULL. */
    int (*complete)(const struct relais_checker *checker, const struct relais_case *cas,
                    struct relais_arena *arena, struct relais_value *value,
                    struct relais_error *err);
    /* Bound struct: arrays into A7's order (rewritten in the arena), the family's rules.
     * day: on which codes must be valid. */
    int (*settle)(const struct relais_checker *checker, struct relais_checked *checked,
                  int32_t day, struct relais_arena *arena, struct relais_error *err);
    /* Is this top-level field compared between snapshots? */
    bool (*compared)(const char *field);
    /* Snapshots: sets fait, etat_precedent, entete.survenu_le, entete.nature and
     * entete.derive of `now` (clear but for pseudonyms). changes: names of the differing
     * top-level fields, sorted (already in now->changements).
     * Which sub-fields differ is found by comparing the two protected structs. */
    int (*step)(void *now, const struct relais_step *step, struct relais_arena *arena,
                struct relais_error *err);
    /* Amount for control sums, centimes; 0 where there is none. */
    int64_t (*amount)(const void *data);
};

/* For settle(): a warning; a code of a list, parked or warned of where it is not valid.
 */
void relais_check_warn(struct relais_checked *checked, enum relais_code code,
                       const char *where, const char *text);
int relais_check_code(const struct relais_checker *checker,
                      struct relais_checked *checked, const char *variable, bool park,
                      const char *where, struct relais_slice code, int32_t day,
                      struct relais_error *err) RELAIS_MUST_CHECK;

/* NULL: none (Parcage, EvenementControle). */
const struct relais_family *relais_family_find(const struct relais_contract *contract);
/* FIELD_RULE: its contract takes facts only. */
int relais_family_check_snapshots(const struct relais_family *family,
                                  struct relais_error *err) RELAIS_MUST_CHECK;
/* The symbol of its fait ("OUVERTURE"), of a control event its issue; "" of others. */
const char *relais_family_fait(const struct relais_contract *contract, const void *data);

#endif
