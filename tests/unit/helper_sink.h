#ifndef RELAIS_TESTS_HELPER_SINK_H
#define RELAIS_TESTS_HELPER_SINK_H

/* sink_postgres under test, without its runner: it is opened on the server of helper_pg.h
 * and given batches of events of one topic. Failures end the running cmocka test. */

#include "connectors/connector.h"
#include "tests/unit/helper_pg.h"

/* Its table of positions, in the SQL schema relais. */
#define HELPER_SINK_POSITIONS                                                            \
    "CREATE TABLE relais.relais_positions (groupe text, topic text, partition int, "     \
    "suivant bigint NOT NULL, epoque bigint NOT NULL, dernier_ms bigint, PRIMARY KEY "   \
    "(groupe, topic, partition));"

struct fixture {
    const char *contract, *topic;
    struct relais_conf *conf;
    const struct relais_sink_ops *ops;
    void *sink;
    struct relais_batch batch;
    int64_t offset; /* of the next event */
};

/* more: further lines of [connector]; NULL: none. */
struct fixture *helper_sink_new(const char *contract, const char *topic,
                                const char *more);
/* A cmocka teardown. */
int helper_sink_teardown(void **state);
/* Closed, if it was open, and opened. */
void helper_sink_open(struct fixture *f);
/* Takes partition 0 as `sink`; its position. */
int64_t helper_sink_own(struct fixture *f, void *sink);
/* The next event of partition 0. */
struct relais_record *helper_sink_add(struct fixture *f, const char *json);
/* The batch goes to `sink`, and is empty then. */
int helper_sink_write(struct fixture *f, void *sink, size_t *done,
                      struct relais_error *err) RELAIS_MUST_CHECK;
/* The same, of the whole batch to the fixture's own. */
void helper_sink_must_write(struct fixture *f);

#endif
