/* Levels and rules by name, and the report of a comparison. */
#include "schemas/compat.h"

#include <stdlib.h>
#include <strings.h>

static const char *const level_names[] = {
    [RELAIS_COMPAT_UNSET] = "",
    [RELAIS_COMPAT_NONE] = "NONE",
    [RELAIS_COMPAT_BACKWARD] = "BACKWARD",
    [RELAIS_COMPAT_BACKWARD_TRANSITIVE] = "BACKWARD_TRANSITIVE",
    [RELAIS_COMPAT_FORWARD] = "FORWARD",
    [RELAIS_COMPAT_FORWARD_TRANSITIVE] = "FORWARD_TRANSITIVE",
    [RELAIS_COMPAT_FULL] = "FULL",
    [RELAIS_COMPAT_FULL_TRANSITIVE] = "FULL_TRANSITIVE",
};

const char *relais_compat_level_name(enum relais_compat_level level)
{
    return level_names[level];
}

enum relais_compat_level relais_compat_level_parse(const char *name)
{
    for (int i = RELAIS_COMPAT_NONE; i <= RELAIS_COMPAT_FULL_TRANSITIVE; i++)
        if (strcasecmp(name, level_names[i]) == 0)
            return (enum relais_compat_level)i;
    return RELAIS_COMPAT_UNSET;
}

bool relais_compat_transitive(enum relais_compat_level level)
{
    return level == RELAIS_COMPAT_BACKWARD_TRANSITIVE ||
           level == RELAIS_COMPAT_FORWARD_TRANSITIVE ||
           level == RELAIS_COMPAT_FULL_TRANSITIVE;
}

const char *relais_compat_rule_name(enum relais_compat_rule rule)
{
    static const char *const names[] = {
#define X(name) [RELAIS_COMPAT_##name] = #name,
        RELAIS_COMPAT_RULES(X)
#undef X
    };

    return names[rule];
}

void relais_compat_release(struct relais_compat *report)
{
    free(report->causes);
    relais_arena_release(&report->arena);
    report->causes = NULL;
    report->count = report->total = 0;
}

int relais_compat_line(const struct relais_compat_cause *cause, struct relais_buf *out)
{
    return relais_buf_printf(out, "%s %s: %s", relais_compat_rule_name(cause->rule),
                             cause->path, cause->text);
}
