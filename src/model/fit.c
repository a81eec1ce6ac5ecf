#include "model/fit.h"

static void about_tokenizer(const char *path, struct reason *why)
{
    reason_subject(why, "%s", path);
    reason_hint(why, "Take the configuration and the tokenizer from the same checkpoint.",
                "请使用同一个模型的配置和分词器。");
}

static enum status check_size(const char *path, const struct model_config *config,
                              const struct tokenizer *tokenizer, struct reason *why)
{
    const int32_t tokens = tokenizer_size(tokenizer);
    if (tokens <= (int64_t)config->text.vocab_size)
        return STATUS_OK;
    reason_set(why, "bad_tokenizer", "The tokenizer %s has %d tokens, but the model only %u.",
               "分词器 %s 有 %d 个 token，而模型只有 %u 个。", path, tokens,
               config->text.vocab_size);
    about_tokenizer(path, why);
    return STATUS_INVALID;
}

/* expected < 0: any id will do. */
static enum status check_marker(const char *path, const struct tokenizer *tokenizer,
                                const char *marker, int32_t expected, struct reason *why)
{
    const int32_t id = tokenizer_added_id(tokenizer, marker);
    if (id >= 0 && (expected < 0 || id == expected))
        return STATUS_OK;
    if (id < 0)
        reason_set(why, "bad_tokenizer", "The tokenizer %s has no token %s.",
                   "分词器 %s 中没有词元 %s。", path, marker);
    else
        reason_set(why, "bad_tokenizer",
                   "The tokenizer %s gives %s the id %d, but the configuration %d.",
                   "分词器 %s 中 %s 的编号是 %d，而配置中是 %d。", path, marker, id, expected);
    about_tokenizer(path, why);
    return STATUS_INVALID;
}

enum status fit_check(const char *path, const struct model_config *config,
                      const struct tokenizer *tokenizer, struct reason *why)
{
    const struct {
        const char *marker;
        int32_t id;
    } markers[] = {
        {"<|im_start|>", -1},
        {"<|im_end|>", -1},
        {"<|image_pad|>", config->image_token},
        {"<|video_pad|>", config->video_token},
        {"<|vision_start|>", config->vision_start_token},
        {"<|vision_end|>", config->vision_end_token},
    };
    enum status status = check_size(path, config, tokenizer, why);
    for (size_t i = 0; i < ARRAY_LEN(markers) && !status; i++)
        status = check_marker(path, tokenizer, markers[i].marker, markers[i].id, why);
    return status;
}
