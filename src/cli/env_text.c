#include "cli/env_report.h"

#include "base/str.h"
#include "base/utf8.h"
#include "os/cpu.h"

#include <stdarg.h>

enum { LABEL_COLUMNS = 12, CELL_COLUMNS = 11, TYPE_COLUMNS = 13, LINE_COLUMNS = 100 };

/* What a page is written with: the language, and whether in colour. */
struct page {
    const struct cli *cli;
    const struct env_report *report;
    bool colors;
};

static const char *word(const struct page *page, const char *en, const char *zh)
{
    return cli_text(page->cli, en, zh);
}

static void color(const struct page *page, const char *code)
{
    if (page->colors)
        printf("\033[%sm", code);
}

static void spaces(size_t from, size_t to)
{
    printf("%*s", from < to ? (int)(to - from) : 1, "");
}

static size_t columns_of(const char *text)
{
    return utf8_columns(text, strlen(text));
}

static void left(const char *text, size_t columns)
{
    printf("%s", text);
    spaces(columns_of(text), columns);
}

static void right(const char *text, size_t columns)
{
    spaces(columns_of(text), columns);
    printf("%s", text);
}

static void row(const struct page *page, const char *en, const char *zh, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

static void row(const struct page *page, const char *en, const char *zh, const char *format, ...)
{
    color(page, "2");
    left(word(page, en, zh), LABEL_COLUMNS);
    color(page, "0");
    va_list args;
    va_start(args, format);
    vprintf(format, args);
    va_end(args);
    putchar('\n');
}

/* "16.3 GiB", "812 MiB" */
static const char *size_text(uint64_t bytes, char out[32])
{
    const double mib = (double)bytes / (1 << 20);
    if (mib >= 9999)
        snprintf(out, 32, "%.1f GiB", mib / 1024);
    else if (mib >= 1023.5)
        snprintf(out, 32, "%.2f GiB", mib / 1024);
    else
        snprintf(out, 32, "%.*f MiB", mib < 10 ? 1 : 0, mib);
    return out;
}

static const char *rate_text(double rate, char out[32])
{
    snprintf(out, 32, "%.*f", rate < 10 ? 2 : rate < 100 ? 1 : 0, rate);
    return out;
}

static void print_cpu(const struct page *page)
{
    const struct env_report *report = page->report;
    char why[128] = "", features[160] = "";
    const uint32_t flags = cpu_flags();
    for (uint32_t bit = 0; bit < 32; bit++)
        if (flags >> bit & 1)
            snprintf(features + strlen(features), sizeof features - strlen(features), " %s",
                     cpu_flag_name((enum cpu_flag)(1u << bit)));
    if (report->cpu.quota > 0 && report->cpu.quota < report->cpu.cores)
        snprintf(why, sizeof why, word(page, ", limited to %.2f by its group", "，组配额为 %.2f"),
                 report->cpu.quota);
    row(page, "processor", "处理器", "%s", report->cpu_model);
    row(page, "cores", "核心",
        word(page, "%d usable (of %d with %d hardware threads%s)",
             "可用 %d 个（共 %d 个，%d 个硬件线程%s）"),
        report->threads, report->cpu.cores, report->cpu.threads, why);
    row(page, "kernels", "内核", "%s%s%s", report->kernels, *features ? ":" : "", features);
}

static void print_memory(const struct page *page)
{
    const struct memory_figures *memory = &page->report->memory;
    char total[32], available[32], swap[32], machine[32];
    char group[96] = "";
    if (memory->machine > memory->total)
        snprintf(group, sizeof group,
                 word(page, ", limited by its group; the machine has %s", "，受组限制；整机 %s"),
                 size_text(memory->machine, machine));
    row(page, "memory", "内存",
        word(page, "%s, %s available, swap %s%s", "%s，可用 %s，交换空间 %s%s"),
        size_text(memory->total, total), size_text(memory->available, available),
        memory->swap ? size_text(memory->swap, swap) : word(page, "none", "无"), group);
}

static void print_disk(const struct page *page)
{
    char free_space[32];
    row(page, "disk", "磁盘", word(page, "%s free at %s", "剩余 %s，位于 %s"),
        size_text(page->report->disk_free, free_space), page->report->disk_path);
}

static void print_gpus(const struct page *page)
{
    const struct gpus *gpus = &page->report->gpus;
    char total[32], unused[32];
    for (size_t i = 0; i < gpus->count; i++) {
        const struct gpu *gpu = &gpus->list[i];
        if (gpu->total)
            row(page, i ? "" : "gpu", i ? "" : "显卡",
                word(page, "%zu: %s, %s, %s free", "%zu：%s，%s，空闲 %s"), i, gpu->name,
                size_text(gpu->total, total), size_text(gpu->free, unused));
        else
            row(page, i ? "" : "gpu", i ? "" : "显卡",
                word(page, "%zu: %s, its memory is not told", "%zu：%s，未报告显存"), i, gpu->name);
    }
    if (gpus->count > 0)
        return;
    if (gpus->end == CHILD_ABSENT)
        row(page, "gpu", "显卡", "%s", word(page, "none (no nvidia-smi)", "无（没有 nvidia-smi）"));
    else if (gpus->end == CHILD_TIMED_OUT)
        row(page, "gpu", "显卡", "%s",
            word(page, "unknown: nvidia-smi does not answer", "未知：nvidia-smi 没有响应"));
    else
        row(page, "gpu", "显卡", word(page, "none: nvidia-smi says: %s", "无：nvidia-smi 报告：%s"),
            *gpus->fault ? gpus->fault : word(page, "nothing", "（无输出）"));
}

static void print_tools(const struct page *page)
{
    char text[512] = "";
    for (int i = 0; i < TOOL_COUNT; i++) {
        const char *version = page->report->tools.version[i];
        const size_t at = strlen(text);
        snprintf(text + at, sizeof text - at, "%s%s %s", i ? word(page, ", ", "，") : "",
                 tool_name((enum tool)i), *version ? version : word(page, "missing", "缺失"));
    }
    row(page, "clients", "客户端", "%s", text);
    row(page, "", "", "%s",
        word(page, "(for programs that call the service; qvl itself needs none of them)",
             "（供调用服务的程序使用；qvl 本身都不需要）"));
}

static void print_verdict(const struct page *page, enum verdict verdict)
{
    static const char *const colors[] = {"32", "33", "31"};
    const char *const words[] = {word(page, "fits", "放得下"), word(page, "tight", "紧张"),
                                 word(page, "too big", "太大")};
    printf("  ");
    color(page, colors[verdict]);
    printf("%s", words[verdict]);
    color(page, "0");
    if (page->report->measured)
        spaces(columns_of(words[verdict]), 8);
}

static void print_speed(const struct env_mode *mode)
{
    char text[32];
    if (mode->decode <= 0) {
        for (int i = 0; i < 3; i++)
            right("-", CELL_COLUMNS);
        return;
    }
    right(rate_text(mode->prefill, text), CELL_COLUMNS);
    right(rate_text(mode->decode, text), CELL_COLUMNS);
    snprintf(text, sizeof text, "%.*f s", mode->picture_s < 1 ? 3 : 2, mode->picture_s);
    right(text, CELL_COLUMNS);
}

static void print_head(const struct page *page, const struct env_model *model)
{
    const char *const cells[] = {word(page, "weights", "权重"), word(page, "KV cache", "KV 缓存"),
                                 word(page, "work", "运算"), word(page, "needed", "合计")};
    const char *const speeds[] = {word(page, "prompt t/s", "提示 t/s"),
                                  word(page, "answer t/s", "回答 t/s"),
                                  word(page, "picture", "图片")};
    putchar('\n');
    color(page, "1");
    left(model->name, TYPE_COLUMNS);
    color(page, "0");
    color(page, "2");
    for (size_t i = 0; i < ARRAY_LEN(cells); i++)
        right(cells[i], CELL_COLUMNS);
    if (page->report->measured) {
        spaces(0, 10);
        for (size_t i = 0; i < ARRAY_LEN(speeds); i++)
            right(speeds[i], CELL_COLUMNS);
    }
    color(page, "0");
    putchar('\n');
}

static void print_mode(const struct page *page, const struct env_mode *mode)
{
    const struct serving_sizes *serving = &mode->model->serving;
    char text[32];
    printf("  ");
    left(mode->quantize, TYPE_COLUMNS - 2);
    right(size_text(mode->weights_bytes, text), CELL_COLUMNS);
    right(size_text(serving->kv_bytes, text), CELL_COLUMNS);
    right(size_text(serving->work_bytes, text), CELL_COLUMNS);
    right(size_text(mode->needed_bytes, text), CELL_COLUMNS);
    print_verdict(page, mode->verdict);
    if (page->report->measured)
        print_speed(mode);
    putchar('\n');
}

/* "bf16, q8_0": the types of a model that have this verdict on a device. */
static void list_types(const struct page *page, const struct env_model *model, int gpu,
                       enum verdict verdict, char *out, size_t size)
{
    *out = '\0';
    for (size_t i = 0; i < page->report->modes.count; i++) {
        const struct env_mode *mode = &page->report->modes.list[i];
        if (mode->model != model || mode->gpu != gpu || mode->verdict != verdict)
            continue;
        const size_t at = strlen(out);
        snprintf(out + at, size - at, "%s%s", *out ? word(page, ", ", "、") : "", mode->quantize);
    }
}

/* On a card: which types would fit. */
static void print_card(const struct page *page, const struct env_model *model, int gpu)
{
    const char *const words[] = {word(page, "fits", "放得下"), word(page, "tight", "紧张"),
                                 word(page, "too big", "太大")};
    char text[128];
    bool first = true;
    if (!page->report->gpus.list[gpu].total)
        return;
    printf(word(page, "  on card %d: ", "  显卡 %d："), gpu);
    for (int v = VERDICT_FITS; v <= VERDICT_TOO_BIG; v++) {
        list_types(page, model, gpu, (enum verdict)v, text, sizeof text);
        if (!*text)
            continue;
        printf("%s%s %s", first ? "" : word(page, "; ", "；"), words[v], text);
        first = false;
    }
    putchar('\n');
}

static void print_models(const struct page *page)
{
    const struct env_report *report = page->report;
    for (size_t m = 0; m < report->model_count; m++) {
        print_head(page, &report->models[m]);
        for (size_t i = 0; i < report->modes.count; i++)
            if (report->modes.list[i].model == &report->models[m] && report->modes.list[i].gpu < 0)
                print_mode(page, &report->modes.list[i]);
        for (size_t g = 0; g < report->gpus.count; g++)
            print_card(page, &report->models[m], (int)g);
    }
}

/* Bytes of what is not broken at `text`, which is no space: a word, or a character of a script
 * without spaces; with the marks behind it, which do not begin a line. */
static size_t piece_len(const char *text)
{
    static const char *const marks[] = {"。", "，", "；", "：", "、", "）"};
    size_t len = 0;
    while (text[len] && text[len] != ' ' && (unsigned char)text[len] < 0x80)
        len++;
    if (len == 0)
        len = utf8_decode(text, strlen(text)).len;
    for (size_t i = 0; i < ARRAY_LEN(marks); i++)
        if (str_starts(str_from(text + len), marks[i]))
            return len + strlen(marks[i]);
    return len;
}

/* A paragraph, broken between words at the width of the page; Chinese breaks anywhere. */
static void paragraph(const char *format, ...) __attribute__((format(printf, 1, 2)));

static void paragraph(const char *format, ...)
{
    char text[1024];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    size_t used = 0;
    bool space = false;
    for (const char *at = text; *at;) {
        if (*at == ' ') {
            space = used > 0;
            at++;
            continue;
        }
        const size_t len = piece_len(at), columns = utf8_columns(at, len);
        if (used > 0 && used + space + columns > LINE_COLUMNS) {
            putchar('\n');
            used = 0;
            space = false;
        }
        printf("%s%.*s", space ? " " : "", (int)len, at);
        used += space + columns;
        space = false;
        at += len;
    }
    putchar('\n');
}

static const struct env_mode *find_mode(const struct env_report *report, enum dtype type)
{
    for (size_t i = 0; i < report->modes.count; i++)
        if (report->modes.list[i].model == &report->models[0] && report->modes.list[i].gpu < 0 &&
            report->modes.list[i].type == type)
            return &report->modes.list[i];
    return NULL;
}

static void explain_needs(const struct page *page)
{
    const struct serving_sizes *serving = &page->report->models[0].serving;
    char kv[32];
    paragraph(
        word(page,
             "needed = weights with the vision tower + KV cache + activations. %s of KV cache "
             "hold %u tokens of %s; --context asks for others. fits: a tenth more than that "
             "is free now. tight: the memory is large enough, but not that much is free.",
             "合计 = 含视觉塔的权重 + KV 缓存 + 激活值。%s 的 KV 缓存可容纳 %u 个 "
             "token（%s）；用 --context 指定其他长度。放得下：当前空闲内存比所需多一成"
             "以上。紧张：内存总量足够，但空闲没有这么多。"),
        size_text(serving->kv_bytes, kv), serving->context, page->report->models[0].name);
}

/* Why 32 GB: the numbers of the 8B. */
static void explain_memory(const struct page *page)
{
    const struct env_report *report = page->report;
    const struct env_mode *whole = find_mode(report, DTYPE_BF16);
    const struct env_mode *quantised = find_mode(report, DTYPE_Q8_0);
    char a[32], b[32], total[32];
    if (!whole || !quantised || strcmp(report->models[0].name, "qwen3-vl-8b") != 0)
        return;
    paragraph(word(page,
                   "32 GB of memory are recommended: in BF16 %s needs %s, as q8_0 %s, and the "
                   "system and its file cache take their share; 16 GB are enough for quantised "
                   "weights only. This machine has %s.",
                   "建议 32 GB 内存：%s 以 BF16 运行需要 %s，以 q8_0 运行需要 "
                   "%s，操作系统和文件缓存还要占用一部分；16 GB 只够运行量化后的权重。本机有 %s。"),
              report->models[0].name, size_text(whole->needed_bytes, a),
              size_text(quantised->needed_bytes, b), size_text(report->memory.total, total));
}

static void explain_cards(const struct page *page)
{
    if (page->report->gpus.count > 0)
        paragraph("%s", word(page,
                             "This version of qvl computes on the processor and leaves graphics "
                             "cards alone. The lines about cards say which weights would fit into "
                             "their memory in a program that uses them.",
                             "此版本的 qvl 只用处理器计算，不使用显卡。有关显卡的各行说明：若用支持"
                             "显卡的程序，哪些权重放得进显存。"));
}

static void explain_measurement(const struct page *page)
{
    const struct measurement *m = &page->report->measurement;
    if (!page->report->measured) {
        paragraph("%s", word(page,
                             "qvl env --measure finds out the speed: in half a minute, "
                             "without a checkpoint.",
                             "qvl env --measure 可在半分钟内测出速度，无需模型文件。"));
        return;
    }
    const struct measured_type *first = &m->types[0];
    if (page->report->plan.type_count == 0) {
        paragraph("%s", word(page, "The speed with weights of this type cannot be foretold.",
                             "无法预测使用此类权重时的速度。"));
        return;
    }
    paragraph(word(page,
                   "Measured in %.0f s with %d threads, kernels %s: memory is read at %.1f GB/s; a "
                   "prompt of %u tokens and single tokens through %u made-up layers of %s and "
                   "through its output head, for each type; a picture of %d × %d pixels through "
                   "some blocks of its vision tower. Times are multiplied to the whole model%s.",
                   "用时 %.0f 秒，%d 个线程，内核 %s：读内存 %.1f GB/s；每种类型都测量 %u 个 token "
                   "的提示和单个 token 通过 %u 个虚构的 %s 解码层及输出层的时间，以及一张 %d × %d "
                   "像素的图片通过若干视觉层的时间，再按整个模型换算%s。"),
              m->seconds, m->threads, m->kernels, m->read_bytes_per_s / 1e9, first->prompt_tokens,
              first->sizes.layers, page->report->models[0].name, MEASURED_PICTURE, MEASURED_PICTURE,
              page->report->model_count > 1
                  ? word(page, ", to other models by their bytes and multiplications",
                         "；其他模型按字节数和乘法次数换算")
                  : "");
}

/* Of a model as it is published: its first mode. */
static uint64_t checkpoint_bytes_of(const struct env_report *report, const struct env_model *model)
{
    for (size_t i = 0; i < report->modes.count; i++)
        if (report->modes.list[i].model == model)
            return report->modes.list[i].weights_bytes;
    return 0;
}

static void print_best(const struct page *page)
{
    const struct env_report *report = page->report;
    const struct env_modes *modes = &report->modes;
    putchar('\n');
    if (modes->best < 0) {
        paragraph("%s", word(page, "None of these models fits into this machine's memory.",
                             "本机内存放不下以上任何模型。"));
        return;
    }
    const struct env_mode *best = &modes->list[modes->best];
    color(page, "1");
    printf("%s", word(page, "best here   ", "推荐        "));
    printf("%s", best->command);
    color(page, "0");
    putchar('\n');
    if (best->verdict == VERDICT_TIGHT)
        paragraph("%s", word(page, "It is tight: close other programs first.",
                             "内存紧张：请先关闭其他程序。"));
    char bytes[32];
    const uint64_t checkpoint = checkpoint_bytes_of(report, best->model);
    if (!best->model->exists && report->disk_free < checkpoint)
        paragraph(word(page, "There is no room on the disk for its checkpoint of %s.",
                       "磁盘空间不足以存放其 %s 的模型文件。"),
                  size_text(checkpoint, bytes));
}

void env_print_text(const struct cli *cli, const struct env_report *report)
{
    const struct page page = {cli, report, cli_colors(cli, stdout)};
    row(&page, "system", "系统", word(&page, "%s, kernel %s", "%s，内核 %s"), report->system.name,
        report->system.kernel);
    print_cpu(&page);
    print_memory(&page);
    print_disk(&page);
    print_gpus(&page);
    print_tools(&page);
    print_models(&page);
    putchar('\n');
    explain_needs(&page);
    explain_memory(&page);
    explain_cards(&page);
    explain_measurement(&page);
    print_best(&page);
}
