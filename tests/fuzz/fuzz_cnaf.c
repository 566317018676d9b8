/* Any bytes as a Beneficiaire file: refused with a reason, or as many records as blocks,
 * each with a value or a problem. Corpus: tests/data/cnaf. */
#include "connectors/cnaf_file.h"

#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void records(struct cnaf_file *file, const struct relais_depot *depot)
{
    struct relais_error err = RELAIS_ERROR_INIT;
    struct relais_batch batch;
    int64_t count = 0;
    int rc;

    relais_batch_init(&batch, 1u << 20);
    if (cnaf_file_begin(file, &err))
        abort();
    do {
        relais_batch_reset(&batch);
        rc = cnaf_file_records(file, 0, &batch, &err);
        if (rc < 0)
            abort();
        for (const struct relais_record *rec = batch.first; rec; rec = rec->next) {
            if ((rec->kind == RELAIS_RECORD_SNAPSHOT) != (rec->value != NULL) ||
                (rec->kind == RELAIS_RECORD_PARKED) !=
                    (rec->problem.code != RELAIS_E_OK) ||
                rec->ack != (uint64_t)++count)
                abort();
        }
    } while (rc > 0);
    if (count != (depot->anomalies ? 0 : depot->blocks))
        abort();
    relais_batch_release(&batch);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct relais_error err = RELAIS_ERROR_INIT;
    int fd = memfd_create("cnaf", MFD_CLOEXEC);
    struct cnaf_file *file;
    struct relais_depot *depot;

    if (fd < 0 || write(fd, data, len) != (ssize_t)len)
        abort();
    file = cnaf_file_new(fd, "fuzz");
    depot = cnaf_file_check(file, &err);
    if (!depot)
        abort();
    if (depot->problem.code == RELAIS_E_OK || depot->problem.code == RELAIS_E_FILE_TOTAL)
        records(file, depot);
    cnaf_file_free(file);
    return 0;
}
