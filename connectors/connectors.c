/* The connectors built in: a new one is a file and a row here. */
#include "connectors/connector.h"

const struct relais_connector *const relais_connectors[] = {
    &relais_source_cnaf_beneficiaire,
    &relais_source_json,
    &relais_source_postgres_outbox,
    &relais_source_postgres_table,
    &relais_sink_file,
    &relais_sink_postgres,
    &relais_template,
    NULL,
};

const struct relais_connector *relais_connector_find(const char *name)
{
    for (size_t i = 0; name && relais_connectors[i]; i++)
        if (!strcmp(relais_connectors[i]->name, name))
            return relais_connectors[i];
    return NULL;
}
