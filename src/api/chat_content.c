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

/* What the tables of parts fill. */
struct part {
    struct chat_media *media;
    const struct json *text;
    struct str url;   /* of a picture or a video file */
    const char *path; /* of the URL or of the frames */
    int64_t min_pixels, max_pixels;
    int detail; /* of details[] */
    double fps, sample_fps;
    int64_t max_frames;
    const struct chat_image *frames;
    uint32_t frame_count;
};

enum { DETAIL_AUTO, DETAIL_LOW };
static const char *const details[] = {"auto", "low", "high", NULL};

static void fill_part(struct part_nodes *nodes, const char *type, const struct json *text)
{
    nodes->part = (struct json){.type = JSON_OBJECT};
    nodes->type = (struct json){.type = JSON_STRING, .text = str_from(type)};
    struct json **end = chat_adopt(&nodes->part, &nodes->part.first, "type", &nodes->type);
    if (text) {
        nodes->text = *text;
        chat_adopt(&nodes->part, end, "text", &nodes->text);
    }
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

static enum status keep_path(const struct field *field, struct arena *arena, const char **out,
                             struct reason *why)
{
    *out = arena_strdup(arena, str_from(field_path(field).text));
    return *out ? STATUS_OK : reason_no_memory(why, sizeof(struct field_path));
}

static enum status parse_url(const struct field *url, struct arena *arena, void *to,
                             struct reason *why)
{
    struct part *part = to;
    const enum status status = field_text(url, &part->url, why);
    return status ? status : keep_path(url, arena, &part->path, why);
}

enum status chat_pixels_check(const struct field *object, int64_t min_pixels, int64_t max_pixels,
                              struct reason *why)
{
    const struct field field = field_member(object, "min_pixels");
    if (!field.json || max_pixels < 0 || min_pixels <= max_pixels)
        return STATUS_OK;
    reason_set(why, "invalid_value", "%s must not be above max_pixels (%lld).",
               "%s 不能大于 max_pixels（%lld）。", field_path(&field).text, (long long)max_pixels);
    return field_blame(&field, why);
}

/* Sizes that only other programs know. */
#define UNKNOWN_SIZES                                                                              \
    {"total_pixels", FIELD_NEUTRAL, .neutral = ONLY_ABSENT},                                       \
        {"resized_height", FIELD_NEUTRAL, .neutral = ONLY_ABSENT},                                 \
    {                                                                                              \
        "resized_width", FIELD_NEUTRAL, .neutral = ONLY_ABSENT                                     \
    }
#define SIZES                                                                                      \
    {"min_pixels", FIELD_INTEGER, FIELD_AT(part, min_pixels), .min = 1, .max = INT64_MAX},         \
        {"max_pixels", FIELD_INTEGER, FIELD_AT(part, max_pixels), .min = 1, .max = INT64_MAX},     \
        UNKNOWN_SIZES
#define FPS .range = {0.001, 1000, false}

enum { STRING = 1 << JSON_STRING, ARRAY = 1 << JSON_ARRAY, OBJECT = 1 << JSON_OBJECT };

const struct field_row chat_image_url_rows[] = {
    {"url", FIELD_PARSED, true, .types = STRING, .en = "a string", .zh = "字符串",
     .parse = parse_url},
    {"detail", FIELD_WORD, FIELD_AT(part, detail), .words = details},
    SIZES,
    {0},
};

const struct field_row chat_video_url_rows[] = {
    {"url", FIELD_PARSED, true, .types = STRING, .en = "a string", .zh = "字符串",
     .parse = parse_url},
    {0},
};

static enum status parse_image_url(const struct field *image_url, struct arena *arena, void *to,
                                   struct reason *why)
{
    struct part *part = to;
    if (image_url->json->type == JSON_STRING)
        return parse_url(image_url, arena, part, why);
    const enum status status = field_table_parse(image_url, chat_image_url_rows, arena, part, why);
    return status ? status : chat_pixels_check(image_url, part->min_pixels, part->max_pixels, why);
}

static enum status parse_video_url(const struct field *video_url, struct arena *arena, void *to,
                                   struct reason *why)
{
    return video_url->json->type == JSON_STRING
               ? parse_url(video_url, arena, to, why)
               : field_table_parse(video_url, chat_video_url_rows, arena, to, why);
}

static enum status parse_frames(const struct field *video, struct arena *arena, struct part *part,
                                struct reason *why)
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
    part->frames = frames;
    JSON_EACH(url, list) {
        const struct field field = field_element(video, url, part->frame_count);
        struct chat_image *frame = &frames[part->frame_count++];
        *frame = (struct chat_image){.min_pixels = -1, .max_pixels = -1};
        enum status status = field_text(&field, &frame->url, why);
        if (!status)
            status = keep_path(&field, arena, &frame->path, why);
        if (status)
            return status;
    }
    return keep_path(video, arena, &part->path, why);
}

static enum status parse_video(const struct field *video, struct arena *arena, void *to,
                               struct reason *why)
{
    return video->json->type == JSON_STRING ? parse_url(video, arena, to, why)
                                            : parse_frames(video, arena, to, why);
}

static enum status add_text(const struct part *part, struct part_nodes *nodes, struct reason *why)
{
    (void)why;
    fill_part(nodes, "text", part->text);
    return STATUS_OK;
}

static enum status add_image(const struct part *part, struct part_nodes *nodes, struct reason *why)
{
    struct chat_media *media = part->media;
    struct chat_image *images =
        grow(media->arena, media->images, media->image_count, sizeof *images);
    if (!images)
        return reason_no_memory(why, sizeof *images);
    media->images = images;
    images[media->image_count++] = (struct chat_image){
        .url = part->url,
        .path = part->path,
        .min_pixels = part->min_pixels,
        .max_pixels = part->max_pixels,
        .low = part->detail == DETAIL_LOW,
    };
    fill_part(nodes, "image", NULL);
    return STATUS_OK;
}

static enum status add_video(const struct part *part, struct part_nodes *nodes, struct reason *why)
{
    struct chat_media *media = part->media;
    struct chat_video *videos =
        grow(media->arena, media->videos, media->video_count, sizeof *videos);
    if (!videos)
        return reason_no_memory(why, sizeof *videos);
    media->videos = videos;
    videos[media->video_count++] = (struct chat_video){
        .url = part->url,
        .frames = part->frames,
        .frame_count = part->frame_count,
        .fps = isnan(part->fps) ? part->sample_fps : part->fps,
        .max_frames = part->frame_count > 0 ? -1 : part->max_frames,
        .path = part->path,
    };
    fill_part(nodes, "video", NULL);
    return STATUS_OK;
}

const struct field_row chat_text_rows[] = {
    {"text", FIELD_JSON, true, FIELD_AT(part, text), .type = JSON_STRING},
    {0},
};

/* What OpenAI's clients send back of an earlier answer. */
const struct field_row chat_refusal_rows[] = {
    {"refusal", FIELD_JSON, true, FIELD_AT(part, text), .type = JSON_STRING},
    {0},
};

const struct field_row chat_image_url_part_rows[] = {
    {"image_url", FIELD_PARSED, true, .types = STRING | OBJECT,
     .en = "an object with the member url, or a string", .zh = "含有 url 成员的对象或字符串",
     .parse = parse_image_url},
    SIZES,
    {0},
};

const struct field_row chat_image_rows[] = {
    {"image", FIELD_PARSED, true, .types = STRING, .en = "a string", .zh = "字符串",
     .parse = parse_url},
    SIZES,
    {0},
};

/* fps, or sample_fps as qwen-vl-utils calls it for a list of frames. */
#define VIDEO_WISHES                                                                               \
    {"sample_fps", FIELD_NUMBER, FIELD_AT(part, sample_fps), FPS},                                 \
        {"fps", FIELD_NUMBER, FIELD_AT(part, fps), FPS},                                           \
        {"max_frames", FIELD_INTEGER, FIELD_AT(part, max_frames), .min = 2, .max = INT32_MAX},     \
        {"min_pixels", FIELD_NEUTRAL, .neutral = ONLY_ABSENT},                                     \
        {"max_pixels", FIELD_NEUTRAL, .neutral = ONLY_ABSENT}, UNKNOWN_SIZES

const struct field_row chat_video_rows[] = {
    {"video", FIELD_PARSED, true, .types = STRING | ARRAY, .en = "a string or an array of strings",
     .zh = "字符串或字符串数组", .parse = parse_video},
    VIDEO_WISHES,
    {0},
};

const struct field_row chat_video_url_part_rows[] = {
    {"video_url", FIELD_PARSED, true, .types = STRING | OBJECT,
     .en = "an object with the member url, or a string", .zh = "含有 url 成员的对象或字符串",
     .parse = parse_video_url},
    VIDEO_WISHES,
    {0},
};

enum {
    IN_ASSISTANT = 1 << CHAT_ASSISTANT,
    IN_QUESTION = 1 << CHAT_USER | 1 << CHAT_TOOL,
    IN_ALL = IN_QUESTION | IN_ASSISTANT | 1 << CHAT_SYSTEM,
};

static const struct part_kind {
    const char *type;
    unsigned roles; /* that may hold it */
    const struct field_row *rows;
    enum status (*add)(const struct part *part, struct part_nodes *nodes, struct reason *why);
} part_kinds[] = {
    {"text", IN_ALL, chat_text_rows, add_text},
    {"image_url", IN_QUESTION, chat_image_url_part_rows, add_image},
    {"image", IN_QUESTION, chat_image_rows, add_image},
    {"video", IN_QUESTION, chat_video_rows, add_video},
    {"video_url", IN_QUESTION, chat_video_url_part_rows, add_video},
    {"refusal", IN_ASSISTANT, chat_refusal_rows, add_text},
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

static enum status parse_kind(const struct field *field, const struct part_kind *kind,
                              struct chat_media *media, struct part_nodes *nodes,
                              struct reason *why)
{
    struct part part = {
        .media = media,
        .min_pixels = -1,
        .max_pixels = -1,
        .max_frames = -1,
        .fps = NAN,
        .sample_fps = NAN,
    };
    enum status status = field_table_parse(field, kind->rows, media->arena, &part, why);
    if (!status)
        status = chat_pixels_check(field, part.min_pixels, part.max_pixels, why);
    return status ? status : kind->add(&part, nodes, why);
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
        return part_kinds[i].roles & 1u << role
                   ? parse_kind(part, &part_kinds[i], media, nodes, why)
                   : misplaced_part(&type, why);
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
    if (content->json->type == JSON_ARRAY)
        return parse_parts(content, role, media, out, why);
    *out = *content->json;
    return STATUS_OK;
}
