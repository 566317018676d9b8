#include "producers/difference_private.h"

#include "core/crypto.h"
#include "core/day.h"
#include "producers/position.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#define RECORD_MAX (32u << 20) /* a record with everything made of it */
#define VALUE_MAX  (8u << 20)

void difference_init(struct difference *d, const struct relais_checker *checker,
                     struct store *store, const struct inflight *ring,
                     struct relais_registry *registry)
{
    *d = (struct difference){
        .checker = checker,
        .store = store,
        .ring = ring,
        .registry = registry,
        .arena = RELAIS_ARENA_INIT(RECORD_MAX),
        .value = RELAIS_BUF_INIT(VALUE_MAX),
        .compare = RELAIS_BUF_INIT(VALUE_MAX),
        .known = RELAIS_BUF_INIT(VALUE_MAX),
    };
}

void difference_release(struct difference *d)
{
    relais_arena_release(&d->arena);
    relais_buf_release(&d->value);
    relais_buf_release(&d->compare);
    relais_buf_release(&d->known);
    for (size_t i = 0; i < d->version_count; i++)
        relais_avro_resolution_free(d->versions[i].resolution);
    d->version_count = 0;
}

static int full(struct relais_error *err)
{
    return relais_error_set(err, RELAIS_E_LIMIT, NULL, "record larger than its arena");
}

/* ---- what is known ----------------------------------------------------------------- */

static const struct inflight_message *newest_event(const struct difference *d,
                                                   struct relais_slice object)
{
    uint64_t hash = inflight_hash(object, RELAIS_SLICE(""));
    const struct inflight_message *m = NULL;

    while ((m = inflight_find(d->ring, INFLIGHT_BY_OBJECT, hash, m))) {
        const struct note *note = note_of(m);

        if (note->kind == NOTE_EVENT && note->newest &&
            relais_slice_is(object, note->object))
            return m;
    }
    return NULL;
}

int difference_find_known(struct difference *d, const struct difference_target *t,
                          struct relais_slice object, struct difference_known *known,
                          struct relais_error *err)
{
    const struct inflight_message *m = newest_event(d, object);
    struct store_object row;

    known->found = known->in_flight = m != NULL;
    known->fingerprint = t->fingerprint;
    if (m) {
        known->observed_us = note_of(m)->observed_us;
        known->value = (struct relais_slice){m->value.ptr + RELAIS_FRAME_LEN,
                                             m->value.len - RELAIS_FRAME_LEN};
        return 0;
    }
    if (store_object(d->store, object, &row, &known->found, err))
        return -1;
    if (!known->found)
        return 0;
    if (!relais_slice_is(row.contract, t->contract->name))
        return relais_error_set(err, RELAIS_E_STATE_BROKEN, t->contract->name,
                                "the state holds another contract under this object");
    known->fingerprint = row.fingerprint;
    known->observed_us = row.observed_us;
    known->value = row.value;
    return 0;
}

int difference_case(const struct difference *d, uint32_t topic_index, const char *topic,
                    struct relais_slice dossier, struct store_case *out,
                    struct relais_error *err)
{
    uint64_t hash = inflight_hash(relais_slice_str(topic), dossier);
    const struct inflight_message *m = NULL;
    bool found;

    while ((m = inflight_find(d->ring, INFLIGHT_BY_CASE, hash, m))) {
        const struct note *note = note_of(m);

        if (m->topic != topic_index || !relais_slice_eq(m->key, dossier))
            continue;
        *out = (struct store_case){note->sequence, note->observed_us, ""};
        memcpy(out->position, note->position, sizeof(out->position));
        return 0;
    }
    return store_case(d->store, topic, dossier, out, &found, err);
}

/* ---- making an event --------------------------------------------------------------- */

static int encode(struct difference *d, const struct difference_target *t,
                  const void *data, struct relais_error *err)
{
    char frame[RELAIS_FRAME_LEN];

    relais_buf_clear(&d->value);
    relais_frame_write(t->schema_id, frame);
    if (relais_buf_add(&d->value, frame, sizeof(frame)))
        return full(err);
    return relais_avro_encode(t->contract->schema, data, &d->value, NULL, err);
}

static void describe(const struct difference_target *t, void *data,
                     struct difference_out *out)
{
    struct relais_slice id = entete_of(data)->id;

    relais_slice_copy(id, out->id, sizeof(out->id));
    out->fait = relais_family_fait(t->contract, data);
    out->amount_centimes = t->family->amount ? t->family->amount(data) : 0;
}

static void note_object(struct note *note, enum note_kind kind,
                        const struct difference_target *t, struct relais_slice object)
{
    *note = (struct note){.kind = kind, .contract = t->contract};
    note->fingerprint = t->fingerprint;
    relais_slice_copy(object, note->object, sizeof(note->object));
}

int difference_finish(struct difference *d, const struct difference_target *t,
                      struct relais_checked *checked,
                      const struct difference_known *known, const struct store_case *last,
                      struct difference_out *out, struct relais_error *err)
{
    struct entete *entete = entete_of(checked->data);
    void *sealed;

    entete->sequence = last->sequence + 1;
    sealed = relais_check_seal(d->checker, checked, entete->id, &d->arena, err);
    if (!sealed || encode(d, t, sealed, err))
        return -1;
    out->outcome = DIFFERENCE_EVENT;
    out->framed = relais_buf_slice(&d->value);
    describe(t, sealed, out);
    note_object(&out->note, NOTE_EVENT, t, checked->object);
    out->note.sequence = entete->sequence;
    out->note.observed_us = entete->constate_le;
    out->note.fait = out->fait;
    out->note.amount_centimes = out->amount_centimes;
    memcpy(out->note.position, last->position, sizeof(out->note.position));
    out->note.newest = !known->found || entete->constate_le >= known->observed_us;
    return 0;
}

/* ---- positions of a log ------------------------------------------------------------ */

int difference_log_position(const struct store_case *last, struct entete *entete,
                            char position_out[STORE_POSITION_MAX], bool *repeated_out,
                            struct relais_error *err)
{
    if (position_make(entete->origine.depot, entete->origine.position, position_out, err))
        return -1;
    *repeated_out = position_reached(position_out, last->position);
    if (entete->constate_le < last->observed_us)
        entete->constate_le = last->observed_us;
    return 0;
}

void difference_of_log(struct difference_file *file, const struct relais_record *rec)
{
    *file = (struct difference_file){
        .natural = {RELAIS_SLICE("journal"), rec->depot, rec->position},
        .natural_count = 3,
        .log = true,
        .created_us = rec->observed_us,
        .created_days = relais_paris_day(rec->observed_us),
        .reference_days = INT32_MIN,
        .first_load = rec->initial,
    };
}

/* ---- snapshots --------------------------------------------------------------------- */

static int compare_names(const void *a, const void *b)
{
    return relais_slice_cmp(*(const struct relais_slice *)a,
                            *(const struct relais_slice *)b);
}

/* The compared fields whose bytes differ between the stored value and `sealed`. */
static int list_changes(struct difference *d, const struct difference_target *t,
                        const void *sealed, const struct difference_known *known,
                        struct relais_slice *changes, size_t *count_out,
                        struct relais_error *err)
{
    const struct relais_avro_type *root = relais_avro_root(t->contract->schema);
    uint32_t ends[DIFFERENCE_FIELDS_MAX], now_from = 0, old_from = 0;

    *count_out = 0;
    relais_buf_clear(&d->compare);
    if (relais_avro_encode(t->contract->schema, sealed, &d->compare, ends, err))
        return -1;
    for (uint32_t i = 0; i < root->count; i++) {
        struct relais_slice now = {d->compare.data + now_from, ends[i] - now_from};
        struct relais_slice old = {known->value.ptr + old_from,
                                   known->ends[i] - old_from};

        now_from = ends[i];
        old_from = known->ends[i];
        if (t->family->compared(root->fields[i].name) && !relais_slice_eq(now, old))
            changes[(*count_out)++] = relais_slice_str(root->fields[i].name);
    }
    return 0;
}

/* A field may differ only because a key of the ring was changed since: where everything
 * can be opened, clear values decide. *old_out: the opened state, or NULL. */
static int drop_rekeyed(struct difference *d, const struct difference_target *t,
                        const void *clear, const struct difference_known *known,
                        struct relais_slice *changes, size_t *count, void **old_out,
                        struct relais_error *err)
{
    const struct relais_avro_type *root = relais_avro_root(t->contract->schema);
    void *old = relais_avro_copy(t->contract->schema, known->data, &d->arena);
    size_t kept = 0;
    int closed;

    *old_out = NULL;
    if (!old)
        return full(err);
    closed = relais_check_open(d->checker->ring, t->contract, old, &d->arena, err);
    if (closed < 0)
        return -1;
    if (closed)
        return 0;
    for (size_t i = 0; i < *count; i++)
        for (uint32_t j = 0; j < root->count; j++) {
            const struct relais_avro_field *f = &root->fields[j];

            if (changes[i].ptr == f->name &&
                !relais_avro_equal(f->type, (const char *)clear + f->offset,
                                   (const char *)old + f->offset))
                changes[kept++] = changes[i];
        }
    *count = kept;
    *old_out = old;
    return 0;
}

static void set_changements(const struct relais_contract *contract, void *data,
                            const struct relais_slice *changes, size_t count)
{
    const struct relais_avro_field *field =
        relais_avro_field(relais_avro_root(contract->schema), "changements");

    if (field)
        *(struct relais_array *)(void *)((char *)data + field->offset) =
            (struct relais_array){changes, count};
}

static int make_id(struct difference *d, const struct relais_checked *checked,
                   const struct relais_slice *natural, size_t natural_count,
                   struct relais_error *err)
{
    char id[37];
    struct relais_slice kept;

    relais_id_event(relais_slice_str(d->checker->source), checked->object, natural,
                    natural_count, id);
    kept = relais_arena_slice(&d->arena, relais_slice_str(id));
    if (!kept.ptr)
        return full(err);
    entete_of(checked->data)->id = kept;
    return 0;
}

/* The step from `known` to the checked state becomes an event. */
static int step(struct difference *d, const struct difference_target *t,
                struct difference_file *file, const struct difference_known *known,
                const void *before, const void *sealed,
                const struct relais_slice *changes, size_t change_count,
                struct difference_out *out, struct relais_error *err)
{
    struct relais_checked *checked = &out->checked;
    const struct relais_step s = {
        .before = before,
        .now_sealed = sealed,
        .changes = changes,
        .change_count = change_count,
        .first_load = file->first_load,
        .reference_days = file->reference_days,
        .created_days = file->created_days,
    };
    struct store_case last;

    set_changements(t->contract, checked->data, changes, change_count);
    if (t->family->step(checked->data, &s, &d->arena, err) ||
        make_id(d, checked, file->natural, file->natural_count, err) ||
        difference_case(d, t->topic_index, t->topic, checked->dossier, &last, err) ||
        difference_finish(d, t, checked, known, &last, out, err))
        return -1;
    out->note.ordered = !file->log;
    if (file->log)
        memcpy(out->note.position, file->position, sizeof(out->note.position));
    /* an older constate_le cannot come here (it would be stale): the state follows the
     * order of files */
    out->note.newest = true;
    return 0;
}

static int known_snapshot(struct difference *d, const struct difference_target *t,
                          const struct relais_record *rec, struct difference_file *file,
                          struct difference_known *known, struct difference_out *out,
                          struct relais_error *err)
{
    struct relais_slice *changes =
        relais_arena_alloc(&d->arena, DIFFERENCE_FIELDS_MAX * sizeof(*changes));
    const struct entete *before;
    void *sealed, *opened;
    size_t count;

    if (!changes)
        return full(err);
    if (difference_decode_known(d, t, known, err))
        return -1;
    before = entete_of(known->data);
    note_object(&out->note, NOTE_SEEN, t, out->checked.object);
    out->note.ordered = !file->log;
    if (!file->log && relais_slice_eq(before->origine.depot, rec->depot)) {
        out->outcome = DIFFERENCE_PUBLISHED;
        describe(t, known->data, out);
        return 0;
    }
    sealed = relais_check_seal(d->checker, &out->checked, before->id, &d->arena, err);
    if (!sealed || list_changes(d, t, sealed, known, changes, &count, err))
        return -1;
    opened = NULL;
    if (count &&
        drop_rekeyed(d, t, out->checked.data, known, changes, &count, &opened, err))
        return -1;
    if (!count) {
        out->outcome = DIFFERENCE_UNCHANGED;
        return 0;
    }
    qsort(changes, count, sizeof(*changes), compare_names);
    return step(d, t, file, known, opened ? opened : known->data,
                opened ? out->checked.data : sealed, changes, count, out, err);
}

static int take_snapshot(struct difference *d, const struct difference_target *t,
                         const struct relais_record *rec, struct difference_file *file,
                         struct difference_out *out, struct relais_error *err)
{
    struct entete *entete = entete_of(out->checked.data);
    struct store_order order;
    struct difference_known known;

    if (relais_family_check_snapshots(t->family, err))
        return -1;
    entete->constate_le = file->created_us;
    entete->origine.depot = rec->depot;
    entete->origine.position = rec->position;
    if (difference_find_known(d, t, out->checked.object, &known, err))
        return -1;
    if (file->log) {
        struct store_case last;
        bool repeated;

        if (difference_case(d, t->topic_index, t->topic, out->checked.dossier, &last,
                            err) ||
            difference_log_position(&last, entete, file->position, &repeated, err))
            return -1;
        if (repeated) {
            out->outcome = DIFFERENCE_REPEATED;
            return 0;
        }
    }
    if (!known.found)
        return step(d, t, file, &known, NULL, NULL, NULL, 0, out, err);
    if (!known.in_flight && !file->log) {
        if (store_order(d->store, out->checked.object, &order, err))
            return -1;
        if (store_order_cmp(&file->order, &order) < 0) {
            out->outcome = DIFFERENCE_STALE;
            return 0;
        }
    }
    return known_snapshot(d, t, rec, file, &known, out, err);
}

/* But for what `checked` holds from its warnings on. */
static void clear(struct difference_out *out)
{
    memset(out, 0,
           offsetof(struct difference_out, checked) +
               offsetof(struct relais_checked, warnings));
}

/* ---- one record -------------------------------------------------------------------- */

/* Ready Avro as the value that the check stage completes. */
static int decode_ready(struct difference *d, const struct difference_target *t,
                        struct relais_record *rec, struct relais_error *err)
{
    struct relais_slice bytes = rec->encoded;
    void *data = relais_arena_zalloc(&d->arena, t->contract->size);
    int32_t schema_id;

    if (!data)
        return full(err);
    if (bytes.len && bytes.ptr[0] == 0 &&
        (relais_frame_read(bytes, &schema_id, &bytes, err) ||
         (schema_id != t->schema_id &&
          relais_error_set(err, RELAIS_E_SCHEMA_UNKNOWN, t->contract->name,
                           "framed with schema id %d, not %d", (int)schema_id,
                           (int)t->schema_id))))
        return -1;
    if (relais_avro_decode(t->contract->schema, bytes, data, &d->arena, NULL, err))
        return -1;
    rec->value = relais_avro_to_value(t->contract->schema, data, &d->arena, err);
    return rec->value ? 0 : -1;
}

int difference_take(struct difference *d, const struct difference_target *target,
                    const struct relais_record *rec, struct difference_file *file,
                    struct difference_out *out, struct relais_error *err)
{
    struct relais_record ready;

    clear(out);
    relais_arena_reset(&d->arena);
    if (rec->encoded.ptr) {
        ready = *rec;
        if (decode_ready(d, target, &ready, err))
            return -1;
        rec = &ready;
    }
    if (relais_check(d->checker, rec, &d->arena, &out->checked, out->case_pseudonym, err))
        return -1;
    if (rec->kind == RELAIS_RECORD_FACT)
        return difference_take_fact(d, target, rec, out, err);
    if (!file)
        return relais_error_set(err, RELAIS_E_BUG, target->contract->name,
                                "a snapshot without its file");
    return take_snapshot(d, target, rec, file, out, err);
}

/* ---- re-publication ---------------------------------------------------------------- */

static void clear_previous_state(const struct relais_contract *contract, void *data)
{
    const struct relais_avro_field *before =
        relais_avro_field(relais_avro_root(contract->schema), "etat_precedent");

    set_changements(contract, data, NULL, 0);
    if (before)
        memset((char *)data + before->offset, 0, before->type->size);
}

int difference_renvoi(struct difference *d, const struct difference_target *target,
                      struct relais_slice object, const struct store_object *stored,
                      int64_t n, struct difference_out *out, struct relais_error *err)
{
    struct difference_known known = {.found = true, .value = stored->value};
    struct relais_slice natural[2] = {RELAIS_SLICE("renvoi"), RELAIS_SLICE_NULL};
    struct relais_slice depot;
    struct store_case last;
    struct entete *entete;
    int closed;

    clear(out);
    relais_arena_reset(&d->arena);
    known.observed_us = stored->observed_us;
    known.fingerprint = stored->fingerprint;
    natural[1] = relais_arena_printf(&d->arena, "%lld", (long long)n);
    depot = relais_arena_printf(&d->arena, "renvoi-%lld", (long long)n);
    if (!natural[1].ptr || !depot.ptr)
        return full(err);
    if (difference_decode_known(d, target, &known, err))
        return -1;
    entete = entete_of(known.data);
    if (relais_slice_eq(entete->origine.depot, depot)) {
        out->outcome = DIFFERENCE_PUBLISHED;
        describe(target, known.data, out);
        return 0;
    }
    closed =
        relais_check_open(d->checker->ring, target->contract, known.data, &d->arena, err);
    if (closed < 0)
        return -1;
    if (closed)
        return relais_error_set(err, RELAIS_E_KEYRING, target->contract->name,
                                "the ring no longer opens what was published under it");
    out->checked = (struct relais_checked){.contract = target->contract,
                                           .data = known.data,
                                           .dossier = entete->dossier,
                                           .object = object};
    clear_previous_state(target->contract, known.data);
    entete->nature = NATURE_INITIALISATION;
    entete->corrige = RELAIS_SLICE_NULL;
    entete->origine.depot = depot;
    entete->origine.position = RELAIS_SLICE("0");
    if (make_id(d, &out->checked, natural, 2, err) ||
        difference_case(d, target->topic_index, target->topic, entete->dossier, &last,
                        err))
        return -1;
    return difference_finish(d, target, &out->checked, &known, &last, out, err);
}
