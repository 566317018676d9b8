/* The difference stage alone: a checker, a store and a ring, without Kafka. */
#include "producers/difference.h"
#include "producers/position.h"

#include "contracts/evenement_droit.h"
#include "schemas/registry_server.h"
#include "tests/unit/helper_version.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#define SOURCE "urn:relais:essai:dep93"
#define TOPIC  "dep93.eligibility.v1"
#define DROIT  "0a1b2c3d-4e5f-8a6b-9c7d-8e9f0a1b2c3d"

struct bench {
    char dir[64];
    struct relais_codes *codes;
    struct relais_keyring *ring;
    struct relais_checker checker;
    struct store *store;
    struct inflight *inflight;
    struct difference difference;
    struct difference_target target;
    struct difference_file file;
    struct relais_arena arena;
    struct difference_out out;
    struct relais_error err;
    struct relais_registry_server *server; /* where a test needs one */
    struct relais_conf *conf;
    struct relais_registry *registry;
};

static void path_of(const struct bench *b, const char *name, char path[128])
{
    snprintf(path, 128, "%s/%s", b->dir, name);
}

static void open_ring(struct bench *b)
{
    char path[128];

    path_of(b, "ring", path);
    relais_keyring_free(b->ring);
    b->ring = relais_keyring_open(path, &b->err);
    if (!b->ring)
        fail_msg("%s: %s", b->err.where, b->err.text);
    b->checker.ring = b->ring;
}

static int setup(void **state)
{
    struct bench *b = relais_zalloc(sizeof(*b));
    const struct relais_contract *contract = relais_catalog_find("EvenementDroit");
    char path[128];

    snprintf(b->dir, sizeof(b->dir), "/tmp/relais-difference-XXXXXX");
    if (!mkdtemp(b->dir))
        return -1;
    path_of(b, "ring", path);
    if (relais_keyring_init(path, 20000, &b->err))
        return -1;
    b->codes = relais_codes_new(NULL, &b->err);
    b->checker = (struct relais_checker){SOURCE, "dep93", b->codes, NULL};
    open_ring(b);
    path_of(b, "state", path);
    b->store = store_open(path, SOURCE, true, &b->err);
    if (!b->store)
        return -1;
    b->inflight = inflight_new(100, 1u << 20);
    difference_init(&b->difference, &b->checker, b->store, b->inflight, NULL);
    b->target = (struct difference_target){
        .contract = contract,
        .family = relais_family_find(contract),
        .fingerprint = relais_avro_fingerprint(contract->schema),
        .schema_id = 7,
        .topic = TOPIC,
    };
    b->arena = (struct relais_arena)RELAIS_ARENA_INIT(1u << 20);
    *state = b;
    return 0;
}

static int teardown(void **state)
{
    static const char *const names[] = {"state/data.mdb", "state/lock.mdb",
                                        "state/verrou", "ring"};
    struct bench *b = *state;
    char path[128];

    difference_release(&b->difference);
    relais_registry_free(b->registry);
    relais_conf_free(b->conf);
    relais_registry_server_free(b->server);
    inflight_free(b->inflight);
    store_close(b->store);
    relais_keyring_free(b->ring);
    relais_codes_free(b->codes);
    relais_arena_release(&b->arena);
    for (size_t i = 0; i < 4; i++) {
        path_of(b, names[i], path);
        unlink(path);
    }
    path_of(b, "state", path);
    rmdir(path);
    rmdir(b->dir);
    free(b);
    return 0;
}

/* The file of a day of 2026. */
static void file(struct bench *b, int32_t day, const char *rank)
{
    b->file = (struct difference_file){
        .natural_count = 4,
        .natural = {RELAIS_SLICE("M"), RELAIS_SLICE("jour"), RELAIS_SLICE("heure"),
                    relais_slice_str(rank)},
        .created_us = (int64_t)day * 86400000000,
        .created_days = day,
        .reference_days = INT32_MIN,
        .first_load = true,
    };
    store_order_make(&b->file.order, b->file.created_us, true, 0, RELAIS_SLICE("f"));
}

static int take_json(struct bench *b, enum relais_record_kind kind, const char *depot,
                     const char *position, struct relais_slice json)
{
    struct relais_record rec = {.kind = kind,
                                .schema = b->target.contract->name,
                                .depot = relais_slice_str(depot),
                                .position = relais_slice_str(position)};

    relais_error_clear(&b->err);
    assert_non_null(json.ptr);
    rec.value = relais_value_parse(&b->arena, json, &b->err);
    if (!rec.value)
        fail_msg("%s", b->err.text);
    return difference_take(&b->difference, &b->target, &rec,
                           kind == RELAIS_RECORD_SNAPSHOT ? &b->file : NULL, &b->out,
                           &b->err);
}

static int snapshot(struct bench *b, const char *depot, const char *etat, int centimes,
                    const char *nom)
{
    relais_arena_reset(&b->arena);
    return take_json(
        b, RELAIS_RECORD_SNAPSHOT, depot, "1",
        relais_arena_printf(
            &b->arena,
            "{\"entete\":{\"dossier\":\"01000001093\",\"constate_le\":\"2026-02-04T20:27:"
            "43Z\"},\"prestation\":\"RSA\",\"etat\":\"%s\",\"organisme\":{\"fonorg\":"
            "\"CAF\",\"numorg\":\"931\"},\"matricule\":\"990000100000000\","
            "\"montant_mensuel_centimes\":%d,\"personnes\":[{\"nir\":"
            "\"255081416802538\",\"identite\":{\"nom_naissance\":\"%s\",\"prenom\":"
            "\"AMANDINE\",\"date_naissance\":\"1992-01-17\"}}]}",
            etat, centimes, nom));
}

static int fact(struct bench *b, const char *when, const char *position, int centimes)
{
    relais_arena_reset(&b->arena);
    return take_json(
        b, RELAIS_RECORD_FACT, "publish", position,
        relais_arena_printf(
            &b->arena,
            "{\"entete\":{\"dossier\":\"01000001093\",\"survenu_le\":\"2026-02-01\","
            "\"constate_le\":\"%s\"},\"droit\":\"" DROIT
            "\",\"prestation\":\"APA\",\"fait\":\"OUVERTURE\",\"etat\":\"OUVERT\","
            "\"organisme\":{\"fonorg\":\"CAF\",\"numorg\":\"931\"},\"matricule\":"
            "\"990000100000000\",\"montant_mensuel_centimes\":%d,\"personnes\":[]}",
            when, centimes));
}

static void gives(struct bench *b, int rc, enum difference_outcome outcome)
{
    if (rc)
        fail_msg("%s %s: %s", relais_error_name(b->err.code), b->err.where, b->err.text);
    assert_int_equal(b->out.outcome, outcome);
}

/* As the runner does: into the ring, or straight into the state. */
static void push(struct bench *b)
{
    struct inflight_message m = {.key = b->out.checked.dossier, .value = b->out.framed};
    uint64_t number;

    memcpy(m.id, b->out.id, sizeof(m.id));
    m.note = (struct relais_slice){(const char *)&b->out.note, sizeof(b->out.note)};
    m.hash[INFLIGHT_BY_OBJECT] =
        inflight_hash(relais_slice_str(b->out.note.object), RELAIS_SLICE(""));
    m.hash[INFLIGHT_BY_CASE] = inflight_hash(RELAIS_SLICE(TOPIC), m.key);
    assert_int_equal(inflight_push(b->inflight, &m, 1, &number, &b->err), 0);
}

static void keep(struct bench *b)
{
    const struct note *note = &b->out.note;
    const struct store_object row = {
        .contract = relais_slice_str(note->contract->name),
        .fingerprint = note->fingerprint,
        .sequence = note->sequence,
        .observed_us = note->observed_us,
        .value = {b->out.framed.ptr + RELAIS_FRAME_LEN,
                  b->out.framed.len - RELAIS_FRAME_LEN},
    };
    struct store_case last = {note->sequence, note->observed_us, ""};
    struct relais_slice object = relais_slice_str(note->object);

    memcpy(last.position, note->position, sizeof(last.position));
    assert_int_equal(store_begin(b->store, &b->err), 0);
    assert_int_equal(store_put_object(b->store, object, &row, &b->err), 0);
    if (note->ordered)
        assert_int_equal(store_put_order(b->store, object, &b->file.order, &b->err), 0);
    if (note->has_digest)
        assert_int_equal(store_put_fact(b->store, b->out.id, note->digest, &b->err), 0);
    assert_int_equal(
        store_put_case(b->store, TOPIC, b->out.checked.dossier, &last, &b->err), 0);
    assert_int_equal(store_commit(b->store, &b->err), 0);
}

static const struct evenement_droit *decoded(struct bench *b)
{
    struct evenement_droit *d = relais_arena_zalloc(&b->arena, sizeof(*d));
    struct relais_slice value = {b->out.framed.ptr + RELAIS_FRAME_LEN,
                                 b->out.framed.len - RELAIS_FRAME_LEN};

    assert_int_equal(relais_avro_decode(b->target.contract->schema, value, d, &b->arena,
                                        NULL, &b->err),
                     0);
    return d;
}

static void
test_same_state_is_unchanged_though_its_protected_fields_are_sealed(void **state)
{
    struct bench *b = *state;

    file(b, 20488, "0");
    gives(b, snapshot(b, "depot-1", "OUVERT", 100, "QUIRVELLE"), DIFFERENCE_EVENT);
    keep(b);
    file(b, 20519, "0");
    gives(b, snapshot(b, "depot-2", "OUVERT", 100, "QUIRVELLE"), DIFFERENCE_UNCHANGED);
    assert_true(b->out.note.ordered);
}

static void test_protected_field_that_differs_is_a_change_of_its_field(void **state)
{
    struct bench *b = *state;
    const struct evenement_droit *d;
    const struct relais_slice *changes;

    file(b, 20488, "0");
    gives(b, snapshot(b, "depot-1", "OUVERT", 100, "QUIRVELLE"), DIFFERENCE_EVENT);
    keep(b);
    file(b, 20519, "0");
    gives(b, snapshot(b, "depot-2", "OUVERT", 100, "QUIRVELLES"), DIFFERENCE_EVENT);
    d = decoded(b);
    changes = d->changements.items;
    assert_int_equal(d->changements.count, 1);
    assert_true(relais_slice_is(changes[0], "personnes"));
    assert_int_equal(d->fait, FAIT_DROIT_FOYER);
    assert_int_equal(d->entete.sequence, 2);
}

static void test_state_in_flight_counts_as_published(void **state)
{
    struct bench *b = *state;

    file(b, 20488, "0");
    gives(b, snapshot(b, "depot-1", "OUVERT", 100, "QUIRVELLE"), DIFFERENCE_EVENT);
    push(b);
    gives(b, snapshot(b, "depot-1", "OUVERT", 100, "QUIRVELLE"), DIFFERENCE_PUBLISHED);
    gives(b, snapshot(b, "depot-2", "OUVERT", 300, "QUIRVELLE"), DIFFERENCE_EVENT);
    assert_int_equal(decoded(b)->entete.sequence, 2);
}

static void test_id_follows_header_and_delivery_not_content(void **state)
{
    struct bench *b = *state;
    char first[37];

    file(b, 20488, "0");
    gives(b, snapshot(b, "depot-1", "OUVERT", 100, "QUIRVELLE"), DIFFERENCE_EVENT);
    memcpy(first, b->out.id, sizeof(first));
    gives(b, snapshot(b, "depot-2", "OUVERT", 200, "QUIRVELLE"), DIFFERENCE_EVENT);
    assert_string_equal(b->out.id, first);
    file(b, 20488, "1");
    gives(b, snapshot(b, "depot-2", "OUVERT", 200, "QUIRVELLE"), DIFFERENCE_EVENT);
    assert_string_not_equal(b->out.id, first);
}

static void test_block_of_an_older_file_is_stale(void **state)
{
    struct bench *b = *state;

    file(b, 20519, "0");
    gives(b, snapshot(b, "depot-1", "OUVERT", 100, "QUIRVELLE"), DIFFERENCE_EVENT);
    keep(b);
    file(b, 20488, "0");
    gives(b, snapshot(b, "depot-2", "CLOS", 0, "QUIRVELLE"), DIFFERENCE_STALE);
}

/* The ring once more with its keys of usage nir and identite retired for new ones. */
static void rotate(struct bench *b)
{
    char path[128], other[128], line[256];
    FILE *old, *fresh, *to;

    path_of(b, "ring", path);
    path_of(b, "ring.new", other);
    assert_int_equal(relais_keyring_init(other, 20001, &b->err), 0);
    old = fopen(path, "r");
    fresh = fopen(other, "r");
    assert_true(old && fresh);
    unlink(path);
    to = fopen(path, "wx");
    assert_non_null(to);
    for (int i = 0; i < 2; i++)
        while (fgets(line, sizeof(line), i ? fresh : old)) {
            bool turns = strstr(line, " nir ") || strstr(line, " identite ");
            char *actif = strstr(line, "actif");

            if (i ? !turns : !turns || !actif) {
                if (!i)
                    fputs(line, to);
                continue;
            }
            if (!i)
                fprintf(to, "%.*sancien%s", (int)(actif - line), line, actif + 5);
            else
                fputs(line, to);
        }
    fclose(to);
    fclose(old);
    fclose(fresh);
    unlink(other);
    chmod(path, 0600);
    open_ring(b);
}

static void test_key_changed_since_is_not_a_change_of_the_value(void **state)
{
    struct bench *b = *state;

    file(b, 20488, "0");
    gives(b, snapshot(b, "depot-1", "OUVERT", 100, "QUIRVELLE"), DIFFERENCE_EVENT);
    keep(b);
    rotate(b);
    file(b, 20519, "0");
    gives(b, snapshot(b, "depot-2", "OUVERT", 100, "QUIRVELLE"), DIFFERENCE_UNCHANGED);
    gives(b, snapshot(b, "depot-2", "OUVERT", 200, "QUIRVELLE"), DIFFERENCE_EVENT);
    assert_int_equal(decoded(b)->changements.count, 1);
    assert_int_equal(decoded(b)->fait, FAIT_DROIT_REVISION);
}

static void test_fact_given_again_is_repeated(void **state)
{
    struct bench *b = *state;

    gives(b, fact(b, "2026-02-02T08:00:00Z", "0", 100), DIFFERENCE_EVENT);
    push(b);
    gives(b, fact(b, "2026-02-02T08:00:00Z", "0", 100), DIFFERENCE_REPEATED);
    gives(b, fact(b, "2026-02-03T08:00:00Z", "0", 200), DIFFERENCE_EVENT);
    assert_int_equal(decoded(b)->entete.sequence, 2);
    keep(b);
    gives(b, fact(b, "2026-02-03T08:00:00Z", "0", 200), DIFFERENCE_REPEATED);
}

static void test_id_with_other_content_is_a_conflict(void **state)
{
    struct bench *b = *state;

    gives(b, fact(b, "2026-02-02T08:00:00Z", "0", 100), DIFFERENCE_EVENT);
    keep(b);
    assert_int_equal(fact(b, "2026-02-02T08:00:00Z", "0", 999), -1);
    assert_int_equal(b->err.code, RELAIS_E_ID_CONFLICT);
    assert_memory_equal(b->out.case_pseudonym, "d1-", 3);
}

static void test_older_fact_is_published_but_is_not_the_present_state(void **state)
{
    struct bench *b = *state;

    gives(b, fact(b, "2026-02-03T08:00:00Z", "0", 100), DIFFERENCE_EVENT);
    keep(b);
    gives(b, fact(b, "2026-02-02T08:00:00Z", "0", 50), DIFFERENCE_EVENT);
    assert_false(b->out.note.newest);
}

static void test_log_fact_at_or_below_the_stored_position_is_skipped(void **state)
{
    struct bench *b = *state;

    gives(b, fact(b, "2026-02-02T08:00:00Z", "0/9A0/1", 100), DIFFERENCE_EVENT);
    keep(b);
    gives(b, fact(b, "2026-02-02T08:00:00Z", "0/9A0/1", 100), DIFFERENCE_REPEATED);
    gives(b, fact(b, "2026-02-02T08:00:00Z", "0/99F/7", 100), DIFFERENCE_REPEATED);
    gives(b, fact(b, "2026-02-02T08:00:00Z", "0/9A0/2", 100), DIFFERENCE_EVENT);
}

static void test_clock_of_a_log_that_goes_back_harms_nothing(void **state)
{
    struct bench *b = *state;
    int64_t first;

    gives(b, fact(b, "2026-02-02T08:00:00Z", "0/1/1", 100), DIFFERENCE_EVENT);
    first = decoded(b)->entete.constate_le;
    keep(b);
    gives(b, fact(b, "2026-02-01T08:00:00Z", "0/2/1", 200), DIFFERENCE_EVENT);
    assert_int_equal(decoded(b)->entete.constate_le, first);
    assert_true(b->out.note.newest);
}

static void test_positions_compare_as_hexadecimal_numbers(void **state)
{
    assert_true(position_cmp(RELAIS_SLICE("0/FF"), RELAIS_SLICE("0/100")) < 0);
    assert_true(position_cmp(RELAIS_SLICE("1/0"), RELAIS_SLICE("0/FF")) > 0);
    assert_true(position_cmp(RELAIS_SLICE("0/0A"), RELAIS_SLICE("0/A")) == 0);
    assert_true(position_cmp(RELAIS_SLICE("0/A"), RELAIS_SLICE("0/A/1")) < 0);
}

static void test_renvoi_seals_again_under_its_own_id(void **state)
{
    struct bench *b = *state;
    struct store_object stored;
    char object[37];
    const struct evenement_droit *d;
    const struct personne_droit *p;
    struct relais_slice clear;
    bool found;

    file(b, 20488, "0");
    gives(b, snapshot(b, "depot-1", "OUVERT", 100, "QUIRVELLE"), DIFFERENCE_EVENT);
    memcpy(object, b->out.note.object, sizeof(object));
    keep(b);
    assert_int_equal(
        store_object(b->store, relais_slice_str(object), &stored, &found, &b->err), 0);
    gives(b,
          difference_renvoi(&b->difference, &b->target, relais_slice_str(object), &stored,
                            3, &b->out, &b->err),
          DIFFERENCE_EVENT);
    d = decoded(b);
    assert_true(relais_slice_is(d->entete.origine.depot, "renvoi-3"));
    assert_int_equal(d->entete.nature, NATURE_INITIALISATION);
    assert_int_equal(d->entete.sequence, 2);
    p = d->personnes.items;
    assert_int_equal(relais_unseal(b->ring, d->entete.id, "personnes.nir", p[0].nir,
                                   &b->arena, &clear, &b->err),
                     0);
    assert_true(relais_slice_is(clear, "2550814168025"));
    keep(b);
    assert_int_equal(
        store_object(b->store, relais_slice_str(object), &stored, &found, &b->err), 0);
    gives(b,
          difference_renvoi(&b->difference, &b->target, relais_slice_str(object), &stored,
                            3, &b->out, &b->err),
          DIFFERENCE_PUBLISHED);
}

/* ---- values of other versions ---- */

static void open_registry(struct bench *b)
{
    char text[96];

    b->server = relais_registry_server_new("127.0.0.1:0", NULL, &b->err);
    assert_non_null(b->server);
    snprintf(text, sizeof(text), "[registry]\nurl = http://127.0.0.1:%d\n",
             relais_registry_server_port(b->server));
    b->conf = relais_conf_parse(relais_slice_str(text), "/tmp", &b->err);
    assert_non_null(b->conf);
    relais_conf_admit(b->conf, relais_conf_common);
    b->registry = relais_registry_new(b->conf, &b->err);
    assert_non_null(b->registry);
    b->difference.registry = b->registry;
}

/* The stored value as if `version` had written it. */
static void written_by(struct bench *b, const char object[37],
                       const struct relais_avro *version)
{
    struct relais_buf other = RELAIS_BUF_INIT(1u << 16);
    struct store_object row;
    bool found;

    assert_int_equal(
        store_object(b->store, relais_slice_str(object), &row, &found, &b->err), 0);
    assert_true(found);
    version_encode(b->target.contract, version, row.value, &other);
    row.value = relais_buf_slice(&other);
    row.fingerprint = relais_avro_fingerprint(version);
    row.contract = relais_slice_str(b->target.contract->name);
    assert_int_equal(store_begin(b->store, &b->err), 0);
    assert_int_equal(store_put_object(b->store, relais_slice_str(object), &row, &b->err),
                     0);
    assert_int_equal(store_commit(b->store, &b->err), 0);
    relais_buf_release(&other);
}

static void registered(struct bench *b, const struct relais_avro *version)
{
    int32_t id;

    if (relais_registry_register(b->registry, b->target.contract->name,
                                 relais_avro_text(version), &id, &b->err))
        fail_msg("%s: %s", b->err.where, b->err.text);
}

static void test_state_written_by_another_version_is_read_as_ours(void **state)
{
    struct bench *b = *state;
    struct relais_avro *other = version_of(
        b->target.contract, "decision",
        "{\"name\":\"nouveau\",\"type\":[\"null\",\"string\"],\"default\":null}");
    char object[37];

    open_registry(b);
    registered(b, other);
    file(b, 20488, "0");
    gives(b, snapshot(b, "depot-1", "OUVERT", 100, "QUIRVELLE"), DIFFERENCE_EVENT);
    memcpy(object, b->out.note.object, sizeof(object));
    keep(b);
    written_by(b, object, other);
    file(b, 20489, "0");
    gives(b, snapshot(b, "depot-2", "OUVERT", 100, "QUIRVELLE"), DIFFERENCE_UNCHANGED);
    file(b, 20490, "0");
    gives(b, snapshot(b, "depot-3", "OUVERT", 200, "QUIRVELLE"), DIFFERENCE_EVENT);
    assert_int_equal(decoded(b)->entete.sequence, 2);
    relais_avro_free(other);
}

static void test_state_of_a_version_that_nobody_knows_is_broken(void **state)
{
    struct bench *b = *state;
    struct relais_avro *other = version_of(
        b->target.contract, NULL,
        "{\"name\":\"nouveau\",\"type\":[\"null\",\"string\"],\"default\":null}");
    char object[37];

    open_registry(b);
    file(b, 20488, "0");
    gives(b, snapshot(b, "depot-1", "OUVERT", 100, "QUIRVELLE"), DIFFERENCE_EVENT);
    memcpy(object, b->out.note.object, sizeof(object));
    keep(b);
    written_by(b, object, other);
    file(b, 20489, "0");
    assert_int_equal(snapshot(b, "depot-2", "OUVERT", 100, "QUIRVELLE"), -1);
    assert_int_equal(b->err.code, RELAIS_E_STATE_BROKEN);
    relais_avro_free(other);
}

int main(void)
{
#define BENCH(t) cmocka_unit_test_setup_teardown(t, setup, teardown)
    const struct CMUnitTest tests[] = {
        BENCH(test_same_state_is_unchanged_though_its_protected_fields_are_sealed),
        BENCH(test_protected_field_that_differs_is_a_change_of_its_field),
        BENCH(test_state_in_flight_counts_as_published),
        BENCH(test_id_follows_header_and_delivery_not_content),
        BENCH(test_block_of_an_older_file_is_stale),
        BENCH(test_key_changed_since_is_not_a_change_of_the_value),
        BENCH(test_fact_given_again_is_repeated),
        BENCH(test_id_with_other_content_is_a_conflict),
        BENCH(test_older_fact_is_published_but_is_not_the_present_state),
        BENCH(test_log_fact_at_or_below_the_stored_position_is_skipped),
        BENCH(test_clock_of_a_log_that_goes_back_harms_nothing),
        cmocka_unit_test(test_positions_compare_as_hexadecimal_numbers),
        BENCH(test_renvoi_seals_again_under_its_own_id),
        BENCH(test_state_written_by_another_version_is_read_as_ours),
        BENCH(test_state_of_a_version_that_nobody_knows_is_broken),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
