#include "core/ops.h"
#include "core/day.h"
#include "core/listen.h"
#include "core/metrics.h"

#include <inttypes.h>
#include <microhttpd.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#define CONNECTION_MAX 16
#define IDLE_S         10
#define BEAT_MAX_US    (60 * INT64_C(1000000))
#define PAGE_MAX       65536
#define REASON_SLOTS   8

static const char *_Atomic reasons[REASON_SLOTS];
static _Atomic int64_t last_beat_us;

struct relais_ops {
    struct MHD_Daemon *daemon;
    int port;
    char *connector;
    int64_t ready_age_us;
};

void relais_ops_reason(int slot, const char *reason)
{
    if (slot >= 0 && slot < REASON_SLOTS)
        atomic_store_explicit(&reasons[slot], reason, memory_order_relaxed);
}

void relais_ops_beat(void)
{
    atomic_store_explicit(&last_beat_us, relais_monotonic_us(), memory_order_relaxed);
}

/* Each page fills out and gives the HTTP status; 500: out's ceiling. */
static unsigned metrics_page(const struct relais_ops *ops, struct relais_buf *out)
{
    return relais_metrics_print(ops->connector, out) ? 500 : 200;
}

static unsigned health_page(const struct relais_ops *ops, struct relais_buf *out)
{
    int64_t beat_us = atomic_load_explicit(&last_beat_us, memory_order_relaxed);
    int64_t age_us = relais_monotonic_us() - beat_us;

    if (age_us <= BEAT_MAX_US)
        return relais_buf_add_str(out, "ok\n") ? 500 : 200;
    return relais_buf_printf(out, "Boucle principale muette depuis %" PRId64 " s\n",
                             age_us / 1000000)
               ? 500
               : 503;
}

static unsigned ready_page(const struct relais_ops *ops, struct relais_buf *out)
{
    int64_t since_us = atomic_load_explicit(&relais_metrics.oldest_unacknowledged_since,
                                            memory_order_relaxed);
    int64_t age_us = since_us ? relais_monotonic_us() - since_us : 0;

    for (int i = 0; i < REASON_SLOTS; i++) {
        const char *reason = atomic_load_explicit(&reasons[i], memory_order_relaxed);

        if (reason && relais_buf_printf(out, "%s\n", reason))
            return 500;
    }
    if (age_us > ops->ready_age_us &&
        relais_buf_printf(out,
                          "Message le plus ancien non acquitte depuis %" PRId64 " s\n",
                          age_us / 1000000))
        return 500;
    if (out->len)
        return 503;
    return relais_buf_add_str(out, "ok\n") ? 500 : 200;
}

static const struct page {
    const char *path;
    const char *content_type;
    unsigned (*fill)(const struct relais_ops *ops, struct relais_buf *out);
} pages[] = {
    {"/metrics", "text/plain; version=0.0.4; charset=utf-8", metrics_page},
    {"/healthz", "text/plain; charset=utf-8", health_page},
    {"/readyz", "text/plain; charset=utf-8", ready_page},
};

static const struct page *find_page(const char *path)
{
    for (size_t i = 0; i < sizeof(pages) / sizeof(pages[0]); i++)
        if (strcmp(pages[i].path, path) == 0)
            return &pages[i];
    return NULL;
}

static enum MHD_Result answer(struct MHD_Connection *connection, unsigned status,
                              const char *content_type, struct relais_slice body)
{
    struct MHD_Response *response = MHD_create_response_from_buffer(
        body.len, (void *)(uintptr_t)body.ptr, MHD_RESPMEM_MUST_COPY);
    enum MHD_Result result = MHD_NO;

    if (!response)
        return MHD_NO;
    if (MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, content_type) ==
            MHD_YES &&
        (status != 405 || MHD_add_response_header(response, MHD_HTTP_HEADER_ALLOW,
                                                  "GET, HEAD") == MHD_YES))
        result = MHD_queue_response(connection, status, response);
    MHD_destroy_response(response);
    return result;
}

static enum MHD_Result answer_page(const struct relais_ops *ops,
                                   struct MHD_Connection *connection,
                                   const struct page *page)
{
    struct relais_buf body = RELAIS_BUF_INIT(PAGE_MAX);
    unsigned status = page->fill(ops, &body);
    enum MHD_Result result =
        answer(connection, status, page->content_type, relais_buf_slice(&body));

    relais_buf_release(&body);
    return result;
}

static enum MHD_Result on_request(void *cls, struct MHD_Connection *connection,
                                  const char *url, const char *method,
                                  const char *version, const char *upload_data,
                                  size_t *upload_len, void **request)
{
    static char known;
    const struct page *page = find_page(url);

    if (!*request) { /* the headers; the answer follows with the next call */
        *request = &known;
        return MHD_YES;
    }
    if (*upload_len) /* no page takes a body: hang up */
        return MHD_NO;
    if (strcmp(method, MHD_HTTP_METHOD_GET) != 0 &&
        strcmp(method, MHD_HTTP_METHOD_HEAD) != 0)
        return answer(connection, 405, "text/plain", RELAIS_SLICE("GET seulement\n"));
    if (!page)
        return answer(connection, 404, "text/plain",
                      RELAIS_SLICE("/metrics, /healthz, /readyz\n"));
    return answer_page(cls, connection, page);
}

/* The thread starts with every signal blocked: they are the main thread's. */
static struct MHD_Daemon *start(struct relais_ops *ops, int fd)
{
    struct MHD_Daemon *daemon;
    sigset_t all, old;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    daemon =
        MHD_start_daemon(MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_AUTO, 0, NULL, NULL,
                         on_request, ops, MHD_OPTION_LISTEN_SOCKET, fd,
                         MHD_OPTION_CONNECTION_LIMIT, (unsigned)CONNECTION_MAX,
                         MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)IDLE_S, MHD_OPTION_END);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    return daemon;
}

int relais_ops_open(const struct relais_conf *conf, const char *connector,
                    struct relais_ops **out, struct relais_error *err)
{
    const char *listen = relais_conf_text(conf, "ops", "listen");

    *out = NULL;
    if (!listen || !listen[0])
        return 0;
    *out = relais_ops_new(listen, connector,
                          (int)relais_conf_integer(conf, "ops", "ready_age_ms"), err);
    return *out ? 0 : -1;
}

struct relais_ops *relais_ops_new(const char *listen, const char *connector,
                                  int ready_age_ms, struct relais_error *err)
{
    struct relais_ops *ops = relais_zalloc(sizeof(*ops));
    int fd = relais_listen(listen, &ops->port, err);

    if (fd < 0)
        goto failed;
    ops->connector = connector ? relais_strdup(connector) : NULL;
    ops->ready_age_us = ready_age_ms * INT64_C(1000);
    relais_ops_beat(); /* the loop has its 60 s from here */
    ops->daemon = start(ops, fd);
    if (ops->daemon)
        return ops;
    close(fd);
    relais_error_set(err, RELAIS_E_CONF_VALUE, listen, "page d'exploitation impossible");
failed:
    relais_ops_free(ops);
    return NULL;
}

int relais_ops_port(const struct relais_ops *ops) { return ops->port; }

void relais_ops_free(struct relais_ops *ops)
{
    if (!ops)
        return;
    if (ops->daemon)
        MHD_stop_daemon(ops->daemon); /* closes the socket */
    free(ops->connector);
    free(ops);
}
