#include "cli/model.h"

#include "base/buf.h"
#include "cli/model_quantize.h"
#include "cli/options.h"
#include "model/quantize_file.h"
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

static int unknown_action(const struct cli *cli, const char *name)
{
    options_wrong(cli, "qvl model does check, info or quantize, not %s.",
                  "qvl model 可执行 check、info 或 quantize，不支持 %s。", name);
    return EXIT_USAGE;
}

static int wrong_count(const struct cli *cli, const char *action, int wanted)
{
    options_wrong(cli, "The number of paths after qvl model %s must be %d.",
                  "qvl model %s 之后的路径数应为 %d。", action, wanted);
    return EXIT_USAGE;
}

bool cli_quantize_type(const struct cli *cli, const char *flag, const char *name, enum dtype *out)
{
    if (quantize_file_type(name, out))
        return true;
    options_wrong(cli, "%s cannot be %s; it is one of: %s.", "%s 不能是 %s，可选值：%s。", flag,
                  name, quantize_file_types);
    return false;
}

struct given {
    struct quantize_request quantize; /* with what all actions have */
    const char *type;                 /* of check: --quantize */
    bool exact;
};

static int check_or_info(const struct cli *cli, bool check, const struct given *given)
{
    enum dtype type;
    const struct model_request request = {
        .path = given->quantize.from,
        .mmproj = given->quantize.mmproj,
        .quantize = given->type ? &type : NULL,
        .exact = given->exact,
        .json = given->quantize.json,
    };
    if (given->type && !cli_quantize_type(cli, "--quantize", given->type, &type))
        return EXIT_USAGE;
    return (check ? model_check : model_info)(cli, &request);
}

/* argv: the action and its paths. */
static int run_action(const struct cli *cli, int argc, char **argv, struct given *given)
{
    const struct str action = str_from(argv[0]);
    const bool quantizes = str_is(action, "quantize"), checks = str_is(action, "check");
    const int paths = quantizes ? 2 : 1;
    if (!quantizes && !checks && !str_is(action, "info"))
        return unknown_action(cli, argv[0]);
    if (argc != 1 + paths)
        return wrong_count(cli, argv[0], paths);
    given->quantize.from = argv[1];
    given->quantize.to = argv[2]; /* NULL if there is none */
    return quantizes ? model_quantize(cli, &given->quantize) : check_or_info(cli, checks, given);
}

static const struct usage model_usage = {
    .synopsis = "qvl model check PATH [--mmproj FILE] [--quantize TYPE] [--exact] [--json]\n"
                "       qvl model info PATH [--mmproj FILE] [--json]\n"
                "       qvl model quantize PATH OUT.gguf --type TYPE [--mmproj-out FILE] "
                "[--threads N] [--json]",
    .about = {"check loads a checkpoint, verifies every file and tensor, and generates one\n"
              "token: exit 0, or 1 and the fault. info shows what the checkpoint is. quantize\n"
              "writes it as GGUF: f32 f16 bf16 q8_0 q4_0 q4_1 q5_0 q5_1 q4_k q5_k q6_k; the\n"
              "vision part goes to mmproj-OUT.gguf beside OUT.gguf, in F16.",
              "check 加载模型，校验每个文件和张量，并生成一个 token：退出码 0，有问题时为 1\n"
              "并说明原因。info 显示模型的配置与内容。quantize 将模型写成 GGUF 文件：f32 f16\n"
              "bf16 q8_0 q4_0 q4_1 q5_0 q5_1 q4_k q5_k q6_k；视觉部分以 F16 写入 OUT.gguf 旁的\n"
              "mmproj-OUT.gguf。"},
    .examples = "  qvl model check models/demo\n  qvl model info models/demo --json\n"
                "  qvl model quantize models/demo demo-Q4_K.gguf --type q4_k\n",
    .min_arguments = 2,
    .max_arguments = 3,
};

static int run(struct cli *cli, int argc, char **argv)
{
    struct given given = {0};
    struct quantize_request *quantize = &given.quantize;
    const struct option options[] = {
        {"mmproj",
         '\0',
         OPTION_TEXT,
         &quantize->mmproj,
         "FILE",
         {"vision part of a GGUF model, if there are several beside it",
          "GGUF 模型的视觉部分（同目录有多个时需指定）"}},
        {"type", '\0', OPTION_TEXT, &quantize->type, "TYPE", {"quantize: the format", "量化格式"}},
        {"mmproj-out",
         '\0',
         OPTION_TEXT,
         &quantize->mmproj_to,
         "FILE",
         {"quantize: where the vision part goes", "量化时视觉部分写入的文件"}},
        {"threads",
         '\0',
         OPTION_INTEGER,
         &quantize->threads,
         "N",
         {"quantize: threads (one per usable core)", "量化时的线程数（每个可用核心一个）"}},
        {"quantize",
         '\0',
         OPTION_TEXT,
         &given.type,
         "TYPE",
         {"check: quantize the text model when it is loaded", "check：加载时量化文本模型"}},
        {"exact",
         '\0',
         OPTION_FLAG,
         &given.exact,
         NULL,
         {"check: compute with 32-bit numbers", "check：使用 32 位浮点数计算"}},
        {"json",
         '\0',
         OPTION_FLAG,
         &quantize->json,
         NULL,
         {"one JSON document", "输出一个 JSON 文档"}},
        {0},
    };
    struct usage usage = model_usage;
    usage.options = options;
    switch (options_parse(cli, &usage, &argc, argv)) {
    case PARSE_OK: break;
    case PARSE_DONE: return EXIT_OK;
    case PARSE_WRONG: return EXIT_USAGE;
    }
    return run_action(cli, argc, argv, &given);
}

const struct command command_model = {
    .name = "model",
    .summary = {"check a checkpoint, show what it is, or quantize it",
                "检查模型、显示其信息，或量化"},
    .run = run,
    .actions = "check|info|quantize",
    .paths = true,
};
