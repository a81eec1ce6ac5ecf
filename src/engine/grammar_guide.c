#include "engine/grammar_guide.h"

#include <math.h>
#include <stdlib.h>

struct grammar_guide {
    struct grammar_matcher *matcher;
    int32_t size;  /* ids of the vocabulary */
    int32_t after; /* the token that is waited for; -1: none (any more) */
    const uint64_t *mask;
};

enum status grammar_guide_create(struct grammar *grammar,
                                 const struct grammar_vocabulary *vocabulary, int32_t after,
                                 struct grammar_guide **out, struct reason *why)
{
    struct grammar_guide *guide = calloc(1, sizeof *guide);
    if (!guide)
        return reason_no_memory(why, sizeof *guide);
    guide->size = vocabulary->size;
    guide->after = after;
    const enum status status =
        grammar_matcher_create(grammar, vocabulary, after >= 0, &guide->matcher, why);
    if (status)
        free(guide);
    else
        *out = guide;
    return status;
}

void grammar_guide_destroy(struct grammar_guide *guide)
{
    if (!guide)
        return;
    grammar_matcher_destroy(guide->matcher);
    free(guide);
}

static bool allows(const struct grammar_guide *guide, int32_t id)
{
    return id >= 0 && id < guide->size && (guide->mask[id / 64] >> id % 64 & 1);
}

static bool is_end(int32_t id, const int32_t *ends, uint32_t end_count)
{
    for (uint32_t i = 0; i < end_count; i++)
        if (ends[i] == id)
            return true;
    return false;
}

static void forbid_ends(float *logits, uint32_t vocab_size, const int32_t *ends, uint32_t end_count)
{
    for (uint32_t i = 0; i < end_count; i++)
        if (ends[i] >= 0 && (uint32_t)ends[i] < vocab_size)
            logits[ends[i]] = -INFINITY;
}

void grammar_guide_restrict(struct grammar_guide *guide, float *logits, uint32_t vocab_size,
                            const int32_t *ends, uint32_t end_count)
{
    if (guide->after >= 0) {
        forbid_ends(logits, vocab_size, ends, end_count);
        return;
    }
    const bool may_end = grammar_matcher_may_end(guide->matcher);
    guide->mask = grammar_matcher_mask(guide->matcher);
    for (uint32_t first = 0; first < vocab_size; first += 64) {
        const uint64_t word = (int32_t)first < guide->size ? guide->mask[first / 64] : 0;
        const uint32_t end = first + 64 < vocab_size ? first + 64 : vocab_size;
        if (word == UINT64_MAX)
            continue;
        for (uint32_t id = first; id < end; id++)
            if (!(word >> (id - first) & 1) && !(may_end && is_end((int32_t)id, ends, end_count)))
                logits[id] = -INFINITY;
    }
}

static int32_t lowest_allowed(const struct grammar_guide *guide, int32_t otherwise)
{
    for (int32_t id = 0; id < guide->size; id++)
        if (allows(guide, id))
            return id;
    return otherwise;
}

int32_t grammar_guide_take(struct grammar_guide *guide, int32_t id, const int32_t *ends,
                           uint32_t end_count)
{
    if (guide->after >= 0) {
        if (id == guide->after)
            guide->after = -1;
        return id;
    }
    if (is_end(id, ends, end_count) && grammar_matcher_may_end(guide->matcher))
        return id;
    if (!allows(guide, id))
        id = lowest_allowed(guide, id);
    (void)grammar_matcher_advance(guide->matcher, id);
    return id;
}

bool grammar_guide_finished(const struct grammar_guide *guide)
{
    return guide->after < 0 && grammar_matcher_finished(guide->matcher);
}
