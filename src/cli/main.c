/* qvl: one program, one file per command. */
#include "base/str.h"
#include "cli/complete.h"
#include "cli/options.h"

#include "os/standard_streams.h"

#include <locale.h>

static const struct command *const commands[] = {
    &command_serve, &command_chat, &command_config, &command_model, &command_bench,
    &command_env,   NULL};

static void print_help(const struct cli *cli, FILE *out)
{
    fprintf(
        out, "%s\n\n%s\n\n%s\n",
        cli_text(cli,
                 "qvl serves Qwen3-VL behind an OpenAI-compatible API, and talks to any such API.",
                 "qvl 以 OpenAI 兼容的 API 提供 Qwen3-VL 服务，并可访问任何此类 API。"),
        "qvl [--config FILE] [--lang en|zh] [--color WHEN] [-q|-v] COMMAND [OPTIONS]",
        cli_text(cli, "Commands:", "命令："));
    for (size_t i = 0; commands[i]; i++)
        fprintf(out, "  %-8s  %s\n", commands[i]->name, commands[i]->summary[cli->lang]);
    fprintf(
        out, "\n%s\n",
        cli_text(cli,
                 "qvl COMMAND --help says more about one of them; so do man qvl and man qvl.yaml.\n"
                 "Installed, bash, zsh and fish complete commands, options and settings.",
                 "qvl COMMAND --help 显示该命令的详细说明；另见 man qvl 和 man qvl.yaml。\n"
                 "安装后，bash、zsh 和 fish 可补全命令、选项和设置。"));
}

static const struct command *find(const char *name)
{
    for (size_t i = 0; commands[i]; i++)
        if (strcmp(commands[i]->name, name) == 0)
            return commands[i];
    return NULL;
}

static int unknown(const struct cli *cli, const char *name)
{
    const char *names[ARRAY_LEN(commands)] = {0};
    for (size_t i = 0; commands[i]; i++)
        names[i] = commands[i]->name;
    const char *near = str_nearest(str_from(name), names);
    if (near)
        options_wrong(cli, "There is no command %s. Did you mean qvl %s?",
                      "没有命令 %s。您是不是想用 qvl %s？", name, near);
    else
        options_wrong(cli, "There is no command %s; qvl help lists them.",
                      "没有命令 %s；qvl help 列出所有命令。", name);
    return EXIT_USAGE;
}

int main(int argc, char **argv)
{
    standard_streams_open();
    setlocale(LC_CTYPE, "");
    struct cli cli = {.lang = lang_from_environment()};
    bool help, version;
    if (options_parse_global(&cli, &argc, argv, &help, &version) != PARSE_OK)
        return EXIT_USAGE;
    if (version) {
        puts("qvl " QVL_VERSION);
        return EXIT_OK;
    }
    const bool help_word = argc > 1 && strcmp(argv[1], "help") == 0;
    const char *name = argc > 1 + help_word ? argv[1 + help_word] : NULL;
    if (!name) {
        print_help(&cli, stdout);
        return EXIT_OK;
    }
    if (!help_word && strcmp(name, "complete") == 0) {
        complete(&cli, commands, argv + 2);
        return EXIT_OK;
    }
    const struct command *command = find(name);
    if (!command)
        return unknown(&cli, name);
    if (help || help_word) {
        char flag[] = "--help";
        char *words[] = {argv[1 + help_word], flag, NULL};
        return command->run(&cli, 2, words);
    }
    return command->run(&cli, argc - 1, argv + 1);
}
