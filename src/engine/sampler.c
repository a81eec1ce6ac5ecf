#include "engine/sampler.h"

#include "engine/random.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define GREEDY_BELOW 1e-5f

/* How often an id was seen. */
struct seen {
    uint32_t in_output;
    bool listed;
};

struct sampler {
    struct sampling sampling;
    uint32_t vocab_size;
    struct random random;
    struct candidate *candidates; /* [vocab_size]; NULL: greedy */
    struct candidate first;       /* the candidate of greedy sampling */
    struct seen *seen;            /* [vocab_size]; NULL: no penalties */
    int32_t *listed;              /* the ids seen so far, each once */
    uint32_t listed_count;
    struct logit_bias *biases; /* [sampling.bias_count] */
    int32_t *allowed;          /* [sampling.allowed_count] */
    float *allowed_logits;     /* the same */
};

static bool is_greedy(const struct sampling *s)
{
    return s->temperature < GREEDY_BELOW;
}

static bool has_penalties(const struct sampling *s)
{
    return s->repetition_penalty != 1 || s->presence_penalty != 0 || s->frequency_penalty != 0;
}

/* A copy of a list; false: no memory. */
static bool copy_list(const void *from, uint32_t count, size_t size, void **out)
{
    if (count == 0)
        return true;
    *out = malloc(count * size);
    if (*out)
        memcpy(*out, from, count * size);
    return *out;
}

static enum status copy_wishes(struct sampler *sampler, struct reason *why)
{
    struct sampling *s = &sampler->sampling;
    const bool copied =
        copy_list(s->biases, s->bias_count, sizeof *s->biases, (void **)&sampler->biases) &&
        copy_list(s->allowed, s->allowed_count, sizeof *s->allowed, (void **)&sampler->allowed);
    if (copied && s->allowed_count > 0)
        sampler->allowed_logits = calloc(s->allowed_count, sizeof *sampler->allowed_logits);
    s->biases = NULL;
    s->allowed = NULL;
    if (!copied || (s->allowed_count > 0 && !sampler->allowed_logits))
        return reason_no_memory(why, s->allowed_count * sizeof *sampler->allowed_logits);
    return STATUS_OK;
}

enum status sampler_create(const struct sampling *sampling, uint32_t vocab_size,
                           struct sampler **out, struct reason *why)
{
    struct sampler *sampler = calloc(1, sizeof *sampler);
    if (!sampler)
        return reason_no_memory(why, sizeof *sampler);
    sampler->sampling = *sampling;
    sampler->vocab_size = vocab_size;
    random_init(&sampler->random, sampling->seed);
    const enum status status = copy_wishes(sampler, why);
    if (status == STATUS_OK)
        *out = sampler;
    else
        sampler_destroy(sampler);
    return status;
}

enum status sampler_start(struct sampler *sampler, struct reason *why)
{
    const uint32_t vocab_size = sampler->vocab_size;
    const bool draws = !is_greedy(&sampler->sampling), counts = has_penalties(&sampler->sampling);
    /* Large blocks of zeroed memory cost nothing until they are used. */
    if (draws)
        sampler->candidates = calloc(vocab_size, sizeof *sampler->candidates);
    if (counts) {
        sampler->seen = calloc(vocab_size, sizeof *sampler->seen);
        sampler->listed = calloc(vocab_size, sizeof *sampler->listed);
    }
    if ((draws && !sampler->candidates) || (counts && (!sampler->seen || !sampler->listed)))
        return reason_no_memory(why, vocab_size * sizeof *sampler->candidates);
    return STATUS_OK;
}

void sampler_destroy(struct sampler *sampler)
{
    if (!sampler)
        return;
    free(sampler->candidates);
    free(sampler->seen);
    free(sampler->listed);
    free(sampler->biases);
    free(sampler->allowed);
    free(sampler->allowed_logits);
    free(sampler);
}

static struct seen *see(struct sampler *sampler, int32_t id)
{
    if (!sampler->seen || id < 0 || (uint32_t)id >= sampler->vocab_size)
        return NULL;
    struct seen *seen = &sampler->seen[id];
    if (!seen->listed) {
        seen->listed = true;
        sampler->listed[sampler->listed_count++] = id;
    }
    return seen;
}

void sampler_see_prompt(struct sampler *sampler, int32_t id)
{
    (void)see(sampler, id);
}

void sampler_see_output(struct sampler *sampler, int32_t id)
{
    struct seen *seen = see(sampler, id);
    if (seen)
        seen->in_output++;
}

/* Everything else becomes impossible. */
static void keep_allowed(const struct sampler *sampler, float *logits)
{
    const uint32_t count = sampler->sampling.allowed_count;
    for (uint32_t i = 0; i < count; i++)
        sampler->allowed_logits[i] = logits[sampler->allowed[i]];
    for (uint32_t i = 0; i < sampler->vocab_size; i++)
        logits[i] = -INFINITY;
    for (uint32_t i = 0; i < count; i++)
        logits[sampler->allowed[i]] = sampler->allowed_logits[i];
}

static void apply_wishes(const struct sampler *sampler, float *logits)
{
    if (sampler->allowed)
        keep_allowed(sampler, logits);
    for (uint32_t i = 0; i < sampler->sampling.bias_count; i++)
        logits[sampler->biases[i].id] += sampler->biases[i].bias;
}

static void apply_penalties(const struct sampler *sampler, float *logits)
{
    const struct sampling *s = &sampler->sampling;
    for (uint32_t i = 0; i < sampler->listed_count; i++) {
        float *logit = &logits[sampler->listed[i]];
        const uint32_t in_output = sampler->seen[sampler->listed[i]].in_output;
        *logit = *logit > 0 ? *logit / s->repetition_penalty : *logit * s->repetition_penalty;
        *logit -= s->frequency_penalty * (float)in_output;
        if (in_output > 0)
            *logit -= s->presence_penalty;
    }
}

/* The first of the largest; NaN never wins. */
static int32_t argmax(const float *logits, uint32_t n)
{
    uint32_t best = 0;
    float max = -INFINITY;
    for (uint32_t i = 0; i < n; i++) {
        if (logits[i] > max) {
            max = logits[i];
            best = i;
        }
    }
    return (int32_t)best;
}

/* Every id whose probability is positive and at least min_p times the largest. */
static uint32_t gather(struct sampler *sampler, const float *logits, float max)
{
    const struct sampling *s = &sampler->sampling;
    const double floor =
        s->min_p > 0 ? (double)max + (double)s->temperature * log((double)s->min_p) : -INFINITY;
    uint32_t count = 0;
    for (uint32_t i = 0; i < sampler->vocab_size; i++)
        if (logits[i] > -INFINITY && (double)logits[i] >= floor)
            sampler->candidates[count++] = (struct candidate){logits[i], (int32_t)i, 0};
    return count;
}

/* Larger logits first, then lower ids. */
static bool before(const struct candidate *a, const struct candidate *b)
{
    return a->logit > b->logit || (a->logit == b->logit && a->id < b->id);
}

static void swap(struct candidate *a, struct candidate *b)
{
    const struct candidate kept = *a;
    *a = *b;
    *b = kept;
}

/* Restores the heap whose root may be out of place. */
static void sift_down(struct candidate *heap, uint32_t count, uint32_t root)
{
    for (;;) {
        uint32_t top = root;
        for (uint32_t child = 2 * root + 1; child <= 2 * root + 2 && child < count; child++)
            if (before(&heap[child], &heap[top]))
                top = child;
        if (top == root)
            return;
        swap(&heap[root], &heap[top]);
        root = top;
    }
}

/* The most probable `k`, and those as probable as the last of them, in order, at the end of the
 * array; fewer where `mass` of the total weight is reached before. Returns how many. A heap, since
 * few of the many are wanted. */
static uint32_t take_top(struct candidate *heap, uint32_t count, uint32_t k, double mass)
{
    for (uint32_t i = count / 2; i-- > 0;)
        sift_down(heap, count, i);
    uint32_t taken = 0;
    double sum = 0;
    while (taken < count && sum < mass) {
        const struct candidate *top = &heap[0], *last = &heap[count - taken];
        if (taken >= k && top->logit < last->logit)
            break;
        sum += top->weight;
        taken++;
        swap(&heap[0], &heap[count - taken]);
        sift_down(heap, count - taken, 0);
    }
    return taken;
}

static double weigh(const struct sampler *sampler, struct candidate *list, uint32_t count,
                    float max)
{
    double total = 0;
    for (uint32_t i = 0; i < count; i++) {
        const double distance = (double)list[i].logit - (double)max;
        list[i].weight = exp(distance / (double)sampler->sampling.temperature);
        total += list[i].weight;
    }
    return total;
}

uint32_t sampler_candidates(struct sampler *sampler, float *logits, const struct candidate **out)
{
    const struct sampling *s = &sampler->sampling;
    apply_wishes(sampler, logits);
    if (sampler->seen)
        apply_penalties(sampler, logits);
    int32_t best = argmax(logits, sampler->vocab_size);
    const float max = logits[best];
    if (sampler->allowed && !(max > -INFINITY)) /* min_tokens forbade the only ones */
        best = sampler->allowed[0];
    sampler->first = (struct candidate){max, best, 1};
    *out = &sampler->first;
    if (is_greedy(s) || !isfinite(max))
        return 1;
    struct candidate *list = sampler->candidates;
    uint32_t count = gather(sampler, logits, max);
    if (s->top_k > 0 && s->top_k < count) {
        const uint32_t taken = take_top(list, count, s->top_k, INFINITY);
        list += count - taken;
        count = taken;
    }
    const double total = weigh(sampler, list, count, max);
    if (s->top_p < 1) {
        const uint32_t taken = take_top(list, count, count, (double)s->top_p * total);
        list += count - taken;
        count = taken;
    }
    *out = count > 0 ? list : &sampler->first;
    return count > 0 ? count : 1;
}

int32_t sampler_next(struct sampler *sampler, float *logits)
{
    const struct candidate *list;
    const uint32_t count = sampler_candidates(sampler, logits, &list);
    if (count == 1)
        return list[0].id;
    double total = 0;
    for (uint32_t i = 0; i < count; i++)
        total += list[i].weight;
    double left = random_unit(&sampler->random) * total;
    for (uint32_t i = 0; i < count; i++) {
        left -= list[i].weight;
        if (left < 0)
            return list[i].id;
    }
    return list[count - 1].id;
}
