/* What an answer has new, or a whole answer: reasoning, content, and pieces of tool calls. */
#pragma once

#include "base/buf.h"

/* A tool call, or what came of it since the last delta. */
struct answer_call {
    uint32_t index;       /* of the answer's calls, from 0 */
    bool begins;          /* the call is new: its name stands here */
    char id[40];          /* for those who write it; "" at first */
    struct buf name;      /* empty unless `begins` */
    struct buf arguments; /* more of their text */
};

struct answer_delta {
    struct buf reasoning, content;
    struct answer_call *calls;
    size_t call_count, call_cap;
    bool failed; /* no memory for a call */
};

/* text_max bounds each text. */
void answer_delta_init(struct answer_delta *delta, size_t text_max);
void answer_delta_release(struct answer_delta *delta);
void answer_delta_clear(struct answer_delta *delta); /* keeps most of the memory */

bool answer_delta_is_empty(const struct answer_delta *delta);
/* Something is missing in it. */
bool answer_delta_failed(const struct answer_delta *delta);

/* The piece of call `index`, added if it is not the last one; NULL: no memory, or failed before. */
struct answer_call *answer_delta_call(struct answer_delta *delta, uint32_t index);
