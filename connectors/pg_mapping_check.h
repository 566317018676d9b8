#ifndef RELAIS_CONNECTORS_PG_MAPPING_CHECK_H
#define RELAIS_CONNECTORS_PG_MAPPING_CHECK_H

/* A mapping's value compared with what events of its contract look like: every member is
 * a field, lists are lists, constants and codes of an enum are its symbols. Inside of a
 * protected record (adresse, identite) any name is taken. file: the mapping's path, for
 * the error. open: an event with every field there, protected ones opened
 * (relais_avro_example of the contract). CONF_VALUE, where = the file's name, text = the
 * path in it. */

#include "connectors/pg_mapping.h"

int pg_mapping_check_fields(const struct pg_mapping *m, const char *file,
                            const struct relais_value *open,
                            struct relais_error *err) RELAIS_MUST_CHECK;

#endif
