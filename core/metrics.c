#include "core/metrics.h"
#include "core/day.h"

#include <inttypes.h>
#include <stdio.h>

struct relais_metrics relais_metrics;

/* What a row's type means: how its value is shown, Prometheus's word, the docs' word. */
enum metric_type {
    METRIC_counter,
    METRIC_counter_us, /* microseconds, shown in seconds */
    METRIC_gauge,
    METRIC_age_us,       /* monotonic start, shown as seconds since; 0: none */
    METRIC_timestamp_us, /* wall clock, shown as seconds of the epoch; 0: never */
};

struct metric {
    _Atomic int64_t *value;
    enum metric_type type;
    const char *name;
    const char *help;
};

static const struct metric metrics[] = {
#define X(field, type, name, help) {&relais_metrics.field, METRIC_##type, name, help},
    RELAIS_METRICS(X)
#undef X
};

#define METRIC_COUNT (sizeof(metrics) / sizeof(metrics[0]))

static const char *type_word(enum metric_type type)
{
    return type == METRIC_counter || type == METRIC_counter_us ? "counter" : "gauge";
}

/* A label's value as the text format wants it. */
static int print_label(const char *connector, struct relais_buf *out)
{
    if (!connector)
        return 0;
    if (relais_buf_add_str(out, "{connector=\""))
        return -1;
    for (const char *at = connector; *at; at++) {
        const char *escape = *at == '\n'                 ? "\\n"
                             : *at == '"' || *at == '\\' ? (const char[]){'\\', *at, '\0'}
                                                         : NULL;

        if (escape ? relais_buf_add_str(out, escape) : relais_buf_add_char(out, *at))
            return -1;
    }
    return relais_buf_add_str(out, "\"}");
}

static int print_value(const struct metric *metric, struct relais_buf *out)
{
    int64_t value = atomic_load_explicit(metric->value, memory_order_relaxed);

    if (metric->type == METRIC_counter || metric->type == METRIC_gauge)
        return relais_buf_printf(out, " %" PRId64 "\n", value);
    if (metric->type == METRIC_age_us && value) {
        value = relais_monotonic_us() - value;
        if (value < 0) /* began after the clock was read */
            value = 0;
    }
    return relais_buf_printf(out, " %" PRId64 ".%06" PRId64 "\n", value / 1000000,
                             value % 1000000);
}

int relais_metrics_print(const char *connector, struct relais_buf *out)
{
    for (size_t i = 0; i < METRIC_COUNT; i++) {
        const struct metric *metric = &metrics[i];

        if (relais_buf_printf(out, "# HELP %s %s\n# TYPE %s %s\n%s", metric->name,
                              metric->help, metric->name, type_word(metric->type),
                              metric->name) ||
            print_label(connector, out) || print_value(metric, out))
            return -1;
    }
    return 0;
}

int relais_metrics_doc(struct relais_buf *out)
{
    if (relais_buf_add_str(out, "| mesure | type | sens |\n|---|---|---|\n"))
        return -1;
    for (size_t i = 0; i < METRIC_COUNT; i++)
        if (relais_buf_printf(out, "| `%s` | %s | %s |\n", metrics[i].name,
                              type_word(metrics[i].type), metrics[i].help))
            return -1;
    return 0;
}
