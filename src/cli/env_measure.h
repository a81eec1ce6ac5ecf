/* How fast the engine would be, found out without a checkpoint: a few made-up layers of the true
 * shape go through the real decoder and the real vision tower, and their time is multiplied.
 *
 * The layers are many enough that no cache holds them. Prompt, layers and output head are timed
 * apart, for a whole model has many layers and one head. */
#pragma once

#include "cli/env_sizes.h"

enum { MEASURED_TYPES_MAX = 8, MEASURED_PROMPT = 512, MEASURED_PICTURE = 512 };

/* Called before each part of the work; index < count. */
typedef void measure_progress_fn(void *arg, const char *part, int index, int count);

struct measure_plan {
    const struct model_config *config;
    enum dtype types[MEASURED_TYPES_MAX];
    size_t type_count;
    int threads;
    double seconds; /* for all; on a slow machine less is repeated, and prompts are shorter */
    uint64_t bytes; /* of memory at any time */
    measure_progress_fn *progress; /* NULL: none */
    void *arg;
};

struct measured_type {
    struct model_sizes sizes; /* of what was made */
    uint32_t prompt_tokens;
    double prompt_first_s, prompt_rest_s; /* the prompt in one of the first layers, in another */
    double layers_s, head_s;              /* of one decoding step at the end of the prompt */
};

struct measurement {
    const char *kernels;
    int threads;
    double seconds;                                 /* that it took */
    double read_bytes_per_s;                        /* memory bandwidth of all threads */
    struct measured_type types[MEASURED_TYPES_MAX]; /* as in the plan */
    struct {
        struct model_sizes sizes;
        uint32_t depth;
        double embed_s, block_s, merger_s; /* of a picture of MEASURED_PICTURE² pixels */
    } vision;
};

/* Codes: memory_full, those of pool_create. */
MUST_CHECK enum status measure_run(const struct measure_plan *plan, struct measurement *out,
                                   struct reason *why);

/* Tokens per second of a whole model of `sizes` in the same type. */
double predict_decode(const struct measured_type *measured, const struct model_sizes *sizes);
double predict_prefill(const struct measured_type *measured, const struct model_sizes *sizes);
/* Seconds for a picture of MEASURED_PICTURE² pixels. */
double predict_picture(const struct measurement *measurement, const struct model_config *config,
                       const struct model_sizes *sizes);
