#ifndef RELAIS_SCHEMAS_CHECK_H
#define RELAIS_SCHEMAS_CHECK_H

/* The check stage and protection: a connector's clear value becomes a struct of the
 * contract, complete, in the contract's order, with its rules and code lists checked,
 * pseudonymised; then encrypted under an event's id.
 *
 *   complete  what the contract derives from the clear values: entete (source,
 * territoire, nature...), dossier, droit (A6), personne and statut_identite (A11),
 * families' own rules (law.md, facts.md) bind types, lengths, rules, codes on the event's
 * day (A9): park or warn order     arrays in the order of A7 Pseudonymised fields are
 * pseudonyms from here on; encrypted ones stay clear until relais_check_seal. Ownership:
 * struct and views live in the arena given. Threads: one.
 */

#include "core/record.h"
#include "schemas/catalog.h"
#include "schemas/codes.h"
#include "schemas/keyring.h"

#define RELAIS_WARNINGS_MAX 32

struct relais_checker {
    const char *source;    /* urn:relais:cnaf:cristal:dep93 */
    const char *territory; /* dep93 */
    const struct relais_codes *codes;
    const struct relais_keyring
        *ring; /* NULL (relais check without keys): a throw-away ring is made at start */
};

struct relais_checked {
    const struct relais_contract *contract;
    void *data;                  /* contract->size bytes, clear but for pseudonyms */
    struct relais_slice dossier; /* = entete.dossier, the Kafka key */
    struct relais_slice object;  /* droit, mesure, paiement...: 36 characters */
    struct relais_error warnings[RELAIS_WARNINGS_MAX]; /* what is only warned of */
    size_t warning_count;
};

/* 0, or -1 with a DATA error: to be parked. case_pseudonym_out (35 bytes, may be NULL) is
 * filled, also on failure, where the case's number passed its rule; else "". entete.id,
 * sequence and what the difference stage decides (fait, changements, etat_precedent,
 * survenu_le of snapshots, nature, derive) stay zero for SNAPSHOT. */
int relais_check(const struct relais_checker *checker, const struct relais_record *rec,
                 struct relais_arena *arena, struct relais_checked *out,
                 char case_pseudonym_out[RELAIS_PSEUDONYM_LEN + 1],
                 struct relais_error *err) RELAIS_MUST_CHECK;

/* A copy of checked->data with every encrypted field sealed under id (A11). */
void *relais_check_seal(const struct relais_checker *checker,
                        const struct relais_checked *checked, struct relais_slice id,
                        struct relais_arena *arena,
                        struct relais_error *err) RELAIS_MUST_CHECK;

/* Opens what the ring can open in a decoded struct, in place, into the arena; fields it
 * cannot open keep their bytes. Returns how many were left closed, or -1. entete.id is
 * read from the struct. */
int relais_check_open(const struct relais_keyring *ring,
                      const struct relais_contract *contract, void *data,
                      struct relais_arena *arena,
                      struct relais_error *err) RELAIS_MUST_CHECK;

/* relais/id/1 (A4). natural: parts of the natural key. */
void relais_id_event(struct relais_slice source, struct relais_slice object,
                     const struct relais_slice *natural, size_t natural_count,
                     char out[37]);

#endif
