#ifndef RELAIS_SCHEMAS_CHECK_H
#define RELAIS_SCHEMAS_CHECK_H

/* The check stage and protection: a connector's clear value becomes a struct of the
 * contract, complete, in the contract's order, with its rules and code lists checked,
 * pseudonymised; then encrypted under an event's id. Three steps:
 *
 * complete: what the contract derives from clear values: entete (source, territoire...),
 * droit (A6), personne and statut_identite (A11).
 *
 * bind: types, lengths, rules, codes on the event's day (A9), to park or to warn of. The
 * day is survenu_le of a fact, constate_le's day in Paris of a snapshot.
 *
 * settle: arrays in the order of A7, the family's own rules.
 *
 * Pseudonymised fields are pseudonyms from here on; encrypted ones stay clear until
 * relais_check_seal. Ownership: struct and views live in the arena given; the record's
 * value tree is completed in place. Threads: one.
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
    const struct relais_keyring *ring; /* with pseudonym and nonce keys */
};

struct relais_checked {
    const struct relais_contract *contract;
    void *data;                  /* contract->size bytes, clear but for pseudonyms */
    struct relais_slice dossier; /* = entete.dossier, the Kafka key */
    struct relais_slice object;  /* droit, mesure, paiement...: 36 characters */
    size_t warning_count;
    struct relais_error warnings[RELAIS_WARNINGS_MAX]; /* what is only warned of; set up
                                                        * to warning_count */
};

/* 0, or -1 with a DATA error: to be parked. case_pseudonym_out (35 bytes, may be NULL) is
 * filled, also on failure, where the case's number passed its rule; else "". A fact has
 * its entete.id (its own, or A4's for `publish`); what the difference stage decides stays
 * blank: the sequence, and of a snapshot id (zeros), fait, changements, etat_precedent,
 * survenu_le, nature. */
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
