#ifndef RELAIS_TESTS_HELPER_SOURCE_H
#define RELAIS_TESTS_HELPER_SOURCE_H

/* A source under test: a scripted connector of files, run by the real runner in a process
 * of its own (so that it can be killed), against a broker and a registry in another. What
 * became of a file is a marker in the folder of the test. */

#include "producers/depot.h"
#include "producers/source_run.h"
#include "tests/unit/helper_mock.h"

#include "contracts/evenement_controle.h"
#include "contracts/evenement_droit.h"

#include <sys/types.h>

#define ESSAI_BLOCKS_MAX 4000
#define ESSAI_FILES_MAX  16

struct essai_block {
    int dossier; /* 0: parked as unreadable; < 0: superseded */
    const char *etat;
    int64_t centimes;
};

struct essai_file {
    const char *name;
    const char *type; /* M, I */
    const char *day;  /* 2026-02-04 */
    const char *time; /* 21:27:43.0000 */
    const char *salt; /* other content under the same header */
    int announced;    /* -1: as many as there are */
    bool release, refuse, anomalies;
    size_t count;
    struct essai_block blocks[ESSAI_BLOCKS_MAX];
};

struct essai {
    char dir[64];
    pid_t servers; /* broker and registry */
    int pipe;      /* closed: they end */
    int registry_port;
    struct mock mock;
    struct essai_file *files[ESSAI_FILES_MAX];
    size_t file_count;
    const struct relais_connector *connector; /* the one that is run */
    int kill_at; /* SIGKILL before the n-th record given, from 1; 0: never */
    int term_at; /* SIGTERM, the same */
    bool live;   /* without --once */
};

struct essai *essai_new(void);
void essai_free(struct essai *e);
/* A new broker and registry, empty: everything in Kafka is lost. */
void essai_new_servers(struct essai *e);
struct essai_file *essai_file(struct essai *e, const char *name, const char *type,
                              const char *day);
void essai_block(struct essai_file *file, int dossier, const char *etat,
                 int64_t centimes);

/* The exit status; -1: killed. extra: further configuration text. */
int essai_run(struct essai *e, bool renvoi, const char *extra);
pid_t essai_start(struct essai *e, bool renvoi, const char *extra, long file_size_max);
int essai_wait(pid_t pid);
struct relais_conf *essai_conf(const struct essai *e, const char *extra);
/* The status of relais_depot_rebuild as an exit status. */
int essai_rebuild(struct essai *e, int64_t *objects_out);
/* "integre", "retenu", "refuse", "connu", or NULL: still there. */
const char *essai_fate(const struct essai *e, const char *name);
void essai_forget_fate(const struct essai *e, const char *name);
void essai_remove_state(const struct essai *e);

/* Everything in a topic, decoded; freed with essai_events_free. */
struct essai_event {
    struct mock_message *message;
    const struct entete *entete;
    const struct evenement_droit *droit;       /* or */
    const struct evenement_controle *controle; /* NULL */
};
struct essai_events {
    struct mock_messages messages;
    struct essai_event *items;
    size_t count;
    struct relais_arena arena;
};
struct essai_events essai_events(const struct essai *e, const char *topic);
void essai_events_free(struct essai_events *events);

extern const struct relais_connector essai_connector;

#endif
