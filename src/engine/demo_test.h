/* What tests of the engine share: the built-in model, prompts for it, and answers collected. */
#pragma once

#include "engine/engine.h"

#include <pthread.h>

/* Where models/demo is, in static memory. */
const char *demo_path(void);

/* models/demo; fails the test if it cannot be loaded. */
struct model *demo_model(void);

/* A conversation of one question. */
struct prompt_input demo_prompt(const struct model *model, const char *question);

/* A text of `tokens` tokens. */
struct prompt_input demo_long_prompt(const struct model *model, size_t tokens);

/* Everything one sequence gave out. */
struct answer {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    char text[4096];
    int32_t ids[2048];
    size_t text_len, count;
    uint32_t last_events; /* exactly one in the end */
    enum finish_reason finish;
    uint32_t prompt_tokens, output_tokens, cached_tokens, reasoning_tokens;
    struct token_logprob likeliest[2048]; /* requests with logprobs: of each token */
};

#define ANSWER_INIT                                                                                \
    {                                                                                              \
        .lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER                     \
    }

void answer_event(void *arg, const struct engine_event *event); /* arg: struct answer * */
/* Waits until `count` ids are there, or the end. */
void answer_wait(struct answer *answer, size_t count);
enum finish_reason answer_wait_end(struct answer *answer);

/* Greedy, max_tokens, the end-of-answer token ignored; prompt and answer given. */
struct engine_request demo_request(struct prompt_input prompt, uint32_t max_tokens,
                                   struct answer *answer);
