/* bench_avro [SCHEMA [ROUNDS]]: encodes and decodes one payment of 193 bytes, by us and
 * by avro-c, in turn, on values that are filled already; and reads it as a later version
 * of its schema, beside our plain decode. Prints for each way
 * `name ours_ns yard_ns ratio`, medians over the rounds.
 */
#include <avro.h>

#include "schemas/avro_resolve.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define PAYMENT    "tests/data/bench/payment.avsc"
#define EVOLVED    "tests/data/bench/payment.2.avsc"
#define ROUNDS     9
#define ROUNDS_MAX 999
#define SLICE_NS   60000000
#define TURN       1000
#define PAYMENT_AT "occurred_at"

struct bench {
    struct relais_avro *schema;
    struct relais_avro *evolved;
    struct relais_avro_resolution *resolution;
    void *data;
    int64_t *at; /* a field that changes at each turn */
    struct relais_buf bytes;
    struct relais_arena arena;
    avro_value_t yard;
    avro_value_t yard_read;
    avro_writer_t writer;
    avro_reader_t reader;
    char yard_bytes[1024];
    size_t yard_len;
};

static int64_t now_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static void die(const char *what)
{
    fprintf(stderr, "bench_avro: %s\n", what);
    exit(1);
}

static void set_string(avro_value_t *rec, const char *name, const char *text)
{
    avro_value_t field, branch = {NULL, NULL};

    if (avro_value_get_by_name(rec, name, &field, NULL))
        die(name);
    if (avro_value_get_type(&field) == AVRO_UNION) {
        avro_value_set_branch(&field, 1, &branch);
        field = branch;
    }
    avro_value_set_string_len(&field, (char *)text, strlen(text) + 1);
}

static void set_number(avro_value_t *rec, const char *name, int64_t number)
{
    avro_value_t field, branch = {NULL, NULL};

    if (avro_value_get_by_name(rec, name, &field, NULL))
        die(name);
    if (avro_value_get_type(&field) == AVRO_UNION) {
        avro_value_set_branch(&field, 1, &branch);
        field = branch;
    }
    if (avro_value_get_type(&field) == AVRO_INT64)
        avro_value_set_long(&field, number);
    else if (avro_value_get_type(&field) == AVRO_ENUM)
        avro_value_set_enum(&field, (int)number);
    else
        avro_value_set_int(&field, (int32_t)number);
}

static void fill(avro_value_t *v)
{
    avro_value_t part, line;

    set_string(v, "event_id", "0192f0a4-7f3e-7c1a-9d2b-3f6a5c8e1d20");
    set_number(v, "occurred_at", 1763925230123);
    set_string(v, "producer", "caf-93");
    set_string(v, "territory", "93");
    set_string(v, "case_ref", "D93-2026-00012345");
    avro_value_get_by_name(v, "beneficiary", &part, NULL);
    set_string(&part, "pseudonym", "p1:9f86d081884c7d659a2feaa0c55ad015");
    set_number(&part, "birth_year", 1987);
    set_string(&part, "commune", "93066");
    set_number(v, "benefit", 0);
    set_string(v, "payment_ref", "PMT-2026-11-000123456");
    set_number(v, "period_start", 20393);
    set_number(v, "period_end", 20422);
    set_number(v, "amount_cents", 63525);
    set_string(v, "currency", "EUR");
    set_number(v, "state", 1);
    avro_value_get_by_name(v, "lines", &part, NULL);
    for (int i = 0; i < 3; i++) {
        avro_value_append(&part, &line, NULL);
        set_string(&line, "code", "RSA-BASE");
        set_number(&line, "amount_cents", 21175);
    }
    avro_value_get_by_name(v, "due_date", &part, NULL);
    avro_value_set_branch(&part, 0, &line);
}

static char *read_text(const char *path, size_t *len_out)
{
    struct relais_buf buf = RELAIS_BUF_INIT(RELAIS_AVRO_TEXT_MAX);
    char chunk[4096];
    FILE *f = fopen(path, "rb");
    size_t n;

    if (!f)
        die(path);
    while ((n = fread(chunk, 1, sizeof(chunk), f)) > 0)
        if (relais_buf_add(&buf, chunk, n))
            die("schema too long");
    fclose(f);
    return relais_buf_take(&buf, len_out);
}

static void open_yard(struct bench *b, const char *text, size_t len)
{
    avro_value_iface_t *iface;
    avro_schema_t schema;

    if (avro_schema_from_json_length(text, len, &schema))
        die(avro_strerror());
    iface = avro_generic_class_from_schema(schema);
    avro_generic_value_new(iface, &b->yard);
    avro_generic_value_new(iface, &b->yard_read);
    fill(&b->yard);
    b->writer = avro_writer_memory(b->yard_bytes, sizeof(b->yard_bytes));
    avro_value_write(b->writer, &b->yard);
    b->yard_len = (size_t)avro_writer_tell(b->writer);
    b->reader = avro_reader_memory(b->yard_bytes, (int64_t)b->yard_len);
}

static void open_ours(struct bench *b, const char *text, size_t len)
{
    struct relais_error err = RELAIS_ERROR_INIT;
    const struct relais_avro_type *root;

    b->schema = relais_avro_new((struct relais_slice){text, len}, &err);
    if (!b->schema)
        die(err.text);
    root = relais_avro_root(b->schema);
    b->data = relais_zalloc(root->size);
    if (relais_avro_decode(b->schema, (struct relais_slice){b->yard_bytes, b->yard_len},
                           b->data, &b->arena, NULL, &err))
        die(err.text);
    b->data = relais_avro_copy(b->schema, b->data, &b->arena);
    for (uint32_t i = 0; i < root->count; i++)
        if (strcmp(root->fields[i].name, PAYMENT_AT) == 0)
            b->at = (void *)((char *)b->data + root->fields[i].offset);
    if (!b->data || !b->at)
        die("schema without " PAYMENT_AT);
    if (relais_avro_encode(b->schema, b->data, &b->bytes, NULL, &err))
        die(err.text);
    if (!relais_slice_eq(relais_buf_slice(&b->bytes),
                         (struct relais_slice){b->yard_bytes, b->yard_len}))
        die("the two sides encode different bytes");
}

static void encode_ours(struct bench *b)
{
    relais_buf_clear(&b->bytes);
    ++*b->at;
    if (relais_avro_encode(b->schema, b->data, &b->bytes, NULL, NULL))
        die("encode");
}

static void encode_yard(struct bench *b)
{
    avro_writer_reset(b->writer);
    if (avro_value_write(b->writer, &b->yard))
        die("avro-c encode");
}

static struct relais_arena decode_arena = RELAIS_ARENA_INIT(1u << 20);
static _Alignas(16) char decoded[4096];

static void decode_ours(struct bench *b)
{
    relais_arena_reset(&decode_arena);
    if (relais_avro_decode(b->schema, (struct relais_slice){b->yard_bytes, b->yard_len},
                           decoded, &decode_arena, NULL, NULL))
        die("decode");
    __asm__ volatile("" ::"r"(decoded) : "memory");
}

static void resolve_ours(struct bench *b)
{
    relais_arena_reset(&decode_arena);
    if (relais_avro_resolve(b->resolution,
                            (struct relais_slice){b->yard_bytes, b->yard_len}, decoded,
                            &decode_arena, NULL))
        die("resolve");
    __asm__ volatile("" ::"r"(decoded) : "memory");
}

static void open_evolved(struct bench *b)
{
    struct relais_error err = RELAIS_ERROR_INIT;
    size_t len;
    char *text = read_text(EVOLVED, &len);

    b->evolved = relais_avro_new((struct relais_slice){text, len}, &err);
    if (b->evolved)
        b->resolution = relais_avro_resolution_new(b->schema, b->evolved, &err);
    if (!b->resolution || relais_avro_root(b->evolved)->size > sizeof(decoded))
        die(err.text);
}

static void decode_yard(struct bench *b)
{
    avro_reader_memory_set_source(b->reader, b->yard_bytes, (int64_t)b->yard_len);
    avro_value_reset(&b->yard_read);
    if (avro_value_read(b->reader, &b->yard_read))
        die("avro-c decode");
}

static double time_ns(struct bench *b, void (*turn)(struct bench *))
{
    int64_t start = now_ns(), end = start;
    int64_t turns = 0;

    for (; end - start < SLICE_NS; end = now_ns(), turns += TURN)
        for (int i = 0; i < TURN; i++)
            turn(b);
    return (double)(end - start) / (double)turns;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

static void compare(struct bench *b, const char *name, void (*ours)(struct bench *),
                    void (*yard)(struct bench *), int rounds)
{
    static double ours_ns[ROUNDS_MAX], yard_ns[ROUNDS_MAX], ratio[ROUNDS_MAX];
    size_t count = (size_t)rounds;

    time_ns(b, ours);
    time_ns(b, yard);
    for (size_t i = 0; i < count; i++) {
        ours_ns[i] = time_ns(b, ours);
        yard_ns[i] = time_ns(b, yard);
        ratio[i] = yard_ns[i] / ours_ns[i];
    }
    qsort(ours_ns, count, sizeof(double), by_value);
    qsort(yard_ns, count, sizeof(double), by_value);
    qsort(ratio, count, sizeof(double), by_value);
    printf("%s %.1f %.1f %.2f\n", name, ours_ns[count / 2], yard_ns[count / 2],
           ratio[count / 2]);
}

int main(int argc, char **argv)
{
    struct bench b = {.bytes = RELAIS_BUF_INIT(4096),
                      .arena = RELAIS_ARENA_INIT(1u << 20)};
    long rounds = argc > 2 ? strtol(argv[2], NULL, 10) : ROUNDS;
    size_t len;
    char *text = read_text(argc > 1 ? argv[1] : PAYMENT, &len);

    if (rounds < 1 || rounds > ROUNDS_MAX)
        die("rounds: 1 to 999");
    open_yard(&b, text, len);
    open_ours(&b, text, len);
    if (relais_avro_root(b.schema)->size > sizeof(decoded))
        die("struct larger than 4096 bytes");
    compare(&b, "encode", encode_ours, encode_yard, (int)rounds);
    compare(&b, "decode", decode_ours, decode_yard, (int)rounds);
    open_evolved(&b);
    compare(&b, "resolve", resolve_ours, decode_ours, (int)rounds);
    return 0;
}
