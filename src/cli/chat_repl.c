#include "cli/chat_repl.h"

#include "cli/chat_picture.h"
#include "cli/chat_send.h"
#include "cli/interrupt.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

enum { PICTURES_MAX = 16 };

struct repl {
    struct remote *remote;
    struct chat_options *options;
    struct conversation conversation;
    struct buf pictures[PICTURES_MAX]; /* for the next question */
    size_t picture_count;
    char *system; /* set by /system; owned */
    bool leave;
};

static void say(const struct repl *r, const char *en, const char *zh)
{
    puts(cli_text(r->remote->cli, en, zh));
}

static void drop_pictures(struct repl *r)
{
    for (size_t i = 0; i < r->picture_count; i++)
        buf_release(&r->pictures[i]);
    r->picture_count = 0;
}

static bool add_picture(struct repl *r, const char *name)
{
    struct reason why;
    if (r->picture_count == PICTURES_MAX) {
        reason_set(&why, "invalid_value", "One question can have %d pictures at most.",
                   "一个问题最多附带 %d 张图片。", PICTURES_MAX);
        cli_report(r->remote->cli, &why);
        return false;
    }
    struct buf *url = &r->pictures[r->picture_count];
    buf_init(url, 2 * (size_t)PICTURE_BYTES_MAX);
    if (picture_url(name, url, &why) != STATUS_OK) {
        cli_report(r->remote->cli, &why);
        buf_release(url);
        return false;
    }
    r->picture_count++;
    return true;
}

static void ask(struct repl *r, struct str question)
{
    struct reason why;
    struct chat_output out;
    struct chat_reply reply;
    if (chat_output_open(&out, NULL, &why) != STATUS_OK)
        return;
    conversation_add_user(&r->conversation, question, r->pictures, r->picture_count);
    chat_reply_init(&reply);
    const struct chat_send send = {
        .remote = r->remote, .options = r->options, .conversation = &r->conversation, .out = &out};
    const enum outcome outcome = chat_send(&send, &reply);
    (void)interrupt_take();
    if (outcome == OUTCOME_OK) {
        conversation_add_assistant(&r->conversation, buf_str(&reply.text));
        drop_pictures(r);
    } else {
        conversation_drop_last(&r->conversation);
        say(r, "(The question is not part of the conversation; ask again.)",
            "（该问题未计入对话，可以再问一次。）");
    }
    chat_reply_release(&reply);
    if (chat_output_close(&out, true, &why) != STATUS_OK)
        r->leave = true;
}

static void cmd_help(struct repl *r, const char *argument)
{
    (void)argument;
    say(r,
        "/image FILE|URL  add a picture to the next question\n"
        "/system TEXT     set the system prompt; without TEXT remove it\n"
        "/clear           forget the conversation\n"
        "/help            this list\n"
        "/quit            leave (Ctrl-D too); Ctrl-C stops an answer",
        "/image 文件|网址  给下一个问题附上图片\n"
        "/system 文本      设置系统提示；不带文本则清除\n"
        "/clear            清空对话\n"
        "/help             显示本列表\n"
        "/quit             退出（Ctrl-D 亦可）；Ctrl-C 中断应答");
}

static void cmd_image(struct repl *r, const char *argument)
{
    if (!*argument)
        say(r, "Which picture? /image FILE", "哪张图片？用法：/image 文件");
    else if (add_picture(r, argument))
        say(r, "The picture goes with the next question.", "图片将随下一个问题发送。");
}

static void cmd_system(struct repl *r, const char *argument)
{
    free(r->system);
    r->system = *argument ? strdup(argument) : NULL;
    r->options->system = r->system;
    say(r, *argument ? "The system prompt is set." : "There is no system prompt now.",
        *argument ? "系统提示已设置。" : "系统提示已清除。");
}

static void cmd_clear(struct repl *r, const char *argument)
{
    (void)argument;
    conversation_clear(&r->conversation);
    drop_pictures(r);
    say(r, "The conversation is empty.", "对话已清空。");
}

static void cmd_quit(struct repl *r, const char *argument)
{
    (void)argument;
    r->leave = true;
}

static void run_command(struct repl *r, char *line)
{
    static const struct {
        const char *name;
        void (*run)(struct repl *r, const char *argument);
    } commands[] = {{"/image", cmd_image}, {"/system", cmd_system}, {"/clear", cmd_clear},
                    {"/help", cmd_help},   {"/quit", cmd_quit},     {"/exit", cmd_quit}};
    char *argument = line + strcspn(line, " \t");
    if (*argument)
        *argument++ = '\0';
    argument += strspn(argument, " \t");
    for (size_t i = 0; i < ARRAY_LEN(commands); i++) {
        if (strcmp(line, commands[i].name) == 0) {
            commands[i].run(r, argument);
            return;
        }
    }
    say(r, "There is no such command; /help lists them.", "没有这个命令；/help 列出所有命令。");
}

/* Waits for a line to be there. False: Ctrl-C came instead; the terminal has dropped what was
 * typed. */
static bool wait_line(const struct repl *r)
{
    struct pollfd fds[] = {{.fd = STDIN_FILENO, .events = POLLIN},
                           {.fd = r->remote->client.cancel_fd, .events = POLLIN}};
    while (poll(fds, ARRAY_LEN(fds), -1) < 0 && errno == EINTR)
        continue;
    return !(fds[1].revents & POLLIN);
}

/* One line from the terminal, without blanks around it; false: the end. Ctrl-C asks again. */
static bool read_line(struct repl *r, char **line, size_t *size)
{
    for (;;) {
        fputs("> ", stdout);
        fflush(stdout);
        if (wait_line(r))
            break;
        (void)interrupt_take();
        puts("");
    }
    const ssize_t n = getline(line, size, stdin);
    if (n < 0)
        return false;
    const struct str trimmed = str_trim((struct str){*line, (size_t)n});
    memmove(*line, trimmed.ptr, trimmed.len);
    (*line)[trimmed.len] = '\0';
    return true;
}

int chat_repl(struct remote *remote, struct chat_options *options,
              const struct option_list *pictures)
{
    struct repl r = {.remote = remote, .options = options};
    char *line = NULL;
    size_t size = 0;
    bool good = true;
    for (size_t i = 0; i < pictures->count && good; i++)
        good = add_picture(&r, pictures->items[i]);
    conversation_init(&r.conversation);
    if (good && remote->cli->verbosity >= 0)
        printf(cli_text(remote->cli, "%s at %s; /help shows the commands.\n",
                        "%s，位于 %s；/help 显示命令。\n"),
               options->model, remote->endpoint.url.root);
    while (good && !r.leave && read_line(&r, &line, &size)) {
        if (line[0] == '/')
            run_command(&r, line);
        else if (line[0])
            ask(&r, str_from(line));
    }
    free(line);
    free(r.system);
    drop_pictures(&r);
    conversation_release(&r.conversation);
    return good ? EXIT_OK : EXIT_USAGE;
}
