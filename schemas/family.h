#ifndef RELAIS_SCHEMAS_FAMILY_H
#define RELAIS_SCHEMAS_FAMILY_H

/* What a family knows that the stages do not: how a contract's object completes from
 * clear values, which of its fields are compared (A7), and what an event says of a step
 * between two states. One row a contract; a family is added by a file with its row.
 */

#include "schemas/check.h"

struct relais_family {
    const char *contract; /* full name */
    /* Clear value tree -> completed in place, before bind. */
    int (*complete)(const struct relais_checker *checker, const struct relais_record *rec,
                    struct relais_arena *arena, struct relais_value *value,
                    struct relais_error *err);
    /* Bound struct: arrays into A7's order, family rules. Arrays may be rewritten in the
     * arena. */
    int (*settle)(const struct relais_checker *checker, void *data,
                  struct relais_arena *arena, struct relais_error *err);
    /* Is this top-level field compared between snapshots? */
    bool (*compared)(const char *field);
    /* Snapshots: sets fait, etat_precedent, entete.survenu_le, entete.nature,
     * entete.derive of `now`. before: the last published struct (protected), or NULL.
     * changes: names of differing top-level fields, sorted (already in now->changements).
     * first_load: no monthly file was integrated yet. reference_days: DTREF or INT32_MIN;
     * created_days: the file's day. Which sub-fields differ is found by comparing the two
     * structs (protected ones: `now` is sealed under before's id for that call). */
    int (*step)(void *now, const void *before, const struct relais_slice *changes,
                size_t change_count, bool first_load, int32_t reference_days,
                int32_t created_days, struct relais_error *err);
    /* Monthly amount for control sums, centimes; 0 where there is none. fait's name for
     * ce_type and control.
     */
    int64_t (*amount)(const void *data);
};

/* NULL: none (Parcage, EvenementControle). */
const struct relais_family *relais_family_find(const struct relais_contract *contract);
/* The entete inside a contract's struct (first field of all but Parcage), and its fait's
 * symbol
 * ("OUVERTURE"). */
const char *relais_family_fait(const struct relais_contract *contract, const void *data);

#endif
