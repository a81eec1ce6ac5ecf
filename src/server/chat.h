/* POST /v1/chat/completions: from the body to the last byte of the answer.
 *
 * preparing (a worker decodes pictures and builds the prompts) → running (the engine works; news
 * come through the inbox) → over. Whatever ends it, a chat is over only when the worker and the
 * engine are done with it. For the loop's thread; the worker touches what chat_prepare says. */
#pragma once

#include "api/answer_parts.h"
#include "api/chat_request.h"
#include "api/chat_response.h"
#include "server/call.h"

#include <stdatomic.h>

enum {
    CHAT_ARENA_BYTES = 64 << 20,
    CHAT_TEXT_MAX = 64 << 20, /* of one answer */
};

enum chat_state { CHAT_PREPARING, CHAT_RUNNING };

struct chat {
    struct call *call;
    struct service *service;
    enum chat_state state;
    struct buf body; /* the request borrows from it */
    struct arena arena;
    struct chat_request request;
    char id[64];
    struct chat_head head;
    int64_t begun_ns;

    uv_work_t work;
    atomic_bool cancelled; /* the worker may stop: nobody waits for what it does */
    enum status prepared;
    struct reason why; /* of `prepared` */
    struct prompt_input prompts[PARAMS_N_MAX];
    struct grammar *grammar; /* NULL: any text */

    bool failed; /* the answer is `failure`; what the engine still says does not matter */
    struct reason failure;
    uint32_t unfinished; /* choices whose last event was not seen yet */
    struct choice choices[PARAMS_N_MAX];
    struct answer_parts parts[PARAMS_N_MAX];
    struct answer_delta deltas[PARAMS_N_MAX]; /* the next chunk; not streamed: the answers so far */
    struct token_list answer_ids[PARAMS_N_MAX]; /* not streamed, return_token_ids */
    struct logprob_list logprobs[PARAMS_N_MAX]; /* not streamed */
    uint32_t output_tokens[PARAMS_N_MAX], reasoning_tokens[PARAMS_N_MAX];
    enum finish_reason finishes[PARAMS_N_MAX];
    struct chat_token_ids prompt_ids;
    uint32_t prompt_tokens, image_tokens;
    uint32_t cached_tokens;  /* of the prompt of choice 0; the others may find more */
    uint32_t clamped_tokens; /* max_tokens was cut to this; 0: it was not */
    bool begun;              /* the stream's head is out */
    int64_t written_ns;      /* when the stream last got something */
};

/* The route's handler. */
void chat_answer(struct call *call);

/* The client left: the engine stops. */
void chat_client_gone(struct chat *chat);

/* Ends a chat for a reason of the service: draining, request_deadline. */
void chat_fail(struct chat *chat, const struct reason *why);

/* What a choice had to tell. The chat may be gone afterwards. */
void chat_take_news(struct choice *choice, struct news *news);

/* Looks at the deadline, and keeps silent streams alive. */
void chat_tick(struct chat *chat, int64_t now_ns);

/* On a worker thread: fills `prompts` and `grammar`, or `prepared` and `why`. Reads `request` and
 * the service's constants (chat_prepare.c). */
void chat_prepare(struct chat *chat);

/* Hands the prompts to the engine, or fails (chat_submit.c). */
void chat_submit(struct chat *chat);

/* The model's template knows reasoning. */
static inline bool chat_reasons(const struct chat *chat)
{
    return chat->service->model->template_kind == TEMPLATE_THINKING;
}

/* Writing the answer (chat_output.c). All need the exchange. */
void chat_write_news(struct chat *chat, struct choice *choice, const struct news *news);
void chat_write_whole(struct chat *chat);
void chat_write_end(struct chat *chat);
void chat_write_failure(struct chat *chat);
void chat_write_ping(struct chat *chat);
