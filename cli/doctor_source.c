/* relais doctor: what a source publishes, as its start reads it. */
#include "cli/doctor.h"
#include "connectors/outbox_row.h"
#include "producers/source_run.h"
#include "schemas/catalog.h"
#include "schemas/family.h"

static const char *short_name(const struct relais_contract *contract)
{
    const char *dot = strrchr(contract->name, '.');

    return dot ? dot + 1 : contract->name;
}

/* "EvenementDroit, EvenementMesure" of the contracts that a source may publish. */
static void publishable(struct relais_buf *out)
{
    const struct relais_contract *contract;

    for (size_t i = 0; (contract = relais_catalog_at(i)); i++)
        if (relais_family_find(contract) &&
            relais_buf_printf(out, "%s%s", out->len ? ", " : "", short_name(contract)))
            return;
}

/* schema and routes of an outbox, before the contracts that they name. */
static int read_form(struct doctor *d, struct relais_error *err)
{
    struct outbox_form form;
    int rc = 0;

    if (d->connector == &relais_source_postgres_outbox) {
        rc = outbox_form_init(&form, d->conf, err);
        outbox_form_release(&form);
    }
    return rc;
}

void doctor_source(struct doctor *d)
{
    struct relais_buf names = RELAIS_BUF_INIT(1024), todo = RELAIS_BUF_INIT(1024);
    struct relais_error err = RELAIS_ERROR_INIT;
    struct relais_source_contracts contracts;

    if (!d->connector || !d->connector->source)
        return;
    if (read_form(d, &err) ||
        relais_source_contracts(d->conf, d->connector, &contracts, &err)) {
        publishable(&names);
        doctor_wrong(d, "messages",
                     relais_buf_printf(&todo,
                                       "corriger la section [connector] ; messages "
                                       "possibles : %s",
                                       names.data ? names.data : "")
                         ? NULL
                         : todo.data,
                     "%s : %s (%s)", err.where, err.text, relais_error_name(err.code));
    } else {
        for (size_t i = 0; i < contracts.count; i++)
            if (relais_buf_printf(&names, "%s%s", names.len ? ", " : "",
                                  short_name(contracts.rows[i])))
                break;
        doctor_ok("messages", "%s", names.data ? names.data : "");
    }
    relais_buf_release(&names);
    relais_buf_release(&todo);
}
