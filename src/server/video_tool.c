#include "server/video_tool.h"

#include "base/clock.h"
#include "base/str.h"

#include <stdio.h>

/* A frame of 8K takes 50 MiB, 100 as RGB; a decoder keeps up to 17 of them. */
static const struct process_limits usual = {
    .output_bytes = UINT64_MAX,
    .memory_bytes = UINT64_C(3) << 30,
    .cpu_seconds = 150,
    .open_files = 64,
};

static enum status not_installed(const char *name, struct reason *why)
{
    reason_set(why, "invalid_video",
               "Video files cannot be read: %s is not installed on the server.",
               "无法读取视频文件：服务器上没有安装 %s。", name);
    reason_hint(why,
                "Install ffmpeg there (apt-get install ffmpeg), or send the video's frames: "
                "{\"type\":\"video\",\"video\":[\"URL\",…],\"fps\":2}.",
                "请在服务器上安装 ffmpeg（apt-get install ffmpeg），或发送视频的各帧："
                "{\"type\":\"video\",\"video\":[\"URL\",…],\"fps\":2}。");
    return STATUS_INVALID;
}

enum status video_tool_run(const char *const *argv, int fd, const struct video_limits *limits,
                           process_output_fn *on_output, void *arg, struct process_result *result,
                           struct reason *why)
{
    char program[512];
    if (!process_find(argv[0], program, sizeof program))
        return not_installed(argv[0], why);
    struct process_spec spec = {
        .program = program,
        .argv = argv,
        .input = fd,
        .limits = usual,
        .cancelled = limits->cancelled,
        .on_output = on_output,
        .arg = arg,
    };
    spec.limits.wall_ms = (limits->end_ns - clock_ns(&clock_system)) / 1000000;
    return process_run(&spec, result, why);
}

void video_tool_words(const struct process_result *result, char out[VIDEO_TOOL_WORDS])
{
    static const char input[] = VIDEO_TOOL_INPUT ": ";
    struct str text = str_trim(str_from(result->errors));
    for (size_t i = text.len; i > 0; i--)
        if (text.ptr[i - 1] == '\n') {
            text = str_slice(text, i, text.len);
            break;
        }
    if (str_starts(text, input))
        text = str_slice(text, sizeof input - 1, text.len);
    text = str_slice(text, 0, VIDEO_TOOL_WORDS - 1);
    for (size_t i = 0; i < text.len; i++)
        out[i] = (char)(text.ptr[i] >= ' ' && text.ptr[i] <= '~' ? text.ptr[i] : '?');
    out[text.len] = '\0';
}

static enum status cannot_read(const struct process_result *result, struct reason *why)
{
    char words[VIDEO_TOOL_WORDS];
    video_tool_words(result, words);
    reason_set(why, "invalid_video", "ffmpeg cannot read the video%s%s.",
               "ffmpeg 无法读取该视频%s%s。", words[0] ? ": " : "", words);
    reason_hint(why, "Send MP4, WebM, Matroska, AVI, MPEG, FLV, Ogg or GIF that a player shows.",
                "请发送播放器能够播放的 MP4、WebM、Matroska、AVI、MPEG、FLV、Ogg 或 GIF 文件。");
    return STATUS_INVALID;
}

enum status video_tool_failure(const struct process_result *result, struct reason *why)
{
    switch (result->end) {
    case PROCESS_STOPPED: return STATUS_OK; /* who stopped it knows why */
    case PROCESS_EXITED: return result->code == 0 ? STATUS_OK : cannot_read(result, why);
    case PROCESS_TOO_MUCH_OUTPUT: return cannot_read(result, why);
    case PROCESS_SIGNALED:
        reason_set(why, "invalid_video", "ffmpeg was ended by signal %d while it read the video.",
                   "ffmpeg 在读取视频时被信号 %d 终止。", result->code);
        reason_hint(why, "The video may be broken, or need more memory or time than is allowed.",
                    "视频可能已损坏，或所需的内存、时间超过限制。");
        return STATUS_INVALID;
    case PROCESS_OUT_OF_TIME:
        reason_set(why, "invalid_video", "Reading the request's videos took too long.",
                   "读取请求中的视频耗时过长。");
        reason_hint(why, "Send a shorter video, or one with smaller or fewer frames.",
                    "请发送更短的视频，或减小其尺寸、帧率。");
        return STATUS_LIMIT;
    case PROCESS_CANCELLED: break;
    }
    reason_set(why, "client_closed", "The client left.", "客户端已断开。");
    return STATUS_CANCELLED;
}
