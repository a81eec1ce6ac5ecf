#include "check.h"
#include "kernels/ops.h"
#include "peak.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

/* A chunk of prompt, against the matrices of Qwen3-VL 2B and 8B and of their vision tower. */
enum { ROWS = 512, COLS_MAX = 12288, REPEATS = 8, PEAK_RUNS_MAX = 512 };
static const uint32_t shapes[][2] = {
    {2048, 2048},  {6144, 2048},  {2048, 6144}, {4096, 4096},
    {12288, 4096}, {4096, 12288}, {4304, 1152},
};
enum { SHAPES = sizeof shapes / sizeof *shapes };

struct prefill {
    const char *level;
    int threads;
    struct compute *compute;
    void *weights;
    float *x, *y;
};

/* The best rates seen, in GFLOP/s: by the clock, and by the processor time of all threads. What
 * else the machine does disturbs the second less. */
struct rate {
    double by_clock, by_processor;
};

static double now(clockid_t id)
{
    struct timespec time;
    clock_gettime(id, &time);
    return (double)time.tv_sec * 1e9 + (double)time.tv_nsec;
}

struct peak_job {
    const char *level;
    double flops[PEAK_RUNS_MAX]; /* of each run */
};

static void run_peak(void *arg, size_t begin, size_t end, int thread)
{
    (void)thread;
    struct peak_job *job = arg;
    for (size_t i = begin; i < end; i++)
        job->flops[i] = peak_run(job->level);
}

/* Several runs a thread, so that none is idle for long at the end. */
static double run_peaks(const struct prefill *p)
{
    struct peak_job job = {.level = p->level};
    size_t runs = (size_t)p->threads * 8;
    if (runs > PEAK_RUNS_MAX)
        runs = PEAK_RUNS_MAX;
    pool_run(compute_pool(p->compute), runs, 1, run_peak, &job);
    double flops = 0;
    for (size_t i = 0; i < runs; i++)
        flops += job.flops[i];
    return flops;
}

static double run_matmul(struct prefill *p, const uint32_t shape[2], enum dtype dtype)
{
    const struct matrix matrix = {
        .data = p->weights, .dtype = dtype, .rows = shape[0], .cols = shape[1]};
    matmul(p->compute, &matrix, p->x, ROWS, p->y);
    return 2.0 * ROWS * shape[0] * shape[1];
}

static void time_one(struct prefill *p, const uint32_t *shape, enum dtype dtype, struct rate *best)
{
    const double clock = now(CLOCK_MONOTONIC), processor = now(CLOCK_PROCESS_CPUTIME_ID);
    const double flops = shape ? run_matmul(p, shape, dtype) : run_peaks(p);
    const double used = now(CLOCK_PROCESS_CPUTIME_ID) - processor;
    best->by_clock = fmax(best->by_clock, flops / (now(CLOCK_MONOTONIC) - clock));
    best->by_processor = fmax(best->by_processor, flops / used * p->threads);
}

static void *random_weights(size_t count)
{
    float *floats = aligned_alloc(64, count * sizeof *floats);
    if (!floats)
        exit(2);
    for (size_t i = 0; i < count; i++)
        floats[i] = random_float();
    return floats;
}

/* Peak and products take turns, so that both meet the same machine. */
static void measure(struct prefill *p, struct rate *peak,
                    struct rate rates[SHAPES][DTYPE_PLAIN_COUNT])
{
    for (int repeat = 0; repeat < REPEATS; repeat++)
        for (size_t s = 0; s < SHAPES; s++) {
            time_one(p, NULL, DTYPE_F32, peak);
            for (enum dtype dtype = 0; dtype < DTYPE_PLAIN_COUNT; dtype++)
                time_one(p, shapes[s], dtype, &rates[s][dtype]);
        }
}

static void print(const struct rate *peak, struct rate rates[SHAPES][DTYPE_PLAIN_COUNT])
{
    struct rate lowest = {1, 1};
    for (size_t s = 0; s < SHAPES; s++)
        for (enum dtype dtype = 0; dtype < DTYPE_PLAIN_COUNT; dtype++) {
            const struct rate share = {rates[s][dtype].by_clock / peak->by_clock,
                                       rates[s][dtype].by_processor / peak->by_processor};
            printf("  %d x %5u x %5u %-4s %7.1f GFLOP/s, %3.0f %%; %7.1f, %3.0f %%\n", ROWS,
                   shapes[s][0], shapes[s][1], dtype_names[dtype], rates[s][dtype].by_clock,
                   share.by_clock * 100, rates[s][dtype].by_processor, share.by_processor * 100);
            lowest.by_clock = fmin(lowest.by_clock, share.by_clock);
            lowest.by_processor = fmin(lowest.by_processor, share.by_processor);
        }
    printf("lowest share of the peak: %.0f %% by the clock, %.0f %% by processor time\n",
           lowest.by_clock * 100, lowest.by_processor * 100);
}

void bench_prefill(const char *level, int threads)
{
    struct prefill p = {.level = level, .threads = threads};
    const struct compute_limits limits = {.max_rows = ROWS, .max_cols = COLS_MAX};
    if (compute_create(threads, limits, &p.compute, NULL) != STATUS_OK)
        exit(2);
    p.weights = random_weights((size_t)COLS_MAX * 4096);
    p.x = random_weights((size_t)ROWS * COLS_MAX);
    p.y = random_weights((size_t)ROWS * COLS_MAX);
    struct rate peak = {0}, rates[SHAPES][DTYPE_PLAIN_COUNT] = {0};
    measure(&p, &peak, rates);
    printf("%s, %d threads: F32 peak %.1f GFLOP/s by the clock, %.1f by processor time\n", level,
           threads, peak.by_clock, peak.by_processor);
    print(&peak, rates);
    compute_destroy(p.compute);
    free(p.weights);
    free(p.x);
    free(p.y);
}
