/* From the text of an answer, as it is generated, to its parts: reasoning, content, tool calls.
 *
 *   reasoning </think> content <tool_call> {"name": NAME, "arguments": {…}} </tool_call> …
 *
 * Reasoning begins where the prompt opened it, or with a <think> at the answer's beginning; it ends
 * at the first </think>. The line breaks around each part belong to none. A marker may come in any
 * pieces, and no piece of one is given out. What only looks like a call stays content: nothing is
 * lost. The parts do not depend on how the text is cut into pieces. */
#pragma once

#include "api/answer_delta.h"
#include "api/call_scan.h"

struct answer_form {
    bool reasons;             /* the model's template knows reasoning */
    bool reasoning_begun;     /* by the prompt */
    bool calls;               /* tools are offered: else <tool_call> is text */
    bool calls_end_reasoning; /* a call in the reasoning ends it; else it is part of it */
    bool calls_come_first;    /* behind other content there are none */
    bool one_call;            /* what comes behind the first call is dropped */
    bool stream; /* arguments are given out as they come, also those that turn out to be no JSON;
                  * else only a whole call is a call */
};

enum answer_place {
    ANSWER_OPENING,          /* is there a <think>? */
    ANSWER_REASONING_BREAKS, /* line breaks before the reasoning */
    ANSWER_REASONING,
    ANSWER_BREAKS, /* before content */
    ANSWER_CONTENT,
    ANSWER_CALL,      /* nothing of it is given out yet */
    ANSWER_ARGUMENTS, /* they are being given out */
    ANSWER_CALL_END,  /* behind the object, before </tool_call> */
    ANSWER_BROKEN,    /* arguments that are no JSON, up to </tool_call> */
    ANSWER_DROPPED,
};

struct answer_parts {
    struct answer_form form;
    enum answer_place place;
    struct buf held; /* not given out yet, from `from` on */
    size_t from;
    size_t call_at; /* behind `from`: where the call's object begins */
    size_t given;   /* of the call's object: bytes up to which arguments were given out */
    struct call_scan scan;
    uint32_t calls; /* so far */
    bool has_content;
};

/* text_max bounds what is held back. */
void answer_parts_init(struct answer_parts *parts, struct answer_form form, size_t text_max);
void answer_parts_release(struct answer_parts *parts); /* takes a zeroed one too */

/* Adds what is ready to `out`. Memory that is missing makes out->failed true. */
void answer_parts_push(struct answer_parts *parts, struct str text, struct answer_delta *out);

/* The text is over. cut: by its length, so that the call it ends in is given as far as it came. */
void answer_parts_finish(struct answer_parts *parts, bool cut, struct answer_delta *out);
