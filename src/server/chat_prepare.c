/* On a worker thread: from the request's texts and pictures to prompts for the engine. */
#include "server/chat.h"
#include "server/chat_grammar.h"
#include "server/pictures.h"

#include <math.h>
#include <stdlib.h>

static enum status build_prompts(struct chat *chat, const struct pictures *pictures,
                                 struct reason *why)
{
    const struct chat_request *request = &chat->request;
    struct engine_figures figures;
    engine_figures_read(chat->service->engine, &figures);
    const struct prompt_request prompt = {
        .messages = request->messages,
        .tools = request->tools,
        .options = {.add_generation_prompt = request->add_generation_prompt,
                    .add_vision_id = request->add_vision_id,
                    .no_thinking = request->no_thinking},
        .pictures = pictures->images,
        .picture_count = request->image_count,
        .videos = pictures->videos,
        .video_count = request->video_count,
        .context = figures.context,
    };
    enum status status = STATUS_OK;
    for (int64_t i = 0; i < request->params.n && status == STATUS_OK; i++)
        status = prompt_build(chat->service->model, &prompt, &chat->prompts[i], why);
    return status;
}

enum { VIDEO_SECONDS = 60 };

static uint64_t set_or_zero(int64_t setting)
{
    return setting > 0 ? (uint64_t)setting : 0;
}

/* The configuration's word, else the checkpoint's. */
static struct video_sampling sampling_of(const struct chat *chat)
{
    const struct settings *settings = chat->call->settings;
    const struct model_config *config = &chat->service->model->config;
    const double fps = settings->model.video.fps;
    const int64_t max_frames = settings->model.video.max_frames;
    return (struct video_sampling){
        .fps = isnan(fps) ? config->video_fps : fps,
        .min_frames = config->video_min_frames,
        .max_frames = max_frames < 0 ? config->video_max_frames : (uint32_t)max_frames,
    };
}

static enum status prepare_grammar(struct chat *chat)
{
    const enum status status =
        chat_grammar_make(&chat->request, chat->service->model, &chat->grammar, &chat->why);
    return !status && chat->grammar ? engine_prepare_grammars(chat->service->engine, &chat->why)
                                    : status;
}

static void prepare_prompts(struct chat *chat)
{
    const struct settings *settings = chat->call->settings;
    const struct picture_limits limits = {
        .file_bytes = (uint64_t)settings->model.image.max_bytes,
        .pixels = (uint64_t)settings->model.image.decode_pixels,
        .budget = {.min_pixels = set_or_zero(settings->model.image.min_pixels),
                   .max_pixels = set_or_zero(settings->model.image.max_pixels)},
        .file_root = settings->model.image.file_root,
        .frames_fps = chat->service->model->config.video_fps,
        .sampling = sampling_of(chat),
        .video_bytes = (uint64_t)settings->model.video.max_bytes,
        .video_ms = VIDEO_SECONDS * 1000,
        .model = chat->service->model,
        .cancelled = &chat->cancelled,
    };
    struct pictures pictures;
    chat->prepared = pictures_load(&chat->request, &limits, &pictures, &chat->why);
    if (chat->prepared == STATUS_OK)
        chat->prepared = build_prompts(chat, &pictures, &chat->why);
    pictures_release(&pictures);
}

static enum status check_id(const struct model *model, const char *field, int32_t id,
                            struct reason *why)
{
    const uint32_t size = model->config.text.vocab_size;
    if ((uint32_t)id < size)
        return STATUS_OK;
    reason_set(why, "invalid_value", "%s names %d; the tokens of this model are 0 to %u.",
               "%s 中的 %d 超出范围；该模型的 token 为 0 到 %u。", field, id, size - 1);
    reason_subject(why, "%s", field);
    return STATUS_INVALID;
}

static enum status check_ids(const struct model *model, const char *field, struct id_list ids,
                             struct reason *why)
{
    enum status status = STATUS_OK;
    for (uint32_t i = 0; i < ids.count && status == STATUS_OK; i++)
        status = check_id(model, field, ids.ids[i], why);
    return status;
}

static enum status check_tokens(const struct chat *chat, struct reason *why)
{
    const struct chat_request *request = &chat->request;
    const struct model *model = chat->service->model;
    enum status status = check_ids(model, "stop_token_ids", request->params.stop_ids, why);
    if (status == STATUS_OK)
        status = check_ids(model, "allowed_token_ids", request->params.allowed, why);
    for (uint32_t i = 0; i < request->params.bias_count && status == STATUS_OK; i++)
        status = check_id(model, "logit_bias", request->params.biases[i].id, why);
    return status;
}

void chat_prepare(struct chat *chat)
{
    chat->prepared = check_tokens(chat, &chat->why);
    if (chat->prepared == STATUS_OK)
        chat->prepared = prepare_grammar(chat);
    if (chat->prepared == STATUS_OK)
        prepare_prompts(chat);
}
