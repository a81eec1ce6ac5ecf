/* qvl env: what can this machine run, and how fast? */
#include "cli/env_report.h"
#include "cli/options.h"
#include "kernels/kernels.h"
#include "os/cpu.h"
#include "os/file.h"

#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

enum { CHILD_MS = 5000, CONTEXT_MAX = 1048576 };

/* Of a promise of 30 s: children and the start of the last part need some, too. */
static const double measure_seconds = 25;
static const uint64_t measure_bytes = (uint64_t)5 << 29; /* of a promise of 3 GiB */

struct env_options {
    const char *model, *mmproj;
    int64_t context, threads;
    bool measure, json;
};

/* The longest part of the path that exists. */
static void find_disk(const char *path, struct env_report *report)
{
    char *out = report->disk_path;
    snprintf(out, sizeof report->disk_path, "%s", path);
    struct statvfs disk;
    while (statvfs(out, &disk) != 0) {
        char *slash = strrchr(out, '/');
        if (slash && slash != out)
            *slash = '\0';
        else
            snprintf(out, sizeof report->disk_path, "%s", slash ? "/" : ".");
        if (!slash && statvfs(out, &disk) != 0)
            return;
    }
    report->disk_free = (uint64_t)disk.f_bavail * disk.f_frsize;
}

static void read_machine(struct env_report *report, int threads)
{
    struct kernels kernels;
    kernels_select(&kernels);
    report->kernels = kernels.name;
    system_facts_read("", &report->system);
    cpu_model_name(report->cpu_model, sizeof report->cpu_model);
    cpu_counts_read(&report->cpu);
    report->threads = threads ? threads : cpu_counts_within_quota(&report->cpu, report->cpu.cores);
    memory_figures_read(&report->memory);
    gpus_read(CHILD_MS, &report->gpus);
    tools_read(CHILD_MS, &report->tools);
}

static enum status find_models(const struct env_options *options, struct env_report *report,
                               struct reason *why)
{
    static const char *const shapes[] = {"qwen3-vl-8b", "qwen3-vl-4b", "qwen3-vl-2b",
                                         "qwen3-vl-32b"};
    const uint32_t context = (uint32_t)options->context;
    if (options->model) {
        report->model_count = 1;
        if (file_exists(options->model) || file_is_directory(options->model) || options->mmproj)
            return env_model_of_checkpoint(options->model, options->mmproj, context,
                                           report->threads, &report->models[0], why);
        return env_model_of_shape(options->model, context, report->threads, &report->models[0],
                                  why);
    }
    enum status status = STATUS_OK;
    for (size_t i = 0; status == STATUS_OK && i < ARRAY_LEN(shapes); i++)
        status = env_model_of_shape(shapes[i], context, report->threads,
                                    &report->models[report->model_count++], why);
    return status;
}

struct notice {
    const struct cli *cli;
    bool shown, moving;
};

static void show_part(void *arg, const char *part, int index, int count)
{
    struct notice *notice = arg;
    const struct cli *cli = notice->cli;
    if (cli->verbosity < 0)
        return;
    const char *text = cli_text(cli, "measuring the speed", "正在测量速度");
    if (notice->moving)
        fprintf(stderr, "\r\033[K%s: %s (%d/%d)", text, part, index + 1, count);
    else if (!notice->shown)
        fprintf(stderr, "%s …\n", text);
    fflush(stderr);
    notice->shown = true;
}

static enum status measure(const struct cli *cli, struct env_report *report, struct reason *why)
{
    struct notice notice = {.cli = cli, .moving = cli_colors(cli, stderr) && isatty(2)};
    const struct env_model *model = &report->models[0];
    struct measure_plan *plan = &report->plan;
    *plan = (struct measure_plan){.config = &model->config,
                                  .threads = report->threads,
                                  .seconds = measure_seconds,
                                  .bytes = measure_bytes,
                                  .progress = show_part,
                                  .arg = &notice};
    for (size_t i = 0; i < model->type_count; i++)
        if (env_can_measure(model->types[i]))
            plan->types[plan->type_count++] = model->types[i];
    const enum status status = measure_run(plan, &report->measurement, why);
    if (notice.moving && notice.shown)
        fprintf(stderr, "\r\033[K");
    if (status != STATUS_OK)
        return status;
    report->measured = true;
    env_modes_predict(&report->modes, plan, &report->measurement, model);
    return STATUS_OK;
}

static enum status find_out(const struct cli *cli, const struct env_options *options,
                            struct env_report *report, struct reason *why)
{
    read_machine(report, (int)options->threads);
    enum status status = find_models(options, report, why);
    if (status != STATUS_OK)
        return status;
    find_disk(report->models[0].path, report);
    status = env_modes_judge(report->models, report->model_count, report->memory.available,
                             report->memory.total, &report->gpus, &report->modes, why);
    return status == STATUS_OK && options->measure ? measure(cli, report, why) : status;
}

static int report_env(const struct cli *cli, const struct env_options *options)
{
    struct reason why;
    struct env_report *report = calloc(1, sizeof *report);
    enum status status = report ? STATUS_OK : reason_no_memory(&why, sizeof *report);
    if (status == STATUS_OK)
        status = find_out(cli, options, report, &why);
    if (status != STATUS_OK)
        cli_report(cli, &why);
    else if (options->json)
        env_print_json(report);
    else
        env_print_text(cli, report);
    if (report)
        env_modes_release(&report->modes);
    free(report);
    return status == STATUS_OK ? EXIT_OK : EXIT_USAGE;
}

static int run(struct cli *cli, int argc, char **argv)
{
    struct env_options values = {0};
    const struct option options[] = {
        {"measure",
         '\0',
         OPTION_FLAG,
         &values.measure,
         NULL,
         {"time made-up layers of the true shape: half a minute, 3 GiB, no checkpoint needed",
          "用真实形状的虚构层测速：约半分钟、3 GiB 内存，无需模型文件"}},
        {"model",
         'm',
         OPTION_TEXT,
         &values.model,
         "NAME|PATH",
         {"only this one: 2b, 4b, 8b, 32b, or a checkpoint",
          "只看这一个：2b、4b、8b、32b，或模型文件的路径"}},
        {"mmproj",
         '\0',
         OPTION_TEXT,
         &values.mmproj,
         "FILE",
         {"the vision part of a GGUF checkpoint", "GGUF 模型的视觉部分"}},
        {"context",
         '\0',
         OPTION_INTEGER,
         &values.context,
         "N",
         {"with a KV cache for that many tokens (2 GiB)",
          "按可容纳这么多 token 的 KV 缓存计算（2 GiB）"}},
        {"threads",
         't',
         OPTION_INTEGER,
         &values.threads,
         "N",
         {"compute threads (one per usable core)", "计算线程数（每个可用核心一个）"}},
        {"json", '\0', OPTION_FLAG, &values.json, NULL, {"print JSON", "输出 JSON"}},
        {0},
    };
    const struct usage usage = {
        .synopsis = "qvl env [--measure] [--model NAME|PATH] [OPTIONS]",
        .about = {"Says what this machine is, which models fit into its memory in which "
                  "quantisation, and the command to start the best one.",
                  "说明本机的配置、哪些模型以何种量化放得进内存，以及启动最佳模型的命令。"},
        .examples = "  qvl env\n  qvl env --measure --model 8b\n  qvl env --json --model "
                    "models/Qwen3-VL-4B-Instruct",
        .options = options,
    };
    const enum parse_result result = options_parse(cli, &usage, &argc, argv);
    if (result != PARSE_OK)
        return result == PARSE_DONE ? EXIT_OK : EXIT_USAGE;
    if (values.context < 0 || values.context > CONTEXT_MAX || values.threads < 0 ||
        values.threads > 1024) {
        options_wrong(cli, "--context takes up to %d tokens, --threads up to 1024.",
                      "--context 最大为 %d 个 token，--threads 最大为 1024。", CONTEXT_MAX);
        return EXIT_USAGE;
    }
    return report_env(cli, &values);
}

const struct command command_env = {
    .name = "env",
    .summary = {"what this machine can run, and how fast", "本机能运行什么，速度如何"},
    .run = run,
};
