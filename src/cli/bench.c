/* qvl bench: how fast the engine is on this machine. */
#include "cli/options.h"

#include "base/buf.h"
#include "cli/engine_bench.h"
#include "cli/model.h"
#include "json/writer.h"

#include <string.h>

enum { OUTPUT_BYTES = 1 << 20 };

static void print_text(const struct cli *cli, const struct engine_figures_measured *m)
{
    const struct {
        const char *name, *unit;
        double value;
    } rows[] = {
        {cli_text(cli, "load", "加载"), "ms", m->load_ms},
        {cli_text(cli, "prefill", "预填充"), "tokens/s", m->prefill_tokens_per_s},
        {cli_text(cli, "decode", "解码"), "tokens/s", m->decode_tokens_per_s},
        {cli_text(cli, "vision", "视觉"), "ms", m->vision_ms},
        {cli_text(cli, "weights", "权重"), "MB", (double)m->weights_bytes / 1e6},
        {cli_text(cli, "resident", "常驻内存"), "MB", (double)m->rss_bytes / 1e6},
    };
    printf("%s  %s %s  %s %d\n", m->name, cli_text(cli, "kernels", "内核"), m->kernels,
           cli_text(cli, "threads", "线程"), m->threads);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (rows[i].value > 0)
            printf("%-12s %10.2f %s\n", rows[i].name, rows[i].value, rows[i].unit);
}

static void number(struct json_writer *w, const char *key, double value)
{
    json_key(w, key);
    json_number(w, value);
}

static void print_json(const struct engine_figures_measured *m)
{
    struct buf out;
    struct json_writer w;
    buf_init(&out, OUTPUT_BYTES);
    json_writer_init(&w, &out);
    json_begin_object(&w);
    number(&w, "prefill_tokens_per_s", m->prefill_tokens_per_s);
    number(&w, "decode_tokens_per_s", m->decode_tokens_per_s);
    number(&w, "vision_ms", m->vision_ms);
    number(&w, "load_ms", m->load_ms);
    number(&w, "rss_bytes", (double)m->rss_bytes);
    number(&w, "weights_bytes", (double)m->weights_bytes);
    json_key(&w, "kernels");
    json_cstring(&w, m->kernels);
    json_key(&w, "threads");
    json_int(&w, m->threads);
    json_end_object(&w);
    puts(out.data);
    buf_release(&out);
}

/* "512x384"; false if it is no size. */
static bool parse_size(const char *text, uint32_t *width, uint32_t *height)
{
    char rest;
    return sscanf(text, "%ux%u%c", width, height, &rest) == 2 && *width > 0 && *height > 0 &&
           *width <= 16384 && *height <= 16384;
}

/* What the command line says, before it is checked. */
struct given {
    struct engine_bench plan;
    const char *image, *quantize;
    int64_t prompt, generate, batch, threads, layers;
    bool json;
};

static bool is_possible(const struct given *g)
{
    return !g->plan.model != !g->plan.shape && g->prompt >= 0 && g->prompt <= 262144 &&
           g->generate >= 0 && g->generate <= 65536 && g->batch >= 1 && g->batch <= 256 &&
           g->threads >= 0 && g->threads <= 1024 && g->layers >= 0 && g->layers <= 1000;
}

static int measure(const struct cli *cli, struct given *g, const char *synopsis)
{
    struct engine_bench *plan = &g->plan;
    enum dtype type;
    if (!is_possible(g) ||
        (g->image && !parse_size(g->image, &plan->image_width, &plan->image_height))) {
        options_wrong(cli, "Usage: %s", "用法：%s", synopsis);
        return EXIT_USAGE;
    }
    if (g->quantize && plan->model && !cli_quantize_type(cli, "--quantize", g->quantize, &type))
        return EXIT_USAGE;
    plan->quantize = g->quantize ? &type : NULL;
    plan->type = g->quantize ? g->quantize : plan->type;
    plan->prompt_tokens = (uint32_t)g->prompt;
    plan->generate = (uint32_t)g->generate;
    plan->batch = (uint32_t)g->batch;
    plan->threads = (int)g->threads;
    plan->layers = (uint32_t)g->layers;
    struct engine_figures_measured measured;
    struct reason why;
    if (engine_bench_run(plan, &measured, &why) != STATUS_OK) {
        cli_report(cli, &why);
        return EXIT_USAGE;
    }
    if (g->json)
        print_json(&measured);
    else
        print_text(cli, &measured);
    return EXIT_OK;
}

static int bench_engine(struct cli *cli, int argc, char **argv)
{
    struct given given = {.plan = {.type = "q4_k"}, .prompt = 512, .generate = 64, .batch = 1};
    const struct option options[] = {
        {"model",
         'm',
         OPTION_TEXT,
         &given.plan.model,
         "PATH",
         {"a checkpoint to measure", "要测量的模型"}},
        {"mmproj",
         '\0',
         OPTION_TEXT,
         &given.plan.mmproj,
         "PATH",
         {"vision part of a GGUF checkpoint, if not beside it",
          "GGUF 模型的视觉部分（若不在同一目录）"}},
        {"shape",
         '\0',
         OPTION_TEXT,
         &given.plan.shape,
         "NAME",
         {"made-up weights of that shape: qwen3-vl-2b, -4b, -8b, -32b",
          "用该形状的虚构权重：qwen3-vl-2b、-4b、-8b、-32b"}},
        {"quantize",
         '\0',
         OPTION_TEXT,
         &given.quantize,
         "TYPE",
         {"bf16 q8_0 q4_0 q4_k q5_k q6_k …: of made-up weights (q4_k), or what a checkpoint is "
          "quantized to",
          "bf16 q8_0 q4_0 q4_k q5_k q6_k …：虚构权重的类型（q4_k），或将模型量化成的类型"}},
        {"exact",
         '\0',
         OPTION_FLAG,
         &given.plan.exact,
         NULL,
         {"compute with 32-bit numbers", "使用 32 位浮点数计算"}},
        {"layers",
         '\0',
         OPTION_INTEGER,
         &given.layers,
         "N",
         {"only so many decoder layers", "只用这么多解码层"}},
        {"prompt-tokens",
         '\0',
         OPTION_INTEGER,
         &given.prompt,
         "N",
         {"(512; 0: none)", "（512；0：不测）"}},
        {"generate",
         '\0',
         OPTION_INTEGER,
         &given.generate,
         "N",
         {"(64; 0: none)", "（64；0：不测）"}},
        {"batch",
         '\0',
         OPTION_INTEGER,
         &given.batch,
         "N",
         {"sequences that decode together (1)", "同时解码的序列数（1）"}},
        {"image",
         '\0',
         OPTION_TEXT,
         &given.image,
         "WxH",
         {"also a picture of that size", "同时测量该尺寸的图片"}},
        {"threads",
         't',
         OPTION_INTEGER,
         &given.threads,
         "N",
         {"(one per usable core)", "（每个可用核心一个）"}},
        {"json", '\0', OPTION_FLAG, &given.json, NULL, {"print JSON", "输出 JSON"}},
        {0},
    };
    const struct usage usage = {
        .synopsis = "qvl bench engine (--model PATH | --shape NAME) [OPTIONS]",
        .about = {"Measures the engine without HTTP: prompt and decoding speed, pictures, memory.",
                  "在不经过 HTTP 的情况下测量引擎：提示与解码速度、图片、内存。"},
        .options = options,
    };
    const enum parse_result result = options_parse(cli, &usage, &argc, argv);
    if (result != PARSE_OK)
        return result == PARSE_DONE ? EXIT_OK : EXIT_USAGE;
    return measure(cli, &given, usage.synopsis);
}

static int run(struct cli *cli, int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "engine") == 0)
        return bench_engine(cli, argc - 1, argv + 1);
    const bool help = argc > 1 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0);
    if (help) {
        char flag[] = "--help";
        char *words[] = {argv[0], flag, NULL};
        return bench_engine(cli, 2, words);
    }
    options_wrong(cli, "Usage: qvl bench engine …; qvl bench engine --help says more.",
                  "用法：qvl bench engine …；详见 qvl bench engine --help。");
    return EXIT_USAGE;
}

const struct command command_bench = {
    .name = "bench",
    .summary = {"measure the engine", "测量引擎速度"},
    .run = run,
    .actions = "engine",
};
