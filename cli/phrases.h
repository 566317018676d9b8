#ifndef RELAIS_CLI_PHRASES_H
#define RELAIS_CLI_PHRASES_H

/* An event as a French sentence, for people who follow cases: what happened, since when,
 * how much, why, by the labels of the code lists. Names a case by its number and persons
 * by name only where the reader's ring opened them; else by the end of the pseudonym.
 */

#include "core/value.h"
#include "schemas/codes.h"

/* Appends one line, without its end. subject: the record's full name. -1: LIMIT. */
int phrase_line(const struct relais_codes *codes, const char *subject,
                const struct relais_value *value,
                struct relais_buf *out) RELAIS_MUST_CHECK;

#endif
