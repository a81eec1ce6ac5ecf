#include "os/process.h"

#include "base/clock.h"
#include "base/str.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    LOOK_MS = 50, /* between two looks at `cancelled` and at the child */
    PIECE_BYTES = 64 << 10,
    START_FAILED = 127, /* exit status of a child that found no program to become */
};

bool process_find(const char *name, char *out, size_t size)
{
    const char *path = getenv("PATH");
    while (path && *path) {
        const size_t len = strcspn(path, ":");
        const int n = snprintf(out, size, "%.*s/%s", (int)len, path, name);
        if (*path == '/' && n > 0 && (size_t)n < size && access(out, X_OK) == 0)
            return true;
        path += len + (path[len] == ':');
    }
    return false;
}

/* What the child needs before it is another program. All descriptors are above 2. */
struct launch {
    const struct process_spec *spec;
    char *const *environment;
    pid_t parent;
    int input, output, errors;
    volatile int error; /* errno of the child, whose memory is ours until it is another program */
};

static void limit(int resource, uint64_t most)
{
    const struct rlimit bounds = {most, most};
    setrlimit((__rlimit_resource_t)resource, &bounds);
}

/* In the child: only async-signal-safe calls. */
static _Noreturn void become(struct launch *launch)
{
    const struct process_limits *limits = &launch->spec->limits;
    const struct sigaction usual = {.sa_handler = SIG_DFL};
    sigset_t none;
    for (int i = 1; i < NSIG; i++)
        sigaction(i, &usual, NULL);
    setpgid(0, 0);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    if (getppid() != launch->parent)
        _exit(START_FAILED); /* the parent died before it could be said that this matters */
    dup2(launch->input, STDIN_FILENO);
    dup2(launch->output, STDOUT_FILENO);
    dup2(launch->errors, STDERR_FILENO);
    closefrom(STDERR_FILENO + 1);
    limit(RLIMIT_CORE, 0);
    limit(RLIMIT_CPU, limits->cpu_seconds);
    limit(RLIMIT_FSIZE, limits->file_bytes);
    limit(RLIMIT_NOFILE, limits->open_files);
    limit(RLIMIT_AS, limits->memory_bytes);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    execve(launch->spec->program, (char *const *)(uintptr_t)launch->spec->argv,
           launch->environment);
    launch->error = errno;
    _exit(START_FAILED);
}

/* vfork, since a fork would copy the page tables of all weights and make each of their pages
 * copy-on-write. Signals wait, so that none is handled in the child on our memory. */
static __attribute__((noinline)) pid_t start(struct launch *launch)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    const pid_t pid = vfork();
    if (pid == 0)
        become(launch);
    if (pid < 0)
        launch->error = errno;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return pid;
}

struct child {
    const struct process_spec *spec;
    struct process_result *result;
    pid_t pid;
    int output, errors; /* our ends of the pipes; -1: it was closed */
    uint64_t output_bytes;
    size_t errors_len;
    bool killed; /* result->end says why */
};

static void close_fd(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

static void kill_child(struct child *child, enum process_end end)
{
    if (child->killed)
        return;
    child->killed = true;
    child->result->end = end;
    kill(-child->pid, SIGKILL);
    kill(child->pid, SIGKILL); /* in case that its group is not made yet */
}

static void take_output(struct child *child, const char *bytes, size_t len)
{
    const struct process_spec *spec = child->spec;
    child->output_bytes += len;
    if (child->killed)
        return;
    if (child->output_bytes > spec->limits.output_bytes)
        kill_child(child, PROCESS_TOO_MUCH_OUTPUT);
    else if (spec->on_output && !spec->on_output(spec->arg, bytes, len))
        kill_child(child, PROCESS_STOPPED);
}

static void take_errors(struct child *child, const char *bytes, size_t len)
{
    const size_t room = PROCESS_ERRORS_BYTES - 1 - child->errors_len;
    const size_t kept = len < room ? len : room;
    memcpy(child->result->errors + child->errors_len, bytes, kept);
    child->errors_len += kept;
    child->result->errors[child->errors_len] = '\0';
}

static void read_pipe(struct child *child, int *fd,
                      void (*take)(struct child *, const char *, size_t))
{
    char piece[PIECE_BYTES];
    const ssize_t n = read(*fd, piece, sizeof piece);
    if (n > 0)
        take(child, piece, (size_t)n);
    else if (n == 0 || errno != EINTR)
        close_fd(fd);
}

static void read_pipes(struct child *child, int wait_ms)
{
    struct pollfd fds[2] = {{.fd = child->output, .events = POLLIN},
                            {.fd = child->errors, .events = POLLIN}};
    if (poll(fds, ARRAY_LEN(fds), wait_ms) <= 0)
        return;
    if (fds[0].revents)
        read_pipe(child, &child->output, take_output);
    if (fds[1].revents)
        read_pipe(child, &child->errors, take_errors);
}

/* Whether the child is over; it is not reaped, so that its number stays its own. */
static bool is_over(const struct child *child)
{
    siginfo_t info = {0};
    return waitid(P_PID, (id_t)child->pid, &info, WEXITED | WNOHANG | WNOWAIT) != 0 ||
           info.si_pid == child->pid;
}

/* Until the child is over and its pipes are read to the end, or it has to be killed. What it left
 * running is killed with it: nothing else could hold the pipes open. */
static void follow(struct child *child)
{
    const struct process_spec *spec = child->spec;
    const int64_t end_ns = clock_ns(&clock_system) + spec->limits.wall_ms * 1000000;
    while (!child->killed) {
        const bool over = is_over(child);
        const bool closed = child->output < 0 && child->errors < 0;
        if (over)
            kill(-child->pid, SIGKILL);
        if (over && closed)
            return;
        const int64_t left_ms = (end_ns - clock_ns(&clock_system) + 999999) / 1000000;
        if (left_ms <= 0)
            kill_child(child, PROCESS_OUT_OF_TIME);
        else if (spec->cancelled && atomic_load(spec->cancelled))
            kill_child(child, PROCESS_CANCELLED);
        else
            read_pipes(child, closed ? 1 : left_ms < LOOK_MS ? (int)left_ms : LOOK_MS);
    }
}

static void reap(struct child *child)
{
    int status = 0;
    pid_t pid;
    do
        pid = waitpid(child->pid, &status, 0);
    while (pid < 0 && errno == EINTR);
    struct process_result *result = child->result;
    if (child->killed)
        return;
    result->end = WIFSIGNALED(status) ? PROCESS_SIGNALED : PROCESS_EXITED;
    result->code = WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status);
}

/* A copy above the standard descriptors, or -1; `fd` may be -1. */
static int above_standard(int fd)
{
    return fd < 0 ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
}

static int open_input(int input)
{
    if (input >= 0)
        return above_standard(input);
    int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
    const int fd = above_standard(null);
    close_fd(&null);
    return fd;
}

/* Both ends above the standard descriptors; false, and both -1, if that cannot be had. */
static bool open_pipe(int *reader, int *writer)
{
    int ends[2];
    *reader = *writer = -1;
    if (pipe2(ends, O_CLOEXEC) != 0)
        return false;
    *reader = above_standard(ends[0]);
    *writer = above_standard(ends[1]);
    close(ends[0]);
    close(ends[1]);
    return *reader >= 0 && *writer >= 0;
}

static enum status start_failed(const struct process_spec *spec, int error, struct reason *why)
{
    reason_set(why, "process_failed", "The program %s cannot be started: %s.",
               "无法启动程序 %s：%s。", spec->program, strerror(error));
    return STATUS_IO;
}

static enum status run_with_pipes(struct launch *launch, struct child *child, struct reason *why)
{
    child->pid = start(launch);
    close_fd(&launch->output);
    close_fd(&launch->errors);
    if (child->pid < 0)
        return start_failed(child->spec, launch->error, why);
    follow(child);
    reap(child);
    return launch->error ? start_failed(child->spec, launch->error, why) : STATUS_OK;
}

enum status process_run(const struct process_spec *spec, struct process_result *out,
                        struct reason *why)
{
    const char *path = getenv("PATH");
    char path_line[4096];
    snprintf(path_line, sizeof path_line, "PATH=%s", path ? path : "");
    char locale[] = "LC_ALL=C";
    char *const environment[] = {path_line, locale, NULL};
    struct launch launch = {.spec = spec, .environment = environment, .parent = getpid()};
    struct child child = {.spec = spec, .result = out};
    *out = (struct process_result){0};
    launch.input = open_input(spec->input);
    const bool has_output = open_pipe(&child.output, &launch.output);
    const bool has_errors = open_pipe(&child.errors, &launch.errors);
    const enum status status = launch.input >= 0 && has_output && has_errors
                                   ? run_with_pipes(&launch, &child, why)
                                   : start_failed(spec, errno, why);
    close_fd(&launch.input);
    close_fd(&launch.output);
    close_fd(&launch.errors);
    close_fd(&child.output);
    close_fd(&child.errors);
    return status;
}
