/* What there is to say about a checkpoint without reading its weights. */
#pragma once

#include "model/chat_template.h"
#include "model/checkpoint.h"
#include "model/config.h"

#include <stdbool.h>

struct model_facts {
    struct model_config config;
    struct checkpoint *checkpoint;
    enum template_kind template_kind;
    bool template_known;
    int32_t tokens; /* of the tokenizer */
    struct {
        uint64_t total, embedding, language, head, vision, mergers;
    } parameters;
    struct {
        uint64_t tensors, bytes;
    } dtypes[DTYPE_COUNT]; /* by enum dtype */
    uint64_t kv_bytes_per_token;
};

/* Checks all but the values of the weights. Codes: those of model_load. */
MUST_CHECK enum status model_facts_read(const char *path, struct model_facts *out,
                                        struct reason *why);
void model_facts_release(struct model_facts *facts);
