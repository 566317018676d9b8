#ifndef RELAIS_PRODUCERS_NOTE_H
#define RELAIS_PRODUCERS_NOTE_H

/* What travels with an entry of the ring: the rows that the state gets once the entry is
 * below the low water. The published value and the dossier are the entry's own. */

#include "producers/inflight.h"
#include "producers/store.h"
#include "schemas/catalog.h"

enum note_kind {
    NOTE_NOTHING, /* only the source's position */
    NOTE_SEEN,    /* the object was read from this file and is unchanged */
    NOTE_EVENT,
    NOTE_CONTROL,
};

struct note {
    enum note_kind kind;
    const struct relais_contract *contract;
    uint64_t fingerprint;
    char object[37];
    int64_t sequence;
    int64_t observed_us;
    char position[STORE_POSITION_MAX]; /* of the dossier, in a log */
    bool newest;     /* (constate_le, sequence) is after what is known: A5 */
    bool ordered;    /* the order key of the file under way is the object's */
    bool has_digest; /* a fact without position: its content is remembered */
    unsigned char digest[16];
    bool log;                /* position is where it was read, whatever its kind */
    int32_t journal_day;     /* of a log: counted on this day; 0: not counted */
    enum relais_code parked; /* OK: not parked */
    const char *fait;        /* EVENT; static */
    int64_t amount_centimes; /* EVENT */
};

static inline const struct note *note_of(const struct inflight_message *message)
{
    return (const struct note *)(const void *)message->note.ptr;
}

#endif
