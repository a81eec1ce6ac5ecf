/* Loaded in front of the C library (LD_PRELOAD) by scenarios that need a troubled machine: the
 * wall clock jumps, and the files of the model take as long to open as the test says.
 *
 * Test and process share a file, which TROUBLED_LIBC names; without it nothing is changed. */
#include <dlfcn.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define PUBLIC __attribute__((visibility("default")))

struct control {
    atomic_int_fast64_t shift_s; /* the wall clock is ahead by so much */
    atomic_int_fast64_t held;    /* while not 0, opening a *.safetensors waits */
};

static struct control nobody;
static struct control *control = &nobody;

static __typeof__(clock_gettime) *libc_clock_gettime;
static int (*libc_open)(const char *, int, ...);

__attribute__((constructor)) static void find_control(void)
{
    libc_clock_gettime = (__typeof__(libc_clock_gettime))dlsym(RTLD_NEXT, "clock_gettime");
    libc_open = (__typeof__(libc_open))dlsym(RTLD_NEXT, "open");
    const char *path = getenv("TROUBLED_LIBC");
    const int fd = path ? libc_open(path, O_RDWR | O_CLOEXEC) : -1;
    if (fd < 0)
        return;
    void *memory = mmap(NULL, sizeof *control, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (memory != MAP_FAILED)
        control = memory;
    close(fd);
}

PUBLIC int clock_gettime(clockid_t id, struct timespec *t)
{
    if (!libc_clock_gettime) /* before the constructor ran */
        find_control();
    const int result = libc_clock_gettime(id, t);
    if (result == 0 && (id == CLOCK_REALTIME || id == CLOCK_REALTIME_COARSE))
        t->tv_sec += control->shift_s;
    return result;
}

PUBLIC int gettimeofday(struct timeval *t, void *zone)
{
    (void)zone;
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    *t = (struct timeval){now.tv_sec, now.tv_nsec / 1000};
    return 0;
}

PUBLIC time_t time(time_t *out)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (out)
        *out = now.tv_sec;
    return now.tv_sec;
}

static void wait_for_the_test(const char *path)
{
    static const char kind[] = ".safetensors";
    const size_t len = strlen(path);
    const int is_weights = len >= strlen(kind) && !strcmp(path + len - strlen(kind), kind);
    while (is_weights && control->held)
        usleep(2000);
}

PUBLIC int open(const char *path, int flags, ...)
{
    va_list arguments;
    va_start(arguments, flags);
    const int mode = flags & O_CREAT ? va_arg(arguments, int) : 0;
    va_end(arguments);
    if (!libc_open)
        find_control();
    wait_for_the_test(path);
    return libc_open(path, flags, mode);
}
