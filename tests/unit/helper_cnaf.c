#include "helper_cnaf.h"

#include "helper_core.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <cmocka.h>

static const struct relais_source_ops *ops(void)
{
    return relais_connector_find("source_cnaf_beneficiaire")->source;
}

/* Moves a record's content into the run's own batch. */
static void keep(struct helper_cnaf *run, const struct relais_record *rec)
{
    struct relais_record *own = relais_batch_add(&run->batch);
    struct relais_arena *arena = &run->batch.arena;

    assert_non_null(own);
    *own = *rec;
    own->next = NULL;
    own->value = rec->value ? relais_value_copy(arena, rec->value) : NULL;
    own->charge = relais_arena_slice(arena, rec->charge);
    own->case_number = relais_arena_slice(arena, rec->case_number);
    own->position = relais_arena_slice(arena, rec->position);
}

void helper_cnaf_read(struct helper_cnaf *run, const char *path)
{
    struct relais_batch batch;
    bool more = true;

    *run = (struct helper_cnaf){.err = RELAIS_ERROR_INIT};
    relais_batch_init(&run->batch, 256u << 20);
    relais_batch_init(&batch, 2u << 20);
    assert_int_equal(ops()->open_file(&run->state, path, &run->err), 0);
    while (more) {
        relais_batch_reset(&batch);
        if (ops()->poll(run->state, &batch, 0, &run->err) || !batch.count)
            break;
        for (struct relais_record *rec = batch.first; rec; rec = rec->next) {
            if (rec->kind == RELAIS_RECORD_DEPOT) {
                run->depot = *rec->file;
                more = rec->file->problem.code == RELAIS_E_OK &&
                       !ops()->verdict(run->state, rec->file, RELAIS_VERDICT_INTEGRATE,
                                       NULL, &run->err);
            } else if (rec->kind == RELAIS_RECORD_DEPOT_END) {
                run->end_count++;
                more = false;
            } else {
                keep(run, rec);
            }
        }
    }
    relais_batch_release(&batch);
}

void helper_cnaf_release(struct helper_cnaf *run)
{
    ops()->close(run->state);
    relais_batch_release(&run->batch);
}

const struct relais_record *helper_cnaf_record(const struct helper_cnaf *run, size_t i)
{
    const struct relais_record *rec = run->batch.first;

    while (rec && i--)
        rec = rec->next;
    assert_non_null(rec);
    return rec;
}

static const struct relais_value *step(const struct relais_value *v, const char *name)
{
    if (v && v->kind == RELAIS_VALUE_ARRAY) {
        long i = strtol(name, NULL, 10);

        for (v = v->child; v && i--;)
            v = v->next;
        return v;
    }
    return relais_value_get(v, name);
}

const char *helper_cnaf_json(const struct relais_record *rec, const char *path)
{
    static struct relais_buf out = RELAIS_BUF_INIT(1u << 20);
    const struct relais_value *v = rec->value;
    char copy[128], *at = copy;

    relais_buf_clear(&out);
    snprintf(copy, sizeof(copy), "%s", path);
    while (v && at && *at)
        v = step(v, strsep(&at, "."));
    if (!v)
        return "";
    assert_int_equal(relais_value_print(v, &out), 0);
    return out.data;
}

char *helper_cnaf_block(const char *number, const char *matricule, const char *more,
                        const char *right)
{
    struct relais_buf out = RELAIS_BUF_INIT(32u << 20);

    assert_int_equal(
        relais_buf_printf(
            &out,
            "<InfosFoyerRSA><IdentificationRSA><Organisme><FONORG>CAF</FONORG>"
            "<NUMORG>991</NUMORG><MATRICULE>%s</MATRICULE></Organisme><Partenaire>"
            "<TYPEPARTE>CG  </TYPEPARTE><IDEPARTE>099</IDEPARTE></Partenaire><DemandeRSA>"
            "<DTDEMRSA>2024-11-05</DTDEMRSA><NUMDEMRSA>%s</NUMDEMRSA></DemandeRSA>"
            "</IdentificationRSA>%s<PrestationRSA><SituationDossierRSA><EtatDossierRSA>"
            "<ETATDOSRSA>2</ETATDOSRSA></EtatDossierRSA></SituationDossierRSA>"
            "<DetailDroitRSA>%s</DetailDroitRSA></PrestationRSA></InfosFoyerRSA>\n",
            matricule, number, more, right),
        0);
    return relais_buf_take(&out, NULL);
}

char *helper_cnaf_bytes(const char *folder, const void *ptr, size_t len)
{
    struct relais_buf path = RELAIS_BUF_INIT(4096);
    int fd;

    assert_int_equal(relais_buf_printf(&path, "%s/file.xml", folder), 0);
    fd = open(path.data, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, ptr, len), (ssize_t)len);
    close(fd);
    return relais_buf_take(&path, NULL);
}

char *helper_cnaf_file(const char *folder, const char *declaration, const char *body,
                       int n)
{
    struct relais_buf out = RELAIS_BUF_INIT(64u << 20);
    char *path;

    assert_int_equal(
        relais_buf_printf(&out,
                          "%s<Racine>\n" HELPER_CNAF_HEAD "%s"
                          "<TransmissionFlux><NBTOTDOSRSATRANSM>%08d</NBTOTDOSRSATRANSM>"
                          "<NBTOTDOSRSATRANSMANO>00000000</NBTOTDOSRSATRANSMANO>"
                          "</TransmissionFlux>\n</Racine>\n",
                          declaration, body, n),
        0);
    path = helper_cnaf_bytes(folder, out.data, out.len);
    relais_buf_release(&out);
    return path;
}
