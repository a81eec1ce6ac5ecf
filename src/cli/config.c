/* qvl config: is the configuration safe, what does it say, what could it say? */
#include "cli/options.h"

#include "config/describe.h"
#include "config/mistakes.h"
#include "json/writer.h"

#include <stdlib.h>
#include <unistd.h>

enum { OUTPUT_BYTES = 16 << 20 };

extern char **environ;

struct config_options {
    bool json, yaml, man;
};

static enum status load(const struct cli *cli, const struct settings_flags *flags,
                        struct settings **out, struct reason *why)
{
    const struct settings_sources sources = {
        .file = cli->config, .flags = flags, .environment = environ};
    return settings_load(&sources, out, why);
}

static void print(struct buf *text)
{
    fwrite(text->data, 1, text->len, stdout);
    buf_release(text);
}

static void member(struct json_writer *w, const char *key, const char *value)
{
    json_key(w, key);
    json_cstring(w, value);
}

static void print_findings_json(const struct cli *cli, const struct findings *findings)
{
    struct buf out;
    struct json_writer w;
    buf_init(&out, OUTPUT_BYTES);
    json_writer_init(&w, &out);
    json_begin_object(&w);
    json_key(&w, "ok");
    json_bool(&w, findings->count == 0);
    json_key(&w, "findings");
    json_begin_array(&w);
    for (size_t i = 0; i < findings->count; i++) {
        const struct finding *finding = &findings->items[i];
        json_begin_object(&w);
        member(&w, "code", finding->why.code);
        member(&w, "level", finding_level_name(finding->level, LANG_EN));
        member(&w, "setting", finding->setting);
        member(&w, "place", finding->why.subject);
        member(&w, "message", finding->why.message[cli->lang]);
        member(&w, "hint", finding->why.hint[cli->lang]);
        json_end_object(&w);
    }
    json_end_array(&w);
    json_end_object(&w);
    buf_putc(&out, '\n');
    print(&out);
}

static void print_finding(const struct cli *cli, const struct finding *finding)
{
    const struct reason *why = &finding->why;
    printf("%s: %s%s%s%s%s\n", finding_level_name(finding->level, cli->lang), why->subject,
           why->subject[0] ? ": " : "", finding->setting, finding->setting[0] ? ": " : "",
           why->message[cli->lang]);
    if (why->hint[cli->lang][0])
        printf("  → %s\n", why->hint[cli->lang]);
}

static void print_findings(const struct cli *cli, const struct findings *findings)
{
    for (int level = FINDING_ERROR; level >= FINDING_NOTE; level--)
        for (size_t i = 0; i < findings->count; i++)
            if ((int)findings->items[i].level == level)
                print_finding(cli, &findings->items[i]);
    if (findings->count == 0)
        printf("%s\n", cli_text(cli, "nothing to complain about", "没有发现问题"));
}

static int check(const struct cli *cli, const struct config_options *options,
                 const struct settings *settings)
{
    struct findings findings;
    mistakes_find(settings, cli->config, &findings);
    if (options->json)
        print_findings_json(cli, &findings);
    else
        print_findings(cli, &findings);
    const int code = findings.count ? EXIT_FAULT : EXIT_OK;
    findings_release(&findings);
    return code;
}

static int show(const struct cli *cli, const struct config_options *options,
                const struct settings *settings)
{
    struct buf out;
    buf_init(&out, OUTPUT_BYTES);
    if (options->json)
        snapshot_write_json(settings->snapshot, &out);
    else
        snapshot_write(settings->snapshot, cli->lang, &out);
    print(&out);
    return EXIT_OK;
}

static int reference(const struct cli *cli, const struct config_options *options)
{
    struct buf out;
    buf_init(&out, OUTPUT_BYTES);
    if (options->yaml)
        settings_example_write(&settings_table, &out, cli->lang);
    else if (options->man)
        settings_manual_write(&settings_table, &out, cli->lang);
    else
        settings_reference_write(&settings_table, &out, cli->lang);
    print(&out);
    return EXIT_OK;
}

/* The settings that `serve` would have, with the same flags. */
static int with_settings(const struct cli *cli, const struct settings_flags *flags, bool checking,
                         const struct config_options *options)
{
    struct settings *settings;
    struct reason why;
    if (load(cli, flags, &settings, &why) != STATUS_OK) {
        cli_report(cli, &why);
        return EXIT_USAGE;
    }
    const int code = checking ? check(cli, options, settings) : show(cli, options, settings);
    settings_release(settings);
    return code;
}

static int run_one(struct cli *cli, int argc, char **argv, const struct settings_flags *flags)
{
    struct config_options values = {0};
    const struct option options[] = {
        {"json",
         '\0',
         OPTION_FLAG,
         &values.json,
         NULL,
         {"check, show: print JSON", "check、show：输出 JSON"}},
        {"yaml",
         '\0',
         OPTION_FLAG,
         &values.yaml,
         NULL,
         {"reference: as a configuration file with comments", "reference：输出带注释的配置文件"}},
        {"man",
         '\0',
         OPTION_FLAG,
         &values.man,
         NULL,
         {"reference: as a manual page", "reference：输出手册页"}},
        {0},
    };
    const struct usage usage = {
        .synopsis = "qvl config check|show|reference [--config FILE] [SETTINGS OF qvl serve]",
        .about = {"check: finds what is allowed and yet probably wrong, such as a door left open. "
                  "Exit 1 if there is anything, 2 if the file cannot be used.\n"
                  "show: the effective settings, and where each comes from. Secrets are masked.\n"
                  "reference: all settings.",
                  "check：找出虽被允许但很可能有误的设置，例如敞开的入口。发现问题时退出码为 "
                  "1，文件无法使用时为 2。\n"
                  "show：实际生效的设置及其来源。密钥不显示。\n"
                  "reference：全部设置。"},
        .examples = "  qvl config check --config /etc/qvl/qvl.yaml\n  qvl config show --port 9000\n"
                    "  qvl config reference --yaml > qvl.yaml",
        .options = options,
        .min_arguments = 1,
        .max_arguments = 1,
    };
    const enum parse_result result = options_parse(cli, &usage, &argc, argv);
    if (result != PARSE_OK)
        return result == PARSE_DONE ? EXIT_OK : EXIT_USAGE;
    if (strcmp(argv[0], "check") == 0 || strcmp(argv[0], "show") == 0)
        return with_settings(cli, flags, argv[0][0] == 'c', &values);
    if (strcmp(argv[0], "reference") == 0)
        return reference(cli, &values);
    options_wrong(cli, "qvl config takes check, show or reference, not %s.",
                  "qvl config 的参数是 check、show 或 reference，而不是 %s。", argv[0]);
    return EXIT_USAGE;
}

static int run(struct cli *cli, int argc, char **argv)
{
    static const char *const others[] = {"help",    "lang=", "color=", "config=", "quiet",
                                         "verbose", "json",  "yaml",   "man",     NULL};
    struct settings_flags flags = {0};
    struct reason why;
    int code = EXIT_USAGE;
    if (settings_flags_parse(&settings_table, &argc, argv, others, &flags, &why) == STATUS_OK)
        code = run_one(cli, argc, argv, &flags);
    else
        cli_report(cli, &why);
    settings_flags_release(&flags);
    return code;
}

const struct command command_config = {
    .name = "config",
    .summary = {"check, show, explain the configuration", "检查、显示、说明配置"},
    .run = run,
    .actions = "check|show|reference",
    .settings = true,
};
