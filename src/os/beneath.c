#include "os/beneath.h"

#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* "/proc/self/fd/17", which names what the descriptor means, wherever it is by now. */
static void name_of(int fd, char out[32])
{
    snprintf(out, 32, "/proc/self/fd/%d", fd);
}

static bool lies_below(const char *root, int fd)
{
    char name[32], place[PATH_MAX], real_root[PATH_MAX];
    name_of(fd, name);
    const ssize_t len = readlink(name, place, sizeof place - 1);
    if (len <= 0 || !realpath(root, real_root))
        return false;
    place[len] = '\0';
    const size_t n = strcmp(real_root, "/") == 0 ? 0 : strlen(real_root);
    return strncmp(place, real_root, n) == 0 && place[n] == '/';
}

static bool is_regular(int fd)
{
    struct stat info;
    return fstat(fd, &info) == 0 && S_ISREG(info.st_mode);
}

int file_open_beneath(const char *root, const char *path)
{
    if (path[0] != '/')
        return -1;
    const int place = open(path, O_PATH | O_CLOEXEC);
    if (place < 0)
        return -1;
    int fd = -1;
    if (lies_below(root, place) && is_regular(place)) {
        char name[32];
        name_of(place, name);
        fd = open(name, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    }
    close(place);
    return fd;
}
