#include "producers/source_internal.h"

#include "core/day.h"
#include "core/log.h"
#include "producers/position.h"

#include <stdio.h>
#include <stdlib.h>

#define GRACE_US INT64_C(60000000) /* clocks of a server's sessions may disagree */
#define LOOK_US  INT64_C(1000000)

int64_t source_journal_total(const struct store_day *day)
{
    return day->published_total + day->unchanged + day->parked_total;
}

static enum relais_code code_of(const char *name)
{
    for (int code = RELAIS_E_OK; code <= RELAIS_E_BUG; code++)
        if (strcmp(relais_error_name((enum relais_code)code), name) == 0)
            return (enum relais_code)code;
    return RELAIS_E_BUG;
}

void source_journal_counts(const struct store_day *day, struct control_counts *counts)
{
    memset(counts, 0, sizeof(*counts));
    for (size_t i = 0; i < day->published_len; i++)
        counts->published[counts->published_len++] = (struct control_published){
            day->published[i].subject, day->published[i].fait, day->published[i].count,
            day->published[i].centimes};
    for (size_t i = 0; i < day->parked_len; i++)
        counts->parked[counts->parked_len++] =
            (struct control_parked){code_of(day->parked[i].code), day->parked[i].count};
    counts->published_total = day->published_total;
    counts->unchanged = day->unchanged;
    counts->parked_total = day->parked_total;
    memcpy(counts->first_id, day->first_id, 37);
    memcpy(counts->last_id, day->last_id, 37);
}

/* The row's texts are those that the counts borrow, or static ones. */
void source_journal_keep(struct store_day *day, const struct control_counts *counts)
{
    for (size_t i = day->published_len; i < counts->published_len; i++) {
        snprintf(day->published[i].subject, sizeof(day->published[i].subject), "%s",
                 counts->published[i].subject);
        snprintf(day->published[i].fait, sizeof(day->published[i].fait), "%s",
                 counts->published[i].fait);
    }
    for (size_t i = 0; i < counts->published_len; i++) {
        day->published[i].count = counts->published[i].count;
        day->published[i].centimes = counts->published[i].centimes;
    }
    for (size_t i = 0; i < counts->parked_len; i++) {
        snprintf(day->parked[i].code, sizeof(day->parked[i].code), "%s",
                 relais_error_name(counts->parked[i].code));
        day->parked[i].count = counts->parked[i].count;
    }
    day->published_len = counts->published_len;
    day->parked_len = counts->parked_len;
    day->published_total = counts->published_total;
    day->unchanged = counts->unchanged;
    day->parked_total = counts->parked_total;
    memcpy(day->first_id, counts->first_id, 37);
    memcpy(day->last_id, counts->last_id, 37);
}

void source_journal_count(struct source_day *d, const struct inflight_message *m)
{
    const struct note *note = note_of(m);

    if (note->parked != RELAIS_E_OK)
        control_count_parked(&d->counts, note->parked);
    else if (note->kind == NOTE_EVENT)
        control_count_published(&d->counts, note->contract->name, note->fait,
                                note->amount_centimes, m->id);
    else
        d->counts.unchanged++;
}

int source_journal_open(struct source *s, struct source_day *d, int32_t day,
                        struct relais_error *err)
{
    bool found;

    if (store_day(s->store, s->journal.slot, day, &d->row, &found, err)) {
        d->row.day = 0;
        return -1;
    }
    source_journal_counts(&d->row, &d->counts);
    return 0;
}

int source_journal_put(struct source *s, struct source_day *d, struct relais_error *err)
{
    if (!d->row.day)
        return 0;
    source_journal_keep(&d->row, &d->counts);
    return store_put_day(s->store, &d->row, err);
}

int source_journal_see(struct source *s, const struct relais_record *rec,
                       bool *repeated_out, struct relais_error *err)
{
    if (position_make(rec->depot, rec->position, s->journal.current, err))
        return -1;
    *repeated_out = position_reached(s->journal.current, s->journal.position);
    relais_slice_copy(rec->depot, s->journal.slot, sizeof(s->journal.slot));
    if (rec->observed_us > s->journal.seen_us)
        s->journal.seen_us = rec->observed_us;
    return 0;
}

void source_journal_note(const struct source *s, const struct relais_record *rec,
                         struct note *note)
{
    if (!rec->observed_us)
        return;
    note->log = true;
    note->journal_day = relais_paris_day(rec->observed_us);
    memcpy(note->position, s->journal.current, sizeof(note->position));
}

/* ---- a day that is over ------------------------------------------------------------ */

struct search {
    int32_t before; /* days before this one are over */
    bool found;
    struct store_day day; /* the oldest of which something is to be said */
};

static int look_at(void *user, const struct store_day *row)
{
    struct search *search = user;

    if (row->day < search->before && source_journal_total(row) != row->said &&
        (!search->found || row->day < search->day.day)) {
        search->day = *row;
        search->found = true;
    }
    return 0;
}

static int say(struct source *s, const struct store_day *day)
{
    struct control_counts *counts = relais_zalloc(sizeof(*counts));
    const struct control control = {
        .depot = relais_slice_str(day->slot),
        .issue = CONTROL_INTEGRE,
        .counts = counts,
        .journal_day = day->day,
        .rank = day->issued,
    };
    struct relais_error err = RELAIS_ERROR_INIT;
    char text[11];
    int rc;

    source_journal_counts(day, counts);
    memset(&s->closing, 0, sizeof(s->closing));
    while (store_meta(s->store, &s->closing.meta, &err)) {
        if (source_trouble(s, &err, REASON_STATE)) {
            free(counts);
            return -1;
        }
        relais_error_clear(&err);
    }
    s->closing.pending = true;
    s->closing.day = *day;
    s->closing.day.issued++;
    s->closing.day.said = source_journal_total(day);
    rc = source_send_control(s, &control);
    relais_day_format(day->day, text);
    if (!rc)
        relais_log(RELAIS_LOG_INFO,
                   "depot=%s day=%s published=%lld unchanged=%lld parked=%lld", day->slot,
                   text, (long long)day->published_total, (long long)day->unchanged,
                   (long long)day->parked_total);
    free(counts);
    return rc;
}

/* What is over: when a later day's records came, or the source has nothing more to give
 * while the clock says so. */
static int32_t over_before(struct source *s)
{
    int32_t seen = relais_paris_day(s->journal.seen_us - GRACE_US), today;

    if (!s->connector->source->idle || !s->connector->source->idle(s->state))
        return seen;
    today = relais_paris_day(relais_now_us() - GRACE_US);
    return today > seen ? today : seen;
}

int source_journal_look(struct source *s, bool now)
{
    struct relais_error err = RELAIS_ERROR_INIT;
    struct search search = {.found = false};
    int64_t now_us = relais_monotonic_us();

    if (!s->connector->log || (!now && now_us - s->journal.looked_us < LOOK_US))
        return 0;
    s->journal.looked_us = now_us;
    search.before = over_before(s);
    if (search.before <= s->journal.said_before)
        return 0;
    /* what is in flight may count for it */
    if (source_drain(s))
        return -1;
    if (store_days(s->store, look_at, &search, &err))
        return source_trouble(s, &err, REASON_STATE);
    if (search.found)
        return say(s, &search.day);
    s->journal.said_before = search.before;
    return 0;
}
