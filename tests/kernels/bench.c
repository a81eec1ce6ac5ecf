#include "base/clock.h"
#include "check.h"
#include "kernels/ops.h"
#include "os/cpu.h"
#include "peak.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The buffers that every timed kernel works on: 1 MiB stays in the second-level cache of most
 * processors, 256 MiB in none. */
enum { SMALL = 1 << 16, LARGE = 1 << 26, GEMV_COLS = 4096, REPEATS = 5 };

struct bench {
    struct kernels kernels;
    struct compute *compute;
    struct matrix matrix;
    enum dtype dtype;
    float *a, *b, *c; /* SMALL floats each */
    float *large;     /* LARGE floats */
    size_t n;
};

static float *fill(size_t count)
{
    float *floats = aligned_alloc(64, count * sizeof(float));
    if (!floats)
        exit(2);
    for (size_t i = 0; i < count; i++)
        floats[i] = random_float();
    return floats;
}

/* Seconds of one call: the best of some repeats, each of at least 20 ms. */
static double seconds(void (*call)(struct bench *bench), struct bench *bench)
{
    double best = INFINITY;
    size_t calls = 1;
    for (int repeat = 0; repeat < REPEATS;) {
        const int64_t start = clock_ns(&clock_system);
        for (size_t i = 0; i < calls; i++)
            call(bench);
        const double spent = (double)(clock_ns(&clock_system) - start) * 1e-9;
        if (spent < 0.02 && calls < 1u << 24) {
            calls *= 2;
            continue;
        }
        best = fmin(best, spent / (double)calls);
        repeat++;
    }
    return best;
}

static void call_rms_norm(struct bench *bench)
{
    bench->kernels.rms_norm(bench->c, bench->a, bench->b, bench->n, 1e-6f);
}

static void call_layer_norm(struct bench *bench)
{
    bench->kernels.layer_norm(bench->c, bench->a, bench->b, bench->a, bench->n, 1e-6f);
}

static void call_silu_mul(struct bench *bench)
{
    memcpy(bench->c, bench->a, bench->n * sizeof(float));
    bench->kernels.silu_mul(bench->c, bench->b, bench->n);
}

static void call_gelu_tanh(struct bench *bench)
{
    memcpy(bench->c, bench->a, bench->n * sizeof(float));
    bench->kernels.gelu_tanh(bench->c, bench->n);
}

static void call_gelu_erf(struct bench *bench)
{
    memcpy(bench->c, bench->a, bench->n * sizeof(float));
    bench->kernels.gelu_erf(bench->c, bench->n);
}

static void call_rope(struct bench *bench)
{
    bench->kernels.rope(bench->c, bench->a, bench->b, bench->n / 2);
}

static void call_softmax(struct bench *bench)
{
    float max = -INFINITY, sum = 0;
    memcpy(bench->c, bench->a, bench->n * sizeof(float));
    bench->kernels.softmax_step(bench->c, bench->n, 1, &max, &sum);
}

static void call_gemm_micro(struct bench *bench)
{
    const struct kernels *k = &bench->kernels;
    k->gemm_micro(bench->c, k->gemm_nr, bench->a, bench->b, bench->n, k->gemm_mr, k->gemm_nr, 1);
}

static void call_pack_b(struct bench *bench)
{
    bench->kernels.pack_b[bench->dtype](bench->c, bench->large, GEMV_COLS, bench->kernels.gemm_nr,
                                        bench->n);
}

static void call_gemv(struct bench *bench)
{
    const size_t bytes = GEMV_COLS * dtype_size(bench->dtype);
    bench->kernels.gemv[bench->dtype](bench->c, LARGE * sizeof(float) / bytes, bench->large,
                                      bench->a, bench->n, LARGE * sizeof(float) / bytes, GEMV_COLS);
}

static void call_read(struct bench *bench)
{
    peak_read(bench->large, LARGE * sizeof(float));
}

static void call_matmul(struct bench *bench)
{
    matmul(bench->compute, &bench->matrix, bench->a, bench->n, bench->c);
}

/* Fine products, and fast ones where they differ for plain matrices. */
static int precisions(const struct bench *bench)
{
    return bench->kernels.bf16 ? 2 : 1;
}

/* What the figures of a precision are called. */
static const char *use_precision(struct bench *bench, int precision)
{
    compute_set_fine_rows(bench->compute, precision == 0 ? SIZE_MAX : 0);
    return precision == 0 ? "" : " fast";
}

enum { HEADS = 16, KV_HEADS = 4, TOKENS = 1024, PAGE = 16 };

static void call_attention_full(struct bench *bench)
{
    const size_t d = bench->n, stride = 3 * HEADS * d;
    attention_full(bench->compute, bench->c, bench->large, bench->large + HEADS * d,
                   bench->large + 2 * HEADS * d, stride, TOKENS, HEADS, d, 0.1f);
}

/* The last bench->n of TOKENS tokens. */
static void call_attention_paged(struct bench *bench)
{
    enum { D = 128 };
    static struct attention_row rows[TOKENS];
    uint32_t pages[TOKENS / PAGE];
    const size_t half = dtype_bytes(bench->dtype, (size_t)PAGE * KV_HEADS * D);
    const struct attention_cache cache = {
        .kv_heads = KV_HEADS,
        .d = D,
        .page_tokens = PAGE,
        .dtype = bench->dtype,
        .keys = bench->large,
        .values = (const char *)bench->large + half,
        .page_bytes = 2 * half,
    };
    for (uint32_t p = 0; p < TOKENS / PAGE; p++)
        pages[p] = p;
    for (size_t i = 0; i < bench->n; i++)
        rows[i] = (struct attention_row){pages, (uint32_t)(TOKENS - bench->n + i + 1)};
    attention_paged(bench->compute, bench->c, bench->a, rows, bench->n, HEADS, &cache, 0.1f);
}

/* Keys and values of one type; they are whatever bits are there, converted from F32. */
static void bench_paged(struct bench *bench, enum dtype dtype, const char *how, int threads,
                        double peak)
{
    const size_t count = (size_t)2 * TOKENS * KV_HEADS * 128;
    float *values = malloc(count * sizeof *values);
    if (!values)
        exit(2);
    memcpy(values, bench->large, count * sizeof *values);
    bench->kernels.from_f32[dtype](bench->large, values, count);
    bench->dtype = dtype;
    bench->n = 512; /* rows that see 513 … 1024 tokens */
    const double flops = 4.0 * 512 * 768.5 * HEADS * 128;
    const double rate = flops * 1e-9 / seconds(call_attention_paged, bench);
    printf("  attention_paged%s %-4s prefill, %d x 128, threads=%d %8.1f GFLOP/s, %.0f %% of the "
           "peak\n",
           how, dtype_info(dtype)->name, HEADS, threads, rate, rate / (peak * threads) * 100);
    bench->n = 1;
    printf("  attention_paged%s %-4s decode, %d x 128, threads=%d %8.1f M keys/s\n", how,
           dtype_info(dtype)->name, HEADS, threads,
           1e-6 * TOKENS * KV_HEADS / seconds(call_attention_paged, bench));
    memcpy(bench->large, values, count * sizeof *values);
    free(values);
}

static void bench_attention(struct bench *bench, const char *how, int threads, double peak)
{
    for (bench->n = 64; bench->n <= 72; bench->n += 8) {
        const double flops = 4.0 * TOKENS * TOKENS * HEADS * (double)bench->n;
        const double rate = flops * 1e-9 / seconds(call_attention_full, bench);
        printf("  attention_full%s %d tokens, %d x %zu, threads=%d %8.1f GFLOP/s, %.0f %% of the "
               "peak\n",
               how, TOKENS, HEADS, bench->n, threads, rate, rate / (peak * threads) * 100);
    }
    bench_paged(bench, DTYPE_F32, how, threads, peak);
    bench_paged(bench, DTYPE_F16, how, threads, peak);
    bench_paged(bench, DTYPE_Q8_0, how, threads, peak);
}

/* Millions of elements per second of the row kernels, in the cache. */
static void bench_rows(struct bench *bench)
{
    static const struct {
        const char *name;
        void (*call)(struct bench *bench);
    } rows[] = {
        {"rms_norm", call_rms_norm},    {"layer_norm", call_layer_norm},
        {"silu_mul", call_silu_mul},    {"gelu_tanh", call_gelu_tanh},
        {"gelu_erf", call_gelu_erf},    {"rope", call_rope},
        {"softmax_step", call_softmax},
    };
    bench->n = 4096;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        printf("  %-14s %8.0f M elements/s\n", rows[i].name,
               (double)bench->n * 1e-6 / seconds(rows[i].call, bench));
}

/* Measured anew beside each figure that is compared with it: other programs disturb memory more
 * than registers. */
static double read_bandwidth(struct bench *bench)
{
    return LARGE * sizeof(float) * 1e-9 / seconds(call_read, bench);
}

static void bench_products(struct bench *bench, double peak)
{
    const struct kernels *k = &bench->kernels;
    bench->n = 256;
    const double flops = 2.0 * 256 * (double)(k->gemm_mr * k->gemm_nr);
    const double rate = flops * 1e-9 / seconds(call_gemm_micro, bench);
    printf("  %-14s %8.1f GFLOP/s, %.0f %% of the peak\n", "gemm_micro", rate, rate / peak * 100);
    for (bench->dtype = 0; bench->dtype < DTYPE_PLAIN_COUNT; bench->dtype++) {
        bench->n = 256;
        printf("  pack_b %-7s %8.0f M elements/s\n", dtype_names[bench->dtype],
               (double)(bench->n * k->gemm_nr) * 1e-6 / seconds(call_pack_b, bench));
        for (bench->n = 1; bench->n <= 6; bench->n += 5) {
            const double bandwidth = read_bandwidth(bench);
            const double gigabytes = LARGE * sizeof(float) * 1e-9 / seconds(call_gemv, bench);
            printf("  gemv %-4s n=%zu  %8.1f GB/s, %.0f %% of reading\n", dtype_names[bench->dtype],
                   bench->n, gigabytes, gigabytes / bandwidth * 100);
        }
    }
}

static void bench_matmul(struct bench *bench, int threads, double peak)
{
    static const uint32_t shapes[][2] = {{4096, 4096}, {12288, 4096}};
    const struct compute_limits limits = {.max_rows = 512, .max_cols = 4096};
    if (compute_create(threads, limits, &bench->compute, NULL) != STATUS_OK)
        exit(2);
    bench->n = 512;
    for (size_t s = 0; s < 2; s++) {
        for (int i = 0; i < precisions(bench) * DTYPE_PLAIN_COUNT; i++) {
            const enum dtype dtype = (enum dtype)(i % DTYPE_PLAIN_COUNT);
            const char *how = use_precision(bench, i / DTYPE_PLAIN_COUNT);
            bench->matrix = (struct matrix){
                .data = bench->large, .dtype = dtype, .rows = shapes[s][0], .cols = shapes[s][1]};
            const double flops = 2.0 * 512 * shapes[s][0] * shapes[s][1];
            const double rate = flops * 1e-9 / seconds(call_matmul, bench);
            printf("  matmul%s 512 x %u x %u %-4s threads=%d %8.1f GFLOP/s, %.0f %% of the peak\n",
                   how, shapes[s][0], shapes[s][1], dtype_names[dtype], threads, rate,
                   rate / (peak * threads) * 100);
        }
    }
    for (int i = 0; i < precisions(bench); i++)
        bench_attention(bench, use_precision(bench, i), threads, peak);
    compute_destroy(bench->compute);
}

void bench_all(const struct level *levels, size_t count)
{
    char model[128];
    cpu_model_name(model, sizeof model);
    struct bench bench = {.a = fill(512 * 4096), .b = fill(SMALL), .c = fill(512 * 12288)};
    bench.large = fill(LARGE);
    printf("%s, %d cores; one thread reads %.1f GB/s\n", model, cpu_usable_cores(),
           read_bandwidth(&bench));
    for (size_t i = 0; i < count; i++) {
        const double peak = peak_gflops(levels[i].name);
        printf("%s: F32 peak of one thread %.1f GFLOP/s\n", levels[i].name, peak);
        bench.kernels = levels[i].kernels;
        if (cpu_set_level(levels[i].name, NULL) != STATUS_OK)
            continue;
        bench_rows(&bench);
        bench_products(&bench, peak);
        for (int threads = 1; i > 0 && threads <= 2 && threads <= cpu_usable_cores(); threads++)
            bench_matmul(&bench, threads, peak);
    }
    free(bench.a);
    free(bench.b);
    free(bench.c);
    free(bench.large);
}
