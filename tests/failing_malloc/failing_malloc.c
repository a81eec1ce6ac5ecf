/* Loaded in front of the C library (LD_PRELOAD) by tests/scenarios/serve_memory.py: allocations of
 * the whole process, all threads and libraries, fail where the test says so.
 *
 * Test and process share a file, which FAILING_MALLOC names. While fail_at is not 0, allocations
 * are counted, and the one of that number fails; `live` always counts those that were not freed.
 *
 * Exempt is what is known to end the process when memory is short:
 * - libuv's table of watchers, which grows by realloc when a file descriptor is the largest so far
 *   (uv__io_start, maybe_resize: it aborts);
 * - small tables of libwebp 1.2.4, which follows a NULL when a lossless picture's 512 bytes are not
 *   there;
 * - small tables of libcurl 7.88, which divides by the size of a hash table that is not there, and
 *   forgets a socket that it cannot note, so that the transfer waits for its deadline. */
#include <dlfcn.h>
#include <errno.h>
#include <execinfo.h>
#include <fcntl.h>
#include <link.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define PUBLIC __attribute__((visibility("default")))
#define CALLER __builtin_return_address(0)

enum { FRAMES = 24 };

struct control {
    atomic_uint_fast64_t fail_at, count, failed, live, all; /* all: those behind it fail too */
    uint64_t bytes;                                         /* of the allocation that failed */
    uint64_t frames[FRAMES]; /* who asked for it, for addr2line: offsets in the program, or 0 */
};

static struct control nobody;
static struct control *control = &nobody;

/* Where an object lies in memory. */
struct range {
    const char *name; /* a part of its file's name */
    uintptr_t begin, end;
};
static struct range program = {"", 0, 0}, uv = {"libuv.so", 0, 0}, webp = {"libwebp.so", 0, 0},
                    curl = {"libcurl.so", 0, 0};

enum { SMALL_BYTES = 1024 };

PUBLIC void *malloc(size_t bytes);
PUBLIC void *calloc(size_t count, size_t bytes);
PUBLIC void *realloc(void *old, size_t bytes);
PUBLIC void free(void *old);
PUBLIC int posix_memalign(void **out, size_t alignment, size_t bytes);
PUBLIC void *aligned_alloc(size_t alignment, size_t bytes);

static void *(*real_malloc)(size_t bytes);
static void *(*real_calloc)(size_t count, size_t bytes);
static void *(*real_realloc)(void *old, size_t bytes);
static void (*real_free)(void *old);
static int (*real_posix_memalign)(void **out, size_t alignment, size_t bytes);
static void *(*real_aligned_alloc)(size_t alignment, size_t bytes);

/* What the dynamic linker itself needs until the real functions are found. */
static char early[64 << 10];
static size_t early_used;

static void *early_alloc(size_t bytes)
{
    void *out = early + early_used;
    early_used += (bytes + 15) / 16 * 16;
    if (early_used > sizeof early)
        abort();
    return out;
}

static bool is_early(const void *old)
{
    return (const char *)old >= early && (const char *)old < early + sizeof early;
}

static void find(void)
{
    static bool searching;
    if (real_free || searching)
        return;
    searching = true;
    *(void **)&real_malloc = dlsym(RTLD_NEXT, "malloc");
    *(void **)&real_calloc = dlsym(RTLD_NEXT, "calloc");
    *(void **)&real_realloc = dlsym(RTLD_NEXT, "realloc");
    *(void **)&real_posix_memalign = dlsym(RTLD_NEXT, "posix_memalign");
    *(void **)&real_aligned_alloc = dlsym(RTLD_NEXT, "aligned_alloc");
    *(void **)&real_free = dlsym(RTLD_NEXT, "free");
}

static int note_object(struct dl_phdr_info *info, size_t size, void *arg)
{
    (void)size;
    struct range *range = arg;
    const bool wanted =
        range->name[0] ? strstr(info->dlpi_name, range->name) != NULL : info->dlpi_name[0] == '\0';
    for (int i = 0; wanted && i < info->dlpi_phnum; i++) {
        if (info->dlpi_phdr[i].p_type != PT_LOAD)
            continue;
        range->begin = info->dlpi_addr;
        range->end = info->dlpi_addr + info->dlpi_phdr[i].p_vaddr + info->dlpi_phdr[i].p_memsz;
    }
    return wanted;
}

static bool lies_in(const void *address, const struct range *range)
{
    return (uintptr_t)address > range->begin && (uintptr_t)address < range->end;
}

__attribute__((constructor)) static void begin(void)
{
    find();
    dl_iterate_phdr(note_object, &program);
    dl_iterate_phdr(note_object, &uv);
    dl_iterate_phdr(note_object, &webp);
    dl_iterate_phdr(note_object, &curl);
    void *frames[FRAMES];
    backtrace(frames, FRAMES); /* loads what it needs */
    const char *name = getenv("FAILING_MALLOC");
    const int fd = name ? open(name, O_RDWR | O_CLOEXEC) : -1;
    if (fd < 0)
        return;
    void *shared = mmap(NULL, sizeof *control, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd);
    if (shared != MAP_FAILED)
        control = shared;
}

static void note_frames(size_t bytes)
{
    void *frames[FRAMES] = {0};
    control->bytes = bytes;
    backtrace(frames, FRAMES);
    for (int i = 0; i < FRAMES; i++) {
        const bool ours = frames[i] && lies_in(frames[i], &program);
        control->frames[i] = ours ? (uintptr_t)frames[i] - program.begin : 0;
    }
}

/* `caller`: an address in the function that asks. */
static bool fails(size_t bytes, const void *caller)
{
    if (bytes < SMALL_BYTES && (lies_in(caller, &webp) || lies_in(caller, &curl)))
        return false;
    const uint64_t at = atomic_load(&control->fail_at);
    if (at == 0)
        return false;
    const uint64_t number = atomic_fetch_add(&control->count, 1) + 1;
    if (number < at || (number > at && !atomic_load(&control->all)))
        return false;
    if (number == at)
        note_frames(bytes);
    atomic_store(&control->failed, 1);
    errno = ENOMEM;
    return true;
}

static void *counted(void *memory)
{
    if (memory)
        atomic_fetch_add(&control->live, 1);
    return memory;
}

void *malloc(size_t bytes)
{
    find();
    if (!real_malloc)
        return early_alloc(bytes);
    return fails(bytes, CALLER) ? NULL : counted(real_malloc(bytes));
}

void *calloc(size_t count, size_t bytes)
{
    find();
    if (!real_calloc)
        return early_alloc(count * bytes);
    return fails(count * bytes, CALLER) ? NULL : counted(real_calloc(count, bytes));
}

void *realloc(void *old, size_t bytes)
{
    find();
    if (!lies_in(CALLER, &uv) && fails(bytes, CALLER))
        return NULL;
    void *memory = real_realloc(old, bytes);
    return old ? memory : counted(memory);
}

void free(void *old)
{
    if (!old || is_early(old))
        return;
    atomic_fetch_sub(&control->live, 1);
    real_free(old);
}

int posix_memalign(void **out, size_t alignment, size_t bytes)
{
    find();
    if (fails(bytes, CALLER))
        return ENOMEM;
    const int error = real_posix_memalign(out, alignment, bytes);
    if (!error)
        (void)counted(*out);
    return error;
}

void *aligned_alloc(size_t alignment, size_t bytes)
{
    find();
    return fails(bytes, CALLER) ? NULL : counted(real_aligned_alloc(alignment, bytes));
}
