#include "connectors/pg_received.h"

#include "connectors/pg_completeness.h"
#include "connectors/pg_target_sql.h"

static void find_column(struct pg_received *r, enum pg_received_field field,
                        const struct pg_target_table *main, const char *name)
{
    if (!r->names[field] && pg_target_has(main, name))
        r->names[field] = name;
}

void pg_received_init(struct pg_received *r, const char *contract,
                      const struct pg_target_table *main)
{
    r->contract = contract;
    find_column(r, PG_RECEIVED_DEPOT, main, "entete_origine_depot");
    find_column(r, PG_RECEIVED_OBSERVED, main, "entete_constate_le");
    find_column(r, PG_RECEIVED_ID, main, "entete_id");
    find_column(r, PG_RECEIVED_FAIT, main, "fait");
    for (size_t i = 0; i < PG_COMPLETENESS_AMOUNTS; i++)
        find_column(r, PG_RECEIVED_AMOUNT, main, pg_completeness_amounts[i]);
    find_column(r, PG_RECEIVED_SENS, main, "sens");
}

/* SQL adds up whole numbers; anything else is left to it. */
static bool is_plain(const struct relais_value *v)
{
    return !v || v->kind == RELAIS_VALUE_NULL || v->kind == RELAIS_VALUE_BYTES ||
           (v->kind == RELAIS_VALUE_LONG && v->number != INT64_MIN);
}

static int add_amount(struct relais_buf *out, const struct pg_received *r,
                      const struct relais_value *amount, const struct relais_value *sens)
{
    bool less = sens && sens->kind == RELAIS_VALUE_STRING &&
                relais_slice_is(sens->text, "DEDUCTION");
    int64_t number = amount && amount->kind == RELAIS_VALUE_LONG ? amount->number : 0;

    if (!r->names[PG_RECEIVED_AMOUNT])
        return relais_buf_add_str(out, "\\N\n");
    return relais_buf_add_integer(out, less ? -number : number) ||
           relais_buf_add_char(out, '\n');
}

int pg_received_add(struct pg_received *r, const struct relais_value *event, bool sampled,
                    struct relais_error *err)
{
    const struct relais_value *v[PG_RECEIVED_FIELDS] = {NULL};
    const struct relais_value *depot, *observed, *id;
    struct pg_cell_near near = {0};
    struct relais_buf *out = &r->rows;
    char day[24];

    for (size_t i = 0; i < PG_RECEIVED_FIELDS; i++)
        if (r->names[i])
            v[i] = pg_cell_next(event, r->names[i], &r->paths[i], &near);
    depot = v[PG_RECEIVED_DEPOT];
    observed = v[PG_RECEIVED_OBSERVED];
    id = v[PG_RECEIVED_ID];
    if (!depot || depot->kind == RELAIS_VALUE_NULL)
        return 0;
    if (depot->kind != RELAIS_VALUE_STRING || !observed ||
        observed->kind != RELAIS_VALUE_INSTANT || !id ||
        id->kind != RELAIS_VALUE_STRING || !is_plain(v[PG_RECEIVED_AMOUNT]))
        return 1;
    if (sampled && pg_cell_add_item(&r->sample, id->text, err))
        return -1;
    pg_completeness_day(depot->text, observed->number, day);
    if (pg_cell_add(out, depot, PG_FORM_TEXT, "depot", err) ||
        relais_buf_add_char(out, '\t') || relais_buf_add_str(out, day) ||
        relais_buf_add_char(out, '\t') || relais_buf_add_str(out, r->contract) ||
        relais_buf_add_char(out, '\t') ||
        pg_cell_add(out, v[PG_RECEIVED_FAIT], PG_FORM_TEXT, "fait", err) ||
        relais_buf_add_char(out, '\t') ||
        pg_cell_add(out, id, PG_FORM_TEXT, "entete_id", err) ||
        relais_buf_add_char(out, '\t') ||
        pg_cell_add(out, observed, PG_FORM_TEXT, "constate_le", err) ||
        relais_buf_add_char(out, '\t') ||
        add_amount(out, r, v[PG_RECEIVED_AMOUNT], v[PG_RECEIVED_SENS]))
        return relais_error_set(err, RELAIS_E_LIMIT, "relais_recus", "too large a row");
    return 0;
}
