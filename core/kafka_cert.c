/* Our own client certificate, looked at before it is shown: a broker that refuses it only
 * breaks the connection off, and librdkafka tries for ever. */
#include "core/kafka.h"

#include <errno.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <stdio.h>

static void format_time(const ASN1_TIME *t, char out[40])
{
    struct tm tm;

    memset(&tm, 0, sizeof(tm));
    if (ASN1_TIME_to_tm(t, &tm))
        snprintf(out, 40, "%04d-%02d-%02dT%02d:%02d:%02dZ", tm.tm_year + 1900,
                 tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec);
    else
        snprintf(out, 40, "an unreadable date");
}

int relais_kafka_check_certificate(const char *key, const char *path,
                                   struct relais_error *err)
{
    FILE *file = fopen(path, "re");
    X509 *cert = file ? PEM_read_X509(file, NULL, NULL, NULL) : NULL;
    char when[40];
    int rc = 0;

    if (!file) {
        rc = relais_error_set(err, RELAIS_E_CONF_VALUE, key, "%.120s: %s", path,
                              strerror(errno));
    } else if (!cert) {
        rc = relais_error_set(err, RELAIS_E_CONF_VALUE, key,
                              "%.120s holds no certificate in PEM form", path);
    } else if (X509_cmp_current_time(X509_get0_notAfter(cert)) < 0) {
        format_time(X509_get0_notAfter(cert), when);
        rc = relais_error_set(err, RELAIS_E_CONF_VALUE, key,
                              "%.120s: the certificate ended on %s", path, when);
    } else if (X509_cmp_current_time(X509_get0_notBefore(cert)) > 0) {
        format_time(X509_get0_notBefore(cert), when);
        rc = relais_error_set(err, RELAIS_E_CONF_VALUE, key,
                              "%.120s: the certificate begins on %s", path, when);
    }
    X509_free(cert);
    if (file)
        fclose(file);
    return rc;
}
