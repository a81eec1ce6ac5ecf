#include "model/load.h"

#include "model/fit.h"
#include "model/gguf_config.h"
#include "model/gguf_tokenizer.h"
#include "os/file.h"

static enum status load_directory(const char *dir, struct model *out, struct reason *why)
{
    char file[4096];
    enum status status = model_config_load(dir, &out->config, why);
    if (!status)
        status = checkpoint_open(dir, &out->checkpoint, why);
    if (!status)
        status = weights_bind(out->checkpoint, &out->config, &out->weights, why);
    if (status)
        return status;
    if (!path_join(file, sizeof file, dir, "tokenizer.json")) {
        reason_set(why, "missing_file", "The path %s is too long.", "路径 %s 过长。", dir);
        return STATUS_IO;
    }
    status = tokenizer_load(file, &out->tokenizer, why);
    if (!status)
        status = chat_template_detect(dir, &out->template_kind, &out->template_known, why);
    return status ? status : fit_check(file, &out->config, out->tokenizer, why);
}

static void detect_template(const struct gguf *text, struct model *out)
{
    struct str template = {0};
    (void)gguf_string(gguf_find(text, "tokenizer.chat_template"), &template);
    chat_template_judge(template, &out->template_kind, &out->template_known);
}

static enum status load_gguf(const char *path, const char *mmproj, struct model *out,
                             struct reason *why)
{
    struct gguf_files files;
    enum status status = gguf_files_open(path, mmproj, &files, why);
    if (status)
        return status;
    out->checkpoint = files.checkpoint;
    detect_template(&files.text, out);
    status = gguf_config_read(&files, &out->config, why);
    if (!status)
        status = gguf_files_merge(&files, &out->config.vision, why);
    if (!status)
        status = weights_bind(out->checkpoint, &out->config, &out->weights, why);
    if (!status)
        status = gguf_tokenizer_load(&files.text, &out->tokenizer, why);
    if (!status)
        status = gguf_config_tokens(&files.text, out->tokenizer,
                                    out->template_kind == TEMPLATE_THINKING, &out->config, why);
    return status ? status : fit_check(path, &out->config, out->tokenizer, why);
}

static enum status refuse_mmproj(const char *path, const char *mmproj, struct reason *why)
{
    reason_set(why, "mismatched_mmproj",
               "A vision part (%s) belongs to a GGUF model, but %s is a folder.",
               "视觉部分（%s）只用于 GGUF 模型，而 %s 是目录。", mmproj, path);
    reason_subject(why, "%s", mmproj);
    return STATUS_INVALID;
}

enum status model_open(const char *path, const char *mmproj, struct model *out, struct reason *why)
{
    *out = (struct model){0};
    enum status status;
    if (gguf_files_is(path))
        status = load_gguf(path, mmproj, out, why);
    else if (mmproj && mmproj[0])
        status = refuse_mmproj(path, mmproj, why);
    else
        status = load_directory(path, out, why);
    if (status)
        model_close(out);
    return status;
}

void model_close(struct model *model)
{
    tokenizer_destroy(model->tokenizer);
    packing_destroy(model->packing);
    weights_release(&model->weights);
    checkpoint_close(model->checkpoint);
    *model = (struct model){0};
}
