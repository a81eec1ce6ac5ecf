#include "cli/chat_send.h"

#include "cli/chat_report.h"
#include "client/sse.h"

enum { BODY_MAX = 1 << 30, ANSWER_MAX = 64 << 20, EVENT_MAX = 16 << 20 };

/* An answer on its way to the user. */
struct show {
    const struct chat_send *send;
    struct chat_reply *reply;
    struct sse_parser sse;
    size_t text_shown, reasoning_taken;
    bool reasoning_shown; /* and text did not come behind it yet */
    bool heads_shown;
    size_t nonsense; /* events that are none of a chat stream */
};

static void show_reasoning(struct show *s)
{
    const struct cli *cli = s->send->remote->cli;
    const struct str all = buf_str(&s->reply->reasoning);
    const bool shown = cli->verbosity >= 0 && cli_colors(cli, stderr) && s->send->out->terminal;
    if (shown && all.len > s->reasoning_taken) {
        fputs("\033[2m", stderr);
        put_clean(stderr, str_slice(all, s->reasoning_taken, all.len));
        fputs("\033[0m", stderr);
        s->reasoning_shown = true;
    }
    s->reasoning_taken = all.len;
}

/* What follows stands on lines of its own. */
static void end_reasoning(struct show *s)
{
    if (s->reasoning_shown)
        fputs("\n\n", stderr);
    s->reasoning_shown = false;
}

static void show_text(struct show *s)
{
    const struct str all = buf_str(&s->reply->text);
    if (all.len > s->text_shown)
        end_reasoning(s);
    chat_output_write(s->send->out, str_slice(all, s->text_shown, all.len));
    s->text_shown = all.len;
}

static void show_all(struct show *s)
{
    show_reasoning(s);
    show_text(s);
}

static bool on_event(void *context, const struct sse_event *event)
{
    struct show *s = context;
    switch (chat_reply_event(s->reply, event->data)) {
    case REPLY_PART: show_all(s); return true;
    case REPLY_DONE: return !s->send->last_call;
    case REPLY_ERROR: return false;
    case REPLY_NONSENSE: s->nonsense++; return true;
    }
    return false;
}

static void show_heads(struct show *s, const struct http_response *response)
{
    if (!s->heads_shown)
        report_heads(s->send->remote->cli, response);
    s->heads_shown = true;
}

static bool is_stream(const struct show *s, const struct http_response *response)
{
    return response->status == 200 && !s->send->json &&
           http_content_is(response, "text/event-stream");
}

static enum http_take on_body(void *context, const struct http_response *response, struct str bytes)
{
    struct show *s = context;
    show_heads(s, response);
    if (!is_stream(s, response))
        return HTTP_KEEP;
    return sse_feed(&s->sse, bytes) ? HTTP_TAKEN : HTTP_STOP;
}

static enum outcome failed(struct show *s, const struct http_response *response,
                           enum outcome outcome, const struct reason *why)
{
    (void)response;
    if (s->send->json)
        report_json(s->send->remote->cli, why, buf_str(&response->body));
    return outcome;
}

static enum outcome no_answer(struct show *s, const struct http_response *response)
{
    struct reason why;
    const bool begun = s->reply->has_choice;
    if (s->nonsense > 0 && !begun) {
        reason_set(&why, "invalid_json_answer", "The stream is not that of a chat API.",
                   "这个流不是对话 API 的流。");
        report_fault(s->send->remote, &why);
        return failed(s, response, OUTCOME_NONSENSE, &why);
    }
    if (begun)
        reason_set(&why, "truncated_answer", "The stream ended before the answer was complete.",
                   "流在应答完成之前就结束了。");
    else
        reason_set(&why, "truncated_answer", "The stream ended without an answer.",
                   "流已结束，但没有任何应答。");
    reason_hint(&why, "The server or a proxy in front of it cut the stream; see its log.",
                "服务器或其前面的代理切断了流，请查看其日志。");
    report_fault(s->send->remote, &why);
    return failed(s, response, OUTCOME_CONNECTION, &why);
}

static enum outcome event_error(struct show *s, const struct http_response *response)
{
    struct reason why;
    const enum outcome outcome = report_event(s->send->remote, s->reply, response, &why);
    return failed(s, response, outcome, &why);
}

static enum outcome answer_error(struct show *s, const struct http_response *response)
{
    struct reason why;
    const enum outcome outcome = report_answer(s->send->remote, response, &why);
    return failed(s, response, outcome, &why);
}

static void note_call(const struct cli *cli, const struct reply_call *call)
{
    fputs(cli_text(cli, "qvl: The model calls ", "qvl: 模型调用 "), stderr);
    put_clean(stderr, buf_str(&call->name));
    fputc('(', stderr);
    put_clean(stderr, buf_str(&call->arguments));
    fputs(cli_text(cli, ").\n", ")。\n"), stderr);
}

static void note_cut(const struct show *s)
{
    const bool thinking = s->reply->text.len == 0 && s->reply->reasoning.len > 0;
    fputs(thinking ? cli_text(s->send->remote->cli,
                              "qvl: The answer was cut at its maximum length, while the model was "
                              "still thinking (--max-tokens).\n",
                              "qvl: 模型仍在思考时，应答就达到最大长度而被截断（--max-tokens）。\n")
                   : cli_text(s->send->remote->cli,
                              "qvl: The answer was cut at its maximum length (--max-tokens).\n",
                              "qvl: 应答达到最大长度而被截断（--max-tokens）。\n"),
          stderr);
}

static void note_end(struct show *s)
{
    const struct cli *cli = s->send->remote->cli;
    if (cli->verbosity < 0)
        return;
    for (size_t i = 0; i < s->reply->call_count && !s->send->json; i++)
        note_call(cli, &s->reply->calls[i]);
    if (strcmp(s->reply->finish_reason, "length") == 0)
        note_cut(s);
}

static enum outcome finish_stream(struct show *s, const struct http_response *response)
{
    chat_output_end_line(s->send->out);
    if (s->reply->error.len > 0)
        return event_error(s, response);
    if (!chat_reply_complete(s->reply))
        return no_answer(s, response);
    note_end(s);
    return OUTCOME_OK;
}

/* A server that ignores "stream", or one that streams under another content type. */
static enum outcome finish_document(struct show *s, const struct http_response *response)
{
    const struct str body = buf_str(&response->body);
    if (response->status == 200 && chat_reply_document(s->reply, body)) {
        if (s->send->json)
            chat_output_write(s->send->out, str_trim(body));
        else
            show_all(s);
        end_reasoning(s);
        chat_output_end_line(s->send->out);
        note_end(s);
        return OUTCOME_OK;
    }
    if (response->status != 200 || s->send->json)
        return answer_error(s, response);
    if (str_starts(str_trim(body), "data:")) {
        (void)sse_feed(&s->sse, body);
        return finish_stream(s, response);
    }
    if (chat_reply_event(s->reply, body) == REPLY_ERROR)
        return event_error(s, response);
    return answer_error(s, response);
}

/* The transfer broke off. After [DONE] nothing was missing. */
static enum outcome finish_broken(struct show *s, const struct http_response *response,
                                  struct reason *why)
{
    chat_output_end_line(s->send->out);
    if (s->reply->done && s->reply->has_choice)
        return OUTCOME_OK;
    const enum outcome outcome = outcome_of_fault(why->code);
    if (outcome == OUTCOME_CANCELLED)
        return outcome;
    report_fault(s->send->remote, why);
    return failed(s, response, outcome, why);
}

static enum outcome perform(struct show *s, const struct http_request *request)
{
    struct remote *c = s->send->remote;
    struct http_response response;
    struct reason why;
    http_response_init(&response, ANSWER_MAX);
    const enum status status = call_perform(&c->call, request, on_body, s, &response, &why);
    if (response.sent.len > 0)
        show_heads(s, &response);
    end_reasoning(s);
    const enum outcome outcome = status != STATUS_OK       ? finish_broken(s, &response, &why)
                                 : is_stream(s, &response) ? finish_stream(s, &response)
                                                           : finish_document(s, &response);
    report_timings(c->cli, &response, s->reply);
    http_response_release(&response);
    return outcome;
}

const char *chat_url(struct remote *remote)
{
    return endpoint_url(&remote->endpoint, "/chat/completions");
}

const char *const *chat_headers(struct remote *remote, const struct chat_options *options,
                                const char *idempotency)
{
    const bool zh = remote->cli->lang == LANG_ZH; /* English is what servers speak anyway */
    const char *const first[] = {"Content-Type: application/json",
                                 options->stream ? "Accept: text/event-stream, application/json"
                                                 : "Accept: application/json",
                                 zh ? "Accept-Language: zh, en;q=0.5" : idempotency,
                                 zh ? idempotency : NULL, NULL};
    return endpoint_headers(&remote->endpoint, first);
}

static enum outcome no_memory(const struct chat_send *send, size_t bytes)
{
    struct reason why;
    (void)reason_no_memory(&why, bytes);
    cli_report(send->remote->cli, &why);
    return OUTCOME_REQUEST;
}

enum outcome chat_send(const struct chat_send *send, struct chat_reply *reply)
{
    struct show show = {.send = send, .reply = reply};
    struct buf body;
    char idempotency[64];
    buf_init(&body, BODY_MAX);
    call_idempotency_header(idempotency);
    chat_request_write(&body, send->options, send->conversation);
    const struct http_request request = {.method = "POST",
                                         .url = chat_url(send->remote),
                                         .headers =
                                             chat_headers(send->remote, send->options, idempotency),
                                         .body = buf_str(&body)};
    enum outcome outcome;
    if (body.failed || !request.url || !request.headers) {
        outcome = no_memory(send, body.len);
    } else {
        sse_init(&show.sse, EVENT_MAX, on_event, &show);
        outcome = perform(&show, &request);
        sse_release(&show.sse);
    }
    buf_release(&body);
    return outcome;
}
