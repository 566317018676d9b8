#include "core/kafka.h"
#include "tests/unit/helper_core.h"
#include "tests/unit/helper_mock.h"

#include <openssl/pem.h>
#include <openssl/x509.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

static rd_kafka_conf_t *make(const char *text, enum relais_kafka_role role,
                             struct relais_error *err)
{
    struct relais_conf *conf = mock_conf(NULL, text);
    rd_kafka_conf_t *kconf = relais_kafka_conf(conf, role, err);

    relais_conf_free(conf);
    return kconf;
}

static void assert_setting(rd_kafka_conf_t *kconf, const char *name, const char *value)
{
    char text[128];
    size_t len = sizeof(text);

    assert_int_equal(rd_kafka_conf_get(kconf, name, text, &len), RD_KAFKA_CONF_OK);
    assert_string_equal(text, value);
}

static void test_producer_keeps_order_and_completeness_by_default(void **state)
{
    struct relais_error err = RELAIS_ERROR_INIT;
    rd_kafka_conf_t *kconf = make("", RELAIS_KAFKA_PRODUCER, &err);

    assert_non_null(kconf);
    assert_setting(kconf, "enable.idempotence", "true");
    assert_setting(kconf, "message.timeout.ms", "0");
    assert_setting(kconf, "partitioner", "murmur2_random");
    assert_setting(kconf, "socket.timeout.ms", "10000");
    rd_kafka_conf_destroy(kconf);
}

static void test_consumer_never_moves_a_position_by_itself(void **state)
{
    struct relais_error err = RELAIS_ERROR_INIT;
    rd_kafka_conf_t *kconf = make("", RELAIS_KAFKA_CONSUMER, &err);

    assert_non_null(kconf);
    assert_setting(kconf, "enable.auto.offset.store", "false");
    assert_setting(kconf, "auto.offset.reset", "error");
    assert_setting(kconf, "check.crcs", "true");
    rd_kafka_conf_destroy(kconf);
}

static void test_other_keys_go_to_librdkafka_as_they_are(void **state)
{
    struct relais_error err = RELAIS_ERROR_INIT;
    rd_kafka_conf_t *kconf = make("linger.ms = 7\nqueue.buffering.max.kbytes = 1234\n",
                                  RELAIS_KAFKA_PRODUCER, &err);

    assert_non_null(kconf);
    assert_setting(kconf, "linger.ms", "7");
    assert_setting(kconf, "queue.buffering.max.kbytes", "1234");
    rd_kafka_conf_destroy(kconf);
}

static void refuses(const char *text, const char *where)
{
    struct relais_error err = RELAIS_ERROR_INIT;

    assert_null(make(text, RELAIS_KAFKA_PRODUCER, &err));
    assert_int_equal(err.code, RELAIS_E_CONF_VALUE);
    assert_non_null(strstr(err.where, where));
}

static void test_keys_that_guarantees_rest_on_cannot_be_changed(void **state)
{
    refuses("acks = 1\n", "acks");
    refuses("request.required.acks = 1\n", "acks");
    refuses("enable.idempotence = false\n", "enable.idempotence");
    refuses("message.timeout.ms = 30000\n", "message.timeout.ms");
    refuses("delivery.timeout.ms = 30000\n", "message.timeout.ms");
    refuses("partitioner = random\n", "partitioner");
    refuses("auto.offset.reset = earliest\n", "auto.offset.reset");
}

static void test_keys_that_guarantees_rest_on_may_be_repeated(void **state)
{
    struct relais_error err = RELAIS_ERROR_INIT;
    rd_kafka_conf_t *kconf =
        make("acks = -1\nenable.idempotence = true\n", RELAIS_KAFKA_PRODUCER, &err);

    assert_non_null(kconf);
    rd_kafka_conf_destroy(kconf);
}

static void test_unknown_key_is_named(void **state)
{
    refuses("bootstrap.server = x\n", "bootstrap.server");
}

static void test_scram_is_refused_where_librdkafka_gets_it_wrong(void **state)
{
    struct relais_error err = RELAIS_ERROR_INIT;
    rd_kafka_conf_t *kconf =
        make("sasl.mechanisms = SCRAM-SHA-512\n", RELAIS_KAFKA_PRODUCER, &err);

    if (rd_kafka_version() < 0x020601ff) {
        assert_null(kconf);
        assert_int_equal(err.code, RELAIS_E_CONF_VALUE);
    } else {
        assert_non_null(kconf);
        rd_kafka_conf_destroy(kconf);
    }
}

static void test_password_is_read_from_its_file(void **state)
{
    char path[] = "/tmp/relais-secret-XXXXXX", text[128];
    struct relais_error err = RELAIS_ERROR_INIT;
    rd_kafka_conf_t *kconf;
    int fd = mkstemp(path);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, "secret\n", 7), 7);
    close(fd);
    snprintf(text, sizeof(text), "sasl.password_file = %s\n", path);
    kconf = make(text, RELAIS_KAFKA_PRODUCER, &err);
    assert_non_null(kconf);
    assert_setting(kconf, "sasl.password", "secret");
    rd_kafka_conf_destroy(kconf);
    assert_int_equal(chmod(path, 0644), 0);
    assert_null(make(text, RELAIS_KAFKA_PRODUCER, &err));
    unlink(path);
}

static void test_refusal_is_told_after_ten_seconds_without_good_news(void **state)
{
    struct relais_kafka_watch watch = {1, RD_KAFKA_RESP_ERR__SSL, "no"};
    struct relais_error err = RELAIS_ERROR_INIT;

    assert_int_equal(relais_kafka_watch_check(&watch, &err), -1);
    assert_int_equal(err.code, RELAIS_E_RIGHTS);
    relais_kafka_watch_clear(&watch);
    relais_error_clear(&err);
    assert_int_equal(relais_kafka_watch_check(&watch, &err), 0);
}

static rd_kafka_t *client(struct mock *m)
{
    struct relais_error err = RELAIS_ERROR_INIT;
    struct relais_conf *conf = mock_conf(m, "");
    rd_kafka_conf_t *kconf = relais_kafka_conf(conf, RELAIS_KAFKA_PRODUCER, &err);
    rd_kafka_t *rk;
    char text[128];

    assert_non_null(kconf);
    rk = rd_kafka_new(RD_KAFKA_PRODUCER, kconf, text, sizeof(text));
    assert_non_null(rk);
    relais_conf_free(conf);
    return rk;
}

static void test_missing_topic_is_told_and_not_made(void **state)
{
    struct relais_error err = RELAIS_ERROR_INIT;
    struct mock *m = mock_new();
    rd_kafka_t *rk = client(m);
    int32_t count = 0;

    mock_topic(m, "t", 5);
    for (int i = 0; i < 2; i++) {
        relais_error_clear(&err);
        assert_int_equal(relais_kafka_partitions(rk, "absent", 5000, &count, &err), -1);
        assert_int_equal(err.code, RELAIS_E_TOPIC_MISSING);
    }
    relais_error_clear(&err);
    assert_int_equal(relais_kafka_partitions(rk, "t", 5000, &count, &err), 0);
    assert_int_equal(count, 5);
    assert_false(relais_kafka_destroy(rk, 10));
    mock_free(m);
}

static void test_watermarks_of_an_empty_partition_are_zero(void **state)
{
    struct relais_error err = RELAIS_ERROR_INIT;
    struct mock *m = mock_new();
    rd_kafka_t *rk = client(m);
    int64_t low = -1, high = -1;

    mock_topic(m, "t", 1);
    assert_int_equal(relais_kafka_watermarks(rk, "t", 0, 5000, &low, &high, &err), 0);
    assert_int_equal(low, 0);
    assert_int_equal(high, 0);
    assert_false(relais_kafka_destroy(rk, 10));
    mock_free(m);
}

/* A certificate of a key made now, valid from..to seconds around today. Free. */
static char *certificate(const char *folder, const char *name, long from, long to)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *cert = X509_new();
    char path[512];
    FILE *file;

    assert_non_null(key);
    X509_gmtime_adj(X509_getm_notBefore(cert), from);
    X509_gmtime_adj(X509_getm_notAfter(cert), to);
    assert_int_equal(X509_set_pubkey(cert, key), 1);
    assert_true(X509_sign(cert, key, EVP_sha256()) > 0);
    snprintf(path, sizeof(path), "%s/%s", folder, name);
    file = fopen(path, "w");
    assert_non_null(file);
    assert_int_equal(PEM_write_X509(file, cert), 1);
    fclose(file);
    X509_free(cert);
    EVP_PKEY_free(key);
    return relais_strdup(path);
}

static void test_own_certificate_must_be_valid_today(void **state)
{
    static const struct {
        const char *name;
        long from, to;
        const char *told; /* NULL: fine */
    } cases[] = {
        {"bon.pem", -3600, 3600, NULL},
        {"fini.pem", -7200, -3600, "the certificate ended on 20"},
        {"futur.pem", 3600, 7200, "the certificate begins on 20"},
    };
    char *folder = helper_folder(), text[600];
    struct relais_error err = RELAIS_ERROR_INIT;
    char *other = helper_write(folder, "autre.pem", "rien\n", 0600);

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char *path = certificate(folder, cases[i].name, cases[i].from, cases[i].to);
        int rc = relais_kafka_check_certificate("k", path, &err);

        assert_int_equal(rc, cases[i].told ? -1 : 0);
        if (cases[i].told) {
            assert_int_equal(err.code, RELAIS_E_CONF_VALUE);
            assert_non_null(strstr(err.text, cases[i].told));
            assert_non_null(strstr(err.text, cases[i].name));
            snprintf(text, sizeof(text), "ssl.certificate.location = %s\n", path);
            relais_error_clear(&err);
            assert_null(make(text, RELAIS_KAFKA_CONSUMER, &err));
            assert_string_equal(err.where, "ssl.certificate.location");
        }
        relais_error_clear(&err);
        free(path);
    }
    assert_int_equal(relais_kafka_check_certificate("k", other, &err), -1);
    assert_non_null(strstr(err.text, "no certificate"));
    relais_error_clear(&err);
    assert_int_equal(relais_kafka_check_certificate("k", "/absent.pem", &err), -1);
    free(other);
    helper_remove(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_producer_keeps_order_and_completeness_by_default),
        cmocka_unit_test(test_consumer_never_moves_a_position_by_itself),
        cmocka_unit_test(test_other_keys_go_to_librdkafka_as_they_are),
        cmocka_unit_test(test_keys_that_guarantees_rest_on_cannot_be_changed),
        cmocka_unit_test(test_keys_that_guarantees_rest_on_may_be_repeated),
        cmocka_unit_test(test_unknown_key_is_named),
        cmocka_unit_test(test_scram_is_refused_where_librdkafka_gets_it_wrong),
        cmocka_unit_test(test_password_is_read_from_its_file),
        cmocka_unit_test(test_own_certificate_must_be_valid_today),
        cmocka_unit_test(test_refusal_is_told_after_ten_seconds_without_good_news),
        cmocka_unit_test(test_missing_topic_is_told_and_not_made),
        cmocka_unit_test(test_watermarks_of_an_empty_partition_are_zero),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
