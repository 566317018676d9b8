#include "tests/unit/helper_http.h"

#include <curl/curl.h>
#include <stdio.h>
#include <string.h>

struct text {
    char *data;
    size_t len, max;
};

static size_t on_data(char *data, size_t size, size_t count, void *user)
{
    struct text *text = user;
    size_t len = size * count;

    if (len > text->max - text->len - 1)
        return 0;
    memcpy(text->data + text->len, data, len);
    text->len += len;
    text->data[text->len] = '\0';
    return len;
}

int http_ask(int port, const char *method, const char *path, const char *type,
             const char *body, char *out, size_t out_len)
{
    struct text text = {out, 0, out_len};
    struct curl_slist *headers = NULL;
    CURL *curl = curl_easy_init();
    char url[2048], header[256];
    long status = 0;

    out[0] = '\0';
    snprintf(url, sizeof(url), "http://127.0.0.1:%d%s", port, path);
    snprintf(header, sizeof(header), type ? "Content-Type: %s" : "Content-Type:", type);
    headers = curl_slist_append(headers, header);
    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_PATH_AS_IS, 1L);
    curl_easy_setopt(curl, CURLOPT_PROXY, "");
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT, 20L);
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_data);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, &text);
    if (body)
        curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body);
    if (strcmp(method, "HEAD") == 0)
        curl_easy_setopt(curl, CURLOPT_NOBODY, 1L);
    else
        curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, method);
    if (curl_easy_perform(curl) == CURLE_OK)
        curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
    curl_slist_free_all(headers);
    curl_easy_cleanup(curl);
    return (int)status;
}
