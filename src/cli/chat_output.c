#include "cli/chat_output.h"

#include "cli/remote.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static enum status unwritable(const char *path, struct reason *why)
{
    reason_set(why, "unwritable", "%s cannot be written: %s.", "无法写入 %s：%s。",
               path ? path : "stdout", strerror(errno));
    return STATUS_IO;
}

/* A file beside the target, with the rights that the target would have. */
static FILE *open_beside(struct chat_output *out, const char *path, bool exists)
{
    out->target = exists ? realpath(path, NULL) : strdup(path);
    const size_t size = out->target ? strlen(out->target) + sizeof ".XXXXXX" : 0;
    out->temporary = size > 0 ? malloc(size) : NULL;
    if (!out->temporary)
        return NULL;
    snprintf(out->temporary, size, "%s.XXXXXX", out->target);
    const int fd = mkstemp(out->temporary);
    if (fd < 0)
        return NULL;
    const mode_t mask = umask(0);
    umask(mask);
    if (fchmod(fd, 0666 & ~mask) != 0) {
        close(fd);
        unlink(out->temporary);
        return NULL;
    }
    return fdopen(fd, "w");
}

static void release(struct chat_output *out)
{
    free(out->target);
    free(out->temporary);
    *out = (struct chat_output){0};
}

enum status chat_output_open(struct chat_output *out, const char *path, struct reason *why)
{
    struct stat info;
    *out = (struct chat_output){.path = path};
    if (!path) {
        out->file = stdout;
        out->terminal = isatty(STDOUT_FILENO);
        return STATUS_OK;
    }
    const bool exists = stat(path, &info) == 0;
    if (exists && S_ISDIR(info.st_mode)) {
        errno = EISDIR;
        return unwritable(path, why);
    }
    /* A device or pipe is written to as it is; renaming would replace it. */
    out->file =
        exists && !S_ISREG(info.st_mode) ? fopen(path, "we") : open_beside(out, path, exists);
    if (out->file)
        return STATUS_OK;
    const enum status status = unwritable(path, why);
    release(out);
    return status;
}

void chat_output_write(struct chat_output *out, struct str text)
{
    if (text.len == 0)
        return;
    out->last = text.ptr[text.len - 1];
    if (out->terminal)
        put_clean(out->file, text);
    else
        fwrite(text.ptr, 1, text.len, out->file);
    if (!out->path)
        fflush(out->file);
}

void chat_output_end_line(struct chat_output *out)
{
    if (out->last && out->last != '\n')
        chat_output_write(out, STR("\n"));
    out->last = '\0';
}

enum status chat_output_close(struct chat_output *out, bool whole, struct reason *why)
{
    const bool failed = ferror(out->file) != 0;
    enum status status = STATUS_OK;
    if ((out->path ? fclose(out->file) : fflush(out->file)) != 0 || failed)
        status = unwritable(out->path, why);
    if (out->target && status == STATUS_OK && whole && rename(out->temporary, out->target) != 0)
        status = unwritable(out->path, why);
    if (out->target && (status != STATUS_OK || !whole))
        unlink(out->temporary);
    release(out);
    return status;
}
