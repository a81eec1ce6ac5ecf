#include "api/chat_content.h"

#include <math.h>

struct json **chat_adopt(struct json *parent, struct json **end, const char *key,
                         struct json *child)
{
    child->key = str_from(key);
    child->next = NULL;
    parent->count++;
    *end = child;
    return &child->next;
}

/* A part as the template reads it, in one allocation. */
struct part_nodes {
    struct json part, type, text;
};

static enum status fill_part(struct part_nodes *nodes, const char *type, const struct json *text)
{
    nodes->part = (struct json){.type = JSON_OBJECT};
    nodes->type = (struct json){.type = JSON_STRING, .text = str_from(type)};
    struct json **end = chat_adopt(&nodes->part, &nodes->part.first, "type", &nodes->type);
    if (text) {
        nodes->text = *text;
        chat_adopt(&nodes->part, end, "text", &nodes->text);
    }
    return STATUS_OK;
}

/* The array, with room for one more than `count` elements; NULL if there is no memory. Sizes are
 * the powers of two. */
static void *grow(struct arena *arena, void *array, uint32_t count, size_t size)
{
    if (count & (count - 1))
        return array;
    void *larger = arena_array(arena, count ? 2 * (size_t)count : 1, size);
    if (larger && count)
        memcpy(larger, array, count * size);
    return larger;
}

static enum status fill_image(const struct field *url, struct arena *arena, struct chat_image *out,
                              struct reason *why)
{
    const enum status status = field_text(url, &out->url, why);
    if (status)
        return status;
    out->path = arena_strdup(arena, str_from(field_path(url).text));
    return out->path ? STATUS_OK : reason_no_memory(why, sizeof(struct field_path));
}

static enum status add_image(const struct field *url, struct chat_media *media,
                             struct part_nodes *nodes, struct reason *why)
{
    struct chat_image *images =
        grow(media->arena, media->images, media->image_count, sizeof *images);
    if (!images)
        return reason_no_memory(why, sizeof *images);
    media->images = images;
    const enum status status = fill_image(url, media->arena, &images[media->image_count], why);
    if (status)
        return status;
    media->image_count++;
    return fill_part(nodes, "image", NULL);
}

/* Sizes that this version cannot honour are refused rather than passed over. */
static enum status refuse_sizes(const struct field *part, struct reason *why)
{
    static const char *const names[] = {"min_pixels", "max_pixels", "total_pixels",
                                        "resized_height", "resized_width"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        const struct field size = field_member(part, names[i]);
        if (!size.json)
            continue;
        reason_set(why, "invalid_value", "%s is not supported yet.", "暂不支持 %s。",
                   field_path(&size).text);
        reason_hint(why, "Leave it out, or send the picture in the size you want.",
                    "请去掉它，或者发送所需尺寸的图片。");
        return field_blame(&size, why);
    }
    return STATUS_OK;
}

static enum status check_detail(const struct field *image_url, struct reason *why)
{
    const struct field detail = field_member(image_url, "detail");
    if (!detail.json)
        return STATUS_OK;
    const enum status status = field_is(&detail, JSON_STRING, why);
    const struct str text = detail.json->text;
    if (status || str_is(text, "auto") || str_is(text, "low") || str_is(text, "high"))
        return status;
    reason_set(why, "invalid_value", "%s must be \"auto\", \"low\" or \"high\", not \"%s\".",
               "%s 只能是 \"auto\"、\"low\" 或 \"high\"，收到的是 \"%s\"。",
               field_path(&detail).text, field_quote(text).text);
    return field_blame(&detail, why);
}

static enum status parse_text(const struct field *part, struct chat_media *media,
                              struct part_nodes *nodes, struct reason *why)
{
    (void)media;
    const struct field text = field_member(part, "text");
    const enum status status = field_is(&text, JSON_STRING, why);
    return status ? status : fill_part(nodes, "text", text.json);
}

/* What OpenAI's clients send back of an earlier answer. */
static enum status parse_refusal(const struct field *part, struct chat_media *media,
                                 struct part_nodes *nodes, struct reason *why)
{
    (void)media;
    const struct field text = field_member(part, "refusal");
    const enum status status = field_is(&text, JSON_STRING, why);
    return status ? status : fill_part(nodes, "text", text.json);
}

static enum status parse_image_url(const struct field *part, struct chat_media *media,
                                   struct part_nodes *nodes, struct reason *why)
{
    const struct field image_url = field_member(part, "image_url");
    if (json_is(image_url.json, JSON_STRING))
        return add_image(&image_url, media, nodes, why);
    if (image_url.json && image_url.json->type != JSON_OBJECT)
        return field_wrong_type(&image_url, "an object with the member url, or a string",
                                "含有 url 成员的对象或字符串", why);
    enum status status = field_is(&image_url, JSON_OBJECT, why);
    const struct field url = field_member(&image_url, "url");
    if (!status)
        status = add_image(&url, media, nodes, why);
    if (!status)
        status = check_detail(&image_url, why);
    return status ? status : refuse_sizes(&image_url, why);
}

static enum status parse_image(const struct field *part, struct chat_media *media,
                               struct part_nodes *nodes, struct reason *why)
{
    const struct field image = field_member(part, "image");
    return add_image(&image, media, nodes, why);
}

static enum status parse_frames(const struct field *video, struct arena *arena,
                                struct chat_video *out, struct reason *why)
{
    const struct json *list = video->json;
    if (list->count == 0) {
        reason_set(why, "invalid_value", "%s must hold at least one frame.", "%s 至少要有一帧。",
                   field_path(video).text);
        return field_blame(video, why);
    }
    struct chat_image *frames = arena_array(arena, list->count, sizeof *frames);
    if (!frames)
        return reason_no_memory(why, list->count * sizeof *frames);
    out->frames = frames;
    JSON_EACH(url, list) {
        const struct field frame = field_element(video, url, out->frame_count);
        const enum status status = fill_image(&frame, arena, &frames[out->frame_count++], why);
        if (status)
            return status;
    }
    return STATUS_OK;
}

/* fps, or sample_fps as qwen-vl-utils calls it for a list of frames. */
static enum status parse_fps(const struct field *part, double *fps, struct reason *why)
{
    static const struct field_range range = {.min = 0.001, .max = 1000};
    const struct field sample_fps = field_member(part, "sample_fps");
    const struct field plain = field_member(part, "fps");
    *fps = NAN;
    const enum status status = field_number(&sample_fps, range, fps, why);
    return status ? status : field_number(&plain, range, fps, why);
}

/* A new video at this place, not counted yet. */
static enum status new_video(const struct field *place, struct chat_media *media,
                             struct chat_video **out, struct reason *why)
{
    struct chat_video *videos =
        grow(media->arena, media->videos, media->video_count, sizeof *videos);
    if (!videos)
        return reason_no_memory(why, sizeof *videos);
    media->videos = videos;
    *out = &videos[media->video_count];
    **out = (struct chat_video){
        .path = arena_strdup(media->arena, str_from(field_path(place).text)),
        .max_frames = -1,
    };
    return (*out)->path ? STATUS_OK : reason_no_memory(why, sizeof(struct field_path));
}

static enum status add_video_file(const struct field *part, const struct field *url,
                                  struct chat_media *media, struct part_nodes *nodes,
                                  struct reason *why)
{
    struct chat_video *video;
    const struct field max_frames = field_member(part, "max_frames");
    enum status status = new_video(url, media, &video, why);
    if (!status)
        status = field_text(url, &video->url, why);
    if (!status)
        status = parse_fps(part, &video->fps, why);
    if (!status)
        status = field_integer(&max_frames, 2, INT32_MAX, &video->max_frames, why);
    if (status)
        return status;
    media->video_count++;
    return fill_part(nodes, "video", NULL);
}

static enum status parse_video_url(const struct field *part, struct chat_media *media,
                                   struct part_nodes *nodes, struct reason *why)
{
    const struct field video_url = field_member(part, "video_url");
    if (json_is(video_url.json, JSON_STRING))
        return add_video_file(part, &video_url, media, nodes, why);
    if (video_url.json && video_url.json->type != JSON_OBJECT)
        return field_wrong_type(&video_url, "an object with the member url, or a string",
                                "含有 url 成员的对象或字符串", why);
    const enum status status = field_is(&video_url, JSON_OBJECT, why);
    const struct field url = field_member(&video_url, "url");
    return status ? status : add_video_file(part, &url, media, nodes, why);
}

static enum status parse_video(const struct field *part, struct chat_media *media,
                               struct part_nodes *nodes, struct reason *why)
{
    const struct field video = field_member(part, "video");
    if (json_is(video.json, JSON_STRING))
        return add_video_file(part, &video, media, nodes, why);
    struct chat_video *out;
    enum status status = field_is(&video, JSON_ARRAY, why);
    if (!status)
        status = new_video(&video, media, &out, why);
    if (!status)
        status = parse_frames(&video, media->arena, out, why);
    if (!status)
        status = parse_fps(part, &out->fps, why);
    if (status)
        return status;
    media->video_count++;
    return fill_part(nodes, "video", NULL);
}

enum {
    IN_ASSISTANT = 1 << CHAT_ASSISTANT,
    IN_QUESTION = 1 << CHAT_USER | 1 << CHAT_TOOL,
    IN_ALL = IN_QUESTION | IN_ASSISTANT | 1 << CHAT_SYSTEM,
};

static const struct part_kind {
    const char *type;
    unsigned roles; /* that may hold it */
    enum status (*parse)(const struct field *part, struct chat_media *media,
                         struct part_nodes *nodes, struct reason *why);
} part_kinds[] = {
    {"text", IN_ALL, parse_text},
    {"image_url", IN_QUESTION, parse_image_url},
    {"image", IN_QUESTION, parse_image},
    {"video", IN_QUESTION, parse_video},
    {"video_url", IN_QUESTION, parse_video_url},
    {"refusal", IN_ASSISTANT, parse_refusal},
};

static enum status unknown_part(const struct field *type, struct reason *why)
{
    reason_set(why, "unknown_content_part",
               "%s is \"%s\"; the supported types are text, image_url, image, video_url and "
               "video.",
               "%s 的值是 \"%s\"；支持的类型有 text、image_url、image、video_url 和 video。",
               field_path(type).text, field_quote(type->json->text).text);
    if (str_is(type->json->text, "input_text") || str_is(type->json->text, "input_image"))
        reason_hint(why,
                    "input_text and input_image belong to another API; here they are called "
                    "text and image_url.",
                    "input_text 和 input_image 属于另一种 API；这里对应 text 和 image_url。");
    return field_blame(type, why);
}

static enum status misplaced_part(const struct field *type, struct reason *why)
{
    const bool refusal = str_is(type->json->text, "refusal");
    reason_set(why, "invalid_value",
               "%s is \"%s\", which may stand only in messages of role %s%.0s.",
               "%s 的值是 \"%s\"，它只能出现在角色为%.0s %s 的消息中。", field_path(type).text,
               field_quote(type->json->text).text, refusal ? "assistant" : "user or tool",
               refusal ? "assistant" : "user 或 tool");
    return field_blame(type, why);
}

static enum status parse_part(const struct field *part, enum chat_role role,
                              struct chat_media *media, struct part_nodes *nodes,
                              struct reason *why)
{
    enum status status = field_is(part, JSON_OBJECT, why);
    const struct field type = field_member(part, "type");
    if (!status)
        status = field_is(&type, JSON_STRING, why);
    if (status)
        return status;
    for (size_t i = 0; i < ARRAY_LEN(part_kinds); i++) {
        if (!str_is(type.json->text, part_kinds[i].type))
            continue;
        if (!(part_kinds[i].roles & 1u << role))
            return misplaced_part(&type, why);
        status = part_kinds[i].parse(part, media, nodes, why);
        return status || part_kinds[i].roles != IN_QUESTION ? status : refuse_sizes(part, why);
    }
    return unknown_part(&type, why);
}

static enum status parse_parts(const struct field *content, enum chat_role role,
                               struct chat_media *media, struct json *out, struct reason *why)
{
    const struct json *list = content->json;
    if (list->count == 0) {
        reason_set(why, "invalid_value", "%s must hold at least one part.",
                   "%s 至少要有一个内容片段。", field_path(content).text);
        return field_blame(content, why);
    }
    struct part_nodes *nodes = arena_array(media->arena, list->count, sizeof *nodes);
    if (!nodes)
        return reason_no_memory(why, list->count * sizeof *nodes);
    *out = (struct json){.type = JSON_ARRAY};
    struct json **end = &out->first;
    JSON_EACH(item, list) {
        const struct field part = field_element(content, item, out->count);
        const enum status status = parse_part(&part, role, media, &nodes[out->count], why);
        if (status)
            return status;
        end = chat_adopt(out, end, NULL, &nodes[out->count].part);
    }
    return STATUS_OK;
}

enum status chat_content_parse(const struct field *content, enum chat_role role,
                               struct chat_media *media, struct json *out, struct reason *why)
{
    switch (content->json->type) {
    case JSON_STRING: *out = *content->json; return STATUS_OK;
    case JSON_ARRAY: return parse_parts(content, role, media, out, why);
    default:
        return field_wrong_type(content, "a string or an array of parts", "字符串或内容片段数组",
                                why);
    }
}
