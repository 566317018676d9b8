#ifndef RELAIS_CORE_ERROR_H
#define RELAIS_CORE_ERROR_H

/* The one error type. A function that can fail returns 0 or -1 (NULL or a pointer) and
 * fills the caller's struct relais_error; the class of its code alone decides what the
 * pipeline does. Neither `where` nor `text` ever holds a value of a person: they name
 * file, line or path, field, rule. Ownership: plain value, caller's storage. Threads: no
 * shared state.
 */

#define RELAIS_MUST_CHECK   __attribute__((warn_unused_result))
#define RELAIS_PRINTF(f, a) __attribute__((format(printf, f, a)))

enum relais_class {
    RELAIS_RETRY, /* the outside world is away: back off, readiness 503 */
    RELAIS_DATA,  /* this record or file: park it, go on */
    RELAIS_CONF,  /* exit 78: a person has to change something */
    RELAIS_FATAL, /* exit 70: our own fault, or a broken promise */
};

#define RELAIS_ERRORS(X)                                                                 \
    X(OK, RETRY, "no error")                                                             \
    X(BROKER_DOWN, RETRY, "Kafka broker unreachable")                                    \
    X(BROKER_FATAL, RETRY, "producer or consumer broken, to be made again")              \
    X(QUEUE_FULL, RETRY, "queue full")                                                   \
    X(REGISTRY_DOWN, RETRY, "schema registry unreachable")                               \
    X(IO, RETRY, "input or output failed")                                               \
    X(PG_DOWN, RETRY, "PostgreSQL unreachable")                                          \
    X(FENCED, RETRY, "another process took over these partitions")                       \
    X(REREAD, RETRY, "what was not durable is read again from the sink's positions")     \
    X(DISK_FULL, RETRY, "no space left on the device")                                   \
    X(STOPPED, RETRY, "asked to stop")                                                   \
    X(FIELD_MISSING, DATA, "required field absent")                                      \
    X(FIELD_UNKNOWN, DATA, "field not in the schema")                                    \
    X(FIELD_TYPE, DATA, "value does not fit the field type")                             \
    X(FIELD_LENGTH, DATA, "value too long")                                              \
    X(FIELD_RULE, DATA, "value breaks the field's rule")                                 \
    X(CODE_UNKNOWN, DATA, "code not valid on the event day")                             \
    X(TERRITORY, DATA, "belongs to another territory")                                   \
    X(ID_CONFLICT, DATA, "same id with other content")                                   \
    X(DUPLICATE, DATA, "two objects under one number")                                   \
    X(AVRO_TRUNCATED, DATA, "Avro data ends too early")                                  \
    X(AVRO_INVALID, DATA, "Avro data invalid")                                           \
    X(AVRO_LIMIT, DATA, "Avro data beyond a limit")                                      \
    X(SCHEMA_INVALID, CONF, "Avro schema invalid")                                       \
    X(SCHEMA_MISMATCH, DATA, "written by a schema that the reader's does not fit")       \
    X(SCHEMA_UNKNOWN, DATA, "schema not known here")                                     \
    X(JSON_INVALID, DATA, "JSON invalid")                                                \
    X(XML_INVALID, DATA, "XML not well-formed")                                          \
    X(XML_LIMIT, DATA, "XML beyond a limit")                                             \
    X(XML_DTD, DATA, "document type declaration refused")                                \
    X(ENCODING, DATA, "bytes do not fit the declared encoding")                          \
    X(FILE_HEADER, DATA, "file header absent or invalid")                                \
    X(FILE_TRAILER, DATA, "file trailer absent or invalid")                              \
    X(FILE_TOTAL, DATA, "totals announced and read differ")                              \
    X(FILE_ORDER, DATA, "older than a file already integrated")                          \
    X(FILE_AGAIN, DATA, "same header as an integrated file, other content")              \
    X(FILE_CHANGED, DATA, "file changed while it was read")                              \
    X(MESSAGE_SIZE, DATA, "message larger than the topic admits")                        \
    X(PROTECTED, DATA, "protected field cannot be opened")                               \
    X(LIMIT, DATA, "beyond a limit")                                                     \
    X(PG_ROW, DATA, "PostgreSQL refuses the row")                                        \
    X(PG_RIGHTS, CONF, "PostgreSQL refuses the connection or the right")                 \
    X(PG_SCHEMA, CONF, "table, column or type not as declared")                          \
    X(PG_PROTOCOL, FATAL, "PostgreSQL sent what its protocol does not know")             \
    X(SLOT_MISSING, CONF, "replication slot does not exist")                             \
    X(SLOT_LOST, CONF, "replication slot invalidated: WAL is gone")                      \
    X(SLOT_FOREIGN, CONF, "replication slot of another kind or database")                \
    X(SLOT_ORIGIN, CONF, "replication slot not of the server known so far")              \
    X(PUBLICATION, CONF, "publication absent or without our tables")                     \
    X(CONF_FILE, CONF, "configuration file unreadable")                                  \
    X(CONF_KEY, CONF, "unknown configuration key")                                       \
    X(CONF_VALUE, CONF, "configuration value invalid")                                   \
    X(KEYRING, CONF, "key ring invalid")                                                 \
    X(RIGHTS, CONF, "right refused")                                                     \
    X(TOPIC_MISSING, CONF, "topic does not exist")                                       \
    X(POSITION_LOST, CONF, "events were deleted before they were read")                  \
    X(REGISTRY_REFUSED, CONF, "schema registry refuses")                                 \
    X(STATE_EMPTY, CONF, "state folder empty, topic not")                                \
    X(STATE_AHEAD, CONF, "state folder ahead of the topic")                              \
    X(STATE_LOCKED, CONF, "state folder in use by another process")                      \
    X(STATE_BROKEN, FATAL, "state folder damaged")                                       \
    X(USAGE, CONF, "command used wrongly")                                               \
    X(OPINION, FATAL, "the two Avro engines disagree")                                   \
    X(BUG, FATAL, "a promise of our own code is broken")

enum relais_code {
#define X(name, cls, text) RELAIS_E_##name,
    RELAIS_ERRORS(X)
#undef X
};

struct relais_error {
    enum relais_code code;
    char where[96];
    char text[192];
};

#define RELAIS_ERROR_INIT                                                                \
    {                                                                                    \
        RELAIS_E_OK, "", ""                                                              \
    }

/* Fills err (may be NULL) if it holds no error yet: the first one wins. where may be
 * NULL. Text that does not fit is cut. Always -1, so that a failure is one line. */
int relais_error_set(struct relais_error *err, enum relais_code code, const char *where,
                     const char *fmt, ...) RELAIS_PRINTF(4, 5);

/* Puts `prefix` before err->where ("personnes[2]" + "nir" -> "personnes[2].nir"). */
void relais_error_prefix(struct relais_error *err, const char *prefix);

void relais_error_clear(struct relais_error *err);

enum relais_class relais_error_class(enum relais_code code);
const char *relais_error_name(enum relais_code code);    /* "CODE_UNKNOWN" */
const char *relais_error_meaning(enum relais_code code); /* the table's text */

/* sysexits(3): RETRY 75, DATA 65 (1 for `check`), CONF 78, FATAL 70. */
int relais_error_exit(enum relais_code code);

#endif
