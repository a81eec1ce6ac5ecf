#include "cli/model_facts.h"

#include "engine/kv_cache.h"

#include <string.h>

static uint64_t elements(const struct tensor *tensor)
{
    const struct dtype_info *info = dtype_info(tensor->dtype);
    return tensor->bytes / info->bytes * info->values;
}

static void count_parameters(struct model_facts *facts)
{
    const struct text_config *text = &facts->model.config.text;
    const struct checkpoint *checkpoint = facts->model.checkpoint;
    facts->parameters.total = facts->model.weights.parameters;
    facts->parameters.embedding = (uint64_t)text->vocab_size * text->hidden_size;
    facts->parameters.head = text->tied ? 0 : facts->parameters.embedding;
    for (size_t i = 0; i < checkpoint_count(checkpoint); i++) {
        const struct tensor *tensor = checkpoint_at(checkpoint, i);
        facts->dtypes[tensor->dtype].tensors++;
        facts->dtypes[tensor->dtype].bytes += tensor->bytes;
        if (!strstr(tensor->name, "visual.") || strstr(tensor->name, "rotary") ||
            strstr(tensor->name, "_scale_inv"))
            continue;
        if (strstr(tensor->name, "merger"))
            facts->parameters.mergers += elements(tensor);
        else
            facts->parameters.vision += elements(tensor);
    }
    facts->parameters.language = facts->parameters.total - facts->parameters.embedding -
                                 facts->parameters.head - facts->parameters.vision -
                                 facts->parameters.mergers;
}

enum status model_facts_read(const char *path, const char *mmproj, struct model_facts *out,
                             struct reason *why)
{
    *out = (struct model_facts){0};
    const enum status status = model_open(path, mmproj, &out->model, why);
    if (status != STATUS_OK)
        return status;
    count_parameters(out);
    out->kv_bytes_per_token = kv_page_bytes(&out->model.config.text, KV_F16) / KV_PAGE_TOKENS;
    return STATUS_OK;
}

void model_facts_release(struct model_facts *facts)
{
    model_close(&facts->model);
    *facts = (struct model_facts){0};
}
