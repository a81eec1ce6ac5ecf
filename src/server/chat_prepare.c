/* On a worker thread: from the request's texts and pictures to prompts for the engine. */
#include "server/chat.h"
#include "server/pictures.h"

#include <math.h>
#include <stdlib.h>

static enum status build_prompts(struct job *job, const struct pictures *pictures,
                                 struct prompt_input **prompts, uint32_t count, struct reason *why)
{
    const struct chat_request *request = job->chat;
    struct engine_figures figures;
    engine_figures_read(job->service->engine, &figures);
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
    for (uint32_t i = 0; i < count && status == STATUS_OK; i++)
        status = prompt_build(job->service->model, &prompt, prompts[i], why);
    return status;
}

enum { VIDEO_SECONDS = 60 };

static uint64_t set_or_zero(int64_t setting)
{
    return setting > 0 ? (uint64_t)setting : 0;
}

/* The configuration's word, else the checkpoint's. */
static struct video_sampling sampling_of(const struct job *job)
{
    const struct settings *settings = job->call->settings;
    const struct model_config *config = &job->service->model->config;
    const double fps = settings->model.video.fps;
    const int64_t max_frames = settings->model.video.max_frames;
    return (struct video_sampling){
        .fps = isnan(fps) ? config->video_fps : fps,
        .min_frames = config->video_min_frames,
        .max_frames = max_frames < 0 ? config->video_max_frames : (uint32_t)max_frames,
    };
}

enum status chat_make_prompts(struct job *job, struct prompt_input **prompts, uint32_t count,
                              struct reason *why)
{
    const struct settings *settings = job->call->settings;
    const struct picture_limits limits = {
        .file_bytes = (uint64_t)settings->model.image.max_bytes,
        .pixels = (uint64_t)settings->model.image.decode_pixels,
        .budget = {.min_pixels = set_or_zero(settings->model.image.min_pixels),
                   .max_pixels = set_or_zero(settings->model.image.max_pixels)},
        .file_root = settings->model.image.file_root,
        .remote = job->remote,
        .frames_fps = job->service->model->config.video_fps,
        .sampling = sampling_of(job),
        .video_bytes = (uint64_t)settings->model.video.max_bytes,
        .video_ms = VIDEO_SECONDS * 1000,
        .model = job->service->model,
        .cancelled = &job->cancelled,
    };
    struct pictures pictures;
    enum status status = pictures_load(job->chat, &limits, &pictures, why);
    if (status == STATUS_OK)
        status = build_prompts(job, &pictures, prompts, count, why);
    pictures_release(&pictures);
    return status;
}
