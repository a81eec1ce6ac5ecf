/* In which ways this machine can run a model: every quantisation, on the processor and on every
 * graphics card, judged by the memory that it needs. */
#pragma once

#include "cli/env_gpus.h"
#include "cli/env_measure.h"

#include <stdbool.h>

enum { MODE_TYPES_MAX = 5, MODELS_MAX = 4, COMMAND_BYTES = 4096 };

enum verdict {
    VERDICT_FITS,    /* a tenth more than needed is free now */
    VERDICT_TIGHT,   /* less than that is free, but the memory is large enough */
    VERDICT_TOO_BIG, /* the memory is too small */
};

const char *verdict_name(enum verdict verdict); /* "fits", "tight", "too_big" */
enum verdict verdict_of(uint64_t needed, uint64_t available, uint64_t total);

/* A model of a known shape, or a checkpoint. */
struct env_model {
    char name[256];
    char path[1024];   /* what the command names */
    char mmproj[1024]; /* that it names too; empty: nothing */
    bool exists;       /* path is a checkpoint */
    struct model_config config;
    enum dtype types[MODE_TYPES_MAX]; /* the first as the checkpoint has it, the rest made of it */
    size_t type_count;
    uint64_t checkpoint_bytes; /* 0: it does not exist */
    struct serving_sizes serving;
    uint32_t context; /* asked for; 0: the default */
};

/* "8b", "qwen3-vl-8b", "Qwen/Qwen3-VL-8B-Instruct". Codes: invalid_value memory_full. */
MUST_CHECK enum status env_model_of_shape(const char *shape, uint32_t context, int threads,
                                          struct env_model *out, struct reason *why);
/* Codes: those of model_open. mmproj: see there. */
MUST_CHECK enum status env_model_of_checkpoint(const char *path, const char *mmproj,
                                               uint32_t context, int threads, struct env_model *out,
                                               struct reason *why);

struct env_mode {
    const struct env_model *model;
    enum dtype type;
    char quantize[16]; /* "q4_k" */
    int gpu;           /* -1: the processor */
    struct model_sizes sizes;
    uint64_t weights_bytes, needed_bytes; /* needed: with KV cache and work */
    enum verdict verdict;
    double prefill, decode, picture_s; /* 0: not predicted */
    bool scaled;                       /* predicted from the measurement of another shape */
    char command[COMMAND_BYTES];       /* empty: there is none */
};

struct env_modes {
    struct env_mode *list;
    size_t count;
    int best; /* the one to recommend; -1: none fits */
};

/* Memory of the processor, and the cards. Code: memory_full. */
MUST_CHECK enum status env_modes_judge(const struct env_model *models, size_t model_count,
                                       uint64_t available, uint64_t total, const struct gpus *gpus,
                                       struct env_modes *out, struct reason *why);

/* Adds speeds, from a measurement of `measured`, and chooses the best mode again. */
void env_modes_predict(struct env_modes *modes, const struct measure_plan *plan,
                       const struct measurement *measurement, const struct env_model *measured);
void env_modes_release(struct env_modes *modes);

/* Whether the engine can be timed with made-up weights of that type. */
bool env_can_measure(enum dtype type);
