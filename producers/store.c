#include "producers/store.h"
#include "producers/store_private.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define MAP_SIZE   ((size_t)16 << 30) /* address space, not memory nor disk */
#define FORMAT     "1"
#define NEARLY_OUT (4u << 20)

static const char *const table_names[STORE_TABLES] = {
    [STORE_OBJECT] = "object", [STORE_ORDER] = "ordre",     [STORE_CASE] = "dossier",
    [STORE_FACT] = "fait",     [STORE_FILE] = "fichier",    [STORE_HEADER] = "entete",
    [STORE_OFFSET] = "offset", [STORE_JOURNAL] = "journal", [STORE_META] = "divers",
};

static bool disk_full(const struct store *s, int code)
{
    struct statvfs fs;

    if (code == ENOSPC || code == EDQUOT || code == EFBIG || code == MDB_MAP_FULL)
        return true;
    /* LMDB tells a short write as EIO */
    return code == EIO && statvfs(s->dir, &fs) == 0 &&
           (uint64_t)fs.f_bavail * fs.f_frsize < NEARLY_OUT;
}

int store_error(const struct store *s, int code, const char *what,
                struct relais_error *err)
{
    enum relais_code as = RELAIS_E_IO;

    if (disk_full(s, code))
        as = RELAIS_E_DISK_FULL;
    else if (code == MDB_CORRUPTED || code == MDB_PAGE_NOTFOUND || code == MDB_INVALID ||
             code == MDB_VERSION_MISMATCH)
        as = RELAIS_E_STATE_BROKEN;
    else if (code == EACCES || code == ENOENT || code == EPERM || code == EROFS)
        as = RELAIS_E_CONF_FILE;
    else if (code < 0 && code != MDB_PANIC && code != MDB_MAP_RESIZED)
        as = RELAIS_E_BUG;
    return relais_error_set(err, as, "[relais] state", "%s: %s", what,
                            mdb_strerror(code));
}

static int take_lock(struct store *s, struct relais_error *err)
{
    char path[4096];

    if (mkdir(s->dir, 0700) && errno != EEXIST)
        return store_error(s, errno, "mkdir", err);
    if (snprintf(path, sizeof(path), "%s/verrou", s->dir) >= (int)sizeof(path))
        return relais_error_set(err, RELAIS_E_CONF_VALUE, "[relais] state",
                                "path too long");
    s->lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (s->lock < 0)
        return store_error(s, errno, "lock file", err);
    if (flock(s->lock, LOCK_EX | LOCK_NB) == 0)
        return 0;
    if (errno == EWOULDBLOCK)
        return relais_error_set(err, RELAIS_E_STATE_LOCKED, "[relais] state",
                                "another source or rebuild is at work in it");
    return store_error(s, errno, "lock", err);
}

static void close_env(struct store *s)
{
    if (s->write)
        mdb_txn_abort(s->write);
    if (s->read)
        mdb_txn_abort(s->read);
    if (s->env)
        mdb_env_close(s->env);
    s->write = s->read = NULL;
    s->env = NULL;
}

static int open_env(struct store *s, struct relais_error *err)
{
    unsigned flags = MDB_NOTLS | MDB_NORDAHEAD | (s->writer ? 0 : MDB_RDONLY);
    MDB_txn *txn = NULL;
    int code = mdb_env_create(&s->env);

    if (!code)
        code = mdb_env_set_maxdbs(s->env, STORE_TABLES);
    if (!code)
        code = mdb_env_set_mapsize(s->env, MAP_SIZE);
    if (!code)
        code = mdb_env_open(s->env, s->dir, flags, 0600);
    if (!code)
        code = mdb_txn_begin(s->env, NULL, s->writer ? 0 : MDB_RDONLY, &txn);
    for (int i = 0; !code && i < STORE_TABLES; i++)
        code =
            mdb_dbi_open(txn, table_names[i], s->writer ? MDB_CREATE : 0, &s->table[i]);
    if (!code) {
        code = mdb_txn_commit(txn);
        txn = NULL;
    }
    if (txn)
        mdb_txn_abort(txn);
    if (code) {
        store_error(s, code, "open", err);
        close_env(s);
        return -1;
    }
    s->failed = false;
    return 0;
}

/* The state belongs to one source, in one format. */
static int check_owner(struct store *s, const char *source, struct relais_error *err)
{
    struct relais_slice found;
    char mine[320];
    bool is;

    snprintf(mine, sizeof(mine), "%s %s", FORMAT, source);
    if (store_get(s, STORE_META, RELAIS_SLICE("source"), &found, &is, err))
        return -1;
    if (is && !relais_slice_is(found, mine))
        return relais_error_set(err, RELAIS_E_CONF_VALUE, "[relais] state",
                                "made for another source or format: '%.*s', not '%s'",
                                (int)found.len, found.ptr, mine);
    if (is || !s->writer)
        return 0;
    if (store_begin(s, err))
        return -1;
    if (store_put(s, STORE_META, RELAIS_SLICE("source"), relais_slice_str(mine), err)) {
        store_abort(s);
        return -1;
    }
    return store_commit(s, err);
}

struct store *store_open(const char *dir, const char *source, bool writer,
                         struct relais_error *err)
{
    struct store *s = relais_zalloc(sizeof(*s));

    s->dir = relais_strdup(dir);
    s->writer = writer;
    s->lock = -1;
    if ((writer && take_lock(s, err)) || open_env(s, err) ||
        check_owner(s, source, err)) {
        store_close(s);
        return NULL;
    }
    return s;
}

void store_close(struct store *s)
{
    if (!s)
        return;
    close_env(s);
    if (s->lock >= 0)
        close(s->lock);
    free(s->kept);
    free(s->dir);
    free(s);
}

void store_remove(const char *dir)
{
    static const char *const names[] = {"data.mdb", "lock.mdb", "verrou"};
    char path[4096];

    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
        if (snprintf(path, sizeof(path), "%s/%s", dir, names[i]) < (int)sizeof(path))
            unlink(path);
    rmdir(dir);
}

int store_txn(struct store *s, MDB_txn **txn_out, struct relais_error *err)
{
    int code = 0;

    if (s->write) {
        *txn_out = s->write;
        return 0;
    }
    if (s->failed || !s->env) {
        close_env(s);
        if (open_env(s, err))
            return -1;
    }
    if (!s->read)
        code = mdb_txn_begin(s->env, NULL, MDB_RDONLY, &s->read);
    else if (s->stale)
        code = mdb_txn_renew(s->read);
    if (code)
        return store_error(s, code, "read", err);
    s->stale = false;
    *txn_out = s->read;
    return 0;
}

int store_get(struct store *s, enum store_table table, struct relais_slice key,
              struct relais_slice *value_out, bool *found_out, struct relais_error *err)
{
    MDB_val k = {key.len, (void *)(uintptr_t)key.ptr}, v;
    MDB_txn *txn;
    int code;

    *found_out = false;
    if (store_txn(s, &txn, err))
        return -1;
    code = mdb_get(txn, s->table[table], &k, &v);
    if (code == MDB_NOTFOUND)
        return 0;
    if (code)
        return store_error(s, code, table_names[table], err);
    *value_out = (struct relais_slice){v.mv_data, v.mv_size};
    *found_out = true;
    return 0;
}

/* A reader that stays open would keep old pages from being used again. */
static void let_go(struct store *s)
{
    if (s->read && !s->stale)
        mdb_txn_reset(s->read);
    s->stale = s->read != NULL;
}

int store_begin(struct store *s, struct relais_error *err)
{
    int code;

    let_go(s);
    if (s->failed || !s->env) {
        close_env(s);
        if (open_env(s, err))
            return -1;
    }
    code = mdb_txn_begin(s->env, NULL, 0, &s->write);
    if (code) {
        s->write = NULL;
        s->failed = true;
        return store_error(s, code, "begin", err);
    }
    return 0;
}

int store_put(struct store *s, enum store_table table, struct relais_slice key,
              struct relais_slice value, struct relais_error *err)
{
    MDB_val k = {key.len, (void *)(uintptr_t)key.ptr};
    MDB_val v = {value.len, (void *)(uintptr_t)value.ptr};
    int code = mdb_put(s->write, s->table[table], &k, &v, 0);

    return code ? store_error(s, code, table_names[table], err) : 0;
}

/* After a failure the environment is opened anew: LMDB may refuse to go on with it. */
int store_commit(struct store *s, struct relais_error *err)
{
    int code = mdb_txn_commit(s->write);

    s->write = NULL;
    if (!code && s->kept_put)
        store_kept_written(s);
    s->kept_put = false;
    if (!code)
        return 0;
    s->failed = true;
    return store_error(s, code, "commit", err);
}

void store_abort(struct store *s)
{
    if (s->write)
        mdb_txn_abort(s->write);
    s->write = NULL;
    s->kept_put = false;
}

int store_empty(struct store *s, bool *empty_out, struct relais_error *err)
{
    MDB_txn *txn;
    MDB_stat stat;
    int code;

    if (store_txn(s, &txn, err))
        return -1;
    code = mdb_stat(txn, s->table[STORE_OFFSET], &stat);
    if (code)
        return store_error(s, code, "stat", err);
    *empty_out = stat.ms_entries == 0;
    return 0;
}

int store_clear(struct store *s, struct relais_error *err)
{
    store_kept_forget_all(s);
    for (int i = 0; i < STORE_META; i++) {
        int code = mdb_drop(s->write, s->table[i], 0);

        if (code)
            return store_error(s, code, table_names[i], err);
    }
    return store_put_position(s, (char[STORE_POSITION_MAX]){""}, err) ||
                   store_put_meta(s, &(struct store_meta){.last_monthly_us = INT64_MIN},
                                  err)
               ? -1
               : 0;
}
