/* What there is to say about a checkpoint without reading its weights. */
#pragma once

#include "model/load.h"

struct model_facts {
    struct model model;
    struct {
        uint64_t total, embedding, language, head, vision, mergers;
    } parameters;
    struct {
        uint64_t tensors, bytes;
    } dtypes[DTYPE_COUNT]; /* by enum dtype */
    uint64_t kv_bytes_per_token;
};

/* Checks all but the values of the weights; arguments and codes as in model_open. */
MUST_CHECK enum status model_facts_read(const char *path, const char *mmproj,
                                        struct model_facts *out, struct reason *why);
void model_facts_release(struct model_facts *facts);
