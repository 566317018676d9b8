#include "schemas/check.h"

#include "contracts/entete.h"

/* The id under which a struct's fields are sealed: entete.id, of a Parcage its own. */
static struct relais_slice id_of(const struct relais_contract *contract, const void *data)
{
    return contract->family[0] ? ((const struct entete *)data)->id
                               : relais_contract_object(contract, data);
}

struct sealing {
    const struct relais_keyring *ring;
    struct relais_slice id;
    struct relais_arena *arena;
    int closed;
};

static int seal_field(void *user, const struct relais_avro_field *field,
                      const struct relais_avro_place *place, struct relais_slice *slot,
                      struct relais_error *err)
{
    struct sealing *s = user;
    enum relais_usage usage;
    char path[RELAIS_AVRO_PATH_MAX];

    if (!slot->ptr)
        return 0;
    if (relais_avro_path(place, path, err))
        return -1;
    if (!field->key || !relais_usage_parse(relais_slice_str(field->key), &usage))
        return relais_error_set(err, RELAIS_E_BUG, path, "no relais:cle");
    return relais_seal(s->ring, usage, s->id, path, *slot, s->arena, slot, err);
}

void *relais_check_seal(const struct relais_checker *checker,
                        const struct relais_checked *checked, struct relais_slice id,
                        struct relais_arena *arena, struct relais_error *err)
{
    struct sealing s = {checker->ring, id, arena, 0};
    void *data = relais_avro_copy(checked->contract->schema, checked->data, arena);

    if (!data) {
        relais_error_set(err, RELAIS_E_LIMIT, NULL, "record larger than its arena");
        return NULL;
    }
    if (relais_avro_encrypted(checked->contract->schema, data, seal_field, &s, err))
        return NULL;
    return data;
}

static int open_field(void *user, const struct relais_avro_field *field,
                      const struct relais_avro_place *place, struct relais_slice *slot,
                      struct relais_error *err)
{
    struct sealing *s = user;
    char path[RELAIS_AVRO_PATH_MAX];
    int rc;

    if (!slot->ptr)
        return 0;
    if (relais_avro_path(place, path, err))
        return -1;
    rc = s->ring ? relais_unseal(s->ring, s->id, path, *slot, s->arena, slot, err) : 1;
    if (rc > 0)
        s->closed++;
    return rc < 0 ? -1 : 0;
}

int relais_check_open(const struct relais_keyring *ring,
                      const struct relais_contract *contract, void *data,
                      struct relais_arena *arena, struct relais_error *err)
{
    struct sealing s = {ring, id_of(contract, data), arena, 0};

    if (relais_avro_encrypted(contract->schema, data, open_field, &s, err))
        return -1;
    return s.closed;
}
