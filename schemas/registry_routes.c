#include "schemas/registry_call.h"

#include <stdio.h>
#include <strings.h>

/* {s} a subject, {n} a version or an id. */
static const struct {
    const char *method;
    const char *path;
    registry_handler *handler;
} routes[] = {
    {"GET", "/", registry_root},
    {"GET", "/contexts", registry_contexts},
    {"GET", "/schemas/types", registry_schema_types},
    {"GET", "/schemas/ids/{n}", registry_schema_get},
    {"GET", "/schemas/ids/{n}/schema", registry_schema_text},
    {"GET", "/schemas/ids/{n}/versions", registry_schema_versions},
    {"GET", "/schemas/ids/{n}/subjects", registry_schema_subjects},
    {"GET", "/subjects", registry_subjects},
    {"POST", "/subjects/{s}", registry_lookup},
    {"DELETE", "/subjects/{s}", registry_subject_delete},
    {"GET", "/subjects/{s}/versions", registry_versions},
    {"POST", "/subjects/{s}/versions", registry_register},
    {"GET", "/subjects/{s}/versions/{n}", registry_version_get},
    {"DELETE", "/subjects/{s}/versions/{n}", registry_version_delete},
    {"GET", "/subjects/{s}/versions/{n}/schema", registry_version_schema},
    {"GET", "/subjects/{s}/versions/{n}/referencedby", registry_version_referencedby},
    {"POST", "/compatibility/subjects/{s}/versions", registry_compat_all},
    {"POST", "/compatibility/subjects/{s}/versions/{n}", registry_compat_version},
    {"GET", "/config", registry_config_get},
    {"PUT", "/config", registry_config_put},
    {"DELETE", "/config", registry_config_delete},
    {"GET", "/config/{s}", registry_config_get},
    {"PUT", "/config/{s}", registry_config_put},
    {"DELETE", "/config/{s}", registry_config_delete},
    {"GET", "/mode", registry_mode_get},
    {"GET", "/mode/{s}", registry_mode_get},
};

enum match { MATCH_NONE, MATCH, MATCH_BAD_SUBJECT };

/* One part of a path against one part of a pattern. */
static enum match part_match(const char *pattern, size_t pattern_len, const char *part,
                             size_t part_len, struct registry_params *params)
{
    if (pattern_len == 3 && memcmp(pattern, "{s}", 3) == 0) {
        if (part_len == 0)
            return MATCH_NONE;
        return registry_decode(part, part_len, params->subject, sizeof(params->subject))
                   ? MATCH
                   : MATCH_BAD_SUBJECT;
    }
    if (pattern_len == 3 && memcmp(pattern, "{n}", 3) == 0)
        return part_len > 0 && registry_decode(part, part_len, params->number,
                                               sizeof(params->number))
                   ? MATCH
                   : MATCH_NONE;
    return part_len == pattern_len && memcmp(part, pattern, part_len) == 0 ? MATCH
                                                                           : MATCH_NONE;
}

static enum match path_match(const char *pattern, const char *path,
                             struct registry_params *params)
{
    enum match found = MATCH;

    *params = (struct registry_params){"", ""};
    while (*pattern == '/' && *path == '/') {
        size_t pattern_len = strcspn(++pattern, "/");
        size_t part_len = strcspn(++path, "/");
        enum match part = part_match(pattern, pattern_len, path, part_len, params);

        if (part == MATCH_NONE)
            return MATCH_NONE;
        if (part == MATCH_BAD_SUBJECT)
            found = part;
        pattern += pattern_len;
        path += part_len;
    }
    /* "/subjects/" is "/subjects" to the usual servers */
    return !*pattern && (!*path || strcmp(path, "/") == 0) ? found : MATCH_NONE;
}

static bool type_admitted(const char *content_type)
{
    static const char *const types[] = {
        "application/vnd.schemaregistry.v1+json",
        "application/vnd.schemaregistry+json",
        "application/json",
        "application/octet-stream",
    };
    size_t len = content_type ? strcspn(content_type, "; \t") : 0;

    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        if (strlen(types[i]) == len && strncasecmp(types[i], content_type, len) == 0)
            return true;
    }
    return len == 0;
}

static void allow_add(struct registry_call *call, const char *method)
{
    size_t len = strlen(call->allow);

    snprintf(call->allow + len, sizeof(call->allow) - len, "%s%s", len ? ", " : "",
             method);
}

void registry_answer(struct registry_call *call)
{
    const char *method = strcmp(call->method, "HEAD") == 0 ? "GET" : call->method;
    struct registry_params params;

    for (size_t i = 0; i < sizeof(routes) / sizeof(routes[0]); i++) {
        enum match match = path_match(routes[i].path, call->path, &params);

        if (match == MATCH_NONE)
            continue;
        if (strcmp(routes[i].method, method) != 0) {
            allow_add(call, routes[i].method);
            continue;
        }
        call->allow[0] = '\0';
        if (match == MATCH_BAD_SUBJECT)
            registry_fail(call, 42208, "The specified subject is not a valid subject");
        else if (call->body.len && !type_admitted(call->content_type))
            registry_fail(call, 415, "HTTP 415 Unsupported Media Type");
        else
            routes[i].handler(call, &params);
        return;
    }
    if (call->allow[0])
        registry_fail(call, 405, "HTTP 405 Method Not Allowed");
    else
        registry_fail(call, 404, "HTTP 404 Not Found");
}
