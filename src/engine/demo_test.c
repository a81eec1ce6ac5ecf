#include "engine/demo_test.h"

#include "base/test.h"
#include "os/file.h"

const char *demo_path(void)
{
    static char path[512];
    const char *root = getenv("QVL_SOURCE_ROOT");
    assert_true(path_join(path, sizeof path, root ? root : ".", "models/demo"));
    return path;
}

struct model *demo_model(void)
{
    struct model *model;
    struct reason why;
    if (model_load(demo_path(), NULL, &model, &why) != STATUS_OK)
        fail_msg("%s", why.message[LANG_EN]);
    return model;
}

struct prompt_input demo_prompt(const struct model *model, const char *question)
{
    char text[1024];
    struct prompt_input prompt;
    snprintf(text, sizeof text, "<|im_start|>user\n%s<|im_end|>\n<|im_start|>assistant\n",
             question);
    assert_false(prompt_build_text(model, str_from(text), true, &prompt, NULL));
    return prompt;
}

struct prompt_input demo_long_prompt(const struct model *model, size_t tokens)
{
    struct prompt_input prompt = demo_prompt(model, "Describe this image.");
    for (size_t i = 0; prompt.tokens.count < tokens; i++)
        assert_false(token_list_add(&prompt.tokens, prompt.tokens.ids[i], NULL));
    prompt.tokens.count = tokens;
    return prompt;
}

void answer_event(void *arg, const struct engine_event *event)
{
    struct answer *answer = arg;
    pthread_mutex_lock(&answer->lock);
    for (size_t i = 0; i < event->text.len && answer->text_len + 1 < sizeof answer->text; i++)
        answer->text[answer->text_len++] = event->text.ptr[i];
    if (event->logprobs && answer->count < ARRAY_LEN(answer->ids))
        answer->likeliest[answer->count] = event->logprobs[1];
    for (size_t i = 0; i < event->id_count && answer->count < ARRAY_LEN(answer->ids); i++)
        answer->ids[answer->count++] = event->ids[i];
    answer->prompt_tokens = event->prompt_tokens;
    answer->output_tokens = event->output_tokens;
    answer->cached_tokens = event->cached_tokens;
    answer->reasoning_tokens = event->reasoning_tokens;
    if (event->finish != FINISH_NONE) {
        answer->last_events++;
        answer->finish = event->finish;
    }
    pthread_cond_broadcast(&answer->changed);
    pthread_mutex_unlock(&answer->lock);
}

void answer_wait(struct answer *answer, size_t count)
{
    pthread_mutex_lock(&answer->lock);
    while (answer->count < count && answer->finish == FINISH_NONE)
        pthread_cond_wait(&answer->changed, &answer->lock);
    pthread_mutex_unlock(&answer->lock);
}

enum finish_reason answer_wait_end(struct answer *answer)
{
    answer_wait(answer, SIZE_MAX);
    return answer->finish;
}

struct engine_request demo_request(struct prompt_input prompt, uint32_t max_tokens,
                                   struct answer *answer)
{
    return (struct engine_request){
        .prompt = prompt,
        .sampling = {.top_p = 1, .repetition_penalty = 1},
        .max_tokens = max_tokens,
        .ignore_eos = true,
        .skip_special = true,
        .on_event = answer_event,
        .arg = answer,
    };
}
