#include "core/log.h"
#include "core/buf.h"
#include "core/day.h"

#include <errno.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define LINE_MAX_LEN                                                                     \
    4096 /* under PIPE_BUF: one write(2) is never mixed with another's                   \
          */
#define TEXT_MAX_LEN 2048

static _Atomic int threshold = RELAIS_LOG_INFO;

static const char *const names[] = {"error", "warn", "info", "debug"};

void relais_log_level(enum relais_log_level level)
{
    atomic_store_explicit(&threshold, (int)level, memory_order_relaxed);
}

void relais_log_level_named(const char *name)
{
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (strcmp(names[i], name) == 0)
            relais_log_level((enum relais_log_level)i);
}

/* JOURNAL_STREAM=device:inode names journald's stream; standard error may have been sent
 * elsewhere since. */
static bool is_journald(void)
{
    const char *stream = getenv("JOURNAL_STREAM");
    struct stat st;
    char mine[64];

    if (!stream || fstat(STDERR_FILENO, &st))
        return false;
    snprintf(mine, sizeof(mine), "%ju:%ju", (uintmax_t)st.st_dev, (uintmax_t)st.st_ino);
    return strcmp(stream, mine) == 0;
}

/* Appends; what does not fit is dropped, keeping room for the line's end. */
static size_t put(char *line, size_t len, const char *text)
{
    while (*text && len < LINE_MAX_LEN - 1)
        line[len++] = *text++;
    return len;
}

/* Appends with control characters (and, inside quotes, quotes and backslashes) escaped:
 * a line stays one line and a quoted value ends where it should. */
static size_t put_escaped(char *line, size_t len, const char *text, bool quoted)
{
    for (; *text; text++) {
        unsigned char c = (unsigned char)*text;
        char escape[5];

        if (c == '\n')
            len = put(line, len, "\\n");
        else if (c < 0x20 || c == 0x7f) {
            snprintf(escape, sizeof(escape), "\\x%02x", c);
            len = put(line, len, escape);
        } else if (quoted && (c == '"' || c == '\\')) {
            len = put(line, len, (const char[]){'\\', (char)c, '\0'});
        } else {
            len = put(line, len, (const char[]){(char)c, '\0'});
        }
    }
    return len;
}

static size_t begin(char *line, enum relais_log_level level)
{
    char time[28];
    size_t len = 0;

    if (!is_journald()) {
        relais_instant_format(relais_now_us(), time);
        len = put(line, len, "time=");
        len = put(line, len, time);
        len = put(line, len, " ");
    }
    len = put(line, len, "level=");
    return put(line, len, names[level]);
}

static size_t put_rest(char *line, size_t len, const char *fmt, va_list ap)
    RELAIS_PRINTF(3, 0);
static size_t put_rest(char *line, size_t len, const char *fmt, va_list ap)
{
    char text[TEXT_MAX_LEN];

    vsnprintf(text, sizeof(text), fmt, ap);
    len = put(line, len, " ");
    return put_escaped(line, len, text, false);
}

/* A log that cannot be written stops nobody. */
static void end(char *line, size_t len)
{
    ssize_t n;

    line[len++] = '\n';
    do
        n = write(STDERR_FILENO, line, len);
    while (n < 0 && errno == EINTR);
}

static bool is_wanted(enum relais_log_level level)
{
    return (int)level <= atomic_load_explicit(&threshold, memory_order_relaxed);
}

void relais_log(enum relais_log_level level, const char *fmt, ...)
{
    char line[LINE_MAX_LEN];
    size_t len;
    va_list ap;

    if (!is_wanted(level))
        return;
    len = begin(line, level);
    va_start(ap, fmt);
    len = put_rest(line, len, fmt, ap);
    va_end(ap);
    end(line, len);
}

void relais_log_error(const struct relais_error *err, const char *fmt, ...)
{
    char line[LINE_MAX_LEN];
    size_t len = begin(line, RELAIS_LOG_ERROR);
    va_list ap;

    len = put(line, len, " code=");
    len = put(line, len, relais_error_name(err->code));
    if (err->where[0]) {
        bool bare = strpbrk(err->where, " \"\\=") == NULL;

        len = put(line, len, bare ? " where=" : " where=\"");
        len = put_escaped(line, len, err->where, !bare);
        len = put(line, len, bare ? "" : "\"");
    }
    len = put(line, len, " text=\"");
    len = put_escaped(line, len,
                      err->text[0] ? err->text : relais_error_meaning(err->code), true);
    len = put(line, len, "\"");
    if (fmt) {
        va_start(ap, fmt);
        len = put_rest(line, len, fmt, ap);
        va_end(ap);
    }
    end(line, len);
}
