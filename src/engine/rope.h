/* Rotary position embeddings: M-RoPE of the text model, 2-D RoPE of the vision tower
 * (specification 5.3 and 6.3).
 *
 * Both rotate component j of a head with component j + half by one angle per pair. The tables hold
 * the frequencies; the row functions fill cos[half] and sin[half] for one token or patch. */
#pragma once

#include "model/config.h"

enum { ROPE_HALF_MAX = 128 };

struct text_rope {
    uint32_t half;                /* head_dim / 2 */
    float inverse[ROPE_HALF_MAX]; /* inverse[j] = theta^(-2j / head_dim), or as YaRN changes that */
    float length;                 /* of the vectors (cos, sin): 1, but for YaRN */
    uint8_t axis[ROPE_HALF_MAX];  /* which position frequency j turns with: 0 T, 1 H, 2 W */
};

/* head_dim ≤ 2 · ROPE_HALF_MAX. */
void text_rope_init(struct text_rope *rope, const struct text_config *config);
void text_rope_row(const struct text_rope *rope, const int32_t position[3], float *cos, float *sin);

struct vision_rope {
    uint32_t quarter; /* head size / 4: frequencies per axis */
    float inverse[ROPE_HALF_MAX / 2];
};

/* head_dim: hidden_size / heads, a multiple of 4, ≤ 2 · ROPE_HALF_MAX. */
void vision_rope_init(struct vision_rope *rope, uint32_t head_dim);

/* The angles of a patch: first the row's, then the column's. */
void vision_rope_patch(const struct vision_rope *rope, uint32_t row, uint32_t column, float *cos,
                       float *sin);
