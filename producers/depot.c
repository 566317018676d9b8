#include "producers/position.h"
#include "producers/source_internal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define FILES_MAX 1000000

struct list {
    struct store_file *rows;
    size_t count, room;
};

static int keep(void *user, const struct store_file *file)
{
    struct list *list = user;

    if (list->count == FILES_MAX)
        return 0;
    if (list->count == list->room) {
        list->room = list->room ? list->room * 2 : 64;
        list->rows = relais_realloc(list->rows, list->room * sizeof(*list->rows));
    }
    list->rows[list->count++] = *file;
    return 0;
}

static int by_number(const void *a, const void *b)
{
    const struct store_file *x = a, *y = b;

    return (x->number > y->number) - (x->number < y->number);
}

/* *out NULL: there is no state. */
static int open_state(const struct relais_conf *conf, struct store **out,
                      struct relais_error *err)
{
    const char *dir = relais_conf_text(conf, "relais", "state");
    const char *source = relais_conf_text(conf, "relais", "source");
    char path[4096];

    *out = NULL;
    if (!dir || !source)
        return relais_error_set(err, RELAIS_E_CONF_VALUE, "[relais]",
                                "state and source must be given");
    if (snprintf(path, sizeof(path), "%s/data.mdb", dir) >= (int)sizeof(path))
        return relais_error_set(err, RELAIS_E_CONF_VALUE, "[relais] state",
                                "path too long");
    if (access(path, F_OK) && errno == ENOENT)
        return 0;
    *out = store_open(dir, source, false, err);
    return *out ? 0 : -1;
}

int relais_depot_list(const struct relais_conf *conf,
                      int (*each)(void *user, const struct relais_depot_row *row),
                      void *user, struct relais_error *err)
{
    struct list list = {NULL, 0, 0};
    struct store *store;
    int rc = open_state(conf, &store, err);

    if (store && rc == 0)
        rc = store_files(store, keep, &list, err);
    if (list.count)
        qsort(list.rows, list.count, sizeof(*list.rows), by_number);
    for (size_t i = 0; i < list.count && rc == 0; i++)
        rc = each(user, &list.rows[i].row);
    store_close(store);
    free(list.rows);
    return rc;
}

int relais_depot_position(const struct relais_conf *conf, const char *log, char out[64],
                          struct relais_error *err)
{
    char kept[STORE_POSITION_MAX] = "", begin[STORE_POSITION_MAX];
    struct store *store;
    int rc = open_state(conf, &store, err);

    if (store && rc == 0)
        rc = store_position(store, kept, err);
    store_close(store);
    if (rc == 0)
        rc = position_make(relais_slice_str(log), RELAIS_SLICE(""), begin, err);
    snprintf(out, 64, "%s",
             rc == 0 && position_reached(begin, kept) ? strchr(kept, ':') + 1 : "");
    return rc;
}

int relais_depot_rebuild(const struct relais_conf *conf, bool force, int64_t *objects_out,
                         struct relais_error *err)
{
    static const struct relais_source_options options = {.once = true};
    const char *name = relais_conf_text(conf, "connector", "name");
    struct source *s = relais_zalloc(sizeof(*s));
    int rc = -1;

    s->conf = conf;
    s->options = &options;
    s->connector = name ? relais_connector_find(name) : NULL;
    if (!s->connector || !s->connector->source)
        relais_error_set(err, RELAIS_E_CONF_VALUE, "[connector] name",
                         "the name of a source connector is expected");
    else if (source_open(s, err) == 0)
        rc = source_start(s, SOURCE_REBUILD | (force ? SOURCE_FORCE : 0u), objects_out,
                          err);
    source_close(s);
    free(s);
    return rc;
}
