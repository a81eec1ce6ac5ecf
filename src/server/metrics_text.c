#include "server/metrics_text.h"

/* Integers as such: counters above 2^53 lose their last digits, as everything that Prometheus
 * keeps. */
static void add_number(struct buf *out, double value)
{
    if (value >= -9e15 && value <= 9e15 && value == (double)(int64_t)value)
        buf_printf(out, "%lld", (long long)value);
    else
        buf_printf(out, "%.15g", value);
}

static void add_label_value(struct buf *out, const char *value)
{
    for (; *value; value++) {
        if (*value == '\n')
            buf_puts(out, "\\n");
        else if (*value == '\\' || *value == '"')
            buf_printf(out, "\\%c", *value);
        else
            buf_putc(out, *value);
    }
}

static void add_labels(struct buf *out, const struct metric_label *labels)
{
    if (!labels || !labels->name)
        return;
    for (const struct metric_label *label = labels; label->name; label++) {
        buf_printf(out, "%c%s=\"", label == labels ? '{' : ',', label->name);
        add_label_value(out, label->value);
        buf_putc(out, '"');
    }
    buf_putc(out, '}');
}

void metrics_family(struct metrics_text *text, const char *name, const char *type, const char *help)
{
    size_t len = strlen(name);
    if (text->open_metrics && strcmp(type, "counter") == 0)
        len -= strlen("_total");
    buf_printf(text->out, "# HELP %.*s %s\n# TYPE %.*s %s\n", (int)len, name, help, (int)len, name,
               type);
    text->family = name;
}

void metrics_sample(struct metrics_text *text, const struct metric_label *labels, double value)
{
    buf_puts(text->out, text->family);
    add_labels(text->out, labels);
    buf_putc(text->out, ' ');
    add_number(text->out, value);
    buf_putc(text->out, '\n');
}

void metrics_single(struct metrics_text *text, const char *name, const char *type, const char *help,
                    double value)
{
    metrics_family(text, name, type, help);
    metrics_sample(text, NULL, value);
}

void metrics_histogram(struct metrics_text *text, const char *name, const char *help,
                       const double *bounds, const uint64_t *counts, size_t count, double sum)
{
    metrics_family(text, name, "histogram", help);
    uint64_t total = 0;
    for (size_t i = 0; i < count; i++) {
        total += counts[i];
        buf_printf(text->out, "%s_bucket{le=\"%.9g\"} %llu\n", name, bounds[i],
                   (unsigned long long)total);
    }
    total += counts[count];
    buf_printf(text->out, "%s_bucket{le=\"+Inf\"} %llu\n%s_sum ", name, (unsigned long long)total,
               name);
    add_number(text->out, sum);
    buf_printf(text->out, "\n%s_count %llu\n", name, (unsigned long long)total);
}

void metrics_end(struct metrics_text *text)
{
    if (text->open_metrics)
        buf_puts(text->out, "# EOF\n");
}
