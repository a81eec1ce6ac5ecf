/* What a request needs before anything is generated, beside its prompts. */
#include "server/job.h"

#include <stdio.h>

static enum status check_id(const struct job *job, const char *path, int32_t id, struct reason *why)
{
    const uint32_t size = job->service->model->config.text.vocab_size;
    if ((uint32_t)id < size)
        return STATUS_OK;
    reason_set(why, "invalid_value", "%s names %d; the tokens of this model are 0 to %u.",
               "%s 中的 %d 超出范围；该模型的 token 为 0 到 %u。", path, id, size - 1);
    reason_subject(why, "%s", path);
    return STATUS_INVALID;
}

enum { PATH_BYTES = 64 };

enum status job_check_tokens(const struct job *job, const char *field, struct id_list ids,
                             struct reason *why)
{
    const uint32_t size = job->service->model->config.text.vocab_size;
    for (uint32_t i = 0; i < ids.count; i++) {
        char path[PATH_BYTES];
        if ((uint32_t)ids.ids[i] < size)
            continue;
        snprintf(path, sizeof path, "%s[%u]", field, i);
        return check_id(job, path, ids.ids[i], why);
    }
    return STATUS_OK;
}

static enum status check_biases(const struct job *job, struct reason *why)
{
    const struct generation_params *params = job->params;
    enum status status = STATUS_OK;
    for (uint32_t i = 0; i < params->bias_count && status == STATUS_OK; i++) {
        char path[PATH_BYTES];
        snprintf(path, sizeof path, "logit_bias.%d", params->biases[i].id);
        status = check_id(job, path, params->biases[i].id, why);
    }
    return status;
}

enum status job_prepare_params(struct job *job, struct reason *why)
{
    const struct generation_params *params = job->params;
    enum status status = job_check_tokens(job, "stop_token_ids", params->stop_ids, why);
    if (status == STATUS_OK)
        status = job_check_tokens(job, "allowed_token_ids", params->allowed, why);
    if (status == STATUS_OK)
        status = check_biases(job, why);
    if (status == STATUS_OK)
        status = bad_words_make(job->service->model->tokenizer, params->bad_words,
                                params->bad_word_count, &job->bad_words, why);
    return status;
}

enum status job_note_unknown(struct job *job, const struct json *root,
                             const struct field_row *const *tables, struct reason *why)
{
    const enum status status = field_unknown_list(root, tables, &job->arena, &job->ignored, why);
    return status || job->call->settings->server.unknown_parameters == UNKNOWN_REPORT
               ? status
               : field_unknown_refuse(root, tables, why);
}

enum status job_keep_prompt_ids(struct job *job, struct answer *answer, struct reason *why)
{
    const struct token_list *tokens = &answer->prompt.tokens;
    int32_t *copy = arena_array(&job->arena, tokens->count, sizeof *copy);
    if (!copy)
        return reason_no_memory(why, tokens->count * sizeof *copy);
    memcpy(copy, tokens->ids, tokens->count * sizeof *copy);
    answer->prompt_ids = (struct answer_ids){copy, tokens->count};
    return STATUS_OK;
}
