#include "model/config.h"

#include "base/utf8.h"
#include "model/impostor.h"
#include "model/yarn.h"
#include "os/file.h"

#include <math.h>
#include <stdio.h>

enum { FILE_MAX_BYTES = 4 << 20, PATH_BYTES = 4096 };

/* Reading one JSON file: the first failure sticks, later reads do nothing, so that a list of
 * fields reads like a table. */
struct fields {
    const char *path;
    struct reason *why;
    enum status status;
};

static void bad_field(struct fields *f, const char *key, const char *en, const char *zh)
{
    if (f->status)
        return;
    reason_set(f->why, "bad_config", "In %s, %s %s%.0s.", "在 %s 中，%s %.0s%s。", f->path, key, en,
               zh);
    reason_subject(f->why, "%s: %s", f->path, key);
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

/* A whole number in [min, max]; transformers 5 writes some as 12.0. Absent: `fallback` if that is
 * ≥ 0, else a failure. */
static int64_t read_integer(struct fields *f, const struct json *object, const char *key,
                            int64_t min, int64_t max, int64_t fallback)
{
    const struct json *v = json_get(object, key);
    if (f->status || ((!v || v->type == JSON_NULL) && fallback >= 0))
        return fallback;
    int64_t n;
    if (!v) {
        bad_field(f, key, "is missing", "缺失");
    } else if (!json_int64(v, &n)) {
        bad_field(f, key, "is not a whole number", "不是整数");
    } else if (n < min || n > max) {
        bad_number(f, key, n, min, max);
    } else {
        return n;
    }
    return min;
}

static uint32_t read_u32(struct fields *f, const struct json *object, const char *key, uint32_t min,
                         uint32_t max)
{
    return (uint32_t)read_integer(f, object, key, min, max, -1);
}

static double read_real(struct fields *f, const struct json *object, const char *key, double min,
                        double max, double fallback)
{
    const struct json *v = json_get(object, key);
    double value = fallback;
    if (!f->status && v && v->type != JSON_NULL &&
        (!json_double(v, &value) || !(value >= min && value <= max)))
        bad_field(f, key, "is not a number in the range that makes sense", "不是合理范围内的数");
    return value;
}

static bool read_bool(struct fields *f, const struct json *object, const char *key, bool fallback)
{
    const struct json *v = json_get(object, key);
    if (!v || v->type == JSON_NULL)
        return fallback;
    if (v->type != JSON_BOOL)
        bad_field(f, key, "is neither true nor false", "既不是 true 也不是 false");
    return v->truth;
}

/* A choice that this program has only one implementation of. */
static void expect_word(struct fields *f, const struct json *object, const char *key,
                        const char *word)
{
    const struct json *v = json_get(object, key);
    if (!v || v->type == JSON_NULL || (v->type == JSON_STRING && str_is(v->text, word)))
        return;
    char en[96], zh[96];
    snprintf(en, sizeof en, "is not \"%s\", the only value that can be run", word);
    snprintf(zh, sizeof zh, "不是 \"%s\"，目前只支持该值", word);
    bad_field(f, key, en, zh);
}

static void expect_number(struct fields *f, const struct json *object, const char *key, int64_t n)
{
    (void)read_integer(f, object, key, n, n, n);
}

/* Reads one file into a tree. Absent and not required: *root is NULL. */
static enum status read_file(const char *dir, const char *name, bool required, struct buf *text,
                             struct arena *arena, char path[PATH_BYTES], struct json **root,
                             struct reason *why)
{
    *root = NULL;
    if (!path_join(path, PATH_BYTES, dir, name)) {
        reason_set(why, "missing_file", "The path of the checkpoint is too long.",
                   "模型目录的路径过长。");
        return STATUS_INVALID;
    }
    if (!required && !file_exists(path))
        return STATUS_OK;
    enum status status = file_read(path, text, why);
    if (status && why && strcmp(why->code, "missing_file") == 0)
        reason_hint(
            why,
            "A checkpoint is a folder with config.json, tokenizer.json and "
            "model.safetensors or its shards.",
            "模型目录中应有 config.json、tokenizer.json 和 model.safetensors（或其分片）。");
    if (!status)
        status = impostor_check(path, buf_str(text), why);
    if (status)
        return status;
    struct reason syntax;
    status = json_parse(text->data, text->len, (struct json_limits){.max_depth = 16}, arena, root,
                        &syntax);
    if (status || (*root)->type != JSON_OBJECT) {
        reason_set(why, "bad_config", "The file %s is not a JSON object%s%s%.0s%.0s",
                   "文件 %s 不是 JSON 对象%.0s%.0s%s%s", path, status ? ": " : "",
                   status ? syntax.message[LANG_EN] : ".", status ? "：" : "。",
                   status ? syntax.message[LANG_ZH] : "");
        reason_subject(why, "%s", path);
        return STATUS_INVALID;
    }
    return STATUS_OK;
}

static enum status unknown_architecture(const char *path, const char *member, struct str name,
                                        const char *known, struct reason *why)
{
    const int shown = (int)(name.len < 64 ? name.len : utf8_floor(name.ptr, 64));
    reason_set(why, "unknown_architecture", "In %s, %s is %.*s; this program runs %s.",
               "在 %s 中，%s 是 %.*s；本程序只能运行 %s。", path, member, shown, name.ptr, known);
    reason_subject(why, "%s: %s", path, member);
    if (str_starts(name, "qwen3_vl_moe") || str_starts(name, "Qwen3VLMoe"))
        reason_hint(why,
                    "Mixture-of-experts models are not supported; use a dense Qwen3-VL: 2B, "
                    "4B, 8B or 32B.",
                    "不支持混合专家模型；请使用稠密的 Qwen3-VL：2B、4B、8B 或 32B。");
    else
        reason_hint(why, "Use a Qwen3-VL checkpoint such as Qwen/Qwen3-VL-8B-Instruct.",
                    "请使用 Qwen3-VL 模型，例如 Qwen/Qwen3-VL-8B-Instruct。");
    return STATUS_INVALID;
}

static enum status check_architecture(const char *path, const struct json *root, struct reason *why)
{
    static const char class[] = "Qwen3VLForConditionalGeneration";
    const struct json *type = json_get(root, "model_type");
    if (!json_is(type, JSON_STRING) || !str_is(type->text, "qwen3_vl"))
        return unknown_architecture(path, "model_type",
                                    json_is(type, JSON_STRING) ? type->text : STR("(none)"),
                                    "qwen3_vl", why);
    const struct json *list = json_get(root, "architectures");
    const struct json *first = json_is(list, JSON_ARRAY) ? list->first : NULL;
    if (!json_is(first, JSON_STRING) || str_is(first->text, class))
        return STATUS_OK; /* derived checkpoints leave it out */
    return unknown_architecture(path, "architectures", first->text, class, why);
}

/* As transformers reads it, but that the factor is as written where transformers 4 takes that of
 * the two contexts. */
static void read_yarn(struct fields *f, const struct json *rope, struct text_config *out)
{
    struct yarn *yarn = &out->yarn;
    yarn->original_positions = (uint32_t)read_integer(f, rope, "original_max_position_embeddings",
                                                      1, CONFIG_POSITIONS_MAX, out->max_positions);
    const double grown = (double)out->max_positions / yarn->original_positions;
    const double factor = read_real(f, rope, "factor", 1, YARN_FACTOR_MAX, grown);
    if (!(factor >= 1) || (factor == 1 && !json_get(rope, "factor")))
        bad_field(f, "factor", "is missing", "缺失");
    const double mscale = read_real(f, rope, "mscale", 0, 100, 0);
    const double all_dim = read_real(f, rope, "mscale_all_dim", 0, 100, 0);
    const double usual = mscale > 0 && all_dim > 0 ? (double)yarn_attention(factor, mscale) /
                                                         (double)yarn_attention(factor, all_dim)
                                                   : (double)yarn_attention(factor, 1);
    yarn->factor = (float)factor;
    yarn->attention = (float)read_real(f, rope, "attention_factor", 0.01, 100, usual);
    yarn->beta_fast = (float)read_real(f, rope, "beta_fast", 1e-3, 1e6, YARN_BETA_FAST);
    yarn->beta_slow = (float)read_real(f, rope, "beta_slow", 1e-3, 1e6, YARN_BETA_SLOW);
    yarn->truncate = read_bool(f, rope, "truncate", true);
    if (!f->status && yarn->beta_fast < yarn->beta_slow)
        bad_field(f, "beta_fast", "is less than beta_slow", "小于 beta_slow");
}

/* "default" or "yarn"; older files call the member "type". */
static void read_rope_type(struct fields *f, const struct json *rope, struct text_config *out)
{
    const char *const key = json_get(rope, "rope_type") ? "rope_type" : "type";
    const struct json *type = json_get(rope, key);
    if (json_is(type, JSON_STRING) && str_is(type->text, "yarn"))
        read_yarn(f, rope, out);
    else if (type && type->type != JSON_NULL &&
             !(type->type == JSON_STRING && str_is(type->text, "default")))
        bad_field(f, key, "is neither \"default\" nor \"yarn\"; others cannot be run",
                  "既不是 \"default\" 也不是 \"yarn\"；目前不支持其他类型");
}

/* rope_theta and mrope_section, in either dialect. */
static void read_rope(struct fields *f, const struct json *text, struct text_config *out)
{
    const struct json *rope = json_get(text, "rope_parameters");
    const bool v5 = json_is(rope, JSON_OBJECT);
    if (!v5)
        rope = json_get(text, "rope_scaling");
    if (!json_is(rope, JSON_OBJECT)) {
        bad_field(f, "rope_scaling", "is missing", "缺失");
        return;
    }
    const struct json *theta = v5 ? rope : text;
    if (!json_get(theta, "rope_theta"))
        bad_field(f, "rope_theta", "is missing", "缺失");
    out->rope_theta = (float)read_real(f, theta, "rope_theta", 1, 1e12, 0);
    read_rope_type(f, rope, out);
    if (!read_bool(f, rope, "mrope_interleaved", true))
        bad_field(f, "mrope_interleaved", "is false; only interleaved M-RoPE can be run",
                  "为 false；目前只支持交错的 M-RoPE");
    const struct json *section = json_get(rope, "mrope_section");
    if (!json_is(section, JSON_ARRAY) || section->count != 3) {
        bad_field(f, "mrope_section", "is not a list of three numbers", "不是三个数的列表");
        return;
    }
    uint32_t sum = 0, i = 0;
    JSON_EACH(v, section) {
        int64_t n;
        if (!json_int64(v, &n) || n < 0 || n > 128)
            bad_field(f, "mrope_section", "has a number out of range", "中的数超出范围");
        else
            sum += out->mrope_section[i++] = (uint32_t)n;
    }
    if (!f->status && sum * 2 != out->head_dim)
        bad_field(f, "mrope_section", "does not add up to half of head_dim",
                  "之和不等于 head_dim 的一半");
}

static void read_text(struct fields *f, const struct json *root, const struct json *text,
                      struct text_config *out)
{
    out->vocab_size = read_u32(f, text, "vocab_size", 1, 1 << 24);
    out->hidden_size = read_u32(f, text, "hidden_size", 1, 65536);
    out->intermediate_size = read_u32(f, text, "intermediate_size", 1, 1 << 20);
    out->layers = read_u32(f, text, "num_hidden_layers", 1, 1024);
    out->heads = read_u32(f, text, "num_attention_heads", 1, 1024);
    out->kv_heads = read_u32(f, text, "num_key_value_heads", 1, 1024);
    out->head_dim = read_u32(f, text, "head_dim", 2, 256);
    out->max_positions = read_u32(f, text, "max_position_embeddings", 1, CONFIG_POSITIONS_MAX);
    out->rms_eps = (float)read_real(f, text, "rms_norm_eps", 0, 1, 1e-6);
    expect_word(f, text, "hidden_act", "silu");
    if (read_bool(f, text, "attention_bias", false))
        bad_field(f, "attention_bias", "is true, which cannot be run", "为 true，目前不支持");
    out->tied =
        read_bool(f, root, "tie_word_embeddings", read_bool(f, text, "tie_word_embeddings", false));
    if (!f->status && out->head_dim % 2)
        bad_field(f, "head_dim", "is odd", "是奇数");
    if (!f->status && out->heads % out->kv_heads)
        bad_field(f, "num_attention_heads", "is not a multiple of num_key_value_heads",
                  "不是 num_key_value_heads 的倍数");
    read_rope(f, text, out);
}

static void read_deepstack(struct fields *f, const struct json *vision, struct vision_config *out)
{
    const struct json *list = json_get(vision, "deepstack_visual_indexes");
    if (!json_is(list, JSON_ARRAY) || list->count > DEEPSTACK_MAX) {
        bad_field(f, "deepstack_visual_indexes", "is not a list of at most 8 block numbers",
                  "不是至多 8 个块编号的列表");
        return;
    }
    int64_t last = -1;
    JSON_EACH(v, list) {
        int64_t n = -1;
        if (!json_int64(v, &n) || n <= last || n >= out->depth) {
            bad_field(f, "deepstack_visual_indexes", "is not a rising list of block numbers",
                      "不是递增的块编号列表");
            return;
        }
        last = n;
        out->deepstack[out->deepstack_count++] = (uint32_t)n;
    }
}

static void read_vision(struct fields *f, const struct json *vision, const struct text_config *text,
                        struct vision_config *out)
{
    out->depth = read_u32(f, vision, "depth", 1, 1024);
    out->hidden_size = read_u32(f, vision, "hidden_size", 1, 65536);
    out->intermediate_size = read_u32(f, vision, "intermediate_size", 1, 1 << 20);
    out->heads = read_u32(f, vision, "num_heads", 1, 1024);
    out->out_hidden_size = read_u32(f, vision, "out_hidden_size", 1, 65536);
    expect_number(f, vision, "patch_size", out->patch_size = 16);
    expect_number(f, vision, "temporal_patch_size", out->temporal_patch_size = 2);
    expect_number(f, vision, "spatial_merge_size", out->merge_size = 2);
    expect_number(f, vision, "in_channels", 3);
    expect_word(f, vision, "hidden_act", "gelu_pytorch_tanh");
    const uint32_t positions = read_u32(f, vision, "num_position_embeddings", 1, 1 << 20);
    out->position_side = (uint32_t)lround(sqrt(positions));
    if (f->status)
        return;
    if (out->position_side * out->position_side != positions)
        bad_field(f, "num_position_embeddings", "is not a square", "不是平方数");
    if (out->hidden_size % out->heads || out->hidden_size / out->heads % 4 ||
        out->hidden_size / out->heads > 256)
        bad_field(f, "num_heads", "does not divide hidden_size into heads of a multiple of 4",
                  "不能把 hidden_size 均分成长度为 4 的倍数的头");
    if (out->out_hidden_size != text->hidden_size)
        bad_field(f, "out_hidden_size", "differs from the text model's hidden_size",
                  "与文本模型的 hidden_size 不同");
    read_deepstack(f, vision, out);
}

/* The one quantisation of safetensors that can be run: FP8 codes with a scale for each tile of
 * 128 × 128 (specification 11). */
static void check_quantization(struct fields *f, const struct json *root)
{
    const struct json *q = json_get(root, "quantization_config");
    if (f->status || !q || q->type == JSON_NULL)
        return;
    const struct json *method = json_get(q, "quant_method");
    const struct str name = json_is(method, JSON_STRING) ? method->text : STR("(none)");
    if (!str_is(name, "fp8")) {
        const int shown = (int)(name.len < 32 ? name.len : utf8_floor(name.ptr, 32));
        char en[128], zh[128];
        snprintf(en, sizeof en, "is %.*s; only fp8 can be run", shown, name.ptr);
        snprintf(zh, sizeof zh, "是 %.*s，目前只支持 fp8", shown, name.ptr);
        bad_field(f, "quantization_config.quant_method", en, zh);
        reason_hint(f->why,
                    "Use the FP8 or the unquantised checkpoint, or a GGUF file of the model.",
                    "请使用该模型的 FP8 版本、未量化版本或 GGUF 文件。");
        return;
    }
    expect_word(f, q, "fmt", "e4m3");
    const struct json *block = json_get(q, "weight_block_size");
    bool tiles = json_is(block, JSON_ARRAY) && block->count == 2;
    JSON_EACH(side, tiles ? block : NULL) {
        int64_t n;
        tiles = tiles && json_int64(side, &n) && n == 128;
    }
    if (!tiles)
        bad_field(f, "quantization_config.weight_block_size",
                  "is not [128, 128], the only value that can be run",
                  "不是 [128, 128]，目前只支持该值");
}

static enum status read_model(const char *path, const struct json *root, struct model_config *out,
                              struct reason *why)
{
    const enum status status = check_architecture(path, root, why);
    if (status)
        return status;
    struct fields f = {path, why, STATUS_OK};
    const struct json *text = json_get(root, "text_config");
    const struct json *vision = json_get(root, "vision_config");
    if (!json_is(text, JSON_OBJECT))
        bad_field(&f, "text_config", "is missing", "缺失");
    if (!json_is(vision, JSON_OBJECT))
        bad_field(&f, "vision_config", "is missing", "缺失");
    check_quantization(&f, root);
    read_text(&f, root, text, &out->text);
    read_vision(&f, vision, &out->text, &out->vision);
    const int64_t last = (int64_t)out->text.vocab_size - 1;
    out->image_token = (int32_t)read_integer(&f, root, "image_token_id", 0, last, -1);
    out->video_token = (int32_t)read_integer(&f, root, "video_token_id", 0, last, -1);
    out->vision_start_token = (int32_t)read_integer(&f, root, "vision_start_token_id", 0, last, -1);
    out->vision_end_token = (int32_t)read_integer(&f, root, "vision_end_token_id", 0, last, -1);
    /* The fallback when generation_config.json is absent. */
    const int64_t eos = read_integer(&f, text, "eos_token_id", 0, last, 0);
    if (json_get(text, "eos_token_id"))
        out->generation.eos[out->generation.eos_count++] = (int32_t)eos;
    return f.status;
}

/* One id, or a list of them. */
static void read_eos(struct fields *f, const struct json *v, uint32_t vocab_size,
                     struct generation_defaults *out)
{
    if (!v || v->type == JSON_NULL)
        return;
    out->eos_count = 0;
    const struct json *first = v->type == JSON_ARRAY ? v->first : v;
    const uint32_t count = v->type == JSON_ARRAY ? v->count : 1;
    for (uint32_t i = 0; i < count; i++, first = first->next) {
        int64_t id;
        if (!json_int64(first, &id) || id < 0 || id >= vocab_size || i == EOS_MAX) {
            bad_field(f, "eos_token_id", "is not a token id or a list of up to 8",
                      "不是词元编号，也不是至多 8 个编号的列表");
            return;
        }
        out->eos[out->eos_count++] = (int32_t)id;
    }
}

static enum status read_generation(const char *path, const struct json *root,
                                   struct model_config *config, struct reason *why)
{
    struct fields f = {path, why, STATUS_OK};
    struct generation_defaults *out = &config->generation;
    out->do_sample = read_bool(&f, root, "do_sample", false);
    out->temperature = (float)read_real(&f, root, "temperature", 0, 100, 1);
    out->top_p = (float)read_real(&f, root, "top_p", 0, 1, 1);
    out->min_p = (float)read_real(&f, root, "min_p", 0, 1, 0);
    out->repetition_penalty = (float)read_real(&f, root, "repetition_penalty", 1e-3, 100, 1);
    out->top_k = (uint32_t)read_integer(&f, root, "top_k", 0, 1 << 24, 0);
    read_eos(&f, json_get(root, "eos_token_id"), config->text.vocab_size, out);
    return f.status;
}

/* The "edges" are budgets of pixels; older files say min_pixels and max_pixels. */
static void read_pixels(struct fields *f, const struct json *root, struct pixel_sizes *out)
{
    const int64_t most = (int64_t)1 << 40;
    const struct json *size = json_get(root, "size");
    if (size && size->type != JSON_NULL && size->type != JSON_OBJECT)
        bad_field(f, "size", "is not an object", "不是对象");
    const struct json *from = json_is(size, JSON_OBJECT) ? size : root;
    const bool edges = from == size;
    out->min_pixels = (uint64_t)read_integer(f, from, edges ? "shortest_edge" : "min_pixels", 1,
                                             most, (int64_t)out->min_pixels);
    out->max_pixels = (uint64_t)read_integer(f, from, edges ? "longest_edge" : "max_pixels", 1024,
                                             most, (int64_t)out->max_pixels);
    if (!f->status && out->min_pixels > out->max_pixels)
        bad_field(f, edges ? "shortest_edge" : "min_pixels", "is above the upper budget",
                  "超过了上限");
}

/* Three times 0.5, if it is there. */
static void expect_halves(struct fields *f, const struct json *root, const char *key)
{
    const struct json *list = json_get(root, key);
    bool halves =
        !list || list->type == JSON_NULL || (list->type == JSON_ARRAY && list->count == 3);
    JSON_EACH(v, list) {
        double value;
        halves = halves && json_double(v, &value) && fabs(value - 0.5) < 1e-9;
    }
    if (!halves)
        bad_field(f, key, "is not three times 0.5, the only value that can be run",
                  "不是三个 0.5，目前只支持该值");
}

static enum status read_preprocessor(const char *path, const struct json *root,
                                     struct pixel_sizes *out, struct reason *why)
{
    struct fields f = {path, why, STATUS_OK};
    expect_number(&f, root, "patch_size", 16);
    expect_number(&f, root, "temporal_patch_size", 2);
    expect_number(&f, root, "merge_size", 2);
    static const char *const halves[] = {"image_mean", "image_std"};
    for (size_t i = 0; i < ARRAY_LEN(halves); i++)
        expect_halves(&f, root, halves[i]);
    read_pixels(&f, root, out);
    return f.status;
}

static enum status read_video(const char *path, const struct json *root, struct model_config *out,
                              struct reason *why)
{
    const enum status status = read_preprocessor(path, root, &out->video, why);
    if (status)
        return status;
    struct fields f = {path, why, STATUS_OK};
    out->video_fps = read_real(&f, root, "fps", 1e-3, 1000, out->video_fps);
    out->video_min_frames = (uint32_t)read_integer(&f, root, "min_frames", 1, 1 << 20, 4);
    out->video_max_frames = (uint32_t)read_integer(&f, root, "max_frames", 2, 1 << 20, 768);
    return f.status;
}

/* A path that is no folder gets a plainer sentence than its config.json would. */
static enum status check_folder(const char *dir, struct reason *why)
{
    if (file_is_directory(dir))
        return STATUS_OK;
    if (file_exists(dir))
        reason_set(why, "not_a_checkpoint", "%s is a file, not the folder of a checkpoint.",
                   "%s 是一个文件，而不是模型目录。", dir);
    else
        reason_set(why, "missing_file", "There is no checkpoint folder %s.", "模型目录 %s 不存在。",
                   dir);
    reason_subject(why, "%s", dir);
    return STATUS_IO;
}

struct model_config model_config_defaults(void)
{
    return (struct model_config){
        .image = {65536, 16777216},
        .video = {4096, 25165824},
        .video_fps = 2,
        .generation = {.temperature = 1, .top_p = 1, .repetition_penalty = 1},
        .video_min_frames = 4,
        .video_max_frames = 768,
    };
}

enum status model_config_load(const char *dir, struct model_config *out, struct reason *why)
{
    enum status status = check_folder(dir, why);
    if (status)
        return status;
    *out = model_config_defaults();
    static const char *const names[] = {"config.json", "generation_config.json",
                                        "preprocessor_config.json",
                                        "video_preprocessor_config.json"};
    for (size_t i = 0; i < ARRAY_LEN(names) && !status; i++) {
        struct buf text;
        struct arena arena;
        struct json *root;
        char path[PATH_BYTES];
        buf_init(&text, FILE_MAX_BYTES);
        arena_init(&arena, 64 << 20);
        status = read_file(dir, names[i], i == 0, &text, &arena, path, &root, why);
        if (!status && root)
            status = i == 0   ? read_model(path, root, out, why)
                     : i == 1 ? read_generation(path, root, out, why)
                     : i == 2 ? read_preprocessor(path, root, &out->image, why)
                              : read_video(path, root, out, why);
        arena_release(&arena);
        buf_release(&text);
    }
    return status;
}
