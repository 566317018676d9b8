#include "schemas/registry_http.h"

#include <curl/curl.h>
#include <errno.h>
#include <openssl/crypto.h>
#include <stdlib.h>
#include <strings.h>
#include <time.h>
#include <unistd.h>

#define URL_MAX            8
#define URL_LEN_MAX        1024
#define TIMEOUT_MS_DEFAULT 10000
#define CONNECT_MS_MAX     5000
#define BACKOFF_MS         100
#define BACKOFF_MS_MAX     2000

struct registry_http {
    CURL *curl;
    struct curl_slist *headers;
    char *urls[URL_MAX]; /* without a slash at the end */
    size_t url_count;
    size_t first; /* the one that answered last */
    char *user, *password, *ca_file;
    int64_t timeout_ms;
};

enum outcome {
    OUTCOME_ANSWER,
    OUTCOME_AGAIN, /* may go better elsewhere or later */
    OUTCOME_NEVER, /* stays so until a person changes something */
};

int64_t registry_http_now(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

void registry_http_sleep(int64_t ms)
{
    struct timespec wait = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};

    if (ms > 0)
        nanosleep(&wait, NULL);
}

/* ---- configuration ---- */

static int add_url(struct registry_http *http, struct relais_slice url,
                   struct relais_error *err)
{
    char *text;

    while (url.len && url.ptr[url.len - 1] == '/')
        url.len--;
    if (http->url_count == URL_MAX || url.len > URL_LEN_MAX)
        return relais_error_set(err, RELAIS_E_CONF_VALUE, "registry.url",
                                "au plus %d URL de %d caracteres", URL_MAX, URL_LEN_MAX);
    text = relais_strndup(url.ptr, url.len);
    http->urls[http->url_count++] = text;
    if (strncasecmp(text, "http://", 7) != 0 && strncasecmp(text, "https://", 8) != 0)
        return relais_error_set(err, RELAIS_E_CONF_VALUE, "registry.url",
                                "une URL commence par http:// ou https://");
    if (strpbrk(text, "@?# \t"))
        return relais_error_set(
            err, RELAIS_E_CONF_VALUE, "registry.url",
            "ni utilisateur, ni blanc, ni ? ou # dans une URL (voir registry.user)");
    return 0;
}

static int read_urls(struct registry_http *http, const char *list,
                     struct relais_error *err)
{
    while (list && *list) {
        size_t len = strcspn(list, ",");
        struct relais_slice url = relais_slice_trim((struct relais_slice){list, len});

        if (url.len && add_url(http, url, err))
            return -1;
        list += len;
        list += *list == ',';
    }
    if (!http->url_count)
        return relais_error_set(err, RELAIS_E_CONF_VALUE, "registry.url",
                                "aucune URL de registre de schemas");
    return 0;
}

static int read_conf(struct registry_http *http, const struct relais_conf *conf,
                     struct relais_error *err)
{
    const char *user = relais_conf_text(conf, "registry", "user");
    const char *password_file = relais_conf_text(conf, "registry", "password_file");
    const char *ca_file = relais_conf_text(conf, "registry", "ca_file");

    http->timeout_ms = relais_conf_integer(conf, "registry", "timeout_ms");
    if (http->timeout_ms <= 0)
        http->timeout_ms = TIMEOUT_MS_DEFAULT;
    if (read_urls(http, relais_conf_text(conf, "registry", "url"), err))
        return -1;
    if (user && *user)
        http->user = relais_strdup(user);
    if (password_file && *password_file) {
        http->password = relais_conf_secret(password_file, err);
        if (!http->password)
            return -1;
    }
    if (ca_file && *ca_file) {
        http->ca_file = relais_strdup(ca_file);
        if (access(ca_file, R_OK) != 0)
            return relais_error_set(err, RELAIS_E_CONF_VALUE, "registry.ca_file",
                                    "illisible: %s", strerror(errno));
    }
    return 0;
}

struct registry_http *registry_http_new(const struct relais_conf *conf,
                                        struct relais_error *err)
{
    static const char *const headers[] = {
        "Accept: application/vnd.schemaregistry.v1+json, application/json",
        "Content-Type: application/vnd.schemaregistry.v1+json",
        "Expect:",
    };
    struct registry_http *http = relais_zalloc(sizeof(*http));

    if (read_conf(http, conf, err))
        goto failed;
    for (size_t i = 0; i < sizeof(headers) / sizeof(headers[0]); i++) {
        struct curl_slist *longer = curl_slist_append(http->headers, headers[i]);

        if (!longer)
            abort();
        http->headers = longer;
    }
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK ||
        !(http->curl = curl_easy_init())) {
        relais_error_set(err, RELAIS_E_BUG, "registry", "libcurl cannot be started");
        goto failed;
    }
    return http;
failed:
    registry_http_free(http);
    return NULL;
}

void registry_http_free(struct registry_http *http)
{
    if (!http)
        return;
    if (http->curl)
        curl_easy_cleanup(http->curl);
    curl_slist_free_all(http->headers);
    for (size_t i = 0; i < http->url_count; i++)
        free(http->urls[i]);
    if (http->password)
        OPENSSL_cleanse(http->password, strlen(http->password));
    free(http->password);
    free(http->user);
    free(http->ca_file);
    free(http);
}

/* ---- one request to one server ---- */

static size_t on_data(char *data, size_t size, size_t count, void *user)
{
    return relais_buf_add(user, data, size * count) ? 0 : size * count;
}

/* A proxy of the environment is for the outside, never for this machine. */
static bool is_loopback(const char *url)
{
    const char *host = strstr(url, "://") + 3;

    return strncmp(host, "127.", 4) == 0 || strncmp(host, "[::1]", 5) == 0 ||
           strncasecmp(host, "localhost", 9) == 0;
}

static CURLcode perform(struct registry_http *http, const char *base, const char *url,
                        const char *method, const char *body, int64_t wait_ms,
                        struct relais_buf *in, char *why)
{
    CURL *curl = http->curl;

    curl_easy_reset(curl);
    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)wait_ms);
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS,
                     (long)(wait_ms < CONNECT_MS_MAX ? wait_ms : CONNECT_MS_MAX));
    curl_easy_setopt(curl, CURLOPT_USERAGENT, "relais/" RELAIS_VERSION);
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, http->headers);
    curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, why);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_data);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, in);
    if (is_loopback(base))
        curl_easy_setopt(curl, CURLOPT_PROXY, "");
    if (http->user) {
        curl_easy_setopt(curl, CURLOPT_HTTPAUTH, (long)CURLAUTH_BASIC);
        curl_easy_setopt(curl, CURLOPT_USERNAME, http->user);
        curl_easy_setopt(curl, CURLOPT_PASSWORD, http->password ? http->password : "");
    }
    if (http->ca_file)
        curl_easy_setopt(curl, CURLOPT_CAINFO, http->ca_file);
    if (body) {
        curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body);
        curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)strlen(body));
    }
    curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, method);
    return curl_easy_perform(curl);
}

static enum outcome network_error(CURLcode code, const char *base, const char *why,
                                  struct relais_error *err)
{
    switch (code) {
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_WRITE_ERROR:
        relais_error_set(err, RELAIS_E_REGISTRY_REFUSED, base, "%s",
                         code == CURLE_WRITE_ERROR ? "reponse de plus de 2 Mio" : why);
        return OUTCOME_NEVER;
    default:
        relais_error_set(err, RELAIS_E_REGISTRY_DOWN, base, "%s", why);
        return OUTCOME_AGAIN;
    }
}

/* An error body may be anything; `message` may be an array of texts. */
static void read_error(struct registry_http_answer *answer)
{
    const json_t *message = json_object_get(answer->root, "message");
    const char *text;

    if (json_is_array(message))
        message = json_array_get(message, 0);
    text = json_string_value(message);
    answer->error_code =
        (int)json_integer_value(json_object_get(answer->root, "error_code"));
    for (size_t i = 0; text && text[i] && i + 1 < sizeof(answer->message); i++) {
        answer->message[i] = (unsigned char)text[i] < ' ' ? ' ' : text[i];
        answer->message[i + 1] = '\0';
    }
}

static enum outcome read_answer(struct registry_http *http, const char *base,
                                const struct relais_buf *in,
                                struct registry_http_answer *answer,
                                struct relais_error *err)
{
    long status = 0;

    curl_easy_getinfo(http->curl, CURLINFO_RESPONSE_CODE, &status);
    *answer = (struct registry_http_answer){.status = (int)status};
    if (status >= 500 || status == 408 || status == 429) {
        relais_error_set(err, RELAIS_E_REGISTRY_DOWN, base, "HTTP %ld", status);
        return OUTCOME_AGAIN;
    }
    if (status < 200 || (status >= 300 && status < 400)) {
        relais_error_set(err, RELAIS_E_REGISTRY_REFUSED, base,
                         "HTTP %ld: les redirections ne sont pas suivies", status);
        return OUTCOME_NEVER;
    }
    answer->root = json_loadb(in->data, in->len, JSON_DECODE_ANY, NULL);
    if (status < 300 && !answer->root) {
        relais_error_set(err, RELAIS_E_REGISTRY_REFUSED, base,
                         "HTTP %ld sans JSON: ce n'est pas un registre de schemas",
                         status);
        return OUTCOME_NEVER;
    }
    if (status >= 400)
        read_error(answer);
    return OUTCOME_ANSWER;
}

static enum outcome attempt(struct registry_http *http, const char *base,
                            const char *method, const char *path, const char *body,
                            int64_t wait_ms, struct registry_http_answer *answer,
                            struct relais_error *err)
{
    struct relais_buf in = RELAIS_BUF_INIT(REGISTRY_ANSWER_MAX);
    struct relais_buf url = RELAIS_BUF_INIT(8192);
    char why[CURL_ERROR_SIZE] = "";
    enum outcome outcome;
    CURLcode code;

    if (relais_buf_printf(&url, "%s%s", base, path)) {
        relais_error_set(err, RELAIS_E_REGISTRY_REFUSED, base, "chemin trop long");
        outcome = OUTCOME_NEVER;
        goto out;
    }
    code = perform(http, base, url.data, method, body, wait_ms, &in, why);
    outcome =
        code == CURLE_OK
            ? read_answer(http, base, &in, answer, err)
            : network_error(code, base, why[0] ? why : curl_easy_strerror(code), err);
out:
    relais_buf_release(&url);
    relais_buf_release(&in);
    return outcome;
}

/* ---- one request to whoever answers ---- */

/* Each URL once. The time left is shared by those not yet tried, so that one that hangs
 * does not use it all up. last: why there was no answer. */
static enum outcome round_of_urls(struct registry_http *http, const char *method,
                                  const char *path, const char *body, int64_t deadline_ms,
                                  struct registry_http_answer *answer,
                                  struct relais_error *last)
{
    enum outcome worst = OUTCOME_NEVER;

    for (size_t i = 0; i < http->url_count; i++) {
        size_t n = (http->first + i) % http->url_count;
        int64_t left_ms = deadline_ms - registry_http_now();
        struct relais_error err = RELAIS_ERROR_INIT;
        enum outcome outcome;

        if (left_ms <= 0)
            return OUTCOME_AGAIN;
        left_ms /= (int64_t)(http->url_count - i);
        outcome = attempt(http, http->urls[n], method, path, body,
                          left_ms > 0 ? left_ms : 1, answer, &err);
        if (outcome == OUTCOME_ANSWER) {
            http->first = n;
            return outcome;
        }
        /* one that may come back makes it a matter of waiting */
        if (outcome == OUTCOME_AGAIN || worst == OUTCOME_NEVER)
            *last = err;
        if (outcome == OUTCOME_AGAIN)
            worst = OUTCOME_AGAIN;
    }
    return worst;
}

int registry_http_call(struct registry_http *http, const char *method, const char *path,
                       const char *body, struct registry_http_answer *answer,
                       struct relais_error *err)
{
    int64_t deadline_ms = registry_http_now() + http->timeout_ms;
    int64_t backoff_ms = BACKOFF_MS;
    struct relais_error last = RELAIS_ERROR_INIT;

    *answer = (struct registry_http_answer){0};
    for (;;) {
        enum outcome outcome =
            round_of_urls(http, method, path, body, deadline_ms, answer, &last);

        if (outcome == OUTCOME_ANSWER)
            return 0;
        if (outcome == OUTCOME_NEVER || registry_http_now() + backoff_ms >= deadline_ms)
            break;
        registry_http_sleep(backoff_ms);
        backoff_ms = backoff_ms * 2 < BACKOFF_MS_MAX ? backoff_ms * 2 : BACKOFF_MS_MAX;
    }
    return relais_error_set(err, last.code ? last.code : RELAIS_E_REGISTRY_DOWN,
                            last.where, "%s", last.code ? last.text : "no time left");
}
