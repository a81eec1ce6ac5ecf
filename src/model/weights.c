#include "model/weights.h"

#include "base/arena.h"
#include "kernels/kernels.h"

#include <stdio.h>
#include <stdlib.h>

enum { NAME_BYTES = 192 };

/* Finding tensors one after the other: the first failure sticks, so that the lists below read like
 * the specification's table. */
struct binder {
    const struct checkpoint *checkpoint;
    struct weights *out;
    bool *used; /* per tensor of the checkpoint */
    struct reason *why;
    enum status status;
};

/* Where derived checkpoints put the two parts. */
static const char *const text_prefixes[] = {"model.language_model.", "model.", "language_model.",
                                            "language_model.model.", NULL};
static const char *const vision_prefixes[] = {"model.visual.", "visual.", NULL};
static const char *const head_prefixes[] = {"", "language_model.", NULL};

static const struct tensor *find(struct binder *b, const char *const *prefixes, const char *name)
{
    if (b->status)
        return NULL;
    for (; *prefixes; prefixes++) {
        char full[NAME_BYTES];
        snprintf(full, sizeof full, "%s%s", *prefixes, name);
        const struct tensor *t = checkpoint_find(b->checkpoint, full);
        if (t) {
            b->used[t - checkpoint_at(b->checkpoint, 0)] = true;
            return t;
        }
    }
    return NULL;
}

static const struct tensor *require(struct binder *b, const char *const *prefixes, const char *name)
{
    const struct tensor *t = find(b, prefixes, name);
    if (t || b->status)
        return t;
    char full[NAME_BYTES], spelled[SPELLED_BYTES];
    snprintf(full, sizeof full, "%s%s", prefixes[0], name);
    checkpoint_spell(b->checkpoint, full, spelled);
    const char *path = checkpoint_path(b->checkpoint);
    reason_set(b->why, "missing_tensor", "The checkpoint %s has no tensor %s.",
               "模型 %s 中缺少张量 %s。", path, spelled);
    reason_subject(b->why, "%s: %s", path, spelled);
    b->status = STATUS_INVALID;
    return NULL;
}

static void format_shape(char out[128], const uint64_t *shape, uint32_t dims)
{
    size_t len = (size_t)snprintf(out, 128, "[");
    for (uint32_t i = 0; i < dims && len < 128; i++)
        len += (size_t)snprintf(out + len, 128 - len, "%s%llu", i ? ", " : "",
                                (unsigned long long)shape[i]);
    if (len < 127)
        snprintf(out + len, 128 - len, "]");
}

static bool check_shape(struct binder *b, const struct tensor *t, const uint64_t *shape,
                        uint32_t dims)
{
    if (!t)
        return false;
    bool same = t->dims == dims;
    for (uint32_t i = 0; same && i < dims; i++)
        same = t->shape[i] == shape[i];
    if (same)
        return true;
    char is[128], should[128];
    format_shape(is, t->shape, t->dims);
    format_shape(should, shape, dims);
    reason_set(b->why, "wrong_shape",
               "The tensor %s in %s has shape %s, but the configuration asks for %s.",
               "张量 %s（文件 %s）的形状是 %s，但配置要求 %s。", t->spelled, t->file, is, should);
    reason_subject(b->why, "%s: %s", t->file, t->spelled);
    b->status = STATUS_INVALID;
    return false;
}

/* Codes without scales mean nothing. */
static bool check_no_codes(struct binder *b, const struct tensor *t)
{
    if (t->dtype != DTYPE_F8_E4M3)
        return true;
    reason_set(b->why, "wrong_dtype",
               "The tensor %s in %s has the type F8_E4M3, which is for matrices with scales only.",
               "张量 %s（文件 %s）的类型是 F8_E4M3，该类型只用于带缩放系数的矩阵。", t->spelled,
               t->file);
    reason_subject(b->why, "%s: %s", t->file, t->spelled);
    b->status = STATUS_INVALID;
    return false;
}

/* F32 copy of a small tensor; NULL after a failure. */
static const float *to_f32(struct binder *b, const struct tensor *t, uint64_t count)
{
    float *copy = arena_array(b->out->arena, count, sizeof *copy);
    if (!copy) {
        b->status = reason_no_memory(b->why, count * sizeof *copy);
        return NULL;
    }
    struct kernels kernels;
    kernels_portable(&kernels);
    kernels.to_f32[t->dtype](copy, t->data, count);
    b->out->parameters += count;
    return copy;
}

static const float *bind_table(struct binder *b, const char *const *prefixes, const char *name,
                               const uint64_t *shape, uint32_t dims)
{
    const struct tensor *t = require(b, prefixes, name);
    uint64_t count = 1;
    for (uint32_t i = 0; i < dims; i++)
        count *= shape[i];
    return check_shape(b, t, shape, dims) && check_no_codes(b, t) ? to_f32(b, t, count) : NULL;
}

static const float *bind_vector(struct binder *b, const char *const *prefixes, uint64_t n,
                                const char *name)
{
    return bind_table(b, prefixes, name, &n, 1);
}

/* The scales of a matrix of FP8 codes, one a tile: NAME_scale_inv, by which codes are multiplied in
 * spite of its name (specification 11). */
static void bind_scales(struct binder *b, const char *const *prefixes, struct matrix *matrix,
                        const char *name)
{
    char scales[NAME_BYTES];
    snprintf(scales, sizeof scales, "%s_scale_inv", name);
    const uint64_t shape[] = {(matrix->rows + SCALE_TILE - 1) / SCALE_TILE,
                              (matrix->cols + SCALE_TILE - 1) / SCALE_TILE};
    const uint64_t parameters = b->out->parameters;
    matrix->scales = bind_table(b, prefixes, scales, shape, 2);
    b->out->parameters = parameters; /* scales are none */
}

static void bind_matrix(struct binder *b, const char *const *prefixes, struct matrix *out,
                        uint32_t rows, uint32_t cols, const char *name)
{
    const struct tensor *t = require(b, prefixes, name);
    const uint64_t shape[] = {rows, cols};
    if (!check_shape(b, t, shape, 2))
        return;
    *out = (struct matrix){.data = t->data, .dtype = t->dtype, .rows = rows, .cols = cols};
    b->out->parameters += (uint64_t)rows * cols;
    if (t->dtype == DTYPE_F8_E4M3)
        bind_scales(b, prefixes, out, name);
}

/* `stem`.weight and .bias of a vision linear. */
static void bind_linear(struct binder *b, struct matrix *out, uint32_t rows, uint32_t cols,
                        const char *stem)
{
    char name[NAME_BYTES];
    snprintf(name, sizeof name, "%s.weight", stem);
    bind_matrix(b, vision_prefixes, out, rows, cols, name);
    snprintf(name, sizeof name, "%s.bias", stem);
    out->bias = bind_vector(b, vision_prefixes, rows, name);
}

static void bind_layer_norm(struct binder *b, struct norm *out, uint32_t n, const char *stem)
{
    char name[NAME_BYTES];
    snprintf(name, sizeof name, "%s.weight", stem);
    out->weight = bind_vector(b, vision_prefixes, n, name);
    snprintf(name, sizeof name, "%s.bias", stem);
    out->bias = bind_vector(b, vision_prefixes, n, name);
}

static void bind_text_matrix(struct binder *b, struct matrix *out, uint32_t rows, uint32_t cols,
                             uint32_t layer, const char *part)
{
    char name[NAME_BYTES];
    snprintf(name, sizeof name, "layers.%u.%s.weight", layer, part);
    bind_matrix(b, text_prefixes, out, rows, cols, name);
}

static void bind_text_norm(struct binder *b, struct norm *out, uint32_t n, uint32_t layer,
                           const char *part)
{
    char name[NAME_BYTES];
    snprintf(name, sizeof name, "layers.%u.%s.weight", layer, part);
    out->weight = bind_vector(b, text_prefixes, n, name);
}

static void bind_text(struct binder *b, const struct text_config *c, struct weights *out)
{
    const uint32_t h = c->hidden_size, i = c->intermediate_size;
    const uint32_t q = c->heads * c->head_dim, kv = c->kv_heads * c->head_dim;
    bind_matrix(b, text_prefixes, &out->embed, c->vocab_size, h, "embed_tokens.weight");
    for (uint32_t n = 0; n < c->layers && !b->status; n++) {
        struct text_layer *layer = &out->layers[n];
        bind_text_norm(b, &layer->input_norm, h, n, "input_layernorm");
        bind_text_matrix(b, &layer->q, q, h, n, "self_attn.q_proj");
        bind_text_matrix(b, &layer->k, kv, h, n, "self_attn.k_proj");
        bind_text_matrix(b, &layer->v, kv, h, n, "self_attn.v_proj");
        bind_text_matrix(b, &layer->o, h, q, n, "self_attn.o_proj");
        bind_text_norm(b, &layer->q_norm, c->head_dim, n, "self_attn.q_norm");
        bind_text_norm(b, &layer->k_norm, c->head_dim, n, "self_attn.k_norm");
        bind_text_norm(b, &layer->post_attention_norm, h, n, "post_attention_layernorm");
        bind_text_matrix(b, &layer->gate, i, h, n, "mlp.gate_proj");
        bind_text_matrix(b, &layer->up, i, h, n, "mlp.up_proj");
        bind_text_matrix(b, &layer->down, h, i, n, "mlp.down_proj");
    }
    out->final_norm.weight = bind_vector(b, text_prefixes, h, "norm.weight");
    if (c->tied) {
        (void)find(b, head_prefixes, "lm_head.weight"); /* a stray one is ignored */
        out->head = out->embed;
    } else {
        bind_matrix(b, head_prefixes, &out->head, c->vocab_size, h, "lm_head.weight");
    }
}

static void bind_patch_embed(struct binder *b, uint32_t vh, struct weights *out)
{
    const struct tensor *t = require(b, vision_prefixes, "patch_embed.proj.weight");
    const uint64_t shape[] = {vh, 3, 2, 16, 16};
    if (!check_shape(b, t, shape, 5) || !check_no_codes(b, t))
        return;
    out->patch_embed =
        (struct matrix){.data = t->data, .dtype = t->dtype, .rows = vh, .cols = 1536};
    out->parameters += (uint64_t)vh * 1536;
    out->patch_embed.bias = bind_vector(b, vision_prefixes, vh, "patch_embed.proj.bias");
}

static void bind_merger(struct binder *b, const struct vision_config *c, struct merger *out,
                        uint32_t norm_size, const char *stem)
{
    const uint32_t m = 4 * c->hidden_size;
    char name[NAME_BYTES];
    snprintf(name, sizeof name, "%s.norm", stem);
    bind_layer_norm(b, &out->norm, norm_size, name);
    snprintf(name, sizeof name, "%s.linear_fc1", stem);
    bind_linear(b, &out->fc1, m, m, name);
    snprintf(name, sizeof name, "%s.linear_fc2", stem);
    bind_linear(b, &out->fc2, c->out_hidden_size, m, name);
}

static void bind_block(struct binder *b, const struct vision_config *c, struct vision_block *out,
                       uint32_t n)
{
    const uint32_t vh = c->hidden_size, vi = c->intermediate_size;
    char stem[NAME_BYTES];
    snprintf(stem, sizeof stem, "blocks.%u.norm1", n);
    bind_layer_norm(b, &out->norm1, vh, stem);
    snprintf(stem, sizeof stem, "blocks.%u.attn.qkv", n);
    bind_linear(b, &out->qkv, 3 * vh, vh, stem);
    snprintf(stem, sizeof stem, "blocks.%u.attn.proj", n);
    bind_linear(b, &out->proj, vh, vh, stem);
    snprintf(stem, sizeof stem, "blocks.%u.norm2", n);
    bind_layer_norm(b, &out->norm2, vh, stem);
    snprintf(stem, sizeof stem, "blocks.%u.mlp.linear_fc1", n);
    bind_linear(b, &out->fc1, vi, vh, stem);
    snprintf(stem, sizeof stem, "blocks.%u.mlp.linear_fc2", n);
    bind_linear(b, &out->fc2, vh, vi, stem);
}

static void bind_vision(struct binder *b, const struct vision_config *c, struct weights *out)
{
    const uint64_t table[] = {(uint64_t)c->position_side * c->position_side, c->hidden_size};
    bind_patch_embed(b, c->hidden_size, out);
    out->position_table = bind_table(b, vision_prefixes, "pos_embed.weight", table, 2);
    for (uint32_t n = 0; n < c->depth && !b->status; n++)
        bind_block(b, c, &out->blocks[n], n);
    bind_merger(b, c, &out->merger, c->hidden_size, "merger");
    for (uint32_t k = 0; k < c->deepstack_count && !b->status; k++) {
        char stem[NAME_BYTES];
        snprintf(stem, sizeof stem, "deepstack_merger_list.%u", k);
        bind_merger(b, c, &out->deepstack[k], 4 * c->hidden_size, stem);
    }
}

static bool has_prefix(const char *name, const char *const *prefixes)
{
    for (; *prefixes; prefixes++)
        if (**prefixes && str_starts(str_from(name), *prefixes))
            return true;
    return false;
}

/* A tensor of this architecture that the configuration has no place for means that the two do not
 * belong together. Saved rotary tables are harmless. */
static void refuse_extra(struct binder *b)
{
    for (size_t i = 0; i < checkpoint_count(b->checkpoint) && !b->status; i++) {
        const struct tensor *t = checkpoint_at(b->checkpoint, i);
        if (b->used[i] || strstr(t->name, "rotary") ||
            (!has_prefix(t->name, text_prefixes) && !has_prefix(t->name, vision_prefixes)))
            continue;
        reason_set(b->why, "extra_tensor",
                   "The checkpoint has a tensor %s in %s that the configuration has no place for.",
                   "模型中的张量 %s（文件 %s）在配置中没有对应的位置。", t->spelled, t->file);
        reason_subject(b->why, "%s: %s", t->file, t->spelled);
        b->status = STATUS_INVALID;
    }
}

enum status weights_bind(const struct checkpoint *checkpoint, const struct model_config *config,
                         struct weights *out, struct reason *why)
{
    *out = (struct weights){.arena = malloc(sizeof *out->arena)};
    if (!out->arena)
        return reason_no_memory(why, sizeof *out->arena);
    arena_init(out->arena, (size_t)4 << 30);
    struct binder b = {checkpoint, out, NULL, why, STATUS_OK};
    b.used = arena_array(out->arena, checkpoint_count(checkpoint) + 1, sizeof *b.used);
    out->layers = arena_array(out->arena, config->text.layers, sizeof *out->layers);
    out->blocks = arena_array(out->arena, config->vision.depth, sizeof *out->blocks);
    if (!b.used || !out->layers || !out->blocks)
        b.status = reason_no_memory(why, checkpoint_count(checkpoint));
    bind_text(&b, &config->text, out);
    bind_vision(&b, &config->vision, out);
    if (!b.status)
        refuse_extra(&b);
    if (b.status)
        weights_release(out);
    return b.status;
}

void weights_release(struct weights *weights)
{
    if (!weights->arena)
        return;
    arena_release(weights->arena);
    free(weights->arena);
    *weights = (struct weights){0};
}
