/* qvl chat: ask any OpenAI-compatible server, with pictures. */
#include "cli/chat_curl.h"
#include "cli/chat_picture.h"
#include "cli/chat_repl.h"
#include "cli/chat_report.h"
#include "cli/chat_send.h"
#include "cli/interrupt.h"

#include <math.h>
#include <stdlib.h>
#include <unistd.h>

enum { QUESTION_MAX = 64 << 20, CHAT_ROWS = 12 };

struct chat {
    struct cli *cli;
    struct remote_options remote_options;
    struct chat_options options;
    struct option_list pictures;
    const char *output;
    bool json, curl;
    struct buf question;
    struct option rows[REMOTE_ROWS + CHAT_ROWS];
};

static void set_rows(struct chat *chat)
{
    struct chat_options *o = &chat->options;
    const struct option rows[CHAT_ROWS] = {
        {"image",
         'i',
         OPTION_LIST,
         &chat->pictures,
         "FILE|URL",
         {"a picture; may be repeated; - reads it from standard input",
          "图片，可重复；- 表示从标准输入读取"}},
        {"system", 's', OPTION_TEXT, &o->system, "TEXT", {"system prompt", "系统提示"}},
        {"max-tokens",
         '\0',
         OPTION_INTEGER,
         &o->max_tokens,
         "N",
         {"longest answer", "应答的最大长度"}},
        {"temperature",
         '\0',
         OPTION_NUMBER,
         &o->temperature,
         "T",
         {"0 is the most likely answer; more is freer", "0 表示最可能的应答，越大越自由"}},
        {"top-p",
         '\0',
         OPTION_NUMBER,
         &o->top_p,
         "P",
         {"choose among the likeliest tokens of this mass", "只在累计概率为 P 的词元中选择"}},
        {"seed",
         '\0',
         OPTION_INTEGER,
         &o->seed,
         "N",
         {"the same seed gives the same answer", "相同的种子得到相同的应答"}},
        {"stream",
         '\0',
         OPTION_FLAG,
         &o->stream,
         NULL,
         {"show the answer as it comes (default; --no-stream)",
          "边生成边显示（默认；可用 --no-stream 关闭）"}},
        {"json",
         '\0',
         OPTION_FLAG,
         &chat->json,
         NULL,
         {"print the server's whole answer as one JSON document",
          "把完整应答输出为一个 JSON 文档"}},
        {"output",
         'o',
         OPTION_TEXT,
         &chat->output,
         "FILE",
         {"write the answer to a file, when it is whole", "应答完整后写入文件"}},
        {"param",
         '\0',
         OPTION_LIST,
         &o->params,
         "NAME=JSON",
         {"any other field of the request; may be repeated", "请求的其他字段，可重复"}},
        {"curl",
         '\0',
         OPTION_FLAG,
         &chat->curl,
         NULL,
         {"print the same request as a curl command, send nothing",
          "输出等价的 curl 命令，不发送请求"}},
        {0},
    };
    remote_options_init(&chat->remote_options, chat->rows + CHAT_ROWS - 1);
    memcpy(chat->rows, rows, (CHAT_ROWS - 1) * sizeof *rows);
}

static enum parse_result parse(struct chat *chat, int *argc, char **argv)
{
    const struct usage usage = {
        .synopsis = "qvl chat [OPTIONS] [QUESTION…]",
        .about = {"Asks any OpenAI-compatible server, with pictures if you like.\n"
                  "Without a question it reads one from standard input; on a terminal it begins a\n"
                  "conversation. Settings come from options, else the environment, else .env.\n"
                  "With -v the request's and the answer's headers are shown, secrets masked.",
                  "向任意 OpenAI 兼容的服务器提问，可附带图片。\n"
                  "不带问题时从标准输入读取；在终端上则开始多轮对话。\n"
                  "设置依次取自命令行选项、环境变量、.env。\n"
                  "加 -v 可显示请求与应答的头部（密钥会被遮蔽）。"},
        .examples =
            "  qvl chat \"What is in this picture?\" -i photo.jpg\n"
            "  qvl chat --system \"Answer in one word.\" -i - \"颜色？\" < photo.png\n"
            "  qvl chat --param response_format='{\"type\":\"json_object\"}' \"List colors.\"\n",
        .options = chat->rows,
        .min_arguments = 0,
        .max_arguments = -1};
    return options_parse(chat->cli, &usage, argc, argv);
}

static bool reads_stdin_picture(const struct chat *chat)
{
    for (size_t i = 0; i < chat->pictures.count; i++)
        if (strcmp(chat->pictures.items[i], "-") == 0)
            return true;
    return false;
}

static enum status read_question(struct chat *chat, struct reason *why)
{
    struct buf *question = &chat->question;
    const enum status status = read_stream(stdin, "stdin", question, why);
    if (status != STATUS_OK)
        return status;
    if (looks_like_picture(buf_str(question))) {
        reason_set(why, "missing_field", "Standard input holds a picture, not a question.",
                   "标准输入是一张图片，而不是问题。");
        reason_hint(why, "Write: qvl chat -i - \"QUESTION\"", "请写成：qvl chat -i - \"问题\"");
        return STATUS_INVALID;
    }
    return STATUS_OK;
}

/* The words of the command line, or standard input. */
static enum status take_question(struct chat *chat, int argc, char **argv, struct reason *why)
{
    const bool from_stdin = argc == 0 || (argc == 1 && strcmp(argv[0], "-") == 0);
    if (from_stdin && !reads_stdin_picture(chat)) {
        const enum status status = read_question(chat, why);
        if (status != STATUS_OK)
            return status;
    }
    for (int i = 0; i < argc && !from_stdin; i++) {
        buf_puts(&chat->question, i > 0 ? " " : "");
        buf_puts(&chat->question, argv[i]);
    }
    if (str_trim(buf_str(&chat->question)).len > 0)
        return STATUS_OK;
    reason_set(why, "missing_field", "There is no question.", "没有问题。");
    reason_hint(why, "Write: qvl chat \"QUESTION\"", "请写成：qvl chat \"问题\"");
    return STATUS_INVALID;
}

static enum status add_question(const struct chat *chat, struct conversation *conversation,
                                struct reason *why)
{
    const size_t count = chat->pictures.count;
    struct buf *pictures = calloc(count + 1, sizeof *pictures);
    if (!pictures)
        return reason_no_memory(why, (count + 1) * sizeof *pictures);
    enum status status = STATUS_OK;
    for (size_t i = 0; i < count && status == STATUS_OK; i++) {
        buf_init(&pictures[i], 2 * (size_t)PICTURE_BYTES_MAX);
        status = picture_url(chat->pictures.items[i], &pictures[i], why);
    }
    if (status == STATUS_OK)
        conversation_add_user(conversation, str_trim(buf_str(&chat->question)), pictures, count);
    for (size_t i = 0; i < count; i++)
        buf_release(&pictures[i]);
    free(pictures);
    return status;
}

static int print_curl(const struct chat *chat, struct remote *remote,
                      const struct conversation *conversation)
{
    struct buf body, command;
    buf_init(&body, SIZE_MAX);
    buf_init(&command, SIZE_MAX);
    chat_request_write(&body, &chat->options, conversation);
    const char *url = chat_url(remote);
    const char *const *headers = chat_headers(remote, &chat->options, NULL);
    const bool good = url && headers && !body.failed;
    if (good)
        curl_command_write(&command, &remote->endpoint, url, headers, buf_str(&body),
                           chat->options.stream);
    fwrite(command.data, 1, command.len, stdout);
    buf_release(&body);
    buf_release(&command);
    return good ? EXIT_OK : EXIT_USAGE;
}

static int ask(const struct chat *chat, struct remote *remote,
               const struct conversation *conversation)
{
    struct chat_output out;
    struct chat_reply reply;
    struct reason why;
    if (chat_output_open(&out, chat->output, &why) != STATUS_OK) {
        cli_report(chat->cli, &why);
        return EXIT_USAGE;
    }
    chat_reply_init(&reply);
    const struct chat_send send = {.remote = remote,
                                   .options = &chat->options,
                                   .conversation = conversation,
                                   .out = &out,
                                   .json = chat->json,
                                   .last_call = true};
    const enum outcome outcome = chat_send(&send, &reply);
    chat_reply_release(&reply);
    if (chat_output_close(&out, outcome == OUTCOME_OK, &why) != STATUS_OK) {
        cli_report(chat->cli, &why);
        return EXIT_USAGE;
    }
    return exit_code_of(outcome);
}

static int one_shot(struct chat *chat, struct remote *remote, int argc, char **argv)
{
    struct conversation conversation;
    struct reason why;
    conversation_init(&conversation);
    int code = EXIT_USAGE;
    const bool ready = take_question(chat, argc, argv, &why) == STATUS_OK &&
                       add_question(chat, &conversation, &why) == STATUS_OK;
    if (!ready && interrupt_take())
        code = EXIT_INTERRUPTED;
    else if (!ready)
        cli_report(chat->cli, &why);
    else if (chat->curl)
        code = print_curl(chat, remote, &conversation);
    else
        code = ask(chat, remote, &conversation);
    conversation_release(&conversation);
    return code;
}

static int run_parsed(struct chat *chat, int argc, char **argv)
{
    struct remote remote;
    struct reason why;
    chat->options.stream = chat->options.stream && !chat->json;
    if (chat_params_check(&chat->options.params, &why) != STATUS_OK ||
        remote_open(&remote, chat->cli, &chat->remote_options, &why) != STATUS_OK) {
        cli_report(chat->cli, &why);
        return EXIT_USAGE;
    }
    remote.call.on_retry = report_retry;
    remote.call.context = &remote;
    chat->options.model = remote.endpoint.model.value;
    const bool talk = argc == 0 && isatty(STDIN_FILENO) && !chat->curl && !chat->json &&
                      !chat->output && !reads_stdin_picture(chat);
    const int code = talk ? chat_repl(&remote, &chat->options, &chat->pictures)
                          : one_shot(chat, &remote, argc, argv);
    remote_close(&remote);
    return code;
}

static int run(struct cli *cli, int argc, char **argv)
{
    struct chat chat = {
        .cli = cli,
        .options = {
            .max_tokens = -1, .seed = INT64_MIN, .temperature = NAN, .top_p = NAN, .stream = true}};
    buf_init(&chat.question, QUESTION_MAX);
    set_rows(&chat);
    const enum parse_result result = parse(&chat, &argc, argv);
    const int code = result == PARSE_OK     ? run_parsed(&chat, argc, argv)
                     : result == PARSE_DONE ? EXIT_OK
                                            : EXIT_USAGE;
    buf_release(&chat.question);
    option_list_release(&chat.pictures);
    option_list_release(&chat.options.params);
    remote_options_release(&chat.remote_options);
    return code;
}

const struct command command_chat = {
    .name = "chat",
    .summary = {"ask, with pictures", "提问，可附带图片"},
    .run = run,
};
