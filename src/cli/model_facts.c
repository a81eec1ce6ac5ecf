#include "cli/model_facts.h"

#include "engine/kv_cache.h"
#include "model/fit.h"
#include "model/weights.h"

#include <stdio.h>
#include <string.h>

static uint64_t elements(const struct tensor *tensor)
{
    const struct dtype_info *info = dtype_info(tensor->dtype);
    return tensor->bytes / info->bytes * info->values;
}

static void count_parameters(struct model_facts *facts, uint64_t total)
{
    const struct text_config *text = &facts->config.text;
    facts->parameters.total = total;
    facts->parameters.embedding = (uint64_t)text->vocab_size * text->hidden_size;
    facts->parameters.head = text->tied ? 0 : facts->parameters.embedding;
    for (size_t i = 0; i < checkpoint_count(facts->checkpoint); i++) {
        const struct tensor *tensor = checkpoint_at(facts->checkpoint, i);
        facts->dtypes[tensor->dtype].tensors++;
        facts->dtypes[tensor->dtype].bytes += tensor->bytes;
        if (!strstr(tensor->name, "visual.") || strstr(tensor->name, "rotary"))
            continue;
        if (strstr(tensor->name, "merger"))
            facts->parameters.mergers += elements(tensor);
        else
            facts->parameters.vision += elements(tensor);
    }
    facts->parameters.language = total - facts->parameters.embedding - facts->parameters.head -
                                 facts->parameters.vision - facts->parameters.mergers;
}

static enum status read_weights(const char *path, struct model_facts *facts, struct reason *why)
{
    struct weights weights;
    enum status status = checkpoint_open(path, &facts->checkpoint, why);
    if (status == STATUS_OK)
        status = weights_bind(facts->checkpoint, &facts->config, &weights, why);
    if (status != STATUS_OK)
        return status;
    count_parameters(facts, weights.parameters);
    weights_release(&weights);
    return STATUS_OK;
}

static enum status read_tokenizer(const char *path, struct model_facts *facts, struct reason *why)
{
    char file[4096];
    snprintf(file, sizeof file, "%s/tokenizer.json", path);
    struct tokenizer *tokenizer;
    enum status status = tokenizer_load(file, &tokenizer, why);
    if (status != STATUS_OK)
        return status;
    facts->tokens = tokenizer_size(tokenizer);
    status = fit_check(path, &facts->config, tokenizer, why);
    tokenizer_destroy(tokenizer);
    return status;
}

enum status model_facts_read(const char *path, struct model_facts *out, struct reason *why)
{
    *out = (struct model_facts){0};
    enum status status = model_config_load(path, &out->config, why);
    if (status == STATUS_OK)
        status = read_weights(path, out, why);
    if (status == STATUS_OK)
        status = read_tokenizer(path, out, why);
    if (status == STATUS_OK)
        status = chat_template_detect(path, &out->template_kind, &out->template_known, why);
    if (status == STATUS_OK)
        out->kv_bytes_per_token = kv_page_bytes(&out->config.text, KV_F16) / KV_PAGE_TOKENS;
    else
        model_facts_release(out);
    return status;
}

void model_facts_release(struct model_facts *facts)
{
    checkpoint_close(facts->checkpoint);
    *facts = (struct model_facts){0};
}
