/* The text format of Prometheus (version 0.0.4), or OpenMetrics 1.0.
 *
 * A family begins with its name, type and help; then come its samples. The name of a counter ends
 * in _total; OpenMetrics names the family without that. */
#pragma once

#include "base/buf.h"
#include "server/metrics.h"

struct metrics_text {
    struct buf *out;
    bool open_metrics;
    const char *family;
};

struct metric_label {
    const char *name, *value; /* name NULL: no label */
};

/* type: "counter", "gauge", "histogram". The name lives as long as its samples are written. */
void metrics_family(struct metrics_text *text, const char *name, const char *type,
                    const char *help);

/* One sample of the family; labels end with one without name, NULL: none. */
void metrics_sample(struct metrics_text *text, const struct metric_label *labels, double value);

/* A family with one sample without labels. */
void metrics_single(struct metrics_text *text, const char *name, const char *type, const char *help,
                    double value);

/* A whole family: buckets that are not cumulative, `count` of them with bounds, one without. */
void metrics_histogram(struct metrics_text *text, const char *name, const char *help,
                       const double *bounds, const uint64_t *counts, size_t count, double sum);

void metrics_end(struct metrics_text *text);
