/* POST /v1/completions: a job whose prompts are plain text or token ids. */
#pragma once

struct call;

/* The route's handler. */
void completion_answer(struct call *call);
