#include "cli/env_modes.h"

#include "cli/model.h"
#include "engine/synthetic.h"
#include "model/load.h"
#include "model/quantize.h"
#include "model/quantize_plan.h"

#include <ctype.h>
#include <stdlib.h>

/* Of quantised types the first that fits; with a measurement the first that answers at about the
 * speed of reading. */
static const double reading_tokens_per_s = 5;

const char *verdict_name(enum verdict verdict)
{
    static const char *const names[] = {"fits", "tight", "too_big"};
    return names[verdict];
}

enum verdict verdict_of(uint64_t needed, uint64_t available, uint64_t total)
{
    if (needed + needed / 10 <= available)
        return VERDICT_FITS;
    return needed <= total ? VERDICT_TIGHT : VERDICT_TOO_BIG;
}

bool env_can_measure(enum dtype type)
{
    return type < DTYPE_PLAIN_COUNT || quantize_supports(type);
}

static void add_types(struct env_model *model, enum dtype own)
{
    model->types[model->type_count++] = own;
    for (size_t i = 0; own < DTYPE_PLAIN_COUNT && i < QUANTIZE_SMALLER_COUNT; i++)
        model->types[model->type_count++] = quantize_smaller[i];
}

/* Whether a name has the part, between dashes, slashes or ends, without regard to case. */
static bool has_part(const char *name, const char *part)
{
    while (*name) {
        const size_t len = strcspn(name, "-/_");
        if (str_ieq((struct str){name, len}, str_from(part)))
            return true;
        name += len + (name[len] != '\0');
    }
    return false;
}

enum status env_model_of_shape(const char *shape, uint32_t context, int threads,
                               struct env_model *out, struct reason *why)
{
    static const char *const sizes[] = {"2B", "4B", "8B", "32B"};
    *out = (struct env_model){.context = context};
    snprintf(out->name, sizeof out->name, "%.200s", shape);
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        if (!has_part(shape, sizes[i]))
            continue;
        snprintf(out->name, sizeof out->name, "qwen3-vl-%s", sizes[i]);
        snprintf(out->path, sizeof out->path, "models/Qwen3-VL-%s-Instruct", sizes[i]);
        for (char *c = out->name; *c; c++)
            *c = (char)tolower((unsigned char)*c);
    }
    enum status status = synthetic_config(out->name, &out->config, NULL);
    if (status != STATUS_OK) {
        reason_set(why, "invalid_value",
                   "%s is neither a known shape nor the path of a checkpoint.",
                   "%s 既不是已知的模型大小，也不是模型文件的路径。", shape);
        reason_hint(why, "Shapes: 2b, 4b, 8b, 32b.", "模型大小：2b、4b、8b、32b。");
    }
    if (status == STATUS_OK)
        status = serving_sizes_count(&out->config, context, threads, &out->serving, why);
    add_types(out, DTYPE_BF16);
    return status;
}

/* The type that most bytes of the text model have. */
static enum dtype own_type(const struct checkpoint *checkpoint)
{
    uint64_t bytes[DTYPE_COUNT] = {0};
    enum dtype most = DTYPE_BF16;
    for (size_t i = 0; i < checkpoint_count(checkpoint); i++) {
        const struct tensor *tensor = checkpoint_at(checkpoint, i);
        if (!strstr(tensor->name, "visual."))
            bytes[tensor->dtype] += tensor->bytes;
    }
    for (int d = 0; d < DTYPE_COUNT; d++)
        if (bytes[d] > bytes[most])
            most = (enum dtype)d;
    return most;
}

enum status env_model_of_checkpoint(const char *path, const char *mmproj, uint32_t context,
                                    int threads, struct env_model *out, struct reason *why)
{
    struct model model;
    *out = (struct env_model){.exists = true, .context = context};
    enum status status = model_open(path, mmproj, &model, why);
    if (status != STATUS_OK)
        return status;
    model_name(path, out->name);
    snprintf(out->path, sizeof out->path, "%s", path);
    snprintf(out->mmproj, sizeof out->mmproj, "%s", mmproj ? mmproj : "");
    out->config = model.config;
    out->checkpoint_bytes = checkpoint_bytes(model.checkpoint);
    add_types(out, own_type(model.checkpoint));
    model_close(&model);
    return serving_sizes_count(&out->config, context, threads, &out->serving, why);
}

/* A word of a shell command. */
static void add_word(char *command, size_t size, const char *word)
{
    const size_t plain = strspn(word, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                      "0123456789./_-+:@%,=");
    size_t at = strlen(command);
    if (word[plain] == '\0' && *word) {
        snprintf(command + at, size - at, "%s", word);
        return;
    }
    snprintf(command + at, size - at, "'");
    for (; *word && (at = strlen(command)) + 6 < size; word++)
        snprintf(command + at, size - at, *word == '\'' ? "'\\''" : "%c", *word);
    at = strlen(command);
    snprintf(command + at, size - at, "'");
}

static void write_command(struct env_mode *mode)
{
    const struct env_model *model = mode->model;
    const size_t size = sizeof mode->command;
    snprintf(mode->command, size, "qvl serve --model ");
    add_word(mode->command, size, model->path);
    size_t at = strlen(mode->command);
    if (*model->mmproj) {
        snprintf(mode->command + at, size - at, " --mmproj ");
        add_word(mode->command, size, model->mmproj);
        at = strlen(mode->command);
    }
    if (mode->type != model->types[0])
        at += (size_t)snprintf(mode->command + at, size - at, " --quantize %s", mode->quantize);
    if (model->context && at < size)
        snprintf(mode->command + at, size - at, " --context %u --model.kv-cache %lluMiB",
                 model->serving.context,
                 (unsigned long long)((model->serving.kv_bytes + (1 << 20) - 1) >> 20));
}

static enum status begin_mode(const struct env_model *model, size_t type, struct env_mode *out,
                              struct reason *why)
{
    *out = (struct env_mode){.model = model, .type = model->types[type], .gpu = -1};
    const char *name = dtype_info(out->type)->name;
    for (size_t i = 0; name[i] && i + 1 < sizeof out->quantize; i++)
        out->quantize[i] = (char)tolower((unsigned char)name[i]);
    const enum status status = model_sizes_count(&model->config, out->type, &out->sizes, why);
    const bool as_is = type == 0 && model->checkpoint_bytes;
    out->weights_bytes =
        as_is ? model->checkpoint_bytes : out->sizes.text_bytes + out->sizes.vision_bytes;
    out->needed_bytes = out->weights_bytes + model->serving.kv_bytes + model->serving.work_bytes;
    return status;
}

/* Speeds that are not known: BF16 reads twice as much as Q8_0 for no better answers. */
static bool better_unmeasured(const struct env_mode *a, const struct env_mode *b)
{
    return b->type < DTYPE_PLAIN_COUNT && a->type >= DTYPE_PLAIN_COUNT;
}

/* b stands before a, and is more precise. */
static bool better(const struct env_mode *a, const struct env_mode *b)
{
    if (a->verdict != b->verdict)
        return a->verdict < b->verdict;
    if (a->verdict == VERDICT_TIGHT)
        return a->needed_bytes < b->needed_bytes;
    const bool known_a = a->decode > 0, known_b = b->decode > 0;
    if (!known_a || !known_b)
        return known_a == known_b ? better_unmeasured(a, b) : known_a;
    return b->decode < reading_tokens_per_s && a->decode > b->decode;
}

/* Of the first model that the machine can run. */
static void choose_best(struct env_modes *modes)
{
    const struct env_mode *best = NULL;
    for (size_t i = 0; i < modes->count; i++) {
        const struct env_mode *mode = &modes->list[i];
        if (mode->gpu >= 0 || mode->verdict == VERDICT_TOO_BIG)
            continue;
        if (!best || (mode->model == best->model && better(mode, best)))
            best = mode;
    }
    modes->best = best ? (int)(best - modes->list) : -1;
}

static void add_cards(struct env_modes *modes, size_t first, size_t end, const struct gpus *gpus)
{
    for (size_t g = 0; g < gpus->count; g++)
        for (size_t i = first; gpus->list[g].total && i < end; i++) {
            struct env_mode *mode = &modes->list[modes->count++];
            *mode = modes->list[i];
            mode->gpu = (int)g;
            mode->command[0] = '\0'; /* the engine computes on the processor only */
            mode->verdict = verdict_of(mode->needed_bytes, gpus->list[g].free, gpus->list[g].total);
        }
}

enum status env_modes_judge(const struct env_model *models, size_t model_count, uint64_t available,
                            uint64_t total, const struct gpus *gpus, struct env_modes *out,
                            struct reason *why)
{
    const size_t most = model_count * MODE_TYPES_MAX * (1 + gpus->count);
    *out = (struct env_modes){.list = calloc(most, sizeof *out->list), .best = -1};
    if (!out->list)
        return reason_no_memory(why, most * sizeof *out->list);
    for (size_t m = 0; m < model_count; m++) {
        const size_t first = out->count;
        for (size_t t = 0; t < models[m].type_count; t++) {
            struct env_mode *mode = &out->list[out->count++];
            const enum status status = begin_mode(&models[m], t, mode, why);
            if (status != STATUS_OK) {
                env_modes_release(out);
                return status;
            }
            mode->verdict = verdict_of(mode->needed_bytes, available, total);
            if (mode->verdict != VERDICT_TOO_BIG)
                write_command(mode);
        }
        add_cards(out, first, out->count, gpus);
    }
    choose_best(out);
    return STATUS_OK;
}

void env_modes_predict(struct env_modes *modes, const struct measure_plan *plan,
                       const struct measurement *measurement, const struct env_model *measured)
{
    for (size_t i = 0; i < modes->count; i++) {
        struct env_mode *mode = &modes->list[i];
        for (size_t t = 0; t < plan->type_count; t++) {
            if (plan->types[t] != mode->type || mode->gpu >= 0 || mode->verdict == VERDICT_TOO_BIG)
                continue;
            mode->prefill = predict_prefill(&measurement->types[t], &mode->sizes);
            mode->decode = predict_decode(&measurement->types[t], &mode->sizes);
            mode->picture_s = predict_picture(measurement, &mode->model->config, &mode->sizes);
            mode->scaled = mode->model != measured;
        }
    }
    choose_best(modes);
}

void env_modes_release(struct env_modes *modes)
{
    free(modes->list);
    *modes = (struct env_modes){0};
}
