/* One request on its way through the service, from its head to its line in the access log.
 *
 * A call lives until its exchange is over and, if it started a job, until the engine is done with
 * that too: the client may leave earlier. */
#pragma once

#include "api/error.h"
#include "server/cors.h"
#include "server/routes.h"
#include "server/service.h"

enum { REQUEST_ID_MAX = 128 };

struct call {
    struct service *service;
    struct settings *settings; /* held: those of the time when the call began */
    struct call *prev, *next;
    struct http_exchange *exchange; /* NULL: over, or the client left */
    const struct route *route;      /* NULL: none was found */
    char id[REQUEST_ID_MAX + 1];
    enum lang lang; /* of messages, by Accept-Language */
    struct log log; /* with the id */
    struct job *job;
    struct http_field cors[CORS_FIELDS_MAX]; /* headers of every answer */
    const char *ignored; /* fields of the body that were, for x-ignored-parameters; NULL: none */

    bool apart; /* it came to an address of the metrics */

    /* For the access log and the metrics. */
    const char *code; /* of the error that was answered; NULL: none */
    char model[96];
    uint32_t prompt_tokens, cached_tokens, image_tokens, output_tokens;
    uint32_t answered;      /* answers that have begun */
    int64_t first_token_ns; /* libuv's clock; 0: none */
    int64_t last_token_ns;
    int64_t queue_ns; /* that the first answer to begin had waited */
};

/* The handlers of the HTTP servers, of the service and of metrics.listen: steps.c. */
struct http_handler call_handler(struct service *service);
struct http_handler call_metrics_handler(struct service *service);

/* The exchange of a call is over: the access log, and the metrics (call_end.c). */
void call_record_end(const struct call *call, const struct http_exchange *x,
                     const struct reason *cut);

/* The job of a call is over. The call may be gone afterwards. */
void call_job_over(struct call *call);

/* Answers with JSON. */
void call_respond(struct call *call, int status, struct str json);

/* The same; memory_full if the writer found no memory. Takes the body's memory. */
void call_respond_written(struct call *call, int status, struct buf *body);

/* Answers with the error of `why`: status and type by its code, x-should-retry, retry-after. */
void call_refuse(struct call *call, const struct reason *why);

/* As above, with one more header. */
void call_refuse_with(struct call *call, const struct reason *why, struct http_field extra);

/* Answers with memory_full where there is no memory for more; `json` says it. */
void call_refuse_no_memory(struct http_exchange *x, const char *id, struct str json);

/* The service cannot answer questions yet, or any more: model_loading, draining, or the reason why
 * loading failed. STATUS_OK if it can. */
MUST_CHECK enum status call_check_ready(const struct call *call, struct reason *why);

/* What may be asked for: the model's name, and its aliases. */
bool call_has_model(const struct call *call, struct str name);

/* model_not_found, with the names that exist. */
enum status call_model_not_found(const struct call *call, struct str name, struct reason *why);

/* An estimate of the milliseconds after which a call that was refused with `code` may be sent
 * again; 0: nothing to say. It promises a place (pace.h). */
uint32_t call_retry_after_ms(const struct call *call, const char *code);
