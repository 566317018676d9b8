#ifndef RELAIS_PRODUCERS_DIFFERENCE_H
#define RELAIS_PRODUCERS_DIFFERENCE_H

/* The difference stage, one for all snapshot sources (design.md part 2, contract A4-A8).
 * A checked snapshot is compared with what was last published of its object; where a
 * compared field differs it becomes an event: changements, fait, id, sequence, sealed and
 * encoded. A checked fact only takes its sequence and is known again by its id or its
 * position. What is still in flight counts as published. A stored value that another
 * version of the contract wrote is read by Avro's resolution; the registry has its
 * schema.
 *
 * Ownership: what difference_out holds is valid until the next call and until the store's
 * next transaction. Errors: those of check, seal and encode (DATA: park the record);
 * ID_CONFLICT (DATA); STATE_BROKEN, DISK_FULL, IO of the store; those of the registry.
 * Threads: one.
 */

#include "producers/note.h"
#include "schemas/avro_resolve.h"
#include "schemas/family.h"
#include "schemas/registry.h"

/* A contract on its way to its topic. */
struct difference_target {
    const struct relais_contract *contract;
    const struct relais_family *family;
    uint64_t fingerprint;
    int32_t schema_id;
    const char *topic;
    uint32_t topic_index; /* in the publisher */
};

/* What a snapshot was read from: the file under way; of a log (made by
 * difference_of_log) its own commit. */
struct difference_file {
    /* A4: TYPEFLUX, DTCREAFLUX, HEUCREAFLUX, rank; of a log: journal, slot, position */
    struct relais_slice natural[4];
    size_t natural_count;
    bool log; /* ordered by position within its dossier, not by files */
    char position[STORE_POSITION_MAX]; /* of a log, made by difference_take */
    struct store_order order;          /* not of a log */
    int64_t created_us;
    int32_t created_days;
    int32_t reference_days; /* INT32_MIN: none */
    bool first_load;        /* no monthly file was integrated yet; a log's first load */
};

enum difference_outcome {
    DIFFERENCE_EVENT,     /* to be published */
    DIFFERENCE_PUBLISHED, /* this file's event of this object was published before */
    DIFFERENCE_UNCHANGED,
    DIFFERENCE_STALE,    /* the object was last taken from a later file */
    DIFFERENCE_REPEATED, /* a fact, or a log's position, that was published before */
};

struct difference_out {
    enum difference_outcome outcome;
    char case_pseudonym[RELAIS_PSEUDONYM_LEN + 1]; /* also on a DATA error; "" none */
    char id[37];                                   /* EVENT, PUBLISHED */
    const char *fait;                              /* EVENT, PUBLISHED; static */
    int64_t amount_centimes;                       /* EVENT, PUBLISHED */
    struct relais_slice framed;                    /* EVENT */
    struct note note; /* EVENT, UNCHANGED, PUBLISHED: its rows */
    struct relais_checked checked;
};

/* Another version of a contract, as a stored value was written by it, read as ours. */
struct difference_version {
    const struct relais_contract *contract;
    uint64_t fingerprint;
    struct relais_avro_resolution *resolution;
};
#define DIFFERENCE_VERSIONS_MAX 64

struct difference {
    const struct relais_checker *checker;
    struct store *store;
    const struct inflight *ring;
    struct relais_registry *registry; /* knows every version */
    struct relais_arena arena;        /* of one record */
    struct relais_buf value;
    struct relais_buf compare;
    struct relais_buf known; /* a value of another version, as ours */
    struct difference_version versions[DIFFERENCE_VERSIONS_MAX];
    size_t version_count;
};

void difference_init(struct difference *d, const struct relais_checker *checker,
                     struct store *store, const struct inflight *ring,
                     struct relais_registry *registry);
void difference_release(struct difference *d);

/* The "file" of one snapshot of a log. */
void difference_of_log(struct difference_file *file, const struct relais_record *rec);

/* file: NULL for facts. A record's `encoded` is read as Avro of the target's contract,
 * clear where the contract says protected. */
int difference_take(struct difference *d, const struct difference_target *target,
                    const struct relais_record *rec, struct difference_file *file,
                    struct difference_out *out,
                    struct relais_error *err) RELAIS_MUST_CHECK;

/* The object's present state once more (A8): natural key `renvoi`, n. `stored`: what was
 * last published. EVENT, or PUBLISHED where that was this renvoi already. */
int difference_renvoi(struct difference *d, const struct difference_target *target,
                      struct relais_slice object, const struct store_object *stored,
                      int64_t n, struct difference_out *out,
                      struct relais_error *err) RELAIS_MUST_CHECK;

/* The last sequence, constate_le and position of (topic, dossier), in flight or stored.
 */
int difference_case(const struct difference *d, uint32_t topic_index, const char *topic,
                    struct relais_slice dossier, struct store_case *out,
                    struct relais_error *err) RELAIS_MUST_CHECK;

#endif
