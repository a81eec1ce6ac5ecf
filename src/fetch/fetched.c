#include "fetch/fetched.h"

#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

void fetched_init(struct fetched *file, enum fetch_kind kind, struct fetch_budget *budget)
{
    *file = (struct fetched){.kind = kind, .fd = -1, .budget = budget};
    buf_init(&file->bytes, SIZE_MAX / 2);
}

/* The memory that it takes: a buffer is larger than what is in it. */
static uint64_t held(const struct fetched *file)
{
    return file->kind == FETCH_PICTURE ? file->bytes.cap : file->size;
}

void fetched_clear(struct fetched *file)
{
    if (!file->budget)
        return;
    file->budget->used -= held(file);
    buf_release(&file->bytes);
    if (file->fd >= 0)
        close(file->fd);
    file->fd = -1;
    file->size = 0;
}

void fetched_release(struct fetched *file)
{
    fetched_clear(file);
    *file = (struct fetched){.fd = -1};
}

static bool write_all(int fd, struct str piece)
{
    while (piece.len > 0) {
        const ssize_t n = write(fd, piece.ptr, piece.len);
        if (n < 0 && errno != EINTR)
            return false;
        if (n > 0)
            piece = str_slice(piece, (size_t)n, piece.len);
    }
    return true;
}

static bool keep(struct fetched *file, struct str piece)
{
    if (file->kind == FETCH_PICTURE) {
        buf_add_str(&file->bytes, piece);
        return !file->bytes.failed;
    }
    if (file->fd < 0)
        file->fd = memfd_create("qvl-video", MFD_CLOEXEC);
    return file->fd >= 0 && write_all(file->fd, piece);
}

bool fetched_add(struct fetched *file, struct str piece, uint64_t budget_max)
{
    const uint64_t before = held(file), spare = before - file->size;
    const uint64_t more = piece.len > spare ? piece.len - spare : 0;
    if (file->budget->used > budget_max || more > budget_max - file->budget->used ||
        !keep(file, piece))
        return false;
    file->size += piece.len;
    file->budget->used += held(file) - before;
    return file->budget->used <= budget_max;
}
