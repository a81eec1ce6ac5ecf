/* POST /tokenize and /detokenize: jobs that end where others go to the engine. */
#pragma once

struct call;

/* The routes' handlers. */
void tokenize_answer(struct call *call);
void detokenize_answer(struct call *call);
