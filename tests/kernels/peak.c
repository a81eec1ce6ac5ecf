#include "peak.h"
#include "base/clock.h"

#include <math.h>
#include <stdint.h>
#include <string.h>

/* GCC's vectors, so that one text serves every width. */
typedef float float4 __attribute__((vector_size(16)));
typedef float float8 __attribute__((vector_size(32)));
typedef float float16 __attribute__((vector_size(64)));

enum { CHAINS = 12, STEPS = 1 << 20 };

static volatile float sink;

/* Twelve independent chains of multiply-adds hide the latency; two flops per lane and step. */
#define PEAK(name, type, multiply_add)                                                             \
    static void name(void)                                                                         \
    {                                                                                              \
        const type x = (type){0} + 0.999f, y = (type){0} + 0.001f;                                 \
        type a = x, b = x, c = x, d = x, e = x, f = x, g = x, h = x, i = x, j = x, k = x, l = x;   \
        for (int step = 0; step < STEPS; step++) {                                                 \
            multiply_add(a);                                                                       \
            multiply_add(b);                                                                       \
            multiply_add(c);                                                                       \
            multiply_add(d);                                                                       \
            multiply_add(e);                                                                       \
            multiply_add(f);                                                                       \
            multiply_add(g);                                                                       \
            multiply_add(h);                                                                       \
            multiply_add(i);                                                                       \
            multiply_add(j);                                                                       \
            multiply_add(k);                                                                       \
            multiply_add(l);                                                                       \
        }                                                                                          \
        a += b + c + d + e + f + g + h + i + j + k + l;                                            \
        sink = a[0];                                                                               \
    }

#define TWO_OPERATIONS(v) v = v * x + y
PEAK(peak_4, float4, TWO_OPERATIONS)

#ifdef __x86_64__
#define FUSED_8(v)  __asm__("vfmadd213ps %2, %1, %0" : "+x"(v) : "x"(x), "x"(y))
#define FUSED_16(v) __asm__("vfmadd213ps %2, %1, %0" : "+v"(v) : "v"(x), "v"(y))
__attribute__((target("avx2,fma"))) PEAK(peak_8, float8, FUSED_8) __attribute__((target("avx512f")))
PEAK(peak_16, float16, FUSED_16)
#endif

    struct loop {
    void (*run)(void);
    double lanes;
};

static struct loop loop_of(const char *level)
{
#ifdef __x86_64__
    if (strcmp(level, "avx2") == 0)
        return (struct loop){peak_8, 8};
    if (strcmp(level, "avx512") == 0)
        return (struct loop){peak_16, 16};
#else
    (void)level;
#endif
    return (struct loop){peak_4, 4};
}

double peak_run(const char *level)
{
    const struct loop loop = loop_of(level);
    loop.run();
    return 2.0 * CHAINS * STEPS * loop.lanes;
}

double peak_gflops(const char *level)
{
    double best = 0;
    for (int repeat = 0; repeat < 20; repeat++) {
        const int64_t start = clock_ns(&clock_system);
        const double flops = peak_run(level);
        best = fmax(best, flops / (double)(clock_ns(&clock_system) - start));
    }
    return best;
}

/* Eight streams at once keep more of the memory's banks busy than one. Integers, because floats
 * that happen to be subnormal would be slow. */
void peak_read(const void *data, size_t bytes)
{
    enum { STREAMS = 8, STREAM_BYTES = 8192, LINE = 64 };
    typedef uint64_t pair __attribute__((vector_size(16), may_alias));
    const char *from = data;
    pair sum[4] = {{0}};
    for (size_t base = 0; base + STREAMS * STREAM_BYTES <= bytes; base += STREAMS * STREAM_BYTES) {
        for (size_t i = 0; i < STREAM_BYTES; i += LINE) {
#pragma GCC unroll 8
            for (size_t stream = 0; stream < STREAMS; stream++) {
                const pair *line = (const void *)(from + base + stream * STREAM_BYTES + i);
                sum[0] += line[0];
                sum[1] += line[1];
                sum[2] += line[2];
                sum[3] += line[3];
            }
        }
    }
    sum[0] += sum[1] + sum[2] + sum[3];
    sink = (float)sum[0][0];
}
