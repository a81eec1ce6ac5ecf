/* Speed of the engine's parts, without scheduler and HTTP. */
#pragma once

#include "base/status.h"
#include "kernels/matrix.h"

#include <stdbool.h>
#include <stdint.h>

struct engine_bench {
    const char *model;                  /* a checkpoint; or NULL, and then a shape */
    const char *mmproj;                 /* of the checkpoint; see model_options */
    bool exact;                         /* see model_options; of a checkpoint only */
    const enum dtype *quantize;         /* likewise */
    const char *shape, *type;           /* of made-up weights */
    uint32_t layers;                    /* of the shape; 0: all */
    uint32_t prompt_tokens;             /* 0: no prompt is measured */
    uint32_t generate;                  /* 0: no decoding is measured */
    uint32_t batch;                     /* sequences that decode together, ≥ 1 */
    uint32_t image_width, image_height; /* 0: no picture is measured */
    int threads;                        /* 0: one per usable core */
};

/* 0: not measured. */
struct engine_figures_measured {
    char name[128];
    const char *kernels;
    int threads;
    double load_ms, prefill_tokens_per_s, decode_tokens_per_s, vision_ms;
    uint64_t weights_bytes, rss_bytes;
};

/* Codes: those of model_load and synthetic_create, invalid_value, memory_full. */
MUST_CHECK enum status engine_bench_run(const struct engine_bench *plan,
                                        struct engine_figures_measured *out, struct reason *why);
