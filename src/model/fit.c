#include "model/fit.h"

static void about_tokenizer(const char *dir, struct reason *why)
{
    reason_subject(why, "%s/tokenizer.json", dir);
    reason_hint(why, "Take config.json and tokenizer.json from the same checkpoint.",
                "请使用同一个模型的 config.json 和 tokenizer.json。");
}

static enum status check_size(const char *dir, const struct model_config *config,
                              const struct tokenizer *tokenizer, struct reason *why)
{
    const int32_t tokens = tokenizer_size(tokenizer);
    if (tokens <= (int64_t)config->text.vocab_size)
        return STATUS_OK;
    reason_set(why, "bad_tokenizer",
               "The tokenizer %s/tokenizer.json has %d tokens, but the model only %u.",
               "分词器 %s/tokenizer.json 有 %d 个 token，而模型只有 %u 个。", dir, tokens,
               config->text.vocab_size);
    about_tokenizer(dir, why);
    return STATUS_INVALID;
}

/* expected < 0: any id will do. */
static enum status check_marker(const char *dir, const struct tokenizer *tokenizer,
                                const char *marker, int32_t expected, struct reason *why)
{
    const int32_t id = tokenizer_added_id(tokenizer, marker);
    if (id >= 0 && (expected < 0 || id == expected))
        return STATUS_OK;
    if (id < 0)
        reason_set(why, "bad_tokenizer", "The tokenizer %s/tokenizer.json has no token %s.",
                   "分词器 %s/tokenizer.json 中没有词元 %s。", dir, marker);
    else
        reason_set(why, "bad_tokenizer",
                   "The tokenizer %s/tokenizer.json gives %s the id %d, but config.json %d.",
                   "分词器 %s/tokenizer.json 中 %s 的编号是 %d，而 config.json 中是 %d。", dir,
                   marker, id, expected);
    about_tokenizer(dir, why);
    return STATUS_INVALID;
}

enum status fit_check(const char *dir, const struct model_config *config,
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
    enum status status = check_size(dir, config, tokenizer, why);
    for (size_t i = 0; i < ARRAY_LEN(markers) && !status; i++)
        status = check_marker(dir, tokenizer, markers[i].marker, markers[i].id, why);
    return status;
}
