/* From logits to the next token (order as in vLLM: allowed ids, bias, penalties, temperature,
 * min_p, top_k, top_p). */
#pragma once

#include "base/status.h"

#include <stdbool.h>
#include <stdint.h>

/* What is added to the logit of a token. */
struct logit_bias {
    int32_t id;
    float bias;
};

struct sampling {
    float temperature;                         /* < 1e-5: greedy */
    float top_p;                               /* 1: off */
    float min_p;                               /* 0: off */
    uint32_t top_k;                            /* 0: off */
    float repetition_penalty;                  /* 1: off */
    float presence_penalty, frequency_penalty; /* 0: off */
    const struct logit_bias *biases;           /* copied; ids below vocab_size */
    const int32_t *allowed;                    /* copied; only these ids may be drawn */
    uint32_t bias_count, allowed_count;        /* 0: none, and all */
    uint64_t seed;
    bool seeded; /* false: the engine draws a seed */
};

struct sampler;

/* Small until it is started, which must come before all that follows. Code: memory_full. */
MUST_CHECK enum status sampler_create(const struct sampling *sampling, uint32_t vocab_size,
                                      struct sampler **out, struct reason *why);
MUST_CHECK enum status sampler_start(struct sampler *sampler, struct reason *why);
void sampler_destroy(struct sampler *sampler); /* takes NULL */

/* Tells the sampler of a token of the prompt or of the output: the penalties count them. */
void sampler_see_prompt(struct sampler *sampler, int32_t id);
void sampler_see_output(struct sampler *sampler, int32_t id);

/* Draws the next id; `logits` (vocab_size floats) is changed. The same seed and logits give the
 * same draws. */
int32_t sampler_next(struct sampler *sampler, float *logits);

/* An id that may be drawn. */
struct candidate {
    float logit; /* after the penalties */
    int32_t id;
    double weight; /* its probability, up to one factor common to all candidates */
};

/* What sampler_next draws from: applies the penalties to `logits`, and returns how many ids are
 * left (≥ 1). *out is valid until the next call. */
uint32_t sampler_candidates(struct sampler *sampler, float *logits, const struct candidate **out);
