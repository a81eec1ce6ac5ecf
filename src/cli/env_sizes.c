#include "cli/env_sizes.h"

#include "config/settings.h"
#include "engine/rows.h"
#include "engine/synthetic.h"
#include "engine/vision.h"
#include "image/patches.h"
#include "model/quantize_plan.h"

enum { PATCHES = PICTURE_SIDE / 16 * (PICTURE_SIDE / 16) };

/* Tokenizer, grammars, libraries, buffers of connections. */
#define PROGRAM_BYTES ((uint64_t)128 << 20)

static uint64_t elements(const struct quantized_tensor *tensor)
{
    uint64_t count = 1;
    for (uint32_t i = 0; i < tensor->dims; i++)
        count *= tensor->shape[i];
    return count;
}

/* Bytes of a tensor in a model that is kept in a plain type throughout, vectors too. */
static uint64_t bytes_in(const struct quantized_tensor *tensor, enum dtype type)
{
    return type < DTYPE_PLAIN_COUNT ? elements(tensor) * dtype_size(type) : tensor->bytes;
}

static bool is_matrix(const struct quantized_tensor *tensor)
{
    return tensor->dims == 2;
}

static void count_text(const struct quantize_plan *plan, bool tied, struct model_sizes *out)
{
    const char *head = tied ? "token_embd.weight" : "output.weight";
    for (size_t i = 0; i < plan->count; i++) {
        const struct quantized_tensor *t = &plan->tensors[i];
        const uint64_t bytes = bytes_in(t, plan->type);
        out->text_bytes += bytes;
        if (str_starts(str_from(t->name), "blk.") && is_matrix(t)) {
            out->layer_bytes += bytes;
            out->layer_products += elements(t);
        } else if (strcmp(t->name, head) == 0) {
            out->head_bytes = bytes;
        }
    }
}

static void count_vision(const struct quantize_plan *plan, struct model_sizes *out)
{
    for (size_t i = 0; i < plan->count; i++) {
        const struct quantized_tensor *t = &plan->tensors[i];
        const struct str name = str_from(t->name);
        out->vision_bytes += bytes_in(t, DTYPE_BF16);
        if (str_starts(name, "v.patch_embd.weight"))
            out->patch_embed_products += elements(t);
        else if (is_matrix(t) && str_starts(name, "v.blk."))
            out->block_products += elements(t);
        else if (is_matrix(t) && !str_starts(name, "v.position_embd"))
            out->merger_products += elements(t);
    }
}

enum status model_sizes_count(const struct model_config *config, enum dtype type,
                              struct model_sizes *out, struct reason *why)
{
    struct synthetic outline;
    *out = (struct model_sizes){.layers = config->text.layers};
    enum status status = synthetic_outline(config, &outline, why);
    if (status != STATUS_OK)
        return status;
    struct quantize_plan text = {0}, vision = {0};
    status = quantize_plan_text(&outline.model, type, &text, why);
    if (status == STATUS_OK)
        status = quantize_plan_vision(&outline.model, &vision, why);
    if (status == STATUS_OK) {
        count_text(&text, config->text.tied, out);
        count_vision(&vision, out);
    }
    quantize_plan_release(&text);
    quantize_plan_release(&vision);
    synthetic_release(&outline);
    return status;
}

/* Buffers of decoder, matrix products and vision tower. */
static uint64_t activation_bytes(const struct model_config *config, const struct settings *settings,
                                 int threads)
{
    const struct text_config *t = &config->text;
    const struct model model = {.config = *config};
    const uint64_t rows = (uint64_t)(settings->model.prefill_chunk + settings->model.max_sequences);
    const uint64_t logits = (uint64_t)settings->model.max_sequences * t->vocab_size;
    const uint64_t row = 2 * ((uint64_t)t->hidden_size + t->intermediate_size) + t->head_dim +
                         2 * (uint64_t)(t->heads + t->kv_heads) * t->head_dim;
    const struct compute_limits limits = compute_limits_of(config, rows);
    const uint64_t packed = (uint64_t)limits.max_rows * limits.max_cols;
    const uint64_t thread_bytes = (uint64_t)1 << 20;
    const uint32_t side = PICTURE_SIDE / 16;
    return (rows * row + logits + packed + (uint64_t)PATCHES * PATCH_FLOATS) * sizeof(float) +
           vision_work_bytes(&model, side, side) + vision_result_bytes(&model, side, side) +
           (uint64_t)threads * thread_bytes;
}

static uint64_t smaller(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static void count_cache(const struct model_config *config, uint32_t context,
                        const struct settings *settings, struct serving_sizes *out)
{
    const uint64_t page = kv_page_bytes(&config->text, KV_F16);
    const uint64_t asked = context ? context : (uint64_t)settings->model.context;
    const uint64_t most = smaller(asked, config->text.max_positions);
    const uint64_t pages =
        context ? kv_pages_for((uint32_t)most) : (uint64_t)settings->model.kv_cache_bytes / page;
    out->kv_bytes = pages * page;
    out->context = (uint32_t)smaller(most, pages * KV_PAGE_TOKENS);
}

enum status serving_sizes_count(const struct model_config *config, uint32_t context, int threads,
                                struct serving_sizes *out, struct reason *why)
{
    const struct settings_sources none = {0};
    struct settings *settings;
    const enum status status = settings_load(&none, &settings, why);
    if (status != STATUS_OK)
        return status;
    count_cache(config, context, settings, out);
    out->work_bytes = activation_bytes(config, settings, threads) +
                      (uint64_t)settings->model.image.cache_bytes + PROGRAM_BYTES;
    settings_release(settings);
    return STATUS_OK;
}
