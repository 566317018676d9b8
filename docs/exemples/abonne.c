/* Un abonné complet : range l'état de chaque droit, au moins une fois, dans l'ordre.
 *   cc abonne.c $(pkg-config --cflags --libs relais) -o abonne
 *   ./abonne 127.0.0.1:9092 http://127.0.0.1:8081 dep93.eligibility.v1 mon.groupe
 */
#include <inttypes.h>
#include <relais.h>
#include <signal.h>
#include <stdio.h>

static volatile sig_atomic_t fin;
static void arreter(int signal) { fin = signal; }

/* Votre code : ranger l'événement, si relais_event_newer() que ce qui est déjà rangé pour
 * cet objet. Autre que 0 : s'arrêter ; ce qui n'est pas enregistré reviendra. */
static int ranger(struct relais_event *ev)
{
    size_t len;
    const char *json = relais_event_json(ev, &len);

    printf("%s %s %" PRId64 " %.*s\n", relais_event_id(ev), relais_event_subject(ev),
           relais_event_sequence(ev), (int)len, json ? json : "");
    return fflush(stdout);
}

int main(int argc, char **argv)
{
    const char *topics[] = {argc > 3 ? argv[3] : "dep93.eligibility.v1", NULL};
    struct relais_subscriber_options options = {
        .size = sizeof(options),
        .brokers = argc > 1 ? argv[1] : "127.0.0.1:9092",
        .registry = argc > 2 ? argv[2] : "http://127.0.0.1:8081",
        .group = argc > 4 ? argv[4] : NULL,
        .topics = topics,
        .from_ms = RELAIS_FROM_GROUP,
    };
    char erreur[256];
    struct relais_subscriber *sub =
        relais_subscriber_new(&options, erreur, sizeof(erreur));
    int rc = sub ? 0 : 1;

    if (!sub)
        fprintf(stderr, "%s\n", erreur);
    signal(SIGTERM, arreter);
    while (!fin && !rc) {
        struct relais_event *ev = relais_subscriber_poll(sub, 500);

        if (ev && relais_event_problem(ev)) /* pas un événement de relais : à examiner */
            fprintf(stderr, "%s\n", relais_event_problem(ev));
        else if (ev && !relais_event_seen(sub, ev))
            rc = ranger(ev);
        if (!ev && relais_subscriber_error(sub))
            fprintf(stderr, "%s\n", relais_subscriber_error(sub));
        else if (!ev && relais_subscriber_commit(sub)) /* tout ce qui précède est rangé */
            fprintf(stderr, "%s\n", relais_subscriber_error(sub));
        relais_event_free(ev);
    }
    relais_subscriber_free(sub);
    return rc;
}
