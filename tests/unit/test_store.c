#include "producers/store.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#define SOURCE "urn:relais:cnaf:cristal:dep93"
#define DROIT  "0f0e0d0c-0b0a-8908-8706-050403020100"

static char dir[] = "/tmp/relais-store-XXXXXX";

static struct store *open_store(void)
{
    struct relais_error err = RELAIS_ERROR_INIT;
    struct store *s = store_open(dir, SOURCE, true, &err);

    if (!s)
        fail_msg("%s: %s", relais_error_name(err.code), err.text);
    return s;
}

static void remove_files(void)
{
    static const char *const names[] = {"data.mdb", "lock.mdb", "verrou"};

    for (size_t i = 0; i < 3; i++) {
        char path[64];

        snprintf(path, sizeof(path), "%s/%s", dir, names[i]);
        unlink(path);
    }
}

static int setup(void **state)
{
    remove_files();
    *state = open_store();
    return 0;
}

static int teardown(void **state)
{
    store_close(*state);
    remove_files();
    return 0;
}

static int put_value(struct store *s, const char *object, const char *value,
                     struct relais_error *err)
{
    const struct store_object row = {RELAIS_SLICE("fr.relais.Essai"), 7, 3, 1000,
                                     relais_slice_str(value)};

    return store_put_object(s, relais_slice_str(object), &row, err);
}

static void must_put(struct store *s, const char *object, const char *value)
{
    struct relais_error err = RELAIS_ERROR_INIT;

    assert_int_equal(store_begin(s, &err), 0);
    assert_int_equal(put_value(s, object, value, &err), 0);
    assert_int_equal(store_commit(s, &err), 0);
}

static void test_object_is_given_back_as_put(void **state)
{
    struct relais_error err = RELAIS_ERROR_INIT;
    struct store_object row;
    bool found;

    assert_int_equal(store_object(*state, RELAIS_SLICE(DROIT), &row, &found, &err), 0);
    assert_false(found);
    must_put(*state, DROIT, "valeur");
    assert_int_equal(store_object(*state, RELAIS_SLICE(DROIT), &row, &found, &err), 0);
    assert_true(found);
    assert_true(relais_slice_is(row.value, "valeur"));
    assert_true(relais_slice_is(row.contract, "fr.relais.Essai"));
    assert_int_equal(row.fingerprint, 7);
    assert_int_equal(row.sequence, 3);
    assert_int_equal(row.observed_us, 1000);
}

static void test_aborted_transaction_leaves_nothing(void **state)
{
    struct relais_error err = RELAIS_ERROR_INIT;
    struct store_object row;
    bool found;

    assert_int_equal(store_begin(*state, &err), 0);
    assert_int_equal(put_value(*state, DROIT, "valeur", &err), 0);
    store_abort(*state);
    assert_int_equal(store_object(*state, RELAIS_SLICE(DROIT), &row, &found, &err), 0);
    assert_false(found);
}

static void test_objects_are_walked_in_order_of_id(void **state)
{
    struct relais_error err = RELAIS_ERROR_INIT;
    struct store_object row;
    char after[37] = "";
    bool found;

    must_put(*state, "22222222-0b0a-8908-8706-050403020100", "b");
    must_put(*state, "11111111-0b0a-8908-8706-050403020100", "a");
    assert_int_equal(store_object_next(*state, after, &row, &found, &err), 0);
    assert_true(found && relais_slice_is(row.value, "a"));
    assert_int_equal(store_object_next(*state, after, &row, &found, &err), 0);
    assert_true(found && relais_slice_is(row.value, "b"));
    assert_int_equal(store_object_next(*state, after, &row, &found, &err), 0);
    assert_false(found);
}

static void
test_order_is_day_then_daily_before_monthly_then_delivery_then_name(void **state)
{
    struct store_order a, b;

    store_order_make(&a, -5, true, 0, RELAIS_SLICE("z"));
    store_order_make(&b, 5, false, 0, RELAIS_SLICE("a"));
    assert_true(store_order_cmp(&a, &b) < 0);
    store_order_make(&a, 5, false, 0, RELAIS_SLICE("z"));
    store_order_make(&b, 5, true, 0, RELAIS_SLICE("a"));
    assert_true(store_order_cmp(&a, &b) < 0);
    store_order_make(&a, 5, true, 0, RELAIS_SLICE("b"));
    assert_true(store_order_cmp(&a, &b) > 0);
    store_order_make(&b, 5, true, 1, RELAIS_SLICE("a"));
    assert_true(store_order_cmp(&a, &b) < 0);
}

static void test_order_never_goes_back(void **state)
{
    struct relais_error err = RELAIS_ERROR_INIT;
    struct store_order newer, older, got;

    store_order_make(&newer, 20, true, 0, RELAIS_SLICE("n"));
    store_order_make(&older, 10, true, 0, RELAIS_SLICE("o"));
    assert_int_equal(store_begin(*state, &err), 0);
    assert_int_equal(store_put_order(*state, RELAIS_SLICE(DROIT), &newer, &err), 0);
    assert_int_equal(store_put_order(*state, RELAIS_SLICE(DROIT), &older, &err), 0);
    assert_int_equal(store_commit(*state, &err), 0);
    assert_int_equal(store_order(*state, RELAIS_SLICE(DROIT), &got, &err), 0);
    assert_int_equal(store_order_cmp(&got, &newer), 0);
}

static void test_floor_stands_for_a_missing_order(void **state)
{
    struct relais_error err = RELAIS_ERROR_INIT;
    struct store_order got;
    struct store_meta meta;

    assert_int_equal(store_meta(*state, &meta, &err), 0);
    assert_true(meta.last_monthly_us == INT64_MIN);
    store_order_make(&meta.floor, 20, true, 0, RELAIS_SLICE(""));
    assert_int_equal(store_begin(*state, &err), 0);
    assert_int_equal(store_put_meta(*state, &meta, &err), 0);
    assert_int_equal(store_commit(*state, &err), 0);
    assert_int_equal(store_order(*state, RELAIS_SLICE(DROIT), &got, &err), 0);
    assert_int_equal(store_order_cmp(&got, &meta.floor), 0);
}

static void test_second_writer_is_told_that_the_state_is_in_use(void **state)
{
    struct relais_error err = RELAIS_ERROR_INIT;

    assert_null(store_open(dir, SOURCE, true, &err));
    assert_int_equal(err.code, RELAIS_E_STATE_LOCKED);
}

static void test_reader_opens_beside_the_writer(void **state)
{
    struct relais_error err = RELAIS_ERROR_INIT;
    struct store_object row;
    struct store *reader;
    bool found;

    must_put(*state, DROIT, "valeur");
    reader = store_open(dir, SOURCE, false, &err);
    assert_non_null(reader);
    assert_int_equal(store_object(reader, RELAIS_SLICE(DROIT), &row, &found, &err), 0);
    assert_true(found);
    store_close(reader);
}

static void test_state_of_another_source_is_refused(void **state)
{
    struct relais_error err = RELAIS_ERROR_INIT;

    store_close(*state);
    *state = NULL;
    assert_null(store_open(dir, "urn:relais:cnaf:cristal:dep75c", true, &err));
    assert_int_equal(err.code, RELAIS_E_CONF_VALUE);
}

static void test_folder_is_closed_to_others(void **state)
{
    struct stat st;

    store_close(*state);
    *state = NULL;
    remove_files();
    assert_int_equal(rmdir(dir), 0);
    *state = open_store();
    assert_int_equal(stat(dir, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0700);
}

static void test_full_disk_is_an_error_and_goes_on_after(void **state)
{
    struct relais_error err = RELAIS_ERROR_INIT;
    struct rlimit old, small;
    struct store_object row;
    char *big = malloc(2000001);
    bool found;

    memset(big, 'x', 2000000);
    big[2000000] = '\0';
    must_put(*state, DROIT, "valeur");
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
    small = old;
    small.rlim_cur = 400000;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    assert_int_equal(store_begin(*state, &err), 0);
    assert_int_equal(put_value(*state, DROIT, big, &err), 0);
    assert_int_equal(store_commit(*state, &err), -1);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
    assert_int_equal(relais_error_class(err.code), RELAIS_RETRY);
    relais_error_clear(&err);
    assert_int_equal(store_object(*state, RELAIS_SLICE(DROIT), &row, &found, &err), 0);
    assert_true(found && relais_slice_is(row.value, "valeur"));
    must_put(*state, DROIT, big);
    assert_int_equal(store_object(*state, RELAIS_SLICE(DROIT), &row, &found, &err), 0);
    assert_int_equal(row.value.len, 2000000);
    free(big);
}

static void test_clear_keeps_only_the_owner(void **state)
{
    struct relais_error err = RELAIS_ERROR_INIT;
    struct store_object row;
    bool found, empty;

    assert_int_equal(store_begin(*state, &err), 0);
    assert_int_equal(put_value(*state, DROIT, "valeur", &err), 0);
    assert_int_equal(store_put_offset(*state, "t", 3, 42, &err), 0);
    assert_int_equal(store_commit(*state, &err), 0);
    assert_int_equal(store_empty(*state, &empty, &err), 0);
    assert_false(empty);
    assert_int_equal(store_begin(*state, &err), 0);
    assert_int_equal(store_clear(*state, &err), 0);
    assert_int_equal(store_commit(*state, &err), 0);
    assert_int_equal(store_empty(*state, &empty, &err), 0);
    assert_true(empty);
    assert_int_equal(store_object(*state, RELAIS_SLICE(DROIT), &row, &found, &err), 0);
    assert_false(found);
    store_close(*state);
    *state = open_store();
}

static void test_positions_cases_headers_and_facts_are_kept_apart(void **state)
{
    struct relais_error err = RELAIS_ERROR_INIT;
    const struct store_case row = {.sequence = 9, .observed_us = 5, .position = "0/1"};
    unsigned char digest[16] = {1}, got[16];
    struct store_case back;
    int64_t number;
    bool found;

    assert_int_equal(store_begin(*state, &err), 0);
    assert_int_equal(store_put_case(*state, "t", RELAIS_SLICE("d1"), &row, &err), 0);
    assert_int_equal(store_put_header(*state, RELAIS_SLICE("M"), 77, 2, &err), 0);
    assert_int_equal(store_put_offset(*state, "t", 1, 42, &err), 0);
    assert_int_equal(store_put_fact(*state, DROIT, digest, &err), 0);
    assert_int_equal(store_commit(*state, &err), 0);
    assert_int_equal(store_case(*state, "t", RELAIS_SLICE("d1"), &back, &found, &err), 0);
    assert_true(found && back.sequence == 9 && strcmp(back.position, "0/1") == 0);
    assert_int_equal(store_case(*state, "t2", RELAIS_SLICE("d1"), &back, &found, &err),
                     0);
    assert_false(found);
    assert_int_equal(store_header(*state, RELAIS_SLICE("M"), 77, &number, &err), 0);
    assert_int_equal(number, 2);
    assert_int_equal(store_header(*state, RELAIS_SLICE("I"), 77, &number, &err), 0);
    assert_int_equal(number, 0);
    assert_int_equal(store_offset(*state, "t", 1, &number, &found, &err), 0);
    assert_true(found && number == 42);
    assert_int_equal(store_offset(*state, "t", 2, &number, &found, &err), 0);
    assert_false(found);
    assert_int_equal(store_fact(*state, DROIT, got, &found, &err), 0);
    assert_true(found);
    assert_memory_equal(got, digest, 16);
}

static struct store_case case_of(struct store *s, const char *dossier, bool *found)
{
    struct relais_error err = RELAIS_ERROR_INIT;
    struct store_case row;

    assert_int_equal(store_case(s, "t", relais_slice_str(dossier), &row, found, &err), 0);
    return row;
}

/* In no order; one is there already. */
static void test_cases_that_wait_are_seen_and_written_with_the_next_commit(void **state)
{
    enum { CASES = 8000 };
    struct relais_error err = RELAIS_ERROR_INIT;
    struct store_case row = {1, 2, "a:1/1"};
    char dossier[16];
    bool found;

    assert_int_equal(store_begin(*state, &err), 0);
    assert_int_equal(store_put_case(*state, "t", RELAIS_SLICE("d7"), &row, &err), 0);
    assert_int_equal(store_commit(*state, &err), 0);
    for (int i = 0; i < CASES; i++) {
        snprintf(dossier, sizeof(dossier), "d%d", i * 7919 % CASES);
        row.sequence = i * 7919 % CASES + 10;
        assert_true(store_keep_case(*state, "t", relais_slice_str(dossier), &row));
    }
    assert_int_equal(store_kept(*state), CASES);
    assert_int_equal(case_of(*state, "d7", &found).sequence, 17);
    store_close(*state);
    *state = open_store();
    assert_int_equal(case_of(*state, "d7", &found).sequence, 1);
    case_of(*state, "d8", &found);
    assert_false(found);
    for (int i = 0; i < CASES; i++) {
        snprintf(dossier, sizeof(dossier), "d%d", i);
        row.sequence = i + 10;
        assert_true(store_keep_case(*state, "t", relais_slice_str(dossier), &row));
    }
    assert_int_equal(store_begin(*state, &err), 0);
    assert_int_equal(store_put_kept(*state, &err), 0);
    assert_int_equal(store_commit(*state, &err), 0);
    assert_int_equal(store_kept(*state), 0);
    store_close(*state);
    *state = open_store();
    for (int i = 0; i < CASES; i++) {
        snprintf(dossier, sizeof(dossier), "d%d", i);
        row = case_of(*state, dossier, &found);
        assert_true(found);
        assert_int_equal(row.sequence, i + 10);
        assert_string_equal(row.position, "a:1/1");
    }
}

static void test_cases_wait_on_when_they_could_not_be_written(void **state)
{
    struct relais_error err = RELAIS_ERROR_INIT;
    const struct store_case row = {5, 2, ""};
    bool found;

    assert_true(store_keep_case(*state, "t", RELAIS_SLICE("d1"), &row));
    assert_int_equal(store_begin(*state, &err), 0);
    assert_int_equal(store_put_kept(*state, &err), 0);
    store_abort(*state);
    assert_int_equal(store_kept(*state), 1);
    assert_int_equal(case_of(*state, "d1", &found).sequence, 5);
}

static size_t keep_until_refused(struct store *s)
{
    const struct store_case row = {1, 2, ""};
    char dossier[200];
    size_t n = 0;

    do
        snprintf(dossier, sizeof(dossier), "d%zu", n);
    while (store_keep_case(s, "t", relais_slice_str(dossier), &row) && ++n);
    assert_int_equal(store_kept(s), n);
    return n;
}

static void test_cases_that_find_no_room_have_to_be_put(void **state)
{
    struct relais_error err = RELAIS_ERROR_INIT;
    const struct store_case row = {1, 2, ""};
    char dossier[200];

    memset(dossier, 'x', sizeof(dossier));
    assert_false(store_keep_case(*state, "t",
                                 (struct relais_slice){dossier, sizeof(dossier)}, &row));
    assert_int_equal(keep_until_refused(*state), STORE_KEPT_FEW);
    assert_true(store_keep_case(*state, "t", RELAIS_SLICE("d1"), &row));
    assert_int_equal(store_begin(*state, &err), 0);
    assert_int_equal(store_put_kept(*state, &err), 0);
    assert_int_equal(store_commit(*state, &err), 0);
    /* the tree is small */
    assert_int_equal(keep_until_refused(*state), STORE_KEPT_MAX);
}

/* What a case's row should be: as the tree has it, put by the open transaction, waiting.
 * 0: none. */
enum { ALL = 200000 };
struct model {
    int64_t tree[ALL], put[ALL], waiting[ALL];
    bool open;
};

static void name_of(size_t i, char out[36])
{
    snprintf(out, 36, "f1-essai-%024zu", i * 7919 % ALL);
}

static void read_one(struct store *s, const struct model *m, size_t i)
{
    struct relais_error err = RELAIS_ERROR_INIT;
    int64_t want = m->waiting[i] ? m->waiting[i] : m->put[i] ? m->put[i] : m->tree[i];
    struct store_case row;
    char name[36];
    bool found;

    name_of(i, name);
    assert_int_equal(
        store_case(s, i % 3 ? "t" : "u", relais_slice_str(name), &row, &found, &err), 0);
    assert_int_equal(found, want != 0);
    if (found)
        assert_int_equal(row.sequence, want);
}

static void write_waiting(struct store *s, struct model *m)
{
    struct relais_error err = RELAIS_ERROR_INIT;

    for (size_t i = 0; i < ALL; i++)
        if (m->waiting[i])
            read_one(s, m, i);
    assert_int_equal(store_put_kept(s, &err), 0);
    assert_int_equal(store_commit(s, &err), 0);
    for (size_t i = 0; i < ALL; i++) {
        if (m->put[i])
            m->tree[i] = m->put[i];
        if (m->waiting[i])
            m->tree[i] = m->waiting[i];
        m->put[i] = m->waiting[i] = 0;
    }
    m->open = false;
}

static void write_one(struct store *s, struct model *m, size_t i, int64_t value)
{
    struct relais_error err = RELAIS_ERROR_INIT;
    struct store_case row = {value, 7, ""};
    struct relais_slice dossier;
    char name[36];

    name_of(i, name);
    dossier = relais_slice_str(name);
    /* some are too long to wait */
    snprintf(row.position, sizeof(row.position), "12345678:0/%0*X", value % 11 ? 8 : 40,
             (unsigned)value);
    if (!m->put[i] && store_keep_case(s, i % 3 ? "t" : "u", dossier, &row)) {
        m->waiting[i] = value;
        return;
    }
    if (!m->open)
        assert_int_equal(store_begin(s, &err), 0);
    m->open = true;
    if (m->waiting[i]) {
        write_waiting(s, m);
        assert_int_equal(store_begin(s, &err), 0);
        m->open = true;
    }
    assert_int_equal(store_put_case(s, i % 3 ? "t" : "u", dossier, &row, &err), 0);
    m->put[i] = value;
}

static void forget(struct store *s, struct model *m)
{
    if (m->open)
        store_abort(s);
    m->open = false;
    memset(m->put, 0, sizeof(m->put));
}

/* More of them than are kept in memory, kept and put and read in all orders. */
static void test_cases_in_memory_are_those_of_the_tree(void **state)
{
    struct model *m = relais_zalloc(sizeof(*m));
    struct relais_error err = RELAIS_ERROR_INIT;
    uint64_t random = 1;

    for (int64_t n = 1; n <= 1200000; n++) {
        size_t i;

        random = random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        i = (size_t)(random >> 33) % (n % 4 ? ALL : 1000);
        if (random >> 63)
            write_one(*state, m, i, n);
        else
            read_one(*state, m, i);
        if (n % 9973 == 0)
            forget(*state, m);
        if (n % 7001 == 0) {
            if (!m->open)
                assert_int_equal(store_begin(*state, &err), 0);
            write_waiting(*state, m);
        }
        if (n == 100001) {
            forget(*state, m);
            memset(m->waiting, 0, sizeof(m->waiting));
            store_close(*state);
            *state = open_store();
        }
        if (n == 1100000) {
            forget(*state, m);
            assert_int_equal(store_begin(*state, &err), 0);
            write_waiting(*state, m);
            assert_int_equal(store_begin(*state, &err), 0);
            assert_int_equal(store_clear(*state, &err), 0);
            assert_int_equal(store_commit(*state, &err), 0);
            memset(m->tree, 0, sizeof(m->tree));
        }
    }
    for (size_t i = 0; i < ALL; i++)
        read_one(*state, m, i);
    forget(*state, m);
    free(m);
}

int main(void)
{
#define STORE(t) cmocka_unit_test_setup_teardown(t, setup, teardown)
    const struct CMUnitTest tests[] = {
        STORE(test_object_is_given_back_as_put),
        STORE(test_aborted_transaction_leaves_nothing),
        STORE(test_objects_are_walked_in_order_of_id),
        STORE(test_order_is_day_then_daily_before_monthly_then_delivery_then_name),
        STORE(test_order_never_goes_back),
        STORE(test_floor_stands_for_a_missing_order),
        STORE(test_second_writer_is_told_that_the_state_is_in_use),
        STORE(test_reader_opens_beside_the_writer),
        STORE(test_state_of_another_source_is_refused),
        STORE(test_folder_is_closed_to_others),
        STORE(test_full_disk_is_an_error_and_goes_on_after),
        STORE(test_clear_keeps_only_the_owner),
        STORE(test_positions_cases_headers_and_facts_are_kept_apart),
        STORE(test_cases_that_wait_are_seen_and_written_with_the_next_commit),
        STORE(test_cases_wait_on_when_they_could_not_be_written),
        STORE(test_cases_that_find_no_room_have_to_be_put),
        STORE(test_cases_in_memory_are_those_of_the_tree),
    };
    int rc;

    if (!mkdtemp(dir))
        return 1;
    rc = cmocka_run_group_tests(tests, NULL, NULL);
    remove_files();
    rmdir(dir);
    return rc;
}
