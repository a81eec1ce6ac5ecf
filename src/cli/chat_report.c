#include "cli/chat_report.h"

#include "json/json.h"
#include "json/writer.h"

enum { BODY_SHOWN_MAX = 2000, ARENA_MAX = 64 << 20 };

void report_heads(const struct cli *cli, const struct http_response *response)
{
    if (cli->verbosity < 1)
        return;
    struct buf text;
    buf_init(&text, 1 << 20);
    http_head_write(&text, buf_str(&response->sent), "> ");
    http_head_write(&text, buf_str(&response->head), "< ");
    fwrite(text.data, 1, text.len, stderr);
    buf_release(&text);
}

static void put_ms(const char *name, int64_t us)
{
    if (us > 0)
        fprintf(stderr, "%s %.1f ms  ", name, (double)us / 1000);
}

void report_timings(const struct cli *cli, const struct http_response *response,
                    const struct chat_reply *reply)
{
    if (cli->verbosity < 1)
        return;
    const struct http_timings *t = &response->timings;
    fputs("* ", stderr);
    put_ms("dns", t->dns_us);
    put_ms("connect", t->connect_us);
    put_ms("tls", t->tls_us);
    put_ms("first byte", t->first_byte_us);
    put_ms("total", t->total_us);
    fputc('\n', stderr);
    if (reply->finish_reason[0])
        fprintf(stderr, "* finish_reason %s\n", reply->finish_reason);
    if (reply->prompt_tokens >= 0)
        fprintf(stderr, "* prompt_tokens %lld  completion_tokens %lld\n",
                (long long)reply->prompt_tokens, (long long)reply->completion_tokens);
}

void report_retry(void *context, const struct retry_note *note)
{
    const struct remote *c = context;
    const struct cli *cli = c->cli;
    if (cli->verbosity < 0)
        return;
    fputs("qvl: ", stderr);
    if (note->why)
        fprintf(stderr, "%s ", note->why->message[cli->lang]);
    else
        fprintf(stderr, cli_text(cli, "The server answered %d. ", "服务器返回 %d。"), note->status);
    const double wait_s = (double)note->wait_ms / 1000;
    if (note->asked)
        fprintf(stderr,
                cli_text(cli, "Retry %d of %d in %.1f s, as the server asks.\n",
                         "第 %d 次重试（共 %d 次），按服务器要求在 %.1f 秒后。\n"),
                note->retry, note->max_retries, wait_s);
    else
        fprintf(
            stderr,
            cli_text(cli, "Retry %d of %d in %.1f s.\n", "第 %d 次重试（共 %d 次），%.1f 秒后。\n"),
            note->retry, note->max_retries, wait_s);
}

static void put_field(const char *name, struct str text, struct str more)
{
    if (text.len == 0)
        return;
    fprintf(stderr, "  %s", name);
    put_clean(stderr, text);
    if (more.len > 0) {
        fputs(" [", stderr);
        put_clean(stderr, more);
        fputc(']', stderr);
    }
    fputc('\n', stderr);
}

static void put_body(const struct cli *cli, struct str body)
{
    const struct str shown = str_slice(str_trim(body), 0, BODY_SHOWN_MAX);
    put_field(cli_text(cli, "body: ", "应答内容："), shown, (struct str){0});
    if (body.len > BODY_SHOWN_MAX)
        fprintf(stderr, cli_text(cli, "  … and %zu bytes more\n", "  …… 另有 %zu 字节\n"),
                body.len - BODY_SHOWN_MAX);
}

/* Sentence, the server's words, advice, body. */
static void put_error(const struct cli *cli, const struct reason *why,
                      const struct server_error *error, struct str body)
{
    const struct str none = {0};
    fputs("qvl: ", stderr);
    put_clean(stderr, str_from(why->message[cli->lang]));
    fputc('\n', stderr);
    put_field(cli_text(cli, "server: ", "服务器："), error->message,
              error->code.len > 0 ? error->code : error->type);
    put_field(cli_text(cli, "its hint: ", "服务器的建议："), error->hint, none);
    put_field(cli_text(cli, "see: ", "参见："), error->docs, none);
    put_field(cli_text(cli, "request id: ", "请求编号："), error->request_id, none);
    if (why->hint[cli->lang][0]) {
        fputs("  → ", stderr);
        put_clean(stderr, str_from(why->hint[cli->lang]));
        fputc('\n', stderr);
    }
    put_body(cli, body);
}

void report_fault(const struct remote *c, struct reason *why)
{
    endpoint_advise(&c->endpoint, why);
    cli_report(c->cli, why);
}

enum outcome report_answer(const struct remote *c, const struct http_response *response,
                           struct reason *why)
{
    struct arena arena;
    struct server_error error;
    arena_init(&arena, ARENA_MAX);
    server_error_read(&arena, response, &error);
    server_error_explain(&error, response, &c->endpoint, &clock_system, why);
    put_error(c->cli, why, &error, buf_str(&response->body));
    arena_release(&arena);
    const enum outcome outcome = outcome_of_status(response->status);
    return outcome == OUTCOME_OK ? OUTCOME_NONSENSE : outcome;
}

enum outcome report_event(const struct remote *c, const struct chat_reply *reply,
                          const struct http_response *response, struct reason *why)
{
    struct arena arena;
    struct server_error error;
    arena_init(&arena, ARENA_MAX);
    server_error_read_event(&arena, buf_str(&reply->error), &error);
    if (error.request_id.len == 0)
        error.request_id = http_header(response, "x-request-id");
    reason_set(why, "stream_error", "The server reports an error within its answer.",
               "服务器在应答过程中报告了错误。");
    reason_hint(why, "What came until then is not the whole answer.", "此前收到的内容并不完整。");
    put_error(c->cli, why, &error, buf_str(&reply->error));
    const enum outcome outcome = server_error_outcome(&error);
    arena_release(&arena);
    return outcome;
}

static bool is_json_object(struct str body)
{
    struct arena arena;
    struct json *root;
    arena_init(&arena, ARENA_MAX);
    char *copy = body.len > 0 ? arena_strdup(&arena, body) : NULL;
    const bool good =
        copy &&
        json_parse(copy, body.len, (struct json_limits){0}, &arena, &root, NULL) == STATUS_OK &&
        json_is(root, JSON_OBJECT);
    arena_release(&arena);
    return good;
}

void report_json(const struct cli *cli, const struct reason *why, struct str body)
{
    struct buf out;
    struct json_writer w;
    buf_init(&out, SIZE_MAX);
    if (is_json_object(body)) {
        buf_add_str(&out, str_trim(body));
    } else {
        json_writer_init(&w, &out);
        json_begin_object(&w);
        json_key(&w, "error");
        json_begin_object(&w);
        json_key(&w, "message");
        json_cstring(&w, why->message[cli->lang]);
        json_key(&w, "type");
        json_cstring(&w, "client_error");
        json_key(&w, "code");
        json_cstring(&w, why->code);
        json_key(&w, "hint");
        json_cstring(&w, why->hint[cli->lang]);
        json_end_object(&w);
        json_end_object(&w);
    }
    buf_putc(&out, '\n');
    fwrite(out.data, 1, out.len, stdout);
    fflush(stdout);
    buf_release(&out);
}
