#include "connectors/json_form.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#define FILE_MAX_BYTES (1u << 20)

struct relais_value *json_form_parse(struct relais_slice text, struct relais_arena *arena,
                                     const char *where, struct relais_error *err)
{
    struct relais_error why = RELAIS_ERROR_INIT;
    struct relais_value *v = relais_value_parse(arena, text, &why);

    if (!v)
        relais_error_set(err, RELAIS_E_CONF_VALUE, where, "%s%s%s", why.where,
                         why.where[0] ? ": " : "", why.text);
    return v;
}

struct relais_value *json_form_load(const char *path, struct relais_arena *arena,
                                    const char *where, struct relais_error *err)
{
    struct relais_buf text = RELAIS_BUF_INIT(FILE_MAX_BYTES + 1);
    struct relais_value *v = NULL;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = -1;

    while (fd >= 0 && text.len <= FILE_MAX_BYTES) {
        char *to = relais_buf_reserve(&text, FILE_MAX_BYTES + 1 - text.len);

        n = to ? read(fd, to, FILE_MAX_BYTES + 1 - text.len) : -1;
        if (n <= 0)
            break;
        text.len += (size_t)n;
    }
    if (n < 0)
        relais_error_set(err, RELAIS_E_CONF_VALUE, where, "cannot read: %s",
                         strerror(errno));
    else if (text.len > FILE_MAX_BYTES)
        relais_error_set(err, RELAIS_E_CONF_VALUE, where, "larger than %u bytes",
                         FILE_MAX_BYTES);
    else
        v = json_form_parse(relais_buf_slice(&text), arena, where, err);
    if (fd >= 0)
        close(fd);
    relais_buf_release(&text);
    return v;
}

const char *json_form_text(const struct relais_value *rec, const char *name)
{
    const struct relais_value *v = rec ? relais_value_get(rec, name) : NULL;

    return v && v->kind == RELAIS_VALUE_STRING ? v->text.ptr : NULL;
}

const char *json_form_unknown(const struct relais_value *rec, const char *const *known)
{
    for (const struct relais_value *v = rec->child; v; v = v->next) {
        size_t i = 0;

        while (known[i] && strcmp(v->name, known[i]) != 0)
            i++;
        if (!known[i])
            return v->name;
    }
    return NULL;
}
