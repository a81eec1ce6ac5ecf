/* POST /v1/chat/completions: a job whose prompts are conversations. */
#pragma once

#include "server/job.h"

/* The route's handler. */
void chat_answer(struct call *call);

/* On a worker: the pictures of job->chat, and one prompt for each of `count` (chat_prepare.c). */
MUST_CHECK enum status chat_make_prompts(struct job *job, struct prompt_input **prompts,
                                         uint32_t count, struct reason *why);
