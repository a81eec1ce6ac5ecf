/* On a worker thread: from the request's texts and pictures to prompts for the engine. */
#include "server/chat.h"
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
                    .add_vision_id = request->add_vision_id},
        .pictures = pictures->images,
        .picture_count = request->image_count,
        .videos = pictures->videos,
        .video_count = request->video_count,
        .context = figures.context,
    };
    enum status status = STATUS_OK;
    for (int64_t i = 0; i < request->n && status == STATUS_OK; i++)
        status = prompt_build(chat->service->model, &prompt, &chat->prompts[i], why);
    return status;
}

void chat_prepare(struct chat *chat)
{
    const struct settings *settings = chat->service->settings;
    const struct picture_limits limits = {
        .file_bytes = (uint64_t)settings->model.image.max_bytes,
        .pixels = (uint64_t)settings->model.image.decode_pixels,
        .usual_fps = chat->service->model->config.video_fps,
        .budget = {.min_pixels = settings->model.image.min_pixels > 0
                                     ? (uint64_t)settings->model.image.min_pixels
                                     : 0,
                   .max_pixels = settings->model.image.max_pixels > 0
                                     ? (uint64_t)settings->model.image.max_pixels
                                     : 0},
    };
    struct pictures pictures;
    chat->prepared = pictures_load(&chat->request, &limits, &pictures, &chat->why);
    if (chat->prepared == STATUS_OK)
        chat->prepared = build_prompts(chat, &pictures, &chat->why);
    pictures_release(&pictures);
}
