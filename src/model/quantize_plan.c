#include "model/quantize_plan.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

const enum dtype quantize_smaller[QUANTIZE_SMALLER_COUNT] = {DTYPE_Q8_0, DTYPE_Q6_K, DTYPE_Q5_K,
                                                             DTYPE_Q4_K};

enum {
    TEXT_TENSORS = 3,
    LAYER_TENSORS = 11,
    VISION_TENSORS = 10,
    BLOCK_TENSORS = 12,
    MERGER_TENSORS = 6,
    FRAMES = 2,
    CHANNELS = 3,
    PATCH = 16,
};

enum dtype quantize_fitting(enum dtype type, uint32_t cols)
{
    if (cols % dtype_info(type)->values == 0)
        return type;
    if (cols % 32)
        return DTYPE_F16;
    return type == DTYPE_Q4_K ? DTYPE_Q5_0 : type == DTYPE_Q5_K ? DTYPE_Q5_1 : DTYPE_Q8_0;
}

/* The next tensor, all but its name and shape. */
static struct quantized_tensor *add(struct quantize_plan *plan, enum dtype type,
                                    const struct matrix *from)
{
    struct quantized_tensor *t = &plan->tensors[plan->count++];
    t->from = *from;
    t->dtype = quantize_fitting(type, from->cols);
    t->bytes = from->rows * dtype_bytes(t->dtype, from->cols);
    plan->bytes += t->bytes;
    return t;
}

static void add_matrix(struct quantize_plan *plan, enum dtype type, const struct matrix *from,
                       const char *format, ...) __attribute__((format(printf, 4, 5)));

static void add_matrix(struct quantize_plan *plan, enum dtype type, const struct matrix *from,
                       const char *format, ...)
{
    struct quantized_tensor *t = add(plan, type, from);
    t->dims = 2;
    t->shape[0] = from->rows;
    t->shape[1] = from->cols;
    va_list args;
    va_start(args, format);
    vsnprintf(t->name, sizeof t->name, format, args);
    va_end(args);
}

static void add_vector(struct quantize_plan *plan, const float *from, uint32_t n,
                       const char *format, ...) __attribute__((format(printf, 4, 5)));

static void add_vector(struct quantize_plan *plan, const float *from, uint32_t n,
                       const char *format, ...)
{
    const struct matrix row = {.data = from, .dtype = DTYPE_F32, .rows = 1, .cols = n};
    struct quantized_tensor *t = add(plan, DTYPE_F32, &row);
    t->dims = 1;
    t->shape[0] = n;
    va_list args;
    va_start(args, format);
    vsnprintf(t->name, sizeof t->name, format, args);
    va_end(args);
}

enum dtype quantize_better(enum dtype type)
{
    return type == DTYPE_Q4_K || type == DTYPE_Q5_K ? DTYPE_Q6_K : type;
}

bool quantize_keeps_better(uint32_t layer, uint32_t layers)
{
    const uint32_t eighth = layers / 8;
    return layer < eighth || layer >= 7 * layers / 8 || (layer - eighth) % 3 == 2;
}

static void add_layer(struct quantize_plan *plan, const struct text_config *c,
                      const struct text_layer *l, uint32_t i)
{
    const enum dtype type = plan->type;
    const enum dtype rich = quantize_keeps_better(i, c->layers) ? quantize_better(type) : type;
    const uint32_t h = c->hidden_size, d = c->head_dim;
    add_vector(plan, l->input_norm.weight, h, "blk.%u.attn_norm.weight", i);
    add_matrix(plan, type, &l->q, "blk.%u.attn_q.weight", i);
    add_matrix(plan, type, &l->k, "blk.%u.attn_k.weight", i);
    add_matrix(plan, rich, &l->v, "blk.%u.attn_v.weight", i);
    add_matrix(plan, type, &l->o, "blk.%u.attn_output.weight", i);
    add_vector(plan, l->q_norm.weight, d, "blk.%u.attn_q_norm.weight", i);
    add_vector(plan, l->k_norm.weight, d, "blk.%u.attn_k_norm.weight", i);
    add_vector(plan, l->post_attention_norm.weight, h, "blk.%u.ffn_norm.weight", i);
    add_matrix(plan, type, &l->gate, "blk.%u.ffn_gate.weight", i);
    add_matrix(plan, type, &l->up, "blk.%u.ffn_up.weight", i);
    add_matrix(plan, rich, &l->down, "blk.%u.ffn_down.weight", i);
}

static enum status take_room(struct quantize_plan *plan, size_t count, struct reason *why)
{
    plan->tensors = calloc(count, sizeof *plan->tensors);
    return plan->tensors ? STATUS_OK : reason_no_memory(why, count * sizeof *plan->tensors);
}

enum status quantize_plan_text(const struct model *model, enum dtype type,
                               struct quantize_plan *out, struct reason *why)
{
    const struct text_config *c = &model->config.text;
    const struct weights *w = &model->weights;
    *out = (struct quantize_plan){.type = type};
    const enum status status =
        take_room(out, TEXT_TENSORS + (size_t)c->layers * LAYER_TENSORS, why);
    if (status)
        return status;
    add_matrix(out, c->tied ? quantize_better(type) : type, &w->embed, "token_embd.weight");
    add_vector(out, w->final_norm.weight, c->hidden_size, "output_norm.weight");
    if (!c->tied)
        add_matrix(out, quantize_better(type), &w->head, "output.weight");
    for (uint32_t i = 0; i < c->layers; i++)
        add_layer(out, c, &w->layers[i], i);
    return STATUS_OK;
}

static bool is_quantized(enum dtype dtype)
{
    return dtype >= DTYPE_PLAIN_COUNT && dtype != DTYPE_F8_E4M3;
}

static uint64_t source_bytes(const struct quantized_tensor *t)
{
    return t->from.rows * matrix_row_bytes(&t->from);
}

uint64_t quantize_plan_source_bytes(const struct quantize_plan *plan)
{
    uint64_t bytes = 0;
    for (size_t i = 0; i < plan->count; i++)
        bytes += source_bytes(&plan->tensors[i]);
    return bytes;
}

enum status quantize_plan_check(const struct quantize_plan *plan, struct reason *why)
{
    const uint64_t bytes = quantize_plan_source_bytes(plan);
    uint64_t largest = 0;
    enum dtype quantized = DTYPE_F32;
    for (size_t i = 0; i < plan->count; i++) {
        const struct quantized_tensor *t = &plan->tensors[i];
        if (is_quantized(t->from.dtype) && source_bytes(t) > largest) {
            largest = source_bytes(t);
            quantized = t->from.dtype;
        }
    }
    if (largest == 0 || plan->bytes <= bytes)
        return STATUS_OK;
    const double growth = 100 * ((double)plan->bytes / (double)bytes - 1);
    reason_set(why, "invalid_value",
               "The weights are %s already; as %s they would take %.0f %% more memory and be no "
               "better.",
               "权重已是 %s；转为 %s 会多占 %.0f %% 的内存，精度不会提高。",
               dtype_info(quantized)->name, dtype_info(plan->type)->name, growth);
    reason_hint(why, "Leave the weights as they are, or choose a smaller type.",
                "请保持权重原样，或选择更小的类型。");
    reason_subject(why, "%s", dtype_info(plan->type)->name);
    return STATUS_INVALID;
}

static void add_norm(struct quantize_plan *plan, const struct norm *norm, uint32_t n,
                     const char *stem)
{
    add_vector(plan, norm->weight, n, "%s.weight", stem);
    add_vector(plan, norm->bias, n, "%s.bias", stem);
}

static void add_linear(struct quantize_plan *plan, const struct matrix *from, const char *stem)
{
    add_matrix(plan, plan->type, from, "%s.weight", stem);
    add_vector(plan, from->bias, from->rows, "%s.bias", stem);
}

/* Two tensors, for the first and the second frame of a pair. */
static void add_patches(struct quantize_plan *plan, const struct matrix *from)
{
    const uint64_t shape[QUANTIZE_DIMS_MAX] = {from->rows, CHANNELS, PATCH, PATCH};
    for (uint32_t frame = 0; frame < FRAMES; frame++) {
        struct quantized_tensor *t = add(plan, DTYPE_F32, from);
        snprintf(t->name, sizeof t->name, "v.patch_embd.weight%s", frame ? ".1" : "");
        t->is_frame = true;
        t->frame = frame;
        t->dims = QUANTIZE_DIMS_MAX;
        memcpy(t->shape, shape, sizeof shape);
        plan->bytes -= t->bytes / FRAMES;
        t->bytes /= FRAMES;
    }
    add_vector(plan, from->bias, from->rows, "v.patch_embd.bias");
}

static void add_block(struct quantize_plan *plan, const struct vision_config *c,
                      const struct vision_block *b, uint32_t i)
{
    char stem[QUANTIZE_NAME_BYTES / 2];
    snprintf(stem, sizeof stem, "v.blk.%u.ln1", i);
    add_norm(plan, &b->norm1, c->hidden_size, stem);
    snprintf(stem, sizeof stem, "v.blk.%u.ln2", i);
    add_norm(plan, &b->norm2, c->hidden_size, stem);
    snprintf(stem, sizeof stem, "v.blk.%u.attn_qkv", i);
    add_linear(plan, &b->qkv, stem);
    snprintf(stem, sizeof stem, "v.blk.%u.attn_out", i);
    add_linear(plan, &b->proj, stem);
    snprintf(stem, sizeof stem, "v.blk.%u.ffn_up", i);
    add_linear(plan, &b->fc1, stem);
    snprintf(stem, sizeof stem, "v.blk.%u.ffn_down", i);
    add_linear(plan, &b->fc2, stem);
}

/* GGUF calls a DeepStack merger by the block whose output it takes. */
static void add_deepstack(struct quantize_plan *plan, const struct vision_config *c,
                          const struct merger *m, uint32_t block)
{
    char stem[QUANTIZE_NAME_BYTES / 2];
    snprintf(stem, sizeof stem, "v.deepstack.%u.norm", block);
    add_norm(plan, &m->norm, 4 * c->hidden_size, stem);
    snprintf(stem, sizeof stem, "v.deepstack.%u.fc1", block);
    add_linear(plan, &m->fc1, stem);
    snprintf(stem, sizeof stem, "v.deepstack.%u.fc2", block);
    add_linear(plan, &m->fc2, stem);
}

enum status quantize_plan_vision(const struct model *model, struct quantize_plan *out,
                                 struct reason *why)
{
    const struct vision_config *c = &model->config.vision;
    const struct weights *w = &model->weights;
    *out = (struct quantize_plan){.is_vision = true, .type = DTYPE_F16};
    const size_t count = VISION_TENSORS + (size_t)c->depth * BLOCK_TENSORS +
                         (size_t)c->deepstack_count * MERGER_TENSORS;
    const enum status status = take_room(out, count, why);
    if (status)
        return status;
    const struct matrix positions = {.data = w->position_table,
                                     .dtype = DTYPE_F32,
                                     .rows = c->position_side * c->position_side,
                                     .cols = c->hidden_size};
    add_patches(out, &w->patch_embed);
    add_matrix(out, DTYPE_F32, &positions, "v.position_embd.weight");
    for (uint32_t i = 0; i < c->depth; i++)
        add_block(out, c, &w->blocks[i], i);
    add_norm(out, &w->merger.norm, c->hidden_size, "v.post_ln");
    add_linear(out, &w->merger.fc1, "mm.0");
    add_linear(out, &w->merger.fc2, "mm.2");
    for (uint32_t k = 0; k < c->deepstack_count; k++)
        add_deepstack(out, c, &w->deepstack[k], c->deepstack[k]);
    return STATUS_OK;
}

void quantize_plan_release(struct quantize_plan *plan)
{
    free(plan->tensors);
    *plan = (struct quantize_plan){0};
}
