#include "golden_case.h"

#include "base/test.h"
#include "os/cpu.h"

enum { PICTURES_MAX = 8, FRAMES_MAX = 16, FILE_BYTES_MAX = 16 << 20 };

#define MODELS "tests/golden/models"

bool golden_cpu_level(void)
{
    const char *level = getenv("QVL_CPU");
    return !level || cpu_set_level(level, NULL) == STATUS_OK;
}

struct golden_files golden_files_of(const char *name, const struct json *row)
{
    struct golden_files files = {0};
    snprintf(files.text, sizeof files.text, "%s", name);
    if (!json_get(row, "text_file"))
        return files;
    const int above = (int)(strrchr(name, '/') - name); /* the names begin in the folder above */
    snprintf(files.text, sizeof files.text, "%.*s/%.*s", above, name,
             STR_ARG(golden_get(row, "text_file")->text));
    snprintf(files.mmproj, sizeof files.mmproj, "%.*s/%.*s", above, name,
             STR_ARG(golden_get(row, "mmproj_file")->text));
    return files;
}

bool golden_files_same(const struct golden_files *a, const struct golden_files *b)
{
    return strcmp(a->text, b->text) == 0 && strcmp(a->mmproj, b->mmproj) == 0;
}

bool golden_packed;

struct model *golden_load(const struct golden_files *files)
{
    char path[512], mmproj[512] = "";
    struct reason why;
    struct model *model = NULL;
    snprintf(path, sizeof path, MODELS "/%s", files->text);
    snprintf(path, sizeof path, "%s", golden_path(path));
    if (files->mmproj[0])
        snprintf(mmproj, sizeof mmproj, MODELS "/%s", files->mmproj);
    if (files->mmproj[0])
        snprintf(mmproj, sizeof mmproj, "%s", golden_path(mmproj));
    const struct model_options options = {.mmproj = mmproj, .exact = !golden_packed};
    if (model_load(path, &options, &model, &why) != STATUS_OK)
        fail_msg("%s", why.message[LANG_EN]);
    return model;
}

struct model *golden_model(const char *name)
{
    struct golden_files files = {0};
    snprintf(files.text, sizeof files.text, "%s", name);
    return golden_load(&files);
}

struct image golden_picture(const char *folder, struct str file)
{
    const struct image_limits limits = {1 << 26, FILE_BYTES_MAX};
    char path[256];
    struct buf bytes;
    struct reason why;
    struct image image = {0};
    snprintf(path, sizeof path, "%s/%.*s", folder, STR_ARG(file));
    buf_init(&bytes, FILE_BYTES_MAX);
    if (file_read(golden_path(path), &bytes, &why) != STATUS_OK ||
        image_decode((const uint8_t *)bytes.data, bytes.len, &limits, &image, &why) != STATUS_OK)
        fail_msg("%s", why.message[LANG_EN]);
    buf_release(&bytes);
    return image;
}

/* The media of one case, decoded. */
struct media {
    struct prompt_picture pictures[PICTURES_MAX];
    size_t picture_count;
    struct image frames[FRAMES_MAX];
    double times[FRAMES_MAX];
    struct prompt_video video; /* the cases have at most one */
    size_t video_count;
};

static void read_video(const struct json *row, const struct json *video, struct media *media)
{
    assert_int_equal(media->video_count, 0);
    uint32_t count = 0;
    JSON_EACH(file, golden_get(video, "files"))
        media->frames[count++] = golden_picture(MODELS, file->text);
    uint32_t indices = 0;
    JSON_EACH(index, golden_get(video, "frames_indices"))
        media->times[indices++] = golden_number(index) / golden_number(golden_get(video, "fps"));
    assert_int_equal(indices, count);
    media->video = (struct prompt_video){
        .frames = media->frames,
        .frame_times = media->times,
        .count = count,
        .keep_outer = str_is(golden_get(row, "video_layout")->text, "outer"),
    };
    media->video_count = 1;
}

static void read_media(const struct json *row, struct media *media)
{
    *media = (struct media){0};
    JSON_EACH(image, golden_get(row, "images"))
        media->pictures[media->picture_count++].image =
            golden_picture(MODELS, golden_get(image, "file")->text);
    JSON_EACH(video, golden_get(row, "videos"))
        read_video(row, video, media);
}

static void release_media(struct media *media)
{
    for (size_t i = 0; i < media->picture_count; i++)
        image_release(&media->pictures[i].image);
    for (uint32_t i = 0; i < media->video.count; i++)
        image_release(&media->frames[i]);
}

/* Ends the prompt after the last piece that reads `text`. */
static void cut_after(struct prompt *prompt, struct str text)
{
    while (prompt->count > 0 && !str_eq(prompt->pieces[prompt->count - 1].text, text))
        prompt->count--;
    assert_true(prompt->count > 0);
}

static void check_text(const struct prompt *prompt, struct str expected)
{
    struct buf text;
    buf_init(&text, 1 << 20);
    prompt_text(prompt, &text);
    if (!str_eq(buf_str(&text), expected))
        fail_msg("prompt: %.*s\nexpected: %.*s", STR_ARG(buf_str(&text)), STR_ARG(expected));
    buf_release(&text);
}

void golden_prompt(const struct model *model, const struct json *row, struct prompt_input *out)
{
    struct media media;
    read_media(row, &media);
    const struct prompt_request request = {
        .messages = golden_get(row, "messages"),
        .options = {.add_generation_prompt = golden_get(row, "add_generation_prompt")->truth},
        .pictures = media.pictures,
        .picture_count = media.picture_count,
        .videos = &media.video,
        .video_count = media.video_count,
    };
    struct arena arena;
    arena_init(&arena, 1 << 24);
    struct prompt rendered;
    struct reason why;
    if (chat_template_render(model->template_kind, request.messages, NULL, request.options, &arena,
                             &rendered, &why) != STATUS_OK)
        fail_msg("%s", why.message[LANG_EN]);
    if (json_is(golden_get(row, "cut"), JSON_STRING))
        cut_after(&rendered, golden_get(row, "cut")->text);
    check_text(&rendered, golden_get(row, "prompt")->text);
    if (prompt_build_rendered(model, &rendered, &request, out, &why) != STATUS_OK)
        fail_msg("%s", why.message[LANG_EN]);
    arena_release(&arena);
    release_media(&media);
}
