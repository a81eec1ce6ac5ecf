/* Where the tokens of a prompt stand: M-RoPE position ids (specification 7), and which tokens are
 * fed by which picture. */
#pragma once

#include "engine/prompt.h"

/* One image, or one temporal group of a video: what goes through the vision tower by itself. Its
 * h·w/4 tokens stand together in the prompt. */
struct segment {
    const float *patches;        /* [h·w, 1536], borrowed from the prompt */
    uint32_t h, w;               /* in patches */
    uint32_t first;              /* index of its first token */
    uint32_t group;              /* its place in its picture or video */
    const struct visual *visual; /* which that is, borrowed too */
};

static inline uint32_t segment_tokens(const struct segment *segment)
{
    return segment->h * segment->w / 4;
}

/* How many segments the prompt's pictures make. */
size_t segment_count(const struct prompt_input *prompt);

/* Fills positions [3][n] (T, H, W; n = tokens.count), *delta, which added to the index of a
 * generated token gives its position on all axes, and `segments` (segment_count of them). A prompt
 * without pictures may hold pad ids: they are ordinary tokens then. Codes: invalid_value if the
 * runs of pads and the pictures do not match. */
MUST_CHECK enum status positions_build(const struct prompt_input *prompt,
                                       const struct model_config *config, int32_t *positions,
                                       int32_t *delta, struct segment *segments,
                                       struct reason *why);
