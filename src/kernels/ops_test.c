#include "base/str.h"
#include "base/test.h"
#include "kernels/ops.h"

#include <math.h>

static uint32_t seed = 1;

/* Uniform in [-1, 1). */
static float random_float(void)
{
    seed = seed * 1664525u + 1013904223u;
    return (float)(int32_t)seed * 0x1p-31f;
}

static void assert_near(float got, double want, double tolerance)
{
    if (!(fabs((double)got - want) <= tolerance))
        fail_msg("%.9g, but %.9g was expected", (double)got, want);
}

static float *random_floats(size_t count)
{
    float *floats = malloc(count * sizeof *floats);
    assert_non_null(floats);
    for (size_t i = 0; i < count; i++)
        floats[i] = random_float();
    return floats;
}

static struct compute *make_compute(int threads)
{
    struct compute *compute = NULL;
    struct reason why;
    const struct compute_limits limits = {.max_rows = 40, .max_cols = 600};
    assert_int_equal(compute_create(threads, limits, &compute, &why), STATUS_OK);
    return compute;
}

/* Of one term of a product, rounded to BF16 twice; of F32 where there is no BF16. */
static const double FAST = 0.008;

static void check_matmul(struct compute *compute, size_t n, uint32_t rows, uint32_t cols, bool fast)
{
    float *x = random_floats(n * cols), *w = random_floats((size_t)rows * cols);
    float *bias = random_floats(rows), *y = random_floats(n * rows + 1);
    const struct matrix matrix = {
        .data = w, .dtype = DTYPE_F32, .rows = rows, .cols = cols, .bias = bias};
    const float guard = y[n * rows];
    matmul(compute, &matrix, x, n, y);
    for (size_t i = 0; i < n; i++) {
        for (size_t r = 0; r < rows; r++) {
            double want = (double)bias[r], squares = 0;
            for (size_t c = 0; c < cols; c++) {
                const double term = (double)x[i * cols + c] * (double)w[r * cols + c];
                want += term;
                squares += term * term;
            }
            assert_near(y[i * rows + r], want,
                        1e-5 + 3e-7 * cols + (fast ? 2 * FAST * sqrt(squares) : 0));
        }
    }
    assert_true(y[n * rows] == guard);
    free(x), free(w), free(bias), free(y);
}

static void multiplies(void **state)
{
    (void)state;
    static const size_t batches[] = {1, 2, 6, 7, 13, 24, 25, 41, 100};
    static const uint32_t shapes[][2] = {{1, 1}, {3, 5}, {16, 64}, {129, 257}, {200, 600}};
    for (int threads = 1; threads <= 3; threads += 2) {
        struct compute *compute = make_compute(threads);
        for (size_t b = 0; b < ARRAY_LEN(batches); b++)
            for (size_t s = 0; s < ARRAY_LEN(shapes); s++)
                check_matmul(compute, batches[b], shapes[s][0], shapes[s][1], false);
        compute_set_fine_rows(compute, 0);
        for (size_t b = 0; b < ARRAY_LEN(batches); b++)
            for (size_t s = 0; s < ARRAY_LEN(shapes); s++)
                check_matmul(compute, batches[b], shapes[s][0], shapes[s][1], true);
        compute_destroy(compute);
    }
}

/* Random blocks: small halves where the format has its scales, random bytes elsewhere. */
static uint8_t *random_blocks(enum dtype dtype, size_t bytes)
{
    static const uint8_t halves[DTYPE_COUNT][2] = {
        /* where the first scale is, how many */
        [DTYPE_Q8_0] = {0, 1},  [DTYPE_Q4_0] = {0, 1},   [DTYPE_Q4_1] = {0, 2},
        [DTYPE_Q5_0] = {0, 1},  [DTYPE_Q5_1] = {0, 2},   [DTYPE_Q4_K] = {0, 2},
        [DTYPE_Q5_K] = {0, 2},  [DTYPE_Q6_K] = {208, 1}, [DTYPE_IQ4_NL] = {0, 1},
        [DTYPE_IQ4_XS] = {0, 1}};
    uint8_t *blocks = malloc(bytes);
    assert_non_null(blocks);
    for (size_t i = 0; i < bytes; i++) {
        const size_t at = i % dtype_info(dtype)->bytes - halves[dtype][0];
        blocks[i] = (uint8_t)(random_float() * 128);
        if (dtype == DTYPE_F8_E4M3) /* below 0.25, no NaN */
            blocks[i] &= 0xA7;
        else if (at < 2 * (size_t)halves[dtype][1] && at % 2 == 1) /* below 2^-6 */
            blocks[i] = (uint8_t)(0x20 | (blocks[i] & 0x83));
    }
    return blocks;
}

/* A matrix in blocks gives what the same numbers in F32 give. */
static void check_blocks(struct compute *compute, enum dtype dtype, size_t n, uint32_t rows,
                         uint32_t cols)
{
    const size_t tiles = (size_t)((rows + 127) / 128) * ((cols + 127) / 128);
    uint8_t *blocks = random_blocks(dtype, dtype_bytes(dtype, (size_t)rows * cols));
    float *scales = random_floats(tiles), *x = random_floats(n * cols);
    float *bias = random_floats(rows), *got = random_floats(n * rows),
          *want = random_floats(n * rows);
    float *w = malloc((size_t)rows * cols * sizeof *w);
    assert_non_null(w);
    compute_kernels(compute)->to_f32[dtype](w, blocks, (size_t)rows * cols);
    for (size_t i = 0; dtype == DTYPE_F8_E4M3 && i < (size_t)rows * cols; i++)
        w[i] *= scales[i / cols / 128 * ((cols + 127) / 128) + i % cols / 128];
    struct matrix matrix = {
        .data = blocks, .dtype = dtype, .rows = rows, .cols = cols, .bias = bias};
    matrix.scales = dtype == DTYPE_F8_E4M3 ? scales : NULL;
    matmul(compute, &matrix, x, n, got);
    matrix =
        (struct matrix){.data = w, .dtype = DTYPE_F32, .rows = rows, .cols = cols, .bias = bias};
    matmul(compute, &matrix, x, n, want);
    for (size_t i = 0; i < n * rows; i++)
        assert_near(got[i], (double)want[i], 1e-5 + 1e-5 * fabs((double)want[i]));
    free(blocks), free(scales), free(x), free(bias), free(got), free(want), free(w);
}

static void multiplies_blocks(void **state)
{
    (void)state;
    struct compute *compute = make_compute(2);
    for (int i = 0; i < 2 * (DTYPE_COUNT - DTYPE_PLAIN_COUNT); i++) {
        const enum dtype dtype = (enum dtype)(DTYPE_PLAIN_COUNT + i / 2);
        compute_set_fine_rows(compute, i % 2 ? 0 : SIZE_MAX);
        for (size_t n = 1; n <= 100; n = 3 * n + 1) {
            check_blocks(compute, dtype, n, 3, 256);
            check_blocks(compute, dtype, n, 150, 512);
            if (dtype == DTYPE_F8_E4M3)
                check_blocks(compute, dtype, n, 150, 387);
        }
    }
    compute_destroy(compute);
}

/* The same bits whether the tiles are there or made on the way, fine and fast. */
static void check_tiles(struct compute *compute, enum dtype dtype, size_t n, uint32_t rows,
                        uint32_t cols)
{
    struct matrix w = {.dtype = dtype, .rows = rows, .cols = cols, .tiled = true};
    const size_t strips = (rows - 1) / TILE_ROWS + 1, bytes = tile_strip_bytes(dtype, cols);
    uint8_t *blocks = random_blocks(dtype, rows * matrix_row_bytes(&w));
    char *tiles = aligned_alloc(64, strips * bytes);
    float *x = random_floats(n * cols), *got = random_floats(n * rows),
          *want = random_floats(n * rows);
    assert_non_null(tiles);
    w.data = blocks;
    matmul(compute, &w, x, n, got);
    for (size_t i = 0; i < strips; i++)
        tile_pack_strip(tiles + i * bytes, &w, i);
    tile_publish(&w, tiles);
    w.data = NULL;
    matmul(compute, &w, x, n, want);
    assert_memory_equal(got, want, n * rows * sizeof *got);
    free(blocks), free(tiles), free(x), free(got), free(want);
}

static void does_not_wait_for_tiles(void **state)
{
    (void)state;
    struct compute *compute = make_compute(2);
    for (enum dtype dtype = DTYPE_PLAIN_COUNT; dtype < DTYPE_COUNT; dtype++)
        for (size_t n = 1; n <= 45; n += 11) {
            compute_set_fine_rows(compute, n / 2);
            if (tile_supports(dtype, 512) && compute_kernels(compute)->integer) {
                check_tiles(compute, dtype, n, 75, 512);
                check_tiles(compute, dtype, n, 5, 256);
            }
        }
    compute_destroy(compute);
}

/* One query over `visible` keys, k and v `ld` floats apart, in double. */
static void naive_attention(double *out, const float *q, const float *k, const float *v, size_t ld,
                            size_t visible, size_t d, double scale)
{
    double *s = malloc(visible * sizeof *s), highest = -1e300, sum = 0;
    assert_non_null(s);
    for (size_t j = 0; j < visible; j++) {
        s[j] = 0;
        for (size_t e = 0; e < d; e++)
            s[j] += (double)q[e] * (double)k[j * ld + e] * scale;
        highest = fmax(highest, s[j]);
    }
    for (size_t j = 0; j < visible; j++)
        sum += s[j] = exp(s[j] - highest);
    for (size_t e = 0; e < d; e++) {
        out[e] = 0;
        for (size_t j = 0; j < visible; j++)
            out[e] += s[j] / sum * (double)v[j * ld + e];
    }
    free(s);
}

static void check_full(struct compute *compute, size_t n, size_t heads, size_t d, double tolerance)
{
    const size_t stride = 3 * heads * d;
    float *qkv = random_floats(n * stride), *out = random_floats(n * heads * d + 1);
    const float guard = out[n * heads * d];
    const float *q = qkv, *k = qkv + heads * d, *v = k + heads * d;
    attention_full(compute, out, q, k, v, stride, n, heads, d, 0.7f);
    double want[ATTEND_DIM_MAX];
    for (size_t i = 0; i < n; i++) {
        for (size_t h = 0; h < heads; h++) {
            naive_attention(want, q + i * stride + h * d, k + h * d, v + h * d, stride, n, d,
                            (double)0.7f);
            for (size_t e = 0; e < d; e++)
                assert_near(out[(i * heads + h) * d + e], want[e], tolerance);
        }
    }
    assert_true(out[n * heads * d] == guard);
    free(qkv), free(out);
}

static void attends_in_both_directions(void **state)
{
    (void)state;
    struct compute *compute = make_compute(2);
    for (int fast = 0; fast < 2; fast++) {
        const double tolerance = fast ? 4 * FAST : 4e-6;
        compute_set_fine_rows(compute, fast ? 0 : SIZE_MAX);
        check_full(compute, 1, 1, 8, tolerance);
        check_full(compute, 97, 3, 32, tolerance);
        check_full(compute, 260, 2, 72, tolerance);
        check_full(compute, 129, 1, 64, tolerance);
        check_full(compute, 40, 2, 5, tolerance);
        check_full(compute, 130, 1, 256, tolerance);
    }
    compute_destroy(compute);
}

enum { PAGE = 16, SEQUENCES = 2, TOKENS = 333, PAGES = (TOKENS + PAGE - 1) / PAGE };

/* K, or V, of all sequences: as tokens [SEQUENCES, TOKENS, kv_heads, d] and cut into pages of a
 * dtype, page p of sequence s being number SEQUENCES · p + s. The tokens are what the pages hold.
 */
struct half {
    float *tokens;
    char *paged;
};

static struct half fill_half(const struct kernels *kernels, enum dtype dtype, size_t kv_heads,
                             size_t d)
{
    const size_t head = dtype_bytes(dtype, d);
    const struct half half = {
        .tokens = random_floats((size_t)SEQUENCES * TOKENS * kv_heads * d),
        .paged = malloc((size_t)SEQUENCES * PAGES * PAGE * kv_heads * head),
    };
    assert_non_null(half.paged);
    for (size_t i = 0; i < (size_t)SEQUENCES * TOKENS * kv_heads; i++) {
        const size_t g = i % kv_heads, t = i / kv_heads % TOKENS, s = i / kv_heads / TOKENS;
        const size_t page = SEQUENCES * (t / PAGE) + s;
        char *slot = half.paged + ((page * kv_heads + g) * PAGE + t % PAGE) * head;
        kernels->from_f32[dtype](slot, half.tokens + i * d, d);
        kernels->to_f32[dtype](half.tokens + i * d, slot, d);
    }
    return half;
}

/* n rows, the first `fine` of them fine; row i belongs to sequence rows[i][0] and sees rows[i][1]
 * tokens. */
static void check_paged(struct compute *compute, enum dtype dtype, size_t (*rows)[2], size_t n,
                        size_t heads, size_t kv_heads, size_t d, size_t fine)
{
    const struct half k = fill_half(compute_kernels(compute), dtype, kv_heads, d);
    const struct half v = fill_half(compute_kernels(compute), dtype, kv_heads, d);
    const struct attention_cache cache = {
        .kv_heads = kv_heads,
        .d = d,
        .page_tokens = PAGE,
        .dtype = dtype,
        .keys = k.paged,
        .values = v.paged,
        .page_bytes = PAGE * kv_heads * dtype_bytes(dtype, d),
    };
    uint32_t pages[SEQUENCES][PAGES];
    for (uint32_t i = 0; i < SEQUENCES * PAGES; i++)
        pages[i % SEQUENCES][i / SEQUENCES] = i;
    struct attention_row *all = malloc(n * sizeof *all);
    assert_non_null(all);
    for (size_t i = 0; i < n; i++)
        all[i] = (struct attention_row){pages[rows[i][0]], (uint32_t)rows[i][1]};
    float *q = random_floats(n * heads * d), *out = random_floats(n * heads * d);
    compute_set_fine_rows(compute, fine);
    attention_paged(compute, out, q, all, n, heads, &cache, 0.3f);
    double want[ATTEND_DIM_MAX];
    for (size_t i = 0; i < n; i++) {
        for (size_t h = 0; h < heads; h++) {
            const size_t at = (rows[i][0] * TOKENS * kv_heads + h / (heads / kv_heads)) * d;
            naive_attention(want, q + (i * heads + h) * d, k.tokens + at, v.tokens + at,
                            kv_heads * d, rows[i][1], d, (double)0.3f);
            for (size_t e = 0; e < d; e++)
                assert_near(out[(i * heads + h) * d + e], want[e], i < fine ? 4e-6 : 2 * FAST);
        }
    }
    free(k.tokens), free(k.paged), free(v.tokens), free(v.paged);
    free(all), free(q), free(out);
}

static void attends_over_pages(void **state)
{
    (void)state;
    struct compute *compute = make_compute(2);
    /* Two decodes, then a prefill of sequence 0 in the middle, then one more row of sequence 1. */
    size_t rows[140][2] = {{0, TOKENS}, {1, 1}};
    size_t n = 2;
    for (size_t visible = 120; visible < 250; visible++, n++)
        rows[n][1] = visible;
    rows[n][0] = 1, rows[n++][1] = 17;
    static const enum dtype dtypes[] = {DTYPE_F32, DTYPE_F16, DTYPE_Q8_0};
    for (size_t i = 0; i < ARRAY_LEN(dtypes); i++) {
        for (size_t fine = 0; fine <= n; fine += n / 2) {
            check_paged(compute, dtypes[i], rows, n, 6, 2, 32, fine);
            check_paged(compute, dtypes[i], rows, n, 4, 4, 64, fine);
        }
        check_paged(compute, dtypes[i], rows, 1, 32, 2, 128, 1);
        check_paged(compute, dtypes[i], rows, 1, 32, 2, 128, 0);
        if (dtypes[i] != DTYPE_Q8_0)
            check_paged(compute, dtypes[i], rows + 2, 20, 100, 1, 16, 20);
    }
    compute_destroy(compute);
}

/* Whatever stands beside a fast row, it comes out with the same bits. */
static void fast_rows_depend_on_themselves_alone(void **state)
{
    (void)state;
    enum { N = 40, HEADS = 4, D = 32, WIDTH = HEADS * D };
    struct compute *compute = make_compute(2), *alone = make_compute(1);
    compute_set_fine_rows(compute, 0);
    compute_set_fine_rows(alone, 0);
    const struct half k = fill_half(compute_kernels(compute), DTYPE_F16, 2, D);
    const struct half v = fill_half(compute_kernels(compute), DTYPE_F16, 2, D);
    const struct attention_cache cache = {
        2, D, PAGE, DTYPE_F16, k.paged, v.paged, PAGE * 2 * D * sizeof(uint16_t)};
    uint32_t pages[PAGES];
    struct attention_row rows[N];
    for (uint32_t i = 0; i < PAGES; i++)
        pages[i] = SEQUENCES * i;
    for (uint32_t i = 0; i < N; i++)
        rows[i] = (struct attention_row){pages, 100 + 5 * i};
    float *x = random_floats(N * WIDTH), *w = random_floats(3 * WIDTH);
    const struct matrix matrix = {.data = w, .dtype = DTYPE_F32, .rows = 3, .cols = WIDTH};
    float out[N * WIDTH], y[N * 3], one[WIDTH];
    attention_paged(compute, out, x, rows, N, HEADS, &cache, 0.3f);
    matmul(compute, &matrix, x, N, y);
    for (size_t i = 0; i < N; i++) {
        attention_paged(alone, one, x + i * WIDTH, rows + i, 1, HEADS, &cache, 0.3f);
        assert_true(!compute_kernels(compute)->bf16 ||
                    memcmp(one, out + i * WIDTH, sizeof one) == 0);
        matmul(alone, &matrix, x + i * WIDTH, 1, one);
        assert_true(!compute_kernels(compute)->bf16 ||
                    memcmp(one, y + i * 3, 3 * sizeof *one) == 0);
    }
    free(k.tokens), free(k.paged), free(v.tokens), free(v.paged), free(x), free(w);
    compute_destroy(compute);
    compute_destroy(alone);
}

static void treats_rows(void **state)
{
    (void)state;
    enum { N = 37, DIM = 70 };
    struct compute *compute = make_compute(3);
    struct kernels c;
    kernels_portable(&c);
    float *x = random_floats(N * DIM), *up = random_floats(N * DIM), *w = random_floats(DIM);
    float *got = random_floats(N * DIM), *want = random_floats(N * DIM);
    for (size_t i = 0; i < N; i++)
        c.layer_norm(want + i * DIM, x + i * DIM, w, up, DIM, 1e-6f);
    norm_rows(compute, got, x, N, DIM, w, up, 1e-6f);
    c.silu_mul(want, up, N * DIM);
    silu_mul_rows(compute, got, up, N, DIM);
    c.gelu_tanh(want, N * DIM);
    gelu_tanh_rows(compute, got, N, DIM);
    for (size_t i = 0; i < N * DIM; i++)
        assert_near(got[i], (double)want[i], 1e-5);
    for (size_t i = 0; i < N; i++)
        c.rms_norm(want + i * DIM, x + i * DIM, w, DIM, 1e-6f);
    norm_rows(compute, got, x, N, DIM, w, NULL, 1e-6f);
    c.gelu_erf(want, N * DIM);
    gelu_erf_rows(compute, got, N, DIM);
    for (size_t i = 0; i < N * DIM; i++)
        assert_near(got[i], (double)want[i], 1e-5);
    free(x), free(up), free(w), free(got), free(want);
    compute_destroy(compute);
}

static void refuses_what_does_not_fit_in_memory(void **state)
{
    (void)state;
    struct compute *compute = NULL;
    struct reason why;
    const struct compute_limits limits = {.max_rows = SIZE_MAX / 64, .max_cols = 1u << 20};
    assert_int_equal(compute_create(1, limits, &compute, &why), STATUS_NO_MEMORY);
    assert_null(compute);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(multiplies),
        cmocka_unit_test(multiplies_blocks),
        cmocka_unit_test(does_not_wait_for_tiles),
        cmocka_unit_test(attends_in_both_directions),
        cmocka_unit_test(attends_over_pages),
        cmocka_unit_test(fast_rows_depend_on_themselves_alone),
        cmocka_unit_test(treats_rows),
        cmocka_unit_test(refuses_what_does_not_fit_in_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
