/* The drop folder: what is taken, in which order, where it ends. */
#include "connectors/cnaf_file.h"
#include "connectors/depot_folder.h"
#include "core/day.h"
#include "helper_cnaf.h"
#include "helper_core.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#define HASH "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static char *path;
static struct depot_folder *folder;
static struct depot_taken taken;
static struct relais_error err;

static struct depot_folder *open_folder(int quiet_ms)
{
    struct depot_folder_options options = {quiet_ms, 30000, cnaf_file_peek};
    struct depot_folder *f = depot_folder_open(path, &options, &err);

    assert_non_null(f);
    return f;
}

static int set_up(void **state)
{
    path = helper_folder();
    relais_error_clear(&err);
    folder = open_folder(0);
    return 0;
}

static int tear_down(void **state)
{
    depot_folder_close(folder);
    helper_remove(path);
    return 0;
}

static void put(const char *name, const char *type, const char *day, const char *time)
{
    char text[512];

    snprintf(text, sizeof(text),
             "<Racine><IdentificationFlux><TYPEFLUX>%s</TYPEFLUX><NATFLUX>D</NATFLUX>"
             "<DTCREAFLUX>%s</DTCREAFLUX><HEUCREAFLUX>%s</HEUCREAFLUX>"
             "</IdentificationFlux></Racine>",
             type, day, time);
    free(helper_write(path, name, text, 0600));
}

static const char *base(const char *p) { return strrchr(p, '/') + 1; }

/* The name of the file taken, "" for none. */
static const char *take(void)
{
    int rc = depot_folder_take(folder, 0, &taken, &err);

    assert_true(rc >= 0);
    if (rc == 0)
        return "";
    close(taken.fd);
    return base(taken.path);
}

static void settle(enum relais_verdict verdict, const char *motif)
{
    assert_int_equal(depot_folder_settle(folder, verdict, HASH, motif, &err), 0);
}

static bool there(const char *name)
{
    char full[512];

    snprintf(full, sizeof(full), "%s/%s", path, name);
    return access(full, F_OK) == 0;
}

static void assert_holds(const char *name, const char *want)
{
    char full[512], *text;

    snprintf(full, sizeof(full), "%s/%s", path, name);
    text = helper_read(full, true, NULL);
    assert_string_equal(text, want);
    free(text);
}

static void test_files_are_taken_in_the_order_of_their_headers(void **state)
{
    static const char *const want[] = {"z-jan.xml",     "c-daily.xml", "b-monthly.xml",
                                       "a-reprise.xml", "d-later.xml", "e-day-after.xml",
                                       "1-unreadable",  "2-unreadable"};

    free(helper_write(path, "2-unreadable", "no xml", 0600));
    free(helper_write(path, "1-unreadable", "", 0600));
    put("e-day-after.xml", "I", "2026-02-05", "00:00:00.0000");
    put("b-monthly.xml", "M", "2026-02-04", "21:27:43.0000");
    put("c-daily.xml", "I", "2026-02-04", "21:27:43.0000");
    put("a-reprise.xml", "R", "2026-02-04", "21:27:43.5");
    put("d-later.xml", "I", "2026-02-04", "21:27:44");
    put("z-jan.xml", "M", "2026-01-04", "21:27:43.0000");
    for (size_t i = 0; i < sizeof(want) / sizeof(want[0]); i++) {
        assert_string_equal(take(), want[i]);
        settle(RELAIS_VERDICT_INTEGRATE, NULL);
    }
    assert_string_equal(take(), "");
    assert_true(depot_folder_idle(folder));
}

static void test_at_a_tie_the_name_decides(void **state)
{
    put("b.xml", "M", "2026-02-04", "21:27:43");
    put("a.xml", "R", "2026-02-04", "21:27:43");
    assert_string_equal(take(), "a.xml");
}

static void test_one_file_at_a_time_lies_in_en_cours(void **state)
{
    put("a.xml", "I", "2026-02-04", "10:00:00");
    put("b.xml", "I", "2026-02-05", "10:00:00");
    assert_string_equal(take(), "a.xml");
    assert_true(there("en_cours/a.xml") && there("b.xml") && !there("a.xml"));
    assert_string_equal(take(), "");
    assert_false(depot_folder_idle(folder));
    settle(RELAIS_VERDICT_INTEGRATE, NULL);
    assert_true(there("integres/a.xml") && !there("en_cours/a.xml"));
    assert_string_equal(take(), "b.xml");
}

static void test_each_verdict_has_its_place_and_its_motif(void **state)
{
    static const struct {
        const char *name, *place;
        enum relais_verdict verdict;
        bool motif;
    } rows[] = {
        {"a.xml", "integres", RELAIS_VERDICT_INTEGRATE, false},
        {"b.xml", "integres", RELAIS_VERDICT_KNOWN, false},
        {"c.xml", "retenus", RELAIS_VERDICT_HOLD, true},
        {"d.xml", "refuses", RELAIS_VERDICT_REFUSE, true},
    };

    for (size_t i = 0; i < 4; i++) {
        char name[64], motif[80];

        put(rows[i].name, "I", "2026-02-04", "10:00:00");
        assert_string_equal(take(), rows[i].name);
        settle(rows[i].verdict, "5 blocs lus, 6 annoncés");
        snprintf(name, sizeof(name), "%s/%s", rows[i].place, rows[i].name);
        snprintf(motif, sizeof(motif), "%s.motif", name);
        assert_true(there(name));
        assert_int_equal(there(motif), rows[i].motif);
        if (rows[i].motif)
            assert_holds(motif, "5 blocs lus, 6 annoncés");
    }
    assert_string_equal(take(), "");
}

static void test_a_name_already_there_gets_the_hash(void **state)
{
    for (int i = 0; i < 2; i++) {
        put("a.xml", "I", "2026-02-04", "10:00:00");
        assert_string_equal(take(), "a.xml");
        settle(RELAIS_VERDICT_REFUSE, i ? "second" : "first");
    }
    assert_holds("refuses/a.xml.motif", "first");
    assert_holds("refuses/a-01234567.xml.motif", "second");
    assert_true(there("refuses/a.xml") && there("refuses/a-01234567.xml"));
}

static void test_hidden_and_unfinished_names_links_and_folders_are_no_files(void **state)
{
    char link[512], target[512];

    put(".a.xml", "I", "2026-02-04", "10:00:00");
    put("a.xml.tmp", "I", "2026-02-04", "10:00:00");
    put("a.xml.part", "I", "2026-02-04", "10:00:00");
    snprintf(target, sizeof(target), "%s/.a.xml", path);
    snprintf(link, sizeof(link), "%s/link.xml", path);
    assert_int_equal(symlink(target, link), 0);
    snprintf(link, sizeof(link), "%s/folder.xml", path);
    assert_int_equal(mkdir(link, 0700), 0);
    snprintf(link, sizeof(link), "%s/pipe.xml", path);
    assert_int_equal(mkfifo(link, 0600), 0);
    assert_string_equal(take(), "");
    assert_true(depot_folder_idle(folder));
}

static void test_after_a_crash_the_file_under_way_comes_first(void **state)
{
    put("b.xml", "I", "2026-02-05", "10:00:00");
    assert_string_equal(take(), "b.xml");
    put("a.xml", "I", "2026-02-04", "10:00:00");
    depot_folder_close(folder);
    folder = open_folder(0);
    assert_string_equal(take(), "b.xml");
    settle(RELAIS_VERDICT_INTEGRATE, NULL);
    assert_string_equal(take(), "a.xml");
}

static void test_a_file_still_being_written_is_waited_for(void **state)
{
    int64_t begun;

    depot_folder_close(folder);
    folder = open_folder(300);
    begun = relais_monotonic_us();
    put("a.xml", "I", "2026-02-04", "10:00:00");
    assert_string_equal(take(), "");
    assert_false(depot_folder_idle(folder));
    usleep(150000);
    put("a.xml", "I", "2026-02-04", "10:00:01"); /* written again */
    while (depot_folder_take(folder, 1000, &taken, &err) == 0)
        assert_true(relais_monotonic_us() - begun < 5000000);
    assert_true(relais_monotonic_us() - begun >= 440000);
    close(taken.fd);
}

static void test_files_that_arrive_together_wait_for_one_another(void **state)
{
    depot_folder_close(folder);
    folder = open_folder(200);
    put("z.xml", "I", "2026-02-05", "10:00:00");
    usleep(210000);
    put("a.xml", "M", "2026-02-04", "10:00:00");
    assert_string_equal(take(), ""); /* z is quiet, a is not */
    assert_int_equal(depot_folder_take(folder, 1000, &taken, &err), 1);
    assert_string_equal(base(taken.path), "a.xml");
    close(taken.fd);
}

static void test_a_file_that_was_quiet_before_the_start_is_taken_at_once(void **state)
{
    struct timespec times[2] = {{1700000000, 0}, {1700000000, 0}};
    char full[512];

    depot_folder_close(folder);
    put("a.xml", "I", "2026-02-04", "10:00:00");
    snprintf(full, sizeof(full), "%s/a.xml", path);
    assert_int_equal(utimensat(AT_FDCWD, full, times, 0), 0);
    folder = open_folder(5000);
    assert_string_equal(take(), "a.xml");
}

static void test_an_arrival_ends_the_wait(void **state)
{
    int64_t begun = relais_monotonic_us();

    assert_string_equal(take(), "");
    if (fork() == 0) {
        usleep(100000);
        put("a.xml", "I", "2026-02-04", "10:00:00");
        _exit(0);
    }
    for (int i = 0; i < 3; i++) /* created, written, closed */
        if (depot_folder_take(folder, 10000, &taken, &err) == 1)
            break;
    assert_true(relais_monotonic_us() - begun < 5000000);
    assert_string_equal(base(taken.path), "a.xml");
    close(taken.fd);
    wait(NULL);
}

static void test_an_order_takes_the_held_file_again(void **state)
{
    static const char *const orders[] = {"liberer\n", "refuser"};

    for (int i = 0; i < 2; i++) {
        put("a.xml", "I", "2026-02-04", "10:00:00");
        assert_string_equal(take(), "a.xml");
        assert_false(taken.release || taken.refuse);
        settle(RELAIS_VERDICT_HOLD, "motif");
        assert_string_equal(take(), "");
        free(helper_write(path, "retenus/a.xml.ordre", orders[i], 0600));
        assert_string_equal(take(), "a.xml");
        assert_int_equal(taken.release, i == 0);
        assert_int_equal(taken.refuse, i == 1);
        assert_false(there("retenus/a.xml.motif") || there("retenus/a.xml.ordre"));
        depot_folder_close(folder); /* a crash keeps the order */
        folder = open_folder(0);
        assert_string_equal(take(), "a.xml");
        assert_int_equal(taken.release, i == 0);
        settle(i ? RELAIS_VERDICT_REFUSE : RELAIS_VERDICT_INTEGRATE, "motif");
        assert_false(there("en_cours/a.xml.ordre"));
        assert_string_equal(take(), "");
    }
}

static void test_an_order_of_another_word_or_without_a_file_does_nothing(void **state)
{
    put("a.xml", "I", "2026-02-04", "10:00:00");
    assert_string_equal(take(), "a.xml");
    settle(RELAIS_VERDICT_HOLD, "motif");
    free(helper_write(path, "retenus/a.xml.ordre", "supprimer", 0600));
    free(helper_write(path, "retenus/b.xml.ordre", "liberer", 0600));
    assert_string_equal(take(), "");
    assert_true(there("retenus/a.xml"));
    assert_true(depot_folder_idle(folder));
}

static void test_a_file_that_goes_away_harms_nothing(void **state)
{
    char full[512];

    put("a.xml", "I", "2026-02-04", "10:00:00");
    assert_string_equal(take(), "a.xml");
    snprintf(full, sizeof(full), "%s/en_cours/a.xml", path);
    assert_int_equal(unlink(full), 0);
    settle(RELAIS_VERDICT_INTEGRATE, NULL);
    put("b.xml", "I", "2026-02-04", "10:00:00");
    assert_string_equal(take(), "b.xml");
}

static void test_two_files_of_one_name_are_two_files(void **state)
{
    put("a.xml", "I", "2026-02-04", "10:00:00");
    assert_string_equal(take(), "a.xml");
    put("a.xml", "I", "2026-02-05", "10:00:00"); /* while the first is under way */
    settle(RELAIS_VERDICT_INTEGRATE, NULL);
    assert_string_equal(take(), "a.xml");
    settle(RELAIS_VERDICT_INTEGRATE, NULL);
    assert_true(there("integres/a.xml") && there("integres/a-01234567.xml"));
}

static void test_a_folder_that_is_not_there_is_a_matter_of_configuration(void **state)
{
    struct depot_folder_options options = {0, 1000, cnaf_file_peek};

    assert_null(depot_folder_open("/nowhere/at/all", &options, &err));
    assert_int_equal(err.code, RELAIS_E_CONF_VALUE);
    assert_int_equal(relais_error_class(err.code), RELAIS_CONF);
    relais_error_clear(&err);
}

/* The source over a folder, through the table. */
static void test_the_source_takes_judges_gives_and_moves(void **state)
{
    const struct relais_connector *connector =
        relais_connector_find("source_cnaf_beneficiaire");
    const struct relais_source_ops *ops = connector->source;
    char *good = helper_read("tests/data/cnaf/mensuel-correct.xml", false, NULL);
    char text[600];
    struct relais_conf *conf;
    struct relais_batch batch;
    const struct relais_depot *depot;
    void *source;

    snprintf(text, sizeof(text), "[connector]\ndepot = %s\nquiet_ms = 0\n", path);
    conf = relais_conf_parse(relais_slice_str(text), "/", &err);
    relais_conf_admit(conf, connector->keys);
    assert_int_equal(relais_conf_check(conf, &err), 0);
    free(helper_write(path, "m.xml", good, 0600));
    relais_batch_init(&batch, 4u << 20);
    assert_int_equal(ops->open(&source, conf, &err), 0);
    assert_false(ops->idle(source));
    assert_int_equal(ops->poll(source, &batch, 0, &err), 0);
    assert_int_equal(batch.first->kind, RELAIS_RECORD_DEPOT);
    depot = batch.first->file;
    assert_string_equal(base(depot->path), "m.xml");
    assert_int_equal(ops->verdict(source, depot, RELAIS_VERDICT_INTEGRATE, NULL, &err),
                     0);
    relais_batch_reset(&batch);
    assert_int_equal(ops->poll(source, &batch, 0, &err), 0);
    assert_int_equal(batch.count, 6);
    assert_int_equal(ops->ack(source, batch.last->ack, &err), 0);
    assert_true(there("en_cours/m.xml"));
    assert_int_equal(ops->verdict(source, depot, RELAIS_VERDICT_INTEGRATE, NULL, &err),
                     0);
    assert_true(there("integres/m.xml"));
    relais_batch_reset(&batch);
    assert_int_equal(ops->poll(source, &batch, 0, &err), 0);
    assert_int_equal(batch.count, 0);
    assert_true(ops->idle(source));
    ops->close(source);
    relais_batch_release(&batch);
    relais_conf_free(conf);
    free(good);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_files_are_taken_in_the_order_of_their_headers),
        TEST(test_at_a_tie_the_name_decides),
        TEST(test_one_file_at_a_time_lies_in_en_cours),
        TEST(test_each_verdict_has_its_place_and_its_motif),
        TEST(test_a_name_already_there_gets_the_hash),
        TEST(test_hidden_and_unfinished_names_links_and_folders_are_no_files),
        TEST(test_after_a_crash_the_file_under_way_comes_first),
        TEST(test_a_file_still_being_written_is_waited_for),
        TEST(test_files_that_arrive_together_wait_for_one_another),
        TEST(test_a_file_that_was_quiet_before_the_start_is_taken_at_once),
        TEST(test_an_arrival_ends_the_wait),
        TEST(test_an_order_takes_the_held_file_again),
        TEST(test_an_order_of_another_word_or_without_a_file_does_nothing),
        TEST(test_a_file_that_goes_away_harms_nothing),
        TEST(test_two_files_of_one_name_are_two_files),
        TEST(test_a_folder_that_is_not_there_is_a_matter_of_configuration),
        TEST(test_the_source_takes_judges_gives_and_moves),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
