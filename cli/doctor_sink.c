/* relais doctor: what a sink reads, as its start reads it. */
#include "cli/doctor.h"
#include "consumers/sink_conf.h"

void doctor_sink(struct doctor *d, struct relais_arena *arena)
{
    struct relais_error err = RELAIS_ERROR_INIT;
    struct subscriber_options options = {0};

    if (!d->connector || !d->connector->sink)
        return;
    if (sink_options(d->conf, arena, &options, &err)) {
        doctor_error(d, "topics", &err);
        return;
    }
    d->topics = options.topics;
    d->group = options.group;
}

bool doctor_reads(const struct doctor *d, const char *topic)
{
    for (size_t i = 0; d->topics && d->topics[i]; i++)
        if (strcmp(d->topics[i], topic) == 0)
            return true;
    return false;
}
