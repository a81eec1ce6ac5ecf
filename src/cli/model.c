#include "cli/model.h"

#include "base/buf.h"
#include "cli/options.h"
#include "os/file.h"
#include "json/writer.h"

#include <stdlib.h>
#include <string.h>

enum { OUTPUT_MAX_BYTES = 1 << 20 };

void model_name(const char *path, char out[256])
{
    char *resolved = realpath(path, NULL);
    const char *full = resolved ? resolved : path;
    const char *slash = strrchr(full, '/');
    struct str name = str_from(slash && slash[1] ? slash + 1 : full);
    if (str_ends(name, ".gguf"))
        name.len -= strlen(".gguf");
    snprintf(out, 256, "%.*s", STR_ARG(name));
    free(resolved);
}

/* `units` by powers of 1000, the first for numbers below 1000. */
static void format_scaled(uint64_t n, const char *const units[5], char out[32])
{
    double value = (double)n;
    size_t unit = 0;
    for (; value >= 999.5 && unit < 4; unit++)
        value /= 1000;
    const int decimals = unit == 0 || value >= 99.95 ? 0 : value >= 9.995 ? 1 : 2;
    snprintf(out, 32, "%.*f%s", decimals, value, units[unit]);
}

void model_format_bytes(uint64_t bytes, char out[32])
{
    static const char *const units[5] = {" B", " kB", " MB", " GB", " TB"};
    format_scaled(bytes, units, out);
}

void model_format_count(uint64_t count, char out[32])
{
    static const char *const units[5] = {"", " k", " M", " B", " T"};
    format_scaled(count, units, out);
}

static void print_fault_json(const struct cli *cli, const char *path, const struct reason *why)
{
    struct buf text;
    struct json_writer w;
    char name[256];
    model_name(path, name);
    buf_init(&text, OUTPUT_MAX_BYTES);
    json_writer_init(&w, &text);
    json_begin_object(&w);
    json_key(&w, "ok");
    json_bool(&w, false);
    json_key(&w, "model");
    json_cstring(&w, name);
    json_key(&w, "code");
    json_cstring(&w, why->code);
    json_key(&w, "subject");
    json_cstring(&w, why->subject);
    json_key(&w, "message");
    json_cstring(&w, why->message[cli->lang]);
    json_key(&w, "hint");
    json_cstring(&w, why->hint[cli->lang]);
    json_end_object(&w);
    printf("%.*s\n", STR_ARG(buf_str(&text)));
    buf_release(&text);
}

int model_report_fault(const struct cli *cli, const char *path, const struct reason *why, bool json)
{
    const bool nothing_there = !file_exists(path);
    if (json)
        print_fault_json(cli, path, why);
    else if (nothing_there)
        cli_report(cli, why);
    else
        printf("%s: %s\n", why->code, why->message[cli->lang]);
    if (!json && !nothing_there && why->hint[cli->lang][0])
        fprintf(stderr, "  → %s\n", why->hint[cli->lang]);
    return nothing_there ? EXIT_USAGE : EXIT_FAULT;
}

static const struct {
    const char *name;
    int (*run)(const struct cli *cli, const char *path, const char *mmproj, bool json);
} actions[] = {{"check", model_check}, {"info", model_info}};

static int unknown_action(const struct cli *cli, const char *name)
{
    options_wrong(cli, "qvl model does check or info, not %s.",
                  "qvl model 可执行 check 或 info，不支持 %s。", name);
    return EXIT_USAGE;
}

static int run(struct cli *cli, int argc, char **argv)
{
    bool json = false;
    const char *mmproj = NULL;
    const struct option options[] = {
        {"mmproj", '\0', OPTION_TEXT, &mmproj, "FILE",
         {"vision part of a GGUF model, if there are several beside it",
          "GGUF 模型的视觉部分（同目录有多个时需指定）"}},
        {"json", '\0', OPTION_FLAG, &json, NULL, {"one JSON document", "输出一个 JSON 文档"}},
        {0},
    };
    const struct usage usage = {
        .synopsis = "qvl model check|info PATH [--mmproj FILE] [--json]",
        .about = {"check loads a checkpoint, verifies every file and tensor, and generates one\n"
                  "token: exit 0, or 1 and the fault. info shows what the checkpoint is.",
                  "check 加载模型，校验每个文件和张量，并生成一个 token：退出码 0，有问题时为 1\n"
                  "并说明原因。info 显示模型的配置与内容。"},
        .examples = "  qvl model check models/demo\n  qvl model info models/demo --json\n",
        .options = options,
        .min_arguments = 2,
        .max_arguments = 2,
    };
    switch (options_parse(cli, &usage, &argc, argv)) {
    case PARSE_OK: break;
    case PARSE_DONE: return EXIT_OK;
    case PARSE_WRONG: return EXIT_USAGE;
    }
    for (size_t i = 0; i < ARRAY_LEN(actions); i++)
        if (strcmp(argv[0], actions[i].name) == 0)
            return actions[i].run(cli, argv[1], mmproj, json);
    return unknown_action(cli, argv[0]);
}

const struct command command_model = {
    "model",
    {"check a checkpoint, or show what it is", "检查模型，或显示其信息"},
    run,
};
