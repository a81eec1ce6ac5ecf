/* What `qvl chat` says on standard error. */
#pragma once

#include "cli/remote.h"
#include "client/chat_reply.h"
#include "client/server_error.h"

/* The request's and the answer's heads, secrets masked (-v). */
void report_heads(const struct cli *cli, const struct http_response *response);

/* Phases and tokens (-v). */
void report_timings(const struct cli *cli, const struct http_response *response,
                    const struct chat_reply *reply);

/* For struct call; `context` is the struct remote. */
void report_retry(void *context, const struct retry_note *note);

/* There was no whole answer. */
void report_fault(const struct remote *remote, struct reason *why);

/* The answer is an error, or nonsense: sentence, the server's words, advice, body. `why` gets the
 * sentence and the advice. */
enum outcome report_answer(const struct remote *remote, const struct http_response *response,
                           struct reason *why);

/* The same for an error that the answer tells within itself (reply->error). */
enum outcome report_event(const struct remote *remote, const struct chat_reply *reply,
                          const struct http_response *response, struct reason *why);

/* --json: the failure as one document on standard output: the server's own body if it is a JSON
 * object. */
void report_json(const struct cli *cli, const struct reason *why, struct str body);
