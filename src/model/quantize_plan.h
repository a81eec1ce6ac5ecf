/* Which tensors a GGUF file of a model has, under which names, in which formats (specification
 * 10.2, 10.3, 10.5). */
#pragma once

#include "model/load.h"

enum { QUANTIZE_NAME_BYTES = 64, QUANTIZE_DIMS_MAX = 4 };

struct quantized_tensor {
    char name[QUANTIZE_NAME_BYTES];
    struct matrix from; /* borrowed from the model; a vector is one row of F32 */
    bool is_frame;      /* of the patch embedding's columns those of one frame */
    uint32_t frame;
    enum dtype dtype;
    uint32_t dims;
    uint64_t shape[QUANTIZE_DIMS_MAX]; /* row-major */
    uint64_t bytes;
    double error; /* relative, root of mean squares; known when it is written */
};

struct quantize_plan {
    bool is_vision;
    enum dtype type;
    struct quantized_tensor *tensors;
    size_t count;
    uint64_t bytes;
};

/* The type that the mixes give the matrices where errors cost most, and whether v and down of a
 * layer are among them. */
enum dtype quantize_better(enum dtype type);
bool quantize_keeps_better(uint32_t layer, uint32_t layers);
/* The type for rows of so many values: the next larger format if they are not whole blocks. */
enum dtype quantize_fitting(enum dtype type, uint32_t cols);

/* What a model too large for the machine may be brought to, the best first. */
enum { QUANTIZE_SMALLER_COUNT = 4 };
extern const enum dtype quantize_smaller[QUANTIZE_SMALLER_COUNT];

/* The text model. Vectors are F32. Q4_K and Q5_K mean llama.cpp's mixes Q4_K_M and Q5_K_M; other
 * formats are the same for all matrices. Rows that are not whole blocks take the next larger format
 * that they fit. Code: memory_full. */
MUST_CHECK enum status quantize_plan_text(const struct model *model, enum dtype type,
                                          struct quantize_plan *out, struct reason *why);

/* Bytes of what is quantised, as it is now. */
uint64_t quantize_plan_source_bytes(const struct quantize_plan *plan);

/* Refuses a plan that makes weights larger which are quantised already. Codes: invalid_value. */
MUST_CHECK enum status quantize_plan_check(const struct quantize_plan *plan, struct reason *why);

/* The vision part: matrices in F16, everything else in F32. Code: memory_full. */
MUST_CHECK enum status quantize_plan_vision(const struct model *model, struct quantize_plan *out,
                                            struct reason *why);
void quantize_plan_release(struct quantize_plan *plan); /* takes a zeroed one too */
