#include "connectors/cnaf_file.h"

#include "connectors/cnaf_seen.h"

#include <inttypes.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define HEADER_TEXT_MAX 4096
#define BATCH_MAX       512

struct cnaf_file {
    int fd;
    char *path;
    struct cnaf_input input;
    struct cnaf_xml *xml;
    struct cnaf_seen seen;
    struct relais_arena texts; /* of the header */
    struct relais_depot depot;
    const struct cnaf_part *pending; /* read, not yet given */
};

static struct cnaf_view view_of(const struct cnaf_part *part)
{
    return (struct cnaf_view){cnaf_beneficiaire_elements, part->fields,
                              part->field_count};
}

struct cnaf_file *cnaf_file_new(int fd, const char *path)
{
    struct cnaf_file *file = relais_zalloc(sizeof(*file));

    file->fd = fd;
    file->path = relais_strdup(path);
    file->texts = (struct relais_arena)RELAIS_ARENA_INIT(HEADER_TEXT_MAX);
    cnaf_input_init(&file->input, fd);
    file->xml = cnaf_xml_new(cnaf_beneficiaire_elements, cnaf_beneficiaire_element_count,
                             &file->input);
    return file;
}

void cnaf_file_free(struct cnaf_file *file)
{
    if (!file)
        return;
    cnaf_xml_free(file->xml);
    cnaf_input_release(&file->input);
    cnaf_seen_release(&file->seen);
    relais_arena_release(&file->texts);
    close(file->fd);
    free(file->path);
    free(file);
}

/* The numbers announced by the trailer. */
struct announced {
    int64_t records, anomalies;
};

static int check_part(struct cnaf_file *file, const struct cnaf_part *part,
                      struct announced *announced, struct relais_error *problem)
{
    struct relais_error unnamed = RELAIS_ERROR_INIT;
    struct cnaf_view view = view_of(part);
    struct cnaf_identity identity;

    switch (part->kind) {
    case CNAF_HEADER:
        return cnaf_header_read(&view, CNAF_BENEFICIAIRE_NATFLUX, &file->texts,
                                &file->depot, problem);
    case CNAF_TRAILER:
        return cnaf_trailer_read(&view, &announced->records, &announced->anomalies,
                                 problem);
    default:
        file->depot.blocks++;
        file->depot.anomalies |= cnaf_beneficiaire_anomaly(&view);
        if (!cnaf_beneficiaire_identity(&view, &identity, &unnamed))
            cnaf_seen_add(&file->seen, &identity, part->ordinal);
        return 0;
    }
}

/* A file of anomalies is checked against its own total, any other against the other. */
static void check_totals(struct relais_depot *depot, const struct announced *announced)
{
    struct relais_total *total = &depot->totals[0];

    *total =
        (struct relais_total){"NBTOTDOSRSATRANSM", announced->records, depot->blocks};
    if (depot->anomalies)
        *total = (struct relais_total){"NBTOTDOSRSATRANSMANO", announced->anomalies,
                                       depot->blocks};
    depot->total_count = 1;
    if (total->announced < 0)
        relais_error_set(&depot->problem, RELAIS_E_FILE_TRAILER, "TransmissionFlux",
                         "%s absent", total->name);
    else if (total->announced != total->read)
        relais_error_set(&depot->problem, RELAIS_E_FILE_TOTAL, "TransmissionFlux",
                         "%s : %" PRId64 " annoncés, %" PRId64 " lus", total->name,
                         total->announced, total->read);
}

/* Reads on to the file's end, for its hash. */
static int drain(struct cnaf_file *file, struct relais_error *err)
{
    struct relais_slice chunk;
    int rc;

    while ((rc = cnaf_input_next(&file->input, -1, &chunk, err)) > 0)
        ;
    return rc;
}

static bool same_file(const struct stat *a, const struct stat *b)
{
    return a->st_size == b->st_size && a->st_mtim.tv_sec == b->st_mtim.tv_sec &&
           a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

struct relais_depot *cnaf_file_check(struct cnaf_file *file, struct relais_error *err)
{
    struct announced announced = {-1, -1};
    struct relais_depot *depot = &file->depot;
    const struct cnaf_part *part;
    struct stat before, after;
    int rc;

    *depot = (struct relais_depot){.path = file->path, .reference_days = INT32_MIN};
    relais_arena_reset(&file->texts);
    cnaf_seen_release(&file->seen);
    cnaf_xml_rewind(file->xml, false);
    if (fstat(file->fd, &before))
        before.st_size = -1;
    while ((rc = cnaf_xml_next(file->xml, &part, &depot->problem)) > 0)
        if (check_part(file, part, &announced, &depot->problem))
            break;
    if (depot->problem.code == RELAIS_E_IO) {
        *err = depot->problem;
        return NULL;
    }
    if (depot->problem.code == RELAIS_E_OK)
        check_totals(depot, &announced);
    if (drain(file, err))
        return NULL;
    if (fstat(file->fd, &after) || !same_file(&before, &after)) {
        relais_error_clear(&depot->problem);
        relais_error_set(&depot->problem, RELAIS_E_FILE_CHANGED, NULL,
                         "le fichier a changé pendant sa lecture");
    }
    cnaf_input_hash(&file->input, depot->hash);
    return depot;
}

int cnaf_file_begin(struct cnaf_file *file, struct relais_error *err)
{
    if (cnaf_input_verify(&file->input, err))
        return -1;
    cnaf_xml_rewind(file->xml, true);
    file->pending = NULL;
    return 0;
}

static struct relais_slice charge_of(const struct cnaf_file *file,
                                     const struct cnaf_part *part,
                                     struct relais_arena *arena)
{
    struct relais_slice head = cnaf_xml_preamble(file->xml), body = part->bytes;
    char *to;

    if (!head.ptr || !body.ptr || head.len + body.len > CNAF_KEEP_MAX)
        return RELAIS_SLICE_NULL;
    if (!(to = relais_arena_alloc(arena, head.len + body.len)))
        return RELAIS_SLICE_NULL;
    memcpy(to, head.ptr, head.len);
    memcpy(to + head.len, body.ptr, body.len);
    return (struct relais_slice){to, head.len + body.len};
}

/* What a block gives: its kind, and for SNAPSHOT its value, for PARKED its problem. 0:
 * the arena is full. */
static int judge(struct cnaf_file *file, const struct cnaf_part *part,
                 struct relais_batch *out, struct relais_record *rec)
{
    struct cnaf_view view = view_of(part);
    struct cnaf_identity identity;
    int rc;

    rec->kind = RELAIS_RECORD_PARKED;
    if (!cnaf_beneficiaire_identity(&view, &identity, &rec->problem)) {
        switch (cnaf_seen_standing(&file->seen, &identity, part->ordinal)) {
        case CNAF_REPLACED:
            rec->kind = RELAIS_RECORD_SUPERSEDED;
            return 1;
        case CNAF_CONFLICT:
            relais_error_set(&rec->problem, RELAIS_E_DUPLICATE,
                             "InfosFoyerRSA.IdentificationRSA.Organisme.MATRICULE",
                             "two MATRICULE under one NUMDEMRSA in this file");
            break;
        case CNAF_LAST:
            break;
        }
    }
    if (part->problem.code != RELAIS_E_OK)
        rec->problem = part->problem;
    if (rec->problem.code == RELAIS_E_OK) {
        rc = cnaf_beneficiaire_value(&view, file->depot.created_us, &out->arena,
                                     &rec->value, &rec->problem);
        if (rc > 0)
            rec->kind = RELAIS_RECORD_SNAPSHOT;
        return rc != 0;
    }
    return 1;
}

/* 1: appended; 0: no room. */
static int append(struct cnaf_file *file, const struct cnaf_part *part, uint64_t ack_base,
                  struct relais_batch *out)
{
    struct relais_record made = {.schema = CNAF_BENEFICIAIRE_SCHEMA}, *rec;

    if (!judge(file, part, out, &made))
        return 0;
    if (made.kind == RELAIS_RECORD_PARKED) {
        struct cnaf_view view = view_of(part);
        struct cnaf_identity identity;

        made.value = NULL;
        (void)cnaf_beneficiaire_identity(&view, &identity, NULL);
        made.case_number = relais_arena_slice(&out->arena, identity.number);
    }
    if (made.kind != RELAIS_RECORD_SUPERSEDED) {
        made.charge = charge_of(file, part, &out->arena);
        if (part->bytes.ptr && !made.charge.ptr && out->count)
            return 0;
    }
    made.depot = (struct relais_slice){file->depot.hash, 16};
    made.position = relais_arena_printf(&out->arena, "%" PRId64, part->ordinal);
    made.ack = ack_base + (uint64_t)part->ordinal;
    made.file = &file->depot;
    if (!made.position.ptr || !(rec = relais_batch_add(out)))
        return 0;
    made.next = rec->next;
    *rec = made;
    return 1;
}

/* A block that no batch can hold is parked without its bytes. */
static int append_too_large(struct cnaf_file *file, const struct cnaf_part *part,
                            uint64_t ack_base, struct relais_batch *out,
                            struct relais_error *err)
{
    struct cnaf_part bare = *part;

    relais_batch_reset(out);
    bare.bytes = RELAIS_SLICE_NULL;
    relais_error_set(&bare.problem, RELAIS_E_XML_LIMIT, "InfosFoyerRSA",
                     "larger than a batch");
    return append(file, &bare, ack_base, out)
               ? 0
               : relais_error_set(err, RELAIS_E_BUG, "cnaf_file",
                                  "batch arena too small");
}

int cnaf_file_records(struct cnaf_file *file, uint64_t ack_base, struct relais_batch *out,
                      struct relais_error *err)
{
    if (file->depot.anomalies)
        return 0;
    while (out->count < BATCH_MAX) {
        if (!file->pending) {
            int rc = cnaf_xml_next(file->xml, &file->pending, err);

            if (rc <= 0)
                return rc;
        }
        if (file->pending->kind == CNAF_RECORD &&
            !append(file, file->pending, ack_base, out)) {
            if (out->count)
                return 1;
            if (append_too_large(file, file->pending, ack_base, out, err))
                return -1;
        }
        file->pending = NULL;
    }
    return 1;
}

void cnaf_file_peek(int fd, struct relais_depot *depot)
{
    struct relais_arena texts = RELAIS_ARENA_INIT(HEADER_TEXT_MAX);
    struct relais_error ignored = RELAIS_ERROR_INIT;
    const struct cnaf_part *part;
    struct cnaf_input input;
    struct cnaf_xml *xml;

    *depot = (struct relais_depot){.reference_days = INT32_MIN};
    cnaf_input_init(&input, fd);
    xml =
        cnaf_xml_new(cnaf_beneficiaire_elements, cnaf_beneficiaire_element_count, &input);
    if (cnaf_xml_next(xml, &part, &ignored) > 0) {
        struct cnaf_view view = view_of(part);

        (void)!cnaf_header_read(&view, CNAF_BENEFICIAIRE_NATFLUX, &texts, depot,
                                &ignored);
    }
    depot->type = depot->nature = depot->day = depot->time = depot->reference =
        RELAIS_SLICE_NULL;
    cnaf_xml_free(xml);
    cnaf_input_release(&input);
    relais_arena_release(&texts);
}
