#include "cli/env_rig.h"

#include "base/clock.h"
#include "cli/env_sizes.h"
#include "engine/rows.h"
#include "engine/sequence.h"
#include "engine/vision.h"

#include <stdlib.h>

enum { LEAST_VOCABULARY = 4096 };

/* An eighth is enough to time the head well. */
static uint32_t some_vocabulary(uint32_t whole)
{
    const uint32_t part = whole / 8 / 32 * 32;
    const uint32_t some = part > LEAST_VOCABULARY ? part : LEAST_VOCABULARY;
    return some < whole ? some : whole;
}

enum status rig_plan_text(const struct model_config *whole, enum dtype type, uint64_t wanted_bytes,
                          uint64_t most_bytes, struct rig_plan *plan, struct reason *why)
{
    struct model_sizes sizes;
    plan->config = *whole;
    plan->true_layers = whole->text.layers;
    plan->config.text.vocab_size = some_vocabulary(whole->text.vocab_size);
    /* Even numbers: mixed types keep the better one in half of the layers. */
    uint32_t chosen = 1;
    for (uint32_t layers = 1; layers <= whole->text.layers; layers += layers == 1 ? 1 : 2) {
        plan->config.text.layers = layers;
        const enum status status = model_sizes_count(&plan->config, type, &sizes, why);
        if (status != STATUS_OK)
            return status;
        if (layers > 1 && sizes.text_bytes > most_bytes)
            break;
        chosen = layers;
        if (layers > 1 && sizes.layer_bytes + sizes.head_bytes >= wanted_bytes)
            break;
    }
    plan->config.text.layers = chosen;
    return STATUS_OK;
}

/* Gives the model at least RIG_LAYERS layers. */
static enum status repeat_layers(struct rig *rig, struct reason *why)
{
    struct weights *w = &rig->made.model.weights;
    struct text_layer *layers = arena_array(&rig->made.arena, RIG_LAYERS, sizeof *layers);
    if (!layers)
        return reason_no_memory(why, RIG_LAYERS * sizeof *layers);
    for (uint32_t i = 0; i < RIG_LAYERS; i++)
        layers[i] = w->layers[i % rig->layers];
    w->layers = layers;
    rig->made.model.config.text.layers = RIG_LAYERS;
    return STATUS_OK;
}

static enum status make_weights(struct rig *rig, const struct rig_plan *plan, struct reason *why)
{
    const struct synthetic_plan made = {.config = plan->config,
                                        .type = plan->type,
                                        .true_layers = plan->true_layers,
                                        .vision = plan->vision};
    rig->layers = plan->config.text.layers;
    const enum status status = synthetic_build(&made, compute_pool(rig->compute), &rig->made, why);
    return status == STATUS_OK && rig->layers < RIG_LAYERS ? repeat_layers(rig, why) : status;
}

static enum status make_sequence(struct rig *rig, struct reason *why)
{
    const uint32_t pages = kv_pages_for(rig->tokens);
    rig->rows = calloc(rig->tokens, sizeof *rig->rows);
    rig->pages.list = calloc(pages, sizeof *rig->pages.list);
    rig->pages.cap = pages;
    if (!rig->rows || !rig->pages.list || !kv_pages_grow(rig->cache, &rig->pages, rig->tokens))
        return reason_no_memory(why, rig->tokens * sizeof *rig->rows);
    return STATUS_OK;
}

enum status rig_init(struct rig *rig, const struct rig_plan *plan, uint32_t tokens,
                     struct reason *why)
{
    *rig = (struct rig){.tokens = tokens};
    const struct compute_limits limits = compute_limits_of(&plan->config, tokens);
    enum status status = compute_create(plan->threads, limits, &rig->compute, why);
    if (status == STATUS_OK)
        status = make_weights(rig, plan, why);
    if (status == STATUS_OK)
        status =
            kv_cache_create(&plan->config.text, KV_F16, kv_pages_for(tokens), &rig->cache, why);
    if (status == STATUS_OK)
        status = decoder_create(&rig->made.model, rig->compute, rig->cache,
                                (struct decoder_limits){tokens, 1}, &rig->decoder, why);
    if (status == STATUS_OK)
        status = make_sequence(rig, why);
    if (status != STATUS_OK)
        rig_release(rig);
    return status;
}

void rig_release(struct rig *rig)
{
    free(rig->rows);
    free(rig->pages.list);
    decoder_destroy(rig->decoder);
    kv_cache_destroy(rig->cache);
    synthetic_release(&rig->made);
    compute_destroy(rig->compute);
    *rig = (struct rig){0};
}

static void forward(struct rig *rig, uint32_t first, uint32_t n, bool fast, bool with_head)
{
    const uint32_t vocabulary = rig->made.model.config.text.vocab_size;
    for (uint32_t i = 0; i < n; i++) {
        const int32_t at = (int32_t)(first + i);
        rig->rows[i] = (struct decoder_row){
            .token = (int32_t)((first + i) * 7919 % vocabulary),
            .position = {at, at, at},
            .pages = &rig->pages,
            .index = first + i,
            .fast = fast,
        };
    }
    rig->rows[n - 1].wants_logits = with_head;
    decoder_forward(rig->decoder, rig->rows, n);
}

static void note_time(void *arg, int layer, const float *x, size_t n, size_t dim)
{
    (void)x, (void)n, (void)dim;
    struct rig *rig = arg;
    const int64_t now = clock_ns(&clock_system);
    if (layer >= 0)
        rig->layer_s[layer] += (double)(now - rig->traced_ns) * 1e-9;
    rig->traced_ns = now;
}

/* A shorter prompt than the scheduler calls long stands for a long one too. */
void rig_prompt(struct rig *rig, uint32_t n)
{
    const uint32_t long_prompt = n > FINE_PROMPT_TOKENS ? n : FINE_PROMPT_TOKENS + n;
    const uint32_t fast = fast_rows_of(long_prompt) - (long_prompt - n);
    rig->made.model.config.text.layers = RIG_LAYERS;
    memset(rig->layer_s, 0, sizeof rig->layer_s);
    decoder_set_trace(rig->decoder, note_time, rig);
    forward(rig, 0, fast, true, false);
    if (fast < n)
        forward(rig, fast, n - fast, false, false);
    decoder_set_trace(rig->decoder, NULL, NULL);
}

void rig_step(struct rig *rig, uint32_t index, bool with_head)
{
    rig->made.model.config.text.layers = rig->layers;
    forward(rig, index, 1, false, with_head);
}

enum status rig_look(struct rig *rig, uint32_t side, struct reason *why)
{
    const struct model *model = &rig->made.model;
    const size_t patches = (size_t)side * side;
    float *values = calloc(patches, PATCH_FLOATS * sizeof *values);
    float *out = malloc(vision_result_bytes(model, side, side));
    struct vision vision;
    vision_init(&vision, model, rig->compute);
    const enum status status = values && out
                                   ? vision_run(&vision, values, side, side, out, why)
                                   : reason_no_memory(why, patches * PATCH_FLOATS * sizeof *values);
    free(values);
    free(out);
    return status;
}
