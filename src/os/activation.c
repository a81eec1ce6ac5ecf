#include "os/activation.h"

#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <unistd.h>

static long number_of(const char *variable)
{
    const char *text = getenv(variable);
    char *end;
    if (!text || !*text)
        return 0;
    const long value = strtol(text, &end, 10);
    return *end ? 0 : value;
}

int activation_sockets(void)
{
    const bool ours = number_of("LISTEN_PID") == (long)getpid();
    const long count = ours ? number_of("LISTEN_FDS") : 0;
    unsetenv("LISTEN_PID");
    unsetenv("LISTEN_FDS");
    unsetenv("LISTEN_FDNAMES");
    if (count < 1 || count > ACTIVATION_MAX)
        return 0;
    for (int fd = ACTIVATION_FIRST; fd < ACTIVATION_FIRST + count; fd++)
        if (fcntl(fd, F_SETFD, FD_CLOEXEC) != 0)
            return 0;
    return (int)count;
}
