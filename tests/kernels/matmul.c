/* Conversion, the decode product, the packed GEMM, the values of attention. Sums are judged by the
 * sum of the magnitudes of their terms. */
#include "check.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Relative to the sum of magnitudes: two orders of summation of up to 1,200 F32 terms. */
static const double SUM_TOLERANCE = 1e-6;

static bool check_convert(const struct kernels *k, const struct kernels *c, enum dtype dtype)
{
    enum { N = 65536 };
    struct padded source_pad, got_pad;
    bool good = true;
    float *want = malloc(N * sizeof *want);
    float *zeros = calloc(N, sizeof *zeros);
    if (!want || !zeros)
        exit(2);
    for (size_t n = N - 20; n <= N; n++) {
        void *source = padded_weights(&source_pad, zeros, n, dtype);
        if (dtype != DTYPE_F32) /* every bit pattern; NaN keep their place, not always their bits */
            for (size_t i = 0; i < n; i++)
                ((uint16_t *)source)[i] = (uint16_t)i;
        float *got = padded_floats(&got_pad, n);
        c->to_f32[dtype](want, source, n);
        k->to_f32[dtype](got, source, n);
        for (size_t i = 0; i < n; i++) {
            if (isinf(want[i]) && got[i] == want[i])
                got[i] = want[i] = 0;
        }
        good = check_close("to_f32", got, want, NULL, n, 0) && good;
        good = padded_release(&source_pad) && good;
        good = padded_release(&got_pad) && good;
    }
    free(want);
    free(zeros);
    return good;
}

static bool check_gemv(const struct kernels *k, const struct kernels *c, enum dtype dtype, size_t n,
                       size_t rows, size_t cols)
{
    struct padded w_pad, weights_pad, x_pad, got_pad, want_pad, magnitude_pad;
    const size_t ldy = rows + random_below(3), count = (n - 1) * ldy + rows;
    const float *w = padded_floats(&w_pad, rows * cols), *x = padded_floats(&x_pad, n * cols);
    const void *weights = padded_weights(&weights_pad, w, rows * cols, dtype);
    float *got = padded_floats(&got_pad, count), *want = padded_floats(&want_pad, count);
    float *magnitude = padded_floats(&magnitude_pad, count);
    memcpy(want, got, count * sizeof(float)); /* what lies between the rows stays */
    for (size_t i = 0; i < count; i++)
        magnitude[i] = 0;
    for (size_t i = 0; i < n; i++)
        for (size_t r = 0; r < rows; r++)
            for (size_t p = 0; p < cols; p++)
                magnitude[i * ldy + r] += fabsf(w[r * cols + p] * x[i * cols + p]);
    c->gemv[dtype](want, ldy, weights, x, n, rows, cols);
    k->gemv[dtype](got, ldy, weights, x, n, rows, cols);
    char what[96];
    snprintf(what, sizeof what, "gemv_%s n=%zu rows=%zu cols=%zu", dtype_names[dtype], n, rows,
             cols);
    bool good = check_close(what, got, want, magnitude, count, SUM_TOLERANCE);
    good = padded_release(&w_pad) && padded_release(&weights_pad) && good;
    good = padded_release(&x_pad) && padded_release(&got_pad) && good;
    return padded_release(&want_pad) && padded_release(&magnitude_pad) && good;
}

/* Both packings are exact: a panel is the transposed rows, zero beyond them. */
static bool check_pack(const struct kernels *k, const struct kernels *c, enum dtype dtype, size_t n,
                       size_t depth)
{
    struct padded w_pad, weights_pad, panel_pad;
    const size_t nr = k->gemm_nr, mr = k->gemm_mr, ld = depth + random_below(4);
    const float *w = padded_floats(&w_pad, (n - 1) * ld + depth);
    const void *weights = padded_weights(&weights_pad, w, (n - 1) * ld + depth, dtype);
    float *line = malloc(depth * sizeof *line);
    float *panel = padded_floats(&panel_pad, depth * nr);
    if (!line)
        exit(2);
    bool good = true;
    k->pack_b[dtype](panel, weights, ld, n, depth);
    for (size_t j = 0; j < nr; j++) {
        memset(line, 0, depth * sizeof *line);
        if (j < n)
            c->to_f32[dtype](line, (const char *)weights + j * ld * dtype_size(dtype), depth);
        for (size_t p = 0; p < depth; p++)
            good = good && panel[p * nr + j] == line[p];
    }
    good = padded_release(&panel_pad) && good;
    panel = padded_floats(&panel_pad, depth * mr);
    const size_t m = n < mr ? n : mr;
    k->pack_a(panel, w, ld, m, depth);
    for (size_t p = 0; p < depth; p++)
        for (size_t i = 0; i < mr; i++)
            good = good && panel[p * mr + i] == (i < m ? w[i * ld + p] : 0);
    if (!good)
        printf("  pack %s n=%zu depth=%zu differs\n", dtype_names[dtype], n, depth);
    free(line);
    good = padded_release(&panel_pad) && good;
    return padded_release(&w_pad) && padded_release(&weights_pad) && good;
}

static bool check_gemm(const struct kernels *k, size_t m, size_t n, size_t depth)
{
    struct padded a_pad, b_pad, got_pad, want_pad, magnitude_pad;
    const size_t mr = k->gemm_mr, nr = k->gemm_nr, ldc = n + random_below(5);
    const size_t count = (m - 1) * ldc + n;
    const int accumulate = (int)random_below(2);
    const float *a = padded_floats(&a_pad, depth * mr);
    float *b = padded_floats(&b_pad, depth * nr);
    float *got = padded_floats(&got_pad, count), *want = padded_floats(&want_pad, count);
    float *magnitude = padded_floats(&magnitude_pad, count);
    for (size_t i = 0; i < count; i++) {
        want[i] = got[i];
        magnitude[i] = 0;
    }
    for (size_t i = 0; i < m; i++) {
        for (size_t j = 0; j < n; j++) {
            double sum = accumulate ? (double)want[i * ldc + j] : 0, size = fabs(sum);
            for (size_t p = 0; p < depth; p++) {
                sum += (double)a[p * mr + i] * (double)b[p * nr + j];
                size += fabs((double)a[p * mr + i] * (double)b[p * nr + j]);
            }
            want[i * ldc + j] = (float)sum;
            magnitude[i * ldc + j] = (float)size;
        }
    }
    k->gemm_micro(got, ldc, a, b, depth, m, n, accumulate);
    char what[96];
    snprintf(what, sizeof what, "gemm_micro m=%zu n=%zu k=%zu", m, n, depth);
    bool good = check_close(what, got, want, magnitude, count, SUM_TOLERANCE);
    good = padded_release(&a_pad) && padded_release(&b_pad) && good;
    good = padded_release(&got_pad) && padded_release(&want_pad) && good;
    return padded_release(&magnitude_pad) && good;
}

static bool check_weighted(const struct kernels *k, const struct kernels *c, enum dtype dtype,
                           size_t nq, size_t nk, size_t d)
{
    struct padded p_pad, v_pad, values_pad, got_pad, want_pad, magnitude_pad;
    const size_t ldp = nk + random_below(3);
    float *p = padded_floats(&p_pad, (nq - 1) * ldp + nk), *v = padded_floats(&v_pad, nk * d);
    const void *values = padded_weights(&values_pad, v, nk * d, dtype);
    float *got = padded_floats(&got_pad, nq * d), *want = padded_floats(&want_pad, nq * d);
    float *magnitude = padded_floats(&magnitude_pad, nq * d);
    for (size_t i = 0; i < nq * d; i++) {
        want[i] = got[i];
        magnitude[i] = fabsf(got[i]);
        for (size_t j = 0; j < nk; j++)
            magnitude[i] += fabsf(p[i / d * ldp + j] * v[j * d + i % d]);
    }
    c->weighted_rows[dtype](want, p, ldp, nq, values, nk, d);
    k->weighted_rows[dtype](got, p, ldp, nq, values, nk, d);
    bool good = check_close("weighted_rows", got, want, magnitude, nq * d, SUM_TOLERANCE);
    good = padded_release(&values_pad) && good;
    good = padded_release(&p_pad) && padded_release(&v_pad) && good;
    good = padded_release(&got_pad) && padded_release(&want_pad) && good;
    return padded_release(&magnitude_pad) && good;
}

/* Numbers of every magnitude, ties and values too large for the format among them: the same bits.
 */
static bool check_encode(const struct kernels *k, const struct kernels *c, enum dtype dtype)
{
    enum { N = 4096 };
    struct padded source_pad, got_pad;
    bool good = true;
    void *want = malloc(dtype_bytes(dtype, N));
    if (!want)
        exit(2);
    for (size_t n = dtype == DTYPE_Q8_0 ? N : N - 20; n <= N; n++) {
        float *source = padded_floats(&source_pad, n);
        for (size_t i = 0; i < n; i++)
            source[i] = i % 3 == 0 ? 1.0f + (float)i * 0x1p-11f
                                   : ldexpf(source[i], (int)random_below(46) - 26);
        void *got = padded_floats(&got_pad, (dtype_bytes(dtype, n) + 3) / 4);
        c->from_f32[dtype](want, source, n);
        k->from_f32[dtype](got, source, n);
        good = memcmp(want, got, dtype_bytes(dtype, n)) == 0 && good;
        good = padded_release(&source_pad) && good;
        good = padded_release(&got_pad) && good;
    }
    free(want);
    if (!good)
        printf("  from_f32 %s differs\n", dtype_info(dtype)->name);
    return good;
}

bool check_matmul(const struct level *level, const struct kernels *c)
{
    const struct kernels *k = &level->kernels;
    bool good = true;
    for (enum dtype dtype = 0; dtype < DTYPE_PLAIN_COUNT; dtype++) {
        good = check_convert(k, c, dtype) && good;
        for (size_t n = 1; n <= 14; n++)
            for (size_t rows = 1; rows <= 19; rows += 3)
                good = check_gemv(k, c, dtype, n, rows, 1 + random_below(100)) && good;
        good = check_gemv(k, c, dtype, 1, 33, 1200) && good;
        good = check_gemv(k, c, dtype, 6, 17, 1024) && good;
        for (size_t n = 1; n <= k->gemm_nr; n++)
            good = check_pack(k, c, dtype, n, 1 + random_below(100)) && good;
    }
    for (size_t m = 1; m <= k->gemm_mr; m++)
        for (size_t n = 1; n <= k->gemm_nr; n++)
            good = check_gemm(k, m, n, 1 + random_below(300)) && good;
    static const size_t dims[] = {1, 5, 8, 32, 40, 64, 72, 80, 128, 256};
    for (size_t i = 0; i < sizeof dims / sizeof *dims; i++)
        for (size_t nq = 1; nq <= 5; nq++)
            for (enum dtype dtype = 0; dtype < DTYPE_COUNT; dtype++)
                if (c->weighted_rows[dtype])
                    good = check_weighted(k, c, dtype, nq, 1 + random_below(ATTEND_KEYS_MAX),
                                          dims[i]) &&
                           good;
    for (enum dtype dtype = 0; dtype < DTYPE_COUNT; dtype++)
        if (c->from_f32[dtype])
            good = check_encode(k, c, dtype) && good;
    return good;
}
