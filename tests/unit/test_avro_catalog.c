#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "schemas/catalog.h"

#include "contracts/evenement_droit.h"
#include "contracts/parcage.h"

static void test_avro_catalog_names_what_each_contract_is_about(void **state)
{
    static const struct {
        const char *name, *family, *object, *id, *fait;
    } rows[] = {
        {"fr.relais.eligibility.EvenementDroit", "eligibility", "droit", "droit", "fait"},
        {"fr.relais.placements.EvenementMesure", "placements", "mesure", "mesure",
         "fait"},
        {"fr.relais.payments.EvenementPaiement", "payments", "paiement", "paiement",
         "fait"},
        {"fr.relais.payments.EvenementIndu", "payments", "indu", "indu", "fait"},
        {"fr.relais.control.EvenementControle", "control", "controle", "depot", "issue"},
        {"fr.relais.Parcage", "", "parcage", "id", NULL},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        const struct relais_contract *c = relais_catalog_find(rows[i].name);

        if (!c)
            fail_msg("%s: not in the catalog", rows[i].name);
        assert_string_equal(c->family, rows[i].family);
        assert_string_equal(c->object, rows[i].object);
        assert_string_equal(c->id->name, rows[i].id);
        assert_int_equal(c->fait != NULL, rows[i].fait != NULL);
        if (c->fait)
            assert_string_equal(c->fait->name, rows[i].fait);
        assert_int_equal(c->size, relais_avro_root(c->schema)->size);
    }
}

static void test_avro_catalog_is_searched_by_record_and_by_family_of_one(void **state)
{
    const struct relais_contract *droit = relais_catalog_find("EvenementDroit");

    assert_non_null(droit);
    assert_ptr_equal(relais_catalog_find("eligibility"), droit);
    assert_int_equal(droit->size, sizeof(struct evenement_droit));
    assert_int_equal(relais_catalog_find("Parcage")->size, sizeof(struct parcage));
    assert_null(relais_catalog_find("payments")); /* two records */
    assert_null(relais_catalog_find(""));
    assert_null(relais_catalog_find("Evenement"));
}

static void test_avro_catalog_topic_is_territory_family_and_version(void **state)
{
    char topic[64];

    assert_int_equal(relais_catalog_topic(relais_catalog_find("EvenementIndu"), "dep93",
                                          topic, sizeof(topic)),
                     0);
    assert_string_equal(topic, "dep93.payments.v1");
    assert_int_equal(
        relais_catalog_topic(relais_catalog_find("EvenementIndu"), "dep93", topic, 10),
        -1);
    assert_int_equal(
        relais_catalog_topic(relais_catalog_find("Parcage"), "dep93", topic, 64), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_avro_catalog_names_what_each_contract_is_about),
        cmocka_unit_test(test_avro_catalog_is_searched_by_record_and_by_family_of_one),
        cmocka_unit_test(test_avro_catalog_topic_is_territory_family_and_version),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
