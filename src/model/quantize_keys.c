#include "model/quantize_keys.h"

#include "model/yarn.h"

#include <string.h>

enum { PATCH = 16, QUANTIZATION_VERSION = 2 };

/* llama.cpp's numbers for the kinds of files (enum llama_ftype). */
static const uint32_t file_types[DTYPE_COUNT] = {
    [DTYPE_F32] = 0,   [DTYPE_F16] = 1,   [DTYPE_BF16] = 32, [DTYPE_Q4_0] = 2,
    [DTYPE_Q4_1] = 3,  [DTYPE_Q8_0] = 7,  [DTYPE_Q5_0] = 8,  [DTYPE_Q5_1] = 9,
    [DTYPE_Q4_K] = 15, [DTYPE_Q5_K] = 17, [DTYPE_Q6_K] = 18,
};

/* The file's own name says best what it is. */
static void put_name(struct gguf_writer *w)
{
    const char *slash = strrchr(w->path, '/');
    struct str name = str_from(slash ? slash + 1 : w->path);
    if (str_ends(name, ".gguf"))
        name.len -= strlen(".gguf");
    gguf_put_string(w, "general.name", name);
}

static void put_sampling(struct gguf_writer *w, const struct generation_defaults *g)
{
    if (!g->do_sample)
        return;
    gguf_put_u32(w, "general.sampling.top_k", g->top_k);
    gguf_put_f32(w, "general.sampling.top_p", g->top_p);
    gguf_put_f32(w, "general.sampling.min_p", g->min_p);
    gguf_put_f32(w, "general.sampling.temp", g->temperature);
    gguf_put_f32(w, "general.sampling.penalty_repeat", g->repetition_penalty);
}

static void put_yarn(struct gguf_writer *w, const struct yarn *yarn)
{
    const float usual = yarn_attention((double)yarn->factor, 1); /* which readers multiply by */
    gguf_put_string(w, "qwen3vl.rope.scaling.type", STR("yarn"));
    gguf_put_f32(w, "qwen3vl.rope.scaling.factor", yarn->factor);
    gguf_put_u32(w, "qwen3vl.rope.scaling.original_context_length", yarn->original_positions);
    if (yarn->attention != usual)
        gguf_put_f32(w, "qwen3vl.rope.scaling.attn_factor", yarn->attention / usual);
    if (yarn->beta_fast != YARN_BETA_FAST)
        gguf_put_f32(w, "qwen3vl.rope.scaling.yarn_beta_fast", yarn->beta_fast);
    if (yarn->beta_slow != YARN_BETA_SLOW)
        gguf_put_f32(w, "qwen3vl.rope.scaling.yarn_beta_slow", yarn->beta_slow);
}

void quantize_put_text(struct gguf_writer *w, const struct model *model, enum dtype type)
{
    const struct text_config *c = &model->config.text;
    gguf_put_string(w, "general.architecture", STR("qwen3vl"));
    gguf_put_string(w, "general.type", STR("model"));
    put_name(w);
    put_sampling(w, &model->config.generation);
    gguf_put_u32(w, "qwen3vl.block_count", c->layers);
    gguf_put_u32(w, "qwen3vl.context_length", c->max_positions);
    gguf_put_u32(w, "qwen3vl.embedding_length", c->hidden_size);
    gguf_put_u32(w, "qwen3vl.feed_forward_length", c->intermediate_size);
    gguf_put_u32(w, "qwen3vl.attention.head_count", c->heads);
    gguf_put_u32(w, "qwen3vl.attention.head_count_kv", c->kv_heads);
    gguf_put_u32(w, "qwen3vl.attention.key_length", c->head_dim);
    gguf_put_u32(w, "qwen3vl.attention.value_length", c->head_dim);
    gguf_put_f32(w, "qwen3vl.attention.layer_norm_rms_epsilon", c->rms_eps);
    gguf_put_f32(w, "qwen3vl.rope.freq_base", c->rope_theta);
    gguf_put_array(w, "qwen3vl.rope.dimension_sections", GGUF_I32, 4);
    for (size_t i = 0; i < 4; i++)
        gguf_add_i32(w, i < 3 ? (int32_t)c->mrope_section[i] : 0);
    if (c->yarn.factor > 0)
        put_yarn(w, &c->yarn);
    gguf_put_u32(w, "qwen3vl.n_deepstack_layers", model->config.vision.deepstack_count);
    gguf_put_u32(w, "general.quantization_version", QUANTIZATION_VERSION);
    gguf_put_u32(w, "general.file_type", file_types[type]);
}

static void put_halves(struct gguf_writer *w, const char *key)
{
    gguf_put_array(w, key, GGUF_F32, 3);
    for (size_t i = 0; i < 3; i++)
        gguf_add_f32(w, 0.5f);
}

static void put_deepstack(struct gguf_writer *w, const struct vision_config *c)
{
    gguf_put_array(w, "clip.vision.is_deepstack_layers", GGUF_BOOL, c->depth);
    for (uint32_t i = 0; i < c->depth; i++) {
        bool is = false;
        for (uint32_t k = 0; k < c->deepstack_count; k++)
            is = is || c->deepstack[k] == i;
        gguf_add_bool(w, is);
    }
}

/* Only where they are not those that everybody assumes. */
static void put_pixels(struct gguf_writer *w, const struct pixel_sizes *pixels)
{
    const struct model_config usual = model_config_defaults();
    if (pixels->min_pixels != usual.image.min_pixels && pixels->min_pixels <= UINT32_MAX)
        gguf_put_u32(w, "clip.vision.image_min_pixels", (uint32_t)pixels->min_pixels);
    if (pixels->max_pixels != usual.image.max_pixels && pixels->max_pixels <= UINT32_MAX)
        gguf_put_u32(w, "clip.vision.image_max_pixels", (uint32_t)pixels->max_pixels);
}

void quantize_put_vision(struct gguf_writer *w, const struct model *model)
{
    const struct vision_config *c = &model->config.vision;
    gguf_put_string(w, "general.architecture", STR("clip"));
    gguf_put_string(w, "general.type", STR("mmproj"));
    put_name(w);
    gguf_put_u32(w, "general.file_type", file_types[DTYPE_F16]);
    gguf_put_bool(w, "clip.has_vision_encoder", true);
    gguf_put_string(w, "clip.projector_type", STR("qwen3vl_merger"));
    gguf_put_bool(w, "clip.use_gelu", true);
    gguf_put_u32(w, "clip.vision.image_size", c->position_side * PATCH);
    gguf_put_u32(w, "clip.vision.patch_size", c->patch_size);
    gguf_put_u32(w, "clip.vision.embedding_length", c->hidden_size);
    gguf_put_u32(w, "clip.vision.feed_forward_length", c->intermediate_size);
    gguf_put_u32(w, "clip.vision.block_count", c->depth);
    gguf_put_u32(w, "clip.vision.attention.head_count", c->heads);
    gguf_put_f32(w, "clip.vision.attention.layer_norm_epsilon", 1e-6f);
    gguf_put_u32(w, "clip.vision.projection_dim", c->out_hidden_size);
    gguf_put_u32(w, "clip.vision.spatial_merge_size", c->merge_size);
    put_halves(w, "clip.vision.image_mean");
    put_halves(w, "clip.vision.image_std");
    put_deepstack(w, c);
    put_pixels(w, &model->config.image);
}
