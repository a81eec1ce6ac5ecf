#include "cli/env_report.h"

#include "base/buf.h"
#include "os/cpu.h"
#include "json/writer.h"

enum { OUTPUT_BYTES = 4 << 20 };

static void put_text(struct json_writer *w, const char *key, const char *text)
{
    json_key(w, key);
    json_cstring(w, text && *text ? text : NULL);
}

static void put_uint(struct json_writer *w, const char *key, uint64_t value)
{
    json_key(w, key);
    json_uint(w, value);
}

/* 0 means that it is not known. */
static void put_known(struct json_writer *w, const char *key, double value)
{
    json_key(w, key);
    if (value > 0)
        json_number(w, value);
    else
        json_null(w);
}

static void put_cpu(struct json_writer *w, const struct env_report *report)
{
    const uint32_t flags = cpu_flags();
    json_key(w, "cpu");
    json_begin_object(w);
    put_text(w, "model", report->cpu_model);
    put_uint(w, "cores", (uint64_t)report->threads);
    json_key(w, "features");
    json_begin_array(w);
    for (uint32_t bit = 0; bit < 32; bit++)
        if (flags >> bit & 1)
            json_cstring(w, cpu_flag_name((enum cpu_flag)(1u << bit)));
    json_end_array(w);
    put_text(w, "kernels", report->kernels);
    put_uint(w, "physical_cores", (uint64_t)report->cpu.cores);
    put_uint(w, "hardware_threads", (uint64_t)report->cpu.threads);
    put_known(w, "quota", report->cpu.quota);
    json_end_object(w);
}

static void put_memory(struct json_writer *w, const struct memory_figures *memory)
{
    json_key(w, "memory");
    json_begin_object(w);
    put_uint(w, "total", memory->total);
    put_uint(w, "available", memory->available);
    put_uint(w, "swap", memory->swap);
    put_uint(w, "swap_free", memory->swap_free);
    put_uint(w, "machine_total", memory->machine);
    put_uint(w, "recommended", RECOMMENDED_MEMORY);
    json_end_object(w);
}

static void put_gpus(struct json_writer *w, const struct gpus *gpus)
{
    static const char *const ends[] = {"absent", "ok", "failed", "timed_out"};
    json_key(w, "gpus");
    json_begin_array(w);
    for (size_t i = 0; i < gpus->count; i++) {
        json_begin_object(w);
        put_text(w, "name", gpus->list[i].name);
        put_known(w, "total", (double)gpus->list[i].total);
        if (gpus->list[i].total)
            put_uint(w, "free", gpus->list[i].free);
        else
            put_known(w, "free", 0);
        json_end_object(w);
    }
    json_end_array(w);
    json_key(w, "nvidia_smi");
    json_begin_object(w);
    put_text(w, "result", ends[gpus->end]);
    put_text(w, "message", gpus->fault);
    json_end_object(w);
}

static void put_tools(struct json_writer *w, const struct tools *tools)
{
    json_key(w, "tools");
    json_begin_object(w);
    for (int i = 0; i < TOOL_COUNT; i++)
        put_text(w, tool_name((enum tool)i), tools->version[i]);
    json_end_object(w);
}

static void put_mode(struct json_writer *w, const struct env_mode *mode)
{
    char device[16] = "cpu";
    if (mode->gpu >= 0)
        snprintf(device, sizeof device, "gpu:%d", mode->gpu);
    json_begin_object(w);
    put_text(w, "model", mode->model->name);
    put_text(w, "quantize", mode->quantize);
    put_text(w, "device", device);
    json_key(w, "supported");
    json_bool(w, mode->gpu < 0);
    put_uint(w, "weights_bytes", mode->weights_bytes);
    put_uint(w, "vision_bytes", mode->sizes.vision_bytes);
    put_uint(w, "kv_bytes", mode->model->serving.kv_bytes);
    put_uint(w, "work_bytes", mode->model->serving.work_bytes);
    put_uint(w, "needed_bytes", mode->needed_bytes);
    put_uint(w, "context", mode->model->serving.context);
    put_text(w, "verdict", verdict_name(mode->verdict));
    put_known(w, "predicted_prefill", mode->prefill);
    put_known(w, "predicted_decode", mode->decode);
    put_known(w, "predicted_image_ms", mode->picture_s * 1e3);
    put_text(w, "command", mode->command);
    json_end_object(w);
}

static void put_modes(struct json_writer *w, const struct env_modes *modes)
{
    json_key(w, "modes");
    json_begin_array(w);
    for (size_t i = 0; i < modes->count; i++)
        put_mode(w, &modes->list[i]);
    json_end_array(w);
    json_key(w, "best");
    if (modes->best < 0)
        json_null(w);
    else
        put_mode(w, &modes->list[modes->best]);
}

static void put_measured(struct json_writer *w, const struct env_report *report)
{
    const struct measurement *m = &report->measurement;
    json_key(w, "measured");
    if (!report->measured) {
        json_null(w);
        return;
    }
    json_begin_object(w);
    put_text(w, "model", report->models[0].name);
    put_text(w, "kernels", m->kernels);
    put_uint(w, "threads", (uint64_t)m->threads);
    put_known(w, "seconds", m->seconds);
    put_known(w, "read_bytes_per_s", m->read_bytes_per_s);
    json_key(w, "types");
    json_begin_array(w);
    for (size_t i = 0; i < report->plan.type_count; i++) {
        const struct measured_type *type = &m->types[i];
        json_begin_object(w);
        put_text(w, "type", dtype_info(report->plan.types[i])->name);
        put_uint(w, "layers", type->sizes.layers);
        put_uint(w, "prompt_tokens", type->prompt_tokens);
        put_known(w, "prompt_first_layer_ms", type->prompt_first_s * 1e3);
        put_known(w, "prompt_layer_ms", type->prompt_rest_s * 1e3);
        put_known(w, "layers_ms", type->layers_s * 1e3);
        put_known(w, "head_ms", type->head_s * 1e3);
        json_end_object(w);
    }
    json_end_array(w);
    json_end_object(w);
}

void env_print_json(const struct env_report *report)
{
    struct buf out;
    struct json_writer w;
    buf_init(&out, OUTPUT_BYTES);
    json_writer_init(&w, &out);
    json_begin_object(&w);
    put_text(&w, "os", report->system.name);
    put_text(&w, "kernel", report->system.kernel);
    put_cpu(&w, report);
    put_memory(&w, &report->memory);
    put_gpus(&w, &report->gpus);
    json_key(&w, "disk");
    json_begin_object(&w);
    put_text(&w, "path", report->disk_path);
    put_uint(&w, "free", report->disk_free);
    json_end_object(&w);
    put_tools(&w, &report->tools);
    put_modes(&w, &report->modes);
    put_measured(&w, report);
    json_end_object(&w);
    printf("%.*s\n", STR_ARG(buf_str(&out)));
    buf_release(&out);
}
