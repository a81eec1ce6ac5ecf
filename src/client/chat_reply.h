/* The answer to a chat request, put together from the events of a stream or read from one document.
 * The first choice only. */
#pragma once

#include "base/buf.h"
#include "base/status.h"

#include <stdint.h>

enum { CHAT_REPLY_MAX = 64 << 20, CHAT_REPLY_CALLS_MAX = 128 };

/* A call of a tool. */
struct reply_call {
    struct buf name, arguments; /* as they came, JSON or not */
};

struct chat_reply {
    struct buf text, reasoning;
    struct buf error;                              /* an error event's data, as it came */
    char finish_reason[32];                        /* "" until it comes */
    bool has_choice;                               /* anything of an answer came */
    struct reply_call calls[CHAT_REPLY_CALLS_MAX]; /* more are left out */
    size_t call_count;
    bool done;                                /* [DONE] */
    int64_t prompt_tokens, completion_tokens; /* -1: not told */
};

void chat_reply_init(struct chat_reply *reply);
void chat_reply_release(struct chat_reply *reply);
void chat_reply_clear(struct chat_reply *reply);

enum reply_event {
    REPLY_PART,     /* text, reasoning or calls may have grown */
    REPLY_DONE,     /* [DONE] */
    REPLY_ERROR,    /* reply->error has grown */
    REPLY_NONSENSE, /* not an event of a chat stream */
};

/* Takes the data of one event. */
enum reply_event chat_reply_event(struct chat_reply *reply, struct str data);

/* Takes a whole document; false: it is no answer of a chat API. */
bool chat_reply_document(struct chat_reply *reply, struct str body);

/* Whether the answer came to its end: a finish reason, or [DONE] after some of it. */
bool chat_reply_complete(const struct chat_reply *reply);
