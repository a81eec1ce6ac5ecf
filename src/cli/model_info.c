#include "base/buf.h"
#include "base/utf8.h"
#include "cli/model.h"
#include "cli/model_facts.h"
#include "json/writer.h"

#include <string.h>

enum { LABEL_COLUMNS = 22 };

static void row(const struct cli *cli, const char *en, const char *zh, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

static void row(const struct cli *cli, const char *en, const char *zh, const char *format, ...)
{
    const char *label = cli_text(cli, en, zh);
    const size_t columns = utf8_columns(label, strlen(label));
    printf("%s%*s", label, columns < LABEL_COLUMNS ? (int)(LABEL_COLUMNS - columns) : 1, "");
    va_list args;
    va_start(args, format);
    vprintf(format, args);
    va_end(args);
    putchar('\n');
}

static void row_count(const struct cli *cli, const char *en, const char *zh, uint64_t count)
{
    char text[32];
    model_format_count(count, text);
    row(cli, en, zh, "%-8s (%llu)", text, (unsigned long long)count);
}

static void row_bytes(const struct cli *cli, const char *en, const char *zh, uint64_t bytes)
{
    char text[32];
    model_format_bytes(bytes, text);
    row(cli, en, zh, "%-8s (%llu)", text, (unsigned long long)bytes);
}

static const char *template_name(const struct cli *cli, const struct model_facts *facts)
{
    const bool thinks = facts->model.template_kind == TEMPLATE_THINKING;
    if (facts->model.template_known)
        return thinks ? "Thinking" : "Instruct";
    return thinks ? cli_text(cli, "unknown (used as Thinking)", "未知（按 Thinking 使用）")
                  : cli_text(cli, "unknown (used as Instruct)", "未知（按 Instruct 使用）");
}

static void list_numbers(const uint32_t *numbers, uint32_t count, char out[128])
{
    size_t len = 0;
    out[0] = '\0';
    for (uint32_t i = 0; i < count && len < 116; i++)
        len += (size_t)snprintf(out + len, 128 - len, "%s%u", i ? ", " : "", numbers[i]);
}

static void print_language(const struct cli *cli, const struct model_config *config)
{
    const struct text_config *t = &config->text;
    row(cli, "layers", "层数", "%u", t->layers);
    row(cli, "hidden size", "隐藏维度", "%u", t->hidden_size);
    row(cli, "intermediate size", "中间维度", "%u", t->intermediate_size);
    row(cli, "heads, kv heads", "注意力头、KV 头", "%u, %u", t->heads, t->kv_heads);
    row(cli, "head size", "头维度", "%u", t->head_dim);
    row(cli, "vocabulary", "词表大小", "%u", t->vocab_size);
    row(cli, "context", "上下文长度", "%u", t->max_positions);
    if (t->yarn.factor > 0)
        row(cli, "long context", "长上下文",
            cli_text(cli, "YaRN, factor %g from %u tokens", "YaRN，由 %2$u 个 token 扩展 %1$g 倍"),
            (double)t->yarn.factor, t->yarn.original_positions);
    row(cli, "output head", "输出层", "%s",
        t->tied ? cli_text(cli, "tied to the embedding", "与词嵌入共享")
                : cli_text(cli, "its own", "独立"));
}

static void print_vision(const struct cli *cli, const struct model_config *config)
{
    const struct vision_config *v = &config->vision;
    char blocks[128];
    list_numbers(v->deepstack, v->deepstack_count, blocks);
    row(cli, "vision depth", "视觉层数", "%u", v->depth);
    row(cli, "vision hidden size", "视觉隐藏维度", "%u", v->hidden_size);
    row(cli, "vision heads", "视觉注意力头", "%u", v->heads);
    row(cli, "deepstack blocks", "DeepStack 层", "%s", v->deepstack_count ? blocks : "-");
    row(cli, "image pixels", "图片像素", "%llu … %llu",
        (unsigned long long)config->image.min_pixels, (unsigned long long)config->image.max_pixels);
}

static void print_generation(const struct cli *cli, const struct generation_defaults *g)
{
    char ends[128];
    uint32_t ids[EOS_MAX];
    for (uint32_t i = 0; i < g->eos_count; i++)
        ids[i] = (uint32_t)g->eos[i];
    list_numbers(ids, g->eos_count, ends);
    if (g->do_sample)
        row(cli, "generation", "生成默认值",
            "temperature %g, top_p %g, top_k %u, min_p %g, repetition_penalty %g",
            (double)g->temperature, (double)g->top_p, g->top_k, (double)g->min_p,
            (double)g->repetition_penalty);
    else
        row(cli, "generation", "生成默认值", "%s", cli_text(cli, "greedy", "贪心"));
    row(cli, "end tokens", "结束 token", "%s", g->eos_count ? ends : "-");
}

static void print_contents(const struct cli *cli, const struct model_facts *facts)
{
    row_count(cli, "parameters", "参数总数", facts->parameters.total);
    row_count(cli, "  embedding", "  词嵌入", facts->parameters.embedding);
    row_count(cli, "  language layers", "  语言层", facts->parameters.language);
    if (facts->parameters.head)
        row_count(cli, "  output head", "  输出层", facts->parameters.head);
    row_count(cli, "  vision tower", "  视觉塔", facts->parameters.vision);
    row_count(cli, "  mergers", "  合并层", facts->parameters.mergers);
    row(cli, "tensors", "张量数", "%zu", checkpoint_count(facts->model.checkpoint));
    for (int i = 0; i < DTYPE_COUNT; i++) {
        char label[32];
        snprintf(label, sizeof label, "  %s", dtype_info((enum dtype)i)->name);
        if (!facts->dtypes[i].tensors)
            continue;
        char size[32];
        model_format_bytes(facts->dtypes[i].bytes, size);
        row(cli, label, label, cli_text(cli, "%llu tensors, %s", "%llu 个张量，%s"),
            (unsigned long long)facts->dtypes[i].tensors, size);
    }
    for (size_t i = 0; i < checkpoint_file_count(facts->model.checkpoint); i++) {
        char size[32];
        model_format_bytes(checkpoint_file_bytes(facts->model.checkpoint, i), size);
        row(cli, i ? "" : "files", i ? "" : "文件", "%s, %s",
            checkpoint_file_name(facts->model.checkpoint, i), size);
    }
    row_bytes(cli, "KV cache per token", "每 token 的 KV 缓存", facts->kv_bytes_per_token);
}

static void print_text(const struct cli *cli, const char *path, const struct model_facts *facts)
{
    char name[256];
    model_name(path, name);
    row(cli, "model", "模型", "%s", name);
    row(cli, "architecture", "架构", "qwen3_vl");
    print_language(cli, &facts->model.config);
    print_vision(cli, &facts->model.config);
    row(cli, "tokens", "分词器 token 数", "%d", tokenizer_size(facts->model.tokenizer));
    row(cli, "chat template", "对话模板", "%s", template_name(cli, facts));
    print_generation(cli, &facts->model.config.generation);
    print_contents(cli, facts);
}

static void put_uint(struct json_writer *w, const char *key, uint64_t value)
{
    json_key(w, key);
    json_uint(w, value);
}

/* A float as it was written: the nearest short decimal, not its binary value. */
static void put_float(struct json_writer *w, const char *key, float value)
{
    char text[32];
    snprintf(text, sizeof text, "%.7g", (double)value);
    json_key(w, key);
    json_raw(w, str_from(text));
}

static void put_yarn(struct json_writer *w, const struct yarn *yarn)
{
    json_key(w, "yarn");
    json_begin_object(w);
    json_key(w, "factor");
    json_number(w, (double)yarn->factor);
    json_key(w, "attention_factor");
    json_number(w, (double)yarn->attention);
    put_uint(w, "original_context", yarn->original_positions);
    json_end_object(w);
}

static void put_text_config(struct json_writer *w, const struct text_config *t)
{
    json_key(w, "text");
    json_begin_object(w);
    put_uint(w, "layers", t->layers);
    put_uint(w, "hidden_size", t->hidden_size);
    put_uint(w, "intermediate_size", t->intermediate_size);
    put_uint(w, "heads", t->heads);
    put_uint(w, "kv_heads", t->kv_heads);
    put_uint(w, "head_dim", t->head_dim);
    put_uint(w, "vocab_size", t->vocab_size);
    put_uint(w, "context", t->max_positions);
    if (t->yarn.factor > 0)
        put_yarn(w, &t->yarn);
    json_key(w, "tied");
    json_bool(w, t->tied);
    json_end_object(w);
}

static void put_vision_config(struct json_writer *w, const struct model_config *config)
{
    const struct vision_config *v = &config->vision;
    json_key(w, "vision");
    json_begin_object(w);
    put_uint(w, "depth", v->depth);
    put_uint(w, "hidden_size", v->hidden_size);
    put_uint(w, "intermediate_size", v->intermediate_size);
    put_uint(w, "heads", v->heads);
    json_key(w, "deepstack");
    json_begin_array(w);
    for (uint32_t i = 0; i < v->deepstack_count; i++)
        json_uint(w, v->deepstack[i]);
    json_end_array(w);
    put_uint(w, "min_pixels", config->image.min_pixels);
    put_uint(w, "max_pixels", config->image.max_pixels);
    json_end_object(w);
}

static void put_generation(struct json_writer *w, const struct generation_defaults *g)
{
    json_key(w, "generation");
    json_begin_object(w);
    json_key(w, "do_sample");
    json_bool(w, g->do_sample);
    put_float(w, "temperature", g->temperature);
    put_float(w, "top_p", g->top_p);
    put_uint(w, "top_k", g->top_k);
    put_float(w, "min_p", g->min_p);
    put_float(w, "repetition_penalty", g->repetition_penalty);
    json_key(w, "eos_token_ids");
    json_begin_array(w);
    for (uint32_t i = 0; i < g->eos_count; i++)
        json_int(w, g->eos[i]);
    json_end_array(w);
    json_end_object(w);
}

static void put_parameters(struct json_writer *w, const struct model_facts *facts)
{
    json_key(w, "parameters");
    json_begin_object(w);
    put_uint(w, "total", facts->parameters.total);
    put_uint(w, "embedding", facts->parameters.embedding);
    put_uint(w, "language", facts->parameters.language);
    put_uint(w, "head", facts->parameters.head);
    put_uint(w, "vision", facts->parameters.vision);
    put_uint(w, "mergers", facts->parameters.mergers);
    json_end_object(w);
}

static void put_contents(struct json_writer *w, const struct model_facts *facts)
{
    put_uint(w, "tensors", checkpoint_count(facts->model.checkpoint));
    put_uint(w, "bytes", checkpoint_bytes(facts->model.checkpoint));
    json_key(w, "dtypes");
    json_begin_object(w);
    for (int i = 0; i < DTYPE_COUNT; i++)
        if (facts->dtypes[i].tensors)
            put_uint(w, dtype_info((enum dtype)i)->name, facts->dtypes[i].bytes);
    json_end_object(w);
    json_key(w, "dtype_tensors");
    json_begin_object(w);
    for (int i = 0; i < DTYPE_COUNT; i++)
        if (facts->dtypes[i].tensors)
            put_uint(w, dtype_info((enum dtype)i)->name, facts->dtypes[i].tensors);
    json_end_object(w);
    json_key(w, "files");
    json_begin_array(w);
    for (size_t i = 0; i < checkpoint_file_count(facts->model.checkpoint); i++) {
        json_begin_object(w);
        json_key(w, "name");
        json_cstring(w, checkpoint_file_name(facts->model.checkpoint, i));
        put_uint(w, "bytes", checkpoint_file_bytes(facts->model.checkpoint, i));
        json_end_object(w);
    }
    json_end_array(w);
}

static void print_json(const char *path, const struct model_facts *facts)
{
    struct buf text;
    struct json_writer w;
    char name[256];
    model_name(path, name);
    buf_init(&text, 1 << 20);
    json_writer_init(&w, &text);
    json_begin_object(&w);
    json_key(&w, "ok");
    json_bool(&w, true);
    json_key(&w, "model");
    json_cstring(&w, name);
    json_key(&w, "architecture");
    json_cstring(&w, "qwen3_vl");
    put_text_config(&w, &facts->model.config.text);
    put_vision_config(&w, &facts->model.config);
    put_uint(&w, "tokens", (uint64_t)tokenizer_size(facts->model.tokenizer));
    json_key(&w, "chat_template");
    json_cstring(&w, !facts->model.template_known                      ? "unknown"
                     : facts->model.template_kind == TEMPLATE_THINKING ? "thinking"
                                                                       : "instruct");
    put_generation(&w, &facts->model.config.generation);
    put_parameters(&w, facts);
    put_contents(&w, facts);
    put_uint(&w, "kv_bytes_per_token", facts->kv_bytes_per_token);
    json_end_object(&w);
    printf("%.*s\n", STR_ARG(buf_str(&text)));
    buf_release(&text);
}

int model_info(const struct cli *cli, const struct model_request *request)
{
    struct model_facts facts;
    struct reason why;
    if (model_facts_read(request->path, request->mmproj, &facts, &why) != STATUS_OK)
        return model_report_fault(cli, request->path, &why, request->json);
    if (request->json)
        print_json(request->path, &facts);
    else
        print_text(cli, request->path, &facts);
    model_facts_release(&facts);
    return EXIT_OK;
}
