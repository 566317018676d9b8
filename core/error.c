#include "core/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const struct {
    enum relais_class cls;
    const char *name;
    const char *meaning;
} codes[] = {
#define X(n, c, t) {RELAIS_##c, #n, t},
    RELAIS_ERRORS(X)
#undef X
};

int relais_error_set(struct relais_error *err, enum relais_code code, const char *where,
                     const char *fmt, ...)
{
    va_list ap;

    if (!err || err->code != RELAIS_E_OK)
        return -1;
    err->code = code;
    snprintf(err->where, sizeof(err->where), "%s", where ? where : "");
    va_start(ap, fmt);
    vsnprintf(err->text, sizeof(err->text), fmt, ap);
    va_end(ap);
    return -1;
}

void relais_error_prefix(struct relais_error *err, const char *prefix)
{
    char old[sizeof(err->where)];
    int n;

    if (!err)
        return;
    memcpy(old, err->where, sizeof(old));
    n = snprintf(err->where, sizeof(err->where), "%s%s", prefix,
                 old[0] && old[0] != '[' ? "." : "");
    for (size_t i = 0; n >= 0 && (size_t)n + 1 < sizeof(err->where) && old[i]; i++, n++) {
        err->where[n] = old[i];
        err->where[n + 1] = '\0';
    }
}

void relais_error_clear(struct relais_error *err)
{
    if (err)
        *err = (struct relais_error)RELAIS_ERROR_INIT;
}

enum relais_class relais_error_class(enum relais_code code) { return codes[code].cls; }

const char *relais_error_name(enum relais_code code) { return codes[code].name; }

const char *relais_error_meaning(enum relais_code code) { return codes[code].meaning; }

int relais_error_exit(enum relais_code code)
{
    static const int exits[] = {
        [RELAIS_RETRY] = 75, [RELAIS_DATA] = 65, [RELAIS_CONF] = 78, [RELAIS_FATAL] = 70};

    return code == RELAIS_E_OK ? 0 : exits[codes[code].cls];
}
