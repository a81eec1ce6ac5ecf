#include "os/log_file.h"

#include "base/buf.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

struct log_file {
    char *name;
    bool journal; /* journald reads it: lines begin with their level */
    pthread_t thread;
    pthread_mutex_t lock; /* over the next members */
    pthread_cond_t wake, ended;
    struct buf waiting;
    uint64_t lost, untold; /* lines: in all, and those that the log does not tell of yet */
    bool reopen, stop, over;
    bool abandoned; /* nobody waits for the thread: the file is its own */

    /* The thread's. */
    int fd;
    struct buf flying;
    bool failing; /* the last write failed */
    bool cut;     /* the last write ended inside a line */
};

static bool is_stream(const char *name)
{
    return strcmp(name, "stderr") == 0 || strcmp(name, "stdout") == 0;
}

static int open_by_name(const char *name)
{
    if (is_stream(name))
        return strcmp(name, "stdout") == 0 ? STDOUT_FILENO : STDERR_FILENO;
    return open(name, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640);
}

static void close_file(int fd)
{
    if (fd > STDERR_FILENO)
        close(fd);
}

/* systemd names the journal's socket by its device and inode (systemd.exec(5), JOURNAL_STREAM). */
static bool is_journal(int fd)
{
    const char *stream = getenv("JOURNAL_STREAM");
    unsigned long long device, inode;
    struct stat info;
    return stream && sscanf(stream, "%llu:%llu", &device, &inode) == 2 && fstat(fd, &info) == 0 &&
           info.st_dev == device && info.st_ino == inode;
}

/* The bytes that were written: all, or those in front of an error. */
static size_t write_bytes(int fd, struct str text)
{
    size_t done = 0;
    while (done < text.len) {
        const ssize_t n = write(fd, text.ptr + done, text.len - done);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            break;
        done += (size_t)n;
    }
    return done;
}

static uint64_t count_lines(struct str text)
{
    uint64_t lines = 0;
    for (const char *lf; text.len && (lf = memchr(text.ptr, '\n', text.len)); lines++)
        text = str_slice(text, (size_t)(lf - text.ptr) + 1, text.len);
    return lines;
}

/* Standard error tells of the others, once, until they can be written again. */
static void note_failure(struct log_file *file, struct str left, int error)
{
    if (!file->failing && file->fd != STDERR_FILENO)
        fprintf(stderr, "qvl: the log %s cannot be written: %s; lines are lost until it can\n",
                file->name, strerror(error));
    file->failing = true;
    const uint64_t lines = count_lines(left);
    pthread_mutex_lock(&file->lock);
    file->lost += lines;
    file->untold += lines;
    pthread_mutex_unlock(&file->lock);
}

static void write_flying(struct log_file *file)
{
    const struct str text = buf_str(&file->flying);
    if (file->cut && write_bytes(file->fd, STR("\n")) == 1)
        file->cut = false;
    const size_t done = write_bytes(file->fd, text);
    if (done == text.len) {
        file->failing = false;
        return;
    }
    file->cut = file->cut || (done > 0 && text.ptr[done - 1] != '\n');
    note_failure(file, str_slice(text, done, text.len), errno);
}

static void reopen(struct log_file *file)
{
    if (is_stream(file->name))
        return;
    const int fd = open_by_name(file->name);
    if (fd < 0) {
        fprintf(stderr, "qvl: the log %s cannot be opened anew: %s; the old file goes on\n",
                file->name, strerror(errno));
        return;
    }
    close_file(file->fd);
    file->fd = fd;
    file->failing = file->cut = false;
}

/* RFC 5424's severities, as journald takes them in front of a line (sd-daemon(3)). */
static const char *prefix_of(const struct log_file *file, enum log_level level)
{
    static const char *const prefixes[] = {"<7>", "<6>", "<4>", "<3>"};
    return file->journal ? prefixes[level] : "";
}

/* Under the lock: in front of what comes next. */
static void tell_lost(struct log_file *file)
{
    char time[32];
    clock_format_rfc3339(clock_wall_ms(&clock_system), time);
    buf_printf(&file->flying,
               "%s{\"time\":\"%s\",\"level\":\"warning\",\"message\":\"%llu log lines were "
               "lost\"}\n",
               prefix_of(file, LOG_WARNING), time, (unsigned long long)file->untold);
    file->untold = 0;
}

/* Under the lock: what waits flies. */
static void take(struct log_file *file)
{
    buf_clear(&file->flying);
    if (file->untold > 0 && !file->failing)
        tell_lost(file);
    if (file->flying.len > 0) {
        buf_add_str(&file->flying, buf_str(&file->waiting));
        buf_clear(&file->waiting);
        return;
    }
    const struct buf empty = file->flying;
    file->flying = file->waiting;
    file->waiting = empty;
}

static void init_locks(struct log_file *file)
{
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_mutex_init(&file->lock, NULL);
    pthread_cond_init(&file->wake, NULL);
    pthread_cond_init(&file->ended, &monotonic);
    pthread_condattr_destroy(&monotonic);
}

static void destroy(struct log_file *file)
{
    close_file(file->fd);
    buf_release(&file->waiting);
    buf_release(&file->flying);
    pthread_mutex_destroy(&file->lock);
    pthread_cond_destroy(&file->wake);
    pthread_cond_destroy(&file->ended);
    free(file->name);
    free(file);
}

static void *run(void *arg)
{
    struct log_file *file = arg;
    pthread_mutex_lock(&file->lock);
    while (!file->stop || file->waiting.len > 0 || file->reopen) {
        if (file->waiting.len == 0 && !file->reopen) {
            pthread_cond_wait(&file->wake, &file->lock);
            continue;
        }
        const bool reopening = file->reopen;
        file->reopen = false;
        take(file);
        pthread_mutex_unlock(&file->lock);
        write_flying(file);
        if (reopening)
            reopen(file);
        pthread_mutex_lock(&file->lock);
    }
    file->over = true;
    const bool abandoned = file->abandoned;
    pthread_cond_signal(&file->ended);
    pthread_mutex_unlock(&file->lock);
    if (abandoned)
        destroy(file);
    return NULL;
}

enum status log_file_open(const char *name, struct log_file **out, struct reason *why)
{
    const int fd = open_by_name(name);
    if (fd < 0) {
        reason_set(why, "unreadable", "The log %s cannot be opened: %s.", "无法打开日志 %s：%s。",
                   name, strerror(errno));
        return STATUS_IO;
    }
    struct log_file *file = calloc(1, sizeof *file);
    char *copy = strdup(name);
    if (!file || !copy) {
        close_file(fd);
        free(file);
        free(copy);
        return reason_no_memory(why, sizeof *file);
    }
    *file = (struct log_file){.name = copy, .fd = fd, .journal = is_stream(name) && is_journal(fd)};
    buf_init(&file->waiting, LOG_FILE_BUFFER_BYTES);
    buf_init(&file->flying, LOG_FILE_BUFFER_BYTES + 1024);
    init_locks(file);
    const int error = pthread_create(&file->thread, NULL, run, file);
    if (error != 0) {
        destroy(file);
        return reason_no_thread(why, error);
    }
    *out = file;
    return STATUS_OK;
}

static struct timespec monotonic_in(int ms)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    const int64_t ns = time.tv_nsec + (int64_t)ms * 1000000;
    return (struct timespec){time.tv_sec + ns / 1000000000, ns % 1000000000};
}

/* False: the thread is busy with a write that does not return. */
static bool wait_for_end(struct log_file *file, int wait_ms)
{
    const struct timespec until = monotonic_in(wait_ms);
    pthread_mutex_lock(&file->lock);
    file->stop = true;
    pthread_cond_signal(&file->wake);
    int error = 0;
    while (!file->over && error == 0)
        error = pthread_cond_timedwait(&file->ended, &file->lock, &until);
    const bool over = file->over;
    file->abandoned = !over;
    if (!over)
        pthread_detach(file->thread);
    pthread_mutex_unlock(&file->lock);
    return over;
}

void log_file_close(struct log_file *file, int wait_ms)
{
    if (!file || !wait_for_end(file, wait_ms))
        return;
    pthread_join(file->thread, NULL);
    destroy(file);
}

void log_file_put(struct log_file *file, enum log_level level, struct str line)
{
    if (!file)
        return;
    const char *prefix = prefix_of(file, level);
    pthread_mutex_lock(&file->lock);
    struct buf *waiting = &file->waiting;
    const bool slept = waiting->len == 0;
    if (buf_reserve(waiting, strlen(prefix) + line.len)) {
        buf_puts(waiting, prefix);
        buf_add_str(waiting, line);
    } else {
        waiting->failed = false;
        file->lost++;
        file->untold++;
    }
    if (slept)
        pthread_cond_signal(&file->wake);
    pthread_mutex_unlock(&file->lock);
}

void log_file_put_line(void *arg, enum log_level level, struct str line)
{
    log_file_put(arg, level, line);
}

void log_file_reopen(struct log_file *file)
{
    if (!file)
        return;
    pthread_mutex_lock(&file->lock);
    file->reopen = true;
    pthread_cond_signal(&file->wake);
    pthread_mutex_unlock(&file->lock);
}

uint64_t log_file_lost(struct log_file *file)
{
    if (!file)
        return 0;
    pthread_mutex_lock(&file->lock);
    const uint64_t lost = file->lost;
    pthread_mutex_unlock(&file->lock);
    return lost;
}
