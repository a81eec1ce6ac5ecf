/* Videos that ffmpeg makes here, against frames that ffmpeg decodes one after the other. */
#include "server/video.h"

#include "base/clock.h"
#include "base/test.h"
#include "image/resize.h"
#include "os/file.h"
#include "os/process.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

enum { W = 96, H = 64 }; /* of most videos: multiples of 32, which stay as they are */

static char dir[64];
static struct model *model;

static const char *at(const char *name)
{
    static char path[160];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    return path;
}

/* Runs a shell command in the directory of the videos. */
static void shell(const char *format, ...) __attribute__((format(printf, 1, 2)));
static void shell(const char *format, ...)
{
    char command[1024];
    int n = snprintf(command, sizeof command, "cd '%s' && ", dir);
    va_list args;
    va_start(args, format);
    vsnprintf(command + n, sizeof command - (size_t)n, format, args);
    va_end(args);
    if (system(command) != 0)
        fail_msg("%s", command);
}

#define MAKE "ffmpeg -v error -y -f lavfi -i testsrc=d=%g:s=%dx%d:r=30 "

static int set_up(void **state)
{
    (void)state;
    strcpy(dir, "/tmp/qvl-video-XXXXXX");
    model = calloc(1, sizeof *model);
    if (!mkdtemp(dir) || !model)
        return -1;
    model->config.video = (struct pixel_sizes){4096, 25165824};
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    free(model);
    char command[96];
    snprintf(command, sizeof command, "rm -r '%s'", dir);
    return system(command);
}

static const struct video_sampling usual = {.fps = 2, .min_frames = 4, .max_frames = 768};

static struct video_limits in_a_minute(void)
{
    return (struct video_limits){
        .pixels = 100000000,
        .kept_pixels = 100000000,
        .end_ns = clock_ns(&clock_system) + INT64_C(60) * 1000000000,
    };
}

static enum status load_within(const char *name, struct video_sampling sampling,
                               struct video_limits limits, struct prompt_video *out,
                               struct reason *why)
{
    const int fd = open(at(name), O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    const enum status status = video_load(fd, &sampling, model, &limits, out, why);
    close(fd);
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
    assert_int_equal(errno, ECHILD);
    return status;
}

static void load_well(const char *name, struct video_sampling sampling, struct prompt_video *out)
{
    struct reason why;
    if (load_within(name, sampling, in_a_minute(), out, &why))
        fail_msg("%s: %s", name, why.message[LANG_EN]);
}

/* All frames of a file, by a plain conversion. */
struct all_frames {
    struct buf bytes;
    uint32_t width, height, count;
    double fps;
};

static struct image frame_of(const struct all_frames *all, uint32_t i)
{
    const size_t size = (size_t)all->width * all->height * 3;
    return (struct image){all->width, all->height, (uint8_t *)all->bytes.data + i * size};
}

static void read_all(const char *name, uint32_t width, uint32_t height, struct all_frames *all)
{
    *all = (struct all_frames){.width = width, .height = height};
    shell("ffmpeg -v error -y -i %s -f rawvideo -pix_fmt rgb24 -fps_mode passthrough all.rgb",
          name);
    shell(
        "ffprobe -v error -select_streams v -show_entries stream=avg_frame_rate,r_frame_rate "
        "-of default=nw=1 %s > rates; grep avg rates | grep -v =0/0 > rate || grep r_ rates > rate",
        name);
    buf_init(&all->bytes, 100 << 20);
    assert_int_equal(file_read(at("all.rgb"), &all->bytes, NULL), STATUS_OK);
    all->count = (uint32_t)(all->bytes.len / (width * height * 3));
    assert_int_equal(all->count * width * height * 3, all->bytes.len);
    FILE *rate = fopen(at("rate"), "r");
    double above, below;
    assert_non_null(rate);
    assert_int_equal(fscanf(rate, "%*[^=]=%lf/%lf", &above, &below), 2);
    fclose(rate);
    all->fps = above / below;
}

/* The frames and times are those that the reference's sampling chooses of all frames. */
static void check_frames(const char *name, struct video_sampling sampling,
                         const struct prompt_video *video, const struct all_frames *all)
{
    const uint32_t count = video_sample_count(&sampling, all->count, all->fps);
    uint32_t indices[800], height, width;
    if (video->count != count)
        fail_msg("%s: %u frames, not %u of %u", name, video->count, count, all->count);
    video_sample_indices(all->count, count, indices);
    assert_int_equal(
        prompt_video_size(model, count, all->height, all->width, &height, &width, NULL), STATUS_OK);
    assert_int_equal(video->source_height, all->height);
    assert_int_equal(video->source_width, all->width);
    for (uint32_t i = 0; i < count; i++) {
        const struct image source = frame_of(all, indices[i]);
        struct image expected;
        assert_int_equal(resize_bicubic(&source, height, width, &expected, NULL), STATUS_OK);
        assert_int_equal(video->frames[i].height, height);
        assert_int_equal(video->frames[i].width, width);
        if (memcmp(video->frames[i].rgb, expected.rgb, (size_t)height * width * 3) != 0)
            fail_msg("%s: frame %u is not frame %u of the file", name, i, indices[i]);
        image_release(&expected);
        if (video->frame_times[i] != indices[i] / all->fps)
            fail_msg("%s: frame %u is at %g s, not %g", name, i, video->frame_times[i],
                     indices[i] / all->fps);
    }
}

static void check_file(const char *name, uint32_t width, uint32_t height,
                       struct video_sampling sampling)
{
    struct all_frames all;
    struct prompt_video video;
    read_all(name, width, height, &all);
    load_well(name, sampling, &video);
    check_frames(name, sampling, &video, &all);
    video_release(&video);
    buf_release(&all.bytes);
}

static void frames_are_those_of_the_reference(void **state)
{
    (void)state;
    static const struct {
        const char *name, *options;
        int width, height;
        double seconds;
    } rows[] = {
        {"a.mp4", "-c:v libx264 -pix_fmt yuv420p", W, H, 3},
        {"b.mp4", "-c:v libx264 -pix_fmt yuv444p -bf 3 -g 40", 130, 98, 3},
        {"c.mp4", "-c:v mpeg4", 50, 34, 1},
        {"d.mov", "-c:v mjpeg -pix_fmt yuvj420p", 33, 31, 1},
        {"e.mkv", "-c:v libx264 -pix_fmt yuv420p", W, H, 2.6},
        {"f.webm", "-c:v libvpx -b:v 1M", W, H, 2},
        {"g.webm", "-c:v libvpx-vp9 -cpu-used 8 -b:v 1M", W, H, 1},
        {"h.avi", "-c:v mpeg4", 200, 20, 2},
        {"i.ts", "-c:v mpeg2video", W, H, 2},
        {"j.mpg", "-c:v mpeg2video", W, H, 2},
        {"k.flv", "-c:v flv", W, H, 2},
        {"l.ogv", "-c:v libtheora", W, H, 2},
        {"m.gif", "-vf fps=10", W, H, 2},
        {"n.wmv", "-c:v wmv2", W, H, 1},
        {"two.mp4", "-c:v libx264 -pix_fmt yuv420p -frames:v 2", W, H, 3},
        {"slow.mp4", "-c:v libx264 -pix_fmt yuv420p -vf fps=1", W, H, 9},
        {"ntsc.mp4", "-c:v libx264 -pix_fmt yuv420p -r 30000/1001", W, H, 4},
        {"uneven.mp4",
         "-c:v libx264 -pix_fmt yuv420p -vf \"select='gt(random(1),0.6)'\" -fps_mode vfr", W, H, 6},
        {"uneven.mkv",
         "-c:v libx264 -pix_fmt yuv420p -vf \"select='gt(random(1),0.6)'\" -fps_mode vfr", W, H, 6},
        {"fragments.mp4", "-c:v libx264 -pix_fmt yuv420p -movflags frag_keyframe+empty_moov -g 20",
         W, H, 3},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        shell(MAKE "%s %s", rows[i].seconds, rows[i].width, rows[i].height, rows[i].options,
              rows[i].name);
        check_file(rows[i].name, (uint32_t)rows[i].width, (uint32_t)rows[i].height, usual);
    }
}

static void sampling_is_as_asked(void **state)
{
    (void)state;
    static const struct video_sampling samplings[] = {
        {.fps = 0.5, .min_frames = 4, .max_frames = 768},
        {.fps = 7.3, .min_frames = 4, .max_frames = 768},
        {.fps = 1000, .min_frames = 4, .max_frames = 768},
        {.fps = 2, .min_frames = 4, .max_frames = 5},
        {.fps = 2, .min_frames = 4, .max_frames = 2},
        {.fps = 2, .min_frames = 4, .max_frames = 3},
    };
    shell(MAKE "-c:v libx264 -pix_fmt yuv420p s.mp4", 3.0, W, H);
    for (size_t i = 0; i < ARRAY_LEN(samplings); i++)
        check_file("s.mp4", W, H, samplings[i]);
    shell(MAKE "-c:v libx264 -pix_fmt yuv420p many.mp4", 12.0, W, H);
    check_file("many.mp4", W, H, (struct video_sampling){.fps = 29, .max_frames = 768});
    model->config.video.max_pixels = 40000; /* much smaller frames */
    check_file("s.mp4", W, H, samplings[1]);
    model->config.video.max_pixels = 25165824;
}

/* Edit lists hide frames that the container counts: what is seen is what a player shows. */
static void hidden_frames_do_not_count(void **state)
{
    (void)state;
    shell(MAKE "-c:v libx264 -pix_fmt yuv420p -g 60 whole.mp4", 4.0, W, H);
    shell("ffmpeg -v error -y -ss 1 -i whole.mp4 -c copy part.mp4");
    check_file("part.mp4", W, H, usual);
}

static void a_turned_video_stands_upright(void **state)
{
    (void)state;
    shell(MAKE "-c:v libx264 -pix_fmt yuv420p flat.mp4", 1.0, W, H);
    shell("ffmpeg -v error -y -i flat.mp4 -c copy -metadata:s:v rotate=90 turned.mp4");
    check_file("turned.mp4", H, W, usual);
}

/* A second stream, and a picture of the cover, are not looked at. */
static void the_first_stream_counts(void **state)
{
    (void)state;
    shell("ffmpeg -v error -y -f lavfi -i testsrc2=d=2:s=64x64:r=25 -f lavfi -i "
          "testsrc=d=2:s=96x64:r=30 -f lavfi -i sine=d=2 -map 2 -map 1 -map 0 -c:v libx264 "
          "-pix_fmt yuv420p many.mkv");
    shell("ffmpeg -v error -y -i many.mkv -map 0:v:0 -c copy one.mkv");
    struct all_frames all;
    struct prompt_video video;
    read_all("one.mkv", W, H, &all);
    load_well("many.mkv", usual, &video);
    check_frames("many.mkv", usual, &video, &all);
    video_release(&video);
    buf_release(&all.bytes);
}

static void check_refused(const char *name, struct video_limits limits, const char *code,
                          const char *words)
{
    struct prompt_video video;
    struct reason why = {.code = "accepted"};
    const enum status status = load_within(name, usual, limits, &video, &why);
    if (status == STATUS_OK || strcmp(why.code, code) != 0 || !strstr(why.message[LANG_EN], words))
        fail_msg("%s: %s: %s", name, why.code, why.message[LANG_EN]);
    assert_true(why.message[LANG_ZH][0] != '\0');
    video_release(&video);
}

static void make_broken_files(void)
{
    shell(MAKE "-c:v libx264 -pix_fmt yuv420p -movflags +faststart whole.mp4", 3.0, W, H);
    shell("head -c $(($(stat -c %%s whole.mp4) / 2)) whole.mp4 > cut.mp4");
    shell(MAKE "-c:v libx264 -pix_fmt yuv420p end.mp4", 3.0, W, H);
    shell("head -c $(($(stat -c %%s end.mp4) / 2)) end.mp4 > headless.mp4");
    shell("ffmpeg -v error -y -f lavfi -i sine=d=1 sound.m4a");
    shell("ffmpeg -v error -y -i whole.mp4 -frames:v 1 cover.png");
    shell("ffmpeg -v error -y -i sound.m4a -i cover.png -map 0 -map 1 -c copy "
          "-disposition:v attached_pic covered.m4a");
    shell("ffmpeg -v error -y -i whole.mp4 -frames:v 1 -c copy single.mp4");
    shell(
        "echo 'no video at all' > text.mp4; : > empty.mp4; head -c 9999 /dev/urandom > noise.mp4");
    shell("printf '#EXTM3U\\n#EXT-X-TARGETDURATION:9\\n#EXTINF:9,\\nfile:%s/whole.mp4\\n"
          "#EXT-X-ENDLIST\\n' > list.m3u8",
          dir);
    shell("printf 'ffconcat version 1.0\\nfile %s/whole.mp4\\nfile /etc/passwd\\n' > list.ffconcat",
          dir);
    shell("printf '<?xml version=\"1.0\"?><MPD xmlns=\"urn:mpeg:dash:schema:mpd:2011\" "
          "type=\"static\" mediaPresentationDuration=\"PT3S\"><Period><AdaptationSet>"
          "<Representation id=\"0\" bandwidth=\"9\"><BaseURL>file:%s/whole.mp4</BaseURL>"
          "</Representation></AdaptationSet></Period></MPD>' > list.mpd",
          dir);
    shell("printf '\\211PNG\\r\\n\\032\\n' > picture.png; cat cover.png > picture.png");
}

static void other_files_are_refused(void **state)
{
    (void)state;
    static const char *const rows[][2] = {
        {"cut.mp4", "frames to look at could be decoded"},
        {"headless.mp4", "cannot read the video"},
        {"sound.m4a", "no video stream"},
        {"covered.m4a", "no video stream"},
        {"single.mp4", "at least two frames"},
        {"text.mp4", "cannot read the video"},
        {"empty.mp4", "cannot read the video"},
        {"noise.mp4", "cannot read the video"},
        {"list.m3u8", "cannot read the video"},
        {"list.ffconcat", "cannot read the video"},
        {"list.mpd", "cannot read the video"},
        {"picture.png", "cannot read the video"},
    };
    make_broken_files();
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        check_refused(rows[i][0], in_a_minute(), "invalid_video", rows[i][1]);
}

/* Writes 32 bits, big-endian, where a box of this kind says a size. */
static void patch(const char *name, const char *box, size_t skip, uint16_t value)
{
    struct buf bytes;
    buf_init(&bytes, 10 << 20);
    assert_int_equal(file_read(at(name), &bytes, NULL), STATUS_OK);
    char *place = memmem(bytes.data, bytes.len, box, 4);
    assert_non_null(place);
    place[skip] = (char)(value >> 8);
    place[skip + 1] = (char)value;
    FILE *file = fopen(at(name), "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes.data, 1, bytes.len, file), bytes.len);
    fclose(file);
    buf_release(&bytes);
}

static void sizes_are_bounded(void **state)
{
    (void)state;
    shell(MAKE "-c:v mpeg4 big.mp4", 1.0, 640, 480);
    struct video_limits limits = in_a_minute();
    limits.pixels = 640 * 480;
    struct prompt_video video;
    assert_int_equal(load_within("big.mp4", usual, limits, &video, NULL), STATUS_OK);
    const uint64_t kept = (uint64_t)video.count * video.frames[0].width * video.frames[0].height;
    video_release(&video);
    limits.pixels--;
    check_refused("big.mp4", limits, "invalid_video", "");
    limits = in_a_minute();
    limits.kept_pixels = kept;
    assert_int_equal(load_within("big.mp4", usual, limits, &video, NULL), STATUS_OK);
    video_release(&video);
    limits.kept_pixels--;
    check_refused("big.mp4", limits, "invalid_video", "too many pixels in all");
    shell(MAKE "-c:v rawvideo -pix_fmt rgb24 -f mov liar.mov", 0.2, 32, 32);
    patch("liar.mov", "raw ", 28, 60000); /* width and height of the sample description */
    patch("liar.mov", "raw ", 30, 60000);
    check_refused("liar.mov", in_a_minute(), "invalid_video", "");
}

static void time_is_bounded(void **state)
{
    (void)state;
    shell(MAKE "-c:v mpeg4 t.mp4", 1.0, W, H);
    struct video_limits limits = in_a_minute();
    limits.end_ns = clock_ns(&clock_system) + 1000000;
    check_refused("t.mp4", limits, "invalid_video", "took too long");
    limits.end_ns = 0;
    check_refused("t.mp4", limits, "invalid_video", "took too long");
}

static void nobody_waits(void **state)
{
    (void)state;
    const atomic_bool cancelled = true;
    shell(MAKE "-c:v mpeg4 t.mp4", 1.0, W, H);
    struct video_limits limits = in_a_minute();
    limits.cancelled = &cancelled;
    check_refused("t.mp4", limits, "client_closed", "The client left");
}

static int open_descriptors(void)
{
    int count = 0;
    DIR *directory = opendir("/proc/self/fd");
    assert_non_null(directory);
    while (readdir(directory))
        count++;
    closedir(directory);
    return count;
}

/* In place of both tools: a script. */
static void check_tools(const char *script, const char *code, const char *words)
{
    static char before[4096];
    char path[4200];
    snprintf(before, sizeof before, "%s", getenv("PATH"));
    shell("mkdir -p tools && printf '#!/bin/sh\\n%%s\\n' '%s' > tools/ffprobe && "
          "cp tools/ffprobe tools/ffmpeg && chmod +x tools/*",
          script);
    snprintf(path, sizeof path, "%s:%s", at("tools"), before);
    setenv("PATH", path, 1);
    const int descriptors = open_descriptors();
    struct video_limits limits = in_a_minute();
    if (strstr(words, "too long"))
        limits.end_ns -= INT64_C(59) * 1000000000;
    check_refused("t.mp4", limits, code, words);
    assert_int_equal(open_descriptors(), descriptors);
    setenv("PATH", before, 1);
}

#define REPORT "echo \"{\\\"streams\\\":[{\\\"nb_frames\\\":\\\"9\\\"}]}\"; "

static void hostile_tools_harm_nothing(void **state)
{
    (void)state;
    shell(MAKE "-c:v mpeg4 t.mp4", 1.0, W, H);
    check_tools("kill -9 $$", "invalid_video", "signal 9");
    check_tools("kill -SEGV $$", "invalid_video", "signal 11");
    check_tools("sleep 100", "invalid_video", "took too long");
    check_tools("yes", "memory_full", "");
    check_tools("yes >&2", "invalid_video", "took too long");
    check_tools("exit 0", "invalid_video", "no video stream");
    check_tools("echo 1", "invalid_video", "no video stream");
    check_tools("echo {}", "invalid_video", "no video stream");
    check_tools("printf \"\\\\001\\\\377\\\\n\" >&2; exit 1", "invalid_video", "video: ??.");
    check_tools(REPORT, "invalid_video", "something else than pictures");
    check_tools("case $0 in *probe) " REPORT ";; *) printf \"P6\\n99999 99999\\n255\\n\";; esac",
                "invalid_video", "at most 100000000 in all");
    check_tools("case $0 in *probe) " REPORT ";; *) printf \"P6\\n2 2\\n255\\n123456789012P6\\n2 "
                "3\\n255\\n123456789012345678\";; esac",
                "invalid_video", "differ in size");
    check_tools("case $0 in *probe) " REPORT ";; *) echo bad >&2; exit 0;; esac", "invalid_video",
                "0 of the 4 frames to look at could be decoded: bad");
    check_tools("case $0 in *probe) " REPORT ";; esac", "invalid_video",
                "no frame that can be decoded");
}

static void without_ffmpeg_it_says_so(void **state)
{
    (void)state;
    char before[4096];
    shell(MAKE "-c:v mpeg4 t.mp4", 1.0, W, H);
    snprintf(before, sizeof before, "%s", getenv("PATH"));
    setenv("PATH", "/nowhere", 1);
    check_refused("t.mp4", in_a_minute(), "invalid_video", "is not installed on the server");
    setenv("PATH", before, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(frames_are_those_of_the_reference),
        cmocka_unit_test(sampling_is_as_asked),
        cmocka_unit_test(hidden_frames_do_not_count),
        cmocka_unit_test(a_turned_video_stands_upright),
        cmocka_unit_test(the_first_stream_counts),
        cmocka_unit_test(other_files_are_refused),
        cmocka_unit_test(sizes_are_bounded),
        cmocka_unit_test(time_is_bounded),
        cmocka_unit_test(nobody_waits),
        cmocka_unit_test(hostile_tools_harm_nothing),
        cmocka_unit_test(without_ffmpeg_it_says_so),
    };
    char program[256];
    if (!process_find("ffmpeg", program, sizeof program)) {
        puts("ffmpeg is not installed: nothing was tested");
        return 77; /* skipped, for Meson */
    }
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
