#include "tests/unit/helper_source.h"

#include "consumers/broker.h"
#include "core/crypto.h"
#include "core/day.h"
#include "core/log.h"
#include "schemas/catalog.h"
#include "schemas/keyring.h"
#include "schemas/registry.h"
#include "schemas/registry_server.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#define PARTITIONS 6

/* ---- the connector ----------------------------------------------------------------- */

static struct essai *current; /* inherited by the process that runs it */

struct reading {
    size_t file;
    size_t block;
    bool told; /* the file was yielded */
    bool integrating;
    struct relais_depot depot;
    uint64_t ack;
    int given;
};

static int reading_open(void **state, const struct relais_conf *conf,
                        struct relais_error *err)
{
    *state = relais_zalloc(sizeof(struct reading));
    return 0;
}

static void reading_close(void *state) { free(state); }

static struct essai_file *file_under_way(struct reading *r)
{
    while (r->file < current->file_count &&
           essai_fate(current, current->files[r->file]->name))
        r->file++;
    return r->file < current->file_count ? current->files[r->file] : NULL;
}

static void describe(struct reading *r, const struct essai_file *f)
{
    struct relais_depot *d = &r->depot;
    struct relais_buf buf = RELAIS_BUF_INIT(1u << 20);
    unsigned char digest[RELAIS_SHA256_LEN];
    int64_t micros = 0;

    memset(d, 0, sizeof(*d));
    assert_int_equal(relais_buf_printf(&buf, "%s %s %s %s %zu", f->type, f->day, f->time,
                                       f->salt, f->count),
                     0);
    for (size_t i = 0; i < f->count; i++)
        assert_int_equal(relais_buf_printf(&buf, " %d %s %lld", f->blocks[i].dossier,
                                           f->blocks[i].etat,
                                           (long long)f->blocks[i].centimes),
                         0);
    relais_sha256(relais_buf_slice(&buf), digest);
    relais_buf_release(&buf);
    relais_hex(digest, sizeof(digest), d->hash);
    d->path = f->name;
    d->readable_header = true;
    d->type = relais_slice_str(f->type);
    d->nature = RELAIS_SLICE("D");
    d->day = relais_slice_str(f->day);
    d->time = relais_slice_str(f->time);
    assert_true(relais_day_parse(d->day, &d->created_days));
    assert_true(relais_time_parse(d->time, &micros));
    d->created_us = relais_paris_to_utc(d->created_days, micros);
    d->reference_days = INT32_MIN;
    d->monthly = strcmp(f->type, "M") == 0;
    d->anomalies = f->anomalies;
    d->blocks = (int64_t)f->count;
    d->totals[0] = (struct relais_total){
        "NBTOTDOSRSATRANSM", f->announced < 0 ? d->blocks : f->announced, d->blocks};
    d->total_count = 1;
    d->release = f->release;
    d->refuse = f->refuse;
    if (d->totals[0].announced != d->totals[0].read)
        relais_error_set(&d->problem, RELAIS_E_FILE_TOTAL, "NBTOTDOSRSATRANSM",
                         "%d announced, %d read", f->announced, (int)f->count);
}

static struct relais_record *add(struct reading *r, struct relais_batch *out,
                                 enum relais_record_kind kind)
{
    struct relais_record *rec = relais_batch_add(out);

    assert_non_null(rec);
    rec->kind = kind;
    rec->file = &r->depot;
    rec->depot = (struct relais_slice){r->depot.hash, 16};
    rec->position = relais_arena_printf(&out->arena, "%zu", r->block + 1);
    rec->ack = ++r->ack;
    return rec;
}

static void give_block(struct reading *r, const struct essai_block *b,
                       struct relais_batch *out)
{
    struct relais_error err = RELAIS_ERROR_INIT;
    struct relais_record *rec;
    struct relais_slice json;

    if (++r->given == current->kill_at)
        raise(SIGKILL);
    if (r->given == current->term_at)
        raise(SIGTERM);
    if (b->dossier <= 0) {
        rec = add(r, out, b->dossier ? RELAIS_RECORD_SUPERSEDED : RELAIS_RECORD_PARKED);
        rec->schema = "fr.relais.eligibility.EvenementDroit";
        rec->case_number = RELAIS_SLICE("01000999093");
        rec->charge = RELAIS_SLICE("<bloc>secret</bloc>");
        relais_error_set(&rec->problem, RELAIS_E_FIELD_TYPE, "personnes[1].date",
                         "not a date");
        return;
    }
    json = relais_arena_printf(
        &out->arena,
        "{\"entete\":{\"dossier\":\"01000%03d093\",\"constate_le\":"
        "\"2026-02-04T20:27:43Z\"},\"prestation\":\"RSA\",\"etat\":\"%s\",\"organisme\":"
        "{\"fonorg\":\"CAF\",\"numorg\":\"931\"},\"matricule\":\"9900%03d00000000\","
        "\"montant_mensuel_centimes\":%lld,\"personnes\":[{\"nir\":\"255081416802538\","
        "\"identite\":{\"nom_naissance\":\"QUIRVELLE\",\"prenom\":\"AMANDINE\","
        "\"date_naissance\":\"1992-01-17\"},\"statut_identite\":\"NIR_CERTIFIE\"}]}",
        b->dossier, b->etat, b->dossier, (long long)b->centimes);
    rec = add(r, out, RELAIS_RECORD_SNAPSHOT);
    rec->schema = "fr.relais.eligibility.EvenementDroit";
    rec->charge = RELAIS_SLICE("<bloc>secret</bloc>");
    rec->value = relais_value_parse(&out->arena, json, &err);
    assert_non_null(rec->value);
}

static int reading_poll(void *state, struct relais_batch *out, int timeout_ms,
                        struct relais_error *err)
{
    struct reading *r = state;
    const struct essai_file *f = file_under_way(r);

    if (!f)
        return 0;
    if (!r->told) {
        describe(r, f);
        add(r, out, RELAIS_RECORD_DEPOT);
        r->told = true;
        return 0;
    }
    for (int i = 0; i < 50 && r->block < f->count; i++, r->block++)
        give_block(r, &f->blocks[r->block], out);
    if (r->block == f->count)
        add(r, out, RELAIS_RECORD_DEPOT_END);
    return 0;
}

static void mark(const char *name, const char *fate)
{
    char path[256];
    FILE *file;

    snprintf(path, sizeof(path), "%s/%s.%s", current->dir, name, fate);
    file = fopen(path, "w");
    assert_non_null(file);
    fclose(file);
}

static int reading_verdict(void *state, const struct relais_depot *file,
                           enum relais_verdict verdict, const char *motif,
                           struct relais_error *err)
{
    static const char *const fates[] = {"integre", "retenu", "refuse", "connu"};
    struct reading *r = state;

    if (verdict == RELAIS_VERDICT_INTEGRATE && !r->integrating) {
        r->integrating = true;
        return 0;
    }
    assert_int_equal(verdict == RELAIS_VERDICT_INTEGRATE ||
                         verdict == RELAIS_VERDICT_KNOWN,
                     motif == NULL);
    mark(current->files[r->file]->name, fates[verdict]);
    r->told = r->integrating = false;
    r->block = 0;
    return 0;
}

static int reading_rewind(void *state, struct relais_error *err)
{
    ((struct reading *)state)->block = 0;
    return 0;
}

static bool reading_idle(void *state) { return !file_under_way(state); }

static const struct relais_source_ops reading_ops = {
    .open = reading_open,
    .poll = reading_poll,
    .verdict = reading_verdict,
    .rewind = reading_rewind,
    .idle = reading_idle,
    .close = reading_close,
};

static const struct relais_conf_key no_keys[] = {{.section = NULL}};
static const char *const schemas[] = {"fr.relais.eligibility.EvenementDroit", NULL};

const struct relais_connector essai_connector = {
    .abi = RELAIS_CONNECTOR_ABI,
    .name = "essai",
    .summary = "essai",
    .keys = no_keys,
    .schemas = schemas,
    .source = &reading_ops,
};

/* ---- servers ----------------------------------------------------------------------- */

static void serve(int tell, int until)
{
    struct relais_error err = RELAIS_ERROR_INIT;
    struct relais_broker *broker = relais_broker_new("dep93", 1, &err);
    struct relais_registry_server *registry =
        relais_registry_server_new("127.0.0.1:0", NULL, &err);
    char c;

    if (!broker || !registry)
        _exit(1);
    dprintf(tell, "%s %d\n", relais_broker_bootstrap(broker),
            relais_registry_server_port(registry));
    close(tell);
    while (read(until, &c, 1) > 0)
        ;
    relais_registry_server_free(registry);
    relais_broker_free(broker);
    _exit(0);
}

void essai_new_servers(struct essai *e)
{
    int tell[2], until[2], port;
    char text[256] = "";
    ssize_t n;

    if (e->servers) {
        close(e->pipe);
        waitpid(e->servers, NULL, 0);
    }
    assert_int_equal(pipe(tell), 0);
    assert_int_equal(pipe(until), 0);
    e->servers = fork();
    assert_true(e->servers >= 0);
    if (e->servers == 0) {
        close(tell[0]);
        close(until[1]);
        serve(tell[1], until[0]);
    }
    close(tell[1]);
    close(until[0]);
    e->pipe = until[1];
    n = read(tell[0], text, sizeof(text) - 1);
    close(tell[0]);
    assert_true(n > 0);
    assert_int_equal(sscanf(text, "%127s %d", e->mock.bootstrap, &port), 2);
    e->registry_port = port;
}

struct essai *essai_new(void)
{
    struct essai *e = relais_zalloc(sizeof(*e));
    struct relais_error err = RELAIS_ERROR_INIT;
    char path[128];

    relais_log_level(RELAIS_LOG_ERROR);
    snprintf(e->dir, sizeof(e->dir), "/tmp/relais-essai-XXXXXX");
    assert_non_null(mkdtemp(e->dir));
    snprintf(path, sizeof(path), "%s/ring", e->dir);
    assert_int_equal(relais_keyring_init(path, 20000, &err), 0);
    essai_new_servers(e);
    e->connector = &essai_connector;
    current = e;
    return e;
}

void essai_free(struct essai *e)
{
    char *const argv[] = {(char *)(uintptr_t) "rm", (char *)(uintptr_t) "-rf", e->dir,
                          NULL};
    pid_t pid;

    close(e->pipe);
    waitpid(e->servers, NULL, 0);
    pid = fork();
    if (pid == 0) {
        execvp("rm", argv);
        _exit(127);
    }
    waitpid(pid, NULL, 0);
    for (size_t i = 0; i < e->file_count; i++)
        free(e->files[i]);
    free(e);
}

void essai_remove_state(const struct essai *e)
{
    static const char *const names[] = {"data.mdb", "lock.mdb", "verrou"};
    char path[128];

    for (size_t i = 0; i < 3; i++) {
        snprintf(path, sizeof(path), "%s/state/%s", e->dir, names[i]);
        unlink(path);
    }
}

struct essai_file *essai_file(struct essai *e, const char *name, const char *type,
                              const char *day)
{
    struct essai_file *f = relais_zalloc(sizeof(*f));

    assert_true(e->file_count < ESSAI_FILES_MAX);
    *f = (struct essai_file){.name = name,
                             .type = type,
                             .day = day,
                             .time = "21:27:43.0000",
                             .salt = "",
                             .announced = -1};
    e->files[e->file_count++] = f;
    return f;
}

void essai_block(struct essai_file *file, int dossier, const char *etat, int64_t centimes)
{
    assert_true(file->count < ESSAI_BLOCKS_MAX);
    file->blocks[file->count++] = (struct essai_block){dossier, etat, centimes};
}

/* ---- running ----------------------------------------------------------------------- */

struct relais_conf *essai_conf(const struct essai *e, const char *extra)
{
    struct relais_buf text = RELAIS_BUF_INIT(8192);
    struct relais_conf *conf;

    assert_int_equal(
        relais_buf_printf(&text,
                          "%s[relais]\nterritory = dep93\ninstance = essai\nsource = "
                          "urn:relais:essai:dep93\nstate = %s/state\n[registry]\nurl = "
                          "http://127.0.0.1:%d\n[keys]\nfile = %s/ring\n[connector]\n"
                          "name = source_json\nschema = "
                          "fr.relais.eligibility.EvenementDroit\n",
                          extra, e->dir, e->registry_port, e->dir),
        0);
    conf = mock_conf(&e->mock, text.data);
    relais_conf_admit(conf, relais_source_keys);
    relais_buf_release(&text);
    return conf;
}

pid_t essai_start(struct essai *e, bool renvoi, const char *extra, long file_size_max)
{
    struct relais_source_options options = {.once = !e->live, .renvoi = renvoi};
    pid_t pid = fork();
    struct relais_conf *conf;
    int status;

    assert_true(pid >= 0);
    if (pid)
        return pid;
    if (file_size_max) {
        struct rlimit limit = {(rlim_t)file_size_max, RLIM_INFINITY};

        signal(SIGXFSZ, SIG_IGN);
        setrlimit(RLIMIT_FSIZE, &limit);
    }
    conf = essai_conf(e, extra);
    status = relais_source_run(conf, e->connector, &options);
    relais_conf_free(conf);
    _exit(status);
}

int essai_wait(pid_t pid)
{
    int status = 0;

    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

int essai_run(struct essai *e, bool renvoi, const char *extra)
{
    return essai_wait(essai_start(e, renvoi, extra, 0));
}

int essai_rebuild(struct essai *e, int64_t *objects_out)
{
    struct relais_error err = RELAIS_ERROR_INIT;
    struct relais_conf *conf = essai_conf(e, "");
    int rc;

    *objects_out = 0;
    rc = relais_depot_rebuild(conf, false, objects_out, &err);
    relais_conf_free(conf);
    return rc ? relais_error_exit(err.code) : 0;
}

static void fate_path(const struct essai *e, const char *name, const char *fate,
                      char path[256])
{
    snprintf(path, 256, "%s/%s.%s", e->dir, name, fate);
}

static const char *const fate_names[] = {"integre", "retenu", "refuse", "connu"};

const char *essai_fate(const struct essai *e, const char *name)
{
    char path[256];

    for (size_t i = 0; i < 4; i++) {
        fate_path(e, name, fate_names[i], path);
        if (access(path, F_OK) == 0)
            return fate_names[i];
    }
    return NULL;
}

void essai_forget_fate(const struct essai *e, const char *name)
{
    char path[256];

    for (size_t i = 0; i < 4; i++) {
        fate_path(e, name, fate_names[i], path);
        unlink(path);
    }
}

/* ---- what is in the topics --------------------------------------------------------- */

struct essai_events essai_events(const struct essai *e, const char *topic)
{
    struct essai_events all = {.messages = mock_read(&e->mock, topic, PARTITIONS),
                               .arena = RELAIS_ARENA_INIT(64u << 20)};
    const char *dot = strchr(topic, '.');
    const struct relais_contract *contract = relais_catalog_find(
        strncmp(dot, ".control", 8) == 0 ? "EvenementControle" : "EvenementDroit");

    all.items = relais_zalloc((all.messages.count + 1) * sizeof(*all.items));
    for (size_t i = 0; i < all.messages.count; i++) {
        struct mock_message *m = &all.messages.items[i];
        struct relais_slice value = {m->value + RELAIS_FRAME_LEN,
                                     m->value_len - RELAIS_FRAME_LEN};
        void *data = relais_arena_zalloc(&all.arena, contract->size);
        struct relais_error err = RELAIS_ERROR_INIT;

        if (relais_avro_decode(contract->schema, value, data, &all.arena, NULL, &err))
            fail_msg("%s %s", err.where, err.text);
        all.items[i].message = m;
        all.items[i].entete = data;
        if (strcmp(contract->object, "droit") == 0)
            all.items[i].droit = data;
        else
            all.items[i].controle = data;
    }
    all.count = all.messages.count;
    return all;
}

void essai_events_free(struct essai_events *events)
{
    mock_messages_free(&events->messages);
    relais_arena_release(&events->arena);
    free(events->items);
}
