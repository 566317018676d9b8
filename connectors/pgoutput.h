#ifndef RELAIS_CONNECTORS_PGOUTPUT_H
#define RELAIS_CONNECTORS_PGOUTPUT_H

/* pgoutput, protocol version 1: bytes of one message -> event. Every length is checked;
 * no server is needed. Ownership: an event borrows the message and the decoder, until the
 * next call. Errors: PG_PROTOCOL (not well formed, or out of place: a row outside of a
 * transaction, a row of a table that was not described), PG_SCHEMA (too many tables). No
 * allocation but for what describes a table. Threads: one.
 */

#include "connectors/pg_stream.h"

#define PGOUTPUT_RELATIONS_MAX 65536

/* Big-endian reads of a message. Once something is missing, `bad` is set and all that is
 * read is 0 or "". */
struct pgoutput_reader {
    const char *at, *end;
    bool bad;
};
uint64_t pgoutput_u64(struct pgoutput_reader *r);
uint32_t pgoutput_u32(struct pgoutput_reader *r);
uint8_t pgoutput_u8(struct pgoutput_reader *r);

/* PostgreSQL's microseconds since 2000 -> since 1970. */
int64_t pgoutput_time_us(uint64_t raw);
uint64_t pgoutput_time_raw(int64_t instant_us);

struct pgoutput;

struct pgoutput *pgoutput_new(void);
void pgoutput_free(struct pgoutput *p);
/* 1: an event; 0: a message that gives none. */
int pgoutput_decode(struct pgoutput *p, struct relais_slice message,
                    const struct pg_event **event_out,
                    struct relais_error *err) RELAIS_MUST_CHECK;
/* Further events of the message decoded last (TRUNCATE of several tables); borrowed from
 * the decoder only. NULL: no more. */
const struct pg_event *pgoutput_more(struct pgoutput *p);
/* Between BEGIN and COMMIT. */
bool pgoutput_in_transaction(const struct pgoutput *p);

#endif
