#include "cli/interrupt.h"

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

/* A signal handler has no argument of its own to find the pipe by. */
static int pipe_fds[2] = {-1, -1};
static volatile sig_atomic_t pending;

static void on_signal(int number)
{
    if (pending)
        _exit(128 + number);
    pending = 1;
    const ssize_t written = write(pipe_fds[1], "", 1);
    (void)written;
}

enum status interrupt_catch(int *fd, struct reason *why)
{
    const struct sigaction action = {.sa_handler = on_signal};
    if (pipe2(pipe_fds, O_CLOEXEC | O_NONBLOCK) != 0 || sigaction(SIGINT, &action, NULL) != 0 ||
        sigaction(SIGTERM, &action, NULL) != 0) {
        reason_set(why, "internal_error", "Signals cannot be caught.", "无法捕获信号。");
        return STATUS_IO;
    }
    *fd = pipe_fds[0];
    return STATUS_OK;
}

bool interrupt_take(void)
{
    char byte;
    const bool came = pending;
    pending = 0;
    while (read(pipe_fds[0], &byte, 1) == 1)
        continue;
    return came;
}
