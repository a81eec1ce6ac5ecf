#include "os/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static enum status os_refused(const char *path, int error, struct reason *why)
{
    if (error == ENOENT || error == ENOTDIR)
        reason_set(why, "missing_file", "There is no file %s.", "文件 %s 不存在。", path);
    else
        reason_set(why, "unreadable", "The file %s cannot be read: %s.", "无法读取文件 %s：%s。",
                   path, strerror(error));
    reason_subject(why, "%s", path);
    return STATUS_IO;
}

/* Opens a regular file; the descriptor or -1, with errno's meaning in `why`. */
static int open_regular(const char *path, struct stat *info, struct reason *why)
{
    const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0 || fstat(fd, info) != 0) {
        (void)os_refused(path, errno, why);
    } else if (!S_ISREG(info->st_mode)) {
        (void)os_refused(path, S_ISDIR(info->st_mode) ? EISDIR : EINVAL, why);
    } else {
        return fd;
    }
    if (fd >= 0)
        close(fd);
    return -1;
}

enum status file_map_open(const char *path, struct file_map *map, struct reason *why)
{
    *map = (struct file_map){0};
    struct stat info;
    const int fd = open_regular(path, &info, why);
    if (fd < 0)
        return STATUS_IO;
    enum status status = STATUS_OK;
    if (info.st_size > 0) {
        void *data = mmap(NULL, (size_t)info.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
        if (data == MAP_FAILED)
            status = os_refused(path, errno, why);
        else
            *map = (struct file_map){data, (size_t)info.st_size};
    }
    close(fd);
    return status;
}

void file_map_close(struct file_map *map)
{
    if (map->data)
        munmap((void *)(uintptr_t)map->data, map->size);
    *map = (struct file_map){0};
}

static enum status read_all(int fd, const char *path, struct buf *out, struct reason *why)
{
    char chunk[65536];
    for (;;) {
        const ssize_t n = read(fd, chunk, sizeof chunk);
        if (n == 0)
            return STATUS_OK;
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return os_refused(path, errno, why);
        if ((size_t)n > out->max - out->len) {
            reason_set(why, "too_large", "The file %s is larger than %zu bytes.",
                       "文件 %s 超过 %zu 字节。", path, out->max);
            reason_subject(why, "%s", path);
            return STATUS_LIMIT;
        }
        buf_add(out, chunk, (size_t)n);
        if (out->failed)
            return reason_no_memory(why, out->len + (size_t)n);
    }
}

enum status file_read(const char *path, struct buf *out, struct reason *why)
{
    buf_clear(out);
    struct stat info;
    const int fd = open_regular(path, &info, why);
    if (fd < 0)
        return STATUS_IO;
    const enum status status = read_all(fd, path, out, why);
    close(fd);
    return status;
}

bool file_exists(const char *path)
{
    return access(path, F_OK) == 0;
}

bool file_is_directory(const char *path)
{
    struct stat info;
    return stat(path, &info) == 0 && S_ISDIR(info.st_mode);
}

bool path_join(char *out, size_t size, const char *dir, const char *name)
{
    const size_t n = strlen(dir);
    const char *slash = n > 0 && dir[n - 1] == '/' ? "" : "/";
    const int len = snprintf(out, size, "%s%s%s", dir, slash, name);
    return len >= 0 && (size_t)len < size;
}
