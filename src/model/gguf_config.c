#include "model/gguf_config.h"

#include "model/yarn.h"

#include <math.h>
#include <stdio.h>

/* Reading the values of one file; the first failure sticks. */
struct fields {
    const struct gguf *gguf;
    struct reason *why;
    enum status status;
};

static void bad_field(struct fields *f, const char *key, const char *en, const char *zh)
{
    if (f->status)
        return;
    reason_set(f->why, "bad_config", "In %s, %s %s%.0s.", "在 %s 中，%s %.0s%s。", f->gguf->name,
               key, en, zh);
    reason_subject(f->why, "%s: %s", f->gguf->name, key);
    f->status = STATUS_INVALID;
}

static void bad_number(struct fields *f, const char *key, int64_t n, int64_t min, int64_t max)
{
    char en[96], zh[96];
    const long long is = n, least = min, most = max;
    if (min == max) {
        snprintf(en, sizeof en, "is %lld; only %lld can be run", is, least);
        snprintf(zh, sizeof zh, "为 %lld，目前只支持 %lld", is, least);
    } else {
        snprintf(en, sizeof en, "is %lld, but must be %lld to %lld", is, least, most);
        snprintf(zh, sizeof zh, "为 %lld，应在 %lld 到 %lld 之间", is, least, most);
    }
    bad_field(f, key, en, zh);
}

/* A whole number in [min, max]. Absent: `fallback` if that is ≥ 0, else a failure. */
static int64_t read_integer(struct fields *f, const char *key, int64_t min, int64_t max,
                            int64_t fallback)
{
    const struct gguf_value *v = gguf_find(f->gguf, key);
    int64_t n;
    if (f->status || (!v && fallback >= 0))
        return fallback;
    if (!v)
        bad_field(f, key, "is missing", "缺失");
    else if (!gguf_integer(v, &n))
        bad_field(f, key, "is not a whole number", "不是整数");
    else if (n < min || n > max)
        bad_number(f, key, n, min, max);
    else
        return n;
    return min;
}

static uint32_t read_u32(struct fields *f, const char *key, uint32_t min, uint32_t max)
{
    return (uint32_t)read_integer(f, key, min, max, -1);
}

static void expect_number(struct fields *f, const char *key, int64_t n)
{
    (void)read_integer(f, key, n, n, n);
}

/* A number in [min, max]. Absent: `fallback` if that is not NAN, else a failure. */
static double read_real(struct fields *f, const char *key, double min, double max, double fallback)
{
    const struct gguf_value *v = gguf_find(f->gguf, key);
    double value = fallback;
    if (!v && isnan(fallback))
        bad_field(f, key, "is missing", "缺失");
    else if (v && (!gguf_real(v, &value) || !(value >= min && value <= max)))
        bad_field(f, key, "is not a number in the range that makes sense", "不是合理范围内的数");
    return value;
}

/* A choice that this program has only one implementation of. */
static void expect_real(struct fields *f, const char *key, double value)
{
    const double slack = fabs(value) * 1e-6;
    if (!f->status && fabs(read_real(f, key, -1e300, 1e300, value) - value) > slack) {
        char en[96], zh[96];
        snprintf(en, sizeof en, "is not %g, the only value that can be run", value);
        snprintf(zh, sizeof zh, "不是 %g，目前只支持该值", value);
        bad_field(f, key, en, zh);
    }
}

static void expect_halves(struct fields *f, const char *key)
{
    const struct gguf_value *v = gguf_find(f->gguf, key);
    bool halves = !v || (v->is_array && v->count == 3);
    for (uint64_t i = 0; v && halves && i < v->count; i++) {
        double value;
        halves = gguf_real_at(v, i, &value) && fabs(value - 0.5) < 1e-6;
    }
    if (!halves)
        bad_field(f, key, "is not three times 0.5, the only value that can be run",
                  "不是三个 0.5，目前只支持该值");
}

/* Three numbers of frequencies for T, H, W, and a fourth that must be 0. */
static void read_sections(struct fields *f, struct text_config *out)
{
    static const char key[] = "qwen3vl.rope.dimension_sections";
    const struct gguf_value *v = gguf_find(f->gguf, key);
    uint32_t sum = 0;
    if (!v || !v->is_array || v->count < 3 || v->count > 4) {
        bad_field(f, key, "is not a list of three or four numbers", "不是三个或四个数的列表");
        return;
    }
    for (uint64_t i = 0; i < v->count; i++) {
        int64_t n;
        if (!gguf_integer_at(v, i, &n) || n < 0 || n > (i < 3 ? 128 : 0)) {
            bad_field(f, key, "has a number out of range", "中的数超出范围");
            return;
        }
        if (i < 3)
            sum += out->mrope_section[i] = (uint32_t)n;
    }
    if (!f->status && sum * 2 != out->head_dim)
        bad_field(f, key, "does not add up to half of attention.key_length",
                  "之和不等于 attention.key_length 的一半");
}

/* As llama.cpp, whose own factor of attention comes on top of the paper's. */
static void read_yarn(struct fields *f, struct text_config *out)
{
    struct yarn *yarn = &out->yarn;
    const double factor =
        read_real(f, "qwen3vl.rope.scaling.factor", 1, YARN_FACTOR_MAX, (double)NAN);
    const double attention = read_real(f, "qwen3vl.rope.scaling.attn_factor", 0.01, 100, 1);
    const double more = read_real(f, "qwen3vl.rope.scaling.yarn_attn_factor", 0.01, 100, 1);
    expect_real(f, "qwen3vl.rope.scaling.yarn_ext_factor", 1);
    yarn->factor = (float)factor;
    yarn->attention = (float)(attention * more * (double)yarn_attention(factor, 1));
    yarn->beta_fast =
        (float)read_real(f, "qwen3vl.rope.scaling.yarn_beta_fast", 1e-3, 1e6, YARN_BETA_FAST);
    yarn->beta_slow =
        (float)read_real(f, "qwen3vl.rope.scaling.yarn_beta_slow", 1e-3, 1e6, YARN_BETA_SLOW);
    yarn->truncate = true;
    yarn->original_positions =
        (uint32_t)read_integer(f, "qwen3vl.rope.scaling.original_context_length", 1,
                               CONFIG_POSITIONS_MAX, out->max_positions);
    if (!f->status && yarn->beta_fast < yarn->beta_slow)
        bad_field(f, "qwen3vl.rope.scaling.yarn_beta_fast", "is less than yarn_beta_slow",
                  "小于 yarn_beta_slow");
}

static void read_scaling(struct fields *f, struct text_config *out)
{
    static const char key[] = "qwen3vl.rope.scaling.type";
    const struct gguf_value *v = gguf_find(f->gguf, key);
    struct str type = {0};
    if (!v || (gguf_string(v, &type) && str_is(type, "none")))
        return;
    if (str_is(type, "yarn"))
        read_yarn(f, out);
    else
        bad_field(f, key, "is neither \"none\" nor \"yarn\"; others cannot be run",
                  "既不是 \"none\" 也不是 \"yarn\"；目前不支持其他类型");
}

static void read_text(struct fields *f, const struct gguf_files *files, struct text_config *out)
{
    const struct gguf_value *tokens = gguf_find(f->gguf, "tokenizer.ggml.tokens");
    if (!gguf_is_strings(tokens) || tokens->count < 1 || tokens->count > 1 << 24)
        bad_field(f, "tokenizer.ggml.tokens", "is not a list of up to 16777216 tokens",
                  "不是至多 16777216 个词元的列表");
    else
        out->vocab_size = (uint32_t)tokens->count;
    out->layers = read_u32(f, "qwen3vl.block_count", 1, 1024);
    out->hidden_size = read_u32(f, "qwen3vl.embedding_length", 1, 65536);
    out->intermediate_size = read_u32(f, "qwen3vl.feed_forward_length", 1, 1 << 20);
    out->heads = read_u32(f, "qwen3vl.attention.head_count", 1, 1024);
    out->kv_heads =
        (uint32_t)read_integer(f, "qwen3vl.attention.head_count_kv", 1, 1024, out->heads);
    out->head_dim = read_u32(f, "qwen3vl.attention.key_length", 2, 256);
    expect_number(f, "qwen3vl.attention.value_length", out->head_dim);
    out->max_positions = read_u32(f, "qwen3vl.context_length", 1, CONFIG_POSITIONS_MAX);
    out->rms_eps =
        (float)read_real(f, "qwen3vl.attention.layer_norm_rms_epsilon", 0, 1, (double)NAN);
    out->rope_theta = (float)read_real(f, "qwen3vl.rope.freq_base", 1, 1e12, (double)NAN);
    read_scaling(f, out);
    out->tied = !gguf_files_has_text(files, "output.weight");
    if (!f->status && out->head_dim % 2)
        bad_field(f, "qwen3vl.attention.key_length", "is odd", "是奇数");
    if (!f->status && out->heads % out->kv_heads)
        bad_field(f, "qwen3vl.attention.head_count", "is not a multiple of head_count_kv",
                  "不是 head_count_kv 的倍数");
    read_sections(f, out);
}

static void read_deepstack(struct fields *f, struct vision_config *out)
{
    static const char key[] = "clip.vision.is_deepstack_layers";
    const struct gguf_value *v = gguf_find(f->gguf, key);
    if (f->status)
        return;
    if (!v || !v->is_array || v->type != GGUF_BOOL || v->count != out->depth) {
        bad_field(f, key, "is not a list of one truth for each vision block",
                  "不是与视觉块一一对应的布尔列表");
        return;
    }
    for (uint32_t i = 0; i < out->depth; i++) {
        bool is;
        if (!gguf_bool_at(v, i, &is) || !is)
            continue;
        if (out->deepstack_count == DEEPSTACK_MAX) {
            bad_field(f, key, "is true more than 8 times", "中为 true 的超过 8 个");
            return;
        }
        out->deepstack[out->deepstack_count++] = i;
    }
}

/* The position table is a square of image_size / patch_size. */
static void read_position_side(struct fields *f, struct vision_config *out)
{
    const uint32_t size = read_u32(f, "clip.vision.image_size", 16, 1 << 14);
    out->position_side = size / 16;
    if (!f->status && size % 16)
        bad_field(f, "clip.vision.image_size", "is not a multiple of 16", "不是 16 的倍数");
}

static void read_vision(struct fields *f, struct vision_config *out, struct pixel_sizes *pixels)
{
    out->depth = read_u32(f, "clip.vision.block_count", 1, 1024);
    out->hidden_size = read_u32(f, "clip.vision.embedding_length", 1, 65536);
    out->intermediate_size = read_u32(f, "clip.vision.feed_forward_length", 1, 1 << 20);
    out->heads = read_u32(f, "clip.vision.attention.head_count", 1, 1024);
    out->out_hidden_size = read_u32(f, "clip.vision.projection_dim", 1, 65536);
    expect_number(f, "clip.vision.patch_size", out->patch_size = 16);
    expect_number(f, "clip.vision.temporal_patch_size", out->temporal_patch_size = 2);
    expect_number(f, "clip.vision.spatial_merge_size", out->merge_size = 2);
    expect_real(f, "clip.vision.attention.layer_norm_epsilon", 1e-6);
    expect_real(f, "clip.vision.rope.freq_base", 10000);
    expect_halves(f, "clip.vision.image_mean");
    expect_halves(f, "clip.vision.image_std");
    bool gelu = true;
    if (gguf_find(f->gguf, "clip.use_gelu") &&
        (!gguf_bool(gguf_find(f->gguf, "clip.use_gelu"), &gelu) || !gelu))
        bad_field(f, "clip.use_gelu", "is not true, the only value that can be run",
                  "不是 true，目前只支持该值");
    pixels->min_pixels = (uint64_t)read_integer(f, "clip.vision.image_min_pixels", 1,
                                                (int64_t)1 << 40, (int64_t)pixels->min_pixels);
    pixels->max_pixels = (uint64_t)read_integer(f, "clip.vision.image_max_pixels", 1024,
                                                (int64_t)1 << 40, (int64_t)pixels->max_pixels);
    if (!f->status && pixels->min_pixels > pixels->max_pixels)
        bad_field(f, "clip.vision.image_min_pixels", "is above the upper budget", "超过了上限");
    read_position_side(f, out);
    if (!f->status && (out->hidden_size % out->heads || out->hidden_size / out->heads % 4 ||
                       out->hidden_size / out->heads > 256))
        bad_field(f, "clip.vision.attention.head_count",
                  "does not divide embedding_length into heads of a multiple of 4",
                  "不能把 embedding_length 均分成长度为 4 的倍数的头");
    read_deepstack(f, out);
}

static enum status check_pair(const struct gguf_files *files, const struct model_config *config,
                              struct reason *why)
{
    const uint32_t hidden = config->text.hidden_size, out = config->vision.out_hidden_size;
    const uint32_t count = config->vision.deepstack_count;
    struct fields f = {&files->text, why, STATUS_OK};
    const uint32_t levels =
        (uint32_t)read_integer(&f, "qwen3vl.n_deepstack_layers", 0, DEEPSTACK_MAX, count);
    if (f.status || (out == hidden && levels == count))
        return f.status;
    if (out != hidden)
        reason_set(why, "mismatched_mmproj",
                   "The vision part %s is of another model than %s: it makes rows of %u numbers, "
                   "where the text model takes %u.",
                   "视觉部分 %s 与 %s 不属于同一个模型：它输出 %u 维特征，而文本模型需要 %u 维。",
                   files->vision.name, files->text.name, out, hidden);
    else
        reason_set(why, "mismatched_mmproj",
                   "The vision part %s is of another model than %s: it has %u DeepStack layers, "
                   "where the text model takes %u.",
                   "视觉部分 %s 与 %s 不属于同一个模型：它有 %u 个 DeepStack 层，而文本模型需要 %u "
                   "个。",
                   files->vision.name, files->text.name, count, levels);
    reason_subject(why, "%s", files->vision.name);
    return STATUS_INVALID;
}

enum status gguf_config_read(const struct gguf_files *files, struct model_config *out,
                             struct reason *why)
{
    *out = model_config_defaults();
    struct fields text = {&files->text, why, STATUS_OK};
    read_text(&text, files, &out->text);
    if (text.status)
        return text.status;
    struct fields vision = {&files->vision, why, STATUS_OK};
    read_vision(&vision, &out->vision, &out->image);
    return vision.status ? vision.status : check_pair(files, out, why);
}

/* Adds an id to those that end an answer, once. */
static void add_end(struct generation_defaults *g, int32_t id)
{
    bool there = id < 0 || g->eos_count == EOS_MAX;
    for (uint32_t i = 0; i < g->eos_count; i++)
        there = there || g->eos[i] == id;
    if (!there)
        g->eos[g->eos_count++] = id;
}

/* What the model cards recommend (specification 1.4, 8.3), where the file is silent. */
static void read_sampling(struct fields *f, bool thinks, struct generation_defaults *out)
{
    out->do_sample = true;
    out->temperature = (float)read_real(f, "general.sampling.temp", 0, 100, thinks ? 1 : 0.7);
    out->top_p = (float)read_real(f, "general.sampling.top_p", 0, 1, thinks ? 0.95 : 0.8);
    out->min_p = (float)read_real(f, "general.sampling.min_p", 0, 1, 0);
    out->repetition_penalty = (float)read_real(f, "general.sampling.penalty_repeat", 1e-3, 100, 1);
    out->top_k = (uint32_t)read_integer(f, "general.sampling.top_k", 0, 1 << 24, 20);
}

enum status gguf_config_tokens(const struct gguf *text, const struct tokenizer *tokenizer,
                               bool thinks, struct model_config *config, struct reason *why)
{
    struct fields f = {text, why, STATUS_OK};
    config->image_token = tokenizer_added_id(tokenizer, "<|image_pad|>");
    config->video_token = tokenizer_added_id(tokenizer, "<|video_pad|>");
    config->vision_start_token = tokenizer_added_id(tokenizer, "<|vision_start|>");
    config->vision_end_token = tokenizer_added_id(tokenizer, "<|vision_end|>");
    struct generation_defaults *g = &config->generation;
    static const char *const keys[] = {"tokenizer.ggml.eos_token_id",
                                       "tokenizer.ggml.eot_token_id"};
    const int64_t last = (int64_t)config->text.vocab_size - 1;
    for (size_t i = 0; i < ARRAY_LEN(keys); i++)
        if (gguf_find(text, keys[i]))
            add_end(g, (int32_t)read_integer(&f, keys[i], 0, last, 0));
    add_end(g, tokenizer_added_id(tokenizer, "<|im_end|>"));
    add_end(g, tokenizer_added_id(tokenizer, "<|endoftext|>"));
    read_sampling(&f, thinks, g);
    return f.status;
}
