#ifndef RELAIS_CORE_METRICS_H
#define RELAIS_CORE_METRICS_H

/* One table of metrics: a row makes the field, the Prometheus text and docs/METRICS.md.
 * Names follow prometheus.io/docs/practices/naming; seconds and bytes, never
 * milliseconds. No label but `connector` (one a process). Values are C11 atomics: any
 * thread reads or adds without a lock.
 */

#include "core/buf.h"

#include <stdatomic.h>

/* X(field, type, name, help in French) */
#define RELAIS_METRICS(X)                                                                \
    X(records_read, counter, "relais_records_read_total",                                \
      "Enregistrements lus de la source")                                                \
    X(records_parked, counter, "relais_records_parked_total",                            \
      "Enregistrements mis de cote (DLQ)")                                               \
    X(records_unchanged, counter, "relais_records_unchanged_total",                      \
      "Objets relus sans changement")                                                    \
    X(records_stale, counter, "relais_records_stale_total",                              \
      "Blocs plus anciens que l'etat connu")                                             \
    X(warnings, counter, "relais_warnings_total", "Avertissements de controle")          \
    X(events_published, counter, "relais_events_published_total",                        \
      "Evenements acquittes par Kafka")                                                  \
    X(events_consumed, counter, "relais_events_consumed_total",                          \
      "Evenements remis au puits")                                                       \
    X(events_repeated, counter, "relais_events_repeated_total",                          \
      "Evenements deja vus, ecartes")                                                    \
    X(bytes_published, counter, "relais_bytes_published_total",                          \
      "Octets des valeurs publiees")                                                     \
    X(producers_made, counter, "relais_producers_made_total",                            \
      "Producteurs crees (1 + reprises)")                                                \
    X(commits_failed, counter, "relais_commits_failed_total",                            \
      "Positions non enregistrees")                                                      \
    X(retries, counter, "relais_retries_total", "Attentes apres une panne exterieure")   \
    X(throttle_seconds, counter_us, "relais_throttle_seconds_total",                     \
      "Ralentissements imposes par Kafka")                                               \
    X(depots_integrated, counter, "relais_depots_integrated_total", "Fichiers integres") \
    X(depots_held, counter, "relais_depots_held_total", "Fichiers retenus")              \
    X(depots_refused, counter, "relais_depots_refused_total", "Fichiers refuses")        \
    X(inflight_records, gauge, "relais_inflight_records", "Messages en vol")             \
    X(inflight_bytes, gauge, "relais_inflight_bytes", "Octets en vol")                   \
    X(oldest_unacknowledged_since, age_us, "relais_oldest_unacknowledged_seconds",       \
      "Age du plus ancien message non acquitte")                                         \
    X(consumer_lag, gauge, "relais_consumer_lag_records", "Retard du lecteur")           \
    X(slot_retained_bytes, gauge, "relais_slot_retained_bytes",                          \
      "Journal (WAL) que le slot retient sur le serveur PostgreSQL")                     \
    X(slot_safe_bytes, gauge, "relais_slot_safe_bytes",                                  \
      "Octets de journal avant la perte du slot, -1 sans limite")                        \
    X(last_event, timestamp_us, "relais_last_event_timestamp_seconds",                   \
      "Dernier evenement acquitte ou remis")

struct relais_metrics {
#define X(field, type, name, help) _Atomic int64_t field;
    RELAIS_METRICS(X)
#undef X
};

/* The process's own. age_us fields hold relais_monotonic_us() of a start, 0 when there is
 * none. */
extern struct relais_metrics relais_metrics;

#define relais_metric_add(field, n)                                                      \
    atomic_fetch_add_explicit(&relais_metrics.field, (n), memory_order_relaxed)
#define relais_metric_set(field, n)                                                      \
    atomic_store_explicit(&relais_metrics.field, (n), memory_order_relaxed)

/* Prometheus text format 0.0.4. connector: label value, may be NULL. */
int relais_metrics_print(const char *connector, struct relais_buf *out) RELAIS_MUST_CHECK;
int relais_metrics_doc(struct relais_buf *out) RELAIS_MUST_CHECK;

#endif
