#include "producers/difference_private.h"

#include "core/crypto.h"

#include <stdio.h>

/* SHA-256 of the value as it is without its sequence. */
static int digest_of(struct difference *d, const struct difference_target *t,
                     struct relais_checked *checked, unsigned char digest[16],
                     struct relais_error *err)
{
    unsigned char sum[RELAIS_SHA256_LEN];
    struct entete *entete = entete_of(checked->data);
    void *sealed;

    entete->sequence = 0;
    sealed = relais_check_seal(d->checker, checked, entete->id, &d->arena, err);
    relais_buf_clear(&d->compare);
    if (!sealed ||
        relais_avro_encode(t->contract->schema, sealed, &d->compare, NULL, err))
        return -1;
    relais_sha256(relais_buf_slice(&d->compare), sum);
    memcpy(digest, sum, 16);
    return 0;
}

/* The digest under which a fact's id was published, in flight or stored. */
static int find_fact(struct difference *d, struct relais_slice object, const char id[37],
                     unsigned char digest[16], bool *found_out, struct relais_error *err)
{
    uint64_t hash = inflight_hash(object, RELAIS_SLICE(""));
    const struct inflight_message *m = NULL;

    while ((m = inflight_find(d->ring, INFLIGHT_BY_OBJECT, hash, m)))
        if (note_of(m)->has_digest && strcmp(m->id, id) == 0) {
            memcpy(digest, note_of(m)->digest, 16);
            *found_out = true;
            return 0;
        }
    return store_fact(d->store, id, digest, found_out, err);
}

static int take_log_fact(struct difference *d, const struct difference_target *t,
                         const struct difference_known *known, struct store_case *last,
                         struct difference_out *out, struct relais_error *err)
{
    char position[STORE_POSITION_MAX];
    bool repeated;

    if (difference_log_position(last, entete_of(out->checked.data), position, &repeated,
                                err))
        return -1;
    if (repeated) {
        out->outcome = DIFFERENCE_REPEATED;
        return 0;
    }
    if (difference_finish(d, t, &out->checked, known, last, out, err))
        return -1;
    memcpy(out->note.position, position, sizeof(out->note.position));
    /* it leaves no object of its own; one that a snapshot made follows it */
    out->note.newest = out->note.newest && known->found;
    return 0;
}

int difference_take_fact(struct difference *d, const struct difference_target *t,
                         const struct relais_record *rec, struct difference_out *out,
                         struct relais_error *err)
{
    struct entete *entete = entete_of(out->checked.data);
    unsigned char digest[16], old[16];
    struct store_case last;
    struct difference_known known;
    char id[37];
    bool found;

    if (difference_find_known(d, t, out->checked.object, &known, err) ||
        difference_case(d, t->topic_index, t->topic, out->checked.dossier, &last, err))
        return -1;
    if (!relais_slice_is(entete->origine.position, "0"))
        return take_log_fact(d, t, &known, &last, out, err);
    relais_slice_copy(entete->id, id, sizeof(id));
    if (digest_of(d, t, &out->checked, digest, err) ||
        find_fact(d, out->checked.object, id, old, &found, err))
        return -1;
    if (found && memcmp(digest, old, 16) != 0)
        return relais_error_set(err, RELAIS_E_ID_CONFLICT, "entete.id",
                                "this id was published with other content");
    if (found) {
        out->outcome = DIFFERENCE_REPEATED;
        return 0;
    }
    if (difference_finish(d, t, &out->checked, &known, &last, out, err))
        return -1;
    out->note.has_digest = true;
    memcpy(out->note.digest, digest, 16);
    return 0;
}
