#include "server/metrics.h"

#include <stdio.h>

const double histogram_bounds[HISTOGRAM_BUCKETS] = {
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300};

void histogram_add(struct histogram *histogram, double seconds)
{
    size_t bucket = 0;
    while (bucket < HISTOGRAM_BUCKETS && seconds > histogram_bounds[bucket])
        bucket++;
    histogram->counts[bucket]++;
    histogram->sum += seconds;
}

static void add_if_any(struct histogram *histogram, double seconds)
{
    if (seconds >= 0)
        histogram_add(histogram, seconds);
}

/* FNV-1a over what makes a row. */
static uint32_t hash_of(const struct request_facts *facts, const char *code)
{
    uint32_t hash = 2166136261u ^ (uint32_t)facts->status;
    hash = hash * 16777619u ^ (uint32_t)(facts->route ? facts->route - routes + 1 : 0);
    for (; *code; code++)
        hash = (hash ^ (unsigned char)*code) * 16777619u;
    return hash ^ hash >> 16;
}

static bool is_of(const struct request_row *row, const struct request_facts *facts,
                  const char *code)
{
    return row->status == facts->status && row->route == facts->route &&
           strncmp(row->code, code, CODE_BYTES - 1) == 0;
}

/* NULL: the table is full. */
static struct request_row *row_of(struct metrics *metrics, const struct request_facts *facts)
{
    const char *code = facts->code ? facts->code : "";
    const uint32_t hash = hash_of(facts, code);
    for (uint32_t i = 0; i < REQUEST_ROWS; i++) {
        struct request_row *row = &metrics->requests[(hash + i) % REQUEST_ROWS];
        if (row->status == 0) {
            row->route = facts->route;
            row->status = facts->status;
            snprintf(row->code, sizeof row->code, "%s", code);
        }
        if (is_of(row, facts, code))
            return row;
    }
    return NULL;
}

void metrics_count(struct metrics *metrics, const struct request_facts *facts)
{
    struct request_row *row = facts->status != 0 ? row_of(metrics, facts) : NULL;
    if (row)
        row->count++;
    else
        metrics->requests_lost++;
    metrics->sent_bytes += facts->sent_bytes;
    metrics->image_tokens += facts->image_tokens;
    add_if_any(&metrics->request, facts->seconds);
    add_if_any(&metrics->queue, facts->queue_seconds);
    add_if_any(&metrics->first_token, facts->first_token_seconds);
    add_if_any(&metrics->per_token, facts->per_token_seconds);
}
