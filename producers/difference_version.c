/* What was published last, whichever version of the contract wrote it. */
#include "producers/difference_private.h"

static int unreadable(struct relais_error *err, const struct relais_error *why)
{
    return relais_error_set(err, RELAIS_E_STATE_BROKEN, why->where,
                            "a stored value cannot be decoded");
}

/* NULL: error set. */
static const struct relais_avro_resolution *
resolution_of(struct difference *d, const struct relais_contract *contract,
              uint64_t fingerprint, struct relais_error *err)
{
    struct difference_version *v;
    const struct relais_avro *writer;
    struct relais_error why = RELAIS_ERROR_INIT;

    for (size_t i = 0; i < d->version_count; i++)
        if (d->versions[i].contract == contract &&
            d->versions[i].fingerprint == fingerprint)
            return d->versions[i].resolution;
    writer = relais_registry_version(d->registry, contract->name, fingerprint, &why);
    if (!writer && why.code == RELAIS_E_SCHEMA_UNKNOWN)
        relais_error_set(err, RELAIS_E_STATE_BROKEN, contract->name,
                         "the state holds a version of this contract that the registry "
                         "does not know: %s",
                         why.text);
    else if (!writer)
        *err = why;
    else if (d->version_count == DIFFERENCE_VERSIONS_MAX)
        relais_error_set(err, RELAIS_E_STATE_BROKEN, contract->name,
                         "more than %d versions", DIFFERENCE_VERSIONS_MAX);
    if (!writer || d->version_count == DIFFERENCE_VERSIONS_MAX)
        return NULL;
    v = &d->versions[d->version_count];
    *v = (struct difference_version){contract, fingerprint, NULL};
    v->resolution = relais_avro_resolution_new(writer, contract->schema, err);
    if (v->resolution)
        d->version_count++;
    return v->resolution;
}

/* Read as ours and written as ours: fields are compared byte for byte. */
static int resolve(struct difference *d, const struct difference_target *t,
                   struct difference_known *known, struct relais_error *err)
{
    const struct relais_avro_resolution *resolution =
        resolution_of(d, t->contract, known->fingerprint, err);
    struct relais_error why = RELAIS_ERROR_INIT;

    if (!resolution)
        return -1;
    relais_buf_clear(&d->known);
    if (relais_avro_resolve(resolution, known->value, known->data, &d->arena, &why) ||
        relais_avro_encode(t->contract->schema, known->data, &d->known, known->ends,
                           &why))
        return unreadable(err, &why);
    known->value = relais_buf_slice(&d->known);
    known->fingerprint = t->fingerprint;
    return 0;
}

int difference_decode_known(struct difference *d, const struct difference_target *t,
                            struct difference_known *known, struct relais_error *err)
{
    struct relais_error why = RELAIS_ERROR_INIT;

    if (relais_avro_root(t->contract->schema)->count > DIFFERENCE_FIELDS_MAX)
        return relais_error_set(err, RELAIS_E_BUG, t->contract->name,
                                "more than %d fields", DIFFERENCE_FIELDS_MAX);
    known->data = relais_arena_zalloc(&d->arena, t->contract->size);
    if (!known->data)
        return relais_error_set(err, RELAIS_E_LIMIT, NULL,
                                "record larger than its arena");
    if (known->fingerprint != t->fingerprint)
        return resolve(d, t, known, err);
    if (relais_avro_decode(t->contract->schema, known->value, known->data, &d->arena,
                           known->ends, &why))
        return unreadable(err, &why);
    return 0;
}
