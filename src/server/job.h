/* The work that a POST asks for, from its body to the last byte of the answer.
 *
 * parsing (a large body on a worker) → fetching (pictures and videos by URL, if there are any) →
 * preparing (a worker decodes pictures and builds the prompts) → running (the engine works; news
 * come through the inbox) → over. A job without answers is over when it is prepared. Whatever ends
 * it, a job is over only when the network, the worker and the engine are done with it. For the
 * loop's thread; the worker touches what `parse` and `prepare` say.
 *
 * What differs between the routes is a struct job_kind. */
#pragma once

#include "api/answer_parts.h"
#include "api/chat_request.h"
#include "api/response_parts.h"
#include "server/call.h"

#include <stdatomic.h>

enum {
    JOB_ARENA_BYTES = 64 << 20,
    JOB_TEXT_MAX = 64 << 20,    /* of one answer */
    JOB_OUTPUT_MAX = 256 << 20, /* of a whole body */
};

struct job;

/* One of the texts that a job asks for. */
struct answer {
    struct choice choice;
    struct prompt_input prompt; /* until it is submitted */
    uint32_t prompt_tokens;
    struct answer_parts parts;           /* of a chat */
    struct answer_delta delta;           /* the next chunk; not streamed: the answer so far */
    struct token_list ids;               /* not streamed, return_token_ids */
    struct logprob_list logprobs;        /* not streamed */
    struct logprob_list prompt_logprobs; /* until they are written */
    int32_t first_id;                    /* of the prompt, where its log-probabilities are wanted */
    bool prompt_written;                 /* streamed: they are out */
    uint64_t characters;                 /* streamed with logprobs: of the text so far */
    uint32_t output_tokens, reasoning_tokens, cached_tokens;
    enum finish_reason finish;
    int32_t stop_string, stop_id; /* which stopped it; -1: none */
    struct answer_ids prompt_ids; /* return_token_ids, echo */
};

/* A route's own part. */
struct job_kind {
    const char *id_prefix;    /* "chatcmpl-"; NULL: answers have no id */
    const char *prompt_field; /* "messages": the place of what does not fit */

    /* Any thread: from the body's JSON to the request, in job->arena. Sets params, prompt_count and
     * answer_count if there are to be answers, and model. */
    enum status (*parse)(struct job *job, const struct json *root, struct reason *why);

    /* On a worker: the prompts of the answers and job->grammar, or job->output. Reads the request,
     * the call's settings and the service's constants. */
    enum status (*prepare)(struct job *job, struct reason *why);

    /* The rest is NULL without answers. What the route adds to a request for the engine; NULL:
     * nothing. */
    enum status (*shape)(struct job *job, struct answer *answer, struct engine_request *request,
                         struct reason *why);
    /* News of a text become a part of answer->delta. */
    void (*take)(struct job *job, struct answer *answer, const struct news *news);
    /* Server-sent events: the first; those of news, which clear the delta if they write it; the
     * figures. */
    void (*write_begin)(struct job *job, struct buf *out);
    void (*write_news)(struct job *job, struct answer *answer, const struct news *news,
                       struct buf *out);
    void (*write_usage)(struct job *job, const struct answer_usage *usage, struct buf *out);
    /* The whole answer as JSON. */
    void (*write_whole)(struct job *job, const struct answer_usage *usage, struct buf *out);
};

enum job_state { JOB_PARSING, JOB_FETCHING, JOB_PREPARING, JOB_RUNNING };

struct job {
    struct call *call;
    struct service *service;
    const struct job_kind *kind;
    enum job_state state;
    struct buf body; /* the request borrows from it */
    struct arena arena;
    int64_t begun_ns;

    /* The request, as its kind has it; the others are NULL. */
    struct chat_request *chat;
    struct completion_request *completion;
    struct tokenize_request *tokenize;
    struct detokenize_request *detokenize;
    const struct generation_params *params; /* in it; NULL: not parsed yet, or no answers */
    bool scores_prompt;                     /* log-probabilities of the prompt are wanted */
    struct str model;                       /* that was asked for; empty: any */
    const char *ignored;                    /* for x-ignored-parameters; NULL: nothing was */
    uint32_t prompt_count, answer_count;    /* n answers to each prompt */

    struct remote *remote; /* files by URL; NULL: none */
    uv_work_t work;
    atomic_bool cancelled; /* the worker may stop: nobody waits for what it does */
    enum status worked;
    struct reason *why;      /* of `worked`; NULL: no memory is left */
    struct grammar *grammar; /* NULL: any text */
    struct bad_words bad_words;
    struct buf output; /* without answers: what is answered */

    char id[64];
    struct answer_head head;
    bool failed; /* the answer is `failure`; what the engine still says does not matter */
    struct reason *failure; /* NULL: no memory is left */
    struct answer *answers; /* [answer_count]; NULL: not prepared yet */
    uint32_t unfinished;    /* answers whose last event was not seen yet */
    uint64_t image_tokens;
    uint32_t clamped_tokens; /* max_tokens was cut to this; 0: it was not */
    bool begun;              /* the stream's head is out */
    int64_t written_ns;      /* when the stream last got something */
};

/* Begins; the call's exchange has the whole body. */
void job_begin(struct call *call, const struct job_kind *kind);

/* The client left: the engine stops. */
void job_client_gone(struct job *job);

/* Ends a job for a reason of the service: draining, request_deadline. */
void job_fail(struct job *job, const struct reason *why);

/* What a choice had to tell. The job may be gone afterwards. */
void job_take_news(struct choice *choice, struct news *news);

/* Looks at the deadline, and keeps silent streams alive. */
void job_tick(struct job *job, int64_t now_ns);

/* Any thread, in `parse`: fills job->ignored from the body's tables, or refuses. */
MUST_CHECK enum status job_note_unknown(struct job *job, const struct json *root,
                                        const struct field_row *const *tables, struct reason *why);

/* On a worker: the ids of an answer's prompt, for its prompt_ids. */
MUST_CHECK enum status job_keep_prompt_ids(struct job *job, struct answer *answer,
                                           struct reason *why);

/* On a worker: makes the answers, each with its empty prompt. */
MUST_CHECK enum status job_make_answers(struct job *job, struct reason *why);

/* On a worker: ids must be tokens of this model, those of the params too; makes the bad words
 * (job_params.c). */
MUST_CHECK enum status job_check_tokens(const struct job *job, const char *field,
                                        struct id_list ids, struct reason *why);
MUST_CHECK enum status job_prepare_params(struct job *job, struct reason *why);

/* Hands the prompts to the engine, or fails (job_submit.c). */
void job_submit(struct job *job);

static inline bool job_streams(const struct job *job)
{
    return job->params && job->params->stream;
}

/* The model's template knows reasoning. */
static inline bool job_reasons(const struct job *job)
{
    return job->service->model->template_kind == TEMPLATE_THINKING;
}

/* A reason that was kept; *space, filled, if there was no memory for it. */
static inline const struct reason *kept_reason(const struct reason *kept, struct reason *space)
{
    if (!kept)
        (void)reason_no_memory(space, sizeof *space);
    return kept ? kept : space;
}

/* Writing the answer (job_output.c). All need the exchange. */
void job_write_news(struct job *job, struct answer *answer, const struct news *news);
void job_write_whole(struct job *job);
void job_write_end(struct job *job);
void job_write_failure(struct job *job);
void job_write_ping(struct job *job);

/* For the kinds: the log-probabilities of news or of an answer, the reader being theirs; and how an
 * answer ended. */
struct logprob_reader {
    const struct tokenizer *tokenizer;
    const struct token_logprob *rows;
    uint32_t row;
};
struct answer_logprobs job_logprobs(const struct job *job, const struct answer *answer,
                                    const struct logprob_list *list, struct logprob_reader *reader);
struct answer_end job_end_of(const struct job *job, const struct answer *answer,
                             const char *finish_reason);
