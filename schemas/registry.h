#ifndef RELAIS_SCHEMAS_REGISTRY_H
#define RELAIS_SCHEMAS_REGISTRY_H

/* Client of a Schema Registry (Confluent's REST calls), over libcurl; and framing (00, id
 * u32 BE, Avro). Answers are cached for the process's life; retries with back-off within
 * the time-out. Blocks up to timeout_ms. Errors: REGISTRY_DOWN (RETRY), REGISTRY_REFUSED
 * (CONF: incompatible, rights, not a registry), SCHEMA_UNKNOWN (DATA: no such id). Conf
 * [registry]: url (several, by comma), user, password_file, ca_file, timeout_ms. Threads:
 * one.
 */

#include "core/conf.h"
#include "schemas/avro.h"

struct relais_registry;

struct relais_registry *relais_registry_new(const struct relais_conf *conf,
                                            struct relais_error *err) RELAIS_MUST_CHECK;
void relais_registry_free(struct relais_registry *reg);
/* Sets the subject's level to FULL_TRANSITIVE where it has none of its own, then
 * registers the text. */
int relais_registry_register(struct relais_registry *reg, const char *subject,
                             struct relais_slice text, int32_t *id_out,
                             struct relais_error *err) RELAIS_MUST_CHECK;
/* The id of a text under a subject, without registering. SCHEMA_UNKNOWN. */
int relais_registry_lookup(struct relais_registry *reg, const char *subject,
                           struct relais_slice text, int32_t *id_out,
                           struct relais_error *err) RELAIS_MUST_CHECK;
/* The parsed schema of an id; borrowed from reg. */
const struct relais_avro *
relais_registry_schema(struct relais_registry *reg, int32_t id,
                       struct relais_error *err) RELAIS_MUST_CHECK;
/* The version of a subject whose canonical form has this CRC-64-AVRO; borrowed from reg.
 * SCHEMA_UNKNOWN: none that was not deleted. */
const struct relais_avro *
relais_registry_version(struct relais_registry *reg, const char *subject,
                        uint64_t fingerprint, struct relais_error *err) RELAIS_MUST_CHECK;
/* The level in force for a subject: "FULL_TRANSITIVE". */
int relais_registry_level(struct relais_registry *reg, const char *subject, char *out,
                          size_t out_len, struct relais_error *err) RELAIS_MUST_CHECK;

#define RELAIS_FRAME_LEN 5
void relais_frame_write(int32_t id, char out[RELAIS_FRAME_LEN]);
/* Splits a framed value. AVRO_INVALID: no magic byte; AVRO_TRUNCATED. */
int relais_frame_read(struct relais_slice framed, int32_t *id_out,
                      struct relais_slice *value_out,
                      struct relais_error *err) RELAIS_MUST_CHECK;

#endif
