#include "cli/model_quantize.h"

#include "base/utf8.h"
#include "cli/model.h"
#include "cli/options.h"
#include "cli/progress.h"
#include "model/quantize_file.h"
#include "os/cpu.h"
#include "os/file.h"
#include "json/writer.h"

#include <signal.h>
#include <string.h>

enum { PATH_BYTES = 4096, JSON_MAX_BYTES = 16 << 20, THREADS_MAX = 1024, LABEL_COLUMNS = 10 };

enum { TEXT, VISION, FILES };

struct conversion {
    const struct cli *cli;
    const struct quantize_request *request;
    enum dtype type;
    char vision_path[PATH_BYTES];
    const char *paths[FILES];
    struct quantize_plan plans[FILES];
};

/* What there is to say of the tensors of one format in one file. */
struct summary {
    uint64_t tensors, bytes;
    double mean, worst;
    const char *worst_name; /* NULL: no tensor has an error */
};

static struct summary summarize(const struct quantize_plan *plan, enum dtype dtype)
{
    struct summary s = {0};
    double sum = 0;
    for (size_t i = 0; i < plan->count; i++) {
        const struct quantized_tensor *t = &plan->tensors[i];
        if (t->dtype != dtype)
            continue;
        s.tensors++;
        s.bytes += t->bytes;
        sum += t->error;
        if (t->error > s.worst) {
            s.worst = t->error;
            s.worst_name = t->name;
        }
    }
    s.mean = s.tensors ? sum / (double)s.tensors : 0;
    return s;
}

static void write_summaries(struct json_writer *w, const struct quantize_plan *plan)
{
    json_begin_object(w);
    for (enum dtype dtype = 0; dtype < DTYPE_COUNT; dtype++) {
        const struct summary s = summarize(plan, dtype);
        if (s.tensors == 0)
            continue;
        json_key(w, dtype_info(dtype)->name);
        json_begin_object(w);
        json_key(w, "tensors");
        json_uint(w, s.tensors);
        json_key(w, "bytes");
        json_uint(w, s.bytes);
        json_key(w, "error_mean");
        json_number(w, s.mean);
        json_key(w, "error_worst");
        json_number(w, s.worst);
        json_key(w, "worst");
        json_cstring(w, s.worst_name);
        json_end_object(w);
    }
    json_end_object(w);
}

static void write_tensors(struct json_writer *w, const struct quantize_plan *plan)
{
    json_begin_array(w);
    for (size_t i = 0; i < plan->count; i++) {
        const struct quantized_tensor *t = &plan->tensors[i];
        json_begin_object(w);
        json_key(w, "name");
        json_cstring(w, t->name);
        json_key(w, "type");
        json_cstring(w, dtype_info(t->dtype)->name);
        json_key(w, "bytes");
        json_uint(w, t->bytes);
        json_key(w, "error");
        json_number(w, t->error);
        json_end_object(w);
    }
    json_end_array(w);
}

static void write_file(struct json_writer *w, const char *path, const struct quantize_plan *plan)
{
    json_begin_object(w);
    json_key(w, "path");
    json_cstring(w, path);
    json_key(w, "bytes");
    json_uint(w, plan->bytes);
    json_key(w, "types");
    write_summaries(w, plan);
    json_key(w, "tensors");
    write_tensors(w, plan);
    json_end_object(w);
}

static void print_json(const struct conversion *c)
{
    struct buf text;
    struct json_writer w;
    char name[256];
    model_name(c->request->from, name);
    buf_init(&text, JSON_MAX_BYTES);
    json_writer_init(&w, &text);
    json_begin_object(&w);
    json_key(&w, "ok");
    json_bool(&w, true);
    json_key(&w, "model");
    json_cstring(&w, name);
    json_key(&w, "type");
    json_cstring(&w, dtype_info(c->type)->name);
    json_key(&w, "bytes");
    json_uint(&w, c->plans[TEXT].bytes + c->plans[VISION].bytes);
    json_key(&w, "files");
    json_begin_array(&w);
    for (size_t i = 0; i < FILES; i++)
        write_file(&w, c->paths[i], &c->plans[i]);
    json_end_array(&w);
    json_end_object(&w);
    printf("%.*s\n", STR_ARG(buf_str(&text)));
    buf_release(&text);
}

/* Right-aligned in so many columns of a terminal. */
static void print_cell(const char *text, size_t columns)
{
    const size_t taken = utf8_columns(text, strlen(text));
    printf("%*s%s", taken < columns ? (int)(columns - taken) : 0, "", text);
}

static void print_heads(const struct cli *cli)
{
    static const struct {
        const char *text[LANG_COUNT];
    } heads[] = {
        {{"format", "格式"}},         {{"tensors", "张量"}},         {{"size", "大小"}},
        {{"mean error", "平均误差"}}, {{"worst error", "最大误差"}},
    };
    for (size_t i = 0; i < ARRAY_LEN(heads); i++)
        print_cell(heads[i].text[cli->lang], LABEL_COLUMNS + 2);
    putchar('\n');
}

static void print_file(const struct cli *cli, const char *path, const struct quantize_plan *plan)
{
    char size[32];
    model_format_bytes(plan->bytes, size);
    printf("%s: %s\n", path, size);
    print_heads(cli);
    for (enum dtype dtype = 0; dtype < DTYPE_COUNT; dtype++) {
        const struct summary s = summarize(plan, dtype);
        if (s.tensors == 0)
            continue;
        model_format_bytes(s.bytes, size);
        print_cell(dtype_info(dtype)->name, LABEL_COLUMNS + 2);
        printf("%*llu", LABEL_COLUMNS + 2, (unsigned long long)s.tensors);
        print_cell(size, LABEL_COLUMNS + 2);
        printf("%*.5f%*.5f%s%s\n", LABEL_COLUMNS + 2, s.mean, LABEL_COLUMNS + 2, s.worst,
               s.worst_name ? "  " : "", s.worst_name ? s.worst_name : "");
    }
}

static void print_text(const struct conversion *c)
{
    char size[32];
    for (size_t i = 0; i < FILES; i++)
        print_file(c->cli, c->paths[i], &c->plans[i]);
    model_format_bytes(c->plans[TEXT].bytes + c->plans[VISION].bytes, size);
    printf(cli_text(c->cli,
                    "total: %s (errors: root of mean squares, relative to the tensor's own)\n",
                    "合计：%s（误差为相对于张量自身的均方根误差）\n"),
           size);
}

static void show_progress(void *arg, uint64_t done, uint64_t total)
{
    progress_update(arg, done, total);
}

static enum status write_files(struct conversion *c, const struct model *model, struct pool *pool,
                               struct reason *why)
{
    struct progress progress;
    struct quantize_job job = {.model = model,
                               .from = c->request->from,
                               .pool = pool,
                               .progress = show_progress,
                               .arg = &progress};
    enum status status = quantize_plan_text(model, c->type, &c->plans[TEXT], why);
    if (!status)
        status = quantize_plan_vision(model, &c->plans[VISION], why);
    job.total = c->plans[TEXT].bytes + c->plans[VISION].bytes;
    progress_begin(&progress, c->cli, cli_text(c->cli, "quantizing", "正在量化"));
    /* The text model last: when it is there, all is. */
    for (size_t i = FILES; i-- > 0 && !status;)
        status = quantize_file_write(&job, &c->plans[i], c->paths[i], why);
    progress_end(&progress);
    return status;
}

static enum status convert(struct conversion *c, struct reason *why)
{
    struct model model = {0};
    struct pool *pool = NULL;
    const int threads = c->request->threads ? (int)c->request->threads : cpu_usable_cores();
    enum status status = model_open(c->request->from, c->request->mmproj, &model, why);
    if (!status)
        status = pool_create(threads, &pool, why);
    if (!status)
        status = write_files(c, &model, pool, why);
    pool_destroy(pool);
    model_close(&model);
    return status;
}

/* mmproj-NAME.gguf in the folder of NAME.gguf. */
static bool name_vision(const char *text, char *out, size_t size)
{
    const char *slash = strrchr(text, '/');
    const int folder = slash ? (int)(slash + 1 - text) : 0;
    struct str name = str_from(text + folder);
    if (str_ends(name, ".gguf"))
        name.len -= strlen(".gguf");
    const int n = snprintf(out, size, "%.*smmproj-%.*s.gguf", folder, text, STR_ARG(name));
    return n > 0 && (size_t)n < size;
}

static bool check_request(const struct cli *cli, const struct quantize_request *r, enum dtype *type)
{
    if (!r->type)
        options_wrong(cli, "--type is missing; it is one of: %s.", "缺少 --type，可选值：%s。",
                      quantize_file_types);
    else if (!cli_quantize_type(cli, "--type", r->type, type))
        return false;
    else if (r->threads < 0 || r->threads > THREADS_MAX)
        options_wrong(cli, "--threads must be 1 to %d.", "--threads 应在 1 到 %d 之间。",
                      THREADS_MAX);
    else if (file_is_directory(r->to))
        options_wrong(cli, "%s is a folder; name the GGUF file to write.",
                      "%s 是目录；请指定要写入的 GGUF 文件名。", r->to);
    else
        return true;
    return false;
}

int model_quantize(const struct cli *cli, const struct quantize_request *request)
{
    struct conversion c = {.cli = cli, .request = request};
    struct reason why;
    if (!check_request(cli, request, &c.type))
        return EXIT_USAGE;
    c.paths[TEXT] = request->to;
    c.paths[VISION] = request->mmproj_to ? request->mmproj_to : c.vision_path;
    if (!name_vision(request->to, c.vision_path, sizeof c.vision_path)) {
        options_wrong(cli, "The path %s is too long.", "路径 %s 过长。", request->to);
        return EXIT_USAGE;
    }
    signal(SIGXFSZ, SIG_IGN); /* a limit on files is an error like a full disk */
    const enum status status = convert(&c, &why);
    if (!status && request->json)
        print_json(&c);
    else if (!status)
        print_text(&c);
    for (size_t i = 0; i < FILES; i++)
        quantize_plan_release(&c.plans[i]);
    return status ? model_report_fault(cli, request->from, &why, request->json) : EXIT_OK;
}
