#include "engine/logprobs.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static float largest(const float *logits, uint32_t count)
{
    float max = -INFINITY;
    for (uint32_t i = 0; i < count; i++)
        if (logits[i] > max)
            max = logits[i];
    return max;
}

/* log Σ exp(l); NaN counts as impossible. */
static double log_sum(const float *logits, uint32_t count, float max)
{
    double sum = 0;
    for (uint32_t i = 0; i < count; i++)
        if (logits[i] > -INFINITY)
            sum += (double)expf(logits[i] - max);
    return (double)max + log(sum);
}

/* Into its place among the likeliest; the last one goes. */
static void insert(struct token_logprob *list, uint32_t top, struct token_logprob item)
{
    uint32_t at = top - 1;
    for (; at > 0 && item.logprob > list[at - 1].logprob; at--)
        list[at] = list[at - 1];
    list[at] = item;
}

void logprobs_compute(const float *logits, uint32_t count, int32_t id, uint32_t top,
                      struct token_logprob *row)
{
    struct token_logprob *list = row + 1;
    for (uint32_t i = 0; i < top; i++)
        list[i] = (struct token_logprob){-1, -INFINITY};
    for (uint32_t i = 0; i < count && top > 0; i++)
        if (logits[i] > list[top - 1].logprob)
            insert(list, top, (struct token_logprob){(int32_t)i, logits[i]});
    const float max = largest(logits, count);
    const double total = isfinite(max) ? log_sum(logits, count, max) : (double)INFINITY;
    for (uint32_t i = 0; i < top; i++)
        list[i].logprob = (float)((double)list[i].logprob - total);
    const bool known = id >= 0 && (uint32_t)id < count && logits[id] > -INFINITY;
    row[0] = (struct token_logprob){id, known ? (float)((double)logits[id] - total) : -INFINITY};
}

enum status logprob_list_add(struct logprob_list *list, const struct token_logprob *row,
                             size_t count, struct reason *why)
{
    if (list->count + count > list->cap) {
        const size_t wanted = 2 * (list->count + count);
        struct token_logprob *items = realloc(list->items, wanted * sizeof *items);
        if (!items)
            return reason_no_memory(why, wanted * sizeof *items);
        list->items = items;
        list->cap = wanted;
    }
    memcpy(list->items + list->count, row, count * sizeof *row);
    list->count += count;
    return STATUS_OK;
}

void logprob_list_release(struct logprob_list *list)
{
    free(list->items);
    *list = (struct logprob_list){0};
}
