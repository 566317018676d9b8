#include "schemas/registry_server.h"

#include "core/buf.h"
#include "core/listen.h"
#include "schemas/registry_routes.h"

#include <microhttpd.h>
#include <stdlib.h>
#include <unistd.h>

#define BODY_MAX       (1u << 20)
#define CONNECTION_MAX 64
#define IDLE_S         60
#define JSON_TYPE      "application/vnd.schemaregistry.v1+json"

struct relais_registry_server {
    struct registry_store *store; /* only touched by the daemon's one thread */
    struct MHD_Daemon *daemon;
    int port;
};

/* One request while its body comes in. */
struct request {
    struct relais_buf body;
};

static const char *query(void *user, const char *name)
{
    return MHD_lookup_connection_value(user, MHD_GET_ARGUMENT_KIND, name);
}

/* Paths and queries are decoded by the routes, part by part: a subject may hold "/". */
static size_t keep_encoded(void *cls, struct MHD_Connection *connection, char *s)
{
    return strlen(s);
}

static enum MHD_Result send_answer(struct MHD_Connection *connection,
                                   struct registry_call *call)
{
    struct MHD_Response *response = MHD_create_response_from_buffer(
        strlen(call->text), call->text, MHD_RESPMEM_MUST_FREE);
    enum MHD_Result sent;

    if (!response) {
        free(call->text);
        return MHD_NO;
    }
    if (MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, JSON_TYPE) !=
            MHD_YES ||
        (call->allow[0] && MHD_add_response_header(response, MHD_HTTP_HEADER_ALLOW,
                                                   call->allow) != MHD_YES))
        sent = MHD_NO;
    else
        sent = MHD_queue_response(connection, (unsigned)call->status, response);
    MHD_destroy_response(response);
    return sent;
}

static enum MHD_Result refuse_size(struct MHD_Connection *connection)
{
    struct registry_call call = {.store = NULL};

    registry_answer_error(&call, 413, "The body is larger than 1 MiB");
    return send_answer(connection, &call);
}

/* The length announced is beyond the ceiling: nothing of the body is read. */
static bool announces_too_much(struct MHD_Connection *connection)
{
    const char *length = MHD_lookup_connection_value(connection, MHD_HEADER_KIND,
                                                     MHD_HTTP_HEADER_CONTENT_LENGTH);

    return length && strtoull(length, NULL, 10) > BODY_MAX;
}

static enum MHD_Result on_request(void *cls, struct MHD_Connection *connection,
                                  const char *url, const char *method,
                                  const char *version, const char *upload_data,
                                  size_t *upload_len, void **con_cls)
{
    struct relais_registry_server *server = cls;
    struct request *request = *con_cls;
    struct registry_call call = {
        .store = server->store,
        .method = method,
        .path = url,
        .query = query,
        .user = connection,
    };

    if (!request) {
        if (announces_too_much(connection))
            return refuse_size(connection);
        request = relais_alloc(sizeof(*request));
        *request = (struct request){.body = RELAIS_BUF_INIT(BODY_MAX)};
        *con_cls = request;
        return MHD_YES;
    }
    if (*upload_len) {
        /* -1: more than was announced or, in chunks, than is admitted: hang up */
        if (relais_buf_add(&request->body, upload_data, *upload_len))
            return MHD_NO;
        *upload_len = 0;
        return MHD_YES;
    }
    call.content_type = MHD_lookup_connection_value(connection, MHD_HEADER_KIND,
                                                    MHD_HTTP_HEADER_CONTENT_TYPE);
    call.body = relais_buf_slice(&request->body);
    registry_answer(&call);
    return send_answer(connection, &call);
}

static void on_completed(void *cls, struct MHD_Connection *connection, void **con_cls,
                         enum MHD_RequestTerminationCode code)
{
    struct request *request = *con_cls;

    if (request)
        relais_buf_release(&request->body);
    free(request);
    *con_cls = NULL;
}

struct relais_registry_server *relais_registry_server_new(const char *listen_at,
                                                          const char *dir,
                                                          struct relais_error *err)
{
    struct relais_registry_server *server = relais_zalloc(sizeof(*server));
    int fd = -1;

    server->store = registry_store_open(dir, err);
    if (!server->store)
        goto failed;
    fd = relais_listen(listen_at, &server->port, err);
    if (fd < 0)
        goto failed;
    server->daemon = MHD_start_daemon(
        MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_AUTO, 0, NULL, NULL, on_request, server,
        MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_CONNECTION_LIMIT, CONNECTION_MAX,
        MHD_OPTION_CONNECTION_TIMEOUT, IDLE_S, MHD_OPTION_NOTIFY_COMPLETED, on_completed,
        NULL, MHD_OPTION_UNESCAPE_CALLBACK, keep_encoded, NULL, MHD_OPTION_END);
    if (!server->daemon) {
        relais_error_set(err, RELAIS_E_IO, listen_at, "le registre ne peut pas demarrer");
        close(fd);
        goto failed;
    }
    return server;
failed:
    relais_registry_server_free(server);
    return NULL;
}

int relais_registry_server_port(const struct relais_registry_server *server)
{
    return server->port;
}

void relais_registry_server_free(struct relais_registry_server *server)
{
    if (!server)
        return;
    if (server->daemon)
        MHD_stop_daemon(server->daemon);
    registry_store_close(server->store);
    free(server);
}
