/* qvl serve: the service with its settings, and what it says when it starts and stops. */
#include "cli/demo_model.h"
#include "cli/model.h"
#include "cli/options.h"
#include "cli/progress.h"

#include "config/describe.h"
#include "engine/model.h"
#include "server/routes.h"
#include "server/service.h"

#include <stdlib.h>
#include <unistd.h>

extern char **environ;

struct announcer {
    const struct cli *cli;
    const struct settings_flags *flags;
    struct progress progress;
    bool routes; /* list them at the start */
};

static void print_help(const struct cli *cli)
{
    printf(
        "%s qvl serve [--model PATH] [--port N] [--config FILE] [OPTIONS]\n\n%s\n\n%s\n\n",
        cli_text(cli, "Usage:", "用法："),
        cli_text(cli,
                 "Serves a Qwen3-VL checkpoint as an OpenAI-compatible API. Without a model: the\n"
                 "built-in demo at http://127.0.0.1:8000. TERM and INT let running answers end.",
                 "以 OpenAI 兼容的 API 提供 Qwen3-VL 模型服务。未指定模型时，在\n"
                 "http://127.0.0.1:8000 提供内置演示模型。收到 TERM 或 INT "
                 "信号后，会先完成正在生成的回答。"),
        cli_text(cli, "Every setting is also a line of the configuration file, and a variable:",
                 "每项设置也可写在配置文件中，或用环境变量给出："));
    settings_help_print(&settings_table, stdout, cli->lang);
    fputs("\n", stdout);
}

static void on_listening(void *arg, const struct service *service)
{
    const struct announcer *a = arg;
    char address[256];
    for (size_t i = 0; http_server_address(service->http, i, address, sizeof address); i++)
        printf("%s  %s\n", cli_text(a->cli, "listening", "监听"), address);
    for (size_t i = 0; service->metrics_http &&
                       http_server_address(service->metrics_http, i, address, sizeof address);
         i++)
        printf("%s  %s%s\n", cli_text(a->cli, "metrics", "指标"), address, METRICS_PATH);
    fflush(stdout);
}

static void on_progress(void *arg, uint64_t done, uint64_t total)
{
    struct announcer *a = arg;
    progress_update(&a->progress, done, total);
}

/* What a route needs; NULL: it is not there. */
static const char *access_text(const struct cli *cli, const struct route *route,
                               const struct settings *set)
{
    switch (route->access) {
    case ACCESS_OPEN: break;
    case ACCESS_KEY: return cli_text(cli, "open: no keys are configured", "公开：未配置密钥");
    case ACCESS_LOCAL:
        if (!set->metrics.enabled || set->metrics.listen.count > 0)
            return NULL;
        if (!set->metrics.open)
            return cli_text(cli, "for programs of this machine", "仅限本机程序");
    }
    return cli_text(cli, "open", "公开");
}

static void print_routes(const struct cli *cli, const struct service *service)
{
    for (const struct route *route = routes; route->path; route++) {
        const char *access = access_text(cli, route, service->settings);
        if (access)
            printf("  %-5s %-24s %s\n", route->method, route->path, access);
    }
}

static void on_ready(void *arg, const struct service *service)
{
    struct announcer *a = arg;
    progress_end(&a->progress);
    struct engine_figures figures;
    engine_figures_read(service->engine, &figures);
    if (!service->model->template_known)
        printf("%s\n",
               cli_text(a->cli,
                        "note: the checkpoint's chat template is none of the official ones; "
                        "the nearest one is used",
                        "注意：该模型的对话模板不是官方模板；将使用最接近的官方模板"));
    if (service->model->quantized) {
        char size[32];
        model_format_bytes(model_bytes(service->model), size);
        printf(cli_text(a->cli, "quantized to %s: %s of weights\n", "已量化为 %s：权重共 %s\n"),
               service->model->quantized, size);
    }
    if (a->routes)
        print_routes(a->cli, service);
    char address[256] = "";
    http_server_address(service->http, 0, address, sizeof address);
    printf("ready  %s  model %s  kernels %s  threads %d  context %u\n", address, service->name,
           figures.kernels, figures.threads, figures.context);
    fflush(stdout);
}

static void on_draining(void *arg, const struct service *service)
{
    const struct announcer *a = arg;
    if (service->call_count)
        printf(cli_text(a->cli,
                        "stopping: %u requests are still running, %lld s are left to them\n",
                        "正在停止：还有 %u 个请求在运行，最多再等 %lld 秒\n"),
               service->call_count, (long long)service->settings->server.drain_timeout_ms / 1000);
    else
        printf("%s\n", cli_text(a->cli, "stopping", "正在停止"));
    fflush(stdout);
}

static enum status load(const struct cli *cli, const struct settings_flags *flags,
                        struct settings **settings, struct reason *why)
{
    const struct settings_sources sources = {
        .file = cli->config, .flags = flags, .environment = environ};
    return settings_load(&sources, settings, why);
}

static enum status load_anew(void *arg, struct settings **out, struct reason *why)
{
    const struct announcer *a = arg;
    return load(a->cli, a->flags, out, why);
}

static int serve(const struct cli *cli, const struct settings_flags *flags,
                 struct settings *settings)
{
    for (size_t i = 0; i < settings->snapshot->warnings.count; i++)
        fprintf(stderr, "qvl: %s\n", settings->snapshot->warnings.items[i].text[cli->lang]);
    char demo[4096];
    const char *path = settings->model.path;
    struct reason why;
    if (!path[0] && !demo_model_find(demo, sizeof demo)) {
        reason_set(&why, "missing_file",
                   "The built-in demo model was not found beside the program.",
                   "在程序旁边没有找到内置演示模型。");
        reason_hint(&why, "Name a checkpoint with --model PATH.", "请用 --model PATH 指定模型。");
        cli_report(cli, &why);
        return EXIT_USAGE;
    }
    struct announcer announcer = {.cli = cli, .flags = flags, .routes = cli->verbosity >= 0};
    progress_begin(&announcer.progress, cli, cli_text(cli, "loading", "加载"));
    const struct service_hooks hooks = {&announcer, on_listening, on_progress,
                                        on_ready,   on_draining,  load_anew};
    const enum status status = service_run(settings, path[0] ? path : demo, hooks, &why);
    progress_end(&announcer.progress);
    if (status == STATUS_OK)
        return EXIT_OK;
    cli_report(cli, &why);
    return EXIT_USAGE;
}

static int parse_and_serve(struct cli *cli, int argc, char **argv, struct settings_flags *flags)
{
    static const char *const others[] = {
        "help", "lang=", "color=", "config=", "quiet", "verbose", NULL};
    static const struct usage usage = {.synopsis = "qvl serve [OPTIONS]"};
    struct reason why;
    for (int i = 1; i < argc; i++) {
        if (!cli->viewer && (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0)) {
            print_help(cli);
            return EXIT_OK;
        }
    }
    if (settings_flags_parse(&settings_table, &argc, argv, others, flags, &why) != STATUS_OK) {
        cli_report(cli, &why);
        return EXIT_USAGE;
    }
    const enum parse_result result = options_parse(cli, &usage, &argc, argv);
    if (result != PARSE_OK)
        return result == PARSE_DONE ? EXIT_OK : EXIT_USAGE;
    struct settings *settings;
    if (load(cli, flags, &settings, &why) != STATUS_OK) {
        cli_report(cli, &why);
        return EXIT_USAGE;
    }
    const int code = serve(cli, flags, settings);
    settings_release(settings);
    return code;
}

static int run(struct cli *cli, int argc, char **argv)
{
    struct settings_flags flags = {0};
    const int code = parse_and_serve(cli, argc, argv, &flags);
    settings_flags_release(&flags);
    return code;
}

const struct command command_serve = {
    .name = "serve",
    .summary = {"run the service", "运行服务"},
    .run = run,
    .settings = true,
};
