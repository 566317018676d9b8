#include "tests/unit/helper_events.h"

#include "consumers/sink_run.h"
#include "contracts/evenement_indu.h"
#include "schemas/catalog.h"
#include "schemas/registry.h"
#include "schemas/registry_server.h"
#include "tests/unit/helper_version.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

static const struct relais_contract *contract(void)
{
    return relais_catalog_find("fr.relais.payments.EvenementIndu");
}

void events_register(struct events *e)
{
    struct relais_error err = RELAIS_ERROR_INIT;
    struct relais_conf *conf = events_conf(e, "");
    struct relais_registry *reg = relais_registry_new(conf, &err);

    assert_non_null(reg);
    assert_int_equal(relais_registry_register(reg, contract()->name, contract()->text,
                                              &e->schema_id, &err),
                     0);
    relais_registry_free(reg);
    relais_conf_free(conf);
}

struct events *events_new(void)
{
    struct events *e = relais_zalloc(sizeof(*e));
    struct relais_error err = RELAIS_ERROR_INIT;
    rd_kafka_conf_t *kconf = rd_kafka_conf_new();
    char text[256];

    e->broker = relais_broker_new("dep93", 1, &err);
    assert_non_null(e->broker);
    e->registry = relais_registry_server_new("127.0.0.1:0", NULL, &err);
    assert_non_null(e->registry);
    snprintf(e->url, sizeof(e->url), "http://127.0.0.1:%d",
             relais_registry_server_port(e->registry));
    rd_kafka_conf_set_log_cb(kconf, NULL);
    assert_int_equal(rd_kafka_conf_set(kconf, "bootstrap.servers",
                                       relais_broker_bootstrap(e->broker), text,
                                       sizeof(text)),
                     RD_KAFKA_CONF_OK);
    e->producer = rd_kafka_new(RD_KAFKA_PRODUCER, kconf, text, sizeof(text));
    assert_non_null(e->producer);
    events_register(e);
    return e;
}

void events_free(struct events *e)
{
    rd_kafka_destroy(e->producer);
    relais_registry_server_free(e->registry);
    relais_broker_free(e->broker);
    free(e);
}

struct relais_conf *events_conf(const struct events *e, const char *text)
{
    struct relais_error err = RELAIS_ERROR_INIT;
    struct relais_buf buf = RELAIS_BUF_INIT(65536);
    struct relais_conf *conf;

    assert_int_equal(
        relais_buf_printf(&buf,
                          "[relais]\nterritory = dep93\ninstance = essai\n[kafka]\n"
                          "bootstrap.servers = %s\n[registry]\nurl = %s\n%s",
                          relais_broker_bootstrap(e->broker), e->url, text),
        0);
    conf = relais_conf_parse(relais_buf_slice(&buf), "/tmp", &err);
    if (!conf)
        fail_msg("%s: %s", err.where, err.text);
    relais_conf_admit(conf, relais_conf_common);
    relais_conf_admit(conf, relais_sink_keys);
    relais_buf_release(&buf);
    return conf;
}

void events_id(int64_t number, char out[37])
{
    snprintf(out, 37, "00000000-0000-8000-8000-%012" PRIx64, (uint64_t)number);
}

/* Avro, without frame. */
static void encode(const char *dossier, int64_t number, struct relais_buf *buf)
{
    struct relais_error err = RELAIS_ERROR_INIT;
    struct evenement_indu indu;
    char id[37];

    memset(&indu, 0, sizeof(indu));
    events_id(number, id);
    indu.entete.id = relais_slice_str(id);
    indu.entete.source = RELAIS_SLICE("urn:relais:cnaf:cristal:dep93");
    indu.entete.dossier = relais_slice_str(dossier);
    indu.entete.territoire = RELAIS_SLICE("dep93");
    indu.entete.sequence = number;
    indu.entete.constate_le = 1700000000000000 + number;
    indu.indu = relais_slice_str(id);
    assert_int_equal(relais_avro_encode(contract()->schema, &indu, buf, NULL, &err), 0);
}

static void put_framed(struct events *e, int32_t schema_id, int32_t partition,
                       const char *dossier, struct relais_slice value)
{
    struct relais_buf buf = RELAIS_BUF_INIT(65536);
    char frame[RELAIS_FRAME_LEN];

    relais_frame_write(schema_id, frame);
    assert_int_equal(relais_buf_add(&buf, frame, sizeof(frame)), 0);
    assert_int_equal(relais_buf_add_slice(&buf, value), 0);
    events_put_raw(e, EVENTS_TOPIC, partition, dossier, buf.data, buf.len);
    relais_buf_release(&buf);
}

void events_put(struct events *e, int32_t partition, const char *dossier, int64_t number)
{
    struct relais_buf buf = RELAIS_BUF_INIT(65536);

    encode(dossier, number, &buf);
    put_framed(e, e->schema_id, partition, dossier, relais_buf_slice(&buf));
    relais_buf_release(&buf);
}

void events_put_version(struct events *e, const struct relais_avro *version,
                        int32_t partition, const char *dossier, int64_t number)
{
    struct relais_buf buf = RELAIS_BUF_INIT(65536), other = RELAIS_BUF_INIT(65536);
    struct relais_error err = RELAIS_ERROR_INIT;
    struct relais_conf *conf = events_conf(e, "");
    struct relais_registry *reg = relais_registry_new(conf, &err);
    int32_t id;

    assert_non_null(reg);
    if (relais_registry_register(reg, relais_avro_root(version)->name,
                                 relais_avro_text(version), &id, &err))
        fail_msg("%s %s: %s", relais_error_name(err.code), err.where, err.text);
    encode(dossier, number, &buf);
    version_encode(contract(), version, relais_buf_slice(&buf), &other);
    put_framed(e, id, partition, dossier, relais_buf_slice(&other));
    relais_registry_free(reg);
    relais_conf_free(conf);
    relais_buf_release(&buf);
    relais_buf_release(&other);
}

void events_put_raw(struct events *e, const char *topic, int32_t partition,
                    const char *key, const void *value, size_t value_len)
{
    for (;;) {
        rd_kafka_resp_err_t code = rd_kafka_producev(
            e->producer, RD_KAFKA_V_TOPIC(topic), RD_KAFKA_V_PARTITION(partition),
            RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
            RD_KAFKA_V_KEY(key, key ? strlen(key) : 0),
            RD_KAFKA_V_VALUE((void *)(uintptr_t)value, value_len),
            RD_KAFKA_V_HEADER("ce_specversion", "1.0", 3), RD_KAFKA_V_END);

        rd_kafka_poll(e->producer, 0);
        if (code != RD_KAFKA_RESP_ERR__QUEUE_FULL) {
            assert_int_equal(code, 0);
            return;
        }
        rd_kafka_poll(e->producer, 10);
    }
}

void events_flush(struct events *e)
{
    assert_int_equal(rd_kafka_flush(e->producer, 20000), 0);
}
