#include "base/buf.h"
#include "base/clock.h"
#include "cli/model.h"
#include "cli/progress.h"
#include "engine/engine.h"
#include "json/writer.h"

#include <pthread.h>
#include <string.h>

static void show_progress(void *arg, uint64_t done, uint64_t total)
{
    progress_update(arg, done, total);
}

/* The end of the one sequence, told by the scheduler's thread. */
struct outcome {
    pthread_mutex_t lock;
    pthread_cond_t over;
    enum finish_reason finish;
    struct reason why;
};

static void on_event(void *arg, const struct engine_event *event)
{
    struct outcome *outcome = arg;
    pthread_mutex_lock(&outcome->lock);
    outcome->finish = event->finish;
    if (event->finish == FINISH_FAILED)
        outcome->why = *event->why;
    pthread_cond_signal(&outcome->over);
    pthread_mutex_unlock(&outcome->lock);
}

static enum status run_request(struct engine *engine, struct engine_request *request,
                               struct outcome *outcome, struct reason *why)
{
    struct sequence *sequence;
    const enum status status = engine_submit(engine, request, &sequence, why);
    if (status != STATUS_OK)
        return status;
    pthread_mutex_lock(&outcome->lock);
    while (outcome->finish == FINISH_NONE)
        pthread_cond_wait(&outcome->over, &outcome->lock);
    pthread_mutex_unlock(&outcome->lock);
    sequence_release(sequence);
    if (outcome->finish != FINISH_FAILED)
        return STATUS_OK;
    *why = outcome->why;
    return STATUS_INTERNAL;
}

/* One greedy token after a short text. */
static enum status generate_token(const struct model *model, struct reason *why)
{
    struct engine *engine;
    const struct engine_options options = {
        .context = 256, .max_sequences = 1, .kv_type = model->exact ? KV_F32 : KV_F16};
    enum status status = engine_create(model, &options, &engine, why);
    if (status != STATUS_OK)
        return status;
    struct outcome outcome = {.lock = PTHREAD_MUTEX_INITIALIZER, .over = PTHREAD_COND_INITIALIZER};
    struct engine_request request = {
        .sampling = {.top_p = 1, .repetition_penalty = 1},
        .max_tokens = 1,
        .on_event = on_event,
        .arg = &outcome,
    };
    status = prompt_build_text(model, STR("Hello, 你好"), false, &request.prompt, why);
    if (status == STATUS_OK)
        status = run_request(engine, &request, &outcome, why);
    engine_destroy(engine);
    return status;
}

static double milliseconds(int64_t ns)
{
    return (double)(ns / 10000) / 100;
}

struct findings {
    char name[256];
    uint32_t layers;
    uint64_t parameters, tensors, bytes;
    double load_ms, first_token_ms;
};

static void print_json(const struct findings *f)
{
    struct buf text;
    struct json_writer w;
    buf_init(&text, 1 << 16);
    json_writer_init(&w, &text);
    json_begin_object(&w);
    json_key(&w, "ok");
    json_bool(&w, true);
    json_key(&w, "model");
    json_cstring(&w, f->name);
    json_key(&w, "layers");
    json_uint(&w, f->layers);
    json_key(&w, "parameters");
    json_uint(&w, f->parameters);
    json_key(&w, "tensors");
    json_uint(&w, f->tensors);
    json_key(&w, "bytes");
    json_uint(&w, f->bytes);
    json_key(&w, "load_ms");
    json_number(&w, f->load_ms);
    json_key(&w, "first_token_ms");
    json_number(&w, f->first_token_ms);
    json_end_object(&w);
    printf("%.*s\n", STR_ARG(buf_str(&text)));
    buf_release(&text);
}

static void print_text(const struct cli *cli, const struct findings *f)
{
    char parameters[32], size[32];
    model_format_count(f->parameters, parameters);
    model_format_bytes(f->bytes, size);
    printf(cli_text(cli,
                    "model loaded: %s, %s parameters in %llu tensors, %u layers, %s; "
                    "loaded in %.0f ms, first token after %.0f ms\n",
                    "模型加载成功：%s，参数 %s，张量 %llu 个，%u 层，%s；"
                    "加载用时 %.0f ms，首个 token 用时 %.0f ms\n"),
           f->name, parameters, (unsigned long long)f->tensors, f->layers, size, f->load_ms,
           f->first_token_ms);
}

int model_check(const struct cli *cli, const struct model_request *request)
{
    struct progress progress;
    progress_begin(&progress, cli, cli_text(cli, "loading", "正在加载"));
    struct model *model;
    struct reason why;
    const int64_t begin = clock_ns(&clock_system);
    const struct model_options options = {
        .mmproj = request->mmproj,
        .quantize = request->quantize,
        .exact = request->exact,
        .progress = show_progress,
        .arg = &progress,
    };
    const enum status loading = model_load(request->path, &options, &model, &why);
    progress_end(&progress);
    if (loading != STATUS_OK && strcmp(why.code, "invalid_value") == 0) {
        cli_report(cli, &why); /* of --quantize */
        return EXIT_USAGE;
    }
    if (loading != STATUS_OK)
        return model_report_fault(cli, request->path, &why, request->json);
    const int64_t loaded = clock_ns(&clock_system);
    const enum status status = generate_token(model, &why);
    const int64_t end = clock_ns(&clock_system);
    struct findings f = {
        .layers = model->config.text.layers,
        .parameters = model->weights.parameters,
        .tensors = checkpoint_count(model->checkpoint),
        .bytes = model_bytes(model),
        .load_ms = milliseconds(loaded - begin),
        .first_token_ms = milliseconds(end - loaded),
    };
    model_name(request->path, f.name);
    model_destroy(model);
    if (status != STATUS_OK)
        return model_report_fault(cli, request->path, &why, request->json);
    if (request->json)
        print_json(&f);
    else
        print_text(cli, &f);
    return EXIT_OK;
}
