#include "server/media.h"

#include "api/data_url.h"
#include "os/beneath.h"

#include <errno.h>
#include <limits.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static bool has_scheme(struct str url, const char *scheme)
{
    return str_ieq(str_slice(url, 0, strlen(scheme)), str_from(scheme));
}

static enum status refuse_fetching(enum media_kind kind, struct reason *why)
{
    const char *type = kind == MEDIA_VIDEO ? "video/mp4" : "image/png";
    reason_set(why, "image_fetch_disabled",
               "This service does not fetch pictures or videos from the network.",
               "本服务不会从网络获取图片或视频。");
    reason_hint(why, "Send the file itself as a data URL: data:%s;base64,…",
                "请以 data URL 的形式直接发送文件：data:%s;base64,…", type);
    return STATUS_INVALID;
}

/* A URL of which nothing can be taken. */
static enum status refuse_url(struct str url, enum media_kind kind, struct reason *why)
{
    if (has_scheme(url, "http://") || has_scheme(url, "https://"))
        return refuse_fetching(kind, why);
    const char *colon = memchr(url.ptr, ':', url.len < 32 ? url.len : 32);
    if (!colon) {
        reason_set(why, "invalid_value", "The URL has no scheme such as data:.",
                   "地址缺少 data: 这样的协议前缀。");
        return STATUS_INVALID;
    }
    reason_set(why, "image_scheme_not_supported",
               "Pictures and videos come as data: URLs; the scheme %.*s is not supported.",
               "图片和视频应以 data: URL 发送；不支持 %.*s 协议。", (int)(colon - url.ptr),
               url.ptr);
    return STATUS_INVALID;
}

static int hex(char c)
{
    return c >= '0' && c <= '9'                     ? c - '0'
           : (c | 0x20) >= 'a' && (c | 0x20) <= 'f' ? (c | 0x20) - 'a' + 10
                                                    : -1;
}

/* The path of a file: URL (RFC 8089): file:/path, file:///path, file://localhost/path. */
static bool path_of(struct str url, char path[PATH_MAX])
{
    struct str rest = str_slice(url, strlen("file:"), url.len);
    if (has_scheme(rest, "//localhost/"))
        rest = str_slice(rest, strlen("//localhost"), rest.len);
    else if (str_starts(rest, "///"))
        rest = str_slice(rest, 2, rest.len);
    size_t len = 0;
    for (size_t i = 0; i < rest.len && len < PATH_MAX - 1; i++) {
        char c = rest.ptr[i];
        if (c == '%') {
            const int high = i + 2 < rest.len ? hex(rest.ptr[i + 1]) : -1;
            const int low = i + 2 < rest.len ? hex(rest.ptr[i + 2]) : -1;
            if (high < 0 || low < 0)
                return false;
            c = (char)(high * 16 + low);
            i += 2;
        }
        if (c == '\0')
            return false;
        path[len++] = c;
    }
    path[len] = '\0';
    return len < PATH_MAX - 1 && path[0] == '/' && path[1] != '/';
}

static bool is_file_url(struct str url, const char *file_root)
{
    return file_root[0] && has_scheme(url, "file:");
}

/* What is missing, and what is elsewhere, look the same from outside. */
static enum status open_file(struct str url, const char *file_root, int *fd, struct reason *why)
{
    char path[PATH_MAX];
    *fd = path_of(url, path) ? file_open_beneath(file_root, path) : -1;
    if (*fd >= 0)
        return STATUS_OK;
    reason_set(why, "invalid_value",
               "The file: URL names no readable file below the directory for such files.",
               "file: 地址没有指向允许目录下的可读文件。");
    reason_hint(why, "Write file:///PATH; the directory is the setting model.image.file_root.",
                "格式为 file:///路径；允许的目录由设置 model.image.file_root 指定。");
    return STATUS_INVALID;
}

static enum status read_failed(struct reason *why)
{
    reason_set(why, "invalid_value", "The file cannot be read: %s.", "无法读取文件：%s。",
               strerror(errno));
    return STATUS_IO;
}

static enum status read_file(int fd, struct buf *out, struct reason *why)
{
    char piece[64 << 10];
    for (;;) {
        const ssize_t n = read(fd, piece, sizeof piece);
        if (n == 0)
            return STATUS_OK;
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return read_failed(why);
        if ((size_t)n > out->max - out->len) {
            reason_set(why, "image_too_large", "The picture has more than %zu bytes.",
                       "图片超过 %zu 字节。", out->max);
            return STATUS_LIMIT;
        }
        buf_add(out, piece, (size_t)n);
        if (out->failed)
            return reason_no_memory(why, out->len + (size_t)n);
    }
}

enum status media_read_picture(struct str url, const char *file_root, struct buf *out,
                               struct reason *why)
{
    if (data_url_is(url))
        return data_url_decode(url, out, why);
    if (!is_file_url(url, file_root))
        return refuse_url(url, MEDIA_PICTURE, why);
    int fd;
    enum status status = open_file(url, file_root, &fd, why);
    if (status)
        return status;
    status = read_file(fd, out, why);
    close(fd);
    return status;
}

static enum status too_large(uint64_t max_bytes, struct reason *why)
{
    reason_set(why, "invalid_video", "The video has more than %llu bytes.", "视频超过 %llu 字节。",
               (unsigned long long)max_bytes);
    reason_hint(why, "Send a shorter or smaller one, or raise model.video.max_bytes.",
                "请发送更短或更小的视频，或调大 model.video.max_bytes。");
    return STATUS_LIMIT;
}

/* Decodes into the file's own pages. `size`: more than can come. */
static enum status decode_to_file(struct str url, int fd, size_t size, struct reason *why)
{
    char *pages = ftruncate(fd, (off_t)size) == 0
                      ? mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0)
                      : MAP_FAILED;
    if (pages == MAP_FAILED)
        return reason_no_memory(why, size);
    struct buf bytes = {.data = pages, .cap = size, .max = size - 1}; /* it never has to grow */
    enum status status = data_url_decode(url, &bytes, why);
    munmap(pages, size);
    if (status == STATUS_OK && ftruncate(fd, (off_t)bytes.len) != 0)
        status = read_failed(why);
    return status;
}

/* A file without a name, in memory. */
static enum status open_data(struct str url, uint64_t max_bytes, int *fd, struct reason *why)
{
    const size_t size = (size_t)(url.len < max_bytes ? url.len : max_bytes) + 1;
    *fd = memfd_create("qvl-video", MFD_CLOEXEC);
    if (*fd < 0)
        return reason_no_memory(why, size);
    enum status status = decode_to_file(url, *fd, size, why);
    if (status == STATUS_LIMIT)
        status = too_large(max_bytes, why);
    if (status != STATUS_OK) {
        close(*fd);
        *fd = -1;
    }
    return status;
}

enum status media_open_video(struct str url, const char *file_root, uint64_t max_bytes, int *fd,
                             struct reason *why)
{
    *fd = -1;
    if (data_url_is(url))
        return open_data(url, max_bytes, fd, why);
    if (!is_file_url(url, file_root))
        return refuse_url(url, MEDIA_VIDEO, why);
    const enum status status = open_file(url, file_root, fd, why);
    struct stat info;
    if (status || (fstat(*fd, &info) == 0 && (uint64_t)info.st_size <= max_bytes))
        return status;
    close(*fd);
    *fd = -1;
    return too_large(max_bytes, why);
}
