#include "connectors/cnaf_flow.h"

#include "connectors/cnaf_value.h"
#include "core/day.h"

static bool under(const struct cnaf_element *elements, uint16_t row, uint16_t group)
{
    while (row && row != group)
        row = elements[row].parent;
    return row != 0;
}

int cnaf_get(const struct cnaf_view *view, uint16_t row, struct relais_slice *text_out,
             struct relais_error *err)
{
    char path[sizeof(err->where)];

    *text_out = RELAIS_SLICE_NULL;
    for (size_t i = 0; i < view->count; i++) {
        const struct cnaf_field *field = &view->fields[i];

        if (field->element != row || !field->text.ptr)
            continue;
        if (text_out->ptr && !relais_slice_eq(*text_out, field->text)) {
            cnaf_xml_path(view->elements, row, path, sizeof(path));
            return relais_error_set(err, RELAIS_E_FIELD_RULE, path,
                                    "given twice with different values");
        }
        *text_out = field->text;
    }
    return 0;
}

bool cnaf_any(const struct cnaf_view *view, uint16_t row)
{
    for (size_t i = 0; i < view->count; i++)
        if (view->fields[i].text.ptr &&
            under(view->elements, view->fields[i].element, row))
            return true;
    return false;
}

bool cnaf_group(const struct cnaf_view *view, uint16_t row, size_t *pos,
                struct cnaf_view *group_out)
{
    size_t i = *pos, end;

    while (i < view->count && view->fields[i].element != row)
        i++;
    if (i >= view->count)
        return false;
    for (end = i + 1; end < view->count && view->fields[end].element != row &&
                      under(view->elements, view->fields[end].element, row);)
        end++;
    *group_out = (struct cnaf_view){view->elements, view->fields + i + 1, end - i - 1};
    *pos = end;
    return true;
}

static int bad_header(struct relais_error *err, const char *field)
{
    return relais_error_set(err, RELAIS_E_FILE_HEADER, "IdentificationFlux",
                            "en-tête : %s absent ou invalide", field);
}

/* A header's text, copied. */
static int header_text(const struct cnaf_view *view, uint16_t row,
                       struct relais_arena *arena, struct relais_slice *out,
                       struct relais_error *err)
{
    struct relais_error twice = RELAIS_ERROR_INIT;

    if (cnaf_get(view, row, out, &twice))
        return relais_error_set(err, RELAIS_E_FILE_HEADER, "IdentificationFlux",
                                "en-tête : %s donné deux fois", view->elements[row].name);
    if (out->ptr)
        *out = relais_arena_slice(arena, *out);
    return 0;
}

int cnaf_header_read(const struct cnaf_view *view, const char *nature,
                     struct relais_arena *arena, struct relais_depot *depot,
                     struct relais_error *err)
{
    int64_t time_us;

    if (header_text(view, CNAF_TYPEFLUX, arena, &depot->type, err) ||
        header_text(view, CNAF_NATFLUX, arena, &depot->nature, err) ||
        header_text(view, CNAF_DTCREAFLUX, arena, &depot->day, err) ||
        header_text(view, CNAF_HEUCREAFLUX, arena, &depot->time, err) ||
        header_text(view, CNAF_DTREF, arena, &depot->reference, err))
        return -1;
    if (!relais_slice_is(depot->nature, nature))
        return bad_header(err, "NATFLUX");
    depot->monthly =
        relais_slice_is(depot->type, "M") || relais_slice_is(depot->type, "R");
    if (!depot->monthly && !relais_slice_is(depot->type, "I"))
        return bad_header(err, "TYPEFLUX");
    if (!cnaf_day(depot->day, &depot->created_days) || depot->created_days == CNAF_NO_DAY)
        return bad_header(err, "DTCREAFLUX");
    if (!relais_time_parse(depot->time, &time_us))
        return bad_header(err, "HEUCREAFLUX");
    depot->reference_days = CNAF_NO_DAY;
    if (depot->reference.ptr && !cnaf_day(depot->reference, &depot->reference_days))
        return bad_header(err, "DTREF");
    depot->created_us = relais_paris_to_utc(depot->created_days, time_us);
    depot->readable_header = true;
    return 0;
}

int cnaf_trailer_read(const struct cnaf_view *view, int64_t *records_out,
                      int64_t *anomalies_out, struct relais_error *err)
{
    struct relais_error twice = RELAIS_ERROR_INIT;
    struct relais_slice records, anomalies;

    *records_out = *anomalies_out = -1;
    if (cnaf_get(view, CNAF_NBTOTDOSRSATRANSM, &records, &twice) ||
        cnaf_get(view, CNAF_NBTOTDOSRSATRANSMANO, &anomalies, &twice))
        return relais_error_set(err, RELAIS_E_FILE_TRAILER, "TransmissionFlux",
                                "un total est donné deux fois");
    if (!cnaf_integer(records, records_out) || *records_out < 0)
        return relais_error_set(err, RELAIS_E_FILE_TRAILER, "TransmissionFlux",
                                "NBTOTDOSRSATRANSM absent ou invalide");
    if (anomalies.ptr && (!cnaf_integer(anomalies, anomalies_out) || *anomalies_out < 0))
        return relais_error_set(err, RELAIS_E_FILE_TRAILER, "TransmissionFlux",
                                "NBTOTDOSRSATRANSMANO invalide");
    return 0;
}
